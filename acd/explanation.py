"""Why an offer was made, and what a leg waits for: worked out when somebody asks.

Nothing is kept for it, so that it costs nothing until then. A *wait* is explained from the router
as it is. An *offer* is not, since what decided it is gone once it is made: its agent is busy, and
others have come. So `explain_offer` asks for the router as it was **before the step** and for what
the step was told and did; on a copy it applies the fact and the offers before this one, and stands
where the decision was taken. A journal has all of that: `acd explain` replays it.

Who may be offered what is asked of `acd.eligibility` (through `acd.standing`), and who is better of
`acd.selection` and `acd.urgency`: the functions by which the router decides.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Final

import numpy as np
from msgspec import Struct

from acd.actions import Action, OfferContact
from acd.agents import Agent, Takes
from acd.announcements import Estimate
from acd.contacts import Leg, LegState
from acd.eligibility import delayed, eligible, may_take, of_team
from acd.errors import CallerError
from acd.events import Event
from acd.heads import NEVER, RatioHeads, heads_of
from acd.ids import AgentId, Channel, ContactId, LegId, OfferId, QueueName
from acd.lane import Lane
from acd.overflow import overflow_us
from acd.personal import tier_of
from acd.policies import preferences_lacked, ranking
from acd.queues import Key
from acd.router import Router
from acd.settings import AgentCriterion, DomainSettings, Urgency
from acd.standing import Lack, Obstacle, Standing, nearness, standing

LISTED_MAX: Final = 100
"""Most agents listed, of candidates and of the others each: more than anybody reads. A domain may
have 10,000; all are counted."""

INTERRUPTING: Final = "interrupting"
"""Decided: one need set nothing aside, the other must. Compared before all criteria."""
PREFERENCES: Final = "preferences"
"""Decided: one lacks fewer of the preferences."""
POSITION: Final = "position"
"""Decided: one stands before the other in the settings."""
TIER: Final = "tier"
"""Decided: one leg's queue has the lower tier in the agent's profile."""
ARRIVAL: Final = "arrival"
"""Decided: by the domain's policy they were equal, and one had waited longer."""
NUMBER: Final = "number"
"""Decided: they came in one instant, one before the other."""


_WAITING: Final = (LegState.QUEUED, LegState.HANDING_OVER, LegState.SCHEDULED)


class Decision(Struct, frozen=True):
    """What decided between the one that was chosen and the best of all others."""

    by: str
    """The deciding key. For agents: `interrupting`, `preferences`, a criterion of the settings or
    the weighted sum by its name, `position`. For legs: `tier`, the domain's urgency policy,
    `arrival`, `number`."""
    over: str
    """The other: an agent's id, or a leg's contact."""
    holds: bool
    """Whether the chosen one is the better by it. If not, other rules chose: see
    `OfferExplanation.holds`."""


class OfferExplanation(Struct, frozen=True):
    """Why a leg was offered to an agent."""

    at_us: int
    offer_id: OfferId
    leg_id: LegId
    contact_id: ContactId
    queue: QueueName
    channel: Channel
    agent_id: AgentId
    is_further: bool
    """Whether it rang at another already (`acd.parallel_offers`)."""
    chosen_for: ContactId
    """For whose leg the agent was looked for. Another than the offered one only where the tiers of
    his profile put this one first."""
    candidates: tuple[AgentId, ...]
    """Who might have been offered that leg, best first; at most `LISTED_MAX`."""
    candidates_in_all: int
    others: tuple[Standing, ...]
    """Who might not, and why; the nearest to it first; at most `LISTED_MAX`."""
    others_by: Mapping[str, int]
    """All of them, each counted under the name of his hardest obstacle."""
    agent_decision: Decision | None
    """Between him and the best other candidate; None where there was none."""
    legs_in_all: int
    """How many waiting legs he might have been offered, this one included; 1 of a further offer."""
    leg_decision: Decision | None
    """Between this leg and the first of the others; None where there was none."""
    holds: bool
    """Whether the router would decide so. It would, unless the journal was kept by a release with
    other rules, or written by hand."""


class WaitExplanation(Struct, frozen=True):
    """What a leg waits for."""

    at_us: int
    leg_id: LegId
    contact_id: ContactId
    queue: QueueName
    channel: Channel
    waited_us: int
    counted_us: int
    """How much of it counts by the queue's clock (`acd.clocks`)."""
    agents: tuple[Standing, ...]
    """Those who are eligible, the nearest to being offered it first; at most `LISTED_MAX`. At rest
    each has an obstacle; what is nearest is what the leg waits for."""
    eligible_in_all: int
    others_by: Mapping[str, int]
    """All agents, each counted under the name of his hardest obstacle, if he has one."""
    widens_us: int
    """When it widens to more agents; 0 for never."""
    expires_us: int
    """When it ends if it still waits; 0 for never."""
    is_called_back: bool = False
    """Its customer left the line, and is called when an agent accepts."""
    attempts: int = 0
    """How often he was called in vain."""
    due_us: int = 0
    """Until when nobody is called: the leg is SCHEDULED; 0 where it is in line."""
    estimate: Estimate | None = None
    """How long it will go on waiting; None in a domain that has no waits estimated."""
    overflows_us: int = 0
    """When it leaves its queue if it still waits: its time is over then, or the queue closes; 0 for
    never, as far as can be known."""
    asks: str = ""
    """The domain that was asked to take the contact; empty where none was."""
    asks_until_us: int = 0
    """Until when its answer is awaited."""

    @property
    def waits_for(self) -> tuple[Obstacle, ...]:
        """What must end first: the obstacles of the nearest agent.

        None where no agent is eligible, or somebody may be offered it at the next step.
        """
        return self.agents[0].obstacles if self.agents else ()


def explain_offer(
    before: Router, event: Event, actions: Sequence[Action], *, now_us: int, offer_id: OfferId
) -> OfferExplanation:
    """Return why an offer was made: O(all that the router knows), for it works on a copy.

    Args:
        before: The router as it was before the step that made the offer. It is not changed.
        event: What the step was told.
        actions: What it answered, the offer included.
        now_us: When, in microseconds since the epoch.
        offer_id: The offer's number.

    Raises:
        CallerError: The step made no such offer, or is not one of this router.
    """
    for place, action in enumerate(actions):
        if type(action) is OfferContact and action.offer_id == offer_id:
            router = Router.restore(before.settings, before.snapshot())
            router.apply(event, actions[:place], now_us=now_us)
            agents = {one.agent_id: one for one in router.agents}
            if action.leg_id in router.legs and action.agent_id in agents:
                return _explain(router, action, agents[action.agent_id])
    raise CallerError("offer {} was not made in this step", offer_id)


def explain_wait(router: Router, leg_id: LegId) -> WaitExplanation:
    """Return what a leg waits for, as the router is now: O(agents).

    Raises:
        CallerError: It does not wait.
    """
    leg = router.legs.get(leg_id)
    if leg is None or leg.state not in _WAITING:
        raise CallerError("leg {} does not wait", leg_id)
    asked = router.hand_overs.asked_for(leg)
    callback = router.contacts[leg.contact_id].callback
    found = [standing(leg, agent) for agent in router.agents]
    able = [
        one
        for agent, one in zip(router.agents, found, strict=True)
        if eligible(leg.klass, agent.kind)
    ]
    return WaitExplanation(
        at_us=router.now_us,
        leg_id=leg_id,
        contact_id=leg.contact_id,
        queue=leg.klass.queue.name,
        channel=leg.klass.channel,
        waited_us=max(router.now_us - leg.arrived_us, 0),
        counted_us=leg.klass.counted_us(leg.arrived_us, router.now_us),
        agents=tuple(nsmallest(LISTED_MAX, able, key=nearness)),
        eligible_in_all=len(able),
        others_by=_counted(found),
        widens_us=leg.widens_us,
        expires_us=leg.expires_us,
        is_called_back=callback is not None,
        attempts=0 if callback is None else callback.attempts,
        due_us=leg.due_us,
        estimate=router.estimate(leg_id) if _is_estimated(router, leg) else None,
        overflows_us=overflow_us(leg) if asked is None else 0,
        asks="" if asked is None else asked.domain,
        asks_until_us=0 if asked is None else asked.until_us,
    )


def _is_estimated(router: Router, leg: Leg) -> bool:
    """Return whether a leg has an estimate: not while another domain, or an instant, has it."""
    return router.settings.estimated_wait and leg.state is LegState.QUEUED


def _explain(router: Router, offer: OfferContact, agent: Agent) -> OfferExplanation:
    """Return why an offer to an agent is made next, from the state in which it is."""
    leg = router.legs[offer.leg_id]
    is_further = bool(leg.offers())
    first, legs, leg_decision = leg, 1, None
    if not is_further:  # A further offer is made when there is nobody else to take.
        first, legs, leg_decision = _compare_legs(router, leg, agent)
    ringing = [router.agents[router.offers[number].agent] for number in leg.offers()]
    candidates: list[Agent] = []
    others: list[Standing] = []
    for one in router.agents:
        lack = _lack(first, one, ringing)
        if lack is None:
            candidates.append(one)
        else:
            others.append(lack)
    ranked = _ranked(router, first, candidates)
    is_first = bool(ranked) and ranked[0][1] is agent
    return OfferExplanation(
        at_us=router.now_us,
        offer_id=offer.offer_id,
        leg_id=leg.leg_id,
        contact_id=leg.contact_id,
        queue=leg.klass.queue.name,
        channel=leg.klass.channel,
        agent_id=agent.agent_id,
        is_further=is_further,
        chosen_for=first.contact_id,
        candidates=tuple(one.agent_id for _, one in ranked[:LISTED_MAX]),
        candidates_in_all=len(ranked),
        others=tuple(nsmallest(LISTED_MAX, others, key=nearness)),
        others_by=_counted(others),
        agent_decision=_agent_decision(router.settings, ranked, agent),
        legs_in_all=legs,
        leg_decision=leg_decision,
        holds=is_first and (leg_decision is None or leg_decision.holds),
    )


def _lack(leg: Leg, agent: Agent, ringing: Sequence[Agent]) -> Standing | None:
    """Return why an agent might not be offered a leg; None if he might."""
    takes = may_take(leg, agent)
    if agent in ringing:
        return Standing(agent.agent_id, (Obstacle(Lack.RINGING),))
    if takes is Takes.NO:
        return standing(leg, agent)
    if ringing and takes is Takes.INTERRUPTING:
        return Standing(agent.agent_id, (Obstacle(Lack.INTERRUPTION),))
    return None


def _counted(standings: Iterable[Standing]) -> dict[str, int]:
    """Return how many agents have each hardest obstacle, the most frequent first."""
    hardest = (one.hardest for one in standings)
    return dict(Counter(str(one.name) for one in hardest if one is not None).most_common())


# Agents.


def _ranked(
    router: Router, leg: Leg, candidates: Sequence[Agent]
) -> list[tuple[tuple[int, ...], Agent]]:
    """Return candidates with their keys, best first: see `_key_names`."""
    if len(candidates) < 2:
        return [((), one) for one in candidates]
    klass = leg.klass
    lane = Lane(klass)  # Of our own, to be thrown away: the index may not have one yet.
    lane.kinds = [
        kind
        for kind in dict.fromkeys(one.kind for one in router.agents)
        if eligible(klass, kind) and not delayed(klass, kind) and of_team(klass, kind)
    ]
    indices = sorted(index for kind in lane.kinds for index in kind.members)
    lane.agents = np.array(indices, dtype=np.int64)
    found = np.searchsorted(lane.agents, [one.index for one in candidates])
    idle = np.full(len(router.agents), NEVER, dtype=np.int64)
    for one in candidates:
        idle[one.index] = one.idle_key()
    columns: list[list[int]] = [
        [int(may_take(leg, one) is Takes.INTERRUPTING) for one in candidates],
        [preferences_lacked(klass, one.kind) for one in candidates],
    ]
    for name in ranking(router.settings):
        for key in router.selection.keys_of(name):
            keys = key(lane, found, idle)
            columns.append([0] * len(candidates) if keys is None else keys.astype(int).tolist())
    columns.append([one.index for one in candidates])
    keyed = zip(zip(*columns, strict=True), candidates, strict=True)
    return sorted(keyed, key=lambda one: one[0])


def _key_names(settings: DomainSettings) -> list[str]:
    """Return what each of an agent's keys is called, in their order."""
    names = [INTERRUPTING, PREFERENCES]
    for name in ranking(settings):
        # Of least_occupied there are two: how many contacts he has, and how occupied he was.
        names += [name] * (2 if name == AgentCriterion.LEAST_OCCUPIED else 1)
    # Who follows whom in turn is a matter of positions.
    return [*names, name if name == AgentCriterion.ROUND_ROBIN else POSITION]


def _agent_decision(
    settings: DomainSettings, ranked: Sequence[tuple[tuple[int, ...], Agent]], agent: Agent
) -> Decision | None:
    """Return what decided between an agent and the best other candidate."""
    his = next((keys for keys, one in ranked if one is agent), None)
    theirs = next(((keys, one) for keys, one in ranked if one is not agent), None)
    if his is None or theirs is None:
        return None
    keys, other = theirs
    at = next(at for at, (one, two) in enumerate(zip(his, keys, strict=True)) if one != two)
    name = _key_names(settings)[at]
    return Decision(name, other.agent_id, his < keys)


# Legs.


def _compare_legs(router: Router, leg: Leg, agent: Agent) -> tuple[Leg, int, Decision | None]:
    """Compare a leg with all others that an agent might take.

    Returns:
        The leg for which he was looked for, the first of them by the domain's order; how many they
        are; and what decided between the leg and the best other by his order.
    """
    waiting = [one for one in router.legs.values() if one.state is LegState.QUEUED]
    his = [one for one in waiting if may_take(one, agent) is not Takes.NO]
    if len(his) < 2 or may_take(leg, agent) is Takes.NO:
        return leg, len(his), None
    place = _place(router, waiting)
    own = (tier_of(leg, agent), *place(leg))
    others = ((tier_of(one, agent), *place(one)) for one in his if one is not leg)
    key = min(others)
    other = router.legs[key[-1]]
    at = next(at for at, (one, two) in enumerate(zip(own, key, strict=True)) if one != two)
    if at == 0:
        name = TIER
    elif at == len(own) - 1:
        name = NUMBER
    elif at == len(own) - 2 and router.settings.urgency is not Urgency.LONGEST_WAIT:
        name = ARRIVAL
    else:
        name = router.settings.urgency.value
    decision = Decision(name, other.contact_id, own < key)
    return min(his, key=place), len(his), decision


def _place(router: Router, waiting: Sequence[Leg]) -> Callable[[Leg], Key]:
    """Return what gives a leg's place in the domain's order now, beside all others that wait."""
    heads = heads_of(router.settings)
    if heads is None:
        return lambda leg: leg.key
    if isinstance(heads, RatioHeads):
        for klass, count in Counter(leg.klass for leg in waiting).items():
            heads.put(klass)
            heads.count(klass, count)
    return lambda leg: heads.place(leg, router.now_us)

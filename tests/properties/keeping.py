"""For whom contacts are kept: the rule of affinity once more, from settings, events and actions.

The last agents come from what the switch said (a conversation ended) and not from the router.
`look` is called before a step and `check` after it: whoever arrives alone is kept for exactly whom
the rule says, and nobody is kept any longer, or let go, without one of the reasons that
docs/routing/affinity.md names; so is what is given back. What came in a batch is only held to the
limits: there the order of the facts decides, which the routers in lockstep compare.
"""

from typing import Final

from acd.actions import Action, CallbackDue, OfferContact, OpenLeg, Refused, WithdrawOffer
from acd.affinity import HANDED_US
from acd.agents import Agent
from acd.contacts import TALKING, Contact, Leg, LegState, is_handled
from acd.eligibility import eligible
from acd.events import (
    Batch,
    CallbackScheduled,
    ContactArrived,
    ContactAssigned,
    Event,
    LegRequeued,
    OfferFailed,
    OfferRejected,
)
from acd.ids import Availability, OfferOutcome
from acd.router import Router
from acd.settings import DAY_US, AffinitySettings, DomainSettings
from acd.skills import HasAttribute
from tests.properties.naive import Naive

NOBODY: Final = -1


class Keeping:
    """Who last handled whom, and what was kept for whom before the last step."""

    def __init__(self, settings: DomainSettings, naive: Naive) -> None:
        self._naive = naive
        self._affinity = {queue.name: queue.affinity for queue in settings.queues}
        self._values = settings.attributes
        self._customers: dict[str, str] = {}
        self._last: dict[str, tuple[set[str], int]] = {}
        """Who last handled each customer, and when; of several in one instant it may be any."""
        self._before: dict[int, tuple[int, int, bool]] = {}
        """By leg: whom it was kept for, until when, and whether for a team."""

    # What the switch said.

    def arrived(self, event: ContactArrived | CallbackScheduled) -> None:
        self._customers[event.contact_id] = event.customer

    def ended(self, offer: OfferContact, now_us: int) -> None:
        customer = self._customers[offer.contact_id]
        if customer:
            agents, at_us = self._last.get(customer, (set(), now_us))
            others = agents if at_us == now_us else set()
            self._last[customer] = ({offer.agent_id} | others, now_us)

    # What the router made of it.

    def look(self, router: Router) -> None:
        """Take note of what is kept for whom."""
        self._before = {
            number: (leg.kept_for, leg.kept_until_us, leg.klass.team is not None)
            for number, leg in router.legs.items()
            if leg.state is not LegState.SCHEDULED
        }

    def check(self, router: Router, event: Event, actions: tuple[Action, ...], now_us: int) -> None:
        for leg in router.legs.values():
            if leg.kept_for != NOBODY:
                assert not is_handled(leg)
                assert now_us < leg.kept_until_us
                if not _waits_for(router.agents[leg.kept_for], leg):
                    assert leg.kept_until_us <= now_us + 1
            if leg.klass.team is not None and leg.state is LegState.QUEUED:
                assert self._waited_us(leg, now_us) <= leg.klass.team_us
                assert isinstance(leg.klass.team, HasAttribute)
                if not _team(router, leg, leg.klass.team.value):
                    assert leg.widens_us <= now_us + 1
        for offer in actions:
            if isinstance(offer, OfferContact):
                kept_for = router.legs[offer.leg_id].kept_for
                assert kept_for in {NOBODY, router.agent(offer.agent_id).index}
        if isinstance(event, Batch):
            return
        for number, (kept_for, until_us, team) in self._before.items():
            leg_now = router.legs.get(number)
            if leg_now is not None:
                told = (event, actions, now_us)
                self._goes_on(router, leg_now, (kept_for, until_us), told)
                self._team_goes_on(router, leg_now, team, now_us)
        if isinstance(event, LegRequeued):
            for opened in actions:
                if isinstance(opened, OpenLeg):
                    self._returns(router, router.legs[opened.leg_id], opened.from_offer, now_us)
        if isinstance(event, ContactArrived) and event.contact_id in router.contacts:
            contact = router.contacts[event.contact_id]
            is_new = router.legs[contact.legs[0]].state is not LegState.SCHEDULED
            if contact.legs[0] not in self._before and is_new:
                self._begins(router, contact, now_us)
        for due in actions:
            is_first = isinstance(due, CallbackDue) and not due.attempts
            new = router.legs.get(due.leg_id) if isinstance(due, CallbackDue) else None
            if is_first and new is not None and new.arrived_us == now_us:  # Else much happened.
                self._begins(router, router.contacts[new.contact_id], now_us)

    def _begins(self, router: Router, contact: Contact, now_us: int) -> None:
        """Whoever comes is kept for whom the rule says, and as long."""
        arrival, leg = contact.arrival, router.legs[contact.legs[0]]
        affinity = self._affinity[leg.klass.queue.name] or AffinitySettings()
        last, last_us = self._last.get(arrival.customer, ({""}, 0))
        within_us = affinity.last_agent_within_us
        if now_us - last_us > (7 * DAY_US if within_us is None else within_us):
            last = {""}
        wanted = set()
        for one in last:
            keeps = (NOBODY, 0)
            for name, limit_us in (
                (one, affinity.last_agent_us),
                (arrival.named_agent, affinity.named_agent_us),
            ):
                if name and limit_us:
                    agent = router.agent(name)
                    if not _session_ends(agent) and eligible(leg.klass, agent.kind):
                        queue = leg.klass.queue.name
                        until_us = self._naive.due_us(queue, leg.arrived_us, limit_us)
                        if until_us > now_us:
                            keeps = (agent.index, until_us)
            wanted.add(keeps)
        assert (leg.kept_for, leg.kept_until_us) in wanted
        if leg.arrived_us != now_us:
            return  # He is back at his place: what has widened, and ended, counts from then.
        value = ""
        if affinity.team is not None:
            value = dict(arrival.attributes).get(affinity.team.contact, "")
            if value not in self._values[affinity.team.agent]:
                value = ""
        # A step that was taken at once says that nobody was there, nor anybody of the team.
        is_kept = bool(value) and not leg.klass.step and _team(router, leg, value)
        assert (leg.klass.team is not None) == is_kept
        if affinity.team is not None and leg.klass.team is not None:
            assert leg.klass.team == HasAttribute(affinity.team.agent, value)

    def _returns(self, router: Router, leg: Leg, giver: int, now_us: int) -> None:
        """Whom a leg that is given back names has it as long as if it had never been away."""
        affinity = self._affinity[leg.klass.queue.name] or AffinitySettings()
        wanted = (NOBODY, 0)
        until_us = leg.arrived_us + affinity.named_agent_us
        if leg.asked.named_agent and until_us > now_us:
            agent = router.agent(leg.asked.named_agent)
            if giver in router.offers:
                assert router.offers[giver].agent != agent.index
            others = [router.legs[one] for one in router.contacts[leg.contact_id].legs]
            talks = any(
                other.state in TALKING and router.offers[other.offer_id].agent == agent.index
                for other in others
            )
            if not talks and not _session_ends(agent) and eligible(leg.klass, agent.kind):
                wanted = (agent.index, until_us)
        assert (leg.kept_for, leg.kept_until_us) == wanted

    def _goes_on(
        self,
        router: Router,
        leg: Leg,
        kept: tuple[int, int],
        told: tuple[Event, tuple[Action, ...], int],
    ) -> None:
        """Nobody is let go without a reason, nor kept for another or longer."""
        kept_for, until_us = kept
        event, actions, now_us = told
        if isinstance(event, ContactAssigned) and event.contact_id == leg.contact_id:
            if not any(isinstance(one, Refused) for one in actions):
                self._is_given(router, leg, event.agent_id, now_us)
            return
        if leg.kept_for != NOBODY:
            assert leg.kept_for == kept_for
            if leg.kept_until_us != until_us:
                assert not _waits_for(router.agents[kept_for], leg)
                assert leg.kept_until_us <= now_us + 1
        elif kept_for != NOBODY:
            agent = router.agents[kept_for]
            failed = isinstance(event, OfferRejected | OfferFailed) or any(
                isinstance(one, WithdrawOffer)
                and one.agent_id == agent.agent_id
                and one.outcome in {OfferOutcome.TIMED_OUT, OfferOutcome.FAILED}
                for one in actions
            )
            connected = leg.state > LegState.CONNECTING
            assert until_us <= now_us or _session_ends(agent) or failed or connected

    def _is_given(self, router: Router, leg: Leg, agent_id: str, now_us: int) -> None:
        """See that the leg which waited is kept for whom it was given to, ringing or not."""
        affinity = self._affinity[leg.klass.queue.name]
        limit_us = 0 if affinity is None else affinity.named_agent_us
        if leg.state <= LegState.OFFERED:
            queue = leg.klass.queue.name
            until_us = self._naive.due_us(queue, now_us, limit_us or HANDED_US)
            wanted = (router.agent(agent_id).index, until_us)
            assert (leg.kept_for, leg.kept_until_us) == wanted

    def _team_goes_on(self, router: Router, leg: Leg, team: bool, now_us: int) -> None:
        if leg.klass.team is not None:
            assert team
        elif team:
            affinity = self._affinity[leg.klass.queue.name]
            assert affinity is not None
            assert affinity.team is not None
            value = dict(router.contacts[leg.contact_id].arrival.attributes)[affinity.team.contact]
            is_over = affinity.team.limit_us <= self._waited_us(leg, now_us)
            # A step taken with it may have let people in who could not take it before.
            assert is_over or leg.klass.step or not _team(router, leg, value)

    def _waited_us(self, leg: Leg, now_us: int) -> int:
        return self._naive.counted_us(leg.klass.queue.name, leg.arrived_us, now_us)


def _session_ends(agent: Agent) -> bool:
    return agent.availability in {Availability.LOGGED_OUT, Availability.DRAINING}


def _waits_for(agent: Agent, leg: Leg) -> bool:
    """Return whether there is any sense in keeping a leg for an agent."""
    return not _session_ends(agent) and eligible(leg.klass, agent.kind)


def _team(router: Router, leg: Leg, value: str) -> bool:
    """Return whether somebody of a leg's team who serves it is logged in."""
    affinity = leg.klass.queue.affinity
    assert affinity is not None
    assert affinity.team is not None
    name = affinity.team.agent
    return any(
        agent.kind.attributes.get(name) == value
        and agent.availability is not Availability.LOGGED_OUT
        and eligible(leg.klass, agent.kind)
        for agent in router.agents
    )

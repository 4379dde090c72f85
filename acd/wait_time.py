"""How long a waiting leg will go on waiting: worked out from the state when somebody asks.

**The estimate** of a leg. Of the legs in its own class those before it are *ahead* of it, and so
are those of other classes before it by the domain's order, as far as agents may take both; a tier
in their profiles, or a channel that interrupts the other, may put all of a class ahead, or none.
Where agents are shared, who waits for whom hangs on who lags: `acd.bottleneck` finds the set of
classes that the leg's is in, and the agents who work for these until it is its turn. It is served
by the completion after so many as are ahead in that set, less the agents who are free:

- the first of these completions, one for each agent, are of what the agents do now; a contact that
  is in progress may be of any class that they serve. Those after them are of what waits. How long a
  contact keeps an agent is learned by queue and channel (`acd.habits`), from a configured prior on;
- customers ahead leave at the rate at which they have been leaving, so a long line moves faster
  than its agents do.

Who counts as an agent: whoever is at work (ready, be he busy) and eligible for the leg at the stage
that it has reached. Later steps count when they are reached. A closed queue begins when it opens.
What is not foreseen: breaks, log-ins, and contacts that arrive later and are served before.

**Cost.** Nothing is worked out until it is asked for; beside that a leg that comes or goes is added
to the order of its class (`acd.ranks`), about a microsecond, and an agent who changes is noted. An
estimate is O(rivals), the classes with waiting legs that share agents with the leg's, of which at
most `RIVALS_MAX` are looked at one by one. All that is kept follows from the state, so a restored
router estimates alike; arithmetic is of integers and of floats one by one, never of their sums in
an order that a machine chooses.

Sources: the queue-length estimator with abandonment, QLa (R. Ibrahim and W. Whitt, "Real-time delay
estimation in overloaded multiserver queues with abandonments", 2009); for several skills there is
no accepted formula (M. Thiongane, W. Chan and P. L'Ecuyer, "Waiting time predictors for multiskill
call centers", 2015, learn one).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from acd.actions import AnnounceWait
from acd.agents import CHANNELS, VOICE, Agent, Desk, Kind, Takes, desks_of
from acd.announcements import Estimate, announce
from acd.bits import bits_of, sum_bits
from acd.bottleneck import Load, drain
from acd.contacts import Leg
from acd.eligibility import delayed, eligible, is_closed, of_team
from acd.gauges import Place
from acd.habits import Habits
from acd.ids import Availability, Device
from acd.opening import NEVER_US
from acd.queues import CLASSES_MAX, Key, LegClass
from acd.ranks import Ranks
from acd.settings import DomainSettings, Urgency
from acd.urgency import ageing, generalized_c_mu, wait_over_objective

RIVALS_MAX: Final = 32
"""Most classes that are looked at one by one beside the leg's own, those with the most work ahead
of it; the others count as one class. A leg of the largest domain measured has 17 rivals."""

_POINT: Final = 40
"""Bits behind the point of sums: those of integers do not hang on the order."""

_PLACES: Final[Mapping[Urgency, Callable[[Leg, int], Key]]] = {
    Urgency.AGEING: ageing,
    Urgency.WAIT_OVER_OBJECTIVE: wait_over_objective,
    Urgency.GENERALIZED_C_MU: generalized_c_mu,
}
"""Policies under which the order of classes changes while they wait. Under `queue_ratio`, where it
hangs on what arrives later, the order of arrival stands for it."""

_NODES: Final = (
    (0.04691007703066802, 0.11846344252809454),
    (0.23076534494715845, 0.23931433524968324),
    (0.5, 0.28444444444444444),
    (0.7692346550528415, 0.23931433524968324),
    (0.9530899229693319, 0.11846344252809454),
)
"""Gauss and Legendre's five points in (0, 1), with their weights."""


class _Crowd:
    """Who waits in a queue on a channel, in all its classes."""

    __slots__ = ("arrived_us", "count")

    def __init__(self) -> None:
        self.count = 0
        self.arrived_us = 0
        """The sum of their arrivals."""

    def waiting_us(self, now_us: int) -> int:
        """Return how long they have waited, in all."""
        return self.count * now_us - self.arrived_us


class _Stand:
    """What is kept of a class: who of it waits, in order, and who may take it."""

    __slots__ = ("agents", "at", "crowd", "klass", "members", "ranks", "rivals", "slots")

    def __init__(
        self, at: int, klass: LegClass, crowd: _Crowd, kinds: Sequence[Kind], agents: int
    ) -> None:
        self.at = at
        """Its position among all."""
        self.klass = klass
        self.crowd = crowd
        self.ranks = Ranks()
        self.agents = agents
        """Bits of the agents who may take it."""
        self.rivals: dict[_Stand, None] = {}
        """The classes that any of these may take, too."""
        self.members = sum(len(kind.members) for kind in kinds) or 1
        self.slots = sum(len(kind.members) * _slots(kind.desk, klass) for kind in kinds) or 1
        """How many of its contacts these agents handle at once."""


class _Rival(NamedTuple):
    """What of another class is ahead of a leg."""

    ahead: int
    load: Load
    leaving: float
    """How many of them leave in a microsecond."""


def wait_times_of(
    settings: DomainSettings, agents: Sequence[Agent], legs: Mapping[int, Leg]
) -> "WaitTimes | None":
    """Return what estimates are made of; None in a domain where nobody asks for any."""
    return WaitTimes(settings, agents, legs) if settings.estimated_wait else None


class WaitTimes:
    """What estimates are made of.

    Args:
        settings: The domain's.
        agents: In the settings' order.
        legs: The open ones, by number.
    """

    def __init__(
        self, settings: DomainSettings, agents: Sequence[Agent], legs: Mapping[int, Leg]
    ) -> None:
        self.habits = Habits(settings)
        self._all_agents = agents
        self._legs = legs
        self._place_of = _PLACES.get(settings.urgency)
        self._bits = [1 << agent.index for agent in agents]
        self._learn_kinds()
        self._is_stale = False
        """Whether an agent is of another kind since."""
        self._crowds: dict[Place, _Crowd] = {}
        self._stands: dict[LegClass, _Stand] = {}
        self._reach: dict[Kind, int] = {}
        """Bits of the stands that a kind may take, by their positions."""
        self._in: dict[int, tuple[_Stand, Key]] = {}
        """Where each waiting leg stands."""
        self._changed: set[int] = set()
        """Agents who changed since the last estimate."""
        self._at_work = 0
        """Bits of the agents who are ready, be they busy …"""
        self._cut_off = 0
        """… of them, those whose phones cannot be reached …"""
        self._free = [0] * len(CHANNELS)
        """… and those who can take one more contact, by channel."""

    # What the floor tells.

    def know(self, klass: LegClass) -> _Stand:
        """Return what is kept of a class; take note of it at first sight."""
        return self._stands.get(klass) or self._make(klass)

    def wait(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, maybe once more."""
        if leg.leg_id not in self._in:
            stand = self.know(leg.klass)
            stand.ranks.add(leg.key)
            stand.crowd.count += 1
            stand.crowd.arrived_us += leg.arrived_us
            self._in[leg.leg_id] = (stand, leg.key)

    def remove(self, leg: Leg) -> None:
        """Note that a leg waits no longer."""
        found = self._in.pop(leg.leg_id, None)
        if found is not None:
            stand, key = found
            stand.ranks.discard(key)
            stand.crowd.count -= 1
            stand.crowd.arrived_us -= leg.arrived_us

    def refresh(self, agent: Agent) -> None:
        """Note that an agent changed."""
        self._changed.add(agent.index)

    def moved(self, agent: Agent, before: Kind) -> None:
        """Note that an agent is of another kind than before; `refresh` follows.

        Whom he may serve is worked out when an estimate is asked for: O(kinds + classes).
        """
        del before
        self._is_stale = True
        for channel in range(len(CHANNELS)):
            self._free[channel] &= ~self._bits[agent.index]

    # What is asked.

    def tell(self, leg: Leg, now_us: int) -> AnnounceWait:
        """Return what the customer of a leg that is QUEUED is told now, and take note of it."""
        found = announce(leg.announced, self.of(leg, now_us), now_us)
        if found is None:
            return AnnounceWait(leg.leg_id, leg.contact_id)
        told, because = found
        leg.announced = told
        return AnnounceWait(
            leg.leg_id, leg.contact_id, told.wait_us, told.ahead, told.agents, because
        )

    def of(self, leg: Leg, now_us: int) -> Estimate:
        """Return how long a leg will go on waiting.

        Args:
            leg: It need not wait yet: one that is about to is estimated as if it did.
            now_us: The instant of the last step, or later.
        """
        self._bring_up_to_date()
        stand = self.know(leg.klass)
        estimate = self._estimate(stand, leg, now_us, now_us)
        if self._place_of is not None and estimate.wait_us:
            # Who is first then is what counts.
            estimate = self._estimate(stand, leg, now_us, now_us + estimate.wait_us)
        door = leg.klass.door
        if not is_closed(leg.klass) or estimate.wait_us is None:
            return estimate
        assert door is not None
        if door.changes_us == NEVER_US:
            return Estimate(None, estimate.ahead, estimate.agents)
        opens_in_us = max(door.changes_us - now_us, 0)
        return Estimate(opens_in_us + estimate.wait_us, estimate.ahead, estimate.agents)

    def _estimate(self, stand: _Stand, leg: Leg, now_us: int, then_us: int) -> Estimate:
        """Return the estimate of a leg by the order that holds then."""
        agents = self._agents_of(stand)
        place = leg.key if self._place_of is None else self._place_of(leg, then_us)
        before = stand.ranks.before(leg.key)
        rivals = self._rivals_of(stand, agents, place, now_us, then_us)
        ahead = before + sum(one.ahead for one in rivals)
        if not agents:
            return Estimate(None, ahead, 0)
        own_us = self._work_us(stand)
        bottleneck = drain(Load((before + 1) * own_us, agents), [one.load for one in rivals])
        inside = [rivals[at] for at in bottleneck.loads]
        turns = before + 1 + sum(one.ahead for one in inside)
        free = agents & self._free[stand.klass.channel_index] & ~self._kept_from(leg)
        waits = max(turns - free.bit_count(), 0)
        served = bottleneck.agents.bit_count()
        first = min(waits, served)
        now_work_us = self._work_in_progress_us(stand, bottleneck.agents) or own_us
        later_work_us = (bottleneck.work - own_us) / max(turns - 1, 1)
        span_us = (first * now_work_us + (waits - first) * later_work_us) / served
        leaving = before * self._leaving(stand, now_us) + sum(one.leaving for one in inside)
        return Estimate(round(_with_leaving(span_us, leaving / turns)), ahead, agents.bit_count())

    def _agents_of(self, stand: _Stand) -> int:
        """Return the bits of the agents at work who may take a class."""
        agents = stand.agents & self._at_work
        if stand.klass.channel_index == VOICE:
            agents &= ~self._cut_off
        if stand.klass.backlog is not None:
            agents &= ~stand.klass.backlog.shut
        return agents

    def _kept_from(self, leg: Leg) -> int:
        """Return the bits of the agents who may not take this leg for now."""
        if leg.kept_for >= 0:
            return ~self._bits[leg.kept_for]
        kept = 0
        for index in leg.excluded or ():
            kept |= self._bits[index]
        return kept

    def _rivals_of(
        self, stand: _Stand, agents: int, place: Key, now_us: int, then_us: int
    ) -> list["_Rival"]:
        """Return what of other classes is ahead of a place, in an order that the state decides."""
        found = []
        for rival in stand.rivals:
            if not rival.ranks.count or is_closed(rival.klass):
                continue
            bits = self._agents_of(rival)
            shared = bits & agents
            before, behind = self._preferred(stand, rival) if self._prefers else (0, 0)
            if not shared & ~behind:
                continue
            if not shared & ~behind & ~before:
                count = rival.ranks.count
            elif self._place_of is None:
                count = rival.ranks.before(place)
            else:
                count = rival.ranks.before_by(place, self._place_at(then_us))
            if count:
                load = Load(count * self._work_us(rival), bits & ~behind)
                leaving = count * self._leaving(rival, now_us)
                found.append((-load.work, rival.ranks.first, _Rival(count, load, leaving)))
        found.sort()
        rivals = [one for _, _, one in found]
        if len(rivals) > RIVALS_MAX:
            rivals[RIVALS_MAX - 1 :] = [_pooled(rivals[RIVALS_MAX - 1 :])]
        return rivals

    def _place_at(self, then_us: int) -> Callable[[Key], Key]:
        """Return what gives the place of a waiting leg's key at an instant."""
        place_of, legs = self._place_of, self._legs
        assert place_of is not None
        return lambda key: place_of(legs[key[-1]], then_us)

    def _preferred(self, stand: _Stand, rival: _Stand) -> tuple[int, int]:
        """Return the bits of the agents who serve a rival before a class, and of those after it."""
        own = (stand.klass.queue.name, stand.klass.channel_index)
        other = (rival.klass.queue.name, rival.klass.channel_index)
        before = behind = 0
        for desk in self._desks:
            if own in desk.serves and other in desk.serves:
                order = _order(desk, own, other)
                bits = sum(self._of_kind[kind] for kind in desk.kinds) if order else 0
                before |= bits if order < 0 else 0
                behind |= bits if order > 0 else 0
        return before, behind

    def _leaving(self, stand: _Stand, now_us: int) -> float:
        """Return which share of those who wait in a class leaves in a microsecond."""
        return self.habits.leaving(stand.klass, stand.crowd.waiting_us(now_us))

    def _work_us(self, stand: _Stand) -> int:
        """Return for how long a contact of a class keeps one agent, beside what else he does."""
        return self.habits.work_us(stand.klass) * stand.members // stand.slots

    def _work_in_progress_us(self, stand: _Stand, agents: int) -> float:
        """Return how long what these agents do now takes in the mean, per completion; 0: nothing.

        Of the classes that the agents serve, as many as are in progress at those of them.
        """
        busy = rate = 0
        for one in (stand, *stand.rivals):
            legs = one.klass.legs - one.ranks.count
            shared = (one.agents & agents).bit_count() if legs > 0 else 0
            if shared:
                handled = (legs * shared << _POINT) // one.agents.bit_count()
                busy += handled * one.members // one.slots
                rate += (handled << _POINT) // self.habits.work_us(one.klass)
        return (busy << _POINT) / rate if rate else 0.0

    # What is kept.

    def _bring_up_to_date(self) -> None:
        """Take note of the agents who changed."""
        if self._is_stale:
            self._is_stale = False
            self._learn_kinds()
            self._forget()
        for index in self._changed:
            agent, bit = self._all_agents[index], self._bits[index]
            is_at_work = (
                agent.availability is Availability.READY
                and not agent.after_this_one
                and agent.device is not Device.BUSY_ELSEWHERE
            )
            self._at_work = self._at_work | bit if is_at_work else self._at_work & ~bit
            is_cut_off = agent.device is Device.UNREACHABLE
            self._cut_off = self._cut_off | bit if is_cut_off else self._cut_off & ~bit
            takes = agent.takes()
            for channel in agent.channels:
                is_free = takes[channel] is not Takes.NO
                free = self._free[channel]
                self._free[channel] = free | bit if is_free else free & ~bit
        self._changed.clear()

    def _learn_kinds(self) -> None:
        """Take note of the kinds of agents that there are."""
        self._kinds: dict[Place, list[Kind]] = {}
        """The kinds of agents who serve a queue on a channel."""
        self._of_kind: dict[Kind, int] = {}
        """Bits of a kind's agents."""
        self._desks = desks_of(self._all_agents)
        for desk in self._desks:
            for kind in desk.kinds:
                self._of_kind[kind] = sum_bits(kind.members, len(self._all_agents))
            for place in desk.serves:
                self._kinds.setdefault(place, []).extend(desk.kinds)
        self._prefers = any(map(_prefers, self._desks))
        """Whether anybody serves one class before another, whoever waits longer."""

    def _make(self, klass: LegClass) -> _Stand:
        """Take note of a class: O(kinds that serve the queue + agents + rivals)."""
        if len(self._stands) > 2 * CLASSES_MAX:
            self._forget()
        place = (klass.queue.name, klass.channel_index)
        kinds = [
            kind
            for kind in self._kinds.get(place, ())
            if eligible(klass, kind) and not delayed(klass, kind) and of_team(klass, kind)
        ]
        agents = reached = 0
        for kind in kinds:
            agents |= self._of_kind[kind]
            reached |= self._reach.get(kind, 0)
        crowd = self._crowds.setdefault(place, _Crowd())
        stand = _Stand(len(self._stands), klass, crowd, kinds, agents)
        everybody = list(self._stands.values())
        for at in bits_of(reached):
            stand.rivals[everybody[at]] = None
            everybody[at].rivals[stand] = None
        for kind in kinds:
            self._reach[kind] = self._reach.get(kind, 0) | 1 << stand.at
        self._stands[klass] = stand
        return stand

    def _forget(self) -> None:
        """Forget the classes that have no legs; those that come back are made anew."""
        kept = [one for one in self._stands.values() if one.klass.legs]
        self._stands = {}
        self._reach = {}
        for one in kept:
            again = self._make(one.klass)
            again.ranks = one.ranks
            again.crowd = one.crowd
            for key in one.ranks:
                self._in[key[-1]] = (again, key)


def _pooled(rivals: Sequence[_Rival]) -> _Rival:
    """Return several rivals as one."""
    agents = 0
    for one in rivals:
        agents |= one.load.agents
    load = Load(sum(one.load.work for one in rivals), agents)
    return _Rival(sum(one.ahead for one in rivals), load, sum(one.leaving for one in rivals))


def _slots(desk: Desk, klass: LegClass) -> int:
    """Return how many contacts of a class an agent of a desk handles at once."""
    settings = desk.capacity.settings
    line = settings.channels[klass.channel]
    return max(1, min(line.slots, settings.total // line.cost)) if line.cost else line.slots


def _prefers(desk: Desk) -> bool:
    """Return whether a desk has several tiers, or a channel that interrupts another."""
    return len(set(desk.serves.values())) > 1 or desk.capacity.interrupts


def _order(desk: Desk, own: Place, other: Place) -> int:
    """Return whether a desk serves a place before another whoever waits longer: above 0 if so.

    Below 0 if the other comes first; 0 where the domain's order decides.
    """
    channels = desk.capacity.settings.channels
    if CHANNELS[own[1]] in channels[CHANNELS[other[1]]].interrupted_by:
        return 1
    if CHANNELS[other[1]] in channels[CHANNELS[own[1]]].interrupted_by:
        return -1
    return desk.serves[other] - desk.serves[own]


def _with_leaving(span_us: float, leaving: float) -> float:
    """Return how long a line takes from which customers leave, at a rate, that would take a span.

    That is ln(1 + leaving × span) / leaving: the integral of 1 / (1 + leaving × t) from 0 to the
    span, taken at five points, since a logarithm's last digit is the machine's own choice. It is
    right to 1 % where the line is ten patiences long.

    >>> round(_with_leaving(100.0, 0.0)), round(_with_leaving(100.0, 0.01)) # ln 2 × 100
    (100, 69)
    """
    mass = sum(weight / (1.0 + leaving * span_us * at) for at, weight in _NODES)
    return span_us * mass

"""The oracle: entry rules and the matching rule stated once more, by scanning everybody.

It imports nothing of `acd.matching`, `acd.policies` and `acd.urgency`, nor what reads conditions;
what it shares with the product is the one predicate `may_take`, whose part that hangs on slots
`takes_of` states once more. Its order is made from the numbers of contacts, queues and agents, not
from the keys that the product keeps; what agents did it reads from the router's public state, which
the world's ledger checks. Right, slow, and short enough to be read against design/routing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, time
from fractions import Fraction
from math import floor
from typing import Final, NamedTuple

from acd.agents import CHANNELS, Agent, Kind, SlotState, Takes
from acd.contacts import Leg, LegState, Offer
from acd.eligibility import Block, block, delayed, eligible, may_take, of_team
from acd.events import ContactArrived
from acd.gauges import Gauge
from acd.ids import Availability, Channel, Device
from acd.performance import Measure
from acd.router import Router
from acd.selection import Selection
from acd.settings import (
    DAY_US,
    SECOND_US,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    DomainSettings,
    EntryRule,
    PerformanceSettings,
    QueueClock,
    QueueSettings,
    SlotSettings,
    Urgency,
    WeightedSettings,
)
from acd.snapshot import Snapshot
from tests.properties.hours import Hours, local_time

VOICE: Final = CHANNELS.index(Channel.VOICE)

MEASURES: Final = {
    AgentCriterion.FASTEST_FIRST: (Measure.HANDLE_TIME, True),
    AgentCriterion.BEST_QUALITY: (Measure.QUALITY, False),
    AgentCriterion.BEST_RESOLUTION: (Measure.RESOLUTION, False),
    AgentCriterion.BEST_CONVERSION: (Measure.CONVERSION, False),
}
"""What a criterion compares, and whether less of it is better."""

HOLDS: Final[dict[str, Callable[[ContactArrived, datetime], bool]]] = {
    "channel == voice": lambda one, _: one.channel == "voice",
    "channel in (chat, email)": lambda one, _: one.channel in {"chat", "email"},
    "topic == cards": lambda one, _: said(one, "topic") == "cards",
    "topic starts_with c": lambda one, _: said(one, "topic")[:1] == "c",
    "topic is set": lambda one, _: said(one, "topic") != "",
    "value >= 10": lambda one, _: said(one, "value") != "" and float(said(one, "value")) >= 10,
    "value < 2.5": lambda one, _: said(one, "value") != "" and float(said(one, "value")) < 2.5,
    "weekday in (tue, sat)": lambda _, local: local.weekday() in {1, 5},
    "time < 22:20": lambda _, local: local.time() < time(22, 20),
    "time >= 23:30": lambda _, local: local.time() >= time(23, 30),
}
"""What the conditions of `domains.CONDITIONS` say, in plain Python."""


def said(arrival: ContactArrived, name: str) -> str:
    """Return what a contact brought as an attribute; empty for nothing."""
    return {"": "", **dict(arrival.attributes)}.get(name, "")


class Moment(NamedTuple):
    """What changes the order of those who wait: the time, and how many wait in each queue."""

    now_us: int
    waiting: Counter[str]


def moment(now_us: int, legs: Iterable[Leg]) -> Moment:
    """Return the moment at which these legs wait."""
    return Moment(now_us, Counter(leg.klass.queue.name for leg in legs))


class Naive:
    """A matcher that remembers nothing and looks at everything."""

    router: Router
    """Whose public state it reads: given by whoever makes the router."""

    def __init__(
        self, settings: DomainSettings, agents: Sequence[Agent], legs: Mapping[int, Leg]
    ) -> None:
        self._settings = settings
        self._agents = agents
        self._legs = legs
        self._queues = {queue.name: queue for queue in settings.queues}
        self._profiles = {profile.name: profile for profile in settings.profiles}
        self._capacities = {capacity.name: capacity for capacity in settings.capacities}
        self._weighted = {weighted.name: weighted for weighted in settings.weighted}
        self._performance = settings.performance or PerformanceSettings()
        lines = [line for profile in settings.profiles for line in profile.serves]
        reserves = any(line.reserve_waiting is not None for line in lines)
        self._calendars = {calendar.name: Hours(calendar) for calendar in settings.calendars}
        self._hours = {
            queue.name: self._calendars[queue.opening_hours]
            for queue in settings.queues
            if queue.opening_hours is not None
        }
        self._counted = reserves or settings.headrooms != () or bool(self._hours)

    def wait(self, leg: Leg) -> None:
        """Remember nothing."""

    def remove(self, leg: Leg) -> None:
        """Remember nothing."""

    def refresh(self, agent: Agent) -> None:
        """Remember nothing."""

    def moved(self, agent: Agent, before: Kind) -> None:
        """Remember nothing."""

    def settle(self) -> None:
        """Remember nothing."""

    def turned(self, gauge: Gauge, *, opened: bool) -> None:
        """Remember nothing."""

    def next_pair(self, now_us: int) -> tuple[Leg, Agent] | None:
        """Apply the rule: the first leg that fits, its best agent, and then his first leg."""
        able = [agent for agent in self._agents if any(agent.takes())]
        waiting = [leg for leg in self._legs.values() if leg.state is LegState.QUEUED]
        self._count(waiting, able, now_us)
        # What another domain was asked to take has its place in the line, and a block.
        asked = [leg for leg in self._legs.values() if leg.state is LegState.HANDING_OVER]
        wanted = [leg for leg in waiting + asked if any(may_take(leg, agent) for agent in able)]
        if not wanted:
            return None
        now = moment(now_us, waiting)
        first = min(wanted, key=lambda leg: self.place(leg, now))
        fitting = [agent for agent in able if may_take(first, agent)]
        best = min(fitting, key=lambda agent: self.rank(first, agent))
        his = [leg for leg in wanted if may_take(leg, best)]
        return min(his, key=lambda leg: (self.tier(leg, best), self.place(leg, now))), best

    def _count(self, waiting: Sequence[Leg], able: Sequence[Agent], now_us: int) -> None:
        """Hold the blocks that end with a counter, or a calendar, against our own reckoning."""
        if not self._counted:
            return
        lines = Counter((leg.klass.queue.name, leg.klass.channel) for leg in waiting)
        one_of_each = {leg.klass: leg for leg in waiting if not leg.excluded}.values()
        calls = {one.queue: self.able_to_take_calls(one.queue) for one in self._settings.headrooms}
        closed = {queue for queue in self._queues if self.is_closed(queue, now_us)}
        for agent in able:
            kept = {channel: self.kept_free(agent, channel, calls) for channel in CHANNELS}
            reserve = self.in_reserve(agent, lines)
            for leg in one_of_each:
                seen = block(leg, agent)
                queue, channel = leg.klass.queue.name, leg.klass.channel
                holds = {Block.RESERVE: (queue, channel) in reserve}
                holds[Block.HEADROOM] = kept[channel]
                holds[Block.CLOSED_QUEUE] = queue in closed
                if seen in holds:
                    assert holds[seen]
                elif seen is None and eligible(leg.klass, agent.kind):
                    assert not any(holds.values())

    def turns_us(self, queue: str, now_us: int, *, opens: bool) -> int:
        """Return when a closed queue opens, or an open one closes; 2**62 for never."""
        hours = self._hours[queue]
        if opens:
            return hours.opens_us(now_us)
        closes_us = hours.closes_us(now_us)
        return closes_us if closes_us < now_us + 60 * DAY_US else 2**62  # It is always open.

    def is_closed(self, queue: str, now_us: int) -> bool:
        """Return whether a queue is closed: by the time that the clocks there show."""
        return queue in self._hours and not self._hours[queue].is_open(now_us)

    def off_shift_until_us(self, agent: Agent, now_us: int) -> tuple[int, int]:
        """Return until when an agent is off shift, 0 if he is on, and when that changes."""
        name = self._settings.agents[agent.index].shift
        if name is None or agent.availability is Availability.LOGGED_OUT:
            return 0, 0
        shift = self._calendars[name]
        if shift.is_open(now_us):
            return 0, shift.closes_us(now_us)
        opens_us = shift.opens_us(now_us)
        return opens_us, opens_us

    def counted_us(self, queue: str, since_us: int, until_us: int) -> int:
        """Return how much of a wait counts by a queue's clock."""
        if self._queues[queue].clock is QueueClock.ELAPSED:
            return until_us - since_us
        return self._hours[queue].counted_us(since_us, until_us)

    def due_us(self, queue: str, since_us: int, span_us: int) -> int:
        """Return when a span is over by a queue's clock."""
        if self._queues[queue].clock is QueueClock.ELAPSED:
            return since_us + span_us
        return self._hours[queue].due_us(since_us, span_us)

    def in_reserve(
        self, agent: Agent, lines: Mapping[tuple[str, Channel], int]
    ) -> set[tuple[str, Channel]]:
        """Return the queues and channels for which an agent is in reserve until more wait there."""
        return {
            (line.queue, channel)
            for line in self._profiles[who(agent).profile].serves
            for channel in line.channels
            if line.reserve_waiting is not None
            and lines[line.queue, channel] < line.reserve_waiting
        }

    def kept_free(self, agent: Agent, channel: Channel, calls: Mapping[str, int]) -> bool:
        """Return whether an agent is among the last who can take a call, and would be no more.

        `calls` says how many can for each queue with a headroom.
        """
        one = who(agent)
        capacity = self._capacities[one.capacity]
        short = any(
            calls[headroom.queue] <= headroom.keep_free
            for headroom in self._settings.headrooms
            if self.answers(one, headroom.queue)
        )
        if not short or channel is Channel.VOICE or not takes_of(agent, capacity)[VOICE]:
            return False
        slots = slots_of(agent)
        takes = takes_beside(slots, capacity, channel)
        if takes is Takes.NO:
            return False
        if takes is Takes.INTERRUPTING:
            slots = [(name, SlotState.INTERRUPTED) for name, _ in slots]
        slots.append((channel, SlotState.ACTIVE))
        return takes_beside(slots, capacity, Channel.VOICE) is Takes.NO

    def able_to_take_calls(self, queue: str) -> int:
        """Return how many agents who serve a queue on voice can take a call now."""
        return sum(
            takes_of(agent, self._capacities[one.capacity])[VOICE] is not Takes.NO
            for agent in self._agents
            if self.answers(one := who(agent), queue)
        )

    def answers(self, agent: AgentSettings, queue: str) -> bool:
        """Return whether an agent serves a queue on voice and carries it."""
        serves = self._profiles[agent.profile].serves
        lines = [line for line in serves if line.queue == queue]
        carried = self._capacities[agent.capacity].channels
        return Channel.VOICE in carried and any(Channel.VOICE in line.channels for line in lines)

    def another(self, leg: Leg, but: Sequence[Agent]) -> Agent | None:
        """Return the best of all others whom an offered leg would not interrupt."""
        free = [
            agent
            for agent in self._agents
            if may_take(leg, agent) is Takes.FREE and agent not in but
        ]
        return min(free, key=lambda agent: self.rank(leg, agent), default=None)

    def rule_for(self, arrival: ContactArrived, now_us: int) -> EntryRule:
        """Return the first entry rule whose condition holds, by Python's own `and`, `or`, `not`."""
        local = local_time(self._settings.utc_offsets, now_us)
        for rule in self._settings.entry:
            text = rule.when
            for condition, holds in HOLDS.items():
                text = text.replace(condition, str(holds(arrival, local)))
            if not text or eval(text):  # noqa: S307 - of True, False, and, or, not, ( and ) only.
                return rule
        raise AssertionError(arrival)

    def place(self, leg: Leg, now: Moment) -> tuple[int | Fraction, ...]:
        """Return a leg's place in the domain's order at a moment; smaller is sooner."""
        came = (leg.arrived_us, leg.leg_id)
        queue = self._queues[leg.klass.queue.name]
        match self._settings.urgency:
            case Urgency.LONGEST_WAIT:
                return came
            case Urgency.STRICT_PRIORITY:
                return (-self.priority(leg), *came)
            case Urgency.HEAD_START:
                assert queue.head_start_us is not None
                return (leg.arrived_us - queue.head_start_us, *came)
            case Urgency.DEADLINE_FIRST:
                promised_us = leg.asked.promised_us
                if promised_us is None:
                    assert queue.promise_us is not None
                    promised_us = self.due_us(queue.name, leg.arrived_us, queue.promise_us)
                return (promised_us, *came)
            case Urgency.QUEUE_RATIO:
                shares = sum(self.share(one) for one in self._queues.values())
                target = Fraction(self.share(queue), shares) * now.waiting.total()
                return (target - now.waiting[queue.name], *came)
            case Urgency.C_MU:
                return (-self.gain(leg), *came)
            case Urgency.AGEING:
                waited_us = self.counted_us(queue.name, leg.arrived_us, now.now_us)
                waited_h = Fraction(waited_us, 3600 * SECOND_US)
                points = self.priority(leg) + self.gain(leg) * waited_h
                cap = points if queue.ageing_cap is None else queue.ageing_cap
                return (-min(points, cap), -points, *came)
            case Urgency.WAIT_OVER_OBJECTIVE | Urgency.GENERALIZED_C_MU:
                waited_us = self.counted_us(queue.name, leg.arrived_us, now.now_us)
                return (-self.gain(leg) * waited_us, *came)

    def gain(self, leg: Leg) -> Fraction:
        """Return what makes a leg urgent by its queue and channel: as it waits, or at once."""
        return self.gain_of(self._queues[leg.klass.queue.name], leg.klass.channel)

    def gain_of(self, queue: QueueSettings, name: Channel) -> Fraction:
        """Return what a policy has for a queue and channel; 1 where it has nothing of the kind."""
        channel = queue.channels[name]
        match self._settings.urgency:
            case Urgency.AGEING:
                own, common = queue.ageing_per_h, self._settings.ageing_per_h
                rate = common if own is None else own
                assert rate is not None
                return Fraction(rate)
            case Urgency.WAIT_OVER_OBJECTIVE:
                return Fraction(1, channel.objective_us)
            case Urgency.C_MU | Urgency.GENERALIZED_C_MU:
                assert queue.delay_cost is not None
                assert channel.handle_time_us is not None
                return Fraction(queue.delay_cost, channel.handle_time_us)
            case _:
                return Fraction(1)

    def priority(self, leg: Leg) -> int:
        """Return the priority that a leg asks for, or its queue's, as its steps raised it."""
        priority = leg.asked.priority
        if priority is None:
            priority = self._queues[leg.klass.queue.name].priority
        assert priority is not None
        steps = self._queues[leg.klass.queue.name].steps[: leg.klass.step]
        return max([priority, *(one.priority for one in steps if one.priority is not None)])

    def share(self, queue: QueueSettings) -> int:
        """Return a queue's share of those who wait."""
        assert queue.waiting_share is not None
        return queue.waiting_share

    def tier(self, leg: Leg, agent: Agent) -> int:
        """Return the tier of a leg's queue and channel in an agent's profile."""
        profile = self._profiles[who(agent).profile]
        return min(
            line.tier
            for line in profile.serves
            if line.queue == leg.klass.queue.name and leg.klass.channel in line.channels
        )

    def rank(self, leg: Leg, agent: Agent) -> tuple[int | tuple[int, ...], ...]:
        """Return how good an agent is for a leg; smaller is better."""
        one = who(agent)
        lacked = sum(not want.met_by(one.skills, one.attributes) for want in leg.klass.prefers)
        criteria = self._settings.agent_selection
        if AgentCriterion.LONGEST_IDLE not in criteria:
            criteria = (*criteria, AgentCriterion.LONGEST_IDLE)
        by_criteria = (self._by(criterion, leg, agent) for criterion in criteria)
        return (may_take(leg, agent) is Takes.INTERRUPTING, lacked, *by_criteria, agent.index)

    def _by(self, name: str, leg: Leg, agent: Agent) -> int | tuple[int, ...]:
        if name in self._weighted:
            return self._weighted_sum(self._weighted[name], leg, agent)
        match criterion := AgentCriterion(name):
            case AgentCriterion.LONGEST_IDLE:
                return (1, agent.last_given_us) if in_hand(agent) else (0, agent.idle_since_us)
            case AgentCriterion.HIGHEST_PROFICIENCY | AgentCriterion.LEAST_FLEXIBLE:
                return self._static(criterion, leg, agent)
            case AgentCriterion.LEAST_OCCUPIED:
                handles, instant_us = agent.is_handling, agent.occupied_us
                return len(in_hand(agent)), handles, -instant_us if handles else instant_us
            case AgentCriterion.ROUND_ROBIN:
                last = self.router.turns.get(leg.klass.queue.name)
                behind = agent.index - (self.router.agent(last).index if last else -1) - 1
                return behind % len(self._agents)
            case _:
                return self._band(criterion, leg, agent)

    def _static(self, criterion: AgentCriterion, leg: Leg, agent: Agent) -> int:
        one = who(agent)
        if criterion is AgentCriterion.HIGHEST_PROFICIENCY:
            return -leg.klass.requirement.proficiency(one.skills)
        carried = self._capacities[one.capacity].channels.keys()
        serves = self._profiles[one.profile].serves
        return len({line.queue for line in serves if carried & set(line.channels)})

    def _band(self, criterion: AgentCriterion, leg: Leg, agent: Agent) -> int:
        """Return the band in which a measure puts an agent, smaller is better."""
        measure, better_low = MEASURES[criterion]
        figure = self.router.performance.of(agent.agent_id, leg.klass.queue.name, measure)
        of_queue = self.router.performance.of_queue(leg.klass.queue.name, measure)
        if figure is None or of_queue is None:
            return 0
        mean, credibility = of_queue.yardstick, self._performance.credibility
        told = figure.samples * figure.own + credibility * mean
        band = self._bands_above(told // (figure.samples + credibility), Fraction(mean))
        return band if better_low else -band

    def _bands_above(self, value: int, mean: Fraction) -> int:
        if not mean:
            return 0
        width = mean * self._performance.band_percent / 100
        return max(-1_000, min(1_000, floor((value - mean) / width + Fraction(1, 2))))

    def _weighted_sum(self, weighted: WeightedSettings, leg: Leg, agent: Agent) -> int:
        """Return in which band of the sum an agent is: of per cent worse than the mean."""
        worse = Fraction(0)
        for name, weight in weighted.weights.items():
            criterion = AgentCriterion(name)
            if criterion in MEASURES:
                bands = self._band(criterion, leg, agent)
            else:
                able = [
                    one
                    for one in self._agents
                    if eligible(leg.klass, one.kind)
                    and not delayed(leg.klass, one.kind)
                    and of_team(leg.klass, one.kind)
                ]
                # None: it is kept for somebody outside the team, so that he has no rival.
                able = able or [agent]
                ranks = [self._static(criterion, leg, one) for one in able]
                sign = -1 if criterion is AgentCriterion.HIGHEST_PROFICIENCY else 1
                rank = self._static(criterion, leg, agent)
                mean = Fraction(sum(ranks), len(ranks))
                bands = sign * self._bands_above(sign * rank, sign * mean)
            worse += Fraction(weight, 100) * bands * self._performance.band_percent
        return floor(worse / weighted.band_percent + Fraction(1, 2))


def who(agent: Agent) -> AgentSettings:
    """Return what an agent is now; the world's ledger knows what he was told to be."""
    kind = agent.kind
    profile, capacity = kind.desk.names
    return AgentSettings(
        agent_id=agent.agent_id,
        profile=profile,
        capacity=capacity,
        skills=dict(kind.skills),
        attributes=dict(kind.attributes),
    )


def in_hand(agent: Agent) -> list[Offer]:
    """Return what an agent is offered or has, but for what he has put away."""
    return [one for one in agent.offers.values() if one.slot != SlotState.PARKED]


def takes_of(agent: Agent, settings: CapacitySettings) -> tuple[Takes, ...]:
    """Return for each channel whether an agent may be offered one more contact (docs/routing.md).

    From his slots one by one, where `acd.agents.Capacity` reads their counts and remembers.
    """
    stopped = (
        agent.availability is not Availability.READY
        or agent.after_this_one
        or agent.back_off_until_us > 0
        or agent.gap_until_us > 0
        or agent.off_shift_until_us > 0
        or agent.device is Device.BUSY_ELSEWHERE
    )
    return tuple(
        Takes.NO
        if stopped or (agent.device is Device.UNREACHABLE and channel is Channel.VOICE)
        else takes_beside(slots_of(agent), settings, channel)
        for channel in Channel
    )


def slots_of(agent: Agent) -> list[tuple[Channel, int]]:
    """Return the channel and state of each of an agent's slots."""
    return [(CHANNELS[offer.channel], offer.slot) for offer in in_hand(agent)]


def takes_beside(
    slots: Sequence[tuple[Channel, int]], settings: CapacitySettings, channel: Channel
) -> Takes:
    """Apply units, slots and the interrupt matrix to what an agent has."""
    lines = {name: carried(settings, name) for name in Channel}
    aside = {name for name, slot in slots if slot == SlotState.INTERRUPTED}
    in_use = [(name, slot) for name, slot in slots if slot != SlotState.INTERRUPTED]
    if channel not in settings.channels or channel in aside:
        return Takes.NO
    if not all(channel in lines[name].interrupted_by for name in aside):
        return Takes.NO
    names = [name for name, _ in in_use]
    cost = sum(lines[name].cost for name in names) + lines[channel].cost
    if names.count(channel) < lines[channel].slots and cost <= settings.total:
        return Takes.FREE
    pausable = all(
        slot in {SlotState.ACTIVE, SlotState.HELD} and channel in lines[name].interrupted_by
        for name, slot in in_use
    )
    return Takes.INTERRUPTING if in_use and pausable else Takes.NO


def carried(settings: CapacitySettings, channel: Channel) -> SlotSettings:
    """Return what a contact costs; one that the profile does not carry fills its agent."""
    return settings.channels.get(channel) or SlotSettings(cost=settings.total)


def naive_router(
    settings: DomainSettings, snapshot: Snapshot | None = None
) -> tuple[Router, Naive]:
    """Return a router that decides naively, new or restored, and its matcher."""
    made: list[Naive] = []

    def make(
        settings: DomainSettings,
        agents: Sequence[Agent],
        legs: Mapping[int, Leg],
        selection: Selection,
    ) -> Naive:
        del selection
        made.append(Naive(settings, agents, legs))
        return made[0]

    if snapshot is None:
        router = Router(settings, make_matcher=make)
    else:
        router = Router.restore(settings, snapshot, make_matcher=make)
    made[0].router = router
    return router, made[0]

"""The oracle: entry rules and the matching rule stated once more, by scanning everybody.

It imports neither `acd.matching` nor `acd.policies`, nor what reads conditions; what it shares with
the product is the one predicate `may_take`, whose part that hangs on slots `takes_of` states once
more. Its order is made from the numbers of contacts, queues and agents, not from the keys that the
product keeps. Right, slow, and short enough to be read against design/routing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

from acd.agents import CHANNELS, Agent, SlotState, Takes
from acd.contacts import Contact, Leg, LegState
from acd.eligibility import may_take
from acd.events import ContactArrived
from acd.ids import Availability, Channel, Device
from acd.router import Router
from acd.settings import (
    AgentCriterion,
    CapacitySettings,
    DomainSettings,
    EntryRule,
    Urgency,
)
from acd.snapshot import Snapshot

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


class Naive:
    """A matcher that remembers nothing and looks at everything."""

    contacts: Mapping[str, Contact]
    """The open contacts, by id: given by whoever makes the router."""

    def __init__(
        self, settings: DomainSettings, agents: Sequence[Agent], legs: Mapping[int, Leg]
    ) -> None:
        self._settings = settings
        self._agents = agents
        self._legs = legs
        self._queues = {queue.name: queue for queue in settings.queues}
        self._profiles = {profile.name: profile for profile in settings.profiles}
        self._capacities = {capacity.name: capacity for capacity in settings.capacities}

    def wait(self, leg: Leg) -> None:
        """Remember nothing."""

    def remove(self, leg: Leg) -> None:
        """Remember nothing."""

    def refresh(self, agent: Agent) -> None:
        """Remember nothing."""

    def settle(self) -> None:
        """Remember nothing."""

    def next_pair(self) -> tuple[Leg, Agent] | None:
        """Apply the rule: the first leg that fits, its best agent, and then his first leg."""
        able = [agent for agent in self._agents if any(agent.takes())]
        wanted = [
            leg
            for leg in self._legs.values()
            if leg.state is LegState.QUEUED and any(may_take(leg, agent) for agent in able)
        ]
        if not wanted:
            return None
        first = min(wanted, key=self.place)
        fitting = [agent for agent in able if may_take(first, agent)]
        best = min(fitting, key=lambda agent: self.rank(first, agent))
        his = [leg for leg in wanted if may_take(leg, best)]
        return min(his, key=lambda leg: (self.tier(leg, best), self.place(leg))), best

    def rule_for(self, arrival: ContactArrived, now_us: int) -> EntryRule:
        """Return the first entry rule whose condition holds, by Python's own `and`, `or`, `not`."""
        offset_s = 0
        for from_us, later_s in self._settings.utc_offsets:
            if from_us <= now_us:
                offset_s = later_s
        local = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now_us, seconds=offset_s)
        for rule in self._settings.entry:
            text = rule.when
            for condition, holds in HOLDS.items():
                text = text.replace(condition, str(holds(arrival, local)))
            if not text or eval(text):  # noqa: S307 - of True, False, and, or, not, ( and ) only.
                return rule
        raise AssertionError(arrival)

    def place(self, leg: Leg) -> tuple[int, ...]:
        """Return a leg's place in the domain's order; smaller is sooner."""
        queue = self._queues[leg.klass.queue.name]
        arrival = self.contacts[leg.contact_id].arrival
        match self._settings.urgency:
            case Urgency.LONGEST_WAIT:
                return (leg.arrived_us, leg.leg_id)
            case Urgency.STRICT_PRIORITY:
                priority = queue.priority if arrival.priority is None else arrival.priority
                assert priority is not None
                return (-priority, leg.arrived_us, leg.leg_id)
            case Urgency.HEAD_START:
                assert queue.head_start_us is not None
                return (leg.arrived_us - queue.head_start_us, leg.arrived_us, leg.leg_id)
            case Urgency.DEADLINE_FIRST:
                promised_us = arrival.promised_us
                if promised_us is None:
                    assert queue.promise_us is not None
                    promised_us = leg.arrived_us + queue.promise_us
                return (promised_us, leg.arrived_us, leg.leg_id)

    def tier(self, leg: Leg, agent: Agent) -> int:
        """Return the tier of a leg's queue and channel in an agent's profile."""
        profile = self._profiles[self._settings.agents[agent.index].profile]
        return min(
            line.tier
            for line in profile.serves
            if line.queue == leg.klass.queue.name and leg.klass.channel in line.channels
        )

    def rank(self, leg: Leg, agent: Agent) -> tuple[int | tuple[int, int], ...]:
        """Return how good an agent is for a leg; smaller is better."""
        one = self._settings.agents[agent.index]
        lacked = sum(not want.met_by(one.skills, one.attributes) for want in leg.klass.prefers)
        criteria = self._settings.agent_selection
        if AgentCriterion.LONGEST_IDLE not in criteria:
            criteria = (*criteria, AgentCriterion.LONGEST_IDLE)
        by_criteria = (self._by(criterion, leg, agent) for criterion in criteria)
        return (may_take(leg, agent) is Takes.INTERRUPTING, lacked, *by_criteria, agent.index)

    def _by(self, criterion: AgentCriterion, leg: Leg, agent: Agent) -> int | tuple[int, int]:
        one = self._settings.agents[agent.index]
        match criterion:
            case AgentCriterion.LONGEST_IDLE:
                return (1, agent.last_given_us) if agent.offers else (0, agent.idle_since_us)
            case AgentCriterion.HIGHEST_PROFICIENCY:
                return -leg.klass.requirement.proficiency(one.skills)
            case AgentCriterion.LEAST_FLEXIBLE:
                carried = self._capacities[one.capacity].channels.keys()
                serves = self._profiles[one.profile].serves
                return len({line.queue for line in serves if carried & set(line.channels)})


def takes_of(agent: Agent, settings: CapacitySettings) -> tuple[Takes, ...]:
    """Return for each channel whether an agent may be offered one more contact (docs/routing.md).

    From his slots one by one, where `acd.agents.Capacity` reads their counts and remembers.
    """
    stopped = (
        agent.availability is not Availability.READY
        or agent.after_this_one
        or agent.back_off_until_us > 0
        or agent.device is Device.BUSY_ELSEWHERE
    )
    return tuple(
        Takes.NO
        if stopped or (agent.device is Device.UNREACHABLE and channel is Channel.VOICE)
        else _beside_his_slots(agent, settings, channel)
        for channel in Channel
    )


def _beside_his_slots(agent: Agent, settings: CapacitySettings, channel: Channel) -> Takes:
    """Apply units, slots and the interrupt matrix to what an agent has."""
    lines = settings.channels
    aside = set()
    in_use = []
    for offer in agent.offers.values():
        name = CHANNELS[offer.channel]
        if offer.slot == SlotState.INTERRUPTED:
            aside.add(name)
        else:
            in_use.append((name, offer.slot))
    if channel not in lines or channel in aside:
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


def naive_router(
    settings: DomainSettings, snapshot: Snapshot | None = None
) -> tuple[Router, Naive]:
    """Return a router that decides naively, new or restored, and its matcher."""
    made: list[Naive] = []

    def make(settings: DomainSettings, agents: Sequence[Agent], legs: Mapping[int, Leg]) -> Naive:
        made.append(Naive(settings, agents, legs))
        return made[0]

    if snapshot is None:
        router = Router(settings, make_matcher=make)
    else:
        router = Router.restore(settings, snapshot, make_matcher=make)
    made[0].contacts = router.contacts
    return router, made[0]

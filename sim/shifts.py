"""Who works when: headcount and persons together, as the simulated world asks for them.

Agents of groups for which nothing is planned work from the start to the horizon; where it is known
who was at work, it is those. Whoever leaves and has a contact of a channel that his group hands
back gives it to its queue again.
"""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from acd.actions import SetAgentState
from acd.agents import CHANNELS, SlotState
from acd.events import DrainRequested, LegRequeued, SingleEvent
from acd.ids import AgentId, Availability, Channel
from acd.router import Router
from sim.duties import At, Duties
from sim.headcount import Headcount, log_in
from sim.roster import Rules, Span, duties
from sim.time_book import Doing, PaidTime, TimeBook
from sim.workload import Scenario

_NO_RULES: Final = Rules()


class Shifts:
    """All agents of a run, and what they do.

    Args:
        scenario: Of the run.
        router: To be read.
        seed: The run's.
        at: Has something done at an instant later in the run.
    """

    def __init__(self, scenario: Scenario, router: Router, seed: int, at: At) -> None:
        self._scenario = scenario
        self._router = router
        self._rules = scenario.rules
        members = scenario.members()
        agents = scenario.settings.agents
        self._group = {agent.agent_id: agent.group for agent in agents}
        known = scenario.duties
        everybody = [] if known is not None else agents
        self._unplanned = [one.agent_id for one in everybody if one.group not in members]
        self._book = TimeBook(self._group, scenario.start_us)
        self._headcount = Headcount(scenario.staffing, members, scenario.rules, router, self._book)
        span = Span(scenario.start_us, scenario.end_us, ZoneInfo(scenario.time_zone))
        self._planned = [*(known or ()), *duties(scenario.shifts, members, span, seed)]
        self._duties = Duties(self._planned, router, self._book, at)

    def begin(self) -> None:
        """Have all those done later who work by shifts."""
        self._duties.begin()

    def changes(self, interval: int, now_us: int) -> tuple[SingleEvent, ...]:
        """Return what those do at the start of an interval who work by headcount, or all day."""
        events: list[SingleEvent] = []
        if interval == 0:
            events += log_in(self._unplanned)
            for agent_id in self._unplanned:
                self._book.turn(agent_id, Doing.WORK, now_us)
        return self.with_hand_backs(events + self._headcount.changes(interval, now_us))

    def with_hand_backs(self, events: Sequence[SingleEvent]) -> tuple[SingleEvent, ...]:
        """Return what is done, and what those who leave give back to their queues."""
        found = []
        for event in events:
            if type(event) is DrainRequested:
                rules = self._rules.get(self._group[event.agent_id], _NO_RULES)
                for offer in self._router.agent(event.agent_id).offers.values():
                    handled = offer.slot == SlotState.ACTIVE
                    if handled and CHANNELS[offer.channel] in rules.hand_back:
                        found.append(LegRequeued(offer_id=offer.offer_id))
        return (*events, *found)

    def changed(self, action: SetAgentState, now_us: int) -> None:
        """Note what the router makes of an agent who has nothing in hand any more."""
        agent_id: AgentId = action.agent_id
        if action.availability is Availability.LOGGED_OUT:
            self._book.turn(agent_id, Doing.OFF, now_us)
        elif action.availability is Availability.NOT_READY:
            self._duties.emptied(agent_id, now_us)

    def paid(self) -> tuple[PaidTime, ...]:
        """Return what became of each group's time, from the start to the horizon."""
        scenario = self._scenario
        length_us = scenario.end_us - scenario.start_us
        scheduled = dict.fromkeys((agent.group for agent in scenario.settings.agents), 0)
        absent: dict[str, int] = {}
        for agent_id in self._unplanned:
            scheduled[self._group[agent_id]] += length_us
        for group, counts in scenario.staffing.items():
            planned = scenario.scheduled.get(group, counts)
            scheduled[group] = sum(planned) * scenario.interval_us
            absent[group] = scheduled[group] - sum(counts) * scenario.interval_us
        for duty in self._planned:
            scheduled[duty.group] += duty.to_us - duty.from_us
            absent[duty.group] = absent.get(duty.group, 0) + duty.comes_us - duty.from_us
        return self._book.paid(scenario.end_us, scheduled, absent)


def handed_back(scenario: Scenario) -> frozenset[Channel]:
    """Return the channels whose contacts some group hands back."""
    return frozenset().union(*(one.hand_back for one in scenario.rules.values()))

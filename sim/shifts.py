"""Who works when: turns a staffing plan into log-ins and log-outs of generated members.

At a rise logged-out members log in, in the order of the settings; if they do not suffice, those
about to leave stay. At a drop idle members leave first, the last in the order before the others;
then busy ones, who finish what they have and take nothing new. Agents for whom there is no plan
work from the start to the horizon.
"""

from collections.abc import Iterable
from enum import Enum

from acd.events import AgentLoggedIn, AgentReady, DrainRequested, SingleEvent
from acd.ids import AgentId
from acd.router import Router
from sim.workload import Scenario


class _Shift(Enum):
    """Whether a member works."""

    OFF = "off"
    ON = "on"
    LEAVING = "leaving"


class Shifts:
    """The members of all staffed groups, and whether they work."""

    def __init__(self, scenario: Scenario, router: Router) -> None:
        self._staffing = scenario.staffing
        self._members = scenario.members()
        self._unplanned = tuple(
            agent.agent_id
            for agent in scenario.settings.agents
            if agent.group not in scenario.staffing
        )
        self._router = router
        self._shift = {
            agent_id: _Shift.OFF for members in self._members.values() for agent_id in members
        }

    def changes(self, interval: int) -> tuple[SingleEvent, ...]:
        """Return what the members do at the start of an interval."""
        events: list[SingleEvent] = []
        if interval == 0:
            events += _log_in(self._unplanned)
        for group, wanted in self._staffing.items():
            members = self._members[group]
            rise = wanted[interval] - sum(self._shift[one] is _Shift.ON for one in members)
            if rise > 0:
                events += self._come(members, rise)
            elif rise < 0:
                events += self._go(members, -rise)
        return tuple(events)

    def logged_out(self, agent_id: AgentId) -> None:
        """Note that the router logged a member out: his last contact is done."""
        if agent_id in self._shift:
            self._shift[agent_id] = _Shift.OFF

    def _come(self, members: tuple[AgentId, ...], count: int) -> list[SingleEvent]:
        off = [one for one in members if self._shift[one] is _Shift.OFF][:count]
        leaving = [one for one in members if self._shift[one] is _Shift.LEAVING]
        stay = leaving[: count - len(off)]
        events = _log_in(off)
        events += (AgentReady(agent_id=agent_id) for agent_id in stay)
        self._shift.update(dict.fromkeys((*off, *stay), _Shift.ON))
        return events

    def _go(self, members: tuple[AgentId, ...], count: int) -> list[SingleEvent]:
        on = [one for one in reversed(members) if self._shift[one] is _Shift.ON]
        # The sort is stable: idle before busy, and among each the last member first.
        go = sorted(on, key=lambda one: not self._router.agent(one).is_idle)[:count]
        self._shift.update(dict.fromkeys(go, _Shift.LEAVING))
        return [DrainRequested(agent_id=agent_id) for agent_id in go]


def _log_in(agents: Iterable[AgentId]) -> list[SingleEvent]:
    events: list[SingleEvent] = []
    for agent_id in agents:
        events += (AgentLoggedIn(agent_id=agent_id), AgentReady(agent_id=agent_id))
    return events

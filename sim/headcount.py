"""Staffing by headcount: so many of a group in each interval, whoever they are.

At a rise logged-out members log in, in the order of the settings; if they do not suffice, those
about to leave stay. At a drop they leave by the group's rule (`sim.roster.Leave`): idle members
first, then busy ones, or whose time is over. Busy ones finish what they have and take nothing new.
"""

from collections.abc import Iterable, Mapping, Sequence

from acd.events import AgentLoggedIn, AgentReady, DrainRequested, SingleEvent
from acd.ids import AgentId
from acd.router import Router
from sim.roster import Leave, Members, Rules
from sim.time_book import Doing, TimeBook


class Headcount:
    """The members of the groups that are staffed by headcount.

    Args:
        staffing: How many work, by group and interval.
        members: Of these groups.
        rules: Of groups that have some.
        router: To be read.
        book: Where what they do is noted.
    """

    def __init__(
        self,
        staffing: Mapping[str, Sequence[int]],
        members: Members,
        rules: Mapping[str, Rules],
        router: Router,
        book: TimeBook,
    ) -> None:
        self._staffing = staffing
        self._members = members
        self._rules = rules
        self._router = router
        self._book = book

    def changes(self, interval: int, now_us: int) -> list[SingleEvent]:
        """Return what the members do at the start of an interval, and note it."""
        events: list[SingleEvent] = []
        for group, counts in self._staffing.items():
            members, wanted = self._members[group], counts[interval]
            if self._rules.get(group, Rules()).leave is Leave.PERSON:
                events += self._go(self._all(members[wanted:], Doing.WORK), now_us)
                events += self._come(members[:wanted], wanted, now_us)
                continue
            rise = wanted - len(self._all(members, Doing.WORK))
            if rise > 0:
                events += self._come(members, rise, now_us)
            elif rise < 0:
                on = reversed(self._all(members, Doing.WORK))
                # The sort is stable: idle before busy, and among each the last member first.
                leaving = sorted(on, key=lambda one: not self._router.agent(one).is_idle)
                events += self._go(leaving[:-rise], now_us)
        return events

    def _all(self, members: Sequence[AgentId], doing: Doing) -> list[AgentId]:
        return [one for one in members if self._book.doing(one) is doing]

    def _come(self, members: Sequence[AgentId], count: int, now_us: int) -> list[SingleEvent]:
        off = self._all(members, Doing.OFF)[:count]
        stay = self._all(members, Doing.OVERTIME)[: count - len(off)]
        for agent_id in (*off, *stay):
            self._book.turn(agent_id, Doing.WORK, now_us)
        return [*log_in(off), *(AgentReady(agent_id=agent_id) for agent_id in stay)]

    def _go(self, members: Sequence[AgentId], now_us: int) -> list[SingleEvent]:
        for agent_id in members:
            self._book.turn(agent_id, Doing.OVERTIME, now_us)
        return [DrainRequested(agent_id=agent_id) for agent_id in members]


def log_in(agents: Iterable[AgentId]) -> list[SingleEvent]:
    """Return how agents come: logged in, and ready."""
    events: list[SingleEvent] = []
    for agent_id in agents:
        events += (AgentLoggedIn(agent_id=agent_id), AgentReady(agent_id=agent_id))
    return events

"""Staffing by person: each comes, takes breaks and leaves by a duty of his own (`sim.roster`).

A break that falls due takes nothing new from then on; it begins when the agent has nothing in hand,
wrap-up included, and lasts as long as it is planned from its real beginning. One that falls due
during another follows it. At the end of the duty a break ends with it, and one that did not begin
lapses; who has something in hand finishes it, in overtime.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from acd.events import AgentNotReady, AgentReady, DrainRequested, SingleEvent
from acd.ids import AgentId
from acd.router import Router
from sim.headcount import log_in
from sim.roster import Due, Duty
from sim.time_book import Doing, TimeBook

Turn: TypeAlias = Callable[[int], list[SingleEvent]]
"""What some do at an instant: given it, returns what the router is to be told."""
At: TypeAlias = Callable[[int, Turn], None]
"""Has a turn done at an instant that is not over."""


class Duties:
    """The persons who work by shifts.

    Args:
        duties: Of all of them.
        router: To be read.
        book: Where what they do is noted.
        at: Has a turn done later.
    """

    def __init__(self, duties: Iterable[Duty], router: Router, book: TimeBook, at: At) -> None:
        self._duties = duties
        self._router = router
        self._book = book
        self._at = at
        self._due: dict[AgentId, deque[Due]] = {}
        """Each person's breaks that are due and have not begun."""
        self._back_us: dict[AgentId, int] = {}
        """When the break is over that a person has, or had last."""

    def begin(self) -> None:
        """Plan when people come and leave; breaks follow from that."""
        changes: dict[int, tuple[list[Duty], list[Duty]]] = {}
        for duty in self._duties:
            if duty.comes_us < duty.to_us:
                changes.setdefault(duty.comes_us, ([], []))[0].append(duty)
                changes.setdefault(duty.to_us, ([], []))[1].append(duty)
        for at_us in sorted(changes):
            self._at(at_us, partial(self._change, *changes[at_us]))

    def emptied(self, agent_id: AgentId, now_us: int) -> None:
        """Note that the router has an agent not ready: the break that was put off begins."""
        if self._due.get(agent_id) and self._book.doing(agent_id) is Doing.WORK:
            self._rest(agent_id, now_us)

    def _change(self, coming: list[Duty], leaving: list[Duty], now_us: int) -> list[SingleEvent]:
        """Let people leave and come, so that who comes finds what is handed back."""
        events: list[SingleEvent] = []
        for duty in leaving:
            self._due.pop(duty.agent_id, None)
            self._book.turn(duty.agent_id, Doing.OVERTIME, now_us)
            events.append(DrainRequested(agent_id=duty.agent_id))
        breaks: dict[int, list[tuple[AgentId, Due]]] = {}
        for duty in coming:
            agent_id = duty.agent_id
            stays = self._book.doing(agent_id) is Doing.OVERTIME
            events += [AgentReady(agent_id=agent_id)] if stays else log_in([agent_id])
            self._book.turn(agent_id, Doing.WORK, now_us)
            for due in duty.breaks:
                breaks.setdefault(due.due_us, []).append((agent_id, due))
        events += self._fall_due(breaks.pop(now_us, []), now_us)
        for at_us in sorted(breaks):
            self._at(at_us, partial(self._fall_due, breaks[at_us]))
        return events

    def _fall_due(self, breaks: list[tuple[AgentId, Due]], now_us: int) -> list[SingleEvent]:
        events: list[SingleEvent] = []
        for agent_id, due in breaks:
            self._due.setdefault(agent_id, deque()).append(due)
            if self._book.doing(agent_id) is Doing.WORK and len(self._due[agent_id]) == 1:
                events.append(
                    AgentNotReady(agent_id=agent_id, reason=due.reason, after_this_one=True)
                )
                if self._router.agent(agent_id).is_idle:
                    self._rest(agent_id, now_us)
        return events

    def _rest(self, agent_id: AgentId, now_us: int) -> None:
        due = self._due[agent_id].popleft()
        self._book.turn(agent_id, Doing.BREAK, now_us, due.reason)
        self._back_us[agent_id] = now_us + due.length_us
        self._at(now_us + due.length_us, partial(self._return, agent_id))

    def _return(self, agent_id: AgentId, now_us: int) -> list[SingleEvent]:
        """Let a person come back, unless his duty ended meanwhile."""
        if self._book.doing(agent_id) is not Doing.BREAK or self._back_us[agent_id] != now_us:
            return []
        if self._due[agent_id]:
            reason = self._due[agent_id][0].reason
            self._rest(agent_id, now_us)
            return [AgentNotReady(agent_id=agent_id, reason=reason)]
        self._book.turn(agent_id, Doing.WORK, now_us)
        return [AgentReady(agent_id=agent_id)]

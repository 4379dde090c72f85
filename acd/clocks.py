"""Clocks that stand still while a queue is closed: how long a leg has waited by its queue's hours.

**The rule.** Where a queue's `clock` is `opening_hours`, of the time since a leg entered it only
the part counts in which its calendar is open (`acd.opening`). A span of counted time ends at the
first instant by which it has passed: an instant like any other, known when the span begins,
whatever clocks change between. Of two spans of one length the one that begins later never ends
sooner, so the order within a class stays.

**How far the table reaches.** To the end of 2099, as the tables of `acd.calendars` do; from then on
all time counts. So every span has an end, also by a calendar that will not open again.

A table of what is open answers by bisection. It begins where it was first asked and grows when
somebody asks beyond it: O(days) once, of at most 130 years (0.1 s), where nearly nothing is open.

Source: business hours in the service levels of Zendesk and Jira Service Management.
"""

from bisect import bisect_left, bisect_right
from typing import Final

from acd.ids import QueueName
from acd.opening import Calendar
from acd.settings import DAY_US, SECOND_US, DomainSettings, QueueClock

CLOCK_UNTIL_US: Final = 4_102_444_800 * SECOND_US
"""2100-01-01 in UTC: from then on all time counts."""

_FOREVER_US: Final = 2**62
"""After all that anybody asks for."""

_PORTION_US: Final = 32 * DAY_US
"""By so much at least the table grows at once."""


class OpenClock:
    """Counts the time in which a calendar is open.

    Args:
        calendar: Which.
    """

    __slots__ = ("_before_us", "_begins_us", "_calendar", "_ends_us", "_from_us", "_until_us")

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._begins_us: list[int] = []
        """When each open span begins, ascending; those that touch may be several."""
        self._ends_us: list[int] = []
        self._before_us: list[int] = [0]
        """What counts before each of them, and at the end before what comes after the table, since
        the instant at which it was first asked: below 0 for spans before that."""
        self._from_us = 0
        self._until_us = 0
        """The table is complete from the one to the other; from 0 to 0 it is empty."""

    def reading_us(self, at_us: int) -> int:
        """Return how much has counted at an instant since one that stays the same, O(log spans).

        It is not below 0 at the latest of the instants asked for, if the first was not after it.
        """
        if not self._from_us <= at_us < self._until_us:
            self._reach(at_us)
        place = bisect_right(self._begins_us, at_us) - 1
        if place < 0:
            return self._before_us[0]
        return self._before_us[place] + min(at_us, self._ends_us[place]) - self._begins_us[place]

    def after_us(self, since_us: int, span_us: int) -> int:
        """Return the first instant by which so much has counted since another, O(log spans)."""
        if span_us <= 0:
            return since_us
        reading_us = self.reading_us(since_us) + span_us
        while self._before_us[-1] < reading_us:
            self._reach(self._until_us)
        place = bisect_left(self._before_us, reading_us) - 1
        return self._begins_us[place] + reading_us - self._before_us[place]

    def counted_us(self, since_us: int, until_us: int) -> int:
        """Return how much counts between two instants, the second not before the first."""
        return self.reading_us(until_us) - self.reading_us(since_us)

    def _reach(self, at_us: int) -> None:
        """Let the table grow until it holds an instant."""
        if not self._until_us:
            self._from_us = self._until_us = at_us
        if at_us < self._from_us:
            since_us = min(at_us, self._from_us - _PORTION_US)
            begins_us, ends_us = self._open(since_us, self._from_us)
            before_us = [self._before_us[0]]
            for begin_us, end_us in zip(reversed(begins_us), reversed(ends_us), strict=True):
                before_us.append(before_us[-1] - (end_us - begin_us))
            self._begins_us[:0] = begins_us
            self._ends_us[:0] = ends_us
            self._before_us[:1] = reversed(before_us)
            self._from_us = since_us
            return
        until_us = max(at_us + 1, self._until_us + _PORTION_US)
        if until_us >= CLOCK_UNTIL_US:
            until_us = _FOREVER_US
        begins_us, ends_us = self._open(self._until_us, until_us)
        for begin_us, end_us in zip(begins_us, ends_us, strict=True):
            self._before_us.append(self._before_us[-1] + end_us - begin_us)
        self._begins_us += begins_us
        self._ends_us += ends_us
        self._until_us = until_us

    def _open(self, since_us: int, until_us: int) -> tuple[list[int], list[int]]:
        """Return when open spans begin and end between two instants."""
        begins_us: list[int] = []
        ends_us: list[int] = []
        at_us = since_us
        while at_us < until_us:
            is_open, to_us = True, _FOREVER_US
            if at_us < CLOCK_UNTIL_US:
                is_open, to_us = self._calendar.piece(at_us)
                to_us = min(to_us, CLOCK_UNTIL_US)
            to_us = min(to_us, until_us)
            if is_open:
                begins_us.append(at_us)
                ends_us.append(to_us)
            at_us = to_us
        return begins_us, ends_us


def clocks_of(settings: DomainSettings) -> dict[QueueName, OpenClock]:
    """Return the clocks of the queues whose waits do not count all time; one for each calendar."""
    by_name = {one.name: one for one in settings.calendars}
    clocks: dict[str, OpenClock] = {}
    found: dict[QueueName, OpenClock] = {}
    for queue in settings.queues:
        name = queue.opening_hours
        if queue.clock is QueueClock.OPENING_HOURS and name is not None:
            if name not in clocks:
                clocks[name] = OpenClock(Calendar(by_name[name]))
            found[queue.name] = clocks[name]
    return found

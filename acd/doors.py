"""Queues that are open or closed now: a door for each calendar that queues keep.

While a calendar is closed, what waits in its queues is blocked (`acd.eligibility.CLOSED_QUEUE`).
A door turns with the time of the step, before the step's fact is applied; so its state follows from
the instant of the last step, and a restored router makes it anew. The opening must be a wake-up of
its own only while somebody waits behind the door: with nobody there, whatever comes is a step. A
closing lets nothing begin, so it must be one only for those who leave then (`acd.gates`).

What turns is one number, the bits of the door's classes, however many wait.
"""

from typing import Final

from acd.ids import STEP_US_MAX, QueueName
from acd.opening import NEVER_US, Calendar
from acd.settings import CalendarSettings, DomainSettings


class Door:
    """One calendar's state. A gauge: see `acd.gauges`."""

    __slots__ = ("calendar", "changes_us", "classes", "is_shut", "leaving", "legs")

    def __init__(self, settings: CalendarSettings) -> None:
        self.calendar = Calendar(settings)
        self.classes = 0
        """The classes of its queues that the index knows, as bits."""
        self.legs: set[int] = set()
        """The numbers of the legs that are QUEUED in them."""
        self.leaving: set[int] = set()
        """Those of them that leave at the closing (`acd.gates`)."""
        self.is_shut = False
        """Whether it is closed at the instant of the last step."""
        self.changes_us = 0
        """When it opens or closes next."""
        self.turn(0)

    def turn(self, now_us: int) -> bool:
        """Show what is so at an instant; return whether it opened or closed."""
        was_shut = self.is_shut
        self.is_shut = not self.calendar.is_open(now_us)
        change_us = self.calendar.next_change_us(now_us)
        self.changes_us = NEVER_US if change_us is None else change_us
        return self.is_shut is not was_shut


class Doors:
    """All doors of a domain: of the calendars that some queue keeps."""

    def __init__(self, settings: DomainSettings) -> None:
        calendars = {one.name: one for one in settings.calendars}
        by_name: dict[str, Door] = {}
        self.of_queue: Final[dict[QueueName, Door]] = {}
        for queue in settings.queues:
            name = queue.opening_hours
            if name is not None:
                if name not in by_name:
                    by_name[name] = Door(calendars[name])
                self.of_queue[queue.name] = by_name[name]
        self._all = tuple(by_name.values())
        self.turns_us = STEP_US_MAX
        """When one of them turns next."""
        self._note_next()

    def turn(self, now_us: int) -> list[Door]:
        """Show what is so at an instant; return those that opened or closed."""
        turned = [door for door in self._all if door.changes_us <= now_us and door.turn(now_us)]
        self._note_next()
        return turned

    def wakeup_us(self) -> int | None:
        """Return when a door opens next for somebody, or closes on one who leaves; None for never.

        O(doors).
        """
        soonest_us = NEVER_US
        for door in self._all:
            awaited = door.legs if door.is_shut else door.leaving
            if awaited and door.changes_us < soonest_us:
                soonest_us = door.changes_us
        return None if soonest_us == NEVER_US else soonest_us

    def _note_next(self) -> None:
        self.turns_us = min((door.changes_us for door in self._all), default=STEP_US_MAX)

"""Shifts: the calendars by which agents work; outside his shift an agent is offered nothing new.

It is a block on him (`acd.eligibility.Block.OFF_SHIFT`) from the instant at which his calendar
closes until that at which it opens. What rings at him then, or is in his hands, goes on, and what
he says of himself, that he is ready or on a break, stays said. A calendar is asked only for agents
who are logged in: their log-in starts a timer, and their log-out ends it.

Agents of one shift change together, at one instant and in the portions of all timers
(`acd.router.FIRED_MAX`); the calendar is looked up once for all of them.

Source: agents' schedules in workforce management (Genesys, NICE), there a plan beside the router.
"""

from typing import Final

from acd.opening import NEVER_US, Calendar
from acd.settings import CalendarSettings

_UNKNOWN_US: Final = -1


class Shift:
    """A calendar by which agents work.

    Args:
        settings: Without mistakes.
    """

    __slots__ = ("_calendar", "_from_us", "changes_us", "is_on")

    def __init__(self, settings: CalendarSettings) -> None:
        self._calendar = Calendar(settings)
        self._from_us = _UNKNOWN_US
        self.is_on = False
        """Whether it is on at the instant last asked for …"""
        self.changes_us = _UNKNOWN_US
        """… and until when; `NEVER_US` for always."""

    def turn(self, now_us: int) -> None:
        """Show what is so at an instant: O(1) where that was asked before, else O(days)."""
        if not self._from_us <= now_us < self.changes_us:
            change_us = self._calendar.next_change_us(now_us)
            self.is_on = self._calendar.is_open(now_us)
            self.changes_us = NEVER_US if change_us is None else change_us
            self._from_us = now_us

"""Opening hours: open or closed at an instant, the next change, and opened time, all exact.

**The rule.** A calendar is open whenever the clocks of its place show a time within a span of that
day; the day is the clocks' day, and a special day's spans stand in place of its weekday's. Nothing
else is said of clock changes, so all follows from it:

- a time that the clocks skip is never shown: what lies in it falls away, and a span that reaches
  into it begins, or ends, with the jump;
- a time that the clocks show twice counts both times: a span from 2:00 to 2:30 in the hour that
  comes back is open, closed, and open once more.

The core reads no calendar: `acd.calendars` turned time zone and holidays into plain tables. Between
two changes of the clocks local time is UTC plus an offset, so a look-up is a bisection and a
division.

Source: the same rule as that of the entry conditions (`acd.conditions`); Asterisk's `GotoIfTime`
reads the clock on the wall, too. iCalendar (RFC 5545, 3.3.5) moves a skipped time behind the jump
instead, as is right for an appointment, which must take place once.
"""

from bisect import bisect_right
from typing import Final, TypeAlias

from acd.ids import STEP_US_MAX
from acd.settings import DAY_US, SECOND_US, CalendarSettings

NEVER_US: Final = STEP_US_MAX
"""No instant is later."""

THURSDAY: Final = 3
"""The weekday of 1970-01-01, Monday being 0."""

_DAYS_IN: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ISO_LENGTH: Final = 10
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9999

_Spans: TypeAlias = tuple[tuple[int, int], ...]
"""(from, until) in microseconds since the clocks' midnight, ascending, without the end."""

_ALL_DAY: Final[_Spans] = ((0, DAY_US),)


class Calendar:
    """When the queues that keep a calendar are open.

    Args:
        settings: Without mistakes (`acd.calendar_checks`).
    """

    __slots__ = ("_flat", "_from_us", "_offsets_us", "_special", "_special_days", "_weekly")

    def __init__(self, settings: CalendarSettings) -> None:
        self._from_us = [from_us for from_us, _ in settings.utc_offsets]
        self._offsets_us = [0, *(offset_s * SECOND_US for _, offset_s in settings.utc_offsets)]
        self._weekly = tuple(_in_us(spans) for spans in settings.hours)
        self._special: dict[int, _Spans] = {}
        for date, spans in settings.days:
            day = day_of(date)
            assert day is not None
            self._special[day] = _in_us(spans)
        self._special_days = sorted(self._special)
        only = self._weekly[0] if len(set(self._weekly)) == 1 else None
        self._flat = only in {(), _ALL_DAY}
        """Whether but for special days it is always open, or never."""

    def is_open(self, at_us: int) -> bool:
        """Return whether it is open at an instant. O(log clock changes)."""
        return self.piece(at_us)[0]

    def next_change_us(self, at_us: int) -> int | None:
        """Return the first instant after `at_us` at which it opens or closes; None for never.

        O(days until then); days on which it is open without end, or never, are passed at once.
        """
        is_open, until_us = self.piece(at_us)
        while until_us < NEVER_US:
            opens, later_us = self.piece(until_us)
            if opens is not is_open:
                return until_us
            until_us = later_us
        return None

    def next_opening_us(self, at_us: int) -> int | None:
        """Return the first instant after `at_us` at which it opens; None for never."""
        change_us = self.next_change_us(at_us)
        if change_us is None or self.is_open(change_us):
            return change_us
        return self.next_change_us(change_us)

    def next_closing_us(self, at_us: int) -> int | None:
        """Return the first instant after `at_us` at which it closes; None for never."""
        change_us = self.next_change_us(at_us)
        if change_us is None or not self.is_open(change_us):
            return change_us
        return self.next_change_us(change_us)

    def opened_us(self, since_us: int, until_us: int) -> int:
        """Return for how many microseconds it is open from one instant to another, O(days).

        0 where the second is not the later.
        """
        opened_us = 0
        at_us = since_us
        while at_us < until_us:
            is_open, to_us = self.piece(at_us)
            if is_open:
                opened_us += min(to_us, until_us) - at_us
            at_us = to_us
        return opened_us

    def clocks_us(self, at_us: int) -> int:
        """Return what the clocks of its place show at an instant, as if it were UTC."""
        return at_us + self._offsets_us[bisect_right(self._from_us, at_us)]

    def piece(self, at_us: int) -> tuple[bool, int]:
        """Return whether it is open at an instant, and until when that is sure; `NEVER_US` at most.

        It may go on behind that instant: at a midnight or a clock change.
        """
        place = bisect_right(self._from_us, at_us)
        sure_us = self._from_us[place] if place < len(self._from_us) else NEVER_US
        day, time_us = divmod(at_us + self._offsets_us[place], DAY_US)
        midnight_us = at_us - time_us
        spans = self._special.get(day)
        if spans is None and self._flat:
            following = bisect_right(self._special_days, day)
            if following < len(self._special_days):
                days = self._special_days[following] - day
                sure_us = min(sure_us, midnight_us + days * DAY_US)
            return bool(self._weekly[0]), sure_us
        if spans is None:
            spans = self._weekly[(day + THURSDAY) % 7]
        for from_us, to_us in spans:
            if time_us < from_us:
                return False, min(sure_us, midnight_us + from_us)
            if time_us < to_us:
                return True, min(sure_us, midnight_us + to_us)
        return False, min(sure_us, midnight_us + DAY_US)


def day_of(date: str) -> int | None:
    """Return a date's number, days since 1970-01-01; None for what is none from 1970 on.

    Args:
        date: As ISO 8601 has it, `2026-12-24`.

    >>> day_of("1970-01-01"), day_of("2000-03-01"), day_of("2026-02-29"), day_of("2026-1-1")
    (0, 11017, None, None)

    Source: the era-free form of H. Hinnant, "chrono-compatible low-level date algorithms": years
    are counted from March, so that the leap day is a year's last.
    """
    digits = date.replace("-", "", 2)
    dashes = date[4:5] + date[7:8]
    if len(date) != _ISO_LENGTH or dashes != "--" or not (digits.isascii() and digits.isdigit()):
        return None
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:])
    if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12):
        return None
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= _DAYS_IN[month - 1] + (is_leap and month == 2):
        return None
    year -= month <= 2
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719_468


def _in_us(spans: tuple[tuple[int, int], ...]) -> _Spans:
    """Return spans of seconds in microseconds; those that touch are one."""
    found: list[tuple[int, int]] = []
    for from_s, to_s in spans:
        if found and found[-1][1] == from_s * SECOND_US:
            found[-1] = (found[-1][0], to_s * SECOND_US)
        else:
            found.append((from_s * SECOND_US, to_s * SECOND_US))
    return tuple(found)

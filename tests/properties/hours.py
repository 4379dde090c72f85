"""Opening hours once more, by the time that clocks show: what is open, and how much of a span is.

Nothing of `acd.opening` or `acd.clocks` is used. A calendar may change only at midnights, where one
of its spans begins or ends, and where its clocks are changed; between two such instants it is as at
the first of them.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

from acd.settings import DAY_US, SECOND_US, CalendarSettings

_DAYS_MAX: Final = 400
"""No calendar of a test is closed for longer."""


def local_time(utc_offsets: Sequence[tuple[int, int]], now_us: int) -> datetime:
    """Return what clocks show that were changed as the offsets say, as if it were UTC."""
    offset_s = 0
    for from_us, later_s in utc_offsets:
        if from_us <= now_us:
            offset_s = later_s
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now_us, seconds=offset_s)


class Hours:
    """The hours of a calendar."""

    def __init__(self, calendar: CalendarSettings) -> None:
        self._calendar = calendar
        self._days = dict(calendar.days)
        spans = [*calendar.hours, *self._days.values()]
        self._times_s = {0} | {time_s for one in spans for span in one for time_s in span}
        self._pieces: dict[int, list[tuple[int, bool]]] = {}
        """By day in UTC: from when on it is open, or is not."""

    def is_open(self, now_us: int) -> bool:
        """Return whether it is open: by the time that the clocks there show."""
        local = local_time(self._calendar.utc_offsets, now_us)
        spans = self._days.get(str(local.date()), self._calendar.hours[local.weekday()])
        since = local - datetime.combine(local.date(), time(), UTC)
        return any(from_s <= since.total_seconds() < to_s for from_s, to_s in spans)

    def opens_us(self, now_us: int) -> int:
        """Return when it opens that is closed."""
        return next(at_us for at_us, _ in self._open_from(now_us))

    def closes_us(self, now_us: int) -> int:
        """Return when it closes that is open."""
        end_us = now_us
        for from_us, to_us in self._open_from(now_us):
            if from_us > end_us:
                break
            end_us = to_us
        return end_us

    def counted_us(self, since_us: int, until_us: int) -> int:
        """Return for how long it is open from one instant to another."""
        counted_us = 0
        for from_us, to_us in self._open_from(since_us):
            if from_us >= until_us:
                break
            counted_us += min(to_us, until_us) - from_us
        return counted_us

    def due_us(self, since_us: int, span_us: int) -> int:
        """Return when it has been open for so long since an instant."""
        if span_us == 0:
            return since_us
        for from_us, to_us in self._open_from(since_us):
            if to_us - from_us >= span_us:
                return from_us + span_us
            span_us -= to_us - from_us
        raise AssertionError(since_us, span_us)

    def _open_from(self, since_us: int) -> Iterator[tuple[int, int]]:
        """Yield the spans in which it is open from an instant on; some of them touch."""
        first = since_us // DAY_US
        for day in range(first, first + _DAYS_MAX):
            pieces = self._of_day(day)
            ends = [at_us for at_us, _ in pieces[1:]] + [(day + 1) * DAY_US]
            for (from_us, is_open), to_us in zip(pieces, ends, strict=True):
                if is_open and to_us > since_us:
                    yield max(from_us, since_us), to_us

    def _of_day(self, day: int) -> list[tuple[int, bool]]:
        if day not in self._pieces:
            begin_us, offsets = day * DAY_US, self._calendar.utc_offsets
            could = {begin_us} | {
                begin_us + other * DAY_US + (time_s - offset_s) * SECOND_US
                for other in (-1, 0, 1, 2)
                for time_s in self._times_s
                for offset_s in (0, *(offset_s for _, offset_s in offsets))
            }
            could |= {from_us for from_us, _ in offsets}
            inside = sorted(one for one in could if begin_us <= one < begin_us + DAY_US)
            self._pieces[day] = [(at_us, self.is_open(at_us)) for at_us in inside]
        return self._pieces[day]

"""How many contacts to expect: the mean of the last same weekdays, with what is known besides.

On the calls of a bank (164 weekdays of quarter hours, each week forecast from those before it) the
mean of four same weekdays is off by 7.2 % of all calls, of two by 7.8 %, of one by 8.8 %, of eight
by 7.2 % (`python -m benchmarks.bench_forecast`). Holidays are left out, and have factors.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec
import numpy as np

from sim.busyness import Busyness
from sim.dispersion import estimate
from sim.history import History, Line

WEEKS: Final = 4
"""How many same weekdays are averaged."""

REACH: Final = 3
"""How far back these may lie, as a multiple of their number: past holidays, for one."""

HELD_OUT: Final = 12
"""How many of the last weeks are forecast from what was before them, to tell the error."""

_WEEK: Final = timedelta(weeks=1)


class ForecastError(ValueError):
    """A forecast cannot be made. The message says what is missing."""


class Uplift(msgspec.Struct, frozen=True):
    """What is known to come, and in no history: a campaign, a price rise. Both days belong to it.

    It multiplies all lines, or one queue's.
    """

    name: str
    first: date
    last: date
    factor: float
    queue: str = ""


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """How to forecast."""

    weeks: int = WEEKS
    growth: float = 0.0
    """Yearly: 0.1 is a tenth more in a year; it counts from the middle of the days averaged."""
    holidays: frozenset[date] = frozenset()
    holiday_factor: float | None = None
    """Of a holiday, over a usual day like it; None: learned from the holidays in the history."""
    uplifts: tuple[Uplift, ...] = ()
    fill_gaps: bool = False
    """Whether a day that lacks an interval counts for the others; else it is refused."""


class Cell(NamedTuple):
    """What is expected in one interval."""

    start_s: int
    offered: float


Day = Mapping[time, float]
"""Offered contacts by the local time at which intervals begin. Of two of one name: their mean."""


class Forecaster:
    """Forecasts days from a history.

    Raises:
        ForecastError: The history has a gap, and gaps are not to be filled.
    """

    def __init__(self, history: History, method: Method | None = None) -> None:
        self.method = method or Method()
        self._history = history
        self._days = {line: _days(history, line) for line in history.counts}
        if not self.method.fill_gaps:
            for line in self._days:
                _refuse_gaps(history, line)
        self._factors = {line: self._holiday_factor(line) for line in self._days}

    def day(self, wanted: date, *, known_until: date | None = None) -> dict[Line, list[Cell]]:
        """Return what to expect on a day, by line and interval; a closed one has none.

        Args:
            wanted: The day.
            known_until: Only earlier days are looked at; the wanted day itself if not told.

        Raises:
            ForecastError: Not a week is known before it.
        """
        until = known_until or wanted
        return {line: self._of(line, wanted, until) for line in self._days}

    def _of(self, line: Line, wanted: date, until: date) -> list[Cell]:
        usual = self._usual(line, wanted, until)
        if usual is None:
            days = self._days[line]
            looked_at = (wanted - number * _WEEK for number in range(1, self._reach + 1))
            is_known = days and any(min(days) <= one <= max(days) for one in looked_at)
            if is_known and any(one < until - _WEEK for one in days):
                return []  # A week and more is known, and never such a day: it is closed.
            if days and max(days) < wanted - self._reach * _WEEK:
                raise ForecastError(
                    f"{line.queue} {line.channel}: ends on {max(days)}, more than {self._reach} "
                    f"weeks before {wanted}; wanted a nearer day, or more --weeks"
                )
            raise ForecastError(
                f"{line.queue} {line.channel}: no {wanted:%A} before {until}; "
                "wanted a week of history before the day at least"
            )
        factor = (1 + self.method.growth) ** ((wanted - usual.middle).days / 365.25)
        if wanted in self.method.holidays:
            factor *= self._factors[line]
        for uplift in self.method.uplifts:
            if uplift.first <= wanted <= uplift.last and uplift.queue in {"", line.queue}:
                factor *= uplift.factor
        return [
            Cell(start_s, usual.offered[at] * factor)
            for start_s, at in _starts(self._history, wanted)
            if at in usual.offered
        ]

    @property
    def _reach(self) -> int:
        return self.method.weeks * REACH

    def _usual(self, line: Line, wanted: date, until: date) -> "_Usual | None":
        """Return the mean of the last same weekdays that are no holidays; None of none."""
        days = self._days[line]
        before = [wanted - number * _WEEK for number in range(1, self._reach + 1)]
        before = [one for one in before if one < until]
        same = [one for one in before if one in days and one not in self.method.holidays]
        same = same[: self.method.weeks]
        if not same:
            return None
        middle = date.fromordinal(sum(one.toordinal() for one in same) // len(same))
        slots = sorted({at for one in same for at in days[one]})
        counts = {at: [days[one][at] for one in same if at in days[one]] for at in slots}
        offered = {at: sum(counts[at]) / len(counts[at]) for at in slots}
        return _Usual(offered, middle, len(same))

    def _holiday_factor(self, line: Line) -> float:
        """Return what a holiday has of a usual day; one that was closed had nothing."""
        if self.method.holiday_factor is not None:
            return self.method.holiday_factor
        days = self._days[line]
        if not days:
            return 1.0
        was = usual = 0.0
        for one in sorted(self.method.holidays):
            if min(days) <= one <= max(days):
                expected = self._usual(line, one, one)
                if expected is not None:
                    was += sum(days.get(one, {}).values())
                    usual += sum(expected.offered.values())
        return was / usual if usual else 1.0

    def holiday_factors(self) -> Mapping[Line, float]:
        """Return the factor of holidays by line: the one given, or learned; 1 if none was seen."""
        return self._factors

    def busyness(self, line: Line) -> Busyness:
        """Return how days and intervals vary about the mean of the same weekdays before them.

        Its name is the queue's.

        Raises:
            ForecastError: Too few days have a mean before them, or nobody came.
        """
        days = self._days[line]
        usual = {
            one: found
            for one in sorted(days)
            if one not in self.method.holidays and (found := self._usual(line, one, one))
        }
        slots = sorted({at for one in usual for at in (*days[one], *usual[one].offered)})
        counts, expected = (
            np.array([[of.get(at, np.nan) for at in slots] for of in of_days]).reshape(
                len(usual), len(slots)
            )
            for of_days in (
                [days[one] for one in usual],
                [found.offered for found in usual.values()],
            )
        )
        averaged = np.array([found.days for found in usual.values()], float)
        interval_us = self._history.interval_s * 1_000_000
        try:
            return estimate(
                counts, expected, averaged=averaged, interval_us=interval_us, name=line.queue
            )
        except ValueError as error:
            raise ForecastError(f"{line.queue} {line.channel}: {error}") from error

    def error(self, held_out: int = HELD_OUT) -> "Held":
        """Forecast each of the last weeks from what was known before it, and compare.

        Holidays' factors are learned from the whole history, all else only from before.

        Args:
            held_out: How many weeks; fewer where the history does not reach.

        Raises:
            ForecastError: Not one week can be forecast.
        """
        days = [one for one in self._history.days() if one not in self.method.holidays]
        last = max(days, default=date.min)
        missed, total, weeks = 0.0, 0.0, set()
        for wanted in days:
            week = (last - wanted).days // 7
            if week >= held_out:
                continue
            known_until = last - (week + 1) * _WEEK + timedelta(days=1)
            for line, of_line in self._days.items():
                usual = self._usual(line, wanted, known_until)
                if usual is None or wanted not in of_line:
                    continue
                expected = {
                    cell.start_s: cell.offered for cell in self._of(line, wanted, known_until)
                }
                for start_s, at in _starts(self._history, wanted):
                    if at in of_line[wanted]:
                        missed += abs(expected.get(start_s, 0.0) - of_line[wanted][at])
                        total += of_line[wanted][at]
                weeks.add(week)
        if not total:
            raise ForecastError("the history is too short: wanted a week with the same before it")
        return Held(len(weeks), missed / total)


class _Usual(NamedTuple):
    """What a day has in the mean."""

    offered: Day
    middle: date
    """Of the days averaged."""
    days: int
    """How many they are."""


class Held(NamedTuple):
    """How far forecasts of weeks that were held out were off."""

    weeks: int
    wape: float
    """Sum of absolute errors by interval ÷ sum of offered contacts."""


def _days(history: History, line: Line) -> dict[date, Day]:
    """Return a line's counts by local day and time."""
    days: dict[date, dict[time, list[float]]] = {}
    for start_s, count in history.counts[line].items():
        local = history.local(start_s)
        days.setdefault(local.date(), {}).setdefault(local.time(), []).append(count.offered)
    return {
        day: {at: sum(counts) / len(counts) for at, counts in slots.items()}
        for day, slots in days.items()
    }


def _starts(history: History, day: date) -> Iterator[tuple[int, time]]:
    """Yield a local day's intervals, 23 to 25 hours of them: the instant, and the local time."""
    zone = history.zone
    start = int(datetime.combine(day, time(), zone).timestamp())
    end = int(datetime.combine(day + timedelta(days=1), time(), zone).timestamp())
    for start_s in range(start, end, history.interval_s):
        yield start_s, history.local(start_s).time()


def _refuse_gaps(history: History, line: Line) -> None:
    """Refuse a line of which an interval is missing within a day's first and last.

    Raises:
        ForecastError: There is one.
    """
    for before_s, after_s in pairwise(sorted(history.counts[line])):
        missing = history.local(before_s + history.interval_s)
        is_gap = after_s - before_s > history.interval_s
        if is_gap and history.local(before_s).date() == history.local(after_s).date():
            raise ForecastError(
                f"{line.queue} {line.channel}: lacks {missing.isoformat()}; wanted all intervals "
                "between a day's first and last, or that gaps be filled from the other days"
            )

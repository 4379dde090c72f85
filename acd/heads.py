"""Heads of classes under the policies whose order changes while legs wait.

Every class has its first leg; which of these *heads* is the first is asked at the instant of a
decision. A few are compared by their places (`acd.urgency`), one by one. Of many, numpy rows with
one number per class sort out in a coarse pass those that cannot be the first, and the few that
remain are compared by their places. So the coarse pass decides nothing: it only must not lose the
first, which is argued at each `narrow` and tried with extreme numbers in tests/properties.

All rows have a column for each class number.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from acd.clocks import OpenClock
from acd.contacts import Leg
from acd.ids import TIME_US_MAX
from acd.queues import Key, LegClass
from acd.settings import DomainSettings, Urgency
from acd.urgency import (
    LIVE,
    ageing,
    excess_of,
    generalized_c_mu,
    queue_ratio,
    wait_over_objective,
)

Row: TypeAlias = NDArray[np.int64]

PlaceFunction: TypeAlias = Callable[[Leg, int], Key]
"""(leg, now_us) → place."""

NEVER: Final = 2**63 - 1
"""In a row of keys: not a candidate."""

_COLUMNS: Final = 64
"""Columns to begin with; doubled when a class has a higher number."""


class Heads(Protocol):
    """The heads of a domain's classes under one policy."""

    @property
    def place(self) -> PlaceFunction:
        """What gives a leg's place in the domain's order at an instant; smaller is sooner."""

    def put(self, klass: LegClass) -> None:
        """Take note of a class, or of another in place of a forgotten one. It has no head yet."""

    def note(self, number: int, first: Leg | None) -> None:
        """Take note of the head of the class of a number; None where nobody waits in its line."""

    def narrow(self, classes: Row, now_us: int) -> Row:
        """Return those of these classes whose head may be the first of all their heads.

        The first is always among them; nobody is only if none of the classes has a head.
        """


def heads_of(settings: DomainSettings) -> "Heads | None":
    """Return what compares heads under the domain's policy; None where keys do, at any time."""
    urgency = settings.urgency
    if urgency not in LIVE:
        return None
    if urgency is Urgency.AGEING:
        return AgeingHeads()
    if urgency is Urgency.QUEUE_RATIO:
        return RatioHeads(settings)
    return WaitHeads(urgency)


class _Readings:
    """What the clocks of classes show: the time itself, but where a queue's stands still at times.

    A class without a clock has the first of them.
    """

    def __init__(self) -> None:
        self._clocks: list[OpenClock] = []
        self._of_class: Row = np.zeros(_COLUMNS, dtype=np.int64)

    def put(self, klass: LegClass) -> None:
        """Take note of a class."""
        number, clock = klass.number, klass.clock
        while number >= len(self._of_class):
            self._of_class = np.concatenate([self._of_class, np.zeros_like(self._of_class)])
        self._of_class[number] = 0
        if clock is not None:
            if clock not in self._clocks:
                self._clocks.append(clock)
            self._of_class[number] = self._clocks.index(clock) + 1

    def at(self, now_us: int, classes: Row) -> Row | int:
        """Return what the clock of each class shows at an instant; not below 0."""
        if not self._clocks:
            return now_us
        shown = [now_us, *(clock.reading_us(now_us) for clock in self._clocks)]
        return np.array(shown, dtype=np.int64)[self._of_class.take(classes)]


def _arrival(leg: Leg) -> int:
    """Return what the clock of a leg's class showed when it came."""
    clock = leg.klass.clock
    return leg.arrived_us if clock is None else clock.reading_us(leg.arrived_us)


class AgeingHeads:
    """Heads under `ageing`: points and arrival of each, with its class's rate and cap."""

    _POINTS_MAX: Final = 2**61
    """Points (× `HOUR_US`) are cut to this. Waiting adds at most 2**62 here (`_LIMIT` holds the
    wait that does), so that no sum leaves 64 bits. Whoever's wait is cut has at least
    2**62 − 2**20 (one rate) − 2**52 (a starting priority of −10**6) points, more than this: what
    is below is exact."""

    _NOBODY: Final = -(2**63)
    """Start of a class without a head: with 2**62 added it is still below all others."""

    # Numbers of the rows: points at the arrival, arrival, rate, longest wait that counts, cap; the
    # arrival by the class's clock.
    _START: Final = 0
    _ARRIVED: Final = 1
    _RATE: Final = 2
    _LIMIT: Final = 3
    _CAP: Final = 4
    _SHOWN: Final = 5

    def __init__(self) -> None:
        self.place: PlaceFunction = ageing
        self._rows: NDArray[np.int64] = np.zeros((6, _COLUMNS), dtype=np.int64)
        self._readings = _Readings()

    def put(self, klass: LegClass) -> None:
        """Take note of a class: see `Heads`."""
        number, numbers = klass.number, klass.numbers
        while number >= self._rows.shape[1]:
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)], axis=1)
        rows = self._rows
        rows[self._RATE, number] = numbers.weight
        rows[self._LIMIT, number] = min(2**62 // max(numbers.weight, 1), TIME_US_MAX)
        rows[self._CAP, number] = min(numbers.cap, self._POINTS_MAX)
        self._readings.put(klass)
        self.note(number, None)

    def note(self, number: int, first: Leg | None) -> None:
        """Take note of a head: see `Heads`."""
        start, arrived_us, shown_us = self._NOBODY, 0, 0
        if first is not None:
            arrived_us, shown_us = first.key[1], _arrival(first)
            start = first.klass.numbers.weight * shown_us - first.key[0]
        self._rows[self._START, number] = start
        self._rows[self._ARRIVED, number] = arrived_us
        self._rows[self._SHOWN, number] = shown_us

    def narrow(self, classes: Row, now_us: int) -> Row:
        """Return the classes whose head may be the first: see `Heads`.

        By (min(points, cap), points, arrival), each cut to `_POINTS_MAX`. Cutting keeps the order
        of all that differ below it and makes equals of the rest, so the first stays among the best
        of the first two; the arrival is asked only where nothing was cut.
        """
        start, arrived_us, rate, limit_us, cap, shown_us = self._rows.take(classes, axis=1)
        waited_us = np.minimum(self._readings.at(now_us, classes) - shown_us, limit_us)
        points = np.minimum(start + rate * waited_us, self._POINTS_MAX)
        capped = np.minimum(points, cap)
        most = int(capped.max())
        if most <= self._NOBODY + 2**62:
            return classes[:0]
        best = np.flatnonzero(capped == most)
        if len(best) > 1:
            points = points[best]
            most = int(points.max())
            best = best[points == most]
            if len(best) > 1 and most < self._POINTS_MAX:
                came_us = arrived_us[best]
                best = best[came_us == came_us.min()]
        return classes[best]


class WaitHeads:
    """Heads under `wait_over_objective` and `generalized_c_mu`: waited × weight / period."""

    _NEAR: Final = 1 - 2.0**-48
    """What is below this part of the largest cannot be the first. A rough value is the exact one
    but for three roundings (of the wait, of the slope, of their product), each of at most 2**-53 of
    the value; so the exactly first, at its lowest, is above 1 − 2**-50 of the largest. All values
    are 0 or lie between 2**-45 and 2**80, where floats have all their digits."""

    def __init__(self, urgency: Urgency) -> None:
        self.place: PlaceFunction = (
            wait_over_objective if urgency is Urgency.WAIT_OVER_OBJECTIVE else generalized_c_mu
        )
        self._readings = _Readings()
        self._arrived_us: Row = np.full(_COLUMNS, NEVER, dtype=np.int64)
        """By the class's clock."""
        self._slope: NDArray[np.float64] = np.ones(_COLUMNS, dtype=np.float64)

    def put(self, klass: LegClass) -> None:
        """Take note of a class: see `Heads`."""
        number = klass.number
        while number >= len(self._slope):
            none = np.full_like(self._arrived_us, NEVER)
            self._arrived_us = np.concatenate([self._arrived_us, none])
            self._slope = np.concatenate([self._slope, np.ones_like(self._slope)])
        self._slope[number] = klass.numbers.weight / klass.numbers.period_us
        self._readings.put(klass)
        self.note(number, None)

    def note(self, number: int, first: Leg | None) -> None:
        """Take note of a head: see `Heads`."""
        self._arrived_us[number] = NEVER if first is None else _arrival(first)

    def narrow(self, classes: Row, now_us: int) -> Row:
        """Return the classes whose head may be the first: see `Heads`.

        A class without a head came at NEVER, so its value is negative; the others' are not.
        """
        waited_us = self._readings.at(now_us, classes) - self._arrived_us.take(classes)
        rough = waited_us * self._slope.take(classes)
        most = float(rough.max())
        if most < 0:
            return classes[:0]
        return classes[rough >= most * self._NEAR]


class RatioHeads:
    """Heads under `queue_ratio`: the arrival of each, and how many wait in each queue.

    Counters stay below 2**32, since so many legs fill no machine's memory, and the sum of shares
    below 2**30 (10,000 queues × 100,000): products fit 64 bits.
    """

    _NOBODY: Final = -(2**63)
    """Excess of a class without a head: below all others."""

    def __init__(self, settings: DomainSettings) -> None:
        self._shares: Row = np.array(
            [queue.waiting_share for queue in settings.queues], dtype=np.int64
        )
        self._sum = int(self._shares.sum())
        self._waiting = [0] * len(self._shares)
        """Legs waiting, in line or aside, by the queue's position in the settings."""
        self._row: Row = np.zeros_like(self._shares)
        """The same, up to date when it is read: plain numbers are changed three times as fast."""
        self._stale: set[int] = set()
        """Queues whose column is not up to date."""
        self._in_all = 0
        self._of_class = [0] * _COLUMNS
        """Legs waiting by class number."""
        self._arrived_us: Row = np.full(_COLUMNS, NEVER, dtype=np.int64)
        self._queue: Row = np.zeros(_COLUMNS, dtype=np.int64)
        """By class number: the position of its queue."""

    def place(self, leg: Leg, now_us: int) -> Key:
        """Return a leg's place: see `Heads`. Counters change it, time does not."""
        del now_us
        numbers = leg.klass.numbers
        waiting = self._waiting[numbers.queue]
        return queue_ratio(leg, excess_of(waiting, self._in_all, numbers.share, self._sum))

    def put(self, klass: LegClass) -> None:
        """Take note of a class: see `Heads`."""
        number = klass.number
        while number >= len(self._queue):
            none = np.full_like(self._arrived_us, NEVER)
            self._arrived_us = np.concatenate([self._arrived_us, none])
            self._queue = np.concatenate([self._queue, np.zeros_like(self._queue)])
            self._of_class += [0] * len(self._of_class)
        self._queue[number] = klass.numbers.queue
        self.note(number, None)

    def note(self, number: int, first: Leg | None) -> None:
        """Take note of a head: see `Heads`."""
        self._arrived_us[number] = NEVER if first is None else first.arrived_us

    def count(self, klass: LegClass, waiting: int) -> None:
        """Take note of how many legs of a class wait."""
        more = waiting - self._of_class[klass.number]
        if more:
            self._of_class[klass.number] = waiting
            self._waiting[klass.numbers.queue] += more
            self._in_all += more
            self._stale.add(klass.numbers.queue)

    def narrow(self, classes: Row, now_us: int) -> Row:
        """Return the classes whose head may be the first: see `Heads`. All is exact here."""
        del now_us
        arrived_us = self._arrived_us.take(classes)
        excess = self._excess(self._queue.take(classes))
        excess[arrived_us == NEVER] = self._NOBODY
        most = int(excess.max())
        if most == self._NOBODY:
            return classes[:0]
        best = np.flatnonzero(excess == most)
        if len(best) > 1:
            came_us = arrived_us[best]
            best = best[came_us == came_us.min()]
        return classes[best]

    def fullest(self, queues: Mapping[int, Sequence[tuple[Key, int]]]) -> int:
        """Return which queue is the first: by its excess, and among equals by its head's key.

        Args:
            queues: By the queue's position, its heads as a heap; not empty.
        """
        positions = np.fromiter(queues, dtype=np.int64, count=len(queues))
        excess = self._excess(positions)
        fullest = positions[excess == excess.max()]
        return min((int(one) for one in fullest), key=lambda one: queues[one][0])

    def _excess(self, queues: Row) -> Row:
        """Return `acd.urgency.excess_of` for queues by position. Shape as `queues`."""
        for queue in self._stale:
            self._row[queue] = self._waiting[queue]
        self._stale.clear()
        return self._row.take(queues) * self._sum - self._shares.take(queues) * self._in_all

"""How many of a set of keys come before one: O(√n) or so, and so is adding or taking out a key.

The keys stand ascending in a list of short lists (*runs*); a run that grows too long is cut in two,
one that is empty goes. To count what comes before a key, the lengths of the runs before its own are
added. Python's lists move and bisect so fast that this beats a tree of counters: 100,000 keys are
some 300 runs.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import Final

from acd.queues import Key

RUN_MAX: Final = 512
"""Longest run: with twice as many keys it is cut in two."""


class Ranks:
    """Keys in ascending order, no two of them equal."""

    __slots__ = ("_lasts", "_runs", "count")

    def __init__(self) -> None:
        self._runs: list[list[Key]] = []
        """None of them empty."""
        self._lasts: list[Key] = []
        """The last key of each run."""
        self.count = 0

    def __iter__(self) -> Iterator[Key]:
        """Yield the keys, ascending."""
        for run in self._runs:
            yield from run

    @property
    def first(self) -> Key:
        """The smallest key, of which there is one."""
        return self._runs[0][0]

    def add(self, key: Key) -> None:
        """Add a key that is not in."""
        self.count += 1
        runs, lasts = self._runs, self._lasts
        if not runs:
            runs.append([key])
            lasts.append(key)
            return
        at = min(bisect_left(lasts, key), len(runs) - 1)
        run = runs[at]
        insort(run, key)
        lasts[at] = run[-1]
        if len(run) > 2 * RUN_MAX:
            runs[at : at + 1] = [run[:RUN_MAX], run[RUN_MAX:]]
            lasts[at : at + 1] = [run[RUN_MAX - 1], run[-1]]

    def discard(self, key: Key) -> None:
        """Take out a key that is in."""
        self.count -= 1
        runs, lasts = self._runs, self._lasts
        at = bisect_left(lasts, key)
        run = runs[at]
        del run[bisect_left(run, key)]
        if run:
            lasts[at] = run[-1]
        else:
            del runs[at]
            del lasts[at]

    def before(self, key: Key) -> int:
        """Return how many keys are smaller than this one, which may be in or not."""
        at = bisect_left(self._lasts, key)
        if at == len(self._runs):
            return self.count
        return sum(map(len, self._runs[:at])) + bisect_left(self._runs[at], key)

    def before_by(self, place: Key, place_of: Callable[[Key], Key]) -> int:
        """Return how many keys have a smaller place than this one; places ascend as keys do."""
        at = bisect_left(self._lasts, place, key=place_of)
        if at == len(self._runs):
            return self.count
        within = bisect_left(self._runs[at], place, key=place_of)
        return sum(map(len, self._runs[:at])) + within

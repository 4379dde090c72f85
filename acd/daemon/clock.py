"""The daemon's clock: wall time at the start, then the monotonic clock.

So a wall clock that is set while the daemon runs moves no timer, and time never goes back. The
difference that grows meanwhile is told (`offset_us`) and gone after the next start.
"""

import time
from collections.abc import Callable


class Clock:
    """Microseconds since the epoch, never less than before.

    Args:
        not_before_us: Where the journal ended: time goes on from there at the earliest.
        wall_ns: Reads the wall clock.
        monotonic_ns: Reads the monotonic clock.
    """

    __slots__ = ("_base_us", "_held_us", "_monotonic_ns", "_wall_ns")

    def __init__(
        self,
        *,
        not_before_us: int = 0,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._base_us = max(wall_ns() // 1_000, not_before_us) - monotonic_ns() // 1_000
        self._held_us: int | None = None

    def now_us(self) -> int:
        """Return the present instant."""
        return self.free_us() if self._held_us is None else self._held_us

    def free_us(self) -> int:
        """Return the instant that it would be if time were not held."""
        return self._base_us + self._monotonic_ns() // 1_000

    def hold(self, at_us: int) -> None:
        """Let time stand still at an instant, until `release`."""
        self._held_us = at_us

    def release(self) -> None:
        """Let time be what it is, and go on."""
        self._held_us = None

    def offset_us(self) -> int:
        """Return by how much the wall clock is ahead of this one."""
        return self._wall_ns() // 1_000 - self._base_us - self._monotonic_ns() // 1_000

"""Waits, counted by their length to a tenth of a second, and quantiles of such counts."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from acd.settings import SECOND_US

WAIT_STEP_US: Final = SECOND_US // 10
"""Waits are counted to the nearest tenth of a second, for their quantiles only …"""
WAIT_FINE_MAX_US: Final = 3_600 * SECOND_US
"""… up to an hour, beyond it to the nearest `WAIT_COARSE_STEP_US`: at most 36,000 counts a row for
everything that a telephone sees, and one more for each 10 s that an email waits."""
WAIT_COARSE_STEP_US: Final = 10 * SECOND_US
WAIT_COARSE_MAX: Final = 30 * 24 * 360
"""Most coarse steps: 30 days. Longer waits count as 30 days and an hour in the quantiles."""

_FINE_BUCKETS: Final = WAIT_FINE_MAX_US // WAIT_STEP_US


def wait_bucket(wait_us: int) -> int:
    """Return the number of the count that a wait belongs to.

    >>> wait_bucket(0), wait_bucket(149_999), wait_bucket(150_000), wait_bucket(3_605_000_000)
    (0, 1, 2, 36001)
    """
    if wait_us <= WAIT_FINE_MAX_US:
        return (wait_us + WAIT_STEP_US // 2) // WAIT_STEP_US
    steps = (wait_us - WAIT_FINE_MAX_US + WAIT_COARSE_STEP_US // 2) // WAIT_COARSE_STEP_US
    return _FINE_BUCKETS + min(steps, WAIT_COARSE_MAX)


def bucket_wait_us(bucket: int) -> int:
    """Return the wait that a count stands for.

    >>> bucket_wait_us(2), bucket_wait_us(36_001)
    (200000, 3610000000)
    """
    if bucket <= _FINE_BUCKETS:
        return bucket * WAIT_STEP_US
    return WAIT_FINE_MAX_US + (bucket - _FINE_BUCKETS) * WAIT_COARSE_STEP_US


def wait_quantiles_s(
    counts: Mapping[int, int], percents: Sequence[int]
) -> tuple[float | None, ...]:
    """Return quantiles of waits, given how many there are in each `wait_bucket`; None of none.

    With the n waits sorted as x0 … x(n-1), the quantile p is linear between the two neighbours of
    position (n - 1) p, reckoned in whole numbers up to the last division. Cost: the counts are
    sorted.

    Source:
        R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, 1996, definition 7.

    >>> wait_quantiles_s({0: 3, 100: 1}, (50, 80, 95, 99))
    (0.0, 4.0, 8.5, 9.7)
    """
    if not counts:
        return (None,) * len(percents)
    buckets = sorted(counts)
    up_to = list(accumulate(counts[bucket] for bucket in buckets))
    last = up_to[-1] - 1

    def wait_us(position: int) -> int:
        return bucket_wait_us(buckets[bisect_right(up_to, position)])

    def quantile_s(percent: int) -> float:
        lower, rest = divmod(last * percent, 100)
        upper = min(lower + 1, last)
        return (wait_us(lower) * (100 - rest) + wait_us(upper) * rest) / (100 * SECOND_US)

    return tuple(quantile_s(percent) for percent in percents)

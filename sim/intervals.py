"""How far a figure of several runs may be off: confidence intervals.

Replications are independent, so the mean of a figure over them has Student's t (Law and Kelton,
"Simulation modeling and analysis", chapter 9). Of one long run the parts are not: it is cut into
batches, long against the time in which the line forgets, whose means are nearly so; since they hold
unlike numbers of contacts the ratio of their sums is what is estimated (Fieller's problem, by the
delta method).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import special

CONFIDENCE: Final = 0.95

BATCHES_MIN: Final = 10
"""Fewest batches: below it an interval tells little."""


class Estimate(NamedTuple):
    """A figure, and how far off it may be."""

    mean: float
    half_width: float
    """The interval is mean ± this; infinite of one run."""
    runs: int
    """How many, or batches, had the figure."""
    deviation: float
    """Standard deviation of a single run's figure; 0 of one."""

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.mean + self.half_width


def student(confidence: float, freedom: int) -> float:
    """Return the quantile of Student's t that leaves out (1 - confidence) / 2 above it.

    >>> round(student(0.95, 19), 3)
    2.093
    """
    return float(special.stdtrit(freedom, (1 + confidence) / 2))


def mean_of(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate | None:
    """Return the mean of independent runs' figures with its interval; None of none.

    Raises:
        ValueError: The confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: is {confidence:g}; wanted above 0, below 1")
    if not values:
        return None
    count = len(values)
    mean = float(np.mean(values))
    if count == 1:
        return Estimate(mean, float("inf"), 1, 0.0)
    deviation = float(np.std(values, ddof=1))
    half_width = student(confidence, count - 1) * deviation / count**0.5
    return Estimate(mean, half_width, count, deviation)


def ratio_of_batches(
    parts: Sequence[float],
    wholes: Sequence[float],
    *,
    batches: int,
    confidence: float = CONFIDENCE,
) -> Estimate | None:
    """Return sum of parts ÷ sum of wholes of one long run, with its interval; None where all is 0.

    Args:
        parts: By interval of the run, its warm-up left out.
        wholes: As many.
        batches: Into how many the intervals are put together, alike in number; what is left over at
            the beginning is left out.
        confidence: Of the interval.

    Raises:
        ValueError: There are too few batches, or fewer intervals than batches.
    """
    if len(parts) != len(wholes):
        raise ValueError(f"batches: {len(parts)} parts, {len(wholes)} wholes; wanted as many")
    if not BATCHES_MIN <= batches <= len(parts):
        wanted = f"from {BATCHES_MIN} to {len(parts)}, the intervals"
        raise ValueError(f"batches: is {batches}; wanted {wanted}")
    each = len(parts) // batches
    above, below = (
        np.asarray(one, float)[len(parts) - each * batches :].reshape(batches, each).sum(axis=1)
        for one in (parts, wholes)
    )
    whole = float(below.mean())
    if not whole:
        return None
    ratio = float(above.mean()) / whole
    deviation = float(np.std(above - ratio * below, ddof=1)) / whole
    half_width = student(confidence, batches - 1) * deviation / batches**0.5
    return Estimate(ratio, half_width, batches, deviation)

"""Shrinkage: the share of the scheduled time in which agents are not there to take contacts.

It divides: for n on the floor n ÷ (1 − shrinkage) are scheduled, and not n × (1 + shrinkage). Both
directions are exact (a share is the decimal number that was written), and they fit together: the
scheduled who are enough for n are the fewest of whom n are there.
"""

import math
from fractions import Fraction


def scheduled_for(on_floor: int, shrinkage: float) -> int:
    """Return how many must be scheduled so that so many are there: rounded up.

    Args:
        on_floor: How many are there, from 0.
        shrinkage: From 0 to below 1.

    >>> scheduled_for(7, 0.3), scheduled_for(5, 0.3), scheduled_for(0, 0.3)
    (10, 8, 0)
    """
    return math.ceil(on_floor / _there(shrinkage))


def on_floor_of(scheduled: int, shrinkage: float) -> int:
    """Return how many of so many scheduled are there: rounded down.

    Args:
        scheduled: From 0.
        shrinkage: From 0 to below 1.

    >>> on_floor_of(10, 0.3), on_floor_of(9, 0.3), on_floor_of(1, 0.3)
    (7, 6, 0)
    """
    return math.floor(scheduled * _there(shrinkage))


def _there(shrinkage: float) -> Fraction:
    return 1 - Fraction(repr(shrinkage))

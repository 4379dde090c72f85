"""Busy and quiet days: factors on the rates, so that counts vary more than Poisson counts do.

The rate of an interval is multiplied by two factors of mean 1: one of its day, and one of its own,
whose dependence on those before decays. Both are gamma distributed; the intervals' are joined by a
normal copula whose correlation is exp(−distance ÷ correlation time). Given the factors, arrivals
are Poisson. With both factors' coefficients of variation d and i, the counts of intervals with
means m and n at distance t have the covariance

    m n ((1 + d²)(1 + i² r(t)) − 1)    on the same day, r(0) = 1, r(t) about exp(−t ÷ correlation);

to an interval's variance m is added besides, which is Poisson's.

Source:
    Whitt 1999, "Dynamic staffing in a telephone call center aiming to immediately answer all
    calls", and Avramidis, Deslauriers and L'Ecuyer 2004, "Modeling daily arrivals to a telephone
    call center", for the day's gamma factor; Channouf and L'Ecuyer 2012, "A normal copula model for
    the arrival process in a call center", for gamma marginals under a normal copula; Oreshkin,
    Régnard and L'Ecuyer 2016, "Rate-based daily arrival process models with application to call
    centers", for factors at both levels.
"""

from itertools import accumulate
from typing import Final

import numpy as np
from msgspec import Struct

from sim.draws import Draws, Floats, Ints, standard_normal

QUANTILE_MIN: Final = 1e-300
"""Keeps the smallest factors above 0 where a normal variate is off by 37 deviations."""


class Busyness(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much days and intervals vary. Streams with one of the same name share the factors."""

    name: str
    day_cv: float = 0.0
    """Coefficient of variation of the day's factor: standard deviation ÷ mean, which is 1."""
    interval_cv: float = 0.0
    """Of the interval's factor."""
    correlation_us: int = 0
    """After it the correlation of intervals' normal scores has fallen to 1 / e; 0: independent."""


def factors(busyness: Busyness, seed: int, *, days: Ints, interval_us: int) -> Floats:
    """Return the factor of each interval, the day's times its own. Shape (intervals,), mean 1.

    A factor depends on the seed, the busyness's name, its day and its interval alone, and grows
    with one normal variate: with another coefficient of variation the busy days stay the busy ones.

    Args:
        busyness: What varies.
        seed: The replication's.
        days: The day of each interval, from 0 on. Shape (intervals,).
        interval_us: The length of an interval.
    """
    by_day = Draws(seed, busyness.name, "busyness of days", standard_normal)
    of_days = _gammas(by_day.of(0, int(days.max()) + 1), busyness.day_cv)
    by_interval = Draws(seed, busyness.name, "busyness of intervals", standard_normal)
    fresh = by_interval.of(0, len(days))
    if busyness.correlation_us:
        kept = float(np.exp(-interval_us / busyness.correlation_us))
        new = (1 - kept**2) ** 0.5
        scores = accumulate(fresh.tolist(), lambda last, one: kept * last + new * one)
        fresh = np.fromiter(scores, float, len(days))
    return of_days[days] * _gammas(fresh, busyness.interval_cv)


def _gammas(scores: Floats, cv: float) -> Floats:
    """Return gamma variates of mean 1 from standard normal ones, by inversion."""
    from scipy import special  # noqa: PLC0415 - takes as long as a small run.

    if not cv:
        return np.ones_like(scores)
    quantiles = np.clip(special.ndtr(scores), QUANTILE_MIN, 1 - 2**-53)
    variates: Floats = special.gammaincinv(cv**-2, quantiles) * cv**2
    return variates

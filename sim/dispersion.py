"""How busy days vary, from a history: the parameters of `sim.busyness` by the method of moments.

Counts are compared with what was expected of them, by day and interval. With the factors of
`sim.busyness` the products of deviations at a distance of k intervals of one day have the mean

    m n (a + b exp(−k × interval ÷ correlation)),    a = d², b = (1 + d²) i²,

and at k = 0 Poisson's variance m besides. Their sums over all days, divided by the sums of m n, are
a curve over k, to which a, b and the correlation time are fitted. Correlations of the gamma factors
are taken for those of their normal scores: with coefficients of variation up to 0.5 they differ by
less than 0.02.
"""

from typing import Final

import numpy as np
from scipy import optimize

from sim.busyness import Busyness
from sim.draws import Floats

DAYS_MIN: Final = 20
"""Fewest days: of so many a coefficient of variation is known to 1 / √(2 × 20), 16 %."""

TIMES: Final = 60
"""How many correlation times are tried, from a quarter of an interval to half of a day's length."""


def estimate(
    counts: Floats, expected: Floats, *, averaged: Floats | float, interval_us: int, name: str
) -> Busyness:
    """Return the busyness of days about what was expected of them.

    Args:
        counts: Contacts that came. Shape (days, slots), NaN where nothing was counted.
        expected: As many. Shape (days, slots), NaN where nothing was expected.
        averaged: How many other days' counts the expected ones are means of, whose own deviations
            are taken out; infinity if they are known. Shape (days,) or a single number.
        interval_us: Length of a slot.
        name: What the busyness is called.

    Raises:
        ValueError: There are fewer than `DAYS_MIN` days, or nobody was expected.
    """
    if len(counts) < DAYS_MIN:
        raise ValueError(f"{len(counts)} days with a forecast; wanted {DAYS_MIN}")
    if not np.nansum(expected):
        raise ValueError("nobody was expected; wanted contacts")
    curve, weights = covariances(counts, expected, averaged=averaged)
    lags = np.arange(len(curve))
    roots = np.sqrt(weights)
    best: tuple[float, float, float, float] | None = None
    for time in np.geomspace(0.25, max(len(curve) / 2, 0.5), TIMES):
        design = np.column_stack([np.ones(len(curve)), np.exp(-lags / time)])
        (level, height), missed = optimize.nnls(design * roots[:, None], curve * roots)
        if best is None or missed < best[0]:
            best = float(missed), float(level), float(height), float(time)
    assert best is not None
    _, level, height, time = best
    return Busyness(
        name=name,
        day_cv=level**0.5,
        interval_cv=(height / (1 + level)) ** 0.5,
        correlation_us=round(time * interval_us) if height else 0,
    )


def covariances(
    counts: Floats, expected: Floats, *, averaged: Floats | float
) -> tuple[Floats, Floats]:
    """Return the factors' covariance by distance, and how much stands behind each.

    Args:
        counts: As `estimate` has it, and so the others.
        expected: Likewise.
        averaged: Likewise.

    Returns:
        Covariances at 0, 1, … slots, and the sums of products of expected counts; shape (slots,).
    """
    known = np.isfinite(counts) & np.isfinite(expected)
    means = np.where(known, expected, 0.0)
    share = np.broadcast_to(1 / (1 + 1 / np.asarray(averaged, float)), (len(counts),))
    off = np.where(known, counts - expected, 0.0)
    slots = counts.shape[1]
    sums, weights = np.empty(slots), np.empty(slots)
    for lag in range(slots):
        early, late = slice(0, slots - lag), slice(lag, slots)
        sums[lag] = np.sum(share[:, None] * off[:, early] * off[:, late])
        weights[lag] = np.sum(means[:, early] * means[:, late])
    sums[0] -= np.sum(means)
    return np.divide(sums, weights, out=np.zeros(slots), where=weights > 0), weights

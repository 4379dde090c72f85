"""Intervals of 95 % cover in 95 % of the cases.

Method: the share of intervals that cover is tried where the truth is known: a line that begins
empty, whose expected number waiting is the solution of Kolmogorov's equations.
"""

import numpy as np
from scipy import linalg

from sim.intervals import mean_of
from sim.study import run_one, seed_of
from sim.textbook import m_m_n

SMALL = m_m_n(agents=3, contacts=25, load=0.9, patience_mean_s=120.0)
LENGTH = "line.voice.queue_length"


def test_of_95_percent_intervals_95_percent_cover():
    """400 experiments of 8 runs each; 91.5 to 98.3 % is three standard errors about 95 %."""
    experiments, runs = 400, 8
    span = SMALL.interval_us / 1e6 / 240.0
    truth = expected_length(3, 0.9, 0.5, span)
    values = np.array(
        [
            run_one(SMALL, number, seed_of(7, number)).figures[LENGTH]
            for number in range(experiments * runs)
        ]
    ).reshape(experiments, runs)
    estimates = [mean_of(line.tolist()) for line in values]
    covering = sum(one is not None and one.low <= truth <= one.high for one in estimates)
    assert 0.915 <= covering / experiments <= 0.983
    # And all runs together are near the truth, within three of their own standard errors.
    error = values.std(ddof=1) / np.sqrt(values.size)
    assert abs(values.mean() - truth) < 3 * error


def expected_length(agents, load, patience, span):
    """Return the mean number waiting over a span from empty on; times in mean handling times."""
    most = 80
    rates = np.zeros((most + 2, most + 2))
    for inside in range(most + 1):
        up = load * agents if inside < most else 0.0
        down = min(inside, agents) + max(inside - agents, 0) / patience
        rates[inside, inside] = -up - down
        if inside < most:
            rates[inside, inside + 1] = up
        if inside:
            rates[inside, inside - 1] = down
        rates[inside, most + 1] = max(inside - agents, 0)  # What it adds to the area.
    return float(linalg.expm(rates * span)[0, most + 1]) / span

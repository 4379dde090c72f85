"""How far the forecast is off, by how many same weekdays are averaged.

Question: does the default method meet 7.9 % (WAPE by quarter hours, a week ahead) on the calls of a
bank, the figure found when methods were compared?

Method: each week that has the same weekdays before it is forecast from those before it alone, and
its absolute errors by interval are summed and divided by its contacts. The bank's calls are no part
of the project: pass a history that `acd sim import` wrote. Without one, a drawn history stands in:
weekdays of 13 hours with a shape, a level that wanders, and Poisson counts with a gamma busyness.

    acd sim import bank_calls.csv --time-zone UTC --map start=DateTime --map offered=Calls \
        --interval-min 15 -o bank.csv
    python -m benchmarks.bench_forecast bank.csv
    python -m benchmarks.bench_forecast            # the drawn history, two seconds
    python -m benchmarks.bench_forecast --smoke    # a shorter one; against rot
"""

import argparse
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.measuring import Digest, machine
from sim.forecast import Forecaster, Method
from sim.history import Count, History, Line, read

WEEKS: Final = (1, 2, 4, 8)
ALL: Final = 10_000
"""More weeks than any history has."""

DRAWN_DAYS: Final = 240
SMOKE_DAYS: Final = 70
MONDAY_S: Final = 1_046_649_600
"""2003-03-03 00:00 UTC."""


def drawn(days: int) -> History:
    """Return a history that is drawn."""
    rng = np.random.default_rng(1)
    counts: dict[int, Count] = {}
    level = 400.0
    for day in range(days):
        level *= float(np.exp(rng.normal(0, 0.02)))
        if day % 7 < 5:
            busy = level * rng.gamma(100, 0.01) * (1.2 - 0.05 * (day % 7))
            for quarter in range(28, 80):
                mean = busy * np.sin((quarter - 20) / 68 * np.pi)
                start_s = MONDAY_S + day * 86_400 + quarter * 900
                counts[start_s] = Count(float(rng.poisson(mean)))
    return History("UTC", 900, {Line("bank", "voice"): counts})


def main() -> None:
    """Print a line for each number of weekdays."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("history", type=Path, nargs="?")
    parser.add_argument("--smoke", action="store_true", help="small; against rot")
    asked = parser.parse_args()
    if asked.history is not None:
        history = read(asked.history)
    else:
        history = drawn(SMOKE_DAYS if asked.smoke else DRAWN_DAYS)
    days = history.days()
    digest = Digest()
    print(machine())
    print(f"{len(days)} days from {days[0]} to {days[-1]}, by {history.interval_s // 60} min")
    print("weekdays averaged   weeks held out   WAPE    seconds")
    for weeks in WEEKS:
        began = time.perf_counter()
        held = Forecaster(history, Method(weeks=weeks)).error(ALL)
        took_s = time.perf_counter() - began
        digest.add((weeks, held.weeks, round(held.wape, 12)))
        print(f"{weeks:17}   {held.weeks:14}   {held.wape:5.1%}   {took_s:7.2f}")
    print(f"digest {digest.text()}")


if __name__ == "__main__":
    main()

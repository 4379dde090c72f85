"""Whether the workload's laws meet real data, and what they cost to draw.

Questions: do counts drawn with a busyness that was estimated from a bank's calls vary as much as
the calls do, at every scale from 5 minutes to days? How near is the shape of an outage to the surge
that it was fitted to? How much longer than plain arrivals take those of the other laws?

Method: (1) For each slot of the day, the variance over the days ÷ the mean, averaged over the
slots, of the calls and of as many drawn days; likewise of sums over half hours and days. The
busyness is estimated by `sim.dispersion` about the mean of the other days, the same for all days,
so weekdays and trends count as busyness. (2) The shape's daily means beside the calls' of 60 days
from 27 October 2012 on: explained variance, and the largest distance of the cumulated shares.
(3) The CPU time of `workload` for one day of a stream, by law, in turn; medians of ratios to plain.

The data is no part of the project. Without a bank's history a drawn one stands in; without the
calls after hurricane Sandy that table is left out.

    acd sim import bank_calls.csv --time-zone UTC --map start=DateTime --map offered=Calls \
        -o bank.csv
    python -m benchmarks.bench_workload --bank bank.csv --sandy sandy_311_calls_by_day.csv
    python -m benchmarks.bench_workload            # a drawn history, ten seconds
    python -m benchmarks.bench_workload --smoke    # small; against rot
"""

import argparse
import csv
import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from msgspec.structs import replace
from scipy import optimize

from benchmarks.measuring import Digest, machine
from sim.arrivals import instants, sources, workload
from sim.batches import Batch, Sizes
from sim.busyness import Busyness, factors
from sim.dispersion import estimate
from sim.draws import Floats
from sim.history import DAY_S, read
from sim.peaks import FlashCrowd, Outage, Peak
from sim.replay import Replay
from sim.textbook import m_m_n
from sim.workload import HOUR_US, MINUTE_US, SECOND_US, Scenario

SLOT_US: Final = 5 * MINUTE_US
SLOTS: Final = 168
"""Of 5 minutes, 14 hours a day, as a bank's."""
STAND_IN: Final = Busyness(
    name="bank", day_cv=0.09, interval_cv=0.06, correlation_us=300 * MINUTE_US
)
SANDY_DAYS: Final = 60
SANDY_FROM: Final = "10/27/12"
REPETITIONS: Final = 9
SMOKE_REPETITIONS: Final = 1
RATE_PER_H: Final = 10_000.0


def drawn(means: Floats, busyness: Busyness, days: int, seed: int) -> Floats:
    """Return counts of drawn days. Shape (days, slots)."""
    slots = len(means)
    rates = tuple(float(one) for one in means * HOUR_US / SLOT_US) * days
    scenario = _scenario(rates, SLOT_US)
    (source,) = sources(scenario)
    of_days = np.repeat(np.arange(days), slots)
    busy = factors(busyness, seed, days=of_days, interval_us=SLOT_US)
    counts = [
        len(instants(scenario, source, interval, seed, busyness=float(busy[interval])))
        for interval in range(days * slots)
    ]
    return np.array(counts, float).reshape(days, slots)


def bank(path: Path) -> Floats:
    """Return a history's counts by day and slot; days that lack one are left out."""
    history = read(path)
    (counts,) = history.counts.values()
    by_day: dict[int, dict[int, float]] = {}
    for start_s, count in counts.items():
        by_day.setdefault(start_s // DAY_S, {})[start_s % DAY_S] = count.offered
    slots = sorted({slot for day in by_day.values() for slot in day})[:SLOTS]
    return np.array(
        [[day[slot] for slot in slots] for day in by_day.values() if set(slots) <= day.keys()]
    )


def dispersion(counts: Floats, together: int) -> float:
    """Return the mean over the slots of variance ÷ mean of the days' counts."""
    days = len(counts)
    sums = counts.reshape(days, -1, together).sum(axis=2)
    return float(np.mean(sums.var(axis=0, ddof=1) / sums.mean(axis=0)))


def busyness_table(counts: Floats, digest: Digest) -> None:
    """Print how the data and what is drawn with its busyness vary."""
    days = len(counts)
    others = (counts.sum(axis=0) - counts) / (days - 1)
    found = estimate(counts, others, averaged=days - 1.0, interval_us=SLOT_US, name="bank")
    print(
        f"{days} days: day_cv = {found.day_cv:.4f}, interval_cv = {found.interval_cv:.4f}, "
        f"correlation_min = {found.correlation_us / MINUTE_US:.0f}"
    )
    again = [drawn(counts.mean(axis=0), found, days, seed) for seed in (1, 2, 3)]
    print("variance / mean of sums over    data   drawn (three seeds)")
    for name, together in (("5 min", 1), ("30 min", 6), ("2 h", 24), ("a day", counts.shape[1])):
        seen = dispersion(counts, together)
        made = [dispersion(one, together) for one in again]
        digest.add((name, round(seen, 9), [round(one, 9) for one in made]))
        print(f"{name:>28} {seen:7.2f}   {'  '.join(f'{one:7.2f}' for one in made)}")


def sandy_table(path: Path, digest: Digest) -> None:
    """Print how near the shape of an outage comes to the calls after Sandy."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = next(number for number, row in enumerate(rows) if row["date"] == SANDY_FROM)
    calls = np.array([float(row["total"]) for row in rows[first : first + SANDY_DAYS]])
    shape = Outage(length_us=SANDY_DAYS * DAY_S * SECOND_US)
    grid_us = np.arange(0, shape.length_us, MINUTE_US)
    shares = shape.heights(grid_us).reshape(SANDY_DAYS, -1).mean(axis=1)
    fitted = shares / shares.sum() * calls.sum()
    rise, decay = fit(calls)
    explained = 1 - np.sum((calls - fitted) ** 2) / np.sum((calls - calls.mean()) ** 2)
    off = np.abs(np.cumsum(fitted - calls)).max() / calls.sum()
    digest.add((round(rise, 4), round(decay, 4), round(float(explained), 9), round(float(off), 9)))
    print(
        f"fitted to {SANDY_DAYS} days: rise {rise:.2f} days, decay {decay:.2f} days, "
        f"{rise / SANDY_DAYS:.4f} and {decay / SANDY_DAYS:.4f} of the length"
    )
    print("day      calls    shape")
    for day in (0, 1, 2, 3, 4, 6, 9, 13, 20, 29, 44, 59):
        print(f"{day + 1:3} {calls[day]:10.0f} {fitted[day]:8.0f}")
    print(f"explained variance {explained:.1%}, cumulated shares at most {off:.1%} apart")


def fit(calls: Floats) -> tuple[float, float]:
    """Return the rise and the decay, in days, under which the calls by day are likeliest."""
    times = (np.arange(len(calls) * 100) + 0.5) / 100

    def unlikeliness(logs: Floats) -> float:
        rise, decay = np.exp(logs)
        heights = np.minimum(times / rise, 1 / (1 + np.maximum(times - rise, 0) / decay))
        by_day = heights.reshape(len(calls), -1).mean(axis=1)
        # Given the total, Poisson counts are multinomial.
        return -float(np.sum(calls * np.log(by_day / by_day.sum())))

    found = optimize.minimize(unlikeliness, np.log([2.0, 2.0]), method="Nelder-Mead").x
    rise, decay = np.exp(found)
    return float(rise), float(decay)


def cost_table(repetitions: int, digest: Digest) -> None:
    """Print what drawing a day costs by law."""
    plain = _scenario((RATE_PER_H,) * 48, HOUR_US // 2)
    (stream,) = plain.streams
    came = tuple(one[0] for part in workload(plain, 1) for one in part)
    untold = (0,) * len(came)
    crowd = FlashCrowd(users_from=1_000, users_to=100_000, rise_us=HOUR_US, hold_us=6 * HOUR_US)
    laws = {
        "plain": plain,
        "busyness": replace(plain, streams=(replace(stream, busyness=STAND_IN),)),
        "batches": replace(
            plain,
            streams=(
                replace(stream, batch=Batch(mean=4, sizes=Sizes.GEOMETRIC, spread_us=MINUTE_US)),
            ),
        ),
        "replay": replace(
            plain,
            streams=(
                replace(
                    stream,
                    rates_per_h=(0.0,) * 48,
                    replay=Replay(arrives_us=came, handle_us=untold, patience_us=untold),
                ),
            ),
        ),
        "flash crowd": replace(
            plain,
            peaks=(
                Peak(
                    name="crowd",
                    streams=(stream.name,),
                    from_offset_us=8 * HOUR_US,
                    shape=crowd,
                    added_per_h=40_000.0,
                ),
            ),
        ),
    }
    took: dict[str, list[float]] = {name: [] for name in laws}
    contacts: dict[str, int] = {}
    for _ in range(repetitions):
        for name, scenario in laws.items():
            began = time.process_time()
            contacts[name] = sum(len(part) for part in workload(scenario, 1))
            took[name].append((time.process_time() - began) / contacts[name])
    digest.add(contacts)
    print("law           contacts   us each   to plain")
    for name, each in took.items():
        ratio = statistics.median(a / b for a, b in zip(each, took["plain"], strict=True))
        print(f"{name:12} {contacts[name]:9} {statistics.median(each) * 1e6:9.3f} {ratio:10.2f}")


def _scenario(rates_per_h: tuple[float, ...], interval_us: int) -> Scenario:
    base = m_m_n(agents=1, contacts=1, load=0.5, patience_mean_s=120)
    stream = replace(base.streams[0], rates_per_h=rates_per_h)
    start_us = int(datetime.fromisoformat("2003-03-03T00:00:00+00:00").timestamp()) * SECOND_US
    return replace(
        base,
        start_us=start_us,
        streams=(stream,),
        interval_us=interval_us,
        intervals=len(rates_per_h),
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--bank", type=Path, help="a history of days by 5 minutes")
    parser.add_argument("--sandy", type=Path, help="calls by day, as FiveThirtyEight has them")
    parser.add_argument("--smoke", action="store_true", help="small; against rot")
    asked = parser.parse_args()
    digest = Digest()
    print(machine())
    if asked.bank is not None:
        counts = bank(asked.bank)
    else:
        means = 190 * np.sin((np.arange(SLOTS) + 20) / (SLOTS + 40) * np.pi)
        counts = drawn(means, STAND_IN, 25 if asked.smoke else 164, 9)
    busyness_table(counts, digest)
    if asked.sandy is not None:
        sandy_table(asked.sandy, digest)
    cost_table(SMOKE_REPETITIONS if asked.smoke else REPETITIONS, digest)
    print(f"digest {digest.text()}")


if __name__ == "__main__":
    main()

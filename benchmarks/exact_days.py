"""The models of `benchmarks.bench_exact` that are days, from empty to the end, run many times."""

from collections.abc import Iterator, Sequence
from math import comb, exp
from typing import Final

from msgspec.structs import replace

from benchmarks.exact_models import LINE, MEAN_S, Days
from benchmarks.exact_values import Day, Part, forward, gamma_points
from sim.busyness import Busyness
from sim.roster import Break, Shift
from sim.study import Sample
from sim.textbook import m_m_n
from sim.workload import HOUR_US, MINUTE_US, Scenario

HOUR_S: Final = 3600
PATIENCE_S: Final = 90.0
RATES_PER_H: Final = (120.0, 300.0, 420.0, 180.0)
"""By quarters of an hour of a day of one hour."""
QUARTER_S: Final = 900.0
BUSYNESS_CV: Final = 0.3


def days() -> tuple[Days, ...]:
    """Return all models."""
    return (*by_the_clock(), *busy_and_quiet(), *shifts())


def day(rates_per_h: Sequence[float], agents: Sequence[int], quarter_s: float) -> Scenario:
    """Return M(t)/M/n(t)+M that begins empty."""
    base = m_m_n(
        agents=max(agents), contacts=1, load=0.5, mean_s=MEAN_S, patience_mean_s=PATIENCE_S
    )
    (all_,) = base.streams
    return replace(
        base,
        streams=(replace(all_, rates_per_h=tuple(rates_per_h)),),
        interval_us=round(quarter_s * 1e6),
        intervals=len(rates_per_h),
        staffing={"all": tuple(agents)},
    )


def expected(rates_per_h: Sequence[float], agents: Sequence[int], quarter_s: float) -> Day:
    """Return what such a day brings."""
    parts = tuple(
        Part(quarter_s, rate / HOUR_S, count)
        for rate, count in zip(rates_per_h, agents, strict=True)
    )
    return forward(parts, MEAN_S, PATIENCE_S)


def by_the_clock() -> Iterator[Days]:
    """Yield rates that change, agents who come, and agents who go, against forward equations."""
    for name, agents in (
        ("a day, 5 agents", (5, 5, 5, 5)),
        ("a day, agents come", (3, 5, 7, 7)),
        ("a day, agents come and go", (4, 6, 6, 2)),
    ):
        scenario = day(RATES_PER_H, agents, QUARTER_S)
        exact = expected(RATES_PER_H, agents, QUARTER_S)
        length_s = QUARTER_S * len(agents)
        yield Days(name, f"{LINE}abandoned", exact.abandoned, scenario)
        yield Days(name, f"{LINE}queue_length", exact.waiting_s / length_s, scenario)
    # The time of those who are idle and of those who are busy is known where all stay.
    scenario = day(RATES_PER_H, (5,) * 4, QUARTER_S)
    busy_s = expected(RATES_PER_H, (5,) * 4, QUARTER_S).busy_s
    yield Days(
        "a day, 5 agents", f"{LINE}occupancy", busy_s / (5 * QUARTER_S * len(RATES_PER_H)), scenario
    )


def busy_and_quiet() -> Iterator[Days]:
    """Yield days whose rates have a factor with the gamma law: counts, and what becomes of them."""
    name = f"gamma arrivals, cv {BUSYNESS_CV}"
    plain = day(RATES_PER_H, (5,) * 4, QUARTER_S)
    (all_,) = plain.streams
    busy = Busyness(name="days", day_cv=BUSYNESS_CV)
    scenario = replace(plain, streams=(replace(all_, busyness=busy),))
    mean = sum(RATES_PER_H) * QUARTER_S / HOUR_S

    def square(sample: Sample) -> float:
        return (sample.figures[f"{LINE}offered"] - mean) ** 2

    variance = mean + (mean * BUSYNESS_CV) ** 2
    yield Days(name, f"{LINE}offered", mean, scenario)
    yield Days(name, "variance of offered", variance, scenario, square)
    found = [
        (weight, expected([rate * factor for rate in RATES_PER_H], (5,) * 4, QUARTER_S))
        for factor, weight in gamma_points(BUSYNESS_CV)
    ]
    abandoned = sum(weight * one.abandoned for weight, one in found)
    yield Days(name, f"{LINE}abandoned", abandoned, scenario)


def shifts() -> Iterator[Days]:
    """Yield shifts with absence, lateness and breaks, by counting and by forward equations."""
    absence, late_share, late_s, count = 0.15, 0.3, 1200.0, 6
    pauses = (
        Break(length_us=15 * MINUTE_US, after_us=HOUR_US),
        Break(length_us=30 * MINUTE_US, after_us=3 * HOUR_US, within_us=60 * MINUTE_US),
    )
    shift = Shift(
        name="s",
        group="all",
        count=count,
        from_s=0,
        to_s=6 * HOUR_S,
        breaks=pauses,
        absence=absence,
        late_share=late_share,
        late_mean_us=round(late_s * 1e6),
    )
    quiet = replace(day((0.0,) * 8, (count,) * 8, HOUR_S), staffing={}, shifts=(shift,))
    length_s = 6 * HOUR_S
    # Who is late is so by an exponential time; a break that was due before he came has lapsed.
    worked_s = length_s - late_share * late_s * (1 - exp(-length_s / late_s))
    for pause in pauses:
        for person in range(count):
            due_s = ((pause.after_us or 0) + pause.within_us * person // count) / 1e6
            comes = 1 - late_share * exp(-due_s / late_s)
            worked_s -= comes * pause.length_us / 1e6 / count
    exact = count * (1 - absence) * worked_s / HOUR_S
    yield Days("shifts: hours ready", "hours", exact, quiet, _hours)
    # With so many of n at work all day, each as probable as the binomial law says.
    present = Shift(name="s", group="all", count=5, from_s=0, to_s=HOUR_S, absence=absence)
    scenario = replace(day(RATES_PER_H, (5,) * 4, QUARTER_S), staffing={}, shifts=(present,))
    abandoned = 0.0
    for there in range(6):
        chance = comb(5, there) * (1 - absence) ** there * absence ** (5 - there)
        abandoned += chance * expected(RATES_PER_H, (there,) * 4, QUARTER_S).abandoned
    yield Days("shifts: some are absent", f"{LINE}abandoned", abandoned, scenario)


def _hours(sample: Sample) -> float:
    total = sample.report.total.total
    return (total.busy_us + total.idle_us) / HOUR_US

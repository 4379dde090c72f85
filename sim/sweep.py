"""What becomes of a plan over a grid of changes, and at which load it breaks.

All points have the same seed, so they differ by what is varied and not by luck.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Final

from msgspec import Struct

from acd.errors import shown
from sim.answer import ESTIMATE, Answer, Table, estimates
from sim.intervals import CONFIDENCE, Estimate
from sim.requirement import Requirement, Verdict, best_reached, judge
from sim.study import RunAll, Study, run_here, study
from sim.variation import Knob, loaded, varied
from sim.workload import Scenario

POINTS_MAX: Final = 1_000
"""Most points of a grid: more than anybody reads."""

LOAD_RANGE: Final = (0.05, 20.0)
"""Between which factors of the plan's load it is searched where the plan breaks."""

TRIES_MAX: Final = 24
"""Most loads tried for one objective: enough for a thousandth."""


class Point(Struct, frozen=True):
    """One point of a grid."""

    values: tuple[str, ...]
    """Of the knobs, in their order."""
    study: Study


class Grid(Answer, frozen=True):
    """A plan at every point of a grid, the last knob turning fastest."""

    knobs: tuple[str, ...]
    """Their names."""
    points: tuple[Point, ...]

    def variants(self) -> dict[str, Study]:
        """Return the points' studies, by what was set, like `load=1.2 staffing.day=+1`."""
        return {self._name(point): point.study for point in self.points}

    def table(self) -> Table:
        """Return a row for each point and figure, the knobs' values first."""
        columns = {**dict.fromkeys(self.knobs, str), **ESTIMATE}
        return Table(
            columns,
            [
                (*point.values, *row)
                for point in self.points
                for row in estimates(self._name(point), point.study)
            ],
        )

    def _name(self, point: Point) -> str:
        return " ".join(
            f"{name}={value}" for name, value in zip(self.knobs, point.values, strict=True)
        )


class Breaking(Struct, frozen=True):
    """At which load an objective breaks: as factors of the plan's."""

    requirement: Requirement
    name: str
    """The figure's full name."""
    holds: float | None
    """The greatest load tried at which its mean was met; None: at none."""
    breaks: float | None
    """The least at which it was missed; None: at none."""
    surely_holds: float | None
    """The greatest at which its whole interval was within the bound, with none missed below it."""
    surely_breaks: float | None
    """The least at which its whole interval was outside."""
    tried: tuple[float, ...]
    """All loads that were tried for it, rising."""
    best: tuple[int, Estimate] | None
    """Where it holds at none of them: which one's mean came nearest to the bound, and that mean;
    None too where nothing was measured."""


def sweep(
    scenario: Scenario,
    knobs: Sequence[Knob],
    *,
    seed: int = 1,
    replications: int = 5,
    confidence: float = CONFIDENCE,
    run_all: RunAll = run_here,
    progress: Callable[[int, int], None] | None = None,
) -> Grid:
    """Run a scenario at every point of the knobs' grid, the last knob turning fastest.

    Args:
        scenario: The plan.
        knobs: What is varied.
        seed: Of all.
        replications: How many runs at each point.
        confidence: Of the intervals.
        run_all: Where the runs happen.
        progress: Is told how many points are done, of how many.

    Raises:
        ValueError: There are no knobs, one is there twice, there are too many points, or a value
            cannot be.
        ConfigError: The router refuses the settings.
        WorkersLostError: Workers died too often.
    """
    count = prod(len(knob.values) for knob in knobs)
    if not knobs or count > POINTS_MAX:
        raise ValueError(f"vary: makes {count if knobs else 0} points; wanted 1 to {POINTS_MAX}")
    names = [knob.name for knob in knobs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"vary: {shown(name)} is given twice; wanted its values in one")
    plans = []
    for values in product(*(knob.values for knob in knobs)):
        plan = scenario
        for knob, value in zip(knobs, values, strict=True):
            plan = varied(plan, knob.name, value)
        plans.append((values, plan))
    points = []
    for values, plan in plans:
        found = study(
            plan, seed=seed, replications=replications, confidence=confidence, run_all=run_all
        )
        points.append(Point(values, found))
        if progress is not None:
            progress(len(points), count)
    return Grid(tuple(names), tuple(points))


def peak(
    scenario: Scenario,
    requirements: Sequence[Requirement],
    *,
    tolerance: float = 0.01,
    seed: int = 1,
    replications: int = 10,
    confidence: float = CONFIDENCE,
    run_all: RunAll = run_here,
    progress: Callable[[float], None] | None = None,
) -> tuple[Breaking, ...]:
    """Return at which load each objective breaks: by bisection, to a relative tolerance.

    Objectives get worse with load; where one does not (the occupancy's lower bound, say) what is
    found is one crossing. What is found of one does not depend on what else is asked.

    Args:
        scenario: The plan.
        requirements: The objectives, each alone.
        tolerance: `breaks` ÷ `holds` − 1 in the end, at most.
        seed: Of all.
        replications: How many runs at each load.
        confidence: Of the intervals.
        run_all: Where the runs happen.
        progress: Is told each load before it is tried.

    Raises:
        ValueError: There are no objectives; one names no figure; the tolerance is out of range.
        ConfigError: The router refuses the settings.
        WorkersLostError: Workers died too often.
    """
    if not requirements:
        raise ValueError("require: is missing; wanted one objective at least")
    if not 0.001 <= tolerance < 1:
        raise ValueError(f"tolerance: is {tolerance:g}; wanted from 0.001, below 1")
    studies: dict[float, Study] = {}

    def verdict(requirement: Requirement, load: float) -> Verdict:
        if load not in studies:
            if progress is not None:
                progress(load)
            plan = loaded(scenario, load)
            studies[load] = study(
                plan, seed=seed, replications=replications, confidence=confidence, run_all=run_all
            )
        return judge(studies[load], requirement)

    return tuple(_breaking(one, partial(verdict, one), tolerance) for one in requirements)


def _search(is_met: Callable[[float], bool], tolerance: float) -> None:
    """Try loads until the one that holds and the one that breaks are near each other.

    From the plan's own load by doubling or halving, then by geometric bisection.
    """
    least, most = LOAD_RANGE
    low = high = 1.0
    if is_met(1.0):
        while high < most and is_met(high := min(high * 2, most)):
            low = high
        if low == high:
            return
    else:
        while low > least and not is_met(low := max(low / 2, least)):
            high = low
        if low == high:
            return
    for _ in range(TRIES_MAX):
        if high / low - 1 <= tolerance:
            return
        # Rounded, so that objectives that break at one load try the same ones.
        middle = float(f"{(low * high) ** 0.5:.4g}")
        if not low < middle < high:
            return
        if is_met(middle):
            low = middle
        else:
            high = middle


def _breaking(
    requirement: Requirement, verdict: Callable[[float], Verdict], tolerance: float
) -> Breaking:
    """Return between which loads an objective breaks, going up from the least that is tried."""
    tried: dict[float, Verdict] = {}

    def is_met(load: float) -> bool:
        tried[load] = verdict(load)
        return tried[load].is_met

    _search(is_met, tolerance)
    verdicts = sorted(tried.items())
    breaks = next((load for load, one in verdicts if not one.is_met), None)
    met = [load for load, one in verdicts if one.is_met and (breaks is None or load < breaks)]
    unsure = next((load for load, one in verdicts if not (one.is_met and one.is_sure)), None)
    sure = [load for load, one in verdicts if unsure is None or load < unsure]
    missed = next((load for load, one in verdicts if one.is_sure and not one.is_met), None)
    return Breaking(
        requirement,
        verdicts[0][1].name,
        holds=max(met, default=None),
        breaks=breaks,
        surely_holds=max(sure, default=None),
        surely_breaks=missed,
        tried=tuple(sorted(tried)),
        best=best_reached([one for _, one in verdicts]),
    )

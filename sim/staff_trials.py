"""What a search for a staffing asks of plans, and the runs that tell what a plan misses of it.

Plans under one seed meet the same customers. What even agents in abundance miss cannot be asked of
a plan: asked is then what these reach, but for its noise, and that the queue serves nearly all whom
they serve. A plan is so never made cheaper at the cost of what is missed already.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict, replace

from acd.figures import Report
from sim.intervals import mean_of
from sim.patience import Floats
from sim.proposal import Missed, Unreachable
from sim.requirement import Requirement, Sign, figure_of
from sim.study import RunAll, Study, by_interval, study
from sim.variation import staffed
from sim.workload import Scenario

NEAR: Final = 0.05
"""How far from what is reached with agents in abundance a plan may stay, as a share of it: as near
as that the last agents hardly help. More where the noise of the runs is more."""

_HELPED: Final[Mapping[Sign, frozenset[str]]] = {
    Sign.AT_LEAST: frozenset({"service_level", "answered", "served_share"}),
    Sign.AT_MOST: frozenset(
        {
            "abandonment",
            "abandoned",
            "asa_s",
            "attempts_each",
            "lost",
            "occupancy",
            "queue_length",
            "wait_p50_s",
            "wait_p95_s",
            "wait_s",
        }
    ),
}
"""Objectives that more agents bring nearer, by their figures: others abundance does not try."""


class Target(Struct, frozen=True):
    """An objective as it is asked of plans."""

    requirement: Requirement
    bounds: Floats
    """In each interval; NaN where nothing is asked."""


class Trials:
    """The objectives, and the plans tried. Plans have the shape (groups, intervals).

    Args:
        scenario: Its `staffing` names the groups, and its measures have the staffing's interval.
        requirements: Objectives.
        costs: Of a member of each group.
        each_interval: Whether objectives hold in each interval, or over the day.
        seed: Of the runs, until others are used.
        replications: How many.
        confidence: Of the intervals.
        run_all: Where the runs happen.
        progress: Is told how many plans have been simulated.
    """

    def __init__(
        self,
        scenario: Scenario,
        requirements: Sequence[Requirement],
        *,
        costs: Mapping[str, float],
        each_interval: bool,
        seed: int,
        replications: int,
        confidence: float,
        run_all: RunAll,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.scenario = scenario
        self.groups = tuple(scenario.staffing)
        self.costs = np.array([costs[group] for group in self.groups])
        self.each_interval = each_interval
        self.seed = seed
        self.replications = replications
        self.studies = 0
        self.asked = tuple(
            Target(one, np.full(scenario.intervals, one.bound)) for one in requirements
        )
        self._targets = self.asked
        self._noise = np.full((len(requirements), scenario.intervals), np.nan)
        self._confidence = confidence
        self._run_all = run_all
        self._progress = progress
        self._tried: dict[bytes, Floats] = {}

    def simulate(self, plan: Floats) -> Study:
        """Return the runs of a plan."""
        self.studies += 1
        if self._progress is not None:
            self._progress(self.studies)
        counts = {
            group: tuple(int(one) for one in row)
            for group, row in zip(self.groups, plan, strict=True)
        }
        return study(
            staffed(self.scenario, counts),
            seed=self.seed,
            replications=self.replications,
            confidence=self._confidence,
            run_all=self._run_all,
        )

    def missed(self, plan: Floats) -> Floats:
        """Return by how much the objectives are missed in each interval: 0 where all are met.

        Where objectives are of the day each interval has the same.
        """
        key = plan.tobytes()
        if key not in self._tried:
            self._tried[key] = self.missed_by(self.simulate(plan))
        return self._tried[key]

    def missed_by(self, found: Study) -> Floats:
        """Return the same of runs that were made."""
        return np.asarray(sum(self.lack(found, one) for one in self._targets))

    def cost(self, plan: Floats) -> float:
        """Return members times costs, over all intervals."""
        return float((self.costs @ plan).sum())

    def worth(self, plan: Floats) -> tuple[float, float]:
        """Return what tells the better of two plans: the one that misses less, then the cheaper."""
        return float(self.missed(plan).sum()), self.cost(plan)

    def use_seed(self, seed: int, replications: int) -> None:
        """Go on with other runs, and ask for all again: what the last ones told is forgotten."""
        self.seed, self.replications = seed, replications
        self._targets = self.asked
        self._tried.clear()

    def know(self, plan: Floats, found: Study) -> None:
        """Take the runs of a plan that were made already."""
        self._tried[plan.tobytes()] = self.missed_by(found)

    def name_figures(self, found: Study) -> None:
        """Give objectives the full names of their figures.

        Args:
            found: Runs with agents in abundance.

        Raises:
            ValueError: There is no such figure, or of those whom it is of nobody was answered.
        """
        self.asked = self._targets = tuple(
            replace(one, requirement=replace(one.requirement, name=figure_of(found, name)))
            for one in self.asked
            for name in (one.requirement.name,)
        )
        for where in {self._place_of(one.requirement.name) for one in self.asked} - {None}:
            offered, answered = (
                sum(found.values(f"{where}.{measure}")) for measure in ("offered", "answered")
            )
            if offered and not answered:
                seen = f"nobody of {where} is answered, with agents in abundance either"
                wanted = "contacts that can be: see their patience, answer_s and ring_s"
                raise ValueError(f"require: {seen}; wanted {wanted}")

    def relax(self, plenty: Floats, found: Study) -> tuple[Unreachable, ...]:
        """Ask of plans what agents in abundance reach, where these miss more; return what that is.

        The noise that is allowed for is that of the first runs that missed: it must not become
        less under a plan that just keeps it.

        Args:
            plenty: The plan with agents in abundance.
            found: Its runs, with the present seed.
        """
        agents = plenty.sum(axis=0).astype(int)
        most = agents if self.each_interval else np.full_like(agents, agents.max())
        targets, unreachable = [], []
        served: dict[str, Floats] = {}
        for place, asked in enumerate(self.asked):
            name, sign = asked.requirement.name, asked.requirement.sign
            missed = self.lack(found, asked) > 0
            if name.rpartition(".")[2] not in _HELPED[sign] or not missed.any():
                targets.append(asked)
                continue
            near = self._near(found, asked.requirement, place)
            targets.append(replace(asked, bounds=np.where(missed, near, asked.bounds)))
            if (where := self._place_of(name)) is not None:
                enough = (1 - NEAR) * self.values(found, f"{where}.answered")
                before = served.get(where, np.full_like(enough, np.nan))
                served[where] = np.where(missed, enough, before)
            unreachable += [
                Unreachable(**asdict(one), agents=int(most[one.interval or 0]))
                for one in self.misses(found, asked)
            ]
        targets += [
            Target(Requirement(f"{where}.answered", Sign.AT_LEAST, 0.0), bounds)
            for where, bounds in served.items()
        ]
        self._targets = tuple(targets)
        return tuple(unreachable)

    def _near(self, found: Study, requirement: Requirement, place: int) -> Floats:
        """Return what is near a figure of some runs in each interval: what is asked instead."""
        values = self.values(found, requirement.name)
        noise = np.maximum(self._errors(found, requirement.name), NEAR * np.abs(values))
        self._noise[place] = np.where(np.isnan(self._noise[place]), noise, self._noise[place])
        sign = 1.0 if requirement.sign is Sign.AT_LEAST else -1.0
        return np.asarray(values - sign * self._noise[place])

    def lack(self, found: Study, target: Target) -> Floats:
        """Return by how much runs miss an objective in each interval, 0 where they meet it."""
        sign = 1.0 if target.requirement.sign is Sign.AT_LEAST else -1.0
        name, bounds = target.requirement.name, target.bounds
        values = self.values(found, name)
        missing = np.maximum(sign * (bounds - values), 0.0)
        # Where somebody came and there is no figure, nobody was answered: that is a miss, too.
        nothing = np.where(self._offered(found, name) > 0, 1.0, 0.0)
        scale = np.where(bounds == 0, 1.0, np.abs(bounds))
        lacks = np.where(np.isnan(values), nothing, missing / scale)
        return np.where(np.isnan(bounds), 0.0, lacks)

    def misses(self, found: Study, asked: Target) -> Iterator[Missed]:
        """Yield where runs miss an objective, once if it is of the day, and what they reach."""
        requirement = asked.requirement
        values = self.values(found, requirement.name)
        missed = np.flatnonzero(self.lack(found, asked)).tolist()
        for at in missed if self.each_interval else missed[:1]:
            interval = at if self.each_interval else None
            yield Missed(str(requirement), requirement.name, interval, float(values[at]))

    def values(self, found: Study, name: str) -> Floats:
        """Return the mean of a figure in each interval; NaN where nobody came."""
        if not self.each_interval:
            estimate = found.estimate(name) if name in found.names() else None
            mean = np.nan if estimate is None else estimate.mean
            return np.full(self.scenario.intervals, mean)
        runs = _runs(found, name)
        seen = np.isfinite(runs)
        total = np.where(seen, runs, 0.0).sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(seen.any(axis=0), total / seen.sum(axis=0), np.nan))

    def _errors(self, found: Study, name: str) -> Floats:
        """Return the standard error of that mean; NaN where there is none."""
        if self.each_interval:
            columns = (column[np.isfinite(column)].tolist() for column in _runs(found, name).T)
            means = [mean_of(column) for column in columns]
        else:
            mean = found.estimate(name) if name in found.names() else None
            means = [mean] * self.scenario.intervals
        return np.array([np.nan if one is None else one.deviation / one.runs**0.5 for one in means])

    def _offered(self, found: Study, name: str) -> Floats:
        """Return how many came in each interval to the queue and channel of a figure."""
        if name.startswith("group."):
            return np.zeros(self.scenario.intervals)
        if name.startswith("customers."):
            came = found.estimate(f"{name.rpartition('.')[0]}.customers")
            return np.full(self.scenario.intervals, came.mean if came else 0.0)
        return np.asarray(_runs(found, f"{name.rpartition('.')[0]}.offered").sum(axis=0))

    def _place_of(self, name: str) -> str | None:
        """Return the queue and channel at which those wait of whom a figure is; None of a group."""
        kind, _, rest = name.partition(".")
        if kind == "customers":
            of = rest.rpartition(".")[0]
            return next(
                f"{one.queue}.{one.channel}" for one in self.scenario.streams if one.name == of
            )
        return None if kind == "group" else name.rpartition(".")[0]


def _runs(found: Study, name: str) -> Floats:
    """Return a figure of each run and interval; NaN where there is none."""
    return np.array([_by_interval(one.report, name) for one in found.samples], dtype=float)


def _by_interval(report: Report, name: str) -> list[float]:
    """Return a figure of each interval; NaN where there is none."""
    kind, _, rest = name.partition(".")
    if kind == "group":
        team = rest.rpartition(".")[0]
        spans = next(
            one.intervals for one in (*report.groups, report.total) if (one.name or "all") == team
        )
        return [float("nan") if one.occupancy is None else one.occupancy for one in spans]
    queue, channel, measure = name.rsplit(".", 2)
    values = by_interval(report, queue, channel, measure)
    return [float("nan") if value is None else float(value) for value in values]

"""How many agents of each group, in each interval: the fewest or cheapest that meet all objectives.

A search by simulation. It begins at Erlang's formulas (`sim.staff_start`), and all plans that it
tries meet the same customers, so that they differ by their staffing and not by luck:

1. **Can it be done?** With agents in abundance; what is missed even so is told, and left out.
2. **Grow**: where an objective is missed, one more of the group that helps most for its cost.
3. **Shrink**: one less of each group, the dearest first, wherever all is met without him.
4. **Exchange**: one less of each of two groups for one more of a third, then again 3.
5. **Confirm** with fresh seeds and more runs; where that misses, go on from 2 with those runs.

Each move is tried in all intervals at once and kept where it is right, so a search costs as many
studies for a day as for an hour. No plan that differs by one of these moves is cheaper and meets
all, by the runs made; that is a local optimum, which is not proven to be the best. `least` is a
bound that every plan must have: between the two is what a better search might gain at most.

Source: simulation and local search with common random numbers, as in J. Atlason, M. Epelman and
S. Henderson, "Call center staffing with simulation and cutting plane methods", 2004, and M. Cezik
and P. L'Ecuyer, "Staffing multiskill call centers via linear programming and simulation", 2008.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Final

import numpy as np
from msgspec.structs import replace

from acd.errors import shown
from acd.figures import Report
from sim.draws import Ints
from sim.erlang import Bools
from sim.intervals import CONFIDENCE
from sim.patience import Floats
from sim.proposal import Missed, Proposal
from sim.requirement import Requirement, Sign, figure_of
from sim.staff_start import Demand, demand_of, least, level_of, occupancy_max, starts
from sim.study import RunAll, Study, by_interval, run_here, study
from sim.variation import staffed
from sim.workload import Scenario

ROUNDS_MAX: Final = 4
"""Most times that fresh seeds send the search back."""

GROWTH_MAX: Final = 200
"""Most members added to a group in one interval before the search gives up."""

EXCHANGES_MAX: Final = 60
"""Most kinds of exchange tried: those of the dearest groups first."""

_OF_THE_DAY: Final = frozenset({"wait_p50_s", "wait_p95_s"})


class _Search:
    """One search: the objectives, and the plans tried."""

    def __init__(
        self,
        scenario: Scenario,
        requirements: Sequence[Requirement],
        *,
        costs: Mapping[str, float],
        each_interval: bool,
        replications: int,
        confidence: float,
        run_all: RunAll,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.scenario = scenario
        self.groups = tuple(scenario.staffing)
        self.costs = np.array([costs[group] for group in self.groups])
        self.requirements = tuple(requirements)
        self.replications = replications
        self.studies = 0
        self.seed = 0
        self.each_interval = each_interval
        self._confidence = confidence
        self._run_all = run_all
        self._progress = progress
        self._tried: dict[bytes, Floats] = {}
        self.left_out: set[tuple[int, int]] = set()
        """Requirements by place, and intervals, that nothing meets."""

    def simulate(self, plan: Floats, *, seed: int, replications: int) -> Study:
        """Return the runs of a plan. Shape of the plan: (groups, intervals)."""
        self.studies += 1
        if self._progress is not None:
            self._progress(self.studies)
        counts = {
            group: tuple(int(one) for one in row)
            for group, row in zip(self.groups, plan, strict=True)
        }
        return study(
            staffed(self.scenario, counts),
            seed=seed,
            replications=replications,
            confidence=self._confidence,
            run_all=self._run_all,
        )

    def lacks(self, plan: Floats) -> Floats:
        """Return by how much each objective is missed, 0 where it is met.

        Shape (requirements, intervals); of objectives of the whole day each interval has the same.
        """
        key = plan.tobytes()
        if key not in self._tried:
            found = self.simulate(plan, seed=self.seed, replications=self.replications)
            self._tried[key] = self.lacks_of(found)
        return self._tried[key]

    def lacks_of(self, found: Study) -> Floats:
        """Return the same of runs that were made."""
        lacks = np.array([self._lack(found, one) for one in self.requirements])
        for place, interval in self.left_out:
            lacks[place, interval] = 0.0
        return lacks

    def cost(self, plan: Floats) -> float:
        """Return members times costs, over all intervals."""
        return float((self.costs @ plan).sum())

    def worth(self, plan: Floats) -> tuple[float, float]:
        """Return what tells the better of two plans: the one that misses less, then the cheaper."""
        return float(self.lacks(plan).sum()), self.cost(plan)

    def use_seed(self, seed: int, replications: int) -> None:
        """Go on with other runs: what was tried with the last ones is forgotten."""
        self.seed, self.replications = seed, replications
        self._tried.clear()

    def know(self, plan: Floats, found: Study) -> None:
        """Take the runs of a plan that were made already."""
        self._tried[plan.tobytes()] = self.lacks_of(found)

    def _lack(self, found: Study, requirement: Requirement) -> Floats:
        sign = 1.0 if requirement.sign is Sign.AT_LEAST else -1.0
        values = self.values(found, requirement)
        missing = np.maximum(sign * (requirement.bound - values), 0.0)
        # Where somebody came and there is no figure, nobody was answered: that is a miss, too.
        nothing = np.where(self._offered(found, requirement.name) > 0, 1.0, 0.0)
        scale = abs(requirement.bound) or 1.0
        return np.asarray(np.where(np.isnan(missing), nothing, missing / scale))

    def _offered(self, found: Study, name: str) -> Floats:
        """Return how many came in each interval to the queue and channel of a figure."""
        if name.startswith("group."):
            return np.zeros(self.scenario.intervals)
        offered = f"{name.rpartition('.')[0]}.offered"
        runs: Floats = np.array([_by_interval(one.report, offered) for one in found.samples])
        return np.asarray(runs.sum(axis=0))

    def values(self, found: Study, requirement: Requirement) -> Floats:
        """Return the mean of an objective's figure in each interval; NaN where nobody came."""
        name = requirement.name
        if not self.each_interval:
            estimate = found.estimate(name) if name in found.names() else None
            mean = np.nan if estimate is None else estimate.mean
            return np.full(self.scenario.intervals, mean)
        runs = np.array([_by_interval(one.report, name) for one in found.samples], dtype=float)
        seen = np.isfinite(runs)
        total = np.where(seen, runs, 0.0).sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(seen.any(axis=0), total / seen.sum(axis=0), np.nan))


def staff(
    scenario: Scenario,
    requirements: Sequence[Requirement],
    *,
    costs: Mapping[str, float] | None = None,
    each_interval: bool = True,
    seed: int = 1,
    replications: int = 10,
    confidence: float = CONFIDENCE,
    run_all: RunAll = run_here,
    progress: Callable[[int], None] | None = None,
) -> Proposal:
    """Search for the cheapest staffing that meets all objectives.

    Args:
        scenario: Its `staffing` names the groups; how many it has of each does not matter.
        requirements: Objectives, of figures of queues or of `group.NAME.occupancy`.
        costs: Of a member of a group for an interval, above 0; 1 where none is told, so the fewest.
        each_interval: Whether objectives hold in each interval, by the contacts that enter then,
            or over the day.
        seed: Of the runs.
        replications: How many runs of each plan; the confirmation has four times as many.
        confidence: Of the intervals.
        run_all: Where the runs happen.
        progress: Is told how many plans have been simulated.

    Raises:
        ValueError: No objectives, no groups, no such figure; a cost not above 0, or of no group.
        ConfigError: The router refuses the settings.
        WorkersLostError: Workers died too often.
    """
    prices = _checked(scenario, requirements, costs or {}, each_interval=each_interval)
    measured = replace(
        scenario.settings,
        measures=replace(scenario.settings.measures, interval_us=scenario.interval_us),
    )
    search = _Search(
        replace(scenario, settings=measured),
        requirements,
        costs=prices,
        each_interval=each_interval,
        replications=replications,
        confidence=confidence,
        run_all=run_all,
        progress=progress,
    )
    search.use_seed(seed, replications)
    demand = demand_of(scenario, seed, replications)
    impossible = _impossible(search, demand)
    begun = (
        np.nan_to_num(one) for one in starts(demand, prices, *level_of(scenario, requirements))
    )
    plan = min((_improved(search, one, demand) for one in begun), key=search.worth)
    plan, confirmed = _confirmed(search, plan, demand)
    bound = least(demand, prices, occupancy_max(requirements, search.groups))
    return _proposal(search, plan, bound, confirmed, impossible)


def _confirmed(search: _Search, plan: Floats, demand: Demand) -> tuple[Floats, Study]:
    """Return a plan with fresh runs; where these miss something, or one improved by them."""
    more = 4 * search.replications
    first = search.seed + 1
    confirmed = search.simulate(plan, seed=first, replications=more)
    for fresh in range(first, first + ROUNDS_MAX - 1):
        if not search.lacks_of(confirmed).any():
            break
        search.use_seed(fresh, more)
        search.know(plan, confirmed)
        plan = _improved(search, plan, demand)
        confirmed = search.simulate(plan, seed=fresh + 1, replications=more)
    return plan, confirmed


def _proposal(
    search: _Search,
    plan: Floats,
    bound: Floats,
    confirmed: Study,
    impossible: Sequence[Missed],
) -> Proposal:
    """Return what was found, and what the confirmation says of it."""
    lacks = search.lacks_of(confirmed)
    values = {one: search.values(confirmed, one) for one in search.requirements}
    missed = [
        Missed(one.name, at if search.each_interval else None, float(values[one][at]))
        for place, one in enumerate(search.requirements)
        for at in np.flatnonzero(lacks[place])[: None if search.each_interval else 1].tolist()
    ]
    is_bounded = bool(np.isfinite(bound).all())
    return Proposal(
        staffing=_named(search.groups, plan),
        least=_named(search.groups, bound) if is_bounded else None,
        cost=search.cost(plan),
        least_cost=search.cost(bound) if is_bounded else None,
        missed=tuple(missed),
        impossible=tuple(impossible),
        confirmed=confirmed,
        studies=search.studies,
    )


def _impossible(search: _Search, demand: Demand) -> list[Missed]:
    """Find what is missed with agents in abundance; it is left out from then on.

    Also gives objectives the full names of their figures.

    Raises:
        ValueError: There is no such figure.
    """
    load = np.asarray(demand.load)
    plenty = np.zeros((len(search.groups), search.scenario.intervals))
    for place, queues in enumerate(demand.serves):
        total = load[list(queues)].sum(axis=0)
        plenty[place] = np.ceil(total + 6 * np.sqrt(total) + 3) if queues else 0.0
    found = search.simulate(plenty, seed=search.seed, replications=search.replications)
    search.requirements = tuple(
        replace(one, name=figure_of(found, one.name)) for one in search.requirements
    )
    lacks = search.lacks_of(found)
    missed = []
    for place, requirement in enumerate(search.requirements):
        if requirement.sign is Sign.AT_LEAST and requirement.name.endswith("occupancy"):
            continue  # Abundance does not help that.
        values = search.values(found, requirement)
        for at in np.flatnonzero(lacks[place]).tolist():
            search.left_out.add((place, at))
            if search.each_interval or not at:
                interval = at if search.each_interval else None
                missed.append(Missed(requirement.name, interval, float(values[at])))
    return missed


def _improved(search: _Search, plan: Floats, demand: Demand) -> Floats:
    """Let a plan grow until all is met, and then make it cheaper until nothing does."""
    plan = _shrunk(search, _grown(search, plan, demand))
    cost = np.inf
    while search.cost(plan) < cost - 1e-9:
        cost = search.cost(plan)
        plan = _shrunk(search, _exchanged(search, plan, demand))
    return plan


def _grown(search: _Search, plan: Floats, demand: Demand) -> Floats:
    """Add members where objectives are missed until none is, or nobody helps."""
    added = np.zeros_like(plan)
    while (lacks := search.lacks(plan)).any():
        short = lacks.any(axis=0)
        gain = np.full(plan.shape, -np.inf)
        for group in range(len(plan)):
            if demand.serves[group]:
                more = plan.copy()
                more[group, short] += 1
                better = lacks.sum(axis=0) - search.lacks(more).sum(axis=0)
                gain[group] = better / search.costs[group]
        best = gain.argmax(axis=0)
        # Where nobody helps by himself somebody is added all the same, in turn: two might.
        turn = int(added.sum()) % len(plan)
        chosen = np.where(gain.max(axis=0) > 0, best, _serving(demand, turn))
        at = np.flatnonzero(short & (added.sum(axis=0) < GROWTH_MAX))
        if not len(at):
            break
        plan, added = plan.copy(), added.copy()
        plan[chosen[at], at] += 1
        added[chosen[at], at] += 1
    return plan


def _serving(demand: Demand, turn: int) -> int:
    """Return a group that serves anybody, in turn."""
    serving = [group for group, queues in enumerate(demand.serves) if queues] or [0]
    return serving[turn % len(serving)]


def _shrunk(search: _Search, plan: Floats) -> Floats:
    """Take members away, the dearest first, wherever all is met without them."""
    order = sorted(range(len(plan)), key=lambda group: -search.costs[group])
    is_shrinking = not search.lacks(plan).any()
    while is_shrinking:
        is_shrinking = False
        for group in order:
            moves = np.zeros_like(plan)
            moves[group] = -1.0
            tried = _moved(search, plan, moves)
            is_shrinking |= tried is not plan
            plan = tried
    return plan


def _exchanged(search: _Search, plan: Floats, demand: Demand) -> Floats:
    """Exchange members of one or two groups for one of a third, wherever all is met so.

    It must be cheaper; or as cheap, and the third must serve all that the one did, and more.
    """
    if search.lacks(plan).any():
        return plan
    count = len(plan)
    kinds = []
    for more in range(count):
        for less in [(one,) for one in range(count)] + list(
            combinations_with_replacement(range(count), 2)
        ):
            saved = search.costs[list(less)].sum() - search.costs[more]
            is_wider = len(less) == 1 and (
                set(demand.serves[more]) > set(demand.serves[less[0]]) and saved > -1e-9
            )
            if more not in less and (saved > 1e-9 or is_wider):
                kinds.append((saved, more, less))
    for _, more, less in sorted(kinds, reverse=True)[:EXCHANGES_MAX]:
        moves = np.zeros_like(plan)
        for group in less:
            moves[group] -= 1.0
        moves[more] = 1.0
        plan = _moved(search, plan, moves)
    return plan


def _moved(search: _Search, plan: Floats, moves: Floats) -> Floats:
    """Make a move in all intervals where it is possible and all is met after it.

    An interval that is missed gives the move back, and so does the one before it, whose work it may
    have inherited; until all is met.
    """
    made: Bools = np.asarray(((plan + moves) >= 0).all(axis=0))
    if not search.each_interval:
        return _halved(search, plan, moves, np.flatnonzero(made))
    while made.any():
        tried = plan + np.where(made, moves, 0.0)
        short: Bools = np.asarray(search.lacks(tried).any(axis=0))
        if not short.any():
            return tried
        back: Bools = np.logical_or(short, np.append(short[1:], False))
        # Where an interval is missed that did not move, all that moved before it is suspect; where
        # nothing did, its customers were still waiting for members who are gone later.
        if not (back & made).any():
            back = np.arange(len(made)) <= np.flatnonzero(short).max()
        if not (back & made).any():
            return plan
        made = np.logical_and(made, ~back)
    return plan


def _halved(search: _Search, plan: Floats, moves: Floats, at: Ints) -> Floats:
    """Make a move in as many of some intervals as the day bears, by halves."""
    if not len(at):
        return plan
    tried = plan.copy()
    tried[:, at] += moves[:, at]
    if not search.lacks(tried).any():
        return tried
    if len(at) == 1:
        return plan
    middle = len(at) // 2
    plan = _halved(search, plan, moves, at[:middle])
    return _halved(search, plan, moves, at[middle:])


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


def _checked(
    scenario: Scenario,
    requirements: Sequence[Requirement],
    costs: Mapping[str, float],
    *,
    each_interval: bool,
) -> dict[str, float]:
    for one in requirements:
        measure = one.name.rpartition(".")[2]
        if each_interval and measure in _OF_THE_DAY:
            seen = f"{shown(one.name)} is measured over the day only"
            raise ValueError(f"require: {seen}; wanted objectives of the day (--each day)")
    if not requirements:
        raise ValueError("require: is missing; wanted one objective at least")
    if not scenario.staffing:
        raise ValueError("staffing: is missing; wanted the groups whose members are to be found")
    for group, cost in costs.items():
        if group not in scenario.staffing:
            raise ValueError(f"cost: {group} is no staffed group")
        if not 0 < cost < float("inf"):
            raise ValueError(f"cost: of {group} is {cost:g}; wanted above 0")
    return {group: costs.get(group, 1.0) for group in scenario.staffing}


def _named(groups: Sequence[str], plan: Floats) -> dict[str, tuple[int, ...]]:
    return {group: tuple(map(int, row)) for group, row in zip(groups, plan, strict=True)}

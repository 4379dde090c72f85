"""How many agents of each group, in each interval: the fewest or cheapest that meet all objectives.

A search by simulation. It begins at Erlang's formulas (`sim.staff_start`), and all plans that it
tries meet the same customers, so that they differ by their staffing and not by luck:

1. **Can it be done?** With agents in abundance; of what is missed even so a plan is asked to come
   near what these reach (`sim.staff_trials`).
2. **Grow**: where an objective is missed, one more of the group that helps most for its cost.
3. **Shrink**: one less of each group, the dearest first, wherever no more is missed without him.
4. **Exchange**: one less of each of two groups for one more of a third, then again 3.
5. **Confirm** with fresh seeds and more runs; where that misses, go on from 2 with those runs.

Each move is tried in all intervals at once and kept where it is right (`sim.staff_moves`), so a
search costs as many studies for a day as for an hour. No plan that differs by one of these moves is
cheaper and misses no more, by the runs made; that is a local optimum, which is not proven to be the
best. `least` is a bound that every plan must have: between the two is what a better search might
gain at most.

Source: simulation and local search with common random numbers, as in J. Atlason, M. Epelman and
S. Henderson, "Call center staffing with simulation and cutting plane methods", 2004, and M. Cezik
and P. L'Ecuyer, "Staffing multiskill call centers via linear programming and simulation", 2008.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final

import numpy as np
from msgspec.structs import replace

from sim.intervals import CONFIDENCE
from sim.patience import Floats
from sim.proposal import Proposal, Unreachable
from sim.requirement import Requirement, Sign
from sim.staff_asked import prices_of
from sim.staff_moves import improved
from sim.staff_start import OCCUPANCY_MIN, Demand, demand_of, least, level_of, occupancy_max, starts
from sim.staff_trials import Trials
from sim.study import RunAll, Study, run_here
from sim.workload import Scenario

ROUNDS_MAX: Final = 4
"""Most seeds that confirm a plan, of which all but the last may send the search back."""


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
        costs: Of a member of a group for an interval, above 0, up to `COST_MAX`; 1 where none is
            told, so the fewest.
        each_interval: Whether objectives hold in each interval, by the contacts that enter then,
            or over the day.
        seed: Of the runs.
        replications: How many runs of each plan; the confirmation has four times as many.
        confidence: Of the intervals.
        run_all: Where the runs happen.
        progress: Is told how many plans have been simulated.

    Raises:
        ValueError: No objectives, no groups, no such figure, one that staffing does not change, or
            of contacts that nobody can answer; a cost out of range, or of no group.
        ConfigError: The router refuses the settings.
        WorkersLostError: Workers died too often.
    """
    requirements = tuple(dict.fromkeys(requirements))
    prices = prices_of(scenario, requirements, costs or {}, each_interval=each_interval)
    measured = replace(
        scenario.settings,
        measures=replace(scenario.settings.measures, interval_us=scenario.interval_us),
    )
    trials = Trials(
        replace(scenario, settings=measured),
        requirements,
        costs=prices,
        each_interval=each_interval,
        seed=seed,
        replications=replications,
        confidence=confidence,
        run_all=run_all,
        progress=progress,
    )
    demand = demand_of(scenario, seed, replications)
    plenty = _plenty(demand, requirements)
    found = trials.simulate(plenty)
    trials.name_figures(found)
    trials.relax(plenty, found)
    begun = starts(demand, prices, *level_of(scenario, requirements))
    plan = min((improved(trials, one, demand) for one in begun), key=trials.worth)
    plan, confirmed, unreachable = _confirmed(trials, plan, demand, plenty)
    bound = least(demand, prices, occupancy_max(requirements, trials.groups))
    return _proposal(trials, plan, bound, confirmed, unreachable)


def _plenty(demand: Demand, requirements: Sequence[Requirement]) -> Floats:
    """Return agents in abundance: each group alone could serve all that it may.

    A low occupancy that is asked for, of whomever, takes so many times more.
    """
    occupancies = [
        one.bound
        for one in requirements
        if one.sign is Sign.AT_MOST and one.name.endswith("occupancy")
    ]
    load = np.asarray(demand.load) / max(min(occupancies, default=1.0), OCCUPANCY_MIN)
    plenty = np.zeros((len(demand.groups), load.shape[1]))
    for place, queues in enumerate(demand.serves):
        total = load[list(queues)].sum(axis=0)
        plenty[place] = np.ceil(total + 6 * np.sqrt(total) + 3) if queues else 0.0
    return plenty


def _confirmed(
    trials: Trials, plan: Floats, demand: Demand, plenty: Floats
) -> tuple[Floats, Study, tuple[Unreachable, ...]]:
    """Return a plan with fresh runs, and what agents in abundance miss in these.

    Where the plan misses what its own runs did not it is improved by them, and confirmed by others.
    """
    last, more = trials.seed + ROUNDS_MAX, 4 * trials.replications
    while True:
        has_no_remedy = trials.missed(plan) > 0
        trials.use_seed(trials.seed + 1, more)
        confirmed = trials.simulate(plan)
        unreachable: tuple[Unreachable, ...] = ()
        if trials.missed_by(confirmed).any():
            unreachable = trials.relax(plenty, trials.simulate(plenty))
        is_short = trials.missed_by(confirmed) > 0
        if trials.seed == last or not (is_short & ~has_no_remedy).any():
            return plan, confirmed, unreachable
        trials.know(plan, confirmed)
        plan = improved(trials, plan, demand)


def _proposal(
    trials: Trials,
    plan: Floats,
    bound: Floats,
    confirmed: Study,
    unreachable: Sequence[Unreachable],
) -> Proposal:
    """Return what was found, and what the confirmation says of it."""
    is_bounded = bool(np.isfinite(bound).all())
    apart = {(one.objective, one.interval) for one in unreachable}
    missed = chain.from_iterable(trials.misses(confirmed, asked) for asked in trials.asked)
    return Proposal(
        staffing=_named(trials.groups, plan),
        least=_named(trials.groups, bound) if is_bounded else None,
        cost=trials.cost(plan),
        least_cost=trials.cost(bound) if is_bounded else None,
        missed=tuple(one for one in missed if (one.objective, one.interval) not in apart),
        impossible=tuple(
            replace(one, proposed=float(trials.values(confirmed, one.name)[one.interval or 0]))
            for one in unreachable
        ),
        confirmed=confirmed,
        studies=trials.studies,
    )


def _named(groups: Sequence[str], plan: Floats) -> dict[str, tuple[int, ...]]:
    return {group: tuple(map(int, row)) for group, row in zip(groups, plan, strict=True)}

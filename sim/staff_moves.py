"""The moves of the search for a staffing: growing, shrinking, exchanging.

Each is tried in all intervals at once and kept where nothing is missed by more than before it. So
what is missed for good in one interval keeps no member too many in another.
"""

from itertools import combinations_with_replacement
from typing import Final

import numpy as np

from sim.draws import Ints
from sim.erlang import Bools
from sim.patience import Floats
from sim.staff_start import Demand
from sim.staff_trials import Trials

GROWTH_MAX: Final = 200
"""Most members added to a group in one interval before the search gives up."""

IDLE_MAX: Final = 20
"""Most members added in an interval, one after the other, of whom none makes it miss less: what is
missed then has no remedy in members, as a least occupancy beside a service level."""

EXCHANGES_MAX: Final = 60
"""Most kinds of exchange tried: those of the dearest groups first."""


def improved(trials: Trials, plan: Floats, demand: Demand) -> Floats:
    """Let a plan grow until all is met or nothing helps; then make it as cheap as it gets."""
    plan = _shrunk(trials, _grown(trials, plan, demand))
    cost = np.inf
    while trials.cost(plan) < cost - 1e-9:
        cost = trials.cost(plan)
        plan = _shrunk(trials, _exchanged(trials, plan, demand))
    return plan


def _grown(trials: Trials, plan: Floats, demand: Demand) -> Floats:
    """Add members where objectives are missed until none is, or nobody helps.

    Where nobody helps an interval is left as it was when it missed least.
    """
    added, nearest = np.zeros_like(plan), plan
    missed_least, idle = np.full(plan.shape[1], np.inf), np.zeros(plan.shape[1])
    while (missed := trials.missed(plan)).any():
        short = missed > 0
        is_better = missed < missed_least - 1e-9
        nearest = np.where(np.logical_or(is_better, ~short), plan, nearest)
        idle = np.where(is_better, 0.0, idle + 1.0)
        missed_least = np.minimum(missed, missed_least)
        gain = np.full(plan.shape, -np.inf)
        for group in range(len(plan)):
            if demand.serves[group]:
                more = plan.copy()
                more[group, short] += 1
                better = missed - trials.missed(more)
                gain[group] = better / trials.costs[group]
        best = gain.argmax(axis=0)
        # Where nobody helps by himself somebody is added all the same, in turn: two might.
        turn = int(added.sum()) % len(plan)
        chosen = np.where(gain.max(axis=0) > 0, best, _serving(demand, turn))
        at = np.flatnonzero(short & (added.sum(axis=0) < GROWTH_MAX) & (idle < IDLE_MAX))
        if not len(at):
            return nearest
        plan, added = plan.copy(), added.copy()
        plan[chosen[at], at] += 1
        added[chosen[at], at] += 1
    return plan


def _serving(demand: Demand, turn: int) -> int:
    """Return a group that serves anybody, in turn."""
    serving = [group for group, queues in enumerate(demand.serves) if queues] or [0]
    return serving[turn % len(serving)]


def _shrunk(trials: Trials, plan: Floats) -> Floats:
    """Take members away, the dearest first, wherever no more is missed without them."""
    order = sorted(range(len(plan)), key=lambda group: -trials.costs[group])
    is_shrinking = True
    while is_shrinking:
        is_shrinking = False
        for group in order:
            moves = np.zeros_like(plan)
            moves[group] = -1.0
            tried = moved(trials, plan, moves)
            is_shrinking |= tried is not plan
            plan = tried
    return plan


def _exchanged(trials: Trials, plan: Floats, demand: Demand) -> Floats:
    """Exchange members of one or two groups for one of a third, wherever no more is missed so.

    It must be cheaper; or as cheap, and the third must serve all that the one did, and more.
    """
    count = len(plan)
    kinds = []
    for more in range(count):
        for less in [(one,) for one in range(count)] + list(
            combinations_with_replacement(range(count), 2)
        ):
            saved = trials.costs[list(less)].sum() - trials.costs[more]
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
        plan = moved(trials, plan, moves)
    return plan


def moved(trials: Trials, plan: Floats, moves: Floats) -> Floats:
    """Make a move in all intervals where it is possible and no more is missed after it.

    An interval that misses more gives the move back, and so does the one before it, whose work it
    may have inherited; until none does.
    """
    before = trials.missed(plan)
    made: Bools = np.asarray(((plan + moves) >= 0).all(axis=0))
    if not trials.each_interval:
        return _halved(trials, plan, moves, np.flatnonzero(made))
    while made.any():
        tried = plan + np.where(made, moves, 0.0)
        short: Bools = np.asarray(trials.missed(tried) > before)
        if not short.any():
            return tried
        back: Bools = np.logical_or(short, np.append(short[1:], False))
        # Where an interval misses more that did not move, all that moved before it is suspect;
        # where nothing did, its customers were still waiting for members who are gone later.
        if not (back & made).any():
            back = np.arange(len(made)) <= np.flatnonzero(short).max()
        if not (back & made).any():
            return plan
        made = np.logical_and(made, ~back)
    return plan


def _halved(trials: Trials, plan: Floats, moves: Floats, at: Ints) -> Floats:
    """Make a move in as many of some intervals as the day bears, by halves."""
    if not len(at):
        return plan
    tried = plan.copy()
    tried[:, at] += moves[:, at]
    if not (trials.missed(tried) > trials.missed(plan)).any():
        return tried
    if len(at) == 1:
        return plan
    middle = len(at) // 2
    plan = _halved(trials, plan, moves, at[:middle])
    return _halved(trials, plan, moves, at[middle:])

"""Exact answers of queues, computed: from formulas of the textbooks, and from Markov chains.

Times are in seconds, rates per second. Chains are told by their rates from state to state and are
solved as linear equations; a day that begins empty and changes by Kolmogorov's forward equations.
Nothing here is shared with the simulator.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special
from scipy.sparse import linalg as sparse_linalg

Floats: TypeAlias = NDArray[np.float64]
State: TypeAlias = tuple[int, ...]
Rates: TypeAlias = Callable[..., Iterable[tuple[State, float]]]
"""Of a state: each state after it, with the rate per second."""

NEGLIGIBLE = 1e-16


# --- one agent, handling times of any law ---------------------------------------------------------


def second_moment(mean_s: float, scv: float) -> float:
    """Return E S² of a handling time."""
    return mean_s**2 * (1 + scv)


def pollaczek_khinchine(per_s: float, mean_s: float, square: float) -> float:
    """Return the mean wait of M/G/1, of which `square` is E S².

    Source: F. Pollaczek 1930, A. Khinchine 1932.
    """
    return per_s * square / (2 * (1 - per_s * mean_s))


def m_d_1_within(per_s: float, mean_s: float, within_s: float) -> float:
    """Return the share of M/D/1 that waits no longer than `within_s`.

    Source: A. K. Erlang, 1909: (1 - ρ) times the sum of (-x)^k e^x / k!, x = λ (t - k D), over
    k D <= t.
    """
    total = 0.0
    for k in range(int(within_s / mean_s) + 1):
        x = per_s * (within_s - k * mean_s)
        total += (-x) ** k * math.exp(x) / math.factorial(k)
    return (1 - per_s * mean_s) * total


class Class(NamedTuple):
    """Contacts of one kind, of several that share one agent."""

    per_s: float
    mean_s: float
    scv: float = 1.0

    @property
    def load(self) -> float:
        """Offered, in Erlang."""
        return self.per_s * self.mean_s

    @property
    def residual(self) -> float:
        """λ E S² / 2: the part of the mean rest of the service that is met, times the load."""
        return self.per_s * second_moment(self.mean_s, self.scv) / 2


def cobham(classes: Sequence[Class]) -> list[float]:
    """Return each class's mean wait in M/G/1 without preemption, the most urgent first.

    Source: A. Cobham, 1954.
    """
    rest = sum(one.residual for one in classes)
    return _by_loads(rest, [one.load for one in classes])


def cobham_agents(waits: float, mean_s: float, agents: int, loads: Sequence[float]) -> list[float]:
    """Return each class's mean wait in M/M/n without preemption, where all take as long.

    Args:
        waits: Erlang's C of all classes together.
        mean_s: Of the handling times.
        agents: n.
        loads: Of each class over n, the most urgent first.

    Source: Cobham 1954; O. Kella and U. Yechiali, 1985.
    """
    return _by_loads(waits * mean_s / agents, loads)


def _by_loads(rest: float, loads: Sequence[float]) -> list[float]:
    sums = np.concatenate(([0.0], np.cumsum(loads)))
    return [float(rest / (1 - sums[k]) / (1 - sums[k + 1])) for k in range(len(loads))]


def preemptive(classes: Sequence[Class]) -> list[float]:
    """Return each class's mean wait until it is begun, where the more urgent set it aside.

    Source: preemptive resume M/G/1; L. Kleinrock, "Queueing systems" II, 1976, section 3.4.
    """
    found, rest, load = [], 0.0, 0.0
    for one in classes:
        rest += one.residual
        found.append(rest / (1 - load) / (1 - load - one.load))
        load += one.load
    return found


def kleinrock(rest: float, loads: Sequence[float], rates: Sequence[float]) -> list[float]:
    """Return each class's mean wait where its points are its rate times its wait.

    Args:
        rest: The mean wait until some agent is free, of who finds all busy, times how many do.
        loads: Of each class over the agents.
        rates: Points per second, the slowest first.

    Source: L. Kleinrock, 1964, "A delay dependent queue discipline"; M/M/n: A. B. Sharif, D. A.
    Stanford, P. Taylor and I. Ziedins, 2014.
    """
    found: list[float] = []
    for p, rate in enumerate(rates):
        slower = sum(loads[i] * found[i] * (1 - rates[i] / rate) for i in range(p))
        faster = sum(loads[i] * (1 - rate / rates[i]) for i in range(p + 1, len(rates)))
        found.append((rest / (1 - sum(loads)) - slower) / (1 - faster))
    return found


# --- constant handling times, batches -------------------------------------------------------------


def m_d_n_wait(agents: int, per_s: float, mean_s: float, most: int = 400) -> float:
    """Return the mean wait of M/D/n.

    Whoever is served at an instant has left one handling time later, so that N(t + D) is those who
    waited at t and whoever came since. Source: C. D. Crommelin, 1932.
    """
    arrivals = np.exp(
        -per_s * mean_s
        + np.arange(most) * math.log(per_s * mean_s)
        - special.gammaln(np.arange(most) + 1)
    )
    step = np.zeros((most, most))
    for k in range(most):
        left = max(k - agents, 0)
        step[k, left:] = arrivals[: most - left]
    step[:, -1] += 1 - step.sum(axis=1)
    equations = np.vstack([step.T - np.eye(most), np.ones(most)])
    chance = np.linalg.lstsq(equations, np.append(np.zeros(most), 1.0), rcond=None)[0]
    return float(chance @ np.maximum(np.arange(most) - agents, 0)) / per_s


def batches_m_1(per_s: float, mean_s: float, size: float, square: float) -> float:
    """Return the mean wait of M^X/M/1, by the mean size of the batches and E X².

    Source: D. Gross and C. M. Harris, "Fundamentals of queueing theory", section 3.1: the number
    inside is ρ (1 + E X² / E X) / (2 (1 - ρ)); `per_s` counts contacts.
    """
    load = per_s * mean_s
    return load * (1 + square / size) / (2 * (1 - load)) / per_s - mean_s


# --- chains ---------------------------------------------------------------------------------------


class Chain:
    """The stationary distribution of a Markov chain.

    Args:
        start: A state.
        rates: From each state on.
        most: No part of a state is above it: what leads beyond is left out.
    """

    def __init__(self, start: State, rates: Rates, most: int = 60) -> None:
        place, order, moves = {start: 0}, [start], []
        for state in order:
            for after, per_s in rates(*state):
                if per_s and max(after) <= most:
                    if after not in place:
                        place[after] = len(order)
                        order.append(after)
                    moves.append((place[state], place[after], per_s))
        size = len(order)
        rows, columns, values = (np.array(each) for each in zip(*moves, strict=True))
        flow = sparse.csc_matrix((values, (columns, rows)), shape=(size, size))
        out = np.bincount(rows.astype(int), values, minlength=size)
        equations = (flow - sparse.diags(out)).tolil()
        equations[0, :] = 1.0  # One equation too many, for the sum.
        right = np.zeros(size)
        right[0] = 1.0
        chance = sparse_linalg.spsolve(equations.tocsc(), right)
        self.chance: Mapping[State, float] = dict(zip(order, chance.tolist(), strict=True))

    def mean(self, value: Callable[[State], float]) -> float:
        """Return the mean of a function of the state."""
        return math.fsum(chance * value(state) for state, chance in self.chance.items())


# --- a day that begins empty ----------------------------------------------------------------------


class Part(NamedTuple):
    """Some time of a day in which nothing changes."""

    length_s: float
    per_s: float
    agents: int


class Day(NamedTuple):
    """What a day is expected to bring."""

    waiting_s: float
    """Time waited by all, in contacts × seconds, to the end of the day."""
    abandoned: float
    busy_s: float
    """Time with contacts, as `waiting_s`, of all agents but those who were sent away meanwhile."""


@cache
def forward(
    parts: tuple[Part, ...],
    mean_s: float,
    patience_s: float = math.inf,
    queue_most: int = 60,
) -> Day:
    """Return what a day of M(t)/M/n(t)+M brings that begins empty.

    States are (with an agent who stays, waiting). Where fewer agents are wanted the idle go first;
    of the busy so many as are too many finish what they have, and are of no use to who waits. Where
    more are wanted they take who waits.

    Source: A. Kolmogorov's forward equations, dp/dt = p Q, solved by the matrix exponential; the
    integrals of means are further variables of the same linear equations.
    """
    seats, lines = max(part.agents for part in parts) + 1, queue_most + 1
    served, line = (one.ravel() for one in np.indices((seats, lines)))
    size = seats * lines
    now = np.zeros(size + 2)
    now[0] = 1.0
    for part in parts:
        now = _after_the_change(now, part.agents, seats, lines)
        moves = [
            (here, to[0] * lines + to[1], per_s)
            for here, (s, q) in enumerate(zip(served.tolist(), line.tolist(), strict=True))
            for to, per_s in _moves(s, q, part, mean_s, patience_s)
            if per_s and to[1] <= queue_most
        ]
        rows, columns, rates = (np.array(each) for each in zip(*moves, strict=True))
        out = np.bincount(rows, rates, minlength=size)
        flow = sparse.csr_matrix((rates, (columns, rows)), shape=(size, size)) - sparse.diags(out)
        means = sparse.csr_matrix(np.array([line, served], float))
        whole = sparse.bmat([[flow, None], [means, sparse.csr_matrix((2, 2))]], format="csr")
        now = sparse_linalg.expm_multiply(whole * part.length_s, now)
    waiting_s, busy_s = float(now[size]), float(now[size + 1])
    return Day(waiting_s, waiting_s / patience_s, busy_s)


def _after_the_change(now: Floats, agents: int, seats: int, lines: int) -> Floats:
    """Let agents who came take who waits, and who are too many go with what they have."""
    after = now.copy()
    for s in range(seats):
        for q in range(lines):
            taken = min(q, agents - s)  # Below 0 where s are too many.
            after[s * lines + q] -= now[s * lines + q]
            after[(s + taken) * lines + q - max(taken, 0)] += now[s * lines + q]
    return after


def _moves(
    s: int, q: int, part: Part, mean_s: float, patience_s: float
) -> Iterable[tuple[State, float]]:
    agents = part.agents
    yield ((s + 1, q) if s < agents else (s, q + 1)), part.per_s
    if s:
        yield ((s, q - 1) if q else (s - 1, q)), s / mean_s
    if q:
        yield (s, q - 1), q / patience_s


def gamma_points(cv: float, points: int = 8) -> list[tuple[float, float]]:
    """Return factors of mean 1 with weights: Gauss's quadrature for the gamma law of this cv."""
    shape = cv**-2
    at, weights = special.roots_genlaguerre(points, shape - 1)
    total = weights.sum()
    return [(float(x / shape), float(w / total)) for x, w in zip(at, weights, strict=True)]

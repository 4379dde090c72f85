"""Exact values of M/M/n and M/M/n+M, to show that a simulator did the work it was timed for."""

import math
from typing import NamedTuple


class Exact(NamedTuple):
    """What a long run tends to."""

    wait_probability: float
    abandonment: float
    """Share of the contacts that leave before they are answered."""
    mean_wait_s: float
    """Of all contacts, those who leave included."""


def m_m_n(agents: int, *, per_s: float, mean_s: float) -> Exact:
    """Return the exact values where nobody leaves; the load is below the agents.

    Source:
        A. K. Erlang, 1917: the loss probability B by its recursion, C = n B / (n − a (1 − B)).
    """
    offered = per_s * mean_s
    blocking = 1.0
    for n in range(1, agents + 1):
        blocking = offered * blocking / (n + offered * blocking)
    waits = agents * blocking / (agents - offered * (1.0 - blocking))
    return Exact(waits, 0.0, waits * mean_s / (agents - offered))


def m_m_n_m(agents: int, *, per_s: float, mean_s: float, patience_s: float) -> Exact:
    """Return the exact values where patience is exponential.

    Source:
        C. Palm, 1957: a birth and death process that dies at rate min(k, n) / mean_s from service
        and max(k − n, 0) / patience_s from the line. Little's law gives the mean wait.
    """
    # Logarithms, since the weights of 100 agents overrun a float.
    weight, weights = 0.0, [0.0]
    while weight > weights[min(agents, len(weights) - 1)] - 60 or len(weights) <= agents:
        k = len(weights)
        dies = min(k, agents) / mean_s + max(k - agents, 0) / patience_s
        weight += math.log(per_s / dies)
        weights.append(weight)
    top = max(weights)
    shares = [math.exp(weight - top) for weight in weights]
    total = sum(shares)
    line = sum((k - agents) * share for k, share in enumerate(shares) if k > agents) / total
    return Exact(sum(shares[agents:]) / total, line / patience_s / per_s, line / per_s)

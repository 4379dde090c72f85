"""How many agents a line needs, by the exact calculators, and by the square root of the load.

An answer for one queue in the steady state: arrivals at one rate, agents who are alike and do
nothing else. What a real day adds (intervals that run into each other, several queues and skills,
breaks) is the simulator's business; this is where its search begins.
"""

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from sim.erlang import AGENTS_MAX, Bools, Waits, line, refuse
from sim.patience import Exponential, Floats, Patience

_BETA_MAX: Final = 40.0
"""Of the square root; beyond it nobody waits, to the last digit."""

_HALVINGS: Final = 60
_DOUBLINGS: Final = 20
"""Enough for a million agents."""


class Form(StrEnum):
    """How a service level counts those who abandon (docs/measures.md)."""

    MISSED = "missed"
    MET = "met"
    IGNORED = "ignored"
    SERVED = "served"
    """Served in time, of the served alone."""


def service_level(waits: Waits, form: Form) -> Floats:
    """Return the service level in one of its forms."""
    match form:
        case Form.MISSED:
            return waits.service_level
        case Form.MET:
            return waits.service_level_met
        case Form.IGNORED:
            return waits.service_level_ignored
        case Form.SERVED:
            return waits.served_within_of_served


def agents_needed(
    load: ArrayLike,
    handle_s: ArrayLike,
    *,
    level: float,
    threshold_s: float,
    form: Form = Form.MISSED,
    patience: Patience | None = None,
    abandons_max: float = 1.0,
    mean_wait_max_s: float = np.inf,
    occupancy_max: float = 1.0,
) -> Floats:
    """Return the fewest agents with whom a line meets all that is asked of it.

    Args:
        load: Offered load in Erlang, above 0.
        handle_s: Mean handling time, wrap-up included.
        level: Least service level, from 0 to below 1; 0 asks nothing.
        threshold_s: Within which it wants contacts served.
        form: How it counts those who abandon.
        patience: How long people wait; None: until they are served.
        abandons_max: Greatest share that abandons, above 0.
        mean_wait_max_s: Greatest mean wait of the served, above 0.
        occupancy_max: Greatest occupancy, above 0; at 1 only a line of endless patience is held
            to it, which must not grow for ever.

    Returns:
        Whole numbers as floats, of the shape of `load` and `handle_s`.

    Raises:
        ValueError: A number is out of range.
    """
    _check_limits(level, abandons_max, mean_wait_max_s, occupancy_max)
    loads, handles = np.broadcast_arrays(np.asarray(load, float), np.asarray(handle_s, float))
    right = (loads > 0) & (loads <= AGENTS_MAX)
    refuse("load", loads, ~right, f"above 0, at most {AGENTS_MAX}")

    def meets(agents: Floats) -> Bools:
        waits = line(agents, loads, handles, threshold_s, patience=patience)
        meets_all = (
            (service_level(waits, form) >= level)
            & (waits.abandons <= abandons_max)
            & (waits.mean_wait_served_s <= mean_wait_max_s)
            & (waits.occupancy <= occupancy_max)
        )
        return np.asarray(meets_all & (np.isfinite(waits.mean_wait_served_s) | (level == 0)))

    low = np.zeros(loads.shape)
    high = np.maximum(np.ceil(loads), 1.0)
    for _ in range(_DOUBLINGS):
        short = ~meets(high)
        if not short.any():
            break
        low, high = np.where(short, high, low), np.where(short, 2 * high, high)
    while (high - low > 1).any():
        middle = np.maximum(np.floor((low + high) / 2), 1.0)
        fits = meets(middle)
        low, high = np.where(fits, low, middle), np.where(fits, middle, high)
    return np.asarray(high)


def _check_limits(
    level: float, abandons_max: float, mean_wait_max_s: float, occupancy_max: float
) -> None:
    """Refuse limits that nothing meets, or everything.

    Raises:
        ValueError: One is out of range.
    """
    for name, value, is_right, wanted in (
        ("level", level, 0 <= level < 1, "from 0 to below 1"),
        ("abandons_max", abandons_max, 0 < abandons_max <= 1, "above 0, at most 1"),
        ("mean_wait_max_s", mean_wait_max_s, mean_wait_max_s > 0, "above 0"),
        ("occupancy_max", occupancy_max, 0 < occupancy_max <= 1, "above 0, at most 1"),
    ):
        if not is_right:
            raise ValueError(f"{name}: is {value:g}; wanted {wanted}")


def square_root_staffing(
    load: ArrayLike, waits: float, *, patience_s: float | None = None, handle_s: float = 1.0
) -> Floats:
    """Return load + β √load, rounded up: near it, this share of the contacts waits at all.

    Args:
        load: Offered load in Erlang, above 0.
        waits: Wanted probability to wait, above 0 and below 1.
        patience_s: Mean of an exponential patience; None: people wait until they are served.
        handle_s: Mean handling time, in the patience's unit.

    Raises:
        ValueError: A number is out of range.

    Source: Halfin and Whitt 1981; Garnett, Mandelbaum and Reiman 2002 with patience.
    """
    if not 0 < waits < 1:
        raise ValueError(f"waits: is {waits:g}; wanted above 0, below 1")
    loads = np.asarray(load, float)
    if not (loads > 0).all():
        raise ValueError(f"load: is {loads.min():g}; wanted above 0")
    ratio = None if patience_s is None else Exponential(patience_s).mean_s / handle_s
    low, high = (0.0 if ratio is None else -_BETA_MAX), _BETA_MAX
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _waits_at(middle, ratio) > waits else (low, middle)
    return np.asarray(np.maximum(np.ceil(loads + high * np.sqrt(loads)), 1.0))


def _waits_at(beta: float, ratio: float | None) -> float:
    """Return the probability to wait with many agents and β √load of them to spare.

    Args:
        beta: Above 0 where nobody leaves.
        ratio: Mean patience over mean handling time; None: nobody leaves.
    """
    if ratio is None:
        return float(1 / (1 + beta / _hazard(-beta)))
    root = np.sqrt(ratio)
    return float(1 / (1 + _hazard(beta * root) / (root * _hazard(-beta))))


def _hazard(value: float) -> float:
    """Return the hazard rate of the standard normal distribution, also far out."""
    return float(np.sqrt(2 / np.pi) / special.erfcx(value / np.sqrt(2)))

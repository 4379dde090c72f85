"""Exact calculators of the waiting line with n alike agents: Erlang B, C, A, and M/M/n+G.

All take arrays and broadcast them; times are in seconds, rates per second. `load` is the offered
load in Erlang: arrivals per second times mean handling time.

Sources: Erlang 1917 (B, C); Palm 1957 (A, the exponential case of what follows); Baccelli and
Hebuterne 1981, and Mandelbaum and Zeltyn 2004, "The impact of customers' patience on delay and
abandonment" (M/M/n+G, exactly, whatever the patience).

With arrival rate λ, service rate µ, patience G, H(x) the integral of its survival function from 0,
and J(t) the integral of exp(λ H(x) - n µ x) from t to infinity, the wait V that is offered to a
contact has P(V > t) = λ J(t) / (E + λ J(0)), where E = 1 / B(n - 1). The rest follows.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.patience import Floats, Patience

Bools: TypeAlias = NDArray[np.bool_]

_DROP: Final = 60.0
"""How far below its greatest exponent an integrand is cut off: e^-60 is 1e-26."""

_LEVELS: Final = 24
"""Panels on each side of the greatest exponent, which drops alike in all of them."""

_NARROWING: Final = 20
"""Panels, each a quarter of the one above it, towards a wait of 0: there a patience may be anything
but smooth."""

_NODES: Final = 16
"""Gauss-Legendre points of each panel, with which the rule is exact to the last digits."""

_DOUBLINGS: Final = 200
_HALVINGS: Final = 60
"""Steps by which a point is looked for: past any finite patience, then to the last digits."""

_LAST: Final = 1e-18
"""A term so much smaller than the sum before it, and falling, ends a sum."""

_CHUNK: Final = 1_000
"""Lines solved at a time: 20 MB for each array."""

AGENTS_MAX: Final = 1_000_000
"""Most agents of a line."""


def erlang_b(agents: ArrayLike, load: ArrayLike) -> Floats:
    """Return the share of contacts that find all agents busy where nobody waits (M/G/n/n).

    Args:
        agents: Whole numbers, from 0.
        load: Offered load in Erlang, from 0.

    Returns:
        Probabilities, of the shape to which both broadcast; 0 where they are below 1e-308.

    Raises:
        ValueError: A number is out of range.
    """
    return np.asarray(1 / _inverse_b(*_checked(agents, load, least=0)))


def _inverse_b(agents: Floats, load: Floats) -> Floats:
    """Return 1 / B as the sum of n (n - 1) … (n - k + 1) / load^k: all terms are positive.

    They fall once n - k is below the load, so that with agents about as many as the load few count.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        term, total = np.ones(agents.shape), np.ones(agents.shape)
        for number in range(int(agents.max(initial=0))):
            left = np.maximum(agents - number, 0.0)
            term = np.where(left > 0, term * left / load, 0.0)
            total += term
            if (((left < load) & (term <= _LAST * total)) | np.isinf(total)).all():
                break
    return total


def erlang_c(agents: ArrayLike, load: ArrayLike) -> Floats:
    """Return the probability to wait where everybody does until he is served (M/M/n).

    1 where the load is not below the number of agents: there the line grows for ever.

    Raises:
        ValueError: A number is out of range.
    """
    agents, load = _checked(agents, load, least=1)
    blocked = 1 / _inverse_b(agents, load)
    busy = np.minimum(load, agents)
    return np.asarray(agents * blocked / (agents - busy + busy * blocked))


class Waits(NamedTuple):
    """What becomes of contacts in a line, as shares of those offered, and mean times in seconds.

    The service levels are those of docs/measures.md: *missed* counts whoever leaves as not served
    in time, *met* counts who leaves in time as served in time, *ignored* does not count him.
    """

    waits: Floats
    """Who is not served at once."""
    abandons: Floats
    abandons_within: Floats
    """Who leaves within the threshold."""
    abandons_short: Floats
    """Who leaves within the short threshold, and is not counted below."""
    served_within: Floats
    """Who is served within the threshold."""
    mean_wait_s: Floats
    """Of all, until served or gone."""
    mean_wait_served_s: Floats
    """Of the served: the average speed of answer."""
    occupancy: Floats
    """Of each agent's time that he is busy."""

    @property
    def service_level(self) -> Floats:
        """With abandoned ones missed: served in time of all counted."""
        return self.served_within / (1 - self.abandons_short)

    @property
    def service_level_met(self) -> Floats:
        """With those who abandon in time as met."""
        late = self.abandons_within - self.abandons_short
        return (self.served_within + late) / (1 - self.abandons_short)

    @property
    def service_level_ignored(self) -> Floats:
        """Without those who abandon in time."""
        return np.asarray(self.served_within / (1 - self.abandons_within))

    @property
    def served_within_of_served(self) -> Floats:
        """Who is served in time, of the served alone."""
        return self.served_within / (1 - self.abandons)


def line(
    agents: ArrayLike,
    load: ArrayLike,
    handle_s: ArrayLike,
    threshold_s: ArrayLike,
    *,
    patience: Patience | None = None,
    short_s: ArrayLike = 0.0,
) -> Waits:
    """Solve the line: Poisson arrivals, exponential handling times, n alike agents.

    Args:
        agents: Whole numbers, from 1.
        load: Offered load in Erlang, above 0.
        handle_s: Mean handling time, wrap-up included, above 0.
        threshold_s: The service level's, from 0.
        patience: How long people wait; None: until they are served (Erlang C), and forever where
            the load is not below the number of agents.
        short_s: Who leaves within it is not counted in the service levels; at most the threshold.

    Raises:
        ValueError: A number is out of range.
    """
    agents, load = _checked(agents, load, least=1)
    agents, load, handle, threshold, short = np.broadcast_arrays(
        agents, load, *(np.asarray(one, float) for one in (handle_s, threshold_s, short_s))
    )
    refuse("handle_s", handle, ~((handle > 0) & (handle < np.inf)), "above 0")
    refuse("threshold_s", threshold, ~((threshold >= 0) & (threshold < np.inf)), "from 0")
    refuse("short_s", short, ~((short >= 0) & (short <= threshold)), "from 0 to the threshold")
    refuse("load", load, load <= 0, "above 0")
    if patience is None:
        return _endless(agents, load, handle, threshold)
    shape = agents.shape
    columns = [_chunks(one) for one in (agents, load, handle, threshold, short)]
    parts = [_solve(*part, patience=patience) for part in zip(*columns, strict=True)]
    return Waits(*(np.concatenate(column).reshape(shape) for column in zip(*parts, strict=True)))


def _chunks(values: Floats) -> list[Floats]:
    return np.array_split(values.ravel(), max(1, -(-values.size // _CHUNK)))


def _solve(
    agents: Floats,
    load: Floats,
    handle: Floats,
    threshold: Floats,
    short: Floats,
    *,
    patience: Patience,
) -> Waits:
    """Return the waits of lines whose people leave. Shapes (count,)."""
    for_ever = load * patience.survival(np.inf) >= agents
    offered = _Offered(agents, np.where(for_ever, agents / 2, load), handle, patience)
    nobody = np.zeros(agents.shape)

    def gone(wait_s: Floats) -> Floats:
        return 1 - patience.survival(wait_s)

    def stay(wait_s: Floats) -> Floats:
        return wait_s * patience.survival(wait_s)

    endless = np.full(agents.shape, np.inf)
    abandons = offered.mean(gone, nobody, endless)

    def abandons_by(wait_s: Floats) -> Floats:
        before = offered.mean(gone, nobody, wait_s)
        return before + offered.mean(np.ones_like, wait_s, endless) * gone(wait_s)

    def unless_for_ever(value: Floats, then: ArrayLike) -> Floats:
        return np.where(for_ever, then, value)

    served = offered.at_once + offered.mean(patience.survival, nobody, endless)
    in_time = offered.at_once + offered.mean(patience.survival, nobody, threshold)
    return Waits(
        waits=unless_for_ever(offered.mean(np.ones_like, nobody, endless), 1.0),
        abandons=unless_for_ever(abandons, gone(endless)),
        abandons_within=unless_for_ever(abandons_by(threshold), gone(threshold)),
        abandons_short=unless_for_ever(abandons_by(short), gone(short)) * (short > 0),
        served_within=unless_for_ever(in_time, 0.0),
        mean_wait_s=unless_for_ever(offered.mean(patience.integral, nobody, endless), np.inf),
        mean_wait_served_s=unless_for_ever(offered.mean(stay, nobody, endless) / served, np.inf),
        occupancy=unless_for_ever(load * served / agents, 1.0),
    )


def _endless(agents: Floats, load: Floats, handle: Floats, threshold: Floats) -> Waits:
    """Return the waits of Erlang C."""
    waits = erlang_c(agents, load)
    spare = np.maximum(agents - load, 0.0) / handle
    with np.errstate(divide="ignore"):
        mean_s = waits / spare
    within = np.where(spare > 0, 1 - waits * np.exp(-spare * threshold), 0.0)
    nobody = np.zeros(agents.shape)
    return Waits(
        waits=waits,
        abandons=nobody,
        abandons_within=nobody,
        abandons_short=nobody,
        served_within=within,
        mean_wait_s=mean_s,
        mean_wait_served_s=mean_s,
        occupancy=np.minimum(load / agents, 1.0),
    )


class _Offered:
    """The wait that is offered to a contact, whether he stays for it or not. Shapes (count,).

    Its density is λ exp(λ H(x) - n µ x) / (E + λ J(0)). The exponent is concave, and all integrals
    are scaled by its greatest value, so that nothing overflows however overloaded a line is.
    """

    def __init__(self, agents: Floats, load: Floats, handle: Floats, patience: Patience) -> None:
        self._agents, self._load, self._handle = agents, load, handle
        self._patience = patience
        mode = self._mode_s()
        self._top = self._exponent(mode)
        self._edges = self._edges_s(mode)
        self._points, self._weights = np.polynomial.legendre.leggauss(_NODES)
        with np.errstate(over="ignore"):
            idle = _inverse_b(agents - 1, load) * np.exp(-self._top)
        nobody = np.zeros(agents.shape)
        self._all = np.ones(agents.shape)
        waiting = self.mean(np.ones_like, nobody, np.full(agents.shape, np.inf))
        self._all = idle + waiting
        self.at_once = np.divide(idle, self._all, where=idle < np.inf, out=np.ones(idle.shape))
        """The probability of no wait at all."""

    def mean(self, value: Callable[[Floats], Floats], from_s: Floats, to_s: Floats) -> Floats:
        """Return the mean of a function of the wait, which counts as 0 outside of two bounds."""
        edges = np.clip(self._edges, from_s[:, None], to_s[:, None])
        middle, half = (edges[:, 1:] + edges[:, :-1]) / 2, np.diff(edges) / 2
        waits = middle[..., None] + half[..., None] * self._points
        density = np.exp(self._exponent(waits) - self._top[:, None, None])
        integral = np.einsum("cpn,n,cp->c", value(waits) * density, self._weights, half)
        return np.asarray(self._load / self._handle * integral / self._all)

    def _exponent(self, wait_s: Floats) -> Floats:
        """Return λ H(x) - n µ x for waits of shape (count, …)."""
        load, agents, handle = (
            one.reshape(-1, *(1,) * (wait_s.ndim - 1))
            for one in (self._load, self._agents, self._handle)
        )
        return (load * self._patience.integral(wait_s) - agents * wait_s) / handle

    def _mode_s(self) -> Floats:
        """Return where the exponent is greatest: as many stay there as the agents serve."""

        def rises(wait_s: Floats) -> Bools:
            return self._load * self._patience.survival(wait_s) > self._agents

        return _turn(rises, np.zeros(self._agents.shape), self._handle)

    def _edges_s(self, mode: Floats) -> Floats:
        """Return where the panels end, rising. Shape (count, edges)."""
        drops = self._top[:, None] - _DROP * np.linspace(0, 1, _LEVELS + 1)
        start = np.repeat(mode[:, None], _LEVELS + 1, axis=1)
        step = np.repeat(self._handle[:, None], _LEVELS + 1, axis=1)
        above = _turn(lambda wait_s: self._exponent(wait_s) > drops, start, step)
        # Below the mode: the depth by which one must go back, at most to 0.
        depth = _turn(
            lambda back_s: (
                (back_s < start) & (self._exponent(np.maximum(start - back_s, 0.0)) > drops)
            ),
            np.zeros(start.shape),
            step,
        )
        below = np.maximum(start - depth, 0.0)
        first = np.where(below[:, -1:] > 0, below[:, -1:], above[:, 1:2])
        narrow = first * 0.25 ** np.arange(_NARROWING)
        knots = np.asarray(self._patience.knots_s, float)
        knots = np.broadcast_to(knots, (mode.size, knots.size))
        lowest, highest = below[:, -1:], above[:, -1:]
        edges = np.concatenate((below, above, narrow, knots), axis=1)
        return np.sort(np.clip(edges, lowest, highest), axis=1)


def _turn(holds: Callable[[Floats], Bools], start: Floats, step: Floats) -> Floats:
    """Return where a condition that holds up to some point ceases to, at or after `start`."""
    low, high = start, start + step
    for _ in range(_DOUBLINGS):
        on = holds(high)
        if not on.any():
            break
        low, high = np.where(on, high, low), np.where(on, start + 2 * (high - start), high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        on = holds(middle)
        low, high = np.where(on, middle, low), np.where(on, high, middle)
    return np.where(holds(start), high, start)


def _checked(agents: ArrayLike, load: ArrayLike, *, least: int) -> tuple[Floats, Floats]:
    """Return both as floats of one shape.

    Raises:
        ValueError: A number is out of range.
    """
    number, erlang = np.broadcast_arrays(np.asarray(agents, float), np.asarray(load, float))
    whole = (number >= least) & (number <= AGENTS_MAX) & (number == np.floor(number))
    refuse("agents", number, ~whole, f"a whole number from {least} to {AGENTS_MAX}")
    refuse("load", erlang, ~((erlang >= 0) & (erlang < np.inf)), "a number from 0")
    return number, erlang


def refuse(name: str, values: Floats, wrong: Bools, wanted: str) -> None:
    """Refuse numbers out of range.

    Raises:
        ValueError: Some are.
    """
    if wrong.any():
        raise ValueError(f"{name}: is {values[wrong].flat[0]:g}; wanted {wanted}")

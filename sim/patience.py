"""How long people are willing to wait: the distributions, as formulas.

Each has its survival function, the integral of it (which the exact solution of M/M/n+G needs,
`sim.erlang`), its mean, and a way to draw it. Times are in seconds; functions take and return
arrays of any shape. The simulator has other times of people of these shapes too: the longest wait
that they accept to hear of, and the pause before they call again.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

SHARE_SLACK: Final = 1e-9
"""How far shares may be off 1 in all: what decimal fractions lose in adding up."""


class Patience(Protocol):
    """How long people are willing to wait."""

    @property
    def mean_s(self) -> float:
        """The mean, in seconds; infinite where some never leave."""

    @property
    def knots_s(self) -> tuple[float, ...]:
        """Where the survival function jumps; it is constant in between. Empty if it is smooth."""

    def survival(self, wait_s: ArrayLike) -> Floats:
        """Return the probability to be willing to wait longer than so many seconds."""

    def integral(self, wait_s: ArrayLike) -> Floats:
        """Return the integral of the survival function from 0: seconds of mean, cut at the wait."""

    def draw(self, generator: np.random.Generator, size: int) -> Floats:
        """Return so many, drawn; infinite for those who never leave. Shape (size,)."""


class _Shape(msgspec.Struct, frozen=True, tag=True):
    """Base of the smooth ones. Encoded they say which they are, since some have the same fields."""

    @property
    def knots_s(self) -> tuple[float, ...]:
        """Where the survival function jumps."""
        return ()


class Exponential(_Shape, frozen=True):
    """Who has waited is as patient as who has just come: the assumption of Erlang A (Palm 1957)."""

    mean_s: float

    def __post_init__(self) -> None:
        _positive("mean_s", self.mean_s)

    def survival(self, wait_s: ArrayLike) -> Floats:
        """Return the probability to be willing to wait longer."""
        return np.exp(-np.asarray(wait_s, float) / self.mean_s)

    def integral(self, wait_s: ArrayLike) -> Floats:
        """Return the mean, cut at a wait."""
        return -self.mean_s * np.expm1(-np.asarray(wait_s, float) / self.mean_s)

    def draw(self, generator: np.random.Generator, size: int) -> Floats:
        """Return so many, drawn."""
        return self.mean_s * generator.standard_exponential(size)


class Gamma(_Shape, frozen=True):
    """Gamma by mean and squared coefficient of variation; Erlang-k has `scv` 1 / k."""

    mean_s: float
    scv: float

    def __post_init__(self) -> None:
        _positive("mean_s", self.mean_s)
        _positive("scv", self.scv)

    def survival(self, wait_s: ArrayLike) -> Floats:
        """Return the probability to be willing to wait longer."""
        shape = 1 / self.scv
        scaled = np.asarray(wait_s, float) * shape / self.mean_s
        return np.asarray(_special().gammaincc(shape, scaled))

    def integral(self, wait_s: ArrayLike) -> Floats:
        """Return the mean, cut at a wait."""
        shape = 1 / self.scv
        wait = np.asarray(wait_s, float)
        scaled = wait * shape / self.mean_s
        below = self.mean_s * _special().gammainc(shape + 1, scaled)
        return np.asarray(wait * _special().gammaincc(shape, scaled) + below)

    def draw(self, generator: np.random.Generator, size: int) -> Floats:
        """Return so many, drawn."""
        return self.mean_s * self.scv * generator.standard_gamma(1 / self.scv, size)


class Lognormal(_Shape, frozen=True):
    """Lognormal by mean and squared coefficient of variation, as fitted to many a call centre.

    Source: Brown, Gans, Mandelbaum and others 2005, "Statistical analysis of a telephone call
    center"; sigma² = ln(1 + scv), mu = ln(mean) - sigma² / 2.
    """

    mean_s: float
    scv: float

    def __post_init__(self) -> None:
        _positive("mean_s", self.mean_s)
        _positive("scv", self.scv)

    def _standard(self, wait_s: ArrayLike) -> tuple[Floats, Floats, float]:
        sigma = math.sqrt(math.log1p(self.scv))
        mu = math.log(self.mean_s) - sigma**2 / 2
        wait = np.asarray(wait_s, float)
        with np.errstate(divide="ignore"):
            return wait, (np.log(wait) - mu) / sigma, sigma

    def survival(self, wait_s: ArrayLike) -> Floats:
        """Return the probability to be willing to wait longer."""
        _, standard, _ = self._standard(wait_s)
        return np.asarray(_special().ndtr(-standard))

    def integral(self, wait_s: ArrayLike) -> Floats:
        """Return the mean, cut at a wait."""
        wait, standard, sigma = self._standard(wait_s)
        below = self.mean_s * _special().ndtr(standard - sigma)
        return np.asarray(wait * _special().ndtr(-standard) + below)

    def draw(self, generator: np.random.Generator, size: int) -> Floats:
        """Return so many, drawn."""
        variance = math.log1p(self.scv)
        exponent = math.sqrt(variance) * generator.standard_normal(size) - variance / 2
        return np.asarray(self.mean_s * np.exp(exponent))


class Hyperexponential(_Shape, frozen=True):
    """A mixture of exponential ones: the hurried and the patient. Shares sum to 1."""

    means_s: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.means_s or len(self.means_s) != len(self.shares):
            seen = f"{len(self.means_s)} means and {len(self.shares)} shares"
            raise ValueError(f"patience: {seen}; wanted as many of each, at least one")
        for mean_s, share in zip(self.means_s, self.shares, strict=True):
            _positive("means_s", mean_s)
            _positive("shares", share)
        if abs(math.fsum(self.shares) - 1) > SHARE_SLACK:
            raise ValueError(f"patience: shares sum to {math.fsum(self.shares)}; wanted 1")

    @property
    def mean_s(self) -> float:
        """The mean."""
        return math.fsum(
            share * mean_s for mean_s, share in zip(self.means_s, self.shares, strict=True)
        )

    def _mixed(self) -> list[tuple[float, Exponential]]:
        return [
            (share, Exponential(mean_s))
            for mean_s, share in zip(self.means_s, self.shares, strict=True)
        ]

    def survival(self, wait_s: ArrayLike) -> Floats:
        """Return the probability to be willing to wait longer."""
        parts = [share * one.survival(wait_s) for share, one in self._mixed()]
        return np.asarray(np.sum(parts, axis=0))

    def integral(self, wait_s: ArrayLike) -> Floats:
        """Return the mean, cut at a wait."""
        parts = [share * one.integral(wait_s) for share, one in self._mixed()]
        return np.asarray(np.sum(parts, axis=0))

    def draw(self, generator: np.random.Generator, size: int) -> Floats:
        """Return so many, drawn: of which kind each is, then how patient it is."""
        bounds = np.cumsum(self.shares)[:-1]
        kind = np.searchsorted(bounds, generator.random(size), side="right")
        return np.asarray(np.array(self.means_s)[kind] * generator.standard_exponential(size))


class Steps(msgspec.Struct, frozen=True):
    """Empirical: the share still willing to wait after each of some instants.

    As Kaplan and Meier (1958) estimate it of waits of which most end with service. After the last
    instant nobody leaves any more, unless the share there is 0.

    Args:
        times_s: When the share drops, rising, above 0.
        survival_after: The share from then on, falling, from below 1 to 0 at least.
    """

    times_s: tuple[float, ...]
    survival_after: tuple[float, ...]

    def __post_init__(self) -> None:
        times, shares = self.times_s, self.survival_after
        if not times or len(times) != len(shares):
            seen = f"{len(times)} instants and {len(shares)} shares"
            raise ValueError(f"patience: {seen}; wanted as many of each, at least one")
        for before, after in zip((0.0, *times), times, strict=False):
            if not before < after < math.inf:
                raise ValueError(f"patience: {after} s after {before} s; wanted rising instants")
        for before, after in zip((1.0, *shares), shares, strict=False):
            if not 0 <= after < before:
                raise ValueError(f"patience: share {after} after {before}; wanted falling shares")

    @property
    def mean_s(self) -> float:
        """The mean."""
        return math.inf if self.survival_after[-1] else float(self.integral(self.times_s[-1]))

    @property
    def knots_s(self) -> tuple[float, ...]:
        """Where the survival function jumps."""
        return self.times_s

    def survival(self, wait_s: ArrayLike) -> Floats:
        """Return the probability to be willing to wait longer."""
        passed = np.searchsorted(self.times_s, np.asarray(wait_s, float), side="right")
        return np.array((1.0, *self.survival_after))[passed]

    def integral(self, wait_s: ArrayLike) -> Floats:
        """Return the mean, cut at a wait."""
        starts = np.array((0.0, *self.times_s))
        shares = np.array((1.0, *self.survival_after))
        before = np.concatenate(([0.0], np.cumsum(np.diff(starts) * shares[:-1])))
        wait = np.asarray(wait_s, float)
        passed = np.searchsorted(self.times_s, wait, side="right")
        return np.asarray(before[passed] + (wait - starts[passed]) * shares[passed])

    def draw(self, generator: np.random.Generator, size: int) -> Floats:
        """Return so many, drawn: the first instant at which no more than a random share stays."""
        stays = -np.array(self.survival_after)
        passed = np.searchsorted(stays, -generator.random(size), side="left")
        return np.array((*self.times_s, math.inf))[passed]


def deterministic(wait_s: float, *, share: float = 1.0) -> Steps:
    """Return the patience of people who leave after the same time: this share, the others never."""
    return Steps(times_s=(wait_s,), survival_after=(1.0 - share,))


def erlang(phases: int, mean_s: float) -> Gamma:
    """Return Erlang-k patience: the sum of `phases` exponential ones."""
    if phases < 1:
        raise ValueError(f"patience: {phases} phases; wanted at least 1")
    return Gamma(mean_s, 1 / phases)


def kaplan_meier(waits_s: Sequence[float], left: Sequence[bool]) -> Steps:
    """Estimate patience from waits of which some ended with service (censored).

    Args:
        waits_s: How long each waited, from 0.
        left: Whether he gave up; of the others it is only known that they would have waited longer.
            Who left is taken to have left before whoever was served after the same wait.

    Returns:
        The share still willing to wait after each instant at which somebody left.

    Raises:
        ValueError: Nobody left, so nothing is known; or a wait is negative.

    Source: Kaplan and Meier 1958.
    """
    waits, gave_up = np.asarray(waits_s, float), np.asarray(left, bool)
    if waits.shape != gave_up.shape or waits.ndim != 1:
        raise ValueError(f"patience: {waits.shape} waits, {gave_up.shape} ends; wanted as many")
    if not gave_up.any():
        raise ValueError("patience: nobody left; wanted at least one who did")
    if not (waits >= 0).all():
        raise ValueError(f"patience: a wait of {waits.min()} s; wanted at least 0")
    times, counts = np.unique(waits[gave_up], return_counts=True)
    at_risk = waits.size - np.searchsorted(np.sort(waits), times, side="left")
    survival = np.cumprod(1 - counts / at_risk)
    # A wait of 0 is a share that never waits: it leaves at the first instant that can be told.
    times[0] = max(times[0], np.nextafter(0.0, 1.0))
    return Steps(tuple(times.tolist()), tuple(survival.tolist()))


def _positive(name: str, value: float) -> None:
    """Refuse what is no positive number.

    Raises:
        ValueError: It is not.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"patience: {name} is {value}; wanted a number above 0")


def _special() -> Any:  # noqa: ANN401 - scipy has no types.
    """Return scipy's special functions. The simulator draws without them, and so without scipy."""
    from scipy import special  # noqa: PLC0415

    return special

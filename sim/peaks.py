"""More contacts for a while: a sale, a season, a mailing, an outage, a flash crowd.

A peak has a shape, a height and a length. Its shape is a function of the time since the peak began,
in [0, 1]; its height says how many contacts an hour it adds where the shape is 1. It adds contacts
and changes none: `sim.arrivals` draws it as a source of its own, thinned to the shape.
"""

from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct

from sim.draws import Floats, Ints

HALF_LIVES: Final = 10
"""After so many a campaign's answers are over: a thousandth of its height is left."""

OUTAGE_RISE: Final = 0.04
"""Share of an outage's length after which its surge is highest; see `Outage`."""

OUTAGE_DECAY: Final = 0.029
"""Share of an outage's length in which the surge falls from its height to half of it."""

SATURATION: Final = 0.99
"""How much of the users that it could ever have a logistic crowd has at the end of its rise."""


class Growth(StrEnum):
    """How a flash crowd grows."""

    EXPONENTIAL = "exponential"
    """Each user brings others at one rate, without limit: doublings of equal length."""
    LOGISTIC = "logistic"
    """As exponential in the beginning, then slower, as fewer are left who do not know yet."""


class _Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Base of the shapes. Each has a length, and its heights within it."""


class Trapezoid(_Shape, frozen=True):
    """Rises along a straight line, holds, and falls along another."""

    rise_us: int = 0
    hold_us: int = 0
    fall_us: int = 0

    @property
    def length_us(self) -> int:
        """Return how long the peak lasts."""
        return self.rise_us + self.hold_us + self.fall_us

    def heights(self, elapsed_us: Ints) -> Floats:
        """Return the height at times since the peak began. Shape (times,), in [0, 1]."""
        rising = elapsed_us / max(self.rise_us, 1)
        falling = (self.length_us - elapsed_us) / max(self.fall_us, 1)
        return np.clip(np.minimum(rising, falling), 0.0, 1.0)


class Season(_Shape, frozen=True):
    """Holds one figure of a profile after another, each equally long: days before a holiday."""

    length_us: int
    profile: tuple[float, ...]
    """In any unit, at least 0; the largest, above 0, is the peak's height."""

    def heights(self, elapsed_us: Ints) -> Floats:
        """Return the height at times since the peak began. Shape (times,), in [0, 1]."""
        steps = elapsed_us * len(self.profile) // self.length_us
        profile = np.array(self.profile) / max(self.profile)
        return profile[np.clip(steps, 0, len(profile) - 1)]


class Campaign(_Shape, frozen=True):
    """A burst of answers: rises along a straight line, then halves in each `half_life_us`.

    An exponential decay is what is left when each of many who read a message answers once, at one
    rate.
    """

    half_life_us: int
    rise_us: int = 0

    @property
    def length_us(self) -> int:
        """Return how long the peak lasts."""
        return self.rise_us + HALF_LIVES * self.half_life_us

    def heights(self, elapsed_us: Ints) -> Floats:
        """Return the height at times since the peak began. Shape (times,), in [0, 1]."""
        since = np.maximum(elapsed_us - self.rise_us, 0)
        rising = np.clip(elapsed_us / max(self.rise_us, 1), 0.0, 1.0)
        falling: Floats = np.exp2(-since / self.half_life_us)
        return np.where(since > 0, falling, rising)


class Outage(_Shape, frozen=True):
    """The surge of an outage: a straight rise, then 1 / (1 + time / decay), a long tail.

    Source:
        Calls a day to the storm-recovery lines of New York (311) from 27 October 2012 on, two days
        before hurricane Sandy; FiveThirtyEight data repository, CC BY 4.0. The rise and the decay
        were fitted to the first 60 days by Poisson maximum likelihood: 2.38 and 1.73 days, 0.04 and
        0.029 of the length. The fit explains 70 % of the variance between the days; the shares of
        the calls up to each day differ from it by at most 6.5 % of all calls
        (`python -m benchmarks.bench_workload --sandy FILE`). A power law fits better than a
        lognormal, a gamma or an exponential tail, and its exponent (0.93) is not told from 1: so do
        shocks from outside relax elsewhere (Crane and Sornette 2008, "Robust dynamic classes
        revealed by measuring the response function of a social system"; Omori 1894).
    """

    length_us: int

    def heights(self, elapsed_us: Ints) -> Floats:
        """Return the height at times since the peak began. Shape (times,), in [0, 1]."""
        part = elapsed_us / self.length_us
        since = np.maximum(part - OUTAGE_RISE, 0.0)
        return np.minimum(np.maximum(part, 0.0) / OUTAGE_RISE, 1 / (1 + since / OUTAGE_DECAY))


class FlashCrowd(_Shape, frozen=True):
    """A crowd that grows from some users to many more, stays, and goes as it came.

    Its height is the share of the users who joined: 0 at `users_from`, 1 at `users_to`.
    """

    users_from: float
    users_to: float
    rise_us: int
    growth: Growth = Growth.EXPONENTIAL
    hold_us: int = 0
    fall_us: int = 0

    @property
    def length_us(self) -> int:
        """Return how long the peak lasts."""
        return self._frame.length_us

    @property
    def _frame(self) -> Trapezoid:
        return Trapezoid(rise_us=self.rise_us, hold_us=self.hold_us, fall_us=self.fall_us)

    def users(self, elapsed_us: Ints) -> Floats:
        """Return how many users there are at times since the peak began. Shape (times,).

        Source:
            Exponential: N = from × (to / from)^s, where s runs from 0 to 1 over the rise.
            Logistic (Verhulst 1838): N = K / (1 + (K / from − 1) e^(−r s)) with K = to ÷ 0.99 and
            r such that N(1) = to.
        """
        part = self._frame.heights(elapsed_us)
        if self.growth is Growth.EXPONENTIAL:
            return self.users_from * (self.users_to / self.users_from) ** part
        capacity = self.users_to / SATURATION
        odds = capacity / self.users_from - 1
        rate = np.log(odds / (1 / SATURATION - 1))
        users: Floats = capacity / (1 + odds * np.exp(-rate * part))
        return users

    def heights(self, elapsed_us: Ints) -> Floats:
        """Return the height at times since the peak began. Shape (times,), in [0, 1]."""
        joined = self.users(elapsed_us) - self.users_from
        return np.clip(joined / (self.users_to - self.users_from), 0.0, 1.0)


Shape: TypeAlias = Trapezoid | Season | Campaign | Outage | FlashCrowd


class Peak(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shape laid over streams from an instant on.

    Where the shape is 1, a stream with the rate r has r × (factor − 1) + added_per_h contacts an
    hour more.
    """

    name: str
    streams: tuple[str, ...]
    from_offset_us: int
    shape: Shape
    factor: float = 1.0
    added_per_h: float = 0.0

    @property
    def until_offset_us(self) -> int:
        """Return when it is over."""
        return self.from_offset_us + self.shape.length_us

    def heights(self, offsets_us: Ints) -> Floats:
        """Return the heights at instants since the start; 0 before and after the peak."""
        elapsed_us = offsets_us - self.from_offset_us
        within = (elapsed_us >= 0) & (elapsed_us < self.shape.length_us)
        return np.where(within, self.shape.heights(elapsed_us), 0.0)

"""Contacts that come in groups: a tour's passengers, the readers of a mailing, viewers of a spot.

Either a whole stream comes in batches (a compound Poisson process: the batches are Poisson, their
sizes independent), or batches come at stated instants and are laid over streams.
"""

from enum import StrEnum

import numpy as np
from msgspec import Struct

from sim.draws import Ints


class Sizes(StrEnum):
    """The law of the sizes of batches."""

    FIXED = "fixed"
    GEOMETRIC = "geometric"
    """From 1 on; each that came brings another with one probability. Its variance is m (m − 1)."""


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What batches are like."""

    mean: float
    """Of the sizes, at least 1; a whole number where the size is fixed."""
    sizes: Sizes = Sizes.FIXED
    spread_us: int = 0
    """A batch's contacts come independently and uniformly within it, from its instant on."""

    def members(self, drawn: np.random.Generator, starts_us: Ints) -> Ints:
        """Return when contacts come, sorted, of batches that begin at `starts_us`.

        Shape (sum of the sizes,).
        """
        if self.sizes is Sizes.FIXED:
            sizes = np.full(len(starts_us), int(self.mean))
        else:
            sizes = drawn.geometric(1 / self.mean, len(starts_us))
        begun_us = np.repeat(starts_us, sizes)
        later_us = (drawn.random(len(begun_us)) * self.spread_us).astype(np.int64)
        return np.sort(begun_us + later_us)


class Batches(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Batches at stated instants, in each of the streams."""

    name: str
    streams: tuple[str, ...]
    at_offsets_us: tuple[int, ...]
    batch: Batch

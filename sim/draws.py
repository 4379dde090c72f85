"""Random numbers by name: the same contact draws the same numbers whatever else happens.

A draw is a pure function of (seed, source, purpose, leg, contact): nothing is "the next number of
the generator". So a changed policy, another agent or one more stream leaves every other contact
with the arrival, the patience and the handling time it had, and two variants are compared contact
by contact (common random numbers).

Philox is a counter-based generator (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers:
as easy as 1, 2, 3"): it maps a key and a counter to numbers, with no state to carry along. The key
is a hash of seed, source and purpose; of the four words of the counter the lowest is the
generator's own, the second is the block of `BLOCK` contacts, the third the leg.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

BLOCK: Final = 1024
"""Contacts per block. Setting up a generator costs 15 µs and a variate 10 ns: at 1,024 both are
alike, and a source of ten contacts does not pay for thousands."""

KEPT_MAX: Final = 64
"""Blocks that are kept of one purpose where variates are asked for one by one: half a megabyte.
Customers who call again do so some blocks after they came, each attempt a little later."""


def generator(
    seed: int, source: str, purpose: str, *, block: int, leg: int = 1
) -> np.random.Generator:
    """Return the generator of one block; the same arguments give the same numbers."""
    name = b"\0".join((str(seed).encode(), source.encode(), purpose.encode()))
    key = np.frombuffer(blake2b(name, digest_size=16).digest(), dtype="<u8")
    return np.random.Generator(np.random.Philox(key=key, counter=[0, block, leg, 0]))


class Draws:
    """One standard variate per contact and leg of one source, for one purpose.

    Args:
        seed: The replication's seed.
        source: Who draws: the name of a stream, or of a peak in a stream.
        purpose: What for: "handle", "patience".
        standard: Draws `size` variates, like `standard_normal` or the `draw` of a patience.
    """

    __slots__ = ("_kept", "_purpose", "_seed", "_source", "_standard")

    def __init__(
        self,
        seed: int,
        source: str,
        purpose: str,
        standard: Callable[[np.random.Generator, int], Floats],
    ) -> None:
        self._seed = seed
        self._source = source
        self._purpose = purpose
        self._standard = standard
        self._kept: dict[tuple[int, int], Floats] = {}

    def of(self, first: int, count: int, *, leg: int = 1) -> Floats:
        """Return the variates of contacts first, first + 1, … of the source. Shape (count,)."""
        end = first + count
        blocks = [
            self._block(block, leg)[max(first - block * BLOCK, 0) : end - block * BLOCK]
            for block in range(first // BLOCK, -(-end // BLOCK))
        ]
        return np.concatenate(blocks) if blocks else np.empty(0)

    def one(self, number: int, *, leg: int) -> float:
        """Return the variate of one contact."""
        block, place = divmod(number, BLOCK)
        found = self._kept.get((block, leg))
        if found is None:
            if len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            found = self._kept[block, leg] = self._block(block, leg)
        return float(found[place])

    def _block(self, block: int, leg: int) -> Floats:
        drawn = generator(self._seed, self._source, self._purpose, block=block, leg=leg)
        return self._standard(drawn, BLOCK)


def standard_normal(drawn: np.random.Generator, size: int) -> Floats:
    """Return standard normal variates. Shape (size,)."""
    return drawn.standard_normal(size)


def standard_exponential(drawn: np.random.Generator, size: int) -> Floats:
    """Return exponential variates of mean 1. Shape (size,)."""
    return drawn.standard_exponential(size)


def uniform(drawn: np.random.Generator, size: int) -> Floats:
    """Return uniform variates, from 0 to below 1. Shape (size,)."""
    return drawn.random(size)

"""A lane of the index: what waits in one class, and who may take it; and the reach of a kind.

`acd.lanes` keeps them all.
"""

from bisect import insort

import numpy as np

from acd.agents import Kind
from acd.heads import Row
from acd.queues import Aside, LegClass, Line


class Lane:
    """What the index keeps of a class: its waiting legs, and its eligible agents in order."""

    __slots__ = ("agents", "aside", "eligible", "ends", "kept", "kinds", "klass", "line", "ranks")

    def __init__(self, klass: LegClass) -> None:
        self.klass = klass
        self.line = Line()
        self.aside = Aside()
        self.kept = 0
        """How many of its legs are kept for one agent, and stand in his own line."""
        self.kinds: list[Kind] = []
        """The kinds that may take it."""
        self.eligible = 0
        """Bit `agent.index` is set for each eligible agent."""
        self.agents: Row = np.empty(0, dtype=np.int64)
        """Their indices, by the criteria before the idle time, those after it, and position."""
        self.ends: list[int] = []
        """Where, in `agents`, the blocks end of those equal by the criteria before idle time."""
        self.ranks: dict[str, Row] = {}
        """Rows beside `agents` that `acd.selection` has worked out, by criterion."""

    def waiting(self) -> int:
        """Return how many legs wait: in line, aside or kept for one agent."""
        return len(self.line.legs) + len(self.aside.legs) + self.kept

    def put(self, index: int, at: int, *, with_left: bool, with_right: bool) -> None:
        """Put an agent in at a place in their order.

        Args:
            index: His.
            at: The place.
            with_left: Whether he is equal, before idle time, to the one before him.
            with_right: Whether he is to the one behind him.
        """
        self.agents = np.insert(self.agents, at, index)
        self.eligible |= 1 << index
        self.ranks.clear()
        ends = {end + (end > at or (with_left and end == at)) for end in self.ends}
        if not with_left and not with_right:
            ends.add(at + 1)
        self.ends = sorted(ends - {0})

    def drop(self, index: int) -> None:
        """Take an agent out who is in."""
        at = int((self.agents == index).argmax())
        self.agents = np.delete(self.agents, at)
        self.eligible &= ~(1 << index)
        self.ranks.clear()
        self.ends = sorted({end - (end > at) for end in self.ends} - {0}) or [0]


class Reach:
    """The classes that one kind of agents may take, by tier."""

    __slots__ = ("arrays", "tiers")

    def __init__(self) -> None:
        self.tiers: list[tuple[int, int]] = []
        """(tier, class bits), lowest tier first."""
        self.arrays: dict[tuple[int, int], Row] = {}
        """Class numbers by (class bits of the tier, of the channels asked)."""

    def add(self, tier: int, bit: int) -> None:
        """Add a class."""
        self.arrays.clear()
        for at, (known, bits) in enumerate(self.tiers):
            if known == tier:
                self.tiers[at] = (tier, bits | bit)
                return
        insort(self.tiers, (tier, bit))

    def drop(self, bit: int) -> None:
        """Drop a forgotten class."""
        self.arrays.clear()
        self.tiers = [(tier, bits & ~bit) for tier, bits in self.tiers if bits != bit]

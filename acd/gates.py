"""Who waits where contacts overflow: a gate for each queue and channel that has overflow rules.

A gate counts who waits, and knows the first of those who must leave should a condition hold, so
that neither costs more the more wait. What holds, and what follows, is said in `acd.overflow`.
"""

from heapq import heapify, heappop, heappush
from typing import Final, TypeAlias

from acd.contacts import Leg
from acd.doors import Door
from acd.queues import LegClass
from acd.settings import Condition, OverflowRule

Rank: TypeAlias = tuple[int, ...]

_DEAD_MIN: Final = 64
"""Ranks of gone legs that a crowd tolerates, beside as many as it has living ones."""


class Crowd:
    """Legs by rank: the first of them at O(log n), however they come and go.

    A heap, in which the ranks of gone legs stay until they come first, or are more than the others.
    """

    __slots__ = ("_heap", "ranks")

    def __init__(self) -> None:
        self.ranks: dict[int, Rank] = {}
        """Of the legs in it, by number."""
        self._heap: list[tuple[Rank, int]] = []

    def __len__(self) -> int:
        """Return how many legs are in it."""
        return len(self.ranks)

    def put(self, leg_id: int, rank: Rank) -> None:
        """Let a leg be in it, with this rank; ranks differ, and smaller is sooner."""
        if self.ranks.get(leg_id) != rank:
            self.ranks[leg_id] = rank
            heappush(self._heap, (rank, leg_id))

    def drop(self, leg_id: int) -> None:
        """Let a leg be in it no more."""
        ranks = self.ranks
        ranks.pop(leg_id, None)
        if len(self._heap) > 2 * len(ranks) + _DEAD_MIN:
            self._heap = [(rank, leg_id) for leg_id, rank in ranks.items()]
            heapify(self._heap)

    def first(self) -> tuple[Rank, int]:
        """Return the first rank, and its leg's number. It is not empty."""
        heap = self._heap
        while self.ranks.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0]


class Gate:
    """The legs that wait in a queue and channel, and the rules by which they overflow.

    Args:
        number: Its place among the domain's.
        rules: Its rules, in order.
        door: Whether its queue is open; None where it always is.
    """

    __slots__ = ("crowds", "door", "fresh", "leaving", "legs", "max_wait_us", "number", "rules")

    def __init__(self, number: int, rules: tuple[OverflowRule, ...], door: Door | None) -> None:
        self.number = number
        self.rules = rules
        self.door = door
        self.leaving: Final = frozenset(one for rule in rules for one in rule.leaving)
        """The conditions in which nobody stays."""
        self.max_wait_us: Final = next(
            (rule.max_wait_us for rule in rules if rule.max_wait_us is not None), None
        )
        """How long a leg may wait; None without end."""
        self.legs: set[int] = set()
        """The numbers of the legs that are QUEUED in it."""
        self.fresh = 0
        """How many of them have come in this step and were not looked at yet."""
        self.crowds: dict[LegClass, Crowd] = {}
        """Those that leave in a condition, by class, in the order in which they came. Kept only
        where there is such a condition."""

    def come(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, maybe once more."""
        self.legs.add(leg.leg_id)
        if self.leaving and not leg.stays:
            crowd = self.crowds.get(leg.klass)
            if crowd is None:
                crowd = self.crowds[leg.klass] = Crowd()
            crowd.put(leg.leg_id, (leg.arrived_us, leg.leg_id))
            if self.door is not None and Condition.CLOSED in self.leaving:
                self.door.leaving.add(leg.leg_id)

    def go(self, leg: Leg) -> None:
        """Note that a leg is QUEUED no longer, if it was."""
        self.legs.discard(leg.leg_id)
        crowd = self.crowds.get(leg.klass)
        if crowd is not None:
            crowd.drop(leg.leg_id)
            if not crowd:
                del self.crowds[leg.klass]
            if self.door is not None:
                self.door.leaving.discard(leg.leg_id)

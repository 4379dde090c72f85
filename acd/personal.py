"""The legs that are kept for one agent, in the index: personal lines (`acd.affinity`).

A leg that is kept for an agent stands in no line of its class, where everybody else would have to
pass it, but in one of his own: a line for each class of which legs are kept for him. So the first
of them is found at the head of each line, however many are kept, for him and for others; what a
look costs hangs on the number of classes of what is kept for this one agent, a handful. Its key is
the same there, and so is its place in the domain's order.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from acd.agents import Agent, Takes
from acd.contacts import Leg
from acd.eligibility import barred, eligible
from acd.queues import Key, Line

PlaceOf: TypeAlias = Callable[[Leg], Key]
"""leg → its place in the domain's order now."""

_CLASSES: Final = 2**32
"""More than there ever are: a line's number is made of an agent's and a class's."""


class PersonalLines:
    """Every agent's own lines."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[int, dict[int, Line]] = {}
        """By agent's index, then by class number; no line is empty."""

    def __contains__(self, index: int) -> bool:
        """Return whether a leg is kept for the agent of this index."""
        return index in self._lines

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept for anybody."""
        return not self._lines

    def push(self, leg: Leg) -> bool:
        """Put a leg in its line; return whether it is new there."""
        line = self._lines.setdefault(leg.kept_for, {}).setdefault(leg.klass.number, Line())
        if leg.leg_id in line.legs:
            return False
        line.push(leg)
        return True

    def discard(self, leg: Leg) -> bool:
        """Take a leg out; return whether it was in."""
        lines = self._lines.get(leg.kept_for, {})
        line = lines.get(leg.klass.number)
        if line is None or leg.leg_id not in line.legs:
            return False
        if leg is not line.first:
            line.discard(leg)
        elif not line.discard_first():
            del lines[leg.klass.number]
            if not lines:
                del self._lines[leg.kept_for]
        return True

    def first_for(
        self, agent: Agent, takes: Sequence[Takes], place: PlaceOf, *, by_tier: bool
    ) -> Leg | None:
        """Return the first leg kept for an agent that he may take, by his order or the domain's."""
        best: Leg | None = None
        least: tuple[int, Key] = (0, ())
        for line in self._lines[agent.index].values():
            leg = line.first
            assert leg is not None
            able = takes[leg.klass.channel_index] and eligible(leg.klass, agent.kind)
            if able and barred(leg.klass, agent) is None:
                rank = (tier_of(leg, agent) if by_tier else 0, place(leg))
                if best is None or rank < least:
                    best, least = leg, rank
        return best

    def agents(self) -> Iterator[int]:
        """Return the indices of those for whom legs are kept."""
        return iter(self._lines)

    def heads(self, index: int) -> Iterator[tuple[Leg, int]]:
        """Return the first leg of each line of an agent, by his index, with the line's number."""
        for number, line in self._lines[index].items():
            assert line.first is not None
            yield line.first, -1 - (index * _CLASSES + number)

    def head(self, number: int) -> Leg | None:
        """Return the first leg of the line of this number (below 0), or None if it is empty."""
        index, of_class = divmod(-1 - number, _CLASSES)
        line = self._lines.get(index, {}).get(of_class)
        return None if line is None else line.first


def owner_of(number: int) -> int:
    """Return the index of the agent whose personal line has this number, below 0."""
    return (-1 - number) // _CLASSES


def tier_of(leg: Leg, agent: Agent) -> int:
    """Return the tier of a leg's queue and channel in the profile of an agent who serves it."""
    return agent.kind.desk.serves[leg.klass.queue.name, leg.klass.channel_index]

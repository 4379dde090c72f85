"""Which place a leg has among those that wait in its queue and channel, where that is announced.

The place counts the legs that are QUEUED there and stand before it by the domain's order; inside a
queue and channel no two legs change theirs while they wait, whatever the policy. Those at whom it
rings for an agent are not counted: they are as good as served.

Kept only for the queues and channels that announce it: a leg that comes or goes costs O(√n) there
(`acd.ranks`), and so does asking.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from acd.agents import Agent, Kind
from acd.contacts import Leg
from acd.gauges import Place
from acd.queues import Key
from acd.ranks import Ranks

if TYPE_CHECKING:
    from acd.matchers import Matcher, Pair


class _Line:
    """Those who wait in one queue and channel."""

    __slots__ = ("keys", "ranks")

    def __init__(self) -> None:
        self.keys: dict[int, Key] = {}
        """The keys at which they stand, by number."""
        self.ranks = Ranks()


class LinePlaces:
    """The places of those who wait.

    Args:
        places: The queues and channels where they are announced.
    """

    def __init__(self, places: Collection[Place]) -> None:
        self._lines = {place: _Line() for place in places}

    @property
    def are_kept(self) -> bool:
        """Whether any are."""
        return bool(self._lines)

    def of(self, leg: Leg) -> int:
        """Return the place of a leg that is QUEUED where places are announced; 1 is the first."""
        line = self._lines[leg.klass.queue.name, leg.klass.channel_index]
        return line.ranks.before(leg.key) + 1

    def wait(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, maybe once more."""
        line = self._lines.get((leg.klass.queue.name, leg.klass.channel_index))
        if line is not None and leg.leg_id not in line.keys:
            line.keys[leg.leg_id] = leg.key
            line.ranks.add(leg.key)

    def remove(self, leg: Leg) -> None:
        """Note that a leg is QUEUED no longer, if it was."""
        line = self._lines.get((leg.klass.queue.name, leg.klass.channel_index))
        key = None if line is None else line.keys.pop(leg.leg_id, None)
        if line is not None and key is not None:
            line.ranks.discard(key)


class Placing:
    """Tells places who waits; for the rest it is the matcher that it is given."""

    def __init__(self, matcher: "Matcher", places: LinePlaces) -> None:
        self._matcher = matcher
        self._places = places
        self.next_pair: Callable[[int], Pair | None] = matcher.next_pair
        self.another: Callable[[Leg, Sequence[Agent]], Agent | None] = matcher.another
        self.settle: Callable[[], None] = matcher.settle
        self.refresh: Callable[[Agent], None] = matcher.refresh
        self.moved: Callable[[Agent, Kind], None] = matcher.moved

    def wait(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, or that its exclusions changed while it is."""
        self._places.wait(leg)
        self._matcher.wait(leg)

    def remove(self, leg: Leg) -> None:
        """Note that a leg waits no longer."""
        self._places.remove(leg)
        self._matcher.remove(leg)


def placing(matcher: "Matcher", places: LinePlaces) -> "Matcher":
    """Return a matcher that keeps places too; itself where none are announced."""
    return Placing(matcher, places) if places.are_kept else matcher

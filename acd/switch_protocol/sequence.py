"""Puts the messages of a link back into their order, and notices what is missing. Pure.

Adapters whose switch numbers its events use it. What came before is dropped; what came too early is
kept for a moment; what has not come then is lost, and `MessagesLost` stands in its place.
"""

from typing import Final, Generic, TypeVar

_Item = TypeVar("_Item")

EARLY_MAX: Final = 50
"""Most messages kept that came too early. A link that crosses more has lost something."""

EARLY_US_MAX: Final = 200_000
"""How long a gap may stay open (forty times what a loaded local link needs)."""


class Sequence(Generic[_Item]):
    """The messages of one epoch.

    Args:
        lost: What stands for messages that will not come.
    """

    def __init__(self, lost: _Item) -> None:
        self._lost = lost
        self._wanted = 1
        self._sent = 0
        """The highest number that is known to have been given."""
        self._early: dict[int, _Item] = {}
        self._gap_until_us: int | None = None
        self.repeated = 0
        """How many were dropped, since they had come before."""

    def take(self, seq: int, item: _Item, now_us: int) -> list[_Item]:
        """Return what can be handed on now that a message came."""
        if seq < self._wanted or seq in self._early:
            self.repeated += 1
            return []
        self._sent = max(self._sent, seq)
        self._early[seq] = item
        found = self._ready()
        if len(self._early) > EARLY_MAX:
            found += self._give_up()
        self._watch(now_us)
        return found

    def note_sent(self, seq: int, now_us: int) -> None:
        """Take note of the last number that the switch gave."""
        self._sent = max(self._sent, seq)
        self._watch(now_us)

    def due_us(self) -> int | None:
        """Return when `expire` is due, or None."""
        return self._gap_until_us

    def expire(self, now_us: int) -> list[_Item]:
        """Return what can be handed on since a gap was open for too long."""
        if self._gap_until_us is None or now_us < self._gap_until_us:
            return []
        found = self._give_up()
        self._gap_until_us = None
        self._watch(now_us)
        return found

    def _ready(self) -> list[_Item]:
        found = []
        while self._wanted in self._early:
            found.append(self._early.pop(self._wanted))
            self._wanted += 1
        if found:
            self._gap_until_us = None
        return found

    def _give_up(self) -> list[_Item]:
        """Leave out everything that is missing; tell it once."""
        found = [self._lost, *(self._early[seq] for seq in sorted(self._early))]
        self._early.clear()
        self._wanted = self._sent + 1
        return found

    def _watch(self, now_us: int) -> None:
        if self._sent < self._wanted:
            self._gap_until_us = None
        elif self._gap_until_us is None:
            self._gap_until_us = now_us + EARLY_US_MAX

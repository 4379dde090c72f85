"""The keys of inputs that were stepped: a repeat is acknowledged, and not stepped again."""

from collections import deque
from collections.abc import Iterable
from typing import Final

KEYS_MAX: Final = 1_000_000
"""Most keys remembered (about 200 MB): a day at twelve a second. Beyond it the oldest go, and a
producer that repeats an input that old makes a new contact of it."""


class Keys:
    """Keys with their entries, oldest first. Cost: O(1) each."""

    __slots__ = ("_entries", "_most", "_order")

    def __init__(self, keys: Iterable[tuple[str, int]] = (), *, most: int = KEYS_MAX) -> None:
        self._most = most
        self._entries: dict[str, int] = {}
        self._order: deque[str] = deque()
        for key, entry in keys:
            self.add(key, entry)

    def entry_of(self, key: str) -> int | None:
        """Return the entry of the input with this key, if it is remembered."""
        return self._entries.get(key)

    def add(self, key: str, entry: int) -> None:
        """Remember a key that is not remembered."""
        self._entries[key] = entry
        self._order.append(key)
        if len(self._order) > self._most:
            del self._entries[self._order.popleft()]

    def forget_before(self, entry: int) -> None:
        """Forget the keys of entries before this one."""
        order, entries = self._order, self._entries
        while order and entries[order[0]] < entry:
            del entries[order.popleft()]

    def __len__(self) -> int:
        return len(self._entries)

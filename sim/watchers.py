"""Who watches a run, step by step: whatever is told each event, what came of it, and when."""

from collections.abc import Callable
from hashlib import sha256
from typing import TypeAlias

import msgspec

from acd.actions import Action
from acd.events import Event

OnStep: TypeAlias = Callable[[Event, tuple[Action, ...], int], None]


class Hasher:
    """Hashes all actions, in the encoding of the journal."""

    def __init__(self) -> None:
        self._sha = sha256()
        self._encode = msgspec.msgpack.Encoder().encode

    def __call__(self, _event: Event, actions: tuple[Action, ...], now_us: int) -> None:
        """Add one step."""
        if actions:
            self._sha.update(self._encode((now_us, actions)))

    def hexdigest(self) -> str:
        """Return the digest so far."""
        return self._sha.hexdigest()


def all_of(*watchers: OnStep) -> OnStep:
    """Return one function that calls all; the one itself if there is but one."""
    if len(watchers) == 1:
        return watchers[0]

    def call_all(event: Event, actions: tuple[Action, ...], now_us: int) -> None:
        for watcher in watchers:
            watcher(event, actions, now_us)

    return call_all

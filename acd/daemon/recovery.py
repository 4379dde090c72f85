"""Recovery: the router as the journal says it was, without deciding anything again.

The newest snapshot is put back, and the entries after it are applied: their events, and the offers
that were decided then. No policy runs, so a new release starts from yesterday's journal; and where
the settings changed in between, the router changes at the same entry.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from acd.daemon.keys import Keys
from acd.journal.durable import apply, follow
from acd.journal.file import JournalFile
from acd.router import Router
from acd.settings import DomainSettings


class Recovered(NamedTuple):
    """What a journal led to."""

    router: Router
    settings: DomainSettings
    """Those in force at the journal's end."""
    keys: Keys
    snapshot: int
    """The entry after which the snapshot was taken that recovery began with; 0 for none."""
    applied: int
    """How many entries were applied after it."""


def recover(journal: JournalFile) -> Recovered:
    """Return the router at the journal's end, and the keys of the inputs that it knows.

    Raises:
        StorageError: The journal is damaged, or does not hold together.
    """
    with _without_collector():
        followed = follow(journal, apply, from_newest=True)
        applied = journal.last - followed.began_after
        keys = Keys(journal.keys())
    return Recovered(followed.router, followed.settings, keys, followed.began_after, applied)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let the garbage collector rest: what is built here stays, and searching it costs seconds."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

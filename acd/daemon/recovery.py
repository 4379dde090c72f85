"""Recovery: the router as the journal says it was, without deciding anything again.

The newest snapshot is put back, and the entries after it are applied: their events, and the offers
that were decided then. No policy runs, so a new release starts from yesterday's journal; and where
the settings changed in between, the router changes at the same entry.
"""

import gc
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from acd.daemon.keys import Keys
from acd.errors import CallerError, ConfigError, StorageError
from acd.journal.file import InForce, JournalFile
from acd.router import Router
from acd.settings import DomainSettings
from acd.snapshot import Snapshot


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
        router, settings, snapshot, applied = _replay(journal)
        return Recovered(router, settings, Keys(journal.keys()), snapshot, applied)


def under(settings: DomainSettings, router: Router) -> Router:
    """Return a router that goes on where another is, under other settings.

    Raises:
        ConfigError: They are wrong, or lack what contacts inside or agents at work need.
    """
    return Router.restore(settings, router.snapshot())


def _replay(journal: JournalFile) -> tuple[Router, DomainSettings, int, int]:
    changes = journal.settings()
    found = journal.newest_snapshot()
    after = 0 if found is None else found[0]
    settings = _in_force(journal, changes, after)
    later = deque(change for change in changes if change.entry > after)
    applied = 0
    try:
        if found is None:
            router = Router(settings)
        else:
            snapshot = msgspec.msgpack.decode(found[1], type=Snapshot)
            del found
            router = Router.restore(settings, snapshot)
            del snapshot
        for entry in journal.entries(after + 1):
            if later and entry.number == later[0].entry + 1:
                settings = later.popleft().settings
                router = under(settings, router)
            router.apply(entry.event, entry.actions, now_us=entry.now_us)
            applied += 1
        # They may be in force and nothing have happened since.
        for change in later:
            settings = change.settings
            router = under(settings, router)
    except (ConfigError, msgspec.DecodeError, CallerError) as error:
        raise StorageError(str(journal.path), f"does not hold together: {error}") from error
    return router, settings, after, applied


def _in_force(journal: JournalFile, changes: list[InForce], entry: int) -> DomainSettings:
    """Return the settings in force after an entry."""
    before = [change for change in changes if change.entry <= entry]
    if not before:
        raise StorageError(str(journal.path), f"has no settings for entry {entry + 1}")
    return before[-1].settings


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let the garbage collector rest: what is built here stays, and searching it costs seconds."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

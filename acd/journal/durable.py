"""What a daemon's journal leads to: followed entry by entry, applied or decided again.

Both begin with a snapshot and change the settings where they changed. Recovery begins with the
newest snapshot (`acd.daemon.recovery`), a replay with the oldest that is kept.
"""

from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from acd.errors import CallerError, ConfigError, StorageError
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.journal.text import Difference, Replayed, first_difference, under
from acd.router import Router
from acd.settings import DomainSettings
from acd.snapshot import Snapshot


class Followed(NamedTuple):
    """Where following a journal ended."""

    router: Router
    settings: DomainSettings
    """Those in force there."""
    began_after: int
    """The entry after which the snapshot was taken that it began with; 0 for none."""


def replay(path: Path, *, verify: bool = False) -> Replayed:
    """Apply a journal's entries to a new router; or decide again, up to the first difference.

    No daemon may have it open. The lines of a difference are numbers of entries.

    Raises:
        InUseError: Another process has it open.
        StorageError: It cannot be read, or is damaged.
    """
    steps = actions = until_us = 0
    difference: Difference | None = None

    def take(router: Router, entry: Entry) -> bool:
        nonlocal steps, actions, until_us, difference
        until_us = router.now_us
        if verify:
            got = router.step(entry.event, now_us=entry.now_us)
            if got != entry.actions:
                _, wanted, now = first_difference(entry.actions, got)
                difference = Difference(entry.number, wanted, now)
                return False
        else:
            apply(router, entry)
        steps += 1
        actions += len(entry.actions)
        return True

    with closing(JournalFile.open(path)) as journal:
        followed = follow(journal, take, from_newest=False)
    if difference is None:
        until_us = followed.router.now_us
    return Replayed(steps, actions, until_us, difference)


def follow(
    journal: JournalFile, take: Callable[[Router, Entry], bool], *, from_newest: bool
) -> Followed:
    """Hand a journal's entries to `take`, each with the router that it is for.

    Args:
        journal: The open journal.
        take: Brings the router behind an entry; returns whether to go on.
        from_newest: Begin with the newest snapshot; else with the first entry there ever was, or
            with the oldest snapshot where that entry is no longer kept.

    Raises:
        StorageError: The journal is damaged, or does not hold together.
    """
    try:
        return _follow(journal, take, from_newest=from_newest)
    except (CallerError, ConfigError, msgspec.DecodeError) as error:
        raise StorageError(str(journal.path), f"does not hold together: {error}") from error


def apply(router: Router, entry: Entry) -> bool:
    """Bring a router behind an entry as it was decided then."""
    router.apply(entry.event, entry.actions, now_us=entry.now_us)
    return True


def _follow(
    journal: JournalFile, take: Callable[[Router, Entry], bool], *, from_newest: bool
) -> Followed:
    changes = deque(journal.settings())
    if from_newest:
        found = journal.newest_snapshot()
    else:
        found = journal.oldest_snapshot() if journal.first() > 1 else None
    after = 0 if found is None else found[0]
    if changes[0].entry > after:
        raise StorageError(str(journal.path), f"has no settings for entry {after + 1}")
    while len(changes) > 1 and changes[1].entry <= after:
        changes.popleft()
    settings = changes.popleft().settings
    if found is None:
        router = Router(settings)
    else:
        snapshot = msgspec.msgpack.decode(found[1], type=Snapshot)
        del found  # A million contacts take 200 MB in either form.
        router = Router.restore(settings, snapshot)
        del snapshot
    for entry in journal.entries(after + 1):
        if changes and entry.number == changes[0].entry + 1:
            settings = changes.popleft().settings
            router = under(settings, router)
        if not take(router, entry):
            break
    return Followed(router, settings, after)

"""Replay of the journal that a daemon kept: applied, or decided again and compared.

It begins with the oldest snapshot that is kept, and changes the settings where they changed.
"""

from collections import deque
from contextlib import closing
from pathlib import Path

import msgspec

from acd.errors import CallerError, ConfigError, StorageError
from acd.journal.file import JournalFile
from acd.journal.text import Difference, Replayed, first_difference
from acd.router import Router
from acd.snapshot import Snapshot


def replay(path: Path, *, verify: bool = False) -> Replayed:
    """Apply a journal's entries to a new router; or decide again, up to the first difference.

    No daemon may have it open. The lines of a difference are numbers of entries.

    Raises:
        InUseError: Another process has it open.
        StorageError: It cannot be read, or is damaged.
    """
    with closing(JournalFile.open(path)) as journal:
        try:
            return _replay(journal, verify=verify)
        except (CallerError, ConfigError, msgspec.DecodeError) as error:
            raise StorageError(str(path), f"does not hold together: {error}") from error


def _replay(journal: JournalFile, *, verify: bool) -> Replayed:
    found = journal.oldest_snapshot() if journal.first() > 1 else None
    after = 0 if found is None else found[0]
    changes = deque(journal.settings())
    while len(changes) > 1 and changes[1].entry <= after:
        changes.popleft()
    settings = changes.popleft().settings
    if found is None:
        router = Router(settings)
    else:
        router = Router.restore(settings, msgspec.msgpack.decode(found[1], type=Snapshot))
    steps = actions = 0
    for entry in journal.entries(after + 1):
        if changes and entry.number == changes[0].entry + 1:
            router = Router.restore(changes.popleft().settings, router.snapshot())
        before_us = router.now_us
        if verify:
            got = router.step(entry.event, now_us=entry.now_us)
            if got != entry.actions:
                _, wanted, now = first_difference(entry.actions, got)
                return Replayed(steps, actions, before_us, Difference(entry.number, wanted, now))
        else:
            router.apply(entry.event, entry.actions, now_us=entry.now_us)
        steps += 1
        actions += len(entry.actions)
    return Replayed(steps, actions, router.now_us, None)

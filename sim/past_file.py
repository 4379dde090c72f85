"""Reads the past from a journal: a readable one, or the file that a daemon kept."""

from contextlib import closing
from pathlib import Path
from typing import Final

from acd import journal
from acd.actions import Action
from acd.errors import CallerError, JournalError
from acd.events import Event
from acd.journal.durable import follow
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.router import Router
from sim.past import Observer, Past

_SQLITE: Final = b"SQLite format 3\0"
"""How a daemon's journal begins."""


def read_past(path: Path) -> Past:
    """Return what a journal tells, under the last settings that were in force.

    Raises:
        ConfigError: Its settings have mistakes.
        JournalError: It cannot be read, nobody arrives in it, or nobody is handled.
        InUseError: A daemon has it open.
        StorageError: A daemon's journal is damaged.
        OSError: It cannot be opened.
    """
    reader = _Reader()
    with path.open("rb") as stream:
        is_durable = stream.read(len(_SQLITE)) == _SQLITE
    if is_durable:
        with closing(JournalFile.open(path)) as kept:
            follow(kept, reader.take, from_newest=False)
    else:
        _follow_text(path, reader)
    return reader.past(str(path))


def _follow_text(path: Path, reader: "_Reader") -> None:
    with path.open("rb") as stream:
        for router, entry in journal.followed(journal.read(stream, str(path))):
            reader.line = entry.line
            try:
                reader.step(router, entry.event, entry.actions, entry.now_us)
            except CallerError as error:
                raise JournalError(str(path), entry.line, str(error)) from error


class _Reader:
    """Brings the router behind each entry, and has it observed before and after."""

    def __init__(self) -> None:
        self.line = 1
        self._observer: Observer | None = None
        self._last_us = 0

    def take(self, router: Router, entry: Entry) -> bool:
        """Take an entry of a daemon's journal; go on."""
        self.line = entry.number
        self.step(router, entry.event, entry.actions, entry.now_us)
        return True

    def step(self, router: Router, event: Event, actions: tuple[Action, ...], now_us: int) -> None:
        """Take a step.

        Raises:
            CallerError: It does not fit the router.
        """
        observer = self._observer
        if observer is None or observer.router is not router:
            observer = self._observer = _observing(observer, router, now_us)
        observer.before(event, actions, now_us)
        router.apply(event, actions, now_us=now_us)
        observer.after(event, actions, now_us)
        self._last_us = now_us

    def past(self, file: str) -> Past:
        """Return the whole.

        Raises:
            JournalError: There is nothing to be replayed.
        """
        if self._observer is None or not self._observer.all:
            raise JournalError(file, self.line, "ends, and nobody arrived; wanted contacts")
        found = self._observer.past(file, self._last_us)
        if not any(one.is_known for one in found.contacts):
            what = "ends, and nobody was handled; wanted handling times"
            raise JournalError(file, self.line, what)
        return found


def _observing(before: Observer | None, router: Router, now_us: int) -> Observer:
    """Return who observes a new router: anew where other settings hold."""
    if before is not None and before.settings == router.settings:
        before.router = router
        return before
    found = Observer(router.settings, router, now_us)
    if before is not None:
        found.losses.before_settings = before.losses.before_settings + len(before.all)
    return found

"""The history beside the daemon: its own thread, fed from the journal's commits.

Routing never waits for it. Whatever it missed it reads from the journal later, so it may be slow,
be dropped from, or be thrown away; and a disk that fails it stops it alone, until it works again.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from contextlib import closing, suppress
from typing import Final, TypeAlias

from acd.daemon.history.folding import Fold
from acd.daemon.history.reader import HistoryReader, Measures
from acd.daemon.history.schema import DAMAGE, damaged, open_to_write
from acd.daemon.settings import HistorySettings
from acd.errors import AcdError, StorageError
from acd.journal.records import Entry
from acd.settings import DomainSettings

WAITING_MAX: Final = 20_000
"""Most entries that wait to be written, some seconds of the greatest load; 20 MB."""

RETRY_S: Final = 5.0
"""How long it waits after a failure before it tries again, and …"""
RETRY_MAX_S: Final = 300.0
"""… how long at most, each wait being twice the last: opening the history of a million contacts
inside takes seconds of the processor."""

ReadFrom: TypeAlias = Callable[[int], Awaitable[tuple[Entry, ...]]]


class History:
    """Writes what the journal says into tables."""

    def __init__(
        self,
        settings: HistorySettings,
        journal_id: str,
        domain: DomainSettings,
        on_error: Callable[[StorageError], None],
    ) -> None:
        """Open the history, or make it.

        Args:
            settings: Where it is, and how long contacts are kept.
            journal_id: The journal's id.
            domain: The settings that measures are reckoned by.
            on_error: Called on the event loop when it cannot be written, once until it can again.

        Raises:
            ConfigError: The file is no history, of another release or of another journal.
            StorageError: It cannot be opened, or is damaged.
        """
        self._settings = settings
        self._journal_id = journal_id
        self._sql, self._fold = _open(settings, journal_id)
        self._folded: int = self._fold.entry
        self._domain = domain
        self._on_error = on_error
        self._problem = ""
        self._waiting: deque[Entry] = deque()
        self._behind = True
        self._ending = False
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self.reader = HistoryReader(settings.path)

    def start(self, read_from: ReadFrom) -> None:
        """Begin to write; to be called on the event loop, once.

        Args:
            read_from: Returns the journal's entries from a number on, some at a time; none when
                there are no more.
        """
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(loop, read_from), name="history", daemon=True
        )
        self._thread.start()

    def fold(self, entries: tuple[Entry, ...]) -> None:
        """Take committed entries, without waiting; too many are read from the journal later."""
        with self._news:
            if self._problem or self._ending:
                return
            if len(self._waiting) + len(entries) > WAITING_MAX:
                self._waiting.clear()
                self._behind = True
            else:
                self._waiting.extend(entries)
            self._news.notify_all()

    def folded(self) -> int:
        """Return the number of the last entry in the file."""
        return self._folded

    async def reach(self, entry: int, *, within_s: float) -> None:
        """Wait until an entry is folded, but not for long, and not for what cannot come."""

        def wait() -> None:
            with self._news:
                self._news.wait_for(
                    lambda: self._folded >= entry or bool(self._problem) or self._ending,
                    within_s,
                )

        await asyncio.to_thread(wait)

    def problem(self) -> str:
        """Return why nothing is written now; empty where all is well."""
        return self._problem

    def change(self, domain: DomainSettings) -> None:
        """Reckon measures by other settings from now on."""
        self._domain = domain

    async def measures(self, from_us: int, to_us: int, interval_us: int = 0) -> Measures:
        """Return the measures of a span under the settings in force; see `HistoryReader`.

        Raises:
            BadQueryError: The interval does not fit.
            SlowQueryError: It took too long.
            StorageError: The file cannot be read.
        """
        domain = self._domain
        interval_us = interval_us or domain.measures.interval_us
        return await self.reader.measures(domain, from_us, to_us, interval_us)

    async def close(self) -> None:
        """Write what was taken, and close the file; what is missing is read at the next start."""
        with self._news:
            self._ending = True
            self._news.notify_all()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._sql.close()

    # In the thread.

    def _run(self, loop: asyncio.AbstractEventLoop, read_from: ReadFrom) -> None:
        wait_s = RETRY_S
        try:
            while not self._ending:
                before = self._folded
                try:
                    self._work(loop, read_from)
                except (sqlite3.Error, StorageError) as error:
                    self._fail(loop, error)
                    wait_s = RETRY_S if self._folded > before else wait_s
                while self._problem and not self._ended_within(wait_s):
                    wait_s = min(2 * wait_s, RETRY_MAX_S)
                    self._reopen()
        except CancelledError:
            return  # The loop ends; what is missing is read at the next start.
        except Exception as error:  # noqa: BLE001 - a bug in here must not end the routing.
            self._fail(loop, error)

    def _work(self, loop: asyncio.AbstractEventLoop, read_from: ReadFrom) -> None:
        """Write until the end."""
        while (taken := self._take()) is not None:
            behind, entries = taken
            missing = behind or (bool(entries) and entries[0].number > self._folded + 1)
            if missing and not self._catch_up(loop, read_from):
                return
            self._write(entries)

    def _ended_within(self, wait_s: float) -> bool:
        """Wait; return whether the end came."""
        with self._news:
            return self._news.wait_for(lambda: self._ending, wait_s)

    def _reopen(self) -> None:
        """Open the file anew if it can be written now; what was missed is read from the journal."""
        with suppress(sqlite3.Error):
            self._sql.close()
        try:
            with closing(open_to_write(self._settings.path, journal=self._journal_id)) as sql:
                sql.execute("UPDATE folded SET entry = entry")  # Before all that takes long.
            self._sql, self._fold = _open(self._settings, self._journal_id)
        except (sqlite3.Error, AcdError):
            return
        with self._news:
            self._folded = self._fold.entry
            self._problem = ""
            self._behind = True

    def _take(self) -> tuple[bool, tuple[Entry, ...]] | None:
        """Wait for something to do; None when there is nothing more."""
        with self._news:
            while not (self._behind or self._waiting or self._ending):
                self._news.wait()
            if self._ending and not self._waiting and not self._behind:
                return None
            taken = self._behind, tuple(self._waiting)
            self._behind = False
            self._waiting.clear()
        return taken

    def _catch_up(self, loop: asyncio.AbstractEventLoop, read_from: ReadFrom) -> bool:
        """Read what is missing; False when the end came first, and the next start reads it."""

        async def portion() -> tuple[Entry, ...]:
            return await read_from(self._folded + 1)

        while not self._ending:
            before = self._folded
            self._write(asyncio.run_coroutine_threadsafe(portion(), loop).result())
            if self._folded == before:
                return True
        return False

    def _write(self, entries: tuple[Entry, ...]) -> None:
        if entries and entries[-1].number > self._folded:
            self._fold.write(entries)
            with self._news:
                self._folded = self._fold.entry
                self._news.notify_all()

    def _fail(self, loop: asyncio.AbstractEventLoop, error: Exception) -> None:
        if not isinstance(error, StorageError):
            what = f"the history cannot be written: {error!r}"
            error = StorageError(str(self._settings.path), what)
        with self._news:
            self._problem = str(error)
            self._waiting.clear()
            self._news.notify_all()
        loop.call_soon_threadsafe(self._on_error, error)


def _open(settings: HistorySettings, journal_id: str) -> tuple[sqlite3.Connection, Fold]:
    """Open a history's file, and read from it who is inside.

    Raises:
        ConfigError: It is no history, of another release or of another journal.
        StorageError: It cannot be opened, or is damaged.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = open_to_write(settings.path, journal=journal_id)
        return connection, Fold(connection, keep_us=settings.keep_us)
    except DAMAGE as error:
        if connection is not None:
            connection.close()
        raise damaged(settings.path, repr(error)) from error

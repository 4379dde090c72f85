"""The writer: the one thread that touches the journal's file.

It takes whatever the owner has stepped since it last looked, commits all of it in one transaction
(group commit: the slower the disk, the larger the groups), and tells the event loop. Other work on
the file (parts of snapshots, trims, reading for the history) is done in between, in small portions.
On the first error it stops for good: whoever goes on after a failed sync trusts a disk that has
already lost something.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.settings import DomainSettings

Group: TypeAlias = tuple[Entry, ...]
Committed: TypeAlias = Callable[[Group], None]

T = TypeVar("T")

ENTRIES_MAX: Final = 10_000
"""Most entries in one transaction: about 3 MB, half a second on a slow disk."""

IDLE_S: Final = 0.05
"""After so long without work the writer is idle, and tidies the file."""


class Writer:
    """The journal's thread.

    Args:
        journal: The open journal; from `start` on it is this thread's.
        committed: Called on the loop with what is on the disk, in order.
        failed: Called on the loop once, with what went wrong; nothing is committed after it.
        took: Called in the thread with the seconds that each commit took.
    """

    def __init__(
        self,
        journal: JournalFile,
        *,
        committed: Committed,
        failed: Callable[[Exception], None],
        took: Callable[[float], None],
    ) -> None:
        self._journal = journal
        self._took = took
        self._committed = committed
        self._failed = failed
        self._work: SimpleQueue[Group | _Work] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._others: set[asyncio.Future[Any]] = set()
        """Other work that is not done yet."""
        self._is_over = False

    def start(self) -> None:
        """Begin; to be called on the event loop that is to be told."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def write(self, entries: Group) -> None:
        """Have entries committed; `committed` tells when they are."""
        self._work.put(entries)

    def change(self, settings: DomainSettings, entries: Group) -> None:
        """Have settings put in force, and the entries committed that follow."""
        self._work.put(_Change(settings, entries))

    def run(self, work: Callable[[JournalFile], T]) -> "asyncio.Future[T]":
        """Have other work done on the file, after all that was given before.

        The future is canceled where the writer ends before: nobody waits for what never comes.
        """
        assert self._loop is not None
        loop = self._loop
        future: asyncio.Future[T] = loop.create_future()
        if self._is_over:
            future.cancel()
            return future
        self._others.add(future)
        future.add_done_callback(self._others.discard)

        def do() -> None:
            try:
                result = work(self._journal)
            except Exception as error:
                loop.call_soon_threadsafe(_fail, future, error)
                raise
            loop.call_soon_threadsafe(_resolve, future, result)

        self._work.put(do)
        return future

    async def close(self) -> None:
        """Do what was given, then close the file."""
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)
        self._end()
        self._journal.close()

    def _end(self) -> None:
        self._is_over = True
        for future in tuple(self._others):
            future.cancel()

    def _run(self) -> None:
        assert self._loop is not None
        try:
            while self._do_some():
                pass
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is committed after it.
            self._loop.call_soon_threadsafe(self._failed, error)
            self._loop.call_soon_threadsafe(self._end)

    def _do_some(self) -> bool:
        """Do what there is; return whether to go on."""
        try:
            work = self._work.get(timeout=IDLE_S)
        except Empty:
            self._journal.tidy(idle=True)
            return True
        if isinstance(work, tuple):
            work = self._commit(work)
        if work is None:
            return False
        if isinstance(work, _Change):
            self._journal.commit_settings(work.settings, work.entries)
            self._tell(work.entries)
        else:
            work()
        self._journal.tidy(idle=False)
        return True

    def _commit(self, entries: Group) -> "_Work":
        """Commit entries with all that follow at once; return the next other work."""
        groups = [entries]
        count = len(entries)
        other: _Work = _nothing
        while count < ENTRIES_MAX and other is _nothing:
            try:
                work = self._work.get_nowait()
            except Empty:
                break
            if isinstance(work, tuple):
                groups.append(work)
                count += len(work)
            else:
                other = work
        together = entries if len(groups) == 1 else tuple(one for each in groups for one in each)
        began_s = time.perf_counter()
        self._journal.commit(together)
        self._took(time.perf_counter() - began_s)
        self._tell(together)
        return other

    def _tell(self, entries: Group) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._committed, entries)


class _Change:
    """Settings to be put in force, and the entries that follow."""

    __slots__ = ("entries", "settings")

    def __init__(self, settings: DomainSettings, entries: Group) -> None:
        self.settings = settings
        self.entries = entries


def _nothing() -> None:
    """Do nothing."""


_Work: TypeAlias = _Change | Callable[[], None] | None
"""What is done between commits; None ends the thread."""


def _resolve(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[T]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)

"""Snapshots, taken by a forked child so that the router does not wait for them.

A fork copies the router's state in a few milliseconds, whatever its size. The child turns its copy
into bytes and writes them to a pipe; the daemon reads them part by part, and the writer adds each
part in a transaction of its own. The snapshot counts from the transaction that says so; what the
journal then no longer needs is trimmed in small portions.

The child touches nothing but its own memory and the pipe: no lock, no file, no socket of ours.
"""

import asyncio
import gc
import os
import signal
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

import msgspec
import structlog

from acd.daemon.owner import Owner
from acd.daemon.settings import JournalSettings
from acd.journal.file import PART_BYTES, JournalFile
from acd.router import Router

CHECK_S: Final = 1.0
"""How often it is looked whether a snapshot is due."""

NICE: Final = 10
"""How far the child stands back behind the daemon."""

DEADLINE_S: Final = 300.0
"""Longest that a child may take: ten times what a million contacts take on the slowest machine
tried."""

_log = structlog.get_logger()


class Snapshots:
    """Takes snapshots and trims the journal, as long as `run` runs.

    Args:
        owner: Whose router.
        settings: When, and what is kept.
        last: The entry after which the newest snapshot was taken; 0 for none.
        needed: Returns from which entry on others still need the journal.
    """

    def __init__(
        self, owner: Owner, settings: JournalSettings, *, last: int, needed: Callable[[], int]
    ) -> None:
        self._owner = owner
        self._settings = settings
        self._needed = needed
        self._last = last
        self._last_us = owner.clock.now_us()
        self.longest_fork_us = 0
        """The longest that a fork kept the router from stepping."""

    async def run(self) -> NoReturn:
        """Take a snapshot whenever one is due."""
        while True:
            await asyncio.sleep(CHECK_S)
            new = self._owner.stepped - self._last
            elapsed_us = self._owner.clock.now_us() - self._last_us
            settings = self._settings
            if new >= settings.snapshot_entries or (new and elapsed_us >= settings.snapshot_us):
                with suppress(OSError, TimeoutError):  # The next one is tried a second later.
                    await self.take()

    async def take(self) -> int:
        """Take a snapshot, and trim; return the entry after which it was taken.

        Raises:
            StorageError: It could not be written.
            OSError: No child could be made, or it failed.
            TimeoutError: It took too long.
        """
        owner = self._owner
        # What a daemon, or a child, did not live to finish would be in the way.
        await owner.writer.run(lambda journal: journal.drop_unfinished())
        entry, at_us = owner.stepped, owner.router.now_us
        if entry == self._last:
            return entry
        began_us = owner.clock.now_us()
        pipe, child = _fork(owner.router)
        self.longest_fork_us = max(self.longest_fork_us, owner.clock.now_us() - began_us)
        try:
            async with asyncio.timeout(DEADLINE_S):
                parts = await self._store(pipe, entry)
            code = os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, child, 0))[1])
        except BaseException:
            _end(child)
            raise
        if code:
            raise ChildProcessError(f"the child that takes snapshots ended with {code}")
        await owner.writer.run(
            lambda journal: journal.finish_snapshot(entry, at_us=at_us, parts=parts)
        )
        self._last, self._last_us = entry, owner.clock.now_us()
        took_us = self._last_us - began_us
        _log.info("snapshot taken", entry=entry, parts=parts, took_us=took_us)
        await self._trim()
        return entry

    async def _store(self, pipe: int, entry: int) -> int:
        """Add what the child writes to the journal, part by part; return how many there are."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=2 * PART_BYTES)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
        )
        parts = 0
        try:
            while data := await _part(reader):
                await self._owner.writer.run(_adding(entry, parts, data))
                parts += 1
        finally:
            transport.close()
        return parts

    async def _trim(self) -> None:
        """Delete what is no longer needed, a portion at a time."""
        keep_us = self._settings.keep_us
        more = True
        while more:
            portion = _trimming(self._owner.router.now_us, keep_us, needed=self._needed())
            more = await self._owner.writer.run(portion)
        self._owner.forget_keys(await self._owner.writer.run(lambda journal: journal.first()))


def _adding(entry: int, part: int, data: bytes) -> Callable[[JournalFile], None]:
    return lambda journal: journal.add_part(entry, part, data)


def _trimming(now_us: int, keep_us: int, *, needed: int) -> Callable[[JournalFile], bool]:
    return lambda journal: journal.trim(now_us=now_us, keep_us=keep_us, needed=needed)


async def _part(reader: asyncio.StreamReader) -> bytes:
    """Return the next part; shorter at the end, empty behind it."""
    try:
        return await reader.readexactly(PART_BYTES)
    except asyncio.IncompleteReadError as end:
        return end.partial


def _fork(router: Router) -> tuple[int, int]:
    """Return the pipe from which a child's snapshot is to be read, and the child."""
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            # Python warns of locks that other threads hold: the child takes none.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if not child:
        _be_the_child(router, writing)
    os.close(writing)
    return reading, child


def _end(child: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _be_the_child(router: Router, writing: int) -> NoReturn:
    """Write a snapshot to the pipe, and end without touching anything else."""
    code = 1
    try:
        gc.disable()
        # Whoever takes our place after a crash must find our sockets closed, also while this runs.
        os.closerange(0, writing)
        os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.nice(NICE)
        data = memoryview(msgspec.msgpack.encode(router.snapshot()))
        while data:
            data = data[os.write(writing, data[:PART_BYTES]) :]
        code = 0
    finally:
        os._exit(code)

"""The daemon, put together: read this file to see what there is, and in which order it starts.

1. The configuration is read; the journal is opened, which no second daemon can; the router is
   recovered from it, under the settings that were in force, and then put under today's.
2. Time stands still where the journal ended, until the switch has said what became of the offers
   in flight (or does not say within `RECONCILE_S`). Offers whose time ran out while nobody watched
   go back without penalty. Then time goes on.
3. HTTP opens, and the daemon is ready.

SIGTERM and SIGINT end it: what was submitted is committed, WebSockets are told, the switch keeps
its calls. SIGHUP reads configuration and tokens again; where they have mistakes the old ones stay.
The first storage error ends everything at once.
"""

import asyncio
import gc
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from acd import __version__
from acd.daemon import logs
from acd.daemon.clock import Clock
from acd.daemon.history import History
from acd.daemon.http.desk import Desks
from acd.daemon.http.server import HttpServer
from acd.daemon.http.tokens import Tokens
from acd.daemon.ids import CommandIds
from acd.daemon.live import Live
from acd.daemon.owner import Owner
from acd.daemon.recovery import Recovered, recover, under
from acd.daemon.settings import DaemonSettings, load
from acd.daemon.snapshots import Snapshots
from acd.errors import AcdError, ConfigError, StorageError
from acd.events import AgentNotReady, AgentReady, Batch, SingleEvent
from acd.ids import Availability
from acd.journal.file import JournalFile
from acd.router import Router
from acd.settings import DomainSettings

RECONCILE_S: Final = 2.0
"""How long the switch may take to say what became of the offers in flight: a snapshot of 10,000
calls takes a tenth of it."""

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread may keep the others from running (Python's own is ten times that): the writer
must not wait for the event loop, nor the loop for the writer."""

COLLECT_EVERY: Final = 50_000
"""Allocations between two collections of the youngest generation, as in the simulator."""

STOP_S: Final = 0.5
"""After a storage error: how long answers that tell of it may take to leave."""

_log = structlog.get_logger()


class Start(NamedTuple):
    """What a daemon starts with."""

    path: Path
    """The configuration file."""
    domain: DomainSettings
    settings: DaemonSettings
    journal: JournalFile
    recovered: Recovered
    router: Router
    """The recovered one, under the settings of the file."""


def serve(path: Path, *, ready: Callable[[str], None]) -> None:
    """Run the daemon of a configuration file until it is told to end.

    Args:
        path: The file.
        ready: Called once, with the address, when the daemon is ready.

    Raises:
        ConfigError: The configuration is wrong, or contacts inside need what it lacks.
        InUseError: Another daemon has the journal.
        StorageError: The disk failed; nothing was acknowledged since.
        OSError: The address cannot be listened at.
    """
    logs.configure()
    start = prepare(path)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Daemon(start).run(ready))


def prepare(path: Path) -> Start:
    """Read the configuration, open the journal and recover.

    Raises:
        ConfigError: As `serve`.
        InUseError: As `serve`.
        StorageError: As `serve`.
    """
    domain, settings = load(path)
    journal = JournalFile.open(settings.journal.path, settings=domain)
    try:
        recovered = recover(journal)
        router = recovered.router
        if recovered.settings != domain:
            router = _under(path, domain, router)
    except BaseException:
        journal.close()
        raise
    _log.info(
        "journal opened",
        journal=journal.journal_id,
        entry=journal.last,
        applied=recovered.applied,
        contacts=len(router.contacts),
        keys=len(recovered.keys),
        router=__version__,
        sqlite=sqlite3.sqlite_version,
    )
    return Start(path, domain, settings, journal, recovered, router)


def _under(path: Path, domain: DomainSettings, router: Router) -> Router:
    """Put a router under the settings of a file; what they lack is that file's mistake."""
    try:
        return under(domain, router)
    except ConfigError as error:
        raise ConfigError(str(path), *error.problems) from error


class Daemon:
    """What runs. What changes while it runs is read anew each time."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._settings = start.settings
        self._clock = Clock(not_before_us=start.router.now_us)
        self._restarted = bool(start.journal.last)
        self._stop = asyncio.Event()
        self.domain = start.domain
        self.http = start.settings.http
        self.tokens = Tokens(start.settings.http.tokens)
        self.registry = CollectorRegistry()
        self.owner: Owner
        self.live: Live
        self.history: History
        self._switch: SwitchDriver | None = None
        self._starting = True
        self._stopping = False

    def ready(self) -> list[str]:
        """Return why the daemon is not ready; nothing where it is."""
        reasons = []
        if self._starting:
            reasons.append("starting")
        if self._stopping:
            reasons.append("stopping")
        if self.owner.failed.done():
            reasons.append("storage failed")
        if self._switch is not None and not self._switch.is_up:
            reasons.append("the switch is not connected")
        if self.history.problem():
            reasons.append("the history cannot be written")
        return reasons

    async def run(self, ready: Callable[[str], None]) -> None:
        """Start everything, run until told to end, and end everything in the reverse order.

        Raises:
            StorageError: The journal cannot be written.
            OSError: The address cannot be listened at.
        """
        start = self._start
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        self.owner = owner = Owner(start.router, start.journal, self._clock, start.recovered.keys)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(owner.close)
            self.live = Live(owner, lambda: self.domain)
            await self._open_history(stack)
            self._clock.hold(start.router.now_us)
            owner.start()
            if start.settings.switch is not None:
                await self._connect_switch(stack)
            await self._let_time_go_on()
            snapshots = Snapshots(
                owner,
                start.settings.journal,
                last=start.recovered.snapshot,
                needed=lambda: min(owner.on_disk, self.history.folded()) + 1,
            )
            server = HttpServer(self)
            stack.push_async_callback(server.close)
            url = await server.start()
            self._starting = False
            _log.info("ready", url=url, domain=self.domain.name)
            ready(f"acd serves {self.domain.name} at {url}")
            await self._until_the_end(snapshots)
            self._stopping = True
            _log.info("stopping", entry=owner.stepped)
        _log.info("stopped", entry=owner.on_disk)

    async def _until_the_end(self, snapshots: Snapshots) -> None:
        """Wait until somebody ends the daemon, or storage fails."""
        tasks = [
            asyncio.ensure_future(self._stop.wait()),
            asyncio.ensure_future(snapshots.run()),
            asyncio.ensure_future(self.live.run()),
        ]
        try:
            await asyncio.wait([*tasks, self.owner.failed], return_when=asyncio.FIRST_COMPLETED)
            if self.owner.failed.done():
                raise self.owner.failed.result()
            for task in tasks:
                if task.done():
                    task.result()  # It raises what ended it.
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

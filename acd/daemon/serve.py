"""The daemon, put together: read this file to see what there is, and in which order it starts.

1. The configuration is read; the journal is opened, which no second daemon can; the router is
   recovered from it, under the settings that were in force, and then put under today's.
2. Time stands still where the journal ended, until the switch has said what became of the offers
   in flight (or does not say within `RECONCILE_S`). Offers whose time ran out while nobody watched
   go back without penalty. Then time goes on.
3. HTTP opens, and the daemon is ready.

SIGTERM and SIGINT end it: what was submitted is committed, WebSockets are told, the switch keeps
its calls. SIGHUP reads configuration, tokens and the directory of customers again; where they have
mistakes the old ones stay.
SIGUSR1 leaves new calls to the switch's own default (drain), SIGUSR2 takes them again.
The first storage error ends everything at once.
"""

import asyncio
import gc
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
import uvloop
from prometheus_client import CollectorRegistry, Gauge, Histogram

from acd import __version__
from acd.agent_facts import RESTART
from acd.contacts import Offer, OfferState
from acd.daemon import logs
from acd.daemon.clock import Clock
from acd.daemon.context.lookups import Lookups
from acd.daemon.context.making import make_lookups
from acd.daemon.customers import Customers
from acd.daemon.history import History
from acd.daemon.http.meters import BUCKETS_S
from acd.daemon.http.server import HttpServer
from acd.daemon.http.tokens import Tokens
from acd.daemon.ids import CommandIds
from acd.daemon.live import Live
from acd.daemon.numbers import Numbers
from acd.daemon.owner import Owner
from acd.daemon.recovery import Recovered, recover
from acd.daemon.settings import DaemonSettings, load
from acd.daemon.snapshots import Snapshots
from acd.daemon.switch_driver import SwitchDriver
from acd.errors import AcdError, ConfigError, Problem
from acd.events import AgentNotReady, AgentReady, Batch, SingleEvent
from acd.ids import Availability
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.journal.text import under
from acd.router import Router
from acd.settings import DomainSettings
from acd.switch_protocol.port import SwitchOptions
from acd.switch_protocol.registry import load as load_switch

MISTAKES_MAX: Final = 20
"""Most mistakes logged of a configuration that is not taken over; `acd check` prints them all."""

RECONCILE_S: Final = 2.0
"""How long the switch may take to say what became of the offers in flight: a snapshot of 10,000
calls takes a tenth of it."""

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread may keep the others from running (Python's own is ten times that): the writer
must not wait for the event loop, nor the loop for the writer."""

COLLECT_EVERY: Final = 50_000
"""Allocations between two collections of the youngest generation, as in the simulator."""


READ_MAX: Final = 2_000
"""Most entries read for the history at once: some 10 ms, in which no commit is made."""

FILES_MAX: Final = 16_384
"""Most open files: four times the connections that the HTTP server admits."""

_log = structlog.get_logger()


class Start(NamedTuple):
    """What a daemon starts with."""

    path: Path
    """The configuration file."""
    domain: DomainSettings
    settings: DaemonSettings
    tokens: Tokens
    customers: Customers
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
    os.umask(0o077)  # What customers and agents do is nobody else's business.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES_MAX, most), most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(prepare(path), ready))


async def _run(start: Start, ready: Callable[[str], None]) -> None:
    daemon = Daemon(start)
    # Its routers may be replaced, and a million contacts take a GB.
    del start
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    await daemon.run(ready)


def prepare(path: Path) -> Start:
    """Read the configuration, open the journal and recover.

    Raises:
        ConfigError: As `serve`.
        InUseError: As `serve`.
        StorageError: As `serve`.
    """
    domain, settings = load(path)
    tokens = Tokens(settings.http.tokens)
    customers = Customers(settings.customers, domain, file=str(path))
    for pem in (settings.http.tls_cert, settings.http.tls_key):
        if pem is not None:
            pem.open("rb").close()  # What cannot be read is told before anything is started.
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
    return Start(path, domain, settings, tokens, customers, journal, recovered, router)


def _under(path: Path, domain: DomainSettings, router: Router) -> Router:
    """Put a router under the settings of a file; what they lack is that file's mistake."""
    try:
        return under(domain, router)
    except ConfigError as error:
        raise ConfigError(str(path), *error.problems) from error


class Daemon:
    """What runs. What changes while it runs is read anew each time."""

    def __init__(self, start: Start) -> None:
        self._path = start.path
        self._settings = start.settings
        self._journal_id = start.journal.journal_id
        self._snapshot = start.recovered.snapshot
        self._under = start.router if start.recovered.settings != start.domain else None
        """The router under changed settings, until it is the owner's."""
        self._is_restart = start.journal.last > 0
        self._clock = Clock(not_before_us=start.router.now_us)
        self._ending = asyncio.Event()
        self._phase = "starting"
        """Why it is not ready; empty when it is."""
        self.domain = start.domain
        self.http = start.settings.http
        self.tokens = start.tokens
        self.customers = start.customers
        self.registry = CollectorRegistry()
        commits = Histogram(
            "acd_commit_seconds",
            "How long commits of the journal took.",
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        offset = Gauge(
            "acd_clock_offset_seconds",
            "By how much the wall clock is ahead of the daemon's.",
            registry=self.registry,
        )
        offset.set_function(lambda: self._clock.offset_us() / 1e6)
        self.owner = Owner(
            start.recovered.router,
            start.journal,
            self._clock,
            start.recovered.keys,
            took=commits.observe,
        )
        self.live = Live(self.owner, lambda: self.domain)
        self.history = History(
            start.settings.history,
            journal_id=start.journal.journal_id,
            domain=start.domain,
            on_error=lambda error: _log.error("history not written", error=str(error)),
        )
        if self.history.folded() > start.journal.last:
            seen = f"goes to entry {self.history.folded()}, the journal to {start.journal.last}"
            wanted = "a history of this journal; move it away to have it made anew"
            raise ConfigError(str(start.settings.history.path), Problem("history", seen, wanted))
        behind = Gauge(
            "acd_history_behind_entries",
            "How many entries the history lacks; it grows where it cannot be written.",
            registry=self.registry,
        )
        behind.set_function(lambda: max(0, self.owner.on_disk - self.history.folded()))
        self.numbers = Numbers(start.settings.journal.path.with_suffix(".numbers"))
        self.lookups = self._make_lookups()
        self._switch = self._make_switch()

    def can_control(self) -> bool:
        """Return whether the switch can give calls further: consult, transfer, confer."""
        return self._switch is not None and self._switch.can_control

    def ready(self) -> list[str]:
        """Return why the daemon is not ready; nothing where it is."""
        reasons = [self._phase] if self._phase else []
        if self.owner.failed.done():
            reasons.append("storage failed")
        if self._switch is not None and not self._switch.is_up:
            reasons.append("the switch is not connected")
        return reasons

    async def run(self, ready: Callable[[str], None]) -> None:
        """Start everything, run until told to end, and end everything in the reverse order.

        Raises:
            StorageError: The journal cannot be written.
            OSError: The address cannot be listened at.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR1, self._take_calls, False)  # noqa: FBT003 - positional there.
        loop.add_signal_handler(signal.SIGUSR2, self._take_calls, True)  # noqa: FBT003 - as above.
        owner = self.owner
        async with AsyncExitStack() as stack:
            stack.callback(self.numbers.close)
            stack.push_async_callback(owner.close)
            # It closes first, since it reads the journal; what it then lacks it reads next time.
            stack.push_async_callback(self.history.close)
            owner.subscribe(self.history.fold)
            if self._is_restart:
                self._clock.hold(owner.router.now_us)
            owner.start()
            if self._under is not None:
                owner.change(self.domain, self._under)
                self._under = None
                self.live.reset()
            self.history.start(self._read_journal)
            if self._switch is not None:
                stack.push_async_callback(self._switch.close)
                self._switch.start()
            await self._let_time_go_on()
            stack.push_async_callback(self.lookups.close)
            server = HttpServer(self)
            stack.push_async_callback(server.close)
            url = await server.start()
            self._phase = ""
            _log.info("ready", url=url, domain=self.domain.name)
            ready(f"acd: {self.domain.name} is served at {url}")
            try:
                await self._until_the_end()
            finally:
                self._phase = "stopping"
        _log.info("stopped", entry=owner.on_disk)

    def _make_lookups(self) -> Lookups:
        """Return whoever asks the configured sources of context."""
        return make_lookups(
            self._settings.context,
            self._settings.history,
            now_us=self._clock.now_us,
            registry=self.registry,
            file=str(self._path),
        )

    def _make_switch(self) -> SwitchDriver | None:
        """Return the driver of the configured switch, if there is one."""
        settings = self._settings.switch
        if settings is None:
            return None
        options = SwitchOptions(
            name=settings.name,
            options=settings.options,
            folder=settings.folder,
            domain=self.domain.name,
            file=str(self._path),
        )
        switch = load_switch(settings.kind, options)
        ids = CommandIds(self.domain.name, self._journal_id)
        return SwitchDriver(
            switch,
            self.owner,
            settings=settings,
            ids=ids,
            customers=self.customers,
            numbers=self.numbers,
        )

    async def _read_journal(self, first: int) -> tuple[Entry, ...]:
        """Return entries from a number on, as far as they are kept; a portion of them."""

        def read(journal: JournalFile) -> tuple[Entry, ...]:
            return tuple(islice(journal.entries(max(first, journal.first())), READ_MAX))

        return await self.owner.writer.run(read)

    async def _let_time_go_on(self) -> None:
        """Find out what became of the offers in flight, then let time be what it is.

        Where offers ran out while nobody watched, everybody who was ready takes a break from where
        the journal ends until now: so the offers go back without penalty, and nothing is offered
        at an instant that is long past.
        """
        owner = self.owner
        if self._switch is not None and owner.router.contacts:
            with suppress(TimeoutError):
                async with asyncio.timeout(RECONCILE_S):
                    await self._switch.reconciled()
        now_us = self._clock.free_us()
        while late := _late(owner.router, now_us):
            await owner.submit(Batch(events=_breaks(owner.router, late, now_us)))
        self._clock.release()
        owner.wake()
        # Also without any: whom today's settings match with somebody is offered to him now.
        back = [
            AgentReady(agent_id=agent.agent_id)
            for agent in owner.router.agents
            if agent.availability is Availability.NOT_READY and agent.reason == RESTART
        ]
        await owner.submit(Batch(events=tuple(back)))

    async def _until_the_end(self) -> None:
        """Run what runs beside the owner until somebody ends the daemon, or storage fails."""
        owner = self.owner
        snapshots = Snapshots(
            owner,
            self._settings.journal,
            last=self._snapshot,
            needed=lambda: min(owner.on_disk, self.history.folded()) + 1,
        )
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._ending.wait()),
            asyncio.ensure_future(snapshots.run()),
            asyncio.ensure_future(self.live.run()),
        ]
        if self._switch is not None:
            tasks.append(asyncio.ensure_future(self._switch.run()))
        try:
            await asyncio.wait([*tasks, owner.failed], return_when=asyncio.FIRST_COMPLETED)
            if owner.failed.done():
                raise owner.failed.result()
            for task in tasks:
                if task.done():
                    task.result()  # It raises what ended it.
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _check_change(self, domain: DomainSettings) -> None:
        """Refuse settings that need a restart, or a journal of their own."""
        file = str(self._path)
        if domain.name != self.domain.name:
            wanted = f"{self.domain.name!r}: another domain needs a journal of its own"
            raise ConfigError(file, Problem("domain.name", f"is {domain.name!r}", wanted))
        switch = self._settings.switch
        queues = {queue.name for queue in domain.queues}
        for dnis, queue in (switch.routes if switch else {}).items():
            if queue not in queues:
                wanted = "the queue of this route, which only a restart changes"
                raise ConfigError(file, Problem("queues", f"lacks {queue!r} ({dnis})", wanted))

    def _take_calls(self, enabled: bool) -> None:  # noqa: FBT001 - called by the event loop.
        """Take new calls of the switch, or leave them to its default (drain)."""
        if self._switch is None or not self._switch.take_calls(enabled=enabled):
            _log.error("no switch that could be drained")
        else:
            _log.info("new calls are taken" if enabled else "new calls are left to the switch")

    def _reload(self) -> None:
        """Take over a changed configuration and changed tokens; with mistakes, neither."""
        path = self._path
        try:
            domain, _ = load(path)
            self._check_change(domain)
            router = None
            if domain != self.domain:
                router = _under(path, domain, self.owner.router)
            directory = self.customers.read(domain)
            self.tokens.reload()
        except (AcdError, OSError) as error:
            _log_mistakes(path, error)
            return
        self.customers.change(directory)
        if router is not None:
            self.domain = domain
            self.owner.change(domain, router)
            self.history.change(domain)
            self.live.reset()
            if self._switch is not None:
                self._switch.watch()
        _log.info("reloaded", file=str(path), domain=domain.name)


def _log_mistakes(path: Path, error: AcdError | OSError) -> None:
    """Say why a configuration was not taken over, a record for each mistake."""
    told = list(map(str, error.problems)) if isinstance(error, ConfigError) else [str(error)]
    for one in told[:MISTAKES_MAX]:
        _log.error("not reloaded", file=str(path), error=one)
    if len(told) > MISTAKES_MAX:
        more = f"and {len(told) - MISTAKES_MAX} more mistakes"
        _log.error("not reloaded", file=str(path), error=more)


def _late(router: Router, now_us: int) -> list[Offer]:
    """Return the offers that ring and whose time is over at an instant."""
    return [
        offer
        for offer in router.offers.values()
        if offer.state is OfferState.PENDING and offer.until_us <= now_us
    ]


def _breaks(router: Router, late: list[Offer], now_us: int) -> tuple[SingleEvent, ...]:
    """Return the breaks of those with late offers, and of all who are ready and could get them."""
    named = {router.agents[offer.agent].agent_id for offer in late}
    events = []
    for agent in router.agents:
        rings = any(
            offer.state is OfferState.PENDING and offer.until_us > now_us
            for offer in agent.offers.values()
        )
        is_ready = agent.availability is Availability.READY and not agent.after_this_one
        if agent.agent_id in named or (is_ready and not rings):
            reason = RESTART if is_ready else agent.reason
            events.append(AgentNotReady(agent_id=agent.agent_id, reason=reason))
    return tuple(events)

"""Drives the switchboard: the switch's events in, committed commands out.

    switch ─deliver─▶ inbox ─▶ Switchboard.react ─▶ owner.submit
    owner ─commit─▶ Switchboard.commands_for ─▶ (gate) ─▶ switch.submit

The inbox is bounded: what does not fit is lost, and made good by a snapshot. The gate is shut while
core and switch are being compared, so that orphaned offers are canceled before anything new rings.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from acd.daemon.customers import Customers
from acd.daemon.errors import OverloadedError
from acd.daemon.ids import CommandIds
from acd.daemon.numbers import Numbers
from acd.daemon.owner import Owner, Receipt
from acd.daemon.settings import SwitchSettings
from acd.daemon.switch_site import LinkState, Site
from acd.daemon.switchboard import Switchboard
from acd.errors import StorageError
from acd.events import Batch, ContactArrived, Event, SingleEvent
from acd.journal.records import Entry
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand, SetRouteMode
from acd.switch_protocol.port import Switch
from acd.switch_protocol.words import Capability

INBOX_MAX: Final = 50_000
"""Most events of the switch that wait to be looked at (reference: switch protocols, 7.6)."""

HELD_MAX: Final = 100_000
"""Most commands that wait at the gate; what is more, an audit makes good."""

TICK_S: Final = 10.0
"""How long a snapshot may take before it is asked for again (7.6)."""

AUDIT_TICKS: Final = 6
"""So many ticks between two audits: once a minute (7.6)."""

RETRY_S: Final = 0.02
"""How long to wait when the owner has too much to do: a hundred commits."""


class SwitchDriver:
    """The daemon's one switch.

    Args:
        switch: The adapter.
        owner: Of the router.
        settings: The switch's.
        ids: Of the journal's commands.
        customers: Knows callers by their numbers; None knows nobody.
        numbers: Of customers who are to be called back; in memory only if None.
    """

    def __init__(
        self,
        switch: Switch,
        owner: Owner,
        *,
        settings: SwitchSettings,
        ids: CommandIds,
        customers: Customers | None = None,
        numbers: Numbers | None = None,
    ) -> None:
        self._switch = switch
        self._owner = owner
        site = Site(lambda: owner.router, settings, ids, customers)
        self.board = Switchboard(site, switch.capabilities, numbers)
        self._telling: set[asyncio.Task[None]] = set()
        self._inbox: deque[sw.SwitchEvent] = deque()
        self._filled = asyncio.Event()
        self._held: list[AnyCommand] = []
        self._comparing = False
        """The snapshot is here, and the orphaned offers are not canceled yet."""
        self._last: asyncio.Future[Receipt] | None = None
        self._reconciled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._auditing: asyncio.Task[None] | None = None
        # Before the wallboard and the history subscribe: a customer waits for this one.
        owner.subscribe(self._committed)

    def start(self) -> None:
        """Connect, and keep core and switch in step until `close`."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._pump()), loop.create_task(self._ask_regularly())]
        self.watch()
        self._switch.start(self._deliver)

    def watch(self) -> None:
        """Tell the switch whose phones are ours: at the start, and when the agents changed."""
        self._switch.monitor(self.board.devices())

    def take_calls(self, *, enabled: bool) -> bool:
        """Take new calls, or leave them to the switch's default; return whether it can do that.

        The adapter keeps to it over cut links, until the daemon ends.
        """
        if Capability.ROUTE_MODE not in self._switch.capabilities:
            return False
        self._switch.submit(SetRouteMode(command_id=self.board.next_id(), enabled=enabled))
        return True

    async def run(self) -> None:
        """Wait until `close`; raises what ended the driver before it."""
        await asyncio.gather(*self._tasks)

    async def reconciled(self) -> None:
        """Wait until core and switch were compared for the first time, or there is no link."""
        await self._reconciled.wait()

    async def close(self) -> None:
        """Cut the link; the calls stay at the switch."""
        tasks = [*self._tasks, *self._telling, *([self._auditing] if self._auditing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._switch.close()

    @property
    def link(self) -> LinkState:
        """Where the link is."""
        return self.board.link

    @property
    def can_control(self) -> bool:
        """Whether the switch takes what gives calls further: consultations and what ends them."""
        return Capability.CALL_CONTROL in self._switch.capabilities

    @property
    def is_up(self) -> bool:
        """Whether the switch is linked and in step with the core."""
        return self.board.link is LinkState.UP and not self._comparing

    @property
    def waiting(self) -> int:
        """How many events of the switch wait to be looked at."""
        return len(self._inbox)

    # Events in.

    def _deliver(self, event: sw.SwitchEvent) -> None:
        if len(self._inbox) >= INBOX_MAX:
            links = [one for one in self._inbox if isinstance(one, sw.LinkUp | sw.LinkDown)]
            self._inbox.clear()
            self._inbox.extend(links)
            self._inbox.append(sw.MessagesLost(epoch=event.epoch, cause="the inbox is full"))
        self._inbox.append(event)
        self._filled.set()

    async def _pump(self) -> None:
        """React to the events, one after the other; ends when storage fails."""
        with suppress(StorageError):
            while True:
                await self._filled.wait()
                self._filled.clear()
                while self._inbox:
                    await self._react(self._inbox.popleft())

    async def _react(self, event: sw.SwitchEvent) -> None:
        board, owner = self.board, self._owner
        if isinstance(event, sw.Snapshot) and self._last is not None:
            await asyncio.wait([self._last])  # All that was told before is stepped now.
        resyncing = board.link is LinkState.RESYNCING and isinstance(event, sw.Snapshot)
        now_us = owner.clock.now_us()
        reaction = board.react(event, now_us=now_us)
        self._comparing = resyncing and board.link is LinkState.UP
        if reaction.first or reaction.then:
            await owner.durable()
        self._send(reaction.first)
        self._comparing = False
        self._open_gate()
        if reaction.facts:
            receipt = await self._submit(reaction.facts)
            if reaction.then or resyncing:
                await receipt
        self._send(reaction.then)
        if resyncing:
            for kept in board.replay():
                await self._react(kept)
        elif isinstance(event, sw.Snapshot):
            self._audit(event, now_us)
        if resyncing or isinstance(event, sw.LinkDown):
            self._reconciled.set()

    async def _submit(self, facts: tuple[SingleEvent, ...]) -> "asyncio.Future[Receipt]":
        """Submit facts of one instant, when there is room."""
        event = facts[0] if len(facts) == 1 else Batch(events=facts)
        while (receipt := self._try(event)) is None:  # noqa: ASYNC110 - nobody tells of room.
            await asyncio.sleep(RETRY_S)
        self._last = receipt
        if any(type(fact) is ContactArrived for fact in facts):
            receipt.add_done_callback(lambda done: self._note_refusals(facts, done))
        return receipt

    def _try(self, event: Event) -> "asyncio.Future[Receipt] | None":
        try:
            return self._owner.submit(event)
        except OverloadedError:
            return None

    def _note_refusals(
        self, facts: tuple[SingleEvent, ...], receipt: "asyncio.Future[Receipt]"
    ) -> None:
        if not receipt.cancelled() and receipt.exception() is None:
            self._send(tuple(self.board.turned_away(facts, receipt.result().actions)))

    # Commands out.

    def _committed(self, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            commands = self.board.commands_for(entry)
            facts = self.board.take_facts()
            if facts:
                task = asyncio.get_running_loop().create_task(self._tell(facts))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)
            if not commands:
                continue
            if self._comparing or self.board.link in {LinkState.CONNECTING, LinkState.RESYNCING}:
                self._held += commands[: max(0, HELD_MAX - len(self._held))]
            elif self.board.link is LinkState.UP:
                self._send(tuple(commands))

    async def _tell(self, facts: tuple[SingleEvent, ...]) -> None:
        """Tell the core what follows from its own decisions."""
        with suppress(StorageError):
            await self._submit(facts)

    def _open_gate(self) -> None:
        """Send what was held, or drop it where nobody is there: it is compared later."""
        if self.board.link is LinkState.UP:
            held, self._held = self._held, []
            self._send(tuple(held))
        elif not self.board.is_linked and self.board.link is not LinkState.CONNECTING:
            self._held.clear()

    def _send(self, commands: tuple[AnyCommand, ...]) -> None:
        if self.board.is_linked:
            for command in commands:
                self._switch.submit(command)

    # Audits.

    async def _ask_regularly(self) -> None:
        """Ask for a snapshot once a minute, and again for one that does not come."""
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            if self.board.link is LinkState.RESYNCING or ticks % AUDIT_TICKS == 0:
                self._send(self.board.ask(anew=True))

    def _audit(self, snapshot: sw.Snapshot, now_us: int) -> None:
        """Look for calls that seem wrong, beside everything else."""
        if self._auditing is None or self._auditing.done():
            self._auditing = asyncio.get_running_loop().create_task(
                self._look_through(snapshot, now_us)
            )

    async def _look_through(self, snapshot: sw.Snapshot, now_us: int) -> None:
        for questions in self.board.suspects(snapshot, now_us=now_us):
            self._send(tuple(questions))
            await asyncio.sleep(0)

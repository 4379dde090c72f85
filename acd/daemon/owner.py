"""The one task that owns the router: nothing is lost, because nothing leaves before it is kept.

    submit ─▶ pending ─▶ Router.step ─▶ writer (one durable commit) ─▶ sinks, then receipts
                                          what was decided waits here, not outside

Inputs are stepped in the order in which they came, many at a time; the entries go to the writer's
thread, and the router goes on meanwhile. When the disk has them, the sinks (switch, desktops,
history, live stream) get the actions, and whoever sent the inputs is acknowledged. An input with a
key that was seen before is not stepped again; its sender gets the receipt of the first.

The first storage error ends everything: no receipt, no action leaves after it. So does a bug of
ours, in the router or in a sink: the next life recovers what is on the disk.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import Struct

from acd.actions import Action, Refused
from acd.daemon.clock import Clock
from acd.daemon.errors import OverloadedError
from acd.daemon.keys import Keys
from acd.daemon.writer import Writer
from acd.errors import StorageError
from acd.events import Batch, ClockTicked, Event, SettingsChanged
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.router import Router
from acd.settings import DomainSettings

PENDING_MAX: Final = 20_000
"""Most inputs that wait to be stepped or to be committed: four seconds of the heaviest load planned
for (5,000 a second). Whoever sends more is told to try again later."""

STEPS_MAX: Final = 256
"""Most inputs stepped before the event loop does anything else: about 5 ms of steps."""

Sink = Callable[[tuple[Entry, ...]], None]


class Receipt(Struct, frozen=True):
    """What became of an input. Given when it, and what it led to, is on the disk."""

    entry: int
    """Number of its entry in the journal; 0 where the router refused it, so that nothing changed
    and nothing was journalled."""
    now_us: int
    actions: tuple[Action, ...] = ()
    repeated: bool = False
    """Its key was seen before; the entry is that of the first."""

    def refusal(self) -> Refused | None:
        """Return why the router refused the input, if it did."""
        if not self.entry and self.actions and type(self.actions[0]) is Refused:
            return self.actions[0]
        return None


class _Input(NamedTuple):
    event: Event
    key: str
    receipt: "asyncio.Future[Receipt]"


class Owner:
    """Owns the router. To be used on one event loop.

    Args:
        router: As recovered.
        journal: As opened; its end is where the router is.
        clock: The daemon's.
        keys: The keys of inputs that the journal knows.
        took: Told, in the writer's thread, how many seconds each commit took.
    """

    def __init__(
        self,
        router: Router,
        journal: JournalFile,
        clock: Clock,
        keys: Keys,
        *,
        took: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.router = router
        """To be read on the event loop. It may be ahead of the disk: see `durable`."""
        self.clock = clock
        self.writer = Writer(journal, committed=self._committed, failed=self._fail, took=took)
        self._keys = keys
        self._pending: deque[_Input] = deque()
        self._waiting: deque[tuple[int, asyncio.Future[Receipt], Receipt]] = deque()
        """Receipts, each with the entry that must be on the disk before it is given."""
        self._barriers: deque[tuple[int, asyncio.Future[int]]] = deque()
        self._sinks: list[Sink] = []
        self._stepped = journal.last
        self._on_disk = journal.last
        self._scheduled = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_us = 0
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[Exception] = self._loop.create_future()
        """Ends when storage fails, or when a bug of ours shows: with what is to be raised."""

    # What everybody calls.

    def start(self) -> None:
        """Begin to step and to write; what is due fires at once."""
        self.writer.start()
        self._schedule()

    def subscribe(self, sink: Sink) -> None:
        """Have a sink called with the entries of each commit, in order. It must not raise."""
        self._sinks.append(sink)

    def submit(self, event: Event, *, key: str = "") -> "asyncio.Future[Receipt]":
        """Have an event stepped; the receipt comes when all that it led to is on the disk.

        Args:
            event: What happened.
            key: What the input is known by to whoever may repeat it.

        Raises:
            OverloadedError: Too much is pending.
        """
        if self.pending >= PENDING_MAX:
            raise OverloadedError(self.pending, PENDING_MAX)
        receipt: asyncio.Future[Receipt] = self._loop.create_future()
        if self.failed.done():
            receipt.set_exception(self._refusal())
            return receipt
        self._pending.append(_Input(event, key, receipt))
        self._schedule()
        return receipt

    def wake(self) -> None:
        """Look again at what time it is: the clock was let go."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._schedule()

    async def durable(self) -> int:
        """Wait until all that was stepped so far is on the disk; return the last entry's number.

        Raises:
            StorageError: It never will be.
        """
        if self.failed.done():
            raise self._refusal()
        if self._on_disk >= self._stepped:
            return self._on_disk
        barrier: asyncio.Future[int] = self._loop.create_future()
        self._barriers.append((self._stepped, barrier))
        return await barrier

    def change(self, settings: DomainSettings, router: Router) -> None:
        """Go on with a router that has the same state under other settings.

        Args:
            settings: Those of `router`; journalled with the entry that follows.
            router: Restored from a snapshot of the present one, taken in this same call of the
                event loop.
        """
        self.router = router
        now_us = max(self.clock.now_us(), router.now_us)
        entries: list[Entry] = []
        try:
            while self._tick(now_us, entries):
                pass
            entries.append(self._step(SettingsChanged(), now_us))
        except Exception as error:
            self._fail(error)
            raise
        self.writer.change(settings, tuple(entries))
        self._schedule()

    @property
    def stepped(self) -> int:
        """Number of the last entry stepped."""
        return self._stepped

    @property
    def on_disk(self) -> int:
        """Number of the last entry on the disk."""
        return self._on_disk

    @property
    def pending(self) -> int:
        """How many inputs wait to be stepped or committed."""
        return len(self._pending) + len(self._waiting)

    async def close(self) -> None:
        """Step and commit what was submitted, then close the journal."""
        while self._pending and not self.failed.done():
            self._work()
        if self._alarm is not None:
            self._alarm.cancel()
        await self.writer.close()

    def _refusal(self) -> StorageError:
        """Return what whoever waits is told when nothing goes on."""
        error = self.failed.result()
        if isinstance(error, StorageError):
            return StorageError(*error.args)
        return StorageError("the journal", "is no longer written: the daemon stops")

    def forget_keys(self, before: int) -> None:
        """Forget the keys of entries before this one: the journal no longer has them."""
        self._keys.forget_before(before)

    # Stepping.

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._scheduled = False
        if not self.failed.done():
            try:
                self._step_some()
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing may go on.
                self._fail(error)

    def _step_some(self) -> None:
        """Step what is due and what is pending, and hand it to the writer."""
        now_us = max(self.clock.now_us(), self.router.now_us)
        entries: list[Entry] = []
        while (is_owed := self._tick(now_us, entries)) and len(entries) < STEPS_MAX:
            pass
        if not is_owed:
            pending = self._pending
            for _ in range(min(len(pending), STEPS_MAX)):
                self._take(pending[0], now_us, entries)
                pending.popleft()
        due_us = self.router.next_wakeup_us()
        if entries:
            self.writer.write(tuple(entries))
        else:
            self._give_receipts()
        if self._pending or (due_us is not None and due_us <= now_us):
            self._schedule()
        elif due_us is not None:
            self._wake(due_us, now_us)

    def _tick(self, now_us: int, entries: list[Entry]) -> bool:
        """Step a tick if one is owed; return whether one was."""
        due_us = self.router.next_wakeup_us()
        if due_us is None or due_us > now_us:
            return False
        entries.append(self._step(ClockTicked(), now_us))
        return True

    def _take(self, given: _Input, now_us: int, entries: list[Entry]) -> None:
        """Step one input, unless its key was seen; its receipt waits for the disk."""
        first = self._keys.entry_of(given.key) if given.key else None
        if first is not None:
            receipt = Receipt(first, now_us, repeated=True)
        else:
            actions = self.router.step(given.event, now_us=now_us)
            if _changed_nothing(given.event, actions):
                receipt = Receipt(0, now_us, actions)
            else:
                self._stepped += 1
                entries.append(Entry(self._stepped, now_us, given.event, actions, given.key))
                receipt = Receipt(self._stepped, now_us, actions)
                if given.key:
                    self._keys.add(given.key, self._stepped)
        # Also a refusal waits: it may follow from what is not on the disk yet.
        self._waiting.append((self._stepped, given.receipt, receipt))

    def _step(self, event: Event, now_us: int) -> Entry:
        actions = self.router.step(event, now_us=now_us)
        self._stepped += 1
        return Entry(self._stepped, now_us, event, actions)

    def _wake(self, due_us: int, now_us: int) -> None:
        """Have a tick stepped when it is due."""
        if self._alarm is not None:
            if self._alarm_us == due_us:
                return
            self._alarm.cancel()
        self._alarm_us = due_us
        self._alarm = self._loop.call_later((due_us - now_us) / 1e6, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._schedule()

    # After the commit.

    def _committed(self, entries: tuple[Entry, ...]) -> None:
        if self.failed.done():
            return
        self._on_disk = entries[-1].number
        try:
            for sink in self._sinks:
                sink(entries)
        except Exception as error:  # noqa: BLE001 - an action may be lost: the next life repairs it.
            self._fail(error)
            return
        self._give_receipts()

    def _give_receipts(self) -> None:
        waiting, barriers, on_disk = self._waiting, self._barriers, self._on_disk
        while waiting and waiting[0][0] <= on_disk:
            _, future, receipt = waiting.popleft()
            if not future.done():
                future.set_result(receipt)
        while barriers and barriers[0][0] <= on_disk:
            _, barrier = barriers.popleft()
            if not barrier.done():
                barrier.set_result(on_disk)

    def _fail(self, error: Exception) -> None:
        """Stop for good: nothing is acknowledged any more."""
        if self.failed.done():
            return
        self.failed.set_result(error)
        told = self._refusal()
        futures = [given.receipt for given in self._pending]
        futures += [future for _, future, _ in self._waiting]
        for future in futures:
            if not future.done():
                future.set_exception(told)
                future.exception()  # Whoever does not wait for it is not to be told at exit.
        for _, barrier in self._barriers:
            if not barrier.done():
                barrier.set_exception(told)
        self._pending.clear()
        self._waiting.clear()
        self._barriers.clear()


def _changed_nothing(event: Event, actions: tuple[Action, ...]) -> bool:
    """Return whether every event was refused, so that there is nothing to journal."""
    if not actions or type(actions[0]) is not Refused:
        return False
    count = len(event.events) if type(event) is Batch else 1
    return len(actions) == count and all(type(action) is Refused for action in actions)

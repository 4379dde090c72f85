"""How long it takes from an event to its action, with the durable journal in between.

Question: at 1,000 and 5,000 events a second, are p50 ≤ 2 ms and p99 ≤ 10 ms from the moment an
event is submitted at the in-process port until the sinks are told, all of it on the disk?

Method: an open loop (an event is submitted when its time has come, whether or not the ones before
it are done), 100 agents, the owner with its journal on this machine's disk, uvloop. What is
measured is every event's time to its commit, with the number of entries in a commit. Beside it, in
the same run, the floor: the same file written with one entry a transaction, nothing else going on.
The digest is of the actions when the same events are stepped one by one: how many share a commit
hangs on the machine, and so does what the load submits next.

    python -m benchmarks.bench_durable            # the canonical run, half a minute
    python -m benchmarks.bench_durable --smoke    # small; against rot
"""

import asyncio
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Final

import uvloop

from acd.daemon.clock import Clock
from acd.daemon.keys import Keys
from acd.daemon.owner import Owner
from acd.events import ClockTicked
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.router import Router
from benchmarks.daemon_load import Counting, Cycle, at_work, domain, pause
from benchmarks.measuring import Digest, is_smoke, machine, quantile

RATES_PER_S: Final = (1_000, 5_000)
EVENTS: Final = 50_000
SMOKE_EVENTS: Final = 1_000
FLOOR: Final = 2_000
PAUSE_S: Final = 0.0002
"""How long the load's loop stands back; what is due by then is submitted together."""


class Watch:
    """Notes when entries are told."""

    def __init__(self) -> None:
        self.sent_s: deque[float] = deque()
        self.took_s: list[float] = []
        self.commits = 0

    def __call__(self, entries: tuple[Entry, ...]) -> None:
        """Take note of a commit."""
        now_s = time.perf_counter()
        self.commits += 1
        for entry in entries:
            if type(entry.event) is not ClockTicked:
                self.took_s.append(now_s - self.sent_s.popleft())


async def load(folder: Path, rate_per_s: int, events: int) -> Watch:
    """Submit events at a rate; return what was seen."""
    settings = domain()
    journal = JournalFile.open(folder / f"journal{rate_per_s}.db", settings=settings)
    clock = Clock(wall_ns=Counting(), monotonic_ns=lambda: 0)
    owner = Owner(Router(settings), journal, clock, Keys())
    cycle = Cycle()
    watch = Watch()
    owner.start()
    await owner.submit(at_work(settings))
    owner.subscribe(watch)
    following = iter(cycle)
    began_s = time.perf_counter()
    sent = 0
    while sent < events:
        due = min(events, int((time.perf_counter() - began_s) * rate_per_s))
        while sent < due:
            watch.sent_s.append(time.perf_counter())
            owner.submit(next(following)).add_done_callback(
                lambda receipt: cycle.told(receipt.result().actions)
            )
            sent += 1
        await pause(PAUSE_S)
    await owner.durable()
    await owner.close()
    return watch


def floor_s(folder: Path, transactions: int) -> list[float]:
    """Return how long single transactions of one entry take, sorted."""
    settings = domain()
    journal = JournalFile.open(folder / "floor.db", settings=settings)
    took_s = []
    event = at_work(settings).events[0]
    for number in range(1, transactions + 1):
        began_s = time.perf_counter()
        journal.commit([Entry(number, number, event, ())])
        took_s.append(time.perf_counter() - began_s)
    journal.close()
    return sorted(took_s)


def main() -> None:
    """Run, and print a line for each rate."""
    smoke = is_smoke(__doc__)
    events = SMOKE_EVENTS if smoke else EVENTS
    sys.setswitchinterval(0.0005)
    print(machine())
    # Beside the repository: /tmp may lie in memory, where a sync costs nothing.
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        single = floor_s(folder, FLOOR // (10 if smoke else 1))
        print(f"one entry a transaction: {_quantiles(single)}")
        for rate_per_s in RATES_PER_S:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                watch = runner.run(load(folder, rate_per_s, events))
            ordered = sorted(watch.took_s)
            print(
                f"{rate_per_s:>6,} events/s: {_quantiles(ordered)},"
                f" {len(ordered) / watch.commits:.1f} entries a commit, {len(ordered):,} events"
            )
    print(f"digest {_digest(events)}")


def _digest(events: int) -> str:
    """Return the digest of the first events, stepped one by one: the same on every machine."""
    router = Router(settings := domain())
    digest = Digest()
    cycle = Cycle()
    now_us = 1
    router.step(at_work(settings), now_us=now_us)
    for _, event in zip(range(min(events, 10_000)), cycle, strict=False):
        now_us += 1
        actions = router.step(event, now_us=now_us)
        cycle.told(actions)
        digest.add(actions)
    return digest.text()


def _quantiles(ordered_s: list[float]) -> str:
    p50, p99 = (quantile(ordered_s, share) * 1e3 for share in (0.5, 0.99))
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, longest {ordered_s[-1] * 1e3:.1f} ms"


if __name__ == "__main__":
    main()

"""How long the daemon takes to be back, how much memory that needs, and what a snapshot costs.

Questions: is a router with a million live contacts and 100,000 entries after its snapshot back in
≤ 10 s, a journal of 5,000,000 records (events and actions) without a snapshot in ≤ 30 s, each in
≤ 2 GB? Is the longest gap between two steps ≤ 20 ms while a snapshot of 100,000 live contacts is
taken?

Method: the journals are written by a real router through `JournalFile`. Recovery runs in a process
of its own (opening, reading, checking every checksum, applying, the keys of all inputs), whose
largest memory the system tells. For the gap, again in a process of its own (a fork pays for all
memory that a process ever had), the owner steps 1,000 events a second while a snapshot is taken;
the gap is the longest time between two turns of a loop that does nothing else, beside the same for
an equal span without a snapshot. The digest is of the recovered state.

    python -m benchmarks.bench_recovery            # the canonical run; minutes, 2 GB of disk
    python -m benchmarks.bench_recovery --smoke    # small; against rot
"""

import asyncio
import gc
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import uvloop

from acd.daemon.clock import Clock
from acd.daemon.keys import Keys
from acd.daemon.owner import Owner
from acd.daemon.recovery import recover
from acd.daemon.settings import JournalSettings
from acd.daemon.snapshots import Snapshots
from acd.events import Event
from acd.journal.file import PART_BYTES, JournalFile
from acd.journal.records import Entry
from acd.router import Router
from benchmarks.daemon_load import START_US, TICK_US, Cycle, arrival, at_work, domain, pause
from benchmarks.measuring import is_smoke, machine

LIVE: Final = 1_000_000
TAIL: Final = 100_000
RECORDS: Final = 5_000_000
GAP_LIVE: Final = 100_000
SMOKE_SHARE: Final = 500
"""The small form is this many times smaller."""

GROUP: Final = 20
"""Entries in a commit, while a journal is written."""


class Book:
    """A journal being written by a router."""

    def __init__(self, path: Path) -> None:
        self.settings = domain()
        self.file = JournalFile.open(path, settings=self.settings)
        self.router = Router(self.settings)
        self.records = 0
        self._group: list[Entry] = []
        self._number = 0

    def write(self, events: Iterable[Event], *, records: int, cycle: Cycle | None = None) -> None:
        """Step and write events until so many records, events and actions, were written."""
        for event in events:
            now_us = START_US + self._number * TICK_US
            actions = self.router.step(event, now_us=now_us)
            self._number += 1
            if cycle is not None:
                cycle.told(actions)
            self.records += 1 + len(actions)
            key = f"http:web:{self._number}"
            self._group.append(Entry(self._number, now_us, event, actions, key))
            if len(self._group) == GROUP:
                self._flush()
            if self.records >= records:
                break
        self._flush()

    def snapshot(self) -> None:
        """Write a snapshot of the router as it is."""
        data = msgspec.msgpack.encode(self.router.snapshot())
        parts = range(0, len(data), PART_BYTES)
        for part, start in enumerate(parts):
            self.file.add_part(self._number, part, data[start : start + PART_BYTES])
        self.file.finish_snapshot(self._number, at_us=self.router.now_us, parts=len(parts))

    def _flush(self) -> None:
        if self._group:
            self.file.commit(self._group)
            self._group.clear()
        self.file.tidy(idle=True)


def write_live(path: Path, live: int, tail: int) -> None:
    """Write a journal with a snapshot of so many live contacts, and entries after it."""
    book = Book(path)
    book.write((arrival(number) for number in range(live)), records=live)
    book.snapshot()
    book.write((arrival(number) for number in range(live, live + tail)), records=live + tail)
    book.file.close()


def write_cold(path: Path, records: int) -> None:
    """Write a journal of so many records and no snapshot."""
    book = Book(path)
    cycle = Cycle()
    book.write([at_work(book.settings)], records=records, cycle=cycle)
    book.write(cycle, records=records, cycle=cycle)
    book.file.close()


def recover_here(path: Path) -> None:
    """Recover, and print what it took: in a process of its own."""
    began_s = time.perf_counter()
    journal = JournalFile.open(path)
    recovered = recover(journal)
    took_s = time.perf_counter() - began_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    state = hashlib.sha256(msgspec.msgpack.encode(recovered.router.snapshot())).hexdigest()[:12]
    print(
        f"{took_s:.2f} s, {peak_mb:,.0f} MB: {len(recovered.router.contacts):,} live,"
        f" {recovered.applied:,} entries applied, {len(recovered.keys):,} keys; digest {state}"
    )
    journal.close()


def gaps_here(folder: Path, live: int) -> None:
    """Take a snapshot under load, and print what it cost: in a process of its own."""
    # Its lines would stand among ours.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        without, with_one, fork = runner.run(gaps_ms(folder, live))
    print(
        f"longest gap between steps: {with_one:.1f} ms while a snapshot is taken"
        f" (fork {fork:.1f} ms), {without:.1f} ms without"
    )


async def gaps_ms(folder: Path, live: int) -> tuple[float, float, float]:
    """Return the longest gap without a snapshot, with one, and its fork's share, in ms."""
    settings = domain()
    journal = JournalFile.open(folder / "gap.db", settings=settings)
    owner = Owner(Router(settings), journal, Clock(), Keys())
    owner.start()
    for first in range(0, live, 1_000):
        count = min(1_000, live - first)
        await asyncio.gather(*(owner.submit(arrival(first + n)) for n in range(count)))
    gc.collect()
    gc.freeze()
    snapshots = Snapshots(owner, JournalSettings(path=folder / "gap.db"), last=0, needed=lambda: 1)
    await snapshots.take()  # The first fork also pays for pages that were never shared.
    await owner.submit(arrival(live))
    began_s = time.perf_counter()
    taking = asyncio.ensure_future(snapshots.take())
    with_one = await _longest_gap(owner, live + 1, taking)
    span_s = time.perf_counter() - began_s
    without = await _longest_gap(owner, 2 * live, asyncio.ensure_future(pause(span_s)))
    await owner.close()
    return without, with_one, snapshots.longest_fork_us / 1e3


async def _longest_gap(owner: Owner, first: int, until: "asyncio.Future[Any]") -> float:
    """Submit 1,000 events a second until something is done; return the longest gap in ms."""
    longest_s = 0.0
    began_s = before_s = time.perf_counter()
    sent = 0
    while not until.done():
        now_s = time.perf_counter()
        longest_s = max(longest_s, now_s - before_s)
        before_s = now_s
        while sent < (now_s - began_s) * 1_000:
            owner.submit(arrival(first + sent))
            sent += 1
        await pause(0)
    await until
    return longest_s * 1e3


def main() -> None:
    """Run, and print a line for each question."""
    if sys.argv[1:2] == ["--recover"]:
        recover_here(Path(sys.argv[2]))
        return
    if sys.argv[1:2] == ["--gaps"]:
        gaps_here(Path(sys.argv[2]), int(sys.argv[3]))
        return
    share = SMOKE_SHARE if is_smoke(__doc__) else 1
    print(machine())
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        write_live(folder / "live.db", LIVE // share, TAIL // share)
        print(f"snapshot and tail: {_alone('--recover', folder / 'live.db')}", flush=True)
        (folder / "live.db").unlink()
        write_cold(folder / "cold.db", RECORDS // share)
        print(f"cold: {_alone('--recover', folder / 'cold.db')}", flush=True)
        (folder / "cold.db").unlink()
        print(_alone("--gaps", folder, GAP_LIVE // share))


def _alone(*arguments: object) -> str:
    """Run a part in a process of its own: what others left in memory would count."""
    command = [sys.executable, "-m", "benchmarks.bench_recovery", *map(str, arguments)]
    done = subprocess.check_output(command, text=True)  # noqa: S603 - ourselves
    return str(done).strip()


if __name__ == "__main__":
    main()

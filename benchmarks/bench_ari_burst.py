"""Bursts of a switch's events through the ARI adapter: is the lag small, the order kept?

Questions: when 1,000 events a second come, and more, how long after it was made is an event handed
on? How many a second can be taken at all? Is memory bounded, is anything lost or out of order?

Method: a peer in a process of its own speaks what Asterisk speaks, on a real WebSocket (see
ari_burst_peer). First whole calls, at several rates, ten milliseconds' events at a time: each call
that comes is offered to a phone, joined, and let go, as the daemon does, so that with every event
about one request leaves and is answered. Then 50,000 events of calls that come and go, made before
and sent as fast as they are taken: their lag is that of the queue. Each call's number is in its id,
the time of its making in its data, so that order and lag are read from what the adapter delivers.
Where a rate's p99 goes beyond 100 ms, the two processes do not keep up with it on this machine. The
digest is of the events delivered, in their order.

    python -m benchmarks.bench_ari_burst            # the canonical run, about 30 s
    python -m benchmarks.bench_ari_burst --smoke    # small; against rot
"""

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog
import uvloop

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import make
from acd.switch_protocol.port import SwitchOptions
from acd.switch_protocol.words import CommandStage
from benchmarks.ari_burst_peer import BARE, PREFIX, STEPS, TOGETHER, WHOLE, offer, phone, steps
from benchmarks.measuring import Digest, is_smoke, machine, quantile

RATES: Final = ((1_000, 10_000), (2_000, 20_000), (3_000, 24_000))
"""Events a second, and how many."""
AT_ONCE: Final = 50_000
SMOKE_RATES: Final = ((1_000, 400),)
SMOKE_AT_ONCE: Final = 1_000
SECOND_US: Final = 1_000_000

TOLD: Final = {0: "came", 1: "rings", 4: "talks", 5: "free", STEPS - 1: "left"}
"""What is delivered at which step of a call."""
KINDS: Final = {
    sw.RouteRequest: "came",
    sw.Delivered: "rings",
    sw.Established: "talks",
    sw.ConnectionCleared: "free",
    sw.CallCleared: "left",
    sw.RouteEnded: "left",
}


class Heard:
    """What the adapter delivered, and what the daemon would order then."""

    def __init__(self, folder: Path, port: int) -> None:
        secret = folder / "ari.secret"
        secret.write_text("only-for-this-run")
        secret.chmod(0o600)
        given = {"url": f"http://127.0.0.1:{port}/ari", "password_file": secret.name}
        self.switch = make(SwitchOptions(name="pbx", options=given, folder=folder))
        self.seen = self.lost = self.failed = self.out_of_order = 0
        self.lags_ms: list[float] = []
        self.digest = Digest()
        self._expected: Iterator[tuple[str, int]] = iter(())
        self._wanted = 0
        self._routes = False
        self._is_done = asyncio.Event()

    async def link(self) -> None:
        """Connect, and be in step."""
        self._wanted = 1  # The snapshot.
        self.switch.monitor([phone(number) for number in range(TOGETHER)])
        self.switch.start(self._take)
        await self.reach()

    def expect(self, first: int, events: int, each: tuple[int, ...]) -> None:
        """Take note of what will be sent."""
        told = [(TOLD[step], number) for number, step in steps(first, events, each) if step in TOLD]
        self._expected, self._wanted = iter(told), self.seen + len(told)
        self._routes = each == WHOLE
        self.lags_ms = []

    async def reach(self) -> None:
        """Wait until all of it was delivered."""
        async with asyncio.timeout(120):
            await self._is_done.wait()
        self._is_done.clear()

    def _take(self, told: sw.SwitchEvent) -> None:
        match told:
            case sw.LinkUp():
                self.switch.submit(sw.SnapshotRequest(command_id="look"))
            case sw.Snapshot():
                self._count()
            case sw.MessagesLost() | sw.LinkDown():
                self.lost += 1
            case sw.CommandResult():
                self.failed += told.stage not in {CommandStage.ACCEPTED, CommandStage.CONFIRMED}
            case _:
                what = KINDS.get(type(told))
                if what is None:  # A join that failed, a phone that is gone: not in this play.
                    self.out_of_order += 1
                else:
                    self._react(told, what)

    def _react(self, told: sw.SwitchEvent, what: str) -> None:
        call_id: str = getattr(told, "call_id", "")
        if isinstance(told, sw.RouteRequest):
            call_id = told.call.call_id
            made_ns = int(told.call.user_data)
            self.lags_ms.append((time.monotonic_ns() - made_ns) / 1e6)
        number = int(call_id.removeprefix(PREFIX))
        self.out_of_order += (what, number) != next(self._expected)
        self.digest.add((what, number))
        self._count()
        if self._routes and what == "came":
            self.switch.submit(
                sw.RouteSelect(
                    command_id=offer(number),
                    call_id=call_id,
                    device=phone(number),
                    ring_us=20 * SECOND_US,
                )
            )
        elif self._routes and what == "free":
            self.switch.submit(sw.ClearCall(command_id=f"clear-{number}", call_id=call_id))

    def _count(self) -> None:
        self.seen += 1
        if self.seen == self._wanted:
            self._is_done.set()


class Peer:
    """The switch, as a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stdin is not None
        self._said, self._told = process.stdout, process.stdin
        self.port = int(self._said.readline())

    async def send(self, rate: int, count: int) -> None:
        """Order events; return when the first one is about to leave."""
        self._told.write(f"{rate} {count}\n")
        self._told.flush()
        await asyncio.to_thread(self._said.readline)


async def measure(peer: Peer, rates: tuple[tuple[int, int], ...], at_once: int) -> None:
    """Log in at the peer, and print how its events came."""
    with tempfile.TemporaryDirectory() as folder:
        heard = Heard(Path(folder), peer.port)
    await heard.link()
    calls = 0
    for rate, count in rates:
        heard.expect(calls, count, WHOLE)
        began_s = time.process_time()
        await peer.send(rate, count)
        await heard.reach()
        share = (time.process_time() - began_s) / count * rate
        print(f"{rate:,} events a second: {lags(heard)}, {share:.2f} of a core")
        calls += count // STEPS
    heard.expect(calls, at_once, BARE)
    before_mb = resident_mb()
    await peer.send(0, at_once)
    began_s = time.perf_counter()
    await heard.reach()
    took_s = time.perf_counter() - began_s
    print(f"{at_once:,} at once: {lags(heard)}; {at_once / took_s:,.0f} events a second")
    after_mb = resident_mb()
    print(f"memory: {after_mb:.0f} MB, {after_mb - before_mb:.0f} MB more than before the burst")
    await heard.switch.close()
    print(
        f"lost: {heard.lost}, out of order: {heard.out_of_order}, commands that failed:"
        f" {heard.failed}; digest {heard.digest.text()}"
    )


def resident_mb() -> float:
    """Return how much memory this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def lags(heard: Heard) -> str:
    """Return how long after their making arrivals were handed on."""
    ordered = sorted(heard.lags_ms)
    shares = ", ".join(f"p{100 * share:g} {quantile(ordered, share):.2f}" for share in (0.5, 0.99))
    return f"{shares}, max {ordered[-1]:.2f} ms ({len(ordered):,} arrivals)"


def main() -> None:
    """Run the benchmark."""
    small = is_smoke(__doc__)
    rates, at_once = (SMOKE_RATES, SMOKE_AT_ONCE) if small else (RATES, AT_ONCE)
    if not small:
        print(machine())
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ari_burst_peer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(measure(Peer(process), rates, at_once))
        finally:
            process.terminate()


if __name__ == "__main__":
    main()

"""Bursts of a switch's events through the ARI adapter: is the lag small, the order kept?

Questions: when 1,000 events a second come, how long after it was made is an event handed on? Which
rate can be sustained? Is memory bounded, is anything lost or out of order?

Method: a peer in a process of its own speaks what Asterisk speaks on a WebSocket (log-in, the four
lists of a snapshot), then sends calls that come and go: 1,000 events a second, ten at a time, and
then 50,000 that were made before, as fast as they are taken. Each call's number is in its id, the
time of its making in its data, so that order and lag are read from what the adapter delivers; the
lag of the second part is the queue's. The digest is of the events delivered, in their order.

    python -m benchmarks.bench_ari_burst            # the canonical run, about 20 s
    python -m benchmarks.bench_ari_burst --smoke    # small; against rot
"""

import asyncio
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from websockets.asyncio.server import ServerConnection, serve

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import make
from acd.switch_protocol.port import SwitchOptions
from benchmarks.measuring import Digest, is_smoke, machine, quantile

RATE: Final = 1_000
STEADY: Final = 10_000
AT_ONCE: Final = 50_000
SMOKE: Final = 50
"""The small form is this many times smaller."""
TICK_S: Final = 0.01
APP: Final = "acd"
INFO: Final = {
    "system": {"version": "22.10.1", "entity_id": "02:00:00:00:00:01"},
    "status": {"startup_time": "2026-11-26T00:00:00.000+0000"},
}


def channel(number: int) -> dict[str, Any]:
    """Return a customer's channel as Asterisk describes it; its name says when it was sent."""
    return {
        "id": f"1795693829.{number}",
        "name": f"PJSIP/trunk-{number:08x}",
        "state": "Up",
        "protocol_id": "b1c7f6b2-0f8e-4c0e-9d57-2a2f6d1f9f5e",
        "caller": {"name": "Ada", "number": "+4930123"},
        "connected": {"name": "", "number": ""},
        "accountcode": "",
        "dialplan": {
            "context": "from-customers",
            "exten": "4000",
            "priority": 9,
            "app_name": "Stasis",
            "app_data": f"{APP},call",
        },
        "creationtime": "2026-11-26T07:51:28.896+0000",
        "language": "en",
        "channelvars": {"ACD_DNIS": "4000", "ACD_UUI": str(time.monotonic_ns())},
        "caller_rdnis": "",
    }


def event(number: int) -> str:
    """Return an event: even ones are arrivals, odd ones their ends."""
    kind = "StasisEnd" if number % 2 else "StasisStart"
    told = {"type": kind, "timestamp": "2026-11-26T07:51:28.896+0000", "application": APP}
    args = {} if number % 2 else {"args": ["call"]}
    return json.dumps({**told, **args, "channel": channel(number // 2), "asterisk_id": "02:00"})


async def peer(steady: int, at_once: int) -> None:
    """Be the switch, for one log-in."""
    over = asyncio.Event()

    async def serve_one(socket: ServerConnection) -> None:
        lists = 0
        async for text in socket:
            asked = json.loads(text)
            body: Any = INFO if asked["uri"] == "asterisk/info" else []
            answer = {
                "type": "RESTResponse",
                "request_id": asked["request_id"],
                "uri": asked["uri"],
            }
            good = {"status_code": 200, "reason_phrase": "OK", "message_body": json.dumps(body)}
            await socket.send(json.dumps({**answer, **good}))
            lists += asked["uri"] == "deviceStates"
            if lists:
                break
        numbers = itertools.count()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for sent in range(0, steady, int(RATE * TICK_S)):
            due = loop.create_future()
            loop.call_at(began_s + sent / RATE, due.set_result, None)
            await due
            for _ in range(int(RATE * TICK_S)):
                await socket.send(event(next(numbers)))
        print(f"steady {sys.stdin.readline().strip()}", flush=True)
        for frame in [event(next(numbers)) for _ in range(at_once)]:
            await socket.send(frame)
        await socket.wait_closed()
        over.set()

    async with serve(serve_one, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await over.wait()


class Heard:
    """What the adapter delivered."""

    def __init__(self) -> None:
        self.events = 0
        self.lost = 0
        self.out_of_order = 0
        self.lags_ms: list[float] = []
        self.digest = Digest()
        self.news = asyncio.Event()
        self._expected = itertools.count()

    def take(self, told: sw.SwitchEvent) -> None:
        """Take one event."""
        if isinstance(told, sw.RouteRequest):
            sent_ns = int(told.call.user_data)
            self.lags_ms.append((time.monotonic_ns() - sent_ns) / 1e6)
            self._count("came", told.call.call_id, 0)
        elif isinstance(told, sw.RouteEnded | sw.CallCleared):
            self._count("left", told.call_id, 1)
        elif isinstance(told, sw.MessagesLost):
            self.lost += 1
        self.news.set()

    def _count(self, what: str, call_id: str, odd: int) -> None:
        number = 2 * int(call_id.partition(".")[2]) + odd
        self.out_of_order += number != next(self._expected)
        self.digest.add((what, call_id))
        self.events += 1

    async def reach(self, events: int) -> None:
        """Wait for so many events."""
        async with asyncio.timeout(120):
            while self.events < events:
                self.news.clear()
                await self.news.wait()


async def measure(steady: int, at_once: int, process: subprocess.Popen[str]) -> None:
    """Log in at the peer, and print how its events came."""
    assert process.stdout is not None
    assert process.stdin is not None
    port = int(process.stdout.readline())
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "ari.secret"
        secret.write_text("only-for-this-run")
        secret.chmod(0o600)
        given = {"url": f"http://127.0.0.1:{port}/ari", "password_file": secret.name}
        switch = make(SwitchOptions(name="pbx", options=given, folder=Path(folder)))
    heard = Heard()
    switch.start(heard.take)
    linked = asyncio.get_running_loop().time() + 10
    while not heard.news.is_set():
        assert asyncio.get_running_loop().time() < linked, "no link"
        await asyncio.wait_for(heard.news.wait(), 10)
    switch.submit(sw.SnapshotRequest(command_id="look"))
    await heard.reach(steady)
    show(f"{RATE:,} a second", heard)
    heard.lags_ms.clear()
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    process.stdin.write("over\n")
    process.stdin.flush()
    began_s = time.perf_counter()
    await heard.reach(steady + at_once)
    took_s = time.perf_counter() - began_s
    after_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show("all at once", heard)
    print(f"sustained: {at_once / took_s:,.0f} events a second (with the making of them)")
    print(f"memory: {after_mb:.0f} MB, {after_mb - before_mb:.0f} MB more than before the burst")
    print(f"lost: {heard.lost}, out of order: {heard.out_of_order}; digest {heard.digest.text()}")
    await switch.close()


def show(what: str, heard: Heard) -> None:
    """Print the lags."""
    lags = sorted(heard.lags_ms)
    shares = ", ".join(f"p{100 * share:g} {quantile(lags, share):.2f}" for share in (0.5, 0.99))
    print(f"{what}: sent to handed on {shares}, max {lags[-1]:.2f} ms ({len(lags):,} arrivals)")


def main() -> None:
    """Run the benchmark."""
    small = is_smoke(__doc__)
    steady, at_once = (STEADY // SMOKE, AT_ONCE // SMOKE) if small else (STEADY, AT_ONCE)
    if not small:
        print(machine())
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    command = [sys.executable, "-c"]
    code = (
        f"import asyncio; from {__spec__.name} import peer; asyncio.run(peer({steady}, {at_once}))"
    )
    with subprocess.Popen(  # noqa: S603 - this very file.
        [*command, code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(measure(steady, at_once, process))
        process.terminate()


if __name__ == "__main__":
    main()

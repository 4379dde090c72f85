"""What HTTP and WebSockets cost: submissions at 300 a second, and a stream for 200 wallboards.

Questions: how long does a producer wait for his acknowledgement, which comes after the commit, at
300 submissions a second? And when 200 clients follow the live stream meanwhile: how long is it from
a change to the last client's delta, and how much of a core does the daemon take?

Method: the daemon is the command `acd serve` in a process of its own, with its journal on this
machine's disk; the load is this process (both share the cores). Submissions are an open loop over
kept connections: what is measured runs from the moment a submission was due. Of each delta the time
from the first to the last client is taken; that it is sent at most ten times a second is the
stream's own rule. The digest is of what the daemon answers about the contacts, which does not hang
on the machine.

    python -m benchmarks.bench_http            # the canonical run, a minute
    python -m benchmarks.bench_http --smoke    # small; against rot
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from websockets.asyncio.client import connect

from acd.daemon.http.tokens import Role, new_token
from benchmarks.daemon_load import pause
from benchmarks.measuring import Digest, is_smoke, machine, quantile

RATE_PER_S: Final = 300
SUBMISSIONS: Final = 6_000
CLIENTS: Final = 200
CONNECTIONS: Final = 16
SMOKE_SHARE: Final = 20

CONFIG: Final = """\
[domain]
name = "bench"
[queues.q]
chat = {}
[capacities.c]
chat = {}
[[profiles.p]]
queue = "q"
[groups.g]
members = 100
profile = "p"
capacity = "c"
[daemon.http]
port = 0
tokens = "tokens.toml"
"""


class Daemon:
    """The daemon as a process."""

    def __init__(self, folder: Path) -> None:
        (folder / "bench.toml").write_text(CONFIG)
        made = [new_token(name=role, role=role, domain="bench") for role in _ROLES]
        (folder / "tokens.toml").write_text("\n".join(table for _, table in made))
        self.secrets = dict(zip(_ROLES, (secret for secret, _ in made), strict=True))
        command = [str(Path(sys.executable).with_name("acd")), "serve", str(folder / "bench.toml")]
        log = (folder / "log").open("w")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603 - ours
        log.close()
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rpartition(":")[2])

    def cpu_s(self) -> float:
        """Return the processor time that the daemon has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate()


_ROLES: Final = (Role.PRODUCER, Role.SUPERVISOR)


class Producer:
    """Connections that submit contacts at a rate."""

    def __init__(self, daemon: Daemon, prefix: str) -> None:
        self.took_s: list[float] = []
        self.said: dict[int, object] = {}
        self._daemon = daemon
        self._prefix = prefix
        self._due: asyncio.Queue[tuple[int, float] | None] = asyncio.Queue()

    async def run(self, count: int) -> None:
        """Submit so many contacts, each when its time has come."""
        workers = [asyncio.ensure_future(self._work()) for _ in range(CONNECTIONS)]
        began_s = time.perf_counter()
        for number in range(count):
            due_s = began_s + number / RATE_PER_S
            if due_s > time.perf_counter():
                await pause(due_s - time.perf_counter())
            self._due.put_nowait((number, due_s))
        for _ in workers:
            self._due.put_nowait(None)
        await asyncio.gather(*workers)

    async def _work(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._daemon.port)
        body = b'{"queue":"q","channel":"chat"}'
        while (given := await self._due.get()) is not None:
            number, due_s = given
            head = (
                f"POST /v1/contacts HTTP/1.1\r\nHost: 127.0.0.1:{self._daemon.port}\r\n"
                f"Authorization: Bearer {self._daemon.secrets[Role.PRODUCER]}\r\n"
                f"Idempotency-Key: {self._prefix}{number}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 201"), answer
            length = int(answer.lower().partition(b"content-length:")[2].split(b"\r", 1)[0])
            said = json.loads(await reader.readexactly(length))
            self.took_s.append(time.perf_counter() - due_s)
            self.said[number] = said["contact_id"]
        writer.close()
        await writer.wait_closed()


class Wallboards:
    """Clients of the live stream; notes when each delta reached the first and the last."""

    def __init__(self, daemon: Daemon) -> None:
        self.first_s: dict[int, float] = {}
        self.last_s: dict[int, float] = {}
        self.count: dict[int, int] = {}
        self.open = 0
        self._daemon = daemon

    async def follow(self) -> None:
        """Be one client until cancelled."""
        headers = {"Authorization": f"Bearer {self._daemon.secrets[Role.SUPERVISOR]}"}
        url = f"ws://127.0.0.1:{self._daemon.port}/v1/live"
        async with connect(url, additional_headers=headers, max_size=None) as stream:
            await stream.recv()
            self.open += 1
            async for text in stream:
                now_s = time.perf_counter()
                seq = int(str(text)[:60].partition('"seq":')[2].partition(",")[0])
                self.first_s.setdefault(seq, now_s)
                self.last_s[seq] = now_s
                self.count[seq] = self.count.get(seq, 0) + 1


async def submissions(daemon: Daemon, count: int) -> str:
    """Submit alone; return the digest of the contacts' ids."""
    producer = Producer(daemon, "alone-")
    used_s, began_s = daemon.cpu_s(), time.perf_counter()
    await producer.run(count)
    core = (daemon.cpu_s() - used_s) / (time.perf_counter() - began_s)
    print(f"{RATE_PER_S} submissions/s: {_quantiles(producer.took_s)}, {core:.2f} of a core")
    digest = Digest()
    digest.add([producer.said[number] for number in range(count)])
    return digest.text()


async def fan_out(daemon: Daemon, count: int, clients: int) -> None:
    """Submit while clients follow the stream."""
    boards = Wallboards(daemon)
    following = [asyncio.ensure_future(boards.follow()) for _ in range(clients)]
    while boards.open < clients:
        await pause(0.01)
    producer = Producer(daemon, "watched-")
    used_s, began_s = daemon.cpu_s(), time.perf_counter()
    await producer.run(count)
    span_s = time.perf_counter() - began_s
    core = (daemon.cpu_s() - used_s) / span_s
    await pause(0.5)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    whole = [seq for seq, got in boards.count.items() if got == clients]
    spread_s = [boards.last_s[seq] - boards.first_s[seq] for seq in whole]
    print(
        f"{clients} clients of the stream, {len(whole) / span_s:.1f} deltas/s to all of them:"
        f" first to last client {_quantiles(spread_s)}; submissions {_quantiles(producer.took_s)};"
        f" {core:.2f} of a core"
    )


def main() -> None:
    """Run, and print a line for each question."""
    share = SMOKE_SHARE if is_smoke(__doc__) else 1
    print(machine())
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        daemon = Daemon(Path(name))
        try:
            digest = asyncio.run(submissions(daemon, SUBMISSIONS // share))
            asyncio.run(fan_out(daemon, SUBMISSIONS // share, CLIENTS // share))
        finally:
            daemon.stop()
    print(f"digest {digest}")


def _quantiles(took_s: list[float]) -> str:
    ordered = sorted(took_s)
    p50, p99 = (quantile(ordered, one) * 1e3 for one in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


if __name__ == "__main__":
    main()

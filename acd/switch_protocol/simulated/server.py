"""The simulated switch as a process: the exchange behind two sockets, moved by its own clock.

One socket is the link, for one daemon: who logs in replaces the one before. The other, if asked
for, is for the world and for tests (`control.py`). Each message is carried out, and what follows is
told, before the next one is read.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from pathlib import Path
from typing import Final

import msgspec

from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated import link, wishes
from acd.switch_protocol.simulated.exchange import Exchange
from acd.switch_protocol.simulated.granting import grant
from acd.switch_protocol.simulated.orders import carry_out
from acd.switch_protocol.simulated.robots import Robots
from acd.switch_protocol.simulated.rudeness import Rudeness, Rules

LOGIN_S: Final = 5.0
"""How long whoever connects may take to log in."""

SILENCE_S: Final = (link.MISSES_MAX + 1) * link.KEEPALIVE_S
"""A daemon that is silent for so long is dead, or asleep: its calls are not its own any more."""

OUT_MAX: Final = 64 * 1024 * 1024
"""Most bytes written to a daemon that does not read: a snapshot of 200,000 calls."""


_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class Server:
    """The switch, in a running event loop.

    Args:
        devices: The phones.
        rules: How it is rude.
        seed: Of the robots.
        fallback_s: How long a call waits, while no daemon is linked, for the fallback.
    """

    def __init__(
        self, *, devices: tuple[str, ...], rules: Rules, seed: int, fallback_s: float
    ) -> None:
        self.exchange = Exchange(
            devices, run=os.urandom(3).hex(), fallback_us=int(fallback_s * 1e6)
        )
        self.robots = Robots(self.exchange, seed=seed)
        self.rudeness = Rudeness(rules)
        self._base_us = (time.time_ns() - time.monotonic_ns()) // 1_000
        self._loop = asyncio.get_running_loop()
        self._servers: list[asyncio.Server] = []
        self._writer: asyncio.StreamWriter | None = None
        """The linked daemon's."""
        self._on_the_way: list[tuple[int, int, sw.EventBase]] = []
        """Events that rudeness delays: (at_us, number, event)."""
        self._sent = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        """Set, and replaced, when the ledger has new lines."""
        self._seen = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, socket: Path, control: Path | None) -> None:
        """Open the sockets."""
        await self._open(socket, self._serve_daemon)
        if control is not None:
            await self._open(control, self._serve_control)

    async def _open(self, path: Path, serve: _Serve) -> None:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(serve(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_unix_server(connected, path, limit=link.READ_MAX)
        self._servers.append(server)

    async def close(self) -> None:
        """Close the sockets and all connections."""
        for server in self._servers:
            server.close()
        if self._alarm is not None:
            self._alarm.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def now_us(self) -> int:
        """Return the switch's time, in microseconds since the epoch; it never goes back."""
        return self._base_us + time.monotonic_ns() // 1_000

    def settle(self) -> None:
        """Let the robots act, tell what happened, and set the alarm for what comes next."""
        now_us = self.now_us()
        self.exchange.advance(now_us)
        self.robots.act(now_us)
        self._tell(now_us)
        if self.exchange.ledger.last != self._seen:
            self._seen = self.exchange.ledger.last
            self._news.set()
            self._news = asyncio.Event()
        due = [self.exchange.next_us(), self.robots.next_us()]
        due.append(self._on_the_way[0][0] if self._on_the_way else None)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        known = [at_us for at_us in due if at_us is not None]
        if known:
            self._alarm = self._loop.call_later(max(0, min(known) - now_us) / 1e6, self.settle)

    async def wait_for_news(self, after: int, wait_us: int) -> None:
        """Wait until the ledger has lines after a number, or for a time."""
        if self.exchange.ledger.last <= after and wait_us:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_us / 1e6):
                    await self._news.wait()

    # The link.

    async def _serve_daemon(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        frames = link.to_switch()
        cause = ""
        try:
            while True:
                silence_s = SILENCE_S if writer is self._writer else LOGIN_S
                async with asyncio.timeout(silence_s):
                    data = await reader.read(link.READ_MAX)
                if not data:
                    break
                for message in frames.feed(data):
                    self._hear(message, writer)
                if writer.is_closing():
                    break
                self.settle()
        except TimeoutError:
            cause = "it was silent for too long"
        except (OSError, link.LinkError) as error:
            cause = str(error)
        finally:
            self._hang_up(writer, cause)

    def _hear(self, message: link.ToSwitch, writer: asyncio.StreamWriter) -> None:
        if isinstance(message, link.Hello):
            if message.version != link.VERSION:
                raise link.LinkError(f"got version {message.version} of the link")
            older = self._writer
            self._writer = None
            if older is not None and older is not writer:
                _say_goodbye(older, "replaced by another daemon", replaced=True)
            self._on_the_way.clear()
            self._writer = writer
            epoch = self.exchange.link(self.now_us())
            writer.write(link.framed(link.Welcome(epoch=epoch, run=self.exchange.run)))
        elif writer is not self._writer:
            raise link.LinkError("got a message before the log-in")
        elif isinstance(message, link.Ping):
            self.settle()  # What the answer's number counts is sent before it.
            writer.write(link.framed(link.Pong(epoch=self.exchange.epoch, seq=self.exchange.seq)))
        elif not self.rudeness.loses(message):
            carry_out(self.exchange, message, self.now_us(), cut=link.parts)

    def hang_up(self) -> None:
        """Cut the daemon's link without a word."""
        if self._writer is not None:
            self._writer.transport.abort()

    def _hang_up(self, writer: asyncio.StreamWriter, cause: str) -> None:
        """Close a daemon's connection; if it was the linked one, nobody is linked now."""
        if writer is self._writer:
            self._writer = None
            self._on_the_way.clear()
            self.exchange.unlink(self.now_us())
            self.settle()
        if not writer.is_closing():
            _say_goodbye(writer, cause)

    def _tell(self, now_us: int) -> None:
        """Send what the daemon has to know and what is on the way until now."""
        exchange = self.exchange
        for event in self._take_events():
            self._send_later(event, now_us)
            ghost = self.rudeness.ghost_of(event)
            if ghost is not None:
                exchange.tell(ghost)
            if self.rudeness.echoes(event):
                exchange.tell(event)
        for event in self._take_events():
            self._send_later(event, now_us)
        writer = self._writer
        while self._on_the_way and self._on_the_way[0][0] <= now_us:
            event = heappop(self._on_the_way)[2]
            if writer is not None and not writer.is_closing():
                writer.write(link.framed(event))
        if writer is not None and writer.transport.get_write_buffer_size() > OUT_MAX:
            writer.transport.abort()

    def _take_events(self) -> list[sw.EventBase]:
        events = self.exchange.events.copy()
        self.exchange.events.clear()
        return events

    def _send_later(self, event: sw.EventBase, now_us: int) -> None:
        for at_us, passed in self.rudeness.pass_on(event, now_us):
            self._sent += 1
            heappush(self._on_the_way, (at_us, self._sent, passed))

    # Control.

    async def _serve_control(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        frames = link.Frames(msgspec.msgpack.Decoder(wishes.Wish))
        # Whoever asks wrongly, or is gone, reads an end.
        with contextlib.suppress(OSError, link.LinkError), contextlib.closing(writer):
            while data := await reader.read(link.READ_MAX):
                for wish in frames.feed(data):
                    writer.write(link.framed(await grant(self, wish)))
                    self.settle()
                    await writer.drain()


def _say_goodbye(writer: asyncio.StreamWriter, cause: str, *, replaced: bool = False) -> None:
    writer.write(link.framed(link.Bye(cause=cause[:200], replaced=replaced)))
    writer.close()

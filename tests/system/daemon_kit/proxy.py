"""A rude network between producers and the daemon: requests come thrice, crossed, or not at all.

Method: it reads whole requests, sends each of them to the daemon three times over connections of
their own, each after a pause drawn from a seed (so that requests cross), loses some requests and
some answers altogether, and gives the producer the first answer. Whoever gets none sends again.
"""

import asyncio
import random
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

COPIES: Final = 3
LOST: Final = 0.05
PAUSE_S: Final = 0.02
"""Longest pause of a copy: several times the daemon's answer, so that requests overtake."""


class Proxy:
    """The network in front of one daemon."""

    def __init__(self, port: int, *, seed: int) -> None:
        self._port = port
        self._random = random.Random(seed)
        self._copies: set[asyncio.Task[bytes]] = set()
        self.port = 0
        self.lost = 0
        self.copied = 0
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        await asyncio.gather(*self._copies, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one request."""
        with suppress(OSError, asyncio.IncompleteReadError):
            request = await _message(reader)
            if self._random.random() < LOST:
                self.lost += 1
            else:
                copies = [self._copy(request) for _ in range(COPIES)]
                done, _ = await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
                answer = done.pop().result()
                if self._random.random() < LOST:
                    self.lost += 1
                else:
                    writer.write(answer)
                    await writer.drain()
        writer.close()

    def _copy(self, request: bytes) -> "asyncio.Task[bytes]":
        self.copied += 1
        task = asyncio.ensure_future(self._send(request, self._random.uniform(0, PAUSE_S)))
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)
        return task

    async def _send(self, request: bytes, pause_s: float) -> bytes:
        """Send a copy to the daemon after a pause; return its answer."""
        later = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(pause_s, later.set_result, None)
        await later
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(request)
            return await _message(reader)
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Return a whole request or answer that says its length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)

"""What answers where Asterisk should be: HTTP and WebSocket by hand, so that both can go wrong.

Its frames are made and read here and by no library, as a second opinion.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from structlog.testing import capture_logs

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import make
from acd.switch_protocol.port import SwitchOptions
from tests.unit.ari_frames import INFO

DEADLINE_S: Final = 20.0
SECRET: Final = "correct horse battery staple"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def framed(data: bytes | str, *, opcode: int = TEXT, fin: bool = True) -> bytes:
    """Return a frame of the WebSocket as a server sends it."""
    payload = data.encode() if isinstance(data, str) else data
    first = bytes([opcode | (0x80 if fin else 0)])
    if len(payload) < 126:
        return first + bytes([len(payload)]) + payload
    if len(payload) < 65_536:
        return first + b"\x7e" + len(payload).to_bytes(2) + payload
    return first + b"\x7f" + len(payload).to_bytes(8) + payload


class Head:
    """A request of HTTP, with its body."""

    def __init__(self, text: str, body: bytes) -> None:
        lines = text.split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.body = body
        self.headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }


class Connection:
    """One connection to the peer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.answers_pings = True

    async def head(self) -> Head:
        """Return the next request of HTTP."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        head = Head(text, b"")
        length = int(head.headers.get("content-length", "0"))
        return Head(text, await self.reader.readexactly(length))

    def write(self, data: bytes) -> None:
        """Write bytes."""
        self.writer.write(data)

    def respond(self, status: int, body: str = "", *, more: str = "") -> None:
        """Answer a request of HTTP."""
        head = f"HTTP/1.1 {status} Some words\r\nContent-Length: {len(body.encode())}\r\n{more}\r\n"
        self.write((head + body).encode())

    async def open(self) -> Head:
        """Take part in a handshake."""
        head = await self.head()
        key = head.headers["sec-websocket-key"].encode()
        token = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
        )
        return head

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and content."""
        first, second = await self.reader.readexactly(2)
        assert first & 0x70 == 0, "nothing was agreed on, as compression"
        assert second & 0x80, "a client masks"
        length = second & 0x7F
        if length > 125:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(length)
        return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))

    async def asked(self) -> dict[str, Any]:
        """Return the next request on the WebSocket."""
        while True:
            opcode, data = await self.frame()
            if opcode == PING and self.answers_pings:
                self.write(framed(data, opcode=PONG))
            elif opcode == CLOSE:
                raise EOFError
            elif opcode == TEXT:
                read = json.loads(data)
                assert isinstance(read, dict)
                return read

    def tell(self, text: str) -> None:
        """Send a message."""
        self.write(framed(text))

    def answer(self, asked: dict[str, Any], status: int = 200, body: str = "") -> None:
        """Answer a request on the WebSocket."""
        answer = {
            "type": "RESTResponse",
            "request_id": asked["request_id"],
            "status_code": status,
            "reason_phrase": "",
            "uri": asked["uri"],
            "message_body": body,
        }
        self.tell(json.dumps(answer))

    async def log_in(self, *, info: str = INFO) -> Head:
        """Do a handshake, and answer until the filter is set."""
        head = await self.open()
        while True:
            asked = await self.asked()
            self.answer(asked, 200, answered(asked, info))
            if asked["uri"].endswith("eventFilter"):
                return head

    async def serve_nothing(self) -> None:
        """Take requests and answer none, until the link ends."""
        while True:
            await self.asked()

    async def serve(self) -> None:
        """Answer all requests with nothing, until the link ends."""
        while True:
            asked = await self.asked()
            self.answer(asked, 200, answered(asked, INFO))


def answered(asked: dict[str, Any], info: str) -> str:
    """Return what Asterisk without calls says to a request."""
    if asked["uri"] == "asterisk/info":
        return info
    return "[]" if asked["method"] == "GET" else ""


Script = Callable[[Connection], Awaitable[object]]


class Peer:
    """A listening peer, and an adapter that connects to it.

    Args:
        scripts: What is done with the first connection, the second, …; the last one with all
            further ones.
        devices: What is monitored.
        options: More options of the adapter.
        tls: How the peer listens.
    """

    def __init__(self, folder, *scripts, devices=(), options=None, tls=None):
        self.folder = folder
        self.scripts = scripts
        self.devices = devices
        self.options = options or {}
        self.tls = tls
        self.connected = 0
        self.events: asyncio.Queue[sw.SwitchEvent] = asyncio.Queue()
        self.logs: list[Any] = []
        self._stack = contextlib.ExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self):
        self.logs = self._stack.enter_context(capture_logs())

        def connected(reader, writer):
            script = self.scripts[min(self.connected, len(self.scripts) - 1)]
            self.connected += 1
            self._tasks.append(asyncio.ensure_future(self._serve(script, reader, writer)))

        self._server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=self.tls)
        port = self._server.sockets[0].getsockname()[1]
        secret = self.folder / "ari.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        scheme = "http" if self.tls is None else "https"
        options = {
            "url": f"{scheme}://127.0.0.1:{port}/ari",
            "password_file": "ari.secret",
            **self.options,
        }
        self.switch = make(SwitchOptions(name="pbx", options=options, folder=self.folder))
        self.switch.monitor(self.devices)
        self.switch.start(self.events.put_nowait)
        return self

    async def _serve(self, script, reader, writer):
        try:
            with contextlib.suppress(OSError, EOFError):
                await script(Connection(reader, writer))
        finally:
            writer.close()

    async def __aexit__(self, *_):
        await self.switch.close()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stack.close()
        assert SECRET not in repr(self.logs)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def next(self, kind):
        """Return the next event, which must be of a kind."""
        event = await asyncio.wait_for(self.events.get(), DEADLINE_S)
        assert isinstance(event, kind), event
        return event

    async def in_step(self):
        """Wait for the link, ask for a snapshot, and wait for it."""
        await self.next(sw.LinkUp)
        return await self.snapshot()

    async def snapshot(self):
        """Ask for a snapshot, and wait for it."""
        self.switch.submit(sw.SnapshotRequest(command_id="snapshot"))
        snapshot = await self.next(sw.Snapshot)
        await self.next(sw.CommandResult)
        return snapshot


def lines(peer, event):
    """Return what was logged in certain words."""
    return [line for line in peer.logs if line["event"] == event]


async def good(connection: Connection) -> None:
    """Be an Asterisk without calls."""
    await connection.log_in()
    await connection.serve()


async def silent(connection: Connection) -> None:
    """Say nothing."""
    await connection.reader.read()

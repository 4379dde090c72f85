"""The emulator's sockets: HTTP with Basic authentication, and WebSockets, on loopback.

One connection is served by one task. A request of HTTP is answered before the next one of its
connection is read; so are the requests on one WebSocket. Events and answers are written at once and
never waited for: who does not read is disconnected (`Quirk.WRITE_TIMEOUT`).
"""

import asyncio
import base64
import json
import socket
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from websockets.datastructures import Headers
from websockets.frames import Opcode
from websockets.server import ServerProtocol

from tests.ari_emulator.channels import App, Json
from tests.ari_emulator.exchange import Exchange
from tests.ari_emulator.quirks import WRITE_TIMEOUT_S, Quirk
from tests.ari_emulator.rest import STATUS_TEXT, Answer
from tests.ari_emulator.rest_channels import Resources

HEAD_MAX: Final = 64 * 1024
METHODS: Final = {"GET", "POST", "PUT", "DELETE", "OPTIONS"}
UPGRADE: Final = Answer(426)
SERVER: Final = "Asterisk/22.10.1"
SMALL: Final = 16 * 1024
"""A socket's send buffer where the write time-out shall be met soon, in bytes."""


class Server:
    """Serves an exchange.

    Args:
        exchange: Which.
        user: Who may log in.
        password: His.
    """

    def __init__(self, exchange: Exchange, *, user: str, password: str) -> None:
        self.exchange = exchange
        self.rest = Resources(exchange)
        self.user, self.password = user, password
        self.refused = 0
        """Log-ins with wrong or no credentials."""
        self.connected = 0
        """WebSockets that there ever were."""
        self.is_unreachable = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._deaf: set[asyncio.StreamWriter] = set()
        self.sockets: list[Socket] = []
        exchange.on_restart = self.cut

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD_MAX)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ari"

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()

    # Rudeness.

    def cut(self) -> None:
        """Reset all connections."""
        for writer in tuple(self._writers):
            writer.transport.abort()
        for one in tuple(self.sockets):
            one.ended()

    def stop_reading(self) -> None:
        """Answer nothing any more on the connections that there are; events go on."""
        self._deaf = set(self._writers)

    # HTTP.

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._keep(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if not self.is_unreachable:
                with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                    await self._serve(reader, writer)
        finally:
            self._writers.discard(writer)
            self._deaf.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            while writer in self._deaf:
                await reader.readexactly(HEAD_MAX)
            lines = head.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ")
            headers = Headers()
            for line in lines[1:]:
                if line:
                    name, _, value = line.partition(":")
                    headers[name] = value.strip()
            body = await reader.readexactly(int(headers.get("Content-Length", "0")))
            url = urlsplit(target)
            query = tuple(parse_qsl(url.query, keep_blank_values=True))
            if headers.get("Host") != f"127.0.0.1:{self.port}" or url.netloc:
                self.exchange.violate(f"a request to {headers.get('Host')} {url.netloc}")
            if not self._is_allowed(headers):
                self.refused += 1
                self._write(writer, Answer(401, {"message": "Authentication required"}))
            elif url.path == "/ari/events":
                if headers.get("Upgrade", "").lower() == "websocket" and dict(query).get("app"):
                    await self._websocket(reader, writer, head, dict(query)["app"])
                    return
                self._write(writer, UPGRADE if "Upgrade" not in headers else Answer(400))
            else:
                await self._answer(writer, method, url.path, query, body)

    async def _answer(
        self,
        writer: asyncio.StreamWriter,
        method: str,
        path: str,
        query: tuple[tuple[str, str], ...],
        body: bytes,
    ) -> None:
        root, _, rest = path.removeprefix("/").partition("/")
        if root != "ari":
            self.exchange.violate(f"{method} {path}")
            self._write(writer, Answer(404))
            return
        try:
            given = json.loads(body) if body else None
        except ValueError:
            self.exchange.violate(f"{method} {path}: the body is no JSON")
            self._write(writer, Answer(400, {"message": "Error parsing request body"}))
            return
        parts = tuple(unquote(part) for part in rest.split("/"))
        answer = self.rest.answer(method, parts, query, given)
        if self.exchange.quirks.strikes(Quirk.CROSSED, f"answer {method} {rest}"):
            await late(self.exchange.quirks.crossed_s())
        self._write(writer, answer)

    def _is_allowed(self, headers: Headers) -> bool:
        good = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return bool(headers.get("Authorization") == f"Basic {good}")

    def _write(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        lines = [
            f"HTTP/1.1 {answer.status} {STATUS_TEXT.get(answer.status, 'Unknown')}",
            f"Server: {SERVER}",
            "Cache-Control: no-cache, no-store",
            *(['WWW-Authenticate: Basic realm="ARI"'] if answer.status == 401 else []),
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        writer.write("\r\n".join((*lines, "", "")).encode() + body)

    # The WebSocket.

    async def _websocket(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, name: str
    ) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(head)
        request = protocol.events_received()[0]
        protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
        app = self.exchange.apps.setdefault(name, App(name))
        one = Socket(self, writer, protocol, app)
        self.sockets.append(one)
        self.connected += 1
        try:
            one.flush()
            one.take_over()
            while data := await reader.read(HEAD_MAX):
                if writer not in self._deaf:
                    await one.received(data)
        finally:
            one.ended()


class Socket:
    """A WebSocket of an application."""

    def __init__(
        self, server: Server, writer: asyncio.StreamWriter, protocol: ServerProtocol, app: App
    ) -> None:
        self.server = server
        self.exchange = server.exchange
        self.app = app
        self.asked = 0
        """Requests that change something."""
        self._writer = writer
        self._protocol = protocol
        self._parts = b""
        self._sent = 0
        """Bytes that the client's end has taken, when the time-out was last looked at."""
        self._written = 0
        self._is_watched = False
        self._is_open = True
        if self.exchange.quirks.rates.get(Quirk.WRITE_TIMEOUT):
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)

    def take_over(self) -> None:
        """Become the application's listener; whoever was it is told."""
        old, self.app.listener = self.app.listener, self
        if isinstance(old, Socket):
            old.write({"type": "ApplicationReplaced", "application": self.app.name})
        self.exchange.happened()

    def ended(self) -> None:
        self._is_open = False
        if self in self.server.sockets:
            self.server.sockets.remove(self)
        if self.app.listener is self:
            self.app.listener = None
        self.exchange.happened()

    # Events.

    def tell(self, event: Json) -> None:
        """Send an event, as the quirks will have it."""
        quirks, exchange = self.exchange.quirks, self.exchange
        about = event.get("channel") or event.get("peer") or {}
        occasion = f"{event['type']} {about.get('id', '')}"
        if quirks.strikes(Quirk.DROPPED, occasion):
            return
        if quirks.strikes(Quirk.CROSSED, occasion):
            exchange.after(quirks.crossed_s(), self.write, event)
        else:
            self.write(event)
        if quirks.strikes(Quirk.REPEATED, occasion):
            exchange.after(quirks.crossed_s(), self.write, event)

    def write(self, message: Json) -> None:
        """Send a message; answers pass the application's filter as events do."""
        if not self.app.lets_through(message["type"]):
            return
        if self._is_open and not self._writer.is_closing():
            self._protocol.send_text(json.dumps(message).encode())
            self.flush()

    def flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._written += len(data)
            self._writer.write(data)
        if self._unsent() and self.exchange.quirks.rates.get(Quirk.WRITE_TIMEOUT):
            self._watch()

    def _unsent(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            self._sent = self._written - self._unsent()
            asyncio.get_running_loop().call_later(WRITE_TIMEOUT_S, self._look)

    def _look(self) -> None:
        """Disconnect a client that took nothing for the whole time-out."""
        self._is_watched = False
        if self._unsent() and self._written - self._unsent() == self._sent:
            self.exchange.quirks.struck.append((Quirk.WRITE_TIMEOUT, self.app.name))
            self._writer.transport.abort()
            self.ended()
        elif self._unsent():
            self._watch()

    # Requests.

    async def received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            opcode = getattr(frame, "opcode", None)
            if opcode in {Opcode.TEXT, Opcode.CONT}:
                self._parts += frame.data  # type: ignore[union-attr]
                if frame.fin:  # type: ignore[union-attr]
                    whole, self._parts = self._parts, b""
                    await self._request(whole)
            elif opcode is Opcode.BINARY:
                self.exchange.violate("a binary message")
        self.flush()
        if self._protocol.close_expected():
            self._writer.close()

    async def _request(self, data: bytes) -> None:
        try:
            message = json.loads(data)
        except ValueError:
            self.exchange.violate("a message that is no JSON")
            self.write(_response({}, Answer(400), ""))
            return
        uri = str(message.get("uri", ""))
        method = str(message.get("method", ""))
        url = urlsplit(uri)
        if message.get("type") != "RESTRequest" or not uri or method not in METHODS:
            self.exchange.violate(f"a message of type {message.get('type')}, {method} {uri}")
            self.write(_response(message, Answer(400, {"message": "Bad request"}), uri))
            return
        if uri.startswith("/") or url.netloc:
            self.exchange.violate(f"{method} {uri}")
        given = [(one["name"], one["value"]) for one in message.get("query_strings", [])]
        query = (*given, *parse_qsl(url.query, keep_blank_values=True))
        body: Any = None
        if text := message.get("message_body"):
            body = json.loads(text)
        parts = tuple(unquote(part) for part in url.path.split("/"))
        self.asked += method != "GET"
        answer = self.server.rest.answer(method, parts, query, body)
        if self.exchange.quirks.strikes(Quirk.CROSSED, f"answer {method} {url.path}"):
            span_s = self.exchange.quirks.crossed_s()
            self.exchange.after(span_s, self.write, _response(message, answer, uri))
        else:
            self.write(_response(message, answer, uri))


def _response(request: Json, answer: Answer, uri: str) -> Json:
    """Return the message that answers a request on a WebSocket."""
    ids: Json = {key: request[key] for key in ("request_id", "transaction_id") if key in request}
    message: Json = {
        "type": "RESTResponse",
        **ids,
        "status_code": answer.status,
        "reason_phrase": STATUS_TEXT.get(answer.status, "Unknown"),
        "uri": uri,
    }
    if answer.body is not None:
        message["content_type"] = "application/json"
        message["message_body"] = json.dumps(answer.body)
    return message


async def late(span_s: float) -> None:
    """Wait a while, in which others run."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), span_s)

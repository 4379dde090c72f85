"""The sockets to Asterisk: a WebSocket, and HTTP where that takes no requests.

The WebSocket's reader hands each message on at once, within the call in which the bytes came: no
task is switched, nothing waits. What is written goes into the socket's buffer; if Asterisk does not
empty it, the link is cut. Proxies of the environment are not used, redirects not followed.
"""

import asyncio
import logging
import ssl
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from msgspec import Struct
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from acd.errors import printable
from acd.switch_protocol.ari.frames import FRAME_MAX

CONNECT_S: Final = 5.0
"""How long connecting may take, with TLS and the handshake (reference: switch protocols, 7.6)."""

CLOSE_S: Final = 1.0
"""How long Asterisk may take to close a link that we end."""

OUT_MAX: Final = 4 * 1024 * 1024
"""Most bytes written and not yet taken by the switch."""

# The library would log headers at the level DEBUG, and with them the password.
_QUIET: Final = logging.getLogger("acd.switch_protocol.ari.websocket")
_QUIET.setLevel(logging.CRITICAL)


class Address(Struct, frozen=True, kw_only=True):
    """Where Asterisk's REST interface is, and who we are there."""

    host: str
    port: int
    path: str
    """Its prefix: "/ari"."""
    user: str
    authorization: str
    """The header's value. It is never shown."""
    tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"Address({self.origin}{self.path}, user={self.user!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Tell a traceback drawn by rich no more than `repr` does; msgspec would tell all."""
        return [("origin", self.origin), ("path", self.path), ("user", self.user)]

    @property
    def origin(self) -> str:
        """The address without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


class HandshakeError(Exception):
    """The log-in was refused. Args: why, in words for the operator."""


class Receiver(Protocol):
    """Who is told what comes; none of it may block."""

    def on_open(self, socket: "WebSocket") -> None:
        """React to a handshake that is done."""
        ...

    def on_frame(self, data: bytes) -> None:
        """Take a message."""
        ...

    def on_pong(self) -> None:
        """Take a sign of life."""
        ...

    def on_end(self, cause: str) -> None:
        """React to the end of a link that was open."""
        ...


async def connect(address: Address, app: str, receiver: Receiver) -> "WebSocket":
    """Return an open WebSocket for the events of an application.

    Raises:
        HandshakeError: Asterisk refused.
        OSError: Nobody is there, the certificate is wrong, or it took too long.
        UnicodeError: The host's name is none.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_S):
        _, socket = await loop.create_connection(
            lambda: WebSocket(address, app, receiver),
            address.host,
            address.port,
            ssl=address.tls,
            server_hostname=address.host if address.tls else None,
        )
        try:
            await socket.opened
        except BaseException:
            socket.cut("")
            raise
    return socket


class WebSocket(asyncio.Protocol):
    """One WebSocket, from its handshake to its end.

    Args:
        address: Where to.
        app: Whose events.
        receiver: Who is told.
    """

    def __init__(self, address: Address, app: str, receiver: Receiver) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        self._address = address
        self._receiver = receiver
        uri = f"ws{address.origin.removeprefix('http')}{address.path}/events?app={app}"
        self._codec = ClientProtocol(parse_uri(uri), max_size=FRAME_MAX, logger=_QUIET)
        self._transport: asyncio.Transport
        self._message = bytearray()
        """What came of a message in pieces; the library keeps it below FRAME_MAX."""
        self._cause = ""
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._is_over

    def send(self, frame: bytes) -> None:
        """Write a message into the buffer."""
        if not self._is_over:
            self._codec.send_text(frame)
            self._flush()

    def ping(self) -> None:
        """Ask for a sign of life."""
        if not self._is_over:
            self._codec.send_ping(b"acd")
            self._flush()

    def cut(self, cause: str) -> None:
        """End at once: no message is handed on any more, and the end is told soon."""
        if not self._is_over:
            self._is_over = True
            self._cause = cause
            self._transport.abort()

    async def close(self) -> None:
        """Say goodbye and end; nothing is told any more."""
        if not self._is_over:
            self._is_over = True
            self._codec.send_close(1000)
            self._flush()
            self._transport.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.ended.wait()
            self._transport.abort()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        request = self._codec.connect()
        request.headers["Authorization"] = self._address.authorization
        self._codec.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Hand on what is complete now."""
        self._codec.receive_data(data)
        if not self._is_over:
            self._flush()  # Answers to pings.
        for event in self._codec.events_received():
            if self._is_over:
                return
            if isinstance(event, Frame):
                self._take(event)
            elif self._codec.handshake_exc is None:
                self.opened.set_result(None)
                self._receiver.on_open(self)
        if self._codec.handshake_exc is not None:
            self._refuse(self._codec.handshake_exc)
        elif self._codec.parser_exc is not None:
            self.cut(f"a frame that is none: {printable(str(self._codec.parser_exc))}")
        elif self._codec.close_rcvd is not None:
            self.cut("Asterisk closed the link")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the end."""
        is_wanted = self._is_over and not self._cause
        self._is_over = True
        try:
            if not self.opened.done():
                why = "Asterisk closed the link in the handshake"
                self.opened.set_exception(HandshakeError(why))
            elif self._codec.state is not State.CONNECTING and not is_wanted:
                why = (
                    f"the link was cut: {printable(str(exc))}"
                    if exc
                    else "Asterisk closed the link"
                )
                self._receiver.on_end(self._cause or why)
        finally:
            self.ended.set()

    # Inside.

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._message += frame.data
                if frame.fin:
                    message, self._message = self._message, bytearray()
                    self._receiver.on_frame(bytes(message))
            case Opcode.BINARY:
                self.cut("a binary frame, where text is wanted")
            case Opcode.PONG:
                self._receiver.on_pong()
            case Opcode.PING | Opcode.CLOSE:
                pass  # The library answers both.

    def _flush(self) -> None:
        for data in self._codec.data_to_send():
            if data:
                self._transport.write(data)
        if self._transport.get_write_buffer_size() > OUT_MAX:
            self.cut(f"Asterisk does not read: more than {OUT_MAX} bytes wait")

    def _refuse(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(HandshakeError(_refusal(error, self._address)))
        self.cut("")


def _refusal(error: Exception, address: Address) -> str:
    """Return why there is no WebSocket, in words for the operator."""
    if not isinstance(error, InvalidStatus):
        return f"{address.origin}{address.path} answers by something that is no WebSocket"
    status = error.response.status_code
    match status:
        case 401:
            return (
                f"ARI refused the log-in of user '{address.user}' (401): see `user` and"
                " `password_file`, and ari.conf"
            )
        case 404:
            return (
                f"{address.origin}{address.path}/events is not there (404): see `url`, and"
                " `enabled` in ari.conf and http.conf"
            )
        case _:
            return f"ARI answers {status} to the log-in of user '{address.user}'"

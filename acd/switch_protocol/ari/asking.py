"""Asking Asterisk one thing after the other, and waiting for each answer: for checks.

The requests pass the same encoder and take the same ways as the daemon's.
"""

import asyncio
import os
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from acd.errors import UnreachableError, printable
from acd.switch_protocol.ari import codec
from acd.switch_protocol.ari.codec import Answered
from acd.switch_protocol.ari.frames import Request, Response
from acd.switch_protocol.ari.rest import Rest
from acd.switch_protocol.ari.session import PROBE_US, SendHttp, Unanswered
from acd.switch_protocol.ari.transport import CONNECT_S, Address, WebSocket, connect

_T = TypeVar("_T")

ANSWER_US: Final = 10_000_000
"""How long an answer may take; that of a whole list has as long in the daemon."""


class Asking:
    """Requests by HTTP.

    Args:
        address: Where Asterisk is.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._where = f"{address.origin}{address.path}"
        self._ticket = 0
        self._answer: asyncio.Future[Response | None]
        self._rest = Rest(address, self._take)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rest.cut()

    async def reach(self) -> None:
        """Connect once, and hang up.

        Raises:
            UnreachableError: Nobody is there: refused, no name, no answer, a wrong certificate.
        """
        address = self._address
        name = address.host if address.tls else None
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(
                    address.host, address.port, ssl=address.tls, server_hostname=name
                )
        except TimeoutError:
            raise UnreachableError(self._where, f"no answer within {CONNECT_S:.0f} s") from None
        except OSError as error:
            raise UnreachableError(self._where, _why(error)) from error
        writer.transport.abort()

    async def ask(self, method: str, *path: str, body: bytes = b"", **query: str) -> Response:
        """Return the answer to a request.

        Args:
            method: GET, POST, PUT or DELETE.
            path: Parts of the path after `/ari`.
            body: JSON, or nothing.
            query: Parameters.

        Raises:
            UnreachableError: There is none.
        """
        self._ticket += 1
        request = Request(self._ticket, method, path, tuple(query.items()), body=body)
        self._answer = asyncio.get_running_loop().create_future()
        self._rest.send(SendHttp(self._ticket, codec.encode_http(request), ANSWER_US))
        response = await self._answer
        if response is None:
            raise UnreachableError(self._where, f"no answer to {method} {'/'.join(path)}")
        return response

    def _take(self, answer: Answered | Unanswered) -> None:
        response = answer.response if isinstance(answer, Answered) else None
        if answer.ticket == self._ticket and not self._answer.done():
            self._answer.set_result(response)


class Listening:
    """A WebSocket under a name of our own; events are not looked at.

    Args:
        address: Where Asterisk is.
        app: The application's name.
    """

    def __init__(self, address: Address, app: str) -> None:
        self._address = address
        self._app = app
        self._socket: WebSocket
        self._answered: asyncio.Future[None]

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            HandshakeError: Asterisk refused.
            OSError: Nobody is there.
        """
        self._answered = asyncio.get_running_loop().create_future()
        self._socket = await connect(self._address, self._app, self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.close()

    async def takes_requests(self) -> bool:
        """Return whether requests may travel on the WebSocket; found out as the daemon does."""
        self._socket.send(codec.encode(Request(1, "GET", ("asterisk", "ping"))))
        try:
            async with asyncio.timeout(PROBE_US / 1e6):
                await self._answered
        except TimeoutError:
            return False
        return True

    # Called by the transport.

    def on_open(self, socket: WebSocket) -> None:
        """Take note of nothing: who connected knows."""

    def on_frame(self, data: bytes) -> None:
        """Look for the answer to the one request."""
        try:
            message = codec.decode(data)
        except codec.BrokenFrameError as error:
            self._socket.cut(f"Asterisk sent {error}")
            return
        if isinstance(message, Answered) and not self._answered.done():
            self._answered.set_result(None)

    def on_pong(self) -> None:
        """Take note of nothing: no ping is sent."""

    def on_end(self, cause: str) -> None:
        """Take note of nothing: the answer will not come, which is noticed."""


def _why(error: OSError) -> str:
    """Return why nobody is there, in the system's words."""
    if isinstance(error, ConnectionError) and error.errno:
        return f"{os.strerror(error.errno)}: is Asterisk running, and `enabled` in http.conf?"
    return printable(str(error))


def decoded(response: Response, of: type[_T]) -> _T | None:
    """Return what an answer holds; None if it is a refusal, or holds something else."""
    if not response.is_good:
        return None
    try:
        return msgspec.json.decode(response.body, type=of)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def shown_answer(response: Response) -> str:
    """Return an answer that will not do, fit for a line."""
    body = printable(response.body[:80].decode(errors="replace"))
    return f"{response.status} {body}".rstrip()

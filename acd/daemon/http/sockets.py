"""Open WebSockets: whose they are, and how each is ended from outside.

A socket ends when the other side goes, when its token expires or is taken out of the file, when
another takes its place, or when its reader is too slow.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, Final

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from acd.daemon.http.errors import HttpError
from acd.daemon.http.tokens import Token, Tokens
from acd.ids import plain

SOCKETS_MAX: Final = 2_000
"""Most open WebSockets: the desks of the largest site planned for, 1,000 at work, twice over."""

SEND_S: Final = 10.0
"""How long one message may wait for its reader."""

CLOSE_S: Final = 2.0
"""How long the word that ends a socket may wait for its reader; then the line is cut."""

_EXPIRY_MAX_S: Final = 86_400.0
"""An expiry further away is looked at again after so long (a timer's range is limited)."""


@plain
class CloseCode(IntEnum):
    """Why the server ended a WebSocket."""

    GOING_AWAY = 1012
    """The daemon stops; sent by uvicorn."""
    BAD_MESSAGE = 1003
    TOKEN_ENDED = 1008
    """It expired or was revoked."""
    TOO_SLOW = 1013
    """Come back for a fresh snapshot."""
    REPLACED = 4001
    """The agent's desk was opened elsewhere."""


class SocketEndError(Exception):
    """Ends a WebSocket from within. Args: the close code, why."""

    def __init__(self, code: CloseCode, why: str) -> None:
        super().__init__(code, why)
        self.code = code
        self.why = why


class Socket:
    """One open WebSocket."""

    def __init__(self, websocket: WebSocket, token: Token) -> None:
        self.token = token
        self._websocket = websocket
        self._ended: asyncio.Future[SocketEndError] = asyncio.get_running_loop().create_future()

    def end(self, code: CloseCode, why: str) -> None:
        """Have the socket closed; the first who says so gives the reason."""
        if not self._ended.done():
            self._ended.set_result(SocketEndError(code, why))

    async def send(self, text: str) -> None:
        """Send a message.

        Raises:
            SocketEndError: The reader is too slow.
            WebSocketDisconnect: Nobody is there any more.
        """
        try:
            async with asyncio.timeout(SEND_S):
                await self._websocket.send_text(text)
        except TimeoutError:
            raise SocketEndError(CloseCode.TOO_SLOW, "too slow") from None

    async def run(self, *halves: Coroutine[Any, Any, None]) -> None:
        """Read and write until one of both, or somebody outside, ends it; then close it."""
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(half) for half in halves]
        try:
            await asyncio.wait([*tasks, self._ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        end = self._ended.result() if self._ended.done() else None
        unexpected: BaseException | None = None
        for result in results:
            if isinstance(result, SocketEndError):
                end = end or result
            elif isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                unexpected = result
        if end is not None:
            await self._close(end)
        if unexpected is not None:
            raise unexpected

    async def _close(self, end: SocketEndError) -> None:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._websocket.close(end.code, end.why)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            # He reads nothing, or is gone: the server cuts the line when we return.
            return


class Sockets:
    """All open WebSockets."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._open: set[Socket] = set()
        tokens.on_reload(self._reloaded)

    def __len__(self) -> int:
        return len(self._open)

    def check_room(self) -> None:
        """Refuse one more where too many are open.

        Raises:
            HttpError: There are.
        """
        if len(self._open) >= SOCKETS_MAX:
            raise HttpError(503, "too_many_sockets", f"{SOCKETS_MAX} WebSockets are open")

    @contextmanager
    def opened(self, websocket: WebSocket, token: Token) -> Iterator[Socket]:
        """Keep account of a WebSocket while it is open; end it when its token expires."""
        socket = Socket(websocket, token)
        self._open.add(socket)
        timer = self._watch(socket)
        try:
            yield socket
        finally:
            self._open.discard(socket)
            if timer:
                timer[0].cancel()

    def _watch(self, socket: Socket) -> list[asyncio.TimerHandle]:
        """Return the timer that ends a socket with its token, in a list; [] for none."""
        expires_us = socket.token.expires_us
        if expires_us is None:
            return []
        loop = asyncio.get_running_loop()
        timers: list[asyncio.TimerHandle] = []

        def look() -> None:
            if socket.token.is_expired:
                socket.end(CloseCode.TOKEN_ENDED, "the token expired")
                return
            left_s = expires_us / 1e6 - time.time()
            timers[:] = [loop.call_later(min(max(left_s, 0.0), _EXPIRY_MAX_S), look)]

        look()
        return timers

    def _reloaded(self) -> None:
        for socket in tuple(self._open):
            if not self._tokens.holds(socket.token):
                socket.end(CloseCode.TOKEN_ENDED, "the token was revoked")

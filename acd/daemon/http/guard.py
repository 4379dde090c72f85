"""The guard: what every request passes before any route sees it.

In this order: is it asked for by a name of ours (against DNS rebinding), does it come from another
site's page, who asks, is its body small and plain JSON. Every answer that leaves gets the headers
that keep browsers from guessing. An unexpected error is logged by its kind and place, and answered
without a word of it.

Pure ASGI: FastAPI is within.
"""

import asyncio
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NoReturn

import structlog
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acd.daemon.http.access import Access, public
from acd.daemon.http.errors import INTERNAL, HttpError
from acd.daemon.http.strict_json import StrictJsonError, read
from acd.daemon.settings import HttpSettings

BODY_BYTES_MAX: Final = 65_536
"""Largest body: a contact with every text at its longest takes 40 KiB."""

BODY_S: Final = 10.0
"""How long a body may take to come."""

TARGET_BYTES_MAX: Final = 4_096
"""Longest path, and longest query: ours have 200 bytes at most."""

_SINGLE: Final = (b"host", b"origin", b"authorization", b"content-type", b"idempotency-key")
"""Headers that must not come twice: two readers might each take another."""

_WITH_BODY: Final = ("POST", "PUT", "PATCH")

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NOTHING_LOADS: Final = (
    b"content-security-policy",
    b"default-src 'none'; frame-ancestors 'none'",
)

_log = structlog.get_logger()

_Headers = Iterable[tuple[bytes, bytes]]


class Guard:
    """Stands before an app.

    Args:
        app: The app.
        routes: Its routes; only what one of them takes has its body read.
        access: Finds who asks.
        http: By what names the daemon may be asked for.
    """

    def __init__(
        self, app: ASGIApp, *, routes: Sequence[BaseRoute], access: Access, http: HttpSettings
    ) -> None:
        self._app = app
        self._routes = routes
        self._access = access
        # A browser writes an address of IPv6 in brackets.
        names = {http.host, *http.hosts, "localhost", "127.0.0.1", "::1"}
        self._hosts = {f"[{name}]" if ":" in name else name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                _add_headers(message)
            started = True
            await send(message)

        try:
            self._check(scope)
            if scope["type"] == "http" and scope["method"] in _WITH_BODY and self._taken(scope):
                receive = _replay(await _body(scope["headers"], receive), receive)
            await self._app(scope, receive, sending)
        except HttpError as error:
            await _answer(scope, sending, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text must not leave.
            _log.error("request failed", error=type(error).__name__, where=_where(error))
            if not started:
                await _answer(scope, sending, INTERNAL)

    def _taken(self, scope: Scope) -> bool:
        """Return whether there is a route for a request, by path and method."""
        return any(route.matches(scope)[0] is Match.FULL for route in self._routes)

    def _check(self, scope: Scope) -> None:
        """Refuse what must not come in; note who asks."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if max(len(scope["raw_path"]), len(scope["query_string"])) > TARGET_BYTES_MAX:
            raise HttpError(
                400, "too_long", f"paths and queries have at most {TARGET_BYTES_MAX} bytes"
            )
        for name in _SINGLE:
            if sum(1 for key, _ in headers if key == name) > 1:
                raise HttpError(400, "header_twice", "a header comes twice", name.decode())
        host = _header(headers, b"host")
        if _name_of(host) not in self._hosts:
            raise HttpError(403, "wrong_host", "the daemon is not asked for by this name")
        self._check_site(scope, headers, host)
        if not public(scope):
            scope.setdefault("state", {})["token"] = self._access.token_of(scope)

    def _check_site(self, scope: Scope, headers: _Headers, host: str) -> None:
        """Refuse what the page of another site sends; a link from there to `/` is no harm."""
        if scope["path"] == "/" and scope["type"] == "http":
            return
        origin = _header(headers, b"origin")
        secure = scope["scheme"] in {"https", "wss"}
        ours = f"{'https' if secure else 'http'}://{host}"
        if origin and origin.lower() != ours.lower():
            raise HttpError(403, "cross_site", "a page of another site sent this")
        if _header(headers, b"sec-fetch-site") in {"cross-site", "same-site"}:
            raise HttpError(403, "cross_site", "a page of another site sent this")


def _header(headers: _Headers, name: bytes) -> str:
    """Return a header's value; empty where it is missing."""
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _name_of(host: str) -> str:
    """Return the name in a Host header, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and (port.isdigit() or not port) else host).lower()


async def _body(headers: _Headers, receive: Receive) -> bytes:
    """Return a request's body, which is JSON, after counting it while it came."""
    kind, _, parameters = _header(headers, b"content-type").partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise HttpError(415, "not_json", "wanted Content-Type: application/json")
    declared = _header(headers, b"content-length")
    if declared.isdigit() and (len(declared) > 9 or int(declared) > BODY_BYTES_MAX):
        _too_large()
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise HttpError(400, "incomplete", "the body ended too soon")
                data += message.get("body", b"")
                if len(data) > BODY_BYTES_MAX:
                    _too_large()
                more = message.get("more_body", False)
    except TimeoutError:
        raise HttpError(408, "too_slow", f"the body took over {BODY_S:g} s") from None
    try:
        read(bytes(data))
    except StrictJsonError as error:
        raise HttpError(400, "bad_json", f"the body {error}") from None
    return bytes(data)


def _too_large() -> NoReturn:
    raise HttpError(413, "too_large", f"a body has at most {BODY_BYTES_MAX} bytes")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _add_headers(message: Message) -> None:
    headers = list(message.get("headers", ()))
    names = {name.lower() for name, _ in headers}
    headers += [header for header in SECURITY_HEADERS if header[0] not in names]
    if _NOTHING_LOADS[0] not in names:
        headers.append(_NOTHING_LOADS)
    message["headers"] = headers


async def _answer(scope: Scope, send: Send, error: HttpError) -> None:
    """Answer a request, or refuse a WebSocket's handshake, with an error."""
    response = error.response()
    prefix = "" if scope["type"] == "http" else "websocket."
    await send(
        {
            "type": f"{prefix}http.response.start",
            "status": response.status_code,
            "headers": [*response.raw_headers, *_CLOSE],
        }
    )
    await send({"type": f"{prefix}http.response.body", "body": bytes(response.body)})


_CLOSE: Final = ((b"connection", b"close"),)
"""What was refused may have a body that nobody read."""


def _where(error: Exception) -> str:
    """Return the places that an error went through, without a word of what it says."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = (f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return " < ".join(places)

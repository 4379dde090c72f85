"""The server: uvicorn on the daemon's own event loop and on a socket that we bound.

Binding it ourselves, a taken port is an `OSError` before anything else is started, and port 0 tells
which port it got. Signals stay the daemon's.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Final

import uvicorn

from acd.daemon.http.app import make_app
from acd.daemon.http.guard import BODY_BYTES_MAX
from acd.daemon.http.parts import Daemon
from acd.daemon.settings import HttpSettings

HEADER_BYTES_MAX: Final = 16_384
"""Largest request line with its headers, as nginx and h11 have it."""

CONNECTIONS_MAX: Final = 4_096
"""Most connections: WebSockets (`sockets.SOCKETS_MAX`) and as many requests again."""

BACKLOG: Final = 1_024

STALLED_MS: Final = 30_000
"""After so long without a sign that the other side takes what was sent, a connection is cut."""

STOP_S: Final = 5
"""How long requests in progress may take when the daemon stops."""


class HttpServer:
    """Serves a daemon over HTTP.

    Args:
        daemon: What is served; its owner is running.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> str:
        """Begin to listen; return the address for browsers.

        Raises:
            OSError: The address is in use, or is none of this machine, or the certificate cannot
                be read.
        """
        settings = self._daemon.http
        listener = _bind(settings)
        try:
            config = _config(self._daemon, settings)
            config.load()
        except BaseException:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        server = self._server = uvicorn.Server(config)
        # As uvicorn.Server.serve does, but signals stay the daemon's.
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        self._task = asyncio.create_task(self._run(server, listener))
        scheme = "https" if settings.tls_cert else "http"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"{scheme}://{host}:{self.port}"

    async def close(self) -> None:
        """Stop listening, let requests in progress end, and tell the WebSockets to come back."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            with suppress(asyncio.CancelledError):
                await self._task
            self._server = self._task = None

    async def _run(self, server: uvicorn.Server, listener: socket.socket) -> None:
        await server.main_loop()
        await server.shutdown(sockets=[listener])


def _bind(settings: HttpSettings) -> socket.socket:
    """Return a socket that is bound to the settings' address."""
    where = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = where[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it: one that takes nothing any more does not stay for ever.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        listener.bind(address)
        listener.settimeout(0)
    except OSError as error:
        listener.close()
        named = f"{settings.host}:{settings.port}"
        raise OSError(error.errno, error.strerror, named) from error
    except BaseException:
        listener.close()
        raise
    return listener


def _config(daemon: Daemon, settings: HttpSettings) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(daemon),
        http="h11",
        ws="websockets-sansio",
        ws_max_size=BODY_BYTES_MAX,
        # A small message that unpacks to a large one is the oldest trick.
        ws_per_message_deflate=False,
        lifespan="off",
        # We log ourselves: uvicorn would log what was asked for.
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_S,
        h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        interface="asgi3",
    )

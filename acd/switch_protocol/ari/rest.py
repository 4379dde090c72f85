"""Requests by HTTP, one after the other: long lists, and all where the WebSocket takes none."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

import httpx

from acd.switch_protocol.ari.codec import Answered, HttpRequest
from acd.switch_protocol.ari.frames import FRAME_MAX, Response
from acd.switch_protocol.ari.session import SendHttp, Unanswered
from acd.switch_protocol.ari.transport import Address

IDLE_S: Final = 10.0
"""How long an unused connection is kept: less than the 15 s after which Asterisk closes it."""

Feed = Callable[[Answered | Unanswered], None]


class Rest:
    """Asks Asterisk by HTTP.

    Args:
        address: Where it is.
        feed: Takes each answer.
    """

    def __init__(self, address: Address, feed: Feed) -> None:
        self._address = address
        self._feed = feed
        self._queue: asyncio.Queue[SendHttp] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self._work())
        """Does the work. If it ends by itself, nothing is answered any more: its owner looks."""

    def send(self, what: SendHttp) -> None:
        """Ask something; the session asks one thing at a time."""
        self._queue.put_nowait(what)

    def cut(self) -> None:
        """End at once; nothing is told any more."""
        self._feed = lambda _: None
        self.task.cancel()

    async def _work(self) -> None:
        # Where there is no TLS, a context that trusts nobody is the cheapest.
        tls = self._address.tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx.AsyncClient(
            headers={
                "Authorization": self._address.authorization,
                "Accept-Encoding": "identity",
            },
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - Each request has a deadline of its own.
            limits=httpx.Limits(
                max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_S
            ),
        ) as client:
            while True:
                what = await self._queue.get()
                try:
                    async with asyncio.timeout(what.span_us / 1e6):
                        response = await self._ask(client, what.request)
                except (httpx.HTTPError, httpx.InvalidURL, OSError):
                    self._feed(Unanswered(what.ticket))
                else:
                    self._feed(Answered(what.ticket, response))

    async def _ask(self, client: httpx.AsyncClient, request: HttpRequest) -> Response:
        """Return the answer.

        Raises:
            httpx.HTTPError: There is none, or it is too long.
        """
        url = f"{self._address.origin}{self._address.path}{request.target}"
        headers = {"Content-Type": "application/json"} if request.body else {}
        async with client.stream(
            request.method, url, content=request.body, headers=headers
        ) as response:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > FRAME_MAX:
                    raise httpx.DecodingError("too long")
            return Response(response.status_code, bytes(body))

"""A CRM as a source of context: one address, asked by HTTP, answering with a flat JSON object.

    POST https://crm.example/context          {"name": "Ana", "balance": 12.5, "since": 2019}
    {"customer": "k-…", "contact_id": …}

Nothing but the configured address is dialled: redirects are an error, and proxies of the
environment are not used. What comes is bounded before it is read, and typed when it is decoded.
"""

import ssl
from typing import Annotated, Any, Final, TypeAlias

import httpx
import msgspec
from msgspec import Meta

from acd.daemon.context.port import Asked, ContextError, Unavailable
from acd.daemon.http.strict_json import StrictJsonError, read

OPEN_MAX: Final = 32
"""Most questions at once, each with a connection."""

BODY_MAX: Final = 32_768
"""Longest answer that is read, in bytes: 64 facts of 512 characters."""

FACTS_MAX: Final = 64
"""Most facts of an answer: more than a screen shows."""

IDLE_S: Final = 10.0
"""How long an unused connection is kept."""

Fact: TypeAlias = Annotated[str, Meta(max_length=512)] | bool | int | float | None
Facts: TypeAlias = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=64)], Fact], Meta(max_length=FACTS_MAX)
]


class FromHttp:
    """Fills `acd.daemon.context.port.ContextSource`.

    Args:
        url: Whom to ask.
        secret: Sent as a bearer token; empty for none.
    """

    name = "crm"
    open_max = OPEN_MAX

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        # Where there is no TLS, a context that trusts nobody is the cheapest.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if url.startswith("https:"):
            tls = ssl.create_default_context()
        self._client = httpx.AsyncClient(
            headers=headers,
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - each question has a deadline of its own.
            limits=httpx.Limits(max_connections=OPEN_MAX, keepalive_expiry=IDLE_S),
        )

    async def look_up(self, asked: Asked) -> Any:  # noqa: ANN401 - as the port says.
        """Return the facts that the CRM has of a customer.

        Raises:
            ContextError: It cannot be reached, or answered anything else.
        """
        body = msgspec.json.encode(asked)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._client.stream(
                "POST", self._url, content=body, headers=headers
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise ContextError(Unavailable.FAILED)
                data = await _body(response)
        except (httpx.HTTPError, OSError):
            raise ContextError(Unavailable.FAILED) from None
        try:
            return msgspec.convert(read(data), Facts)
        except (StrictJsonError, msgspec.ValidationError):
            raise ContextError(Unavailable.BAD_ANSWER) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _body(response: httpx.Response) -> bytes:
    """Return an answer's body as it came: nothing is unpacked.

    Raises:
        ContextError: It is too long, or packed.
    """
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ContextError(Unavailable.BAD_ANSWER)
    data = bytearray()
    async for piece in response.aiter_raw():
        data += piece
        if len(data) > BODY_MAX:
            raise ContextError(Unavailable.TOO_LARGE)
    return bytes(data)

"""Between the bytes of Asterisk's REST interface and what they mean. Pure.

In: a frame of the WebSocket becomes an event, an answer to a request, something that is not of
interest, or something that is refused. A frame that is no message at all breaks the link.

Out: all that is ever asked of the switch passes `_checked`, which refuses (and never strips) what
could end a line or a text elsewhere: CR, LF, NUL, all other control characters, DEL. Quoting is
left to JSON and to percent-escapes; nothing is put together by hand.
"""

import re
from typing import Annotated, Final, TypeAlias
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Meta, Struct

from acd.errors import printable
from acd.switch_protocol.ari import frames
from acd.switch_protocol.ari.frames import EVENT_MAX, FRAME_MAX, Request, Response

REQUEST_MAX: Final = 32 * 1024
"""Longest request, in bytes (Asterisk cuts the link at a frame of 64 KiB)."""

TARGET_MAX: Final = 4_000
"""Longest address of a request by HTTP, in bytes (Asterisk reads lines of 4,096)."""

METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})

WHY_MAX: Final = 160
"""Longest reason that is told."""

_TICKET: Final = re.compile("-?[0-9]{1,18}")

_CONTROL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""C0, DEL, and halves of characters, which have no UTF-8."""


class BrokenFrameError(Exception):
    """A frame is no message: nothing after it can be trusted. Args: why."""


class RefusedError(Exception):
    """A request is not sent, since a value in it must not be. Args: which and why."""


class Answered(Struct, frozen=True, gc=False):
    """The switch answered a request."""

    ticket: int
    response: Response


class Ignored(Struct, frozen=True, gc=False):
    """A message of a type that we do not need."""

    type: str


class Unreadable(Struct, frozen=True, gc=False):
    """A message of a type that we need, and whose fields are not as they must be."""

    type: str
    why: str


Decoded: TypeAlias = frames.Event | Answered | Ignored | Unreadable


class HttpRequest(Struct, frozen=True, gc=False):
    """A request in the form of HTTP."""

    method: str
    target: str
    """Path after `/ari`, and query; escaped."""
    body: bytes


# In.


class _Answer(Struct, frozen=True, gc=False, tag_field="type", tag="RESTResponse"):
    request_id: Annotated[str, Meta(max_length=64)] = ""
    status_code: Annotated[int, Meta(ge=0, le=999)] = 0
    message_body: Annotated[str, Meta(max_length=FRAME_MAX)] = ""


class _Typed(Struct, frozen=True, gc=False):
    type: str = ""


_MESSAGES: Final[msgspec.json.Decoder[frames.Event | _Answer]] = msgspec.json.Decoder(
    frames.Event | _Answer
)
_TYPES: Final = msgspec.json.Decoder(_Typed)

EVENT_TYPES: Final = tuple(
    sorted(str(kind.__struct_config__.tag) for kind in frames.Event.__args__)
)
"""The types of the events that are decoded."""

_KNOWN: Final = frozenset({*EVENT_TYPES, "RESTResponse"})


def decode(data: bytes) -> Decoded:
    """Return what a frame says.

    Raises:
        BrokenFrameError: It is too long, no UTF-8, no JSON, or no object with a type.
    """
    if len(data) > FRAME_MAX:
        raise BrokenFrameError(f"a frame of {len(data)} bytes, above {FRAME_MAX}")
    try:
        text = data.decode()
        message = _MESSAGES.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return _otherwise(data, error)
    if isinstance(message, _Answer):
        return _answered(message)
    if len(data) > EVENT_MAX:
        why = f"{len(data)} bytes, above {EVENT_MAX}"
        return Unreadable(type(message).__name__, why)
    return message


def _otherwise(data: bytes, error: Exception) -> Ignored | Unreadable:
    """Return what a frame is that is no message as we know them."""
    try:
        kind = _TYPES.decode(data.decode()).type
    except (msgspec.DecodeError, ValueError, RecursionError) as broken:
        raise BrokenFrameError(f"a frame that is no message: {_why(broken)}") from broken
    if not kind:
        raise BrokenFrameError("a frame without a type")
    if kind in _KNOWN:
        return Unreadable(kind, _why(error))
    return Ignored(kind[:80])


def _answered(answer: _Answer) -> Answered | Ignored:
    if not _TICKET.fullmatch(answer.request_id):
        return Ignored("RESTResponse")  # To no request of ours.
    ticket = int(answer.request_id)
    return Answered(ticket, Response(answer.status_code, answer.message_body.encode()))


def _why(error: Exception) -> str:
    return printable(str(error)[:WHY_MAX])


# Out.


class _Pair(Struct, frozen=True, gc=False):
    name: str
    value: str


class _Question(
    Struct, frozen=True, gc=False, tag_field="type", tag="RESTRequest", omit_defaults=True
):
    transaction_id: str
    request_id: str
    method: str
    uri: str
    query_strings: list[_Pair] = []
    content_type: str = ""
    message_body: str = ""


_ENCODER: Final = msgspec.json.Encoder()


def encode(request: Request) -> bytes:
    """Return a request as a frame of the WebSocket.

    Raises:
        RefusedError: It cannot be sent as it is.
    """
    body = _checked(request)
    ticket = str(request.ticket)
    question = _Question(
        ticket,
        ticket,
        request.method,
        _path(request),
        [_Pair(name, value) for name, value in request.query],
        "application/json" if body else "",
        body.decode(),
    )
    frame = _ENCODER.encode(question)
    if len(frame) > REQUEST_MAX:
        raise RefusedError(f"a request of {len(frame)} bytes, above {REQUEST_MAX}")
    return frame


def encode_http(request: Request) -> HttpRequest:
    """Return a request in the form of HTTP.

    Raises:
        RefusedError: It cannot be sent as it is.
    """
    body = _checked(request)
    query = f"?{urlencode(request.query, quote_via=quote, safe='')}" if request.query else ""
    target = f"/{_path(request)}{query}"
    for what, size, limit in (
        ("an address", len(target), TARGET_MAX),
        ("a body", len(body), REQUEST_MAX),
    ):
        if size > limit:
            raise RefusedError(f"{what} of {size} bytes, above {limit}")
    return HttpRequest(request.method, target, body)


def _checked(request: Request) -> bytes:
    """Check every value of a request; return its body."""
    if request.method not in METHODS:
        raise RefusedError("a method that is none")
    if not request.path:
        raise RefusedError("an empty path")
    for part in request.path:
        _check("a part of the path", part)
        if part in {"", ".", ".."}:
            raise RefusedError("a part of the path that is empty or leads elsewhere")
    for name, value in request.query:
        _check("the name of a parameter", name)
        _check("a parameter", value)
    for name, value in request.variables.items():
        _check("the name of a variable", name)
        _check("a variable", value)
    if not request.variables:
        body = request.body
        try:
            _check("a body", body.decode())
        except ValueError:
            raise RefusedError("a body that is no UTF-8") from None
        return body
    if request.body:
        raise RefusedError("variables beside another body")
    return _ENCODER.encode({"variables": request.variables})


def _check(what: str, value: str) -> None:
    if found := _CONTROL.search(value):
        raise RefusedError(f"{what} with the control character {found.group()!a}")


def _path(request: Request) -> str:
    return "/".join([quote(part, safe="") for part in request.path])

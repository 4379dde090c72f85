"""How the simulated switch and the daemon talk: frames, and messages beside the port's.

A frame is a MessagePack `bin` of at most 64 KiB that holds one message, itself in MessagePack. The
frames are cut out by a streaming reader that admits nothing but short `bin`s, so what is nested,
long or endless is refused before anything is built from it; the message is then decoded into the
one type that is expected. After a bad frame nothing can be trusted: the link is closed.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgpack  # type: ignore[import-untyped]  # It ships no types.
import msgspec
from msgspec import Meta

from acd.errors import AcdError
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.words import Count, DeviceId, Text

FRAME_MAX: Final = 64 * 1024
"""Longest frame, in bytes (CSTA's envelope has the same limit)."""

READ_MAX: Final = 64 * 1024
"""Most bytes taken from the socket at once."""

BUFFER_MAX: Final = 4 * FRAME_MAX
"""Most bytes kept of a frame that has not fully come: one frame, and what is read at once."""

PART_MAX: Final = 500
"""Most calls or devices in one part of a snapshot."""

PART_BYTES: Final = 32 * 1024
"""A part is full with so many bytes: one call more, of 18 KB at worst, still fits a frame."""

VERSION: Final = 1
"""Of this link; both sides must speak the same."""

KEEPALIVE_S: Final = 5.0
"""How often the daemon says that it lives, and within which time it is answered."""

MISSES_MAX: Final = 2
"""So many unanswered: the link is dead (15 s at most from the last sign of life)."""


class LinkError(AcdError):
    """The other side broke the link's rules; the link is closed. Args: what was seen."""

    def __init__(self, what: str) -> None:
        super().__init__(what)

    def __str__(self) -> str:
        return f"{self.args[0]}; wanted frames of at most {FRAME_MAX} bytes, each one message"


class Hello(sw.CommandBase, frozen=True, tag="link.hello"):
    """The daemon logs in; the first message of a link. An older daemon is replaced."""

    domain: Text
    version: int = VERSION


class Ping(sw.CommandBase, frozen=True, tag="link.ping"):
    """The daemon lives."""


class Welcome(sw.EventBase, frozen=True, tag="link.welcome"):
    """The daemon is logged in, in the epoch that this message carries."""

    run: DeviceId
    """Another one each time the switch is started."""


class Pong(sw.EventBase, frozen=True, tag="link.pong"):
    """The switch lives; `seq` is the last number that it gave, so that a lost end is noticed."""


class Bye(sw.EventBase, frozen=True, tag="link.bye"):
    """The switch closes the link."""

    cause: Text
    replaced: bool = False


class SnapshotPart(sw.EventBase, frozen=True, tag="link.snapshot_part"):
    """A piece of a snapshot: they follow each other, and only the last one says so."""

    number: Count
    """0, 1, 2, …"""
    calls: Annotated[tuple[sw.Call, ...], Meta(max_length=PART_MAX)] = ()
    devices: Annotated[tuple[sw.DeviceReport, ...], Meta(max_length=PART_MAX)] = ()
    last: bool = False


ToSwitch: TypeAlias = AnyCommand | Hello | Ping
FromSwitch: TypeAlias = (
    Welcome
    | Pong
    | Bye
    | SnapshotPart
    | sw.SystemStatus
    | sw.CallReported
    | sw.CommandResult
    | sw.RouteRequest
    | sw.RouteUsed
    | sw.ReRoute
    | sw.RouteEnded
    | sw.Delivered
    | sw.Established
    | sw.Held
    | sw.Retrieved
    | sw.ConnectionCleared
    | sw.Failed
    | sw.CallCleared
    | sw.DeviceStateChanged
    | sw.AgentEvent
    | sw.Transferred
    | sw.Conferenced
)

_ENCODER: Final = msgspec.msgpack.Encoder()
_Message = TypeVar("_Message")
_Item = TypeVar("_Item")


def framed(message: object) -> bytes:
    """Return a message as a frame."""
    return _ENCODER.encode(_ENCODER.encode(message))


def pieces(items: Iterable[_Item]) -> Iterator[tuple[_Item, ...]]:
    """Cut items into tuples that fit a frame each."""
    piece: list[_Item] = []
    size = 0
    for item in items:
        piece.append(item)
        size += len(_ENCODER.encode(item))
        if size >= PART_BYTES or len(piece) == PART_MAX:
            yield tuple(piece)
            piece, size = [], 0
    if piece:
        yield tuple(piece)


def parts(snapshot: sw.Snapshot) -> Iterator[SnapshotPart]:
    """Cut a snapshot into what follows each other on the link."""
    number = 0
    for calls in pieces(snapshot.calls):
        yield SnapshotPart(number=number, calls=calls)
        number += 1
    for devices in pieces(snapshot.devices):
        yield SnapshotPart(number=number, devices=devices)
        number += 1
    yield SnapshotPart(number=number, last=True)


class Frames(Generic[_Message]):
    """Cuts messages of one type out of a stream of bytes.

    Args:
        wanted: Decodes a frame's content.
    """

    def __init__(self, wanted: msgspec.msgpack.Decoder[_Message]) -> None:
        self._decoder = wanted
        self._unpacker = msgpack.Unpacker(
            raw=True,
            strict_map_key=True,
            max_buffer_size=BUFFER_MAX,
            max_bin_len=FRAME_MAX,
            max_str_len=0,
            max_array_len=0,
            max_map_len=0,
            max_ext_len=0,
        )

    def feed(self, data: bytes) -> list[_Message]:
        """Return the messages that are complete now, at most `READ_MAX` bytes later.

        Raises:
            LinkError: What came is not a frame, or its content not a message.
        """
        found: list[_Message] = []
        try:
            self._unpacker.feed(data)
            for frame in self._unpacker:
                if type(frame) is not bytes:
                    raise LinkError(f"got {type(frame).__name__} where a frame begins")
                found.append(self._decoder.decode(frame))
        except (ValueError, msgpack.UnpackException) as error:
            # ValueError: a limit of the reader, or a DecodeError or ValidationError of msgspec.
            raise LinkError(f"got bytes that are no message ({error})") from error
        return found


def from_switch() -> Frames[FromSwitch]:
    """Return a reader for the daemon's side."""
    return Frames(msgspec.msgpack.Decoder(FromSwitch))


def to_switch() -> Frames[ToSwitch]:
    """Return a reader for the switch's side."""
    return Frames(msgspec.msgpack.Decoder(ToSwitch))

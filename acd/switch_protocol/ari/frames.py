"""What passes between us and Asterisk's REST interface (ARI 2.0 and later), typed.

Events are JSON objects with a `type`; only those named in `EVENTS` are decoded, only the fields
named here are read. An id that is too long makes its event unreadable, which the codec tells
(`Unreadable`); what a customer chose may be as long as its message, since nobody may become
invisible by a long name. Source: the REST resources' description in Asterisk 22.
"""

from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct, field

FRAME_MAX: Final = 32 * 1024 * 1024
"""Longest message of the switch, in bytes: the list of some 45,000 channels."""

EVENT_MAX: Final = 256 * 1024
"""Longest event, in bytes. Events name a few channels of about a kilobyte each."""

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=149)]
"""An id of a channel or bridge (Asterisk admits 149 characters)."""
Word: TypeAlias = Annotated[str, Meta(max_length=80)]
"""A name of Asterisk's own: a context (80), a state, a technology."""
Value: TypeAlias = str
"""Something that a customer may have chosen: it is read whatever its length (an event and a list
have a limit), and cut by whoever uses it."""


class _Part(Struct, frozen=True, gc=False, rename={"from_": "from"}):
    """Base of what is inside: fields that are not named are not read."""


class Party(_Part, frozen=True):
    """Who is at a channel's other end."""

    number: Value = ""
    name: Value = ""


class Dialplan(_Part, frozen=True):
    """Where a channel is in the dialplan."""

    context: Word = ""
    exten: Value = ""
    app_name: Value = ""
    app_data: Value = ""


class Channel(_Part, frozen=True):
    """A channel as it was when its event was made."""

    id: Id
    name: Value
    state: Word
    caller: Party = Party()
    dialplan: Dialplan = Dialplan()
    creationtime: Word = ""
    """As 2026-11-26T07:51:28.896+0000."""
    channelvars: dict[str, Value | None] = {}
    """The variables that ari.conf names (`channelvars`)."""


class Bridge(_Part, frozen=True):
    """A bridge, and the channels in it."""

    id: Id
    bridge_type: Word = ""
    bridge_class: Word = ""
    name: Value = ""
    """The application that made it."""
    channels: tuple[Id, ...] = ()


class Endpoint(_Part, frozen=True):
    """A phone, or a trunk."""

    technology: Word
    resource: Value
    state: Word | None = None
    """online, offline or unknown."""
    channel_ids: tuple[Id, ...] = ()


class DeviceState(_Part, frozen=True):
    """A device's state, as lamps show it."""

    name: Value
    state: Word


# Events.


class _Event(Struct, frozen=True, gc=False, tag_field="type"):
    """Base."""


class StasisStart(_Event, frozen=True, tag="StasisStart"):
    """A channel came into our application."""

    channel: Channel
    args: tuple[Value, ...] = ()
    replace_channel: Channel | None = None
    """The channel whose place it takes (a masquerade)."""


class StasisEnd(_Event, frozen=True, tag="StasisEnd"):
    """A channel left our application: it hung up, or goes on in the dialplan."""

    channel: Channel


class ChannelCreated(_Event, frozen=True, tag="ChannelCreated"):
    """A channel came to be (told of those at our phones)."""

    channel: Channel


class ChannelDestroyed(_Event, frozen=True, tag="ChannelDestroyed"):
    """A channel is over."""

    channel: Channel
    cause: int = 0
    """Of Q.850."""


class ChannelStateChange(_Event, frozen=True, tag="ChannelStateChange"):
    """A channel rings, is up, or the like."""

    channel: Channel


class ChannelHangupRequest(_Event, frozen=True, tag="ChannelHangupRequest"):
    """Somebody hung up; the end of the channel follows."""

    channel: Channel
    cause: int = 0
    soft: bool = False
    """Asked for by the switch or by us, not by the other end."""


class ChannelEnteredBridge(_Event, frozen=True, tag="ChannelEnteredBridge"):
    """A channel joined a bridge."""

    bridge: Bridge
    channel: Channel


class ChannelLeftBridge(_Event, frozen=True, tag="ChannelLeftBridge"):
    """A channel left a bridge."""

    bridge: Bridge
    channel: Channel


class ChannelHold(_Event, frozen=True, tag="ChannelHold"):
    """A phone put its other end on hold."""

    channel: Channel


class ChannelUnhold(_Event, frozen=True, tag="ChannelUnhold"):
    """A phone took its other end off hold."""

    channel: Channel


class ChannelDtmfReceived(_Event, frozen=True, tag="ChannelDtmfReceived"):
    """A key was pressed."""

    channel: Channel
    digit: Word


class Dial(_Event, frozen=True, tag="Dial"):
    """How dialling goes on."""

    peer: Channel
    dialstatus: Word = ""


class EndpointStateChange(_Event, frozen=True, tag="EndpointStateChange"):
    """A phone came or went, or its channels did."""

    endpoint: Endpoint


class PlaybackFinished(_Event, frozen=True, tag="PlaybackFinished"):
    """An announcement ended."""

    playback: "Playback"


class Playback(_Part, frozen=True):
    """An announcement."""

    id: Id
    target_uri: Value = ""
    state: Word = ""


class BridgeBlindTransfer(_Event, frozen=True, tag="BridgeBlindTransfer"):
    """A phone sent its other end elsewhere by itself."""

    channel: Channel
    """The phone."""
    result: Word = ""
    transferee: Channel | None = None


class BridgeAttendedTransfer(_Event, frozen=True, tag="BridgeAttendedTransfer"):
    """A phone joined its two calls by itself."""

    result: Word = ""
    transferer_first_leg: Channel | None = None
    transferer_second_leg: Channel | None = None
    transferee: Channel | None = None


class ApplicationReplaced(_Event, frozen=True, tag="ApplicationReplaced"):
    """Another daemon took our application's name: we must not act any more."""

    application: Word = ""


Event: TypeAlias = (
    StasisStart
    | StasisEnd
    | ChannelCreated
    | ChannelDestroyed
    | ChannelStateChange
    | ChannelHangupRequest
    | ChannelEnteredBridge
    | ChannelLeftBridge
    | ChannelHold
    | ChannelUnhold
    | ChannelDtmfReceived
    | Dial
    | EndpointStateChange
    | PlaybackFinished
    | BridgeBlindTransfer
    | BridgeAttendedTransfer
    | ApplicationReplaced
)

# REST.


class Request(Struct, frozen=True, gc=False):
    """Something to be asked of the switch, whichever way it travels."""

    ticket: int
    """By which the mapper knows the answer."""
    method: str
    """GET, POST, PUT or DELETE."""
    path: tuple[str, ...]
    """Parts of the path after `/ari`, not escaped: ("channels", "17.3", "moh")."""
    query: tuple[tuple[str, str], ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    """Channel variables, for the message's body."""
    body: bytes = b""
    """The message's body where it is something else than variables: JSON of our own making."""
    aside: bool = False
    """Whether others may overtake it, as they may a long list: it goes by HTTP on a connection of
    its own, also where they go by the WebSocket."""


class Response(Struct, frozen=True, gc=False):
    """What the switch answered, or why it was never asked."""

    status: int
    """Of HTTP. 0: it never left, since too much waits. -1: it never left, since the link ended."""
    body: bytes = b""
    """JSON, or nothing."""

    @property
    def is_good(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300


class System(_Part, frozen=True):
    """What runs there."""

    version: Word = ""
    """As 22.10.1~dfsg+~cs6.15, certified-20.7-cert5 or GIT-master-1a2b3c4."""


class Status(_Part, frozen=True):
    """Since when it runs."""

    startup_time: Word = ""
    """As 2026-11-26T07:51:28.896+0000; another one after each start."""


class Info(_Part, frozen=True):
    """What `GET /asterisk/info` tells, as far as it is needed."""

    system: System = System()
    status: Status = Status()


JsonObject: TypeAlias = dict[str, Any]

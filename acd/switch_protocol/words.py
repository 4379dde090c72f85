"""Words that the switch port's messages share: limits, ids, and closed sets of names."""

from enum import IntFlag, StrEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from acd.ids import plain

ID_MAX: Final = 128
"""Longest id of a call, a device or a command (Asterisk's channel ids end at 149; ours are short).
What the core takes is shorter: the switchboard refuses the rest."""

NUMBER_MAX: Final = 64
"""Longest DNIS, ANI or digit string (E.164 has 15 digits; SIP users are longer)."""

USER_DATA_MAX: Final = 128
"""Most bytes of user-to-user data (ISDN's limit, which RFC 7433 keeps)."""

TEXT_MAX: Final = 256
"""Longest text meant for people."""

MEDIA_MAX: Final = 128
"""Longest name of a recording."""

CALLS_MAX: Final = 200_000
"""Most calls in a snapshot (100,000 waiting at the largest site planned for, twice over)."""

DEVICES_MAX: Final = 100_000
"""Most devices in a snapshot."""

CONNECTIONS_MAX: Final = 16
"""Most agents' connections of one call."""

CallId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
DeviceId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
CommandId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
AnyId: TypeAlias = Annotated[str, Meta(max_length=ID_MAX)]
"""An id, or "" for none."""
Number: TypeAlias = Annotated[str, Meta(max_length=NUMBER_MAX)]
UserData: TypeAlias = Annotated[bytes, Meta(max_length=USER_DATA_MAX)]
Text: TypeAlias = Annotated[str, Meta(max_length=TEXT_MAX)]
Count: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
"""A number, or microseconds."""


@plain
class EventCause(StrEnum):
    """Why: the names of CSTA (ECMA-269), as far as they are needed."""

    NONE = "none"
    NEW_CALL = "newCall"
    BUSY = "busy"
    CALL_CANCELLED = "callCancelled"
    CALL_NOT_ANSWERED = "callNotAnswered"
    ALERT_TIME_EXPIRED = "alertTimeExpired"
    DO_NOT_DISTURB = "doNotDisturb"
    DEST_NOT_OBTAINABLE = "destNotObtainable"
    DEST_OUT_OF_ORDER = "destOutOfOrder"
    NETWORK_CONGESTION = "networkCongestion"
    RESOURCES_NOT_AVAILABLE = "resourcesNotAvailable"
    NORMAL_CLEARING = "normalClearing"
    REDIRECTED = "redirected"
    TIMEOUT = "timeout"
    FORCED_TRANSITION = "forcedTransition"
    """The computing function (we) ordered the agent's state: not the agent's own doing."""
    REJECTED = "rejected"
    """The agent declined at his phone. Ours: CSTA has no word for it."""


@plain
class ConnectionState(StrEnum):
    """Where a connection is (CSTA's LocalConnectionState)."""

    NULL = "null"
    INITIATED = "initiated"
    ALERTING = "alerting"
    CONNECTED = "connected"
    HOLD = "hold"
    QUEUED = "queued"
    FAIL = "fail"


@plain
class AgentStateWord(StrEnum):
    """What an agent's phone says that he intends."""

    NULL = "null"
    """Not logged on at the phone."""
    NOT_READY = "not_ready"
    READY = "ready"
    WORKING_AFTER_CALL = "working_after_call"


@plain
class DeviceState(StrEnum):
    """What the switch says of a device, our own calls at it left aside."""

    IN_SERVICE = "in_service"
    BUSY = "busy"
    """In a call that we did not route."""
    OUT_OF_SERVICE = "out_of_service"


@plain
class SystemState(StrEnum):
    """How the switch feels (CSTA's SystemStatus)."""

    NORMAL = "normal"
    OVERLOADED = "overloaded"
    DISABLED = "disabled"


@plain
class Treatment(StrEnum):
    """What a waiting customer hears."""

    MUSIC = "music"
    ANNOUNCEMENT = "announcement"
    RINGBACK = "ringback"
    SILENCE = "silence"


@plain
class Deflection(StrEnum):
    """What a customer gets in place of an agent."""

    MESSAGE = "message"
    """A last announcement."""
    VOICEMAIL = "voicemail"


@plain
class CommandStage(StrEnum):
    """How far a command is known to have come. An acknowledgement is no effect."""

    NOT_SENT = "not_sent"
    """It never left: it may be given again."""
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    """The switch took it; the effect comes as an event."""
    CONFIRMED = "confirmed"
    """The switch says that the effect is there."""
    UNKNOWN = "unknown"
    """No answer in time, or the link was cut after it left: to be looked at, not repeated."""


@plain
class CommandError(StrEnum):
    """Why a command was not carried out."""

    NONE = "none"
    LINK_DOWN = "link_down"
    OVERLOAD = "overload"
    TIMEOUT = "timeout"
    CALL_UNKNOWN = "call_unknown"
    DEVICE_UNKNOWN = "device_unknown"
    DEVICE_BUSY = "device_busy"
    DEVICE_OUT_OF_SERVICE = "device_out_of_service"
    ALREADY_GIVEN = "already_given"
    """This offer was given before and is alive: the repeat changed nothing."""
    OFFER_ENDED = "offer_ended"
    """This offer was given or canceled before and is over: it will not ring again."""
    WRONG_STATE = "wrong_state"
    NOT_SUPPORTED = "not_supported"


class Capability(IntFlag):
    """What a switch can do beside routing, which all can."""

    NONE = 0
    AGENT_EVENTS = 1
    """Agents log in and out at their phones, and the switch tells it."""
    SET_AGENT_STATE = 2
    HOLD = 4
    """Calls can be held and retrieved by command."""
    TREATMENT = 8
    """The treatment of waiting calls can be chosen."""
    CALL_CONTROL = 16
    """Consultation, transfer and conference: `acd.switch_protocol.call_control`."""
    ROUTE_MODE = 32
    """New calls can be left to the switch's default (`SetRouteMode`)."""

"""Ids, and the closed sets of names that events, actions and settings share.

Ids from outside (`ContactId`, `AgentId`, `QueueName`) are opaque text of at most 64 characters.
Numbers that the router hands out (`LegId`, `OfferId`, `HandOverId`) count 1, 2, 3, …, so that a
replay hands out the same ones. The names are `StrEnum`s: readable on the wire and hashed in C (a
plain `Enum` runs Python code for each hash).
"""

from enum import Enum, StrEnum
from typing import Annotated, Final, TypeAlias, TypeVar

from msgspec import Meta

ID_MAX: Final = 64
"""Longest id, in characters (the length of a SHA-256 in hexadecimal, the longest token in use)."""

TEXT_MAX: Final = 512
"""Longest requirement or reason, in characters."""

HOPS_MAX: Final = 8
"""Most domains that a contact may have passed: more than a group of companies has levels."""

PRIORITY_MAX: Final = 1_000_000
"""Priorities lie in [-PRIORITY_MAX, PRIORITY_MAX]."""

QUALITY_MAX: Final = 100
"""Quality is scored from 0 to so many points."""

TIME_US_MAX: Final = 2**60
"""Times lie in [0, 2**60) microseconds since the epoch (the year 38,500)."""

STEP_US_MAX: Final = TIME_US_MAX - 2**50
"""Steps are taken before this: every lease, of 366 days (2**45 µs) at most, ends in time."""

ContactId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
AgentId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
QueueName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
DomainName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
LegId: TypeAlias = Annotated[int, Meta(ge=1)]
OfferId: TypeAlias = Annotated[int, Meta(ge=1)]
HandOverId: TypeAlias = Annotated[int, Meta(ge=1)]
TimeUs: TypeAlias = Annotated[int, Meta(ge=0, lt=TIME_US_MAX)]

Digit: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9*#A-D]\Z")]
"""A key of a telephone."""

_EnumT = TypeVar("_EnumT", bound=type[Enum])


def plain(names: _EnumT) -> _EnumT:
    """Make an enum's members plain attributes of its class, as Python 3.12 does.

    Python 3.11 runs Python code at each read of `Channel.VOICE`: 115 ns, against 20.
    """
    for name, member in names.__members__.items():
        type.__setattr__(names, name, member)
    return names


@plain
class Channel(StrEnum):
    """How a contact arrives."""

    VOICE = "voice"
    EMAIL = "email"
    WEB_FORM = "web_form"
    CHAT = "chat"


@plain
class Availability(StrEnum):
    """What an agent intends: the first of his four dimensions."""

    LOGGED_OUT = "logged_out"
    NOT_READY = "not_ready"
    READY = "ready"
    DRAINING = "draining"
    """Takes nothing new, finishes what he has, and is then logged out."""
    NOT_RESPONDING = "not_responding"
    """Let an offer ring out; takes nothing new until he says that he is ready."""


@plain
class Device(StrEnum):
    """What the switch says of an agent's phone: the second dimension."""

    REACHABLE = "reachable"
    BUSY_ELSEWHERE = "busy_elsewhere"
    """A private call: nothing is offered on any channel, since the person is talking."""
    UNREACHABLE = "unreachable"
    """An unregistered phone or a link cut: voice is not offered; the other channels are."""


@plain
class WrapUpMode(StrEnum):
    """How an agent's wrap-up ends: the fourth dimension (the third is his slots)."""

    TIMED = "timed"
    """After the queue's wrap-up time, or before it when the agent says so."""
    UNTIL_DONE = "until_done"
    """When the agent says so, and at the queue's cap at the latest."""


class FailureCause(StrEnum):
    """Why the switch could not hold out an offer."""

    BUSY = "busy"
    UNREACHABLE = "unreachable"
    CONGESTION = "congestion"
    REFUSED = "refused"


@plain
class CallbackFailure(StrEnum):
    """Why a customer who was called back was not reached."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    """The call could not be made: a wrong number, or no line."""


@plain
class Play(StrEnum):
    """What a customer who waits hears."""

    ANNOUNCE_PLACE = "announce_place"
    ANNOUNCE_WAIT = "announce_wait"
    """How long he will go on waiting; nothing where that cannot be said."""
    MESSAGE = "message"
    OFFER_CALLBACK = "offer_callback"


@plain
class OfferOutcome(StrEnum):
    """How an offer ended that did not lead to a connection."""

    REJECTED = "rejected"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    REVOKED = "revoked"
    """The agent or his phone went away while it rang: no penalty."""
    CANCELED = "canceled"
    """The customer left, or was not reached when he was called back."""
    RESCINDED = "rescinded"
    """Another agent accepted the leg, which was offered to several: no penalty."""


@plain
class ContactOutcome(StrEnum):
    """How a leg ended, and a contact with its last leg. Exactly one is recorded for each."""

    HANDLED = "handled"
    ABANDONED = "abandoned"
    CANCELED = "canceled"
    """Nobody waits any more for what it asked, and no customer's patience is to blame."""
    EXPIRED = "expired"
    """Its time was over before anybody was connected."""
    OVERFLOWED = "overflowed"
    """Another queue, a voicemail or another domain took it on."""
    REJECTED = "rejected"
    """It was turned away with a message."""
    FAILED = "failed"
    """Its customer was called back as often as the queue says, and not reached."""


@plain
class OverflowCause(StrEnum):
    """Why a contact that waits leaves its queue, or is turned away. See docs/routing/overflow.md.

    The first three are conditions (`acd.settings.Condition`); the others are numbers that were
    passed.
    """

    CLOSED = "closed"
    """The queue is closed by its calendar."""
    NOBODY_LOGGED_IN = "nobody_logged_in"
    """No agent is logged in who could take it, at whatever routing step."""
    NOBODY_READY = "nobody_ready"
    """No agent is ready, be he busy, who could take it, at whatever routing step."""
    MAX_WAITING = "max_waiting"
    """As many wait already as may, in its queue or of its source."""
    MAX_ESTIMATED_WAIT = "max_estimated_wait"
    """It would wait longer than contacts of its queue may, by the estimate when it came."""
    MAX_WAIT = "max_wait"
    """It waited as long as contacts of its queue may."""
    RATE = "rate"
    """More arrive of its source than may."""


@plain
class ConsultEnd(StrEnum):
    """What comes of a consultation."""

    TRANSFER = "transfer"
    """The one who asked ends his part: the customer is the other's, or waits for him."""
    CONFERENCE = "conference"
    """Both talk with the customer."""
    RETURN = "return"
    """The other's part ends: the customer is back with the one who asked."""


@plain
class RiseCause(StrEnum):
    """Why a customer is told of a longer wait than what was left of the one announced before."""

    AGENTS_LEFT = "agents_left"
    """Fewer agents may take his contact than then."""
    OVERTAKEN = "overtaken"
    """More contacts are ahead of his than then."""


@plain
class Reason(StrEnum):
    """Why an event was refused. A refused event changes nothing."""

    UNKNOWN_CONTACT = "unknown_contact"
    UNKNOWN_AGENT = "unknown_agent"
    UNKNOWN_OFFER = "unknown_offer"
    UNKNOWN_QUEUE = "unknown_queue"
    UNKNOWN_SKILL = "unknown_skill"
    UNKNOWN_ATTRIBUTE = "unknown_attribute"
    NO_QUEUE = "no_queue"
    """The contact names no queue, and the domain has no entry rules that would; or a transfer
    names neither queue nor agent."""
    CHANNEL_NOT_SERVED = "channel_not_served"
    """The queue has no settings for the contact's channel."""
    CONTACT_EXISTS = "contact_exists"
    BAD_REQUIREMENT = "bad_requirement"
    BAD_NUMBER = "bad_number"
    TOO_LONG = "too_long"
    BAD_TEXT = "bad_text"
    """An id is empty, or a text is not Unicode that can be written (a lone surrogate)."""
    UNKNOWN_REJECT_REASON = "unknown_reject_reason"
    TOO_MANY_CLASSES = "too_many_classes"
    NOT_SERVED = "not_served"
    """The agent's profile does not serve the queue."""
    NOT_ESTIMATED = "not_estimated"
    """The domain does not have waits estimated."""
    NOT_MEASURED = "not_measured"
    """The domain does not measure its agents' performance."""
    NO_VALUE = "no_value"
    """The event says nothing."""
    NOT_IN_THIS_STATE = "not_in_this_state"
    TRANSFER_TO_ONESELF = "transfer_to_oneself"
    TOO_MANY_LEGS = "too_many_legs"
    """The contact was given further too often in too short a time."""
    UNKNOWN_DISPOSITION = "unknown_disposition"
    NO_DISPOSITION = "no_disposition"
    """The queue requires one, and none was told."""
    UNKNOWN_NOT_READY_REASON = "unknown_not_ready_reason"
    NOT_PARKABLE = "not_parkable"
    """Contacts of this queue and channel are not parked."""
    TOO_MANY_PARKED = "too_many_parked"
    NO_CAPACITY = "no_capacity"
    """The agent has no room for it beside what he does."""
    NO_PRIORITY = "no_priority"
    """The domain's urgency policy reads no priority."""
    UNKNOWN_PROFILE = "unknown_profile"
    UNKNOWN_CAPACITY = "unknown_capacity"
    NO_CHANGE = "no_change"
    """The agent is so already."""
    NOT_ELIGIBLE = "not_eligible"
    """The agent may not take what waits, whatever happens: his profile or his skills."""
    UNKNOWN_DOMAIN = "unknown_domain"
    UNKNOWN_HAND_OVER = "unknown_hand_over"
    ALREADY_THERE = "already_there"
    """The contact was in that domain before: hand-overs do not go round in circles."""
    TOO_MANY_DOMAINS = "too_many_domains"
    """The contact was handed over as often as it may be."""
    TOO_SOON = "too_soon"
    """That domain did not take the contact a moment ago."""
    TOO_MANY_HAND_OVERS = "too_many_hand_overs"
    """So many contacts are promised to other domains that no more are."""
    QUEUE_CLOSED = "queue_closed"
    QUEUE_FULL = "queue_full"
    NO_CALLBACK = "no_callback"
    """The queue calls nobody back, or nobody at an agreed time, or not on this channel."""
    CALLBACK_EXISTS = "callback_exists"
    """The queue calls this customer back already."""
    NOT_OFFERED = "not_offered"
    """A key means nothing to whom nothing was offered with it."""
    IN_THE_PAST = "in_the_past"
    TOO_FAR_AHEAD = "too_far_ahead"
    CLOSED_THEN = "closed_then"
    """The queue is closed at that time."""
    SLOT_FULL = "slot_full"
    """As many callbacks are agreed for that time as the queue has slots."""

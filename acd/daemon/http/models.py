"""The bodies of requests and answers, as OpenAPI tells them. Nothing unknown, nothing converted."""

from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from acd.daemon.addresses import ADDRESS_MAX
from acd.daemon.http.views import AgentView, CallbackView, ContactView, QueueView, Totals
from acd.ids import (
    ID_MAX,
    PRIORITY_MAX,
    QUALITY_MAX,
    STEP_US_MAX,
    TEXT_MAX,
    TIME_US_MAX,
    AgentId,
    Channel,
    ContactId,
    OverflowCause,
    RiseCause,
    plain,
)
from acd.settings import PROFICIENCY_MAX

ATTRIBUTES_MAX: Final = 64
"""Most attributes of a contact; the router takes those that the configuration declares."""

SKILLS_MAX: Final = 1_000
"""Most skills of an agent: ten times as many as the largest journal's settings are sized for."""

PREFERS_MAX: Final = 10
"""Most preferences of a contact, as the router has it."""

PAGE_MAX: Final = 500
"""Most items of one page: 0.2 MB."""

ShortText: TypeAlias = Annotated[str, Field(max_length=ID_MAX)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=ID_MAX)]
LongText: TypeAlias = Annotated[str, Field(max_length=TEXT_MAX)]

AgentPath: TypeAlias = Annotated[str, Path(min_length=1, max_length=ID_MAX)]
QueuePath: TypeAlias = Annotated[str, Path(min_length=1, max_length=ID_MAX)]
ContactPath: TypeAlias = Annotated[str, Path(min_length=1, max_length=ID_MAX)]


@plain
class AgentState(StrEnum):
    """What an agent asks for."""

    LOGGED_IN = "logged_in"
    READY = "ready"
    NOT_READY = "not_ready"
    DRAIN = "drain"
    """To be logged out when his last contact is done."""
    LOGGED_OUT = "logged_out"


class _Model(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", use_attribute_docstrings=True
    )


class NewContact(_Model):
    """A customer's request."""

    queue: ShortText = ""
    """Empty, or left out, where the configuration's entry rules are to say."""
    channel: Annotated[Channel, Field(strict=False)]
    """Not voice: calls come from the switch."""
    customer: ShortText = ""
    """An opaque token of the customer, never a number, address or name."""
    address: Annotated[str, Field(max_length=ADDRESS_MAX)] = ""
    """In place of `customer`: his number or address of email, of which only a token is kept."""
    attributes: Annotated[dict[Name, ShortText], Field(max_length=ATTRIBUTES_MAX)] = {}
    """Those that the configuration declares."""
    requirement: LongText = ""
    prefers: Annotated[list[LongText], Field(max_length=PREFERS_MAX)] = []
    priority: Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX)] | None = None
    promised_us: Annotated[int, Field(ge=0, lt=TIME_US_MAX)] | None = None
    expires_us: Annotated[int, Field(gt=0, lt=STEP_US_MAX)] | None = None
    """From when on nobody needs an answer; none: as its queue says."""
    named_agent: ShortText = ""
    """Who shall have it first, where the queue keeps contacts for those whom they name."""


class AcknowledgementView(_Model):
    """What the customer is to be told at once."""

    reference: str
    """By which he may speak of his contact."""
    expected_s: int
    """Within how many seconds an answer was to be expected when the contact came."""
    expected_us: int
    """By when."""


class TurnedAwayView(_Model):
    """A contact ended without an agent, since a rule or a limit let it wait no longer."""

    because: OverflowCause
    message: str | None
    """The name of what its customer is to be told (`domain.messages`); null for a voicemail."""
    voicemail: str | None
    admission: str | None
    """The limit on admission that turned it away; null where a rule of its queue did."""


class ContactTaken(_Model):
    """A contact is inside, and stays so whatever happens."""

    contact_id: ContactId
    entry: int
    """Number of the journal's entry."""
    repeated: bool
    """The idempotency key was seen before; this is the contact of then."""
    acknowledgement: AcknowledgementView | None
    """What its customer is to be told, where queue and channel have him told anything."""
    turned_away: TurnedAwayView | None
    """Why it did not get in, and what its customer is to be told; null if it did."""


class ContactEnded(_Model):
    """What became of a contact."""

    contact_id: ContactId
    outcome: str | None
    """As in the history; null while it is open."""
    turned_away: TurnedAwayView | None
    """Why it waits no longer, and what its customer is to be told, where no agent took it for that.
    """


class NewCallback(_Model):
    """A customer who is to be called at an agreed time."""

    queue: Name
    at_us: Annotated[int, Field(ge=0, lt=TIME_US_MAX)]
    """He is called in his turn from then on, and not before."""
    number: Annotated[str, Field(pattern=r"^\+?[0-9]{3,32}$")]
    """His telephone number. The router never sees it, nor does its journal."""
    customer: ShortText = ""
    """An opaque token of the customer, never a number, address or name."""
    attributes: Annotated[dict[Name, ShortText], Field(max_length=ATTRIBUTES_MAX)] = {}
    """Those that the configuration declares."""
    requirement: LongText = ""
    prefers: Annotated[list[LongText], Field(max_length=PREFERS_MAX)] = []
    priority: Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX)] | None = None
    named_agent: ShortText = ""


class CallbackPage(_Model):
    """Open callbacks, those that were asked for first."""

    callbacks: list[CallbackView]
    next: int | None
    """What to ask for as `after` to go on; null at the end."""


class NewPriority(_Model):
    """How urgent a contact that waits is now."""

    priority: Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX)]


class Assignment(_Model):
    """Who shall have a contact that waits."""

    agent_id: Name


class Cancellation(_Model):
    """Nothing more is to be said of it."""


class Announcement(_Model):
    """Nothing is to be said of it."""


class WaitEstimated(_Model):
    """How long a contact will go on waiting, as it is now."""

    contact_id: ContactId
    wait_us: int | None
    """Until it is offered to the agent who takes it; null where no eligible agent is at work."""
    ahead: int
    """Contacts that wait before it and that some of its agents may take."""
    agents: int
    """Agents at work who may take it."""


class WaitTold(WaitEstimated):
    """What its customer is to be told. It is kept."""

    entry: int
    because: RiseCause | None
    """Why it is more than what was left of what he was told before, if it is."""


class ContactDecided(_Model):
    """What was decided about a contact is kept."""

    contact_id: ContactId
    entry: int


class ContactWithdrawn(_Model):
    """The customer is gone."""

    contact_id: ContactId
    entry: int


class StateChange(_Model):
    """What an agent asks for."""

    state: Annotated[AgentState, Field(strict=False)]
    reason: ShortText = ""
    """Why he is not ready."""
    after_this_one: bool = False
    """Not ready only when his last contact is done."""


class StateChanged(_Model):
    """An agent's wish is kept."""

    agent_id: AgentId
    entry: int


class AgentChange(_Model):
    """What a supervisor changes of an agent; what is left out stays."""

    profile: ShortText = ""
    """Of the configuration's routing profiles."""
    capacity: ShortText = ""
    """Of its capacity profiles."""
    skills: (
        Annotated[
            dict[Name, Annotated[int, Field(ge=0, le=PROFICIENCY_MAX)]],
            Field(max_length=SKILLS_MAX),
        ]
        | None
    ) = None
    """All that he has from now on; a proficiency of 0 is none."""
    attributes: Annotated[dict[Name, Name], Field(max_length=ATTRIBUTES_MAX)] | None = None
    """All that he has from now on."""


class AgentChangeKept(_Model):
    """A change of an agent is kept."""

    agent_id: AgentId
    entry: int


class Rating(_Model):
    """What became of a leg; what is not known is left out."""

    agent_id: Name
    """Who handled it."""
    queue: Name
    quality: Annotated[int, Field(ge=0, le=QUALITY_MAX)] | None = None
    """In points."""
    resolved: bool | None = None
    """Whether it was settled at first contact."""
    converted: bool | None = None
    """Whether it led to a sale, or whatever else the queue is for."""


class RatingKept(_Model):
    """What became of a leg is kept."""

    offer_id: int
    entry: int


class ContactPage(_Model):
    """Open contacts, oldest first."""

    contacts: list[ContactView]
    next: int | None
    """What to ask for as `after` to go on; null at the end."""


class AgentPage(_Model):
    """Agents in the configuration's order."""

    agents: list[AgentView]
    next: int | None


class QueueList(_Model):
    """All queues, in the configuration's order."""

    queues: list[QueueView]
    totals: Totals


class Alive(_Model):
    """The process runs."""

    alive: bool


class Ready(_Model):
    """Whether contacts can be taken and routed."""

    ready: bool
    reasons: list[str]
    """Why not."""


class ContactQuery(_Model):
    """Which contacts."""

    model_config = ConfigDict(extra="forbid", strict=False)
    queue: Name | None = None
    after: Annotated[int, Field(ge=0, lt=TIME_US_MAX)] = 0
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100


class AgentQuery(_Model):
    """Which agents."""

    model_config = ConfigDict(extra="forbid", strict=False)
    after: Annotated[int, Field(ge=0, lt=TIME_US_MAX)] = 0
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100

"""What the core is told: facts, in the past tense, frozen.

`Event` is a closed tagged union; the same encoding serves the journal, the wire and the tests. An
event carries ids, a customer token and attributes that the configuration declares: numbers,
addresses, names and texts of people never enter the core or its journal.
"""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from acd.ids import (
    HOPS_MAX,
    ID_MAX,
    PRIORITY_MAX,
    QUALITY_MAX,
    TEXT_MAX,
    AgentId,
    CallbackFailure,
    Channel,
    ConsultEnd,
    ContactId,
    Device,
    Digit,
    DomainName,
    FailureCause,
    HandOverId,
    OfferId,
    QueueName,
    TimeUs,
    WrapUpMode,
)
from acd.settings import PROFICIENCY_MAX

VERSION: Final = 1
"""Version of the events' and actions' encoding; raised when a reader of the old one would err."""

BATCH_MAX: Final = 200_000
"""Most events in one `Batch`: a resynchronisation of every call of the largest site planned for
(100,000 waiting), twice over."""

Text: TypeAlias = Annotated[str, Meta(max_length=TEXT_MAX)]
Token: TypeAlias = Annotated[str, Meta(max_length=ID_MAX)]


class _Event(
    Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="event",
):
    """Base of all events."""


class ContactArrived(_Event, frozen=True, kw_only=True, tag="contact.arrived"):
    """A customer's request came, and now waits in a queue."""

    contact_id: ContactId
    """Never used twice: whoever sends events removes repeats of closed contacts."""
    queue: Token = ""
    """Where it waits; empty to let the domain's entry rules say (`EnterQueue`)."""
    channel: Channel
    customer: Token = ""
    """An opaque token of the customer; the core only hands it on."""
    attributes: tuple[tuple[Token, Token], ...] = ()
    """(name, value) pairs; every name is declared in the settings' `contact_attributes`."""
    requirement: Text = ""
    """What the agent must have, beside what the queue asks; see `acd.skills`."""
    prefers: tuple[Text, ...] = ()
    """What the agent should have, beside what the queue prefers."""
    priority: Annotated[int, Meta(ge=-PRIORITY_MAX, le=PRIORITY_MAX)] | None = None
    """Higher is more urgent; the queue's if None. `strict_priority` and `ageing` read it."""
    promised_us: TimeUs | None = None
    """By when an answer was promised; the queue's promise if None. `deadline_first` reads it, and
    `wait_over_objective` refuses it."""
    named_agent: Token = ""
    """The agent who shall have it, where its queue keeps contacts for those whom they name
    (`acd.affinity`); empty for none."""
    expires_us: TimeUs | None = None
    """From when on nobody needs an answer; as its queue and channel say if None. See
    docs/routing/lifecycle.md."""


class ContactLeft(_Event, frozen=True, tag="contact.left"):
    """The customer is gone: hung up, closed the chat, withdrew the request."""

    contact_id: ContactId


class OfferAccepted(_Event, frozen=True, tag="offer.accepted"):
    """The agent took the offer; the two parties are not connected yet."""

    offer_id: OfferId


class OfferRejected(_Event, frozen=True, tag="offer.rejected"):
    """The agent declined the offer."""

    offer_id: OfferId
    reason: Token = ""


class OfferFailed(_Event, frozen=True, tag="offer.failed"):
    """The switch could not hold out the offer, or could not connect an accepted one."""

    offer_id: OfferId
    cause: FailureCause


class LegConnected(_Event, frozen=True, tag="leg.connected"):
    """Customer and agent are connected. Of an offer still ringing it says that it was accepted."""

    offer_id: OfferId


class LegHeld(_Event, frozen=True, tag="leg.held"):
    """The agent put the customer on hold."""

    offer_id: OfferId


class LegRetrieved(_Event, frozen=True, tag="leg.retrieved"):
    """The agent took the customer off hold."""

    offer_id: OfferId


class LegEnded(_Event, frozen=True, tag="leg.ended"):
    """The agent's part ended: he hung up, closed the chat, sent the answer."""

    offer_id: OfferId


class WrapUpEnded(_Event, frozen=True, tag="wrap_up.ended"):
    """The agent finished his wrap-up."""

    offer_id: OfferId
    disposition: Token = ""
    """How the contact ended, as one of its queue's `dispositions`; empty for what was told."""


class LegRated(_Event, frozen=True, tag="leg.rated"):
    """What became of a leg that an agent handled; told at any time after its connection.

    Values that are known later come in later events. What was told of a leg once is not told anew:
    a second value of the same kind changes nothing.
    """

    offer_id: OfferId
    """By which the agent got it. It may have ended, and be forgotten, days ago."""
    agent_id: AgentId
    queue: QueueName
    quality: Annotated[int, Meta(ge=0, le=QUALITY_MAX)] | None = None
    """In points; None where nobody scored it."""
    resolved: bool | None = None
    """Whether it was settled at first contact; None where that is not known."""
    converted: bool | None = None
    """Whether it led to a sale, or whatever else the queue is for."""


class AgentLoggedIn(_Event, frozen=True, tag="agent.logged_in"):
    """The agent began a session; he is not ready yet."""

    agent_id: AgentId


class AgentReady(_Event, frozen=True, tag="agent.ready"):
    """The agent asks for work. Ends not ready, not responding and draining alike."""

    agent_id: AgentId


class AgentNotReady(_Event, frozen=True, tag="agent.not_ready"):
    """The agent takes a break: what rings at him goes back, what he handles he finishes."""

    agent_id: AgentId
    reason: Token = ""
    after_this_one: bool = False
    """The break begins when his last slot is free; what rings keeps ringing, nothing new comes."""


class DrainRequested(_Event, frozen=True, tag="agent.drain_requested"):
    """The agent's session shall end when his last slot is free; what rings keeps ringing."""

    agent_id: AgentId


class AgentLoggedOut(_Event, frozen=True, tag="agent.logged_out"):
    """The agent ended his session: what rings at him goes back, what he handles he finishes."""

    agent_id: AgentId


class DeviceChanged(_Event, frozen=True, tag="agent.device_changed"):
    """The switch tells the state of the agent's phone."""

    agent_id: AgentId
    device: Device


class WrapUpModeChanged(_Event, frozen=True, tag="agent.wrap_up_mode_changed"):
    """The agent's later wrap-ups end in another way."""

    agent_id: AgentId
    mode: WrapUpMode


class AgentChanged(_Event, frozen=True, tag="agent.changed"):
    """A supervisor changed what an agent may take; what it does not say stays as it is.

    See docs/routing/live_change.md.
    """

    agent_id: AgentId
    profile: Token = ""
    """The name of his routing profile."""
    capacity: Token = ""
    """The name of his capacity profile."""
    skills: dict[Token, Annotated[int, Meta(ge=0, le=PROFICIENCY_MAX)]] | None = None
    """All that he has now; 0 for none, as where a skill is not named."""
    attributes: dict[Token, Token] | None = None
    """All that he has now."""


class SettingsChanged(_Event, frozen=True, tag="settings.changed"):
    """The router was restored under other settings; the first event under these."""


class ClockTicked(_Event, frozen=True, tag="clock.ticked"):
    """Time passed: timers due by now fire. Owed when `Router.next_wakeup_us()` is reached."""


class _Further(_Event, frozen=True, kw_only=True):
    """Base of the events by which a further leg waits, for a queue, for an agent, or for both."""

    offer_id: OfferId
    """By which the agent has the contact."""
    queue: Token = ""
    """Where it waits; empty for the queue from which the agent got the contact."""
    agent_id: Token = ""
    """Who shall have it; empty for whoever comes first."""
    priority: Annotated[int, Meta(ge=-PRIORITY_MAX, le=PRIORITY_MAX)] | None = None
    """In place of the contact's; the queue's if None."""
    requirement: Text = ""
    """In place of the contact's, beside what the queue asks."""


class LegTransferred(_Further, frozen=True, kw_only=True, tag="leg.transferred"):
    """The agent gave the contact further and is done with it. See docs/routing/transfers.md."""

    keep_place: bool = False
    """The leg waits as if it had arrived there when the contact arrived here."""


class LegRequeued(_Event, frozen=True, tag="leg.requeued"):
    """The agent gave the contact back: it waits in its queue as before, in its place."""

    offer_id: OfferId


class ConsultRequested(_Further, frozen=True, kw_only=True, tag="consult.requested"):
    """The agent put the customer on hold to ask somebody: a leg waits for that one."""


class ConsultEnded(_Event, frozen=True, tag="consult.ended"):
    """The agent who asked somebody ended that, in one of three ways."""

    offer_id: OfferId
    """By which he has the contact."""
    how: ConsultEnd


class ContactCanceled(_Event, frozen=True, tag="contact.canceled"):
    """The business withdrew a contact that nobody handles yet: it is settled, or was a mistake."""

    contact_id: ContactId


class LegDisposed(_Event, frozen=True, tag="leg.disposed"):
    """Agent or CRM told how a contact ends: from its connection on until the end of its wrap-up.

    The last one told counts.
    """

    offer_id: OfferId
    disposition: Token
    """One of the queue's `dispositions`."""


class LegParked(_Event, frozen=True, tag="leg.parked"):
    """The agent put the contact away, to go on with it later."""

    offer_id: OfferId


class LegResumed(_Event, frozen=True, tag="leg.resumed"):
    """The agent goes on with a contact that he had put away."""

    offer_id: OfferId


class ContactAssigned(_Event, frozen=True, tag="contact.assigned"):
    """A supervisor wants a contact that waits to be had by this agent."""

    contact_id: ContactId
    agent_id: AgentId


class ContactReprioritized(_Event, frozen=True, tag="contact.reprioritized"):
    """A supervisor gave a waiting contact another priority; where it stands among equals stays."""

    contact_id: ContactId
    priority: Annotated[int, Meta(ge=-PRIORITY_MAX, le=PRIORITY_MAX)]
    """Higher is more urgent."""


class WaitAsked(_Event, frozen=True, tag="wait.asked"):
    """A customer who waits is to be told how long."""

    contact_id: ContactId


class ContactHandedOver(_Event, frozen=True, tag="contact.handed_over"):
    """Another domain shall have a contact that waits. See docs/routing/hand_over.md."""

    contact_id: ContactId
    domain: DomainName
    queue: Token = ""
    """Where it shall wait there; empty for the queue of the same name."""


class HandOverAccepted(_Event, frozen=True, tag="hand_over.accepted"):
    """Another domain would have the contact, and asks whether it is its own."""

    domain: DomainName
    number: HandOverId


class HandOverRefused(_Event, frozen=True, tag="hand_over.refused"):
    """Another domain does not want the contact."""

    domain: DomainName
    number: HandOverId
    reason: Token = ""


class TakeOverRequested(_Event, frozen=True, kw_only=True, tag="take_over.requested"):
    """Another domain asks this one to take a contact that waits there."""

    origin: DomainName
    number: HandOverId
    """Given by the origin."""
    arrival: ContactArrived
    """What the contact asks for, with its queue here."""
    arrived_us: TimeUs
    """From when it waits, by the one clock that all domains share."""
    path: Annotated[tuple[DomainName, ...], Meta(max_length=HOPS_MAX)] = ()
    """The domains in which it was before the origin, the first one first."""


class ContactTakenOver(_Event, frozen=True, tag="contact.taken_over"):
    """The origin let go of a contact that this domain had promised to take: it waits here now."""

    origin: DomainName
    number: HandOverId


class TakeOverWithdrawn(_Event, frozen=True, tag="take_over.withdrawn"):
    """The origin keeps a contact that this domain may have promised to take."""

    origin: DomainName
    number: HandOverId


class CustomerPressed(_Event, frozen=True, tag="customer.pressed"):
    """A customer who waits pressed a key; what it means says what was offered to him."""

    contact_id: ContactId
    digit: Digit


class CallbackRequested(_Event, frozen=True, tag="callback.requested"):
    """A customer who waits on the line wants to hang up and be called back in his turn."""

    contact_id: ContactId


class CallbackScheduled(_Event, frozen=True, kw_only=True, tag="callback.scheduled"):
    """A customer shall be called at an agreed time. See docs/routing/callbacks.md."""

    contact_id: ContactId
    """As of `ContactArrived`, as are all other fields of these names."""
    queue: QueueName
    at_us: TimeUs
    """He is called in his turn from then on, and not before."""
    customer: Token = ""
    attributes: tuple[tuple[Token, Token], ...] = ()
    requirement: Text = ""
    prefers: tuple[Text, ...] = ()
    priority: Annotated[int, Meta(ge=-PRIORITY_MAX, le=PRIORITY_MAX)] | None = None
    named_agent: Token = ""


class CallbackFailed(_Event, frozen=True, tag="callback.failed"):
    """A customer who was dialled (`DialCustomer`) was not reached. Reached: `LegConnected`."""

    offer_id: OfferId
    cause: CallbackFailure


SingleEvent: TypeAlias = (
    ContactArrived
    | ContactLeft
    | OfferAccepted
    | OfferRejected
    | OfferFailed
    | LegConnected
    | LegHeld
    | LegRetrieved
    | LegEnded
    | WrapUpEnded
    | LegRated
    | AgentLoggedIn
    | AgentReady
    | AgentNotReady
    | DrainRequested
    | AgentLoggedOut
    | DeviceChanged
    | WrapUpModeChanged
    | ClockTicked
    | LegTransferred
    | LegRequeued
    | ConsultRequested
    | ConsultEnded
    | ContactCanceled
    | ContactReprioritized
    | ContactAssigned
    | LegDisposed
    | LegParked
    | LegResumed
    | WaitAsked
    | ContactHandedOver
    | HandOverAccepted
    | HandOverRefused
    | TakeOverRequested
    | ContactTakenOver
    | TakeOverWithdrawn
    | AgentChanged
    | SettingsChanged
    | CustomerPressed
    | CallbackRequested
    | CallbackScheduled
    | CallbackFailed
)


class Batch(_Event, frozen=True, tag="batch"):
    """Events of one instant; matching runs once, after the last."""

    events: Annotated[tuple[SingleEvent, ...], Meta(max_length=BATCH_MAX)]


Event: TypeAlias = SingleEvent | Batch

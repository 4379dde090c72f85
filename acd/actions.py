"""What the core orders: imperatives, frozen.

Whatever the outside must know is an action, also where the core alone caused it (a wrap-up whose
time is over, an agent who let an offer ring out): measures and screens are folded from events and
actions, and from nothing else.
"""

from typing import TypeAlias

from msgspec import Struct

from acd.events import ContactArrived
from acd.ids import (
    AgentId,
    Availability,
    Channel,
    ContactId,
    ContactOutcome,
    DomainName,
    HandOverId,
    LegId,
    OfferId,
    OfferOutcome,
    OverflowCause,
    Play,
    QueueName,
    Reason,
    RiseCause,
    TimeUs,
)


class _Action(
    Struct,
    frozen=True,
    gc=False,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="action",
):
    """Base of all actions."""


class EnterQueue(_Action, frozen=True, tag="leg.enter"):
    """Let a contact that named no queue wait in this one: an entry rule decided.

    The numbers and texts are those that hold for the contact from now on, so that they are applied
    without asking the rules again.
    """

    leg_id: LegId
    contact_id: ContactId
    rule: str
    """The rule's name."""
    queue: QueueName
    priority: int | None = None
    requirement: str = ""
    """The rule's and the contact's, in normal form if both ask something."""
    prefers: tuple[str, ...] = ()
    """The rule's, then the contact's."""
    promised_us: TimeUs | None = None
    context: tuple[tuple[str, str], ...] = ()
    """(name, value) pairs of attributes, by name; in place of what the contact brought."""


class OfferContact(_Action, frozen=True, tag="offer.contact"):
    """Hold out a leg to an agent until it is accepted, rejected or times out.

    The one action that a policy decides; all others but `EnterQueue` follow from the event.
    """

    offer_id: OfferId
    leg_id: LegId
    contact_id: ContactId
    agent_id: AgentId
    queue: QueueName
    channel: Channel
    ring_until_us: TimeUs
    auto_answer: bool = False
    """The agent's phone or screen takes it without being asked."""
    consults: OfferId = 0
    """The offer by which the agent who consults this one has the contact; 0 if none does."""


class WidenLeg(_Action, frozen=True, tag="leg.widen"):
    """Take note that a waiting leg has routing steps behind it: more agents may take it."""

    leg_id: LegId
    contact_id: ContactId
    step: int
    """How many steps it has behind it now."""


class WithdrawOffer(_Action, frozen=True, tag="offer.withdraw"):
    """Stop holding out an offer: it timed out, was revoked or rescinded, or its customer left."""

    offer_id: OfferId
    agent_id: AgentId
    outcome: OfferOutcome


class ConnectLeg(_Action, frozen=True, tag="leg.connect"):
    """Connect the customer with the agent who accepted."""

    offer_id: OfferId
    contact_id: ContactId
    agent_id: AgentId


class InterruptLeg(_Action, frozen=True, tag="leg.interrupt"):
    """Set a contact of this agent aside for the more urgent one that is being offered to him."""

    offer_id: OfferId
    agent_id: AgentId


class ResumeLeg(_Action, frozen=True, tag="leg.resume"):
    """Bring a contact that was set aside back in front of its agent."""

    offer_id: OfferId
    agent_id: AgentId


class EndWrapUp(_Action, frozen=True, tag="wrap_up.end"):
    """Close the wrap-up: its time is over."""

    offer_id: OfferId
    agent_id: AgentId


class ReleaseCustomer(_Action, frozen=True, tag="customer.release"):
    """Let the customer go: the agent's part ended and no other leg is open."""

    contact_id: ContactId


class CloseContact(_Action, frozen=True, tag="contact.close"):
    """File the contact: every leg of it is closed. Its id is forgotten."""

    contact_id: ContactId
    outcome: ContactOutcome


class SetAgentState(_Action, frozen=True, tag="agent.set_state"):
    """Show an agent's availability that the router changed by itself."""

    agent_id: AgentId
    availability: Availability
    reason: str = ""


class Refused(_Action, frozen=True, tag="refused"):
    """The event (in a batch: the one of this position) cannot be; nothing was changed by it."""

    reason: Reason
    about: str
    """The id or name that was not right."""
    position: int = 0


class OpenLeg(_Action, frozen=True, tag="leg.open"):
    """Let a contact that has legs wait in one more."""

    leg_id: LegId
    contact_id: ContactId
    queue: QueueName
    channel: Channel
    from_offer: OfferId = 0
    """By which the agent has the contact who gives it further, or consults; 0 where it overflowed.
    """
    consults: LegId = 0
    """The leg whose customer is put on hold, since its agent consults whoever takes this one; 0
    where the customer himself waits in it."""
    place_us: TimeUs | None = None
    """The instant whose place in the line it has; None for now."""


class CloseLeg(_Action, frozen=True, tag="leg.close"):
    """File a leg whose contact goes on with others. The last one's end is its contact's."""

    leg_id: LegId
    contact_id: ContactId
    outcome: ContactOutcome


class JoinLeg(_Action, frozen=True, tag="leg.join"):
    """Let the customer into what was a consultation: the leg is his from now on.

    If it is connected, he is with its agent; else he waits in it.
    """

    leg_id: LegId
    contact_id: ContactId
    offer_id: OfferId = 0
    """The offer that holds it; 0 while it waits."""


class ReleaseAgent(_Action, frozen=True, tag="agent.release"):
    """Part an agent from those with whom he is connected: his part ended, the contact goes on.

    Not ordered where he himself hung up, or his customer did.
    """

    offer_id: OfferId
    agent_id: AgentId


class RegainPlace(_Action, frozen=True, tag="leg.regain_place"):
    """Let a contact wait where its customer stood before he left: he came back in time."""

    leg_id: LegId
    contact_id: ContactId
    arrived_us: TimeUs
    """From when it waits, for its place."""


class FileDisposition(_Action, frozen=True, tag="leg.disposition"):
    """Note how a handled contact ended; told when its leg closes, where its queue has dispositions.

    The one that counts: what was told before may have been corrected.
    """

    offer_id: OfferId
    contact_id: ContactId
    agent_id: AgentId
    disposition: str = ""
    """Empty where none was told."""


class Acknowledge(_Action, frozen=True, tag="contact.acknowledge"):
    """Tell a customer who wrote that his request came, and when to expect an answer."""

    contact_id: ContactId
    reference: str
    """By which he may speak of it: see `acd.acknowledgement`."""
    expected_s: int
    """Within so many seconds from now; whole, rounded up."""


class AnnounceWait(_Action, frozen=True, tag="wait.announce"):
    """Tell the customer of a waiting leg how long it will take, or that nobody can say."""

    leg_id: LegId
    contact_id: ContactId
    wait_us: int | None = None
    """Until the leg is offered to the agent who takes it; None where no eligible agent is at work.
    """
    ahead: int = 0
    """Waiting legs before it that some of its agents may take."""
    agents: int = 0
    """Agents at work who may take it."""
    because: RiseCause | None = None
    """Why it is more than what was left of what he was told before, if it is."""


class OverflowLeg(_Action, frozen=True, tag="leg.overflow"):
    """Let a contact that waits leave its queue, for one of four: see `acd.overflow`.

    For another queue `OpenLeg` follows, and nothing is to be done. Else the customer is handed to
    the voicemail, or hears the message and is let go; nothing further is ordered for him but, where
    he is called back, `GrantCallback`.
    """

    leg_id: LegId
    contact_id: ContactId
    because: OverflowCause
    queue: str = ""
    voicemail: str = ""
    message: str = ""
    limit: str = ""
    """The name of the limit on admission by which it leaves; empty where its queue's rule says so.
    """
    callback: str = ""
    """The message that says that he is called back."""


class HandOver(_Action, frozen=True, tag="contact.hand_over"):
    """Ask another domain to take a contact, which waits on here and is offered to nobody.

    Until the domain answers, or `until_us`.
    """

    domain: DomainName
    number: HandOverId
    leg_id: LegId
    arrival: ContactArrived
    """What the contact asks for there: all that its leg asks for here but a named agent."""
    arrived_us: TimeUs
    until_us: TimeUs
    path: tuple[DomainName, ...] = ()
    """The domains in which it was before this one."""
    because: str = ""
    """An `OverflowCause` where a rule of its queue says so."""


class ConfirmHandOver(_Action, frozen=True, tag="hand_over.confirm"):
    """Hand the customer over, and tell the other domain that the contact is its own.

    Ordered once more each time that the other domain asks; the customer moves once.
    """

    domain: DomainName
    number: HandOverId
    contact_id: ContactId


class WithdrawHandOver(_Action, frozen=True, tag="hand_over.withdraw"):
    """Tell the other domain that the contact is not its own."""

    domain: DomainName
    number: HandOverId


class AcceptTakeOver(_Action, frozen=True, tag="take_over.accept"):
    """Tell the origin that its contact may come, and ask whether it does.

    Ordered again and again, at longer and longer intervals, until the origin has answered.
    """

    origin: DomainName
    number: HandOverId
    contact_id: ContactId


class TakeIn(_Action, frozen=True, tag="contact.take_in"):
    """Let a contact of another domain wait here, as if it had arrived: so it does for measures."""

    origin: DomainName
    number: HandOverId
    arrival: ContactArrived


class PlayTreatment(_Action, frozen=True, tag="treatment.play"):
    """Let a customer who waits hear something, or read it."""

    leg_id: LegId
    contact_id: ContactId
    play: Play
    message: str = ""
    """The recording, or the text; in front of what else is said."""
    place: int = 0
    """Of `announce_place`: his place; 1 is the first."""
    key: str = ""
    """Of `offer_callback`: the key by which he accepts."""
    wait_us: int = 0
    """Of `announce_wait`: how long he will go on waiting, as `AnnounceWait` has it too."""


class GrantCallback(_Action, frozen=True, tag="callback.grant"):
    """Confirm to a customer that he is called back, and let him go; his place is kept."""

    leg_id: LegId
    contact_id: ContactId
    message: str = ""
    """What he hears before, as `OverflowLeg` has ordered already; empty where he asked himself."""


class CallbackDue(_Action, frozen=True, tag="callback.due"):
    """Take note that a leg which waited for its instant is in line now."""

    leg_id: LegId
    contact_id: ContactId
    queue: QueueName
    attempts: int = 0
    """How often its customer was called in vain; 0: it was scheduled, and is in line first now."""
    customer: str = ""


class DialCustomer(_Action, frozen=True, tag="callback.dial"):
    """Call a customer back for the agent who accepted, and connect the two.

    Told back as `LegConnected` or `CallbackFailed`. The offer's withdrawal ends it.
    """

    offer_id: OfferId
    contact_id: ContactId
    agent_id: AgentId


class PostponeCallback(_Action, frozen=True, tag="callback.postpone"):
    """Take note that a customer was not reached, and is not tried again before an instant."""

    leg_id: LegId
    contact_id: ContactId
    due_us: TimeUs
    attempts: int
    """How often he was called by now."""


Action: TypeAlias = (
    EnterQueue
    | OfferContact
    | WidenLeg
    | WithdrawOffer
    | ConnectLeg
    | InterruptLeg
    | ResumeLeg
    | EndWrapUp
    | ReleaseCustomer
    | CloseContact
    | SetAgentState
    | Refused
    | OpenLeg
    | CloseLeg
    | JoinLeg
    | ReleaseAgent
    | FileDisposition
    | RegainPlace
    | Acknowledge
    | AnnounceWait
    | OverflowLeg
    | HandOver
    | ConfirmHandOver
    | WithdrawHandOver
    | AcceptTakeOver
    | TakeIn
    | PlayTreatment
    | GrantCallback
    | CallbackDue
    | DialCustomer
    | PostponeCallback
)

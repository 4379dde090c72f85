"""Contacts, their legs and offers: the states, and the tables that move them.

A *contact* is one request of a customer; a *leg* is one passage of it through one queue to one
agent; an *offer* is one leg held out to one agent. Each is in exactly one state. A table's cell is
the next state, `IGNORED` (a repeat, or an answer that crossed ours on the wire: no harm, no change)
or `REFUSED` (it cannot be: answered with `Refused`, no change). Tables are nested tuples indexed by
`IntEnum`s: 50 ns a look-up, where a dictionary keyed by pairs of enums costs 380.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from acd.announcements import Announced
from acd.events import ContactArrived
from acd.ids import ContactId, ContactOutcome, LegId, OfferId, OfferOutcome, QueueName, plain

if TYPE_CHECKING:
    from acd.admission import Limit
    from acd.queues import LegClass

IGNORED: Final = -1
REFUSED: Final = -2


UNMEASURED: Final = 2**62
"""No handle time: those lie in (-2**60, 2**60)."""

WHILE_PARTY_US: Final = 2**62
"""Until when an agent is kept from a leg while he has another of its contact: after every instant,
since no timer ends it but the end of his part."""


@plain
class LegState(IntEnum):
    """Where a leg is. Those without a row in `LEG_TABLE` are ends."""

    QUEUED = 0
    OFFERED = 1
    CONNECTING = 2
    CONNECTED = 3
    HELD = 4
    WRAPPING = 5
    CLOSED = 6
    ABANDONED = 7
    PARKED = 8
    """Put away by its agent: it keeps nobody busy."""
    EXPIRED = 9
    CANCELED = 10
    OVERFLOWED = 11
    REJECTED = 12
    HANDING_OVER = 13
    """Another domain was asked to take its contact; it keeps its place."""
    SCHEDULED = 14
    """Waits for an instant: its customer is called back, and not before (`acd.callbacks`)."""
    FAILED = 15


@plain
class LegSignal(IntEnum):
    """What moves a leg."""

    OFFERED = 0
    ACCEPTED = 1
    CONNECTED = 2
    RETURNED = 3
    HELD = 4
    RETRIEVED = 5
    ENDED = 6
    LEFT = 7
    WRAPPED = 8
    CANCELED = 9
    PARKED = 10
    RESUMED = 11
    EXPIRED = 12
    """Its time to wait is over."""
    LAPSED = 13
    """Its time to be parked is over; a further leg of its contact waits."""
    OVERFLOWED = 14
    """A rule has it leave its queue, for another or for a voicemail."""
    REJECTED = 15
    """A rule or a limit turns it away."""
    HANDED_OVER = 16
    """Another domain is asked to take its contact."""
    POSTPONED = 17
    """Its customer was called back, and not reached: tried again later …"""
    FAILED = 18
    """… or no more."""
    DUE = 19
    """Its instant has come."""


@plain
class OfferState(IntEnum):
    """Where an offer is. All but the first two are ends."""

    PENDING = 0
    ACCEPTED = 1
    REJECTED = 2
    TIMED_OUT = 3
    FAILED = 4
    REVOKED = 5
    CANCELED = 6
    RESCINDED = 7


@plain
class OfferSignal(IntEnum):
    """What moves an offer."""

    ACCEPT = 0
    REJECT = 1
    TIME_OUT = 2
    FAIL = 3
    REVOKE = 4
    CANCEL = 5
    RESCIND = 6
    """Another offer of the leg was accepted."""


@plain
class Presence(IntEnum):
    """Where the customer is. His leaving does not yet release the agent (wrap-up)."""

    WAITING = 0
    """No leg is connected or held, and one waits."""
    TALKING = 1
    """A leg is connected or held."""
    GONE = 2
    CALL_BACK = 3
    """He hung up, and is called back: a leg waits for him, with its place."""


_L = LegState
_O = OfferState

LEG_TABLE: Final[tuple[tuple[Any, ...], ...]] = (
    # In each row: OFFERED, ACCEPTED, CONNECTED, RETURNED, HELD, RETRIEVED, ENDED, LEFT, WRAPPED,
    # CANCELED, PARKED, RESUMED, EXPIRED, LAPSED, OVERFLOWED, REJECTED, HANDED_OVER, POSTPONED,
    # FAILED, DUE.
    # QUEUED
    (_L.OFFERED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, _L.ABANDONED, REFUSED,
     _L.CANCELED, REFUSED, REFUSED, _L.EXPIRED, REFUSED, _L.OVERFLOWED, _L.REJECTED,
     _L.HANDING_OVER,
     REFUSED, REFUSED, REFUSED),
    # OFFERED: offered to one more it stays so; RETURNED when its last pending offer has ended.
    (_L.OFFERED, _L.CONNECTING, _L.CONNECTED, _L.QUEUED, REFUSED, REFUSED, REFUSED, _L.ABANDONED,
     REFUSED, _L.CANCELED, REFUSED, REFUSED, IGNORED, REFUSED, IGNORED, IGNORED, REFUSED,
     REFUSED, REFUSED, REFUSED),
    # CONNECTING
    (REFUSED, IGNORED, _L.CONNECTED, _L.QUEUED, REFUSED, REFUSED, REFUSED, _L.ABANDONED, REFUSED,
     _L.CANCELED, REFUSED, REFUSED, IGNORED, REFUSED, IGNORED, IGNORED, REFUSED,
     _L.SCHEDULED, _L.FAILED, REFUSED),
    # CONNECTED
    (REFUSED, IGNORED, IGNORED, REFUSED, _L.HELD, IGNORED, _L.WRAPPING, _L.WRAPPING, REFUSED,
     REFUSED, _L.PARKED, IGNORED, IGNORED, REFUSED, IGNORED, IGNORED, REFUSED,
     REFUSED, REFUSED, REFUSED),
    # HELD
    (REFUSED, IGNORED, IGNORED, REFUSED, IGNORED, _L.CONNECTED, _L.WRAPPING, _L.WRAPPING, REFUSED,
     REFUSED, REFUSED, REFUSED, IGNORED, REFUSED, IGNORED, IGNORED, REFUSED,
     REFUSED, REFUSED, REFUSED),
    # WRAPPING: what is canceled then, if anything, is another leg.
    (REFUSED, IGNORED, IGNORED, REFUSED, REFUSED, REFUSED, IGNORED, IGNORED, _L.CLOSED, IGNORED,
     REFUSED, REFUSED, IGNORED, REFUSED, IGNORED, IGNORED, REFUSED,
     REFUSED, REFUSED, REFUSED),
    # CLOSED and ABANDONED
    (), (),
    # PARKED
    (REFUSED, IGNORED, IGNORED, REFUSED, REFUSED, REFUSED, _L.WRAPPING, _L.WRAPPING, REFUSED,
     REFUSED, IGNORED, _L.CONNECTED, IGNORED, _L.CLOSED, IGNORED, IGNORED, REFUSED,
     REFUSED, REFUSED, REFUSED),
    # EXPIRED, CANCELED, OVERFLOWED and REJECTED
    (), (), (), (),
    # HANDING_OVER: RETURNED when the other domain does not take it, OVERFLOWED when it does.
    (REFUSED, REFUSED, REFUSED, _L.QUEUED, REFUSED, REFUSED, REFUSED, _L.ABANDONED, REFUSED,
     _L.CANCELED, REFUSED, REFUSED, IGNORED, REFUSED, _L.OVERFLOWED, IGNORED, REFUSED,
     REFUSED, REFUSED, REFUSED),
    # SCHEDULED
    (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, _L.CANCELED,
     REFUSED, REFUSED, IGNORED, REFUSED, IGNORED, IGNORED, REFUSED,
     REFUSED, REFUSED, _L.QUEUED),
)  # fmt: skip
"""Leg state × signal. The ends have no row: a leg that ended is forgotten."""

OFFER_TABLE: Final[tuple[tuple[Any, ...], ...]] = (
    # In each row: ACCEPT, REJECT, TIME_OUT, FAIL, REVOKE, CANCEL, RESCIND.
    # PENDING
    (_O.ACCEPTED, _O.REJECTED, _O.TIMED_OUT, _O.FAILED, _O.REVOKED, _O.CANCELED, _O.RESCINDED),
    # ACCEPTED: what can still fail is the connecting, which the leg's table decides.
    (IGNORED, REFUSED, _O.FAILED, _O.FAILED, REFUSED, _O.CANCELED, REFUSED),
)
"""Offer state × signal. The ends have no row: an answer to an ended offer is ignored, since it
crossed our withdrawal on the wire."""


OFFER_OUTCOMES: Final = {
    OfferState.TIMED_OUT: OfferOutcome.TIMED_OUT,
    OfferState.FAILED: OfferOutcome.FAILED,
    OfferState.REVOKED: OfferOutcome.REVOKED,
    OfferState.CANCELED: OfferOutcome.CANCELED,
    OfferState.RESCINDED: OfferOutcome.RESCINDED,
}
"""How an ended offer is called outside; a rejected one is never withdrawn."""

UNANSWERED: Final = {
    LegState.ABANDONED: ContactOutcome.ABANDONED,
    LegState.CANCELED: ContactOutcome.CANCELED,
    LegState.EXPIRED: ContactOutcome.EXPIRED,
    LegState.OVERFLOWED: ContactOutcome.OVERFLOWED,
    LegState.REJECTED: ContactOutcome.REJECTED,
    LegState.FAILED: ContactOutcome.FAILED,
}
"""How a leg ended that was given up."""


class Callback(Struct, frozen=True, gc=False):
    """What is known of a callback until its customer is reached."""

    queue: QueueName
    """Where it waits."""
    booked_us: int = 0
    """The instant that was agreed; 0 of a virtual hold."""
    attempts: int = 0
    """How often its customer was called in vain."""


class Contact(Struct, gc=False):
    """One customer request. Closed, and forgotten, when all its legs are."""

    arrival: ContactArrived
    """What the contact asked for: its customer, attributes, queue and numbers."""
    presence: Presence
    legs: tuple[int, ...]
    """The open legs, oldest first. A tuple, which the garbage collector need not walk: a list for
    each of 100,000 waiting contacts made it pause for 13 ms."""
    path: tuple[str, ...] = ()
    """The other domains in which it was before, the first one first."""
    callback: Callback | None = None
    """Of one whose `presence` is CALL_BACK."""


class Leg(Struct, gc=False):
    """One passage through one queue. Its place in the line is its key, which keeps its arrival."""

    leg_id: LegId
    contact_id: ContactId
    klass: "LegClass"
    key: tuple[int, ...]
    """The domain's order: smaller is served first; ends with arrival and number. Only another
    priority changes it: of a routing step, or a supervisor's."""
    arrived_us: int
    """From when it waits: a further leg that keeps the contact's place has that of the leg before.
    """
    asked: ContactArrived
    """What it asks for. Of the first leg that is the contact's arrival."""
    state: LegState = LegState.QUEUED
    offer_id: OfferId = 0
    """The offer that holds the leg: the accepted one, or the first still pending; 0 while QUEUED.
    """
    excluded: dict[int, int] | None = None
    """Agents (by index) who failed to take it, each until an instant; None is none."""
    widens_us: int = 0
    """When its next stage is due while it is QUEUED; 0 for never. The stage itself is its class's.
    """
    kept_for: int = -1
    """The one agent (by index) who may take it for now (`acd.affinity`); -1 is none."""
    kept_until_us: int = 0
    """Until when."""
    consults: LegId = 0
    """The leg whose agent consults the one who takes this leg; 0 where the customer himself waits
    for him."""
    further: tuple[OfferId, ...] = ()
    """Its other pending offers, ascending; none once one was accepted."""
    expires_us: int = 0
    """When it ends if it is QUEUED then; 0 for never."""
    announced: Announced | None = None
    """How long its customer was last told that he would wait."""
    stays: bool = False
    """An agent gave it further, or its customer is called back: it does not overflow, and no limit
    turns it away."""
    overflows_us: int = 0
    """When it leaves its queue if it is QUEUED then; 0 for never."""
    limits: tuple["Limit", ...] = ()
    """The limits on admission that it counts for."""
    treated_us: int = 0
    """Up to when what its customer shall hear was played, or is owed no more."""
    treats_us: int = 0
    """When he hears something next if it is QUEUED then; 0 for never."""
    offered: bool = False
    """Whether he was offered a callback in this leg."""
    due_us: int = 0
    """While it is SCHEDULED: until when."""
    promised: bool = False
    """Its customer called in place of the callback that he was promised: no limit turns it away,
    and who would be let go with a message is called back."""

    def offers(self) -> tuple[OfferId, ...]:
        """Return the offers that hold the leg, ascending."""
        return (self.offer_id, *self.further) if self.offer_id else ()

    def drop(self, number: OfferId) -> None:
        """Let a pending offer hold the leg no longer; others do."""
        self.offer_id, *further = (one for one in self.offers() if one != number)
        self.further = tuple(further)


TALKING: Final = (LegState.CONNECTED, LegState.HELD)
"""States of a leg whose agent has the contact before him …"""

WITH_AN_AGENT: Final = (*TALKING, LegState.PARKED)
"""… or has put it away."""


def is_handled(leg: Leg) -> bool:
    """Return whether an agent has been connected with a leg that is open."""
    return LegState.CONNECTING < leg.state < LegState.HANDING_OVER


class Offer(Struct, gc=False):
    """One leg held out to one agent; once accepted, the agent's slot until the leg closes."""

    offer_id: OfferId
    leg_id: LegId
    agent: int
    """Index of the agent."""
    channel: int
    """Index in `acd.agents.CHANNELS`."""
    until_us: int
    """When the lease ends: of ringing, of connecting, of wrap-up; 0 while parties are connected."""
    state: OfferState = OfferState.PENDING
    slot: int = 0
    """An `acd.agents.SlotState`."""
    handling_us: int = UNMEASURED
    """How long he has handled it, as ends less starts: its clock runs while connected and not set
    aside. Kept where performance is measured."""
    given_us: int = 0
    """When it was made."""
    disposition: str = ""
    """How the contact ended, as told so far."""

"""What an agent's desktop may say, and the events that follow.

Every command has an id of the desktop's choice; its answer has the same. An agent speaks of his
own offers only. What belongs to the phone is answered on the phone: of a voice contact only the
wrap-up is ended here and told how it ended, and, where the switch can do it, the contact given
further.
"""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from acd import events as ev
from acd.agents import CHANNELS
from acd.daemon.http.errors import HttpError
from acd.daemon.http.models import AgentState
from acd.ids import ID_MAX, PRIORITY_MAX, TEXT_MAX, AgentId, Channel, ConsultEnd, OfferId
from acd.router import Router

COMMAND_CHARACTERS_MAX: Final = 4_096
"""Longest command; the longest sensible one has 300."""

RequestId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
_Reason: TypeAlias = Annotated[str, Meta(max_length=ID_MAX)]
_Name: TypeAlias = Annotated[str, Meta(max_length=ID_MAX)]
_Requirement: TypeAlias = Annotated[str, Meta(max_length=TEXT_MAX)]
_Priority: TypeAlias = Annotated[int, Meta(ge=-PRIORITY_MAX, le=PRIORITY_MAX)]


class _Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """Base of all commands."""

    id: RequestId


class _OfferCommand(_Command, frozen=True):
    """Base of those about an offer, or the leg that it led to."""

    offer_id: OfferId


class Accept(_OfferCommand, frozen=True, tag="accept"):
    """Take the offer; he is connected at once, since the desktop is where he works."""


class Reject(_OfferCommand, frozen=True, tag="reject"):
    """Decline the offer."""

    reason: _Reason = ""


class Hold(_OfferCommand, frozen=True, tag="hold"):
    """Let the customer wait a moment."""


class Retrieve(_OfferCommand, frozen=True, tag="retrieve"):
    """Go on with a customer on hold."""


class End(_OfferCommand, frozen=True, tag="end"):
    """End the conversation."""


class WrapUpDone(_OfferCommand, frozen=True, tag="wrap_up_done"):
    """End the wrap-up."""

    disposition: _Name = ""
    """How the contact ended, in the queue's words; empty: as told before, if it was."""


class Dispose(_OfferCommand, frozen=True, tag="dispose"):
    """Tell how the contact ended; the last word counts."""

    disposition: _Name


class Park(_OfferCommand, frozen=True, tag="park"):
    """Put the contact away for later."""


class Resume(_OfferCommand, frozen=True, tag="resume"):
    """Take a contact up again that was put away."""


class _Further(_OfferCommand, frozen=True):
    """Base of those that ask for another agent: of a queue, by name, or both."""

    queue: _Name = ""
    """Empty: the one from which he got the contact."""
    agent_id: _Name = ""
    """Who shall have it; empty: whoever comes first."""
    priority: _Priority | None = None
    requirement: _Requirement = ""


class Transfer(_Further, frozen=True, tag="transfer"):
    """Give the contact further, and be done with it."""

    keep_place: bool = False
    """It waits there as if it had arrived when it arrived here."""


class Requeue(_OfferCommand, frozen=True, tag="requeue"):
    """Give the contact back, to its place."""


class Consult(_Further, frozen=True, tag="consult"):
    """Ask somebody while the customer is on hold."""


class EndConsult(_OfferCommand, frozen=True, tag="consult_end"):
    """End that: the contact goes to whom was asked, all talk together, or it is as it was."""

    how: ConsultEnd


class ChangeState(_Command, frozen=True, tag="state"):
    """Log in or out, be ready or not."""

    state: AgentState
    reason: _Reason = ""
    after_this_one: bool = False


OfferCommand: TypeAlias = (
    Accept
    | Reject
    | Hold
    | Retrieve
    | End
    | WrapUpDone
    | Dispose
    | Park
    | Resume
    | Transfer
    | Requeue
    | Consult
    | EndConsult
)
Command: TypeAlias = OfferCommand | ChangeState

_AFTER_CALL: Final = (WrapUpDone, Dispose)
"""What a voice contact's agent says here and not on the phone."""

_BY_SWITCH: Final = (Transfer, Requeue, Consult, EndConsult)
"""What also a voice contact's agent may say here, where the switch does what follows."""

_DECODER: Final = msgspec.json.Decoder(Command)


def read_command(text: str) -> Command:
    """Return the command in a message that was read strictly already.

    Raises:
        HttpError: It is none.
    """
    try:
        command: Command = _DECODER.decode(text)
    except msgspec.DecodeError as error:
        raise HttpError(422, "invalid", f"no command: {error}") from None
    return command


def state_event(
    agent_id: AgentId, state: AgentState, *, reason: str, after_this_one: bool
) -> ev.SingleEvent:
    """Return the event of an agent who changes his state."""
    match state:
        case AgentState.LOGGED_IN:
            return ev.AgentLoggedIn(agent_id=agent_id)
        case AgentState.READY:
            return ev.AgentReady(agent_id=agent_id)
        case AgentState.NOT_READY:
            return ev.AgentNotReady(agent_id=agent_id, reason=reason, after_this_one=after_this_one)
        case AgentState.DRAIN:
            return ev.DrainRequested(agent_id=agent_id)
        case AgentState.LOGGED_OUT:
            return ev.AgentLoggedOut(agent_id=agent_id)


def event_of(
    command: Command, agent_id: AgentId, router: Router, *, can_control: bool
) -> ev.SingleEvent:
    """Return the event of an agent's command.

    Args:
        command: What he says.
        agent_id: Who he is.
        router: As it is now.
        can_control: The switch can give calls further.

    Raises:
        HttpError: The offer is not his, is over, or is on the phone.
    """
    if isinstance(command, ChangeState):
        return state_event(
            agent_id,
            command.state,
            reason=command.reason,
            after_this_one=command.after_this_one,
        )
    _check_offer(command, agent_id, router, can_control=can_control)
    return _offer_event(command)


def _offer_event(command: OfferCommand) -> ev.SingleEvent:
    """Return the event of a command about an offer."""
    offer_id = command.offer_id
    match command:
        case Transfer():
            return ev.LegTransferred(
                offer_id=offer_id,
                queue=command.queue,
                agent_id=command.agent_id,
                priority=command.priority,
                requirement=command.requirement,
                keep_place=command.keep_place,
            )
        case Requeue():
            return ev.LegRequeued(offer_id=offer_id)
        case Consult():
            return ev.ConsultRequested(
                offer_id=offer_id,
                queue=command.queue,
                agent_id=command.agent_id,
                priority=command.priority,
                requirement=command.requirement,
            )
        case EndConsult(how=how):
            return ev.ConsultEnded(offer_id=offer_id, how=how)
        case Accept():
            return ev.LegConnected(offer_id=offer_id)
        case Reject(reason=reason):
            return ev.OfferRejected(offer_id=offer_id, reason=reason)
        case Hold():
            return ev.LegHeld(offer_id=offer_id)
        case Retrieve():
            return ev.LegRetrieved(offer_id=offer_id)
        case End():
            return ev.LegEnded(offer_id=offer_id)
        case WrapUpDone(disposition=disposition):
            return ev.WrapUpEnded(offer_id=offer_id, disposition=disposition)
        case Dispose(disposition=disposition):
            return ev.LegDisposed(offer_id=offer_id, disposition=disposition)
        case Park():
            return ev.LegParked(offer_id=offer_id)
        case Resume():
            return ev.LegResumed(offer_id=offer_id)


def _check_offer(
    command: _OfferCommand, agent_id: AgentId, router: Router, *, can_control: bool
) -> None:
    """Refuse a command about an offer that an agent has not, or not here."""
    about = str(command.offer_id)
    offer = router.offers.get(command.offer_id)
    if offer is None or router.agents[offer.agent].agent_id != agent_id:
        raise HttpError(404, "no_such_offer", "you have no such offer, or no longer", about)
    allowed = (*_AFTER_CALL, *_BY_SWITCH) if can_control else _AFTER_CALL
    if CHANNELS[offer.channel] is Channel.VOICE and not isinstance(command, allowed):
        raise HttpError(409, "on_the_phone", "a voice contact is handled on the phone", about)

"""Commands beyond routing, in CSTA's words (ECMA-269, clauses 17 and 20): who talks with whom.

They are optional: a switch says by `Capability.CALL_CONTROL` that it takes consultations and what
ends them, by `Capability.ROUTE_MODE` that it takes `SetRouteMode`; what one does not do it answers
with REJECTED, NOT_SUPPORTED. Each makes its connection under its own command id, as `RouteSelect`
does, so that `RouteCancel` and `ClearConnection` end it, and `Delivered`, `Established`, `ReRoute`
and `ConnectionCleared` tell of it.

A destination is a device that was monitored, or else a number, which is dialled only as far as the
adapter's options allow.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta

from acd.ids import plain
from acd.switch_protocol.messages import Command, CommandBase
from acd.switch_protocol.words import ID_MAX, CallId, CommandId, Count, DeviceId, Number

Destination: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
"""A device, or a number to be dialled out."""


@plain
class Participation(StrEnum):
    """How a further party takes part in a conversation."""

    ACTIVE = "active"
    """Talks with all, and is heard by all (barge-in)."""
    LISTEN = "listen"
    """Hears both, and is heard by nobody."""
    WHISPER = "whisper"
    """Hears both, and is heard by the agent alone."""


class SingleStepTransfer(CommandBase, frozen=True, tag="single_step_transfer"):
    """Send the customer on, unannounced (blind): the agent's part ends, the destination rings."""

    call_id: CallId
    device: DeviceId
    offer: CommandId
    """The connection that ends."""
    to: Destination
    ring_us: Count


class ConsultationCall(CommandBase, frozen=True, tag="consultation_call"):
    """Put the customer on hold, and let the agent talk with somebody else first.

    A customer who is on hold already stays so also if whom was asked does not answer. Several may
    ring for one agent, until one of them answers.
    """

    call_id: CallId
    device: DeviceId
    offer: CommandId
    to: Destination
    ring_us: Count
    auto_answer: bool = False


class TransferCall(CommandBase, frozen=True, tag="transfer_call"):
    """End a consultation by a transfer (attended): the customer talks with whom was asked."""

    call_id: CallId
    consultation: CommandId
    """The ConsultationCall's id."""


class ConferenceCall(CommandBase, frozen=True, tag="conference_call"):
    """End a consultation by a conference: customer, agent and whom was asked talk together."""

    call_id: CallId
    consultation: CommandId


class ReconnectCall(CommandBase, frozen=True, tag="reconnect_call"):
    """End a consultation: whom was asked is let go, agent and customer talk again."""

    call_id: CallId
    consultation: CommandId


class SingleStepConference(CommandBase, frozen=True, tag="single_step_conference"):
    """Bring a device into a conversation that goes on, as a supervisor does."""

    call_id: CallId
    offer: CommandId
    """The agent's connection: whom to whisper to."""
    device: DeviceId
    """Who joins."""
    participation: Participation
    ring_us: Count


class MakeCall(CommandBase, frozen=True, tag="make_call"):
    """Dial a customer; once he answers he waits like one who called (`RouteRequest`).

    The call's id is the command's. Nobody there: `CallCleared` with the cause.
    """

    to: Number
    dnis: Number
    """As what number the call then comes in, so that it finds its queue."""
    ring_us: Count


class SetRouteMode(CommandBase, frozen=True, tag="set_route_mode"):
    """Take new calls, or leave them to the switch's default (drain); calls we have stay ours."""

    enabled: bool


CallControl: TypeAlias = (
    SingleStepTransfer
    | ConsultationCall
    | TransferCall
    | ConferenceCall
    | ReconnectCall
    | SingleStepConference
    | MakeCall
    | SetRouteMode
)

AnyCommand: TypeAlias = Command | CallControl
"""All that a switch may be ordered."""

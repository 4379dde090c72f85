"""What a switch and the daemon say to each other, in CSTA's words, whatever the switch.

A *call* is a customer's; a *connection* is a call at a device (an agent's phone). The switch asks
where a call shall go (`RouteRequest`), is told (`RouteSelect`: an *offer*), and says what came of
it: `Delivered` (it rings), `Established` (they talk), `ReRoute` (it failed, name another). The
switch always owns a fallback: `RouteEnd` hands a call back to it and clears nothing.

Events carry the *epoch* of the link (+1 with each log-in) and a sequence number in it, counting
from 1. Bytes, numbers and texts that a customer can choose end here: the switchboard hands the core
ids only. The names and limits are in `words.py`, the port itself in `port.py`.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from acd.switch_protocol.words import (
    CALLS_MAX,
    CONNECTIONS_MAX,
    DEVICES_MAX,
    MEDIA_MAX,
    NUMBER_MAX,
    AgentStateWord,
    AnyId,
    CallId,
    CommandError,
    CommandId,
    CommandStage,
    ConnectionState,
    Count,
    Deflection,
    DeviceId,
    DeviceState,
    EventCause,
    Number,
    SystemState,
    Text,
    Treatment,
    UserData,
)

# What a snapshot holds.


class Connection(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An agent's part in a call."""

    device: DeviceId
    state: ConnectionState
    """ALERTING, CONNECTED or HOLD."""
    offer: AnyId = ""
    """The id of the command that made it; "" if no command did."""


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's call whose routeing dialogue is open: it came to us and was not handed back."""

    call_id: CallId
    dnis: Number
    ani: Number = ""
    queued_us: Count = 0
    """When it came, by the switch's clock: only the order of calls is read from it."""
    served: bool = False
    """An agent of ours has talked to this customer."""
    user_data: UserData = b""
    digits: Number = ""
    connections: Annotated[tuple[Connection, ...], Meta(max_length=CONNECTIONS_MAX)] = ()


class DeviceReport(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A device, and who is logged on at it."""

    device: DeviceId
    state: DeviceState
    agent: AgentStateWord = AgentStateWord.NULL
    reason: Text = ""


# Events: what the switch tells.


class EventBase(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="event",
):
    """Base of all events. The adapter numbers them; its own link messages may build on it, too."""

    epoch: Count = 0
    seq: Count = 0
    """Place in the epoch, from 1; 0 for what the adapter itself says."""


class LinkUp(EventBase, frozen=True, tag="link.up"):
    """The daemon is logged in at the switch. First event of an epoch."""

    restarted: bool = False
    """The switch is known to have started anew: none of its former calls is left."""


class LinkDown(EventBase, frozen=True, tag="link.down"):
    """The link is cut, or could not be made at all. Nothing of this epoch follows."""

    cause: Text
    replaced: bool = False
    """Another daemon took our place: we must not act any more."""


class SystemStatus(EventBase, frozen=True, tag="system.status"):
    """The switch says how it feels."""

    state: SystemState


class MessagesLost(EventBase, frozen=True, tag="messages.lost"):
    """Some events will not come: only a snapshot helps."""

    cause: Text = ""


class Snapshot(EventBase, frozen=True, tag="snapshot"):
    """All that there is, at this place in the order of events. The answer to SnapshotRequest."""

    calls: Annotated[tuple[Call, ...], Meta(max_length=CALLS_MAX)] = ()
    devices: Annotated[tuple[DeviceReport, ...], Meta(max_length=DEVICES_MAX)] = ()


class CallReported(EventBase, frozen=True, tag="call.reported"):
    """One call as it is, or that there is none. The answer to SnapshotCall."""

    call_id: CallId
    call: Call | None = None


class CommandResult(EventBase, frozen=True, tag="command.result"):
    """How far a command has come."""

    command_id: CommandId
    stage: CommandStage
    call_id: AnyId = ""
    """The call that the command was about."""
    error: CommandError = CommandError.NONE


class RouteRequest(EventBase, frozen=True, tag="route.request"):
    """Where shall this call go? It waits, and hears something, until it is told."""

    call: Call
    recovered: bool = False
    """It is not new: it came while nobody was there to be asked."""


class RouteUsed(EventBase, frozen=True, tag="route.used"):
    """Where an offer really went: calls may be forwarded."""

    call_id: CallId
    offer: CommandId
    device: DeviceId


class ReRoute(EventBase, frozen=True, tag="route.re_route"):
    """An offer failed or rang out; the call waits again."""

    call_id: CallId
    offer: CommandId
    cause: EventCause


class RouteEnded(EventBase, frozen=True, tag="route.ended"):
    """The switch took the call back and treats it by its own default: it is ours no more."""

    call_id: CallId
    cause: EventCause = EventCause.NONE


class Delivered(EventBase, frozen=True, tag="delivered"):
    """An offer rings at a device."""

    call_id: CallId
    device: DeviceId
    offer: CommandId


class Established(EventBase, frozen=True, tag="established"):
    """The device answered: customer and agent talk."""

    call_id: CallId
    device: DeviceId
    offer: CommandId


class Held(EventBase, frozen=True, tag="held"):
    """The agent put the customer on hold."""

    call_id: CallId
    device: DeviceId
    offer: CommandId


class Retrieved(EventBase, frozen=True, tag="retrieved"):
    """The agent took the customer off hold."""

    call_id: CallId
    device: DeviceId
    offer: CommandId


class ConnectionCleared(EventBase, frozen=True, tag="connection.cleared"):
    """An established connection of an agent ended; the customer's call stays until ClearCall."""

    call_id: CallId
    device: DeviceId
    offer: CommandId
    cause: EventCause = EventCause.NORMAL_CLEARING


class Failed(EventBase, frozen=True, tag="failed"):
    """A connection could not be made: as ReRoute, from switches that tell it so."""

    call_id: CallId
    device: DeviceId
    offer: CommandId
    cause: EventCause


class CallCleared(EventBase, frozen=True, tag="call.cleared"):
    """The customer's call is over, with all its connections."""

    call_id: CallId
    cause: EventCause = EventCause.NORMAL_CLEARING


class DeviceStateChanged(EventBase, frozen=True, tag="device.state_changed"):
    """A device came into service, went out of it, or is in a call that is not ours."""

    device: DeviceId
    state: DeviceState


class AgentLoggedOn(EventBase, frozen=True, tag="agent.logged_on"):
    """An agent logged on at his phone; he is not ready yet."""

    device: DeviceId
    cause: EventCause = EventCause.NONE


class AgentLoggedOff(EventBase, frozen=True, tag="agent.logged_off"):
    """An agent logged off at his phone."""

    device: DeviceId
    cause: EventCause = EventCause.NONE


class AgentReady(EventBase, frozen=True, tag="agent.ready"):
    """An agent pressed "ready" at his phone; that ends his wrap-up, too."""

    device: DeviceId
    cause: EventCause = EventCause.NONE


class AgentNotReady(EventBase, frozen=True, tag="agent.not_ready"):
    """An agent pressed "not ready" at his phone."""

    device: DeviceId
    reason: Text = ""
    cause: EventCause = EventCause.NONE


class AgentWorkingAfterCall(EventBase, frozen=True, tag="agent.working_after_call"):
    """An agent's phone shows wrap-up."""

    device: DeviceId
    cause: EventCause = EventCause.NONE


class AgentDraining(EventBase, frozen=True, tag="agent.draining"):
    """An agent asked at his phone to finish what he has, and to get nothing more."""

    device: DeviceId
    cause: EventCause = EventCause.NONE


class DigitsCollected(EventBase, frozen=True, tag="digits_collected"):
    """A waiting customer pressed keys."""

    call_id: CallId
    digits: Number


class Transferred(EventBase, frozen=True, tag="transferred"):
    """A consultation became a transfer: the customer talks with `to`; the agent's part ended."""

    call_id: CallId
    device: DeviceId
    offer: CommandId
    to: DeviceId
    to_offer: CommandId


class Conferenced(EventBase, frozen=True, tag="conferenced"):
    """One more device takes part in a conversation."""

    call_id: CallId
    device: DeviceId
    offer: CommandId


AgentEvent: TypeAlias = (
    AgentLoggedOn
    | AgentLoggedOff
    | AgentReady
    | AgentNotReady
    | AgentWorkingAfterCall
    | AgentDraining
)
OfferEvent: TypeAlias = (
    RouteUsed | ReRoute | Delivered | Established | Held | Retrieved | ConnectionCleared | Failed
)
SwitchEvent: TypeAlias = (
    LinkUp
    | LinkDown
    | SystemStatus
    | MessagesLost
    | Snapshot
    | CallReported
    | CommandResult
    | RouteRequest
    | RouteUsed
    | ReRoute
    | RouteEnded
    | Delivered
    | Established
    | Held
    | Retrieved
    | ConnectionCleared
    | Failed
    | CallCleared
    | DeviceStateChanged
    | AgentLoggedOn
    | AgentLoggedOff
    | AgentReady
    | AgentNotReady
    | AgentWorkingAfterCall
    | AgentDraining
    | DigitsCollected
    | Transferred
    | Conferenced
)


# Commands: what the switch is ordered.


class CommandBase(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="command",
):
    """Base of all commands. A CommandResult with its id answers each."""

    command_id: CommandId


class QueueTreatment(CommandBase, frozen=True, tag="queue_treatment"):
    """Let a waiting customer hear something."""

    call_id: CallId
    treatment: Treatment
    media: Annotated[str, Meta(max_length=MEDIA_MAX, pattern="^[A-Za-z0-9/_-]*$")] = ""
    """Of an announcement: the name of a recording at the switch. Music goes on after it."""
    digits: Annotated[str, Meta(max_length=NUMBER_MAX, pattern="^[0-9*#]*$")] = ""
    """Of an announcement: a number that is said behind it."""


class RouteSelect(CommandBase, frozen=True, tag="route_select"):
    """Offer the call to a device; the command's id is the offer's name from now on.

    Given again, it is rejected (ALREADY_GIVEN, OFFER_ENDED) and changes nothing.
    """

    call_id: CallId
    device: DeviceId
    ring_us: Count
    """How long it may ring, from the receipt on. We take it back in time; the switch's own timer,
    some seconds later, is for the case that we cannot."""
    auto_answer: bool = False


class RouteCancel(CommandBase, frozen=True, tag="route_cancel"):
    """Take an offer back: stop its ringing, or clear the agent's connection if he just answered.

    The customer waits again. An offer that the switch has not seen must not ring afterwards.
    """

    call_id: CallId
    offer: CommandId


class RouteReject(CommandBase, frozen=True, tag="route_reject"):
    """Send the call back where it came from, with a cause."""

    call_id: CallId
    cause: EventCause


class RouteEnd(CommandBase, frozen=True, tag="route_end"):
    """Hand the call back: the switch goes on with its own default. Nothing is cleared."""

    call_id: CallId
    cause: EventCause = EventCause.NONE


class ClearConnection(CommandBase, frozen=True, tag="clear_connection"):
    """Hang up at the agent's side. The customer waits again."""

    call_id: CallId
    device: DeviceId
    offer: CommandId
    """Only the connection that this offer made: another one of the device is not touched."""


class ClearCall(CommandBase, frozen=True, tag="clear_call"):
    """Let the customer go: he was served."""

    call_id: CallId


class DeflectCall(CommandBase, frozen=True, tag="deflect_call"):
    """Let a customer who waits go without an agent: behind a last message, or to a voicemail.

    `CallCleared` or `RouteEnded` tells that he is gone.
    """

    call_id: CallId
    deflection: Deflection
    name: Annotated[str, Meta(min_length=1, max_length=MEDIA_MAX, pattern="^[A-Za-z0-9/_-]*$")]
    """Of a recording, or of a voicemail, at the switch."""


class Hold(CommandBase, frozen=True, tag="hold"):
    """Put the customer on hold."""

    call_id: CallId
    device: DeviceId
    offer: CommandId


class Retrieve(CommandBase, frozen=True, tag="retrieve"):
    """Take the customer off hold."""

    call_id: CallId
    device: DeviceId
    offer: CommandId


class SetAgentState(CommandBase, frozen=True, tag="set_agent_state"):
    """Show an agent's state at his phone. Events that follow from it say FORCED_TRANSITION."""

    device: DeviceId
    state: AgentStateWord
    reason: Text = ""


class SnapshotRequest(CommandBase, frozen=True, tag="snapshot_request"):
    """Tell everything, as a Snapshot."""


class SnapshotCall(CommandBase, frozen=True, tag="snapshot_call"):
    """Tell one call, as a CallReported."""

    call_id: CallId


Command: TypeAlias = (
    QueueTreatment
    | RouteSelect
    | RouteCancel
    | RouteReject
    | RouteEnd
    | ClearConnection
    | ClearCall
    | DeflectCall
    | Hold
    | Retrieve
    | SetAgentState
    | SnapshotRequest
    | SnapshotCall
)

"""Carries out a daemon's commands at the exchange, and answers them. Pure."""

from collections.abc import Callable, Iterable

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated.exchange import Exchange
from acd.switch_protocol.simulated.ledger import Did
from acd.switch_protocol.simulated.state import as_told
from acd.switch_protocol.words import CommandError, CommandStage, EventCause


def whole(told: sw.Snapshot) -> tuple[sw.EventBase, ...]:
    """Return a snapshot in one piece."""
    return (told,)


def carry_out(
    exchange: Exchange,
    command: cc.AnyCommand,
    now_us: int,
    *,
    cut: Callable[[sw.Snapshot], Iterable[sw.EventBase]] = whole,
) -> None:
    """Do what a command says; the answer follows its effects in the exchange's events.

    Args:
        exchange: Where it is done.
        command: What is ordered.
        now_us: When.
        cut: In which pieces a snapshot is told.
    """
    error = CommandError.NONE
    call_id = ""
    match command:
        case sw.SnapshotRequest():
            for piece in cut(snapshot(exchange)):
                exchange.tell(piece)
        case sw.SetAgentState():
            cause = EventCause.FORCED_TRANSITION
            if not exchange.set_agent(
                command.device, command.state, reason=command.reason, cause=cause
            ):
                error = CommandError.DEVICE_UNKNOWN
        case sw.SnapshotCall():
            call_id = command.call_id
            call = exchange.calls.get(call_id)
            told = None if call is None else as_told(call)
            exchange.tell(sw.CallReported(call_id=call_id, call=told))
        case cc.SingleStepTransfer() | cc.SingleStepConference():
            call_id, error = command.call_id, CommandError.NOT_SUPPORTED
        case cc.MakeCall():
            call_id, error = command.command_id, exchange.make_call(command, now_us)
        case cc.SetRouteMode():
            error = CommandError.NOT_SUPPORTED
        case _:
            call_id = command.call_id
            error = _of_a_call(exchange, command, now_us)
    stage = CommandStage.ACCEPTED if error is CommandError.NONE else CommandStage.REJECTED
    exchange.tell(
        sw.CommandResult(command_id=command.command_id, call_id=call_id, stage=stage, error=error)
    )


def snapshot(exchange: Exchange) -> sw.Snapshot:
    """Return all that a daemon may know."""
    return sw.Snapshot(
        calls=tuple(as_told(call) for call in exchange.calls.values()),
        devices=tuple(
            sw.DeviceReport(phone.device, phone.state, phone.agent, phone.reason)
            for phone in exchange.phones.values()
        ),
    )


_OfACall = (
    sw.QueueTreatment
    | sw.RouteSelect
    | sw.RouteCancel
    | sw.RouteReject
    | sw.RouteEnd
    | sw.ClearConnection
    | sw.ClearCall
    | sw.DeflectCall
    | sw.Hold
    | sw.Retrieve
    | cc.ConsultationCall
    | cc.TransferCall
    | cc.ConferenceCall
    | cc.ReconnectCall
)


def _of_a_call(exchange: Exchange, command: _OfACall, now_us: int) -> CommandError:
    match command:
        case sw.RouteSelect():
            return exchange.select(command, now_us)
        case sw.RouteCancel():
            return exchange.cancel(command.call_id, command.offer, now_us)
        case sw.ClearCall():
            return exchange.clear_call(command.call_id, Did.CALL_CLEARED, now_us)
        case sw.DeflectCall():
            note = f"{command.deflection} {command.name}"
            return exchange.clear_call(command.call_id, Did.DEFLECTED, now_us, note=note)
        case sw.RouteReject():
            return exchange.clear_call(command.call_id, Did.CALL_REJECTED, now_us)
        case sw.RouteEnd():
            return exchange.route_end(command.call_id, now_us)
        case sw.ClearConnection():
            return exchange.clear_connection(command.call_id, command.offer, now_us)
        case sw.QueueTreatment():
            return exchange.treat(command, now_us)
        case sw.Hold() | sw.Retrieve():
            return _hold(exchange, command, now_us)
        case cc.ConsultationCall():
            return exchange.consultations.begin(command, now_us)
        case cc.TransferCall() | cc.ConferenceCall() | cc.ReconnectCall():
            return exchange.consultations.finish(command, now_us)


def _hold(exchange: Exchange, command: sw.Hold | sw.Retrieve, now_us: int) -> CommandError:
    """Put a customer on hold, or take him off; who is only asked has none."""
    offer = exchange.offers.get(command.offer)
    if offer is None or offer.call_id != command.call_id or offer.asked_by:
        return CommandError.WRONG_STATE
    change = exchange.hold if type(command) is sw.Hold else exchange.retrieve
    done = change(offer.device, now_us, ordered=True)
    return CommandError.NONE if done else CommandError.WRONG_STATE

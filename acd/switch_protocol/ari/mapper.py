"""Asterisk's events and answers to neutral messages, neutral commands to requests. Pure.

Read on in this order: `table.py` (what is known of each call), `offers.py` (how a leg is dialled,
joined and ended), `parties.py` (hold, transfer, conference), `snapshots.py` (what is done after a
log-in), `phones.py` (our agents' phones).

    event or answer ─▶ on_event, on_response ─┐
    command ─▶ on_command ────────────────────┼─▶ the table ─▶ take(): requests and neutral events
    time ─▶ on_time ──────────────────────────┘
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import channel_facts, frames
from acd.switch_protocol.ari.frames import Request, Response
from acd.switch_protocol.ari.line import CONFLICT, NO_VARIABLES, NOT_FOUND, Command, Line
from acd.switch_protocol.ari.offers import Offers
from acd.switch_protocol.ari.outbound import Dialler, Outbound
from acd.switch_protocol.ari.parties import EAR, Parties
from acd.switch_protocol.ari.phones import Phones
from acd.switch_protocol.ari.snapshots import Snapshots
from acd.switch_protocol.ari.table import Leg, Purpose, Table
from acd.switch_protocol.ari.treatments import Treatments
from acd.switch_protocol.words import (
    Capability,
    CommandError,
    CommandStage,
    Deflection,
    EventCause,
)

KEPT_MAX: Final = 50_000
"""Most events kept back for the first snapshot (reference: switch protocols, 7.6)."""

_REASONS: Final = {
    EventCause.BUSY: "busy",
    EventCause.NETWORK_CONGESTION: "congestion",
    EventCause.RESOURCES_NOT_AVAILABLE: "congestion",
}
"""How a rejected customer's call ends."""


class MapperOptions(Struct, frozen=True):
    """How we are known at the switch, and what is dialled."""

    app: str = "acd"
    endpoint: str = "PJSIP/{device}"
    outbound: Outbound | None = None
    voicemail_context: str = ""
    """Of the dialplan: where customers go on who are to leave a message, at the extension of their
    voicemail's name; empty for where they came from."""


class Mapper:
    """One switch's calls.

    Args:
        options: Names and limits.
    """

    capabilities = (
        Capability.AGENT_EVENTS
        | Capability.SET_AGENT_STATE
        | Capability.HOLD
        | Capability.TREATMENT
        | Capability.CALL_CONTROL
        | Capability.ROUTE_MODE
    )

    def __init__(self, options: MapperOptions) -> None:
        app = options.app
        self._app = app
        self._line = Line()
        self._table = Table()
        self._treatments = Treatments(self._line)
        self._offers = Offers(self._line, self._table, self._treatments, app=app)
        self._phones = Phones(self._line, self._table, endpoint=options.endpoint)
        self._dialler = Dialler(self._line, options.outbound, app=app)
        self._parties = Parties(
            self._line,
            self._table,
            self._offers,
            self._treatments,
            app=app,
            reach=self._reach,
            is_device=self._phones.has,
        )
        self._snapshots = Snapshots(self._line, self._table, self._offers, self._phones, app=app)
        self._snapshots.ready = self._replay
        self._snapshots.taken = self._parties.mend
        self._kept: list[frames.Event] = []
        """Events since the log-in, until the first snapshot was read."""
        self._takes_calls = True
        self._voicemail_context = options.voicemail_context

    def monitor(self, devices: Collection[str]) -> None:
        """Take these devices for ours: only they are dialled and watched."""
        self._phones.watch(devices)

    # The link.

    def begin(self, now_us: int) -> None:
        """React to a log-in: what the table says is not true any more."""
        self.link_down(now_us)
        self._snapshots.begin()

    def link_down(self, now_us: int) -> None:
        """React to a cut link: nothing that was asked is answered."""
        self._line.now_us = now_us
        self._line.forget()
        self._dialler.forget()
        self._table.clear()
        self._kept.clear()

    def take(self) -> list[Request | sw.SwitchEvent]:
        """Return what is to go out, in order."""
        return self._line.take()

    def due_us(self) -> int | None:
        """Return when `on_time` is due, or None."""
        return self._line.due_us()

    def on_time(self, now_us: int) -> None:
        """React to time that passed."""
        self._line.now_us = now_us
        self._line.on_time()

    def on_response(self, ticket: int, response: Response | None, now_us: int) -> None:
        """React to an answer; None if nobody knows what became of the request."""
        self._line.now_us = now_us
        self._line.answered(ticket, response)

    # What the switch tells.

    def on_event(self, event: frames.Event, now_us: int) -> None:
        """React to an event."""
        self._line.now_us = now_us
        if not self._snapshots.is_first:
            self._react(event)
        elif len(self._kept) < KEPT_MAX:
            self._kept.append(event)
        else:
            self._kept.clear()
            self._line.tell(sw.MessagesLost(cause="too much came before the snapshot"))

    def _replay(self) -> None:
        kept, self._kept = self._kept, []
        for event in kept:
            self._react(event)

    def _react(self, event: frames.Event) -> None:
        match event:
            case frames.StasisStart():
                self._entered_us(event)
            case frames.StasisEnd():
                self._left_us(event.channel)
            case frames.ChannelCreated():
                self._phones.channel_made(event.channel)
            case frames.ChannelDestroyed():
                self._destroyed(event)
            case frames.ChannelHangupRequest():
                self._hung_up(event)
            case frames.ChannelStateChange():
                if event.channel.state == "Ringing":
                    self._rings(event.channel.id)
            case frames.Dial():
                self._dial(event)
            case frames.ChannelEnteredBridge():
                self._offers.entered(event.channel.id, event.bridge.id)
            case frames.ChannelLeftBridge():
                self._offers.left(event.channel.id, event.bridge.id)
            case frames.ChannelHold() | frames.ChannelUnhold():
                leg = self._table.leg_at(event.channel.id)
                if leg is not None:
                    self._parties.phone_hold(leg, on=isinstance(event, frames.ChannelHold))
            case frames.ChannelDtmfReceived():
                self._key(event)
            case frames.EndpointStateChange():
                self._phones.endpoint_changed(event.endpoint)
            case frames.PlaybackFinished():
                self._played(event.playback)
            case (
                frames.BridgeBlindTransfer()
                | frames.BridgeAttendedTransfer()
                | frames.ApplicationReplaced()
            ):
                # The first two say what StasisEnd says; the last one ends the session.
                pass

    def _entered_us(self, event: frames.StasisStart) -> None:
        channel, args = event.channel, event.args
        if event.replace_channel is not None:
            self._table.rename(event.replace_channel.id, channel.id)
            call = self._table.customer(channel.id)
            if call is not None:
                self._set(channel.id, "ACD_CALL", call.id)
                return
            replaced = self._table.leg_at(channel.id)
            if replaced is not None:
                self._offers.mark_all(replaced)
                self._set(event.replace_channel.id, "ACD_OFFER", "")  # It is the phone's own now.
        leg_id = channel_facts.leg_id(channel) or channel.id
        what = args[0] if args else ""
        leg = self._table.legs.get(leg_id) or self._table.leg_at(channel.id)
        if leg is not None:
            self._offers.answer(leg)
        elif what == channel_facts.LEG:
            # It was taken back, or its customer left, while it was being answered.
            self._line.ask("DELETE", "channels", channel.id)
        elif what == channel_facts.SNOOP:
            self._parties.ear_is_there(channel.id)
        elif what == channel_facts.AGENT:
            self._feature_code(channel.id, args[1:])
        elif what == channel_facts.CALL:
            self._arrived(channel)
        else:
            self._line.ask("POST", "channels", channel.id, "continue")

    def _arrived(self, channel: frames.Channel) -> None:
        call = self._table.customer(channel.id)
        if call is not None and call.id == channel_facts.call_id(channel):
            return
        if call is not None:
            self._offers.lose(call)
        self._table.comes_again(channel_facts.call_id(channel))
        self._dialler.answered(channel.id)
        call = self._snapshots.take_call(channel) if self._takes_calls else None
        if call is None:
            self._line.ask("POST", "channels", channel.id, "continue")
            return
        call.hears = call.playback = ""
        self._offers.take(call, channel_facts.patience(channel))
        self._line.tell(sw.RouteRequest(call=call.facts))

    def _feature_code(self, channel: str, args: tuple[str, ...]) -> None:
        result = "ok" if self._phones.said(args) else "refused"
        self._set(channel, "ACD_RESULT", result)
        self._line.ask("POST", "channels", channel, "continue")

    def _left_us(self, channel: frames.Channel) -> None:
        """React to a channel that is not in our application any more."""
        call = self._table.customer(channel.id)
        if call is not None and call.clearing:
            self._offers.lose(call)
        elif call is not None:
            self._offers.hand_back(call, EventCause.REDIRECTED)
        elif channel.id.endswith(EAR):
            self._parties.ear_is_gone(channel.id)
        else:
            self._end_leg(channel.id, 0)

    def _destroyed(self, event: frames.ChannelDestroyed) -> None:
        channel = event.channel.id
        self._snapshots.channel_gone(channel)
        call = self._table.customer(channel)
        if call is not None:
            self._offers.lose(call)
        self._end_leg(channel, event.cause)
        self._dialler.ended(channel, event.cause, "")
        if channel.endswith(EAR):
            self._parties.ear_is_gone(channel)
        self._phones.channel_gone(channel)

    def _hung_up(self, event: frames.ChannelHangupRequest) -> None:
        """React to somebody who hung up: milliseconds before his channel ends.

        The switch's own doing is believed when the channel ends: redirections look like it.
        """
        if event.soft:
            return
        call = self._table.customer(event.channel.id)
        if call is not None:
            self._offers.lose(call)
        self._end_leg(event.channel.id, event.cause)

    def _end_leg(self, channel: str, code: int) -> None:
        leg = self._table.leg_at(channel)
        if leg is not None:
            self._offers.hang_up(leg, code)

    def _rings(self, channel: str) -> None:
        self._dialler.rings(channel)
        leg = self._table.leg_at(channel)
        if leg is not None:
            self._offers.ring(leg)

    def _dial(self, event: frames.Dial) -> None:
        leg = self._table.leg_at(event.peer.id)
        if event.dialstatus in {"RINGING", "PROGRESS"}:
            self._rings(event.peer.id)
        elif leg is not None:
            leg.status = event.dialstatus

    def _key(self, event: frames.ChannelDtmfReceived) -> None:
        call = self._table.customer(event.channel.id)
        if call is not None and not call.talks():
            digits = channel_facts.number(event.digit)
            self._line.tell(sw.DigitsCollected(call_id=call.id, digits=digits))

    def _played(self, playback: frames.Playback) -> None:
        """Let music go on after an announcement."""
        call = self._table.customer(playback.target_uri.removeprefix("channel:"))
        if call is not None:
            self._treatments.finished(playback, call)

    def _set(self, channel: str, name: str, value: str) -> None:
        query = {"variable": name, "value": value}
        self._line.ask("POST", "channels", channel, "variable", query=query)

    # What the daemon orders.

    def on_command(self, command: Command, now_us: int) -> None:
        """Do what a command says; its result is told, now or later."""
        self._line.now_us = now_us
        match command:
            case sw.SnapshotRequest():
                self._snapshots.read(command)
            case sw.SnapshotCall():
                self._snapshots.read_call(command)
            case sw.SetAgentState():
                if not self._phones.show(command):
                    self._line.refuse(command, CommandError.DEVICE_UNKNOWN)
            case cc.SetRouteMode():
                self._takes_calls = command.enabled
                self._line.tell_result(command, CommandStage.CONFIRMED)
            case cc.MakeCall():
                self._dialler.make_call(command)
            case sw.ClearCall() if self._dialler.give_up(command):
                pass
            case sw.RouteCancel():
                self._cancel(command)
            case _ if command.call_id not in self._table.calls:
                self._line.refuse(command, CommandError.CALL_UNKNOWN)
            case sw.RouteSelect():
                self._select(command)
            case sw.QueueTreatment():
                self._treat(command)
            case sw.ClearConnection():
                self._clear_connection(command)
            case sw.ClearCall():
                self._of_customer(command, "DELETE")
            case sw.DeflectCall():
                self._deflect(command)
            case sw.RouteReject():
                reason = _REASONS.get(command.cause, "normal")
                self._of_customer(command, "DELETE", query={"reason": reason})
            case sw.RouteEnd():
                self._of_customer(command, "POST", "continue")
            case sw.Hold():
                self._parties.hold(command)
            case sw.Retrieve():
                self._parties.retrieve(command)
            case cc.SingleStepTransfer():
                self._parties.transfer(command)
            case cc.ConsultationCall():
                self._parties.consult(command)
            case cc.TransferCall() | cc.ConferenceCall() | cc.ReconnectCall():
                self._parties.end_consultation(command)
            case cc.SingleStepConference():
                self._parties.take_part(command)

    def _select(self, command: sw.RouteSelect) -> None:
        call = self._table.calls[command.call_id]
        endpoint = self._phones.endpoint(command.device)
        if command.command_id in self._table.legs:
            self._line.refuse(command, CommandError.ALREADY_GIVEN)
        elif self._table.has_ended(command.command_id):
            self._line.refuse(command, CommandError.OFFER_ENDED)
        elif endpoint is None:
            self._line.refuse(command, CommandError.DEVICE_UNKNOWN)
        else:
            self._offers.dial(
                command,
                Leg(command.command_id, call, command.device, Purpose.OFFER),
                endpoint=endpoint,
                ring_us=command.ring_us,
                auto_answer=command.auto_answer,
            )

    def _cancel(self, command: sw.RouteCancel) -> None:
        """Take an offer back; one that we do not know of may be at the switch all the same."""
        leg = self._table.legs.get(command.offer)
        if leg is not None:
            self._line.tell_result(command, CommandStage.ACCEPTED)
            self._offers.withdraw(leg)
            return
        self._table.end_id(command.offer)

        def gone(response: Response | None) -> None:
            if response is not None and response.status in {NOT_FOUND, CONFLICT}:
                self._line.tell_result(command, CommandStage.CONFIRMED)
            else:
                self._line.result(command, response)

        self._line.ask("DELETE", "channels", command.offer, then=gone)

    def _clear_connection(self, command: sw.ClearConnection) -> None:
        leg = self._table.legs.get(command.offer)
        if leg is None or leg.call.id != command.call_id:
            self._line.refuse(command, CommandError.OFFER_ENDED)
            return
        self._line.tell_result(command, CommandStage.ACCEPTED)
        self._offers.withdraw(leg)

    def _treat(self, command: sw.QueueTreatment) -> None:
        call = self._table.calls[command.call_id]
        if call.talks():
            self._line.refuse(command, CommandError.WRONG_STATE)
        else:
            self._offers.wait_again(call)
            self._treatments.treat(command, call)

    def _deflect(self, command: sw.DeflectCall) -> None:
        """Let a customer hear a last message, or go on in the dialplan at his voicemail."""
        call = self._table.calls[command.call_id]
        if call.talks():
            self._line.refuse(command, CommandError.WRONG_STATE)
        elif command.deflection is Deflection.MESSAGE:
            self._offers.wait_again(call)
            self._treatments.say_last(command, call)
        else:
            query: Mapping[str, str] = NO_VARIABLES
            if self._voicemail_context:
                place = {"context": self._voicemail_context, "extension": command.name}
                query = {**place, "priority": "1"}
            self._of_customer(command, "POST", "continue", query=query)

    def _of_customer(
        self, command: Command, method: str, *path: str, query: Mapping[str, str] = NO_VARIABLES
    ) -> None:
        """Order something that ends a customer's stay; that he is not there is told, too."""
        call = self._table.calls[getattr(command, "call_id", "")]
        call.clearing = method == "DELETE"

        def done(response: Response | None) -> None:
            if response is not None and response.status == NOT_FOUND:
                self._offers.lose(call)
            elif response is not None and response.status == CONFLICT:
                self._offers.hand_back(call, EventCause.REDIRECTED)
            elif response is not None and not response.is_good:
                call.clearing = False
            self._line.result(command, response)

        self._line.ask(method, "channels", call.channel, *path, then=done, query=query)

    def _reach(self, to: str) -> str | CommandError:
        """Return how a destination is dialled: our devices, or numbers within the limits."""
        return self._phones.endpoint(to) or self._dialler.reach(to)

"""The switch's own word for everything: read after a log-in, and once a minute. Pure.

Four lists are asked for (channels, bridges, endpoints, device states). After a log-in the table is
made anew of them, while events are kept back to be replayed on it. Later the table goes on living;
then only what did not change since the lists were asked for is compared:

- a call of the table that is not in the list is left out of the snapshot: the daemon asks for it
  alone, and only a 404 is its end (the list may be late, and it may hold ghosts);
- a call that is in the list and not in the table had its arrival lost: it is taken in;
- a leg without its call, or that nobody waits for, is let go; so is a bridge nobody is in;
- a leg of the table that is not in the list is asked for alone.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

import msgspec

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import channel_facts, frames
from acd.switch_protocol.ari.channel_facts import variable
from acd.switch_protocol.ari.frames import Response
from acd.switch_protocol.ari.line import NOT_FOUND, UNREADABLE, Line, items
from acd.switch_protocol.ari.offers import Offers
from acd.switch_protocol.ari.phones import Phones
from acd.switch_protocol.ari.table import SILENT, Call, Hold, Leg, Purpose, Stage, Table, as_told
from acd.switch_protocol.ari.treatments import ANY, MUSIC
from acd.switch_protocol.words import CALLS_MAX, CommandError, CommandStage

OURS: Final = "acd-"
"""How our legs' ids begin, and so their bridges'."""


def _nothing_else(call: Call) -> None:
    del call


class Snapshots:
    """Reads snapshots, and single calls.

    Args:
        line: Where requests and events go out.
        table: Of the calls.
        offers: Let go what is over.
        phones: Of our agents.
        app: Our application's name.
    """

    def __init__(
        self, line: Line, table: Table, offers: Offers, phones: Phones, *, app: str
    ) -> None:
        self._line = line
        self._table = table
        self._offers = offers
        self._phones = phones
        self._app = app
        self.is_first = True
        """No snapshot was read since the log-in: the table says nothing, events must wait."""
        self.ready: Callable[[], None] = lambda: None
        """Called when the first one was read."""
        self.taken: Callable[[Call], None] = _nothing_else
        """Called for each call that the first one found."""
        self._reading: list[set[str]] = []
        """Of each snapshot that is being read: channels that ended since its lists were asked."""

    def begin(self) -> None:
        """React to a log-in."""
        self.is_first = True
        self._reading.clear()

    def channel_gone(self, channel: str) -> None:
        """Note that a channel is over: a list that was made before may still name it."""
        for gone in self._reading:
            gone.add(channel)

    # Everything.

    def read(self, command: sw.SnapshotRequest) -> None:
        """Ask for everything."""
        if not self._reading:
            self._phones.begin_read()
        gone: set[str] = set()
        self._reading.append(gone)
        serial = self._table.serial
        lists: dict[str, Response | None] = {}

        def answered(what: str, response: Response | None) -> None:
            lists[what] = response
            if len(lists) == len(paths):
                self._reading = [one for one in self._reading if one is not gone]
                self._read(command, lists, serial, gone)

        paths = (
            ("channels",),
            ("bridges",),
            ("endpoints", self._phones.technology),
            ("deviceStates",),
        )
        for path in paths:
            # They are long: once the table lives, nothing else waits for them.
            then = partial(answered, path[0])
            self._line.ask("GET", *path, then=then, aside=not self.is_first)

    def _read(
        self,
        command: sw.SnapshotRequest,
        lists: dict[str, Response | None],
        serial: int,
        gone: set[str],
    ) -> None:
        channels = items(lists["channels"], frames.Channel)
        bridges = items(lists["bridges"], frames.Bridge)
        endpoints = items(lists["endpoints"], frames.Endpoint)
        lamps = items(lists["deviceStates"], frames.DeviceState)
        if channels is None or bridges is None or endpoints is None or lamps is None:
            self._line.refuse(command, CommandError.TIMEOUT)
            return
        there = {one.id: one for one in channels if one.id not in gone}
        bridge_of = {channel: one.id for one in bridges for channel in one.channels}
        if self.is_first:
            self._table.clear()
        known = {call_id for call_id, call in self._table.calls.items() if call.serial <= serial}
        self._take_calls(there.values(), bridge_of)
        self._take_legs(there.values(), bridge_of, serial)
        self._send_on(there.values())
        missing = {call_id for call_id in known if self._is_missing(call_id, there)}
        members = {one.id: one.channels for one in bridges}
        for call_id in sorted(known - missing):
            call = self._table.calls[call_id]
            self._offers.correct(call, members.get(call.bridge, ()))
            for leg in tuple(call.legs.values()):
                self._compare_leg(leg, there.get(leg.channel))
            self._offers.note_served(call)
            stray = bridge_of.get(call.channel, "")
            if stray.startswith(OURS) and not call.bridge:
                call.bridge = stray  # An order to end it was lost.
                self._offers.wait_again(call)
        self._let_go_bridges(bridges)
        self._phones.restore(there.values(), endpoints, lamps)
        told = [as_told(call) for key, call in self._table.calls.items() if key not in missing]
        self._line.tell(sw.Snapshot(calls=tuple(told[:CALLS_MAX]), devices=self._phones.report()))
        self._line.tell_result(command, CommandStage.CONFIRMED)
        if self.is_first:
            for call in self._table.calls.values():
                self._offers.note_served(call)
                self.taken(call)
                self._offers.wait_again(call)
            self.is_first = False
            self.ready()

    def _is_missing(self, call_id: str, there: dict[str, frames.Channel]) -> bool:
        channel = there.get(self._table.calls[call_id].channel)
        return channel is None or not channel_facts.is_customer(channel, self._app)

    def _compare_leg(self, leg: Leg, channel: frames.Channel | None) -> None:
        """Compare a leg with what a list says of it."""
        if channel is None:
            self._look_at(leg)
        elif channel.state == "Up" and channel.dialplan.app_name == "Stasis":
            self._offers.answer(leg)  # Where that was not told; else it changes nothing.

    def _take_calls(self, channels: Iterable[frames.Channel], bridge_of: Mapping[str, str]) -> None:
        table = self._table
        for channel in channels:
            call_id = channel_facts.call_id(channel)
            if (
                channel_facts.is_customer(channel, self._app)
                and table.customer(channel.id) is None
                and call_id not in table.calls
                and not table.is_gone(call_id)
            ):
                call = self.take_call(channel, bridge_of.get(channel.id, ""))
                if call is not None:
                    self._offers.take(call, channel_facts.patience(channel))

    def take_call(self, channel: frames.Channel, bridge: str = "") -> Call | None:
        """Take a customer's channel in; None if its id cannot be a call's.

        Args:
            channel: His.
            bridge: The one that he is in, if any.
        """
        if not channel_facts.call_id(channel):
            return None
        call = Call(channel_facts.facts(channel), channel.id)
        call.hears, call.playback = MUSIC, ANY  # Or nothing: that is ended without harm, too.
        call.bridge, call.entered = bridge, bool(bridge)
        self._table.add(call)
        return call

    def _send_on(self, channels: Iterable[frames.Channel]) -> None:
        """Let agents' feature codes go on in the dialplan whose answer was lost."""
        for channel in channels:
            if channel_facts.came_as(channel, self._app) == channel_facts.AGENT:
                self._line.ask("POST", "channels", channel.id, "continue")

    def _take_legs(
        self, channels: Iterable[frames.Channel], bridge_of: Mapping[str, str], serial: int
    ) -> None:
        """Take legs in that belong to calls; let go those that belong to nothing."""
        # After a transfer by the phone two channels are one leg: the one that talks is it.
        for channel in sorted(channels, key=lambda one: one.id not in bridge_of):
            leg_id = channel_facts.leg_id(channel)
            if not leg_id or variable(channel, "ACD_APP") != self._app:
                continue
            known = self._table.legs.get(leg_id)
            if known is not None:
                self._let_go_twin(known, channel.id, bridge_of, serial)
                continue
            call = self._table.calls.get(variable(channel, "ACD_CALL"))
            purpose = variable(channel, "ACD_PURPOSE")
            # A channel that is not ringing yet would have to be dialled by us, who do not know for
            # how long: the daemon sees that it does not ring.
            if (
                call is None
                or self._table.has_ended(leg_id)
                or channel.state == "Down"
                or purpose not in set(Purpose) - SILENT
            ):
                self._line.ask("DELETE", "channels", channel.id)
                self._table.end_id(leg_id)
                continue
            self._take_leg(channel, call, bridge_of.get(channel.id, ""))

    def _let_go_twin(
        self, leg: Leg, channel: str, bridge_of: Mapping[str, str], serial: int
    ) -> None:
        """Let a channel go whose leg is another one by now."""
        is_old = leg.call.serial <= serial or self.is_first
        if channel != leg.channel and channel not in bridge_of and is_old:
            self._line.ask("DELETE", "channels", channel)

    def _take_leg(self, channel: frames.Channel, call: Call, bridge: str) -> None:
        leg_id, device = channel_facts.leg_id(channel), variable(channel, "ACD_DEVICE")
        leg = Leg(leg_id, call, device or channel.name, Purpose(variable(channel, "ACD_PURPOSE")))
        leg.channel = channel.id
        leg.rang, leg.stage = True, Stage.RINGING
        self._table.add_leg(leg)
        if channel.state != "Up":
            return
        held = variable(channel, "ACD_HELD")
        leg.entered = bool(bridge)
        is_joined = leg.entered and bridge == call.bridge and call.entered
        # What was written down before it was done, or done and not written down, is not believed.
        if bridge and held == (Hold.PHONE if is_joined else Hold.SWITCH):
            leg.hold = Hold(held)
        consults = leg.purpose is Purpose.CONSULT and bool(bridge)
        if leg.hold or consults or is_joined:
            leg.stage = Stage.TALKING
            call.bridge = bridge
        else:
            self._offers.answer(leg)

    def _let_go_bridges(self, bridges: list[frames.Bridge]) -> None:
        """Release bridges that were made for calls which are over."""
        used = {call.bridge for call in self._table.calls.values()}
        used |= {leg.bridge for leg in self._table.legs.values()}
        for bridge in bridges:
            is_ours = bridge.id.startswith(OURS) and bridge.name == self._app
            if is_ours and bridge.id not in used and not bridge.channels:
                self._line.ask("DELETE", "bridges", bridge.id)

    def _look_at(self, leg: Leg) -> None:
        """Ask for a leg that a list does not name."""

        def looked(response: Response | None) -> None:
            gone = response is not None and response.status == NOT_FOUND
            if gone and self._table.legs.get(leg.id) is leg:
                self._offers.hang_up(leg, 0)

        self._line.ask("GET", "channels", leg.channel, then=looked)

    # One call.

    def read_call(self, command: sw.SnapshotCall) -> None:
        """Ask for one call, and for its legs."""
        call = self._table.calls.get(command.call_id)
        channel = command.call_id if call is None else call.channel
        for leg in () if call is None else tuple(call.legs.values()):
            self._look_at(leg)
        self._line.ask(
            "GET", "channels", channel, then=lambda response: self._read_call(command, response)
        )

    def _read_call(self, command: sw.SnapshotCall, response: Response | None) -> None:
        call = self._table.calls.get(command.call_id)
        channel = None
        if response is not None and response.is_good:
            try:
                channel = msgspec.json.decode(response.body, type=frames.Channel)
            except UNREADABLE:
                response = None
        if response is None or (channel is None and response.status != NOT_FOUND):
            self._line.result(command, response)
            return
        if channel is None or not channel_facts.is_customer(channel, self._app):
            if call is not None:
                self._offers.lose(call)
            call = None
        elif call is None and channel_facts.call_id(channel) == command.call_id:
            call = self.take_call(channel)
        told = None if call is None else as_told(call)
        self._line.tell(sw.CallReported(call_id=command.call_id, call=told))
        self._line.tell_result(command, CommandStage.CONFIRMED)

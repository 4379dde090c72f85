"""The mapper at a small Asterisk, over a link on which everything that can go wrong does.

Method: a random walk, from seeds. Customers call and leave, phones answer and hang up, a daemon
(who believes what it is told, and gives orders that make sense) routes; events and answers overtake
each other, events come twice or in another order, answers are lost, the link is cut. In the worst
walks requests and events are lost, too. What must hold at any time: nothing raises, every request
can be sent, an offer that ended is not told of again, a customer is joined to one offer. After the
storm, some time and an audit: table and switch agree, nobody rings or talks without his customer,
and every command had one result.
"""

import json
from collections import Counter, deque
from random import Random
from typing import Any

import pytest

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import codec, frames
from acd.switch_protocol.ari.frames import Request, Response
from acd.switch_protocol.ari.mapper import Mapper, MapperOptions
from acd.switch_protocol.ari.table import SILENT, Hold, Purpose, Stage
from acd.switch_protocol.words import CommandStage, ConnectionState, Deflection, Treatment
from tests.properties.small_asterisk import SmallAsterisk

SECOND_US = 1_000_000
PHONES = ("101", "102", "103", "104")
STEPS = 600
CHANCES = (3, 0.5, 15, 1, 1.5, 20, 40, 80, 3)
CUSTOMERS_MAX = 4
ENDS = (sw.ReRoute, sw.ConnectionCleared)
TALKS = {"Established", "Held", "Retrieved"}
MAKES_LEG = cc.SingleStepTransfer | cc.ConsultationCall | cc.SingleStepConference


class Walk:
    """A mapper, a switch, a daemon, and the link between them.

    Args:
        seed: Of everything that is chosen.
        is_lossy: Requests and events may be lost.
    """

    def __init__(self, seed: int, *, is_lossy: bool) -> None:
        self.random = Random(seed)
        self.loss = 0.03 if is_lossy else 0.0
        self.rudeness = 0.05
        self.now_us = SECOND_US
        self.mapper = Mapper(MapperOptions())
        self.mapper.monitor(PHONES)
        self.switch = SmallAsterisk(self.hear, PHONES)
        self.events: deque[frames.Event] = deque()
        self.requests: deque[Request] = deque()
        self.answers: deque[tuple[int, Response | None]] = deque()
        self.count = 0
        self.results: Counter[str] = Counter()
        self.given: list[str] = []
        self.calls: dict[str, dict[str, str]] = {}
        """What the daemon believes: of each call, its legs and what they do."""
        self.over: set[str] = set()
        """Legs that were told as ended."""
        self.asked: set[str] = set()
        """Legs of consultations."""
        self.offers: set[str] = set()
        """Legs that are offers."""
        self.log_in()

    # The link.

    def hear(self, said: dict[str, Any]) -> None:
        event = codec.decode(json.dumps(said).encode())
        assert not isinstance(event, codec.Answered | codec.Ignored | codec.Unreadable)
        if self.random.random() < self.loss:
            return
        self.events.append(event)
        if self.random.random() < self.rudeness:
            self.events.append(event)
        if len(self.events) > 1 and self.random.random() < self.rudeness:
            self.events[-1], self.events[-2] = self.events[-2], self.events[-1]

    def send(self) -> None:
        """Carry a request to the switch, and its answer into the queue."""
        request = self.requests.popleft()
        if self.random.random() < self.loss:
            lost = self.random.choice([None, Response(0)])
            self.answers.append((request.ticket, lost))
            return
        response: Response | None = self.switch.carry_out(request)
        if self.random.random() < self.rudeness:
            response = None
        self.answers.append((request.ticket, response))

    def log_in(self) -> None:
        self.mapper.begin(self.now_us)
        self.order(sw.SnapshotRequest(command_id=self.name("snapshot")))

    def cut(self) -> None:
        """Cut the link, and log in again."""
        waiting = [*(ticket for ticket, _ in self.answers), *(one.ticket for one in self.requests)]
        self.events.clear()
        self.answers.clear()
        self.requests.clear()
        for ticket in waiting:
            self.mapper.on_response(ticket, None, self.now_us)
        self.take()
        # What was asked last is not sent any more.
        for one in self.requests:
            self.mapper.on_response(one.ticket, Response(0), self.now_us)
        self.mapper.link_down(self.now_us)
        self.requests.clear()
        self.take()
        # Meanwhile: a phone that answers now is let go by the switch, as nobody has our name.
        for leg in self.switch.of_kind("leg", "Ringing") + self.switch.of_kind("customer"):
            if self.random.random() < 0.2:
                self.switch.end(leg, 16)
        self.switch.call(self.name("c"))
        self.events.clear()
        self.log_in()

    def take(self) -> None:
        for one in self.mapper.take():
            if isinstance(one, Request):
                codec.encode(one)
                codec.encode_http(one)
                self.requests.append(one)
            else:
                self.believe(one)

    def deliver(self) -> None:
        """Hand over an event or an answer."""
        if self.events and (not self.answers or self.random.random() < 0.5):
            self.mapper.on_event(self.events.popleft(), self.now_us)
        elif self.answers:
            self.mapper.on_response(*self.answers.popleft(), self.now_us)
        self.take()

    def settle(self) -> None:
        """Let everything arrive."""
        while self.requests or self.events or self.answers:
            while self.requests:
                self.send()
            self.deliver()

    def wait(self, seconds: float) -> None:
        end_us = self.now_us + round(seconds * SECOND_US)
        while (due_us := self.mapper.due_us()) is not None and due_us <= end_us:
            self.now_us = max(self.now_us, due_us)
            self.mapper.on_time(self.now_us)
            self.take()
        self.now_us = end_us

    # The daemon.

    def name(self, what: str) -> str:
        self.count += 1
        return f"{what}-{self.count}"

    def order(self, command: sw.Command | cc.CallControl) -> None:
        self.given.append(command.command_id)
        self.mapper.on_command(command, self.now_us)
        self.take()

    def believe(self, event: sw.SwitchEvent) -> None:
        match event:
            case sw.CommandResult():
                self.results[event.command_id] += 1
                if event.stage in {CommandStage.REJECTED, CommandStage.NOT_SENT}:
                    for legs in self.calls.values():
                        legs.pop(event.command_id, None)
            case sw.RouteRequest():
                self.calls[event.call.call_id] = {}
            case sw.Snapshot():
                self.calls = {call.call_id: _legs(call) for call in event.calls}
            case sw.CallReported() if event.call is not None:
                self.calls[event.call_id] = _legs(event.call)
            case sw.CallCleared() | sw.RouteEnded() | sw.CallReported():
                self.calls.pop(event.call_id, None)
            case sw.Delivered() | sw.Established() | sw.Held() | sw.Retrieved() | sw.ReRoute():
                self.believe_of_leg(event)
            case sw.ConnectionCleared():
                self.believe_of_leg(event)
            case _:
                pass

    def believe_of_leg(self, event: Any) -> None:
        assert event.offer not in self.over, event
        legs = self.calls.get(event.call_id, {})
        if isinstance(event, ENDS):
            self.over.add(event.offer)
            legs.pop(event.offer, None)
        else:
            legs[event.offer] = type(event).__name__

    def route(self) -> None:
        """Give an order that makes sense to who believes what the daemon does."""
        if not self.calls:
            return
        pick = self.random.choice
        call_id = pick(list(self.calls))
        legs = self.calls[call_id]
        name = self.name("acd")
        if not legs:
            self.order(self.of_waiting(name, call_id))
            return
        talking = [leg for leg in legs if legs[leg] in TALKS]
        for leg in legs:
            if talking and leg in self.offers and leg not in talking:
                legs.pop(leg)  # The first who accepted has it.
                self.order(sw.RouteCancel(command_id=name, call_id=call_id, offer=leg))
                return
        if not talking and set(legs) <= self.offers and self.random.random() < 0.3:
            self.order(self.offered(name, call_id))
            return
        asked = [leg for leg in legs if leg in self.asked and legs[leg] in TALKS]
        offer = pick(asked or list(legs))
        if not offer:
            return
        if legs[offer] in TALKS:
            self.order(self.of_talking(name, call_id, offer))
        elif self.random.random() < 0.1:
            legs.pop(offer)
            self.order(sw.RouteCancel(command_id=name, call_id=call_id, offer=offer))

    def of_talking(self, name: str, call_id: str, offer: str) -> sw.Command | cc.CallControl:
        pick = self.random.choice
        part: dict[str, Any] = {"call_id": call_id, "device": pick(PHONES), "offer": offer}
        ring: dict[str, Any] = {"ring_us": 15 * SECOND_US, "command_id": name}
        ends = {"command_id": name, "call_id": call_id, "consultation": offer}
        asked = any(leg in self.asked for leg in self.calls[call_id])
        ends_it: list[sw.Command | cc.CallControl] = [
            sw.ClearConnection(command_id=name, **part),
            sw.RouteCancel(command_id=name, call_id=call_id, offer=offer),
            cc.SingleStepTransfer(to=pick(PHONES), **part, **ring),
        ]
        ways: list[sw.Command | cc.CallControl] = [
            sw.Hold(command_id=name, **part),
            sw.Retrieve(command_id=name, **part),
            cc.ConsultationCall(to=pick(PHONES), **part, **ring),
            cc.SingleStepConference(participation=pick(list(cc.Participation)), **part, **ring),
            pick(ends_it),
        ]
        if offer in self.asked:
            ways = [cc.TransferCall(**ends), cc.ConferenceCall(**ends), cc.ReconnectCall(**ends)]
        elif asked:
            ways = [*([ways[0]] * 9), ways[1]]  # A hold is refused: he is on hold.
        elif self.calls[call_id][offer] == "Held":
            ways = ways[1:]
        command = pick(ways)
        if isinstance(command, MAKES_LEG):
            self.calls[call_id][name] = ""
        if isinstance(command, cc.ConsultationCall):
            self.asked.add(name)
        return command

    def of_waiting(self, name: str, call_id: str) -> sw.Command:
        chance = self.random.random()
        if chance < 0.1:
            treatment = self.random.choice(list(Treatment))
            return sw.QueueTreatment(
                command_id=name, call_id=call_id, treatment=treatment, media="soon"
            )
        if chance < 0.15:
            return sw.ClearCall(command_id=name, call_id=call_id)
        if chance < 0.2:
            return sw.RouteEnd(command_id=name, call_id=call_id)
        if chance < 0.25:
            to = self.random.choice(list(Deflection))
            return sw.DeflectCall(command_id=name, call_id=call_id, deflection=to, name="busy")
        return self.offered(name, call_id)

    def offered(self, name: str, call_id: str) -> sw.Command:
        """Return an offer, of a call that may ring at others already."""
        self.calls[call_id][name] = ""
        self.offers.add(name)
        device = self.random.choice(PHONES)
        return sw.RouteSelect(
            command_id=name, call_id=call_id, device=device, ring_us=15 * SECOND_US
        )

    # The world.

    def step(self) -> None:
        switch, pick = self.switch, self.random.choice
        ringing, talking = switch.of_kind("leg", "Ringing"), switch.of_kind("leg")
        customers = switch.of_kind("customer")
        match self.random.choices(range(9), CHANCES)[0]:
            case 0 if len(customers) < CUSTOMERS_MAX:
                switch.call(self.name("c"))
            case 1 if customers:
                switch.end(pick(customers), 16)
            case 2 if ringing:
                switch.pick_up(pick(ringing))
            case 3 if ringing:
                switch.end(pick(ringing), pick([17, 19, 21, 34]))
            case 4 if talking:
                leg = pick(talking)
                if self.random.random() < 0.5:
                    switch.end(leg, 16)
                else:
                    switch.say(pick(["ChannelHold", "ChannelUnhold"]), leg)
            case 5:
                self.route()
            case 6 if self.requests:
                self.send()
            case 7:
                self.deliver()
            case 8 if self.random.random() < 0.05:
                self.cut()
            case 8 if self.random.random() < 0.1:
                self.order(sw.SnapshotRequest(command_id=self.name("snapshot")))
            case 8:
                self.wait(self.random.choice([0, 0.1, 1, 4]))
            case _:
                pass  # Nobody is there who could do it.
        if not self.loss:
            self.check_offers()

    def check_offers(self) -> None:
        """Check that a customer is in one room with one offer."""
        for bridge in self.switch.bridges:
            inside = self.switch.together(bridge)
            offers = [one for one in inside if one.variables.get("ACD_PURPOSE") == "offer"]
            customers = [one for one in inside if one.kind == "customer"]
            assert len(customers) <= 1
            assert not customers or len(offers) <= 1

    # The end.

    def audit(self) -> None:
        """Do what the daemon does once a minute."""
        before = set(self.mapper._table.calls)
        self.order(sw.SnapshotRequest(command_id=self.name("snapshot")))
        self.settle()
        for call_id in sorted(before - set(self.calls)):
            self.order(sw.SnapshotCall(command_id=self.name("look"), call_id=call_id))
        self.settle()

    def calm_down(self) -> None:
        """End the storm; whoever still rings is not answered."""
        self.loss = self.rudeness = 0.0
        self.settle()
        self.wait(30)
        self.settle()
        for leg in self.switch.of_kind("leg", "Ringing"):
            self.switch.end(leg, 19)
        self.settle()
        for _ in range(2):
            self.audit()
            self.wait(5)
            self.settle()

    def check(self, *, is_lossy: bool) -> None:
        """Compare what the table says with what there is."""
        table, switch = self.mapper._table, self.switch
        ours = {one.id for one in switch.of_kind("customer") if one.is_in_app}
        assert {call.channel for call in table.calls.values()} == ours
        assert {leg.channel for leg in table.legs.values()} == {
            one.id for one in switch.channels.values() if one.kind == "leg"
        }
        self.check_offers()
        for leg in table.legs.values():
            there, customer = switch.channels[leg.channel], switch.channels[leg.call.channel]
            assert leg.stage is Stage.TALKING, leg.id
            assert there.bridge, leg.id
            if leg.purpose in {Purpose.OFFER, Purpose.TRANSFER}:
                is_held = leg.hold is Hold.SWITCH
                assert (customer.bridge == there.bridge) is not is_held, leg.id
            if leg.purpose in SILENT:
                assert any(one.kind == "ear" for one in switch.together(there.bridge))
        for call in table.calls.values():
            if not call.legs and not is_lossy:
                assert not switch.channels[call.channel].bridge
        assert {name: self.results[name] for name in self.given} == dict.fromkeys(self.given, 1)


def _legs(call: sw.Call) -> dict[str, str]:
    rings = ConnectionState.ALERTING
    return {
        one.offer: "Delivered" if one.state is rings else "Established" for one in call.connections
    }


def walk(seed, is_lossy):
    walk = Walk(seed, is_lossy=is_lossy)
    for _ in range(STEPS):
        walk.step()
    walk.calm_down()
    walk.check(is_lossy=is_lossy)
    return walk


@pytest.mark.parametrize("seed", range(80))
def test_table_and_switch_agree_after_a_rude_link(seed):
    walk(seed, is_lossy=False)


@pytest.mark.parametrize("seed", range(80))
def test_table_and_switch_agree_after_losses(seed):
    walk(seed, is_lossy=True)

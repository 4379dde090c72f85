"""Consultation, transfer and conference at the simulated exchange.

Method: in most stories a customer talks with the agent at phone 101 under the offer o-1, who asks
phone 102 (o-2); judged by the events for the daemon, and by whom the ledger says that he is with.
The same stories are told of Asterisk in `test_ari_parties.py`.
"""

from typing import Any

import pytest

from acd.settings import SECOND_US
from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated.exchange import Exchange
from acd.switch_protocol.simulated.ledger import Did
from acd.switch_protocol.simulated.orders import carry_out
from acd.switch_protocol.simulated.robots import Habits, Robots
from acd.switch_protocol.simulated.state import as_told
from acd.switch_protocol.words import (
    CommandError,
    CommandStage,
    ConnectionState,
    DeviceState,
    Treatment,
)

RING_US = 10 * SECOND_US


class Talk:
    """A customer who talks with the agent at phone 101."""

    def __init__(self):
        self.now_us = 0
        self.exchange = Exchange(("101", "102", "103"), run="x", fallback_us=60 * SECOND_US)
        self.exchange.link(0)
        self.call = self.exchange.place_call("4000", now_us=0)
        select = sw.RouteSelect(
            command_id="o-1", call_id=self.call, device="101", ring_us=RING_US, auto_answer=True
        )
        self.order(select)

    def order(self, command):
        """Carry out a command; return what it led to: events by tag, and its error if it has one.

        Every command has one result, at the end.
        """
        self.exchange.events.clear()
        carry_out(self.exchange, command, self.now_us)
        *events, result = self.exchange.events
        self.exchange.events.clear()
        assert isinstance(result, sw.CommandResult)
        assert result.command_id == command.command_id
        assert (result.stage is CommandStage.REJECTED) == (result.error is not CommandError.NONE)
        return told(events) if result.error is CommandError.NONE else result.error

    def press(self, what, device):
        """Let an agent use his phone; return the events."""
        self.exchange.events.clear()
        assert getattr(self.exchange, what)(device, self.now_us)
        return told(self.exchange.events)

    def consult(self, offer="o-2", to="102", by="o-1", call="", *, auto_answer=False):
        return self.order(
            cc.ConsultationCall(
                command_id=offer,
                call_id=call or self.call,
                device="101",
                offer=by,
                to=to,
                ring_us=RING_US,
                auto_answer=auto_answer,
            )
        )

    def finish(self, kind, consultation="o-2"):
        return self.order(kind(command_id="f", call_id=self.call, consultation=consultation))

    def part(self, kind, offer, device):
        return self.order(kind(command_id="p", call_id=self.call, device=device, offer=offer))

    def ask(self):
        """Bring the agent and whom he asks together."""
        self.consult()
        self.press("answer", "102")

    def hears(self):
        """Return the phones that the customer hears."""
        call = self.exchange.calls.get(self.call)
        return (
            []
            if call is None
            else [one.device for one in call.offers.values() if one.with_customer]
        )

    def did(self, *wanted):
        return [
            (line.did, line.device, line.note)
            for line in self.exchange.ledger.after(0)
            if line.did in wanted
        ]


def told(events):
    """Return events by tag, with the phone they are about, and the cause of an end."""
    found = []
    for event in events:
        words = [event.__struct_config__.tag, getattr(event, "device", "")]
        if isinstance(event, sw.ConnectionCleared | sw.ReRoute):
            words.append(event.cause)
        if isinstance(event, sw.Transferred):
            words.append(event.to)
        found.append(" ".join(filter(None, words)))
    return found


def test_a_consultation_holds_the_customer_and_joins_the_agents():
    talk = Talk()
    assert talk.consult() == ["held 101", "delivered 102"]
    assert talk.press("answer", "102") == ["established 102", "route.used 102"]
    assert talk.hears() == []
    assert talk.did(Did.CONSULTED, Did.ASKED) == [
        (Did.CONSULTED, "102", "o-1"),
        (Did.ASKED, "102", ""),
    ]
    states = {one.device: one.state for one in as_told(talk.exchange.calls[talk.call]).connections}
    assert states == {"101": ConnectionState.HOLD, "102": ConnectionState.CONNECTED}


def test_a_consultation_becomes_a_transfer():
    talk = Talk()
    talk.ask()
    assert talk.finish(cc.TransferCall) == [
        "transferred 101 102",
        "connection.cleared 101 redirected",
    ]
    assert talk.hears() == ["102"]
    assert not talk.exchange.phones["101"].offer_id
    assert talk.press("hang_up", "102") == ["connection.cleared 102 normalClearing"]


def test_a_consultation_becomes_a_conference_from_which_each_may_go():
    talk = Talk()
    talk.ask()
    assert talk.finish(cc.ConferenceCall) == ["conferenced 102", "retrieved 101"]
    assert talk.hears() == ["101", "102"]
    assert talk.press("hang_up", "101") == ["connection.cleared 101 normalClearing"]
    assert talk.hears() == ["102"]
    assert talk.did(Did.MUSIC) == []
    talk.press("hang_up", "102")
    assert talk.did(Did.MUSIC) == [(Did.MUSIC, "", "")]


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("stage", ["rings", "talks"])
def test_who_is_not_wanted_any_more_is_let_go_and_the_customer_comes_back(stage, held):
    talk = Talk()
    if held:
        talk.part(sw.Hold, "o-1", "101")
    talk.consult()
    if stage == "talks":
        talk.press("answer", "102")
    cleared = ["connection.cleared 102 callCancelled"] if stage == "talks" else []
    assert talk.finish(cc.ReconnectCall) == [*cleared, "retrieved 101"]
    assert talk.hears() == ["101"]
    assert not talk.exchange.phones["102"].offer_id


@pytest.mark.parametrize("how", ["hangs up", "declines", "never answers", "is torn out"])
def test_whoever_was_asked_and_goes_brings_the_customer_back(how):
    talk = Talk()
    talk.consult()
    talk.exchange.events.clear()
    if how == "hangs up":
        talk.press("answer", "102")
        events = talk.press("hang_up", "102")
    elif how == "declines":
        events = talk.press("decline", "102")
    elif how == "never answers":
        talk.exchange.advance(20 * SECOND_US)
        events = told(talk.exchange.events)
    else:
        talk.exchange.set_device("102", DeviceState.OUT_OF_SERVICE, 0)
        events = told(talk.exchange.events)[1:]
    assert events[-1] == "retrieved 101"
    assert len(events) == 2
    assert talk.hears() == ["101"]


def test_a_customer_who_was_on_hold_before_stays_so_while_others_are_asked():
    talk = Talk()
    assert talk.part(sw.Hold, "o-1", "101") == ["held 101"]
    assert talk.consult() == ["delivered 102"]
    assert talk.press("decline", "102") == ["route.re_route rejected"]
    assert talk.consult("o-3", "103") == ["delivered 103"]
    talk.press("answer", "103")
    assert talk.hears() == []
    assert talk.press("hang_up", "103")[-1] == "retrieved 101"


def test_several_may_ring_for_an_agent_until_one_answers():
    talk = Talk()
    talk.consult()
    assert talk.consult("o-3", "103") == ["delivered 103"]
    cancel = sw.RouteCancel(command_id="c", call_id=talk.call, offer="o-3")
    assert talk.order(cancel) == []
    talk.press("answer", "102")
    assert talk.consult("o-4", "103") is CommandError.WRONG_STATE


def test_whoever_answers_after_another_is_redirected_but_in_a_conference():
    talk = Talk()
    talk.order(sw.RouteSelect(command_id="o-8", call_id=talk.call, device="103", ring_us=RING_US))
    assert not talk.exchange.answer("103", 0)
    assert told(talk.exchange.events)[-1] == "route.re_route redirected"
    talk.consult()
    talk.consult("o-3", "103")
    talk.press("answer", "102")
    assert not talk.exchange.phones["103"].offer_id
    talk.finish(cc.ConferenceCall)
    talk.part(sw.ClearConnection, "o-1", "101")
    talk.order(sw.RouteSelect(command_id="o-9", call_id=talk.call, device="103", ring_us=RING_US))
    talk.press("answer", "103")
    assert talk.hears() == ["102", "103"]


@pytest.mark.parametrize("how", ["hangs up", "is cleared", "is canceled", "is torn out"])
def test_an_agent_who_goes_while_he_asks_leaves_the_two_together(how):
    talk = Talk()
    talk.ask()
    talk.exchange.events.clear()
    if how == "hangs up":
        talk.press("hang_up", "101")
    elif how == "is cleared":
        talk.part(sw.ClearConnection, "o-1", "101")
    elif how == "is canceled":
        talk.order(sw.RouteCancel(command_id="c", call_id=talk.call, offer="o-1"))
    else:
        talk.exchange.set_device("101", DeviceState.OUT_OF_SERVICE, 0)
    assert talk.hears() == ["102"]
    assert talk.did(Did.TRANSFERRED) == [(Did.TRANSFERRED, "102", "o-1")]
    assert talk.did(Did.MUSIC) == []


def test_an_agent_who_hangs_up_is_told_before_the_transfer_that_follows():
    talk = Talk()
    talk.ask()
    assert talk.press("hang_up", "101") == [
        "connection.cleared 101 normalClearing",
        "transferred 101 102",
    ]


def test_an_agent_who_goes_while_it_rings_leaves_the_customer_to_who_answers():
    talk = Talk()
    talk.consult()
    assert talk.press("hang_up", "101") == ["connection.cleared 101 normalClearing"]
    assert talk.press("answer", "102") == ["established 102", "route.used 102"]
    assert talk.hears() == ["102"]
    assert talk.did(Did.TALKING) == [(Did.TALKING, "101", ""), (Did.TALKING, "102", "")]


def test_a_customer_who_leaves_while_he_is_on_hold_frees_both_phones():
    talk = Talk()
    talk.ask()
    assert talk.exchange.hang_up_customer(talk.call, 1)
    assert told(talk.exchange.events)[-1] == "call.cleared"
    assert not any(phone.offer_id for phone in talk.exchange.phones.values())


def test_a_customer_who_is_not_retrieved_while_his_agent_asks_is_never_with_two():
    talk = Talk()
    talk.consult()
    assert talk.part(sw.Retrieve, "o-1", "101") is CommandError.WRONG_STATE
    assert not talk.exchange.retrieve("101", 0)
    talk.press("answer", "102")
    assert not talk.exchange.retrieve("101", 0)
    assert talk.part(sw.Hold, "o-2", "102") is CommandError.WRONG_STATE
    assert talk.press("hold", "102") == ["held 102"]
    assert talk.finish(cc.TransferCall)[0] == "transferred 101 102"
    assert talk.press("retrieve", "102") == ["retrieved 102"]


def test_a_hold_is_ended_by_whose_it_is():
    talk = Talk()
    talk.press("hold", "101")
    assert talk.part(sw.Retrieve, "o-1", "101") is CommandError.WRONG_STATE
    talk.press("retrieve", "101")
    talk.part(sw.Hold, "o-1", "101")
    assert not talk.exchange.retrieve("101", 0)
    assert talk.part(sw.Retrieve, "o-1", "101") == ["retrieved 101"]


def test_an_order_takes_over_a_hold_of_the_agents_own():
    talk = Talk()
    talk.press("hold", "101")
    assert talk.part(sw.Hold, "o-1", "101") == []
    assert talk.part(sw.Hold, "o-1", "101") is CommandError.WRONG_STATE
    assert not talk.exchange.hold("101", 0)
    assert not talk.exchange.retrieve("101", 0)
    assert talk.part(sw.Retrieve, "o-1", "101") == ["retrieved 101"]


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"offer": "o-1"}, CommandError.ALREADY_GIVEN),
        ({"to": "999"}, CommandError.DEVICE_UNKNOWN),
        ({"to": "101"}, CommandError.DEVICE_BUSY),
        ({"by": "o-9"}, CommandError.WRONG_STATE),
        ({"call": "none"}, CommandError.CALL_UNKNOWN),
    ],
)
def test_what_cannot_be_asked_changes_nothing(wrong, error):
    talk = Talk()
    assert talk.consult(**wrong) is error
    assert talk.hears() == ["101"]
    assert len(talk.did(Did.SELECT_REFUSED)) == 1


def test_only_whoever_talks_may_ask():
    talk = Talk()
    waiting = talk.exchange.place_call("4000", now_us=0)
    talk.order(sw.RouteSelect(command_id="o-5", call_id=waiting, device="103", ring_us=RING_US))
    assert talk.consult(by="o-5", call=waiting) is CommandError.WRONG_STATE
    assert talk.consult(by="o-5") is CommandError.WRONG_STATE
    talk.ask()
    assert talk.consult("o-6", "103", by="o-2") is CommandError.DEVICE_BUSY
    talk.exchange.decline("103", 0)
    assert talk.consult("o-6", "103", by="o-2") is CommandError.WRONG_STATE


def test_a_consultation_that_is_none_cannot_be_ended():
    talk = Talk()
    for kind in (cc.TransferCall, cc.ConferenceCall, cc.ReconnectCall):
        assert talk.finish(kind) is CommandError.WRONG_STATE
        assert talk.finish(kind, "o-1") is CommandError.WRONG_STATE
    talk.consult()
    assert talk.finish(cc.TransferCall) is CommandError.WRONG_STATE
    other = cc.ReconnectCall(command_id="f", call_id="none", consultation="o-2")
    assert talk.order(other) is CommandError.WRONG_STATE


def test_an_agent_whose_part_is_cleared_leaves_the_customer_with_music():
    talk = Talk()
    assert talk.part(sw.ClearConnection, "o-1", "101") == ["connection.cleared 101 normalClearing"]
    assert talk.did(Did.MUSIC) == [(Did.MUSIC, "", "")]
    music = sw.QueueTreatment(command_id="m", call_id=talk.call, treatment=Treatment.MUSIC)
    assert talk.order(music) == []
    select = sw.RouteSelect(command_id="o-7", call_id=talk.call, device="102", ring_us=RING_US)
    assert talk.order(select) == ["delivered 102"]
    talk.press("answer", "102")
    assert talk.order(music) is CommandError.WRONG_STATE


def test_what_this_switch_does_not_do_is_said():
    talk = Talk()
    common: dict[str, Any] = {"command_id": "n", "call_id": talk.call, "offer": "o-1", "ring_us": 1}
    for command in (
        cc.SingleStepTransfer(device="101", to="102", **common),
        cc.SingleStepConference(device="102", participation=cc.Participation.LISTEN, **common),
        cc.SetRouteMode(command_id="n", enabled=False),
    ):
        assert talk.order(command) is CommandError.NOT_SUPPORTED


def test_a_robot_answers_and_hangs_up_what_it_is_asked():
    talk = Talk()
    robots = Robots(talk.exchange, seed=1)
    robots.settle_in("102", Habits((5, 5), (7, 7)))
    talk.consult(auto_answer=False)
    robots.act(0)
    robots.act(5)
    assert talk.did(Did.ASKED) == [(Did.ASKED, "102", "")]
    robots.act(12)
    assert talk.did(Did.AGENT_HUNG_UP) == [(Did.AGENT_HUNG_UP, "102", "")]
    assert talk.hears() == ["101"]


def test_a_phone_that_answers_by_itself_does_so_when_it_is_asked():
    talk = Talk()
    events = talk.consult(auto_answer=True)
    assert events == ["held 101", "delivered 102", "established 102", "route.used 102"]

"""Hold, transfer, consultation, conference and listening in at Asterisk.

Method: `ari_script.Script` tells what Asterisk tells. In most stories a customer (channel c1) talks
with the agent at phone 101 (leg acd-1); "acd-2" is the leg to whom else takes part.
"""

from typing import Any

import pytest

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import CommandStage, EventCause
from tests.unit.ari_script import SECOND_US, Script, customer

PART: dict[str, Any] = {"call_id": "c1", "device": "101", "offer": "acd-1"}
ASKED: dict[str, Any] = {"call_id": "c1", "device": "102", "offer": "acd-2"}
DIALLED = (
    "POST channels/x-acd-2 endpoint=PJSIP/102 app=acd appArgs=leg originator=c1"
    " callerId=+4930123 timeout=18"
)
TALK = "bridges/acd-1.talk"
OUT = f"POST {TALK}/removeChannel channel=c1"
BACK = f"POST {TALK}/addChannel channel=c1"


@pytest.fixture
def script():
    """Return a switch at which a customer and an agent talk."""
    script = Script()
    script.call()
    script.talk()
    return script


def other(script, purpose, to="102"):
    """Have another command than RouteSelect make the leg acd-2."""
    common: dict[str, Any] = {
        "command_id": "acd-2",
        "call_id": "c1",
        "offer": "acd-1",
        "ring_us": 15 * SECOND_US,
    }
    script.make_leg("x-acd-2", to)
    match purpose:
        case "transfer":
            script.order(cc.SingleStepTransfer(device="101", to=to, **common))
        case "consult":
            script.order(cc.ConsultationCall(device="101", to=to, **common))
        case how:
            script.order(
                cc.SingleStepConference(device=to, participation=cc.Participation(how), **common)
            )


def consult(script):
    """Bring the agent and whom he asks together, and forget how."""
    other(script, "consult")
    script.leave_bridge("acd-1.talk", "c1")
    script.answer("POST channels/x-acd-2", 200)
    script.ring("x-acd-2")
    script.pick_up("x-acd-2")
    script.enter("acd-1.talk", "x-acd-2")
    assert script.told()[-1] == sw.Established(**ASKED)
    script.forget()


# Hold.


def test_a_customer_is_put_on_hold_and_taken_off(script):
    script.order(sw.Hold(command_id="h", **PART))
    assert script.asked() == [
        "POST channels/acd-1/variable variable=ACD_HELD value=switch",
        OUT,
        "POST channels/c1/moh",
    ]
    script.answer(OUT)
    script.leave_bridge("acd-1.talk", "c1")
    assert script.kinds() == ["CommandResult", "Held"]
    script.order(sw.Hold(command_id="again", **PART))
    assert script.results() == [("again", "rejected", "wrong_state")]
    script.order(sw.Retrieve(command_id="r", **PART))
    assert script.asked() == ["DELETE channels/c1/moh", BACK]
    assert script.told() == []
    script.answer(BACK)
    script.enter("acd-1.talk", "c1")
    assert script.kinds() == ["CommandResult", "Retrieved"]
    script.order(sw.Retrieve(command_id="again", **PART))
    assert script.results() == [("again", "rejected", "wrong_state")]


def test_music_goes_on_where_the_customer_cannot_be_taken_off_hold(script):
    hold = {"call_id": "c1", "device": "101", "offer": "acd-1"}
    script.order(sw.Hold(command_id="h", **hold))
    script.leave_bridge("acd-1.talk", "c1")
    script.order(sw.Retrieve(command_id="r", **hold))
    script.answer(BACK, 500)
    assert script.asked()[-1] == "POST channels/c1/moh"


def test_a_hold_that_the_switch_refuses_is_none(script):
    script.order(sw.Hold(command_id="h", **PART))
    script.answer(OUT, 422)
    assert script.results() == [("h", "rejected", "wrong_state")]
    script.forget()
    script.order(sw.Hold(command_id="again", **PART))
    assert OUT in script.asked()


def test_a_consultation_is_given_up_where_the_customer_cannot_be_set_aside(script):
    other(script, "consult")
    script.ring("x-acd-2")
    script.forget()
    script.answer(OUT, 500)
    assert script.told() == [
        sw.ReRoute(call_id="c1", offer="acd-2", cause=EventCause.CALL_CANCELLED)
    ]
    assert "DELETE channels/x-acd-2" in script.asked()
    script.order(sw.Retrieve(command_id="r", **PART))
    assert script.results()[-1] == ("r", "rejected", "wrong_state")


def test_an_entry_that_is_told_again_does_not_end_a_hold(script):
    script.order(sw.Hold(command_id="h", **PART))
    script.enter("acd-1.talk", "c1")
    script.leave_bridge("acd-1.talk", "c1")
    assert script.told() == [sw.Held(**PART)]


def test_a_phone_puts_a_customer_on_hold_by_itself(script):
    for kind, told, mark in (
        ("ChannelHold", [sw.Held(**PART)], ["phone"]),
        ("ChannelHold", [], []),
        ("ChannelUnhold", [sw.Retrieved(**PART)], [""]),
        ("ChannelUnhold", [], []),
    ):
        script.say(kind, channel=script.channel("acd-1"))
        assert script.told() == told
        marked = [f"POST channels/acd-1/variable variable=ACD_HELD value={one}" for one in mark]
        assert script.asked() == marked
    script.say("ChannelHold", channel=script.channel("c1"))
    assert script.told() == []


def test_an_order_takes_over_a_hold_of_the_phones_own(script):
    script.say("ChannelHold", channel=script.channel("acd-1"))
    script.forget()
    script.order(sw.Hold(command_id="h", **PART))
    assert OUT in script.asked()
    script.answer(OUT)
    script.leave_bridge("acd-1.talk", "c1")
    script.say("ChannelUnhold", channel=script.channel("acd-1"))
    script.order(sw.Hold(command_id="again", **PART))
    assert script.results() == [
        ("h", "accepted", "none"),
        ("again", "rejected", "wrong_state"),
    ]


def test_only_who_talks_can_hold(script):
    script.call("c2")
    script.select("acd-2", call="c2", device="102")
    script.ring("acd-2")
    script.forget()
    script.say("ChannelHold", channel=script.channel("acd-2"))
    assert script.told() == []
    for name, call, offer in (("a", "c2", "acd-2"), ("b", "c2", "acd-1"), ("c", "c1", "acd-9")):
        script.order(sw.Hold(command_id=name, call_id=call, device="102", offer=offer))
    assert {result[1:] for result in script.results()} == {("rejected", "wrong_state")}
    assert script.asked() == []


# Blind transfer.


def test_a_blind_transfer_ends_the_agents_part_and_lets_the_other_ring(script):
    other(script, "transfer")
    assert script.told() == [sw.ConnectionCleared(cause=EventCause.REDIRECTED, **PART)]
    assert script.asked() == [
        "DELETE channels/acd-1",
        f"DELETE {TALK}",
        "POST channels/c1/moh",
        DIALLED,
    ]
    assert script.requests[-1].variables["ACD_PURPOSE"] == "transfer"
    script.answer("POST channels/x-acd-2", 200)
    script.ring("x-acd-2")
    script.pick_up("x-acd-2")
    script.enter("acd-2.talk", "c1", "x-acd-2")
    assert script.kinds() == ["CommandResult", "Delivered", "Established"]


def test_a_blind_transfer_to_nobody_lets_the_customer_wait(script):
    other(script, "transfer")
    script.ring("x-acd-2")
    script.forget()
    script.destroy("x-acd-2", 17)
    script.wait(60)
    assert script.told() == [sw.ReRoute(call_id="c1", offer="acd-2", cause=EventCause.BUSY)]
    assert script.asked() == []


def test_a_blind_transfer_of_nobody_changes_nothing(script):
    script.call("c2")
    script.told()
    script.order(
        cc.SingleStepTransfer(
            command_id="acd-2", call_id="c2", device="101", offer="acd-1", to="102", ring_us=1
        )
    )
    assert script.results() == [("acd-2", "rejected", "wrong_state")]
    other(script, "transfer", to="999")
    assert script.results() == [("acd-2", "rejected", "device_unknown")]
    assert script.asked() == []


# Consultation.


def test_a_consultation_holds_the_customer_and_joins_whom_was_asked(script):
    other(script, "consult")
    assert script.asked()[1:3] == [OUT, "POST channels/c1/moh"]
    script.leave_bridge("acd-1.talk", "c1")
    script.ring("x-acd-2")
    script.pick_up("x-acd-2")
    assert script.asked() == [f"POST {TALK}/addChannel channel=x-acd-2"]
    script.enter("acd-1.talk", "x-acd-2")
    assert script.told() == [sw.Held(**PART), sw.Delivered(**ASKED), sw.Established(**ASKED)]
    other(script, "consult")
    assert script.results()[0][1] == "rejected"


def test_a_consultation_becomes_a_transfer(script):
    consult(script)
    script.order(cc.TransferCall(command_id="t", call_id="c1", consultation="acd-2"))
    assert script.asked() == ["DELETE channels/c1/moh", BACK]
    assert script.told() == []
    script.answer(BACK)
    assert script.asked() == [
        "POST channels/x-acd-2/variable variable=ACD_PURPOSE value=transfer",
        "DELETE channels/acd-1",
    ]
    script.enter("acd-1.talk", "c1")
    script.destroy("acd-1")
    assert script.told() == [
        sw.CommandResult(command_id="t", call_id="c1", stage=CommandStage.ACCEPTED),
        sw.Transferred(**PART, to="102", to_offer="acd-2"),
        sw.ConnectionCleared(cause=EventCause.REDIRECTED, **PART),
    ]
    script.wait(60)
    script.hang_up("x-acd-2")
    assert script.told() == [sw.ConnectionCleared(**ASKED)]


@pytest.mark.parametrize("kind", [cc.TransferCall, cc.ConferenceCall])
def test_a_consultation_goes_on_where_the_customer_cannot_be_brought_back(script, kind):
    consult(script)
    script.order(kind(command_id="t", call_id="c1", consultation="acd-2"))
    script.answer(BACK, 500)
    assert script.results() == [("t", "rejected", "overload")]
    assert script.asked()[-1] == "POST channels/c1/moh"
    script.order(cc.ReconnectCall(command_id="r", call_id="c1", consultation="acd-2"))
    assert script.kinds() == ["CommandResult", "ConnectionCleared"]


def test_an_agent_who_goes_while_his_transfer_is_made_leaves_the_two_together(script):
    consult(script)
    script.order(cc.TransferCall(command_id="t", call_id="c1", consultation="acd-2"))
    script.hang_up("acd-1")
    script.answer(BACK)
    script.enter("acd-1.talk", "c1")
    script.wait(60)
    assert script.kinds() == ["ConnectionCleared", "CommandResult", "Transferred"]
    assert "DELETE channels/x-acd-2" not in script.asked()


def test_a_customer_whose_agent_went_while_his_transfer_failed_is_brought_back_once_more(script):
    consult(script)
    script.order(cc.TransferCall(command_id="t", call_id="c1", consultation="acd-2"))
    script.hang_up("acd-1")
    script.forget()
    script.answer(BACK, 500)
    assert script.results() == [("t", "rejected", "overload")]
    assert script.asked()[-1] == BACK
    script.answer(BACK, 500)
    assert script.told() == [sw.ConnectionCleared(cause=EventCause.CALL_CANCELLED, **ASKED)]


def test_a_customer_who_is_on_his_way_back_is_not_brought_back_twice(script):
    consult(script)
    script.order(cc.ReconnectCall(command_id="r", call_id="c1", consultation="acd-2"))
    script.forget()
    script.order(sw.Retrieve(command_id="again", **PART))
    assert script.results() == [("again", "accepted", "none")]
    assert script.asked() == []


def test_a_consultation_becomes_a_conference_from_which_each_may_go(script):
    consult(script)
    script.order(cc.ConferenceCall(command_id="t", call_id="c1", consultation="acd-2"))
    script.answer(BACK)
    script.enter("acd-1.talk", "c1")
    assert script.kinds() == ["CommandResult", "Conferenced", "Retrieved"]
    script.hang_up("acd-1")
    script.wait(60)
    assert script.told() == [sw.ConnectionCleared(**PART)]
    assert f"DELETE {TALK}" not in script.asked()
    script.hang_up("x-acd-2")
    script.wait(60)
    assert script.told() == [sw.ConnectionCleared(**ASKED)]
    assert script.asked() == [f"DELETE {TALK}", "POST channels/c1/moh"]


@pytest.mark.parametrize("stage", ["rings", "talks"])
def test_who_is_not_wanted_any_more_is_let_go_and_the_customer_comes_back(script, stage):
    if stage == "talks":
        consult(script)
    else:
        other(script, "consult")
        script.leave_bridge("acd-1.talk", "c1")
        script.ring("x-acd-2")
        script.forget()
    script.order(cc.ReconnectCall(command_id="r", call_id="c1", consultation="acd-2"))
    assert script.asked() == ["DELETE channels/x-acd-2", "DELETE channels/c1/moh", BACK]
    script.enter("acd-1.talk", "c1")
    cleared = ["ConnectionCleared"] if stage == "talks" else []
    assert script.kinds() == ["CommandResult", *cleared, "Retrieved"]
    script.wait(60)
    assert script.told() == []
    assert script.asked() == ["POST channels/acd-1/variable variable=ACD_HELD value="]


@pytest.mark.parametrize("how", ["hangs up", "is busy", "is not there", "never answers"])
def test_whoever_was_asked_and_goes_brings_the_customer_back(script, how):
    if how == "hangs up":
        consult(script)
        script.hang_up("x-acd-2")
    else:
        other(script, "consult")
        script.leave_bridge("acd-1.talk", "c1")
        if how == "never answers":
            script.ring("x-acd-2")
            script.wait(21.1)
        elif how == "is busy":
            script.destroy("x-acd-2", 17)
        else:
            script.answer("POST channels/x-acd-2", 409)
            script.answer("GET channels/x-acd-2", 404)
    assert script.asked()[-2:] == ["DELETE channels/c1/moh", BACK]
    script.told()
    script.enter("acd-1.talk", "c1")
    assert script.told() == [sw.Retrieved(**PART)]


@pytest.mark.parametrize("how", ["hangs up", "is cleared", "is canceled"])
def test_an_agent_who_goes_while_he_asks_leaves_the_two_together(script, how):
    consult(script)
    if how == "hangs up":
        script.hang_up("acd-1")
    elif how == "is cleared":
        script.order(sw.ClearConnection(command_id="x", **PART))
    else:
        script.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-1"))
    told = [one for one in script.told() if not isinstance(one, sw.CommandResult)]
    cause = EventCause.NORMAL_CLEARING if how == "hangs up" else EventCause.CALL_CANCELLED
    assert told == [
        sw.ConnectionCleared(cause=cause, **PART),
        sw.Transferred(**PART, to="102", to_offer="acd-2"),
    ]
    assert script.asked()[-3:] == [
        "POST channels/x-acd-2/variable variable=ACD_PURPOSE value=transfer",
        "DELETE channels/c1/moh",
        BACK,
    ]
    script.answer(BACK)
    script.enter("acd-1.talk", "c1")
    script.wait(60)
    assert script.told() == []
    assert script.asked() == []


def test_whom_an_agent_left_the_customer_to_is_let_go_where_he_cannot_be_brought_back(script):
    consult(script)
    script.hang_up("acd-1")
    script.forget()
    script.answer(BACK, 500)
    assert script.told() == [sw.ConnectionCleared(cause=EventCause.CALL_CANCELLED, **ASKED)]
    script.wait(1.1)
    assert script.asked() == ["DELETE channels/x-acd-2", f"DELETE {TALK}", "POST channels/c1/moh"]


def test_an_agent_who_goes_while_it_rings_leaves_the_customer_to_who_answers(script):
    other(script, "consult")
    script.leave_bridge("acd-1.talk", "c1")
    script.ring("x-acd-2")
    script.forget()
    script.hang_up("acd-1")
    assert script.told() == [sw.ConnectionCleared(**PART)]
    script.wait(1.1)
    assert script.asked() == [
        "POST channels/x-acd-2/variable variable=ACD_PURPOSE value=transfer",
        f"DELETE {TALK}",
        "POST channels/c1/moh",
    ]
    script.pick_up("x-acd-2")
    script.enter("acd-2.talk", "c1", "x-acd-2")
    assert script.told() == [sw.Established(**ASKED)]


def test_a_customer_who_was_on_hold_before_stays_so_while_others_are_asked(script):
    script.order(sw.Hold(command_id="h", **PART))
    script.leave_bridge("acd-1.talk", "c1")
    script.forget()
    other(script, "consult")
    assert OUT not in script.asked()
    script.ring("x-acd-2")
    script.destroy("x-acd-2", 17)
    assert script.kinds() == ["Delivered", "ReRoute"]
    assert script.asked() == []
    script.order(sw.Retrieve(command_id="r", **PART))
    assert script.asked() == ["DELETE channels/c1/moh", BACK]


def test_a_customer_who_was_on_hold_before_comes_back_when_whom_was_asked_hangs_up(script):
    script.order(sw.Hold(command_id="h", **PART))
    consult(script)
    script.hang_up("x-acd-2")
    assert script.asked()[-2:] == ["DELETE channels/c1/moh", BACK]


def test_a_customer_is_not_taken_off_hold_or_held_by_whom_was_asked_meanwhile(script):
    consult(script)
    script.order(sw.Retrieve(command_id="r", **PART))
    script.order(sw.Hold(command_id="h", **ASKED))
    assert [one[1:] for one in script.results()] == [("rejected", "wrong_state")] * 2
    assert script.asked() == []


def test_several_may_ring_for_an_agent_until_one_answers(script):
    other(script, "consult")
    script.leave_bridge("acd-1.talk", "c1")
    script.ring("x-acd-2")
    script.make_leg("x-acd-3", "103")
    second: dict[str, Any] = {**PART, "ring_us": 15 * SECOND_US}
    script.order(cc.ConsultationCall(command_id="acd-3", to="103", **second))
    script.ring("x-acd-3")
    script.forget()
    script.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-3"))
    assert script.asked() == ["DELETE channels/x-acd-3"]
    script.pick_up("x-acd-2")
    script.enter("acd-1.talk", "x-acd-2")
    script.forget()
    script.order(cc.ConsultationCall(command_id="acd-4", to="103", **second))
    assert script.results() == [("acd-4", "rejected", "wrong_state")]


def test_a_consultation_can_ask_a_phone_to_answer_by_itself(script):
    part: dict[str, Any] = {**PART, "ring_us": 15 * SECOND_US}
    script.order(cc.ConsultationCall(command_id="acd-2", to="102", auto_answer=True, **part))
    assert "PJSIP_HEADER(add,Call-Info)" in script.requests[-1].variables


def test_a_conference_in_which_one_held_the_customer_goes_on_without_that_one(script):
    consult(script)
    script.order(cc.ConferenceCall(command_id="t", call_id="c1", consultation="acd-2"))
    script.answer(BACK)
    script.enter("acd-1.talk", "c1")
    script.order(sw.Hold(command_id="h", **PART))
    script.leave_bridge("acd-1.talk", "c1")
    script.forget()
    script.hang_up("acd-1")
    assert script.told() == [sw.ConnectionCleared(**PART)]
    assert script.asked() == ["DELETE channels/c1/moh", BACK]


def test_a_customer_who_leaves_while_he_is_on_hold_lets_both_go(script):
    consult(script)
    script.hang_up("c1", cause=16)
    assert script.told() == [sw.CallCleared(call_id="c1")]
    deleted = ["DELETE channels/acd-1", "DELETE channels/x-acd-2"]
    assert script.asked() == [*deleted, f"DELETE {TALK}"]


def test_a_consultation_that_is_none_cannot_be_ended(script):
    script.call("c2")
    other(script, "consult")
    script.forget()
    for command in (
        cc.TransferCall(command_id="a", call_id="c1", consultation="acd-1"),
        cc.TransferCall(command_id="b", call_id="c1", consultation="acd-2"),
        cc.ConferenceCall(command_id="c", call_id="c2", consultation="acd-2"),
        cc.ReconnectCall(command_id="d", call_id="c1", consultation="acd-9"),
    ):
        script.order(command)
    assert {result[1:] for result in script.results()} == {("rejected", "wrong_state")}
    assert script.asked() == []


# Supervisors.


@pytest.mark.parametrize("how", ["listen", "whisper"])
def test_a_listener_hears_by_an_ear_at_the_agents_leg(script, how):
    other(script, how)
    script.ring("x-acd-2")
    script.pick_up("x-acd-2")
    whisper = "out" if how == "whisper" else "none"
    assert script.asked()[1:] == [
        f"POST channels/acd-1/snoop/x-acd-2.ear spy=both whisper={whisper} app=acd appArgs=snoop",
        "POST bridges/acd-2.talk type=mixing name=acd",
    ]
    ear = customer("x-acd-2.ear", name="Snoop/acd-1-01", app_data="acd,snoop")
    script.say("StasisStart", args=["snoop"], channel=ear)
    assert script.asked() == ["POST bridges/acd-2.talk/addChannel channel=x-acd-2.ear,x-acd-2"]
    script.enter("acd-2.talk", "x-acd-2")
    assert script.told() == [sw.Delivered(**ASKED), sw.Established(**ASKED)]
    script.order(sw.Hold(command_id="h", **PART))
    script.leave_bridge("acd-1.talk", "c1")
    assert script.kinds() == ["Held"]
    script.forget()
    script.hang_up("x-acd-2")
    assert script.told() == [sw.ConnectionCleared(**ASKED)]
    assert script.asked() == ["DELETE channels/x-acd-2.ear", "DELETE bridges/acd-2.talk"]
    script.say("StasisEnd", channel=ear)
    assert script.told() == []


def test_a_listener_goes_with_the_agent_whom_he_hears(script):
    other(script, "listen")
    script.pick_up("x-acd-2")
    ear = customer("x-acd-2.ear", name="Snoop/acd-1-01", app_data="acd,snoop")
    script.say("StasisStart", args=["snoop"], channel=ear)
    script.enter("acd-2.talk", "x-acd-2")
    script.hang_up("acd-1")
    script.forget()
    script.say("StasisEnd", channel=ear)
    assert script.kinds() == ["ConnectionCleared"]
    assert script.asked()[0] == "DELETE channels/x-acd-2"


def test_a_listener_holds_and_sends_nobody(script):
    other(script, "listen")
    script.ring("x-acd-2")
    script.pick_up("x-acd-2")
    script.enter("acd-2.talk", "x-acd-2")
    script.forget()
    ears = {"call_id": "c1", "device": "102", "offer": "acd-2"}
    script.order(sw.Hold(command_id="a", **ears))
    script.order(cc.SingleStepTransfer(command_id="b", to="103", ring_us=1, **ears))
    assert {result[1:] for result in script.results()} == {("rejected", "wrong_state")}
    assert script.asked() == []


def test_a_supervisor_who_comes_too_late_is_let_go(script):
    other(script, "active")
    script.ring("x-acd-2")
    script.hang_up("acd-1")
    script.wait(2)
    script.forget()
    script.pick_up("x-acd-2")
    assert script.told() == [
        sw.ReRoute(call_id="c1", offer="acd-2", cause=EventCause.CALL_CANCELLED)
    ]
    assert script.asked()[0] == "DELETE channels/x-acd-2"


def test_an_ear_that_nobody_needs_is_taken_away(script):
    ear = customer("x-acd-7.ear", name="Snoop/acd-1-01", app_data="acd,snoop")
    script.say("StasisStart", args=["snoop"], channel=ear)
    assert script.asked() == ["DELETE channels/x-acd-7.ear"]


@pytest.mark.parametrize("how", ["the agent left", "no ear", "no entry"])
def test_a_listener_who_cannot_hear_is_let_go(script, how):
    other(script, "listen")
    script.ring("x-acd-2")
    if how == "the agent left":
        script.hang_up("acd-1")
    script.pick_up("x-acd-2")
    if how == "no ear":
        script.answer("POST channels/acd-1/snoop/x-acd-2.ear", 404)
    script.wait(3.1)
    assert "DELETE channels/x-acd-2" in script.asked()


def test_a_supervisor_barges_in(script):
    other(script, "active")
    script.ring("x-acd-2")
    script.pick_up("x-acd-2")
    assert script.asked()[1:] == [f"POST {TALK}/addChannel channel=x-acd-2"]
    script.enter("acd-1.talk", "x-acd-2")
    assert script.told()[1:] == [sw.Established(**ASKED), sw.Conferenced(**ASKED)]
    script.order(sw.ClearConnection(command_id="x", call_id="c1", device="102", offer="acd-2"))
    assert script.kinds() == ["CommandResult", "ConnectionCleared"]
    script.wait(5)
    assert script.asked() == ["DELETE channels/x-acd-2"]


def test_a_supervisor_who_is_brought_in_twice_stays(script):
    other(script, "active")
    script.answer("POST channels/x-acd-2", 200)
    script.pick_up("x-acd-2")
    script.enter("acd-1.talk", "x-acd-2")
    script.forget()
    other(script, "active")
    assert script.results() == [("acd-2", "rejected", "already_given")]
    script.wait(60)
    assert script.asked() == []

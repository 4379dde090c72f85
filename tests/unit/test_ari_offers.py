"""An offer at Asterisk, from the dialling of a phone to the end of its talk, message by message.

Method: `ari_script.Script` tells what Asterisk tells, and each test reads what the mapper asks of
the switch and tells the daemon, in order.
"""

from typing import Any

import pytest

from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import CommandStage, EventCause, Treatment
from tests.unit.ari_script import Script

DIALLED = (
    "POST channels/acd-1 endpoint=PJSIP/101 app=acd appArgs=leg originator=c1"
    " callerId=+4930123 timeout=18"
)
PART: dict[str, Any] = {"call_id": "c1", "device": "101", "offer": "acd-1"}
LOOK = "GET channels/c1"


@pytest.fixture
def script():
    """Return a switch at which one customer waits."""
    script = Script()
    script.call()
    script.forget()
    return script


def re_route(cause, offer="acd-1"):
    return sw.ReRoute(call_id="c1", offer=offer, cause=cause)


# All goes well.


def test_an_offer_is_dialled_rings_is_answered_joined_and_hung_up(script):
    script.select()
    assert script.asked() == [DIALLED]
    assert script.requests[-1].variables == {
        "ACD_APP": "acd",
        "ACD_CALL": "c1",
        "ACD_OFFER": "acd-1",
        "ACD_DEVICE": "101",
        "ACD_PURPOSE": "offer",
    }
    assert script.told() == []
    script.answer("POST channels/acd-1", 200)
    assert script.results() == [("acd-1", "accepted", "none")]
    script.ring()
    assert script.told() == [sw.Delivered(**PART)]
    script.pick_up()
    assert script.asked() == [
        "POST bridges/acd-1.talk type=mixing name=acd",
        "POST bridges/acd-1.talk/addChannel channel=c1,acd-1",
    ]
    script.enter("acd-1.talk", "c1")
    assert script.told() == []
    script.enter("acd-1.talk", "acd-1")
    assert script.told() == [sw.Established(**PART)]
    assert script.asked()[0] == "POST channels/c1/variable variable=ACD_SERVED value=1"
    script.hang_up("acd-1")
    script.leave_bridge("acd-1.talk", "acd-1")
    script.leave("acd-1")
    script.destroy("acd-1")
    assert script.told() == [sw.ConnectionCleared(**PART)]
    script.order(sw.ClearCall(command_id="clear", call_id="c1"))
    assert script.asked() == ["DELETE channels/c1"]
    script.answer("DELETE channels/c1")
    script.hang_up("c1", cause=32, soft=True)
    script.leave("c1")
    assert script.told() == [
        sw.CommandResult(command_id="clear", call_id="c1", stage=CommandStage.ACCEPTED),
        sw.CallCleared(call_id="c1"),
    ]
    assert script.asked() == ["DELETE bridges/acd-1.talk"]


def test_the_music_ends_before_the_customer_is_joined(script):
    script.order(sw.QueueTreatment(command_id="t", call_id="c1", treatment=Treatment.MUSIC))
    script.select()
    script.ring()
    script.forget()
    script.pick_up()
    assert script.asked() == [
        "POST bridges/acd-1.talk type=mixing name=acd",
        "DELETE channels/c1/moh",
        "POST bridges/acd-1.talk/addChannel channel=c1,acd-1",
    ]


def test_a_phone_may_be_asked_to_answer_by_itself(script):
    script.order(
        sw.RouteSelect(command_id="acd-1", call_id="c1", device="101", ring_us=1, auto_answer=True)
    )
    assert script.requests[-1].variables["PJSIP_HEADER(add,Call-Info)"].endswith("answer-after=0")
    assert script.requests[-1].query[-1] == ("timeout", "4")


def test_what_a_customer_chose_as_his_number_shows_as_digits_at_the_phone():
    script = Script()
    script.call(number='"x"\r\n <sip:0900@evil>,&PJSIP/666')
    script.select()
    assert "callerId=0900666 " in script.asked()[-1]


def test_events_that_come_before_the_answer_are_the_answer(script):
    script.select()
    script.ring()
    script.pick_up()
    script.enter("acd-1.talk", "acd-1", "c1")
    assert script.kinds() == ["Delivered", "Established"]
    script.answer("POST channels/acd-1", 409)
    assert script.results() == [("acd-1", "accepted", "none")]


def test_an_answer_that_nobody_knows_is_told_as_such_and_the_offer_lives(script):
    script.select()
    script.leave_open("POST channels/acd-1")
    assert script.results() == [("acd-1", "unknown", "timeout")]
    script.ring()
    assert script.told() == [sw.Delivered(**PART)]


def test_what_is_told_twice_or_too_late_changes_nothing(script):
    script.talk()
    script.ring()
    script.pick_up()
    script.enter("acd-1.talk", "c1", "acd-1")
    assert (script.asked(), script.told()) == ([], [])


def test_one_bridge_lasts_for_a_customer_who_talks_with_one_agent_after_the_other(script):
    script.talk()
    script.hang_up("acd-1")
    script.select("acd-2", device="102")
    script.pick_up("acd-2")
    assert script.asked()[1:] == ["POST bridges/acd-1.talk/addChannel channel=c1,acd-2"]
    script.enter("acd-1.talk", "acd-2")
    assert script.kinds()[-1] == "Established"


def test_a_customer_whose_agent_hung_up_and_who_is_not_let_go_hears_music(script):
    script.talk()
    script.hang_up("acd-1")
    script.wait(0.9)
    assert script.asked() == []
    script.wait(0.2)
    assert script.asked() == ["DELETE bridges/acd-1.talk", "POST channels/c1/moh"]


# It fails.


@pytest.mark.parametrize(
    "cause, rang, told",
    [
        (17, False, "busy"),
        (17, True, "busy"),
        (21, True, "rejected"),
        (21, False, "rejected"),
        (1, False, "destNotObtainable"),
        (20, False, "destNotObtainable"),
        (27, True, "destNotObtainable"),
        (34, False, "networkCongestion"),
        (42, True, "networkCongestion"),
        (19, True, "callNotAnswered"),
        (18, True, "callNotAnswered"),
        (19, False, "destOutOfOrder"),
        (18, False, "destOutOfOrder"),
        (102, False, "destOutOfOrder"),
        (16, True, "callCancelled"),
        (0, False, "callCancelled"),
        (127, False, "callCancelled"),
        (-5, False, "callCancelled"),
        (10**9, False, "callCancelled"),
    ],
)
def test_why_a_phone_did_not_answer_is_told(script, cause, rang, told):
    script.select()
    if rang:
        script.ring()
    script.forget()
    script.destroy("acd-1", cause)
    assert script.told() == [re_route(EventCause(told))]
    assert script.asked() == []


@pytest.mark.parametrize(
    "status, told",
    [
        ("BUSY", "busy"),
        ("CONGESTION", "networkCongestion"),
        ("CHANUNAVAIL", "destNotObtainable"),
        ("NOANSWER", "destOutOfOrder"),
        ("CANCEL", "callCancelled"),
    ],
)
def test_how_dialling_ended_says_why_where_the_cause_does_not(script, status, told):
    script.select()
    peer = script.channel("acd-1")
    script.say("Dial", dialstatus=status, peer=peer, forward="", dialstring="101")
    script.destroy("acd-1", 0)
    assert script.told() == [re_route(EventCause(told))]


def test_a_phone_that_declines_is_believed_at_once_and_told_once(script):
    script.select()
    script.ring()
    script.forget()
    script.hang_up("acd-1", cause=21)
    assert script.told() == [re_route(EventCause.REJECTED)]
    script.destroy("acd-1", 16)
    assert script.told() == []


def test_that_we_hung_up_is_not_taken_for_the_phones_doing(script):
    script.select()
    script.ring()
    script.forget()
    script.hang_up("acd-1", cause=32, soft=True)
    assert script.told() == []
    script.destroy("acd-1", 19)
    assert script.told() == [re_route(EventCause.CALL_NOT_ANSWERED)]


def test_a_phone_that_does_not_ring_in_time_is_given_up(script):
    script.select()
    script.answer("POST channels/acd-1", 200)
    script.forget()
    script.wait(5.9)
    assert script.told() == []
    script.wait(0.2)
    assert script.told() == [re_route(EventCause.DEST_OUT_OF_ORDER)]
    assert script.asked() == ["DELETE channels/acd-1"]
    script.destroy("acd-1", 16)
    assert script.told() == []


def test_a_phone_whose_end_is_never_told_is_given_up_some_seconds_after_it(script):
    script.select(ring_s=15)
    script.ring()
    script.forget()
    script.wait(20.9)
    assert script.told() == []
    script.wait(0.2)
    assert script.told() == [re_route(EventCause.CALL_NOT_ANSWERED)]
    assert script.asked() == ["DELETE channels/acd-1"]


def test_that_an_id_is_taken_is_told_apart_from_a_phone_that_is_not_there(script):
    taken = {"message": "Channel with given unique ID already exists"}
    for offer in ("acd-1", "acd-2"):
        script.select(offer)
        script.answer(f"POST channels/{offer}", 409, taken)
        assert script.asked()[-1] == f"GET channels/{offer}"
        assert script.told() == []
    script.answer("GET channels/acd-1", 404)
    script.answer("GET channels/acd-2", 200, script.channel("acd-2"))
    assert script.results() == [
        ("acd-1", "rejected", "device_out_of_service"),
        ("acd-2", "rejected", "already_given"),
    ]
    script.ring("acd-2")
    assert script.kinds() == ["Delivered"]


@pytest.mark.parametrize(
    "status, body, error",
    [
        (400, {"message": "Invalid endpoint specified"}, "wrong_state"),
        (
            500,
            {"message": "Internal Server Error", "error": "Allocation failed"},
            "device_out_of_service",
        ),
        (500, ["?"], "overload"),
        (503, None, "overload"),
    ],
)
def test_a_refused_offer_is_over(script, status, body, error):
    script.select()
    script.forget()
    script.answer("POST channels/acd-1", status, body)
    if status < 500:
        assert script.results() == []
        script.answer(LOOK, 200, script.channel("c1"))
    assert script.results() == [("acd-1", "rejected", error)]
    script.select()
    assert script.results() == [("acd-1", "rejected", "offer_ended")]


def test_a_customer_who_is_gone_when_his_phone_is_dialled_is_told_as_gone(script):
    script.select()
    gone = {"message": "Provided originator channel was not found"}
    script.answer("POST channels/acd-1", 400, gone)
    script.answer(LOOK, 404)
    cleared, result = script.told()
    assert cleared == sw.CallCleared(call_id="c1", cause=EventCause.CALL_CANCELLED)
    assert result.error == "call_unknown"  # Which is not the agent's fault.


def test_an_offer_that_never_left_may_be_given_again(script):
    script.select()
    script.answer("POST channels/acd-1", 0)
    assert script.results() == [("acd-1", "not_sent", "overload")]
    script.forget()
    script.select()
    assert script.asked() == [DIALLED]


# Several phones ring for one call.


@pytest.fixture
def ringing(script):
    """Return a switch at which two phones ring for the customer."""
    for offer, device in (("acd-1", "101"), ("acd-2", "102")):
        script.select(offer, device=device)
        script.answer(f"POST channels/{offer}", 200)
        script.ring(offer)
    script.forget()
    return script


JOINED = [
    "POST bridges/acd-2.talk type=mixing name=acd",
    "POST bridges/acd-2.talk/addChannel channel=c1,acd-2",
]


def test_the_first_to_answer_is_joined_and_the_others_are_taken_back(ringing):
    ringing.pick_up("acd-2")
    assert ringing.asked() == JOINED
    ringing.enter("acd-2.talk", "c1", "acd-2")
    assert ringing.told() == [sw.Established(call_id="c1", device="102", offer="acd-2")]
    ringing.forget()
    ringing.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-1"))
    assert ringing.asked() == ["DELETE channels/acd-1"]
    assert ringing.results() == [("x", "accepted", "none")]
    ringing.destroy("acd-1")
    ringing.wait(10)
    assert (ringing.asked(), ringing.told()) == ([], [])


def test_who_answers_into_the_cancel_is_hung_up_and_the_customer_talks_on(ringing):
    ringing.pick_up("acd-2")
    ringing.enter("acd-2.talk", "c1", "acd-2")
    ringing.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-1"))
    ringing.forget()
    ringing.pick_up("acd-1")
    assert ringing.asked() == ["DELETE channels/acd-1"]
    ringing.wait(10)
    assert (ringing.asked(), ringing.told()) == ([], [])


def test_who_answers_second_is_not_joined(ringing):
    ringing.pick_up("acd-2")
    ringing.pick_up("acd-1")
    assert ringing.asked() == JOINED
    ringing.enter("acd-2.talk", "c1", "acd-2")
    assert ringing.kinds() == ["Established"]
    ringing.forget()
    ringing.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-1"))
    assert ringing.asked() == ["DELETE channels/acd-1"]
    ringing.wait(10)
    assert ringing.asked() == []


def test_who_answers_second_is_joined_where_the_first_is_gone_before_he_talks(ringing):
    ringing.pick_up("acd-2")
    ringing.pick_up("acd-1")
    ringing.forget()
    ringing.hang_up("acd-2", cause=16)
    assert ringing.told() == [re_route(EventCause.CALL_CANCELLED, "acd-2")]
    assert ringing.asked() == ["POST bridges/acd-2.talk/addChannel channel=c1,acd-1"]
    ringing.enter("acd-2.talk", "c1", "acd-1")
    assert ringing.told() == [sw.Established(**PART)]


def test_not_so_where_the_first_has_talked(ringing):
    """His customer was served; the daemon, told of it, takes the second offer back."""
    ringing.pick_up("acd-2")
    ringing.pick_up("acd-1")
    ringing.enter("acd-2.talk", "c1", "acd-2")
    ringing.forget()
    ringing.hang_up("acd-2", cause=16)
    assert ringing.kinds() == ["ConnectionCleared"]
    assert ringing.asked() == []


def test_who_answers_second_and_hangs_up_disturbs_nobody(ringing):
    ringing.pick_up("acd-2")
    ringing.pick_up("acd-1")
    ringing.forget()
    ringing.hang_up("acd-1", cause=16)
    ringing.wait(0)
    assert ringing.told() == [re_route(EventCause.CALL_CANCELLED)]
    assert ringing.asked() == []


def test_who_answers_second_is_given_up_where_nobody_takes_his_offer_back(ringing):
    ringing.pick_up("acd-2")
    ringing.pick_up("acd-1")
    ringing.enter("acd-2.talk", "c1", "acd-2")
    ringing.forget()
    ringing.wait(3.1)
    assert ringing.told() == [re_route(EventCause.RESOURCES_NOT_AVAILABLE)]
    assert ringing.asked() == ["DELETE channels/acd-1", LOOK]


def test_a_phone_that_fails_leaves_the_others_ringing_and_the_music_on(ringing):
    ringing.destroy("acd-1", 17)
    ringing.wait(0)
    assert ringing.told() == [re_route(EventCause.BUSY)]
    assert ringing.asked() == []
    ringing.pick_up("acd-2")
    assert ringing.asked() == JOINED


def test_a_customer_who_leaves_lets_all_his_phones_go(ringing):
    ringing.hang_up("c1")
    assert ringing.asked() == ["DELETE channels/acd-1", "DELETE channels/acd-2"]


@pytest.mark.parametrize("how", ["refused", "never"])
def test_a_join_that_fails_gives_the_customer_back(script, how):
    script.select()
    script.ring()
    script.pick_up()
    script.forget()
    if how == "refused":
        script.answer("POST bridges/acd-1.talk/addChannel", 422)
    else:
        script.wait(3.1)
    assert script.told() == [re_route(EventCause.RESOURCES_NOT_AVAILABLE)]
    script.wait(0)
    assert script.asked() == [
        "DELETE channels/acd-1",
        LOOK,
        "DELETE bridges/acd-1.talk",
        "POST channels/c1/moh",
    ]
    script.enter("acd-1.talk", "acd-1", "c1")
    assert script.told() == []


def test_an_agent_who_answers_and_hangs_up_before_he_is_joined_talked_with_nobody(script):
    script.select()
    script.ring()
    script.pick_up()
    script.forget()
    script.hang_up("acd-1", cause=16)
    assert script.told() == [re_route(EventCause.CALL_CANCELLED)]
    script.wait(0)
    assert script.asked() == ["DELETE bridges/acd-1.talk", "POST channels/c1/moh"]


def test_offers_that_make_no_sense_are_refused(script):
    script.select(call="c9")
    script.select("acd-2", device="999")
    script.select("acd-3")
    script.select("acd-3")
    assert script.results() == [
        ("acd-1", "rejected", "call_unknown"),
        ("acd-2", "rejected", "device_unknown"),
        ("acd-3", "rejected", "already_given"),
    ]
    assert len(script.asked()) == 1


# It is taken back.


@pytest.mark.parametrize("stage", ["dialled", "rings", "answered", "talks"])
def test_a_cancel_wins_in_every_stage_and_what_comes_late_is_undone(script, stage):
    script.select()
    script.answer("POST channels/acd-1", 200)
    if stage != "dialled":
        script.ring()
    if stage in {"answered", "talks"}:
        script.pick_up()
    if stage == "talks":
        script.enter("acd-1.talk", "c1", "acd-1")
    script.forget()
    script.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-1"))
    assert script.asked()[0] == "DELETE channels/acd-1"
    script.answer("DELETE channels/acd-1")
    told = script.kinds()
    assert told == ["CommandResult", *(["ConnectionCleared"] if stage == "talks" else [])]
    script.wait(2)
    waits_again = ["DELETE bridges/acd-1.talk", "POST channels/c1/moh"]
    assert script.asked() == (waits_again if stage in {"answered", "talks"} else [])
    # He answered at the same moment.
    script.ring()
    script.pick_up()
    assert script.asked() == ["DELETE channels/acd-1"]
    script.enter("acd-1.talk", "acd-1", "c1")
    script.destroy("acd-1", 16)
    assert script.told() == []
    script.select()
    assert script.results() == [("acd-1", "rejected", "offer_ended")]


@pytest.mark.parametrize("status", [204, 404, 409])
def test_an_offer_that_is_canceled_before_it_was_given_never_rings(script, status):
    script.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-1"))
    assert script.asked() == ["DELETE channels/acd-1"]
    script.answer("DELETE channels/acd-1", status)
    assert script.results()[0][1] == ("accepted" if status == 204 else "confirmed")
    script.select()
    assert script.results() == [("acd-1", "rejected", "offer_ended")]
    assert script.asked() == []


def test_a_canceled_offer_whose_dialling_is_refused_has_one_result(script):
    script.select()
    script.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-1"))
    script.answer("POST channels/acd-1", 409)
    script.answer("DELETE channels/acd-1", 404)
    assert script.results() == [("x", "accepted", "none"), ("acd-1", "rejected", "offer_ended")]


def test_only_the_connection_that_an_offer_made_is_cleared(script):
    script.talk()
    for name, call, offer in (("a", "c1", "acd-9"), ("b", "c1", "acd-1"), ("c", "c1", "acd-1")):
        script.order(sw.ClearConnection(command_id=name, call_id=call, device="101", offer=offer))
    assert script.asked() == ["DELETE channels/acd-1"]
    assert script.results() == [
        ("a", "rejected", "offer_ended"),
        ("b", "accepted", "none"),
        ("c", "rejected", "offer_ended"),
    ]


# The customer leaves.


@pytest.mark.parametrize("stage", ["dialled", "rings", "answered", "talks"])
def test_a_customer_who_leaves_lets_his_phone_go_in_every_stage(script, stage):
    script.select()
    if stage != "dialled":
        script.ring()
    if stage in {"answered", "talks"}:
        script.pick_up()
    if stage == "talks":
        script.enter("acd-1.talk", "c1", "acd-1")
    script.forget()
    script.hang_up("c1", cause=16)
    talked = stage in {"answered", "talks"}
    cause = EventCause.NORMAL_CLEARING if talked else EventCause.CALL_CANCELLED
    assert script.told() == [sw.CallCleared(call_id="c1", cause=cause)]
    bridge = ["DELETE bridges/acd-1.talk"] if talked else []
    assert script.asked() == ["DELETE channels/acd-1", *bridge]
    script.answer("POST channels/acd-1", 400)
    result = ("rejected", "offer_ended") if stage == "dialled" else ("accepted", "none")
    assert script.results() == [("acd-1", *result)]
    script.leave("c1")
    script.pick_up()
    assert script.asked() == ["DELETE channels/acd-1"]
    script.wait(60)
    assert (script.told(), script.asked()) == ([], [])

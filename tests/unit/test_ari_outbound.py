"""Dialling out at Asterisk, what may be dialled at all, and the drain of a switch.

Method: `ari_script.Script` tells what Asterisk tells; a customer (channel c1) talks with the agent
at phone 101 (leg acd-1), and numbers that begin with +49 may be dialled, two a minute.
"""

import pytest

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import EventCause, Treatment
from tests.unit.ari_script import OUTSIDE, SECOND_US, Script


@pytest.fixture
def script():
    """Return a switch at which a customer and an agent talk."""
    script = Script(outbound=OUTSIDE)
    script.call()
    script.talk()
    return script


def make(name="acd-2", to="+49301"):
    return cc.MakeCall(command_id=name, to=to, dnis="9000", ring_us=20 * SECOND_US)


def test_a_customer_who_is_dialled_comes_in_like_one_who_called(script):
    script.order(make())
    assert script.asked() == [
        "POST channels/x-acd-2 endpoint=PJSIP/+49301@trunk app=acd appArgs=call timeout=20"
    ]
    said = script.requests[-1].variables
    assert said == {"ACD_CALL": "acd-2", "ACD_DNIS": "9000", "ACD_ANI": "+49301"}
    script.answer("POST channels/x-acd-2", 200)
    script.call("x-acd-2", exten="s", number="", **said)
    result, request = script.told()
    assert result.stage == "accepted"
    assert request.call.call_id == "acd-2"
    assert (request.call.dnis, request.call.ani) == ("9000", "+49301")
    script.wait(60)
    assert script.told() == []
    script.hang_up("x-acd-2", cause=16)
    assert script.kinds() == ["CallCleared"]


@pytest.mark.parametrize("case", [(17, "busy"), (19, "callNotAnswered"), (None, "callNotAnswered")])
def test_a_customer_who_is_not_reached_is_told(script, case):
    code, cause = case
    script.make_leg("x-acd-2", "trunk")
    script.order(make())
    script.ring("x-acd-2")
    script.forget()
    if code is None:
        script.wait(23.1)
    else:
        script.destroy("x-acd-2", code)
    assert script.told() == [sw.CallCleared(call_id="acd-2", cause=EventCause(cause))]
    assert script.asked() == (["DELETE channels/x-acd-2"] if code is None else [])
    script.wait(60)
    assert script.told() == []


@pytest.mark.parametrize("to", ["+1900", "0900", "", "+49", "+49301\r\n", "+4930,&PJSIP/1", "١٢٣"])
def test_only_numbers_that_are_allowed_are_dialled(script, to):
    script.order(make(to=to))
    allowed = to == "+49"  # The prefix itself.
    assert bool(script.asked()) is allowed
    assert allowed or script.results() == [("acd-2", "rejected", "device_unknown")]
    assert Script().asked() == []


def test_without_leave_nothing_is_dialled_out():
    script = Script()
    script.order(make())
    assert script.results() == [("acd-2", "rejected", "device_unknown")]


def test_only_so_many_numbers_are_dialled_in_a_minute_transfers_included(script):
    script.order(make("a"))
    script.order(
        cc.ConsultationCall(
            command_id="acd-2",
            call_id="c1",
            device="101",
            offer="acd-1",
            to="+49302",
            ring_us=SECOND_US,
        )
    )
    script.order(make("b"))
    assert script.results() == [("b", "rejected", "overload")]
    assert script.requests[-1].path == ("channels", "x-acd-2")
    assert dict(script.requests[-1].query)["endpoint"] == "PJSIP/+49302@trunk"
    script.wait(29)
    script.order(make("c"))
    script.wait(1)
    script.order(make("d"))
    assert [one for one in script.results() if one[2] == "overload"] == [
        ("c", "rejected", "overload")
    ]


def test_a_number_that_is_dialled_already_is_not_dialled_again(script):
    script.order(make())
    script.order(make())
    assert script.results() == [("acd-2", "rejected", "already_given")]
    script.answer("POST channels/x-acd-2", 500)
    assert script.results() == [("acd-2", "rejected", "overload")]


def test_a_number_outside_may_take_long_until_it_rings(script):
    script.order(
        cc.ConsultationCall(
            command_id="acd-2",
            call_id="c1",
            device="101",
            offer="acd-1",
            to="+49302",
            ring_us=60 * SECOND_US,
        )
    )
    script.forget()
    script.wait(59)
    assert (script.asked(), script.told()) == ([], [])


# Drain.


def test_while_we_drain_new_calls_go_on_in_the_dialplan_and_ours_stay(script):
    script.order(cc.SetRouteMode(command_id="off", enabled=False))
    script.call("c2")
    assert script.results() == [("off", "confirmed", "none")]
    assert script.asked() == ["POST channels/c2/continue"]
    script.hang_up("acd-1")
    assert script.kinds() == ["ConnectionCleared"]
    script.order(cc.SetRouteMode(command_id="on", enabled=True))
    script.call("c3")
    assert script.kinds() == ["CommandResult", "RouteRequest"]


def test_a_customer_is_dialled_no_more_when_that_is_over(script):
    script.make_leg("x-acd-2", "trunk")
    script.order(make())
    script.ring("x-acd-2")
    script.forget()
    clear = sw.ClearCall(command_id="over", call_id="acd-2")
    script.order(clear)
    assert script.asked() == ["DELETE channels/x-acd-2"]
    script.destroy("x-acd-2", 0)
    assert "CallCleared" in script.kinds()
    script.order(clear)
    assert script.results()[-1] == ("over", "rejected", "call_unknown")


def test_a_place_is_said_behind_its_recording():
    script = Script(outbound=OUTSIDE)
    script.call()
    script.forget()
    for name, media, digits in (("a", "place", "3"), ("b", "", "4")):
        script.order(
            sw.QueueTreatment(
                command_id=name,
                call_id="c1",
                treatment=Treatment.ANNOUNCEMENT,
                media=media,
                digits=digits,
            )
        )
    played = [one for one in script.asked() if "/play" in one]
    assert [one.split()[2] for one in played] == ["media=sound:place,number:3", "media=number:4"]

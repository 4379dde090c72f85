"""The adapter's commands beyond routing do on a real Asterisk 22 what they say.

Method: the adapter alone, without a daemon; commands are given, its events are awaited, and who is
in a bridge with whom is read from Asterisk by another user.
"""

import pytest

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import CommandError, CommandStage, EventCause, Treatment
from tests.system.pbx_kit.direct import Direct
from tests.system.pbx_kit.phones import BUSY, Habit
from tests.system.pbx_kit.site import pbx_with, until

RING_US = 10_000_000
OUTBOUND = {"endpoint": "PJSIP/{number}", "prefixes": ["90"], "per_minute": 3}


@pytest.fixture(scope="module")
def pbx():
    with pbx_with("101", "102", "103") as (asterisk, bank):
        yield asterisk, bank


@pytest.fixture
def direct(pbx, tmp_path):
    asterisk, bank = pbx
    for phone in bank.phones.values():
        phone.habit = Habit(answer_s=0)
        phone.ledger.clear()
    with Direct(tmp_path, asterisk, ("101", "102", "103"), OUTBOUND) as found:
        yield found
    for channel in asterisk.channels():
        asterisk.rest("DELETE", f"/channels/{channel}")
    until(lambda: not asterisk.channels())


def talk(direct, asterisk):
    """Let a customer call, and talk with the agent at 101; return the call, and his part in it."""
    call = asterisk.call_in("4000")
    direct.wait(sw.RouteRequest)
    offer = "acd-site-j-1"
    direct.order(sw.RouteSelect(command_id=offer, call_id=call, device="101", ring_us=RING_US))
    direct.wait(sw.Established, offer=offer)
    assert {call, offer} in asterisk.bridges()
    return call, offer


def test_a_customer_waits_with_what_he_is_to_hear_and_his_keys_are_told(pbx, direct):
    asterisk, bank = pbx
    bank["line"].dial("4000", headers=("X-Line: customers",))
    call = direct.wait(sw.RouteRequest).call
    assert call.dnis == "4000"
    for number, treatment in enumerate(("music", "ringback", "silence", "music")):
        command = sw.QueueTreatment(
            command_id=f"t{number}", call_id=call.call_id, treatment=Treatment(treatment)
        )
        assert direct.result(command).stage is CommandStage.ACCEPTED
    bank["line"].press("42")
    assert direct.wait(sw.DigitsCollected).digits == "4"
    assert direct.wait(sw.DigitsCollected).digits == "2"
    announcement = sw.QueueTreatment(
        command_id="a",
        call_id=call.call_id,
        treatment=Treatment.ANNOUNCEMENT,
        media="demo-congrats",
    )
    assert direct.result(announcement).stage is CommandStage.ACCEPTED
    # Half a minute long; whoever answers does not wait for its end.
    select = sw.RouteSelect(
        command_id="acd-site-j-1", call_id=call.call_id, device="101", ring_us=RING_US
    )
    assert direct.result(select).stage is CommandStage.ACCEPTED
    direct.wait(sw.Established)
    assert direct.result(select).error is CommandError.ALREADY_GIVEN
    bank["line"].hang_up()
    direct.wait(sw.CallCleared, call_id=call.call_id)
    bank["101"].wait_idle()
    until(lambda: not asterisk.channels())


def test_the_same_offer_is_refused_by_the_switch_itself(pbx, direct, tmp_path):
    asterisk, bank = pbx
    bank["101"].habit = Habit()
    call = asterisk.call_in("4000")
    direct.wait(sw.RouteRequest)
    select = sw.RouteSelect(command_id="acd-site-j-7", call_id=call, device="101", ring_us=RING_US)
    assert direct.result(select).stage is CommandStage.ACCEPTED
    direct.wait(sw.Delivered)
    asterisk_says = asterisk.try_rest(
        "POST", "/channels/acd-site-j-7", endpoint="PJSIP/102", app="acd"
    )
    assert asterisk_says == 409
    assert len(bank["101"].did("invite")) == 1
    assert not bank["102"].did("invite")
    cancel = sw.RouteCancel(command_id="c", call_id=call, offer="acd-site-j-7")
    assert direct.result(cancel).stage is CommandStage.ACCEPTED
    bank["101"].wait(lambda phone: phone.did("cancelled"))
    assert direct.result(select).error is CommandError.OFFER_ENDED


def test_hold_by_command(pbx, direct):
    asterisk, _ = pbx
    call, offer = talk(direct, asterisk)
    hold = {"call_id": call, "device": "101", "offer": offer}
    direct.order(sw.Hold(command_id="h", **hold))
    direct.wait(sw.Held)
    assert {offer} in asterisk.bridges()
    direct.order(sw.Retrieve(command_id="r", **hold))
    direct.wait(sw.Retrieved)
    assert {call, offer} in asterisk.bridges()


def test_a_blind_transfer(pbx, direct):
    asterisk, bank = pbx
    call, offer = talk(direct, asterisk)
    direct.order(
        cc.SingleStepTransfer(
            command_id="acd-x", call_id=call, device="101", offer=offer, to="102", ring_us=RING_US
        )
    )
    assert direct.wait(sw.ConnectionCleared).cause is EventCause.REDIRECTED
    assert direct.wait(sw.Established, offer="acd-x").device == "102"
    assert {call, "x-acd-x"} in asterisk.bridges()
    bank["101"].wait_idle()


def test_a_blind_transfer_to_a_busy_phone_lets_the_customer_wait(pbx, direct):
    asterisk, bank = pbx
    call, offer = talk(direct, asterisk)
    bank["102"].habit = Habit(refuse=BUSY)
    direct.order(
        cc.SingleStepTransfer(
            command_id="acd-x", call_id=call, device="101", offer=offer, to="102", ring_us=RING_US
        )
    )
    assert direct.wait(sw.ReRoute, offer="acd-x").cause is EventCause.BUSY
    until(lambda: asterisk.channels().keys() == {call, call.removesuffix(";2")})


@pytest.mark.parametrize("end", [cc.TransferCall, cc.ConferenceCall, cc.ReconnectCall])
def test_a_consultation_and_its_ends(pbx, direct, end):
    asterisk, bank = pbx
    call, offer = talk(direct, asterisk)
    direct.order(
        cc.ConsultationCall(
            command_id="acd-c", call_id=call, device="101", offer=offer, to="102", ring_us=RING_US
        )
    )
    direct.wait(sw.Held)
    direct.wait(sw.Established, offer="acd-c")
    assert {offer, "x-acd-c"} in asterisk.bridges()
    result = direct.result(end(command_id="e", call_id=call, consultation="acd-c"))
    assert result.stage is CommandStage.ACCEPTED
    if end is cc.TransferCall:
        assert direct.wait(sw.Transferred).to == "102"
        bank["101"].wait_idle()
        until(lambda: {call, "x-acd-c"} in asterisk.bridges())
    elif end is cc.ConferenceCall:
        direct.wait(sw.Conferenced)
        until(lambda: {call, offer, "x-acd-c"} in asterisk.bridges())
    else:
        direct.wait(sw.Retrieved)
        bank["102"].wait_idle()
        until(lambda: {call, offer} in asterisk.bridges())


@pytest.mark.parametrize("how", list(cc.Participation))
def test_a_supervisor_listens_whispers_or_barges_in(pbx, direct, how):
    asterisk, bank = pbx
    call, offer = talk(direct, asterisk)
    direct.order(
        cc.SingleStepConference(
            command_id="acd-s",
            call_id=call,
            offer=offer,
            device="103",
            participation=how,
            ring_us=RING_US,
        )
    )
    direct.wait(sw.Established, offer="acd-s")
    if how is cc.Participation.ACTIVE:
        assert {call, offer, "x-acd-s"} in asterisk.bridges()
    else:
        assert {call, offer} in asterisk.bridges()
        assert {"x-acd-s", "x-acd-s.ear"} in asterisk.bridges()
    bank["103"].hang_up()
    direct.wait(sw.ConnectionCleared, offer="acd-s")
    # A snoop channel that was hung up is listed until the channel ends at which it listened.
    until(lambda: "x-acd-s" not in asterisk.channels())
    until(lambda: asterisk.bridges() == [{call, offer}])


def test_dialling_out_within_its_limits(pbx, direct):
    asterisk, bank = pbx
    made = cc.MakeCall(command_id="acd-m1", to="900", dnis="4000", ring_us=RING_US)
    assert direct.result(made).stage is CommandStage.ACCEPTED
    call = direct.wait(sw.RouteRequest).call
    assert (call.call_id, call.dnis, call.ani) == ("acd-m1", "4000", "900")
    select = sw.RouteSelect(command_id="acd-o", call_id="acd-m1", device="101", ring_us=RING_US)
    direct.order(select)
    direct.wait(sw.Established)
    assert {"x-acd-m1", "acd-o"} in asterisk.bridges()
    bank["900"].hang_up()
    direct.wait(sw.CallCleared, call_id="acd-m1")
    bank["900"].habit = Habit(refuse=BUSY)
    direct.order(cc.MakeCall(command_id="acd-m2", to="900", dnis="4000", ring_us=RING_US))
    assert direct.wait(sw.CallCleared, call_id="acd-m2").cause is EventCause.BUSY
    results = [
        direct.result(cc.MakeCall(command_id=f"acd-n{one}", to=to, dnis="1", ring_us=1)).error
        for one, to in enumerate(("+1900", "900;2", "900&PJSIP/101", "900", "900"))
    ]
    unknown = CommandError.DEVICE_UNKNOWN
    assert results == [unknown, unknown, unknown, CommandError.NONE, CommandError.OVERLOAD]


def test_a_drained_switch_leaves_new_calls_to_the_fallback_and_keeps_its_own(pbx, direct):
    asterisk, bank = pbx
    call, offer = talk(direct, asterisk)
    direct.result(cc.SetRouteMode(command_id="off", enabled=False))
    asterisk.call_in("4000")
    bank["900"].wait_talking()
    assert {call, offer} in asterisk.bridges()
    direct.result(cc.SetRouteMode(command_id="on", enabled=True))
    asterisk.call_in("4000")
    direct.wait(sw.RouteRequest)

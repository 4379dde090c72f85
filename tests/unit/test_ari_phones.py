"""Our agents' phones at Asterisk: whether they are there, their private calls and feature codes.

Method: `ari_script.Script` tells what Asterisk tells, and each test reads the states that the
daemon is told, and the lamps that are lit.
"""

import pytest

from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import AgentStateWord, DeviceState
from tests.unit.ari_script import Script, customer, endpoint, leg, our_leg

IN_SERVICE, BUSY, OUT = DeviceState.IN_SERVICE, DeviceState.BUSY, DeviceState.OUT_OF_SERVICE


@pytest.fixture
def script():
    """Return a switch at which a customer waits."""
    script = Script()
    script.call("c2")
    script.forget()
    return script


def states(snapshot):
    """Return each phone's state and word."""
    return {one.device: (one.state, one.agent) for one in snapshot.devices}


def lamp(device, state):
    return {"name": f"Stasis:acd-{device}", "state": state}


def test_phones_are_told_with_their_registration_their_channels_and_their_lamps():
    script = Script(is_read=False)
    script.read(
        [
            customer("c1"),
            leg("p1", "102", name="PJSIP/102-00000007"),
            our_leg("acd-1", "101", "c1", name="PJSIP/101-00000008", state="Ringing"),
        ],
        endpoints=[endpoint("101"), endpoint("102"), endpoint("103", "offline"), endpoint("200")],
        lamps=[
            lamp("101", "NOT_INUSE"),
            lamp("102", "ONHOLD"),
            lamp("103", "BUSY"),
            lamp("200", "BUSY"),
            {"name": "PJSIP/101", "state": "INUSE"},
        ],
    )
    assert states(script.snapshot()) == {
        "101": (IN_SERVICE, AgentStateWord.READY),
        "102": (BUSY, AgentStateWord.WORKING_AFTER_CALL),
        "103": (OUT, AgentStateWord.NOT_READY),
    }


def test_a_phone_that_no_list_names_is_out_of_service_and_says_nothing():
    script = Script(is_read=False)
    script.read(endpoints=[endpoint("101", "unknown")])
    assert states(script.snapshot()) == {
        "101": (IN_SERVICE, AgentStateWord.NULL),
        "102": (OUT, AgentStateWord.NULL),
        "103": (OUT, AgentStateWord.NULL),
    }


def test_a_private_call_makes_a_phone_busy_until_it_ends(script):
    private = customer("p1", name="PJSIP/102-00000009", app_name="", app_data="")
    for _ in range(2):
        script.say("ChannelCreated", channel=private)
    assert script.told() == [sw.DeviceStateChanged(device="102", state=BUSY)]
    script.say("ChannelDestroyed", channel=private, cause=16)
    assert script.told() == [sw.DeviceStateChanged(device="102", state=IN_SERVICE)]


def test_our_own_legs_make_no_phone_busy(script):
    script.select("acd-2", "c2", "102")
    made = leg("acd-2", "102", name="PJSIP/102-00000009")
    script.say("ChannelCreated", channel=made)
    script.order(sw.RouteCancel(command_id="x", call_id="c2", offer="acd-2"))
    script.say("ChannelCreated", channel=made)
    assert script.kinds() == ["CommandResult"]


def test_a_phone_that_goes_and_comes_is_told_and_the_end_of_a_private_call_is_found(script):
    private = customer("p1", name="PJSIP/102-00000009", app_name="", app_data="")
    script.say("ChannelCreated", channel=private)
    script.forget()
    for said, told in (
        (endpoint("102", "online", "p1"), []),
        (endpoint("102", "offline"), [OUT]),
        (endpoint("102", "offline"), []),
        (endpoint("102", "online"), [IN_SERVICE]),
        (endpoint("200", "offline"), []),
    ):
        script.say("EndpointStateChange", endpoint=said)
        expected = [sw.DeviceStateChanged(device="102", state=one) for one in told]
        assert script.told() == expected


def say_code(script, *args):
    agent = customer("f1", name="PJSIP/101-00000011", app_data=",".join(("acd", "agent", *args)))
    script.say("StasisStart", args=["agent", *args], channel=agent)


def code_answer(result, *lamp_states):
    lamps = [f"PUT deviceStates/Stasis:acd-101 deviceState={one}" for one in lamp_states]
    return [
        *lamps,
        f"POST channels/f1/variable variable=ACD_RESULT value={result}",
        "POST channels/f1/continue",
    ]


@pytest.mark.parametrize(
    "case",
    [
        ("login", ["AgentLoggedOn", "AgentNotReady"], "BUSY"),
        ("ready", ["AgentLoggedOn", "AgentReady"], "NOT_INUSE"),
        ("not_ready", ["AgentLoggedOn", "AgentNotReady"], "BUSY"),
        ("after_call", ["AgentLoggedOn", "AgentWorkingAfterCall"], "ONHOLD"),
        ("drain", ["AgentLoggedOn", "AgentDraining"], "BUSY"),
        ("logout", ["AgentLoggedOff"], "UNAVAILABLE"),
    ],
)
def test_what_agents_dial_is_told_lit_and_confirmed(script, case):
    word, told, lit = case
    say_code(script, word, "101")
    assert script.kinds() == told
    assert script.asked() == code_answer("ok", lit)
    say_code(script, word, "101")
    assert script.kinds() == [one for one in told if one != "AgentLoggedOn"]


def test_a_reason_is_told(script):
    say_code(script, "not_ready", "101", "lunch")
    assert script.told()[-1] == sw.AgentNotReady(device="101", reason="lunch")


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("ready",),
        ("READY", "101"),
        ("explode", "101"),
        ("ready", "999"),
        ("ready", "101\n"),
        ("not_ready", "101", "a\r\nb"),
        ("not_ready", "101", "x" * 257),
    ],
)
def test_what_is_no_feature_code_is_refused(script, args):
    say_code(script, *args)
    assert script.told() == []
    assert script.asked() == code_answer("refused")


def test_the_lamps_show_what_the_daemon_says_and_a_snapshot_that_is_older_does_not_undo_it(script):
    script.order(sw.SnapshotRequest(command_id="read"))
    script.order(sw.SetAgentState(command_id="s", device="101", state=AgentStateWord.READY))
    assert script.asked()[-1] == "PUT deviceStates/Stasis:acd-101 deviceState=NOT_INUSE"
    script.answer_lists([customer("c2")], lamps=[lamp("101", "UNAVAILABLE")])
    assert states(script.snapshot())["101"] == (IN_SERVICE, AgentStateWord.READY)
    script.answer("PUT deviceStates/Stasis:acd-101")
    assert script.results() == [("s", "accepted", "none")]
    script.order(sw.SetAgentState(command_id="t", device="999", state=AgentStateWord.READY))
    assert script.results() == [("t", "rejected", "device_unknown")]


def test_phones_that_are_ours_no_more_are_neither_told_nor_dialled(script):
    script.mapper.monitor(["102", "104"])
    script.say("EndpointStateChange", endpoint=endpoint("101", "offline"))
    script.select("acd-2", "c2", "101")
    assert script.results() == [("acd-2", "rejected", "device_unknown")]
    script.read([customer("c2")], endpoints=[endpoint("104")])
    assert states(script.snapshot()) == {
        "102": (OUT, AgentStateWord.NULL),
        "104": (IN_SERVICE, AgentStateWord.NULL),
    }

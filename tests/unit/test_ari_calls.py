"""Customers at Asterisk: how they come, what they say of themselves, hear and press, how they go.

Method: `ari_script.Script` tells what Asterisk tells, and each test reads what the mapper asks of
the switch and tells the daemon.
"""

import pytest

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import channel_facts
from acd.switch_protocol.words import Deflection, EventCause, Treatment
from tests.unit.ari_script import Script, customer

MUSIC = "POST channels/c1/moh"


@pytest.fixture
def script():
    """Return a switch at which one customer waits."""
    script = Script()
    script.call()
    script.forget()
    return script


def arrived(script):
    (request,) = script.told()
    assert isinstance(request, sw.RouteRequest)
    assert not request.recovered
    return request.call


# They come.


def test_a_customer_is_told_with_what_the_dialplan_says_of_him():
    script = Script()
    script.call(
        "1764143488.7", exten="4000", number="+4930123", created="2026-11-26T07:51:28.896+0000"
    )
    assert arrived(script) == sw.Call(
        "1764143488.7", "4000", "+4930123", queued_us=1_795_679_488_896_000
    )
    assert script.asked() == []


def test_variables_of_the_dialplan_say_more():
    script = Script()
    script.call(ACD_DNIS="8000", ACD_ANI="+49301", ACD_UUI="\0ü", ACD_DIGITS="12#", ACD_SERVED="1")
    call = arrived(script)
    assert (call.dnis, call.ani, call.user_data, call.digits, call.served) == (
        *("8000", "+49301", "\0ü".encode(), "12#"),
        True,
    )


@pytest.mark.parametrize("entry", ["1", "", "x", "-1", "٢", None])
def test_a_channel_that_comes_for_the_first_time_is_the_call_of_its_name(entry):
    script = Script()
    script.call(ACD_ENTRY=entry)
    assert arrived(script).call_id == "c1"


def test_a_channel_that_comes_again_is_another_call():
    script = Script()
    script.call(ACD_ENTRY="1")
    script.order(sw.RouteEnd(command_id="end", call_id="c1"))
    script.leave("c1")
    script.forget()
    script.call(ACD_ENTRY="2")
    assert arrived(script).call_id == "c1+2"
    script.order(sw.ClearCall(command_id="clear", call_id="c1+2"))
    assert script.asked() == ["DELETE channels/c1"]


def test_a_channel_that_comes_again_ends_its_former_call_though_nobody_told_so(script):
    script.select()
    script.forget()
    script.call(ACD_ENTRY="2")
    assert script.kinds() == ["CallCleared", "RouteRequest"]
    assert script.asked() == ["DELETE channels/acd-1"]


def test_an_arrival_that_is_told_twice_is_one_call(script):
    script.call()
    assert (script.told(), script.asked()) == ([], [])


@pytest.mark.parametrize(
    "given", [{"number": "\r\nAction: x\0"}, {"exten": "4000\n"}, {"caller": "\x1b[2J"}]
)
def test_hostile_numbers_and_names_end_here(given):
    script = Script()
    script.call(**given)
    call = arrived(script)
    assert call.ani.isprintable()
    assert call.dnis == "4000"


def test_what_is_too_long_is_cut():
    script = Script()
    script.call(number="9" * 5_000, ACD_UUI="ü" * 5_000, ACD_DIGITS="1" * 5_000, created="soon")
    call = arrived(script)
    assert (len(call.ani), len(call.user_data), len(call.digits)) == (64, 128, 64)
    assert call.queued_us == 0


@pytest.mark.parametrize("given", [("c" * 129, {}), ("c1", {"ACD_CALL": "x" * 129})])
def test_a_call_whose_id_is_too_long_goes_on_in_the_dialplan(given):
    script = Script()
    channel, said = given
    script.call(channel, **said)
    assert script.told() == []
    assert script.asked() == [f"POST channels/{channel}/continue"]


def test_a_channel_with_no_argument_that_we_know_goes_on_in_the_dialplan():
    script = Script()
    for args in ([], ["CALL"], ["", "call"]):
        script.say("StasisStart", args=args, channel=customer("c9"))
    assert script.asked() == ["POST channels/c9/continue"] * 3
    assert script.told() == []


def test_a_customer_whose_channel_is_replaced_stays_the_same_call(script):
    script.talk()
    old = script.channel("c1")
    script.say("StasisStart", args=["call"], channel=customer("n7"), replace_channel=old)
    assert script.asked() == ["POST channels/n7/variable variable=ACD_CALL value=c1"]
    script.leave("c1")
    script.destroy("c1")
    assert script.told() == []
    script.order(sw.ClearCall(command_id="clear", call_id="c1"))
    assert script.asked() == ["DELETE channels/n7"]
    script.say("StasisEnd", channel=customer("n7"))
    assert script.told()[-1] == sw.CallCleared(call_id="c1")


def test_an_agent_whose_channel_is_replaced_talks_on(script):
    script.talk()
    new = customer("n7", name="PJSIP/101-7")
    script.say("StasisStart", args=[], channel=new, replace_channel=script.channel("acd-1"))
    script.leave("acd-1")
    script.destroy("acd-1")
    set_on = "POST channels/n7/variable variable="
    assert script.asked() == [
        f"{set_on}ACD_APP value=acd",
        f"{set_on}ACD_CALL value=c1",
        f"{set_on}ACD_OFFER value=acd-1",
        f"{set_on}ACD_DEVICE value=101",
        f"{set_on}ACD_PURPOSE value=offer",
        # The old one is the phone's own now.
        "POST channels/acd-1/variable variable=ACD_OFFER value=",
    ]
    assert script.told() == []
    script.say("ChannelHangupRequest", channel=new, cause=16)
    assert script.kinds() == ["ConnectionCleared"]


def test_facts_are_read_from_whatever_time_the_switch_writes():
    assert channel_facts.time_us("1969-12-31T23:59:59.000+0000") == 0
    assert channel_facts.time_us("2026-11-26T08:51:28.896+0100") == 1_795_679_488_896_000
    for text in ("", "now", "2026-13-26T07:51:28.896+0000", "2026-11-26T07:51:28"):
        assert channel_facts.time_us(text) == 0


# They wait.


@pytest.mark.parametrize(
    "case",
    [
        ("music", ["POST channels/c1/moh"]),
        ("ringback", ["POST channels/c1/ring"]),
        ("silence", ["POST channels/c1/silence"]),
        ("announcement", ["POST channels/c1/play media=sound:acd/soon playbackId=c1.odd"]),
    ],
)
def test_a_waiting_customer_hears_what_is_ordered(script, case):
    treatment, asked = case
    media = "acd/soon" if treatment == "announcement" else ""
    script.order(
        sw.QueueTreatment(command_id="t", call_id="c1", treatment=Treatment(treatment), media=media)
    )
    assert script.asked() == asked
    assert script.told() == []
    script.answer(asked[0])
    assert script.results() == [("t", "accepted", "none")]


@pytest.mark.parametrize(
    "case",
    [
        (404, "rejected", "call_unknown"),
        (409, "rejected", "wrong_state"),
        (500, "rejected", "overload"),
        (0, "not_sent", "overload"),
    ],
)
def test_how_far_an_order_came_is_told(script, case):
    status, stage, error = case
    script.order(sw.QueueTreatment(command_id="t", call_id="c1", treatment=Treatment.MUSIC))
    script.answer(MUSIC, status)
    assert script.results() == [("t", stage, error)]


def test_music_goes_on_after_an_announcement_and_only_after_the_last(script):
    for name in ("a", "b"):
        script.order(
            sw.QueueTreatment(
                command_id=name, call_id="c1", treatment=Treatment.ANNOUNCEMENT, media="soon"
            )
        )
    script.forget()
    for name, state, music in (
        ("odd", "done", []),
        ("even", "failed", [MUSIC]),
        ("even", "done", []),
    ):
        done = {
            "id": f"c1.{name}",
            "media_uri": "sound:soon",
            "target_uri": "channel:c1",
            "state": state,
        }
        script.say("PlaybackFinished", playback=done)
        assert script.asked() == music


def test_an_announcement_ends_when_an_agent_answers_and_no_music_follows(script):
    script.order(
        sw.QueueTreatment(
            command_id="a", call_id="c1", treatment=Treatment.ANNOUNCEMENT, media="soon"
        )
    )
    script.select()
    script.ring()
    script.pick_up()
    assert "DELETE playbacks/c1.odd" in script.asked()
    script.say("PlaybackFinished", playback={"id": "c1.odd", "target_uri": "channel:c1"})
    assert script.asked() == []


@pytest.mark.parametrize(
    "said, taken",
    [
        ({"ACD_PATIENCE": "1800"}, True),
        ({"ACD_PATIENCE": "1800", "ACD_TAKEN": "1"}, False),
        ({"ACD_PATIENCE": "1800", "ACD_SERVED": "1"}, False),
        ({"ACD_PATIENCE": "x,${SHELL(id)}"}, False),
        ({}, False),
    ],
)
def test_who_is_taken_may_wait_as_long_as_the_dialplan_says(script, said, taken):
    script.call("c2", **said)
    waits = [
        "POST channels/c2/variable variable=TIMEOUT(absolute) value=1800",
        "POST channels/c2/variable variable=ACD_TAKEN value=1",
    ]
    assert script.asked() == (waits if taken else [])


def test_what_was_heard_before_ends_before_the_next_thing(script):
    for name, treatment in (("a", "ringback"), ("b", "music"), ("c", "silence"), ("d", "silence")):
        script.order(
            sw.QueueTreatment(command_id=name, call_id="c1", treatment=Treatment(treatment))
        )
    assert script.asked() == [
        "POST channels/c1/ring",
        "DELETE channels/c1/ring",
        MUSIC,
        "DELETE channels/c1/moh",
        "POST channels/c1/silence",
        "POST channels/c1/silence",
    ]


def test_music_comes_instead_of_an_announcement_that_is_refused(script):
    script.order(
        sw.QueueTreatment(
            command_id="a", call_id="c1", treatment=Treatment.ANNOUNCEMENT, media="soon"
        )
    )
    script.answer("POST channels/c1/play media=sound:soon playbackId=c1.odd", 500)
    assert script.results() == [("a", "rejected", "overload")]
    assert script.asked()[-1] == MUSIC


# They are deflected.

LAST = "POST channels/c1/play media=sound:all_busy playbackId=c1.odd"
PLAYED = {"id": "c1.odd", "media_uri": "sound:all_busy", "target_uri": "channel:c1"}


def deflected(to, name="all_busy"):
    return sw.DeflectCall(command_id="d", call_id="c1", deflection=Deflection(to), name=name)


@pytest.mark.parametrize("state", ["done", "failed"])
def test_a_customer_is_let_go_when_he_has_heard_the_last_message(script, state):
    script.order(sw.QueueTreatment(command_id="t", call_id="c1", treatment=Treatment.MUSIC))
    script.forget()
    script.order(deflected("message"))
    assert script.asked() == ["DELETE channels/c1/moh", LAST]
    script.answer(LAST)
    assert script.results() == [("d", "accepted", "none")]
    script.say("PlaybackFinished", playback={**PLAYED, "state": state})
    assert script.asked() == ["DELETE channels/c1"]
    script.leave("c1")
    assert script.kinds() == ["CallCleared"]
    script.say("PlaybackFinished", playback={**PLAYED, "state": state})
    assert script.asked() == []


def test_a_customer_is_let_go_whose_last_message_is_refused(script):
    script.order(deflected("message"))
    script.answer(LAST, 500)
    assert script.results() == [("d", "rejected", "overload")]
    assert script.asked()[-1] == "DELETE channels/c1"


@pytest.mark.parametrize(
    "context, asked",
    [
        ("", "POST channels/c1/continue"),
        (
            "acd-voicemail",
            "POST channels/c1/continue context=acd-voicemail extension=cards priority=1",
        ),
    ],
)
def test_a_voicemail_is_an_extension_of_the_context_that_is_configured(context, asked):
    script = Script(voicemail_context=context)
    script.call()
    script.forget()
    script.order(deflected("voicemail", "cards"))
    assert script.asked() == [asked]
    script.answer(asked)
    assert script.results() == [("d", "accepted", "none")]
    script.leave("c1")
    assert script.kinds() == ["RouteEnded"]


def test_nobody_who_talks_is_deflected(script):
    script.talk()
    for to in ("message", "voicemail"):
        script.order(deflected(to))
        assert script.results()[-1] == ("d", "rejected", "wrong_state")
    assert script.asked() == []


def test_nobody_who_talks_is_treated(script):
    script.talk()
    script.order(sw.QueueTreatment(command_id="t", call_id="c1", treatment=Treatment.MUSIC))
    assert script.results() == [("t", "rejected", "wrong_state")]
    assert script.asked() == []


def test_keys_are_told_of_customers_who_wait(script):
    script.press("c1", "5")
    assert script.told() == [sw.DigitsCollected(call_id="c1", digits="5")]
    script.talk()
    script.press("c1", "5")
    script.press("acd-1", "5")
    assert script.told() == []


# They go.


def test_a_customer_who_hangs_up_is_told_at_once_and_once(script):
    script.hang_up("c1", cause=16)
    assert script.told() == [sw.CallCleared(call_id="c1", cause=EventCause.CALL_CANCELLED)]
    script.leave("c1")
    script.destroy("c1")
    assert (script.told(), script.asked()) == ([], [])


@pytest.mark.parametrize("first", ["leave", "destroy"])
def test_orders_for_a_call_that_ended_are_refused(script, first):
    getattr(script, first)("c1")
    script.forget()
    for command in (
        sw.RouteSelect(command_id="a", call_id="c1", device="101", ring_us=1),
        sw.QueueTreatment(command_id="b", call_id="c1", treatment=Treatment.MUSIC),
        sw.ClearCall(command_id="c", call_id="c1"),
        sw.RouteEnd(command_id="d", call_id="c1"),
        sw.Hold(command_id="e", call_id="c1", device="101", offer="acd-1"),
    ):
        script.order(command)
    assert {result[1:] for result in script.results()} == {("rejected", "call_unknown")}
    assert script.asked() == []


@pytest.mark.parametrize(
    "case",
    [
        ("busy", "busy"),
        ("networkCongestion", "congestion"),
        ("resourcesNotAvailable", "congestion"),
        ("none", "normal"),
        ("timeout", "normal"),
    ],
)
def test_a_rejected_customer_hears_why(script, case):
    cause, reason = case
    script.order(sw.RouteReject(command_id="no", call_id="c1", cause=EventCause(cause)))
    assert script.asked() == [f"DELETE channels/c1 reason={reason}"]
    script.answer("DELETE channels/c1")
    script.leave("c1")
    assert script.kinds() == ["CommandResult", "CallCleared"]


def test_a_customer_who_is_handed_back_goes_on_in_the_dialplan_and_loses_his_phones(script):
    script.select()
    script.forget()
    script.order(sw.RouteEnd(command_id="end", call_id="c1"))
    assert script.asked() == ["POST channels/c1/continue"]
    script.answer("POST channels/c1/continue")
    script.leave("c1")
    assert script.kinds() == ["CommandResult", "RouteEnded"]
    assert script.asked() == ["DELETE channels/acd-1"]


def test_a_customer_whom_the_switch_sends_elsewhere_is_ours_no_more(script):
    script.talk()
    script.hang_up("c1", cause=32, soft=True)
    assert script.told() == []
    script.leave("c1")
    assert script.told() == [sw.RouteEnded(call_id="c1", cause=EventCause.REDIRECTED)]
    assert script.asked() == ["DELETE channels/acd-1", "DELETE bridges/acd-1.talk"]


@pytest.mark.parametrize("case", [(404, "CallCleared"), (409, "RouteEnded")])
@pytest.mark.parametrize("command", [sw.ClearCall, sw.RouteEnd])
def test_an_order_that_finds_nobody_tells_so(script, case, command):
    status, told = case
    script.order(command(command_id="go", call_id="c1"))
    ask = script.asked()[0]
    script.answer(ask, status)
    assert script.kinds() == [told, "CommandResult"]


def test_an_order_that_was_not_carried_out_leaves_the_customer_where_he_is(script):
    script.order(sw.ClearCall(command_id="go", call_id="c1"))
    script.answer("DELETE channels/c1", 0)
    assert script.results() == [("go", "not_sent", "overload")]
    script.leave("c1")
    assert script.kinds() == ["RouteEnded"]


# The link.


def test_a_cut_link_forgets_answers_timers_and_calls(script):
    script.select()
    script.mapper.link_down(script.now_us)
    assert script.mapper.due_us() is None
    script.answer("POST channels/acd-1", 409)
    assert script.told() == []
    script.order(sw.ClearCall(command_id="go", call_id="c1"))
    assert script.results() == [("go", "rejected", "call_unknown")]


def test_an_answer_to_nothing_is_no_harm(script):
    for ticket in (-1, 0, 10**9):
        script.mapper.on_response(ticket, None, script.now_us)
    assert script.mapper.take() == []

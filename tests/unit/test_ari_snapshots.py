"""What the mapper makes of Asterisk's lists, after a log-in and later.

Method: `ari_script.Script` answers the four lists with what a switch has; the table's judgement is
read from the snapshot that is told and from what the switch is asked to let go.
"""

from typing import Any

import pytest

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import frames
from acd.switch_protocol.ari.mapper import KEPT_MAX
from acd.switch_protocol.words import CommandStage, EventCause
from tests.unit.ari_script import Script, bridge, customer, our_leg

PART: dict[str, Any] = {"call_id": "c1", "device": "101", "offer": "acd-1"}
READ = [
    "GET channels",
    "GET bridges",
    "GET endpoints/PJSIP",
    "GET deviceStates",
]
LISTS = ("channels", "bridges", "endpoints/PJSIP", "deviceStates")


def connections(snapshot):
    """Return each call's connections, as device, state and offer."""
    return {
        call.call_id: [(one.device, str(one.state), one.offer) for one in call.connections]
        for call in snapshot.calls
    }


def first(channels=(), bridges=(), **lists):
    """Return a switch that was read after a log-in, what was asked still unread."""
    script = Script(is_read=False)
    script.order(sw.SnapshotRequest(command_id="read"))
    assert script.asked() == READ
    script.answer_lists(channels, bridges, **lists)
    return script


# The first one.


def test_a_log_in_reads_everything_and_then_tells_what_happened_meanwhile():
    script = Script(is_read=False)
    script.call("c9")
    script.order(sw.SnapshotRequest(command_id="read"))
    script.call("c8")
    script.call("c1")
    script.hang_up("c9", cause=16)
    assert script.told() == []
    script.answer_lists([customer("c1"), customer("c2")])
    snapshot, result, *later = script.told()
    assert [call.call_id for call in snapshot.calls] == ["c1", "c2"]
    assert result.stage == "confirmed"
    assert [(type(one).__name__, getattr(one, "call_id", "")) for one in later] == [
        ("RouteRequest", ""),
        ("RouteRequest", ""),
        ("CallCleared", "c9"),
    ]
    assert [one.call.call_id for one in later[:2]] == ["c9", "c8"]


def test_facts_of_calls_come_from_their_channels_and_other_channels_are_none():
    snapshot = first(
        [
            customer("c1", ACD_DNIS="8000", ACD_SERVED="1", ACD_ENTRY="2", ACD_UUI="x"),
            customer("c2", ACD_CALL="acd-m", created="2026-11-26T07:51:29.896+0000"),
            customer("c3", app_data="acd,agent,login,101"),
            customer("c4", app_data="other,call"),
            customer("c5", app_name="Queue", app_data="acd,call"),
            customer("c6", app_data="acd,call,vip"),
            customer("x" * 140),
        ]
    ).snapshot()
    assert [call.call_id for call in snapshot.calls] == ["c1+2", "acd-m", "c6"]
    one, two, _ = snapshot.calls
    assert (one.dnis, one.served, one.user_data) == ("8000", True, b"x")
    assert two.queued_us - one.queued_us == 1_000_000


def test_connections_are_found_with_their_offers_and_states():
    waits, rings = customer("c0"), customer("c1")
    talks, held, by_phone = (customer(f"c{n}", ACD_SERVED="1") for n in (2, 3, 4))
    script = first(
        [
            *(waits, rings, talks, held, by_phone),
            our_leg("acd-1", "101", "c1", state="Ringing"),
            our_leg("acd-2", "102", "c2"),
            our_leg("acd-3", "103", "c3", ACD_HELD="switch"),
            our_leg("acd-4", "104", "c4", ACD_HELD="phone"),
        ],
        [
            bridge("acd-2.talk", "c2", "acd-2"),
            bridge("acd-3.talk", "acd-3"),
            bridge("acd-4.talk", "c4", "acd-4"),
        ],
    )
    assert connections(script.snapshot()) == {
        "c0": [],
        "c1": [("101", "alerting", "acd-1")],
        "c2": [("102", "connected", "acd-2")],
        "c3": [("103", "hold", "acd-3")],
        "c4": [("104", "hold", "acd-4")],
    }
    assert script.asked() == []


def test_a_customer_who_was_on_hold_over_a_restart_can_be_taken_off():
    held = our_leg("acd-1", "101", "c1", ACD_HELD="switch")
    script = first([customer("c1"), held], [bridge("acd-1.talk", "acd-1")])
    script.forget()
    script.order(sw.Retrieve(command_id="r", **PART))
    assert "POST bridges/acd-1.talk/addChannel channel=c1" in script.asked()
    script.say("ChannelEnteredBridge", bridge=bridge("acd-1.talk"), channel=customer("c1"))
    assert script.told() == [sw.Retrieved(**PART)]


def test_a_hold_that_was_written_down_and_not_done_is_none():
    held = our_leg("acd-1", "101", "c1", ACD_HELD="switch")
    script = first([customer("c1"), held], [bridge("acd-1.talk", "c1", "acd-1")])
    assert connections(script.snapshot()) == {"c1": [("101", "connected", "acd-1")]}


def test_a_customer_who_was_left_alone_hears_music():
    script = first([customer("c1")], [bridge("acd-1.talk", "c1")])
    assert connections(script.snapshot()) == {"c1": []}
    assert script.asked() == ["DELETE bridges/acd-1.talk", "POST channels/c1/moh"]


@pytest.mark.parametrize("joined", [[], [bridge("acd-1.talk", "acd-1")]])
def test_an_agent_who_answered_and_was_not_joined_is_joined(joined):
    script = first([customer("c1"), our_leg("acd-1", "101", "c1")], joined)
    assert connections(script.snapshot()) == {"c1": [("101", "alerting", "acd-1")]}
    assert script.asked()[-1] == "POST bridges/acd-1.talk/addChannel channel=c1,acd-1"
    for channel in (customer("c1"), our_leg("acd-1", "101", "c1")):
        script.say("ChannelEnteredBridge", bridge=bridge("acd-1.talk"), channel=channel)
    assert script.told() == [sw.Established(**PART)]


def test_of_two_agents_who_answered_before_a_restart_he_who_talks_goes_on():
    talk = bridge("acd-2.talk", "c1", "acd-2")
    legs = [our_leg("acd-1", "101", "c1"), our_leg("acd-2", "102", "c1")]
    script = first([customer("c1"), *legs], [talk])
    assert sorted(connections(script.snapshot())["c1"]) == [
        ("101", "alerting", "acd-1"),
        ("102", "connected", "acd-2"),
    ]
    assert not [one for one in script.asked() if "addChannel" in one]


def test_a_customer_whose_agent_went_while_nobody_looked_is_joined_to_whom_that_one_asked():
    asked = our_leg("acd-2", "102", "c1", "consult")
    script = first([customer("c1", ACD_SERVED="1"), asked], [bridge("acd-1.talk", "acd-2")])
    assert connections(script.snapshot()) == {"c1": [("102", "connected", "acd-2")]}
    assert script.asked() == [
        "POST channels/acd-2/variable variable=ACD_PURPOSE value=transfer",
        "DELETE channels/c1/moh",
        *(f"DELETE playbacks/c1.{one}" for one in ("even", "odd")),
        "POST bridges/acd-1.talk/addChannel channel=c1",
    ]


def test_connections_have_the_ids_of_what_made_them_and_listeners_are_none():
    talks = [
        customer("c1", ACD_SERVED="1"),
        our_leg("acd-1", "101", "c1"),
        our_leg("acd-2", "102", "c1", "conference"),
        our_leg("acd-3", "103", "c1", "listen"),
    ]
    script = first(talks, [bridge("acd-1.talk", "c1", "acd-1", "acd-2")])
    assert connections(script.snapshot()) == {
        "c1": [("101", "connected", "acd-1"), ("102", "connected", "acd-2")]
    }
    assert script.asked() == ["DELETE channels/acd-3"]


def test_what_belongs_to_nothing_is_let_go():
    script = first(
        [
            customer("c1"),
            our_leg("acd-1", "101", "gone", state="Ringing"),
            our_leg("acd-2", "102", "c1", state="Down"),
            our_leg("acd-3", "103", "c1", "?", state="Ringing"),
            our_leg("acd-4", "103", "", state="Up"),
        ],
        [
            bridge("acd-5.talk"),
            bridge("acd-6.talk", "somebody"),
            bridge("conference-of-others"),
        ],
    )
    assert connections(script.snapshot()) == {"c1": []}
    assert script.asked() == [
        *(f"DELETE channels/acd-{n}" for n in range(1, 5)),
        "DELETE bridges/acd-5.talk",
    ]
    script.select("acd-2", device="102")
    assert script.results() == [("acd-2", "rejected", "offer_ended")]


def test_what_belongs_to_another_application_is_left_alone():
    theirs = bridge("acd-9.talk") | {"name": "acd2"}
    script = first([our_leg("acd-8", "101", "gone", ACD_APP="acd2")], [theirs])
    assert script.asked() == []


def test_a_talk_that_was_not_written_down_is_written_down():
    script = first(
        [customer("c1"), our_leg("acd-1", "101", "c1")], [bridge("acd-1.talk", "c1", "acd-1")]
    )
    assert script.asked() == [
        "POST channels/c1/variable variable=ACD_SERVED value=1",
        "POST channels/c1/variable variable=TIMEOUT(absolute) value=14400",
    ]


def test_of_two_channels_of_a_leg_the_one_that_talks_is_it():
    old = our_leg("acd-1", "101", "c1")
    new = our_leg("acd-1", "101", "c1") | {"id": "local;1"}
    script = first(
        [customer("c1", ACD_SERVED="1"), old, new], [bridge("acd-1.talk", "c1", "local;1")]
    )
    assert connections(script.snapshot()) == {"c1": [("101", "connected", "acd-1")]}
    assert script.asked() == ["DELETE channels/acd-1"]


def test_a_customer_whose_channel_was_replaced_is_one():
    script = first([customer("local;1", app_data="acd", ACD_CALL="c1")])
    assert connections(script.snapshot()) == {"c1": []}
    script.order(sw.SnapshotCall(command_id="look", call_id="c1"))
    script.answer("GET channels/local;1", 200, customer("local;1", app_data="acd", ACD_CALL="c1"))
    (told,) = (one for one in script.told() if isinstance(one, sw.CallReported))
    assert told.call is not None


def test_an_agent_whose_code_was_not_heard_is_sent_on():
    script = first([customer("a1", app_data="acd,agent,ready,101,", ACD_DNIS="")])
    assert script.asked() == ["POST channels/a1/continue"]


def test_who_came_while_nobody_looked_may_wait_from_now_on():
    script = first([customer("c1", ACD_PATIENCE="900")])
    assert script.asked() == [
        "POST channels/c1/variable variable=TIMEOUT(absolute) value=900",
        "POST channels/c1/variable variable=ACD_TAKEN value=1",
    ]


def test_orders_before_the_first_snapshot_are_refused_or_carried_out_safely():
    script = Script(is_read=False)
    script.select()
    script.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-2"))
    script.order(sw.ClearCall(command_id="y", call_id="c1"))
    assert script.asked() == ["DELETE channels/acd-2"]
    assert script.results() == [
        ("acd-1", "rejected", "call_unknown"),
        ("y", "rejected", "call_unknown"),
    ]


@pytest.mark.parametrize("failing", LISTS)
@pytest.mark.parametrize("how", [500, 0, None, "no list"])
def test_a_list_that_fails_is_no_snapshot_and_events_wait_for_the_next(failing, how):
    script = Script(is_read=False)
    script.order(sw.SnapshotRequest(command_id="read"))
    script.call("c7")
    for name in LISTS:
        if name != failing:
            script.answer(f"GET {name}", 200, [])
        elif how is None:
            script.leave_open(f"GET {name}")
        elif isinstance(how, int):
            script.answer(f"GET {name}", how, {"message": "no"})
        else:
            script.answer(f"GET {name}", 200, {"message": "no list"})
    assert script.results() == [("read", "rejected", "timeout")]
    script.read([customer("c7")])
    assert script.kinds() == ["Snapshot", "CommandResult"]


def test_an_entry_that_cannot_be_read_does_not_hide_the_others():
    broken = {"id": "", "name": "x", "state": "Up"}
    assert connections(first([broken, customer("c1")]).snapshot()) == {"c1": []}


# Later ones.


@pytest.fixture
def script():
    """Return a switch at which a customer and an agent talk, and another customer waits."""
    script = Script()
    script.call("c2")
    script.call("c1")
    script.talk()
    return script


def there(script, *others):
    """Return what a switch has that is as the table says, but for channels that are named."""
    script.forget()
    channels = [customer("c2"), customer("c1"), our_leg("acd-1", "101", "c1")]
    return [one for one in channels if one["id"] not in others]


def test_an_audit_of_what_is_as_it_should_be_asks_for_nothing(script):
    script.read(there(script), [bridge("acd-1.talk", "c1", "acd-1")])
    assert script.asked() == READ
    assert connections(script.snapshot()) == {
        "c2": [],
        "c1": [("101", "connected", "acd-1")],
    }


def test_a_call_that_a_list_does_not_name_is_left_out_and_looked_at_alone(script):
    script.read(there(script, "c2"), [bridge("acd-1.talk", "c1", "acd-1")])
    assert list(connections(script.snapshot())) == ["c1"]
    script.forget()
    script.order(sw.SnapshotCall(command_id="look", call_id="c2"))
    assert script.asked() == ["GET channels/c2"]
    script.answer("GET channels/c2", 200, customer("c2"))
    assert script.told()[0] == sw.CallReported(
        call_id="c2", call=sw.Call("c2", "4000", "+4930123", queued_us=1_795_679_488_896_000)
    )
    script.order(sw.SnapshotCall(command_id="again", call_id="c2"))
    script.answer("GET channels/c2", 404)
    assert script.told() == [
        sw.CallCleared(call_id="c2", cause=EventCause.CALL_CANCELLED),
        sw.CallReported(call_id="c2"),
        sw.CommandResult(command_id="again", call_id="c2", stage=CommandStage.CONFIRMED),
    ]


@pytest.mark.parametrize("case", [(500, "rejected"), (0, "not_sent"), (None, "unknown")])
def test_no_word_of_a_call_is_not_the_end_of_it(script, case):
    status, stage = case
    script.order(sw.SnapshotCall(command_id="look", call_id="c2"))
    if status is None:
        script.leave_open("GET channels/c2")
    else:
        script.answer("GET channels/c2", status)
    ((_, told, _),) = script.results()
    assert told == stage


def test_a_call_alone_that_is_not_in_our_application_is_none(script):
    for name, found in (("c2", customer("c2", app_name="Dial")), ("c8", customer("c8"))):
        script.order(sw.SnapshotCall(command_id="look", call_id=name))
        script.answer(f"GET channels/{name}", 200, found)
    reports = [one for one in script.told() if isinstance(one, sw.CallReported)]
    assert [one.call and one.call.call_id for one in reports] == [None, "c8"]


def test_an_arrival_that_was_lost_is_found_and_so_is_the_end_of_a_talk(script):
    channels = [*there(script, "acd-1"), customer("c3")]
    script.read(channels, [bridge("acd-1.talk", "c1")])
    assert "c3" in connections(script.snapshot())
    assert script.asked()[-1] == "GET channels/acd-1"
    script.answer("GET channels/acd-1", 404)
    assert script.told()[-1] == sw.ConnectionCleared(**PART)


def test_the_lost_return_of_a_channel_that_was_here_before_is_found(script):
    script.order(sw.RouteEnd(command_id="end", call_id="c2"))
    script.leave("c2")
    channels = [*there(script, "c2"), customer("c2", ACD_ENTRY="2")]
    script.read(channels, [bridge("acd-1.talk", "c1", "acd-1")])
    assert list(connections(script.snapshot())) == ["c1", "c2+2"]


def test_an_answer_that_was_lost_is_found(script):
    script.call("c2")
    script.order(sw.RouteSelect(command_id="acd-2", call_id="c2", device="102", ring_us=9))
    script.make_leg("acd-2", "102")
    script.ring("acd-2")
    script.forget()
    answered = our_leg("acd-2", "102", "c2")
    answered["dialplan"] |= {"app_name": "Stasis", "app_data": "acd,leg"}
    script.read([customer("c2"), answered])
    assert "POST bridges/acd-2.talk type=mixing name=acd" in script.asked()


def test_a_customer_who_is_left_alone_in_a_bridge_is_taken_out(script):
    script.call("c2")
    script.forget()
    script.read([customer("c2")], [bridge("acd-9.talk", "c2")])
    asked = script.asked()
    assert asked.index("DELETE bridges/acd-9.talk") < asked.index("POST channels/c2/moh")


def test_what_changed_while_the_lists_were_made_is_not_undone_by_them(script):
    channels = there(script)
    script.order(sw.SnapshotRequest(command_id="read"))
    script.call("c3")
    script.select("acd-3", "c2", "103")
    script.ring("acd-3")
    script.hang_up("acd-1")
    script.destroy("acd-1")
    script.forget()
    script.answer_lists(channels, [bridge("acd-1.talk", "c1", "acd-1")])
    assert connections(script.snapshot()) == {
        "c2": [("103", "alerting", "acd-3")],
        "c1": [],
        "c3": [],
    }
    assert script.asked() == []


def test_a_channel_whose_place_was_taken_is_a_ghost_too(script):
    channels = there(script)
    new = customer("n7", ACD_CALL="c2")
    script.say("StasisStart", args=["call"], channel=new, replace_channel=script.channel("c2"))
    script.forget()
    script.read([*channels, new], [bridge("acd-1.talk", "c1", "acd-1")])
    assert sorted(connections(script.snapshot())) == ["c1", "c2"]
    script.order(sw.ClearCall(command_id="x", call_id="c2"))
    assert script.asked()[-1] == "DELETE channels/n7"


def test_a_leg_that_was_taken_back_and_is_still_there_is_let_go_again(script):
    channels = there(script)
    script.order(sw.RouteCancel(command_id="x", call_id="c1", offer="acd-1"))
    script.wait(2)
    script.forget()
    script.read(channels)
    assert connections(script.snapshot()) == {"c2": [], "c1": []}
    assert script.asked() == [*READ, "DELETE channels/acd-1"]


def test_who_is_on_hold_is_corrected_both_ways(script):
    channels = there(script)
    for inside, told in (
        (["acd-1"], ["Held"]),
        (["acd-1"], []),
        (["c1", "acd-1"], ["Retrieved"]),
        (["c1", "acd-1"], []),
    ):
        script.read(channels, [bridge("acd-1.talk", *inside)])
        assert script.kinds() == [*told, "Snapshot", "CommandResult"]


@pytest.mark.parametrize("end", ["leave", "destroy", "hang_up"])
def test_ghosts_in_a_list_stay_dead(script, end):
    channels = there(script)
    getattr(script, end)("c2")
    script.forget()
    script.read(channels, [bridge("acd-1.talk", "c1", "acd-1")])
    assert list(connections(script.snapshot())) == ["c1"]


def test_more_than_can_be_kept_back_is_told_as_loss():
    script = Script(is_read=False)
    event = frames.ApplicationReplaced()
    for _ in range(KEPT_MAX):
        script.mapper.on_event(event, script.now_us)
    script.wait(0)
    assert script.told() == []
    script.call("c1")
    assert script.kinds() == ["MessagesLost"]

"""Core and switch are brought into step: what each difference leads to.

Method: a router that played a short story, a switchboard at it, and one event or snapshot of the
switch; the reaction is written down as a table would say it: commands first, facts, commands then.
No switch and no clock takes part.
"""

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.daemon.switch_site import LinkState
from acd.daemon.switchboard import Switchboard
from acd.ids import Device, FailureCause
from acd.journal.records import Entry
from acd.settings import ChannelSettings
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import (
    AgentStateWord,
    Capability,
    CommandError,
    CommandStage,
    ConnectionState,
    DeviceState,
    EventCause,
)
from tests.unit.shop import CHAT, SHOP, VOICE, arrived, at_work
from tests.unit.switch_board import ALL, PHONES, Board, call, shown

RINGS = sw.Connection("101", ConnectionState.ALERTING, "acd-shop-j-1")
RINGS_TOO = sw.Connection("102", ConnectionState.ALERTING, "acd-shop-j-2")
TALKS = sw.Connection("101", ConnectionState.CONNECTED, "acd-shop-j-1")
ON_HOLD = sw.Connection("101", ConnectionState.HOLD, "acd-shop-j-1")


SEVERAL = replace(
    SHOP,
    queues=(
        replace(
            SHOP.queues[0],
            channels={**SHOP.queues[0].channels, VOICE: ChannelSettings(parallel_offers=2)},
        ),
    ),
)


def offered():
    """Return a board where contact c rings at ann."""
    board = Board()
    board.tell(at_work("ann"), arrived("pbx:c"))
    return board


def ringing_twice():
    """Return a board where contact c rings at ann and at bob."""
    board = Board(settings=SEVERAL)
    board.tell(at_work("ann", "bob"), arrived("pbx:c"))
    return board


def connected():
    board = offered()
    board.tell(ev.LegConnected(offer_id=1))
    return board


def wrapping():
    board = connected()
    board.tell(ev.LegEnded(offer_id=1))
    return board


def waiting():
    board = Board()
    board.tell(arrived("pbx:c"))
    return board


def held():
    board = connected()
    board.tell(ev.LegHeld(offer_id=1))
    return board


def withdrawn():
    """Return a board where contact c rang at ann, who took a break."""
    board = offered()
    board.tell(ev.AgentNotReady(agent_id="ann"))
    return board


SELECT = "route_select acd-shop-j-1 call_id=c device=101 ring_us=15000000"
SELECT_TOO = "route_select acd-shop-j-2 call_id=c device=102 ring_us=15000000"
CANCEL = "route_cancel call_id=c offer=acd-shop-j-1"
ARRIVES = "contact.arrived contact_id=pbx:c queue=sales channel=voice"
BUSY_ELSEWHERE = "agent.device_changed agent_id=ann device=busy_elsewhere"
CLEARED = "clear_call call_id=c"
RETRIEVE = "retrieve call_id=c device=101 offer=acd-shop-j-1"
HANDED_BACK = "route_end call_id=c cause=destNotObtainable"
LOOKED_AT = "snapshot_call call_id=c"
TABLE = [
    # The core, the switch's snapshot, what follows.
    (Board, [], []),
    (Board, [call()], [ARRIVES]),
    (Board, [call(dnis="999")], [HANDED_BACK]),
    (Board, [call(served=True)], [CLEARED]),
    (Board, [call("c", TALKS, served=True)], [BUSY_ELSEWHERE]),
    (Board, [call("c", RINGS)], [CANCEL, ARRIVES]),
    (waiting, [], [LOOKED_AT]),
    (waiting, [call()], []),
    (waiting, [call(served=True)], []),
    (withdrawn, [call("c", RINGS)], [CANCEL]),
    (withdrawn, [call("c", TALKS, served=True)], [CANCEL]),
    (offered, [], [LOOKED_AT]),
    (offered, [call()], [SELECT]),
    (offered, [call("c", RINGS)], []),
    (offered, [call("c", TALKS, served=True)], ["leg.connected offer_id=1"]),
    (
        offered,
        [call("c", ON_HOLD, served=True)],
        ["leg.connected offer_id=1", "leg.held offer_id=1"],
    ),
    (ringing_twice, [call("c", RINGS, RINGS_TOO)], []),
    (ringing_twice, [call("c", RINGS)], [SELECT_TOO]),
    (ringing_twice, [call()], [SELECT, SELECT_TOO]),
    # The other offer ends by the fact, and is not given again.
    (ringing_twice, [call("c", TALKS, RINGS_TOO, served=True)], ["leg.connected offer_id=1"]),
    (ringing_twice, [call("c", TALKS, served=True)], ["leg.connected offer_id=1"]),
    (connected, [], [LOOKED_AT]),
    (connected, [call(served=True)], ["leg.ended offer_id=1"]),
    (connected, [call("c", TALKS, served=True)], []),
    (connected, [call("c", ON_HOLD, served=True)], ["leg.held offer_id=1", RETRIEVE]),
    (held, [call("c", ON_HOLD, served=True)], []),
    (held, [call("c", TALKS, served=True)], ["leg.retrieved offer_id=1"]),
    (wrapping, [], []),
    (wrapping, [call(served=True)], [CLEARED]),
]


@pytest.mark.parametrize("story, calls, want", TABLE)
def test_each_difference_leads_to_one_repair(story, calls, want):
    board = story()
    assert board.link() == ["snapshot_request"]
    assert board.compare(*calls) == want


@pytest.mark.parametrize("story, calls, want", TABLE)
def test_an_audit_asks_about_what_looks_wrong_and_repairs_what_is(story, calls, want):
    board = story()
    board.board.link, board.board._epoch = LinkState.UP, 1
    want = [one for one in want if one != BUSY_ELSEWHERE]  # Only after a log-in.
    snapshot = sw.Snapshot(epoch=1, calls=tuple(calls), devices=PHONES)
    assert board.hear(snapshot) == []
    questions = [
        question
        for portion in board.board.suspects(snapshot, now_us=0)
        for question in shown(portion)
    ]
    assert questions == ([LOOKED_AT] if want else [])
    report = sw.CallReported(epoch=1, call_id="c", call=calls[0] if calls else None)
    left = ["contact.left contact_id=pbx:c"] if want == [LOOKED_AT] else want
    assert board.hear(report) == left


def test_orphans_are_canceled_before_anything_else_and_arrivals_come_last_in_their_order():
    board = withdrawn()
    board.tell(ev.AgentLoggedIn(agent_id="bob"))
    board.hear(sw.LinkDown(epoch=0, cause="cut"))
    board.link()
    got = board.compare(call("young", queued_us=9), call("c", RINGS), call("old", queued_us=1))
    assert [line.split()[0] for line in got] == [
        "route_cancel", "contact.arrived", "contact.arrived",
    ]  # fmt: skip
    assert "pbx:old" in got[1]
    assert "pbx:young" in got[2]


def test_the_repeated_offer_has_only_the_time_that_is_left():
    board = offered()
    board.link()
    board.now_s = 11
    assert board.compare(call()) == [SELECT.replace("15000000", "4000000")]


def test_an_offer_whose_time_is_over_is_not_repeated():
    board = offered()
    board.link()
    board.now_s = 15
    assert board.compare(call()) == []


def test_a_cut_link_makes_phones_unreachable_at_once_and_only_once():
    board = offered().linked(call("c", RINGS))
    want = [f"agent.device_changed agent_id={one} device=unreachable" for one in ("ann", "bob")]
    assert board.hear(sw.LinkDown(epoch=1, cause="cut")) == want
    for agent_id in ("ann", "bob"):
        board.tell(ev.DeviceChanged(agent_id=agent_id, device=Device.UNREACHABLE))
    assert board.hear(sw.LinkDown(epoch=1, cause="cut")) == []
    back = [line.replace("unreachable", "reachable") for line in want]
    board.hear(sw.LinkUp(epoch=1))
    assert board.compare(call()) == back


def test_a_phone_that_the_switch_does_not_name_is_not_there():
    board = Board()
    board.link()
    got = board.compare(devices=PHONES[:1])
    assert got == ["agent.device_changed agent_id=bob device=unreachable"]


def test_a_switch_that_started_anew_has_none_of_its_calls():
    board = connected()
    board.tell(arrived("c-1"))
    assert board.link(restarted=True) == ["contact.left contact_id=pbx:c", "snapshot_request"]


def test_after_being_replaced_nothing_is_ordered_or_believed():
    board = Board().linked()
    board.hear(sw.LinkDown(epoch=1, cause="replaced", replaced=True))
    assert board.board.link is LinkState.REPLACED
    assert board.hear(sw.RouteRequest(epoch=1, call=call())) == []
    assert board.board.ask() == ()


def test_events_of_an_old_epoch_are_dropped():
    board = Board().linked()
    assert board.hear(sw.RouteRequest(epoch=0, call=call())) == []
    assert board.board.counts["old_epoch"] == 1


def test_what_comes_before_the_snapshot_is_kept_back_and_replayed():
    board = waiting()
    board.link()
    events = [
        sw.RouteRequest(epoch=1, call=call("young", queued_us=9)),
        sw.CallCleared(epoch=1, call_id="c"),
        sw.AgentLoggedOn(epoch=1, device="101"),
    ]
    assert [board.hear(event) for event in events] == [[], [], []]
    # The hang-up wins over the snapshot; nobody needs to be asked about it.
    assert board.compare(call()) == ["contact.left contact_id=pbx:c"]
    assert board.board.replay() == events
    assert board.hear(events[2]) == ["agent.logged_in agent_id=ann"]


def test_an_answer_that_comes_too_late_is_undone_at_the_agents_side_only():
    board = withdrawn().linked(call())
    answer = sw.Established(epoch=1, call_id="c", device="101", offer="acd-shop-j-1")
    want = ["clear_connection call_id=c device=101 offer=acd-shop-j-1"]
    assert board.hear(answer) == want
    theirs = sw.Established(epoch=1, call_id="c", device="101", offer="theirs")
    assert board.hear(theirs) == []


@pytest.mark.parametrize(
    "cause, want",
    [
        (EventCause.BUSY, "offer.failed offer_id=1 cause=busy"),
        (EventCause.DEST_OUT_OF_ORDER, "offer.failed offer_id=1 cause=unreachable"),
        (EventCause.NETWORK_CONGESTION, "offer.failed offer_id=1 cause=congestion"),
        (EventCause.DO_NOT_DISTURB, "offer.failed offer_id=1 cause=refused"),
        (EventCause.REJECTED, "offer.rejected offer_id=1 reason=phone"),
        (EventCause.CALL_NOT_ANSWERED, "offer.rejected offer_id=1 reason=phone"),
    ],
)
def test_a_failed_offer_fails_for_its_cause(cause, want):
    board = offered().linked(call("c", RINGS))
    kinds = (
        sw.ReRoute(epoch=1, call_id="c", offer="acd-shop-j-1", cause=cause),
        sw.Failed(epoch=1, call_id="c", device="1", offer="acd-shop-j-1", cause=cause),
    )
    for kind in kinds:
        assert board.hear(kind) == [want]


def test_several_phones_ring_and_whoever_is_slower_stops():
    board = Board(settings=SEVERAL)
    board.tell(at_work("ann", "bob"))
    board.linked(call())
    board.tell(ev.ContactLeft(contact_id="pbx:c"))
    commands = board.does(arrived("pbx:d"))
    assert [one.split()[:2] for one in commands if one.startswith("route")] == [
        ["route_select", "acd-shop-j-1"],
        ["route_select", "acd-shop-j-2"],
    ]
    answer = sw.Established(epoch=1, call_id="d", device="102", offer="acd-shop-j-2")
    assert board.hear(answer) == ["leg.connected offer_id=2"]
    assert board.does(ev.LegConnected(offer_id=2)) == ["route_cancel call_id=d offer=acd-shop-j-1"]
    late = sw.Established(epoch=1, call_id="d", device="101", offer="acd-shop-j-1")
    assert board.hear(late) == ["clear_connection call_id=d device=101 offer=acd-shop-j-1"]


def test_a_phone_that_stops_since_another_answered_is_not_at_fault():
    """That the other answered was not told, so it is asked for."""
    board = ringing_twice().linked(call("c", RINGS, RINGS_TOO))
    event = sw.ReRoute(epoch=1, call_id="c", offer="acd-shop-j-1", cause=EventCause.REDIRECTED)
    assert board.hear(event) == [LOOKED_AT]


def test_what_rings_out_at_the_switch_rings_out_at_the_end_of_the_lease():
    board = offered().linked(call("c", RINGS))
    board.now_s += 15
    cause = EventCause.CALL_NOT_ANSWERED
    assert board.hear(sw.ReRoute(epoch=1, call_id="c", offer="acd-shop-j-1", cause=cause)) == []


def test_a_phone_follows_what_its_agent_does_at_his_desktop():
    board = Board().linked()
    for heard, does in (
        (sw.AgentLoggedOn(epoch=1, device="101"), ev.AgentLoggedIn(agent_id="ann")),
        (sw.AgentReady(epoch=1, device="101"), ev.AgentReady(agent_id="ann")),
    ):
        assert len(board.hear(heard)) == 1
        # The phone said so itself, or says more by then.
        shows = [one for one in board.does(does) if "state=ready" in one]
        assert shows == []
    off = "set_agent_state device=101 state=null reason=logged_out"
    assert board.does(ev.AgentLoggedOut(agent_id="ann")) == [off]
    # That was lost: the phone still shows the old state, is not believed, and told again.
    shows_ready = sw.DeviceReport("101", DeviceState.IN_SERVICE, AgentStateWord.READY)
    devices = (shows_ready, PHONES[1])
    once_more = ["set_agent_state device=101 state=null"]
    assert board.compare(devices=devices) == once_more
    assert board.compare(devices=devices) == once_more
    asked = board.board._phones._ordered["101"]
    board.hear(sw.CommandResult(epoch=1, command_id=asked, stage=CommandStage.ACCEPTED))
    assert board.compare() == []


def test_an_offer_is_not_moved_by_events_about_another_call():
    board = offered().linked(call("c", RINGS))
    got = board.hear(sw.ReRoute(epoch=1, call_id="d", offer="acd-shop-j-1", cause=EventCause.BUSY))
    assert got == []


@pytest.mark.parametrize(
    "stage, error, want",
    [
        (CommandStage.ACCEPTED, CommandError.NONE, []),
        (CommandStage.REJECTED, CommandError.ALREADY_GIVEN, []),
        (CommandStage.REJECTED, CommandError.CALL_UNKNOWN, [LOOKED_AT]),
        (CommandStage.UNKNOWN, CommandError.TIMEOUT, [LOOKED_AT]),
        (CommandStage.NOT_SENT, CommandError.LINK_DOWN, []),
        (CommandStage.REJECTED, CommandError.OFFER_ENDED, [FailureCause.REFUSED]),
        (CommandStage.REJECTED, CommandError.DEVICE_BUSY, [FailureCause.BUSY]),
        (CommandStage.REJECTED, CommandError.DEVICE_UNKNOWN, [FailureCause.UNREACHABLE]),
        (CommandStage.NOT_SENT, CommandError.OVERLOAD, [FailureCause.CONGESTION]),
    ],
)
def test_what_became_of_an_offers_command(stage, error, want):
    board = offered().linked(call("c", RINGS))
    result = sw.CommandResult(
        epoch=1, command_id="acd-shop-j-1", call_id="c", stage=stage, error=error
    )
    failed = [
        f"offer.failed offer_id=1 cause={one}" if isinstance(one, FailureCause) else one
        for one in want
    ]
    assert board.hear(result) == failed


def test_a_look_that_is_not_answered_is_not_repeated_without_end():
    board = waiting().linked()
    result = sw.CommandResult(
        epoch=1,
        command_id=board.site.next_id(),
        call_id="c",
        stage=CommandStage.UNKNOWN,
        error=CommandError.TIMEOUT,
    )
    assert board.hear(result) == []


def test_a_lost_snapshot_is_asked_for_again_a_few_times():
    board = Board()
    board.link()
    asked = []
    for _ in range(10):
        result = sw.CommandResult(
            epoch=1, command_id=board.board._asked or "-", stage=CommandStage.ACCEPTED
        )
        asked += board.hear(result)
    assert asked == ["snapshot_request"] * 4
    assert board.board.ask(anew=True)


def test_what_is_lost_while_a_snapshot_is_under_way_is_asked_for_once_more():
    board = Board().linked()
    assert board.hear(sw.MessagesLost(epoch=1)) == []
    done = sw.CommandResult(epoch=1, command_id=board.board._asked, stage=CommandStage.ACCEPTED)
    assert board.hear(done) == ["snapshot_request"]


@pytest.mark.parametrize("call_id", ["x" * 61, "a\nb", "bell\a"])
def test_a_call_with_an_odd_id_is_left_to_the_switch(call_id):
    board = Board().linked()
    got = board.hear(sw.RouteRequest(epoch=1, call=call(call_id)))
    assert got == [f"route_end call_id={call_id} cause=destNotObtainable"]


def test_a_call_that_the_core_refuses_is_left_to_the_switch():
    board = Board().linked()
    facts = (ev.ContactArrived(contact_id="pbx:c", queue="gone", channel=VOICE),)
    actions = board.router.step(facts[0], now_us=0)
    assert shown(board.board.turned_away(facts, actions)) == [HANDED_BACK]
    board.router.step(arrived("pbx:c"), now_us=0)
    again = board.router.step(arrived("pbx:c"), now_us=0)
    assert board.board.turned_away((arrived("pbx:c"),), again) == []


def test_a_closed_contact_does_not_come_back():
    board = Board().linked(call())
    board.does(arrived("pbx:c"))
    assert board.does(ev.ContactLeft(contact_id="pbx:c")) == []
    assert board.hear(sw.RouteRequest(epoch=1, call=call())) == []
    assert board.hear(sw.CallReported(epoch=1, call_id="c", call=call())) == [HANDED_BACK]


# Commands.


def test_what_is_decided_becomes_commands():
    board = Board()
    music = "queue_treatment call_id=c treatment=music"
    assert board.does(arrived("pbx:c")) == [music]
    assert board.does(at_work("ann")) == [SELECT]
    assert board.does(ev.AgentNotReady(agent_id="ann")) == [CANCEL]
    second = SELECT.replace("j-1", "j-2")
    assert board.does(ev.AgentReady(agent_id="ann")) == [second]
    assert board.does(ev.LegConnected(offer_id=2)) == []
    assert board.does(ev.LegEnded(offer_id=2)) == [CLEARED]
    assert board.does(ev.ContactLeft(contact_id="pbx:c")) == []
    assert board.does(ev.WrapUpEnded(offer_id=2)) == []
    assert not board.board._orders.parts.of
    assert not board.board._orders.parts._offers_of


def test_callers_found_in_a_snapshot_hear_something_already():
    assert Board().does(ev.Batch(events=(arrived("pbx:c"), arrived("pbx:d")))) == []


def test_contacts_of_other_channels_concern_no_switch():
    board = Board()
    board.does(at_work("ann"))
    assert board.does(arrived("c-1", CHAT)) == []
    assert board.does(ev.AgentNotReady(agent_id="ann")) == []


def test_after_a_restart_an_offer_of_before_can_be_canceled():
    board = offered()
    board.board = Switchboard(board.site, ALL)
    assert board.does(ev.AgentNotReady(agent_id="ann")) == [CANCEL]


def test_the_same_actions_give_the_same_command_ids():
    ids = []
    for _ in range(2):
        board = Board()
        board.tell(at_work("ann"))
        event = arrived("pbx:c")
        entry = Entry(7, 0, event, board.router.step(event, now_us=0))
        ids.append([command.command_id for command in board.board.commands_for(entry)])
    assert ids == [["acd-shop-j-7.t", "acd-shop-j-1"]] * 2


def test_a_switch_gets_no_command_that_it_cannot_carry_out():
    board = Board(capabilities=Capability.NONE)
    assert board.does(arrived("pbx:c")) == []
    assert board.does(at_work("ann")) == [SELECT]


# Phones.


def test_an_agent_who_misses_a_call_sees_it_at_the_phone_where_he_logged_on():
    board = Board().linked()
    board.hear(sw.AgentLoggedOn(epoch=1, device="101"))
    board.does(at_work("ann", "bob"))
    board.does(arrived("pbx:c"))
    board.now_s = 15
    _, shown_at_phone, _ = board.does(ev.ClockTicked())
    assert shown_at_phone == "set_agent_state device=101 state=not_ready reason=not_responding"
    forced = sw.AgentNotReady(epoch=1, device="101", cause=EventCause.FORCED_TRANSITION)
    assert board.hear(forced) == []
    board.now_s = 30
    assert [line.split()[0] for line in board.does(ev.ClockTicked())] == ["route_cancel"]


def test_ready_at_the_phone_ends_the_wrap_up():
    board = wrapping().linked(call(served=True))
    got = board.hear(sw.AgentReady(epoch=1, device="101"))
    assert got == ["agent.ready agent_id=ann", "wrap_up.ended offer_id=1"]


def test_an_agent_who_says_something_at_his_phone_is_logged_in():
    board = Board().linked()
    login = "agent.logged_in agent_id=ann"
    assert board.hear(sw.AgentReady(epoch=1, device="101"))[0] == login
    not_ready = sw.AgentNotReady(epoch=1, device="101", reason="x" * 256)
    assert board.hear(not_ready)[1] == f"agent.not_ready agent_id=ann reason={'x' * 64}"
    odd = sw.AgentNotReady(epoch=1, device="101", reason="a\nb")
    assert board.hear(odd)[1] == "agent.not_ready agent_id=ann"
    assert board.hear(sw.AgentLoggedOff(epoch=1, device="101")) == ["agent.logged_out agent_id=ann"]
    assert board.hear(sw.AgentReady(epoch=1, device="999")) == []


def test_a_snapshot_tells_what_agents_did_meanwhile_but_undoes_nothing():
    ready = sw.DeviceReport("101", DeviceState.IN_SERVICE, AgentStateWord.READY)
    board = Board()
    board.link()
    # After a start, who is logged on at his phone is at work …
    both = ["agent.logged_in agent_id=ann", "agent.ready agent_id=ann"]
    assert board.compare(devices=(ready, PHONES[1])) == both
    board.tell(at_work("ann"), ev.AgentLoggedOut(agent_id="ann"))
    # … but one who logged out at his desktop since is not logged in by the same word again.
    assert board.compare(devices=(ready, PHONES[1])) == []
    gone = sw.DeviceReport("101", DeviceState.IN_SERVICE)
    assert board.compare(devices=(gone, PHONES[1])) == ["agent.logged_out agent_id=ann"]

"""Calls that go further: what decisions order at the switch, and what the switch's word is.

Method: as in test_switch_resync.py. In most stories the customer of contact c talks with ann at
phone 101 (offer 1), and bob at 102 is asked, or has him next (offer 2).
"""

from typing import Any

import pytest

from acd import events as ev
from acd.daemon.switchboard import Switchboard
from acd.ids import ConsultEnd
from acd.journal.records import Entry
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import (
    Capability,
    CommandError,
    CommandStage,
    ConnectionState,
    EventCause,
)
from tests.unit.shop import CHAT, arrived, at_work
from tests.unit.switch_board import ALL, PHONES, Board, call

ASKS = ev.ConsultRequested(offer_id=1, queue="sales")
ANN = "call_id=c device=101 offer=acd-shop-j-1"
BOB = "call_id=c device=102 offer=acd-shop-j-2"
HOLD, RETRIEVE, CLEAR = f"hold {ANN}", f"retrieve {ANN}", f"clear_connection {ANN}"
MUSIC = "queue_treatment call_id=c treatment=music"
SELECT = "route_select acd-shop-j-2 call_id=c device=102 ring_us=15000000"
CONSULT = "consultation_call acd-shop-j-2 " + ANN + " to=102 ring_us=15000000"
CANCEL = "route_cancel call_id=c offer=acd-shop-j-2"
PART: dict[str, Any] = {"call_id": "c", "device": "101", "offer": "acd-shop-j-1"}
ASKED: dict[str, Any] = {"call_id": "c", "device": "102", "offer": "acd-shop-j-2"}


def ends(how):
    return ev.ConsultEnded(offer_id=1, how=ConsultEnd(how))


def talking(*, bob=True, capabilities=ALL):
    """Return a board where the customer talks with ann, and bob is ready, or not."""
    board = Board(capabilities=capabilities).linked()
    board.does(at_work("ann"))
    board.does(arrived("pbx:c"))
    board.does(ev.LegConnected(offer_id=1))
    if bob:
        board.does(at_work("bob"))
    return board


def asking():
    """Return a board where ann asks, and it rings at bob."""
    board = talking()
    board.does(ASKS)
    return board


def conferring():
    board = asked()
    board.does(ends("conference"))
    return board


def asked():
    """Return a board where ann asks bob, and he answered."""
    board = asking()
    board.does(ev.LegConnected(offer_id=2))
    return board


# What is ordered.


@pytest.mark.parametrize(
    "event", [ev.LegTransferred(offer_id=1, queue="sales"), ev.LegRequeued(offer_id=1)]
)
def test_who_is_given_further_is_parted_from_his_agent_hears_music_and_rings_elsewhere(event):
    assert talking().does(event) == [CLEAR, SELECT, MUSIC]
    assert talking(bob=False).does(event) == [CLEAR, MUSIC]
    dumb = talking(bob=False, capabilities=Capability.CALL_CONTROL)
    assert dumb.does(event) == [CLEAR]


def test_an_agent_who_asks_has_his_customer_on_hold_until_somebody_is_there():
    board = talking(bob=False)
    assert board.does(ASKS) == [HOLD]
    assert board.does(at_work("bob")) == [CONSULT]
    assert board.does(ev.OfferRejected(offer_id=2)) == []
    assert talking().does(ASKS) == [HOLD, CONSULT]


@pytest.mark.parametrize(
    "story, how, want",
    [
        (asked, "transfer", ["transfer_call call_id=c consultation=acd-shop-j-2"]),
        (asked, "conference", ["conference_call call_id=c consultation=acd-shop-j-2"]),
        (asked, "return", ["reconnect_call call_id=c consultation=acd-shop-j-2", RETRIEVE]),
        (asking, "transfer", [CLEAR]),
        (asking, "conference", []),
        (asking, "return", [CANCEL, RETRIEVE, RETRIEVE]),
    ],
)
def test_a_consultation_ends_at_the_switch_as_it_was_decided(story, how, want):
    assert story().does(ends(how)) == want


@pytest.mark.parametrize("how, want", [("transfer", [CLEAR]), ("return", [RETRIEVE, RETRIEVE])])
def test_a_consultation_ends_before_anybody_was_found(how, want):
    board = talking(bob=False)
    board.does(ASKS)
    assert board.does(ends(how)) == want


def test_an_agent_who_hangs_up_while_he_asks_needs_no_order():
    for story in (asking, asked):
        assert story().does(ev.LegEnded(offer_id=1)) == []


def test_who_leaves_has_left_everybody():
    assert asked().does(ev.ContactLeft(contact_id="pbx:c")) == []


def test_after_a_conference_the_customer_is_let_go_with_the_last_agent():
    board = conferring()
    assert board.does(ev.LegEnded(offer_id=1)) == []
    assert board.does(ev.LegEnded(offer_id=2)) == ["clear_call call_id=c"]


def test_a_chat_that_goes_further_concerns_no_switch():
    board = Board().linked()
    board.does(at_work("ann"))
    board.does(arrived("chat-1", CHAT))
    board.does(ev.LegConnected(offer_id=1))
    assert board.does(ASKS) == []
    assert board.does(at_work("bob")) == []
    assert board.does(ev.LegConnected(offer_id=2)) == []
    assert board.does(ends("transfer")) == []
    assert board.does(ev.LegTransferred(offer_id=2, queue="sales")) == []


@pytest.mark.parametrize("how, want", [("transfer", "transfer_call"), ("return", "reconnect_call")])
def test_a_daemon_that_starts_anew_ends_a_consultation_of_before(how, want):
    board = asked()
    board.board = Switchboard(board.site, ALL)
    assert board.does(ends(how))[0].startswith(want)


# What is heard.


def test_what_a_phones_key_makes_of_a_consultation_is_believed_and_not_ordered_again():
    board = asked()
    conferenced = sw.Conferenced(epoch=1, **ASKED)
    facts = ["leg.connected offer_id=2", "consult.ended offer_id=1 how=conference"]
    assert board.hear(conferenced) == facts
    assert board.does(ends("conference")) == []
    assert board.hear(conferenced) == []
    transferred = sw.Transferred(epoch=1, **PART, to="102", to_offer="acd-shop-j-2")
    assert asked().hear(transferred) == ["leg.ended offer_id=1"]


def test_what_we_ordered_is_no_news():
    board = asked()
    board.does(ends("transfer"))
    for event in (
        sw.Transferred(epoch=1, **PART, to="102", to_offer="acd-shop-j-2"),
        sw.ConnectionCleared(epoch=1, **PART, cause=EventCause.REDIRECTED),
        sw.Retrieved(epoch=1, **PART),
        sw.Conferenced(epoch=1, **ASKED),
        sw.Conferenced(epoch=1, **{**ASKED, "offer": "acd-shop-j-9"}),
        sw.Transferred(epoch=1, **{**PART, "offer": "x"}, to="102", to_offer="acd-shop-j-2"),
    ):
        assert board.hear(event) == []


@pytest.mark.parametrize(
    "how, looked", [("transfer", True), ("conference", True), ("return", False)]
)
def test_what_the_switch_refuses_to_join_is_looked_at(how, looked):
    board = asked()
    actions = board.router.step(ends(how), now_us=0)
    command = board.board.commands_for(Entry(99, 0, ends(how), actions))[0]
    result = sw.CommandResult(
        epoch=1,
        command_id=command.command_id,
        call_id="c",
        stage=CommandStage.REJECTED,
        error=CommandError.WRONG_STATE,
    )
    assert board.hear(result) == (["snapshot_call call_id=c"] if looked else [])


# What is compared.


def at(device, state, number):
    return sw.Connection(device, ConnectionState(state), f"acd-shop-j-{number}")


def transferred():
    board = asked()
    board.does(ends("transfer"))
    return board


def returned():
    board = asked()
    board.does(ends("return"))
    return board


def given_further():
    board = talking()
    board.does(ev.LegTransferred(offer_id=1, queue="sales"))
    return board


TALKS, HELD = at("101", "connected", 1), at("101", "hold", 1)
RINGS, ANSWERED = at("102", "alerting", 2), at("102", "connected", 2)
CONFERENCE = "conference_call call_id=c consultation=acd-shop-j-2"


@pytest.mark.parametrize(
    "story, connections, want",
    [
        (asking, (HELD, RINGS), []),
        (asking, (HELD, ANSWERED), ["leg.connected offer_id=2"]),
        (asking, (HELD,), [CONSULT]),
        (asking, (TALKS, RINGS), [HOLD]),
        (asking, (RINGS,), ["leg.ended offer_id=1"]),
        (asking, (), ["leg.ended offer_id=1", SELECT]),
        (
            asking,
            (TALKS, ANSWERED),
            [
                "leg.connected offer_id=2",
                "consult.ended offer_id=1 how=conference",
            ],
        ),
        (asked, (HELD, ANSWERED), []),
        (asked, (HELD,), ["leg.ended offer_id=2"]),
        (asked, (ANSWERED,), ["leg.ended offer_id=1"]),
        (asked, (TALKS, ANSWERED), ["consult.ended offer_id=1 how=conference"]),
        (transferred, (HELD, ANSWERED), [CLEAR]),
        (transferred, (ANSWERED,), []),
        (returned, (HELD, ANSWERED), [f"clear_connection {BOB}", "leg.held offer_id=1", RETRIEVE]),
        (returned, (TALKS,), []),
        (conferring, (TALKS, ANSWERED), []),
        (conferring, (HELD, ANSWERED), ["leg.held offer_id=1", RETRIEVE, CONFERENCE]),
        (given_further, (TALKS,), [CLEAR, SELECT]),
        (given_further, (TALKS, RINGS), [CLEAR]),
    ],
)
def test_each_connection_is_compared_with_its_leg(story, connections, want):
    board = story()
    board.link()
    assert board.compare(call("c", *connections, served=True), devices=PHONES) == want

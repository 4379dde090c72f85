"""Treatments and callbacks at the switch: what decisions order, and what the switch's word is.

Method: as in test_switch_resync.py; facts that the board tells of the router's own decisions are
stepped as the driver does it. Then the same against the simulated exchange.
"""

import msgspec
import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.daemon.numbers import Numbers
from acd.daemon.switchboard import Switchboard
from acd.errors import StorageError
from acd.ids import Play
from acd.settings import SECOND_US
from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated.exchange import Exchange
from acd.switch_protocol.simulated.ledger import Did
from acd.switch_protocol.simulated.orders import carry_out
from acd.switch_protocol.words import (
    Capability,
    CommandError,
    CommandStage,
    ConnectionState,
    EventCause,
)
from acd.switch_protocol.words import (
    Treatment as Heard,
)
from acd.waiting_settings import CallbackSettings, Treatment
from tests.unit.shop import SHOP, arrived, at_work
from tests.unit.switch_board import ALL, Board, call, shown

RULE = CallbackSettings(
    attempts=2, retry_us=60 * SECOND_US, dial_us=30 * SECOND_US, slots=9, ahead_us=10**12
)
PLAN = (
    Treatment(after_us=5 * SECOND_US, play=Play.ANNOUNCE_PLACE, message="place"),
    Treatment(after_us=5 * SECOND_US, play=Play.OFFER_CALLBACK, message="press-1", key="1"),
)
(SALES,) = SHOP.queues
VOICE_ONLY = {name: replace(one, wrap_up_us=0) for name, one in SALES.channels.items()}
SETTINGS = replace(
    SHOP, queues=(replace(SALES, channels=VOICE_ONLY, treatments=PLAN, callbacks=RULE),)
)
MADE = "make_call to=+493012345 dnis=callback ring_us=30000000"
RINGS = "route_select acd-shop-j-1 call_id={} device=101 ring_us=20000000 auto_answer=True"


class Hold(Board):
    """A board that steps what the router's decisions make it tell."""

    def __init__(self, **more):
        super().__init__(settings=SETTINGS, **more)
        self.numbers = Numbers()
        self.board = Switchboard(self.site, more.get("capabilities", ALL), self.numbers)
        self.dialled = ""

    def does(self, event):
        commands = super().does(event)
        entry = f"{self.site.ids.prefix}{self.entries}."
        dials = [one for one in commands if one.startswith("make_call")]
        for position in range(9 if dials else 0):
            if self.board._callbacks._dialled.get(f"{entry}d{position}"):
                self.dialled = f"{entry}d{position}"
        for fact in self.board.take_facts():
            commands += self.does(fact)
        return commands

    def hear(self, event):
        """React to an event of the switch, and step what it tells; return all that is ordered."""
        reaction = self.board.react(event, now_us=self.now_s * SECOND_US)
        told = [*shown(reaction.first)]
        for fact in reaction.facts:
            told += self.does(fact)
        return [*told, *shown(reaction.then)]


def asking(ani="+493012345"):
    return sw.RouteRequest(epoch=1, call=replace(call(), ani=ani))


def waiting(ani="+493012345", **more):
    """Return a board at which a caller waits who has been offered a callback."""
    board = Hold(**more).linked()
    board.hear(asking(ani))
    board.now_s = 5
    board.heard = board.does(ev.ClockTicked())
    return board


def press(digits="1"):
    return sw.DigitsCollected(epoch=1, call_id="c", digits=digits)


def granted():
    """Return a board whose caller is to be called back, and has hung up."""
    board = waiting()
    board.ordered = board.hear(press())
    board.hear(sw.CallCleared(epoch=1, call_id="c"))
    return board


def dialling():
    board = granted()
    assert board.does(at_work("ann")) == [MADE]
    return board


def on_the_line():
    board = dialling()
    answered = replace(call(board.dialled, dnis="callback"), ani="+493012345")
    board.ordered = board.hear(sw.RouteRequest(epoch=1, call=answered))
    return board


def over(board, cause):
    return board.hear(sw.CallCleared(epoch=1, call_id=board.dialled, cause=cause))


def leg(board):
    return next(iter(board.router.legs.values()))


def test_what_a_customer_shall_hear_is_announced_with_his_place():
    assert waiting().heard == [
        "queue_treatment call_id=c treatment=announcement media=place digits=1",
        "queue_treatment call_id=c treatment=announcement media=press-1",
    ]
    assert waiting(capabilities=Capability.HOLD).heard == []


def test_a_key_that_means_something_lets_the_customer_go_and_keeps_his_number():
    board = waiting()
    before = board.entries
    assert board.hear(press("7")) == []
    assert board.hear(sw.DigitsCollected(epoch=1, call_id="x", digits="1")) == []
    assert board.entries == before
    assert board.hear(press("71")) == ["clear_call call_id=c"]
    assert board.numbers.get("pbx:c") == "+493012345"
    board.hear(sw.CallCleared(epoch=1, call_id="c"))
    assert len(board.router.contacts) == 1
    assert board.hear(press()) == []


@pytest.mark.parametrize("ani", ["", "anonymous", "+49-30"])
def test_whose_number_is_not_known_is_not_called_back(ani):
    board = waiting(ani)
    assert board.hear(press()) == []
    assert board.does(ev.CallbackRequested(contact_id="pbx:c")) == ["clear_call call_id=c"]
    board.hear(sw.CallCleared(epoch=1, call_id="c"))
    assert board.does(at_work("ann")) == []
    assert board.router.contacts["pbx:c"].callback.attempts == 1


def test_he_is_dialled_for_a_reserved_agent_whose_phone_rings_when_he_answers():
    board = on_the_line()
    assert board.ordered == [RINGS.format(board.dialled)]
    connected = sw.Established(epoch=1, call_id=board.dialled, device="101", offer="acd-shop-j-1")
    assert board.hear(connected) == []
    assert leg(board).state.name == "CONNECTED"
    ended = sw.ConnectionCleared(epoch=1, call_id=board.dialled, device="101", offer="acd-shop-j-1")
    assert board.hear(ended) == [f"clear_call call_id={board.dialled}"]
    assert over(board, EventCause.NORMAL_CLEARING) == []
    assert not board.router.contacts
    assert not len(board.numbers)


@pytest.mark.parametrize(
    "cause, attempts", [(EventCause.BUSY, 1), (EventCause.CALL_NOT_ANSWERED, 1)]
)
def test_who_does_not_answer_is_tried_again(cause, attempts):
    board = dialling()
    assert over(board, cause) == []
    assert board.router.contacts["pbx:c"].callback.attempts == attempts
    board.now_s = 65
    assert board.does(ev.ClockTicked()) == [MADE]
    # The switch will not dial him.
    error = sw.CommandResult(
        epoch=1,
        command_id=board.dialled,
        stage=CommandStage.REJECTED,
        error=CommandError.DEVICE_UNKNOWN,
    )
    assert board.hear(error) == []
    assert not board.router.contacts
    assert not len(board.numbers)


def test_who_is_dialled_too_long_is_dialled_no_more_and_may_not_come_in_late():
    board = dialling()
    board.now_s = 35
    assert board.does(ev.ClockTicked()) == [f"clear_call call_id={board.dialled}"]
    late = replace(call(board.dialled), dnis="4000")
    assert board.hear(sw.RouteRequest(epoch=1, call=late)) == [
        f"clear_call call_id={board.dialled}"
    ]
    assert over(board, EventCause.CALL_CANCELLED) == []
    assert len(board.router.contacts) == 1


def test_where_the_agent_does_not_answer_the_next_one_gets_the_customer_who_waits():
    board = on_the_line()
    board.does(at_work("bob"))
    failed = sw.ReRoute(
        epoch=1,
        call_id=board.dialled,
        offer="acd-shop-j-1",
        cause=EventCause.DEST_OUT_OF_ORDER,
    )
    ring = RINGS.replace("j-1", "j-2").replace("101", "102").format(board.dialled)
    assert board.hear(failed) == [ring]
    # Then the customer has had enough.
    assert over(board, EventCause.NORMAL_CLEARING) == []
    assert board.router.contacts["pbx:c"].callback.attempts == 1


def test_a_callback_that_is_taken_back_ends_the_call_however_far_it_came():
    cancel = ev.ContactCanceled(contact_id="pbx:c")
    board = dialling()
    assert board.does(cancel) == [f"clear_call call_id={board.dialled}"]
    answered = on_the_line()
    assert answered.does(cancel) == [
        f"route_cancel call_id={answered.dialled} offer=acd-shop-j-1",
        f"clear_call call_id={answered.dialled}",
    ]
    assert not len(answered.numbers)


def test_a_scheduled_callback_is_dialled_by_the_number_that_is_kept():
    board = Hold().linked()
    board.numbers.keep("form-1", "+493012345")
    board.does(at_work("ann"))
    board.does(ev.CallbackScheduled(contact_id="form-1", queue="sales", at_us=9 * SECOND_US))
    board.now_s = 9
    assert board.does(ev.ClockTicked()) == [MADE]
    other = Hold(capabilities=Capability.TREATMENT).linked()
    other.numbers.keep("form-1", "+493012345")
    other.does(at_work("ann"))
    other.does(ev.CallbackScheduled(contact_id="form-1", queue="sales", at_us=9 * SECOND_US))
    other.now_s = 9
    assert other.does(ev.ClockTicked()) == []
    assert other.router.contacts["form-1"].callback.attempts == 1


def test_after_a_restart_callers_are_still_known_and_nobody_is_looked_for_who_hung_up():
    board = waiting()
    board.board = Switchboard(board.site, ALL, board.numbers)
    board.link()
    board.compare(replace(call(), ani="+493012345"))
    assert board.hear(press()) == ["clear_call call_id=c"]
    board.hear(sw.CallCleared(epoch=1, call_id="c"))
    board.board = Switchboard(board.site, ALL, board.numbers)
    assert board.link() == ["snapshot_request"]
    assert board.compare() == []
    assert board.link(restarted=True) == ["snapshot_request"]
    board.compare()
    assert board.does(at_work("ann")) == [MADE]
    # Dialled by the life before: nobody knows for whom.
    board.board = Switchboard(board.site, ALL, board.numbers)
    board.link()
    orphan = call("acd-shop-j-3.d0")
    cause = "cause=destNotObtainable"
    assert board.compare(orphan) == [f"route_end call_id=acd-shop-j-3.d0 {cause}"]


def test_a_call_that_is_looked_for_and_not_there_is_over():
    board = on_the_line()
    assert board.hear(sw.CallReported(epoch=1, call_id=board.dialled)) == []
    assert board.router.contacts["pbx:c"].callback.attempts == 1
    talking = on_the_line()
    rings = sw.Connection("101", ConnectionState.CONNECTED, "acd-shop-j-1")
    found = replace(call(talking.dialled, rings), dnis="callback")
    talking.hear(sw.CallReported(epoch=1, call_id=talking.dialled, call=found))
    assert leg(talking).state.name == "CONNECTED"
    talking.hear(sw.CallCleared(epoch=1, call_id=talking.dialled))
    assert not talking.router.contacts


def test_numbers_outlive_a_restart_until_they_are_forgotten(tmp_path):
    path = tmp_path / "shop.numbers"
    numbers = Numbers(path)
    numbers.keep("a", "123")
    numbers.keep("b", "456")
    numbers.forget("b")
    numbers.forget("nobody")
    numbers.close()
    again = Numbers(path)
    assert (again.get("a"), again.get("b"), len(again)) == ("123", "", 1)
    assert path.stat().st_mode & 0o077 == 0
    again.close()
    with pytest.raises(StorageError):
        again.keep("c", "789")
    with pytest.raises(StorageError):
        Numbers(tmp_path)


# The simulated exchange.


def test_the_simulated_exchange_dials_customers_and_says_what_they_hear():
    exchange = Exchange(("101",), run="r", fallback_us=10**9)
    exchange.link(0)
    dial = cc.MakeCall(command_id="d", to="123", dnis="callback", ring_us=5 * SECOND_US)
    carry_out(exchange, dial, 0)
    carry_out(exchange, dial, 0)
    assert [getattr(one, "error", None) for one in exchange.events] == [
        CommandError.NONE,
        CommandError.ALREADY_GIVEN,
    ]
    exchange.events.clear()
    assert exchange.next_us() == 5 * SECOND_US
    exchange.advance(5 * SECOND_US)
    assert getattr(exchange.events[0], "cause", None) is EventCause.CALL_NOT_ANSWERED
    assert not exchange.answer_customer("d", 5)
    for command_id in ("d0", "d1"):
        carry_out(exchange, replace(dial, command_id=command_id), 10 * SECOND_US)
    assert exchange.answer_customer("d0", 11 * SECOND_US)
    assert exchange.miss_customer("d1", EventCause.BUSY, 11 * SECOND_US)
    assert exchange.press_keys("d0", "1")
    assert not exchange.press_keys("d1", "1")
    announce = sw.QueueTreatment(
        command_id="t", call_id="d0", treatment=Heard.ANNOUNCEMENT, media="place", digits="3"
    )
    carry_out(exchange, announce, 12 * SECOND_US)
    carry_out(exchange, replace(dial, command_id="d2"), 12 * SECOND_US)
    carry_out(exchange, sw.ClearCall(command_id="x", call_id="d2"), 13 * SECOND_US)
    did = [(line.did, line.note) for line in exchange.ledger.after(0)]
    assert (Did.TREATED, "place 3") in did
    assert (Did.NOT_REACHED, "busy") in did
    assert (Did.NOT_REACHED, "callCancelled") in did
    kinds = [type(one).__name__ for one in exchange.events]
    assert kinds.count("RouteRequest") == 1
    assert kinds.count("DigitsCollected") == 1
    wire = msgspec.msgpack.encode(announce)
    assert msgspec.msgpack.decode(wire, type=sw.QueueTreatment) == announce


def test_an_arrival_over_http_is_no_matter_of_the_switch():
    board = Hold().linked()
    board.does(arrived("web-1"))
    board.now_s = 5
    assert board.does(ev.ClockTicked()) == []
    assert board.does(ev.CallbackRequested(contact_id="web-1")) == []

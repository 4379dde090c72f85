"""The simulated exchange, its robots and its rudeness, in virtual time.

Method: stories with an explicit clock, judged by the events for the daemon and by the ledger; the
same seed must give the same day.
"""

import pytest

from acd.settings import SECOND_US
from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated import ledger
from acd.switch_protocol.simulated.exchange import RING_GRACE_US, Exchange
from acd.switch_protocol.simulated.ledger import Did
from acd.switch_protocol.simulated.orders import carry_out
from acd.switch_protocol.simulated.robots import Habits, Robots
from acd.switch_protocol.simulated.rudeness import Rude, Rudeness, Rule, Rules, parse_rule
from acd.switch_protocol.words import (
    CommandError,
    CommandStage,
    Deflection,
    DeviceState,
    EventCause,
)


class Story:
    """An exchange with a daemon that is linked, and one call in it."""

    def __init__(self):
        self.exchange = Exchange(("101", "102"), run="x", fallback_us=60 * SECOND_US)
        self.exchange.link(0)
        self.call = self.exchange.place_call("4000", now_us=0)
        self.exchange.events.clear()

    def order(self, command, now_us=0):
        """Carry out a command; return the tags of the events that came of it, and its error."""
        carry_out(self.exchange, command, now_us)
        *events, result = self.take()
        assert isinstance(result, sw.CommandResult)
        refused = result.stage is CommandStage.REJECTED
        assert refused == (result.error is not CommandError.NONE)
        return [event.__struct_config__.tag for event in events], result.error

    def take(self):
        events = self.exchange.events.copy()
        self.exchange.events.clear()
        return events

    def select(self, offer="o-1", device="101", call=None):
        return sw.RouteSelect(
            command_id=offer, call_id=call or self.call, device=device, ring_us=10 * SECOND_US
        )

    def cancel(self, offer="o-1"):
        return sw.RouteCancel(command_id=f"cancel {offer}", call_id=self.call, offer=offer)

    def did(self):
        return [line.did for line in self.exchange.ledger.after(0)]


def test_a_customer_who_is_deflected_is_gone_and_the_ledger_says_where():
    story = Story()
    call_id, to = story.call, Deflection.VOICEMAIL
    deflect = sw.DeflectCall(command_id="d", call_id=call_id, deflection=to, name="cards")
    assert story.order(deflect) == (["call.cleared"], CommandError.NONE)
    assert story.order(deflect) == ([], CommandError.CALL_UNKNOWN)
    (*_, line) = story.exchange.ledger.after(0)
    assert (line.did, line.call_id, line.note) == (Did.DEFLECTED, call_id, "voicemail cards")


def test_an_offer_rings_once_however_often_it_is_given():
    story = Story()
    assert story.order(story.select()) == (["delivered"], CommandError.NONE)
    assert story.order(story.select()) == ([], CommandError.ALREADY_GIVEN)
    assert story.order(story.cancel()) == ([], CommandError.NONE)
    assert story.order(story.select()) == ([], CommandError.OFFER_ENDED)
    assert story.did().count(Did.SELECTED) == 1


def test_an_offer_that_was_canceled_before_it_came_does_not_ring():
    story = Story()
    assert story.order(story.cancel()) == ([], CommandError.NONE)
    assert story.order(story.select()) == ([], CommandError.OFFER_ENDED)
    assert Did.SELECTED not in story.did()


def test_a_cancel_that_comes_after_the_answer_clears_the_agent_and_keeps_the_customer():
    story = Story()
    story.order(story.select())
    story.exchange.answer("101", 1)
    story.take()
    assert story.order(story.cancel()) == (["connection.cleared"], CommandError.NONE)
    assert story.call in story.exchange.calls
    assert not story.exchange.phones["101"].offer_id


def test_of_several_phones_the_first_has_the_call_and_the_others_stop():
    story = Story()
    story.order(story.select())
    story.order(story.select("o-2", "102"))
    assert story.exchange.answer("102", 1)
    assert not story.exchange.phones["101"].offer_id
    events = story.take()
    assert [type(one) for one in events] == [sw.Established, sw.RouteUsed, sw.ReRoute]
    assert (events[-1].offer, events[-1].cause) == ("o-1", EventCause.REDIRECTED)
    assert not story.exchange.answer("101", 2)


def test_who_answers_while_another_talks_is_too_late():
    """His offer came after the other's answer, which its daemon did not know of."""
    story = Story()
    story.order(story.select())
    story.exchange.answer("101", 1)
    story.order(story.select("o-2", "102"))
    story.take()
    assert not story.exchange.answer("102", 2)
    (event,) = story.take()
    assert (event.offer, event.cause) == ("o-2", EventCause.REDIRECTED)
    assert list(story.exchange.offers) == ["o-1"]


@pytest.mark.parametrize(
    "device, call, error",
    [
        ("999", None, CommandError.DEVICE_UNKNOWN),
        ("102", None, CommandError.DEVICE_OUT_OF_SERVICE),
        ("101", "none", CommandError.CALL_UNKNOWN),
    ],
)
def test_what_cannot_ring_is_refused(device, call, error):
    story = Story()
    story.exchange.set_device("102", DeviceState.OUT_OF_SERVICE, 0)
    story.take()
    assert story.order(story.select(device=device, call=call)) == ([], error)


def test_a_phone_that_rings_or_is_in_a_private_call_is_busy():
    story = Story()
    story.order(story.select())
    assert story.order(story.select("o-2")) == ([], CommandError.DEVICE_BUSY)
    story.exchange.set_device("102", DeviceState.BUSY, 0)
    story.take()
    assert story.order(story.select("o-3", "102")) == ([], CommandError.DEVICE_BUSY)


def test_the_switchs_own_ring_timer_comes_after_the_daemons():
    story = Story()
    story.order(story.select())
    due_us = story.exchange.next_us()
    assert due_us == 10 * SECOND_US + RING_GRACE_US
    story.exchange.advance(due_us - 1)
    assert story.take() == []
    story.exchange.advance(due_us)
    (event,) = story.take()
    assert isinstance(event, sw.ReRoute)
    assert event.cause is EventCause.CALL_NOT_ANSWERED
    assert story.exchange.next_us() is None


def test_without_a_daemon_calls_that_wait_alone_go_to_the_fallback():
    story = Story()
    talking = story.exchange.place_call("4000", now_us=0)
    story.order(story.select(call=talking))
    story.exchange.answer("101", 1)
    assert story.exchange.next_us() is None
    story.exchange.unlink(5 * SECOND_US)
    assert story.exchange.next_us() == 65 * SECOND_US
    story.exchange.hang_up("101", 30 * SECOND_US)
    story.exchange.advance(65 * SECOND_US)
    assert list(story.exchange.calls) == [talking]
    story.exchange.advance(90 * SECOND_US)
    assert not story.exchange.calls


def test_a_daemon_that_comes_back_in_time_stops_the_fallback():
    story = Story()
    story.exchange.unlink(0)
    story.exchange.link(59 * SECOND_US)
    story.exchange.advance(100 * SECOND_US)
    assert story.call in story.exchange.calls
    assert story.exchange.epoch == 2


def test_events_are_numbered_from_one_in_each_epoch():
    story = Story()
    story.exchange.link(0)
    for _ in range(3):
        story.exchange.place_call("4000", now_us=0)
    assert [(event.epoch, event.seq) for event in story.take()] == [(2, 1), (2, 2), (2, 3)]


def test_the_ledger_is_read_from_any_line_on(monkeypatch):
    monkeypatch.setattr(ledger, "LINES_MAX", 10)
    lines = ledger.Ledger()
    for number in range(25):
        lines.add(number, Did.HELD)
    for after, want in ((0, range(16, 26)), (18, range(19, 26)), (24, [25]), (25, []), (99, [])):
        assert [line.number for line in lines.after(after)] == list(want)


def day(seed):
    """Return the ledger of a day on which robots do everything but routing."""
    exchange = Exchange(("101",), run="x", fallback_us=SECOND_US)
    robots = Robots(exchange, seed=seed)
    robots.settle_in("101", Habits((1, 1_000), (1, 1_000)))
    exchange.link(0)
    now_us = 0
    for number in range(20):
        call = exchange.place_call("4000", now_us=now_us)
        robots.be_patient(call, now_us + 3_000 if number % 4 else now_us)
        command = sw.RouteSelect(
            command_id=f"o-{number}", call_id=call, device="101", ring_us=SECOND_US
        )
        carry_out(exchange, command, now_us)
        robots.act(now_us)
        while (due_us := robots.next_us()) is not None:
            now_us = due_us
            robots.act(now_us)
        if call in exchange.calls:
            exchange.clear_call(call, Did.CALL_CLEARED, now_us)
    return list(exchange.ledger.after(0))


def test_robots_answer_talk_and_lose_patience_the_same_way_for_the_same_seed():
    assert day(1) == day(1)
    assert [line.at_us for line in day(1)] != [line.at_us for line in day(2)]
    dids = [line.did for line in day(1)]
    assert dids.count(Did.TALKING) == dids.count(Did.AGENT_HUNG_UP) == 15
    assert dids.count(Did.CUSTOMER_HUNG_UP) == 5


def passed(rule, *, seed=1, event=None):
    """Return when a hundred events come under a rule."""
    rude = Rudeness(Rules((rule,), seed))
    event = event or sw.CallCleared(call_id="c")
    return [at_us for now_us in range(100) for at_us, _ in rude.pass_on(event, now_us)]


def test_rudeness_is_what_its_rules_say_and_the_same_for_the_same_seed():
    assert passed(Rule(Rude.DROPPED, 1.0)) == []
    assert passed(Rule(Rude.DROPPED, 1.0, "established")) == list(range(100))
    assert len(passed(Rule(Rude.REPEATED, 1.0))) == 200
    late = passed(Rule(Rude.CROSSED, 0.5))
    assert late != sorted(late)
    slow = passed(Rule(Rude.SLOW, 0.1))
    assert slow == sorted(slow) != list(range(100))
    assert late == passed(Rule(Rude.CROSSED, 0.5))
    assert late != passed(Rule(Rude.CROSSED, 0.5), seed=2)


def test_ghosts_are_about_what_there_is_not_and_commands_are_lost_by_their_kind_only():
    rude = Rudeness(Rules((Rule(Rude.GHOST, 1.0), Rule(Rude.DROPPED, 1.0, "route_cancel"))))
    ghost = rude.ghost_of(sw.CallCleared(call_id="c"))
    assert ghost is not None
    assert "ghost" in repr(ghost)
    assert rude.loses(sw.RouteCancel(command_id="1", call_id="c", offer="o"))
    assert not rude.loses(sw.ClearCall(command_id="1", call_id="c"))


@pytest.mark.parametrize("text", ["", "rude=1", "late", "late=2", "late=x", "late:kind"])
def test_a_rule_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"wanted WHAT|could not convert"):
        parse_rule(text)

"""Customers who are called back: exact cases, laws of chance, and nobody lost in a rude mixture.

Method: worlds of the production router, watched step by step. Where callbacks cost no time the
instants of all conversations are those of customers who wait on the line, to the microsecond.
Shares of many customers are compared with what they are exactly, within 3.5 standard errors of a
binomial law (a right program fails that once in 2,000 figures, and the seeds are fixed). What
became of each customer is counted from events and actions alone, by code that shares nothing with
`sim.virtual_hold` and `acd.metrics`.
"""

import subprocess
import sys
from collections import Counter, defaultdict

import msgspec
import pytest
from msgspec.structs import replace

from acd.actions import (
    CloseContact,
    CloseLeg,
    DialCustomer,
    GrantCallback,
    PlayTreatment,
    PostponeCallback,
    WithdrawOffer,
)
from acd.events import (
    CallbackFailed,
    ContactArrived,
    CustomerPressed,
    LegConnected,
    LegEnded,
)
from acd.ids import ContactOutcome, OfferOutcome, Play
from acd.settings import OverflowRule
from acd.waiting_settings import CallbackSettings, Treatment
from sim.driver import run
from sim.patience import deterministic
from sim.replay import DRAWN_US, Replay
from sim.scenario import parse
from sim.textbook import START_US, m_m_n
from sim.workload import SECOND_US, CallBack, Lost, Redial
from tests.simulation.rude_callbacks import RUDE, rude

ERRORS = 3.5

OFFER = Treatment(after_us=0, play=Play.OFFER_CALLBACK, message="press-1", key="1")
AT_ONCE = CallBack(accept_share=1.0, answer_us=0)
PROMISED = OverflowRule(max_wait_us=1, callback="we-call-you")
"""Whoever would have to wait is called back, unasked."""


class Watcher:
    """What becomes of each contact, as events and actions say."""

    def __init__(self):
        self.offers = {}
        self.connected = {}
        self.ended = {}
        self.came = []
        self.offered: Counter[str] = Counter()
        self.pressed = {}
        self.granted = {}
        self.dialled = defaultdict(list)
        self.replies = defaultdict(list)
        self.postponed = defaultdict(list)
        self.outcomes = {}
        self.failed_legs = 0

    def __call__(self, event, actions, now_us):
        match event:
            case ContactArrived():
                self.came.append(event.contact_id)
            case CustomerPressed():
                self.pressed[event.contact_id] = self.offered[event.contact_id]
            case LegConnected():
                contact_id = self.offers[event.offer_id]
                self.connected[contact_id] = now_us
                if self.dialled[contact_id]:
                    self.replies[contact_id].append("answer")
            case CallbackFailed():
                self.replies[self.offers[event.offer_id]].append("busy")
            case LegEnded():
                self.ended[self.offers[event.offer_id]] = now_us
            case _:
                pass
        for action in actions:
            self._obey(action, event, now_us)

    def _obey(self, action, event, now_us):
        match action:
            case PlayTreatment(play=Play.OFFER_CALLBACK):
                self.offered[action.contact_id] += 1
            case GrantCallback():
                self.granted[action.contact_id] = now_us
            case DialCustomer():
                self.dialled[action.contact_id].append(now_us)
            case PostponeCallback():
                self.postponed[action.contact_id].append((now_us, action.due_us))
                if type(event) is not CallbackFailed:
                    self.replies[action.contact_id].append("no answer")
            case CloseContact() | CloseLeg():
                self.failed_legs += action.outcome is ContactOutcome.FAILED
                if type(action) is CloseContact:
                    self.outcomes[action.contact_id] = action.outcome
            case WithdrawOffer():
                assert action.outcome in {OfferOutcome.CANCELED, OfferOutcome.RESCINDED}
            case _:
                offer_id = getattr(action, "offer_id", 0)
                contact_id = getattr(action, "contact_id", "")
                if offer_id and contact_id:
                    self.offers[offer_id] = contact_id


def watched(scenario, seed=1):
    watcher = Watcher()
    return run(scenario, seed, digest=True, on_step=watcher), watcher


def calling_back(scenario, manner, *, treatments=(), rule=None, **callbacks):
    """Return a textbook queue that calls back."""
    (queue,) = scenario.settings.queues
    channels = {
        channel: replace(one, overflow=(rule,) if rule else ())
        for channel, one in queue.channels.items()
    }
    queue = replace(
        queue,
        channels=channels,
        treatments=treatments,
        callbacks=CallbackSettings(**callbacks),
    )
    messages = ("we-call-you",) if rule else ()
    return replace(
        scenario,
        settings=replace(scenario.settings, queues=(queue,), messages=messages),
        streams=tuple(replace(one, callbacks=manner) for one in scenario.streams),
    )


def with_a_quiet_end(scenario):
    """Return a scenario in which nobody comes in the second half."""
    streams = [replace(one, rates_per_h=(*one.rates_per_h, 0.0)) for one in scenario.streams]
    staffing = {group: (*line, line[-1]) for group, line in scenario.staffing.items()}
    return replace(scenario, intervals=2, streams=tuple(streams), staffing=staffing)


def assert_share(hits, count, exact):
    error = (exact * (1 - exact) / count) ** 0.5
    assert abs(hits / count - exact) <= ERRORS * error, (hits / count, exact, error)


# --- exact ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [{"treatments": (OFFER,)}, {"rule": PROMISED}])
def test_callbacks_that_cost_no_time_are_the_waiting_line_to_the_microsecond(way):
    plain = m_m_n(agents=5, contacts=1_500, load=0.9)
    waited, on_the_line = watched(plain)
    called, hung_up = watched(calling_back(plain, AT_ONCE, **way))
    assert hung_up.connected == on_the_line.connected
    assert hung_up.ended == on_the_line.ended
    before, after = waited.report.total.total, called.report.total.total
    assert (after.busy_us, after.idle_us) == (before.busy_us, before.idle_us)
    total = called.report.rows[0].total
    assert total.callbacks > 700
    assert (total.answered + total.callbacks, total.waiting) == (total.offered, 0)
    (counts,) = called.callbacks
    assert counts.calls == counts.reached == total.callbacks_reached


def test_who_lacks_patience_on_the_line_has_it_when_he_is_called():
    plain = m_m_n(agents=5, contacts=1_000, load=1.0, patience_mean_s=5.0)
    total = run(calling_back(plain, AT_ONCE, treatments=(OFFER,)), 1).report.rows[0].total
    assert total.abandoned == 0
    total = run(calling_back(plain, CallBack(), treatments=(OFFER,)), 1).report.rows[0].total
    assert (total.callbacks, total.abandoned > 100) == (0, True)


@pytest.mark.parametrize("attempts", [1, 3])
def test_of_those_who_answer_with_a_probability_so_many_are_reached(attempts):
    manner = CallBack(answer_share=0.4, busy_share=0.5)
    scenario = calling_back(
        with_a_quiet_end(m_m_n(agents=4, contacts=1_500, load=1.3, mean_s=60)),
        manner,
        rule=PROMISED,
        attempts=attempts,
        retry_us=60 * SECOND_US,
        dial_us=11 * SECOND_US,
    )
    result, watcher = watched(scenario)
    (counts,) = result.callbacks
    assert (counts.open, counts.canceled) == (0, 0)
    assert counts.promised == counts.reached + counts.not_reached
    assert counts.promised > 700
    assert_share(counts.reached, counts.promised, 1 - 0.6**attempts)
    # Each call is a trial of its own: so is how many there were.
    assert_share(counts.reached, counts.calls, 0.4)
    replies = Counter(reply for each in watcher.replies.values() for reply in each)
    if attempts > 1:
        # The last call in vain is not postponed, and so no answer is not seen here.
        assert replies["answer"] == counts.reached
        assert_share(replies["busy"], counts.calls, 0.5)
    failed = [one for one, how in watcher.outcomes.items() if how is ContactOutcome.FAILED]
    assert len(failed) == counts.not_reached
    assert all(len(watcher.dialled[one]) == attempts for one in failed)


def test_the_agent_is_kept_until_the_line_is_busy_or_has_rung_for_long():
    quiet = with_a_quiet_end(m_m_n(agents=1, contacts=30, load=2.0))
    for manner, lasts_s in (
        (CallBack(answer_share=0.0, busy_share=1.0), 0),
        (CallBack(answer_share=0.0), 30),
    ):
        scenario = calling_back(
            quiet, manner, rule=PROMISED, dial_us=30 * SECOND_US, retry_us=90 * SECOND_US
        )
        _, watcher = watched(scenario)
        assert watcher.postponed
        for contact_id, pauses in watcher.postponed.items():
            calls = watcher.dialled[contact_id]
            assert [at_us for at_us, _ in pauses] == [at + lasts_s * SECOND_US for at in calls[:2]]
            assert [due_us - at_us for at_us, due_us in pauses] == [90 * SECOND_US] * 2
            assert all(due <= call for (_, due), call in zip(pauses, calls[1:], strict=True))


def test_a_customer_who_answers_does_so_after_his_time():
    plain = m_m_n(agents=2, contacts=200, load=0.9)
    manner = CallBack(answer_us=7 * SECOND_US)
    _, watcher = watched(calling_back(plain, manner, rule=PROMISED))
    assert len(watcher.granted) > 50
    for contact_id in watcher.granted.keys() & watcher.connected.keys():
        (call_us,) = watcher.dialled[contact_id]
        assert watcher.connected[contact_id] - call_us == 7 * SECOND_US


def test_who_rings_in_the_instant_of_the_offer_is_connected_and_not_called_back():
    plain = m_m_n(agents=1, contacts=10, load=0.5)
    (stream,) = plain.streams
    came = Replay(
        arrives_us=(START_US, START_US + 10 * SECOND_US),
        handle_us=(28 * SECOND_US, 60 * SECOND_US),
        patience_us=(DRAWN_US, DRAWN_US),
    )
    stream = replace(stream, rates_per_h=(0.0,), replay=came, answer_us=2 * SECOND_US)
    offer = replace(OFFER, after_us=20 * SECOND_US)
    scenario = calling_back(replace(plain, streams=(stream,)), AT_ONCE, treatments=(offer,))
    (queue,) = scenario.settings.queues
    by_hand = {channel: replace(one, auto_answer=False) for channel, one in queue.channels.items()}
    settings = replace(scenario.settings, queues=(replace(queue, channels=by_hand),))
    result, watcher = watched(replace(scenario, settings=settings))
    assert watcher.offered == {"all.1": 1}
    assert watcher.connected["all.1"] == START_US + 32 * SECOND_US
    assert result.report.rows[0].total.answered == 2


def test_who_balks_does_so_before_he_takes_what_is_offered_at_once():
    plain = m_m_n(agents=2, contacts=200, load=1.2)
    plain = replace(
        plain, streams=tuple(replace(one, accepts=deterministic(1e-3)) for one in plain.streams)
    )
    scenario = calling_back(plain, AT_ONCE, treatments=(OFFER,))
    (queue,) = scenario.settings.queues
    known = {
        channel: replace(one, handle_time_us=240 * SECOND_US)
        for channel, one in queue.channels.items()
    }
    queues = (replace(queue, channels=known),)
    settings = replace(scenario.settings, queues=queues, estimated_wait=True)
    result, watcher = watched(replace(scenario, settings=settings))
    (customers,) = result.customers
    assert customers.balked == len(watcher.offered) > 50
    assert result.callbacks[0].promised == 0


# --- what is drawn --------------------------------------------------------------------------------


def test_a_customer_decides_once_however_often_he_is_asked():
    offer = replace(OFFER, every_us=10 * SECOND_US)
    plain = m_m_n(agents=5, contacts=600, load=1.1, mean_s=60)
    _, watcher = watched(
        calling_back(plain, CallBack(accept_share=0.3, answer_us=0), treatments=(offer,))
    )
    assert max(watcher.offered.values()) > 5
    assert set(watcher.pressed.values()) == {1}
    assert_share(len(watcher.pressed), len(watcher.offered), 0.3)
    assert watcher.granted.keys() == watcher.pressed.keys()


def test_other_agents_change_no_decision_and_no_reply():
    offer = replace(OFFER, after_us=5 * SECOND_US)
    manner = CallBack(accept_share=0.5, answer_share=0.3, busy_share=0.3)
    found = []
    for agents in (4, 5):
        plain = with_a_quiet_end(m_m_n(agents=4, contacts=600, load=1.2, mean_s=60))
        more = m_m_n(agents=agents, contacts=600, load=1.0)
        plain = replace(plain, settings=more.settings, staffing={"all": (agents, agents)})
        options = {"attempts": 10, "retry_us": 30 * SECOND_US, "dial_us": 15 * SECOND_US}
        found.append(watched(calling_back(plain, manner, treatments=(offer,), **options))[1])
    few, many = found
    both = few.offered.keys() & many.offered.keys()
    assert len(both) > 100
    assert few.offered.keys() != many.offered.keys()
    assert both & few.pressed.keys() == both & many.pressed.keys()
    called = few.replies.keys() & many.replies.keys()
    assert len(called) > 40
    assert all(few.replies[one] == many.replies[one] for one in called)


def test_who_was_not_reached_may_call_again_and_is_counted_once():
    redial = Redial(
        share=1.0, pause=deterministic(60.0), attempts_max=2, causes=(Lost.NOT_REACHED,)
    )
    plain = with_a_quiet_end(m_m_n(agents=4, contacts=1_200, load=1.2, mean_s=60))
    plain = replace(plain, streams=tuple(replace(one, redial=redial) for one in plain.streams))
    manner = CallBack(answer_share=0.5, busy_share=0.5)
    result = run(calling_back(plain, manner, rule=PROMISED, attempts=1), 1)
    (customers,), (counts,) = result.customers, result.callbacks
    assert counts.open == customers.waiting == customers.pausing == 0
    assert customers.not_reached == counts.not_reached > 300
    assert customers.attempts == result.report.rows[0].total.offered
    # Of a customer's two calls the second is another trial.
    first_in_vain = customers.attempts - customers.customers
    assert_share(customers.lost, first_in_vain, customers.lost / first_in_vain)
    assert customers.not_reached == first_in_vain + customers.lost
    assert customers.served == customers.customers - customers.lost


# --- nobody is lost -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_every_contact_is_found_in_a_rude_mixture(seed):
    result, watcher = watched(rude(), seed)
    assert len(set(watcher.came)) == len(watcher.came)
    inside = set(watcher.came) - watcher.outcomes.keys()
    assert set(watcher.outcomes) <= set(watcher.came)
    again = sum(each.attempts - each.customers for each in result.customers)
    assert len(watcher.came) == result.arrived + again
    sales, repairs = result.callbacks
    assert (sales.queue, repairs.queue) == ("sales", "repairs")
    assert all(each.promised == sum(_ends(each)) for each in result.callbacks)
    assert min(sales.reached, sales.not_reached, sales.canceled, sales.open) > 0
    assert min(repairs.reached, repairs.not_reached) > 0
    calls = sum(len(each) for each in watcher.dialled.values())
    assert sales.calls + repairs.calls == calls
    assert sales.not_reached + repairs.not_reached == watcher.failed_legs
    # Whoever is open to the end is in no hand, and no more contacts are inside than that.
    open_now = sum(each.open for each in result.callbacks)
    waiting = sum(row.total.waiting for row in result.report.rows)
    assert open_now + waiting <= len(inside)
    (first, *_) = result.customers
    assert first.not_reached > 0


def test_who_is_given_further_and_not_reached_counts_though_his_agent_wraps_up_yet():
    further = """
[domain]
name = "further"
[queues.sales]
voice = { auto_answer = true, wrap_up_s = 200 }
[queues.repairs]
voice = { auto_answer = true }
callbacks = { attempts = 1 }
treatments = [{ after_s = 0, play = "offer_callback", message = "press-1", key = "1" }]
[capacities.one]
voice = {}
[profiles]
all = [{ queue = "sales" }, { queue = "repairs" }]
[groups.day]
profile = "all"
capacity = "one"
[scenario]
title = "Further"
start = 2026-12-14T08:00:00
hours = 2
interval_min = 120
staffing = { day = 4 }
[[scenario.transfers]]
queue = "sales"
channel = "voice"
to = "repairs"
share = 1
handle = { mean_s = 30 }
[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [50]
handle = { mean_s = 60 }
callbacks = { accept_share = 1, answer_share = 0, busy_share = 1 }
"""
    result, watcher = watched(parse(further.encode(), file="further.toml"))
    (counts,) = result.callbacks
    assert (counts.queue, counts.reached, counts.canceled) == ("repairs", 0, 0)
    assert counts.not_reached == watcher.failed_legs
    failed = [one for one in watcher.outcomes.values() if one is ContactOutcome.FAILED]
    assert len(failed) < watcher.failed_legs


def _ends(each):
    return each.reached, each.not_reached, each.canceled, each.open


PROGRAM = """
import sys
import msgspec
from sim.driver import run
from sim.scenario import parse
result = run(parse(sys.stdin.buffer.read(), file="rude.toml"), 1, digest=True)
sys.stdout.buffer.write(msgspec.msgpack.encode(result))
"""


def test_one_seed_has_one_digest_in_one_process_and_in_two():
    scenario = parse(RUDE.encode(), file="rude.toml")
    found, again, other = (run(scenario, seed, digest=True) for seed in (1, 1, 2))
    assert found == again
    assert found.digest != other.digest
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=RUDE.encode(),
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
    )
    assert done.stdout == msgspec.msgpack.encode(found)


def test_a_customer_who_calls_himself_takes_his_callback_back():
    plain = m_m_n(agents=1, contacts=40, load=2.0)
    plain = replace(plain, streams=tuple(replace(one, customer="ada") for one in plain.streams))
    (counts,) = run(calling_back(plain, AT_ONCE, rule=PROMISED), 1).callbacks
    assert counts.canceled > 10
    assert counts.promised == sum(_ends(counts))

"""The measures, against figures computed by hand.

Method: a story of events and actions as a Router would tell it, folded into `Metrics`; beside it,
the wanted figures, worked out on paper in the comment above each test. Times are in seconds. The
rude stories (late, repeated and refused events, whole batches) must give what the polite ones
give. Then real Routers tell the stories: whatever a rude switch sends, a counter that sees the
Router's own state agrees with the fold.
"""

import doctest
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd import events as ev
from acd import journal
from acd.actions import (
    Action,
    AnnounceWait,
    CloseContact,
    ConnectLeg,
    EndWrapUp,
    InterruptLeg,
    OfferContact,
    Refused,
    ReleaseCustomer,
    ResumeLeg,
    SetAgentState,
    WithdrawOffer,
)
from acd.agents import SlotState
from acd.contacts import LegState
from acd.errors import CallerError
from acd.figures import (
    PLACES,
    Figures,
    figures_of,
)
from acd.ids import (
    Availability,
    Channel,
    ContactOutcome,
    Device,
    FailureCause,
    OfferOutcome,
    Reason,
)
from acd.metrics import Metrics, definitions, service_level
from acd.router import Router
from acd.settings import (
    SECOND_US,
    Abandons,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    MeasureSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)
from acd.wait_counts import bucket_wait_us, wait_bucket, wait_quantiles_s

VOICE, EMAIL = Channel.VOICE, Channel.EMAIL
HANDLED, ABANDONED = ContactOutcome.HANDLED, ContactOutcome.ABANDONED


def domain(
    *, short_s: int = 0, abandons: Abandons = Abandons.MISSED, parallel: int = 1
) -> DomainSettings:
    """Two agents of two groups; both serve voice, ann emails as well, which voice interrupts."""
    both = SlotSettings(interrupted_by=(VOICE,)), SlotSettings()
    return DomainSettings(
        name="shop",
        queues=(
            QueueSettings(
                name="sales",
                channels={
                    VOICE: ChannelSettings(
                        objective_us=20 * SECOND_US,
                        ring_us=15 * SECOND_US,
                        parallel_offers=parallel,
                    ),
                    EMAIL: ChannelSettings(objective_us=600 * SECOND_US, wrap_up_us=SECOND_US),
                },
            ),
        ),
        profiles=(
            ProfileSettings(name="all", serves=(Serves(queue="sales", channels=(VOICE, EMAIL)),)),
        ),
        capacities=(
            CapacitySettings(name="both", channels=dict(zip((EMAIL, VOICE), both, strict=True))),
            CapacitySettings(name="phone", channels={VOICE: SlotSettings()}),
        ),
        agents=(
            AgentSettings(agent_id="ann", profile="all", capacity="both", group="day"),
            AgentSettings(agent_id="bob", profile="all", capacity="phone", group="night"),
        ),
        measures=MeasureSettings(
            interval_us=100 * SECOND_US, short_abandon_us=short_s * SECOND_US, abandons=abandons
        ),
    )


class Story:
    """Folds steps told in seconds; `now` goes on as they are told."""

    def __init__(self, settings: DomainSettings | None = None, *, from_s: float = 0) -> None:
        self.metrics = Metrics(settings or domain(), from_us=us(from_s))

    def at(self, now_s: float, event: ev.Event, *actions: Action) -> "Story":
        self.metrics.fold(event, actions, us(now_s))
        return self

    def figures(self, now_s: float, channel: Channel = VOICE) -> Figures:
        rows = self.metrics.report(us(now_s)).rows
        return next(row.total for row in rows if row.channel == channel)


def us(time_s: float) -> int:
    return round(time_s * SECOND_US)


def arrived(contact: str, channel: Channel = VOICE) -> ev.ContactArrived:
    return ev.ContactArrived(contact_id=contact, queue="sales", channel=channel)


def offer(number: int, contact: str, agent: str = "ann", channel: Channel = VOICE) -> OfferContact:
    return OfferContact(number, number, contact, agent, "sales", channel, 0)


def connected(number: int) -> ev.LegConnected:
    return ev.LegConnected(offer_id=number)


def ended(number: int) -> ev.LegEnded:
    return ev.LegEnded(offer_id=number)


def left(contact: str) -> ev.ContactLeft:
    return ev.ContactLeft(contact_id=contact)


def ready(agent: str) -> ev.AgentReady:
    return ev.AgentReady(agent_id=agent)


TICK = ev.ClockTicked()


# The service level ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "abandons,short,wanted",
    [
        (Abandons.MISSED, 0, 81.1),
        (Abandons.MET, 0, 83.0),
        (Abandons.IGNORED, 0, 82.7),
        (Abandons.MISSED, 10, 81.9),
    ],
)
def test_the_designs_worked_example(abandons, short, wanted):
    share = service_level(
        answered=1000,
        answered_in_time=860,
        abandoned=60,
        abandoned_in_time=20,
        abandoned_short=short,
        abandons=abandons,
    )
    assert share is not None
    assert round(100 * share, 1) == wanted


def test_overflow_callbacks_and_late_waiters_enter_the_service_level_where_asked():
    counts: dict[str, Any] = {
        "answered": 50,
        "answered_in_time": 40,
        "abandoned": 0,
        "abandoned_in_time": 0,
        "overflowed": 20,
        "overflowed_in_time": 10,
        "callbacks": 30,
        "callbacks_in_time": 30,
    }
    assert service_level(**counts) == 40 / 50
    assert service_level(**counts, waiting_late=50) == 40 / 100
    assert service_level(**counts, include_overflow=True) == 50 / 70
    assert service_level(**counts, include_callbacks=True) == 70 / 80
    assert service_level(**counts, include_overflow=True, include_callbacks=True) == 80 / 100


def test_a_share_of_nothing_is_none_and_null():
    assert service_level(answered=0, answered_in_time=0, abandoned=0, abandoned_in_time=0) is None
    report = Story().metrics.report(0)
    total = msgspec.json.decode(msgspec.json.encode(report))["rows"][0]["total"]
    ratios = [
        "service_level answered_in_time_share asa_s abandonment abandonment_all time_to_abandon_s",
        "aht_s occupancy queue_length rona_rate reject_rate failure_rate",
    ]
    for name in " ".join(ratios).split():
        assert total[name] is None, name
    assert report.rows[0].wait_p50_s is None


# Waits ------------------------------------------------------------------------------------------


# Voice, threshold 20 s. c1 is answered at once; c2 enters at 10 and is connected at 34: wait 24,
# late. c3 enters at 40, waits 20: in time. c4 leaves after 3 s, c5 after 20 s, c6 after 30 s.
# c7 enters at 90 and waits for 5 s at the report, c8 enters at 70 and waits for 25: beyond.
# A = 3, At = 2, B = 3, Bt = 2, Bs (5 s) = 1, W = 2, Wt = 1; sum of waits 44, of abandons 53.
def waits(settings: DomainSettings) -> Story:
    story = Story(settings)
    story.at(0, arrived("c1"), offer(1, "c1")).at(0, connected(1))
    story.at(10, arrived("c2"), offer(2, "c2", "bob")).at(34, connected(2))
    story.at(34, ended(1), ReleaseCustomer("c1"), CloseContact("c1", HANDLED))
    story.at(40, arrived("c3")).at(40, arrived("c4")).at(40, arrived("c5")).at(40, arrived("c6"))
    story.at(43, left("c4"), CloseContact("c4", ABANDONED))
    story.at(50, ended(2), CloseContact("c2", HANDLED), offer(3, "c3", "bob"))
    story.at(60, left("c5"), CloseContact("c5", ABANDONED))
    story.at(60, connected(3))
    story.at(70, left("c6"), CloseContact("c6", ABANDONED)).at(70, arrived("c8"))
    return story.at(90, arrived("c7"))


def test_waits_are_counted_by_how_they_end():
    story = waits(domain(short_s=5))
    got = story.figures(95)
    assert (got.offered, got.answered, got.answered_in_time) == (8, 3, 2)
    assert (got.abandoned, got.abandoned_in_time, got.abandoned_short) == (3, 2, 1)
    assert (got.waiting, got.waiting_late, got.provisional) == (2, 1, True)
    assert (got.wait_us, got.abandon_wait_us) == (us(44), us(53))
    assert got.asa_s == 44 / 3
    assert got.time_to_abandon_s == 53 / 3
    assert got.answered_in_time_share == 2 / 3
    assert got.service_level == 2 / (3 + 2 + 1)
    assert got.abandonment == 2 / 7
    assert got.abandonment_all == 3 / 8
    # c1 34 s, c2 16 s; c3 is still in handling.
    assert (got.handled, got.handling_us, got.aht_s) == (2, us(50), 25)
    # Everybody's wait: 44 + 53 + 5 + 25 within 95 s.
    assert got.waiting_us == us(127)
    assert got.queue_length == 127 / 95


@pytest.mark.parametrize(
    "abandons,wanted",
    [(Abandons.MISSED, 2 / 6), (Abandons.MET, 3 / 6), (Abandons.IGNORED, 2 / 5)],
)
def test_the_settings_say_what_an_abandon_in_time_is(abandons, wanted):
    assert waits(domain(short_s=5, abandons=abandons)).figures(95).service_level == wanted


def test_without_a_short_threshold_no_abandon_is_short_however_quick():
    story = Story().at(7, arrived("c1")).at(7, left("c1"), CloseContact("c1", ABANDONED))
    got = story.figures(8)
    assert (got.abandoned, got.abandoned_in_time, got.abandoned_short) == (1, 1, 0)
    assert got.time_to_abandon_s == 0


# Waits of 0, 24 and 20 s: sorted 0, 20, 24. Position 2p: p50 = 20; p80: 1.6 = 20 + 0.6 x 4 = 22.4;
# p95: 1.9 = 23.6; p99: 1.98 = 23.92.
def test_quantiles_are_linear_between_order_statistics():
    row = waits(domain()).metrics.report(us(95)).rows[0]
    assert (row.wait_p50_s, row.wait_p80_s) == (20.0, 22.4)
    assert (row.wait_p95_s, row.wait_p99_s) == (23.6, 23.92)


def test_waits_are_counted_by_tenths_of_a_second_where_anybody_was_answered():
    story = waits(domain())
    assert story.metrics.waits() == {("sales", Channel.VOICE): {0: 1, 200: 1, 240: 1}}
    story.metrics.waits().clear()
    assert story.metrics.waits()
    assert Story().at(7, arrived("c1")).metrics.waits() == {}


@given(st.lists(st.integers(0, 36_000), min_size=1, max_size=50), st.integers(0, 100))
def test_quantiles_are_those_of_numpy(tenths, percent):
    counts = {bucket: tenths.count(bucket) for bucket in tenths}
    (got,) = wait_quantiles_s(counts, (percent,))
    assert got == pytest.approx(np.quantile(np.array(tenths) / 10, percent / 100), abs=1e-9)


@given(st.integers(0, 40 * 24 * 3_600 * SECOND_US))
def test_a_counted_wait_is_off_by_half_a_step_at_most(wait_us):
    off_us = abs(bucket_wait_us(wait_bucket(wait_us)) - wait_us)
    hour_us = 3_600 * SECOND_US
    if wait_us <= hour_us:
        assert off_us <= 50_000
    elif wait_us <= 30 * 24 * hour_us:
        assert off_us <= 5 * SECOND_US
    else:
        assert bucket_wait_us(wait_bucket(wait_us)) <= (30 * 24 + 1) * hour_us


# Intervals of 100 s from 1,000 on. c1 enters at 1,090 and is connected at 1,310: its counts belong
# to interval 0, its wait to 0 (10 s), 1 and 2 (100 s), 3 (10 s). c2 enters at 1,210 and waits
# still at 1,350: 90 s in interval 2, 50 s in 3. c3 enters and leaves within interval 3: 5 s.
def test_counts_belong_to_the_interval_of_entry_and_times_are_cut():
    story = Story(from_s=1000)
    story.at(1090, arrived("c1"), offer(1, "c1")).at(1210, arrived("c2"))
    story.at(1310, connected(1)).at(1320, arrived("c3"))
    story.at(1325, left("c3"), CloseContact("c3", ABANDONED))
    row = story.metrics.report(us(1350)).rows[0]
    assert [part.from_us for part in row.intervals] == [us(t) for t in (1000, 1100, 1200, 1300)]
    assert [part.to_us for part in row.intervals] == [us(t) for t in (1100, 1200, 1300, 1350)]
    assert [part.offered for part in row.intervals] == [1, 0, 1, 1]
    assert [part.answered for part in row.intervals] == [1, 0, 0, 0]
    assert [part.waiting for part in row.intervals] == [0, 0, 1, 0]
    assert [part.provisional for part in row.intervals] == [False, False, True, False]
    assert [part.waiting_us for part in row.intervals] == [us(t) for t in (10, 100, 190, 65)]
    assert [part.queue_length for part in row.intervals] == [0.1, 1.0, 1.9, 65 / 50]
    assert row.total.queue_length == (10 + 100 + 190 + 65) / 350


def test_a_report_at_a_boundary_has_no_interval_of_no_length_unless_somebody_entered_there():
    story = Story().at(10, arrived("c1"))
    assert len(story.metrics.report(us(100)).rows[0].intervals) == 1
    assert len(story.metrics.report(us(100)).total.intervals) == 1
    story.at(100, arrived("c2"))
    last = story.metrics.report(us(100)).rows[0].intervals[1]
    assert (last.offered, last.waiting, last.queue_length) == (1, 1, None)


def test_a_report_changes_nothing():
    story = waits(domain())
    first = story.metrics.report(us(95))
    assert story.metrics.report(us(95)) == first
    story.at(95, TICK)
    assert story.metrics.report(us(95)) == first


def test_a_report_of_too_many_intervals_is_the_callers_mistake():
    metrics = Story().metrics
    with pytest.raises(CallerError, match="a report of 40001 intervals; wanted at most 40000"):
        metrics.report(us(4_000_000))


def test_a_lost_contact_is_a_bug_of_ours():
    cell = [1] + (PLACES - 1) * [0]
    with pytest.raises(AssertionError, match="offered"):
        figures_of(cell, from_us=0, to_us=1, abandons=Abandons.MISSED)


# Offers -----------------------------------------------------------------------------------------


# Nine offers of one contact: 1 rejected; 2 timed out; 3 to 6 failed by each cause; 7 accepted but
# never connected; 8 revoked; 9 rings when the customer leaves. Judged are 9 - 1 - 1 = 7.
def test_offers_are_counted_by_how_they_end():
    story = Story().at(0, ready("ann")).at(0, arrived("c1"), offer(1, "c1"))
    story.at(1, ev.OfferRejected(offer_id=1), offer(2, "c1"))
    story.at(
        2,
        TICK,
        WithdrawOffer(2, "ann", OfferOutcome.TIMED_OUT),
        SetAgentState("ann", Availability.NOT_RESPONDING),
        offer(3, "c1", "bob"),
    )
    for number, cause in enumerate(FailureCause, 3):
        failed = ev.OfferFailed(offer_id=number, cause=cause)
        story.at(number, failed, offer(number + 1, "c1", "bob"))
    story.at(7, ev.OfferAccepted(offer_id=7), ConnectLeg(7, "c1", "bob"))
    failed_late = WithdrawOffer(7, "bob", OfferOutcome.FAILED)
    story.at(8, TICK, failed_late, offer(8, "c1", "bob"))
    unreachable = ev.DeviceChanged(agent_id="bob", device=Device.UNREACHABLE)
    story.at(9, unreachable, WithdrawOffer(8, "bob", OfferOutcome.REVOKED), offer(9, "c1"))
    gone = WithdrawOffer(9, "ann", OfferOutcome.CANCELED)
    story.at(10, left("c1"), gone, CloseContact("c1", ABANDONED))
    got = story.figures(10)
    assert msgspec.to_builtins(got.offers) == {
        "made": 9,
        "timed_out": 1,
        "rejected": 1,
        "failed": {
            "busy": 1,
            "unreachable": 1,
            "congestion": 1,
            "refused": 1,
            "not_connected": 1,
        },
        "revoked": 1,
        "canceled": 1,
        "rescinded": 0,
    }
    assert (got.rona_rate, got.reject_rate, got.failure_rate) == (1 / 7, 1 / 7, 5 / 7)
    assert (got.abandoned, got.answered, got.abandon_wait_us) == (1, 0, us(10))


# Six offers of two contacts to two agents at once: ann takes the first one and bob is rescinded; of
# the second one rings out and one is rejected, then bob is rescinded once more, since ann says that
# they talk. Judged are 6 - 2 = 4: a quarter each. Bob rings from 0 to 4, 20 to 35 and 40 to 41.
def test_of_several_offers_each_ends_by_itself():
    story = Story().at(0, ready("ann")).at(0, ready("bob"))
    story.at(0, arrived("c1"), offer(1, "c1"), offer(2, "c1", "bob"))
    rescinded = WithdrawOffer(2, "bob", OfferOutcome.RESCINDED)
    story.at(4, ev.OfferAccepted(offer_id=1), rescinded, ConnectLeg(1, "c1", "ann"))
    story.at(5, connected(1)).at(19, ended(1), CloseContact("c1", HANDLED))
    story.at(20, arrived("c2"), offer(3, "c2"), offer(4, "c2", "bob"))
    story.at(25, ev.OfferRejected(offer_id=3))
    assert story.figures(30).waiting == 1
    story.at(35, TICK, WithdrawOffer(4, "bob", OfferOutcome.TIMED_OUT))
    story.at(40, ready("bob"), offer(5, "c2", "bob"), offer(6, "c2"))
    story.at(41, connected(6), WithdrawOffer(5, "bob", OfferOutcome.RESCINDED))
    got = story.figures(50)
    offers = got.offers
    assert (offers.made, offers.rescinded, offers.timed_out, offers.rejected) == (6, 2, 1, 1)
    assert (got.answered, got.wait_us, got.waiting) == (2, us(5) + us(21), 0)
    assert (got.rona_rate, got.reject_rate, got.failure_rate) == (1 / 4, 1 / 4, 0)
    assert times(story, 50) == Times(ann=(14 + 9, 1 + 15), bob=(0, 50 - 4 - 15 - 1))


def test_of_three_offers_the_last_may_be_taken_and_any_end_first():
    story = Story().at(0, arrived("c1"), *(offer(number, "c1", "bob") for number in (1, 2, 3)))
    story.at(1, ev.OfferRejected(offer_id=2)).at(2, ev.OfferRejected(offer_id=1))
    story.at(3, connected(3))
    got = story.figures(3)
    assert (got.answered, got.offers.rejected, got.offers.made) == (1, 2, 3)


def test_late_and_repeated_answers_count_nothing():
    story = Story().at(0, arrived("c1"), offer(1, "c1"))
    story.at(1, ev.OfferRejected(offer_id=1), offer(2, "c1", "bob"))
    polite = Story().at(0, arrived("c1"), offer(1, "c1"))
    polite.at(1, ev.OfferRejected(offer_id=1), offer(2, "c1", "bob"))
    for late in (
        ev.OfferRejected(offer_id=1),
        ev.OfferAccepted(offer_id=1),
        ev.OfferFailed(offer_id=1, cause=FailureCause.BUSY),
        connected(1),
    ):
        story.at(2, late)
    story.at(3, connected(2)).at(4, connected(2))
    story.at(4, ev.OfferRejected(offer_id=2), Refused(Reason.NOT_IN_THIS_STATE, "2"))
    polite.at(3, connected(2))
    assert story.metrics.report(us(5)) == polite.metrics.report(us(5))


def test_an_answer_to_a_connected_offer_counts_nothing_even_if_nobody_refused_it():
    story = Story().at(0, arrived("c1"), offer(1, "c1")).at(1, connected(1))
    want = story.metrics.report(us(2))
    story.at(2, ev.OfferRejected(offer_id=1))
    story.at(2, ev.OfferFailed(offer_id=1, cause=FailureCause.BUSY))
    assert story.metrics.report(us(2)) == want


def test_what_was_refused_counts_nothing():
    story = Story().at(0, arrived("c1"))
    want = story.metrics.report(us(1))
    story.at(1, arrived("c1"), Refused(Reason.CONTACT_EXISTS, "c1"))
    story.at(1, ready("eve"), Refused(Reason.UNKNOWN_AGENT, "eve"))
    story.at(1, ended(7), Refused(Reason.UNKNOWN_OFFER, "7"))
    assert story.metrics.report(us(1)) == want


def test_started_late_it_leaves_out_what_it_did_not_see_arrive():
    story = Story(from_s=50)
    story.at(50, TICK, WithdrawOffer(3, "ann", OfferOutcome.TIMED_OUT), offer(4, "c1"))
    story.at(51, connected(4), InterruptLeg(4, "ann")).at(52, TICK, ResumeLeg(4, "ann"))
    story.at(53, ended(4), CloseContact("c1", HANDLED))
    got = story.figures(60)
    assert (got.offered, got.answered, got.offers.made, got.busy_us) == (0, 0, 0, 0)


# Agents -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """Busy and idle seconds of ann and bob, who have a group each."""

    ann: tuple[float, float]
    bob: tuple[float, float] = (0, 0)


def times(story: Story, now_s: float) -> Times:
    spans = [team.total for team in story.metrics.report(us(now_s)).groups]
    pairs = [(span.busy_us / SECOND_US, span.idle_us / SECOND_US) for span in spans]
    return Times(*pairs)


# Ready at 10; rings from 20 to 25 (neither); handles until 65, wrap-up from 60 included; idle until
# not ready at 80: busy 40, idle 10 + 15.
def test_ringing_is_neither_busy_nor_idle_and_wrap_up_is_busy():
    story = (
        Story().at(0, ev.AgentLoggedIn(agent_id="ann")).at(10, ready("ann")).at(11, ready("ann"))
    )
    story.at(20, arrived("c1"), offer(1, "c1")).at(25, connected(1))
    story.at(60, ended(1), ReleaseCustomer("c1"))
    story.at(65, TICK, EndWrapUp(1, "ann"), CloseContact("c1", HANDLED))
    story.at(80, ev.AgentNotReady(agent_id="ann")).at(81, ev.AgentNotReady(agent_id="ann"))
    assert times(story, 90) == Times(ann=(40, 25))
    assert story.figures(90).occupancy == 40 / 65
    assert story.figures(90).aht_s == 40


# A leg in handling while another rings is busy all the same: 10 to 30.
def test_with_one_in_handling_and_one_ringing_an_agent_is_busy():
    story = Story().at(0, ready("ann")).at(0, arrived("e1", EMAIL), offer(1, "e1", channel=EMAIL))
    story.at(10, connected(1)).at(15, arrived("e2", EMAIL), offer(2, "e2", channel=EMAIL))
    story.at(20, connected(2)).at(25, ended(1), CloseContact("e1", HANDLED))
    story.at(30, ended(2), CloseContact("e2", HANDLED))
    assert times(story, 40) == Times(ann=(20, 10))
    # Handling of each leg is whole: 15 + 10.
    assert story.figures(40, EMAIL).handling_us == us(25)


# The email is in handling 0 to 10 and 40 to 50; the call that interrupts it rings 10 to 15 (ann is
# neither: her email is set aside) and is in handling 15 to 40. Busy 10 + 25 + 10.
def test_an_interrupted_leg_is_not_in_handling():
    story = Story().at(0, ready("ann")).at(0, arrived("e1", EMAIL), offer(1, "e1", channel=EMAIL))
    story.at(0, connected(1)).at(10, arrived("c1"), InterruptLeg(1, "ann"), offer(2, "c1"))
    story.at(15, connected(2))
    story.at(40, ended(2), CloseContact("c1", HANDLED), ResumeLeg(1, "ann"))
    story.at(45, TICK, ResumeLeg(1, "ann"))  # A repeat changes nothing.
    story.at(50, ended(1), CloseContact("e1", HANDLED))
    assert times(story, 60) == Times(ann=(45, 10))
    assert story.figures(60, EMAIL).aht_s == 20
    assert story.figures(60).aht_s == 25


# The email's customer is gone while it is set aside, and it closes there: handled 10 s. It resumes
# beside another that began meanwhile: ann stays busy.
def test_an_interrupted_leg_may_close_or_resume_beside_another():
    story = Story().at(0, arrived("e1", EMAIL), offer(1, "e1", channel=EMAIL)).at(0, connected(1))
    story.at(0, arrived("e2", EMAIL), offer(2, "e2", channel=EMAIL)).at(0, connected(2))
    story.at(10, arrived("c1"), InterruptLeg(1, "ann"), InterruptLeg(2, "ann"), offer(3, "c1"))
    story.at(10, connected(3)).at(20, left("e1"), CloseContact("e1", HANDLED))
    story.at(25, TICK, ResumeLeg(2, "ann"))
    story.at(30, ended(3), CloseContact("c1", HANDLED))
    story.at(40, ended(2), CloseContact("e2", HANDLED))
    assert times(story, 50) == Times(ann=(40, 0))
    # e1 10 s; e2 10 s and from 25 to 40.
    assert story.figures(50, EMAIL).handling_us == us(10 + 10 + 15)


# Offered at 5, rung out at 20: idle 0 to 5, then not responding until ready again at 30.
def test_who_lets_it_ring_is_not_idle_until_he_says_that_he_is_ready():
    story = Story().at(0, ready("ann")).at(5, arrived("c1"), offer(1, "c1"))
    rung_out = WithdrawOffer(1, "ann", OfferOutcome.TIMED_OUT)
    story.at(20, TICK, rung_out, SetAgentState("ann", Availability.NOT_RESPONDING))
    story.at(30, ready("ann"))
    assert times(story, 40) == Times(ann=(0, 5 + 10))


# A break after this one: busy until 20, then away, whatever the Router repeats about it.
@pytest.mark.parametrize(
    "leave",
    [
        ev.AgentNotReady(agent_id="ann", after_this_one=True),
        ev.DrainRequested(agent_id="ann"),
        ev.AgentLoggedOut(agent_id="ann"),
    ],
)
def test_who_leaves_after_this_one_is_busy_until_then_and_never_idle(leave):
    story = Story().at(0, ready("ann")).at(0, arrived("c1"), offer(1, "c1")).at(0, connected(1))
    story.at(10, leave)
    state = SetAgentState("ann", Availability.LOGGED_OUT)
    story.at(20, ended(1), CloseContact("c1", HANDLED), state)
    assert times(story, 30) == Times(ann=(20, 0))


# Intervals of 100 s. bob is ready from 50 to 420: idle 50, 100, 100, 100, 20. ann is ready from 90,
# rings at 110, talks from 120 to 410: idle 10 | 10, busy 80 | 100 | 100 | 10, idle 5 to the end at
# 415; nothing happens between 120 and 410, so that two boundaries are crossed at once.
def test_agents_times_are_cut_at_boundaries():
    story = Story().at(50, ready("bob")).at(90, ready("ann"))
    story.at(110, arrived("c1"), offer(1, "c1")).at(120, connected(1))
    story.at(410, ended(1), CloseContact("c1", HANDLED))
    report = story.metrics.report(us(415))
    day, night = report.groups
    assert [span.busy_us for span in day.intervals] == [us(t) for t in (0, 80, 100, 100, 10)]
    assert [span.idle_us for span in day.intervals] == [us(t) for t in (10, 10, 0, 0, 5)]
    assert [span.idle_us for span in night.intervals] == [us(t) for t in (50, 100, 100, 100, 15)]
    assert (day.name, day.agents, day.total.occupancy) == ("day", 1, 290 / 315)
    assert (report.total.agents, report.total.total.occupancy) == (2, 290 / (315 + 365))
    voice, email = report.rows
    # Both serve voice; only ann carries emails.
    assert (voice.agents, voice.total.occupancy) == (2, 290 / 680)
    assert (email.agents, email.total.occupancy) == (1, 290 / 315)
    assert [part.busy_us for part in email.intervals] == [us(t) for t in (0, 80, 100, 100, 10)]


# Batches ----------------------------------------------------------------------------------------


def test_a_batch_counts_like_its_events_one_by_one():
    batch = ev.Batch(
        events=(
            ready("ann"),
            arrived("c1"),
            arrived("c1"),  # refused, position 2
            ev.AgentLoggedIn(agent_id="bob"),  # says nothing to the measures
            arrived("c2"),
            left("c2"),
        )
    )
    story = Story().at(
        5,
        batch,
        Refused(Reason.CONTACT_EXISTS, "c1", 2),
        CloseContact("c2", ABANDONED),
        offer(1, "c1"),
    )
    single = Story().at(5, ready("ann")).at(5, arrived("c1"), offer(1, "c1")).at(5, arrived("c2"))
    single.at(5, left("c2"), CloseContact("c2", ABANDONED))
    assert story.metrics.report(us(9)) == single.metrics.report(us(9))


def test_in_a_batch_the_withdrawal_settles_which_answers_were_late():
    story = Story().at(0, ready("ann")).at(0, arrived("c1"), offer(1, "c1"))
    batch = ev.Batch(
        events=(ev.AgentNotReady(agent_id="ann"), ev.OfferRejected(offer_id=1), connected(1))
    )
    story.at(5, batch, WithdrawOffer(1, "ann", OfferOutcome.REVOKED), offer(2, "c1", "bob"))
    got = story.figures(5)
    assert (got.offers.revoked, got.offers.rejected, got.offers.made) == (1, 0, 2)
    assert (got.answered, got.waiting) == (0, 1)
    assert times(story, 9) == Times(ann=(0, 0))


def test_in_a_batch_a_contact_may_leave_and_another_of_its_id_arrive():
    story = Story().at(0, arrived("c1")).at(0, arrived("c2"))
    batch = ev.Batch(events=(left("c2"), left("c1"), arrived("c1")))
    closed = CloseContact("c2", ABANDONED), CloseContact("c1", ABANDONED)
    story.at(5, batch, *closed, offer(1, "c1"))
    got = story.figures(7)
    assert (got.offered, got.abandoned, got.waiting) == (3, 2, 1)
    assert (got.abandon_wait_us, got.waiting_us) == (us(10), us(12))


# The report -------------------------------------------------------------------------------------


def test_the_digest_of_the_definitions_changes_with_every_option():
    base = domain()
    queue = base.queues[0]
    longer = {**queue.channels, VOICE: ChannelSettings(objective_us=SECOND_US)}
    variants = [
        base,
        domain(short_s=5),
        domain(abandons=Abandons.MET),
        msgspec.structs.replace(base, measures=MeasureSettings(interval_us=1)),
        msgspec.structs.replace(base, queues=(msgspec.structs.replace(queue, channels=longer),)),
    ]
    digests = {Metrics(one, from_us=0).report(0).definition_digest for one in variants}
    assert len(digests) == len(variants)
    assert "threshold of sales voice: 20000000 us" in definitions(base)
    assert Metrics(base, from_us=0).report(0).definitions == definitions(base)


def test_a_journal_keeps_the_definitions_of_its_settings():
    base = domain()
    (queue, *others) = base.queues
    channels = {one: ChannelSettings() for one in (VOICE, EMAIL, Channel.CHAT)}
    queues = (msgspec.structs.replace(queue, channels=channels), *others)
    settings = msgspec.structs.replace(base, queues=queues)
    kept = msgspec.json.encode(settings, order="deterministic")
    read = msgspec.json.decode(kept, type=DomainSettings)
    assert list(read.queues[0].channels) != list(channels)
    assert definitions(read) == definitions(settings)


def test_ten_thousand_agents_alike_are_counted_as_one_group():
    base = domain()
    agents = tuple(
        AgentSettings(agent_id=f"a{number}", profile="all", capacity="both", group="day")
        for number in range(10_000)
    )
    report = Metrics(msgspec.structs.replace(base, agents=agents), from_us=0).report(us(10))
    assert [(team.name, team.agents) for team in report.groups] == [("day", 10_000)]
    assert report.rows[0].agents == 10_000


def test_a_report_is_read_back_from_json():
    report = waits(domain()).metrics.report(us(95))
    assert msgspec.json.decode(msgspec.json.encode(report), type=type(report)) == report


# Real Routers -----------------------------------------------------------------------------------


class Observer:
    """Counts what a Router's own state shows: who is in which slot, integrated over time."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.busy_us = 0
        self.idle_us = 0
        self.waiting_us = 0
        self.since_us = 0

    def until(self, now_us: int) -> None:
        """Add the time since the last call, in the state that has held since."""
        for agent in self.router.agents:
            slots = {offer.slot for offer in agent.offers.values()}
            if slots & {SlotState.ACTIVE, SlotState.HELD, SlotState.WRAPPING}:
                self.busy_us += now_us - self.since_us
            elif agent.availability is Availability.READY and not slots:
                self.idle_us += now_us - self.since_us
        self.waiting_us += len(self.waiting()) * (now_us - self.since_us)
        self.since_us = now_us

    def waiting(self) -> list[LegState]:
        """Return the states of the legs that are not connected yet."""
        states = [LegState(leg.state) for leg in self.router.legs.values()]
        return [state for state in states if state < LegState.CONNECTED]


CONTACTS = st.sampled_from(["c1", "c2", "c3", "c4"])
AGENTS = st.sampled_from(["ann", "bob", "eve"])
OFFERS = st.integers(1, 4)
"""How long ago an offer was made: 1 is one that never was, 2 the last one, and so on."""

SINGLE_EVENTS = st.one_of(
    st.builds(arrived, CONTACTS, st.sampled_from([VOICE, EMAIL, Channel.CHAT])),
    st.builds(arrived, CONTACTS, st.just(EMAIL)),
    st.builds(left, CONTACTS),
    st.builds(ev.OfferAccepted, offer_id=OFFERS),
    st.builds(ev.OfferRejected, offer_id=OFFERS),
    st.builds(ev.OfferFailed, offer_id=OFFERS, cause=st.sampled_from(FailureCause)),
    st.builds(connected, OFFERS),
    st.builds(connected, st.just(2)),
    st.builds(ev.LegHeld, offer_id=OFFERS),
    st.builds(ended, OFFERS),
    st.builds(ev.WrapUpEnded, offer_id=OFFERS),
    st.builds(ev.AgentLoggedIn, agent_id=AGENTS),
    st.builds(ready, AGENTS),
    st.builds(ready, AGENTS),
    st.builds(ev.AgentNotReady, agent_id=AGENTS, after_this_one=st.booleans()),
    st.builds(ev.DrainRequested, agent_id=AGENTS),
    st.builds(ev.AgentLoggedOut, agent_id=AGENTS),
    st.builds(ev.DeviceChanged, agent_id=AGENTS, device=st.sampled_from(Device)),
)
BATCHES = st.builds(
    lambda events: ev.Batch(events=tuple(events)), st.lists(SINGLE_EVENTS, min_size=1)
)
# Draws are rounded to 10 s now and then, so that leases and boundaries meet events.
PAUSES = st.sampled_from([0, 0, 0, 1, 4, 10, 40])


def addressed(event: Any, offers_given: int) -> Any:
    """Return the event with offers by their numbers instead of by how long ago they were made."""
    if isinstance(event, ev.Batch):
        return ev.Batch(events=tuple(addressed(one, offers_given) for one in event.events))
    if hasattr(event, "offer_id"):
        number = max(offers_given + 2 - event.offer_id, 1)
        return msgspec.structs.replace(event, offer_id=number)
    return event


@given(
    st.integers(1, 2),
    st.lists(st.tuples(PAUSES, SINGLE_EVENTS | SINGLE_EVENTS | BATCHES), max_size=80),
)
def test_the_fold_agrees_with_what_a_router_says_of_itself(parallel, steps):
    settings = domain(parallel=parallel)
    router = Router(settings)
    metrics = Metrics(settings, from_us=0)
    observer = Observer(router)
    now_us = 0
    for agent in ("ann", "bob"):
        both = ev.Batch(events=(ev.AgentLoggedIn(agent_id=agent), ready(agent)))
        metrics.fold(both, router.step(both, now_us=0), 0)
    for pause_s, told in steps:
        then_us = now_us + us(pause_s)
        while (due_us := router.next_wakeup_us()) is not None and due_us <= then_us:
            observer.until(due_us)
            metrics.fold(TICK, router.step(TICK, now_us=due_us), due_us)
        now_us = then_us
        observer.until(now_us)
        event = addressed(told, router.snapshot().offers_given)
        metrics.fold(event, router.step(event, now_us=now_us), now_us)
    report = metrics.report(now_us)
    span = report.total.total
    assert (span.busy_us, span.idle_us) == (observer.busy_us, observer.idle_us)
    assert sum(row.total.waiting_us for row in report.rows) == observer.waiting_us
    waiting = observer.waiting()
    assert sum(row.total.waiting for row in report.rows) == len(waiting)
    open_offers = sum(
        router.legs[offer.leg_id].state < LegState.CONNECTED for offer in router.offers.values()
    )
    made = 0
    for row in report.rows:
        total, offers = row.total, row.total.offers
        made += offers.made
        lost = offers.timed_out + offers.rejected + offers.revoked + offers.canceled
        lost += offers.rescinded
        open_offers -= offers.made - lost - sum(offers.failed.values()) - total.answered
    assert open_offers == 0
    assert made == router.snapshot().offers_given


@pytest.mark.parametrize("taken, idle", [(1, "bob"), (2, "ann")])
def test_whichever_of_two_offers_is_taken_its_agent_handles(taken, idle):
    settings = domain(parallel=2)
    router, metrics = Router(settings), Metrics(settings, from_us=0)
    come = ev.ContactArrived(contact_id="c", queue="sales", channel=VOICE)
    logins = [ev.AgentLoggedIn(agent_id=name) for name in ("ann", "bob")]
    events: list[ev.Event] = [*logins, ready("ann"), ready("bob"), come]
    for event in (*events, ev.LegConnected(offer_id=taken)):
        metrics.fold(event, router.step(event, now_us=0), 0)
    groups = {one.name: one.total.busy_us for one in metrics.report(us(9)).groups}
    group = {"ann": "day", "bob": "night"}[idle]
    assert groups.pop(group) == 0
    assert list(groups.values()) == [us(9)]


# The documentation ------------------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documented_example_gives_the_documented_figures(tmp_path, monkeypatch):
    story = (DOCS / "journal.md").read_text(encoding="utf-8").split("```journal\n")[1]
    (tmp_path / "story.journal").write_text(story.partition("```")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    page = DOCS / "measures.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert failed == 0
    assert tried > 5


# Announcements ----------------------------------------------------------------------------------


def test_announced_waits_are_measured_against_the_wait_that_came() -> None:
    """The golden story of c4, who was told eight times, and once that nobody can say."""
    story = Path(__file__).parents[1] / "golden" / "wait_rises_for_a_cause.journal"
    with story.open("rb") as stream:
        told = journal.read(stream, story.name)
        metrics = Metrics(told.settings, from_us=0)
        for entry in told.entries:
            metrics.fold(entry.event, entry.actions, entry.now_us)
    got = metrics.report(131 * SECOND_US).rows[0].total.announcements
    # Told at 4, 34, 40, 50, 60, 80, 90 and 100; it was offered at 130.
    errors_s = (120 - 126, 90 - 96, 240 - 90, 230 - 80, 360 - 70, 340 - 50)
    errors_us = [*(one * SECOND_US for one in errors_s), 234_181_818 - 40 * SECOND_US]
    errors_us.append(117_090_909 - 30 * SECOND_US)
    assert (got.made, got.enough, got.enough_share) == (8, 6, 0.75)
    assert got.error_us == sum(errors_us)
    assert got.miss_us == sum(map(abs, errors_us))
    assert got.bias_s == sum(errors_us) / 8 / SECOND_US
    assert got.mae_s == sum(map(abs, errors_us)) / 8 / SECOND_US


def test_who_leaves_says_nothing_of_what_he_was_told() -> None:
    told = AnnounceWait(1, "c1", 60 * SECOND_US)
    story = Story()
    row = story.metrics.report(0).rows[0]
    queue, channel = row.queue, row.channel
    for at_us, event, actions in (
        (0, ev.ContactArrived(contact_id="c1", queue=queue, channel=channel), ()),
        (1, ev.WaitAsked(contact_id="c1"), (told,)),
        # Of a leg that the count never saw enter, and one that was told nothing.
        (1, ev.WaitAsked(contact_id="c0"), (AnnounceWait(9, "c0", 1),)),
        (1, ev.WaitAsked(contact_id="c1"), (AnnounceWait(1, "c1"),)),
        (2, ev.ContactLeft(contact_id="c1"), (CloseContact("c1", ContactOutcome.ABANDONED),)),
    ):
        story.metrics.fold(event, actions, at_us)
    got = story.metrics.report(3).rows[0].total.announcements
    assert (got.made, got.bias_s, got.mae_s, got.enough_share) == (0, None, None, None)

"""People at work in the simulated world: breaks, ends of shifts, hand-backs, and their time.

Small worlds at known times, watched step by step; random worlds whose time must add up to the
microsecond, judged by what other code counts (the measures); textbook lines, which shifts without
breaks must leave as they are.
"""

from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.actions import OfferContact, SetAgentState
from acd.events import (
    AgentLoggedIn,
    AgentNotReady,
    AgentReady,
    Batch,
    ContactLeft,
    DrainRequested,
    LegConnected,
    LegEnded,
    LegRequeued,
)
from acd.ids import Availability, Channel
from acd.settings import (
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)
from sim.driver import run
from sim.patience import Exponential
from sim.roster import Break, Duty, Leave, Rules, Shift, Span, duties
from sim.textbook import START_US, m_m_n
from sim.time_book import together
from sim.workload import HOUR_US, MINUTE_US, SECOND_US, Handle, Scenario, Stream

H = 3600
CHANNELS = (Channel.VOICE, Channel.EMAIL)


def _scenario(streams, *, hours=8, agents=1, wrap_up_s=0, interval_us=HOUR_US, **more):
    """Return a day from midnight UTC on: one queue that answers by itself, one contact each."""
    channel = ChannelSettings(auto_answer=True, wrap_up_us=wrap_up_s * SECOND_US)
    slots = dict.fromkeys(CHANNELS, SlotSettings(cost=100))
    domain = DomainSettings(
        name="small",
        queues=(QueueSettings(name="line", channels=dict.fromkeys(CHANNELS, channel)),),
        profiles=(ProfileSettings(name="all", serves=(Serves(queue="line", channels=CHANNELS),)),),
        capacities=(CapacitySettings(name="one", channels=slots),),
        agents=tuple(
            AgentSettings(agent_id=f"agent-{n}", profile="all", capacity="one", group="all")
            for n in range(1, agents + 1)
        ),
    )
    return Scenario(
        title="Small",
        settings=domain,
        start_us=START_US,
        interval_us=interval_us,
        intervals=hours * HOUR_US // interval_us,
        streams=tuple(streams),
        **more,
    )


def _stream(mean_s, rates_per_h, channel=Channel.VOICE, *, patience_mean_s=None, scv=1e-18):
    return Stream(
        name=channel,
        queue="line",
        channel=channel,
        rates_per_h=tuple(rates_per_h),
        handle=Handle(mean_s=mean_s, scv=scv),
        patience=None if patience_mean_s is None else Exponential(patience_mean_s),
    )


def _shift(from_h, to_h, count=1, name="s", **more):
    return Shift(
        name=name, group="all", count=count, from_s=round(from_h * H), to_s=round(to_h * H), **more
    )


class _Log:
    """Every event and action, with the minutes since the start."""

    def __init__(self):
        self.told = []
        self.done = []

    def __call__(self, event, actions, now_us):
        at_min = (now_us - START_US) / MINUTE_US
        events = event.events if type(event) is Batch else (event,)
        self.told += [(one, at_min) for one in events]
        self.done += [(one, at_min) for one in actions]

    def events(self, *kinds):
        return [(type(one).__name__, round(at, 3)) for one, at in self.told if type(one) in kinds]

    def states(self):
        return [
            (one.availability, one.reason, round(at, 3))
            for one, at in self.done
            if type(one) is SetAgentState
        ]


def _watched(scenario, seed=1):
    log = _Log()
    return run(scenario, seed, on_step=log), log


PERSON = (AgentLoggedIn, AgentNotReady, AgentReady, DrainRequested)


def test_an_idle_person_comes_takes_breaks_and_leaves_on_the_dot():
    breaks = (
        Break(length_us=15 * MINUTE_US, at_s=2 * H, reason="break"),
        Break(length_us=30 * MINUTE_US, after_us=3 * HOUR_US, reason="lunch"),
    )
    shift = _shift(1, 7, breaks=breaks)
    result, log = _watched(_scenario([_stream(60, [0] * 8)], shifts=(shift,)))
    assert log.events(*PERSON) == [
        ("AgentLoggedIn", 60),
        ("AgentReady", 60),
        ("AgentNotReady", 120),
        ("AgentReady", 135),
        ("AgentNotReady", 240),
        ("AgentReady", 270),
        ("DrainRequested", 420),
    ]
    assert log.states() == [(Availability.LOGGED_OUT, "", 420)]
    (paid,) = result.paid
    assert (paid.scheduled_us, paid.absent_us, paid.overtime_us) == (6 * HOUR_US, 0, 0)
    assert paid.breaks_us == {"break": 15 * MINUTE_US, "lunch": 30 * MINUTE_US}
    assert paid.worked_us == 6 * HOUR_US - 45 * MINUTE_US


def test_a_break_begins_when_wrap_up_ends_and_lasts_its_whole_length():
    """Calls of 40 min with 5 min of wrap-up follow each other, from the first on without end.

    The break due at 2:00 begins when the third wrap-up ends, at the first's beginning + 135 min.
    """
    shift = _shift(0, 8, breaks=(Break(length_us=20 * MINUTE_US, at_s=2 * H, reason="tea"),))
    scenario = _scenario([_stream(2400, [60] * 8)], shifts=(shift,), wrap_up_s=300)
    result, log = _watched(scenario)
    begun = [at for one, at in log.told if type(one) is LegConnected]
    assert begun[0] < 10
    lengths = [round(later - sooner, 3) for sooner, later in pairwise(begun)]
    assert lengths == [45, 45, 65, *[45] * (len(lengths) - 3)]
    assert (Availability.NOT_READY, "tea", round(begun[0] + 135, 3)) in log.states()
    assert result.paid[0].break_us == 20 * MINUTE_US


def test_a_break_that_falls_due_during_another_follows_it_at_once():
    breaks = (
        Break(length_us=30 * MINUTE_US, at_s=H, reason="meeting"),
        Break(length_us=20 * MINUTE_US, at_s=H + 600, reason="tea"),
        Break(length_us=10 * MINUTE_US, at_s=H + 600, reason="air"),
    )
    _, log = _watched(_scenario([_stream(60, [0] * 8)], shifts=(_shift(0, 8, breaks=breaks),)))
    assert log.events(AgentNotReady, AgentReady)[1:] == [
        ("AgentNotReady", 60),
        ("AgentNotReady", 90),
        ("AgentNotReady", 100),
        ("AgentReady", 120),
    ]
    assert [one.reason for one, _ in log.told if type(one) is AgentNotReady] == [
        *("meeting", "air", "tea")
    ]


def test_a_meeting_at_the_beginning_comes_before_any_contact():
    """Calls wait already; none is taken before the meeting is over."""
    shift = _shift(1, 8, 3, breaks=(Break(length_us=15 * MINUTE_US, after_us=0),))
    _, log = _watched(_scenario([_stream(600, [60] * 8)], agents=3, shifts=(shift,)))
    assert min(at for one, at in log.told if type(one) is LegConnected) == 75


def test_at_the_end_of_the_shift_the_contact_is_finished_and_pending_breaks_lapse():
    """Calls of 50 min from the first minutes on: the break due at 2:50 comes to nothing."""
    breaks = (Break(length_us=10 * MINUTE_US, at_s=2 * H + 3000),)
    scenario = _scenario([_stream(3000, [60] * 8)], shifts=(_shift(0, 3, breaks=breaks),))
    result, log = _watched(scenario)
    begun = [at for one, at in log.told if type(one) is LegConnected]
    assert len(begun) == 4
    over_min = begun[0] + 200
    assert log.states() == [(Availability.LOGGED_OUT, "", round(over_min, 3))]
    (paid,) = result.paid
    assert paid.break_us == 0
    assert paid.worked_us == paid.scheduled_us == 3 * HOUR_US
    assert paid.overtime_us == pytest.approx((over_min - 180) * MINUTE_US, abs=1_000)


def test_a_break_that_lapsed_is_not_taken_on_the_next_day():
    """A call of 4 h lasts over the end of the first; the second is idle, and has its own break."""
    breaks = (Break(length_us=10 * MINUTE_US, at_s=2 * H + 3000),)
    calls = _stream(4 * H, [5] + [0] * 29, patience_mean_s=300)
    shift = _shift(0, 3, breaks=breaks)
    result, log = _watched(_scenario([calls], hours=30, shifts=(shift,)))
    assert len(log.states()) == 2
    assert log.events(AgentNotReady) == [("AgentNotReady", 170), ("AgentNotReady", 24 * 60 + 170)]
    assert result.paid[0].break_us == 10 * MINUTE_US


def test_of_two_breaks_that_wait_for_a_contact_the_first_comes_first():
    breaks = (
        Break(length_us=10 * MINUTE_US, at_s=600, reason="tea"),
        Break(length_us=10 * MINUTE_US, at_s=1200, reason="lunch"),
    )
    scenario = _scenario([_stream(3000, [60] + [0] * 7)], shifts=(_shift(0, 8, breaks=breaks),))
    _, log = _watched(scenario)
    begun = next(at for one, at in log.told if type(one) is LegConnected)
    assert log.states()[0] == (Availability.NOT_READY, "tea", round(begun + 50, 3))
    told = [(one.reason, round(at, 3)) for one, at in log.told if type(one) is AgentNotReady]
    assert told == [("tea", 10), ("lunch", round(begun + 60, 3))]


def test_a_break_ends_with_the_shift():
    """At 2:45 a call of 50 min ends before the break of 30 min that was due at 2:40."""
    breaks = (Break(length_us=30 * MINUTE_US, at_s=2 * H + 1800),)
    scenario = _scenario([_stream(3000, [60] * 8)], shifts=(_shift(0, 3, breaks=breaks),))
    result, log = _watched(scenario)
    begun = [at for one, at in log.told if type(one) is LegConnected]
    rests_min = begun[0] + 150
    assert len(begun) == 3
    assert [state for state, _, _ in log.states()] == [
        *(Availability.NOT_READY, Availability.LOGGED_OUT)
    ]
    assert log.states()[1][2] == 180
    (paid,) = result.paid
    assert paid.break_us == pytest.approx((180 - rests_min) * MINUTE_US, abs=1_000)
    assert paid.overtime_us == 0


def test_who_is_still_at_work_when_his_next_shift_begins_goes_on():
    """One call of 12 hours: from 8:00 the agent is in overtime, from 10:00 at work again."""
    shifts = (_shift(10, 8),)
    scenario = _scenario([_stream(12 * H, [5] + [0] * 23)], hours=24, shifts=shifts)
    result, log = _watched(scenario)
    assert log.events(*PERSON) == [
        ("AgentLoggedIn", 0),
        ("AgentReady", 0),
        ("DrainRequested", 480),
        ("AgentReady", 600),
    ]
    (paid,) = result.paid
    assert (paid.scheduled_us, paid.overtime_us) == (22 * HOUR_US, 2 * HOUR_US)


def test_by_person_the_last_leaves_though_another_is_idle():
    """Days are tried until at the drop from two to one the first is idle and the second busy."""

    def drained(leave, seed):
        scenario = _scenario(
            [_stream(1800, [4, 0])],
            hours=2,
            agents=2,
            staffing={"all": (2, 1)},
            rules={"all": Rules(leave=leave)},
        )
        result, log = _watched(scenario, seed)
        (gone,) = [one.agent_id for one, _ in log.told if type(one) is DrainRequested]
        return gone, result.paid[0]

    seed = next(seed for seed in range(100) if drained(Leave.HEADCOUNT, seed)[0] == "agent-1")
    _, paid = drained(Leave.HEADCOUNT, seed)
    assert paid.overtime_us == 0
    gone, paid = drained(Leave.PERSON, seed)
    assert gone == "agent-2"
    assert paid.overtime_us > 0
    assert paid.worked_us == paid.scheduled_us == 3 * HOUR_US


def test_by_person_those_come_whose_time_it_is():
    scenario = _scenario(
        [_stream(60, [0, 0, 0])],
        hours=3,
        agents=4,
        staffing={"all": (3, 1, 4)},
        rules={"all": Rules(leave=Leave.PERSON)},
    )
    _, log = _watched(scenario)
    told = [
        (one.agent_id, at) for one, at in log.told if type(one) in {AgentLoggedIn, DrainRequested}
    ]
    first = [("agent-1", 0), ("agent-2", 0), ("agent-3", 0), ("agent-2", 60), ("agent-3", 60)]
    assert told == [*first, ("agent-2", 120), ("agent-3", 120), ("agent-4", 120)]


def test_what_is_handed_back_needs_only_what_was_left():
    """Emails of 3 h; each of two shifts of 2 h has one person. None is begun anew."""
    emails = _stream(3 * H, [60] + [0] * 7, Channel.EMAIL)
    shifts = (_shift(0, 2, name="a"), _shift(2, 4, name="b"), _shift(4, 8, name="c"))
    rules = {"all": Rules(hand_back=frozenset({Channel.EMAIL}))}
    scenario = _scenario([emails], agents=3, shifts=shifts, rules=rules)
    result, log = _watched(scenario)
    given = [at for one, at in log.told if type(one) is LegRequeued]
    assert given == [120, 240]
    begun = [at for one, at in log.told if type(one) is LegConnected]
    offers = [one for one, _ in log.done if type(one) is OfferContact]
    begins_min = begun[0]
    # The first goes on with the second person, who takes the next one when it is done.
    assert [one.contact_id for one in offers[:2]] == [offers[0].contact_id] * 2
    ends = [round(at, 3) for one, at in log.told if type(one) is LegEnded]
    assert ends[:2] == [round(begins_min + 180, 3), round(begins_min + 360, 3)]
    (row,) = [row for row in result.report.rows if row.channel is Channel.EMAIL]
    assert row.total.offered == result.arrived + 2
    assert result.paid[0].overtime_us == 0


def test_calls_are_finished_where_emails_are_handed_back():
    streams = [_stream(3000, [20] * 3), _stream(3000, [20] * 3, Channel.EMAIL)]
    rules = {"all": Rules(hand_back=frozenset({Channel.EMAIL}))}
    more = {"hours": 3, "agents": 20, "shifts": (_shift(0, 1, 20),)}
    result, log = _watched(_scenario(streams, rules=rules, **more))
    finished, other = _watched(_scenario(streams, **more))
    given = [at for one, at in log.told if type(one) is LegRequeued]
    assert set(given) == {60}
    assert not [at for one, at in other.told if type(one) is LegRequeued]
    totals = {row.channel: row.total for row in result.report.rows}
    assert totals[Channel.EMAIL].waiting >= len(given) > 0
    assert 0 < result.paid[0].overtime_us < finished.paid[0].overtime_us


def test_who_was_answered_once_does_not_leave_when_he_is_handed_back():
    """All wait until 0:30 and again from 1:00 on, with a patience of two hours on average."""
    streams = [_stream(3 * H, [12] * 6, Channel.EMAIL, patience_mean_s=7200)]
    rules = {"all": Rules(hand_back=frozenset({Channel.EMAIL}))}
    scenario = _scenario(streams, hours=6, agents=9, shifts=(_shift(0.5, 1, 9),), rules=rules)
    result, log = _watched(scenario)
    given = [one.offer_id for one, _ in log.told if type(one) is LegRequeued]
    offers = {one.offer_id: one.contact_id for one, _ in log.done if type(one) is OfferContact}
    left = {one.contact_id for one, _ in log.told if type(one) is ContactLeft}
    assert len(given) > 3
    assert left
    assert not left & {offers[one] for one in given}
    assert result.report.rows[1].total.waiting >= len(given)


def test_a_wrap_up_is_not_handed_back():
    """An email of 57 min, then 4 min of wrap-up, over which the shift ends."""
    rules = {"all": Rules(hand_back=frozenset({Channel.EMAIL}))}
    scenario = _scenario(
        [_stream(57 * 60, [60] + [0] * 7, Channel.EMAIL)],
        shifts=(_shift(0, 1),),
        rules=rules,
        wrap_up_s=240,
    )
    result, log = _watched(scenario)
    (begun,) = [at for one, at in log.told if type(one) is LegConnected]
    assert 0 < begun < 3
    assert log.events(LegRequeued) == []
    over_us = round((begun + 61 - 60) * MINUTE_US)
    assert result.paid[0].overtime_us == pytest.approx(over_us, abs=1_000)


@pytest.mark.parametrize("seed", range(3))
def test_shifts_all_day_without_breaks_are_a_headcount(seed):
    """Step for step: the actions of an M/M/n line with patience have one digest."""
    line = m_m_n(agents=8, contacts=2_000, load=0.95, patience_mean_s=300)
    days = (line.end_us - line.start_us) // (24 * HOUR_US) + 1
    assert days >= 1
    shift = Shift(name="s", group="all", count=8, from_s=0, to_s=24 * H)
    other = msgspec.structs.replace(line, staffing={}, shifts=(shift,))
    assert run(other, seed, digest=True) == run(line, seed, digest=True)


def test_occupancy_with_breaks_is_the_work_over_the_time_at_work():
    """By counting: every call of the day is answered and over, so busy is the sum of all of it.

    Ten people work 8 h with 75 min of breaks: 67.5 h; with 300 calls of 240 s it is 20 h ÷ 67.5 h,
    but for breaks that a call puts off, which are as long as ever.
    """
    breaks = (
        Break(length_us=45 * MINUTE_US, at_s=3 * H, within_us=HOUR_US),
        Break(length_us=30 * MINUTE_US, at_s=5 * H, within_us=HOUR_US),
    )
    calls = _stream(240, [43] * 7 + [0])
    scenario = _scenario([calls], agents=10, shifts=(_shift(0, 8, 10, breaks=breaks),))
    result = run(scenario, 1)
    (paid,) = result.paid
    total = result.report.total.total
    assert result.report.rows[0].total.answered == result.arrived > 200
    assert (paid.worked_us, paid.overtime_us) == (67.5 * HOUR_US, 0)
    assert total.busy_us == pytest.approx(result.arrived * 240 * SECOND_US, rel=1e-3)
    assert total.busy_us + total.idle_us == paid.worked_us


BREAKS = st.builds(
    Break,
    length_us=st.integers(1, 90 * MINUTE_US),
    after_us=st.integers(0, 6 * HOUR_US),
    within_us=st.integers(0, HOUR_US),
    reason=st.sampled_from(["", "tea", "lunch"]),
)
SHIFTS = st.builds(
    Shift,
    name=st.sampled_from(["a", "b", "c"]),
    group=st.just("all"),
    count=st.integers(0, 3),
    from_s=st.integers(0, 47).map(lambda half: half * 1800),
    to_s=st.integers(0, 47).map(lambda half: half * 1800 + 60),
    breaks=st.lists(BREAKS, max_size=3).map(tuple),
    absence=st.sampled_from([0.0, 0.3]),
    late_share=st.sampled_from([0.0, 0.5]),
    late_mean_us=st.just(20 * MINUTE_US),
)


def _judge_offers(scenario, log, seed):
    """Nobody is offered anything outside his duties, or while a break of his is due or taken.

    A break begins when it is due or later and lasts its length, so from the one instant until its
    length after that he is on it, or is to be as soon as he can.
    """
    span = Span(scenario.start_us, scenario.end_us, ZoneInfo("UTC"))
    planned: dict[str, list[Duty]] = {}
    for duty in duties(scenario.shifts, scenario.members(), span, seed):
        planned.setdefault(duty.agent_id, []).append(duty)
    for action, at_min in log.done:
        if type(action) is OfferContact:
            now_us = START_US + round(at_min * MINUTE_US)
            his = [one for one in planned[action.agent_id] if one.comes_us <= now_us < one.to_us]
            assert len(his) == 1
            assert not [
                one for one in his[0].breaks if one.due_us < now_us < one.due_us + one.length_us
            ]


@settings(max_examples=30, deadline=None)
@given(
    shifts=st.lists(SHIFTS, min_size=1, max_size=4),
    hand_back=st.sampled_from([frozenset(), frozenset({Channel.EMAIL})]),
    wrap_up_s=st.sampled_from([0, 120]),
    seed=st.integers(0, 9),
)
def test_the_time_of_all_adds_up_to_the_microsecond(shifts, hand_back, wrap_up_s, seed):
    """Worked and overtime are what the measures, folded by other code, count as busy and idle."""
    agents = max(sum(one.count for one in shifts), 1)
    streams = [
        _stream(300, [20, 0] * 10, patience_mean_s=200, scv=1.0),
        _stream(1500, [3] * 20, Channel.EMAIL, scv=1.0),
    ]
    scenario = _scenario(
        streams,
        hours=20,
        agents=agents,
        shifts=tuple(shifts),
        rules={"all": Rules(hand_back=hand_back)},
        wrap_up_s=wrap_up_s,
    )
    result, log = _watched(scenario, seed)
    _judge_offers(scenario, log, seed)
    (paid,) = result.paid
    total = result.report.total.total
    assert paid.scheduled_us == paid.worked_us + paid.break_us + paid.absent_us
    assert min(paid.worked_us, paid.absent_us, paid.overtime_us, *paid.breaks_us.values()) >= 0
    assert total.busy_us + total.idle_us == paid.worked_us + paid.overtime_us


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(0, 5), min_size=8, max_size=8),
    absent=st.lists(st.integers(0, 3), min_size=8, max_size=8),
    leave=st.sampled_from(Leave),
    seed=st.integers(0, 9),
)
def test_the_time_of_a_headcount_adds_up_too(counts, absent, leave, seed):
    scheduled = tuple(one + other for one, other in zip(counts, absent, strict=True))
    scenario = _scenario(
        [_stream(1200, [12] * 8, patience_mean_s=600, scv=1.0)],
        agents=max(*counts, 1),
        staffing={"all": tuple(counts)},
        scheduled={"all": scheduled},
        rules={"all": Rules(leave=leave)},
    )
    result = run(scenario, seed)
    (paid,) = result.paid
    assert paid.scheduled_us == sum(scheduled) * HOUR_US
    assert paid.absent_us == sum(absent) * HOUR_US
    assert paid.worked_us == sum(counts) * HOUR_US
    total = result.report.total.total
    assert total.busy_us + total.idle_us == paid.worked_us + paid.overtime_us


def test_agents_without_a_plan_are_scheduled_all_day():
    scenario = _scenario([_stream(60, [5] * 8)], agents=3)
    (paid,) = run(scenario, 1).paid
    assert paid.scheduled_us == paid.worked_us == 3 * 8 * HOUR_US
    assert together([paid, paid]).worked_us == 2 * paid.worked_us

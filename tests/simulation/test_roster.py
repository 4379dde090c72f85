"""Shifts by person: their hours by the clocks, their breaks, and who is absent or late.

Hours are compared with lengths reckoned by hand, and with a naive oracle that reads the clocks
minute by minute. What is drawn is counted over many days, with tolerances of four standard
deviations.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.roster import DAY_S, Break, Shift, Span, duties, hours, instant_us
from sim.shrinkage import on_floor_of, scheduled_for
from sim.workload import HOUR_US, MINUTE_US, SECOND_US

BERLIN = ZoneInfo("Europe/Berlin")
H = 3600


def _span(start, hours_long, zone=BERLIN):
    start_us = int(datetime.fromisoformat(start).replace(tzinfo=zone).timestamp()) * SECOND_US
    return Span(start_us, start_us + hours_long * HOUR_US, zone)


def _shift(from_s, to_s, count=1, **more):
    return Shift(name="s", group="all", count=count, from_s=from_s, to_s=to_s, **more)


def _duties(shift, span, seed=1):
    return duties([shift], {"all": [f"p{n}" for n in range(shift.count)]}, span, seed)


@pytest.mark.parametrize(
    "from_s, to_s, spring_h, autumn_h",
    [
        (22 * H, 6 * H, 7, 9),
        (1 * H, 4 * H, 2, 4),
        (2 * H + 1800, 4 * H, 1, 2.5),
        (2 * H, 3 * H, None, 2),
        (9 * H, 17 * H, 8, 8),
        (0, DAY_S, 23, 25),
    ],
)
def test_a_shift_over_a_clock_change_is_as_long_as_the_clocks_say(from_s, to_s, spring_h, autumn_h):
    for start, want in (("2026-03-28T12:00", spring_h), ("2026-10-24T12:00", autumn_h)):
        span = _span(start, 30)
        night = [
            one for one in hours(_shift(from_s, to_s), span) if one.day.day == int(start[8:10]) + 1
        ]
        if from_s > to_s:
            night = list(hours(_shift(from_s, to_s), span))[:1]
        lengths = [(one.to_us - one.from_us) / HOUR_US for one in night]
        assert lengths == ([] if want is None else [want])


@given(
    minute=st.integers(0, 3 * 24 * 60),
    change=st.sampled_from(["2026-03-28", "2026-10-24", "2026-06-10"]),
    zone=st.sampled_from([BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/St_Johns")]),
)
def test_an_instant_is_the_first_at_which_the_clocks_show_its_time_or_a_later_one(
    minute, change, zone
):
    """The oracle walks through the minutes of real time from the day before."""
    local = datetime.fromisoformat(change) + timedelta(minutes=minute)
    found = datetime.fromtimestamp(instant_us(local, zone) // SECOND_US, UTC)
    at = found - timedelta(minutes=180)
    while at.astimezone(zone).replace(tzinfo=None, fold=0) < local:
        at += timedelta(minutes=1)
    assert at == found


def test_what_the_span_does_not_hold_is_cut_off_and_breaks_under_way_have_their_rest():
    breaks = (
        Break(length_us=HOUR_US, at_s=5 * H, reason="gone"),
        Break(length_us=HOUR_US, at_s=7 * H + 1800, reason="half"),
        Break(length_us=HOUR_US, after_us=13 * HOUR_US, reason="whole"),
        Break(length_us=HOUR_US, at_s=22 * H, reason="never"),
    )
    span = _span("2026-12-14T08:00", 10)
    (duty,) = _duties(_shift(4 * H, 23 * H, breaks=breaks), span)
    assert (duty.from_us, duty.comes_us, duty.to_us) == (span.start_us, span.start_us, span.end_us)
    assert [(one.due_us - span.start_us, one.length_us, one.reason) for one in duty.breaks] == [
        (0, HOUR_US // 2, "half"),
        (9 * HOUR_US, HOUR_US, "whole"),
    ]


def test_a_night_shift_began_on_the_day_before_and_breaks_after_midnight():
    span = _span("2026-12-14T00:00", 24)
    breaks = (Break(length_us=MINUTE_US, at_s=2 * H),)
    found = _duties(_shift(22 * H, 6 * H, breaks=breaks), span)
    spans = [
        ((one.from_us - span.start_us) / HOUR_US, (one.to_us - span.start_us) / HOUR_US)
        for one in found
    ]
    assert spans == [(0, 6), (22, 24)]
    assert [[(due.due_us - span.start_us) / HOUR_US for due in one.breaks] for one in found] == [
        [2],
        [],
    ]


def test_a_shift_is_worked_on_its_weekdays_only():
    # Monday the 14th to Sunday the 20th.
    span = _span("2026-12-14T00:00", 7 * 24)
    worked = [one.day.day for one in hours(_shift(9 * H, 17 * H, weekdays=(0, 2, 6)), span)]
    assert worked == [14, 16, 20]


def test_duties_that_meet_are_one():
    span = _span("2026-12-14T00:00", 72)
    breaks = (Break(length_us=MINUTE_US, at_s=0),)
    (duty,) = _duties(_shift(0, DAY_S, breaks=breaks), span)
    assert (duty.from_us, duty.to_us) == (span.start_us, span.end_us)
    assert [(one.due_us - span.start_us) / HOUR_US for one in duty.breaks] == [0, 24, 48]


def test_breaks_within_a_time_are_staggered_evenly():
    span = _span("2026-12-14T08:00", 8)
    breaks = (Break(length_us=MINUTE_US, at_s=10 * H, within_us=HOUR_US),)
    found = _duties(_shift(8 * H, 16 * H, count=4, breaks=breaks), span)
    assert [(one.breaks[0].due_us - span.start_us) / MINUTE_US for one in found] == [
        *(120, 135, 150, 165)
    ]


def test_absence_and_lateness_are_as_frequent_and_as_long_as_they_are_told():
    """Of 1,000 persons in 20 days 5 % are absent, and of the others a fifth is late by 6 min."""
    shift = _shift(
        8 * H, 16 * H, count=1000, absence=0.05, late_share=0.2, late_mean_us=6 * MINUTE_US
    )
    span = _span("2026-12-01T00:00", 20 * 24)
    found = _duties(shift, span)
    absent = [one for one in found if one.comes_us == one.to_us]
    late = [one.comes_us - one.from_us for one in found if one.from_us < one.comes_us < one.to_us]
    days = 20_000
    assert len(found) == days
    assert len(absent) / days == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / days) ** 0.5)
    share = 0.95 * 0.2
    assert len(late) / days == pytest.approx(share, abs=4 * (share * (1 - share) / days) ** 0.5)
    mean_us = sum(late) / len(late)
    assert mean_us == pytest.approx(6 * MINUTE_US, rel=4 / len(late) ** 0.5)


def test_the_same_persons_are_missing_whatever_else_the_variant_has():
    """Nor does it matter when the scenario begins, or how many persons more the shift has."""
    more = {"absence": 0.3, "late_share": 0.3, "late_mean_us": 20 * MINUTE_US}
    small, large = _shift(8 * H, 16 * H, 20, **more), _shift(8 * H, 16 * H, 30, **more)
    other = Shift(name="t", group="all", count=5, from_s=0, to_s=H, absence=0.5)
    span = _span("2026-12-14T00:00", 48)

    def comes(shifts, span, seed, day):
        members = {"all": [f"p{n}" for n in range(100)]}
        found = duties(shifts, members, span, seed)
        first = sum(one.count for one in shifts if one.name != "s")
        names = [f"p{n}" for n in range(first, first + 20)]
        start = int(datetime(2026, 12, day, tzinfo=BERLIN).timestamp()) * SECOND_US
        return [
            one.comes_us - one.from_us
            for one in found
            if one.agent_id in names and start <= one.from_us < start + 24 * HOUR_US
        ]

    want = comes([small], span, 7, 15)
    assert len(set(want)) > 5
    assert comes([other, large], span, 7, 15) == want
    assert comes([small], _span("2026-12-15T00:00", 24), 7, 15) == want
    assert comes([small], span, 8, 15) != want
    assert comes([small], span, 7, 14) != want


def test_who_is_late_misses_the_breaks_before_he_came_and_no_others():
    breaks = tuple(Break(length_us=MINUTE_US, after_us=n * 10 * MINUTE_US) for n in range(40))
    shift = _shift(8 * H, 16 * H, 50, breaks=breaks, late_share=1.0, late_mean_us=HOUR_US)
    span = _span("2026-12-14T00:00", 24)
    for duty in _duties(shift, span):
        due = [
            duty.from_us + n * 10 * MINUTE_US
            for n in range(40)
            if duty.comes_us <= duty.from_us + n * 10 * MINUTE_US < duty.to_us
        ]
        assert [one.due_us for one in duty.breaks] == due


@given(
    count=st.integers(1, 4),
    hours_min=st.tuples(st.integers(0, 24 * 60 - 1), st.integers(1, 24 * 60)),
    start=st.sampled_from(["2026-03-28T20:00", "2026-10-24T20:00", "2026-12-14T08:30"]),
    late=st.booleans(),
    seed=st.integers(0, 99),
)
def test_nobody_is_in_two_places_and_nothing_lies_outside(count, hours_min, start, late, seed):
    """Hours are told as beginning and length."""
    from_min, long_min = hours_min
    to_s = (from_min + long_min) * 60
    shift = _shift(
        from_min * 60,
        to_s if to_s <= DAY_S else to_s - DAY_S,
        count,
        breaks=(Break(length_us=7 * MINUTE_US, after_us=MINUTE_US, within_us=MINUTE_US),),
        absence=0.2,
        late_share=0.5 * late,
        late_mean_us=30 * MINUTE_US,
    )
    span = _span(start, 60)
    found = _duties(shift, span, seed)
    for person in {one.agent_id for one in found}:
        his = [one for one in found if one.agent_id == person]
        assert all(one.to_us <= other.from_us for one, other in pairwise(his))
    for one in found:
        assert span.start_us <= one.from_us <= one.comes_us <= one.to_us <= span.end_us
        assert one.from_us < one.to_us
        assert all(one.comes_us <= due.due_us < one.to_us for due in one.breaks)


@given(shrinkage=st.integers(0, 99), number=st.integers(0, 1000))
def test_grossing_up_and_down_fit_together(shrinkage, number):
    """The scheduled are the fewest of whom so many are there; shares are exact decimals."""
    share = shrinkage / 100
    scheduled = scheduled_for(number, share)
    assert on_floor_of(scheduled, share) >= number
    assert scheduled == 0 or on_floor_of(scheduled - 1, share) < number
    assert on_floor_of(number, share) == number * (100 - shrinkage) // 100

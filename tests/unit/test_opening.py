"""Opening hours against the clocks on the wall.

Method: the days on which Madrid changes its clocks word for word, hour by hour; then Hypothesis
draws weeks, special days, zones and instants, most of them near clock changes, and every answer is
held against what zoneinfo's clocks show there. Between an instant and the next change all that is
asked for is the same.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.calendars import utc_offsets
from acd.opening import Calendar, day_of
from acd.settings import DAY_US, HOUR_US, SECOND_US, CalendarSettings

DAY_S = 86_400
HOUR_S = 3_600
MADRID = ZoneInfo("Europe/Madrid")
NINE_TO_FIVE = ((9 * HOUR_S, 17 * HOUR_S),)
ALL_DAY = ((0, DAY_S),)


def calendar(*week, days=(), zone="Europe/Madrid"):
    """Return a calendar with these weekdays, the rest closed; or one kind of day for all."""
    hours = week * 7 if len(week) == 1 else (*week, *((),) * (7 - len(week)))
    settings = CalendarSettings(name="c", hours=hours, days=days, utc_offsets=utc_offsets(zone))
    return Calendar(settings)


def us(text: str, zone: ZoneInfo = MADRID, fold: int = 0) -> int:
    """Return the instant at which clocks show a time, the first or the second time."""
    local = datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)
    return int(local.timestamp()) * SECOND_US


def shown(at_us: int | None) -> str:
    """Return what Madrid's clocks show at an instant, with what they are ahead of UTC."""
    assert at_us is not None
    return f"{datetime.fromtimestamp(at_us / SECOND_US, MADRID):%Y-%m-%d %H:%M %z}"


def changes(one: Calendar, since: str, until: str) -> list[str]:
    """Return the openings and closings between two times in Madrid."""
    found = []
    at_us = one.next_change_us(us(since) - 1)
    while at_us is not None and at_us < us(until):
        found.append(f"{shown(at_us)} {'opens' if one.is_open(at_us) else 'closes'}")
        at_us = one.next_change_us(at_us)
    return found


# Days like any other.


def test_an_office_opens_at_nine_and_closes_at_five_on_working_days() -> None:
    office = calendar(*(NINE_TO_FIVE,) * 5)
    friday_us = us("2026-11-27 17:00")
    assert not office.is_open(friday_us)
    assert office.is_open(friday_us - 1)
    assert shown(office.next_opening_us(friday_us)) == "2026-11-30 09:00 +0100"
    assert shown(office.next_closing_us(friday_us)) == "2026-11-30 17:00 +0100"
    assert shown(office.next_opening_us(friday_us - 1)) == "2026-11-30 09:00 +0100"
    assert shown(office.next_closing_us(friday_us - 1)) == "2026-11-27 17:00 +0100"
    week_us = office.opened_us(friday_us, friday_us + 7 * DAY_US)
    assert week_us == 5 * 8 * HOUR_US
    assert office.opened_us(friday_us, friday_us - DAY_US) == 0


def test_a_special_day_stands_in_place_of_its_weekday() -> None:
    days = (("2026-12-24", ((9 * HOUR_S, 13 * HOUR_S),)), ("2026-12-25", ()))
    office = calendar(NINE_TO_FIVE, days=days)
    assert changes(office, "2026-12-23 12:00", "2026-12-26 12:00") == [
        "2026-12-23 17:00 +0100 closes",
        "2026-12-24 09:00 +0100 opens",
        "2026-12-24 13:00 +0100 closes",
        "2026-12-26 09:00 +0100 opens",
    ]


def test_what_goes_on_over_midnight_or_touches_is_one_time() -> None:
    night = ((0, 6 * HOUR_S), (20 * HOUR_S, 22 * HOUR_S), (22 * HOUR_S, DAY_S))
    assert changes(calendar(night), "2026-11-02 12:00", "2026-11-03 12:00") == [
        "2026-11-02 20:00 +0100 opens",
        "2026-11-03 06:00 +0100 closes",
    ]


def test_what_never_opens_or_never_closes_has_no_next_change() -> None:
    at_us = us("2026-11-02 12:00")
    for one, is_open in ((calendar(()), False), (calendar(ALL_DAY), True)):
        assert one.is_open(at_us) is is_open
        assert one.next_change_us(at_us) is None
        assert one.next_opening_us(at_us) is None
        assert one.next_closing_us(at_us) is None
    assert calendar(ALL_DAY).opened_us(at_us, at_us + 40 * 365 * DAY_US) == 40 * 365 * DAY_US


def test_what_is_always_open_but_for_a_holiday_closes_then_and_only_then() -> None:
    one = calendar(ALL_DAY, days=(("2026-12-25", ()), ("2040-01-01", ())))
    assert changes(one, "2026-01-01", "2045-01-01") == [
        "2026-12-25 00:00 +0100 closes",
        "2026-12-26 00:00 +0100 opens",
        "2040-01-01 00:00 +0100 closes",
        "2040-01-02 00:00 +0100 opens",
    ]
    assert one.next_opening_us(us("2041-01-01")) is None


# Clock changes: in 2026 on 29 March from 2:00 to 3:00, on 25 October from 3:00 back to 2:00.


def test_a_span_around_the_jump_is_shorter_or_longer_by_what_the_clocks_jump() -> None:
    one = calendar(((HOUR_S, 4 * HOUR_S),))
    for text, hours in (("2026-03-28", 3), ("2026-03-29", 2), ("2026-10-25", 4)):
        from_us = us(text)
        assert one.opened_us(from_us, from_us + DAY_US) == hours * HOUR_US


def test_a_span_that_the_clocks_skip_falls_away() -> None:
    one = calendar(((2 * HOUR_S, 3 * HOUR_S),))
    assert changes(one, "2026-03-28", "2026-03-30 23:00") == [
        "2026-03-28 02:00 +0100 opens",
        "2026-03-28 03:00 +0100 closes",
        "2026-03-30 02:00 +0200 opens",
        "2026-03-30 03:00 +0200 closes",
    ]


@pytest.mark.parametrize(
    "span,wanted",
    [
        ((1.5, 2.5), ["2026-03-29 01:30 +0100 opens", "2026-03-29 03:00 +0200 closes"]),
        ((2.5, 4), ["2026-03-29 03:00 +0200 opens", "2026-03-29 04:00 +0200 closes"]),
    ],
)
def test_a_span_that_reaches_into_the_skipped_hour_ends_or_begins_with_the_jump(
    span: tuple[float, float], wanted: list[str]
) -> None:
    one = calendar(((int(span[0] * HOUR_S), int(span[1] * HOUR_S)),))
    assert changes(one, "2026-03-29", "2026-03-30") == wanted


def test_a_span_in_the_hour_that_comes_twice_counts_twice() -> None:
    one = calendar(((2 * HOUR_S, 2 * HOUR_S + 1_800),))
    assert changes(one, "2026-10-25", "2026-10-26") == [
        "2026-10-25 02:00 +0200 opens",
        "2026-10-25 02:30 +0200 closes",
        "2026-10-25 02:00 +0100 opens",
        "2026-10-25 02:30 +0100 closes",
    ]


def test_a_span_that_ends_in_the_hour_that_comes_twice_opens_once_more() -> None:
    one = calendar(((HOUR_S, 2 * HOUR_S + 1_800),))
    assert changes(one, "2026-10-25", "2026-10-26") == [
        "2026-10-25 01:00 +0200 opens",
        "2026-10-25 02:30 +0200 closes",
        "2026-10-25 02:00 +0100 opens",
        "2026-10-25 02:30 +0100 closes",
    ]


def test_a_span_over_the_whole_hour_that_comes_twice_is_open_all_through() -> None:
    one = calendar(((2 * HOUR_S, 3 * HOUR_S),))
    assert changes(one, "2026-10-25", "2026-10-26") == [
        "2026-10-25 02:00 +0200 opens",
        "2026-10-25 03:00 +0100 closes",
    ]


# Against the clocks on the wall.

ZONES = ("UTC", "Europe/Madrid", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia")
"""Havana changes its clocks at midnight, Lord Howe by half an hour; Apia left out a whole day."""

TIMES = st.integers(0, 96).map(lambda quarter: quarter * 900)


@st.composite
def spans(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    times = sorted(draw(st.sets(TIMES, max_size=6)))
    return tuple(zip(times[::2], times[1::2], strict=False))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[str, CalendarSettings, int]:
    """Return a zone, a calendar there, and an instant near one of the zone's clock changes."""
    zone = draw(st.sampled_from(ZONES))
    offsets = utc_offsets(zone)
    near_s = draw(st.sampled_from([0, 1_774_746_000, *(at // SECOND_US for at, _ in offsets)]))
    at_s = max(0, near_s + draw(st.integers(-3 * DAY_S, 3 * DAY_S)))
    day = datetime.fromtimestamp(at_s, UTC).date()
    dates = draw(st.sets(st.integers(0, 4).map(lambda n: str(day + timedelta(days=n))), max_size=3))
    week = draw(st.one_of(spans().map(lambda one: (one,) * 7), st.tuples(*(spans(),) * 7)))
    settings = CalendarSettings(
        name="c",
        hours=week,
        days=tuple((one, draw(spans())) for one in sorted(dates)),
        utc_offsets=offsets,
    )
    return zone, settings, at_s * SECOND_US


def is_open(zone: str, settings: CalendarSettings, at_us: int) -> bool:
    """Return whether the clocks of a zone show a time at which it is open."""
    local = datetime.fromtimestamp(at_us // SECOND_US, ZoneInfo(zone))
    day = dict(settings.days).get(str(local.date()), settings.hours[local.weekday()])
    time_s = local.hour * HOUR_S + local.minute * 60 + local.second
    return any(from_s <= time_s < to_s for from_s, to_s in day)


@given(worlds())
def test_it_is_open_when_the_clocks_show_a_time_of_a_span(
    world: tuple[str, CalendarSettings, int],
) -> None:
    zone, settings, since_us = world
    one = Calendar(settings)
    opened_us = 0
    for minute in range(0, 3 * 24 * 60, 15):
        at_us = since_us + minute * 60 * SECOND_US
        assert one.is_open(at_us) is is_open(zone, settings, at_us)
        # No zone here changes its clocks between two quarters; instants may lie between two.
        opened_us += one.opened_us(at_us, at_us + 900 * SECOND_US)
    assert one.opened_us(since_us, since_us + 3 * DAY_US) == opened_us


@given(worlds(), st.integers(0, 2 * DAY_US))
def test_nothing_changes_before_the_next_change(
    world: tuple[str, CalendarSettings, int], further_us: int
) -> None:
    zone, settings, at_us = world
    one = Calendar(settings)
    at_us += further_us
    now = is_open(zone, settings, at_us)
    change_us = one.next_change_us(at_us)
    until_us = at_us + 9 * DAY_US if change_us is None else change_us
    checked = range(at_us, min(until_us, at_us + 9 * DAY_US), 900 * SECOND_US)
    assert {is_open(zone, settings, each) for each in checked} == {now}
    assert one.opened_us(at_us, until_us) == (until_us - at_us if now else 0)
    if change_us is not None:
        assert at_us < change_us
        assert is_open(zone, settings, change_us) is not now
        assert is_open(zone, settings, change_us - 1) is now
        opens, closes = one.next_opening_us(at_us), one.next_closing_us(at_us)
        assert (closes if now else opens) == change_us
        assert (opens if now else closes) == one.next_change_us(change_us)


# Dates.


@given(st.dates(min_value=date(1970, 1, 1)))
def test_a_date_has_its_number(day: date) -> None:
    assert day_of(day.isoformat()) == (day - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-12", "2026-12-24 ", "2026/12/24", "20261224", "2026-1224-", "24-12-2026"),
        *("2026-13-01", "2026-00-01", "2026-01-00", "2026-04-31", "2100-02-29", "1969-12-31"),
        *("2026-12-2a", "٢٠٢٦-12-24", "-026-12-24"),
    ],
)
def test_what_is_no_date_has_none(text: str) -> None:
    assert day_of(text) is None


def test_days_of_leap_years_follow_one_another() -> None:
    days = [day_of(text) for text in ("2024-02-28", "2024-02-29", "2024-03-01")]
    assert days == [19_781, 19_782, 19_783]

"""Tables of clock changes and holidays, against what they are made from; calendars in files.

Method: known changes word for word; then Hypothesis asks zoneinfo for instants of some zones, among
them those around every change. Holidays: days that everybody knows. Files: one sound calendar, and
a table of edits to it, each with all of its messages, word for word.
"""
# ruff: noqa: E501 - a table of messages is read line by line, and some are long

from bisect import bisect_right
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.calendars import HolidayNames, days_of, holiday_dates, utc_offsets, zone_names
from acd.config import parse
from acd.errors import ConfigError
from acd.settings import SECOND_US, CalendarSettings

ZONES = ("Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
END_S = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())


def offset_s(zone: str, at_s: int) -> int:
    """Return the offset that the table has for an instant."""
    table = utc_offsets(zone)
    place = bisect_right([from_us for from_us, _ in table], at_s * SECOND_US)
    return table[place - 1][1] if place else 0


def true_offset_s(zone: str, at_s: int) -> int:
    offset = datetime.fromtimestamp(at_s, ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def test_madrid_changes_its_clocks_at_one_in_the_morning_utc() -> None:
    table = utc_offsets("Europe/Madrid")
    assert table[0] == (0, 3_600)
    assert (1_774_746_000 * SECOND_US, 7_200) in table
    assert (1_792_890_000 * SECOND_US, 3_600) in table
    assert [from_us for from_us, _ in table] == sorted({from_us for from_us, _ in table})


def test_a_zone_without_changes_has_its_one_offset() -> None:
    assert utc_offsets("UTC") == ()
    assert utc_offsets("Asia/Kolkata") == ((0, 19_800),)
    assert {"UTC", *ZONES} <= zone_names()


@pytest.mark.parametrize("zone", ZONES)
def test_an_offset_begins_at_the_very_second(zone: str) -> None:
    for from_us, _ in utc_offsets(zone):
        for at_s in (from_us // SECOND_US - 1, from_us // SECOND_US):
            if at_s >= 0:
                assert offset_s(zone, at_s) == true_offset_s(zone, at_s)


@given(zone=st.sampled_from(ZONES), at_s=st.integers(0, END_S - 1))
def test_the_table_says_what_the_zone_says(zone: str, at_s: int) -> None:
    assert offset_s(zone, at_s) == true_offset_s(zone, at_s)


# Holidays


def test_christmas_is_a_holiday_and_the_day_of_the_community_is_one_there_only() -> None:
    of_spain, of_madrid = holiday_dates("ES", None), holiday_dates("ES", "MD")
    assert {"2026-12-25", "2026-01-06", "2049-12-25"} <= set(of_spain)
    assert "2026-05-02" in of_madrid
    assert "2026-05-02" not in of_spain
    assert of_spain == tuple(sorted(of_spain))
    assert min(of_spain) == "2020-01-01"


def test_a_holiday_on_a_weekend_is_kept_on_the_day_to_which_it_is_moved() -> None:
    # Christmas 2027 is a Saturday; England keeps the Monday, and Boxing Day's Tuesday.
    assert {"2027-12-27", "2027-12-28"} <= set(holiday_dates("GB", "ENG"))


def test_of_a_country_of_whose_moon_calendar_few_years_are_known_the_fixed_days_go_on() -> None:
    dates = holiday_dates("IN", None)
    assert {"2026-01-26", "2050-01-26", "2026-11-08"} <= set(dates)  # The last is Diwali's.
    assert "2050-11-14" not in dates


def test_a_special_day_goes_before_a_holiday() -> None:
    spans = ((36_000, 50_400),)
    days = dict(days_of(HolidayNames("ES", "MD"), {"2026-12-25": spans, "2026-12-24": ()}))
    assert days["2026-12-25"] == spans
    assert days["2026-12-24"] == ()
    assert days["2026-12-08"] == ()
    assert days_of(HolidayNames(None, None), {"2026-12-24": ()}) == (("2026-12-24", ()),)


# Files

SHOP = """\
[domain]
name = "shop"
time_zone = "Europe/Lisbon"

[calendars.office]
time_zone = "Europe/Madrid"
country = "ES"
subdivision = "MD"
mon = ["09:00-14:00", "16:00-20:00"]
sat = ["22:00-24:00"]
special_days = { 2026-12-24 = ["09:00-13:00"], 2026-12-26 = [] }

[queues.sales]
opening_hours = "office"
voice = {}

[capacities.one]
voice = {}

[profiles]
all = [{ queue = "sales" }]

[agents.ann]
profile = "all"
capacity = "one"
"""


def test_a_calendar_is_read_with_its_tables() -> None:
    settings = parse(SHOP)
    (office,) = settings.calendars
    morning, afternoon, night = (32_400, 50_400), (57_600, 72_000), (79_200, 86_400)
    assert office.hours == ((morning, afternoon), (), (), (), (), (night,), ())
    assert office.utc_offsets == utc_offsets("Europe/Madrid")
    days = dict(office.days)
    assert (days["2026-12-24"], days["2026-12-25"], days["2026-12-26"]) == (
        ((32_400, 46_800),),
        (),
        (),
    )
    assert settings.queues[0].opening_hours == "office"


def test_a_calendar_without_a_time_zone_has_the_domains() -> None:
    (office,) = parse(SHOP.replace('time_zone = "Europe/Madrid"\n', "")).calendars
    assert office.utc_offsets == utc_offsets("Europe/Lisbon")


def test_without_calendars_there_are_none() -> None:
    text = SHOP.replace('opening_hours = "office"\n', "")
    head, _, rest = text.partition("[calendars.office]")
    bare = parse(head + rest[rest.index("[queues") :])
    assert bare.calendars == ()
    assert bare.queues[0].opening_hours is None


_SPAN = "a span of the day like 09:00-17:30, until 24:00 at the latest"


@pytest.mark.parametrize(
    "old,new,messages",
    [
        ('"Europe/Madrid"', '"Europe/Madird"', [
            "calendars.office.time_zone: is `Europe/Madird`; wanted a time zone that this machine knows, like Europe/Madrid; did you mean `Europe/Madrid`?"]),
        ('"Europe/Lisbon"', '"Europe/Lisbone"', [
            "domain.time_zone: is `Europe/Lisbone`; wanted a time zone that this machine knows, like Europe/Madrid; did you mean `Europe/Lisbon`?"]),
        ('"ES"', '"Spain"', [
            "calendars.office.country: is `Spain`; wanted a country by its code of two letters, like ES; did you mean `ES`?"]),
        ('"ES"', '"es"', [
            "calendars.office.country: is `es`; wanted a country by its code of two letters, like ES; did you mean `ES`?"]),
        ('"ES"', '"United Kindom"', [
            "calendars.office.country: is `United Kindom`; wanted a country by its code of two letters, like ES; did you mean `GB`?"]),
        ('"ES"', '"?"', [
            "calendars.office.country: is `?`; wanted a country by its code of two letters, like ES"]),
        ('"MD"', '"MDD"', [
            "calendars.office.subdivision: is `MDD`; wanted the code of a part of ES: AN, AR, AS, CB, CE, CL, CM, CN, CT, EX, GA, IB, MC, MD, ML, NC, PV, RI, VC, Barcelona; did you mean `MD`?"]),
        ('"ES"', '"SG"', [
            "calendars.office.subdivision: is `MD`; wanted none, since SG has no parts with holidays of their own"]),
        ('country = "ES"\n', "", [
            "calendars.office.subdivision: is `MD`; wanted no such key without a country"]),
        ('"16:00-20:00"', '"13:30-20:00"', [
            "calendars.office.mon[1]: is 13:30-20:00; wanted a span behind the one before it, `09:00-14:00`"]),
        ('"16:00-20:00"', '"20:00-16:00"', [
            "calendars.office.mon[1]: is 20:00-16:00; wanted a span that ends after it begins; one over midnight is two, to 24:00 and on"]),
        ('"16:00-20:00"', '"16:00-24:01"', [f"calendars.office.mon[1]: is `16:00-24:01`; wanted {_SPAN}"]),
        ('"16:00-20:00"', '"4pm-8pm"', [f"calendars.office.mon[1]: is `4pm-8pm`; wanted {_SPAN}"]),
        ('"16:00-20:00"', "16", [f"calendars.office.mon[1]: is 16; wanted {_SPAN}"]),
        ("2026-12-26", "2026-02-29", [
            "calendars.office.special_days.2026-02-29: is no date; wanted a date from 1970 on, like 2026-12-24"]),
        ("2026-12-26", "2026-12-24", [
            "line 11: is no TOML at column 63: Cannot mutate immutable namespace ('2026-12-24',); wanted TOML 1.0"]),
        ("sat =", "sab =", [
            "calendars.office.sab: is an unknown key; wanted a known key; did you mean `sat`?"]),
        ('opening_hours = "office"', 'opening_hours = "offise"', [
            "queues.sales.opening_hours: is `offise`; wanted a declared calendar; did you mean `office`?"]),
        ("[calendars.office]", "[calendars]\nidle = {}\n[calendars.office]", [
            "calendars.idle: never opens; wanted hours on a weekday or on a special day"]),
        ("[calendars.office]", '[calendars]\nidle = { mon = ["9-5"] }\n[calendars.office]', [
            f"calendars.idle.mon[0]: is `9-5`; wanted {_SPAN}"]),
    ],
)  # fmt: skip
def test_each_mistake_has_its_message(old: str, new: str, messages: list[str]) -> None:
    assert old in SHOP
    with pytest.raises(ConfigError) as caught:
        parse(SHOP.replace(old, new), file="shop")
    assert str(caught.value).splitlines() == [f"shop: {message}" for message in messages]


def test_a_calendar_that_could_not_be_read_leaves_its_name_known() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(SHOP.replace("[calendars.office]", "[calendars]\noffice = 5\n[calendars.other]"))
    assert [str(one).partition(":")[0] for one in caught.value.problems] == ["calendars.office"]


def test_the_defaults_are_closed() -> None:
    assert CalendarSettings(name="c").hours == ((),) * 7

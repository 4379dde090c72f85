"""What cannot be of calendars, for those who build settings by hand.

Method: a table of calendars, each with all of its messages, word for word. What only a file can get
wrong is in test_calendars.py.
"""
# ruff: noqa: E501 - a table of messages is read line by line, and some are long

from typing import Any

import pytest
from msgspec.structs import replace

from acd.calendar_checks import CALENDARS_MAX, clock
from acd.settings import CalendarSettings, DomainSettings
from acd.validation import problems
from tests.unit.shop import SHOP

ALL_DAY = ((0, 86_400),)


def shop(*calendars: CalendarSettings, keeps: str | None = None) -> DomainSettings:
    queues = tuple(replace(queue, opening_hours=keeps) for queue in SHOP.queues)
    return replace(SHOP, queues=queues, calendars=calendars)


def office(*monday: tuple[int, int], **fields: Any) -> CalendarSettings:
    given = {"name": "office", "hours": (monday, *(ALL_DAY,) * 6)}
    return CalendarSettings(**given | fields)


@pytest.mark.parametrize(
    "settings,messages",
    [
        (shop(office(), keeps="office"), []),
        (shop(office((0, 10), (10, 20), (30, 86_400))), []),
        (shop(office(hours=((),) * 7, days=(("2026-12-24", ALL_DAY),))), []),
        (shop(office(), keeps="ofice"), [
            "queues.sales.opening_hours: is `ofice`; wanted a declared calendar; did you mean `office`?"]),
        (shop(office(name="")), ['calendars."": has a name of 0 characters; wanted from 1 to 64 characters']),
        (shop(office(name="of\nfice")), ['calendars."of\\nfice": is `of\\nfice`; wanted printable characters']),
        (shop(office(), office()), ["calendars.office: is declared twice; wanted another name"]),
        (shop(office(hours=(ALL_DAY,))), ["calendars.office: has 1 weekdays; wanted 7"]),
        (shop(office(hours=((),) * 7)), [
            "calendars.office: never opens; wanted hours on a weekday or on a special day"]),
        (shop(office(days=(("2026-12-24", ()), ("2026-12-24", ALL_DAY)))), [
            "calendars.office.special_days.2026-12-24: is given twice; wanted each date once"]),
        (shop(office(days=(("24.12.2026", ()),))), [
            'calendars.office.special_days."24.12.2026": is no date; wanted a date from 1970 on, like 2026-12-24']),
        (shop(office(days=(("2026-12-24", ((60, 60),)),))), [
            "calendars.office.special_days.2026-12-24[0]: is 00:01-00:01; wanted a span that ends after it begins; one over midnight is two, to 24:00 and on"]),
        (shop(office((0, 3_661), (3_600, 7_200))), [
            "calendars.office.mon[1]: is 01:00-02:00; wanted a span behind the one before it, `00:00-01:01:01`"]),
        (shop(office((0, 86_401))), [
            "calendars.office.mon[0]: is 00:00-24:00:01; wanted a span between 00:00 and 24:00"]),
        (shop(office((-3_600, 3_600))), [
            "calendars.office.mon[0]: is -1:00-01:00; wanted a span between 00:00 and 24:00"]),
        (shop(office(*((n, n + 1) for n in range(11)))), ["calendars.office.mon: has 11 spans; wanted at most 10"]),
        (shop(office(utc_offsets=((5, 0), (5, 60)))), [
            "calendars.office.time_zone: has other offsets; wanted offsets of at most a day, in the order of their instants"]),
        (shop(*(office(name=f"c{n}") for n in range(CALENDARS_MAX + 1))), [
            "calendars: has 101 calendars; wanted at most 100"]),
    ],
)  # fmt: skip
def test_each_mistake_has_its_message(settings: DomainSettings, messages: list[str]) -> None:
    assert [str(problem) for problem in problems(settings)] == messages


def test_a_time_is_told_as_clocks_show_it() -> None:
    assert [clock(time_s) for time_s in (0, 34_200, 86_400, 5)] == [
        "00:00",
        "09:30",
        "24:00",
        "00:00:05",
    ]

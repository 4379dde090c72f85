"""Calendars in a file: their tables, and what time zones and holidays make of them."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from acd.calendars import HolidayNames, days_of, holiday_mistakes, utc_offsets, zone_names
from acd.errors import did_you_mean, nearest, shown
from acd.mistakes import KeyPath, Mistake
from acd.settings import CalendarSettings
from acd.tables import Hours, Table

_OpenHours = Annotated[list[Hours], Field(default_factory=list)]


class CalendarTable(Table):
    """A table of `[calendars.NAME]`."""

    time_zone: str | None = None
    country: str | None = None
    subdivision: str | None = None
    mon: _OpenHours
    tue: _OpenHours
    wed: _OpenHours
    thu: _OpenHours
    fri: _OpenHours
    sat: _OpenHours
    sun: _OpenHours
    special_days: dict[str, list[Hours]] = Field(default_factory=dict)

    @property
    def holidays(self) -> HolidayNames:
        """Whose holidays are closed days."""
        return HolidayNames(self.country, self.subdivision)


def offsets_of(name: str | None) -> tuple[tuple[int, int], ...]:
    """Return the changes of a time zone's clocks; those of UTC where it is not known."""
    return utc_offsets(name) if name is not None and name in zone_names() else ()


def calendar_of(name: str, table: CalendarTable, time_zone: str | None) -> CalendarSettings:
    """Return a calendar with its time zone, or the domain's, and its holidays looked up."""
    week = (table.mon, table.tue, table.wed, table.thu, table.fri, table.sat, table.sun)
    special = {date: tuple(spans) for date, spans in table.special_days.items()}
    return CalendarSettings(
        name=name,
        hours=tuple(tuple(spans) for spans in week),
        days=days_of(table.holidays, special),
        utc_offsets=offsets_of(table.time_zone or time_zone),
    )


def calendar_mistakes(
    calendars: Mapping[str, CalendarTable], time_zone: str | None
) -> list[Mistake]:
    """Return the time zones, the domain's too, countries and parts of these that nobody knows."""
    found = _time_zone_mistakes(("domain",), time_zone)
    for name, table in calendars.items():
        path = ("calendars", name)
        found += _time_zone_mistakes(path, table.time_zone)
        found += holiday_mistakes(path, table.holidays)
    return found


def _time_zone_mistakes(path: KeyPath, name: str | None) -> list[Mistake]:
    if name is None or name in zone_names():
        return []
    near = did_you_mean(nearest(name, zone_names()))
    wanted = f"a time zone that this machine knows, like Europe/Madrid{near}"
    return [Mistake((*path, "time_zone"), f"is {shown(name)}", wanted)]

"""Calendars that cannot be, or that would never open."""

from itertools import pairwise
from typing import Final

from acd.errors import shown
from acd.mistakes import Findings, KeyPath, agent_path
from acd.opening import day_of
from acd.settings import DAY_US, SECOND_US, DomainSettings, QueueClock

CALENDARS_MAX: Final = 100
"""Most calendars of a domain: each is looked at when one opens or closes, and a site has a few."""

SPANS_MAX: Final = 10
"""Most spans of a day: a shop that closes at noon has two."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The file's keys, in the order of the settings."""

DAY_S: Final = DAY_US // SECOND_US


def clock(time_s: int) -> str:
    """Return seconds since midnight as clocks show them.

    >>> clock(34_200), clock(86_400)
    ('09:30', '24:00')
    """
    minutes, seconds = divmod(time_s, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


def report_calendars(found: Findings, settings: DomainSettings) -> None:
    """Report mistakes in the calendars of a domain, and queues that keep none of them."""
    calendars = settings.calendars
    if len(calendars) > CALENDARS_MAX:
        seen, wanted = f"has {len(calendars)} calendars", f"at most {CALENDARS_MAX}"
        found.report(("calendars",), seen, wanted)
    found.doubles("calendars", (one.name for one in calendars))
    for one in calendars:
        path = ("calendars", one.name)
        if len(one.hours) != len(WEEKDAYS):
            found.report(path, f"has {len(one.hours)} weekdays", f"{len(WEEKDAYS)}")
        for weekday, spans in zip(WEEKDAYS, one.hours, strict=False):
            _report_spans(found, (*path, weekday), spans)
        dates: set[str] = set()
        for date, spans in one.days:
            where = (*path, "special_days", date)
            if day_of(date) is None:
                found.report(where, "is no date", "a date from 1970 on, like 2026-12-24")
            if date in dates:
                found.report(where, "is given twice", "each date once")
            dates.add(date)
            _report_spans(found, where, spans)
        opens = any(one.hours) or any(spans for _, spans in one.days)
        if not opens and not found.doubtful(*path):
            found.report(path, "never opens", "hours on a weekday or on a special day")
        report_offsets(found, (*path, "time_zone"), one.utc_offsets)
    names = {one.name for one in calendars}
    shifts = {(agent_path(agent), agent.shift): None for agent in settings.agents}
    for at_agent, shift in shifts:
        if shift is not None:
            at_shift = (*at_agent, "shift")
            found.known(at_shift, shift, "declared calendar", names, at=("calendars", shift))
    for queue in settings.queues:
        name = queue.opening_hours
        if name is not None:
            at_queue = ("queues", queue.name, "opening_hours")
            found.known(at_queue, name, "declared calendar", names, at=("calendars", name))
        elif queue.clock is QueueClock.OPENING_HOURS:
            at_clock = ("queues", queue.name, "clock")
            if not found.excused("queues", queue.name, "opening_hours"):
                wanted = "elapsed, since the queue has no opening_hours"
                found.report(at_clock, "is opening_hours", wanted)


def _report_spans(found: Findings, path: KeyPath, spans: tuple[tuple[int, int], ...]) -> None:
    """Report spans of a day that end before they begin, or that do not follow one another."""
    if len(spans) > SPANS_MAX:
        found.report(path, f"has {len(spans)} spans", f"at most {SPANS_MAX}")
    for place, (from_s, to_s) in enumerate(spans):
        seen = f"is {clock(from_s)}-{clock(to_s)}"
        if not from_s < to_s:
            wanted = "a span that ends after it begins; one over midnight is two, to 24:00 and on"
            found.report((*path, place), seen, wanted)
        elif from_s < 0 or to_s > DAY_S:
            found.report((*path, place), seen, "a span between 00:00 and 24:00")
    for place, (before, span) in enumerate(pairwise(spans), 1):
        if span[0] < before[1]:
            other = f"{clock(before[0])}-{clock(before[1])}"
            seen = f"is {clock(span[0])}-{clock(span[1])}"
            found.report((*path, place), seen, f"a span behind the one before it, {shown(other)}")


def report_offsets(found: Findings, path: KeyPath, offsets: tuple[tuple[int, int], ...]) -> None:
    """Report a time zone whose offsets are no table of `acd.calendars.utc_offsets`."""
    in_order = all(one[0] < other[0] for one, other in pairwise(offsets))
    if not in_order or any(abs(offset_s) > DAY_S for _, offset_s in offsets):
        wanted = "offsets of at most a day, in the order of their instants"
        found.report(path, "has other offsets", wanted)

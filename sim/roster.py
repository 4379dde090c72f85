"""Shifts by person, and what becomes of them: the duties of a run, with breaks and absence drawn.

A shift is told by the clocks of the scenario's place, so over a clock change it is as long as they
say: 22:00-06:00 lasts an hour less in the night in which they go forward. A time that they leave
out is the instant of the change; one that they show twice is the first of the two.

Who is absent, and who is late and by how much, is drawn by (seed, shift, date), the persons of a
shift one after the other: so a person is absent in two variants alike, whatever else differs, also
where the shift has more persons.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from acd.ids import AgentId, Channel
from acd.settings import SECOND_US
from sim.draws import generator

DAY_S: Final = 24 * 3600
EVERY_DAY: Final = (0, 1, 2, 3, 4, 5, 6)

Members: TypeAlias = Mapping[str, Sequence[AgentId]]
"""The agents of each group, in the order of the settings."""


class Leave(StrEnum):
    """Who goes where fewer are wanted than are there."""

    HEADCOUNT = "headcount"
    """Idle members first, then busy ones; among each the last in the order of the settings."""
    PERSON = "person"
    """The last in the order of the settings, idle or busy: whose time is over goes."""


class AtEnd(StrEnum):
    """What becomes of a contact in hand when its agent's time is over."""

    FINISH = "finish"
    HAND_BACK = "hand_back"
    """It waits again in its queue, in its place, with what is left of its handling."""


class _Values(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all values here."""


class Break(_Values, frozen=True):
    """Time in a shift in which its persons take no contacts: a break, a meeting, a training."""

    length_us: int
    at_s: int | None = None
    """Local time at which it is due, in seconds since midnight; or …"""
    after_us: int | None = None
    """… how long after the beginning of the shift."""
    within_us: int = 0
    """Of n persons the one with the number k is due k/n of this later, k from 0: so they do not
    all go at once."""
    reason: str = ""


class Shift(_Values, frozen=True):
    """The hours that some persons of a group work on some days of the week."""

    name: str
    group: str
    count: int
    from_s: int
    """Local time, in seconds since midnight."""
    to_s: int
    """As `from_s`; of the next day where it is not after it."""
    weekdays: tuple[int, ...] = EVERY_DAY
    """On which it begins; Monday is 0."""
    breaks: tuple[Break, ...] = ()
    absence: float = 0.0
    """Probability that a person does not come on a day."""
    late_share: float = 0.0
    """Probability that one who comes is late …"""
    late_mean_us: int = 0
    """… and the mean of the exponential time by which."""


class Rules(_Values, frozen=True):
    """How the members of a group are scheduled, and how they leave."""

    shrinkage: float = 0.0
    """Share of the scheduled who are not there, of a headcount."""
    leave: Leave = Leave.HEADCOUNT
    hand_back: frozenset[Channel] = frozenset()
    """Channels whose contacts are handed back by whose time is over."""


class Worked(NamedTuple):
    """One time that a shift is worked: the date on which it begins, and from when until when."""

    day: date
    from_us: int
    to_us: int


class Due(NamedTuple):
    """One break of one person."""

    due_us: int
    length_us: int
    reason: str


class Duty(NamedTuple):
    """What one person is scheduled to work on one day, cut at the horizon."""

    agent_id: AgentId
    group: str
    from_us: int
    comes_us: int
    """After `from_us` if he is late, `to_us` if he does not come."""
    to_us: int
    breaks: tuple[Due, ...]


class Span(NamedTuple):
    """The time that a run covers, and by whose clocks its days are told."""

    start_us: int
    end_us: int
    zone: ZoneInfo


def instant_us(moment: datetime, zone: ZoneInfo) -> int:
    """Return the first instant at which clocks show a local time, or the change that leaves it out.

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> def utc(text):
    ...     at_us = instant_us(datetime.fromisoformat(text), berlin)
    ...     return f"{datetime.fromtimestamp(at_us // SECOND_US, UTC):%H:%M}"
    >>> utc("2026-03-29 02:30"), utc("2026-03-29 03:00"), utc("2026-10-25 02:30")
    ('01:00', '01:00', '00:30')
    """
    local = moment.replace(microsecond=0)
    early, late = (int(local.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1))
    if _shown(early, zone) == local:
        return early * SECOND_US + moment.microsecond
    # The clocks go from before `local` to behind it, at an instant between the two readings of it.
    low, high = sorted((early, late))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _shown(middle, zone) < local else (low, middle)
    return high * SECOND_US


def _shown(instant_s: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(instant_s, UTC).astimezone(zone).replace(tzinfo=None, fold=0)


def places(shifts: Sequence[Shift], members: Members) -> list[tuple[Shift, Sequence[AgentId]]]:
    """Return each shift with its persons: a group's members, shift after shift."""
    taken: dict[str, int] = {}
    found = []
    for shift in shifts:
        first = taken.get(shift.group, 0)
        taken[shift.group] = first + shift.count
        found.append((shift, members[shift.group][first : first + shift.count]))
    return found


def hours(shift: Shift, span: Span) -> Iterator[Worked]:
    """Yield each time that the shift is worked within a span, whole also where the span cuts it."""
    day = datetime.fromtimestamp(span.start_us // SECOND_US, span.zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(span.end_us // SECOND_US, span.zone).date()
    while day <= last:
        if day.weekday() in shift.weekdays:
            from_us = _at(day, shift.from_s, span.zone)
            until_s = shift.to_s if shift.to_s > shift.from_s else shift.to_s + DAY_S
            to_us = _at(day, until_s, span.zone)
            if max(from_us, span.start_us) < min(to_us, span.end_us):
                yield Worked(day, from_us, to_us)
        day += timedelta(days=1)


def duties(shifts: Sequence[Shift], members: Members, span: Span, seed: int) -> list[Duty]:
    """Return all duties of a run, each person's in order; those that meet are one.

    Cost: O(persons × days).
    """
    found: list[Duty] = []
    for shift, persons in places(shifts, members):
        place: dict[AgentId, int] = {}
        """Of each person's last duty in `found`."""
        for worked in hours(shift, span):
            comes_us = _comes_us(shift, worked, seed)
            for number, agent_id in enumerate(persons):
                duty = _duty(shift, worked, span, (number, agent_id, comes_us[number]))
                before = found[place[agent_id]] if agent_id in place else None
                if before is not None and _meet(before, duty):
                    breaks = (*before.breaks, *duty.breaks)
                    found[place[agent_id]] = before._replace(to_us=duty.to_us, breaks=breaks)
                else:
                    place[agent_id] = len(found)
                    found.append(duty)
    return found


def _meet(before: Duty, duty: Duty) -> bool:
    """Return whether a person goes on working: both are worked, and the second at once."""
    return before.comes_us < before.to_us == duty.comes_us < duty.to_us


def _comes_us(shift: Shift, worked: Worked, seed: int) -> list[int]:
    """Return when each person comes; of those who do not, the end of the shift."""
    if not shift.absence and not shift.late_share:
        return [worked.from_us] * shift.count

    def drawn(purpose: str) -> np.random.Generator:
        return generator(seed, shift.name, purpose, block=worked.day.toordinal())

    # The first n of more draws are the draws of n, so a larger shift keeps whom it had.
    absent = drawn("absent").random(shift.count) < shift.absence
    late = drawn("late").random(shift.count) < shift.late_share
    by_us = np.rint(drawn("late by").standard_exponential(shift.count) * shift.late_mean_us)
    comes_us = worked.from_us + np.where(late, by_us, 0).astype(np.int64)
    comes_us = np.where(absent, worked.to_us, np.minimum(comes_us, worked.to_us))
    return [int(one) for one in comes_us]


def _duty(shift: Shift, worked: Worked, span: Span, person: tuple[int, AgentId, int]) -> Duty:
    """Return what a person (his number in the shift, id, and when he comes) works of a shift."""
    number, agent_id, comes_us = person
    to_us = min(worked.to_us, span.end_us)
    breaks = []
    for one in shift.breaks:
        due_us = worked.from_us + (one.after_us or 0)
        if one.at_s is not None:
            due_us = _at(worked.day, _after(one.at_s, shift.from_s), span.zone)
        due_us += one.within_us * number // shift.count
        # One that is under way at the start has its rest; one before he comes has lapsed.
        cut_us = max(due_us, span.start_us)
        left_us = due_us + one.length_us - cut_us
        if comes_us <= due_us and cut_us < to_us and left_us > 0:
            breaks.append(Due(cut_us, left_us, one.reason))
    return Duty(
        agent_id,
        shift.group,
        max(worked.from_us, span.start_us),
        min(max(comes_us, span.start_us), to_us),
        to_us,
        tuple(sorted(breaks)),
    )


def _after(time_s: int, from_s: int) -> int:
    """Return a local time of a shift, counted from the midnight before the shift begins."""
    return time_s if time_s >= from_s else time_s + DAY_S


def _at(day: date, time_s: int, zone: ZoneInfo) -> int:
    return instant_us(datetime.combine(day, time()) + timedelta(seconds=time_s), zone)

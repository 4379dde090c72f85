"""What the tables of who works must agree in, and the values that come of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from acd.errors import shown
from acd.ids import Channel
from acd.mistakes import KeyPath, Mistake
from acd.settings import SECOND_US, DomainSettings
from sim.roster import DAY_S, AtEnd, Break, Leave, Rules, Shift
from sim.scenario_file import ScenarioTable
from sim.scenario_kinds import NAME, STAFF_MAX, rows_in, table_in
from sim.shrinkage import on_floor_of, scheduled_for
from sim.staffing_file import BreakTable, Day, Figures, RulesTable, ShiftTable

_SHIFTS: Final[KeyPath] = ("scenario", "shifts")
_RULES: Final[KeyPath] = ("scenario", "staffing_rules")
_HEADCOUNT_ONLY: Final = {
    "figures": "no such key, since the group has shifts, which are scheduled",
    "shrinkage": "no such key, since the group has shifts: `absence` and `breaks` of them",
}


def sizes_in(raw: Mapping[str, Any]) -> dict[str, int]:
    """Return how many members each group gets, whatever is wrong with the raw `[scenario]`.

    Of a headcount the most who are on the floor at one time; of shifts all their persons. At least
    one, who then never works: a queue is served by somebody, though nobody may be there.
    """
    found = {}
    for group, line in table_in(raw, "staffing").items():
        most = _most(line if isinstance(line, list) else [line])
        rules = table_in(table_in(raw, "staffing_rules"), group)
        share, figures = rules.get("shrinkage"), rules.get("figures")
        if figures == Figures.SCHEDULED and isinstance(share, float) and 0 <= share < 1:
            most = on_floor_of(most, share)
        found[group] = max(most, 1)
    return found | {group: max(count, 1) for group, count in _persons_in(raw).items()}


def _persons_in(raw: Mapping[str, Any]) -> dict[str, int]:
    """Return how many persons each group has by its shifts; a wrong number counts as one."""
    found: dict[str, int] = {}
    for row in rows_in(raw, "shifts"):
        group = row.get("group")
        if isinstance(group, str):
            found[group] = found.get(group, 0) + _most([row.get("count")])
    return found


def _most(counts: Sequence[object]) -> int:
    """Return the largest number of members among some; 1 where none is right."""
    right = [one for one in counts if type(one) is int and 0 <= one <= STAFF_MAX]
    return max(right, default=1)


def across(raw: Mapping[str, Any], groups: Sequence[str]) -> Iterator[Mistake]:
    """Yield mistakes that show only between keys of the raw table `[scenario]`.

    Args:
        raw: The table, whatever is wrong with it.
        groups: Those that are declared.
    """
    by_shift, staffing = _persons_in(raw), table_in(raw, "staffing")
    names: set[str] = set()
    for number, row in enumerate(rows_in(raw, "shifts")):
        name, group = row.get("name"), row.get("group")
        if isinstance(name, str) and not NAME.fullmatch(name):
            wanted = "1 to 24 letters, digits, `_` and `-`"
            yield Mistake((*_SHIFTS, number, "name"), f"is {shown(name)}", wanted)
        elif isinstance(name, str):
            if name in names:
                yield Mistake((*_SHIFTS, number, "name"), f"is {shown(name)} again", "a new name")
            names.add(name)
        if isinstance(group, str) and group not in groups:
            wanted = "a group declared in [groups]"
            yield Mistake((*_SHIFTS, number, "group"), f"is {shown(group)}", wanted)
    for group in staffing:
        if group in by_shift:
            wanted = "either a headcount here or [[scenario.shifts]]"
            yield Mistake(("scenario", "staffing", group), "has shifts too", wanted)
    for group, rules in table_in(raw, "staffing_rules").items():
        path = (*_RULES, group)
        if group not in groups:
            yield Mistake(path, "is not a group", "a group declared in [groups]")
        elif group not in staffing and group not in by_shift:
            wanted = "a group of [scenario.staffing] or [[scenario.shifts]]"
            yield Mistake(path, "has no staffing", wanted)
        if isinstance(rules, dict):
            has_shifts = group in by_shift and group not in staffing
            yield from _together(path, rules, has_shifts=has_shifts)


def _together(path: KeyPath, rules: dict[str, Any], *, has_shifts: bool) -> Iterator[Mistake]:
    """Yield mistakes between the keys of a group's rules."""
    if has_shifts:
        for key, wanted in _HEADCOUNT_ONLY.items():
            if key in rules:
                yield Mistake((*path, key), "is given", wanted)
        if rules.get("leave") == Leave.HEADCOUNT:
            wanted = "`person`, since each has a shift of his own"
            yield Mistake((*path, "leave"), "is `headcount`", wanted)
    elif "shrinkage" in rules and "figures" not in rules:
        wanted = "what the headcount's figures are, `scheduled` or `on_floor`"
        yield Mistake((*path, "figures"), "is missing", wanted)
    elif "figures" in rules and "shrinkage" not in rules:
        wanted = "a share, since `figures` says what to make of it"
        yield Mistake((*path, "shrinkage"), "is missing", wanted)
    if table_in(rules, "at_end").get(Channel.VOICE) == AtEnd.HAND_BACK:
        wanted = "`finish`, since a conversation is not laid back into a queue"
        yield Mistake((*path, "at_end", Channel.VOICE), "is `hand_back`", wanted)


def within(shifts: Sequence[ShiftTable], settings: DomainSettings | None) -> Iterator[Mistake]:
    """Yield mistakes of shifts whose keys are right each by itself.

    Args:
        shifts: The tables.
        settings: The routing part, whose reasons are known; None: it has mistakes.
    """
    for number, shift in enumerate(shifts):
        path = (*_SHIFTS, number)
        from_s, to_s = shift.hours
        if from_s in {to_s, DAY_S}:
            wanted = "hours that end at another time, like 22:00-06:00 over midnight"
            wanted = wanted if from_s == to_s else "hours that begin before 24:00"
            yield Mistake((*path, "hours"), f"is `{_clock(from_s)}-{_clock(to_s)}`", wanted)
            continue
        for day in dict.fromkeys(shift.days):
            if shift.days.count(day) > 1:
                yield Mistake((*path, "days"), f"has `{day}` twice", "each day once")
        for place, one in enumerate(shift.breaks):
            yield from _break((*path, "breaks", place), one, shift)
            reasons = settings.not_ready_reasons if settings is not None else ()
            if reasons and one.reason and one.reason not in reasons:
                wanted = "a reason that domain.not_ready_reasons names"
                yield Mistake((*path, "breaks", place, "reason"), f"is {shown(one.reason)}", wanted)


def _break(path: KeyPath, one: BreakTable, shift: ShiftTable) -> Iterator[Mistake]:
    if (one.at is None) == (one.after_us is None):
        seen = "has at and after_min" if one.at is not None else "has no beginning"
        yield Mistake(path, seen, "one of at, after_min")
        return
    from_s, to_s = shift.hours
    shift_us = ((to_s - from_s) % DAY_S or DAY_S) * SECOND_US
    due_us = one.after_us
    if one.at is not None:
        due_us = (one.at - from_s) % DAY_S * SECOND_US
    assert due_us is not None
    if due_us + one.within_us + one.length_us > shift_us:
        wanted = f"one between {_clock(from_s)} and {_clock(to_s)}"
        more = ", also for who goes last within `within_min`" if one.within_us else ""
        yield Mistake(path, "lies outside the shift", wanted + more)


def _clock(time_s: int) -> str:
    return f"{time_s // 3600:02}:{time_s // 60 % 60:02}"


# --- from tables to values -----------------------------------------------------------------------


def staffing_of(
    table: ScenarioTable,
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Return who is on the floor, by group and interval, and who is scheduled where more are."""
    on_floor = {group: tuple(line) for group, line in table.staffing.items()}
    scheduled: dict[str, tuple[int, ...]] = {}
    for group, rules in table.staffing_rules.items():
        if rules.shrinkage is None:
            continue
        given = on_floor[group]
        if rules.figures is Figures.SCHEDULED:
            scheduled[group] = given
            on_floor[group] = tuple(on_floor_of(one, rules.shrinkage) for one in given)
        else:
            scheduled[group] = tuple(scheduled_for(one, rules.shrinkage) for one in given)
    return on_floor, scheduled


def shift_of(table: ShiftTable) -> Shift:
    """Return the shift that a table says."""
    days = [*Day]
    late = table.late
    return Shift(
        name=table.name,
        group=table.group,
        count=table.count,
        from_s=table.hours[0],
        to_s=table.hours[1],
        weekdays=tuple(sorted(days.index(day) for day in table.days)),
        breaks=tuple(
            Break(
                length_us=one.length_us,
                at_s=one.at,
                after_us=one.after_us,
                within_us=one.within_us,
                reason=one.reason,
            )
            for one in table.breaks
        ),
        absence=table.absence,
        late_share=late.share if late else 0.0,
        late_mean_us=late.mean_us if late else 0,
    )


def rules_of(table: RulesTable) -> Rules:
    """Return how the members of a group are scheduled, and how they leave."""
    handed_back = (channel for channel, how in table.at_end.items() if how is AtEnd.HAND_BACK)
    return Rules(
        shrinkage=table.shrinkage or 0.0,
        leave=table.leave or Leave.HEADCOUNT,
        hand_back=frozenset(handed_back),
    )

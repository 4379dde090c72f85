"""What a run found, as tables for a terminal and as JSON; `sim.page` makes the HTML file.

All are functions of the result alone: no clock, no paths, no timings, so that one seed gives
the same bytes on each run.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
from rich import box
from rich.console import Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from acd.errors import printable
from acd.figures import Figures, Report, Row, Team
from acd.settings import SECOND_US
from sim import coverage
from sim.json_text import json_text
from sim.result import Result
from sim.time_book import PaidTime, together
from sim.workload import HOUR_US, Scenario

NOTHING: Final = "–"
"""Shown where nothing was measured: nobody came, so there is no share and no mean."""


class Column(NamedTuple):
    """One column of the table, and what it means."""

    title: str
    meaning: str


COLUMNS: Final = (
    Column("Queue", ""),
    Column("Channel", ""),
    Column("Offered", "contacts that entered the queue"),
    Column("Answered", "contacts connected with an agent"),
    Column("Abandoned", "customers who left before they were connected"),
    Column(
        "Waiting",
        "still waiting at the end: offered = answered + abandoned + waiting, and whoever is called "
        "back, overflowed or was turned away",
    ),
    Column("Service level", "share served within the threshold; see the definitions"),
    Column("ASA", "average speed of answer: mean wait of the answered"),
    Column("Wait p50", "half of the answered waited at most this long"),
    Column("Wait p95", "95 % of the answered waited at most this long"),
    Column("AHT", "average handling time, wrap-up included"),
    Column("Occupancy", "busy time ÷ (busy + idle time) of the agents who serve queue and channel"),
)
WIDTH: Final = 160
"""Characters in which the table finds room."""
TEXT_COLUMNS: Final = 2
"""How many of the columns, from the left, are names and not figures."""


def table_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield the table's cells, one queue and channel at a time."""
    for row in report.rows:
        total = row.total
        yield (
            row.queue,
            row.channel.replace("_", " "),
            f"{total.offered:,}",
            f"{total.answered:,}",
            abandoned(total),
            f"{total.waiting:,}" if total.waiting else NOTHING,
            service_level(row),
            duration(total.asa_s),
            duration(row.wait_p50_s),
            duration(row.wait_p95_s),
            duration(total.aht_s),
            percent(total.occupancy),
        )


def team_rows(result: Result) -> Iterator[tuple[str, ...]]:
    """Yield each group's agents, occupancy, and what became of its time; last, all of them.

    A group that is scheduled, but never on the floor, has no agents, and a row all the same.
    """
    report = result.report
    teams = {team.name: team for team in report.groups}
    for paid in result.paid:
        yield _team_row(paid.group or "all", teams.get(paid.group), paid, report)
    yield _team_row("all", report.total, together(result.paid), report)


def _team_row(name: str, team: Team | None, paid: PaidTime, report: Report) -> tuple[str, ...]:
    busy_us = team.total.busy_us if team else 0
    idle_us = team.total.idle_us if team else 0
    at_work = (busy_us + idle_us) / max(report.to_us - report.from_us, 1)
    return (
        name,
        f"{team.agents if team else 0}",
        f"{at_work:.1f}",
        percent(team.total.occupancy if team else None),
        hours(paid.scheduled_us),
        hours(paid.worked_us),
        hours(paid.break_us),
        hours(paid.absent_us),
        hours(paid.overtime_us),
    )


TEAM_COLUMNS: Final = (
    Column("Group", ""),
    Column("Members", "how many the group has; by headcount, at most at one time"),
    Column("At work", "time average of those busy or ready"),
    Column("Occupancy", "busy time ÷ (busy + idle time)"),
    Column("Scheduled", "planned hours of all members: worked + breaks + absent"),
    Column("Worked", "of the scheduled: there, and not on a break"),
    Column("Breaks", "of the scheduled: on breaks, in meetings and trainings"),
    Column("Absent", "of the scheduled: absent, late, or shrinkage"),
    Column("Overtime", "beside the scheduled: finishing what was in hand"),
)


CUSTOMER_COLUMNS: Final = (
    Column("Stream", ""),
    Column("Customers", "who came, each once, however often he called"),
    Column("Attempts", "mean number of calls of a customer"),
    Column("Served", "share of customers connected with an agent, of those served or lost"),
    Column("Lost", "customers who were not served and do not call again"),
    Column("Under way", "who at the end wait, are to be called back, or are about to call again"),
    Column("Abandoned", "attempts that ended because the customer had waited long enough"),
    Column("Balked", "attempts that ended when the customer heard how long he would wait"),
    Column("Turned away", "attempts that a limit or a rule of the queue ended"),
    Column("Service level", "share served within the threshold, of those served or lost"),
    Column("Wait", "mean wait of the served, as the scenario's customer_wait says"),
)


def customer_rows(result: Result) -> Iterator[tuple[str, ...]]:
    """Yield what became of the customers of each stream who may balk or call again."""
    for each in result.customers:
        yield (
            each.stream,
            f"{each.customers:,}",
            NOTHING if each.attempts_each is None else f"{each.attempts_each:.2f}",
            percent(each.served_share),
            f"{each.lost:,}",
            f"{under_way:,}" if (under_way := each.waiting + each.pausing) else NOTHING,
            f"{each.abandoned:,}",
            f"{each.balked:,}",
            f"{each.turned_away:,}",
            percent(each.service_level),
            duration(each.wait_s),
        )


CALLBACK_COLUMNS: Final = (
    Column("Queue", ""),
    Column("Callbacks", "customers who left the line to be called back, and count as nothing else"),
    Column("Calls", "how often they were called"),
    Column("Reached", "of the callbacks: connected with an agent"),
    Column("Not reached", "of the callbacks: called in vain as often as the queue calls"),
    Column("Open", "of the callbacks: still to be called, or being called, at the end"),
)


def callback_rows(result: Result) -> Iterator[tuple[str, ...]]:
    """Yield what became of the callbacks of each queue that calls back."""
    for each in result.callbacks:
        counts = (each.promised, each.calls, each.reached, each.not_reached, each.open)
        yield (each.queue, *(f"{count:,}" if count else NOTHING for count in counts))


def table(scenario: Scenario, seed: int, result: Result) -> Group:
    """Return the tables for a terminal; they are plain text where the output is none."""

    def of(columns: tuple[Column, ...], rows: Iterator[tuple[str, ...]], names: int) -> Table:
        made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for number, column in enumerate(columns):
            justify: JustifyMethod = "left" if number < names else "right"
            made.add_column(column.title, justify=justify, no_wrap=True)
        for row in rows:
            # As `Text`: names come from files, and rich reads markup in a plain `str`.
            made.add_row(*(Text(printable(cell)) for cell in row))
        return made

    report = result.report
    return Group(
        Text(f"{printable(scenario.title)}, seed {seed}: {contacts(result.arrived)}"),
        of(COLUMNS, table_rows(report), TEXT_COLUMNS),
        of(TEAM_COLUMNS, team_rows(result), 1),
        *([of(CUSTOMER_COLUMNS, customer_rows(result), 1)] if result.customers else []),
        *([of(CALLBACK_COLUMNS, callback_rows(result), 1)] if result.callbacks else []),
        Text("\n".join(map(printable, notes(scenario, report)))),
    )


def notes(scenario: Scenario, report: Report) -> list[str]:
    """Return what a reader must know to read the figures, as sentences."""
    said = [
        (
            "Service level: share of contacts connected within the threshold, of those answered, "
            f"abandoned or waiting beyond it (definitions {report.definition_digest[:12]})."
        )
    ]
    if report.provisional:
        said.append("Somebody still waits at the end, so the figures are provisional.")
    return [*said, *staffing_notes(scenario)]


def staffing_notes(scenario: Scenario) -> list[str]:
    """Return when contacts come and nobody is there for them, as sentences."""
    return [f"{clause[0].upper()}{clause[1:]}." for clause in coverage.told(scenario)]


def as_json(scenario: Scenario, seed: int, result: Result, **further: object) -> str:
    """Return everything that was measured, keys sorted; times in microseconds or as named.

    Args:
        scenario: What was run.
        seed: With which seed.
        result: What it found.
        further: Other keys.
    """
    facts: dict[str, Any] = {
        "arrived": result.arrived,
        "callbacks": msgspec.to_builtins(result.callbacks),
        "customers": msgspec.to_builtins(result.customers),
        "paid": msgspec.to_builtins(result.paid),
        "report": msgspec.to_builtins(result.report),
        "seed": seed,
        "settings_digest": scenario.settings.digest(),
        "steps": result.steps,
        "time_zone": scenario.time_zone,
        "title": scenario.title,
        **further,
    }
    return json_text(facts)


def contacts(count: int) -> str:
    """Return how many contacts, in words.

    >>> contacts(0), contacts(1), contacts(1_200)
    ('0 contacts', '1 contact', '1,200 contacts')
    """
    return f"{count:,} contact{'' if count == 1 else 's'}"


def abandoned(total: Figures) -> str:
    """Return how many left, and their share of the offered.

    The share is what tells a bad day from a large one.
    """
    if not total.abandoned:
        return NOTHING
    return f"{total.abandoned:,} ({percent(total.abandonment_all)})"


def service_level(row: Row) -> str:
    """Return the service level with its threshold, like `81.1 % in 20 s`."""
    return f"{percent(row.total.service_level)} in {round_duration(row.threshold_us)}"


def hours(time_us: int) -> str:
    """Return a sum of hours; a dash where there is none."""
    return f"{time_us / HOUR_US:,.2f} h" if time_us else NOTHING


def percent(share: float | None) -> str:
    """Return a share as a percentage.

    >>> percent(0.8114), percent(None)
    ('81.1 %', '–')
    """
    return NOTHING if share is None else f"{100 * share:.1f} %"


def duration(seconds: float | None) -> str:
    """Return a time with three digits at most before the point, in the unit that fits it.

    >>> duration(4.26), duration(240), duration(5_400), duration(20_000), duration(None)
    ('4.3 s', '240.0 s', '90.0 min', '5.6 h', '–')
    """
    if seconds is None:
        return NOTHING
    if seconds < 600:
        return f"{seconds:.1f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def round_duration(duration_us: int) -> str:
    """Return a threshold in the largest unit in which it is a whole number.

    >>> round_duration(20_000_000), round_duration(14_400_000_000), round_duration(1_500_000)
    ('20 s', '4 h', '1.5 s')
    """
    for unit_us, name in ((3600 * SECOND_US, "h"), (60 * SECOND_US, "min")):
        if duration_us >= unit_us and duration_us % unit_us == 0:
            return f"{duration_us // unit_us} {name}"
    return f"{duration_us / SECOND_US:g} s"

"""A proposed staffing as tables for a terminal and as JSON: functions of the proposal alone."""

from datetime import datetime
from math import isnan
from zoneinfo import ZoneInfo

from msgspec import to_builtins
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from acd.errors import printable
from sim.json_text import json_text
from sim.proposal import Missed, Proposal
from sim.report import NOTHING
from sim.shrinkage import scheduled_for
from sim.study_table import table as study_table
from sim.workload import SECOND_US, Scenario


def table(day: Scenario, found: Proposal, shrinkage: float = 0.0) -> Group:
    """Return the plan, what is to be said of it, and the runs that confirm it.

    Args:
        day: The scenario that was asked about.
        found: What is proposed for it.
        shrinkage: Share of the paid time that agents are not there, from 0 to below 1.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for title in columns(found, shrinkage):
        made.add_column(printable(title), justify="right" if made.columns else "left")
    for row in rows(day, found, shrinkage):
        made.add_row(*row)
    said = map(Text, sentences(found))
    return Group(made, *said, Text(), study_table(found.confirmed))


def columns(found: Proposal, shrinkage: float = 0.0) -> tuple[str, ...]:
    """Return the titles of the plan's columns."""
    titles = ("From", *found.staffing, "All", "At least")
    return (*titles, "Scheduled") if shrinkage else titles


def rows(day: Scenario, found: Proposal, shrinkage: float = 0.0) -> list[tuple[str, ...]]:
    """Return a row of texts for each interval of the plan."""
    zone = ZoneInfo(day.time_zone)
    made = []
    for interval, counts in enumerate(zip(*found.staffing.values(), strict=True)):
        at = datetime.fromtimestamp((day.start_us + interval * day.interval_us) / SECOND_US, zone)
        bound = NOTHING
        if found.least is not None:
            bound = str(sum(counts[interval] for counts in found.least.values()))
        cells = [f"{at:%H:%M}", *map(str, counts), str(sum(counts)), bound]
        if shrinkage:
            cells.append(str(sum(scheduled_for(count, shrinkage) for count in counts)))
        made.append(tuple(cells))
    return made


def sentences(found: Proposal) -> list[str]:
    """Return what is to be said of a proposal, honestly."""
    runs = len(found.confirmed.samples)
    said = [
        f"Cannot be met, with agents in abundance: {_reached(one)}." for one in found.impossible
    ]
    said += [f"Missed with fresh seeds: {_reached(one)}." for one in found.missed]
    if not said:
        said.append(
            f"All objectives are met by the means of {runs} runs that the search had not seen."
        )
    load = "nobody serves some queue"
    if found.least_cost is not None:
        load = f"to serve everybody takes at least {found.least_cost:g}, by the load alone"
    if found.impossible:
        said.append("What cannot be met was left out: there the plan is for all else alone.")
    moves = "taking one member away, or exchanging one or two for another, misses something"
    if found.missed:
        moves = "members were added while that helped, and none was saved"
    said.append(
        f"Cost {found.cost:g}, found by local search over {found.studies} plans: {moves}. It is "
        f"not proven to be the best; {load}."
    )
    return said


def _reached(one: Missed) -> str:
    where = one.name if one.interval is None else f"{one.name} in interval {one.interval + 1}"
    return f"{where}, " + (
        "nobody was answered" if isnan(one.value) else f"reached {one.value:.4g}"
    )


def as_json(day: Scenario, found: Proposal, shrinkage: float = 0.0) -> str:
    """Return the plan and what is known of it; keys sorted."""
    facts = {
        "cost": found.cost,
        "impossible": to_builtins(found.impossible),
        "interval_us": day.interval_us,
        "least": found.least,
        "least_cost": found.least_cost,
        "missed": to_builtins(found.missed),
        "scheduled": {
            group: [scheduled_for(count, shrinkage) for count in counts]
            for group, counts in found.staffing.items()
        },
        "staffing": found.staffing,
        "start_us": day.start_us,
        "studies": found.studies,
    }
    return json_text(facts)

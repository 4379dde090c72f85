"""A proposed staffing as tables for a terminal and as JSON: functions of the proposal alone."""

from collections.abc import Iterator, Sequence
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
from sim.proposal import Missed, Proposal, Unreachable
from sim.report import NOTHING, staffing_notes
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
    return (*titles, "Scheduled") if shrinkage or found.confirmed.scenario.scheduled else titles


def rows(day: Scenario, found: Proposal, shrinkage: float = 0.0) -> list[tuple[str, ...]]:
    """Return a row of texts for each interval of the plan."""
    zone = ZoneInfo(day.time_zone)
    planned = list(zip(*scheduled(found, shrinkage).values(), strict=True))
    made = []
    for interval, counts in enumerate(zip(*found.staffing.values(), strict=True)):
        at = datetime.fromtimestamp((day.start_us + interval * day.interval_us) / SECOND_US, zone)
        bound = NOTHING
        if found.least is not None:
            bound = str(sum(counts[interval] for counts in found.least.values()))
        cells = [f"{at:%H:%M}", *map(str, counts), str(sum(counts)), bound]
        made.append((*cells, str(sum(planned[interval])))[: len(columns(found, shrinkage))])
    return made


def scheduled(found: Proposal, shrinkage: float = 0.0) -> dict[str, tuple[int, ...]]:
    """Return how many of each group must be scheduled in each interval.

    Args:
        found: What is proposed.
        shrinkage: Of groups that have none of their own in the scenario: their own counts.
    """
    own = found.confirmed.scenario.scheduled
    return {
        group: own.get(group) or tuple(scheduled_for(count, shrinkage) for count in counts)
        for group, counts in found.staffing.items()
    }


def sentences(found: Proposal) -> list[str]:
    """Return what is to be said of a proposal, honestly."""
    runs = len(found.confirmed.samples)
    said = [f"Never met: {text}." for text in _together(found.impossible)]
    said += [f"Missed with fresh seeds: {text}." for text in _together(found.missed)]
    if not found.missed:
        which = "Nothing else is missed" if found.impossible else "All objectives are met"
        said.append(f"{which} by the means of {runs} runs that the search had not seen.")
    if found.impossible:
        said.append(
            "What even agents in abundance miss is not asked for: the plan comes near what these "
            "reach, at least cost."
        )
    said += staffing_notes(found.confirmed.scenario)
    load = "nobody serves some queue"
    if found.least_cost is not None:
        load = f"to serve everybody takes at least {found.least_cost:g}, by the load alone"
    less = "misses more" if found.missed or found.impossible else "misses something"
    said.append(
        f"Cost {found.cost:g}, found by local search over {found.studies} plans: taking one member "
        f"away, or exchanging one or two for another, {less}. It is not proven to be the best; "
        f"{load}."
    )
    plan = found.confirmed.scenario
    if plan.scheduled:
        shares = [f"{group} {plan.rules[group].shrinkage:.3g}" for group in plan.scheduled]
        said.append(
            "The plan is of those on the floor; Scheduled counts who is away, too, by the "
            f"scenario's own shrinkage: {', '.join(shares)}."
        )
    return said


def _together(missed: Sequence[Missed]) -> Iterator[str]:
    """Yield what is to be said of each objective, its intervals together."""
    for objective in dict.fromkeys(one.objective for one in missed):
        ones = [one for one in missed if one.objective == objective]
        at = [one.interval + 1 for one in ones if one.interval is not None]
        where = f" in interval{'s' * (len(at) > 1)} {_spans(at)}" if at else ""
        apart = [one for one in ones if isinstance(one, Unreachable)]
        if not apart:
            yield f"{objective}{where}, reached {_range([one.value for one in ones])}"
            continue
        agents = _range([one.agents for one in apart])
        yield (
            f"{objective}{where}, at best {_range([one.value for one in apart])} with {agents} "
            f"agents; {_range([one.proposed for one in apart])} as proposed"
        )


def _spans(numbers: Sequence[int]) -> str:
    """Return rising numbers as text, those that follow each other as spans: `1 to 3, 7`."""
    starts = [one for one in numbers if one - 1 not in numbers]
    ends = [one for one in numbers if one + 1 not in numbers]
    pairs = zip(starts, ends, strict=True)
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in pairs)


def _range(values: Sequence[float]) -> str:
    """Return from what to what numbers go."""
    known = [value for value in values if not isnan(value)]
    texts = (
        list(dict.fromkeys(f"{value:.4g}" for value in (min(known), max(known)))) if known else []
    )
    nobody = ["nobody answered"] if len(known) < len(values) else []
    return " or ".join([" to ".join(texts)] * bool(texts) + nobody)


def as_json(day: Scenario, found: Proposal, shrinkage: float = 0.0) -> str:
    """Return the plan and what is known of it; keys sorted."""
    facts = {
        "cost": found.cost,
        "impossible": to_builtins(found.impossible),
        "interval_us": day.interval_us,
        "least": found.least,
        "least_cost": found.least_cost,
        "missed": to_builtins(found.missed),
        "scheduled": scheduled(found, shrinkage),
        "staffing": found.staffing,
        "start_us": day.start_us,
        "studies": found.studies,
    }
    return json_text(facts)

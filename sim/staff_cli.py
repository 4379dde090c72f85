"""`acd sim staff`: the fewest or cheapest agents that meet all objectives."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acd.errors import shown as quoted
from sim.cli_kit import counter, must_be_writable, wide_console
from sim.json_text import json_text
from sim.questions import CHECK_FAILED, OK, place_of, require, runs, wanted
from sim.shrinkage import scheduled_for

if TYPE_CHECKING:
    from rich.console import Group

    from sim.proposal import Missed, Proposal
    from sim.requirement import Requirement
    from sim.workload import Scenario


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@require
@click.option(
    "--occupancy-max",
    type=click.FloatRange(0, 1, min_open=True),
    help="Greatest occupancy of each group.",
)
@click.option(
    "--abandonment-max",
    type=click.FloatRange(0, 1),
    help="Greatest share of each queue's customers that may leave.",
)
@click.option(
    "--cost", "costs", multiple=True, metavar="GROUP=COST", help="Of a member; 1 if not told."
)
@click.option(
    "--each",
    type=click.Choice(["interval", "day"]),
    default="interval",
    show_default=True,
    help="Whether objectives hold in each interval of the staffing, or over the day.",
)
@click.option(
    "--shrinkage",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    help="Share of the paid time that agents are not there: how many must be scheduled.",
)
@runs(replications=10)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the lines of [scenario.staffing] go.",
)
def staff(
    scenario: Path,
    *,
    requirements: tuple[str, ...],
    occupancy_max: float | None,
    abandonment_max: float | None,
    costs: tuple[str, ...],
    each: str,
    shrinkage: float,
    as_json: bool,
    output: Path | None,
    workers: int,
    cluster: str | None,
    **how: Any,  # noqa: ANN401
) -> int:
    """Find how many of each group SCENARIO needs, in each interval, to meet all objectives.

    The groups are those of its staffing, whatever their numbers there. Exit code 1 if something is
    missed.
    """
    from sim.scenario import load
    from sim.staff import staff as find

    if output is not None:
        must_be_writable(output)
    day = load(scenario)
    asked = [*wanted(requirements, day), *_limits(day, occupancy_max, abandonment_max)]
    run_all = place_of(workers, cluster)
    try:
        prices = dict(_cost(text) for text in costs)
        with counter(day.title) as counted:
            tell = None if counted is None else lambda done: counted(done, 0)
            found = find(
                day,
                asked,
                costs=prices,
                each_interval=each == "interval",
                run_all=run_all,
                progress=tell,
                **how,
            )
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error
    if as_json:
        click.echo(_json(day, found, shrinkage).encode(), nl=False)
    else:
        wide_console().print(_tables(day, found, shrinkage))
    if output is not None:
        lines = (f"{group} = {list(counts)}\n" for group, counts in found.staffing.items())
        output.write_text("".join(lines), encoding="utf-8")
        click.echo(f"Staffing: {output}", err=as_json)
    return CHECK_FAILED if found.missed or found.impossible else OK


def _limits(
    day: "Scenario", occupancy_max: float | None, abandonment_max: float | None
) -> list["Requirement"]:
    """Return the objectives that two options stand for."""
    from sim.requirement import Requirement, Sign

    found = []
    if occupancy_max is not None:
        found += [
            Requirement(f"group.{group}.occupancy", Sign.AT_MOST, occupancy_max)
            for group in day.staffing
        ]
    if abandonment_max is not None:
        places = dict.fromkeys(f"{one.queue}.{one.channel}" for one in day.streams)
        found += [
            Requirement(f"{place}.abandonment", Sign.AT_MOST, abandonment_max) for place in places
        ]
    return found


def _cost(text: str) -> tuple[str, float]:
    """Return what `GROUP=COST` says.

    Raises:
        ValueError: It is something else.
    """
    group, _, cost = text.rpartition("=")
    try:
        return group, float(cost)
    except ValueError:
        wanted = "GROUP=COST, like seniors=1.5"
        raise ValueError(f"cost: is {quoted(text)}; wanted {wanted}") from None


def _tables(day: "Scenario", found: "Proposal", shrinkage: float) -> "Group":
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from sim.study_table import table as study_table
    from sim.workload import SECOND_US

    zone = ZoneInfo(day.time_zone)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column("From")
    for group in found.staffing:
        made.add_column(group, justify="right")
    made.add_column("All", justify="right")
    made.add_column("At least", justify="right")
    if shrinkage:
        made.add_column("Scheduled", justify="right")
    for interval in range(day.intervals):
        at = datetime.fromtimestamp((day.start_us + interval * day.interval_us) / SECOND_US, zone)
        counts = [counts[interval] for counts in found.staffing.values()]
        bound = "–"
        if found.least is not None:
            bound = str(sum(counts[interval] for counts in found.least.values()))
        cells = [*map(str, counts), str(sum(counts)), bound]
        if shrinkage:
            cells.append(str(sum(scheduled_for(count, shrinkage) for count in counts)))
        made.add_row(f"{at:%H:%M}", *cells)
    return Group(made, *map(Text, _sentences(found)), Text(), study_table(found.confirmed))


def _sentences(found: "Proposal") -> list[str]:
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
    said.append(
        f"Cost {found.cost:g}, found by local search over {found.studies} plans: taking one member "
        "away, or exchanging one or two for another, misses something. It is not proven to be the "
        f"best; {load}."
    )
    return said


def _reached(one: "Missed") -> str:
    where = one.name if one.interval is None else f"{one.name} in interval {one.interval + 1}"
    return f"{where}, " + (
        "nobody was answered" if isnan(one.value) else f"reached {one.value:.4g}"
    )


def _json(day: "Scenario", found: "Proposal", shrinkage: float) -> str:
    from msgspec import to_builtins

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

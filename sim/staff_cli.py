"""`acd sim staff`: the fewest or cheapest agents that meet all objectives."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acd.errors import shown as quoted
from sim.cli_kit import (
    Number,
    counter,
    must_be_writable,
    must_have_places,
    wide_console,
    write,
)
from sim.questions import CHECK_FAILED, OK, place_of, require, runs, saved, saves, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.proposal import Proposal
    from sim.requirement import Requirement
    from sim.workload import Scenario


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@require
@click.option(
    "--occupancy-max",
    type=Number(0, 1, min_open=True),
    help="Greatest occupancy of each group.",
)
@click.option(
    "--abandonment-max",
    type=Number(0, 1),
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
    type=Number(0, 1, max_open=True),
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
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write an HTML file."
)
@saves
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
    report: Path | None,
    save: Path | None,
    workers: int,
    cluster: str | None,
    **how: Any,  # noqa: ANN401
) -> int:
    """Find how many of each group SCENARIO needs, in each interval, to meet all objectives.

    The groups are those of its staffing, whatever their numbers there. Exit code 1 if something is
    missed.
    """
    from sim import staff_table as tables
    from sim.scenario import load
    from sim.staff import staff as find

    if output is not None:
        must_be_writable(output, scenario)
    must_have_places(report, save, scenario)
    day = load(scenario)
    _refuse_twice(day, shrinkage)
    asked = [*wanted(requirements, day), *_limits(day, occupancy_max, abandonment_max)]
    run_all = place_of(workers, cluster)
    try:
        prices = _costs(costs)
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
        click.echo(tables.as_json(day, found, shrinkage).encode(), nl=False)
    else:
        wide_console().print(tables.table(day, found, shrinkage))
    if output is not None:
        write(output, "".join(_lines(day, found)), "Staffing", as_json=as_json)
    if report is not None:
        from sim.staff_page import staff_page

        write(report, staff_page(day, found, shrinkage), "Report", as_json=as_json)
    saved(found, save, as_json=as_json)
    return CHECK_FAILED if found.missed or found.impossible else OK


def _refuse_twice(day: "Scenario", shrinkage: float) -> None:
    """Refuse to count who is away a second time.

    Raises:
        click.UsageError: The scenario has shrinkage of its own.
    """
    if shrinkage and day.scheduled:
        own = ", ".join(f"{group} {day.rules[group].shrinkage:g}" for group in day.scheduled)
        wanted = "it in scenario.staffing_rules of each group, or in none"
        raise click.UsageError(f"--shrinkage: the scenario has its own: {own}; wanted {wanted}")


def _lines(day: "Scenario", found: "Proposal") -> "Iterator[str]":
    """Yield the lines of `[scenario.staffing]`, and whose figures they are with shrinkage."""
    for group, counts in found.staffing.items():
        key = _key(group)
        if group in day.scheduled:
            yield f'# on the floor, as with `figures = "on_floor"` in staffing_rules.{key}\n'
        yield f"{key} = {list(counts)}\n"


def _key(name: str) -> str:
    """Return a name as a key of TOML, in quotes if it needs any: those of JSON are TOML's, too.

    >>> _key("day"), _key("day shift")
    ('day', '"day shift"')
    """
    is_bare = name.isascii() and name.replace("-", "_").replace("_", "a").isalnum()
    return name if is_bare else json.dumps(name, ensure_ascii=False)


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


def _costs(texts: tuple[str, ...]) -> dict[str, float]:
    """Return what members cost, by group.

    Raises:
        ValueError: A text is something else, or a group has two.
    """
    found: dict[str, float] = {}
    for group, cost in map(_cost, texts):
        if group in found:
            raise ValueError(f"cost: {quoted(group)} has two; wanted one")
        found[group] = cost
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

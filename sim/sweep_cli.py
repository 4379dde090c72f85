"""`acd sim sweep` and `acd sim peak`: a grid of changes, and the load at which a plan breaks."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli_kit import Number, counter, must_have_places, wide_console
from sim.json_text import json_text
from sim.questions import CHECK_FAILED, OK, held_to, place_of, require, runs, saved, saves, wanted

if TYPE_CHECKING:
    from rich.table import Table

    from sim.sweep import Breaking, Grid
    from sim.workload import Scenario

SHOWN = ("service_level", "abandonment", "asa_s")
"""Measures of the table where none are asked for."""


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--vary",
    multiple=True,
    required=True,
    metavar="NAME=VALUE,VALUE…",
    help="load, load.STREAM (factors) or staffing.GROUP (members, or +1 for one more); several "
    "make a grid.",
)
@click.option(
    "--show", "figures", multiple=True, metavar="NAME", help="Figures of the table, like asa_s."
)
@runs(replications=5)
@click.option("--json", "as_json", is_flag=True, help="Print every figure of every point, as JSON.")
@saves
@require
def sweep(
    scenario: Path,
    *,
    vary: tuple[str, ...],
    figures: tuple[str, ...],
    as_json: bool,
    save: Path | None,
    requirements: tuple[str, ...],
    workers: int,
    cluster: str | None,
    **how: Any,  # noqa: ANN401
) -> int:
    """Run SCENARIO over a grid of changes. Exit code 1 if no point keeps what is required."""
    from sim.scenario import load
    from sim.sweep import sweep as sweep_all
    from sim.variation import parse_knob

    must_have_places(None, save)
    day = load(scenario)
    asked = wanted(requirements, day)
    _refuse_unknown(figures, day)
    run_all = place_of(workers, cluster)
    try:
        knobs = [parse_knob(text) for text in vary]
        with counter(day.title) as counted:
            found = sweep_all(day, knobs, run_all=run_all, progress=counted, **how)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error
    keep = [all(one.is_met for one in held_to(point.study, asked)) for point in found.points]
    if as_json:
        click.echo(_sweep_json(found, keep).encode(), nl=False)
    else:
        wide_console().print(_sweep_table(found, keep if asked else None, figures or SHOWN))
    saved(found, save, as_json=as_json)
    return OK if any(keep) else CHECK_FAILED


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@require
@click.option(
    "--tolerance",
    type=Number(0.001, 1, max_open=True),
    default=0.01,
    show_default=True,
    help="How near each other the loads are in the end, of which one holds and one breaks.",
)
@runs(replications=10)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def peak(
    scenario: Path,
    *,
    requirements: tuple[str, ...],
    as_json: bool,
    workers: int,
    cluster: str | None,
    **how: Any,  # noqa: ANN401
) -> int:
    """Find the load at which SCENARIO breaks each objective, as a factor of its own.

    Exit code 1 if an objective is missed at the plan's own load.
    """
    from sim.scenario import load
    from sim.sweep import peak as find_peak

    day = load(scenario)
    asked = wanted(requirements, day)
    run_all = place_of(workers, cluster)
    try:
        with counter(day.title) as counted:
            tell = None if counted is None else lambda _load: counted(0, 0)
            found = find_peak(day, asked, run_all=run_all, progress=tell, **how)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error
    if as_json:
        click.echo(_peak_json(found).encode(), nl=False)
    else:
        wide_console().print(_peak_table(found))
    return OK if all(one.breaks is None or one.breaks > 1 for one in found) else CHECK_FAILED


def _refuse_unknown(figures: Sequence[str], day: "Scenario") -> None:
    """Tell before the runs that none of them can have a figure that is to be shown.

    Raises:
        click.UsageError: There is one, with the nearest.
    """
    from sim.study import names_of, no_figure

    names = names_of(day)
    known = dict.fromkeys((*names, *(name.rpartition(".")[2] for name in names)))
    for one in figures:
        if one not in known:
            raise click.UsageError(f"--show: {no_figure(one, known)}")


def _sweep_table(found: "Grid", keep: list[bool] | None, names: Sequence[str]) -> "Table":
    """Return a line for each point, with the figures whose names are, or end in, what is asked."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from sim.report import NOTHING
    from sim.study_table import kind_of
    from sim.study_table import shown as figure

    def picked(known: Iterable[str]) -> list[str]:
        return [
            one for one in dict.fromkeys(known) if one in names or one.rpartition(".")[2] in names
        ]

    studies = [point.study for point in found.points]
    # What was measured; where nobody came what might have been, to be shown as nothing.
    chosen = picked(name for study in studies for name in study.names())
    chosen = chosen or picked(name for study in studies for name in study.measurable())
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for knob in found.knobs:
        table.add_column(knob, justify="right")
    for name in chosen:
        table.add_column(name.replace(".", " "), justify="right")
    if keep is not None:
        table.add_column("required")
    for place, point in enumerate(found.points):
        cells = [
            figure(point.study.estimate(name), kind_of(name))
            if name in point.study.measurable()
            else NOTHING
            for name in chosen
        ]
        if keep is not None:
            cells.append("met" if keep[place] else "not met")
        table.add_row(*map(Text, (*point.values, *cells)))
    return table


def _sweep_json(found: "Grid", keep: list[bool]) -> str:
    facts = [
        {
            "values": dict(zip(found.knobs, point.values, strict=True)),
            "keeps_requirements": kept,
            "digest": point.study.digest,
            "figures": {
                name: {"mean": one.mean, "half_width": one.half_width}
                for name in point.study.names()
                if (one := point.study.estimate(name)) is not None
            },
        }
        for point, kept in zip(found.points, keep, strict=True)
    ]
    return json_text(facts)


def _peak_table(found: Sequence["Breaking"]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Objective")
    for title in ("holds at", "breaks at", "surely holds at", "surely breaks at"):
        table.add_column(title, justify="right")
    for one in found:
        loads = (one.holds, one.breaks, one.surely_holds, one.surely_breaks)
        cells = ("–" if load is None else f"{load:.4g} ×" for load in loads)
        table.add_row(Text(str(one.requirement)), *map(Text, cells))
    return table


def _peak_json(found: Sequence["Breaking"]) -> str:
    facts = [
        {
            "objective": str(one.requirement),
            "name": one.name,
            "holds": one.holds,
            "breaks": one.breaks,
            "surely_holds": one.surely_holds,
            "surely_breaks": one.surely_breaks,
        }
        for one in found
    ]
    return json_text(facts)

"""`acd sim sweep` and `acd sim peak`: a grid of changes, and the load at which a plan breaks."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli_kit import Number, counter, must_have_places, wide_console
from sim.questions import CHECK_FAILED, OK, held_to, place_of, require, runs, saved, saves, wanted

if TYPE_CHECKING:
    from sim.workload import Scenario


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
    from sim.sweep_table import grid_json, grid_table
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
    verdicts = [held_to(point.study, asked) for point in found.points]
    if as_json:
        click.echo(grid_json(found, verdicts).encode(), nl=False)
    else:
        wide_console().print(grid_table(found, verdicts, figures))
    saved(found, save, as_json=as_json)
    keep = (all(one.is_met for one in of_point) for of_point in verdicts)
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
    seed: int,
    replications: int,
    **how: Any,  # noqa: ANN401
) -> int:
    """Find the load at which SCENARIO breaks each objective, as a factor of its own.

    Exit code 1 if an objective is missed at the plan's own load.
    """
    from sim.scenario import load
    from sim.sweep import peak as find_peak
    from sim.sweep_table import peak_json, peak_table
    from sim.variation import loaded

    day = load(scenario)
    asked = wanted(requirements, day)
    try:
        loaded(day, 1.0)
    except ValueError as error:
        raise click.UsageError(f"SCENARIO: {error}") from error
    run_all = place_of(workers, cluster)
    try:
        with counter(day.title) as counted:
            tell = None if counted is None else lambda _load: counted(0, 0)
            found = find_peak(
                day,
                asked,
                seed=seed,
                replications=replications,
                run_all=run_all,
                progress=tell,
                **how,
            )
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error
    if as_json:
        click.echo(peak_json(found).encode(), nl=False)
    else:
        wide_console().print(peak_table(found, replications=replications, seed=seed))
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

"""Commands that ask what if: `acd sim compare`; and what several commands ask alike."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sim.cli_kit import Number, counter, must_have_places, wide_console, write

if TYPE_CHECKING:
    from sim.answer import Answer
    from sim.requirement import Requirement, Verdict
    from sim.study import RunAll, Study
    from sim.workload import Scenario

OK = 0
CHECK_FAILED = 1

_Command = TypeVar("_Command", bound=Callable[..., Any])


def require(command: _Command) -> _Command:
    """Add the option `--require` to a command, as its argument `requirements`."""
    option = click.option(
        "--require",
        "requirements",
        multiple=True,
        metavar="NAME>=BOUND",
        help="Exit with 1 unless this holds on average, like billing.service_level>=0.8 or "
        "billing.voice.asa_s<=20.",
    )
    return option(command)


def places(command: _Command) -> _Command:
    """Add the options that say where runs happen: `--workers`, `--cluster`."""
    workers = click.option(
        "--workers",
        type=click.IntRange(1, 256),
        default=1,
        show_default=True,
        help="In how many processes.",
    )
    cluster = click.option(
        "--cluster", metavar="ADDRESS", help="On the Dask cluster of this scheduler."
    )
    return workers(cluster(command))


def saves(command: _Command) -> _Command:
    """Add the option `--save` to a command."""
    option = click.option(
        "--save",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Write the figures of each run as Parquet, and a manifest of what was run.",
    )
    return option(command)


def saved(answer: "Answer", save: Path | None, *, as_json: bool) -> None:
    """Save an answer if it is to be, and say so."""
    from sim.saving import save as save_answer

    if save is not None:
        save_answer(answer, save)
        click.echo(f"Saved: {save}", err=as_json)


def confident(command: _Command) -> _Command:
    """Add the option `--confidence`."""
    option = click.option(
        "--confidence",
        type=Number(0, 1, min_open=True, max_open=True),
        default=0.95,
        show_default=True,
        help="Of the intervals.",
    )
    return option(command)


def runs(*, replications: int) -> Callable[[_Command], _Command]:
    """Return what adds the options of a study: `--seed`, `--replications`, `--confidence`, where.

    Args:
        replications: How many runs where none are asked for.
    """
    seed = click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
    count = click.option(
        "--replications",
        type=click.IntRange(2, 10_000),
        default=replications,
        show_default=True,
        help="How many runs of each, the same customers in all.",
    )
    return lambda command: seed(count(confident(places(command))))


def wanted(requirements: tuple[str, ...], of: "Scenario | None" = None) -> list["Requirement"]:
    """Return what the options `--require` say, of a scenario if that is known yet.

    Raises:
        click.UsageError: One is wrong, or names what no run of the scenario can have.
    """
    from sim.requirement import parse_requirement
    from sim.study import names_of

    try:
        found = [parse_requirement(text) for text in requirements]
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error
    if of is not None:
        must_be_figures(found, names_of(of))
    return found


def must_be_figures(requirements: list["Requirement"], names: Sequence[str]) -> None:
    """Tell before the runs that what is required is none of their figures.

    Raises:
        click.UsageError: There is one.
    """
    from sim.requirement import refuse_unknown

    try:
        refuse_unknown(requirements, names)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error


def held_to(study: "Study", requirements: list["Requirement"]) -> list["Verdict"]:
    """Return what a study says of requirements.

    Raises:
        click.UsageError: One names no figure of it.
    """
    from sim.requirement import judge

    try:
        return [judge(study, one) for one in requirements]
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error


def place_of(workers: int, cluster: str | None) -> "RunAll":
    """Return where runs happen.

    Raises:
        click.UsageError: Both are asked for, or the cluster's address is none.
    """
    from sim.study import run_here
    from sim.workers import in_processes, on_cluster

    if cluster is not None and workers > 1:
        raise click.UsageError("--workers: are of this machine; wanted none with --cluster")
    if cluster is not None:
        try:
            return on_cluster(cluster)
        except ValueError as error:
            raise click.UsageError(f"--{error}") from error
    return in_processes(workers) if workers > 1 else run_here


@click.command()
@click.argument("scenarios", type=click.Path(path_type=Path), nargs=-1)
@runs(replications=20)
@click.option("--json", "as_json", is_flag=True, help="Print every difference, as JSON.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write an HTML file."
)
@saves
@require
def compare(
    scenarios: tuple[Path, ...],
    *,
    as_json: bool,
    report: Path | None,
    save: Path | None,
    requirements: tuple[str, ...],
    workers: int,
    cluster: str | None,
    **how: Any,  # noqa: ANN401
) -> int:
    """Run two or more SCENARIOS with the same customers: how do they differ from the first?

    What is required is required of the last one.
    """
    from sim import comparison_table as tables
    from sim.comparison import compare as compare_all
    from sim.scenario import load

    if len(scenarios) < 2:
        raise click.UsageError(f"SCENARIOS: {len(scenarios)} given; wanted two or more")
    must_have_places(report, save, *scenarios)
    for path in scenarios:
        if scenarios.count(path) > 1:
            raise click.UsageError(f"SCENARIOS: {path} is given twice; wanted each plan once")
    variants = {_name(path, scenarios): load(path) for path in scenarios}
    asked = wanted(requirements, list(variants.values())[-1] if variants else None)
    run_all = place_of(workers, cluster)
    try:
        with counter(" / ".join(variants)) as counted:
            found = compare_all(variants, run_all=run_all, progress=counted, **how)
    except ValueError as error:
        raise click.UsageError(f"SCENARIOS: {error}") from error
    verdicts = held_to(found.studies[-1], asked)
    if as_json:
        click.echo(tables.as_json(found, verdicts).encode(), nl=False)
    else:
        wide_console().print(tables.table(found, verdicts))
    if report is not None:
        from sim.study_page import comparison_page

        write(report, comparison_page(variants, found, verdicts), "Report", as_json=as_json)
    saved(found, save, as_json=as_json)
    return OK if all(one.is_met for one in verdicts) else CHECK_FAILED


def _name(path: Path, scenarios: tuple[Path, ...]) -> str:
    """Return what a variant is called: its file's stem, or its path where two have that stem."""
    alike = [one for one in scenarios if one.stem == path.stem]
    return path.stem if len(alike) == 1 else str(path)

"""What the options of `acd sim run` say of a study: where it runs, and how precise it is to be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from acd.errors import printable
from sim.cli_kit import counter, write
from sim.questions import CHECK_FAILED, OK, held_to, place_of, saved
from sim.report import staffing_notes
from sim.requirement import Requirement
from sim.study import Study, WorkersLostError, parse_precision, study
from sim.study_table import as_json as study_as_json
from sim.study_table import table
from sim.workload import Scenario


def print_study(
    scenario: Scenario,
    console: Console,
    requirements: list[Requirement],
    *,
    as_json: bool,
    page: Path | None,
    save: Path | None,
    **how: Any,  # noqa: ANN401 - as `study_of` types it.
) -> int:
    """Run a study and print what came of it; return the exit code.

    Raises:
        click.UsageError: An option is wrong.
        UnreachableError: There is no such cluster.
    """
    with counter(scenario.title) as counted:
        found, problem = study_of(scenario, progress=counted, **how)
    if problem:
        click.echo(f"acd: {problem}", err=True)
    if not found.samples:
        return CHECK_FAILED
    verdicts = held_to(found, requirements)
    if as_json:
        click.echo(study_as_json(found, verdicts).encode(), nl=False)
    else:
        console.print(table(found, verdicts))
        for note in staffing_notes(scenario):
            console.print(Text(printable(note)))
    if page is not None:
        from sim.study_page import study_page

        write(page, study_page(scenario, found, verdicts), "Report", as_json=as_json)
    saved(found, save, as_json=as_json)
    return CHECK_FAILED if problem or not all(one.is_met for one in verdicts) else OK


def study_of(
    scenario: Scenario,
    *,
    seed: int,
    replications: int,
    replications_max: int | None,
    precision: tuple[str, ...],
    confidence: float,
    workers: int,
    cluster: str | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[Study, str]:
    """Run a study; return what came of it, and what of that was asked otherwise.

    Raises:
        click.UsageError: An option is wrong.
        UnreachableError: There is no such cluster.
    """
    run_all = place_of(workers, cluster)
    try:
        found = study(
            scenario,
            seed=seed,
            replications=replications,
            replications_max=replications_max,
            precision=[parse_precision(text) for text in precision],
            confidence=confidence,
            run_all=run_all,
            progress=progress,
        )
    except WorkersLostError as error:
        return error.study, str(error)
    except LookupError as error:
        raise click.UsageError(f"--precision: {error.args[0]}") from error
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error
    problem = "" if found.is_precise else "--precision: is not met; wanted more --replications-max"
    return found, problem

"""What the options of `acd sim run` say of a study: where it runs, and how precise it is to be."""

from collections.abc import Callable

import click

from sim.study import RunAll, Study, WorkersLostError, parse_precision, run_here, study
from sim.workers import in_processes, on_cluster
from sim.workload import Scenario


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
    if cluster is not None and workers > 1:
        raise click.UsageError("--workers: are of this machine; wanted none with --cluster")
    run_all: RunAll = run_here
    if cluster is not None:
        run_all = on_cluster(cluster)
    elif workers > 1:
        run_all = in_processes(workers)
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

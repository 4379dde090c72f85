"""Patience as it was observed, in a CSV file: what `acd sim import` writes of a queue_log.

    queue,wait_s,stays
    sales,3,0.991
    sales,8,0.985

After a wait of so many seconds so great a share of a queue's customers would wait on: the estimate
of Kaplan and Meier (`sim.patience`).
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from acd.errors import printable, shown
from sim.patience import Steps
from sim.rates_csv import PROBLEMS_MAX, RatesError, rows_of

HEADER: Final = ["queue", "wait_s", "stays"]


def write_patience(by_queue: Mapping[str, Steps], path: Path) -> None:
    """Write the patience of queues.

    Raises:
        OSError: It cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(HEADER)
        for queue, steps in by_queue.items():
            table.writerows(
                (queue, repr(wait_s), repr(stays))
                for wait_s, stays in zip(steps.times_s, steps.survival_after, strict=True)
            )


def read_patience(path: Path, queue: str) -> tuple[Steps | None, list[RatesError]]:
    """Return a queue's patience and every mistake in its rows; None if there are some.

    Args:
        path: The file, UTF-8; of the size of a file of rates at most.
        queue: Whose rows are read.
    """
    file = printable(path.name)
    errors: list[RatesError] = []
    steps: tuple[tuple[float, ...], tuple[float, ...]] = (), ()
    try:
        steps = _steps(queue, rows_of(path, file), file, errors)
    except RatesError as error:
        errors.append(error)
    except csv.Error as error:
        errors.append(RatesError(f"{file}: {error}", "comma-separated values"))
    return (None if errors else Steps(*steps)), errors


def _steps(
    queue: str, rows: Iterator[list[str]], file: str, errors: list[RatesError]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return instants and shares as `Steps` wants them; note whatever is wrong."""
    times, shares = [0.0], [1.0]
    header = next(rows, [])
    if header != HEADER:
        errors.append(RatesError(f"{file} row 1: {header}"[:200], ",".join(HEADER)))
        return (), ()
    for where, wait, stays in _of(queue, rows, file, errors):
        wait_s, share = _number(wait), _number(stays)
        if wait_s is None or not times[-1] < wait_s:
            errors.append(RatesError(f"{where}, wait_s: {wait!r}"[:200], f"above {times[-1]}"))
        elif share is None or not 0 <= share < shares[-1]:
            wanted = f"from 0 to below {shares[-1]}"
            errors.append(RatesError(f"{where}, stays: {stays!r}"[:200], wanted))
        else:
            times.append(wait_s)
            shares.append(share)
        if len(errors) >= PROBLEMS_MAX:
            break
    if not errors and len(times) == 1:
        errors.append(RatesError(f"{file}: no row of {shown(queue)}", "its patience"))
    return tuple(times[1:]), tuple(shares[1:])


def _of(
    queue: str, rows: Iterator[list[str]], file: str, errors: list[RatesError]
) -> Iterator[tuple[str, str, str]]:
    """Yield where a row of the queue stands and its figures; note rows that are none."""
    for number, row in enumerate(rows, 2):
        where = f"{file} row {number}"
        if len(row) != len(HEADER):
            errors.append(RatesError(f"{where}: {len(row)} columns", f"{len(HEADER)} columns"))
        elif row[0] == queue:
            yield where, row[1], row[2]


def _number(text: str) -> float | None:
    """Return a finite number; None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None

"""Arrival rates from a CSV file: one row per interval, one column per stream.

    from,calls,chats
    08:00,120,30
    08:30,180,42.5

The first column says when each interval begins, in local time; it is compared with the scenario's,
so that a file of another day or another grid is refused and not silently shifted.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from acd.errors import AcdError, printable, shown

SIZE_MAX: Final = 1_000_000
"""Largest file, in bytes: the limit of configuration files."""

FROM: Final = "from"
PROBLEMS_MAX: Final = 100
"""Most mistakes told of one column; whoever mends them runs the check again."""


class RatesError(AcdError):
    """A column of figures cannot be read. Args: what was seen, what is wanted."""

    def __init__(self, seen: str, wanted: str) -> None:
        super().__init__(seen, wanted)

    def __str__(self) -> str:
        return f"{self.args[0]}; wanted {self.args[1]}"


def read_rates(
    path: Path, column: str, *, begins: Sequence[str], rate_max: float
) -> tuple[tuple[float, ...], list[RatesError]]:
    """Return a column's rates and every mistake in it; the rates are complete if there is none.

    Args:
        path: The file, UTF-8, at most `SIZE_MAX` bytes.
        column: The column's name.
        begins: When each interval begins, like "08:30".
        rate_max: The largest rate accepted.
    """
    file = printable(path.name)
    try:
        rows = rows_of(path, file)
        header = next(rows, [])
        missing = [name for name in (FROM, column) if header.count(name) != 1]
        if missing:
            seen = f"{file} row 1: {_shown(header)}"
            return (), [RatesError(seen, f"one column {shown(name)}") for name in missing]
        return _column(file, rows, header, column, begins=begins, rate_max=rate_max)
    except RatesError as error:
        return (), [error]
    except csv.Error as error:
        return (), [RatesError(f"{file}: {error}", "comma-separated values")]


def rows_of(path: Path, file: str) -> Iterator[list[str]]:
    """Return the rows of a CSV file; `file` is its name for messages.

    Raises:
        RatesError: It cannot be read, is too large, or no text.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(SIZE_MAX + 1)
    except OSError as error:
        raise RatesError(f"{file}: {error.strerror}", "a file that can be read") from None
    except ValueError as error:  # No file can have such a name: it holds a null character.
        raise RatesError(f"{file}: {error}", "a file that can be read") from None
    if len(data) > SIZE_MAX:
        raise RatesError(f"{file}: over {SIZE_MAX} bytes", f"at most {SIZE_MAX} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RatesError(f"{file}: byte {error.start} is not UTF-8", "UTF-8 text") from None
    return csv.reader(text.splitlines(), strict=True)


def _column(
    file: str,
    rows: Iterator[list[str]],
    header: list[str],
    column: str,
    *,
    begins: Sequence[str],
    rate_max: float,
) -> tuple[tuple[float, ...], list[RatesError]]:
    rates: list[float] = []
    errors: list[RatesError] = []
    place, from_place = header.index(column), header.index(FROM)
    count = 0
    for count, row in enumerate(rows, 1):
        where = f"{file} row {count + 1}"
        if len(row) != len(header):
            errors.append(RatesError(f"{where}: {len(row)} columns", f"{len(header)} columns"))
        elif count > len(begins):
            errors.append(RatesError(f"{where}: a row", f"{len(begins)} rows of rates"))
        else:
            if row[from_place] != begins[count - 1]:
                seen = f"{where}, column {FROM}: {_shown(row[from_place])}"
                errors.append(RatesError(seen, begins[count - 1]))
            rate = _rate(row[place], rate_max)
            if rate is None:
                seen = f"{where}, column {printable(column)}: {_shown(row[place])}"
                errors.append(RatesError(seen, f"a number from 0 to {rate_max:g}"))
            else:
                rates.append(rate)
        if len(errors) >= PROBLEMS_MAX:
            return (), errors
    if count < len(begins):
        errors.append(RatesError(f"{file}: {count} rows of rates", f"{len(begins)}"))
    return tuple(rates), errors


def _rate(text: str, rate_max: float) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    # A NaN fails this comparison, too.
    return rate if 0 <= rate <= rate_max else None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"

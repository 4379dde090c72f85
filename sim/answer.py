"""What the answers to questions have in common: variants that were run, and a table of facts.

The table is what a notebook shows of an answer, what pandas gets, and what is saved beside the
figures of each run (`sim.saving`). It holds numbers, not texts: ± and % are the terminal's.
"""

import math
from collections.abc import Iterator, Mapping
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from msgspec import Struct

from acd.errors import AcdError, printable

if TYPE_CHECKING:
    from sim.study import Study

Cell: TypeAlias = str | int | float | bool | None
Kind: TypeAlias = type[str] | type[int] | type[float] | type[bool]

SHOWN_MAX: Final = 200
"""Most rows that a notebook shows: more than anybody reads."""

_DTYPES: Final[Mapping[Kind, str]] = {
    str: "object",
    float: "float64",
    # Pandas' own, which may be missing where there is no such figure.
    int: "Int64",
    bool: "boolean",
}


class MissingPackageError(AcdError):
    """A package that is not always installed is wanted. Args: its name, the extra that has it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)

    def __str__(self) -> str:
        package, extra = self.args
        return f"{package} is not installed; wanted: pip install 'acd-engine[{extra}]'"


class Table(NamedTuple):
    """Rows of facts."""

    columns: dict[str, Kind]
    """What a column holds, by its name; any cell may be None."""
    rows: list[tuple[Cell, ...]]


ESTIMATE: Final[Mapping[str, Kind]] = {
    "variant": str,
    "figure": str,
    "mean": float,
    "half_width": float,
    "deviation": float,
    "runs": int,
}
"""The columns of `estimates`."""


class Answer(Struct, frozen=True):
    """Base of what questions answer."""

    def variants(self) -> dict[str, "Study"]:
        """Return the runs of each variant, by its name."""
        raise NotImplementedError

    def table(self) -> Table:
        """Return the answer as a table: a row for each variant and figure, if no other is told.

        `half_width` is of the interval around the mean, and missing where there is but one run.
        """
        return Table(
            dict(ESTIMATE), [row for one in self.variants().items() for row in estimates(*one)]
        )

    def to_pandas(self) -> Any:  # noqa: ANN401 - pandas is no library of ours, and has no types.
        """Return the table as a `pandas.DataFrame`.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        columns, rows = self.table()
        frame = package("pandas", extra="pandas").DataFrame(rows, columns=list(columns))
        return frame.astype({name: _DTYPES[kind] for name, kind in columns.items()})

    def _repr_html_(self) -> str:
        """Return the table as notebooks show it."""
        columns, rows = self.table()
        head = "".join(f"<th>{_html(name)}</th>" for name in columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{_html(_text(cell))}</td>' for cell in row)}</tr>\n"
            for row in rows[:SHOWN_MAX]
        )
        left = len(rows) - SHOWN_MAX
        more = f"<p>… and {left:,} rows more</p>" if left > 0 else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>{more}"


def estimates(name: str, study: "Study") -> Iterator[tuple[Cell, ...]]:
    """Yield each figure of a study with its interval, in the columns of `ESTIMATE`."""
    for figure in study.names():
        found = study.estimate(figure)
        assert found is not None
        yield (name, figure, found.mean, finite(found.half_width), found.deviation, found.runs)


def finite(value: float) -> float | None:
    """Return a number; None for one that is none, or endless."""
    return value if math.isfinite(value) else None


def package(name: str, *, extra: str) -> Any:  # noqa: ANN401 - a module.
    """Import a package that only some need.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(name.partition(".")[0], extra) from error


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _html(text: str) -> str:
    return escape(printable(text))

"""Transition tables as text, for the tests and for docs/routing.md, from the tables themselves.

python tests/unit/tables.py     # writes the diagrams of docs/routing.md anew
"""

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Final

from acd.agents import AVAILABILITY_TABLE, AgentSignal
from acd.contacts import (
    IGNORED,
    LEG_TABLE,
    OFFER_TABLE,
    REFUSED,
    LegSignal,
    LegState,
    OfferSignal,
    OfferState,
)

DOCS: Final = Path(__file__).parents[2] / "docs" / "routing.md"

Rows = dict[str, list[str]]
"""Cells by state, in the order of the signals: a state, `same` (ignored) or `-` (refused)."""


def _names(table: Sequence[Sequence[int]], states: type[IntEnum]) -> Rows:
    special = {IGNORED: "same", REFUSED: "-"}
    return {
        states(state).name: [
            special[cell] if cell in special else states(cell).name for cell in row
        ]
        for state, row in enumerate(table)
        if row  # Ends have none.
    }


def legs() -> Rows:
    """Return the legs' table."""
    return _names(LEG_TABLE, LegState)


def offers() -> Rows:
    """Return the offers' table."""
    return _names(OFFER_TABLE, OfferState)


def availabilities() -> Rows:
    """Return the agents' table."""
    return {
        state.name: ["-" if cell is None else cell.name for cell in row]
        for state, row in AVAILABILITY_TABLE.items()
    }


def text(signals: Iterable[IntEnum], rows: Rows) -> str:
    """Return a table with aligned columns."""
    lines = [["", *(signal.name for signal in signals)]]
    lines += [[state, *cells] for state, cells in rows.items()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n" + "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def mermaid(signals: Iterable[IntEnum], rows: Rows, start: str) -> str:
    """Return a table as a Mermaid state diagram: one arrow for each two states."""
    arrows: dict[tuple[str, str], list[str]] = {}
    names = [signal.name for signal in signals]
    for state, cells in rows.items():
        for signal, cell in zip(names, cells, strict=True):
            if cell not in {"-", "same", state}:
                arrows.setdefault((state, cell), []).append(signal.lower())
    lines = [f"    {a} --> {b}: {', '.join(labels)}" for (a, b), labels in arrows.items()]
    ends = dict.fromkeys(b for _, b in arrows if b not in rows)
    lines += [f"    {end} --> [*]" for end in ends]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {start}", *lines]) + "\n"


def diagrams() -> dict[str, str]:
    """Return the diagrams of docs/routing.md by the name in the comment before each."""
    return {
        "leg": mermaid(LegSignal, legs(), "QUEUED"),
        "offer": mermaid(OfferSignal, offers(), "PENDING"),
        "availability": mermaid(AgentSignal, availabilities(), "LOGGED_OUT"),
    }


BLOCK: Final = re.compile(r"(<!-- (\w+): from the table -->\n```mermaid\n)(.*?)(```\n)", re.DOTALL)


def drawn(page: str) -> str:
    """Return a page with its diagrams drawn anew."""
    return BLOCK.sub(lambda block: block[1] + diagrams()[block[2]] + block[4], page)


if __name__ == "__main__":
    DOCS.write_text(drawn(DOCS.read_text()))

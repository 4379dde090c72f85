"""Rows as CSV (RFC 4180); an apostrophe disarms what a spreadsheet would take for a formula."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from acd.daemon.history.measures import Measures
from acd.figures import Figures

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet may run."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "contacts": (
        *("contact", "contact_id", "queue", "channel", "customer", "entered_us", "answered_us"),
        *("agent_id", "ended_us", "outcome", "handling_us", "offers", "disposition", "leg_id"),
        "callback_us",
    ),
    "offers": (
        *("offer_id", "contact_id", "agent_id", "made_us", "answered_us", "ended_us"),
        *("outcome", "cause"),
    ),
    "agents": ("agent_id", "from_us", "to_us", "availability", "reason"),
}
"""The columns of each listing."""


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Return rows as CSV with a header; None is an empty cell.

    >>> to_csv(("a", "b"), [{"a": "=1", "b": 'x"y'}, {"a": None, "b": -2}])
    'a,b\r\n\'=1,"x""y"\r\n,-2\r\n'
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def measures_to_csv(measures: Measures) -> str:
    """Return measures as CSV: a row for each queue, channel and interval."""
    rows = [
        {"queue": row.queue, "channel": str(row.channel), **_flat(one)}
        for row in measures.rows
        for one in row.intervals
    ]
    return to_csv(tuple(rows[0]) if rows else (), rows)


def _flat(figures: Figures) -> dict[str, Any]:
    """Return figures without structure; offers' counts as `offers_…`."""
    plain = msgspec.to_builtins(figures)
    offers = plain.pop("offers")
    failed = offers.pop("failed")
    plain.update({f"offers_{name}": count for name, count in offers.items()})
    plain.update({f"offers_failed_{cause}": count for cause, count in failed.items()})
    return dict(plain)


def _cell(value: object) -> object:
    """Return what stands in a cell; numbers are ours, texts anybody's."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value

"""A study's figures, as a table for a terminal and as JSON: functions of the study alone."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, Final, NamedTuple

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from acd.errors import printable
from sim.intervals import Estimate, mean_of
from sim.json_text import json_text
from sim.report import NOTHING
from sim.requirement import Verdict
from sim.study import SHARES, Study

_COLUMNS: Final = (
    ("Offered", "offered"),
    ("Answered", "answered"),
    ("Abandoned", "abandonment"),
    ("Service level", "service_level"),
    ("ASA", "asa_s"),
    ("Wait p95", "wait_p95_s"),
    ("AHT", "aht_s"),
    ("Occupancy", "occupancy"),
)
"""Titles and measures: those of a queue and channel. JSON has all."""

_GROUP_COLUMNS: Final = (("Occupancy", "occupancy"),)

_CUSTOMER_COLUMNS: Final = (
    ("Customers", "customers"),
    ("Attempts", "attempts_each"),
    ("Served", "served_share"),
    ("Lost", "lost"),
    ("Service level", "service_level"),
    ("Wait", "wait_s"),
)

_CALLBACK_COLUMNS: Final = (("Callbacks", "callbacks"), ("Reached", "callbacks_reached"))

_FINE: Final = frozenset({"attempts_each", "queue_length"})
"""Means that are near 1, or below it."""


class Sheet(NamedTuple):
    """A table of figures as texts; that of a terminal and that of a page."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int
    """How many of the columns, from the left, are names and not figures."""


def sheets(study: Study) -> list[Sheet]:
    """Return each figure's mean over the runs, ± half the width of its interval.

    Those of customers who may balk or call again, and of callbacks, only where there are some.
    """
    found = (_queues(study), _groups(study), _customers(study), _callbacks(study))
    return [one for one in found if one.rows]


def table(study: Study, verdicts: Sequence[Verdict] = ()) -> Group:
    """Return the tables for a terminal.

    Args:
        study: Whose.
        verdicts: What it says of requirements; they come last.
    """
    samples = study.samples
    arrived = mean_of([float(one.arrived) for one in samples], study.confidence)
    head = (
        f"{printable(study.title)}, seed {study.seed}: {len(samples)} runs, "
        f"{shown(arrived, 'number')} contacts each"
    )
    foot = (
        f"Mean over the runs ± half the width of its {100 * study.confidence:g} % interval "
        f"(definitions {samples[0].report.definition_digest[:12]}, digest {study.digest[:12]})."
    )
    judged = (verdict_table(verdicts),) if verdicts else ()
    return Group(Text(head), *map(_on_terminal, sheets(study)), *judged, Text(foot))


def _on_terminal(sheet: Sheet) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, title in enumerate(sheet.columns):
        made.add_column(title, justify="left" if place < sheet.names else "right", no_wrap=True)
    for row in sheet.rows:
        made.add_row(*(Text(printable(cell)) for cell in row))
    return made


def _queues(study: Study) -> Sheet:
    rows = (
        (
            row.queue,
            row.channel.replace("_", " "),
            *_cells(study, f"{row.queue}.{row.channel}", _COLUMNS),
        )
        for row in study.samples[0].report.rows
    )
    columns = ("Queue", "Channel", *(title for title, _ in _COLUMNS))
    return Sheet("Queues and channels", columns, tuple(rows), names=2)


def _groups(study: Study) -> Sheet:
    report = study.samples[0].report
    names = (team.name or "all" for team in (*report.groups, report.total))
    rows = ((name, *_cells(study, f"group.{name}", _GROUP_COLUMNS)) for name in names)
    columns = ("Group", *(title for title, _ in _GROUP_COLUMNS))
    return Sheet("Groups of agents", columns, tuple(rows), names=1)


def _customers(study: Study) -> Sheet:
    names = [name.split(".") for name in study.names() if name.startswith("customers.")]
    streams = dict.fromkeys(stream for _, stream, measure in names if measure == "customers")
    rows = ((one, *_cells(study, f"customers.{one}", _CUSTOMER_COLUMNS)) for one in streams)
    columns = ("Stream", *(title for title, _ in _CUSTOMER_COLUMNS))
    return Sheet("Customers", columns, tuple(rows), names=1)


def _callbacks(study: Study) -> Sheet:
    names = ((row.queue, f"{row.queue}.{row.channel}") for row in study.samples[0].report.rows)
    rows = (
        (queue, *_cells(study, name, _CALLBACK_COLUMNS))
        for queue, name in names
        if f"{name}.callbacks" in study.names()
    )
    columns = ("Queue", *(title for title, _ in _CALLBACK_COLUMNS))
    return Sheet("Callbacks", columns, tuple(rows), names=1)


def _cells(study: Study, name: str, columns: Sequence[tuple[str, str]]) -> Iterator[str]:
    known = study.names()
    for _, measure in columns:
        figure = f"{name}.{measure}"
        yield shown(study.estimate(figure) if figure in known else None, kind_of(figure))


def verdict_table(verdicts: Sequence[Verdict], of: str = "") -> Table:
    """Return what was required: the mean, whether it is met, and how many days meet it.

    Args:
        verdicts: What a study says.
        of: The study's name, where there are several.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    made.add_column(printable(f"Required of {of}") if of else "Required", no_wrap=True)
    made.add_column("Mean", justify="right", no_wrap=True)
    made.add_column("", no_wrap=True)
    made.add_column("Days that meet it", justify="right", no_wrap=True)
    for one in verdicts:
        made.add_row(*map(Text, verdict_row(one)))
    return made


def verdict_row(verdict: Verdict) -> tuple[str, str, str, str]:
    """Return a verdict as texts: what was required, the mean, the word, the share of days."""
    word = "met" if verdict.is_met else "not met"
    if verdict.estimate is not None and not isfinite(verdict.estimate.half_width):
        word += ", in one run"
    elif not verdict.is_sure:
        word += ", within the interval"
    days = verdict.days
    share = NOTHING
    if days is not None:
        share = f"{100 * days.share:.0f} % ({100 * days.low:.0f} to {100 * days.high:.0f} %)"
    mean = shown(verdict.estimate, kind_of(verdict.name))
    return printable(str(verdict.requirement)), mean, word, share


def kind_of(name: str) -> str:
    """Return whether a figure is a share, a time, a number or one near 1, by its measure.

    >>> kind_of("sales.voice.asa_s"), kind_of("group.day.occupancy"), kind_of("a.chat.offered")
    ('time', 'share', 'number')
    """
    measure = name.rpartition(".")[2]
    if measure.endswith("_s"):
        return "time"
    if measure in _FINE:
        return "fine"
    return "share" if measure in SHARES else "number"


def shown(estimate: Estimate | None, kind: str) -> str:
    """Return a figure with its interval; of a single run it has none.

    >>> shown(Estimate(0.8114, 0.0123, 20, 0.03), "share"), shown(None, "time")
    ('81.1 ± 1.2 %', '–')
    >>> shown(Estimate(20.0, float("inf"), 1, 0.0), "time")
    '20.0 s'
    >>> shown(Estimate(1.04, 0.01, 9, 0.02), "fine")
    '1.04 ± 0.01'
    """
    if estimate is None:
        return NOTHING
    factor, unit = {"share": (100, " %"), "time": (1, " s")}.get(kind, (1, ""))
    mean, half = factor * estimate.mean, factor * estimate.half_width
    digits = 2 if kind == "fine" else 1
    band = f" ± {half:,.{digits}f}" if isfinite(half) else ""
    return f"{mean:,.{digits}f}{band}{unit}"


def as_json(study: Study, verdicts: Sequence[Verdict] = ()) -> str:
    """Return all figures with their intervals, and those of each run; keys sorted.

    Args:
        study: Whose.
        verdicts: What it says of requirements.
    """
    figures: dict[str, Any] = {}
    for name in study.names():
        estimate = study.estimate(name)
        assert estimate is not None
        figures[name] = {
            "mean": estimate.mean,
            "half_width": estimate.half_width,
            "deviation": estimate.deviation,
            "runs": [one.figures.get(name) for one in study.samples],
        }
    facts = {
        "arrived": [one.arrived for one in study.samples],
        "confidence": study.confidence,
        "definition_digest": study.samples[0].report.definition_digest,
        "digest": study.digest,
        "figures": figures,
        "is_precise": study.is_precise,
        "requirements": [verdict_json(one) for one in verdicts],
        "seed": study.seed,
        "title": study.title,
    }
    return json_text(facts)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON has it."""
    estimate, days = verdict.estimate, verdict.days
    return {
        "requirement": str(verdict.requirement),
        "name": verdict.name,
        "mean": None if estimate is None else estimate.mean,
        "is_met": verdict.is_met,
        "is_sure": verdict.is_sure,
        "days_that_meet": None if days is None else days._asdict(),
    }

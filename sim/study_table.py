"""A study's figures, as a table for a terminal and as JSON: functions of the study alone."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, Final

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from acd.errors import printable
from sim.intervals import Estimate, mean_of
from sim.json_text import json_text
from sim.report import NOTHING
from sim.requirement import Verdict
from sim.study import CALLBACK_MEASURES, SHARES, Study

_COLUMNS: Final = (
    ("Offered", "offered", "number"),
    ("Answered", "answered", "number"),
    ("Abandoned", "abandonment", "share"),
    ("Service level", "service_level", "share"),
    ("ASA", "asa_s", "time"),
    ("Wait p95", "wait_p95_s", "time"),
    ("AHT", "aht_s", "time"),
    ("Occupancy", "occupancy", "share"),
)

_CUSTOMER_COLUMNS: Final = (
    ("Customers", "customers", "number"),
    ("Attempts", "attempts_each", "number"),
    ("Served", "served_share", "share"),
    ("Lost", "lost", "number"),
    ("Service level", "service_level", "share"),
    ("Wait", "wait_s", "time"),
)


def table(study: Study, verdicts: Sequence[Verdict] = ()) -> Group:
    """Return the tables: each figure's mean over the runs, ± half the width of its interval.

    Args:
        study: Whose.
        verdicts: What it says of requirements; they come last.
    """
    samples = study.samples
    arrived = mean_of([float(one.arrived) for one in samples], study.confidence)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("Queue", "Channel"):
        made.add_column(name, no_wrap=True)
    for name, _, _ in _COLUMNS:
        made.add_column(name, justify="right", no_wrap=True)
    for row in samples[0].report.rows:
        names = (f"{row.queue}.{row.channel}.{measure}" for _, measure, _ in _COLUMNS)
        cells = (
            shown(_known(study, name), kind)
            for name, (_, _, kind) in zip(names, _COLUMNS, strict=True)
        )
        made.add_row(
            Text(printable(row.queue)), Text(row.channel.replace("_", " ")), *map(Text, cells)
        )
    teams = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    teams.add_column("Group", no_wrap=True)
    teams.add_column("Occupancy", justify="right", no_wrap=True)
    report = samples[0].report
    for team in (*report.groups, report.total):
        name = team.name or "all"
        teams.add_row(
            Text(printable(name)), Text(shown(_known(study, f"group.{name}.occupancy"), "share"))
        )
    head = (
        f"{printable(study.title)}, seed {study.seed}: {len(samples)} runs, "
        f"{shown(arrived, 'number')} contacts each"
    )
    foot = (
        f"Mean over the runs ± half the width of its {100 * study.confidence:g} % interval "
        f"(definitions {report.definition_digest[:12]}, digest {study.digest[:12]})."
    )
    judged = (verdict_table(verdicts),) if verdicts else ()
    return Group(
        Text(head), made, teams, *_customers(study), *_callbacks(study), *judged, Text(foot)
    )


def _customers(study: Study) -> list[Table]:
    """Return a table of the streams whose customers may balk or call again; none without them."""
    names = [name.split(".") for name in study.names() if name.startswith("customers.")]
    streams = list(dict.fromkeys(stream for _, stream, measure in names if measure == "customers"))
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    made.add_column("Stream", no_wrap=True)
    for name, _, _ in _CUSTOMER_COLUMNS:
        made.add_column(name, justify="right", no_wrap=True)
    for stream in streams:
        cells = (
            shown(_known(study, f"customers.{stream}.{measure}"), kind)
            for _, measure, kind in _CUSTOMER_COLUMNS
        )
        made.add_row(Text(stream), *map(Text, cells))
    return [made] if streams else []


def _callbacks(study: Study) -> list[Table]:
    """Return a table of the queues that call back; none without them."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("Queue", "Callbacks", "Reached"):
        made.add_column(title, justify="right" if made.columns else "left", no_wrap=True)
    for row in study.samples[0].report.rows:
        names = [f"{row.queue}.{row.channel}.{measure}" for measure in CALLBACK_MEASURES]
        if names[0] in study.names():
            cells = (shown(_known(study, name), "number") for name in names)
            made.add_row(Text(printable(row.queue)), *map(Text, cells))
    return [made] if made.rows else []


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Return what was required: the mean, whether it is met, and how many days meet it."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    made.add_column("Required", no_wrap=True)
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
    """Return whether a figure is a share, a time or a number, by its measure.

    >>> kind_of("sales.voice.asa_s"), kind_of("group.day.occupancy"), kind_of("a.chat.offered")
    ('time', 'share', 'number')
    """
    measure = name.rpartition(".")[2]
    if measure.endswith("_s"):
        return "time"
    return "share" if measure in SHARES else "number"


def _known(study: Study, name: str) -> Estimate | None:
    return study.estimate(name) if name in study.names() else None


def shown(estimate: Estimate | None, kind: str) -> str:
    """Return a figure with its interval; of a single run it has none.

    >>> shown(Estimate(0.8114, 0.0123, 20, 0.03), "share"), shown(None, "time")
    ('81.1 ± 1.2 %', '–')
    >>> shown(Estimate(20.0, float("inf"), 1, 0.0), "time")
    '20.0 s'
    """
    if estimate is None:
        return NOTHING
    factor, unit = {"share": (100, " %"), "time": (1, " s")}.get(kind, (1, ""))
    mean, half = factor * estimate.mean, factor * estimate.half_width
    band = f" ± {half:,.1f}" if isfinite(half) else ""
    return f"{mean:,.1f}{band}{unit}"


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

"""A comparison as tables for a terminal and as JSON: functions of the comparison alone."""

from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from acd.errors import printable
from sim.comparison import Comparison, Difference
from sim.intervals import Estimate
from sim.json_text import json_text
from sim.report import NOTHING, round_duration
from sim.requirement import Verdict
from sim.study import rows_of
from sim.study_table import kind_of, shown, verdict_json, verdict_table

SHOWN: Final = ("service_level", "abandonment", "asa_s", "wait_p95_s", "occupancy")
"""Measures of the table, in its order; JSON has all."""


def table(comparison: Comparison, verdicts: Sequence[Verdict] = ()) -> Group:
    """Return a table for each variant: each figure of the base, of it, and their difference."""
    base = comparison.studies[0]
    parts: list[RenderableType] = []
    for variant, name in enumerate(comparison.names[1:], start=1):
        made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
        made.add_column("Figure", no_wrap=True)
        for title in (comparison.names[0], name, "Difference", "Variance ratio"):
            made.add_column(printable(title), justify="right", no_wrap=True)
        for one in picked(comparison.differences(variant)):
            made.add_row(*map(Text, row_of(one)))
        parts.append(made)
    head = (
        f"{len(base.samples)} pairs of runs with the same customers, seed {base.seed}; differences "
        f"from {printable(comparison.names[0])}"
    )
    foot = (
        f"Mean ± half the width of its {100 * base.confidence:g} % interval; * leaves 0 out. "
        "Variance ratio: of the differences, to that of independent runs; the smaller, the more "
        "pairing gained."
    )
    if verdicts:
        parts.append(verdict_table(verdicts, comparison.names[-1]))
    return Group(Text(head), *parts, *map(Text, (foot, *thresholds(comparison))))


def thresholds(comparison: Comparison) -> list[str]:
    """Say where a service level has another threshold than the base's, and is no better for it."""
    before = rows_of(comparison.studies[0])
    return [
        f"Service level of {printable(queue)} {channel.replace('_', ' ')}: within "
        f"{round_duration(row.threshold_us)} in {printable(name)}, "
        f"{round_duration(before[queue, channel].threshold_us)} in "
        f"{printable(comparison.names[0])}; their difference is also one of counting."
        for name, study in zip(comparison.names[1:], comparison.studies[1:], strict=True)
        for (queue, channel), row in rows_of(study).items()
        if (queue, channel) in before and row.threshold_us != before[queue, channel].threshold_us
    ]


def picked(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences that a table shows."""
    return [one for one in differences if one.name.rpartition(".")[2] in SHOWN]


def row_of(one: Difference) -> tuple[str, str, str, str, str]:
    """Return a difference as texts: name, base, other, change, variance ratio."""
    kind = kind_of(one.name)
    ratio = NOTHING if one.variance_ratio is None else f"{one.variance_ratio:.2f}"
    change = changed(one.change, kind) + (" *" if one.is_clear else "  ")
    return printable(one.name), shown(one.base, kind), shown(one.other, kind), change, ratio


def changed(estimate: Estimate, kind: str) -> str:
    """Return a difference with its sign; of shares in percentage points.

    >>> changed(Estimate(0.021, 0.008, 20, 0.02), "share")
    '+2.1 ± 0.8 pp'
    """
    mean, half = estimate.mean, estimate.half_width
    if kind == "share":
        return f"{100 * mean:+.1f} ± {100 * half:.1f} pp"
    if kind == "time":
        return f"{mean:+.1f} ± {half:.1f} s"
    digits = 2 if kind == "fine" else 1
    return f"{mean:+,.{digits}f} ± {half:,.{digits}f}"


def as_json(comparison: Comparison, verdicts: Sequence[Verdict] = ()) -> str:
    """Return all differences, by interval too; keys sorted."""
    base = comparison.studies[0]
    facts = {
        "base": comparison.names[0],
        "confidence": base.confidence,
        "definition_digest": base.samples[0].report.definition_digest,
        "digests": {
            name: one.digest for name, one in zip(comparison.names, comparison.studies, strict=True)
        },
        "notes": thresholds(comparison),
        "requirements": [verdict_json(one) for one in verdicts],
        "runs": len(base.samples),
        "seed": base.seed,
        "variants": {
            name: _variant_json(comparison, variant)
            for variant, name in enumerate(comparison.names[1:], start=1)
        },
    }
    return json_text(facts)


def _variant_json(comparison: Comparison, variant: int) -> dict[str, Any]:
    report = comparison.studies[0].samples[0].report
    return {
        "figures": {
            one.name: {
                "base": one.base.mean,
                "other": one.other.mean,
                "change": one.change.mean,
                "half_width": one.change.half_width,
                "is_clear": one.is_clear,
                "variance_ratio": one.variance_ratio,
            }
            for one in comparison.differences(variant)
        },
        "service_level_by_interval": {
            f"{row.queue}.{row.channel}": [
                None if one is None else {"change": one.mean, "half_width": one.half_width}
                for one in comparison.by_interval(row.queue, row.channel, "service_level", variant)
            ]
            for row in report.rows
        },
    }

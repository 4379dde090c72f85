"""A replayed past as tables for a terminal and as JSON: functions of the replay alone."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from acd.errors import printable
from sim.comparison import Difference
from sim.comparison_table import SHOWN, changed, thresholds
from sim.json_text import json_text
from sim.past_replay import RECORDED, SAME, Beside, Replayed
from sim.report import NOTHING, contacts
from sim.requirement import Verdict
from sim.study_table import kind_of, shown, verdict_json, verdict_table


def table(found: Replayed, verdicts: Sequence[Verdict] = ()) -> Group:
    """Return the figures beside each other, what was required, and what is known and drawn."""
    parts: list[RenderableType] = [Text(head(found)), _figures(found)]
    if verdicts:
        parts.append(
            verdict_table(verdicts, found.comparison.names[-1] if found.comparison else "")
        )
    return Group(*parts, *map(Text, notes(found)))


def head(found: Replayed) -> str:
    """Return what was replayed, and how often."""
    same = found.studies[0]
    times = f"replayed {len(same.samples)} times, seed {same.seed}"
    return f"{printable(found.past.file)}: {contacts(found.known.contacts)}, {times}"


def notes(found: Replayed) -> list[str]:
    """Return how the table is to be read, and what was known, drawn and left out."""
    foot = f"Mean ± half the width of its {100 * found.studies[0].confidence:g} % interval"
    if found.comparison is None:
        return [f"{foot}.", *_sentences(found)]
    return [f"{foot}; * leaves 0 out.", *thresholds(found.comparison), *_sentences(found)]


def _figures(found: Replayed) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column("Figure", no_wrap=True)
    for title in columns(found)[1:]:
        made.add_column(printable(title), justify="right", no_wrap=True)
    for row in rows(found):
        made.add_row(*map(Text, row))
    return made


def columns(found: Replayed) -> tuple[str, ...]:
    """Return the titles of the columns."""
    titles = ("Figure", RECORDED.capitalize(), SAME.capitalize(), "Deviation")
    if found.comparison is None:
        return titles
    return (*titles, found.comparison.names[1], "Difference")


def rows(found: Replayed) -> list[tuple[str, ...]]:
    """Return a row of texts for each figure that a table shows."""
    picked = [one for one in found.beside() if one.name.rpartition(".")[2] in SHOWN]
    comparison = found.comparison
    if comparison is None:
        return [_row(one) for one in picked]
    return [_row(one) + _other(comparison.difference(one.name, 1)) for one in picked]


def _row(one: Beside) -> tuple[str, ...]:
    kind = kind_of(one.name)
    factor, unit, further = (100, "%", "pp") if kind == "share" else (1, "s", "s")
    recorded = f"{factor * one.recorded:,.1f} {unit}"
    # Adding 0 makes a plain one of what rounds to -0.0.
    deviation = f"{round(factor * one.deviation, 1) + 0.0:+,.1f} {further}"
    return printable(one.name), recorded, shown(one.replayed, kind), deviation


def _other(one: Difference | None) -> tuple[str, str]:
    """Return a figure under the other rules, and how it differs."""
    if one is None:
        return NOTHING, NOTHING
    kind = kind_of(one.name)
    return shown(one.other, kind), changed(one.change, kind) + (" *" if one.is_clear else "  ")


_KNOWN: Final = {
    "left": "customers who left, whose patience is known",
    "patience_drawn": "others, whose patience is drawn beyond their wait",
    "patience_endless": "who never leave, since none like them left after so long a wait",
    "handle_drawn": "contacts never handled, whose handling times are drawn",
    "handle_unended": "contacts in hand at the end, as long as they were seen",
    "answer_mean": "answer times that are the mean of their queue and channel",
    "answer_cut": "answer times cut below a shorter ring time",
    "agents_away": "agents who worked and are not in the other rules",
    "agents_new": "new agents, who work through their group's hours",
}
_LOSSES: Final = {
    "inside": "contacts inside when the journal, or its last settings, began",
    "before_settings": "contacts that came before the last settings",
    "further": "what followed on contacts given further or consulted about",
    "elsewhere": "hand-overs between domains",
    "callbacks": "callbacks",
    "supervised": "contacts assigned or reprioritised by supervisors",
    "expiring": "instants of expiry that contacts brought",
    "changed_agents": "live changes of agents",
    "devices": "changes of agents' phones",
    "wrap_ups": "ends of wrap-ups that agents told (they last as the queue says)",
    "missed": "offers not answered (all are)",
}


def _sentences(found: Replayed) -> list[str]:
    """Return what was known, what is drawn and what is left out, of what there is."""
    known = _told(_KNOWN, found.known)
    losses = _told(_LOSSES, found.past.losses)
    said = ["Known and drawn: " + "; ".join(known) + "."] if known else ["Everything is known."]
    if losses:
        said.append("Left out: " + "; ".join(losses) + ".")
    return said


def _told(texts: dict[str, str], counts: object) -> list[str]:
    return [
        f"{text}: {count:,}" for name, text in texts.items() if (count := getattr(counts, name))
    ]


def as_json(found: Replayed, verdicts: Sequence[Verdict] = ()) -> str:
    """Return every figure; keys sorted."""
    same = found.studies[0]
    facts: dict[str, Any] = {
        "journal": found.past.file,
        "from_us": found.past.start_us,
        "to_us": found.past.end_us,
        "confidence": same.confidence,
        "definition_digest": found.past.report.definition_digest,
        "digests": {one.title: one.digest for one in found.studies},
        "known": msgspec.to_builtins(found.known),
        "left_out": msgspec.to_builtins(found.past.losses),
        "requirements": [verdict_json(one) for one in verdicts],
        "runs": len(same.samples),
        "seed": same.seed,
        "recorded": {one.name: one.recorded for one in found.beside()},
        "same_rules": {
            one.name: {
                "mean": one.replayed.mean,
                "half_width": one.replayed.half_width,
                "deviation": one.deviation,
            }
            for one in found.beside()
        },
    }
    if found.comparison is not None:
        facts["other_rules"] = {
            one.name: {
                "mean": one.other.mean,
                "half_width": one.other.half_width,
                "change": one.change.mean,
                "change_half_width": one.change.half_width,
                "is_clear": one.is_clear,
            }
            for one in found.comparison.differences(1)
        }
    return json_text(facts)

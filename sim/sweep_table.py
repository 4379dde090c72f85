"""A grid, and where a plan breaks, as tables for a terminal and as JSON; functions of them."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from acd.errors import printable
from sim.intervals import Estimate
from sim.json_text import json_text
from sim.report import NOTHING
from sim.requirement import Requirement, Verdict, best_reached
from sim.study import names_of
from sim.study_table import kind_of, shown
from sim.sweep import Breaking, Grid

SHOWN: Final = ("service_level", "abandonment", "asa_s")
"""Measures of the table where none are asked for."""


def grid_table(
    found: Grid, verdicts: Sequence[Sequence[Verdict]], names: Sequence[str] = ()
) -> Group:
    """Return a line for each point, and below what no point meets.

    Args:
        found: The grid.
        verdicts: What each point says of what is required, which is shown whatever is asked.
        names: The figures that are asked for, or how their names end; `SHOWN` if there are none.
    """
    required = dict.fromkeys(one.name for of_point in verdicts for one in of_point)
    chosen = _chosen(found, (*(names or SHOWN), *required))
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for knob in found.knobs:
        made.add_column(printable(knob), justify="right")
    for name in chosen:
        made.add_column(printable(name.replace(".", " ")), justify="right")
    if required:
        made.add_column("required")
    for point, of_point in zip(found.points, verdicts, strict=True):
        cells = [shown(point.study.estimate(name), kind_of(name)) for name in chosen]
        if required:
            cells.append("met" if all(one.is_met for one in of_point) else "not met")
        made.add_row(*map(Text, (*point.values, *cells)))
    study = found.points[0].study
    foot = (
        f"Mean of {len(study.samples)} runs ± half the width of its {100 * study.confidence:g} % "
        f"interval, seed {study.seed}."
    )
    return Group(made, *map(Text, (*_met_nowhere(found, verdicts), foot)))


def _chosen(found: Grid, names: Sequence[str]) -> list[str]:
    """Return the full names of figures whose names are, or end in, what is asked."""

    def picked(known: Iterable[str]) -> list[str]:
        return [
            one for one in dict.fromkeys(known) if one in names or one.rpartition(".")[2] in names
        ]

    studies = [point.study for point in found.points]
    # What was measured; where nobody came what might have been, to be shown as nothing.
    measured = picked(name for study in studies for name in study.names())
    return measured or picked(name for study in studies for name in names_of(study.scenario))


def _met_nowhere(found: Grid, verdicts: Sequence[Sequence[Verdict]]) -> list[str]:
    """Say what no point meets, with the best that was reached."""
    points = [
        " ".join(f"{name}={value}" for name, value in zip(found.knobs, point.values, strict=True))
        for point in found.points
    ]
    return [
        _nowhere(of_one[0].requirement, "at no point", of_one[0].name, best_reached(of_one), points)
        for of_one in zip(*verdicts, strict=True)
        if not any(one.is_met for one in of_one)
    ]


def _nowhere(
    requirement: Requirement,
    where: str,
    name: str,
    best: tuple[int, Estimate] | None,
    places: Sequence[str],
) -> str:
    said = f"{requirement} is met {where}"
    if best is None:
        return printable(f"{said}: no run had the figure.")
    place, estimate = best
    return printable(f"{said}; the best is {shown(estimate, kind_of(name))}, at {places[place]}.")


def grid_json(found: Grid, verdicts: Sequence[Sequence[Verdict]]) -> str:
    """Return every figure of every point; keys sorted."""
    facts = [
        {
            "values": dict(zip(found.knobs, point.values, strict=True)),
            "keeps_requirements": all(one.is_met for one in of_point),
            "digest": point.study.digest,
            "figures": {
                name: {"mean": one.mean, "half_width": one.half_width}
                for name in point.study.names()
                if (one := point.study.estimate(name)) is not None
            },
        }
        for point, of_point in zip(found.points, verdicts, strict=True)
    ]
    return json_text(facts)


def peak_table(found: Sequence[Breaking], *, replications: int, seed: int) -> Group:
    """Return a line for each objective, and below which of them hold at no load.

    Args:
        found: Where each breaks.
        replications: How many runs there were at each load.
        seed: Of all.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column("Objective")
    for title in ("holds at", "breaks at", "surely holds at", "surely breaks at"):
        made.add_column(title, justify="right")
    for one in found:
        loads = (one.holds, one.breaks, one.surely_holds, one.surely_breaks)
        cells = (NOTHING if load is None else _load(load) for load in loads)
        made.add_row(Text(printable(str(one.requirement))), *map(Text, cells))
    never = [
        _nowhere(
            one.requirement,
            f"at none of the loads tried, from {_load(one.tried[0])} to {_load(one.tried[-1])}",
            one.name,
            one.best,
            [_load(load) for load in one.tried],
        )
        for one in found
        if one.holds is None
    ]
    foot = f"Factors of the plan's load, each tried with {replications} runs, seed {seed}."
    return Group(made, *map(Text, (*never, foot)))


def _load(factor: float) -> str:
    return f"{factor:.4g} ×"


def peak_json(found: Sequence[Breaking]) -> str:
    """Return what was found of each objective; keys sorted."""
    facts = [
        {
            "objective": str(one.requirement),
            "name": one.name,
            "holds": one.holds,
            "breaks": one.breaks,
            "surely_holds": one.surely_holds,
            "surely_breaks": one.surely_breaks,
            "best": None
            if one.best is None
            else {"load": one.tried[one.best[0]], "mean": one.best[1].mean},
        }
        for one in found
    ]
    return json_text(facts)

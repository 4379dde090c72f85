"""A proposed staffing as a page: the plan against its demand, then the runs that confirm it."""

from typing import Final
from zoneinfo import ZoneInfo

from matplotlib import style

from acd.settings import DAY_US
from sim.plots import INK, STYLE, Band, Plot, legend, panels, stack, svg_of, time_axis
from sim.proposal import Proposal
from sim.staff_table import columns, rows, sentences
from sim.study_page import Section, study_page
from sim.workload import Scenario

_LIGHT: Final = ("#88CCEE", "#DDCC77", "#44AA99", "#CC6677", "#999933", "#AA4499")
"""Of Tol's colours those on which a dark line is seen."""


def staff_page(day: Scenario, found: Proposal, shrinkage: float = 0.0) -> str:
    """Return a page that needs nothing beside itself.

    Args:
        day: The scenario that was asked about.
        found: What is proposed for it.
        shrinkage: Share of the paid time that agents are not there, from 0 to below 1.
    """
    picture = plan_plot(day, found)
    first = [
        Section(picture.title, " ".join(sentences(found)), svg=picture.svg),
        Section(
            "In each interval",
            columns=columns(found, shrinkage),
            rows=tuple(rows(day, found, shrinkage)),
        ),
    ]
    return study_page(found.confirmed.scenario, found.confirmed, first=first)


def plan_plot(day: Scenario, found: Proposal) -> Plot:
    """Return the members of each group by interval, and how many the load alone needs."""
    bounds_us = [day.start_us + at * day.interval_us for at in range(day.intervals + 1)]
    edges = [bound_us / DAY_US for bound_us in bounds_us]
    with style.context(["default", STYLE]):
        figure, (axes,) = panels(1, ratios=(4.5,))
        groups = found.staffing.items()
        stack(
            axes,
            edges,
            [
                Band(group, _LIGHT[number % len(_LIGHT)], list(map(float, counts)))
                for number, (group, counts) in enumerate(groups)
            ],
        )
        if found.least is not None:
            least = [sum(counts) for counts in zip(*found.least.values(), strict=True)]
            axes.stairs(least, edges, color=INK, linewidth=1.6, baseline=None, label="at least")
        axes.set(title="Agents proposed, and what the load alone takes", ylabel="agents")
        legend(axes)
        time_axis(axes, edges, ZoneInfo(day.time_zone))
        return Plot("Staffing against demand", svg_of(figure))

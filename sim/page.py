"""What a run found, as one HTML file that needs nothing beside itself."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from acd.settings import SECOND_US
from sim.plots import plots
from sim.report import (
    CALLBACK_COLUMNS,
    COLUMNS,
    CUSTOMER_COLUMNS,
    TEAM_COLUMNS,
    TEXT_COLUMNS,
    callback_rows,
    customer_rows,
    notes,
    percent,
    table_rows,
    team_rows,
)
from sim.result import Result
from sim.served_plots import served_plots
from sim.workload import Scenario


def as_html(scenario: Scenario, seed: int, result: Result) -> str:
    """Return one HTML file with plots, tables and definitions, and no reference to anything."""
    report = result.report
    return render(
        "report.html",
        title=scenario.title,
        seed=seed,
        span=span_of(scenario),
        definitions=report.definitions,
        plots=[*plots(scenario, report), *served_plots(report, result.served)],
        columns=COLUMNS,
        text_columns=TEXT_COLUMNS,
        rows=list(table_rows(report)),
        team_columns=TEAM_COLUMNS,
        teams=list(team_rows(result)),
        customer_columns=CUSTOMER_COLUMNS,
        customers=list(customer_rows(result)),
        callback_columns=CALLBACK_COLUMNS,
        callbacks=list(callback_rows(result)),
        notes=notes(scenario, report),
        headline=_headline(result),
    )


def render(template: str, **values: Any) -> str:  # noqa: ANN401 - what templates show.
    """Return a page of a template of ours; texts are escaped."""
    environment = Environment(
        autoescape=True,
        loader=PackageLoader("sim"),
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(template).render(**values)


def span_of(scenario: Scenario) -> str:
    """Return the scenario's day and hours, like `Monday, 14 December 2026, 07:00 to 21:00`."""
    zone = ZoneInfo(scenario.time_zone)
    start, end = (
        datetime.fromtimestamp(instant_us / SECOND_US, zone)
        for instant_us in (scenario.start_us, scenario.end_us)
    )
    day = f"{start:%A}, {start.day} {start:%B %Y}"
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%A %H:%M}"
    return f"{day}, {start:%H:%M} to {until} ({scenario.time_zone})"


def _headline(result: Result) -> list[tuple[str, str]]:
    """Return the figures that stand above all others, each with its name."""
    totals = [row.total for row in result.report.rows]
    called = sum(each.promised for each in result.callbacks)
    return [
        (f"{result.arrived:,}", "arrived"),
        (f"{sum(total.answered for total in totals):,}", "answered"),
        (f"{sum(total.abandoned for total in totals):,}", "abandoned"),
        *([(f"{called:,}", "callbacks")] if result.callbacks else []),
        (f"{sum(total.waiting for total in totals):,}", "still waiting"),
        (percent(result.report.total.total.occupancy), "occupancy"),
    ]

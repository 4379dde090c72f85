"""The pictures of a report, as SVG that stands inside HTML.

One picture a channel, since their scales differ: calls wait seconds and emails hours, and a curve
drawn over both shows neither. Queues keep their colour in all pictures. Then the agents.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DateFormatter
from matplotlib.figure import Figure

from acd.figures import Figures, Report, Row, Span, service_level
from acd.ids import Channel
from acd.settings import DAY_US, SECOND_US, Abandons
from sim.coverage import scheduled_heads
from sim.report import round_duration
from sim.workload import Scenario

# Tol's "muted" scheme: told apart by the colour-blind, too (P. Tol, 2021, "Colour schemes").
COLOURS: Final = (
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255",
    "#AA4499",
)  # fmt: skip
ORDER: Final = (Channel.VOICE, Channel.CHAT, Channel.WEB_FORM, Channel.EMAIL)
"""The most urgent first."""
BANDS_MAX: Final = len(COLOURS)
"""Most queues told apart in one picture."""
INK: Final = "#1f2933"
PALE: Final = "#c5ccd6"

STYLE: Final[dict[str, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": PALE,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "font.family": "sans-serif",
    "font.size": 9,
    "grid.color": "#e6eaef",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    # The ids of clip paths come from a hash; with a salt of our own it is the same on each run.
    "svg.hashsalt": "acd",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


class Plot(NamedTuple):
    """One picture."""

    title: str
    svg: str


class Band(NamedTuple):
    """What is drawn for one queue, or for the small ones together."""

    name: str
    colour: str
    heights: list[float]


def plots(scenario: Scenario, report: Report) -> list[Plot]:
    """Return a picture for each channel that had contacts, and one of the agents."""
    with style.context(["default", STYLE]):
        made = [
            _channel(scenario, report, channel, rows)
            for channel in ORDER
            if (
                rows := [row for row in report.rows if row.channel is channel and row.total.offered]
            )
        ]
        return [*made, _agents(scenario, report)]


def _channel(scenario: Scenario, report: Report, channel: Channel, rows: list[Row]) -> Plot:
    figure, (arrivals, waiting, level) = panels(3, ratios=(3, 3, 2.4))
    edges = edges_of(rows[0].intervals)
    colours = colours_of(report)
    minutes = report.interval_us // (60 * SECOND_US)
    stack(arrivals, edges, _bands(rows, colours, lambda one: one.offered))
    arrivals.set(title="Arrivals", ylabel=f"contacts per {minutes} min")
    stack(waiting, edges, _bands(rows, colours, lambda one: one.queue_length or 0.0))
    waiting.set(title="Queue length", ylabel="contacts waiting\n(mean of interval)")
    for row in rows if 1 < len(rows) <= BANDS_MAX else ():
        shares = [_percent(one.service_level) for one in row.intervals]
        level.stairs(
            shares, edges, color=colours[row.queue], linewidth=1, alpha=0.65, baseline=None
        )
    together = _together(rows, scenario.settings.measures.abandons)
    level.stairs(together, edges, color=INK, linewidth=2, baseline=None, label="all queues")
    level.set(title=_level_title(rows), ylabel="% within the\nthreshold", ylim=(0, 103))
    level.set_yticks([0, 25, 50, 75, 100])
    for axes in (arrivals, waiting, level):
        _mark_peaks(axes, scenario, channel)
    legend(arrivals)
    if len(rows) > 1:
        level.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    time_axis(level, edges, ZoneInfo(scenario.time_zone))
    return Plot(channel.replace("_", " ").capitalize(), svg_of(figure))


def _bands(
    rows: Sequence[Row], colours: dict[str, str], value: Callable[[Figures], float]
) -> list[Band]:
    """Return a band for each queue; of many queues the small ones are put together."""
    shown = {row.queue for row in rows}
    if len(rows) > BANDS_MAX:
        large = sorted(rows, key=lambda row: row.total.offered, reverse=True)[: BANDS_MAX - 1]
        shown = {row.queue for row in large}
    bands = [
        Band(row.queue, colours[row.queue], [value(one) for one in row.intervals])
        for row in rows
        if row.queue in shown
    ]
    small = [[value(one) for one in row.intervals] for row in rows if row.queue not in shown]
    if small:
        bands.append(
            Band(f"{len(small)} others", PALE, [sum(same) for same in zip(*small, strict=True)])
        )
    return bands


def _level_title(rows: Sequence[Row]) -> str:
    """Name the threshold where the channel has but one."""
    thresholds = {row.threshold_us for row in rows}
    within = f", within {round_duration(*thresholds)}" if len(thresholds) == 1 else ""
    return "Service level" + within


def _mark_peaks(axes: Axes, scenario: Scenario, channel: Channel) -> None:
    """Shade when the scenario's peaks and batches bring more contacts of a channel."""
    hit = {stream.name for stream in scenario.streams if stream.channel is channel}
    spans = [
        (peak.name, peak.from_offset_us, peak.until_offset_us)
        for peak in scenario.peaks
        if hit.intersection(peak.streams)
    ]
    spans += [
        (batches.name, at_us, at_us + batches.batch.spread_us)
        for batches in scenario.batches
        if hit.intersection(batches.streams)
        for at_us in batches.at_offsets_us
    ]
    named: set[str] = set()
    for name, from_us, until_us in spans:
        start_us = scenario.start_us + from_us
        end_us = min(scenario.start_us + until_us, scenario.end_us)
        label = None if name in named else name
        named.add(name)
        axes.axvspan(start_us / DAY_US, end_us / DAY_US, color="#fdf0d5", zorder=0, label=label)


def _agents(scenario: Scenario, report: Report) -> Plot:
    figure, (staff, occupancy) = panels(2, ratios=(3, 2.4))
    spans = report.total.intervals
    edges = edges_of(spans)
    busy = [_heads(span, span.busy_us) for span in spans]
    ready = [_heads(span, span.busy_us + span.idle_us) for span in spans]
    staff.stairs(ready, edges, fill=True, color="#d5dbe3", label="idle")
    staff.stairs(busy, edges, fill=True, color="#4c78a8", label="busy")
    heads = scheduled_heads(scenario, [*(one.from_us for one in spans), spans[-1].to_us])
    staff.stairs(heads, edges, color=INK, linewidth=1.4, baseline=None, label="scheduled")
    staff.set(title="Agents at work", ylabel="agents\n(mean of interval)")
    staff.set_ylim(bottom=0, top=max(*ready, *heads) * 1.06 or 1.0)
    teams = [team for team in report.groups if team.total.busy_us or team.total.idle_us]
    for number, team in enumerate(teams):
        shares = [_percent(span.occupancy) for span in team.intervals]
        colour = COLOURS[number % len(COLOURS)]
        occupancy.stairs(shares, edges, color=colour, linewidth=1.4, baseline=None, label=team.name)
    occupancy.set(title="Occupancy", ylabel="% of time busy", ylim=(0, 103))
    occupancy.set_yticks([0, 25, 50, 75, 100])
    for axes in (staff, occupancy) if teams else (staff,):
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    time_axis(occupancy, edges, ZoneInfo(scenario.time_zone))
    return Plot("Agents", svg_of(figure))


def panels(count: int, ratios: Sequence[float]) -> tuple[Figure, Sequence[Axes]]:
    """Return panels above one another with one time axis, and room for a legend on the right."""
    height = 0.62 * sum(ratios) + 0.7 * count
    figure = Figure(figsize=(10, height))
    grid = figure.subplots(count, sharex=True, height_ratios=ratios, squeeze=False)
    # Titles and the axis of time need so many inches, however many panels there are.
    top, bottom = 1 - 0.36 / height, 0.58 / height
    figure.subplots_adjust(left=0.085, right=0.80, top=top, bottom=bottom, hspace=0.42)
    return figure, list(grid[:, 0])


def stack(axes: Axes, edges: Sequence[float], bands: Sequence[Band]) -> None:
    """Draw steps upon steps, the first band at the bottom."""
    base = [0.0] * (len(edges) - 1)
    for band in bands:
        top = [low + high for low, high in zip(base, band.heights, strict=True)]
        axes.stairs(top, edges, baseline=base, fill=True, color=band.colour, label=band.name)
        base = top
    axes.set_ylim(bottom=0, top=max(base) * 1.06 or 1.0)


def _together(rows: Sequence[Row], abandons: Abandons) -> list[float]:
    """Return the service level in percent of several queues as if they were one."""
    return [
        _percent(
            service_level(
                answered=sum(one.answered for one in same),
                answered_in_time=sum(one.answered_in_time for one in same),
                abandoned=sum(one.abandoned for one in same),
                abandoned_in_time=sum(one.abandoned_in_time for one in same),
                abandoned_short=sum(one.abandoned_short for one in same),
                waiting_late=sum(one.waiting_late for one in same),
                abandons=abandons,
            )
        )
        for same in zip(*(row.intervals for row in rows), strict=True)
    ]


def legend(axes: Axes) -> None:
    """Name the colours outside the data, in the order in which they are stacked."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0
    )


def time_axis(axes: Axes, edges: Sequence[float], zone: ZoneInfo) -> None:
    """Show local times below."""
    locator = AutoDateLocator(tz=zone, minticks=5, maxticks=16)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    if edges[-1] - edges[0] <= 1.5:
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]
    else:
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, zone))  # type: ignore[no-untyped-call]
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(f"local time ({zone.key})")


def edges_of(spans: Sequence[Figures] | Sequence[Span]) -> list[float]:
    """Return where the intervals begin and where the last ends, as matplotlib's dates."""
    instants_us = [*(one.from_us for one in spans), spans[-1].to_us]
    # Matplotlib counts days since the epoch, in UTC, unless told otherwise.
    return [instant_us / DAY_US for instant_us in instants_us]


def colours_of(report: Report) -> dict[str, str]:
    """Return the colour of each queue; of many queues the largest have colours of their own."""
    names: dict[str, int] = {}
    for row in report.rows:
        names[row.queue] = names.get(row.queue, 0) - row.total.offered
    if len(names) > len(COLOURS):
        names = dict(sorted(names.items(), key=lambda item: item[1]))
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}


def _heads(span: Span, time_us: int) -> float:
    return time_us / max(span.to_us - span.from_us, 1)


def _percent(share: float | None) -> float:
    return float("nan") if share is None else 100 * share


def svg_of(figure: Figure) -> str:
    """Return the picture without prolog and metadata, which would name hosts and a date."""
    out = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    return text[text.index("<svg") :]

"""The pictures of several runs, of one scenario or of variants, as SVG that stands inside HTML.

A line is the mean over the runs, interval by interval; the band around it is its confidence
interval. Variants keep their colour in all pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from matplotlib import style
from matplotlib.axes import Axes

from acd.figures import Row
from sim.comparison import Comparison
from sim.intervals import Estimate, mean_of
from sim.plots import INK, PALE, STYLE, Plot, edges_of, panels, svg_of, time_axis
from sim.served import Served, together
from sim.served_plots import Curve, Panel, handled_plot, waits_plot
from sim.study import Study, by_interval, rows_of
from sim.workload import Scenario

PICTURES_MAX: Final = 24
"""Most queues and channels drawn, those with the most contacts; the tables have all."""

_VARIANTS: Final = ("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#882255")
"""Of Tol's "muted" scheme, those that are furthest apart first."""

_NAN: Final = float("nan")


def plots_of(
    scenario: Scenario, studies: Mapping[str, Study], comparison: Comparison | None = None
) -> list[Plot]:
    """Return a picture for each queue and channel, of the days, the waits, and who handled what.

    Args:
        scenario: Whose clock and intervals they have; of variants any.
        studies: By variant.
        comparison: The same studies, where there are several: adds the differences.
    """
    first = next(iter(studies.values()))
    rows = [row for row in first.samples[0].report.rows if _offered(first, row)]
    rows = sorted(rows, key=lambda row: -_offered(first, row))[:PICTURES_MAX]
    with style.context(["default", STYLE]):
        made = [_queue(scenario, studies, comparison, row) for row in rows]
        if rows:
            made.append(_days(studies, rows))
    served = {
        name: together(one.served for one in study.samples) for name, study in studies.items()
    }
    made += waits_plot(list(_panels(served, rows)))
    for name, one in served.items():
        title = "Who handled what" + (f": {name}" if len(studies) > 1 else "")
        made += handled_plot(one, title, runs=len(first.samples))
    return made


def _panels(served: Mapping[str, Served], rows: Sequence[Row]) -> Iterator[Panel]:
    """Yield the waits of each queue and channel, a curve for each variant."""
    for row in rows:
        curves = [
            Curve(name, _colour(number), one.waits[row.queue, row.channel])
            for number, (name, one) in enumerate(served.items())
            if (row.queue, row.channel) in one.waits
        ]
        if curves:
            title = f"{row.queue}, {row.channel.replace('_', ' ')}"
            yield Panel(title, frozenset({row.threshold_us}), tuple(curves))


def _offered(study: Study, row: Row) -> float:
    return sum(study.values(f"{row.queue}.{row.channel}.offered"))


def _queue(
    scenario: Scenario, studies: Mapping[str, Study], comparison: Comparison | None, row: Row
) -> Plot:
    several = comparison is not None
    figure, axes = panels(3 + several, ratios=(2.4, 2.6, 2.6, 2.2)[: 3 + several])
    arrivals, waiting, level = axes[:3]
    edges = edges_of(row.intervals)
    minutes = scenario.settings.measures.interval_us // 60_000_000
    first = next(iter(studies.values()))
    _band(arrivals, edges, _by_interval(first, row, "offered"), INK, "")
    arrivals.set(title="Arrivals", ylabel=f"contacts per {minutes} min")
    for number, (name, study) in enumerate(studies.items()):
        if (row.queue, row.channel) not in rows_of(study):
            continue
        colour = _colour(number)
        _band(waiting, edges, _by_interval(study, row, "queue_length"), colour, name)
        shares = _by_interval(study, row, "service_level", scale=100)
        _band(level, edges, shares, colour, name)
    waiting.set(title="Queue length", ylabel="contacts waiting\n(mean of interval)")
    level.set(title="Service level", ylabel="% within the\nthreshold", ylim=(0, 103))
    for one in (arrivals, waiting):
        one.set_ylim(bottom=0)
    if comparison is not None:
        _differences(axes[3], edges, comparison, row)
    if len(studies) > 1:
        waiting.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    time_axis(axes[-1], edges, ZoneInfo(scenario.time_zone))
    return Plot(f"{row.queue}, {row.channel.replace('_', ' ')}", svg_of(figure))


def _differences(axes: Axes, edges: Sequence[float], comparison: Comparison, row: Row) -> None:
    """Draw how the service level differs from the base's, by pairs of runs."""
    axes.axhline(0.0, color=PALE, linewidth=1)
    for variant, name in enumerate(comparison.names[1:], start=1):
        found = comparison.by_interval(row.queue, row.channel, "service_level", variant)
        _band(axes, edges, [_scaled(one, 100) for one in found], _colour(variant), name)
    axes.set(
        title=f"Service level less that of {comparison.names[0]}, by pairs of runs",
        ylabel="percentage\npoints",
    )


def _by_interval(study: Study, row: Row, measure: str, scale: float = 1.0) -> list[Estimate | None]:
    """Return a measure of each interval with its confidence interval."""
    runs = [by_interval(one.report, row.queue, row.channel, measure) for one in study.samples]
    return [
        _scaled(
            mean_of(
                [float(value) for value in same if value is not None],
                study.confidence,
            ),
            scale,
        )
        for same in zip(*runs, strict=True)
    ]


def _scaled(estimate: Estimate | None, scale: float) -> Estimate | None:
    if estimate is None:
        return None
    return estimate._replace(mean=estimate.mean * scale, half_width=estimate.half_width * scale)


def _band(
    axes: Axes, edges: Sequence[float], estimates: Sequence[Estimate | None], colour: str, name: str
) -> None:
    """Draw steps of means, and the bands of their intervals where they are bounded."""
    means = [_NAN if one is None else one.mean for one in estimates]
    lows, highs = (
        [
            _NAN
            if one is None or one.half_width == float("inf")
            else one.mean + sign * one.half_width
            for one in estimates
        ]
        for sign in (-1, 1)
    )
    axes.stairs(highs, edges, baseline=lows, fill=True, color=colour, alpha=0.22, linewidth=0)
    axes.stairs(means, edges, color=colour, linewidth=1.6, baseline=None, label=name)


def _days(studies: Mapping[str, Study], rows: Sequence[Row]) -> Plot:
    """Draw for each queue and channel on how many days the service level is at least so much."""
    across = min(3, len(rows))
    down = -(-len(rows) // across)
    figure, _ = panels(1, ratios=(3.2 * down,))
    figure.clear()
    figure.subplots_adjust(left=0.07, right=0.98, top=0.93, bottom=0.13 / down + 0.04)
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    figure.subplots_adjust(hspace=0.45, wspace=0.12)
    for axes in grid.flat[len(rows) :]:
        axes.set_visible(False)
    for axes, row in zip(grid.flat, rows, strict=False):
        for number, (name, study) in enumerate(studies.items()):
            levels = study.values(f"{row.queue}.{row.channel}.service_level")
            if not levels:
                continue
            axes.step(
                *reached(levels),
                where="pre",
                color=_colour(number),
                linewidth=1.6,
                label=name,
            )
        axes.set_title(f"{row.queue}, {row.channel.replace('_', ' ')}")
        axes.set(xlim=(0, 100), ylim=(0, 103))
    for axes in grid[:, 0]:
        axes.set_ylabel("% of days")
    for axes in grid[-1]:
        axes.set_xlabel("service level of a day, at least (%)")
    if len(studies) > 1:
        grid[0][0].legend(loc="lower left")
    return Plot("How likely a good day is", svg_of(figure))


def reached(levels: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return levels in per cent, and which share of the days, in per cent, is at each or above.

    From 0 on, up to 100; between two of them the share is that of the upper.

    >>> reached([0.9, 0.5, 1.0, 1.0])
    ([0.0, 50.0, 90.0, 100.0], [100.0, 100.0, 75.0, 50.0])
    """
    below = sorted(one for one in levels if one < 1)
    count = len(levels)
    shares = [100 * (count - rank) / count for rank in range(len(below) + 1)]
    return [0.0, *(100 * one for one in below), 100.0], [100.0, *shares]


def _colour(variant: int) -> str:
    return _VARIANTS[variant % len(_VARIANTS)]

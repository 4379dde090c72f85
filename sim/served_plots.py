"""Pictures of how long the answered waited, and of who handled what."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from acd.figures import Report, Row
from acd.settings import SECOND_US
from acd.wait_counts import bucket_wait_us, wait_quantiles_s
from sim.patience import Floats
from sim.plots import BANDS_MAX, INK, ORDER, PALE, STYLE, Plot, colours_of, svg_of
from sim.report import round_duration
from sim.served import Served

LINES_MAX: Final = 30
"""Most queues and channels, and most groups, that a map of who handled what tells apart."""

NAME_MAX: Final = 26
"""Longest name beside the map."""

ROOM_IN: Final = 0.26
"""Width of a field, in inches, in which its share finds room."""

_SHADES: Final = LinearSegmentedColormap.from_list("acd", ["#f3f5f8", "#88CCEE", "#332288"])


class Curve(NamedTuple):
    """Waits of one queue, or variant, in one panel."""

    name: str
    colour: str
    waits: Mapping[int, int]
    """Of the answered, by `wait_bucket`."""
    width: float = 1.4


class Panel(NamedTuple):
    """One picture of waits."""

    title: str
    thresholds_us: frozenset[int]
    curves: tuple[Curve, ...]


def served_plots(report: Report, served: Served) -> list[Plot]:
    """Return the pictures of one run: a panel of waits for each channel, and who handled what.

    None where nobody was answered.
    """
    colours = colours_of(report)
    panels = []
    for channel in ORDER:
        rows = [row for row in report.rows if (row.queue, channel) in served.waits]
        rows = [row for row in rows if row.channel is channel]
        if rows:
            panels.append(_panel_of(rows, served, colours))
    return [*waits_plot(panels), *handled_plot(served)]


def _panel_of(rows: Sequence[Row], served: Served, colours: Mapping[str, str]) -> Panel:
    """Return a channel's waits: of its queues, the small ones together, and of all."""
    named = sorted(rows, key=lambda row: row.total.answered, reverse=True)
    cut = len(named) if len(named) <= BANDS_MAX else BANDS_MAX - 1
    shown = {row.queue for row in named[:cut]}
    curves = [
        Curve(row.queue, colours[row.queue], served.waits[row.queue, row.channel])
        for row in rows
        if row.queue in shown
    ]
    small = [served.waits[row.queue, row.channel] for row in named[cut:]]
    if small:
        curves.append(Curve(f"{len(small)} others", PALE, _added(small)))
    if len(rows) > 1:
        every = _added(served.waits[row.queue, row.channel] for row in rows)
        curves.append(Curve("all queues", INK, every, 2.2))
    return Panel(
        _words(rows[0].channel).capitalize(),
        frozenset(row.threshold_us for row in rows),
        tuple(curves),
    )


def _added(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for part in parts:
        for bucket, count in part.items():
            total[bucket] = total.get(bucket, 0) + count
    return total


def waits_plot(panels: Sequence[Panel]) -> list[Plot]:
    """Return a picture of the waits of the answered, with a panel for each of some; none of none.

    Each curve says which share waited at most so long. The axis ends where 99 % of the slowest
    queue's have been answered, or at one and a half thresholds.
    """
    if not panels:
        return []
    across = min(2 if len(panels) <= 4 else 3, len(panels))
    down = -(-len(panels) // across)
    height = 3.0 * down + 0.4
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(10, height))
        grid = figure.subplots(down, across, squeeze=False)
        figure.subplots_adjust(
            left=0.07, right=0.97, top=1 - 0.36 / height, bottom=0.55 / height,
            hspace=0.5, wspace=0.2,
        )  # fmt: skip
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _waits(axes, panel)
        for axes in grid[:, 0]:
            axes.set_ylabel("% of the answered")
        return [Plot("How long the answered waited", svg_of(figure))]


def _waits(axes: Axes, panel: Panel) -> None:
    slowest = (wait_quantiles_s(one.waits, (99,))[0] or 0.0 for one in panel.curves)
    last_s = max(*slowest, 1.5 * max(panel.thresholds_us) / SECOND_US)
    unit_s, unit = _unit(last_s)
    for one in panel.curves:
        buckets = sorted(one.waits)
        total = sum(one.waits.values())
        ends = [bucket_wait_us(bucket) / SECOND_US / unit_s for bucket in buckets]
        shares = [100 * upto / total for upto in accumulate(one.waits[each] for each in buckets)]
        axes.step(
            [0.0, *ends, last_s / unit_s + 1], [0.0, *shares, shares[-1]],
            where="post", color=one.colour, linewidth=one.width, label=one.name,
        )  # fmt: skip
    for threshold_us in sorted(panel.thresholds_us):
        axes.axvline(threshold_us / SECOND_US / unit_s, color=INK, linewidth=1, linestyle=":")
    if len(panel.thresholds_us) == 1:
        within = f"threshold {round_duration(*panel.thresholds_us)}"
    else:
        within = "thresholds dotted"
    axes.set_title(_short(panel.title))
    axes.set(xlim=(0, last_s / unit_s), ylim=(0, 103), xlabel=f"waited at most ({unit}); {within}")
    if len(panel.curves) > 1:
        axes.legend(loc="lower right", fontsize=7.5, ncols=2 if len(panel.curves) > 5 else 1)


def _unit(last_s: float) -> tuple[int, str]:
    """Return the seconds and the name of the largest unit of which an axis shows three."""
    if last_s >= 3 * 3600:
        return 3600, "h"
    return (60, "min") if last_s >= 3 * 60 else (1, "s")


def handled_plot(served: Served, title: str = "Who handled what", runs: int = 1) -> list[Plot]:
    """Return a map of the queues and channels that each group's contacts were of; none of none.

    Args:
        served: Of one run, or of several together.
        title: Of the picture.
        runs: How many; the numbers of contacts are means of a run.
    """
    groups = [name for name, taken in served.by_group.items() if any(taken.values())]
    if not groups:
        return []
    found = {line for taken in served.by_group.values() for line in taken}
    # By channel, and in the settings' order, as the counts of waits are; who was only called back
    # stands in no wait.
    places = {line: place for place, line in enumerate(served.waits)}
    lines = sorted(found, key=lambda line: (ORDER.index(line[1]), places.get(line, len(places))))
    counts = np.array([[served.by_group[one].get(line, 0) for line in lines] for one in groups])
    one_channel = len({channel for _, channel in lines}) == 1
    names = [queue if one_channel else f"{queue} {_words(channel)}" for queue, channel in lines]
    counts, names = _limited(counts, names)
    transposed, rows = _limited(counts.T, [name or "no group" for name in groups])
    with style.context(["default", STYLE]):
        return [Plot(title, svg_of(_map(transposed.T / runs, rows, names)))]


def _limited(counts: Floats, names: Sequence[str]) -> tuple[Floats, list[str]]:
    """Return columns of counts and their names; of many the small ones are put together."""
    if len(names) <= LINES_MAX:
        return counts, list(names)
    largest = np.argsort(-counts.sum(axis=0), kind="stable")
    kept, rest = np.sort(largest[: LINES_MAX - 1]), largest[LINES_MAX - 1 :]
    others = counts[:, rest].sum(axis=1, keepdims=True)
    named = [names[at] for at in kept]
    return np.hstack([counts[:, kept], others]), [*named, f"{len(rest)} others"]


def _map(counts: Floats, groups: Sequence[str], lines: Sequence[str]) -> Figure:
    """Draw each group's shares as shades, the darkest where all its contacts are of one line."""
    groups, lines = ([_short(one) for one in names] for names in (groups, lines))
    # In inches, so that fields are of one size however many there are.
    left, right, top = 0.25 + 0.075 * max(map(len, groups)), 0.9, 0.62
    bottom = 0.2 + 0.055 * max(map(len, lines))
    wide = min(0.75 * len(lines), 10 - left - right)
    high = 0.32 * len(groups)
    height = bottom + high + top
    figure = Figure(figsize=(10, height))
    axes = figure.add_axes((left / 10, bottom / height, wide / 10, high / height))
    totals = counts.sum(axis=1)
    shares = counts / totals[:, None]
    axes.pcolormesh(shares, cmap=_SHADES, vmin=0, vmax=1, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_yticks(np.arange(len(groups)) + 0.5, groups)
    axes.set_xticks(
        np.arange(len(lines)) + 0.5, lines, rotation=40, ha="right", rotation_mode="anchor"
    )
    axes.set_title("% of each group's contacts", pad=20)
    is_roomy = wide >= ROOM_IN * len(lines)
    for row, of_row in enumerate(shares):
        axes.text(len(lines) + 0.15, row + 0.5, f"{totals[row]:,.0f}", va="center")
        for column, share in enumerate(of_row if is_roomy else ()):
            if share >= 0.005:
                axes.text(
                    column + 0.5, row + 0.5, f"{100 * share:.0f}",
                    ha="center", va="center", color="white" if share > 0.7 else INK,
                )  # fmt: skip
    axes.text(len(lines) + 0.15, -0.15, "contacts", va="bottom", fontsize=8)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…"


def _words(channel: str) -> str:
    return channel.replace("_", " ")

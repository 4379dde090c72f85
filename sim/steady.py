"""Steady-state figures of one long run: the beginning left out, intervals by batch means.

For a line that is asked what it does in the long run. A day that begins empty and ends is not in
the steady state: it is run several times instead (`sim.study`).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from acd.figures import Figures, Report
from acd.settings import SECOND_US, Abandons
from sim.intervals import CONFIDENCE, Estimate, ratio_of_batches

BATCHES: Final = 20


class Parts(NamedTuple):
    """A figure of an interval, as a ratio."""

    above: float
    below: float


def steady(
    report: Report,
    abandons: Abandons,
    *,
    warm_up_us: int,
    batches: int = BATCHES,
    confidence: float = CONFIDENCE,
) -> dict[str, Estimate]:
    """Return figures by name, like `sales.voice.service_level`, with their intervals.

    Contacts count in the measures' interval in which they entered; the last intervals, as long as
    somebody of them waits still, count as they are.

    Args:
        report: Of one run.
        abandons: How its service level counts them.
        warm_up_us: The beginning, which is left out: whole intervals of the measures, rounded up.
        batches: Into how many the rest is cut.
        confidence: Of the intervals.

    Raises:
        ValueError: Too few intervals are left for so many batches.
    """
    first = -(-warm_up_us // report.interval_us)
    found: dict[str, Estimate] = {}
    for row in report.rows:
        for measure, parts_of in _measures(abandons).items():
            parts = [parts_of(one) for one in row.intervals[first:]]
            estimate = ratio_of_batches(
                [one.above for one in parts],
                [one.below for one in parts],
                batches=batches,
                confidence=confidence,
            )
            if estimate is not None:
                found[f"{row.queue}.{row.channel}.{measure}"] = estimate
    return found


def _measures(abandons: Abandons) -> dict[str, Callable[[Figures], Parts]]:
    def service_level(one: Figures) -> Parts:
        counted = one.answered + one.abandoned - one.abandoned_short + one.waiting_late
        if abandons is Abandons.IGNORED:
            counted -= one.abandoned_in_time - one.abandoned_short
        return Parts((one.service_level or 0.0) * counted, counted)

    def occupancy(one: Figures) -> Parts:
        return Parts(one.busy_us, one.busy_us + one.idle_us)

    return {
        "service_level": service_level,
        "abandonment": lambda one: Parts(
            one.abandoned - one.abandoned_short, one.offered - one.abandoned_short
        ),
        "asa_s": lambda one: Parts(one.wait_us / SECOND_US, one.answered),
        "aht_s": lambda one: Parts(one.handling_us / SECOND_US, one.handled),
        "occupancy": occupancy,
        "queue_length": lambda one: Parts(one.waiting_us, one.to_us - one.from_us),
    }

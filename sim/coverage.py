"""What the staffing of a scenario covers: how many are planned, and when nobody is who is needed.

A gap is when contacts come, and nobody is planned to be there who may take them. It is no mistake,
since a night may be meant so; `acd check` and `acd sim run` say it. Whoever may take a queue's
channel when all its steps are taken counts; breaks and absence do not.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from acd.errors import shown
from acd.ids import Channel, QueueName
from acd.service import takers_at_last
from acd.settings import SECOND_US
from sim.roster import Span, hours
from sim.workload import HOUR_US, Scenario

Spans: TypeAlias = list[tuple[int, int]]
"""Instants (from_us, to_us), in order and apart."""


class Gap(NamedTuple):
    """When contacts of a queue's channel come, and nobody is there for them."""

    queue: QueueName
    channel: Channel
    spans: Spans
    is_never: bool
    """Whether nobody is there at any time."""


def gaps(scenario: Scenario) -> list[Gap]:
    """Return at which times contacts come, and nobody is planned who may take them.

    Cost: O(agents), and for each queue O(intervals), and O(times of its shifts).
    """
    # The members of a group are alike: one stands for all.
    kinds = {
        (one.group, "" if one.group else one.agent_id): one for one in scenario.settings.agents
    }
    agents = list(kinds.values())
    planned = {one.group: _planned(scenario, one.group) for one in agents}
    takers = takers_at_last(scenario.settings, agents)
    found = []
    for queue, channel in dict.fromkeys((one.queue, one.channel) for one in scenario.streams):
        bits = takers[queue, channel]
        groups = {one.group for number, one in enumerate(agents) if bits >> number & 1}
        covered = [span for group in groups for span in planned[group]]
        quiet = _quiet(scenario, queue, channel)
        missing = _between(scenario, sorted(covered + quiet))
        if missing:
            found.append(Gap(queue, channel, missing, is_never=not covered))
    return found


def _quiet(scenario: Scenario, queue: QueueName, channel: Channel) -> Spans:
    """Return the intervals in which no contact comes; none where some come at stated instants."""
    streams = [one for one in scenario.streams if (one.queue, one.channel) == (queue, channel)]
    stated = {name for batches in scenario.batches for name in batches.streams}
    if any(one.replay is not None or one.name in stated for one in streams):
        return []
    rates = zip(*(one.rates_per_h for one in streams), strict=True)
    return _intervals(scenario, [not any(each) for each in rates])


def told(scenario: Scenario) -> list[str]:
    """Return the gaps of a scenario, a clause for each."""
    return [_told(scenario, gap) for gap in gaps(scenario)]


def scheduled_heads(scenario: Scenario, edges_us: Sequence[int]) -> list[float]:
    """Return how many are scheduled, as means over the intervals between instants of the scenario.

    Those who are not there (shrinkage, absence, breaks) are counted.
    """
    planned = scenario.members()
    steps: list[tuple[int, int]] = []
    """How many more there are from an instant on."""

    def add(from_us: int, to_us: int, count: int) -> None:
        steps.extend([(max(from_us, scenario.start_us), count), (to_us, -count)])

    unplanned = sum(one.group not in planned for one in scenario.settings.agents)
    add(scenario.start_us, scenario.end_us, unplanned)
    for group, counts in scenario.staffing.items():
        for number, count in enumerate(scenario.scheduled.get(group, counts)):
            from_us = scenario.start_us + number * scenario.interval_us
            add(from_us, from_us + scenario.interval_us, count)
    for shift in scenario.shifts:
        for worked in hours(shift, _span(scenario)):
            add(worked.from_us, worked.to_us, shift.count)
    at_us, more = np.array(sorted(steps), dtype=float).T
    # The time of all together until each instant; it grows along straight lines between them.
    area_us = np.cumsum(np.append(0.0, np.cumsum(more)[:-1] * np.diff(at_us)))
    edges = np.asarray(edges_us, float)
    heads = np.diff(np.interp(edges, at_us, area_us)) / np.maximum(np.diff(edges), 1)
    return [float(one) for one in heads]


def _told(scenario: Scenario, gap: Gap) -> str:
    whom = f"nobody who may take {gap.channel.replace('_', ' ')} of {shown(gap.queue)}"
    if gap.is_never:
        return f"{whom} is ever at work"
    zone = ZoneInfo(scenario.time_zone)
    since, until = (
        f"{datetime.fromtimestamp(at_us // SECOND_US, zone):%Y-%m-%d %H:%M}"
        for at_us in gap.spans[0]
    )
    more = ""
    if len(gap.spans) > 1:
        hours_off = sum(to_us - from_us for from_us, to_us in gap.spans) / HOUR_US
        more = f" and at other times, {hours_off:.1f} h in all"
    return f"{whom} is at work from {since} to {until}{more}"


def _planned(scenario: Scenario, group: str) -> Spans:
    """Return when somebody of a group is planned to be there."""
    if group in scenario.staffing:
        return _intervals(scenario, scenario.staffing[group])
    shifts = [shift for shift in scenario.shifts if shift.group == group]
    if not shifts:
        return [(scenario.start_us, scenario.end_us)]
    return [
        (worked.from_us, worked.to_us)
        for shift in shifts
        if shift.count
        for worked in hours(shift, _span(scenario))
    ]


def _span(scenario: Scenario) -> Span:
    return Span(scenario.start_us, scenario.end_us, ZoneInfo(scenario.time_zone))


def _intervals(scenario: Scenario, which: Sequence[int]) -> Spans:
    """Return the intervals for which a figure is not 0."""
    starts = range(scenario.start_us, scenario.end_us, scenario.interval_us)
    return [
        (start_us, start_us + scenario.interval_us)
        for start_us, figure in zip(starts, which, strict=True)
        if figure
    ]


def _between(scenario: Scenario, spans: Spans) -> Spans:
    """Return the times of a scenario that no span covers, of spans in the order of their starts."""
    found: Spans = []
    reach_us = scenario.start_us
    for from_us, to_us in [*spans, (scenario.end_us, scenario.end_us)]:
        if reach_us < from_us:
            found.append((reach_us, from_us))
        reach_us = max(reach_us, to_us)
    return found

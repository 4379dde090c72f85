"""What `acd.metrics` counts with: legs, rows, agents' clocks; and how they become a report.

Everything here is changed in place by `Metrics`, in the simulator's inner loop, hence the plain
lists and numbers. Intervals are numbered from 0 at the start of the count.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec import Struct

from acd.clocks import OpenClock, clocks_of
from acd.figures import (
    ABANDON_WAIT_US,
    ABANDONED,
    ABANDONED_IN_TIME,
    ABANDONED_SHORT,
    BUSY_US,
    IDLE_US,
    NONE,
    PLACES,
    TOLD,
    TOLD_ENOUGH,
    TOLD_ERROR_US,
    TOLD_MISS_US,
    WAITING,
    WAITING_LATE,
    WAITING_US,
    Row,
    Team,
    figures_of,
    span_of,
)
from acd.ids import Channel, QueueName
from acd.settings import Abandons, DomainSettings
from acd.wait_counts import wait_quantiles_s

NOTHING: Final = (0,) * PLACES
NO_TIME: Final = (0, 0)

# Where a leg is. Below HANDLING it waits, from it on it has been answered.
QUEUED, RINGING, HANDLING, INTERRUPTED, PARKED = range(5)

Key = tuple[QueueName, Channel]


class Pool(Struct):
    """Agents alike in all by which measures are reported: their group, and whom they serve."""

    number: int
    group: str
    serves: frozenset[Key]
    agents: int = 0
    cells: dict[int, list[int]] = {}
    """By interval: busy and idle microseconds."""


class AgentClock:
    """How long one agent was busy and idle in the interval in progress.

    The two sums are ends less starts, so that one whose clock runs lacks only the present instant.
    Busy: a leg in handling. Idle: ready, with none in handling and none ringing. Else neither.

    A class with slots, since it changes often: setting a field of a Struct takes four times as
    long (25 ns against 6), though making one takes a third.
    """

    __slots__ = ("busy_us", "handling", "idle_us", "pool", "ready", "ringing")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.ready = False
        self.ringing = 0
        self.handling = 0
        self.busy_us = 0
        self.idle_us = 0

    def start_idle(self, now_us: int) -> None:
        """Start the idle clock, if he is idle. To be called after what may have begun it."""
        if self.ready and not self.ringing and not self.handling:
            self.idle_us -= now_us

    def stop_idle(self, now_us: int) -> None:
        """Stop the idle clock, if he is idle. To be called before what may end it."""
        if self.ready and not self.ringing and not self.handling:
            self.idle_us += now_us

    def until(self, now_us: int) -> tuple[int, int]:
        """Return the interval's busy and idle time until now."""
        if self.handling:
            return self.busy_us + now_us, self.idle_us
        if self.ready and not self.ringing:
            return self.busy_us, self.idle_us + now_us
        return self.busy_us, self.idle_us


def cut_clocks(
    clocks: Iterable[AgentClock], intervals: "Intervals", ended: int, begun: int
) -> None:
    """Cut the clocks of agents at the end of an interval, and start them in one that has begun."""
    for agent in clocks:
        busy_us, idle_us = agent.until(intervals.start_us(ended + 1))
        agent.busy_us = agent.idle_us = 0
        if busy_us or idle_us:
            cell = cell_of(agent.pool.cells, ended, NO_TIME)
            cell[0] += busy_us
            cell[1] += idle_us
        if agent.handling:
            place = 0
            agent.busy_us = -intervals.start_us(begun)
        elif agent.ready and not agent.ringing:
            place = 1
            agent.idle_us = -intervals.start_us(begun)
        else:
            continue
        for number in range(ended + 1, begun):
            cell_of(agent.pool.cells, number, NO_TIME)[place] += intervals.length_us


class Tally(Struct):
    """The counts of one queue and channel."""

    queue: QueueName
    channel: Channel
    objective_us: int
    short_us: int
    """-1 if there is no short threshold: an abandon after no time at all is then not short."""
    cells: dict[int, list[int]] = {}
    """By interval, laid out as `acd.figures` says; one in which nothing happened has none."""
    waits: dict[int, int] = {}
    """Of the answered, counted by `acd.wait_counts.wait_bucket`."""
    interval: int = -1
    """The last in which a contact arrived; `cell` is its cell."""
    cell: list[int] = []
    dispositions: dict[str, int] = {}
    """Of the handled, by what was told; empty for a queue that has none."""
    clock: OpenClock | None = None
    """What counts of a wait against the threshold; None where all does."""

    def is_in_time(self, entered_us: int, until_us: int) -> bool:
        """Return whether a wait is within the threshold."""
        if self.clock is None:
            return until_us - entered_us <= self.objective_us
        return self.clock.counted_us(entered_us, until_us) <= self.objective_us


class Leg(Struct, gc=False):
    """One leg inside."""

    tally: Tally
    cell: list[int]
    entered_us: int
    agent: AgentClock
    """Whom it is offered to, or who has it; `NOBODY` until the first offer."""
    place: int = QUEUED
    offer_id: int = 0
    handling_us: int = 0
    """Ends less starts, as an agent's clock."""
    further: dict[int, AgentClock] | None = None
    """Whom it is offered to beside `agent`, by offer."""
    told_us: tuple[tuple[int, int], ...] = ()
    """(when, how long from then on) of each wait that was announced."""
    rings_us: int = 0
    """When it was last offered, while it had no other offer."""
    calls_back: bool = False
    """Whether its customer is called back: he does not wait on the line."""

    def take(self, offer_id: int) -> None:
        """Let one of several offers be that which holds the leg."""
        assert self.further is not None
        if offer_id != self.offer_id:
            agent = self.further.pop(offer_id)
            self.further[self.offer_id] = self.agent
            self.offer_id, self.agent = offer_id, agent

    def drop(self, offer_id: int) -> AgentClock:
        """Let one of several offers, which ended, hold the leg no longer; return its agent."""
        assert self.further
        if offer_id == self.offer_id:
            self.take(next(iter(self.further)))
        return self.further.pop(offer_id)


def go_on(leg: Leg, now_us: int) -> None:
    """Start the clocks of a leg again that is back in its agent's hands."""
    leg.place = HANDLING
    leg.handling_us -= now_us
    agent = leg.agent
    agent.stop_idle(now_us)
    agent.handling += 1
    if agent.handling == 1:
        agent.busy_us -= now_us


def stop_handling(leg: Leg, now_us: int) -> None:
    """Stop the clocks of a leg in handling, and of its agent if it was his last."""
    leg.handling_us += now_us
    agent = leg.agent
    agent.handling -= 1
    if not agent.handling:
        agent.busy_us += now_us
        if agent.ready and not agent.ringing:
            agent.idle_us -= now_us


def score(leg: Leg) -> None:
    """Count how right the waits were that were announced to a leg that is answered."""
    cell = leg.cell
    for at_us, wait_us in leg.told_us:
        error_us = wait_us - (leg.rings_us - at_us)
        cell[TOLD] += 1
        cell[TOLD_ENOUGH] += error_us >= 0
        cell[TOLD_ERROR_US] += error_us
        cell[TOLD_MISS_US] += abs(error_us)


def count_abandon(leg: Leg, now_us: int) -> None:
    """Count a customer who leaves now, and was not connected."""
    cell, wait_us = leg.cell, now_us - leg.entered_us
    cell[ABANDONED] += 1
    cell[ABANDON_WAIT_US] += wait_us
    if leg.tally.is_in_time(leg.entered_us, now_us):
        cell[ABANDONED_IN_TIME] += 1
        if wait_us <= leg.tally.short_us:
            cell[ABANDONED_SHORT] += 1


NOBODY: Final = AgentClock(Pool(0, "", frozenset()))


class Times(NamedTuple):
    """Busy and idle time of a pool, in each interval."""

    pool: Pool
    busy_us: list[int]
    idle_us: list[int]


class Intervals(NamedTuple):
    """Equal intervals of time, numbered from 0."""

    from_us: int
    length_us: int

    def number(self, at_us: int) -> int:
        """Return the interval in which an instant lies; its start belongs to it, its end not."""
        return (at_us - self.from_us) // self.length_us

    def start_us(self, number: int) -> int:
        """Return when an interval begins."""
        return self.from_us + number * self.length_us

    def parts(self, from_us: int, to_us: int) -> Iterator[tuple[int, int]]:
        """Yield a time's share of each interval that it touches: (number, microseconds).

        >>> list(Intervals(0, 10).parts(7, 30))
        [(0, 3), (1, 10), (2, 10)]
        """
        number = self.number(from_us)
        cut_us = self.from_us + (number + 1) * self.length_us
        while to_us > cut_us:
            yield number, cut_us - from_us
            from_us = cut_us
            cut_us += self.length_us
            number += 1
        yield number, to_us - from_us


def cell_of(cells: dict[int, list[int]], interval: int, nothing: Sequence[int]) -> list[int]:
    """Return the cell of an interval; at its first use, a new one like `nothing`."""
    cell = cells.get(interval)
    if cell is None:
        cell = cells[interval] = list(nothing)
    return cell


def make_tallies(settings: DomainSettings) -> dict[QueueName, dict[Channel, Tally]]:
    """Return an empty tally for each queue and channel."""
    short_us = settings.measures.short_abandon_us or -1
    clocks = clocks_of(settings)
    return {
        queue.name: {
            channel: Tally(
                queue.name,
                channel,
                of_channel.objective_us,
                short_us,
                dispositions=dict.fromkeys((*queue.dispositions, NONE), 0)
                if queue.dispositions
                else {},
                clock=clocks.get(queue.name),
            )
            for channel, of_channel in queue.channels.items()
        }
        for queue in settings.queues
    }


def make_clocks(settings: DomainSettings) -> tuple[dict[str, AgentClock], tuple[Pool, ...]]:
    """Return every agent's clock by his id, and the pools. Whoever serves is by profiles alone."""
    serves = {
        (profile.name, capacity.name): frozenset(
            (line.queue, channel)
            for line in profile.serves
            for channel in line.channels
            if channel in capacity.channels
        )
        for profile in settings.profiles
        for capacity in settings.capacities
    }
    pools: dict[tuple[str, frozenset[Key]], Pool] = {}
    clocks = {}
    for agent in settings.agents:
        alike = (agent.group, serves[agent.profile, agent.capacity])
        pool = pools.get(alike)
        if pool is None:
            pool = pools[alike] = Pool(len(pools), *alike)
        pool.agents += 1
        clocks[agent.agent_id] = AgentClock(pool)
    return clocks, tuple(pools.values())


def row_of(
    tally: Tally,
    *,
    waiting: Sequence[Leg],
    times: Sequence[Times],
    intervals: Intervals,
    cuts: Sequence[int],
    abandons: Abandons,
) -> Row:
    """Return the figures of one queue and channel.

    Args:
        tally: Its counts; they stay as they are.
        waiting: Its legs that wait.
        times: Of all pools.
        intervals: The intervals.
        cuts: Where they begin, and the present instant at the end. Shape (intervals + 1,).
        abandons: What an abandon within the threshold counts as.
    """
    now_us = cuts[-1]
    cells = [list(tally.cells.get(number, NOTHING)) for number in range(len(cuts) - 1)]
    for leg in waiting:
        entered = cells[intervals.number(leg.entered_us)]
        entered[WAITING] += 1
        entered[WAITING_LATE] += not tally.is_in_time(leg.entered_us, now_us)
        for number, part_us in intervals.parts(leg.entered_us, now_us):
            cells[number][WAITING_US] += part_us
    serving = [one for one in times if (tally.queue, tally.channel) in one.pool.serves]
    for one in serving:
        for cell, busy_us, idle_us in zip(cells, one.busy_us, one.idle_us, strict=True):
            cell[BUSY_US] += busy_us
            cell[IDLE_US] += idle_us
    total = [sum(places) for places in zip(*cells, strict=True)]
    p50_s, p80_s, p95_s, p99_s = wait_quantiles_s(tally.waits, (50, 80, 95, 99))
    return Row(
        queue=tally.queue,
        channel=tally.channel,
        threshold_us=tally.objective_us,
        agents=sum(one.pool.agents for one in serving),
        total=figures_of(total, cuts[0], now_us, abandons),
        wait_p50_s=p50_s,
        wait_p80_s=p80_s,
        wait_p95_s=p95_s,
        wait_p99_s=p99_s,
        intervals=tuple(
            figures_of(cell, *span, abandons)
            for cell, span in zip(cells, pairwise(cuts), strict=True)
        ),
        dispositions=dict(tally.dispositions),
    )


def team_of(name: str, times: Sequence[Times], cuts: Sequence[int]) -> Team:
    """Return how busy the agents of some pools were, in all and in each interval."""
    busy_us = [sum(column) for column in zip(*(one.busy_us for one in times), strict=True)]
    idle_us = [sum(column) for column in zip(*(one.idle_us for one in times), strict=True)]
    return Team(
        name=name,
        agents=sum(one.pool.agents for one in times),
        total=span_of(sum(busy_us), sum(idle_us), cuts[0], cuts[-1]),
        intervals=tuple(
            span_of(busy, idle, *span)
            for busy, idle, span in zip(busy_us, idle_us, pairwise(cuts), strict=True)
        ),
    )


def times_of(
    pools: Iterable[Pool], clocks: Iterable[AgentClock], count: int, now_us: int, *, cut: bool
) -> list[Times]:
    """Return the times of all pools in each of `count` intervals, from copies.

    Args:
        pools: By number.
        clocks: Of all agents.
        count: How many intervals.
        now_us: The present instant.
        cut: Whether the last interval is in progress, so that clocks are cut now.
    """
    times = []
    for pool in pools:
        cells = [pool.cells.get(number, NO_TIME) for number in range(count)]
        times.append(Times(pool, [cell[0] for cell in cells], [cell[1] for cell in cells]))
    if cut:
        for agent in clocks:
            busy_us, idle_us = agent.until(now_us)
            of_pool = times[agent.pool.number]
            of_pool.busy_us[-1] += busy_us
            of_pool.idle_us[-1] += idle_us
    return times


def waiting_of(legs: Iterable[Leg]) -> dict[Key, list[Leg]]:
    """Return the legs that wait on the line, by queue and channel."""
    waiting: dict[Key, list[Leg]] = {}
    for leg in legs:
        if leg.place < HANDLING and not leg.calls_back:
            waiting.setdefault((leg.tally.queue, leg.tally.channel), []).append(leg)
    return waiting

"""Who arrives when, with which handling time and patience: the workload, drawn in numpy blocks.

Arrivals are a non-homogeneous Poisson process whose rate is constant within an interval: their
number is Poisson, and given the number their instants are independent and uniform. Each interval
is drawn by its own key, so a longer horizon keeps the arrivals of the shorter one. Where a stream
has a busyness, the interval's rate is multiplied by its factor; where it has batches, what is drawn
is when they begin.

A peak's contacts are a source of their own, laid over the stream's (a sum of Poisson processes is
one): drawn at the peak's full height and thinned to its shape (Lewis and Shedler 1979). So a peak
adds contacts and leaves the others as they were; and so do batches at stated instants.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from acd.events import ContactArrived
from sim.batches import Batches
from sim.busyness import factors
from sim.draws import Draws, Floats, Ints, generator, standard_exponential, standard_normal
from sim.patience import Patience
from sim.peaks import Peak
from sim.replay import DRAWN_US, Replay
from sim.workload import HOUR_US, SECOND_US, Handle, Scenario, Shape, Stream

DURATION_US_MAX: Final = 2**53
"""Longest drawn duration: 285 years, and the last integer up to which floats are exact."""

LISTED_MAX: Final = 65_536
"""Most contacts turned into Python objects at once: some 15 MB."""

NEVER_US: Final = 0
"""The patience of a contact that never leaves."""


Drawn: TypeAlias = tuple[int, int, int, int, int]
"""One contact of the workload: when it arrives (µs since the epoch), its source (a place in
`sources(scenario)`), its number within the source from 0 on, its handling time (µs), and its
patience (µs, or `NEVER_US`). A plain tuple: one with names takes ten times as long to make."""

NOBODY: Final[Drawn] = (0, 0, 0, 0, 0)
"""Stands behind the last contact."""


class Source(NamedTuple):
    """What draws contacts: a stream, or what a peak or batches at stated instants add to it."""

    name: str
    stream: Stream
    peak: Peak | None = None
    batches: Batches | None = None

    @property
    def replay(self) -> Replay | None:
        """Return the contacts that are not drawn at all: none of what is added."""
        return self.stream.replay if self.name == self.stream.name else None


def sources(scenario: Scenario) -> tuple[Source, ...]:
    """Return the streams, then what peaks and batches add, each to each of its streams."""
    plain = [Source(stream.name, stream) for stream in scenario.streams]
    by_peaks = [
        Source(f"{stream.name}+{peak.name}", stream, peak=peak)
        for peak in scenario.peaks
        for stream in scenario.streams
        if stream.name in peak.streams
    ]
    by_batches = [
        Source(f"{stream.name}+{batches.name}", stream, batches=batches)
        for batches in scenario.batches
        for stream in scenario.streams
        if stream.name in batches.streams
    ]
    return (*plain, *by_peaks, *by_batches)


def arrival_of(stream: Stream) -> ContactArrived:
    """Return what all contacts of a stream have in common."""
    return ContactArrived(
        contact_id=stream.name,
        queue=stream.queue,
        channel=stream.channel,
        customer=stream.customer,
        attributes=stream.attributes,
        requirement=stream.requirement,
        prefers=stream.prefers,
        priority=stream.priority,
        named_agent=stream.named_agent,
    )


def workload(scenario: Scenario, seed: int) -> Iterator[list[Drawn]]:
    """Yield all contacts in the order of their arrival, in lists of at most `LISTED_MAX`.

    Equal instants are in the order of the sources. An interval of n contacts costs O(n log n).
    """
    busy = _busyness(scenario, seed)
    drawers = [_Drawer(scenario, source, seed, busy) for source in sources(scenario)]
    for interval in range(scenario.intervals):
        parts = [drawer.interval(interval) for drawer in drawers]
        table = np.concatenate(
            [_with_source(part, number) for number, part in enumerate(parts)], axis=1
        )
        table = table[:, np.argsort(table[0], kind="stable")]
        for first in range(0, table.shape[1], LISTED_MAX):
            columns = table[:, first : first + LISTED_MAX].tolist()
            yield list(zip(*columns, strict=True))


def instants(
    scenario: Scenario, source: Source, interval: int, seed: int, *, busyness: float = 1.0
) -> Ints:
    """Return when contacts of a source arrive within one interval, sorted, in µs since the epoch.

    Of a stream that comes in batches it is all contacts of the batches that begin in the interval.
    Shape (arrivals,).

    Args:
        scenario: Where the source belongs.
        source: A drawn one: nothing that is replayed, and no batches at stated instants.
        interval: From 0 on.
        seed: The replication's.
        busyness: Multiplies the stream's rate.
    """
    stream, peak = source.stream, source.peak
    if peak is not None and not _overlaps(peak, interval, scenario.interval_us):
        return np.empty(0, dtype=np.int64)
    mean = stream.rates_per_h[interval] * busyness * scenario.interval_us / HOUR_US
    if peak is not None:
        mean = mean * (peak.factor - 1.0) + peak.added_per_h * scenario.interval_us / HOUR_US
    if stream.batch is not None:
        mean /= stream.batch.mean
    drawn = generator(seed, source.name, "arrivals", block=interval)
    parts = np.sort(drawn.random(drawn.poisson(mean)))
    offsets = (parts * scenario.interval_us).astype(np.int64) + interval * scenario.interval_us
    if peak is not None:
        offsets = offsets[drawn.random(len(offsets)) < peak.heights(offsets)]
    if stream.batch is not None:
        offsets = stream.batch.members(drawn, offsets)
    return offsets + scenario.start_us


def handle_times_us(handle: Handle, standard: Floats | float) -> Ints:
    """Return handling times from standard variates of the handle's shape, at least 1 µs each.

    Source:
        A lognormal of mean m and squared coefficient of variation c is exp(µ + σ z) with
        σ² = ln(1 + c) and µ = ln m − σ² / 2.
    """
    if handle.shape is Shape.EXPONENTIAL:
        return _whole_us(handle.mean_s * standard)
    variance = np.log1p(handle.scv)
    return _whole_us(np.exp(np.log(handle.mean_s) - variance / 2 + np.sqrt(variance) * standard))


def patience_times_us(drawn_s: Floats | float) -> Ints:
    """Return drawn times as at least 1 µs each, an infinite one as `NEVER_US`."""
    return np.where(np.isinf(drawn_s), NEVER_US, _whole_us(drawn_s))


def draws_of(law: Patience | None, seed: int, source: str, purpose: str) -> Draws | None:
    """Return what draws times of a law; None where there is none."""
    return None if law is None else Draws(seed, source, purpose, law.draw)


def one_us(draws: Draws | None, ordinal: int, *, leg: int) -> int:
    """Return the time that one contact draws for a leg; `NEVER_US` where there is no law."""
    return NEVER_US if draws is None else int(patience_times_us(draws.one(ordinal, leg=leg)))


class _Drawer:
    """Draws one source's contacts, interval after interval."""

    def __init__(
        self, scenario: Scenario, source: Source, seed: int, busy: dict[str, Floats]
    ) -> None:
        self._source = source
        self._arrivals = _Arrivals(scenario, source, seed, busy)
        self._drawn = 0
        exponential = source.stream.handle.shape is Shape.EXPONENTIAL
        standard = standard_exponential if exponential else standard_normal
        self._handle = Draws(seed, source.name, "handle", standard)
        self._patience = draws_of(source.stream.patience, seed, source.name, "patience")

    def interval(self, interval: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Return arrival, ordinal, handling time and patience; the next call draws the next."""
        arrives_us = self._arrivals.of(interval)
        first, count = self._drawn, len(arrives_us)
        self._drawn = first + count
        replay = self._source.replay
        told = slice(first, first + count)
        handle_us = _known(
            None if replay is None else replay.handle_us[told],
            lambda: handle_times_us(self._source.stream.handle, self._handle.of(first, count)),
        )
        patience_us = _known(
            None if replay is None else replay.patience_us[told],
            lambda: self._patience_us(first, count),
        )
        return arrives_us, np.arange(first, first + count), handle_us, patience_us

    def _patience_us(self, first: int, count: int) -> Ints:
        if self._patience is None:
            return np.full(count, NEVER_US, dtype=np.int64)
        return patience_times_us(self._patience.of(first, count))


class _Arrivals:
    """When a source's contacts arrive, interval after interval."""

    def __init__(
        self, scenario: Scenario, source: Source, seed: int, busy: dict[str, Floats]
    ) -> None:
        self._scenario = scenario
        self._source = source
        self._seed = seed
        busyness = source.stream.busyness
        self._busy = None if busyness is None else busy[busyness.name]
        batches = source.batches
        if source.replay is not None:
            self._pending = np.array(source.replay.arrives_us, dtype=np.int64)
        elif batches is not None:
            self._pending = np.sort(self._stated(batches))
        else:
            self._pending = np.empty(0, dtype=np.int64)
        """Known already, and still to come; sorted."""
        self._is_drawn = source.replay is None and batches is None

    def of(self, interval: int) -> Ints:
        """Return the instants within an interval, sorted, in µs since the epoch; call in turn."""
        come = self._pending
        if self._is_drawn:
            busyness = 1.0 if self._busy is None else float(self._busy[interval])
            come = instants(self._scenario, self._source, interval, self._seed, busyness=busyness)
            if self._source.stream.batch is None:
                return come
            come = np.sort(np.concatenate([self._pending, come]))
        end_us = self._scenario.start_us + (interval + 1) * self._scenario.interval_us
        count = int(np.searchsorted(come, end_us))
        self._pending = come[count:]
        return come[:count]

    def _stated(self, batches: Batches) -> Ints:
        """Return the instants of all contacts of batches at stated instants."""
        of_batches = [np.empty(0, dtype=np.int64)]
        for number, at_offset_us in enumerate(batches.at_offsets_us):
            drawn = generator(self._seed, self._source.name, "batches", block=number)
            start_us = np.array([self._scenario.start_us + at_offset_us])
            of_batches.append(batches.batch.members(drawn, start_us))
        return np.concatenate(of_batches)


def _busyness(scenario: Scenario, seed: int) -> dict[str, Floats]:
    """Return the factors of each busyness by its name, one for each interval."""
    found = {one.busyness.name: one.busyness for one in scenario.streams if one.busyness}
    if not found:
        return {}
    zone = ZoneInfo(scenario.time_zone)
    starts_s = (
        (scenario.start_us + interval * scenario.interval_us) // SECOND_US
        for interval in range(scenario.intervals)
    )
    days = np.array([datetime.fromtimestamp(start_s, zone).toordinal() for start_s in starts_s])
    return {
        name: factors(busyness, seed, days=days - days[0], interval_us=scenario.interval_us)
        for name, busyness in found.items()
    }


def _known(told_us: tuple[int, ...] | None, draw: Callable[[], Ints]) -> Ints:
    """Return what is told, and what is drawn where nothing is."""
    if told_us is None:
        return draw()
    told = np.array(told_us, dtype=np.int64)
    return np.where(told == DRAWN_US, draw(), told) if DRAWN_US in told_us else told


def _overlaps(peak: Peak, interval: int, interval_us: int) -> bool:
    start_us = interval * interval_us
    return peak.from_offset_us < start_us + interval_us and start_us < peak.until_offset_us


def _with_source(part: tuple[Ints, Ints, Ints, Ints], source: int) -> Ints:
    arrives_us, ordinal, handle_us, patience_us = part
    return np.stack([arrives_us, np.full_like(arrives_us, source), ordinal, handle_us, patience_us])


def _whole_us(seconds: Floats | float) -> Ints:
    return np.clip(np.rint(seconds * SECOND_US), 1, DURATION_US_MAX).astype(np.int64)

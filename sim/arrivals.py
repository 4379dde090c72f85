"""Who arrives when, with which handling time and patience: the workload, drawn in numpy blocks.

Arrivals are a non-homogeneous Poisson process whose rate is constant within an interval: their
number is Poisson, and given the number their instants are independent and uniform. Each interval
is drawn by its own key, so a longer horizon keeps the arrivals of the shorter one.

A peak's contacts are a source of their own, laid over the stream's (a sum of Poisson processes is
one): drawn at the peak's full height and thinned to its shape (Lewis and Shedler 1979). So a peak
adds contacts and leaves the others as they were.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.draws import Draws, Floats, generator, standard_exponential, standard_normal
from sim.patience import Patience
from sim.workload import HOUR_US, SECOND_US, Handle, Peak, Scenario, Shape, Stream

Ints: TypeAlias = NDArray[np.int64]

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
    """What draws contacts: a stream, or what a peak adds to it."""

    name: str
    stream: Stream
    peak: Peak | None


def sources(scenario: Scenario) -> tuple[Source, ...]:
    """Return the streams, then what each peak adds to each of its streams."""
    plain = [Source(stream.name, stream, None) for stream in scenario.streams]
    added = [
        Source(f"{stream.name}+{peak.name}", stream, peak)
        for peak in scenario.peaks
        for stream in scenario.streams
        if stream.name in peak.streams
    ]
    return (*plain, *added)


def workload(scenario: Scenario, seed: int) -> Iterator[list[Drawn]]:
    """Yield all contacts in the order of their arrival, in lists of at most `LISTED_MAX`.

    Equal instants are in the order of the sources. An interval of n contacts costs O(n log n).
    """
    drawers = [_Drawer(scenario, source, seed) for source in sources(scenario)]
    for interval in range(scenario.intervals):
        parts = [drawer.interval(interval) for drawer in drawers]
        table = np.concatenate(
            [_with_source(part, number) for number, part in enumerate(parts)], axis=1
        )
        table = table[:, np.argsort(table[0], kind="stable")]
        for first in range(0, table.shape[1], LISTED_MAX):
            columns = table[:, first : first + LISTED_MAX].tolist()
            yield list(zip(*columns, strict=True))


def instants(scenario: Scenario, source: Source, interval: int, seed: int) -> Ints:
    """Return when contacts of a source arrive within one interval, sorted, in µs since the epoch.

    Shape (arrivals,).
    """
    stream, peak = source.stream, source.peak
    if peak is not None and not _overlaps(peak, interval, scenario.interval_us):
        return np.empty(0, dtype=np.int64)
    mean = stream.rates_per_h[interval] * scenario.interval_us / HOUR_US
    if peak is not None:
        mean *= peak.factor - 1.0
    drawn = generator(seed, source.name, "arrivals", block=interval)
    parts = np.sort(drawn.random(drawn.poisson(mean)))
    offsets = (parts * scenario.interval_us).astype(np.int64) + interval * scenario.interval_us
    if peak is not None:
        offsets = offsets[drawn.random(len(offsets)) < height(peak, offsets)]
    return offsets + scenario.start_us


def height(peak: Peak, offsets_us: Ints) -> Floats:
    """Return a peak's height at instants since the start: in [0, 1], of the shape given."""
    end_offset_us = peak.from_offset_us + peak.rise_us + peak.hold_us + peak.fall_us
    rising = (offsets_us - peak.from_offset_us) / max(peak.rise_us, 1)
    falling = (end_offset_us - offsets_us) / max(peak.fall_us, 1)
    return np.clip(np.minimum(rising, falling), 0.0, 1.0)


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

    def __init__(self, scenario: Scenario, source: Source, seed: int) -> None:
        self._scenario = scenario
        self._source = source
        self._seed = seed
        self._drawn = 0
        exponential = source.stream.handle.shape is Shape.EXPONENTIAL
        standard = standard_exponential if exponential else standard_normal
        self._handle = Draws(seed, source.name, "handle", standard)
        self._patience = draws_of(source.stream.patience, seed, source.name, "patience")

    def interval(self, interval: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Return arrival, ordinal, handling time and patience; the next call draws the next."""
        arrives_us = instants(self._scenario, self._source, interval, self._seed)
        first, count = self._drawn, len(arrives_us)
        self._drawn = first + count
        stream = self._source.stream
        handle_us = handle_times_us(stream.handle, self._handle.of(first, count))
        if self._patience is None:
            patience_us = np.full(count, NEVER_US, dtype=np.int64)
        else:
            patience_us = patience_times_us(self._patience.of(first, count))
        return arrives_us, np.arange(first, first + count), handle_us, patience_us


def _overlaps(peak: Peak, interval: int, interval_us: int) -> bool:
    length_us = peak.rise_us + peak.hold_us + peak.fall_us
    start_us = interval * interval_us
    return peak.from_offset_us < start_us + interval_us and (
        start_us < peak.from_offset_us + length_us
    )


def _with_source(part: tuple[Ints, Ints, Ints, Ints], source: int) -> Ints:
    arrives_us, ordinal, handle_us, patience_us = part
    return np.stack([arrives_us, np.full_like(arrives_us, source), ordinal, handle_us, patience_us])


def _whole_us(seconds: Floats | float) -> Ints:
    return np.clip(np.rint(seconds * SECOND_US), 1, DURATION_US_MAX).astype(np.int64)

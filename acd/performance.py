"""What is measured of each agent in each queue, and how agents are compared by it.

Four measures: handle time, which the router takes itself, and quality, resolution at first contact
and conversion, which `leg.rated` tells. Of each, for every agent and queue:

- *own*: the mean of his samples. A new sample x moves it by (x − own) / n, where n counts his
  samples up to `memory`: a plain mean first, then an exponentially weighted one whose newest sample
  weighs 1/memory (by samples, not by time: who was on holiday is not forgotten).
- *shrunk*: (n · own + k · m) / (n + k), with k the `credibility` and m the queue's mean: one lucky
  call makes nobody the best. Source: Bühlmann's credibility (1967), in which k is the variance
  within agents over the variance between them; an empirical Bayes estimate.
- *band*: agents whose shrunk values lie within `band_percent` of the queue's mean are equal, so
  that the next criterion speaks. The mean lies in the middle of band 0, the band of whoever has no
  samples.

The queue's mean is one of all its samples, ten times slower than an agent's. With it all agents'
bands would shake at every sample; so they are compared with a *yardstick*, the queue's mean as it
was when it last lay more than a quarter of a band away from the yardstick before.

**Arithmetic.** Whole numbers only, in millionths of a second, a point or a per cent, and floor
division, which Python defines exactly: the same on every version and machine. In rows of 64 bits
nothing overflows: values stay below 2**42 (`HANDLE_US_MAX`), counts and percentages below 2**10.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from acd.agents import ASIDE, Agent
from acd.contacts import UNMEASURED, Offer
from acd.events import LegRated
from acd.ids import AgentId, OfferId, QueueName, plain
from acd.settings import AgentCriterion, DomainSettings, PerformanceSettings

Bands: TypeAlias = NDArray[np.int16]
Owns: TypeAlias = tuple[tuple[AgentId, int, int], ...]
"""(agent, samples, own mean), in the order of the agents' first samples."""

HANDLE_US_MAX: Final = 30 * 86_400 * 1_000_000
"""The longest handle time that counts, 30 days: whatever is open longer is not being handled."""

BAND_MAX: Final = 1_000
"""Bands beyond it are equal. At the finest (1 %) that is ten times the queue's mean."""

RATED_MAX: Final = 32
"""Legs of an agent of which it is remembered what was told of them: repeats come soon, and a day
has seldom more of them that somebody rates."""

_MILLION: Final = 1_000_000
_QUEUE_MEMORY: Final = 10
"""How many times slower than an agent's the queue's mean is."""

_DRIFT: Final = 4
"""The yardstick is taken anew when the mean is this part of a band away."""


@plain
class Measure(StrEnum):
    """What is measured, and in which unit."""

    HANDLE_TIME = "handle_time"
    """Microseconds from connection to close, without what was set aside (docs/measures.md)."""
    QUALITY = "quality"
    """Millionths of a point, from 0 to 100 points."""
    RESOLUTION = "resolution"
    """Millionths of a per cent: contacts settled at first contact."""
    CONVERSION = "conversion"
    """Millionths of a per cent: contacts that led to a sale."""


MEASURED_BY: Final = {
    AgentCriterion.FASTEST_FIRST: Measure.HANDLE_TIME,
    AgentCriterion.BEST_QUALITY: Measure.QUALITY,
    AgentCriterion.BEST_RESOLUTION: Measure.RESOLUTION,
    AgentCriterion.BEST_CONVERSION: Measure.CONVERSION,
}
"""The measure that a criterion compares."""


class Figure(NamedTuple):
    """One measure of one agent in one queue, in the measure's unit."""

    samples: int
    """That his own mean rests on, at most `memory`; 0 where he has none."""
    own: int
    """His own mean; the yardstick where he has no samples."""
    shrunk: int
    """His own mean, shrunk to the yardstick: what is compared."""
    band: int
    """Smaller is better, 0 is the queue's mean."""


class QueueFigure(NamedTuple):
    """One measure of a whole queue, in the measure's unit."""

    samples: int
    """That the mean rests on, at most ten times `memory`."""
    mean: int
    yardstick: int
    """The mean with which agents are compared."""


def needs_performance(settings: DomainSettings) -> bool:
    """Return whether a domain's performance is measured: it says so, or a criterion compares it."""
    weighed = (name for one in settings.weighted for name in one.weights)
    named = {*settings.agent_selection, *weighed}
    return settings.performance is not None or not named.isdisjoint(MEASURED_BY)


def nearest(amount: int, parts: int) -> int:
    """Return a part of an amount, to the nearest whole number.

    >>> nearest(7, 2), nearest(-7, 2), nearest(5, 3)
    (4, -3, 2)
    """
    return (2 * amount + parts) // (2 * parts)


def band_of(value: int, mean: int, percent: int) -> int:
    """Return the band of a value: how many bands of `percent` of the mean it lies above the mean.

    >>> band_of(1_049, 1_000, 10), band_of(1_050, 1_000, 10), band_of(949, 1_000, 10)
    (0, 1, -1)
    """
    if not mean:
        return 0
    band = (200 * (value - mean) + percent * mean) // (2 * percent * mean)
    return max(-BAND_MAX, min(BAND_MAX, band))


class Measured:
    """One measure in one queue: its mean, and the figures of the agents who have samples."""

    __slots__ = (
        "_agents",
        "_counts",
        "_owns",
        "_settings",
        "_sign",
        "_slots",
        "bands",
        "mean",
        "samples",
        "yardstick",
    )

    def __init__(self, settings: PerformanceSettings, measure: Measure, agents: int) -> None:
        self._settings = settings
        self._sign = 1 if measure is Measure.HANDLE_TIME else -1
        self.samples = 0
        self.mean = 0
        self.yardstick = 0
        self.bands: Bands = np.zeros(agents, dtype=np.int16)
        """By agent: smaller is better."""
        self._slots: dict[int, int] = {}
        """Where in the rows below an agent's figures stand."""
        self._agents: NDArray[np.int64] = np.zeros(8, dtype=np.int64)
        self._counts: NDArray[np.int64] = np.zeros(8, dtype=np.int64)
        self._owns: NDArray[np.int64] = np.zeros(8, dtype=np.int64)

    def add(self, agent: int, sample: int) -> None:
        """Take a sample of an agent: O(1), and O(agents with samples) when the yardstick moves."""
        memory = self._settings.memory
        self.samples = min(self.samples + 1, _QUEUE_MEMORY * memory)
        self.mean += nearest(sample - self.mean, self.samples)
        samples, own = self._own(agent)
        samples = min(samples + 1, memory)
        self.put(agent, samples, own + nearest(sample - own, samples))
        drift = abs(self.mean - self.yardstick)
        if 100 * _DRIFT * drift > self._settings.band_percent * self.yardstick:
            self.yardstick = self.mean
            self.compare_all()
        else:
            self.bands[agent] = self.figure(agent).band

    def put(self, agent: int, samples: int, own: int) -> None:
        """Set an agent's figures."""
        slot = self._slots.setdefault(agent, len(self._slots))
        if slot == len(self._agents):
            self._agents = np.concatenate([self._agents, np.zeros_like(self._agents)])
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
            self._owns = np.concatenate([self._owns, np.zeros_like(self._owns)])
        self._agents[slot] = agent
        self._counts[slot] = samples
        self._owns[slot] = own

    def compare_all(self) -> None:
        """Work out the bands of all agents: `figure` once more, on whole rows."""
        mean, percent, used = self.yardstick, self._settings.band_percent, len(self._slots)
        if not mean:
            self.bands[:] = 0
            return
        counts, credibility = self._counts[:used], self._settings.credibility
        values = (counts * self._owns[:used] + credibility * mean) // (counts + credibility)
        bands = (200 * (values - mean) + percent * mean) // (2 * percent * mean)
        self.bands[self._agents[:used]] = self._sign * bands.clip(-BAND_MAX, BAND_MAX)

    def figure(self, agent: int) -> Figure:
        """Return an agent's figures."""
        samples, own = self._own(agent)
        mean, credibility = self.yardstick, self._settings.credibility
        shrunk = (samples * own + credibility * mean) // (samples + credibility)
        band = self._sign * band_of(shrunk, mean, self._settings.band_percent)
        return Figure(samples, own, shrunk, band)

    def _own(self, agent: int) -> tuple[int, int]:
        """Return how many samples an agent has, and their mean."""
        slot = self._slots.get(agent)
        if slot is None:
            return 0, self.yardstick
        return int(self._counts[slot]), int(self._owns[slot])

    def everybody(self) -> Iterator[tuple[int, Figure]]:
        """Yield all agents who have samples, with their figures."""
        for agent in self._slots:
            yield agent, self.figure(agent)


class Performance:
    """The measures of a domain. To be read by an embedder; the router alone changes it."""

    def __init__(self, settings: DomainSettings, agents: Sequence[Agent]) -> None:
        self.settings: PerformanceSettings = settings.performance or PerformanceSettings()
        self.measuring = needs_performance(settings)
        self._agents = agents
        self._indices = {agent.agent_id: agent.index for agent in agents}
        self._measured: dict[QueueName, dict[Measure, Measured]] = {
            queue.name: {} for queue in settings.queues
        }
        self._rated: dict[int, dict[OfferId, tuple[Measure, ...]]] = {}
        """By agent: what was told of which of his last legs."""

    # To be read.

    def of(self, agent_id: AgentId, queue: QueueName, measure: Measure) -> Figure | None:
        """Return an agent's figures in a queue; None where nothing was measured of anybody.

        Raises:
            KeyError: There is no such agent or queue.
        """
        index = self._indices[agent_id]
        measured = self._measured[queue].get(measure)
        return None if measured is None else measured.figure(index)

    def of_queue(self, queue: QueueName, measure: Measure) -> QueueFigure | None:
        """Return a queue's figures; None where nothing was measured.

        Raises:
            KeyError: There is no such queue.
        """
        measured = self._measured[queue].get(measure)
        if measured is None:
            return None
        return QueueFigure(measured.samples, measured.mean, measured.yardstick)

    def everybody(self) -> Iterator[tuple[AgentId, QueueName, Measure, Figure]]:
        """Yield all figures that rest on samples: O(agents × the queues that they served)."""
        for queue, measures in self._measured.items():
            for measure, measured in measures.items():
                for index, figure in measured.everybody():
                    yield self._agents[index].agent_id, queue, measure, figure

    def bands(self, queue: QueueName, measure: Measure) -> Bands | None:
        """Return the agents' bands in a queue, by index; None where nothing was measured."""
        measured = self._measured[queue].get(measure)
        return None if measured is None else measured.bands

    # The time of an offer in its agent's hands, kept as ends less starts. One that was connected
    # before its domain measured anything has none.

    def begin(self, offer: Offer, now_us: int) -> None:
        """Note that an offer's parties are connected."""
        offer.handling_us = -now_us

    def pause(self, offer: Offer, now_us: int) -> None:
        """Note that an offer is set aside."""
        if offer.handling_us != UNMEASURED:
            offer.handling_us += now_us

    def resume(self, offer: Offer, now_us: int) -> None:
        """Note that an offer that was set aside is back in its agent's hands."""
        if offer.handling_us != UNMEASURED:
            offer.handling_us -= now_us

    def end(self, offer: Offer, queue: QueueName, now_us: int) -> int | None:
        """Return the handle time of a leg that closes, if it has one; take it as a sample."""
        handled_us = offer.handling_us
        if handled_us == UNMEASURED:
            return None
        if offer.slot not in ASIDE:
            handled_us += now_us
        handled_us = min(handled_us, HANDLE_US_MAX)
        if self.measuring:
            self._take(offer.agent, queue, Measure.HANDLE_TIME, handled_us)
        return handled_us

    # What others tell.

    def rate(self, agent: int, event: LegRated) -> None:
        """Take what is told of a leg, but nothing that was told of it before."""
        told: dict[Measure, int] = {}
        if event.quality is not None:
            told[Measure.QUALITY] = event.quality * _MILLION
        if event.resolved is not None:
            told[Measure.RESOLUTION] = 100 * _MILLION * event.resolved
        if event.converted is not None:
            told[Measure.CONVERSION] = 100 * _MILLION * event.converted
        legs = self._rated.setdefault(agent, {})
        known = legs.get(event.offer_id, ())
        new = tuple(measure for measure in told if measure not in known)
        if not new:
            return
        legs[event.offer_id] = known + new
        if len(legs) > RATED_MAX:
            del legs[next(iter(legs))]
        for measure in new:
            self._take(agent, event.queue, measure, told[measure])

    def _take(self, agent: int, queue: QueueName, measure: Measure, sample: int) -> None:
        self._of(queue, measure).add(agent, sample)

    def _of(self, queue: QueueName, measure: Measure) -> Measured:
        measures = self._measured[queue]
        if measure not in measures:
            measures[measure] = Measured(self.settings, measure, len(self._agents))
        return measures[measure]

    # Snapshots.

    def all_measured(self) -> Iterator[tuple[QueueName, Measure, QueueFigure, Owns]]:
        """Yield every measure of which there are samples, with what each agent has of it."""
        for queue, measures in self._measured.items():
            for measure, measured in measures.items():
                yield (
                    queue,
                    measure,
                    QueueFigure(measured.samples, measured.mean, measured.yardstick),
                    tuple(
                        (self._agents[index].agent_id, figure.samples, figure.own)
                        for index, figure in measured.everybody()
                    ),
                )

    def rated(self) -> Iterator[tuple[AgentId, Mapping[OfferId, tuple[Measure, ...]]]]:
        """Yield what was told of which legs, by agent."""
        for index, legs in self._rated.items():
            yield self._agents[index].agent_id, legs

    def put_back(
        self, queue: QueueName, measure: Measure, of_queue: QueueFigure, owns: Owns
    ) -> None:
        """Put back a measure of a queue, with what each agent has of it.

        A queue that today's settings do not know is left out, as are agents whom they do not; a
        shorter `memory` forgets sooner from now on. Whoever serves the queue no longer may do so
        again: an agent may be lent to other queues for an hour.
        """
        if not self.measuring or queue not in self._measured:
            return
        memory = self.settings.memory
        measured = self._of(queue, measure)
        measured.samples = min(of_queue.samples, _QUEUE_MEMORY * memory)
        measured.mean = of_queue.mean
        measured.yardstick = of_queue.yardstick
        for agent_id, samples, own in owns:
            index = self._indices.get(agent_id)
            if index is not None:
                measured.put(index, min(samples, memory), own)
        measured.compare_all()

    def put_back_rated(
        self, agent_id: AgentId, legs: Iterable[tuple[OfferId, tuple[Measure, ...]]]
    ) -> None:
        """Put back what was told of an agent's legs."""
        if self.measuring and agent_id in self._indices:
            self._rated[self._indices[agent_id]] = dict(legs)

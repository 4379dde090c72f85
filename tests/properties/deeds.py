"""What agents did, kept from events and actions alone: how long, how well, how much of their time.

Occupancy is integrated as its definition says, in floating point; means are folded sample by sample
with fractions that are rounded once. Neither knows an instant that stands still, a row or a band.
"""

from collections import defaultdict
from fractions import Fraction
from math import floor

from acd.actions import OfferContact
from acd.events import LegRated
from acd.performance import RATED_MAX, Measure
from acd.settings import DomainSettings, PerformanceSettings


class Deeds:
    """The agents' handle times, ratings and occupancies."""

    def __init__(self, settings: DomainSettings) -> None:
        self._memory = (settings.performance or PerformanceSettings()).memory
        self._half_life_us = settings.occupancy_half_life_us
        self._now_us = 0
        self._handled: dict[int, tuple[str, str, int]] = {}
        """Agent, queue and handle time so far, by offer."""
        self._running: set[int] = set()
        """The offers in handling, those set aside left out."""
        self._told: dict[str, dict[int, set[Measure]]] = defaultdict(dict)
        self.means: dict[tuple[str, str, Measure], tuple[int, int]] = {}
        """Samples and mean, by agent, queue and measure."""
        self.shares: dict[str, float] = defaultdict(float)
        """Occupancy by agent."""

    def let_time_pass(self, now_us: int) -> None:
        """Let everybody go on with what he does, until now."""
        passed_us = now_us - self._now_us
        self._now_us = now_us
        busy = {self._handled[number][0] for number in self._running}
        kept = 2.0 ** -(passed_us / self._half_life_us)
        for agent_id in {*self.shares, *busy}:
            goal = float(agent_id in busy)
            self.shares[agent_id] = goal + (self.shares[agent_id] - goal) * kept
        for number in self._running:
            agent_id, queue, handled_us = self._handled[number]
            self._handled[number] = (agent_id, queue, handled_us + passed_us)

    def begin(self, offer: OfferContact) -> None:
        """Note that an offer's parties are connected; again changes nothing."""
        if offer.offer_id not in self._handled:
            self._handled[offer.offer_id] = (offer.agent_id, offer.queue, 0)
            self._running.add(offer.offer_id)

    def pause(self, offer_id: int) -> None:
        """Note that an offer is set aside."""
        self._running.remove(offer_id)

    def resume(self, offer_id: int) -> None:
        """Note that an offer comes back."""
        self._running.add(offer_id)

    def end(self, offer_id: int) -> None:
        """Note that an offer's leg closed; if they were connected, its agent has a sample."""
        if offer_id in self._handled:
            self._running.discard(offer_id)
            agent_id, queue, handled_us = self._handled.pop(offer_id)
            self._take(agent_id, queue, Measure.HANDLE_TIME, min(handled_us, 2_592_000_000_000))

    def rate(self, event: LegRated) -> None:
        """Note what was told of a leg, unless it was told before."""
        legs = self._told[event.agent_id]
        told = legs.setdefault(event.offer_id, set())
        for measure, value in (
            (Measure.QUALITY, event.quality),
            (Measure.RESOLUTION, None if event.resolved is None else 100 * event.resolved),
            (Measure.CONVERSION, None if event.converted is None else 100 * event.converted),
        ):
            if value is not None and measure not in told:
                told.add(measure)
                self._take(event.agent_id, event.queue, measure, value * 1_000_000)
        if len(legs) > RATED_MAX:
            del legs[next(iter(legs))]

    def _take(self, agent_id: str, queue: str, measure: Measure, sample: int) -> None:
        samples, mean = self.means.get((agent_id, queue, measure), (0, 0))
        samples = min(samples + 1, self._memory)
        moved = Fraction(sample - mean, samples)
        self.means[agent_id, queue, measure] = (samples, mean + floor(moved + Fraction(1, 2)))

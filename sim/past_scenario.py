"""The past as a scenario: what the journal knows is told, what it cannot know is drawn.

Each contact is a stream of its own, since each has its own requirement, attributes, answer time and
law of patience; its name keys what it draws, so it draws the same under whatever rules. A source of
one contact costs a run some 0.3 ms.

Patience of who was not seen to leave is drawn beyond his wait from what the journal's customers of
his queue and channel show (Kaplan and Meier 1958); where none of them left after so long a wait, he
never does. A handling time that was not seen to end is drawn from a lognormal with mean and
variation of those that were.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from acd.ids import Channel
from acd.settings import DomainSettings
from sim.past import Past, PastContact, Place
from sim.past_rules import check, duties
from sim.patience import Floats, Steps, kaplan_meier
from sim.replay import DRAWN_US, Replay
from sim.workload import SECOND_US, Handle, Scenario, Stream


class Beyond(Struct, frozen=True):
    """Patience of somebody of whom it is known that he waits longer than so long."""

    law: Steps
    waited_s: float

    @property
    def mean_s(self) -> float:
        """The mean, in seconds."""
        return np.inf if self.law.survival_after[-1] else float(self.integral(self.law.times_s[-1]))

    @property
    def knots_s(self) -> tuple[float, ...]:
        """Where the survival function jumps."""
        return tuple(one for one in self.law.knots_s if one > self.waited_s)

    def survival(self, wait_s: ArrayLike) -> Floats:
        """Return the probability to be willing to wait longer."""
        later_s = np.maximum(np.asarray(wait_s, float), self.waited_s)
        return self.law.survival(later_s) / self.law.survival(self.waited_s)

    def integral(self, wait_s: ArrayLike) -> Floats:
        """Return the mean, cut at a wait."""
        wait = np.asarray(wait_s, float)
        later_s = np.maximum(wait, self.waited_s)
        rest = self.law.integral(later_s) - self.law.integral(self.waited_s)
        beyond: Floats = np.minimum(wait, self.waited_s) + rest / self.law.survival(self.waited_s)
        return beyond

    def draw(self, generator: np.random.Generator, size: int) -> Floats:
        """Return so many, drawn: the law's, of a share below that which stays so long."""
        stays = self.law.survival(self.waited_s)
        passed = np.searchsorted(
            -np.array(self.law.survival_after), -generator.random(size) * stays, side="left"
        )
        return np.array((*self.law.times_s, np.inf))[passed]


class Known(Struct, frozen=True, kw_only=True):
    """How many things the journal told, and how many are drawn."""

    contacts: int
    left: int
    """Who gave up: their patience is known."""
    answered: int
    """Who was connected with an agent."""
    patience_drawn: int
    """Beyond their wait."""
    patience_endless: int
    """Who never leaves, since nobody of his queue and channel left after so long a wait."""
    handle_drawn: int
    """Never handled."""
    handle_unended: int
    """In hand at the end of the journal; replayed so are they until then at least."""
    answer_mean: int
    """Answer times that are the mean of their queue and channel."""
    answer_cut: int
    """Answer times cut below a shorter ring time of the other rules."""
    agents_away: int = 0
    """Who worked, and is not in the other rules."""
    agents_new: int = 0
    """Who is in the other rules alone: he works from the first to the last hour of his group."""


class Staged(NamedTuple):
    """A scenario of the past."""

    scenario: Scenario
    known: Known


class _Place(NamedTuple):
    """What the contacts of a queue and channel show."""

    patience: Steps | None
    handle: Handle
    answer_us: int


def staged(past: Past, settings: DomainSettings, *, title: str, time_zone: str = "UTC") -> Staged:
    """Return the past under some rules; under its own where they are `past.settings`.

    Raises:
        ConfigError: The rules lack what its contacts ask for, or know none of its agents.
    """
    check(past, settings, title)
    counts = dict.fromkeys(Known.__struct_fields__, 0)
    counts["contacts"] = len(past.contacts)
    streams = _Streams(past, settings, counts)
    scenario = Scenario(
        title=title,
        settings=settings,
        start_us=past.start_us,
        interval_us=past.end_us - past.start_us,
        intervals=1,
        streams=tuple(streams.of(number, one) for number, one in enumerate(past.contacts)),
        duties=tuple(duties(past, settings, counts)),
        time_zone=time_zone,
    )
    return Staged(scenario, msgspec.convert(counts, Known))


def _places(contacts: Sequence[PastContact]) -> dict[Place, _Place]:
    by_place: dict[Place, list[PastContact]] = {}
    for one in contacts:
        by_place.setdefault(one.place, []).append(one)
    everybody = _handle(contacts)
    assert everybody is not None
    return {
        place: _Place(_patience(found), _handle(found) or everybody, _answer_us(found))
        for place, found in by_place.items()
    }


def _patience(contacts: Sequence[PastContact]) -> Steps | None:
    """Return what a place's customers show; None where nobody left."""
    waits_s = [_waited_s(one) for one in contacts if _waited_s(one) is not None]
    left = [one.left_us is not None for one in contacts if _waited_s(one) is not None]
    return kaplan_meier([one or 0.0 for one in waits_s], left) if any(left) else None


def _waited_s(contact: PastContact) -> float | None:
    """Return how long a contact waited, as far as it was seen; None if it waits to the end."""
    until_us = contact.left_us or contact.connected_us or contact.closed_us
    return None if until_us is None else (until_us - contact.arrived_us) / SECOND_US


def _handle(contacts: Iterable[PastContact]) -> Handle | None:
    times_s = [max(one.handle_us, 1) / SECOND_US for one in contacts if one.is_known]
    if not times_s:
        return None
    mean_s = float(np.mean(times_s))
    return Handle(mean_s=mean_s, scv=float(np.var(times_s)) / mean_s**2)


def _answer_us(contacts: Iterable[PastContact]) -> int:
    times_us = [one.answer_us for one in contacts if one.answer_us is not None]
    return round(sum(times_us) / len(times_us)) if times_us else 0


def _cuts(settings: DomainSettings) -> dict[Channel, int]:
    """Return the longest answer time of each channel at which no offer rings out."""
    cuts: dict[Channel, int] = {}
    for queue in settings.queues:
        for channel, one in queue.channels.items():
            if not one.auto_answer:
                cuts[channel] = min(cuts.get(channel, one.ring_us - 1), one.ring_us - 1)
    return cuts


class _Streams:
    """Makes a stream of each contact, and counts what is known of it.

    Args:
        past: Whose contacts.
        settings: The rules under which they come again.
        counts: Of `Known`, by field.
    """

    def __init__(self, past: Past, settings: DomainSettings, counts: dict[str, int]) -> None:
        self._end_us = past.end_us
        self._places = _places(past.contacts)
        self._cuts = _cuts(settings)
        self._agents = {one.agent_id for one in settings.agents}
        self._counts = counts

    def of(self, number: int, contact: PastContact) -> Stream:
        """Return the stream of one contact, of whom none before had the number."""
        arrival, place = contact.arrival, self._places[contact.place]
        patience_us, law = self._patience(contact, place.patience)
        promised_us = arrival.promised_us
        self._counts["answered"] += contact.connected_us is not None
        return Stream(
            name=f"{number}:{arrival.contact_id}",
            queue=arrival.queue,
            channel=arrival.channel,
            rates_per_h=(0.0,),
            handle=place.handle,
            patience=law,
            answer_us=self._answer_us(contact, place.answer_us),
            requirement=arrival.requirement,
            prefers=arrival.prefers,
            priority=arrival.priority,
            promise_us=None if promised_us is None else promised_us - contact.arrived_us,
            customer=arrival.customer,
            named_agent=arrival.named_agent if arrival.named_agent in self._agents else "",
            attributes=arrival.attributes,
            replay=Replay(
                arrives_us=(contact.arrived_us,),
                handle_us=(self._handle_us(contact),),
                patience_us=(patience_us,),
            ),
        )

    def _answer_us(self, contact: PastContact, mean_us: int) -> int:
        answer_us = mean_us if contact.answer_us is None else contact.answer_us
        cut_us = min(answer_us, self._cuts.get(contact.arrival.channel, answer_us))
        self._counts["answer_mean"] += contact.answer_us is None
        self._counts["answer_cut"] += cut_us < answer_us
        return cut_us

    def _handle_us(self, contact: PastContact) -> int:
        if contact.connected_us is None:
            self._counts["handle_drawn"] += 1
            return DRAWN_US
        if not contact.is_known:
            self._counts["handle_unended"] += 1
            return self._end_us - contact.connected_us
        return max(contact.handle_us, 1)

    def _patience(self, contact: PastContact, law: Steps | None) -> tuple[int, Beyond | None]:
        """Return how long a customer waits, or `DRAWN_US` and by what law; by none for ever."""
        if contact.left_us is not None:
            self._counts["left"] += 1
            return max(contact.left_us - contact.arrived_us, 1), None
        waited_s = _waited_s(contact)
        if waited_s is None:
            waited_s = (self._end_us - contact.arrived_us) / SECOND_US
        if law is None or waited_s >= law.times_s[-1]:
            self._counts["patience_endless"] += 1
            return DRAWN_US, None
        self._counts["patience_drawn"] += 1
        return DRAWN_US, Beyond(law, waited_s)

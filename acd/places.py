"""Places of customers who left before they were connected, for those who come back soon.

A line cut while somebody waits is no reason to wait anew: who comes back to the same queue on the
same channel within the queue's `resume_us` stands where he stood. A place is regained once, and by
nobody whom his contacts do not name.

Source: FreeSWITCH's mod_callcenter (`abandoned-resume-allowed`, `discard-abandoned-after`).
"""

from typing import Final, TypeAlias

from msgspec import Struct

from acd.events import ContactArrived
from acd.ids import Channel, QueueName
from acd.settings import DomainSettings

PLACES_MAX: Final = 10_000
"""Most places kept, 3 MB; the oldest is forgotten for one more. A tenth of the largest line planned
for: more do not hang up within a few minutes and come back."""

_Who: TypeAlias = tuple[QueueName, Channel, str]
"""Queue, channel and customer."""


class Place(Struct, frozen=True, gc=False):
    """Where a customer stood, and until when that is his."""

    arrived_us: int
    until_us: int
    """The last instant at which he may come back."""


class Places:
    """The places that are kept.

    Args:
        settings: The domain's.
    """

    def __init__(self, settings: DomainSettings) -> None:
        self._spans_us = {
            queue.name: queue.resume_us for queue in settings.queues if queue.resume_us is not None
        }
        self.kept: dict[_Who, Place] = {}
        """Oldest first."""

    def keep(self, asked: ContactArrived, arrived_us: int, now_us: int) -> None:
        """Keep the place of a customer who leaves now: for where he came, wherever he waits."""
        span_us = self._spans_us.get(asked.queue)
        if span_us is None or not asked.customer:
            return
        who = (asked.queue, asked.channel, asked.customer)
        self.kept.pop(who, None)
        self.kept[who] = Place(arrived_us, now_us + span_us)
        if len(self.kept) > PLACES_MAX:
            del self.kept[next(iter(self.kept))]

    def since(self, asked: ContactArrived, queue: QueueName, now_us: int) -> int:
        """Return from when a customer waits who comes to a queue now: as before if he had a place.

        The queue may be another than he names: he may name none.
        """
        place = self.kept.get((queue, asked.channel, asked.customer))
        return now_us if place is None or place.until_us < now_us else place.arrived_us

    def take(self, asked: ContactArrived) -> None:
        """Keep the place of a customer who comes now no longer."""
        self.kept.pop((asked.queue, asked.channel, asked.customer), None)

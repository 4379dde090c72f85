"""Admission: how many contacts of a source may come and wait; who is turned away when it is more.

A *limit* counts the contacts of a source that wait, and those that come by a token bucket. When a
step has decided and more wait than may, or more came, those of the lowest priority are turned away
first, among equals whoever came last; whoever just came may be the one. So whoever is urgent waits
no longer, however many others come. Whoever is offered to an agent at once waits for nobody, and
nobody is turned away for him while nobody waits.

A bucket holds `burst` tokens and gains `rate_per_min` a minute, exactly: it is counted in units of
which a token has 60,000,000 and a microsecond brings `rate_per_min`.

Source: the token bucket of traffic shaping (RFC 2697); shedding by priority as "Handling Overload"
of the SRE book has it. See docs/routing/overflow.md.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from acd.actions import Action, OverflowLeg
from acd.classes import priority_of
from acd.contacts import Contact, Leg, LegState
from acd.events import ContactArrived
from acd.gates import Crowd
from acd.ids import OverflowCause
from acd.overflow import LEFT_MAX, turn_away
from acd.settings import SECOND_US, AdmissionSettings, DomainSettings

if TYPE_CHECKING:
    from acd.floor import Floor

TOKEN: Final = 60 * SECOND_US
"""Units of a bucket that one contact takes."""


class Bucket(Struct, frozen=True, kw_only=True, gc=False):
    """What a snapshot keeps of a limit: its bucket at an instant."""

    name: str
    units: int
    at_us: int
    owed: int
    """How many came without a token, and nobody was turned away for them yet."""


class Limit:
    """One limit: who waits, by how soon they are turned away, and its bucket."""

    __slots__ = ("_all", "at_us", "crowd", "owed", "settings", "units")

    def __init__(self, settings: AdmissionSettings, of_domain: "Admission") -> None:
        self._all = of_domain
        self.settings = settings
        self.crowd = Crowd()
        """The legs of the source that are QUEUED, the next to be turned away first."""
        self.units = settings.burst * TOKEN
        """What was in the bucket …"""
        self.at_us = 0
        """… at this instant."""
        self.owed = 0
        """How many came without a token, and nobody was turned away for them yet."""

    def fits(self, asked: ContactArrived) -> bool:
        """Return whether a contact is of the source."""
        settings = self.settings
        if settings.channels and asked.channel not in settings.channels:
            return False
        if settings.queues and asked.queue not in settings.queues:
            return False
        if not settings.attributes:
            return True
        brought = dict(asked.attributes)
        return all(brought.get(name) == value for name, value in settings.attributes.items())

    def come(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, maybe once more."""
        priority = priority_of(leg.asked, leg.klass.queue, leg.klass.step)
        self.crowd.put(leg.leg_id, (priority, -leg.arrived_us, -leg.leg_id))
        self._all.is_asked = True

    def go(self, leg: Leg) -> None:
        """Note that a leg is QUEUED no longer, if it was."""
        self.crowd.drop(leg.leg_id)

    def take_token(self, now_us: int) -> None:
        """Let one more contact of the source have come."""
        rate = self.settings.rate_per_min
        if rate is None:
            return
        full = self.settings.burst * TOKEN
        self.units = min(full, self.units + (now_us - self.at_us) * rate)
        self.at_us = now_us
        if self.units < TOKEN:
            self.owed += 1
        else:
            self.units -= TOKEN

    def is_full(self) -> bool:
        """Return whether more wait than may."""
        most = self.settings.max_waiting
        return most is not None and len(self.crowd) > most

    def excess(self) -> int:
        """Return how many are to be turned away."""
        most = self.settings.max_waiting
        waiting = len(self.crowd)
        return max(0 if most is None else waiting - most, min(self.owed, waiting))


class Admission:
    """All limits of a domain.

    Args:
        settings: The domain's.
        floor: Where the contacts are.
    """

    def __init__(self, settings: DomainSettings, floor: "Floor") -> None:
        self._floor = floor
        self.limits: Final = tuple(Limit(one, self) for one in settings.admission)
        self.arrived: list[tuple[Contact, tuple[Limit, ...]]] = []
        """Who came in this step, and of which sources."""
        self.is_asked = False
        """Whether somebody came to wait since the limits were looked at, or `is_owed`."""
        self.is_owed = False
        """Whether a tick is due at once, for those for whom the last step had no room."""

    def limits_of(self, asked: ContactArrived) -> tuple[Limit, ...]:
        """Return the limits of whose sources a contact is."""
        return tuple(limit for limit in self.limits if limit.fits(asked))

    def note_arrival(self, contact: Contact) -> None:
        """Note that a contact came: if it is not gone again when the step ends, it counts."""
        self.arrived.append((contact, self.limits_of(contact.arrival)))
        self.is_asked = True

    def hold_to_limits(self, now_us: int, orders: list[Action]) -> None:
        """Count who came, unless he has left again; turn away whoever is too many, by portions."""
        self._count_arrivals(now_us)
        room = LEFT_MAX
        for limit in self.limits:
            while room and limit.excess():
                room -= 1
                leg = self._floor.legs[limit.crowd.first()[1]]
                settings = limit.settings
                order = OverflowLeg(
                    leg.leg_id,
                    leg.contact_id,
                    OverflowCause.MAX_WAITING if limit.is_full() else OverflowCause.RATE,
                    voicemail=settings.voicemail,
                    message=settings.message,
                    limit=settings.name,
                )
                self._turn_away(leg, order, now_us, orders)
        self.look_at_all(now_us)

    def hold_as_recorded(self, actions: Iterable[Action], now_us: int) -> None:
        """Count who came; turn away whom a journal says."""
        self._count_arrivals(now_us)
        for order in actions:
            if type(order) is OverflowLeg and order.limit:
                leg = self._floor.legs.get(order.leg_id)
                if leg is not None and leg.state is LegState.QUEUED:
                    self._turn_away(leg, order, now_us, [])
        self.look_at_all(now_us)

    def _count_arrivals(self, now_us: int) -> None:
        for contact, limits in self.arrived:
            is_here = self._floor.contacts.get(contact.arrival.contact_id) is contact
            if is_here and contact.callback is None:
                for limit in limits:
                    limit.take_token(now_us)
        self.arrived.clear()

    def _turn_away(self, leg: Leg, order: OverflowLeg, now_us: int, orders: list[Action]) -> None:
        """Let a leg end; with it every limit that it counts for is owed one less."""
        for limit in leg.limits:
            limit.owed = max(0, limit.owed - 1)
        turn_away(self._floor, leg, order, now_us, orders)

    def look_at_all(self, now_us: int) -> None:
        """Find out whether some limit is passed still; where nobody waits nothing is owed."""
        for limit in self.limits:
            if not limit.crowd:
                limit.owed = 0
        self.is_owed = self.is_asked = any(limit.excess() for limit in self.limits)
        if self.is_owed:
            self._floor.timers.soonest_us = now_us

    # Snapshots.

    def buckets(self) -> tuple[Bucket, ...]:
        """Return the buckets of the limits that have any."""
        return tuple(
            Bucket(name=limit.settings.name, units=limit.units, at_us=limit.at_us, owed=limit.owed)
            for limit in self.limits
            if limit.settings.rate_per_min is not None
        )

    def put_back(self, buckets: Iterable[Bucket]) -> None:
        """Put buckets back, as far as today's settings have their limits."""
        limits = {limit.settings.name: limit for limit in self.limits}
        for bucket in buckets:
            limit = limits.get(bucket.name)
            if limit is not None:
                limit.units, limit.at_us, limit.owed = bucket.units, bucket.at_us, bucket.owed

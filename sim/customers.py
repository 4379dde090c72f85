"""Customers who are told how long they will wait, and who call again: what each decides.

Each attempt is a contact of its own for the router. Here they are one customer again, who came
once, and is served once or never. The numbers he draws are keyed by himself and his attempt, so
that another policy changes neither whether he would call again nor when. His handling time is that
of his first attempt, since he wants the same.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from acd.ids import ContactId
from acd.settings import SECOND_US
from sim.arrivals import NEVER_US, Source, draws_of, one_us
from sim.calendar import Contact
from sim.draws import Draws, uniform
from sim.workload import Lost, Redial, Scenario, Stream, WaitOf

ID_SEPARATOR: Final = "."


class Attempt(NamedTuple):
    """A call that a customer will make."""

    number: int
    """From 1 on."""
    pause_us: int
    """From the end of the one before."""
    patience_us: int
    waited_us: int
    """In all attempts before it."""

    def contact_id(self, first: ContactId) -> ContactId:
        """Return the contact's id, from that of the customer's first one."""
        return f"{first}{ID_SEPARATOR}{self.number}"


FIRST: Final = Attempt(1, 0, 0, 0)
"""Of a customer; his patience is the workload's."""


class Followed(Struct):
    """What became of a stream's customers, each counted once however often he called."""

    stream: str
    customers: int = 0
    attempts: int = 0
    served: int = 0
    served_in_time: int = 0
    """Within the objective of his queue and channel."""
    wait_us: int = 0
    """Of the served: as the scenario's `customer_wait` says, of one attempt or of all."""
    lost: int = 0
    """Not served, and will not call again."""
    waiting: int = 0
    """In the queue, or to be called back, at the end."""
    pausing: int = 0
    """About to call again, at the end."""
    abandoned: int = 0
    """Attempts that ended so, as the following three."""
    balked: int = 0
    turned_away: int = 0
    not_reached: int = 0

    @property
    def attempts_each(self) -> float | None:
        """Mean attempts of a customer."""
        return self.attempts / self.customers if self.customers else None

    @property
    def served_share(self) -> float | None:
        """Share of the served, of those served or lost."""
        return self.served / decided if (decided := self.served + self.lost) else None

    @property
    def service_level(self) -> float | None:
        """Share of those served in time, of those served or lost."""
        return self.served_in_time / decided if (decided := self.served + self.lost) else None

    @property
    def wait_s(self) -> float | None:
        """Mean wait of the served."""
        return self.wait_us / self.served / SECOND_US if self.served else None


class _Law:
    """What the customers of one source draw."""

    __slots__ = ("accepts", "again", "followed", "objective_us", "patience", "pause", "redial")

    def __init__(self, source: Source, seed: int, followed: Followed, objective_us: int) -> None:
        stream, name = source.stream, source.name
        self.redial: Redial | None = stream.redial
        self.followed = followed
        self.objective_us = objective_us
        self.again = Draws(seed, name, "redial", uniform)
        pause = None if stream.redial is None else stream.redial.pause
        self.pause = draws_of(pause, seed, name, "pause")
        self.patience = draws_of(stream.patience, seed, name, "patience")
        self.accepts = draws_of(stream.accepts, seed, name, "accepts")

    def next(self, how: Lost, ordinal: int, last: Attempt, waited_us: int) -> Attempt | None:
        """Return the attempt after one that ended without service; None if he gives up."""
        redial = self.redial
        if redial is None or how not in redial.causes or last.number >= redial.attempts_max:
            return None
        if self.again.one(ordinal, leg=last.number) >= redial.share:
            return None
        number = last.number + 1
        pause_us = one_us(self.pause, ordinal, leg=last.number)
        if pause_us == NEVER_US:
            return None
        patience_us = one_us(self.patience, ordinal, leg=number)
        return Attempt(number, pause_us, patience_us, last.waited_us + waited_us)


class _Inside(NamedTuple):
    """A customer who waits."""

    attempt: Attempt
    since_us: int


class Customers:
    """The customers of all streams that are told how long they will wait, or call again.

    Args:
        scenario: Whose streams.
        seed: The replication's.
        sources: As in the drawn contacts.
    """

    def __init__(self, scenario: Scenario, seed: int, sources: Sequence[Source]) -> None:
        self._is_cumulative = scenario.customer_wait is WaitOf.CUMULATIVE
        self._inside: dict[ContactId, _Inside] = {}
        self._followed = {
            stream.name: Followed(stream.name) for stream in scenario.streams if follows(stream)
        }
        objectives = {
            (queue.name, channel): each.objective_us
            for queue in scenario.settings.queues
            for channel, each in queue.channels.items()
        }
        self._laws = [
            _Law(
                source,
                seed,
                self._followed[source.stream.name],
                objectives[source.stream.queue, source.stream.channel],
            )
            if follows(source.stream)
            else None
            for source in sources
        ]

    def came(self, contact: Contact, attempt: Attempt, now_us: int) -> None:
        """Note that a customer calls."""
        law = self._laws[contact.drawn[1]]
        if law is not None:
            self._inside[contact.contact_id] = _Inside(attempt, now_us)
            law.followed.attempts += 1
            if attempt is FIRST:
                law.followed.customers += 1
            else:
                law.followed.pausing -= 1

    def accepts(self, contact: Contact, wait_us: int) -> bool:
        """Return whether a customer who waits stays when he is told that it takes so long."""
        _, source, ordinal, *_ = contact.drawn
        law = self._laws[source]
        assert law is not None
        leg = self._inside[contact.contact_id].attempt.number
        most_us = one_us(law.accepts, ordinal, leg=leg)
        return most_us == NEVER_US or wait_us <= most_us

    def answered(self, contact: Contact, now_us: int) -> None:
        """Note that a customer is served, if it is the first time."""
        inside = self._inside.pop(contact.contact_id, None)
        law = self._laws[contact.drawn[1]]
        if inside is not None and law is not None:
            wait_us = now_us - inside.since_us
            if self._is_cumulative:
                wait_us += inside.attempt.waited_us
            law.followed.served += 1
            law.followed.wait_us += wait_us
            law.followed.served_in_time += wait_us <= law.objective_us

    def lost(self, contact: Contact, how: Lost, now_us: int) -> Attempt | None:
        """Note that an attempt ended without service, and return the next, if there is one."""
        inside = self._inside.pop(contact.contact_id, None)
        law = self._laws[contact.drawn[1]]
        if inside is None or law is None:
            return None  # Nobody of these, or one who was served before and given further.
        ordinal = contact.drawn[2]
        again = law.next(how, ordinal, inside.attempt, now_us - inside.since_us)
        followed = law.followed
        setattr(followed, how, getattr(followed, how) + 1)
        if again is None:
            followed.lost += 1
        else:
            followed.pausing += 1
        return again

    def report(self, waiting: Iterable[Contact]) -> tuple[Followed, ...]:
        """Return what became of the customers, after checking that none is lost.

        Args:
            waiting: All who wait at the end, or are to be called back.
        """
        for each in self._followed.values():
            each.waiting = 0
        for contact in waiting:
            if contact.contact_id in self._inside:
                self._followed[contact.stream.name].waiting += 1
        for each in self._followed.values():
            ends = each.served + each.lost + each.waiting + each.pausing
            assert each.customers == ends, each
            unserved = each.abandoned + each.balked + each.turned_away + each.not_reached
            assert each.attempts == each.served + unserved + each.waiting, each
        return tuple(self._followed.values())


def follows(stream: Stream) -> bool:
    """Return whether the customers of a stream are told how long they wait, or call again."""
    return stream.accepts is not None or stream.redial is not None

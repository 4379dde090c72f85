"""Customers who hang up and are called in their turn: who wants that, and who answers then.

A customer decides once whether he takes a callback, however often one is offered to him; whether he
is reached is drawn anew each time that he is called. Both are keyed by himself, and so are the same
under another policy. What follows if he is not reached is the router's business: it tries again, or
gives up.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple

from msgspec import Struct

from acd.figures import Report
from acd.ids import Channel, ContactId, LegId, QueueName
from sim.arrivals import Source
from sim.calendar import CALL_BACK, Contact
from sim.draws import Draws, uniform
from sim.workload import CallBack, Scenario


class CalledBack(Struct):
    """What became of the callbacks that a queue promised."""

    queue: QueueName
    promised: int = 0
    """Customers who left the line to be called back; those that the measures count as callbacks."""
    calls: int = 0
    """How often they were called."""
    reached: int = 0
    """Connected with an agent."""
    not_reached: int = 0
    """Called in vain as often as the queue calls."""
    canceled: int = 0
    """Taken back, since the customer called by himself meanwhile."""
    open: int = 0
    """Still to be called at the end, or being called."""


class Reply(Enum):
    """What comes of a call to a customer."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no answer"


class _Source:
    """What the customers of one source draw."""

    __slots__ = ("accepts", "law", "replies")

    def __init__(self, source: Source, seed: int) -> None:
        self.law: CallBack = source.stream.callbacks
        self.accepts = Draws(seed, source.name, "callback", uniform)
        self.replies = Draws(seed, source.name, "called back", uniform)


class _Held(NamedTuple):
    """A customer who is to be called."""

    contact: Contact
    leg_id: LegId


class VirtualHold:
    """The customers who may be called back, and those who are to be.

    Args:
        scenario: Whose customers.
        seed: The replication's.
        sources: As in the drawn contacts.
    """

    def __init__(self, scenario: Scenario, seed: int, sources: Sequence[Source]) -> None:
        self._held: dict[ContactId, _Held] = {}
        self._calls: Counter[tuple[int, int]] = Counter()
        """How often each customer was called, by his source and number in it."""
        self._counts = {
            queue.name: CalledBack(queue.name)
            for queue in scenario.settings.queues
            if queue.callbacks is not None
        }
        self.is_used: Final = bool(self._counts)
        """Whether there is a queue that calls back."""
        self._sources = [_Source(source, seed) for source in sources] if self.is_used else []

    def accepts(self, contact: Contact) -> bool:
        """Return whether a customer takes the callback that he is offered."""
        _, source, ordinal, *_ = contact.drawn
        of = self._sources[source]
        return of.accepts.one(ordinal, leg=1) < of.law.accept_share

    def begin(self, contact: Contact, leg_id: LegId) -> None:
        """Note that a customer hangs up, and is to be called."""
        contact.stage = CALL_BACK
        self._held[contact.contact_id] = _Held(contact, leg_id)
        self._counts[contact.stream.queue].promised += 1

    def contact(self, contact_id: ContactId) -> Contact:
        """Return who is to be called."""
        return self._held[contact_id].contact

    def call(self, contact: Contact) -> tuple[Reply, int]:
        """Return what comes of calling a customer, and after how long he answers in µs, if so."""
        _, source, ordinal, *_ = contact.drawn
        of, customer = self._sources[source], (source, ordinal)
        self._calls[customer] += 1
        self._counts[contact.stream.queue].calls += 1
        drawn = of.replies.one(ordinal, leg=self._calls[customer])
        if drawn < of.law.answer_share:
            return Reply.ANSWER, of.law.answer_us
        is_busy = drawn < of.law.answer_share + of.law.busy_share
        return (Reply.BUSY if is_busy else Reply.NO_ANSWER), 0

    def reach(self, contact: Contact) -> None:
        """Note that a customer talks with an agent."""
        del self._held[contact.contact_id]
        self._counts[contact.stream.queue].reached += 1

    def end(
        self, contact_id: ContactId, *, in_vain: bool, leg_id: LegId | None = None
    ) -> Contact | None:
        """Note that a customer will be called no more, and return him; None if he was not to be.

        Args:
            contact_id: Whose leg ended.
            in_vain: Whether he was not reached.
            leg_id: The leg, if it is not the contact's last one.
        """
        held = self._held.get(contact_id)
        if held is None or leg_id not in {None, held.leg_id}:
            return None
        del self._held[contact_id]
        counts = self._counts[held.contact.stream.queue]
        counts.not_reached += in_vain
        counts.canceled += not in_vain
        return held.contact

    def open(self) -> Iterator[Contact]:
        """Yield all who are to be called still."""
        return (held.contact for held in self._held.values())

    def report(self, measured: Report) -> tuple[CalledBack, ...]:
        """Return what became of the callbacks, after checking that the measures know of them all.

        Args:
            measured: By the core, at the same instant.
        """
        open_now = Counter(contact.stream.queue for contact in self.open())
        totals = {row.queue: row.total for row in measured.rows if row.channel is Channel.VOICE}
        for each in self._counts.values():
            each.open = open_now[each.queue]
            ends = each.reached + each.not_reached + each.canceled + each.open
            assert each.promised == ends, each
            total = totals[each.queue]
            assert (each.promised, each.reached) == (total.callbacks, total.callbacks_reached), each
        return tuple(self._counts.values())

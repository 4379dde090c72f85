"""Agents who give contacts further: which, where to, and how long they take there.

A leg's end draws, keyed by the customer and the leg, whether it is a transfer and where to. The leg
that follows has its own handling time and its own patience, keyed alike.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from acd.events import LegTransferred
from acd.ids import Channel, QueueName
from sim.arrivals import Source, draws_of, handle_times_us, one_us
from sim.calendar import Contact
from sim.draws import Draws, standard_exponential, standard_normal, uniform
from sim.workload import Scenario, Shape, Transfer

LEGS_MAX: Final = 8
"""Most legs of a contact: the most that the router lets be open at a time, if each of them were
wrapped up for as long as all that follow."""


class Further(NamedTuple):
    """A contact that is given further."""

    event: LegTransferred
    contact: Contact
    """Its next leg."""
    patience_us: int


class _Source:
    """What the customers of one source draw for their later legs."""

    __slots__ = ("choice", "exponential", "normal", "patience")

    def __init__(self, source: Source, seed: int) -> None:
        name = source.name
        self.choice = Draws(seed, name, "transfer", uniform)
        self.normal = Draws(seed, name, "handle", standard_normal)
        self.exponential = Draws(seed, name, "handle", standard_exponential)
        self.patience = draws_of(source.stream.patience, seed, name, "patience of a leg")


class Transfers:
    """What agents give further.

    Args:
        scenario: Whose transfers.
        seed: The replication's.
        sources: As in the drawn contacts.
    """

    def __init__(self, scenario: Scenario, seed: int, sources: Sequence[Source]) -> None:
        self._sources = [_Source(source, seed) for source in sources]
        self._from: dict[tuple[QueueName, Channel], list[Transfer]] = {}
        for transfer in scenario.transfers:
            self._from.setdefault((transfer.queue, transfer.channel), []).append(transfer)

    def of(self, contact: Contact) -> Further | None:
        """Return what follows the end of a leg; None where the contact ends with it."""
        stream = contact.stream
        choices = self._from.get((stream.queue, stream.channel))
        if choices is None or contact.leg >= LEGS_MAX:
            return None
        _, source, ordinal, *_ = contact.drawn
        draws = self._sources[source]
        left = draws.choice.one(ordinal, leg=contact.leg)
        for transfer in choices:
            left -= transfer.share
            if left < 0:
                return self._further(contact, transfer, draws)
        return None

    def _further(self, contact: Contact, transfer: Transfer, draws: _Source) -> Further:
        ordinal, leg = contact.drawn[2], contact.leg + 1
        handle = transfer.handle
        stream = replace(
            contact.stream, queue=transfer.to, handle=handle, answer_us=transfer.answer_us
        )
        after = Contact(contact.contact_id, stream, contact.drawn)
        after.leg = leg
        standard = draws.exponential if handle.shape is Shape.EXPONENTIAL else draws.normal
        after.handle_us = int(handle_times_us(handle, standard.one(ordinal, leg=leg)))
        event = LegTransferred(
            offer_id=contact.offer_id, queue=transfer.to, keep_place=transfer.keep_place
        )
        return Further(event, after, one_us(draws.patience, ordinal, leg=leg))

"""The legs inside and their offers, as the history knows them, and how they are written back.

All that are inside are kept in memory (as the router keeps them) and are read from the tables at
the start; who changed is written back with the transaction. A row of `contacts` is a leg: most
contacts have one.
"""

import sqlite3
from collections import Counter
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import astuple

from acd.daemon.history.schema import LOST
from acd.figures import OFFERS, RESCINDED
from acd.ids import ContactId, LegId, OfferId
from acd.inside import Inside
from acd.tallies import HANDLING, QUEUED, RINGING

COUNTS: Final = RESCINDED - OFFERS + 1
_FIELDS: Final = 16
_PUT_CONTACT: Final = (
    f"INSERT OR REPLACE INTO contacts VALUES ({', '.join('?' * (_FIELDS + COUNTS))})"  # noqa: S608
)
_PUT_OFFER: Final = "INSERT OR REPLACE INTO offers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_ANNOUNCEMENT: Final = "INSERT INTO announcements VALUES (?, ?, ?)"
_LOSE: Final = (
    "UPDATE contacts SET ended_us = ?, outcome = ? WHERE ended_us IS NULL",
    "UPDATE offers SET ended_us = ?, outcome = ? WHERE ended_us IS NULL",
)


class Leg(Struct, gc=False):
    """One leg: a row of `contacts`, its counts last."""

    contact: int
    contact_id: ContactId
    queue: str
    channel: str
    customer: str
    entered_us: int
    answered_us: int | None = None
    agent_id: str = ""
    """Who has it, or whom it was offered to last."""
    ended_us: int | None = None
    outcome: str = ""
    handling_us: int = 0
    """Ends less starts, as in `acd.tallies`."""
    place: int = QUEUED
    """As in `acd.tallies`."""
    offer_id: OfferId = 0
    """By which he has it, or the last one."""
    leg_id: LegId = 0
    """Of a further leg; 0 of the first."""
    disposition: str = ""
    """How it ended, as filed; empty where nothing was told."""
    callback_us: int | None = None
    """From when on its customer was to be called back; None if he was not."""
    counts: list[int] = []
    """Of its offers, laid out as in `acd.figures` from `OFFERS` on."""


class Offer(Struct, gc=False):
    """One offer: a row of `offers`."""

    offer_id: OfferId
    contact: int
    contact_id: ContactId
    agent_id: str
    made_us: int
    answered_us: int | None = None
    ended_us: int | None = None
    outcome: str = ""
    cause: str = ""


class Legs:
    """The legs inside by contact, and by the offer that holds them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self.inside: Inside[Leg] = Inside()
        self.by_offer: dict[OfferId, tuple[Leg, Offer]] = {}
        (self._last,) = connection.execute(
            "SELECT coalesce(max(contact), 0) FROM contacts"
        ).fetchone()
        self._changed: dict[int, Leg] = {}
        self._offers: dict[OfferId, Offer] = {}
        self._announced: list[tuple[int, int, int]] = []
        """(leg, when, how long it was told to wait)"""
        self._open: Counter[int] = Counter()
        """How many offers hold each contact, by its number."""
        by_number = {}
        for row in connection.execute("SELECT * FROM contacts WHERE ended_us IS NULL"):
            leg = Leg(*(*row[:_FIELDS], list(row[_FIELDS:])))
            by_number[leg.contact] = leg
            self._let_in(leg)
        for row in connection.execute(
            "SELECT offers.* FROM contacts JOIN offers USING (contact)"
            " WHERE contacts.ended_us IS NULL AND offers.ended_us IS NULL ORDER BY offers.offer_id"
        ):
            offer = Offer(*row)
            self.by_offer[offer.offer_id] = by_number[offer.contact], offer
            self._open[offer.contact] += 1

    def enter(
        self,
        contact_id: ContactId,
        *,
        customer: str,
        queue: str,
        channel: str,
        now_us: int,
        leg_id: LegId = 0,
        callback_us: int | None = None,
    ) -> None:
        """Let a leg enter; without a number it is its contact's first."""
        self._last += 1
        leg = Leg(self._last, contact_id, queue, channel, customer, now_us, leg_id=leg_id)
        leg.callback_us = callback_us
        leg.counts = [0] * COUNTS
        self._changed[leg.contact] = leg
        self._let_in(leg)

    def _let_in(self, leg: Leg) -> None:
        if leg.leg_id:
            self.inside.open(leg.contact_id, leg.leg_id, leg)
        else:
            self.inside.first[leg.contact_id] = leg

    def offer(self, leg: Leg, offer_id: OfferId, agent_id: str, now_us: int) -> None:
        """Offer a leg to an agent."""
        offer = Offer(offer_id, leg.contact, leg.contact_id, agent_id, now_us)
        leg.place = RINGING
        leg.offer_id = offer_id
        leg.agent_id = agent_id
        leg.counts[0] += 1
        self.by_offer[offer_id] = leg, offer
        self._open[leg.contact] += 1
        self.changed(leg, offer)

    def announce(self, leg: Leg, wait_us: int, now_us: int) -> None:
        """Note how long a leg was told to wait."""
        self._announced.append((leg.contact, now_us, wait_us))

    def changed(self, leg: Leg, offer: Offer) -> None:
        """Note that a leg and an offer are to be written."""
        self._changed[leg.contact] = leg
        self._offers[offer.offer_id] = offer

    def call_back(self, leg: Leg, now_us: int) -> None:
        """Note that the customer of a leg waits on the line no longer."""
        leg.callback_us = now_us
        self._changed[leg.contact] = leg

    def end_offer(self, leg: Leg, offer: Offer, outcome: str, now_us: int, *, cause: str) -> None:
        """End an offer; with the last one its leg waits again."""
        offer.ended_us = now_us
        offer.outcome = outcome
        offer.cause = cause
        del self.by_offer[offer.offer_id]
        self._open[leg.contact] -= 1
        if not self._open[leg.contact]:
            leg.place = QUEUED
        self.changed(leg, offer)

    def close(self, leg: Leg, outcome: str, now_us: int) -> None:
        """Close a leg that is not inside any more; the offer that holds it ends as handled."""
        leg.ended_us = now_us
        leg.outcome = outcome
        self._changed[leg.contact] = leg
        del self._open[leg.contact]
        held = self.by_offer.pop(leg.offer_id, None)
        if held is not None:
            _, offer = held
            offer.ended_us = now_us
            offer.outcome = "handled" if leg.place >= HANDLING else outcome
            self._offers[offer.offer_id] = offer

    def lose_all(self, at_us: int) -> None:
        """Close everybody inside, since nobody knows what became of them."""
        self.flush()
        for statement in _LOSE:
            self._sql.execute(statement, (at_us, LOST))
        self.inside = Inside()
        self.by_offer.clear()
        self._open.clear()

    def flush(self) -> None:
        """Write what changed."""
        self._sql.executemany(_PUT_CONTACT, [_row(leg) for leg in self._changed.values()])
        self._sql.executemany(_PUT_OFFER, [astuple(offer) for offer in self._offers.values()])
        self._sql.executemany(_PUT_ANNOUNCEMENT, self._announced)
        self._changed.clear()
        self._offers.clear()
        self._announced.clear()


def _row(leg: Leg) -> tuple[Any, ...]:
    *fields, counts = astuple(leg)
    return (*fields, *counts)

"""The legs that entries speak of: fetched from the tables when first needed, written back together.

A leg is known here from its first use in a transaction on. Whoever is known is authoritative: his
row may say what was true before. Some stay known between transactions, but not too many: a
million contacts may be inside.
"""

import sqlite3
from typing import Any, Final

from msgspec import Struct

from acd.daemon.history.schema import CLOSED, LOST
from acd.figures import NOT_CONNECTED, OFFERS
from acd.ids import ContactId, OfferId
from acd.tallies import QUEUED

KNOWN_MAX: Final = 20_000
"""Most legs that stay known: all that a site of 10,000 agents handles, and some who wait; 20 MB."""

COUNTS: Final = NOT_CONNECTED - OFFERS + 1

_MARKS: Final = ", ".join("?" * (11 + COUNTS))
_INSERT_CONTACT: Final = "INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_LEG: Final = f"INSERT INTO legs VALUES ({_MARKS})"  # noqa: S608 - only question marks.
_END_CONTACT: Final = "UPDATE contacts SET ended_us = ?, outcome = ? WHERE contact = ?"
_UPDATE_LEG: Final = """
UPDATE legs SET place = ?, offer_id = ?, agent_id = ?, waited_until_us = ?, answered = ?,
    ended_us = ?, handling_us = ?, offers = ?, timed_out = ?, rejected = ?, revoked = ?,
    canceled = ?, failed_busy = ?, failed_unreachable = ?, failed_congestion = ?,
    failed_refused = ?, not_connected = ?
WHERE contact = ?"""
_FIND_CONTACT: Final = """
SELECT contact_id, customer, legs.* FROM contacts JOIN legs USING (contact)
WHERE contact_id = ? AND legs.ended_us IS NULL"""
_FIND_OFFER: Final = """
SELECT contact_id, customer, legs.* FROM legs JOIN contacts USING (contact) WHERE offer_id = ?"""
_RAISE_LONGEST: Final = """
INSERT INTO longest_waits VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET wait_us = max(wait_us, excluded.wait_us)"""
_LOSE: Final = (
    "UPDATE contacts SET ended_us = :at_us, outcome = 'unknown' WHERE ended_us IS NULL",
    "UPDATE offers SET ended_us = :at_us, outcome = 'unknown' WHERE ended_us IS NULL",
    f"""UPDATE legs SET waited_until_us = coalesce(waited_until_us, :at_us), ended_us = :at_us,
        handling_us = 0, place = {LOST}, offer_id = NULL WHERE ended_us IS NULL""",  # noqa: S608 - a number.
)


class Leg(Struct, gc=False):
    """One leg, and what of its contact is not its own. A contact has one leg in this release."""

    contact_id: ContactId
    customer: str
    contact: int
    queue: str
    channel: str
    entered_us: int
    counts: list[int]
    """Of its offers, laid out as in `acd.figures` from `OFFERS` on."""
    place: int = QUEUED
    offer_id: OfferId | None = None
    """The offer that holds it; None while it waits alone, and when it is closed."""
    agent_id: str = ""
    """Whom it was offered to last."""
    waited_until_us: int | None = None
    answered: int = 0
    ended_us: int | None = None
    handling_us: int = 0
    """Ends less starts, as in `acd.tallies`."""
    outcome: str = ""
    stored: bool = False


class Legs:
    """The legs inside, by contact and by offer."""

    def __init__(self, connection: sqlite3.Connection, *, contacts: int) -> None:
        """Args: how many contacts were ever given a number."""
        self._sql = connection
        self.contacts = contacts
        self._known: dict[int, Leg] = {}
        self._by_id: dict[ContactId, Leg] = {}
        self._by_offer: dict[OfferId, Leg] = {}
        self._changed: dict[int, Leg] = {}
        self._longest: dict[tuple[str, str], int] = {}

    def enter(
        self, contact_id: ContactId, *, customer: str, queue: str, channel: str, now_us: int
    ) -> None:
        """Let a contact enter with its one leg."""
        self.contacts = number = self.contacts + 1
        counts = [0] * COUNTS
        leg = Leg(contact_id, customer, number, str(queue), str(channel), now_us, counts)
        self._known[number] = self._changed[number] = self._by_id[contact_id] = leg

    def of_contact(self, contact_id: ContactId) -> Leg | None:
        """Return the leg of a contact inside."""
        leg = self._by_id.get(contact_id)
        return leg if leg is not None else self._fetch(_FIND_CONTACT, contact_id)

    def of_offer(self, offer_id: OfferId) -> Leg | None:
        """Return the leg that an offer holds."""
        leg = self._by_offer.get(offer_id)
        return leg if leg is not None else self._fetch(_FIND_OFFER, offer_id)

    def changed(self, leg: Leg) -> None:
        """Note that a leg is to be written."""
        self._changed[leg.contact] = leg

    def hold(self, leg: Leg, offer_id: OfferId, agent_id: str) -> None:
        """Let an offer hold a leg."""
        leg.offer_id = offer_id
        leg.agent_id = agent_id
        self._by_offer[offer_id] = leg
        self.changed(leg)

    def let_go(self, leg: Leg) -> None:
        """Let no offer hold a leg."""
        if leg.offer_id is not None:
            self._by_offer.pop(leg.offer_id, None)
            leg.offer_id = None
        self.changed(leg)

    def end_wait(self, leg: Leg, now_us: int) -> None:
        """Note until when a leg waited, and whether none of its line waited longer."""
        leg.waited_until_us = now_us
        key = leg.queue, leg.channel
        wait_us = now_us - leg.entered_us
        if wait_us > self._longest.get(key, -1):
            self._longest[key] = wait_us

    def close(self, leg: Leg, outcome: str, now_us: int) -> None:
        """Close a leg and its contact."""
        self.let_go(leg)
        leg.place = CLOSED
        leg.ended_us = now_us
        leg.outcome = outcome
        self._by_id.pop(leg.contact_id, None)

    def lose_all(self, at_us: int) -> None:
        """Close everybody inside, since nobody knows what became of them; flush before."""
        for statement in _LOSE:
            self._sql.execute(statement, {"at_us": at_us})
        self._forget()

    def flush(self) -> None:
        """Write what changed."""
        changed = tuple(self._changed.values())
        new = [leg for leg in changed if not leg.stored]
        old = [leg for leg in changed if leg.stored]
        run = self._sql.executemany
        run(_INSERT_CONTACT, [_contact_row(leg) for leg in new])
        run(_INSERT_LEG, [_leg_row(leg) for leg in new])
        run(_UPDATE_LEG, [(*_state(leg), leg.contact) for leg in old])
        ended = [leg for leg in changed if leg.ended_us is not None]
        stored = [(leg.ended_us, leg.outcome, leg.contact) for leg in ended if leg.stored]
        run(_END_CONTACT, stored)
        run(_RAISE_LONGEST, [(*key, wait_us) for key, wait_us in self._longest.items()])
        for leg in new:
            leg.stored = True
        for leg in ended:
            del self._known[leg.contact]
        self._changed.clear()
        if len(self._longest) > KNOWN_MAX or len(self._known) > KNOWN_MAX:
            self._forget()

    def _forget(self) -> None:
        for known in (self._known, self._by_id, self._by_offer, self._longest):
            known.clear()  # type: ignore[attr-defined]

    def _fetch(self, find: str, key: object) -> Leg | None:
        """Return a leg from the tables, unless it is known: then what they say is over."""
        row = self._sql.execute(find, (key,)).fetchone()
        if row is None or row[2] in self._known:
            return None
        leg = _leg_of(row)
        self._known[leg.contact] = self._by_id[leg.contact_id] = leg
        if leg.offer_id is not None:
            self._by_offer[leg.offer_id] = leg
        # By its other key it may be what was asked for, or not.
        return leg


def _contact_row(leg: Leg) -> tuple[Any, ...]:
    return (
        *(leg.contact, leg.contact_id, leg.queue, leg.channel, leg.customer, leg.entered_us),
        *(leg.ended_us, leg.outcome),
    )


def _leg_row(leg: Leg) -> tuple[Any, ...]:
    return (leg.contact, leg.queue, leg.channel, leg.entered_us, *_state(leg))


def _state(leg: Leg) -> tuple[Any, ...]:
    return (
        *(leg.place, leg.offer_id, leg.agent_id, leg.waited_until_us, leg.answered),
        *(leg.ended_us, leg.handling_us, *leg.counts),
    )


def _leg_of(row: tuple[Any, ...]) -> Leg:
    contact_id, customer, contact, queue, channel, entered_us, *state = row
    place, offer_id, agent_id, waited_until_us, answered, ended_us, handling_us, *counts = state
    return Leg(
        *(contact_id, customer, contact, queue, channel, entered_us, counts, place, offer_id),
        *(agent_id, waited_until_us, answered, ended_us, handling_us),
        stored=True,
    )

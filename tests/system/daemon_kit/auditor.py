"""The auditor: judges from outside what a daemon did, over all of its lives.

He goes by what producers were told (the ledger), by what agents' desks were told (their messages,
in the order in which each connection brought them), and by the switch's own ledger. Of the journal
he reads only which inputs are in it, and which offers.

An offer at a desk is certain from the entry with which it was told to the entry with which its end
was told; where a connection broke before, to the last entry that this connection brought: messages
come in the order of the entries, so the end was later. What ends without being told (the phone's
doing) is certain as long as it was shown. What happened while nobody listened is not held against
the daemon.
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from acd.actions import OfferContact
from acd.daemon.recovery import recover
from acd.events import ContactArrived
from acd.journal.file import JournalFile
from acd.switch_protocol.simulated.ledger import Did, Line
from tests.system.daemon_kit.ledger import Ledger
from tests.system.daemon_kit.site import Site

FOREVER: Final = 10**18
"""The end of what nobody ended."""

Message = dict[str, Any]


class Kept(Struct):
    """What a journal holds."""

    arrived: dict[str, list[int]] = {}
    """Entries with which contacts came, by their ids."""
    offered: dict[int, tuple[str, str]] = {}
    """Contact and agent of each offer."""


def read_journal(path: Path) -> Kept:
    """Return what is in a journal that no daemon has, after recovering it."""
    kept = Kept()
    with closing(JournalFile.open(path)) as journal:
        recover(journal)
        for entry in journal.entries(journal.first()):
            if entry.key:
                assert isinstance(entry.event, ContactArrived)
                kept.arrived.setdefault(entry.event.contact_id, []).append(entry.number)
            for action in entry.actions:
                if isinstance(action, OfferContact):
                    kept.offered[action.offer_id] = action.contact_id, action.agent_id
    return kept


def losses(ledger: Ledger, kept: Kept) -> list[str]:
    """Return what producers were told that is not in the journal, or is there twice."""
    found = list(ledger.wrong)
    for key, (contact_id, entry) in ledger.acknowledged.items():
        entries = kept.arrived.get(contact_id, [])
        if entries != [entry]:
            found.append(f"{key}: {contact_id} was acknowledged as {entry}, is kept as {entries}")
    found += [f"{one} came twice" for one, entries in kept.arrived.items() if len(entries) > 1]
    return found


def all_are_kept(site: Site, ledger: Ledger) -> None:
    """Fail unless everything that was acknowledged is in the journal, once."""
    assert not losses(ledger, read_journal(site.journal))


# At the agents' desks.


class Hand(NamedTuple):
    """A contact in somebody's hand: held out to him, or with him."""

    contact_id: str
    agent_id: str
    offer_id: int
    first: int
    end: int
    """The first entry at which it may be over."""


class Sitting:
    """What one connection of one agent brought, in its order."""

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.last = 0
        """The last entry that it brought."""
        self.closed = False
        self.messages: list[Message] = []
        self._hands: dict[int, tuple[str, int]] = {}
        self._seen: dict[int, int] = {}
        """The last entry at which an offer was there."""
        self._ends: dict[int, int] = {}
        self._commands: dict[str, int] = {}

    def say(self, command: Message) -> None:
        """Note a command that the agent gave."""
        if command["do"] in {"reject", "end"}:
            self._commands[command["id"]] = command["offer_id"]

    def take(self, message: Message) -> None:
        """Take a message that came."""
        self.messages.append(message)
        entry = message.get("entry", 0)
        self.last = max(self.last, entry)
        kind = message["type"]
        if kind == "offer":
            self._begin(message["offer_id"], message["contact_id"], entry)
        elif kind == "withdraw":
            self._ends[message["offer_id"]] = entry
        elif kind == "result" and message["ok"] and message["id"] in self._commands:
            self._ends[self._commands[message["id"]]] = entry
        elif kind in {"snapshot", "state"}:
            legs = message["agent"]["legs"]
            for leg in legs:
                self._begin(leg["offer_id"], leg["contact_id"], entry)
            # Its end was told before, or was the phone's doing since it was seen.
            there = {leg["offer_id"] for leg in legs}
            for gone in self._hands.keys() - self._ends.keys() - there:
                self._ends[gone] = self._seen[gone] + 1

    def hands(self) -> list[Hand]:
        """Return what was in the agent's hand, as far as this connection tells."""
        found = []
        for offer_id, (contact_id, first) in self._hands.items():
            end = self._ends.get(offer_id, self.last if self.closed else FOREVER)
            found.append(Hand(contact_id, self.agent_id, offer_id, first, max(end, first + 1)))
        return found

    def pending(self) -> list[int]:
        """Return the offers whose end this connection did not bring."""
        return [offer_id for offer_id in self._hands if offer_id not in self._ends]

    def _begin(self, offer_id: int, contact_id: str, entry: int) -> None:
        self._hands.setdefault(offer_id, (contact_id, entry))
        self._seen[offer_id] = entry


def joined(sittings: Iterable[Sitting]) -> list[Hand]:
    """Return hands over all connections: what one saw begin and a later one saw, it was between."""
    hands: dict[tuple[str, int, str], Hand] = {}
    for sitting in sittings:
        for hand in sitting.hands():
            key = hand.agent_id, hand.offer_id, hand.contact_id
            before = hands.get(key, hand)
            hands[key] = before._replace(
                first=min(before.first, hand.first), end=max(before.end, hand.end)
            )
    return list(hands.values())


def double_hands(sittings: Iterable[Sitting]) -> list[str]:
    """Return the contacts that two offers held at once."""
    of: dict[str, list[Hand]] = {}
    for hand in joined(sittings):
        of.setdefault(hand.contact_id, []).append(hand)
    found = []
    for hands in of.values():
        hands.sort(key=lambda hand: hand.first)
        latest = hands[0]
        for hand in hands[1:]:
            if hand.first < latest.end:
                found.append(f"double: {latest} and {hand}")
            latest = max(latest, hand, key=lambda one: one.end)
    return found


def phantoms(sittings: Iterable[Sitting], kept: Kept) -> list[str]:
    """Return the offers that a desk was told and the journal knows otherwise."""
    return [
        f"not kept: {hand}"
        for hand in joined(sittings)
        if kept.offered.get(hand.offer_id) != (hand.contact_id, hand.agent_id)
    ]


# At the switch.

_OVER: Final = {
    *(Did.CANCELED, Did.CANCEL_LATE, Did.RANG_OUT, Did.DECLINED, Did.OFFER_LOST),
    *(Did.AGENT_HUNG_UP, Did.CONNECTION_CLEARED),
}
_CALL_OVER: Final = {Did.CUSTOMER_HUNG_UP, Did.CALL_CLEARED, Did.CALL_REJECTED, Did.FALLBACK}


class AtSwitch(NamedTuple):
    """What a switch's ledger comes to."""

    doubles: list[str]
    calls: set[str]
    """Those still there."""
    offers: dict[str, dict[str, str]]
    """By living call: its living offers, with their devices."""
    talking: set[str]
    """Offers that became conversations, at any time."""


def read_switch(lines: Iterable[Line]) -> AtSwitch:
    """Return what happened at the switch: calls at two phones at once, and what is left."""
    doubles: list[str] = []
    live: dict[str, dict[str, str]] = {}
    talking: set[str] = set()
    for line in lines:
        offers = live.setdefault(line.call_id, {}) if line.call_id else {}
        if line.did is Did.SELECTED:
            if offers:
                doubles.append(f"{line.number}: {line.call_id} rings at {line.device}, {offers}")
            offers[line.offer] = line.device
        elif line.did is Did.TALKING:
            talking.add(line.offer)
            if len(offers) > 1:
                doubles.append(f"{line.number}: {line.call_id} talks at {line.device}, {offers}")
            # The switch itself silences the others.
            live[line.call_id] = {line.offer: line.device}
        elif line.did in _OVER:
            offers.pop(line.offer, None)
        elif line.did in _CALL_OVER:
            del live[line.call_id]
    return AtSwitch(doubles, set(live), live, talking)

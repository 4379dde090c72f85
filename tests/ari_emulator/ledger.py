"""What became of customers and phones: the judge's book.

Faults that are over in a moment, as more phones that ring for one customer than may, are noted when
they are seen; how it stands in the end is asked of `World.wrongs`.
"""

import time
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from tests.ari_emulator.channels import Channel


class Did(StrEnum):
    CALLED = "called"
    FELL_BACK = "fell_back"
    """A customer is treated by the switch's default."""
    RANG = "rang"
    ANSWERED = "answered"
    REFUSED = "refused"
    TALKED = "talked"
    HUNG_UP = "hung_up"
    """A customer or an agent."""
    DELETED = "deleted"
    """A client asked for its end."""
    ENDED = "ended"
    LOST = "lost"
    """The switch was started anew."""


class Line(NamedTuple):
    at_s: float
    did: Did
    customer: str
    phone: str
    channel: str


class Ledger:
    """Lines in the order of time, and faults."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.faults: list[str] = []
        self.gone: set[str] = set()
        """Customers who hung up, or whom the switch lost."""
        self.served: set[str] = set()
        self.rings_max = 1
        """At how many phones a customer may ring at once. Where at several, two who talk to him
        are a fault: a client that lets them has joined more than the first to answer."""

    def note(self, did: Did, channel: Channel) -> None:
        """Note what happened to a channel."""
        phone = channel.phone.number if channel.phone else ""
        self.lines.append(Line(time.monotonic(), did, channel.customer, phone, channel.id))
        is_customer = channel.customer and not channel.is_leg
        if is_customer and did in {Did.HUNG_UP, Did.LOST}:
            self.gone.add(channel.customer)
        if is_customer and did is Did.DELETED and channel.customer not in self.served:
            self.fault(f"{channel.customer} was dropped, and had talked with nobody")

    def fault(self, what: str) -> None:
        if what not in self.faults:
            self.faults.append(what)

    def count(self, did: Did, *, customer: str = "", phone: str = "") -> int:
        """Return how often something happened."""
        return sum(
            line.did is did and customer in {"", line.customer} and phone in {"", line.phone}
            for line in self.lines
        )

    def see(self, channels: Iterable[Channel]) -> None:
        """Look at who rings for whom and who talks with whom at this moment."""
        ringing: dict[str, set[str]] = {}
        talking: dict[str, set[str]] = {}
        legs = [one for one in channels if one.is_leg and one.phone is not None]
        for leg in legs:
            number = leg.phone.number if leg.phone else ""
            others = leg.bridge.channels if leg.bridge else []
            if any(one.customer == leg.customer and not one.is_leg for one in others):
                if leg.customer not in self.served or self._last(leg) is not Did.TALKED:
                    self.note(Did.TALKED, leg)
                self.served.add(leg.customer)
                if not leg.asked_to_end:
                    talking.setdefault(leg.customer, set()).add(leg.id)
            if leg.state == "Ringing" and not leg.asked_to_end:
                ringing.setdefault(leg.customer, set()).add(leg.id)
            shared = {one.id for one in legs if one.phone is leg.phone and not one.asked_to_end}
            if len(shared) > 1 and not leg.asked_to_end:
                self.fault(f"phone {number} has {len(shared)} legs at once")
        for customer, rings in ringing.items():
            if len(rings) > self.rings_max:
                self.fault(f"{len(rings)} legs ring for {customer} at once")
        for customer, talks in talking.items():
            if len(talks) > 1 and self.rings_max > 1:
                self.fault(f"{len(talks)} legs talk with {customer} at once")

    def _last(self, leg: Channel) -> Did | None:
        dids = (line.did for line in reversed(self.lines) if line.channel == leg.id)
        return next(dids, None)

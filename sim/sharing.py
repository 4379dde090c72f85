"""Several contacts of an agent at a time: each goes the slower, the more of them are open.

What is left of a contact is counted in work, not in time: microseconds that it would take alone,
times `ALONE`. With n contacts of a channel open each loses pace(n) of work in every microsecond,
and at each change of n all of them are brought up to now. All are integers, so that nothing is lost
by rounding but the last part of a microsecond at the end of a contact, or when it is set aside.

Source: processor sharing with rates that depend on the state, L. Kleinrock, "Time-shared systems: a
theoretical treatment", 1967.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from acd.ids import AgentId, Channel
from sim.calendar import Contact

ALONE: Final = 1_000_000
"""The pace of a contact alone; a pace is told in millionths of it."""


class _Desk:
    """An agent's open contacts of one channel."""

    __slots__ = ("open", "pace", "since_us")

    def __init__(self) -> None:
        self.open: dict[Contact, int] = {}
        """What is left of each, as of `since_us`."""
        self.pace = ALONE
        self.since_us = 0

    def catch_up(self, now_us: int) -> None:
        """Take off what was done since the last change."""
        done = (now_us - self.since_us) * self.pace
        self.open = {contact: max(left - done, 0) for contact, left in self.open.items()}
        self.since_us = now_us

    def go_on(self, paces: Sequence[int]) -> Iterable[Contact]:
        """Set the pace for as many as are open, and say when each ends; return them all."""
        self.pace = paces[min(len(self.open), len(paces)) - 1]
        for contact, left in self.open.items():
            contact.ends_us = self.since_us - (-left // self.pace)
        return self.open


class Sharing:
    """What agents have open on the channels whose contacts slow each other.

    Args:
        concurrency: By channel how fast each contact goes while 1, 2, … are open.
    """

    def __init__(self, concurrency: Mapping[Channel, Sequence[float]]) -> None:
        self._paces = {
            channel: [round(pace * ALONE) for pace in paces]
            for channel, paces in concurrency.items()
        }
        self._desks: dict[tuple[AgentId, Channel], _Desk] = {}
        self._desk_of: dict[Contact, _Desk] = {}

    def shares(self, contact: Contact) -> bool:
        """Return whether a contact is of such a channel."""
        return contact.stream.channel in self._paces

    def begin(self, contact: Contact, agent_id: AgentId, now_us: int) -> Iterable[Contact]:
        """Begin what is left of a contact; return those whose `ends_us` is another now."""
        channel = contact.stream.channel
        desk = self._desks.get((agent_id, channel))
        if desk is None:
            desk = self._desks[agent_id, channel] = _Desk()
        desk.catch_up(now_us)
        desk.open[contact] = contact.handle_us * ALONE
        self._desk_of[contact] = desk
        return desk.go_on(self._paces[channel])

    def end(self, contact: Contact, now_us: int) -> Iterable[Contact]:
        """End a contact, or set it aside with what is left; return those that go faster now."""
        desk = self._desk_of.pop(contact)
        desk.catch_up(now_us)
        contact.handle_us = -(-desk.open.pop(contact) // ALONE)
        return desk.go_on(self._paces[contact.stream.channel]) if desk.open else ()

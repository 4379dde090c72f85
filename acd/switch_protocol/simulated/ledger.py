"""The switch's own record of what happened at it: what an auditor outside the daemon goes by."""

from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Final

from msgspec import Struct

from acd.ids import plain
from acd.switch_protocol.words import AnyId, CommandError, Count, Text

LINES_MAX: Final = 1_000_000
"""Most lines kept (a load test of 100,000 calls writes ten each); the oldest go first."""


@plain
class Did(StrEnum):
    """What happened."""

    CALL_PLACED = "call_placed"
    CUSTOMER_HUNG_UP = "customer_hung_up"
    CALL_CLEARED = "call_cleared"
    """By ClearCall: the daemon let the customer go."""
    DEFLECTED = "deflected"
    """By DeflectCall: the customer heard a message, or got to a voicemail, as the note says."""
    CALL_REJECTED = "call_rejected"
    """By RouteReject."""
    FALLBACK = "fallback"
    """The switch's own default took the call: by RouteEnd, or since no daemon came."""
    SELECTED = "selected"
    """A RouteSelect came and was carried out: the device rings."""
    SELECT_REFUSED = "select_refused"
    CANCELED = "canceled"
    """A RouteCancel stopped a ringing."""
    CANCEL_LATE = "cancel_late"
    """A RouteCancel cleared a connection that had just been made."""
    CANCEL_EARLY = "cancel_early"
    """A RouteCancel of an offer that does not live (any more, or yet)."""
    RANG_OUT = "rang_out"
    """By the switch's own timer: the daemon did not take the offer back."""
    DECLINED = "declined"
    OFFER_LOST = "offer_lost"
    """The phone went out of service while it rang."""
    TALKING = "talking"
    """Customer and agent."""
    CONSULTED = "consulted"
    """A ConsultationCall was carried out: the device rings; the note is the asking one's offer."""
    ASKED = "asked"
    """Who was consulted answered: two agents talk, and the customer hears music."""
    TRANSFERRED = "transferred"
    """The customer talks with whom was asked, and no more with the agent whose offer is the note.
    """
    CONFERENCED = "conferenced"
    """The customer talks with both."""
    RECONNECTED = "reconnected"
    """By ReconnectCall: who was asked is let go."""
    MUSIC = "music"
    """The last agent's part ended; the customer is still there, and hears music."""
    AGENT_HUNG_UP = "agent_hung_up"
    CONNECTION_CLEARED = "connection_cleared"
    """By ClearConnection."""
    HELD = "held"
    RETRIEVED = "retrieved"
    TREATED = "treated"
    """A customer hears what the note says: a kind, or an announcement and the number behind it."""
    DIALLED = "dialled"
    """A MakeCall was carried out: the customer's phone rings; the note is the number."""
    CUSTOMER_ANSWERED = "customer_answered"
    NOT_REACHED = "not_reached"
    """A customer who was dialled did not answer; the note is why."""
    LINKED = "linked"
    """A daemon logged in; the note is the epoch."""
    UNLINKED = "unlinked"


class Line(Struct, frozen=True, gc=False):
    """One line."""

    number: Count
    """1, 2, 3, …"""
    at_us: Count
    did: Did
    call_id: AnyId = ""
    device: AnyId = ""
    offer: AnyId = ""
    error: CommandError = CommandError.NONE
    note: Text = ""


class Ledger:
    """The last lines."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=LINES_MAX)
        self.last = 0
        """Number of the last line."""

    def add(
        self,
        at_us: int,
        did: Did,
        call_id: str = "",
        device: str = "",
        offer: str = "",
        *,
        error: CommandError = CommandError.NONE,
        note: str = "",
    ) -> None:
        """Write a line."""
        self.last += 1
        self._lines.append(Line(self.last, at_us, did, call_id, device, offer, error, note))

    def after(self, number: int) -> Iterator[Line]:
        """Return the lines after a number, oldest first. O(lines kept) to find the first."""
        fresh = self.last - number
        if fresh <= 0:
            return iter(())
        if fresh < len(self._lines) // 2:
            return reversed(tuple(islice(reversed(self._lines), fresh)))
        return islice(self._lines, max(0, len(self._lines) - fresh), None)

"""The state table: each customer's call, and the legs to agents that belong to it. Pure data.

    Stage of a leg: DIALLED ─▶ RINGING ─▶ ANSWERED (being joined) ─▶ TALKING
                       └──────────┴────────────┴─────────────────────▶ out of the table

A leg's id is the id of the command that made it, and of its channel. What left the table is
remembered for a while, since the switch may tell of it late, or be asked for it again.
"""

from collections import OrderedDict
from enum import IntEnum, StrEnum
from typing import Final

from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import CONNECTIONS_MAX, ConnectionState

ENDED_MAX: Final = 50_000
"""Ended legs and calls remembered, each: those of an hour at 14 a second."""


class Purpose(StrEnum):
    """Why a leg was made; the channel variable ACD_PURPOSE says it, too."""

    OFFER = "offer"
    TRANSFER = "transfer"
    CONSULT = "consult"
    CONFERENCE = "conference"
    LISTEN = "listen"
    WHISPER = "whisper"


OTHER: Final = "x-"
"""Begins the channel ids of all that is no offer. Asterisk compares an id that is asked for with as
many letters of those that are there as it has itself: after "acd-s-j-12.0", "acd-s-j-12" would be
refused. Offers are counted, so a later one is no shorter."""


class Stage(IntEnum):
    """How far a leg has come."""

    DIALLED = 0
    RINGING = 1
    ANSWERED = 2
    TALKING = 3


class Hold(StrEnum):
    """Who keeps the customer on hold; the leg's channel variable ACD_HELD says it, too."""

    NONE = ""
    PHONE = "phone"
    SWITCH = "switch"
    """We did, by taking the customer out of the bridge."""


class Leg:
    """A phone that we let ring for a call, or that takes part in it."""

    __slots__ = (
        *("bridge", "call", "channel", "device", "entered", "hold", "id", "purpose", "rang"),
        *("set_aside", "stage", "status", "target", "waits"),
    )

    def __init__(self, leg_id: str, call: "Call", device: str, purpose: Purpose) -> None:
        self.id = leg_id
        self.channel = leg_id if purpose is Purpose.OFFER else OTHER + leg_id
        """The channel's id: another one after a masquerade."""
        self.call = call
        self.device = device
        self.purpose = purpose
        self.stage = Stage.DIALLED
        self.rang = False
        self.status = ""
        """How dialling ended, as the switch says."""
        self.hold = Hold.NONE
        self.bridge = ""
        """The bridge that was made for it, if one was."""
        self.entered = False
        """It is in a bridge."""
        self.target = ""
        """The leg that is listened to."""
        self.set_aside = False
        """A consultation alone keeps its customer on hold: he comes back if nobody can be asked."""
        self.waits = False
        """It was answered after another one of its call, and is not joined."""


class Call:
    """A customer's call whose routeing dialogue is open."""

    __slots__ = (
        *(
            "announcements",
            "bridge",
            "channel",
            "clearing",
            "entered",
            "facts",
            "hears",
            "id",
            "legs",
        ),
        *("is_last", "playback", "returns", "serial", "served"),
    )

    def __init__(self, facts: sw.Call, channel: str) -> None:
        self.id = facts.call_id
        self.channel = channel
        self.facts = facts
        self.served = facts.served
        self.legs: dict[str, Leg] = {}
        self.bridge = ""
        """Where its customer talks, or last talked."""
        self.entered = False
        """The customer is in that bridge."""
        self.returns = False
        """He is being put back into it."""
        self.hears = ""
        """What was ordered for the customer's ear and not stopped, as the switch calls it."""
        self.clearing = False
        """We asked the switch to hang up."""
        self.playback = ""
        """The announcement that is played."""
        self.is_last = False
        """When it has been heard the customer is let go."""
        self.announcements = 0
        self.serial = 0
        """When it last changed, by the table's count."""

    def is_taken(self) -> bool:
        """Return whether an agent to whom it is offered has answered: another may not join it."""
        return any(
            leg.stage >= Stage.ANSWERED and leg.purpose is Purpose.OFFER
            for leg in self.legs.values()
        )

    def talks(self) -> bool:
        """Return whether anybody but a listener has been connected to the customer."""
        return any(
            leg.stage >= Stage.ANSWERED for leg in self.legs.values() if leg.purpose not in SILENT
        )


SILENT: Final = frozenset({Purpose.LISTEN, Purpose.WHISPER})
"""Whom the customer does not hear."""

_STATES: Final = {
    Stage.DIALLED: ConnectionState.ALERTING,
    Stage.RINGING: ConnectionState.ALERTING,
    Stage.ANSWERED: ConnectionState.ALERTING,
    Stage.TALKING: ConnectionState.CONNECTED,
}


class Table:
    """All calls and legs."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.legs: dict[str, Leg] = {}
        self._customers: dict[str, Call] = {}
        """By channel."""
        self._channels: dict[str, Leg] = {}
        """By channel."""
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self.serial = 0

    def clear(self) -> None:
        """Forget what is there, not what is over."""
        self.calls.clear()
        self.legs.clear()
        self._customers.clear()
        self._channels.clear()

    def touch(self, call: Call) -> None:
        """Note that something about a call is news."""
        self.serial += 1
        call.serial = self.serial

    # Calls.

    def add(self, call: Call) -> None:
        """Add a call."""
        self.calls[call.id] = call
        self._customers[call.channel] = call
        self.touch(call)

    def customer(self, channel: str) -> Call | None:
        """Return the call of a customer's channel."""
        return self._customers.get(channel)

    def drop(self, call: Call) -> None:
        """Take out a call and its legs: it is over."""
        for leg in tuple(call.legs.values()):
            self.end(leg)
        self.calls.pop(call.id, None)
        self._customers.pop(call.channel, None)
        _remember(self._gone, call.id)

    def is_gone(self, call_id: str) -> bool:
        """Return whether a call is known to be over, or not ours any more."""
        return call_id in self._gone

    def comes_again(self, call_id: str) -> None:
        """Note that a call, once handed back, is ours again."""
        self._gone.pop(call_id, None)

    # Legs.

    def add_leg(self, leg: Leg) -> None:
        """Add a leg to its call."""
        self.legs[leg.id] = leg
        self._channels[leg.channel] = leg
        leg.call.legs[leg.id] = leg
        self.touch(leg.call)

    def leg_at(self, channel: str) -> Leg | None:
        """Return the leg of a channel."""
        return self._channels.get(channel)

    def end(self, leg: Leg) -> None:
        """Take out a leg: it is over."""
        self.legs.pop(leg.id, None)
        self._channels.pop(leg.channel, None)
        leg.call.legs.pop(leg.id, None)
        self.end_id(leg.id)
        self.touch(leg.call)

    def end_id(self, leg_id: str) -> None:
        """Note that a leg is over, or must never come to be."""
        _remember(self._ended, leg_id)

    def may_come(self, leg_id: str) -> None:
        """Note that a leg never came to be, and may be asked for again."""
        self._ended.pop(leg_id, None)

    def has_ended(self, leg_id: str) -> bool:
        """Return whether a leg is known to be over."""
        return leg_id in self._ended

    # Masquerades.

    def rename(self, old: str, new: str) -> None:
        """Note that a channel took another one's place."""
        call = self._customers.pop(old, None)
        if call is not None:
            call.channel = new
            self._customers[new] = call
            self.touch(call)
        leg = self._channels.pop(old, None)
        if leg is not None:
            leg.channel = new
            self._channels[new] = leg
            self.touch(leg.call)


def as_told(call: Call) -> sw.Call:
    """Return a call as the daemon is told of it, with those whom the customer can hear."""
    connections = tuple(
        sw.Connection(
            leg.device,
            ConnectionState.HOLD if leg.hold else _STATES[leg.stage],
            leg.id,
        )
        for leg in call.legs.values()
        if leg.purpose not in SILENT
    )
    facts = call.facts
    return sw.Call(
        call_id=call.id,
        dnis=facts.dnis,
        ani=facts.ani,
        queued_us=facts.queued_us,
        served=call.served,
        user_data=facts.user_data,
        digits=facts.digits,
        connections=connections[:CONNECTIONS_MAX],
    )


def _remember(known: OrderedDict[str, None], what: str) -> None:
    known[what] = None
    known.move_to_end(what)
    if len(known) > ENDED_MAX:
        known.popitem(last=False)

"""Agents: four dimensions, never one flat enum.

1. *Availability*: what the agent intends (`AVAILABILITY_TABLE`), with a pending "not ready after
   this one".
2. *Device*: what the switch says of his phone.
3. *Slots*: one for each contact that he is offered or handles, in a `SlotState`.
4. *Wrap-up mode*.

What he may take on a channel follows from his slots alone, by his capacity profile; since a profile
sees few different occupancies, the answer is worked out once for each and looked up after that.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from acd.contacts import Offer
from acd.ids import AgentId, Availability, Channel, Device, QueueName, WrapUpMode, plain
from acd.settings import AgentSettings, CapacitySettings, ProfileSettings, SlotSettings
from acd.shifts import Shift

if TYPE_CHECKING:
    from acd.gauges import Headroom

CHANNELS: Final = tuple(Channel)
CHANNEL_INDEX: Final = {channel: index for index, channel in enumerate(CHANNELS)}
VOICE: Final = CHANNEL_INDEX[Channel.VOICE]

# What every step asks for: Python 3.11 takes 0.1 µs to look up a member of an enum.
_READY: Final = Availability.READY
_DRAINING: Final = Availability.DRAINING
_REACHABLE: Final = Device.REACHABLE


@plain
class SlotState(IntEnum):
    """What an agent's slot is used for."""

    RESERVED = 0
    """An offer rings, or its parties are being connected. Costs like an active one."""
    ACTIVE = 1
    HELD = 2
    INTERRUPTED = 3
    """Set aside for a more urgent contact: costs nothing, and its channel takes nothing new."""
    WRAPPING = 4
    PARKED = 5
    """Its contact is put away, or wraps up there: costs nothing, and its channel takes new ones."""


@plain
class Takes(IntEnum):
    """Whether an agent's capacity lets him take one more contact of a channel."""

    NO = 0
    FREE = 1
    INTERRUPTING = 2
    """Yes, if everything that he does now is set aside. Agents who need not come first."""


@plain
class AgentSignal(IntEnum):
    """What moves an agent's availability."""

    LOGGED_IN = 0
    READY = 1
    NOT_READY = 2
    DRAIN = 3
    LOGGED_OUT = 4
    MISSED = 5
    """An offer rang out."""
    EMPTIED = 6
    """The last slot is free."""


_A = Availability

AVAILABILITY_TABLE: Final[Mapping[Availability, tuple[Availability | None, ...]]] = {
    # In each row: LOGGED_IN, READY, NOT_READY, DRAIN, LOGGED_OUT, MISSED, EMPTIED; None: refused.
    _A.LOGGED_OUT: (
        _A.NOT_READY, None, None, _A.LOGGED_OUT, _A.LOGGED_OUT, _A.LOGGED_OUT, _A.LOGGED_OUT,
    ),
    _A.NOT_READY: (
        _A.NOT_READY, _A.READY, _A.NOT_READY, _A.DRAINING, _A.DRAINING, _A.NOT_READY, _A.NOT_READY,
    ),
    _A.READY: (
        _A.READY, _A.READY, _A.NOT_READY, _A.DRAINING, _A.DRAINING, _A.NOT_RESPONDING, _A.READY,
    ),
    _A.DRAINING: (
        _A.DRAINING, _A.READY, _A.DRAINING, _A.DRAINING, _A.DRAINING, _A.DRAINING, _A.LOGGED_OUT,
    ),
    _A.NOT_RESPONDING: (
        _A.NOT_RESPONDING, _A.READY, _A.NOT_READY, _A.DRAINING, _A.DRAINING, _A.NOT_RESPONDING,
        _A.NOT_RESPONDING,
    ),
}  # fmt: skip
"""Availability × signal. A log-out drains; the drain ends at once where no slot is in use."""

_BITS: Final = 5
"""Bits of one count in an occupancy: up to 31, where `validation` admits 25 slots a channel."""
_STATES: Final = SlotState.PARKED.value
"""States that count: those before it."""
UNIT: Final = tuple(
    (*(1 << _BITS * (channel * _STATES + state) for state in range(_STATES)), 0)
    for channel in range(len(CHANNELS))
)
"""What one slot of a channel (row) in a state (column) adds to an agent's occupancy."""

ASIDE: Final = (SlotState.INTERRUPTED, SlotState.PARKED)
"""Slots that cost nothing: nobody works on what is in them."""

_HANDLING: Final = sum(
    UNIT[channel][state] * (2**_BITS - 1)
    for channel in range(len(CHANNELS))
    for state in (SlotState.ACTIVE, SlotState.HELD, SlotState.WRAPPING)
)
"""The bits of an occupancy that count contacts in handling."""

NEVER_OCCUPIED_US: Final = -(2**60)
"""So long ago that nothing is left of it."""

BUSY_KEY: Final = 2**61
"""Added to the idle key of an agent with contacts, so that idle agents come before him. Times stay
below 2**60 (`acd.ids.TIME_US_MAX`), so the two never mix."""

KNOWN_MAX: Final = 65_536
"""Most occupancies remembered by a capacity profile (10 MB); a site's agents show some hundreds."""

TAKES_NOTHING: Final = (Takes.NO,) * len(CHANNELS)
"""The answer of an agent who takes nothing on any channel: always this very object."""


class Capacity:
    """A capacity profile, with the answers that it has already worked out."""

    __slots__ = ("barring", "interrupts", "known", "settings")

    def __init__(self, settings: CapacitySettings) -> None:
        self.settings = settings
        self.interrupts = any(slot.interrupted_by for slot in settings.channels.values())
        """Whether any channel may interrupt another."""
        self.known: dict[int, tuple[Takes, ...]] = {}
        """By occupancy: for each channel whether one more contact may be taken beside it."""
        self.barring: dict[int, tuple[bool, ...]] = {}
        """By occupancy: what `bars_calls` answered."""

    def work_out(self, occupancy: int) -> tuple[Takes, ...]:
        """Return what may be taken beside an occupancy, and remember it."""
        if len(self.known) >= KNOWN_MAX:
            self.known.clear()
        takes = self._apply_rules(occupancy)
        self.known[occupancy] = takes
        return takes

    def bars_calls(self, occupancy: int) -> tuple[bool, ...]:
        """Return for each channel whether one more contact of it, in handling, keeps calls out.

        That is, whether a call may be taken beside an occupancy, but not beside that contact too,
        be it by setting aside all that is done then.
        """
        bars = self.barring.get(occupancy)
        if bars is None:
            if len(self.barring) >= KNOWN_MAX:
                self.barring.clear()
            bars = tuple(self._bars_calls(occupancy, channel) for channel in range(len(CHANNELS)))
            self.barring[occupancy] = bars
        return bars

    def _bars_calls(self, occupancy: int, channel: int) -> bool:
        takes = self.known.get(occupancy) or self.work_out(occupancy)
        if channel == VOICE or not takes[VOICE] or not takes[channel]:
            return False
        if takes[channel] is Takes.INTERRUPTING:
            occupancy = sum(
                occupancy // unit % 2**_BITS * units[SlotState.INTERRUPTED]
                for units in UNIT
                for unit in units[: SlotState.PARKED]
            )
        return not self.work_out(occupancy + UNIT[channel][SlotState.ACTIVE])[VOICE]

    def line_of(self, channel: int) -> SlotSettings:
        """Return what a contact of a channel costs that an agent has, be it not carried by now.

        He was given it under another profile. It fills him.
        """
        line = self.settings.channels.get(CHANNELS[channel])
        return SlotSettings(cost=self.settings.total) if line is None else line

    def room_for(self, occupancy: int, channel: int) -> bool:
        """Return whether an interrupted slot of a channel may be active again beside the others."""
        load = sum(
            sum(count) * self.line_of(other).cost
            for other, count in enumerate(_counts(occupancy))
            if any(count)
        )
        return load + self.line_of(channel).cost <= self.settings.total

    def _apply_rules(self, occupancy: int) -> tuple[Takes, ...]:
        """Apply the rules: units, slots, interrupt matrix.

        What is set aside costs nothing. Its channel takes nothing new, nor does another that may
        not interrupt it; one that may goes on, so what is set aside waits for as long as contacts
        that may interrupt it keep coming. Only contacts in progress are interrupted: not an offer
        that rings, nor a wrap-up.

        Source: Cisco's and Genesys' matrices (one channel interruptible by another) with Avaya's
        and OpenSIPS' units.
        """
        counts = _counts(occupancy)
        load = 0
        pausable = True
        entitled = set(CHANNELS)
        permitted = set(CHANNELS)
        for channel, count in enumerate(counts):
            settings = self.line_of(channel)
            if occupancy // UNIT[channel][SlotState.INTERRUPTED] % 2**_BITS:
                entitled &= set(settings.interrupted_by)
            if any(count):
                load += sum(count) * settings.cost
                pausable &= not count[SlotState.RESERVED] and not count[SlotState.WRAPPING]
                permitted &= set(settings.interrupted_by)
        answer = []
        for name, count in zip(CHANNELS, counts, strict=True):
            line = self.settings.channels.get(name)
            if line is None or name not in entitled:
                answer.append(Takes.NO)
            elif sum(count) < line.slots and load + line.cost <= self.settings.total:
                answer.append(Takes.FREE)
            elif load and pausable and name in permitted:
                answer.append(Takes.INTERRUPTING)
            else:
                answer.append(Takes.NO)
        return tuple(answer) if any(answer) else TAKES_NOTHING


def _counts(occupancy: int) -> list[list[int]]:
    """Return the slots that count, by channel and state: one that is aside counts as none."""
    return [
        [
            0 if state in ASIDE else occupancy // unit % 2**_BITS
            for state, unit in zip(SlotState, units, strict=True)
        ]
        for units in UNIT
    ]


class Desk:
    """A routing profile with a capacity profile: which queues are served on which channels."""

    __slots__ = (
        "capacity",
        "channels",
        "delays",
        "flexibility",
        "kinds",
        "names",
        "queues",
        "reserves",
        "serves",
        "shut",
    )

    def __init__(self, profile: ProfileSettings, capacity: Capacity) -> None:
        self.capacity = capacity
        self.names = (profile.name, capacity.settings.name)
        self.serves: dict[tuple[QueueName, int], int] = {}
        """Tier of each (queue, channel index)."""
        self.delays: dict[tuple[QueueName, int], int] = {}
        """How long contacts wait before they are offered here, where that is not 0."""
        self.reserves: dict[tuple[QueueName, int], int] = {}
        """How many contacts must wait for one to be offered here, where that is not 0."""
        self.shut = 0
        """The classes of those places where fewer wait, as bits: `acd.gauges` keeps them."""
        for line in profile.serves:
            for channel in line.channels:
                if channel in capacity.settings.channels:
                    place = (line.queue, CHANNEL_INDEX[channel])
                    self.serves[place] = line.tier
                    if line.delay_us:
                        self.delays[place] = line.delay_us
                    if line.reserve_waiting is not None:
                        self.reserves[place] = line.reserve_waiting
        self.channels = tuple(sorted({channel for _, channel in self.serves}))
        self.queues = frozenset(queue for queue, _ in self.serves)
        self.flexibility = len(self.queues)
        """How many queues it serves."""
        self.kinds: list[Kind] = []
        """The kinds of agents who sit at it."""


class Kind:
    """Agents who are alike in all that decides what they may take: matching asks once a kind."""

    __slots__ = (
        "attributes",
        "desk",
        "emptied",
        "members",
        "number",
        "present",
        "ready",
        "skills",
    )

    def __init__(self, number: int, settings: AgentSettings, desk: Desk) -> None:
        self.number = number
        self.skills: Mapping[str, int] = settings.skills
        self.attributes: Mapping[str, str] = settings.attributes
        self.desk = desk
        self.present = 0
        """How many of them are logged in."""
        self.ready = 0
        """How many of them are ready, be they busy."""
        self.emptied: dict[Kind, None] | None = None
        """Where it is noted that none of them is ready; None where nobody asks for it."""
        self.members: list[int] = []
        """Indices of the agents of this kind."""
        desk.kinds.append(self)


class Agent:
    """One agent: settings, and the four dimensions."""

    __slots__ = (
        "after_this_one",
        "agent_id",
        "availability",
        "back_off_until_us",
        "capacity",
        "channels",
        "device",
        "excluded_from",
        "gap_until_us",
        "given_before_us",
        "group",
        "headrooms",
        "idle_since_us",
        "index",
        "kind",
        "last_given_us",
        "missed",
        "occupancy",
        "occupied_us",
        "off_shift_until_us",
        "offers",
        "reason",
        "shift",
        "shift_changes_us",
        "wrap_up_mode",
    )

    def __init__(
        self, index: int, settings: AgentSettings, kind: Kind, shift: Shift | None = None
    ) -> None:
        self.index = index
        """Position in the settings; the last word where all else is equal."""
        self.agent_id: AgentId = settings.agent_id
        self.group = settings.group
        self.kind = kind
        self.capacity = kind.desk.capacity
        self.channels: tuple[int, ...] = kind.desk.channels
        """Indices of the channels on which he can be offered anything."""
        self.availability = Availability.LOGGED_OUT
        self.reason = ""
        """Why he is, or will be, not ready."""
        self.after_this_one = False
        """He will be not ready when his last slot is free."""
        self.device = Device.REACHABLE
        self.wrap_up_mode: WrapUpMode = settings.wrap_up_mode
        self.offers: dict[int, Offer] = {}
        """His slots, by the number of the offer that took each."""
        self.occupancy = 0
        """The slots counted by channel and state, packed: see `UNIT`."""
        self.idle_since_us = 0
        self.last_given_us = 0
        """When he was last offered something that was not rescinded."""
        self.given_before_us = 0
        """The same of the offers that he has no more, while he has others."""
        self.occupied_us = NEVER_OCCUPIED_US
        """How occupied he has been, as an instant: see `acd.occupancy`."""
        self.excluded_from: dict[int, int] = {}
        """The legs that he failed to take a moment ago, each until an instant."""
        self.back_off_until_us = 0
        """Left alone until then, after an offer to him failed; 0 is not."""
        self.gap_until_us = 0
        """Offered nothing until then, so that offers are not too close; 0 is not."""
        self.shift = shift
        """By what he works, while he is logged in; None for always."""
        self.off_shift_until_us = 0
        """Offered nothing until then, since he is not on shift; 0 is not."""
        self.shift_changes_us = 0
        """When his shift begins or ends next; 0 where he has none, or is logged out."""
        self.missed = 0
        """How many offers in a row he let ring out."""
        self.headrooms: tuple[Headroom, ...] = ()
        """In whose pools he is: `acd.gauges` puts him there."""

    @property
    def is_idle(self) -> bool:
        """Whether no slot is in use. What is parked is in nobody's hands."""
        return not self.occupancy

    @property
    def parked(self) -> tuple[Offer, ...]:
        """The offers whose contacts are put away, oldest first."""
        return tuple(one for one in self.offers.values() if one.slot == SlotState.PARKED)

    @property
    def is_handling(self) -> bool:
        """Whether he has a contact in handling: connected or in wrap-up, and not set aside."""
        return self.occupancy & _HANDLING != 0

    @property
    def is_leaving(self) -> bool:
        """Whether his availability changes when his last slot is free."""
        return self.after_this_one or self.availability is _DRAINING

    def become(self, availability: Availability) -> None:
        """Change his availability, and the counts of those who are logged in, or ready."""
        is_in = availability is not Availability.LOGGED_OUT
        kind = self.kind
        kind.present += is_in - (self.availability is not Availability.LOGGED_OUT)
        is_ready = availability is Availability.READY
        kind.ready += is_ready - (self.availability is Availability.READY)
        if kind.emptied is not None and not kind.ready:
            kind.emptied[kind] = None
        self.availability = availability
        if not is_in:
            self.off_shift_until_us = self.shift_changes_us = 0

    def sit_with(self, kind: Kind) -> None:
        """Be of another kind, and counted there: see `acd.kinds`."""
        is_in = self.availability is not Availability.LOGGED_OUT
        is_ready = self.availability is Availability.READY
        before = self.kind
        before.present -= is_in
        before.ready -= is_ready
        if before.emptied is not None and not before.ready:
            before.emptied[before] = None
        kind.present += is_in
        kind.ready += is_ready
        self.kind = kind
        self.capacity = kind.desk.capacity
        self.channels = kind.desk.channels

    def takes(self) -> tuple[Takes, ...]:
        """Return for each channel whether he may be offered one more contact now."""
        if (
            self.availability is not _READY
            or self.after_this_one
            or self.back_off_until_us
            or self.gap_until_us
            or self.off_shift_until_us
        ):
            return TAKES_NOTHING
        capacity = self.capacity
        takes = capacity.known.get(self.occupancy) or capacity.work_out(self.occupancy)
        if self.device is _REACHABLE:
            return takes
        if self.device is Device.BUSY_ELSEWHERE:
            return TAKES_NOTHING
        return (*takes[:VOICE], Takes.NO, *takes[VOICE + 1 :])

    def idle_key(self) -> int:
        """Return his place by idle time: smaller is longer idle.

        An agent with contacts stands behind all idle ones, by the instant at which he was last
        given one: a clock that ran on while he has room would flood him.
        """
        return self.last_given_us + BUSY_KEY if self.occupancy else self.idle_since_us

    def add(self, offer: Offer) -> None:
        """Take a slot for an offer, in the slot state that the offer says."""
        self.offers[offer.offer_id] = offer
        self.occupancy += UNIT[offer.channel][offer.slot]

    def move(self, offer: Offer, slot: SlotState) -> None:
        """Put an offer's slot into another state."""
        units = UNIT[offer.channel]
        self.occupancy += units[slot] - units[offer.slot]
        offer.slot = slot

    def remove(self, offer: Offer) -> None:
        """Free an offer's slot."""
        del self.offers[offer.offer_id]
        self.occupancy -= UNIT[offer.channel][offer.slot]


def desks_of(agents: Sequence[Agent]) -> tuple[Desk, ...]:
    """Return the desks in the order of their first agents."""
    return tuple(dict.fromkeys(agent.kind.desk for agent in agents))

"""Who waits, and in which order.

Legs that differ in nothing that a decision looks at stand in one *class*: same queue, channel,
requirement, preferences, stage of widening, and every policy number that differs inside the queue.
Inside a class the order is static, so a class needs no sorting while time passes; across classes
only the heads are compared (`acd.matching`). A leg whose agent failed to take it stands apart from
its class until the exclusion ends, with the same key.
"""

from bisect import bisect_left, insort
from collections import deque
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, TypeAlias

from acd.contacts import Leg
from acd.ids import Channel
from acd.settings import ChannelSettings, QueueSettings
from acd.skills import Requirement

if TYPE_CHECKING:
    from acd.agents import Kind
    from acd.clocks import OpenClock
    from acd.doors import Door
    from acd.gates import Gate
    from acd.gauges import Backlog
    from acd.lane import Lane

CLASSES_MAX: Final = 8_192
"""Most classes with legs in them: eight times the 1,000 that the largest site planned for has."""

Key: TypeAlias = tuple[int, ...]
"""A leg's place in the domain's order (`acd.policies`); its last number is the leg's."""

_DEAD_MIN: Final = 64
"""Keys of gone legs that a line tolerates, beside as many as it has living ones."""


class Numbers:
    """What the urgency policy reads of a queue and channel (`acd.urgency`), each number exact."""

    __slots__ = ("cap", "head_start_us", "period_us", "queue", "rank", "share", "weight")

    def __init__(
        self,
        *,
        head_start_us: int = 0,
        weight: int = 1,
        period_us: int = 1,
        cap: int = 0,
        rank: int = 0,
        queue: int = 0,
        share: int = 0,
    ) -> None:
        self.head_start_us = head_start_us
        self.weight = weight
        """Urgency gained in a period of waiting."""
        self.period_us = period_us
        self.cap = cap
        """In points × `HOUR_US`: the limit of ageing."""
        self.rank = rank
        """Place among the domain's queues and channels in an order that time does not change."""
        self.queue = queue
        """Position of the queue in the settings."""
        self.share = share
        """Target share of the waiting contacts."""


class LegClass:
    """Legs alike to every decision. Compared by identity: interned by the router."""

    __slots__ = (
        "backlog",
        "channel",
        "channel_index",
        "channel_settings",
        "clock",
        "delays",
        "door",
        "gate",
        "is_plain",
        "lane",
        "legs",
        "number",
        "numbers",
        "opened",
        "prefers",
        "queue",
        "requirement",
        "served_by",
        "step",
        "team",
        "team_kinds",
        "team_us",
        "waited_us",
        "widens",
    )

    def __init__(
        self,
        *,
        number: int,
        queue: QueueSettings,
        channel: Channel,
        channel_index: int,
        requirement: Requirement,
        prefers: tuple[Requirement, ...],
        numbers: Numbers,
        delays: tuple[int, ...] = (),
        step: int = 0,
        opened: int = 0,
        team: Requirement | None = None,
        team_us: int = 0,
        backlog: "Backlog | None" = None,
        door: "Door | None" = None,
        clock: "OpenClock | None" = None,
        gate: "Gate | None" = None,
    ) -> None:
        self.backlog = backlog
        """How many wait in its queue and channel; None where no agent is in reserve for them."""
        self.door = door
        """Whether its queue is closed now; None where it is always open."""
        self.clock = clock
        """What counts of its legs' waits; None where all time does."""
        self.gate = gate
        """When its legs overflow; None for never."""
        self.lane: Lane | None = None
        """What the index keeps of it; None until its first leg waits."""
        self.legs = 0
        """How many open legs stand in it."""
        self.number = number
        """Dense, below `CLASSES_MAX`; given on when this one is forgotten. Decides nothing."""
        self.queue = queue
        self.channel = channel
        self.channel_index = channel_index
        self.channel_settings: ChannelSettings = queue.channels[channel]
        self.requirement = requirement
        self.prefers = prefers
        self.numbers = numbers
        self.delays = delays
        """After how long the queue opens to more agents, ascending: their profiles' delays."""
        self.step = step
        self.opened = opened
        """How many routing steps, and how many of the delays, its legs have behind them."""
        self.waited_us = delays[opened - 1] if opened else 0
        """How long its legs have waited at least."""
        self.served_by: tuple[Kind, ...] | None = None
        """The kinds of agents who serve it; None until somebody asks."""
        self.team = team
        """The team for which its legs are kept (`acd.affinity`), as what its agents meet."""
        self.team_us = team_us
        """Until they have waited so long."""
        self.team_kinds: tuple[Kind, ...] | None = None
        """Those of `served_by` who are of the team; None until somebody asks."""
        self.widens = step < len(queue.steps) or opened < len(delays) or team is not None
        """Whether another stage follows."""
        self.is_plain = not (self.widens or gate or self.channel_settings.expires_us is not None)
        """Whether its legs wait in line, and nothing else befalls them."""

    def due_us(self, since_us: int, span_us: int) -> int:
        """Return when a span ends that began at an instant, by the queue's clock."""
        return since_us + span_us if self.clock is None else self.clock.after_us(since_us, span_us)

    def counted_us(self, since_us: int, until_us: int) -> int:
        """Return how long a leg has waited from one instant to another, by the queue's clock."""
        if self.clock is None:
            return until_us - since_us
        return self.clock.counted_us(since_us, until_us)


class Line:
    """Legs of one class in the order of their keys: O(1) at both ends, and for a leg that goes.

    Keys of new legs nearly always come in ascending order, so they stand in a deque; one that does
    not (a leg going back to its place, a nearer deadline) goes to a heap beside it. A leg that goes
    leaves its key behind (a tombstone), which is dropped when it reaches the head, or with all
    others when they are more than the living. A leg that comes back with another key (another
    priority) is known by that one, and not by its tombstone.
    """

    __slots__ = ("_late", "_order", "first", "legs")

    def __init__(self) -> None:
        self.first: Leg | None = None
        """The first leg; None where nobody waits."""
        self.legs: dict[int, Leg] = {}
        """The legs in the line, by number."""
        self._order: deque[Key] = deque()
        self._late: list[Key] = []

    def push(self, leg: Leg) -> None:
        """Put a leg in its place."""
        self.legs[leg.leg_id] = leg
        order = self._order
        if not order or leg.key >= order[-1]:
            order.append(leg.key)
        else:
            heappush(self._late, leg.key)
        if self.first is None or leg.key < self.first.key:
            self.first = leg

    def discard_first(self) -> bool:
        """Take the first leg out of the line, which is not empty; say whether others wait."""
        legs, order, late = self.legs, self._order, self._late
        assert self.first is not None
        del legs[self.first.leg_id]
        while order and not _is_at(legs, order[0]):
            order.popleft()
        while late and not _is_at(legs, late[0]):
            heappop(late)
        if late and (not order or late[0] < order[0]):
            self.first = legs[late[0][-1]]
        else:
            self.first = legs[order[0][-1]] if order else None
        return self.first is not None

    def discard(self, leg: Leg) -> None:
        """Take out a leg that is in the line and not the first."""
        legs, order, late = self.legs, self._order, self._late
        del legs[leg.leg_id]
        if len(order) + len(late) > 2 * len(legs) + _DEAD_MIN:
            self._order = deque(key for key in order if _is_at(legs, key))
            self._late = [key for key in late if _is_at(legs, key)]
            heapify(self._late)


def _is_at(legs: dict[int, Leg], key: Key) -> bool:
    """Return whether a leg in the line stands at a key: at this very one."""
    leg = legs.get(key[-1])
    return leg is not None and leg.key is key


class Aside:
    """Legs of one class that exclude some agent, in the order of their keys. Few, so: a list."""

    __slots__ = ("_keys", "legs")

    def __init__(self) -> None:
        self.legs: dict[int, Leg] = {}
        self._keys: list[Key] = []

    def push(self, leg: Leg) -> None:
        """Put a leg in its place."""
        self.legs[leg.leg_id] = leg
        insort(self._keys, leg.key)

    def discard(self, leg: Leg) -> None:
        """Take out a leg that is in."""
        del self.legs[leg.leg_id]
        del self._keys[bisect_left(self._keys, leg.key)]

    def first_for(self, agent: int) -> Leg | None:
        """Return the first leg that does not exclude the agent of this index."""
        for key in self._keys:
            leg = self.legs[key[-1]]
            if not leg.excluded or agent not in leg.excluded:
                return leg
        return None

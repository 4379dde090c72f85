"""Counters with which blocks end: how many wait where agents are in reserve, who can take a call.

Beside them the doors of queues that are closed at times (`acd.doors`), which turn with the clock.
Two blocks of `acd.eligibility` hang on them. The counters are part of the state: `acd.counting`
keeps them, whichever matcher decides, and a domain whose settings ask for none has none. Beside
each stand, as bits, the agents and the classes for which its block holds, so that the index need
not ask one after the other.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Final, TypeAlias

from acd.agents import CHANNEL_INDEX, CHANNELS, VOICE, Agent, Desk, Kind
from acd.doors import Door, Doors
from acd.gates import Gate
from acd.ids import QueueName
from acd.settings import DomainSettings

Place: TypeAlias = tuple[QueueName, int]
"""A queue, and the index of a channel."""


class Reserve:
    """The agents who are in reserve for a place until so many legs wait there."""

    __slots__ = ("agents", "desks", "least")

    def __init__(self, least: int) -> None:
        self.least = least
        self.desks: list[Desk] = []
        self.agents = 0
        """Bit `agent.index` is set for each who sits at one of the desks."""


class Backlog:
    """The legs that are QUEUED in a place for which agents are in reserve.

    It opens to each reserve while enough legs are in it, and closes by itself as they are offered.

    Source: reserve agents of Avaya's Business Advocate, which an overload activates.
    """

    __slots__ = ("_open", "_reserves", "channel", "classes", "in_reserve", "legs", "shut")

    def __init__(self, channel: int) -> None:
        self.channel = channel
        self.legs: set[int] = set()
        """Their numbers."""
        self.in_reserve = 0
        """The agents in any of its reserves, as bits."""
        self.shut = 0
        """Those of them to whom it is closed now."""
        self.classes = 0
        """The classes of the place that the index knows, as bits."""
        self._reserves: list[Reserve] = []
        """By how many must wait, the fewest first."""
        self._open = 0
        """To how many of them it is open."""

    def know(self, least: int) -> None:
        """Have a reserve that so many legs open, before any waits."""
        if all(one.least != least for one in self._reserves):
            insort(self._reserves, Reserve(least), key=_least)

    def enlist(self, bit: int, desk: Desk, least: int) -> None:
        """Put an agent into the reserve that so many legs open; his desk with the first one."""
        at = bisect_left(self._reserves, least, key=_least)
        reserve = self._reserves[at]
        reserve.agents |= bit
        self.in_reserve |= bit
        self.shut |= bit if at >= self._open else 0
        if desk not in reserve.desks:
            reserve.desks.append(desk)
            desk.shut |= self.classes if at >= self._open else 0

    def release(self, bit: int, desk: Desk, least: int) -> None:
        """Take an agent out of his reserve; his desk when nobody sits there any more."""
        reserve = self._reserves[bisect_left(self._reserves, least, key=_least)]
        reserve.agents &= ~bit
        self.in_reserve &= ~bit
        self.shut &= ~bit
        if not desk.kinds:
            reserve.desks.remove(desk)

    def come(self, leg_id: int) -> bool:
        """Note that a leg is QUEUED, maybe once more; return whether that opened it to somebody."""
        self.legs.add(leg_id)
        if self._open == len(self._reserves):
            return False
        reserve = self._reserves[self._open]
        if len(self.legs) < reserve.least:
            return False
        self._open += 1
        self._turn(reserve)
        return True

    def go(self, leg_id: int) -> None:
        """Note that a leg is QUEUED no longer."""
        self.legs.discard(leg_id)
        if self._open:
            reserve = self._reserves[self._open - 1]
            if len(self.legs) < reserve.least:
                self._open -= 1
                self._turn(reserve)

    def put_class(self, bit: int) -> None:
        """Take note of a class of the place."""
        self.classes |= bit
        for reserve in self._reserves[self._open :]:
            for desk in reserve.desks:
                desk.shut |= bit

    def drop_class(self, bit: int) -> None:
        """Forget a class of the place."""
        self.classes &= ~bit
        for reserve in self._reserves[self._open :]:
            for desk in reserve.desks:
                desk.shut &= ~bit

    def _turn(self, reserve: Reserve) -> None:
        """Open to a reserve, or close."""
        self.shut ^= reserve.agents
        for desk in reserve.desks:
            desk.shut ^= self.classes


def _least(reserve: Reserve) -> int:
    return reserve.least


class Headroom:
    """The agents who can take calls of a queue: so many of them are kept able to take one.

    Whoever can take a call at once or by setting aside what he does is *able*. While not more than
    `keep_free` are, it is *tight*, and nobody of the pool is given what would make him unable.

    Source: our own. Where channels know nothing of each other, as TaskRouter's, a backlog of chats
    starves calls; Avaya's auto reserve agents keep an agent idle for a skill.
    """

    __slots__ = ("able", "keep_free", "pool")

    def __init__(self, keep_free: int) -> None:
        self.keep_free = keep_free
        self.pool = 0
        """Bit `agent.index` is set for each agent whose profile serves the queue on voice."""
        self.able: set[int] = set()
        """Indices of those of them who can take a call now."""

    @property
    def is_tight(self) -> bool:
        """Whether nobody more may be spared."""
        return len(self.able) <= self.keep_free

    def note(self, agent: Agent) -> bool:
        """Note whether an agent of the pool can take a call; return whether it is tight now."""
        if agent.takes()[VOICE]:
            self.able.add(agent.index)
        else:
            self.able.discard(agent.index)
        return self.is_tight


Gauge: TypeAlias = Backlog | Headroom | Door


class Gauges:
    """All counters and doors of a domain. Its headrooms are given to the agents, too."""

    def __init__(self, settings: DomainSettings, agents: Sequence[Agent]) -> None:
        self.backlogs: Final = _backlogs(settings)
        """By place, where a profile has a reserve, be nobody of it there."""
        self.doors: Final = Doors(settings)
        self.gates: Final = _gates(settings, self.doors)
        """By place, where contacts overflow."""
        self.headrooms: Final = tuple(Headroom(one.keep_free) for one in settings.headrooms)
        self._pooled = tuple((one.queue, VOICE) for one in settings.headrooms)
        """Whose agents each headroom is for."""
        for agent in agents:
            for place, least in agent.kind.desk.reserves.items():
                self.backlogs[place].enlist(1 << agent.index, agent.kind.desk, least)
            self._pool(agent)

    def move(self, agent: Agent, before: Kind) -> list[tuple[Headroom, bool]]:
        """Have an agent of another kind counted where that is.

        Returns:
            All headrooms, each with whether it was tight before.
        """
        bit = 1 << agent.index
        for place, least in before.desk.reserves.items():
            self.backlogs[place].release(bit, before.desk, least)
        for place, least in agent.kind.desk.reserves.items():
            self.backlogs[place].enlist(bit, agent.kind.desk, least)
        was_tight = [(one, one.is_tight) for one in self.headrooms]
        for headroom in agent.headrooms:
            headroom.pool &= ~bit
            headroom.able.discard(agent.index)
        self._pool(agent)
        for headroom in agent.headrooms:
            headroom.note(agent)
        return was_tight

    def _pool(self, agent: Agent) -> None:
        """Put an agent into the pools of what he serves."""
        serves = agent.kind.desk.serves
        agent.headrooms = tuple(
            one for one, place in zip(self.headrooms, self._pooled, strict=True) if place in serves
        )
        for headroom in agent.headrooms:
            headroom.pool |= 1 << agent.index


def _gates(settings: DomainSettings, doors: Doors) -> dict[Place, Gate]:
    """Return the gates of a domain by place, in its order."""
    gates: dict[Place, Gate] = {}
    for queue in settings.queues:
        for index, name in enumerate(CHANNELS):  # In one order, also from a journal's settings.
            channel = queue.channels.get(name)
            if channel is not None and channel.overflow:
                gate = Gate(len(gates), channel.overflow, doors.of_queue.get(queue.name))
                gates[queue.name, index] = gate
    return gates


def _backlogs(settings: DomainSettings) -> dict[Place, Backlog]:
    """Return the backlogs of a domain by place, with their reserves."""
    found: dict[Place, Backlog] = {}
    for profile in settings.profiles:
        for line in profile.serves:
            if line.reserve_waiting is not None:
                for channel in line.channels:
                    place = (line.queue, CHANNEL_INDEX[channel])
                    found.setdefault(place, Backlog(place[1])).know(line.reserve_waiting)
    return found

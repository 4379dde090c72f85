"""Counters with which blocks end: how many wait where agents are in reserve, who can take a call.

Beside them the doors of queues that are closed at times (`acd.doors`), which turn with the clock.
Two blocks of `acd.eligibility` hang on them. The counters are part of the state: `acd.counting`
keeps them, whichever matcher decides, and a domain whose settings ask for none has none. Beside
each stand, as bits, the agents and the classes for which its block holds, so that the index need
not ask one after the other.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from acd.agents import CHANNEL_INDEX, VOICE, Agent, Desk
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

    def __init__(self, channel: int, reserves: list[Reserve]) -> None:
        self.channel = channel
        self.legs: set[int] = set()
        """Their numbers."""
        self.in_reserve = sum(reserve.agents for reserve in reserves)
        """The agents in any of its reserves, as bits."""
        self.shut = self.in_reserve
        """Those of them to whom it is closed now."""
        self.classes = 0
        """The classes of the place that the index knows, as bits."""
        self._reserves = sorted(reserves, key=_least)
        self._open = 0
        """To how many of them it is open."""

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
        self.backlogs: Final = _backlogs(agents)
        """By place, where agents are in reserve."""
        self.doors: Final = Doors(settings)
        self.gates: Final = _gates(settings, self.doors)
        """By place, where contacts overflow."""
        self.headrooms: Final = tuple(Headroom(one.keep_free) for one in settings.headrooms)
        for headroom, one in zip(self.headrooms, settings.headrooms, strict=True):
            place = (one.queue, VOICE)
            for agent in agents:
                if place in agent.kind.desk.serves:
                    headroom.pool |= 1 << agent.index
                    agent.headrooms += (headroom,)


def _gates(settings: DomainSettings, doors: Doors) -> dict[Place, Gate]:
    """Return the gates of a domain by place, in its order."""
    gates: dict[Place, Gate] = {}
    for queue in settings.queues:
        for name, channel in queue.channels.items():
            if channel.overflow:
                gate = Gate(len(gates), channel.overflow, doors.of_queue.get(queue.name))
                gates[queue.name, CHANNEL_INDEX[name]] = gate
    return gates


def _backlogs(agents: Sequence[Agent]) -> dict[Place, Backlog]:
    """Return the backlogs of a domain by place."""
    reserves: dict[Place, dict[int, Reserve]] = {}
    for kind in dict.fromkeys(agent.kind for agent in agents):
        for place, least in kind.desk.reserves.items():
            reserve = reserves.setdefault(place, {}).setdefault(least, Reserve(least))
            if kind.desk not in reserve.desks:
                reserve.desks.append(kind.desk)
            for index in kind.members:
                reserve.agents |= 1 << index
    return {place: Backlog(place[1], list(found.values())) for place, found in reserves.items()}

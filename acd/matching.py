"""The index: the next pair to match, without scanning everybody.

**The rule** (`Matcher.next_pair`; the naive matcher of the tests states it in ten lines): of the
waiting legs that some agent may take, the first by the domain's order; its best agent; and of the
legs that this agent may take, the first by *his* order, in which the tier of his profile comes
first. Repeat until nothing fits. With one new leg this is agent selection, with one freed agent it
is contact selection, with many of both it gives the most urgent leg its best agent.

**What makes it fast.** At rest no waiting leg and agent fit, so only what changed since is looked
at: new legs and agents who gained capacity. Sets of agents and of classes are bits of Python
integers, so "nobody is free" costs one AND however many wait. Where several candidates remain, the
numbers that order them lie in numpy rows (idle keys of the agents who may take a channel, head keys
of the classes) and one `argmin` chooses.
"""

from bisect import bisect_right
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from acd.agents import CHANNELS, Agent, Kind, Takes, kinds_of
from acd.contacts import Leg, LegState
from acd.eligibility import eligible
from acd.policies import Key, preferences_lacked, split_selection, static_rank, urgency_key
from acd.queues import Aside, LegClass, Line
from acd.settings import AgentCriterion, DomainSettings

NEVER: Final = 2**63 - 1
"""In a row of keys: not a candidate."""

_FEW: Final = 12
"""Up to so many candidate classes a Python loop over tuples is faster than numpy (measured)."""

Pair = tuple[Leg, Agent]


class Matcher(Protocol):
    """What the router asks of a matcher. `Index` here; the naive one in the tests."""

    def wait(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, or that its exclusions changed while it is."""

    def remove(self, leg: Leg) -> None:
        """Note that a leg waits no longer."""

    def refresh(self, agent: Agent) -> None:
        """Note that an agent's availability, device, slots or idle clock changed."""

    def next_pair(self) -> Pair | None:
        """Return the next leg and agent to match, or None at rest."""

    def settle(self) -> None:
        """Note that others decided (a journal); whether all is at rest is seen at the next step."""


class _Pool:
    """The agents who may take one more contact of a channel, in one of the two ways to take it."""

    __slots__ = ("bits", "keys")

    def __init__(self, agents: int) -> None:
        self.bits = 0
        """Bit `agent.index` is set for each."""
        self.keys: NDArray[np.int64] = np.full(agents, NEVER, dtype=np.int64)
        """Idle key of each; NEVER for those who are not in it."""


class _Lane:
    """What the index keeps of a class: its waiting legs, and its eligible agents in order."""

    __slots__ = ("agents", "aside", "eligible", "ends", "head", "klass", "line")

    def __init__(self, klass: LegClass) -> None:
        self.klass = klass
        self.line = Line()
        self.aside = Aside()
        self.head: Key | None = None
        """Key of the line's first leg."""
        self.eligible = 0
        """Bit `agent.index` is set for each eligible agent."""
        self.agents: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        """Their indices, by the criteria before the idle time, those after it, and position."""
        self.ends: list[int] = []
        """Where, in `agents`, the blocks end of those equal by the criteria before idle time."""


class _Reach:
    """The classes that one kind of agents may take, by tier."""

    __slots__ = ("arrays", "tiers")

    def __init__(self) -> None:
        self.tiers: list[tuple[int, int]] = []
        """(tier, class bits), lowest tier first."""
        self.arrays: dict[tuple[int, int], NDArray[np.int64]] = {}
        """Class numbers by (tier, class bits of the channels asked); emptied by a new class."""


class Index:
    """The matcher of the product."""

    def __init__(self, settings: DomainSettings, agents: Sequence[Agent]) -> None:
        self._agents = agents
        self._bit = [1 << agent.index for agent in agents]
        self._kinds = kinds_of(agents)
        self._before, self._after = split_selection(settings)
        self._takes: list[Sequence[Takes]] = [(Takes.NO,) * len(CHANNELS)] * len(agents)
        self._pools = tuple((_Pool(0), _Pool(len(agents)), _Pool(len(agents))) for _ in CHANNELS)
        """By channel, then by `Takes` (the first is never used)."""
        self._lanes: list[_Lane | None] = []
        self._reach = [_Reach() for _ in self._kinds]
        self._of_channel = [0] * len(CHANNELS)
        """Class bits of each channel."""
        self._waiting = [0] * len(CHANNELS)
        """Class bits of each channel's classes with legs in line or aside."""
        self._set_aside = 0
        """Class bits of those with legs aside."""
        self._heads: NDArray[np.int64] = np.full(
            (urgency_key(settings.urgency)[1], 64), NEVER, dtype=np.int64
        )
        """Keys of the lines' heads without the leg's number, a column for each class."""
        self._fresh: list[Leg] = []
        """Legs that came to wait and are not in a line yet."""
        self._gained: list[Agent] = []
        """Agents whose capacity grew."""
        self._unsettled = False
        """Whether pairs may fit that are neither among the fresh nor among the gained."""
        self._round: list[tuple[Key, int]] | None = None
        """While many meet many: a heap of (key, class number) of legs that may find an agent."""

    # What the router tells.

    def wait(self, leg: Leg) -> None:
        """Keep a leg for the next decision."""
        self._fresh.append(leg)

    def remove(self, leg: Leg) -> None:
        """Take a leg out of its line."""
        number = leg.klass.number
        if number >= len(self._lanes):
            return
        lane = self._lanes[number]
        if lane is None or lane.klass is not leg.klass:
            return
        if lane.line.discard(leg.leg_id):
            if leg.key == lane.head:
                self._set_head(lane)
        elif lane.aside.discard(leg) and not lane.aside.legs:
            self._set_aside &= ~(1 << number)
            self._note_waiting(lane)

    def refresh(self, agent: Agent) -> None:
        """Take over what an agent may be offered, O(channels)."""
        index = agent.index
        takes = agent.takes()
        before = self._takes[index]
        self._takes[index] = takes
        gained = False
        key = agent.idle_key()
        for channel in agent.kind.channels:
            old, new = before[channel], takes[channel]
            if old is not new:
                pools = self._pools[channel]
                if old:
                    pool = pools[old]
                    pool.bits ^= self._bit[index]
                    pool.keys[index] = NEVER
                else:
                    gained = True
                if new:
                    pool = pools[new]
                    pool.bits |= self._bit[index]
                    pool.keys[index] = key
            elif new:
                self._pools[channel][new].keys[index] = key
        if gained:
            self._gained.append(agent)

    # What the router asks.

    def next_pair(self) -> Pair | None:
        """Name the next pair: O(1) where one leg or agent changed, beside the choice."""
        if self._round is None:
            gained, fresh = self._gained, self._fresh
            if self._unsettled:
                self._unsettled = False
                gained[:] = self._agents
            elif not gained:
                if not fresh:
                    return None
                if len(fresh) == 1:
                    return self._place_one(fresh.pop())
            elif not fresh and len(gained) == 1:
                leg = self._first_leg(gained[0])
                if leg is None:
                    gained.clear()
                    return None
                return leg, gained[0]
            self._round = self._begin_round()
        return self._next_of_round(self._round)

    def settle(self) -> None:
        """Put all in line; look at everything at the next step."""
        self._begin_round()
        self._unsettled = True

    def _place_one(self, leg: Leg) -> Pair | None:
        """Match the one new leg, or put it in its line."""
        if leg.state is not LegState.QUEUED:
            return None
        lane = self._lane(leg.klass)
        agent = self._best_agent(lane, leg)
        if agent is None:
            self._enter(lane, leg)
            return None
        return leg, agent

    def _begin_round(self) -> list[tuple[Key, int]]:
        """Put all new legs in line; return the heads that may find an agent, as a heap."""
        classes = 0
        for leg in self._fresh:
            if leg.state is LegState.QUEUED:
                self._enter(self._lane(leg.klass), leg)
                classes |= 1 << leg.klass.number
        self._fresh.clear()
        for kind in {agent.kind.number for agent in self._gained}:
            for _, bits in self._reach[kind].tiers:
                classes |= bits
        self._gained.clear()
        heads: list[tuple[Key, int]] = []
        for number in _bits(classes & self._any_waiting()):
            lane = self._lanes[number]
            assert lane is not None
            if lane.head is not None:
                heads.append((lane.head, number))
            heads.extend((leg.key, number) for leg in lane.aside.legs.values())
        heapify(heads)
        return heads

    def _next_of_round(self, heads: list[tuple[Key, int]]) -> Pair | None:
        """Match the first leg of the round that finds an agent; drop those before it.

        Capacity only shrinks during a round, so what found nobody will find nobody.
        """
        while heads:
            key, number = heads[0]
            lane = self._lanes[number]
            assert lane is not None
            leg = lane.aside.legs.get(key[-1])
            if leg is None:
                if lane.head is None:
                    heappop(heads)
                    continue
                if key != lane.head:
                    heapreplace(heads, (lane.head, number))
                    continue
                leg = lane.line.legs[key[-1]]
            agent = self._best_agent(lane, leg)
            if agent is None:
                heappop(heads)
                continue
            if len(self._reach[agent.kind.number].tiers) > 1:
                leg = self._first_leg(agent) or leg
            return leg, agent
        self._round = None
        return None

    # Agent selection.

    def _best_agent(self, lane: _Lane, leg: Leg) -> Agent | None:
        """Return the best agent who may take a leg; those who need no interruption first."""
        pools = self._pools[lane.klass.channel_index]
        for takes in (Takes.FREE, Takes.INTERRUPTING):
            pool = pools[takes]
            candidates = lane.eligible & pool.bits
            if leg.excluded:
                for agent in leg.excluded:
                    candidates &= ~self._bit[agent]
            if candidates:
                if not candidates & (candidates - 1):
                    return self._agents[candidates.bit_length() - 1]
                return self._agents[self._choose(lane, pool, leg.excluded)]
        return None

    @staticmethod
    def _choose(lane: _Lane, pool: _Pool, excluded: dict[int, int] | None) -> int:
        """Return the index of the best of several agents: first block with any, longest idle."""
        keys = pool.keys[lane.agents]
        for agent in excluded or ():
            keys[lane.agents == agent] = NEVER
        start = 0
        if len(lane.ends) > 1:
            block = bisect_right(lane.ends, int((keys != NEVER).argmax()))
            start = lane.ends[block - 1] if block else 0
            keys = keys[start : lane.ends[block]]
        return int(lane.agents[start + int(keys.argmin())])

    # Contact selection.

    def _first_leg(self, agent: Agent) -> Leg | None:
        """Return the first leg by this agent's order that he may take."""
        takes = self._takes[agent.index]
        waiting = 0
        for channel in agent.kind.channels:
            if takes[channel]:
                waiting |= self._waiting[channel]
        if waiting:
            for tier, bits in self._reach[agent.kind.number].tiers:
                candidates = bits & waiting
                if candidates:
                    leg = self._first_of(candidates, agent, tier)
                    if leg is not None:
                        return leg
        return None

    def _first_of(self, candidates: int, agent: Agent, tier: int) -> Leg | None:
        """Return the first leg that an agent may take of the candidate classes of one tier."""
        if not candidates & (candidates - 1):
            return self._first_in(candidates.bit_length() - 1, agent)
        best: Leg | None = None
        aside = candidates & self._set_aside
        if candidates.bit_count() > _FEW:
            best = self._first_of_many(candidates, agent.kind, tier)
            candidates = aside
        for number in _bits(candidates):
            leg = self._first_in(number, agent)
            if leg is not None and (best is None or leg.key < best.key):
                best = leg
        return best

    def _first_in(self, number: int, agent: Agent) -> Leg | None:
        """Return the first leg of a class that an agent may take."""
        lane = self._lanes[number]
        assert lane is not None
        first = None if lane.head is None else lane.line.legs[lane.head[-1]]
        if lane.aside.legs:
            other = lane.aside.first_for(agent.index)
            if other is not None and (first is None or other.key < first.key):
                return other
        return first

    def _first_of_many(self, candidates: int, kind: Kind, tier: int) -> Leg | None:
        """Return the first of the lines' heads; legs aside are the caller's."""
        arrays = self._reach[kind.number].arrays
        channels = 0
        for channel in kind.channels:
            if candidates & self._of_channel[channel]:
                channels |= self._of_channel[channel]
        classes = arrays.get((tier, channels))
        if classes is None:
            reach = next(bits for at, bits in self._reach[kind.number].tiers if at == tier)
            classes = np.fromiter(_bits(reach & channels), dtype=np.int64)
            arrays[tier, channels] = classes
        for row in self._heads:
            keys = row[classes]
            best = int(keys.argmin())
            least = keys[best]
            if least == NEVER:
                return None
            equal = keys == least
            if np.count_nonzero(equal) == 1:
                return self._head_of(int(classes[best]))
            classes = classes[equal]
        return min((self._head_of(int(one)) for one in classes), key=_key)

    def _head_of(self, number: int) -> Leg:
        lane = self._lanes[number]
        assert lane is not None
        assert lane.head is not None
        return lane.line.legs[lane.head[-1]]

    # Lines and lanes.

    def _enter(self, lane: _Lane, leg: Leg) -> None:
        """Put a leg in its line, or aside while it excludes agents."""
        if leg.excluded:
            if leg.leg_id in lane.aside.legs:
                return
            lane.aside.push(leg)
            self._set_aside |= 1 << lane.klass.number
            self._note_waiting(lane)
            return
        if lane.aside.discard(leg) and not lane.aside.legs:
            self._set_aside &= ~(1 << lane.klass.number)
        lane.line.push(leg)
        if lane.head is None or leg.key < lane.head:
            self._set_head(lane)

    def _set_head(self, lane: _Lane) -> None:
        """Take over the key of the line's first leg."""
        number = lane.klass.number
        before = lane.head
        leg = lane.line.head()
        heads = self._heads
        if leg is None:
            lane.head = None
            for row in range(len(heads)):
                heads[row, number] = NEVER
            self._note_waiting(lane)
            return
        key = lane.head = leg.key
        for row in range(len(heads)):
            heads[row, number] = key[row]
        if before is None:
            self._note_waiting(lane)

    def _note_waiting(self, lane: _Lane) -> None:
        """Set or clear the class's bit among those with legs waiting."""
        bit = 1 << lane.klass.number
        channel = lane.klass.channel_index
        if lane.head is not None or lane.aside.legs:
            self._waiting[channel] |= bit
        else:
            self._waiting[channel] &= ~bit

    def _any_waiting(self) -> int:
        waiting = 0
        for bits in self._waiting:
            waiting |= bits
        return waiting

    def _lane(self, klass: LegClass) -> _Lane:
        """Return a class's lane; make it at first sight, O(agents) once."""
        number = klass.number
        if number < len(self._lanes):
            lane = self._lanes[number]
            if lane is not None and lane.klass is klass:
                return lane
        else:
            self._lanes.extend([None] * (number + 1 - len(self._lanes)))
            if number >= self._heads.shape[1]:
                more = np.full_like(self._heads, NEVER)
                self._heads = np.concatenate([self._heads, more], axis=1)
        return self._make_lane(klass)

    def _make_lane(self, klass: LegClass) -> _Lane:
        """Work out who may take a class, and in which order; replace a forgotten class."""
        lane = self._lanes[klass.number] = _Lane(klass)
        bit = 1 << klass.number
        for channel in range(len(CHANNELS)):
            self._of_channel[channel] &= ~bit
        self._of_channel[klass.channel_index] |= bit
        ranked: dict[tuple[Key, Key], list[int]] = {}
        for kind, reach in zip(self._kinds, self._reach, strict=True):
            tiers = {tier: bits & ~bit for tier, bits in reach.tiers}
            if eligible(klass, kind):
                tier = kind.serves[klass.queue.name, klass.channel_index]
                tiers[tier] = tiers.get(tier, 0) | bit
                ranked.setdefault(self._ranks(klass, kind), []).extend(kind.members)
            reach.tiers = sorted((tier, bits) for tier, bits in tiers.items() if bits)
            reach.arrays.clear()
        order: list[int] = []
        starts: dict[Key, int] = {}
        for ranks in sorted(ranked):
            starts.setdefault(ranks[0], len(order))
            order.extend(sorted(ranked[ranks]))
        lane.agents = np.array(order, dtype=np.int64)
        lane.ends = [*list(starts.values())[1:], len(order)]
        lane.eligible = _sum_bits(order, len(self._agents))
        return lane

    def _ranks(self, klass: LegClass, kind: Kind) -> tuple[Key, Key]:
        """Return a kind's static ranks for a class: before, and after, the idle time."""
        before = tuple(static_rank(one, klass, kind) for one in self._before)
        after = tuple(
            static_rank(one, klass, kind)
            for one in self._after
            if one is not AgentCriterion.LONGEST_IDLE
        )
        return (preferences_lacked(klass, kind), *before), after


def _key(leg: Leg) -> Key:
    return leg.key


def _bits(number: int) -> list[int]:
    """Return the positions of a number's set bits, lowest first."""
    found = []
    while number:
        low = number & -number
        found.append(low.bit_length() - 1)
        number ^= low
    return found


def _sum_bits(positions: list[int], length: int) -> int:
    """Return the number with these bits set."""
    flags = np.zeros(length, dtype=np.uint8)
    flags[positions] = 1
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")

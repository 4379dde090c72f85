"""The index: the next pair to match, without scanning everybody.

**The rule** (`next_pair`; the naive matcher of the tests states it in ten lines): of the waiting
legs that some agent may take, the first by the domain's order; its best agent; and of the legs that
this agent may take, the first by *his* order, in which the tier of his profile comes first.
Repeat until nothing fits. With one new leg this is agent selection, with one freed agent it is
contact selection, with many of both it gives the most urgent leg its best agent.

**What makes it fast.** At rest no waiting leg and agent fit, so only what changed since is looked
at: new legs and changed agents. Sets of agents and of classes are bits of Python integers, so
"nobody is free" costs one AND however many wait. Where several candidates remain, the numbers that
order them lie in numpy rows (idle keys of the agents who may take a channel here, head keys of the
classes in `acd.lanes`) and one `argmin` chooses.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Final

import numpy as np

from acd.agents import CHANNELS, TAKES_NOTHING, VOICE, Agent, Kind, Takes
from acd.bits import bits_of, flags_of, sum_bits
from acd.contacts import Leg, LegState
from acd.doors import Door
from acd.eligibility import barred, eligible
from acd.gauges import Backlog, Gauge, Headroom
from acd.heads import NEVER, Row
from acd.lane import Lane
from acd.lanes import Lanes
from acd.matchers import Pair
from acd.personal import owner_of
from acd.queues import Key, LegClass
from acd.selection import Selection
from acd.settings import DomainSettings

_QUEUED: Final = LegState.QUEUED
"""Asked for with every contact: Python 3.11 takes 0.1 µs to look up a member of an enum."""

_FEW: Final = 8
"""Up to so many changed legs and agents are looked at one by one; beyond, all heads are sorted."""


class _Pool:
    """The agents who may take one more contact of a channel, in one of the two ways to take it."""

    __slots__ = ("bits", "keys")

    def __init__(self, agents: int) -> None:
        self.bits = 0
        """Bit `agent.index` is set for each."""
        self.keys: Row = np.full(agents, NEVER, dtype=np.int64)
        """Idle key of each; NEVER for those who are not in it."""


class Index:
    """The matcher of the product."""

    def __init__(
        self, settings: DomainSettings, agents: Sequence[Agent], selection: Selection
    ) -> None:
        self._agents = agents
        self._selection = selection if selection.is_dynamic else None
        self._bit = [1 << agent.index for agent in agents]
        self._takes: list[Sequence[Takes]] = [TAKES_NOTHING] * len(agents)
        """What each agent could take when the pools were last brought up to date."""
        self._pools = tuple((_Pool(0), _Pool(len(agents)), _Pool(len(agents))) for _ in CHANNELS)
        """By channel, then by `Takes` (the first is never used)."""
        self._lanes = Lanes(settings, agents)
        self._changed: list[Leg | Agent] = []
        """Since the last rest: legs that came to wait or lost an exclusion, and agents whom the
        pools do not show as they are. They are brought up to date at rest, so that an agent freed
        and offered at once costs one update, not two."""
        self._unsettled = False
        """Whether pairs may fit although neither leg nor agent changed."""
        self._headrooms = tuple(dict.fromkeys(one for agent in agents for one in agent.headrooms))
        self._tight = self._in_tight_pools()
        """The agents in pools that are tight, as bits."""
        self._bars_calls = [0] * len(CHANNELS)
        """By channel: the agents in pools who can take a call, but not beside one more of it."""
        self._opened: dict[Gauge, None] = {}
        """Since the last rest: counters by which pairs may fit that did not."""
        self._released = 0
        """The agents, as bits, who need be kept free no more, since what a step offered them keeps
        them from calls: the one way in which an offer lets other pairs fit."""
        self._round: dict[int, list[tuple[Key, int]]] | None = None
        """While many meet many: of each group of classes (`Lanes.group_of`) a heap of (place,
        line's number) of legs that may find an agent."""
        self._few: list[Leg | Agent] | None = None
        """While few changed, more than one: those that may still find a match."""
        self.wait: Callable[[Leg], None] = self._changed.append
        self.refresh: Callable[[Agent], None] = self._changed.append
        self.remove: Callable[[Leg], None] = self._lanes.remove

    def turned(self, gauge: Gauge, *, opened: bool) -> None:
        """Note that a gauge opened or closed: see `acd.matchers.CountedMatcher`."""
        if opened:
            self._opened[gauge] = None
        if isinstance(gauge, Headroom):
            self._tight = self._in_tight_pools()
        elif isinstance(gauge, Door):
            self._lanes.closed &= ~gauge.classes
            self._lanes.closed |= 0 if opened else gauge.classes
            if opened and gauge.legs:  # No leg and no agent changed with it: have it looked at.
                self._changed.extend(self._agents[:1])

    def moved(self, agent: Agent, before: Kind) -> None:
        """Take an agent of another kind out of the pools, and put him into the lanes of his own."""
        index = agent.index
        bit = self._bit[index]
        for channel in before.desk.channels:
            old = self._takes[index][channel]
            if old:
                pool = self._pools[channel][old]
                pool.bits ^= bit
                pool.keys[index] = NEVER
            self._bars_calls[channel] &= ~bit
        self._takes[index] = TAKES_NOTHING
        self._tight = self._in_tight_pools()
        self._lanes.moved(agent, before)

    def settle(self) -> None:
        """Put all in line; look at everything at the next step."""
        self._take_over()
        self._unsettled = True
        self._changed.extend(self._agents[:1])

    def next_pair(self, now_us: int) -> Pair | None:
        """Name the next pair: O(1) where one leg or one agent changed, beside the choice."""
        changed = self._changed
        if self._released and self._round is None and self._few is None:
            # A further offer of a leg did it (`another`).
            changed.extend(self._agents[index] for index in bits_of(self._released))
            self._released = 0
        if not changed:
            return None
        self._lanes.now_us = now_us
        if self._round is None and self._few is None:
            if self._unsettled:
                self._take_over()
                self._unsettled = False
                self._opened.clear()
                everybody = set(self._lanes.personal.agents())
                self._round = self._heads((1 << len(self._lanes.all)) - 1, everybody)
            elif self._opened and self._begin_opened():
                pass
            elif len(changed) == 1:
                one = changed.pop()
                return self._serve(one) if isinstance(one, Agent) else self._place(one)
            elif len(changed) <= _FEW:
                self._few = changed.copy()
            else:
                self._round = self._begin_round(changed)
            self._take_over()
            self._released = 0
        else:
            self._take_over()
            if self._released:
                self._look_again()
        return self._next_of_round() if self._few is None else self._next_of_few(self._few)

    def another(self, leg: Leg, but: Sequence[Agent]) -> Agent | None:
        """Name one more agent for an offered leg: one choice, O(1) beside it."""
        self._take_over()
        if leg.kept_for >= 0:
            return None
        lane = self._lane_of(leg)
        free = self._pools[lane.klass.channel_index][Takes.FREE]
        candidates = self._admitted(lane, leg) & free.bits
        for agent in but:
            candidates &= ~self._bit[agent.index]
        return self._agents[self._choose(lane, free, candidates)] if candidates else None

    def _serve(self, agent: Agent) -> Pair | None:
        """Give the one changed agent his first leg, or bring the pools up to date."""
        takes = agent.takes()
        if takes is not TAKES_NOTHING:
            leg = self._lanes.first_for(agent, takes)
            if leg is not None:
                return leg, agent
            self._update(agent, takes)
        elif self._takes[agent.index] is not TAKES_NOTHING:
            self._update(agent, takes)
        return None

    def _place(self, leg: Leg) -> Pair | None:
        """Give the one new leg its best agent, or put it in its line."""
        if leg.state is not _QUEUED:
            return None
        lane = leg.klass.lane or self._lanes.make(leg.klass)
        agent = self._best_agent(lane, leg)
        if agent is None:
            self._lanes.enter(leg, lane)
            return None
        return leg, agent

    # Several changed: a leg came back and its agent is free, many log in at once.

    def _take_over(self) -> None:
        """Put the new legs in line, and let the pools show the changed agents as they are."""
        for one in self._changed:
            if isinstance(one, Agent):
                self._update(one, one.takes())
            elif one.state is LegState.QUEUED:
                self._lanes.enter(one, self._lane_of(one))
        self._changed.clear()

    def _next_of_few(self, few: list[Leg | Agent]) -> Pair | None:
        """Match the first leg that finds an agent, where only few changed.

        At rest nothing fitted, so it is one of the legs that changed, or one that an agent who
        changed may take.
        """
        first: Leg | None = None
        place = self._lanes.place
        for one in tuple(few):
            if isinstance(one, Agent):
                leg = self._lanes.first_for(one, one.takes(), by_tier=False)
            else:
                leg = one if one.state is LegState.QUEUED else None
            if leg is not None and (first is None or place(leg) < place(first)):
                first = leg
        if first is None:
            self._few = None
            return None
        agent = self._best_agent(self._lane_of(first), first)
        if agent is None:
            few.remove(first)  # Capacity only shrinks from here on: see `_next_of_round`.
            return self._next_of_few(few)
        return self._pair(first, agent)

    def _begin_opened(self) -> bool:
        """Begin with those who may fit since gauges opened; return whether there are any.

        Legs of queues that opened, of places that opened to reserves who are not busy, and agents
        whom a headroom kept free: so many as it wants, and one, which is mostly few.
        """
        classes = 0
        kept = 0
        owners = 0  # Agents who may take what is kept for them.
        for gauge in self._opened:
            if isinstance(gauge, Backlog):
                _, free, interrupting = self._pools[gauge.channel]
                able = gauge.in_reserve & ~gauge.shut & (free.bits | interrupting.bits)
                if able:
                    classes |= gauge.classes
                    owners |= able
            elif isinstance(gauge, Door):
                classes |= gauge.classes
                owners = (1 << len(self._agents)) - 1
            elif not gauge.is_tight:
                for channel, (_, free, interrupting) in enumerate(self._pools):
                    if self._lanes.anybody_on(channel):
                        able = self._bars_calls[channel] & (free.bits | interrupting.bits)
                        kept |= gauge.pool & able
        self._opened.clear()
        if not classes and not kept:
            return False
        changed = [*self._changed, *(self._agents[index] for index in bits_of(kept))]
        if not classes and len(changed) <= _FEW:
            self._few = changed
        else:
            agents = {index for index in self._lanes.personal.agents() if owners >> index & 1}
            self._round = self._begin_round(changed, classes, agents)
        return True

    def _look_again(self) -> None:
        """Look at those who need be kept free no more, also with legs that had found nobody."""
        released = [self._agents[index] for index in bits_of(self._released)]
        self._released = 0
        if self._few is not None:
            self._few += released
            return
        assert self._round is not None
        classes = self._lanes.reached_by({agent.kind.number for agent in released})
        agents = {agent.index for agent in released}
        for heads in self._round.values():
            for _, number in heads:
                if number < 0:
                    agents.add(owner_of(number))
                else:
                    classes |= 1 << number
        self._round = self._heads(classes, agents)

    def _begin_round(
        self, changed: list[Leg | Agent], classes: int = 0, agents: Collection[int] = ()
    ) -> dict[int, list[tuple[Key, int]]]:
        """Return the legs that may find an agent, as heaps of heads.

        Args:
            changed: The legs and agents that changed.
            classes: Bits of classes whose legs may find one although nothing of them changed.
            agents: Indices of those of whom so may what is kept for them.
        """
        agents = set(agents)
        kinds = set()
        for one in changed:
            if isinstance(one, Agent):
                kinds.add(one.kind.number)
                agents.add(one.index)
            elif one.kept_for >= 0:
                agents.add(one.kept_for)
            else:
                classes |= 1 << one.klass.number
        self._take_over()
        return self._heads(classes | self._lanes.reached_by(kinds), agents)

    def _heads(self, classes: int, agents: set[int]) -> dict[int, list[tuple[Key, int]]]:
        """Return heaps of (place, line's number) of all legs that may be the first of these.

        A line's number is its class's; that of what is kept for an agent is below 0.
        """
        heaps: dict[int, list[tuple[Key, int]]] = {}
        place = self._lanes.place_in_group
        for number in bits_of(classes & self._lanes.waiting()):
            lane = self._lanes.all[number]
            heads = heaps.setdefault(self._lanes.group_of(lane.klass), [])
            if lane.line.first is not None:
                heads.append((place(lane.line.first), number))
            heads.extend((place(leg), number) for leg in lane.aside.legs.values())
        personal = self._lanes.personal
        for index in agents:
            if index in personal:
                for leg, number in personal.heads(index):
                    group = self._lanes.group_of(leg.klass)
                    heaps.setdefault(group, []).append((place(leg), number))
        for heads in heaps.values():
            heapify(heads)
        return heaps

    def _next_of_round(self) -> Pair | None:
        """Match the first leg of the round that finds an agent; drop those before it.

        Capacity only shrinks during a round, so what found nobody will find nobody; for the one
        exception see `_released`.
        """
        heaps = self._round
        place = self._lanes.place_in_group
        while heaps:
            group = self._lanes.fullest(heaps)
            heads = heaps[group]
            key, number = heads[0]
            leg = self._leg_at(key, number)
            if leg is not None and place(leg) != key:
                heapreplace(heads, (place(leg), number))
                continue
            agent = None if leg is None else self._best_agent(self._lane_of(leg), leg)
            if leg is not None and agent is not None:
                return self._pair(leg, agent)
            _drop_head(heaps, group)
        self._round = None
        return None

    def _leg_at(self, key: Key, number: int) -> Leg | None:
        """Return the leg aside of this key, or the first of its line by now; None for nobody."""
        if number < 0:
            return self._lanes.personal.head(number)
        lane = self._lanes.all[number]
        return lane.aside.legs.get(key[-1]) or lane.line.first

    def _pair(self, leg: Leg, agent: Agent) -> Pair:
        """Return a leg's best agent, with the first leg by his order."""
        if self._lanes.has_tiers(agent):
            leg = self._lanes.first_for(agent, agent.takes()) or leg
        return leg, agent

    def _lane_of(self, leg: Leg) -> Lane:
        return leg.klass.lane or self._lanes.make(leg.klass)

    # Agent selection.

    def _update(self, agent: Agent, takes: Sequence[Takes]) -> None:
        """Let the pools show what an agent may take now, O(channels)."""
        index = agent.index
        before = self._takes[index]
        self._takes[index] = takes
        key = agent.idle_key()
        for channel in agent.channels:
            old, new = before[channel], takes[channel]
            if old and old is not new:
                pool = self._pools[channel][old]
                pool.bits ^= self._bit[index]
                pool.keys[index] = NEVER
            if new:
                pool = self._pools[channel][new]
                pool.bits |= self._bit[index]
                pool.keys[index] = key
        if agent.headrooms:
            self._note_bars(agent, takes)

    def _in_tight_pools(self) -> int:
        tight = 0
        for one in self._headrooms:
            if one.is_tight:
                tight |= one.pool
        return tight

    def _note_bars(self, agent: Agent, takes: Sequence[Takes]) -> None:
        """Note which channels would keep an agent from a call that he can take now."""
        bit = self._bit[agent.index]
        bars = agent.capacity.bars_calls(agent.occupancy)
        for channel in agent.channels:
            if takes[VOICE] and bars[channel]:
                self._bars_calls[channel] |= bit
            elif self._bars_calls[channel] & bit:
                self._bars_calls[channel] ^= bit
                if takes[channel]:
                    self._released |= bit

    def _best_agent(self, lane: Lane, leg: Leg) -> Agent | None:
        """Return the best agent who may take a leg; those who need no interruption first."""
        if leg.kept_for >= 0:
            agent = self._agents[leg.kept_for]
            takes = self._takes[agent.index][lane.klass.channel_index]
            able = takes and eligible(lane.klass, agent.kind)
            return agent if able and barred(lane.klass, agent) is None else None
        _, free, interrupting = self._pools[lane.klass.channel_index]
        admitted = self._admitted(lane, leg)
        pool = free
        candidates = admitted & free.bits
        if not candidates:
            pool = interrupting
            candidates = admitted & interrupting.bits
            if not candidates:
                return None
        if not candidates & (candidates - 1):
            return self._agents[candidates.bit_length() - 1]
        only = None if admitted is lane.eligible else candidates
        return self._agents[self._choose(lane, pool, only)]

    def _blocked_for(self, klass: LegClass) -> int:
        """Return the agents, as bits, whom counters keep from a class: see `acd.gauges`."""
        kept = self._tight & self._bars_calls[klass.channel_index]
        return kept if klass.backlog is None else kept | klass.backlog.shut

    def _admitted(self, lane: Lane, leg: Leg) -> int:
        """Return the bits of the agents who are eligible for a leg and not kept from it."""
        door = lane.klass.door
        if door is not None and door.is_shut:
            return 0
        eligible = lane.eligible
        if leg.excluded:
            eligible &= ~sum_bits(list(leg.excluded), len(self._agents))
        if lane.klass.backlog is not None or self._headrooms:
            blocked = self._blocked_for(lane.klass)
            if blocked:
                eligible &= ~blocked
        return eligible

    def _choose(self, lane: Lane, pool: _Pool, only: int | None) -> int:
        """Return the index of the best of several agents: the first block with any, longest idle.

        Where criteria change from contact to contact, `acd.selection` compares those of the block.

        `only` are the bits of the candidates, where some of the lane are excluded or blocked.
        """
        keys = pool.keys[lane.agents]
        if only is not None:
            keys[~flags_of(only, len(self._agents))[lane.agents]] = NEVER
        start = 0
        if len(lane.ends) > 1:
            block = bisect_right(lane.ends, int((keys != NEVER).argmax()))
            start = lane.ends[block - 1] if block else 0
            keys = keys[start : lane.ends[block]]
        if self._selection is not None:
            found = (keys != NEVER).nonzero()[0] + start
            return self._selection.best(lane, found, pool.keys)
        return int(lane.agents[start + int(keys.argmin())])


def _drop_head(heaps: dict[int, list[tuple[Key, int]]], group: int) -> None:
    """Take the first head out of a group's heap, and the group out with its last."""
    heappop(heaps[group])
    if not heaps[group]:
        del heaps[group]

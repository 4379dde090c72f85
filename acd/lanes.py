"""The waiting side of the index: what waits in each class, and the first leg for an agent.

Every class has a *lane*: its line, the legs set aside by exclusions, and the agents who may take it
in the order of the static criteria. Which classes wait is one bit for each in a Python integer; the
keys of the lines' heads stand in numpy rows too, so that contact selection compares heads and never
walks a line. Where the order of heads changes while they wait, `acd.heads` keeps the rows.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from acd.agents import CHANNELS, Agent, Desk, Kind, Takes, desks_of
from acd.bits import bits_of, sum_bits
from acd.contacts import Leg
from acd.eligibility import delayed, eligible, is_kept_free, of_team
from acd.heads import NEVER, RatioHeads, Row, heads_of
from acd.ids import QueueName
from acd.lane import Lane, Reach
from acd.personal import PersonalLines, tier_of
from acd.policies import preferences_lacked, split_selection, static_rank
from acd.queues import Key, LegClass
from acd.settings import AgentCriterion, DomainSettings
from acd.urgency import key_length

_LAST: Final = (NEVER,)
"""After every key."""

_ARRAYS_MAX: Final = 64
"""Most arrays of class numbers kept for a kind of agents: some tiers times the sets of channels. At
1,000 classes they take 0.5 MB."""

_FEW: Final = 12
"""Up to so many candidate classes a Python loop over tuples is faster than numpy (measured)."""


class Lanes:
    """All lanes of a domain."""

    def __init__(self, settings: DomainSettings, agents: Sequence[Agent]) -> None:
        self.all: list[Lane] = []
        """By class number."""
        self._agents = agents
        self._serving: dict[tuple[QueueName, int], list[Desk]] = {}
        """The desks that serve a queue on a channel."""
        kinds = 0
        for desk in desks_of(agents):
            kinds += len(desk.kinds)
            for place in desk.serves:
                self._serving.setdefault(place, []).append(desk)
        self._before, self._after = split_selection(settings)
        self._reach = [Reach() for _ in range(kinds)]
        """By kind number."""
        self._of_channel = [0] * len(CHANNELS)
        """Class bits of each channel."""
        self._waiting = [0] * len(CHANNELS)
        """Class bits of each channel's classes with legs in line or aside."""
        self.personal = PersonalLines()
        """Where the legs stand that are kept for one agent."""
        self._set_aside = 0
        """Class bits of those with legs aside."""
        self.closed = 0
        """Class bits of those whose queues are closed."""
        self._heads: list[Row] = [
            np.full(64, NEVER, dtype=np.int64) for _ in range(key_length(settings.urgency))
        ]
        """Keys of the lines' heads without the leg's number: a row for each position in the key,
        a column for each class."""
        self._live = heads_of(settings)
        """The heads where their order changes while they wait; the rows above are not used then."""
        self._ratio = self._live if isinstance(self._live, RatioHeads) else None
        """The same where the order hangs on how many wait in each queue."""
        self.now_us = 0
        """The instant at which places are compared: that of the decision under way."""
        self._stale: set[int] = set()
        """Classes whose columns are not up to date: they are when somebody reads the rows."""

    # Legs come and go.

    def enter(self, leg: Leg, lane: Lane) -> None:
        """Put a leg in the line of its lane, aside while it excludes agents, or in one's own."""
        if leg.kept_for >= 0:
            lane.kept += self.personal.push(leg)
            if self._ratio is not None:
                self._ratio.count(lane.klass, lane.waiting())
            return
        if leg.excluded:
            if leg.leg_id not in lane.aside.legs:
                lane.aside.push(leg)
                self._set_aside |= 1 << lane.klass.number
                self._note_waiting(lane)
                if self._ratio is not None:
                    self._ratio.count(lane.klass, lane.waiting())
            return
        if leg.leg_id in lane.aside.legs:
            self._leave_aside(lane, leg)
        line = lane.line
        line.push(leg)
        if line.first is leg:
            self._stale.add(lane.klass.number)
            if len(line.legs) == 1:
                self._note_waiting(lane)
        if self._ratio is not None:
            self._ratio.count(lane.klass, lane.waiting())

    def remove(self, leg: Leg) -> None:
        """Take a leg out, wherever it waits."""
        lane = leg.klass.lane
        if lane is None:
            return
        line = lane.line
        if leg is line.first:
            self._stale.add(lane.klass.number)
            if not line.discard_first():
                self._note_waiting(lane)
        elif leg.leg_id in line.legs:
            line.discard(leg)
        elif leg.leg_id in lane.aside.legs:
            self._leave_aside(lane, leg)
        elif leg.kept_for >= 0:
            lane.kept -= self.personal.discard(leg)
        if self._ratio is not None:
            self._ratio.count(lane.klass, lane.waiting())

    def _leave_aside(self, lane: Lane, leg: Leg) -> None:
        lane.aside.discard(leg)
        if not lane.aside.legs:
            self._set_aside &= ~(1 << lane.klass.number)
            self._note_waiting(lane)

    def _note_waiting(self, lane: Lane) -> None:
        """Set or clear the class's bit among those with legs waiting."""
        bit = 1 << lane.klass.number
        channel = lane.klass.channel_index
        if lane.line.first is not None or lane.aside.legs:
            self._waiting[channel] |= bit
        else:
            self._waiting[channel] &= ~bit

    # Contact selection.

    def first_for(
        self, agent: Agent, takes: Sequence[Takes], *, by_tier: bool = True
    ) -> Leg | None:
        """Return the first leg that an agent may take, by his order or by the domain's; or None."""
        best: Leg | None = None
        waiting = 0
        for channel in agent.channels:
            if takes[channel] and not (agent.headrooms and is_kept_free(agent, channel)):
                waiting |= self._waiting[channel]
        if waiting:
            reach = self._reach[agent.kind.number]
            shut = agent.kind.desk.shut | self.closed
            for _, classes in reach.tiers:
                bits = classes & ~shut if shut else classes
                candidates = bits & waiting
                if candidates:
                    leg = self._first_of(candidates, bits, agent, reach)
                    if leg is not None and (best is None or self.place(leg) < self.place(best)):
                        best = leg
                if by_tier and best is not None:
                    break
        if agent.index in self.personal:
            return self._or_kept(best, agent, takes, by_tier=by_tier)
        return best

    def _or_kept(
        self, best: Leg | None, agent: Agent, takes: Sequence[Takes], *, by_tier: bool
    ) -> Leg | None:
        """Return the first of a leg, or None, and what is kept for an agent: see `first_for`."""
        kept = self.personal.first_for(agent, takes, self.place, by_tier=by_tier)
        if kept is None or best is None:
            return best or kept
        ahead = tier_of(kept, agent) - tier_of(best, agent) if by_tier else 0
        return kept if ahead < 0 or (not ahead and self.place(kept) < self.place(best)) else best

    def place(self, leg: Leg) -> Key:
        """Return a leg's place in the domain's order at `now_us`; smaller is sooner."""
        return leg.key if self._live is None else self._live.place(leg, self.now_us)

    def fullest(self, heaps: Mapping[int, Sequence[tuple[Key, int]]]) -> int:
        """Return which of some groups of heads, by number, has the first: see `group_of`."""
        return next(iter(heaps)) if self._ratio is None else self._ratio.fullest(heaps)

    def place_in_group(self, leg: Leg) -> Key:
        """Return a leg's place among those of its group: it stays while a step decides."""
        return leg.key if self._ratio is not None else self.place(leg)

    def group_of(self, klass: LegClass) -> int:
        """Return the group of classes whose heads keep their order while a step decides.

        There is one, but under `queue_ratio` each queue is one: every offer moves the counters,
        and with them the order of the queues.
        """
        return 0 if self._ratio is None else klass.numbers.queue

    def has_tiers(self, agent: Agent) -> bool:
        """Return whether the tier may decide anything for an agent."""
        return len(self._reach[agent.kind.number].tiers) > 1 or agent.index in self.personal

    def reached_by(self, kinds: set[int]) -> int:
        """Return the class bits of what some of these kinds (by number) may take."""
        reached = 0
        for kind in kinds:
            for _, bits in self._reach[kind].tiers:
                reached |= bits
        return reached

    def anybody_on(self, channel: int) -> bool:
        """Return whether a leg of a channel may wait: what is kept for one may be of another."""
        return self._waiting[channel] != 0 or not self.personal.is_empty

    def waiting(self) -> int:
        """Return the class bits of all classes with legs in line or aside."""
        waiting = 0
        for bits in self._waiting:
            waiting |= bits
        return waiting

    def _first_of(self, candidates: int, tier: int, agent: Agent, reach: Reach) -> Leg | None:
        """Return the first leg that an agent may take of the candidate classes of one tier."""
        if not candidates & (candidates - 1 | self._set_aside):
            return self.all[candidates.bit_length() - 1].line.first
        if candidates.bit_count() > _FEW:
            best = self._first_of_many(candidates, tier, agent, reach)
        else:
            best = self._first_of_few(candidates)
        aside = candidates & self._set_aside
        if aside:
            for number in bits_of(aside):
                leg = self.all[number].aside.first_for(agent.index)
                if leg is not None and (best is None or self.place(leg) < self.place(best)):
                    best = leg
        return best

    def _first_of_few(self, candidates: int) -> Leg | None:
        """Return the first of the lines' heads, one by one."""
        lanes = self.all
        if self._live is not None:
            heads = [lanes[number].line.first for number in bits_of(candidates)]
            return self._first_of_heads([first for first in heads if first is not None])
        best: Leg | None = None
        least: Key = _LAST
        while candidates:
            low = candidates & -candidates
            candidates ^= low
            first = lanes[low.bit_length() - 1].line.first
            if first is not None and first.key < least:
                best, least = first, first.key
        return best

    def _first_of_many(self, candidates: int, tier: int, agent: Agent, reach: Reach) -> Leg | None:
        """Return the first of the lines' heads, by rows."""
        channels = 0
        for channel in agent.channels:
            if candidates & self._of_channel[channel]:
                channels |= self._of_channel[channel]
        classes = reach.arrays.get((tier, channels))
        if classes is None:
            if len(reach.arrays) >= _ARRAYS_MAX:  # Which classes are shut to a reserve changes.
                reach.arrays.clear()
            classes = np.array(bits_of(tier & channels), dtype=np.int64)
            reach.arrays[tier, channels] = classes
        self._bring_up_to_date()
        if self._live is not None:
            near = self._live.narrow(classes, self.now_us)
            return self._first_of_heads([self._head_of(int(one)) for one in near])
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
        return min((self._head_of(int(one)) for one in classes), key=lambda leg: leg.key)

    def _first_of_heads(self, heads: list[Leg]) -> Leg | None:
        """Return the first of some heads by their places now; None where there is none."""
        if len(heads) == 1:
            return heads[0]
        assert self._live is not None
        place, now_us = self._live.place, self.now_us
        best: Leg | None = None
        least: Key = _LAST
        for first in heads:
            key = place(first, now_us)
            if key < least:
                best, least = first, key
        return best

    def _bring_up_to_date(self) -> None:
        """Write the heads that changed into the rows."""
        for number in self._stale:
            first = self.all[number].line.first
            if self._live is not None:
                self._live.note(number, first)
                continue
            for position, row in enumerate(self._heads):
                row[number] = NEVER if first is None else first.key[position]
        self._stale.clear()

    def _head_of(self, number: int) -> Leg:
        first = self.all[number].line.first
        assert first is not None
        return first

    # Classes come and go.

    def make(self, klass: LegClass) -> Lane:
        """Make the lane of a class at first sight, or in place of a forgotten one's.

        Work out who may take it, and in which order: O(kinds that serve the queue + agents).
        """
        number = klass.number
        lane = klass.lane = Lane(klass)
        if number >= len(self.all):
            self.all.extend(Lane(klass) for _ in range(number + 1 - len(self.all)))
            while number >= len(self._heads[0]):
                self._heads = [
                    np.concatenate([row, np.full_like(row, NEVER)]) for row in self._heads
                ]
        bit = 1 << number
        for kind in self.all[number].kinds:
            self._reach[kind.number].drop(bit)
        if (before := self.all[number].klass.backlog) is not None:
            before.drop_class(bit)
        if klass.backlog is not None:
            klass.backlog.put_class(bit)
        self._put_at_door(klass, self.all[number].klass)
        self.all[number] = lane
        if self._live is not None:
            self._live.put(klass)
        for channel in range(len(CHANNELS)):
            self._of_channel[channel] &= ~bit
        self._of_channel[klass.channel_index] |= bit
        place = (klass.queue.name, klass.channel_index)
        ranked: dict[tuple[Key, Key], list[int]] = {}
        for desk in self._serving.get(place, ()):
            for kind in desk.kinds:
                if self._admit(lane, kind):
                    ranked.setdefault(self._ranks(klass, kind), []).extend(kind.members)
        order: list[int] = []
        starts: dict[Key, int] = {}
        for ranks in sorted(ranked):
            starts.setdefault(ranks[0], len(order))
            order.extend(sorted(ranked[ranks]))
        lane.agents = np.array(order, dtype=np.int64)
        lane.ends = [*list(starts.values())[1:], len(order)]
        lane.eligible = sum_bits(order, len(self._agents))
        return lane

    def _admit(self, lane: Lane, kind: Kind) -> bool:
        """Note that agents of a kind, who serve a lane, may take its legs; return whether so."""
        klass = lane.klass
        if not eligible(klass, kind) or delayed(klass, kind) or not of_team(klass, kind):
            return False
        lane.kinds.append(kind)
        tier = kind.desk.serves[klass.queue.name, klass.channel_index]
        self._reach[kind.number].add(tier, 1 << klass.number)
        return True

    # Agents change (`acd.kinds`).

    def moved(self, agent: Agent, before: Kind) -> None:
        """Take an agent out of the lanes of his former kind, and put him into those of his own.

        O(lanes of both kinds), and O(lanes) where his kind is new.
        """
        kind = agent.kind
        for number in bits_of(self.reached_by({before.number})):
            self.all[number].drop(agent.index)
            if not before.members:
                self.all[number].kinds.remove(before)
        if not before.members:
            self._reach[before.number] = Reach()
        if not before.desk.kinds:
            for place in before.desk.serves:
                self._serving[place].remove(before.desk)
        if len(kind.members) == 1:
            self._meet(kind)
        for number in bits_of(self.reached_by({kind.number})):
            self._put(agent, self.all[number])

    def _meet(self, kind: Kind) -> None:
        """Take note of a new kind."""
        if kind.number == len(self._reach):
            self._reach.append(Reach())
        desk = kind.desk
        if len(desk.kinds) == 1:
            for place in desk.serves:
                self._serving.setdefault(place, []).append(desk)
        for lane in self.all:
            klass = lane.klass
            # There may be others, of numbers that are not given yet.
            if klass.lane is lane and (klass.queue.name, klass.channel_index) in desk.serves:
                self._admit(lane, kind)

    def _put(self, agent: Agent, lane: Lane) -> None:
        """Put an agent into the order of a lane that he may take."""
        klass, agents = lane.klass, self._agents

        def rank(at: int) -> tuple[tuple[Key, Key], int]:
            index = int(lane.agents[at])
            return self._ranks(klass, agents[index].kind), index

        own = self._ranks(klass, agent.kind)
        count = len(lane.agents)
        at = bisect_left(range(count), (own, agent.index), key=rank)
        with_left = at > 0 and rank(at - 1)[0][0] == own[0]
        with_right = at < count and rank(at)[0][0] == own[0]
        lane.put(agent.index, at, with_left=with_left, with_right=with_right)

    def _put_at_door(self, klass: LegClass, before: LegClass) -> None:
        """Show a class to its queue's door, in place of the forgotten one of its number."""
        bit = 1 << klass.number
        if before.door is not None:
            before.door.classes &= ~bit
        self.closed &= ~bit
        if klass.door is not None:
            klass.door.classes |= bit
            self.closed |= bit if klass.door.is_shut else 0

    def _ranks(self, klass: LegClass, kind: Kind) -> tuple[Key, Key]:
        """Return a kind's static ranks for a class: before, and after, the idle time."""
        before = tuple(static_rank(one, klass, kind) for one in self._before)
        after = tuple(
            static_rank(one, klass, kind)
            for one in self._after
            if one is not AgentCriterion.LONGEST_IDLE
        )
        return (preferences_lacked(klass, kind), *before), after

"""Agent selection by what changes from contact to contact: numeric keys, smaller is first.

`acd.policies` has the criteria that hang on the settings alone, and the index sorts agents by them
beforehand. Those here hang on what agents did. Their keys stand in numpy rows (`acd.performance`,
`acd.occupancy`), which change when an agent's own numbers do and never because somebody waits. At a
decision the criteria are compared one after the other: of the candidates those stay whose key is
the least, and the next criterion is asked of these only. So a criterion costs one pass over those
whom all before it found equal, and nothing is ever packed into one number.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from acd.agents import Agent
from acd.heads import Row
from acd.ids import QueueName
from acd.lane import Lane
from acd.occupancy import Occupancy
from acd.performance import MEASURED_BY, Measure, Performance, band_of
from acd.policies import STATIC, changing_criteria, static_rank
from acd.settings import AgentCriterion, DomainSettings, WeightedSettings

Keys: TypeAlias = NDArray[np.int64] | NDArray[np.int16] | NDArray[np.bool_]

KeyFunction: TypeAlias = Callable[[Lane, Row, Row], Keys | None]
"""(lane, positions of the candidates in its row of agents, the pool's idle keys) → a key for each
candidate; None where all are equal."""


class Selection:
    """What agents did, and who of several is the better by it. Empty where no criterion asks."""

    def __init__(self, settings: DomainSettings, agents: Sequence[Agent]) -> None:
        self._agents = agents
        self.performance = Performance(settings, agents)
        criteria = changing_criteria(settings)
        self.occupancy: Occupancy | None = None
        if AgentCriterion.LEAST_OCCUPIED in criteria:
            self.occupancy = Occupancy(settings.occupancy_half_life_us, agents)
        self.takes_turns = AgentCriterion.ROUND_ROBIN in criteria
        self.turns: dict[QueueName, int] = {}
        """The index of the agent to whom each queue offered last, where the domain takes turns."""
        self._weighted: dict[str, WeightedSettings] = {one.name: one for one in settings.weighted}
        self._keys = tuple(key for name in criteria for key in self.keys_of(name))
        self.is_dynamic = bool(self._keys)

    def best(self, lane: Lane, found: Row, idle: Row) -> int:
        """Return the index of the best agent.

        Args:
            lane: Of the leg to be offered.
            found: Where in `lane.agents` the candidates stand, ascending; at least one. They are
                equal by preferences and by the criteria that the lane is sorted by.
            idle: Idle keys by agent.
        """
        for key in self._keys:
            keys = key(lane, found, idle)
            if keys is not None:
                found = found[keys == keys[keys.argmin()]]
                if len(found) == 1:
                    break
        return int(lane.agents[found[0]])

    def keys_of(self, name: str) -> tuple[KeyFunction, ...]:
        """Return the key functions of a criterion, or of the weighted sum of this name."""
        if name in self._weighted:
            return (self._weighted_sum(self._weighted[name]),)
        match AgentCriterion(name):
            case AgentCriterion.LONGEST_IDLE:
                return (_longest_idle,)
            case AgentCriterion.LEAST_OCCUPIED:
                return self._fewest_contacts, self._least_occupied
            case AgentCriterion.ROUND_ROBIN:
                return (self._round_robin,)
            case AgentCriterion.HIGHEST_PROFICIENCY | AgentCriterion.LEAST_FLEXIBLE as static:
                return (self._static(static),)
            case measured:
                return (self._measured(MEASURED_BY[measured]),)

    def _fewest_contacts(self, lane: Lane, found: Row, idle: Row) -> Row:
        """Put those first who are offered or have the fewest contacts.

        The first half of `least_occupied`: occupancy counts handling as one, however many contacts
        are handled, so alone it would give all of a burst to one agent.

        Source: "load ratio" of Azure's longest-idle mode, "Least Active" of Salesforce.
        """
        del idle
        assert self.occupancy is not None
        return self.occupancy.contacts[lane.agents[found]]

    def _least_occupied(self, lane: Lane, found: Row, idle: Row) -> Row:
        """Put the lowest occupancy first (`acd.occupancy`); idle agents keep their order.

        Source: "least occupied agent" of Avaya (UCD-LOA, EAD-LOA), "least occupied" of CXone,
        workload balancing of Genesys' predictive routing.
        """
        del idle
        assert self.occupancy is not None
        return self.occupancy.keys[lane.agents[found]]

    def _measured(self, measure: Measure) -> KeyFunction:
        """Return the key of `fastest_first`, `best_quality`, `best_resolution`, `best_conversion`.

        By the band of an agent's own mean in the queue, shrunk while his samples are few
        (`acd.performance`): the shortest handle time, or the highest of the others.

        Source: fastest server first (Armony, 2005, on many servers of different speeds); "shortest
        average handle time" of Cisco's CCX; the objectives handle time, next-contact avoidance and
        sales conversion of Genesys' predictive routing.
        """

        def key(lane: Lane, found: Row, idle: Row) -> Keys | None:
            del idle
            bands = self.performance.bands(lane.klass.queue.name, measure)
            return None if bands is None else bands[lane.agents[found]]

        return key

    def _round_robin(self, lane: Lane, found: Row, idle: Row) -> Keys:
        """Put the agent first who follows, in the settings' order, him whom the queue offered last.

        One turn for each queue, which every offer of the queue moves, taken or not; but of several
        offers of one leg only the first. All behind the last one go before all others, and position
        says the rest; so nothing ever ties.

        Source: Asterisk's `rrmemory` and mod_callcenter's `round-robin`, which remember a turn for
        each queue; Azure's round-robin mode, which remembers one for each distribution policy.
        """
        del idle
        last = self.turns.get(lane.klass.queue.name, -1)
        return lane.agents[found] <= last

    def _static(self, criterion: AgentCriterion) -> KeyFunction:
        """Return the key of a criterion of the settings that stands behind one that changes."""

        def key(lane: Lane, found: Row, idle: Row) -> Row:
            del idle
            return self._ranks(lane, criterion)[found]

        return key

    def _weighted_sum(self, weighted: WeightedSettings) -> KeyFunction:
        """Return the key of a weighted sum: in bands, how much worse than the mean an agent is.

        Each criterion's value is normalised to per cent above the mean (of the queue, or for a
        criterion of the settings of those who may take the class) and banded before it is weighed.

        Source: attribute weights of simple additive weighting (Fishburn, 1967); Azure's best-worker
        scoring, "by weight" of Cisco's CCX.
        """
        percent = self.performance.settings.band_percent
        measured = [
            (MEASURED_BY[AgentCriterion(name)], weight * percent)
            for name, weight in weighted.weights.items()
            if name in MEASURED_BY
        ]
        width = weighted.band_percent

        def key(lane: Lane, found: Row, idle: Row) -> Row:
            del idle
            total = self._static_part(lane, weighted)[found]
            agents = lane.agents[found]
            for measure, weight in measured:
                bands = self.performance.bands(lane.klass.queue.name, measure)
                if bands is not None:
                    total = total + weight * bands[agents].astype(np.int64)
            return (2 * total + 100 * width) // (200 * width)

        return key

    def _static_part(self, lane: Lane, weighted: WeightedSettings) -> Row:
        """Return what the criteria of the settings add to a sum, for each agent of a lane."""
        row = lane.ranks.get(weighted.name)
        if row is None:
            percent = self.performance.settings.band_percent
            row = np.zeros(len(lane.agents), dtype=np.int64)
            for name, weight in weighted.weights.items():
                if name in STATIC:
                    ranks = self._ranks(lane, AgentCriterion(name)).tolist()
                    # Proficiencies are ranks below 0; for the band only the size counts. Both are
                    # multiplied by how many they are, since the mean is no whole number.
                    total, count = abs(sum(ranks)), len(ranks)
                    bands = [band_of(abs(rank) * count, total, percent) for rank in ranks]
                    sign = -1 if name == AgentCriterion.HIGHEST_PROFICIENCY else 1
                    row += sign * weight * percent * np.array(bands, dtype=np.int64)
            lane.ranks[weighted.name] = row
        return row

    def _ranks(self, lane: Lane, criterion: AgentCriterion) -> Row:
        """Return the ranks by a criterion of the settings, for each agent of a lane."""
        row = lane.ranks.get(criterion)
        if row is None:
            of_kind = {kind.number: static_rank(criterion, lane.klass, kind) for kind in lane.kinds}
            ranks = [of_kind[self._agents[index].kind.number] for index in lane.agents.tolist()]
            row = lane.ranks[criterion] = np.array(ranks, dtype=np.int64)
        return row


def _longest_idle(lane: Lane, found: Row, idle: Row) -> Row:
    """Put the agent first who has been idle longest (`acd.agents.Agent.idle_key`).

    Source: "most idle agent" (Avaya's MIA), "longest available" of nearly every other product;
    Atar, 2008, on why longest idle server first is fair.
    """
    return idle[lane.agents[found]]

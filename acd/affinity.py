"""Affinity: a contact is kept for one agent, or for a team, up to a limit; then it is anybody's.

Three ways, in this order; the first that applies keeps a leg for one person:

1. the *named agent*: whom the contact itself names;
2. the *last agent*: who last handled this customer, as far back as the queue says;
3. the *account team*: agents whose attribute has the value of the contact's. It is a property of
   the leg's class (`acd.classes`) and ends as a stage (`acd.stages`), so that it also follows where
   a leg was kept for one person and its own limit is later.

To be kept is a block on all others (`acd.eligibility.Block.AFFINITY_HOLD`), and changes neither the
leg's place nor its stages. It ends at its limit, and before it when there is nothing to wait for
any more: the agent's session ends, or he fails to take the leg. A break and a phone that cannot be
reached pass, so they do not end it: the limit is for these. Nothing is kept for somebody who is not
logged in, or who may not take the leg at all.

Whom an agent or a supervisor gives a contact to (a transfer, an assignment) is a named agent too.

Source: Genesys' last-agent and direct routing with its backup queue, preferred agents in Amazon
Connect's routing criteria, the preferred worker of Azure's selectors that expire.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from acd.agents import Agent
from acd.contacts import Leg
from acd.eligibility import eligible
from acd.events import ContactArrived
from acd.ids import AgentId, Availability
from acd.settings import DAY_US, SECOND_US, AffinitySettings, DomainSettings
from acd.timers import Timer, Timers

WITHIN_US: Final = 7 * DAY_US
"""How old the memory of a last agent may be where the queue does not say: a week, in which most of
those call again who do so about the same matter."""

CUSTOMERS_MAX: Final = 100_000
"""Most customers whose last agents are remembered (30 MB); whoever was served longest ago is
forgotten first."""

HANDED_US: Final = 60 * SECOND_US
"""For how long a leg is kept for the agent to whom somebody gave it where its queue does not say:
the shortest that Genesys' direct routing lets a contact wait for one agent."""

_ENDS_SESSION: Final = (Availability.LOGGED_OUT, Availability.DRAINING)
"""Availabilities of an agent for whom nothing is kept: he takes nothing new in this session."""


class Affinity:
    """Which legs are kept for whom, and who last handled whom. Empty where no queue asks.

    Args:
        settings: The domain's.
        agents: By id.
        timers: Where the ends are awaited.
    """

    def __init__(
        self, settings: DomainSettings, agents: Mapping[AgentId, Agent], timers: Timers
    ) -> None:
        self._agents = agents
        self._by_index = tuple(agents.values())
        self._timers = timers
        asked = [queue.affinity for queue in settings.queues if queue.affinity is not None]
        self.keeps = any(one.named_agent_us or one.last_agent_us for one in asked)
        """Whether some queue keeps legs for one person."""
        self.remembers = any(one.last_agent_us for one in asked)
        """Whether some queue asks who last handled a customer."""
        self._last: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """By customer: the index of the agent who last handled him, and when he had; the customer
        served longest ago first."""
        self._kept: dict[int, dict[int, Leg]] = {}
        """By agent's index: the legs that are kept for him, by number."""

    # One person.

    def begin(self, leg: Leg, arrival: ContactArrived, now_us: int) -> None:
        """Keep a leg that enters its queue for one person, where the queue does and he is there."""
        affinity = leg.klass.queue.affinity
        if affinity is None:
            return
        if arrival.named_agent and affinity.named_agent_us:
            named = self._agents[arrival.named_agent]
            until_us = leg.klass.due_us(leg.arrived_us, affinity.named_agent_us)
            if until_us > now_us and _waits_for(named, leg):
                self.keep(leg, named, until_us)
                return
        if affinity.last_agent_us:
            last = self._last_agent(arrival.customer, affinity, now_us)
            until_us = leg.klass.due_us(leg.arrived_us, affinity.last_agent_us)
            if last is not None and until_us > now_us and _waits_for(last, leg):
                self.keep(leg, last, until_us)

    def hand(self, leg: Leg, agent: Agent, now_us: int) -> None:
        """Keep a leg, which stands in no line, for the agent to whom somebody gave it.

        Up to the queue's limit for named agents; not where he is not there, or may not take it.
        """
        if _waits_for(agent, leg):
            affinity = leg.klass.queue.affinity
            limit_us = 0 if affinity is None else affinity.named_agent_us
            self.keep(leg, agent, leg.klass.due_us(now_us, limit_us or HANDED_US))

    def keep(self, leg: Leg, agent: Agent, until_us: int) -> None:
        """Keep a leg for an agent until an instant."""
        leg.kept_for = agent.index
        leg.kept_until_us = until_us
        self._kept.setdefault(agent.index, {})[leg.leg_id] = leg
        self._timers.add(until_us, Timer.HOLD, leg.leg_id)

    def end(self, leg: Leg) -> None:
        """Keep a leg, which is kept for somebody and stands in no line, for nobody any longer."""
        kept = self._kept[leg.kept_for]
        del kept[leg.leg_id]
        if not kept:
            del self._kept[leg.kept_for]
        leg.kept_for = -1
        leg.kept_until_us = 0

    def leave(self, agent: Agent, now_us: int) -> None:
        """Let what is kept for an agent be anybody's where his session ends, or is to end.

        With a tick right after this instant: the legs may be many, and a tick ends a portion. One
        whose time is over already waits for its portion.
        """
        if agent.index in self._kept and agent.availability in _ENDS_SESSION:
            for leg in self._kept[agent.index].values():
                leg.kept_until_us = min(leg.kept_until_us, now_us + 1)
                self._timers.add(leg.kept_until_us, Timer.HOLD, leg.leg_id)

    def drop_unfit(self, agent: Agent, now_us: int) -> None:
        """Let what an agent who was changed may not take any more be anybody's: as `leave`."""
        for leg in self._kept.get(agent.index, {}).values():
            if not eligible(leg.klass, agent.kind):
                leg.kept_until_us = min(leg.kept_until_us, now_us + 1)
                self._timers.add(leg.kept_until_us, Timer.HOLD, leg.leg_id)

    def put_back(self, leg: Leg, agent: Agent, until_us: int, now_us: int) -> None:
        """Keep a leg of a snapshot as it was kept; not for long if he may not take it any more."""
        may_take = eligible(leg.klass, agent.kind)
        self.keep(leg, agent, until_us if may_take else min(until_us, now_us + 1))

    # The last agents.

    def remember(self, customer: str, index: int, now_us: int) -> None:
        """Note that an agent, by his index, has handled a customer; without a token nobody."""
        if not customer:
            return
        self._last[customer] = (index, now_us)
        self._last.move_to_end(customer)
        if len(self._last) > CUSTOMERS_MAX:
            self._last.popitem(last=False)

    def remembered(self) -> Iterable[tuple[str, AgentId, int]]:
        """Return (customer, agent, when) of all who are remembered, served longest ago first."""
        for customer, (index, at_us) in self._last.items():
            yield customer, self._by_index[index].agent_id, at_us

    def _last_agent(self, customer: str, affinity: AffinitySettings, now_us: int) -> Agent | None:
        """Return who last handled a customer, if that is not too long ago."""
        found = self._last.get(customer)
        if found is None:
            return None
        within_us = affinity.last_agent_within_us
        index, at_us = found
        if now_us - at_us > (WITHIN_US if within_us is None else within_us):
            return None
        return self._by_index[index]


def is_there(agent: Agent) -> bool:
    """Return whether an agent is logged in, and stays so as far as is known."""
    return agent.availability not in _ENDS_SESSION


def _waits_for(agent: Agent, leg: Leg) -> bool:
    """Return whether a leg may be kept for an agent: he is there and may take it."""
    is_excluded = leg.excluded is not None and agent.index in leg.excluded
    return is_there(agent) and not is_excluded and eligible(leg.klass, agent.kind)

"""Sessions of agents: breaks and ends that the router brings about, and what they leave behind.

What an agent says of himself is applied by `acd.agent_facts`; here is what follows later, when his
last slot is free, or without him, when he does not answer.
"""

from typing import TYPE_CHECKING

from acd.actions import Action, SetAgentState
from acd.agents import AVAILABILITY_TABLE, Agent, AgentSignal
from acd.contacts import OfferSignal, OfferState
from acd.ids import Availability
from acd.opening import NEVER_US
from acd.timers import Timer

if TYPE_CHECKING:
    from acd.floor import Floor


class Sessions:
    """How agents' sessions go on.

    Args:
        floor: Where the agents are.
    """

    def __init__(self, floor: "Floor") -> None:
        self._floor = floor
        self.is_asked = False
        """Whether somebody logged out, or was sent on a break, in this step, or the last agent of a
        kind logged out in this instant."""
        self.vacated = False
        """Whether the last agent of some kind logged out in this step."""
        self.gone: list[Agent] = []
        """The agents who logged out in this step with contacts parked."""

    def end_or_break(self, agent: Agent, orders: list[Action]) -> None:
        """Note that an agent has no slot in use: what he put off until then happens."""
        after = AVAILABILITY_TABLE[agent.availability][AgentSignal.EMPTIED]
        assert after is not None
        if agent.after_this_one:
            agent.after_this_one = False
            after = Availability.NOT_READY
        if after is not agent.availability:
            self._become(agent, after, orders)

    def _become(self, agent: Agent, after: Availability, orders: list[Action]) -> None:
        """Change an agent's availability by our own doing, and say so."""
        agent.become(after)
        self.note_gone(agent, vacated=not agent.kind.present)
        reason = agent.reason if after is Availability.NOT_READY else ""
        orders.append(SetAgentState(agent.agent_id, after, reason))
        self._floor.matcher.refresh(agent)

    def turn_shift(self, agent: Agent, now_us: int) -> None:
        """Let an agent who is logged in be on shift or not, as his calendar says, until it changes.

        Nothing that he has or is offered ends by it.
        """
        agent.off_shift_until_us = agent.shift_changes_us = 0
        shift = agent.shift
        if shift is not None:
            shift.turn(now_us)
            agent.shift_changes_us = shift.changes_us
            agent.off_shift_until_us = 0 if shift.is_on else shift.changes_us
            if shift.changes_us < NEVER_US:
                self._floor.timers.add(shift.changes_us, Timer.SHIFT, agent.index)

    def note_gone(self, agent: Agent, *, vacated: bool) -> None:
        """Note whether an agent was the last of his kind, or logged out with contacts parked.

        These do not wait for him.
        """
        self.is_asked = True
        self.vacated |= vacated
        if agent.availability is Availability.LOGGED_OUT and agent.offers:
            self.gone.append(agent)

    def send_away(
        self, agent: Agent, signal: AgentSignal, reason: str, now_us: int, orders: list[Action]
    ) -> None:
        """Have an agent take nothing new by our own doing, and say why; as far as he was ready.

        What else rings at him is taken back, as where he goes himself.
        """
        if agent.availability is not Availability.READY:
            return
        after = AVAILABILITY_TABLE[agent.availability][signal]
        assert after is not None
        agent.become(Availability.NOT_READY)
        self.revoke(agent, now_us, orders)
        if after is Availability.NOT_READY:
            agent.reason = reason
            agent.after_this_one = False
        elif agent.is_idle and signal is AgentSignal.LOGGED_OUT:
            after = Availability.LOGGED_OUT
        self._become(agent, after, orders)

    def revoke(
        self, agent: Agent, now_us: int, orders: list[Action], *, only: int | None = None
    ) -> None:
        """Take back what rings at an agent (on one channel only, or on all), without penalty."""
        for offer in tuple(agent.offers.values()):
            if offer.state is OfferState.PENDING and only in {None, offer.channel}:
                self._floor.withdraw(offer, OfferSignal.REVOKE, now_us, orders)

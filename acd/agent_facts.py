"""Facts about agents: what they, their phones and their supervisors say, applied.

The router tells each to its handler here. `acd.agents.AVAILABILITY_TABLE` says what may follow
what; `acd.floor` makes the moves.
"""

from collections.abc import Mapping
from typing import Final

from acd import events as ev
from acd.actions import Action
from acd.agents import AVAILABILITY_TABLE, CHANNEL_INDEX, Agent, AgentSignal
from acd.classes import RefusalError, is_text
from acd.contacts import LegState
from acd.floor import Floor, Handler
from acd.ids import QUALITY_MAX, AgentId, Availability, Channel, Device, Reason
from acd.settings import DomainSettings, IdleClock

_TO_BREAK_OFF: Final = (Availability.READY, Availability.NOT_RESPONDING)
"""Availabilities that "not ready after this one" will end; the others take nothing new anyway."""

RESTART: Final = "restart of the router"
"""Why agents are not ready while the daemon puts back offers that ran out without it. Admitted
whatever reasons the settings name."""

_BEFORE_CONNECTED: Final = (LegState.OFFERED, LegState.CONNECTING)
"""States of a leg that is offered, and of which there is nothing to rate yet."""


class AgentFacts:
    """The handlers of facts about agents.

    Args:
        settings: The domain's.
        floor: Where the agents are.
    """

    def __init__(self, settings: DomainSettings, floor: Floor) -> None:
        self._settings = settings
        self._floor = floor
        self._queues = frozenset(queue.name for queue in settings.queues)
        reasons = settings.not_ready_reasons
        self._reasons = frozenset((*reasons, "", RESTART) if reasons else ())
        self.handlers: Mapping[type, Handler] = {
            ev.AgentLoggedIn: self._agent_logged_in,
            ev.AgentReady: self._agent_ready,
            ev.AgentNotReady: self._agent_not_ready,
            ev.DrainRequested: self._drain_requested,
            ev.AgentLoggedOut: self._agent_logged_out,
            ev.DeviceChanged: self._device_changed,
            ev.WrapUpModeChanged: self._wrap_up_mode_changed,
            ev.LegRated: self._leg_rated,
        }

    def _agent(self, agent_id: AgentId) -> Agent:
        agent = self._floor.by_id.get(agent_id)
        if agent is None:
            raise RefusalError(Reason.UNKNOWN_AGENT, agent_id)
        return agent

    def _agent_after(self, agent_id: AgentId, signal: AgentSignal) -> tuple[Agent, Availability]:
        """Return the agent, and his availability after a signal."""
        agent = self._agent(agent_id)
        after = AVAILABILITY_TABLE[agent.availability][signal]
        if after is None:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, agent_id)
        return agent, after

    def _agent_logged_in(self, event: ev.AgentLoggedIn, now_us: int, orders: list[Action]) -> None:
        del orders
        agent, after = self._agent_after(event.agent_id, AgentSignal.LOGGED_IN)
        if agent.availability is Availability.LOGGED_OUT:
            agent.idle_since_us = now_us
            agent.reason = ""
            self._floor.sessions.turn_shift(agent, now_us)
        agent.become(after)

    def _agent_ready(self, event: ev.AgentReady, now_us: int, orders: list[Action]) -> None:
        del orders
        agent, after = self._agent_after(event.agent_id, AgentSignal.READY)
        if (
            self._settings.idle_clock is IdleClock.SINCE_READY
            and agent.availability is not Availability.READY
        ):
            agent.idle_since_us = now_us
        agent.become(after)
        agent.after_this_one = False
        agent.reason = ""
        self._floor.matcher.refresh(agent)

    def _agent_not_ready(self, event: ev.AgentNotReady, now_us: int, orders: list[Action]) -> None:
        agent, after = self._agent_after(event.agent_id, AgentSignal.NOT_READY)
        if not is_text(event.reason):
            raise RefusalError(Reason.BAD_TEXT, "reason")
        known = not self._reasons or event.reason in self._reasons
        if not known and event.reason != agent.reason:  # His present break may go on.
            raise RefusalError(Reason.UNKNOWN_NOT_READY_REASON, event.reason)
        agent.reason = event.reason
        if event.after_this_one and not agent.is_idle:
            agent.after_this_one = agent.availability in _TO_BREAK_OFF
        else:
            agent.after_this_one = False
            agent.become(after)
            self._floor.sessions.revoke(agent, now_us, orders)
        self._floor.matcher.refresh(agent)

    def _drain_requested(self, event: ev.DrainRequested, now_us: int, orders: list[Action]) -> None:
        agent, after = self._agent_after(event.agent_id, AgentSignal.DRAIN)
        agent.become(after)
        agent.after_this_one = False
        if agent.is_idle:
            self._floor.sessions.end_or_break(agent, orders)
        self._floor.affinity.leave(agent, now_us)
        self._floor.matcher.refresh(agent)

    def _agent_logged_out(
        self, event: ev.AgentLoggedOut, now_us: int, orders: list[Action]
    ) -> None:
        agent, after = self._agent_after(event.agent_id, AgentSignal.LOGGED_OUT)
        agent.after_this_one = False
        agent.become(Availability.NOT_READY)
        self._floor.sessions.revoke(agent, now_us, orders)
        agent.become(Availability.LOGGED_OUT if agent.is_idle else after)
        self._floor.sessions.note_gone(agent, vacated=not agent.kind.present)
        self._floor.affinity.leave(agent, now_us)
        self._floor.matcher.refresh(agent)

    def _device_changed(self, event: ev.DeviceChanged, now_us: int, orders: list[Action]) -> None:
        agent = self._agent(event.agent_id)
        agent.device = event.device
        if event.device is Device.UNREACHABLE:
            self._floor.sessions.revoke(agent, now_us, orders, only=CHANNEL_INDEX[Channel.VOICE])
        self._floor.matcher.refresh(agent)

    def _wrap_up_mode_changed(
        self, event: ev.WrapUpModeChanged, now_us: int, orders: list[Action]
    ) -> None:
        del now_us, orders
        agent = self._agent(event.agent_id)
        agent.wrap_up_mode = event.mode

    def _leg_rated(self, event: ev.LegRated, now_us: int, orders: list[Action]) -> None:
        del now_us, orders
        floor = self._floor
        performance = floor.selection.performance
        if not performance.measuring:
            raise RefusalError(Reason.NOT_MEASURED, event.queue)
        agent = self._agent(event.agent_id)
        if event.queue not in self._queues:
            raise RefusalError(Reason.UNKNOWN_QUEUE, event.queue)
        if event.queue not in agent.kind.desk.queues:
            raise RefusalError(Reason.NOT_SERVED, event.queue)
        if not 0 < event.offer_id <= floor.offers_given:
            raise RefusalError(Reason.UNKNOWN_OFFER, str(event.offer_id))
        if event.quality is not None and not 0 <= event.quality <= QUALITY_MAX:
            raise RefusalError(Reason.BAD_NUMBER, "quality")
        if event.quality is event.resolved is event.converted is None:
            raise RefusalError(Reason.NO_VALUE, str(event.offer_id))
        offer = floor.offers.get(event.offer_id)
        if offer is not None:
            leg = floor.legs[offer.leg_id]
            his = offer.agent == agent.index and leg.klass.queue.name == event.queue
            if not his or leg.state in _BEFORE_CONNECTED:
                raise RefusalError(Reason.NOT_IN_THIS_STATE, str(event.offer_id))
        performance.rate(agent.index, event)

"""What ends by itself: leases and blocks, at their exact instants.

Every reservation is a lease with a deadline (design/architecture). `acd.timers` says which is due;
what follows from its end is said here, and `acd.floor` makes the moves.
"""

from typing import Final

from acd.actions import EndWrapUp
from acd.agents import Agent, AgentSignal
from acd.contacts import LegState, Offer, OfferSignal
from acd.expiry import expire
from acd.floor import Floor, Orders
from acd.parking import give_up_parked
from acd.settings import AfterMiss
from acd.timers import Timer

MISSED: Final = "missed"
"""The reason of a break that an agent has because he did not answer."""

_AFTER_MISS: Final = {
    AfterMiss.NOT_RESPONDING: AgentSignal.MISSED,
    AfterMiss.NOT_READY: AgentSignal.NOT_READY,
    AfterMiss.LOG_OUT: AgentSignal.LOGGED_OUT,
}


class Leases:
    """Ends what is due.

    Args:
        floor: Where the leases are.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._timers = floor.timers

    def fire(self, now_us: int, orders: Orders, *, at_most: int) -> None:
        """End the leases and blocks due by now, in the order of their instants."""
        for _ in range(at_most):
            entry = self._timers.pop_due(now_us)
            if entry is None:
                return
            _, timer, number, excluded = entry
            if timer is Timer.LEASE:
                self._end_lease(self._floor.offers[number], now_us, orders)
            elif timer is Timer.BACK_OFF:
                self._floor.agents[number].back_off_until_us = 0
                self._floor.matcher.refresh(self._floor.agents[number])
            elif timer is Timer.GAP:
                self._floor.agents[number].gap_until_us = 0
                self._floor.matcher.refresh(self._floor.agents[number])
            elif timer is Timer.SHIFT:
                self._floor.sessions.turn_shift(self._floor.agents[number], now_us)
                self._floor.matcher.refresh(self._floor.agents[number])
            elif timer is Timer.STAGE:
                leg = self._floor.legs[number]
                self._floor.matcher.remove(leg)
                self._floor.stages.widen(leg, now_us, orders)
                self._floor.matcher.wait(leg)
            elif timer is Timer.HOLD:
                self._floor.end_hold(self._floor.legs[number])
            elif timer is Timer.EXPIRY:
                expire(self._floor, self._floor.legs[number], now_us, orders)
            elif timer is Timer.OVERFLOW:
                self._floor.overflow.back.append(self._floor.legs[number])
            elif timer is Timer.HAND_OVER:
                self._floor.hand_overs.time_out(number, now_us, orders)
            elif timer is Timer.TAKE_OVER:
                self._floor.hand_overs.ask_again(excluded, number, now_us, orders)
            elif timer is Timer.TREATMENT:
                self._floor.treatments.due.append(self._floor.legs[number])
            elif timer is Timer.CALLBACK:
                self._floor.callbacks.fall_due(self._floor.legs[number], now_us, orders)
            else:
                self._floor.end_exclusion(self._floor.legs[number], self._floor.agents[excluded])

    def _end_lease(self, offer: Offer, now_us: int, orders: Orders) -> None:
        """End ringing, connecting or wrap-up whose time is over."""
        agent = self._floor.agents[offer.agent]
        leg = self._floor.legs[offer.leg_id]
        if leg.state is LegState.PARKED:
            give_up_parked(self._floor, offer, now_us, orders)
            return
        if leg.state is LegState.WRAPPING:
            orders.append(EndWrapUp(offer.offer_id, agent.agent_id))
            self._floor.close(leg, now_us, orders)
            return
        if leg.state is LegState.CONNECTING and self._floor.callbacks.dial_us(leg):
            self._floor.callbacks.miss(leg, offer, now_us, orders)
            return
        self._floor.exclude(leg, agent, now_us)
        if leg.state is LegState.CONNECTING:
            self._floor.back_off(agent, now_us, self._floor.settings.back_off.not_connected_us)
            self._floor.withdraw(offer, OfferSignal.TIME_OUT, now_us, orders)
            return
        self._floor.back_off(agent, now_us, self._floor.settings.back_off.missed_us)
        self._floor.withdraw(offer, OfferSignal.TIME_OUT, now_us, orders)
        self._miss(agent, now_us, orders)
        self._floor.affinity.leave(agent, now_us)

    def _miss(self, agent: Agent, now_us: int, orders: Orders) -> None:
        """Let follow what follows for an agent who let an offer ring out."""
        agent.missed += 1
        rona = self._floor.settings.rona
        if agent.missed < rona.after or rona.then is AfterMiss.STAY_READY:
            return
        agent.missed = 0
        self._floor.sessions.send_away(agent, _AFTER_MISS[rona.then], MISSED, now_us, orders)

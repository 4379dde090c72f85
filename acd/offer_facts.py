"""Facts about offers and the legs that they led to: what agents and switch make of them.

The router tells each to its handler here. The tables of `acd.contacts` say what may follow what;
`acd.floor` makes the moves.
"""

from collections.abc import Mapping
from typing import Final

from acd import events as ev
from acd.actions import Action, ConnectLeg, DialCustomer, ReleaseCustomer
from acd.agents import AgentSignal
from acd.classes import RefusalError
from acd.contacts import (
    LEG_TABLE,
    OFFER_TABLE,
    REFUSED,
    Leg,
    LegSignal,
    Offer,
    OfferSignal,
    Presence,
)
from acd.floor import Floor, Handler
from acd.ids import FailureCause, Reason
from acd.settings import DomainSettings
from acd.transfers import hand_over

# What every contact asks for: Python 3.11 takes 0.1 µs to look up a member of an enum.
_CONNECTED: Final = LegSignal.CONNECTED
_ENDED: Final = LegSignal.ENDED
_GONE: Final = Presence.GONE


def _check_given(floor: Floor, number: int) -> None:
    """Refuse a number never given; what is said of an offer that ended is only late.

    Raises:
        RefusalError: No offer ever had this number.
    """
    if not 0 < number <= floor.offers_given:
        raise RefusalError(Reason.UNKNOWN_OFFER, str(number))


def leg_of(floor: Floor, number: int) -> Leg | None:
    """Return the leg that an offer holds; None where the offer has ended, so that it is too late.

    Raises:
        RefusalError: No offer ever had this number.
    """
    offer = floor.offers.get(number)
    if offer is None:
        _check_given(floor, number)
        return None
    return floor.legs[offer.leg_id]


def moved_by(floor: Floor, number: int, signal: LegSignal) -> Leg | None:
    """Return an offer's leg if a signal is to move it; None where that is to be ignored.

    Raises:
        RefusalError: The signal cannot be, or the offer never was.
    """
    offer = floor.offers.get(number)  # As `leg_of`, whose call every contact would pay twice.
    if offer is None:
        _check_given(floor, number)
        return None
    leg = floor.legs[offer.leg_id]
    after = LEG_TABLE[leg.state][signal]
    if after == REFUSED:
        raise RefusalError(Reason.NOT_IN_THIS_STATE, str(number))
    return leg if after >= 0 else None


class OfferFacts:
    """The handlers of facts about offers and legs.

    Args:
        settings: The domain's.
        floor: Where they are.
    """

    def __init__(self, settings: DomainSettings, floor: Floor) -> None:
        self._floor = floor
        self._reject_reasons = {one.name: one for one in settings.reject_reasons}
        causes = settings.back_off
        self._rejected_us = causes.rejected_us
        self._back_offs = {
            FailureCause.BUSY: causes.busy_us,
            FailureCause.UNREACHABLE: causes.unreachable_us,
            FailureCause.CONGESTION: causes.congestion_us,
            FailureCause.REFUSED: causes.refused_us,
        }
        self.handlers: Mapping[type, Handler] = {
            ev.OfferAccepted: self._offer_accepted,
            ev.OfferRejected: self._offer_rejected,
            ev.OfferFailed: self._offer_failed,
            ev.LegConnected: self._leg_connected,
            ev.LegHeld: self._leg_held,
            ev.LegRetrieved: self._leg_retrieved,
            ev.LegEnded: self._leg_ended,
        }

    def _answered(self, number: int, signal: OfferSignal) -> Offer | None:
        """Return the offer if an answer moves it; None where the answer is to be ignored."""
        offer = self._floor.offers.get(number)
        if offer is None:
            _check_given(self._floor, number)
            return None
        after = OFFER_TABLE[offer.state][signal]
        if after >= 0:
            return offer
        if after == REFUSED:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(number))
        return None

    def _offer_accepted(self, event: ev.OfferAccepted, now_us: int, orders: list[Action]) -> None:
        offer = self._answered(event.offer_id, OfferSignal.ACCEPT)
        if offer is not None:
            self._floor.accept(offer, now_us, orders)
            leg = self._floor.legs[offer.leg_id]
            agent_id = self._floor.agents[offer.agent].agent_id
            is_gone = self._floor.contacts[leg.contact_id].callback is not None
            connect = DialCustomer if is_gone else ConnectLeg
            orders.append(connect(offer.offer_id, leg.contact_id, agent_id))

    def _offer_rejected(self, event: ev.OfferRejected, now_us: int, orders: list[Action]) -> None:
        offer = self._answered(event.offer_id, OfferSignal.REJECT)
        if offer is not None:
            floor = self._floor
            why = self._reject_reasons.get(event.reason)
            if why is None and self._reject_reasons and event.reason:
                raise RefusalError(Reason.UNKNOWN_REJECT_REASON, event.reason)
            agent, leg = floor.agents[offer.agent], floor.legs[offer.leg_id]
            floor.exclude(leg, agent, now_us, None if why is None else why.exclusion_us)
            span_us = self._rejected_us
            if why is not None and why.back_off_us is not None:
                span_us = why.back_off_us
            floor.back_off(agent, now_us, span_us)
            floor.give_back(offer, now_us, orders)
            if why is not None and why.not_ready:
                floor.sessions.send_away(agent, AgentSignal.NOT_READY, why.name, now_us, orders)

    def _offer_failed(self, event: ev.OfferFailed, now_us: int, orders: list[Action]) -> None:
        offer = self._answered(event.offer_id, OfferSignal.FAIL)
        if offer is not None:
            agent, leg = self._floor.agents[offer.agent], self._floor.legs[offer.leg_id]
            if LEG_TABLE[leg.state][LegSignal.RETURNED] == REFUSED:
                raise RefusalError(Reason.NOT_IN_THIS_STATE, str(event.offer_id))
            self._floor.exclude(leg, agent, now_us)
            self._floor.back_off(agent, now_us, self._back_offs[event.cause])
            self._floor.give_back(offer, now_us, orders)

    def _leg_connected(self, event: ev.LegConnected, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        leg = moved_by(floor, event.offer_id, _CONNECTED)
        if leg is not None:
            leg.state = LEG_TABLE[leg.state][_CONNECTED]
            offer = floor.offers[event.offer_id]
            if floor.wait_times is not None:
                floor.wait_times.habits.note_answer(leg, offer, now_us)
            floor.connect(leg, offer, now_us, orders)

    def _leg_held(self, event: ev.LegHeld, now_us: int, orders: list[Action]) -> None:
        del now_us, orders
        self._hold(event.offer_id, LegSignal.HELD)

    def _leg_retrieved(self, event: ev.LegRetrieved, now_us: int, orders: list[Action]) -> None:
        del now_us, orders
        self._hold(event.offer_id, LegSignal.RETRIEVED)

    def _hold(self, number: int, signal: LegSignal) -> None:
        leg = moved_by(self._floor, number, signal)
        if leg is not None:
            leg.state = LEG_TABLE[leg.state][signal]
            self._floor.settle_slot(leg)

    def _leg_ended(self, event: ev.LegEnded, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        leg = moved_by(floor, event.offer_id, _ENDED)
        if leg is not None:
            leg.state = LEG_TABLE[leg.state][_ENDED]
            contact = floor.contacts[leg.contact_id]
            is_last = len(contact.legs) == 1 or not hand_over(floor, leg, orders)
            if is_last and contact.presence is not _GONE:
                contact.presence = _GONE
                orders.append(ReleaseCustomer(leg.contact_id))
            floor.wrap(leg, now_us, orders)

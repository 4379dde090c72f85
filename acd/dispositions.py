"""Dispositions: how contacts ended, in the words of the agents who handled them.

Each queue has its own; a queue without any takes none. One may be told at any time between the
connection and the end of the wrap-up, by the agent or by his CRM, and the last told counts: it is
filed when the leg closes.

Source: Avaya's call work codes, Cisco's wrap-up data, Genesys' wrap-up codes, Amazon Connect's
disposition codes.
"""

from collections.abc import Mapping

from acd import events as ev
from acd.actions import Action
from acd.classes import RefusalError
from acd.contacts import Leg, LegSignal, Offer, is_handled
from acd.floor import Floor, Handler
from acd.ids import Reason
from acd.offer_facts import leg_of, moved_by


class Dispositions:
    """The handlers of facts about how contacts ended.

    Args:
        floor: Where they are.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.handlers: Mapping[type, Handler] = {
            ev.LegDisposed: self._leg_disposed,
            ev.WrapUpEnded: self._wrap_up_ended,
        }

    def _leg_disposed(self, event: ev.LegDisposed, now_us: int, orders: list[Action]) -> None:
        del now_us, orders
        leg = leg_of(self._floor, event.offer_id)
        if leg is None:
            return
        if not is_handled(leg):
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(event.offer_id))
        _tell(self._floor.offers[event.offer_id], leg, event.disposition)

    def _wrap_up_ended(self, event: ev.WrapUpEnded, now_us: int, orders: list[Action]) -> None:
        leg = moved_by(self._floor, event.offer_id, LegSignal.WRAPPED)
        if leg is None:
            return
        offer = self._floor.offers[event.offer_id]
        if event.disposition:
            _tell(offer, leg, event.disposition)
        elif leg.klass.queue.disposition_required and not offer.disposition:
            raise RefusalError(Reason.NO_DISPOSITION, str(event.offer_id))
        self._floor.close(leg, now_us, orders)


def _tell(offer: Offer, leg: Leg, disposition: str) -> None:
    """Note how a handled contact ended.

    Raises:
        RefusalError: Its queue has no such disposition.
    """
    if disposition not in leg.klass.queue.dispositions:
        raise RefusalError(Reason.UNKNOWN_DISPOSITION, disposition)
    offer.disposition = disposition

"""What the business and its supervisors decide about contacts that wait.

The router tells each to its handler here; `acd.floor` makes the moves.
"""

from collections.abc import Mapping

from acd import events as ev
from acd.actions import Action, ReleaseCustomer
from acd.classes import RefusalError
from acd.contacts import LEG_TABLE, REFUSED, Contact, LegSignal, LegState, Presence
from acd.floor import Floor, Handler
from acd.ids import ContactId, Reason


class Supervision:
    """The handlers of what supervisors decide.

    Args:
        floor: Where the contacts are.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.handlers: Mapping[type, Handler] = {
            ev.ContactCanceled: self._contact_canceled,
        }

    def _contact(self, contact_id: ContactId) -> Contact:
        contact = self._floor.contacts.get(contact_id)
        if contact is None:
            raise RefusalError(Reason.UNKNOWN_CONTACT, contact_id)
        return contact

    def _contact_canceled(
        self, event: ev.ContactCanceled, now_us: int, orders: list[Action]
    ) -> None:
        floor = self._floor
        contact = self._contact(event.contact_id)
        legs = [floor.legs[number] for number in contact.legs]
        cells = [LEG_TABLE[leg.state][LegSignal.CANCELED] for leg in legs]
        if REFUSED in cells or LegState.CANCELED not in cells:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, event.contact_id)
        contact.presence = Presence.GONE
        orders.append(ReleaseCustomer(event.contact_id))
        for leg, after in zip(legs, cells, strict=True):
            if after == LegState.CANCELED:
                floor.give_up(leg, LegState.CANCELED, now_us, orders)

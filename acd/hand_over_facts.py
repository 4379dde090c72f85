"""Facts about hand-overs between domains: what is asked and answered, on either side.

The router tells each to its handler here; `acd.hand_overs` says how the two sides hang together.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from acd import events as ev
from acd.actions import Action
from acd.classes import RefusalError, is_text
from acd.contact_facts import ContactFacts
from acd.contacts import Contact, Leg, LegState
from acd.eligibility import is_closed
from acd.floor import Floor, Handler
from acd.hand_overs import PROMISED_MAX
from acd.ids import HOPS_MAX, TIME_US_MAX, DomainName, HandOverId, Reason
from acd.queues import LegClass
from acd.settings import DomainSettings


class HandOverFacts:
    """The handlers of facts about hand-overs.

    Args:
        settings: The domain's.
        floor: Where its contacts are.
        contacts: Lets contacts arrive and leave.
    """

    def __init__(self, settings: DomainSettings, floor: Floor, contacts: ContactFacts) -> None:
        self._own: Final = settings.name
        self._floor = floor
        self._hand_overs = floor.hand_overs
        self._contacts = contacts
        self.handlers: Mapping[type, Handler] = {
            ev.ContactHandedOver: self._contact_handed_over,
            ev.HandOverAccepted: self._hand_over_accepted,
            ev.HandOverRefused: self._hand_over_refused,
            ev.TakeOverRequested: self._take_over_requested,
            ev.ContactTakenOver: self._contact_taken_over,
            ev.TakeOverWithdrawn: self._take_over_withdrawn,
        }

    # This domain's contacts.

    def _contact_handed_over(
        self, event: ev.ContactHandedOver, now_us: int, orders: list[Action]
    ) -> None:
        domain = event.domain
        contact = self._floor.contacts.get(event.contact_id)
        if contact is None:
            raise RefusalError(Reason.UNKNOWN_CONTACT, event.contact_id)
        self._check_domain(domain)
        if not is_text(event.queue):
            raise RefusalError(Reason.BAD_TEXT, "queue")
        leg = self._waiting(contact)
        reason = self._hand_overs.refusal(leg, domain, now_us)
        if reason is not None:
            raise RefusalError(reason, domain)
        self._hand_overs.ask(leg, domain, now_us, orders, queue=event.queue)

    def _waiting(self, contact: Contact) -> Leg:
        """Return the leg of a contact that waits, which has nobody else who talks with it.

        Raises:
            RefusalError: There is none.
        """
        legs = [self._floor.legs[number] for number in contact.legs]
        legs = [leg for leg in legs if leg.state is not LegState.WRAPPING]
        is_called_back = contact.callback is not None  # There is no call to hand over.
        if len(legs) != 1 or legs[0].state is not LegState.QUEUED or is_called_back:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, contact.arrival.contact_id)
        return legs[0]

    def _hand_over_accepted(
        self, event: ev.HandOverAccepted, now_us: int, orders: list[Action]
    ) -> None:
        self._check_number(event.domain, event.number)
        self._hand_overs.accept(event.domain, event.number, now_us, orders)

    def _hand_over_refused(
        self, event: ev.HandOverRefused, now_us: int, orders: list[Action]
    ) -> None:
        self._check_number(event.domain, event.number)
        self._hand_overs.refuse(event.domain, event.number, now_us, orders)

    def _check_number(self, domain: DomainName, number: HandOverId) -> None:
        self._check_domain(domain)
        if not 0 < number <= self._hand_overs.given:
            raise RefusalError(Reason.UNKNOWN_HAND_OVER, str(number))

    def _check_domain(self, domain: DomainName) -> None:
        if domain not in self._hand_overs.domains:
            raise RefusalError(Reason.UNKNOWN_DOMAIN, domain)

    # Contacts of other domains.

    def _take_over_requested(
        self, event: ev.TakeOverRequested, now_us: int, orders: list[Action]
    ) -> None:
        """Promise to take a contact; say so once more if it was promised already."""
        hand_overs = self._hand_overs
        self._check_domain(event.origin)
        key = (event.origin, event.number)
        if hand_overs.has_taken(key):
            return
        promised = hand_overs.expects(event.arrival.contact_id)
        if promised is not None and promised.request.origin == event.origin:
            if promised.request.number > event.number:
                return  # It was delayed: the origin has asked anew since.
            if promised.request.number == event.number:
                hand_overs.repeat(promised, orders)
                return
        elif promised is not None or event.arrival.contact_id in self._floor.contacts:
            raise RefusalError(Reason.CONTACT_EXISTS, event.arrival.contact_id)
        self._check(event)
        # The clock of the origin may be a little ahead.
        request = replace(event, arrived_us=min(event.arrived_us, now_us))
        hand_overs.promise(request, now_us, orders)

    def _check(self, event: ev.TakeOverRequested) -> None:
        """Refuse a contact that cannot come, now or ever.

        Raises:
            RefusalError: It was here, or in too many domains; or it is no arrival for a queue that
                is open and not full; or there are too many promises.
        """
        if self._own in event.path:
            raise RefusalError(Reason.ALREADY_THERE, self._own)
        if len(event.path) >= HOPS_MAX:
            raise RefusalError(Reason.TOO_MANY_DOMAINS, event.arrival.contact_id)
        if not all(one and is_text(one) for one in event.path):
            raise RefusalError(Reason.BAD_TEXT, "path")
        if not 0 < event.number < TIME_US_MAX:
            raise RefusalError(Reason.BAD_NUMBER, "number")
        if not 0 <= event.arrived_us < TIME_US_MAX:
            raise RefusalError(Reason.BAD_NUMBER, "arrived_us")
        klass = self._contacts.check(event.arrival)
        if is_closed(klass):
            raise RefusalError(Reason.QUEUE_CLOSED, klass.queue.name)
        if _is_full(klass):
            raise RefusalError(Reason.QUEUE_FULL, klass.queue.name)
        if len(self._hand_overs.promised) >= PROMISED_MAX:
            raise RefusalError(Reason.TOO_MANY_HAND_OVERS, str(PROMISED_MAX))

    def _contact_taken_over(
        self, event: ev.ContactTakenOver, now_us: int, orders: list[Action]
    ) -> None:
        """Let a promised contact wait; and leave, if its customer has left meanwhile."""
        self._check_domain(event.origin)
        key = (event.origin, event.number)
        promised = self._hand_overs.take(key, orders)
        if promised is None:
            if not self._hand_overs.has_taken(key):
                raise RefusalError(Reason.UNKNOWN_HAND_OVER, str(event.number))
            return
        request = promised.request
        contact_id = request.arrival.contact_id
        path = (*request.path, event.origin)
        self._contacts.take_in(request.arrival, request.arrived_us, path, now_us, orders)
        if promised.is_gone and contact_id in self._floor.contacts:
            self._contacts.leave(ev.ContactLeft(contact_id), now_us, orders)

    def _take_over_withdrawn(
        self, event: ev.TakeOverWithdrawn, now_us: int, orders: list[Action]
    ) -> None:
        del now_us, orders
        self._check_domain(event.origin)
        self._hand_overs.break_promise((event.origin, event.number))


def _is_full(klass: LegClass) -> bool:
    """Return whether as many wait in a class's queue and channel as a rule of overflow lets in."""
    gate = klass.gate
    return gate is not None and any(
        rule.max_waiting is not None and len(gate.legs) >= rule.max_waiting for rule in gate.rules
    )

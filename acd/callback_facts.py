"""Facts about customers who are called back, and about the keys that they press.

The router tells each to its handler here; `acd.callbacks` makes the moves.
"""

from collections.abc import Mapping

from acd import events as ev
from acd.actions import Action
from acd.classes import RefusalError
from acd.contact_facts import ContactFacts
from acd.contacts import Callback, Contact, Leg, LegState, Presence
from acd.floor import Floor, Handler
from acd.ids import STEP_US_MAX, Channel, Reason
from acd.offer_facts import leg_of


class CallbackFacts:
    """The handlers of facts about callbacks.

    Args:
        floor: Where the contacts are.
        contact_facts: Know what is wrong with what a contact asks for.
    """

    def __init__(self, floor: Floor, contact_facts: ContactFacts) -> None:
        self._floor = floor
        self._contact_facts = contact_facts
        self.handlers: Mapping[type, Handler] = {
            ev.CustomerPressed: self._customer_pressed,
            ev.CallbackRequested: self._callback_requested,
            ev.CallbackScheduled: self._callback_scheduled,
            ev.CallbackFailed: self._callback_failed,
        }

    def _customer_pressed(
        self, event: ev.CustomerPressed, now_us: int, orders: list[Action]
    ) -> None:
        """Let a key mean what was offered with it to a customer who waits; nothing else."""
        del now_us
        contact = self._contact(event.contact_id)
        leg = self._awaited(contact)
        if leg is None or self._floor.treatments.key_of(leg) != event.digit:
            raise RefusalError(Reason.NOT_OFFERED, event.digit)
        self._grant(contact, leg, orders)

    def _callback_requested(
        self, event: ev.CallbackRequested, now_us: int, orders: list[Action]
    ) -> None:
        del now_us
        contact = self._contact(event.contact_id)
        leg = self._awaited(contact)
        if leg is None:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, event.contact_id)
        self._grant(contact, leg, orders)

    def _grant(self, contact: Contact, leg: Leg, orders: list[Action]) -> None:
        callbacks = self._floor.callbacks
        queue = leg.klass.queue.name
        if queue not in callbacks.rules or leg.klass.channel is not Channel.VOICE:
            raise RefusalError(Reason.NO_CALLBACK, queue)
        if (queue, contact.arrival.customer) in callbacks.of_customer:
            raise RefusalError(Reason.CALLBACK_EXISTS, contact.arrival.customer)
        if leg.state is not LegState.QUEUED:
            # It rings, so that he is about to be connected.
            raise RefusalError(Reason.NOT_IN_THIS_STATE, leg.contact_id)
        callbacks.grant(leg, orders)

    def _callback_scheduled(
        self, event: ev.CallbackScheduled, now_us: int, orders: list[Action]
    ) -> None:
        del orders
        floor, at_us = self._floor, event.at_us
        arrival = ev.ContactArrived(
            contact_id=event.contact_id,
            queue=event.queue,
            channel=Channel.VOICE,
            customer=event.customer,
            attributes=event.attributes,
            requirement=event.requirement,
            prefers=event.prefers,
            priority=event.priority,
            named_agent=event.named_agent,
        )
        self._contact_facts.check_new(event.contact_id)
        if not event.queue:
            raise RefusalError(Reason.NO_QUEUE, event.contact_id)
        klass = self._contact_facts.check(arrival)
        self._check_time(event.queue, at_us, now_us)
        if (event.queue, event.customer) in floor.callbacks.of_customer:
            raise RefusalError(Reason.CALLBACK_EXISTS, event.customer)
        leg = floor.make_leg(arrival, klass, at_us)
        floor.callbacks.schedule(leg, Callback(event.queue, at_us))

    def _check_time(self, queue: str, at_us: int, now_us: int) -> None:
        """Refuse an instant at which a queue does not call back.

        Raises:
            RefusalError: It is over, or too far ahead; the queue is closed then, or its slots are
                taken; or it agrees no times.
        """
        callbacks = self._floor.callbacks
        rule = callbacks.rules.get(queue)
        if rule is None or rule.slots is None:
            raise RefusalError(Reason.NO_CALLBACK, queue)
        if at_us < now_us:
            raise RefusalError(Reason.IN_THE_PAST, str(at_us))
        if at_us > now_us + rule.ahead_us or at_us >= STEP_US_MAX:
            raise RefusalError(Reason.TOO_FAR_AHEAD, str(at_us))
        door = self._floor.gauges.doors.of_queue.get(queue)
        if door is not None and not door.calendar.is_open(at_us):
            raise RefusalError(Reason.CLOSED_THEN, str(at_us))
        if callbacks.booked[callbacks.slot_of(queue, at_us)] >= rule.slots:
            raise RefusalError(Reason.SLOT_FULL, str(at_us))

    def _callback_failed(self, event: ev.CallbackFailed, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        leg = leg_of(floor, event.offer_id)
        if leg is None:
            return
        contact = floor.contacts[leg.contact_id]
        if contact.callback is None or leg.state is not LegState.CONNECTING:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(event.offer_id))
        floor.callbacks.miss(leg, floor.offers[event.offer_id], now_us, orders)

    def _contact(self, contact_id: str) -> Contact:
        contact = self._floor.contacts.get(contact_id)
        if contact is None:
            raise RefusalError(Reason.UNKNOWN_CONTACT, contact_id)
        return contact

    def _awaited(self, contact: Contact) -> Leg | None:
        """Return the leg in which a customer waits for an agent, on the line; None for none."""
        if contact.presence is not Presence.WAITING:
            return None
        legs = [self._floor.legs[number] for number in contact.legs]
        return next((leg for leg in legs if leg.state <= LegState.CONNECTING), None)

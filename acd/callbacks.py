"""Callbacks: customers who need not stay on the line, since they are called.

*Virtual hold*: a customer who waits hangs up, and his leg stays QUEUED with its place. When an
agent accepts it, the customer is dialled. A *scheduled* callback waits for an agreed instant, and
is in line from then on as if its customer had called then. Who is not reached is tried again after
a pause, as often as his queue says; between attempts, and before its instant, a leg is SCHEDULED:
it is in no line, and nobody is offered it. Its place is kept all the while.

That a customer was not reached is no fault of the agent's. What an agent or his phone does wrong
is no attempt.

Sources: Genesys' in-queue and scheduled callbacks, Amazon Connect's queued callbacks (attempts and
the time between them). See docs/routing/callbacks.md.
"""

from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from acd.actions import Action, CallbackDue, GrantCallback, PostponeCallback, WithdrawOffer
from acd.contacts import (
    LEG_TABLE,
    Callback,
    Contact,
    Leg,
    LegSignal,
    LegState,
    Offer,
    Presence,
)
from acd.events import ContactArrived
from acd.ids import Channel, ContactId, OfferOutcome, QueueName
from acd.timers import Timer
from acd.waiting_settings import CallbackSettings

if TYPE_CHECKING:
    from acd.floor import Floor


class Callbacks:
    """The callbacks that are open, and the moves on them.

    Args:
        floor: Where their contacts are.
    """

    def __init__(self, floor: "Floor") -> None:
        self._floor = floor
        self.rules: Final[dict[QueueName, CallbackSettings]] = {
            queue.name: queue.callbacks
            for queue in floor.settings.queues
            if queue.callbacks is not None
        }
        """How queues call back; those that do not are not in it."""
        self.booked: Final[Counter[tuple[QueueName, int]]] = Counter()
        """How many are agreed in each slot, by the number of its interval."""
        self.of_customer: Final[dict[tuple[QueueName, str], ContactId]] = {}
        """Who is called back already."""

    def slot_of(self, queue: QueueName, at_us: int) -> tuple[QueueName, int]:
        """Return the slot in which an instant lies."""
        return queue, at_us // self.rules[queue].interval_us

    def begin(self, contact: Contact, callback: Callback) -> None:
        """Note that a customer is called back."""
        contact.presence = Presence.CALL_BACK
        contact.callback = callback
        if contact.arrival.customer:
            self.of_customer[callback.queue, contact.arrival.customer] = contact.arrival.contact_id
        if callback.booked_us and callback.queue in self.rules:
            self.booked[self.slot_of(callback.queue, callback.booked_us)] += 1

    def end(self, contact: Contact) -> None:
        """Note that a customer, if he is called back, was reached, or will be called no more."""
        callback = contact.callback
        if callback is None:
            return
        contact.presence = Presence.GONE
        contact.callback = None
        self.of_customer.pop((callback.queue, contact.arrival.customer), None)
        if callback.booked_us and callback.queue in self.rules:
            slot = self.slot_of(callback.queue, callback.booked_us)
            self.booked[slot] -= 1
            if not self.booked[slot]:
                del self.booked[slot]

    def grant(self, leg: Leg, orders: list[Action], *, message: str = "") -> None:
        """Let a customer who waits in a QUEUED leg hang up, and keep his place.

        From now on the leg leaves its queue for no other reason, and counts for no limit.
        """
        floor = self._floor
        self.begin(floor.contacts[leg.contact_id], Callback(leg.klass.queue.name))
        floor.matcher.remove(leg)
        leg.expires_us = leg.overflows_us = leg.treats_us = 0
        leg.stays, leg.limits = True, ()
        floor.matcher.wait(leg)
        orders.append(GrantCallback(leg.leg_id, leg.contact_id, message))

    def divert(self, leg: Leg, message: str, now_us: int, orders: list[Action]) -> None:
        """Let a leg that is QUEUED overflow into a callback; whom we call already we call once."""
        floor = self._floor
        customer = floor.contacts[leg.contact_id].arrival.customer
        if (leg.klass.queue.name, customer) in self.of_customer:
            floor.give_up(leg, LEG_TABLE[leg.state][LegSignal.OVERFLOWED], now_us, orders)
        else:
            self.grant(leg, orders, message=message)

    def schedule(self, leg: Leg, callback: Callback) -> None:
        """Let a new leg wait for the instant that was agreed."""
        contact = Contact(leg.asked, Presence.CALL_BACK, (leg.leg_id,))
        self._floor.contacts[leg.contact_id] = contact
        self.begin(contact, callback)
        leg.state, leg.stays = LegState.SCHEDULED, True
        if self._floor.wait_times is not None:  # As after a restart, which knows all legs' classes.
            self._floor.wait_times.know(leg.klass)
        self.wait_until(leg, callback.booked_us)

    def dial_us(self, leg: Leg) -> int:
        """Return for how long the customer of an accepted leg may be dialled; 0: he is there."""
        callback = self._floor.contacts[leg.contact_id].callback
        return 0 if callback is None else self._rule(callback.queue).dial_us

    def miss(self, leg: Leg, offer: Offer, now_us: int, orders: list[Action]) -> None:
        """End an attempt to reach a customer for an agent who accepted; then try again, or end."""
        floor = self._floor
        contact = floor.contacts[leg.contact_id]
        assert contact.callback is not None
        attempts = contact.callback.attempts + 1
        rule = self._rule(contact.callback.queue)
        if attempts >= rule.attempts:
            floor.give_up(leg, LEG_TABLE[leg.state][LegSignal.FAILED], now_us, orders)
            return
        contact.callback = replace(contact.callback, attempts=attempts)
        leg.offer_id = 0
        due_us = now_us + rule.retry_us
        agent = floor.agents[offer.agent]
        orders.append(WithdrawOffer(offer.offer_id, agent.agent_id, OfferOutcome.CANCELED))
        orders.append(PostponeCallback(leg.leg_id, leg.contact_id, due_us, attempts))
        leg.state = LEG_TABLE[leg.state][LegSignal.POSTPONED]
        self.wait_until(leg, due_us)
        floor.free(offer, now_us, orders)

    def fall_due(self, leg: Leg, now_us: int, orders: list[Action]) -> None:
        """Put a leg in its line, whose time has come."""
        floor = self._floor
        callback = floor.contacts[leg.contact_id].callback
        assert callback is not None
        leg.due_us = 0
        leg.state = LEG_TABLE[leg.state][LegSignal.DUE]
        orders.append(
            CallbackDue(
                leg.leg_id,
                leg.contact_id,
                leg.klass.queue.name,
                callback.attempts,
                leg.asked.customer,
            )
        )
        if leg.klass.widens:
            floor.stages.widen(leg, now_us, orders)
        if floor.affinity.keeps and not callback.attempts:
            floor.affinity.begin(leg, leg.asked, now_us)
        floor.matcher.wait(leg)

    def overtaken_by(self, arrival: ContactArrived, queue: QueueName, now_us: int) -> Leg | None:
        """Return the leg that waits in line to call somebody back who calls a queue himself now.

        One that is agreed for later stays as it is.
        """
        if arrival.channel is not Channel.VOICE:
            return None
        contact_id = self.of_customer.get((queue, arrival.customer))
        if contact_id is None:
            return None
        legs = [self._floor.legs[number] for number in self._floor.contacts[contact_id].legs]
        leg = next(one for one in legs if one.state is not LegState.WRAPPING)
        return leg if leg.arrived_us <= now_us else None

    def wait_until(self, leg: Leg, due_us: int) -> None:
        """Let a SCHEDULED leg wait for an instant."""
        leg.due_us = due_us
        self._floor.timers.add(due_us, Timer.CALLBACK, leg.leg_id)

    def _rule(self, queue: QueueName) -> CallbackSettings:
        """Return how a queue calls back; as usual where today's settings do not say."""
        return self.rules.get(queue, _USUAL)


_USUAL: Final = CallbackSettings()

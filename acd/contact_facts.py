"""Facts about contacts: they arrive, and their customers leave.

The router tells each to its handler here; `acd.floor` makes the moves.
"""

from collections.abc import Mapping

from acd import events as ev
from acd.acknowledgement import acknowledge
from acd.actions import Action, EnterQueue, RegainPlace
from acd.classes import RefusalError, check_priority, is_text
from acd.conditions import number_of
from acd.contacts import LEG_TABLE, Leg, LegSignal, LegState, Presence
from acd.entry import EntryRules, resolved
from acd.floor import Floor, Handler
from acd.ids import STEP_US_MAX, TIME_US_MAX, ContactId, DomainName, QueueName, Reason
from acd.queues import LegClass
from acd.settings import DomainSettings, Urgency
from acd.transfers import part


class ContactFacts:
    """The handlers of facts about contacts.

    Args:
        settings: The domain's.
        floor: Where the contacts are.
    """

    def __init__(self, settings: DomainSettings, floor: Floor) -> None:
        self._floor = floor
        self._objectives = settings.urgency is Urgency.WAIT_OVER_OBJECTIVE
        self._rules = EntryRules(settings, floor.stages.classes, self._since)
        self.recorded: Mapping[int, EnterQueue] | None = None
        """While a journal is applied: what entry rules decided then, by leg."""
        self.regained: Mapping[int, RegainPlace] = {}
        """While a journal is applied: who regained his place then, by leg."""
        self._declared = frozenset(settings.contact_attributes)
        self._numbers = frozenset(settings.contact_numbers)
        self.handlers: Mapping[type, Handler] = {
            ev.ContactArrived: self._contact_arrived,
            ev.ContactLeft: self.leave,
        }

    def _contact_arrived(self, event: ev.ContactArrived, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        contact_id = event.contact_id
        self.check_new(contact_id)
        self._check(event)
        order = None
        if not event.queue:
            order = self._entry_of(event, floor.legs_given + 1, now_us)
            event = resolved(event, order)
        klass = floor.stages.classes.of(event)
        if order is not None:
            orders.append(order)
        arrived_us, called_back = now_us, None
        if floor.callbacks.of_customer:
            called_back = floor.callbacks.overtaken_by(event, event.queue, now_us)
        if floor.places.kept or self.regained or called_back is not None:
            arrived_us = self._place_of(event, called_back, now_us, orders)
        if arrived_us != now_us:
            orders.append(RegainPlace(floor.legs_given + 1, contact_id, arrived_us))
        floor.enter(event, klass, now_us, orders, arrived_us, promised=called_back is not None)
        # Who came too late for an answer is told nothing of one.
        if klass.channel_settings.acknowledge and contact_id in floor.contacts:
            orders.append(acknowledge(event, klass, arrived_us, now_us))

    def check_new(self, contact_id: ContactId) -> None:
        """Refuse a contact that is here already, or promised to come.

        Raises:
            RefusalError: So it is.
        """
        floor = self._floor
        is_promised = floor.hand_overs.promised and floor.hand_overs.expects(contact_id)
        if contact_id in floor.contacts or is_promised:
            raise RefusalError(Reason.CONTACT_EXISTS, contact_id)

    def check(self, arrival: ev.ContactArrived) -> LegClass:
        """Return the class of a contact that comes from another domain, or at an agreed time.

        Raises:
            RefusalError: It would be refused if it arrived.
        """
        self._check(arrival)
        return self._floor.stages.classes.of(arrival)

    def take_in(
        self,
        arrival: ev.ContactArrived,
        arrived_us: int,
        path: tuple[DomainName, ...],
        now_us: int,
        orders: list[Action],
    ) -> None:
        """Let a contact wait that was checked and comes from another domain, in its place."""
        floor = self._floor
        klass = floor.stages.classes.of(arrival, refuses=False)
        if arrived_us != now_us:
            orders.append(RegainPlace(floor.legs_given + 1, arrival.contact_id, arrived_us))
        floor.enter(arrival, klass, now_us, orders, arrived_us, path=path)

    def _check(self, event: ev.ContactArrived) -> None:
        """Refuse an arrival for what it says of itself."""
        contact_id = event.contact_id
        if not contact_id or not is_text(contact_id):
            raise RefusalError(Reason.BAD_TEXT, "contact_id")
        if event.customer and not is_text(event.customer):
            raise RefusalError(Reason.BAD_TEXT, "customer")
        if event.attributes:
            self._check_attributes(event.attributes)
        if event.priority is not None:
            check_priority(event.priority)
        # A promise would be an objective of its own, and the order of its class change with time.
        if event.promised_us is not None and (
            self._objectives or not 0 <= event.promised_us < TIME_US_MAX
        ):
            raise RefusalError(Reason.BAD_NUMBER, "promised_us")
        if event.named_agent and event.named_agent not in self._floor.by_id:
            raise RefusalError(Reason.UNKNOWN_AGENT, event.named_agent)
        if event.expires_us is not None and not 0 < event.expires_us < STEP_US_MAX:
            raise RefusalError(Reason.BAD_NUMBER, "expires_us")

    def _place_of(
        self, event: ev.ContactArrived, called_back: Leg | None, now_us: int, orders: list[Action]
    ) -> int:
        """Return from when a customer waits: his place is kept, or as was recorded, or now.

        Who calls while he waits to be called back takes the place of that leg.
        """
        floor = self._floor
        arrived_us = self._since(event, event.queue, now_us)
        floor.places.take(event)
        if called_back is not None:
            floor.give_up(called_back, LegState.CANCELED, now_us, orders)
        if self.recorded is not None:
            order = self.regained.get(floor.legs_given + 1)
            arrived_us = now_us if order is None else order.arrived_us
        return arrived_us

    def _since(self, event: ev.ContactArrived, queue: QueueName, now_us: int) -> int:
        """Return from when a customer waits who comes to a queue now, if he has a place there."""
        since_us = self._floor.places.since(event, queue, now_us)
        waiting = self._floor.callbacks.overtaken_by(event, queue, now_us)
        return since_us if waiting is None else min(since_us, waiting.arrived_us)

    def _entry_of(self, event: ev.ContactArrived, number: int, now_us: int) -> EnterQueue:
        """Return where a contact without a queue waits: by the rules, or as was recorded."""
        if self.recorded is None:
            return self._rules.decide(event, number, now_us)
        order = self.recorded.get(number)
        if order is None or order.contact_id != event.contact_id:
            raise RefusalError(Reason.NO_QUEUE, event.contact_id)
        return order

    def _check_attributes(self, attributes: tuple[tuple[str, str], ...]) -> None:
        if len(attributes) > len(self._declared):
            raise RefusalError(Reason.TOO_LONG, "attributes")
        for name, value in attributes:
            if name not in self._declared:
                raise RefusalError(Reason.UNKNOWN_ATTRIBUTE, name)
            if not is_text(value):
                raise RefusalError(Reason.BAD_TEXT, name)
            if name in self._numbers and value and number_of(value) is None:
                raise RefusalError(Reason.BAD_NUMBER, name)

    def leave(self, event: ev.ContactLeft, now_us: int, orders: list[Action]) -> None:
        """Apply that a customer is gone; of a contact that is still to come it is kept in mind."""
        floor = self._floor
        contact = floor.contacts.get(event.contact_id)
        if contact is None:
            promised = floor.hand_overs.expects(event.contact_id)
            if promised is not None:
                promised.is_gone = True
                return
            raise RefusalError(Reason.UNKNOWN_CONTACT, event.contact_id)
        if contact.presence is Presence.CALL_BACK:
            return  # He hung up to be called back.
        # Whoever talked is not out of patience, though a further leg of his still waits.
        talked = contact.presence is Presence.TALKING
        contact.presence = Presence.GONE
        # Those that wait first: the contact's outcome is that of the leg that closes last.
        for leg in sorted((floor.legs[number] for number in contact.legs), key=_state_of):
            after = LEG_TABLE[leg.state][LegSignal.LEFT]
            if after == LegState.ABANDONED:
                if not talked:
                    floor.places.keep(contact.arrival, leg.arrived_us, now_us)
                    if floor.wait_times is not None:
                        floor.wait_times.habits.note_left(leg, now_us)
                floor.give_up(leg, LegState.CANCELED if talked else after, now_us, orders)
            elif after == LegState.WRAPPING:
                if leg.consults:
                    part(floor, leg, now_us, orders)
                else:
                    leg.state = after
                    floor.wrap(leg, now_us, orders)


def _state_of(leg: Leg) -> int:
    return leg.state

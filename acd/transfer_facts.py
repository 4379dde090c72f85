"""Facts about contacts that agents give further: transfers, requeues and consultations.

Each opens a further leg, which waits in a queue as any. While one leg of a contact waits no other
is opened, so nobody is asked for twice. See docs/routing/transfers.md.

Source: the services of CSTA phase III (ECMA-269: single step transfer, consultation, transfer,
conference, reconnect) and their counterparts in the products that the page names.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec.structs import replace

from acd import events as ev
from acd.actions import Action
from acd.classes import RefusalError, check_priority
from acd.contacts import TALKING, Leg, LegState, is_handled
from acd.events import ContactArrived
from acd.floor import Floor, Handler
from acd.ids import ConsultEnd, Reason
from acd.offer_facts import leg_of
from acd.queues import LegClass
from acd.transfers import consultation_of, go_back, join, open_leg, part

LEGS_MAX: Final = 8
"""Most open legs of a contact: a conference of four, and as many agents who still wrap up. A phone
that transfers all by itself would otherwise make every decision about its contact slower."""

_Target: TypeAlias = ev.LegTransferred | ev.ConsultRequested


class TransferFacts:
    """The handlers of facts about contacts that go further.

    Args:
        floor: Where they are.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.handlers: Mapping[type, Handler] = {
            ev.LegTransferred: self._leg_transferred,
            ev.LegRequeued: self._leg_requeued,
            ev.ConsultRequested: self._consult_requested,
            ev.ConsultEnded: self._consult_ended,
        }

    def _leg_transferred(self, event: ev.LegTransferred, now_us: int, orders: list[Action]) -> None:
        leg = self._giver(event.offer_id)
        if leg is not None:
            asked, klass = self._target(leg, event)
            arrived_us = leg.arrived_us if event.keep_place else now_us
            open_leg(self._floor, asked, klass, now_us, orders, giver=leg, arrived_us=arrived_us)
            part(self._floor, leg, now_us, orders)

    def _leg_requeued(self, event: ev.LegRequeued, now_us: int, orders: list[Action]) -> None:
        leg = self._giver(event.offer_id)
        if leg is not None:
            go_back(self._floor, leg, now_us, orders, refuses=True)
            part(self._floor, leg, now_us, orders)

    def _consult_requested(
        self, event: ev.ConsultRequested, now_us: int, orders: list[Action]
    ) -> None:
        leg = self._giver(event.offer_id)
        if leg is not None:
            asked, klass = self._target(leg, event)
            open_leg(
                self._floor,
                asked,
                klass,
                now_us,
                orders,
                giver=leg,
                arrived_us=now_us,
                consults=True,
            )
            self._turn(leg, LegState.HELD)

    def _consult_ended(self, event: ev.ConsultEnded, now_us: int, orders: list[Action]) -> None:
        leg = self._talking(event.offer_id)
        if leg is None:
            return
        other = consultation_of(self._floor, leg)
        how = event.how
        if other is None or (how is ConsultEnd.CONFERENCE and other.state not in TALKING):
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(event.offer_id))
        if how is ConsultEnd.TRANSFER:
            join(other, orders)
            part(self._floor, leg, now_us, orders)
            return
        if how is ConsultEnd.CONFERENCE:
            join(other, orders)
        elif other.state in TALKING:
            part(self._floor, other, now_us, orders)
        else:
            self._floor.give_up(other, LegState.CANCELED, now_us, orders)
        self._turn(leg, LegState.CONNECTED)

    def _turn(self, leg: Leg, after: LegState) -> None:
        """Put a customer on hold, or take him off it, for his agent."""
        leg.state = after
        self._floor.settle_slot(leg)

    def _talking(self, number: int) -> Leg | None:
        """Return the leg that an agent has by an offer; None where that ended already."""
        leg = leg_of(self._floor, number)
        if leg is not None and leg.state not in TALKING:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(number))
        return leg

    def _giver(self, number: int) -> Leg | None:
        """Return the leg of an agent who may open a further one; None as `_talking`."""
        leg = self._talking(number)
        if leg is None:
            return None
        contact = self._floor.contacts[leg.contact_id]
        others = [self._floor.legs[other] for other in contact.legs]
        is_asking = any(one.consults == leg.leg_id for one in others)
        if leg.consults or is_asking or not all(is_handled(one) for one in others):
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(number))
        if len(others) >= LEGS_MAX:
            raise RefusalError(Reason.TOO_MANY_LEGS, leg.contact_id)
        return leg

    def _target(self, leg: Leg, event: _Target) -> tuple[ContactArrived, LegClass]:
        """Return what a further leg asks for, and its class.

        Raises:
            RefusalError: It cannot wait there, or not for him.
        """
        if not event.queue and not event.agent_id:
            raise RefusalError(Reason.NO_QUEUE, leg.contact_id)
        if event.priority is not None:
            check_priority(event.priority)
        asked = replace(
            leg.asked,
            queue=event.queue or leg.asked.queue,
            requirement=event.requirement,
            priority=event.priority,
            promised_us=None,
            named_agent=event.agent_id,
        )
        klass = self._floor.stages.classes.of(asked)
        if event.agent_id:
            self._check_agent(leg, event.agent_id, klass)
        return asked, klass

    def _check_agent(self, leg: Leg, agent_id: str, klass: LegClass) -> None:
        """Refuse an agent who cannot have a further leg of a contact."""
        floor = self._floor
        agent = floor.by_id.get(agent_id)
        if agent is None:
            raise RefusalError(Reason.UNKNOWN_AGENT, agent_id)
        for number in floor.contacts[leg.contact_id].legs:
            other = floor.legs[number]
            if other.state in TALKING and floor.offers[other.offer_id].agent == agent.index:
                is_self = other is leg
                reason = Reason.TRANSFER_TO_ONESELF if is_self else Reason.NOT_IN_THIS_STATE
                raise RefusalError(reason, agent_id)
        if (klass.queue.name, klass.channel_index) not in agent.kind.desk.serves:
            raise RefusalError(Reason.NOT_SERVED, agent_id)

"""Names: what a call, a phone and an offer of the switch are in the core. Pure."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from acd import events as ev
from acd.contacts import Leg, Offer
from acd.daemon.customers import NOBODY, Customers
from acd.daemon.directory import Known
from acd.daemon.ids import CommandIds
from acd.daemon.settings import SwitchSettings
from acd.ids import ID_MAX, AgentId, Channel, ContactId, OfferId, plain
from acd.router import Router
from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand

VOICE: Final = Channel.VOICE


@plain
class LinkState(StrEnum):
    """Where the link to the switch is."""

    CONNECTING = "connecting"
    """The daemon has just started; offers in flight stay as they are until the first snapshot."""
    RESYNCING = "resyncing"
    UP = "up"
    DOWN = "down"
    REPLACED = "replaced"
    """Another daemon took our place: nothing may be ordered any more."""


class Reaction(Struct, frozen=True):
    """What an event leads to, in this order.

    Commands may follow from what the router knows and the disk does not yet: they leave when all
    that was stepped is on the disk, and `then` when the facts are, too.
    """

    first: tuple[AnyCommand, ...] = ()
    facts: tuple[ev.SingleEvent, ...] = ()
    """Of one instant: one batch, or alone if there is one."""
    then: tuple[AnyCommand, ...] = ()


class Site:
    """The switch's names in the core, and the core's at the switch.

    Args:
        router: Returns the present router: a change of settings puts another in its place.
        settings: The switch's.
        ids: Of the journal's commands.
        customers: Knows callers by their numbers; None knows nobody.
    """

    def __init__(
        self,
        router: Callable[[], Router],
        settings: SwitchSettings,
        ids: CommandIds,
        customers: Customers | None = None,
    ) -> None:
        self._router = router
        self.settings = settings
        self.ids = ids
        self._customers = customers
        self._prefix = f"{settings.name}:"
        self._known: Router | None = None
        self._agents: dict[str, AgentId] = {}
        self._asked = 0
        self._bound: dict[str, ContactId] = {}
        """By call: whose it is though its id does not say so, since we dialled it."""
        self._calls: dict[ContactId, str] = {}

    @property
    def router(self) -> Router:
        """The present router."""
        return self._router()

    def contact_of(self, call_id: str) -> ContactId | None:
        """Return a call's contact id; None if the call's id is too long or odd for one."""
        if call_id in self._bound:
            return self._bound[call_id]
        contact_id = self._prefix + call_id
        return contact_id if len(contact_id) <= ID_MAX and call_id.isprintable() else None

    def caller(self, ani: str) -> Known:
        """Return what is known of whoever calls from a number."""
        return NOBODY if self._customers is None else self._customers.of(ani)

    def call_of(self, contact_id: ContactId) -> str | None:
        """Return the call of a contact; None if the contact is not of this switch."""
        if contact_id in self._calls:
            return self._calls[contact_id]
        call_id = contact_id.removeprefix(self._prefix)
        return call_id if call_id != contact_id else None

    def bind(self, contact_id: ContactId, call_id: str) -> None:
        """Take note that a call which we dialled is a contact's."""
        self._bound[call_id] = contact_id
        self._calls[contact_id] = call_id

    def bound_call(self, contact_id: ContactId) -> str | None:
        """Return the call by which we reached a contact's customer, if it is there."""
        return self._calls.get(contact_id)

    def unbind(self, call_id: str) -> ContactId | None:
        """Take note that a call is over; return whose it was, if we dialled it."""
        contact_id = self._bound.pop(call_id, None)
        if contact_id is not None:
            del self._calls[contact_id]
        return contact_id

    def unbind_all(self) -> None:
        """Take note that no call is left."""
        self._bound.clear()
        self._calls.clear()

    def device_of(self, agent_id: AgentId) -> str:
        """Return an agent's phone."""
        return self.settings.device_of(agent_id)

    def agent_at(self, device: str) -> AgentId | None:
        """Return whose phone a device is."""
        router = self.router
        if self._known is not router:
            self._known = router
            self._agents = {self.device_of(one.agent_id): one.agent_id for one in router.agents}
        return self._agents.get(device)

    def offer_of(self, call_id: str, command_id: str) -> tuple[Offer, Leg] | None:
        """Return the open offer of a call that a command id names, with its leg."""
        number = self.ids.offer_of(command_id)
        offer = None if number is None else self.router.offers.get(number)
        if offer is None:
            return None
        leg = self.router.legs[offer.leg_id]
        return (offer, leg) if leg.contact_id == self.contact_of(call_id) else None

    def select(
        self, offer: Offer, leg: Leg, now_us: int, *, alone: bool = False
    ) -> sw.RouteSelect | cc.ConsultationCall | None:
        """Return the command that holds out an offer from now on; None if it is too late.

        Args:
            offer: The offer.
            leg: Its leg.
            now_us: When.
            alone: The customer is with nobody, also if an agent was asking for him.
        """
        call_id = self.call_of(leg.contact_id)
        ring_us = offer.until_us - now_us
        if call_id is None or ring_us <= 0:
            return None
        asking = None
        if leg.consults and not alone:
            number = self.router.legs[leg.consults].offer_id
            asking = (number, self.agent_of(self.router.offers[number]))
        return self.ring(
            call_id,
            offer.offer_id,
            self.agent_of(offer),
            ring_us=ring_us,
            auto_answer=leg.klass.channel_settings.auto_answer,
            asking=asking,
        )

    def ring(
        self,
        call_id: str,
        offer_id: OfferId,
        agent_id: AgentId,
        *,
        ring_us: int,
        auto_answer: bool,
        asking: tuple[OfferId, AgentId] | None,
    ) -> sw.RouteSelect | cc.ConsultationCall:
        """Return the command that lets an agent's phone ring for an offer.

        Args:
            call_id: The call.
            offer_id: Whose name the connection has.
            agent_id: Whose phone rings.
            ring_us: How long.
            auto_answer: The phone is to answer by itself.
            asking: The offer and the agent who consults this one; None if the customer waits.
        """
        command_id, device = self.ids.offer(offer_id), self.device_of(agent_id)
        if asking is None:
            return sw.RouteSelect(
                command_id=command_id,
                call_id=call_id,
                device=device,
                ring_us=ring_us,
                auto_answer=auto_answer,
            )
        by_offer, by_agent = asking
        return cc.ConsultationCall(
            command_id=command_id,
            call_id=call_id,
            device=self.device_of(by_agent),
            offer=self.ids.offer(by_offer),
            to=device,
            ring_us=ring_us,
            auto_answer=auto_answer,
        )

    def agent_of(self, offer: Offer) -> AgentId:
        """Return whom an open offer is held out to."""
        return self.router.agents[offer.agent].agent_id

    def next_id(self) -> str:
        """Return the id of a command that no entry of the journal asked for: a look, a repair."""
        self._asked += 1
        return f"{self.ids.prefix}v{self._asked}"

    def is_own_look(self, command_id: str) -> bool:
        """Return whether `next_id` made an id."""
        return command_id.startswith(f"{self.ids.prefix}v")

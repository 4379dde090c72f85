"""What the switch says there is, against what the router knows: facts to tell, repairs to order.

Each call is compared by itself, and whatever is found can be told and ordered twice without harm:

| in the core | at the switch | then |
|---|---|---|
| – | waits | it arrives; without a queue for its number, and entry rules, the switch has it back |
| – | waits, and was served | the customer is let go: that order was lost |
| – | talks | they are let talk |
| contact | no call | the switch is asked again about this one; then the contact left |
| waits | rings or talks for an offer that ended | the offer is canceled: the customer waits on |
| offered | rings | nothing |
| offered | talks | they are connected; at whomever else it rings it stops |
| offered | does not ring | it is offered again, under the same id, for the time that is left |
| connected | talks | nothing; hold follows the switch |
| connected | does not talk | the leg ended |
| in wrap-up, the contact goes on | talks | his connection is cleared |
| asks somebody | the customer is not on hold | he is put on hold |
| asks somebody | all three talk | the consultation ended in a conference |
| talks | the customer is on hold | he is taken off, if it was our order; else hold follows |
| released | waits or talks | the customer is let go |
"""

import re
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from acd import events as ev
from acd.agents import SlotState
from acd.contacts import TALKING, Contact, Leg, LegState, Presence
from acd.daemon.settings import ANI_PREFIX, CAMPAIGN, DNIS
from acd.daemon.switch_site import VOICE, Site
from acd.ids import ConsultEnd, ContactId, LegId, OfferId
from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.words import ConnectionState, EventCause

_NUMBER: Final = re.compile(r"(\+?)([0-9]+)")
_HIDDEN: Final = 4
"""Digits at the end of a caller's number that are never handed on."""


_NOT_THERE: Final = (Presence.GONE, Presence.CALL_BACK)
"""Where customers are of whom no call need be at the switch."""


class Plan:
    """What is to be done, in this order: `first`, the facts in one batch, `then`."""

    __slots__ = ("_arrivals", "_facts", "first", "then")

    def __init__(self) -> None:
        self.first: list[AnyCommand] = []
        """Orphaned offers are canceled before anything is offered."""
        self.then: list[AnyCommand] = []
        self._facts: list[ev.SingleEvent] = []
        self._arrivals: list[tuple[int, ev.ContactArrived]] = []

    def tell(self, *facts: ev.SingleEvent) -> None:
        """Add facts."""
        self._facts += facts

    def arrive(self, queued_us: int, arrival: ev.ContactArrived) -> None:
        """Add an arrival; who came to the switch first arrives first, after all other facts."""
        self._arrivals.append((queued_us, arrival))

    def facts(self) -> tuple[ev.SingleEvent, ...]:
        """Return the facts in their order."""
        self._arrivals.sort(key=lambda arrival: arrival[0])
        return (*self._facts, *(arrival for _, arrival in self._arrivals))

    def is_empty(self) -> bool:
        """Return whether core and switch agree."""
        return not (self.first or self.then or self._facts or self._arrivals)


def arrival(site: Site, call: sw.Call) -> ev.ContactArrived | None:
    """Return a call's arrival; None if it is not for us: an unknown number, an impossible id.

    No number is unknown where the domain has entry rules. Of the caller's own number only its
    beginning is handed on, and the token of whom it is.
    """
    domain = site.router.settings
    queue = site.settings.routes.get(call.dnis, "")
    contact_id = site.contact_of(call.call_id)
    is_ours = site.ids.is_further(call.call_id, "d")  # A customer whom we called, not he us.
    if contact_id is None or is_ours or not (queue or domain.entry):
        return None
    prefix = ani_prefix(call.ani, site.settings.ani_prefix_digits)
    campaign = site.settings.campaigns.get(call.dnis, "")
    attributes = tuple(
        (name, value)
        for name, value in ((DNIS, call.dnis), (ANI_PREFIX, prefix), (CAMPAIGN, campaign))
        if value and name in domain.contact_attributes
    )
    caller = site.caller(call.ani)
    return ev.ContactArrived(
        contact_id=contact_id,
        queue=queue,
        channel=VOICE,
        customer=caller.customer,
        attributes=caller.attributed(attributes),
        named_agent=caller.named_agent,
    )


def ani_prefix(ani: str, digits: int) -> str:
    """Return the beginning of a caller's number, with its `+`; empty if it is too short, or none.

    The last four digits, of which a subscriber's number consists at least, are never in it: so it
    is never a whole number, also where that is short.

    >>> ani_prefix("+4930123456", 4), ani_prefix("0301234", 4), ani_prefix("101", 4)
    ('+4930', '030', '')
    """
    match = _NUMBER.fullmatch(ani)
    if match is None:
        return ""
    sign, number = match.groups()
    kept = number[: min(digits, len(number) - _HIDDEN)] if len(number) > _HIDDEN else ""
    return f"{sign}{kept}" if kept else ""


def compare_call(
    site: Site, call: sw.Call, plan: Plan, *, closed: Collection[ContactId], now_us: int
) -> None:
    """Compare a call at the switch with its contact.

    Args:
        site: Names and the router.
        call: As the switch says.
        plan: Gets what is found.
        closed: Contacts that were closed lately: an id is never used twice.
        now_us: When.
    """
    contact_id = site.contact_of(call.call_id)
    contact = None if contact_id is None else site.router.contacts.get(contact_id)
    if contact is None:
        _compare_stranger(site, call, plan, closed=closed)
        return
    if contact.presence is Presence.GONE:
        plan.then.append(sw.ClearCall(command_id=site.next_id(), call_id=call.call_id))
        return
    held_out = _offers_of(site, contact)
    found: _Found = {}
    for connection in call.connections:
        number = site.ids.offer_of(connection.offer)
        leg = None if number is None else held_out.pop(number, None)
        if number is None or leg is None:
            _cancel(site, call, connection, plan)
        elif connection.state is not ConnectionState.ALERTING:
            found[leg.leg_id] = number, leg, connection
    asked = {leg.consults: leg.leg_id for leg in _legs_of(site, contact) if leg.consults}
    _Together(site, call.call_id, found, asked, plan).compare()
    for number, leg in held_out.items():
        if leg.state is LegState.OFFERED or leg.state is LegState.CONNECTING:
            alone = leg.consults not in found
            again = site.select(site.router.offers[number], leg, now_us, alone=alone)
            # Where another agent talks, the facts just told end this offer.
            if again is not None and leg.leg_id not in found:
                plan.then.append(again)
        elif leg.state is not LegState.WRAPPING:
            plan.tell(ev.LegEnded(offer_id=number))


def compare_absence(site: Site, call_id: str, plan: Plan) -> None:
    """Compare the switch's word that a call is not there: the contact left, if it is there."""
    contact_id = site.contact_of(call_id)
    contact = None if contact_id is None else site.router.contacts.get(contact_id)
    if contact_id is not None and contact is not None and contact.presence not in _NOT_THERE:
        plan.tell(ev.ContactLeft(contact_id=contact_id))


def missing_calls(site: Site, calls: Container[str], contacts: Iterable[ContactId]) -> list[str]:
    """Return the calls of contacts that are open and not among the calls at the switch."""
    known = site.router.contacts
    found = []
    for contact_id in contacts:
        call_id = site.call_of(contact_id)
        if call_id is not None and call_id not in calls:
            contact = known.get(contact_id)
            if contact is not None and contact.presence not in _NOT_THERE:
                found.append(call_id)
    return found


_Found: TypeAlias = dict[LegId, tuple[OfferId, Leg, sw.Connection]]
"""The legs of a contact whose connections were found, and do not only ring, by the leg's number."""


def _legs_of(site: Site, contact: Contact) -> list[Leg]:
    return [site.router.legs[number] for number in contact.legs]


def _offers_of(site: Site, contact: Contact) -> dict[int, Leg]:
    """Return a contact's legs that are held by offers, by the offers' numbers."""
    legs = _legs_of(site, contact)
    return {number: leg for leg in legs for number in leg.offers()}


def _compare_stranger(
    site: Site, call: sw.Call, plan: Plan, *, closed: Collection[ContactId]
) -> None:
    """Compare a call of which the core knows nothing."""
    talks = False
    for connection in call.connections:
        if connection.state is ConnectionState.ALERTING:
            _cancel(site, call, connection, plan)
        else:
            talks = True
    if talks:
        return  # Whoever talks is let talk; when they are done, the call is found served.
    if call.served:
        plan.then.append(sw.ClearCall(command_id=site.next_id(), call_id=call.call_id))
        return
    contact = arrival(site, call)
    if contact is None or contact.contact_id in closed:
        cause = EventCause.DEST_NOT_OBTAINABLE
        plan.then.append(sw.RouteEnd(command_id=site.next_id(), call_id=call.call_id, cause=cause))
    else:
        plan.arrive(call.queued_us, contact)


class _Together(NamedTuple):
    """Who is together in one call, at the switch and in the core."""

    site: Site
    call_id: str
    found: _Found
    asked: Mapping[LegId, LegId]
    """By the leg of the agent who asks: the leg of whom he asks."""
    plan: Plan

    def compare(self) -> None:
        """Compare each agent's leg with his connection, and see whether a conference is one."""
        for number, leg, connection in self.found.values():
            if leg.state is LegState.WRAPPING:
                self.plan.first.append(self._order(sw.ClearConnection, connection))
            elif leg.state not in TALKING:
                self.plan.tell(ev.LegConnected(offer_id=number))
        for number, leg, connection in self.found.values():
            if leg.state is LegState.WRAPPING:
                continue
            if connection.state is ConnectionState.HOLD:
                self._compare_held(number, leg, connection)
            else:
                self._compare_talking(number, leg, connection)
        self._compare_conference()

    def _compare_held(self, number: OfferId, leg: Leg, connection: sw.Connection) -> None:
        if leg.state is LegState.HELD:
            return
        self.plan.tell(ev.LegHeld(offer_id=number))
        is_over = leg.state is LegState.CONNECTED and leg.leg_id not in self.asked
        offer = self.site.router.offers[number]
        if is_over and offer.slot != SlotState.INTERRUPTED:
            # A hold by our order should be over; the switch refuses this where it is the agent's.
            self.plan.then.append(self._order(sw.Retrieve, connection))

    def _compare_talking(self, number: OfferId, leg: Leg, connection: sw.Connection) -> None:
        asked = self.asked.get(leg.leg_id, 0)
        if asked in self.found:
            # The customer is with him, and so is whom he asks.
            self.plan.tell(ev.ConsultEnded(offer_id=number, how=ConsultEnd.CONFERENCE))
        elif leg.state is LegState.HELD and asked:
            self.plan.then.append(self._order(sw.Hold, connection))
        elif leg.state is LegState.HELD:
            self.plan.tell(ev.LegRetrieved(offer_id=number))

    def _compare_conference(self) -> None:
        """Order once more the conference of those who should talk, while one is on hold.

        The switch refuses this where they are in one, of which an agent holds his part.
        """
        parts = [
            (leg, connection)
            for _, leg, connection in self.found.values()
            if leg.state in TALKING and not leg.consults and leg.leg_id not in self.asked
        ]
        is_held = any(
            leg.state is LegState.CONNECTED and connection.state is ConnectionState.HOLD
            for leg, connection in parts
        )
        if is_held and len(parts) > 1:
            self.plan.then += [
                cc.ConferenceCall(
                    command_id=self.site.next_id(),
                    call_id=self.call_id,
                    consultation=connection.offer,
                )
                for _, connection in parts
                if connection.state is ConnectionState.CONNECTED
            ]

    def _order(
        self, kind: type[sw.Hold | sw.Retrieve | sw.ClearConnection], connection: sw.Connection
    ) -> AnyCommand:
        return kind(
            command_id=self.site.next_id(),
            call_id=self.call_id,
            device=connection.device,
            offer=connection.offer,
        )


def _cancel(site: Site, call: sw.Call, connection: sw.Connection, plan: Plan) -> None:
    if connection.offer:
        plan.first.append(
            sw.RouteCancel(command_id=site.next_id(), call_id=call.call_id, offer=connection.offer)
        )

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
| released | waits or talks | the customer is let go |
"""

import re
from collections.abc import Collection, Container, Iterable
from typing import Final

from acd import events as ev
from acd.contacts import Contact, Leg, LegState, Presence
from acd.daemon.settings import ANI_PREFIX, DNIS
from acd.daemon.switch_site import VOICE, Site
from acd.ids import ContactId
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import ConnectionState, EventCause

_NUMBER: Final = re.compile(r"(\+?)([0-9]+)")
_HIDDEN: Final = 4
"""Digits at the end of a caller's number that are never handed on."""


class Plan:
    """What is to be done, in this order: `first`, the facts in one batch, `then`."""

    __slots__ = ("_arrivals", "_facts", "first", "then")

    def __init__(self) -> None:
        self.first: list[sw.Command] = []
        """Orphaned offers are canceled before anything is offered."""
        self.then: list[sw.Command] = []
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
    beginning is handed on.
    """
    domain = site.router.settings
    queue = site.settings.routes.get(call.dnis, "")
    contact_id = site.contact_of(call.call_id)
    if contact_id is None or not (queue or domain.entry):
        return None
    prefix = ani_prefix(call.ani, site.settings.ani_prefix_digits)
    attributes = tuple(
        (name, value)
        for name, value in ((DNIS, call.dnis), (ANI_PREFIX, prefix))
        if value and name in domain.contact_attributes
    )
    return ev.ContactArrived(
        contact_id=contact_id, queue=queue, channel=VOICE, attributes=attributes
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
    taken: set[int] = set()
    for connection in call.connections:
        number = site.ids.offer_of(connection.offer)
        leg = None if number is None else held_out.pop(number, None)
        if number is None or leg is None:
            _cancel(site, call, connection, plan)
        else:
            _compare_connection(number, leg, connection.state, plan)
            if connection.state is not ConnectionState.ALERTING:
                taken.add(leg.leg_id)
    for number, leg in held_out.items():
        if leg.state is LegState.OFFERED or leg.state is LegState.CONNECTING:
            again = site.select(site.router.offers[number], leg, now_us)
            # Where another agent talks, the facts just told end this offer.
            if again is not None and leg.leg_id not in taken:
                plan.then.append(again)
        elif leg.state is not LegState.WRAPPING:
            plan.tell(ev.LegEnded(offer_id=number))


def compare_absence(site: Site, call_id: str, plan: Plan) -> None:
    """Compare the switch's word that a call is not there: the contact left, if it is there."""
    contact_id = site.contact_of(call_id)
    contact = None if contact_id is None else site.router.contacts.get(contact_id)
    if contact_id is not None and contact is not None and contact.presence is not Presence.GONE:
        plan.tell(ev.ContactLeft(contact_id=contact_id))


def missing_calls(site: Site, calls: Container[str], contacts: Iterable[ContactId]) -> list[str]:
    """Return the calls of contacts that are open and not among the calls at the switch."""
    known = site.router.contacts
    found = []
    for contact_id in contacts:
        call_id = site.call_of(contact_id)
        if call_id is not None and call_id not in calls:
            contact = known.get(contact_id)
            if contact is not None and contact.presence is not Presence.GONE:
                found.append(call_id)
    return found


def _offers_of(site: Site, contact: Contact) -> dict[int, Leg]:
    """Return a contact's legs that are held by offers, by the offers' numbers."""
    legs = (site.router.legs[number] for number in contact.legs)
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


def _compare_connection(number: int, leg: Leg, state: ConnectionState, plan: Plan) -> None:
    """Compare an offer's leg with its connection at the switch."""
    if state is ConnectionState.ALERTING or leg.state is LegState.WRAPPING:
        return
    if leg.state is LegState.OFFERED or leg.state is LegState.CONNECTING:
        plan.tell(ev.LegConnected(offer_id=number))
    if state is ConnectionState.HOLD and leg.state is not LegState.HELD:
        plan.tell(ev.LegHeld(offer_id=number))
    elif state is ConnectionState.CONNECTED and leg.state is LegState.HELD:
        plan.tell(ev.LegRetrieved(offer_id=number))


def _cancel(site: Site, call: sw.Call, connection: sw.Connection, plan: Plan) -> None:
    if connection.offer:
        plan.first.append(
            sw.RouteCancel(command_id=site.next_id(), call_id=call.call_id, offer=connection.offer)
        )

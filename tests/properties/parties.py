"""What must hold of contacts with several legs: docs/routing/transfers.md, stated once more.

They read the router's public state and the ledger, and know nothing of how a leg is opened or kept
from an agent.
"""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from acd.actions import CloseContact, CloseLeg, OfferContact
from acd.contacts import WHILE_PARTY_US, Leg, LegState, Presence
from acd.events import ContactLeft
from acd.ids import ContactOutcome

if TYPE_CHECKING:
    from tests.properties.world import World
else:
    World = Any

TALKING: Final = (LegState.CONNECTED, LegState.HELD, LegState.PARKED)
"""States of a leg whose agent has the contact."""


def has_part(leg: Leg) -> bool:
    """Return whether an agent has a part in a leg: he rings, connects, talks or has parked it."""
    return LegState.QUEUED < leg.state < LegState.WRAPPING or leg.state is LegState.PARKED


def waits(state: LegState) -> bool:
    """Return whether somebody is still to be connected in a leg."""
    return state < LegState.CONNECTED or state is LegState.SCHEDULED


def a_customer_is_where_his_legs_are(world: World) -> None:
    for contact in world.router.contacts.values():
        states = [world.router.legs[number].state for number in contact.legs]
        if any(state in TALKING for state in states):
            assert contact.presence is Presence.TALKING
        elif any(waits(state) for state in states):
            is_called = contact.callback is not None
            assert contact.presence is (Presence.CALL_BACK if is_called else Presence.WAITING)
        if contact.presence is Presence.GONE:
            assert set(states) == {LegState.WRAPPING}


def the_agents_who_talk_are_those_of_the_ledger(world: World) -> None:
    assert world.ledger.talking == {
        leg.offer_id
        for leg in world.router.legs.values()
        if leg.state in {*TALKING, LegState.PARKED}
    }


def nobody_has_a_part_in_two_legs_of_a_contact(world: World) -> None:
    parts = Counter(
        (leg.contact_id, world.router.offers[leg.offer_id].agent)
        for leg in world.router.legs.values()
        if has_part(leg)
    )
    assert set(parts.values()) <= {1}


def one_leg_of_a_contact_waits_at_a_time(world: World) -> None:
    for contact in world.router.contacts.values():
        states = [world.router.legs[number].state for number in contact.legs]
        assert sum(map(waits, states)) <= 1
        assert len(states) <= 8


def a_leg_that_waits_is_kept_from_those_with_a_part(world: World) -> None:
    router = world.router
    for leg in router.legs.values():
        kept = {one for one, until in (leg.excluded or {}).items() if until == WHILE_PARTY_US}
        if leg.state < LegState.CONNECTED:
            others = (router.legs[one] for one in router.contacts[leg.contact_id].legs)
            assert kept == {
                router.offers[one.offer_id].agent
                for one in others
                if has_part(one) and one is not leg
            }


def who_is_consulted_is_so_by_one_who_has_the_customer(world: World) -> None:
    asked = [leg for leg in world.router.legs.values() if leg.consults]
    assert len({leg.consults for leg in asked}) == len(asked)
    for leg in asked:
        by = world.router.legs[leg.consults]
        assert by.contact_id == leg.contact_id
        assert by.state in TALKING
        assert not by.consults
        assert leg.state < LegState.WRAPPING


def an_offer_says_who_consults(world: World) -> None:
    for action in world.actions:
        if isinstance(action, OfferContact):
            leg = world.router.legs[action.leg_id]
            by = world.router.legs[leg.consults].offer_id if leg.consults else 0
            assert action.consults == by


def who_leaves_while_he_talks_abandons_nothing(world: World) -> None:
    if isinstance(world.event, ContactLeft):
        talked = world.event.contact_id in world.ledger.talked
        wanted = ContactOutcome.CANCELED if talked else ContactOutcome.ABANDONED
        closed = (one for one in world.actions if isinstance(one, CloseLeg | CloseContact))
        his = (one for one in closed if one.contact_id == world.event.contact_id)
        assert {one.outcome for one in his} <= {wanted, ContactOutcome.HANDLED}


PARTIES: Final[tuple[Callable[[World], None], ...]] = (
    a_customer_is_where_his_legs_are,
    the_agents_who_talk_are_those_of_the_ledger,
    nobody_has_a_part_in_two_legs_of_a_contact,
    one_leg_of_a_contact_waits_at_a_time,
    a_leg_that_waits_is_kept_from_those_with_a_part,
    who_is_consulted_is_so_by_one_who_has_the_customer,
    an_offer_says_who_consults,
    who_leaves_while_he_talks_abandons_nothing,
)

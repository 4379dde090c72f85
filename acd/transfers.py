"""What the legs of one contact have to do with each other: the moves that several facts share.

An agent who *consults* another keeps the customer on hold; the leg of the other says whose leg that
is (`Leg.consults`), until the customer joins it or either part ends.
"""

from msgspec.structs import replace

from acd.actions import Action, JoinLeg, OpenLeg, ReleaseAgent
from acd.contacts import WHILE_PARTY_US, Leg, LegState
from acd.events import ContactArrived
from acd.floor import Floor
from acd.queues import LegClass


def open_leg(
    floor: Floor,
    asked: ContactArrived,
    klass: LegClass,
    now_us: int,
    orders: list[Action],
    *,
    giver: Leg,
    arrived_us: int,
    consults: bool = False,
    returns: bool = False,
) -> Leg:
    """Let a contact wait in a further leg, which nobody may take who has another of its legs.

    Args:
        floor: Where the contact is.
        asked: What the leg asks for.
        klass: Its class, as `asked` says.
        now_us: The instant.
        orders: Where `OpenLeg` goes.
        giver: The leg whose agent gives the contact further, or consults.
        arrived_us: From when it waits: the giver's `arrived_us` keeps the place.
        consults: Whether the giver's agent consults whoever takes it.
        returns: Whether it goes back to its queue, so that it is kept as when it came.
    """
    leg = floor.make_leg(asked, klass, arrived_us)
    leg.stays = True
    leg.consults = giver.leg_id if consults else 0
    contact = floor.contacts[asked.contact_id]
    leg.excluded = {}
    for number in contact.legs:
        other = floor.legs[number]
        if other.offer_id and other.state is not LegState.WRAPPING:
            agent = floor.agents[floor.offers[other.offer_id].agent]
            leg.excluded[agent.index] = agent.excluded_from[leg.leg_id] = WHILE_PARTY_US
    contact.legs += (leg.leg_id,)
    orders.append(
        OpenLeg(
            leg.leg_id,
            leg.contact_id,
            klass.queue.name,
            klass.channel,
            giver.offer_id,
            leg.consults,
            None if arrived_us == now_us else arrived_us,
        )
    )
    if klass.widens:
        floor.stages.widen(leg, now_us, orders)
    if returns:
        floor.affinity.begin(leg, asked, now_us)
    elif asked.named_agent:
        floor.affinity.hand(leg, floor.by_id[asked.named_agent], now_us)
    if floor.treatments.are_any:
        floor.treatments.begin(leg, now_us)
    floor.matcher.wait(leg)
    return leg


def go_back(floor: Floor, giver: Leg, now_us: int, orders: list[Action], *, refuses: bool) -> None:
    """Let a contact wait in its queue again, where it stood, with all that its leg asked.

    But for a named agent who gives it back himself. He is the customer's last agent now.

    Raises:
        RefusalError: It may be refused (`refuses`), and there are too many classes of legs.
    """
    asked = giver.asked
    agent = floor.agents[floor.offers[giver.offer_id].agent]
    if asked.named_agent == agent.agent_id:
        asked = replace(asked, named_agent="")
    klass = floor.stages.classes.of(asked, refuses=refuses)
    if floor.affinity.remembers:
        floor.affinity.remember(asked.customer, agent.index, now_us)
    arrived_us = giver.arrived_us
    open_leg(floor, asked, klass, now_us, orders, giver=giver, arrived_us=arrived_us, returns=True)


def consultation_of(floor: Floor, leg: Leg) -> Leg | None:
    """Return the leg by which the agent of `leg` consults somebody, or None."""
    for number in floor.contacts[leg.contact_id].legs:
        other = floor.legs[number]
        if other.consults == leg.leg_id:
            return other
    return None


def join(leg: Leg, orders: list[Action]) -> None:
    """Make a consultation the customer's own leg."""
    leg.consults = 0
    orders.append(JoinLeg(leg.leg_id, leg.contact_id, leg.offer_id))


def hand_over(floor: Floor, leg: Leg, orders: list[Action]) -> bool:
    """Leave the customer to the other legs of his contact; return whether one has, or awaits, him.

    Whoever hangs up while he consults somebody has transferred.
    """
    asked = consultation_of(floor, leg)
    if asked is not None:
        join(asked, orders)
    others = floor.contacts[leg.contact_id].legs
    return any(floor.legs[number].state is not LegState.WRAPPING for number in others)


def part(floor: Floor, leg: Leg, now_us: int, orders: list[Action]) -> None:
    """End an agent's part, which he did not end by hanging up."""
    agent = floor.agents[floor.offers[leg.offer_id].agent]
    orders.append(ReleaseAgent(leg.offer_id, agent.agent_id))
    leg.state = LegState.WRAPPING
    floor.wrap(leg, now_us, orders)

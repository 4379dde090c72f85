"""Parking: an agent puts a contact away and goes on with it later, as people do with letters.

What is parked costs its agent nothing: he gets new ones, and its handling clock stands still. It
is his for at most the `park_us` of its queue and channel, and not beyond his log-out; then it goes
back to its queue with its place, in a further leg. If its customer leaves, or the agent ends it, it
wraps up where it is.

Source: Genesys' parked emails, Amazon Connect's paused tasks, Avaya's deferred emails.
"""

from acd.actions import Action, EndWrapUp
from acd.agents import ASIDE, Agent, SlotState
from acd.contacts import LEG_TABLE, Leg, LegSignal, LegState, Offer
from acd.floor import Floor
from acd.timers import Timer
from acd.transfers import go_back


def park(floor: Floor, leg: Leg, park_us: int, now_us: int, orders: list[Action]) -> None:
    """Put a contact away, be it one that is set aside."""
    offer = floor.offers[leg.offer_id]
    agent = floor.agents[offer.agent]
    slot = offer.slot
    leg.state = LegState.PARKED
    offer.until_us = now_us + park_us
    floor.timers.add(offer.until_us, Timer.LEASE, offer.offer_id)
    agent.move(offer, SlotState.PARKED)
    if slot not in ASIDE:
        floor.selection.performance.pause(offer, now_us)
        agent.idle_since_us = now_us
    floor.vacate(agent, slot, now_us, orders)


def has_room(agent: Agent, channel: int) -> bool:
    """Return whether an agent may have one more contact of a channel in front of him.

    What is set aside counts among its channel's, since it comes back when there is room.
    """
    used = sum(
        one.channel == channel and one.slot != SlotState.PARKED for one in agent.offers.values()
    )
    capacity = agent.capacity
    return used < capacity.line_of(channel).slots and capacity.room_for(agent.occupancy, channel)


def resume(floor: Floor, leg: Leg, now_us: int) -> None:
    """Bring a parked contact back in front of its agent, who has room for it."""
    offer = floor.offers[leg.offer_id]
    agent = floor.agents[offer.agent]
    leg.state = LegState.CONNECTED
    offer.until_us = 0
    agent.move(offer, SlotState.ACTIVE)
    floor.selection.performance.resume(offer, now_us)
    if floor.selection.occupancy is not None:
        floor.selection.occupancy.note(agent, now_us)
    floor.matcher.refresh(agent)


def give_up_parked(floor: Floor, offer: Offer, now_us: int, orders: list[Action]) -> None:
    """Let a parked contact wait in its queue again, where it stood; or end its wrap-up."""
    leg = floor.legs[offer.leg_id]
    agent = floor.agents[offer.agent]
    if leg.state is LegState.WRAPPING:
        orders.append(EndWrapUp(offer.offer_id, agent.agent_id))
    else:
        go_back(floor, leg, now_us, orders, refuses=False)
        leg.state = LEG_TABLE[leg.state][LegSignal.LAPSED]
        floor.end_part(floor.contacts[leg.contact_id], agent, now_us)
    floor.close(leg, now_us, orders)


def let_go_of_parked(floor: Floor, now_us: int, orders: list[Action]) -> None:
    """Give up what those have parked who logged out in this step."""
    for agent in floor.sessions.gone:
        for offer in agent.parked:
            give_up_parked(floor, offer, now_us, orders)
    floor.sessions.gone.clear()

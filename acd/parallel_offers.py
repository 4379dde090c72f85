"""Parallel offers: one leg rings at several agents, and the first to accept has it.

Matching comes first, every leg with one offer. At rest no leg that waits may be taken by any agent:
so whoever is still free has nobody to serve, which is what agent surplus means, and a further offer
takes no agent from a leg that waits. Then every leg that was offered in this step, in the order of
the offers, is offered to the next best of those who are free, until it has as many offers as
`parallel_offers` of its queue and channel says. Nobody is interrupted for one.

All offers of a leg are made in one step, so they have one deadline. When some have failed and
others still ring, the leg gets no new ones; when the last has failed it is QUEUED again.

Source: "ring all" of Asterisk's queues and mod_callcenter; multiple reservations of TaskRouter.
"""

from acd.agents import Agent
from acd.contacts import Leg
from acd.floor import Floor, Orders


def offer_to_several(floor: Floor, now_us: int, orders: Orders) -> None:
    """Offer the legs that were offered in this step to more agents. To be called at rest.

    An agent can only take less than before, so all is at rest afterwards, too; but for whom a
    further offer keeps from calls while it rings: he need be kept free no more (`acd.matching`).
    """
    for leg in floor.to_several.values():
        while has_room(floor, leg):
            agent = floor.matcher.another(leg, takers(floor, leg))
            if agent is None:
                break
            floor.offer(leg, agent, now_us, orders)
    floor.to_several.clear()


def has_room(floor: Floor, leg: Leg) -> bool:
    """Return whether a leg that was offered may be offered to one agent more, in this step."""
    count = len(leg.offers())
    return leg.leg_id in floor.to_several and count < leg.klass.channel_settings.parallel_offers


def takers(floor: Floor, leg: Leg) -> list[Agent]:
    """Return the agents at whom a leg rings."""
    return [floor.agents[floor.offers[number].agent] for number in leg.offers()]

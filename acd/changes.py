"""What an agent may take changes while he works: who he is to matching, and what rings at him.

Nothing of what he has in hand changes; more than his new capacity allows he keeps until it ends.
What rings at him and he may not take any more goes back to its place, and costs him nothing.
"""

from typing import TYPE_CHECKING

from acd.actions import Action
from acd.agents import UNIT, Agent, SlotState
from acd.contacts import Offer, OfferSignal, OfferState
from acd.eligibility import eligible
from acd.ids import Availability
from acd.settings import AgentSettings

if TYPE_CHECKING:
    from acd.floor import Floor


def change(floor: "Floor", agent: Agent, wanted: AgentSettings) -> None:
    """Have an agent be to everybody as these settings say: O(classes that he may take)."""
    before = floor.kinds.move(agent, wanted)
    floor.overflow.know(agent.kind)
    floor.stages.classes.forget_servers()
    is_in = agent.availability is not Availability.LOGGED_OUT
    if is_in and not before.present:
        floor.sessions.vacated = floor.sessions.is_asked = True
    floor.matcher.moved(agent, before)
    floor.matcher.refresh(agent)


def revoke_unfit(floor: "Floor", agent: Agent, now_us: int, orders: list[Action]) -> None:
    """Take back what rings at an agent and he may not take as he is now, the last given first."""
    for offer in reversed(tuple(agent.offers.values())):
        if offer.state is OfferState.PENDING and not _fits(floor, agent, offer):
            floor.withdraw(offer, OfferSignal.REVOKE, now_us, orders)


def _fits(floor: "Floor", agent: Agent, offer: Offer) -> bool:
    """Return whether what rings at an agent could be offered to him beside the rest he has."""
    if not eligible(floor.legs[offer.leg_id].klass, agent.kind):
        return False
    rest = agent.occupancy - UNIT[offer.channel][SlotState.RESERVED]
    return bool(agent.capacity.work_out(rest)[offer.channel])

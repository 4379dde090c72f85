"""Facts about contacts that agents put away and take up again.

The router tells each to its handler here; `acd.parking` makes the moves.
"""

from collections.abc import Mapping
from typing import Final

from acd import events as ev
from acd.actions import Action
from acd.classes import RefusalError
from acd.contacts import LegSignal, LegState
from acd.floor import Floor, Handler
from acd.ids import Reason
from acd.offer_facts import moved_by
from acd.parking import has_room, park, resume

PARKED_MAX: Final = 100
"""Most contacts that one agent may have parked: a week's letters of one desk."""


class ParkingFacts:
    """The handlers of facts about parked contacts.

    Args:
        floor: Where they are.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.handlers: Mapping[type, Handler] = {
            ev.LegParked: self._leg_parked,
            ev.LegResumed: self._leg_resumed,
        }

    def _leg_parked(self, event: ev.LegParked, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        leg = moved_by(floor, event.offer_id, LegSignal.PARKED)
        if leg is None:
            return
        park_us = leg.klass.channel_settings.park_us
        if park_us is None:
            raise RefusalError(Reason.NOT_PARKABLE, str(event.offer_id))
        others = [floor.legs[number] for number in floor.contacts[leg.contact_id].legs]
        if any(one is not leg and one.state is not LegState.WRAPPING for one in others):
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(event.offer_id))
        agent = floor.agents[floor.offers[leg.offer_id].agent]
        if len(agent.parked) >= PARKED_MAX:
            raise RefusalError(Reason.TOO_MANY_PARKED, agent.agent_id)
        park(floor, leg, park_us, now_us, orders)

    def _leg_resumed(self, event: ev.LegResumed, now_us: int, orders: list[Action]) -> None:
        del orders
        floor = self._floor
        leg = moved_by(floor, event.offer_id, LegSignal.RESUMED)
        if leg is None:
            return
        agent = floor.agents[floor.offers[leg.offer_id].agent]
        if agent in floor.sessions.gone:  # Earlier in this batch: it goes back to its queue.
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(event.offer_id))
        if not has_room(agent, leg.klass.channel_index):
            raise RefusalError(Reason.NO_CAPACITY, agent.agent_id)
        resume(floor, leg, now_us)

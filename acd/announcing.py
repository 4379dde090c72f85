"""Facts about announcements: a customer who waits is to be told how long.

Who asks is outside: a voice menu when a contact comes in, a web page that shows it. What a queue
says by itself is in `acd.treatments`. The answer is an action, so a journal has what was said, and
the measures say how right it was.
"""

from acd import events as ev
from acd.actions import Action, AnnounceWait
from acd.announcements import Announced
from acd.classes import RefusalError
from acd.contacts import LegState
from acd.floor import Floor, Handler
from acd.ids import Reason


class Announcing:
    """Answers how long contacts will wait.

    Args:
        floor: Where they wait.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.handlers: dict[type, Handler] = {ev.WaitAsked: self._wait_asked}

    def _wait_asked(self, event: ev.WaitAsked, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        contact = floor.contacts.get(event.contact_id)
        if contact is None:
            raise RefusalError(Reason.UNKNOWN_CONTACT, event.contact_id)
        if floor.wait_times is None:
            raise RefusalError(Reason.NOT_ESTIMATED, event.contact_id)
        waiting = [
            leg for number in contact.legs if (leg := floor.legs[number]).state is LegState.QUEUED
        ]
        if not waiting:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, event.contact_id)
        (leg,) = waiting  # While one waits no other is opened.
        orders.append(floor.wait_times.tell(leg, now_us))


def put_as_recorded(floor: Floor, action: AnnounceWait, now_us: int) -> None:
    """Let a customer have been told what a journal says: today's estimate may be another."""
    leg = floor.legs.get(action.leg_id)
    if leg is not None and action.wait_us is not None:
        leg.announced = Announced(now_us, action.wait_us, action.ahead, action.agents)

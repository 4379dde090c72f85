"""Expiry: a contact that has waited until nobody needs an answer any more ends by itself.

Source: the time to live of TaskRouter's tasks. See docs/routing/lifecycle.md.
"""

from typing import TYPE_CHECKING

from acd.actions import Action, ReleaseCustomer
from acd.contacts import LEG_TABLE, Leg, LegSignal, LegState
from acd.timers import Timer

if TYPE_CHECKING:
    from acd.floor import Floor


def expire(floor: "Floor", leg: Leg, now_us: int, orders: list[Action]) -> bool:
    """End a leg that is QUEUED if its time is over, and say so; else await the end of it.

    It is its contact's only one: what an agent has given further does not expire.
    """
    if leg.expires_us > now_us:
        floor.timers.add(leg.expires_us, Timer.EXPIRY, leg.leg_id)
        return False
    orders.append(ReleaseCustomer(leg.contact_id))
    floor.give_up(leg, LEG_TABLE[leg.state][LegSignal.EXPIRED], now_us, orders)
    return True


def wait_again(floor: "Floor", leg: Leg, now_us: int, orders: list[Action]) -> None:
    """Put a leg back in its place that no offer and no other domain holds any more.

    Unless its time is over. A stage that fell due meanwhile takes effect now.
    """
    leg.state = LegState.QUEUED
    if leg.expires_us and expire(floor, leg, now_us, orders):
        return
    if leg.klass.widens:
        floor.stages.widen(leg, now_us, orders)
    if floor.treatments.are_any:
        floor.treatments.await_next(leg, now_us)
    floor.matcher.wait(leg)
    if leg.klass.gate is not None:
        floor.overflow.back.append(leg)


def begins_expired(floor: "Floor", leg: Leg, now_us: int, orders: list[Action]) -> bool:
    """Await the end of the time of a new leg that has one; end it if that is over already.

    Who calls in place of his callback was promised an answer, whatever his queue says.
    """
    asked, klass = leg.asked, leg.klass
    if asked.expires_us is not None:
        leg.expires_us = asked.expires_us
    elif leg.promised:
        return False
    else:
        assert klass.channel_settings.expires_us is not None
        leg.expires_us = klass.due_us(leg.arrived_us, klass.channel_settings.expires_us)
    return expire(floor, leg, now_us, orders)

"""Estimates and announcements, counted once more by scanning everybody, for the worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from acd.actions import AnnounceWait
from acd.agents import CHANNELS, VOICE, Agent
from acd.contacts import Leg, LegState
from acd.eligibility import delayed, eligible, in_reserve, is_closed, of_team
from acd.ids import Availability, Device, RiseCause
from acd.router import Router
from acd.settings import Urgency

if TYPE_CHECKING:
    from tests.properties.world import World

STATIC: Final = frozenset(Urgency) - {
    Urgency.AGEING,
    Urgency.WAIT_OVER_OBJECTIVE,
    Urgency.GENERALIZED_C_MU,
}
"""Policies under which a leg is ahead of another at any time, if it is at one."""

LOOKED_AT: Final = 4
"""How many waiting legs of a world are estimated after each step: those that came last."""


def at_work(leg: Leg, agents: tuple[Agent, ...]) -> dict[int, Agent]:
    """Return the agents at work who may take a leg at its stage, by index."""
    klass = leg.klass
    return {
        one.index: one
        for one in agents
        if eligible(klass, one.kind)
        and not delayed(klass, one.kind)
        and of_team(klass, one.kind)
        and not in_reserve(klass, one.kind)
        and one.availability is Availability.READY
        and not one.after_this_one
        and one.device is not Device.BUSY_ELSEWHERE
        and (one.device is not Device.UNREACHABLE or klass.channel_index != VOICE)
    }


def ahead_of(leg: Leg, router: Router) -> int:
    """Return how many waiting legs are ahead of one that some of its agents may take."""
    mine = at_work(leg, router.agents)
    count = 0
    for other in router.legs.values():
        if other.state is not LegState.QUEUED or other is leg:
            continue
        if other.klass is leg.klass:
            count += other.key < leg.key
            continue
        if is_closed(other.klass):
            continue
        shared = [one for index, one in at_work(other, router.agents).items() if index in mine]
        orders = {_order(leg, other, one) for one in shared} - {1}
        if orders:
            count += orders == {-1} or other.key < leg.key
    return count


def _order(leg: Leg, other: Leg, agent: Agent) -> int:
    """Return 1 if an agent takes a leg before another whoever waits longer, -1 for the reverse."""
    desk = agent.kind.desk
    channels = desk.capacity.settings.channels
    mine, its = leg.klass.channel_index, other.klass.channel_index
    if CHANNELS[mine] in channels[CHANNELS[its]].interrupted_by:
        return 1
    if CHANNELS[its] in channels[CHANNELS[mine]].interrupted_by:
        return -1
    tier = desk.serves[leg.klass.queue.name, mine]
    its_tier = desk.serves[other.klass.queue.name, its]
    return (tier < its_tier) - (tier > its_tier)


def estimates_rest_on_who_is_ahead_and_at_work(world: World) -> None:
    if not world.settings.estimated_wait:
        return
    router = world.router
    waiting = [one for one in router.legs.values() if one.state is LegState.QUEUED]
    for leg in waiting[-LOOKED_AT:]:
        estimate = router.estimate(leg.leg_id)
        assert estimate == world.naive_router.estimate(leg.leg_id)
        assert estimate == world.applied.estimate(leg.leg_id)
        agents = at_work(leg, router.agents)
        assert estimate.agents == len(agents)
        if world.settings.urgency in STATIC:
            assert estimate.ahead == ahead_of(leg, router)
        if not agents:
            assert estimate.wait_us is None
        elif not is_closed(leg.klass):
            assert estimate.wait_us is not None
            assert estimate.wait_us >= 0


def an_announcement_rises_for_a_cause_only(world: World) -> None:
    """Look at the announcements of the last step. To be called after each, for the next."""
    for action in world.actions:
        if type(action) is not AnnounceWait:
            continue
        before = world.announced.get(action.leg_id)
        if action.wait_us is None:
            assert action == AnnounceWait(action.leg_id, action.contact_id)
            continue
        if before is not None:
            at_us, told = before
            assert told.wait_us is not None
            left_us = max(told.wait_us - (world.now_us - at_us), 0)
            assert action.wait_us <= left_us or action.because is not None
            if action.because is RiseCause.AGENTS_LEFT:
                assert action.agents < told.agents
            elif action.because is RiseCause.OVERTAKEN:
                assert action.ahead > told.ahead
        else:
            assert action.because is None
        world.announced[action.leg_id] = (world.now_us, action)

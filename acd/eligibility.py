"""May this agent take this leg now? The one predicate that everybody shares.

`may_take` = eligible ∧ capacity ∧ no block. The index of `acd.matching` keeps the same answer in
bits; the tests' naive matcher and the explanation ask here.
"""

from enum import StrEnum

from acd.agents import VOICE, Agent, Kind, Takes
from acd.contacts import WHILE_PARTY_US, Leg, LegState
from acd.queues import LegClass


class Block(StrEnum):
    """A named reason, which ends, why an eligible pair may not be matched now."""

    EXCLUDED = "excluded"
    """The agent failed to take this leg a moment ago."""
    BACK_OFF = "back_off"
    """The switch could not reach the agent a moment ago."""
    OFFER_GAP = "offer_gap"
    """The agent was offered something a moment ago."""
    OFF_SHIFT = "off_shift"
    """The agent is not on shift, by its calendar."""
    PROFILE_DELAY = "profile_delay"
    """The leg has not waited long enough for this agent's profile."""
    AFFINITY_HOLD = "affinity_hold"
    """The leg is kept for another agent, or for a team of which this agent is not."""
    RESERVE = "reserve"
    """Too few legs wait in this queue and channel for this agent's profile."""
    HEADROOM = "headroom"
    """Too few agents beside this one could take a call."""
    PARTY = "party"
    """The agent has another leg of this contact."""
    CLOSED_QUEUE = "closed_queue"
    """The queue is closed by its calendar."""
    HANDING_OVER = "handing_over"
    """Another domain was asked to take the contact."""


def serves(klass: LegClass, kind: Kind) -> bool:
    """Return whether the profile of a kind of agents serves a class's queue on its channel."""
    return (klass.queue.name, klass.channel_index) in kind.desk.serves


def eligible(klass: LegClass, kind: Kind) -> bool:
    """Return whether agents of a kind serve a class at all. Changes with settings only."""
    return serves(klass, kind) and klass.requirement.met_by(kind.skills, kind.attributes)


def is_closed(klass: LegClass) -> bool:
    """Return whether a class's queue is closed by its calendar."""
    return klass.door is not None and klass.door.is_shut


def delayed(klass: LegClass, kind: Kind) -> bool:
    """Return whether legs of a class have not waited long enough for agents of a kind."""
    place = (klass.queue.name, klass.channel_index)
    return kind.desk.delays.get(place, 0) > klass.waited_us


def of_team(klass: LegClass, kind: Kind) -> bool:
    """Return whether agents of a kind are of the team for which a class is kept, if it is."""
    return klass.team is None or klass.team.met_by(kind.skills, kind.attributes)


def kept_from(leg: Leg, agent: Agent) -> bool:
    """Return whether a leg is kept for somebody else (`acd.affinity`)."""
    if leg.kept_for >= 0:
        return leg.kept_for != agent.index
    return not of_team(leg.klass, agent.kind)


def in_reserve(klass: LegClass, kind: Kind) -> bool:
    """Return whether too few legs wait in a class's queue and channel for agents of a kind."""
    if klass.backlog is None:
        return False
    place = (klass.queue.name, klass.channel_index)
    return len(klass.backlog.legs) < kind.desk.reserves.get(place, 0)


def is_kept_free(agent: Agent, channel: int) -> bool:
    """Return whether an agent is offered nothing of a channel, so that he can take a call."""
    return (
        any(headroom.is_tight for headroom in agent.headrooms)
        and agent.takes()[VOICE] is not Takes.NO
        and agent.capacity.bars_calls(agent.occupancy)[channel]
    )


def block(leg: Leg, agent: Agent) -> Block | None:
    """Return the block between a leg and an agent, or None."""
    if leg.state is LegState.HANDING_OVER:
        return Block.HANDING_OVER
    if leg.excluded and agent.index in leg.excluded:
        is_party = leg.excluded[agent.index] == WHILE_PARTY_US
        return Block.PARTY if is_party else Block.EXCLUDED
    if agent.back_off_until_us:
        return Block.BACK_OFF
    if agent.gap_until_us:
        return Block.OFFER_GAP
    if agent.off_shift_until_us:
        return Block.OFF_SHIFT
    if kept_from(leg, agent):
        return Block.AFFINITY_HOLD
    return barred(leg.klass, agent)


def blocks(leg: Leg, agent: Agent) -> tuple[Block, ...]:
    """Return all blocks between a leg and an agent: for explanations; `block` returns the first."""
    klass, kind = leg.klass, agent.kind
    until_us = (leg.excluded or {}).get(agent.index, 0)
    stands = {
        Block.HANDING_OVER: leg.state is LegState.HANDING_OVER,
        Block.PARTY: until_us == WHILE_PARTY_US,
        Block.EXCLUDED: 0 < until_us < WHILE_PARTY_US,
        Block.BACK_OFF: agent.back_off_until_us > 0,
        Block.OFFER_GAP: agent.gap_until_us > 0,
        Block.OFF_SHIFT: agent.off_shift_until_us > 0,
        Block.AFFINITY_HOLD: kept_from(leg, agent),
        Block.CLOSED_QUEUE: is_closed(klass),
        Block.PROFILE_DELAY: delayed(klass, kind),
        Block.RESERVE: in_reserve(klass, kind),
        Block.HEADROOM: is_kept_free(agent, klass.channel_index),
    }
    return tuple(one for one, stands_now in stands.items() if stands_now)


def barred(klass: LegClass, agent: Agent) -> Block | None:
    """Return the block between all legs of a class and an agent, or None."""
    if is_closed(klass):
        return Block.CLOSED_QUEUE
    if delayed(klass, agent.kind):
        return Block.PROFILE_DELAY
    if in_reserve(klass, agent.kind):
        return Block.RESERVE
    if agent.headrooms and is_kept_free(agent, klass.channel_index):
        return Block.HEADROOM
    return None


def may_take(leg: Leg, agent: Agent) -> Takes:
    """Return whether an agent may be offered a leg now, and whether that interrupts him."""
    if not eligible(leg.klass, agent.kind) or block(leg, agent) is not None:
        return Takes.NO
    return agent.takes()[leg.klass.channel_index]

"""May this agent take this leg now? The one predicate that everybody shares.

`may_take` = eligible ∧ capacity ∧ no block. The index of `acd.matching` keeps the same answer in
bits; the tests' naive matcher and the explanation ask here.
"""

from enum import StrEnum

from acd.agents import Agent, Kind, Takes
from acd.contacts import WHILE_PARTY_US, Leg
from acd.queues import LegClass


class Block(StrEnum):
    """A named reason, which ends, why an eligible pair may not be matched now."""

    EXCLUDED = "excluded"
    """The agent failed to take this leg a moment ago."""
    BACK_OFF = "back_off"
    """The switch could not reach the agent a moment ago."""
    OFFER_GAP = "offer_gap"
    """The agent was offered something a moment ago."""
    PROFILE_DELAY = "profile_delay"
    """The leg has not waited long enough for this agent's profile."""
    PARTY = "party"
    """The agent has another leg of this contact."""


def eligible(klass: LegClass, kind: Kind) -> bool:
    """Return whether agents of a kind serve a class at all. Changes with settings only."""
    return (
        klass.queue.name,
        klass.channel_index,
    ) in kind.desk.serves and klass.requirement.met_by(kind.skills, kind.attributes)


def delayed(klass: LegClass, kind: Kind) -> bool:
    """Return whether legs of a class have not waited long enough for agents of a kind."""
    place = (klass.queue.name, klass.channel_index)
    return kind.desk.delays.get(place, 0) > klass.waited_us


def block(leg: Leg, agent: Agent) -> Block | None:
    """Return the block between a leg and an agent, or None."""
    if leg.excluded and agent.index in leg.excluded:
        is_party = leg.excluded[agent.index] == WHILE_PARTY_US
        return Block.PARTY if is_party else Block.EXCLUDED
    if agent.back_off_until_us:
        return Block.BACK_OFF
    if agent.gap_until_us:
        return Block.OFFER_GAP
    if delayed(leg.klass, agent.kind):
        return Block.PROFILE_DELAY
    return None


def may_take(leg: Leg, agent: Agent) -> Takes:
    """Return whether an agent may be offered a leg now, and whether that interrupts him."""
    if not eligible(leg.klass, agent.kind) or block(leg, agent) is not None:
        return Takes.NO
    return agent.takes()[leg.klass.channel_index]

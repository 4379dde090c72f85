"""Widening: a leg that waits may be taken by more agents as time passes, and never by fewer.

Two things widen, at exact instants. The *routing steps* of a queue change what is required and how
urgent the leg is. The *delays* in routing profiles open a queue to agents who serve it only after
so long. A leg's *stage* is how many of each it has behind it; legs of different stages stand in
different classes, and a leg keeps its place when it goes from one to the next.

Source: Avaya's skill levels with reserve agents, Cisco's precision queue steps, Genesys' bullseye
rings, Amazon Connect's routing criteria and queue delay, TaskRouter's workflow targets.
"""

from collections.abc import Mapping
from typing import assert_never

from acd.conditions import NUMBER_MAX, Between, Condition, Either, Every, OneOf
from acd.implication import Logic
from acd.settings import QueueSettings, RoutingStep
from acd.skills import ANYONE, AllOf, AnyOf, HasAttribute, HasSkill, Requirement, joined


def lowered(requirement: Requirement, bounds: Mapping[str, int]) -> Requirement:
    """Return a requirement with no more wanted of a skill than its bound; 0 wants nothing of it.

    Negated skills stay as they are: to lower one would admit fewer.

    >>> want = AllOf((HasSkill("cards", 5), HasSkill("spanish", 8)))
    >>> str(lowered(want, {"spanish": 3})), str(lowered(want, {"spanish": 0}))
    ('cards >= 5 and spanish >= 3', 'cards >= 5')
    >>> lowered(AnyOf((HasSkill("cards", 5), HasSkill("spanish", 8))), {"cards": 0}) == ANYONE
    True
    """
    match requirement:
        case HasSkill(skill, at_least, negated):
            bound = bounds.get(skill, at_least)
            if negated or bound >= at_least:
                return requirement
            return HasSkill(skill, bound) if bound else ANYONE
        case HasAttribute():
            return requirement
        case AllOf(parts):
            return joined((lowered(part, bounds) for part in parts), AllOf)
        case AnyOf(parts):
            return joined((lowered(part, bounds) for part in parts), AnyOf)
        case _:
            assert_never(requirement)


def required_at(
    step: int, queue: QueueSettings, texts: Mapping[str, Requirement], own: Requirement
) -> tuple[Requirement, Requirement]:
    """Return what a queue requires after so many steps, and what of a contact's own is left.

    Args:
        step: 0 for none yet.
        queue: Whose steps.
        texts: Every requirement that the queue and its steps name, read.
        own: What the contact itself requires.
    """
    text = queue.requires
    bounds: dict[str, int] = {}
    for one in queue.steps[:step]:
        text = text if one.requires is None else one.requires
        bounds |= one.lower
    return lowered(texts[text], bounds), lowered(own, bounds)


def priority_at(step: int, steps: tuple[RoutingStep, ...], priority: int) -> int:
    """Return the priority after so many steps: the highest of those, never lower than before."""
    return max([priority, *(one.priority for one in steps[:step] if one.priority is not None)])


def admits_fewer(before: Requirement, after: Requirement) -> bool | None:
    """Return whether somebody might meet the one and not the other; None if that is too hard.

    >>> admits_fewer(HasSkill("cards", 5), HasSkill("cards", 3))
    False
    >>> admits_fewer(HasSkill("cards", 5), AllOf((HasSkill("cards", 3), HasSkill("loans", 1))))
    True
    """
    follows = Logic([_condition(before), _condition(after)]).follows(1, 0)
    return None if follows is None else not follows


def _condition(requirement: Requirement) -> Condition:
    """Return what an agent must be, as what a contact must: a skill is a number, or not set."""
    match requirement:
        case HasSkill(skill, at_least, negated):
            return Between(f"skill {skill}", at_least, NUMBER_MAX, negated)
        case HasAttribute(attribute, value, negated):
            return OneOf(f"attribute {attribute}", frozenset((value,)), negated)
        case AllOf(parts):
            return Every(tuple(map(_condition, parts)))
        case AnyOf(parts):
            return Either(tuple(map(_condition, parts)))
        case _:
            assert_never(requirement)

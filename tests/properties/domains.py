"""Domains drawn at random: small and odd ones, and one of middle size.

Every draw comes from a `Random`: Hypothesis' own, which it can shrink, or a seeded one.
"""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final, TypeVar

from acd.ids import Channel, WrapUpMode
from acd.settings import (
    SECOND_US,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    IdleClock,
    MeasureSettings,
    PerformanceSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    Urgency,
    WeightedSettings,
)

T = TypeVar("T")

CHANNELS: Final = tuple(Channel)
SKILLS: Final = ("cards", "loans", "spanish")
REQUIREMENTS: Final = (
    "",
    "cards",
    "cards >= 5",
    "cards or loans",
    "cards and spanish",
    "loans >= 3 and site == north",
    "not (loans and site == south)",
)
"""The generalist of every domain meets them all, so no queue is without an agent."""
PREFERENCES: Final = ("spanish", "cards >= 8", "site == south", "not loans")
BLENDED: Final = CapacitySettings(
    name="capacity0",
    channels={
        Channel.VOICE: SlotSettings(cost=80),
        Channel.CHAT: SlotSettings(slots=3, cost=30, interrupted_by=(Channel.VOICE,)),
        Channel.WEB_FORM: SlotSettings(cost=20, interrupted_by=(Channel.VOICE, Channel.CHAT)),
        Channel.EMAIL: SlotSettings(cost=90, interrupted_by=(Channel.VOICE, Channel.CHAT)),
    },
)
"""A capacity in which much is set aside: a call sets aside a chat that set aside an email."""

DAY_US: Final = 86_400 * SECOND_US


def some(rng: Random, things: Sequence[T], *, least: int = 0) -> tuple[T, ...]:
    """Return some of the things, in any order."""
    return tuple(rng.sample(things, rng.randint(least, len(things))))


SCALED: Final = (
    AgentCriterion.HIGHEST_PROFICIENCY,
    AgentCriterion.LEAST_FLEXIBLE,
    AgentCriterion.FASTEST_FIRST,
    AgentCriterion.BEST_QUALITY,
    AgentCriterion.BEST_RESOLUTION,
    AgentCriterion.BEST_CONVERSION,
)
"""Criteria that may be weighed."""


def _criteria(rng: Random) -> dict[str, Any]:
    """Return the settings of agent selection: in half of the domains nothing that agents did."""
    if rng.random() < 0.5:
        static = (AgentCriterion.LONGEST_IDLE, *SCALED[:2])
        return {"agent_selection": some(rng, static, least=1)}
    criteria: list[str] = list(some(rng, tuple(AgentCriterion))[:4])
    weighted: tuple[WeightedSettings, ...] = ()
    if not criteria or rng.random() < 0.4:
        cuts = sorted(rng.sample(range(1, 100), rng.randint(0, 3)))
        weights = [to - since for since, to in pairwise((0, *cuts, 100))]
        names = rng.sample(SCALED, len(weights))
        widths = rng.choice((1, 10, 40))
        weighted = (
            WeightedSettings(
                name="value",
                weights=dict(zip(names, weights, strict=True)),
                band_percent=widths,
            ),
        )
        criteria.insert(rng.randint(0, len(criteria)), "value")
    # Whoever takes turns never ties, so that criterion is the last.
    criteria.sort(key=lambda name: name == AgentCriterion.ROUND_ROBIN)
    return {
        "agent_selection": tuple(criteria),
        "weighted": weighted,
        "performance": PerformanceSettings(
            memory=rng.choice((1, 3, 100)),
            credibility=rng.choice((1, 5)),
            band_percent=rng.choice((1, 10, 60)),
        ),
        "occupancy_half_life_us": rng.choice((2, 600)) * SECOND_US,
    }


def _channel(rng: Random) -> ChannelSettings:
    wrap_up_us = rng.choice((0, 2, 10)) * SECOND_US
    return ChannelSettings(
        objective_us=rng.choice((5, 20)) * SECOND_US,
        ring_us=rng.choice((1, 15)) * SECOND_US,
        wrap_up_us=wrap_up_us,
        wrap_up_cap_us=wrap_up_us + rng.choice((0, 20)) * SECOND_US,
        auto_answer=rng.random() < 0.2,
    )


def _queue(rng: Random, name: str, *, least: int = 1) -> QueueSettings:
    return QueueSettings(
        name=name,
        channels={channel: _channel(rng) for channel in some(rng, CHANNELS, least=least)},
        requires=rng.choice(REQUIREMENTS),
        prefers=some(rng, PREFERENCES)[:2],
        priority=rng.randint(-1, 1),
        head_start_us=rng.choice((0, 10, 60)) * SECOND_US,
        promise_us=rng.choice((1, 20, 60)) * SECOND_US,
        exclusion_us=rng.choice((0, 3, 30)) * SECOND_US,
    )


def _serves(rng: Random, queues: Sequence[QueueSettings], *, all_of_them: bool) -> list[Serves]:
    lines = []
    for queue in queues:
        for channel in queue.channels:
            if all_of_them or rng.random() < 0.6:
                tier = rng.choice((1, 1, 2))
                lines.append(Serves(queue=queue.name, channels=(channel,), tier=tier))
    return lines


def _slots(rng: Random, channel: Channel) -> SlotSettings:
    return SlotSettings(
        slots=rng.randint(1, 3),
        cost=rng.choice((0, 30, 30, 50, 100)),
        interrupted_by=some(rng, [other for other in CHANNELS if other is not channel]),
    )


def small_domain(rng: Random) -> DomainSettings:
    """Return a domain of up to three queues and four agents."""
    least = rng.randint(1, len(CHANNELS))
    queues = [_queue(rng, f"queue{at}", least=least) for at in range(rng.randint(1, 3))]
    profiles = [
        ProfileSettings(name="all", serves=tuple(_serves(rng, queues, all_of_them=True))),
    ]
    profiles += [
        ProfileSettings(name=f"part{number}", serves=tuple(lines))
        for number in range(2)
        if (lines := _serves(rng, queues, all_of_them=False))
    ]
    capacities = [
        CapacitySettings(
            name=f"capacity{number}",
            channels={
                channel: _slots(rng, channel)
                for channel in (CHANNELS if not number else some(rng, CHANNELS, least=1))
            },
        )
        for number in range(2)
    ]
    if rng.random() < 0.5:
        capacities[0] = BLENDED
    agents = [
        AgentSettings(
            agent_id=f"agent{number}",
            profile=rng.choice(profiles).name,
            capacity=rng.choice(capacities).name,
            skills={skill: rng.randint(1, 10) for skill in some(rng, SKILLS)},
            attributes={"site": rng.choice(("north", "south"))} if rng.random() < 0.7 else {},
            wrap_up_mode=rng.choice(tuple(WrapUpMode)),
        )
        for number in range(rng.randint(0, 3))
    ]
    generalist = AgentSettings(
        agent_id="generalist",
        profile="all",
        capacity="capacity0",
        skills=dict.fromkeys(SKILLS, 10),
        attributes={"site": "north"},
    )
    agents.insert(rng.randint(0, len(agents)), generalist)
    return DomainSettings(
        name="small",
        queues=tuple(queues),
        profiles=tuple(profiles),
        capacities=tuple(capacities),
        agents=tuple(agents),
        urgency=rng.choice(tuple(Urgency)),
        **_criteria(rng),
        idle_clock=rng.choice(tuple(IdleClock)),
        back_off_us=rng.choice((0, 5)) * SECOND_US,
        connect_us=rng.choice((1, 10)) * SECOND_US,
        skills=SKILLS,
        attributes={"site": ("north", "south")},
        contact_attributes=("campaign",),
        measures=MeasureSettings(interval_us=DAY_US),
    )


def middle_domain(rng: Random, urgency: Urgency) -> DomainSettings:
    """Return a domain of eight queues on up to four channels, and thirty agents."""
    queues = [_queue(rng, f"queue{number}") for number in range(8)]
    queues[0] = QueueSettings(
        name="queue0",
        channels={channel: ChannelSettings() for channel in CHANNELS},
        priority=0,
        head_start_us=0,
        promise_us=DAY_US,
    )
    profiles = [
        ProfileSettings(name="all", serves=tuple(_serves(rng, queues, all_of_them=True))),
        *(
            ProfileSettings(
                name=f"part{number}", serves=tuple(_serves(rng, queues, all_of_them=False))
            )
            for number in range(4)
        ),
    ]
    capacities = [
        CapacitySettings(
            name=f"capacity{number}", channels={one: _slots(rng, one) for one in CHANNELS}
        )
        for number in range(3)
    ]
    agents = [
        AgentSettings(
            agent_id=f"agent{number}",
            profile=profiles[0].name if number < 10 else rng.choice(profiles).name,
            capacity=rng.choice(capacities).name,
            skills={skill: rng.randint(1, 10) for skill in some(rng, SKILLS, least=1)},
            attributes={"site": rng.choice(("north", "south"))},
            wrap_up_mode=rng.choice(tuple(WrapUpMode)),
        )
        for number in range(29)
    ]
    agents.append(
        AgentSettings(
            agent_id="generalist",
            profile="all",
            capacity="capacity0",
            skills=dict.fromkeys(SKILLS, 10),
            attributes={"site": "north"},
        )
    )
    return DomainSettings(
        name="middle",
        queues=tuple(queues),
        profiles=tuple(profiles),
        capacities=tuple(capacities),
        agents=tuple(agents),
        urgency=urgency,
        **_criteria(rng),
        idle_clock=rng.choice(tuple(IdleClock)),
        skills=SKILLS,
        attributes={"site": ("north", "south")},
        contact_attributes=("campaign",),
        measures=MeasureSettings(interval_us=DAY_US),
    )

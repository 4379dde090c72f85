"""Domains drawn at random: small and odd ones, and one of middle size.

Every draw comes from a `Random`: Hypothesis' own, which it can shrink, or a seeded one.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, TypeVar

from msgspec.structs import replace

from acd.ids import Channel, WrapUpMode
from acd.settings import (
    SECOND_US,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
    IdleClock,
    MeasureSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    Urgency,
)
from acd.validation import problems

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
CONDITIONS: Final = (
    "channel == voice",
    "channel in (chat, email)",
    "topic == cards",
    "topic starts_with c",
    "topic is set",
    "value >= 10",
    "value < 2.5",
    "weekday in (tue, sat)",
    "time < 22:20",
    "time >= 23:30",
)
"""Of which entry rules are made; what each says, the oracle knows (`naive.HOLDS`)."""
OFFSETS: Final = (
    (),
    ((0, 3_600),),
    ((0, -7_200), (1_700_000_100 * SECOND_US, 5_400)),
)
"""Clocks, the last of which change soon after a world begins."""
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


def _with_rules(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return a domain with entry rules: those of some drawn that are no mistakes, and a default."""
    settings = replace(
        settings,
        contact_attributes=("campaign", "topic", "value"),
        contact_numbers=("value",),
        utc_offsets=rng.choice(OFFSETS),
    )
    rules: tuple[EntryRule, ...] = ()
    default = EntryRule(name="rest", queue=rng.choice(settings.queues).name)
    for number in range(rng.choice((1, 3, 6))):
        rule = _rule(rng, f"rule{number}", settings)
        if not problems(replace(settings, entry=(*rules, rule, default))):
            rules = (*rules, rule)
    return replace(settings, entry=(*rules, default))


def _rule(rng: Random, name: str, settings: DomainSettings) -> EntryRule:
    by_priority = settings.urgency is Urgency.STRICT_PRIORITY
    by_promise = settings.urgency is Urgency.DEADLINE_FIRST
    return EntryRule(
        name=name,
        queue=rng.choice(settings.queues).name,
        when=rng.choice(
            ("{0}", "not {0}", "{0} and {1}", "{0} or {1} and not ({2} or {3})")
        ).format(*rng.sample(CONDITIONS, 4)),
        priority=rng.choice((None, -1, 2)) if by_priority else None,
        requirement=rng.choice(REQUIREMENTS),
        prefers=some(rng, PREFERENCES)[:1],
        promise_us=rng.choice((None, 1, 30 * SECOND_US)) if by_promise else None,
        context=rng.choice(({}, {"campaign": "spring"}, {"topic": "loans", "value": "3"})),
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
    settings = DomainSettings(
        name="small",
        queues=tuple(queues),
        profiles=tuple(profiles),
        capacities=tuple(capacities),
        agents=tuple(agents),
        urgency=rng.choice(tuple(Urgency)),
        agent_selection=some(rng, tuple(AgentCriterion), least=1),
        idle_clock=rng.choice(tuple(IdleClock)),
        back_off_us=rng.choice((0, 5)) * SECOND_US,
        connect_us=rng.choice((1, 10)) * SECOND_US,
        skills=SKILLS,
        attributes={"site": ("north", "south")},
        contact_attributes=("campaign",),
        measures=MeasureSettings(interval_us=DAY_US),
    )
    return _with_rules(rng, settings) if rng.random() < 0.5 else settings


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
    settings = DomainSettings(
        name="middle",
        queues=tuple(queues),
        profiles=tuple(profiles),
        capacities=tuple(capacities),
        agents=tuple(agents),
        urgency=urgency,
        agent_selection=some(rng, tuple(AgentCriterion), least=1),
        idle_clock=rng.choice(tuple(IdleClock)),
        skills=SKILLS,
        attributes={"site": ("north", "south")},
        contact_attributes=("campaign",),
        measures=MeasureSettings(interval_us=DAY_US),
    )
    return _with_rules(rng, settings)

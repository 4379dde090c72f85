"""Domains drawn at random: small and odd ones, and one of middle size.

Every draw comes from a `Random`: Hypothesis' own, which it can shrink, or a seeded one.
"""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from acd.ids import Channel, WrapUpMode
from acd.settings import (
    DAY_US,
    SECOND_US,
    AdmissionSettings,
    AffinitySettings,
    AfterMiss,
    AgentCriterion,
    AgentSettings,
    BackOffSettings,
    CalendarSettings,
    CapacitySettings,
    ChannelSettings,
    Condition,
    DomainSettings,
    EntryRule,
    HeadroomSettings,
    IdleClock,
    MeasureSettings,
    OverflowRule,
    PerformanceSettings,
    ProfileSettings,
    QueueClock,
    QueueSettings,
    RejectReason,
    RonaSettings,
    RoutingStep,
    Serves,
    SlotSettings,
    TeamSettings,
    Urgency,
    WeightedSettings,
)
from acd.urgency import READS_PRIORITY
from acd.validation import problems
from tests.properties.waiters import with_waiting, with_waits_told

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
REASONS: Final = (
    RejectReason(name="paperwork", back_off_us=10 * SECOND_US),
    RejectReason(name="unwell", not_ready=True, exclusion_us=0),
)
DISPOSITIONS: Final = ("sale", "no sale")
NOT_READY_REASONS: Final = ("lunch", "unwell")
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
HOURS: Final = (
    (),
    ((0, 86_400),),
    ((79_990, 80_020), (80_050, 80_110), (80_400, 86_400)),
    ((0, 3_600), (79_200, 80_005), (80_015, 80_035), (80_060, 84_000)),
    ((85_400, 85_440), (85_800, 86_400)),
)
"""Opening hours: a world begins on Tuesday, 2023-11-14, 80,000 s after midnight in UTC."""
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

GENERALIST: Final = AgentSettings(
    agent_id="generalist",
    profile="all",
    capacity="capacity0",
    skills=dict.fromkeys(SKILLS, 10),
    attributes={"site": "north"},
)
"""Every domain has him, so that no queue is without an agent."""


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


def _channel(rng: Random, urgency: Urgency, name: Channel) -> ChannelSettings:
    wrap_up_us = rng.choice((0, 2, 10)) * SECOND_US
    timed = urgency in {Urgency.C_MU, Urgency.GENERALIZED_C_MU}
    auto_answer = rng.random() < 0.2
    return ChannelSettings(
        objective_us=rng.choice((5, 20)) * SECOND_US,
        handle_time_us=rng.choice((60, 90, 200)) * SECOND_US if timed else None,
        ring_us=rng.choice((1, 15)) * SECOND_US,
        wrap_up_us=wrap_up_us,
        wrap_up_cap_us=wrap_up_us + rng.choice((0, 20)) * SECOND_US,
        auto_answer=auto_answer,
        parallel_offers=1 if auto_answer else rng.choice((1, 2, 3, 10)),
        park_us=None if name is Channel.VOICE else rng.choice((None, None, 40 * SECOND_US)),
        expires_us=rng.choice((*(None,) * 6, 4 * SECOND_US, 60 * SECOND_US)),
        acknowledge=name in {Channel.EMAIL, Channel.WEB_FORM} and wrap_up_us > 0,
    )


def numbers(rng: Random, urgency: Urgency) -> dict[str, Any]:
    """Return the numbers of a queue that a policy reads, and those that it lets stand.

    Rates are of points in seconds rather than in hours, so that the order changes within a story.
    """
    match urgency:
        case Urgency.AGEING:
            return {
                "priority": rng.randint(-1, 1),
                "ageing_per_h": rng.choice((None, 0, 60, 3_600, 100_000)),
                "ageing_cap": rng.choice((None, None, 2, 3, 30)),
            }
        case Urgency.WAIT_OVER_OBJECTIVE:
            return {}
        case Urgency.C_MU | Urgency.GENERALIZED_C_MU:
            return {"delay_cost": rng.choice((1, 2, 3))}
        case Urgency.QUEUE_RATIO:
            return {"waiting_share": rng.choice((0, 1, 1, 2, 5))}
        case _:
            return {
                "priority": rng.randint(-1, 1),
                "head_start_us": rng.choice((0, 10, 60)) * SECOND_US,
                "promise_us": rng.choice((1, 20, 60)) * SECOND_US,
            }


def common_rate(urgency: Urgency) -> int | None:
    """Return the rate of ageing of queues that have none of their own."""
    return 3_600 if urgency is Urgency.AGEING else None


def _steps(
    rng: Random, requires: str, priority: int | None, urgency: Urgency
) -> tuple[RoutingStep, ...]:
    """Return some steps, each wider than the one before."""
    wider = [
        RoutingStep(after_us=0, lower={"cards": 2, "loans": 2}),
        RoutingStep(after_us=0, lower={"cards": 0}),
    ]
    if requires:
        wider.append(RoutingStep(after_us=0, requires=""))
    if urgency in READS_PRIORITY and priority is not None:
        wider.append(RoutingStep(after_us=0, priority=priority + 1))
    chosen = sorted(rng.sample(range(len(wider)), rng.choice((0, 0, 1, 2))))
    if requires and chosen == [1, 2]:  # To require nothing may be nothing new after the first.
        chosen = [2]
    spans = sorted(rng.sample((1, 3, 10, 30), len(chosen)))
    return tuple(
        replace(wider[at], after_us=span * SECOND_US, if_nobody=rng.random() < 0.3)
        for at, span in zip(chosen, spans, strict=True)
    )


def _queue(rng: Random, name: str, urgency: Urgency, *, least: int = 1) -> QueueSettings:
    requires = rng.choice(REQUIREMENTS)
    given = numbers(rng, urgency)
    queue = QueueSettings(
        name=name,
        channels={
            channel: _channel(rng, urgency, channel) for channel in some(rng, CHANNELS, least=least)
        },
        requires=requires,
        prefers=some(rng, PREFERENCES)[:2],
        steps=_steps(rng, requires, given.get("priority"), urgency),
        exclusion_us=rng.choice((0, 3, 30)) * SECOND_US,
        affinity=_affinity(rng) if rng.random() < 0.6 else None,
        dispositions=rng.choice(((), DISPOSITIONS)),
        resume_us=rng.choice((None, 1, 30 * SECOND_US)),
        **given,
    )
    required = bool(queue.dispositions) and rng.random() < 0.5
    return replace(queue, disposition_required=required)


def _affinity(rng: Random) -> AffinitySettings:
    """Return for whom contacts are kept; the team is the site that the campaign names."""
    last_agent_us = rng.choice((0, 3, 30)) * SECOND_US
    team = TeamSettings(
        contact="campaign", agent="site", limit_us=rng.choice((1, 9, 60)) * SECOND_US
    )
    return AffinitySettings(
        named_agent_us=rng.choice((0, 2, 20)) * SECOND_US,
        last_agent_us=last_agent_us,
        last_agent_within_us=rng.choice((None, 5 * SECOND_US, 300 * SECOND_US))
        if last_agent_us
        else None,
        team=rng.choice((None, team)),
    )


def _queues(rng: Random, urgency: Urgency, count: int, *, least: int = 1) -> list[QueueSettings]:
    queues = [_queue(rng, f"queue{number}", urgency, least=least) for number in range(count)]
    if urgency is Urgency.QUEUE_RATIO:  # Not all shares may be 0.
        queues[0] = replace(queues[0], waiting_share=3)
    return queues


def _serves(
    rng: Random, queues: Sequence[QueueSettings], *, all_of_them: bool, reserve: bool = False
) -> list[Serves]:
    """Return the lines of a profile, some of which keep it in reserve if it may be."""
    return [
        Serves(
            queue=queue.name,
            channels=(channel,),
            tier=rng.choice((1, 1, 2)),
            delay_us=rng.choice((0, 0, 0, 2, 10)) * SECOND_US,
            reserve_waiting=rng.choice((None, 2, 2, 3)) if reserve else None,
        )
        for queue in queues
        for channel in queue.channels
        if all_of_them or rng.random() < 0.6
    ]


def _with_headrooms(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return a domain with the headrooms that are no mistakes: often none."""
    headrooms: tuple[HeadroomSettings, ...] = ()
    for queue in some(rng, settings.queues):
        keep_free = rng.choice((1, 1, 2))
        one = HeadroomSettings(name=f"for {queue.name}", queue=queue.name, keep_free=keep_free)
        if not problems(replace(settings, headrooms=(*headrooms, one))):
            headrooms = (*headrooms, one)
    return replace(settings, headrooms=headrooms)


def _with_estimates(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return a domain that has waits estimated, for which all channels have a handle time."""

    def timed(channel: ChannelSettings) -> ChannelSettings:
        drawn_us = rng.choice((1, 20, 90)) * SECOND_US
        return replace(channel, handle_time_us=channel.handle_time_us or drawn_us)

    queues = tuple(
        replace(queue, channels={name: timed(one) for name, one in queue.channels.items()})
        for queue in settings.queues
    )
    return replace(settings, queues=tuple(map(with_waits_told, queues)), estimated_wait=True)


def _slots(rng: Random, channel: Channel) -> SlotSettings:
    return SlotSettings(
        slots=rng.randint(1, 3),
        cost=rng.choice((0, 30, 30, 50, 100)),
        interrupted_by=some(rng, [other for other in CHANNELS if other is not channel]),
    )


def _agents(
    rng: Random, profiles: Sequence[ProfileSettings], capacities: Sequence[CapacitySettings]
) -> list[AgentSettings]:
    """Return up to four agents, one of whom takes everything; in some domains all of them do."""
    if rng.random() < 0.4:  # So that often several are free for one contact.
        agents = [replace(GENERALIST, agent_id=f"agent{number}") for number in range(3)]
    else:
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
    agents.insert(rng.randint(0, len(agents)), GENERALIST)
    return agents


def other_staff(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return the domain with some agents configured otherwise, but for the generalist."""
    if any(queue.affinity and queue.affinity.team for queue in settings.queues):
        sites = settings.attributes["site"]
    else:
        sites = ("north", "south")

    def drawn(agent: AgentSettings) -> AgentSettings:
        if agent.agent_id == GENERALIST.agent_id or rng.random() < 0.5:
            return agent
        return replace(
            agent,
            profile=rng.choice(settings.profiles).name,
            capacity=rng.choice(settings.capacities).name,
            skills={skill: rng.randint(1, 10) for skill in some(rng, settings.skills)},
            attributes={"site": rng.choice(sites)} if rng.random() < 0.7 else {},
        )

    other = replace(settings, agents=tuple(map(drawn, settings.agents)))
    return settings if problems(other) else other


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


def _with_calendars(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return a domain some of whose queues open and close, often within the first minutes."""
    calendars = []
    for number in range(rng.choice((1, 1, 2))):
        week = [rng.choice(HOURS) for _ in range(7)]
        week[rng.randrange(7)] = rng.choice(HOURS[1:])
        dates = some(rng, ("2023-11-14", "2023-11-15", "2023-11-26"))
        calendars.append(
            CalendarSettings(
                name=f"calendar{number}",
                hours=tuple(week),
                days=tuple((date, rng.choice(HOURS)) for date in sorted(dates[:2])),
                utc_offsets=rng.choice(OFFSETS),
            )
        )
    queues = tuple(
        replace(
            queue,
            opening_hours=rng.choice(calendars).name,
            clock=rng.choice(tuple(QueueClock)),
        )
        if rng.random() < 0.6
        else queue
        for queue in settings.queues
    )
    names = [calendar.name for calendar in calendars]
    agents = tuple(
        replace(agent, shift=rng.choice(names)) if rng.random() < 0.3 else agent
        for agent in settings.agents
    )
    return replace(settings, queues=queues, agents=agents, calendars=tuple(calendars))


def limited_domain(rng: Random) -> DomainSettings:
    """Return a small domain whose queues open, close and overflow, under limits on admission."""
    settings = small_domain(rng)
    if not settings.calendars:
        settings = _with_calendars(rng, settings)
    settings = with_overflow(rng, settings)
    for condition in (Condition.CLOSED, Condition.NOBODY_LOGGED_IN):
        if rng.random() < 0.6:
            settings = _left_when(rng, condition, settings)
    return with_admission(rng, settings) if rng.random() < 0.5 else settings


def _left_when(rng: Random, condition: Condition, settings: DomainSettings) -> DomainSettings:
    """Return a domain where in all queues that may have it a rule is the first: nobody stays."""
    for at, queue in enumerate(settings.queues):
        for name, channel in queue.channels.items():
            rule = OverflowRule(leaving=(condition,), message=rng.choice(settings.messages))
            changed = replace(channel, overflow=(rule, *channel.overflow))
            queues = list(settings.queues)
            queues[at] = replace(queues[at], channels={**queues[at].channels, name: changed})
            if not problems(replace(settings, queues=tuple(queues))):
                settings = replace(settings, queues=tuple(queues))
    return settings


def _with_limits(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return a domain with or without overflow and admission: often without."""
    if rng.random() < 0.3:
        settings = with_overflow(rng, settings)
    return with_admission(rng, settings) if rng.random() < 0.2 else settings


def with_overflow(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return a domain whose contacts overflow by rules that are no mistakes: often by several."""
    settings = replace(settings, voicemails=("box",), messages=("busy", "closed"))
    for at, queue in enumerate(settings.queues):
        for channel, each in queue.channels.items():
            rules: tuple[OverflowRule, ...] = ()
            for _ in range(rng.choice((0, 1, 1, 2, 4))):
                drawn = (*rules, _overflow_rule(rng, queue, channel, settings))
                changed = replace(each, overflow=drawn)
                channels = {**settings.queues[at].channels, channel: changed}
                queues = list(settings.queues)
                queues[at] = replace(queues[at], channels=channels)
                if not problems(replace(settings, queues=tuple(queues))):
                    settings, rules = replace(settings, queues=tuple(queues)), drawn
    return settings


def _overflow_rule(
    rng: Random, queue: QueueSettings, channel: Channel, settings: DomainSettings
) -> OverflowRule:
    targets: list[dict[str, str]] = [{"message": "busy"}, {"message": "closed"}]
    targets += [{"queue": one.name} for one in settings.queues if channel in one.channels] * 2
    if channel is Channel.VOICE:
        targets.append({"voicemail": "box"})
        targets += [{"callback": "busy"}] * (2 * (queue.callbacks is not None))
    chosen = some(rng, tuple(Condition)[queue.opening_hours is None :])
    cut = rng.randint(0, len(chosen))
    return OverflowRule(
        joining=chosen[:cut],
        leaving=chosen[cut:] if rng.random() < 0.5 else (),
        max_waiting=rng.choice((None, 1, 2, 4)),
        max_estimated_wait_us=(
            rng.choice((None, 1, 40 * SECOND_US)) if settings.estimated_wait else None
        ),
        max_wait_us=rng.choice((None, None, 1, 7 * SECOND_US, 30 * SECOND_US)),
        **rng.choice(targets),
    )


def with_admission(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return a domain with limits on admission, of overlapping sources."""
    limits = []
    for number in range(rng.choice((1, 1, 2, 3))):
        rate = rng.choice((None, None, 6, 60, 7_000))
        limits.append(
            AdmissionSettings(
                name=f"limit{number}",
                queues=rng.choice(((), tuple(one.name for one in some(rng, settings.queues)))),
                channels=rng.choice(((), some(rng, CHANNELS))),
                attributes=rng.choice(({}, {}, {"campaign": "north"})),
                max_waiting=rng.choice((1, 3, 6) if rate is None else (None, 2)),
                rate_per_min=rate,
                burst=1 if rate is None else rng.choice((1, 3)),
                message="busy",
            )
        )
    return replace(settings, messages=("busy", "closed"), admission=tuple(limits))


def _rule(rng: Random, name: str, settings: DomainSettings) -> EntryRule:
    by_priority = settings.urgency in {Urgency.STRICT_PRIORITY, Urgency.AGEING}
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
        context=rng.choice(({}, {"campaign": "north"}, {"topic": "loans", "value": "3"})),
    )


def small_domain(rng: Random) -> DomainSettings:
    """Return a domain of up to three queues and four agents."""
    urgency = rng.choice(tuple(Urgency))
    least = rng.randint(1, len(CHANNELS))
    queues = _queues(rng, urgency, rng.randint(1, 3), least=least)
    profiles = [
        ProfileSettings(name="all", serves=tuple(_serves(rng, queues, all_of_them=True))),
    ]
    reserve = rng.random() < 0.4
    profiles += [
        ProfileSettings(name=f"part{number}", serves=tuple(lines))
        for number in range(2)
        if (lines := _serves(rng, queues, all_of_them=False, reserve=reserve))
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
    agents = _agents(rng, profiles, capacities)
    settings = DomainSettings(
        name="small",
        queues=tuple(queues),
        profiles=tuple(profiles),
        capacities=tuple(capacities),
        agents=tuple(agents),
        urgency=urgency,
        ageing_per_h=common_rate(urgency),
        **_criteria(rng),
        idle_clock=rng.choice(tuple(IdleClock)),
        back_off_us=rng.choice((0, 5)) * SECOND_US,
        back_off=BackOffSettings(
            busy_us=rng.choice((None, 0, 3 * SECOND_US)),
            missed_us=rng.choice((0, 2 * SECOND_US)),
            rejected_us=rng.choice((0, 2 * SECOND_US)),
        ),
        rona=RonaSettings(then=rng.choice(tuple(AfterMiss)), after=rng.choice((1, 1, 2, 3))),
        reject_reasons=rng.choice(((), REASONS)),
        not_ready_reasons=rng.choice(((), NOT_READY_REASONS)),
        offer_gap_us=rng.choice((0, 0, 2)) * SECOND_US,
        connect_us=rng.choice((1, 10)) * SECOND_US,
        skills=SKILLS,
        attributes={"site": ("north", "south")},
        contact_attributes=("campaign",),
        measures=MeasureSettings(interval_us=DAY_US),
    )
    if rng.random() < 0.6:
        settings = _with_headrooms(rng, settings)
    if rng.random() < 0.3:
        settings = _with_calendars(rng, settings)
    settings = _with_limits(rng, with_waiting(rng, settings) if rng.random() < 0.8 else settings)
    settings = _with_rules(rng, settings) if rng.random() < 0.5 else settings
    return _with_estimates(rng, settings) if rng.random() < 0.5 else settings


def middle_domain(rng: Random, urgency: Urgency) -> DomainSettings:
    """Return a domain of eight queues on up to four channels, and thirty agents."""
    queues = _queues(rng, urgency, 8)
    queues[0] = replace(
        queues[0],
        channels={channel: _channel(rng, urgency, channel) for channel in CHANNELS},
        requires="",
        prefers=(),
        steps=(),
    )
    profiles = [
        ProfileSettings(name="all", serves=tuple(_serves(rng, queues, all_of_them=True))),
        *(
            ProfileSettings(
                name=f"part{number}",
                serves=tuple(_serves(rng, queues, all_of_them=False, reserve=number > 1)),
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
    agents.append(GENERALIST)
    settings = DomainSettings(
        name="middle",
        queues=tuple(queues),
        profiles=tuple(profiles),
        capacities=tuple(capacities),
        agents=tuple(agents),
        urgency=urgency,
        ageing_per_h=common_rate(urgency),
        **_criteria(rng),
        idle_clock=rng.choice(tuple(IdleClock)),
        skills=SKILLS,
        attributes={"site": ("north", "south")},
        contact_attributes=("campaign",),
        measures=MeasureSettings(interval_us=DAY_US),
    )
    settings = _with_headrooms(rng, settings)
    if rng.random() < 0.3:
        settings = _with_calendars(rng, settings)
    if rng.random() < 0.5:
        settings = with_waiting(rng, settings)
    return _with_estimates(rng, _with_rules(rng, settings))

"""Mistakes in entry rules.

Method: one sound domain with rules; a table of changes to them, each with every message it must
give, word for word; and near misses that must give none, since a rule that can fire is no mistake.
"""
# ruff: noqa: E501, ISC004 - a table of messages is read line by line, and some are long

from typing import Any, Final

import pytest
from msgspec.structs import replace

from acd import implication
from acd.ids import Channel
from acd.mistakes import KeyPath
from acd.settings import (
    SECOND_US,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
    ProfileSettings,
    QueueSettings,
    RoutingStep,
    Serves,
    SlotSettings,
    Urgency,
)
from acd.validation import RULES_MAX, mistakes, problems

VOICE, CHAT, EMAIL = Channel.VOICE, Channel.CHAT, Channel.EMAIL

REST: Final = EntryRule(name="rest", queue="all")
SOUND: Final = DomainSettings(
    name="shop",
    queues=(
        QueueSettings(name="all", channels=dict.fromkeys((VOICE, CHAT, EMAIL), ChannelSettings())),
        QueueSettings(name="calls", channels={VOICE: ChannelSettings()}),
    ),
    profiles=(
        ProfileSettings(
            name="both",
            serves=(
                Serves(queue="all", channels=(VOICE, CHAT, EMAIL)),
                Serves(queue="calls", channels=(VOICE,)),
            ),
        ),
    ),
    capacities=(
        CapacitySettings(name="any", channels=dict.fromkeys((VOICE, CHAT, EMAIL), SlotSettings())),
        CapacitySettings(name="talk", channels={VOICE: SlotSettings()}),
    ),
    agents=(
        AgentSettings(agent_id="ann", profile="both", capacity="any", skills={"cards": 5}),
        AgentSettings(agent_id="bob", profile="both", capacity="talk", skills={"loans": 5}),
    ),
    skills=("cards", "loans", "latin"),
    contact_attributes=("topic", "dnis", "age"),
    contact_numbers=("age",),
    entry=(REST,),
)


def domain(**fields: Any) -> DomainSettings:
    return replace(SOUND, **fields)


def rules(*texts: str, **last: Any) -> DomainSettings:
    """Return the domain with rules of these conditions before the default; the last one is more."""
    some = [EntryRule(name=f"r{place}", queue="all", when=text) for place, text in enumerate(texts)]
    some[-1] = replace(some[-1], **last)
    return domain(entry=(*some, REST))


def idle(place: int, *takers: str) -> list[str]:
    names = ", ".join(f"`{name}`" for name in takers)
    return [
        f"entry[{place}].when: can never fire: all its contacts are taken before, by {names};"
        " wanted a condition that other contacts meet, or an earlier place"
    ]


PHONES: Final = ProfileSettings(
    name="both",
    serves=(Serves(queue="all", channels=(VOICE,)), Serves(queue="calls", channels=(VOICE,))),
)

IN_RESERVE: Final = (
    "entry[0].requirement: is met by agents in reserve only; wanted an agent who serves it without"
    " reserve_waiting, or a few contacts would wait for ever"
)


def reserved(settings: DomainSettings, *steps: RoutingStep) -> DomainSettings:
    """Let Ann serve calls only when two wait; Bob, who has loans, serves them always."""
    (both,) = SOUND.profiles
    lines = tuple(replace(one, reserve_waiting=2) for one in both.serves)
    lines = (*lines, Serves(queue="all", channels=(CHAT, EMAIL)))
    lines = (replace(lines[0], channels=(VOICE,)), *lines[1:])
    ann, bob = SOUND.agents
    return replace(
        settings,
        queues=(replace(settings.queues[0], steps=steps), settings.queues[1]),
        profiles=(both, ProfileSettings(name="reserve", serves=lines)),
        agents=(replace(ann, profile="reserve"), bob),
    )


def stepped(requirement: str, step: RoutingStep, requires: str = "") -> DomainSettings:
    """Return the domain with a rule for calls that requires this, in a queue with a step."""
    settings = rules("channel == voice", requirement=requirement)
    calls = QueueSettings(
        name="all", channels={VOICE: ChannelSettings()}, requires=requires, steps=(step,)
    )
    return replace(settings, queues=(calls, settings.queues[1]), profiles=(PHONES,))


CONTRADICTS: Final = "entry[0].when: can never fire: it contradicts itself; wanted a condition that a contact can meet"

CASES: Final[list[tuple[DomainSettings, list[str]]]] = [
    (SOUND, []),
    (rules("topic == cards"), []),
    # Names and values
    (rules("topic == x", name=""), ["entry[0].name: has a name of 0 characters; wanted from 1 to 64 characters"]),
    (rules("topic == x", name="rest"), ["entry[1].name: is `rest` again; wanted another name"]),
    (rules("topic == x", queue="al"), ["entry[0].queue: is `al`; wanted a declared queue; did you mean `all`?"]),
    (rules("topic == x", priority=1),
     ["entry[0].priority: is given; wanted none, since the urgency policy `longest_wait` does not read it"]),
    (rules("topic == x", promise_us=1),
     ["entry[0].promise_s: is given; wanted none, since the urgency policy `longest_wait` does not read it"]),
    (rules("topic == x", requirement="flying"),
     ["entry[0].requirement: names `flying` at character 1; wanted a declared skill"]),
    (rules("topic == x", prefers=("cards", "", "lons")), [
        "entry[0].prefers[1]: is empty; wanted a requirement",
        "entry[0].prefers[2]: names `lons` at character 1; wanted a declared skill; did you mean `loans`?"]),
    (rules("topic == x", prefers=("cards",) * 11), ["entry[0].prefers: has 11 of them; wanted at most 10"]),
    (rules("topic == x", context={"topic": "x", "age": "-5"}), []),
    (rules("topic == x", context={"topc": "x", "age": "old", "dnis": ""}), [
        "entry[0].context.topc: is no declared attribute of contacts; wanted a declared attribute of contacts;"
        " did you mean `topic`?",
        "entry[0].context.age: is `old`; wanted a number, since domain.contact_numbers names it",
        "entry[0].context.dnis: has 0 characters; wanted from 1 to 64"]),
    (domain(contact_numbers=("ag", "age", "age")), [
        "domain.contact_numbers[0]: is `ag`; wanted a declared attribute of contacts; did you mean `age`?",
        "domain.contact_numbers[2]: is `age` again; wanted each name once"]),
    (domain(contact_attributes=("age", "time", "in")), [
        "domain.contact_attributes[1]: is `time`; wanted another name, since conditions of entry rules have this one",
        "domain.contact_attributes[2]: is `in`; wanted another name, since conditions of entry rules have this one"]),
    (domain(contact_attributes=("age", "time", "in"), entry=()), []),
    (domain(utc_offsets=((0, 3600), (5, -3600))), []),
    (domain(utc_offsets=((5, 0), (5, 1))),
     ["domain.time_zone: has other offsets; wanted offsets of at most a day, in the order of their instants"]),
    (domain(utc_offsets=((5, 86_401),)),
     ["domain.time_zone: has other offsets; wanted offsets of at most a day, in the order of their instants"]),
    (domain(entry=(*(EntryRule(name=f"r{n}", queue="all", when=f"dnis == {n}") for n in range(RULES_MAX)), REST)),
     ["entry: has 501 rules; wanted at most 500"]),
    # Conditions
    (rules("topic == "), ["entry[0].when: ends at character 10; wanted a value: a name, a number, a time like 08:30, or a text in quotes"]),
    (rules(" "), ["entry[0].when: is empty; wanted a condition; or no `when`, in the last rule"]),
    (rules("topc == a and agee == 3"), [
        "entry[0].when: names `topc` at character 1; wanted `channel`, `weekday`, `time` or a declared attribute of contacts; did you mean `topic`?",
        "entry[0].when: names `agee` at character 15; wanted `channel`, `weekday`, `time` or a declared attribute of contacts; did you mean `age`?"]),
    # The default
    (domain(entry=(EntryRule(name="r0", queue="all", when="topic is set"),)),
     ["entry: has no default; wanted a last rule without `when`"]),
    (domain(entry=(REST, EntryRule(name="r1", queue="all", when="topic is set"), replace(REST, name="r2"))),
     ["entry[0].when: is missing, so that no later rule can ever fire; wanted a condition, or this rule as the last"]),
    # Rules that can never fire
    (rules("channel == voice and channel == email"), [CONTRADICTS]),
    (rules("time >= 22:00 and time < 06:00"),
     [f"{CONTRADICTS}; over midnight write `time >= 22:00 or time < 06:00`"]),
    (rules("topic is set", "topic == cards"), idle(1, "r0")),
    (rules("topic == cards", "topic is set"), []),
    (rules("topic == cards", "dnis == 1", "topic in (cards, loans)"), []),
    (rules("topic == cards", "topic == loans", "topic in (cards, loans) and age > 3"), idle(2, "r0", "r1")),
    (rules("channel in (voice, chat)", "channel in (email, web_form)", "topic == cards"), idle(2, "r0", "r1")),
    (rules("weekday in (mon, tue, wed, thu, fri)", "weekday in (sat, sun)", "topic == cards"), idle(2, "r0", "r1")),
    (rules("time < 12:00", "time >= 12:00", "topic == cards", "topic != cards"), [*idle(2, "r0", "r1"), *idle(3, "r0", "r1")]),
    (rules("topic is set or not topic is set", "age > 3"), idle(1, "r0")),
    (rules("weekday in (mon, tue, wed, thu, fri)", "weekday == sat", "topic == cards"), []),
    (rules("age > 999999999999.999999"), [CONTRADICTS]),
    # The default may be left without contacts: it is wanted all the same.
    (rules("channel == voice", "channel != voice"), []),
    # What cannot be read takes nobody.
    (rules("topic ==", "topic == cards"), ["entry[0].when: ends at character 9; wanted a value: a name, a number, a time like 08:30, or a text in quotes"]),
    # Channels
    (rules("channel == voice", queue="calls"), []),
    (rules("channel in (voice, chat)", queue="calls"),
     ["entry[0].queue: is `calls`, which has no table for `chat`; wanted a queue with each channel that `when` leaves"]),
    (rules("channel != email and channel != chat", queue="calls"), []),
    (rules("channel == web_form"),
     ["entry[0].queue: is `all`, which has no table for `web_form`; wanted a queue with each channel that `when` leaves"]),
    (rules("dnis == 4000", queue="calls"), []),
    (rules("channel == chat", queue="nowhere"), ["entry[0].queue: is `nowhere`; wanted a declared queue"]),
    # Requirements
    (rules("topic == x", requirement="loans"), []),
    (rules("topic == x", requirement="latin"),
     ["entry[0].requirement: is met by no agent; wanted an agent who serves voice of `all` and meets it too"]),
    (rules("channel in (voice, chat)", requirement="loans"),
     ["entry[0].requirement: is met by no agent; wanted an agent who serves chat of `all` and meets it too"]),
    (rules("channel == voice", requirement="cards and not loans"), []),
    # Who is in reserve alone would leave a few of them to wait for ever.
    (reserved(rules("channel == voice", requirement="cards")), [IN_RESERVE]),
    (reserved(rules("channel == voice", requirement="loans")), []),
    (reserved(rules("topic == x", requirement="cards or loans")), []),
    (reserved(rules("channel == voice", requirement="cards"), RoutingStep(after_us=1, lower={"cards": 0})), []),
    # Who meets it in the end, when all steps are taken, is somebody who can.
    (stepped("cards >= 8", RoutingStep(after_us=1, lower={"cards": 5})), []),
    (stepped("cards >= 8", RoutingStep(after_us=1, lower={"cards": 6})), [
        "entry[0].requirement: is met by no agent; wanted an agent who serves voice of `all` and meets it too"]),
    (stepped("cards and loans", RoutingStep(after_us=1, lower={"loans": 0})), []),
    (stepped("cards", RoutingStep(after_us=1, requires=""), requires="loans"), []),
    (stepped("cards", RoutingStep(after_us=1, requires="loans or latin"), requires="loans"), [
        "entry[0].requirement: is met by no agent; wanted an agent who serves voice of `all` and meets it too"]),
    (reserved(rules("channel == voice", requirement="cards"), RoutingStep(after_us=1, lower={"loans": 0})), [IN_RESERVE]),
    (rules("channel == voice", requirement="cards and loans", queue="calls"),
     ["entry[0].requirement: is met by no agent; wanted an agent who serves voice of `calls` and meets it too"]),
]  # fmt: skip


@pytest.mark.parametrize("settings, messages", CASES)
def test_each_mistake_has_its_message(settings: DomainSettings, messages: list[str]) -> None:
    assert [str(problem) for problem in problems(settings)] == messages


def test_numbers_that_the_policy_reads_have_limits() -> None:
    queues = tuple(replace(one, priority=0, promise_us=SECOND_US) for one in SOUND.queues)
    for urgency, more, message in (
        (Urgency.STRICT_PRIORITY, {"priority": 2**30},
         "entry[0].priority: is 1073741824; wanted a whole number from -1000000 to 1000000"),
        (Urgency.DEADLINE_FIRST, {"promise_us": 0},
         "entry[0].promise_s: is 0; wanted a number of seconds above 0 and up to 31622400"),
        (Urgency.STRICT_PRIORITY, {"priority": -1}, ""),
        (Urgency.DEADLINE_FIRST, {"promise_us": 1}, ""),
    ):  # fmt: skip
        settings = replace(rules("topic == x", **more), urgency=urgency, queues=queues)
        assert [str(one) for one in problems(settings)] == [message] * bool(message)


@pytest.mark.parametrize(
    "settings, path",
    [
        (rules("topc == x"), ("domain", "contact_attributes")),
        (rules("topic =="), ("entry", 0, "when")),
        (rules("topic == x", queue=""), ("entry", 0, "queue")),
        (rules("topic == x", queue="calls", when="channel == chat"), ("queues", "calls", "chat")),
        (rules("topic == x", priority=1), ("domain", "urgency")),
        (rules("topic == x", requirement="flying"), ("domain", "skills")),
        (rules("topic == x", requirement="latin"), ("agents", "ann", "skills")),
        (domain(entry=(EntryRule(name="r0", queue="all", when="topic is set"),)), ("entry", 0)),
    ],
)
def test_nothing_follows_from_what_could_not_be_read(
    settings: DomainSettings, path: KeyPath
) -> None:
    assert mistakes(settings, faulty={path}) == []


def test_where_too_much_would_have_to_be_compared_nothing_is_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = rules("topic is set", "topic == cards and channel == web_form")
    assert len(problems(settings)) == 2
    monkeypatch.setattr(implication, "TERMS_MAX", 3)
    assert problems(settings) == []

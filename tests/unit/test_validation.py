"""Mistakes in settings.

Method: one sound domain; a table of changes to it, each with every message it must give, word for
word; then many at once, what only follows from a mistake, and sizes.
"""
# ruff: noqa: E501, ISC004 - a table of messages is read line by line, and some are long

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
import pytest

from acd import implication
from acd.ids import Channel
from acd.mistakes import KeyPath, key_text
from acd.settings import (
    SECOND_US,
    AffinitySettings,
    AgentCriterion,
    AgentSettings,
    BackOffSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
    HeadroomSettings,
    MeasureSettings,
    PerformanceSettings,
    ProfileSettings,
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
from acd.validation import AGENTS_MAX, DISPOSITIONS_MAX, QUEUES_MAX, mistakes, problems

StructT = TypeVar("StructT", bound=msgspec.Struct)

VOICE: Final = Channel.VOICE
CHAT: Final = Channel.CHAT
YEAR: Final = "a number of seconds from 0 to 31622400"
ABOVE: Final = "a number of seconds above 0 and up to 31622400"

QUEUE: Final = QueueSettings(
    name="cards", channels={VOICE: ChannelSettings()}, requires="cards >= 3 and site == madrid"
)
PROFILE: Final = ProfileSettings(name="team", serves=(Serves(queue="cards", channels=(VOICE,)),))
CAPACITY: Final = CapacitySettings(name="one", channels={VOICE: SlotSettings()})
ANA: Final = AgentSettings(
    agent_id="ana",
    profile="team",
    capacity="one",
    skills={"cards": 6},
    attributes={"site": "madrid"},
)
SOUND: Final = DomainSettings(
    name="bank",
    queues=(QUEUE,),
    profiles=(PROFILE,),
    capacities=(CAPACITY,),
    agents=(ANA,),
    skills=("cards", "loans"),
    attributes={"site": ("madrid", "boston")},
    contact_attributes=("campaign",),
)


def changed(thing: StructT, **fields: Any) -> StructT:
    return msgspec.structs.replace(thing, **fields)


def queue(**fields: Any) -> DomainSettings:
    return changed(SOUND, queues=(changed(QUEUE, **fields),))


def voice(**fields: Any) -> DomainSettings:
    return queue(channels={VOICE: ChannelSettings(**fields)})


def line(**fields: Any) -> DomainSettings:
    other = Serves(**{"queue": "cards", "channels": (VOICE,), **fields})
    return changed(SOUND, profiles=(PROFILE, ProfileSettings(name="p", serves=(other,))))


def slot(**fields: Any) -> DomainSettings:
    capacity = CapacitySettings(name="c", channels={CHAT: SlotSettings(**fields)})
    return changed(SOUND, capacities=(CAPACITY, capacity))


def agent(**fields: Any) -> DomainSettings:
    bob = changed(ANA, agent_id="bob", **fields)
    return changed(SOUND, agents=(ANA, bob))


def measures(**fields: Any) -> DomainSettings:
    return changed(SOUND, measures=MeasureSettings(**fields))


def reserved(name: str = "team") -> ProfileSettings:
    lines = (Serves(queue="cards", channels=(VOICE,), reserve_waiting=2),)
    return ProfileSettings(name=name, serves=lines)


NOT_IN_RESERVE: Final = (
    "an agent who serves it without reserve_waiting, or a few contacts would wait for ever"
)


def steps(*given: RoutingStep, urgency: Urgency = Urgency.LONGEST_WAIT) -> DomainSettings:
    return changed(queue(steps=given, priority=1), urgency=urgency)


def affinity(*, team: tuple[str, str, int] | None = None, **limits_us: int) -> DomainSettings:
    given = None if team is None else TeamSettings(contact=team[0], agent=team[1], limit_us=team[2])
    return queue(affinity=AffinitySettings(team=given, **limits_us))


def step(**fields: Any) -> RoutingStep:
    return RoutingStep(**{"after_us": SECOND_US, **fields})


CRITERIA: Final = (
    "`longest_idle`, `highest_proficiency`, `least_flexible`, `least_occupied`, `fastest_first`, "
    "`best_quality`, `best_resolution`, `best_conversion`, `round_robin`"
)
SCALED: Final = (
    "`highest_proficiency`, `least_flexible`, `fastest_first`, `best_quality`, `best_resolution`, "
    "`best_conversion`"
)
VALUE: Final = WeightedSettings(name="value", weights={"fastest_first": 70, "best_quality": 30})


def selection(*names: str) -> DomainSettings:
    return changed(SOUND, agent_selection=names)


def weighted(**fields: Any) -> DomainSettings:
    value = changed(VALUE, **fields)
    return changed(SOUND, agent_selection=(value.name,), weighted=(value,))


def desk(*headrooms: HeadroomSettings, **fields: Any) -> DomainSettings:
    """Return a domain of two queues, both with chats, of which one has calls; three serve all."""
    queues = (
        QueueSettings(name="calls", channels={VOICE: ChannelSettings(), CHAT: ChannelSettings()}),
        QueueSettings(name="chats", channels={CHAT: ChannelSettings()}),
    )
    serves = tuple(Serves(queue=one.name, channels=tuple(one.channels)) for one in queues)
    both = CapacitySettings(name="both", channels={VOICE: SlotSettings(), CHAT: SlotSettings()})
    talk = CapacitySettings(name="talk", channels={VOICE: SlotSettings()})
    staff = [AgentSettings(agent_id=one, profile="all", capacity="both") for one in "abc"]
    settings = DomainSettings(
        name="desk",
        queues=queues,
        profiles=(ProfileSettings(name="all", serves=serves),),
        capacities=(both, talk),
        agents=tuple(staff),
        headrooms=headrooms,
    )
    return changed(settings, **fields)


def headroom(keep_free: int = 1, name: str = "h", queue: str = "calls") -> HeadroomSettings:
    return HeadroomSettings(name=name, queue=queue, keep_free=keep_free)


TALKERS: Final = (
    *(AgentSettings(agent_id=one, profile="all", capacity="talk") for one in "ab"),
    AgentSettings(agent_id="c", profile="writers", capacity="both"),
)
WRITERS: Final = ProfileSettings(
    name="writers", serves=tuple(Serves(queue=one, channels=(CHAT,)) for one in ("calls", "chats"))
)

LONG: Final = "x" * 65

CASES: Final[list[tuple[DomainSettings, list[str]]]] = [
    (SOUND, []),
    # The domain
    (changed(SOUND, name=""), ["domain.name: has a name of 0 characters; wanted from 1 to 64 characters"]),
    (changed(SOUND, name=LONG), ["domain.name: has a name of 65 characters; wanted from 1 to 64 characters"]),
    (changed(SOUND, agent_selection=()), ["domain.agent_selection: is empty; wanted at least one criterion"]),
    (changed(SOUND, agent_selection=(AgentCriterion.LONGEST_IDLE,) * 2),
     ["domain.agent_selection[1]: is `longest_idle` again; wanted each name once"]),
    # Criteria
    (selection("fastest_frist"), [
        f"domain.agent_selection[0]: is `fastest_frist`; wanted one of {CRITERIA}; did you mean `fastest_first`?"]),
    (selection("xyzzy"), [f"domain.agent_selection[0]: is `xyzzy`; wanted one of {CRITERIA}"]),
    (selection("round_robin", "longest_idle", "least_flexible"), [
        "domain.agent_selection[1]: stands behind `round_robin`, which never ties; wanted `round_robin` last"]),
    (selection("longest_idle", "round_robin"), []),
    (selection(*AgentCriterion), []),
    (changed(SOUND, occupancy_half_life_us=0), [f"domain.occupancy_half_life_s: is 0; wanted {ABOVE}"]),
    (weighted(), []),
    (weighted(band_percent=0), ["weighted.value.band_percent: is 0; wanted a whole number from 1 to 99"]),
    (weighted(band_percent=100), ["weighted.value.band_percent: is 100; wanted a whole number from 1 to 99"]),
    (weighted(weights={"fastest_first": 60, "best_quality": 30}), [
        "weighted.value: has weights that sum to 90; wanted weights that sum to 100"]),
    (weighted(weights={}), ["weighted.value: has weights that sum to 0; wanted weights that sum to 100"]),
    (weighted(weights={"fastest_first": 101, "best_quality": -1}), [
        "weighted.value.fastest_first: is 101; wanted a whole number from 1 to 100",
        "weighted.value.best_quality: is -1; wanted a whole number from 1 to 100"]),
    (weighted(weights={"longest_idle": 50, "best_qualty": 50}), [
        f"weighted.value.longest_idle: has no scale; wanted one of {SCALED}",
        f"weighted.value.best_qualty: is no criterion; wanted one of {SCALED}; did you mean `best_quality`?"]),
    (weighted(name=""), ['weighted."": has a name of 0 characters; wanted from 1 to 64 characters']),
    (weighted(name="best_quality"), ["weighted.best_quality: has the name of a criterion; wanted another name"]),
    (changed(weighted(), agent_selection=("longest_idle",)), [
        "weighted.value: is not in domain.agent_selection; wanted its name there"]),
    (changed(weighted(), agent_selection=("valeu",)), [
        f"domain.agent_selection[0]: is `valeu`; wanted one of {CRITERIA}, `value`; did you mean `value`?"]),
    (changed(weighted(), agent_selection=("value", "more"),
             weighted=(VALUE, changed(VALUE, name="more"))),
     ["weighted.more: is a second weighted sum; wanted one in a domain"]),
    (changed(weighted(), agent_selection=("value", "value")), [
        "domain.agent_selection[1]: is `value` again; wanted each name once"]),
    (changed(SOUND, performance=PerformanceSettings(memory=0, credibility=1_001, band_percent=100)), [
        "performance.memory: is 0; wanted a whole number from 1 to 1000",
        "performance.credibility: is 1001; wanted a whole number from 1 to 1000",
        "performance.band_percent: is 100; wanted a whole number from 1 to 99"]),
    (changed(SOUND, performance=PerformanceSettings(memory=1, credibility=1, band_percent=1)), []),
    (changed(SOUND, back_off_us=-1), [f"domain.back_off_s: is -0.000001; wanted {YEAR}"]),
    (changed(SOUND, back_off_us=0), []),
    (changed(SOUND, connect_us=0), [f"domain.connect_s: is 0; wanted {ABOVE}"]),
    (changed(SOUND, connect_us=367 * 86_400 * SECOND_US),
     [f"domain.connect_s: is 31708800; wanted {ABOVE}"]),
    (changed(SOUND, skills=("cards", "not", "2nd", "", LONG, "cards")), [
        "domain.skills[1]: is `not`; wanted another name than and, or, not",
        "domain.skills[2]: is `2nd`; wanted a name of letters, digits, `_` and `-` that begins"
        " with a letter or `_`",
        "domain.skills[3]: is ``; wanted a name of letters, digits, `_` and `-` that begins"
        " with a letter or `_`",
        "domain.skills[4]: has a name of 65 characters; wanted from 1 to 64 characters",
        "domain.skills[5]: is `cards` again; wanted each name once",
    ]),
    (changed(SOUND, contact_attributes=("", "a", "a")), [
        "domain.contact_attributes[0]: has a name of 0 characters; wanted from 1 to 64 characters",
        "domain.contact_attributes[2]: is `a` again; wanted each name once",
    ]),
    (changed(SOUND, attributes={"site": ("madrid", "madrid"), "a b": (), "t": ("", "'", "\n", LONG)}), [
        'attributes."a b": is `a b`; wanted a name of letters, digits, `_` and `-` that begins'
        " with a letter or `_`",
        "attributes.site[1]: is `madrid` again; wanted each name once",
        'attributes."a b": is empty; wanted at least one value',
        "attributes.t[0]: is ``; wanted 1 to 64 printable characters without quotes",
        "attributes.t[1]: is `'`; wanted 1 to 64 printable characters without quotes",
        "attributes.t[2]: is `\\n`; wanted 1 to 64 printable characters without quotes",
        f"attributes.t[3]: is `{'x' * 40}…`; wanted 1 to 64 printable characters without quotes",
    ]),
    (DomainSettings(name="d", queues=(), profiles=(), capacities=(), agents=()), [
        "queues: is missing; wanted at least one",
        "profiles: is missing; wanted at least one",
    ]),
    # Offers that fail
    (changed(SOUND, offer_gap_us=-1), [f"domain.offer_gap_s: is -0.000001; wanted {YEAR}"]),
    (changed(SOUND, back_off=BackOffSettings(busy_us=-1, missed_us=-1, rejected_us=0)), [
        f"back_off.busy_s: is -0.000001; wanted {YEAR}",
        f"back_off.missed_s: is -0.000001; wanted {YEAR}",
    ]),
    (changed(SOUND, rona=RonaSettings(after=0)), ["rona.after: is 0; wanted a whole number from 1 to 100"]),
    (changed(SOUND, reject_reasons=(
        RejectReason(name="", exclusion_us=-1),
        RejectReason(name="tea", back_off_us=-1, exclusion_us=0),
        RejectReason(name="tea"),
    )), [
        "reject_reasons.tea: is declared twice; wanted another name",
        'reject_reasons."": has a name of 0 characters; wanted from 1 to 64 characters',
        f'reject_reasons."".exclusion_s: is -0.000001; wanted {YEAR}',
        f"reject_reasons.tea.back_off_s: is -0.000001; wanted {YEAR}",
    ]),
    (changed(SOUND, reject_reasons=tuple(RejectReason(name=f"r{n}") for n in range(DISPOSITIONS_MAX))), []),
    (changed(SOUND, reject_reasons=tuple(RejectReason(name=f"r{n}") for n in range(DISPOSITIONS_MAX + 1))), [
        "reject_reasons: has 201 reasons; wanted at most 200"]),
    (changed(SOUND, reject_reasons=(RejectReason(name="tea\n"), RejectReason(name="\x1b[2J"), RejectReason(name="té 5"))), [
        'reject_reasons."tea\\n": is `tea\\n`; wanted printable characters',
        'reject_reasons."\\x1b[2J": is `\\x1b[2J`; wanted printable characters']),
    (changed(SOUND, not_ready_reasons=("lunch", "tea\r")), [
        "domain.not_ready_reasons[1]: is `tea\\r`; wanted printable characters"]),
    (changed(queue(dispositions=("sold", "a\tb"))), ["queues.cards.dispositions[1]: is `a\\tb`; wanted printable characters"]),
    # Routing steps
    (steps(step(lower={"cards": 0}), step(after_us=2 * SECOND_US, lower={"cards": 0})), [
        "queues.cards.steps[1].lower.cards: is 0; wanted no such key, since by a step before nothing of it is wanted"]),
    (steps(step(lower={"cards": 2}), step(after_us=2 * SECOND_US, requires="", lower={"cards": 0})), []),
    (steps(step(priority=2), urgency=Urgency.STRICT_PRIORITY), []),
    # Affinity
    (affinity(), []),
    (affinity(named_agent_us=1, last_agent_us=1, last_agent_within_us=1, team=("campaign", "site", 1)), []),
    (affinity(named_agent_us=-1, last_agent_us=2**60), [
        f"queues.cards.affinity.named_agent_s: is -0.000001; wanted {YEAR}",
        f"queues.cards.affinity.last_agent_s: is 1152921504606.846976; wanted {YEAR}",
    ]),
    (affinity(last_agent_us=1, last_agent_within_us=0), [
        f"queues.cards.affinity.last_agent_within_s: is 0; wanted {ABOVE}",
    ]),
    (affinity(last_agent_within_us=1), [
        "queues.cards.affinity.last_agent_within_s: is given; wanted no such key, since no last_agent_s above 0 says that it is read",
    ]),
    (affinity(team=("campagn", "sit", 0)), [
        "queues.cards.affinity.team.contact: is `campagn`; wanted a declared attribute of contacts; did you mean `campaign`?",
        "queues.cards.affinity.team.agent: is `sit`; wanted a declared attribute; did you mean `site`?",
        f"queues.cards.affinity.team.limit_s: is 0; wanted {ABOVE}",
    ]),
    (steps(*(step(after_us=number, lower={"loans": 10 - number}) for number in range(1, 12))), [
        "queues.cards.steps: has 11 steps; wanted at most 10",
        "queues.cards.steps[10].lower.loans: is -1; wanted a whole number from 0 to 9",
    ]),
    (steps(step(after_us=0, requires=""), step(after_us=-1, lower={"loans": 1}), step(lower={"cards": 1}), step(lower={"loans": 0})), [
        f"queues.cards.steps[0].after_s: is 0; wanted {ABOVE}",
        f"queues.cards.steps[1].after_s: is -0.000001; wanted {ABOVE}",
        "queues.cards.steps[3].after_s: is 1; wanted more than 1, that of the step before",
    ]),
    (steps(step()), ["queues.cards.steps[0]: changes nothing; wanted `requires`, `lower`, `priority`"]),
    (steps(step(requires="site == madrid and cards >= 3")), [
        "queues.cards.steps[0].requires: is `site == madrid and cards >= 3`; wanted another than before",
    ]),
    # However it is written.
    (steps(step(requires="site == madrid and cards >= 3 and (cards or loans)")), [
        "queues.cards.steps[0].requires: is `site == madrid and cards >= 3 and (cards…`; wanted another than before",
    ]),
    (steps(step(requires="cards >= 3"), step(after_us=2 * SECOND_US, requires="cards >= 4")), [
        "queues.cards.steps[1].requires: is `cards >= 4`, which is narrower; wanted what all meet who"
        " meet `cards >= 3`, of queues.cards.steps[0].requires",
    ]),
    (steps(step(requires="carts"), step(after_us=2 * SECOND_US, requires="cards >= 9")), [
        "queues.cards.steps[0].requires: names `carts` at character 1; wanted a declared skill;"
        " did you mean `cards`?",
    ]),
    (steps(step(lower={"carts": 10, "cards": 3}), step(after_us=2 * SECOND_US, lower={"cards": 3})), [
        "queues.cards.steps[0].lower.carts: is no declared skill; wanted a declared skill; did you mean `cards`?",
        "queues.cards.steps[0].lower.carts: is 10; wanted a whole number from 0 to 9",
        "queues.cards.steps[1].lower.cards: is 3; wanted less than 3, that of a step before",
    ]),
    # Compared is what is required in the end, as it was lowered.
    (steps(step(lower={"cards": 2}), step(after_us=2 * SECOND_US, requires="site == madrid and cards >= 2")), [
        "queues.cards.steps[1].requires: is `site == madrid and cards >= 2`; wanted another than before"]),
    (changed(queue(requires="(cards >= 8 and not cards >= 5) or loans >= 5",
                   steps=(step(lower={"cards": 2}), step(after_us=2 * SECOND_US, requires="loans >= 5")))), [
        "queues.cards.steps[1].requires: is `loans >= 5`, which is narrower; wanted what all meet who"
        " meet `(cards >= 8 and not cards >= 5) or loans…`, of queues.cards.requires",
        "queues.cards.voice: is served by no agent who may take it; wanted an agent who serves it,"
        " carries it and meets `(cards >= 8 and not cards >= 5) or loans…`"]),
    (steps(step(priority=2)), [
        "queues.cards.steps[0].priority: is 2; wanted no priority: the urgency policy `longest_wait`"
        " does not read it",
    ]),
    (steps(step(priority=2), step(after_us=2 * SECOND_US, priority=2), urgency=Urgency.STRICT_PRIORITY), [
        "queues.cards.steps[1].priority: is 2; wanted more than 2, that before",
    ]),
    (line(reserve_waiting=1), ["profiles.p[0].reserve_waiting: is 1; wanted a whole number from 2 to 100000"]),
    (line(reserve_waiting=100_001), ["profiles.p[0].reserve_waiting: is 100001; wanted a whole number from 2 to 100000"]),
    (line(reserve_waiting=2), []),
    (line(delay_us=-1), [f"profiles.p[0].delay_s: is -0.000001; wanted {YEAR}"]),
    # Queues
    (queue(requires="carts and sitte == madrid or loans >= 11"), [
        "queues.cards.requires: names `carts` at character 1; wanted a declared skill;"
        " did you mean `cards`?",
        "queues.cards.requires: names `sitte` at character 11; wanted a declared attribute;"
        " did you mean `site`?",
        "queues.cards.requires: has `11` at character 39; wanted a proficiency from 1 to 10",
    ]),
    (queue(prefers=("loans", "loams >= 3", "")), [
        "queues.cards.prefers[1]: names `loams` at character 1; wanted a declared skill;"
        " did you mean `loans`?",
        "queues.cards.prefers[2]: is empty; wanted a requirement",
    ]),
    (queue(priority=1_000_001),
     ["queues.cards.priority: is 1000001; wanted a whole number from -1000000 to 1000000"]),
    (queue(priority=-1_000_000, head_start_us=0, promise_us=1), []),
    (queue(head_start_us=-SECOND_US), [f"queues.cards.head_start_s: is -1; wanted {YEAR}"]),
    (queue(promise_us=0), [f"queues.cards.promise_s: is 0; wanted {ABOVE}"]),
    (queue(exclusion_us=-1_500_000), [f"queues.cards.exclusion_s: is -1.5; wanted {YEAR}"]),
    (queue(channels={}), [
        "queues.cards: has no channel; wanted at least one table of `voice`, `email`, `web_form`,"
        " `chat`"]),
    (voice(objective_us=-1), [f"queues.cards.voice.objective_s: is -0.000001; wanted {YEAR}"]),
    (voice(ring_us=0), [f"queues.cards.voice.ring_s: is 0; wanted {ABOVE}"]),
    (
        voice(parallel_offers=0),
        ["queues.cards.voice.parallel_offers: is 0; wanted a whole number from 1 to 10"],
    ),
    (
        voice(parallel_offers=11),
        ["queues.cards.voice.parallel_offers: is 11; wanted a whole number from 1 to 10"],
    ),
    (voice(parallel_offers=10), []),
    (voice(wrap_up_us=-1), [f"queues.cards.voice.wrap_up_s: is -0.000001; wanted {YEAR}"]),
    (voice(wrap_up_cap_us=-1), [f"queues.cards.voice.wrap_up_cap_s: is -0.000001; wanted {YEAR}"]),
    (voice(wrap_up_us=400 * SECOND_US),
     ["queues.cards.voice.wrap_up_cap_s: is 300; wanted at least the wrap_up_s, 400"]),
    (voice(wrap_up_us=SECOND_US, wrap_up_cap_us=SECOND_US), []),
    (changed(SOUND, urgency=Urgency.STRICT_PRIORITY), [
        "queues.cards.priority: is missing; wanted a number, since the urgency policy"
        " `strict_priority` reads it"]),
    (changed(SOUND, urgency=Urgency.HEAD_START), [
        "queues.cards.head_start_s: is missing; wanted a number, since the urgency policy"
        " `head_start` reads it"]),
    (changed(SOUND, urgency=Urgency.DEADLINE_FIRST), [
        "queues.cards.promise_s: is missing; wanted a number, since the urgency policy"
        " `deadline_first` reads it"]),
    (changed(queue(priority=0), urgency=Urgency.STRICT_PRIORITY), []),
    # The numbers of the other policies
    (changed(queue(priority=0), urgency=Urgency.AGEING), [
        "queues.cards.ageing_per_h: is missing; wanted a number here or in the domain, since the"
        " urgency policy `ageing` reads it"]),
    (changed(queue(ageing_per_h=0), urgency=Urgency.AGEING), [
        "queues.cards.priority: is missing; wanted a number, since the urgency policy `ageing` reads it"]),
    (changed(queue(priority=2, ageing_cap=2), urgency=Urgency.AGEING, ageing_per_h=60), []),
    (changed(queue(priority=2, ageing_cap=1, ageing_per_h=1_000_001), urgency=Urgency.AGEING,
             ageing_per_h=-1), [
        "domain.ageing_per_h: is -1; wanted a whole number from 0 to 1000000",
        "queues.cards.ageing_per_h: is 1000001; wanted a whole number from 0 to 1000000",
        "queues.cards.ageing_cap: is 1; wanted at least the priority, 2, at which the points start"]),
    (changed(queue(priority=1, ageing_cap=2, steps=(step(priority=3),)), urgency=Urgency.AGEING, ageing_per_h=1), [
        "queues.cards.ageing_cap: is 2; wanted at least the priority, 3, at which the points start"]),
    (changed(queue(priority=1, ageing_cap=2), urgency=Urgency.AGEING, ageing_per_h=1,
             entry=(EntryRule(name="all", queue="cards", priority=4),)), [
        "queues.cards.ageing_cap: is 2; wanted at least the priority, 4, at which the points start"]),
    (changed(queue(priority=2_000_000, ageing_cap=-1_000_001), urgency=Urgency.AGEING, ageing_per_h=1), [
        "queues.cards.priority: is 2000000; wanted a whole number from -1000000 to 1000000",
        "queues.cards.ageing_cap: is -1000001; wanted a whole number from -1000000 to 1000000"]),
    (changed(SOUND, urgency=Urgency.WAIT_OVER_OBJECTIVE), []),
    (changed(voice(objective_us=0), urgency=Urgency.WAIT_OVER_OBJECTIVE), [
        "queues.cards.voice.objective_s: is 0; wanted a number above 0, since the urgency policy"
        " `wait_over_objective` divides by it"]),
    (changed(queue(priority=1, head_start_us=0, promise_us=1, ageing_per_h=1, ageing_cap=1, delay_cost=1,
                   waiting_share=1, channels={VOICE: ChannelSettings(handle_time_us=1)}),
             urgency=Urgency.WAIT_OVER_OBJECTIVE, ageing_per_h=1), [
        f"{key}: is given; wanted no such key, since the urgency policy `wait_over_objective` does not"
        " read it"
        for key in ("domain.ageing_per_h", "queues.cards.priority", "queues.cards.head_start_s",
                    "queues.cards.promise_s", "queues.cards.ageing_per_h", "queues.cards.ageing_cap",
                    "queues.cards.delay_cost", "queues.cards.waiting_share",
                    "queues.cards.voice.handle_time_s")]),
    *((changed(SOUND, urgency=urgency), [
        f"queues.cards.delay_cost: is missing; wanted a number, since the urgency policy `{urgency}` reads it",
        "queues.cards.voice.handle_time_s: is missing; wanted a number, since the urgency policy"
        f" `{urgency}` reads it"]) for urgency in (Urgency.C_MU, Urgency.GENERALIZED_C_MU)),
    (changed(queue(delay_cost=0, channels={VOICE: ChannelSettings(handle_time_us=0)}), urgency=Urgency.C_MU), [
        "queues.cards.delay_cost: is 0; wanted a whole number from 1 to 1000000",
        f"queues.cards.voice.handle_time_s: is 0; wanted {ABOVE}"]),
    (changed(SOUND, urgency=Urgency.QUEUE_RATIO), [
        "queues.cards.waiting_share: is missing; wanted a number, since the urgency policy `queue_ratio`"
        " reads it"]),
    (changed(queue(waiting_share=0), urgency=Urgency.QUEUE_RATIO),
     ["queues: have shares that sum to 0; wanted at least one waiting_share above 0"]),
    (changed(queue(waiting_share=100_001), urgency=Urgency.QUEUE_RATIO),
     ["queues.cards.waiting_share: is 100001; wanted a whole number from 0 to 100000"]),
    (changed(queue(delay_cost=1), urgency=Urgency.STRICT_PRIORITY), [
        "queues.cards.priority: is missing; wanted a number, since the urgency policy `strict_priority` reads it",
        "queues.cards.delay_cost: is given; wanted no such key, since the urgency policy `strict_priority`"
        " does not read it"]),
    (changed(SOUND, queues=(QUEUE, QUEUE)), ["queues.cards: is declared twice; wanted another name"]),
    # Capacities
    (changed(SOUND, capacities=(changed(CAPACITY, total=0),)),
     ["capacities.one.total: is 0; wanted a whole number from 1 to 1000000"]),
    (changed(SOUND, capacities=(CAPACITY, CapacitySettings(name="", channels={}))), [
        'capacities."": has a name of 0 characters; wanted from 1 to 64 characters',
        'capacities."": has no channel; wanted at least one of `voice`, `email`, `web_form`,'
        " `chat`"]),
    (changed(SOUND, capacities=(CAPACITY, CAPACITY)),
     ["capacities.one: is declared twice; wanted another name"]),
    (slot(slots=0), ["capacities.c.chat.slots: is 0; wanted a whole number from 1 to 25"]),
    (slot(slots=26), ["capacities.c.chat.slots: is 26; wanted a whole number from 1 to 25"]),
    (slot(cost=-1), ["capacities.c.chat.cost: is -1; wanted a whole number from 0 to 100"]),
    (slot(cost=101), ["capacities.c.chat.cost: is 101; wanted a whole number from 0 to 100"]),
    (slot(interrupted_by=(CHAT,)),
     ["capacities.c.chat.interrupted_by: names `chat` itself; wanted other channels"]),
    (slot(interrupted_by=(VOICE, VOICE)),
     ["capacities.c.chat.interrupted_by[1]: is `voice` again; wanted each name once"]),
    # Profiles
    (changed(SOUND, profiles=(PROFILE, PROFILE)),
     ["profiles.team: is declared twice; wanted another name"]),
    (changed(SOUND, profiles=(PROFILE, ProfileSettings(name="p", serves=()))),
     ["profiles.p: is empty; wanted at least one queue"]),
    (line(queue="crads"),
     ["profiles.p[0].queue: is `crads`; wanted a declared queue; did you mean `cards`?"]),
    (line(channels=(CHAT,)),
     ["profiles.p[0].channels: names `chat`; wanted a channel that queue `cards` has: `voice`"]),
    (line(channels=()), ["profiles.p[0].channels: is empty; wanted at least one channel"]),
    (line(channels=(VOICE, VOICE)),
     ["profiles.p[0].channels[1]: is `voice` again; wanted each name once"]),
    (line(tier=0), ["profiles.p[0].tier: is 0; wanted a whole number from 1 to 100"]),
    (changed(SOUND, profiles=(changed(PROFILE, serves=PROFILE.serves * 2),)),
     ["profiles.team[1]: serves voice of `cards` again; wanted each channel of a queue once in a"
      " profile"]),
    # Agents
    (agent(profile="taem"),
     ["agents.bob.profile: is `taem`; wanted a declared profile; did you mean `team`?"]),
    (agent(capacity="x"), ["agents.bob.capacity: is `x`; wanted a declared capacity"]),
    (agent(skills={"cards": 11, "loans": 0, "crads": 5}), [
        "agents.bob.skills.cards: is 11; wanted a whole number from 1 to 10",
        "agents.bob.skills.loans: is 0; wanted a whole number from 1 to 10",
        "agents.bob.skills.crads: is no declared skill; wanted a declared skill;"
        " did you mean `cards`?"]),
    (agent(attributes={"sight": "madrid", "site": "madird"}), [
        "agents.bob.attributes.sight: is no declared attribute; wanted a declared attribute;"
        " did you mean `site`?",
        "agents.bob.attributes.site: is `madird`; wanted a value of `site`; did you mean"
        " `madrid`?"]),
    (changed(SOUND, agents=(ANA, ANA)), ["agents.ana: is declared twice; wanted another name"]),
    (changed(SOUND, agents=(ANA, changed(ANA, group="g"))),
     ["groups.g: has the member `ana` twice; wanted another name"]),
    (agent(group="g", profile="x"), ["groups.g.profile: is `x`; wanted a declared profile"]),
    (changed(SOUND, agents=(ANA, changed(ANA, agent_id=LONG))),
     [f"agents.{'x' * 64}…: has a name of 65 characters; wanted from 1 to 64 characters"]),
    # Measures
    (measures(interval_us=7 * 60 * SECOND_US),
     ["measures.interval_min: is 7; wanted minutes that divide a day: 15, 30"]),
    (measures(interval_us=0), ["measures.interval_min: is 0; wanted minutes that divide a day: 15, 30"]),
    (measures(interval_us=48 * 3600 * SECOND_US),
     ["measures.interval_min: is 2880; wanted minutes that divide a day: 15, 30"]),
    (measures(interval_us=24 * 3600 * SECOND_US, short_abandon_us=20 * SECOND_US), []),
    (measures(short_abandon_us=-SECOND_US), [f"measures.short_abandon_s: is -1; wanted {YEAR}"]),
    (measures(short_abandon_us=21 * SECOND_US),
     ["measures.short_abandon_s: is 21; wanted at most 20, the objective_s of queues.cards.voice"]),
    # Who serves what
    (changed(SOUND, agents=()),
     ["queues.cards.voice: is served by no agent; wanted an agent whose profile serves it"]),
    (changed(SOUND, agents=(changed(ANA, profile="p"),),
             profiles=(PROFILE, ProfileSettings(name="p", serves=(Serves(queue="x", channels=()),)))), [
        "profiles.p[0].queue: is `x`; wanted a declared queue",
        "queues.cards.voice: is served by no agent; wanted an agent whose profile serves it"]),
    (changed(SOUND, capacities=(CapacitySettings(name="one", channels={CHAT: SlotSettings()}),)), [
        "queues.cards.voice: is served by no agent who carries voice; wanted an agent who serves"
        " it and whose capacity has voice"]),
    (changed(SOUND, agents=(changed(ANA, skills={"cards": 2}), changed(ANA, agent_id="bob",
                            attributes={"site": "boston"}))), [
        "queues.cards.voice: is served by no agent who may take it; wanted an agent who serves"
        " it, carries it and meets `cards >= 3 and site == madrid`"]),
    (queue(requires="cards >= 6 and not loans and (site == boston or site != boston)"), []),
    (queue(requires="loans or not cards >= 6 or site != madrid"), [
        "queues.cards.voice: is served by no agent who may take it; wanted an agent who serves"
        " it, carries it and meets `loans or not cards >= 6 or site != madri…`"]),
    (changed(SOUND, profiles=(reserved(),)), [
        f"queues.cards.voice: is served by agents in reserve only; wanted {NOT_IN_RESERVE}"]),
    (changed(SOUND, profiles=(PROFILE, reserved("p")), agents=(ANA, changed(ANA, agent_id="bob", profile="p"))), []),
    # Whoever is not in reserve must meet what is required: at some step, whatever it says.
    (changed(SOUND, profiles=(PROFILE, reserved("p")), agents=(changed(ANA, skills={"loans": 1}), changed(ANA, agent_id="bob", profile="p"))), [
        f"queues.cards.voice: is served by agents in reserve only; wanted {NOT_IN_RESERVE}"]),
    (changed(steps(step(lower={"cards": 0}, priority=None)), profiles=(PROFILE, reserved("p")), agents=(changed(ANA, skills={"loans": 1}), changed(ANA, agent_id="bob", profile="p"))), []),
    (changed(steps(step(lower={"cards": 2})), profiles=(PROFILE, reserved("p")), agents=(changed(ANA, skills={"loans": 1}), changed(ANA, agent_id="bob", profile="p"))), [
        f"queues.cards.voice: is served by agents in reserve only; wanted {NOT_IN_RESERVE}"]),
    # Headrooms
    (desk(headroom()), []),
    (desk(headroom(2)), []),
    (desk(headroom(3)), ["headroom.h.keep_free: is 3; wanted fewer than the agents who serve `calls` on voice, 3"]),
    (desk(headroom(0)), ["headroom.h.keep_free: is 0; wanted a whole number from 1 to 100000"]),
    (desk(headroom(100_001)), ["headroom.h.keep_free: is 100001; wanted a whole number from 1 to 100000"]),
    (desk(headroom(name="")), ['headroom."": has a name of 0 characters; wanted from 1 to 64 characters']),
    (desk(headroom(queue="call")), ["headroom.h.queue: is `call`; wanted a declared queue; did you mean `calls`?"]),
    (desk(headroom(queue="chats")), ["headroom.h.queue: is `chats`, which has no voice; wanted one with voice"]),
    (desk(headroom(), headroom(2, "i")), ["headroom.i.queue: is `calls` again; wanted each queue in one headroom"]),
    (desk(headroom(), headroom(2, "h")), [
        "headroom.h: is declared twice; wanted another name",
        "headroom.h.queue: is `calls` again; wanted each queue in one headroom"]),
    (desk(headroom(), profiles=(*desk().profiles, WRITERS), agents=TALKERS), [
        "headroom.h: keeps nothing back; wanted an agent who serves it on voice, and another channel too"]),
    # Nobody who answers calls: that is all that is said.
    (desk(headroom(), profiles=(*desk().profiles, WRITERS), agents=TALKERS[2:]), [
        "queues.calls.voice: is served by no agent; wanted an agent whose profile serves it"]),
    # Who has no profile that can be read may serve everything.
    (desk(headroom(3), agents=(*desk().agents, changed(TALKERS[0], agent_id="d", profile="al"))), [
        "agents.d.profile: is `al`; wanted a declared profile; did you mean `all`?"]),
]  # fmt: skip


@pytest.mark.parametrize("settings, messages", CASES)
def test_each_mistake_has_its_message(settings: DomainSettings, messages: list[str]) -> None:
    assert [str(problem) for problem in problems(settings)] == messages


def test_one_run_tells_all_mistakes() -> None:
    settings = changed(
        SOUND,
        queues=(
            changed(QUEUE, requires="klingon", exclusion_us=-1),
            QueueSettings(name="lonely", channels={CHAT: ChannelSettings()}),
        ),
        agents=(changed(ANA, skills={"cards": 11}),),
    )
    assert [problem.key for problem in problems(settings)] == [
        "queues.cards.requires",
        "queues.cards.exclusion_s",
        "agents.ana.skills.cards",
        "queues.lonely.chat",
    ]


MISSPELT: Final = [
    changed(SOUND, agents=(changed(ANA, profile="taem"),)),
    changed(SOUND, agents=(changed(ANA, capacity="on"),)),
    changed(SOUND, agents=(changed(ANA, skills={"crads": 6}),)),
    changed(SOUND, agents=(changed(ANA, skills={"cards": 60}),)),
    changed(SOUND, agents=(changed(ANA, attributes={"site": "madird"}),)),
    changed(SOUND, profiles=(changed(PROFILE, serves=(Serves(queue="crads", channels=(VOICE,)),)),)),
    changed(SOUND, profiles=(changed(PROFILE, serves=(Serves(queue="crads", channels=()),)),)),
    queue(requires="klingon"),
]  # fmt: skip


@pytest.mark.parametrize("settings", MISSPELT)
def test_a_near_name_counts_as_meant_so_nothing_follows_from_it(settings: DomainSettings) -> None:
    assert len(problems(settings)) == 1


FAULTY: Final[list[tuple[Mapping[str, Any], KeyPath]]] = [
    ({"skills": ()}, ("domain", "skills")),
    ({"skills": ()}, ("domain",)),
    ({"agent_selection": ()}, ("domain", "agent_selection", 0)),
    ({"agent_selection": (), "weighted": (VALUE,)}, ("domain", "agent_selection")),
    ({"agent_selection": ("value",)}, ("weighted", "value")),
    (
        {
            "agent_selection": ("value",),
            "weighted": (changed(VALUE, weights={"best_quality": 30}),),
        },
        ("weighted", "value", "fastest_first"),
    ),
    (
        {"profiles": (changed(PROFILE, serves=(Serves(queue="cards", channels=()),)),)},
        ("profiles", "team", 0, "channels", 0),
    ),
    ({"attributes": {}}, ("attributes",)),
    ({"attributes": {}}, ("attributes", "site")),
    ({"queues": ()}, ("queues",)),
    ({"queues": ()}, ("queues", "cards")),
    ({"queues": (changed(QUEUE, channels={}),)}, ("queues", "cards", "voice")),
    ({"queues": (changed(QUEUE, requires=""),)}, ("queues", "cards", "requires")),
    ({"urgency": Urgency.STRICT_PRIORITY}, ("domain", "urgency")),
    ({"urgency": Urgency.STRICT_PRIORITY}, ("queues", "cards", "priority")),
    ({"queues": (changed(QUEUE, delay_cost=1),)}, ("domain", "urgency")),
    (
        {"urgency": Urgency.AGEING, "queues": (changed(QUEUE, priority=1),)},
        ("domain", "ageing_per_h"),
    ),
    ({"profiles": ()}, ("profiles",)),
    ({"profiles": ()}, ("profiles", "team")),
    (
        {"profiles": (changed(PROFILE, serves=(Serves(queue="", channels=()),)),)},
        ("profiles", "team", 0, "queue"),
    ),
    ({"capacities": ()}, ("capacities",)),
    ({"capacities": ()}, ("capacities", "one")),
    ({"capacities": (changed(CAPACITY, channels={}),)}, ("capacities", "one", "voice")),
    ({"agents": ()}, ("agents",)),
    ({"agents": ()}, ("agents", "ana")),
    ({"agents": ()}, ("groups", "team")),
    ({"agents": (changed(ANA, profile=""),)}, ("agents", "ana", "profile")),
    ({"agents": (changed(ANA, capacity=""),)}, ("agents", "ana", "capacity")),
    ({"agents": (changed(ANA, skills={}),)}, ("agents", "ana", "skills")),
    ({"agents": (changed(ANA, skills={}),)}, ("agents", "ana", "skills", "cards")),
    ({"agents": (changed(ANA, attributes={}),)}, ("agents", "ana", "attributes", "site")),
    ({"agents": (changed(ANA, group="g", skills={}),)}, ("groups", "g", "skills")),
]


@pytest.mark.parametrize("fields, path", FAULTY)
def test_nothing_follows_from_what_could_not_be_read(
    fields: Mapping[str, Any], path: KeyPath
) -> None:
    settings = changed(SOUND, **fields)
    missing = {
        "queues: is missing; wanted at least one",
        "profiles: is missing; wanted at least one",
    }
    found = mistakes(settings, faulty={path})
    assert {str(mistake.problem()) for mistake in found} <= missing


@pytest.mark.parametrize("path", [("agents", "a", "capacity"), ("profiles", "all")])
def test_where_it_is_in_doubt_who_is_in_a_pool_nothing_is_said_of_its_size(path: KeyPath) -> None:
    assert mistakes(desk(headroom(3)), faulty={path}) == []


def test_a_queue_whose_voice_could_not_be_read_may_have_a_headroom() -> None:
    settings = desk(headroom(queue="chats"))
    assert mistakes(settings, faulty={("queues", "chats", "voice")}) == []


def test_a_faulty_tier_leaves_no_doubt_whom_a_profile_serves() -> None:
    other = QueueSettings(name="lonely", channels={VOICE: ChannelSettings()})
    settings = changed(SOUND, queues=(QUEUE, other))
    (only,) = mistakes(settings, faulty={("profiles", "team", 0, "tier")})
    assert only.path == ("queues", "lonely", "voice")


def test_members_of_a_group_share_their_mistakes() -> None:
    members = [changed(ANA, agent_id=f"g-{n}", group="g", skills={"cards": 11}) for n in range(40)]
    assert len(problems(changed(SOUND, agents=tuple(members)))) == 1


def test_only_so_many_names_get_a_suggestion() -> None:
    bobs = tuple(changed(ANA, agent_id=f"b{n}", profile=f"team{n}") for n in range(120))
    found = problems(changed(SOUND, agents=(ANA, *bobs)))
    assert sum("did you mean `team`?" in problem.wanted for problem in found) == 100
    assert len(found) == 120


def test_sizes_are_limited() -> None:
    queues = tuple(changed(QUEUE, name=f"q{n}", requires="") for n in range(QUEUES_MAX))
    serves = tuple(Serves(queue=each.name, channels=(VOICE,)) for each in (QUEUE, *queues))
    settings = changed(
        SOUND,
        queues=(QUEUE, *queues),
        profiles=(changed(PROFILE, serves=serves),),
        agents=tuple(changed(ANA, agent_id=f"g{n}", group="g") for n in range(AGENTS_MAX + 1)),
    )
    assert [str(problem) for problem in problems(settings)] == [
        "queues: has 10001 queues; wanted at most 10000",
        "agents: are 100001; wanted at most 100000 in a domain",
    ]


@pytest.mark.parametrize(
    "path, text",
    [
        (("queues", "a-b_1", "voice"), "queues.a-b_1.voice"),
        (("queues", "a.b", 3), 'queues."a.b"[3]'),
        (("queues", "é\n"), 'queues."é\\n"'),
        (("queues", "x" * 99), f"queues.{'x' * 64}…"),
    ],
)
def test_keys_are_spelt_as_in_the_file(path: KeyPath, text: str) -> None:
    assert key_text(path) == text


def test_steps_that_are_too_hard_are_compared_for_the_agents_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = steps(step(requires="loans >= 5"))
    some = changed(settings, agents=(changed(ANA, skills={"cards": 6, "loans": 5}),))
    for narrows in (settings, some):
        assert [one.key for one in problems(narrows)] == ["queues.cards.steps[0].requires"]
    monkeypatch.setattr(implication, "SEARCH_MAX", 1)
    assert [one.key for one in problems(settings)] == ["queues.cards.steps[0].requires"]
    assert problems(some) == []


def test_nothing_is_said_of_a_steps_priority_where_the_policy_could_not_be_read() -> None:
    settings = steps(step(priority=2))
    assert mistakes(settings, faulty={("domain", "urgency")}) == []

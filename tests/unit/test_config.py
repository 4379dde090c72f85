"""Configuration files.

Method: one sound file; a table of edits to it, each with all of its messages, word for word. Then
files with many mistakes, hostile files (told by what comes out, not by the clock), the helpers
that other readers of TOML use, and the example in docs/configuration.md.
"""
# ruff: noqa: E501, ISC004 - a table of messages is read line by line, and some are long

import pickle
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from acd.config import load, parse
from acd.errors import ConfigError, Problem
from acd.ids import Channel, WrapUpMode
from acd.mistakes import Mistake, in_file_order
from acd.settings import (
    Abandons,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
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
from acd.tables import Number, Table, mistakes_in, value_text
from acd.toml_guard import FILE_BYTES_MAX, read_toml
from acd.validation import AGENTS_MAX, problems

BANK: Final = """\
[domain]
name = "bank"
urgency = "longest_wait"
agent_selection = ["highest_proficiency", "longest_idle"]
idle_clock = "since_ready"
back_off_s = 5
connect_s = 10.000001
skills = ["english", "cards", "loans"]
contact_attributes = ["campaign"]

[attributes]
site = ["madrid", "boston"]

[queues.cards]
requires = "cards >= 3"
prefers = ["loans >= 3"]
priority = 5
exclusion_s = 0.1
  [queues.cards.voice]
  objective_s = 20
  ring_s = 15
  wrap_up_s = 400
  auto_answer = true
  [queues.cards.chat]
  wrap_up_cap_s = 7

[capacities.blended]
total = 100
voice = { slots = 1, cost = 100 }
chat = { slots = 3, cost = 30, interrupted_by = ["voice"] }

[[profiles.team]]
queue = "cards"
channels = ["voice"]
tier = 2
[[profiles.all]]
queue = "cards"

[agents.ana]
profile = "team"
capacity = "blended"
skills = { cards = 6, english = 9 }
attributes = { site = "madrid" }
wrap_up_mode = "until_done"

[groups.english]
members = 2
profile = "all"
capacity = "blended"
skills = { cards = 6 }

[measures]
interval_min = 15
abandons = "met"
short_abandon_s = 5
"""

S: Final = 1_000_000
SETTINGS: Final = DomainSettings(
    name="bank",
    queues=(
        QueueSettings(
            name="cards",
            channels={
                Channel.VOICE: ChannelSettings(
                    objective_us=20 * S,
                    ring_us=15 * S,
                    wrap_up_us=400 * S,
                    wrap_up_cap_us=400 * S,
                    auto_answer=True,
                ),
                Channel.CHAT: ChannelSettings(wrap_up_cap_us=7 * S),
            },
            requires="cards >= 3",
            prefers=("loans >= 3",),
            priority=5,
            exclusion_us=100_000,
        ),
    ),
    profiles=(
        ProfileSettings(name="team", serves=(Serves(queue="cards", channels=(Channel.VOICE,), tier=2),)),
        ProfileSettings(name="all", serves=(Serves(queue="cards", channels=(Channel.VOICE, Channel.CHAT)),)),
    ),
    capacities=(
        CapacitySettings(
            name="blended",
            channels={
                Channel.VOICE: SlotSettings(slots=1, cost=100),
                Channel.CHAT: SlotSettings(slots=3, cost=30, interrupted_by=(Channel.VOICE,)),
            },
        ),
    ),
    agents=(
        AgentSettings(
            agent_id="ana",
            profile="team",
            capacity="blended",
            skills={"cards": 6, "english": 9},
            attributes={"site": "madrid"},
            wrap_up_mode=WrapUpMode.UNTIL_DONE,
        ),
        *(
            AgentSettings(
                agent_id=name, profile="all", capacity="blended", group="english", skills={"cards": 6}
            )
            for name in ("english-001", "english-002")
        ),
    ),
    urgency=Urgency.LONGEST_WAIT,
    agent_selection=(AgentCriterion.HIGHEST_PROFICIENCY, AgentCriterion.LONGEST_IDLE),
    idle_clock=IdleClock.SINCE_READY,
    connect_us=10_000_001,
    skills=("english", "cards", "loans"),
    attributes={"site": ("madrid", "boston")},
    contact_attributes=("campaign",),
    measures=MeasureSettings(
        interval_us=900 * S, abandons=Abandons.MET, short_abandon_us=5 * S
    ),
)  # fmt: skip


def messages(text: str | bytes, **options: Any) -> list[str]:
    """Return what is wrong with the file, line by line; … for the parser's words.

    Those are Python's, which changes them from version to version.
    """
    try:
        parse(text, **options)
    except ConfigError as error:
        found = str(error).replace("<text>: ", "").splitlines()
        return [re.sub(r"(: is no TOML[^:]*: ).+(; wanted)", r"\1…\2", line) for line in found]
    return []


def test_a_file_becomes_settings_exactly() -> None:
    assert parse(BANK) == SETTINGS
    assert parse(BANK.encode()) == SETTINGS
    assert parse(BANK.replace("\n", "\r\n")) == SETTINGS
    assert problems(SETTINGS) == []


def test_criteria_and_measuring_are_read() -> None:
    criteria = '["highest_proficiency", "longest_idle"]'
    text = f"""
{BANK.replace(criteria, '["value", "least_occupied"]')}
[performance]
memory = 50

[weighted.value]
fastest_first = 60
highest_proficiency = 40
band_percent = 20
"""
    settings = parse(text)
    weights = {"fastest_first": 60, "highest_proficiency": 40}
    assert settings.agent_selection == ("value", "least_occupied")
    assert settings.performance == PerformanceSettings(memory=50)
    assert settings.weighted == (WeightedSettings(name="value", weights=weights, band_percent=20),)
    assert SETTINGS.performance is None
    assert parse(f"{BANK}[performance]").performance == PerformanceSettings()


def test_a_file_is_loaded_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "bank.toml"
    path.write_text(BANK)
    assert load(path) == SETTINGS
    path.write_text("[domain")
    with pytest.raises(tomllib.TOMLDecodeError) as parsers:
        tomllib.loads("[domain")
    with pytest.raises(ConfigError) as caught:
        load(path)
    words = str(parsers.value).partition(" (at ")[0]
    assert str(caught.value) == f"{path}: line 1: is no TOML: {words}; wanted TOML 1.0"
    path.write_bytes(b"#\n" * FILE_BYTES_MAX)
    with pytest.raises(ConfigError, match="file: has over 1048576 bytes; wanted at most 1048576"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.toml")


URGENCIES: Final = (
    "one of `longest_wait`, `strict_priority`, `head_start`, `deadline_first`, `ageing`,"
    " `wait_over_objective`, `c_mu`, `generalized_c_mu`, `queue_ratio`"
)
CHANNELS: Final = "one of `voice`, `email`, `web_form`, `chat`"

EDITS: Final[list[tuple[str, str, list[str]]]] = [
    # Unknown and missing keys
    ("ring_s = 15", "rings_s = 15", [
        "queues.cards.voice.rings_s: is an unknown key; wanted a known key; did you mean `ring_s`?"]),
    ("ring_s = 15", "ring_s = -1\nrings_s = 15", [
        "queues.cards.voice.ring_s: is -1; wanted a number of seconds above 0 and up to 31622400",
        "queues.cards.voice.rings_s: is an unknown key; wanted a known key; did you mean `ring_s`?"]),
    ("tier = 2", "xyzzy = 2",
     ["profiles.team[0].xyzzy: is an unknown key; wanted one of `queue`, `channels`, `tier`,"
      " `delay_s`, `reserve_waiting`"]),
    ("[measures]", "[measure]",
     ["measure: is an unknown key; wanted a known key; did you mean `measures`?"]),
    ("[domain]", "[domian]",
     ["domian: is an unknown key; wanted a known key; did you mean `domain`?"]),
    ("[queues.cards", "[queus.cards",
     ["queus: is an unknown key; wanted a known key; did you mean `queues`?"]),
    ("[queues.cards.voice]", "[queues.cards.voise]",
     ["queues.cards.voise: is an unknown key; wanted a known key; did you mean `voice`?"]),
    ("[[profiles.", "[[profile.",
     ["profile: is an unknown key; wanted a known key; did you mean `profiles`?"]),
    ("[capacities.", "[capacity.",
     ["capacity: is an unknown key; wanted a known key; did you mean `capacities`?"]),
    ("[agents.ana]\nprofile", "[agents.ana]\nprofil",
     ["agents.ana.profil: is an unknown key; wanted a known key; did you mean `profile`?"]),
    ("skills = { cards = 6, english = 9 }", "skils = { cards = 6, english = 9 }",
     ["agents.ana.skils: is an unknown key; wanted a known key; did you mean `skills`?"]),
    ('name = "bank"\n', "", ["domain.name: is missing; wanted a text"]),
    ('[agents.ana]\nprofile = "team"\n', "[agents.ana]\n", ["agents.ana.profile: is missing; wanted a text"]),
    ("[domain]", "[scenario]", ["domain: is missing; wanted a table"]),
    ('[[profiles.all]]\nqueue = "cards"', "[[profiles.all]]",
     ["profiles.all[0].queue: is missing; wanted a text"]),
    # Criteria of agent selection
    ("back_off_s = 5", "back_off_s = 5\noccupancy_half_life_s = 0", [
        "domain.occupancy_half_life_s: is 0; wanted a number of seconds above 0 and up to 31622400"]),
    ("[measures]", "[weighted.value]\nfastest_first = 70\nround_robin = 20\nbest_qualty = 10\n[measures]", [
        "weighted.value: is not in domain.agent_selection; wanted its name there",
        "weighted.value.round_robin: is an unknown key; wanted a criterion with a scale: this one can"
        " be compared, but not weighed",
        "weighted.value.best_qualty: is an unknown key; wanted a known key; did you mean `best_quality`?",
     ]),
    ('agent_selection = ["highest_proficiency", "longest_idle"]', 'agent_selection = ["longest_idel", 5]', [
        "domain.agent_selection[0]: is `longest_idel`; wanted one of `longest_idle`,"
        " `highest_proficiency`, `least_flexible`, `least_occupied`, `fastest_first`, `best_quality`,"
        " `best_resolution`, `best_conversion`, `round_robin`; did you mean `longest_idle`?",
        "domain.agent_selection[1]: is 5; wanted a text",
     ]),
    ("[measures]", "[performance]\nmemory = 10.5\nband_percent = 100\n[measures]", [
        "performance.memory: is 10.5; wanted a whole number",
        "performance.band_percent: is 100; wanted a whole number from 1 to 99",
     ]),
    # Affinity, and numbers that must be there
    ("priority = 5", 'priority = 5\naffinity = { team = { contact = "campagn", agent = "site" } }', [
        "queues.cards.affinity.team.contact: is `campagn`; wanted a declared attribute of contacts; did you"
        " mean `campaign`?",
        "queues.cards.affinity.team.limit_s: is missing; wanted a number of seconds",
     ]),
    ("priority = 5", "priority = 5\naffinity = { last_agents_s = 5, last_agent_within_s = 5, team = 1 }", [
        "queues.cards.affinity.last_agents_s: is an unknown key; wanted a known key; did you mean"
        " `last_agent_s`?",
        "queues.cards.affinity.team: is 1; wanted a table",
     ]),
    ("priority = 5", 'priority = 5\nsteps = [{ requires = "" }, { after_s = "x", requires = "english" }]', [
        "queues.cards.steps[0].after_s: is missing; wanted a number of seconds",
        "queues.cards.steps[1].after_s: is `x`; wanted a number",
        "queues.cards.steps[1].requires: is `english`, which is narrower; wanted what all meet who"
        " meet ``, of queues.cards.steps[0].requires",
     ]),
    # One urgency policy
    ('urgency = "longest_wait"', 'urgency = ["longest_wait", "head_start"]',
     ["domain.urgency: is an array; wanted one urgency policy for the whole domain"]),
    ("priority = 5", 'urgency = "head_start"', [
        "queues.cards.urgency: is an unknown key; wanted one urgency policy for the whole domain,"
        " in domain.urgency"]),
    ("ring_s = 15", 'urgency = "head_start"', [
        "queues.cards.voice.urgency: is an unknown key; wanted one urgency policy for the whole"
        " domain, in domain.urgency"]),
    ('urgency = "longest_wait"', 'urgency = "longest_wiat"',
     [f"domain.urgency: is `longest_wiat`; wanted {URGENCIES}; did you mean `longest_wait`?"]),
    ('urgency = "longest_wait"', "urgency = 5", [f"domain.urgency: is 5; wanted {URGENCIES}"]),
    # What it reads is not judged where it could not be read itself, or where the number could not.
    ('urgency = "longest_wait"', 'urgency = "longest_wiat"\nageing_per_h = 60',
     [f"domain.urgency: is `longest_wiat`; wanted {URGENCIES}; did you mean `longest_wait`?"]),
    ('urgency = "longest_wait"', 'urgency = "ageing"\nageing_per_h = 1.5',
     ["domain.ageing_per_h: is 1.5; wanted a whole number"]),
    ('urgency = "longest_wait"', 'urgency = "ageing"', [
        "queues.cards.ageing_per_h: is missing; wanted a number here or in the domain, since the"
        " urgency policy `ageing` reads it"]),
    ("priority = 5", "delay_cost = 5", [
        "queues.cards.delay_cost: is given; wanted no such key, since the urgency policy"
        " `longest_wait` does not read it"]),
    # Kinds of values
    ('name = "bank"', "name = 5", ["domain.name: is 5; wanted a text"]),
    ('name = "bank"', "name = 1979-05-27", ["domain.name: is the date 1979-05-27; wanted a text"]),
    ("back_off_s = 5", 'back_off_s = "5"', ["domain.back_off_s: is `5`; wanted a number"]),
    ("back_off_s = 5", "back_off_s = true", ["domain.back_off_s: is true; wanted a number"]),
    ("back_off_s = 5", "back_off_s = nan",
     ["domain.back_off_s: is nan; wanted a finite number of a usual size"]),
    ("back_off_s = 5", "back_off_s = -inf",
     ["domain.back_off_s: is -inf; wanted a finite number of a usual size"]),
    ("back_off_s = 5", "back_off_s = 1e300",
     ["domain.back_off_s: is 1e+300; wanted a finite number of a usual size"]),
    ("back_off_s = 5", f"back_off_s = 0x{'f' * 4_000}",
     ["domain.back_off_s: is a number of 16000 bits; wanted a finite number of a usual size"]),
    ("back_off_s = 5", "back_off_s = 31622401",
     ["domain.back_off_s: is 31622401; wanted a number of seconds up to 31622400"]),
    ("back_off_s = 5", "back_off_s = 0.0000001",
     ["domain.back_off_s: is 1e-07; wanted a whole number of microseconds"]),
    ("priority = 5", "priority = 5.0", ["queues.cards.priority: is 5.0; wanted a whole number"]),
    ("priority = 5", "priority = false", ["queues.cards.priority: is false; wanted a whole number"]),
    ("priority = 5", f"priority = -0b{'1' * 64}".replace("-", ""),
     ["queues.cards.priority: is a number of 64 bits; wanted a finite number of a usual size"]),
    ("auto_answer = true", "auto_answer = 1",
     ["queues.cards.voice.auto_answer: is 1; wanted true or false"]),
    ("auto_answer = true", "parallel_offer = 2", [
        "queues.cards.voice.parallel_offer: is an unknown key; wanted a known key; did you mean"
        " `parallel_offers`?"]),
    ("auto_answer = true", "parallel_offers = 2.5",
     ["queues.cards.voice.parallel_offers: is 2.5; wanted a whole number"]),
    ("auto_answer = true", "auto_answer = true\nparallel_offers = 2", [
        "queues.cards.voice.parallel_offers: is 2; wanted 1, since with auto_answer the first agent has"
        " taken it before others ring"]),
    ('prefers = ["loans >= 3"]', 'prefers = "loans >= 3"',
     ["queues.cards.prefers: is `loans >= 3`; wanted an array"]),
    ('prefers = ["loans >= 3"]', 'prefers = [5, "lons"]', [
        "queues.cards.prefers[0]: is 5; wanted a text",
        "queues.cards.prefers[1]: names `lons` at character 1; wanted a declared skill; did you"
        " mean `loans`?"]),
    ('site = ["madrid", "boston"]', "site = {}", ["attributes.site: is a table; wanted an array"]),
    ("  [queues.cards.chat]\n  wrap_up_cap_s = 7", "  chat = 5",
     ["queues.cards.voice.chat: is an unknown key; wanted one of `objective_s`, `handle_time_s`, `ring_s`,"
      " `wrap_up_s`, `wrap_up_cap_s`, `auto_answer`, `parallel_offers`, `expires_s`, `park_s`,"
      " `acknowledge`, `overflow`"]),
    ("slots = 1, cost = 100 }", 'slots = 1, cost = 100, interrupted_by = ["fax", "chat", "smoke"] }', [
        f"capacities.blended.voice.interrupted_by[0]: is `fax`; wanted {CHANNELS}",
        f"capacities.blended.voice.interrupted_by[2]: is `smoke`; wanted {CHANNELS}"]),
    ('channels = ["voice"]', 'channels = ["voise"]',
     [f"profiles.team[0].channels[0]: is `voise`; wanted {CHANNELS}; did you mean `voice`?"]),
    ("skills = { cards = 6, english = 9 }", 'skills = { cards = "six", english = 0 }', [
        "agents.ana.skills.cards: is `six`; wanted a whole number",
        "agents.ana.skills.english: is 0; wanted a whole number from 1 to 10"]),
    ('attributes = { site = "madrid" }', "attributes = { site = 5 }",
     ["agents.ana.attributes.site: is 5; wanted a text"]),
    ("[agents.ana]", "[agents]\nbob = 5\n[agents.ana]", ["agents.bob: is 5; wanted a table"]),
    ("interval_min = 15", "interval_min = true", ["measures.interval_min: is true; wanted a number"]),
    ("interval_min = 15", "interval_min = 7",
     ["measures.interval_min: is 7; wanted minutes that divide a day: 15, 30"]),
    ("interval_min = 15", "interval_min = 0.5", []),
    ("[measures]", '[headroom.phone]\nqueue = "cards"\nkeep_free = 2\n[measures]', []),
    ("[measures]", '[headroom.phone]\nqueue = "card"\nkeep_free = "two"\nkeep = 3\n[measures]', [
        "headroom.phone.queue: is `card`; wanted a declared queue; did you mean `cards`?",
        "headroom.phone.keep_free: is `two`; wanted a whole number",
        "headroom.phone.keep: is an unknown key; wanted a known key; did you mean `keep_free`?"]),
    ("[measures]", "[headroom.phone]\n[measures]", [
        "headroom.phone.queue: is missing; wanted a text",
        "headroom.phone.keep_free: is missing; wanted a whole number"]),
    ("[queues.cards]", '[queues.cards]\nsteps = [{ after_s = "soon", lower = { english = 1 } }]',
     ["queues.cards.steps[0].after_s: is `soon`; wanted a number"]),
    ("tier = 2", "reserve_waiting = 1.5",
     ["profiles.team[0].reserve_waiting: is 1.5; wanted a whole number"]),
    # Groups
    ("members = 2\n", "", ["groups.english.members: is missing; wanted a whole number from 1 to 100000"]),
    ("members = 2", "members = 0",
     ["groups.english.members: is 0; wanted a whole number from 1 to 100000"]),
    ("members = 2", "members = 100001",
     ["groups.english.members: is 100001; wanted a whole number from 1 to 100000"]),
    ("members = 2", 'members = "two"', ["groups.english.members: is `two`; wanted a whole number"]),
    ("members = 2", "members = 100000",
     ["groups: make 100001 agents with [agents]; wanted at most 100000"]),
    ("[groups.english]", '[groups.""]', ['groups."": has a name of 0 characters; wanted at least 1']),
    ("[agents.ana]", "[agents.english-002]",
     ["groups.english: has the member `english-002` twice; wanted another name"]),
    # Not TOML, with the line
    ("[queues.cards]", "[queues.cards", ["line 14: is no TOML at column 14: …; wanted TOML 1.0"]),
    ("[measures]", "[domain]",
     ["line 52: is no TOML at column 8: …; wanted each table and key once"]),
    ("ring_s = 15", "ring_s = 15\nring_s = 16",
     ["line 22: is no TOML at column 12: …; wanted each table and key once"]),
    ("short_abandon_s = 5", "short_abandon_s = [1", ["line 56: is no TOML: …; wanted TOML 1.0"]),
]  # fmt: skip


@pytest.mark.parametrize("old, new, wanted", EDITS)
def test_each_mistake_has_its_message(old: str, new: str, wanted: list[str]) -> None:
    assert old in BANK
    assert messages(BANK.replace(old, new)) == wanted


def test_a_policys_numbers_are_read() -> None:
    aged = BANK.replace('urgency = "longest_wait"', 'urgency = "ageing"\nageing_per_h = 60')
    aged = aged.replace("priority = 5", "priority = 5\nageing_per_h = 120\nageing_cap = 40")
    settings = parse(aged)
    (cards,) = settings.queues
    assert (settings.urgency, settings.ageing_per_h) == (Urgency.AGEING, 60)
    assert (cards.priority, cards.ageing_per_h, cards.ageing_cap) == (5, 120, 40)
    cheap = BANK.replace("longest_wait", "generalized_c_mu").replace(
        "priority = 5", "delay_cost = 7"
    )
    cheap = cheap.replace("objective_s = 20", "handle_time_s = 300.5")
    cheap = cheap.replace("wrap_up_cap_s = 7", "handle_time_s = 60")
    (cards,) = parse(cheap).queues
    assert cards.delay_cost == 7
    times = [channel.handle_time_us for channel in cards.channels.values()]
    assert times == [300_500_000, 60_000_000]
    shared = BANK.replace("longest_wait", "queue_ratio").replace(
        "priority = 5", "waiting_share = 3"
    )
    assert parse(shared).queues[0].waiting_share == 3


def test_one_run_tells_all_mistakes_in_the_order_of_the_file() -> None:
    text = (
        BANK.replace('requires = "cards >= 3"', 'requires = "klingon >= 3"')
        .replace("ring_s = 15", "ring_s = -15")
        .replace("english = 9", "english = 11")
        .replace("back_off_s = 5", "back_of_s = 5")
        .replace("auto_answer = true", 'auto_answer = "yes"')
        .replace("[capacities.blended]", "[queues.lonely.voice]\n[capacities.blended]")
    )
    assert messages(text) == [
        "domain.back_of_s: is an unknown key; wanted a known key; did you mean `back_off_s`?",
        "queues.cards.requires: names `klingon` at character 1; wanted a declared skill",
        "queues.cards.voice.ring_s: is -15; wanted a number of seconds above 0 and up to 31622400",
        "queues.cards.voice.auto_answer: is `yes`; wanted true or false",
        "queues.lonely.voice: is served by no agent; wanted an agent whose profile serves it",
        "agents.ana.skills.english: is 11; wanted a whole number from 1 to 10",
    ]


def test_an_empty_file_lacks_what_every_domain_needs() -> None:
    assert messages("") == [
        "domain: is missing; wanted a table",
        "queues: is missing; wanted at least one",
        "profiles: is missing; wanted at least one",
    ]


def test_members_may_be_given_from_outside() -> None:
    def names(**members: int) -> list[str]:
        agents = parse(BANK.replace("members = 2\n", ""), members=members).agents
        return [agent.agent_id for agent in agents if agent.group]

    assert names(english=1) == ["english-001"]
    assert names(english=1001)[-1] == "english-1001"
    idle = BANK.replace('profile = "team"', 'profile = "all"')
    assert len(parse(idle, members={"english": 0}).agents) == 1
    assert messages(BANK, members={"english": -1, "french": 5}) == [
        "groups.english.members: is -1; wanted a whole number from 0 to 100000",
        "groups.french: is missing; wanted a table, since its members are given",
    ]
    assert messages(BANK, members={"english": AGENTS_MAX}) == [
        "groups: make 100001 agents with [agents]; wanted at most 100000"
    ]


def test_the_simulators_table_is_left_alone() -> None:
    assert parse(BANK + '[scenario]\nanything = [{ goes = "here" }]') == SETTINGS


def test_a_config_error_is_copied_as_it_is() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("a = 1", file="site.toml")
    error = caught.value
    assert str(error).startswith("site.toml: a: is an unknown key; wanted one of `domain`, `att")
    for copy in (type(error)(*error.args), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert (copy.args, str(copy)) == (error.args, str(error))


# Hostile files

DEEP: Final = ".".join("a" * 10)
HOSTILE: Final[list[tuple[str, str | bytes, list[str]]]] = [
    ("32 KB of dots", "a." * 16_384 + "a = 1", [
        "line 1: has 32773 bytes; wanted at most 4096",
        "line 1: has a key with 16384 dots; wanted at most 8"]),
    ("a dotted key", f"x = 1\n{DEEP} = 1", ["line 2: has a key with 9 dots; wanted at most 8"]),
    ("spaces about dots", f"{DEEP} = 1".replace(".", " \t. "),
     ["line 1: has a key with 9 dots; wanted at most 8"]),
    ("quoted parts", '"a.b"."".\'c.d\'.' + f"{DEEP}=1", ["line 1: has a key with 12 dots; wanted at most 8"]),
    ("a header", f"[{DEEP}]", ["line 1: has a key with 9 dots; wanted at most 8"]),
    ("a header of an array", f"[[ {DEEP} ]]", ["line 1: has a key with 9 dots; wanted at most 8"]),
    ("an inline table", f"x = [{{ y = {{ {DEEP} = 1 }} }}]",
     ["line 1: has a key with 9 dots; wanted at most 8"]),
    ("after a long string", f'x = """\n\\""" {DEEP} """"" # {DEEP}\n{DEEP} = 1',
     ["line 3: has a key with 9 dots; wanted at most 8"]),
    ("after a long literal", f"x = '''\n'' {DEEP} \\''''\n{DEEP} = 1",
     ["line 3: has a key with 9 dots; wanted at most 8"]),
    ("a long line", "#" * 4_097 + "\n" + "#" * 4_096, ["line 1: has 4097 bytes; wanted at most 4096"]),
    ("a large file", b"#" * (FILE_BYTES_MAX + 1),
     ["file: has over 1048576 bytes; wanted at most 1048576"]),
    ("not UTF-8", b"a = 1\nb = '\xff'", ["line 2: is not UTF-8; wanted text in UTF-8"]),
    ("half a character", "a = '\ud800'", ["line 1: is not UTF-8; wanted text in UTF-8"]),
    ("nested arrays", "a = " + "[" * 4_000,
     ["file: is nested too deeply; wanted a few tables and arrays in each other"]),
    ("nested arrays on lines", "a = " + "[\n" * 400_000,
     ["file: is nested too deeply; wanted a few tables and arrays in each other"]),
    ("an open long string of escapes", 'a = """' + ('\\"""' * 1_000 + "\n") * 20,
     ["line 21: is no TOML: …; wanted TOML 1.0"]),
    ("open strings of escapes", "a = 1\n" + ('\\"' * 2_000 + "\n") * 200,
     ["line 2: is no TOML at column 1: …; wanted TOML 1.0"]),
    ("open literals", "a = 1\n" + ("'" * 3_999 + "\n") * 200,
     ["line 2: is no TOML at column 3: …; wanted TOML 1.0"]),
]  # fmt: skip


@pytest.mark.parametrize(
    "text, wanted", [each[1:] for each in HOSTILE], ids=[h[0] for h in HOSTILE]
)
def test_hostile_files_are_refused(text: str | bytes, wanted: list[str]) -> None:
    assert messages(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "a = [1.5, 1979-05-27T07:32:00.999-07:00, -0.5e-3]",
        f"a = '{DEEP}'",
        f'a = "{DEEP}"  # {DEEP}',
        f'a = """\n{DEEP}\n"" {DEEP}"""',
        f"a = '''\n{DEEP}\n'' {DEEP}'''",
        "a.b.c.d.e.f.g.h.i = 1",
        '"a.b.c.d.e.f.g.h.i.j.k" = 1',
    ],
)
def test_what_only_looks_like_a_deep_key_is_read(text: str) -> None:
    assert read_toml(text.encode(), "f")


def test_the_guard_names_a_limited_number_of_lines() -> None:
    found = messages(("#" * 4_097 + f"\n{DEEP} = 1\n") * 40)
    assert len(found) == 40
    assert found[-1] == "line 40: has a key with 9 dots; wanted at most 8"


def test_only_so_many_unknown_keys_get_a_suggestion() -> None:
    found = messages(BANK + "".join(f"abandons{n} = 1\n" for n in range(200)))
    assert sum("did you mean `abandons`?" in line for line in found) == 100
    assert len(found) == 200


@given(st.text(alphabet="ab.=[]{}'\"\\#\n 1,", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert messages(text)


@given(st.data())
def test_a_file_with_any_value_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    text = BANK.replace("exclusion_s = 0.1", "steps = [{ lower = { cards = 2 }, after_s = 5 }]")
    text += '[headroom.phone]\nqueue = "cards"\nkeep_free = 2\n'
    text += '[calendars.office]\ncountry = "ES"\nsubdivision = "MD"\nmon = ["09:00-14:00"]\n'
    text += "special_days = { 2026-12-24 = [] }\n"
    lines = text.splitlines()
    place = data.draw(st.sampled_from([n for n, line in enumerate(lines) if " = " in line]))
    key = lines[place].split(" = ")[0]
    values = ["{}", "[]", "[[]]", "[{}]", '""', "-1", "nan", "true", "1979-05-27", "{ voice = 1 }"]
    lines[place] = f"{key} = {data.draw(st.sampled_from(values))}"
    for message in messages("\n".join(lines)):
        assert re.fullmatch(r"[^ ].*: .+; wanted .+", message)


# What other readers use


class _Inner(Table):
    count: Annotated[int, Field(ge=1, le=9)] = 1
    ratio: Annotated[Number, Field(gt=0, lt=1)] = 0.5
    label: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    marks: Annotated[list[int], Field(min_length=1, max_length=2)]
    kind: Literal["up", "down"] = "up"
    odd: Annotated[int, Field(multiple_of=2)] = 2


class _Outer(Table):
    inner: dict[str, _Inner | None]
    needed_us: int
    ratio: float
    flag: bool
    many: list[int]


def _errors(model: type[Table], tree: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(tree)
    return caught.value


def test_pydantics_errors_become_problems() -> None:
    inner = {
        "x": {"count": 0, "ratio": 0, "label": "", "marks": [], "kind": "dwn", "odd": 1},
        "y": {"count": 10, "ratio": 1, "label": "abcd", "marks": [1, 2, 3], "knd": 1},
        "z": [],
    }
    error = _errors(_Outer, {"inner": inner})
    found = mistakes_in(error, _Outer, path=("scenario",))
    assert [str(mistake.problem()) for mistake in found] == [
        "scenario.inner.y.knd: is an unknown key; wanted a known key; did you mean `kind`?",
        "scenario.inner.x.count: is 0; wanted a number of at least 1",
        "scenario.inner.x.ratio: is 0; wanted a number above 0",
        "scenario.inner.x.label: is ``; wanted at least 1 characters",
        "scenario.inner.x.marks: is an array; wanted at least 1 of them",
        "scenario.inner.x.kind: is `dwn`; wanted one of `up`, `down`; did you mean `down`?",
        "scenario.inner.x.odd: is 1; wanted Input should be a multiple of 2",
        "scenario.inner.y.count: is 10; wanted a number of at most 9",
        "scenario.inner.y.ratio: is 1; wanted a number below 1",
        "scenario.inner.y.label: is `abcd`; wanted at most 3 characters",
        "scenario.inner.y.marks: is an array; wanted at most 2 of them",
        "scenario.inner.z: is an array; wanted a table",
        "scenario.needed_s: is missing; wanted a number of seconds",
        "scenario.ratio: is missing; wanted a number",
        "scenario.flag: is missing; wanted true or false",
        "scenario.many: is missing; wanted an array",
    ]
    assert mistakes_in(error, _Outer)[0].path == ("inner", "y", "knd")


def test_problems_are_put_in_the_files_order() -> None:
    tree = {"b": {"y": [{"k": 1}, {"k": 2}]}, "a": {"x": 1}}
    paths = [
        ("a", "x"),
        ("c",),
        ("b", "z"),
        ("b", "y", 1, "k"),
        ("b", "y", 0, "m"),
        ("b", "y", 5),
        ("b",),
    ]
    found = [Mistake(path, "is wrong", "right") for path in paths]
    assert [problem.key for problem in in_file_order(found, tree)] == [
        "b", "b.y[0].m", "b.y[1].k", "b.y[5]", "b.z", "a.x", "c"]  # fmt: skip
    assert in_file_order([], tree) == []


def test_values_are_shown_short() -> None:
    values: tuple[object, ...] = ({}, [1], "x" * 99, -(1 << 63), 1.5, False)
    assert [value_text(value) for value in values] == [
        "a table",
        "an array",
        f"`{'x' * 40}…`",
        "a number of 64 bits",
        "1.5",
        "false",
    ]


def test_a_problem_is_a_line() -> None:
    assert str(Problem("queues.x", "is 1", "2")) == "queues.x: is 1; wanted 2"


WITH_RULES: Final = (
    BANK.replace(
        'contact_attributes = ["campaign"]',
        'contact_attributes = ["campaign", "age"]\ncontact_numbers = ["age"]\n'
        'time_zone = "Asia/Kolkata"',
    ).replace('urgency = "longest_wait"', 'urgency = "deadline_first"')
    + """
[[entry]]
name = "young"
when = "channel == voice and age < 30 and time < 17:00"
queue = "cards"
requirement = "english"
prefers = ["english >= 5"]
promise_s = 1.5
context = { campaign = "young" }

[[entry]]
name = "rest"
queue = "cards"
"""
)


def test_entry_rules_are_read() -> None:
    settings = parse(WITH_RULES.replace("[queues.cards]", "[queues.cards]\npromise_s = 60"))
    assert settings.contact_numbers == ("age",)
    assert settings.utc_offsets == ((0, 19_800),)
    assert settings.entry == (
        EntryRule(
            name="young",
            queue="cards",
            when="channel == voice and age < 30 and time < 17:00",
            requirement="english",
            prefers=("english >= 5",),
            promise_us=1_500_000,
            context={"campaign": "young"},
        ),
        EntryRule(name="rest", queue="cards"),
    )


@pytest.mark.parametrize(
    "old, new, wanted",
    [
        ('queue = "cards"\nrequirement', "requirement", ["entry[0].queue: is missing; wanted a text"]),
        ("[[entry]]", "[[entries]]",
         ["entries: is an unknown key; wanted a known key; did you mean `entry`?"]),
        ("promise_s = 1.5", "promise = 1.5",
         ["entry[0].promise: is an unknown key; wanted a known key; did you mean `promise_s`?"]),
        ('when = "channel', "when = 5\n#", ["entry[0].when: is 5; wanted a text"]),
        ('campaign = "young" }', "campaign = 5 }", ["entry[0].context.campaign: is 5; wanted a text"]),
        ("age < 30", "age < 30 and", [
            "entry[0].when: has `and` at character 35; wanted `channel`, `weekday`, `time`, an"
            " attribute, `not` or `(`"]),
        ('"Asia/Kolkata"', '"Asia/Kolkatta"', [
            "domain.time_zone: is `Asia/Kolkatta`; wanted a time zone that this machine knows,"
            " like Europe/Madrid; did you mean `Asia/Kolkata`?"]),
        ('"Asia/Kolkata"', '"../../etc/passwd"', [
            "domain.time_zone: is `../../etc/passwd`; wanted a time zone that this machine knows,"
            " like Europe/Madrid"]),
        ('"Asia/Kolkata"', "5", ["domain.time_zone: is 5; wanted a text"]),
        ('"Asia/Kolkata"', '"UTC"', []),
    ],
)  # fmt: skip
def test_each_mistake_of_entry_rules_has_its_message(old: str, new: str, wanted: list[str]) -> None:
    text = WITH_RULES.replace("[queues.cards]", "[queues.cards]\npromise_s = 60")
    assert text.count(old) >= 1
    assert messages(text.replace(old, new)) == wanted


def test_the_example_of_the_manual_loads() -> None:
    manual = Path(__file__).parents[2].joinpath("docs", "configuration.md").read_text()
    (example,) = re.findall(r"^```toml\n(.*?)^```", manual, re.DOTALL | re.MULTILINE)
    assert len(parse(example).agents) == 41


def test_the_manual_names_every_key() -> None:
    manual = Path(__file__).parents[2].joinpath("docs", "configuration.md").read_text()
    keys = set(re.findall(r"^ *(\w+) = ", WITH_RULES, re.MULTILINE)) - {"site"}
    keys |= {"slots", "cost", "interrupted_by", "head_start_s", "promise_s"}
    assert {key for key in keys if f"`{key}`" not in manual and f".{key}`" not in manual} == set()

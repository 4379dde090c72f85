"""What cannot be of overflow rules and limits on admission, each with its message, word for word.

Method: a small file is edited; of what was edited every mistake is compared. A file's mistakes are
found also where its shape is wrong.
"""

import pytest
from msgspec.structs import replace

from acd.config import parse
from acd.errors import ConfigError
from acd.ids import Channel
from acd.settings import AdmissionSettings, Condition, OverflowRule
from acd.validation import problems
from tests.unit.shop import SHOP

FILE = """
[domain]
name = "bank"
contact_attributes = ["campaign"]
voicemails = ["cards"]
messages = ["busy", "closed"]

[calendars.office]
mon = ["09:00-18:00"]

[queues.cards]
opening_hours = "office"
[queues.cards.voice]
expires_s = 900
overflow = [
  { leaving = ["closed"], message = "closed" },
  { joining = ["nobody_ready"], max_wait_s = 300, voicemail = "cards" },
  { max_waiting = 20, queue = "general" },
]
[queues.cards.chat]
overflow = []
[queues.general]
voice = {}
[queues.other]
voice = {}
chat = {}

[admission.phone]
channels = ["voice"]
queues = ["cards", "general"]
attributes = { campaign = "spring" }
max_waiting = 100
rate_per_min = 600
burst = 10
voicemail = "cards"

[capacities.desk]
voice = {}
chat = {}

[profiles]
all = [{ queue = "cards" }, { queue = "general" }, { queue = "other" }]

[agents.ann]
profile = "all"
capacity = "desk"
"""

CARDS = "queues.cards.voice.overflow"


def test_the_file_says_what_it_says() -> None:
    settings = parse(FILE)
    voice, chat = settings.queues[0].channels.values()
    assert voice.overflow == (
        OverflowRule(leaving=(Condition.CLOSED,), message="closed"),
        OverflowRule(joining=(Condition.NOBODY_READY,), max_wait_us=300_000_000, voicemail="cards"),
        OverflowRule(max_waiting=20, queue="general"),
    )
    assert chat.overflow == ()
    assert settings.admission == (
        AdmissionSettings(
            name="phone",
            channels=(Channel.VOICE,),
            queues=("cards", "general"),
            attributes={"campaign": "spring"},
            max_waiting=100,
            rate_per_min=600,
            burst=10,
            voicemail="cards",
        ),
    )


TARGETS = "one of `queue`, `voicemail`, `message`, `domain`, `callback`"
NO_CLOSING = "a queue with opening_hours, since this one never closes"

_OTHER_TWICE = "[queues.last]\n[queues.other]\nvoice = {}\nchat = {}"
"""What an edit that says something else of a queue leaves behind."""

EDITS: list[tuple[str, str, list[str]]] = [
    # Targets.
    (', message = "closed" }', "}", [f"{CARDS}[0]: has no target; wanted {TARGETS}"]),
    (
        'message = "closed" }',
        'message = "closed", queue = "other" }',
        [f"{CARDS}[0]: has `queue`, `message`; wanted {TARGETS}"],
    ),
    (
        'message = "closed" }',
        'message = "close" }',
        [f"{CARDS}[0].message: is `close`; wanted a declared message; did you mean `closed`?"],
    ),
    (
        'voicemail = "cards" },',
        'voicemail = "card" },',
        [f"{CARDS}[1].voicemail: is `card`; wanted a declared voicemail; did you mean `cards`?"],
    ),
    (
        'queue = "general" },',
        'queue = "genera" },',
        [f"{CARDS}[2].queue: is `genera`; wanted a declared queue; did you mean `general`?"],
    ),
    (
        "overflow = []",
        'overflow = [{ max_waiting = 1, queue = "general" }]',
        ["queues.cards.chat.overflow[0].queue: is `general`; wanted a queue that has `chat`"],
    ),
    (
        "overflow = []",
        'overflow = [{ max_waiting = 1, voicemail = "cards" }]',
        [
            ("queues.cards.chat.overflow[0].voicemail: is given; "
            "wanted no such key: only calls leave voice mails")
        ],
    ),
    (
        'message = "closed" }',
        'callback = "close" }',
        [
            f"{CARDS}[0].callback: is `close`; wanted a declared message; did you mean `closed`?",
            f"{CARDS}[0].callback: offers what the queue lacks; wanted callbacks in the queue",
        ],
    ),
    (
        "overflow = []",
        'overflow = [{ max_waiting = 1, callback = "closed" }]',
        [
            ("queues.cards.chat.overflow[0].callback: is given; "
            "wanted no such key: only callers are called back")
        ],
    ),
    (
        'message = "closed" }',
        "message = 3 }",
        [f"{CARDS}[0].message: is 3; wanted a text"],
    ),
    # What makes a rule hold.
    (
        "{ max_waiting = 20, ",
        "{ ",
        [
            (f"{CARDS}[2]: never holds; wanted one of `joining`, `leaving`, `max_waiting`, "
            "`max_estimated_wait_s`, `max_wait_s`")
        ],
    ),
    ("max_waiting = 20", "max_waiting = 0", [
        f"{CARDS}[2].max_waiting: is 0; wanted a whole number from 1 to 100000"]),
    ("max_waiting = 20", "max_waiting = true", [
        f"{CARDS}[2].max_waiting: is true; wanted a whole number"]),
    ("max_waiting = 20", "max_estimated_wait_s = 0", [
        (f"{CARDS}[2].max_estimated_wait_s: is 0; wanted a number of seconds above 0 and up to "
        "31622400"),
        (f"{CARDS}[2].max_estimated_wait_s: is given; wanted domain.estimated_wait = true, without "
        "which no wait is estimated")]),
    ("max_wait_s = 300", "max_wait_s = 0", [
        f"{CARDS}[1].max_wait_s: is 0; wanted a number of seconds above 0 and up to 31622400"]),
    ("max_wait_s = 300", "max_wait_s = 900", [
        f"{CARDS}[1].max_wait_s: is 900; wanted less than expires_s, 900, at which nobody waits"]),
    ("max_waiting = 20", "max_waiting = 20, max_wait_s = 10", [
        (f"{CARDS}[2].max_wait_s: is given again; wanted it in one rule of a channel, since the "
        "lower one always decides")]),
    ('["closed"]', '["shut"]', [
        (f"{CARDS}[0].leaving[0]: is `shut`; wanted one of `closed`, `nobody_logged_in`, "
        "`nobody_ready`")]),
    ('["closed"]', '["closed", "closed"]', [
        f"{CARDS}[0].leaving[1]: is `closed` again; wanted each name once"]),
    ('["nobody_ready"]', '["nobody_ready", "closed"]', [
        (f"{CARDS}[1].joining[1]: is `closed` again; wanted each condition in one rule, since the "
        "first that holds decides")]),
    ('["nobody_ready"]', '["nobody_ready"], leaving = ["nobody_ready"]', [
        (f"{CARDS}[1].joining: names `nobody_ready`; wanted it under `leaving` only: who may not "
        "stay does not get in")]),
    ('opening_hours = "office"\n', "", [
        f"{CARDS}[0].leaving[0]: is `closed`; wanted {NO_CLOSING}"]),
    ('opening_hours = "office"', "opening_hours = 7", [
        "queues.cards.opening_hours: is 7; wanted a text"]),
    ("overflow = []", "overflow = [" + '{ max_waiting = 1, message = "busy" },' * 11 + "]", [
        "queues.cards.chat.overflow: has 11 rules; wanted at most 10",
        *(f"queues.cards.chat.overflow[{place}].max_waiting: is given again; wanted it in one rule "
          "of a channel, since the lower one always decides" for place in range(1, 11))]),
    # Round in circles.
    ('queue = "general" },', 'queue = "cards" },', [
        f"{CARDS}[2].queue: leads back: `cards` -> `cards`; wanted no way back to a queue"]),
    ("[queues.general]\nvoice = {}", ('[queues.general]\nvoice = { overflow = [{ max_wait_s = 9, '
     'queue = "other" }] }\n[queues.other]\nchat = {}\nvoice = { overflow = [{ max_wait_s = 9, '
     'queue = "cards" }] }\n[queues.last]'), [
        (f"{CARDS}[2].queue: leads back: `cards` -> `general` -> `other` -> `cards`; wanted no way "
        "back to a queue")]),
    # Names.
    ('["busy", "closed"]', '["busy", "closed", "busy", ""]', [
        "domain.messages[2]: is `busy` again; wanted each name once",
        "domain.messages[3]: is ``; wanted a name at the switch: 1 to 64 of A-Z a-z 0-9 / _ -"]),
    # Admission.
    ('queues = ["cards", "general"]', 'queues = ["cards", "card"]', [
        "admission.phone.queues[1]: is `card`; wanted a declared queue; did you mean `cards`?"]),
    ('queues = ["cards", "general"]', 'queues = ["cards", "cards"]', [
        "admission.phone.queues[1]: is `cards` again; wanted each name once"]),
    ('channels = ["voice"]', 'channels = ["voice", "voice"]', [
        "admission.phone.channels[1]: is `voice` again; wanted each name once",
        "admission.phone.voicemail: is given; wanted no such key: only calls leave voice mails"]),
    ('channels = ["voice"]', 'channels = ["voices"]', [
        ("admission.phone.channels[0]: is `voices`; wanted one of `voice`, `email`, `web_form`, "
        "`chat`; did you mean `voice`?")]),
    ('channels = ["voice"]\n', "", [
        "admission.phone.voicemail: is given; wanted no such key: only calls leave voice mails"]),
    ('campaign = "spring"', 'campain = "spring"', [
        ("admission.phone.attributes.campain: is no declared attribute of contacts; wanted a "
        "declared attribute of contacts; did you mean `campaign`?")]),
    ('campaign = "spring"', 'campaign = ""', [
        "admission.phone.attributes.campaign: has 0 characters; wanted from 1 to 64"]),
    ("max_waiting = 100", "max_waiting = 100001", [
        "admission.phone.max_waiting: is 100001; wanted a whole number from 1 to 100000"]),
    ("rate_per_min = 600", "rate_per_min = 0", [
        "admission.phone.rate_per_min: is 0; wanted a whole number from 1 to 1000000"]),
    ("rate_per_min = 600\n", "", [
        "admission.phone.burst: is given; wanted a rate_per_min beside it"]),
    ("rate_per_min = 600", 'rate_per_min = "x"', [
        "admission.phone.rate_per_min: is `x`; wanted a whole number"]),
    ("burst = 10", "burst = 0", [
        "admission.phone.burst: is 0; wanted a whole number from 1 to 100000"]),
    ("max_waiting = 100\nrate_per_min = 600\nburst = 10\n", "", [
        "admission.phone: limits nothing; wanted one of `max_waiting`, `rate_per_min`"]),
    ("max_waiting = 100\nrate_per_min = 600\nburst = 10\n", 'max_waiting = "x"\n', [
        "admission.phone.max_waiting: is `x`; wanted a whole number"]),
    ('burst = 10\nvoicemail = "cards"', "burst = 10", [
        "admission.phone: has no target; wanted one of `voicemail`, `message`"]),
    ('burst = 10\nvoicemail = "cards"', 'burst = 10\nqueue = "cards"', [
        "admission.phone: has no target; wanted one of `voicemail`, `message`",
        "admission.phone.queue: is an unknown key; wanted a known key; did you mean `queues`?"]),
    ("[admission.phone]", f"[admission.{'x' * 65}]", [
        f"admission.{'x' * 64}…: has a name of 65 characters; wanted from 1 to 64 characters"]),
]  # fmt: skip


@pytest.mark.parametrize("old, new, wanted", EDITS)
def test_each_mistake_has_its_message(old: str, new: str, wanted: list[str]) -> None:
    assert old in FILE
    text = FILE.replace(old, new, 1).replace(_OTHER_TWICE, "")
    with pytest.raises(ConfigError) as caught:
        parse(text, file="bank.toml")
    found = str(caught.value).splitlines()
    assert [one.removeprefix("bank.toml: ") for one in found] == wanted


def test_more_limits_than_a_hundred_are_too_many() -> None:
    tables = "".join(
        f'[admission.x{number}]\nmax_waiting = 1\nmessage = "busy"\n' for number in range(100)
    )
    with pytest.raises(ConfigError, match="admission: has 101 limits; wanted at most 100"):
        parse(FILE + tables)


def test_more_names_than_a_thousand_are_too_many() -> None:
    names = tuple(map(str, range(1_001)))
    found = problems(replace(SHOP, messages=names, voicemails=names))
    assert [str(one) for one in found] == [
        "domain.voicemails: has 1001 names; wanted at most 1000",
        "domain.messages: has 1001 names; wanted at most 1000",
    ]


def test_a_circle_of_which_a_queue_leads_elsewhere_too_is_told_once() -> None:
    round_about = FILE.replace(
        "[queues.general]\nvoice = {}",
        "[queues.general]\nvoice = { overflow = ["
        '{ max_wait_s = 9, queue = "cards" }, { max_waiting = 9, queue = "other" }] }',
    )
    with pytest.raises(ConfigError) as caught:
        parse(round_about, file="x")
    assert str(caught.value) == (
        f"x: {CARDS}[2].queue: leads back: `cards` -> `general` -> `cards`; "
        "wanted no way back to a queue"
    )


def test_a_long_chain_is_no_circle() -> None:
    parse(
        FILE.replace(
            "[queues.general]\nvoice = {}",
            "[queues.general]\nvoice = { overflow = ["
            '{ max_wait_s = 9, queue = "other" }, { max_waiting = 9, queue = "other" }] }',
        )
    )

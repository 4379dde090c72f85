"""The journal's lines: written, read back, replayed; and every way in which they can be wrong.

Method: tables of messages beside their lines; for any message that the vocabulary admits, reading
gives back what was written (Hypothesis, with texts that try to break out of their quotes); a table
of wrong lines beside the message each gets, word for word; stories that a router played are
replayed, and a story changed by hand shows its first difference. A stream that counts what was
read from it shows that a long journal is never held whole.
"""

import io
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd import __version__
from acd import events as ev
from acd.actions import (
    Action,
    CloseContact,
    ConnectLeg,
    EnterQueue,
    OfferContact,
    Refused,
    SetAgentState,
    WithdrawOffer,
)
from acd.errors import ConfigError, JournalError
from acd.ids import Availability, Channel, ContactOutcome, FailureCause, OfferOutcome, Reason
from acd.journal import (
    LINE_BYTES_MAX,
    Difference,
    format_action,
    format_entry,
    format_event,
    format_header,
    read,
    replay,
)
from acd.journal.text import Entry
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)

DOCS = Path(__file__).parents[2] / "docs" / "journal.md"
VOICE = Channel.VOICE

SHOP = DomainSettings(
    name="shop",
    queues=(QueueSettings(name="sales", channels={VOICE: ChannelSettings()}),),
    profiles=(ProfileSettings(name="all", serves=(Serves(queue="sales", channels=(VOICE,)),)),),
    capacities=(CapacitySettings(name="one", channels={VOICE: SlotSettings()}),),
    agents=(AgentSettings(agent_id="ann", profile="all", capacity="one"),),
)
HEADER = format_header(SHOP)

ARRIVED = ev.ContactArrived(contact_id="c1", queue="sales", channel=VOICE)

LINES: list[tuple[ev.SingleEvent | Action, str]] = [
    (ARRIVED, "contact.arrived contact_id=c1 queue=sales channel=voice"),
    (
        ev.ContactArrived(
            contact_id="a b",
            queue="null",
            channel=Channel.WEB_FORM,
            customer='say "hi" # \\',
            attributes=(("tier", "gold plus"), ("n", "5")),
            prefers=("english >= 5",),
            priority=-3,
            promised_us=7,
        ),
        (r'contact.arrived contact_id="a b" queue=null channel=web_form customer="say \"hi\" # \\" '
         'attributes=[["tier","gold plus"],["n","5"]] prefers=["english >= 5"] priority=-3 '
         "promised_us=7"),
    ),
    (
        ev.ContactArrived(contact_id="c2", channel=VOICE),
        "contact.arrived contact_id=c2 channel=voice",
    ),
    (
        EnterQueue(
            3,
            "c2",
            "at night",
            "sales",
            priority=2,
            requirement="cards >= 3",
            prefers=("loans",),
            promised_us=5,
            context=(("campaign", "may"),),
        ),
        (
            'leg.enter leg_id=3 contact_id=c2 rule="at night" queue=sales priority=2 '
            'requirement="cards >= 3" prefers=["loans"] promised_us=5 '
            'context=[["campaign","may"]]'
        ),
    ),
    (ev.ClockTicked(), "clock.ticked"),
    (
        ev.AgentNotReady(agent_id="ann", after_this_one=True),
        "agent.not_ready agent_id=ann after_this_one=true",
    ),
    (
        ev.OfferFailed(offer_id=2, cause=FailureCause.BUSY),
        "offer.failed offer_id=2 cause=busy",
    ),
    (
        OfferContact(1, 2, "c1", "zoë", "sales", VOICE, 15_000_000, auto_answer=True),
        ("offer.contact offer_id=1 leg_id=2 contact_id=c1 agent_id=zoë queue=sales channel=voice "
         "ring_until_us=15000000 auto_answer=true"),
    ),
    (WithdrawOffer(1, "5", OfferOutcome.TIMED_OUT),
     "offer.withdraw offer_id=1 agent_id=5 outcome=timed_out"),
    (SetAgentState("ann", Availability.LOGGED_OUT),
     "agent.set_state agent_id=ann availability=logged_out"),
    (Refused(Reason.UNKNOWN_CONTACT, "", 3), 'refused reason=unknown_contact about="" position=3'),
]  # fmt: skip


def story(*lines: str, header: str = HEADER) -> io.BytesIO:
    return io.BytesIO((header + "".join(f"{line}\n" for line in lines)).encode())


def entries(*lines: str) -> list[Entry]:
    return list(read(story(*lines), "f").entries)


def message_of(line: str) -> Any:
    """Read one line, as an event or as an action."""
    if line.startswith("<"):
        return entries("> 0 clock.ticked", line)[0].actions[0]
    return entries(line)[0].event


@pytest.mark.parametrize("message,line", LINES)
def test_a_message_has_one_line_and_is_read_back(message, line):
    if isinstance(message, get_args(Action)):
        assert format_action(message) == f"< {line}"
        assert message_of(f"< {line}") == message
    else:
        assert format_event(message, 5) == f"> 0.000005 {line}"
        assert message_of(f"> 0.000005 {line}") == message


def admitted(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for what a field's type admits, its limits included."""
    if get_origin(hint) is Annotated:
        base, limits = get_args(hint)
        if base is str and limits.pattern is not None:
            return st.from_regex(limits.pattern)
        if base is str:
            return st.text(min_size=limits.min_length or 0, max_size=limits.max_length)
        if get_origin(base) is tuple:
            most = min(limits.max_length, 3)
            return st.lists(admitted(get_args(base)[0]), max_size=most).map(tuple)
        return st.integers(limits.ge, limits.le or (limits.lt or 2**60) - 1)
    if get_origin(hint) in {UnionType, Union}:
        return st.one_of(*map(admitted, get_args(hint)))
    if get_origin(hint) is tuple:
        first, second = get_args(hint)
        if second is ...:
            return st.lists(admitted(first), max_size=3).map(tuple)
        return st.tuples(admitted(first), admitted(second))
    if hint is ev.ContactArrived:
        return built(hint)
    if get_origin(hint) is dict:
        names, values = map(admitted, get_args(hint))
        return st.dictionaries(names, values, max_size=3)
    return st.from_type(hint)


def built(kind: Any) -> st.SearchStrategy[Any]:
    return st.builds(
        kind,
        **{
            name: admitted(hint)
            for name, hint in get_type_hints(kind, include_extras=True).items()
            if name in kind.__struct_fields__
        },
    )


MESSAGES = st.one_of(*map(built, (*get_args(ev.SingleEvent), *get_args(Action))))


@given(MESSAGES, st.integers(0, 2**60 - 1))
def test_whatever_the_vocabulary_admits_is_read_back(message, now_us):
    if isinstance(message, get_args(Action)):
        assert message_of(format_action(message)) == message
    else:
        (entry,) = entries(format_event(message, now_us))
        assert (entry.event, entry.now_us) == (message, now_us)


@pytest.mark.parametrize(
    "text,wanted",
    [
        ("0", 0),
        ("12.5", 12_500_000),
        ("12.000001", 12_000_001),
        ("1152921504606.846975", 2**60 - 1),
        ("9007199254.740993", 9_007_199_254_740_993),  # Not a double: 2**53 + 1 microseconds.
    ],
)
def test_times_are_exact(text, wanted):
    assert entries(f"> {text} clock.ticked")[0].now_us == wanted


def test_a_batch_has_a_line_for_each_event():
    batch = ev.Batch(events=(ARRIVED, ev.ClockTicked()))
    text = format_entry(batch, (CloseContact("c1", ContactOutcome.ABANDONED),), 1)
    assert text == (
        "> 0.000001 batch\n"
        ">> contact.arrived contact_id=c1 queue=sales channel=voice\n"
        ">> clock.ticked\n"
        "< contact.close contact_id=c1 outcome=abandoned\n"
    )
    (entry,) = entries(*text.splitlines())
    assert entry.event == batch
    first = HEADER.count("\n") + 1
    assert (entry.line, entry.action_lines) == (first, (first + 3,))
    assert entries("> 3 batch")[0].event == ev.Batch(events=())


def test_comments_blank_lines_and_spaces_say_nothing():
    lines = ["", "# A comment.", "> 1   clock.ticked  ", "   ", "# Another.", "> 2 clock.ticked\r"]
    assert [entry.now_us for entry in entries(*lines)] == [1_000_000, 2_000_000]


def test_the_settings_stand_in_the_header_as_json_or_toml():
    assert read(story(), "f").settings == SHOP
    (text,) = blocks("journal")
    toml = "".join(line[2:] for line in text.splitlines(keepends=True) if line[:1] == "|")
    settings = read(io.BytesIO(text.encode()), "f").settings
    journal = read(story(header=format_header(settings, toml=toml)), "f")
    assert journal.settings == settings
    assert journal.router == __version__


WRONG = [
    (["> clock.ticked"], 1, "has no time; wanted seconds with at most 6 decimals, then an event"),
    (["> 1.0000001 clock.ticked"], 1, ("has no time; wanted seconds with at most 6 decimals, "
      "then an event")),
    (["> ٣.0 clock.ticked"], 1, ("has no time; wanted seconds with at most 6 decimals, "
      "then an event")),
    (["> 1.٣ clock.ticked"], 1, ("has no time; wanted seconds with at most 6 decimals, "
      "then an event")),
    (["> 1152921504606.846976 clock.ticked"], 1,
     "is at 1152921504606 s; wanted less than 2**60 microseconds"),
    (["> 1 refused reason=bad_number about=x"], 1, "has no event 'refused'; wanted one of "
     + ", ".join(kind.__struct_config__.tag for kind in get_args(ev.SingleEvent))),
    (["> 1 contact.left"], 1, "Object missing required field `contact_id`"),
    (["> 1 contact.left contact_id=a contact_id=b"], 1, "has contact_id twice; wanted it once"),
    (["> 1 contact.left contact=a"], 1, "has a field contact; wanted one of contact_id"),
    (["> 1 contact.left contact_id=a b"], 1, "breaks off at ' b'; wanted name=value"),
    (["> 1 contact.left contact_id=[a]"], 1,
     "has contact_id=[a]; wanted a plain word, or a JSON string"),
    (['> 1 contact.left contact_id="a'], 1,
     "breaks off at ' contact_id=\"a'; wanted name=value"),
    ([r'> 1 contact.left contact_id="\x"'], 1, r'has contact_id="\x"; wanted JSON'),
    (["> 1 offer.accepted offer_id=one"], 1, "has offer_id=one; wanted JSON"),
    (["> 1 contact.arrived contact_id=a attributes=" + "[" * 30_000], 1,
     f"has attributes={'[' * 40}; wanted JSON"),
    (["> 1 offer.accepted offer_id=1.5"], 1, "Expected `int`, got `float` - at `$.offer_id`"),
    (["> 1 offer.accepted offer_id=0"], 1, "Expected `int` >= 1 - at `$.offer_id`"),
    (["< customer.release contact_id=c1"], 1,
     "begins with '<' before the first event; wanted `>`"),
    (["> 1 clock.ticked", "| name = 'late'"], 2,
     "begins with '|'; wanted `>`, `>>`, `<` or `#`"),
    (["> 1 clock.ticked", ">> clock.ticked"], 2,
     "begins with `>>`; wanted it directly below a `batch`"),
    (["> 1 batch", "< customer.release contact_id=c", ">> clock.ticked"], 3,
     "begins with `>>`; wanted it directly below a `batch`"),
    (["> 1 batch", ">> batch"], 2, None),
    (["#" * (LINE_BYTES_MAX + 1)], 1, f"is longer than {LINE_BYTES_MAX} bytes"),
]  # fmt: skip


@pytest.mark.parametrize("lines,line,what", WRONG)
def test_a_wrong_line_is_named(lines, line, what):
    with pytest.raises(JournalError) as caught:
        list(read(story("# Good.", *lines), "f").entries)
    number = HEADER.count("\n") + 1 + line
    assert caught.value.args[:2] == ("f", number)
    assert what is None or str(caught.value) == f"f:{number}: {what}"


def test_a_line_of_the_greatest_length_is_read_and_broken_text_is_not():
    longest = "#" * LINE_BYTES_MAX
    assert entries(longest, longest + "\r", "> 1 clock.ticked")[0].now_us == SECOND_US
    with pytest.raises(JournalError, match="f:1: is not UTF-8"):
        read(io.BytesIO(b"\xff\n"), "f")


def test_a_batch_has_a_limit(monkeypatch):
    monkeypatch.setattr("acd.journal.text.BATCH_MAX", 2)
    with pytest.raises(JournalError, match="is the batch's event 3; wanted at most 2"):
        entries("> 1 batch", ">> clock.ticked", ">> clock.ticked", ">> clock.ticked")


def test_settings_have_a_limit(monkeypatch):
    monkeypatch.setattr("acd.journal.text.SETTINGS_BYTES_MAX", 100)
    with pytest.raises(JournalError, match="has over 100 bytes of settings"):
        read(story(), "f")


WRONG_HEADERS = [
    ("", 1, "is no journal; wanted `= acd-journal 1 …` at its head"),
    ("> 1 clock.ticked\n", 1, "is no journal; wanted `= acd-journal 1 …` at its head"),
    ("= acd-journal\n", 1, "is version ; wanted 1, which this release reads"),
    ("= acd-journal 2\n", 1, "is version 2; wanted 1, which this release reads"),
    ("= acd-journal 1 colour=red\n", 1, "says colour=; wanted router= or settings="),
    ("# Hello.\n= acd-journal 1\n> 1 clock.ticked\n", 3,
     "has no settings; wanted them on lines beginning with `| `"),
    ("= acd-journal 1\n", 2, "has no settings; wanted them on lines beginning with `| `"),
    ("= acd-journal 1\n| {\n", 2,
     "has settings that are wrong: Input data was truncated"),
    ("= acd-journal 1\n| {}\n", 2,
     "has settings that are wrong: Object missing required field `name`"),
]  # fmt: skip


@pytest.mark.parametrize("header,line,what", WRONG_HEADERS)
def test_a_wrong_header_is_named(header, line, what):
    with pytest.raises(JournalError) as caught:
        read(story(header=header), "f")
    assert str(caught.value) == f"f:{line}: {what}"


def test_settings_are_verified_by_their_hash():
    wrong = HEADER.replace(SHOP.digest(), "0" * 64)
    with pytest.raises(JournalError) as caught:
        read(story(header=wrong), "f")
    what = f"wants settings=sha256:{'0' * 64}; these are sha256:{SHOP.digest()}"
    assert str(caught.value) == f"f:1: {what}"


def test_mistakes_in_the_settings_are_told_as_those_of_a_file():
    with pytest.raises(ConfigError, match=r"f:2 \(settings\): "):
        read(story(header="= acd-journal 1\n| colour = 'red'\n"), "f")


class CountingStream(io.BytesIO):
    """Knows how much was read from it."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(-1 if size is None else size)
        self.seen = getattr(self, "seen", 0) + len(line)
        return line


def test_a_journal_is_never_held_whole():
    stream = CountingStream(story(*["> 1 clock.ticked"] * 10_000).getvalue())
    journal = read(stream, "f")
    for _ in range(5):
        next(journal.entries)
    assert stream.seen < len(HEADER) + 200


# Replaying --------------------------------------------------------------------------------------

STEPS: list[tuple[int, ev.Event]] = [
    (0, ev.Batch(events=(ev.AgentLoggedIn(agent_id="ann"), ev.AgentReady(agent_id="ann")))),
    (5, ARRIVED),
    (6, ev.OfferAccepted(offer_id=1)),
    (7, ev.LegConnected(offer_id=1)),
    (8, ev.OfferRejected(offer_id=9)),
    (60, ev.LegEnded(offer_id=1)),
]


def played() -> list[str]:
    router = Router(SHOP)
    text = ""
    for now_s, event in STEPS:
        now_us = now_s * SECOND_US
        text += format_entry(event, router.step(event, now_us=now_us), now_us)
    return text.splitlines()


def test_what_a_router_played_is_applied_and_verified():
    for verify in (False, True):
        replayed = replay(read(story(*played()), "f"), verify=verify)
        # Offer, connect, refused, release and close.
        assert replayed == (6, 5, 60 * SECOND_US, None)


def number_of(lines: list[str], text: str) -> int:
    return HEADER.count("\n") + next(n for n, line in enumerate(lines, 1) if text in line)


def test_the_first_difference_is_shown():
    lines = played()
    place = next(n for n, line in enumerate(lines) if "leg.connect " in line)
    want, got = format_action(ConnectLeg(1, "c1", "bob")), lines[place]
    lines[place] = want
    at = HEADER.count("\n") + place + 1
    assert replay(read(story(*lines), "f"), verify=True).difference == Difference(at, want, got)
    assert replay(read(story(*lines), "f")).difference is None


def test_an_action_too_many_or_too_few_is_a_difference():
    lines = played()
    more = "< customer.release contact_id=c1"
    at = number_of(lines, "offer.accepted")
    replayed = replay(read(story(*lines[: at - HEADER.count("\n") + 1], more), "f"), verify=True)
    assert replayed.difference == Difference(at + 2, more, None)
    fewer = [line for line in lines if "contact.close" not in line]
    at = number_of(fewer, "customer.release")
    got = "< contact.close contact_id=c1 outcome=handled"
    replayed = replay(read(story(*fewer), "f"), verify=True)
    assert replayed.difference == Difference(at, None, got)
    none = [line for line in lines if "leg.connect " not in line]
    difference = replay(read(story(*none), "f"), verify=True).difference
    assert difference is not None
    assert difference[:2] == (number_of(none, "offer.accepted"), None)


@pytest.mark.parametrize("verify", [False, True])
def test_a_journal_that_no_driver_can_have_written_is_wrong(verify):
    upto = number_of(played(), "offer.accepted") - HEADER.count("\n") - 1
    rings = played()[:upto]
    cases = [
        ("> 60 agent.logged_in agent_id=ann", "a tick is owed"),
        ("> 4 clock.ticked", "time is 4000000"),
    ]
    for line, what in cases:
        with pytest.raises(JournalError, match=what) as caught:
            replay(read(story(*rings, line), "f"), verify=verify)
        assert caught.value.args[1] == HEADER.count("\n") + upto + 1


# The documentation ------------------------------------------------------------------------------


def blocks(kind: str) -> list[str]:
    """Return the fenced blocks of docs/journal.md of one kind."""
    parts = DOCS.read_text(encoding="utf-8").split("```")[1::2]
    return [part.partition("\n")[2] for part in parts if part.partition("\n")[0] == kind]


def test_the_documented_journal_is_verified():
    (text,) = blocks("journal")
    replayed = replay(read(io.BytesIO(text.encode()), "docs/journal.md"), verify=True)
    assert replayed.difference is None
    assert replayed.steps > 5

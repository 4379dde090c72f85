"""Contacts on their way from one domain to another: what each side does with each letter.

Method: a shop in the north and one in the south, told letters by hand; what is ordered is compared
with the lines of the journal. That nothing is lost, and nobody served twice, whatever becomes of
the letters is shown by tests/long/test_hand_over.py.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import acd.hand_over_facts
import acd.hand_overs
from acd import events as ev
from acd.actions import HandOver, TakeIn
from acd.between import Letter, letters
from acd.config import parse
from acd.contacts import LegState
from acd.daemon.settings import parse as parse_daemon
from acd.eligibility import Block, block
from acd.entry import entered
from acd.errors import ConfigError
from acd.explanation import explain_wait
from acd.hand_overs import HandOversRecord
from acd.metrics import Metrics
from acd.notes import notes
from acd.other_domains import OtherDomain
from acd.router import Router
from acd.sentences import tell_hand_over, tell_wait
from acd.settings import (
    DAY_US,
    SECOND_US,
    CalendarSettings,
    DomainSettings,
    OverflowRule,
    RoutingStep,
    Urgency,
)
from acd.snapshot import Snapshot
from acd.validation import problems
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

NORTH = replace(SHOP, name="north", domains=(OtherDomain(name="south"), OtherDomain(name="west")))
SOUTH = replace(SHOP, name="south", domains=(OtherDomain(name="north"), OtherDomain(name="west")))


def with_sales(settings: DomainSettings, **fields: object) -> DomainSettings:
    (sales,) = settings.queues
    return replace(settings, queues=(replace(sales, **fields),))


def with_chat(settings: DomainSettings, **fields: object) -> DomainSettings:
    channels = dict(settings.queues[0].channels)
    channels[CHAT] = replace(channels[CHAT], **fields)
    return with_sales(settings, channels=channels)


def asked(settings: DomainSettings = NORTH, contact_id: str = "c1") -> Play:
    """Return a shop that has asked the south, at second 1, to take a contact."""
    play = Play(settings)
    play.tell(arrived(contact_id, CHAT))
    play.now_s = 1
    (order,) = play.tell(ev.ContactHandedOver(contact_id, "south"))
    assert order.startswith("contact.hand_over domain=south number=1 leg_id=1")
    return play


def requested(number: int = 1, contact_id: str = "c1", **fields: Any) -> ev.TakeOverRequested:
    request = ev.TakeOverRequested(
        origin="north", number=number, arrival=arrived(contact_id, CHAT), arrived_us=0
    )
    return replace(request, **fields)


def restored(play: Play) -> Play:
    """Return a play that goes on from the encoded snapshot."""
    wire = msgspec.msgpack.encode(play.router.snapshot())
    other = Play(play.router.settings)
    other.router = Router.restore(play.router.settings, msgspec.msgpack.decode(wire, type=Snapshot))
    assert msgspec.msgpack.encode(other.router.snapshot()) == wire
    other.now_s = play.now_s
    return other


GOES = ["hand_over.confirm domain=south number=1 contact_id=c1"]
STAYS = ["hand_over.withdraw domain=south number=1"]
WOULD = ["take_over.accept origin=north number=1 contact_id=c1"]
ACCEPTED = ev.HandOverAccepted("south", 1)


# What may be handed over.


def test_only_what_waits_is_handed_over() -> None:
    play = Play(NORTH)
    south = ev.ContactHandedOver("c1", "south")
    assert play.tell(south) == ["refused reason=unknown_contact about=c1"]
    play.tell(arrived("c1"))
    east = ev.ContactHandedOver("c1", "east")
    assert play.tell(east) == ["refused reason=unknown_domain about=east"]
    bad = ev.ContactHandedOver("c1", "south", "\ud800")
    assert play.tell(bad) == ["refused reason=bad_text about=queue"]
    play.tell(at_work("ann"))
    for event in (
        ev.OfferAccepted(1),
        ev.LegConnected(1),
        ev.ConsultRequested(offer_id=1, queue="sales"),
    ):
        before = play.state()
        assert play.tell(south) == ["refused reason=not_in_this_state about=c1"]
        assert play.state() == before
        play.tell(event)
    assert play.tell(south) == ["refused reason=not_in_this_state about=c1"]


def test_what_an_agent_gave_further_goes_while_he_wraps_up() -> None:
    play = Play(NORTH)
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(1))
    play.tell(ev.LegTransferred(offer_id=1, queue="sales", priority=7, agent_id="bob"))
    (order,) = play.router.step(ev.ContactHandedOver("c1", "west", "gold"), now_us=0)
    assert isinstance(order, HandOver)
    assert (order.arrival.queue, order.arrival.priority, order.arrival.named_agent) == (
        "gold",
        7,
        "",
    )
    assert play.tell(ev.HandOverAccepted("west", 1)) == [
        "hand_over.confirm domain=west number=1 contact_id=c1",
        "leg.close leg_id=2 contact_id=c1 outcome=overflowed",
    ]
    assert play.tell(ev.ContactLeft("c1")) == []
    assert play.tell(ev.WrapUpEnded(1)) == ["contact.close contact_id=c1 outcome=handled"]


def test_one_who_gave_it_further_is_not_offered_it_at_once_if_it_comes_back() -> None:
    (sales,) = NORTH.queues
    play = Play(replace(NORTH, queues=(replace(sales, exclusion_us=30 * SECOND_US),)))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(1))
    play.tell(ev.LegTransferred(offer_id=1, queue="sales"), ev.ContactHandedOver("c1", "west"))
    play.tell(ev.WrapUpEnded(1))
    assert play.tell(ev.HandOverRefused("west", 1)) == []
    (offer,) = play.tick(30)
    assert offer.startswith("offer.contact offer_id=2 leg_id=2")


def test_one_who_talks_again_opens_no_further_leg_meanwhile() -> None:
    play = asked()
    assert play.router.legs[1].state is LegState.HANDING_OVER
    for event in (ev.ContactHandedOver("c1", "west"), ev.ContactAssigned("c1", "ann")):
        assert play.tell(event) == ["refused reason=not_in_this_state about=c1"]


def test_supervisors_still_decide_about_it() -> None:
    settings = with_sales(NORTH, priority=0)
    play = asked(replace(settings, urgency=Urgency.STRICT_PRIORITY))
    assert play.tell(ev.ContactReprioritized("c1", 5)) == []
    play.tell(arrived("c2", CHAT), ev.HandOverRefused("south", 1))
    assert play.router.legs[1].asked.priority == 5
    assert play.tell(at_work("ann"))[0].startswith("offer.contact offer_id=1 leg_id=1")
    play = asked()
    assert play.tell(ev.ContactCanceled("c1")) == [
        "customer.release contact_id=c1",
        *STAYS,
        "contact.close contact_id=c1 outcome=canceled",
    ]


def test_it_goes_through_eight_domains_at_most() -> None:
    path = tuple(f"d{number}" for number in range(7))
    play = Play(SOUTH)
    assert play.tell(requested(path=(*path, "d7"))) == ["refused reason=too_many_domains about=c1"]
    play.tell(requested(path=path), ev.ContactTakenOver("north", 1))
    assert restored(play).router.contacts["c1"].path == (*path, "north")
    assert play.tell(ev.ContactHandedOver("c1", "west")) == [
        "refused reason=too_many_domains about=west"
    ]


# Answers.


def test_an_answer_of_another_domain_is_no_answer() -> None:
    play = asked()
    assert play.tell(ev.HandOverRefused("west", 1)) == []
    assert play.tell(ev.HandOverAccepted("west", 1)) == ["hand_over.withdraw domain=west number=1"]
    assert play.tell(ACCEPTED) == [*GOES, "contact.close contact_id=c1 outcome=overflowed"]
    assert play.tell(ev.HandOverAccepted("west", 1)) == ["hand_over.withdraw domain=west number=1"]
    assert play.tell(ACCEPTED) == GOES
    assert play.tell(ev.HandOverAccepted("south", 0)) == [
        "refused reason=unknown_hand_over about=0"
    ]


def test_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acd.hand_overs, "REMEMBERED_MAX", 1)
    play = asked()
    play.tell(ACCEPTED, arrived("c2", CHAT), ev.ContactHandedOver("c2", "south"))
    play.tell(ev.HandOverAccepted("south", 2))
    assert play.tell(ACCEPTED) == STAYS  # It has had an answer long ago.
    play = Play(SOUTH)
    play.tell(requested(1), requested(2, "c2"))
    play.tell(ev.ContactTakenOver("north", 2), ev.ContactTakenOver("north", 1))
    taken = play.router.hand_overs.taken["north"]
    assert (taken.forgotten, taken.numbers) == (1, [2])
    play.tell(ev.ContactLeft("c1"), ev.ContactLeft("c2"))
    for number in (1, 2):
        assert restored(play).tell(requested(number)) == []


def test_what_comes_back_has_widened_and_may_have_expired() -> None:
    steps = (RoutingStep(after_us=3 * SECOND_US, priority=4),)
    settings = with_sales(NORTH, steps=steps, priority=0)
    play = asked(replace(settings, urgency=Urgency.STRICT_PRIORITY))
    assert play.tick(6) == [*STAYS, "leg.widen leg_id=1 contact_id=c1 step=1"]
    play = asked(with_chat(NORTH, expires_us=3 * SECOND_US))
    assert play.router.next_wakeup_us() == 6 * SECOND_US
    assert restored(play).tick(6) == [
        *STAYS,
        "customer.release contact_id=c1",
        "contact.close contact_id=c1 outcome=expired",
    ]


# Contacts of others.


def test_a_newer_letter_counts_for_more_than_an_older_one() -> None:
    play = Play(SOUTH)
    play.tell(requested(2))
    assert play.tell(requested(1)) == []
    assert play.tell(requested(3)) == ["take_over.accept origin=north number=3 contact_id=c1"]
    assert play.tell(ev.TakeOverWithdrawn("north", 2)) == []
    assert play.tell(ev.ContactTakenOver("north", 3))[0].startswith("contact.take_in")


@pytest.mark.parametrize(
    "fields, refused",
    [
        ({"number": 0}, "bad_number about=number"),
        ({"arrived_us": -1}, "bad_number about=arrived_us"),
        ({"path": ("\ud800",)}, "bad_text about=path"),
        ({"path": ("",)}, "bad_text about=path"),
        ({"arrival": arrived("", CHAT)}, "bad_text about=contact_id"),
        ({"arrival": replace(arrived("c1"), queue="")}, 'unknown_queue about=""'),
    ],
)
def test_what_is_no_arrival_is_refused(fields: dict[str, Any], refused: str) -> None:
    play = Play(SOUTH)
    before = play.state()
    assert play.tell(requested(**fields)) == [f"refused reason={refused}"]
    assert play.state() == before


def test_a_closed_queue_takes_nothing() -> None:
    never = CalendarSettings(name="never", hours=((),) * 7, days=(("2030-01-01", ((0, 60),)),))
    settings = replace(with_sales(SOUTH, opening_hours="never"), calendars=(never,))
    assert Play(settings).tell(requested()) == ["refused reason=queue_closed about=sales"]
    settings = with_chat(
        SOUTH, overflow=(OverflowRule(joining=(), max_wait_us=DAY_US, domain="north"),)
    )
    assert Play(settings).tell(requested()) == WOULD


def test_so_many_are_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acd.hand_over_facts, "PROMISED_MAX", 1)
    play = Play(SOUTH)
    play.tell(requested())
    assert play.tell(requested(2, "c2")) == ["refused reason=too_many_hand_overs about=1"]


def test_the_origin_is_asked_less_and_less_often() -> None:
    play = Play(SOUTH)
    play.tell(requested())
    at_s, spans = 0, []
    for _ in range(10):
        due_us = play.router.next_wakeup_us()
        assert due_us is not None
        spans.append(due_us // SECOND_US - at_s)
        at_s = due_us // SECOND_US
        play = restored(play)
        assert play.tick(at_s) == WOULD
    assert spans == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_a_clock_that_is_ahead_counts_for_now_and_limits_for_the_first_arrival() -> None:
    play = Play(with_chat(SOUTH, expires_us=10 * SECOND_US))
    play.now_s = 5
    play.tell(requested(1, arrived_us=6 * SECOND_US), requested(2, "c2", arrived_us=SECOND_US))
    (took,) = play.tell(ev.ContactTakenOver("north", 1))
    assert took.startswith("contact.take_in")
    (took, place) = play.tell(ev.ContactTakenOver("north", 2))
    assert place == "leg.regain_place leg_id=2 contact_id=c2 arrived_us=1000000"
    assert play.tick(11) == [
        "customer.release contact_id=c2",
        "contact.close contact_id=c2 outcome=expired",
    ]


def test_one_who_left_and_would_have_expired_has_expired() -> None:
    play = Play(with_chat(SOUTH, expires_us=3 * SECOND_US))
    play.tell(requested(), ev.ContactLeft("c1"))
    play = restored(play)
    play.now_s = 4
    assert play.tell(ev.ContactTakenOver("north", 1))[1:] == [
        "leg.regain_place leg_id=1 contact_id=c1 arrived_us=0",
        "customer.release contact_id=c1",
        "contact.close contact_id=c1 outcome=expired",
    ]


# Snapshots.


@pytest.mark.parametrize("play", [asked(), Play(SOUTH)], ids=["asked", "promised"])
def test_whoever_waits_for_an_answer_keeps_the_domain(play: Play) -> None:
    play.tell(requested(1, "c9"))
    settings = replace(play.router.settings, domains=())
    with pytest.raises(ConfigError, match=r"hand_overs: unknown_domain: (south|north); wanted"):
        Router.restore(settings, play.router.snapshot())


def test_a_domain_that_said_no_may_go_and_is_forgotten() -> None:
    play = asked()
    assert play.tell(ev.HandOverRefused("south", 1)) == []
    assert [one[1] for one in play.router.snapshot().hand_overs.not_before] == ["south"]
    for others in ((), (OtherDomain(name="west"),)):
        alone = Router.restore(replace(NORTH, domains=others), play.router.snapshot())
        assert alone.snapshot().hand_overs.not_before == ()


def test_a_promise_needs_its_queue() -> None:
    play = Play(SOUTH)
    play.tell(requested())
    (sales,) = SOUTH.queues
    renamed = replace(
        SOUTH,
        queues=(replace(sales, name="other"),),
        profiles=(
            replace(
                SOUTH.profiles[0], serves=(replace(SOUTH.profiles[0].serves[0], queue="other"),)
            ),
        ),
    )
    with pytest.raises(ConfigError, match="hand_overs: unknown_queue: sales; wanted what"):
        Router.restore(renamed, play.router.snapshot())


def test_a_snapshot_that_says_nothing_of_the_answer_is_refused() -> None:
    snapshot = asked().router.snapshot()
    for broken in (
        replace(snapshot, hand_overs=HandOversRecord()),
        replace(snapshot, legs=(replace(snapshot.legs[0], state=LegState.QUEUED),)),
    ):
        with pytest.raises(ConfigError, match="crossed references"):
            Router.restore(NORTH, broken)


# Rules of overflow.


def test_a_rule_asks_and_the_next_one_counts_while_it_may_not() -> None:
    rules = (
        OverflowRule(max_waiting=1, domain="south"),
        OverflowRule(max_wait_us=10 * SECOND_US, domain="west"),
    )
    play = Play(with_chat(NORTH, overflow=rules))
    assert play.tell(arrived("c1", CHAT)) == []
    (order,) = play.tell(arrived("c2", CHAT))
    assert order.startswith("contact.hand_over domain=south number=1 leg_id=2")
    assert order.endswith("because=max_waiting")
    play.now_s = 1
    assert play.tell(ev.HandOverRefused("south", 1)) == []  # It waits on, beyond the limit.
    orders = play.tick(10)
    assert [order.split(" arrival")[0] for order in orders] == [
        "contact.hand_over domain=west number=2 leg_id=1",
        "contact.hand_over domain=west number=3 leg_id=2",
    ]
    play.tell(ev.HandOverRefused("west", 2), ev.HandOverAccepted("west", 3))
    assert play.router.next_wakeup_us() == 70 * SECOND_US
    play = restored(play)
    (order,) = play.tick(70)
    assert order.startswith("contact.hand_over domain=west number=4 leg_id=1")


def test_a_rule_does_not_send_back() -> None:
    rules = (OverflowRule(max_wait_us=10 * SECOND_US, domain="north"),)
    play = Play(with_chat(SOUTH, overflow=rules))
    play.tell(requested(), ev.ContactTakenOver("north", 1))
    assert play.router.next_wakeup_us() == 10 * SECOND_US
    assert play.tick(10) == []
    assert play.router.next_wakeup_us() is None


# What is told.


def test_nobody_gets_what_another_domain_is_asked_to_take() -> None:
    play = asked()
    play.tell(at_work("ann"))
    assert block(play.router.legs[1], play.router.agent("ann")) is Block.HANDING_OVER
    play.tell(ev.HandOverRefused("south", 1))
    assert block(play.router.legs[1], play.router.agent("ann")) is None


def test_what_is_asked_is_told() -> None:
    play = asked()
    told = tell_wait(explain_wait(play.router, 1))
    assert "handing_over" in told
    assert told.endswith("south is asked to take it until 6.000000")
    rules = (OverflowRule(max_wait_us=10 * SECOND_US, domain="west"),)
    play = Play(with_chat(NORTH, overflow=rules))
    play.tell(arrived("c1", CHAT))
    (order,) = play.router.step(ev.ClockTicked(), now_us=10 * SECOND_US)
    assert isinstance(order, HandOver)
    assert tell_hand_over(order) == (
        "c1 (leg 1) is offered to the domain west until 15.000000, for its queue sales: max_wait"
    )
    assert not explain_wait(play.router, 1).overflows_us


def test_letters_are_what_the_other_domain_is_told() -> None:
    north, south = Play(NORTH), Play(SOUTH)
    north.tell(arrived("c1", CHAT), arrived("c2", CHAT))

    def step(play: Play, event: ev.Event) -> list[Letter]:
        actions = play.router.step(event, now_us=0)
        return letters(play.router.settings.name, event, actions)

    both = (ev.ContactHandedOver("c1", "south"), ev.ContactHandedOver("c2", "south", "gold"))
    told = step(north, ev.Batch(events=both))
    assert [letter.to for letter in told] == ["south", "south"]
    told = step(south, ev.Batch(events=(ev.ClockTicked(), *(letter.event for letter in told))))
    assert told == [
        Letter("north", ev.HandOverAccepted("south", 1)),
        Letter("north", ev.HandOverRefused("south", 2, "unknown_queue")),
    ]
    told = step(north, ev.HandOverAccepted("south", 1))
    assert told == [Letter("south", ev.ContactTakenOver("north", 1))]
    assert step(south, told[0].event) == []
    assert step(north, ev.HandOverRefused("south", 2, "unknown_queue")) == []
    assert step(north, ev.ContactHandedOver("c2", "west"))[0].to == "west"
    assert step(south, requested(3, "c1")) == [
        Letter("north", ev.HandOverRefused("south", 3, "contact_exists"))
    ]
    assert step(south, arrived("c1", CHAT)) == []
    (letter,) = step(north, ev.ContactLeft("c2"))
    assert letter == Letter("west", ev.TakeOverWithdrawn("north", 3))


@pytest.mark.parametrize("is_batch", [False, True])
def test_a_contact_that_was_taken_over_arrives_for_measures(is_batch: bool) -> None:
    play, metrics = Play(SOUTH), Metrics(SOUTH, from_us=0)
    play.tell(requested())
    came = ev.ContactTakenOver("north", 1)
    event: ev.Event = came
    if is_batch:
        event = ev.Batch(events=(came, came, ev.ContactLeft("c1"), arrived("c2", VOICE)))
    actions = play.router.step(event, now_us=4 * SECOND_US)
    folded = entered(event, actions)
    first = folded.events[0] if isinstance(folded, ev.Batch) else folded
    assert first == arrived("c1", CHAT)
    metrics.fold(event, actions, 4 * SECOND_US)
    repeat = ev.ContactTakenOver("north", 1)
    metrics.fold(repeat, play.router.step(repeat, now_us=4 * SECOND_US), 4 * SECOND_US)
    rows = {row.channel: row.total for row in metrics.report(4 * SECOND_US).rows}
    assert rows[CHAT].offered == 1
    assert rows[CHAT].abandoned == is_batch
    assert sum(isinstance(action, TakeIn) for action in actions) == 1


# Configuration.

FILE = """
[domain]
name = "north"
[domains.south]
answer_s = 2.5
[domains.west]
retry_s = 10
[queues.sales.chat]
overflow = [{ max_wait_s = 30, domain = "south" }]
[capacities.desk]
chat = {}
[profiles]
all = [{ queue = "sales" }]
[agents.ann]
profile = "all"
capacity = "desk"
"""


def test_a_file_names_the_other_domains() -> None:
    settings = parse(FILE)
    assert settings.domains == (
        OtherDomain(name="south", answer_us=2_500_000),
        OtherDomain(name="west", retry_us=10 * SECOND_US),
    )
    assert settings.queues[0].channels[CHAT].overflow[0].domain == "south"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("domains.south", "domains.north", "domains.north: is `north`; wanted another domain"),
        ("answer_s = 2.5", "answer_s = 0", "answer_s: is 0; wanted a number of seconds above 0"),
        (
            "answer_s = 2.5",
            "answer_s = 61",
            "answer_s: is 61; wanted a number of seconds above 0 and up to 60",
        ),
        ("retry_s = 10", "retry_s = 0", "retry_s: is 0; wanted a number of seconds above 0"),
        ("domains.south", 'domains.""', "has a name of 0 characters; wanted from 1 to 64"),
        (
            'domain = "south" }',
            'domain = "sout" }',
            "is `sout`; wanted a declared domain; did you mean `south`?",
        ),
        (
            "max_wait_s = 30",
            'leaving = ["nobody_ready"]',
            "wanted `joining` or `max_waiting`, `max_estimated_wait_s`, `max_wait_s`, since a",
        ),
        (
            'domain = "south" }',
            'domain = "south", message = "m" }',
            "has `message`, `domain`; wanted one of",
        ),
    ],
)
def test_what_cannot_be_of_other_domains(old: str, new: str, message: str) -> None:
    assert old in FILE
    with pytest.raises(ConfigError) as caught:
        parse(FILE.replace(old, new))
    assert message in str(caught.value)


def test_steps_behind_a_rule_that_asks_another_domain_are_reached() -> None:
    steps = (RoutingStep(after_us=60 * SECOND_US, requires=""),)
    slow = OverflowRule(max_wait_us=30 * SECOND_US)
    for rule in (replace(slow, domain="south"), replace(slow, message="busy")):
        channels = {VOICE: replace(NORTH.queues[0].channels[VOICE], overflow=(rule,))}
        settings = with_sales(NORTH, steps=steps, channels=channels)
        told = [note for note in notes(settings) if "contacts overflow after" in note]
        assert bool(told) == bool(rule.message)


def test_domains_are_told_apart_and_so_many() -> None:
    twice = replace(NORTH, domains=(OtherDomain(name="south"),) * 2)
    assert "domains.south: is declared twice" in str(problems(twice)[0])
    many = tuple(OtherDomain(name=f"d{number}") for number in range(101))
    (problem,) = problems(replace(NORTH, domains=many))
    assert str(problem) == "domains: has 101 tables; wanted at most 100"


def test_the_daemon_carries_nothing_to_other_domains_yet() -> None:
    text = FILE + '[daemon.journal]\npath = "j"\n[daemon.history]\npath = "h"\n'
    with pytest.raises(ConfigError, match="domains: is given; wanted no such table beside"):
        parse_daemon(text.encode(), file="north.toml")

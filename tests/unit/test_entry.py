"""Entry rules through the router: who decides, what is journalled, and what holds afterwards.

Method: a shop whose rules give each thing once; what the router answers is compared word for word
with the lines of the journal. Folding is compared with what a contact that names its queue gives.
"""

import io
from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.actions import Action, EnterQueue, Refused
from acd.calendars import utc_offsets
from acd.entry import entered
from acd.events import Batch, ContactArrived, ContactLeft
from acd.ids import Channel, Reason
from acd.journal import format_entry, format_header, read, replay
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AgentSettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
    ProfileSettings,
    QueueSettings,
    Serves,
    Urgency,
)
from acd.validation import problems
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

QUEUES: Final = ("sales", "cards", "night")


def shop(*rules: EntryRule, urgency: Urgency = Urgency.LONGEST_WAIT) -> DomainSettings:
    """Return a shop with three queues, all served by Ann, and these rules before the default."""
    both = {VOICE: ChannelSettings(), CHAT: ChannelSettings()}
    settings = replace(
        SHOP,
        queues=tuple(
            QueueSettings(name=name, channels=both, priority=0, promise_us=60 * SECOND_US)
            for name in QUEUES
        ),
        profiles=(
            ProfileSettings(
                name="all",
                serves=tuple(Serves(queue=name, channels=(VOICE, CHAT)) for name in QUEUES),
            ),
        ),
        agents=(
            AgentSettings(
                agent_id="ann", profile="all", capacity="blended", skills={"cards": 5, "loans": 5}
            ),
        ),
        urgency=urgency,
        skills=("cards", "loans"),
        contact_attributes=("campaign", "topic", "age"),
        contact_numbers=("age",),
        entry=(*rules, EntryRule(name="rest", queue="sales")),
    )
    assert problems(settings) == []
    return settings


def rule(name: str = "cards", when: str = "topic == cards", **more: Any) -> EntryRule:
    return EntryRule(name=name, when=when, **{"queue": "cards", **more})


def came(contact_id: str = "c1", channel: Channel = VOICE, **more: Any) -> ContactArrived:
    return ContactArrived(contact_id=contact_id, channel=channel, **more)


def topic(value: str) -> dict[str, Any]:
    return {"attributes": (("topic", value),)}


def test_the_first_rule_that_fits_decides() -> None:
    play = Play(shop(rule("a", "topic starts_with ca"), rule("b", "topic is set", queue="night")))
    assert play.tell(came(**topic("cards"))) == [
        "leg.enter leg_id=1 contact_id=c1 rule=a queue=cards"
    ]
    assert play.tell(came("c2", **topic("loans"))) == [
        "leg.enter leg_id=2 contact_id=c2 rule=b queue=night"
    ]
    assert play.tell(came("c3")) == ["leg.enter leg_id=3 contact_id=c3 rule=rest queue=sales"]
    assert [leg.klass.queue.name for leg in play.router.legs.values()] == [
        "cards",
        "night",
        "sales",
    ]


def test_rules_are_not_asked_where_the_contact_names_its_queue() -> None:
    play = Play(shop(rule(when="channel == voice")))
    assert play.tell(arrived("c1")) == []
    assert play.router.contacts["c1"].arrival.queue == "sales"


def test_an_offer_follows_in_the_same_step() -> None:
    play = Play(shop(rule()))
    play.tell(at_work("ann"))
    enter, offer = play.tell(came(**topic("cards")))
    assert enter == "leg.enter leg_id=1 contact_id=c1 rule=cards queue=cards"
    assert offer.startswith(
        "offer.contact offer_id=1 leg_id=1 contact_id=c1 agent_id=ann queue=cards"
    )


def test_without_rules_a_contact_names_its_queue() -> None:
    play = Play()
    before = play.state()
    assert play.tell(came()) == ["refused reason=no_queue about=c1"]
    assert play.state() == before


def test_a_rule_decides_numbers_texts_and_context() -> None:
    decided = rule(
        priority=7,
        requirement="cards >= 3",
        prefers=("loans",),
        context={"topic": "c", "campaign": "may"},
    )
    play = Play(shop(decided, urgency=Urgency.STRICT_PRIORITY))
    contact = came(customer="k1", attributes=(("topic", "cards"), ("age", "5")))
    assert play.tell(contact) == [
        (
            "leg.enter leg_id=1 contact_id=c1 rule=cards queue=cards priority=7"
            ' requirement="cards >= 3" prefers=["loans"] context=[["campaign","may"],["topic","c"]]'
        )
    ]
    assert play.router.contacts["c1"].arrival == replace(
        contact,
        queue="cards",
        priority=7,
        requirement="cards >= 3",
        prefers=("loans",),
        attributes=(("age", "5"), ("campaign", "may"), ("topic", "c")),
    )
    leg = play.router.legs[1]
    assert (leg.key[0], str(leg.klass.requirement)) == (-7, "cards >= 3")


def test_what_the_contact_asks_itself_goes_before_its_rule_or_beside_it() -> None:
    decided = rule(priority=7, requirement="cards or loans", prefers=("loans",))
    play = Play(shop(decided, urgency=Urgency.STRICT_PRIORITY))
    contact = came(
        priority=0, requirement="loans >= 2 or cards", prefers=("cards",), **topic("cards")
    )
    assert play.tell(contact) == [
        (
            "leg.enter leg_id=1 contact_id=c1 rule=cards queue=cards priority=0"
            ' requirement="(cards or loans) and (cards or loans >= 2)" prefers=["loans","cards"]'
        )
    ]


def test_a_promise_to_who_comes_back_counts_from_his_first_arrival() -> None:
    settings = shop(rule(promise_us=30 * SECOND_US), urgency=Urgency.DEADLINE_FIRST)
    queues = tuple(replace(one, resume_us=60 * SECOND_US) for one in settings.queues)
    play = Play(replace(settings, queues=queues))
    play.now_s = 100
    play.tell(came(customer="ada", **topic("cards")))
    play.now_s = 110
    play.tell(ContactLeft(contact_id="c1"))
    play.now_s = 140
    # By chat she has no place, nor in another queue.
    assert play.tell(came("c2", CHAT, customer="ada", **topic("cards")))[0].endswith("=170000000")
    assert "promised_us" not in play.tell(came("c3", customer="ada"))[0]
    assert play.tell(came("c4", customer="ada", **topic("cards"))) == [
        "leg.enter leg_id=4 contact_id=c4 rule=cards queue=cards promised_us=130000000",
        "leg.regain_place leg_id=4 contact_id=c4 arrived_us=100000000",
    ]
    # Once, and no longer than it is kept.
    assert play.tell(came("c5", customer="ada", **topic("cards")))[0].endswith("=170000000")
    play.tell(ContactLeft(contact_id="c4"))
    play.now_s = 201
    assert play.tell(came("c6", customer="ada", **topic("cards")))[0].endswith("=231000000")


def test_a_promise_counts_from_the_arrival_and_one_that_was_given_holds() -> None:
    play = Play(shop(rule(promise_us=30 * SECOND_US), urgency=Urgency.DEADLINE_FIRST))
    play.now_s = 100
    assert play.tell(came(**topic("cards")))[0].endswith(f"promised_us={130 * SECOND_US}")
    assert play.tell(came("c2", promised_us=5, **topic("cards")))[0].endswith("promised_us=5")
    assert "promised_us" not in play.tell(came("c3"))[0]
    assert [leg.key[0] for leg in play.router.legs.values()] == [
        130 * SECOND_US,
        5,
        160 * SECOND_US,
    ]


@pytest.mark.parametrize(
    "contact, refusal",
    [
        (came(requirement="flying", **topic("cards")), "reason=unknown_skill"),
        (came(requirement="cards) or (cards", **topic("cards")), "reason=bad_requirement"),
        (came(requirement="flying"), "reason=unknown_skill"),
        (came(prefers=("cards",) * 10, **topic("cards")), "reason=too_long about=prefers"),
        (came(channel=Channel.EMAIL), "reason=channel_not_served about=email"),
        (came(attributes=(("age", "old"),)), "reason=bad_number about=age"),
        (came(attributes=(("shoe", "9"),)), "reason=unknown_attribute about=shoe"),
    ],
)
def test_what_cannot_be_is_refused_and_no_rule_is_journalled(
    contact: ContactArrived, refusal: str
) -> None:
    play = Play(shop(rule(requirement="cards", prefers=("loans",))))
    before = play.state()
    (told,) = play.tell(contact)
    assert told.startswith(f"refused {refusal}")
    assert play.state() == before
    assert play.tell(came("c2"))[0].startswith("leg.enter leg_id=1 ")


def test_a_number_that_is_not_given_is_no_mistake() -> None:
    play = Play(shop(rule(when="age >= 18")))
    assert "queue=sales" in play.tell(came(attributes=(("age", ""),)))[0]
    assert "queue=cards" in play.tell(came("c2", attributes=(("age", "18.0"),)))[0]


def test_of_an_attribute_that_comes_twice_the_last_counts() -> None:
    play = Play(shop(rule()))
    twice = came(attributes=(("topic", "cards"), ("topic", "loans")))
    assert "queue=sales" in play.tell(twice)[0]


# Time

MADRID: Final = utc_offsets("Europe/Madrid")
HOUR_S: Final = 3_600
SPRING_S: Final = 1_774_746_000
"""2026-03-29, a Sunday, 01:00 UTC: clocks go from 02:00 to 03:00 in Madrid."""
AUTUMN_S: Final = 1_792_890_000
"""2026-10-25, a Sunday, 01:00 UTC: clocks go from 03:00 to 02:00 in Madrid."""


def decided_at(when: str, now_s: int, offsets: tuple[tuple[int, int], ...] = MADRID) -> bool:
    """Return whether a rule fits a contact that arrives at an instant."""
    play = Play(replace(shop(rule(when=when)), utc_offsets=offsets))
    play.now_s = now_s
    return "queue=cards" in play.tell(came())[0]


@pytest.mark.parametrize(
    "now_s, local",
    [
        (SPRING_S - 1, "01:59"),
        (SPRING_S, "03:00"),
        (SPRING_S + HOUR_S, "04:00"),
        (AUTUMN_S - HOUR_S, "02:00"),
        (AUTUMN_S - 1, "02:59"),
        (AUTUMN_S, "02:00"),
        (AUTUMN_S + HOUR_S - 1, "02:59"),
        (AUTUMN_S + HOUR_S, "03:00"),
    ],
)
def test_time_is_local_also_on_the_days_when_clocks_change(now_s: int, local: str) -> None:
    hour, minute = map(int, local.split(":"))
    assert decided_at(f"time >= {hour:02}:{minute:02}", now_s)
    after = hour * 60 + minute + 1
    assert not decided_at(f"time >= {after // 60:02}:{after % 60:02}", now_s)


def test_an_hour_that_does_not_exist_never_comes_and_one_that_comes_twice_does() -> None:
    night = "time >= 02:00 and time < 03:00"
    spring = [decided_at(night, SPRING_S + half * 1_800) for half in range(-4, 4)]
    assert spring == [False] * 8
    autumn = [decided_at(night, AUTUMN_S + half * 1_800) for half in range(-4, 4)]
    assert autumn == [False, False, True, True, True, True, False, False]


def test_weekdays_begin_at_local_midnight() -> None:
    # The Sunday of the clock change has 23 hours in spring and 25 in autumn.
    for start_s, hours in ((SPRING_S - 2 * HOUR_S, 23), (AUTUMN_S - 3 * HOUR_S, 25)):
        assert not decided_at("weekday == sun", start_s - 1)
        assert decided_at("weekday == sun", start_s)
        assert decided_at("weekday == sun", start_s + hours * HOUR_S - 1)
        assert decided_at("weekday == mon", start_s + hours * HOUR_S)


def test_without_offsets_and_before_the_first_it_is_utc() -> None:
    assert decided_at("weekday == thu and time < 00:01", 0, ())
    later = ((10 * HOUR_S * SECOND_US, HOUR_S),)
    assert decided_at("time >= 09:00 and time < 10:00", 9 * HOUR_S, later)
    assert decided_at("time >= 11:00", 10 * HOUR_S, later)


# Applying and restoring

CHANGED: Final = (
    (),
    (EntryRule(name="all", queue="night"),),
    (rule(queue="night"), EntryRule(name="rest", queue="night")),
)


@pytest.mark.parametrize("entry", CHANGED, ids=["none", "another default", "others"])
def test_a_journal_is_applied_under_other_rules_without_moving_anybody(
    entry: tuple[EntryRule, ...],
) -> None:
    settings = shop(rule(context={"campaign": "may"}, requirement="cards"))
    decided, applied = Router(settings), Router(replace(settings, entry=entry))
    batch = Batch(
        events=(
            came("c0", channel=Channel.EMAIL),
            came("c1", requirement="loans", **topic("cards")),
            arrived("c2"),
            came("c1"),
            came("c3"),
        )
    )
    events: tuple[ev.Event, ...] = (came("c9"), batch, came("c4", requirement="no"))
    for now_us, event in enumerate(events):
        actions = decided.step(event, now_us=now_us)
        applied.apply(event, actions, now_us=now_us)
    got, want = applied.snapshot(), decided.snapshot()
    assert replace(got, settings_digest=want.settings_digest) == want
    queues = [leg.klass.queue.name for leg in applied.legs.values()]
    assert queues == ["sales", "cards", "sales", "sales"]


def test_what_was_refused_for_want_of_rules_stays_refused_when_there_are_some() -> None:
    settings = shop(rule())
    before, after = Router(replace(settings, entry=())), Router(settings)
    events: tuple[ev.Event, ...] = (came("c1"), Batch(events=(came("c2"), arrived("c3"))))
    for event in events:
        after.apply(event, before.step(event, now_us=0), now_us=0)
    assert list(after.contacts) == ["c3"]


def test_a_restart_under_other_rules_moves_nobody() -> None:
    settings = shop(rule(context={"campaign": "may"}))
    router = Router(settings)
    router.step(came(**topic("cards")), now_us=0)
    again = Router.restore(replace(settings, entry=CHANGED[1]), router.snapshot())
    assert again.contacts["c1"] == router.contacts["c1"]
    assert again.legs[1].klass.queue.name == "cards"


def test_a_journal_with_entries_is_written_read_and_decided_again() -> None:
    settings = shop(rule("cards, all", context={"campaign": "may"}))
    router = Router(settings)
    text = format_header(settings)
    events: tuple[ev.Event, ...] = (
        came(**topic("cards")),
        Batch(events=(came("c2"), arrived("c3"))),
    )
    for event in events:
        text += format_entry(event, router.step(event, now_us=7), 7)
    assert 'rule="cards, all"' in text
    replayed = replay(read(io.BytesIO(text.encode()), "f"), verify=True)
    assert (replayed.steps, replayed.actions, replayed.difference) == (2, 2, None)


# Folding


def named(event: ev.Event, settings: DomainSettings) -> tuple[ev.Event, tuple[Action, ...]]:
    """Return an event with its queues named, and what is answered to it but the entries."""
    actions = Router(settings).step(event, now_us=0)
    return entered(event, actions), tuple(one for one in actions if type(one) is not EnterQueue)


def test_what_was_told_is_completed_by_what_was_answered() -> None:
    settings = shop(rule(context={"campaign": "may"}))
    first, second = came("c1", **topic("cards")), came("c2")
    whole, rest = named(first, settings)
    assert rest == ()
    want = replace(first, queue="cards", attributes=(("topic", "cards"), ("campaign", "may")))
    assert whole == want
    batch = Batch(
        events=(
            came("c0", channel=Channel.EMAIL),
            first,
            ev.ContactLeft(contact_id="c1"),
            arrived("c3"),
            second,
            first,
        )
    )
    whole, rest = named(batch, settings)
    assert [type(one) for one in rest][:1] == [Refused]
    assert isinstance(whole, Batch)
    assert whole.events == (
        batch.events[0],
        want,
        batch.events[2],
        batch.events[3],
        replace(second, queue="sales"),
        want,
    )


def test_an_event_without_entries_is_handed_back_as_it_is() -> None:
    refused = (Refused(Reason.NO_QUEUE, "c1"),)
    for event in (came(), arrived("c1"), ev.ClockTicked(), Batch(events=(arrived("c1"),))):
        assert entered(event, refused) is event


def test_the_measures_count_a_contact_in_the_queue_that_its_rule_chose() -> None:
    settings = shop(rule())
    events: tuple[ev.Event, ...] = (
        came("c1", **topic("cards")),
        Batch(
            events=(
                came("c2"),
                came("c0", channel=Channel.EMAIL),
                came("c3", CHAT, **topic("cards")),
            )
        ),
        ev.ContactLeft(contact_id="c1"),
    )
    router, by_rules, by_name = Router(settings), *(Metrics(settings, from_us=0) for _ in "ab")
    for now_s, event in enumerate(events):
        actions = router.step(event, now_us=now_s * SECOND_US)
        by_rules.fold(event, actions, now_s * SECOND_US)
        kept = tuple(one for one in actions if type(one) is not EnterQueue)
        by_name.fold(entered(event, actions), kept, now_s * SECOND_US)
    report = by_rules.report(9 * SECOND_US)
    assert msgspec.json.encode(report) == msgspec.json.encode(by_name.report(9 * SECOND_US))
    counts = {(row.queue, row.channel): row.total.offered for row in report.rows}
    assert {place: count for place, count in counts.items() if count} == {
        ("cards", "voice"): 1,
        ("sales", "voice"): 1,
        ("cards", "chat"): 1,
    }

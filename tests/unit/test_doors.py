"""Queues that open and close by their calendars, and what waits in them meanwhile.

Method: a shop whose times are seconds since the epoch, a Thursday, so that "opens at 100" is read
off the settings; offers are read as pairs "contact agent". That the index and the naive matcher
agree is shown by tests/properties; here is one story for each way through it.
"""

from typing import Final

import pytest
from msgspec.structs import replace

import acd.classes
import acd.matching
from acd import events as ev
from acd.eligibility import Block, block
from acd.errors import CallerError
from acd.ids import ContactOutcome
from acd.router import Router
from acd.settings import (
    DAY_US,
    SECOND_US,
    AffinitySettings,
    AgentSettings,
    CalendarSettings,
    DomainSettings,
    ProfileSettings,
    Serves,
)
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

DAY_S: Final = DAY_US // SECOND_US

THURSDAY: Final = 3


def hours(*spans: tuple[int, int], name: str = "office") -> CalendarSettings:
    """Return a calendar that is open on Thursdays."""
    week = [spans if weekday == THURSDAY else () for weekday in range(7)]
    return CalendarSettings(name=name, hours=tuple(week))


def shop(*calendars: CalendarSettings, **fields: object) -> DomainSettings:
    """Return a shop whose sales keep the first calendar, and repairs the second or none."""
    (sales,) = SHOP.queues
    names = [one.name for one in calendars]
    queues = (
        replace(sales, opening_hours=names[0]),
        replace(sales, name="repairs", opening_hours=names[1] if names[1:] else None),
    )
    lines = tuple(Serves(queue=one.name, channels=(VOICE, CHAT)) for one in queues)
    settings = replace(
        SHOP,
        queues=queues,
        profiles=(ProfileSettings(name="all", serves=lines),),
        calendars=calendars,
    )
    return replace(settings, **fields)


def pairs(told: list[str]) -> list[str]:
    """Return who is offered which contact."""
    offers = [one.split() for one in told if one.startswith("offer.contact")]
    return [f"{one[3].partition('=')[2]} {one[4].partition('=')[2]}" for one in offers]


def blocks(play: Play, contact_id: str) -> set[Block | None]:
    """Return the blocks between a contact's leg and the agents."""
    leg = play.router.legs[play.router.contacts[contact_id].legs[0]]
    return {block(leg, agent) for agent in play.router.agents}


def test_what_waits_is_offered_at_the_opening_in_its_order_and_not_before() -> None:
    play = Play(shop(hours((100, 200))))
    play.tell(at_work("ann", "bob"))
    play.now_s = 10
    assert pairs(play.tell(arrived("c1"), arrived("c2"), arrived("c3"))) == []
    assert blocks(play, "c1") == {Block.CLOSED_QUEUE}
    assert play.router.next_wakeup_us() == 100 * SECOND_US
    assert play.tick(99) == []
    assert pairs(play.tick(100)) == ["c1 ann", "c2 bob"]
    assert blocks(play, "c3") == {None}


def test_other_queues_go_on() -> None:
    play = Play(shop(hours((100, 200))))
    play.tell(at_work("ann"), arrived("c1"))
    assert pairs(play.tell(arrived("c2", VOICE, "repairs"))) == ["c2 ann"]


def test_an_agent_who_comes_while_it_is_closed_takes_what_is_open() -> None:
    play = Play(shop(hours((100, 200))))
    play.tell(arrived("c1"), arrived("c2", VOICE, "repairs"))
    assert pairs(play.tell(at_work("ann"))) == ["c2 ann"]
    assert pairs(play.tell(at_work("bob"))) == []
    assert pairs(play.tick(100)) == ["c1 bob"]


def test_who_rings_or_talks_at_the_closing_goes_on() -> None:
    play = Play(shop(hours((100, 200))))
    play.now_s = 190
    assert pairs(play.tell(at_work("ann", "bob"), arrived("c1"), arrived("c2"))) == [
        "c1 ann",
        "c2 bob",
    ]
    play.tell(ev.LegConnected(offer_id=1))
    play.now_s = 201
    assert play.tell(ev.OfferAccepted(offer_id=2))
    assert play.tell(ev.LegConnected(offer_id=2)) == []
    assert play.tell(arrived("c3")) == []
    assert blocks(play, "c3") == {Block.CLOSED_QUEUE}


def test_an_offer_that_fails_after_the_closing_waits_for_the_next_opening() -> None:
    play = Play(shop(hours((100, 200), (300, 400))))
    play.now_s = 190
    play.tell(at_work("ann", "bob"), arrived("c1"))
    play.now_s = 201
    assert pairs(play.tell(ev.OfferRejected(offer_id=1))) == []
    assert play.tick(231) == []  # The exclusion ends.
    assert play.router.next_wakeup_us() == 300 * SECOND_US
    assert pairs(play.tick(300)) == ["c1 ann"]


def test_a_closing_is_no_wake_up_and_takes_effect_with_the_next_step() -> None:
    play = Play(shop(hours((100, 200), (300, 400))))
    play.now_s = 150
    play.tell(arrived("c1"))
    assert play.router.next_wakeup_us() is None
    play.now_s = 250
    assert pairs(play.tell(at_work("ann"))) == []
    assert play.router.next_wakeup_us() == 300 * SECOND_US


def test_nobody_is_woken_for_a_queue_in_which_nobody_waits() -> None:
    play = Play(shop(hours((100, 200))))
    play.tell(at_work("ann"), arrived("c1"))
    assert play.router.next_wakeup_us() == 100 * SECOND_US
    play.tell(ev.ContactLeft(contact_id="c1"))
    assert play.router.next_wakeup_us() is None


def test_the_soonest_of_lease_and_opening_is_the_wake_up() -> None:
    play = Play(shop(hours((10, 200)), hours((12, 200), name="late")))
    play.tell(at_work("ann"), arrived("c1"), arrived("r1", VOICE, "repairs"))
    assert play.router.next_wakeup_us() == 10 * SECOND_US
    assert pairs(play.tick(10)) == ["c1 ann"]  # Rings until 25.
    assert play.router.next_wakeup_us() == 12 * SECOND_US
    play.tick(12)
    assert play.router.next_wakeup_us() == 25 * SECOND_US


def test_a_tick_is_owed_at_the_opening() -> None:
    play = Play(shop(hours((100, 200))))
    play.tell(arrived("c1"))
    before = play.state()
    play.now_s = 100
    with pytest.raises(CallerError):
        play.tell(at_work("ann"))
    assert play.state() == before
    assert play.tick(100) == []
    assert pairs(play.tell(at_work("ann"))) == ["c1 ann"]


def test_whoever_sleeps_over_an_opening_and_a_closing_finds_it_closed() -> None:
    play = Play(shop(hours((100, 200))))
    play.tell(at_work("ann"), arrived("c1"))
    assert play.tick(250) == []
    assert play.router.next_wakeup_us() == (7 * DAY_S + 100) * SECOND_US


def test_queues_of_one_calendar_open_together_and_the_most_urgent_is_first() -> None:
    office = hours((100, 200))
    settings = shop(office)
    queues = tuple(replace(one, opening_hours="office") for one in settings.queues)
    play = Play(replace(settings, queues=queues))
    play.tell(at_work("ann"), arrived("r1", VOICE, "repairs"))
    play.now_s = 1
    play.tell(arrived("c1"))
    assert pairs(play.tick(100)) == ["r1 ann"]


def test_what_is_kept_for_one_agent_waits_for_the_opening_too() -> None:
    settings = shop(hours((100, 200)))
    kept = AffinitySettings(named_agent_us=500 * SECOND_US)
    queues = tuple(replace(one, affinity=kept) for one in settings.queues)
    play = Play(replace(settings, queues=queues))
    play.tell(at_work("ann", "bob"))
    named = replace(arrived("c1"), named_agent="bob")
    assert pairs(play.tell(named, arrived("c2"))) == []
    leg = play.router.legs[1]
    assert block(leg, play.router.agent("bob")) is Block.CLOSED_QUEUE
    assert pairs(play.tick(100)) == ["c1 bob", "c2 ann"]


def test_a_contact_may_leave_or_expire_while_it_is_closed() -> None:
    settings = shop(hours((100, 200)))
    (sales, repairs) = settings.queues
    channels = {VOICE: replace(sales.channels[VOICE], expires_us=50 * SECOND_US)}
    play = Play(replace(settings, queues=(replace(sales, channels={**sales.channels, **channels}),
                                          repairs)))  # fmt: skip
    play.tell(at_work("ann"), arrived("c1"))
    assert play.router.next_wakeup_us() == 50 * SECOND_US
    assert play.tick(50)[-1] == f"contact.close contact_id=c1 outcome={ContactOutcome.EXPIRED}"
    assert play.router.next_wakeup_us() is None


def test_many_meet_many_at_the_opening() -> None:
    agents = tuple(
        AgentSettings(agent_id=f"a{n:02}", profile="all", capacity="blended") for n in range(12)
    )
    play = Play(shop(hours((100, 200)), agents=agents))
    play.tell(*(arrived(f"c{n:02}") for n in range(14)), at_work(*(one.agent_id for one in agents)))
    assert pairs(play.tick(100)) == [f"c{n:02} a{n:02}" for n in range(12)]


def test_a_class_that_takes_a_forgotten_ones_number_stands_at_its_own_door(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.classes, "CLASSES_MAX", 1)
    play = Play(shop(hours((100, 200))))
    play.tell(arrived("c1"), ev.ContactLeft(contact_id="c1"))
    # The number of the closed queue's class is that of an open queue's class now.
    play.tell(arrived("r1", VOICE, "repairs"))
    assert pairs(play.tell(at_work("ann"))) == ["r1 ann"]
    play.tell(ev.OfferRejected(offer_id=1), ev.ContactLeft(contact_id="r1"))
    assert pairs(play.tell(arrived("c2"))) == []
    assert pairs(play.tick(100)) == ["c2 ann"]


def test_a_restored_router_knows_what_is_closed() -> None:
    settings = shop(hours((100, 200), (300, 400)))
    play = Play(settings)
    play.now_s = 150
    play.tell(arrived("c1"))
    play.now_s = 250
    play.tell(arrived("c2"))
    play.router = Router.restore(settings, play.router.snapshot())
    assert play.router.next_wakeup_us() == 300 * SECOND_US
    assert pairs(play.tell(at_work("ann"))) == []
    assert pairs(play.tick(300)) == ["c1 ann"]


def test_a_journal_is_applied_alike() -> None:
    settings = shop(hours((100, 200)))
    decided, applied = Router(settings), Router(settings)
    told: list[tuple[int, ev.Event]] = [
        (0, at_work("ann")),
        (10, arrived("c1")),
        (100, ev.ClockTicked()),
    ]
    for at_s, event in told:
        actions = decided.step(event, now_us=at_s * SECOND_US)
        applied.apply(event, actions, now_us=at_s * SECOND_US)
        assert applied.snapshot() == decided.snapshot()
        assert applied.next_wakeup_us() == decided.next_wakeup_us()
    assert len(decided.offers) == 1


def test_without_calendars_nothing_is_kept() -> None:
    router = Router(SHOP)
    assert type(router._floor.matcher) is acd.matching.Index
    assert router._doors.wakeup_us() is None

"""Agents' shifts: outside them nobody is offered anything new, and what he has he keeps.

Method: stories at the shop, told in seconds since the epoch, a Thursday; each begins or ends a
shift while something rings, is in hand, waits, or is about to be restored. A thousand and some
agents whose shift begins at once are taken in portions. Then the hours at which nobody is on shift
who could serve an open queue, and the messages of what cannot be.
"""

from typing import Any, Final

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.calendars import utc_offsets
from acd.eligibility import Block, block
from acd.errors import CallerError
from acd.explanation import explain_wait
from acd.ids import Channel
from acd.opening import NEVER_US
from acd.router import FIRED_MAX, Router
from acd.sentences import tell_wait
from acd.settings import (
    DAY_US,
    SECOND_US,
    AgentSettings,
    CalendarSettings,
    DomainSettings,
    HeadroomSettings,
    ProfileSettings,
    RoutingStep,
    Serves,
)
from acd.unstaffed import Unstaffed, never_opening, unstaffed
from acd.validation import problems
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work
from tests.unit.test_doors import hours, pairs

DAY_S: Final = DAY_US // SECOND_US


def shop(*spans: tuple[int, int], **fields: Any) -> DomainSettings:
    """Return the shop, in which Ann works on Thursdays between these seconds, and Bob always."""
    ann, bob = SHOP.agents
    agents = (replace(ann, shift="early"), bob)
    given = {"agents": agents, "calendars": (hours(*spans, name="early"),), **fields}
    return replace(SHOP, **given)


def blocked(play: Play, contact_id: str, agent_id: str) -> Block | None:
    leg = play.router.legs[play.router.contacts[contact_id].legs[0]]
    return block(leg, play.router.agent(agent_id))


def test_nobody_is_offered_anything_before_his_shift_begins() -> None:
    play = Play(shop((100, 200)))
    assert play.tell(at_work("ann"), arrived("c1")) == []
    assert blocked(play, "c1", "ann") is Block.OFF_SHIFT
    assert play.router.next_wakeup_us() == 100 * SECOND_US
    assert "off_shift until 100.000000" in tell_wait(explain_wait(play.router, 1))
    assert play.tick(99) == []
    assert pairs(play.tick(100)) == ["c1 ann"]


def test_who_has_no_shift_works_at_any_time() -> None:
    play = Play(shop((100, 200)))
    assert pairs(play.tell(at_work("ann", "bob"), arrived("c1"))) == ["c1 bob"]


def test_what_rings_and_what_is_in_hand_at_the_end_goes_on() -> None:
    play = Play(shop((0, 100)))
    play.now_s = 80
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    play.now_s = 95
    assert pairs(play.tell(arrived("c2", CHAT), arrived("c3", CHAT))) == ["c2 ann"]
    assert play.tick(100) == []
    play.now_s = 101
    assert play.tell(ev.LegConnected(offer_id=2)) == []
    play.tell(ev.LegEnded(offer_id=1))
    assert blocked(play, "c3", "ann") is Block.OFF_SHIFT
    play.tell(ev.LegEnded(offer_id=2))
    assert pairs(play.tell(at_work("bob"))) == ["c3 bob"]


def test_an_offer_that_fails_after_the_end_is_not_made_again() -> None:
    play = Play(shop((0, 100)))
    play.now_s = 95
    play.tell(at_work("ann"), arrived("c1"))
    play.tick(100)
    play.now_s = 105
    assert play.tell(ev.OfferRejected(offer_id=1)) == []
    assert blocked(play, "c1", "ann") is Block.EXCLUDED
    play.tick(135)
    assert blocked(play, "c1", "ann") is Block.OFF_SHIFT
    assert play.router.next_wakeup_us() == 7 * DAY_US


def test_a_shift_that_does_not_begin_again_has_no_end() -> None:
    once = CalendarSettings(name="early", days=(("1970-01-01", ((0, 100),)),))
    play = Play(shop(calendars=(once,)))
    play.tell(at_work("ann"), arrived("c1"))
    play.tick(15)
    play.tell(ev.AgentReady(agent_id="ann"))
    play.tick(30)
    play.tick(100)
    assert play.router.next_wakeup_us() is None
    agent = play.router.agent("ann")
    assert agent.off_shift_until_us == agent.shift_changes_us == NEVER_US
    (why,) = (one for one in explain_wait(play.router, 1).agents if one.agent_id == "ann")
    assert [(one.name, one.until_us) for one in why.obstacles][:1] == [("off_shift", 0)]


def test_nobody_is_woken_for_the_shift_of_an_agent_who_is_logged_out() -> None:
    play = Play(shop((100, 200)))
    assert play.router.next_wakeup_us() is None
    play.tell(ev.AgentLoggedIn(agent_id="ann"))
    assert play.router.next_wakeup_us() == 100 * SECOND_US
    play.tell(ev.AgentLoggedOut(agent_id="ann"))
    assert play.router.next_wakeup_us() is None
    assert play.router.agent("ann").shift_changes_us == 0


def test_who_is_on_a_break_comes_back_to_his_shift_as_it_is_then() -> None:
    play = Play(shop((0, 100), (200, 300)))
    play.tell(at_work("ann"), ev.AgentNotReady(agent_id="ann"), arrived("c1"))
    play.tick(100)
    play.now_s = 150
    assert play.tell(ev.AgentReady(agent_id="ann")) == []
    assert pairs(play.tick(200)) == ["c1 ann"]


def test_calls_are_kept_free_by_those_on_shift_only() -> None:
    headroom = (HeadroomSettings(name="calls", queue="sales", keep_free=1),)
    play = Play(shop((100, 200), headrooms=headroom))
    play.tell(at_work("ann", "bob"))
    # Bob is the last who can take a call; beside a chat he can, since calls may set it aside.
    assert {one.agent_id for one in play.router.agents if any(one.takes())} == {"bob"}
    (pool,) = play.router.agent("bob").headrooms
    assert pool.able == {1}
    play.tick(100)
    assert pool.able == {0, 1}


def test_many_begin_in_portions_and_a_restart_between_them_changes_nothing() -> None:
    agents = tuple(
        AgentSettings(agent_id=f"a{n:04}", profile="all", capacity="blended", shift="early")
        for n in range(FIRED_MAX + 5)
    )
    settings = shop((100, 200), agents=agents)
    play = Play(settings)
    play.tell(at_work(*(one.agent_id for one in agents)))
    play.tell(*(arrived(f"c{n}", VOICE) for n in range(3)))
    other = Router.restore(settings, play.router.snapshot())
    assert pairs(play.tick(100)) == ["c0 a0000", "c1 a0001", "c2 a0002"]
    other.step(ev.ClockTicked(), now_us=100 * SECOND_US)
    other = Router.restore(settings, other.snapshot())
    assert other.snapshot() == play.router.snapshot()
    late = [one for one in other.agents if one.off_shift_until_us]
    assert len(late) == 5
    assert other.next_wakeup_us() == play.router.next_wakeup_us() == 100 * SECOND_US
    with pytest.raises(CallerError):
        play.tell(arrived("c3"))
    assert play.tick(100) == []
    other.step(ev.ClockTicked(), now_us=100 * SECOND_US)
    assert other.snapshot() == play.router.snapshot()
    assert not any(one.off_shift_until_us for one in play.router.agents)
    assert play.router.next_wakeup_us() == 115 * SECOND_US


def test_another_calendar_counts_from_the_restart_on() -> None:
    play = Play(shop((100, 200)))
    play.tell(at_work("ann"), arrived("c1"))
    later = Router.restore(shop((50, 200)), play.router.snapshot())
    assert later.next_wakeup_us() == 50 * SECOND_US
    gone = Router.restore(SHOP, play.router.snapshot())
    assert gone.next_wakeup_us() is None
    assert gone.agent("ann").shift_changes_us == 0
    assert len(gone.step(ev.Batch(events=()), now_us=0)) == 1


def test_a_journal_is_applied_alike() -> None:
    settings = shop((100, 200))
    decided, applied = Router(settings), Router(settings)
    told: list[tuple[int, ev.Event]] = [
        (0, at_work("ann")),
        (10, arrived("c1")),
        (100, ev.ClockTicked()),
        (110, ev.OfferRejected(offer_id=1)),
        (140, ev.ClockTicked()),
        (155, ev.ClockTicked()),
        (200, ev.ClockTicked()),
    ]
    for at_s, event in told:
        actions = decided.step(event, now_us=at_s * SECOND_US)
        applied.apply(event, actions, now_us=at_s * SECOND_US)
        assert applied.snapshot() == decided.snapshot()
        assert applied.next_wakeup_us() == decided.next_wakeup_us()
    assert decided.agent("ann").off_shift_until_us == WEEK_US + 100 * SECOND_US


# Hours without anybody.


WEEK_US: Final = 7 * DAY_US


def gaps(settings: DomainSettings) -> list[tuple[str, int, int]]:
    """Return the channel and the seconds of the first hours of a week that shifts leave out."""
    assert problems(settings) == []
    found = unstaffed(settings, 0, WEEK_US)
    return [(one.channel, one.from_us // SECOND_US, one.to_us // SECOND_US) for one in found]


def staffed(*shifts: str | None, opening: str | None = None, **fields: Any) -> DomainSettings:
    """Return a shop open on Thursdays from 100 to 500, with agents on some of three shifts."""
    calendars = (
        hours((100, 500), name="open"),
        hours((100, 300), name="early"),
        hours((300, 450), name="late"),
        CalendarSettings(name="always", hours=(((0, DAY_S),),) * 7),
    )
    (sales,) = SHOP.queues
    agents = tuple(
        replace(SHOP.agents[0], agent_id=f"a{n}", shift=shift) for n, shift in enumerate(shifts)
    )
    queues = (replace(sales, opening_hours=opening),)
    given = {"queues": queues, "agents": agents, "calendars": calendars, **fields}
    return replace(SHOP, **given)


def test_hours_that_no_shift_covers_are_found() -> None:
    assert gaps(staffed("early", "late", opening="open")) == [
        (VOICE, 450, 500),
        (CHAT, 450, 500),
    ]
    assert gaps(staffed("late", opening="open"))[0] == (VOICE, 100, 300)
    assert gaps(staffed("early", "always", opening="open")) == []
    assert gaps(staffed("early", None, opening="open")) == []
    assert gaps(staffed(None)) == []
    # A queue that is always open has the domain's clocks.
    assert gaps(staffed("early"))[0] == (VOICE, 0, 100)
    assert gaps(staffed("always")) == []
    once = CalendarSettings(name="open", days=(("1970-01-01", ((0, 100),)),))
    calendars = (once, *staffed().calendars[1:])
    closing = staffed("early", opening="open", calendars=calendars)
    assert gaps(closing)[0] == (VOICE, 0, 100)
    assert unstaffed(closing, 200 * SECOND_US, WEEK_US) == []
    never_again = replace(closing, agents=(replace(closing.agents[0], shift="open"),))
    (sales,) = never_again.queues
    always = replace(never_again, queues=(replace(sales, opening_hours=None),))
    assert gaps(always)[0] == (VOICE, 100, WEEK_US // SECOND_US)


def test_who_may_take_it_at_the_last_step_counts_and_no_other() -> None:
    settings = staffed("early", None, opening="open", skills=("cards",))
    able, other = settings.agents
    (sales,) = settings.queues
    step = RoutingStep(after_us=SECOND_US, requires="")
    asks = replace(sales, requires="cards", steps=(step,))
    agents = (replace(able, skills={"cards": 1}), other)
    assert gaps(replace(settings, queues=(asks,), agents=agents)) == []
    strict = replace(settings, queues=(replace(asks, steps=()),), agents=agents)
    assert gaps(strict)[0] == (VOICE, 300, 500)
    calls = ProfileSettings(name="calls", serves=(Serves(queue="sales", channels=(VOICE,)),))
    agents = (able, replace(other, profile="calls"))
    settings = replace(settings, profiles=(*settings.profiles, calls), agents=agents)
    assert gaps(settings) == [(CHAT, 300, 500)]


def test_a_holiday_of_the_shift_on_which_the_queue_is_open_is_found_by_its_clocks() -> None:
    week = (((9 * 3600, 17 * 3600),),) * 7
    madrid = utc_offsets("Europe/Madrid")
    calendars = (
        CalendarSettings(name="open", hours=week, utc_offsets=madrid),
        CalendarSettings(name="early", hours=week, days=(("2026-12-25", ()),), utc_offsets=madrid),
    )
    settings = staffed("early", opening="open", calendars=calendars)
    since_us = 1_795_000_000 * SECOND_US
    found = unstaffed(settings, since_us, since_us + 366 * DAY_US)
    nine_us = 1_798_185_600 * SECOND_US  # 2026-12-25 09:00 in Madrid, 08:00 in UTC.
    five_us = nine_us + 8 * 3600 * SECOND_US
    shown = (nine_us + 3600 * SECOND_US, five_us + 3600 * SECOND_US)
    assert found[0] == Unstaffed("sales", Channel.VOICE, nine_us, five_us, shown)


def test_a_calendar_whose_days_are_over_or_that_the_clocks_skip_does_not_open() -> None:
    skipped = ((2 * 3600, 3 * 3600),)
    calendars = (
        hours((100, 200), name="weekly"),
        CalendarSettings(name="now", hours=(((0, DAY_S),),) * 7),
        CalendarSettings(name="once", days=(("1970-01-01", ((0, 100),)),)),
        CalendarSettings(name="later", days=(("1970-01-20", ((0, 100),)),)),
        CalendarSettings(
            name="skipped",
            days=(("1970-01-06", skipped),),
            utc_offsets=((5 * DAY_US + 2 * 3600 * SECOND_US, 3600),),
        ),
    )
    settings = replace(SHOP, calendars=calendars)
    assert never_opening(settings, 0, WEEK_US) == ["later", "skipped"]
    assert never_opening(settings, 100 * SECOND_US, WEEK_US) == ["once", "later", "skipped"]
    assert never_opening(settings, 0, 4 * WEEK_US) == ["skipped"]


def test_the_calendar_of_a_shift_is_a_declared_one() -> None:
    settings = shop((100, 200))
    group = tuple(
        replace(settings.agents[0], agent_id=f"g-{n}", group="g", shift="erly") for n in range(3)
    )
    agents = (replace(settings.agents[0], shift=""), *group)
    assert [str(one) for one in problems(replace(settings, agents=agents))] == [
        "agents.ann.shift: is ``; wanted a declared calendar",
        "groups.g.shift: is `erly`; wanted a declared calendar; did you mean `early`?",
    ]

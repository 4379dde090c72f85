"""Clocks that stand still while a queue is closed, and all that is reckoned by them.

Method: Hypothesis draws hours of whole minutes, zones and instants near clock changes, and each
answer is held against a count minute by minute of what the opening table says at each (which
test_opening holds against zoneinfo's clocks). Then stories at the shop, whose times are seconds
since the epoch, a Thursday: one for each thing that is reckoned by a queue's clock, with the exact
wake-up. That index and oracle agree in worlds drawn at random is shown by tests/properties.
"""

from datetime import datetime
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from acd import events as ev
from acd.calendars import utc_offsets
from acd.clocks import CLOCK_UNTIL_US, OpenClock, clocks_of
from acd.config import parse
from acd.contacts import Leg
from acd.errors import ConfigError
from acd.explanation import explain_wait
from acd.figures import definitions
from acd.heads import AgeingHeads, WaitHeads
from acd.metrics import Metrics
from acd.opening import Calendar
from acd.queues import LegClass, Numbers
from acd.router import Router
from acd.sentences import tell_wait
from acd.settings import (
    DAY_US,
    HOUR_US,
    SECOND_US,
    AffinitySettings,
    AgentSettings,
    CalendarSettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
    ProfileSettings,
    QueueClock,
    QueueSettings,
    RoutingStep,
    Serves,
    TeamSettings,
    Urgency,
)
from acd.skills import ANYONE
from acd.urgency import key_function
from acd.validation import problems
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work
from tests.unit.test_doors import THURSDAY, pairs

MINUTE_US: Final = 60 * SECOND_US
HOUR_S: Final = 3_600
MADRID: Final = ZoneInfo("Europe/Madrid")


def clock(*week: Any, days: Any = (), zone: str = "UTC") -> OpenClock:
    hours = week * 7 if len(week) == 1 else (*week, *((),) * (7 - len(week)))
    settings = CalendarSettings(name="c", hours=hours, days=days, utc_offsets=utc_offsets(zone))
    return OpenClock(Calendar(settings))


def us(text: str) -> int:
    """Return the instant at which Madrid's clocks show a time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=MADRID).timestamp()) * SECOND_US


def shown(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / SECOND_US, MADRID):%a %Y-%m-%d %H:%M}"


OFFICE: Final = (((9 * HOUR_S, 17 * HOUR_S),),) * 5


# The table.


def test_a_span_goes_on_where_it_stopped_over_nights_weekends_and_clock_changes() -> None:
    office = clock(*OFFICE, zone="Europe/Madrid")
    friday_us = us("2026-03-27 16:50")
    ends = {
        minutes: shown(office.after_us(friday_us, minutes * MINUTE_US))
        for minutes in (0, 9, 10, 11, 490, 491)
    }
    assert ends == {
        0: "Fri 2026-03-27 16:50",
        9: "Fri 2026-03-27 16:59",
        10: "Fri 2026-03-27 17:00",  # When it closes ten minutes have passed, and not on Monday.
        11: "Mon 2026-03-30 09:01",
        490: "Mon 2026-03-30 17:00",
        491: "Tue 2026-03-31 09:01",
    }


def test_what_begins_while_it_is_closed_counts_from_the_opening() -> None:
    office = clock(*OFFICE, zone="Europe/Madrid")
    for text in ("2026-03-27 17:00", "2026-03-28 12:00", "2026-03-30 09:00"):
        assert shown(office.after_us(us(text), HOUR_US)) == "Mon 2026-03-30 10:00"
    assert office.counted_us(us("2026-03-27 17:00"), us("2026-03-30 09:00")) == 0


def test_an_hour_that_no_clock_shows_does_not_count_and_one_shown_twice_does_twice() -> None:
    night = clock(((HOUR_S, 4 * HOUR_S),), zone="Europe/Madrid")
    hours = {
        day: night.counted_us(us(f"2026-{day} 00:00"), us(f"2026-{day} 12:00")) // HOUR_US
        for day in ("03-28", "03-29", "10-25")
    }
    assert hours == {"03-28": 3, "03-29": 2, "10-25": 4}


@st.composite
def weeks(draw: st.DrawFn) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Draw the hours of a week in whole minutes; some of them open."""

    def day() -> tuple[tuple[int, int], ...]:
        cuts = draw(st.lists(st.integers(0, 24 * 60), max_size=6, unique=True))
        cuts = sorted(cuts)[: len(cuts) // 2 * 2]
        ends = zip(cuts[::2], cuts[1::2], strict=True)
        return tuple((since * 60, until * 60) for since, until in ends)

    week = [day() for _ in range(7)]
    week[draw(st.integers(0, 6))] = ((60, 120),)
    return tuple(week)


@given(
    weeks(),
    st.sampled_from(["UTC", "Europe/Madrid", "America/St_Johns", "Australia/Lord_Howe"]),
    st.sampled_from([us("2026-03-28 00:00"), us("2026-10-24 00:00"), us("2026-10-03 00:00")]),
    st.lists(st.integers(0, 48 * 60), min_size=1, max_size=3),
    st.lists(st.integers(0, 60 * 60), min_size=1, max_size=4),
)
def test_it_counts_as_one_counts_minute_by_minute(
    week: Any, zone: str, base_us: int, starts: list[int], spans: list[int]
) -> None:
    one = clock(*week, zone=zone)
    calendar = Calendar(CalendarSettings(name="c", hours=week, utc_offsets=utc_offsets(zone)))
    minutes = 9 * 24 * 60
    opened = [calendar.is_open(base_us + minute * MINUTE_US) for minute in range(minutes)]
    for start in starts:  # Some of them before the one asked first.
        for span in spans:
            until = min(start + span, minutes)
            since_us, until_us = base_us + start * MINUTE_US, base_us + until * MINUTE_US
            counted = sum(opened[start:until])
            assert one.counted_us(since_us, until_us) == counted * MINUTE_US
            if counted:
                due_us = one.after_us(since_us, counted * MINUTE_US)
                last = max(minute for minute in range(start, until) if opened[minute])
                assert due_us == base_us + (last + 1) * MINUTE_US
                assert one.after_us(since_us, counted * MINUTE_US - 1) == due_us - 1


@given(weeks(), st.lists(st.integers(0, 30 * 24 * 60 * 60), min_size=2, max_size=12))
def test_of_two_spans_that_which_begins_later_never_ends_sooner(
    week: Any, seconds: list[int]
) -> None:
    one = clock(*week, zone="Europe/Madrid")
    begins = [us("2026-03-20 00:00") + second * SECOND_US for second in seconds]
    for span_us in (1, HOUR_US, 30 * HOUR_US):
        ends = {begin_us: one.after_us(begin_us, span_us) for begin_us in begins}
        assert [ends[one] for one in sorted(begins)] == sorted(ends[one] for one in begins)
        assert all(one.counted_us(begin_us, end_us) == span_us for begin_us, end_us in ends.items())


def test_after_the_table_all_time_counts_so_that_every_span_ends() -> None:
    once = clock((), days=(("2026-03-27", ((0, HOUR_S),)),))
    last_us = us("2026-03-27 01:00")
    assert once.after_us(last_us, HOUR_US) == last_us + HOUR_US
    assert once.after_us(last_us, HOUR_US + 5) == CLOCK_UNTIL_US + 5
    assert once.after_us(CLOCK_UNTIL_US + 7, DAY_US) == CLOCK_UNTIL_US + 7 + DAY_US
    assert once.counted_us(last_us, CLOCK_UNTIL_US + 3) == HOUR_US + 3


def test_two_clocks_that_are_asked_in_other_orders_give_the_same_answers() -> None:
    one, other = (clock(*OFFICE, zone="Europe/Madrid") for _ in range(2))
    days = [us("2026-03-27 16:00") + n * 40 * DAY_US for n in range(-20, 20)]
    answers = {at_us: one.after_us(at_us, 9 * HOUR_US) for at_us in days}
    assert answers == {at_us: other.after_us(at_us, 9 * HOUR_US) for at_us in reversed(days)}
    assert one.counted_us(days[0], days[-1]) == other.counted_us(days[0], days[-1])


# The router.


def shop(*spans: tuple[int, int], domain: Any = None, **fields: Any) -> DomainSettings:
    """Return a shop that is open on Thursdays, and of whose waits only that counts."""
    week = [spans if weekday == THURSDAY else () for weekday in range(7)]
    (sales,) = SHOP.queues
    given = {"opening_hours": "office", "clock": QueueClock.OPENING_HOURS, **fields}
    return replace(
        SHOP,
        queues=(replace(sales, **given),),
        calendars=(CalendarSettings(name="office", hours=tuple(week)),),
        **domain or {},
    )


def channels(**fields: Any) -> dict[Any, ChannelSettings]:
    return {VOICE: ChannelSettings(**fields), CHAT: ChannelSettings(**fields)}


def test_a_step_is_due_when_the_queue_has_been_open_for_so_long() -> None:
    step = RoutingStep(after_us=100 * SECOND_US, requires="")
    cards = {"skills": ("cards",), "agents": (*SHOP.agents, AgentSettings(
        agent_id="cid", profile="all", capacity="blended", skills={"cards": 1}))}  # fmt: skip
    play = Play(shop((0, 40), (100, 500), requires="cards", steps=(step,), domain=cards))
    play.now_s = 10
    play.tell(at_work("ann"), arrived("c1"))
    assert play.router.next_wakeup_us() == 170 * SECOND_US  # 30 s today at first, then 70.
    assert play.tick(169) == []
    why = explain_wait(play.router, 1)
    assert (why.waited_us, why.counted_us) == (159 * SECOND_US, 99 * SECOND_US)
    sentence = tell_wait(why)
    assert "waits since 10.000000 (99.000000 in opening hours) for cid" in sentence
    assert sentence.endswith("open to more at 170.000000")
    assert pairs(play.tick(170)) == ["c1 ann"]


def test_a_delay_of_a_profile_is_counted_so_too() -> None:
    late = Serves(queue="sales", channels=(VOICE,), delay_us=50 * SECOND_US)
    profiles = (*SHOP.profiles, ProfileSettings(name="late", serves=(late,)))
    agents = (AgentSettings(agent_id="ann", profile="late", capacity="blended"), SHOP.agents[1])
    play = Play(shop((0, 40), (100, 500), domain={"profiles": profiles, "agents": agents}))
    play.now_s = 20
    play.tell(at_work("ann"), arrived("c1"))
    (standing,) = (one for one in explain_wait(play.router, 1).agents if one.agent_id == "ann")
    assert [(one.name, one.until_us) for one in standing.obstacles] == [
        ("profile_delay", 130 * SECOND_US)
    ]
    assert pairs(play.tick(130)) == ["c1 ann"]


def test_promises_are_kept_in_opening_hours_also_those_of_entry_rules() -> None:
    rule = EntryRule(name="all", queue="sales", promise_us=30 * SECOND_US)
    domain = {"urgency": Urgency.DEADLINE_FIRST, "entry": (rule,)}
    play = Play(shop((0, 40), (100, 500), promise_us=60 * SECOND_US, domain=domain))
    play.now_s = 20
    play.tell(arrived("c1"), arrived("c2", queue=""))
    play.now_s = 60
    play.tell(arrived("c3"), arrived("c4"))
    assert [leg.key[0] // SECOND_US for leg in play.router.legs.values()] == [140, 110, 160, 160]
    assert play.tick(100) == []
    assert pairs(play.tell(at_work("ann", "bob"))) == ["c2 ann", "c1 bob"]


def test_expiry_counts_opening_hours_but_an_instant_of_the_contacts_own_holds() -> None:
    play = Play(shop((0, 40), (100, 500), channels=channels(expires_us=60 * SECOND_US)))
    play.now_s = 20
    own = replace(arrived("c2"), expires_us=70 * SECOND_US)
    play.tell(arrived("c1"), own)
    assert play.router.next_wakeup_us() == 70 * SECOND_US
    assert play.tick(70)[-1] == "contact.close contact_id=c2 outcome=expired"
    play.tick(100)
    assert play.router.next_wakeup_us() == 140 * SECOND_US
    assert play.tick(140)[-1] == "contact.close contact_id=c1 outcome=expired"


def test_who_is_kept_for_somebody_is_so_for_as_long_as_it_is_open() -> None:
    team = TeamSettings(contact="campaign", agent="team", limit_us=70 * SECOND_US)
    kept = AffinitySettings(named_agent_us=50 * SECOND_US, last_agent_us=60 * SECOND_US, team=team)
    agents = tuple(replace(one, attributes={"team": "red"}) for one in SHOP.agents)
    cid = AgentSettings(agent_id="cid", profile="all", capacity="blended")
    domain = {"agents": (*agents, cid), "attributes": {"team": ("red",)}}
    play = Play(shop((0, 40), (100, 500), affinity=kept, domain=domain))
    known = replace(arrived("c1"), customer="x")
    play.tell(at_work("ann"), known, ev.LegConnected(offer_id=1), ev.LegEnded(offer_id=1))
    play.tell(ev.WrapUpEnded(offer_id=1), ev.AgentNotReady(agent_id="ann"), at_work("cid"))
    play.now_s = 20
    red = (("campaign", "red"),)
    play.tell(
        replace(arrived("c2"), named_agent="ann"),
        replace(arrived("c3"), customer="x"),
        replace(arrived("c4"), attributes=red),
    )
    legs = play.router.legs
    assert [legs[number].kept_until_us // SECOND_US for number in (2, 3)] == [130, 140]
    assert legs[4].widens_us == 150 * SECOND_US
    why = {one.agent_id: one for one in explain_wait(play.router, 4).agents}
    assert [one.until_us // SECOND_US for one in why["cid"].obstacles] == [150]
    play.tell(ev.ContactAssigned(contact_id="c4", agent_id="bob"))  # Who is not there.
    play.now_s = 60
    play.tell(ev.ContactAssigned(contact_id="c4", agent_id="ann"))
    assert legs[4].kept_until_us == 150 * SECOND_US


def test_a_regained_place_counts_from_when_it_was_taken() -> None:
    step = RoutingStep(after_us=100 * SECOND_US, priority=3)
    fields = {"resume_us": 60 * SECOND_US, "steps": (step,), "priority": 1}
    play = Play(shop((0, 40), (100, 500), domain={"urgency": Urgency.STRICT_PRIORITY}, **fields))
    play.now_s = 10
    play.tell(replace(arrived("c1"), customer="x"), ev.ContactLeft(contact_id="c1"))
    play.now_s = 50
    play.tell(replace(arrived("c2"), customer="x"))
    play.tick(100)
    assert play.router.next_wakeup_us() == 170 * SECOND_US


@pytest.mark.parametrize("policy", [
    {"urgency": Urgency.AGEING, "ageing_per_h": 3_600},
    {"urgency": Urgency.WAIT_OVER_OBJECTIVE},
])  # fmt: skip
def test_urgency_grows_in_opening_hours_only(policy: dict[str, Any]) -> None:
    settings = shop((0, 40), (100, 500), priority=0, domain=policy)
    if policy["urgency"] is Urgency.WAIT_OVER_OBJECTIVE:
        settings = shop((0, 40), (100, 500), domain=policy)
    (sales,) = settings.queues
    always = replace(sales, name="repairs", opening_hours=None, clock=QueueClock.ELAPSED)
    lines = tuple(Serves(queue=one, channels=(VOICE, CHAT)) for one in ("sales", "repairs"))
    profiles = (ProfileSettings(name="all", serves=lines),)
    play = Play(replace(settings, queues=(sales, always), profiles=profiles))
    play.now_s = 10
    play.tell(arrived("c1"))  # 30 s today at first, 60 s of closed doors, then on.
    play.now_s = 65
    play.tell(arrived("r1", VOICE, "repairs"))
    play.tick(100)
    play.now_s = 105
    assert pairs(play.tell(at_work("ann"))) == ["r1 ann"]
    play.now_s = 106
    assert pairs(play.tell(at_work("bob"))) == ["c1 bob"]


def test_many_classes_are_compared_by_the_same_clocks() -> None:
    """The rows of heads, where as many clocks as classes stand still at other times."""
    rng = Random(1)
    for ages in (True, False):
        urgency = Urgency.AGEING if ages else Urgency.WAIT_OVER_OBJECTIVE
        heads = AgeingHeads() if ages else WaitHeads(urgency)
        base_us = us("2026-03-27 16:00")
        legs = []
        for number in range(90):
            hours = sorted(rng.sample(range(24), 2))
            own = clock((tuple(hour * HOUR_S for hour in hours),))
            klass = LegClass(
                number=number,
                queue=QueueSettings(name="q", channels=channels()),
                channel=VOICE,
                channel_index=0,
                requirement=ANYONE,
                prefers=(),
                numbers=Numbers(weight=rng.randint(1, 5), period_us=MINUTE_US, cap=2**60),
                clock=own if number % 3 else None,
            )
            came_us = base_us + rng.randrange(DAY_US)
            key = key_function(urgency)(came_us, number + 1, 0, 0, klass.numbers)
            if ages and klass.clock is not None:
                key = (klass.numbers.weight * own.reading_us(came_us), *key[1:])
            heads.put(klass)
            arrival = ev.ContactArrived(contact_id="c", queue="q", channel=VOICE)
            legs.append(Leg(number + 1, "c", klass, key, came_us, arrival))
            heads.note(number, legs[-1])
        for hour in range(24, 96, 5):
            now_us = base_us + hour * HOUR_US

            def gained(leg: Leg, at_us: int = now_us) -> int:
                return leg.klass.counted_us(leg.arrived_us, at_us) * leg.klass.numbers.weight

            through = heads.narrow(np.arange(90), now_us).tolist()
            best = min(legs, key=lambda leg: heads.place(leg, now_us))
            assert best.leg_id - 1 in through
            assert len(through) < 5
            assert gained(best) == max(map(gained, legs))


def test_a_restored_router_goes_on_alike_and_a_journal_is_applied_alike() -> None:
    step = RoutingStep(after_us=100 * SECOND_US, priority=3)
    fields = {"steps": (step,), "priority": 1, "channels": channels(expires_us=150 * SECOND_US)}
    settings = shop((0, 40), (100, 500), domain={"urgency": Urgency.AGEING, "ageing_per_h": 60},
                    **fields)  # fmt: skip
    decided, applied, restored = Router(settings), Router(settings), Router(settings)
    told: list[tuple[int, ev.Event]] = [
        (5, arrived("c1")),
        (20, arrived("c2")),
        (60, arrived("c3")),
        (100, ev.ClockTicked()),
        (165, ev.ClockTicked()),
        (180, ev.ClockTicked()),
        (200, ev.ClockTicked()),
        (201, at_work("ann")),
        (215, ev.ClockTicked()),
        (216, ev.ClockTicked()),
    ]
    for at_s, event in told:
        actions = decided.step(event, now_us=at_s * SECOND_US)
        applied.apply(event, actions, now_us=at_s * SECOND_US)
        assert restored.step(event, now_us=at_s * SECOND_US) == actions
        restored = Router.restore(settings, restored.snapshot())
        assert applied.snapshot() == decided.snapshot() == restored.snapshot()
        assert decided.next_wakeup_us() == restored.next_wakeup_us()


# The measures.


def test_the_service_level_counts_opening_hours_and_all_else_what_customers_wait() -> None:
    objective = channels(objective_us=50 * SECOND_US)
    measures = replace(SHOP.measures, short_abandon_us=5 * SECOND_US)
    settings = shop((0, 40), (100, 500), channels=objective, domain={"measures": measures})
    play, metrics = Play(settings), Metrics(settings, from_us=0)

    def tell(at_s: int, *events: ev.Event) -> None:
        for event in events:
            actions = play.router.step(event, now_us=at_s * SECOND_US)
            metrics.fold(event, actions, at_s * SECOND_US)

    tell(20, arrived("c1"), arrived("c2"))
    tell(50, arrived("c3"), arrived("c4"), arrived("c5"))
    tell(90, ev.ContactLeft(contact_id="c3"))  # 40 s of which none counts: in time, not short.
    tell(100, ev.ClockTicked())
    tell(120, at_work("ann"))
    tell(130, ev.LegConnected(offer_id=1))  # 110 s, of which 50 count.
    tell(131, ev.ContactLeft(contact_id="c2"))  # 51.
    total = metrics.report(150 * SECOND_US).rows[0].total
    assert (total.answered, total.answered_in_time, total.wait_us) == (1, 1, 110 * SECOND_US)
    assert (total.abandoned, total.abandoned_in_time, total.abandoned_short) == (2, 1, 0)
    assert total.abandon_wait_us == (40 + 111) * SECOND_US
    assert (total.waiting, total.waiting_late) == (2, 0)
    assert metrics.report(151 * SECOND_US).rows[0].total.waiting_late == 2


def test_the_definitions_say_what_counts() -> None:
    lines = definitions(shop((0, 40))).splitlines()
    assert "threshold of sales voice: 20000000 us, while office is open" in lines
    assert "threshold of sales voice: 20000000 us" in definitions(SHOP).splitlines()


# What is refused.


def test_a_clock_of_opening_hours_needs_them() -> None:
    settings = replace(shop((0, 40)), calendars=())
    queues = tuple(replace(one, opening_hours=None) for one in settings.queues)
    assert [str(one) for one in problems(replace(settings, queues=queues))] == [
        "queues.sales.clock: is opening_hours; wanted elapsed, since the queue has no opening_hours"
    ]


def test_of_a_calendar_that_could_not_be_read_only_that_is_said() -> None:
    text = """
[domain]
name = "shop"
[queues.sales]
opening_hours = 5
clock = "opening_hours"
voice = {}
[capacities.one]
voice = {}
[profiles]
all = [{ queue = "sales" }]
[agents.ann]
profile = "all"
capacity = "one"
"""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert [str(one) for one in caught.value.problems] == [
        "queues.sales.opening_hours: is 5; wanted a text"
    ]
    with pytest.raises(ConfigError) as caught:
        parse(text.replace("5", '"office"').replace('clock = "opening', 'clock = "opened'))
    assert [str(one) for one in caught.value.problems] == [
        "queues.sales.opening_hours: is `office`; wanted a declared calendar",
        (
            "queues.sales.clock: is `opened_hours`; wanted one of `elapsed`, `opening_hours`;"
            " did you mean `opening_hours`?"
        ),
    ]


def test_queues_of_one_calendar_have_one_clock() -> None:
    settings = shop((0, 40))
    (sales,) = settings.queues
    always = replace(sales, name="always", clock=QueueClock.ELAPSED)
    queues = (sales, replace(sales, name="repairs"), always)
    clocks = clocks_of(replace(settings, queues=queues))
    assert clocks.keys() == {"sales", "repairs"}
    assert clocks["sales"] is clocks["repairs"]


def test_a_promise_of_no_time_is_none() -> None:
    settings = shop((0, 40), promise_us=0, domain={"urgency": Urgency.DEADLINE_FIRST})
    assert [str(one) for one in problems(settings)] == [
        "queues.sales.promise_s: is 0; wanted a number of seconds above 0 and up to 31622400"
    ]

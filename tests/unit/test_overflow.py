"""Contacts that leave their queues, or do not get in: one story for each way, told in seconds.

Method: the small shop with rules for one channel; what is ordered is compared with the lines of the
journal. That the three routers agree, and that nobody stays who should leave, is shown for random
domains by tests/properties.
"""

from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

import acd.overflow
from acd import events as ev
from acd.actions import OverflowLeg
from acd.errors import CallerError
from acd.explanation import explain_wait
from acd.gauges import Gauges
from acd.ids import Channel
from acd.router import Router
from acd.sentences import tell_overflow, tell_wait
from acd.settings import (
    DAY_US,
    SECOND_US,
    AdmissionSettings,
    AgentSettings,
    CalendarSettings,
    Condition,
    DomainSettings,
    OverflowRule,
    ProfileSettings,
    QueueClock,
    RoutingStep,
    Serves,
)
from acd.snapshot import Snapshot
from acd.waiting_settings import CallbackSettings
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

BUSY: Final = OverflowRule(message="busy")


def shop(*rules: OverflowRule, **fields: Any) -> DomainSettings:
    """Return a shop whose calls for sales have rules; Ann and Bob serve all, Carl only repairs."""
    (sales,) = SHOP.queues
    repairs = replace(sales, name="repairs")
    channels = {**sales.channels, VOICE: replace(sales.channels[VOICE], overflow=rules)}
    both = tuple(Serves(queue=one, channels=(VOICE, CHAT)) for one in ("sales", "repairs"))
    profiles = (
        ProfileSettings(name="all", serves=both),
        ProfileSettings(name="repairs", serves=both[1:]),
    )
    carl = AgentSettings(agent_id="carl", profile="repairs", capacity="blended")
    return replace(
        SHOP,
        queues=(replace(sales, channels=channels), repairs),
        profiles=profiles,
        agents=(*SHOP.agents, carl),
        voicemails=("box",),
        messages=("busy", "later"),
        **fields,
    )


def limited(settings: DomainSettings, **fields: Any) -> DomainSettings:
    """Return the shop with other fields of the queue for sales."""
    return replace(settings, queues=(replace(settings.queues[0], **fields), settings.queues[1]))


def gone(told: list[str]) -> list[str]:
    """Return who left, why, and for what."""
    return [
        " ".join(one.split()[2:]) for one in told if one.startswith("leg.overflow")
    ]  # Without the leg's number.


def restored(play: Play) -> Play:
    """Return a play that goes on from the encoded snapshot."""
    wire = msgspec.msgpack.encode(play.router.snapshot())
    other = Play(play.router.settings)
    other.router = Router.restore(play.router.settings, msgspec.msgpack.decode(wire, type=Snapshot))
    other.now_s = play.now_s
    return other


def test_a_full_queue_lets_nobody_in_until_somebody_is_offered_or_gone() -> None:
    play = Play(shop(replace(BUSY, max_waiting=2)))
    told = play.tell(arrived("c1"), arrived("c2"), arrived("c3"))
    assert told == [
        "leg.overflow leg_id=3 contact_id=c3 because=max_waiting message=busy",
        "contact.close contact_id=c3 outcome=rejected",
    ]
    assert gone(play.tell(arrived("c4", CHAT), arrived("c5", VOICE, "repairs"))) == []
    play.tell(ev.ContactLeft(contact_id="c1"))
    assert gone(play.tell(arrived("c6"))) == []
    play = restored(play)
    assert gone(play.tell(arrived("c7"))) == ["contact_id=c7 because=max_waiting message=busy"]


def test_of_a_batch_those_get_in_who_came_first() -> None:
    play = Play(shop(replace(BUSY, max_waiting=2)))
    came = [arrived(f"c{number}") for number in range(1, 6)]
    left = ev.ContactLeft(contact_id="c2")
    assert gone(play.tell(ev.Batch(events=(*came, left)))) == [
        "contact_id=c4 because=max_waiting message=busy",
        "contact_id=c5 because=max_waiting message=busy",
    ]


def test_nobody_gets_in_who_would_wait_longer_by_the_estimate() -> None:
    settings = shop(replace(BUSY, max_estimated_wait_us=50 * SECOND_US), estimated_wait=True)
    queues = [
        replace(
            queue,
            channels={
                channel: replace(each, handle_time_us=90 * SECOND_US)
                for channel, each in queue.channels.items()
            },
        )
        for queue in settings.queues
    ]
    play = Play(replace(settings, queues=tuple(queues)))
    # Without anybody at work there is no estimate.
    assert gone(play.tell(arrived("c1"))) == []
    play.tell(at_work("ann"), ev.LegConnected(offer_id=1), at_work("bob"))
    play.tell(arrived("c2"), ev.LegConnected(offer_id=2))
    assert gone(play.tell(arrived("c3"))) == []
    estimate = play.router.estimate(play.router.contacts["c3"].legs[0])
    assert estimate.wait_us == 45 * SECOND_US
    assert gone(play.tell(arrived("c4"), arrived("r1", VOICE, "repairs"))) == [
        "contact_id=c4 because=max_estimated_wait message=busy"
    ]
    # Whoever is in stays, though one agent works for both from now on.
    play = restored(play)
    assert gone(play.tell(ev.AgentNotReady(agent_id="bob", reason="break"))) == []


def test_who_is_in_stays_though_his_queue_is_full() -> None:
    play = Play(shop(replace(BUSY, max_waiting=1)))
    play.tell(at_work("ann"), arrived("c1"), arrived("c2"))
    assert gone(play.tell(ev.OfferRejected(offer_id=1), arrived("c3"))) == [
        "contact_id=c3 because=max_waiting message=busy"
    ]
    assert len(play.router.contacts) == 2


def test_nobody_waits_longer_than_the_rule_says() -> None:
    play = Play(shop(OverflowRule(max_wait_us=30 * SECOND_US, voicemail="box")))
    play.now_s = 5
    play.tell(arrived("c1"))
    assert play.router.next_wakeup_us() == 35 * SECOND_US
    play = restored(play)
    assert play.router.next_wakeup_us() == 35 * SECOND_US
    assert play.tick(34) == []
    assert play.tick(35) == [
        "leg.overflow leg_id=1 contact_id=c1 because=max_wait voicemail=box",
        "contact.close contact_id=c1 outcome=overflowed",
    ]
    assert play.router.next_wakeup_us() is None


def test_what_rings_when_its_time_is_over_leaves_only_if_the_offer_fails() -> None:
    play = Play(shop(replace(BUSY, max_wait_us=10 * SECOND_US)))
    play.tell(at_work("ann", "bob"), arrived("c1"), arrived("c2"))
    play.now_s = 12
    taken = play.tell(ev.LegConnected(offer_id=1))
    assert taken == []
    assert gone(play.tell(ev.OfferRejected(offer_id=2))) == [
        "contact_id=c2 because=max_wait message=busy"
    ]


def test_what_comes_back_in_time_leaves_in_its_time() -> None:
    play = Play(shop(replace(BUSY, max_wait_us=10 * SECOND_US)))
    play.tell(at_work("ann"), arrived("c1"))
    play.now_s = 4
    play.tell(ev.OfferRejected(offer_id=1))
    assert gone(play.tick(10)) == ["contact_id=c1 because=max_wait message=busy"]


def test_a_rule_by_time_holds_for_those_who_came_under_one_and_while_there_is_one() -> None:
    by_time = replace(BUSY, max_wait_us=50 * SECOND_US)
    full = replace(BUSY, max_waiting=9)
    for before, after, left in (
        ((by_time,), (full,), []),
        ((full,), (by_time,), []),
        ((by_time,), (replace(by_time, max_wait_us=90 * SECOND_US),), [50]),
    ):
        play = Play(shop(*before))
        play.tell(at_work("ann"), arrived("c1"))
        play.router = Router.restore(shop(*after), play.router.snapshot())
        play.now_s = 10
        assert gone(play.tell(ev.SettingsChanged(), ev.OfferRejected(offer_id=1))) == []
        overflows = explain_wait(play.router, 1).overflows_us // SECOND_US
        assert [overflows] == (left or [0])
        play.tell(ev.AgentLoggedOut(agent_id="ann"))
        while (due_us := play.router.next_wakeup_us()) is not None:
            if gone(play.tick(due_us // SECOND_US)):
                left.remove(play.now_s)
        assert left == []


def test_gates_are_in_one_order_wherever_settings_come_from() -> None:
    (sales, repairs) = shop(BUSY).queues
    rules = (replace(BUSY, max_waiting=1),)
    channels = {one: replace(sales.channels[one], overflow=rules) for one in (VOICE, CHAT)}
    settings = replace(shop(), queues=(replace(sales, channels=channels), repairs))
    wire = msgspec.json.encode(settings, order="deterministic")
    read = msgspec.json.decode(wire, type=DomainSettings)
    assert list(read.queues[0].channels) == [CHAT, VOICE]
    assert [*Gauges(settings, ()).gates] == [*Gauges(read, ()).gates]


def test_a_further_leg_waits_as_if_it_had_come_to_the_other_queue() -> None:
    (sales, repairs) = shop(OverflowRule(max_wait_us=30 * SECOND_US, queue="repairs")).queues
    voice = replace(repairs.channels[VOICE], expires_us=50 * SECOND_US)
    rule = replace(BUSY, max_wait_us=60 * SECOND_US)
    repairs = replace(repairs, channels={**repairs.channels, VOICE: replace(voice)})
    play = Play(replace(shop(), queues=(sales, repairs)))
    play.now_s = 5
    play.tell(arrived("c1"))
    assert play.tick(35) == [
        "leg.overflow leg_id=1 contact_id=c1 because=max_wait queue=repairs",
        "leg.open leg_id=2 contact_id=c1 queue=repairs channel=voice place_us=5000000",
        "leg.close leg_id=1 contact_id=c1 outcome=overflowed",
    ]
    assert play.router.next_wakeup_us() == 55 * SECOND_US  # It expires.
    assert play.tick(55)[-1] == "contact.close contact_id=c1 outcome=expired"
    # Its wait there counts from the move.
    voice = replace(repairs.channels[VOICE], expires_us=None, overflow=(rule,))
    repairs = replace(repairs, channels={**repairs.channels, VOICE: voice})
    play = Play(replace(shop(), queues=(sales, repairs)))
    play.now_s = 5
    play.tell(arrived("c1"))
    play.tick(35)
    assert play.router.next_wakeup_us() == 95 * SECOND_US
    assert gone(play.tick(95)) == ["contact_id=c1 because=max_wait message=busy"]


def test_a_further_leg_may_be_over_where_it_comes() -> None:
    (sales, repairs) = shop(OverflowRule(max_wait_us=30 * SECOND_US, queue="repairs")).queues
    voice = replace(repairs.channels[VOICE], expires_us=20 * SECOND_US, overflow=(BUSY,))
    voice = replace(voice, overflow=(replace(BUSY, max_waiting=1),))
    repairs = replace(repairs, channels={**repairs.channels, VOICE: voice})
    play = Play(replace(shop(), queues=(sales, repairs)))
    play.tell(arrived("c1"))
    assert play.tick(30)[-2:] == [
        "customer.release contact_id=c1",
        "contact.close contact_id=c1 outcome=expired",
    ]
    assert not play.router.contacts


def test_who_failed_to_take_it_is_not_offered_it_in_the_other_queue_at_once() -> None:
    play = Play(shop(OverflowRule(max_wait_us=10 * SECOND_US, queue="repairs")))
    play.tell(at_work("ann"), arrived("c1"))
    play.now_s = 9
    play.tell(ev.OfferRejected(offer_id=1))
    assert not [one for one in play.tick(10) if one.startswith("offer")]
    assert play.tick(39)[0].startswith("offer.contact offer_id=2 leg_id=2")


def test_nobody_gets_in_where_nobody_is_there_who_could_take_it() -> None:
    play = Play(shop(replace(BUSY, joining=(Condition.NOBODY_LOGGED_IN,))))
    assert gone(play.tell(at_work("carl"), arrived("c1"))) == [
        "contact_id=c1 because=nobody_logged_in message=busy"
    ]
    play.tell(ev.AgentLoggedIn(agent_id="ann"), arrived("c2"))
    assert gone(play.tell(ev.AgentLoggedOut(agent_id="ann"))) == []  # It is in.
    assert list(play.router.contacts) == ["c2"]


def test_nobody_stays_when_the_last_one_goes() -> None:
    rule = replace(BUSY, leaving=(Condition.NOBODY_LOGGED_IN,))
    play = Play(shop(rule))
    play.tell(ev.AgentLoggedIn(agent_id="ann"), ev.AgentLoggedIn(agent_id="bob"))
    play.tell(arrived("c1"), arrived("c2", CHAT), ev.AgentLoggedOut(agent_id="ann"))
    play = restored(play)
    assert len(play.router.contacts) == 2
    assert gone(play.tell(ev.AgentLoggedOut(agent_id="bob"))) == [
        "contact_id=c1 because=nobody_logged_in message=busy"
    ]
    assert gone(play.tell(arrived("c3"))) == ["contact_id=c3 because=nobody_logged_in message=busy"]


def test_who_is_sent_on_twice_in_a_step_is_counted_once() -> None:
    leaving = OverflowRule(leaving=(Condition.NOBODY_LOGGED_IN,), queue="repairs")
    (sales, repairs) = shop(leaving).queues
    rules = (replace(leaving, queue="", message="busy"), replace(BUSY, max_waiting=1))
    voice = replace(repairs.channels[VOICE], overflow=rules)
    repairs = replace(repairs, channels={**repairs.channels, VOICE: voice})
    play = Play(replace(shop(), queues=(sales, repairs)))
    play.tell(ev.AgentLoggedIn(agent_id="ann"), arrived("c1"), arrived("c2", VOICE, "repairs"))
    assert len(gone(play.tell(ev.AgentLoggedOut(agent_id="ann")))) == 3
    play.tell(ev.AgentLoggedIn(agent_id="ann"))
    assert gone(play.tell(arrived("c3", VOICE, "repairs"), arrived("c4", VOICE, "repairs"))) == [
        "contact_id=c4 because=max_waiting message=busy"
    ]


def test_nobody_stays_when_the_last_one_is_given_other_work() -> None:
    play = Play(shop(replace(BUSY, leaving=(Condition.NOBODY_READY,))))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1), arrived("c2"))
    told = play.tell(ev.AgentChanged(agent_id="ann", profile="repairs", capacity="blended"))
    assert gone(told) == ["contact_id=c2 because=nobody_ready message=busy"]


def test_a_batch_that_brings_somebody_too_keeps_them() -> None:
    play = Play(shop(replace(BUSY, leaving=(Condition.NOBODY_LOGGED_IN,))))
    play.tell(ev.AgentLoggedIn(agent_id="ann"), arrived("c1"))
    shift = (ev.AgentLoggedOut(agent_id="ann"), ev.AgentLoggedIn(agent_id="bob"))
    assert gone(play.tell(ev.Batch(events=shift))) == []


def test_a_break_of_all_is_nobody_ready_and_work_is_not() -> None:
    play = Play(shop(replace(BUSY, leaving=(Condition.NOBODY_READY,))))
    assert gone(play.tell(ev.AgentLoggedIn(agent_id="ann"), arrived("c1"))) == [
        "contact_id=c1 because=nobody_ready message=busy"
    ]
    play.tell(ev.AgentReady(agent_id="ann"), arrived("c2"), ev.LegConnected(offer_id=1))
    assert gone(play.tell(arrived("c3"))) == []
    play.tell(ev.AgentNotReady(agent_id="ann", after_this_one=True))
    assert gone(play.tell(ev.LegEnded(offer_id=1), ev.WrapUpEnded(offer_id=1))) == [
        "contact_id=c3 because=nobody_ready message=busy"
    ]


def test_who_misses_an_offer_is_not_there_for_those_who_wait() -> None:
    play = Play(shop(OverflowRule(leaving=(Condition.NOBODY_READY,), voicemail="box")))
    play.tell(at_work("ann"), arrived("c1"), arrived("c2"))
    assert gone(play.tick(15)) == [
        "contact_id=c1 because=nobody_ready voicemail=box",
        "contact_id=c2 because=nobody_ready voicemail=box",
    ]


def test_those_who_could_take_it_later_are_there() -> None:
    settings = shop(replace(BUSY, leaving=(Condition.NOBODY_LOGGED_IN,)))
    (ann, bob, carl) = settings.agents
    step = RoutingStep(after_us=60 * SECOND_US, requires="")
    settings = limited(settings, requires="cards", steps=(step,))
    agents = (replace(ann, skills={"cards": 1}), bob, carl)
    play = Play(replace(settings, skills=("cards",), agents=agents))
    play.tell(ev.AgentLoggedIn(agent_id="bob"))
    assert gone(play.tell(arrived("c1"))) == []
    assert gone(play.tell(ev.AgentLoggedOut(agent_id="bob"))) == [
        "contact_id=c1 because=nobody_logged_in message=busy"
    ]


# Closing time. The 1st of January 1970 was a Thursday.

OFFICE: Final = CalendarSettings(
    name="office", hours=tuple(((0, 100), (200, 300)) if day == 3 else () for day in range(7))
)


def office(*rules: OverflowRule) -> DomainSettings:
    return limited(shop(*rules, calendars=(OFFICE,)), opening_hours="office")


def test_at_the_closing_those_leave_who_wait_and_what_rings_may_be_taken() -> None:
    play = Play(office(replace(BUSY, leaving=(Condition.CLOSED,))))
    play.now_s = 90
    play.tell(at_work("ann", "bob"), arrived("c1"), arrived("c2"), arrived("c3"))
    assert play.router.next_wakeup_us() == 100 * SECOND_US
    play = restored(play)
    assert play.router.next_wakeup_us() == 100 * SECOND_US
    with pytest.raises(CallerError, match="a tick is owed"):
        play.router.step(arrived("c4"), now_us=100 * SECOND_US)
    assert gone(play.tick(100)) == ["contact_id=c3 because=closed message=busy"]
    assert play.tell(ev.LegConnected(offer_id=1)) == []
    assert gone(play.tell(ev.OfferRejected(offer_id=2))) == [
        "contact_id=c2 because=closed message=busy"
    ]
    assert gone(play.tell(arrived("c5"))) == ["contact_id=c5 because=closed message=busy"]
    play.now_s = 200
    assert gone(play.tell(arrived("c6"))) == []


def test_who_is_only_refused_at_the_door_waits_over_the_closing() -> None:
    play = Play(office(replace(BUSY, joining=(Condition.CLOSED,))))
    play.now_s = 90
    play.tell(arrived("c1"))
    assert play.router.next_wakeup_us() is None  # Nothing is to be done at the closing.
    play.now_s = 100
    assert gone(play.tell(arrived("c2"))) == ["contact_id=c2 because=closed message=busy"]
    assert list(play.router.contacts) == ["c1"]
    assert play.router.next_wakeup_us() == 200 * SECOND_US


def test_a_wait_counts_by_the_clock_of_the_queue() -> None:
    settings = limited(
        office(replace(BUSY, max_wait_us=30 * SECOND_US)), clock=QueueClock.OPENING_HOURS
    )
    play = Play(settings)
    play.now_s = 90
    play.tell(arrived("c1"))
    assert play.router.legs[1].overflows_us == 220 * SECOND_US
    play = restored(play)
    play.tick(200)
    assert gone(play.tick(220)) == ["contact_id=c1 because=max_wait message=busy"]


def test_more_than_a_portion_leave_with_ticks_that_are_due_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.overflow, "LEFT_MAX", 2)
    settings = office(OverflowRule(leaving=(Condition.CLOSED,), queue="repairs"))
    live, recorded = Play(settings), Router(settings)
    told: list[tuple[int, ev.Event]] = [
        (90, ev.Batch(events=tuple(arrived(f"c{number}") for number in range(5))))
    ]
    told += [(100, ev.ClockTicked())] * 3
    left = []
    for at_s, event in told:
        live.now_s = at_s
        actions = live.router.step(event, now_us=at_s * SECOND_US)
        recorded.apply(event, actions, now_us=at_s * SECOND_US)
        assert recorded.snapshot() == live.router.snapshot()
        assert recorded.next_wakeup_us() == live.router.next_wakeup_us()
        live = restored(live)
        left += [one.contact_id for one in actions if isinstance(one, OverflowLeg)]
        if len(left) in {2, 4}:
            assert live.router.next_wakeup_us() == 100 * SECOND_US
            with pytest.raises(CallerError, match="a tick is owed"):
                live.router.step(arrived("late"), now_us=100 * SECOND_US)
    assert left == ["c0", "c1", "c2", "c3", "c4"]
    assert live.router.next_wakeup_us() is None


def test_rules_are_asked_in_their_order() -> None:
    first = OverflowRule(leaving=(Condition.NOBODY_LOGGED_IN,), voicemail="box")
    play = Play(shop(replace(BUSY, max_waiting=1), first))
    assert gone(play.tell(arrived("c1"))) == [
        "contact_id=c1 because=nobody_logged_in voicemail=box"
    ]
    play = Play(shop(first, replace(BUSY, joining=(Condition.NOBODY_READY,), max_waiting=1)))
    play.tell(ev.AgentLoggedIn(agent_id="ann"))
    assert gone(play.tell(arrived("c1"))) == ["contact_id=c1 because=nobody_ready message=busy"]


def test_what_an_agent_gives_further_overflows_nowhere() -> None:
    rules = (replace(BUSY, max_waiting=1, max_wait_us=5 * SECOND_US),)
    play = Play(shop(*rules, replace(BUSY, leaving=(Condition.NOBODY_LOGGED_IN,))))
    play.tell(at_work("ann", "carl"), arrived("c1", VOICE, "repairs"))
    play.tell(ev.LegConnected(offer_id=1), arrived("c2"))
    play.tell(ev.AgentNotReady(agent_id="ann", after_this_one=True))
    given = play.tell(ev.LegTransferred(offer_id=1, queue="sales"))
    assert gone(given) == []
    play = restored(play)
    assert play.router.legs[play.router.contacts["c1"].legs[-1]].stays
    told = play.tick(100)
    assert gone(told) == ["contact_id=c2 because=max_wait message=busy"]


def test_a_place_is_kept_where_he_came_wherever_he_waited() -> None:
    settings = shop(OverflowRule(max_wait_us=10 * SECOND_US, queue="repairs"))
    play = Play(limited(settings, resume_us=60 * SECOND_US))
    caller = replace(arrived("c1"), customer="ada")
    play.tell(caller)
    play.tick(10)
    play.now_s = 20
    play.tell(ev.ContactLeft(contact_id="c1"))
    play.now_s = 30
    told = play.tell(replace(caller, contact_id="c2"))
    assert told[0] == "leg.regain_place leg_id=3 contact_id=c2 arrived_us=0"
    assert gone(told) == ["contact_id=c2 because=max_wait queue=repairs"]


# What is said of it.


def test_an_explanation_tells_when_a_leg_overflows() -> None:
    play = Play(
        office(
            OverflowRule(leaving=(Condition.CLOSED,), message="later"),
            replace(BUSY, max_wait_us=40 * SECOND_US),
        )
    )
    play.now_s = 20
    play.tell(arrived("c1"))
    why = explain_wait(play.router, 1)
    assert why.overflows_us == 60 * SECOND_US
    assert tell_wait(why).endswith("; overflows at 60.000000")
    play.tell(arrived("c2", CHAT))
    assert not explain_wait(play.router, 2).overflows_us


def test_one_who_leaves_only_at_the_closing_is_told_that() -> None:
    play = Play(office(replace(BUSY, leaving=(Condition.CLOSED,))))
    play.tell(arrived("c1"))
    assert explain_wait(play.router, 1).overflows_us == 100 * SECOND_US
    always = replace(OFFICE, hours=(((0, DAY_US // SECOND_US),),) * 7)
    settings = replace(office(replace(BUSY, leaving=(Condition.CLOSED,))), calendars=(always,))
    play = Play(settings)
    play.tell(arrived("c1"))
    assert not explain_wait(play.router, 1).overflows_us


def called_back(*rules: OverflowRule) -> DomainSettings:
    return limited(shop(*rules), callbacks=CallbackSettings(slots=5))


def test_who_is_called_back_keeps_his_place_and_overflows_no_more() -> None:
    rules = (
        OverflowRule(max_wait_us=10 * SECOND_US, callback="later"),
        OverflowRule(leaving=(Condition.NOBODY_LOGGED_IN,), message="busy"),
    )
    play = Play(called_back(*rules))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    play.tell(arrived("c2"))
    assert play.tick(10) == [
        "leg.overflow leg_id=2 contact_id=c2 because=max_wait callback=later",
        "callback.grant leg_id=2 contact_id=c2 message=later",
    ]
    play = restored(play)
    assert play.router.next_wakeup_us() is None
    play.tell(ev.LegEnded(offer_id=1), ev.AgentLoggedOut(agent_id="ann"))
    play.now_s = 13
    play.tell(arrived("c3"), ev.ContactLeft(contact_id="c2"))
    assert gone(play.tick(20)) == ["contact_id=c3 because=nobody_logged_in message=busy"]
    assert tell_wait(explain_wait(play.router, 2)).startswith(
        "c2 (leg 2, sales voice) waits since 0.000000 to be called back"
    )


def test_whom_we_call_already_we_do_not_call_twice() -> None:
    play = Play(called_back(OverflowRule(max_waiting=1, callback="later")))
    agreed = ev.CallbackScheduled(
        contact_id="c0", queue="sales", at_us=900 * SECOND_US, customer="ada"
    )
    play.tell(agreed, arrived("c1"))
    assert play.tell(replace(arrived("c2"), customer="ada")) == [
        "leg.overflow leg_id=3 contact_id=c2 because=max_waiting callback=later",
        "contact.close contact_id=c2 outcome=overflowed",
    ]
    assert "c0" in play.router.contacts


def test_who_is_called_back_counts_for_no_limit_and_has_taken_no_token() -> None:
    limit = AdmissionSettings(name="all", max_waiting=1, rate_per_min=1, message="busy")
    settings = called_back(OverflowRule(max_waiting=1, callback="later"))
    play = Play(replace(settings, admission=(limit,)))
    assert play.tell(arrived("c1")) == []
    assert gone(play.tell(arrived("c2"))) == ["contact_id=c2 because=max_waiting callback=later"]
    play = restored(play)
    play.now_s = 60
    play.tell(ev.ContactLeft(contact_id="c1"))
    assert gone(play.tell(arrived("c3", CHAT))) == []
    assert gone(play.tell(arrived("c4", CHAT))) == [
        "contact_id=c4 because=max_waiting message=busy limit=all"
    ]


def test_a_voicemail_is_told() -> None:
    play = Play(shop(OverflowRule(joining=(Condition.NOBODY_READY,), voicemail="box")))
    (order, _) = play.router.step(arrived("c1"), now_us=0)
    assert isinstance(order, OverflowLeg)
    assert tell_overflow(order) == "c1 (leg 1) goes to the voicemail box: nobody_ready"


def test_queues_of_other_channels_have_gates_of_their_own() -> None:
    settings = shop(replace(BUSY, max_waiting=1))
    (sales, repairs) = settings.queues
    chat = replace(sales.channels[CHAT], overflow=(replace(BUSY, max_waiting=2),))
    sales = replace(sales, channels={**sales.channels, CHAT: chat})
    play = Play(replace(settings, queues=(sales, repairs)))
    came = [arrived(f"c{number}", Channel.CHAT) for number in range(3)]
    assert gone(play.tell(arrived("v1"), *came)) == [
        "contact_id=c2 because=max_waiting message=busy"
    ]

"""Estimates of single legs, in small domains where they can be worked out by hand.

Method: contacts take 100 s of an agent in `sales` and 300 s in `repairs` unless a test says so;
estimates are read in seconds. That they come near what happens is measured by benchmarks.bench_ewt,
that they rest on who is ahead and at work, and outlive a restart, by tests/properties.
"""

from math import log1p
from typing import Any, Final

import pytest
from msgspec.structs import replace

import acd.wait_time
from acd import events as ev
from acd.actions import AnnounceWait, OfferContact
from acd.announcements import Announced, Estimate, announce
from acd.errors import CallerError, ConfigError
from acd.habits import CREDIBILITY, LEFT_MAX, Habit
from acd.ids import Device, RiseCause
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AffinitySettings,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    Urgency,
)
from acd.snapshot import Snapshot
from tests.unit.shop import CHAT, VOICE, Play, arrived, at_work
from tests.unit.test_doors import hours

PHONE: Final = CapacitySettings(name="phone", channels={VOICE: SlotSettings()})


def line(handle_s: int = 100, **more: Any) -> ChannelSettings:
    return ChannelSettings(handle_time_us=handle_s * SECOND_US, auto_answer=True, **more)


def queue(name: str, handle_s: int = 100, **more: Any) -> QueueSettings:
    return QueueSettings(name=name, channels={VOICE: line(handle_s)}, **more)


SALES: Final = queue("sales")
REPAIRS: Final = queue("repairs", 300)


def domain(*agents: str, queues: tuple[QueueSettings, ...] = (SALES,), **more: Any) -> Play:
    """Return a router with agents at work; each is named by who he is and by his profile.

    `ann:sales` serves sales, `bob:sales+repairs` both.
    """
    people = [one.split(":") for one in agents]
    profiles = tuple(
        ProfileSettings(
            name=profile,
            serves=tuple(Serves(queue=name, channels=(VOICE,)) for name in profile.split("+")),
        )
        for profile in dict.fromkeys(profile for _, profile in people)
    )
    fields: dict[str, Any] = {"profiles": profiles, "capacities": (PHONE,), **more}
    settings = DomainSettings(
        name="d",
        queues=queues,
        agents=tuple(
            AgentSettings(agent_id=name, profile=profile, capacity=fields["capacities"][0].name)
            for name, profile in people
        ),
        estimated_wait=True,
        **fields,
    )
    play = Play(settings)
    play.tell(at_work(*(name for name, _ in people)))
    return play


def silenced(settings: DomainSettings) -> DomainSettings:
    """Return a domain that has no waits estimated."""
    queues = tuple(
        replace(one, channels={VOICE: replace(one.channels[VOICE], handle_time_us=None)})
        for one in settings.queues
    )
    return replace(settings, queues=queues, estimated_wait=False)


def come(play: Play, queue: str, *names: str, **more: Any) -> None:
    """Let calls come; who is offered to somebody is connected at once."""
    for name in names:
        event = replace(arrived(name, more.pop("channel", VOICE), queue), **more)
        for action in play.router.step(event, now_us=play.now_s * SECOND_US):
            if type(action) is OfferContact:
                play.tell(ev.LegConnected(offer_id=action.offer_id))


def waits_s(play: Play, name: str) -> float | None:
    """Return how long a contact's only leg will go on waiting."""
    (number,) = play.router.contacts[name].legs
    wait_us = play.router.estimate(number).wait_us
    return None if wait_us is None else wait_us / SECOND_US


# Who is asked.


def test_only_a_leg_that_waits_in_a_domain_that_estimates_is_estimated() -> None:
    play = domain("ann:sales")
    come(play, "sales", "c1", "c2")
    with pytest.raises(CallerError, match="leg 1 does not wait"):
        play.router.estimate(1)
    with pytest.raises(CallerError, match="leg 9 does not wait"):
        play.router.estimate(9)
    silent = Play(silenced(play.router.settings))
    come(silent, "sales", "c1")
    with pytest.raises(CallerError, match="waits are not estimated"):
        silent.router.estimate(1)
    assert silent.tell(ev.WaitAsked(contact_id="c1")) == ["refused reason=not_estimated about=c1"]


def test_who_serves_more_queues_since_a_change_shortens_the_waits_there() -> None:
    play = domain("ann:sales", "bob:repairs", queues=(SALES, REPAIRS))
    come(play, "repairs", "r1")
    come(play, "sales", "c1", "c2")
    before_s = waits_s(play, "c2")
    play.tell(ev.AgentChanged(agent_id="bob", profile="sales"))
    after_s = waits_s(play, "c2")
    assert before_s is not None
    assert after_s is not None
    assert after_s < before_s
    # As if he had served it from the start.
    play.router = Router.restore(play.router.settings, play.router.snapshot())
    assert waits_s(play, "c2") == after_s


def test_a_domain_that_estimates_needs_a_handle_time_of_every_channel() -> None:
    settings = domain("ann:sales").router.settings
    untimed = QueueSettings(name="sales", channels={VOICE: ChannelSettings()})
    with pytest.raises(ConfigError, match=r"handle_time_s: is missing; wanted a number, since"):
        Router(replace(settings, queues=(untimed,)))


# One queue.


def test_each_turn_is_a_completion_of_one_of_the_agents() -> None:
    play = domain("ann:sales", "bob:sales")
    come(play, "sales", "c1", "c2", "c3", "c4", "c5", "c6")
    assert [waits_s(play, name) for name in ("c3", "c4", "c5", "c6")] == [50, 100, 150, 200]


def test_who_is_free_is_waited_for_no_time() -> None:
    """In a batch, before all is at rest: two are free, and three come at once."""
    play = domain("ann:sales", "bob:sales")
    come(play, "sales", "c1")
    asked = [ev.WaitAsked(contact_id=name) for name in ("c2", "c3")]
    told = play.tell(ev.Batch(events=(arrived("c2"), asked[0], arrived("c3"), asked[1])))
    assert told[0] == "wait.announce leg_id=2 contact_id=c2 wait_us=0 agents=2"
    assert told[1] == "wait.announce leg_id=3 contact_id=c3 wait_us=50000000 ahead=1 agents=2"


def test_nobody_at_work_can_be_waited_for() -> None:
    play = domain("ann:sales", "bob:sales")
    play.tell(ev.AgentNotReady(agent_id="ann"), ev.DeviceChanged(agent_id="bob", device=BUSY))
    come(play, "sales", "c1")
    assert play.router.estimate(1) == Estimate(None, 0, 0)
    assert play.tell(ev.WaitAsked(contact_id="c1")) == ["wait.announce leg_id=1 contact_id=c1"]
    assert play.router.legs[1].announced is None


BUSY: Final = Device.BUSY_ELSEWHERE


def test_an_unreachable_phone_takes_no_calls() -> None:
    play = domain("ann:sales", "bob:sales")
    come(play, "sales", "c1", "c2", "c3")
    assert waits_s(play, "c3") == 50
    play.tell(ev.DeviceChanged(agent_id="bob", device=Device.UNREACHABLE))
    assert waits_s(play, "c3") == 100
    play.tell(ev.DeviceChanged(agent_id="bob", device=Device.REACHABLE))
    assert waits_s(play, "c3") == 50


def test_a_break_after_this_one_counts_from_when_it_is_said() -> None:
    play = domain("ann:sales", "bob:sales")
    come(play, "sales", "c1", "c2", "c3")
    play.tell(ev.AgentNotReady(agent_id="bob", after_this_one=True))
    assert waits_s(play, "c3") == 100


def test_who_is_kept_from_a_leg_is_not_free_for_it() -> None:
    slow = QueueSettings(name="sales", channels={VOICE: replace(line(), auto_answer=False)})
    play = domain("ann:sales", queues=(slow,), back_off_us=0)
    play.tell(arrived("c1"), ev.OfferRejected(offer_id=1))
    assert waits_s(play, "c1") == 100
    play.tell(ev.AgentNotReady(agent_id="ann"))
    play.tick(30)
    assert waits_s(play, "c1") is None


def test_a_contact_that_expires_as_it_comes_waits_for_nothing() -> None:
    play = domain("ann:sales")
    play.now_s = 10
    play.tell(replace(arrived("c1"), expires_us=SECOND_US))
    come(play, "sales", "c2", "c3")
    assert waits_s(play, "c3") == 100


def test_what_is_kept_for_one_agent_waits_for_him() -> None:
    kept = replace(SALES, affinity=AffinitySettings(named_agent_us=600 * SECOND_US))
    play = domain("ann:sales", "bob:sales", queues=(kept,))
    come(play, "sales", "c1", named_agent="ann")
    come(play, "sales", "c2", named_agent="ann")
    assert waits_s(play, "c2") == 50


# What is learned.


def test_handle_times_are_learned_beside_the_configured_one() -> None:
    play = domain("ann:sales")
    come(play, "sales", "c1", "c2", "c3")
    play.now_s = 650
    play.tell(ev.LegEnded(offer_id=1), ev.LegConnected(offer_id=2))
    assert waits_s(play, "c3") == (CREDIBILITY * 100 + 650) // (CREDIBILITY + 1) == 150
    # What is learned outlives a restart, and today's settings that lack its queue.
    again = Router.restore(play.router.settings, play.router.snapshot())
    assert again.estimate(3) == play.router.estimate(3)
    assert again.snapshot() == play.router.snapshot()
    play.tell(ev.ContactLeft(contact_id="c3"), ev.LegEnded(offer_id=2))
    other = replace(
        play.router.settings,
        queues=(REPAIRS,),
        profiles=(
            ProfileSettings(name="sales", serves=(Serves(queue="repairs", channels=(VOICE,)),)),
        ),
    )
    assert Router.restore(other, play.router.snapshot()).snapshot().habits == ()
    silent = silenced(play.router.settings)
    assert Router.restore(silent, play.router.snapshot()).snapshot().habits == ()


def test_the_time_to_answer_is_part_of_what_a_contact_takes() -> None:
    ringing = QueueSettings(name="sales", channels={VOICE: replace(line(), auto_answer=False)})
    play = domain("ann:sales", queues=(ringing,))
    play.tell(arrived("c1"), arrived("c2"))
    play.now_s = 10
    play.tell(ev.LegConnected(offer_id=1))
    assert waits_s(play, "c2") == 110


def test_a_clock_that_did_not_run_gives_no_sample() -> None:
    """The contact was connected before the domain estimated anything."""
    play = domain("ann:sales")
    before = Play(silenced(play.router.settings))
    before.tell(at_work("ann"))
    come(before, "sales", "c1", "c2")
    after = Play(play.router.settings)
    after.router = Router.restore(play.router.settings, before.router.snapshot())
    after.tell(ev.LegEnded(offer_id=1))
    assert after.router.snapshot().habits == ()


def test_customers_who_leave_shorten_the_line() -> None:
    play = domain("ann:sales")
    come(play, "sales", *(f"c{number}" for number in range(12)))
    assert waits_s(play, "c11") == 1_100
    play.now_s = 100
    play.tell(ev.ContactLeft(contact_id="c1"))
    assert waits_s(play, "c11") == 1_000, "one who leaves says nothing"
    play.tell(ev.ContactLeft(contact_id="c2"))
    # Eleven waited 100 s each, of whom two left: one in 1,100 s. Eight are ahead of nine turns.
    assert waits_s(play, "c11") == pytest.approx(900 * log1p(8 / 11) / (8 / 11), rel=1e-4)
    again = Router.restore(play.router.settings, play.router.snapshot())
    (number,) = play.router.contacts["c11"].legs
    assert again.estimate(number) == play.router.estimate(number)


def test_what_was_long_ago_counts_half_again_and_again() -> None:
    play = domain("ann:sales")
    come(play, "sales", "c0")
    for number in range(1, LEFT_MAX + 2):
        come(play, "sales", f"c{number}")
        play.now_s += 1
        play.tell(ev.ContactLeft(contact_id=f"c{number}"))
    (record,) = play.router.snapshot().habits
    left = (LEFT_MAX + 1) // 2
    assert record.habit == Habit(answered=1, left=left, waited_us=(LEFT_MAX + 1) * SECOND_US // 2)


# Several queues.


def test_who_shares_no_agent_is_not_waited_for() -> None:
    play = domain("ann:sales", "bob:repairs", queues=(SALES, REPAIRS))
    come(play, "repairs", "r1", "r2", "r3")
    come(play, "sales", "s1", "s2")
    assert (waits_s(play, "s2"), waits_s(play, "r3")) == (100, 600)


def test_shared_agents_work_for_those_who_lag() -> None:
    play = domain(
        "ann:sales", "bob:repairs", "cleo:sales+repairs", queues=(SALES, queue("repairs"))
    )
    come(play, "sales", "s1")
    come(play, "repairs", "r1", "r2", *(f"r{number}" for number in range(3, 9)))
    come(play, "sales", "s2")
    estimate = play.router.estimate(play.router.contacts["s2"].legs[0])
    assert estimate == Estimate(100 * SECOND_US, 6, 2)


def test_the_first_turns_take_what_is_in_progress_and_later_ones_what_waits() -> None:
    """One who does repairs, beside whom sales wait: 300 s for the first turn, then 100 s each."""
    play = domain("ann:sales+repairs", queues=(SALES, REPAIRS))
    come(play, "repairs", "r1")
    come(play, "sales", "s1", "s2", "s3")
    assert [waits_s(play, name) for name in ("s1", "s2", "s3")] == [300, 400, 500]


def test_more_rivals_than_are_looked_at_count_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"q{number}" for number in range(6)]
    profile = "+".join(names)
    play = domain(f"ann:{profile}", queues=tuple(queue(name) for name in names))
    come(play, "q0", "busy")
    for name in names:
        come(play, name, f"{name}-1", f"{name}-2")
    whole = [waits_s(play, f"{name}-2") for name in names]
    assert whole == [200 * number for number in range(1, 7)]
    monkeypatch.setattr(acd.wait_time, "RIVALS_MAX", 2)
    assert [waits_s(play, f"{name}-2") for name in names] == whole


def test_a_lower_tier_is_behind_and_a_higher_one_ahead_whoever_waits_longer() -> None:
    first = Serves(queue="sales", channels=(VOICE,), tier=1)
    second = Serves(queue="repairs", channels=(VOICE,), tier=2)
    play = domain(
        "ann:both",
        queues=(SALES, queue("repairs")),
        profiles=(ProfileSettings(name="both", serves=(first, second)),),
    )
    come(play, "sales", "s1")
    come(play, "repairs", "r2", "r3")
    come(play, "sales", "s4")
    assert (waits_s(play, "r2"), waits_s(play, "r3"), waits_s(play, "s4")) == (200, 300, 100)


def test_a_tier_counts_where_it_holds_only() -> None:
    """Ann has sales first, Bob has them alike: so r2 is ahead of s3 at Bob's."""
    first = Serves(queue="sales", channels=(VOICE,))
    second = Serves(queue="repairs", channels=(VOICE,), tier=2)
    profiles = (
        ProfileSettings(name="sales", serves=(first, second)),
        ProfileSettings(name="both", serves=(first, replace(second, tier=1))),
        ProfileSettings(name="repairs", serves=(second,)),
    )
    queues = (SALES, queue("repairs"))
    play = domain("ann:sales", "bob:both", "cleo:repairs", queues=queues, profiles=profiles)
    play.tell(ev.AgentNotReady(agent_id="cleo"))
    come(play, "sales", "s1", "s2")
    come(play, "repairs", "r2")
    come(play, "sales", "s3")
    assert play.router.estimate(play.router.contacts["s3"].legs[0]).ahead == 1
    assert play.router.estimate(play.router.contacts["r2"].legs[0]).ahead == 0


def test_a_channel_that_interrupts_another_is_not_behind_it() -> None:
    both = {
        VOICE: line(),
        CHAT: line(60),
    }
    lines = Serves(queue="sales", channels=(VOICE, CHAT))
    desk = CapacitySettings(
        name="desk",
        channels={VOICE: SlotSettings(), CHAT: SlotSettings(cost=50, slots=2)},
    )
    over = replace(
        desk,
        channels={**desk.channels, CHAT: SlotSettings(cost=50, slots=2, interrupted_by=(VOICE,))},
    )
    for capacity, wanted in ((desk, 60), (over, 100)):
        play = domain(
            "ann:all",
            queues=(QueueSettings(name="sales", channels=both),),
            profiles=(ProfileSettings(name="all", serves=(lines,)),),
            capacities=(capacity,),
        )
        come(play, "sales", "v1")
        come(play, "sales", "t1", channel=CHAT)
        come(play, "sales", "t2", channel=CHAT)
        come(play, "sales", "v2")
        assert waits_s(play, "v2") == pytest.approx(wanted + (100 if capacity is desk else 0))
        # Two chats are an agent's half each; calls go first where they interrupt.
        chat_s = waits_s(play, "t1")
        assert chat_s == (100 if capacity is desk else 200)


def test_a_slot_that_costs_nothing_is_one_of_so_many() -> None:
    desk = CapacitySettings(name="desk", channels={VOICE: SlotSettings(slots=4, cost=0)})
    play = domain("ann:sales", capacities=(desk,))
    come(play, "sales", "c1", "c2", "c3", "c4", "c5")
    assert waits_s(play, "c5") == 25


# Order.


def test_a_higher_priority_is_ahead() -> None:
    play = domain(
        "ann:sales", queues=(replace(SALES, priority=0),), urgency=Urgency.STRICT_PRIORITY
    )
    come(play, "sales", "c1", "c2")
    come(play, "sales", "c3", priority=5)
    assert (waits_s(play, "c2"), waits_s(play, "c3")) == (200, 100)
    assert play.tell(ev.ContactReprioritized(contact_id="c2", priority=9)) == []
    assert (waits_s(play, "c2"), waits_s(play, "c3")) == (100, 200)


def test_the_order_that_counts_is_that_of_the_turn() -> None:
    """Sales promise 10 s and repairs 1,000: whoever is behind a repair now will not be then."""
    quick = QueueSettings(name="sales", channels={VOICE: line(objective_us=10 * SECOND_US)})
    slow = QueueSettings(name="repairs", channels={VOICE: line(objective_us=1_000 * SECOND_US)})
    play = domain("ann:sales+repairs", queues=(quick, slow), urgency=Urgency.WAIT_OVER_OBJECTIVE)
    come(play, "sales", "c1")
    come(play, "repairs", "r1")
    play.now_s = 500
    come(play, "sales", "s1")
    assert play.router.estimate(play.router.contacts["s1"].legs[0]) == Estimate(
        100 * SECOND_US, 0, 1
    )


def test_a_leg_that_rings_takes_its_new_class_with_it() -> None:
    """Reprioritized while it rings: its class is known, also of a router that was restored."""
    ringing = QueueSettings(
        name="sales", channels={VOICE: replace(line(), auto_answer=False)}, priority=0
    )
    play = domain("ann:sales", queues=(ringing,), urgency=Urgency.STRICT_PRIORITY)
    play.tell(arrived("c1"), arrived("c2"), ev.ContactReprioritized(contact_id="c1", priority=9))
    again = Router.restore(play.router.settings, play.router.snapshot())
    assert again.estimate(2) == play.router.estimate(2)


# Time and classes.


def test_a_closed_queue_begins_when_it_opens() -> None:
    office = hours((100, 500), (900, 1_000))
    kept = replace(SALES, opening_hours="office")
    play = domain("ann:sales+repairs", queues=(kept, REPAIRS), calendars=(office,), offer_gap_us=0)
    come(play, "sales", "c1", "c2")
    assert (waits_s(play, "c1"), waits_s(play, "c2")) == (100, 200)
    come(play, "repairs", "r1", "r2")
    assert waits_s(play, "r2") == 300, "who waits behind a closed door is ahead of nobody"
    play.tick(100)
    assert waits_s(play, "c1") == 300


def test_a_queue_that_never_opens_again_cannot_be_waited_for() -> None:
    play = domain(
        "ann:sales",
        queues=(replace(SALES, opening_hours="office"),),
        calendars=(replace(hours(), days=(("1970-01-01", ((100, 200),)),)),),
    )
    come(play, "sales", "c1")
    assert waits_s(play, "c1") == 100
    play.tell(ev.AgentNotReady(agent_id="ann"))
    play.tick(100)
    play.now_s = 200
    play.tell(ev.AgentReady(agent_id="ann"))
    assert play.router.estimate(1) == Estimate(None, 0, 1)


def test_agents_in_reserve_count_while_they_serve() -> None:
    own = Serves(queue="sales", channels=(VOICE,))
    profiles = (
        ProfileSettings(name="sales", serves=(own,)),
        ProfileSettings(name="reserve", serves=(replace(own, reserve_waiting=3),)),
    )
    play = domain("ann:sales", "bob:reserve", profiles=profiles)
    come(play, "sales", "c1", "c2", "c3")
    assert play.router.estimate(3) == Estimate(200 * SECOND_US, 1, 1)


def test_classes_without_legs_are_forgotten_when_there_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.wait_time, "CLASSES_MAX", 1)
    names = [f"q{number}" for number in range(5)]
    play = domain("ann:" + "+".join(names), queues=tuple(queue(name) for name in names))
    come(play, "q0", "busy", "first")
    for name in names[1:4]:
        come(play, name, name)
        play.tell(ev.ContactLeft(contact_id=name))
    come(play, "q4", "last")
    assert (waits_s(play, "first"), waits_s(play, "last")) == (100, 200)
    play.tell(ev.ContactLeft(contact_id="first"))
    assert waits_s(play, "last") == 100


# Announcements.


def test_what_is_announced_is_what_is_left_or_less() -> None:
    first = Announced(0, 600, 4, 3)
    assert announce(None, Estimate(600, 4, 3), 0) == (first, None)
    for fresh, at_us, wait_us in (
        (Estimate(700, 4, 3), 100, 500),
        (Estimate(400, 2, 3), 100, 400),
        (Estimate(900, 4, 5), 1_000, 0),
    ):
        told = Announced(at_us, wait_us, fresh.ahead, fresh.agents)
        assert announce(first, fresh, at_us) == (told, None)
    assert announce(first, Estimate(None, 4, 0), 100) is None


def test_it_rises_for_a_cause_only() -> None:
    first = Announced(0, 600, 4, 3)
    left = announce(first, Estimate(700, 5, 2), 100)
    assert left == (Announced(100, 700, 5, 2), RiseCause.AGENTS_LEFT)
    overtaken = announce(first, Estimate(700, 5, 3), 100)
    assert overtaken == (Announced(100, 700, 5, 3), RiseCause.OVERTAKEN)


def test_a_journal_of_another_release_says_what_was_announced() -> None:
    play = domain("ann:sales")
    come(play, "sales", "c1", "c2")
    said = AnnounceWait(2, "c2", 77 * SECOND_US, 3, 2, RiseCause.OVERTAKEN)
    asked = ev.WaitAsked(contact_id="c2")
    play.router.apply(asked, (said,), now_us=5)
    assert play.router.legs[2].announced == Announced(5, 77 * SECOND_US, 3, 2)
    play.router.apply(asked, (AnnounceWait(2, "c2"), AnnounceWait(9, "c9", 1)), now_us=6)
    assert play.router.legs[2].announced is not None
    snapshot: Snapshot = play.router.snapshot()
    assert snapshot.legs[1].announced == play.router.legs[2].announced

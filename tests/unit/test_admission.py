"""Limits on admission: who is turned away, in which order, and by which token.

Method: the small shop, all of whose contacts are of one or several sources; who left is read from
the lines of the journal. The bucket is compared with one that is filled by fractions.
"""

from fractions import Fraction
from random import Random
from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

import acd.admission
from acd import events as ev
from acd.actions import OverflowLeg
from acd.admission import TOKEN, Limit
from acd.errors import CallerError
from acd.gates import Crowd
from acd.ids import Channel, OverflowCause
from acd.router import Router
from acd.settings import SECOND_US, AdmissionSettings, DomainSettings, RoutingStep, Urgency
from acd.snapshot import Snapshot
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

PHONE: Final = AdmissionSettings(name="phone", channels=(VOICE,), max_waiting=2, message="busy")
RATE: Final = AdmissionSettings(name="rate", rate_per_min=6, burst=2, message="busy")


def shop(*limits: AdmissionSettings, **fields: Any) -> DomainSettings:
    return replace(SHOP, admission=limits, messages=("busy",), voicemails=("box",), **fields)


def urgent(contact_id: str, priority: int, channel: Channel = VOICE) -> ev.ContactArrived:
    return replace(arrived(contact_id, channel), priority=priority)


def gone(told: list[str]) -> list[str]:
    """Return who was turned away, and why."""
    away = [one.split() for one in told if one.startswith("leg.overflow")]
    return [f"{one[2].partition('=')[2]} {one[3].partition('=')[2]} {one[-1]}" for one in away]


def restored(play: Play) -> Play:
    wire = msgspec.msgpack.encode(play.router.snapshot())
    other = Play(play.router.settings)
    other.router = Router.restore(play.router.settings, msgspec.msgpack.decode(wire, type=Snapshot))
    other.now_s = play.now_s
    return other


def test_the_least_urgent_goes_first_and_of_equals_whoever_came_last() -> None:
    play = Play(shop(PHONE))
    play.tell(urgent("c1", 1), arrived("c2"))
    assert play.tell(urgent("c3", 0)) == [
        "leg.overflow leg_id=3 contact_id=c3 because=max_waiting message=busy limit=phone",
        "contact.close contact_id=c3 outcome=rejected",
    ]
    play = restored(play)
    assert gone(play.tell(urgent("c4", 1))) == ["c2 max_waiting limit=phone"]
    assert gone(play.tell(urgent("c5", 5))) == ["c4 max_waiting limit=phone"]
    assert gone(play.tell(urgent("c6", 5))) == ["c1 max_waiting limit=phone"]
    assert gone(play.tell(arrived("c7"))) == ["c7 max_waiting limit=phone"]


def test_other_sources_are_not_counted() -> None:
    play = Play(shop(PHONE))
    assert gone(play.tell(*(arrived(f"c{number}", CHAT) for number in range(5)))) == []
    assert gone(play.tell(arrived("v1"), arrived("v2"))) == []


def test_a_source_may_be_a_queue_or_what_contacts_bring() -> None:
    limits = (
        AdmissionSettings(name="spring", attributes={"campaign": "spring"}, max_waiting=1,
                          message="busy"),
        AdmissionSettings(name="help", queues=("help",), max_waiting=1, message="busy"),
    )  # fmt: skip
    play = Play(_served(limits))
    spring = replace(arrived("c1"), attributes=(("campaign", "spring"),))
    autumn = replace(arrived("c2"), attributes=(("campaign", "autumn"),))
    assert gone(play.tell(spring, autumn, arrived("c3"))) == []
    assert gone(play.tell(replace(spring, contact_id="c4"))) == ["c4 max_waiting limit=spring"]
    assert gone(play.tell(arrived("c5", VOICE, "help"))) == []
    assert gone(play.tell(arrived("c6", VOICE, "help"))) == ["c6 max_waiting limit=help"]


def _served(limits: tuple[AdmissionSettings, ...]) -> DomainSettings:
    """Return the shop with a queue for help, which everybody serves too."""
    (sales,) = SHOP.queues
    (profile,) = SHOP.profiles
    lines = (*profile.serves, replace(profile.serves[0], queue="help"))
    return shop(
        *limits,
        queues=(sales, replace(sales, name="help")),
        profiles=(replace(profile, serves=lines),),
    )


def test_whoever_is_offered_at_once_waits_for_nobody() -> None:
    play = Play(shop(replace(PHONE, max_waiting=1)))
    play.tell(at_work("ann", "bob"), arrived("c1"), arrived("c2"))
    assert gone(play.tell(arrived("c3"))) == []
    assert gone(play.tell(arrived("c4"))) == ["c4 max_waiting limit=phone"]
    # Who comes back may be one too many, or make another one so.
    assert gone(play.tell(ev.AgentNotReady(agent_id="ann"))) == ["c3 max_waiting limit=phone"]


def test_a_priority_that_changes_counts() -> None:
    play = Play(shop(PHONE, urgency=Urgency.STRICT_PRIORITY, queues=_prioritized()))
    play.tell(urgent("c1", 3), urgent("c2", 2))
    play.tell(ev.ContactReprioritized(contact_id="c1", priority=1))
    assert gone(play.tell(urgent("c3", 2))) == ["c1 max_waiting limit=phone"]
    # After ten seconds a step has raised c2 and c3 to 5.
    play.tick(10)
    assert gone(play.tell(urgent("c4", 4))) == ["c4 max_waiting limit=phone"]


def _prioritized() -> tuple[Any, ...]:
    (sales,) = SHOP.queues
    step = RoutingStep(after_us=10 * SECOND_US, priority=5)
    return (replace(sales, priority=0, steps=(step,)),)


def test_a_batch_is_held_to_the_limit_when_it_is_over() -> None:
    play = Play(shop(PHONE))
    came = [urgent(f"c{number}", number % 3) for number in range(6)]
    left = ev.ContactLeft(contact_id="c5")
    assert gone(play.tell(ev.Batch(events=(*came, left)))) == [
        "c3 max_waiting limit=phone",
        "c0 max_waiting limit=phone",
        "c4 max_waiting limit=phone",
    ]


def test_two_limits_are_both_held() -> None:
    total = AdmissionSettings(name="all", max_waiting=3, message="busy")
    play = Play(shop(total, replace(PHONE, voicemail="box", message="")))
    play.tell(arrived("m1", CHAT), arrived("v1"), arrived("v2"))
    told = play.tell(urgent("v3", 1))
    assert gone(told) == ["v2 max_waiting limit=all"]
    assert gone(play.tell(urgent("v4", 1))) == ["v1 max_waiting limit=all"]
    play.tell(ev.ContactLeft(contact_id="m1"))
    told = play.tell(urgent("v5", 1))
    assert told == [
        "leg.overflow leg_id=6 contact_id=v5 because=max_waiting voicemail=box limit=phone",
        "contact.close contact_id=v5 outcome=overflowed",
    ]


def test_what_an_agent_gives_further_is_neither_counted_nor_turned_away() -> None:
    play = Play(shop(replace(PHONE, max_waiting=1)))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    play.tell(ev.AgentNotReady(agent_id="ann", after_this_one=True))
    play.tell(ev.LegTransferred(offer_id=1, queue="sales"))
    play = restored(play)
    assert gone(play.tell(arrived("c2"))) == []
    assert gone(play.tell(arrived("c3"))) == ["c3 max_waiting limit=phone"]


def test_more_than_a_portion_go_with_ticks_that_are_due_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.admission, "LEFT_MAX", 2)
    settings = shop(PHONE, replace(RATE, burst=1))
    live, recorded = Router(settings), Router(settings)
    away = []
    came = ev.Batch(events=tuple(arrived(f"c{number}") for number in range(7)))
    for event in (came, ev.ClockTicked(), ev.ClockTicked()):
        actions = live.step(event, now_us=5)
        recorded.apply(event, actions, now_us=5)
        assert recorded.snapshot() == live.snapshot()
        assert recorded.next_wakeup_us() == live.next_wakeup_us()
        live = Router.restore(settings, live.snapshot())
        away.append(len(actions) // 2)
        if len(away) < 3:
            assert live.next_wakeup_us() == 5
            with pytest.raises(CallerError, match="a tick is owed"):
                live.step(arrived("late"), now_us=5)
    assert away == [2, 2, 2]  # Six came without a token.
    assert live.next_wakeup_us() is None
    assert [one.owed for one in live.snapshot().buckets] == [0]


# Rates.


def test_one_more_than_may_come_costs_the_least_urgent_who_waits_his_place() -> None:
    play = Play(shop(RATE))
    assert gone(play.tell(urgent("c1", 0), urgent("c2", 2))) == []
    assert gone(play.tell(urgent("c3", 1))) == ["c1 rate limit=rate"]
    play.now_s = 9
    assert gone(play.tell(urgent("c4", 0))) == ["c4 rate limit=rate"]
    play.now_s = 10
    play = restored(play)
    assert gone(play.tell(urgent("c5", 0))) == []
    assert gone(play.tell(urgent("c6", 9))) == ["c5 rate limit=rate"]


def test_where_nobody_waits_nobody_is_turned_away() -> None:
    play = Play(shop(replace(RATE, burst=1)))
    play.tell(at_work("ann", "bob"))
    assert gone(play.tell(arrived("c1"), arrived("c2"))) == []
    # Nor is anything owed for it later.
    play.now_s = 10
    assert gone(play.tell(arrived("c3"))) == []


def test_who_is_gone_again_took_no_token() -> None:
    play = Play(shop(replace(RATE, burst=1)))
    both = (arrived("c1"), ev.ContactLeft(contact_id="c1"), arrived("c2"))
    assert gone(play.tell(ev.Batch(events=both))) == []
    assert gone(play.tell(arrived("c2"))) == []  # Refused: it is inside.
    assert gone(play.tell(arrived("c3"))) == ["c3 rate limit=rate"]


def test_the_bucket_is_exact() -> None:
    rng = Random(7)
    for _ in range(200):
        settings = AdmissionSettings(
            name="x", rate_per_min=rng.choice((1, 7, 60, 999_983)), burst=rng.choice((1, 3, 50))
        )
        limit = Limit(settings, acd.admission.Admission(SHOP, Router(SHOP)._floor))
        assert settings.rate_per_min is not None
        tokens, now_us = Fraction(settings.burst), 0
        for _ in range(50):
            passed_us = rng.choice((0, 1, 59, 7_000, 60_000_000 // settings.rate_per_min))
            now_us += passed_us
            tokens += Fraction(passed_us * settings.rate_per_min, 60_000_000)
            tokens = min(tokens, Fraction(settings.burst))
            owed = limit.owed
            limit.take_token(now_us)
            if tokens >= 1:
                tokens -= 1
            else:
                owed += 1
            assert (limit.owed, Fraction(limit.units, TOKEN)) == (owed, tokens)


def test_other_settings_have_the_buckets_of_the_limits_that_they_have_too() -> None:
    play = Play(shop(RATE, replace(PHONE)))
    play.tell(arrived("c1"))
    snapshot = play.router.snapshot()
    assert [(one.name, one.units) for one in snapshot.buckets] == [("rate", TOKEN)]
    other = Router.restore(shop(replace(RATE, name="new"), PHONE), snapshot)
    assert [(one.name, one.units) for one in other.snapshot().buckets] == [("new", 2 * TOKEN)]
    assert not Router.restore(SHOP, snapshot).snapshot().buckets


def test_a_journal_turns_away_whom_it_says() -> None:
    """Of another release, say; what it says of nobody who waits is nothing."""
    settings = shop(PHONE)
    router = Router(settings)
    told = [arrived(f"c{number}") for number in range(3)]
    order = OverflowLeg(1, "c0", OverflowCause.MAX_WAITING, message="busy", limit="phone")
    for event in told:
        router.apply(event, (), now_us=0)
    assert router.next_wakeup_us() == 0  # One too many is here still.
    stray = (replace(order, leg_id=9), replace(order, leg_id=2, limit=""))
    router.apply(ev.ClockTicked(), (order, *stray), now_us=0)
    assert list(router.contacts) == ["c1", "c2"]
    assert router.next_wakeup_us() is None


def test_a_crowd_forgets_the_gone() -> None:
    crowd, rng = Crowd(), Random(3)
    ranks: dict[int, tuple[int, ...]] = {}
    for number in range(3_000):
        rank = (rng.randint(-3, 3), -number)
        crowd.put(number, rank)
        crowd.put(number, rank)  # It is told more than once.
        ranks[number] = rank
        if rng.random() < 0.9:
            out = rng.choice(list(ranks))
            del ranks[out]
            crowd.drop(out)
            crowd.drop(out)
        elif rng.random() < 0.5:
            ranks[number] = (9, number)
            crowd.put(number, ranks[number])
        if ranks:
            first = min(ranks.values())
            assert crowd.first() == (first, next(n for n, one in ranks.items() if one == first))
        assert len(crowd) == len(ranks)
        assert len(crowd._heap) <= 2 * len(ranks) + 70

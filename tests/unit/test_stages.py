"""Routing steps and profile delays, through the router.

Method: stories at a small domain of two queues, told in seconds; what is ordered is compared word
for word with the lines of the journal, and the wake-ups exactly. What the oracle and the
invariants say of them in worlds drawn at random is in tests/properties.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import acd.classes
from acd import events as ev
from acd.eligibility import Block, block
from acd.errors import CallerError
from acd.ids import Device, FailureCause
from acd.router import FIRED_MAX, Router
from acd.settings import (
    SECOND_US,
    AgentSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    RoutingStep,
    Serves,
    Urgency,
)
from acd.snapshot import Snapshot
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

(SALES,) = SHOP.queues


def step(after_s: int, **more: Any) -> RoutingStep:
    return RoutingStep(after_us=after_s * SECOND_US, **more)


def shop(*steps: RoutingStep, delay_s: int = 0, **changes: Any) -> DomainSettings:
    """Return the shop with steps, for cards: Ann knows them well, Bob a little, Cid not at all."""
    sales = replace(SALES, requires="cards >= 5", steps=steps)
    late = Serves(queue="sales", channels=(VOICE, CHAT), delay_us=delay_s * SECOND_US)
    agents = tuple(
        AgentSettings(agent_id=name, profile=profile, capacity="blended", skills=skills)
        for name, profile, skills in (
            ("ann", "all", {"cards": 9}),
            ("bob", "late", {"cards": 3}),
            ("cid", "late", {}),
        )
    )
    return replace(
        SHOP,
        queues=(sales,),
        profiles=(*SHOP.profiles, ProfileSettings(name="late", serves=(late,))),
        agents=agents,
        skills=("cards",),
        **changes,
    )


def offered(lines: list[str]) -> list[tuple[str, str]]:
    """Return who is offered whom."""
    words = [dict(w.split("=", 1) for w in one.split()[1:] if "=" in w) for one in lines]
    return [
        (one["contact_id"], one["agent_id"])
        for line, one in zip(lines, words, strict=True)
        if line.startswith("offer.contact")
    ]


def test_a_step_takes_effect_at_its_instant_and_the_place_is_kept():
    play = Play(shop(step(10, lower={"cards": 3}), step(20, requires="")))
    play.tell(at_work("bob"), arrived("c1"))
    play.now_s = 4
    assert play.tell(arrived("c2")) == []
    assert play.router.next_wakeup_us() == 10 * SECOND_US
    lines = play.tick(10)
    assert lines[0] == "leg.widen leg_id=1 contact_id=c1 step=1"
    assert offered(lines) == [("c1", "bob")]
    assert play.router.next_wakeup_us() == 14 * SECOND_US
    assert play.tick(14) == ["leg.widen leg_id=2 contact_id=c2 step=1"]
    play.now_s = 15
    # c1 comes back behind nobody, and Cid, who knows no cards, waits for its second step.
    play.tell(ev.OfferRejected(offer_id=1), at_work("cid"))
    assert offered(play.tick(20)) == [("c1", "cid")]


def test_what_falls_due_at_once_is_told_once():
    play = Play(shop(step(10, lower={"cards": 3}), step(20, requires="")))
    play.tell(arrived("c1"))
    assert play.tick(25) == ["leg.widen leg_id=1 contact_id=c1 step=2"]
    assert play.router.next_wakeup_us() is None


def test_a_step_that_falls_due_while_an_offer_rings_takes_effect_if_it_fails():
    play = Play(shop(step(10, requires="")))
    play.now_s = 5
    play.tell(at_work("ann", "cid"), arrived("c1"))
    assert play.router.next_wakeup_us() == 20 * SECOND_US  # The ringing.
    lines = play.tick(20)
    assert lines[1] == "leg.widen leg_id=1 contact_id=c1 step=1"
    assert offered(lines) == [("c1", "cid")]


def test_a_step_that_falls_due_while_an_offer_rings_is_void_if_it_succeeds():
    play = Play(shop(step(10, requires="")))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    assert play.router.next_wakeup_us() is None


@pytest.mark.parametrize("how", ["fails", "is revoked", "is rejected"])
def test_however_an_offer_ends_the_leg_has_the_stage_that_is_due(how):
    play = Play(shop(step(3, requires="")))
    play.tell(at_work("ann", "cid"), arrived("c1"))
    play.now_s = 4
    events: dict[str, ev.Event] = {
        "fails": ev.OfferFailed(offer_id=1, cause=FailureCause.BUSY),
        "is revoked": ev.DeviceChanged(agent_id="ann", device=Device.UNREACHABLE),
        "is rejected": ev.OfferRejected(offer_id=1),
    }
    assert offered(play.tell(events[how])) == [("c1", "cid")]


@pytest.mark.parametrize(
    "policy",
    [{"urgency": Urgency.STRICT_PRIORITY}, {"urgency": Urgency.AGEING, "ageing_per_h": 36}],
)
def test_a_raised_priority_brings_a_leg_forward_and_keeps_its_arrival(policy):
    settings = shop(step(10, priority=5), **policy)
    settings = replace(settings, queues=(replace(settings.queues[0], priority=1),))
    play = Play(settings)
    play.tell(arrived("old"))
    play.now_s = 5
    play.tell(
        ev.ContactArrived(contact_id="vip", queue="sales", channel=VOICE, priority=3),
        ev.ContactArrived(contact_id="top", queue="sales", channel=VOICE, priority=9),
    )
    play.tick(10)
    keys = {leg.contact_id: leg.key for leg in play.router.legs.values()}
    assert sorted(keys, key=lambda one: keys[one]) == ["top", "old", "vip"]
    assert keys["old"][1:] == (0, 1)
    play.tick(15)  # vip's own step raises it to 5 too, and old came before it; top is above.
    keys = {leg.contact_id: leg.key for leg in play.router.legs.values()}
    assert sorted(keys, key=lambda one: keys[one]) == ["top", "old", "vip"]


def test_where_nobody_is_logged_in_a_leg_goes_on_at_once():
    play = Play(shop(step(10, if_nobody=True, lower={"cards": 1}), step(60, requires="")))
    assert play.tell(at_work("bob")) == []
    lines = play.tell(arrived("c1"))
    assert lines[0] == "leg.widen leg_id=1 contact_id=c1 step=1"
    assert offered(lines) == [("c1", "bob")]


def test_when_the_last_one_logs_out_all_who_waited_for_him_go_on():
    play = Play(shop(step(100, if_nobody=True, requires="")))
    play.tell(at_work("ann", "cid"), ev.AgentNotReady(agent_id="ann"))
    play.tell(*(arrived(f"c{number}") for number in range(FIRED_MAX + 1)))
    assert play.tell(ev.AgentLoggedOut(agent_id="cid")) == []  # He was nobody's.
    play.now_s = 5
    assert play.tell(ev.AgentLoggedOut(agent_id="ann")) == []
    assert play.router.next_wakeup_us() == 5 * SECOND_US + 1
    actions = play.router.step(ev.ClockTicked(), now_us=5 * SECOND_US + 1)
    assert len(actions) == FIRED_MAX  # A portion; the rest with the next tick.
    assert play.router.next_wakeup_us() == 5 * SECOND_US + 1
    with pytest.raises(CallerError):
        play.router.step(arrived("late"), now_us=5 * SECOND_US + 1)
    assert len(play.router.step(ev.ClockTicked(), now_us=5 * SECOND_US + 1)) == 1
    assert play.router.next_wakeup_us() is None


def test_somebody_who_logs_in_at_that_instant_is_waited_for_after_all():
    play = Play(shop(step(100, if_nobody=True, requires="")))
    play.tell(at_work("ann"), ev.AgentNotReady(agent_id="ann"), arrived("c1"))
    play.tell(ev.DrainRequested(agent_id="ann"))
    assert play.router.next_wakeup_us() == 1
    play.tell(ev.AgentLoggedIn(agent_id="ann"))
    assert play.router.next_wakeup_us() == 100 * SECOND_US


def test_an_agent_is_offered_nothing_before_the_delay_of_his_profile():
    play = Play(shop(step(30, lower={"cards": 1}), delay_s=45))
    play.tell(at_work("bob"), arrived("c1"))
    (leg,) = play.router.legs.values()
    assert play.tick(30) == ["leg.widen leg_id=1 contact_id=c1 step=1"]
    assert block(leg, play.router.agent("bob")) is Block.PROFILE_DELAY
    assert play.router.next_wakeup_us() == 45 * SECOND_US
    lines = play.tick(45)
    assert offered(lines) == [("c1", "bob")]
    assert len(lines) == 1  # A delay is no step.


def test_a_restored_router_goes_on_at_the_same_stages():
    play = Play(shop(step(10, lower={"cards": 3}), step(20, requires=""), delay_s=15))
    play.tell(arrived("c1"))
    play.tick(12)
    play.tell(arrived("c2"))
    wire = msgspec.msgpack.encode(play.router.snapshot())
    snapshot = msgspec.msgpack.decode(wire, type=Snapshot)
    restored = Router.restore(shop(*SHOPS_STEPS, delay_s=15), snapshot)
    assert msgspec.msgpack.encode(restored.snapshot()) == wire
    for at_s in (15, 20, 22, 27, 32):
        tick = ev.ClockTicked()
        actions = restored.step(tick, now_us=at_s * SECOND_US)
        assert play.router.step(tick, now_us=at_s * SECOND_US) == actions
        assert restored.next_wakeup_us() == play.router.next_wakeup_us()
    # Under settings with fewer stages a leg has those that there are.
    fewer = Router.restore(shop(), snapshot)
    assert {(leg.klass.step, leg.klass.opened) for leg in fewer.legs.values()} == {(0, 0)}


SHOPS_STEPS = (step(10, lower={"cards": 3}), step(20, requires=""))


def test_a_leg_is_never_refused_its_next_class(monkeypatch):
    monkeypatch.setattr(acd.classes, "CLASSES_MAX", 2)
    play = Play(shop(step(10, requires="")))
    for number in (1, 2):
        wants = "" if number == 1 else "cards >= 7"
        play.tell(
            ev.ContactArrived(
                contact_id=f"c{number}", queue="sales", channel=VOICE, requirement=wants
            )
        )
        play.now_s += 1
    assert play.tick(10) == ["leg.widen leg_id=1 contact_id=c1 step=1"]
    assert play.tell(arrived("c3", CHAT)) == ["refused reason=too_many_classes about=2"]
    play.tell(ev.ContactLeft(contact_id="c1"))
    assert play.tell(arrived("c3", CHAT)) == []
    assert play.tick(11) == ["leg.widen leg_id=2 contact_id=c2 step=1"]
    assert play.tick(20) == ["leg.widen leg_id=3 contact_id=c3 step=1"]


def test_queues_that_nobody_asks_about_are_left_alone():
    other = QueueSettings(name="other", channels={VOICE: SALES.channels[VOICE]})
    settings = shop(step(100, if_nobody=True, requires=""))
    settings = replace(
        settings,
        queues=(*settings.queues, other),
        profiles=tuple(
            replace(one, serves=(*one.serves, Serves(queue="other", channels=(VOICE,))))
            for one in settings.profiles
        ),
    )
    play = Play(settings)
    play.tell(at_work("ann"), ev.AgentNotReady(agent_id="ann"))
    play.tell(arrived("c1", queue="other"))
    play.tell(ev.AgentLoggedOut(agent_id="ann"))
    assert play.router.next_wakeup_us() is None

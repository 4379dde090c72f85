"""Customers who left before they were connected, and came back in time, stand where they stood.

Method: stories at the small shop, whose queue keeps places for 60 seconds; what is ordered is
compared word for word with the lines of the journal.
"""

import msgspec
import pytest
from msgspec.structs import replace

import acd.places
from acd import events as ev
from acd.actions import RegainPlace
from acd.contacts import LegState
from acd.ids import Channel
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import SECOND_US, DomainSettings, RoutingStep, Urgency
from acd.snapshot import Snapshot
from acd.validation import problems
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work


def shop(resume_us: int | None = 60 * SECOND_US) -> DomainSettings:
    (queue,) = SHOP.queues
    return replace(SHOP, queues=(replace(queue, resume_us=resume_us),))


def comes(contact_id: str, customer: str = "ada", channel: Channel = VOICE) -> ev.ContactArrived:
    return replace(arrived(contact_id, channel), customer=customer)


def left(contact_id: str) -> ev.ContactLeft:
    return ev.ContactLeft(contact_id=contact_id)


def waiting(play: Play, contact_id: str = "c1") -> None:
    """Let a customer wait from second 1 until second 10, and leave."""
    play.now_s = 1
    play.tell(comes(contact_id))
    play.now_s = 5
    play.tell(arrived("other"))
    play.now_s = 10
    play.tell(left(contact_id))


BACK = ["leg.regain_place leg_id=3 contact_id=c2 arrived_us=1000000"]


def test_who_comes_back_in_time_stands_where_he_stood_once() -> None:
    play = Play(shop())
    waiting(play)
    wire = msgspec.msgpack.encode(play.router.snapshot())
    play.router = Router.restore(shop(), msgspec.msgpack.decode(wire, type=Snapshot))
    assert msgspec.msgpack.encode(play.router.snapshot()) == wire
    play.now_s = 70
    assert play.tell(comes("c2")) == BACK
    assert play.tell(comes("c3")) == []
    assert play.tell(at_work("ann"))[0].startswith("offer.contact offer_id=1 leg_id=3")


def test_whoever_comes_too_late_or_elsewhere_or_is_somebody_else_waits_anew() -> None:
    for at_s, arrival in (
        (71, comes("c2")),
        (11, comes("c2", "bob")),
        (11, comes("c2", "")),
        (11, comes("c2", "ada", CHAT)),
    ):
        play = Play(shop())
        waiting(play)
        play.now_s = at_s
        assert play.tell(arrival) == []
    for settings, customer in ((SHOP, "ada"), (shop(), "")):
        play = Play(settings)
        play.tell(comes("c1", customer))
        play.now_s = 1
        assert play.tell(left("c1"), comes("c2", customer))[1:] == []


def test_whoever_leaves_again_keeps_his_first_place() -> None:
    play = Play(shop())
    waiting(play)
    play.now_s = 20
    play.tell(comes("c2"))
    play.now_s = 40
    play.tell(at_work("ann"), left("c2"))  # While it rings.
    play.tick(55)
    play.tick(85)
    play.now_s = 100
    assert play.tell(comes("c3")) == [
        "leg.regain_place leg_id=4 contact_id=c3 arrived_us=1000000",
    ]


def test_a_place_has_the_steps_behind_it_and_the_time_that_is_promised() -> None:
    (queue,) = SHOP.queues
    steps = (RoutingStep(after_us=30 * SECOND_US, priority=2),)
    queue = replace(queue, resume_us=60 * SECOND_US, priority=0, steps=steps)
    settings = replace(SHOP, urgency=Urgency.STRICT_PRIORITY, queues=(queue,))
    play = Play(settings)
    waiting(play)
    play.now_s = 40
    told = play.tell(ev.ClockTicked(), comes("c2"))
    assert told[1:] == [*BACK, "leg.widen leg_id=3 contact_id=c2 step=1"]
    assert play.router.legs[3].key[0] == -2


def test_canceled_contacts_and_handled_ones_leave_no_place() -> None:
    play = Play(shop())
    play.tell(comes("c1"), ev.ContactCanceled(contact_id="c1"))
    play.tell(at_work("ann"), comes("c2"), ev.LegConnected(offer_id=1), left("c2"))
    play.now_s = 1
    assert play.tell(comes("c3")) == []


def test_only_so_many_places_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acd.places, "PLACES_MAX", 2)
    play = Play(shop())
    for number in range(3):
        play.tell(comes(f"c{number}", f"customer{number}"))
    for number in range(3):
        play.tell(left(f"c{number}"))
    play.now_s = 1
    assert play.tell(comes("c3", "customer0")) == []
    assert len(play.tell(comes("c4", "customer1"), comes("c5", "customer2"))) == 2


def test_a_journal_is_applied_under_settings_that_keep_no_places() -> None:
    decided = Router(shop())
    today = shop(None)
    applied, other = Router(today), Router(today)
    story = ((1, comes("c1")), (10, left("c1")), (20, comes("c2")), (21, comes("c3")))
    for at_s, event in story:
        actions = decided.step(event, now_us=at_s * SECOND_US)
        applied.apply(event, actions, now_us=at_s * SECOND_US)
        other.step(event, now_us=at_s * SECOND_US)
    assert decided.legs[2].key == applied.legs[2].key == (SECOND_US, 2)
    assert other.legs[2].key == (20 * SECOND_US, 2)
    assert decided.legs[3].key == applied.legs[3].key
    assert applied.legs[2].state is LegState.QUEUED


def test_a_wait_is_measured_from_the_arrival_of_the_contact_that_waits() -> None:
    metrics = Metrics(shop(), from_us=0)
    router = Router(shop())
    regained = False
    for at_s, event in (
        (1, comes("c1")),
        (10, left("c1")),
        (20, comes("c2")),
        (25, at_work("ann")),
        (26, ev.LegConnected(offer_id=1)),
    ):
        actions = router.step(event, now_us=at_s * SECOND_US)
        regained |= any(isinstance(one, RegainPlace) for one in actions)
        metrics.fold(event, actions, at_s * SECOND_US)
    assert regained
    total = metrics.report(30 * SECOND_US).rows[0].total
    assert (total.abandoned, total.answered, total.wait_us) == (1, 1, 6 * SECOND_US)


def test_no_time_to_come_back_is_a_mistake() -> None:
    (mistake,) = problems(shop(0))
    assert str(mistake).startswith("queues.sales.resume_s: is 0; wanted a number of seconds above")

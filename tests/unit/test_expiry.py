"""A contact that waits too long ends at an exact instant, and nobody else does.

Method: stories at the small shop, whose chats expire after 20 seconds; what is ordered is compared
word for word with the lines of the journal.
"""

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.actions import Action, CloseContact, OfferContact
from acd.errors import CallerError
from acd.ids import STEP_US_MAX, TIME_US_MAX, Channel
from acd.metrics import Metrics
from acd.router import FIRED_MAX, Router
from acd.settings import SECOND_US, DomainSettings
from acd.validation import problems
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

OVER = ["customer.release contact_id=c1", "contact.close contact_id=c1 outcome=expired"]


def shop(expires_us: int | None = 20 * SECOND_US) -> DomainSettings:
    (sales,) = SHOP.queues
    channels = {**sales.channels, CHAT: replace(sales.channels[CHAT], expires_us=expires_us)}
    return replace(SHOP, queues=(replace(sales, channels=channels),))


def until(expires_s: int, channel: Channel = VOICE) -> ev.ContactArrived:
    return replace(arrived("c1", channel), expires_us=expires_s * SECOND_US)


def test_a_contact_expires_at_the_instant_that_its_queue_or_itself_says() -> None:
    for arrival, expires_s in ((arrived("c1", CHAT), 20), (until(7), 7), (until(30, CHAT), 30)):
        play = Play(shop())
        play.tell(arrival)
        assert play.router.next_wakeup_us() == expires_s * SECOND_US
        play.now_s = expires_s - 1
        assert play.tell(ev.Batch(events=())) == []
        assert play.tick(expires_s) == OVER
        assert play.router.next_wakeup_us() is None
    play = Play(shop())
    play.tell(arrived("c1"))
    assert play.router.next_wakeup_us() is None


@pytest.mark.parametrize("expires_s", [0, 3, 5])
def test_whoever_comes_too_late_is_expired_at_once_and_never_offered(expires_s: int) -> None:
    play = Play()
    play.tell(at_work("ann"))
    play.now_s = 5
    told = play.tell(until(expires_s))
    if expires_s:
        assert told == OVER
    else:
        assert told == ["refused reason=bad_number about=expires_us"]
    assert not play.router.contacts


def test_of_more_than_a_tick_ends_nobody_is_offered_who_is_over() -> None:
    settings = shop()
    live, recorded = Router(settings), Router(settings)
    many = tuple(until(10) for _ in range(FIRED_MAX + 1))
    facts: list[tuple[int, ev.Event]] = [
        (0, at_work("ann")),
        (0, arrived("v")),
        (0, ev.LegConnected(offer_id=1)),
        (0, ev.LegEnded(offer_id=1)),  # Ann's wrap-up ends when the others' time is over.
        (0, ev.Batch(events=tuple(replace(one, contact_id=f"c{n}") for n, one in enumerate(many)))),
        (10, ev.ClockTicked()),
        (10, ev.ClockTicked()),
    ]
    told: list[Action] = []
    for at_s, fact in facts:
        actions = live.step(fact, now_us=at_s * SECOND_US)
        recorded.apply(fact, actions, now_us=at_s * SECOND_US)
        assert recorded.snapshot() == live.snapshot()
        told += actions
    assert len([one for one in told if isinstance(one, OfferContact)]) == 1
    ended = [one.contact_id for one in told if isinstance(one, CloseContact)]
    assert len(ended) == len(set(ended)) == 1 + len(many)
    assert live.next_wakeup_us() is None


def test_who_was_away_expires_as_if_he_had_stayed() -> None:
    (sales,) = shop().queues
    play = Play(replace(SHOP, queues=(replace(sales, resume_us=60 * SECOND_US),)))
    customer = replace(arrived("c0", CHAT), customer="ada")
    play.tell(customer)
    play.now_s = 15
    play.tell(ev.ContactLeft(contact_id="c0"))
    play.now_s = 18
    play.tell(replace(customer, contact_id="c1"))
    assert play.tick(20) == OVER
    play.tell(replace(customer, contact_id="c2"))
    play.tell(ev.ContactLeft(contact_id="c2"))
    play.now_s = 50
    told = play.tell(replace(customer, contact_id="c1"))
    assert told == ["leg.regain_place leg_id=4 contact_id=c1 arrived_us=20000000", *OVER]


@pytest.mark.parametrize("expires_us", [STEP_US_MAX, TIME_US_MAX - 1])
def test_nobody_expires_after_the_end_of_time(expires_us: int) -> None:
    play = Play()
    assert play.tell(replace(arrived("c1"), expires_us=expires_us)) == [
        "refused reason=bad_number about=expires_us"
    ]
    play.tell(replace(arrived("c1"), expires_us=STEP_US_MAX - 1))
    assert play.router.next_wakeup_us() == STEP_US_MAX - 1
    with pytest.raises(CallerError, match="time is"):
        play.router.step(ev.ClockTicked(), now_us=STEP_US_MAX)


def test_no_step_is_at_the_end_of_time_though_something_ends_behind_it() -> None:
    router = Router(shop())
    router.step(arrived("c1", CHAT), now_us=STEP_US_MAX - 1)
    due_us = router.next_wakeup_us()
    assert due_us is not None
    assert due_us > STEP_US_MAX
    for call in (router.step, lambda event, now_us: router.apply(event, (), now_us=now_us)):
        with pytest.raises(CallerError, match="time is"):
            call(ev.ClockTicked(), now_us=STEP_US_MAX)


def test_while_an_offer_rings_it_waits_for_the_offer() -> None:
    play = Play(shop())
    play.tell(arrived("c1", CHAT))
    play.now_s = 10
    play.tell(at_work("ann"))
    assert play.router.next_wakeup_us() == 25 * SECOND_US
    play.now_s = 22
    rejected = ev.OfferRejected(offer_id=1)
    taken = (ev.OfferAccepted(offer_id=1), ev.LegConnected(offer_id=1))
    other = Router.restore(shop(), play.router.snapshot())
    assert play.tell(rejected) == OVER
    for event in taken:
        other.step(event, now_us=22 * SECOND_US)
    assert other.next_wakeup_us() is None
    assert other.contacts


def test_a_contact_that_comes_back_in_time_expires_in_its_time() -> None:
    play = Play(shop())
    play.tell(at_work("ann"), arrived("c1", CHAT))
    play.now_s = 5
    play.tell(ev.OfferRejected(offer_id=1), ev.AgentNotReady(agent_id="ann"))
    play.router = Router.restore(shop(), play.router.snapshot())
    assert play.router.next_wakeup_us() == 20 * SECOND_US
    assert play.tick(20) == OVER


def test_an_expired_contact_is_another_exit() -> None:
    metrics = Metrics(shop(), from_us=0)
    play = Play(shop())
    for at_s, event in ((0, arrived("c1", CHAT)), (20, ev.ClockTicked())):
        actions = play.router.step(event, now_us=at_s * SECOND_US)
        metrics.fold(event, actions, at_s * SECOND_US)
    (total,) = (
        row.total for row in metrics.report(30 * SECOND_US).rows if row.channel is Channel.CHAT
    )
    assert (total.offered, total.other_exits, total.abandoned) == (1, 1, 0)
    assert (total.service_level, total.waiting_us) == (None, 20 * SECOND_US)


def test_a_time_of_nothing_is_a_mistake() -> None:
    (mistake,) = problems(shop(0))
    assert str(mistake) == (
        "queues.sales.chat.expires_s: is 0; wanted a number of seconds above 0 and up to 31622400"
    )

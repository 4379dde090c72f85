"""A contact that waits too long ends at an exact instant, and nobody else does.

Method: stories at the small shop, whose chats expire after 20 seconds; what is ordered is compared
word for word with the lines of the journal.
"""

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.ids import Channel
from acd.metrics import Metrics
from acd.router import Router
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

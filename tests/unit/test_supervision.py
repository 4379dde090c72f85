"""What the business decides about contacts that wait.

Method: stories at the small shop, told in seconds; what is ordered is compared word for word with
the lines of the journal, and what is refused leaves the router as it was.
"""

import pytest

from acd import events as ev
from acd.ids import Channel
from acd.metrics import Metrics
from acd.settings import SECOND_US
from tests.unit.shop import CHAT, SHOP, Play, arrived, at_work


def cancel(contact_id: str = "c1") -> ev.ContactCanceled:
    return ev.ContactCanceled(contact_id=contact_id)


def test_a_contact_that_waits_is_canceled_and_its_customer_let_go() -> None:
    play = Play()
    play.tell(arrived("c1"), arrived("c2"))
    assert play.tell(cancel()) == [
        "customer.release contact_id=c1",
        "contact.close contact_id=c1 outcome=canceled",
    ]
    assert play.tell(at_work("ann"))[0].startswith("offer.contact offer_id=1 leg_id=2")


@pytest.mark.parametrize("accepted", [False, True])
def test_an_offer_of_a_canceled_contact_is_withdrawn_and_its_agent_is_free(accepted: bool) -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"))
    if accepted:
        play.tell(ev.OfferAccepted(offer_id=1))
    play.tell(arrived("c2"))
    told = play.tell(cancel())
    assert told[:3] == [
        "customer.release contact_id=c1",
        "offer.withdraw offer_id=1 agent_id=ann outcome=canceled",
        "contact.close contact_id=c1 outcome=canceled",
    ]
    assert told[3].startswith("offer.contact offer_id=2 leg_id=2 contact_id=c2 agent_id=ann")


@pytest.mark.parametrize(
    "before",
    [
        (ev.LegConnected(offer_id=1),),
        (ev.LegConnected(offer_id=1), ev.LegHeld(offer_id=1)),
        (ev.LegConnected(offer_id=1), ev.LegEnded(offer_id=1)),
    ],
    ids=("connected", "held", "wrapping"),
)
def test_a_contact_that_an_agent_handles_is_not_canceled(before: tuple[ev.Event, ...]) -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"), *before)
    state = play.state()
    assert play.tell(cancel()) == ["refused reason=not_in_this_state about=c1"]
    assert play.state() == state


def test_nobody_is_canceled_twice_or_unknown() -> None:
    play = Play()
    play.tell(arrived("c1"), cancel())
    assert play.tell(cancel()) == ["refused reason=unknown_contact about=c1"]


def test_a_canceled_contact_is_offered_and_counts_in_no_share() -> None:
    metrics = Metrics(SHOP, from_us=0)
    play = Play()
    for at_s, event in (
        (0, at_work("ann")),
        (1, arrived("c1", CHAT)),
        (2, ev.LegConnected(offer_id=1)),
        (3, arrived("c2")),
        (3, arrived("c3")),
        (9, cancel("c2")),
        (9, cancel("c3")),
    ):
        play.now_s = at_s
        actions = play.router.step(event, now_us=at_s * SECOND_US)
        metrics.fold(event, actions, at_s * SECOND_US)
    report = metrics.report(10 * SECOND_US)
    voice, chat = (
        next(row.total for row in report.rows if row.channel is channel)
        for channel in (Channel.VOICE, Channel.CHAT)
    )
    assert (voice.offered, voice.other_exits, voice.abandoned, voice.waiting) == (2, 2, 0, 0)
    assert (voice.service_level, voice.abandonment) == (None, 0.0)
    assert voice.waiting_us == 12 * SECOND_US
    assert (chat.offered, chat.other_exits, chat.service_level) == (1, 0, 1.0)

"""Customers who are called back: virtual hold, agreed times, attempts, slots.

Method: stories at the small shop, by the second, compared word for word with the lines of the
journal; what is told about callbacks in measures and explanations.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.explanation import explain_wait
from acd.ids import CallbackFailure
from acd.metrics import Metrics
from acd.router import Router
from acd.sentences import tell_wait
from acd.settings import (
    SECOND_US,
    AdmissionSettings,
    AffinitySettings,
    CalendarSettings,
    ChannelSettings,
    Condition,
    DomainSettings,
    OverflowRule,
    RoutingStep,
)
from acd.snapshot import Snapshot
from acd.waiting_settings import CallbackSettings
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

HOLD = CallbackSettings(
    attempts=2,
    retry_us=60 * SECOND_US,
    dial_us=20 * SECOND_US,
    slots=1,
    interval_us=600 * SECOND_US,
    ahead_us=3_600 * SECOND_US,
)


JUGGLING = '"names `juggling` at character 1"'


def shop(rule: CallbackSettings | None = HOLD, **more: Any) -> DomainSettings:
    (queue,) = SHOP.queues
    channels = {VOICE: ChannelSettings(), CHAT: ChannelSettings()}
    return replace(
        SHOP, queues=(replace(queue, channels=channels, callbacks=rule, **more),), back_off_us=0
    )


def with_calls(channel: ChannelSettings, **more: Any) -> DomainSettings:
    """Return the shop where calls have these settings."""
    settings = shop(**more)
    (queue,) = settings.queues
    queue = replace(queue, channels={**queue.channels, VOICE: channel})
    return replace(settings, queues=(queue,), messages=("m",))


def calls(contact_id: str, customer: str = "ada") -> ev.ContactArrived:
    return replace(arrived(contact_id), customer=customer)


def wish(contact_id: str) -> ev.CallbackRequested:
    return ev.CallbackRequested(contact_id=contact_id)


def agreed(contact_id: str, at_s: int, customer: str = "ada", **more: Any) -> ev.CallbackScheduled:
    return ev.CallbackScheduled(
        contact_id=contact_id, queue="sales", at_us=at_s * SECOND_US, customer=customer, **more
    )


def vain(offer_id: int) -> ev.CallbackFailed:
    return ev.CallbackFailed(offer_id=offer_id, cause=CallbackFailure.BUSY)


def held(settings: DomainSettings | None = None) -> Play:
    """Return a shop where a customer left the line at second 5, and nobody is at work."""
    play = Play(settings or shop())
    play.tell(calls("c1"))
    play.now_s = 5
    assert play.tell(wish("c1")) == ["callback.grant leg_id=1 contact_id=c1"]
    assert play.tell(ev.ContactLeft(contact_id="c1")) == []
    return play


def offer(offer_id: int, leg_id: int, contact_id: str, until_us: int) -> str:
    return (
        f"offer.contact offer_id={offer_id} leg_id={leg_id} contact_id={contact_id} agent_id=ann "
        f"queue=sales channel=voice ring_until_us={until_us}"
    )


def restart(play: Play) -> None:
    wire = msgspec.msgpack.encode(play.router.snapshot())
    snapshot = msgspec.msgpack.decode(wire, type=Snapshot)
    play.router = Router.restore(play.router.settings, snapshot)
    assert msgspec.msgpack.encode(play.router.snapshot()) == wire


def test_who_leaves_the_line_is_dialled_in_his_turn_and_an_ordinary_contact_then() -> None:
    play = held()
    play.tell(calls("c2", "bob"))
    restart(play)
    assert play.tell(at_work("ann")) == [offer(1, 1, "c1", 20000000)]
    assert play.tell(ev.OfferAccepted(offer_id=1)) == [
        "callback.dial offer_id=1 contact_id=c1 agent_id=ann"
    ]
    assert play.router.next_wakeup_us() == 25 * SECOND_US
    assert play.tell(ev.LegConnected(offer_id=1)) == []
    assert play.tell(ev.ContactLeft(contact_id="c1"))[0] == (
        "contact.close contact_id=c1 outcome=handled"
    )


def test_a_callback_does_not_expire() -> None:
    play = held(with_calls(ChannelSettings(expires_us=10 * SECOND_US)))
    assert play.router.next_wakeup_us() is None


def test_who_is_not_reached_waits_where_he_stood_and_is_given_up_in_the_end() -> None:
    play = held()
    play.tell(at_work("ann"), ev.OfferAccepted(offer_id=1))
    assert play.tell(vain(1)) == [
        "offer.withdraw offer_id=1 agent_id=ann outcome=canceled",
        "callback.postpone leg_id=1 contact_id=c1 due_us=65000000 attempts=1",
    ]
    assert play.tell(vain(1)) == []
    restart(play)
    assert play.tell(calls("c2", "bob"))[0].startswith("offer.contact offer_id=2 leg_id=2")
    play.tell(ev.OfferRejected(offer_id=2))
    assert play.tick(65)[:2] == [
        "callback.due leg_id=1 contact_id=c1 queue=sales attempts=1 customer=ada",
        offer(3, 1, "c1", 80000000),
    ]
    play.tell(ev.OfferAccepted(offer_id=3))
    assert play.tick(85)[:2] == [
        "offer.withdraw offer_id=3 agent_id=ann outcome=canceled",
        "contact.close contact_id=c1 outcome=failed",
    ]


def test_what_is_not_so_is_refused() -> None:
    play = Play(shop())
    assert play.tell(wish("c9")) == ["refused reason=unknown_contact about=c9"]
    play.tell(arrived("c0", CHAT))
    assert play.tell(wish("c0")) == ["refused reason=no_callback about=sales"]
    play.tell(ev.ContactLeft(contact_id="c0"), at_work("ann"), calls("c1"))
    assert play.tell(wish("c1")) == ["refused reason=not_in_this_state about=c1"]
    assert play.tell(vain(1)) == ["refused reason=not_in_this_state about=1"]
    play.tell(ev.OfferAccepted(offer_id=1))
    assert play.tell(vain(1)) == ["refused reason=not_in_this_state about=1"]
    assert play.tell(vain(2)) == ["refused reason=unknown_offer about=2"]
    play.tell(ev.LegConnected(offer_id=1))
    assert play.tell(wish("c1")) == ["refused reason=not_in_this_state about=c1"]
    assert play.tell(agreed("c1", 60)) == ["refused reason=contact_exists about=c1"]
    none = Play(shop(None))
    none.tell(calls("c1"))
    assert none.tell(wish("c1")) == ["refused reason=no_callback about=sales"]
    assert none.tell(agreed("c2", 60)) == ["refused reason=no_callback about=sales"]


@pytest.mark.parametrize(
    "event, reason",
    [
        (agreed("c2", 9), "in_the_past about=9000000"),
        (agreed("c2", 3_611), "too_far_ahead about=3611000000"),
        (agreed("c2", 599), "slot_full about=599000000"),
        (agreed("c2", 1_100), "closed_then about=1100000000"),
        (agreed("c2", 700, "eve"), "callback_exists about=eve"),
        (agreed("c2", 700, requirement="juggling"), f"unknown_skill about={JUGGLING}"),
        (replace(agreed("c2", 700), queue="sails"), "unknown_queue about=sails"),
        (replace(agreed("c2", 700), queue=""), "no_queue about=c2"),
    ],
)
def test_a_time_that_cannot_be_is_refused(event: ev.CallbackScheduled, reason: str) -> None:
    calendar = CalendarSettings(name="office", hours=(((0, 1_000), (1_200, 86_400)),) * 7)
    play = Play(replace(shop(opening_hours="office"), calendars=(calendar,)))
    play.now_s = 10
    assert play.tell(agreed("c1", 300, "eve")) == []
    assert play.tell(event) == [f"refused reason={reason}"]
    assert play.tell(agreed("c2", 600)) == []


def test_an_agreed_callback_is_in_line_at_its_instant_with_all_that_it_asks_for() -> None:
    steps = (RoutingStep(after_us=30 * SECOND_US, lower={"cards": 0}),)
    affinity = AffinitySettings(named_agent_us=20 * SECOND_US)
    settings = replace(
        shop(steps=steps, affinity=affinity, requires="cards"),
        skills=("cards",),
        agents=(replace(SHOP.agents[0], skills={"cards": 5}), SHOP.agents[1]),
    )
    play = Play(settings)
    play.tell(agreed("c1", 300, named_agent="ann"), at_work("bob"))
    restart(play)
    assert explain_wait(play.router, 1).waited_us == 0
    play.tell(ev.AgentLoggedIn(agent_id="ann"))
    assert play.tick(300) == ["callback.due leg_id=1 contact_id=c1 queue=sales customer=ada"]
    assert play.router.legs[1].kept_for == 0
    play.tick(320)
    assert play.tick(330)[0] == "leg.widen leg_id=1 contact_id=c1 step=1"


def test_a_callback_may_be_canceled_and_frees_its_slot() -> None:
    play = Play(shop())
    play.tell(agreed("c1", 300))
    restart(play)
    assert play.tell(agreed("c2", 500, "bob")) == ["refused reason=slot_full about=500000000"]
    assert play.tell(ev.ContactAssigned(contact_id="c1", agent_id="ann")) == [
        "refused reason=not_in_this_state about=c1"
    ]
    assert play.tell(ev.ContactCanceled(contact_id="c1")) == [
        "contact.close contact_id=c1 outcome=canceled"
    ]
    assert play.tell(agreed("c2", 500, "bob")) == []
    assert not play.router._floor.callbacks.of_customer.keys() - {("sales", "bob")}


def test_a_slot_holds_as_many_as_it_says_and_customers_without_a_token_may_have_several() -> None:
    play = Play(shop(replace(HOLD, slots=2)))
    assert play.tell(agreed("c1", 300, ""), agreed("c2", 310, "")) == []
    assert play.tell(agreed("c3", 320, "")) == ["refused reason=slot_full about=320000000"]
    play.tell(ev.ContactCanceled(contact_id="c1"))
    assert play.tell(agreed("c3", 320, ""), agreed("c4", 330, "")) == [
        "refused reason=slot_full about=330000000"
    ]


def test_who_calls_by_himself_takes_the_place_of_his_callback() -> None:
    play = held()
    play.tell(calls("c2", "bob"))
    play.now_s = 7
    assert play.tell(replace(arrived("c3", CHAT), customer="ada")) == []
    assert play.tell(calls("c4")) == [
        "contact.close contact_id=c1 outcome=canceled",
        "leg.regain_place leg_id=4 contact_id=c4 arrived_us=0",
    ]
    assert play.tell(calls("c5")) == []


def test_who_takes_the_place_of_his_callback_does_not_expire_nor_count_for_a_limit() -> None:
    settings = with_calls(ChannelSettings(expires_us=100 * SECOND_US))
    limit = AdmissionSettings(name="all", max_waiting=1, rate_per_min=1, message="m")
    play = Play(replace(settings, admission=(limit,)))
    play.tell(calls("c1"), wish("c1"))
    play.now_s = 200
    assert play.tell(calls("c2")) == [
        "contact.close contact_id=c1 outcome=canceled",
        "leg.regain_place leg_id=2 contact_id=c2 arrived_us=0",
    ]
    assert play.tell(calls("c3", "")) == []
    play.router = Router.restore(play.router.settings, play.router.snapshot())
    assert play.tell(calls("c4", ""))[0].startswith("leg.overflow leg_id=4")
    assert play.tick(300)[-1] == "contact.close contact_id=c3 outcome=expired"
    assert list(play.router.contacts) == ["c2"]


@pytest.mark.parametrize(
    "rule, at_s",
    [
        (OverflowRule(message="m", max_wait_us=50 * SECOND_US), 250),
        (OverflowRule(message="m", leaving=(Condition.NOBODY_READY,)), 200),
        (OverflowRule(message="m", joining=(Condition.CLOSED,)), 200),
    ],
    ids=["time", "nobody", "closed"],
)
def test_who_calls_in_place_of_his_callback_and_would_be_let_go_is_called_back(
    rule: OverflowRule, at_s: int
) -> None:
    hours = ((), (), (), ((0, 100), (400, 500)), (), (), ())  # The first day is a Thursday.
    calendars = (CalendarSettings(name="day", hours=hours),)
    settings = with_calls(ChannelSettings(overflow=(rule,)), opening_hours="day")
    play = Play(replace(settings, calendars=calendars))
    play.tell(at_work("ann", "bob"), calls("c0", ""), calls("c9", ""))
    play.tell(ev.LegConnected(offer_id=1), ev.LegConnected(offer_id=2), calls("c1"), wish("c1"))
    play.tell(ev.AgentNotReady(agent_id="ann"), ev.AgentNotReady(agent_id="bob"))
    play.now_s = 200
    told = play.tell(calls("c2"))
    assert told[:2] == [
        "contact.close contact_id=c1 outcome=canceled",
        "leg.regain_place leg_id=4 contact_id=c2 arrived_us=0",
    ]
    if at_s > 200:
        told += play.tick(at_s)
    assert [one.partition(" ")[0] for one in told[2:]] == ["leg.overflow", "callback.grant"]
    assert told[2].endswith(" callback=m")
    assert told[3] == "callback.grant leg_id=4 contact_id=c2 message=m"
    play.tell(ev.ContactLeft(contact_id="c2"))
    assert "c2" in play.router.contacts


def test_who_brings_an_end_of_his_own_has_it_in_the_place_of_his_callback_too() -> None:
    play = Play(with_calls(ChannelSettings(expires_us=100 * SECOND_US)))
    play.tell(calls("c1"), wish("c1"))
    play.now_s = 50
    play.tell(replace(calls("c2"), expires_us=60 * SECOND_US))
    assert play.tick(60)[-1] == "contact.close contact_id=c2 outcome=expired"


def test_an_agreed_time_that_lies_ahead_stays_and_a_second_callback_there_is_none() -> None:
    play = Play(shop())
    play.tell(agreed("c1", 300))
    assert play.tell(calls("c2")) == []
    assert play.tell(wish("c2")) == ["refused reason=callback_exists about=ada"]
    play.tick(300)
    assert play.tell(calls("c3"))[0] == "contact.close contact_id=c1 outcome=canceled"


def test_a_customer_whom_an_agent_gave_further_may_hang_up_too() -> None:
    settings = shop()
    (queue,) = settings.queues
    channels = {**queue.channels, VOICE: ChannelSettings(wrap_up_us=50 * SECOND_US)}
    play = Play(replace(settings, queues=(replace(queue, channels=channels),)))
    play.tell(at_work("ann"), calls("c1"), ev.LegConnected(offer_id=1))
    play.tell(ev.LegTransferred(offer_id=1, queue="sales"), wish("c1"))
    play.now_s = 1
    # He calls while his callback waits and the first agent wraps up.
    assert play.tell(calls("c2")) == [
        "leg.close leg_id=2 contact_id=c1 outcome=canceled",
        "leg.regain_place leg_id=3 contact_id=c2 arrived_us=0",
    ]
    assert play.tick(50) == [
        "wrap_up.end offer_id=1 agent_id=ann",
        "contact.close contact_id=c1 outcome=handled",
        offer(2, 3, "c2", 65000000),
    ]


def test_a_callback_outlives_the_rule_by_which_it_was_promised() -> None:
    play = held()
    play.tell(agreed("c2", 400, "bob"))
    snapshot = play.router.snapshot()
    play.router = Router.restore(shop(None), snapshot)
    play.tell(at_work("ann"), ev.OfferAccepted(offer_id=1))
    assert play.router.next_wakeup_us() == 50 * SECOND_US
    assert play.tell(vain(1))[1].startswith("callback.postpone leg_id=1 contact_id=c1 due_us=605")
    assert play.tell(ev.ContactCanceled(contact_id="c2")) == [
        "contact.close contact_id=c2 outcome=canceled"
    ]


def test_measures_count_a_callback_as_that_and_not_as_answered() -> None:
    settings = shop()
    router, metrics = Router(settings), Metrics(settings, from_us=0)

    def tell(at_s: int, *events: ev.Event) -> None:
        for event in events:
            actions = router.step(event, now_us=at_s * SECOND_US)
            metrics.fold(event, actions, at_s * SECOND_US)

    tell(0, calls("c1"), agreed("c2", 300, "bob"), agreed("c3", 900, "eve"))
    tell(10, wish("c1"))
    tell(11, ev.ContactCanceled(contact_id="c3"))
    assert metrics.report(20 * SECOND_US).rows[0].total.waiting == 0
    tell(20, at_work("ann"), ev.OfferAccepted(offer_id=1))
    tell(30, ev.LegConnected(offer_id=1))
    tell(90, ev.LegEnded(offer_id=1))
    tell(300, ev.ClockTicked())
    tell(301, ev.OfferAccepted(offer_id=2), vain(2))
    tell(361, ev.ClockTicked())
    tell(361, ev.OfferAccepted(offer_id=3), vain(3))
    both = ev.Batch(events=(calls("c4"), wish("c4"), ev.ContactCanceled(contact_id="c4")))
    tell(362, ev.AgentNotReady(agent_id="ann"), both)
    total = metrics.report(362 * SECOND_US).rows[0].total
    assert (total.offered, total.callbacks, total.callbacks_reached) == (3, 3, 1)
    assert (total.answered, total.other_exits, total.waiting, total.handled) == (0, 0, 0, 1)
    assert total.waiting_us == 10 * SECOND_US
    assert total.service_level is None


def test_who_began_to_count_later_knows_nothing_of_a_callback_before() -> None:
    play = Play(shop())
    play.tell(calls("c1"))
    metrics = Metrics(shop(), from_us=0)
    actions = play.router.step(wish("c1"), now_us=0)
    metrics.fold(wish("c1"), actions, 0)
    assert metrics.report(1).rows[0].total.callbacks == 0


def test_what_it_waits_for_is_told() -> None:
    play = held()

    def told(leg_id: int = 1) -> str:
        return tell_wait(explain_wait(play.router, leg_id))

    assert told().startswith(
        "c1 (leg 1, sales voice) waits since 0.000000 to be called back, for ann: logged_out"
    )
    play.tell(at_work("ann"), ev.OfferAccepted(offer_id=1), vain(1), agreed("c2", 300, "bob"))
    assert told() == (
        "c1 (leg 1, sales voice) is to be called back, and not before 65.000000, after 1 in vain"
    )
    assert told(2) == "c2 (leg 2, sales voice) is to be called back, and not before 300.000000"
    play.tell(ev.AgentNotReady(agent_id="ann"))
    play.tick(65)
    assert "waits since 0.000000 to be called back, after 1 in vain, for" in told()
    assert not explain_wait(play.router, 1).due_us


def test_where_nobody_may_ever_take_it_that_is_told() -> None:
    play = Play(replace(shop(), skills=("juggling",)))
    play.tell(replace(calls("c1"), requirement="juggling"), wish("c1"))
    assert tell_wait(explain_wait(play.router, 1)) == (
        "c1 (leg 1, sales voice) waits since 0.000000 to be called back: no agent is eligible;"
        " not to 2 agents (2 requirement)"
    )


def test_what_has_no_place_in_the_line_yet_is_explained_without_an_estimate() -> None:
    (queue,) = shop().queues
    channels = dict.fromkeys(queue.channels, ChannelSettings(handle_time_us=60 * SECOND_US))
    queues = (replace(queue, channels=channels),)
    play = Play(replace(SHOP, queues=queues, estimated_wait=True))
    play.tell(agreed("c1", 300))
    told = tell_wait(explain_wait(play.router, 1))
    assert told == "c1 (leg 1, sales voice) is to be called back, and not before 300.000000"
    play.tick(300)
    assert "estimated wait unknown" in tell_wait(explain_wait(play.router, 1))

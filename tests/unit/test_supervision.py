"""What the business decides about contacts that wait.

Method: stories at the small shop, told in seconds; what is ordered is compared word for word with
the lines of the journal, and what is refused leaves the router as it was.
"""

from typing import Final

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.ids import Channel
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import SECOND_US, AffinitySettings, DomainSettings, RoutingStep, Urgency
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


def shop(urgency: Urgency) -> DomainSettings:
    """Return the shop whose queue has a priority, and a step that raises it after a minute."""
    steps = (RoutingStep(after_us=60 * SECOND_US, priority=3),)
    by_priority = urgency is Urgency.STRICT_PRIORITY
    queue = replace(SHOP.queues[0], priority=0, steps=steps if by_priority else ())
    rate = 1 if urgency is Urgency.AGEING else None
    return replace(SHOP, urgency=urgency, queues=(queue,), ageing_per_h=rate)


BY_PRIORITY: Final = (Urgency.STRICT_PRIORITY, Urgency.AGEING)


def reprioritize(contact_id: str, priority: int) -> ev.ContactReprioritized:
    return ev.ContactReprioritized(contact_id=contact_id, priority=priority)


def served(play: Play) -> list[str]:
    """Return the contacts in the order in which one agent gets them."""
    order: list[str] = []
    told = play.tell(at_work("ann"))
    while told:
        number = len(order) + 1
        (offer,) = (line for line in told if line.startswith(f"offer.contact offer_id={number} "))
        order.append(offer.split()[3].removeprefix("contact_id="))
        play.tell(ev.LegConnected(offer_id=number), ev.LegEnded(offer_id=number))
        told = [one for one in play.tell(ev.WrapUpEnded(offer_id=number)) if "offer." in one]
    return order


@pytest.mark.parametrize("urgency", BY_PRIORITY)
def test_another_priority_is_another_place_and_among_equals_the_old_one(urgency: Urgency) -> None:
    play = Play(shop(urgency))
    for at_s in range(1, 6):
        play.now_s = at_s
        play.tell(arrived(f"c{at_s}"))
    assert play.tell(reprioritize("c4", 2), reprioritize("c1", -1)) == []
    assert play.tell(reprioritize("c3", 2), reprioritize("c5", 9), reprioritize("c5", 0)) == []
    play.router = Router.restore(shop(urgency), play.router.snapshot())
    assert served(play) == ["c3", "c4", "c2", "c5", "c1"]


@pytest.mark.parametrize("urgency", BY_PRIORITY)
def test_whoever_rings_stands_there_when_he_is_back(urgency: Urgency) -> None:
    play = Play(shop(urgency))
    play.tell(at_work("ann", "bob"), arrived("c1"))
    play.tell(arrived("c2"), arrived("c3"), ev.OfferAccepted(offer_id=2))
    assert play.tell(reprioritize("c2", -1), reprioritize("c1", 1)) == []
    play.tell(ev.AgentNotReady(agent_id="ann"), ev.AgentNotReady(agent_id="bob"))
    play.tick(10)
    told = play.tell(ev.AgentReady(agent_id="ann"))
    assert "contact_id=c1" in told[0]


def test_a_step_that_raised_the_priority_is_not_undone() -> None:
    play = Play(shop(Urgency.STRICT_PRIORITY))
    play.tell(arrived("c1"))
    play.tick(60)
    play.tell(arrived("c2"), arrived("c3"), reprioritize("c1", -5), reprioritize("c3", 3))
    assert served(play) == ["c1", "c3", "c2"]


def test_of_what_cannot_be_reprioritized_nothing_changes() -> None:
    play = Play(shop(Urgency.STRICT_PRIORITY))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1), arrived("c2"))
    state = play.state()
    assert play.tell(
        reprioritize("nobody", 1),
        reprioritize("c1", 1),
        reprioritize("c2", 1_000_001),
        reprioritize("c2", -1_000_001),
    ) == [
        "refused reason=unknown_contact about=nobody",
        "refused reason=not_in_this_state about=c1",
        "refused reason=bad_number about=priority",
        "refused reason=bad_number about=priority",
    ]
    assert play.state() == state


@pytest.mark.parametrize("urgency", sorted({*Urgency} - {*BY_PRIORITY}))
def test_a_policy_that_reads_no_priority_refuses_another(urgency: Urgency) -> None:
    settings = {
        Urgency.C_MU: {"delay_cost": 1},
        Urgency.GENERALIZED_C_MU: {"delay_cost": 1},
        Urgency.QUEUE_RATIO: {"waiting_share": 1},
        Urgency.HEAD_START: {"head_start_us": 0},
        Urgency.DEADLINE_FIRST: {"promise_us": 1},
    }
    (queue,) = SHOP.queues
    channels = {
        channel: replace(one, handle_time_us=SECOND_US if "c_mu" in urgency else None)
        for channel, one in queue.channels.items()
    }
    queue = replace(queue, channels=channels, **settings.get(urgency, {}))
    play = Play(replace(SHOP, urgency=urgency, queues=(queue,)))
    play.tell(arrived("c1"))
    assert play.tell(reprioritize("c1", 1)) == ["refused reason=no_priority about=c1"]


def test_a_further_leg_is_canceled_while_the_first_wraps_up() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    play.tell(ev.LegTransferred(offer_id=1, queue="sales"))
    assert play.tell(cancel()) == [
        "customer.release contact_id=c1",
        "leg.close leg_id=2 contact_id=c1 outcome=canceled",
    ]
    assert play.tick(10)[-1] == "contact.close contact_id=c1 outcome=handled"


def test_a_further_leg_has_a_priority_of_its_own() -> None:
    settings = shop(Urgency.STRICT_PRIORITY)
    play = Play(settings)
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1), arrived("c2"))
    play.tell(ev.LegTransferred(offer_id=1, queue="sales", priority=-1), reprioritize("c1", 1))
    assert play.router.contacts["c1"].arrival.priority is None
    play.router = Router.restore(settings, play.router.snapshot())
    (told,) = (line for line in play.tick(10) if "offer.contact" in line)
    assert "contact_id=c2" in told  # Ann had c1 a moment ago.
    (told,) = play.tell(at_work("bob"))
    assert "leg_id=3 contact_id=c1 agent_id=bob" in told
    assert play.router.legs[3].key[0] == -1


def assign(contact_id: str, agent_id: str) -> ev.ContactAssigned:
    return ev.ContactAssigned(contact_id=contact_id, agent_id=agent_id)


def test_an_assigned_contact_is_kept_for_its_agent_and_goes_to_him_first() -> None:
    play = Play(SHOP)
    play.tell(at_work("ann", "bob"))
    play.tell(arrived("c1"), arrived("c2"))
    play.tell(ev.LegConnected(offer_id=1), ev.LegConnected(offer_id=2))
    play.tell(arrived("c3"), arrived("c4"))
    assert play.tell(assign("c4", "bob"), assign("c3", "bob"), assign("c3", "ann")) == []
    play.router = Router.restore(SHOP, play.router.snapshot())
    play.tell(ev.LegEnded(offer_id=2))
    (told,) = (line for line in play.tell(ev.WrapUpEnded(offer_id=2)) if "offer." in line)
    assert "contact_id=c4 agent_id=bob" in told


def test_an_assignment_ends_at_its_limit() -> None:
    play = Play(SHOP)
    play.tell(at_work("ann"), at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(arrived("c1"), ev.LegConnected(offer_id=1), arrived("c2"), assign("c2", "bob"))
    play.tell(ev.LegEnded(offer_id=1), ev.WrapUpEnded(offer_id=1))
    play.tick(59)
    assert not play.router.legs[2].offer_id
    assert any("contact_id=c2 agent_id=ann" in line for line in play.tick(60))


def test_whom_a_contact_was_kept_for_before_is_passed_over() -> None:
    affinity = AffinitySettings(named_agent_us=600 * SECOND_US)
    domain = replace(SHOP, queues=(replace(SHOP.queues[0], affinity=affinity),))
    play = Play(domain)
    play.tell(at_work("ann"), at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(arrived("c1"), ev.LegConnected(offer_id=1))
    play.tell(replace(arrived("c2"), named_agent="ann"), assign("c2", "bob"))
    play.tell(ev.LegEnded(offer_id=1), ev.WrapUpEnded(offer_id=1))
    play.tick(599)
    assert not play.router.legs[2].offer_id
    assert any(
        "contact_id=c2 agent_id=bob" in line for line in play.tell(ev.AgentReady(agent_id="bob"))
    )


def test_who_failed_to_take_a_contact_may_be_given_it_all_the_same() -> None:
    play = Play(SHOP)
    play.tell(at_work("ann"), arrived("c1"))
    assert play.tell(ev.OfferRejected(offer_id=1)) == []
    assert any("contact_id=c1 agent_id=ann" in line for line in play.tell(assign("c1", "ann")))


def test_of_what_cannot_be_assigned_nothing_changes() -> None:
    queue = replace(SHOP.queues[0], requires="cards >= 5")
    ann, *others = SHOP.agents
    able = tuple(replace(one, skills={"cards": 5}) for one in others)
    play = Play(replace(SHOP, skills=("cards",), queues=(queue,), agents=(ann, *able)))
    play.tell(at_work("ann"), arrived("c1"))
    state = play.state()
    assert play.tell(
        assign("nobody", "ann"), assign("c1", "nobody"), assign("c1", "ann"), assign("c1", "bob")
    ) == [
        "refused reason=unknown_contact about=nobody",
        "refused reason=unknown_agent about=nobody",
        "refused reason=not_eligible about=ann",
        "refused reason=not_in_this_state about=bob",
    ]
    assert play.state() == state


def test_a_contact_is_assigned_while_it_waits_and_to_somebody_who_is_there() -> None:
    play = Play(SHOP)
    play.tell(at_work("ann"), arrived("c1"), arrived("c2"))
    assert play.tell(assign("c1", "ann"), assign("c2", "bob")) == [
        "refused reason=not_in_this_state about=c1",
        "refused reason=not_in_this_state about=bob",
    ]
    play.tell(ev.LegConnected(offer_id=1), cancel("c2"))
    play.tell(ev.ConsultRequested(offer_id=1, queue="sales"))
    assert play.tell(assign("c1", "ann")) == ["refused reason=not_in_this_state about=ann"]

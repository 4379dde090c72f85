"""Transfers, requeues and consultations: what each opens and ends, and what is refused.

Method: small stories told to a router, compared with the journal's lines. Every refusal must leave
the state as it was. The longer stories are golden journals.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.contacts import Leg, Presence
from acd.events import ContactArrived
from acd.ids import ConsultEnd
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AgentSettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    Urgency,
)
from acd.transfer_facts import LEGS_MAX
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

HOUSE: DomainSettings = replace(
    SHOP,
    queues=(
        *SHOP.queues,
        QueueSettings(
            name="service",
            channels={VOICE: ChannelSettings(wrap_up_us=5 * SECOND_US)},
        ),
    ),
    profiles=(
        *SHOP.profiles,
        ProfileSettings(
            name="both",
            serves=tuple(Serves(queue=one, channels=(VOICE,)) for one in ("service", "sales")),
        ),
    ),
    agents=(
        *SHOP.agents,
        AgentSettings(agent_id="cid", profile="both", capacity="blended"),
        AgentSettings(agent_id="dan", profile="both", capacity="blended"),
    ),
    skills=("cards",),
)


def told(number: int, how: ConsultEnd) -> ev.ConsultEnded:
    return ev.ConsultEnded(offer_id=number, how=how)


def transferred(number: int = 1, **fields: Any) -> ev.LegTransferred:
    return ev.LegTransferred(offer_id=number, **fields)


def consulted(number: int = 1, queue: str = "service", **fields: Any) -> ev.ConsultRequested:
    return ev.ConsultRequested(offer_id=number, queue=queue, **fields)


def ann_talks(*others: str, settings: DomainSettings = HOUSE) -> Play:
    """Return a play in which ann talks with c1, and others are ready."""
    play = Play(settings)
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    if others:
        play.tell(at_work(*others))
    return play


def legs(play: Play) -> list[str]:
    return [leg.state.name for leg in play.router.legs.values()]


def last(play: Play) -> Leg:
    return list(play.router.legs.values())[-1]


# Blind.


def test_a_further_leg_asks_for_what_the_transfer_says() -> None:
    play = ann_talks()
    play.tell(transferred(queue="service", priority=3, requirement="cards >= 2"))
    asked = last(play).asked
    wanted = ContactArrived(
        contact_id="c1", queue="service", channel=VOICE, priority=3, requirement="cards >= 2"
    )
    assert asked == wanted
    assert last(play).arrived_us == 0


def test_a_transfer_to_an_agent_alone_waits_in_the_same_queue() -> None:
    play = ann_talks()
    assert play.tell(transferred(agent_id="bob"))[0] == (
        "leg.open leg_id=2 contact_id=c1 queue=sales channel=voice from_offer=1"
    )
    assert last(play).asked.named_agent == "bob"


def test_a_transfer_to_an_agent_who_is_not_there_waits_for_anybody() -> None:
    play = ann_talks()
    told = play.tell(transferred(queue="sales", agent_id="bob"))
    assert told[0].startswith("leg.open ")
    assert last(play).kept_for == -1


def test_a_promise_is_not_for_another_queue() -> None:
    queues = tuple(replace(queue, promise_us=60 * SECOND_US) for queue in HOUSE.queues)
    settings = replace(HOUSE, urgency=Urgency.DEADLINE_FIRST, queues=queues)
    play = Play(settings)
    promised = replace(arrived("c1"), promised_us=5)
    play.tell(at_work("ann"), promised, ev.LegConnected(offer_id=1), transferred(queue="service"))
    assert last(play).asked.promised_us is None
    play = Play(settings)
    play.tell(at_work("ann"), promised, ev.LegConnected(offer_id=1), ev.LegRequeued(offer_id=1))
    assert last(play).asked.promised_us == 5


def test_it_may_keep_its_place() -> None:
    play = ann_talks()
    play.now_s = 30
    assert play.tell(transferred(queue="service", keep_place=True))[0] == (
        "leg.open leg_id=2 contact_id=c1 queue=service channel=voice from_offer=1 place_us=0"
    )
    assert last(play).arrived_us == 0


def test_a_requeue_forgets_the_named_agent_who_gives_it_back() -> None:
    play = ann_talks("bob")
    play.tell(transferred(agent_id="bob"), ev.LegConnected(offer_id=2))
    play.tell(ev.LegRequeued(offer_id=2))
    assert last(play).asked == arrived("c1")


def test_an_agent_who_has_something_set_aside_may_give_that_further() -> None:
    play = Play(HOUSE)
    play.tell(at_work("ann"), arrived("e1", CHAT), ev.LegConnected(offer_id=1))
    play.tell(arrived("e2", CHAT), ev.LegConnected(offer_id=2))
    assert "leg.interrupt offer_id=1 agent_id=ann" in play.tell(arrived("c1"))
    told = play.tell(transferred(1, queue="sales"))
    assert told[1:] == [
        "agent.release offer_id=1 agent_id=ann",
        "leg.close leg_id=1 contact_id=e1 outcome=handled",
    ]


def test_who_was_canceled_while_he_waited_in_the_further_leg_has_abandoned() -> None:
    play = ann_talks()
    play.tell(transferred(queue="service"))
    assert play.router.contacts["c1"].presence == Presence.WAITING
    assert play.tell(ev.ContactLeft(contact_id="c1")) == [
        "leg.close leg_id=2 contact_id=c1 outcome=abandoned",
    ]


# Consultations.


def test_who_consults_has_the_customer_on_hold_and_may_go_back_to_him() -> None:
    play = ann_talks("cid")
    play.tell(consulted())
    assert legs(play) == ["HELD", "OFFERED"]
    play.tell(ev.LegRetrieved(offer_id=1), ev.LegConnected(offer_id=2))
    assert legs(play) == ["CONNECTED", "CONNECTED"]
    assert play.tell(told(1, ConsultEnd.TRANSFER)) == [
        "leg.join leg_id=2 contact_id=c1 offer_id=2",
        "agent.release offer_id=1 agent_id=ann",
    ]
    assert legs(play) == ["WRAPPING", "CONNECTED"]


def test_who_has_the_customer_on_hold_already_may_consult() -> None:
    play = ann_talks("cid")
    play.tell(ev.LegHeld(offer_id=1), consulted(), told(1, ConsultEnd.RETURN))
    assert legs(play) == ["CONNECTED"]


def test_a_consultation_that_waits_becomes_a_transfer_with_its_place() -> None:
    play = ann_talks()
    play.now_s = 5
    play.tell(consulted())
    play.now_s = 9
    assert play.tell(told(1, ConsultEnd.TRANSFER)) == [
        "leg.join leg_id=2 contact_id=c1",
        "agent.release offer_id=1 agent_id=ann",
    ]
    assert last(play).arrived_us == 5 * SECOND_US
    assert "consults" not in play.tell(at_work("cid"))[0]


def test_who_hangs_up_while_he_consults_has_transferred() -> None:
    play = ann_talks("cid")
    play.tell(consulted())
    assert play.tell(ev.LegEnded(offer_id=1)) == ["leg.join leg_id=2 contact_id=c1 offer_id=2"]
    assert play.router.contacts["c1"].presence == Presence.WAITING
    play.tell(ev.LegConnected(offer_id=2))
    assert play.tell(ev.LegEnded(offer_id=2)) == ["customer.release contact_id=c1"]


def test_who_was_asked_may_hang_up_and_the_customer_stays_on_hold() -> None:
    play = ann_talks("cid")
    play.tell(consulted(), ev.LegConnected(offer_id=2))
    assert play.tell(ev.LegEnded(offer_id=2)) == []
    assert legs(play) == ["HELD", "WRAPPING"]
    assert last(play).consults == 0
    assert play.tell(consulted())[0].startswith("leg.open leg_id=3")


def test_a_customer_who_leaves_both_lets_who_was_asked_wrap_up_alone() -> None:
    (sales, service) = HOUSE.queues
    voice = replace(sales.channels[VOICE], wrap_up_us=0)
    queues = (replace(sales, channels={**sales.channels, VOICE: voice}), service)
    play = ann_talks("cid", settings=replace(HOUSE, queues=queues))
    play.tell(consulted(), ev.LegConnected(offer_id=2), ev.LegRetrieved(offer_id=1))
    play.tell(ev.ContactLeft(contact_id="c1"))
    assert legs(play) == ["WRAPPING"]
    assert last(play).consults == 0
    snapshot = play.router.snapshot()
    assert Router.restore(play.router.settings, snapshot).snapshot() == snapshot


def test_a_consultation_comes_back_to_its_place_if_it_is_rejected() -> None:
    play = ann_talks("cid")
    play.tell(consulted(), ev.OfferRejected(offer_id=2))
    assert legs(play) == ["HELD", "QUEUED"]
    assert play.tell(at_work("dan"))[0].endswith("consults=1")


def test_after_a_conference_the_others_stay() -> None:
    play = ann_talks("cid")
    play.tell(consulted(), ev.LegConnected(offer_id=2))
    assert play.tell(told(1, ConsultEnd.CONFERENCE)) == [
        "leg.join leg_id=2 contact_id=c1 offer_id=2"
    ]
    assert legs(play) == ["CONNECTED", "CONNECTED"]
    # A third is asked by one of the two; the other may ask nobody meanwhile.
    play.tell(consulted(2))
    assert play.tell(transferred(1, queue="service")) == [
        "refused reason=not_in_this_state about=1"
    ]
    play.tell(at_work("dan"), ev.LegConnected(offer_id=3))
    play.tell(told(2, ConsultEnd.TRANSFER))
    assert legs(play) == ["CONNECTED", "WRAPPING", "CONNECTED"]
    assert play.tell(ev.LegEnded(offer_id=1)) == []
    assert play.tell(ev.LegEnded(offer_id=3)) == ["customer.release contact_id=c1"]


def test_in_a_conference_one_may_give_his_part_further() -> None:
    play = ann_talks("cid")
    play.tell(consulted(), ev.LegConnected(offer_id=2), told(1, ConsultEnd.CONFERENCE))
    play.tell(transferred(1, queue="service"))
    assert legs(play) == ["WRAPPING", "CONNECTED", "QUEUED"]
    assert play.router.contacts["c1"].presence == Presence.TALKING
    # The customer talked until he left, so he abandoned nothing.
    assert play.tell(ev.ContactLeft(contact_id="c1")) == [
        "leg.close leg_id=3 contact_id=c1 outcome=canceled"
    ]


def test_when_the_last_of_a_conference_leaves_the_customer_waits_where_a_leg_waits() -> None:
    play = ann_talks("cid")
    play.tell(consulted(), ev.LegConnected(offer_id=2), told(1, ConsultEnd.CONFERENCE))
    play.tell(transferred(1, queue="service"))
    assert play.tell(ev.LegEnded(offer_id=2)) == []
    assert play.router.contacts["c1"].presence == Presence.WAITING


# What is refused.


def state_after(play: Play, event: ev.Event) -> list[str]:
    """Return what is answered, and see that nothing changed."""
    before = play.state()
    answer = play.tell(event)
    assert play.state() == before
    return answer


@pytest.mark.parametrize("make", [transferred, consulted])
@pytest.mark.parametrize(
    "fields, answer",
    [
        ({"queue": ""}, "no_queue about=c1"),
        ({"queue": "nowhere"}, "unknown_queue about=nowhere"),
        ({"queue": "service", "priority": 2**40}, "bad_number about=priority"),
        (
            {"queue": "service", "requirement": "juggling"},
            'unknown_skill about="names `juggling` at character 1"',
        ),
        ({"queue": "service", "agent_id": "eve"}, "unknown_agent about=eve"),
        ({"queue": "service", "agent_id": "bob"}, "not_served about=bob"),
        ({"queue": "", "agent_id": "ann"}, "transfer_to_oneself about=ann"),
        ({"queue": "service", "agent_id": "ann"}, "transfer_to_oneself about=ann"),
    ],
)
def test_what_cannot_wait_there_stays_where_it_is(
    make: Any, fields: dict[str, Any], answer: str
) -> None:
    assert state_after(ann_talks("cid"), make(**fields)) == [f"refused reason={answer}"]


def test_a_queue_must_serve_the_channel() -> None:
    play = Play(HOUSE)
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    answer = state_after(play, transferred(queue="service"))
    assert answer == ["refused reason=channel_not_served about=chat"]


EVERY: list[Any] = [
    transferred(queue="service"),
    ev.LegRequeued(offer_id=1),
    consulted(),
    told(1, ConsultEnd.TRANSFER),
]


@pytest.mark.parametrize("event", EVERY, ids=lambda event: type(event).__name__)
def test_who_does_not_have_the_contact_gives_it_nowhere(event: ev.Event) -> None:
    wrong = ["refused reason=not_in_this_state about=1"]
    play = Play(HOUSE)
    play.tell(at_work("ann"), arrived("c1"))
    assert state_after(play, event) == wrong  # It rings.
    play.tell(ev.OfferAccepted(offer_id=1))
    assert state_after(play, event) == wrong
    play.tell(ev.LegConnected(offer_id=1), ev.LegEnded(offer_id=1))
    assert state_after(play, event) == wrong  # She wraps up.
    play.tell(ev.WrapUpEnded(offer_id=1))
    assert state_after(play, event) == []  # It is only late.
    assert state_after(play, replace(event, offer_id=9)) == ["refused reason=unknown_offer about=9"]


@pytest.mark.parametrize("how", ConsultEnd)
def test_what_did_not_begin_does_not_end(how: ConsultEnd) -> None:
    wrong = ["refused reason=not_in_this_state about=1"]
    play = ann_talks("cid")
    assert state_after(play, told(1, how)) == wrong
    play.tell(consulted(), ev.LegConnected(offer_id=2), told(1, ConsultEnd.CONFERENCE))
    assert state_after(play, told(1, how)) == wrong
    # Nor does he who was asked end it.
    assert state_after(play, told(2, how)) == ["refused reason=not_in_this_state about=2"]


def test_nobody_confers_with_one_who_is_not_there() -> None:
    wrong = ["refused reason=not_in_this_state about=1"]
    play = ann_talks()
    play.tell(consulted())
    assert state_after(play, told(1, ConsultEnd.CONFERENCE)) == wrong
    play.tell(at_work("cid"))
    assert state_after(play, told(1, ConsultEnd.CONFERENCE)) == wrong
    play.tell(ev.OfferAccepted(offer_id=2))
    assert state_after(play, told(1, ConsultEnd.CONFERENCE)) == wrong


def test_while_somebody_is_asked_nobody_else_is() -> None:
    play = ann_talks("cid")
    play.tell(consulted(), ev.LegConnected(offer_id=2))
    for event in EVERY[:3]:
        assert state_after(play, event) == ["refused reason=not_in_this_state about=1"]
        # He who was asked has no customer to give further.
        asked = replace(event, offer_id=2)
        assert state_after(play, asked) == ["refused reason=not_in_this_state about=2"]


def test_who_has_a_part_already_is_not_asked_by_name() -> None:
    play = ann_talks("cid")
    play.tell(consulted(), ev.LegConnected(offer_id=2), told(1, ConsultEnd.CONFERENCE))
    answer = state_after(play, consulted(agent_id="cid"))
    assert answer == ["refused reason=not_in_this_state about=cid"]


def test_a_contact_is_not_given_further_without_end() -> None:
    names = [f"agent{number}" for number in range(1, LEGS_MAX + 1)]
    agents = tuple(replace(SHOP.agents[0], agent_id=name) for name in names)
    play = Play(replace(SHOP, agents=agents))
    play.tell(at_work(names[0]), arrived("c1"), ev.LegConnected(offer_id=1))
    for number in range(1, LEGS_MAX):
        play.tell(transferred(number, queue="sales"), at_work(names[number]))
        play.tell(ev.LegConnected(offer_id=number + 1))
    assert len(play.router.contacts["c1"].legs) == LEGS_MAX
    giving = transferred(LEGS_MAX, queue="sales")
    assert state_after(play, giving) == ["refused reason=too_many_legs about=c1"]
    play.tell(ev.WrapUpEnded(offer_id=1))
    assert play.tell(giving)[0].startswith(f"leg.open leg_id={LEGS_MAX + 1}")

"""How contacts ended, in the agents' words; and why agents take breaks.

Method: stories at the small shop under other settings, told in seconds; what is ordered is compared
word for word with the lines of the journal.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.agent_facts import RESTART
from acd.ids import WrapUpMode
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import SECOND_US, DomainSettings
from acd.validation import problems
from tests.unit.shop import CHAT, SHOP, Play, arrived, at_work


def shop(*, required: bool = False) -> DomainSettings:
    """Return the shop whose contacts end in a sale, or in none."""
    (queue,) = SHOP.queues
    queue = replace(queue, dispositions=("sale", "no sale"), disposition_required=required)
    return replace(SHOP, queues=(queue,))


def wrapping(settings: DomainSettings) -> Play:
    """Return a story in which Ann has talked with c1, and wraps up."""
    play = Play(settings)
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1), ev.LegEnded(offer_id=1))
    return play


def told(disposition: str) -> ev.LegDisposed:
    return ev.LegDisposed(offer_id=1, disposition=disposition)


def done(disposition: str = "") -> ev.WrapUpEnded:
    return ev.WrapUpEnded(offer_id=1, disposition=disposition)


def closed(disposition: str) -> list[str]:
    filed = "leg.disposition offer_id=1 contact_id=c1 agent_id=ann"
    return [filed + disposition, "contact.close contact_id=c1 outcome=handled"]


def test_the_last_told_is_filed_when_the_leg_closes() -> None:
    for events, wanted in (
        ((done("sale"),), " disposition=sale"),
        ((told("sale"), done()), " disposition=sale"),
        ((told("sale"), told("no sale"), done()), ' disposition="no sale"'),
        ((told("no sale"), done("sale")), " disposition=sale"),
        ((done(),), ""),
    ):
        play = wrapping(shop())
        play.router = Router.restore(shop(), play.router.snapshot())
        assert play.tell(*events) == closed(wanted)
        assert play.tell(told("sale"), done("sale")) == []


def test_it_may_be_told_while_they_talk_and_of_a_leg_without_wrap_up() -> None:
    play = Play(shop())
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.OfferAccepted(offer_id=1))
    assert play.tell(told("sale")) == ["refused reason=not_in_this_state about=1"]
    play.tell(ev.LegConnected(offer_id=1), told("sale"))
    assert play.tell(ev.LegEnded(offer_id=1))[1:] == closed(" disposition=sale")


@pytest.mark.parametrize(
    "event, refusal",
    [
        (told("sail"), "unknown_disposition about=sail"),
        (told(""), 'unknown_disposition about=""'),
        (done("sail"), "unknown_disposition about=sail"),
        (done(), "no_disposition about=1"),
        (ev.LegDisposed(offer_id=2, disposition="sale"), "unknown_offer about=2"),
        (ev.WrapUpEnded(offer_id=2), "unknown_offer about=2"),
    ],
)
def test_what_cannot_be_told_changes_nothing(event: ev.Event, refusal: str) -> None:
    play = wrapping(shop(required=True))
    state = play.state()
    assert play.tell(event) == [f"refused reason={refusal}"]
    assert play.state() == state


def test_a_queue_without_dispositions_takes_none() -> None:
    play = wrapping(SHOP)
    assert play.tell(told("sale")) == ["refused reason=unknown_disposition about=sale"]
    assert play.tell(done()) == ["contact.close contact_id=c1 outcome=handled"]


def test_where_one_is_required_only_the_cap_ends_the_wrap_up_without() -> None:
    play = wrapping(shop(required=True))
    assert play.tick(10) == ["wrap_up.end offer_id=1 agent_id=ann", *closed("")]
    play = wrapping(shop(required=True))
    assert play.tell(told("sale"), done()) == closed(" disposition=sale")


def test_a_wrap_up_that_has_not_begun_does_not_end() -> None:
    play = Play(shop())
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    assert play.tell(done("sale")) == ["refused reason=not_in_this_state about=1"]


def test_the_handled_are_counted_by_their_dispositions() -> None:
    settings = shop()
    metrics = Metrics(settings, from_us=0)
    router = Router(settings)
    mode = ev.WrapUpModeChanged(agent_id="ann", mode=WrapUpMode.UNTIL_DONE)
    calls: list[ev.Event] = [at_work("ann"), mode]
    for number, name in enumerate(("sale", "", "sale", "no sale"), 1):
        calls += [
            arrived(f"c{number}"),
            ev.LegConnected(offer_id=number),
            ev.LegEnded(offer_id=number),
            ev.WrapUpEnded(offer_id=number, disposition=name),
        ]
    last = calls.pop()
    assert isinstance(last, ev.WrapUpEnded)
    calls.append(ev.Batch(events=(last, arrived("c5"))))
    for event in calls:
        metrics.fold(event, router.step(event, now_us=SECOND_US), SECOND_US)
    voice, chat = metrics.report(2 * SECOND_US).rows
    assert voice.dispositions == {"sale": 2, "no sale": 1, "none": 1}
    assert chat.dispositions == {"sale": 0, "no sale": 0, "none": 0}
    late = Metrics(settings, from_us=SECOND_US)
    ends = ev.WrapUpEnded(offer_id=5, disposition="sale")
    for event in (ev.LegConnected(offer_id=5), ev.LegEnded(offer_id=5), ends):
        late.fold(event, router.step(event, now_us=SECOND_US), SECOND_US)
    assert late.report(2 * SECOND_US).rows[0].dispositions["sale"] == 0
    assert Metrics(SHOP, from_us=0).report(1).rows[0].dispositions == {}


def test_a_break_has_one_of_the_reasons_or_none() -> None:
    play = Play(replace(SHOP, not_ready_reasons=("lunch", "training")))
    play.tell(at_work("ann"))

    def takes_a_break(reason: str) -> list[str]:
        return play.tell(ev.AgentNotReady(agent_id="ann", reason=reason))

    refused = "refused reason=unknown_not_ready_reason about="
    assert takes_a_break("lurch") == [refused + "lurch"]
    for reason in ("lunch", "", RESTART):
        assert takes_a_break(reason) == []
        assert play.router.agent("ann").reason == reason
    play.router.agent("ann").reason = "missed"
    assert takes_a_break("missed") == []
    assert takes_a_break("tea") == [refused + "tea"]
    play.tell(ev.AgentReady(agent_id="ann"))
    assert play.router.agent("ann").reason == ""
    assert takes_a_break("missed") == [refused + "missed"]  # That break is over.


MANY = tuple(f"end {number}" for number in range(201))


@pytest.mark.parametrize(
    "change, wanted",
    [
        ({"dispositions": ("sale", "sale")}, "dispositions[1]: is `sale` again; wanted each name"),
        ({"dispositions": ("",)}, "dispositions[0]: has a name of 0 characters; wanted from 1"),
        ({"dispositions": ("none",)}, "dispositions[0]: is `none`; wanted another name: this is"),
        ({"dispositions": MANY}, "dispositions: has 201 names; wanted at most 200"),
        ({"disposition_required": True}, "dispositions: is empty; wanted dispositions, since one"),
    ],
)
def test_dispositions_that_agents_could_not_tell_apart_are_mistakes(
    change: dict[str, Any], wanted: str
) -> None:
    (queue,) = SHOP.queues
    (mistake,) = problems(replace(SHOP, queues=(replace(queue, **change),)))
    assert str(mistake).startswith(f"queues.sales.{wanted}")


def test_reasons_of_breaks_are_names_too() -> None:
    (mistake,) = problems(replace(SHOP, not_ready_reasons=("tea", "tea")))
    assert str(mistake).startswith("domain.not_ready_reasons[1]: is `tea` again")

"""Contacts with several legs: what the floor keeps of them, and what is counted.

Method: a contact of the small shop gets a further leg by the floor's own move, as the events that
give a contact further do; then the customer and the agents go on, in every order that matters, and
the lines of the journal are compared. What folds events and actions is told the same story.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.actions import Action, CloseContact, CloseLeg, OfferContact, OpenLeg
from acd.contacts import WHILE_PARTY_US, Leg, Presence
from acd.eligibility import Block, block
from acd.errors import ConfigError
from acd.figures import Figures
from acd.ids import Channel, ContactOutcome
from acd.inside import Inside
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import SECOND_US, DomainSettings, RoutingStep
from acd.snapshot import Snapshot
from acd.transfers import open_leg
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

HANDLED, ABANDONED = ContactOutcome.HANDLED, ContactOutcome.ABANDONED
CANCELED = ContactOutcome.CANCELED


def further(play: Play, giver: int = 1, *, keep_place: bool = False, **changes: Any) -> Leg:
    """Open a further leg of a leg's contact; what was ordered is in `play.orders`."""
    floor = play.router._floor
    leg = floor.legs[giver]
    asked = replace(leg.asked, **changes)
    now_us = play.now_s * SECOND_US
    return open_leg(
        floor,
        asked,
        floor.stages.classes.of(asked),
        now_us,
        [],
        giver=leg,
        arrived_us=leg.arrived_us if keep_place else now_us,
    )


def presence(play: Play) -> int:
    return play.router.contacts["c1"].presence


def talking(settings: DomainSettings = SHOP, channel: Channel = VOICE) -> Play:
    """Return a play in which ann talks with c1, and nobody else works."""
    play = Play(settings)
    play.tell(at_work("ann"), arrived("c1", channel), ev.LegConnected(offer_id=1))
    return play


def test_a_contact_goes_on_with_its_other_legs_and_ends_with_its_last() -> None:
    play = talking(channel=CHAT)
    further(play)
    assert play.tell(ev.LegEnded(offer_id=1)) == [
        "leg.close leg_id=1 contact_id=c1 outcome=handled",
    ]
    assert presence(play) == Presence.WAITING
    told = play.tell(at_work("bob"))
    assert told[0].startswith("offer.contact offer_id=2 leg_id=2 contact_id=c1 agent_id=bob")
    play.tell(ev.LegConnected(offer_id=2))
    assert presence(play) == Presence.TALKING
    assert play.tell(ev.LegEnded(offer_id=2)) == [
        "customer.release contact_id=c1",
        "contact.close contact_id=c1 outcome=handled",
    ]


def test_who_still_talks_with_another_is_not_released() -> None:
    play = talking()
    further(play)
    play.tell(at_work("bob"), ev.LegConnected(offer_id=2))
    assert play.tell(ev.LegEnded(offer_id=1)) == []
    assert presence(play) == Presence.TALKING
    assert play.tell(ev.LegEnded(offer_id=2)) == ["customer.release contact_id=c1"]
    assert presence(play) == Presence.GONE
    assert play.tick(10) == [
        "wrap_up.end offer_id=1 agent_id=ann",
        "leg.close leg_id=1 contact_id=c1 outcome=handled",
        "wrap_up.end offer_id=2 agent_id=bob",
        "contact.close contact_id=c1 outcome=handled",
    ]


def test_who_leaves_while_he_talks_cancels_what_waits_beside() -> None:
    play = talking()
    further(play)
    assert play.tell(ev.ContactLeft(contact_id="c1")) == [
        "leg.close leg_id=2 contact_id=c1 outcome=canceled",
    ]
    assert play.tick(10)[-1] == "contact.close contact_id=c1 outcome=handled"


def test_who_leaves_while_he_waits_for_another_agent_abandons() -> None:
    play = talking()
    further(play)
    play.tell(ev.LegEnded(offer_id=1), at_work("bob"))
    assert play.tell(ev.ContactLeft(contact_id="c1")) == [
        "offer.withdraw offer_id=2 agent_id=bob outcome=canceled",
        "leg.close leg_id=2 contact_id=c1 outcome=abandoned",
    ]
    assert play.tick(10)[-1] == "contact.close contact_id=c1 outcome=handled"


def test_an_agent_takes_no_second_leg_of_his_contact() -> None:
    play = talking(channel=CHAT)  # She has room for another chat.
    leg = further(play)
    ann = play.router.agent("ann")
    assert play.tell(ev.Batch(events=())) == []
    assert leg.excluded == {ann.index: WHILE_PARTY_US}
    assert block(leg, ann) is Block.PARTY
    play.tell(ev.LegEnded(offer_id=1))
    assert block(leg, ann) is Block.EXCLUDED
    exclusion_us = SHOP.queues[0].exclusion_us
    assert play.router.next_wakeup_us() == exclusion_us
    assert play.tick(exclusion_us // SECOND_US)[0].startswith("offer.contact offer_id=2 leg_id=2")


def test_without_exclusions_he_may_have_it_when_his_part_is_over() -> None:
    queue = replace(SHOP.queues[0], exclusion_us=0)
    play = talking(replace(SHOP, queues=(queue,)), CHAT)
    further(play)
    assert play.tell(ev.LegEnded(offer_id=1))[-1].startswith(
        "offer.contact offer_id=2 leg_id=2 contact_id=c1 agent_id=ann"
    )


def test_what_he_was_kept_from_counts_no_more_once_another_has_it() -> None:
    play = talking()
    leg = further(play)
    play.tell(at_work("bob"), ev.LegConnected(offer_id=2), ev.LegEnded(offer_id=1))
    assert leg.excluded == {}
    assert play.router.agent("ann").excluded_from == {}


def test_a_kept_place_is_before_those_who_came_later() -> None:
    play = talking()
    play.now_s = 5
    play.tell(arrived("c2"))
    play.now_s = 7
    further(play, keep_place=True)
    assert play.tell(at_work("bob"))[0].startswith("offer.contact offer_id=2 leg_id=3")


def test_a_new_place_is_behind_them() -> None:
    play = talking()
    play.now_s = 5
    play.tell(arrived("c2"))
    play.now_s = 7
    further(play)
    assert play.tell(at_work("bob"))[0].startswith("offer.contact offer_id=2 leg_id=2")


def test_a_leg_that_keeps_its_place_is_as_wide_as_it_has_waited() -> None:
    steps = (RoutingStep(after_us=5 * SECOND_US, requires=""),)
    queue = replace(SHOP.queues[0], requires="cards", steps=steps)
    agents = tuple(replace(agent, skills={"cards": 5}) for agent in SHOP.agents)
    play = talking(replace(SHOP, skills=("cards",), queues=(queue,), agents=agents))
    play.now_s = 7
    assert further(play, keep_place=True).klass.step == 1
    assert further(play).klass.step == 0


def test_a_snapshot_keeps_every_leg_and_what_it_asks_for() -> None:
    play = talking(channel=CHAT)
    leg = further(play, priority=7)
    wire = msgspec.msgpack.encode(play.router.snapshot())
    snapshot = msgspec.msgpack.decode(wire, type=Snapshot)
    assert [one.asked for one in snapshot.legs] == [None, leg.asked]
    restored = Router.restore(SHOP, snapshot)
    assert msgspec.msgpack.encode(restored.snapshot()) == wire
    assert restored.next_wakeup_us() is None
    assert restored.step(ev.Batch(events=()), now_us=0) == ()
    assert restored.step(ev.LegEnded(offer_id=1), now_us=0) == play.router.step(
        ev.LegEnded(offer_id=1), now_us=0
    )


def test_a_snapshot_whose_legs_do_not_belong_together_is_refused() -> None:
    play = talking(channel=CHAT)
    further(play)
    play.tell(arrived("c2", CHAT))
    snapshot = play.router.snapshot()
    first, second, third = snapshot.legs
    strange = replace(second, consults=third.leg_id)
    lost = replace(snapshot.contacts[0], legs=(1,))
    for wrong in (
        replace(snapshot, legs=(first, strange, third)),
        replace(snapshot, contacts=(lost, snapshot.contacts[1])),
    ):
        with pytest.raises(ConfigError, match="crossed references"):
            Router.restore(SHOP, wrong)


# What folds.


class Story:
    """Folds what it is told at a second into the measures of one queue and channel."""

    def __init__(self) -> None:
        self.metrics = Metrics(SHOP, from_us=0)

    def at(self, now_s: int, event: ev.Event, *actions: Action) -> "Story":
        self.metrics.fold(event, actions, now_s * SECOND_US)
        return self

    def figures(self, now_s: int) -> Figures:
        return self.metrics.report(now_s * SECOND_US).rows[0].total


def opened(leg_id: int, contact_id: str = "c1") -> OpenLeg:
    return OpenLeg(leg_id, contact_id, "sales", VOICE, 1)


def offer(number: int, leg_id: int, agent_id: str) -> OfferContact:
    return OfferContact(number, leg_id, "c1", agent_id, "sales", VOICE, 0)


def test_each_leg_counts_as_offered_and_waits_for_itself() -> None:
    story = Story().at(0, arrived("c1"), offer(1, 1, "ann")).at(3, ev.LegConnected(offer_id=1))
    story.at(10, ev.LegEnded(offer_id=1), opened(2), offer(2, 2, "bob"))
    got = story.figures(10)
    assert (got.offered, got.answered, got.waiting) == (2, 1, 1)
    story.at(14, ev.LegConnected(offer_id=2))
    story.at(15, ev.WrapUpEnded(offer_id=1), CloseLeg(1, "c1", HANDLED))
    story.at(20, ev.LegEnded(offer_id=2), CloseContact("c1", HANDLED))
    got = story.figures(20)
    assert (got.offered, got.answered, got.handled, got.waiting) == (2, 2, 2, 0)
    assert (got.wait_us, got.waiting_us) == (7 * SECOND_US, 7 * SECOND_US)
    assert got.handling_us == (12 + 6) * SECOND_US
    assert got.busy_us == (12 + 6) * SECOND_US


def test_a_leg_that_is_canceled_is_no_abandon() -> None:
    story = Story().at(0, arrived("c1"), offer(1, 1, "ann")).at(0, ev.LegConnected(offer_id=1))
    story.at(1, ev.Batch(events=()), opened(2))
    story.at(5, ev.ContactLeft(contact_id="c1"), CloseLeg(2, "c1", CANCELED))
    got = story.figures(9)
    assert (got.offered, got.answered, got.abandoned, got.other_exits) == (2, 1, 0, 1)
    assert (got.waiting, got.waiting_us, got.abandon_wait_us) == (0, 4 * SECOND_US, 0)


def test_who_counts_later_counts_the_legs_that_he_saw_open() -> None:
    story = Story().at(0, ev.Batch(events=()), opened(2), offer(1, 1, "ann"))
    story.at(1, ev.Batch(events=()), CloseLeg(1, "c1", HANDLED), offer(2, 2, "bob"))
    assert story.figures(1).waiting == 1
    story.at(4, ev.ContactLeft(contact_id="c1"), CloseContact("c1", ABANDONED))
    got = story.figures(4)
    assert (got.offered, got.abandoned, got.handled, got.offers.made) == (1, 1, 0, 1)
    story.at(5, ev.ContactLeft(contact_id="c9"), CloseContact("c9", ABANDONED))
    assert story.figures(5).offered == 1


def test_a_contact_of_several_legs_may_close_and_come_again_in_one_batch() -> None:
    story = Story().at(0, arrived("c1"), offer(1, 1, "ann")).at(0, ev.LegConnected(offer_id=1))
    batch = ev.Batch(
        events=(ev.LegEnded(offer_id=1), ev.ContactLeft(contact_id="c1"), arrived("c1"))
    )
    ends = opened(2), opened(3, "c2"), CloseLeg(1, "c1", HANDLED), CloseContact("c1", ABANDONED)
    story.at(5, batch, *ends)
    got = story.figures(5)
    assert (got.offered, got.handled, got.abandoned, got.waiting) == (4, 1, 1, 2)


def test_legs_are_found_by_contact_and_number() -> None:
    inside: Inside[str] = Inside()
    inside.first["c1"] = "a"
    inside.open("c1", 2, "b")
    inside.open("c1", 3, "c")
    inside.open("c2", 4, "d")
    assert ("c1" in inside, "c2" in inside, "c3" in inside) == (True, True, False)
    assert inside.has_several("c1")
    inside.first["c0"] = "z"
    assert not inside.has_several("c0")
    assert inside.close_contact("c0") == "z"
    assert list(inside) == ["a", "b", "c", "d"]
    assert (inside.of("c1"), inside.of("c2"), inside.of("c3")) == (["a", "b", "c"], ["d"], [])
    assert (inside.get("c1", 1), inside.get("c1", 3), inside.get("c2", 1)) == ("a", "c", None)
    assert inside.close_leg("c1", 2) == "b"
    assert inside.close_leg("c1", 1) == "a"
    assert inside.close_leg("c1", 1) is None
    assert inside.close_contact("c1") == "c"
    assert inside.close_contact("c1") is None
    inside.open("c2", 5, "e")
    assert (inside.close_leg("c2", 4), inside.close_leg("c2", 5)) == ("d", "e")
    assert "c2" not in inside

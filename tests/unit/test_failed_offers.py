"""What follows when an offer fails: for the agent, by cause, by policy and by his reason.

Method: stories at the small shop under other settings, told in seconds; what is ordered is compared
word for word with the lines of the journal.
"""

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.eligibility import Block, block
from acd.ids import Availability, FailureCause
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AfterMiss,
    BackOffSettings,
    DomainSettings,
    RejectReason,
    RonaSettings,
)
from tests.unit.shop import CHAT, SHOP, Play, arrived, at_work


@pytest.mark.parametrize(
    "then, lines",
    [
        (AfterMiss.STAY_READY, []),
        (AfterMiss.NOT_RESPONDING, ["agent.set_state agent_id=ann availability=not_responding"]),
        (
            AfterMiss.NOT_READY,
            ["agent.set_state agent_id=ann availability=not_ready reason=missed"],
        ),
        (AfterMiss.LOG_OUT, ["agent.set_state agent_id=ann availability=logged_out"]),
    ],
)
def test_an_agent_who_misses_is_sent_away_as_the_policy_says(then, lines):
    play = Play(replace(SHOP, rona=RonaSettings(then=then)))
    play.tell(at_work("ann"), arrived("c1"))
    withdrawn = "offer.withdraw offer_id=1 agent_id=ann outcome=timed_out"
    assert play.tick(15) == [withdrawn, *lines]


def test_who_has_something_else_drains_before_he_is_logged_out():
    play = Play(replace(SHOP, rona=RonaSettings(then=AfterMiss.LOG_OUT)))
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    play.tell(arrived("c2", CHAT))
    assert play.tick(15)[1:] == ["agent.set_state agent_id=ann availability=draining"]
    told = play.tell(ev.LegEnded(offer_id=1))
    assert told[-1] == "agent.set_state agent_id=ann availability=logged_out"


@pytest.mark.parametrize(
    "then, availability",
    [
        (AfterMiss.NOT_RESPONDING, "not_responding"),
        (AfterMiss.NOT_READY, "not_ready reason=missed"),
        (AfterMiss.LOG_OUT, "logged_out"),
    ],
)
def test_what_else_rings_at_an_agent_who_is_sent_away_is_taken_back(then, availability):
    play = Play(replace(SHOP, rona=RonaSettings(then=then)))
    play.tell(at_work("ann"), arrived("c1", CHAT))
    play.now_s = 5
    play.tell(arrived("c2", CHAT))
    assert play.tick(15) == [
        "offer.withdraw offer_id=1 agent_id=ann outcome=timed_out",
        "offer.withdraw offer_id=2 agent_id=ann outcome=revoked",
        f"agent.set_state agent_id=ann availability={availability}",
    ]
    assert play.router.legs[1].excluded == {0: 45 * SECOND_US}
    assert play.router.legs[2].excluded is None


def test_only_misses_in_a_row_count():
    play = Play(replace(SHOP, rona=RonaSettings(after=2)))
    play.tell(at_work("ann"), arrived("c1"))
    play.tick(15)
    assert play.router.agent("ann").availability is Availability.READY
    play.tell(arrived("c2"), ev.LegConnected(offer_id=2), ev.LegEnded(offer_id=2))
    play.tick(25)
    play.tell(arrived("c3"), ev.OfferAccepted(offer_id=3), ev.LegConnected(offer_id=3))
    assert play.router.agent("ann").missed == 0
    play.tell(ev.LegEnded(offer_id=3))
    play.tick(35)
    play.tick(45)  # c1 rings again, its exclusion being over.
    assert play.router.agent("ann").missed == 0
    play.tick(60)
    assert play.router.agent("ann").missed == 1
    restored = Router.restore(play.router._settings, play.router.snapshot())
    assert restored.agent("ann").missed == 1
    play.tell(arrived("c4"))
    play.tick(75)
    assert play.router.agent("ann").availability is Availability.NOT_RESPONDING


BACK_OFFS = BackOffSettings(
    busy_us=2 * SECOND_US,
    unreachable_us=60 * SECOND_US,
    congestion_us=0,
    not_connected_us=4 * SECOND_US,
    missed_us=7 * SECOND_US,
    rejected_us=3 * SECOND_US,
)


@pytest.mark.parametrize(
    "event, free_s",
    [
        (ev.OfferFailed(offer_id=1, cause=FailureCause.BUSY), 2),
        (ev.OfferFailed(offer_id=1, cause=FailureCause.UNREACHABLE), 60),
        (ev.OfferFailed(offer_id=1, cause=FailureCause.CONGESTION), 0),
        (ev.OfferFailed(offer_id=1, cause=FailureCause.REFUSED), 5),
        (ev.OfferRejected(offer_id=1), 3),
    ],
    ids=lambda one: getattr(one, "cause", "reject") if isinstance(one, ev.OfferFailed) else None,
)
def test_each_cause_has_its_back_off(event, free_s):
    play = Play(replace(SHOP, back_off=BACK_OFFS))
    play.tell(at_work("ann"), arrived("c1"), event)
    agent = play.router.agent("ann")
    assert agent.back_off_until_us == free_s * SECOND_US
    play.tell(arrived("c2"))
    if free_s:
        assert play.tick(free_s)[0].startswith("offer.contact offer_id=2")
    assert 2 in play.router.offers


def test_ringing_out_and_not_connecting_have_theirs():
    play = Play(replace(SHOP, back_off=BACK_OFFS, rona=RonaSettings(then=AfterMiss.STAY_READY)))
    play.tell(at_work("ann", "bob"), arrived("c1"), arrived("c2"), ev.OfferAccepted(offer_id=2))
    play.tick(10)
    assert play.router.agent("bob").back_off_until_us == 14 * SECOND_US
    play.tick(14)
    play.tick(15)
    assert play.router.agent("ann").back_off_until_us == 22 * SECOND_US


def test_a_shorter_back_off_does_not_end_a_longer_one():
    play = Play(replace(SHOP, back_off=BACK_OFFS))
    play.tell(at_work("ann"), arrived("c1", CHAT), arrived("c2", CHAT))
    play.tell(ev.OfferFailed(offer_id=1, cause=FailureCause.UNREACHABLE))
    play.tell(ev.OfferRejected(offer_id=2))
    assert play.router.agent("ann").back_off_until_us == 60 * SECOND_US


REASONS = (
    RejectReason(name="paperwork", back_off_us=60 * SECOND_US),
    RejectReason(name="wrong", exclusion_us=300 * SECOND_US, back_off_us=0),
    RejectReason(name="unwell", not_ready=True),
    RejectReason(name="none"),
)
REASONED: DomainSettings = replace(
    SHOP, reject_reasons=REASONS, back_off=BackOffSettings(rejected_us=3 * SECOND_US)
)


@pytest.mark.parametrize(
    "reason, back_off_s, exclusion_s, availability",
    [
        ("", 3, 30, Availability.READY),
        ("none", 3, 30, Availability.READY),
        ("paperwork", 60, 30, Availability.READY),
        ("wrong", 0, 300, Availability.READY),
        ("unwell", 3, 30, Availability.NOT_READY),
    ],
)
def test_a_reject_has_the_consequence_of_its_reason(reason, back_off_s, exclusion_s, availability):
    play = Play(REASONED)
    play.tell(at_work("ann"), arrived("c1"))
    told = play.tell(ev.OfferRejected(offer_id=1, reason=reason))
    agent = play.router.agent("ann")
    assert agent.back_off_until_us == back_off_s * SECOND_US
    assert play.router.legs[1].excluded == {0: exclusion_s * SECOND_US}
    assert agent.availability is availability
    away = ["agent.set_state agent_id=ann availability=not_ready reason=unwell"]
    assert told == (away if availability is Availability.NOT_READY else [])


def test_a_reject_that_sends_him_on_a_break_takes_back_what_else_rings():
    play = Play(REASONED)
    play.tell(at_work("ann"), arrived("c1", CHAT), arrived("c2", CHAT))
    assert play.tell(ev.OfferRejected(offer_id=1, reason="unwell")) == [
        "offer.withdraw offer_id=2 agent_id=ann outcome=revoked",
        "agent.set_state agent_id=ann availability=not_ready reason=unwell",
    ]


def test_a_reason_that_nobody_declared_is_refused_and_changes_nothing():
    play = Play(REASONED)
    play.tell(at_work("ann"), arrived("c1"))
    before = play.state()
    assert play.tell(ev.OfferRejected(offer_id=1, reason="lunch")) == [
        "refused reason=unknown_reject_reason about=lunch"
    ]
    assert play.state() == before
    free = Play()
    free.tell(at_work("ann"), arrived("c1"))
    assert free.tell(ev.OfferRejected(offer_id=1, reason="lunch")) == []


def test_offers_to_one_agent_keep_their_distance():
    play = Play(replace(SHOP, offer_gap_us=5 * SECOND_US))
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    play.now_s = 2
    assert play.tell(arrived("c2", CHAT)) == []
    assert block(play.router.legs[2], play.router.agent("ann")) is Block.OFFER_GAP
    restored = Router.restore(play.router._settings, play.router.snapshot())
    assert restored.next_wakeup_us() == play.router.next_wakeup_us() == 5 * SECOND_US
    assert play.tick(5)[0].startswith("offer.contact offer_id=2 leg_id=2")

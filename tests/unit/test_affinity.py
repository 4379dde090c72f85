"""Affinity, through the router: for whom a contact is kept, until when, and what ends it before.

Method: stories at the shop, told in seconds; each names what is kept for whom and who gets what.
The situations in which the index takes another way (rounds, few changes, tiers, rows of heads,
counters) are met on purpose; what the oracle says of worlds drawn at random is in tests/properties.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import acd.affinity
from acd import events as ev
from acd.actions import OfferContact
from acd.eligibility import Block, block, may_take
from acd.ids import Channel, ConsultEnd, Device, FailureCause
from acd.router import FIRED_MAX, Router
from acd.settings import (
    SECOND_US,
    AffinitySettings,
    DomainSettings,
    ProfileSettings,
    RejectReason,
    RoutingStep,
    Serves,
    TeamSettings,
    Urgency,
)
from acd.snapshot import Snapshot
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

(SALES,) = SHOP.queues
ANN, BOB = SHOP.agents
DAY_S = 24 * 3600


def affinity(*, team_s: int = 0, **limits_s: int) -> AffinitySettings:
    team = TeamSettings(contact="campaign", agent="team", limit_us=team_s * SECOND_US)
    return AffinitySettings(
        team=team if team_s else None,
        **{f"{name}_us": limit_s * SECOND_US for name, limit_s in limits_s.items()},
    )


def shop(kept: AffinitySettings | None, **changes: Any) -> DomainSettings:
    """Return the shop with affinity: Ann is of the red team, Bob and Cid of the blue one."""
    teams = {"ann": "red", "bob": "blue", "cid": "blue"}
    agents = tuple(
        replace(ANN, agent_id=name, attributes={"team": team}) for name, team in teams.items()
    )
    settings = replace(
        SHOP,
        queues=(replace(SALES, affinity=kept),),
        agents=agents,
        attributes={"team": ("red", "blue")},
    )
    return replace(settings, **changes)


def two_queues(kept: AffinitySettings, *, tier: int = 1, delay_s: int = 0, **changes: Any) -> Any:
    """Return the shop with a second queue, at a tier and a delay of its own."""
    settings = shop(kept, **changes)
    (sales,) = settings.queues
    serves = (
        Serves(queue="sales", channels=(VOICE, CHAT)),
        Serves(queue="care", channels=(VOICE, CHAT), tier=tier, delay_us=delay_s * SECOND_US),
    )
    return replace(
        settings,
        queues=(sales, replace(sales, name="care")),
        profiles=(ProfileSettings(name="all", serves=serves),),
    )


def named(contact_id: str, agent_id: str, channel: Channel = VOICE, **more: Any) -> Any:
    fields = {"queue": "sales", "channel": channel, **more}
    return ev.ContactArrived(contact_id=contact_id, named_agent=agent_id, **fields)


def by(contact_id: str, customer: str) -> ev.ContactArrived:
    return replace(arrived(contact_id), customer=customer)


def of_team(contact_id: str, team: str, **more: Any) -> ev.ContactArrived:
    return replace(arrived(contact_id), attributes=(("campaign", team),), **more)


def offered(lines: list[str]) -> list[str]:
    """Return the offers as `contact agent`."""
    words = [one.split() for one in lines if one.startswith("offer.contact")]
    fields = [dict(part.split("=", 1) for part in one[1:]) for one in words]
    return [f"{one['contact_id']} {one['agent_id']}" for one in fields]


def kept(play: Play) -> dict[str, str]:
    """Return for whom each contact is kept."""
    router = play.router
    return {
        leg.contact_id: router.agents[leg.kept_for].agent_id
        for leg in router.legs.values()
        if leg.kept_for >= 0
    }


NAMED = affinity(named_agent=30)


# Whom a contact names.


def test_a_contact_is_kept_for_whom_it_names_and_is_his_alone():
    play = Play(shop(NAMED))
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"))
    assert play.tell(named("c1", "bob")) == []
    (leg,) = play.router.legs.values()
    ann, bob = play.router.agent("ann"), play.router.agent("bob")
    assert block(leg, ann) is Block.AFFINITY_HOLD
    assert block(leg, bob) is None
    assert not may_take(leg, ann)
    assert offered(play.tell(ev.AgentReady(agent_id="bob"))) == ["c1 bob"]
    play.tell(ev.LegConnected(offer_id=1))
    assert kept(play) == {}
    assert play.router.next_wakeup_us() is None


def test_he_gets_it_at_once_though_others_have_been_idle_longer():
    play = Play(shop(NAMED))
    play.tell(at_work("ann"))
    play.now_s = 5
    assert offered(play.tell(at_work("bob"), named("c1", "bob"))) == ["c1 bob"]


def test_who_leaves_and_comes_back_is_kept_no_longer_for_it():
    settings = shop(NAMED)
    settings = replace(settings, queues=(replace(settings.queues[0], resume_us=60 * SECOND_US),))
    play = Play(settings)
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(named("c0", "bob", customer="ada"))
    play.now_s = 20
    play.tell(ev.ContactLeft(contact_id="c0"), named("c1", "bob", customer="ada"))
    assert kept(play) == {"c1": "bob"}
    assert play.router.next_wakeup_us() == 30 * SECOND_US
    play.tell(ev.ContactLeft(contact_id="c1"))
    play.now_s = 30
    assert offered(play.tell(named("c2", "bob", customer="ada"))) == ["c2 ann"]


def test_the_limit_ends_it_exactly_and_the_place_is_kept():
    play = Play(shop(NAMED))
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(ev.AgentNotReady(agent_id="ann"), named("old", "bob"))
    play.now_s = 1
    play.tell(arrived("young"))
    key = play.router.legs[1].key
    assert play.router.next_wakeup_us() == 30 * SECOND_US
    assert play.router.step(ev.ClockTicked(), now_us=30 * SECOND_US - 1) == ()
    assert kept(play) == {"old": "bob"}
    assert play.tick(30) == []
    assert kept(play) == {}
    assert play.router.legs[1].key == key
    assert offered(play.tell(ev.AgentReady(agent_id="ann"))) == ["old ann"]


@pytest.mark.parametrize(
    "limits, events, whom",
    [
        ({"named_agent": 30}, (ev.AgentLoggedOut(agent_id="bob"),), {}),
        ({"named_agent": 30}, (ev.DrainRequested(agent_id="bob"),), {}),
        ({"named_agent": 0, "last_agent": 5}, (), {}),
        ({"named_agent": 30}, (ev.AgentNotReady(agent_id="bob"),), {"c1": "bob"}),
        (
            {"named_agent": 30},
            (ev.DeviceChanged(agent_id="bob", device=Device.UNREACHABLE),),
            {"c1": "bob"},
        ),
    ],
)
def test_nothing_is_kept_for_who_is_not_there_or_where_the_queue_does_not(limits, events, whom):
    play = Play(shop(affinity(**limits)))
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"), *events, named("c1", "bob"))
    assert kept(play) == whom


def test_nothing_is_kept_for_who_may_not_take_it_and_an_unknown_name_is_refused():
    settings = shop(NAMED, skills=("cards",))
    play = Play(settings)
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    before = play.state()
    assert play.tell(named("c1", "robert")) == ["refused reason=unknown_agent about=robert"]
    assert play.state() == before
    play.tell(named("c1", "bob", requirement="cards"))
    assert kept(play) == {}
    settings = two_queues(NAMED)
    care = replace(settings.queues[1], affinity=None)
    play = Play(replace(settings, queues=(settings.queues[0], care)))
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(named("c2", "bob", queue="care"))
    assert kept(play) == {}


# What ends it.


def test_all_that_is_kept_for_who_logs_out_is_anybodys_in_portions():
    play = Play(shop(NAMED))
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(*(named(f"c{number}", "bob") for number in range(FIRED_MAX + 1)))
    play.now_s = 10
    assert play.tell(ev.AgentLoggedOut(agent_id="bob")) == []
    after_us = 10 * SECOND_US + 1
    assert play.router.next_wakeup_us() == after_us
    assert len(play.router.step(ev.ClockTicked(), now_us=after_us)) == 1
    assert len(kept(play)) == 1
    assert play.router.next_wakeup_us() == after_us
    play.router.step(ev.ClockTicked(), now_us=after_us)
    assert kept(play) == {}


def test_who_is_logged_out_for_letting_it_ring_is_waited_for_no_longer():
    rona = msgspec.convert({"then": "log_out"}, type(SHOP.rona))
    play = Play(shop(NAMED, rona=rona))
    play.tell(at_work("bob"), named("c1", "bob"), named("c2", "bob"))
    play.tick(15)
    assert kept(play) == {"c2": "bob"}
    assert play.router.next_wakeup_us() == 15 * SECOND_US + 1


@pytest.mark.parametrize("how", ["reject", "reject without a penalty", "fail", "not connected"])
def test_who_fails_to_take_it_is_waited_for_no_longer(how):
    reasons = (RejectReason(name="unwell", not_ready=True, exclusion_us=0),)
    play = Play(shop(NAMED, reject_reasons=reasons))
    play.tell(at_work("bob", "ann"), named("c1", "bob"))
    assert kept(play) == {"c1": "bob"}
    events: dict[str, tuple[ev.Event, ...]] = {
        "reject": (ev.OfferRejected(offer_id=1),),
        "reject without a penalty": (ev.OfferRejected(offer_id=1, reason="unwell"),),
        "fail": (ev.OfferFailed(offer_id=1, cause=FailureCause.BUSY),),
        "not connected": (ev.OfferAccepted(offer_id=1),),
    }
    told = play.tell(*events[how])
    told += play.tick(10)
    assert offered(told) == ["c1 ann"]
    assert kept(play) == {}


def test_an_offer_taken_back_by_a_break_does_not_end_it():
    play = Play(shop(NAMED))
    play.tell(at_work("bob", "ann"), named("c1", "bob"))
    assert offered(play.tell(ev.AgentNotReady(agent_id="bob"))) == []
    assert kept(play) == {"c1": "bob"}
    assert offered(play.tell(ev.AgentReady(agent_id="bob"))) == ["c1 bob"]


def test_a_limit_that_is_over_while_it_rings_at_him_leaves_the_offer_alone():
    channels = {VOICE: replace(SALES.channels[VOICE], ring_us=60 * SECOND_US)}
    serves = (Serves(queue="sales", channels=(VOICE,)),)
    play = Play(
        shop(
            NAMED,
            queues=(replace(SALES, channels=channels, affinity=NAMED),),
            profiles=(replace(SHOP.profiles[0], serves=serves),),
        )
    )
    play.tell(at_work("bob", "ann"), named("c1", "bob"))
    assert play.tick(30) == []
    assert kept(play) == {}
    play.now_s = 40
    assert offered(play.tell(ev.AgentNotReady(agent_id="bob"))) == ["c1 ann"]


def test_a_customer_who_leaves_is_kept_for_nobody():
    play = Play(shop(NAMED))
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(named("c1", "bob"), named("c2", "bob"), named("c3", "bob"))
    play.tell(ev.ContactLeft(contact_id="c2"), ev.ContactLeft(contact_id="c1"))
    assert offered(play.tell(ev.AgentReady(agent_id="bob"))) == ["c3 bob"]
    play.tell(ev.ContactLeft(contact_id="c3"))
    assert play.router.next_wakeup_us() is None


def test_steps_go_on_while_it_is_kept():
    queue = replace(
        SALES,
        requires="cards",
        affinity=NAMED,
        steps=(RoutingStep(after_us=10 * SECOND_US, requires=""),),
    )
    settings = shop(NAMED, queues=(queue,), skills=("cards",))
    (ann, *rest) = settings.agents
    settings = replace(settings, agents=(replace(ann, skills={"cards": 5}), *rest))
    play = Play(settings)
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="ann"), named("c1", "ann"))
    assert play.tick(10) == ["leg.widen leg_id=1 contact_id=c1 step=1"]
    assert kept(play) == {"c1": "ann"}
    assert offered(play.tick(30)) == ["c1 bob"]


# What is given back.


def given_to_ann(kept_for: AffinitySettings, contact: ev.ContactArrived) -> Play:
    """Return a play in which a contact is assigned to Ann and she talks with the customer."""
    play = Play(shop(kept_for))
    play.tell(at_work("ann", "bob", "cid"))
    play.tell(*(ev.AgentNotReady(agent_id=name) for name in ("ann", "bob", "cid")))
    play.tell(contact, ev.ContactAssigned(contact_id=contact.contact_id, agent_id="ann"))
    play.tell(ev.AgentReady(agent_id="ann"), ev.LegConnected(offer_id=1))
    return play


def test_what_is_given_back_is_kept_for_whom_it_names_as_if_it_had_never_been_away():
    play = given_to_ann(NAMED, named("c1", "bob"))
    play.now_s = 20
    play.tell(ev.LegRequeued(offer_id=1))
    assert kept(play) == {"c1": "bob"}
    assert play.router.legs[2].kept_until_us == 30 * SECOND_US
    assert Router.restore(play.router.settings, play.router.snapshot()).legs[2].kept_for == 1


def test_what_is_given_back_after_the_limit_is_anybodys():
    play = given_to_ann(NAMED, named("c1", "bob"))
    play.now_s = 30
    play.tell(ev.LegRequeued(offer_id=1))
    assert kept(play) == {}


def test_what_the_named_agent_gives_back_is_not_kept_for_him():
    play = given_to_ann(affinity(named_agent=30, last_agent=60), named("c1", "ann", customer="k1"))
    play.now_s = 5
    play.tell(ev.LegRequeued(offer_id=1))
    assert kept(play) == {}
    assert play.router.legs[2].asked.named_agent == ""
    assert play.router.contacts["c1"].arrival.named_agent == "ann"


def test_what_is_given_back_is_not_kept_for_who_has_a_part_in_it():
    play = given_to_ann(NAMED, named("c1", "bob"))
    play.tell(ev.ConsultRequested(offer_id=1, agent_id="bob"), ev.AgentReady(agent_id="bob"))
    play.tell(ev.LegConnected(offer_id=2), ev.ConsultEnded(offer_id=1, how=ConsultEnd.CONFERENCE))
    play.tell(ev.LegRequeued(offer_id=1))
    assert play.router.legs[3].asked.named_agent == "bob"
    assert kept(play) == {}


def test_who_gives_a_customer_back_was_his_last_agent():
    play = given_to_ann(affinity(last_agent=60), by("c1", "k1"))
    play.tell(ev.LegRequeued(offer_id=1), by("c2", "k1"))
    assert kept(play) == {"c2": "ann"}


def test_whose_time_to_park_a_customer_is_over_was_his_last_agent():
    settings = shop(affinity(last_agent=60))
    (sales,) = settings.queues
    chat = replace(sales.channels[CHAT], park_us=20 * SECOND_US)
    queue = replace(sales, channels={**sales.channels, CHAT: chat})
    play = Play(replace(settings, queues=(queue,)))
    play.tell(at_work("ann"), replace(arrived("c1", CHAT), customer="k1"))
    play.tell(ev.LegConnected(offer_id=1), ev.LegParked(offer_id=1))
    play.tick(20)
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="ann"), by("c2", "k1"))
    assert kept(play) == {"c2": "ann"}


# Who last handled a customer.


def test_a_customer_who_comes_back_is_kept_for_who_handled_him():
    play = Play(shop(affinity(last_agent=60)))
    play.tell(at_work("ann"), by("c1", "k1"), ev.LegConnected(offer_id=1))
    play.now_s = 10
    play.tell(at_work("bob"), ev.LegEnded(offer_id=1))  # Ann wraps up until 20.
    assert play.tell(by("c2", "k1")) == []
    assert offered(play.tell(by("c3", "k2"))) == ["c3 bob"]
    assert "c2 ann" in offered(play.tick(20))


def test_contacts_without_a_customer_are_no_customers_contacts():
    play = Play(shop(affinity(last_agent=60)))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1), ev.LegEnded(offer_id=1))
    play.tell(arrived("c2"))
    assert kept(play) == {}


@pytest.mark.parametrize(
    "more, back_s, whom",
    [
        ({}, 7 * DAY_S + 1, {}),
        ({}, 7 * DAY_S, {"c2": "ann"}),
        ({"last_agent_within": 100}, 101, {}),
        ({"last_agent_within": 100}, 100, {"c2": "ann"}),
    ],
)
def test_a_memory_grows_old(more, back_s, whom):
    play = Play(shop(affinity(last_agent=60, **more)))
    play.tell(at_work("ann"), by("c1", "k1"), ev.LegConnected(offer_id=1), ev.LegEnded(offer_id=1))
    play.tick(10)
    play.tell(ev.AgentNotReady(agent_id="ann"))
    play.now_s = back_s
    play.tell(by("c2", "k1"))
    assert kept(play) == whom


def test_the_customer_served_longest_ago_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(acd.affinity, "CUSTOMERS_MAX", 2)
    play = Play(shop(affinity(last_agent=60)))
    for number, customer in enumerate(("k1", "k2", "k1", "k3"), start=1):
        play.tell(at_work("ann"), by(f"c{number}", customer), ev.LegConnected(offer_id=number))
        play.tell(ev.LegEnded(offer_id=number))
        play.tick(play.now_s + 10)
    snapshot = play.router.snapshot()
    assert [one for one, _, _ in snapshot.last_agents] == ["k1", "k3"]
    restored = Router.restore(shop(affinity(last_agent=60)), snapshot)
    assert restored.snapshot() == snapshot
    forgetful = Router.restore(shop(None), snapshot)
    assert forgetful.snapshot().last_agents == ()


def test_whom_a_contact_names_comes_before_who_handled_it_last():
    play = Play(shop(affinity(named_agent=30, last_agent=60)))
    play.tell(at_work("ann", "bob", "cid"), by("c1", "k1"), ev.LegConnected(offer_id=1))
    play.tell(*(ev.AgentNotReady(agent_id=name) for name in ("ann", "bob", "cid")))
    play.tell(ev.LegEnded(offer_id=1))
    play.tick(10)
    play.tell(named("c2", "bob", customer="k1"), by("c3", "k1"))
    assert kept(play) == {"c2": "bob", "c3": "ann"}
    play.tell(ev.AgentLoggedOut(agent_id="cid"), named("c4", "cid", customer="k1"))
    assert kept(play) == {"c2": "bob", "c3": "ann", "c4": "ann"}
    play.router.step(ev.AgentLoggedOut(agent_id="ann"), now_us=11 * SECOND_US)
    play.router.step(ev.ClockTicked(), now_us=11 * SECOND_US + 1)
    play.now_s = 12
    play.tell(by("c5", "k1"))
    assert kept(play) == {"c2": "bob"}


# An account's team.


def test_an_accounts_contact_is_its_teams_and_then_anybodys():
    play = Play(shop(affinity(team_s=20)))
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"))
    assert play.tell(of_team("c1", "blue")) == []
    (leg,) = play.router.legs.values()
    assert block(leg, play.router.agent("ann")) is Block.AFFINITY_HOLD
    assert block(leg, play.router.agent("bob")) is None
    assert play.router.next_wakeup_us() == 20 * SECOND_US
    assert offered(play.tick(20)) == ["c1 ann"]


def test_whoever_of_the_team_is_free_takes_it():
    play = Play(shop(affinity(team_s=20)))
    assert offered(play.tell(at_work("ann", "bob"), of_team("c1", "blue"))) == ["c1 bob"]


@pytest.mark.parametrize("team", ["", "green", "blue"])
def test_no_team_is_waited_for_that_is_not_there(team):
    play = Play(shop(affinity(team_s=20)))
    assert offered(play.tell(at_work("ann"), of_team("c1", team))) == ["c1 ann"]


def test_a_queue_without_teams_reads_none():
    settings = two_queues(affinity(team_s=20))
    care = replace(settings.queues[1], affinity=None)
    play = Play(replace(settings, queues=(settings.queues[0], care)))
    told = play.tell(at_work("ann", "bob"), of_team("c1", "blue", queue="care"))
    assert offered(told) == ["c1 ann"]


def test_when_the_last_of_the_team_logs_out_it_is_anybodys():
    play = Play(shop(affinity(team_s=20)))
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"), of_team("c1", "blue"))
    play.tell(ev.AgentLoggedOut(agent_id="bob"))
    assert play.router.next_wakeup_us() == 1
    actions = play.router.step(ev.ClockTicked(), now_us=1)
    assert len(actions) == 1


def test_the_teams_time_follows_that_of_one_person():
    play = Play(shop(affinity(named_agent=10, team_s=20)))
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="ann"))
    play.tell(at_work("cid"), ev.AgentNotReady(agent_id="bob"))
    # For Ann alone, who is of another team; then for Cid and Bob; then for all.
    play.tell(ev.AgentNotReady(agent_id="cid"), of_team("c1", "blue", named_agent="ann"))
    (leg,) = play.router.legs.values()
    ann, bob = play.router.agent("ann"), play.router.agent("bob")
    assert block(leg, ann) is None
    assert block(leg, bob) is Block.AFFINITY_HOLD
    play.tick(10)
    assert block(leg, ann) is Block.AFFINITY_HOLD
    assert block(leg, bob) is None
    play.tick(20)
    assert block(leg, ann) is block(leg, bob) is None
    assert offered(play.tell(ev.AgentReady(agent_id="ann"))) == ["c1 ann"]


# The index.


def test_of_what_is_kept_for_him_and_what_is_anybodys_he_gets_the_first():
    play = Play(two_queues(NAMED))
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    for number, event in enumerate(
        (arrived("c1"), named("c2", "bob"), named("c3", "bob", queue="care"), arrived("c4"))
    ):
        play.now_s = number
        play.tell(event)
    got = []
    for number in range(1, 5):
        got += offered(play.tell(ev.AgentReady(agent_id="bob")))
        play.tell(ev.LegConnected(offer_id=number), ev.AgentNotReady(agent_id="bob"))
        play.tell(ev.LegEnded(offer_id=number), ev.WrapUpEnded(offer_id=number))
    assert got == ["c1 bob", "c2 bob", "c3 bob", "c4 bob"]


@pytest.mark.parametrize(
    "kept_queue, other_queue, first",
    [("sales", "care", "kept"), ("care", "sales", "other"), ("sales", "sales", "other")],
)
def test_tiers_come_before_the_order_of_arrival(kept_queue, other_queue, first):
    play = Play(two_queues(NAMED, tier=2))
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(arrived("other", queue=other_queue), named("kept", "bob", queue=kept_queue))
    assert offered(play.tell(ev.AgentReady(agent_id="bob"))) == [f"{first} bob"]


def test_a_kept_leg_of_a_nearer_tier_is_found_though_a_batch_brought_both():
    play = Play(two_queues(NAMED, tier=2))
    far = arrived("far", queue="care")
    told = play.tell(ev.Batch(events=(*at_work("bob").events, far, named("near", "bob"))))
    assert offered(told) == ["near bob"]


def test_a_tier_counts_of_which_only_a_contact_is_that_is_kept_for_him():
    """He is named and not of its team, so that no class of this tier is open to him."""
    play = Play(two_queues(affinity(named_agent=30, team_s=60), tier=2))
    play.tell(at_work("ann"), ev.AgentNotReady(agent_id="ann"))
    near = of_team("near", "red", named_agent="bob")
    events = (*at_work("bob").events, arrived("far", queue="care"), near)
    assert offered(play.tell(ev.Batch(events=events))) == ["near bob"]


def test_what_is_delayed_for_his_profile_is_passed_over():
    play = Play(two_queues(NAMED, delay_s=20))
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(named("delayed", "bob", CHAT, queue="care"), named("plain", "bob", CHAT))
    assert kept(play) == {"delayed": "bob", "plain": "bob"}
    assert offered(play.tell(ev.AgentReady(agent_id="bob"))) == ["plain bob"]
    assert play.tell(named("new", "bob", CHAT, queue="care")) == []
    play.tell(ev.LegConnected(offer_id=1))
    assert offered(play.tick(20)) == ["delayed bob"]


def test_what_his_channels_have_no_room_for_is_passed_over():
    play = Play(shop(NAMED))
    play.tell(at_work("bob"), arrived("a", CHAT), arrived("b", CHAT))
    play.tell(ev.LegConnected(offer_id=1), ev.LegConnected(offer_id=2))
    play.tell(ev.AgentNotReady(agent_id="bob"))
    play.tell(named("chat", "bob", CHAT), named("call", "bob"))
    told = play.tell(ev.AgentReady(agent_id="bob"))
    assert offered(told) == ["call bob"]  # For which his chats are set aside.


CROWD = 12


def test_many_who_come_at_once_are_kept_and_the_rest_is_matched():
    play = Play(two_queues(NAMED))
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"))
    arrivals = [named(f"b{number}", "bob", queue="care") for number in range(CROWD)]
    arrivals += [named("a", "ann"), arrived("any")]
    assert offered(play.tell(ev.Batch(events=tuple(arrivals)))) == ["a ann"]
    play.tell(ev.AgentNotReady(agent_id="ann"))  # "a" goes back to its place.
    assert offered(play.tell(at_work("bob"))) == ["b0 bob"]


def test_many_who_change_at_once_find_what_is_kept_for_each():
    play = Play(two_queues(NAMED))
    play.tell(at_work("ann", "bob", "cid"))
    play.tell(*(ev.AgentNotReady(agent_id=name) for name in ("ann", "bob", "cid")))
    play.tell(named("c1", "bob"), named("c2", "bob", CHAT), named("c3", "ann"))
    play.tell(named("c4", "cid", CHAT), named("c5", "cid", CHAT, queue="care"))
    chats = [named(f"more{number}", "bob", CHAT) for number in range(CROWD)]
    readies = [ev.AgentReady(agent_id=name) for name in ("cid", "ann", "bob")]
    told = play.tell(ev.Batch(events=(*readies, *chats)))
    assert offered(told) == ["c1 bob", "c3 ann", "c4 cid", "c5 cid"]


def test_a_round_goes_on_with_the_next_that_is_kept():
    play = Play(shop(NAMED))
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    chats = [named(f"c{number}", "bob", CHAT) for number in range(CROWD)]
    told = play.tell(ev.Batch(events=(*chats, ev.AgentReady(agent_id="bob"))))
    assert offered(told) == ["c0 bob", "c1 bob"]
    play = Play(shop(NAMED))
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"), named("only", "bob", CHAT))
    calls = [named(f"c{number}", "ann") for number in range(CROWD)]
    play.tell(ev.Batch(events=(*calls, ev.AgentReady(agent_id="bob"))))
    assert play.router.agent("bob").offers.keys() == {1}


@pytest.mark.parametrize("urgency", [Urgency.QUEUE_RATIO, Urgency.WAIT_OVER_OBJECTIVE])
def test_where_time_or_counters_order_the_queues_what_is_kept_counts_in_its_own(urgency):
    share = 1 if urgency is Urgency.QUEUE_RATIO else None
    settings = two_queues(NAMED, urgency=urgency)
    queues = tuple(replace(queue, waiting_share=share) for queue in settings.queues)
    play = Play(replace(settings, queues=queues))
    play.tell(at_work("ann", "bob"))
    play.tell(ev.AgentNotReady(agent_id="ann"), ev.AgentNotReady(agent_id="bob"))
    play.tell(arrived("c1"))
    play.now_s = 1
    play.tell(arrived("c2", queue="care"), named("c3", "bob", queue="care"))
    # With what is kept for Bob two wait in care; one of them may be Ann's.
    first = "c2" if urgency is Urgency.QUEUE_RATIO else "c1"
    assert offered(play.tell(ev.AgentReady(agent_id="ann"))) == [f"{first} ann"]
    play.tell(ev.LegConnected(offer_id=1))
    told = play.tell(ev.AgentReady(agent_id="bob"))
    assert offered(told) == ["c1 bob" if urgency is Urgency.QUEUE_RATIO else "c2 bob"]


def test_who_rejects_what_is_no_longer_kept_for_him_is_passed_over():
    """Another may have been offered it under other settings; that is no reason to let it go."""
    play = Play(shop(None))
    other = Router(shop(affinity(named_agent=60)))
    other.step(at_work("ann", "bob"), now_us=0)
    other.step(ev.AgentNotReady(agent_id="bob"), now_us=0)
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"))
    arrival = named("c1", "bob")
    other.apply(arrival, play.router.step(arrival, now_us=0), now_us=0)
    rejected = ev.OfferRejected(offer_id=1)
    other.apply(rejected, play.router.step(rejected, now_us=0), now_us=0)
    (leg,) = other.legs.values()
    assert (leg.kept_for, leg.excluded) == (1, {0: 30 * SECOND_US})
    assert other.step(ev.ClockTicked(), now_us=30 * SECOND_US) == ()  # It is still Bob's.
    actions = other.step(ev.AgentReady(agent_id="bob"), now_us=31 * SECOND_US)
    assert len(actions) == 1


# Snapshots.


def test_a_restored_router_keeps_the_same_for_the_same():
    settings = shop(affinity(named_agent=30, last_agent=40, team_s=20))
    play = Play(settings)
    play.tell(at_work("ann", "bob"), by("c1", "k1"), ev.LegConnected(offer_id=1))
    play.tell(ev.AgentNotReady(agent_id="ann"), ev.AgentNotReady(agent_id="bob"))
    play.tell(ev.LegEnded(offer_id=1))
    play.tick(10)
    play.tell(named("c2", "bob"), by("c3", "k1"), of_team("c4", "red"))
    play.tick(11)
    wire = msgspec.msgpack.encode(play.router.snapshot())
    snapshot = msgspec.msgpack.decode(wire, type=Snapshot)
    restored = Router.restore(settings, snapshot)
    assert msgspec.msgpack.encode(restored.snapshot()) == wire
    for event, at_s in (
        (ev.ClockTicked(), 30),
        (ev.AgentReady(agent_id="ann"), 31),
        (ev.ClockTicked(), 40),
        (ev.ClockTicked(), 50),
    ):
        told = play.router.step(event, now_us=at_s * SECOND_US)
        assert restored.step(event, now_us=at_s * SECOND_US) == told
        assert restored.next_wakeup_us() == play.router.next_wakeup_us()
        assert restored.snapshot() == play.router.snapshot()


def test_under_other_settings_a_restored_router_keeps_what_it_still_can():
    play = Play(shop(affinity(named_agent=30, last_agent=40, team_s=20)))
    play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="bob"))
    play.tell(named("c1", "bob"), of_team("c2", "blue"))
    snapshot = play.router.snapshot()
    without = Router.restore(shop(None), snapshot)
    # What was kept for one person stays so up to its limit; a team is a matter of the settings.
    assert [leg.kept_for for leg in without.legs.values()] == [without.agent("bob").index, -1]
    (offer,) = without.step(ev.Batch(events=()), now_us=0)
    assert isinstance(offer, OfferContact)
    assert (offer.contact_id, offer.agent_id) == ("c2", "ann")
    skilled = replace(SALES, requires="cards", affinity=NAMED)
    (ann, *rest) = shop(NAMED).agents
    unable = shop(
        NAMED,
        queues=(skilled,),
        skills=("cards",),
        agents=(replace(ann, skills={"cards": 5}), *rest),
    )
    restored = Router.restore(unable, snapshot)
    # As where his session ends: right after, and a tick ends a portion.
    assert restored.next_wakeup_us() == 1
    restored.step(ev.ClockTicked(), now_us=1)
    assert {leg.kept_for for leg in restored.legs.values()} == {-1}

"""The index, one situation at a time.

Method: each test names a situation in which a shortcut of the index could go wrong, and says who
must get whom; the long comparison with the oracle is tests/properties. Where a limit decides which
code runs, both sides of it are met.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import acd.classes
from acd import events as ev
from acd.actions import OfferContact
from acd.eligibility import Block, block, may_take
from acd.ids import Channel, FailureCause
from acd.matching import Index
from acd.router import Router
from acd.selection import Selection
from acd.settings import (
    SECOND_US,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    Urgency,
)
from acd.snapshot import Snapshot
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

IDLE, BEST, LEAST = (
    AgentCriterion.LONGEST_IDLE,
    AgentCriterion.HIGHEST_PROFICIENCY,
    AgentCriterion.LEAST_FLEXIBLE,
)


def pairs(told: list[str]) -> list[str]:
    """Return the offers as `contact agent`."""
    fields = [
        dict(part.split("=", 1) for part in one.split()[1:]) for one in told if "ring_" in one
    ]
    return [f"{one['contact_id']} {one['agent_id']}" for one in fields]


# Name, skills, further queue?, ready since.
STAFF = [
    ("ann", {"cards": 5, "loans": 5}, True, 1),
    ("bob", {"cards": 9}, True, 2),
    ("cid", {"cards": 9}, False, 3),
    ("dan", {"cards": 3}, False, 4),
    ("eve", {"cards": 3}, False, 4),
    ("fay", {}, False, 0),
]

BEST_ARE = [
    ((IDLE,), (), "ann bob cid dan eve"),
    ((BEST,), (), "bob cid ann dan eve"),
    ((BEST, LEAST), (), "cid bob ann dan eve"),
    ((LEAST,), (), "cid dan eve ann bob"),
    ((LEAST, BEST), (), "cid dan eve bob ann"),
    ((LEAST, IDLE, BEST), (), "cid dan eve ann bob"),
    ((IDLE, BEST), (), "ann bob cid dan eve"),
    ((IDLE,), ("cards >= 9", "loans"), "ann bob cid dan eve"),
    ((BEST,), ("loans",), "ann bob cid dan eve"),
    ((IDLE,), ("cards >= 9",), "bob cid ann dan eve"),
]


def bank(selection: tuple[AgentCriterion, ...], prefers: tuple[str, ...]) -> DomainSettings:
    channels = {VOICE: ChannelSettings()}
    return DomainSettings(
        name="bank",
        queues=(
            QueueSettings(name="cards", channels=channels, requires="cards", prefers=prefers),
            QueueSettings(name="other", channels=channels),
        ),
        profiles=(
            ProfileSettings(name="one", serves=(Serves(queue="cards", channels=(VOICE,)),)),
            ProfileSettings(
                name="two",
                serves=(
                    Serves(queue="cards", channels=(VOICE,)),
                    Serves(queue="other", channels=(VOICE,)),
                ),
            ),
        ),
        capacities=(CapacitySettings(name="phone", channels={VOICE: SlotSettings()}),),
        agents=tuple(
            AgentSettings(
                agent_id=name, profile="two" if more else "one", capacity="phone", skills=skills
            )
            for name, skills, more, _ in STAFF
        ),
        agent_selection=selection,
        skills=("cards", "loans"),
    )


@pytest.mark.parametrize("selection, prefers, order", BEST_ARE)
def test_the_best_agent_is_taken_first(
    selection: tuple[AgentCriterion, ...], prefers: tuple[str, ...], order: str
) -> None:
    play = Play(bank(selection, prefers))
    for name, _, _, since_s in sorted(STAFF, key=lambda one: one[3]):
        play.now_s = since_s
        play.tell(at_work(name))
    told = [play.tell(arrived(f"c{number}", queue="cards")) for number in range(6)]
    assert [pair.split()[1] for one in told for pair in pairs(one)] == order.split()


@pytest.mark.parametrize("selection, prefers, order", BEST_ARE)
def test_in_one_instant_too_the_best_agents_go_first(
    selection: tuple[AgentCriterion, ...], prefers: tuple[str, ...], order: str
) -> None:
    play = Play(bank(selection, prefers))
    for name, _, _, since_s in sorted(STAFF, key=lambda one: one[3]):
        play.now_s = since_s
        play.tell(at_work(name))
    arrivals = tuple(arrived(f"c{number}", queue="cards") for number in range(6))
    told = pairs(play.tell(ev.Batch(events=arrivals)))
    assert told == [f"c{at} {name}" for at, name in enumerate(order.split())]


def test_of_several_agents_the_excluded_one_is_left_out() -> None:
    play = Play()
    play.tell(at_work("ann", "bob"), arrived("c1"))
    assert pairs(play.tell(ev.OfferRejected(offer_id=1))) == ["c1 bob"]
    assert pairs(play.tell(ev.OfferRejected(offer_id=2))) == []
    assert pairs(play.tell(arrived("c2"), arrived("c3"))) == ["c2 ann", "c3 bob"]


def test_the_excluded_longest_idle_of_three_is_left_out() -> None:
    agents = (*SHOP.agents, replace(SHOP.agents[0], agent_id="cid"))
    play = Play(replace(SHOP, agents=agents))
    play.tell(at_work("ann", "bob", "cid"), arrived("c1"))
    assert pairs(play.tell(ev.OfferRejected(offer_id=1))) == ["c1 bob"]


def test_who_need_not_set_anything_aside_comes_first() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    play.now_s = 9
    play.tell(at_work("bob"))
    assert pairs(play.tell(arrived("c2"))) == ["c2 bob"]
    assert pairs(play.tell(arrived("c3"))) == ["c3 ann"]


def test_an_exclusion_lets_the_second_in_line_pass() -> None:
    play = Play()
    play.tell(at_work("ann"))
    play.tell(arrived("c1"), arrived("c2"))
    assert pairs(play.tell(ev.OfferRejected(offer_id=1))) == ["c2 ann"]
    assert pairs(play.tell(ev.OfferRejected(offer_id=2))) == []
    play.now_s = 1
    assert pairs(play.tell(at_work("bob"))) == ["c1 bob"]


def test_a_leg_with_two_exclusions_is_found_when_one_ends() -> None:
    play = Play()
    play.tell(at_work("ann", "bob"), arrived("c1"), ev.OfferRejected(offer_id=1))
    play.now_s = 10
    play.tell(ev.OfferRejected(offer_id=2))
    assert pairs(play.tick(30)) == ["c1 ann"]
    assert pairs(play.tell(ev.OfferRejected(offer_id=3))) == []
    assert pairs(play.tick(40)) == ["c1 bob"]


def test_a_leg_aside_goes_back_to_its_line_when_nobody_is_free() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"), ev.OfferRejected(offer_id=1), arrived("c2"))
    play.now_s = 1
    play.tell(ev.LegConnected(offer_id=2), arrived("c3"))
    assert play.tick(30) == []
    play.tell(ev.LegEnded(offer_id=2))
    assert pairs(play.tick(40)) == ["c1 ann"]


def test_whoever_leaves_a_line_or_a_place_aside_is_not_offered() -> None:
    play = Play()
    play.tell(arrived("c1"), arrived("c2"), arrived("c3"), ev.ContactLeft(contact_id="c1"))
    play.tell(ev.ContactLeft(contact_id="c3"))
    assert pairs(play.tell(at_work("ann"))) == ["c2 ann"]
    play.tell(ev.OfferRejected(offer_id=1), arrived("c4"))
    assert play.tell(ev.ContactLeft(contact_id="c2")) == [
        "contact.close contact_id=c2 outcome=abandoned"
    ]
    assert pairs(play.tell(at_work("bob"))) == []


def test_who_comes_and_goes_in_one_instant_is_not_offered() -> None:
    play = Play()
    play.tell(at_work("ann"))
    batch = ev.Batch(events=(arrived("c1"), ev.ContactLeft(contact_id="c1")))
    assert play.tell(batch) == ["contact.close contact_id=c1 outcome=abandoned"]
    batch = ev.Batch(events=(arrived("c2"), ev.ContactLeft(contact_id="c2"), arrived("c3")))
    assert pairs(play.tell(batch)) == ["c3 ann"]


def numbers_for(urgency: Urgency, rank: int) -> dict[str, Any]:
    """Return a queue's numbers, such that a higher rank is more urgent."""
    match urgency:
        case Urgency.AGEING:
            return {"priority": rank, "ageing_per_h": 60, "ageing_cap": 5 + rank}
        case Urgency.WAIT_OVER_OBJECTIVE:
            return {}
        case Urgency.C_MU | Urgency.GENERALIZED_C_MU:
            return {"delay_cost": 1 + rank}
        case Urgency.QUEUE_RATIO:
            return {"waiting_share": 100 - rank}
        case _:
            return {
                "priority": rank,
                "head_start_us": rank * SECOND_US,
                "promise_us": (100 - rank) * SECOND_US,
            }


def channel_of(urgency: Urgency, rank: int) -> ChannelSettings:
    if urgency in {Urgency.C_MU, Urgency.GENERALIZED_C_MU}:
        return ChannelSettings(handle_time_us=60 * SECOND_US)
    return ChannelSettings(objective_us=(100 - rank) * SECOND_US)


def many_queues(urgency: Urgency, *, queues: int = 20) -> DomainSettings:
    """Return a domain with more queues than the index compares one by one."""
    names = [f"q{number}" for number in range(queues)]
    serves = tuple(
        Serves(queue=name, channels=(VOICE, CHAT), tier=1 if at < queues - 1 else 2)
        for at, name in enumerate(names)
    )
    return DomainSettings(
        name="many",
        queues=tuple(
            QueueSettings(
                name=name,
                channels=dict.fromkeys((VOICE, CHAT), channel_of(urgency, at // 2)),
                **numbers_for(urgency, at // 2),
            )
            for at, name in enumerate(names)
        ),
        profiles=(ProfileSettings(name="all", serves=serves),),
        capacities=(
            CapacitySettings(name="one", channels={VOICE: SlotSettings(), CHAT: SlotSettings()}),
        ),
        agents=(
            AgentSettings(agent_id="ann", profile="all", capacity="one"),
            AgentSettings(agent_id="bob", profile="all", capacity="one"),
        ),
        urgency=urgency,
    )


@pytest.mark.parametrize("urgency", Urgency)
@pytest.mark.parametrize("channel", [VOICE, CHAT])
def test_of_many_classes_the_first_head_is_served_and_the_higher_tier_last(
    urgency: Urgency, channel: Channel
) -> None:
    first = "c0" if urgency is Urgency.LONGEST_WAIT else "c18"
    play = Play(many_queues(urgency))
    batch = tuple(arrived(f"c{at}", channel, f"q{at}") for at in range(20))
    play.tell(ev.Batch(events=batch))
    play.now_s = 10
    assert pairs(play.tell(at_work("ann"))) == [f"{first} ann"]
    served = [first]
    for number in range(1, 20):
        told = play.tell(ev.LegConnected(offer_id=number), ev.LegEnded(offer_id=number))
        served += [pair.split()[0] for pair in pairs(told)]
    order = list(range(19))
    if urgency is not Urgency.LONGEST_WAIT:
        order.sort(key=lambda at: (-(at // 2), at))
    assert served == [f"c{at}" for at in (*order, 19)]


@pytest.mark.parametrize("urgency", Urgency)
def test_in_one_instant_too_the_first_heads_are_served(urgency: Urgency) -> None:
    """Twelve agents and twelve of twenty who wait: more changes than are looked at one by one."""
    settings = many_queues(urgency)
    names = [f"a{number:02}" for number in range(12)]
    agents = tuple(replace(settings.agents[0], agent_id=name) for name in names)
    play = Play(replace(settings, agents=agents))
    play.tell(ev.Batch(events=tuple(arrived(f"c{at}", queue=f"q{at}") for at in range(20))))
    play.now_s = 10
    order = list(range(19))
    if urgency is not Urgency.LONGEST_WAIT:
        order.sort(key=lambda at: (-(at // 2), at))
    assert [pair.split()[0] for pair in pairs(play.tell(at_work(*names)))] == [
        f"c{at}" for at in order[:12]
    ]


def test_the_order_of_heads_changes_while_they_wait() -> None:
    """At a minute half an hour's objective is less used up than a second one of two minutes."""
    hours, minutes = (
        replace(queue, name=name, channels={VOICE: ChannelSettings(objective_us=of * SECOND_US)})
        for queue, name, of in zip(
            many_queues(Urgency.WAIT_OVER_OBJECTIVE).queues[:2],
            ("mail", "help"),
            (1_800, 120),
            strict=True,
        )
    )
    lines = tuple(Serves(queue=name, channels=(VOICE,)) for name in ("mail", "help"))
    settings = replace(
        many_queues(Urgency.WAIT_OVER_OBJECTIVE),
        queues=(hours, minutes),
        profiles=(ProfileSettings(name="all", serves=lines),),
    )
    for freed_s, first in ((35, "old"), (40, "new")):
        play = Play(settings)
        play.tell(arrived("old", queue="mail"))
        play.now_s = 33
        play.tell(arrived("new", queue="help"))
        play.now_s = freed_s
        assert pairs(play.tell(at_work("ann"))) == [f"{first} ann"]


def test_a_promise_of_a_contacts_own_is_refused_where_objectives_decide() -> None:
    play = Play(replace(SHOP, urgency=Urgency.WAIT_OVER_OBJECTIVE))
    promised = replace(arrived("c1"), promised_us=30)
    assert play.tell(promised) == ["refused reason=bad_number about=promised_us"]
    assert play.tell(replace(promised, promised_us=None)) == []


def test_a_leg_put_in_line_twice_in_one_instant_counts_once() -> None:
    """Two exclusions of c1 end together, so it is put in line twice, but is one.

    With shares alike, the queue where two wait is served before that where one older does.
    """
    settings = many_queues(Urgency.QUEUE_RATIO)
    queues = tuple(replace(queue, waiting_share=1) for queue in settings.queues)
    play = Play(replace(settings, queues=queues))
    play.tell(at_work("ann", "bob"), arrived("c1", queue="q1"))
    play.tell(ev.OfferRejected(offer_id=1), ev.OfferRejected(offer_id=2))
    play.tell(ev.AgentNotReady(agent_id="ann"), ev.AgentNotReady(agent_id="bob"))
    play.now_s = 1
    play.tell(arrived("older", queue="q2"), arrived("younger", queue="q2"))
    assert play.tick(30) == []
    assert pairs(play.tell(ev.AgentReady(agent_id="ann"))) == ["older ann"]


def test_in_one_instant_too_each_agent_gets_his_lower_tier_first() -> None:
    play = Play(many_queues(Urgency.LONGEST_WAIT))
    play.tell(arrived("older", queue="q19"))
    play.now_s = 1
    play.tell(arrived("lower", queue="q0"))
    assert pairs(play.tell(at_work("ann", "bob"))) == ["lower ann", "older bob"]


def test_of_many_classes_those_aside_count_too() -> None:
    """Bob may take what Ann refused; it is older than all the heads."""
    play = Play(many_queues(Urgency.LONGEST_WAIT))
    play.tell(at_work("ann"))
    play.tell(arrived("old", queue="q3"), ev.OfferRejected(offer_id=1))
    play.now_s = 1
    play.tell(*(arrived(f"c{at}", queue=f"q{at}") for at in range(19)))
    play.now_s = 2
    assert pairs(play.tell(at_work("bob"))) == ["old bob"]


def test_many_classes_with_nobody_but_excluding_legs_are_no_candidates() -> None:
    settings = many_queues(Urgency.LONGEST_WAIT)
    play = Play(settings)
    play.tell(at_work("ann"))
    for at in range(19):
        play.tell(arrived(f"c{at}", queue=f"q{at}"), ev.OfferRejected(offer_id=at + 1))
    assert play.tell(arrived("c19", queue="q19")) != []
    assert pairs(play.tell(ev.OfferRejected(offer_id=20))) == []
    assert pairs(play.tell(ev.AgentNotReady(agent_id="ann"), ev.AgentReady(agent_id="ann"))) == []
    assert pairs(play.tell(at_work("bob"))) == ["c0 bob"]


def test_a_class_may_be_met_first_after_many_that_were_never_in_line() -> None:
    """A restored router meets class 200 first: the rows of the heads grow more than once."""
    agents = tuple(replace(SHOP.agents[0], agent_id=f"a{number}") for number in range(200))
    settings = replace(
        SHOP,
        agents=agents,
        urgency=Urgency.STRICT_PRIORITY,
        queues=(replace(SHOP.queues[0], priority=0),),
    )
    play = Play(settings)
    play.tell(at_work(*(agent.agent_id for agent in agents)))
    for number in range(201):
        play.tell(replace(arrived(f"c{number}"), priority=number))
    wire = msgspec.msgpack.encode(play.router.snapshot())
    play.router = Router.restore(settings, msgspec.msgpack.decode(wire, type=Snapshot))
    told = play.tell(ev.ContactLeft(contact_id="c7"))
    assert pairs(told) == ["c200 a7"]


def test_a_forgotten_class_leaves_nothing_to_the_next_of_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.classes, "CLASSES_MAX", 2)
    settings = replace(SHOP, skills=("cards", "loans"))
    agents = (
        replace(settings.agents[0], skills={"cards": 1}),
        replace(settings.agents[1], skills={"loans": 1}),
    )
    play = Play(replace(settings, agents=agents))
    for number, skill in enumerate(("cards", "loans", "cards >= 2", "loans or cards"), start=1):
        play.tell(replace(arrived(f"c{number}"), requirement=skill))
        if number < 3:
            play.tell(ev.ContactLeft(contact_id=f"c{number}"))
    assert pairs(play.tell(at_work("ann", "bob"))) == ["c4 ann"]
    assert pairs(play.tell(replace(arrived("c5", CHAT), requirement="loans"))) == []
    told = play.tell(ev.ContactLeft(contact_id="c3"))
    told += play.tell(replace(arrived("c6"), requirement="loans"))
    assert pairs(told) == ["c6 bob"]


def test_after_a_journal_was_applied_the_next_step_looks_at_everything() -> None:
    router = Router(SHOP)
    router.apply(at_work("ann", "bob"), (), now_us=0)
    router.apply(arrived("c1"), (), now_us=0)
    router.apply(arrived("c2"), (), now_us=0)
    told = router.step(arrived("c3"), now_us=0)
    assert [
        (offer.contact_id, offer.agent_id) for offer in told if isinstance(offer, OfferContact)
    ] == [("c1", "ann"), ("c2", "bob")]


def test_every_block_has_its_name() -> None:
    play = Play()
    play.tell(at_work("ann", "bob"), arrived("c1"), ev.OfferRejected(offer_id=1))
    play.tell(ev.OfferFailed(offer_id=2, cause=FailureCause.BUSY), arrived("c2"))
    first, second = play.router.legs.values()
    ann, bob = play.router.agents
    assert (block(first, ann), block(first, bob)) == (Block.EXCLUDED, Block.EXCLUDED)
    assert (block(second, ann), block(second, bob)) == (None, Block.BACK_OFF)
    assert not any(may_take(leg, agent) for leg in (first, second) for agent in (ann, bob))


def test_an_index_at_rest_names_nobody() -> None:
    router = Router(SHOP)
    index = Index(SHOP, router.agents, Selection(SHOP, router.agents))
    assert index.next_pair(0) is None
    index.settle()
    assert index.next_pair(0) is None


def test_in_a_crowd_too_a_leg_aside_is_found_by_who_is_not_excluded() -> None:
    """More changes than are looked at one by one, and nobody in line but the leg set aside."""
    play = Play()
    play.tell(at_work("ann"), arrived("c1"), ev.OfferRejected(offer_id=1))
    again = (ev.AgentReady(agent_id="ann"),) * 10
    assert pairs(play.tell(ev.Batch(events=again))) == []
    bob = (ev.AgentLoggedIn(agent_id="bob"), ev.AgentReady(agent_id="bob"))
    assert pairs(play.tell(ev.Batch(events=again + bob))) == ["c1 bob"]

"""Agent selection by what agents did, one criterion at a time.

Method: a bank of five agents whose figures are put into the router as a snapshot has them, so that
no two criteria agree; each selection must take the agents in the order written beside it, one
contact after the other and in one instant. Then turns, ties and who is left out.
"""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.performance import Measure
from acd.policies import changing_criteria, split_selection
from acd.router import Router
from acd.settings import (
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    PerformanceSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    WeightedSettings,
)
from acd.snapshot import MeasureRecord
from tests.unit.shop import SHOP, VOICE, Play, arrived, at_work

A = AgentCriterion

# Name, skill in cards, queues, handle time in s, quality, resolution and conversion in per cent.
STAFF = [
    ("ann", 9, 2, 200, 70, 90, 10),
    ("bob", 9, 2, 202, 90, 70, 12),
    ("cid", 5, 1, 100, 71, 80, 20),
    ("dan", 5, 1, 198, 50, 81, 10),
    ("eve", 3, 1, 300, 69, 60, 2),
]
MEANS = {
    Measure.HANDLE_TIME: 200,
    Measure.QUALITY: 70,
    Measure.RESOLUTION: 80,
    Measure.CONVERSION: 10,
}
UNSHRUNK = PerformanceSettings(memory=1_000, credibility=1)

VALUE = WeightedSettings(name="value", weights={A.FASTEST_FIRST: 50, A.BEST_QUALITY: 50})
COARSE = replace(VALUE, name="coarse", band_percent=40)
SKILLED = WeightedSettings(
    name="skilled", weights={A.HIGHEST_PROFICIENCY: 30, A.LEAST_FLEXIBLE: 20, A.FASTEST_FIRST: 50}
)

ORDERS: list[tuple[tuple[str, ...], tuple[WeightedSettings, ...], str]] = [
    # In bands of 10 %: cid; ann, bob and dan alike; eve. Longest idle is asked next.
    ((A.FASTEST_FIRST,), (), "cid ann bob dan eve"),
    ((A.FASTEST_FIRST, A.BEST_QUALITY), (), "cid bob ann dan eve"),
    ((A.FASTEST_FIRST, A.LEAST_FLEXIBLE), (), "cid dan ann bob eve"),
    ((A.FASTEST_FIRST, A.HIGHEST_PROFICIENCY, A.BEST_CONVERSION), (), "cid bob ann dan eve"),
    ((A.LEAST_FLEXIBLE, A.FASTEST_FIRST), (), "cid dan eve ann bob"),
    ((A.HIGHEST_PROFICIENCY, A.BEST_QUALITY), (), "bob ann cid dan eve"),
    ((A.BEST_QUALITY,), (), "bob ann cid eve dan"),
    ((A.BEST_RESOLUTION,), (), "ann cid dan bob eve"),
    ((A.BEST_CONVERSION,), (), "cid bob ann dan eve"),
    ((A.LONGEST_IDLE, A.FASTEST_FIRST), (), "ann bob cid dan eve"),
    # Nobody was ever occupied.
    ((A.LEAST_OCCUPIED, A.FASTEST_FIRST), (), "cid ann bob dan eve"),
    ((A.ROUND_ROBIN,), (), "ann bob cid dan eve"),
    # Half of cid's 50 % faster, of bob's 30 % better, of dan's 30 % worse, of eve's 50 % slower.
    (("value",), (VALUE,), "cid bob ann dan eve"),
    (("value", A.LEAST_FLEXIBLE), (replace(VALUE, band_percent=99),), "cid dan eve ann bob"),
    # In bands of 40 %: cid; the others but eve alike, and of these dan serves fewer queues.
    (("coarse", A.LEAST_FLEXIBLE), (COARSE,), "cid dan ann bob eve"),
    # Mean proficiency 6.2, mean of queues 1.4, mean handle time 200 s.
    (("skilled",), (SKILLED,), "cid ann bob dan eve"),
]  # fmt: skip


def bank(
    selection: tuple[str, ...],
    weighted: tuple[WeightedSettings, ...] = (),
    prefers: tuple[str, ...] = (),
) -> DomainSettings:
    channels = {VOICE: ChannelSettings()}
    serves = (Serves(queue="cards", channels=(VOICE,)), Serves(queue="other", channels=(VOICE,)))
    return DomainSettings(
        name="bank",
        queues=(
            QueueSettings(name="cards", channels=channels, requires="cards", prefers=prefers),
            QueueSettings(name="other", channels=channels),
        ),
        profiles=(
            ProfileSettings(name="1", serves=serves[:1]),
            ProfileSettings(name="2", serves=serves),
        ),
        capacities=(CapacitySettings(name="phone", channels={VOICE: SlotSettings()}),),
        agents=tuple(
            AgentSettings(
                agent_id=name, profile=str(queues), capacity="phone", skills={"cards": level}
            )
            for name, level, queues, *_ in STAFF
        ),
        agent_selection=selection,
        weighted=weighted,
        performance=UNSHRUNK,
        skills=("cards",),
    )


def opened(settings: DomainSettings) -> Play:
    """Return a play with the figures of `STAFF`, and its agents ready one after the other."""
    records = [
        MeasureRecord(
            queue="cards",
            measure=measure,
            samples=10_000,
            mean=mean * 1_000_000,
            yardstick=mean * 1_000_000,
            agents=tuple((name, 1_000, of[at] * 1_000_000) for name, _, _, *of in STAFF),
        )
        for at, (measure, mean) in enumerate(MEANS.items())
    ]
    play = Play(settings)
    snapshot = replace(play.router.snapshot(), performance=tuple(records))
    play.router = Router.restore(settings, snapshot)
    for name, *_ in STAFF:
        play.now_s += 1
        play.tell(at_work(name))
    return play


def takers(told: Sequence[str]) -> list[str]:
    offers = [one.split() for one in told if one.startswith("offer.contact")]
    return [words[4].removeprefix("agent_id=") for words in offers]


@pytest.mark.parametrize("selection, weighted, order", ORDERS)
def test_the_best_agent_is_taken_first(
    selection: tuple[str, ...], weighted: tuple[WeightedSettings, ...], order: str
) -> None:
    play = opened(bank(selection, weighted))
    told = [play.tell(arrived(f"c{number}", queue="cards")) for number in range(5)]
    assert [takers(one)[0] for one in told] == order.split()


@pytest.mark.parametrize("selection, weighted, order", ORDERS)
def test_in_one_instant_too_the_best_agents_go_first(
    selection: tuple[str, ...], weighted: tuple[WeightedSettings, ...], order: str
) -> None:
    play = opened(bank(selection, weighted))
    arrivals = tuple(arrived(f"c{number}", queue="cards") for number in range(5))
    assert takers(play.tell(ev.Batch(events=arrivals))) == order.split()


def test_preferences_come_before_all_that_agents_did() -> None:
    play = opened(bank((A.FASTEST_FIRST,), prefers=("cards >= 9",)))
    told = [play.tell(arrived(f"c{number}", queue="cards")) for number in range(5)]
    assert [takers(one)[0] for one in told] == ["ann", "bob", "cid", "dan", "eve"]


def test_in_a_queue_where_nothing_was_measured_the_next_criterion_speaks() -> None:
    for criterion in (A.FASTEST_FIRST, "value"):
        play = opened(bank((criterion, A.LONGEST_IDLE), (VALUE,) * (criterion == "value")))
        assert takers(play.tell(arrived("c1", queue="other"))) == ["ann"]
        assert takers(play.tell(arrived("c2", queue="other"))) == ["bob"]


def test_whoever_is_excluded_is_left_out() -> None:
    play = opened(bank((A.FASTEST_FIRST,)))
    assert takers(play.tell(arrived("c1", queue="cards"))) == ["cid"]
    assert takers(play.tell(ev.OfferRejected(offer_id=1))) == ["ann"]
    assert takers(play.tell(arrived("c2", queue="cards"))) == ["cid"]


def test_a_requirement_without_skills_weighs_nothing() -> None:
    weighted = WeightedSettings(
        name="w", weights={A.HIGHEST_PROFICIENCY: 90, A.LEAST_FLEXIBLE: 10}, band_percent=1
    )
    play = opened(bank(("w",), (weighted,)))
    assert takers(play.tell(arrived("c1", queue="other"))) == ["ann"]
    assert takers(play.tell(arrived("c2", queue="cards"))) == ["bob"]


# Turns.

TURNS = replace(
    SHOP,
    agent_selection=(A.ROUND_ROBIN,),
    queues=(SHOP.queues[0], replace(SHOP.queues[0], name="spares")),
    profiles=(
        replace(
            SHOP.profiles[0],
            serves=tuple(
                replace(SHOP.profiles[0].serves[0], queue=queue) for queue in ("sales", "spares")
            ),
        ),
    ),
    agents=tuple(replace(SHOP.agents[0], agent_id=name) for name in ("ann", "bob", "cid")),
)


def a_turn(play: Play, queue: str = "sales") -> str:
    """Let a call come, be taken and be over at once; return who took it."""
    play.now_s += 1
    (taker,) = takers(play.tell(arrived(f"c{play.now_s}", queue=queue)))
    (number,) = play.router.offers
    play.tell(
        ev.LegConnected(offer_id=number),
        ev.LegEnded(offer_id=number),
        ev.WrapUpEnded(offer_id=number),
    )
    return taker


def test_every_queue_has_its_turn_and_goes_round() -> None:
    play = Play(TURNS)
    play.tell(at_work("ann", "bob", "cid"))
    assert [a_turn(play) for _ in range(4)] == ["ann", "bob", "cid", "ann"]
    assert [a_turn(play, "spares") for _ in range(2)] == ["ann", "bob"]
    assert a_turn(play) == "bob"
    assert play.router.turns == {"sales": "bob", "spares": "bob"}


def test_whoever_is_away_is_passed_over_and_an_offer_rejected_has_moved_the_turn() -> None:
    play = Play(TURNS)
    play.tell(at_work("ann", "cid"))
    assert a_turn(play) == "ann"
    play.tell(at_work("bob"), ev.AgentNotReady(agent_id="bob"))
    assert a_turn(play) == "cid"
    play.tell(ev.AgentReady(agent_id="bob"))
    assert takers(play.tell(arrived("c"))) == ["ann"]
    number = max(play.router.offers)
    assert takers(play.tell(ev.OfferRejected(offer_id=number))) == ["bob"]
    assert play.router.turns == {"sales": "bob"}


def test_turns_outlive_a_restart_and_another_order_of_agents() -> None:
    play = Play(TURNS)
    play.tell(at_work("ann", "bob", "cid"))
    assert [a_turn(play) for _ in range(2)] == ["ann", "bob"]
    snapshot = play.router.snapshot()
    assert Router.restore(TURNS, snapshot).snapshot() == snapshot
    play.router = Router.restore(replace(TURNS, agents=TURNS.agents[::-1]), snapshot)
    assert [a_turn(play) for _ in range(2)] == ["ann", "cid"]
    assert Router.restore(SHOP_OF_THREE, snapshot).turns == {}
    with_turns = replace(SHOP_OF_THREE, agent_selection=(A.ROUND_ROBIN,))
    other = replace(snapshot, turns={"gone": "ann"})
    assert Router.restore(with_turns, other).turns == {}


SHOP_OF_THREE = replace(SHOP, agents=TURNS.agents)


@pytest.mark.parametrize(
    "named, before, after, changing",
    [
        ((A.LONGEST_IDLE,), (), (), ()),
        ((A.LEAST_FLEXIBLE,), (A.LEAST_FLEXIBLE,), (), ()),
        ((A.FASTEST_FIRST,), (), (), (A.FASTEST_FIRST, A.LONGEST_IDLE)),
        (
            (A.LEAST_FLEXIBLE, A.BEST_QUALITY, A.HIGHEST_PROFICIENCY),
            (A.LEAST_FLEXIBLE,),
            (),
            (A.BEST_QUALITY, A.HIGHEST_PROFICIENCY, A.LONGEST_IDLE),
        ),
        (
            (A.LEAST_FLEXIBLE, A.LONGEST_IDLE, "value"),
            (A.LEAST_FLEXIBLE,),
            (),
            (A.LONGEST_IDLE, "value"),
        ),
        (("value", A.ROUND_ROBIN), (), (), ("value", A.ROUND_ROBIN)),
    ],
)
def test_agents_are_sorted_beforehand_by_what_comes_before_the_first_that_changes(
    named: tuple[str, ...],
    before: tuple[str, ...],
    after: tuple[str, ...],
    changing: tuple[str, ...],
) -> None:
    settings = replace(SHOP, agent_selection=named)
    assert split_selection(settings) == (before, after)
    assert changing_criteria(settings) == changing

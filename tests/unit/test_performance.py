"""Measured performance: samples, means, shrinkage, bands, ratings.

Method: figures worked out by hand in the comments; then rows against single figures over a random
life; then each way in which a rating may be wrong, repeated or late; then what a snapshot keeps
under the same settings and under others.
"""

from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.contacts import UNMEASURED
from acd.kinds import Kinds
from acd.performance import (
    BAND_MAX,
    HANDLE_US_MAX,
    RATED_MAX,
    Figure,
    Measure,
    Performance,
    QueueFigure,
    band_of,
)
from acd.router import Router
from acd.settings import SECOND_US, AgentCriterion, PerformanceSettings, WeightedSettings
from acd.snapshot import Snapshot
from tests.unit.shop import CHAT, SHOP, Play, arrived, at_work

TIME, QUALITY = Measure.HANDLE_TIME, Measure.QUALITY
NAMES = tuple(f"agent{number}" for number in range(20))
KEPT = PerformanceSettings(memory=4, credibility=2, band_percent=10)
MEASURED = replace(SHOP, performance=KEPT)
CROWD = replace(MEASURED, agents=tuple(replace(SHOP.agents[0], agent_id=name) for name in NAMES))


def handled(play: Play, agent_id: str, talk_s: int) -> None:
    """Let one agent, alone at work, handle a call of this length."""
    play.tell(at_work(agent_id), arrived(f"c{play.now_s}"))
    number = len(play.router.offers) and max(play.router.offers)
    play.tell(ev.LegConnected(offer_id=number))
    play.now_s += talk_s
    play.tell(ev.LegEnded(offer_id=number), ev.WrapUpEnded(offer_id=number))
    play.tell(ev.AgentNotReady(agent_id=agent_id))


def test_the_mean_is_plain_first_and_then_the_newest_sample_weighs_a_part_of_memory() -> None:
    play = Play(MEASURED)
    own = []
    for talk_s in (10, 20, 30, 40, 50, 60):
        handled(play, "ann", talk_s)
        figure = play.router.performance.of("ann", "sales", TIME)
        assert figure is not None
        own.append((figure.samples, figure.own / SECOND_US))
    assert own[:4] == [(1, 10), (2, 15), (3, 20), (4, 25)]
    assert own[4:] == [(4, 31.25), (4, 38.4375)]  # 25 + (50 - 25) / 4; then + (60 - 31.25) / 4.


def test_handle_time_is_from_connection_to_close_without_what_was_set_aside() -> None:
    play = Play(MEASURED)
    play.tell(at_work("ann"), arrived("chat", CHAT))
    play.now_s = 5  # It rings.
    play.tell(ev.LegConnected(offer_id=1))
    play.now_s = 15
    play.tell(arrived("call"))  # Sets the chat aside.
    play.now_s = 18
    play.tell(ev.LegConnected(offer_id=2))
    play.now_s = 38
    play.tell(ev.LegEnded(offer_id=2))
    play.tick(48)  # The wrap-up of 10 s counts.
    assert play.router.performance.of_queue("sales", TIME) == QueueFigure(1, *[30 * SECOND_US] * 2)
    play.now_s = 50
    play.tell(ev.LegEnded(offer_id=1))  # 10 s before, 2 s after.
    figure = play.router.performance.of("ann", "sales", TIME)
    assert figure is not None
    assert figure.own == 21 * SECOND_US


def test_a_wrap_up_that_ends_while_it_is_aside_counts_until_it_was_set_aside() -> None:
    channels = {**SHOP.queues[0].channels}
    channels[CHAT] = replace(channels[CHAT], wrap_up_us=20 * SECOND_US)
    play = Play(replace(MEASURED, queues=(replace(SHOP.queues[0], channels=channels),)))
    play.tell(at_work("ann"), arrived("chat", CHAT), ev.LegConnected(offer_id=1))
    play.now_s = 7
    play.tell(arrived("call"), ev.LegConnected(offer_id=2), ev.LegEnded(offer_id=1))
    play.tick(27)
    figure = play.router.performance.of("ann", "sales", TIME)
    assert figure is not None
    assert (figure.samples, figure.own) == (1, 7 * SECOND_US)


def test_few_samples_are_shrunk_to_the_queues_mean() -> None:
    performance = Performance(MEASURED, Kinds(MEASURED).agents)
    for value in (100, 100, 100, 100, 20):  # Bob's one sample is lucky.
        _sample(performance, 0 if value == 100 else 1, QUALITY, value)
    yardstick = performance.of_queue("sales", QUALITY)
    assert yardstick == QueueFigure(5, 84_000_000, 84_000_000)
    # (1 * 20 + 2 * 84) / 3; (4 * 100 + 2 * 84) / 6.
    assert performance.of("bob", "sales", QUALITY) == Figure(1, 20_000_000, 62_666_666, 3)
    assert performance.of("ann", "sales", QUALITY) == Figure(4, 100_000_000, 94_666_666, -1)


def test_whoever_has_no_samples_stands_in_the_middle_and_so_does_everybody_where_none_has() -> None:
    performance = Performance(MEASURED, Kinds(MEASURED).agents)
    assert performance.of("ann", "sales", TIME) is None
    assert performance.of_queue("sales", TIME) is None
    assert performance.bands("sales", TIME) is None
    _sample(performance, 0, QUALITY, 50)
    assert performance.of("bob", "sales", QUALITY) == Figure(0, 50_000_000, 50_000_000, 0)
    assert [one[0] for one in performance.everybody()] == ["ann"]
    for ask in (
        lambda: performance.of("eve", "sales", TIME),
        lambda: performance.of_queue("", TIME),
    ):
        with pytest.raises(KeyError):
            ask()


def test_a_mean_of_nothing_makes_all_equal() -> None:
    performance = Performance(MEASURED, Kinds(MEASURED).agents)
    _sample(performance, 0, Measure.CONVERSION, 0)
    assert performance.of("ann", "sales", Measure.CONVERSION) == Figure(1, 0, 0, 0)
    for _ in range(2):
        _sample(performance, 1, Measure.CONVERSION, 1)
    for agent_id, band in (("ann", 3), ("bob", -2)):  # 44.4 and 83.3 beside 66.7 per cent.
        figure = performance.of(agent_id, "sales", Measure.CONVERSION)
        assert figure is not None
        assert figure.band == band


def test_the_yardstick_follows_when_the_mean_is_a_quarter_of_a_band_away() -> None:
    settings = replace(MEASURED, performance=PerformanceSettings(memory=1_000))
    performance = Performance(settings, Kinds(settings).agents)
    for _ in range(40):
        _sample(performance, 0, QUALITY, 50)
    seen = []
    for _ in range(3):
        _sample(performance, 0, QUALITY, 80)
        of_queue = performance.of_queue("sales", QUALITY)
        assert of_queue is not None
        seen.append((of_queue.mean, of_queue.yardstick))
    # 2.5 % of 50 are 1.25 points: 50 + 30 / 41 is not that far, 50 + 60 / 42 is.
    assert seen == [
        (50_731_707, 50_000_000),
        (51_428_571, 51_428_571),
        (52_093_023, 51_428_571),
    ]


def test_bands_have_the_mean_in_their_middle_and_an_end() -> None:
    values = (0, 949, 950, 1_000, 1_049, 1_050, 1_150, 10**9)
    assert [band_of(value, 1_000, 10) for value in values] == [
        -10, -1, 0, 0, 0, 1, 2, BAND_MAX,
    ]  # fmt: skip
    assert band_of(10**6, 0, 10) == 0


@pytest.mark.parametrize("measure", [TIME, QUALITY])
def test_the_rows_say_what_the_figures_say(measure: Measure) -> None:
    """More agents than the rows have places at first, and samples of all sizes."""
    rng = Random(measure)
    performance = Performance(CROWD, Kinds(CROWD).agents)
    for _ in range(600):
        value = 10 ** rng.uniform(-3, 7) if measure is TIME else rng.randint(0, 100)
        _sample(performance, rng.randrange(len(NAMES)), measure, value)
        bands = performance.bands("sales", measure)
        figures = [performance.of(name, "sales", measure) for name in NAMES]
        assert bands is not None
        assert bands.tolist() == [figure and figure.band for figure in figures]


def test_the_largest_numbers_do_not_overflow() -> None:
    settings = replace(
        MEASURED, performance=PerformanceSettings(memory=1_000, credibility=1_000, band_percent=99)
    )
    performance = Performance(settings, Kinds(settings).agents)
    for _ in range(1_000):
        _sample(performance, 0, TIME, 10**9)
    figure = performance.of("ann", "sales", TIME)
    assert figure == Figure(1_000, HANDLE_US_MAX, HANDLE_US_MAX, 0)
    for _ in range(30_000):
        _sample(performance, 1, TIME, 1)
    figure = performance.of("ann", "sales", TIME)
    bands = performance.bands("sales", TIME)
    assert figure is not None
    assert bands is not None
    assert bands[0] == figure.band > 0


def _sample(performance: Performance, agent: int, measure: Measure, value: float) -> None:
    """Give an agent a sample: seconds, points, or 0 and 1."""
    scale = 100 * SECOND_US if measure in {Measure.RESOLUTION, Measure.CONVERSION} else SECOND_US
    sample = min(int(value * scale), HANDLE_US_MAX)
    performance._take(agent, "sales", measure, sample)


# Ratings.

RATED = ev.LegRated(offer_id=1, agent_id="ann", queue="sales", quality=80)
"""Ann's first call, which she has handled when `rated` plays it."""

TWO_QUEUES = replace(
    MEASURED,
    queues=(SHOP.queues[0], replace(SHOP.queues[0], name="spares")),
    profiles=(
        SHOP.profiles[0],
        replace(
            SHOP.profiles[0], name="both", serves=(
                *SHOP.profiles[0].serves, replace(SHOP.profiles[0].serves[0], queue="spares"),
            ),
        ),
    ),
    agents=(SHOP.agents[0], replace(SHOP.agents[1], profile="both")),
)  # fmt: skip


def a_play() -> Play:
    """Return a play in which offer 1 has ended, 2 is connected, 3 rings, all at Ann."""
    play = Play(TWO_QUEUES)
    handled(play, "ann", 30)
    play.tell(at_work("ann"), arrived("c2", CHAT), ev.LegConnected(offer_id=2), arrived("c3", CHAT))
    return play


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"agent_id": "eve"}, "unknown_agent about=eve"),
    ({"queue": "loans"}, "unknown_queue about=loans"),
    ({"queue": "spares"}, "not_served about=spares"),
    ({"offer_id": 4}, "unknown_offer about=4"),
    ({"quality": 101}, "bad_number about=quality"),
    ({"quality": -1}, "bad_number about=quality"),
    ({"quality": None}, "no_value about=1"),
    ({"offer_id": 3}, "not_in_this_state about=3"),
    ({"offer_id": 2, "agent_id": "bob"}, "not_in_this_state about=2"),
    ({"offer_id": 2, "agent_id": "bob", "queue": "spares"}, "not_in_this_state about=2"),
]  # fmt: skip


@pytest.mark.parametrize("changes, reason", REFUSED)
def test_a_rating_that_cannot_be_is_refused_and_changes_nothing(
    changes: dict[str, Any], reason: str
) -> None:
    play = a_play()
    before = play.state()
    assert play.tell(replace(RATED, **changes)) == [f"refused reason={reason}"]
    assert play.state() == before


def test_nothing_is_rated_where_nothing_is_measured() -> None:
    play = Play()
    handled(play, "ann", 30)
    assert play.tell(RATED) == ["refused reason=not_measured about=sales"]
    assert not list(play.router.performance.everybody())
    assert play.router.snapshot().performance == ()


def test_an_open_leg_and_one_of_days_ago_are_rated_alike() -> None:
    play = a_play()
    assert play.tell(replace(RATED, offer_id=2, quality=60)) == []
    play.tell(ev.OfferAccepted(offer_id=3), ev.LegConnected(offer_id=3))
    play.now_s += 9 * 86_400
    assert play.tell(RATED) == []
    figure = play.router.performance.of("ann", "sales", QUALITY)
    assert figure is not None
    assert (figure.samples, figure.own) == (2, 70_000_000)


def test_what_was_told_of_a_leg_counts_once_and_what_is_known_later_comes_later() -> None:
    play = a_play()
    assert play.tell(RATED) == []
    before = play.state()
    assert play.tell(RATED, replace(RATED, quality=10)) == []
    assert play.state() == before
    play.tell(replace(RATED, resolved=True), replace(RATED, converted=False, resolved=False))
    told = {
        measure: (figure.samples, figure.own)
        for _, _, measure, figure in play.router.performance.everybody()
        if measure is not TIME
    }
    assert told == {
        QUALITY: (1, 80_000_000),
        Measure.RESOLUTION: (1, 100_000_000),
        Measure.CONVERSION: (1, 0),
    }


def test_of_the_last_legs_only_it_is_remembered_what_was_told() -> None:
    play = Play(MEASURED)
    for _ in range(RATED_MAX + 1):
        handled(play, "ann", 30)
    for number in range(1, RATED_MAX + 1):
        play.tell(replace(RATED, offer_id=number))
    before = play.state()
    play.tell(RATED)
    assert play.state() == before
    play.tell(replace(RATED, offer_id=RATED_MAX + 1))
    (record,) = play.router.snapshot().rated
    assert [number for number, _ in record.legs] == list(range(2, RATED_MAX + 2))


# What is measured, and what a snapshot keeps.

ASKING: list[dict[str, Any]] = [
    {"performance": PerformanceSettings()},
    {"agent_selection": (AgentCriterion.BEST_QUALITY,)},
    {
        "agent_selection": ("value",),
        "weighted": (WeightedSettings(name="value", weights={AgentCriterion.BEST_QUALITY: 100}),),
    },
]


@pytest.mark.parametrize("asking", ASKING)
def test_a_domain_that_asks_for_it_is_measured(asking: dict[str, Any]) -> None:
    play = Play(replace(SHOP, **asking))
    handled(play, "ann", 30)
    assert play.router.performance.of_queue("sales", TIME) is not None


def a_life() -> Play:
    play = Play(CROWD)
    rng = Random(5)
    for _ in range(40):
        handled(play, rng.choice(NAMES), rng.randint(1, 900))
    for number in range(1, 41):
        name, queue = _taker(play, number)
        play.tell(
            replace(RATED, offer_id=number, agent_id=name, queue=queue, quality=rng.randint(0, 100))
        )
    return play


def _taker(play: Play, number: int) -> tuple[str, str]:
    return NAMES[number % len(NAMES)], "sales"


@pytest.mark.parametrize("codec", [msgspec.msgpack, msgspec.json])
def test_a_restored_router_has_the_same_figures_and_goes_on_alike(codec: Any) -> None:
    play = a_life()
    wire = codec.encode(play.router.snapshot())
    restored = Play(CROWD)
    restored.router = Router.restore(CROWD, codec.decode(wire, type=Snapshot))
    restored.now_s = play.now_s
    assert codec.encode(restored.router.snapshot()) == wire
    for measure in (TIME, QUALITY):
        rows = [one.router.performance.bands("sales", measure) for one in (play, restored)]
        assert rows[0] is not None
        assert rows[1] is not None
        assert rows[0].tolist() == rows[1].tolist()
    for one in (play, restored):
        handled(one, NAMES[3], 77)
        one.tell(replace(RATED, offer_id=41, agent_id=NAMES[3], resolved=True))
    assert restored.state() == play.state()


def test_other_settings_leave_out_what_they_do_not_know() -> None:
    play = Play(TWO_QUEUES)
    handled(play, "bob", 30)
    play.tell(replace(RATED, agent_id="bob"))
    snapshot = play.router.snapshot()
    alone = replace(MEASURED, agents=SHOP.agents)  # Without spares.
    crossed = replace(
        TWO_QUEUES,
        agents=(replace(TWO_QUEUES.agents[0], profile="both"), TWO_QUEUES.agents[1]),
    )
    assert len(Router.restore(alone, snapshot).snapshot().performance) == 2
    assert Router.restore(crossed, snapshot).snapshot().performance == snapshot.performance
    assert Router.restore(SHOP, snapshot).snapshot().performance == ()
    assert Router.restore(SHOP, snapshot).snapshot().rated == ()


def test_a_queue_or_an_agent_who_is_gone_is_forgotten_and_a_queue_served_no_longer_is_not() -> None:
    play = Play(TWO_QUEUES)
    play.tell(at_work("bob"), arrived("c1", queue="spares"), ev.LegConnected(offer_id=1))
    play.now_s = 9
    play.tell(ev.LegEnded(offer_id=1), ev.WrapUpEnded(offer_id=1))
    snapshot = play.router.snapshot()
    assert [record.agents for record in snapshot.performance] == [(("bob", 1, 9_000_000),)]
    gone = Router.restore(MEASURED, snapshot)
    assert gone.snapshot().performance == ()
    swapped = replace(
        TWO_QUEUES,
        agents=(
            replace(TWO_QUEUES.agents[0], profile="both"),
            replace(TWO_QUEUES.agents[1], profile="all"),
        ),
    )
    (record,) = Router.restore(swapped, snapshot).snapshot().performance
    assert record.agents == (("bob", 1, 9_000_000),)
    play.tell(ev.AgentLoggedOut(agent_id="bob"))
    without = replace(TWO_QUEUES, agents=swapped.agents[:1])
    (record,) = Router.restore(without, play.router.snapshot()).snapshot().performance
    assert record.agents == ()
    assert record.mean == 9_000_000


def test_a_shorter_memory_forgets_sooner() -> None:
    play = Play(MEASURED)
    for talk_s in (10, 20, 30, 40):
        handled(play, "ann", talk_s)
    shorter = replace(MEASURED, performance=replace(KEPT, memory=1))
    router = Router.restore(shorter, play.router.snapshot())
    assert router.performance.of("ann", "sales", TIME) == Figure(1, 25_000_000, 25_000_000, 0)


def test_a_leg_connected_before_anything_was_measured_gives_no_sample() -> None:
    """Its time is not known; also while it is set aside and back."""
    play = Play()
    play.tell(at_work("ann"), arrived("chat", CHAT), ev.LegConnected(offer_id=1))
    assert play.router.offers[1].handling_us == UNMEASURED
    play.router = Router.restore(MEASURED, play.router.snapshot())
    play.now_s = 10
    play.tell(arrived("call"), ev.LegConnected(offer_id=2))
    play.now_s = 15
    play.tell(ev.LegEnded(offer_id=2), ev.WrapUpEnded(offer_id=2), ev.LegEnded(offer_id=1))
    figure = play.router.performance.of("ann", "sales", TIME)
    assert figure is not None
    assert (figure.samples, figure.own) == (1, 5_000_000)

"""Occupancy as an instant.

Method: one agent is idle and busy in turn; his occupancy is integrated by its definition with many
digits, and compared; idle agents are compared again and again while nothing happens; the fixed
point is compared with logarithms of sixty digits over all magnitudes of gap and half-life.
"""

from random import Random

import pytest
from mpmath import log, mp, mpf
from msgspec.structs import replace

from acd import events as ev
from acd.agents import NEVER_OCCUPIED_US
from acd.occupancy import turned
from acd.router import Router
from acd.settings import SECOND_US, AgentCriterion
from tests.unit.shop import CHAT, SHOP, Play, arrived, at_work

LEAST = replace(
    SHOP,
    agent_selection=(AgentCriterion.LEAST_OCCUPIED,),
    occupancy_half_life_us=100 * SECOND_US,
)


def test_the_instant_is_the_logarithm_to_the_microsecond() -> None:
    rng = Random(1)
    with mp.workdps(60):
        for half_life_us, parts in (
            (1, 10**12),
            (1_000, 10**12),
            (10**6, 10**12),
            (1_800 * 10**6, 10**9),
            (2**45, 10**5),  # Beside a year, a few microseconds have few digits left.
        ):
            for _ in range(400):
                gap_us = int(10 ** rng.uniform(0, 18))
                left = mpf(2) ** (-mpf(gap_us) / half_life_us)
                want = half_life_us * log(1 - left, 2)
                got = turned(0, gap_us, half_life_us) - gap_us
                slack = mpf(1) / 1_000 - want / parts
                assert want - 1 - slack <= got <= want + slack  # Rounded down.


def test_longer_work_never_makes_less_occupied() -> None:
    instants = [turned(0, gap_us, 10**9) - gap_us for gap_us in range(1, 10**6, 37)]
    assert instants == sorted(instants)


def test_whoever_turns_twice_in_one_instant_stays_where_he_was() -> None:
    once = turned(NEVER_OCCUPIED_US, 10**6, 10**9)
    assert once == 10**6
    again = turned(once, 10**6, 10**9)
    assert turned(again, 10**6, 10**9) < 10**6


def spent(play: Play, number: int, *, talk_s: int, wait_s: int) -> None:
    """Let an offer be connected, end, be wrapped up at once, and time pass."""
    play.tell(ev.LegConnected(offer_id=number))
    play.now_s += talk_s
    play.tell(ev.LegEnded(offer_id=number), ev.WrapUpEnded(offer_id=number))
    play.now_s += wait_s
    play.tell(ev.ClockTicked())


def test_occupancy_halves_with_every_half_life_and_grows_likewise() -> None:
    play = Play(LEAST)
    play.tell(at_work("ann"))
    assert play.router.occupancy("ann") == 0
    play.tell(arrived("c1"))
    play.now_s += 10  # Ringing is neither handling nor idle: no share of it.
    assert play.router.occupancy("ann") == 0
    spent(play, 1, talk_s=100, wait_s=0)
    assert play.router.occupancy("ann") == pytest.approx(500_000, abs=1)
    play.now_s += 100
    play.tell(ev.ClockTicked())
    assert play.router.occupancy("ann") == pytest.approx(250_000, abs=1)
    play.tell(arrived("c2"))
    spent(play, 2, talk_s=100, wait_s=0)
    assert play.router.occupancy("ann") == pytest.approx(625_000, abs=1)


def test_it_is_known_while_he_talks_too_and_only_where_somebody_asks_for_it() -> None:
    play = Play(LEAST)
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    play.now_s += 200
    play.tell(ev.LegHeld(offer_id=1))
    assert play.router.occupancy("ann") == pytest.approx(750_000, abs=1)
    assert Play().router.occupancy("ann") is None
    with pytest.raises(KeyError):
        play.router.occupancy("nobody")


def test_what_is_set_aside_is_not_handled_meanwhile() -> None:
    play = Play(LEAST)
    play.tell(at_work("ann"), arrived("chat", CHAT), ev.LegConnected(offer_id=1))
    play.tell(arrived("call"))
    assert play.router.occupancy("ann") == 0
    play.now_s += 10
    play.tell(ev.ClockTicked())
    assert play.router.occupancy("ann") == 0  # The call rings, the chat is aside.
    assert not play.router.agent("ann").is_handling
    play.tell(ev.OfferRejected(offer_id=2))  # The chat comes back, and Ann with it.
    assert play.router.agent("ann").is_handling


def test_idle_agents_keep_their_order_however_long_nothing_happens() -> None:
    """Ann works a little, then Bob much, then nobody: Ann is the less occupied for ever."""
    for idle_s in (0, 1, 1_000, 86_400):
        play = Play(LEAST)
        play.tell(at_work("ann"), arrived("c1"))
        spent(play, 1, talk_s=50, wait_s=0)
        play.tell(ev.AgentNotReady(agent_id="ann"), at_work("bob"), arrived("c2"))
        spent(play, 2, talk_s=150, wait_s=0)
        play.tell(ev.AgentReady(agent_id="ann"))
        before = [agent.occupied_us for agent in play.router.agents]
        play.now_s += idle_s
        told = play.tell(arrived("c3"))
        assert "agent_id=ann" in told[0]
        ann, bob = (agent.occupied_us for agent in play.router.agents)
        assert [ann, bob] == before
        assert ann < bob


def test_longest_idle_would_have_said_otherwise() -> None:
    """Bob has been idle longer, but has been less idle: the two criteria differ."""
    for selection, best in ((LEAST.agent_selection, "ann"), (SHOP.agent_selection, "bob")):
        play = Play(replace(LEAST, agent_selection=selection))
        play.tell(at_work("ann", "bob"), ev.AgentNotReady(agent_id="ann"), arrived("c1"))
        spent(play, 1, talk_s=150, wait_s=10)
        play.tell(ev.AgentReady(agent_id="ann"), ev.AgentNotReady(agent_id="bob"), arrived("c2"))
        spent(play, 2, talk_s=20, wait_s=0)
        play.tell(ev.AgentReady(agent_id="bob"))
        assert f"agent_id={best}" in play.tell(arrived("c3"))[0]


def test_a_burst_is_spread_over_those_with_the_fewest_contacts() -> None:
    """Ringing changes nobody's occupancy: alone it would give all four chats to one agent."""
    play = Play(LEAST)
    play.tell(at_work("ann", "bob"))
    told = [play.tell(arrived(f"c{number}", CHAT))[0] for number in range(4)]
    takers = [next(word for word in one.split() if word.startswith("agent_id")) for one in told]
    assert takers == ["agent_id=ann", "agent_id=bob"] * 2


def test_of_two_with_a_contact_whoever_handles_comes_behind_whom_it_only_rings_at() -> None:
    play = Play(LEAST)
    play.tell(at_work("ann", "bob"), arrived("c1", CHAT), arrived("c2", CHAT))
    play.tell(ev.LegConnected(offer_id=1))
    assert "agent_id=bob" in play.tell(arrived("c3", CHAT))[0]


def test_of_two_who_handle_the_less_occupied_is_first() -> None:
    play = Play(LEAST)
    play.tell(at_work("ann", "bob"), arrived("c1", CHAT), arrived("c2", CHAT))
    play.tell(ev.LegConnected(offer_id=1))
    play.now_s += 5
    play.tell(ev.LegConnected(offer_id=2))
    assert "agent_id=bob" in play.tell(arrived("c3", CHAT))[0]


def test_a_restored_router_goes_on_with_the_same_occupancies() -> None:
    play = Play(LEAST)
    play.tell(at_work("ann", "bob"), arrived("c1"))
    spent(play, 1, talk_s=30, wait_s=7)
    play.tell(arrived("c2"), ev.LegConnected(offer_id=2))
    play.now_s += 3
    snapshot = play.router.snapshot()
    restored = Router.restore(LEAST, snapshot)
    assert restored.snapshot() == snapshot
    for name in ("ann", "bob"):
        assert restored.occupancy(name) == play.router.occupancy(name)
    ended = ev.Batch(events=(ev.LegEnded(offer_id=2), ev.WrapUpEnded(offer_id=2)))
    now_us = play.now_s * SECOND_US
    assert restored.step(ended, now_us=now_us) == play.router.step(ended, now_us=now_us)
    assert restored.snapshot() == play.router.snapshot()

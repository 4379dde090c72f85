"""The real ARI adapter and a daemon behind it against the emulated Asterisk at its rudest.

Method: first each quirk's story, which ruins a naive client, without a fault. Then days on which
everything happens at random, seeded: customers call and hang up, agents answer, refuse, hold, hang
up, leave and call others, and every quirk strikes at some rate, the link is cut and Asterisk is
started anew. The emulator's ledger judges: never do more phones ring for one customer than the
queue says, nor do two agents talk to him, nobody is dropped unserved. When the rudeness is over, no
customer may wait while a phone is free, no leg may be left without its customer; then all agents
hang up until nobody is there, and core and switch must both be empty. Waits are shortened
(`hurry`), since the time is real.
"""

import asyncio
from random import Random

import pytest

from tests.ari_emulator.channels import Manner
from tests.ari_emulator.quirks import Quirk, Quirks
from tests.ari_emulator.scenarios import Access, scenario
from tests.ari_emulator.world import PASSWORD, USER, World
from tests.properties.ari_daemon import daemon, hurry

PHONES = ("101", "102", "103")
STEPS = 120
STEP_S = 0.015
CALM_S = 30.0
CALLS_MAX = 12
RATES = {
    Quirk.ACK_WITHOUT_EFFECT: 0.05,
    Quirk.DROPPED: 0.03,
    Quirk.REPEATED: 0.05,
    Quirk.CROSSED: 0.1,
    Quirk.LATE_ANSWER: 0.3,
    Quirk.ERROR_500: 0.03,
    Quirk.TWO_SUBSCRIPTIONS: 1.0,
    Quirk.WRITE_TIMEOUT: 1.0,
}


@pytest.mark.parametrize("quirk", list(Quirk))
def test_the_adapter_does_right_where_a_naive_client_is_ruined(quirk, monkeypatch):
    hurry(monkeypatch)
    wrong = strictly(scenario(quirk, daemon, patience_s=8.0))
    assert not wrong


def strictly(story):
    """Run a story; whatever asyncio would only log, as an error in a callback, fails it."""
    errors = []

    async def run():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        return await story

    result = asyncio.run(run())
    assert not errors
    return result


# What happens, and how often: (weight, what).


def a_customer_calls(world: World, rng: Random) -> None:
    there = [name for name in world.customers if world.channel_of(name) is not None]
    if len(there) < CALLS_MAX:
        world.call(f"customer{len(world.customers)}", dnis=rng.choice(("4000",) * 9 + ("999",)))


def a_customer_hangs_up(world: World, rng: Random) -> None:
    world.hang_up(rng.choice(world.customers or [""]))


def an_agent_answers(world: World, rng: Random) -> None:
    world.answer(rng.choice(PHONES))


def an_agent_refuses(world: World, rng: Random) -> None:
    world.refuse(rng.choice(PHONES), rng.choice((17, 21)))


def an_agent_hangs_up(world: World, rng: Random) -> None:
    world.agent_hangs_up(rng.choice(PHONES))


def an_agent_holds(world: World, rng: Random) -> None:
    world.hold(rng.choice(PHONES), on=rng.random() < 0.5)


def an_agents_manner_changes(world: World, rng: Random) -> None:
    world.manner(rng.choice(tuple(Manner)), rng.choice(PHONES))


def a_phone_comes_or_goes(world: World, rng: Random) -> None:
    world.register(rng.choice(PHONES), on=rng.random() < 0.7)


def an_agent_calls_somebody(world: World, rng: Random) -> None:
    number = rng.choice(PHONES)
    if world.phone(number).channels:
        world.end_private_call(number)
    else:
        world.private_call(number)


def an_agent_dials_a_code(world: World, rng: Random) -> None:
    number = rng.choice(PHONES)
    if not world.phone(number).channels:
        world.dial_code(number, rng.choice(("login", "ready", "not_ready", "drain", "logout")))


def another_channel_takes_a_place(world: World, rng: Random) -> None:
    name = rng.choice(world.customers or [""])
    channel = world.channel_of(name)
    if channel is not None and channel.app:
        world.replace(name)


def a_customer_presses_keys(world: World, rng: Random) -> None:
    world.press(rng.choice(world.customers or [""]), "0123456789")


def a_ghost_is_listed(world: World, rng: Random) -> None:
    del rng
    world.ghost()


def the_link_is_cut(world: World, rng: Random) -> None:
    del rng
    world.server.cut()


def nobody_can_connect(world: World, rng: Random) -> None:
    world.server.is_unreachable = rng.random() < 0.5
    world.server.cut()


def requests_go_into_the_void(world: World, rng: Random) -> None:
    del rng
    world.server.stop_reading()


def the_switch_is_started_anew(world: World, rng: Random) -> None:
    del rng
    world.exchange.restart()


THINGS = (
    (12, a_customer_calls),
    (3, a_customer_hangs_up),
    (6, an_agent_answers),
    (3, an_agent_refuses),
    (6, an_agent_hangs_up),
    (2, an_agent_holds),
    (6, an_agents_manner_changes),
    (2, a_phone_comes_or_goes),
    (2, an_agent_calls_somebody),
    (1, an_agent_dials_a_code),
    (1, another_channel_takes_a_place),
    (1, a_customer_presses_keys),
    (1, a_ghost_is_listed),
    (1, the_link_is_cut),
    (1, nobody_can_connect),
    (1, requests_go_into_the_void),
    (1, the_switch_is_started_anew),
)


def calm(world: World) -> None:
    """End all rudeness."""
    world.quirks.calm()
    world.server.is_unreachable = False
    for number in PHONES:
        world.end_private_call(number)
        world.register(number, on=True)
    world.manner(Manner.ANSWERS)


async def all_leave(world: World) -> bool:
    """Let agents hang up until no customer waits or talks; return whether it comes to that."""

    def nobody() -> bool:
        return not any(world.waits(name) or world.talks(name) for name in world.customers)

    for _ in range(int(CALM_S / 0.25)):
        for number in PHONES:
            world.agent_hangs_up(number)
        if await world.until(nobody, 0.25):
            return True
    return False


def test_of_several_phones_that_ring_the_first_talks_and_the_others_are_free_at_once(monkeypatch):
    hurry(monkeypatch)

    async def run():
        async with World(PHONES, rings_max=2) as world:
            world.manner(Manner.RINGS)
            access = Access(world.server.url, USER, PASSWORD, PHONES)
            async with daemon(access, parallel=2) as one:
                await world.until(lambda: world.is_connected)
                router = one.owner.router
                assert await until(world, lambda: all(any(it.takes()) for it in router.agents))
                world.call("ada")
                assert await world.until(lambda: len(ringing(world)) == 2)
                slow, fast = ringing(world)
                world.answer(fast)
                assert await world.until(lambda: world.talks("ada") and not ringing(world))
                assert not world.phone(slow).channels
                # The next call rings there too; two who pick up at once do not both talk.
                world.call("bea")
                assert await world.until(lambda: len(ringing(world)) == 2)
                both = ringing(world)
                assert slow in both
                for number in both:
                    world.answer(number)
                assert await world.until(lambda: world.talks("bea"))
                assert await world.settles(CALM_S)
                assert len([one for one in both if world.phone(one).channels]) == 1
                assert not world.wrongs()
                assert all(agent.missed == 0 for agent in router.agents)

    strictly(run())


def ringing(world: World) -> list[str]:
    """Return the phones that ring."""
    return [one for one in PHONES if world.leg_at(one, state="Ringing") is not None]


@pytest.mark.parametrize(
    "seed, parallel", [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 3), (7, 2)]
)
def test_after_days_of_rudeness_all_are_served_and_nothing_is_left(seed, parallel, monkeypatch):
    hurry(monkeypatch)
    rng = Random(seed)
    things = [thing for weight, thing in THINGS for _ in range(weight)]

    async def run():
        async with World(PHONES, Quirks(seed, RATES), rings_max=parallel) as world:
            access = Access(world.server.url, USER, PASSWORD, PHONES)
            async with daemon(access, parallel=parallel) as one:
                await world.until(lambda: world.is_connected)
                for _ in range(STEPS):
                    rng.choice(things)(world, rng)
                    await world.passes(rng.random() * 2 * STEP_S)
                calm(world)
                await world.settles(CALM_S)
                assert not world.wrongs()
                assert await all_leave(world), story(world)
                router = one.owner.router
                await world.settles(CALM_S)
                assert not world.wrongs()
                for nothing_left in (
                    lambda: not router.contacts,
                    lambda: all(agent.is_idle for agent in router.agents),
                    lambda: not world.exchange.bridges,
                ):
                    assert await until(world, nothing_left), story(world)

    strictly(run())


def story(world: World) -> str:
    """Return which bridges are left, and what led to it."""
    left = [one.json() for one in world.exchange.bridges.values()]
    return "\n".join(map(str, [*left, *world.ledger.lines]))


async def until(world: World, holds, within_s: float = CALM_S) -> bool:
    """Wait until something of the daemon's holds."""
    for _ in range(int(within_s / 0.05)):
        if holds():
            return True
        await world.passes(0.05)
    return False

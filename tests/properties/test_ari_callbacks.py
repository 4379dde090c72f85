"""Treatments and virtual hold on the emulated Asterisk, with the real adapter and a daemon.

Method: a caller waits, hears his place, presses a key, hangs up, and is called at his own number
when an agent is there; the emulator's ledger says who talked with whom. Times are real and short.
"""

import asyncio

import pytest
from msgspec.structs import replace

from acd.ids import Play
from acd.settings import SECOND_US, DomainSettings
from acd.waiting_settings import CallbackSettings, Treatment
from tests.ari_emulator.channels import Manner
from tests.ari_emulator.ledger import Did
from tests.ari_emulator.scenarios import Access
from tests.ari_emulator.world import PASSWORD, USER, World
from tests.properties.ari_daemon import daemon, hurry

HIS = "49301"
DROPPED = ["ada was dropped, and had talked with nobody"]
"""By his own wish: the emulator does not know of it."""


def patient(settings: DomainSettings) -> DomainSettings:
    """Return the domain with treatments and callbacks, short ones."""
    tenth_us = SECOND_US // 10
    (queue,) = settings.queues
    return replace(
        settings,
        queues=(
            replace(
                queue,
                treatments=(
                    Treatment(after_us=tenth_us, play=Play.ANNOUNCE_PLACE, message="place"),
                    Treatment(
                        after_us=3 * tenth_us, play=Play.OFFER_CALLBACK, message="press", key="1"
                    ),
                ),
                callbacks=CallbackSettings(
                    attempts=2, retry_us=5 * tenth_us, dial_us=20 * tenth_us
                ),
            ),
        ),
        connect_us=10 * tenth_us,
    )


async def _held(world: World) -> None:
    """Let a customer wait for phone 101, which is away, hear all, and press the key."""
    world.register("101", on=False)
    heard = world.exchange
    channel = world.call("ada", ani=HIS)
    media: list[str] = []

    def hears(what: str) -> bool:
        media.extend(one["media_uri"] for one in heard.playbacks.values())
        return what in media

    assert await world.until(lambda: hears("sound:place,number:1"))
    assert await world.until(lambda: hears("sound:press"))
    world.press("ada", "71")
    assert await world.until(lambda: channel.id not in world.exchange.channels)


@pytest.mark.parametrize("answers", [True, False])
def test_a_caller_hangs_up_and_is_called_back(answers, monkeypatch):
    hurry(monkeypatch)

    async def story() -> World:
        async with World(("101", HIS)) as world:
            access = Access(world.server.url, USER, PASSWORD, ("101",))
            async with daemon(access, change=patient) as one:
                assert await world.until(lambda: world.is_connected)
                await _held(world)
                contacts = one.owner.router.contacts
                assert [each.callback is not None for each in contacts.values()] == [True]
                world.manner(Manner.ANSWERS, "101")
                world.manner(Manner.ANSWERS if answers else Manner.BUSY, HIS)
                world.register("101", on=True)
                if answers:
                    assert await world.until(lambda: world.talks(HIS), 8)
                    world.agent_hangs_up("101")
                assert await world.until(lambda: not contacts, 8)
                assert await world.until(lambda: not world.exchange.channels)
            return world

    world = asyncio.run(story())
    assert world.ledger.faults == DROPPED
    assert world.ledger.count(Did.TALKED, phone="101") == answers

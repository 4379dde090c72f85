"""A daemon's driver, owner and journal behind the real ARI adapter, as a client of the emulator.

Agents here are eager: whoever is logged out or not ready, as after a call that he did not answer,
is made ready again at once. Spans of time that would keep a test waiting are shortened by `hurry`.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import pytest

from acd import events as ev
from acd.daemon import switch_driver
from acd.daemon.clock import Clock
from acd.daemon.errors import OverloadedError
from acd.daemon.ids import CommandIds
from acd.daemon.owner import Owner
from acd.daemon.recovery import recover
from acd.daemon.settings import SwitchSettings
from acd.daemon.switch_driver import SwitchDriver
from acd.ids import Availability, Channel
from acd.journal.file import JournalFile
from acd.settings import SECOND_US, AgentSettings, ChannelSettings, DomainSettings
from acd.switch_protocol.ari import adapter, make, offers, session
from acd.switch_protocol.port import SwitchOptions
from tests.ari_emulator.scenarios import Access
from tests.unit.shop import SHOP

EAGER_S: Final = 0.05
"""After how long an agent is ready again."""


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what is waited for, to about a tenth."""
    monkeypatch.setattr(adapter, "RETRY_S", (0.02, 0.1))
    monkeypatch.setattr(offers, "ALERT_US", 600_000)
    monkeypatch.setattr(offers, "JOIN_US", 500_000)
    monkeypatch.setattr(offers, "GRACE_US", 300_000)
    monkeypatch.setattr(offers, "IDLE_US", 100_000)
    monkeypatch.setattr(session, "ANSWER_US", 400_000)
    monkeypatch.setattr(session, "LIST_US", 800_000)
    monkeypatch.setattr(session, "KEEPALIVE_US", 400_000)
    monkeypatch.setattr(session, "LOST_US", 100_000)
    monkeypatch.setattr(switch_driver, "TICK_S", 0.15)
    monkeypatch.setattr(switch_driver, "AUDIT_TICKS", 2)


def domain(
    phones: tuple[str, ...], *, ring_us: int = 3 * SECOND_US, parallel: int = 1
) -> DomainSettings:
    """Return a domain with an agent for each phone, without wrap-up."""
    queue = msgspec.structs.replace(
        SHOP.queues[0],
        channels={Channel.VOICE: ChannelSettings(ring_us=ring_us, parallel_offers=parallel)},
        exclusion_us=SECOND_US // 10,
    )
    agents = [
        AgentSettings(agent_id=f"at{one}", profile="all", capacity="blended") for one in phones
    ]
    profile = msgspec.structs.replace(
        SHOP.profiles[0],
        serves=(msgspec.structs.replace(SHOP.profiles[0].serves[0], channels=(Channel.VOICE,)),),
    )
    short_us = SECOND_US // 10
    return msgspec.structs.replace(
        SHOP, back_off_us=short_us, queues=(queue,), profiles=(profile,), agents=tuple(agents)
    )


class Daemon:
    """One life of a daemon.

    Args:
        access: Of the emulator.
        folder: Where its journal is, and its password.
        parallel: At how many phones a call rings.
        change: What is to be otherwise in the domain.
    """

    def __init__(
        self,
        access: Access,
        folder: Path,
        parallel: int,
        change: Callable[[DomainSettings], DomainSettings] = lambda settings: settings,
    ) -> None:
        secret = folder / "ari.secret"
        secret.write_text(access.password)
        secret.chmod(0o600)
        settings = change(domain(access.phones, parallel=parallel))
        switch = SwitchSettings(
            kind="ari",
            name="pbx",
            routes={"4000": "sales"},
            devices={f"at{one}": one for one in access.phones},
        )
        options: dict[str, object] = {
            "url": access.url,
            "user": access.user,
            "password_file": secret.name,
            "outbound": {"endpoint": "PJSIP/{number}", "prefixes": ["49"], "per_minute": 60},
        }
        self._journal = JournalFile.open(folder / "journal.db", settings=settings)
        recovered = recover(self._journal)
        clock = Clock(not_before_us=recovered.router.now_us)
        self.owner = Owner(recovered.router, self._journal, clock, recovered.keys)
        self.driver = SwitchDriver(
            make(SwitchOptions(name="pbx", options=options, folder=folder, domain="shop")),
            self.owner,
            settings=switch,
            ids=CommandIds("shop", self._journal.journal_id),
        )

    async def start(self) -> None:
        self.owner.start()
        self.driver.start()
        self._desk = asyncio.create_task(self._be_eager())

    async def _be_eager(self) -> None:
        nothing = asyncio.Event()
        while True:
            for agent in self.owner.router.agents:
                facts: list[ev.SingleEvent] = []
                if agent.availability is Availability.LOGGED_OUT:
                    facts.append(ev.AgentLoggedIn(agent_id=agent.agent_id))
                if agent.availability is not Availability.READY:
                    facts.append(ev.AgentReady(agent_id=agent.agent_id))
                    try:
                        await self.owner.submit(ev.Batch(events=tuple(facts)))
                    except OverloadedError:
                        break
            with suppress(TimeoutError):
                async with asyncio.timeout(EAGER_S):
                    await nothing.wait()

    async def end(self) -> None:
        self._desk.cancel()
        await asyncio.gather(self._desk, return_exceptions=True)
        await self.driver.close()
        await self.owner.close()


@asynccontextmanager
async def daemon(
    access: Access,
    *,
    parallel: int = 1,
    change: Callable[[DomainSettings], DomainSettings] = lambda settings: settings,
) -> AsyncIterator[Daemon]:
    """Run a daemon with a journal of its own: a client for `scenarios.scenario`."""
    with tempfile.TemporaryDirectory() as folder:
        one = Daemon(access, Path(folder), parallel, change)
        await one.start()
        try:
            yield one
        finally:
            await one.end()

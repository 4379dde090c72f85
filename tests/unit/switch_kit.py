"""A simulated switch as a process, and a daemon's driver with a real owner and journal at it."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Final

from acd.contacts import LegState
from acd.daemon.clock import Clock
from acd.daemon.ids import CommandIds
from acd.daemon.owner import Owner
from acd.daemon.recovery import recover
from acd.daemon.settings import SwitchSettings
from acd.daemon.switch_driver import SwitchDriver
from acd.journal.file import JournalFile
from acd.switch_protocol.port import SwitchOptions
from acd.switch_protocol.registry import load
from acd.switch_protocol.simulated.control import Control
from acd.switch_protocol.simulated.ledger import Did, Line
from tests.unit.shop import SHOP

SWITCH: Final = SwitchSettings(
    kind="simulated",
    name="pbx",
    routes={"4000": "sales"},
    devices={"ann": "101", "bob": "102"},
    options={"socket": "link"},
)
DEADLINE_S: Final = 40.0


class Pbx:
    """The switch's process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control: Control
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *arguments: str) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "acd.switch_protocol.simulated"),
            *("--socket", str(self.folder / "link"), "--control", str(self.folder / "control")),
            *("--phone", "101", "--phone", "102"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            assert b"listening" in await self._process.stdout.readline()
        self.control = await Control.connect(self.folder / "control")

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process; return its exit code."""
        if self._process is None:
            return 0
        await self.control.close()
        process, self._process = self._process, None
        process.send_signal(number)
        return await process.wait()

    async def wait_for(self, *dids: Did, times: int = 1, after: int = 0) -> list[Line]:
        """Wait until such lines stand in the ledger, so many; return them."""
        found = []
        async with asyncio.timeout(DEADLINE_S):
            async with contextlib.aclosing(self.control.follow(after)) as lines:
                async for line in lines:
                    if line.did in dids:
                        found.append(line)
                        if len(found) == times:
                            break
        return found


class Life:
    """One life of a daemon: owner and driver over a journal."""

    def __init__(self, folder: Path) -> None:
        self._journal = JournalFile.open(folder / "journal.db", settings=SHOP)
        recovered = recover(self._journal)
        clock = Clock(not_before_us=recovered.router.now_us)
        self.owner = Owner(recovered.router, self._journal, clock, recovered.keys)
        options = SwitchOptions(name="pbx", options=SWITCH.options, folder=folder, domain="shop")
        self.driver = SwitchDriver(
            load("simulated", options),
            self.owner,
            settings=SWITCH,
            ids=CommandIds("shop", self._journal.journal_id),
        )

    async def start(self) -> None:
        self.owner.start()
        self.driver.start()
        async with asyncio.timeout(DEADLINE_S):
            await self.driver.reconciled()

    async def until(self, what: str) -> None:
        """Wait until an expression over `router`, `driver` and `states` holds."""
        async with asyncio.timeout(DEADLINE_S):
            while not eval(what, {"LegState": LegState}, self._names()):  # noqa: S307 - our own.
                await asyncio.wait([asyncio.ensure_future(self._turn())])

    async def _turn(self) -> None:
        """Let everybody else run for a moment."""
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(0.005, event.set)
        await event.wait()

    def _names(self):
        router = self.owner.router
        return {
            "router": router,
            "driver": self.driver,
            "states": [leg.state.name for leg in router.legs.values()],
        }

    async def end(self) -> None:
        await self.driver.close()
        await self.owner.close()

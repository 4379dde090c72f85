"""The ARI adapter without a daemon: a test gives the commands, and reads the events."""

import asyncio
import threading
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import make
from acd.switch_protocol.call_control import CallControl
from acd.switch_protocol.port import SwitchOptions
from tests.system.pbx_kit.server import Asterisk

WAIT_S: Final = 15.0

Event = TypeVar("Event")


class Direct:
    """An adapter on a loop of its own.

    Args:
        folder: For its files.
        pbx: The Asterisk.
        devices: The phones that are ours.
        outbound: What may be dialled out.
    """

    def __init__(
        self,
        folder: Path,
        pbx: Asterisk,
        devices: Collection[str],
        outbound: dict[str, object] | None = None,
    ) -> None:
        secret = folder / "ari.secret"
        secret.write_text(pbx.password)
        secret.chmod(0o600)
        options: dict[str, object] = {"url": pbx.url, "password_file": secret.name}
        if outbound is not None:
            options["outbound"] = outbound
        self._switch = make(SwitchOptions(name="pbx", options=options, folder=folder))
        self._devices = devices
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._news = threading.Condition()
        self.told: list[sw.SwitchEvent] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop.call_soon_threadsafe(self._start)
        self.wait(sw.LinkUp)
        self.order(sw.SnapshotRequest(command_id="look"))
        self.wait(sw.Snapshot)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._switch.close(), self._loop).result(WAIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _start(self) -> None:
        self._switch.monitor(self._devices)
        self._switch.start(self._deliver)

    def _deliver(self, event: sw.SwitchEvent) -> None:
        with self._news:
            self.told.append(event)
            self._news.notify_all()

    def order(self, command: sw.Command | CallControl) -> None:
        """Give a command."""
        self._loop.call_soon_threadsafe(self._switch.submit, command)

    def result(self, command: sw.Command | CallControl) -> sw.CommandResult:
        """Give a command; return its result."""
        self.order(command)
        return self.wait(sw.CommandResult, command_id=command.command_id)

    def wait(self, kind: type[Event], **fields: object) -> Event:
        """Wait for an event, and return it; it may have come already, and is given once."""

        def find() -> Event | None:
            for event in self.told:
                if isinstance(event, kind) and all(
                    getattr(event, name) == value for name, value in fields.items()
                ):
                    return event
            return None

        with self._news:
            found = self._news.wait_for(find, WAIT_S)
            assert found is not None, f"no {kind.__name__} {fields} in {self.told}"
            self.told.remove(found)  # type: ignore[arg-type]
            return found

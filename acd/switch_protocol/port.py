"""The port: the one Protocol that an adapter fills, and what its factory is given."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.messages import SwitchEvent
from acd.switch_protocol.words import Capability


class SwitchOptions(Struct, frozen=True, kw_only=True):
    """What an adapter's factory is given."""

    name: str
    """The switch's name in the configuration."""
    options: dict[str, Any] = {}
    """The adapter's own table; it checks it and raises ConfigError."""
    folder: Path = Path()
    """What relative paths in `options` are relative to."""
    file: str = ""
    """The configuration's path, for the text of a mistake."""
    domain: str = ""
    """The domain that is routed for."""


class Switch(Protocol):
    """What an adapter fills. All calls come from one event loop; one consumer."""

    @property
    def capabilities(self) -> Capability:
        """What the switch can do beside routing."""
        ...

    def monitor(self, devices: Collection[str]) -> None:
        """Watch these devices, our agents', from now on, and dial no others.

        Called before `start`, and again when the agents change.
        """
        ...

    def start(self, deliver: Callable[[SwitchEvent], None]) -> None:
        """Connect, and keep connecting; hand over each event, in order. `deliver` never blocks."""
        ...

    def submit(self, command: AnyCommand) -> None:
        """Send a command soon. Never blocks, never raises; the result comes as an event."""
        ...

    async def close(self) -> None:
        """Log out and end. Nothing is delivered afterwards."""
        ...

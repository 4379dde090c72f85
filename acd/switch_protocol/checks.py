"""Checks of a switch before it is used, found by the entry-point group `acd.switch_checks`.

An entry point has the name of a kind of switch and names a `Check`: it says what it finds, a line
for each thing, and returns whether nothing failed. It changes nothing at the switch that lasts, and
leaves a daemon that is connected there alone.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Final, TypeAlias, cast

from msgspec import Struct

from acd.errors import ConfigError, Problem, shown
from acd.switch_protocol.port import SwitchOptions

GROUP: Final = "acd.switch_checks"


class CheckOptions(Struct, frozen=True, kw_only=True):
    """What a check is given."""

    switch: SwitchOptions
    """The same as the adapter's factory is given."""
    devices: tuple[str, ...] = ()
    """The phones of all agents."""
    routes: tuple[str, ...] = ()
    """The called numbers that have queues."""
    every_number: bool = False
    """The others have queues too: the domain's entry rules say which."""
    test_call: str = ""
    """The number that a test call is placed to; "" for none."""
    context: str = ""
    """Where at the switch the test call comes in."""


Say: TypeAlias = Callable[[str], None]
"""Takes a line for the operator."""
Check: TypeAlias = Callable[[CheckOptions, Say], bool]


def load(kind: str, file: str) -> Check:
    """Return the check of a kind of switch.

    Args:
        kind: The adapter's name.
        file: The configuration's path, for the text of a mistake.

    Raises:
        ConfigError: It has none.
    """
    points = entry_points(group=GROUP)
    for point in points.select(name=kind):
        return cast("Check", point.load())
    known = ", ".join(sorted({point.name for point in points}))
    seen = f"is {shown(kind)}, which brings no check"
    raise ConfigError(file, Problem("daemon.switch.kind", seen, f"one of {known}"))

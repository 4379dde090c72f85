"""Finds adapters by the entry-point group `acd.switches`, so that third parties can bring theirs.

An entry point names `make(options: SwitchOptions) -> Switch`.
"""

from importlib.metadata import entry_points
from typing import Final, cast

from acd.errors import ConfigError, Problem, did_you_mean, nearest, shown
from acd.switch_protocol.port import Switch, SwitchOptions

GROUP: Final = "acd.switches"


def kinds() -> tuple[str, ...]:
    """Return the names of the installed adapters, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def load(kind: str, options: SwitchOptions) -> Switch:
    """Return the switch that an adapter makes.

    Args:
        kind: The adapter's name.
        options: What it is given.

    Raises:
        ConfigError: There is no such adapter, or it does not take the options.
    """
    for point in entry_points(group=GROUP, name=kind):
        return cast("Switch", point.load()(options))
    known = kinds()
    wanted = f"one of {', '.join(known)}{did_you_mean(nearest(kind, known))}"
    raise ConfigError(options.file, Problem("daemon.switch.kind", f"is {shown(kind)}", wanted))

"""Mistakes by their place in a file: collected, spelt as in the file, put in the file's order.

The checks go on behind a mistake without false alarms that only follow from it. A name that nobody
declared counts as its nearest declared one, if there is one near. What a reader of files already
found faulty and left out is not reported again, and what depends on it gets the benefit of the
doubt.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from acd.errors import Problem, did_you_mean, nearest, printable, shown
from acd.ids import ID_MAX
from acd.settings import DAY_US, SECOND_US, AgentSettings

SUGGESTIONS_MAX: Final = 100
"""Most unknown names for which a near one is searched (2 ms each): a reader acts on the first."""

SPAN_MAX_US: Final = 366 * DAY_US
"""Longest time: a leap year. No longer promise makes sense, and sums stay far below `TIME_US_MAX`.
"""

KeyPath: TypeAlias = tuple[str | int, ...]
"""A place in a file: names of tables and keys, and places in arrays from 0."""


class Mistake(NamedTuple):
    """A `Problem` whose key is still in parts, so that mistakes can be put in the file's order."""

    path: KeyPath
    seen: str
    wanted: str

    def problem(self) -> Problem:
        """Return the mistake with its key as text."""
        return Problem(key_text(self.path), self.seen, self.wanted)


class Findings:
    """Collects mistakes, but none at or below a place that was already found faulty."""

    def __init__(self, faulty: Collection[KeyPath] = ()) -> None:
        self.faulty = frozenset(faulty)
        self._doubtful = {path[: n + 1] for path in faulty for n in range(len(path))}
        self._found: dict[Mistake, None] = {}
        self._near: dict[tuple[str, str], str] = {}

    def all(self) -> list[Mistake]:
        """Return the mistakes in the order of their report, each once."""
        return list(self._found)

    def excused(self, *path: str | int) -> bool:
        """Return whether the value at `path` was already found faulty, or one that holds it."""
        return bool(self.faulty) and within(path, self.faulty)

    def doubtful(self, *path: str | int) -> bool:
        """Return whether the value at `path` was already found faulty, or one that it holds."""
        return path in self._doubtful

    def report(self, path: KeyPath, seen: str, wanted: str) -> None:
        """Note a mistake."""
        if not self.excused(*path):
            self._found[Mistake(path, seen, wanted)] = None

    def named(self, path: KeyPath, name: str) -> None:
        """Report a name that is empty or too long."""
        if not 1 <= len(name) <= ID_MAX:
            seen = f"has a name of {len(name)} characters"
            self.report(path, seen, f"from 1 to {ID_MAX} characters")

    def worded(self, path: KeyPath, name: str) -> None:
        """Report a name that a person could not read in a list: more than a line, or unseen."""
        self.named(path, name)
        if not name.isprintable():
            self.report(path, f"is {shown(name)}", "printable characters")

    def range(self, path: KeyPath, number: int, low: int, high: int) -> None:
        """Report a number outside low to high."""
        if not low <= number <= high:
            self.report(path, f"is {number}", f"a whole number from {low} to {high}")

    def span(self, path: KeyPath, time_us: int, *, zero: bool = True) -> None:
        """Report a time outside 0 to a year; 0 itself only unless `zero`."""
        if not (0 if zero else 1) <= time_us <= SPAN_MAX_US:
            most = seconds_text(SPAN_MAX_US)
            limits = f"{'from 0 to' if zero else 'above 0 and up to'} {most}"
            self.report(path, f"is {seconds_text(time_us)}", f"a number of seconds {limits}")

    def empty(self, path: KeyPath, wanted: str) -> None:
        """Report that nothing is there, unless what was there was faulty."""
        if not self.doubtful(*path):
            self.report(path, "is empty", wanted)

    def repeats(self, path: KeyPath, names: Iterable[str]) -> None:
        """Report each place of an array whose value stands in it already."""
        seen: set[str] = set()
        for place, name in enumerate(names):
            # An empty one is reported for being empty.
            if name in seen and name:
                self.report((*path, place), f"is {shown(name)} again", "each name once")
            seen.add(name)

    def doubles(self, table: str, names: Iterable[str]) -> None:
        """Report each name in a table that an earlier one has."""
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self.report((table, name), "is declared twice", "another name")
            seen.add(name)

    def known(
        self, path: KeyPath, name: str, kind: str, choices: Collection[str], *, at: KeyPath
    ) -> bool:
        """Return whether `name` is in `choices`, which are declared at `at`; report it if not.

        The name is the value at `path`, or the end of the path itself.
        """
        if name in choices:
            return True
        if not self.excused(*at):
            seen = f"is no {kind}" if path[-1] == name else f"is {shown(name)}"
            near = did_you_mean(self.nearest(name, kind, choices))
            self.report(path, seen, f"a {kind}{near}")
        return False

    def meant(self, name: str, kind: str, choices: Collection[str]) -> str:
        """Return the declared name that `name` stands for; "" if there is none."""
        return name if name in choices else self.nearest(name, kind, choices)

    def nearest(self, name: str, kind: str, choices: Collection[str]) -> str:
        """Return the nearest of `choices`, which are of one `kind`; "" after too many names."""
        if (name, kind) not in self._near:
            if len(self._near) >= SUGGESTIONS_MAX:
                return ""
            self._near[name, kind] = nearest(name, choices)
        return self._near[name, kind]


def within(path: KeyPath, places: Collection[KeyPath]) -> bool:
    """Return whether `path` is one of `places` or below one."""
    return any(path[:length] in places for length in range(1, len(path) + 1))


def in_file_order(found: Iterable[Mistake], tree: Mapping[str, Any]) -> list[Problem]:
    """Return mistakes as problems, in the order in which `tree` has their keys."""
    orders: dict[KeyPath, dict[str | int, int]] = {}
    """The keys' positions in each table looked at, by its path."""

    def places(mistake: Mistake) -> list[float]:
        above: list[float] = []
        node: Any = tree
        for depth, part in enumerate(mistake.path):
            table = mistake.path[:depth]
            if table not in orders:
                keys = range(len(node)) if isinstance(node, list) else node
                orders[table] = (
                    {key: at for at, key in enumerate(keys)}
                    if isinstance(node, dict | list)
                    else {}
                )
            if part not in orders[table]:
                return [*above, math.inf]  # What is missing comes last in its table.
            above.append(orders[table][part])
            node = node[part]
        return above

    return [mistake.problem() for mistake in sorted(found, key=places)]


def agent_path(agent: AgentSettings) -> KeyPath:
    """Return where the file has the agent: members stand in their group's table."""
    return ("groups", agent.group) if agent.group else ("agents", agent.agent_id)


def key_text(path: KeyPath) -> str:
    r"""Return `path` as it is spelt in TOML, with long names cut.

    >>> key_text(("profiles", "day shift", 0, "queue"))
    'profiles."day shift"[0].queue'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        bare = all(c.isascii() and (c.isalnum() or c in "_-") for c in part) and part
        name = part[:ID_MAX] + "…" * (len(part) > ID_MAX)
        if not bare:
            name = f'"{printable(name)}"'
        text += f".{name}" if text else name
    return text


def seconds_text(time_us: int) -> str:
    """Return a time in seconds, exactly, without a unit.

    >>> seconds_text(1_500_000), seconds_text(-20_000_000), seconds_text(1)
    ('1.5', '-20', '0.000001')
    """
    whole, rest = divmod(abs(time_us), SECOND_US)
    fraction = f".{rest:06}".rstrip("0") if rest else ""
    return f"{'-' if time_us < 0 else ''}{whole}{fraction}"

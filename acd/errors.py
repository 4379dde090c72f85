"""Every error this package raises on purpose, told apart by who must act.

- `ConfigError`, `JournalError`: the operator. A file is wrong; nothing was started.
- `StorageError`: the operator. The disk failed; what was not acknowledged is not kept.
- `UnreachableError`: the operator. Something that was configured cannot be reached.
- `CallerError`: the programmer of the driver. The router's state is unchanged.
- What a switch or a customer sends wrongly raises nothing: the core answers `Refused`.
- `AssertionError`: us. A broken invariant is a bug, so nobody catches it.

Each keeps its facts in `args`, so that a copy made from them or by pickle says the same. At the end
are the helpers by which a message repeats foreign text, and suggests a name.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

SHOWN_MAX: Final = 40
"""Longest piece of foreign text that an error repeats, in characters: half a terminal's line."""

CHOICES_MAX: Final = 1_000
"""Most names searched for a near one (2 ms); in a longer list no suggestion is made."""


class AcdError(Exception):
    """Base of all errors of this package."""


class Problem(NamedTuple):
    """One mistake in a file or in settings."""

    key: str
    """The path in the file's own spelling, like `queues.sales.voice.ring_s`."""
    seen: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.key}: {self.seen}; wanted {self.wanted}"


class ConfigError(AcdError):
    """A configuration is wrong: every mistake at once. Args: the file, then `Problem`s."""

    def __init__(self, file: str, *problems: Problem) -> None:
        super().__init__(file, *problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The mistakes, in the order of the file."""
        return tuple(self.args[1:])

    def __str__(self) -> str:
        return "\n".join(f"{self.args[0]}: {problem}" for problem in self.args[1:])


class JournalError(AcdError):
    """A journal cannot be read. Args: file, line number, what is wrong."""

    def __init__(self, file: str, line: int, what: str) -> None:
        super().__init__(file, line, what)

    def __str__(self) -> str:
        file, line, what = self.args
        return f"{file}:{line}: {what}"


class StorageError(AcdError):
    """Storage failed: nothing more may be acknowledged. Args: the file, what happened."""

    def __init__(self, file: str, what: str) -> None:
        super().__init__(file, what)

    def __str__(self) -> str:
        file, what = self.args
        return f"{file}: {what}"


class UnreachableError(AcdError):
    """Something cannot be reached. Args: where, what happened."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(where, what)

    def __str__(self) -> str:
        where, what = self.args
        return f"{where}: {what}"


class CallerError(AcdError):
    """The driver broke the router's contract: a tick owed, or time running back."""

    def __init__(self, what: str, *facts: Any) -> None:  # noqa: ANN401 - any fact may be kept
        super().__init__(what, *facts)

    def __str__(self) -> str:
        return str(self.args[0]).format(*self.args[1:])


# Words of messages.


def shown(text: str) -> str:
    r"""Return foreign `text` fit for a message: in backticks, cut short, no control characters.

    >>> shown("x" * 50), shown(chr(7) + "bell")
    ('`xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`', '`\\x07bell`')
    """
    return f"`{printable(text[:SHOWN_MAX])}{'…' if len(text) > SHOWN_MAX else ''}`"


def listed(names: Iterable[str]) -> str:
    """Return names fit for a message.

    >>> listed(["a", "b"])
    '`a`, `b`'
    """
    return ", ".join(map(shown, names))


def printable(text: str) -> str:
    """Return `text` with control characters and other invisible ones written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def nearest(name: str, choices: Collection[str]) -> str:
    """Return the choice whose spelling is nearest to `name`, or "" if none is near.

    >>> nearest("qeue", ["queue", "queues", "agent"]), nearest("qeue", ["agent"])
    ('queue', '')
    """
    if not name or len(choices) > CHOICES_MAX:
        return ""
    near = get_close_matches(name[:SHOWN_MAX], sorted(choices), n=1)
    return near[0] if near else ""


def did_you_mean(near: str) -> str:
    """Return "; did you mean `near`?", or nothing for nothing."""
    return f"; did you mean {shown(near)}?" if near else ""

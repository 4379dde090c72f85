"""Reading TOML from files that may be foreign: no text costs more than its size.

Before the parser sees a text, its size, its lines and its keys are measured: the parser is
quadratic in a dotted key's parts (32 KB of them cost it 2.5 s and 1 GB).
"""

import re
import tomllib
from typing import Any, Final

from acd.errors import ConfigError, Problem

FILE_BYTES_MAX: Final = 1_048_576
"""Largest file: 10,000 agents in tables of their own take 1 MB."""

LINE_BYTES_MAX: Final = 4_096
"""Longest line: a table of an agent with 100 skills on one line takes 2 KB."""

KEY_DOTS_MAX: Final = 8
"""Most dots in a key: twice what the deepest key here has."""

GUARD_PROBLEMS_MAX: Final = 20
"""Most lines of one kind that the guard reports: such a file is not one that a person wrote."""


def read_toml(data: bytes, file: str) -> dict[str, Any]:
    """Return the TOML document in `data` as a dict.

    Raises:
        ConfigError: It is too large, not UTF-8, has too long a line or too deep a key, or is no
            TOML. Cost: linear in the size, whatever it holds.
    """
    if found := _refused(data):
        raise ConfigError(file, *found)
    text = data.decode()
    try:
        return tomllib.loads(text)
    except RecursionError:
        found = [Problem("file", "is nested too deeply", "a few tables and arrays in each other")]
    except ValueError as error:  # TOMLDecodeError, or a number that Python refuses to convert.
        found = [_not_toml(str(error), text)]
    raise ConfigError(file, *found)


_STRING: Final = r""""(?>(?:[^"\\\n]++|\\[^\n])*)(?:"|\\?$)|'[^'\n]*+(?:'|$)"""
_PART: Final = rf"(?:[A-Za-z0-9_-]++|{_STRING})"
# What can hold dots that part no key (long strings, comments) or is a key or a plain value. Every
# repetition is possessive or atomic and an open string ends with its line or the text, so that no
# character is looked at more than a few times. Groups are atomic, since Python 3.11.2, that of
# Debian 12, goes on at a wrong character behind a possessive group.
_LEXEME: Final = re.compile(
    r'"""(?>(?:[^"\\]++|\\[\s\S]|"(?!""))*)(?:"{3,5}|\\?\Z)'
    r"|'''(?>(?:[^']++|'(?!''))*)(?:'{3,5}|\Z)"
    r"|\#[^\n]*+"
    rf"|(?P<key>{_PART}(?>(?:[ \t]*+\.[ \t]*+{_PART})*))",
    re.MULTILINE,
)
_PARTS: Final = re.compile(_PART, re.MULTILINE)


def _refused(data: bytes) -> list[Problem]:
    """Return why the parser must not see `data`, if it must not."""
    if len(data) > FILE_BYTES_MAX:
        return [Problem("file", f"has over {FILE_BYTES_MAX} bytes", f"at most {FILE_BYTES_MAX}")]
    long = [
        Problem(f"line {n}", f"has {len(line)} bytes", f"at most {LINE_BYTES_MAX}")
        for n, line in enumerate(data.split(b"\n"), 1)
        if len(line) > LINE_BYTES_MAX
    ]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return [*long, Problem(f"line {line}", "is not UTF-8", "text in UTF-8")]
    deep: list[Problem] = []
    for match in _LEXEME.finditer(text):
        key = match["key"] or ""
        # Dots are counted first, those in quotes too, since that is cheap.
        if key.count(".") > KEY_DOTS_MAX and (dots := len(_PARTS.findall(key)) - 1) > KEY_DOTS_MAX:
            line = text.count("\n", 0, match.start()) + 1
            seen = f"has a key with {dots} dots"
            deep.append(Problem(f"line {line}", seen, f"at most {KEY_DOTS_MAX}"))
            if len(deep) == GUARD_PROBLEMS_MAX:
                break
    return [*long[:GUARD_PROBLEMS_MAX], *deep]


_MESSAGE: Final = re.compile(
    r"(.*?)(?: \(at (?:line (\d+), column (\d+)|end of document)\))?", re.DOTALL
)


def _not_toml(message: str, text: str) -> Problem:
    """Return the one mistake that the parser found, from its message."""
    match = _MESSAGE.fullmatch(message)
    assert match is not None
    what, line, column = match.groups()
    last_line = text.count("\n") + 1
    at = f" at column {column}" if column else ""
    repeated = "twice" in what or "overwrite" in what
    wanted = "each table and key once" if repeated else "TOML 1.0"
    return Problem(f"line {line or last_line}", f"is no TOML{at}: {what[:200]}", wanted)

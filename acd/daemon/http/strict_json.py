"""JSON from outside, read strictly: one meaning, bounded depth, nothing that is not JSON.

The standard parser takes the last of two equal keys, `NaN`, integers of any size and half of a
character; and what is nested deeply enough exhausts Python's stack. All that is refused here, and
the typed models after it see only what is left.
"""

import json
import re
from collections import Counter
from typing import Any, Final

DEPTH_MAX: Final = 16
"""Deepest nesting: the bodies here have three levels."""

INTEGER_DIGITS_MAX: Final = 19
"""Most characters of an integer: those of 2**63, with or without its sign."""

_STRING: Final = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)"?', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[{\]}]")


class StrictJsonError(Exception):
    """A text is no JSON that is taken.

    Args: what is wrong, and what the text has beside it, so that an answer can name what it
    answers: None where that has no meaning, and without the keys that stand twice in an object.
    """

    def __init__(self, what: str, rest: object = None) -> None:
        super().__init__(what, rest)
        self.rest = rest

    def __str__(self) -> str:
        return str(self.args[0])


def read(data: bytes) -> Any:  # noqa: ANN401 - JSON may hold anything
    """Return the value of a JSON text.

    Raises:
        StrictJsonError: It is not JSON, or ambiguous, or nested too deeply.
    """
    if _depth(data) > DEPTH_MAX:
        raise StrictJsonError(f"is nested deeper than {DEPTH_MAX} levels")
    parts = _Parts()
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=parts.object,
            parse_int=parts.integer,
            parse_float=parts.number,
            parse_constant=parts.constant,
        )
    except UnicodeDecodeError:
        raise StrictJsonError("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"is no JSON at character {error.pos}: {error.msg}") from None
    if parts.wrong:
        raise StrictJsonError(parts.wrong[0], value)
    try:
        # Half of a surrogate pair can be escaped in JSON, and no UTF-8 can write it.
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise StrictJsonError("has half of a surrogate pair", value) from None
    return value


def _depth(data: bytes) -> int:
    """Return how deeply brackets are nested outside of strings; linear, whatever it is."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


class _Parts:
    """Makes the values of a text, and notes what is wrong with them; None stands for those."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            self.wrong.append("has a key twice in one object")
            counts = Counter(key for key, _ in pairs)
            made = {key: value for key, value in pairs if counts[key] == 1}
        return made

    def integer(self, digits: str) -> int | None:
        if len(digits.lstrip("-")) > INTEGER_DIGITS_MAX:
            self.wrong.append(f"has an integer of over {INTEGER_DIGITS_MAX} digits")
            return None
        return int(digits)

    def number(self, digits: str) -> float | None:
        number = float(digits)
        if number in {float("inf"), float("-inf")}:
            self.wrong.append("has a number that is too large")
            return None
        return number

    def constant(self, name: str) -> None:
        self.wrong.append(f"has {name}, which is no JSON")

"""JSON from outside, read strictly: one meaning, bounded depth, nothing that is not JSON.

The standard parser takes the last of two equal keys, `NaN`, integers of any size and half of a
character; and what is nested deeply enough exhausts Python's stack. All that is refused here, and
the typed models after it see only what is left.
"""

import json
import re
from typing import Any, Final

DEPTH_MAX: Final = 16
"""Deepest nesting: the bodies here have three levels."""

INTEGER_DIGITS_MAX: Final = 19
"""Most characters of an integer: those of 2**63, with or without its sign."""

_STRING: Final = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)"?', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[{\]}]")


class StrictJsonError(Exception):
    """A text is no JSON that is taken. Args: what is wrong."""


def read(data: bytes) -> Any:  # noqa: ANN401 - JSON may hold anything
    """Return the value of a JSON text.

    Raises:
        StrictJsonError: It is not JSON, or ambiguous, or nested too deeply.
    """
    if _depth(data) > DEPTH_MAX:
        raise StrictJsonError(f"is nested deeper than {DEPTH_MAX} levels")
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
        # Half of a surrogate pair can be escaped in JSON, and no UTF-8 can write it.
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise StrictJsonError("is not UTF-8") from None
    except UnicodeEncodeError:
        raise StrictJsonError("has half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"is no JSON at character {error.pos}: {error.msg}") from None
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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise StrictJsonError("has a key twice in one object")
    return made


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > INTEGER_DIGITS_MAX:
        raise StrictJsonError(f"has an integer of over {INTEGER_DIGITS_MAX} digits")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise StrictJsonError("has a number that is too large")
    return number


def _constant(name: str) -> float:
    raise StrictJsonError(f"has {name}, which is no JSON")

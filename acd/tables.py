"""Models of TOML tables by pydantic: their kinds of values, and its errors as our mistakes.

A reader of a file derives the models of its tables from `Table`. `read_model` reads a file with
mistakes too: faulty values are left out and their places remembered, so that the rest is checked
without false alarms that only follow from them.
"""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, ClassVar, Final, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from acd.errors import did_you_mean, listed, nearest, shown
from acd.mistakes import (
    SPAN_MAX_US,
    SUGGESTIONS_MAX,
    KeyPath,
    Mistake,
    seconds_text,
    within,
)
from acd.settings import SECOND_US

NUMBER_MAX: Final = 2**63
"""Numbers beyond it are refused: they fit no type of 64 bits."""

UNKNOWN_KEY: Final = "is an unknown key"
MISSING: Final = "is missing"

LOCAL_TIME: Final = "a local date and time like 2026-12-14T08:00:00"
"""What is wanted where a table says when something begins."""

_HOURS: Final = re.compile(r"([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])")

_ROUNDS_MAX: Final = 8
"""Most rounds of leaving out faulty values; each goes a level deeper, and tables have five."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def _key_of(field: str) -> str:
    """Return the file's key of a field: seconds there, microseconds here."""
    return f"{field.removesuffix('_us')}_s" if field.endswith("_us") else field


class Table(BaseModel):
    """Base of the models of TOML tables: nothing unknown, nothing converted.

    A field `x_us` is read from the key `x_s`.
    """

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", alias_generator=_key_of, hide_input_in_errors=True
    )
    refused_keys: ClassVar[Mapping[str, str]] = {}
    """Keys that people might try, and what is wanted instead."""


def read_model(
    model: type[ModelT], tree: dict[str, Any]
) -> tuple[ModelT, list[Mistake], set[KeyPath]]:
    """Return what can be read of `tree`, the mistakes, and the places that were left out."""
    found: list[Mistake] = []
    faulty: set[KeyPath] = set()
    for _ in range(_ROUNDS_MAX):
        try:
            return model.model_validate(tree), found, faulty
        except ValidationError as error:
            more, meant = _findings(error, model, ())
            found += [mistake for mistake in more if not within(mistake.path, faulty)]
            faulty |= {place for place in meant if not _has(tree, place)}
            faulty |= {mistake.path for mistake in more if mistake.seen != UNKNOWN_KEY}
            tree = _without_faults(tree, model, error)
    raise AssertionError(found)


def mistakes_in(
    error: ValidationError, model: type[BaseModel], *, path: KeyPath = ()
) -> list[Mistake]:
    """Return the mistakes that pydantic found.

    Args:
        error: What `model` raised.
        model: Where near names of unknown keys are searched.
        path: Where in the file the table stands that `model` read.
    """
    return _findings(error, model, path)[0]


# Kinds of values


def refusal(wanted: str) -> PydanticCustomError:
    """Return what a validator raises to have a value refused as not `wanted`."""
    return PydanticCustomError("wanted", "{wanted}", {"wanted": wanted})


def _number(value: object) -> int | float:
    """Return a number that is finite and not absurdly large."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal("a number")
    if not abs(value) < NUMBER_MAX:  # NaN is not below it either.
        raise refusal("a finite number of a usual size")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal("a whole number")
    _number(value)
    return value


def _microseconds(value: object) -> int:
    """Return seconds as microseconds. A float stands for the decimal number that the file has."""
    number = _number(value)
    if abs(number) * SECOND_US > SPAN_MAX_US:
        raise refusal(f"a number of seconds up to {seconds_text(SPAN_MAX_US)}")
    time_us = Decimal(repr(number)) * SECOND_US
    if time_us % 1:
        raise refusal("a whole number of microseconds")
    return int(time_us)


def _minutes(value: object) -> int:
    return _microseconds(_number(value) * 60)


def _hours(value: object) -> tuple[int, int]:
    """Return a span of a day, like 09:00-17:30, in seconds since midnight."""
    match = _HOURS.fullmatch(value) if isinstance(value, str) else None
    times = [int(part) for part in match.groups()] if match else []
    if not times or any(hour * 60 + minute > 24 * 60 for hour, minute in (times[:2], times[2:])):
        raise refusal("a span of the day like 09:00-17:30, until 24:00 at the latest")
    return (times[0] * 60 + times[1]) * 60, (times[2] * 60 + times[3]) * 60


Number = Annotated[float, BeforeValidator(_number)]
"""A finite number."""
Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number of at most 63 bits."""
Span = Annotated[int, BeforeValidator(_microseconds)]
"""A number of seconds in the file, an integer of microseconds here: exactly, or refused."""
Hours = Annotated[tuple[int, int], BeforeValidator(_hours)]
"""A span of the day in the file, seconds since midnight here: (from, until)."""
Minutes = Annotated[int, BeforeValidator(_minutes)]
"""As `Span`, of a number of minutes."""


# From pydantic's errors to mistakes

_WANTED: Final = {
    "bool": "true or false",
    "dict": "a table",
    "float": "a number",
    "int": "a whole number",
    "list": "an array",
    "model": "a table",
    "string": "a text",
}
"""What is wanted, by the first word of pydantic's type of error."""

_BOUNDS: Final = {
    "greater_than": ("a number above {}", "gt"),
    "greater_than_equal": ("a number of at least {}", "ge"),
    "less_than": ("a number below {}", "lt"),
    "less_than_equal": ("a number of at most {}", "le"),
    "string_too_long": ("at most {} characters", "max_length"),
    "string_too_short": ("at least {} characters", "min_length"),
    "too_long": ("at most {} of them", "max_length"),
    "too_short": ("at least {} of them", "min_length"),
}
"""What is wanted, by pydantic's type of error, with the key of its bound."""


def _findings(
    error: ValidationError, model: type[BaseModel], path: KeyPath
) -> tuple[list[Mistake], set[KeyPath]]:
    """Return the mistakes, and the places that misspelt keys seem to mean."""
    details = error.errors(include_url=False)
    found: list[Mistake] = []
    meant: set[KeyPath] = set()
    suggestions = 0
    for detail in details:
        if detail["type"] != "extra_forbidden":
            continue
        *above, key = detail["loc"]
        table = _annotation(model, above)
        keys = _fields(table)
        wanted = getattr(table, "refused_keys", {}).get(key)
        if wanted is None:
            near = nearest(str(key), keys) if suggestions < SUGGESTIONS_MAX else ""
            suggestions += 1
            wanted = f"a known key{did_you_mean(near)}" if near else _one_of(keys)
            meant |= {(*path, *above, near)} if near else set()
        found.append(Mistake((*path, *detail["loc"]), UNKNOWN_KEY, wanted))
    for detail in details:
        where = (*path, *detail["loc"])
        # That a key is missing only follows if another is its misspelling.
        follows = detail["type"] == "missing" and where in meant
        if detail["type"] != "extra_forbidden" and not follows:
            found.append(_mistake(where, detail, _annotation(model, detail["loc"])))
    return found, meant


def _mistake(where: KeyPath, detail: ErrorDetails, annotation: Any) -> Mistake:  # noqa: ANN401
    kind = detail["type"]
    context = detail.get("ctx", {})
    seen = f"is {value_text(detail['input'])}"
    if kind == "missing":
        is_span = annotation is int and str(where[-1]).endswith("_s")
        wanted = "a number of seconds" if is_span else _wanted_type(annotation)
        return Mistake(where, MISSING, wanted)
    if kind in {"enum", "literal_error"}:
        choices = re.findall(r"'([^']*)'", context["expected"])
        near = nearest(detail["input"], choices) if isinstance(detail["input"], str) else ""
        return Mistake(where, seen, f"{_one_of(choices)}{did_you_mean(near)}")
    if kind == "wanted":
        return Mistake(where, seen, detail["msg"])
    if kind in _BOUNDS:
        text, key = _BOUNDS[kind]
        return Mistake(where, seen, text.format(context[key]))
    return Mistake(where, seen, _WANTED.get(kind.split("_")[0], detail["msg"]))


def value_text(value: object) -> str:
    """Return a value of a TOML file for a message; never long, whatever it is.

    >>> value_text(True), value_text(1 << 20_000), value_text([1]), value_text("x")
    ('true', 'a number of 20001 bits', 'an array', '`x`')
    """
    match value:
        case bool():
            return str(value).lower()
        case int():
            return (
                str(value) if abs(value) < NUMBER_MAX else f"a number of {value.bit_length()} bits"
            )
        case float():
            return repr(value)
        case str():
            return shown(value)
        case dict():
            return "a table"
        case list():
            return "an array"
        case _:  # A date or a time.
            return f"the {type(value).__name__} {value}"


def _one_of(names: Iterable[str]) -> str:
    return f"one of {listed(names)}"


def _wanted_type(annotation: Any) -> str:  # noqa: ANN401
    """Return what a missing value should be."""
    names = {
        bool: "true or false",
        datetime: LOCAL_TIME,
        float: "a number",
        int: "a whole number",
        str: "a text",
    }
    kind = _bare(annotation)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _one_of(kind)
    return names.get(kind, "an array" if get_origin(kind) is list else "a table")


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - annotations are of many types
    """Return an annotation without metadata and without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    inner = [each for each in get_args(annotation) if each is not NoneType]
    optional = len(inner) < len(get_args(annotation))
    return _bare(inner[0]) if optional else annotation


def _is_model(kind: Any) -> bool:  # noqa: ANN401
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _fields(table: Any) -> dict[str, FieldInfo]:  # noqa: ANN401
    """Return a model's fields by their keys in the file."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _annotation(model: Any, path: Iterable[str | int]) -> Any:  # noqa: ANN401
    """Return what a value at `path` should be. None if no table or array is expected there."""
    kind = model
    for part in path:
        kind = _bare(kind)
        if _is_model(kind):
            field = _fields(kind).get(str(part))
            kind = field.annotation if field else None
        else:
            kind = (get_args(kind) or (None,))[-1]
    return _bare(kind)


# Reading on behind mistakes


def _has(tree: Any, path: KeyPath) -> bool:  # noqa: ANN401
    """Return whether `tree` has a value at `path`, whose last part is a key."""
    for part in path[:-1]:
        tree = tree[part]
    return path[-1] in tree


def _without_faults(
    tree: dict[str, Any], model: type[BaseModel], error: ValidationError
) -> dict[str, Any]:
    """Return a copy of `tree` with faulty values left out, or replaced where one must stand."""
    copy = deepcopy(tree)
    faults = {
        detail["loc"]: None
        if detail["type"] == "extra_forbidden"
        else _stand_in(model, detail["loc"])
        for detail in error.errors(include_url=False, include_input=False)
    }
    # Backwards, so that places in an array stay right while later ones go.
    for (*above, last), stand_in in sorted(faults.items(), reverse=True):
        node: Any = copy
        for part in above:
            node = node[part]
        if stand_in is not None:
            node[last] = stand_in
        elif not isinstance(node, dict) or last in node:
            del node[last]
    return copy


def _stand_in(model: type[BaseModel], path: KeyPath) -> Any:  # noqa: ANN401
    """Return what to put in a faulty value's place; None if it may be left out."""
    table, kind = _annotation(model, path[:-1]), _annotation(model, path)
    if _is_model(table):
        needed = _fields(table)[str(path[-1])].is_required()
    else:
        needed = get_origin(table) is list
    if not needed:
        return None
    if _is_model(table) and isinstance(kind, type) and issubclass(kind, StrEnum):
        return next(iter(kind)).value
    return {} if _is_model(kind) else {str: "", int: 0}.get(kind)

"""Kinds of values of a scenario file, and what the file declares, against which names are checked.

Names are checked against what the rest of the file declares, which is taken leniently from the raw
tables and given as the context of validation: so a mistake in one place hides none in another.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, TypeGuard
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from acd.errors import shown
from acd.ids import Channel
from acd.tables import LOCAL_TIME, Number, Whole, refusal
from sim.history import is_zone

RATE_MAX: Final = 1_000_000
"""Most arrivals per hour: ten times the flash crowd that the plan names."""

CONTACTS_MAX: Final = 10_000_000
"""Most contacts of a stream: the largest bank's calls of a month."""

STAFF_MAX: Final = 100_000
"""Most members of a group: the limit that `acd.validation` has for a domain."""

HOURS_MAX: Final = 366 * 24
"""Longest day: a leap year."""

YEAR_MIN: Final = 1971
"""From then on every local time is after the epoch."""
YEAR_MAX: Final = 2999

NAME: Final = re.compile("[A-Za-z0-9_-]{1,24}")
MONTH_S: Final = 30 * 86_400
SHOWN_MAX: Final = 20
"""Most names that a message lists."""


class Known(NamedTuple):
    """What the file declares. None where that cannot be read: nothing is checked against it."""

    queues: Mapping[str, tuple[Channel, ...]]
    groups: tuple[str, ...]
    streams: tuple[str, ...]
    curves: tuple[str, ...]
    busyness: tuple[str, ...]
    start: datetime | None
    intervals: int | None
    interval_s: int
    zone: ZoneInfo
    """UTC where the file names none."""


def listed(names: Iterable[str]) -> str:
    """Return names as a choice."""
    texts = [shown(name) for name in names]
    more = ", …" if len(texts) > SHOWN_MAX else ""
    return f"one of {', '.join(texts[:SHOWN_MAX])}{more}" if texts else "none, as none is declared"


def known_to(info: ValidationInfo) -> Known:
    """Return what the file declares."""
    assert isinstance(info.context, Known)
    return info.context


def a_queue(value: str, info: ValidationInfo) -> str:
    """Accept the name of a declared queue."""
    if value not in known_to(info).queues:
        raise refusal(f"a declared queue, {listed(known_to(info).queues)}")
    return value


def a_stream(value: str, info: ValidationInfo) -> str:
    """Accept the name of a stream."""
    if value not in known_to(info).streams:
        raise refusal(f"the name of a stream, {listed(known_to(info).streams)}")
    return value


def a_curve(value: str, info: ValidationInfo) -> str:
    """Accept the name of a declared curve."""
    if value not in known_to(info).curves:
        raise refusal(f"a declared curve, {listed(known_to(info).curves)}")
    return value


def a_busyness(value: str, info: ValidationInfo) -> str:
    """Accept the name of a declared busyness."""
    if value not in known_to(info).busyness:
        raise refusal(f"a table of scenario.busyness, {listed(known_to(info).busyness)}")
    return value


def _a_name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise refusal("1 to 24 letters, digits, `_` and `-`")
    return value


def a_zone(value: str) -> str:
    """Accept a time zone."""
    if not is_zone(value):
        raise refusal("a time zone like `Europe/Berlin`")
    return value


def _a_local_time(value: object) -> object:
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise refusal(LOCAL_TIME)
    if not YEAR_MIN <= value.year <= YEAR_MAX:
        raise refusal(f"a year from {YEAR_MIN} to {YEAR_MAX}")
    return value


def is_local_time(value: object) -> TypeGuard[datetime]:
    """Return whether `value` is accepted as a `LocalTime`."""
    return (
        isinstance(value, datetime) and value.tzinfo is None and YEAR_MIN <= value.year <= YEAR_MAX
    )


def is_length(hours: object) -> TypeGuard[float]:
    """Return whether `hours` is accepted as a day's length, alone."""
    if isinstance(hours, bool) or not isinstance(hours, int | float):
        return False
    return 0 < hours <= HOURS_MAX  # NaN is not above 0 either.


def a_title(value: str) -> str:
    """Accept a text that a terminal shows as it is."""
    if not value.isprintable():
        raise refusal("printable characters only")
    return value


def _per_interval(value: object, info: ValidationInfo) -> object:
    """Return one number as an array that repeats it."""
    if isinstance(value, list):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= STAFF_MAX:
        raise refusal(f"a whole number from 0 to {STAFF_MAX}, or an array of one for each interval")
    return [value] * (known_to(info).intervals or 1)


Name = Annotated[str, AfterValidator(_a_name)]
"""Of a stream or a peak: both, with a number, fit into a contact's id of 64 characters."""
Rates = list[Annotated[Number, Field(ge=0, le=RATE_MAX)]]
Staff = Annotated[list[Annotated[Whole, Field(ge=0, le=STAFF_MAX)]], BeforeValidator(_per_interval)]
LocalTime = Annotated[datetime, BeforeValidator(_a_local_time)]
Mean = Annotated[Number, Field(gt=0, le=MONTH_S)]
Minutes = Annotated[Number, Field(ge=0, le=24 * 60)]


def table_in(tree: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the table of a key, an empty one if it holds something else."""
    found = tree.get(key)
    return found if isinstance(found, dict) else {}


def rows_in(tree: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the tables of an array, an empty one in place of something else."""
    found = tree.get(key)
    rows = found if isinstance(found, list) else []
    return [row if isinstance(row, dict) else {} for row in rows]

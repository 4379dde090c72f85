"""The `[scenario]` table of a file: models of pydantic, which find mistakes of shape and range.

Names are checked against what the rest of the file declares, which is taken leniently from the raw
tables and given as the context of validation: so a mistake in one place hides none in another.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from acd.errors import shown
from acd.ids import Channel
from acd.tables import LOCAL_TIME, Number, Span, Table, Whole, refusal
from sim.history import is_zone
from sim.people_file import CustomersTable, PeopleTable

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
SHOWN_MAX: Final = 20
"""Most names that a message lists."""


class Known(NamedTuple):
    """What the file declares. None where that cannot be read: nothing is checked against it."""

    queues: Mapping[str, tuple[Channel, ...]]
    groups: tuple[str, ...]
    streams: tuple[str, ...]
    curves: tuple[str, ...]
    start: datetime | None
    intervals: int | None
    interval_s: int


def listed(names: Iterable[str]) -> str:
    """Return names as a choice."""
    texts = [shown(name) for name in names]
    more = ", …" if len(texts) > SHOWN_MAX else ""
    return f"one of {', '.join(texts[:SHOWN_MAX])}{more}" if texts else "none, as none is declared"


def _known(info: ValidationInfo) -> Known:
    assert isinstance(info.context, Known)
    return info.context


def _a_queue(value: str, info: ValidationInfo) -> str:
    if value not in _known(info).queues:
        raise refusal(f"a declared queue, {listed(_known(info).queues)}")
    return value


def _a_stream(value: str, info: ValidationInfo) -> str:
    if value not in _known(info).streams:
        raise refusal(f"the name of a stream, {listed(_known(info).streams)}")
    return value


def _a_curve(value: str, info: ValidationInfo) -> str:
    if value not in _known(info).curves:
        raise refusal(f"a declared curve, {listed(_known(info).curves)}")
    return value


def _a_name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise refusal("1 to 24 letters, digits, `_` and `-`")
    return value


def _a_zone(value: str) -> str:
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


def _a_title(value: str) -> str:
    if not value.isprintable():
        raise refusal("printable characters only")
    return value


def _per_interval(value: object, info: ValidationInfo) -> object:
    """Return one number as an array that repeats it."""
    if isinstance(value, list):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= STAFF_MAX:
        raise refusal(f"a whole number from 0 to {STAFF_MAX}, or an array of one for each interval")
    return [value] * (_known(info).intervals or 1)


Name = Annotated[str, AfterValidator(_a_name)]
"""Of a stream or a peak: both, with a number, fit into a contact's id of 64 characters."""
Rates = list[Annotated[Number, Field(ge=0, le=RATE_MAX)]]
Staff = Annotated[list[Annotated[Whole, Field(ge=0, le=STAFF_MAX)]], BeforeValidator(_per_interval)]
LocalTime = Annotated[datetime, BeforeValidator(_a_local_time)]
Minutes = Annotated[Number, Field(ge=0, le=24 * 60)]


class ArrivalsTable(CustomersTable):
    """One `[[scenario.arrivals]]`: a stream of contacts that are alike."""

    name: Name
    queue: Annotated[str, AfterValidator(_a_queue)]
    channel: Annotated[Channel, Field(strict=False)]
    rates_per_h: Rates | None = None
    curve: Annotated[str, AfterValidator(_a_curve)] | None = None
    contacts: Annotated[Number, Field(ge=0, le=CONTACTS_MAX)] | None = None
    csv: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    column: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    answer_us: Annotated[Span, Field(ge=0)] | None = None
    requirement: str = ""
    prefers: list[str] = Field(default_factory=list)
    priority: Annotated[Whole, Field(ge=-1_000_000, le=1_000_000)] | None = None
    promise_us: Annotated[Span, Field(gt=0)] | None = None
    attributes: dict[str, Annotated[str, Field(max_length=64)]] = Field(default_factory=dict)

    @field_validator("channel")
    @classmethod
    def _of_the_queue(cls, channel: Channel, info: ValidationInfo) -> Channel:
        channels = _known(info).queues.get(info.data.get("queue", ""))
        if channels is not None and channel not in channels:
            raise refusal(f"a channel that the queue has, {listed(channels)}")
        return channel


class PeakTable(Table):
    """One `[[scenario.peaks]]`: more contacts for a while."""

    name: Name
    streams: list[Annotated[str, AfterValidator(_a_stream)]]
    begins: LocalTime = Field(alias="from")
    rise_min: Minutes = 0
    hold_min: Minutes = 0
    fall_min: Minutes = 0
    factor: Annotated[Number, Field(gt=1, le=1_000)]


class ScenarioTable(PeopleTable):
    """The `[scenario]` table."""

    title: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_a_title)]
    start: LocalTime
    time_zone: Annotated[str, AfterValidator(_a_zone)] = "UTC"
    hours: Annotated[Number, Field(gt=0, le=HOURS_MAX)]
    interval_min: Annotated[Whole, Field(ge=1, le=24 * 60)] = 30
    answer_us: Annotated[Span, Field(ge=0)] = 4_000_000
    staffing: dict[str, Staff] = Field(default_factory=dict)
    curves: dict[str, Rates] = Field(default_factory=dict)
    arrivals: Annotated[list[ArrivalsTable], Field(min_length=1, max_length=1_000)]
    peaks: Annotated[list[PeakTable], Field(max_length=100)] = Field(default_factory=list)


def known_of(tree: Mapping[str, Any]) -> Known:
    """Return what a file declares, whatever else is wrong with it."""
    raw = table_in(tree, "scenario")
    streams = rows_in(raw, "arrivals")
    start = raw.get("start")
    interval_min = raw.get("interval_min", 30)
    if type(interval_min) is not int or not 1 <= interval_min <= 24 * 60:
        interval_min = 0
    return Known(
        queues={
            name: tuple(channel for channel in Channel if channel in queue)
            for name, queue in table_in(tree, "queues").items()
            if isinstance(queue, dict)
        },
        groups=tuple(table_in(tree, "groups")),
        streams=tuple(row["name"] for row in streams if isinstance(row.get("name"), str)),
        curves=tuple(table_in(raw, "curves")),
        start=start if is_local_time(start) else None,
        intervals=_intervals(raw.get("hours"), interval_min),
        interval_s=interval_min * 60,
    )


def table_in(tree: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the table of a key, an empty one if it holds something else."""
    found = tree.get(key)
    return found if isinstance(found, dict) else {}


def rows_in(tree: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the tables of an array, an empty one in place of something else."""
    found = tree.get(key)
    rows = found if isinstance(found, list) else []
    return [row if isinstance(row, dict) else {} for row in rows]


def _intervals(hours: object, interval_min: int) -> int | None:
    if not is_length(hours) or not interval_min:
        return None
    intervals = hours * 60 / interval_min
    return int(intervals) if intervals == int(intervals) else None

"""Tables of a scenario file that say how contacts come: busyness, batches, peaks, replayed times.

Each has its model, which finds mistakes of range; what several keys must agree in is checked on the
raw tables, so that all mistakes are told at once.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from acd.errors import listed, shown
from acd.mistakes import KeyPath, Mistake
from acd.settings import SECOND_US
from acd.tables import NUMBER_MAX, Number, Table, refusal
from sim.batches import Batch, Batches, Sizes
from sim.busyness import Busyness
from sim.history import is_zone
from sim.peaks import Campaign, FlashCrowd, Growth, Outage, Peak, Season, Shape, Trapezoid
from sim.replay import Replay, read_replay, told_of
from sim.roster import instant_us
from sim.scenario_kinds import (
    CONTACTS_MAX,
    HOURS_MAX,
    RATE_MAX,
    Known,
    LocalTime,
    Minutes,
    Name,
    Rates,
    a_stream,
    is_local_time,
    rows_in,
)

MINUTE_US: Final = 60_000_000
CV_MAX: Final = 3.0
"""Largest coefficient of variation: nine days in ten have then next to nobody."""
BATCH_MAX: Final = 100_000
USERS_MAX: Final = 1_000_000_000
PROFILE_MAX: Final = 10_000
"""Most figures of a season: a year by hours."""

TRAPEZOID: Final = "trapezoid"
LENGTHS: Final = ("rise_min", "hold_min", "fall_min")
HEIGHT: Final = ("factor", "added_per_h")
SHAPES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    TRAPEZOID: ((), (*LENGTHS, *HEIGHT)),
    "season": (("length_min", "profile"), HEIGHT),
    "campaign": (("half_life_min",), ("rise_min", *HEIGHT)),
    "outage": (("length_min",), HEIGHT),
    "flash_crowd": (
        ("users_from", "users_to", "contacts_per_user_per_h", "rise_min"),
        ("growth", "hold_min", "fall_min"),
    ),
}
"""The keys that a peak of a shape must have, and those that it may have."""
SHAPED: Final = tuple(dict.fromkeys(chain.from_iterable(chain.from_iterable(SHAPES.values()))))

_HERE: Final = ("scenario",)

Length = Annotated[Number, Field(gt=0, le=HOURS_MAX * 60)]
Streams = list[Annotated[str, AfterValidator(a_stream)]]
Users = Annotated[Number, Field(ge=1, le=USERS_MAX)]
Cv = Annotated[Number, Field(ge=0, le=CV_MAX)]


class BusynessTable(Table):
    """One `[scenario.busyness.NAME]`: how much days and intervals vary."""

    day_cv: Cv = 0.0
    interval_cv: Cv = 0.0
    correlation_min: Annotated[Number, Field(ge=0, le=HOURS_MAX * 60)] = 0.0

    @field_validator("correlation_min")
    @classmethod
    def _has_something_to_join(cls, value: float, info: ValidationInfo) -> float:
        if value and info.data.get("interval_cv") == 0:
            raise refusal("0, since interval_cv is 0")
        return value


class BatchTable(Table):
    """`batch = { size, sizes, spread_min }`: in what groups contacts come."""

    sizes: Annotated[Sizes, Field(strict=False)] = Sizes.FIXED
    size: Annotated[Number, Field(ge=1, le=BATCH_MAX)]
    spread_min: Minutes = 0

    @field_validator("size")
    @classmethod
    def _is_whole(cls, size: float, info: ValidationInfo) -> float:
        if info.data.get("sizes") is Sizes.FIXED and size != int(size):
            raise refusal("a whole number, or geometric sizes with this mean")
        return size


class BatchesTable(BatchTable):
    """One `[[scenario.batches]]`: batches at stated instants."""

    name: Name
    streams: Streams
    at: Annotated[list[LocalTime], Field(min_length=1, max_length=1_000)]


class PeakTable(Table):
    """One `[[scenario.peaks]]`: more contacts for a while."""

    name: Name
    streams: Streams
    begins: LocalTime = Field(alias="from")
    shape: Literal["trapezoid", "season", "campaign", "outage", "flash_crowd"] = TRAPEZOID
    factor: Annotated[Number, Field(gt=1, le=1_000)] | None = None
    added_per_h: Annotated[Number, Field(gt=0, le=RATE_MAX)] | None = None
    rise_min: Minutes = 0
    hold_min: Minutes = 0
    fall_min: Minutes = 0
    length_min: Length | None = None
    half_life_min: Annotated[Number, Field(gt=0, le=24 * 60)] | None = None
    profile: Annotated[Rates, Field(min_length=1, max_length=PROFILE_MAX)] | None = None
    growth: Annotated[Growth, Field(strict=False)] = Growth.EXPONENTIAL
    users_from: Users | None = None
    users_to: Users | None = None
    contacts_per_user_per_h: Annotated[Number, Field(gt=0, le=1_000)] | None = None


# --- what several keys must agree in ------------------------------------------------------------


def across(raw: Mapping[str, Any], known: Known) -> Iterator[Mistake]:
    """Yield mistakes that show only between keys of the raw `[scenario]` table."""
    streams = rows_in(raw, "arrivals")
    replayed = [row.get("name") for row in streams if "replay" in row]
    for number, stream in enumerate(streams):
        for key in ("busyness", "batch"):
            if "replay" in stream and key in stream:
                seen = f"stands beside {shown('replay')}"
                yield Mistake((*_HERE, "arrivals", number, key), seen, "it with rates only")
    for number, peak in enumerate(rows_in(raw, "peaks")):
        path = (*_HERE, "peaks", number)
        yield from within_the_day((*path, "from"), peak.get("from"), known)
        yield from _shaped(path, peak)
        if "factor" in peak:
            for place, name in enumerate(_list(peak, "streams")):
                if name in replayed:
                    seen = f"is {shown(name)}, which has no rate to multiply, as it is replayed"
                    yield Mistake((*path, "streams", place), seen, "added_per_h instead of factor")
    for number, batches in enumerate(rows_in(raw, "batches")):
        path = (*_HERE, "batches", number)
        instants, size = _list(batches, "at"), batches.get("size", 0)
        for place, at in enumerate(instants):
            yield from within_the_day((*path, "at", place), at, known)
        if type(size) in {int, float} and BATCH_MAX >= size > CONTACTS_MAX / max(len(instants), 1):
            seen = f"is {size:g}, {size * len(instants):g} contacts at {len(instants)} instants"
            yield Mistake((*path, "size"), seen, f"{CONTACTS_MAX} at most")


def within_the_day(path: KeyPath, begins: object, known: Known) -> Iterator[Mistake]:
    """Yield a mistake if a local time is not within the scenario."""
    start = known.start
    if start is None or known.intervals is None or not is_local_time(begins):
        return
    length_s = known.intervals * known.interval_s
    end_s = instant_us(start, known.zone) // SECOND_US + length_s
    end = datetime.fromtimestamp(end_s, known.zone).replace(tzinfo=None)
    if not start <= begins < end:
        wanted = f"from {start.isoformat()} until before {end.isoformat()}"
        yield Mistake(path, f"is {begins.isoformat()}", wanted)


def _shaped(path: KeyPath, peak: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield the keys that a peak's shape lacks, and those that it has no use for."""
    shape = peak.get("shape", TRAPEZOID)
    if not peak or not isinstance(shape, str) or shape not in SHAPES:
        return
    needed, possible = SHAPES[shape]
    for key in needed:
        if key not in peak:
            yield Mistake((*path, key), "is missing", f"it in a peak of the shape {shown(shape)}")
    for key in SHAPED:
        if key in peak and key not in needed and key not in possible:
            wanted = f"one of {listed((*needed, *possible))} in the shape {shown(shape)}"
            yield Mistake((*path, key), "is not of this shape", wanted)
    heights = [key for key in HEIGHT if key in peak and key in possible]
    if HEIGHT[0] in possible and len(heights) != 1:
        seen = "stands beside factor" if heights else "is missing"
        wanted = "one of both" if heights else "a number above 1, or added_per_h"
        yield Mistake((*path, HEIGHT[len(heights) // 2]), seen, wanted)
    if shape == TRAPEZOID and not any(peak.get(key) for key in LENGTHS):
        wanted = f"one of {listed(LENGTHS)} above 0, or nobody more comes"
        yield Mistake((*path, LENGTHS[1]), "is missing", wanted)
    profile = _list(peak, "profile")
    if profile and not any(profile):
        yield Mistake((*path, "profile"), "is 0 everywhere", "a figure above 0")
    yield from _crowd(path, peak)


def _crowd(path: KeyPath, peak: Mapping[str, Any]) -> Iterator[Mistake]:
    keys = ("users_from", "users_to", "contacts_per_user_per_h")
    values: list[Any] = [peak.get(key) for key in keys]
    usual = [one for one in values if type(one) in {int, float} and 0 < one < NUMBER_MAX]
    if len(usual) < len(keys):
        return
    low, high, each = usual
    if not low < high:
        yield Mistake((*path, "users_to"), f"is {high:g}", f"more than users_from, {low:g}")
    elif (high - low) * each > RATE_MAX:
        seen = f"is {each:g}, {(high - low) * each:g} contacts per hour of all users"
        yield Mistake((*path, keys[2]), seen, f"{RATE_MAX} at most")


def _list(row: Mapping[str, Any], key: str) -> list[Any]:
    found = row.get(key)
    return found if isinstance(found, list) else []


def replays(
    raw: Mapping[str, Any], known: Known, folder: Path
) -> tuple[dict[int, Replay], list[Mistake]]:
    """Return what streams replay, by the stream's place, and the mistakes in their files."""
    time_zone = raw.get("time_zone", "UTC")
    if known.start is None or known.intervals is None or not isinstance(time_zone, str):
        return {}, []
    if not is_zone(time_zone):
        return {}, []
    start_us = instant_us(known.start, ZoneInfo(time_zone))
    end_us = start_us + known.intervals * known.interval_s * (MINUTE_US // 60)
    found: dict[int, Replay] = {}
    mistakes: list[Mistake] = []
    for number, row in enumerate(rows_in(raw, "arrivals")):
        name = row.get("replay")
        if isinstance(name, str) and name:
            found[number], problems = read_replay(
                folder / name, time_zone=time_zone, start_us=start_us, end_us=end_us
            )
            path = (*_HERE, "arrivals", number, "replay")
            mistakes += (Mistake(path, *told_of(name, problem)) for problem in problems)
    return found, mistakes


# --- from tables to values -----------------------------------------------------------------------


def busyness_of(name: str, table: BusynessTable) -> Busyness:
    """Return the value of a table."""
    return Busyness(
        name=name,
        day_cv=table.day_cv,
        interval_cv=table.interval_cv,
        correlation_us=_us(table.correlation_min),
    )


def batch_of(table: BatchTable) -> Batch:
    """Return the value of a table."""
    return Batch(mean=table.size, sizes=table.sizes, spread_us=_us(table.spread_min))


def batches_of(table: BatchesTable, *, start_us: int, zone: ZoneInfo) -> Batches:
    """Return the value of a table, of a scenario that begins at `start_us`."""
    return Batches(
        name=table.name,
        streams=tuple(table.streams),
        at_offsets_us=tuple(instant_us(at, zone) - start_us for at in table.at),
        batch=batch_of(table),
    )


def peak_of(table: PeakTable, *, start_us: int, zone: ZoneInfo) -> Peak:
    """Return the value of a table, of a scenario that begins at `start_us`."""
    added_per_h = table.added_per_h or 0.0
    shape = _shape(table)
    if isinstance(shape, FlashCrowd):
        added_per_h = (shape.users_to - shape.users_from) * (table.contacts_per_user_per_h or 0.0)
    return Peak(
        name=table.name,
        streams=tuple(table.streams),
        from_offset_us=instant_us(table.begins, zone) - start_us,
        shape=shape,
        factor=table.factor or 1.0,
        added_per_h=added_per_h,
    )


def _shape(table: PeakTable) -> Shape:
    rise_us, hold_us, fall_us = (
        _us(one) for one in (table.rise_min, table.hold_min, table.fall_min)
    )
    length_us, half_life_us = _us(table.length_min or 0.0), _us(table.half_life_min or 0.0)
    match table.shape:
        case "trapezoid":
            return Trapezoid(rise_us=rise_us, hold_us=hold_us, fall_us=fall_us)
        case "season":
            return Season(length_us=length_us, profile=tuple(table.profile or ()))
        case "campaign":
            return Campaign(rise_us=rise_us, half_life_us=half_life_us)
        case "outage":
            return Outage(length_us=length_us)
        case "flash_crowd":
            return FlashCrowd(
                users_from=table.users_from or 1.0,
                users_to=table.users_to or 1.0,
                growth=table.growth,
                rise_us=rise_us,
                hold_us=hold_us,
                fall_us=fall_us,
            )


def _us(minutes: float) -> int:
    return round(minutes * MINUTE_US)

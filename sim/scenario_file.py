"""The `[scenario]` table of a file: models of pydantic, which find mistakes of shape and range."""

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from acd.ids import Channel
from acd.tables import Number, Span, Whole, refusal
from sim.arrivals_file import BatchesTable, BatchTable, BusynessTable, PeakTable
from sim.history import is_zone
from sim.people_file import CustomersTable, PeopleTable
from sim.scenario_kinds import (
    CONTACTS_MAX,
    HOURS_MAX,
    Known,
    LocalTime,
    Name,
    Rates,
    Staff,
    a_busyness,
    a_curve,
    a_queue,
    a_title,
    a_zone,
    is_length,
    is_local_time,
    known_to,
    listed,
    rows_in,
    table_in,
)
from sim.staffing_file import RulesTable, ShiftTable


class ArrivalsTable(CustomersTable):
    """One `[[scenario.arrivals]]`: a stream of contacts that are alike."""

    name: Name
    queue: Annotated[str, AfterValidator(a_queue)]
    channel: Annotated[Channel, Field(strict=False)]
    rates_per_h: Rates | None = None
    curve: Annotated[str, AfterValidator(a_curve)] | None = None
    contacts: Annotated[Number, Field(ge=0, le=CONTACTS_MAX)] | None = None
    csv: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    column: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    replay: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    busyness: Annotated[str, AfterValidator(a_busyness)] | None = None
    batch: BatchTable | None = None
    answer_us: Annotated[Span, Field(ge=0)] | None = None
    requirement: str = ""
    prefers: list[str] = Field(default_factory=list)
    priority: Annotated[Whole, Field(ge=-1_000_000, le=1_000_000)] | None = None
    promise_us: Annotated[Span, Field(gt=0)] | None = None
    attributes: dict[str, Annotated[str, Field(max_length=64)]] = Field(default_factory=dict)

    @field_validator("channel")
    @classmethod
    def _of_the_queue(cls, channel: Channel, info: ValidationInfo) -> Channel:
        channels = known_to(info).queues.get(info.data.get("queue", ""))
        if channels is not None and channel not in channels:
            raise refusal(f"a channel that the queue has, {listed(channels)}")
        return channel


class ScenarioTable(PeopleTable):
    """The `[scenario]` table."""

    title: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(a_title)]
    start: LocalTime
    time_zone: Annotated[str, AfterValidator(a_zone)] = "UTC"
    hours: Annotated[Number, Field(gt=0, le=HOURS_MAX)]
    interval_min: Annotated[Whole, Field(ge=1, le=24 * 60)] = 30
    answer_us: Annotated[Span, Field(ge=0)] = 4_000_000
    staffing: dict[str, Staff] = Field(default_factory=dict)
    staffing_rules: dict[str, RulesTable] = Field(default_factory=dict)
    shifts: Annotated[list[ShiftTable], Field(max_length=1_000)] = Field(default_factory=list)
    curves: dict[str, Rates] = Field(default_factory=dict)
    busyness: dict[str, BusynessTable] = Field(default_factory=dict)
    arrivals: Annotated[list[ArrivalsTable], Field(min_length=1, max_length=1_000)]
    peaks: Annotated[list[PeakTable], Field(max_length=100)] = Field(default_factory=list)
    batches: Annotated[list[BatchesTable], Field(max_length=100)] = Field(default_factory=list)


def known_of(tree: Mapping[str, Any]) -> Known:
    """Return what a file declares, whatever else is wrong with it."""
    raw = table_in(tree, "scenario")
    streams = rows_in(raw, "arrivals")
    start = raw.get("start")
    interval_min, zone = raw.get("interval_min", 30), raw.get("time_zone", "UTC")
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
        busyness=tuple(table_in(raw, "busyness")),
        start=start if is_local_time(start) else None,
        intervals=_intervals(raw.get("hours"), interval_min),
        interval_s=interval_min * 60,
        zone=ZoneInfo(zone if isinstance(zone, str) and is_zone(zone) else "UTC"),
    )


def _intervals(hours: object, interval_min: int) -> int | None:
    if not is_length(hours) or not interval_min:
        return None
    intervals = hours * 60 / interval_min
    return int(intervals) if intervals == int(intervals) else None

"""The tables of a scenario file that say who works: shifts by person, and rules of groups.

`[scenario.staffing]`, the headcount, is a table of `sim.scenario_file`. What several keys must
agree in is checked by `sim.staffing_checks`; docs/staffing.md describes every key.
"""

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from acd.ids import Channel
from acd.settings import DAY_US
from acd.tables import Hours, Minutes, Number, Table, Whole, refusal
from sim.roster import AtEnd, Leave

PERSONS_MAX: Final = 100_000
"""Most persons of a shift: the limit that `acd.validation` has for a domain."""

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class Figures(StrEnum):
    """What the figures of a headcount with shrinkage are."""

    SCHEDULED = "scheduled"
    ON_FLOOR = "on_floor"


class Day(StrEnum):
    """A day of the week, as calendars name them."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


def _time_of_day(value: object) -> int:
    """Return a time of the day like 09:30 in seconds since midnight."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refusal("a time of the day like 09:30")
    return (int(match[1]) * 60 + int(match[2])) * 60


TimeOfDay = Annotated[int, BeforeValidator(_time_of_day)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Length = Annotated[Minutes, Field(gt=0, le=DAY_US)]


class BreakTable(Table):
    """`{ at or after_min, minutes, within_min, reason }`: a break, a meeting, a training."""

    at: TimeOfDay | None = None
    after_us: Annotated[Minutes, Field(ge=0, le=DAY_US)] | None = Field(None, alias="after_min")
    length_us: Length = Field(alias="minutes")
    within_us: Annotated[Minutes, Field(ge=0, le=DAY_US)] = Field(0, alias="within_min")
    reason: Annotated[str, Field(max_length=64)] = ""


class LateTable(Table):
    """`late = { share, mean_min }`: who comes late, and by how much."""

    share: Annotated[Number, Field(gt=0, le=1)]
    mean_us: Length = Field(alias="mean_min")


class ShiftTable(Table):
    """One `[[scenario.shifts]]`: the hours that some persons of a group work."""

    name: str
    group: str
    count: Annotated[Whole, Field(ge=0, le=PERSONS_MAX)]
    hours: Hours
    days: Annotated[list[Annotated[Day, Field(strict=False)]], Field(min_length=1)] = Field(
        default_factory=lambda: [*Day]
    )
    breaks: Annotated[list[BreakTable], Field(max_length=20)] = Field(default_factory=list)
    absence: Share = 0.0
    late: LateTable | None = None


class RulesTable(Table):
    """One `[scenario.staffing_rules.GROUP]`: what its figures are, and how its members leave."""

    figures: Annotated[Figures, Field(strict=False)] | None = None
    shrinkage: Share | None = None
    leave: Annotated[Leave, Field(strict=False)] | None = None
    at_end: dict[Annotated[Channel, Field(strict=False)], Annotated[AtEnd, Field(strict=False)]] = (
        Field(default_factory=dict)
    )

"""Arrivals that happened: a CSV file of instants, with handling times and patience if known.

    arrives,handle_s,patience_s
    2026-12-14T08:00:03.25,240,
    2026-12-14T08:00:09,,90

Times are local, by the scenario's clock, or have an offset. They rise: so of an hour that a change
of clocks repeats the second is known by its times going back. What is missing is drawn.
"""

from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from acd.errors import ConfigError, Problem, printable, shown
from sim.history import NOT_LEFT_OUT, Row, Rows, instants_of

ARRIVES: Final = "arrives"
HANDLE: Final = "handle_s"
PATIENCE: Final = "patience_s"
COLUMNS: Final = (ARRIVES, HANDLE, PATIENCE)

ROWS_MAX: Final = 1_000_000
"""Most contacts of one file: a month of a bank with 32,000 calls a day."""

SECONDS_MAX: Final = 30 * 86_400
"""Longest handling time and patience: what a scenario's means have for a limit."""

DRAWN_US: Final = 0
"""Stands for a handling time or a patience that the file does not tell."""

SECOND_US: Final = 1_000_000


class Replay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contacts in the order of their arrival; all three are equally long."""

    arrives_us: tuple[int, ...]
    """Since the epoch."""
    handle_us: tuple[int, ...]
    """At least 1, or `DRAWN_US`."""
    patience_us: tuple[int, ...]


def read_replay(
    path: Path, *, time_zone: str, start_us: int, end_us: int, rows_max: int = ROWS_MAX
) -> tuple[Replay, list[Problem]]:
    """Return a file's contacts and its mistakes; the contacts are all if there are none.

    Args:
        path: The file.
        time_zone: Whose clock tells times without an offset.
        start_us: The first instant accepted, in µs since the epoch.
        end_us: The first one that is too late.
        rows_max: Most rows.
    """
    nothing = Replay(arrives_us=(), handle_us=(), patience_us=())
    try:
        return _read(path, _Clock(ZoneInfo(time_zone), start_us, end_us), rows_max), []
    except ConfigError as error:
        return nothing, list(error.problems)
    except OSError as error:
        return nothing, [Problem("", error.strerror or "cannot be read", "a file that can be read")]
    except ValueError as error:  # No file can have such a name: it holds a null character.
        return nothing, [Problem("", str(error), "a file that can be read")]


def _read(path: Path, clock: "_Clock", rows_max: int) -> Replay:
    rows = Rows(path)
    found: list[tuple[int, int, int]] = []
    for row in rows.table([ARRIVES]):
        arrives_us = clock.instant(row)
        handle_us, patience_us = _span_us(row, HANDLE, rows), _span_us(row, PATIENCE, rows)
        if arrives_us is not None:
            found.append((arrives_us, handle_us, patience_us))
        if len(found) > rows_max:
            rows.refuse("file", f"has over {rows_max} rows", f"at most {rows_max}")
            break
    for name in rows.header:
        if name not in COLUMNS:
            rows.refuse("header", f"has {shown(name)}", f"nothing but {', '.join(COLUMNS)}")
    rows.end()
    columns = tuple(zip(*found, strict=True)) or ((), (), ())
    return Replay(arrives_us=columns[0], handle_us=columns[1], patience_us=columns[2])


def _span_us(row: Row, column: str, rows: Rows) -> int:
    """Return a cell's seconds as microseconds, `DRAWN_US` if there are none."""
    if column not in rows.header or not row.text(column):
        return DRAWN_US
    seconds = row.number(column)
    if seconds is not None and seconds > SECONDS_MAX:
        row.refuse(column, shown(row.text(column)), f"a number of at most {SECONDS_MAX}")
        return DRAWN_US
    return max(round((seconds or 0.0) * SECOND_US), 1)


class _Clock:
    """Turns the times of a file into instants, which rise and lie within the scenario."""

    def __init__(self, zone: ZoneInfo, start_us: int, end_us: int) -> None:
        self._zone = zone
        self._start_us = start_us
        self._end_us = end_us
        self._last_us = start_us

    def instant(self, row: Row) -> int | None:
        """Return a row's instant in µs since the epoch; None, and a mistake, if it is none."""
        if not row.is_right:
            return None
        text = row.text(ARRIVES)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            row.refuse(ARRIVES, shown(text), "a date and time like 2026-12-14T08:00:03.25")
            return None
        meant = instants_of(moment, self._zone) if moment.tzinfo is None else (moment,)
        if not meant:
            row.refuse(ARRIVES, shown(text), NOT_LEFT_OUT)
            return None
        instants_us = [_us(one) for one in meant]
        later_us = [one for one in instants_us if one >= self._last_us]
        if not self._start_us <= instants_us[-1] or not instants_us[0] < self._end_us:
            wanted = f"from {self._shown(self._start_us)} until before {self._shown(self._end_us)}"
            row.refuse(ARRIVES, shown(text), wanted)
            return None
        if not later_us or later_us[0] >= self._end_us:
            row.refuse(ARRIVES, f"{shown(text)} goes back", "times that rise from row to row")
            return None
        self._last_us = later_us[0]
        return later_us[0]

    def _shown(self, instant_us: int) -> str:
        return datetime.fromtimestamp(instant_us // SECOND_US, self._zone).isoformat()


def _us(moment: datetime) -> int:
    """Return an instant in µs; `datetime.timestamp` rounds to what a float holds."""
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * SECOND_US + moment.microsecond


def told_of(file: str, problem: Problem) -> tuple[str, str]:
    """Return what was seen, the file's name before it, and what is wanted."""
    within = f" {problem.key}" if problem.key not in {"", "file"} else ""
    return f"{printable(Path(file).name)}{within}: {problem.seen}", problem.wanted

"""What happened: offered and handled contacts by queue, channel and interval, as counted elsewhere.

One file holds it, written by `acd sim import` and read by `acd sim forecast`:

    # acd-history 1 time_zone=Europe/Berlin interval_min=15
    start,queue,channel,offered,handled,handle_s
    2026-10-25T02:45:00+02:00,sales,voice,12,11,2640
    2026-10-25T02:00:00+01:00,sales,voice,9,9,2070

Starts are local with their offset, so that both of the hours that a change of clocks repeats are
kept. `handled` and `handle_s` (their total handling time) are empty where it is not known.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from acd.errors import ConfigError, Problem, shown

FILE_BYTES_MAX: Final = 200_000_000
"""Largest file that is read: ten years of a hundred queues by quarter hours."""

FIGURE_MAX: Final = 1e12
"""Largest count, or time in the file's unit: sums of them and their squares stay finite."""

PROBLEMS_MAX: Final = 100
"""Most mistakes told of one file; whoever mends them runs it again."""

HEADER: Final = ("start", "queue", "channel", "offered", "handled", "handle_s")

_FIRST: Final = re.compile(r"# acd-history 1 time_zone=(\S+) interval_min=(\d+)")

DAY_S: Final = 86_400

NOT_LEFT_OUT: Final = "a time that the clocks do not leave out"
"""What is wanted where `instants_of` finds none."""


class Line(NamedTuple):
    """One line of contacts: a queue on a channel."""

    queue: str
    channel: str


class Count(NamedTuple):
    """What was counted in one interval."""

    offered: float
    handled: float | None = None
    handle_s: float | None = None
    """Total handling time of the handled, in seconds."""

    def __add__(self, other: object) -> "Count":
        assert isinstance(other, Count)
        return Count(
            self.offered + other.offered,
            _sum(self.handled, other.handled),
            _sum(self.handle_s, other.handle_s),
        )


class History(msgspec.Struct, frozen=True):
    """All that was counted.

    Args:
        time_zone: By whose clock the days are told.
        interval_s: Length of the intervals: a whole number of minutes that divides the day.
        counts: By line, and by the instant at which the interval begins, in seconds since the
            epoch, rising.
    """

    time_zone: str
    interval_s: int
    counts: Mapping[Line, Mapping[int, Count]]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)

    def local(self, start_s: int) -> datetime:
        """Return the local time of an instant."""
        return datetime.fromtimestamp(start_s, self.zone)

    def days(self) -> tuple[date, ...]:
        """Return the local days with a count, in order."""
        starts = {start_s for line in self.counts.values() for start_s in line}
        return tuple(sorted({self.local(start_s).date() for start_s in starts}))

    def in_intervals_of(self, interval_s: int) -> "History":
        """Return the same by longer intervals.

        Raises:
            ValueError: They are not a multiple, or do not divide the day.
        """
        if interval_s % self.interval_s or DAY_S % interval_s:
            wanted = f"a multiple of {self.interval_s // 60} min that divides the day"
            raise ValueError(f"interval: is {interval_s / 60:g} min; wanted {wanted}")
        merged: dict[Line, dict[int, Count]] = {}
        for line, counts in self.counts.items():
            of_line = merged.setdefault(line, {})
            for start_s, count in counts.items():
                local = self.local(start_s)
                back_s = (local.hour * 3600 + local.minute * 60 + local.second) % interval_s
                begins = start_s - back_s
                of_line[begins] = of_line[begins] + count if begins in of_line else count
        return History(self.time_zone, interval_s, merged)


def write(history: History, path: Path) -> None:
    """Write a history, in the order of time.

    Raises:
        OSError: It cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        first = f"time_zone={history.time_zone} interval_min={history.interval_s // 60}"
        stream.write(f"# acd-history 1 {first}\n")
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(HEADER)
        rows = (
            (start_s, line, count)
            for line, counts in history.counts.items()
            for start_s, count in counts.items()
        )
        for start_s, line, count in sorted(rows):
            cells = ("" if one is None else f"{one:.10g}" for one in count)
            table.writerow((history.local(start_s).isoformat(), *line, *cells))


def read(path: Path) -> History:
    """Return the history in a file.

    Raises:
        ConfigError: It is not one, or has mistakes: up to `PROBLEMS_MAX` of them.
        OSError: It cannot be read.
    """
    rows = Rows(path)
    match = _FIRST.fullmatch(rows.first_line())
    if match is None or not is_zone(match[1]):
        wanted = "# acd-history 1 time_zone=… interval_min=…, as `acd sim import` writes it"
        raise ConfigError(str(path), Problem("line 1", f"is {shown(rows.first_line())}", wanted))
    interval_s = int(match[2]) * 60
    if not interval_s or DAY_S % interval_s:
        problem = Problem("line 1", f"interval_min={match[2]}", "minutes that divide the day")
        raise ConfigError(str(path), problem)
    counts: dict[Line, dict[int, Count]] = {}
    for row in rows.table(HEADER):
        start = row.instant("start")
        line = Line(row.text("queue"), row.text("channel"))
        count = Count(row.number("offered") or 0, row.maybe("handled"), row.maybe("handle_s"))
        if row.is_right and start is not None:
            if start % 60 or start in counts.setdefault(line, {}):
                seen = shown(row.text("start"))
                row.refuse("start", f"{seen} again", "each interval of a queue and channel once")
            counts[line][start] = count
    rows.end()
    return History(match[1], interval_s, counts)


def is_zone(name: str) -> bool:
    """Return whether a time zone of this name is known."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # KeyError is ZoneInfoNotFoundError's base.
        return False
    return True


def instants_of(local: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Return what a clock's time may mean: nothing where it is left out, two where it is repeated.

    Args:
        local: Without a zone.
        zone: The clock's.
    """
    first = local.replace(tzinfo=zone, fold=0)
    if first.astimezone(UTC).astimezone(zone).replace(fold=0) != first:
        return ()
    second = first.replace(fold=1)
    return (first,) if second.utcoffset() == first.utcoffset() else (first, second)


class Rows:
    """A CSV file's rows; every mistake in them is collected and told at once, by row and column.

    Args:
        path: The file, UTF-8, at most `FILE_BYTES_MAX` bytes.

    Raises:
        ConfigError: It is larger, or not UTF-8.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file = str(path)
        self._problems: list[Problem] = []
        with path.open("rb") as stream:
            data = stream.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            seen = f"is over {FILE_BYTES_MAX} bytes"
            raise ConfigError(self._file, Problem("file", seen, f"at most {FILE_BYTES_MAX} bytes"))
        try:
            self._text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            seen = f"byte {error.start} is not UTF-8"
            raise ConfigError(self._file, Problem("file", seen, "UTF-8 text")) from None
        self.header: list[str] = []
        self._skipped = 0

    def first_line(self) -> str:
        """Return the first line; it is no row of the table if it is a comment."""
        return self._text.partition("\n")[0].rstrip("\r")

    def table(self, wanted: Iterable[str], delimiter: str = ",") -> Iterator["Row"]:
        """Yield the rows below the header, which must have all columns that are wanted.

        Raises:
            ConfigError: It lacks some, or the file is no CSV.
        """
        self._skipped = int(self._text.startswith("#"))
        text = self._text.partition("\n")[2] if self._skipped else self._text
        table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            self.header = [name.strip() for name in next(table, [])]
            missing = [name for name in wanted if self.header.count(name) != 1]
            if missing:
                seen = f"has {shown(', '.join(self.header))}"
                problems = [Problem("header", seen, f"one column {shown(one)}") for one in missing]
                raise ConfigError(self._file, *problems)
            for cells in table:
                if cells:
                    yield Row(self, table.line_num + self._skipped, cells)
        except csv.Error as error:
            where = f"row {table.line_num + self._skipped}"
            self.refuse(where, str(error), "comma-separated values")
            raise ConfigError(self._file, *self._problems) from None

    def refuse(self, where: str, seen: str, wanted: str) -> None:
        """Note a mistake.

        Raises:
            ConfigError: There are too many to go on.
        """
        self._problems.append(Problem(where, seen, wanted))
        if len(self._problems) >= PROBLEMS_MAX:
            raise ConfigError(self._file, *self._problems)

    def end(self) -> None:
        """Tell the mistakes, if there are any.

        Raises:
            ConfigError: There are.
        """
        if self._problems:
            raise ConfigError(self._file, *self._problems)


class Row:
    """One row. What is asked of it and is not there is noted as a mistake."""

    def __init__(self, rows: Rows, number: int, cells: list[str]) -> None:
        self._rows = rows
        self._at = number
        self.is_right = True
        self._cells = cells
        if len(cells) != len(rows.header):
            self.is_right = False
            rows.refuse(f"row {number}", f"{len(cells)} columns", f"{len(rows.header)}")

    def text(self, column: str) -> str:
        """Return a cell's text without blanks around it; empty where the row is broken."""
        place = self._rows.header.index(column)
        return self._cells[place].strip() if place < len(self._cells) else ""

    def number_from(self, column: str, text: str) -> float | None:
        """Return a number from 0; None, and a mistake, if the text is none."""
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if 0 <= value <= FIGURE_MAX:
            return value
        self.refuse(column, shown(text), f"a number from 0 to {FIGURE_MAX:g}")
        return None

    def number(self, column: str) -> float | None:
        """Return a cell's number from 0; None, and a mistake, if there is none."""
        return self.number_from(column, self.text(column)) if self.is_right else None

    def maybe(self, column: str) -> float | None:
        """Return a cell's number from 0; None where it is empty."""
        return self.number(column) if self.text(column) else None

    def instant(self, column: str) -> int | None:
        """Return a cell's instant with an offset, in seconds since the epoch."""
        text = self.text(column)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or moment.microsecond:
            self.refuse(column, shown(text), "a date and time with its offset, like +01:00")
            return None
        return int(moment.timestamp())

    def refuse(self, column: str, seen: str, wanted: str) -> None:
        """Note a mistake in a column; of a row with a wrong number of them that is all."""
        if self.is_right:
            self._rows.refuse(f"row {self._at}, column {column}", seen, wanted)
        self.is_right = False


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other

"""History from the interval reports of other systems: CSV with a map from our columns to theirs.

Nothing is guessed: a row that cannot be read is refused with its number and its column, and a file
with such a row is not imported at all. A local time that a change of clocks repeats is taken in the
order of the file, first the earlier hour; one that it leaves out is refused.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from acd.errors import ConfigError, Problem, shown
from acd.ids import Channel
from sim.history import DAY_S, NOT_LEFT_OUT, Count, History, Line, Row, Rows, instants_of

COLUMNS: Final = ("start", "queue", "channel", "offered", "handled", "handle_s")
NEEDED: Final = ("start", "offered")
"""Without the others a queue is called `all`, contacts are calls, and no handling time is known."""

ONE_QUEUE: Final = "all"

_GENESYS_CHANNELS: Final = {
    "voice": Channel.VOICE,
    "chat": Channel.CHAT,
    "message": Channel.CHAT,
    "email": Channel.EMAIL,
    "callback": Channel.VOICE,
}

_FORMATS: Final = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M")
"""Beside ISO 8601. None has the month before the day, or the day before it with a slash: these are
told apart by nobody."""


class Preset(NamedTuple):
    """How a system's reports look."""

    columns: Mapping[str, str]
    """Ours → theirs."""
    channel_of: Callable[[str], Channel | None]
    split_by: tuple[str, ...] = ()
    """Their columns that tell rows of one queue apart, which are added up."""
    minutes: int | None = None
    """Starts are multiples of so many; None: of the interval that the file itself shows."""


def _by_name(text: str) -> Channel | None:
    try:
        return Channel(text.lower())
    except ValueError:
        return None


PRESETS: Final = {
    "generic": Preset({name: name for name in COLUMNS}, _by_name),
    # Source: Genesys Cloud, "Prepare the historical data import CSV file".
    "genesys": Preset(
        {
            "start": "Interval Start UTC Date",
            "queue": "Queue",
            "channel": "Media Type",
            "offered": "Offered",
            "handled": "Interactions Handled",
            "handle_s": "Total Handle Time",
        },
        lambda text: _GENESYS_CHANNELS.get(text.lower()),
        split_by=("Skill Set", "Language"),
        minutes=15,
    ),
}


def read_intervals(
    path: Path,
    preset: Preset,
    *,
    time_zone: str,
    columns: Mapping[str, str] | None = None,
    delimiter: str = ",",
) -> History:
    """Return the history in a report by intervals.

    Args:
        path: The file, with a header.
        preset: Whose report it is.
        time_zone: Whose clock tells times without an offset, and the days.
        columns: Names of columns that differ from the preset's, by ours.
        delimiter: Between the cells.

    Raises:
        ConfigError: It has mistakes, told by row and column.
        OSError: It cannot be read.
    """
    rows = Rows(path)
    clock = _Clock(ZoneInfo(time_zone))
    theirs = {**preset.columns, **(columns or {})}
    named = {*NEEDED, *(columns or {})}
    counts: dict[Line, dict[int, Count]] = {}
    seen: set[tuple[Line, int, tuple[str, ...]]] = set()
    for row in rows.table([theirs[name] for name in COLUMNS if name in named], delimiter):
        has = {name: column for name, column in theirs.items() if column in rows.header}
        line = _line(row, has, preset)
        count = Count(
            row.number(has["offered"]) or 0.0,
            row.maybe(has["handled"]) if "handled" in has else None,
            row.maybe(has["handle_s"]) if "handle_s" in has else None,
        )
        parts = tuple(row.text(name) for name in preset.split_by if name in rows.header)
        start_s = clock.instant(row, has["start"], key=(line, parts))
        if not row.is_right or start_s is None or line is None:
            continue
        if (line, start_s, parts) in seen:
            row.refuse(has["start"], f"{shown(row.text(has['start']))} again", "it once")
            continue
        if preset.minutes is not None and start_s % (preset.minutes * 60):
            row.refuse(has["start"], shown(row.text(has["start"])), "minutes 00, 15, 30 or 45")
            continue
        seen.add((line, start_s, parts))
        of_line = counts.setdefault(line, {})
        of_line[start_s] = of_line[start_s] + count if start_s in of_line else count
    rows.end()
    if not counts:
        raise ConfigError(str(path), Problem("file", "has no rows", "one for each interval"))
    return History(time_zone, _interval_s(path, clock.zone, counts), counts)


def _line(row: Row, has: Mapping[str, str], preset: Preset) -> Line | None:
    """Return the queue and channel of a row; None, and a mistake, where they cannot be told."""
    queue = row.text(has["queue"]) if "queue" in has else ONE_QUEUE
    if not queue:
        row.refuse(has["queue"], "is empty", "a queue's name")
        return None
    if "channel" not in has:
        return Line(queue, Channel.VOICE)
    text = row.text(has["channel"])
    channel = preset.channel_of(text)
    if channel is None:
        row.refuse(has["channel"], shown(text), "a channel: voice, email, web_form or chat")
        return None
    return Line(queue, channel)


class _Clock:
    """Turns the times of a file into instants."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._last: dict[object, int] = {}
        """The latest instant of each line: who had an hour once means the second of its name."""

    def instant(self, row: Row, column: str, *, key: object) -> int | None:
        """Return an instant in seconds since the epoch; None, and a mistake, if it is none."""
        if not row.is_right:
            return None
        text = row.text(column)
        moment = _moment(text)
        if moment is None:
            row.refuse(column, shown(text), "a date and time like 2026-12-14T08:00")
            return None
        if moment.tzinfo is None:
            meant = instants_of(moment, self.zone)
            if not meant:
                row.refuse(column, shown(text), NOT_LEFT_OUT)
                return None
            last = self._last.get(key)
            is_second = last is not None and last >= int(meant[0].timestamp())
            moment = meant[-1] if is_second else meant[0]
        start_s = int(moment.timestamp())
        self._last[key] = start_s
        return start_s


def _moment(text: str) -> datetime | None:
    """Return a time as it is written, with its offset if it has one; None if it is none."""
    moment = None
    for form in ("", *_FORMATS):
        try:
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007 - the zone follows.
        except ValueError:
            continue
        break
    if moment is None or moment.second or moment.microsecond:
        return None
    return moment


def _interval_s(path: Path, zone: ZoneInfo, counts: Mapping[Line, Mapping[int, Count]]) -> int:
    """Return the length of a file's intervals: the shortest distance, which must fit all.

    Raises:
        ConfigError: There is none, or some starts do not fit it.
    """
    starts = sorted({start_s for line in counts.values() for start_s in line})
    if len(starts) < 2:
        raise ConfigError(str(path), Problem("file", "has one interval", "two at least"))
    interval_s = min(after - before for before, after in pairwise(starts))
    wanted = "starts at multiples of one length that divides the day"
    if DAY_S % interval_s:
        seen = f"two starts {timedelta(seconds=interval_s)} apart"
        raise ConfigError(str(path), Problem("file", seen, wanted))
    for start_s in starts:
        local = datetime.fromtimestamp(start_s, zone)
        if (local.hour * 3600 + local.minute * 60) % interval_s:
            seen = f"{local.isoformat()} among intervals of {interval_s // 60} min"
            raise ConfigError(str(path), Problem("file", seen, wanted))
    return interval_s

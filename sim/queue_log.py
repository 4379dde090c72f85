"""History call by call from Asterisk's `queue_log`: counts, handling times, patience, redials.

A line is `epoch|uniqueid|queue|agent|EVENT|d1|d2|…`. How long a caller waited and talked is told by
the times of his lines, not by the fields behind the event, whose order differs between versions and
between events. Of the caller's number, which `ENTERQUEUE` has in its second field (in the first,
where an empty one before it was left out), only a digest is held, to tell who calls again.

Source: Asterisk's documentation of queue_log; app_queue of versions 16 to 23.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from acd.errors import ConfigError, Problem, shown
from acd.ids import Channel
from sim.history import DAY_S, PROBLEMS_MAX, Count, History, Line
from sim.patience import Steps, kaplan_meier

LINE_MAX: Final = 4_096
"""Longest line, in bytes; app_queue writes some 200."""

LINES_MAX: Final = 50_000_000
"""Most lines: a year of a large centre."""

REDIAL_S: Final = 3_600.0
"""Within which a caller who gave up and enters the same queue again is taken to redial."""

_CALLER: Final = re.compile(r"\+?[0-9*#]{3,}")

_ABANDONED: Final = ("ABANDON", "EXITWITHKEY")
"""Who left of his own will: with EXITWITHKEY he pressed a key, which is as good as hanging up."""
_SENT_AWAY: Final = ("EXITWITHTIMEOUT", "EXITEMPTY", "SYSCOMPAT")
_ENDED: Final = (
    "COMPLETECALLER",
    "COMPLETEAGENT",
    "TRANSFER",
    "BLINDTRANSFER",
    "ATTENDEDTRANSFER",
)


class Call(msgspec.Struct):
    """One passage of a call through a queue."""

    queue: str
    entered_s: float
    caller: bytes = b""
    """A digest of his number; empty where it is not told."""
    agent: str = ""
    connected_s: float | None = None
    left_s: float | None = None
    """When he left without an agent."""
    gave_up: bool = False
    ended_s: float | None = None

    @property
    def wait_s(self) -> float | None:
        """How long he waited; None where the log ends before it."""
        end_s = self.left_s if self.connected_s is None else self.connected_s
        return None if end_s is None else end_s - self.entered_s

    @property
    def handle_s(self) -> float | None:
        """How long he talked; None where he did not, or the log does not say."""
        if self.connected_s is None or self.ended_s is None:
            return None
        return self.ended_s - self.connected_s


class HandleTime(msgspec.Struct, frozen=True):
    """Handling times by mean and squared coefficient of variation."""

    calls: int
    mean_s: float
    scv: float


class People(msgspec.Struct, frozen=True):
    """What callers and agents of a queue are like."""

    calls: int
    answered: int
    abandoned: int
    handle: HandleTime | None
    """None where no conversation ended within the log."""
    by_agent: Mapping[str, HandleTime]
    patience: Steps | None
    """By Kaplan and Meier: who was served, or sent away, would have waited longer. None where
    nobody gave up, so that nothing is known."""
    redial_share: float | None
    """Of those who gave up and whose number is known: who came again within `REDIAL_S`."""
    redial_mean_s: float | None
    """After how long, on average."""


class QueueLog(NamedTuple):
    """What a log says."""

    calls: tuple[Call, ...]
    """In the order in which they entered."""
    unended: int
    """Of which the log does not tell the end."""
    strays: int
    """Ends of calls whose beginning the log does not have."""


def read_queue_log(path: Path) -> QueueLog:
    """Return the calls in a log.

    Lines of other events (agents, pauses, configuration) are passed over.

    Raises:
        ConfigError: It has lines that are none, told by number.
        OSError: It cannot be read.
    """
    book = _Book()
    problems: list[Problem] = []
    with path.open("rb") as stream:
        number = 0
        while data := stream.readline(LINE_MAX + 1):
            number += 1
            if number > LINES_MAX:
                seen = f"has over {LINES_MAX} lines"
                raise ConfigError(str(path), Problem("file", seen, f"at most {LINES_MAX}"))
            problem = _enter(book, data, number)
            if problem is not None:
                problems.append(problem)
            if len(problems) >= PROBLEMS_MAX or (problem is not None and len(data) > LINE_MAX):
                break
    if problems:
        raise ConfigError(str(path), *problems)
    return book.close()


def _enter(book: "_Book", data: bytes, number: int) -> Problem | None:
    """Enter a line; return what is wrong with it."""
    if len(data) > LINE_MAX:
        return Problem(f"line {number}", f"is over {LINE_MAX} bytes", "a line of queue_log")
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return Problem(f"line {number}", "is not UTF-8", "UTF-8 text")
    if not text:
        return None
    fields = text.split("|")
    if len(fields) < 5:
        wanted = "epoch|uniqueid|queue|agent|EVENT|…"
        return Problem(f"line {number}", f"is {shown(text)}", wanted)
    try:
        at_s = float(fields[0])
    except ValueError:
        at_s = -1.0
    if not 0 <= at_s < float("inf"):
        seen, wanted = f"is {shown(fields[0])}", "seconds since the epoch"
        return Problem(f"line {number}, column 1", seen, wanted)
    said = book.note(at_s, *fields[1:5], rest=fields[5:])
    return None if said is None else Problem(f"line {number}", *said)


class _Book:
    """The calls that are under way, by their ids."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._open: dict[str, Call] = {}
        self._strays = 0

    def note(
        self, at_s: float, call_id: str, queue: str, agent: str, event: str, *, rest: list[str]
    ) -> tuple[str, str] | None:
        """Enter a line; return what is wrong with it, and what was wanted."""
        if event == "ENTERQUEUE":
            call = Call(queue, at_s, caller=_caller(rest))
            self._calls.append(call)
            self._open[call_id] = call  # One that is in a further queue has left the one before.
            return None
        if event not in {"CONNECT", *_ABANDONED, *_SENT_AWAY, *_ENDED}:
            return None
        found = self._open.get(call_id)
        if found is None or found.queue != queue:
            self._strays += 1
            return None
        if at_s < found.entered_s:
            return f"{event} before its ENTERQUEUE", "lines in the order of time"
        if event == "CONNECT":
            found.connected_s, found.agent = at_s, agent
            return None
        if event in _ENDED:
            if found.connected_s is None:
                return f"{event} without a CONNECT", "a CONNECT before it"
            found.ended_s = at_s
        elif found.connected_s is None:
            found.left_s, found.gave_up = at_s, event in _ABANDONED
        del self._open[call_id]
        return None

    def close(self) -> QueueLog:
        unended = sum(call.wait_s is None or _talks_on(call) for call in self._calls)
        return QueueLog(tuple(self._calls), unended, self._strays)


def _talks_on(call: Call) -> bool:
    return call.connected_s is not None and call.ended_s is None


def _caller(rest: list[str]) -> bytes:
    """Return a digest of the caller's number, wherever the first two fields have it."""
    for field in reversed(rest[:2]):
        if _CALLER.fullmatch(field.strip()):
            return blake2b(field.strip().encode(), digest_size=8).digest()
    return b""


def history_of(calls: Iterable[Call], *, time_zone: str, interval_s: int) -> History:
    """Count calls by the interval in which they entered; days are filled from first to last.

    Args:
        calls: Of which each counts as offered in its queue, also where it was in another before.
        time_zone: Whose clock tells the days.
        interval_s: Divides the day.

    Raises:
        ValueError: It does not.
    """
    if interval_s < 60 or interval_s % 60 or DAY_S % interval_s:
        wanted = "whole minutes that divide the day"
        raise ValueError(f"interval: is {interval_s} s; wanted {wanted}")
    by_minute: dict[Line, dict[int, Count]] = {}
    for call in calls:
        of_line = by_minute.setdefault(Line(call.queue, Channel.VOICE), {})
        minute = int(call.entered_s) // 60 * 60
        handled = Count(1, float(call.handle_s is not None), call.handle_s or 0.0)
        of_line[minute] = of_line[minute] + handled if minute in of_line else handled
    minutes = History(time_zone, 60, by_minute).in_intervals_of(interval_s)
    return History(
        time_zone,
        interval_s,
        {line: dict(_filled(minutes, counts)) for line, counts in minutes.counts.items()},
    )


def _filled(history: History, counts: Mapping[int, Count]) -> Iterator[tuple[int, Count]]:
    """Yield a line's intervals from each day's first call to its last: without calls they are 0."""
    nobody = Count(0.0, 0.0, 0.0)
    before: int | None = None
    for start_s in sorted(counts):
        if before is not None and history.local(before).date() == history.local(start_s).date():
            for missing in range(before + history.interval_s, start_s, history.interval_s):
                yield missing, nobody
        yield start_s, counts[start_s]
        before = start_s


def people_of(calls: Iterable[Call]) -> dict[str, People]:
    """Return what callers and agents are like, by queue."""
    by_queue: dict[str, list[Call]] = {}
    for call in calls:
        by_queue.setdefault(call.queue, []).append(call)
    return {queue: _people(of_queue) for queue, of_queue in sorted(by_queue.items())}


def _people(calls: list[Call]) -> People:
    waited = [(call.wait_s, call.gave_up) for call in calls if call.wait_s is not None]
    handled: dict[str, list[float]] = {}
    for call in calls:
        if call.handle_s is not None:
            handled.setdefault(call.agent, []).append(call.handle_s)
    gave_up = sum(left for _, left in waited)
    redials_s, asked = _redials(calls)
    return People(
        calls=len(calls),
        answered=sum(call.connected_s is not None for call in calls),
        abandoned=gave_up,
        handle=_handle([one for times in handled.values() for one in times]),
        by_agent={
            agent: found
            for agent, times in sorted(handled.items())
            if (found := _handle(times)) is not None
        },
        patience=kaplan_meier(*zip(*waited, strict=True)) if gave_up else None,
        redial_share=len(redials_s) / asked if asked else None,
        redial_mean_s=sum(redials_s) / len(redials_s) if redials_s else None,
    )


def _handle(times_s: list[float]) -> HandleTime | None:
    """Return mean and squared coefficient of variation; None of nothing, or of zeros alone."""
    mean_s = float(np.mean(times_s)) if times_s else 0.0
    if not mean_s:
        return None
    scv = float(np.var(times_s, ddof=1)) / mean_s**2 if len(times_s) > 1 else 0.0
    return HandleTime(len(times_s), mean_s, scv)


def _redials(calls: list[Call]) -> tuple[list[float], int]:
    """Return after how long who gave up came again, and of how many that is known."""
    after_s: list[float] = []
    asked = 0
    given_up: dict[bytes, float] = {}
    for call in calls:
        if call.caller and call.caller in given_up:
            gap_s = call.entered_s - given_up.pop(call.caller)
            if 0 <= gap_s <= REDIAL_S:
                after_s.append(gap_s)
        if call.caller and call.gave_up and call.left_s is not None:
            asked += 1
            given_up[call.caller] = call.left_s
    return after_s, asked

"""A scenario file: the routing configuration, and beside it who comes and who works.

    [scenario]
    title = "A morning"
    start = 2026-12-14T08:00:00
    time_zone = "Europe/Berlin"
    hours = 2
    interval_min = 60
    staffing = { sales = [4, 6] }

    [[scenario.arrivals]]
    name = "calls"
    queue = "sales"
    channel = "voice"
    rates_per_h = [50, 70]
    handle = { mean_s = 240, scv = 1.2 }
    patience_mean_s = 180

docs/simulation.md describes every key. Either a `Scenario` comes of a file or every mistake at
once, those of the routing part included.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from acd import config
from acd.conditions import number_of
from acd.errors import ConfigError, Problem, shown
from acd.ids import Channel
from acd.metrics import INTERVALS_MAX
from acd.mistakes import Mistake, in_file_order
from acd.settings import DomainSettings
from acd.skills import requirement_errors
from acd.tables import mistakes_in
from acd.toml_guard import FILE_BYTES_MAX, read_toml
from sim import coverage, people, staffing_checks
from sim.arrivals_file import (
    across,
    batch_of,
    batches_of,
    busyness_of,
    peak_of,
    replays,
)
from sim.rates_csv import RatesError, read_rates
from sim.replay import Replay
from sim.roster import instant_us
from sim.scenario_file import ArrivalsTable, ScenarioTable, known_of
from sim.scenario_kinds import RATE_MAX, Known, is_length, rows_in, table_in
from sim.workload import HOUR_US, MINUTE_US, SECOND_US, Scenario, Stream

RATE_KEYS: Final = ("rates_per_h", "curve", "csv", "replay")
"""Where a stream's rates may come from; one of them."""

_HERE: Final = ("scenario",)


def load(path: Path) -> Scenario:
    """Return the scenario in the file at `path`.

    Raises:
        ConfigError: The file is wrong; all its mistakes.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return parse(file.read(FILE_BYTES_MAX + 1), file=str(path))


def problems(data: bytes, *, file: str) -> list[Problem]:
    """Return every mistake of a scenario file, of its routing part first; `acd check` calls this.

    Args:
        data: The file's bytes.
        file: Its path; files of rates are found relative to it.
    """
    try:
        parse(data, file=file)
    except ConfigError as error:
        return list(error.problems)
    return []


def section_notes(data: bytes, *, file: str) -> list[str]:
    """Return what the owner of a sound scenario file should know; `acd check` says it.

    Args:
        data: The file's bytes.
        file: Its path.

    Raises:
        ConfigError: It has mistakes.
    """
    return [f"scenario: {note}" for note in coverage.told(parse(data, file=file))]


def parse(data: bytes, *, file: str) -> Scenario:
    """Return the scenario in `data`, a TOML document.

    Args:
        data: At most `FILE_BYTES_MAX` bytes in UTF-8.
        file: Its path; files of rates are found relative to it.

    Raises:
        ConfigError: All mistakes, those of the routing part first.
    """
    tree = read_toml(data, file)
    known = known_of(tree)
    settings, routing = _settings(data, file, tree, known)
    if not isinstance(tree.get("scenario"), dict):
        missing = Problem("scenario", "is missing", "a table")
        raise ConfigError(file, *routing, missing)
    table, found = _table(tree, known)
    rates, more = _rates(rows_in(tree["scenario"], "arrivals"), known, Path(file).parent)
    folder = Path(file).parent
    seen, missed = people.observed(rows_in(tree["scenario"], "arrivals"), folder)
    replayed, wrong = replays(tree["scenario"], known, folder)
    found += (*more, *missed, *wrong)
    for check in (_across, across, people.across):
        found += check(tree["scenario"], known)
    found += staffing_checks.across(tree["scenario"], known.groups)
    if table is not None:
        found += staffing_checks.within(table.shifts, settings)
    if table is not None and settings is not None:
        found += (*_against(settings, table), *people.against(settings, table, known))
    if routing or found or table is None or settings is None:
        raise ConfigError(file, *routing, *in_file_order(found, tree))
    return _scenario(table, settings, known, rates, replayed=replayed, seen=seen)


def _settings(
    data: bytes, file: str, tree: Mapping[str, Any], known: Known
) -> tuple[DomainSettings | None, tuple[Problem, ...]]:
    """Return the routing part, with as many members of each group as its staffing needs."""
    sizes = staffing_checks.sizes_in(table_in(tree, "scenario"))
    members = {group: size for group, size in sizes.items() if group in known.groups}
    try:
        return config.parse(data, file=file, members=members), ()
    except ConfigError as error:
        return None, error.problems


def _table(tree: Mapping[str, Any], known: Known) -> tuple[ScenarioTable | None, list[Mistake]]:
    try:
        return ScenarioTable.model_validate(tree["scenario"], context=known), []
    except ValidationError as error:
        return None, mistakes_in(error, ScenarioTable, path=_HERE)


# --- what several keys must agree in ------------------------------------------------------------


def _across(raw: Mapping[str, Any], known: Known) -> Iterator[Mistake]:
    """Yield mistakes that show only between keys of the raw table."""
    hours = raw.get("hours")
    if known.intervals is None and known.interval_s and is_length(hours):
        wanted = f"a multiple of the interval of {known.interval_s // 60} min"
        yield Mistake((*_HERE, "hours"), f"is {hours}", wanted)
    for group, line in table_in(raw, "staffing").items():
        path = (*_HERE, "staffing", group)
        if group not in known.groups:
            yield Mistake(path, "is not a group", "a group declared in [groups]")
        yield from _length(path, line, known)
    for name, curve in table_in(raw, "curves").items():
        path = (*_HERE, "curves", name)
        yield from _length(path, curve, known)
        if isinstance(curve, list) and not any(curve):
            yield Mistake(path, "is 0 everywhere", "a figure above 0")
    yield from _repeated(raw, "arrivals")
    yield from _repeated(raw, "peaks", "batches")
    for number, stream in enumerate(rows_in(raw, "arrivals")):
        yield from _one_source((*_HERE, "arrivals", number), stream, known)


def _length(path: tuple[str | int, ...], values: object, known: Known) -> Iterator[Mistake]:
    if isinstance(values, list) and known.intervals not in {None, len(values)}:
        wanted = f"{known.intervals}, one for each {known.interval_s // 60} min"
        yield Mistake(path, f"has {len(values)} figures", wanted)


def _repeated(raw: Mapping[str, Any], *keys: str) -> Iterator[Mistake]:
    """Yield the names that stand twice, be it in one array of tables or in several."""
    seen: set[str] = set()
    for key in keys:
        for number, row in enumerate(rows_in(raw, key)):
            name = row.get("name")
            if isinstance(name, str):
                if name in seen:
                    path = (*_HERE, key, number, "name")
                    yield Mistake(path, f"is {shown(name)} again", "a new name")
                seen.add(name)


def _one_source(
    path: tuple[str | int, ...], stream: dict[str, Any], known: Known
) -> Iterator[Mistake]:
    given = [key for key in RATE_KEYS if key in stream]
    if stream and len(given) != 1:
        seen = f"has {' and '.join(given)}" if given else "has no rates"
        yield Mistake(path, seen, f"one of {', '.join(RATE_KEYS)}")
    if ("curve" in stream) != ("contacts" in stream):
        missing = "contacts" if "curve" in stream else "curve"
        wanted = "how many contacts the curve spreads" if "curve" in stream else "a declared curve"
        yield Mistake((*path, missing), "is missing", wanted)
    if "column" in stream and "csv" not in stream:
        yield Mistake((*path, "csv"), "is missing", "the file that has the column")
    yield from _length((*path, "rates_per_h"), stream.get("rates_per_h"), known)


def _rates(
    rows: list[dict[str, Any]], known: Known, folder: Path
) -> tuple[dict[int, tuple[float, ...]], list[Mistake]]:
    """Return the rates of the streams that have them in a file, by the stream's place."""
    if known.start is None or known.intervals is None:
        return {}, []
    # By instants: a day in which the clocks change has an hour twice, or not at all.
    start_s = instant_us(known.start, known.zone) // SECOND_US
    starts = range(start_s, start_s + known.intervals * known.interval_s, known.interval_s)
    begins = [f"{datetime.fromtimestamp(one, known.zone):%H:%M}" for one in starts]
    rates: dict[int, tuple[float, ...]] = {}
    found: list[Mistake] = []
    for number, row in enumerate(rows):
        name, column = row.get("csv"), row.get("column", row.get("name"))
        if not isinstance(name, str) or not isinstance(column, str):
            continue
        path = (*_HERE, "arrivals", number, "csv")
        errors: list[RatesError]
        rates[number], errors = read_rates(folder / name, column, begins=begins, rate_max=RATE_MAX)
        found += (Mistake(path, *error.args) for error in errors)
    return rates, found


# --- what the workload must find in the routing part --------------------------------------------


def _against(settings: DomainSettings, table: ScenarioTable) -> Iterator[Mistake]:
    """Yield mistakes for which contacts are refused, agents miss offers, or no report comes."""
    # One more is counted at the end, before it is seen that nothing happened in it.
    intervals = round(table.hours * HOUR_US) // settings.measures.interval_us
    if intervals >= INTERVALS_MAX:
        seen = f"is {table.hours:g}, {intervals} intervals of measures.interval_min"
        yield Mistake((*_HERE, "hours"), seen, f"fewer than {INTERVALS_MAX}, the report's limit")
    queues = {queue.name: queue for queue in settings.queues}
    late: set[tuple[str, Channel]] = set()
    for number, stream in enumerate(table.arrivals):
        path = (*_HERE, "arrivals", number)
        queue = queues[stream.queue]
        for text in (stream.requirement, *stream.prefers):
            key = "requirement" if text is stream.requirement else "prefers"
            for error in requirement_errors(
                text, skills=settings.skills, attributes=settings.attributes
            ):
                yield Mistake((*path, key), error.seen, error.wanted)
        for name, value in stream.attributes.items():
            if name not in settings.contact_attributes:
                wanted = "a name declared in domain.contact_attributes"
                yield Mistake((*path, "attributes", name), "is not declared", wanted)
            elif name in settings.contact_numbers and value and number_of(value) is None:
                wanted = "a number, since domain.contact_numbers names it"
                yield Mistake((*path, "attributes", name), f"is {shown(value)}", wanted)
        channel = queue.channels[stream.channel]
        place = (stream.queue, stream.channel)
        where = f"{stream.channel} in {shown(stream.queue)}"
        if stream.answer_us is not None:
            yield from people.answers((*path, "answer_s"), stream.answer_us, channel, where)
        elif place not in late and not channel.auto_answer:
            late.add(place)
            yield from people.answers((*_HERE, "answer_s"), table.answer_us, channel, where)


# --- from tables to values -----------------------------------------------------------------------


def _scenario(
    table: ScenarioTable,
    settings: DomainSettings,
    known: Known,
    rates: Mapping[int, tuple[float, ...]],
    *,
    replayed: Mapping[int, Replay],
    seen: people.Observed,
) -> Scenario:
    assert known.intervals is not None
    staffing, scheduled = staffing_checks.staffing_of(table)
    zone = ZoneInfo(table.time_zone)
    start_us = instant_us(table.start, zone)
    queues = {queue.name: queue for queue in settings.queues}
    return Scenario(
        title=table.title,
        settings=settings,
        start_us=start_us,
        interval_us=known.interval_s * SECOND_US,
        intervals=known.intervals,
        streams=tuple(
            _stream(
                stream,
                table,
                people.customers_of(number, stream, seen),
                rates_per_h=rates.get(number) or _rates_per_h(stream, table, known.intervals),
                replay=replayed.get(number),
                answer_us=people.answer_us(
                    stream, table, queues[stream.queue].channels[stream.channel]
                ),
            )
            for number, stream in enumerate(table.arrivals)
        ),
        peaks=tuple(peak_of(peak, start_us=start_us, zone=zone) for peak in table.peaks),
        batches=tuple(batches_of(one, start_us=start_us, zone=zone) for one in table.batches),
        staffing=staffing,
        scheduled=scheduled,
        shifts=tuple(staffing_checks.shift_of(shift) for shift in table.shifts),
        rules={
            group: staffing_checks.rules_of(rules) for group, rules in table.staffing_rules.items()
        },
        paces=people.paces_of(table),
        concurrency={channel: tuple(paces) for channel, paces in table.concurrency.items()},
        transfers=people.transfers_of(settings, table),
        customer_wait=table.customer_wait,
        time_zone=table.time_zone,
    )


def _rates_per_h(stream: ArrivalsTable, table: ScenarioTable, intervals: int) -> tuple[float, ...]:
    if stream.replay is not None:
        return (0.0,) * intervals
    if stream.curve is None or stream.contacts is None:
        return tuple(stream.rates_per_h or ())
    curve = table.curves[stream.curve]
    per_h = stream.contacts / sum(curve) * HOUR_US / (table.interval_min * MINUTE_US)
    return tuple(height * per_h for height in curve)


def _stream(
    stream: ArrivalsTable,
    table: ScenarioTable,
    customers: people.Customers,
    *,
    rates_per_h: tuple[float, ...],
    replay: Replay | None,
    answer_us: int,
) -> Stream:
    named = stream.busyness
    return Stream(
        name=stream.name,
        queue=stream.queue,
        channel=stream.channel,
        rates_per_h=rates_per_h,
        handle=people.handle_of(stream, stream.queue, stream.channel, table),
        patience=customers.patience,
        accepts=customers.accepts,
        redial=customers.redial,
        callbacks=customers.callbacks,
        answer_us=answer_us,
        requirement=stream.requirement,
        prefers=tuple(stream.prefers),
        priority=stream.priority,
        promise_us=stream.promise_us,
        attributes=tuple(stream.attributes.items()),
        busyness=None if named is None else busyness_of(named, table.busyness[named]),
        batch=None if stream.batch is None else batch_of(stream.batch),
        replay=replay,
    )

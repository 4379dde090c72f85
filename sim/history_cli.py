"""`acd sim import` and `acd sim forecast`: from a report of the past to the rates of a day."""

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from acd.errors import ConfigError, Problem, did_you_mean, nearest, shown
from sim.forecast import HELD_OUT, WEEKS, Forecaster, ForecastError, Method, Uplift
from sim.history import History, Line, read, write
from sim.import_csv import COLUMNS, PRESETS, read_intervals
from sim.patience_csv import write_patience
from sim.queue_log import history_of, people_of, read_queue_log

QUEUE_LOG: Final = "queue_log"


def import_file(
    file: Path,
    *,
    form: str,
    time_zone: str,
    output: Path,
    maps: tuple[str, ...],
    delimiter: str,
    interval_min: int | None,
    people: Path | None,
    patience: Path | None,
) -> str:
    """Import a file and return what to say of it.

    Raises:
        click.UsageError: An option is wrong.
        ConfigError: The file has mistakes.
    """
    said: list[str] = []
    if form == QUEUE_LOG:
        if maps:
            raise click.UsageError("--map: is for reports by intervals; wanted none here")
        history, said = _import_queue_log(file, time_zone, interval_min, people, patience)
    else:
        for name, wanted in (("people", people), ("patience", patience)):
            if wanted is not None:
                seen = f"--{name}: intervals do not tell"
                raise click.UsageError(f"{seen}; wanted --format queue_log")
        columns = _columns(maps)
        history = read_intervals(
            file, PRESETS[form], time_zone=time_zone, columns=columns, delimiter=delimiter
        )
        if interval_min is not None:
            try:
                history = history.in_intervals_of(interval_min * 60)
            except ValueError as error:
                raise click.UsageError(f"--interval-min: {error}") from error
    write(history, output)
    return "\n".join([*said, _summary(history), f"history: {output}"])


def _import_queue_log(
    file: Path,
    time_zone: str,
    interval_min: int | None,
    people: Path | None,
    patience: Path | None,
) -> tuple[History, list[str]]:
    """Return the history in a log, and what to say of it, after writing what else was asked.

    Raises:
        click.UsageError: The interval is wrong.
        ConfigError: The file has mistakes, or no calls.
    """
    log = read_queue_log(file)
    if not log.calls:
        raise ConfigError(str(file), Problem("file", "has no ENTERQUEUE", "calls"))
    try:
        history = history_of(log.calls, time_zone=time_zone, interval_s=(interval_min or 15) * 60)
    except ValueError as error:
        raise click.UsageError(f"--interval-min: {error}") from error
    unended = f"the end of {log.unended} not told"
    said = [f"{len(log.calls)} calls, {unended}, {log.strays} ends without a beginning"]
    if people is not None:
        people.write_bytes(msgspec.json.format(msgspec.json.encode(people_of(log.calls))))
        said.append(f"people: {people}")
    if patience is not None:
        found = {
            queue: of_queue.patience
            for queue, of_queue in people_of(log.calls).items()
            if of_queue.patience is not None
        }
        write_patience(found, patience)
        said.append(f"patience: {patience}, of {len(found)} queues")
    return history, said


def _columns(maps: tuple[str, ...]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for text in maps:
        ours, equals, theirs = text.partition("=")
        if not equals or not theirs:
            raise click.UsageError(f"--map: {shown(text)}; wanted OURS=THEIRS, like start=DateTime")
        if ours not in COLUMNS:
            wanted = f"one of {', '.join(COLUMNS)}{did_you_mean(nearest(ours, COLUMNS))}"
            raise click.UsageError(f"--map: {shown(ours)} is no column of ours; wanted {wanted}")
        columns[ours] = theirs
    return columns


def _summary(history: History) -> str:
    days = history.days()
    lines = []
    for line, counts in sorted(history.counts.items()):
        offered = sum(count.offered for count in counts.values())
        name = f"{line.queue} {line.channel}"
        lines.append(f"{name}: {offered:,.0f} offered in {len(counts):,} intervals")
    span = f"{len(days)} days from {days[0]} to {days[-1]}"
    return "\n".join([f"{span}, by {history.interval_s // 60} min, {history.time_zone}", *lines])


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What `acd sim forecast` was asked. The command's options say what the fields are."""

    day: date
    days: int = 1
    weeks: int = WEEKS
    held_out: int = HELD_OUT
    growth: float = 0.0
    country: str | None = None
    subdivision: str | None = None
    holiday_factor: float | None = None
    uplifts: tuple[str, ...] = ()
    fill_gaps: bool = False
    output: Path | None = None


def forecast_file(file: Path, wanted: Wanted) -> str:
    """Forecast days and return what to say of them.

    Raises:
        click.UsageError: An option is wrong, or the history does not reach.
        ConfigError: The file has mistakes.
    """
    history = read(file)
    if wanted.output is not None and wanted.days > 1:
        raise click.UsageError("--output: is for one day; wanted --days 1")
    if wanted.subdivision is not None and wanted.country is None:
        raise click.UsageError("--subdivision: is of no country; wanted --country too")
    try:
        method = Method(
            weeks=wanted.weeks,
            growth=wanted.growth,
            holidays=_holidays(history, wanted),
            holiday_factor=wanted.holiday_factor,
            uplifts=tuple(_uplift(text, history) for text in wanted.uplifts),
            fill_gaps=wanted.fill_gaps,
        )
        forecaster = Forecaster(history, method)
        days = [wanted.day + timedelta(days=number) for number in range(wanted.days)]
        last = history.days()[-1] + timedelta(days=1)
        cells = [forecaster.day(day, known_until=min(day, last)) for day in days]
    except ForecastError as error:
        raise click.UsageError(f"{file}: {error}") from error
    said = []
    for day, lines in zip(days, cells, strict=True):
        is_holiday = " (holiday)" if day in method.holidays else ""
        for line, of_line in sorted(lines.items()):
            total = sum(cell.offered for cell in of_line)
            said.append(f"{day}{is_holiday} {line.queue} {line.channel}: {total:,.0f} offered")
    try:
        error_of = forecaster.error(wanted.held_out)
        said.append(
            f"error: {error_of.wape:.1%} of the contacts (WAPE by {history.interval_s // 60} min, "
            f"{error_of.weeks} weeks held out, each forecast from those before it)"
        )
    except ForecastError as error:
        said.append(f"error: not known: {error}")
    said += [_busyness(forecaster, line) for line in sorted(history.counts)]
    if wanted.output is not None:
        said.append(_write_rates(history, cells[0], wanted.output))
    return "\n".join(said)


def _busyness(forecaster: Forecaster, line: Line) -> str:
    """Say how days vary about such a forecast, in the words of a scenario."""
    try:
        found = forecaster.busyness(line)
    except ForecastError as error:
        return f"busyness: not known: {error}"
    minutes = found.correlation_us / 60_000_000
    return (
        f"busyness of {line.queue} {line.channel}: day_cv = {found.day_cv:.3f}, "
        f"interval_cv = {found.interval_cv:.3f}, correlation_min = {minutes:.0f}"
    )


def _holidays(history: History, wanted: Wanted) -> frozenset[date]:
    """Return the holidays of all years concerned.

    Raises:
        click.UsageError: The library knows no such country or part.
    """
    if wanted.country is None:
        return frozenset()
    import holidays  # noqa: PLC0415 - takes 60 ms.

    years = range(history.days()[0].year, wanted.day.year + 2)
    try:
        found = holidays.country_holidays(
            wanted.country, subdiv=wanted.subdivision, years=years, language="en_US"
        )
    except NotImplementedError as error:
        known = sorted(holidays.list_supported_countries(include_aliases=False))
        near = did_you_mean(nearest(wanted.country.upper(), known))
        raise click.UsageError(f"--country: {error}; wanted a code of ISO 3166{near}") from error
    return frozenset(found)


def _uplift(text: str, history: History) -> Uplift:
    """Return `NAME:FROM:TO:FACTOR[:QUEUE]`.

    Raises:
        click.UsageError: It is none, or of a queue that the history does not have.
    """
    parts = text.split(":")
    try:
        name, first, last, factor = parts[:4]
        found = Uplift(
            name, date.fromisoformat(first), date.fromisoformat(last), float(factor), *parts[4:]
        )
    except (TypeError, ValueError):
        found = None
    if found is None or not found.name or found.last < found.first or not 0 < found.factor < 1_000:
        wanted = "NAME:FROM:TO:FACTOR[:QUEUE], like sale:2026-12-01:2026-12-24:1.3"
        raise click.UsageError(f"--uplift: {shown(text)}; wanted {wanted}")
    queues = sorted({line.queue for line in history.counts})
    if found.queue and found.queue not in queues:
        near = did_you_mean(nearest(found.queue, queues))
        wanted = f"a queue of the history{near}"
        raise click.UsageError(f"--uplift: {shown(text)} is of no such queue; wanted {wanted}")
    return found


def _write_rates(history: History, lines: dict[Line, list[Any]], output: Path) -> str:
    """Write a scenario's file of rates, and say how the scenario begins.

    Raises:
        click.UsageError: Nothing is expected on that day.
    """
    starts = sorted({cell.start_s for cells in lines.values() for cell in cells})
    if not starts:
        raise click.UsageError("--day: nobody is expected; wanted a day on which the queues open")
    several = len({line.queue for line in lines}) < len(lines)
    names = {
        line: f"{line.queue}_{line.channel}" if several else line.queue for line in sorted(lines)
    }
    per_h = 3600 / history.interval_s
    rates = {
        line: {cell.start_s: cell.offered * per_h for cell in cells}
        for line, cells in lines.items()
    }
    grid = range(starts[0], starts[-1] + 1, history.interval_s)
    with output.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["from", *names.values()])
        for start_s in grid:
            row = (f"{rates[line].get(start_s, 0.0):.6g}" for line in names)
            table.writerow([history.local(start_s).strftime("%H:%M"), *row])
    begins = history.local(starts[0]).replace(tzinfo=None)
    hours = len(grid) * history.interval_s / 3600
    return (
        f"rates per hour: {output}, for a scenario with start = {begins.isoformat()}, "
        f"hours = {hours:g}, interval_min = {history.interval_s // 60}"
    )

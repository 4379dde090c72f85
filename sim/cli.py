"""`acd sim …`: parse, call, print."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from sim.cli_kit import (
    Number,
    Zone,
    must_be_writable,
    must_have_places,
    progress_bar,
    wide_console,
    write,
)
from sim.past_cli import replay
from sim.questions import (
    CHECK_FAILED,
    OK,
    compare,
    confident,
    held_to,
    places,
    require,
    saved,
    saves,
    wanted,
)
from sim.staff_cli import staff
from sim.sweep_cli import peak, sweep


@click.group()
def sim() -> None:
    """Simulate a scenario with the production router."""


@sim.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print everything measured, as JSON.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write an HTML file."
)
@click.option(
    "--replications",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="How many runs, each with a seed of its own: figures get confidence intervals.",
)
@click.option(
    "--replications-max",
    type=click.IntRange(1, 10_000),
    help="How many at most where --precision asks for more.",
)
@click.option(
    "--precision",
    multiple=True,
    metavar="NAME=HALF_WIDTH",
    help="Run on until this figure's interval is as narrow, like "
    "sales.voice.service_level=0.01 or sales.voice.asa_s=5%.",
)
@confident
@places
@saves
@require
def run(
    scenario: Path,
    *,
    seed: int,
    as_json: bool,
    report: Path | None,
    save: Path | None,
    replications: int,
    requirements: tuple[str, ...],
    **how: Any,  # noqa: ANN401
) -> int:
    """Route the day of SCENARIO, once or several times, and print what came of it."""
    from sim import driver
    from sim import report as reports
    from sim.scenario import load
    from sim.study import study_of_one
    from sim.study_table import verdict_json, verdict_table

    must_have_places(report, save, scenario)
    several = _is_of_several(replications, how)
    day = load(scenario)
    console = wide_console()
    asked = wanted(requirements, day)
    if several:
        from sim.study_cli import print_study

        return print_study(
            day,
            console,
            asked,
            as_json=as_json,
            page=report,
            save=save,
            seed=seed,
            replications=replications,
            **how,
        )
    with progress_bar(day) as progress:
        result = driver.run(day, seed, digest=save is not None, progress=progress)
    found = study_of_one(day, seed, result)
    verdicts = held_to(found, asked)
    if as_json:
        more = {"requirements": [verdict_json(one) for one in verdicts]} if asked else {}
        # As bytes: JSON is UTF-8 wherever it goes, whatever the terminal's encoding.
        click.echo(reports.as_json(day, seed, result, **more).encode(), nl=False)
    else:
        console.print(reports.table(day, seed, result))
        if asked:
            console.print(verdict_table(verdicts))
    if report is not None:
        from sim.page import as_html

        write(report, as_html(day, seed, result), "Report", as_json=as_json)
    saved(found, save, as_json=as_json)
    return OK if all(one.is_met for one in verdicts) else CHECK_FAILED


def _is_of_several(replications: int, how: dict[str, Any]) -> bool:
    """Return whether several runs are asked for.

    Raises:
        click.UsageError: An option is of several runs, and they are not.
    """
    several = replications > 1 or bool(how["precision"])
    if how["replications_max"] is not None and not how["precision"]:
        wanted_too = "--replications-max: is the most that --precision may take; wanted it too"
        raise click.UsageError(wanted_too)
    if how["cluster"] is not None and not several:
        raise click.UsageError("--cluster: is for several runs; wanted --replications too")
    return several


@sim.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--url", required=True, help="Where the daemon is.")
@click.option(
    "--secrets",
    type=click.Path(path_type=Path),
    required=True,
    help='Tokens: {"producer": TOKEN, "agents": {AGENT: TOKEN}}.',
)
@click.option("--speed", type=Number(min=0.1, max=100.0), default=10.0, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
def world(scenario: Path, *, url: str, secrets: Path, speed: float, seed: int) -> None:
    """Be the switch, the customers and the agents of SCENARIO around a running daemon.

    The agents are those whose tokens are given; calls are placed at the numbers that SCENARIO's
    `[daemon.switch]` routes. It ends when the daemon stays away.
    """
    import asyncio

    import msgspec

    from acd.daemon.settings import load as load_daemon
    from acd.errors import ConfigError, Problem
    from sim.scenario import load
    from sim.world import Setting, World

    class Secrets(msgspec.Struct, forbid_unknown_fields=True):
        producer: str
        agents: dict[str, str]

    day = load(scenario)
    _, daemon = load_daemon(scenario)
    if daemon.switch is None or "socket" not in daemon.switch.options:
        wanted = "a simulated switch with options.socket"
        raise ConfigError(str(scenario), Problem("daemon.switch", "is missing", wanted))
    try:
        given = msgspec.json.decode(secrets.read_bytes(), type=Secrets)
    except msgspec.DecodeError as error:
        raise ConfigError(str(secrets), Problem("file", str(error), "tokens as JSON")) from error
    setting = Setting(
        url=url.rstrip("/"),
        socket=daemon.switch.folder / str(daemon.switch.options["socket"]),
        producer=given.producer,
        agents=given.agents,
        routes=daemon.switch.routes,
        devices={agent_id: daemon.switch.device_of(agent_id) for agent_id in given.agents},
        speed=speed,
        seed=seed,
    )
    with suppress(asyncio.CancelledError):  # SIGTERM ends it in good order.
        asyncio.run(World(day, setting).run())


@sim.command()
@click.option(
    "--per-hour",
    type=Number(min=0, min_open=True),
    required=True,
    help="Contacts that arrive in an hour.",
)
@click.option(
    "--handle-s",
    type=Number(min=0, min_open=True),
    required=True,
    help="Mean handling time, wrap-up included.",
)
@click.option(
    "--agents",
    type=click.IntRange(1, 1_000_000),
    help="How many there are; left out: the fewest that meet what is asked.",
)
@click.option(
    "--patience-s",
    type=Number(min=0, min_open=True),
    help="Mean patience; left out: nobody leaves (Erlang C).",
)
@click.option(
    "--patience-scv",
    type=Number(min=0),
    default=1.0,
    show_default=True,
    help="Its squared coefficient of variation: 0 all alike, 1 exponential, else gamma.",
)
@click.option(
    "--threshold-s",
    type=Number(min=0),
    default=20.0,
    show_default=True,
    help="The service level's threshold.",
)
@click.option(
    "--level",
    type=Number(0, 1, max_open=True),
    default=0.8,
    show_default=True,
    help="Least service level that is asked.",
)
@click.option(
    "--form",
    type=click.Choice(["missed", "met", "ignored", "served"]),
    default="missed",
    show_default=True,
    help="How it counts those who abandon.",
)
@click.option(
    "--abandons-max",
    type=Number(0, 1, min_open=True),
    default=1.0,
    help="Greatest share that abandons.",
)
@click.option(
    "--wait-max-s",
    type=Number(min=0, min_open=True),
    default=None,
    help="Greatest mean wait of the served.",
)
@click.option(
    "--occupancy-max",
    type=Number(0, 1, min_open=True),
    default=1.0,
    help="Greatest occupancy.",
)
@click.option(
    "--shrinkage",
    type=Number(0, 1, max_open=True),
    default=0.0,
    help="Share of the paid time that agents are not there: how many must be paid.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def erlang(*, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's, typed in `Question`.
    """Calculate one queue in the steady state, exactly: Erlang C, A, and gamma patience."""
    from rich.console import Console

    from sim.calculator import Question, answer, as_table

    try:
        found = answer(Question(**asked))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found))
    else:
        Console(highlight=False).print(as_table(found))


@sim.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["generic", "genesys", "queue_log"]),
    default="generic",
    show_default=True,
    help="Whose report it is.",
)
@click.option(
    "--time-zone", type=Zone(), required=True, help="Whose clock tells the days: Europe/Berlin."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Where the history goes.",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="OURS=THEIRS",
    help="A column that is called otherwise: start, queue, channel, offered, handled, handle_s.",
)
@click.option(
    "--delimiter", type=click.Choice([",", ";", "|", "\t"]), default=",", help="Between the cells."
)
@click.option("--interval-min", type=click.IntRange(1, 1440), help="Length of the intervals.")
@click.option(
    "--people",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where handling times, patience and redials go, as JSON (queue_log).",
)
@click.option(
    "--patience",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where patience goes, as CSV for a scenario's empirical shape (queue_log).",
)
def import_(
    file: Path,
    *,
    output: Path,
    people: Path | None,
    patience: Path | None,
    **asked: Any,  # noqa: ANN401
) -> None:
    """Read the history of contacts in FILE: a report by intervals, or Asterisk's queue_log."""
    from sim.history_cli import import_file

    for path in (output, people, patience):
        if path is not None:
            must_be_writable(path, file)
    click.echo(import_file(file, output=output, people=people, patience=patience, **asked))


@sim.command()
@click.argument("history", type=click.Path(path_type=Path))
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Which day.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=1,
    show_default=True,
    help="How many from then on.",
)
@click.option(
    "--weeks",
    type=click.IntRange(1, 52),
    default=4,
    show_default=True,
    help="How many same weekdays are averaged.",
)
@click.option(
    "--held-out",
    type=click.IntRange(1, 520),
    default=12,
    show_default=True,
    help="How many of the last weeks tell the error.",
)
@click.option("--growth", type=Number(-0.99, 100), default=0.0, help="Yearly: 0.1 is a tenth.")
@click.option("--country", help="Whose holidays count, like US.")
@click.option("--subdivision", help="A part of it.")
@click.option(
    "--holiday-factor",
    type=Number(0, 100),
    help="Of a holiday, over a usual day; left out: learned from the history.",
)
@click.option(
    "--uplift",
    "uplifts",
    multiple=True,
    metavar="NAME:FROM:TO:FACTOR[:QUEUE]",
    help="What is known to come.",
)
@click.option("--fill-gaps", is_flag=True, help="Take a missing interval from the other days.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where a scenario's file of rates goes.",
)
def forecast(history: Path, *, day: Any, **asked: Any) -> None:  # noqa: ANN401 - click's.
    """Forecast a day, or several, from HISTORY, a file of `acd sim import`."""
    from sim.history_cli import Wanted, forecast_file

    if asked["output"] is not None:
        must_be_writable(asked["output"], history)
    click.echo(forecast_file(history, Wanted(day=day.date(), **asked)))


for question in (compare, sweep, peak, staff, replay):
    sim.add_command(question)

"""The command `acd`: parse, call, print.

Data goes to stdout, complaints to stderr as `acd: file:line: what`, without a traceback where the
user is the one who must act. Exit codes: 0 done; 1 a check failed; 2 usage, configuration or input
is wrong; 3 something cannot be reached; 4 storage failed. A subcommand returns its code, or None
for 0.

Commands come also from the entry-point group `acd.commands`, and what checks a file that has a
further table, from `acd.sections` under the table's name. Nothing of either is imported before it
is needed, so that `acd --help` is quick.
"""

import errno
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import click

from acd import __version__
from acd.errors import (
    AcdError,
    CallerError,
    ConfigError,
    JournalError,
    Problem,
    StorageError,
    UnreachableError,
)

if TYPE_CHECKING:
    from acd.journal import Difference
    from acd.settings import DomainSettings

OK: Final = 0
CHECK_FAILED: Final = 1
USER_ERROR: Final = 2
UNREACHABLE: Final = 3
STORAGE_FAILED: Final = 4

PROBLEMS_MAX: Final = 200
"""Most mistakes printed of one file: four screens of a large terminal. A file of 1 MB can have
30,000; whoever mends the first runs the check again."""

SectionCheck = Callable[..., list[Problem]]
"""`check(data: bytes, *, file: str)`: all mistakes of a file that has the table. Beside it may be
`section_notes`, of the same arguments: what the owner of a sound file should know."""

_DIALPLAN_NAME: Final = re.compile(r"[A-Za-z0-9_.+-]{1,64}")

_SQLITE: Final = b"SQLite format 3\0"
"""How a daemon's journal begins."""

_INPUT_ERRORS: Final = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)

_ADDRESS_ERRORS: Final = {errno.EADDRINUSE, errno.EADDRNOTAVAIL}
"""The address to listen at is somebody else's, or is none of this machine."""


class _LoadError(click.ClickException):
    """What an entry point names cannot be imported."""

    exit_code = USER_ERROR


class _Commands(click.Group):
    """A group whose further commands come from entry points, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, those of other distributions included."""
        return sorted({*super().list_commands(ctx), *_named("acd.commands")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; import it if it comes from another distribution."""
        command = super().get_command(ctx, cmd_name)
        if command is None and (found := _named("acd.commands").get(cmd_name)) is not None:
            return cast("click.Command", _load(found))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; for those that would have to be imported, where they come from."""
        plugins = _named("acd.commands")
        rows = []
        for name in self.list_commands(ctx):
            own = super().get_command(ctx, name)
            rows.append((name, own.get_short_help_str() if own else f"From {plugins[name].value}."))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _named(group: str) -> dict[str, EntryPoint]:
    """Return a group's entry points by name."""
    return {found.name: found for found in entry_points(group=group)}


def _load(found: EntryPoint) -> object:
    """Import what an entry point names.

    Raises:
        _LoadError: It cannot be imported: an extra is not installed, or it is broken.
    """
    try:
        return found.load()
    except (ImportError, AttributeError) as error:
        hint = f"is acd-engine[{found.name}] installed?"
        raise _LoadError(f"{found.name}: {error}; wanted {found.value}; {hint}") from error


@click.group(cls=_Commands, name="acd", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="acd", message="%(prog)s %(version)s")
def acd() -> None:
    """Route contacts, and replay and simulate how they are routed."""


@acd.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE…")
def check(files: tuple[Path, ...]) -> int:
    """Check configuration files: every mistake at once."""
    code = OK
    for file in files:
        try:
            for line in _checked(file):
                click.echo(f"{file}: {line}")
        except (AcdError, *_INPUT_ERRORS) as error:
            code = USER_ERROR
            _complain(error)
    return code


def _checked(path: Path) -> list[str]:
    """Return what a sound file holds, in a line, and what its owner should know besides.

    Raises:
        ConfigError: All mistakes of the file.
    """
    from acd import config, toml_guard
    from acd.notes import notes

    file = str(path)
    with path.open("rb") as stream:
        data = stream.read(toml_guard.FILE_BYTES_MAX + 1)
    tables = toml_guard.read_toml(data, file)
    queues = tables.get("queues")
    counted = f"ok: {_count(len(queues) if isinstance(queues, dict) else 0, 'queue')}"
    sections = [found for name, found in _named("acd.sections").items() if name in tables]
    problems: dict[Problem, None] = {}  # In their order; each checks the routing part, too.
    for found in sections:
        check_section = cast("SectionCheck", _load(found))
        problems.update(dict.fromkeys(check_section(data, file=file)))
    if problems:
        raise ConfigError(file, *problems)
    names = [found.name for found in sections]
    groups = tables.get("groups")
    try:
        settings = config.parse(
            data,
            file=file,
            # How many work may stand in a further table; one of each kind will do for the notes.
            members=dict.fromkeys(groups, 1) if names and isinstance(groups, dict) else None,
            others=config.OTHER_TABLES.union(names),
        )
    except ConfigError:
        if not names:
            raise
        return [f"{counted}, {', '.join(names)}"]  # What it lacks stands in a further table.
    what = ", ".join(names) if names else _count(len(settings.agents), "agent")
    told = [*notes(settings), *_hours_without_staff(settings)]
    for found in sections:
        section_notes = getattr(sys.modules[found.module], "section_notes", None)
        told += section_notes(data, file=file) if section_notes is not None else ()
    return [f"{counted}, {what}", *(f"note: {note}" for note in told)]


def _hours_without_staff(settings: "DomainSettings") -> list[str]:
    """Return what does not open in the year from now, and when nobody on shift may take it."""
    from acd.mistakes import key_text
    from acd.settings import DAY_US
    from acd.unstaffed import never_opening, unstaffed

    now_us = time_ns() // 1_000
    to_us = now_us + 366 * DAY_US
    found = [
        f"{key_text(('calendars', name))}: does not open within a year from now"
        for name in never_opening(settings, now_us, to_us)
    ]
    for one in unstaffed(settings, now_us, to_us):
        since, until = (
            datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")
            for at_us in one.clocks_us
        )
        where = key_text(("queues", one.queue, one.channel))
        what = f"is open from {since} to {until}, and nobody who may take it is on shift"
        found.append(f"{where}: {what}")
    return found


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


@acd.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Decide again; fail at the first difference.")
def replay(file: Path, *, verify: bool) -> int:
    """Apply a journal to a new router: a readable one, or the one that a daemon kept."""
    from acd import journal

    with file.open("rb") as stream:
        if _is_durable(stream, file):
            from acd.journal.durable import replay as replay_durable

            replayed = replay_durable(file, verify=verify)
        else:
            replayed = journal.replay(journal.read(stream, str(file)), verify=verify)
    if replayed.difference is not None:
        _print_difference(file, replayed.difference)
        return CHECK_FAILED
    how = "verified" if verify else "applied"
    click.echo(f"{file}: {how}: {replayed.steps} events, {replayed.actions} actions")
    return OK


@acd.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="JOURNAL")
@click.argument("contact")
def explain(file: Path, contact: str) -> int:
    """Say why each offer of CONTACT was made, and what it waits for at the end."""
    from acd import journal
    from acd.journal import explained

    with file.open("rb") as stream:
        if _is_durable(stream, file):
            explained.explain_durable(file, contact, click.echo)
        else:
            explained.explain(journal.read(stream, str(file)), contact, click.echo)
    return OK


def _is_durable(stream: BinaryIO, file: Path) -> bool:
    """Return whether a journal is one that a daemon kept. Nothing of it is taken away.

    Raises:
        JournalError: It is, and comes through a pipe, where no database can be read.
    """
    assert isinstance(stream, io.BufferedReader)  # A pipe cannot be read again from its beginning.
    durable = stream.peek(len(_SQLITE)).startswith(_SQLITE)
    if durable and not stream.seekable():
        what = "is a daemon's journal in a pipe; wanted its file, or a readable journal"
        raise JournalError(str(file), 1, what)
    return durable


def _print_difference(file: Path, difference: "Difference") -> None:
    """Print what the journal wants and what the router gives."""
    click.echo(f"{file}:{difference.line}: the router decides otherwise")
    for sign, text in (("-", difference.wanted), ("+", difference.got)):
        if text is not None:
            click.echo(f"{sign} {text}")


@acd.command()
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--demo", is_flag=True, help="A simulated switch, customers and agents.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0.1, max=100.0),
    help="How fast the demonstration's customers and agents live; 10 by default.",
)
@click.option("--port", type=click.IntRange(0, 65_535), help="Of the demonstration; 0: any.")
@click.option("--once", is_flag=True, help="End the demonstration when a contact was routed.")
def serve(
    config: Path | None, *, demo: bool, speed: float | None, port: int | None, once: bool
) -> int | None:
    """Run the router in real time, as CONFIG says."""
    if demo == (config is not None):
        raise click.UsageError("wanted either a CONFIG or --demo")
    if config is not None and (once or speed is not None or port is not None):
        raise click.UsageError("--speed, --port and --once belong to --demo")
    if config is None:
        from acd.daemon.demo import demonstrate

        demonstrate(speed=speed or 10.0, port=port or 0, once=once, say=click.echo)
        return OK
    from acd.daemon.serve import serve as run

    run(config, ready=click.echo)
    return OK


@acd.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What logs call the token.")
@click.option("--role", required=True, type=click.Choice(["producer", "agent", "supervisor"]))
@click.option("--agent", default="", help="Whose it is, for the role agent.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The first day it is void, UTC.")
def token(config: Path, *, name: str, role: str, agent: str, expires: "datetime | None") -> None:
    """Make a token, add its hash to CONFIG's file of tokens, and print it, once."""
    from datetime import UTC

    from acd.daemon.http.tokens import Role
    from acd.daemon.settings import load
    from acd.daemon.token_file import add_token

    domain, settings = load(config)
    until = None if expires is None else expires.replace(tzinfo=UTC)
    made = add_token(
        str(config), domain, settings, name=name, role=Role(role), agent=agent, expires=until
    )
    click.echo(made)


@acd.group()
def switch() -> None:
    """Look at the switch that a configuration names."""


def _dialplan_name(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Take nothing but what a dialplan can have as a number or a context."""
    del ctx
    if value != parameter.default and not _DIALPLAN_NAME.fullmatch(value):
        raise click.BadParameter("wanted up to 64 of A-Z a-z 0-9 _ . + -")
    return value


@switch.command("check")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--test-call",
    default="",
    metavar="NUMBER",
    callback=_dialplan_name,
    help="Call a number as a customer, and see that the switch's fallback takes the call.",
)
@click.option(
    "--context",
    default="from-customers",
    show_default=True,
    callback=_dialplan_name,
    help="Where the test call comes in.",
)
def check_switch(config: Path, *, test_call: str, context: str) -> int:
    """Check that the switch is as the daemon of CONFIG needs it; a line for each thing."""
    from acd.daemon.settings import load
    from acd.switch_protocol import checks
    from acd.switch_protocol.port import SwitchOptions

    domain, settings = load(config)
    if settings.switch is None:
        raise ConfigError(str(config), Problem("daemon.switch", "is missing", "a switch to check"))
    given = checks.CheckOptions(
        switch=SwitchOptions(
            name=settings.switch.name,
            options=settings.switch.options,
            folder=settings.switch.folder,
            domain=domain.name,
            file=str(config),
        ),
        devices=tuple(settings.switch.device_of(agent.agent_id) for agent in domain.agents),
        routes=tuple(settings.switch.routes),
        every_number=bool(domain.entry),
        test_call=test_call,
        context=context,
    )
    run = checks.load(settings.switch.kind, str(config))
    return OK if run(given, click.echo) else CHECK_FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code. The console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that has no `–` shows `?` in its place, and the rest.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = acd.main(arguments, prog_name="acd", standalone_mode=False)
        sys.stdout.flush()  # Here, so that a pipe or a disk that is gone is noticed below.
    except click.exceptions.Abort:
        return CHECK_FAILED
    except click.UsageError as error:
        error.show()
        return USER_ERROR
    except click.ClickException as error:
        _complain(error)
        return error.exit_code
    except BrokenPipeError:
        # Whoever reads has seen enough. Python flushes once more at its end: let it flush nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CHECK_FAILED
    except CallerError:
        raise  # A bug of ours, so with its traceback.
    except (AcdError, OSError) as error:
        _complain(error)
        return _code_of(error)
    return code if isinstance(code, int) else OK


def _code_of(error: AcdError | OSError) -> int:
    """Return the exit code that says who must act."""
    if isinstance(error, StorageError):
        return STORAGE_FAILED
    if isinstance(error, UnreachableError):
        return UNREACHABLE
    if isinstance(error, (AcdError, *_INPUT_ERRORS)) or error.errno in _ADDRESS_ERRORS:
        return USER_ERROR
    if isinstance(error, ConnectionError | TimeoutError):
        return UNREACHABLE
    return STORAGE_FAILED


def _complain(error: Exception) -> None:
    """Print an error to stderr: each of its lines begins with the program's name."""
    more = 0
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, click.ClickException):
        text = error.format_message()
    elif isinstance(error, ConfigError):
        file, *problems = error.args
        more = len(problems) - PROBLEMS_MAX
        text = str(ConfigError(file, *problems[:PROBLEMS_MAX]))
    else:
        text = str(error)
    for line in text.splitlines():
        click.echo(f"acd: {line}", err=True)
    if more > 0:
        click.echo(f"acd: {error.args[0]}: … and {_count(more, 'more mistake')}", err=True)

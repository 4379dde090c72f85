"""What the commands of `acd sim` share: files that must be writable, bars of progress."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from sim.driver import Progress
    from sim.workload import Scenario


class Number(click.FloatRange):
    """A number in a range. To click `nan` is in each of them, since it compares with nothing."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's.
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the number that an option says."""
        found = float(super().convert(value, param, ctx))
        if not isfinite(found):
            self.fail(f"is {value}; wanted a finite number.", param, ctx)
        return found


class Zone(click.ParamType[str]):
    """A time zone that this machine knows."""

    name = "zone"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's.
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the zone that an option says."""
        from acd.errors import shown
        from sim.history import is_zone

        del param, ctx
        text = str(value)
        if not is_zone(text):
            raise click.UsageError(f"--time-zone: {shown(text)}; wanted one like Europe/Berlin")
        return text


def must_be_writable(path: Path, *sources: Path) -> None:
    """Tell before a long run, not after it, that its report has nowhere to go.

    Args:
        path: Where it goes.
        sources: What the command reads, which must not be overwritten.

    Raises:
        click.UsageError: It is one of the sources.
        OSError: The folder is missing, is none or takes no files, or the file is a folder or must
            not be written.
    """
    if any(path.exists() and one.exists() and path.samefile(one) for one in sources):
        raise click.UsageError(f"{path}: is what is read; wanted another file to be written")
    folder = path.parent
    if not folder.is_dir():
        code = errno.ENOTDIR if folder.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code), str(folder))
    if path.is_dir() or (path.exists() and not os.access(path, os.W_OK)):
        code = errno.EISDIR if path.is_dir() else errno.EACCES
        raise OSError(code, os.strerror(code), str(path))
    if not path.exists():
        _must_take_files(folder, path)


def _must_take_files(folder: Path, path: Path) -> None:
    """Tell that a folder takes no files, as /proc takes none though its permissions say so.

    Raises:
        OSError: It takes none; it is told of the path that was wanted.
    """
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def must_have_places(report: Path | None, save: Path | None, *sources: Path) -> None:
    """Tell before a long run, not after it, that its report or its files have nowhere to go.

    Args:
        report: A page, if one is wanted.
        save: A folder, if one is.
        sources: What the command reads, which must not be overwritten.

    Raises:
        MissingPackageError: The library that writes the files is not installed.
        OSError: The report, or the folder, cannot be written.
    """
    if report is not None:
        must_be_writable(report, *sources)
    if save is not None:
        from sim.saving import MANIFEST, library

        library()
        must_be_writable(save / MANIFEST if save.exists() else save)


def write(file: Path, text: str, name: str, *, as_json: bool) -> None:
    """Write a file that was asked for, and say so: beside the JSON, if that is what is printed.

    Raises:
        OSError: It cannot be written; the error has its name, which that of a full disk lacks.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
    click.echo(f"{name}: {file}", err=as_json)


def wide_console() -> "Console":
    """Return a console wide enough for every cell: a figure cut short is worse than a long line."""
    from rich.console import Console

    from sim.report import WIDTH

    return Console(highlight=False, width=max(Console().width, WIDTH))


@contextmanager
def progress_bar(scenario: "Scenario") -> "Iterator[Progress | None]":
    """Show a bar of virtual time on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(scenario.title, total=scenario.end_us - scenario.start_us)
        yield lambda now_us: bar.update(task, completed=now_us - scenario.start_us)


@contextmanager
def counter(title: str) -> "Iterator[Callable[[int, int], None] | None]":
    """Show a bar of runs done with the time left on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, wanted: bar.update(task, completed=done, total=wanted)

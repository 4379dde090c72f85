"""`acd sim replay`: a journal's customers and agents again, under the same rules and others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli_kit import Zone, counter, must_have_places, wide_console, write
from sim.questions import (
    CHECK_FAILED,
    OK,
    held_to,
    must_be_figures,
    place_of,
    require,
    runs,
    saved,
    saves,
    wanted,
)

if TYPE_CHECKING:
    from acd.settings import DomainSettings
    from sim.past import Past
    from sim.past_replay import Replayed
    from sim.requirement import Verdict


@click.command()
@click.argument("journal", type=click.Path(path_type=Path))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Other rules, and other agents: the routing part of this file.",
)
@click.option(
    "--agents-add",
    multiple=True,
    metavar="GROUP=N",
    help="So many agents more in a group, each like its first, through the group's hours.",
)
@click.option(
    "--time-zone",
    type=Zone(),
    default="UTC",
    show_default=True,
    help="In which times are shown, like Europe/Berlin; no journal says it.",
)
@runs(replications=10)
@click.option("--json", "as_json", is_flag=True, help="Print every figure, as JSON.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write an HTML file."
)
@saves
@require
def replay(
    journal: Path,
    *,
    config: Path | None,
    agents_add: tuple[str, ...],
    as_json: bool,
    report: Path | None,
    save: Path | None,
    requirements: tuple[str, ...],
    workers: int,
    cluster: str | None,
    **how: Any,  # noqa: ANN401
) -> int:
    """Replay the time of JOURNAL: its customers and agents, under its own rules and under others.

    What it recorded stands beside its replay under the same rules, for a check. What is required
    is required of the last rules.
    """
    from sim.past_file import read_past
    from sim.past_replay import replay as replay_past
    from sim.past_table import as_json as facts_of
    from sim.past_table import table
    from sim.study import names_in

    must_have_places(report, save, journal)
    asked = wanted(requirements)
    run_all = place_of(workers, cluster)
    past = read_past(journal)
    other = _other(past, config, agents_add)
    must_be_figures(asked, names_in(past.settings if other is None else other[1]))
    try:
        with counter(str(journal)) as counted:
            found = replay_past(past, other, run_all=run_all, progress=counted, **how)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error
    verdicts = held_to(found.studies[-1], asked)
    if as_json:
        click.echo(facts_of(found, verdicts).encode(), nl=False)
    else:
        wide_console().print(table(found, verdicts))
    if report is not None:
        write(report, _page(found, verdicts), "Report", as_json=as_json)
    saved(found, save, as_json=as_json)
    return OK if all(one.is_met for one in verdicts) else CHECK_FAILED


def _other(
    past: "Past", config: Path | None, agents_add: tuple[str, ...]
) -> "tuple[str, DomainSettings] | None":
    """Return the other rules and their name; None where there are none.

    Raises:
        click.UsageError: An option is wrong.
        ConfigError: The file is.
    """
    from sim.past_rules import AGENTS_ADDED_MAX, with_agents

    if config is None and not agents_add:
        return None
    settings = past.settings if config is None else _settings(config, past)
    for text in agents_add:
        group, _, number = text.rpartition("=")
        if not group or not number.isdecimal() or not 1 <= int(number) <= AGENTS_ADDED_MAX:
            seen = f"--agents-add: is {text}; wanted GROUP=N, N from 1 to {AGENTS_ADDED_MAX}"
            raise click.UsageError(seen)
        try:
            settings = with_agents(settings, group, int(number))
        except ValueError as error:
            raise click.UsageError(f"--{error}") from error
    names = [config.stem] if config is not None else []
    return " ".join([*names, *(f"+{one}" for one in agents_add)]), settings


def _settings(config: Path, past: "Past") -> "DomainSettings":
    """Return the routing part of a file; groups without a number have as many as in the past.

    Those that the past has not are as the file's own scenario staffs them.

    Raises:
        ConfigError: The file has mistakes.
    """
    from collections import Counter

    from acd.config import parse
    from acd.toml_guard import FILE_BYTES_MAX, read_toml
    from sim.scenario_kinds import table_in
    from sim.staffing_checks import sizes_in

    with config.open("rb") as stream:
        data = stream.read(FILE_BYTES_MAX + 1)
    raw = read_toml(data, str(config))
    groups = raw.get("groups")
    sizes = {
        **sizes_in(table_in(raw, "scenario")),
        **Counter(one.group for one in past.settings.agents),
    }
    open_sizes = {
        name: sizes[name]
        for name, one in (groups.items() if isinstance(groups, dict) else ())
        if name in sizes and isinstance(one, dict) and "members" not in one
    }
    return parse(data, file=str(config), members=open_sizes)


def _page(found: "Replayed", verdicts: "list[Verdict]") -> str:
    from sim.past_table import columns, head, notes, rows
    from sim.study_page import Section, comparison_page, study_page

    first = Section(
        "Recorded and replayed",
        " ".join((f"{head(found)}.", *notes(found))),
        columns=columns(found),
        rows=tuple(rows(found)),
    )
    scenarios = {one.scenario.title: one.scenario for one in found.staged}
    if found.comparison is not None:
        return comparison_page(scenarios, found.comparison, verdicts, tables=[first])
    (scenario,) = scenarios.values()
    return study_page(
        scenario, found.studies[0], verdicts, first=[first], title=f"{found.past.file}, replayed"
    )

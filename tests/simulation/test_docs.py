"""The examples of the simulation's pages are run, and print what the pages say they print."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli import sim

DOCS = Path(__file__).parents[2] / "docs"


def _block(language: str, page: str = "simulation.md") -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "page,file",
    [
        ("simulation.md", "morning.toml"),
        ("workload.md", "restless.toml"),
        ("people.md", "evening.toml"),
    ],
)
def test_the_example_prints_what_the_page_says(tmp_path, monkeypatch, page, file):
    monkeypatch.chdir(tmp_path)
    Path(file).write_text(_block("toml", page), encoding="utf-8")
    command, *want = _block("console", page).splitlines()
    assert command.startswith("$ acd sim ")
    done = CliRunner().invoke(sim, command.removeprefix("$ acd sim ").split())
    assert [line.rstrip() for line in done.output.splitlines()] == want


def test_the_lines_of_python_run():
    text = (DOCS / "simulation.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})  # noqa: S102 - the page is ours


def test_a_workload_built_in_python_has_as_many_contacts_as_its_page_says(capsys):
    exec(_block("python", "workload.md"), {})  # noqa: S102 - the page is ours
    assert capsys.readouterr().out == _block("text", "workload.md")


def test_the_questions_have_the_answers_that_their_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    morning = _block("toml")
    Path("morning.toml").write_text(morning, encoding="utf-8")
    more = morning.replace("day = [6, 8, 9, 8]", "day = [7, 9, 10, 9]")
    Path("more.toml").write_text(more, encoding="utf-8")
    command, *want = _block("text", "questions.md").splitlines()
    done = CliRunner().invoke(sim, shlex.split(command.removeprefix("$ acd sim ")))
    assert [line.rstrip() for line in done.output.splitlines()] == want


def test_the_calculators_answer_what_their_page_says(capsys):
    command, *want = _block("console", "erlang.md").splitlines()
    assert command.startswith("$ acd sim ")
    done = CliRunner().invoke(sim, command.removeprefix("$ acd sim ").split())
    assert [line.rstrip() for line in done.output.splitlines()] == want
    exec(_block("python", "erlang.md"), {})  # noqa: S102 - the page is ours
    assert capsys.readouterr().out == _block("text", "erlang.md")


def test_a_forecast_is_what_its_page_says(capsys, tmp_path):
    report = tmp_path / "report.csv"
    report.write_text(_block("csv", "forecast.md"), encoding="utf-8")
    words = f"import {report} --time-zone Europe/Berlin -o {tmp_path / 'history.csv'}"
    assert CliRunner().invoke(sim, words.split()).exit_code == 0
    exec(_block("python", "forecast.md"), {})  # noqa: S102 - the page is ours
    assert capsys.readouterr().out == _block("text", "forecast.md")

"""The example of docs/simulation.md is run, and prints what the page says it prints."""

import re
from pathlib import Path

from click.testing import CliRunner

from sim.cli import sim

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_prints_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("morning.toml").write_text(_block("toml"), encoding="utf-8")
    command, *want = _block("console").splitlines()
    assert command.startswith("$ acd sim ")
    done = CliRunner().invoke(sim, command.removeprefix("$ acd sim ").split())
    assert [line.rstrip() for line in done.output.splitlines()] == want


def test_the_lines_of_python_run():
    exec(_block("python"), {})  # noqa: S102 - the page is ours

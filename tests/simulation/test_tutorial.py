"""The tutorial's three commands, from a file of calls to a staffing.

Method: the commands of docs/tutorial.md are run one after the other, with the scenario that stands
there. The bank's calls are no part of the project: where `shared/data/bank_calls.csv` lies beside
it they are used, and what is printed must be what the page says. Elsewhere a drawn file of the same
form stands in for them, and the commands must end well.
"""

import doctest
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from acd.cli import acd

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BANK = Path("shared", "data", "bank_calls.csv")


def write_drawn(path: Path) -> None:
    """Write calls like the bank's: five weeks of weekdays, by five minutes from 7:00 to 21:05."""
    rng = np.random.default_rng(1)
    lines = ["rownames,DateTime,Calls"]
    for day in range(35):
        start = datetime(2003, 9, 22, 7, tzinfo=UTC) + timedelta(days=day)
        for slot in range(169 if day % 7 < 5 else 0):
            calls = rng.poisson(250 * np.sin((slot + 10) / 190 * np.pi))
            at = start + timedelta(minutes=5 * slot)
            lines.append(f"{len(lines)},{at:%Y-%m-%dT%H:%M:%SZ},{calls}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_the_tutorial_on_the_banks_calls_of_shared_data_or_on_drawn_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bank = next((one / BANK for one in ROOT.parents if (one / BANK).exists()), None)
    if bank is None:
        write_drawn(Path("bank_calls.csv"))
    else:
        Path("bank_calls.csv").write_bytes(bank.read_bytes())
        head, first, *_ = re.findall(r"^    (.+)$", PAGE, re.MULTILINE)
        assert bank.read_text(encoding="utf-8").startswith(f"{head}\n{first}\n")
    (scenario,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    Path("branch.toml").write_text(scenario, encoding="utf-8")
    steps = re.findall(r"```text\n\$ acd (.*?)(?<!\\)\n(.*?)```", PAGE, re.DOTALL)
    assert [shlex.split(command)[1] for command, _ in steps] == ["import", "forecast", "staff"]
    for command, want in steps:
        done = CliRunner().invoke(acd, shlex.split(command.replace("\\\n", "")))
        got = "\n".join(line.rstrip() for line in done.output.split("\n")).strip("\n")
        if bank is not None:
            same = doctest.OutputChecker().check_output(want.strip("\n"), got, doctest.ELLIPSIS)
            assert same, got
        assert done.exit_code == 0 or (bank is None and "Missed with fresh seeds" in got), got
    plan = Path("staffing.toml").read_text(encoding="utf-8")
    assert (f"    {plan}" in PAGE) == (bank is not None)
    Path("branch.toml").write_text(scenario.replace("agents = 1\n", plan), encoding="utf-8")
    assert CliRunner().invoke(acd, ["check", "branch.toml"]).exit_code == 0

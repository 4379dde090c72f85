"""Days on which one contact comes, or none: every command answers, and says what is to be said.

Method: a line with two agents, whose one stream has no arrivals, or one that is replayed. Each
command that runs it is run, with its page; no figure may be a NaN, no picture may be missing.
"""

import json
import re
from pathlib import Path

import pytest

from acd.cli import main
from acd.journal import format_entry, format_header
from sim import driver
from sim.scenario import load

LINE = """
[domain]
name = "small"
[queues.sales]
voice = { objective_s = 20, auto_answer = true }
[capacities.one]
voice = {}
[profiles]
all = [{ queue = "sales" }]
[groups.day]
profile = "all"
capacity = "one"
[scenario]
title = "A quiet day"
start = 2026-12-14T08:00:00
time_zone = "Europe/Berlin"
hours = 2
staffing = { day = 2 }
[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [0, 0, 0, 0]
handle = { mean_s = 200 }
patience_mean_s = 60
"""


@pytest.fixture(params=[0, 1], ids=["none", "one"])
def quiet(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[int, Path]:
    """Return how many contacts come, and the day's file, beside which is one with more agents."""
    text = LINE
    if request.param:
        calls = "arrives,handle_s\n2026-12-14T08:30:00,180\n"
        (tmp_path / "calls.csv").write_text(calls, encoding="utf-8")
        text = text.replace("rates_per_h = [0, 0, 0, 0]", 'replay = "calls.csv"')
    (tmp_path / "quiet.toml").write_text(text, encoding="utf-8")
    more = text.replace("day = 2", "day = 3")
    (tmp_path / "more.toml").write_text(more, encoding="utf-8")
    return request.param, tmp_path / "quiet.toml"


def told(capsys, *words: object) -> str:
    """Run a command that must end well, and return what it prints."""
    assert main(["sim", *map(str, words)]) == 0
    out = str(capsys.readouterr().out)
    assert not re.search(r"\b(nan|inf)\b", out, re.IGNORECASE)
    return out


def cells(out: str, *first: str) -> list[str]:
    """Return the words of the line that begins with such ones, without those."""
    (row,) = (line.split() for line in out.splitlines() if line.split()[: len(first)] == [*first])
    return row[len(first) :]


def pictures(page: Path) -> list[str]:
    """Return the titles of a page's parts, which must hold no NaN."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    return re.findall("<h2>(.*?)</h2>", text)


def test_a_run_and_its_page(quiet, tmp_path, capsys):
    count, file = quiet
    page = tmp_path / "page.html"
    out = told(capsys, "run", file, "--report", page)
    assert f": {('0 contacts', '1 contact')[count]}\n" in out
    want = ("0 0 – – – in 20 s – – – – 0.0 %", "1 1 – – 100.0 % in 20 s 0.0 s 0.0 s 0.0 s 180.0 s")
    assert " ".join(cells(out, "sales", "voice")).startswith(want[count])
    assert ("Voice" in pictures(page), "Agents" in pictures(page)) == (bool(count), True)


def test_several_runs_and_their_page(quiet, tmp_path, capsys):
    count, file = quiet
    page = tmp_path / "page.html"
    out = told(capsys, "run", file, "--replications", 2, "--report", page, "--save", tmp_path / "x")
    assert cells(out, "sales", "voice")[:3] == [f"{count}.0", "±", "0.0"]
    assert ("sales, voice" in pictures(page)) == bool(count)
    facts = json.loads(told(capsys, "run", file, "--replications", 2, "--json"))
    assert ("sales.voice.asa_s" in facts["figures"]) == bool(count)


def test_plans_beside_each_other_and_their_page(quiet, tmp_path, capsys):
    count, file = quiet
    page = tmp_path / "page.html"
    more = file.with_name("more.toml")
    out = told(capsys, "compare", file, more, "--replications", 2, "--report", page)
    assert ("sales.voice.service_level" in out) == bool(count)
    assert "group.day.occupancy" in out
    assert "more against quiet" in pictures(page)
    json.loads(told(capsys, "compare", file, more, "--replications", 2, "--json"))


def test_a_grid(quiet, capsys):
    count, file = quiet
    out = told(capsys, "sweep", file, "--vary", "staffing.day=1,2", "--replications", 2)
    assert cells(out, "1")[:3] == ["100.0", "±", "0.0"] if count else ["–", "–", "–"]
    assert cells(out, "staffing.day")[:3] == ["sales", "voice", "service_level"]


def test_where_nobody_comes_nothing_is_missed(quiet, capsys):
    count, file = quiet
    out = told(capsys, "run", file, "--require", "sales.asa_s<=3")
    assert cells(out, "sales.asa_s", "<=", "3")[0] == ("–", "0.0")[count]
    need = ("--require", "sales.service_level>=0.8", "--replications", 2)
    out = told(capsys, "staff", file, *need)
    assert cells(out, "08:30") == [str(count)] * 3
    assert cells(out, "09:00") == ["0"] * 3


def test_where_somebody_comes_and_nobody_is_answered_all_is_missed(quiet, capsys):
    count, file = quiet
    file.write_text(file.read_text().replace("{ day = 2 }", "{ day = 0 }"), encoding="utf-8")
    code = main(["sim", "run", str(file), "--require", "sales.asa_s<=3"])
    out = capsys.readouterr().out
    assert (code, cells(out, "sales.asa_s", "<=", "3")[:3]) == (
        (1, ["–", "not", "met"]) if count else (0, ["–", "met", "–"])
    )


def test_a_journal_of_one_contact_is_replayed_and_one_of_none_refused(quiet, tmp_path, capsys):
    count, file = quiet
    day = load(file)
    journal, page = tmp_path / "quiet.journal", tmp_path / "page.html"
    with journal.open("w", encoding="utf-8") as stream:
        stream.write(format_header(day.settings))
        driver.run(day, 1, on_step=lambda *step: stream.write(format_entry(*step)))
    words = ["replay", journal, "--replications", 2, "--agents-add", "day=1", "--report", page]
    if not count:
        assert main(["sim", *map(str, words)]) == 2
        assert capsys.readouterr().err.endswith("nobody arrived; wanted contacts\n")
        return
    out = told(capsys, *words)
    assert out.startswith(f"{journal}: 1 contact, replayed 2 times, seed 1\n")
    assert " ".join(cells(out, "sales.voice.service_level")) == (
        "100.0 % 100.0 ± 0.0 % +0.0 pp 100.0 ± 0.0 % +0.0 ± 0.0 pp"
    )
    assert "Recorded and replayed" in pictures(page)


def test_a_queues_short_name_is_of_the_channel_that_somebody_used(tmp_path, capsys):
    text = LINE.replace("auto_answer = true }", "auto_answer = true }\nchat = {}")
    text = text.replace("voice = {}", "voice = {}\nchat = {}")
    file = tmp_path / "line.toml"
    file.write_text(text.replace("[0, 0, 0, 0]", "[60, 0, 0, 0]"), encoding="utf-8")
    out = told(capsys, "run", file, "--require", "sales.asa_s<=3000")
    assert cells(out, "sales.asa_s", "<=", "3000")[2].startswith("met")
    file.write_text(text, encoding="utf-8")
    assert main(["sim", "run", str(file), "--require", "sales.asa_s<=3000"]) == 2
    assert "`sales.asa_s` may be one of several; wanted one of" in capsys.readouterr().err

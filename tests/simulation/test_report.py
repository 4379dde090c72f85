"""Every scenario in configs/ is run; what is printed and written of it is a function of the seed.

The commands are run as an operator runs them, in this process where that is enough (click's
runner), in processes of their own where bytes must not depend on the process.
"""

import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from acd.cli import main
from acd.figures import Figures
from acd.ids import Channel
from sim.cli import sim
from sim.driver import run
from sim.page import as_html
from sim.report import as_json, notes, table_rows, team_rows
from sim.scenario import load
from sim.workload import HOUR_US

CONFIGS = sorted(Path(__file__).parents[2].joinpath("configs").glob("*.toml"))
SCENARIOS = [path for path in CONFIGS if "[scenario]" in path.read_text(encoding="utf-8")]
NAMES = [path.stem for path in SCENARIOS]

SMALL = """
[domain]
name = "small"
[queues.sales]
voice = { objective_s = 20, auto_answer = true }
email = { objective_s = 3600, auto_answer = true }
[queues.service]
voice = { objective_s = 30, auto_answer = true }
[capacities.one]
voice = {}
email = {}
[profiles]
all = [{ queue = "sales" }, { queue = "service" }]
[groups.day]
profile = "all"
capacity = "one"
[scenario]
title = "Small <&> simple"
start = 2026-12-14T08:00:00
time_zone = "Europe/Berlin"
hours = 2
staffing = { day = 5 }
[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [60, 60, 60, 60]
handle = { mean_s = 200 }
patience_mean_s = 60
[[scenario.arrivals]]
name = "emails"
queue = "sales"
channel = "email"
rates_per_h = [10, 10, 10, 10]
handle = { mean_s = 300 }
[[scenario.peaks]]
name = "spot"
streams = ["calls"]
from = 2026-12-14T09:00:00
hold_min = 10
factor = 5
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.mark.parametrize("path", SCENARIOS, ids=NAMES)
def test_every_scenario_ends_with_figures_that_a_planner_would_believe(path):
    scenario = load(path)
    report = run(scenario, 1).report
    assert all(0.5 <= (row.total.service_level or 0) <= 1 for row in report.rows)
    assert all((row.total.abandonment_all or 0) <= 0.25 for row in report.rows)
    voice = [row for row in report.rows if row.channel is Channel.VOICE]
    answered = sum(row.total.answered for row in voice)
    in_time = sum(row.total.answered_in_time for row in voice)
    assert 0.7 <= in_time / answered <= 0.95
    assert 0.7 <= (report.total.total.occupancy or 0) <= 0.97
    offered = {(row.queue, row.channel) for row in report.rows if row.total.offered}
    assert offered == {(stream.queue, stream.channel) for stream in scenario.streams}


def test_the_scenarios_are_found():
    assert {"bank_weekday", "toy_store_christmas"} <= set(NAMES)


def test_the_toy_stores_sale_multiplies_arrivals_within_an_hour():
    scenario = load(next(path for path in SCENARIOS if path.stem == "toy_store_christmas"))
    report = run(scenario, 1).report
    calls = [row.intervals for row in report.rows if row.channel is Channel.VOICE]
    offered = [sum(one.offered for one in same) for same in zip(*calls, strict=True)]
    sale = scenario.peaks[0].from_offset_us // report.interval_us
    hour = HOUR_US // report.interval_us
    assert max(offered[sale : sale + hour]) > 3 * max(offered[sale - hour : sale])


def test_json_is_the_same_bytes_in_each_process(small):
    command = [sys.executable, "-c", "from sim.cli import sim; sim()", "run", str(small), "--json"]
    outputs = {
        subprocess.run(
            [*command, "--seed", "3"], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "random")
    }
    assert len(outputs) == 1
    facts = json.loads(outputs.pop())
    assert facts["seed"] == 3
    assert facts["title"] == "Small <&> simple"
    assert sum(row["total"]["offered"] for row in facts["report"]["rows"]) == facts["arrived"]


def test_json_has_sorted_keys_no_path_and_no_nan(small):
    scenario = load(small)
    text = as_json(scenario, 1, run(scenario, 1))
    assert json.dumps(json.loads(text), sort_keys=True, indent=1, ensure_ascii=False) == text[:-1]
    assert str(small) not in text
    assert "NaN" not in text


def test_the_command_prints_the_table_and_the_reports_path(small, tmp_path):
    page = tmp_path / "page.html"
    done = CliRunner().invoke(sim, ["run", str(small), "--seed", "2", "--report", str(page)])
    lines = done.output.splitlines()
    assert done.exit_code == 0
    assert lines[0].startswith("Small <&> simple, seed 2: ")
    assert lines[-1] == f"Report: {page}"
    assert [line.split()[:2] for line in lines if line.startswith((" sales", " service"))] == [
        ["sales", "voice"],
        ["sales", "email"],
        ["service", "voice"],
    ]
    assert "…" not in done.output
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


MARKUP = "x [/nope] [red]y[/red] :smile:"


def test_names_are_printed_as_they_are_whatever_markup_they_hold(small, capsys):
    text = SMALL.replace("Small <&> simple", MARKUP).replace('"sales"', '"[/red]<b>"')
    small.write_text(text.replace("queues.sales", 'queues."[/red]<b>"'))
    assert main(["sim", "run", str(small)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{MARKUP}, seed 1: ")
    assert [line.split()[:2] for line in lines if line.startswith((" [", " service"))] == [
        ["[/red]<b>", "voice"],
        ["[/red]<b>", "email"],
        ["service", "voice"],
    ]


class _Terminal(io.StringIO):
    """A stream that a bar of progress is drawn on."""

    def isatty(self):
        return True


def test_the_bar_shows_the_title_as_it_is(small, monkeypatch):
    small.write_text(SMALL.replace("Small <&> simple", MARKUP))
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["sim", "run", str(small)]) == 0
    assert MARKUP in terminal.getvalue()


def test_control_characters_in_names_do_not_reach_the_terminal(small, capsys):
    text = SMALL.replace('"sales"', '"a\\u001b[31m"')
    small.write_text(text.replace("queues.sales", 'queues."a\\u001b[31m"'))
    assert main(["sim", "run", str(small)]) == 0
    out = capsys.readouterr().out
    assert r" a\x1b[31m  voice " in out
    assert "\x1b" not in out


def test_a_report_that_has_nowhere_to_go_is_told_before_the_run(small, tmp_path, capsys):
    none, deeper = tmp_path / "none" / "page.html", small / "page.html"
    for report, why in [
        (none, f"{none.parent}: No such file or directory"),
        (deeper, f"{small}: Not a directory"),
        # It says that it may be written, and takes no files.
        (Path("/proc/page.html"), "/proc/page.html: No such file or directory"),
        ("", ".: Is a directory"),
    ]:
        assert main(["sim", "run", str(small), "--report", str(report)]) == 2
        assert capsys.readouterr() == ("", f"acd: {why}\n")


def test_a_report_for_which_there_is_no_room_is_named(small, capsys):
    assert main(["sim", "run", str(small), "--report", "/dev/full"]) == 4
    assert capsys.readouterr().err == "acd: /dev/full: No space left on device\n"


def test_a_run_is_printed_in_any_encoding_and_json_always_in_utf_8(small):
    small.write_text(SMALL.replace("Small <&> simple", "Größe – klein"))
    command = [sys.executable, "-m", "acd", "sim", "run", str(small)]
    for encoding in ("ascii", "latin-1"):
        environment = {"PYTHONIOENCODING": encoding}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        title = "Größe – klein, seed 1".encode(encoding, errors="replace")
        assert done.stdout.startswith(title)
        done = subprocess.run(
            [*command, "--json"], env=environment, capture_output=True, check=False
        )
        assert json.loads(done.stdout.decode())["title"] == "Größe – klein"


def test_a_wrong_file_is_told_on_stderr_with_exit_2(small, capsys):
    small.write_text(SMALL.replace("hours = 2", "hours = -2").replace("mean_s = 200", "mean_s = 0"))
    assert main(["sim", "run", str(small)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        f"acd: {small}: scenario.hours: is -2; wanted a number above 0",
        f"acd: {small}: scenario.arrivals[0].handle.mean_s: is 0; wanted a number above 0",
    ]


def test_a_missing_file_is_told_on_stderr_with_exit_2(tmp_path, capsys):
    path = tmp_path / "none.toml"
    assert main(["sim", "run", str(path)]) == 2
    assert capsys.readouterr().err == f"acd: {path}: No such file or directory\n"


def test_a_negative_seed_is_refused(small):
    assert CliRunner().invoke(sim, ["run", str(small), "--seed", "-1"]).exit_code == 2


def test_the_page_is_the_same_for_the_same_seed(small):
    scenario = load(small)
    assert as_html(scenario, 1, run(scenario, 1)) == as_html(scenario, 1, run(scenario, 1))


class _References(HTMLParser):
    """Collects what would make a browser ask for something."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.found += [
            value
            for name, value in attrs
            if name in {"src", "href", "xlink:href", "data", "action", "srcset"}
            and not value.startswith("#")
        ]


def test_the_page_needs_nothing_beside_itself(small):
    scenario = load(small)
    page = as_html(scenario, 1, run(scenario, 1))
    references = _References()
    references.feed(page)
    assert references.found == []
    assert not {"script", "link", "img", "iframe", "object"} & set(references.tags)
    # Namespaces are names that look like addresses; nobody fetches them.
    assert set(re.findall(r'(?<!xmlns=")(?<!xmlns:xlink=")https?://[^"\s]*', page)) == set()
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []


def test_the_page_shows_each_channel_the_agents_and_the_definitions(small):
    scenario = load(small)
    page = as_html(scenario, 1, run(scenario, 1))
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "Queues and channels",
        "Voice",
        "Email",
        "Agents",
        "How long the answered waited",
        "Who handled what",
        "Groups of agents",
        "Definitions",
    ]
    assert page.count("<svg") == 5
    assert "Small &lt;&amp;&gt; simple" in page
    assert "service level: (At + [met] bt)" in page
    assert "Monday, 14 December 2026, 08:00 to 10:00 (Europe/Berlin)" in page


def test_rows_say_dash_where_nothing_was_measured(small):
    scenario = load(small)
    result = run(scenario, 1)
    report = result.report
    service = list(table_rows(report))[2]
    assert service[:6] == ("service", "voice", "0", "0", "–", "–")
    assert service[6] == "– in 30 s"
    assert next(iter(team_rows(result)))[:3] == ("day", "5", "5.0")
    assert len(notes(scenario, report)) in {1, 2}


def test_intervals_add_up_to_the_total(small):
    scenario = load(small)
    for row in run(scenario, 1).report.rows:
        for name in ("offered", "answered", "abandoned", "waiting"):
            assert name in Figures.__struct_fields__
            assert sum(getattr(one, name) for one in row.intervals) == getattr(row.total, name)

"""Answers as files, as pandas' frames and in notebooks.

Method: what is written is read back by pandas, and every row is looked up in the answer it came
from. Commands run as an operator runs them; that a library is missing is Python's own doing, by an
entry in `sys.modules`. The page's HTML is read by a parser.
"""

import json
import platform
import re
import sys
from hashlib import sha256
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from acd.cli import main
from acd.ids import Channel
from acd.journal import format_entry, format_header
from sim import driver
from sim.answer import SHOWN_MAX, MissingPackageError
from sim.comparison import Comparison, compare
from sim.patience import Gamma, Lognormal
from sim.requirement import parse_requirement
from sim.saving import save
from sim.scenario import load
from sim.staff import staff
from sim.study import by_interval, seed_of, study
from sim.sweep import sweep
from sim.textbook import m_m_n
from sim.variation import parse_knob

DOCS = Path(__file__).parents[2] / "docs" / "simulation.md"
LEVEL = "line.voice.service_level"
TEN = m_m_n(agents=10, contacts=200, load=0.88)
ELEVEN = m_m_n(agents=11, contacts=200, load=0.8)
SHOP = """
[domain]
name = "shop"
[queues.line]
voice = {}
[capacities.phone]
voice = {}
[profiles]
all = [{ queue = "line" }]
[groups.all]
profile = "all"
capacity = "phone"
members = 3
"""
FILES = {"figures.parquet", "summary.parquet", "manifest.json"}


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """Return two plans beside each other."""
    return compare({"ten": TEN, "eleven": ELEVEN}, replications=3)


@pytest.fixture
def morning(tmp_path: Path) -> Path:
    """Return the page's example."""
    match = re.search(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    path = tmp_path / "morning.toml"
    path.write_text(match[1], encoding="utf-8")
    return path


# --- files ----------------------------------------------------------------------------------------


def test_every_figure_of_every_run_is_a_row(compared, tmp_path):
    save(compared, tmp_path / "answer")
    rows = pd.read_parquet(tmp_path / "answer" / "figures.parquet")
    whole = rows[rows.interval_start.isna()]
    for name, one in compared.variants().items():
        for sample in one.samples:
            of_run = whole[(whole.variant == name) & (whole.run == sample.number)]
            assert dict(zip(of_run.figure, of_run.value, strict=True)) == sample.figures
    assert len(whole) == sum(len(one.figures) for s in compared.studies for one in s.samples)


def test_by_interval_the_rows_are_the_reports(compared, tmp_path):
    save(compared, tmp_path / "answer")
    rows = pd.read_parquet(tmp_path / "answer" / "figures.parquet")
    of_run = rows[(rows.variant == "eleven") & (rows.run == 2) & rows.interval_start.notna()]
    report = compared.studies[1].samples[2].report
    for measure in ("offered", "asa_s"):
        found = of_run[of_run.figure == f"line.voice.{measure}"].sort_values("interval_start")
        assert list(found.value) == by_interval(report, "line", Channel.VOICE, measure)
        starts = pd.to_datetime([one.from_us for one in report.rows[0].intervals], unit="us")
        assert list(found.interval_start.dt.tz_localize(None)) == list(starts)
    occupancy = of_run[of_run.figure == "group.all.occupancy"].value
    assert list(occupancy)[-1] == report.total.intervals[-1].occupancy


def test_the_manifest_says_what_was_run_and_by_what(compared, tmp_path):
    save(compared, tmp_path)
    facts = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert facts["answer"] == "comparison"
    assert facts["versions"]["python"] == platform.python_version()
    for name in ("acd-engine", "numpy", "simpy", "pyarrow"):
        assert facts["versions"][name] == version(name)
    ten, eleven = facts["variants"]
    assert (ten["name"], eleven["name"]) == ("ten", "eleven")
    assert ten["run_seeds"] == [str(seed_of(1, number)) for number in range(3)]
    assert ten["scenario_digest"] == TEN.digest() != eleven["scenario_digest"]
    assert ten["settings_digest"] == TEN.settings.digest()
    assert ten["actions_digest"] == compared.studies[0].digest
    definitions = compared.studies[0].samples[0].report.definition_digest
    assert ten["definition_digest"] == definitions
    for name in ("figures.parquet", "summary.parquet"):
        assert facts["files"][name] == {
            "rows": len(pd.read_parquet(tmp_path / name)),
            "sha256": sha256((tmp_path / name).read_bytes()).hexdigest(),
        }


def test_the_same_answer_is_the_same_bytes_and_takes_the_place_of_another(compared, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    save(compared, first)
    save(study(TEN, replications=2), second)
    save(compared, second)
    assert {one.name for one in first.iterdir()} == FILES
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_scenarios_have_one_digest_if_they_are_equal():
    assert TEN.digest() == m_m_n(agents=10, contacts=200, load=0.88).digest()
    (stream,) = TEN.streams
    patient = [
        replace(TEN, streams=(replace(stream, patience=shape(100.0, 2.0)),)).digest()
        for shape in (Gamma, Lognormal)
    ]
    assert len({TEN.digest(), *patient}) == 3


# --- commands -------------------------------------------------------------------------------------


def manifest(folder):
    """Return a manifest, after a look at what lies beside it."""
    assert {one.name for one in folder.iterdir()} == FILES
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def test_each_command_of_several_runs_saves_its_answer(morning, tmp_path, capsys):
    more = tmp_path / "more.toml"
    more.write_text(morning.read_text().replace("day = [6", "day = [7"), encoding="utf-8")
    runs = ["--replications", "2", "--save"]
    for words, kind, names in (
        (["run", str(morning)], "study", ["A morning"]),
        (["compare", str(morning), str(more)], "comparison", ["morning", "more"]),
        (["sweep", str(morning), "--vary", "load=1,1.2"], "grid", ["load=1", "load=1.2"]),
    ):
        folder = tmp_path / words[0]
        assert main(["sim", *words, *runs, str(folder)]) == 0
        assert capsys.readouterr().out.endswith(f"Saved: {folder}\n")
        facts = manifest(folder)
        assert facts["answer"] == kind
        assert [one["name"] for one in facts["variants"]] == names
        assert [len(one["run_seeds"]) for one in facts["variants"]] == [2] * len(names)
    grid = pd.read_parquet(tmp_path / "sweep" / "summary.parquet")
    assert list(dict.fromkeys(grid.load)) == ["1", "1.2"]


def test_a_single_run_is_saved_with_its_own_seed_and_without_intervals(morning, tmp_path, capsys):
    assert main(["sim", "run", str(morning), "--seed", "7", "--save", str(tmp_path / "one")]) == 0
    (only,) = manifest(tmp_path / "one")["variants"]
    assert only["run_seeds"] == ["7"]
    assert only["scenario_digest"] == load(morning).digest()
    assert len(only["actions_digest"]) == 64
    summary = pd.read_parquet(tmp_path / "one" / "summary.parquet")
    assert summary.half_width.isna().all()
    assert set(summary.runs) == {1}
    assert capsys.readouterr().out.endswith(f"Saved: {tmp_path / 'one'}\n")


def test_a_replay_is_saved_with_what_was_recorded(tmp_path, capsys):
    journal = tmp_path / "yesterday.journal"
    with journal.open("w", encoding="utf-8") as stream:
        stream.write(format_header(TEN.settings))
        driver.run(TEN, 1, on_step=lambda *step: stream.write(format_entry(*step)))
    words = ["sim", "replay", str(journal), "--replications", "2", "--save"]
    assert main([*words, str(tmp_path / "same")]) == 0
    recorded, same = manifest(tmp_path / "same")["variants"]
    assert (recorded["name"], recorded["actions_digest"]) == ("recorded", None)
    assert (same["name"], same["runs"]) == ("same rules", 2)
    assert main([*words, str(tmp_path / "more"), "--agents-add", "all=1"]) == 0
    names = [one["name"] for one in manifest(tmp_path / "more")["variants"]]
    assert names == ["recorded", "same rules", "+all=1"]
    summary = pd.read_parquet(tmp_path / "more" / "summary.parquet").set_index("variant")
    rows = summary[summary.figure == LEVEL]
    assert rows.loc["same rules", "mean"] == pytest.approx(rows.loc["recorded", "mean"], abs=0.01)
    assert list(rows.change.notna()) == [False, False, True]
    # Rules of that name would take the place of what was recorded.
    other = tmp_path / "recorded.toml"
    other.write_text(SHOP, encoding="utf-8")
    capsys.readouterr()
    assert main([*words, str(tmp_path / "no"), "--config", str(other)]) == 2
    assert "--config: is called `recorded`; wanted another name" in capsys.readouterr().err


def test_where_nothing_can_be_saved_is_told_before_the_run(morning, tmp_path, capsys, monkeypatch):
    none = tmp_path / "none" / "answer"
    for folder, why in [
        (none, f"{none.parent}: No such file or directory"),
        (morning, f"{morning}: Not a directory"),
        (Path("/proc/answer"), "/proc/answer: No such file or directory"),
    ]:
        for words in (["run", str(morning)], ["sweep", str(morning), "--vary", "load=1"]):
            assert main(["sim", *words, "--save", str(folder)]) == 2
            assert capsys.readouterr() == ("", f"acd: {why}\n")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    # Before the file is read, too, which is not there.
    assert main(["sim", "run", str(none), "--save", str(tmp_path / "answer")]) == 2
    assert capsys.readouterr().err == (
        "acd: pyarrow is not installed; wanted: pip install 'acd-engine[parquet]'\n"
    )
    assert not (tmp_path / "answer").exists()


# --- pandas ---------------------------------------------------------------------------------------


def test_a_study_is_a_frame():
    found = study(TEN, replications=3)
    frame = found.to_pandas()
    assert list(frame.columns) == ["variant", "figure", "mean", "half_width", "deviation", "runs"]
    by_name = frame.set_index("figure")
    estimate = found.estimate(LEVEL)
    assert estimate is not None
    assert tuple(by_name.loc[LEVEL])[1:] == (*tuple(estimate)[:2], estimate.deviation, 3)
    assert set(frame.variant) == {"M/M/10"}


def test_a_comparison_is_a_frame_with_differences(compared):
    frame = compared.to_pandas().set_index(["variant", "figure"])
    difference = compared.difference(LEVEL, 1)
    assert difference is not None
    row = frame.loc[("eleven", LEVEL)]
    assert (row["mean"], row["change"]) == (difference.other.mean, difference.change.mean)
    assert row["is_clear"] == difference.is_clear
    assert np.isnan(frame.loc[("ten", LEVEL), "change"])
    assert frame["is_clear"].isna().sum() == len(compared.studies[0].names())


def test_a_grid_and_a_proposal_are_frames(morning):
    plan = load(morning)
    grid = sweep(plan, [parse_knob("load=1,1.1"), parse_knob("staffing.day=+0")], replications=2)
    frame = grid.to_pandas()
    assert list(frame.columns[:3]) == ["load", "staffing.day", "variant"]
    waits = frame[frame.figure == "sales.voice.asa_s"].set_index("load")["mean"]
    assert waits["1"] < waits["1.1"]
    bound = parse_requirement("sales.voice.asa_s<=200")
    found = staff(plan, [bound], each_interval=False, replications=2)
    proposed = found.to_pandas()
    assert list(proposed.columns) == ["interval", "staffing.day", "all", "at_least"]
    assert tuple(proposed["staffing.day"]) == found.staffing["day"]
    assert tuple(proposed["interval"]) == (0, 1, 2, 3)


def test_without_pandas_its_frames_are_refused_with_what_to_install(compared, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError) as caught:
        compared.to_pandas()
    assert str(caught.value) == (
        "pandas is not installed; wanted: pip install 'acd-engine[pandas]'"
    )


# --- notebooks ------------------------------------------------------------------------------------


class _Cells(HTMLParser):
    """Collects the texts of a table's cells, by row."""

    def __init__(self):
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data):
        if data.strip() and self.rows:
            self.rows[-1].append(data)


def test_a_notebook_shows_the_table_without_pandas_and_names_as_they_are(compared, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    title = "<b>&x\x1b"
    cells = _Cells()
    cells.feed(study(replace(TEN, title=title), replications=1)._repr_html_())
    head, first, *_ = cells.rows
    assert head == ["variant", "figure", "mean", "half_width", "deviation", "runs"]
    assert first[:2] == [r"<b>&x\x1b", "line.voice.offered"]
    assert first[3:] == ["–", "0", "1"]
    assert cells.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert "True" in compared._repr_html_()


def test_of_many_rows_a_notebook_shows_the_first(compared):
    variants = [f"load={1 + number / 1000:g}" for number in range(20)]
    wide = Comparison(tuple(variants), compared.studies * 10)
    html = wide._repr_html_()
    assert html.count("<tr>") == SHOWN_MAX + 1
    assert html.endswith(f"<p>… and {len(wide.table().rows) - SHOWN_MAX} rows more</p>")

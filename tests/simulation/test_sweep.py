"""Plans with something changed, grids of changes, and the load at which a plan breaks.

Method: what a change leaves alone is compared field by field, also with what the loader makes of a
file that says the same. The load at which a line breaks is known: where Erlang's formula for the
mean wait crosses the bound. The search is tried on functions with known crossings.
"""

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from acd.cli import main
from sim.arrivals import sources
from sim.batches import Batch, Batches, Sizes
from sim.peaks import Outage, Peak
from sim.replay import Replay
from sim.requirement import parse_requirement
from sim.scenario import load
from sim.study import study
from sim.sweep import _search, peak, sweep
from sim.textbook import m_m_n
from sim.variation import loaded, names_of, parse_knob, staffed, varied
from sim.workload import HOUR_US
from tests.long.test_closed_forms import erlang_c

DOCS = Path(__file__).parents[2] / "docs" / "simulation.md"


@pytest.fixture
def morning(tmp_path: Path) -> Path:
    """Return the page's example."""
    match = re.search(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert match is not None
    path = tmp_path / "morning.toml"
    path.write_text(match[1])
    return path


# --- what is varied -------------------------------------------------------------------------------


def test_more_members_are_those_that_the_loader_would_make(morning):
    plan = load(morning)
    more = staffed(plan, {"day": (7, 12, 9, 8)})
    morning.write_text(morning.read_text().replace("[6, 8, 9, 8]", "[7, 12, 9, 8]"))
    assert more == load(morning)
    fewer = staffed(plan, {"day": (1, 2, 3, 0)})
    assert fewer == replace(plan, staffing={"day": (1, 2, 3, 0)})


def test_knobs_change_one_thing(morning):
    plan = load(morning)
    assert names_of(plan) == ("load", "load.calls", "load.chats", "staffing.day")
    assert varied(plan, "staffing.day", "+2") == staffed(plan, {"day": (8, 10, 11, 10)})
    assert varied(plan, "staffing.day", "-7") == staffed(plan, {"day": (0, 1, 2, 1)})
    assert varied(plan, "staffing.day", "5") == staffed(plan, {"day": (5, 5, 5, 5)})
    calls, chats = plan.streams
    doubled = varied(plan, "load.calls", "2")
    assert doubled.streams[0].rates_per_h == tuple(2 * rate for rate in calls.rates_per_h)
    assert doubled == replace(plan, streams=(doubled.streams[0], chats))
    assert loaded(plan, 1.0) == plan
    # Each contact keeps what it is: the first of the day has its handling time and patience.
    assert loaded(plan, 3.0).streams[0].handle == calls.handle


def test_load_multiplies_what_peaks_and_batches_add_in_the_chosen_streams_alone(morning):
    plan = load(morning)
    both = ("calls", "chats")
    outage = Peak(
        name="outage",
        streams=both,
        from_offset_us=0,
        shape=Outage(length_us=HOUR_US),
        added_per_h=100.0,
    )
    coach = Batches(name="coach", streams=both, at_offsets_us=(0,), batch=Batch(mean=5))
    plan = replace(plan, peaks=(*plan.peaks, outage), batches=(coach,))
    assert loaded(plan, 1.0) == plan
    more = varied(plan, "load.calls", "2.5")
    assert more.peaks == (
        *plan.peaks[:-1],
        replace(outage, streams=("calls",), added_per_h=250.0),
        replace(outage, streams=("chats",)),
    )
    assert [(one.streams, one.batch.mean) for one in more.batches] == [
        (("calls",), 12),
        (("chats",), 5),
    ]
    few = replace(coach, streams=("chats",), batch=Batch(mean=1.5, sizes=Sizes.GEOMETRIC))
    tenth = loaded(replace(plan, batches=(few,)), 0.1, ["chats"])
    assert tenth.batches[0].batch.mean == 1.0
    assert loaded(replace(plan, batches=(few,)), 0.1, ["calls"]).batches == (few,)
    names = [source.name for source in sources(more)]
    assert len(set(names)) == len(names) == len(sources(plan))


def test_what_is_replayed_has_no_load(morning):
    plan = load(morning)
    told = Replay(arrives_us=(plan.start_us,), handle_us=(0,), patience_us=(0,))
    calls, chats = plan.streams
    plan = replace(plan, streams=(replace(calls, replay=told), chats))
    assert loaded(plan, 2.0, ["chats"]).streams[0].replay == told
    with pytest.raises(ValueError, match="load: `calls` is replayed; wanted streams with rates"):
        loaded(plan, 2.0)


@pytest.mark.parametrize(
    "words, message",
    [
        (["peak", "--require", "sales.voice.asa_s<=9"], "SCENARIO: load: `calls` is replayed;"),
        (["sweep", "--vary", "load=1,2"], "--vary: load: `calls` is replayed; wanted streams"),
    ],
)
def test_the_load_of_what_is_replayed_is_told_with_what_the_command_takes(
    words, message, morning, capsys
):
    text = morning.read_text().partition("[[scenario.peaks]]")[0]
    morning.write_text(text.replace("rates_per_h = [50, 70, 80, 60]", 'replay = "calls.csv"'))
    morning.with_name("calls.csv").write_text("arrives\n2026-12-14T08:00:09\n")
    assert main(["sim", words[0], str(morning), *words[1:]]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("load", "0", "vary: load is `0`; wanted above 0, up to 1000"),
        ("load", "x", "vary: load is `x`; wanted above 0"),
        ("load.call", "2", r"vary: load: `call` is no stream .*did you mean `calls`"),
        ("staffing.da", "2", r"staffing: `da` is no staffed group.*did you mean `day`"),
        ("staffing.day", "1.5", "wanted a whole number, or with a sign how many more or fewer"),
        ("staffing.day", "100001", r"staffing\.day: goes from 100001 to 100001; wanted from 0 to"),
        ("staffing", "2", r"vary: `staffing` cannot be varied; wanted load, load\.STREAM or"),
    ],
)
def test_what_cannot_be_varied_is_told(name, value, message, morning):
    with pytest.raises(ValueError, match=message):
        varied(load(morning), name, value)


def test_staffing_has_a_figure_for_each_interval(morning):
    with pytest.raises(ValueError, match=r"staffing\.day: has 2 figures; wanted 4"):
        staffed(load(morning), {"day": (1, 2)})


@pytest.mark.parametrize("text", ["load", "load=", "load=1,,2", "=1", "load=1,1"])
def test_what_is_no_knob_is_refused(text):
    with pytest.raises(
        ValueError, match=r"vary: is `.*`; wanted NAME=VALUE,VALUE…, each value once"
    ):
        parse_knob(text)


# --- grids ----------------------------------------------------------------------------------------


def test_a_grid_has_every_point_with_the_customers_of_its_load(morning):
    plan = load(morning)
    knobs = [parse_knob("load=0.9,1"), parse_knob("staffing.day=+0,+1,+2")]
    points = sweep(plan, knobs, replications=2).points
    assert [one.values for one in points] == [
        (load, more) for load in ("0.9", "1") for more in ("+0", "+1", "+2")
    ]
    assert points[3].study.digest == study(plan, replications=2).digest
    for first in (0, 3):
        came = {
            tuple(run.arrived for run in one.study.samples) for one in points[first : first + 3]
        }
        assert len(came) == 1


def test_a_grid_too_large_of_nothing_or_of_one_thing_twice_is_refused(morning):
    many = ",".join(map(str, range(1, 102)))
    knobs = [parse_knob(f"load={many}"), parse_knob(f"staffing.day={many}")]
    with pytest.raises(ValueError, match="vary: makes 10201 points; wanted 1 to 1000"):
        sweep(load(morning), knobs)
    with pytest.raises(ValueError, match="vary: makes 0 points"):
        sweep(load(morning), [])
    with pytest.raises(ValueError, match="vary: `load` is given twice; wanted its values in one"):
        sweep(load(morning), [parse_knob("load=1"), parse_knob("load=2,3")])


# --- where a plan breaks --------------------------------------------------------------------------


@pytest.mark.parametrize("crossing", [0.06, 0.3, 0.999, 1.0001, 1.7, 19.0])
def test_the_search_comes_near_the_crossing(crossing):
    tried: dict[float, bool] = {}

    def is_met(at: float) -> bool:
        tried[at] = at < crossing
        return tried[at]

    _search(is_met, 0.01)
    holds = max(at for at, met in tried.items() if met)
    breaks = min(at for at, met in tried.items() if not met)
    assert holds < crossing <= breaks
    assert breaks / holds - 1 <= 0.0101
    assert len(tried) < 20


@pytest.mark.parametrize("crossing", [0.01, 100.0])
def test_a_search_without_a_crossing_ends(crossing):
    tried: list[float] = []

    def is_met(at: float) -> bool:
        tried.append(at)
        return bool(at < crossing)

    _search(is_met, 0.01)
    assert min(tried) >= 0.05
    assert max(tried) <= 20.0
    assert len(tried) < 8


def test_a_line_breaks_where_erlangs_formula_says():
    """The start from empty makes waits a little shorter; the interval is wider than that."""
    plan = m_m_n(agents=10, contacts=1_500, load=0.8)
    (found,) = peak(plan, [parse_requirement("line.asa_s<=20")], replications=4, tolerance=0.02)
    low, high = 0.5, 1.2
    while high - low > 1e-6:
        middle = (low + high) / 2
        offered = 8.0 * middle
        wait_s = float(erlang_c(10, offered)) * 240.0 / (10 - offered)
        low, high = (middle, high) if wait_s <= 20 else (low, middle)
    assert found.surely_holds is not None
    assert found.holds is not None
    assert found.breaks is not None
    assert found.surely_holds <= low
    # Where the wait is 20 s its slope is such that the four runs' interval is ± 4 % of the load.
    assert found.holds == pytest.approx(low, rel=0.04)
    assert found.breaks / found.holds - 1 <= 0.021


def test_what_never_breaks_or_never_holds_is_told_so():
    plan = m_m_n(agents=3, contacts=20, load=0.5)
    wanted = [parse_requirement("line.asa_s<=1e9"), parse_requirement("line.asa_s<=-1")]
    never, always = peak(plan, wanted, replications=2)
    assert (never.holds, never.breaks) == (20.0, None)
    assert (always.holds, always.breaks) == (None, 0.05)
    assert never.best is None
    assert always.best is not None
    place, wait = always.best
    # Nobody waits where next to nobody comes.
    assert (always.tried[0], wait.mean) == (0.05, 0.0)
    assert always.tried[place] < 1.0
    with pytest.raises(ValueError, match=r"require: is missing"):
        peak(plan, [])
    with pytest.raises(ValueError, match=r"tolerance: is 0; wanted from 0\.001, below 1"):
        peak(plan, wanted, tolerance=0.0)


def test_where_an_objective_breaks_does_not_depend_on_what_else_is_asked():
    """Not even that of an objective that gets better with load, and is met at the plan's own."""
    plan = m_m_n(agents=3, contacts=20, load=0.8)
    busy = parse_requirement("group.all.occupancy>=0.4")
    (alone,) = peak(plan, [busy], replications=2)
    assert (alone.holds, alone.breaks) == (20.0, None)
    assert peak(plan, [parse_requirement("line.asa_s<=-1"), busy], replications=2)[1] == alone


# --- the commands ---------------------------------------------------------------------------------


def test_a_grid_is_printed(morning, capsys):
    asked = ["--vary", "staffing.day=+0,+3", "--replications", "2", "--require"]
    assert main(["sim", "sweep", str(morning), *asked, "sales.voice.asa_s<=15"]) == 0
    told = capsys.readouterr().out.splitlines()
    words = [
        line.split()[0] + " " + line.split("%")[-1].strip()[-7:] for line in told if "±" in line
    ]
    assert words[0].startswith("+0")
    assert words[0].endswith("not met")
    assert words[1].endswith("met")
    assert "not met" not in words[1]
    assert main(["sim", "sweep", str(morning), *asked, "sales.voice.asa_s<=-1", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert [one["values"] for one in facts] == [{"staffing.day": "+0"}, {"staffing.day": "+3"}]
    assert not any(one["keeps_requirements"] for one in facts)
    # What is required is shown, and what no point meets is told with the best that was reached.
    asked[-1:] = ["--show", "asa_s", "--require", "sales.voice.offered<=1"]
    assert main(["sim", "sweep", str(morning), *asked]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "staffing.day sales voice offered sales voice asa_s sales chat asa_s required" in told
    best = r"offered <= 1 is met at no point; the best is [\d.]+ ± [\d.]+, at staffing\.day=\+0\."
    assert re.search(f"{best} Mean of 2 runs ± half the width of its 95 % interval, seed 1", told)
    assert main(["sim", "sweep", str(morning), *asked[:4], "--show", "asaa"]) == 2
    assert (
        "--show: `asaa` is no figure of this scenario; did you mean `asa_s`"
        in capsys.readouterr().err
    )


def test_a_peak_is_printed(morning, capsys):
    asked = ["--replications", "2", "--tolerance", "0.2", "--require", "sales.chat.asa_s<=30"]
    assert main(["sim", "peak", str(morning), *asked, "--json"]) == 0
    (fact,) = json.loads(capsys.readouterr().out)
    assert fact["name"] == "sales.chat.asa_s"
    assert 1 <= fact["holds"] < fact["breaks"] <= 1.21 * fact["holds"]
    asked[-1] = "sales.chat.asa_s<=0.001"
    assert main(["sim", "peak", str(morning), *asked]) == 1
    told = " ".join(capsys.readouterr().out.split())
    never = "sales.chat.asa_s <= 0.001 is met at none of the loads tried, from 0.05 × to 1 ×"
    # Each chat is answered after 3 s.
    assert f"{never}; the best is 3.0 ± 0.0 s, at " in told
    assert told.endswith("Factors of the plan's load, each tried with 2 runs, seed 1.")
    assert main(["sim", "peak", str(morning)]) == 2
    assert "--require: is missing" in capsys.readouterr().err

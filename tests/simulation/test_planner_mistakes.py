"""What a planner gets wrong at the command line: told before anything is run, and nothing is lost.

Method: each command is run in this process with one mistake; exit code and message are compared,
and the files that were there must be as they were.
"""

from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from acd.cli import main
from acd.journal import format_entry, format_header
from sim import driver
from sim.requirement import parse_requirement
from sim.scenario import load
from sim.staff import staff
from sim.study import Precision, study
from sim.textbook import m_m_n
from sim.workers import on_cluster
from sim.workload import HOUR_US

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
title = "An hour"
start = 2026-12-14T08:00:00
time_zone = "Europe/Berlin"
hours = 1
staffing = { day = 2 }
[scenario.staffing_rules.day]
shrinkage = 0.3
figures = "scheduled"
[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [20, 20]
handle = { mean_s = 100 }
patience_mean_s = 60
"""

REPORT = "start,offered\n" + "".join(
    f"2026-11-{day:02} {hour:02}:00,9\n" for day in range(2, 21) for hour in (8, 9)
)

ASA = "line.voice.asa_s"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder, now the current one, of a scenario, a report by hours and its history."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(LINE, encoding="utf-8")
    (tmp_path / "report.csv").write_text(REPORT, encoding="utf-8")
    assert main(["sim", "import", "report.csv", "--time-zone", "UTC", "-o", "history.csv"]) == 0
    return tmp_path


NEVER_RUN = [
    ("run plan.toml --require sales.service_level>=80", "is a share; wanted from 0 to 1"),
    ("run plan.toml --require sales.asa_s<=5%", "asa_s is no share; wanted a number without %"),
    ("run plan.toml --require customers.calls.lost<=5", "is no figure of this scenario"),
    ("run plan.toml --replications 2 --confidence nan", "is nan; wanted a finite number"),
    ("run plan.toml --replications 2 --cluster here", "is `here`; wanted one like tcp://"),
    ("run plan.toml --replications 2 --cluster tcp://a:99999", "wanted one like tcp://"),
    ("run plan.toml --cluster tcp://a:1", "is for several runs; wanted --replications too"),
    ("run plan.toml --replications 2 --replications-max 9", "that --precision may take"),
    ("run plan.toml --report plan.toml", "plan.toml: is what is read; wanted another file"),
    ("compare plan.toml plan.toml", "plan.toml is given twice; wanted each plan once"),
    ("sweep plan.toml --vary load=1 --show asa_s --show asa", "did you mean `asa_s`?"),
    ("staff plan.toml --require sales.asa_s<=20 -o plan.toml", "plan.toml: is what is read"),
    ("staff plan.toml --require group.day.worked_h<=9", "over the day only; wanted objectives"),
    ("import report.csv --time-zone UTC -o report.csv", "report.csv: is what is read"),
    ("forecast history.csv --day 2026-11-23 -o history.csv", "history.csv: is what is read"),
    ("forecast history.csv --day 2026-11-23 --growth nan", "is nan; wanted a finite number"),
    ("forecast history.csv --day 2026-11-23 --subdivision BY", "wanted --country too"),
    ("forecast history.csv --day 2026-11-23 --uplift a:2026-11-23:2026-11-23:2:al", "mean `all`?"),
    ("forecast history.csv --day 2036-11-24", "ends on 2026-11-20, more than 12 weeks before"),
]


@pytest.mark.parametrize("words, told", NEVER_RUN, ids=[one for one, _ in NEVER_RUN])
def test_a_mistake_is_told_before_anything_is_run_or_written(plan, capsys, words, told):
    before = {one: one.read_bytes() for one in plan.iterdir()}
    assert main(["sim", *words.split()]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
    assert {one: one.read_bytes() for one in plan.iterdir()} == before


def test_a_weekday_without_contacts_is_closed_as_far_as_the_history_tells(plan, capsys):
    assert main(["sim", "forecast", "history.csv", "--day", "2026-12-14"]) == 0
    assert "2026-12-14 all voice: 18 offered" in capsys.readouterr().out
    weekdays = "".join(
        line for line in REPORT.splitlines(keepends=True) if line[8:10] not in {"08", "15"}
    )
    (plan / "report.csv").write_text(weekdays, encoding="utf-8")
    assert main(["sim", "import", "report.csv", "--time-zone", "UTC", "-o", "history.csv"]) == 0
    capsys.readouterr()
    assert main(["sim", "forecast", "history.csv", "--day", "2026-11-29"]) == 0
    assert "2026-11-29 all voice: 0 offered" in capsys.readouterr().out


def test_a_precision_of_a_figure_that_nobody_measured_is_not_met():
    nobody = replace(m_m_n(agents=1, contacts=10, load=0.5), staffing={"all": (0,)}, intervals=1)
    found = study(nobody, replications=2, replications_max=3, precision=[Precision(ASA, 9.0)])
    assert (len(found.samples), found.is_precise) == (3, False)


def test_objectives_that_contradict_each_other_end_near_what_can_be_reached():
    day = m_m_n(agents=4, contacts=60, load=0.7, mean_s=120, patience_mean_s=120)
    day = replace(day, intervals=1, interval_us=HOUR_US, staffing={"all": (4,)})
    asked = ("line.service_level>=80%", "group.all.occupancy>=95%")
    found = staff(day, [parse_requirement(one) for one in asked], replications=2)
    assert [one.name for one in found.missed] in (
        ["group.all.occupancy"],
        ["line.voice.service_level", "group.all.occupancy"],
        ["line.voice.service_level"],
    )
    assert 1 <= found.staffing["all"][0] <= 8
    # With fresh seeds it is not searched again for what nothing helps.
    assert found.studies < 60


def test_customers_are_objectives_of_a_day(plan, capsys):
    again = "patience_mean_s = 60\n[scenario.arrivals.redials]\nshare = 0.5\n"
    again += 'pause = { shape = "exponential", mean_s = 60 }\nattempts_max = 2\n'
    text = LINE.replace("patience_mean_s = 60\n", again)
    (plan / "plan.toml").write_text(text, encoding="utf-8")
    words = "sim staff plan.toml --replications 2 --require customers.calls.served_share>=0.6"
    assert main(words.split()) == 2
    assert "measured over the day only" in capsys.readouterr().err
    assert main([*words.split(), "--each", "day", "-o", "lines.toml"]) == 0
    comment, line = (plan / "lines.toml").read_text(encoding="utf-8").splitlines()
    assert comment == '# on the floor, as with `figures = "on_floor"` in staffing_rules.day'
    assert line.startswith("day = [")


def test_what_cannot_be_met_is_told_and_needs_agents_all_the_same(plan, capsys):
    words = "sim staff plan.toml --replications 2 --require sales.asa_s<=-1"
    assert main(words.split()) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "Never met: sales.voice.asa_s <= -1 in intervals 1 to 2, at best 0 with " in out
    assert "What even agents in abundance miss is not asked for: the plan comes near what" in out
    assert " 0 0 1 0 " not in out


def test_a_replay_under_a_scenarios_rules_staffs_new_groups_as_it_does(plan, capsys):
    day = load(plan / "plan.toml")
    with (plan / "day.journal").open("w", encoding="utf-8") as stream:
        stream.write(format_header(day.settings))
        driver.run(day, 1, on_step=lambda *step: stream.write(format_entry(*step)))
    more = LINE.replace("[scenario]", '[groups.more]\nprofile="all"\ncapacity="one"\n[scenario]')
    more = more.replace("{ day = 2 }", "{ day = 2, more = 3 }")
    (plan / "more.toml").write_text(more, encoding="utf-8")
    words = "sim replay day.journal --config more.toml --replications 2"
    assert main(words.split()) == 0
    assert "group.day.occupancy" in capsys.readouterr().out


def test_an_address_is_checked_before_it_is_asked():
    for right in ("tcp://10.0.0.1:8786", "scheduler:8786", "tls://[::1]:1"):
        on_cluster(right)
    for wrong in ("", "tcp://a", "a:0", "a:65536", "tcp://a:1/x"):
        with pytest.raises(ValueError, match=r"cluster: is `.*`; wanted one like tcp://"):
            on_cluster(wrong)


def test_a_peak_without_a_length_is_refused(plan, capsys):
    peak = '[[scenario.peaks]]\nname = "p"\nstreams = ["calls"]\nfactor = 2\n'
    text = f"{LINE}{peak}from = 2026-12-14T08:10:00\n"
    (plan / "plan.toml").write_text(text, encoding="utf-8")
    assert main(["sim", "run", "plan.toml"]) == 2
    told = "scenario.peaks[0].hold_min: is missing; wanted one of `rise_min`, `hold_min`, "
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("day, hours", [("2026-10-25", 25), ("2026-03-29", 23)])
def test_the_rates_of_a_day_on_which_clocks_change_are_read_as_they_were_written(plan, day, hours):
    """From a history of whole days to the scenario's rates, with a peak in the day's last hour."""
    weeks = [date.fromisoformat(day) - timedelta(days=7 * number) for number in (1, 2, 3)]
    rows = "".join(f"{one} {hour:02}:00,{hour}\n" for one in weeks[::-1] for hour in range(24))
    (plan / "report.csv").write_text("start,offered\n" + rows, encoding="utf-8")
    zone = "Europe/Berlin"
    assert main(f"sim import report.csv --time-zone {zone} -o whole.csv".split()) == 0
    assert main(f"sim forecast whole.csv --day {day} -o rates.csv".split()) == 0
    text = LINE.replace("rates_per_h = [20, 20]", 'csv = "rates.csv"\ncolumn = "all"')
    text = text.replace("2026-12-14T08", f"{day}T00").replace("hours = 1", f"hours = {hours}")
    text = text.replace("hours =", "interval_min = 60\nhours =")
    text += f'[[scenario.peaks]]\nname = "late"\nstreams = ["calls"]\nfrom = {day}T23:30:00\n'
    (plan / "whole.toml").write_text(text + "hold_min = 10\nfactor = 2\n", encoding="utf-8")
    (stream,) = load(plan / "whole.toml").streams
    twice = [0, 1, 2, 2, *range(3, 24)] if hours == 25 else [0, 1, *range(3, 24)]
    assert list(stream.rates_per_h) == twice

"""Who works, as a scenario file says it: what is read, what is refused, and what is told of gaps.

`GOOD` is changed in one place per case, by replacing one piece of text by another; the messages
are compared word for word.
"""

import json

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from acd.cli import main
from acd.errors import ConfigError
from acd.ids import Channel
from sim import coverage
from sim.batches import Batch, Batches
from sim.cli import sim
from sim.driver import run
from sim.page import as_html
from sim.report import as_json, notes, team_rows
from sim.roster import Break, Leave, Rules
from sim.scenario import parse, problems
from sim.study import study
from sim.variation import staffed
from sim.workload import MINUTE_US

GOOD = """
[domain]
name = "shop"
not_ready_reasons = ["lunch", "meeting"]

[queues.sales]
voice = { auto_answer = true }
email = { auto_answer = true }

[capacities.one]
voice = {}
email = {}

[profiles]
all = [{ queue = "sales" }]

[groups.day]
profile = "all"
capacity = "one"

[groups.desk]
profile = "all"
capacity = "one"

[groups.spare]
profile = "all"
capacity = "one"
members = 2

[scenario]
title = "A day"
start = 2026-12-14T08:00:00
time_zone = "Europe/Berlin"
hours = 4
interval_min = 60

[scenario.staffing]
desk = [7, 9, 0, 10]

[scenario.staffing_rules.desk]
figures = "scheduled"
shrinkage = 0.3
leave = "person"
at_end = { email = "hand_back", voice = "finish" }

[[scenario.shifts]]
name = "early"
group = "day"
count = 3
hours = "06:00-10:30"
days = ["mon", "fri"]
breaks = [{ at = "09:00", minutes = 30, within_min = 30, reason = "lunch" }]
absence = 0.1
late = { share = 0.25, mean_min = 6 }

[[scenario.shifts]]
name = "night"
group = "day"
count = 2
hours = "22:00-09:30"
breaks = [{ after_min = 660, minutes = 7.5 }]

[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [50, 50, 50, 50]
handle = { mean_s = 240 }
patience_mean_s = 180
"""


def test_a_good_file_gives_the_plan_that_it_says():
    scenario = parse(GOOD.encode(), file="shop.toml")
    early, night = scenario.shifts
    assert problems(GOOD.encode(), file="shop.toml") == []
    assert scenario.staffing == {"desk": (4, 6, 0, 7)}
    assert scenario.scheduled == {"desk": (7, 9, 0, 10)}
    assert scenario.rules == {
        "desk": Rules(shrinkage=0.3, leave=Leave.PERSON, hand_back=frozenset({Channel.EMAIL}))
    }
    assert {group: len(agents) for group, agents in scenario.members().items()} == {
        "desk": 7,
        "day": 5,
    }
    assert (early.from_s, early.to_s, early.weekdays) == (6 * 3600, 10.5 * 3600, (0, 4))
    assert (early.absence, early.late_share, early.late_mean_us) == (0.1, 0.25, 6 * MINUTE_US)
    assert early.breaks == (
        Break(length_us=30 * MINUTE_US, at_s=9 * 3600, within_us=30 * MINUTE_US, reason="lunch"),
    )
    assert night.breaks == (Break(length_us=15 * MINUTE_US // 2, after_us=660 * MINUTE_US),)
    assert (night.weekdays, night.absence) == ((0, 1, 2, 3, 4, 5, 6), 0.0)


def test_figures_on_the_floor_are_grossed_up():
    text = GOOD.replace('"scheduled"', '"on_floor"')
    scenario = parse(text.encode(), file="shop.toml")
    assert scenario.staffing == {"desk": (7, 9, 0, 10)}
    assert scenario.scheduled == {"desk": (10, 13, 0, 15)}
    assert len(scenario.members()["desk"]) == 10


WRONG = [
    (
        'name = "night"',
        'name = "early"',
        "scenario.shifts[1].name: is `early` again; wanted a new name",
    ),
    (
        'name = "night"',
        'name = "last night"',
        "scenario.shifts[1].name: is `last night`; wanted 1 to 24 letters, digits, `_` and `-`",
    ),
    (
        'group = "day"\ncount = 2',
        'group = "dai"\ncount = 2',
        "scenario.shifts[1].group: is `dai`; wanted a group declared in [groups]",
    ),
    (
        'group = "day"\ncount = 2',
        'group = "desk"\ncount = 2',
        (
            "scenario.staffing.desk: has shifts too; wanted either a headcount here or "
            "[[scenario.shifts]]"
        ),
    ),
    ("count = 2", "count = -2", "scenario.shifts[1].count: is -2; wanted a number of at least 0"),
    (
        '"22:00-09:30"',
        '"22:00"',
        (
            "scenario.shifts[1].hours: is `22:00`; wanted a span of the day like 09:00-17:30, "
            "until 24:00 at the latest"
        ),
    ),
    (
        '"22:00-09:30"',
        '"22:00-22:00"',
        (
            "scenario.shifts[1].hours: is `22:00-22:00`; wanted hours that end at another time, "
            "like 22:00-06:00 over midnight"
        ),
    ),
    (
        '"22:00-09:30"',
        '"24:00-09:30"',
        "scenario.shifts[1].hours: is `24:00-09:30`; wanted hours that begin before 24:00",
    ),
    (
        '["mon", "fri"]',
        '["mon", "fri", "mon"]',
        "scenario.shifts[0].days: has `mon` twice; wanted each day once",
    ),
    (
        '["mon", "fri"]',
        '["mun"]',
        (
            "scenario.shifts[0].days[0]: is `mun`; wanted one of `mon`, `tue`, `wed`, `thu`, "
            "`fri`, `sat`, `sun`; did you mean `sun`?"
        ),
    ),
    ('["mon", "fri"]', "[]", "scenario.shifts[0].days: is an array; wanted at least 1 of them"),
    (
        'at = "09:00"',
        'at = "9:00"',
        "scenario.shifts[0].breaks[0].at: is `9:00`; wanted a time of the day like 09:30",
    ),
    (
        'at = "09:00"',
        'at = "09:45"',
        (
            "scenario.shifts[0].breaks[0]: lies outside the shift; wanted one between 06:00 and "
            "10:30, also for who goes last within `within_min`"
        ),
    ),
    (
        'at = "09:00"',
        'at = "05:59"',
        (
            "scenario.shifts[0].breaks[0]: lies outside the shift; wanted one between 06:00 and "
            "10:30, also for who goes last within `within_min`"
        ),
    ),
    (
        'at = "09:00"',
        'at = "09:00", after_min = 3',
        "scenario.shifts[0].breaks[0]: has at and after_min; wanted one of at, after_min",
    ),
    (
        "after_min = 660, ",
        "",
        "scenario.shifts[1].breaks[0]: has no beginning; wanted one of at, after_min",
    ),
    (
        "minutes = 7.5",
        "minutes = 0",
        "scenario.shifts[1].breaks[0].minutes: is 0; wanted a number above 0",
    ),
    (
        'reason = "lunch"',
        'reason = "lunsh"',
        (
            "scenario.shifts[0].breaks[0].reason: is `lunsh`; wanted a reason that "
            "domain.not_ready_reasons names"
        ),
    ),
    ("absence = 0.1", "absence = 1", "scenario.shifts[0].absence: is 1; wanted a number below 1"),
    (
        "share = 0.25, ",
        "",
        "scenario.shifts[0].late.share: is missing; wanted a number",
    ),
    (
        "[scenario.staffing_rules.desk]",
        "[scenario.staffing_rules.disk]",
        "scenario.staffing_rules.disk: is not a group; wanted a group declared in [groups]",
    ),
    (
        "[scenario.staffing_rules.desk]",
        "[scenario.staffing_rules.spare]",
        (
            "scenario.staffing_rules.spare: has no staffing; wanted a group of "
            "[scenario.staffing] or [[scenario.shifts]]"
        ),
    ),
    (
        'figures = "scheduled"\n',
        "",
        (
            "scenario.staffing_rules.desk.figures: is missing; wanted what the headcount's "
            "figures are, `scheduled` or `on_floor`"
        ),
    ),
    (
        "shrinkage = 0.3\n",
        "",
        (
            "scenario.staffing_rules.desk.shrinkage: is missing; wanted a share, since `figures` "
            "says what to make of it"
        ),
    ),
    (
        "shrinkage = 0.3",
        "shrinkage = 1.0",
        "scenario.staffing_rules.desk.shrinkage: is 1.0; wanted a number below 1",
    ),
    (
        'voice = "finish"',
        'voice = "hand_back"',
        (
            "scenario.staffing_rules.desk.at_end.voice: is `hand_back`; wanted `finish`, since a "
            "conversation is not laid back into a queue"
        ),
    ),
    (
        'leave = "person"',
        'leave = "first"',
        "scenario.staffing_rules.desk.leave: is `first`; wanted one of `headcount`, `person`",
    ),
]


@pytest.mark.parametrize("old, new, want", WRONG)
def test_a_bad_value_is_told_by_its_place_what_was_seen_and_what_is_wanted(old, new, want):
    assert GOOD.count(old) == 1
    found = problems(GOOD.replace(old, new).encode(), file="shop.toml")
    assert [str(one) for one in found] == [want]


def test_rules_of_a_headcount_are_refused_where_there_are_shifts():
    text = GOOD.replace("staffing_rules.desk]", "staffing_rules.day]").replace(
        '"person"', '"headcount"'
    )
    assert [str(one) for one in problems(text.encode(), file="shop.toml")] == [
        (
            "scenario.staffing_rules.day.figures: is given; wanted no such key, since the group "
            "has shifts, which are scheduled"
        ),
        (
            "scenario.staffing_rules.day.shrinkage: is given; wanted no such key, since the group "
            "has shifts: `absence` and `breaks` of them"
        ),
        (
            "scenario.staffing_rules.day.leave: is `headcount`; wanted `person`, since each has a "
            "shift of his own"
        ),
    ]


def test_mistakes_of_several_tables_are_told_at_once():
    text = GOOD.replace("absence = 0.1", "absence = 2").replace("shrinkage = 0.3\n", "")
    text = text.replace('name = "night"', 'name = "early"').replace("7.5", "-1")
    with pytest.raises(ConfigError) as raised:
        parse(text.encode(), file="shop.toml")
    assert [one.key for one in raised.value.problems] == [
        "scenario.staffing_rules.desk.shrinkage",
        "scenario.shifts[0].absence",
        "scenario.shifts[1].name",
        "scenario.shifts[1].breaks[0].minutes",
    ]


@pytest.mark.parametrize(
    "rows", ["shifts = 3", "shifts = [3]", "staffing_rules = 3", "staffing_rules = { desk = 3 }"]
)
def test_tables_of_another_kind_are_told_and_hide_nothing(rows):
    text = GOOD[: GOOD.index("[scenario.staffing]")] + rows + "\n"
    text += GOOD[GOOD.index("[[scenario.arrivals]]") :]
    found = [one.key for one in problems(text.encode(), file="shop.toml")]
    assert found
    assert any(key.startswith(f"scenario.{rows.split()[0]}") for key in found)


def _shop(desk, day=0, spare=""):
    text = GOOD.replace("[7, 9, 0, 10]", desk).replace("count = 3", f"count = {day}")
    return text.replace("count = 2", "count = 0").replace("members = 2", "members = 1") + spare


SPARE = """
[[scenario.shifts]]
name = "none"
group = "spare"
count = 0
hours = "08:00-12:00"
"""


def test_nobody_at_work_is_a_day_like_another(tmp_path, capsys):
    """All leave, nothing is measured, and every form of the report says so without a complaint."""
    scenario = parse(_shop("0", spare=SPARE).encode(), file="shop.toml")
    assert [len(agents) for agents in scenario.members().values()] == [1, 1, 1]
    result = run(scenario, 1)
    row = result.report.rows[0]
    assert (row.total.answered, row.total.offered) == (0, result.arrived)
    assert row.total.abandoned > 100
    assert row.total.service_level == 0
    assert (row.total.asa_s, row.total.aht_s, row.total.occupancy) == (None, None, None)
    assert [cells[3:] for cells in team_rows(result)] == [("–",) * 6] * 4
    assert notes(scenario, result.report)[-1] == (
        "Nobody who may take voice of `sales` is ever at work."
    )
    assert json.loads(as_json(scenario, 1, result))["paid"][0]["worked_us"] == 0
    assert "Nobody who may take voice" in as_html(scenario, 1, result)
    assert study(scenario, replications=2).values("group.all.worked_h") == [0, 0]
    path = tmp_path / "shop.toml"
    path.write_text(_shop("0", spare=SPARE))
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: ok: 1 queue, scenario",
        f"{path}: note: scenario: nobody who may take voice of `sales` is ever at work",
    ]
    for more in ([], ["--replications", "2"]):
        done = CliRunner().invoke(sim, ["run", str(path), *more])
        assert done.exit_code == 0
        assert done.output.splitlines()[-1].startswith("Nobody who may take voice of `sales` is")


@pytest.mark.parametrize(
    "desk, day, told",
    [
        ("[7, 9, 9, 9]", 0, []),
        ("[7, 0, 0, 9]", 3, ["from 2026-12-14 10:30 to 2026-12-14 11:00"]),
        (
            "[7, 0, 9, 0]",
            0,
            ["to 2026-12-14 10:00 and at other times, 2.0 h in all"],
        ),
    ],
)
def test_gaps_of_the_staffing_are_told(desk, day, told):
    scenario = parse(_shop(desk, day, spare=SPARE).encode(), file="shop.toml")
    said = coverage.told(scenario)
    assert len(said) == len(told)
    assert all(want in one for want, one in zip(told, said, strict=True))


def test_hours_without_arrivals_need_nobody():
    text = _shop("[7, 0, 9, 0]", spare=SPARE).replace("[50, 50, 50, 50]", "[50, 0, 50, 0]")
    scenario = parse(text.encode(), file="shop.toml")
    assert coverage.told(scenario) == []
    # A batch comes when it is stated to, whatever the rates.
    batches = Batches(name="mail", streams=("calls",), at_offsets_us=(0,), batch=Batch(mean=3))
    (gap,) = coverage.gaps(replace(scenario, batches=(batches,)))
    assert len(gap.spans) == 2


def test_another_headcount_is_scheduled_by_the_same_shrinkage():
    scenario = parse(GOOD.encode(), file="shop.toml")
    other = staffed(scenario, {"desk": (7, 7, 0, 9)})
    assert other.scheduled == {"desk": (10, 10, 0, 13)}
    assert len(other.members()["desk"]) == 9


def test_the_table_says_what_became_of_the_time():
    result = run(parse(GOOD.encode(), file="shop.toml"), 3)
    rows = {cells[0]: cells for cells in team_rows(result)}
    desk = rows["desk"]
    assert (desk[1], desk[4:8]) == ("7", ("26.00 h", "17.00 h", "–", "9.00 h"))
    assert rows["spare"][4:] == ("8.00 h", "8.00 h", "–", "–", "–")
    # Three from 8:00 to 10:30, two from 8:00 to 9:30: 10.5 h; breaks of 30 min and of 7.5 min.
    day = {one.group: one for one in result.paid}["day"]
    assert rows["day"][4] == "10.50 h"
    assert day.breaks_us[""] == 15 * MINUTE_US
    assert day.is_balanced


def test_the_scheduled_over_the_day_are_those_of_the_table():
    """By hand: 7 of the desk, 2 spare, 3 early and 2 of the night from 8:00 on; then by the sum."""
    scenario = parse(GOOD.encode(), file="shop.toml")
    half_us = 30 * MINUTE_US
    edges_us = range(scenario.start_us, scenario.end_us + half_us, half_us)
    heads = coverage.scheduled_heads(scenario, edges_us)
    assert heads == pytest.approx([14, 14, 16, 14, 5, 2, 12, 12])
    paid = run(scenario, 1).paid
    assert sum(heads) * half_us == pytest.approx(sum(one.scheduled_us for one in paid))

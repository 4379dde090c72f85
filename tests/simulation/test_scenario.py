"""Scenario files: what is read from a good one, and every text that a bad one is told.

`GOOD` is changed in one place per case, by replacing one piece of text by another; the messages
are compared word for word.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from acd.errors import ConfigError
from acd.ids import Channel
from sim.driver import run
from sim.patience import Exponential
from sim.peaks import Trapezoid
from sim.scenario import load, parse, problems
from sim.workload import HOUR_US, MINUTE_US, SECOND_US, Shape

GOOD = """
[domain]
name = "shop"
skills = ["toys"]
contact_attributes = ["tier"]

[queues.sales]
requires = "toys"
voice = { ring_s = 15 }
email = { auto_answer = true }

[capacities.one]
voice = {}
email = {}

[profiles]
all = [{ queue = "sales" }]

[groups.day]
profile = "all"
capacity = "one"
skills = { toys = 5 }

[scenario]
title = "A morning"
start = 2026-12-14T08:00:00
time_zone = "Europe/Berlin"
hours = 2
interval_min = 60
answer_s = 3

[scenario.staffing]
day = [4, 6]

[scenario.curves]
flat = [1, 3]

[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [50, 70.5]
handle = { mean_s = 240, scv = 1.2 }
patience_mean_s = 180
attributes = { tier = "gold" }

[[scenario.arrivals]]
name = "emails"
queue = "sales"
channel = "email"
curve = "flat"
contacts = 40
handle = { mean_s = 300, shape = "exponential" }

[[scenario.peaks]]
name = "sale"
streams = ["calls"]
from = 2026-12-14T09:00:00
rise_min = 10
hold_min = 20
fall_min = 30
factor = 3
"""


def test_a_good_file_gives_the_scenario_that_it_says():
    scenario = parse(GOOD.encode(), file="shop.toml")
    calls, emails = scenario.streams
    (peak,) = scenario.peaks
    assert problems(GOOD.encode(), file="shop.toml") == []
    assert datetime.fromtimestamp(scenario.start_us / SECOND_US, UTC).hour == 7
    assert (scenario.intervals, scenario.interval_us) == (2, HOUR_US)
    assert scenario.staffing == {"day": (4, 6)}
    assert len(scenario.members()["day"]) == 6
    assert calls.rates_per_h == (50.0, 70.5)
    assert calls.attributes == (("tier", "gold"),)
    assert (calls.answer_us, emails.answer_us) == (3 * SECOND_US, 0)
    assert (calls.patience, emails.patience) == (Exponential(180), None)
    assert emails.rates_per_h == (10.0, 30.0)
    assert emails.channel is Channel.EMAIL
    assert (emails.handle.shape, emails.handle.scv) == (Shape.EXPONENTIAL, 1.0)
    assert peak.from_offset_us == HOUR_US
    assert peak.shape == Trapezoid(
        rise_us=10 * MINUTE_US, hold_us=20 * MINUTE_US, fall_us=30 * MINUTE_US
    )


def test_one_number_of_staff_holds_all_day():
    scenario = parse(GOOD.replace("day = [4, 6]", "day = 5").encode(), file="shop.toml")
    assert scenario.staffing == {"day": (5, 5)}


def test_a_group_with_members_of_its_own_needs_no_staffing():
    text = GOOD.replace("day = [4, 6]", "").replace("skills = {", "members = 3\nskills = {")
    scenario = parse(text.encode(), file="shop.toml")
    assert len(scenario.settings.agents) == 3
    assert run(scenario, 1).report.total.total.busy_us > 0


STREAMS = "one of `calls`, `emails`"
WRONG = [
    ('title = "A morning"', "", "scenario.title: is missing; wanted a text"),
    (
        'title = "A morning"',
        'title = "A \\u001b[31mred\\nmorning"',
        r"scenario.title: is `A \x1b[31mred\nmorning`; wanted printable characters only",
    ),
    (
        "start = 2026-12-14T08:00:00\n",
        "",
        "scenario.start: is missing; wanted a local date and time like 2026-12-14T08:00:00",
    ),
    (
        "from = 2026-12-14T09:00:00\n",
        "",
        "scenario.peaks[0].from: is missing; wanted a local date and time like 2026-12-14T08:00:00",
    ),
    (
        "start = 2026-12-14T08:00:00",
        "start = 1926-12-14T08:00:00",
        ("scenario.start: is the datetime 1926-12-14 08:00:00; wanted a year from 1971 to 2999"),
    ),
    (
        "from = 2026-12-14T09:00:00",
        "from = 3000-12-14T09:00:00",
        (
            "scenario.peaks[0].from: is the datetime 3000-12-14 09:00:00; wanted a year from 1971 "
            "to 2999"
        ),
    ),
    (
        "hours = 2",
        "hours = 1e300",
        "scenario.hours: is 1e+300; wanted a finite number of a usual size",
    ),
    ("hours = 2", "hours = 8784.5", "scenario.hours: is 8784.5; wanted a number of at most 8784"),
    ("hours = 2", "hours = nan", "scenario.hours: is nan; wanted a finite number of a usual size"),
    ("start = 2026-12-14T08:00:00", "start = 8", "scenario.start: is 8; wanted a local date and"),
    (
        "start = 2026-12-14T08:00:00",
        "start = 2026-12-14T08:00:00Z",
        (
            "scenario.start: is the datetime 2026-12-14 08:00:00+00:00; wanted a local date and "
            "time like 2026-12-14T08:00:00"
        ),
    ),
    (
        "Europe/Berlin",
        "Europe/Atlantis",
        "scenario.time_zone: is `Europe/Atlantis`; wanted a time zone like `Europe/Berlin`",
    ),
    (
        "Europe/Berlin",
        "../etc/passwd",
        "scenario.time_zone: is `../etc/passwd`; wanted a time zone like `Europe/Berlin`",
    ),
    ("hours = 2", "hours = -2", "scenario.hours: is -2; wanted a number above 0"),
    (
        "hours = 2",
        "hours = 1.7",
        "scenario.hours: is 1.7; wanted a multiple of the interval of 60 min",
    ),
    (
        "interval_min = 60",
        "interval_min = 0",
        "scenario.interval_min: is 0; wanted a number of at least 1",
    ),
    ("answer_s = 3", "answer_s = -1", "scenario.answer_s: is -1; wanted a number of at least 0"),
    (
        "answer_s = 3",
        "answer_s = 15",
        "scenario.answer_s: is 15; wanted below the ring_s of voice in `sales`, 15",
    ),
    (
        "answer_s = 3",
        "anser_s = 3",
        "scenario.anser_s: is an unknown key; wanted a known key; did you mean `answer_s`?",
    ),
    ("day = [4, 6]", "day = [4, -6]", "scenario.staffing.day[1]: is -6; wanted a number of at"),
    (
        "day = [4, 6]",
        "day = [4, 6, 5]",
        "scenario.staffing.day: has 3 figures; wanted 2, one for each 60 min",
    ),
    (
        "day = [4, 6]",
        "day = -1",
        (
            "scenario.staffing.day: is -1; wanted a whole number from 0 to 100000, or an array of "
            "one for each interval"
        ),
    ),
    ("day = [4, 6]", "day = [4.5, 6]", "scenario.staffing.day[0]: is 4.5; wanted a whole number"),
    (
        "day = [4, 6]",
        "day = [4, 6]\nnight = 3",
        "scenario.staffing.night: is not a group; wanted a group declared in [groups]",
    ),
    (
        "flat = [1, 3]",
        "flat = [0, 0]",
        "scenario.curves.flat: is 0 everywhere; wanted a figure above 0",
    ),
    (
        "flat = [1, 3]",
        "flat = [1]",
        "scenario.curves.flat: has 1 figures; wanted 2, one for each 60 min",
    ),
    (
        "rates_per_h = [50, 70.5]",
        "rates_per_h = [50, -70.5]",
        "scenario.arrivals[0].rates_per_h[1]: is -70.5; wanted a number of at least 0",
    ),
    (
        "rates_per_h = [50, 70.5]",
        "rates_per_h = [50, nan]",
        "scenario.arrivals[0].rates_per_h[1]: is nan; wanted a finite number of a usual size",
    ),
    (
        "rates_per_h = [50, 70.5]",
        "rates_per_h = [50, 1e7]",
        "scenario.arrivals[0].rates_per_h[1]: is 10000000.0; wanted a number of at most 1000000",
    ),
    (
        "rates_per_h = [50, 70.5]",
        "rates_per_h = [50]",
        "scenario.arrivals[0].rates_per_h: has 1 figures; wanted 2, one for each 60 min",
    ),
    (
        "rates_per_h = [50, 70.5]",
        "",
        "scenario.arrivals[0]: has no rates; wanted one of rates_per_h, curve, csv, replay",
    ),
    (
        "rates_per_h = [50, 70.5]",
        'rates_per_h = [50, 70.5]\ncurve = "flat"\ncontacts = 5',
        (
            "scenario.arrivals[0]: has rates_per_h and curve; wanted one of rates_per_h, curve, "
            "csv, replay"
        ),
    ),
    (
        "contacts = 40",
        "",
        "scenario.arrivals[1].contacts: is missing; wanted how many contacts the curve spreads",
    ),
    (
        'curve = "flat"',
        'curve = "steep"',
        "scenario.arrivals[1].curve: is `steep`; wanted a declared curve, one of `flat`",
    ),
    (
        'queue = "sales"\nchannel = "voice"',
        'queue = "sails"\nchannel = "voice"',
        "scenario.arrivals[0].queue: is `sails`; wanted a declared queue, one of `sales`",
    ),
    (
        'channel = "voice"',
        'channel = "chat"',
        (
            "scenario.arrivals[0].channel: is `chat`; wanted a channel that the queue has, one of "
            "`voice`, `email`"
        ),
    ),
    (
        'channel = "voice"',
        'channel = "fax"',
        "scenario.arrivals[0].channel: is `fax`; wanted one of `voice`, `email`, ",
    ),
    (
        'name = "emails"',
        'name = "calls"',
        "scenario.arrivals[1].name: is `calls` again; wanted a new name",
    ),
    (
        'name = "emails"',
        'name = "all mail"',
        "scenario.arrivals[1].name: is `all mail`; wanted 1 to 24 letters, digits, `_` and `-`",
    ),
    (
        "mean_s = 240",
        "mean_s = 0",
        "scenario.arrivals[0].handle.mean_s: is 0; wanted a number above",
    ),
    ("scv = 1.2", "scv = 0", "scenario.arrivals[0].handle.scv: is 0; wanted a number above 0"),
    (
        'shape = "exponential"',
        'shape = "exponential", scv = 0.5',
        "scenario.arrivals[1].handle.scv: is 0.5; wanted 1, which every exponential time has",
    ),
    (
        'shape = "exponential"',
        'shape = "gamma"',
        "scenario.arrivals[1].handle.shape: is `gamma`; wanted one of `exponential`, `lognormal`",
    ),
    (
        "patience_mean_s = 180",
        "patience_mean_s = 0",
        "scenario.arrivals[0].patience_mean_s: is 0; wanted a number above 0",
    ),
    (
        "patience_mean_s = 180",
        'requirement = "tays"',
        (
            "scenario.arrivals[0].requirement: names `tays` at character 1; wanted a declared "
            "skill; did you mean `toys`?"
        ),
    ),
    (
        'tier = "gold"',
        'level = "gold"',
        (
            "scenario.arrivals[0].attributes.level: is not declared; wanted a name declared in "
            "domain.contact_attributes"
        ),
    ),
    (
        'contact_attributes = ["tier"]',
        'contact_attributes = ["tier"]\ncontact_numbers = ["tier"]',
        (
            "scenario.arrivals[0].attributes.tier: is `gold`; wanted a number, since "
            "domain.contact_numbers names it"
        ),
    ),
    (
        "contacts = 40",
        "contacts = 40\nanswer_s = 5",
        (
            "scenario.arrivals[1].answer_s: is 5; wanted nothing, since email in `sales` answers "
            "by itself"
        ),
    ),
    (
        'streams = ["calls"]',
        'streams = ["faxes"]',
        f"scenario.peaks[0].streams[0]: is `faxes`; wanted the name of a stream, {STREAMS}",
    ),
    (
        "from = 2026-12-14T09:00:00",
        "from = 2026-12-14T10:00:00",
        (
            "scenario.peaks[0].from: is 2026-12-14T10:00:00; wanted from 2026-12-14T08:00:00 until "
            "before 2026-12-14T10:00:00"
        ),
    ),
    ("factor = 3", "factor = 1", "scenario.peaks[0].factor: is 1; wanted a number above 1"),
    (
        "rise_min = 10",
        "rise_min = -1",
        "scenario.peaks[0].rise_min: is -1; wanted a number of at least 0",
    ),
]


@pytest.mark.parametrize("before,after,want", WRONG, ids=[want[:60] for *_, want in WRONG])
def test_one_mistake_is_told_once(before, after, want):
    assert before in GOOD
    told = [str(one) for one in problems(GOOD.replace(before, after, 1).encode(), file="a.toml")]
    assert [text[: len(want)] for text in told] == [want]


LONG = GOOD.replace("day = [4, 6]", "day = 4").partition("[[scenario.arrivals]]")[0]
LONG += """
[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
csv = "rates.csv"
handle = { mean_s = 240 }

[measures]
interval_min = 1
"""


@pytest.mark.parametrize("hours,intervals", [(666, 0), (667, 40_020), (700, 42_000)])
def test_a_day_with_too_many_intervals_for_a_report_is_refused(hours, intervals, tmp_path):
    (tmp_path / "rates.csv").write_text(
        "from,calls\n" + "".join(f"{(8 + hour) % 24:02}:00,1\n" for hour in range(hours))
    )
    text = LONG.replace("hours = 2", f"hours = {hours}").replace("flat = [1, 3]", "")
    file = str(tmp_path / "long.toml")
    wanted = (
        f"scenario.hours: is {hours}, {intervals} intervals of measures.interval_min; wanted fewer "
        "than 40000, the report's limit"
    )
    told = [str(one) for one in problems(text.encode(), file=file)]
    assert told == ([wanted] if intervals else [])


def test_every_mistake_is_told_at_once_those_of_the_routing_part_first():
    text = GOOD
    for before, after in [
        ("toys = 5", "toys = 11"),
        ("hours = 2", "hours = 2\nminutes = 3"),
        ("day = [4, 6]", "day = [4]"),
        ("rates_per_h = [50, 70.5]", "rates_per_h = [-1]"),
        ("mean_s = 300", "mean_s = -3"),
        ('streams = ["calls"]', 'streams = ["faxes"]'),
    ]:
        assert before in text
        text = text.replace(before, after, 1)
    with pytest.raises(ConfigError) as caught:
        parse(text.encode(), file="shop.toml")
    assert [problem.key for problem in caught.value.problems] == [
        "groups.day.skills.toys",
        "scenario.minutes",
        "scenario.staffing.day",
        "scenario.arrivals[0].rates_per_h",
        "scenario.arrivals[0].rates_per_h[0]",
        "scenario.arrivals[1].handle.mean_s",
        "scenario.peaks[0].streams[0]",
    ]
    assert str(caught.value).splitlines()[0].startswith("shop.toml: groups.day.skills.toys: is 11")


def test_a_file_without_the_table_is_no_scenario():
    routing = GOOD.partition("[scenario]")[0].replace("skills = {", "members = 3\nskills = {")
    assert [str(one) for one in problems(routing.encode(), file="a.toml")] == [
        "scenario: is missing; wanted a table"
    ]


def test_what_is_no_toml_is_told_as_such():
    (one,) = problems(b"[scenario", file="a.toml")
    assert "is no TOML" in str(one)


@pytest.mark.parametrize("value", ["-3", '"x"', "[1]", "[[1]]", "{ a = 1 }", "true"])
@pytest.mark.parametrize(
    "key", ["staffing", "curves", "arrivals", "peaks", "hours", "interval_min"]
)
def test_values_of_other_types_are_mistakes_and_no_crash(key, value):
    head, _, tail = GOOD.partition("[scenario]\n")
    lines = [line for line in tail.splitlines() if not line.startswith(f"{key} =")]
    kept = "\n".join(lines).partition("[scenario.staffing]")[0]
    other = f"{head}[scenario]\n{key} = {value}\n{kept}"
    told = problems(other.encode(), file="a.toml")
    assert any(one.key.startswith(f"scenario.{key}") for one in told)


# --- rates from CSV ------------------------------------------------------------------------------

RATES = "from,calls,chats\n08:00,120,30\n09:00,180,42.5\n"
WITH_CSV = GOOD.replace("rates_per_h = [50, 70.5]", 'csv = "rates.csv"')


def _with_rates(folder: Path, rates: bytes, text: str = WITH_CSV) -> list[str]:
    (folder / "rates.csv").write_bytes(rates)
    return [str(one) for one in problems(text.encode(), file=str(folder / "shop.toml"))]


def test_rates_come_from_a_column_named_like_the_stream_or_otherwise(tmp_path):
    (tmp_path / "rates.csv").write_text(RATES)
    path = tmp_path / "shop.toml"
    path.write_text(WITH_CSV)
    assert load(path).streams[0].rates_per_h == (120.0, 180.0)
    path.write_text(WITH_CSV.replace("rates.csv", 'rates.csv"\ncolumn = "chats'))
    assert load(path).streams[0].rates_per_h == (30.0, 42.5)


HERE = "scenario.arrivals[0].csv: rates.csv"
WRONG_RATES = [
    (RATES.replace("180", "-180"), [f"{HERE} row 3, column calls: '-180'; wanted a number from 0"]),
    (RATES.replace("180", "nan"), [f"{HERE} row 3, column calls: 'nan'; wanted a number from 0"]),
    (RATES.replace("180", ""), [f"{HERE} row 3, column calls: ''; wanted a number from 0"]),
    (
        RATES.replace("120", "a").replace("180", "b"),
        [
            f"{HERE} row 2, column calls: 'a'; wanted a number from 0 to 1e+06",
            f"{HERE} row 3, column calls: 'b'; wanted a number from 0 to 1e+06",
        ],
    ),
    (RATES.replace("09:00", "08:30"), [f"{HERE} row 3, column from: '08:30'; wanted 09:00"]),
    (RATES.replace("180,42.5", "180"), [f"{HERE} row 3: 2 columns; wanted 3 columns"]),
    (RATES + "10:00,1,1\n", [f"{HERE} row 4: a row; wanted 2 rows of rates"]),
    ("from,calls,chats\n08:00,1,2\n", [f"{HERE}: 1 rows of rates; wanted 2"]),
    ("from,cals\n", [f"{HERE} row 1: ['from', 'cals']; wanted one column `calls`"]),
    (
        "from,calls,calls\n",
        [f"{HERE} row 1: ['from', 'calls', 'calls']; wanted one column `calls`"],
    ),
    (
        "",
        [f"{HERE} row 1: []; wanted one column `from`", f"{HERE} row 1: []; wanted one column"],
    ),
    ('from,calls\n08:00,"1\n', [f"{HERE}: unexpected end of data; wanted comma-separated values"]),
]


@pytest.mark.parametrize("rates,want", WRONG_RATES, ids=[want[0][24:70] for _, want in WRONG_RATES])
def test_wrong_rates_are_told_with_row_and_column(tmp_path, rates, want):
    told = _with_rates(tmp_path, rates.encode())
    assert [text[: len(start)] for text, start in zip(told, want, strict=True)] == want


def test_a_file_of_rates_that_is_missing_too_large_or_no_text_is_told(tmp_path):
    (missing,) = problems(WITH_CSV.encode(), file=str(tmp_path / "shop.toml"))
    assert str(missing) == f"{HERE}: No such file or directory; wanted a file that can be read"
    assert _with_rates(tmp_path, b"x" * 1_000_001) == [
        f"{HERE}: over 1000000 bytes; wanted at most 1000000 bytes"
    ]
    assert _with_rates(tmp_path, b"\xff\xfe") == [f"{HERE}: byte 0 is not UTF-8; wanted UTF-8 text"]


def test_a_name_that_no_file_can_have_and_what_a_terminal_would_obey_are_told_as_escapes(tmp_path):
    for name, shown, why in [
        ("a\\u0000b", r"a\x00b", "embedded null byte"),
        ("a\\u001bb\\n", r"a\x1bb\n", "No such file or directory"),
    ]:
        text = WITH_CSV.replace("rates.csv", name)
        assert _with_rates(tmp_path, b"", text) == [
            f"scenario.arrivals[0].csv: {shown}: {why}; wanted a file that can be read"
        ]
    text = WITH_CSV.replace('csv"', 'csv"\ncolumn = "a\\u001b[0m"')
    assert _with_rates(tmp_path, b"from\n", text) == [
        rf"{HERE} row 1: ['from']; wanted one column `a\x1b[0m`"
    ]


def test_mistakes_in_rates_are_told_up_to_a_limit(tmp_path):
    many = "from,calls\n" + "08:00,x\n" * 500
    assert len(_with_rates(tmp_path, many.encode())) <= 101


def test_a_column_without_its_file_is_a_mistake():
    text = GOOD.replace("rates_per_h = [50, 70.5]", 'rates_per_h = [50, 70.5]\ncolumn = "calls"')
    assert [str(one) for one in problems(text.encode(), file="a.toml")] == [
        "scenario.arrivals[0].csv: is missing; wanted the file that has the column"
    ]

"""The past read in: reports by intervals, Asterisk's queue_log, and the file that both become.

Method: small files written here, whose right reading can be told by hand; every kind of wrong row
is refused with its row and column; clocks that change are crossed in both directions. Property:
what is written is read back, whatever the counts.
"""

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.cli import main
from acd.errors import ConfigError
from sim.history import Count, History, Line, read, write
from sim.import_csv import PRESETS, read_intervals
from sim.patience import Steps
from sim.queue_log import history_of, people_of, read_queue_log

SALES = Line("sales", "voice")


def intervals(tmp_path, text, preset="generic", time_zone="UTC", **more):
    """Read a report."""
    path = tmp_path / "report.csv"
    path.write_text(text, encoding="utf-8")
    return read_intervals(path, PRESETS[preset], time_zone=time_zone, **more)


def at(text):
    return int(datetime.fromisoformat(text).timestamp())


GENERIC = """\
start,queue,channel,offered,handled,handle_s
2026-11-02 08:00,sales,voice,12,11,2640
2026-11-02 08:30,sales,voice,9,,
2026-11-02 08:30,sales,chat,4,4,900.5
"""


def test_a_report_with_our_columns(tmp_path):
    history = intervals(tmp_path, GENERIC, time_zone="Europe/Berlin")
    assert history.interval_s == 1_800
    assert history.counts == {
        SALES: {
            at("2026-11-02T08:00+01:00"): Count(12, 11, 2640),
            at("2026-11-02T08:30+01:00"): Count(9),
        },
        Line("sales", "chat"): {at("2026-11-02T08:30+01:00"): Count(4, 4, 900.5)},
    }


def test_columns_may_be_called_otherwise_and_most_may_be_missing(tmp_path):
    text = "n;when;calls\n1;2026-11-02T08:00Z;3\n2;2026-11-02T08:05Z;4\n"
    columns = {"start": "when", "offered": "calls"}
    history = intervals(tmp_path, text, columns=columns, delimiter=";")
    counts = {at("2026-11-02T08:00Z"): Count(3), at("2026-11-02T08:05Z"): Count(4)}
    assert history.counts == {Line("all", "voice"): counts}


def test_genesys_adds_up_skills_and_languages(tmp_path):
    head = "Interval Start UTC Date,Queue,Media Type,Skill Set,Language,Offered,"
    text = (
        f"{head}Interactions Handled,Total Handle Time\n"
        "2026-11-02T08:00Z,sales,Voice,cards|||loans,English,5,4,800\n"
        "2026-11-02T08:00Z,sales,Voice,cards,English,2,2,300\n"
        "2026-11-02T08:15Z,sales,Message,,,1,0,0\n"
    )
    history = intervals(tmp_path, text, "genesys", "America/New_York")
    assert history.counts[SALES] == {at("2026-11-02T08:00Z"): Count(7, 6, 1100)}
    assert history.counts[Line("sales", "chat")] == {at("2026-11-02T08:15Z"): Count(1, 0, 0)}
    assert history.local(at("2026-11-02T08:00Z")).hour == 3


def test_an_hour_that_comes_twice_is_two(tmp_path):
    times = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    rows = "".join(f"2026-10-25 {one},{number}\n" for number, one in enumerate(times))
    history = intervals(tmp_path, "start,offered\n" + rows, time_zone="Europe/Berlin")
    starts = list(history.counts[Line("all", "voice")])
    assert [after - before for before, after in pairwise(starts)] == [1800] * 5
    assert [history.local(one).strftime("%H:%M") for one in starts] == times


def test_a_time_that_the_clocks_leave_out_is_refused(tmp_path):
    text = "start,offered\n2026-03-29 01:30,1\n2026-03-29 02:30,1\n"
    with pytest.raises(
        ConfigError, match=r"row 3, column start: `2026-03-29 02:30`; wanted a time"
    ):
        intervals(tmp_path, text, time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    "row, message",
    [
        ("02/11/2026 08:30,sales,voice,1,1,1", "row 4, column start: `02/11/2026 08:30`; wanted a"),
        ("2026-11-02 08:30:10,sales,voice,1,1,1", "row 4, column start: `2026-11-02 08:30:10`"),
        ("2026-11-02 08:30,,voice,1,1,1", "row 4, column queue: is empty; wanted a queue's name"),
        ("2026-11-02 09:00,sales,fax,1,1,1", "row 4, column channel: `fax`; wanted a channel"),
        ("2026-11-02 09:00,sales,voice,,1,1", "row 4, column offered: ``; wanted a number from 0"),
        ("2026-11-02 09:00,sales,voice,1e300,1,1", "`1e300`; wanted a number from 0 to 1e+12"),
        ("2026-11-02 09:00,sales,voice,-1,1,1", "row 4, column offered: `-1`; wanted a number"),
        ("2026-11-02 09:00,sales,voice,nan,1,1", "row 4, column offered: `nan`; wanted a number"),
        ("2026-11-02 09:00,sales,voice,1,1,1e999", "row 4, column handle_s: `1e999`; wanted a"),
        ("2026-11-02 09:00,sales,voice,1", "row 4: 4 columns; wanted 6"),
        ("2026-11-02 08:30,sales,voice,1,1,1", "row 4, column start: `2026-11-02 08:30` again"),
        ("2026-11-02 08:47,sales,voice,1,1,1", "file: two starts 0:17:00 apart; wanted starts"),
        ('2026-11-02 09:00,"sales', "row 4: unexpected end of data; wanted comma-separated"),
    ],
    ids=lambda one: one[-30:],
)
def test_a_wrong_row_is_refused_with_its_number_and_column(tmp_path, row, message):
    text = "".join(GENERIC.splitlines(keepends=True)[:3]) + row + "\n"
    with pytest.raises(ConfigError) as caught:
        intervals(tmp_path, text)
    assert message in str(caught.value)


def test_all_mistakes_are_told_at_once_up_to_a_hundred(tmp_path):
    rows = "".join(f"2026-11-02 08:{minute:02},x\n" for minute in range(60)) * 3
    with pytest.raises(ConfigError) as caught:
        intervals(tmp_path, "start,offered\n" + rows)
    assert len(caught.value.problems) == 100


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "header: has ``; wanted one column `start`"),
        ("start,offered\n", "file: has no rows; wanted one for each interval"),
        ("start,offered\n2026-11-02 08:00,1\n", "file: has one interval; wanted two at least"),
        ("start,offered,offered\n", "header: has `start, offered, offered`; wanted one column"),
    ],
    ids=["empty", "header alone", "one interval", "twice"],
)
def test_a_file_that_is_none(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        intervals(tmp_path, text)
    assert message in str(caught.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "report.csv"
    path.write_bytes(b"start,offered\n\xff")
    with pytest.raises(ConfigError, match="byte 14 is not UTF-8; wanted UTF-8 text"):
        read_intervals(path, PRESETS["generic"], time_zone="UTC")


# --- our own file ---------------------------------------------------------------------------------

HOURS = st.integers(min_value=0, max_value=20_000)
COUNTS = st.builds(
    Count,
    st.integers(0, 10_000).map(float),
    st.none() | st.integers(0, 10_000).map(float),
    st.none() | st.floats(0, 1e6).map(lambda one: float(f"{one:.10g}")),
)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs"]), min_size=1)


@given(st.dictionaries(NAMES, st.dictionaries(HOURS, COUNTS, min_size=1), min_size=1, max_size=3))
def test_what_is_written_is_read_back(tmp_path_factory, hours):
    counts = {
        Line(name.strip() or "x", "voice"): {
            1_700_000_000 // 3_600 * 3_600 + hour * 3_600: count for hour, count in line.items()
        }
        for name, line in hours.items()
    }
    history = History("Europe/Berlin", 3_600, counts)
    path = tmp_path_factory.mktemp("history") / "history.csv"
    write(history, path)
    assert read(path) == history


HEAD = """\
# acd-history 1 time_zone=UTC interval_min=15
start,queue,channel,offered,handled,handle_s
"""


@pytest.mark.parametrize(
    "text, message",
    [
        ("start,queue\n", "line 1: is `start,queue`; wanted # acd-history 1"),
        ("# acd-history 1 time_zone=Nowhere interval_min=15\n", "line 1: is `# acd-history 1 time"),
        (
            "# acd-history 1 time_zone=UTC interval_min=7\n",
            "line 1: interval_min=7; wanted minutes",
        ),
        (
            HEAD + "2026-11-02T08:00:00,sales,voice,1,,\n",
            "row 3, column start: `2026-11-02T08:00:00`; wanted a date and time with its offset",
        ),
        (
            HEAD + 2 * "2026-11-02T08:00:00+00:00,sales,voice,1,,\n",
            "row 4, column start: `2026-11-02T08:00:00+00:00` again; wanted each interval",
        ),
    ],
    ids=["none", "zone", "interval", "no offset", "again"],
)
def test_a_history_that_is_none(tmp_path, text, message):
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert message in str(caught.value)


def test_intervals_are_added_up_to_longer_ones_by_the_local_clock():
    # Kathmandu is 5 h 45 min ahead: its hours begin at a quarter past.
    starts = range(at("2026-11-02T08:15Z"), at("2026-11-02T10:15Z"), 900)
    history = History("Asia/Kathmandu", 900, {SALES: {start: Count(1, 1, 60) for start in starts}})
    hours = history.in_intervals_of(3_600).counts[SALES]
    assert hours == {starts[0]: Count(4, 4, 240), starts[4]: Count(4, 4, 240)}
    with pytest.raises(ValueError, match="interval: is 20 min; wanted a multiple of 15 min"):
        history.in_intervals_of(1_200)


# --- queue_log ------------------------------------------------------------------------------------

LOG = """\
1793606400|NONE|NONE|NONE|QUEUESTART|
1793606400|1|sales|NONE|ENTERQUEUE||4930111|1
1793606405|1|sales|SIP/ann|RINGNOANSWER|5000
1793606410|1|sales|SIP/ann|CONNECT|10|2|3
1793606500|1|sales|SIP/ann|COMPLETECALLER|10|90|1
1793606460|2|sales|NONE|ENTERQUEUE|4930222|1
1793606490|2|sales|NONE|ABANDON|1|1|30
1793606550|3|sales|NONE|ENTERQUEUE||4930222|1
1793606570|3|sales|SIP/bob|CONNECT|20|3|1
1793606600|3|sales|SIP/bob|BLINDTRANSFER|100|default|20|30|1
1793607600|4|sales|NONE|ENTERQUEUE||4930333|1
1793607700|4|sales|NONE|EXITWITHTIMEOUT|1|1|100
1793607800|5|help|NONE|ENTERQUEUE||4930444|1
1793607900|9|help|NONE|ABANDON|1|1|30
"""


def log_of(tmp_path, text):
    path = tmp_path / "queue_log"
    path.write_text(text, encoding="utf-8")
    return read_queue_log(path)


def test_a_log_is_read_call_by_call_whatever_the_order_of_its_fields(tmp_path):
    log = log_of(tmp_path, LOG)
    assert [(call.queue, call.wait_s, call.gave_up, call.handle_s) for call in log.calls] == [
        ("sales", 10, False, 90),
        ("sales", 30, True, None),
        ("sales", 20, False, 30),
        ("sales", 100, False, None),
        ("help", None, False, None),
    ]
    assert (log.unended, log.strays) == (1, 1)


def test_people_are_told_from_calls(tmp_path):
    found = people_of(log_of(tmp_path, LOG).calls)
    sales = found["sales"]
    assert (sales.calls, sales.answered, sales.abandoned) == (4, 2, 1)
    assert sales.handle is not None
    assert (sales.handle.calls, sales.handle.mean_s) == (2, 60)
    assert sales.handle.scv == pytest.approx(1_800 / 60**2)
    assert {agent: one.mean_s for agent, one in sales.by_agent.items()} == {
        "SIP/ann": 90,
        "SIP/bob": 30,
    }
    # Of two who waited 30 s or longer one left after 30 s.
    assert sales.patience == Steps((30.0,), (0.5,))
    assert (sales.redial_share, sales.redial_mean_s) == (1, 60)
    assert found["help"].patience is None
    assert found["help"].redial_share is None
    assert "4930" not in msgspec.json.encode(found).decode()


def test_calls_are_counted_where_they_entered_and_quiet_intervals_are_0(tmp_path):
    history = history_of(log_of(tmp_path, LOG).calls, time_zone="UTC", interval_s=300)
    start = 1_793_606_400
    assert history.counts[SALES] == {
        start: Count(3, 2, 120),
        **{start + number * 300: Count(0, 0, 0) for number in (1, 2, 3)},
        start + 1_200: Count(1, 0, 0),
    }
    with pytest.raises(ValueError, match="interval: is 420 s; wanted whole minutes that divide"):
        history_of((), time_zone="UTC", interval_s=420)


@pytest.mark.parametrize(
    "line, message",
    [
        ("hello", "line 2: is `hello`; wanted epoch|uniqueid|queue|agent|EVENT"),
        ("soon|1|sales|NONE|ABANDON|1|1|30", "line 2, column 1: is `soon`; wanted seconds since"),
        ("inf|1|sales|NONE|ABANDON|1|1|30", "line 2, column 1: is `inf`; wanted seconds since"),
        ("100|1|sales|NONE|ABANDON|1|1|30", "line 2: ABANDON before its ENTERQUEUE; wanted lines"),
        ("201|1|sales|A|COMPLETEAGENT|1|1|1", "line 2: COMPLETEAGENT without a CONNECT; wanted a"),
        ("x" * 5_000, "line 2: is over 4096 bytes; wanted a line of queue_log"),
    ],
    ids=lambda one: one[:30],
)
def test_a_line_that_is_none_is_refused(tmp_path, line, message):
    with pytest.raises(ConfigError) as caught:
        log_of(tmp_path, f"200|1|sales|NONE|ENTERQUEUE||4930111|1\n{line}\n")
    assert message in str(caught.value)


def test_a_line_of_bytes_is_refused(tmp_path):
    path = tmp_path / "queue_log"
    path.write_bytes(b"\n\xff\n")
    with pytest.raises(ConfigError, match="line 2: is not UTF-8"):
        read_queue_log(path)


# --- the command ----------------------------------------------------------------------------------


def run(*words):
    return main(["sim", "import", *map(str, words)])


def test_the_command_imports_reports_and_logs(tmp_path, capsys):
    report, log, out = (tmp_path / name for name in ("report.csv", "queue_log", "history.csv"))
    report.write_text(GENERIC, encoding="utf-8")
    log.write_text(LOG, encoding="utf-8")
    assert run(report, "--time-zone", "UTC", "-o", out, "--interval-min", 60) == 0
    assert "sales voice: 21 offered in 1 intervals" in capsys.readouterr().out
    assert read(out).counts[SALES] == {at("2026-11-02T08:00Z"): Count(21)}
    people = tmp_path / "people.json"
    assert (
        run(log, "--format", "queue_log", "--time-zone", "UTC", "-o", out, "--people", people) == 0
    )
    said = capsys.readouterr().out
    assert "5 calls, the end of 1 not told, 1 ends without a beginning" in said
    assert msgspec.json.decode(people.read_bytes())["sales"]["handle"]["mean_s"] == 60


@pytest.mark.parametrize(
    "more, message",
    [
        (["--time-zone", "Berlin"], "--time-zone: `Berlin`; wanted one like Europe/Berlin"),
        (["--map", "start"], "--map: `start`; wanted OURS=THEIRS, like start=DateTime"),
        (["--map", "offerd=x"], "did you mean `offered`?"),
        (["--interval-min", "7"], "--interval-min: interval: is 7 min; wanted a multiple of 30"),
        (["--people", "p.json"], "--people: intervals do not tell; wanted --format queue_log"),
        (["--format", "queue_log", "--map", "start=x"], "--map: is for reports by intervals"),
        (["--format", "queue_log"], "line 1: is `start,queue,"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_the_command_refuses(tmp_path, capsys, monkeypatch, more, message):
    monkeypatch.chdir(tmp_path)
    Path("report.csv").write_text(GENERIC, encoding="utf-8")
    assert run("report.csv", "--time-zone", "UTC", "-o", "out.csv", *more) == 2
    assert message in capsys.readouterr().err
    assert not Path("out.csv").exists()


def test_a_log_without_calls_is_refused(tmp_path, capsys):
    log = tmp_path / "queue_log"
    log.write_text("1|NONE|NONE|NONE|QUEUESTART|\n", encoding="utf-8")
    words = (log, "--format", "queue_log", "--time-zone", "UTC", "-o", tmp_path / "out.csv")
    assert run(*words) == 2
    assert "file: has no ENTERQUEUE; wanted calls" in capsys.readouterr().err
    log.write_text(LOG, encoding="utf-8")
    assert run(*words, "--interval-min", "7") == 2
    assert "--interval-min: interval: is 420 s; wanted whole minutes" in capsys.readouterr().err

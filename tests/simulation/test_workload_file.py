"""Busyness, batches, peaks and replayed times in scenario files: what is read, and every refusal.

`GOOD` is changed in one place per case; the messages are compared word for word. Files of instants
are read back as they were written, on days on which clocks are changed too.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.batches import Batch, Batches, Sizes
from sim.busyness import Busyness
from sim.driver import run
from sim.peaks import Campaign, FlashCrowd, Growth, Outage, Peak, Season, Trapezoid
from sim.replay import ROWS_MAX, read_replay
from sim.scenario import parse, problems
from sim.workload import HOUR_US, MINUTE_US, SECOND_US

GOOD = """
[domain]
name = "shop"

[queues.sales]
voice = { auto_answer = true }

[capacities.one]
voice = {}

[profiles]
all = [{ queue = "sales" }]

[groups.day]
profile = "all"
capacity = "one"
members = 3

[scenario]
title = "A morning"
start = 2026-12-14T08:00:00
time_zone = "Europe/Berlin"
hours = 2
interval_min = 60

[scenario.busyness.usual]
day_cv = 0.1
interval_cv = 0.05
correlation_min = 90

[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [50, 70]
handle = { mean_s = 240 }
busyness = "usual"
batch = { size = 2.5, sizes = "geometric", spread_min = 1 }

[[scenario.arrivals]]
name = "told"
queue = "sales"
channel = "voice"
replay = "told.csv"
handle = { mean_s = 240 }

[[scenario.batches]]
name = "mailing"
streams = ["calls", "told"]
at = [2026-12-14T08:10:00, 2026-12-14T09:10:00]
size = 20
spread_min = 15

[[scenario.peaks]]
name = "advent"
streams = ["calls"]
from = 2026-12-14T08:00:00
shape = "season"
factor = 3
length_min = 2880
profile = [1, 2]

[[scenario.peaks]]
name = "letter"
streams = ["calls"]
from = 2026-12-14T08:30:00
shape = "campaign"
added_per_h = 40
rise_min = 5
half_life_min = 20

[[scenario.peaks]]
name = "storm"
streams = ["told"]
from = 2026-12-14T08:30:00
shape = "outage"
added_per_h = 50
length_min = 600

[[scenario.peaks]]
name = "crowd"
streams = ["calls"]
from = 2026-12-14T09:00:00
shape = "flash_crowd"
users_from = 1000
users_to = 100000
contacts_per_user_per_h = 0.01
growth = "logistic"
rise_min = 60
"""

TOLD = "arrives,handle_s,patience_s\n2026-12-14T08:00:03.25,240,\n2026-12-14T07:59:59-01:00,,90.5\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "told.csv").write_text(TOLD)
    return tmp_path


def _told(folder, text=GOOD):
    return [str(one) for one in problems(text.encode(), file=str(folder / "shop.toml"))]


def test_a_good_file_gives_the_workload_that_it_says(folder):
    scenario = parse(GOOD.encode(), file=str(folder / "shop.toml"))
    calls, told = scenario.streams
    assert calls.busyness == Busyness(
        name="usual", day_cv=0.1, interval_cv=0.05, correlation_us=90 * MINUTE_US
    )
    assert calls.batch == Batch(mean=2.5, sizes=Sizes.GEOMETRIC, spread_us=MINUTE_US)
    assert scenario.batches == (
        Batches(
            name="mailing",
            streams=("calls", "told"),
            at_offsets_us=(10 * MINUTE_US, 70 * MINUTE_US),
            batch=Batch(mean=20, spread_us=15 * MINUTE_US),
        ),
    )
    assert told.rates_per_h == (0.0, 0.0)
    assert told.replay is not None
    start_us = scenario.start_us
    assert told.replay.arrives_us == (start_us + 3_250_000, start_us + 2 * HOUR_US - SECOND_US)
    assert told.replay.handle_us == (240 * SECOND_US, 0)
    assert told.replay.patience_us == (0, 90_500_000)
    advent, letter, storm, crowd = scenario.peaks
    assert advent == Peak(
        name="advent",
        streams=("calls",),
        from_offset_us=0,
        shape=Season(length_us=48 * HOUR_US, profile=(1.0, 2.0)),
        factor=3.0,
    )
    assert letter.shape == Campaign(rise_us=5 * MINUTE_US, half_life_us=20 * MINUTE_US)
    assert (letter.factor, letter.added_per_h) == (1.0, 40.0)
    assert storm.shape == Outage(length_us=10 * HOUR_US)
    assert crowd.shape == FlashCrowd(
        users_from=1_000, users_to=100_000, growth=Growth.LOGISTIC, rise_us=HOUR_US
    )
    assert crowd.added_per_h == pytest.approx(990)
    # At least the batches and what is told; of peaks and arrivals some hundreds more.
    assert run(scenario, 1).arrived > 2 * 2 * 20 + 2 + 500


def test_a_peak_without_a_shape_is_a_trapezoid(folder):
    head = GOOD.partition("[[scenario.peaks]]")[0]
    peak = '[[scenario.peaks]]\nname = "p"\nstreams = []\nfrom = 2026-12-14T08:00:00\nfactor = 2\n'
    peak += "hold_min = 5\n"
    scenario = parse((head + peak).encode(), file=str(folder / "shop.toml"))
    assert scenario.peaks[0].shape == Trapezoid(hold_us=300_000_000)


WRONG = [
    (
        "day_cv = 0.1",
        "day_cv = -0.1",
        "scenario.busyness.usual.day_cv: is -0.1; wanted a number of",
    ),
    (
        "interval_cv = 0.05\n",
        "",
        "scenario.busyness.usual.correlation_min: is 90; wanted 0, since interval_cv is 0",
    ),
    (
        'busyness = "usual"',
        'busyness = "rare"',
        (
            "scenario.arrivals[0].busyness: is `rare`; wanted a table of scenario.busyness, one of "
            "`usual`"
        ),
    ),
    (
        "size = 2.5",
        "size = 0",
        "scenario.arrivals[0].batch.size: is 0; wanted a number of at least 1",
    ),
    (
        "size = 20",
        "size = 2.5",
        (
            "scenario.batches[0].size: is 2.5; wanted a whole number, or geometric sizes with this "
            "mean"
        ),
    ),
    (
        'sizes = "geometric"',
        'sizes = "geo"',
        "scenario.arrivals[0].batch.sizes: is `geo`; wanted one of `fixed`, `geometric`",
    ),
    (
        "2026-12-14T09:10:00]",
        "2026-12-14T10:00:00]",
        (
            "scenario.batches[0].at[1]: is 2026-12-14T10:00:00; wanted from 2026-12-14T08:00:00 "
            "until before 2026-12-14T10:00:00"
        ),
    ),
    ("spread_min = 15", "sprad_min = 15", "scenario.batches[0].sprad_min: is an unknown key; want"),
    (
        'streams = ["calls", "told"]',
        'streams = ["cals"]',
        "scenario.batches[0].streams[0]: is `cals`; wanted the name of a stream, one of `calls`",
    ),
    ('name = "advent"', 'name = "mailing"', "scenario.batches[0].name: is `mailing` again; wanted"),
    (
        'replay = "told.csv"',
        'replay = "told.csv"\nbusyness = "usual"',
        "scenario.arrivals[1].busyness: stands beside `replay`; wanted it with rates only",
    ),
    (
        'replay = "told.csv"',
        'replay = "told.csv"\nrates_per_h = [1, 2]',
        (
            "scenario.arrivals[1]: has rates_per_h and replay; wanted one of rates_per_h, curve, "
            "csv, replay"
        ),
    ),
    (
        'shape = "outage"',
        'shape = "outrage"',
        (
            "scenario.peaks[2].shape: is `outrage`; wanted one of `trapezoid`, `season`, "
            "`campaign`, `outage`, `flash_crowd`; did you mean `outage`?"
        ),
    ),
    (
        "half_life_min = 20",
        "",
        "scenario.peaks[1].half_life_min: is missing; wanted it in a peak of the shape `campaign`",
    ),
    (
        "rise_min = 5",
        "fall_min = 5",
        (
            "scenario.peaks[1].fall_min: is not of this shape; wanted one of `half_life_min`, "
            "`rise_min`, `factor`, `added_per_h` in the shape `campaign`"
        ),
    ),
    (
        "added_per_h = 40\n",
        "",
        "scenario.peaks[1].factor: is missing; wanted a number above 1, or added_per_h",
    ),
    (
        "added_per_h = 40",
        "added_per_h = 40\nfactor = 2",
        "scenario.peaks[1].added_per_h: stands beside factor; wanted one of both",
    ),
    (
        "added_per_h = 50",
        "factor = 5",
        (
            "scenario.peaks[2].streams[0]: is `told`, which has no rate to multiply, as it is "
            "replayed; wanted added_per_h instead of factor"
        ),
    ),
    (
        "profile = [1, 2]",
        "profile = [0, 0]",
        "scenario.peaks[0].profile: is 0 everywhere; wanted a",
    ),
    ("profile = [1, 2]", "profile = []", "scenario.peaks[0].profile: is an array; wanted at least"),
    ("profile = [1, 2]", "profile = [1, -2]", "scenario.peaks[0].profile[1]: is -2; wanted a"),
    ("length_min = 600", "length_min = 0", "scenario.peaks[2].length_min: is 0; wanted a number"),
    (
        "users_to = 100000",
        "users_to = 1000",
        "scenario.peaks[3].users_to: is 1000; wanted more than users_from, 1000",
    ),
    (
        "contacts_per_user_per_h = 0.01",
        "contacts_per_user_per_h = 20",
        (
            "scenario.peaks[3].contacts_per_user_per_h: is 20, 1.98e+06 contacts per hour of all "
            "users; wanted 1000000 at most"
        ),
    ),
    (
        'growth = "logistic"',
        'growth = "linear"',
        "scenario.peaks[3].growth: is `linear`; wanted one of `exponential`, `logistic`",
    ),
]


@pytest.mark.parametrize("before,after,want", WRONG, ids=[want[:60] for *_, want in WRONG])
def test_one_mistake_is_told_once(folder, before, after, want):
    assert before in GOOD
    told = _told(folder, GOOD.replace(before, after, 1))
    assert [text[: len(want)] for text in told] == [want]


def test_batches_of_too_many_contacts_in_all_are_a_mistake(folder):
    many = "at = [" + "2026-12-14T08:30:00,\n" * 99
    text = GOOD.replace("at = [", many).replace("size = 20", "size = 100000")
    (told,) = _told(folder, text)
    assert told == (
        "scenario.batches[0].size: is 100000, 1.01e+07 contacts at 101 instants; wanted 10000000 "
        "at most"
    )


@pytest.mark.parametrize(
    "value", ["-3", '"x"', "[1]", "[[1]]", "{ a = 1 }", "true", "1e400", "nan"]
)
@pytest.mark.parametrize(
    "key",
    [
        *("shape", "factor", "added_per_h", "length_min", "profile", "streams", "at", "size"),
        *("users_from", "users_to", "contacts_per_user_per_h", "replay", "batch", "sizes"),
        *("day_cv", "name", "from"),
    ],
)
def test_values_of_other_types_are_mistakes_and_no_crash(folder, key, value):
    text = re.sub(rf"\b{key} = (\[.*\]|{{.*}}|[^,\n}}]+)", lambda _: f"{key} = {value}", GOOD)
    assert text != GOOD
    assert _told(folder, text)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(folder):
    text = GOOD
    (folder / "told.csv").write_text(TOLD.replace("240", "-240"))
    for before, after in [
        ("day_cv = 0.1", "day_cv = 9"),
        ('busyness = "usual"', 'busyness = "rare"'),
        ("size = 20", "size = 0.5"),
        ("length_min = 2880\n", ""),
        ("users_to = 100000", "users_to = 10"),
    ]:
        text = text.replace(before, after, 1)
    assert [one.partition(": ")[0] for one in _told(folder, text)] == [
        "scenario.busyness.usual.day_cv",
        "scenario.arrivals[0].busyness",
        "scenario.arrivals[1].replay",
        "scenario.batches[0].size",
        "scenario.peaks[0].length_min",
        "scenario.peaks[3].users_to",
    ]


# --- replayed times ------------------------------------------------------------------------------

HERE = "scenario.arrivals[1].replay: told.csv"
FIRST = "2026-12-14T08:00:03.25"
WRONG_TIMES = [
    (TOLD.replace("240", "-1"), f"{HERE} row 2, column handle_s: `-1`; wanted a number from 0"),
    (
        TOLD.replace("240", "9e9"),
        f"{HERE} row 2, column handle_s: `9e9`; wanted a number of at mos",
    ),
    (TOLD.replace("90.5", "nan"), f"{HERE} row 3, column patience_s: `nan`; wanted a number from"),
    (TOLD.replace("240,", "240"), f"{HERE} row 2: 2 columns; wanted 3"),
    (
        TOLD.replace("handle_s", "handle"),
        f"{HERE} header: has `handle`; wanted nothing but arrives",
    ),
    (TOLD.replace("arrives", "at"), f"{HERE} header: has `at, handle_s, patience_s`; wanted one"),
    (
        TOLD.replace(FIRST, "08:00"),
        f"{HERE} row 2, column arrives: `08:00`; wanted a date and time like 2026-12-14T08:00:03",
    ),
    (
        TOLD.replace(FIRST, "2026-12-14T07:59"),
        (
            f"{HERE} row 2, column arrives: `2026-12-14T07:59`; wanted from "
            "2026-12-14T08:00:00+01:00 until before 2026-12-14T10:00:00+01:00"
        ),
    ),
    (
        TOLD + "2026-12-14T08:00:03,,\n",
        (
            f"{HERE} row 4, column arrives: `2026-12-14T08:00:03` goes back; wanted times that "
            "rise from row to row"
        ),
    ),
    (TOLD + '"', f"{HERE} row 4: unexpected end of data; wanted comma-separated values"),
    ("\xff\xff", f"{HERE}: byte 0 is not UTF-8; wanted UTF-8 text"),
]


@pytest.mark.parametrize("text,want", WRONG_TIMES, ids=[want[30:80] for _, want in WRONG_TIMES])
def test_a_wrong_row_is_told_with_its_row_and_column(folder, text, want):
    (folder / "told.csv").write_bytes(text.encode("latin-1"))
    told = _told(folder)
    assert told[0][: len(want)] == want
    assert len({one.partition(", column")[0] for one in told}) == 1


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (missing,) = _told(tmp_path)
    assert missing == f"{HERE}: No such file or directory; wanted a file that can be read"
    (strange,) = _told(tmp_path, GOOD.replace("told.csv", "a\\u0000b"))
    assert "embedded null byte" in strange
    (folder,) = _told(tmp_path, GOOD.replace("told.csv", "."))
    assert "Is a directory" in folder


BERLIN = ZoneInfo("Europe/Berlin")


def _read(path, start, hours=27, **limits):
    start_us = int(start.timestamp()) * SECOND_US
    return read_replay(
        path,
        time_zone="Europe/Berlin",
        start_us=start_us,
        end_us=start_us + hours * HOUR_US,
        **limits,
    )


def test_a_file_without_contacts_is_read_and_one_with_too_many_is_not(tmp_path):
    path = tmp_path / "told.csv"
    path.write_text("arrives\n")
    start = datetime(2026, 10, 25, tzinfo=BERLIN)
    assert _read(path, start)[0].arrives_us == ()
    path.write_text("arrives\n" + "2026-10-25T00:00\n" * 3)
    assert _read(path, start, rows_max=3)[1] == []
    _, (problem,) = _read(path, start, rows_max=2)
    assert str(problem) == "file: has over 2 rows; wanted at most 2"
    assert ROWS_MAX == 1_000_000


def test_an_hour_that_is_repeated_is_known_by_going_back_and_one_left_out_is_refused(tmp_path):
    path = tmp_path / "told.csv"
    local = ["02:10", "02:50", "02:05", "02:55:30", "03:00"]
    path.write_text("arrives\n" + "".join(f"2026-10-25T{one}\n" for one in local))
    replay, problems_ = _read(path, datetime(2026, 10, 25, tzinfo=BERLIN))
    assert not problems_
    utc = [
        datetime.fromtimestamp(one / SECOND_US, UTC).strftime("%H:%M") for one in replay.arrives_us
    ]
    assert utc == ["00:10", "00:50", "01:05", "01:55", "02:00"]
    path.write_text("arrives\n2026-03-29T02:30\n")
    _, (left_out,) = _read(path, datetime(2026, 3, 29, tzinfo=BERLIN))
    assert str(left_out) == (
        "row 2, column arrives: `2026-03-29T02:30`; wanted a time that the clocks do not leave out"
    )


@given(
    st.lists(st.tuples(st.integers(0, 27 * HOUR_US - 1), st.booleans()), max_size=30),
    st.sampled_from([datetime(2026, 10, 25), datetime(2026, 3, 29), datetime(2026, 7, 1)]),  # noqa: DTZ001
)
def test_instants_are_read_as_they_were_written(tmp_path_factory, offsets, day):
    start = day.replace(tzinfo=BERLIN)
    begins = start.astimezone(UTC)
    instants = [begins + timedelta(microseconds=one) for one, _ in sorted(offsets)]
    path = tmp_path_factory.mktemp("told") / "told.csv"
    # In a repeated hour a local time means the first if it can, so offsets stand there.
    with path.open("w") as file:
        file.write("arrives\n")
        for instant, (_, has_offset) in zip(instants, sorted(offsets), strict=True):
            local = instant.astimezone(BERLIN)
            is_twice = local.hour == 2 and (day.month, local.day) == (10, 25)
            shown = local if has_offset or is_twice else local.replace(tzinfo=None)
            file.write(f"{shown.isoformat()}\n")
    replay, problems_ = _read(path, start)
    assert not problems_
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert list(replay.arrives_us) == [
        (instant - epoch) // timedelta(microseconds=1) for instant in instants
    ]

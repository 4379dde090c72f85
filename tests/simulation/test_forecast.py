"""Forecasts from the same weekdays before: by hand where the numbers are told, and their error.

Method: a history whose weeks are written as formulas, so that every mean, factor and error is known
by hand; days of 23 and 25 hours; gaps, short histories and closed days. The command is run from the
history's file to a scenario's rates, and the scenario is simulated.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest

from acd.cli import main
from sim.busyness import Busyness, factors
from sim.forecast import Forecaster, ForecastError, Method, Uplift
from sim.history import Count, History, Line, write

SALES = Line("sales", "voice")
MONDAY = date(2026, 9, 7)
HOUR = 3_600


def past(
    of: Callable[[date, int], float | None],
    *,
    first: date = MONDAY,
    days: int = 56,
    zone: str = "UTC",
) -> History:
    """Return a history by hours: a formula of day and hour; None where nothing is counted."""
    empty = History(zone, HOUR, {})
    counts = {}
    for number in range(days):
        day = first + timedelta(days=number)
        start = int(datetime.combine(day, time(), empty.zone).timestamp())
        end = int(datetime.combine(day + timedelta(days=1), time(), empty.zone).timestamp())
        for start_s in range(start, end, HOUR):
            offered = of(day, empty.local(start_s).hour)
            if offered is not None:
                counts[start_s] = Count(offered)
    return History(zone, HOUR, {SALES: counts})


def by_hour(history, cells):
    return {history.local(cell.start_s).hour: cell.offered for cell in cells[SALES]}


def week_of(day: date) -> int:
    return (day - MONDAY).days // 7


def test_the_mean_of_the_last_four_same_weekdays():
    history = past(lambda day, hour: 100.0 * week_of(day) + hour if 8 <= hour < 12 else None)
    wanted = MONDAY + timedelta(weeks=8, days=2)
    cells = Forecaster(history).day(wanted)
    assert by_hour(history, cells) == {hour: 550.0 + hour for hour in range(8, 12)}
    two = Forecaster(history, Method(weeks=2)).day(wanted)
    assert by_hour(history, two)[8] == 658.0


def test_only_what_was_known_counts():
    history = past(lambda day, hour: float(week_of(day)) if hour == 9 else None)
    wanted = MONDAY + timedelta(weeks=7)
    assert by_hour(history, Forecaster(history).day(wanted)) == {9: 4.5}
    before = Forecaster(history).day(wanted, known_until=wanted - timedelta(weeks=1))
    assert by_hour(history, before) == {9: 3.5}


def test_growth_counts_from_the_middle_of_the_days_averaged():
    history = past(lambda _, hour: 100.0 if hour == 9 else None)
    wanted = MONDAY + timedelta(weeks=8)
    grown = Forecaster(history, Method(growth=0.5)).day(wanted)
    # The last four Mondays lie one to four weeks back: 17.5 days, of which the calendar has 18.
    assert by_hour(history, grown)[9] == pytest.approx(100 * 1.5 ** (18 / 365.25))


HOLIDAY = MONDAY + timedelta(weeks=3)
NEXT = MONDAY + timedelta(weeks=8)


def with_a_holiday(day, hour):
    if hour != 9:
        return None
    return 20.0 if day == HOLIDAY else 100.0


def test_holidays_are_left_out_and_have_a_factor():
    history = past(with_a_holiday)
    plain = Forecaster(history, Method(weeks=8)).day(NEXT)
    assert by_hour(history, plain)[9] == pytest.approx(90.0)
    learned = Forecaster(history, Method(weeks=8, holidays=frozenset({HOLIDAY, NEXT})))
    assert by_hour(history, learned.day(NEXT))[9] == pytest.approx(20.0)
    assert by_hour(history, learned.day(NEXT + timedelta(weeks=1)))[9] == pytest.approx(100.0)
    assert learned.holiday_factors() == {SALES: pytest.approx(0.2)}
    told = Forecaster(history, Method(holidays=frozenset({HOLIDAY, NEXT}), holiday_factor=0.5))
    assert by_hour(history, told.day(NEXT))[9] == pytest.approx(50.0)


def test_where_no_holiday_was_seen_it_is_a_day_like_others():
    history = past(lambda _, hour: 100.0 if hour == 9 else None)
    forecaster = Forecaster(history, Method(holidays=frozenset({NEXT})))
    assert by_hour(history, forecaster.day(NEXT))[9] == pytest.approx(100.0)


def test_uplifts_multiply_on_their_days_in_their_queue():
    history = past(lambda _, hour: 100.0 if hour == 9 else None)
    uplifts = (
        Uplift("sale", NEXT, NEXT, 1.5),
        Uplift("letter", NEXT, NEXT + timedelta(days=1), 2.0, "sales"),
        Uplift("elsewhere", NEXT, NEXT, 10.0, "help"),
    )
    forecaster = Forecaster(history, Method(uplifts=uplifts))
    found = [by_hour(history, forecaster.day(NEXT + timedelta(days=n)))[9] for n in range(3)]
    assert found == [pytest.approx(300.0), pytest.approx(200.0), pytest.approx(100.0)]


def test_days_of_23_and_25_hours_get_the_hours_that_they_have():
    # Clocks are changed on 25 October 2026 and 28 March 2027 in Berlin.
    zone = "Europe/Berlin"
    history = past(lambda _, hour: float(hour), first=date(2026, 9, 21), days=34, zone=zone)
    long = Forecaster(history).day(date(2026, 10, 25))[SALES]
    hours = [history.local(cell.start_s).hour for cell in long]
    assert hours == [0, 1, 2, 2, *range(3, 24)]
    assert [cell.offered for cell in long] == [float(hour) for hour in hours]
    spring = past(lambda _, hour: float(hour), first=date(2027, 3, 1), days=27, zone=zone)
    short = Forecaster(spring).day(date(2027, 3, 28))[SALES]
    assert [spring.local(cell.start_s).hour for cell in short] == [0, 1, *range(3, 24)]
    # A history that has such days has no gap there.
    both = past(lambda _, hour: float(hour), first=date(2026, 10, 19), days=14, zone=zone)
    assert by_hour(both, Forecaster(both).day(date(2026, 11, 1)))[2] == 2.0


def test_a_gap_is_refused_or_filled_from_the_other_days():
    def gappy(day, hour):
        is_gap = day == MONDAY + timedelta(weeks=7) and hour == 10
        return 100.0 + week_of(day) if 8 <= hour < 12 and not is_gap else None

    history = past(gappy)
    with pytest.raises(ForecastError, match=r"sales voice: lacks 2026-10-26T10:00:00\+00:00; want"):
        Forecaster(history)
    filled = by_hour(history, Forecaster(history, Method(fill_gaps=True)).day(NEXT))
    assert filled == {8: 105.5, 9: 105.5, 10: 105.0, 11: 105.5}


def test_a_weekday_that_never_was_is_closed_but_a_short_history_is_refused():
    history = past(lambda day, hour: 10.0 if day.weekday() < 5 and hour == 9 else None)
    assert Forecaster(history).day(NEXT - timedelta(days=1)) == {SALES: []}
    short = past(lambda _, hour: 10.0 if hour == 9 else None, days=3)
    with pytest.raises(ForecastError, match="sales voice: no Thursday before 2026-09-10; wanted"):
        Forecaster(short).day(MONDAY + timedelta(days=3))
    with pytest.raises(ForecastError, match="the history is too short"):
        Forecaster(short).error()


def test_the_error_is_that_of_forecasts_from_before_each_week():
    # Each week has 8 more than the one before: the mean of the last four lies 20 below it.
    history = past(lambda day, hour: 100.0 + 8 * week_of(day) if hour == 9 else None, days=56)
    held = Forecaster(history).error(2)
    actual = 7 * (100 + 8 * 6) + 7 * (100 + 8 * 7)
    assert held.weeks == 2
    assert held.wape == pytest.approx(14 * 20 / actual)
    assert Forecaster(history).error(100).weeks == 7


# --- the command ----------------------------------------------------------------------------------

SCENARIO = """
[domain]
name = "shop"

[queues.sales]
voice = { objective_s = 20, auto_answer = true }

[capacities.phone]
voice = {}

[profiles]
all = [{ queue = "sales" }]

[groups.day]
profile = "all"
capacity = "phone"

[scenario]
title = "Forecast"
start = 2026-11-02T08:00:00
hours = 4
interval_min = 60
staffing = { day = 10 }

[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
csv = "rates.csv"
column = "sales"
handle = { mean_s = 180 }
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    history = past(lambda day, hour: 20.0 + week_of(day) + hour if 8 <= hour < 12 else None)
    write(history, Path("history.csv"))
    Path("shop.toml").write_text(SCENARIO, encoding="utf-8")


def run(*words):
    return main(["sim", "forecast", "history.csv", *words])


@pytest.mark.usefixtures("shop")
def test_from_a_history_to_a_scenario(capsys):
    assert run("--day", "2026-11-02", "-o", "rates.csv") == 0
    said = capsys.readouterr().out
    assert "2026-11-02 sales voice: 140 offered" in said
    # Each hour of a week has one more than in the week before: four such means are off by 14.5.
    assert round(14.5 / (7 * 29.5 + 28), 3) == 0.062
    assert "error: 6.2% of the contacts (WAPE by 60 min, 7 weeks held out" in said
    assert "start = 2026-11-02T08:00:00, hours = 4, interval_min = 60" in said
    assert Path("rates.csv").read_text().splitlines()[:2] == ["from,sales", "08:00,33.5"]
    assert main(["sim", "run", "shop.toml"]) == 0


@pytest.mark.usefixtures("shop")
def test_holidays_of_a_country_and_what_is_known_to_come(capsys):
    # 7 September 2026 is Labor Day in the United States, 12 October Columbus Day.
    more = [
        "--country",
        "US",
        "--holiday-factor",
        "0.5",
        "--uplift",
        "sale:2026-10-01:2026-11-30:2",
    ]
    assert run("--day", "2026-11-11", *more, "--days", "2") == 0
    said = capsys.readouterr().out
    assert "2026-11-11 (holiday) sales voice: 140 offered" in said
    assert "2026-11-12 sales voice: 280 offered" in said


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    "more, message",
    [
        (["--country", "XX"], "--country: Country XX not available; wanted a code of ISO 3166"),
        (["--uplift", "sale:2026-12-01:2026-11-01:2"], "wanted NAME:FROM:TO:FACTOR"),
        (["--uplift", "sale"], "--uplift: `sale`; wanted NAME:FROM:TO:FACTOR[:QUEUE], like"),
        (["--days", "2", "-o", "rates.csv"], "--output: is for one day; wanted --days 1"),
        (["--day", "2026-09-07"], "sales voice: no Monday before 2026-09-07; wanted a week"),
        (["--weeks", "0"], "0 is not in the range 1<=x<=52"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_the_command_refuses(capsys, more, message):
    assert run("--day", "2026-11-02", *more) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("shop")
def test_two_channels_of_a_queue_have_a_column_each(capsys):
    chat = Line("sales", "chat")
    history = past(lambda _, hour: 10.0 if 8 <= hour < 12 else None)
    counts = dict(history.counts[SALES])
    both = History("UTC", HOUR, {SALES: counts, chat: dict(list(counts.items())[1::2])})
    write(both, Path("history.csv"))
    words = ("--day", "2026-11-02", "-o", "rates.csv")
    assert run(*words) == 2
    assert "sales chat: lacks 2026-09-07T10:00:00+00:00" in capsys.readouterr().err
    assert run(*words, "--fill-gaps") == 0
    assert Path("rates.csv").read_text().splitlines() == [
        "from,sales_chat,sales_voice",
        "08:00,0,10",
        "09:00,10,10",
        "10:00,0,10",
        "11:00,10,10",
    ]


@pytest.mark.usefixtures("shop")
def test_a_closed_day_has_no_rates_and_a_short_history_no_error(capsys):
    write(past(lambda _, hour: 1.0 if hour == 9 else None, days=8), Path("history.csv"))
    assert run("--day", "2026-09-15") == 0
    assert "error: 0.0%" in capsys.readouterr().out
    weekdays = past(lambda day, hour: 1.0 if hour == 9 and day.weekday() < 5 else None)
    write(weekdays, Path("history.csv"))
    assert run("--day", "2026-11-08", "-o", "rates.csv") == 2
    assert "--day: nobody is expected; wanted a day on which" in capsys.readouterr().err


def test_the_busyness_that_made_a_history_is_found_again():
    known = Busyness(
        name="sales", day_cv=0.12, interval_cv=0.1, correlation_us=3 * HOUR * 1_000_000
    )
    days, hours = 140 * 7, 12
    of_days = np.repeat(np.arange(days), hours)
    busy = factors(known, 1, days=of_days, interval_us=HOUR * 1_000_000).reshape(days, hours)
    drawn = np.random.default_rng(1)

    def of(day: date, hour: int) -> float | None:
        number, slot = (day - MONDAY).days, hour - 8
        # Weekdays and hours differ, and Sundays are closed.
        usual = (200 + 40 * day.weekday()) * (1 + 0.5 * slot / hours)
        is_open = 0 <= slot < hours and day.weekday() < 6
        return float(drawn.poisson(usual * busy[number, slot])) if is_open else None

    forecaster = Forecaster(past(of, days=days), Method(holidays=frozenset({MONDAY})))
    found = forecaster.busyness(SALES)
    # A day's mean varies by its own factor and its hours' (0.1² × 6 ÷ 12 of them); 834 days tell.
    error = (1 + 0.1**2 * 0.5 / 0.12**2) * (2 / 834) ** 0.5
    assert abs(found.day_cv**2 / 0.12**2 - 1) < 4 * error
    assert abs(found.interval_cv**2 / 0.1**2 - 1) < 4 * error
    assert abs(found.correlation_us / known.correlation_us - 1) < 0.5
    assert found.name == "sales"


@pytest.mark.usefixtures("shop")
def test_the_command_says_how_days_vary_or_that_too_few_are_known(capsys):
    assert run("--day", "2026-11-02") == 0
    said = capsys.readouterr().out
    assert "busyness of sales voice: day_cv = 0.000, interval_cv = 0.000" in said
    write(past(lambda _, hour: 1.0 if hour == 9 else None, days=8), Path("history.csv"))
    assert run("--day", "2026-09-15") == 0
    wanted = "busyness: not known: sales voice: 1 days with a forecast; wanted 20\n"
    assert capsys.readouterr().out.endswith(wanted)

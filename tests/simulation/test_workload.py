"""Peaks, batches, busyness and replayed times against the statistics of what they claim to be.

Tolerances are four standard errors of the statistic tested, or the distance of Kolmogorov and
Smirnov that one sample in a thousand exceeds; the seeds are fixed. Closed forms stand in the tests:
the integral of a shape, the variance of a compound Poisson count, a gamma distribution function.
"""

from datetime import UTC, datetime
from itertools import chain, pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import special, stats

from sim.arrivals import instants, sources, workload
from sim.batches import Batch, Batches, Sizes
from sim.busyness import Busyness, factors
from sim.dispersion import DAYS_MIN, covariances, estimate
from sim.driver import run
from sim.patience import Exponential
from sim.peaks import Campaign, FlashCrowd, Growth, Outage, Peak, Season, Trapezoid
from sim.replay import Replay
from sim.textbook import m_m_n
from sim.workload import HOUR_US, MINUTE_US, SECOND_US

DAY_US = 24 * HOUR_US

SHAPES = {
    "trapezoid": Trapezoid(rise_us=HOUR_US, hold_us=HOUR_US, fall_us=HOUR_US),
    "season": Season(length_us=4 * HOUR_US, profile=(1.0, 3.0, 0.0, 2.0)),
    "campaign": Campaign(rise_us=10 * MINUTE_US, half_life_us=20 * MINUTE_US),
    "campaign_at_once": Campaign(half_life_us=20 * MINUTE_US),
    "outage": Outage(length_us=5 * HOUR_US),
    "exponential_crowd": FlashCrowd(
        users_from=1_000, users_to=100_000, rise_us=HOUR_US, hold_us=HOUR_US, fall_us=HOUR_US
    ),
    "logistic_crowd": FlashCrowd(
        users_from=1_000, users_to=100_000, growth=Growth.LOGISTIC, rise_us=HOUR_US, fall_us=HOUR_US
    ),
}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def _scenario(rates_per_h, interval_us=HOUR_US, **of_stream):
    base = m_m_n(agents=5, contacts=100, load=0.8)
    stream = replace(
        base.streams[0], rates_per_h=tuple(rates_per_h), patience=Exponential(60.0), **of_stream
    )
    return replace(base, streams=(stream,), interval_us=interval_us, intervals=len(rates_per_h))


def _contacts(scenario, source=None, seed=1):
    drawn = chain.from_iterable(workload(scenario, seed))
    return [one for one in drawn if source is None or one[1] == source]


def _counts(scenario, seed=1):
    """Return how many contacts arrive. Shape (streams, intervals)."""
    counts = np.zeros((len(scenario.streams), scenario.intervals))
    for arrives_us, source, *_ in _contacts(scenario, seed=seed):
        counts[source, (arrives_us - scenario.start_us) // scenario.interval_us] += 1
    return counts


def _peak(shape, **height):
    return Peak(name="peak", streams=("all",), from_offset_us=HOUR_US // 2, shape=shape, **height)


# --- peaks ---------------------------------------------------------------------------------------


@each_shape
def test_a_shape_is_nothing_before_and_after_and_at_most_one(shape):
    peak = _peak(shape, factor=2.0)
    offsets_us = np.linspace(0, 2 * peak.until_offset_us, 100_001).astype(np.int64)
    heights = peak.heights(offsets_us)
    within = (offsets_us >= peak.from_offset_us) & (offsets_us < peak.until_offset_us)
    assert not heights[~within].any()
    assert heights.min() == 0
    assert 0.99 < heights.max() <= 1


@each_shape
def test_a_peak_adds_contacts_as_its_shape_says_and_leaves_the_others_as_they_were(shape):
    plain = _scenario([500.0] * 5)
    peak = _peak(shape, factor=3.0, added_per_h=4_000.0)
    both = replace(plain, peaks=(peak,))
    assert _contacts(both, 0) == _contacts(plain)
    grid_us = np.arange(0, 5 * HOUR_US, SECOND_US) + SECOND_US // 2
    heights = peak.heights(grid_us)
    mean = 5_000.0 * heights.sum() / 3_600
    added = np.array([one[0] for one in _contacts(both, 1)]) - plain.start_us
    assert abs(len(added) - mean) < 4 * np.sqrt(mean)
    expected = np.interp(added, grid_us, np.cumsum(heights) / heights.sum())
    ranks = np.arange(1, len(added) + 1) / len(added)
    assert np.abs(expected - ranks).max() < 1.95 / np.sqrt(len(added))


def test_a_peak_may_add_contacts_where_there_are_none():
    quiet = replace(
        _scenario([0.0] * 3), peaks=(_peak(Outage(length_us=HOUR_US), added_per_h=9e3),)
    )
    assert {one[1] for one in _contacts(quiet)} == {1}


def test_a_campaign_halves_in_each_half_life():
    shape = Campaign(rise_us=10 * MINUTE_US, half_life_us=20 * MINUTE_US)
    minutes = np.array([0, 5, 10, 30, 50, 70])
    assert shape.heights(minutes * MINUTE_US).tolist() == [0, 0.5, 1, 0.5, 0.25, 0.125]
    assert shape.length_us == 210 * MINUTE_US


def test_a_season_holds_each_figure_of_its_profile_for_a_share_of_its_length():
    shape = Season(length_us=4 * DAY_US, profile=(1.0, 2.0, 4.0, 0.0))
    days = np.array([0.0, 0.99, 1.0, 1.99, 2.0, 2.99, 3.0, 3.99]) * DAY_US
    heights = shape.heights(days.astype(np.int64))
    assert heights.tolist() == [0.25, 0.25, 0.5, 0.5, 1, 1, 0, 0]


def test_an_exponential_crowd_grows_by_one_factor_in_equal_times():
    shape = FlashCrowd(
        users_from=1_000, users_to=100_000, rise_us=HOUR_US, hold_us=HOUR_US, fall_us=HOUR_US
    )
    users = shape.users(np.array([0, 15, 30, 45, 60, 120, 150, 180]) * MINUTE_US)
    assert users == pytest.approx([1e3, 10**3.5, 1e4, 10**4.5, 1e5, 1e5, 1e4, 1e3])


def test_a_logistic_crowd_grows_by_verhulsts_equation():
    shape = FlashCrowd(
        users_from=1_000, users_to=100_000, growth=Growth.LOGISTIC, rise_us=HOUR_US, hold_us=1
    )
    times_us = np.arange(0, HOUR_US + 1, SECOND_US)
    users = shape.users(times_us)
    assert users[[0, -1]] == pytest.approx([1_000, 100_000])
    capacity = 100_000 / 0.99
    growth = np.diff(np.log(users / (capacity - users)))
    # dN/dt = r N (1 − N ÷ K): the logit of N ÷ K rises along a straight line.
    assert growth == pytest.approx(growth[0])


def test_an_outage_surges_as_the_lines_of_new_york_did_after_sandy():
    # Shares of the calls of the 60 days from 27 October 2012 on (see `Outage` for the source) that
    # came up to the day: derived figures, 61,920 calls in all; day 3 had the most.
    data = {2: 0.111, 3: 0.241, 5: 0.420, 7: 0.457, 10: 0.572, 14: 0.676, 21: 0.726, 30: 0.768}
    shape = Outage(length_us=60 * DAY_US)
    grid_us = np.arange(0, 60 * DAY_US, MINUTE_US)
    shares = np.cumsum(shape.heights(grid_us)) / shape.heights(grid_us).sum()
    off = {day: shares[day * 24 * 60 - 1] - seen for day, seen in data.items()}
    assert all(abs(one) < 0.066 for one in off.values()), off
    by_day = shape.heights(grid_us).reshape(60, -1).sum(axis=1)
    assert by_day.argmax() == 2


# --- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "batch,variance,kurtosis",
    [
        # Variance ÷ mean of a compound Poisson count is E S² ÷ E S; its excess kurtosis is
        # E S⁴ ÷ (batches × (E S²)²): for the geometric law of mean 3, E S² = 15 and E S⁴ = 1191.
        (Batch(mean=4), 4.0, 1.0),
        (Batch(mean=3, sizes=Sizes.GEOMETRIC), 5.0, 1191 / 15**2),
    ],
    ids=["fixed", "geometric"],
)
def test_counts_of_batches_are_compound_poisson(batch, variance, kurtosis):
    hours, batches = 3_000, 25.0
    scenario = _scenario([batches * batch.mean] * hours, batch=batch)
    (source,) = sources(scenario)
    counts = np.array([len(instants(scenario, source, hour, 1)) for hour in range(hours)])
    mean = batches * batch.mean
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean * variance / hours)
    error = np.sqrt((2 + kurtosis / batches) / hours)
    assert abs(counts.var(ddof=1) / (mean * variance) - 1) < 4 * error


def test_a_batch_is_spread_over_its_minutes_beyond_the_interval_and_nobody_is_lost():
    batch = Batch(mean=50, spread_us=30 * MINUTE_US)
    scenario = _scenario([200.0] * 4 + [0.0], batch=batch)
    (source,) = sources(scenario)
    drawn = np.concatenate([instants(scenario, source, hour, 1) for hour in range(4)])
    came = [one[0] for one in _contacts(scenario)]
    assert came == sorted(drawn.tolist())
    assert len(came) % 50 == 0
    assert any(one >= scenario.start_us + 4 * HOUR_US for one in came)
    longer = _scenario([200.0] * 4 + [0.0, 700.0], batch=batch)
    assert _contacts(longer)[: len(came)] == _contacts(scenario)


def test_batches_at_stated_instants_come_within_their_spread_and_add_to_the_others():
    plain = _scenario([300.0] * 3)
    mailing = Batches(
        name="mailing",
        streams=("all",),
        at_offsets_us=(MINUTE_US, 119 * MINUTE_US),
        batch=Batch(mean=2_000, spread_us=10 * MINUTE_US),
    )
    both = replace(plain, batches=(mailing,))
    assert _contacts(both, 0) == _contacts(plain)
    minutes = (np.array([one[0] for one in _contacts(both, 1)]) - plain.start_us) / MINUTE_US
    for at, of_one in ((1, minutes[:2_000]), (119, minutes[2_000:])):
        assert len(of_one) == 2_000
        assert stats.kstest((of_one - at) / 10, "uniform").statistic < 1.95 / np.sqrt(2_000)
    only_one = replace(mailing, at_offsets_us=(MINUTE_US,))
    alone = _contacts(replace(plain, batches=(only_one,)), 1)
    assert alone == _contacts(both, 1)[:2_000]


def test_contacts_of_peaks_come_in_batches_where_the_stream_does():
    scenario = replace(
        _scenario([0.0] * 3, batch=Batch(mean=5)),
        peaks=(_peak(Trapezoid(hold_us=HOUR_US), added_per_h=500.0),),
    )
    came, sizes = np.unique([one[0] for one in _contacts(scenario)], return_counts=True)
    assert set(sizes) == {5}
    assert abs(len(came) - 100) < 4 * 10


# --- busyness ------------------------------------------------------------------------------------

BUSY = Busyness(name="days", day_cv=0.3, interval_cv=0.2, correlation_us=3 * HOUR_US)


def test_factors_are_gamma_of_mean_one_and_their_normal_scores_decay():
    count = 40_000
    intervals = factors(
        replace(BUSY, day_cv=0.0), 1, days=np.zeros(count, np.int64), interval_us=HOUR_US
    )
    scores = special.ndtri(stats.gamma(25, scale=1 / 25).cdf(intervals))
    for hours in (1, 2, 6):
        wanted = np.exp(-hours / 3)
        seen = np.mean(scores[hours:] * scores[:-hours])
        # Bartlett: the variance of an autocorrelation of an AR(1) process is at most this over n.
        kept = np.exp(-2 / 3)
        assert abs(seen - wanted) < 4 * np.sqrt(2 * (1 + kept) / (1 - kept) / count)
    days = factors(replace(BUSY, interval_cv=0.0), 1, days=np.arange(count), interval_us=HOUR_US)
    law = stats.gamma(1 / 0.09, scale=0.09)
    assert stats.kstest(days, law.cdf).statistic < 1.95 / np.sqrt(count)
    assert abs(days.mean() - 1) < 4 * 0.3 / np.sqrt(count)
    assert abs(np.corrcoef(days[1:], days[:-1])[0, 1]) < 4 / np.sqrt(count)


def test_counts_vary_as_much_as_their_closed_form_says():
    # Intervals of a day each: the factors are independent from count to count.
    days, rate = 600, 200.0
    scenario = _scenario([rate / 24] * days, interval_us=DAY_US, busyness=BUSY)
    (counts,) = _counts(scenario)
    variance = rate + rate**2 * ((1 + 0.3**2) * (1 + 0.2**2) - 1)
    assert abs(counts.mean() - rate) < 4 * np.sqrt(variance / days)
    # The counts' excess kurtosis is near that of the gamma factor, 6 × 0.13.
    assert abs(counts.var(ddof=1) / variance - 1) < 4 * np.sqrt((2 + 0.8) / days)


def test_streams_share_the_factors_of_one_busyness_and_of_no_other():
    scenario = _scenario([1_000.0] * 48, busyness=BUSY)
    (stream,) = scenario.streams
    scenario = replace(
        scenario,
        streams=(
            stream,
            replace(stream, name="same"),
            replace(stream, name="other", busyness=replace(BUSY, name="else")),
        ),
    )
    one, same, other = _counts(scenario)
    assert np.abs(one / same - 1).max() < 4 * np.sqrt(2 / min(one.min(), same.min()))
    assert np.abs(one / other - 1).max() > 0.5


def test_busyness_changes_with_the_local_day_even_of_25_hours():
    start = datetime(2026, 10, 24, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    busyness = Busyness(name="days", day_cv=1.0)
    scenario = replace(
        _scenario([2e3] * 73, busyness=busyness),
        start_us=int(start.timestamp()) * SECOND_US,
        time_zone="Europe/Berlin",
    )
    (counts,) = _counts(scenario)
    days = [counts[:24], counts[24:49], counts[49:]]
    for day in days:
        assert np.abs(day / day.mean() - 1).max() < 5 / np.sqrt(day.mean())
    means = [day.mean() for day in days]
    assert min(abs(a / b - 1) for a, b in pairwise(means)) > 0.3


def test_what_multiplies_a_rate_multiplies_the_busy_one_and_what_is_added_is_added():
    busyness = Busyness(name="weeks", day_cv=1.0)
    busy = _scenario([3_000.0] * 2, busyness=busyness)
    (factor, _) = factors(busyness, 1, days=np.zeros(2, np.int64), interval_us=HOUR_US)
    assert abs(factor - 1) > 0.2
    for height, wanted in (({"factor": 3.0}, 6_000 * factor), ({"added_per_h": 6_000.0}, 6_000)):
        peak = _peak(Trapezoid(hold_us=HOUR_US), **height)
        added = len(_contacts(replace(busy, peaks=(peak,)), 1))
        assert abs(added - wanted) < 4 * np.sqrt(wanted)


def test_without_variance_or_with_other_customers_the_contacts_stay_as_they_were():
    plain = _scenario([300.0] * 6)
    still = _scenario([300.0] * 6, busyness=Busyness(name="days"))
    assert _contacts(plain) == _contacts(still)
    busy = _scenario([300.0] * 6, busyness=BUSY)
    longer = _scenario([300.0] * 9, busyness=BUSY)
    assert _contacts(plain) != _contacts(busy)
    assert _contacts(longer)[: len(_contacts(busy))] == _contacts(busy)


def test_busier_days_stay_the_busier_ones_when_they_vary_more():
    days = np.arange(50)
    small, large = (
        factors(Busyness(name="a", day_cv=cv), 1, days=days, interval_us=DAY_US)
        for cv in (0.1, 0.5)
    )
    assert np.argsort(small).tolist() == np.argsort(large).tolist()


# --- busyness from a history ---------------------------------------------------------------------

SLOTS = 24
KNOWN = Busyness(name="line", day_cv=0.1, interval_cv=0.15, correlation_us=2 * HOUR_US)


def _history(days, seed, means):
    of_days = np.repeat(np.arange(days), SLOTS)
    busy = factors(KNOWN, seed, days=of_days, interval_us=HOUR_US).reshape(days, SLOTS)
    return np.random.default_rng(seed).poisson(means * busy).astype(float)


def test_covariances_of_known_factors_are_met_in_the_mean():
    means = np.linspace(50, 300, SLOTS)
    found = np.array(
        [
            covariances(_history(60, seed, means), np.tile(means, (60, 1)), averaged=np.inf)[0]
            for seed in range(100)
        ]
    )
    for lag in (0, 1, 3, 10):
        wanted = (1 + 0.1**2) * (1 + 0.15**2 * np.exp(-lag / 2)) - 1
        seen = found[:, lag]
        # The gamma factors' correlation differs from their normal scores' by less than 2 %.
        slack = 4 * seen.std(ddof=1) / np.sqrt(len(seen)) + 0.02 * 0.15**2 * np.exp(-lag / 2)
        assert abs(seen.mean() - wanted) < slack, lag


def test_known_parameters_are_found_again():
    means = np.linspace(50, 300, SLOTS)
    days = 3_000
    found = estimate(
        _history(days, 1, means),
        np.tile(means, (days, 1)),
        averaged=np.inf,
        interval_us=HOUR_US,
        name="line",
    )
    # A day's mean has, beside its own factor, that of its intervals: about (0.1² + 0.15² × 4 ÷ 24).
    share = 1 + 0.15**2 * (4 / SLOTS) / 0.1**2
    assert abs(found.day_cv**2 / 0.1**2 - 1) < 4 * share * np.sqrt(2 / days)
    assert abs(found.interval_cv**2 / 0.15**2 - 1) < 4 * np.sqrt(2 / days) * share
    assert abs(found.correlation_us / (2 * HOUR_US) - 1) < 0.15


def test_a_history_of_poisson_counts_has_hardly_any_busyness():
    counts = np.random.default_rng(1).poisson(100.0, (400, SLOTS)).astype(float)
    found = estimate(
        counts, np.full_like(counts, 100.0), averaged=np.inf, interval_us=HOUR_US, name="line"
    )
    # Variance ÷ mean² is known to 0.01 × √(2 ÷ counts).
    assert found.day_cv**2 + found.interval_cv**2 < 4 * 0.01 * np.sqrt(2 / counts.size) * 2


def test_what_was_not_counted_is_left_out_and_too_little_is_refused():
    counts = _history(100, 1, np.full(SLOTS, 200.0))
    counts[::2, :12] = np.nan
    expected = np.full_like(counts, 200.0)
    curve, _ = covariances(counts, expected, averaged=np.inf)
    assert 0 < curve[0] < 0.1
    few = counts[: DAYS_MIN - 1]
    with pytest.raises(ValueError, match="19 days with a forecast; wanted 20"):
        estimate(few, few, averaged=1.0, interval_us=HOUR_US, name="line")
    with pytest.raises(ValueError, match="nobody was expected; wanted contacts"):
        estimate(counts, counts * 0, averaged=1.0, interval_us=HOUR_US, name="line")


# --- replayed times ------------------------------------------------------------------------------


def test_replayed_contacts_come_as_told_and_what_is_not_told_is_drawn_by_key():
    plain = _scenario([30.0] * 3)
    drawn = _contacts(plain)
    told = Replay(
        arrives_us=tuple(one[0] + 1 for one in drawn),
        handle_us=tuple(7 * SECOND_US if one[2] % 2 else 0 for one in drawn),
        patience_us=(0,) * (len(drawn) - 1) + (SECOND_US,),
    )
    replayed = _contacts(_scenario([0.0] * 3, replay=told))
    assert [one[0] for one in replayed] == list(told.arrives_us)
    wanted = [7 * SECOND_US if one[2] % 2 else one[3] for one in drawn]
    assert [one[3] for one in replayed] == wanted
    assert [one[4] for one in replayed] == [one[4] for one in drawn[:-1]] + [SECOND_US]
    staffed = replace(_scenario([0.0] * 3, replay=told), staffing={"all": (5,) * 3})
    assert run(staffed, 1).arrived == len(drawn)


def test_a_peak_upon_a_replayed_stream_adds_drawn_contacts():
    start_us = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * SECOND_US
    told = Replay(arrives_us=(start_us + 5,), handle_us=(0,), patience_us=(0,))
    scenario = replace(
        _scenario([0.0] * 3, replay=told),
        start_us=start_us,
        peaks=(_peak(Trapezoid(hold_us=HOUR_US), added_per_h=100.0),),
    )
    assert [one[0] for one in _contacts(scenario, 0)] == [start_us + 5]
    assert abs(len(_contacts(scenario, 1)) - 100) < 4 * 10

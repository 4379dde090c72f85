"""The workload against the statistics of what it claims to be, and against changes elsewhere.

Tolerances are four standard errors of the statistic tested, so a right program passes at nearly
every seed; the seeds are fixed, so it passes always.
"""

from itertools import chain
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from sim.arrivals import handle_times_us, instants, sources, workload
from sim.draws import Draws, standard_exponential, standard_normal
from sim.patience import Exponential
from sim.peaks import Peak, Trapezoid
from sim.textbook import m_m_n
from sim.workload import HOUR_US, MINUTE_US, SECOND_US, Handle, Shape

PEAK = Peak(
    name="sale",
    streams=("all",),
    from_offset_us=HOUR_US,
    shape=Trapezoid(rise_us=20 * MINUTE_US, hold_us=40 * MINUTE_US),
    factor=3.0,
)


def _scenario(rates_per_h=(300.0, 0.0, 600.0), peaks=(), patience_mean_s=60.0):
    base = m_m_n(agents=5, contacts=100, load=0.8)
    stream = msgspec.structs.replace(
        base.streams[0],
        rates_per_h=tuple(rates_per_h),
        patience=None if patience_mean_s is None else Exponential(patience_mean_s),
    )
    return msgspec.structs.replace(
        base,
        streams=(stream,),
        peaks=tuple(peaks),
        interval_us=HOUR_US,
        intervals=len(rates_per_h),
    )


class _Contact(NamedTuple):
    arrives_us: int
    source: int
    ordinal: int
    handle_us: int
    patience_us: int


def _contacts(scenario, seed=1):
    return [_Contact(*drawn) for drawn in chain.from_iterable(workload(scenario, seed))]


def _arrivals_of(contacts, source):
    return [contact for contact in contacts if contact.source == source]


def test_counts_are_poisson():
    hours, mean = 2_000, 30.0
    scenario = _scenario(rates_per_h=[mean] * hours)
    (source,) = sources(scenario)
    counts = np.array([len(instants(scenario, source, hour, 1)) for hour in range(hours)])
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / hours)
    # Variance over mean of Poisson counts has a standard deviation of √(2 / hours).
    assert abs(counts.var(ddof=1) / counts.mean() - 1) < 4 * np.sqrt(2 / hours)


def test_gaps_are_exponential():
    scenario = _scenario(rates_per_h=[40_000.0])
    (source,) = sources(scenario)
    gaps_h = np.diff(instants(scenario, source, 0, 1)) / HOUR_US
    scaled = np.sort(gaps_h / gaps_h.mean())
    ranks = np.arange(1, len(scaled) + 1) / len(scaled)
    # Kolmogorov and Smirnov: the distance exceeds 1.95 / √n once in a thousand samples.
    assert np.abs(1 - np.exp(-scaled) - ranks).max() < 1.95 / np.sqrt(len(scaled))


def test_instants_lie_in_their_interval_in_ascending_order():
    scenario = _scenario()
    (source,) = sources(scenario)
    for interval in range(scenario.intervals):
        drawn = instants(scenario, source, interval, 1)
        start_us = scenario.start_us + interval * scenario.interval_us
        assert (np.diff(drawn) >= 0).all()
        assert ((drawn >= start_us) & (drawn < start_us + scenario.interval_us)).all()


def test_no_rate_means_no_contact():
    scenario = _scenario(rates_per_h=[0.0])
    assert _contacts(scenario) == []


def test_all_contacts_come_in_order_and_none_twice():
    contacts = _contacts(_scenario(peaks=[PEAK]))
    assert [one.arrives_us for one in contacts] == sorted(one.arrives_us for one in contacts)
    names = [(one.source, one.ordinal) for one in contacts]
    assert len(set(names)) == len(names)
    for source in (0, 1):
        ordinals = [one.ordinal for one in _arrivals_of(contacts, source)]
        assert ordinals == list(range(len(ordinals)))


def test_a_longer_horizon_keeps_the_contacts_of_the_shorter():
    short = _contacts(_scenario(rates_per_h=[300.0, 100.0]))
    long = _contacts(_scenario(rates_per_h=[300.0, 100.0, 500.0]))
    assert long[: len(short)] == short


def test_a_peak_adds_contacts_and_leaves_the_others_as_they_were():
    with_peak = _contacts(_scenario(rates_per_h=[300.0] * 4, peaks=[PEAK]))
    without = _contacts(_scenario(rates_per_h=[300.0] * 4))
    assert _arrivals_of(with_peak, 0) == without
    assert _arrivals_of(with_peak, 1)


def test_another_stream_leaves_the_contacts_as_they_were():
    scenario = _scenario()
    more = msgspec.structs.replace(scenario.streams[0], name="more")
    both = msgspec.structs.replace(scenario, streams=(more, *scenario.streams))
    assert [one._replace(source=0) for one in _arrivals_of(_contacts(both), 1)] == _contacts(
        scenario
    )


def test_another_seed_gives_other_contacts():
    assert _contacts(_scenario(), seed=1)[:5] != _contacts(_scenario(), seed=2)[:5]


def test_a_peak_rises_holds_and_falls():
    minutes = np.array([0, 59, 60, 65, 70, 80, 100, 119, 120, 121])
    seen = PEAK.heights(minutes * MINUTE_US)
    assert seen.tolist() == [0, 0, 0, 0.25, 0.5, 1, 1, 1, 0, 0]


def test_a_peak_adds_as_many_contacts_as_its_shape_says():
    rate_per_h = 20_000.0
    scenario = _scenario(rates_per_h=[rate_per_h] * 3, peaks=[PEAK])
    added = _arrivals_of(_contacts(scenario), 1)
    # Twice the rate on top: over 40 minutes in full, over 20 minutes half of it.
    mean = 2 * rate_per_h * (40 + 10) / 60
    assert abs(len(added) - mean) < 4 * np.sqrt(mean)
    rising = sum(one.arrives_us < scenario.start_us + 80 * MINUTE_US for one in added)
    assert abs(rising - mean / 5) < 4 * np.sqrt(mean / 5)


@pytest.mark.parametrize(
    "handle,standard,fourth_moment_known",
    [
        (Handle(mean_s=240, scv=1.2), standard_normal, False),
        (Handle(mean_s=30, scv=0.3), standard_normal, False),
        (Handle(mean_s=300, shape=Shape.EXPONENTIAL), standard_exponential, True),
    ],
    ids=["voice", "steady", "exponential"],
)
def test_handling_times_have_the_mean_and_the_scv_asked_for(handle, standard, fourth_moment_known):
    size = 400_000
    drawn = handle_times_us(handle, Draws(1, "a", "handle", standard).of(0, size)) / SECOND_US
    spread = np.sqrt(handle.scv)
    assert abs(drawn.mean() / handle.mean_s - 1) < 4 * spread / np.sqrt(size)
    # E (x/m)^4 is (1 + scv)^6 for the lognormal and 24 for the exponential.
    fourth = 24.0 if fourth_moment_known else (1 + handle.scv) ** 6
    second = np.mean((drawn / handle.mean_s) ** 2)
    assert abs(second - (1 + handle.scv)) < 4 * np.sqrt((fourth - (1 + handle.scv) ** 2) / size)


def test_a_duration_is_at_least_a_microsecond():
    tiny = handle_times_us(Handle(mean_s=1e-9), np.array([-3.0, 0.0, 3.0]))
    assert tiny.tolist() == [1, 1, 1]


def test_patience_is_exponential_or_without_end():
    waits = np.array([one.patience_us for one in _contacts(_scenario([20_000.0]))]) / SECOND_US
    assert abs(waits.mean() / 60 - 1) < 4 / np.sqrt(len(waits))
    assert abs(waits.std() / 60 - 1) < 4 * np.sqrt(2 / len(waits))
    assert {one.patience_us for one in _contacts(_scenario(patience_mean_s=None))} == {0}

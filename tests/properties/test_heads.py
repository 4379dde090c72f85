"""The coarse pass over the heads never loses the first, whatever the numbers.

Method: Hypothesis draws classes with numbers from both ends of their ranges and from between, heads
that came at any time up to the last instant at which steps are taken, and classes without one; the
first by fractions of Python's integers must be the first of what the rows let through. Neighbours
(a microsecond more or less, a period one longer) are drawn on purpose.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.contacts import Leg
from acd.events import ContactArrived
from acd.heads import AgeingHeads, Heads, RatioHeads, WaitHeads
from acd.ids import PRIORITY_MAX, STEP_US_MAX, Channel
from acd.mistakes import SPAN_MAX_US
from acd.queues import Key, LegClass, Numbers
from acd.settings import (
    AGEING_PER_H_MAX,
    DELAY_COST_MAX,
    HOUR_US,
    WAITING_SHARE_MAX,
    ChannelSettings,
    DomainSettings,
    QueueSettings,
    Urgency,
)
from acd.skills import ANYONE
from acd.urgency import NO_CAP, key_function

ARRIVAL: Final = ContactArrived(contact_id="c", queue="sales", channel=Channel.VOICE)
VOICE: Final = {Channel.VOICE: ChannelSettings()}


def within(low: int, high: int) -> st.SearchStrategy[int]:
    """Draw from the two ends, and from between."""
    return st.one_of(
        st.integers(low, min(low + 2, high)),
        st.integers(max(high - 2, low), high),
        st.integers(low, high),
    )


def klass(number: int, numbers: Numbers) -> LegClass:
    return LegClass(
        number=number,
        queue=QueueSettings(name="q", channels=VOICE),
        channel=Channel.VOICE,
        channel_index=0,
        requirement=ANYONE,
        prefers=(),
        numbers=numbers,
    )


def head(of: LegClass, arrived_us: int, priority: int, urgency: Urgency) -> Leg:
    key = key_function(urgency)(arrived_us, of.number + 1, priority, 0, of.numbers)
    return Leg(of.number + 1, "c", of, key, arrived_us, ARRIVAL)


def check(
    heads: Heads, exact: Mapping[int, tuple[Fraction | int, ...]], legs: list[Leg], now_us: int
) -> None:
    """Compare the first of what is let through with the first by the exact places."""
    count = len(exact) + 1  # One class has no head.
    heads.put(klass(count - 1, legs[0].klass.numbers))
    through = heads.narrow(np.arange(count, dtype=np.int64), now_us).tolist()

    def place(number: int) -> Key:
        return heads.place(legs[number], now_us)

    first = min(exact, key=exact.__getitem__)
    assert first in through
    assert min(through, key=place) == first
    assert sorted(exact, key=place) == sorted(exact, key=exact.__getitem__)


WAITS: Final = st.lists(
    st.tuples(within(0, STEP_US_MAX - 1), within(1, DELAY_COST_MAX), within(1, SPAN_MAX_US)),
    min_size=1,
    max_size=12,
)


@given(WAITS, st.booleans(), st.data())
def test_weighted_waits(
    drawn: list[tuple[int, int, int]], costs: bool, data: st.DataObject
) -> None:
    urgency = Urgency.GENERALIZED_C_MU if costs else Urgency.WAIT_OVER_OBJECTIVE
    heads = WaitHeads(urgency)
    now_us = data.draw(within(max(came for came, _, _ in drawn), STEP_US_MAX))
    legs, exact = [], {}
    for number, (arrived_us, cost, period_us) in enumerate(drawn):
        weight = cost if costs else 1
        of = klass(number, Numbers(weight=weight, period_us=period_us))
        legs.append(head(of, arrived_us, 0, urgency))
        heads.put(of)
        heads.note(number, legs[number])
        value = Fraction((now_us - arrived_us) * weight, period_us)
        exact[number] = (-value, arrived_us, number + 1)
    check(heads, exact, legs, now_us)


@given(
    st.integers(1, 2**45 // 4),
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=2, max_size=8),
    st.sampled_from([1, 3, 2**14]),
)
def test_waits_that_differ_by_microseconds(
    wait_us: int, near: list[tuple[int, int]], times: int
) -> None:
    """Ratios of about `times`, from waits and periods next to each other."""
    heads = WaitHeads(Urgency.WAIT_OVER_OBJECTIVE)
    now_us = times * wait_us + 2
    legs, exact = [], {}
    for number, (more, longer) in enumerate(near):
        period_us = max(wait_us + longer, 1)
        of = klass(number, Numbers(period_us=period_us))
        arrived_us = min(2 + more, now_us)
        legs.append(head(of, arrived_us, 0, Urgency.WAIT_OVER_OBJECTIVE))
        heads.put(of)
        heads.note(number, legs[number])
        exact[number] = (-Fraction(now_us - arrived_us, period_us), arrived_us, number + 1)
    check(heads, exact, legs, now_us)


POINTS: Final = st.lists(
    st.tuples(
        within(0, STEP_US_MAX - 1),
        within(-PRIORITY_MAX, PRIORITY_MAX),
        within(0, AGEING_PER_H_MAX),
        st.none() | within(-PRIORITY_MAX, PRIORITY_MAX),
    ),
    min_size=1,
    max_size=12,
)


@given(POINTS, st.data())
def test_points(drawn: list[tuple[int, int, int, int | None]], data: st.DataObject) -> None:
    heads = AgeingHeads()
    latest_us = max(came for came, *_ in drawn)
    soon = st.integers(latest_us, min(latest_us + 2 * HOUR_US, STEP_US_MAX))
    now_us = data.draw(soon | within(latest_us, STEP_US_MAX))
    legs, exact = [], {}
    for number, (arrived_us, priority, rate, cap) in enumerate(drawn):
        most = NO_CAP if cap is None else cap * HOUR_US
        of = klass(number, Numbers(weight=rate, cap=most))
        legs.append(head(of, arrived_us, priority, Urgency.AGEING))
        heads.put(of)
        heads.note(number, legs[number])
        points = priority + Fraction(rate * (now_us - arrived_us), HOUR_US)
        capped = points if cap is None else min(points, Fraction(cap))
        exact[number] = (-capped, -points, arrived_us, number + 1)
    check(heads, exact, legs, now_us)


@given(
    st.lists(
        st.tuples(within(0, WAITING_SHARE_MAX), within(1, 2**31), within(0, 3)),
        min_size=1,
        max_size=12,
    ),
    st.data(),
)
def test_queues_beside_their_shares(drawn: list[tuple[int, int, int]], data: st.DataObject) -> None:
    queues = tuple(
        QueueSettings(name=f"q{at}", channels=VOICE, waiting_share=share or (at == 0))
        for at, (share, _, _) in enumerate(drawn)
    )
    settings = DomainSettings(
        name="d",
        queues=queues,
        profiles=(),
        capacities=(),
        agents=(),
        urgency=Urgency.QUEUE_RATIO,
    )
    heads = RatioHeads(settings)
    legs = []
    for number, (_, waiting, arrived_us) in enumerate(drawn):
        share = queues[number].waiting_share
        assert isinstance(share, int)
        of = klass(number, Numbers(queue=number, share=share))
        legs.append(head(of, arrived_us, 0, Urgency.QUEUE_RATIO))
        heads.put(of)
        heads.note(number, legs[number])
        heads.count(of, waiting)
    shares = sum(leg.klass.numbers.share for leg in legs)
    in_all = sum(waiting for _, waiting, _ in drawn)
    exact = {
        number: (
            Fraction(legs[number].klass.numbers.share, shares) * in_all - waiting,
            arrived_us,
            number + 1,
        )
        for number, (_, waiting, arrived_us) in enumerate(drawn)
    }
    check(heads, exact, legs, 5)
    heaps = {number: [(legs[number].key, number)] for number in exact}
    assert heads.fullest(heaps) == min(exact, key=exact.__getitem__)
    some = data.draw(st.sets(st.sampled_from(sorted(exact)), min_size=1))
    assert heads.fullest({number: heaps[number] for number in some}) == min(
        some, key=exact.__getitem__
    )


def test_no_cap_lies_above_all_points() -> None:
    """Where no cap is given, none ever binds; and 64 bits could not hold the points."""
    most = PRIORITY_MAX * HOUR_US + AGEING_PER_H_MAX * STEP_US_MAX
    assert most < NO_CAP
    with pytest.raises(OverflowError):
        np.array([most], dtype=np.int64)

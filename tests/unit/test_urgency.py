"""Contact selection: the keys, the places at an instant, and the numbers that they are made of.

Method: what each policy puts first is written out as a table of five waiting legs; where time
changes it, at three instants. That nothing is rounded is shown with fractions as near to each other
as limits allow.
"""

from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from acd.classes import Classes
from acd.contacts import Leg
from acd.events import ContactArrived
from acd.ids import PRIORITY_MAX, STEP_US_MAX
from acd.mistakes import SPAN_MAX_US
from acd.queues import Numbers
from acd.settings import (
    AGEING_PER_H_MAX,
    DELAY_COST_MAX,
    HOUR_US,
    SECOND_US,
    ChannelSettings,
    DomainSettings,
    Urgency,
)
from acd.urgency import (
    LIVE,
    NO_CAP,
    RATIO_BITS,
    UNBOUNDED,
    ageing,
    excess_of,
    generalized_c_mu,
    handle_time_us,
    key_function,
    key_length,
    numbers_of,
    queue_ratio,
    splits_by_priority,
    wait_over_objective,
    weighted_wait,
)
from tests.unit.shop import CHAT, SHOP, VOICE

STATIC = sorted(set(Urgency) - LIVE)

# Leg: arrived, priority, head start, promised, rank by c × μ.
LEGS = {
    1: (10, 0, 0, 90, 1),
    2: (20, 1, 0, 70, 2),
    3: (30, 1, 5, 60, 0),
    4: (40, 0, 35, 80, 0),
    5: (40, 2, 0, 70, 1),
}

ORDERS = {
    Urgency.LONGEST_WAIT: [1, 2, 3, 4, 5],
    Urgency.STRICT_PRIORITY: [5, 2, 3, 1, 4],
    Urgency.HEAD_START: [4, 1, 2, 3, 5],
    Urgency.DEADLINE_FIRST: [3, 2, 5, 4, 1],
    Urgency.C_MU: [3, 4, 1, 5, 2],
}


@pytest.mark.parametrize("urgency", STATIC)
def test_each_static_policy_serves_in_this_order(urgency: Urgency) -> None:
    key = key_function(urgency)
    keys = {
        number: key(came, number, priority, promised, Numbers(head_start_us=start, rank=rank))
        for number, (came, priority, start, promised, rank) in LEGS.items()
    }
    assert sorted(LEGS, key=keys.__getitem__) == ORDERS[urgency]
    assert all(len(one) == key_length(urgency) + 1 for one in keys.values())
    assert all(one[-1] == number for number, one in keys.items())


@pytest.mark.parametrize("urgency", Urgency)
def test_alike_legs_are_served_in_the_order_of_arrival_and_number(urgency: Urgency) -> None:
    key = key_function(urgency)
    keys = [key(arrived, number, 0, 50, Numbers()) for arrived, number in ((1, 3), (2, 1), (2, 2))]
    assert keys == sorted(keys)
    assert splits_by_priority(urgency) == (urgency is Urgency.STRICT_PRIORITY)


def test_these_policies_bound_nobodys_wait() -> None:
    assert {"strict_priority", "c_mu", "queue_ratio"} == UNBOUNDED


def domain(urgency: Urgency, queue: dict[str, Any], channel: dict[str, Any]) -> DomainSettings:
    sales = replace(SHOP.queues[0], channels={VOICE: ChannelSettings(**channel)}, **queue)
    return replace(SHOP, urgency=urgency, queues=(sales,))


def leg(number: int, arrived_s: int, priority: int, urgency: Urgency, numbers: Numbers) -> Leg:
    """Return a waiting leg of a class with these numbers."""
    arrival = ContactArrived(contact_id="c", queue="sales", channel=VOICE)
    klass = Classes(SHOP).of(arrival)
    klass.numbers = numbers
    arrived_us = arrived_s * SECOND_US
    key = key_function(urgency)(arrived_us, number, priority, 0, numbers)
    return Leg(number, "c", klass, key, arrived_us, arrival)


def order(legs: list[Leg], place: Any, now_s: int) -> list[int]:
    return [one.leg_id for one in sorted(legs, key=lambda one: place(one, now_s * SECOND_US))]


def test_points_grow_with_the_wait_at_the_rate_of_the_queue_up_to_its_cap() -> None:
    def of(number: int, arrived_s: int, priority: int, rate: int, cap: int | None = None) -> Leg:
        most = NO_CAP if cap is None else cap * HOUR_US
        return leg(number, arrived_s, priority, Urgency.AGEING, Numbers(weight=rate, cap=most))

    legs = [
        of(1, 0, 0, 60),  # A point a minute.
        of(2, 0, 5, 0),  # Five points for ever.
        of(3, 60, 2, 120),  # Two a minute, from two on.
        of(4, 0, 1, 600, cap=4),  # Ten a minute from one on, but no more than four.
        of(5, 30, 1, 600, cap=4),
    ]
    assert order(legs, ageing, 60) == [2, 4, 5, 3, 1]
    # At four minutes: 4, 5, 2 + 6, and 41 and 36 that count as 4.
    assert order(legs, ageing, 240) == [3, 2, 4, 5, 1]
    # At nine minutes: 9, 5, 18, and still 4: among the capped, the one with more points is first.
    assert order(legs, ageing, 540) == [3, 1, 2, 4, 5]


def test_inside_a_class_ageing_never_changes_the_order_whatever_the_priorities() -> None:
    numbers = Numbers(weight=60, cap=3 * HOUR_US)
    legs = [
        leg(number, arrived_s, priority, Urgency.AGEING, numbers)
        for number, (arrived_s, priority) in enumerate(
            ((0, 0), (30, 1), (60, 1), (60, 1), (120, 2), (120, 9)), start=1
        )
    ]
    by_key = [one.leg_id for one in sorted(legs, key=lambda one: one.key)]
    assert by_key == [6, 2, 1, 3, 4, 5]
    for now_s in (120, 180, 600, 10**6):
        assert order(legs, ageing, now_s) == by_key


def test_a_wait_counts_in_objectives() -> None:
    objectives = {1: (0, 60), 2: (30, 20), 3: (35, 10)}
    legs = [
        leg(number, came, 0, Urgency.WAIT_OVER_OBJECTIVE, Numbers(period_us=of * SECOND_US))
        for number, (came, of) in objectives.items()
    ]
    assert order(legs, wait_over_objective, 36) == [1, 2, 3]  # 0.6, 0.3, 0.1
    assert order(legs, wait_over_objective, 45) == [3, 1, 2]  # 0.75, 0.75, 1: equals by arrival
    assert order(legs, wait_over_objective, 60) == [3, 2, 1]  # 1, 1.5, 2.5


def test_quadratic_costs_grow_by_cost_times_wait_times_rate() -> None:
    numbers = {1: (0, 1, 60), 2: (10, 3, 60), 3: (40, 3, 20)}
    legs = [
        leg(number, came, 0, Urgency.GENERALIZED_C_MU, Numbers(weight=c, period_us=h * SECOND_US))
        for number, (came, c, h) in numbers.items()
    ]
    assert order(legs, generalized_c_mu, 14) == [1, 2, 3]
    assert order(legs, generalized_c_mu, 42) == [2, 1, 3]  # 1.6, 0.7, 0.3
    assert order(legs, generalized_c_mu, 60) == [3, 2, 1]  # 3, 2.5, 1


def test_the_queue_above_its_share_comes_first() -> None:
    legs = [leg(number, number, 0, Urgency.QUEUE_RATIO, Numbers()) for number in (1, 2, 3)]
    # Of six who wait, three, two and one in queues that shall have halves, thirds and sixths.
    exact = [excess_of(waiting, 6, share, 6) for waiting, share in ((3, 3), (2, 2), (1, 1))]
    assert exact == [0, 0, 0]
    more = [excess_of(waiting, 7, share, 6) for waiting, share in ((3, 3), (2, 2), (2, 1))]
    assert more == [-3, -2, 5]
    places = [queue_ratio(one, excess) for one, excess in zip(legs, more, strict=True)]
    assert sorted(places) == [places[2], places[1], places[0]]


def test_the_nearest_two_ratios_that_limits_allow_are_told_apart() -> None:
    longest_us = SPAN_MAX_US
    one = leg(1, 0, 0, Urgency.WAIT_OVER_OBJECTIVE, Numbers(period_us=longest_us))
    other = leg(2, 0, 0, Urgency.WAIT_OVER_OBJECTIVE, Numbers(period_us=longest_us - 1))
    # w / o > (w − 1) / (o − 1) by 1 / (o (o − 1)), where w = o + 1: a float sees none.
    now_us = longest_us - 2
    other.arrived_us = 1
    exact = Fraction(now_us, longest_us) - Fraction(now_us - 1, longest_us - 1)
    assert 0 < exact < Fraction(1, 2**88)
    assert now_us / longest_us == (now_us - 1) / (longest_us - 1)
    assert weighted_wait(one, now_us) > weighted_wait(other, now_us)
    assert longest_us < 2 ** ((RATIO_BITS - 1) // 2)


def test_the_largest_numbers_fit() -> None:
    most = Numbers(weight=AGEING_PER_H_MAX, cap=NO_CAP)
    old = leg(1, 0, PRIORITY_MAX, Urgency.AGEING, most)
    assert ageing(old, STEP_US_MAX)[0] == ageing(old, STEP_US_MAX)[1]
    dear = Numbers(weight=DELAY_COST_MAX, period_us=1)
    assert weighted_wait(leg(1, 0, 0, Urgency.GENERALIZED_C_MU, dear), STEP_US_MAX) == (
        STEP_US_MAX * DELAY_COST_MAX << RATIO_BITS
    )


def found(settings: DomainSettings) -> Numbers:
    return numbers_of(settings)["sales", VOICE]


def test_each_policy_has_its_numbers_of_queue_and_channel() -> None:
    assert found(domain(Urgency.LONGEST_WAIT, {}, {})).head_start_us == 0
    assert found(domain(Urgency.HEAD_START, {"head_start_us": 7}, {})).head_start_us == 7
    assert found(domain(Urgency.WAIT_OVER_OBJECTIVE, {}, {"objective_us": 9})).period_us == 9
    own = found(domain(Urgency.AGEING, {"ageing_per_h": 0, "ageing_cap": 5}, {}))
    assert (own.weight, own.cap) == (0, 5 * HOUR_US)
    common = replace(domain(Urgency.AGEING, {}, {}), ageing_per_h=60)
    assert (found(common).weight, found(common).cap) == (60, NO_CAP)
    cost = found(domain(Urgency.GENERALIZED_C_MU, {"delay_cost": 3}, {"handle_time_us": 8}))
    assert (cost.weight, cost.period_us) == (3, 8)
    share = domain(Urgency.QUEUE_RATIO, {"waiting_share": 4}, {})
    share = replace(share, queues=(replace(share.queues[0], name="first"), share.queues[0]))
    assert (found(share).queue, found(share).share) == (1, 4)


def test_equal_products_of_cost_and_rate_share_a_rank() -> None:
    def channels(voice_us: int, chat_us: int) -> dict[str, Any]:
        return {
            "channels": {
                VOICE: ChannelSettings(handle_time_us=voice_us),
                CHAT: ChannelSettings(handle_time_us=chat_us),
            }
        }

    (sales,) = SHOP.queues
    queues = (
        replace(sales, name="a", delay_cost=2, **channels(60, 600)),
        replace(sales, name="b", delay_cost=1, **channels(30, 29)),
    )
    ranks = {
        place: numbers.rank
        for place, numbers in numbers_of(replace(SHOP, urgency=Urgency.C_MU, queues=queues)).items()
    }
    assert ranks == {("a", VOICE): 1, ("a", CHAT): 2, ("b", VOICE): 1, ("b", CHAT): 0}


def test_one_function_says_how_long_a_contact_keeps_an_agent() -> None:
    assert handle_time_us(ChannelSettings(handle_time_us=180)) == 180
    assert ChannelSettings().handle_time_us is None

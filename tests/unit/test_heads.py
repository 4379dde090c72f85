"""The rows in which heads are compared: what they keep, and what the coarse pass lets through.

Method: classes are made by hand with numbers from both ends of their ranges; what `narrow` returns
is said in full. That it never loses the first is tried with any numbers in tests/properties.
"""

from typing import Final

import numpy as np
import pytest
from msgspec.structs import replace

from acd.contacts import Leg
from acd.events import ContactArrived
from acd.heads import AgeingHeads, Heads, RatioHeads, WaitHeads, heads_of
from acd.ids import PRIORITY_MAX, STEP_US_MAX, Channel
from acd.queues import LegClass, Numbers
from acd.settings import AGEING_PER_H_MAX, HOUR_US, SECOND_US, Urgency
from acd.skills import ANYONE
from acd.urgency import LIVE, NO_CAP, key_function
from tests.unit.shop import SHOP

ARRIVAL: Final = ContactArrived(contact_id="c", queue="sales", channel=Channel.VOICE)

SALES = SHOP.queues[0]
RATIO = replace(
    SHOP,
    urgency=Urgency.QUEUE_RATIO,
    queues=tuple(
        replace(SALES, name=name, waiting_share=share) for name, share in (("a", 1), ("b", 3))
    ),
)


def klass(number: int, **numbers: int) -> LegClass:
    return LegClass(
        number=number,
        queue=SALES,
        channel=Channel.VOICE,
        channel_index=0,
        requirement=ANYONE,
        prefers=(),
        numbers=Numbers(**numbers),
    )


def head(of: LegClass, arrived_us: int, priority: int = 0, *, urgency: Urgency) -> Leg:
    key = key_function(urgency)(arrived_us, of.number + 1, priority, 0, of.numbers)
    return Leg(of.number + 1, "c", of, key, arrived_us, ARRIVAL)


def let_through(heads: Heads, count: int, now_us: int) -> list[int]:
    return [int(one) for one in heads.narrow(np.arange(count, dtype=np.int64), now_us)]


def test_only_policies_whose_order_changes_have_live_heads() -> None:
    for urgency in Urgency:
        settings = replace(RATIO, urgency=urgency)
        assert (heads_of(settings) is not None) == (urgency in LIVE)


@pytest.mark.parametrize("urgency", sorted(LIVE))
def test_of_classes_without_heads_none_is_let_through(urgency: Urgency) -> None:
    heads = heads_of(replace(RATIO, urgency=urgency))
    assert heads is not None
    for number in (0, 1, 200):  # The rows grow more than once.
        heads.put(klass(number, weight=AGEING_PER_H_MAX, cap=NO_CAP))
    some = np.array([0, 1, 200])
    for now_us in (0, STEP_US_MAX):
        assert len(heads.narrow(some, now_us)) == 0
    one = head(klass(200, weight=1, cap=NO_CAP), 5, urgency=urgency)
    heads.note(200, one)
    assert heads.narrow(some, 5).tolist() == [200]
    heads.note(200, None)
    assert len(heads.narrow(some, 5)) == 0


def ageing(*given: tuple[dict[str, int], int, int]) -> AgeingHeads:
    """Return heads of classes from (numbers, arrival, priority)."""
    heads = AgeingHeads()
    for number, (numbers, arrived_us, priority) in enumerate(given):
        of = klass(number, **numbers)
        heads.put(of)
        heads.note(number, head(of, arrived_us, priority, urgency=Urgency.AGEING))
    return heads


def test_capped_heads_are_compared_by_their_points_and_those_by_arrival() -> None:
    low = {"weight": 60, "cap": 2 * HOUR_US}
    high = {"weight": 60, "cap": 3 * HOUR_US}
    none = {"weight": 60, "cap": NO_CAP}
    minute = 60 * SECOND_US
    heads = ageing((low, 0, 1), (low, 0, 2), (low, minute, 3), (high, 2 * minute, 1), (none, 1, 0))
    assert let_through(heads, 5, 2 * minute) == [1]  # 3, 4, 4 of 2; 1; not yet 2
    assert let_through(heads, 5, 10 * minute) == [4]  # 2, 2, 2, 3, nearly 10
    assert let_through(heads, 4, 10 * minute) == [3]


def test_points_beyond_64_bits_tie_in_the_coarse_pass() -> None:
    fast = {"weight": AGEING_PER_H_MAX, "cap": NO_CAP}
    slow = {"weight": 1, "cap": NO_CAP}
    heads = ageing((fast, 7, -PRIORITY_MAX), (fast, 0, PRIORITY_MAX), (slow, 0, 0), (fast, 9, 0))
    assert let_through(heads, 4, STEP_US_MAX) == [0, 1, 3]
    none = {"weight": 0, "cap": NO_CAP}
    still = ageing((none, 5, 1), (none, 3, 1), (none, 0, 0), (none, 3, 1))
    assert let_through(still, 4, STEP_US_MAX) == [1, 3]


def test_what_is_near_to_the_largest_is_let_through() -> None:
    heads = WaitHeads(Urgency.WAIT_OVER_OBJECTIVE)
    for number, period_us in enumerate((3, 3_000_000_000_000, 2_999_999_999_999, 4)):
        of = klass(number, period_us=period_us)
        heads.put(of)
        heads.note(number, head(of, number % 3, urgency=Urgency.WAIT_OVER_OBJECTIVE))
    assert let_through(heads, 4, 3) == [0]
    assert heads.narrow(np.array([1, 2]), 2**59).tolist() == [2]
    # (w − 1) / o and (w − 2) / (o − 1) differ by less than a float shows.
    assert heads.narrow(np.array([1, 2]), 2_999_999_999_998).tolist() == [1, 2]


def test_queues_are_compared_by_what_they_have_above_their_shares() -> None:
    heads = RatioHeads(RATIO)
    ones = [klass(number, queue=queue, share=1 + 2 * queue) for number, queue in ((0, 0), (1, 1))]
    other = klass(2, queue=0, share=1)
    for number, of in enumerate((*ones, other)):
        heads.put(of)
        heads.note(number, head(of, 9 - number, urgency=Urgency.QUEUE_RATIO))
    heads.count(ones[0], 1)
    heads.count(ones[1], 3)
    assert let_through(heads, 3, 9) == [2]  # 1 of 4 and 3 of 4, as it shall be: who came first.
    heads.count(ones[1], 4)
    assert let_through(heads, 3, 9) == [1]
    heads.count(other, 1)
    assert let_through(heads, 3, 9) == [2]  # 2 of 6 and 4 of 6.
    heads.count(other, 1)
    assert heads.fullest({0: [((8, 2), 2)], 1: [((7, 3), 1)]}) == 0
    heads.count(other, 0)
    heads.count(ones[1], 3)
    assert heads.fullest({0: [((8, 2), 2)], 1: [((7, 3), 1)]}) == 1
    place = heads.place(head(ones[1], 5, urgency=Urgency.QUEUE_RATIO), 99)
    assert place == (0, 5, 2)

"""Lines and legs aside.

Method: a sorted list does the same by force; Hypothesis lets legs come and go in any order, and
after each the first leg must be the same. Memory is looked at where tombstones would pile up.
"""

from random import Random
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from acd.contacts import Leg
from acd.events import ContactArrived
from acd.ids import Channel
from acd.queues import Aside, LegClass, Line, Numbers
from acd.settings import ChannelSettings, QueueSettings
from acd.skills import ANYONE

ARRIVAL: Final = ContactArrived(contact_id="c", queue="sales", channel=Channel.VOICE)
KLASS: Final = LegClass(
    number=0,
    queue=QueueSettings(name="sales", channels={Channel.VOICE: ChannelSettings()}),
    channel=Channel.VOICE,
    channel_index=0,
    requirement=ANYONE,
    prefers=(),
    numbers=Numbers(),
)


def leg(number: int, place: int) -> Leg:
    return Leg(number, f"c{number}", KLASS, (place, number), place, ARRIVAL)


def take(line: Line, gone: Leg) -> None:
    if gone is line.first:
        line.discard_first()
    else:
        line.discard(gone)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60), st.randoms())
def test_a_line_has_the_first_leg_whoever_comes_and_goes(
    moves: list[tuple[int, bool]], rng: Random
) -> None:
    line = Line()
    away: list[Leg] = []
    for number, (place, comes) in enumerate(moves, start=1):
        if comes or not line.legs:
            # Now and then one that was in the line before comes back: to its place, or another.
            back = away.pop(rng.randrange(len(away))) if away and rng.random() < 0.3 else None
            if back is not None and rng.random() < 0.5:
                back.key = (place, back.leg_id)
            line.push(back or leg(number, place))
        else:
            gone = rng.choice([line.first, rng.choice(list(line.legs.values()))])
            assert gone is not None
            take(line, gone)
            away.append(gone)
        assert line.first is min(line.legs.values(), key=lambda one: one.key, default=None)


def test_a_line_forgets_those_who_left_from_its_middle() -> None:
    line = Line()
    for number in range(1, 2_001):
        line.push(leg(number, number if number % 2 else -number))
    for number in range(1, 1_999):
        take(line, line.legs[number])
    assert sorted(line.legs) == [1999, 2000]
    assert len(line._order) + len(line._late) < 100
    assert line.first is line.legs[2000]
    take(line, line.legs[2000])
    assert line.first is line.legs[1999]
    take(line, line.legs[1999])
    assert line.first is None


@given(st.lists(st.integers(0, 5), max_size=20), st.randoms())
def test_legs_aside_are_found_for_those_whom_they_do_not_exclude(
    places: list[int], rng: Random
) -> None:
    aside = Aside()
    legs = []
    for number, place in enumerate(places, start=1):
        one = leg(number, place)
        one.excluded = dict.fromkeys(rng.sample(range(3), rng.randint(0, 2)), 9) or None
        aside.push(one)
        legs.append(one)
        if rng.random() < 0.3:
            gone = legs.pop(rng.randrange(len(legs)))
            aside.discard(gone)
        for agent in range(3):
            fitting = [one for one in legs if agent not in (one.excluded or {})]
            assert aside.first_for(agent) is min(fitting, key=lambda one: one.key, default=None)

"""Ranks of keys, against a sorted list."""

from random import Random

from acd.ranks import RUN_MAX, Ranks


def _filled(numbers: list[int]) -> Ranks:
    ranks = Ranks()
    for number in numbers:
        ranks.add((number, 0))
    return ranks


def test_nobody_is_before_anybody_where_nobody_is() -> None:
    ranks = Ranks()
    assert ranks.count == ranks.before((1, 0)) == ranks.before_by((1,), lambda key: key[:1]) == 0
    assert list(ranks) == []


def test_keys_that_come_and_go_in_any_order_are_counted_as_in_a_list() -> None:
    drawn = Random(1)
    ranks, inside = Ranks(), []
    for number in drawn.sample(range(100_000), 6 * RUN_MAX):
        ranks.add((number, 0))
        inside.append(number)
        if drawn.random() < 0.4:
            gone = inside.pop(drawn.randrange(len(inside)))
            ranks.discard((gone, 0))
    inside.sort()
    assert list(ranks) == [(number, 0) for number in inside]
    assert ranks.count == len(inside)
    assert ranks.first == (inside[0], 0)
    for asked in (-1, *drawn.sample(range(100_000), 200), *inside[::50], 100_000):
        wanted = sum(number < asked for number in inside)
        assert ranks.before((asked, 0)) == wanted
        # A place is a key that is worked out: here the number, in tens.
        tens = sum(number // 10 < asked // 10 for number in inside)
        assert ranks.before_by((asked // 10,), lambda key: (key[0] // 10,)) == tens


def test_long_runs_are_cut_and_empty_ones_go() -> None:
    many = 5 * RUN_MAX
    for numbers in (list(range(many)), list(range(many, 0, -1))):
        ranks = _filled(numbers)
        assert ranks.before((numbers[many // 2], 0)) == sorted(numbers).index(numbers[many // 2])
        for number in numbers:
            ranks.discard((number, 0))
        assert ranks.count == 0
        ranks.add((7, 0))
        assert ranks.before((8, 0)) == 1

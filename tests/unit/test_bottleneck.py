"""The drain of a bottleneck, by hand and against all sets of loads."""

from fractions import Fraction
from itertools import combinations
from random import Random
from typing import Final

import pytest

from acd.bottleneck import Load, drain

AGENTS: Final = 12


def ends(own: Load, *rivals: Load) -> Fraction:
    """Return when a load is done."""
    found = drain(own, rivals)
    return Fraction(found.work, found.agents.bit_count())


def exact(own: Load, rivals: list[Load]) -> Fraction:
    """Return the same by trying all sets: the densest, then the densest of the rest, and so on."""
    loads = [own, *rivals]
    left, gone = list(range(len(loads))), 0
    while True:
        best: tuple[float | Fraction, int, tuple[int, ...], int] = (-1, 0, (), 0)
        for size in range(1, len(left) + 1):
            for chosen in combinations(left, size):
                agents = 0
                for at in chosen:
                    agents |= loads[at].agents & ~gone
                work = sum(loads[at].work for at in chosen)
                count = agents.bit_count()
                density = Fraction(work, count) if count else float("inf")
                best = max(best, (density, size, chosen, agents))
        density, _, chosen, agents = best
        if 0 in chosen:
            assert isinstance(density, Fraction)
            return density
        gone |= agents
        left = [at for at in left if at not in chosen]


def test_a_load_alone_is_work_over_agents() -> None:
    assert ends(Load(30, 0b111)) == 10
    assert ends(Load(30, 0b111), Load(0, 0b111)) == 10


def test_those_who_share_all_agents_wait_for_all() -> None:
    assert ends(Load(10, 0b11), Load(30, 0b11)) == 20


def test_shared_agents_work_for_whom_lags() -> None:
    """Thirty agents, of whom ten serve the others too, who have much more to do."""
    own, shared, theirs = (2**20 - 1, 2**30 - 2**20, 2**50 - 2**30)
    assert ends(Load(30, own | shared), Load(400, shared | theirs)) == Fraction(30, 20)
    assert ends(Load(400, own | shared), Load(30, shared | theirs)) == Fraction(400, 30)
    assert ends(Load(200, own | shared), Load(200, shared | theirs)) == Fraction(400, 50)


def test_whom_only_shared_agents_serve_waits_as_long_as_those_who_lag() -> None:
    assert ends(Load(1, 0b1), Load(99, 0b11)) == 50


def test_several_who_lag_by_the_same_agents_take_them_once() -> None:
    shared, own = 0b1111, 0b1111_0000
    rivals = [Load(1_000, shared | 0b1111 << 8 + 4 * number) for number in range(4)]
    assert ends(Load(8, own | shared), *rivals) == 2


def test_nested_loads_come_in_together() -> None:
    """Neither makes the set denser alone; the second needs one agent more than the first."""
    own, first, second = Load(25, 0b1111 << 7), Load(20, 0x7FC), Load(30, 0xFFC)
    assert ends(own, first, second) == Fraction(75, 10) == exact(own, [first, second])


def test_agents_who_are_gone_with_one_load_leave_nothing_of_another() -> None:
    assert ends(Load(4, 0b1100), Load(90, 0b11), Load(50, 0b1), Load(60, 0b111)) == 4


def _drawn(drawn: Random, rivals: int) -> tuple[Load, list[Load]]:
    def agents() -> int:
        if drawn.random() < 0.5:
            first = drawn.randrange(AGENTS)
            last = drawn.randrange(first, AGENTS)
            return sum(1 << at for at in range(first, last + 1))
        return sum(1 << at for at in range(AGENTS) if drawn.random() < 0.4) or 1

    own = Load(drawn.randint(1, 30), agents())
    others = [
        Load(drawn.choice((1, 3, 10, 40, 100)) * drawn.randint(1, 3), agents())
        for _ in range(rivals)
    ]
    return own, [one for one in others if one.agents & own.agents]


@pytest.mark.parametrize("rivals, of_all, error", [(1, 1.0, 0.0), (6, 0.97, 0.005)])
def test_it_is_mostly_exact_and_never_far_off(rivals: int, of_all: float, error: float) -> None:
    drawn = Random(rivals)
    errors = []
    for _ in range(600):
        own, others = _drawn(drawn, drawn.randint(1, rivals))
        wanted = exact(own, others)
        errors.append(abs(ends(own, *others) - wanted) / wanted)
    assert sum(one == 0 for one in errors) >= of_all * len(errors)
    assert sum(errors) <= error * len(errors)


def test_beside_one_rival_nobody_waits_longer_for_more_agents() -> None:
    drawn = Random(3)
    for _ in range(600):
        own, others = _drawn(drawn, 1)
        more = 1 << AGENTS
        wider = [Load(one.work, one.agents | drawn.choice((0, more))) for one in others]
        assert ends(Load(own.work, own.agents | more), *wider) <= ends(own, *others)

"""The table of simulated against exact values in its small form, and its verdict.

Method: some lines of `benchmarks.bench_exact`, of each kind of model one, with shorter runs; seeds
are fixed. Intervals are of 95 %, so a right line is beyond three half widths never. The verdict is
asked of tables whose exact values are known to be wrong.
"""

import pytest

from benchmarks.bench_exact import FAR, Compared, compare, inside_range, off, verdict
from benchmarks.exact_days import by_the_clock
from benchmarks.exact_lines import in_batches, one_agent, skills
from benchmarks.exact_models import Model
from benchmarks.exact_people import redials, slowed_chats
from sim.intervals import Estimate

CONTACTS = 4_000
REPLICATIONS = 20
KINDS = {
    "M/D/5, load 0.8",
    "two skills, help in reserve",
    "M^2/M/4, load 0.75",
    "redial after giving up, M/M/2+M",
    "chats that slow each other",
    "a day, agents come and go",
}


@pytest.fixture(scope="module")
def table():
    """Return the first line of each kind."""
    sources = (one_agent, skills, in_batches, redials, slowed_chats)
    models: list[Model] = [*(line for source in sources for line in source()), *by_the_clock()]
    firsts = {model.name: model for model in reversed(models) if model.name in KINDS}
    assert firsts.keys() == KINDS
    return list(compare(firsts.values(), CONTACTS, REPLICATIONS))


def test_what_is_simulated_is_near_what_is_exact(table):
    for one in table:
        assert abs(one.off) <= FAR, one.text()
        assert one.estimate.half_width < 0.6 * one.model.exact, one.text()
    text, is_right = verdict(table)
    assert is_right, text


def test_a_table_of_wrong_values_is_told(table):
    wrong = [one._replace(model=one.model._replace(exact=one.model.exact * 3)) for one in table]
    text, is_right = verdict(wrong)
    assert not is_right
    assert text.startswith(f"0 of {len(KINDS)} intervals of 95% hold the exact value")
    # Too many a little outside are wrong though none is far off.
    table = [Compared(one.model, _beside(one, 1.1), "") for one in table]
    assert not verdict(table)[1]
    table = [Compared(one.model, _beside(one, 0.9), "") for one in table]
    assert verdict(table)[1]
    # One that is far off is wrong though all others are inside.
    table[0] = Compared(table[0].model, _beside(table[0], 3.1), "")
    assert not verdict(table)[1]


def _beside(one, half_widths):
    return one.estimate._replace(mean=one.model.exact + half_widths * one.estimate.half_width)


def test_how_many_intervals_hold_the_value_is_binomial():
    assert inside_range(100) == (89, 100)
    assert inside_range(1) == (0, 1)
    assert off(2.0, Estimate(2.0, 0.0, 1, 0.0)) == 0

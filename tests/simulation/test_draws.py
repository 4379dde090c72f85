"""A draw is a function of its name: taken in any portions, in any order, it is the same number."""

import numpy as np
import pytest

from sim.draws import BLOCK, Draws, generator, standard_exponential, standard_normal


def _draws(seed=1, source="calls", purpose="handle", standard=standard_normal):
    return Draws(seed, source, purpose, standard)


@pytest.mark.parametrize("cut", [0, 1, 17, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK])
def test_portions_of_any_size_give_the_same_numbers(cut):
    whole = _draws().of(0, 3 * BLOCK)
    parts = [_draws().of(cut, 3 * BLOCK - cut), _draws().of(0, cut)]
    assert np.array_equal(np.concatenate(parts[::-1]), whole)


def test_nothing_asked_for_is_nothing_drawn():
    assert _draws().of(5, 0).shape == (0,)


@pytest.mark.parametrize(
    "other",
    [
        _draws(seed=2),
        _draws(source="chats"),
        _draws(purpose="patience"),
        _draws(seed=1, source="call", purpose="shandle"),
    ],
)
def test_another_seed_source_or_purpose_gives_unrelated_numbers(other):
    size = 50_000
    ours, theirs = _draws().of(0, size), other.of(0, size)
    # The correlation of independent samples has a standard deviation of 1 / √size.
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 4 / np.sqrt(size)


def test_legs_and_blocks_do_not_overlap():
    draws = _draws()
    drawn = np.concatenate([draws.of(0, 4 * BLOCK, leg=leg) for leg in (1, 2, 3)])
    assert len(np.unique(drawn)) == len(drawn)


def test_the_numbers_are_those_of_philox_with_this_key():
    # Written down once: a change here changes every result that anybody has published.
    assert generator(1, "calls", "handle", block=0).bit_generator.random_raw(2).tolist() == [
        6288227513450132558,
        5538769091918156435,
    ]


@pytest.mark.parametrize(
    "standard,mean,variance,fourth",
    [(standard_normal, 0.0, 1.0, 3.0), (standard_exponential, 1.0, 1.0, 9.0)],
)
def test_moments_are_those_of_the_distribution(standard, mean, variance, fourth):
    size = 200_000
    drawn = _draws(standard=standard).of(0, size)
    assert abs(drawn.mean() - mean) < 4 * np.sqrt(variance / size)
    # The sample variance has the variance (fourth central moment − variance²) / size.
    assert abs(drawn.var() - variance) < 4 * np.sqrt((fourth - variance**2) / size)

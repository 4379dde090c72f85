"""The exact calculators against independent computations with 40 digits.

Method: Erlang B and C from the stationary distribution itself; Erlang A from its birth-and-death
chain; M/M/n+G from the density of the offered wait, integrated by mpmath with the textbook form of
each patience; fewest agents by trying all below. Relative errors are at most 1e-9, mostly 1e-14.
Properties: what must be so whatever the numbers (shares in range, more agents never worse).
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.cli import main
from sim.erlang import erlang_b, erlang_c, line
from sim.patience import (
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Patience,
    Steps,
    deterministic,
    erlang,
    kaplan_meier,
)
from sim.staffing import Form, agents_needed, service_level, square_root_staffing

DIGITS = 40
WITHIN = 1e-9


@pytest.fixture(autouse=True)
def forty_digits():
    with mpmath.workdps(DIGITS):
        yield


def states(agents, load):
    """Return the weights of 0 … n contacts inside, from the balance equations."""
    weights = [mpmath.mpf(1)]
    for number in range(1, agents + 1):
        weights.append(weights[-1] * mpmath.mpf(load) / number)
    return weights


CASES = [
    (1, 0.001),
    (1, 0.9),
    (2, 5.0),
    (10, 8.0),
    (14, 13.9),
    (100, 30.0),
    (100, 99.5),
    (400, 500),
]


@pytest.mark.parametrize("agents, load", CASES)
def test_erlang_b_and_c_are_those_of_the_stationary_distribution(agents, load):
    weights = states(agents, load)
    blocked = weights[-1] / mpmath.fsum(weights)
    assert erlang_b(agents, load) == pytest.approx(float(blocked), rel=WITHIN)
    if load < agents:
        full = weights[-1] / (1 - mpmath.mpf(load) / agents)
        waits = full / (mpmath.fsum(weights[:-1]) + full)
        assert erlang_c(agents, load) == pytest.approx(float(waits), rel=WITHIN)
    else:
        assert erlang_c(agents, load) == 1


def test_published_figures():
    # The tables of every textbook: 10 Erlang need 18 lines for a loss below 1 %, of 0.71 %.
    assert erlang_b(18, 10.0) == pytest.approx(0.0071, abs=5e-5)
    assert erlang_b(17, 10.0) > 0.01
    assert erlang_c(10, 8.0) == pytest.approx(0.409, abs=5e-4)
    # A much printed example: 100 calls in half an hour of 180 s, 80 % within 20 s: 14 agents, of
    # whom 17.4 % find none free, 88.8 % are answered in time, after 7.8 s on average.
    assert agents_needed(10.0, 180.0, level=0.8, threshold_s=20.0) == 14
    found = line(14, 10.0, 180.0, 20.0)
    assert found.waits == pytest.approx(0.174, abs=5e-4)
    assert found.service_level == pytest.approx(0.888, abs=5e-4)
    assert found.mean_wait_served_s == pytest.approx(7.8, abs=0.05)
    assert found.occupancy == pytest.approx(0.714, abs=5e-4)


def test_they_take_arrays_and_numbers_alike():
    table = erlang_b(np.arange(4)[:, None], [0.0, 1.0, 2.0])
    assert table.shape == (4, 3)
    assert table[0].tolist() == [1, 1, 1]
    assert table[:, 0].tolist() == [1, 0, 0, 0]
    assert table[2, 1] == erlang_b(2, 1.0) == pytest.approx(0.2)
    waits = line([[5], [9]], [4.0, 4.5, 4.9], 60.0, 20.0, patience=Exponential(60.0))
    assert waits.waits.shape == (2, 3)
    one = line(9, 4.5, 60.0, 20.0, patience=Exponential(60.0))
    assert waits.served_within[1, 1] == pytest.approx(float(one.served_within), rel=1e-13)


def chain(agents, load, handle, patience):
    """Return (waits, abandons, mean wait) of M/M/n+M from its birth-and-death chain."""
    weights = states(agents, load)
    ratio = mpmath.mpf(handle) / patience
    queue = [weights[-1]]
    while queue[-1] > queue[0] * mpmath.mpf(10) ** -DIGITS or len(queue) < 10:
        queue.append(queue[-1] * load / (agents + len(queue) * ratio))
    total = mpmath.fsum(weights[:-1]) + mpmath.fsum(queue)
    length = mpmath.fsum(k * one for k, one in enumerate(queue)) / total
    return mpmath.fsum(queue) / total, length * ratio / load, length * handle / load


@pytest.mark.parametrize(
    "agents, load, handle, patience",
    [
        (1, 0.3, 100, 10),
        (10, 8, 240, 120),
        (10, 15, 240, 120),
        (100, 95, 300, 3000),
        (50, 200, 60, 30),
    ],
)
def test_erlang_a_is_its_birth_and_death_chain(agents, load, handle, patience):
    found = line(agents, load, handle, 20.0, patience=Exponential(patience))
    waits, abandons, mean_s = chain(agents, load, handle, patience)
    assert found.waits == pytest.approx(float(waits), rel=WITHIN)
    assert found.abandons == pytest.approx(float(abandons), rel=WITHIN)
    assert found.mean_wait_s == pytest.approx(float(mean_s), rel=WITHIN)
    assert found.occupancy == pytest.approx(float(load * (1 - abandons) / agents), rel=WITHIN)


class Textbook(NamedTuple):
    """A patience as mpmath has it: survival function, its integral from 0, and its jumps."""

    survival: Callable[[Any], Any]
    integral: Callable[[Any], Any]
    knots: tuple[int, ...] = ()


def gamma_of(shape, mean):
    scale = mpmath.mpf(mean) / shape

    def survival(t):
        return mpmath.gammainc(shape, t / scale, mpmath.inf, regularized=True)

    def integral(t):
        below = mpmath.gammainc(shape + 1, 0, t / scale, regularized=True)
        return t * survival(t) + mean * below

    return Textbook(survival, integral)


def lognormal_of(mean, scv):
    sigma = mpmath.sqrt(mpmath.log1p(scv))
    mu = mpmath.log(mean) - sigma**2 / 2

    def survival(t):
        return mpmath.ncdf((mu - mpmath.log(t)) / sigma) if t else mpmath.mpf(1)

    def integral(t):
        below = mpmath.ncdf((mpmath.log(t) - mu) / sigma - sigma) if t else mpmath.mpf(0)
        return t * survival(t) + mean * below

    return Textbook(survival, integral)


def mixture(*parts):
    return Textbook(
        lambda t: mpmath.fsum(share * mpmath.exp(-t / mean) for share, mean in parts),
        lambda t: mpmath.fsum(-share * mean * mpmath.expm1(-t / mean) for share, mean in parts),
    )


def stairs(*drops):
    """Return a share that drops from 1: (when, to what)."""
    lows = [(0, mpmath.mpf(1)), *drops]

    def integral(t):
        ends = [*(when for when, _ in drops), mpmath.inf]
        return mpmath.fsum(
            share * (min(t, end) - start)
            for (start, share), end in zip(lows, ends, strict=True)
            if t > start
        )

    def survival(t):
        return [share for start, share in lows if start <= t][-1]

    return Textbook(survival, integral, tuple(when for when, _ in drops))


SHAPES: dict[str, tuple[Patience, Textbook]] = {
    "erlang-3": (erlang(3, 90.0), gamma_of(3, 90)),
    "gamma, scv 2": (Gamma(90.0, 2.0), gamma_of(mpmath.mpf(1) / 2, 90)),
    "lognormal": (Lognormal(90.0, 3.0), lognormal_of(mpmath.mpf(90), 3)),
    "hyperexponential": (
        Hyperexponential((10.0, 300.0), (0.25, 0.75)),
        mixture((0.25, mpmath.mpf(10)), (0.75, mpmath.mpf(300))),
    ),
    "deterministic": (deterministic(60.0), stairs((60, mpmath.mpf(0)))),
    "empirical": (
        Steps((10.0, 60.0, 400.0), (0.75, 0.5, 0.125)),
        stairs((10, mpmath.mpf(0.75)), (60, mpmath.mpf(0.5)), (400, mpmath.mpf(0.125))),
    ),
}


def integrated(patience, agents, load, *, handle, threshold):
    """Return the exact figures from the density of the offered wait."""
    with mpmath.workdps(20):
        rate, service = mpmath.mpf(load) / handle, mpmath.mpf(agents) / handle

        def integral(value, low, high):
            cuts = [one for one in (threshold, *patience.knots, 1_000) if low < one < high]
            return mpmath.quad(
                lambda t: value(t) * mpmath.exp(rate * patience.integral(t) - service * t),
                sorted({low, *cuts, high}),
            )

        def gone(t):
            return 1 - patience.survival(t)

        end = mpmath.inf
        everybody = integral(lambda _: 1, 0, end)
        left = integral(gone, 0, end)
        late = integral(lambda _: 1, threshold, end)
        weights = states(agents - 1, load)
        idle = mpmath.fsum(weights) / weights[-1]
        total = idle + rate * everybody
        left_in_time = integral(gone, 0, threshold) + late * gone(mpmath.mpf(threshold))
        return {
            "waits": rate * everybody / total,
            "abandons": rate * left / total,
            "mean_wait_s": rate * integral(patience.integral, 0, end) / total,
            "served_within": (idle + rate * integral(patience.survival, 0, threshold)) / total,
            "abandons_within": rate * left_in_time / total,
        }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("agents, load", [(10, 9.0), (10, 12.0)])
def test_a_line_of_any_patience_is_the_integral_of_its_density(shape, agents, load):
    patience, textbook = SHAPES[shape]
    found = line(agents, load, 30.0, 20.0, patience=patience)
    for name, exact in integrated(textbook, agents, load, handle=30, threshold=20).items():
        assert getattr(found, name) == pytest.approx(float(exact), rel=WITHIN), name


def test_nobody_leaving_is_erlang_c_and_very_patient_people_are_near_it():
    found = line(10, 8.0, 60.0, 20.0)
    assert found.waits == erlang_c(10, 8.0)
    assert found.mean_wait_served_s == pytest.approx(float(found.waits) * 30.0)
    assert found.served_within == pytest.approx(1 - float(found.waits) * np.exp(-20 / 30))
    near = line(10, 8.0, 60.0, 20.0, patience=Exponential(1e9))
    assert near.served_within == pytest.approx(float(found.served_within), rel=1e-6)


def test_a_line_that_grows_for_ever_says_so():
    for patience in (None, Steps((10.0,), (0.9,))):
        found = line(8, 9.0, 60.0, 20.0, patience=patience)
        assert found.waits == found.occupancy == 1
        assert found.served_within == 0
        assert found.mean_wait_served_s == np.inf


def test_each_form_of_the_service_level():
    found = line(10, 12.0, 60.0, 20.0, patience=Exponential(60.0), short_s=5.0)
    served, gone, short = (
        float(one) for one in (found.served_within, found.abandons_within, found.abandons_short)
    )
    assert 0 < short < gone
    assert service_level(found, Form.MISSED) == pytest.approx(served / (1 - short))
    assert service_level(found, Form.MET) == pytest.approx((served + gone - short) / (1 - short))
    assert service_level(found, Form.IGNORED) == pytest.approx(served / (1 - gone))
    alone = served / (1 - float(found.abandons))
    assert service_level(found, Form.SERVED) == pytest.approx(alone)


PATIENCES = st.one_of(
    st.none(),
    st.floats(1.0, 1e5).map(Exponential),
    st.builds(Gamma, st.floats(1.0, 1e4), st.floats(0.05, 20.0)),
    st.builds(Lognormal, st.floats(1.0, 1e4), st.floats(0.05, 20.0)),
    st.floats(1.0, 1e4).map(deterministic),
)


@settings(deadline=None, max_examples=60)
@given(
    agents=st.integers(1, 3_000),
    ratio=st.floats(0.01, 20.0),
    handle_s=st.floats(1.0, 1e4),
    threshold_s=st.floats(0.0, 1e4),
    patience=PATIENCES,
)
def test_shares_are_shares_and_one_agent_more_is_never_worse(
    agents, ratio, handle_s, threshold_s, patience
):
    load = agents * ratio
    found = line([agents, agents + 1], load, handle_s, threshold_s, patience=patience)
    slack = 1e-9
    for share in (found.waits, found.abandons, found.abandons_within, found.served_within):
        assert (share >= -slack).all()
        assert (share <= 1 + slack).all()
    assert (found.abandons_within <= found.abandons + slack).all()
    assert (found.served_within + found.abandons <= 1 + slack).all()
    for better in (found.served_within, -found.waits, -found.abandons):
        assert better[1] >= better[0] - slack
    if isinstance(patience, Exponential):  # Whoever waits leaves at one rate.
        stays = found.mean_wait_s / patience.mean_s
        assert stays == pytest.approx(found.abandons, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("patience", [None, Exponential(60.0), deterministic(45.0)])
def test_staffing_is_the_first_number_that_fits(form, patience):
    loads = np.array([0.2, 3.0, 17.5, 60.0])
    needed = agents_needed(
        loads, 180.0, level=0.85, threshold_s=15.0, form=form, patience=patience, occupancy_max=0.95
    )
    for load, number in zip(loads, needed, strict=True):
        tried = np.arange(1, 90)
        found = line(tried, load, 180.0, 15.0, patience=patience)
        fits = (service_level(found, form) >= 0.85) & (found.occupancy <= 0.95)
        assert number == tried[fits][0]


def test_staffing_by_abandonment_and_by_mean_wait():
    patience = Exponential(120.0)
    needed = partial(agents_needed, 50.0, 240.0, level=0.0, threshold_s=20.0, patience=patience)
    few = needed(abandons_max=0.03)
    assert line(few, 50.0, 240.0, 20.0, patience=patience).abandons <= 0.03
    assert line(few - 1, 50.0, 240.0, 20.0, patience=patience).abandons > 0.03
    quick = needed(mean_wait_max_s=1.0)
    assert line(quick, 50.0, 240.0, 20.0, patience=patience).mean_wait_served_s <= 1
    assert line(quick - 1, 50.0, 240.0, 20.0, patience=patience).mean_wait_served_s > 1


@pytest.mark.parametrize("patience_s", [None, 60.0, 600.0])
def test_the_square_root_comes_near_the_exact_share_that_waits(patience_s):
    # Halfin, Whitt and Garnett are limits of many agents: off by some 1 / √load.
    load = 900.0
    patience = None if patience_s is None else Exponential(patience_s)
    for waits in (0.1, 0.5, 0.8):
        agents = square_root_staffing(load, waits, patience_s=patience_s, handle_s=180.0)
        assert line(agents, load, 180.0, 20.0, patience=patience).waits <= waits + 0.02
        assert line(agents - 1, load, 180.0, 20.0, patience=patience).waits > waits - 0.02


def test_kaplan_and_meier_by_hand():
    # Of five one leaves at 1 s; of the three left at 3 s one; of the last at 4 s: 4/5, 2/3, 0.
    found = kaplan_meier([1, 2, 3, 3, 4], [True, False, True, False, True])
    assert list(found.times_s) == [1, 3, 4]
    assert found.survival_after == pytest.approx((0.8, 0.8 * 2 / 3, 0))
    assert found.mean_s == pytest.approx(1 + 2 * 0.8 + 0.8 * 2 / 3)
    assert found.survival([0.5, 1.0, 3.5]).tolist() == pytest.approx([1, 0.8, 0.8 * 2 / 3])


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: erlang_b(-1, 1.0), "agents: is -1; wanted a whole number from 0"),
        (lambda: erlang_c(1.5, 1.0), "agents: is 1.5; wanted a whole number from 1"),
        (lambda: erlang_b(1, np.nan), "load: is nan; wanted a number from 0"),
        (lambda: line(1, 0.0, 1.0, 1.0), "load: is 0; wanted above 0"),
        (lambda: line(1, 1.0, 0.0, 1.0), "handle_s: is 0; wanted above 0"),
        (lambda: line(1, 1.0, 1.0, -1.0), "threshold_s: is -1; wanted from 0"),
        (lambda: line(1, 1.0, 1.0, 1.0, short_s=2.0), "short_s: is 2; wanted from 0 to the"),
        (
            lambda: agents_needed(0.0, 1.0, level=0.8, threshold_s=1.0),
            "load: is 0; wanted above 0, at",
        ),
        (lambda: agents_needed(1.0, 1.0, level=1.0, threshold_s=1.0), "level: is 1; wanted from 0"),
        (lambda: square_root_staffing(1.0, 1.0), "waits: is 1; wanted above 0, below 1"),
        (lambda: square_root_staffing(-1.0, 0.5), "load: is -1; wanted above 0"),
        (lambda: Exponential(0.0), "patience: mean_s is 0.0; wanted a number above 0"),
        (lambda: Gamma(1.0, np.inf), "patience: scv is inf; wanted a number above 0"),
        (lambda: erlang(0, 1.0), "patience: 0 phases; wanted at least 1"),
        (lambda: Hyperexponential((1.0, 2.0), (0.5, 0.4)), "patience: shares sum to 0.9; wanted 1"),
        (lambda: Hyperexponential((1.0,), ()), "patience: 1 means and 0 shares; wanted as many"),
        (lambda: Steps((), ()), "patience: 0 instants and 0 shares; wanted as many"),
        (lambda: Steps((2.0, 1.0), (0.5, 0.2)), "patience: 1.0 s after 2.0 s; wanted rising"),
        (lambda: Steps((1.0, 2.0), (0.5, 0.5)), "patience: share 0.5 after 0.5; wanted falling"),
        (lambda: kaplan_meier([1.0], [False]), "patience: nobody left; wanted at least one"),
        (lambda: kaplan_meier([-1.0], [True]), "patience: a wait of -1.0 s; wanted at least 0"),
        (lambda: kaplan_meier([1.0], []), r"patience: \(1,\) waits, \(0,\) ends; wanted as many"),
    ],
)
def test_what_is_out_of_range_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_the_command_answers_with_the_fewest_and_what_one_more_means(capsys):
    asked = ["sim", "erlang", "--per-hour", "360", "--handle-s", "240", "--shrinkage", "0.3"]
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["agents"] == 29
    assert [one["agents"] for one in found["lines"]] == [27, 28, 29, 30, 31]
    assert found["lines"][2]["paid"] == 42
    assert found["lines"][1]["service_level"] < 0.8 <= found["lines"][2]["service_level"]
    assert main(asked) == 0
    assert "24.00 Erlang" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more, said",
    [
        (["--agents", "20"], "for ever"),
        (["--agents", "20", "--patience-s", "60"], "scv 1"),
        (["--patience-s", "60", "--patience-scv", "0", "--wait-max-s", "3"], "scv 0"),
        (["--patience-s", "60", "--patience-scv", "0.5", "--form", "ignored"], "(ignored)"),
    ],
)
def test_the_command_shows_a_line(capsys, more, said):
    assert main(["sim", "erlang", "--per-hour", "360", "--handle-s", "240", *more]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("per_hour", ["nan", "1e12", "-3"])
def test_the_command_refuses_what_is_out_of_range(capsys, per_hour):
    assert main(["sim", "erlang", "--per-hour", per_hour, "--handle-s", "240"]) == 2
    assert "wanted" in (said := capsys.readouterr().err) or "not in the range" in said

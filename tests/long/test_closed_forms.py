"""The simulated world with the production router against queues whose answers are known exactly.

Method: M/M/10 and its kin in the steady state, counted by a watcher of events and actions that
shares no code with `acd.metrics`, which is then compared with it. Standard errors are from batch
means: 60 batches, each of dozens of relaxation times, so that they are nearly independent. The same
contacts with endless agents, M/M/∞, are a control: where chance brought more of them at a time than
is expected there, they waited longer here, and so much is taken off, which makes the errors as
small as four times the contacts would. Every figure lies within three standard errors of the exact
value (a right program fails that once in 370 figures; the seeds are fixed, so it fails never), and
the half-width of its 95 % confidence interval is small enough for the comparison to mean something.
"""

from typing import NamedTuple

import mpmath
import numpy as np
import pytest

from acd.actions import OfferContact
from acd.events import ContactArrived, ContactLeft
from sim import driver
from sim.arrivals import workload
from sim.textbook import START_US, m_m_n
from sim.workload import SECOND_US

pytestmark = pytest.mark.timeout(900)
"""The usual limit is for tests that hang; these take a minute of CPU, and machines are shared."""

AGENTS = 10
MEAN_S = 60.0
THRESHOLD_S = 20.0
BATCHES = 60
SEED = 2
WAITS, WAIT = 0.03, 0.07
"""The largest half-widths, of shares and of mean waits, beside the exact value."""
STUDENT = 2.0
"""The 97.5 % point of Student's t with 56 degrees of freedom."""


# --- exact values ---------------------------------------------------------------------------------


def erlang_c(agents, offered):
    """Return the chance to wait in M/M/n, from the stationary distribution itself.

    Source: A. K. Erlang, 1917; as in Gross, Shortle, Thompson and Harris, "Fundamentals of
    queueing theory", 4th edition, 2008, section 2.3.
    """
    idle = [mpmath.mpf(offered) ** k / mpmath.factorial(k) for k in range(agents)]
    full = mpmath.mpf(offered) ** agents / mpmath.factorial(agents) / (1 - offered / agents)
    return full / (mpmath.fsum(idle) + full)


def test_erlang_c_against_a_published_table():
    # Two agents: a² / (2 + a), so 1/3 at one Erlang. Ten at eight Erlangs: 0.409 in every table.
    assert float(erlang_c(2, 1.0)) == pytest.approx(1 / 3)
    assert float(erlang_c(10, 8.0)) == pytest.approx(0.409, abs=5e-4)


class ErlangA(NamedTuple):
    """Exact values of M/M/n+M."""

    waits: float
    abandonment: float
    mean_wait_s: float
    answered_in_time: float


def erlang_a(agents, load, patience_s):
    """Return the exact values of M/M/n+M by the density of the virtual waiting time.

    Source: F. Baccelli and G. Hebuterne, 1981; as in S. Zeltyn and A. Mandelbaum, "Call centers
    with impatient customers", Queueing Systems 51, 2005: the wait that a customer of endless
    patience would find has the density λ p(n−1) exp(λ H(x) − n µ x), H(x) = ∫ exp(−θ u) du over
    [0, x], where p(k) ∝ a^k / k! for k < n, and mass p(0) + … + p(n−1) at 0.
    """
    rate, served, lost = load * agents / MEAN_S, agents / MEAN_S, 1 / patience_s
    weights = [mpmath.mpf(load * agents) ** k / mpmath.factorial(k) for k in range(agents)]

    def density(x):
        """Return the density in the same unit as the weights."""
        reached = (1 - mpmath.exp(-lost * x)) / lost
        return rate * weights[-1] * mpmath.exp(rate * reached - served * x)

    def integral(of, until=mpmath.inf):
        grid = [0, 25, 125, 500, mpmath.inf] if until == mpmath.inf else [0, until]
        return mpmath.quad(lambda x: of(x) * density(x), grid)

    waits = integral(lambda _: 1)
    total = mpmath.fsum(weights) + waits
    return ErlangA(
        waits=float(waits / total),
        abandonment=float(integral(lambda x: 1 - mpmath.exp(-lost * x)) / total),
        # The shorter of the virtual wait and the patience.
        mean_wait_s=float(integral(lambda x: (1 - mpmath.exp(-lost * x)) / lost) / total),
        answered_in_time=float(
            (mpmath.fsum(weights) + integral(lambda x: mpmath.exp(-lost * x), THRESHOLD_S)) / total
        ),
    )


def test_erlang_a_satisfies_the_balance_of_abandonment_and_wait():
    exact = erlang_a(AGENTS, 1.0, 30.0)
    # Whatever the load, λ P(abandon) = θ E[number waiting] = θ λ E[wait]; and endless patience
    # gives M/M/n.
    assert exact.abandonment == pytest.approx(exact.mean_wait_s / 30.0)
    assert erlang_a(AGENTS, 0.5, 1e9).waits == pytest.approx(float(erlang_c(AGENTS, 5.0)), rel=1e-4)


# --- counting -------------------------------------------------------------------------------------


class Watcher:
    """Counts, batch by batch of arrivals' time, what became of each class of contacts."""

    def __init__(self, scenario):
        self.classes = [stream.name for stream in scenario.streams]
        self.batch_us = -(-(scenario.end_us - START_US) // BATCHES)
        shape = (len(self.classes), BATCHES)
        self.arrived, self.waited, self.left, self.in_time = (
            [[0] * shape[1] for _ in range(shape[0])] for _ in range(4)
        )
        self.answered_wait_us, self.left_wait_us = (
            [[0] * shape[1] for _ in range(shape[0])] for _ in range(2)
        )
        self.waiting = {}
        self.controls = controls(scenario, self.batch_us)

    def __call__(self, event, actions, now_us):
        kind = type(event)
        if kind is ContactArrived:
            name = event.contact_id
            of_class = self.classes.index(name[: name.index(".")])
            batch = (now_us - START_US) // self.batch_us
            self.arrived[of_class][batch] += 1
            if actions:
                self.in_time[of_class][batch] += 1
            else:
                self.waited[of_class][batch] += 1
                self.waiting[name] = (of_class, batch, now_us)
            return
        if kind is ContactLeft:
            of_class, batch, since_us = self.waiting.pop(event.contact_id)
            self.left[of_class][batch] += 1
            self.left_wait_us[of_class][batch] += now_us - since_us
        for action in actions:
            if type(action) is OfferContact:
                of_class, batch, since_us = self.waiting.pop(action.contact_id)
                wait_us = now_us - since_us
                self.answered_wait_us[of_class][batch] += wait_us
                if wait_us <= THRESHOLD_S * SECOND_US:
                    self.in_time[of_class][batch] += 1


class Estimate(NamedTuple):
    """A figure and the standard error of it."""

    value: float
    error: float


def controls(scenario, batch_us):
    """Return by batch how many an arrival meets with endless agents, less what is expected.

    Shape (BATCHES, 2): the share of the arrivals that meet as many as there are agents or more, and
    by how many, and one, they are more. Their number is Poisson in the steady state.
    """
    drawn = np.concatenate([np.array(portion) for portion in workload(scenario, SEED)])
    arrived_us, handle_us = drawn[:, 0], drawn[:, 3]
    met = np.arange(len(drawn)) - np.searchsorted(np.sort(arrived_us + handle_us), arrived_us)
    batch = (arrived_us - START_US) // batch_us
    offered = sum(one.rates_per_h[0] for one in scenario.streams) / 3600.0 * MEAN_S
    below = np.arange(AGENTS)
    chance = np.array(
        [float(mpmath.exp(-offered) * offered**k / mpmath.factorial(k)) for k in below]
    )
    free = AGENTS - 1 - below
    expected = (1 - chance.sum(), offered - (AGENTS - 1) + (chance * free).sum())
    measured = (met >= AGENTS, np.maximum(met - (AGENTS - 1), 0))
    counts = np.bincount(batch, minlength=BATCHES)
    return np.column_stack(
        [
            np.bincount(batch, each, minlength=BATCHES) / counts - mean
            for each, mean in zip(measured, expected, strict=True)
        ]
    )


def ratio(found, counts, of_class=0):
    """Return counts of a class per arrival, with its standard error over batches.

    Source: control variates, S. S. Lavenberg and P. D. Welch, "A perspective on the use of control
    variables to increase the efficiency of Monte Carlo simulations", 1981: the least-squares line
    through the batches, where the controls are as expected. The first batch is left out: the
    system starts empty.
    """
    batches = np.array(counts[of_class][1:]) / np.array(found.arrived[of_class][1:])
    known = np.column_stack([np.ones(len(batches)), found.controls[1:]])
    line = np.linalg.solve(known.T @ known, known.T @ batches)
    variance = ((batches - known @ line) ** 2).sum() / (len(batches) - known.shape[1])
    return Estimate(float(line[0]), float(np.sqrt(variance * np.linalg.inv(known.T @ known)[0, 0])))


def assert_close(name, found, exact, half_width):
    """Assert that an estimate is right within its error, and precise enough."""
    off = (found.value - exact) / found.error
    width = STUDENT * found.error / exact
    text = f"{name}: {found.value:.5g}, exact {exact:.5g}, {off:+.2f} errors, ±{width:.2%}"
    assert abs(off) <= 3, text
    assert width <= half_width, text


def simulate(**model):
    """Run a model; return its watcher after a comparison with the metrics."""
    scenario = m_m_n(agents=AGENTS, mean_s=MEAN_S, objective_s=THRESHOLD_S, **model)
    watcher = Watcher(scenario)
    result = driver.run(scenario, SEED, on_step=watcher)
    total = result.report.rows[0].total
    assert total.offered == np.sum(watcher.arrived)
    assert total.abandoned == np.sum(watcher.left)
    assert total.wait_us == np.sum(watcher.answered_wait_us)
    assert total.abandon_wait_us == np.sum(watcher.left_wait_us)
    assert total.answered_in_time == np.sum(watcher.in_time)
    assert total.waiting == len(watcher.waiting)
    return watcher


# --- the models -----------------------------------------------------------------------------------


def test_m_m_10_at_load_0_8():
    found = simulate(contacts=200_000, load=0.8)
    waits = float(erlang_c(AGENTS, 0.8 * AGENTS))
    drain_per_s = AGENTS / MEAN_S * (1 - 0.8)
    in_time = 1 - waits * float(np.exp(-drain_per_s * THRESHOLD_S))
    assert_close("wait probability", ratio(found, found.waited), waits, WAITS)
    assert_close("service level", ratio(found, found.in_time), in_time, WAITS)
    asa = ratio(found, found.answered_wait_us)
    asa_s = Estimate(asa.value / SECOND_US, asa.error / SECOND_US)
    assert_close("ASA", asa_s, waits / drain_per_s, WAIT)


def test_m_m_10_with_impatient_customers():
    patience_s = 30.0
    found = simulate(contacts=80_000, load=1.0, patience_mean_s=patience_s)
    exact = erlang_a(AGENTS, 1.0, patience_s)
    assert_close("wait probability", ratio(found, found.waited), exact.waits, WAITS)
    assert_close("abandonment", ratio(found, found.left), exact.abandonment, WAITS)
    in_time = ratio(found, found.in_time)
    assert_close("answered in time", in_time, exact.answered_in_time, WAITS)
    wait = ratio(found, np.add(found.answered_wait_us, found.left_wait_us))
    wait_s = Estimate(wait.value / SECOND_US, wait.error / SECOND_US)
    assert_close("wait", wait_s, exact.mean_wait_s, WAIT)


def test_two_priorities_without_preemption():
    # Source: A. Cobham, 1954, and O. Kella and U. Yechiali, "Waiting times in the non-preemptive
    # priority M/M/c queue", 1985: the wait of class k is W0 / ((1 − σ(k−1)) (1 − σ(k))), where
    # W0 = C / (n µ), and σ(k) is the load of the classes 1 … k, the most urgent first.
    load, urgent = 0.8, 0.4
    found = simulate(contacts=150_000, load=load, priorities={5: urgent, 0: 1 - urgent})
    waits = float(erlang_c(AGENTS, load * AGENTS))
    first_s = waits * MEAN_S / AGENTS / (1 - load * urgent)
    exact_s = (first_s, first_s / (1 - load))
    for of_class, exact in enumerate(exact_s):
        name = found.classes[of_class]
        assert_close(f"{name}: waits", ratio(found, found.waited, of_class), waits, WAITS)
        wait = ratio(found, found.answered_wait_us, of_class)
        wait_s = Estimate(wait.value / SECOND_US, wait.error / SECOND_US)
        assert_close(f"{name}: ASA", wait_s, exact, WAIT)

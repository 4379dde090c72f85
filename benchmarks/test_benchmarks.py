"""The benchmarks' pieces under pytest-benchmark, and their ratios.

    pytest benchmarks                       # each once, as a test against rot
    pytest benchmarks --benchmark-enable    # measured

Method: small sizes. A figure is never compared with a number of seconds, only with another figure
of the same run, and with room for a busy machine: what must be linear may not look quadratic.
"""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import bench_burst, bench_simulation, bench_step
from benchmarks.exact import m_m_n, m_m_n_m

CONTACTS = 3_000


@pytest.mark.parametrize("waiting", [0, 1_000])
def test_a_mix_of_steps(benchmark: BenchmarkFixture, waiting: int) -> None:
    """A hundred cycles of the steady mix."""
    mix = bench_step.Mix(bench_step.domain(100, 10), 10)
    mix.fill(waiting)
    benchmark(mix.run, 100)
    assert mix.waiting >= waiting * 0.5


@pytest.mark.parametrize("model", bench_simulation.MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("simulator", bench_simulation.SIMULATORS)
def test_a_simulation(
    benchmark: BenchmarkFixture, simulator: str, model: bench_simulation.Model
) -> None:
    """A short run of each simulator, and that its counts are possible."""
    run = benchmark(bench_simulation.SIMULATORS[simulator], model, CONTACTS, 1)
    # The number of arrivals is Poisson; six standard deviations.
    assert abs(run.contacts - CONTACTS) < 6 * CONTACTS**0.5
    assert 0 <= run.abandoned <= run.waited <= run.ended <= run.contacts


def test_a_burst(benchmark: BenchmarkFixture) -> None:
    """A thousand contacts at once."""
    benchmark(bench_burst.ours, 1_000)


def test_the_cost_per_contact_does_not_grow_with_the_burst() -> None:
    """What is served in order costs the same however many wait."""
    # From 1,000 to 16,000: a quadratic part as large as the rest at 1,000 would give 8.5.
    costs = {size: min(bench_burst.ours(size) for _ in range(2)) for size in (1_000, 16_000)}
    assert bench_burst.growth(costs) < 2.5


def test_the_exact_values_agree_with_each_other() -> None:
    """Three models whose answers are known in another way."""
    lossless = m_m_n(100, per_s=95 / 240, mean_s=240.0)
    patient = m_m_n_m(100, per_s=95 / 240, mean_s=240.0, patience_s=1e9)
    assert patient.wait_probability == pytest.approx(lossless.wait_probability, rel=1e-4)
    assert patient.mean_wait_s == pytest.approx(lossless.mean_wait_s, rel=1e-3)
    # Patience of one handling time makes M/M/n+M an M/M/∞, whose number inside is Poisson.
    alike = m_m_n_m(2, per_s=1.0, mean_s=1.0, patience_s=1.0)
    assert alike.wait_probability == pytest.approx(1 - 2 / 2.718281828459045)

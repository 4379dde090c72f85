"""A second opinion on four models, of Ciw, an event-scheduling simulator of queueing networks.

Twenty runs each, of which every one leaves a tenth of its customers out as its beginning.
"""

import math
from collections.abc import Iterator
from statistics import fmean
from typing import Any, Final, NamedTuple

import ciw

from benchmarks.exact_models import MEAN_S, OBJECTIVE_S
from benchmarks.exact_values import (
    batches_m_1,
    cobham_agents,
    pollaczek_khinchine,
    second_moment,
)
from sim.erlang import erlang_c, line
from sim.intervals import Estimate, mean_of
from sim.patience import Exponential

RUNS: Final = 20


class Opinion(NamedTuple):
    """A figure of Ciw's."""

    name: str
    measure: str
    exact: float
    estimate: Estimate


def opinions(contacts: int) -> Iterator[Opinion]:
    """Yield Ciw's figures, of about so many customers each."""
    per_run = max(contacts // RUNS, 50)
    for one in (_impatient, _lognormal, _batches, _priorities):
        yield one(per_run)


def _impatient(customers: int) -> Opinion:
    exact = line(10, 10.0, MEAN_S, OBJECTIVE_S, patience=Exponential(30.0))
    estimate = _measured(
        customers,
        10 / MEAN_S,
        lambda record: record.record_type == "renege",
        arrival_distributions=[ciw.dists.Exponential(10 / MEAN_S)],
        service_distributions=[ciw.dists.Exponential(1 / MEAN_S)],
        number_of_servers=[10],
        reneging_time_distributions=[ciw.dists.Exponential(1 / 30.0)],
    )
    return Opinion("M/M/10+M, load 1.0", "abandonment", float(exact.abandons), estimate)


def _lognormal(customers: int) -> Opinion:
    # Ciw's law has the mean and the deviation of the logarithm.
    scv, per_s = 0.5, 0.7 / MEAN_S
    variance = math.log(1 + scv)
    estimate = _measured(
        customers,
        per_s,
        _wait,
        arrival_distributions=[ciw.dists.Exponential(per_s)],
        service_distributions=[
            ciw.dists.Lognormal(math.log(MEAN_S) - variance / 2, math.sqrt(variance))
        ],
        number_of_servers=[1],
    )
    exact = pollaczek_khinchine(per_s, MEAN_S, second_moment(MEAN_S, scv))
    return Opinion("M/G/1, lognormal, scv 0.5", "asa_s", exact, estimate)


def _batches(customers: int) -> Opinion:
    per_s = 0.7 / MEAN_S
    estimate = _measured(
        customers,
        per_s,
        _wait,
        arrival_distributions=[ciw.dists.Exponential(per_s / 3)],
        batching_distributions=[ciw.dists.Deterministic(3)],
        service_distributions=[ciw.dists.Exponential(1 / MEAN_S)],
        number_of_servers=[1],
    )
    return Opinion("M^3/M/1, load 0.7", "asa_s", batches_m_1(per_s, MEAN_S, 3.0, 9.0), estimate)


def _priorities(customers: int) -> Opinion:
    loads, agents = (0.3, 0.5), 8
    first, second = (ciw.dists.Exponential(agents * load / MEAN_S) for load in loads)
    service = [ciw.dists.Exponential(1 / MEAN_S)]
    estimate = _measured(
        customers,
        agents * sum(loads) / MEAN_S,
        _wait,
        of_class="second",
        arrival_distributions={"first": [first], "second": [second]},
        service_distributions={"first": service, "second": service},
        number_of_servers=[agents],
        priority_classes={"first": 0, "second": 1},
    )
    waits = float(erlang_c(agents, agents * sum(loads)))
    exact = cobham_agents(waits, MEAN_S, agents, loads)[1]
    return Opinion("two priorities, M/M/8", "asa_s of the second", exact, estimate)


def _wait(record: Any) -> float:  # noqa: ANN401 - Ciw has no types.
    return float(record.waiting_time)


def _measured(
    customers: int,
    per_s: float,
    value: Any,  # noqa: ANN401 - of Ciw's record.
    *,
    of_class: str = "",
    **network: Any,  # noqa: ANN401 - as Ciw has it.
) -> Estimate:
    made = ciw.create_network(**network)
    means = []
    for run in range(RUNS):
        ciw.seed(run)
        simulation = ciw.Simulation(made)
        length_s = customers / per_s
        simulation.simulate_until_max_time(length_s)
        records = [
            record
            for record in simulation.get_all_records()
            if record.arrival_date > length_s / 10 and of_class in {"", record.customer_class}
        ]
        means.append(fmean(value(record) for record in records))
    found = mean_of(means)
    assert found is not None
    return found

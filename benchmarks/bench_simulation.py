"""Simulated contacts per second: the production router in its world, beside Ciw and SimPy.

Question: is a simulation with the full router and its measures at least twice as fast as Ciw
(owed; 120,000 contacts a second is the aim)?

Method: M/M/100 at load 0.95, and M/M/100+M at load 1.05 with a mean patience of half the mean
handling time; same arrival rate, handling time, patience and horizon for each simulator, its own
random numbers. In one process, interleaved: in each repetition every simulator runs once, in turn,
and ratios are taken within the repetition; the median of the ratios and their range are printed.
Each prints its wait probability, abandonment and mean wait over all repetitions beside the exact
values (start-up from empty included, so a short run lies a little below): it did the same work.

- ours: `sim.driver.World` with the production router and the measures; the workload drawn, the
  report made, all inside the clock. It raises the collector's first threshold while it runs, as
  `acd sim run` does.
- Ciw: its own network of one node, with reneging; its records are read outside the clock.
- SimPy: `Resource` with a generator for each contact, which appends waits to lists. No agents, no
  queues' settings, no measures: what one writes in twenty lines.

Seconds are the process's own (CPU time), so that other work on the machine does not count. The
garbage collector is on, and the memory of the run before is collected outside the clock. The digest
is of our actions and of all simulators' counts.

    python -m benchmarks.bench_simulation            # the canonical run, about two minutes
    python -m benchmarks.bench_simulation --smoke    # small; against rot
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple

import ciw
import simpy

from benchmarks.exact import Exact, m_m_n, m_m_n_m
from benchmarks.measuring import Digest, is_smoke, machine
from sim import driver, textbook
from sim.workload import SECOND_US

AGENTS: Final = 100
MEAN_S: Final = 240.0
CONTACTS: Final = 100_000
REPETITIONS: Final = 5
SMOKE_CONTACTS: Final = 3_000
SMOKE_REPETITIONS: Final = 2

OWED: Final = 2.0
"""How many times as fast as Ciw (design/performance)."""


HEAD: Final = (
    f"{'':<16} {'contacts':>9} {'contacts/s':>11} {'range':>17} "
    f"{'P(wait)':>8} {'abandoned':>9} {'wait s':>7}"
)


class Model(NamedTuple):
    """One of the textbook's queues."""

    name: str
    load: float
    patience_s: float | None

    @property
    def per_s(self) -> float:
        """The arrival rate."""
        return self.load * AGENTS / MEAN_S

    def exact(self) -> Exact:
        """Return the exact values."""
        if self.patience_s is None:
            return m_m_n(AGENTS, per_s=self.per_s, mean_s=MEAN_S)
        return m_m_n_m(AGENTS, per_s=self.per_s, mean_s=MEAN_S, patience_s=self.patience_s)


MODELS: Final = (Model("M/M/100", 0.95, None), Model("M/M/100+M", 1.05, MEAN_S / 2))


class Run(NamedTuple):
    """What one run did; all counts are of contacts that left the line."""

    took_s: float
    contacts: int
    """Arrived within the horizon."""
    waited: int
    abandoned: int
    ended: int
    """Answered or abandoned."""
    wait_s: float
    """Sum over the ended."""


def ours(model: Model, contacts: int, seed: int, *, digest: Digest | None = None) -> Run:
    """Run the production router in its simulated world."""
    scenario = textbook.m_m_n(
        agents=AGENTS,
        contacts=contacts,
        load=model.load,
        mean_s=MEAN_S,
        patience_mean_s=model.patience_s,
        objective_s=0.0,  # Within 0 seconds is: at once.
    )
    began = time.process_time()
    if digest is None:
        result = driver.run(scenario, seed)
    else:
        result = driver.run(scenario, seed, digest=True)
        digest.add(result.digest)
    took_s = time.process_time() - began
    figures = result.report.rows[0].total
    return Run(
        took_s,
        result.arrived,
        figures.offered - figures.answered_in_time - figures.waiting,
        figures.abandoned,
        figures.answered + figures.abandoned,
        (figures.wait_us + figures.abandon_wait_us) / SECOND_US,
    )


def by_ciw(model: Model, contacts: int, seed: int) -> Run:
    """Run Ciw, an event-scheduling simulator of queueing networks."""
    exponential = ciw.dists.Exponential
    patience = {}
    if model.patience_s is not None:
        patience = {"reneging_time_distributions": [exponential(1 / model.patience_s)]}
    network = ciw.create_network(
        arrival_distributions=[exponential(model.per_s)],
        service_distributions=[exponential(1 / MEAN_S)],
        number_of_servers=[AGENTS],
        **patience,
    )
    began = time.process_time()
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(contacts / model.per_s)
    took_s = time.process_time() - began
    records = simulation.get_all_records()
    waits = [record.waiting_time for record in records]
    return Run(
        took_s,
        simulation.nodes[0].number_of_individuals,
        sum(wait > 0 for wait in waits),
        sum(record.record_type == "renege" for record in records),
        len(records),
        sum(waits),
    )


def by_simpy(model: Model, contacts: int, seed: int) -> Run:
    """Run a plain SimPy model: a Resource, and a generator for each contact."""
    drawn = random.Random(seed)
    waits: list[float] = []
    abandoned = arrived = 0

    def contact(env: simpy.Environment, agents: simpy.Resource) -> Generator[Any, Any, None]:
        nonlocal abandoned
        came = env.now
        with agents.request() as request:
            if model.patience_s is None:
                yield request
            else:
                lost = env.timeout(drawn.expovariate(1 / model.patience_s))
                yield request | lost
                if not request.triggered:
                    abandoned += 1
                    waits.append(env.now - came)
                    return
            waits.append(env.now - came)
            yield env.timeout(drawn.expovariate(1 / MEAN_S))

    def arrivals(env: simpy.Environment, agents: simpy.Resource) -> Generator[Any, Any, None]:
        nonlocal arrived
        while True:
            yield env.timeout(drawn.expovariate(model.per_s))
            arrived += 1
            env.process(contact(env, agents))

    began = time.process_time()
    env = simpy.Environment()
    env.process(arrivals(env, simpy.Resource(env, capacity=AGENTS)))
    env.run(until=contacts / model.per_s)
    took_s = time.process_time() - began
    return Run(took_s, arrived, sum(w > 0 for w in waits), abandoned, len(waits), sum(waits))


SIMULATORS: Final[dict[str, Callable[[Model, int, int], Run]]] = {
    "ours": ours,
    "Ciw": by_ciw,
    "SimPy Resource": by_simpy,
}


def compare(model: Model, contacts: int, repetitions: int, digest: Digest) -> dict[str, list[Run]]:
    """Run every simulator in turn, repetition by repetition."""
    runs: dict[str, list[Run]] = {name: [] for name in SIMULATORS}
    for repetition in range(1, repetitions + 1):
        for name, simulate in SIMULATORS.items():
            gc.collect()
            runs[name].append(simulate(model, contacts, repetition))
    ours(model, contacts, 1, digest=digest)
    for of_one in runs.values():
        digest.add([run[1:5] for run in of_one])
    return runs


def speeds(runs: list[Run]) -> list[float]:
    """Return the contacts per second of each run, sorted."""
    return sorted(run.contacts / run.took_s for run in runs)


def ratios(runs: dict[str, list[Run]], peer: str) -> list[float]:
    """Return how many times as fast as a peer ours was, in each repetition; sorted."""
    pairs = zip(runs["ours"], runs[peer], strict=True)
    return sorted(
        (one.contacts / one.took_s) / (other.contacts / other.took_s) for one, other in pairs
    )


def table(model: Model, runs: dict[str, list[Run]]) -> str:
    """Return what was measured of a model as text."""
    lines = [
        f"{model.name}, load {model.load}, {len(runs['ours'])} repetitions",
        HEAD,
    ]
    for name, of_one in runs.items():
        speed = speeds(of_one)
        ended = sum(run.ended for run in of_one)
        lines.append(
            f"{name:<16} {sum(run.contacts for run in of_one):9} "
            f"{statistics.median(speed):11,.0f} {f'{speed[0]:,.0f}-{speed[-1]:,.0f}':>17} "
            f"{sum(run.waited for run in of_one) / ended:8.4f} "
            f"{sum(run.abandoned for run in of_one) / ended:9.4f} "
            f"{sum(run.wait_s for run in of_one) / ended:7.2f}"
        )
    exact = model.exact()
    lines.append(
        f"{'exact':<16} {'':9} {'':11} {'':17} {exact.wait_probability:8.4f} "
        f"{exact.abandonment:9.4f} {exact.mean_wait_s:7.2f}"
    )
    for peer in list(runs)[1:]:
        ratio = ratios(runs, peer)
        owed = f"; wanted at least {OWED}" if peer == "Ciw" and model.patience_s else ""
        lines.append(
            f"ours / {peer}: {statistics.median(ratio):.2f} ({ratio[0]:.2f}-{ratio[-1]:.2f}{owed})"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    smoke = is_smoke(__doc__, arguments)
    print(machine())
    digest = Digest()
    for model in MODELS:
        runs = compare(
            model,
            SMOKE_CONTACTS if smoke else CONTACTS,
            SMOKE_REPETITIONS if smoke else REPETITIONS,
            digest,
        )
        print(table(model, runs))
    print(f"digest {digest.text()}")


if __name__ == "__main__":
    main()

"""What a contact costs when thousands arrive at once.

Question: is the cost per contact flat, at most 1.5 times as much at 32,000 contacts as at 2,000?

Method: N contacts arrive within ten seconds at 100 agents with a mean handling time of 30 s, so
nearly all wait, and then are served, none leaves. Ours is the simulated world with the production
router and its measures. The peer is a SimPy `Resource` with a generator for each contact, whose
line is a list with the next one taken from its front. Seconds are the process's own (CPU time), so
that other work on the machine does not count; best of several repetitions, interleaved by size. The
garbage collector is on, and the memory of the run before is collected outside the clock. The digest
is of our actions.

    python -m benchmarks.bench_burst            # the canonical run, some twenty seconds
    python -m benchmarks.bench_burst --smoke    # small; against rot
"""

import gc
import math
import random
import time
from collections.abc import Callable, Generator
from typing import Any, Final

import msgspec
import simpy

from benchmarks.measuring import Digest, is_smoke, machine
from sim import driver, textbook
from sim.workload import HOUR_US, SECOND_US, Scenario

AGENTS: Final = 100
MEAN_S: Final = 30.0
BURST_S: Final = 10
SIZES: Final = (2_000, 8_000, 32_000)
REPETITIONS: Final = 3
SMOKE_SIZES: Final = (500, 2_000)
SMOKE_REPETITIONS: Final = 2

FLAT: Final = 1.5
"""Most that the largest size may cost per contact, in costs at the smallest (design/performance).
"""


def scenario(contacts: int) -> Scenario:
    """Return a burst in the first of as many intervals as it takes to serve everybody."""
    plain = textbook.m_m_n(agents=AGENTS, contacts=contacts, load=1.0, mean_s=MEAN_S)
    # The last contacts may be long: twenty handling times more than the mean work takes.
    intervals = math.ceil((contacts / AGENTS * 1.1 + 20) * MEAN_S / BURST_S)
    rates = (contacts / BURST_S * HOUR_US / SECOND_US,) + (0.0,) * (intervals - 1)
    return msgspec.structs.replace(
        plain,
        title=f"{contacts} at once",
        interval_us=BURST_S * SECOND_US,
        intervals=intervals,
        streams=(msgspec.structs.replace(plain.streams[0], rates_per_h=rates),),
        staffing={"all": (AGENTS,) * intervals},
    )


def ours(contacts: int, *, digest: Digest | None = None) -> float:
    """Return the cost per contact in our world, in µs."""
    burst = scenario(contacts)
    gc.collect()
    began = time.process_time()
    result = driver.run(burst, 1, digest=digest is not None)
    took_s = time.process_time() - began
    figures = result.report.rows[0].total
    assert figures.handled == result.arrived, "the horizon is too short"
    if digest is not None:
        digest.add(result.digest)
    return took_s / result.arrived * 1e6


def by_simpy(contacts: int) -> float:
    """Return the cost per contact with a SimPy Resource, in µs."""
    drawn = random.Random(1)

    def contact(
        env: simpy.Environment, agents: simpy.Resource, comes_s: float
    ) -> Generator[Any, Any, None]:
        yield env.timeout(comes_s)
        with agents.request() as request:
            yield request
            yield env.timeout(drawn.expovariate(1 / MEAN_S))

    gc.collect()
    began = time.process_time()
    env = simpy.Environment()
    agents = simpy.Resource(env, capacity=AGENTS)
    for _ in range(contacts):
        env.process(contact(env, agents, drawn.uniform(0, BURST_S)))
    env.run()
    return (time.process_time() - began) / contacts * 1e6


def measure(sizes: tuple[int, ...], repetitions: int) -> dict[str, dict[int, float]]:
    """Return the best cost per contact in µs, by simulator and size."""
    simulators: dict[str, Callable[[int], float]] = {"ours": ours, "SimPy Resource": by_simpy}
    best: dict[str, dict[int, float]] = {
        name: dict.fromkeys(sizes, math.inf) for name in simulators
    }
    for _ in range(repetitions):
        for contacts in sizes:
            for name, simulate in simulators.items():
                best[name][contacts] = min(best[name][contacts], simulate(contacts))
    return best


def growth(costs: dict[int, float]) -> float:
    """Return the cost per contact at the largest size over that at the smallest."""
    return costs[max(costs)] / costs[min(costs)]


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    smoke = is_smoke(__doc__, arguments)
    sizes = SMOKE_SIZES if smoke else SIZES
    print(machine())
    best = measure(sizes, SMOKE_REPETITIONS if smoke else REPETITIONS)
    print(f"{'µs per contact':<16}" + "".join(f"{size:>9,}" for size in sizes) + f"{'growth':>9}")
    for name, costs in best.items():
        cells = "".join(f"{costs[size]:9.1f}" for size in sizes)
        print(f"{name:<16}{cells}{growth(costs):9.2f}")
    digest = Digest()
    for size in sizes:
        ours(size, digest=digest)
    print(f"growth of ours: {growth(best['ours']):.2f}; wanted at most {FLAT}")
    print(f"digest {digest.text()}")


if __name__ == "__main__":
    main()

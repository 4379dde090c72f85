"""The toy store's day twenty times: in one process, in several, on a Dask cluster.

Question: do all places find the same, to the bit, and how long do twenty days take (owed: at most
30 s on two cores)?

Method: one study of `configs/toy_store_christmas.toml` with one seed, run in this process, in two
and in four processes, and on a Dask cluster of two workers that is started for it on loopback,
outside the clock. Seconds are of the wall: the question is how long a planner waits. The digest of
each study is of all its runs' actions; if two differ the exit code is 1.

    python -m benchmarks.bench_places            # the canonical run, some two minutes
    python -m benchmarks.bench_places --smoke    # two days; against rot
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from distributed import LocalCluster

from benchmarks.measuring import is_smoke, machine
from sim.scenario import load
from sim.study import RunAll, run_here, study
from sim.workers import in_processes, on_cluster

SCENARIO: Final = Path(__file__).parents[1] / "configs" / "toy_store_christmas.toml"
DAYS: Final = 20
SMOKE_DAYS: Final = 2
SEED: Final = 1
OWED_S: Final = 30.0
"""Of twenty days on two cores (design/performance)."""


@contextmanager
def _cluster(workers: int) -> Iterator[RunAll]:
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield on_cluster(cluster.scheduler_address)


def main() -> int:
    """Run each place once; return 1 if they found different things."""
    days = SMOKE_DAYS if is_smoke(__doc__) else DAYS
    print(machine())
    scenario = load(SCENARIO)
    digests: set[str] = set()
    print(f"{'place':<22} {'days':>4} {'contacts':>8} {'s':>6} {'contacts/s':>10}  digest")

    def measure(place: str, run_all: RunAll) -> float:
        began = time.perf_counter()
        found = study(scenario, seed=SEED, replications=days, run_all=run_all)
        took_s = time.perf_counter() - began
        contacts = sum(one.arrived for one in found.samples)
        digests.add(found.digest)
        print(
            f"{place:<22} {days:>4} {contacts:>8} {took_s:>6.1f} {contacts / took_s:>10,.0f}"
            f"  {found.digest[:12]}"
        )
        return took_s

    measure("one process", run_here)
    took_s = measure("two processes", in_processes(2))
    measure("four processes", in_processes(4))
    with _cluster(2) as run_all:
        measure("Dask, two workers", run_all)
    print(f"{days} days in two processes: {took_s:.1f} s (owed for {DAYS}: {OWED_S:.0f})")
    if len(digests) > 1:
        print("the places found different things", file=sys.stderr)
    return int(len(digests) > 1)


if __name__ == "__main__":  # Workers import this module again.
    sys.exit(main())

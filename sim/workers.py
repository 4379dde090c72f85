"""Where the runs of a study happen: in several processes, or on a Dask cluster, with one result.

A run is a function of the scenario and its seed alone, and runs are put in the order of their
numbers, so nothing hangs on which worker has which, or when it is done.
"""

import multiprocessing
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from typing import Any, Final

from acd.errors import UnreachableError, shown
from sim.study import RunAll, Sample, WorkersLostError, run_one
from sim.workload import Scenario

WORKERS_MAX: Final = 256

LOSSES_MAX: Final = 3
"""How often workers may die before we give up: who kills them (memory runs out) does so again."""

CONNECT_S: Final = 10.0

PORT_MAX: Final = 65_535

_ADDRESS: Final = re.compile(r"(?:[a-z]+://)?[^/]+:(?P<port>[0-9]{1,5})")

_scenario: Scenario | None = None
"""Of a worker's process."""


def in_processes(workers: int) -> RunAll:
    """Return what runs in so many processes of this machine.

    A worker that dies (killed, or out of memory) loses what it ran, which is run again by others.

    Raises:
        ValueError: The number is out of range.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"workers: is {workers}; wanted from 1 to {WORKERS_MAX}")

    def run_all(scenario: Scenario, seeds: Sequence[tuple[int, int]]) -> Iterator[Sample]:
        left = dict(seeds)
        for _ in range(LOSSES_MAX):
            for sample in _in_one_pool(scenario, left, workers):
                del left[sample.number]
                yield sample
            if not left:
                return
        raise WorkersLostError(len(seeds) - len(left), len(seeds))

    return run_all


def _in_one_pool(scenario: Scenario, left: dict[int, int], workers: int) -> Iterator[Sample]:
    """Yield runs until all are done, or a worker dies, with which the whole pool ends."""
    pool = ProcessPoolExecutor(
        min(workers, max(len(left), 1)),
        # A fork of this process would take its threads' locks along, held as they are.
        mp_context=multiprocessing.get_context("forkserver"),
        initializer=_begin,
        initargs=(scenario,),
    )
    try:
        futures = [pool.submit(_run, number, seed) for number, seed in left.items()]
        for future in as_completed(futures):
            try:
                sample = future.result()
            except BrokenProcessPool:
                continue  # What is done already comes all the same.
            yield sample
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(scenario: Scenario) -> None:
    global _scenario  # noqa: PLW0603 - sent once to each worker, not with each run.
    _scenario = scenario


def _run(number: int, seed: int) -> Sample:
    assert _scenario is not None
    return run_one(_scenario, number, seed)


def on_cluster(address: str) -> RunAll:
    """Return what runs on a Dask cluster, whose workers have this package installed.

    Args:
        address: Of its scheduler, like `tcp://10.0.0.1:8786`.

    Raises:
        ValueError: It is no address.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) <= PORT_MAX:
        # Dask would say so too, and then wait for what it never began.
        raise ValueError(f"cluster: is {shown(address)}; wanted one like tcp://10.0.0.1:8786")

    def run_all(scenario: Scenario, seeds: Sequence[tuple[int, int]]) -> Iterator[Sample]:
        try:
            distributed: Any = import_module("distributed")  # An extra, and 0.5 s.
        except ImportError as error:
            wanted = "the package `distributed`, as in acd-engine[cluster]"
            raise UnreachableError(address, f"is a Dask cluster; wanted {wanted}") from error
        try:
            client: Any = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise UnreachableError(address, f"no Dask scheduler: {error}") from error
        with client:
            held = client.scatter(scenario, broadcast=True)
            futures = [
                client.submit(run_one, held, number, seed, pure=False, retries=LOSSES_MAX)
                for number, seed in seeds
            ]
            for future in distributed.as_completed(futures, loop=client.loop):
                yield future.result()

    return run_all

"""The benchmarks in their small form: they run, and two runs do the same work.

Method: each is run twice in a process of its own, with different hash seeds; all that is not a
measured figure, above all the digests of the actions, must be equal. No second is compared.
"""

import re
import sys
from pathlib import Path

import pytest

NAMES = sorted(path.stem for path in (Path(__file__).parents[2] / "benchmarks").glob("bench_*.py"))
DIGEST = re.compile(r"\b[0-9a-f]{12}\b")


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_does_the_same_work_twice(run, name):
    command = [sys.executable, "-m", f"benchmarks.{name}", "--smoke"]
    first, second = (
        DIGEST.findall(run(command, env={"PYTHONHASHSEED": seed}).stdout) for seed in ("1", "2")
    )
    assert first
    assert first == second


def test_every_benchmark_was_found():
    daemon = {"bench_durable", "bench_http", "bench_recovery"}
    assert set(NAMES) == {
        "bench_affinity",
        "bench_ari_burst",
        "bench_burst",
        "bench_ewt",
        "bench_exact",
        "bench_change",
        "bench_forecast",
        "bench_overflow",
        "bench_places",
        "bench_selection",
        "bench_simulation",
        "bench_staff",
        "bench_step",
        "bench_urgency",
        "bench_workload",
        *daemon,
    }

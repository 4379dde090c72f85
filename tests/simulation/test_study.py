"""Several runs of a scenario: their intervals, one result wherever they run, workers that die.

Method: one process, two processes and a real Dask scheduler with two workers run the same study.
Workers are killed. (That intervals cover is tried in tests/long/test_coverage.py.)
"""

import json
import multiprocessing
from collections.abc import Iterator

import distributed
import numpy as np
import pytest

from acd.cli import main
from acd.errors import UnreachableError
from acd.settings import Abandons
from sim import driver
from sim.intervals import mean_of, ratio_of_batches, student
from sim.steady import steady
from sim.study import (
    Precision,
    WorkersLostError,
    parse_precision,
    run_here,
    run_one,
    seed_of,
    study,
)
from sim.textbook import m_m_n
from sim.workers import in_processes, on_cluster
from tests.long.test_closed_forms import erlang_c

SMALL = m_m_n(agents=3, contacts=25, load=0.9, patience_mean_s=120.0)
LEVEL = "line.voice.service_level"
LENGTH = "line.voice.queue_length"


# --- intervals ------------------------------------------------------------------------------------


def test_an_interval_by_hand():
    found = mean_of([1.0, 2.0, 4.0])
    assert found is not None
    assert found.mean == pytest.approx(7 / 3)
    assert found.deviation == pytest.approx(np.sqrt(7 / 3))
    # Student's t of 2 degrees of freedom: 4.303.
    assert found.half_width == pytest.approx(4.303 * found.deviation / np.sqrt(3), rel=1e-4)
    assert (found.low, found.high) == (found.mean - found.half_width, found.mean + found.half_width)


def test_of_nothing_there_is_none_and_of_one_an_endless_interval():
    assert mean_of([]) is None
    one = mean_of([3.0])
    assert one is not None
    assert (one.mean, one.half_width, one.runs) == (3.0, np.inf, 1)


@pytest.mark.parametrize("confidence", [0.0, 1.0, float("nan")])
def test_a_confidence_out_of_range_is_refused(confidence):
    with pytest.raises(ValueError, match=r"confidence: is .*; wanted above 0, below 1"):
        mean_of([1.0], confidence)


def test_a_ratio_of_batches_by_hand():
    parts, wholes = [9.0, *range(1, 21)], [9.0, *[2.0] * 20]
    found = ratio_of_batches(parts, wholes, batches=10)
    assert found is not None
    # Two to a batch, the first left out: sums 3, 7, … 39 over 4 each.
    sums = np.arange(3, 40, 4) / 4
    assert found.mean == pytest.approx(sums.mean())
    half_width = student(0.95, 9) * sums.std(ddof=1) / np.sqrt(10)
    assert found.half_width == pytest.approx(half_width)
    assert ratio_of_batches([0.0] * 10, [0.0] * 10, batches=10) is None


@pytest.mark.parametrize(
    "parts, wholes, batches, message",
    [
        (9, 9, 10, "batches: is 10; wanted from 10 to 9, the intervals"),
        (90, 90, 9, "batches: is 9; wanted from 10 to 90, the intervals"),
        (9, 8, 10, "batches: 9 parts, 8 wholes; wanted as many"),
    ],
)
def test_batches_out_of_range_are_refused(parts, wholes, batches, message):
    with pytest.raises(ValueError, match=message):
        ratio_of_batches([1.0] * parts, [1.0] * wholes, batches=batches)


def test_batch_means_of_a_long_run_cover_the_steady_state():
    scenario = m_m_n(agents=4, contacts=40_000, load=0.7, mean_s=60.0)
    report = driver.run(scenario, 7).report
    found = steady(report, Abandons.MISSED, warm_up_us=report.interval_us, batches=20)
    waits = float(erlang_c(4, 2.8))
    exact = {
        "service_level": 1 - waits * np.exp(-1.2 * 20 / 60),
        "asa_s": waits * 60 / 1.2,
        "occupancy": 0.7,
        "queue_length": waits * 2.8 / 1.2,
    }
    for measure, value in exact.items():
        estimate = found[f"line.voice.{measure}"]
        # Three standard errors: what a right program misses once in 370.
        assert abs(estimate.mean - value) < 3 * estimate.half_width / student(0.95, 19), measure
        assert estimate.half_width < 0.2 * value
    assert found["line.voice.abandonment"].mean == 0


# --- studies --------------------------------------------------------------------------------------


def test_a_run_is_the_same_however_many_there_are():
    few, many = study(SMALL, replications=2), study(SMALL, replications=4)
    assert many.samples[:2] == few.samples
    assert len({one.digest for one in many.samples}) == 4
    alone = run_one(SMALL, 1, seed_of(1, 1))
    assert alone == few.samples[1]
    children = np.random.SeedSequence(1).spawn(2)
    words = children[1].generate_state(4, np.uint32)
    assert seed_of(1, 1) == sum(int(word) << 32 * at for at, word in enumerate(words))


def test_figures_have_names_and_an_unknown_one_suggests():
    found = study(SMALL, replications=3)
    assert {LEVEL, LENGTH, "group.all.occupancy"} <= set(found.names())
    estimate = found.estimate(LEVEL)
    assert estimate is not None
    assert estimate.mean == pytest.approx(np.mean(found.values(LEVEL)))
    with pytest.raises(LookupError, match=r"no figure of this scenario; did you mean `line\.voice"):
        found.estimate("line.voice.servicelevel")


def test_it_goes_on_until_it_is_precise_and_no_longer():
    asked = [Precision(LEVEL, 0.04)]
    found = study(SMALL, replications=6, precision=asked, replications_max=300)
    assert found.is_precise
    assert len(found.samples) % 3 == 0
    assert 6 < len(found.samples) < 300
    estimate = found.estimate(LEVEL)
    assert estimate is not None
    assert estimate.half_width <= 0.04
    before = study(SMALL, replications=len(found.samples) - 3).estimate(LEVEL)
    assert before is not None
    assert before.half_width > 0.04
    never = study(SMALL, replications=4, precision=[Precision(LEVEL, 1e-9)], replications_max=7)
    assert (len(never.samples), never.is_precise) == (7, False)


@pytest.mark.parametrize(
    "more, error, message",
    [
        ({"replications": 0}, ValueError, "replications: is 0; wanted from 1 to 10000"),
        ({"replications": 1, "precision": [Precision(LEVEL, 1.0)]}, ValueError, "from 2 to 10000"),
        ({"replications": 9, "replications_max": 8}, ValueError, "is 8; wanted at least 9"),
        ({"precision": [Precision("x", 1.0)], "replications": 2}, LookupError, "`x` is no figure"),
    ],
    ids=["none", "one", "max", "name"],
)
def test_a_study_out_of_range_is_refused(more, error, message):
    with pytest.raises(error, match=message):
        study(SMALL, **more)


@pytest.mark.parametrize("text", ["", "x", "x=", "=1", "x=0", "x=-1", "x=nan%", "x=inf", "x=1.2.3"])
def test_a_precision_that_is_none_is_refused(text):
    with pytest.raises(
        ValueError, match=r"precision: is .*; wanted NAME=HALF_WIDTH or NAME=SHARE%"
    ):
        parse_precision(text)


# --- elsewhere ------------------------------------------------------------------------------------


def test_two_processes_find_what_one_finds():
    assert study(SMALL, replications=5, run_all=in_processes(2)) == study(SMALL, replications=5)


@pytest.fixture
def scheduler() -> Iterator[str]:
    """Start a Dask scheduler with two workers, in processes of their own."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def test_a_cluster_of_two_workers_finds_what_one_process_finds(scheduler):
    there = study(SMALL, replications=5, run_all=on_cluster(scheduler))
    here = study(SMALL, replications=5, run_all=run_here)
    assert there == here
    assert there.digest == here.digest


def test_a_cluster_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr("sim.workers.CONNECT_S", 0.5)
    with pytest.raises(UnreachableError, match="no Dask scheduler"):
        study(SMALL, replications=1, run_all=on_cluster("tcp://127.0.0.1:9"))


BUSY = m_m_n(agents=3, contacts=1_500, load=0.9)


def kill_a_worker(*_: int) -> None:
    """Kill one of the processes that run."""
    for worker in multiprocessing.active_children()[:1]:
        worker.kill()


def test_what_a_dead_worker_ran_is_run_again():
    killed: list[int] = []

    def once(done: int, wanted: int) -> None:
        if not killed:
            killed.append(done)
            kill_a_worker(done, wanted)

    found = study(BUSY, replications=10, run_all=in_processes(2), progress=once)
    assert killed
    assert found == study(BUSY, replications=10)


def test_workers_that_die_again_and_again_end_it_with_what_is_done_kept():
    with pytest.raises(WorkersLostError, match=r"with .* of 60 runs done; out of memory") as caught:
        study(BUSY, replications=60, run_all=in_processes(2), progress=kill_a_worker)
    done = caught.value.study
    assert 3 <= len(done.samples) < 60
    first = done.samples[0]
    assert first == run_one(BUSY, first.number, seed_of(1, first.number))


@pytest.mark.parametrize("workers", [0, 257])
def test_workers_out_of_range_are_refused(workers):
    with pytest.raises(ValueError, match=f"workers: is {workers}; wanted from 1 to 256"):
        in_processes(workers)


# --- the command ----------------------------------------------------------------------------------

SCENARIO = """
[domain]
name = "shop"

[queues.sales]
voice = { objective_s = 20, auto_answer = true }

[capacities.phone]
voice = {}

[profiles]
all = [{ queue = "sales" }]

[groups.day]
profile = "all"
capacity = "phone"

[scenario]
title = "Busy"
start = 2026-11-02T08:00:00
hours = 1
interval_min = 60
staffing = { day = 3 }

[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [60]
handle = { mean_s = 150 }
"""


@pytest.fixture
def busy(tmp_path):
    path = tmp_path / "busy.toml"
    path.write_text(SCENARIO, encoding="utf-8")
    return str(path)


def test_the_command_shows_intervals(busy, capsys):
    assert main(["sim", "run", busy, "--replications", "4"]) == 0
    said = capsys.readouterr().out
    assert "Busy, seed 1: 4 runs" in said
    assert " ± " in said
    assert main(["sim", "run", busy, "--replications", "4", "--workers", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["digest"][:12] in said
    level = found["figures"]["sales.voice.service_level"]
    assert level["mean"] == pytest.approx(np.mean(level["runs"]))
    assert len(found["arrived"]) == 4


def test_a_precision_that_is_not_met_fails_the_check(busy, capsys):
    asked = ["--precision", "sales.voice.service_level=1e-6", "--replications-max", "3"]
    assert main(["sim", "run", busy, "--replications", "2", *asked]) == 1
    told = capsys.readouterr()
    assert "3 runs" in told.out
    assert "--precision: is not met; wanted more --replications-max" in told.err


@pytest.mark.parametrize(
    "more, code, message",
    [
        (["--precision", "sales.voice.servce_level=1%"], 2, "did you mean `sales.voice.service_l"),
        (["--precision", "x"], 2, "--precision: is `x`; wanted NAME=HALF_WIDTH"),
        (["--workers", "2", "--cluster", "tcp://x:1"], 2, "--workers: are of this machine; wanted"),
        (["--cluster", "nonsense://"], 2, "wanted one like tcp://"),
    ],
    ids=["figure", "precision", "both", "cluster"],
)
def test_the_command_refuses(busy, capsys, more, code, message):
    assert main(["sim", "run", busy, "--replications", "2", *more]) == code
    assert message in capsys.readouterr().err

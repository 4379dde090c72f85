"""What contact selection costs under each urgency policy, by classes.

Question: how much longer does a freed agent wait for his next contact under a policy whose order
changes while contacts wait, than under longest wait?

Method: the mix of `bench_step` with 10,000 agents and 10,000 contacts waiting, under each policy,
at 10 / 100 / 1,000 classes (one a queue). Agents serve a few of them, by skills (`few`: as in
bench_step), or all of them (`all`), so that as many heads are compared as there are classes.
Numbers of the policies are drawn, so that no two queues are alike. Only `next` is shown: the steps
in which a contact ends and the freed agent is offered another. `ratio` is that to longest wait at
as many classes, of the median. Rows of one size are measured in turns, twelve times each, and the
lowest median and 99th percentile stand: a machine shared with others only ever adds.

    python -m benchmarks.bench_urgency            # the canonical run, some minutes
    python -m benchmarks.bench_urgency --smoke    # small; against rot
"""

import random
from typing import Any, Final

from msgspec.structs import replace

from acd.ids import Channel
from acd.settings import SECOND_US, DomainSettings, Urgency
from benchmarks import bench_step
from benchmarks.measuring import is_smoke, machine, quantile

AGENTS: Final = 10_000
WAITING: Final = 10_000
CLASSES: Final = (10, 100, 1_000)
CYCLES: Final = 400
ROUNDS: Final = 12
EVERY_US: Final = 50_000
"""Between the arrivals of those who wait: of one instant they would all be equals."""

SMOKE_AGENTS: Final = 200
SMOKE_WAITING: Final = 100
SMOKE_CLASSES: Final = (6, 20)
SMOKE_CYCLES: Final = 20

HEAD: Final = (
    f"{'policy':<20} {'serves':<6} {'classes':>7} {'p50 µs':>8} {'ratio':>6} {'p99 µs':>8}"
)


def domain(agents: int, queues: int, urgency: Urgency, *, everybody: bool) -> DomainSettings:
    """Return the domain of `bench_step` under a policy; `everybody` serves every queue, or few."""
    drawn = random.Random(3)
    plain = bench_step.domain(agents, queues)
    lines = []
    for queue in plain.queues:
        numbers, channel = _numbers(urgency, drawn)
        voice = replace(queue.channels[Channel.VOICE], **channel)
        requires = "" if everybody else queue.requires
        lines.append(replace(queue, requires=requires, channels={Channel.VOICE: voice}, **numbers))
    return replace(plain, queues=tuple(lines), urgency=urgency)


def _numbers(urgency: Urgency, drawn: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a policy reads of a queue and of its channel."""
    span_us = drawn.randint(10, 3_600) * SECOND_US
    match urgency:
        case Urgency.STRICT_PRIORITY:
            return {"priority": drawn.randint(0, 9)}, {}
        case Urgency.HEAD_START:
            return {"head_start_us": span_us}, {}
        case Urgency.DEADLINE_FIRST:
            return {"promise_us": span_us}, {}
        case Urgency.AGEING:
            rate = drawn.choice((30, 60, 120))
            cap = {"ageing_cap": 60} if drawn.random() < 0.5 else {}
            return {"priority": drawn.randint(0, 9), "ageing_per_h": rate, **cap}, {}
        case Urgency.WAIT_OVER_OBJECTIVE:
            return {}, {"objective_us": span_us}
        case Urgency.C_MU | Urgency.GENERALIZED_C_MU:
            return {"delay_cost": drawn.randint(1, 100)}, {"handle_time_us": span_us}
        case Urgency.QUEUE_RATIO:
            return {"waiting_share": drawn.randint(1, 100)}, {}
        case _:
            return {}, {}


class Run:
    """A mix under one policy at one size, and its best medians so far."""

    def __init__(self, urgency: Urgency, agents: int, classes: int, *, everybody: bool) -> None:
        self.urgency = urgency
        self.classes = classes
        self.serves = "all" if everybody else "few"
        settings = domain(agents, classes, urgency, everybody=everybody)
        self.mix = bench_step.Mix(settings, classes)
        self.p50_us = self.p99_us = float("inf")

    def measure(self, waiting: int, cycles: int) -> None:
        """Run so many cycles more, and keep what is lower."""
        self.mix.fill(waiting, every_us=EVERY_US)
        self.mix.steps_ns.clear()
        self.mix.run(cycles)
        taken_us = sorted(taken / 1e3 for taken in self.mix.steps_ns["next"])
        self.p50_us = min(self.p50_us, quantile(taken_us, 0.5))
        self.p99_us = min(self.p99_us, quantile(taken_us, 0.99))


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    smoke = is_smoke(__doc__, arguments)
    print(machine())
    print(f"{HEAD}  actions")
    agents, waiting, cycles = (
        (SMOKE_AGENTS, SMOKE_WAITING, SMOKE_CYCLES) if smoke else (AGENTS, WAITING, CYCLES)
    )
    for everybody in (False, True):
        for classes in SMOKE_CLASSES if smoke else CLASSES:
            runs = [Run(one, agents, classes, everybody=everybody) for one in Urgency]
            for _ in range(ROUNDS):
                for run in runs:
                    run.measure(waiting, cycles)
            for run in runs:
                print(
                    f"{run.urgency:<20} {run.serves:<6} {run.classes:7} {run.p50_us:8.1f} "
                    f"{run.p50_us / runs[0].p50_us:6.2f} {run.p99_us:8.1f}  {run.mix.digest.text()}"
                )


if __name__ == "__main__":
    main()

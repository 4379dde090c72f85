"""How near the estimated wait comes to the wait, beside two estimates that products make.

Question: what are bias, mean absolute error (MAE) and the share of waits at or below what was
announced, of `acd.wait_time` and of

    length   queue length × AHT ÷ agents: those waiting in the contact's queue, it included, times
             the queue's true mean handle time, over the agents at work who serve the queue
    last     the wait of whoever last entered service from that queue (the last waiter)

Method: three days in the simulator, of which every contact that has to wait is estimated three ways
when it enters its queue. Its wait counts until the offer that it is answered by; who leaves, and
who waits at the end, has none and is left out (their number is in the first column). Each figure is
a mean over seeds with the half-width of its 95 % confidence interval; `MAE − ours` is that of the
differences, seed by seed.

    steady   one queue of 30 agents at 97 % load for six hours
    peak     two queues with shared agents; three times the calls for 40 minutes, after which the
             line drains and staff is called in
    skills   six queues with uneven loads over the day, and eight groups of agents who serve from
             one to six of them

What it costs: beside `bench_step`'s domains and steady mix, how long an estimate of a waiting leg
takes of the processor, drawn at random, and how long a step does (`all` there) where waits are
estimated and where they are not. `mutual` has all agents serve all queues, so that every class is
every other's rival.

    python -m benchmarks.bench_ewt            # the canonical run, about a minute
    python -m benchmarks.bench_ewt --smoke    # small; against rot
"""

import gc
import random
import time
from collections import defaultdict
from statistics import fmean, stdev
from typing import Final, NamedTuple

from msgspec.structs import replace

from acd.actions import Action, CloseContact, OfferContact
from acd.contacts import LegState
from acd.events import ContactArrived, Event, LegConnected
from acd.ids import Availability
from acd.router import Router
from acd.settings import SECOND_US, DomainSettings
from benchmarks.bench_step import HANDLE_US, Mix, domain
from benchmarks.ewt_days import DAYS
from benchmarks.measuring import Digest, is_smoke, machine, quantile
from sim import scenario
from sim.driver import World
from sim.workload import Scenario

SEEDS: Final = 10
SMOKE_SEEDS: Final = 2

STUDENT: Final = {SEEDS: 2.262, SMOKE_SEEDS: 12.706}
"""The 97.5 % quantile of Student's t by the number of seeds."""

SIZES: Final = (
    (100, 10, 1_000, 5_000),
    (1_000, 100, 100_000, 5_000),
    (10_000, 1_000, 100_000, 5_000),
)
SMOKE_SIZES: Final = ((100, 10, 200, 200),)
"""(agents, classes, waiting, how many estimates and steps)"""

NAMES: Final = ("ours", "length", "last")


class Errors(NamedTuple):
    """What one way to estimate came to, in one run."""

    bias_s: float
    mae_s: float
    covered: float
    """Share of the waits at or below what was announced."""


class Watch:
    """Estimates whoever has to wait, in all ways, and compares with what came."""

    def __init__(self, planned: Scenario) -> None:
        self.router: Router
        self.waits_us: list[tuple[int, tuple[int, ...]]] = []
        """(wait, announced by each way) of each that was answered."""
        self.left_out = 0
        self.digest = Digest()
        means = {
            one.queue: one.handle.mean_s * SECOND_US + one.answer_us for one in planned.streams
        }
        self._aht_us = {
            queue.name: means[queue.name] + channel.wrap_up_us
            for queue in planned.settings.queues
            for channel in queue.channels.values()
        }
        self.told: dict[str, tuple[int, tuple[int, ...]]] = {}
        """(when, announced by each way) by contact that waits."""
        self._came_us: dict[str, int] = {}
        self._offered: dict[int, tuple[str, str, int]] = {}
        """(contact, queue, when) by offer."""
        self._last_us: dict[str, int] = defaultdict(int)
        """How long the last one waited who entered service, by queue."""

    def __call__(self, event: Event, actions: tuple[Action, ...], now_us: int) -> None:
        """Watch a step."""
        for action in actions:
            if type(action) is OfferContact:
                self._offered[action.offer_id] = (action.contact_id, action.queue, now_us)
            elif type(action) is CloseContact and action.contact_id in self.told:
                self.left_out += 1
                del self.told[action.contact_id]
        if type(event) is ContactArrived:
            self._came_us[event.contact_id] = now_us
            if not actions:
                self._tell(event, now_us)
        elif type(event) is LegConnected:
            contact_id, queue, offered_us = self._offered.pop(event.offer_id)
            self._last_us[queue] = offered_us - self._came_us.pop(contact_id)
            at_us, announced = self.told.pop(contact_id, (0, ()))
            if announced:
                self.waits_us.append((offered_us - at_us, announced))

    def _tell(self, event: ContactArrived, now_us: int) -> None:
        """Estimate whoever has to wait."""
        router = self.router
        (leg_id,) = router.contacts[event.contact_id].legs
        klass = router.legs[leg_id].klass
        waiting = sum(
            one.state is LegState.QUEUED and one.klass.queue is klass.queue
            for one in router.legs.values()
        )
        agents = sum(
            one.availability is Availability.READY
            and klass.requirement.met_by(one.kind.skills, one.kind.attributes)
            and klass.queue.name in one.kind.desk.queues
            for one in router.agents
        )
        ours_us = router.estimate(leg_id).wait_us
        if ours_us is None or not agents:
            return
        self.digest.add((ours_us,))
        length_us = round(waiting * self._aht_us[event.queue] / agents)
        self.told[event.contact_id] = (now_us, (ours_us, length_us, self._last_us[event.queue]))

    def errors(self) -> tuple[Errors, ...]:
        """Return what each way came to."""
        found = []
        for way in range(len(NAMES)):
            errors_s = [(told[way] - wait) / SECOND_US for wait, told in self.waits_us]
            found.append(
                Errors(
                    fmean(errors_s),
                    fmean(map(abs, errors_s)),
                    fmean(error >= 0 for error in errors_s),
                )
            )
        return tuple(found)


def run(planned: Scenario, seed: int) -> Watch:
    """Simulate one day."""
    watch = Watch(planned)
    world = World(planned, seed, watchers=[watch])
    watch.router = world.router
    world.run()
    watch.left_out += len(watch.told)
    return watch


def interval(figures: list[float]) -> tuple[float, float]:
    """Return a mean and the half-width of its 95 % confidence interval."""
    count = len(figures)
    return fmean(figures), STUDENT[count] * stdev(figures) / count**0.5


def report(name: str, runs: list[Watch]) -> None:
    """Print the lines of one scenario."""
    errors = [one.errors() for one in runs]
    waits = sum(len(one.waits_us) for one in runs)
    mean_s = fmean(wait for one in runs for wait, _ in one.waits_us) / SECOND_US
    print(
        f"\n{name}: {waits:,} waits of {mean_s:.0f} s in the mean, "
        f"{sum(one.left_out for one in runs):,} left out"
    )
    for way, called in enumerate(NAMES):
        bias, bias_width = interval([one[way].bias_s for one in errors])
        mae, mae_width = interval([one[way].mae_s for one in errors])
        covered, covered_width = interval([100 * one[way].covered for one in errors])
        line = (
            f"  {called:<7} {bias:7.1f} ±{bias_width:5.1f} {mae:7.1f} ±{mae_width:5.1f} "
            f"{covered:6.1f} ±{covered_width:4.1f}"
        )
        if way:
            more, width = interval([one[way].mae_s - one[0].mae_s for one in errors])
            line += f"  {more:7.1f} ±{width:5.1f}"
        print(line)


def estimating(settings: DomainSettings, *, mutual: bool = False) -> DomainSettings:
    """Return a domain of `bench_step` that has waits estimated."""
    queues = tuple(
        replace(
            one,
            requires="" if mutual else one.requires,
            channels={
                name: replace(channel, handle_time_us=HANDLE_US)
                for name, channel in one.channels.items()
            },
        )
        for one in settings.queues
    )
    return replace(settings, queues=queues, estimated_wait=True)


def _mixed(settings: DomainSettings, queues: int, waiting: int, cycles: int) -> tuple[Mix, float]:
    """Return a mix that ran so many cycles while so many waited, and its median step in µs."""
    mix = Mix(settings, queues)
    gc.collect()
    gc.freeze()
    try:
        mix.fill(waiting)
        mix.steps_ns.clear()
        mix.run(cycles)
    finally:
        gc.unfreeze()
    return mix, quantile(sorted(mix.steps_ns["all"]), 0.5) / 1e3


def cost(agents: int, queues: int, waiting: int, asked: int, *, mutual: bool = False) -> None:
    """Print how long estimates and steps take."""
    plain = domain(agents, queues)
    _, step_us = _mixed(plain, queues, waiting, asked)
    mix, estimating_us = _mixed(estimating(plain, mutual=mutual), queues, waiting, asked)
    legs = [one.leg_id for one in mix.router.legs.values() if one.state is LegState.QUEUED]
    drawn = random.Random(1)
    mix.router.estimate(legs[0])  # Notes the agents who changed, once.
    taken_us = []
    for leg_id in drawn.choices(legs, k=asked):
        began_ns = time.thread_time_ns()
        mix.router.estimate(leg_id)
        taken_us.append((time.thread_time_ns() - began_ns) / 1e3)
    taken_us.sort()
    name = "mutual" if mutual else ""
    print(
        f"{agents:6} {queues:7} {len(legs):7} {quantile(taken_us, 0.5):10.0f}"
        f" {quantile(taken_us, 0.99):8.0f} {estimating_us:14.1f} {step_us:8.1f}  {name}"
    )


def main() -> None:
    """Print the tables."""
    seeds = SMOKE_SEEDS if is_smoke(__doc__) else SEEDS
    print(machine())
    print(f"{seeds} seeds; seconds, and per cent of waits at or below what was announced")
    print("  way        bias            MAE            share       MAE − ours")
    digest = Digest()
    for name, text in DAYS.items():
        planned = scenario.parse(text.encode(), file=name)
        runs = [run(planned, seed) for seed in range(1, seeds + 1)]
        for one in runs:
            digest.add((one.digest.text(),))
        report(name, runs)
    print(f"\ndigest {digest.text()}\n")
    print("agents classes waiting  estimate: p50 µs, p99  step: estimating, not (p50 µs)")
    for size in SMOKE_SIZES if is_smoke(__doc__) else SIZES:
        cost(*size)
    if not is_smoke(__doc__):
        cost(*SIZES[-1][:3], asked=200, mutual=True)


if __name__ == "__main__":
    main()

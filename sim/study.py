"""A scenario run several times, and its figures with confidence intervals.

Each run has a seed of its own, spawned from the study's: run number i of a seed is the same however
many there are, and wherever it runs (`sim.workers`). Two scenarios under one seed meet the same
customers, run by run.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

import numpy as np
from msgspec import Struct

from acd.errors import AcdError, did_you_mean, nearest, shown
from acd.figures import Report, Row
from acd.ids import Channel, QueueName
from acd.settings import DomainSettings
from sim import driver
from sim.answer import Answer
from sim.customers import follows
from sim.intervals import CONFIDENCE, Estimate, mean_of
from sim.result import Result
from sim.served import Served
from sim.time_book import together
from sim.workload import HOUR_US, Scenario

REPLICATIONS: Final = 20
REPLICATIONS_MAX: Final = 10_000

MEASURES: Final = (
    "offered",
    "answered",
    "abandoned",
    "service_level",
    "abandonment",
    "asa_s",
    "aht_s",
    "occupancy",
    "queue_length",
    "wait_p50_s",
    "wait_p95_s",
)
"""Of a queue and channel; docs/measures.md defines them."""

CALLBACK_MEASURES: Final = ("callbacks", "callbacks_reached")
"""Of the calls of a queue that calls back, beside the others."""

_PAID: Final = ("scheduled", "worked", "break", "absent", "overtime")

TEAM_MEASURES: Final = ("occupancy", *(f"{name}_h" for name in _PAID))
"""Of a group of agents, and of all."""

CUSTOMER_MEASURES: Final = (
    "customers",
    "attempts_each",
    "served_share",
    "lost",
    "service_level",
    "wait_s",
)
"""Of a stream whose customers may balk or call again; docs/people.md defines them."""

SHARES: Final = frozenset({"service_level", "abandonment", "occupancy", "served_share"})
"""Measures that are shares: from 0 to 1."""

_PRECISION: Final = re.compile(r"(?P<name>.+?)=(?P<half>[0-9.eE+-]+)(?P<percent>%?)")


class WorkersLostError(AcdError):
    """Workers died again and again. Args: how many runs were done, of how many.

    What was done is kept in `study`.
    """

    study: "Study"

    def __init__(self, done: int, wanted: int) -> None:
        super().__init__(done, wanted)

    def __str__(self) -> str:
        done, wanted = self.args
        return f"workers died again and again, with {done} of {wanted} runs done; out of memory?"


class Sample(Struct, frozen=True):
    """What one run found."""

    number: int
    seed: int
    """The run's own."""
    arrived: int
    figures: Mapping[str, float]
    """By name, like `sales.voice.service_level`, `group.day.occupancy` or `customers.calls.lost`;
    without those that nobody could have measured."""
    report: Report
    digest: str
    """Of all actions."""
    served: Served


class Precision(Struct, frozen=True):
    """How small a figure's half-width must be before the runs stop."""

    name: str
    half_width: float
    is_relative: bool = False
    """Whether it is a share of the mean."""

    def is_met(self, estimate: Estimate | None) -> bool:
        """Return whether an estimate is precise enough; of a figure that no run had nothing is."""
        if estimate is None:
            return False
        wanted = self.half_width * (abs(estimate.mean) if self.is_relative else 1.0)
        return estimate.half_width <= wanted


class Study(Answer, frozen=True):
    """All runs of a scenario under one seed."""

    scenario: Scenario
    seed: int
    confidence: float
    samples: tuple[Sample, ...]
    is_precise: bool
    """Whether all that was wanted of the half-widths was met; true where nothing was."""

    @property
    def title(self) -> str:
        """The scenario's."""
        return self.scenario.title

    @property
    def digest(self) -> str:
        """SHA-256 of all runs' actions, in the order of their numbers."""
        return sha256("".join(one.digest for one in self.samples).encode()).hexdigest()

    def variants(self) -> dict[str, "Study"]:
        """Return itself, by its title."""
        return {self.title: self}

    def names(self) -> tuple[str, ...]:
        """Return the names of all figures that some run had, in their order."""
        names = dict.fromkeys(name for sample in self.samples for name in sample.figures)
        return tuple(names)

    def values(self, name: str) -> list[float]:
        """Return a figure of each run that had it.

        Raises:
            LookupError: There is no such figure; the message suggests one.
        """
        found = [one.figures[name] for one in self.samples if name in one.figures]
        if not found and name not in (known := names_of(self.scenario)):
            raise LookupError(no_figure(name, known))
        return found

    def estimate(self, name: str) -> Estimate | None:
        """Return a figure with its interval; None where no run had it.

        Raises:
            LookupError: There is no such figure.
        """
        return mean_of(self.values(name), self.confidence)


RunAll = Callable[[Scenario, Sequence[tuple[int, int]]], Iterator[Sample]]
"""Runs a scenario for (number, seed) each, somewhere; yields them as they come."""


def seed_of(seed: int, number: int) -> int:
    """Return the seed of a run: that of the child of this number of `SeedSequence(seed)`.

    >>> seed_of(1, 0) == seed_of(1, 0), seed_of(1, 0) in (seed_of(1, 1), seed_of(2, 0))
    (True, False)
    """
    child = np.random.SeedSequence(seed, spawn_key=(number,))
    return int.from_bytes(child.generate_state(4, np.uint32).astype("<u4").tobytes(), "little")


def run_one(scenario: Scenario, number: int, seed: int) -> Sample:
    """Run a scenario once; `seed` is the run's own."""
    result = driver.run(scenario, seed, digest=True)
    return _sample(number, seed, result)


def study_of_one(scenario: Scenario, seed: int, result: Result) -> Study:
    """Return a single run as a study: its figures have no intervals, and may be held to bounds."""
    return Study(scenario, seed, CONFIDENCE, (_sample(0, seed, result),), is_precise=True)


def _sample(number: int, seed: int, result: Result) -> Sample:
    return Sample(
        number,
        seed,
        result.arrived,
        dict(_figures(result)),
        result.report,
        result.digest,
        result.served,
    )


def _figures(result: Result) -> Iterator[tuple[str, float]]:
    report = result.report
    calling = {each.queue for each in result.callbacks}
    for row in report.rows:
        for measure in _measures(row.channel, calls_back=row.queue in calling):
            value = getattr(row if measure.startswith("wait_p") else row.total, measure)
            if value is not None:
                yield f"{row.queue}.{row.channel}.{measure}", float(value)
    for team in (*report.groups, report.total):
        if team.total.occupancy is not None:
            yield f"group.{team.name or 'all'}.occupancy", team.total.occupancy
    for paid in (*result.paid, together(result.paid)):
        for name in _PAID:
            yield f"group.{paid.group or 'all'}.{name}_h", getattr(paid, f"{name}_us") / HOUR_US
    for each in result.customers:
        for measure in CUSTOMER_MEASURES:
            value = getattr(each, measure)
            if value is not None:
                yield f"customers.{each.stream}.{measure}", float(value)


def _measures(channel: Channel, *, calls_back: bool) -> tuple[str, ...]:
    """Return the names of the measures of a queue and channel."""
    is_called = calls_back and channel is Channel.VOICE
    return (*MEASURES, *CALLBACK_MEASURES) if is_called else MEASURES


def names_of(scenario: Scenario) -> tuple[str, ...]:
    """Return the names of all figures that a run of a scenario may have, whoever comes."""
    planned = (*scenario.staffing, *(one.group for one in scenario.shifts))
    customers = (
        f"customers.{stream.name}.{one}"
        for stream in filter(follows, scenario.streams)
        for one in CUSTOMER_MEASURES
    )
    return (*names_in(scenario.settings, planned), *customers)


def names_in(settings: DomainSettings, groups: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of all figures of queues and of groups of agents.

    Args:
        settings: Whose.
        groups: Further ones, which have hours though they may have no members.
    """
    queues = (
        f"{queue.name}.{channel}.{measure}"
        for queue in settings.queues
        for channel in queue.channels
        for measure in _measures(channel, calls_back=queue.callbacks is not None)
    )
    members = (one.group or "all" for one in settings.agents)
    teams = (
        f"group.{group}.{one}"
        for group in dict.fromkeys((*members, *groups, "all"))
        for one in TEAM_MEASURES
    )
    return (*queues, *teams)


def by_interval(report: Report, queue: QueueName, channel: str, measure: str) -> list[float | None]:
    """Return a measure of a queue and channel in each interval; None where there is none.

    Raises:
        LookupError: There is no such queue and channel.
    """
    for row in report.rows:
        if (row.queue, row.channel) == (queue, channel):
            return [getattr(one, measure) for one in row.intervals]
    raise LookupError(f"there is no {channel} of the queue {queue}")


def no_figure(name: str, names: Collection[str]) -> str:
    """Return what to say of a name that is none of a scenario's figures, with the nearest."""
    return f"{shown(name)} is no figure of this scenario{did_you_mean(nearest(name, names))}"


def rows_of(study: Study) -> dict[tuple[QueueName, Channel], Row]:
    """Return what the first run has of each queue and channel: which there are, and thresholds."""
    return {(row.queue, row.channel): row for row in study.samples[0].report.rows}


def run_here(scenario: Scenario, seeds: Sequence[tuple[int, int]]) -> Iterator[Sample]:
    """Run in this process, one after the other."""
    for number, seed in seeds:
        yield run_one(scenario, number, seed)


def study(
    scenario: Scenario,
    *,
    seed: int = 1,
    replications: int = REPLICATIONS,
    replications_max: int | None = None,
    precision: Sequence[Precision] = (),
    confidence: float = CONFIDENCE,
    run_all: RunAll = run_here,
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """Run a scenario several times.

    Args:
        scenario: What to simulate.
        seed: Of the study.
        replications: How many runs; with `precision` how many at least, after which half as many
            more are run at a time until all is precise. So where they run changes nothing.
        replications_max: How many at most; 10 times as many where not told.
        precision: What the intervals must be like.
        confidence: Of the intervals.
        run_all: Where the runs happen (`sim.workers` has others).
        progress: Is told how many are done, of how many so far.

    Raises:
        ValueError: A number is out of range.
        LookupError: `precision` names a figure that no run can have.
        ConfigError: The router refuses the scenario's settings.
        WorkersLostError: Workers died too often; it has what was done.
    """
    most = _most(replications, replications_max, is_open=bool(precision))
    _refuse_unknown(precision, scenario)
    samples: list[Sample] = []

    def found(*, is_precise: bool) -> Study:
        ordered = tuple(sorted(samples, key=lambda one: one.number))
        return Study(scenario, seed, confidence, ordered, is_precise)

    wave = replications
    while True:
        until = min(len(samples) + wave, most)
        seeds = [(number, seed_of(seed, number)) for number in range(len(samples), until)]
        try:
            for sample in run_all(scenario, seeds):
                samples.append(sample)
                if progress is not None:
                    progress(len(samples), until)
        except WorkersLostError as error:
            error.study = found(is_precise=False)
            raise
        sofar = found(is_precise=False)
        had = sofar.names()
        is_precise = all(
            one.is_met(sofar.estimate(one.name) if one.name in had else None) for one in precision
        )
        if is_precise or until == most:
            return found(is_precise=is_precise)
        wave = max(replications // 2, 1)


def _refuse_unknown(precision: Sequence[Precision], scenario: Scenario) -> None:
    """Tell before the runs that none of them can have a figure.

    Raises:
        LookupError: There is one, with the nearest.
    """
    names = names_of(scenario) if precision else ()
    for one in precision:
        if one.name not in names:
            raise LookupError(no_figure(one.name, names))


def _most(replications: int, replications_max: int | None, *, is_open: bool) -> int:
    """Return how many runs there are at most.

    Raises:
        ValueError: A number is out of range.
    """
    least = 2 if is_open else 1
    if not least <= replications <= REPLICATIONS_MAX:
        wanted = f"from {least} to {REPLICATIONS_MAX}"
        raise ValueError(f"replications: is {replications}; wanted {wanted}")
    most = min(replications_max or 10 * replications, REPLICATIONS_MAX)
    if most < replications:
        raise ValueError(f"replications_max: is {most}; wanted at least {replications}")
    return most if is_open else replications


def parse_precision(text: str) -> Precision:
    """Return what `NAME=HALF_WIDTH` or `NAME=SHARE%` asks.

    >>> parse_precision("sales.voice.asa_s=5%")
    Precision(name='sales.voice.asa_s', half_width=0.05, is_relative=True)

    Raises:
        ValueError: It is neither.
    """
    match = _PRECISION.fullmatch(text)
    try:
        half_width = float(match["half"]) if match else 0.0
    except ValueError:
        half_width = 0.0
    if match is None or not 0 < half_width < float("inf"):
        wanted = "NAME=HALF_WIDTH or NAME=SHARE%, like sales.voice.service_level=0.01"
        raise ValueError(f"precision: is {shown(text)}; wanted {wanted}")
    if match["percent"]:
        return Precision(match["name"], half_width / 100, is_relative=True)
    return Precision(match["name"], half_width)

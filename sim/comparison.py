"""Variants of a plan beside each other: the same customers, run by run, and paired differences.

Run number i of every variant has the same seed, so it meets the same contacts, with the same
handling times and patience; only what the variant changes differs. The difference of two figures is
taken within each pair, and its interval is that of the differences, which is narrower than that of
two independent studies by as much as the pairs are alike: the variance ratio says how much (common
random numbers; Law and Kelton, "Simulation modeling and analysis", chapter 11).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from acd.errors import AcdError, listed
from acd.ids import Channel, QueueName
from sim.answer import ESTIMATE, Answer, Cell, Kind, Table, estimates
from sim.intervals import CONFIDENCE, Estimate, mean_of
from sim.study import REPLICATIONS, RunAll, Study, by_interval, rows_of, run_here, study
from sim.workload import Scenario

_PLAN: Final = frozenset(
    {
        "title",
        "settings",
        "staffing",
        "scheduled",
        "shifts",
        "duties",
        "rules",
        "paces",
        "time_zone",
    }
)
"""Fields in which variants may differ: who works, by which rules."""

_IN_FILES: Final = {"start_us": "start", "interval_us": "interval_min", "intervals": "hours"}
"""What fields are called in a file, where it is otherwise."""


_CHANGE: Final[dict[str, Kind]] = {
    "change": float,
    "change_half_width": float,
    "is_clear": bool,
    "variance_ratio": float,
}
"""The columns of `_change`."""


class DifferentWorkloadError(AcdError):
    """Variants are told apart by their customers too. Args: the variant, what differs."""

    def __str__(self) -> str:
        variant, fields = self.args
        seen = f"has another workload than the first ({listed(fields)})"
        return f"{variant}: {seen}; wanted a variant that meets the same customers"


class Difference(Struct, frozen=True):
    """How a figure of a variant differs from the base's."""

    name: str
    base: Estimate
    other: Estimate
    change: Estimate
    """Other less base, by pairs of runs."""
    variance_ratio: float | None
    """Variance of the difference ÷ sum of both variances: 1 where pairing gained nothing, 0.1 where
    ten times as many independent runs would be as precise; None where neither figure varies."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the change leaves 0 out."""
        return self.change.low > 0 or self.change.high < 0


class Comparison(Answer, frozen=True):
    """Studies of variants under one seed; the first is the base."""

    names: tuple[str, ...]
    studies: tuple[Study, ...]

    def variants(self) -> dict[str, Study]:
        """Return the studies by name, the base first."""
        return dict(zip(self.names, self.studies, strict=True))

    def table(self) -> Table:
        """Return a row for each variant and figure; those of others say how they differ."""
        rows: list[tuple[Cell, ...]] = []
        for variant, (name, one) in enumerate(self.variants().items()):
            changes = {each.name: each for each in self.differences(variant)} if variant else {}
            rows += [(*row, *_change(changes.get(str(row[1])))) for row in estimates(name, one)]
        return Table({**ESTIMATE, **_CHANGE}, rows)

    def differences(self, variant: int) -> tuple[Difference, ...]:
        """Return how each figure that both have differs between a variant and the base."""
        base, other = self.studies[0], self.studies[variant]
        found = (self._difference(name, base, other) for name in base.names())
        return tuple(one for one in found if one is not None)

    def difference(self, name: str, variant: int) -> Difference | None:
        """Return how one figure differs; None where there are not two runs in which both had it.

        Raises:
            LookupError: There is no such figure.
        """
        base, other = self.studies[0], self.studies[variant]
        base.values(name)
        return self._difference(name, base, other)

    def by_interval(
        self, queue: QueueName, channel: Channel, measure: str, variant: int
    ) -> tuple[Estimate | None, ...]:
        """Return how a measure of a queue and channel differs, interval by interval.

        None where fewer than two pairs of runs have it, as where the variant lacks the queue.

        Raises:
            LookupError: The base has no such queue, channel or measure.
        """
        base = self._spans(0, queue, channel, measure)
        if (queue, channel) not in rows_of(self.studies[variant]):
            return (None,) * len(base)
        other = self._spans(variant, queue, channel, measure)
        return tuple(
            _paired(firsts, seconds, self.studies[0].confidence)
            for firsts, seconds in zip(base, other, strict=True)
        )

    def _spans(
        self, variant: int, queue: QueueName, channel: Channel, measure: str
    ) -> list[tuple[float | None, ...]]:
        """Return a measure of each interval, in all runs of a variant."""
        runs = [
            by_interval(sample.report, queue, channel, measure)
            for sample in self.studies[variant].samples
        ]
        return list(zip(*runs, strict=True))

    def _difference(self, name: str, base: Study, other: Study) -> Difference | None:
        firsts, seconds = (
            [one.figures.get(name) for one in study.samples] for study in (base, other)
        )
        change = _paired(firsts, seconds, base.confidence)
        if change is None:
            return None
        both = [
            (first, second)
            for first, second in zip(firsts, seconds, strict=True)
            if first is not None and second is not None
        ]
        before, after = (mean_of(one, base.confidence) for one in zip(*both, strict=True))
        assert before is not None
        assert after is not None
        apart = before.deviation**2 + after.deviation**2
        ratio = change.deviation**2 / apart if apart else None
        return Difference(name, before, after, change, ratio)


def _change(one: Difference | None) -> tuple[Cell, ...]:
    """Return how a figure differs, in the columns of `_CHANGE`; nothing of the base's."""
    if one is None:
        return (None,) * len(_CHANGE)
    return (one.change.mean, one.change.half_width, one.is_clear, one.variance_ratio)


def compare(
    variants: Mapping[str, Scenario],
    *,
    seed: int = 1,
    replications: int = REPLICATIONS,
    confidence: float = CONFIDENCE,
    run_all: RunAll = run_here,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Run variants under one seed.

    Args:
        variants: By name; the first is the base.
        seed: Of all.
        replications: How many runs of each, at least 2.
        confidence: Of the intervals.
        run_all: Where the runs happen.
        progress: Is told how many are done, of how many.

    Raises:
        DifferentWorkloadError: They do not have the same customers.
        ValueError: There are fewer than two variants, or runs; a number is out of range; or they
            have other measures, whose differences would be of the counting.
        ConfigError: The router refuses a variant's settings.
        WorkersLostError: Workers died too often.
    """
    if len(variants) < 2:
        raise ValueError(f"variants: are {len(variants)}; wanted two or more")
    if replications < 2:
        raise ValueError(f"replications: is {replications}; wanted 2 or more, for intervals")
    base, *others = variants.values()
    for name, other in zip(list(variants)[1:], others, strict=True):
        fields = workload_differences(base, other)
        if fields:
            raise DifferentWorkloadError(name, fields)
        if base.settings.measures != other.settings.measures:
            seen = "counts otherwise than the first"
            raise ValueError(f"{name}: {seen}; wanted the same table [measures]")
    studies = []
    for number, scenario in enumerate(variants.values()):
        before = number * replications

        def count(done: int, _wanted: int, before: int = before) -> None:
            assert progress is not None
            progress(before + done, len(variants) * replications)

        found = study(
            scenario,
            seed=seed,
            replications=replications,
            confidence=confidence,
            run_all=run_all,
            progress=None if progress is None else count,
        )
        studies.append(found)
    return Comparison(tuple(variants), tuple(studies))


def workload_differences(base: Scenario, other: Scenario) -> tuple[str, ...]:
    """Return in what two scenarios' customers differ: keys of their files, streams by names."""
    return tuple(_differences(base, other))


def _differences(base: Scenario, other: Scenario) -> Iterator[str]:
    for field in msgspec.structs.fields(Scenario):
        if field.name in _PLAN or field.name == "streams":
            continue
        if getattr(base, field.name) != getattr(other, field.name):
            yield _IN_FILES.get(field.name, field.name)
    # Busy days are local days.
    if any(one.busyness for one in base.streams) and base.time_zone != other.time_zone:
        yield "time_zone"
    streams = [{one.name: one for one in scenario.streams} for scenario in (base, other)]
    for name in dict.fromkeys(name for each in streams for name in each):
        if streams[0].get(name) != streams[1].get(name):
            yield f"arrivals.{name}"


def _paired(
    firsts: Sequence[float | None], seconds: Sequence[float | None], confidence: float
) -> Estimate | None:
    """Return the mean of second less first with its interval; None of fewer than two pairs."""
    changes = [
        float(second - first)
        for first, second in zip(firsts, seconds, strict=True)
        if first is not None and second is not None
    ]
    return mean_of(changes, confidence) if len(changes) > 1 else None

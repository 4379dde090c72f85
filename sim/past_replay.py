"""Yesterday again: the same customers under the rules of then, and under others.

The replay under the rules of then is the check of itself: what the journal recorded and what the
replay finds should be near each other before anybody trusts what it says of other rules.
"""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from acd.errors import shown
from acd.settings import DomainSettings
from sim.answer import ESTIMATE, Answer, Table, estimates
from sim.comparison import Comparison, compare
from sim.intervals import Estimate
from sim.past import Past
from sim.past_scenario import Known, Staged, staged
from sim.result import Result
from sim.study import RunAll, Study, run_here, study, study_of_one

RECORDED: Final = "recorded"
SAME: Final = "same rules"


class Beside(Struct, frozen=True):
    """A figure of the journal, and of its replay under the same rules."""

    name: str
    recorded: float
    replayed: Estimate

    @property
    def deviation(self) -> float:
        """Replayed less recorded."""
        return self.replayed.mean - self.recorded


class Replayed(Answer, frozen=True):
    """A past time, replayed."""

    past: Past
    recorded: Study
    """One sample: the journal's own measures."""
    studies: tuple[Study, ...]
    """Under the same rules, then under the others, if there are others."""
    comparison: Comparison | None
    staged: tuple[Staged, ...]

    @property
    def known(self) -> Known:
        """What was told and drawn, of the last rules."""
        return self.staged[-1].known

    def variants(self) -> dict[str, Study]:
        """Return what was recorded, and the replays."""
        return {RECORDED: self.recorded, **self._replays().variants()}

    def table(self) -> Table:
        """Return a row for each figure: of what was recorded, of each replay."""
        columns, rows = self._replays().table()
        recorded = estimates(RECORDED, self.recorded)
        lacking = (None,) * (len(columns) - len(ESTIMATE))
        return Table(columns, [*((*row, *lacking) for row in recorded), *rows])

    def _replays(self) -> Study | Comparison:
        return self.studies[0] if self.comparison is None else self.comparison

    def beside(self) -> tuple[Beside, ...]:
        """Return each figure that the journal and its replay have."""
        return tuple(self._beside())

    def _beside(self) -> Iterator[Beside]:
        same = self.studies[0]
        names = set(same.names())
        for name, recorded in self.recorded.samples[0].figures.items():
            if name in names and not name.endswith("_h"):
                replayed = same.estimate(name)
                assert replayed is not None
                yield Beside(name, recorded, replayed)


def replay(
    past: Past,
    other: tuple[str, DomainSettings] | None = None,
    *,
    seed: int = 1,
    replications: int = 10,
    confidence: float = 0.95,
    time_zone: str = "UTC",
    run_all: RunAll = run_here,
    progress: Callable[[int, int], None] | None = None,
) -> Replayed:
    """Replay a past time so many times; each draws anew what the journal does not tell.

    Args:
        past: What is known of it.
        other: Other rules, with their name; what is drawn is drawn alike under both.
        seed: Of all draws.
        replications: How often, at least 2.
        confidence: Of the intervals.
        time_zone: In which a report shows times.
        run_all: Where the runs happen.
        progress: Is told how many are done, of how many.

    Raises:
        ConfigError: The other rules lack what the past needs.
        ValueError: A number is out of range, or the other rules are called like what is ours.
        WorkersLostError: Workers died too often.
    """
    same = staged(past, past.settings, title=SAME, time_zone=time_zone)
    recorded = study_of_one(same.scenario, seed, _result(past))
    if other is None:
        found = study(
            same.scenario,
            seed=seed,
            replications=replications,
            confidence=confidence,
            run_all=run_all,
            progress=progress,
        )
        return Replayed(past, recorded, (found,), None, (same,))
    name, settings = other
    if name in {RECORDED, SAME}:
        raise ValueError(f"config: is called {shown(name)}; wanted another name")
    changed = staged(past, settings, title=name, time_zone=time_zone)
    compared = compare(
        {SAME: same.scenario, name: changed.scenario},
        seed=seed,
        replications=replications,
        confidence=confidence,
        run_all=run_all,
        progress=progress,
    )
    return Replayed(past, recorded, compared.studies, compared, (same, changed))


def _result(past: Past) -> Result:
    return Result(past.report, len(past.contacts), 0, "")

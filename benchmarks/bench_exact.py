"""Simulated against exact: models with known answers, each with its confidence interval.

Question: do the simulator's intervals hold the exact values as often as they say?

Method: each line of the table is a run of its own, with a seed of its own (a hash of its name, so
no line changes another, and none was chosen), so lines are independent and the number that hold the
exact value is binomial. A line in the steady state is one long run, cut into 20 batches after a
beginning as long as one of them (`sim.steady`); a day is run many times (`sim.study`). The exact
values are computed as the table is printed (`benchmarks.exact_values`, `sim.erlang`), never quoted.
A correct simulator whose intervals are right has between LOW and HIGH of N lines inside, in 99 of
100 such tables; the exit code is 1 below LOW, and where a line is farther off than 3 half widths,
which are more than 6 standard errors. Four models are put to Ciw too, as a second opinion that
shares nothing with us.

    python -m benchmarks.bench_exact            # about three minutes
    python -m benchmarks.bench_exact --smoke    # small; against rot, so nothing is judged
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from zlib import crc32

from scipy import stats

from benchmarks.exact_days import days
from benchmarks.exact_lines import lines
from benchmarks.exact_models import Days, Model
from benchmarks.exact_peer import Opinion, opinions
from benchmarks.exact_people import people
from benchmarks.measuring import Digest, is_smoke, machine
from sim.intervals import CONFIDENCE, Estimate

CONTACTS: Final = 25_000
"""Expected in a long run."""
REPLICATIONS: Final = 150
SMOKE_CONTACTS: Final = 800
SMOKE_REPLICATIONS: Final = 3
SMOKE_EVERY: Final = 6
"""Of the models the small form runs each sixth."""
TABLES: Final = 0.99
"""So many tables of a right simulator have as many lines inside as is asked."""
FAR: Final = 3.0
"""Half widths."""

HEAD: Final = (
    f"{'model':<33} {'measure':<25} {'exact':>10} {'simulated':>10} {'± half':>9} {'off':>6}"
)


def off(exact: float, estimate: Estimate) -> float:
    """Return how far the mean is from the exact value, in half widths."""
    by = estimate.mean - exact
    return by / estimate.half_width if by else 0.0


class Compared(NamedTuple):
    """A line of the table."""

    model: Model
    estimate: Estimate
    digest: str

    @property
    def off(self) -> float:
        """How far the mean is from the exact value, in half widths."""
        return off(self.model.exact, self.estimate)

    @property
    def is_inside(self) -> bool:
        """Whether the interval holds the exact value."""
        return abs(self.off) <= 1

    def text(self) -> str:
        """Return the line."""
        return row(self.model.name, self.model.measure, self.model.exact, self.estimate)


def row(name: str, measure: str, exact: float, estimate: Estimate) -> str:
    """Return a line of a table: a figure beside the exact value."""
    by = off(exact, estimate)
    return (
        f"{name:<33} {measure:<25} {exact:10.4f} {estimate.mean:10.4f} {estimate.half_width:9.4f} "
        f"{by:+6.2f} {'' if abs(by) <= 1 else 'outside'}"
    ).rstrip()


def models() -> tuple[Model, ...]:
    """Return all models, with their exact values."""
    return (*lines(), *people(), *days())


def compare(found: Iterable[Model], contacts: int, replications: int) -> Iterable[Compared]:
    """Run models, one after the other."""
    for model in found:
        size = replications if isinstance(model, Days) else contacts
        yield Compared(model, *model.measured(size, seed_of(model.name, model.measure)))


def seed_of(name: str, measure: str) -> int:
    """Return the seed of a line."""
    return crc32(f"{name} {measure}".encode())


def inside_range(count: int) -> tuple[int, int]:
    """Return how many of so many independent intervals hold the exact value, if all is right.

    >>> inside_range(60)
    (52, 60)
    """
    low, high = stats.binom.interval(TABLES, count, CONFIDENCE)
    return int(low), int(high)


def verdict(table: Sequence[Compared]) -> tuple[str, bool]:
    """Return what the table says, and whether it is as it should be."""
    count, inside = len(table), sum(one.is_inside for one in table)
    low, high = inside_range(count)
    farthest = max(table, key=lambda one: abs(one.off))
    text = (
        f"{inside} of {count} intervals of {CONFIDENCE:.0%} hold the exact value "
        f"({CONFIDENCE * count:.1f} expected, {low} to {high} in {TABLES:.0%} of such tables)\n"
        f"the farthest is {abs(farthest.off):.2f} half widths off: {farthest.model.name}, "
        f"{farthest.model.measure}"
    )
    return text, inside >= low and abs(farthest.off) <= FAR


def second_opinions(found: Iterable[Opinion]) -> None:
    """Print what Ciw finds of the same models."""
    print(f"\nCiw, 20 runs each\n{HEAD}")
    for one in found:
        print(row(one.name, one.measure, one.exact, one.estimate))


def main(arguments: list[str] | None = None) -> int:
    """Run and print; return the exit code."""
    smoke = is_smoke(__doc__, arguments)
    contacts, replications = (
        (SMOKE_CONTACTS, SMOKE_REPLICATIONS) if smoke else (CONTACTS, REPLICATIONS)
    )
    print(machine())
    digest, table = Digest(), []
    print(HEAD)
    for one in compare(models()[:: SMOKE_EVERY if smoke else 1], contacts, replications):
        table.append(one)
        digest.add(one.digest)
        print(one.text(), flush=True)
    text, is_right = verdict(table)
    print(text)
    peers = list(opinions(contacts))
    second_opinions(peers)
    digest.add([one.estimate.mean for one in peers])
    print(f"digest {digest.text()}")
    return 0 if smoke or is_right else 1


if __name__ == "__main__":
    sys.exit(main())

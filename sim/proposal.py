"""What a search for a staffing proposes: functions of it alone."""

from collections.abc import Mapping

from msgspec import Struct

from sim.answer import Answer, Table
from sim.study import Study


class Missed(Struct, frozen=True):
    """An objective that is not met."""

    objective: str
    """As it was asked, like `sales.voice.asa_s <= 20`."""
    name: str
    """Its figure."""
    interval: int | None
    """None: over the day."""
    value: float
    """What is reached; NaN where contacts came and none was answered."""


class Unreachable(Missed, frozen=True):
    """An objective that agents in abundance miss, too; `value` is what these reach."""

    agents: int
    """How many these are; of an objective of the day, in the interval that has most."""
    proposed: float = float("nan")
    """What the proposed staffing reaches."""


class Proposal(Answer, frozen=True):
    """A staffing, and how it came about."""

    staffing: Mapping[str, tuple[int, ...]]
    least: Mapping[str, tuple[int, ...]] | None
    """The bound; None where some load nobody may serve."""
    cost: float
    """Members times costs, over all intervals."""
    least_cost: float | None
    missed: tuple[Missed, ...]
    """What the plan misses that agents in abundance meet; empty where fresh seeds show nothing."""
    impossible: tuple[Unreachable, ...]
    """What is missed with agents in abundance too. The plan was asked to come near what they
    reach."""
    confirmed: Study
    """The plan, with seeds that the search had not seen."""
    studies: int
    """How many plans were simulated."""

    def variants(self) -> dict[str, Study]:
        """Return the runs that confirm it."""
        return {"proposal": self.confirmed}

    def table(self) -> Table:
        """Return a row for each interval: members of each group, of all, and the least of all."""
        columns = ("interval", *(f"staffing.{group}" for group in self.staffing), "all", "at_least")
        plan = [(*counts, sum(counts)) for counts in zip(*self.staffing.values(), strict=True)]
        bound: list[int | None] = [None] * len(plan)
        if self.least is not None:
            bound = [sum(counts) for counts in zip(*self.least.values(), strict=True)]
        rows = [(at, *row, bound[at]) for at, row in enumerate(plan)]
        return Table(dict.fromkeys(columns, int), rows)

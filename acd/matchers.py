"""Matchers, as the router sees them: `acd.matching.Index`, and a naive one in the tests."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from acd.agents import Agent, Kind
from acd.contacts import Leg
from acd.gauges import Gauge

Pair: TypeAlias = tuple[Leg, Agent]


class Matcher(Protocol):
    """What the router asks of a matcher."""

    def wait(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, or that its exclusions changed while it is."""

    def remove(self, leg: Leg) -> None:
        """Note that a leg waits no longer."""

    def refresh(self, agent: Agent) -> None:
        """Note that an agent's availability, device, slots or idle clock changed."""

    def moved(self, agent: Agent, before: Kind) -> None:
        """Note that an agent is of another kind than before (`acd.kinds`); `refresh` follows."""

    def next_pair(self, now_us: int) -> Pair | None:
        """Return the next leg and agent to match at an instant, or None at rest."""

    def another(self, leg: Leg, but: Sequence[Agent]) -> Agent | None:
        """Return the best agent who may take an offered leg without interrupting what he does.

        Args:
            leg: It was offered since the last rest.
            but: Those to whom it is.
        """

    def settle(self) -> None:
        """Note that others decided (a journal); whether all is at rest is seen at the next step."""


class CountedMatcher(Matcher, Protocol):
    """A matcher who is told of counters. `Index` here; the naive one in the tests."""

    def turned(self, gauge: Gauge, *, opened: bool) -> None:
        """Note that a gauge opened, so that pairs may fit that did not, or closed."""

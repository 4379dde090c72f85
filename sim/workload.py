"""What a scenario is made of: frozen values, built by `sim.scenario` from a file or by hand.

A scenario is a routing configuration (the same that the daemon reads), a workload (streams of
contacts, and peaks upon them) and a staffing plan over one horizon, cut into intervals of equal
length. Instants are microseconds since the epoch, or, where a name ends in `_offset_us`, since the
start of the scenario.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from acd.ids import AgentId, Channel, QueueName
from acd.settings import DomainSettings
from sim.batches import Batch, Batches
from sim.busyness import Busyness
from sim.peaks import Peak
from sim.replay import Replay
from sim.roster import Rules, Shift

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US


class Shape(StrEnum):
    """The family of a handling time's distribution."""

    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    """The usual shape of call durations (Brown, Gans, Mandelbaum, Sakov, Shen, Zeltyn and Zhao
    2005, "Statistical analysis of a telephone call center")."""


class _Values(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all values of a scenario."""


class Handle(_Values, frozen=True):
    """How long an agent talks or writes, wrap-up not included."""

    mean_s: float
    scv: float = 1.0
    """Squared coefficient of variation: variance ÷ mean². 1 for the exponential shape."""
    shape: Shape = Shape.LOGNORMAL


class Stream(_Values, frozen=True):
    """Contacts that are alike: they enter one queue on one channel and behave by one law."""

    name: str
    queue: QueueName
    channel: Channel
    rates_per_h: tuple[float, ...]
    """Arrivals per hour in each interval."""
    handle: Handle
    patience_mean_s: float | None = None
    """Mean of the exponential time after which a customer who still waits leaves; None: never."""
    answer_us: int = 0
    """From an offer to the agent's answer, where the queue does not answer by itself."""
    requirement: str = ""
    prefers: tuple[str, ...] = ()
    priority: int | None = None
    promise_us: int | None = None
    """Promised time to the answer, from the arrival."""
    attributes: tuple[tuple[str, str], ...] = ()
    busyness: Busyness | None = None
    """Multiplies the rates of each day and interval; None: they are known."""
    batch: Batch | None = None
    """In what groups contacts come, the rates being of contacts; None: each by itself."""
    replay: Replay | None = None
    """Contacts that happened, instead of drawn ones; the rates are 0."""


class Scenario(_Values, frozen=True):
    """Everything a run needs beside its seed."""

    title: str
    settings: DomainSettings
    start_us: int
    interval_us: int
    intervals: int
    streams: tuple[Stream, ...]
    peaks: tuple[Peak, ...] = ()
    batches: tuple[Batches, ...] = ()
    staffing: dict[str, tuple[int, ...]] = {}
    """Agents at work by group and interval."""
    scheduled: dict[str, tuple[int, ...]] = {}
    """As `staffing`, but with those who are not there; of groups that have some (shrinkage)."""
    shifts: tuple[Shift, ...] = ()
    """Of groups that have no staffing; their persons are the group's members, shift after shift."""
    rules: dict[str, Rules] = {}
    """How members of a group leave; the defaults where it has none."""
    time_zone: str = "UTC"
    """Names the zone in which a report shows times."""

    @property
    def end_us(self) -> int:
        """The horizon."""
        return self.start_us + self.intervals * self.interval_us

    def members(self) -> dict[str, tuple[AgentId, ...]]:
        """Return the agents of each group for which staffing is planned, in the settings' order."""
        planned = (*self.staffing, *(shift.group for shift in self.shifts))
        found: dict[str, list[AgentId]] = {group: [] for group in planned}
        for agent in self.settings.agents:
            if agent.group in found:
                found[agent.group].append(agent.agent_id)
        return {group: tuple(agents) for group, agents in found.items()}

"""What a scenario is made of: frozen values, built by `sim.scenario` from a file or by hand.

A scenario is a routing configuration (the same that the daemon reads), a workload (streams of
contacts, and peaks upon them) and a staffing plan over one horizon, cut into intervals of equal
length. Instants are microseconds since the epoch, or, where a name ends in `_offset_us`, since the
start of the scenario.
"""

from enum import StrEnum
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from acd.ids import AgentId, Channel, QueueName
from acd.settings import DomainSettings
from sim.batches import Batch, Batches
from sim.busyness import Busyness
from sim.patience import Patience
from sim.peaks import Peak
from sim.replay import Replay
from sim.roster import Duty, Rules, Shift

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


class Lost(StrEnum):
    """How a customer was not served."""

    ABANDONED = "abandoned"
    """He left while he waited."""
    BALKED = "balked"
    """He left at once, when he heard how long he would wait."""
    TURNED_AWAY = "turned_away"
    """A limit on admission or a rule of his queue sent him away."""
    NOT_REACHED = "not_reached"
    """He was to be called back, and each call was in vain."""


class Redial(_Values, frozen=True):
    """Who was not served may call again."""

    share: float
    """The probability that he does, each time."""
    pause: Patience
    """From the end of an attempt to the next; infinite for those who think better of it."""
    attempts_max: int
    """Most attempts of one customer, the first included."""
    causes: tuple[Lost, ...] = (Lost.ABANDONED,)
    """After what ends of an attempt."""


class CallBack(_Values, frozen=True):
    """What customers do who may be called back; as here where a stream does not say."""

    accept_share: float = 0.0
    """The probability that a customer takes a callback which is offered to him. Whom a rule of
    overflow promises one is not asked."""
    answer_share: float = 1.0
    """The probability that he answers, each time that he is called."""
    busy_share: float = 0.0
    """The probability that his line is busy then; else it rings until the queue gives up."""
    answer_us: int = 10 * SECOND_US
    """From the call to his answer."""


class Stream(_Values, frozen=True):
    """Contacts that are alike: they enter one queue on one channel and behave by one law."""

    name: str
    queue: QueueName
    channel: Channel
    rates_per_h: tuple[float, ...]
    """Arrivals per hour in each interval."""
    handle: Handle
    patience: Patience | None = None
    """How long a customer waits before he leaves; None: until he is served."""
    accepts: Patience | None = None
    """Up to which announced wait he stays; he leaves at once if he is told more. None: he is told
    nothing."""
    redial: Redial | None = None
    """None: who was not served does not call again."""
    callbacks: CallBack = CallBack()
    answer_us: int = 0
    """From an offer to the agent's answer, where the queue does not answer by itself."""
    requirement: str = ""
    prefers: tuple[str, ...] = ()
    priority: int | None = None
    promise_us: int | None = None
    """Promised time to the answer, from the arrival."""
    customer: str = ""
    """Token of the one customer whose contacts they are; empty for unknown ones."""
    named_agent: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    busyness: Busyness | None = None
    """Multiplies the rates of each day and interval; None: they are known."""
    batch: Batch | None = None
    """In what groups contacts come, the rates being of contacts; None: each by itself."""
    replay: Replay | None = None
    """Contacts that happened, instead of drawn ones; the rates are 0."""


class Pace(_Values, frozen=True):
    """An agent's handling times beside those of the workload."""

    mean_factor: float = 1.0
    scv_factor: float = 1.0
    """Of the squared coefficient of variation; 1 where the shape is exponential."""


class Transfer(_Values, frozen=True):
    """Contacts of a queue and channel that their agents give further to another queue."""

    queue: QueueName
    channel: Channel
    to: QueueName
    share: float
    """The probability that a leg ends so."""
    handle: Handle
    """Of the leg that follows."""
    answer_us: int = 0
    """As a stream's, there."""
    keep_place: bool = False
    """The customer keeps his place in the line by the instant at which he entered the first."""


class WaitOf(StrEnum):
    """Of what the wait of a customer who called several times counts."""

    ATTEMPT = "attempt"
    """Of the attempt that was answered."""
    CUMULATIVE = "cumulative"
    """Of all his attempts; the pauses between them do not count."""


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
    duties: tuple[Duty, ...] | None = None
    """Who was at work when, to the microsecond, of a time that is over: then nobody else works, and
    there are no staffing and shifts."""
    rules: dict[str, Rules] = {}
    """How members of a group leave; the defaults where it has none."""
    paces: dict[str, Pace] = {}
    """By agent or group; an agent's own before his group's."""
    concurrency: dict[Channel, tuple[float, ...]] = {}
    """How fast each contact of a channel goes on while its agent has 1, 2, … of them open, the last
    one for more; falling from 1."""
    transfers: tuple[Transfer, ...] = ()
    customer_wait: WaitOf = WaitOf.ATTEMPT
    time_zone: str = "UTC"
    """Names the zone in which a report shows times."""

    @property
    def end_us(self) -> int:
        """The horizon."""
        return self.start_us + self.intervals * self.interval_us

    def digest(self) -> str:
        """Return the scenario's SHA-256 in hexadecimal: equal for equal scenarios."""
        return sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    def members(self) -> dict[str, tuple[AgentId, ...]]:
        """Return the agents of each group for which staffing is planned, in the settings' order."""
        planned = (*self.staffing, *(shift.group for shift in self.shifts))
        found: dict[str, list[AgentId]] = {group: [] for group in planned}
        for agent in self.settings.agents:
            if agent.group in found:
                found[agent.group].append(agent.agent_id)
        return {group: tuple(agents) for group, agents in found.items()}

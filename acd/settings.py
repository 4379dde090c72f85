"""How a domain is set up: frozen, plain values, the same for the daemon, the simulator and tests.

`acd.config` reads them from TOML; an embedder may build them by hand. `acd.validation.problems`
says what is wrong with them. Times are microseconds. A *domain* is one Router: one set of agents
and one urgency policy.
"""

import hashlib
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from acd.ids import AgentId, Channel, QueueName, WrapUpMode, plain

PROFICIENCY_MIN: Final = 1
PROFICIENCY_MAX: Final = 10

SECOND_US: Final = 1_000_000


@plain
class Urgency(StrEnum):
    """Which waiting contact is the more urgent; one for the whole domain. See `acd.policies`."""

    LONGEST_WAIT = "longest_wait"
    STRICT_PRIORITY = "strict_priority"
    HEAD_START = "head_start"
    DEADLINE_FIRST = "deadline_first"


@plain
class AgentCriterion(StrEnum):
    """Which of several free agents is the better, in the order given.

    See `acd.policies`; those from `LEAST_OCCUPIED` on change from contact to contact, and
    `acd.selection` compares by them.
    """

    LONGEST_IDLE = "longest_idle"
    HIGHEST_PROFICIENCY = "highest_proficiency"
    LEAST_FLEXIBLE = "least_flexible"
    LEAST_OCCUPIED = "least_occupied"
    FASTEST_FIRST = "fastest_first"
    BEST_QUALITY = "best_quality"
    BEST_RESOLUTION = "best_resolution"
    BEST_CONVERSION = "best_conversion"
    ROUND_ROBIN = "round_robin"


@plain
class IdleClock(StrEnum):
    """From when an agent without contacts counts as idle; every log-in starts it anew."""

    AFTER_WRAP_UP = "after_wrap_up"
    AFTER_CONTACT = "after_contact"
    """Wrap-up counts as idle."""
    SINCE_READY = "since_ready"
    """As after_wrap_up, and every time the agent becomes ready starts it anew."""


@plain
class Abandons(StrEnum):
    """What an abandon within the threshold does to the service level (design/metrics)."""

    MISSED = "missed"
    MET = "met"
    IGNORED = "ignored"


class _Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all settings."""


class ChannelSettings(_Settings, frozen=True):
    """How a queue treats one channel."""

    objective_us: int = 20 * SECOND_US
    """The service level's threshold."""
    ring_us: int = 15 * SECOND_US
    """How long an offer is held out."""
    wrap_up_us: int = 0
    wrap_up_cap_us: int = 300 * SECOND_US
    """The longest wrap-up of an agent in mode until_done; at least `wrap_up_us`."""
    auto_answer: bool = False


class QueueSettings(_Settings, frozen=True):
    """A named line."""

    name: QueueName
    channels: dict[Channel, ChannelSettings]
    requires: str = ""
    """What an agent must have; see `acd.skills`."""
    prefers: tuple[str, ...] = ()
    """What an agent should have: the more of them he has, the better he ranks."""
    priority: int | None = None
    head_start_us: int | None = None
    promise_us: int | None = None
    exclusion_us: int = 30 * SECOND_US
    """For how long an agent who failed to take a leg is not offered the same leg again."""


class Serves(_Settings, frozen=True):
    """One line of a routing profile: a queue on some channels, at a tier."""

    queue: QueueName
    channels: tuple[Channel, ...]
    tier: int = 1
    """Lower is served first, whatever waits at a higher tier."""


class ProfileSettings(_Settings, frozen=True):
    """A routing profile: which queues and channels an agent serves."""

    name: str
    serves: tuple[Serves, ...]


class SlotSettings(_Settings, frozen=True):
    """How much of one channel an agent carries."""

    slots: int = 1
    cost: int = 100
    interrupted_by: tuple[Channel, ...] = ()
    """Channels that may set a contact of this channel aside."""


class CapacitySettings(_Settings, frozen=True):
    """A capacity profile. A channel without a line is not carried."""

    name: str
    channels: dict[Channel, SlotSettings]
    total: int = 100
    """Sum of the costs that the slots in use may reach."""


class AgentSettings(_Settings, frozen=True):
    """One agent."""

    agent_id: AgentId
    profile: str
    capacity: str
    group: str = ""
    skills: dict[str, int] = {}
    attributes: dict[str, str] = {}
    wrap_up_mode: WrapUpMode = WrapUpMode.TIMED


class PerformanceSettings(_Settings, frozen=True):
    """How agents' work is measured and compared; see `acd.performance`."""

    memory: int = 100
    """How many samples a mean looks back on: the newest weighs 1/memory."""
    credibility: int = 20
    """The number of samples at which an agent's own mean counts as much as the queue's."""
    band_percent: int = 10
    """Width of a band, in per cent of the queue's mean: agents in one band are equal."""


class WeightedSettings(_Settings, frozen=True):
    """A weighted sum of criteria, by whose name `agent_selection` may call it."""

    name: str
    weights: dict[str, int]
    """Per cent by criterion; 100 in all."""
    band_percent: int = 10
    """Width of a band of the sum, in per cent of the means."""


class MeasureSettings(_Settings, frozen=True):
    """Definitions of the measures; see `acd.metrics`."""

    interval_us: int = 30 * 60 * SECOND_US
    abandons: Abandons = Abandons.MISSED
    short_abandon_us: int = 0


class DomainSettings(_Settings, frozen=True):
    """Everything a Router needs."""

    name: str
    queues: tuple[QueueSettings, ...]
    profiles: tuple[ProfileSettings, ...]
    capacities: tuple[CapacitySettings, ...]
    agents: tuple[AgentSettings, ...]
    urgency: Urgency = Urgency.LONGEST_WAIT
    agent_selection: tuple[str, ...] = (AgentCriterion.LONGEST_IDLE,)
    """Names of criteria (`AgentCriterion`), or of the weighted sum."""
    weighted: tuple[WeightedSettings, ...] = ()
    """At most one: what it adds up has no natural unit, so two would say nothing together."""
    performance: PerformanceSettings | None = None
    """None: as the defaults say where a criterion needs it, and not measured where none does."""
    occupancy_half_life_us: int = 1_800 * SECOND_US
    """After so much idle time an agent's occupancy is half of what it was. Half an hour is the
    interval over which occupancy is usually reported."""
    idle_clock: IdleClock = IdleClock.AFTER_WRAP_UP
    back_off_us: int = 5 * SECOND_US
    """For how long an agent is left alone after the switch could not reach him (mod_callcenter
    guards an unregistered phone for 5 s)."""
    connect_us: int = 10 * SECOND_US
    """How long connecting may take before the leg goes back to its place."""
    skills: tuple[str, ...] = ()
    attributes: dict[str, tuple[str, ...]] = {}
    """Agents' attributes and their values."""
    contact_attributes: tuple[str, ...] = ()
    measures: MeasureSettings = MeasureSettings()

    def digest(self) -> str:
        """Return the settings' SHA-256 in hexadecimal: equal for equal settings."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

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
    """Which of several free agents is the better, in the order given. See `acd.policies`."""

    LONGEST_IDLE = "longest_idle"
    HIGHEST_PROFICIENCY = "highest_proficiency"
    LEAST_FLEXIBLE = "least_flexible"


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


class _Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all settings. Defaults are left out, so that a new setting changes no old digest."""


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


class EntryRule(_Settings, frozen=True):
    """What a contact becomes that names no queue. See `acd.entry`."""

    name: str
    queue: QueueName
    when: str = ""
    """Which contacts it is for (`acd.conditions`); empty for the last rule: all others."""
    priority: int | None = None
    requirement: str = ""
    """What an agent must have, beside what queue and contact ask."""
    prefers: tuple[str, ...] = ()
    promise_us: int | None = None
    context: dict[str, str] = {}
    """Attributes that the contact gets."""


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
    agent_selection: tuple[AgentCriterion, ...] = (AgentCriterion.LONGEST_IDLE,)
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
    contact_numbers: tuple[str, ...] = ()
    """Those of `contact_attributes` whose values are numbers; the others' are texts."""
    entry: tuple[EntryRule, ...] = ()
    """Asked in this order for a contact that names no queue: the first that fits decides."""
    utc_offsets: tuple[tuple[int, int], ...] = ()
    """The time zone of `entry`: (from_us, offset_s) pairs, ascending (`acd.calendars` makes them).
    Before the first, and where there is none, it is UTC."""
    measures: MeasureSettings = MeasureSettings()

    def digest(self) -> str:
        """Return the settings' SHA-256 in hexadecimal: equal for equal settings."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

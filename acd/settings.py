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
from acd.other_domains import OtherDomain
from acd.waiting_settings import CallbackSettings, Treatment

PROFICIENCY_MIN: Final = 1
PROFICIENCY_MAX: Final = 10

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3_600 * SECOND_US
DAY_US: Final = 24 * HOUR_US

AGEING_PER_H_MAX: Final = 1_000_000
"""Most points an hour: the whole range of priorities (`acd.ids.PRIORITY_MAX`) in two."""

DELAY_COST_MAX: Final = 1_000_000
"""Costs are compared with each other only; six digits tell any two apart."""

WAITING_SHARE_MAX: Final = 100_000
"""Shares of one line of 10,000 queues, with a digit behind the point for the smallest of equals."""


RESERVE_WAITING_MIN: Final = 2
"""Fewest waiting contacts that can keep an agent in reserve: with less he always serves."""

RESERVE_WAITING_MAX: Final = 100_000
"""Most: the longest line measured (design/performance)."""


@plain
class Urgency(StrEnum):
    """Which waiting contact is the more urgent; one for the whole domain. See `acd.urgency`."""

    LONGEST_WAIT = "longest_wait"
    STRICT_PRIORITY = "strict_priority"
    HEAD_START = "head_start"
    DEADLINE_FIRST = "deadline_first"
    AGEING = "ageing"
    WAIT_OVER_OBJECTIVE = "wait_over_objective"
    C_MU = "c_mu"
    GENERALIZED_C_MU = "generalized_c_mu"
    QUEUE_RATIO = "queue_ratio"


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
class AfterMiss(StrEnum):
    """What becomes of an agent who let offers ring out."""

    STAY_READY = "stay_ready"
    NOT_RESPONDING = "not_responding"
    """He takes nothing until he says that he is ready."""
    NOT_READY = "not_ready"
    """The same, shown as a break."""
    LOG_OUT = "log_out"
    """His session ends, when his last slot is free."""


@plain
class Abandons(StrEnum):
    """What an abandon within the threshold does to the service level (design/metrics)."""

    MISSED = "missed"
    MET = "met"
    IGNORED = "ignored"


@plain
class QueueClock(StrEnum):
    """What counts of the time for which contacts wait in a queue. See `acd.clocks`."""

    ELAPSED = "elapsed"
    OPENING_HOURS = "opening_hours"
    """Only what passes while the queue is open."""


@plain
class Condition(StrEnum):
    """When nobody gets into a queue, or stays; of several that hold the first of these is told."""

    CLOSED = "closed"
    """By its calendar."""
    NOBODY_LOGGED_IN = "nobody_logged_in"
    """No agent is who could take the contact, at whatever routing step."""
    NOBODY_READY = "nobody_ready"
    """No such agent is ready, be he busy."""


class _Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all settings. Defaults are left out, so that a new setting changes no old digest."""


class OverflowRule(_Settings, frozen=True):
    """When contacts leave a queue and channel, or do not get in, and for which one target."""

    joining: tuple[Condition, ...] = ()
    """Conditions in which nobody gets in."""
    leaving: tuple[Condition, ...] = ()
    """Conditions in which nobody stays, nor gets in."""
    max_waiting: int | None = None
    """With so many waiting nobody gets in."""
    max_estimated_wait_us: int | None = None
    """Whoever would wait longer, by the estimate on joining, does not get in."""
    max_wait_us: int | None = None
    """Nobody waits longer."""
    queue: str = ""
    voicemail: str = ""
    message: str = ""
    domain: str = ""
    callback: str = ""  # The message by which a customer is told that he is called back.


class ChannelSettings(_Settings, frozen=True):
    """How a queue treats one channel."""

    objective_us: int = 20 * SECOND_US
    """The service level's threshold; the policy `wait_over_objective` divides by it."""
    handle_time_us: int | None = None
    """Mean time for which one contact keeps an agent, 1 / μ."""
    ring_us: int = 15 * SECOND_US
    """How long an offer is held out."""
    wrap_up_us: int = 0
    wrap_up_cap_us: int = 300 * SECOND_US
    """The longest wrap-up of an agent in mode until_done; at least `wrap_up_us`."""
    auto_answer: bool = False
    parallel_offers: int = 1
    """To how many agents a leg is offered at once, if so many are free; the first has it."""
    expires_us: int | None = None
    """A contact that has waited so long ends as expired; None for never."""
    park_us: int | None = None
    """For how long at most an agent may put a contact away; None for not at all."""
    acknowledge: bool = False
    """Whoever wrote is told at once that it came (`acd.acknowledgement`)."""
    overflow: tuple[OverflowRule, ...] = ()
    """The first rule that holds decides."""


class RoutingStep(_Settings, frozen=True):
    """From when on more agents may take a leg that waits; see `acd.widening`.

    What a step does not say stays as the step before it has it.
    """

    after_us: int
    """How long the leg has waited in the queue by then; more than at the step before."""
    if_nobody: bool = False
    """At once where no agent logged in may take the leg, though so long has not passed."""
    requires: str | None = None
    """What the queue requires from now on; whoever met it before still does."""
    lower: dict[str, int] = {}
    """No more than so much of a skill is required, of queue and contact; 0: none at all."""
    priority: int | None = None
    """At least this priority."""


class TeamSettings(_Settings, frozen=True):
    """Whose account team has a contact first: agents with the value that the contact brought."""

    contact: str
    """The attribute of contacts that names the team."""
    agent: str
    """The attribute of agents that names theirs."""
    limit_us: int
    """How long the contact is kept for them, from when it entered the queue."""


class AffinitySettings(_Settings, frozen=True):
    """For whom contacts of a queue are kept at first; see `acd.affinity`. 0: for nobody."""

    named_agent_us: int = 0
    """How long for the agent whom the contact names."""
    last_agent_us: int = 0
    """How long for the agent who last handled this customer."""
    last_agent_within_us: int | None = None
    """How long ago that may have been; None: `acd.affinity.WITHIN_US`."""
    team: TeamSettings | None = None


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
    ageing_per_h: int | None = None
    """Points that waiting adds in an hour; the domain's if not given."""
    ageing_cap: int | None = None
    """More points than that do not put a contact before those of other queues."""
    delay_cost: int | None = None
    """What waiting costs, beside the other queues'."""
    waiting_share: int | None = None
    """How many of the waiting contacts shall be this queue's, beside the other queues'."""
    steps: tuple[RoutingStep, ...] = ()
    exclusion_us: int = 30 * SECOND_US
    """For how long an agent who failed to take a leg is not offered the same leg again."""
    affinity: AffinitySettings | None = None
    """None: contacts are kept for nobody."""
    dispositions: tuple[str, ...] = ()
    """How a contact may have ended, in the agent's words; see `acd.dispositions`."""
    disposition_required: bool = False
    """Whether an agent must tell one before he ends his wrap-up."""
    opening_hours: str | None = None
    """The calendar by which it is open or closed; open always if None."""
    clock: QueueClock = QueueClock.ELAPSED
    """What counts of the waits in it: for its promise, steps, limits and service level."""
    resume_us: int | None = None
    """For how long a customer who left may come back to his place; None for not at all."""
    treatments: tuple[Treatment, ...] = ()
    callbacks: CallbackSettings | None = None
    """None: nobody is called back."""


class Serves(_Settings, frozen=True):
    """One line of a routing profile: a queue on some channels, at a tier."""

    queue: QueueName
    channels: tuple[Channel, ...]
    tier: int = 1
    """Lower is served first, whatever waits at a higher tier."""
    delay_us: int = 0
    """He is not offered a contact of this queue until it has waited so long."""
    reserve_waiting: int | None = None
    """He is in reserve: not offered a contact of this queue and channel while fewer wait in it."""


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
    shift: str | None = None
    """The calendar by which he works: outside it he is offered nothing new; always if None."""


class HeadroomSettings(_Settings, frozen=True):
    """How many agents are kept able to take a call, whatever waits on other channels."""

    name: str
    queue: QueueName
    """The agents whose profiles serve it on voice are the pool."""
    keep_free: int
    """So many of them."""


class CalendarSettings(_Settings, frozen=True):
    """When its queues are open, or its agents work, by the clocks of a place: `acd.opening`."""

    name: str
    hours: tuple[tuple[tuple[int, int], ...], ...] = ((),) * 7
    """For each weekday, Monday first, spans (from_s, until_s) in seconds since midnight: ascending,
    without the end, which is 86,400 for midnight. None: closed."""
    days: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = ()
    """Dates (`2026-12-24`) with spans of their own, or with none: holidays and special days."""
    utc_offsets: tuple[tuple[int, int], ...] = ()
    """Its time zone, as `DomainSettings.utc_offsets`."""


class RonaSettings(_Settings, frozen=True):
    """What becomes of an agent who does not answer (redirection on no answer)."""

    then: AfterMiss = AfterMiss.NOT_RESPONDING
    after: int = 1
    """Only after so many in a row; one that he takes begins the count anew."""


class BackOffSettings(_Settings, frozen=True):
    """For how long an agent is left alone after an offer to him failed, by what made it fail.

    None: for the domain's `back_off_us`.
    """

    busy_us: int | None = None
    unreachable_us: int | None = None
    congestion_us: int | None = None
    refused_us: int | None = None
    """The switch refused to hold it out."""
    not_connected_us: int | None = None
    """He took it, and the parties were not connected in time."""
    missed_us: int = 0
    """It rang out."""
    rejected_us: int = 0


class RejectReason(_Settings, frozen=True):
    """Why an agent may reject an offer, and what follows."""

    name: str
    exclusion_us: int | None = None
    """For how long he is not offered the same leg again; the queue's if None."""
    back_off_us: int | None = None
    """For how long he is offered nothing; as after any reject if None."""
    not_ready: bool = False
    """He takes a break, of this reason."""


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


class AdmissionSettings(_Settings, frozen=True):
    """How many contacts of a source may come and wait. See `acd.admission`.

    The source are the contacts that all of `queues`, `channels` and `attributes` fit; each fits
    all contacts if it is empty. Exactly one of `voicemail` and `message` is given.
    """

    name: str
    queues: tuple[QueueName, ...] = ()
    channels: tuple[Channel, ...] = ()
    attributes: dict[str, str] = {}
    """Values that the contact brought, or that an entry rule gave it."""
    max_waiting: int | None = None
    """So many may wait."""
    rate_per_min: int | None = None
    """So many may come in a minute."""
    burst: int = 1
    """So many of them at once."""
    voicemail: str = ""
    message: str = ""


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
    ageing_per_h: int | None = None
    """Points that waiting adds in an hour, in queues that do not say their own."""
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
    back_off: BackOffSettings = BackOffSettings()
    rona: RonaSettings = RonaSettings()
    reject_reasons: tuple[RejectReason, ...] = ()
    """The reasons that a reject may give; any text if there are none."""
    not_ready_reasons: tuple[str, ...] = ()
    """The reasons that agents may give for their breaks; any text if there are none."""
    offer_gap_us: int = 0
    """The shortest time between two offers to one agent."""
    connect_us: int = 10 * SECOND_US
    """How long connecting may take before the leg goes back to its place."""
    estimated_wait: bool = False
    """Whether it can be asked how long a leg will go on waiting; see `acd.wait_time`."""
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
    headrooms: tuple[HeadroomSettings, ...] = ()
    calendars: tuple[CalendarSettings, ...] = ()
    voicemails: tuple[str, ...] = ()
    """The names of voicemails to which contacts may overflow …"""
    messages: tuple[str, ...] = ()
    """… and of messages with which they may be turned away."""
    admission: tuple[AdmissionSettings, ...] = ()
    domains: tuple[OtherDomain, ...] = ()

    def digest(self) -> str:
        """Return the settings' SHA-256 in hexadecimal: equal for equal settings."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

"""Configuration files: TOML to frozen settings, or every mistake at once.

The file's shape is checked by the pydantic models below; ranges and what refers to what are
checked by `acd.validation`, also when the shape has mistakes: faulty values are left out, their
places are remembered, and the rest is checked without false alarms that only follow from them.
docs/configuration.md describes every key.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from acd.calendar_tables import CalendarTable, calendar_mistakes, calendar_of, offsets_of
from acd.errors import ConfigError
from acd.ids import Channel, WrapUpMode
from acd.mistakes import Mistake, in_file_order, within
from acd.other_domains import OtherDomain
from acd.overflow_tables import AdmissionTable, DomainTable, OverflowTable
from acd.settings import (
    Abandons,
    AdmissionSettings,
    AffinitySettings,
    AfterMiss,
    AgentSettings,
    BackOffSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
    HeadroomSettings,
    IdleClock,
    MeasureSettings,
    OverflowRule,
    PerformanceSettings,
    ProfileSettings,
    QueueClock,
    QueueSettings,
    RejectReason,
    RonaSettings,
    Serves,
    SlotSettings,
    TeamSettings,
    Urgency,
    WeightedSettings,
)
from acd.tables import Minutes, Span, Table, Whole, read_model, refusal
from acd.toml_guard import FILE_BYTES_MAX, read_toml
from acd.validation import AGENTS_MAX, mistakes
from acd.waiting_tables import CallbackTable, StepTable, TreatmentTable, while_waiting

OTHER_TABLES: Final = frozenset({"daemon", "scenario"})
"""Tables that belong to other programs and are left alone here."""


def load(path: Path | str, *, members: Mapping[str, int] | None = None) -> DomainSettings:
    """Return the settings in the file at `path`; see `parse`.

    Raises:
        ConfigError: The file is wrong; all its mistakes.
        OSError: It cannot be read.
    """
    with Path(path).open("rb") as file:
        # One byte more than allowed shows that there are too many, however many there are.
        return parse(file.read(FILE_BYTES_MAX + 1), file=str(path), members=members)


def parse(
    text: str | bytes,
    *,
    file: str = "<text>",
    members: Mapping[str, int] | None = None,
    others: Collection[str] = OTHER_TABLES,
) -> DomainSettings:
    """Return the settings in `text`, a TOML document.

    Args:
        text: At most `FILE_BYTES_MAX` bytes in UTF-8.
        file: What messages call it.
        members: How many members a group has, instead of what the file says.
        others: Tables that belong to other programs.

    Raises:
        ConfigError: All mistakes, in the order of the file.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    tree = {k: v for k, v in read_toml(data, file).items() if k not in others}
    document, found, faulty = read_model(_Document, tree)
    sizes, more = _group_sizes(document, members or {})
    settings = _settings(document, sizes)
    more += calendar_mistakes(document.calendars, document.domain.time_zone)
    found += [mistake for mistake in more if not within(mistake.path, faulty)]
    found += mistakes(settings, faulty=faulty)
    if found:
        raise ConfigError(file, *in_file_order(found, tree))
    return settings


# The file. A field has the name of the setting it becomes; None leaves that at its own default.

_ByName = Field(strict=False)  # Strict mode would want the enum's member, which TOML has not.
_AChannel = Annotated[Channel, _ByName]
_ONE_URGENCY: Final = {"urgency": "one urgency policy for the whole domain, in domain.urgency"}


def _one_urgency(value: object) -> object:
    if isinstance(value, list):
        raise refusal("one urgency policy for the whole domain")
    return value


class _DomainTable(Table):
    name: str
    urgency: Annotated[Urgency, _ByName, BeforeValidator(_one_urgency)] | None = None
    ageing_per_h: Whole | None = None
    agent_selection: list[str] | None = None
    occupancy_half_life_us: Span | None = None
    idle_clock: Annotated[IdleClock, _ByName] | None = None
    back_off_us: Span | None = None
    offer_gap_us: Span | None = None
    connect_us: Span | None = None
    estimated_wait: bool | None = None
    skills: list[str] | None = None
    contact_attributes: list[str] | None = None
    contact_numbers: list[str] | None = None
    not_ready_reasons: list[str] | None = None
    time_zone: str | None = None
    voicemails: list[str] | None = None
    messages: list[str] | None = None


class _ChannelTable(Table):
    refused_keys = _ONE_URGENCY
    objective_us: Span | None = None
    handle_time_us: Span | None = None
    ring_us: Span | None = None
    wrap_up_us: Span | None = None
    wrap_up_cap_us: Span | None = None
    auto_answer: bool | None = None
    parallel_offers: Whole | None = None
    expires_us: Span | None = None
    park_us: Span | None = None
    acknowledge: bool | None = None
    overflow: list[OverflowTable] | None = None


class _TeamTable(Table):
    contact: str
    agent: str
    limit_us: Span


class _AffinityTable(Table):
    named_agent_us: Span | None = None
    last_agent_us: Span | None = None
    last_agent_within_us: Span | None = None
    team: _TeamTable | None = None


class _QueueTable(Table):
    refused_keys = _ONE_URGENCY
    requires: str | None = None
    prefers: list[str] | None = None
    priority: Whole | None = None
    head_start_us: Span | None = None
    promise_us: Span | None = None
    ageing_per_h: Whole | None = None
    ageing_cap: Whole | None = None
    delay_cost: Whole | None = None
    waiting_share: Whole | None = None
    exclusion_us: Span | None = None
    dispositions: list[str] | None = None
    disposition_required: bool | None = None
    opening_hours: str | None = None
    clock: Annotated[QueueClock, _ByName] | None = None
    resume_us: Span | None = None
    treatments: list[TreatmentTable] = Field(default_factory=list)
    callbacks: CallbackTable | None = None
    steps: list[StepTable] = Field(default_factory=list)
    affinity: _AffinityTable | None = None
    voice: _ChannelTable | None = None
    email: _ChannelTable | None = None
    web_form: _ChannelTable | None = None
    chat: _ChannelTable | None = None


class _SlotTable(Table):
    slots: Whole | None = None
    cost: Whole | None = None
    interrupted_by: list[_AChannel] | None = None


class _CapacityTable(Table):
    total: Whole | None = None
    voice: _SlotTable | None = None
    email: _SlotTable | None = None
    web_form: _SlotTable | None = None
    chat: _SlotTable | None = None


class _LineTable(Table):
    queue: str
    channels: list[_AChannel] | None = None
    tier: Whole | None = None
    delay_us: Span | None = None
    reserve_waiting: Whole | None = None


class _AgentTable(Table):
    profile: str
    capacity: str
    skills: dict[str, Whole] | None = None
    attributes: dict[str, str] | None = None
    wrap_up_mode: Annotated[WrapUpMode, _ByName] | None = None
    shift: str | None = None


class _GroupTable(_AgentTable):
    members: Whole | None = None


class _RonaTable(Table):
    then: Annotated[AfterMiss, _ByName] | None = None
    after: Whole | None = None


class _BackOffTable(Table):
    busy_us: Span | None = None
    unreachable_us: Span | None = None
    congestion_us: Span | None = None
    refused_us: Span | None = None
    not_connected_us: Span | None = None
    missed_us: Span | None = None
    rejected_us: Span | None = None


class _RejectReasonTable(Table):
    exclusion_us: Span | None = None
    back_off_us: Span | None = None
    not_ready: bool | None = None


class _PerformanceTable(Table):
    memory: Whole | None = None
    credibility: Whole | None = None
    band_percent: Whole | None = None


_NO_SCALE: Final = "a criterion with a scale: this one can be compared, but not weighed"


class _WeightedTable(Table):
    refused_keys = dict.fromkeys(("longest_idle", "least_occupied", "round_robin"), _NO_SCALE)
    highest_proficiency: Whole | None = None
    least_flexible: Whole | None = None
    fastest_first: Whole | None = None
    best_quality: Whole | None = None
    best_resolution: Whole | None = None
    best_conversion: Whole | None = None
    band_percent: Whole | None = None


class _HeadroomTable(Table):
    queue: str
    keep_free: Whole


class _EntryTable(Table):
    refused_keys = _ONE_URGENCY
    name: str
    queue: str
    when: str | None = None
    priority: Whole | None = None
    requirement: str | None = None
    prefers: list[str] | None = None
    promise_us: Span | None = None
    context: dict[str, str] | None = None


class _MeasuresTable(Table):
    interval_us: Minutes | None = Field(None, alias="interval_min")
    abandons: Annotated[Abandons, _ByName] | None = None
    short_abandon_us: Span | None = None


class _Document(Table):
    domain: _DomainTable
    attributes: dict[str, list[str]] = Field(default_factory=dict)
    queues: dict[str, _QueueTable] = Field(default_factory=dict)
    capacities: dict[str, _CapacityTable] = Field(default_factory=dict)
    profiles: dict[str, list[_LineTable]] = Field(default_factory=dict)
    agents: dict[str, _AgentTable] = Field(default_factory=dict)
    groups: dict[str, _GroupTable] = Field(default_factory=dict)
    back_off: _BackOffTable = _BackOffTable()
    rona: _RonaTable = _RonaTable()
    reject_reasons: dict[str, _RejectReasonTable] = Field(default_factory=dict)
    entry: list[_EntryTable] = Field(default_factory=list)
    measures: _MeasuresTable = _MeasuresTable()
    performance: _PerformanceTable | None = None
    weighted: dict[str, _WeightedTable] = Field(default_factory=dict)
    headroom: dict[str, _HeadroomTable] = Field(default_factory=dict)
    calendars: dict[str, CalendarTable] = Field(default_factory=dict)
    admission: dict[str, AdmissionTable] = Field(default_factory=dict)
    domains: dict[str, DomainTable] = Field(default_factory=dict)


# From the file's models to settings


def _group_sizes(
    document: _Document, members: Mapping[str, int]
) -> tuple[dict[str, int], list[Mistake]]:
    """Return how many members each group gets (1 where that is in doubt), and what is wrong."""
    found: list[Mistake] = []
    sizes: dict[str, int] = {}
    for name, group in document.groups.items():
        path = ("groups", name)
        count = members.get(name, group.members)
        least = 0 if name in members else 1
        wanted = f"a whole number from {least} to {AGENTS_MAX}"
        if count is None:
            found.append(Mistake((*path, "members"), "is missing", wanted))
        elif not least <= count <= AGENTS_MAX:
            found.append(Mistake((*path, "members"), f"is {count}", wanted))
        else:
            sizes[name] = count
        if not name:
            found.append(Mistake(path, "has a name of 0 characters", "at least 1"))
    found += [
        Mistake(("groups", name), "is missing", "a table, since its members are given")
        for name in sorted(members.keys() - document.groups.keys())
    ]
    total = len(document.agents) + sum(sizes.values())
    if total > AGENTS_MAX:
        found.append(
            Mistake(("groups",), f"make {total} agents with [agents]", f"at most {AGENTS_MAX}")
        )
        sizes = {}
    return {name: sizes.get(name, 1) for name in document.groups}, found


_CAP_US: Final = ChannelSettings().wrap_up_cap_us


def _settings(document: _Document, sizes: Mapping[str, int]) -> DomainSettings:
    domain = _given(document.domain)
    domain.pop("time_zone", None)
    performance = document.performance
    return DomainSettings(
        queues=tuple(_queue(*each) for each in document.queues.items()),
        profiles=tuple(
            ProfileSettings(name=name, serves=tuple(_line(line, document.queues) for line in lines))
            for name, lines in document.profiles.items()
        ),
        capacities=tuple(_capacity(*each) for each in document.capacities.items()),
        agents=(
            *(
                AgentSettings(agent_id=name, **_given(table))
                for name, table in document.agents.items()
            ),
            *(
                member
                for name, table in document.groups.items()
                for member in _members(name, table, sizes[name])
            ),
        ),
        attributes={name: tuple(values) for name, values in document.attributes.items()},
        entry=tuple(EntryRule(**_given(table)) for table in document.entry),
        utc_offsets=offsets_of(document.domain.time_zone),
        back_off=BackOffSettings(**_given(document.back_off)),
        rona=RonaSettings(**_given(document.rona)),
        reject_reasons=tuple(
            RejectReason(name=name, **_given(table))
            for name, table in document.reject_reasons.items()
        ),
        measures=MeasureSettings(**_given(document.measures)),
        performance=None if performance is None else PerformanceSettings(**_given(performance)),
        weighted=tuple(_weighted(*each) for each in document.weighted.items()),
        headrooms=tuple(
            HeadroomSettings(name=name, **_given(table))
            for name, table in document.headroom.items()
        ),
        calendars=tuple(
            calendar_of(name, table, document.domain.time_zone)
            for name, table in document.calendars.items()
        ),
        admission=tuple(
            AdmissionSettings(name=name, **_given(table))
            for name, table in document.admission.items()
        ),
        domains=tuple(
            OtherDomain(name=name, **_given(table)) for name, table in document.domains.items()
        ),
        **domain,
    )


def _queue(name: str, table: _QueueTable) -> QueueSettings:
    channels = {channel: _channel(each) for channel, each in _by_channel(table)}
    given = _given(table)
    given |= while_waiting(table.steps, table.treatments, table.callbacks)
    return QueueSettings(name=name, channels=channels, affinity=_affinity(table.affinity), **given)


def _affinity(table: _AffinityTable | None) -> AffinitySettings | None:
    if table is None:
        return None
    team = None if table.team is None else TeamSettings(**_given(table.team))
    return AffinitySettings(team=team, **_given(table))


def _channel(table: _ChannelTable) -> ChannelSettings:
    given = _given(table)
    given.setdefault("wrap_up_cap_us", max(_CAP_US, given.get("wrap_up_us", 0)))
    given["overflow"] = tuple(OverflowRule(**_given(rule)) for rule in table.overflow or ())
    return ChannelSettings(**given)


def _capacity(name: str, table: _CapacityTable) -> CapacitySettings:
    channels = {channel: SlotSettings(**_given(each)) for channel, each in _by_channel(table)}
    return CapacitySettings(name=name, channels=channels, **_given(table))


def _line(table: _LineTable, queues: Mapping[str, _QueueTable]) -> Serves:
    given = _given(table)
    if table.channels is None:
        queue = queues.get(table.queue)
        given["channels"] = tuple(channel for channel, _ in _by_channel(queue)) if queue else ()
    return Serves(**given)


def _weighted(name: str, table: _WeightedTable) -> WeightedSettings:
    weights = _given(table)
    band = {key: weights.pop(key) for key in ("band_percent",) if key in weights}
    return WeightedSettings(name=name, weights=weights, **band)


def _members(name: str, table: _GroupTable, count: int) -> Iterator[AgentSettings]:
    # They share the dicts of skills and attributes, which nobody changes.
    given = _given(table)
    given.pop("members", None)
    for number in range(1, count + 1):
        yield AgentSettings(agent_id=f"{name}-{number:03}", group=name, **given)


def _given(table: Table) -> dict[str, Any]:
    """Return what the file has in a table, but not its channels' tables; arrays as tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in table
        if value is not None and not isinstance(value, Table)
    }


def _by_channel(table: _QueueTable | _CapacityTable) -> list[tuple[Channel, Any]]:
    """Return the tables of the channels that the file has."""
    tables = ((channel, getattr(table, channel)) for channel in Channel)
    return [(channel, each) for channel, each in tables if each is not None]

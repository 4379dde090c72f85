"""What is wrong with settings: every mistake at once, by its key in the file's spelling.

Here are the ranges and what refers to what. `acd.mistakes` tells what follows from a mistake and
is not reported, `acd.policy_numbers` what the urgency policy reads, and `acd.service` whether every
queue has agents.
"""

from collections.abc import Collection, Hashable, Iterable
from typing import Final

from acd.acknowledgement import WRITTEN
from acd.affinity_checks import report_affinity
from acd.calendar_checks import report_calendars, report_offsets
from acd.classes import PREFERS_MAX
from acd.conditions import TAKEN, number_of
from acd.criteria import report_criteria
from acd.entry_checks import report_entry
from acd.errors import Problem, did_you_mean, listed, shown
from acd.expressions import KEYWORDS, NAME
from acd.figures import NONE
from acd.headroom_checks import report_headrooms
from acd.ids import ID_MAX, PRIORITY_MAX, Channel, Reason
from acd.mistakes import (
    SPAN_MAX_US,
    Findings,
    KeyPath,
    Mistake,
    agent_path,
    key_text,
    seconds_text,
)
from acd.overflow_checks import report_overflow
from acd.policy_numbers import PolicyNumbers
from acd.service import report_unserved
from acd.settings import (
    DAY_US,
    PROFICIENCY_MAX,
    PROFICIENCY_MIN,
    RESERVE_WAITING_MAX,
    RESERVE_WAITING_MIN,
    AgentSettings,
    BackOffSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
    ProfileSettings,
    QueueSettings,
    Serves,
    Urgency,
)
from acd.skills import requirement_errors
from acd.step_checks import StepChecks
from acd.treatment_checks import report_waiting
from acd.urgency import READS_PRIORITY

AGENTS_MAX: Final = 100_000
"""Most agents of a domain: ten times the largest size measured (design/performance), and more than
the largest operators employ."""

QUEUES_MAX: Final = 10_000
"""Most queues of a domain: ten times the 1,000 classes measured (design/performance)."""

TIER_MAX: Final = 100
"""Highest tier: six times the 16 skill levels of the largest product, Avaya."""

SLOTS_MAX: Final = 25
"""Most contacts of one channel at once: nobody is known to write in more chats."""

TOTAL_MAX: Final = 1_000_000
"""Highest capacity: percent with four digits behind the point."""

MISSES_MAX: Final = 100
"""Most offers in a row that an agent may let ring out: a day of nothing else."""

PARALLEL_MAX: Final = 10
"""Most agents at whom one contact rings (design/routing): each but one rings in vain."""

DISPOSITIONS_MAX: Final = 200
"""Most dispositions of a queue, reasons of breaks and of rejects: more than anybody reads through.
"""

RULES_MAX: Final = 500
"""Most entry rules: a contact that only the last one fits has asked them all."""


def problems(settings: DomainSettings) -> list[Problem]:
    """Return every mistake in `settings`, in their order; none if a Router can be made of them.

    Cost: linear in agents plus queues × distinct agents; 10,000 agents and 1,000 queues take
    0.2 s.
    """
    return [mistake.problem() for mistake in mistakes(settings)]


def mistakes(
    settings: DomainSettings, *, faulty: Collection[KeyPath] = frozenset()
) -> list[Mistake]:
    """Return every mistake in `settings` but those at or below one of the `faulty` places.

    Args:
        settings: May be incomplete where `faulty` says so.
        faulty: What was already reported, and left out of `settings` or replaced.
    """
    return _Checker(settings, Findings(faulty)).run()


_CONTACT_ATTRIBUTE: Final = "declared attribute of contacts"
_OF_NONE: Final = "another name: this is what counts where none is told"
_PLAIN_NAME: Final = "a name of letters, digits, `_` and `-` that begins with a letter or `_`"


class _Checker:
    """Collects the mistakes of one domain."""

    def __init__(self, settings: DomainSettings, found: Findings) -> None:
        self._settings = settings
        self._found = found
        self._distinct: dict[Hashable, AgentSettings] = {}
        """Agents, but of members of a group who are alike only the first."""
        # Of duplicates the first counts.
        self._queues = {queue.name: queue for queue in reversed(settings.queues)}
        self._profiles = {profile.name: profile for profile in reversed(settings.profiles)}
        self._capacities = {each.name: each for each in reversed(settings.capacities)}
        self._skills = frozenset(settings.skills)
        self._numbers = PolicyNumbers(found, settings)
        self._steps = StepChecks(found, settings, check_requirement=self._requirement)

    def run(self) -> list[Mistake]:
        self._domain()
        for queue in self._settings.queues:
            self._queue(queue)
        for capacity in self._settings.capacities:
            self._capacity(capacity)
        for profile in self._settings.profiles:
            self._profile(profile)
        self._agents()
        self._measures()
        report_criteria(self._found, self._settings)
        report_affinity(self._found, self._settings)
        for headroom in self._settings.headrooms:
            self._found.named(("headroom", headroom.name), headroom.name)
        report_headrooms(self._found, self._settings, most=AGENTS_MAX)
        for calendar in self._settings.calendars:
            self._found.worded(("calendars", calendar.name), calendar.name)
        report_calendars(self._found, self._settings)
        report_overflow(self._found, self._settings)
        self._entry()
        channels = report_entry(self._found, self._settings)
        distinct = list(self._distinct.values())
        report_unserved(self._found, self._settings, distinct, entry_channels=channels)
        return self._found.all()

    # Kinds of values

    def _plain_name(self, path: KeyPath, name: str) -> None:
        """Report a name that no requirement could spell."""
        if name in KEYWORDS:
            self._found.report(path, f"is {shown(name)}", "another name than and, or, not")
        elif not NAME.fullmatch(name):
            self._found.report(path, f"is {shown(name)}", _PLAIN_NAME)
        elif len(name) > ID_MAX:
            self._found.named(path, name)

    def _value(self, path: KeyPath, value: str) -> None:
        """Report a value of an attribute that no requirement could spell."""
        if not 1 <= len(value) <= ID_MAX or not value.isprintable() or {"'", '"'} & set(value):
            self._found.report(
                path, f"is {shown(value)}", f"1 to {ID_MAX} printable characters without quotes"
            )

    def _some(self, path: KeyPath, channels: Collection[Channel], wanted: str) -> None:
        """Report that a table has no channel, unless one was faulty."""
        if not channels and not any(self._found.excused(*path, channel) for channel in Channel):
            self._found.report(path, "has no channel", wanted)

    def _names(self, path: KeyPath, names: tuple[str, ...]) -> None:
        """Report names that agents could not tell apart, or that are too many."""
        if len(names) > DISPOSITIONS_MAX:
            self._found.report(path, f"has {len(names)} names", f"at most {DISPOSITIONS_MAX}")
        for place, name in enumerate(names):
            self._found.worded((*path, place), name)
            if name == NONE:
                self._found.report((*path, place), f"is {shown(NONE)}", _OF_NONE)
        self._found.repeats(path, names)

    # The parts

    def _domain(self) -> None:
        settings = self._settings
        self._found.named(("domain", "name"), settings.name)
        selection = ("domain", "agent_selection")
        if not settings.agent_selection:
            self._found.empty(selection, "at least one criterion")
        self._found.repeats(selection, settings.agent_selection)
        self._numbers.report_domain()
        self._found.span(("domain", "back_off_s"), settings.back_off_us)
        self._found.span(("domain", "connect_s"), settings.connect_us, zero=False)
        self._found.span(("domain", "offer_gap_s"), settings.offer_gap_us)
        self._failed_offers()
        half_life_us = settings.occupancy_half_life_us
        self._found.span(("domain", "occupancy_half_life_s"), half_life_us, zero=False)
        for weighted in settings.weighted:
            self._found.named(("weighted", weighted.name), weighted.name)
        for place, name in enumerate(settings.skills):
            self._plain_name(("domain", "skills", place), name)
        self._found.repeats(("domain", "skills"), settings.skills)
        for place, name in enumerate(settings.contact_attributes):
            self._found.named(("domain", "contact_attributes", place), name)
            if settings.entry and name in TAKEN:
                wanted = "another name, since conditions of entry rules have this one"
                self._found.report(
                    ("domain", "contact_attributes", place), f"is {shown(name)}", wanted
                )
        attributes = ("domain", "contact_attributes")
        self._found.repeats(attributes, settings.contact_attributes)
        for place, name in enumerate(settings.contact_numbers):
            self._found.known(
                ("domain", "contact_numbers", place),
                name,
                _CONTACT_ATTRIBUTE,
                settings.contact_attributes,
                at=attributes,
            )
        self._found.repeats(("domain", "contact_numbers"), settings.contact_numbers)
        self._names(("domain", "not_ready_reasons"), settings.not_ready_reasons)
        report_offsets(self._found, ("domain", "time_zone"), settings.utc_offsets)
        for name in settings.attributes:
            self._plain_name(("attributes", name), name)
        for name, values in settings.attributes.items():
            path = ("attributes", name)
            if not values:
                self._found.empty(path, "at least one value")
            for place, value in enumerate(values):
                self._value((*path, place), value)
            self._found.repeats(path, values)
        for table, things in (("queues", settings.queues), ("profiles", settings.profiles)):
            if not things:
                self._found.report((table,), "is missing", "at least one")
        if len(settings.queues) > QUEUES_MAX:
            self._found.report(
                ("queues",), f"has {len(settings.queues)} queues", f"at most {QUEUES_MAX}"
            )
        self._found.doubles("queues", (queue.name for queue in settings.queues))
        self._found.doubles("profiles", (profile.name for profile in settings.profiles))
        self._found.doubles("capacities", (capacity.name for capacity in settings.capacities))

    def _failed_offers(self) -> None:
        """Report what cannot be of what follows when an offer fails."""
        settings = self._settings
        for name in BackOffSettings.__struct_fields__:
            span_us = getattr(settings.back_off, name)
            if span_us is not None:
                self._found.span(("back_off", f"{name.removesuffix('_us')}_s"), span_us)
        self._found.range(("rona", "after"), settings.rona.after, 1, MISSES_MAX)
        reasons = settings.reject_reasons
        if len(reasons) > DISPOSITIONS_MAX:
            many = f"has {len(reasons)} reasons"
            self._found.report(("reject_reasons",), many, f"at most {DISPOSITIONS_MAX}")
        self._found.doubles("reject_reasons", (one.name for one in reasons))
        for one in reasons:
            path = ("reject_reasons", one.name)
            self._found.worded(path, one.name)
            if one.exclusion_us is not None:
                self._found.span((*path, "exclusion_s"), one.exclusion_us)
            if one.back_off_us is not None:
                self._found.span((*path, "back_off_s"), one.back_off_us)

    def _entry(self) -> None:
        rules = self._settings.entry
        if len(rules) > RULES_MAX:
            self._found.report(("entry",), f"has {len(rules)} rules", f"at most {RULES_MAX}")
        seen: set[str] = set()
        for place, rule in enumerate(rules):
            path = ("entry", place)
            self._found.named((*path, "name"), rule.name)
            if rule.name in seen:
                self._found.report((*path, "name"), f"is {shown(rule.name)} again", "another name")
            seen.add(rule.name)
            self._entry_rule(path, rule)

    def _entry_rule(self, path: KeyPath, rule: EntryRule) -> None:
        at = ("queues", rule.queue)
        self._found.known((*path, "queue"), rule.queue, "declared queue", self._queues, at=at)
        urgency = self._settings.urgency
        for key, number, is_read in (
            ("priority", rule.priority, urgency in READS_PRIORITY),
            ("promise_s", rule.promise_us, urgency is Urgency.DEADLINE_FIRST),
        ):
            if number is not None and not is_read and not self._found.excused("domain", "urgency"):
                wanted = f"none, since the urgency policy `{urgency}` does not read it"
                self._found.report((*path, key), "is given", wanted)
        if rule.priority is not None:
            self._found.range((*path, "priority"), rule.priority, -PRIORITY_MAX, PRIORITY_MAX)
        if rule.promise_us is not None:
            self._found.span((*path, "promise_s"), rule.promise_us, zero=False)
        self._requirement((*path, "requirement"), rule.requirement)
        self._preferences((*path, "prefers"), rule.prefers)
        if len(rule.prefers) > PREFERS_MAX:
            self._found.report(
                (*path, "prefers"), f"has {len(rule.prefers)} of them", f"at most {PREFERS_MAX}"
            )
        for name, value in rule.context.items():
            self._context((*path, "context", name), name, value)

    def _context(self, path: KeyPath, name: str, value: str) -> None:
        """Report an attribute of contacts that is not declared, or of another type."""
        declared = self._settings.contact_attributes
        at = ("domain", "contact_attributes")
        self._found.known(path, name, _CONTACT_ATTRIBUTE, declared, at=at)
        if not 1 <= len(value) <= ID_MAX:
            self._found.report(path, f"has {len(value)} characters", f"from 1 to {ID_MAX}")
        elif name in self._settings.contact_numbers and number_of(value) is None:
            wanted = "a number, since domain.contact_numbers names it"
            self._found.report(path, f"is {shown(value)}", wanted)

    def _queue(self, queue: QueueSettings) -> None:
        path = ("queues", queue.name)
        self._found.named(path, queue.name)
        self._requirement((*path, "requires"), queue.requires)
        self._preferences((*path, "prefers"), queue.prefers)
        self._numbers.report_queue(queue)
        self._found.span((*path, "exclusion_s"), queue.exclusion_us)
        report_waiting(self._found, path, queue, estimated=self._settings.estimated_wait)
        self._names((*path, "dispositions"), queue.dispositions)
        if queue.disposition_required and not queue.dispositions:
            wanted = "dispositions, since one is required"
            self._found.empty((*path, "dispositions"), wanted)
        self._steps.report(path, queue)
        self._some(path, queue.channels, f"at least one table of {listed(Channel)}")
        for channel, each in queue.channels.items():
            self._channel((*path, channel.value), each)

    def _channel(self, path: KeyPath, channel: ChannelSettings) -> None:
        self._found.span((*path, "objective_s"), channel.objective_us)
        self._found.span((*path, "ring_s"), channel.ring_us, zero=False)
        self._found.span((*path, "wrap_up_s"), channel.wrap_up_us)
        if channel.expires_us is not None:
            self._found.span((*path, "expires_s"), channel.expires_us, zero=False)
        if channel.park_us is not None:
            self._found.span((*path, "park_s"), channel.park_us, zero=False)
            if path[-1] == Channel.VOICE:
                wanted = "no such key: a caller is on the line, and is put on hold"
                self._found.report((*path, "park_s"), "is given", wanted)
        if channel.acknowledge and path[-1] not in WRITTEN:
            wanted = "no such key: only who wrote does not see that he waits"
            self._found.report((*path, "acknowledge"), "is true", wanted)
        cap_us = channel.wrap_up_cap_us
        self._found.span((*path, "wrap_up_cap_s"), cap_us)
        if 0 <= cap_us < channel.wrap_up_us and not self._found.excused(*path, "wrap_up_s"):
            floor = f"at least the wrap_up_s, {seconds_text(channel.wrap_up_us)}"
            self._found.report((*path, "wrap_up_cap_s"), f"is {seconds_text(cap_us)}", floor)
        count = channel.parallel_offers
        self._found.range((*path, "parallel_offers"), count, 1, PARALLEL_MAX)
        if channel.auto_answer and count > 1:
            wanted = "1, since with auto_answer the first agent has taken it before others ring"
            self._found.report((*path, "parallel_offers"), f"is {count}", wanted)

    def _requirement(self, path: KeyPath, text: str) -> None:
        """Report what `parse_requirement` refuses, but nothing that only follows."""
        attributes = self._settings.attributes
        for error in requirement_errors(text, skills=self._skills, attributes=attributes):
            # Nothing is said of names whose declarations could not be read.
            if error.reason is Reason.UNKNOWN_SKILL and self._found.excused("domain", "skills"):
                continue
            if error.reason is Reason.UNKNOWN_ATTRIBUTE and self._found.doubtful("attributes"):
                continue
            near = self._found.nearest(error.name, error.wanted_bare, error.choices)
            self._found.report(path, error.seen, f"{error.wanted_bare}{did_you_mean(near)}")

    def _preferences(self, path: KeyPath, texts: Iterable[str]) -> None:
        for place, text in enumerate(texts):
            self._requirement((*path, place), text)
            if not text.strip():
                self._found.report((*path, place), "is empty", "a requirement")

    def _capacity(self, capacity: CapacitySettings) -> None:
        path = ("capacities", capacity.name)
        self._found.named(path, capacity.name)
        self._found.range((*path, "total"), capacity.total, 1, TOTAL_MAX)
        self._some(path, capacity.channels, f"at least one of {listed(Channel)}")
        total = capacity.total if 1 <= capacity.total <= TOTAL_MAX else TOTAL_MAX
        for channel, slot in capacity.channels.items():
            self._found.range((*path, channel.value, "slots"), slot.slots, 1, SLOTS_MAX)
            self._found.range((*path, channel.value, "cost"), slot.cost, 0, total)
            interrupts = (*path, channel.value, "interrupted_by")
            if channel in slot.interrupted_by:
                self._found.report(interrupts, f"names {shown(channel)} itself", "other channels")
            self._found.repeats(interrupts, slot.interrupted_by)

    def _profile(self, profile: ProfileSettings) -> None:
        path = ("profiles", profile.name)
        self._found.named(path, profile.name)
        if not profile.serves:
            self._found.empty(path, "at least one queue")
        served: set[tuple[str, Channel]] = set()
        for place, line in enumerate(profile.serves):
            self._line((*path, place), line)
            for channel in dict.fromkeys(line.channels):
                if (line.queue, channel) in served:
                    self._found.report(
                        (*path, place),
                        f"serves {channel} of {shown(line.queue)} again",
                        "each channel of a queue once in a profile",
                    )
                served.add((line.queue, channel))

    def _line(self, path: KeyPath, line: Serves) -> None:
        self._found.range((*path, "tier"), line.tier, 1, TIER_MAX)
        self._found.span((*path, "delay_s"), line.delay_us)
        if line.reserve_waiting is not None:
            where, waiting = (*path, "reserve_waiting"), line.reserve_waiting
            self._found.range(where, waiting, RESERVE_WAITING_MIN, RESERVE_WAITING_MAX)
        self._found.repeats((*path, "channels"), line.channels)
        queue_path = ("queues", line.queue)
        if not self._found.known(
            (*path, "queue"), line.queue, "declared queue", self._queues, at=queue_path
        ):
            return
        queue = self._queues[line.queue]
        if not queue.channels:
            return  # That is reported there.
        if not line.channels:
            self._found.empty((*path, "channels"), "at least one channel")
        for channel in line.channels:
            if channel not in queue.channels and not self._found.excused(
                *queue_path, channel.value
            ):
                has = f"a channel that queue {shown(line.queue)} has: {listed(queue.channels)}"
                self._found.report((*path, "channels"), f"names {shown(channel)}", has)

    def _agents(self) -> None:
        agents = self._settings.agents
        if len(agents) > AGENTS_MAX:
            self._found.report(
                ("agents",), f"are {len(agents)}", f"at most {AGENTS_MAX} in a domain"
            )
        names: set[str] = set()
        for agent in agents:
            path = agent_path(agent)
            if agent.agent_id in names:
                whose = f"has the member {shown(agent.agent_id)}" if agent.group else "is declared"
                self._found.report(path, f"{whose} twice", "another name")
            names.add(agent.agent_id)
            self._found.named(path, agent.agent_id)
            # Members of a group are alike, and their mistakes are the group's.
            key = (path, _alike(agent))
            if key not in self._distinct:
                self._distinct[key] = agent
                self._agent(path, agent)

    def _agent(self, path: KeyPath, agent: AgentSettings) -> None:
        for table, key, name, declared in (
            ("profiles", "profile", agent.profile, self._profiles),
            ("capacities", "capacity", agent.capacity, self._capacities),
        ):
            self._found.known((*path, key), name, f"declared {key}", declared, at=(table, name))
        for name, level in agent.skills.items():
            where = (*path, "skills", name)
            self._found.known(where, name, "declared skill", self._skills, at=("domain", "skills"))
            self._found.range(where, level, PROFICIENCY_MIN, PROFICIENCY_MAX)
        attributes = self._settings.attributes
        for name, value in agent.attributes.items():
            where = (*path, "attributes", name)
            at = ("attributes", name)
            if self._found.known(where, name, "declared attribute", attributes, at=at):
                self._found.known(where, value, f"value of {shown(name)}", attributes[name], at=at)

    def _measures(self) -> None:
        measures = self._settings.measures
        interval_us = measures.interval_us
        if not (0 < interval_us <= DAY_US and DAY_US % interval_us == 0):
            minutes = seconds_text(interval_us // 60)
            self._found.report(
                ("measures", "interval_min"), f"is {minutes}", "minutes that divide a day: 15, 30"
            )
        short_us = measures.short_abandon_us
        path = ("measures", "short_abandon_s")
        self._found.span(path, short_us)
        objectives = (
            (each.objective_us, key_text(("queues", queue.name, channel)))
            for queue in self._settings.queues
            for channel, each in queue.channels.items()
            if each.objective_us >= 0
        )
        least_us, where = min(objectives, default=(SPAN_MAX_US, ""))
        if least_us < short_us <= SPAN_MAX_US:
            wanted = f"at most {seconds_text(least_us)}, the objective_s of {where}"
            self._found.report(path, f"is {seconds_text(short_us)}", wanted)


def _alike(agent: AgentSettings) -> Hashable:
    """Return what is equal for agents with equal mistakes."""
    return (
        agent.profile,
        agent.capacity,
        agent.shift,
        tuple(sorted(agent.skills.items())),
        tuple(sorted(agent.attributes.items())),
    )

"""What is wrong with settings: every mistake at once, by its key in the file's spelling.

The checks go on behind a mistake without false alarms that only follow from it. A name that nobody
declared counts as its nearest declared one, if there is one near. What a reader of files already
found faulty and left out (`faulty`) is not reported again, and whatever depends on it is given the
benefit of the doubt: an agent whose profile could not be read might serve every queue.

Whether a queue has agents is answered for all agents at once: agents who are alike share a row,
and a requirement is evaluated over the rows' columns, once a queue.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from acd.errors import Problem
from acd.ids import ID_MAX, Channel, Reason
from acd.settings import (
    PROFICIENCY_MAX,
    PROFICIENCY_MIN,
    SECOND_US,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    Urgency,
)
from acd.skills import (
    ANYONE,
    KEYWORDS,
    NAME,
    AllOf,
    HasAttribute,
    HasSkill,
    Requirement,
    RequirementError,
    did_you_mean,
    nearest,
    parse_requirement,
    printable,
    requirement_errors,
    shown,
)

AGENTS_MAX: Final = 100_000
"""Most agents of a domain: ten times the largest size measured (design/performance), and more than
the largest operators employ."""

QUEUES_MAX: Final = 10_000
"""Most queues of a domain: ten times the 1,000 classes measured (design/performance)."""

SPAN_MAX_US: Final = 366 * 86_400 * SECOND_US
"""Longest time: a leap year. No longer promise makes sense, and sums stay far below `TIME_US_MAX`.
"""

PRIORITY_MAX: Final = 1_000_000
"""Highest priority, and the lowest with a minus: the limit that `ContactArrived` has."""

TIER_MAX: Final = 100
"""Highest tier: six times the 16 skill levels of the largest product, Avaya."""

SLOTS_MAX: Final = 25
"""Most contacts of one channel at once: nobody is known to write in more chats."""

TOTAL_MAX: Final = 1_000_000
"""Highest capacity: percent with four digits behind the point."""

DAY_US: Final = 86_400 * SECOND_US

SUGGESTIONS_MAX: Final = 100
"""Most unknown names for which a near one is searched (2 ms each): a reader acts on the first."""

KeyPath: TypeAlias = tuple[str | int, ...]
"""A place in a file: names of tables and keys, and places in arrays from 0."""

Bools: TypeAlias = NDArray[np.bool_]


class Mistake(NamedTuple):
    """A `Problem` whose key is still in parts, so that mistakes can be put in the file's order."""

    path: KeyPath
    seen: str
    wanted: str

    def problem(self) -> Problem:
        """Return the mistake with its key as text."""
        return Problem(key_text(self.path), self.seen, self.wanted)


def problems(settings: DomainSettings) -> list[Problem]:
    """Return every mistake in `settings`, in their order; none if a Router can be made of them.

    Cost: linear in agents plus queues × distinct agents; 10,000 agents and 1,000 queues take
    about a second.
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
    return _Checker(settings, frozenset(faulty)).run()


def key_text(path: KeyPath) -> str:
    r"""Return `path` as it is spelt in TOML, with long names cut.

    >>> key_text(("profiles", "day shift", 0, "queue"))
    'profiles."day shift"[0].queue'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        bare = all(c.isascii() and (c.isalnum() or c in "_-") for c in part) and part
        name = part[:ID_MAX] + "…" * (len(part) > ID_MAX)
        if not bare:
            name = f'"{printable(name)}"'
        text += f".{name}" if text else name
    return text


def seconds_text(time_us: int) -> str:
    """Return a time in seconds, exactly, without a unit.

    >>> seconds_text(1_500_000), seconds_text(-20_000_000), seconds_text(1)
    ('1.5', '-20', '0.000001')
    """
    whole, rest = divmod(abs(time_us), SECOND_US)
    fraction = f".{rest:06}".rstrip("0") if rest else ""
    return f"{'-' if time_us < 0 else ''}{whole}{fraction}"


_PLAIN_NAME: Final = "a name of letters, digits, `_` and `-` that begins with a letter or `_`"
_SPAN_MAX_TEXT: Final = seconds_text(SPAN_MAX_US)

_POLICY_READS: Final = {
    Urgency.STRICT_PRIORITY: ("priority", "priority"),
    Urgency.HEAD_START: ("head_start_us", "head_start_s"),
    Urgency.DEADLINE_FIRST: ("promise_us", "promise_s"),
}
"""The number that a policy needs of every queue: its field, and its key in the file."""


class _Checker:
    """Collects the mistakes of one domain."""

    def __init__(self, settings: DomainSettings, faulty: frozenset[KeyPath]) -> None:
        self._settings = settings
        self._faulty = faulty
        self._found: list[Mistake] = []
        self._faulty_tables = frozenset(path[0] for path in faulty)
        # Whom a profile serves is in doubt unless only its tiers are.
        self._doubtful_profiles = {
            path[1] for path in faulty if path[0] == "profiles" and path[1:] and path[-1] != "tier"
        }
        self._doubtful_agents = {
            path[:2]
            for path in faulty
            if path[0] in {"agents", "groups"} and {"skills", "attributes"} & {*path[2:3]}
        }
        self._near: dict[tuple[str, str], str] = {}
        # Of duplicates the first counts.
        self._queues = {queue.name: queue for queue in reversed(settings.queues)}
        self._profiles = {profile.name: profile for profile in reversed(settings.profiles)}
        self._capacities = {each.name: each for each in reversed(settings.capacities)}
        self._skills = frozenset(settings.skills)

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
        self._unserved()
        return list(dict.fromkeys(self._found))

    # Reporting

    def _excused(self, *path: str | int) -> bool:
        """Return whether the value at `path` was already found faulty, or one that holds it."""
        return any(path[:length] in self._faulty for length in range(1, len(path) + 1))

    def _report(self, path: KeyPath, seen: str, wanted: str) -> None:
        if not self._excused(*path):
            self._found.append(Mistake(path, seen, wanted))

    def _empty(self, path: KeyPath, wanted: str) -> None:
        """Report that nothing is there, unless what was there was faulty."""
        if not any(place[: len(path)] == path for place in self._faulty):
            self._report(path, "is empty", wanted)

    def _nearest(self, name: str, kind: str, choices: Collection[str]) -> str:
        """Return the nearest of `choices`, which are of one `kind`, for a number of names."""
        if (name, kind) not in self._near:
            if len(self._near) >= SUGGESTIONS_MAX:
                return ""
            self._near[name, kind] = nearest(name, choices)
        return self._near[name, kind]

    def _known(
        self, path: KeyPath, name: str, kind: str, choices: Collection[str], *, at: KeyPath
    ) -> bool:
        """Return whether `name` is in `choices`, which are declared at `at`; report it if not.

        The name is the value at `path`, or the end of the path itself.
        """
        if name in choices:
            return True
        if not self._excused(*at):
            seen = f"is no {kind}" if path[-1] == name else f"is {shown(name)}"
            near = did_you_mean(self._nearest(name, kind, choices))
            self._report(path, seen, f"a {kind}{near}")
        return False

    def _range(self, path: KeyPath, number: int, low: int, high: int) -> None:
        if not low <= number <= high:
            self._report(path, f"is {number}", f"a whole number from {low} to {high}")

    def _span(self, path: KeyPath, time_us: int, *, zero: bool = True) -> None:
        """Report a time outside 0 to a year; 0 itself only unless `zero`."""
        if not (0 if zero else 1) <= time_us <= SPAN_MAX_US:
            wanted = f"a number of seconds {'from' if zero else 'above'} 0 "
            wanted += f"to {_SPAN_MAX_TEXT}" if zero else f"and up to {_SPAN_MAX_TEXT}"
            self._report(path, f"is {seconds_text(time_us)}", wanted)

    def _id(self, path: KeyPath, name: str) -> None:
        if not 1 <= len(name) <= ID_MAX:
            self._report(
                path, f"has a name of {len(name)} characters", f"from 1 to {ID_MAX} characters"
            )

    def _repeats(self, path: KeyPath, names: Iterable[str]) -> None:
        """Report each place of a list whose value stands in it already."""
        seen: set[str] = set()
        for place, name in enumerate(names):
            # An empty one is reported for being empty.
            if name in seen and name:
                self._report((*path, place), f"is {shown(name)} again", "each name once")
            seen.add(name)

    def _doubles(self, table: str, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self._report((table, name), "is declared twice", "another name")
            seen.add(name)

    # The parts

    def _domain(self) -> None:
        settings = self._settings
        self._id(("domain", "name"), settings.name)
        selection = ("domain", "agent_selection")
        if not settings.agent_selection:
            self._empty(selection, "at least one criterion")
        self._repeats(selection, settings.agent_selection)
        self._span(("domain", "back_off_s"), settings.back_off_us)
        self._span(("domain", "connect_s"), settings.connect_us, zero=False)
        self._plain_names(("domain", "skills"), settings.skills)
        self._repeats(("domain", "skills"), settings.skills)
        for place, name in enumerate(settings.contact_attributes):
            self._id(("domain", "contact_attributes", place), name)
        self._repeats(("domain", "contact_attributes"), settings.contact_attributes)
        self._plain_names(("attributes",), settings.attributes)
        for name, values in settings.attributes.items():
            path = ("attributes", name)
            if not values:
                self._empty(path, "at least one value")
            for place, value in enumerate(values):
                self._value((*path, place), value)
            self._repeats(path, values)
        for table, things in (("queues", settings.queues), ("profiles", settings.profiles)):
            if not things:
                self._report((table,), "is missing", "at least one")
        if len(settings.queues) > QUEUES_MAX:
            self._report(("queues",), f"has {len(settings.queues)} queues", f"at most {QUEUES_MAX}")
        self._doubles("queues", (queue.name for queue in settings.queues))
        self._doubles("profiles", (profile.name for profile in settings.profiles))
        self._doubles("capacities", (capacity.name for capacity in settings.capacities))

    def _plain_names(self, path: KeyPath, names: Iterable[str]) -> None:
        """Report names that no requirement could spell."""
        for place, name in enumerate(names):
            where = (*path, name) if path == ("attributes",) else (*path, place)
            if name in KEYWORDS:
                self._report(where, f"is {shown(name)}", "another name than and, or, not")
            elif not NAME.fullmatch(name):
                self._report(where, f"is {shown(name)}", _PLAIN_NAME)
            elif len(name) > ID_MAX:
                self._id(where, name)

    def _value(self, path: KeyPath, value: str) -> None:
        """Report a value of an attribute that no requirement could spell."""
        if not 1 <= len(value) <= ID_MAX or not value.isprintable() or {"'", '"'} & set(value):
            self._report(
                path, f"is {shown(value)}", f"1 to {ID_MAX} printable characters without quotes"
            )

    def _queue(self, queue: QueueSettings) -> None:
        path = ("queues", queue.name)
        self._id(path, queue.name)
        self._requirement((*path, "requires"), queue.requires)
        for place, text in enumerate(queue.prefers):
            self._requirement((*path, "prefers", place), text)
            if not text.strip():
                self._report((*path, "prefers", place), "is empty", "a requirement")
        if queue.priority is not None:
            self._range((*path, "priority"), queue.priority, -PRIORITY_MAX, PRIORITY_MAX)
        if queue.head_start_us is not None:
            self._span((*path, "head_start_s"), queue.head_start_us)
        if queue.promise_us is not None:
            self._span((*path, "promise_s"), queue.promise_us, zero=False)
        self._span((*path, "exclusion_s"), queue.exclusion_us)
        urgency = self._settings.urgency
        if urgency in _POLICY_READS and not self._excused("domain", "urgency"):
            field, key = _POLICY_READS[urgency]
            if getattr(queue, field) is None:
                needs = f"a number, since the urgency policy `{urgency}` reads it"
                self._report((*path, key), "is missing", needs)
        if not (queue.channels or any(self._excused(*path, channel) for channel in Channel)):
            self._report(path, "has no channel", f"at least one table of {_listed(Channel)}")
        for channel, each in queue.channels.items():
            self._channel((*path, channel.value), each)

    def _channel(self, path: KeyPath, channel: ChannelSettings) -> None:
        self._span((*path, "objective_s"), channel.objective_us)
        self._span((*path, "ring_s"), channel.ring_us, zero=False)
        self._span((*path, "wrap_up_s"), channel.wrap_up_us)
        cap_us = channel.wrap_up_cap_us
        self._span((*path, "wrap_up_cap_s"), cap_us)
        if 0 <= cap_us < channel.wrap_up_us and not self._excused(*path, "wrap_up_s"):
            floor = f"at least the wrap_up_s, {seconds_text(channel.wrap_up_us)}"
            self._report((*path, "wrap_up_cap_s"), f"is {seconds_text(cap_us)}", floor)

    def _requirement(self, path: KeyPath, text: str) -> None:
        """Report what `parse_requirement` refuses, but nothing that only follows."""
        attributes = self._settings.attributes
        for error in requirement_errors(text, skills=self._skills, attributes=attributes):
            # Nothing is said of names whose declarations could not be read.
            if error.reason is Reason.UNKNOWN_SKILL and self._excused("domain", "skills"):
                continue
            if error.reason is Reason.UNKNOWN_ATTRIBUTE and "attributes" in self._faulty_tables:
                continue
            near = self._nearest(error.name, error.wanted_bare, error.choices)
            self._report(path, error.seen, f"{error.wanted_bare}{did_you_mean(near)}")

    def _capacity(self, capacity: CapacitySettings) -> None:
        path = ("capacities", capacity.name)
        self._id(path, capacity.name)
        self._range((*path, "total"), capacity.total, 1, TOTAL_MAX)
        if not (capacity.channels or any(self._excused(*path, channel) for channel in Channel)):
            self._report(path, "has no channel", f"at least one of {_listed(Channel)}")
        total = capacity.total if 1 <= capacity.total <= TOTAL_MAX else TOTAL_MAX
        for channel, slot in capacity.channels.items():
            self._range((*path, channel.value, "slots"), slot.slots, 1, SLOTS_MAX)
            self._range((*path, channel.value, "cost"), slot.cost, 0, total)
            interrupts = (*path, channel.value, "interrupted_by")
            if channel in slot.interrupted_by:
                self._report(interrupts, f"names {shown(channel)} itself", "other channels")
            self._repeats(interrupts, slot.interrupted_by)

    def _profile(self, profile: ProfileSettings) -> None:
        path = ("profiles", profile.name)
        self._id(path, profile.name)
        if not profile.serves:
            self._empty(path, "at least one queue")
        served: set[tuple[str, Channel]] = set()
        for place, line in enumerate(profile.serves):
            self._line((*path, place), line)
            for channel in dict.fromkeys(line.channels):
                if (line.queue, channel) in served:
                    self._report(
                        (*path, place),
                        f"serves {channel} of {shown(line.queue)} again",
                        "each channel of a queue once in a profile",
                    )
                served.add((line.queue, channel))

    def _line(self, path: KeyPath, line: Serves) -> None:
        self._range((*path, "tier"), line.tier, 1, TIER_MAX)
        self._repeats((*path, "channels"), line.channels)
        queue_path = ("queues", line.queue)
        where = (*path, "queue")
        if not self._known(where, line.queue, "declared queue", self._queues, at=queue_path):
            return
        queue = self._queues[line.queue]
        if not queue.channels:
            return  # That is reported there.
        if not line.channels:
            self._empty((*path, "channels"), "at least one channel")
        for channel in line.channels:
            if channel not in queue.channels and not self._excused(*queue_path, channel.value):
                has = f"a channel that queue {shown(line.queue)} has: {_listed(queue.channels)}"
                self._report((*path, "channels"), f"names {shown(channel)}", has)

    def _agents(self) -> None:
        agents = self._settings.agents
        if len(agents) > AGENTS_MAX:
            self._report(("agents",), f"are {len(agents)}", f"at most {AGENTS_MAX} in a domain")
        checked: set[Hashable] = set()
        names: set[str] = set()
        for agent in agents:
            path = _agent_path(agent)
            if agent.agent_id in names:
                whose = f"has the member {shown(agent.agent_id)}" if agent.group else "is declared"
                self._report(path, f"{whose} twice", "another name")
            names.add(agent.agent_id)
            self._id(path, agent.agent_id)
            # Members of a group are alike, and their mistakes are the group's.
            if (key := (path, _alike(agent))) not in checked:
                checked.add(key)
                self._agent(path, agent)

    def _agent(self, path: KeyPath, agent: AgentSettings) -> None:
        for table, key, name, declared in (
            ("profiles", "profile", agent.profile, self._profiles),
            ("capacities", "capacity", agent.capacity, self._capacities),
        ):
            self._known((*path, key), name, f"declared {key}", declared, at=(table, name))
        for name, level in agent.skills.items():
            where = (*path, "skills", name)
            self._known(where, name, "declared skill", self._skills, at=("domain", "skills"))
            self._range(where, level, PROFICIENCY_MIN, PROFICIENCY_MAX)
        attributes = self._settings.attributes
        for name, value in agent.attributes.items():
            where = (*path, "attributes", name)
            at = ("attributes", name)
            if self._known(where, name, "declared attribute", attributes, at=at):
                self._known(where, value, f"value of {shown(name)}", attributes[name], at=at)

    def _measures(self) -> None:
        measures = self._settings.measures
        interval_us = measures.interval_us
        if not (0 < interval_us <= DAY_US and DAY_US % interval_us == 0):
            minutes = seconds_text(interval_us // 60)
            self._report(
                ("measures", "interval_min"), f"is {minutes}", "minutes that divide a day: 15, 30"
            )
        short_us = measures.short_abandon_us
        path = ("measures", "short_abandon_s")
        self._span(path, short_us)
        objectives = (
            (each.objective_us, key_text(("queues", queue.name, channel)))
            for queue in self._settings.queues
            for channel, each in queue.channels.items()
            if each.objective_us >= 0
        )
        least_us, where = min(objectives, default=(SPAN_MAX_US, ""))
        if least_us < short_us <= SPAN_MAX_US:
            wanted = f"at most {seconds_text(least_us)}, the objective_s of {where}"
            self._report(path, f"is {seconds_text(short_us)}", wanted)

    # Who serves what

    def _unserved(self) -> None:
        """Report each channel of a queue that no agent serves, carries and may take."""
        if any(len(path) < 3 and path[0] in {"agents", "groups"} for path in self._faulty):
            return  # An agent who could not be read at all might serve anything.
        staff = _Staff([self._row(agent) for agent in self._settings.agents])
        serving = self._serving()
        carrying = {channel: staff.of_capacities(self._carrying(channel)) for channel in Channel}
        for queue in self._queues.values():
            meets = staff.meeting(self._readable(queue.requires))
            for channel in queue.channels:
                path = ("queues", queue.name, channel.value)
                served = staff.of_profiles(serving.get((queue.name, channel), set()))
                carried = served & carrying[channel]
                if not served.any():
                    self._report(path, "is served by no agent", "an agent whose profile serves it")
                elif not carried.any():
                    wanted = f"an agent who serves it and whose capacity has {channel}"
                    self._report(path, f"is served by no agent who carries {channel}", wanted)
                elif not (carried & meets).any():
                    wanted = f"an agent who serves it, carries it and meets {shown(queue.requires)}"
                    self._report(path, "is served by no agent who may take it", wanted)

    def _readable(self, text: str) -> Requirement:
        """Return the requirement; anyone may meet one that cannot be read."""
        attributes = self._settings.attributes
        try:
            return parse_requirement(text, skills=self._skills, attributes=attributes)
        except RequirementError:
            return ANYONE

    def _serving(self) -> dict[tuple[str, Channel], set[str]]:
        """Return the profiles that serve each channel of each queue."""
        serving: dict[tuple[str, Channel], set[str]] = {}
        for profile in self._profiles.values():
            for line in profile.serves:
                name = self._meant(line.queue, "declared queue", self._queues)
                for channel in line.channels or (self._queues[name].channels if name else ()):
                    serving.setdefault((name, channel), set()).add(profile.name)
        return serving

    def _carrying(self, channel: Channel) -> set[str]:
        """Return the capacities that have the channel, or might."""
        return {
            name
            for name, capacity in self._capacities.items()
            if channel in capacity.channels or self._excused("capacities", name, channel.value)
        }

    def _meant(self, name: str, kind: str, choices: Collection[str]) -> str:
        """Return the declared name that `name` stands for; "" if there is none."""
        return name if name in choices else self._nearest(name, kind, choices)

    def _row(self, agent: AgentSettings) -> "_Row":
        """Return what counts of an agent; None for what could not be read."""
        path = _agent_path(agent)
        profile: str | None = self._meant(agent.profile, "declared profile", self._profiles)
        if (
            agent.profile in self._doubtful_profiles
            or self._excused("profiles")
            or self._excused(*path, "profile")
        ):
            profile = None
        capacity: str | None = self._meant(agent.capacity, "declared capacity", self._capacities)
        if self._excused("capacities", agent.capacity) or self._excused(*path, "capacity"):
            capacity = None
        skills: dict[str, int] = {}
        for name, level in agent.skills.items():
            skill = self._meant(name, "declared skill", self._skills)
            known = PROFICIENCY_MIN <= level <= PROFICIENCY_MAX
            skills[skill] = max(skills.get(skill, 0), level if known else PROFICIENCY_MAX)
        declared = self._settings.attributes
        attributes = {
            name: self._meant(value, f"value of {shown(name)}", declared.get(name, ()))
            for name, value in agent.attributes.items()
        }
        sure = path not in self._doubtful_agents
        return _Row(
            profile,
            capacity,
            tuple(sorted(skills.items())),
            tuple(sorted(attributes.items())),
            sure,
        )


class _Row(NamedTuple):
    """Agents who are alike in all that decides whom they may serve."""

    profile: str | None
    """None may be any."""
    capacity: str | None
    skills: tuple[tuple[str, int], ...]
    attributes: tuple[tuple[str, str], ...]
    sure: bool
    """False if skills or attributes could not all be read, so that any requirement may be met."""


class _Staff:
    """All agents as columns, a row for those who are alike. Columns have shape (rows,)."""

    def __init__(self, agents: Iterable[_Row]) -> None:
        rows = list(dict.fromkeys(agents))
        self._everybody = np.ones(len(rows), dtype=np.bool_)
        self._unsure = np.array([not row.sure for row in rows], dtype=np.bool_)
        self._profiles = _Codes([row.profile for row in rows])
        self._capacities = _Codes([row.capacity for row in rows])
        self._skills: dict[str, tuple[list[int], list[int]]] = {}
        self._values: dict[tuple[str, str], list[int]] = {}
        for place, row in enumerate(rows):
            for skill, level in row.skills:
                places, levels = self._skills.setdefault(skill, ([], []))
                places.append(place)
                levels.append(level)
            for pair in row.attributes:
                self._values.setdefault(pair, []).append(place)

    def of_profiles(self, names: Collection[str]) -> Bools:
        """Return who has one of these profiles."""
        return self._profiles.among(names)

    def of_capacities(self, names: Collection[str]) -> Bools:
        """Return who has one of these capacities."""
        return self._capacities.among(names)

    def meeting(self, requirement: Requirement) -> Bools:
        """Return who meets the requirement, or might."""
        return self._column(requirement) | self._unsure

    def _column(self, requirement: Requirement) -> Bools:
        if isinstance(requirement, HasSkill):
            levels = np.zeros(len(self._everybody), dtype=np.int8)
            places, known = self._skills.get(requirement.skill, ([], []))
            levels[places] = known
            return np.asarray((levels >= requirement.at_least) ^ requirement.negated)
        if isinstance(requirement, HasAttribute):
            has = np.zeros(len(self._everybody), dtype=np.bool_)
            has[self._values.get((requirement.attribute, requirement.value), [])] = True
            return np.asarray(has ^ requirement.negated)
        columns = [self._column(part) for part in requirement.parts]
        if isinstance(requirement, AllOf):
            return np.asarray(np.logical_and.reduce([self._everybody, *columns]))
        return np.asarray(np.logical_or.reduce(columns))


class _Codes:
    """One name for each row as an integer. None is among any names."""

    def __init__(self, names: Sequence[str | None]) -> None:
        self._codes: dict[str | None, int] = {None: 0}
        codes = [self._codes.setdefault(name, len(self._codes)) for name in names]
        self._column = np.array(codes, dtype=np.int64)

    def among(self, names: Collection[str]) -> Bools:
        """Return the rows whose name is among these. Shape (rows,)."""
        wanted = np.zeros(len(self._codes), dtype=np.bool_)
        wanted[[0, *(self._codes[name] for name in names if name in self._codes)]] = True
        return np.asarray(wanted[self._column])


def _agent_path(agent: AgentSettings) -> KeyPath:
    """Return where the file has the agent: members stand in their group's table."""
    return ("groups", agent.group) if agent.group else ("agents", agent.agent_id)


def _alike(agent: AgentSettings) -> Hashable:
    """Return what is equal for agents with equal mistakes."""
    return (
        agent.profile,
        agent.capacity,
        tuple(sorted(agent.skills.items())),
        tuple(sorted(agent.attributes.items())),
    )


def _listed(names: Iterable[str]) -> str:
    """Return names as "`a`, `b`"."""
    return ", ".join(map(shown, names))

"""Who serves what: is there an agent for each channel of each queue?

Answered for all agents at once: whoever has a profile, a capacity, a skill at a level or a value
of an attribute is a set of agents, kept as the bits of an integer, and a requirement is evaluated
once a queue, over these sets.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Final, TypeAlias, assert_never

from acd.errors import shown
from acd.ids import Channel, QueueName
from acd.mistakes import Findings, agent_path
from acd.settings import (
    PROFICIENCY_MAX,
    PROFICIENCY_MIN,
    RESERVE_WAITING_MIN,
    AgentSettings,
    DomainSettings,
    EntryRule,
    QueueSettings,
)
from acd.skills import (
    ANYONE,
    AllOf,
    AnyOf,
    HasAttribute,
    HasSkill,
    Requirement,
    RequirementError,
    parse_requirement,
)
from acd.widening import required_at

Bits: TypeAlias = int
"""A set of agents: bit n is set if agent n is in it."""

_Takers: TypeAlias = Mapping[tuple[str, Channel], Bits]
"""Who may take the contacts of a queue and channel when all its steps are taken."""


_NOT_IN_RESERVE: Final = (
    "an agent who serves it without reserve_waiting, or a few contacts would wait for ever"
)


def report_unserved(
    found: Findings,
    settings: DomainSettings,
    distinct: Sequence[AgentSettings],
    *,
    entry_channels: Sequence[frozenset[Channel]],
) -> None:
    """Report each channel of a queue that no agent serves, carries and may take.

    And each entry rule whose requirement nobody meets who may take contacts of its queue, or only
    who waits in reserve.

    Args:
        found: Where it is reported. It knows what could not be read, and that is in doubt: an
            agent without a profile might serve every queue.
        settings: The domain.
        distinct: Its agents; of members of a group who are alike, one will do.
        entry_channels: On which channels each entry rule may fire.
    """
    if any(len(path) < 3 and path[0] in {"agents", "groups"} for path in found.faulty):
        return  # An agent who could not be read at all might serve anything.
    serving = _serving(found, settings, distinct)
    at_once = _serving(found, settings, distinct, in_reserve=False)
    carrying = _carrying(found, settings, distinct)
    abilities = _Abilities(found, settings, distinct)
    taking: dict[tuple[str, Channel], Bits] = {}
    unreserved: dict[tuple[str, Channel], Bits] = {}
    """Who of them takes it however few wait."""
    # Of queues with one name the first counts.
    for queue in reversed({each.name: each for each in reversed(settings.queues)}.values()):
        able = abilities.meeting(queue.requires)
        widest = able | abilities.meeting_at_last(queue)[0]
        for channel in queue.channels:
            path = ("queues", queue.name, channel.value)
            serve = serving[queue.name, channel]
            carry = serve & carrying[channel]
            taking[queue.name, channel] = carry & widest
            unreserved[queue.name, channel] = at_once[queue.name, channel] & carry & widest
            if not serve:
                found.report(path, "is served by no agent", "an agent whose profile serves it")
            elif not carry:
                wanted = f"an agent who serves it and whose capacity has {channel}"
                found.report(path, f"is served by no agent who carries {channel}", wanted)
            elif not carry & able:
                wanted = f"an agent who serves it, carries it and meets {shown(queue.requires)}"
                found.report(path, "is served by no agent who may take it", wanted)
            elif not unreserved[queue.name, channel]:
                found.report(path, "is served by agents in reserve only", _NOT_IN_RESERVE)
    takers = taking, unreserved
    for place, channels in enumerate(entry_channels):
        _report_rule(found, settings, abilities, place, takers=takers, channels=channels)


def _report_rule(
    found: Findings,
    settings: DomainSettings,
    abilities: "_Abilities",
    place: int,
    *,
    takers: tuple[_Takers, _Takers],
    channels: frozenset[Channel],
) -> None:
    """Report an entry rule whose requirement is met by no taker, or only by those in reserve."""
    rule = settings.entry[place]
    queue = next((one for one in settings.queues if one.name == rule.queue), None)
    if queue is None:
        return  # That is reported.
    path = ("entry", place, "requirement")
    taking, unreserved = takers
    able = abilities.meeting_at_last(queue, rule.requirement)[1]
    unmet = _unmet(rule, channels, taking, able)
    if unmet is not None:
        who = f"an agent who serves {unmet} of {shown(rule.queue)} and meets it too"
        found.report(path, "is met by no agent", who)
    elif _unmet(rule, channels, unreserved, able):
        found.report(path, "is met by agents in reserve only", _NOT_IN_RESERVE)


def _unmet(
    rule: EntryRule,
    channels: frozenset[Channel],
    taking: _Takers,
    able: Bits,
) -> Channel | None:
    """Return a channel on which none of those who take a rule's contacts is able to."""
    unmet = [
        channel
        for channel in Channel
        if channel in channels
        and (takers := taking.get((rule.queue, channel)))
        and not takers & able
    ]
    # A rule for every channel may leave some of them to others.
    met = any(taking.get((rule.queue, channel), 0) & able for channel in Channel)
    return unmet[0] if unmet and not (met and channels == frozenset(Channel)) else None


def takers_at_last(
    settings: DomainSettings, agents: Sequence[AgentSettings]
) -> dict[tuple[QueueName, Channel], Bits]:
    """Return who may take each channel of each queue when all its steps are taken.

    Args:
        settings: The domain, without mistakes.
        agents: Its agents, or one of each kind: their places are the bits.
    """
    found = Findings()
    serving = _serving(found, settings, agents)
    carrying = _carrying(found, settings, agents)
    abilities = _Abilities(found, settings, agents)
    taking = {}
    for queue in settings.queues:
        able = abilities.meeting(queue.requires) | abilities.meeting_at_last(queue)[0]
        for channel in queue.channels:
            place = (queue.name, channel)
            taking[place] = able & serving[place] & carrying[channel]
    return taking


def _serving(
    found: Findings,
    settings: DomainSettings,
    agents: Sequence[AgentSettings],
    *,
    in_reserve: bool = True,
) -> dict[tuple[str, Channel], Bits]:
    """Return whose profile serves a channel of a queue, or might; maybe not those in reserve."""
    queues = {queue.name: queue for queue in reversed(settings.queues)}
    profiles = {profile.name: profile for profile in reversed(settings.profiles)}
    # Whom a profile serves is in doubt unless only its tiers are.
    doubtful = {
        path[1]
        for path in found.faulty
        if path[0] == "profiles" and path[1:] and path[3:] != ("tier",)
    }

    def profile_of(agent: AgentSettings) -> str | None:
        if agent.profile in doubtful or found.excused("profiles"):
            return None
        if found.excused(*agent_path(agent), "profile"):
            return None
        return found.meant(agent.profile, "declared profile", profiles)

    having = _by_name(map(profile_of, agents))
    serving: dict[tuple[str, Channel], Bits] = defaultdict(lambda: having[None])
    for profile in profiles.values():
        for line in profile.serves:
            if (line.reserve_waiting or 0) >= RESERVE_WAITING_MIN and not in_reserve:
                continue
            name = found.meant(line.queue, "declared queue", queues)
            for channel in line.channels or (queues[name].channels if name else ()):
                serving[name, channel] |= having[profile.name]
    return serving


def _carrying(
    found: Findings, settings: DomainSettings, agents: Sequence[AgentSettings]
) -> dict[Channel, Bits]:
    """Return whose capacity has a channel, or might."""
    capacities = {capacity.name: capacity for capacity in reversed(settings.capacities)}

    def capacity_of(agent: AgentSettings) -> str | None:
        if found.excused("capacities", agent.capacity):
            return None
        if found.excused(*agent_path(agent), "capacity"):
            return None
        return found.meant(agent.capacity, "declared capacity", capacities)

    having = _by_name(map(capacity_of, agents))
    carrying = dict.fromkeys(Channel, having[None])
    for name, capacity in capacities.items():
        for channel in Channel:
            if channel in capacity.channels or found.excused("capacities", name, channel):
                carrying[channel] |= having[name]
    return carrying


def _by_name(names: Iterable[str | None]) -> defaultdict[str | None, Bits]:
    """Return who has each name, given that of each agent; None stands for any."""
    having: defaultdict[str | None, Bits] = defaultdict(int)
    for place, name in enumerate(names):
        having[name] |= 1 << place
    return having


class _Abilities:
    """Who has which skills and attributes."""

    def __init__(
        self, found: Findings, settings: DomainSettings, agents: Sequence[AgentSettings]
    ) -> None:
        self._skills = frozenset(settings.skills)
        self._attributes = settings.attributes
        self._everybody: Bits = (1 << len(agents)) - 1
        self._unsure: Bits = 0
        """Whose skills or attributes could not all be read: they may meet any requirement."""
        self._having: defaultdict[tuple[str, str | int], Bits] = defaultdict(int)
        """By a skill and its level, and by an attribute and its value."""
        for place, agent in enumerate(agents):
            bit = 1 << place
            for name, level in agent.skills.items():
                skill = found.meant(name, "declared skill", self._skills)
                known = PROFICIENCY_MIN <= level <= PROFICIENCY_MAX
                self._having[skill, level if known else PROFICIENCY_MAX] |= bit
            for name, value in agent.attributes.items():
                values = self._attributes.get(name, ())
                self._having[name, found.meant(value, f"value of {shown(name)}", values)] |= bit
            path = agent_path(agent)
            if found.doubtful(*path, "skills") or found.doubtful(*path, "attributes"):
                self._unsure |= bit

    def meeting_at_last(self, queue: QueueSettings, own: str = "") -> tuple[Bits, Bits]:
        """Return who meets what a queue requires when all its steps are taken, or might.

        And who then meets what a contact requires itself, which steps lower, too.
        """
        texts = {
            text: self._read(text)
            for text in (queue.requires, *(one.requires for one in queue.steps))
            if text is not None
        }
        required, left = required_at(len(queue.steps), queue, texts, self._read(own))
        return self._meeting(required) | self._unsure, self._meeting(left) | self._unsure

    def meeting(self, text: str) -> Bits:
        """Return who meets a requirement, or might: everybody if it cannot be read."""
        return self._meeting(self._read(text)) | self._unsure

    def _read(self, text: str) -> Requirement:
        try:
            return parse_requirement(text, skills=self._skills, attributes=self._attributes)
        except RequirementError:
            return ANYONE

    def _meeting(self, requirement: Requirement) -> Bits:
        match requirement:
            case HasSkill(skill, at_least, negated):
                levels = range(at_least, PROFICIENCY_MAX + 1)
                able = reduce(or_, (self._having.get((skill, level), 0) for level in levels))
                return self._everybody ^ able if negated else able
            case HasAttribute(attribute, value, negated):
                able = self._having.get((attribute, value), 0)
                return self._everybody ^ able if negated else able
            case AllOf(parts):
                return reduce(and_, map(self._meeting, parts), self._everybody)
            case AnyOf(parts):
                return reduce(or_, map(self._meeting, parts))
            case _:
                assert_never(requirement)

"""The kinds of a domain's agents: made when the first of a kind is there, forgotten with the last.

Agents who are alike in all that decides what they may take are of one kind (`acd.agents.Kind`), so
that matching asks once a kind. While a router runs an agent may be changed (docs/routing/
live_change.md); then he goes from one kind to another. There are never more kinds than agents.
"""

from bisect import insort
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from acd.agents import Agent, Capacity, Desk, Kind
from acd.settings import AgentSettings, DomainSettings
from acd.shifts import Shift


class Kinds:
    """All kinds of a domain, and its agents, each of the kind that the settings say."""

    def __init__(self, settings: DomainSettings) -> None:
        self._profiles = {profile.name: profile for profile in settings.profiles}
        self._capacities = {one.name: Capacity(one) for one in settings.capacities}
        self._desks: dict[tuple[str, str], Desk] = {}
        self._settings = settings.agents
        self._skills = frozenset(settings.skills)
        self._attributes = settings.attributes
        self.changed: Final[dict[int, AgentSettings]] = {}
        """By index: what agents are who are not as the settings say."""
        used = {agent.shift for agent in settings.agents}
        self._shifts = {one.name: Shift(one) for one in settings.calendars if one.name in used}
        self._free: list[int] = []
        """Numbers of forgotten kinds."""
        self.known: Final[dict[object, Kind]] = {}
        """By what its agents are alike in."""
        self.agents: Final = tuple(self._seated(at, one) for at, one in enumerate(settings.agents))
        """In the settings' order, all logged out."""

    def settings_of(self, agent: Agent) -> AgentSettings:
        """Return what an agent is: as the settings say, or as he was changed."""
        return self.changed.get(agent.index) or self._settings[agent.index]

    def still(
        self, agent: Agent, changed: AgentSettings, configured: AgentSettings
    ) -> AgentSettings:
        """Return what an agent is who was changed under settings of another time.

        As he was changed; but as today's settings say where these say something else of him than
        `configured`, and wherever they do not know what he was changed to.
        """
        today = self._settings[agent.index]
        if alike(today) != alike(configured):
            return today
        return replace(
            today,
            profile=changed.profile if changed.profile in self._profiles else today.profile,
            capacity=changed.capacity if changed.capacity in self._capacities else today.capacity,
            skills={name: at for name, at in changed.skills.items() if name in self._skills},
            attributes={
                name: value
                for name, value in changed.attributes.items()
                if value in self._attributes.get(name, ())
            },
        )

    def move(self, agent: Agent, wanted: AgentSettings) -> Kind:
        """Put an agent into the kind that he would be of with other settings; return his former.

        A kind is new if he is its only member then, and forgotten if it has none; so is a desk of
        which that is true of all kinds.
        """
        before = agent.kind
        before.members.remove(agent.index)
        if not before.members:
            self._forget(before)
        kind = self._kind(wanted)
        insort(kind.members, agent.index)
        agent.sit_with(kind)
        if alike(wanted) == alike(self._settings[agent.index]):
            self.changed.pop(agent.index, None)
        else:
            self.changed[agent.index] = wanted
        return before

    def _seated(self, index: int, settings: AgentSettings) -> Agent:
        kind = self._kind(settings)
        kind.members.append(index)
        shift = None if settings.shift is None else self._shifts[settings.shift]
        return Agent(index, settings, kind, shift)

    def _kind(self, settings: AgentSettings) -> Kind:
        key = alike(settings)
        kind = self.known.get(key)
        if kind is None:
            place = (settings.profile, settings.capacity)
            desk = self._desks.get(place)
            if desk is None:
                profile, capacity = self._profiles[settings.profile], settings.capacity
                desk = self._desks[place] = Desk(profile, self._capacities[capacity])
            number = self._free.pop() if self._free else len(self.known)
            kind = self.known[key] = Kind(number, settings, desk)
        return kind

    def _forget(self, kind: Kind) -> None:
        desk = kind.desk
        del self.known[_key(*desk.names, kind.skills, kind.attributes)]
        self._free.append(kind.number)
        desk.kinds.remove(kind)
        if not desk.kinds:
            del self._desks[desk.names]


def alike(settings: AgentSettings) -> object:
    """Return what is equal for agents of one kind."""
    return _key(settings.profile, settings.capacity, settings.skills, settings.attributes)


def _key(
    profile: str, capacity: str, skills: Mapping[str, int], attributes: Mapping[str, str]
) -> object:
    return profile, capacity, frozenset(skills.items()), frozenset(attributes.items())

"""Facts of live change: an agent is changed, or the settings were (docs/routing/live_change.md).

A change of the settings is made by `Router.restore`; its event, the first under them, takes back
what they leave nobody to take. What an agent was changed to lasts until the settings say something
else of him than they did then (`acd.snapshot`).
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from acd import events as ev
from acd.actions import Action
from acd.changes import change, revoke_unfit
from acd.classes import RefusalError
from acd.floor import Floor, Handler
from acd.ids import Reason
from acd.kinds import alike
from acd.settings import PROFICIENCY_MAX, DomainSettings

LOST: Final = 0
"""The proficiency of a skill that an agent has no more."""


class ChangeFacts:
    """The handlers of live change.

    Args:
        settings: The domain's.
        floor: Where the agents are.
    """

    def __init__(self, settings: DomainSettings, floor: Floor) -> None:
        self._settings = settings
        self._floor = floor
        self._profiles = frozenset(profile.name for profile in settings.profiles)
        self._capacities = frozenset(capacity.name for capacity in settings.capacities)
        self._skills = frozenset(settings.skills)
        self.handlers: Mapping[type, Handler] = {
            ev.AgentChanged: self._agent_changed,
            ev.SettingsChanged: self._settings_changed,
        }

    def _agent_changed(self, event: ev.AgentChanged, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        agent = floor.by_id.get(event.agent_id)
        if agent is None:
            raise RefusalError(Reason.UNKNOWN_AGENT, event.agent_id)
        is_now = floor.kinds.settings_of(agent)
        wanted = replace(
            is_now,
            profile=self._known(event.profile, self._profiles, Reason.UNKNOWN_PROFILE)
            or is_now.profile,
            capacity=self._known(event.capacity, self._capacities, Reason.UNKNOWN_CAPACITY)
            or is_now.capacity,
            skills=is_now.skills if event.skills is None else self._skills_in(event.skills),
            attributes=is_now.attributes
            if event.attributes is None
            else self._attributes_in(event.attributes),
        )
        if alike(wanted) == alike(is_now):
            raise RefusalError(Reason.NO_CHANGE, event.agent_id)
        change(floor, agent, wanted)
        floor.affinity.drop_unfit(agent, now_us)
        revoke_unfit(floor, agent, now_us, orders)

    def _known(self, name: str, known: frozenset[str], reason: Reason) -> str:
        """Return a name that is empty or known."""
        if name and name not in known:
            raise RefusalError(reason, name)
        return name

    def _skills_in(self, told: Mapping[str, int]) -> dict[str, int]:
        """Return the skills of an event, without those lost, in the order of their names."""
        for name, level in told.items():
            if name not in self._skills:
                raise RefusalError(Reason.UNKNOWN_SKILL, name)
            if not LOST <= level <= PROFICIENCY_MAX:
                raise RefusalError(Reason.BAD_NUMBER, name)
        return {name: told[name] for name in sorted(told) if told[name] != LOST}

    def _attributes_in(self, told: Mapping[str, str]) -> dict[str, str]:
        """Return the attributes of an event, in the order of their names."""
        declared = self._settings.attributes
        for name, value in told.items():
            if name not in declared:
                raise RefusalError(Reason.UNKNOWN_ATTRIBUTE, name)
            if value not in declared[name]:
                raise RefusalError(Reason.UNKNOWN_ATTRIBUTE, value)
        return dict(sorted(told.items()))

    def _settings_changed(
        self, event: ev.SettingsChanged, now_us: int, orders: list[Action]
    ) -> None:
        del event
        for agent in self._floor.agents:
            if agent.offers:
                revoke_unfit(self._floor, agent, now_us, orders)

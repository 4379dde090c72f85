"""Who worked when, as a journal shows it: duties with breaks, to the microsecond.

Somebody is on duty while he is logged in and not about to leave. Not to be ready, for whatever
reason, is a break: it falls due when it was asked for, and it is as long as it really was.
"""

from msgspec import Struct

from acd.agents import Agent
from acd.ids import AgentId, Availability
from acd.settings import DomainSettings
from sim.roster import Due, Duty

_OFF = frozenset({Availability.LOGGED_OUT, Availability.DRAINING})


class _Rest(Struct):
    """A break that is asked for, and may have begun."""

    due_us: int
    reason: str
    began_us: int | None = None


class _Stay(Struct):
    """A duty that goes on."""

    agent_id: AgentId
    comes_us: int
    breaks: list[Due]
    rest: _Rest | None = None
    to_us: int | None = None


class People:
    """Follows all agents.

    Args:
        settings: Whose agents.
    """

    def __init__(self, settings: DomainSettings) -> None:
        self._groups = {one.agent_id: one.group for one in settings.agents}
        self._stays: list[_Stay] = []
        """In the order in which they began."""
        self._now: dict[AgentId, _Stay] = {}

    def __contains__(self, agent_id: AgentId) -> bool:
        return agent_id in self._groups

    def note(self, agent: Agent, now_us: int) -> None:
        """Take note of how an agent stands from now on."""
        stay = self._now.get(agent.agent_id)
        if agent.availability in _OFF:
            if stay is not None:
                _end(stay, now_us)
                del self._now[agent.agent_id]
            return
        if stay is None:
            stay = _Stay(agent.agent_id, now_us, [])
            self._now[agent.agent_id] = stay
            self._stays.append(stay)
        if agent.availability is Availability.READY:
            _return(stay, now_us)
            if not agent.after_this_one:
                stay.rest = None
            elif stay.rest is None:
                stay.rest = _Rest(now_us, agent.reason)
            return
        rest = stay.rest
        if rest is not None and rest.began_us is not None and rest.reason != agent.reason:
            _return(stay, now_us)  # Another break follows this one.
        if stay.rest is None:
            stay.rest = _Rest(now_us, agent.reason)
        if stay.rest.began_us is None:
            stay.rest.began_us = now_us

    def duties(self, end_us: int) -> tuple[Duty, ...]:
        """Return all duties, cut at the end."""
        for stay in self._now.values():
            _end(stay, end_us)
        self._now.clear()
        found = []
        for stay in self._stays:
            assert stay.to_us is not None
            group = self._groups[stay.agent_id]
            times = (stay.comes_us, stay.comes_us, stay.to_us)
            found.append(Duty(stay.agent_id, group, *times, tuple(stay.breaks)))
        return tuple(found)


def _return(stay: _Stay, now_us: int) -> None:
    """End a break that has begun."""
    rest = stay.rest
    if rest is not None and rest.began_us is not None:
        if now_us > rest.began_us:
            stay.breaks.append(Due(rest.due_us, now_us - rest.began_us, rest.reason))
        stay.rest = None


def _end(stay: _Stay, now_us: int) -> None:
    _return(stay, now_us)
    stay.to_us = now_us

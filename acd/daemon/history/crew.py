"""The agents as the history knows them: what they intend, and whether they are busy or idle.

All of them are kept in memory, since they are few; who changed is written back. What an agent was
is a row for each span of time: his availability in `agent_states`, busy and idle in `activities`.
Both follow from his fields at the end of a step; within an instant no time is lost.
"""

import sqlite3
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import astuple

from acd.agents import AVAILABILITY_TABLE, AgentSignal
from acd.daemon.history.schema import BUSY, IDLE
from acd.ids import AgentId, Availability

UNKNOWN: Final = "unknown"
"""Availability after a gap, until the agent says something."""

_PUT: Final = "INSERT OR REPLACE INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_STATE: Final = "INSERT OR REPLACE INTO agent_states VALUES (?, ?, ?, ?, ?)"
_PUT_ACTIVITY: Final = "INSERT OR REPLACE INTO activities VALUES (?, ?, ?, ?)"


class Member(Struct):
    """One agent: a row of `agents`."""

    agent_id: AgentId
    availability: str = Availability.LOGGED_OUT
    reason: str = ""
    since_us: int = 0
    pending: str | None = None
    """The reason of a break that begins when his last slot is free; None for no break."""
    ready: int = 0
    """As the measures define it: it ends when he asks for a break, not when this begins."""
    ringing: int = 0
    handling: int = 0
    aside: int = 0
    activity: int = 0
    activity_us: int = 0
    """Since when."""

    def has_none(self) -> bool:
        """Return whether no slot of his is in use."""
        return not (self.ringing or self.handling or self.aside)


class Crew:
    """All agents that were ever spoken of."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        rows = connection.execute("SELECT * FROM agents")
        self._members = {row[0]: Member(*row) for row in rows}
        self._touched: dict[AgentId, Member] = {}
        self._changed: dict[AgentId, Member] = {}
        self._states: list[tuple[Any, ...]] = []
        self._activities: list[tuple[Any, ...]] = []

    def touch(self, agent_id: AgentId) -> Member:
        """Return an agent in order to change him in this step."""
        member = self._touched.get(agent_id)
        if member is None:
            member = self._members.get(agent_id)
            if member is None:
                member = self._members[agent_id] = Member(agent_id)
            self._touched[agent_id] = member
        return member

    def told(self, agent_id: AgentId, signal: AgentSignal, now_us: int, reason: str = "") -> None:
        """Change an agent's availability by what he said."""
        member = self.touch(agent_id)
        before = Availability.NOT_READY
        if member.availability != UNKNOWN:
            before = Availability(member.availability)
        after = AVAILABILITY_TABLE[before][signal]
        if after is Availability.DRAINING and member.has_none():
            after = Availability.LOGGED_OUT  # At once: he may log in again in the same batch.
        if after is not None:
            self.show(member, after, now_us, reason)

    def show(self, member: Member, availability: str, now_us: int, reason: str = "") -> None:
        """Begin a new span of an agent's availability, unless the old one goes on."""
        member.pending = None
        kept = reason if availability == Availability.NOT_READY else ""
        if (availability, kept) != (member.availability, member.reason):
            if member.since_us < now_us:
                self._states.append(
                    (member.agent_id, member.since_us, now_us, member.availability, member.reason)
                )
            member.availability = str(availability)
            member.reason = kept
            member.since_us = now_us

    def settle(self, now_us: int) -> None:
        """End a step: what was put off until a slot is free happens, and the clocks follow."""
        for member in self._touched.values():
            if member.has_none():
                if member.availability == Availability.DRAINING:
                    self.show(member, Availability.LOGGED_OUT, now_us)
                elif member.pending is not None:
                    self.show(member, Availability.NOT_READY, now_us, member.pending)
            activity = 0
            if member.handling:
                activity = BUSY
            elif member.ready and not member.ringing:
                activity = IDLE
            self._turn_to(member, activity, now_us)
        self._changed.update(self._touched)
        self._touched.clear()

    def lose_all(self, at_us: int) -> None:
        """Know nothing of any agent from an instant on."""
        for member in self._members.values():
            self.show(member, UNKNOWN, at_us)
            member.ready = member.ringing = member.handling = member.aside = 0
            self._turn_to(member, 0, at_us)
        self._changed.update(self._members)

    def flush(self) -> None:
        """Write what changed."""
        run = self._sql.executemany
        run(_PUT, [astuple(member) for member in self._changed.values()])
        run(_PUT_STATE, self._states)
        run(_PUT_ACTIVITY, self._activities)
        self._changed.clear()
        self._states.clear()
        self._activities.clear()

    def _turn_to(self, member: Member, activity: int, now_us: int) -> None:
        if activity == member.activity:
            return
        if member.activity and member.activity_us < now_us:
            self._activities.append((member.agent_id, member.activity_us, now_us, member.activity))
        member.activity = activity
        member.activity_us = now_us

"""What becomes of the scheduled time: worked, on breaks, absent; and what overtime is beside it.

Whole microseconds, so that it adds up exactly: scheduled = worked + breaks + absent, by group.
Overtime is what somebody finishes after his time; it is no part of the scheduled.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from msgspec import Struct

from acd.ids import AgentId


class Doing(Enum):
    """What an agent does, as the time book sees it."""

    OFF = "off"
    WORK = "work"
    """Logged in within his time: he takes contacts, or finishes one before a break."""
    BREAK = "break"
    OVERTIME = "overtime"
    """His time is over, and he finishes what he has."""


class PaidTime(Struct, frozen=True, kw_only=True):
    """What became of a group's time."""

    group: str
    """Empty for agents without a group."""
    scheduled_us: int
    worked_us: int
    breaks_us: dict[str, int]
    """By reason; empty for those without one."""
    absent_us: int
    """Scheduled, and not there: absent, late, or the headcount's shrinkage."""
    overtime_us: int

    @property
    def break_us(self) -> int:
        """All breaks together."""
        return sum(self.breaks_us.values())

    @property
    def is_balanced(self) -> bool:
        """Whether it adds up."""
        return self.scheduled_us == self.worked_us + self.break_us + self.absent_us


def together(parts: Iterable[PaidTime]) -> PaidTime:
    """Return the time of several groups as if they were one, without a name."""
    found = list(parts)
    reasons = sorted({reason for one in found for reason in one.breaks_us})
    return PaidTime(
        group="",
        scheduled_us=sum(one.scheduled_us for one in found),
        worked_us=sum(one.worked_us for one in found),
        breaks_us={why: sum(one.breaks_us.get(why, 0) for one in found) for why in reasons},
        absent_us=sum(one.absent_us for one in found),
        overtime_us=sum(one.overtime_us for one in found),
    )


class TimeBook:
    """Keeps what every agent does, and for how long he did what.

    Args:
        groups: The group of each agent.
        from_us: When it begins; all are off.
    """

    def __init__(self, groups: Mapping[AgentId, str], from_us: int) -> None:
        self._group: Final = groups
        self._now: dict[AgentId, tuple[Doing, str, int]] = dict.fromkeys(
            groups, (Doing.OFF, "", from_us)
        )
        self._times: dict[tuple[str, Doing, str], int] = {}

    def doing(self, agent_id: AgentId) -> Doing:
        """Return what an agent does now."""
        return self._now[agent_id][0]

    def turn(self, agent_id: AgentId, doing: Doing, now_us: int, reason: str = "") -> None:
        """Note that an agent does something else from now on; of a break its reason."""
        was, why, since_us = self._now[agent_id]
        key = (self._group[agent_id], was, why)
        self._times[key] = self._times.get(key, 0) + now_us - since_us
        self._now[agent_id] = (doing, reason, now_us)

    def paid(
        self, now_us: int, scheduled_us: Mapping[str, int], absent_us: Mapping[str, int]
    ) -> tuple[PaidTime, ...]:
        """Return what became of each group's time until now, in the order of `scheduled_us`.

        Args:
            now_us: Not before the last turn.
            scheduled_us: Of each group, until now.
            absent_us: Of that what nobody was there for.
        """
        for agent_id, (doing, reason, _) in list(self._now.items()):
            self.turn(agent_id, doing, now_us, reason)
        return tuple(
            PaidTime(
                group=group,
                scheduled_us=scheduled_us[group],
                worked_us=self._times.get((group, Doing.WORK, ""), 0),
                breaks_us=dict(self._breaks(group)),
                absent_us=absent_us.get(group, 0),
                overtime_us=self._times.get((group, Doing.OVERTIME, ""), 0),
            )
            for group in scheduled_us
        )

    def _breaks(self, group: str) -> Iterable[tuple[str, int]]:
        return sorted(
            (reason, time_us)
            for (of_group, doing, reason), time_us in self._times.items()
            if of_group == group and doing is Doing.BREAK and time_us
        )

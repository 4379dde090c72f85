"""Who was served after how long, and by whom: what pictures show beside a report's figures."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from acd.ids import AgentId, Channel, QueueName

Line: TypeAlias = tuple[QueueName, Channel]


class Served(Struct, frozen=True):
    """Counts of one run, or of several together."""

    waits: Mapping[Line, Mapping[int, int]]
    """Of the answered, by `acd.wait_counts.wait_bucket`."""
    by_group: Mapping[str, Mapping[Line, int]]
    """How many contacts each group's agents were connected with; groups in the settings' order,
    the name empty for agents without one."""


def by_group(
    groups: Mapping[AgentId, str], taken: Mapping[tuple[AgentId, QueueName, Channel], int]
) -> dict[str, dict[Line, int]]:
    """Return by groups what was counted by agents.

    Args:
        groups: The group of each agent.
        taken: How many contacts of a queue and channel each was connected with.
    """
    found: dict[str, dict[Line, int]] = {group: {} for group in dict.fromkeys(groups.values())}
    for (agent_id, queue, channel), count in taken.items():
        of_group = found[groups[agent_id]]
        of_group[queue, channel] = of_group.get((queue, channel), 0) + count
    return found


def together(parts: Iterable[Served]) -> Served:
    """Return the counts of several runs as if they were one."""
    waits: dict[Line, Counter[int]] = {}
    groups: dict[str, Counter[Line]] = {}
    for part in parts:
        for line, counts in part.waits.items():
            waits.setdefault(line, Counter()).update(counts)
        for group, taken in part.by_group.items():
            groups.setdefault(group, Counter()).update(taken)
    return Served(waits, groups)

"""Which contact is the more urgent, which agent the better: numeric keys, smaller is first.

*Urgency* (contact selection) is one policy for the whole domain. `urgency_key` gives the function
that makes a leg's key once, at its arrival; none of the four changes while the leg waits, so the
order inside a class is static. Every key ends with (arrival, number): one total order, no ties.

*Agent selection* is a sequence of criteria, compared one after the other (never packed into one
number: app_queue packs, so that after 11.6 idle days an agent crosses a penalty). Two of them hang
on the settings alone and are static for a class and a kind of agents; `static_rank` gives them. The
idle time is the key of the index's pools; the others are those of `acd.selection`.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from acd.agents import Kind
from acd.queues import Key, LegClass
from acd.settings import AgentCriterion, DomainSettings, Urgency

KeyFunction: TypeAlias = Callable[[int, int, int, int, int], Key]
"""(arrived_us, leg_id, priority, head_start_us, promised_us) → key."""


def _longest_wait(
    arrived_us: int, leg_id: int, priority: int, head_start_us: int, promised_us: int, /
) -> Key:
    """Serve in the order of arrival, over all queues of an agent.

    Source: "oldest contact waiting" (Avaya), "greatest need" of equal skill levels, FIFO.
    """
    del priority, head_start_us, promised_us
    return (arrived_us, leg_id)


def _strict_priority(
    arrived_us: int, leg_id: int, priority: int, head_start_us: int, promised_us: int, /
) -> Key:
    """Put higher priority first, whatever the others have waited; no bound on their wait.

    Source: priority of Amazon Connect's contacts and of Asterisk's callers (QUEUE_PRIO).
    """
    del head_start_us, promised_us
    return (-priority, arrived_us, leg_id)


def _head_start(
    arrived_us: int, leg_id: int, priority: int, head_start_us: int, promised_us: int, /
) -> Key:
    """Let it have arrived so much earlier: nobody who came more than that later goes first.

    Source: mod_callcenter's base score in seconds; Genesys' priority as age.
    """
    del priority, promised_us
    return (arrived_us - head_start_us, arrived_us, leg_id)


def _deadline_first(
    arrived_us: int, leg_id: int, priority: int, head_start_us: int, promised_us: int, /
) -> Key:
    """Put the earliest promise first.

    Source: earliest deadline first (Liu and Layland, 1973; Jackson's rule, 1955).
    """
    del priority, head_start_us
    return (promised_us, arrived_us, leg_id)


_KEYS: Final[dict[Urgency, tuple[KeyFunction, int]]] = {
    Urgency.LONGEST_WAIT: (_longest_wait, 1),
    Urgency.STRICT_PRIORITY: (_strict_priority, 2),
    Urgency.HEAD_START: (_head_start, 2),
    Urgency.DEADLINE_FIRST: (_deadline_first, 2),
}


def urgency_key(urgency: Urgency) -> tuple[KeyFunction, int]:
    """Return the policy's key function, and how long its keys are without the leg's number."""
    return _KEYS[urgency]


def splits_by_priority(urgency: Urgency) -> bool:
    """Return whether legs of different priority belong to different classes under this policy."""
    return urgency is Urgency.STRICT_PRIORITY


STATIC: Final = frozenset({AgentCriterion.HIGHEST_PROFICIENCY, AgentCriterion.LEAST_FLEXIBLE})
"""Criteria that hang on the settings alone."""


def static_rank(criterion: AgentCriterion, klass: LegClass, kind: Kind) -> int:
    """Return a kind's rank for a class by a criterion that does not change with time.

    highest_proficiency: the sum of his proficiencies in the skills that the requirement names
        (Cisco's "most skilled", Genesys' "best available skills").
    least_flexible: how many queues he serves, so that generalists are kept for what only they can
        take (Wallace and Whitt, 2005, on resource pooling; Avaya keeps reserve agents so).
    """
    if criterion is AgentCriterion.HIGHEST_PROFICIENCY:
        return -klass.requirement.proficiency(kind.skills)
    assert criterion is AgentCriterion.LEAST_FLEXIBLE
    return kind.desk.flexibility


def preferences_lacked(klass: LegClass, kind: Kind) -> int:
    """Return how many of a class's preferences a kind of agents lacks: compared before all else."""
    return sum(not want.met_by(kind.skills, kind.attributes) for want in klass.prefers)


def split_selection(
    settings: DomainSettings,
) -> tuple[tuple[AgentCriterion, ...], tuple[AgentCriterion, ...]]:
    """Return the criteria by which agents are sorted beforehand, before the idle time and after it.

    Where the settings do not name longest_idle it is the last; then the agent's position. Where
    `changing_criteria` names some, nothing is sorted behind the first of them.
    """
    changing = changing_criteria(settings)
    criteria = tuple(
        AgentCriterion(name) for name in settings.agent_selection if name not in changing
    )
    if AgentCriterion.LONGEST_IDLE not in criteria:
        return criteria, ()
    at = criteria.index(AgentCriterion.LONGEST_IDLE)
    return criteria[:at], criteria[at + 1 :]


def changing_criteria(settings: DomainSettings) -> tuple[str, ...]:
    """Return the criteria that `acd.selection` compares at each decision; the weighted sum by name.

    None where all hang on the settings and the idle time alone. Otherwise all but the static ones
    that come first, with longest_idle at the end where the settings do not name it; but behind
    round_robin, which never ties, nothing is compared.
    """
    criteria = settings.agent_selection
    sorted_by = {*STATIC, AgentCriterion.LONGEST_IDLE}
    if all(name in sorted_by for name in criteria):
        return ()
    first = next(at for at, name in enumerate(criteria) if name not in STATIC)
    if not {AgentCriterion.LONGEST_IDLE, AgentCriterion.ROUND_ROBIN} & set(criteria):
        criteria = (*criteria, AgentCriterion.LONGEST_IDLE)
    return criteria[first:]

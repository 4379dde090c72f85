"""Which agent is the better: numeric keys, smaller is first (`acd.urgency` has the contacts' side).

*Agent selection* is a sequence of criteria, compared one after the other (never packed into one
number: app_queue packs, so that after 11.6 idle days an agent crosses a penalty). Two of them hang
on the settings alone and are static for a class and a kind of agents; `static_rank` gives them. The
idle time is the key of the index's pools; the others are those of `acd.selection`.
"""

from typing import Final

from acd.agents import Kind
from acd.queues import LegClass
from acd.settings import AgentCriterion, DomainSettings

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


def ranking(settings: DomainSettings) -> tuple[str, ...]:
    """Return all criteria that agents are compared by, in their order; the weighted sum by name.

    Longest_idle comes last where the settings do not name it, but behind round_robin, which never
    ties, nothing is compared.
    """
    criteria = settings.agent_selection
    if {AgentCriterion.LONGEST_IDLE, AgentCriterion.ROUND_ROBIN} & set(criteria):
        return criteria
    return (*criteria, AgentCriterion.LONGEST_IDLE)


def changing_criteria(settings: DomainSettings) -> tuple[str, ...]:
    """Return the criteria that `acd.selection` compares at each decision; the weighted sum by name.

    None where all hang on the settings and the idle time alone. Otherwise all of `ranking` but the
    static ones that come first.
    """
    criteria = ranking(settings)
    sorted_by = {*STATIC, AgentCriterion.LONGEST_IDLE}
    if all(name in sorted_by for name in criteria):
        return ()
    first = next(at for at, name in enumerate(criteria) if name not in STATIC)
    return criteria[first:]

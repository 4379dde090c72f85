"""Which agent is the better: numeric keys, smaller is first (`acd.urgency` has the contacts' side).

*Agent selection* is a sequence of criteria, compared one after the other (never packed into one
number: app_queue packs, so that after 11.6 idle days an agent crosses a penalty). All but the idle
time are static for a class and a kind of agents; `static_rank` gives them.
"""

from acd.agents import Kind
from acd.queues import LegClass
from acd.settings import AgentCriterion, DomainSettings


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
    """Return the criteria compared before the idle time, and those after it.

    Where the settings do not name longest_idle it is the last; then the agent's position.
    """
    criteria = settings.agent_selection
    if AgentCriterion.LONGEST_IDLE not in criteria:
        return criteria, ()
    at = criteria.index(AgentCriterion.LONGEST_IDLE)
    return criteria[:at], criteria[at + 1 :]

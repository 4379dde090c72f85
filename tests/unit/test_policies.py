"""Agent selection.

Method: each criterion's rank is checked against agents whose numbers are chosen so that no two
criteria agree.
"""

import pytest
from msgspec.structs import replace

from acd.classes import Classes
from acd.events import ContactArrived
from acd.kinds import Kinds
from acd.policies import preferences_lacked, split_selection, static_rank
from acd.settings import AgentCriterion, AgentSettings
from tests.unit.shop import SHOP, VOICE


def test_agents_rank_by_proficiency_queues_served_and_preferences() -> None:
    settings = replace(
        SHOP,
        skills=("cards", "loans"),
        agents=tuple(
            AgentSettings(agent_id=name, profile="all", capacity="blended", skills=skills)
            for name, skills in (
                ("ann", {"cards": 9}),
                ("bob", {"cards": 5, "loans": 5}),
                ("eve", {"loans": 10}),
            )
        ),
    )
    klass = Classes(settings).of(
        ContactArrived(
            contact_id="c",
            queue="sales",
            channel=VOICE,
            requirement="cards or loans",
            prefers=("cards", "cards and loans"),
        ),
    )
    kinds = [agent.kind for agent in Kinds(settings).agents]
    proficiency = AgentCriterion.HIGHEST_PROFICIENCY
    assert [static_rank(proficiency, klass, kind) for kind in kinds] == [-9, -10, -10]
    assert [static_rank(AgentCriterion.LEAST_FLEXIBLE, klass, kind) for kind in kinds] == [1] * 3
    assert [preferences_lacked(klass, kind) for kind in kinds] == [1, 0, 2]


IDLE, BEST, LEAST = (
    AgentCriterion.LONGEST_IDLE,
    AgentCriterion.HIGHEST_PROFICIENCY,
    AgentCriterion.LEAST_FLEXIBLE,
)


@pytest.mark.parametrize(
    "named, before, after",
    [
        ((IDLE,), (), ()),
        ((BEST, LEAST), (BEST, LEAST), ()),
        ((BEST, IDLE, LEAST), (BEST,), (LEAST,)),
        ((IDLE, LEAST, BEST), (), (LEAST, BEST)),
    ],
)
def test_the_criteria_are_compared_before_or_after_the_idle_time(
    named: tuple[AgentCriterion, ...],
    before: tuple[AgentCriterion, ...],
    after: tuple[AgentCriterion, ...],
) -> None:
    settings = replace(SHOP, agent_selection=named)
    assert split_selection(settings) == (before, after)

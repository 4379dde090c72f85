"""Urgency and agent selection.

Method: what each policy puts first is written out as a table of five waiting legs; each criterion's
rank is checked against agents whose numbers are chosen so that no two criteria agree.
"""

import pytest
from msgspec.structs import replace

from acd.agents import make_agents
from acd.classes import Classes
from acd.events import ContactArrived
from acd.policies import (
    preferences_lacked,
    split_selection,
    splits_by_priority,
    static_rank,
    urgency_key,
)
from acd.settings import AgentCriterion, AgentSettings, Urgency
from tests.unit.shop import SHOP, VOICE

# Leg: arrived, priority, head start, promised.
LEGS = {
    1: (10, 0, 0, 90),
    2: (20, 1, 0, 70),
    3: (30, 1, 5, 60),
    4: (40, 0, 35, 80),
    5: (40, 2, 0, 70),
}

ORDERS = {
    Urgency.LONGEST_WAIT: [1, 2, 3, 4, 5],
    Urgency.STRICT_PRIORITY: [5, 2, 3, 1, 4],
    Urgency.HEAD_START: [4, 1, 2, 3, 5],
    Urgency.DEADLINE_FIRST: [3, 2, 5, 4, 1],
}


@pytest.mark.parametrize("urgency", Urgency)
def test_each_policy_serves_in_this_order(urgency: Urgency) -> None:
    key, length = urgency_key(urgency)
    keys = {
        number: key(arrived, number, priority, head_start, promised)
        for number, (arrived, priority, head_start, promised) in LEGS.items()
    }
    assert sorted(LEGS, key=keys.__getitem__) == ORDERS[urgency]
    assert all(len(one) == length + 1 and one[-1] == number for number, one in keys.items())
    assert splits_by_priority(urgency) == (urgency is Urgency.STRICT_PRIORITY)


@pytest.mark.parametrize("urgency", Urgency)
def test_alike_legs_are_served_in_the_order_of_arrival_and_number(urgency: Urgency) -> None:
    key, _ = urgency_key(urgency)
    keys = [key(arrived, number, 0, 0, 50) for arrived, number in ((1, 3), (2, 1), (2, 2))]
    assert keys == sorted(keys)


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
    kinds = [agent.kind for agent in make_agents(settings)]
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

"""What a step changes of a requirement, and whether one requirement is wider than another.

Method: examples in the language of requirements, before and after; the comparison is also held
against agents drawn at random, who must not contradict it.
"""

from random import Random

import pytest

from acd import implication
from acd.settings import QueueSettings, RoutingStep
from acd.skills import ANYONE, Requirement, parse_requirement
from acd.widening import admits_fewer, lowered, priority_at, required_at

SKILLS = frozenset(f"s{number}" for number in range(14)) | {"cards", "loans", "spanish"}
ATTRIBUTES = {"site": ("north", "south")}


def read(text: str) -> Requirement:
    return parse_requirement(text, skills=SKILLS, attributes=ATTRIBUTES)


@pytest.mark.parametrize(
    "before, bounds, after",
    [
        ("cards >= 5", {"cards": 3}, "cards >= 3"),
        ("cards >= 5", {"cards": 7}, "cards >= 5"),
        ("cards >= 5", {"loans": 1}, "cards >= 5"),
        ("cards >= 5", {"cards": 0}, ""),
        ("not cards >= 5", {"cards": 3}, "not cards >= 5"),
        ("site == north", {"site": 0}, "site == north"),
        ("cards and loans and site == north", {"cards": 0}, "loans and site == north"),
        ("cards and loans", {"cards": 0, "loans": 0}, ""),
        ("cards or loans >= 3", {"cards": 0}, ""),
        ("cards >= 4 or loans >= 3", {"cards": 2, "loans": 2}, "cards >= 2 or loans >= 2"),
        ("cards and (loans >= 3 or spanish >= 3)", {"loans": 0}, "cards"),
        ("cards >= 3 or cards >= 8 and loans", {"loans": 0}, "cards >= 3"),
    ],
)
def test_no_more_is_wanted_of_a_skill_than_its_bound(before, bounds, after):
    assert lowered(read(before), bounds) == read(after)


def test_steps_add_up_and_a_later_bound_counts():
    steps = (
        RoutingStep(after_us=1, lower={"cards": 4, "loans": 2}),
        RoutingStep(after_us=2, requires="cards >= 6", priority=3),
        RoutingStep(after_us=3, lower={"cards": 1}, priority=2),
    )
    queue = QueueSettings(name="q", channels={}, requires="cards >= 8 and spanish", steps=steps)
    texts = {text: read(text) for text in ("cards >= 8 and spanish", "cards >= 6")}
    wanted = [
        ("cards >= 8 and spanish", "loans >= 5"),
        ("cards >= 4 and spanish", "loans >= 2"),
        ("cards >= 4", "loans >= 2"),
        ("cards", "loans >= 2"),
    ]
    for step, (ours, own) in enumerate(wanted):
        found = required_at(step, queue, texts, read("loans >= 5"))
        assert found == (read(ours), read(own))
    assert [priority_at(step, steps, 1) for step in range(4)] == [1, 1, 3, 3]


@pytest.mark.parametrize(
    "before, after, fewer",
    [
        ("cards", "", False),
        ("", "cards", True),
        ("cards >= 5", "cards >= 3", False),
        ("cards >= 3", "cards >= 5", True),
        ("cards", "cards or loans", False),
        ("cards", "loans", True),
        ("cards and (loans or spanish)", "cards and loans or cards and spanish", False),
        ("cards and site == north", "cards and (site == north or site == south)", False),
        ("site == north or site == south", "not site == north or not site == south", False),
        ("not cards >= 5", "not cards >= 3", True),
        ("cards", "cards and site != south", True),
    ],
)
def test_a_requirement_is_wider_or_not(before, after, fewer):
    assert admits_fewer(read(before), read(after)) is fewer
    rng = Random(before + after)
    for _ in range(300):
        skills = {name: rng.randint(0, 10) for name in ("cards", "loans", "spanish")}
        attributes = rng.choice(({}, {"site": "north"}, {"site": "south"}))
        meets = [read(text).met_by(skills, attributes) for text in (before, after)]
        assert fewer or meets != [True, False]


def test_a_skill_among_many_decides():
    some = " or ".join(f"s{number} >= 3" for number in range(14))
    assert admits_fewer(read(some), read(f"{some} or cards")) is False
    assert admits_fewer(read(some), read(some.replace("s7 >= 3", "s7 >= 4"))) is True
    levels = " or ".join(f"cards >= {n} and loans >= {11 - n} and spanish" for n in range(1, 11))
    assert admits_fewer(read(levels), read(levels.replace("cards >= 5", "cards >= 4"))) is False
    assert admits_fewer(read(levels), read(levels.replace("cards >= 5", "cards >= 6"))) is True


def test_what_is_too_hard_is_not_answered(monkeypatch):
    monkeypatch.setattr(implication, "SEARCH_MAX", 1)
    assert admits_fewer(read("cards and loans"), ANYONE) is None

"""What conditions imply: no false alarm, and the simple cases found.

Method: a table of conditions that contradict themselves, or follow from others, with near misses
that do not; then Hypothesis draws conditions and contacts: whatever is claimed must hold for every
contact drawn.
"""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd import implication
from acd.conditions import Condition, Facts, parse_condition
from acd.ids import Channel
from acd.implication import Logic, channels_of
from acd.settings import DAY_US


def read(text: str) -> Condition:
    return parse_condition(
        text, attributes=("topic", "dnis", "age", "value"), numbers=("age", "value")
    )


def never_holds(text: str) -> bool:
    return Logic().cases_of(read(text)) == []


def follows(text: str, *others: str) -> bool:
    """Return whether one of the others is found to hold in each case of a condition."""
    logic = Logic()
    cases = logic.cases_of(read(text))
    assert cases is not None
    return all(any(logic.follows(read(one), case) for one in others) for case in cases)


IMPOSSIBLE: Final = [
    "channel == voice and channel == email",
    "channel in (voice, chat) and channel in (email, web_form)",
    "not channel in (voice, chat, email, web_form)",
    "weekday == mon and weekday in (sat, sun)",
    "weekday != mon and not weekday != mon",
    "time >= 22:00 and time < 06:00",
    "time < 00:00",
    "time > 24:00",
    "not time < 24:00",
    "topic == gold and topic == silver",
    "topic == gold and topic != gold",
    "topic in (gold, grey) and not topic starts_with g",
    "topic in (gold, grey) and topic starts_with s",
    "topic starts_with gold and topic starts_with silver",
    "topic starts_with gold and not topic starts_with go",
    "topic == gold and not topic is set",
    "topic is set and not topic is set",
    "topic starts_with g and not topic is set",
    "age < 3 and age > 3",
    "age < 3 and age == 3",
    "age >= 3 and age <= 3 and age != 3",
    "age < 3 and not age is set",
    "age is set and not age < 5 and not age >= 5",
    "age in (1, 2) and not age < 3",
    "age > 0 and age < 3 and not age <= 1 and not age >= 1",
    "(topic == a or topic == b) and not (topic == a or topic == b)",
    "channel == voice and (topic == a and topic == b or age < 1 and age > 2)",
]

POSSIBLE: Final = [
    "",
    "channel == voice or channel == email",
    "time >= 22:00 or time < 06:00",
    "topic != gold and topic != silver",
    "topic != gold and not topic starts_with g",
    "topic starts_with g and topic starts_with gold and topic != gold",
    "topic starts_with go and not topic starts_with gold",
    "not topic is set and topic != gold",
    "age < 3 and age > 2",
    "not age < 5 and not age >= 5",
    "age >= 3 and age <= 3",
    "age > 0 and age < 3 and not age <= 1 and not age >= 2",
]


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_a_condition_that_contradicts_itself_has_no_case(text: str) -> None:
    assert never_holds(text)


@pytest.mark.parametrize("text", POSSIBLE)
def test_a_condition_that_may_hold_has_a_case(text: str) -> None:
    assert not never_holds(text)


FOLLOW: Final[list[tuple[str, list[str]]]] = [
    ("topic == gold", [""]),
    ("topic == gold", ["topic == gold"]),
    ("topic == gold and age > 3", ["topic == gold"]),
    ("topic == gold", ["topic in (gold, silver)"]),
    ("topic in (gold, silver)", ["topic == gold", "topic == silver"]),
    ("topic == gold", ["topic starts_with go"]),
    ("topic starts_with gold", ["topic starts_with go"]),
    ("topic starts_with gold", ["topic is set"]),
    ("topic starts_with gold", ["topic != silver"]),
    ("topic == gold", ["topic != silver"]),
    ("age > 3", ["age > 2"]),
    ("age > 3 and age < 4", ["age > 2 and age < 5"]),
    ("age == 3", ["age in (2, 3)"]),
    ("not age is set", ["not age < 3"]),
    ("weekday in (sat, sun)", ["weekday == sat", "weekday == sun"]),
    ("weekday == sat", ["weekday != mon"]),
    ("time >= 23:00", ["time >= 22:00 or time < 06:00"]),
    ("time >= 08:30 and time < 09:00", ["time >= 08:00"]),
    ("time >= 08:30", ["not time < 08:00"]),
    ("topic == gold", ["time < 24:00"]),
    ("age > 1", ["channel == voice", "channel != voice"]),
    ("channel in (voice, chat)", ["channel == chat", "channel == voice"]),
    ("topic == gold", ["topic == gold or age > 3"]),
    ("dnis in (" + ", ".join(map(str, range(20))) + ")",
     ["dnis in (" + ", ".join(map(str, range(30))) + ")"]),
]  # fmt: skip

FOLLOW_NOT: Final[list[tuple[str, list[str]]]] = [
    ("", ["topic == gold"]),
    ("topic == gold", ["topic == silver"]),
    ("topic in (gold, silver)", ["topic == gold"]),
    ("topic is set", ["topic starts_with go"]),
    ("topic starts_with go", ["topic starts_with gold"]),
    ("topic != gold", ["topic is set"]),
    ("age > 2", ["age > 3"]),
    ("not age < 3", ["age >= 3"]),
    ("age > 2", ["value > 2"]),
    ("weekday in (sat, sun)", ["weekday == sat"]),
    ("time >= 21:00", ["time >= 22:00 or time < 06:00"]),
    ("age > 1", ["channel == voice", "channel == chat"]),
    ("topic == gold", ["topic == gold and age > 3"]),
]


@pytest.mark.parametrize("text, others", FOLLOW)
def test_what_follows_is_found(text: str, others: list[str]) -> None:
    assert follows(text, *others)


@pytest.mark.parametrize("text, others", FOLLOW_NOT)
def test_what_does_not_follow_is_not_claimed(text: str, others: list[str]) -> None:
    assert not follows(text, *others)


def test_the_channels_of_a_condition_are_those_that_it_leaves() -> None:
    def channels(text: str) -> set[str]:
        cases = Logic().cases_of(read(text))
        assert cases is not None
        return set(channels_of(cases))

    assert channels("topic == gold") == set(Channel)
    assert channels("channel == voice and topic == gold") == {"voice"}
    assert channels("channel == chat or channel == email and age > 3") == {"chat", "email"}
    assert channels("channel != voice and not channel == chat") == {"email", "web_form"}
    assert channels("channel == chat or channel == email and age > 3 and age < 2") == {"chat"}


def test_too_many_cases_are_not_looked_at() -> None:
    some = " and ".join(
        f"{name} in (a, b, c, d, e, f, g, h, i, j, k, l, m, n)" for name in ("topic", "dnis")
    )
    assert len(Logic().cases_of(read(some + " and channel == chat")) or ()) == 14 * 14
    assert Logic().cases_of(read(some)) is not None
    assert Logic().cases_of(read(f"{some} and weekday != sun")) is None


def test_after_enough_comparisons_nothing_more_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implication, "TESTS_MAX", 9)
    logic = Logic()
    cases = logic.cases_of(read("topic == gold"))
    assert cases is not None
    assert logic.follows(read("topic == gold"), cases[0])
    assert not logic.follows(read("topic == gold"), cases[0])
    assert logic.cases_of(read("topic == gold")) is None


TERMS: Final = (
    "channel == voice",
    "channel in (voice, chat)",
    "weekday in (sat, sun)",
    "weekday != sat",
    "time < 08:00",
    "time >= 08:00",
    "time >= 20:00",
    "topic == gold",
    "topic in (gold, grey)",
    "topic starts_with g",
    "topic starts_with go",
    "topic is set",
    "age == 2",
    "age < 2",
    "age >= 2",
    "age in (1, 3)",
    "age is set",
)
TEXTS = st.recursive(
    st.sampled_from(TERMS),
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) and ({two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) or ({two[1]})"),
    ),
    max_leaves=6,
)
CONTACTS: Final = tuple(
    Facts(channel, {"topic": topic, "age": age}, weekday, time_us)
    for channel in (Channel.VOICE, Channel.CHAT, Channel.EMAIL)
    for topic in ("", "gold", "goat", "grey", "silver")
    for age in ("", "1", "2", "3", "1.5")
    for weekday in (0, 5, 6)
    for time_us in (0, DAY_US // 3, DAY_US - 1)
)


@given(text=TEXTS, others=st.lists(TEXTS, min_size=1, max_size=3))
def test_nothing_is_claimed_that_is_not_so(text: str, others: list[str]) -> None:
    condition = read(text)
    holding = [one for one in CONTACTS if condition.holds(one)]
    if never_holds(text):
        assert not holding
    cases = Logic().cases_of(condition)
    assert cases is None or {one.channel for one in holding} <= channels_of(cases)
    if cases is not None and follows(text, *others):
        assert all(any(read(other).holds(one) for other in others) for one in holding)


@given(text=TEXTS)
def test_of_these_simple_conditions_each_that_never_holds_is_found(text: str) -> None:
    condition = read(text)
    if not any(condition.holds(one) for one in CONTACTS):
        assert never_holds(text)

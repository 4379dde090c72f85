"""What conditions exclude: no false alarm, and nothing overlooked.

Method: a table of conditions that contradict themselves, or follow from others, with near misses
that do not; then Hypothesis draws lists of conditions, and each is tried on contacts of every kind
that they tell apart: whatever is claimed must be so, and whatever is so must be claimed.
"""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd import implication
from acd.conditions import WEEKDAYS, Condition, Facts, parse_condition
from acd.ids import ID_MAX, Channel
from acd.implication import Logic
from acd.settings import DAY_US, HOUR_US


def read(text: str) -> Condition:
    return parse_condition(
        text, attributes=("topic", "dnis", "age", "value"), numbers=("age", "value")
    )


def never_holds(text: str) -> bool:
    return not Logic([read(text)]).channels_of(0)


def takers(text: str, *others: str) -> list[int] | None:
    """Return which of the others are found to hold together for all that meet a condition."""
    logic = Logic([*map(read, others), read(text)])
    return logic.takers_of(len(others), range(len(others)))


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
    # Only all together, by what is left of days, of the day, of texts and of numbers.
    ("topic == gold", ["weekday in (mon, tue, wed, thu, fri)", "weekday in (sat, sun)"]),
    ("topic == gold", ["time < 12:00", "time >= 12:00"]),
    ("topic == gold", ["time < 12:00", "time > 11:59"]),
    ("", ["topic is set or not topic is set"]),
    ("", ["topic is set", "not topic is set"]),
    ("", ["topic == gold", "topic != gold"]),
    ("topic is set", ["topic starts_with g", "topic is set and not topic starts_with g"]),
    ("topic starts_with g", ["topic starts_with go", "not topic starts_with go"]),
    ("age > 1 and age < 5", ["age <= 3", "age >= 3"]),
    ("age is set", ["age < 3", "age == 3", "age > 3"]),
    ("topic in (gold, silver) and age > 3",
     ["topic == gold and age > 2", "topic != gold and age > 1"]),
    ("dnis == 1",
     ["channel == voice and time < 12:00", "channel != voice and time < 12:00",
      "topic == gold and time >= 12:00", "time >= 12:00 and topic != gold"]),
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
    ("topic == gold", ["weekday in (mon, tue, wed, thu)", "weekday in (sat, sun)"]),
    ("topic == gold", ["time < 12:00", "time > 12:00"]),
    ("", ["topic is set", "topic != gold and topic is set"]),
    ("", ["age < 3", "age >= 3"]),
    ("topic starts_with g", ["topic == g", "topic starts_with go"]),
    ("age is set", ["age < 3", "age > 3"]),
    (
        "dnis == 1",
        [
            "channel == voice and time < 12:00",
            "channel != voice and time < 12:00",
            "topic == gold and time >= 12:00",
            "time >= 12:00 and topic == silver",
        ],
    ),
]


@pytest.mark.parametrize("text, others", FOLLOW)
def test_what_follows_is_found(text: str, others: list[str]) -> None:
    assert takers(text, *others) is not None


@pytest.mark.parametrize("text, others", FOLLOW_NOT)
def test_what_does_not_follow_is_not_claimed(text: str, others: list[str]) -> None:
    assert takers(text, *others) is None


def test_only_those_are_named_that_are_needed() -> None:
    assert takers("topic == gold", "age > 3", "topic == silver", "topic starts_with g") == [2]
    assert takers("topic == gold", "time < 12:00", "age > 3", "time >= 12:00") == [0, 2]
    assert takers("topic == a and topic == b", "topic == a") == []
    # Whichever part of the first is chosen, it fails by the two others alone.
    some = "dnis == 1 or value > 3", "age > 3 or topic == a", "age <= 3 or topic == a"
    assert takers("age is set", *some) == [1, 2]


def test_the_largest_number_is_one() -> None:
    assert never_holds("age > 999999999999.999999")
    assert never_holds("age < -999999999999.999999")
    assert not never_holds("age >= 999999999999.999999")
    assert takers("age is set", "age < 999999999999.999999") is None
    assert takers("age is set", "age <= 999999999999.999999") == [0]
    assert takers("age is set", "age >= -999999999999.999999") == [0]


def test_no_text_goes_on_behind_its_longest() -> None:
    longest = "x" * ID_MAX
    assert takers(f"topic starts_with {longest}", f"topic == {longest}") == [0]
    assert takers(f"topic starts_with {longest[1:]}", f"topic == {longest[1:]}") is None


def test_the_channels_of_a_condition_are_those_that_it_leaves() -> None:
    def channels(text: str) -> set[str]:
        return set(Logic([read(text)]).channels_of(0))

    assert channels("topic == gold") == set(Channel)
    assert channels("channel == voice and topic == gold") == {"voice"}
    assert channels("channel == chat or channel == email and age > 3") == {"chat", "email"}
    assert channels("channel != voice and not channel == chat") == {"email", "web_form"}
    assert channels("channel == chat or channel == email and age > 3 and age < 2") == {"chat"}


@pytest.mark.parametrize("bound, enough", [("SEARCH_MAX", 2), ("TERMS_MAX", 2)])
def test_after_enough_terms_nothing_more_is_claimed(
    bound: str, enough: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implication, bound, enough)
    assert takers("topic == gold", "topic == gold") == [0]
    monkeypatch.setattr(implication, bound, enough - 1)
    assert takers("topic == gold", "topic == gold") is None


def test_a_domain_has_terms_enough_for_all_its_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implication, "TERMS_MAX", 4)
    logic = Logic([read("topic == gold"), read("topic == gold")])
    assert [logic.takers_of(1, [0]) for _ in range(3)] == [[0], [0], None]


def test_of_too_many_open_choices_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [f"age {one} 3 and topic {other} a" for one in ("<=", ">") for other in ("==", "!=")]
    assert takers("age is set", *some) == [0, 1, 2, 3]
    monkeypatch.setattr(implication, "CHOICES_MAX", 0)
    assert takers("age is set", *some) is None


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
    for topic in ("", "gold", "goat", "grey", "gap", "silver")
    for age in ("", "1", "2", "3", "1.5", "5")
    for weekday in (0, 5, 6)
    for time_us in (0, DAY_US // 3, DAY_US - 1)
)
"""One of each kind that the terms tell apart."""


@settings(max_examples=150)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
def test_what_is_claimed_is_so_and_what_is_so_is_claimed(texts: list[str]) -> None:
    conditions = [read(text) for text in texts]
    logic = Logic(conditions)
    left = list(CONTACTS)
    for place, condition in enumerate(conditions):
        channels = logic.channels_of(place)
        holding = {one.channel for one in CONTACTS if condition.holds(one)}
        # No term tells e-mail and web forms apart.
        assert channels == holding | ({Channel.WEB_FORM} if Channel.EMAIL in holding else set())
        taking = logic.takers_of(place, range(place))
        assert (taking is None) is any(condition.holds(one) for one in left)
        # Those named are enough.
        assert taking is None or all(
            any(conditions[one].holds(contact) for one in taking)
            for contact in CONTACTS
            if condition.holds(contact)
        )
        left = [one for one in left if not condition.holds(one)]


VALUES: Final = ("a", "ab", "abc", "b", "ba", "c")


@st.composite
def rule_texts(draw: st.DrawFn) -> list[str]:
    """Draw rules over few values, so that they cover one another."""

    def term() -> str:
        kind = draw(st.integers(0, 6))
        about = draw(st.sampled_from(("topic", "dnis")))
        if kind == 0:
            return f"weekday in ({', '.join(draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1)))})"
        if kind == 1:
            return f"time {draw(st.sampled_from(SIGNS))} 0{draw(st.integers(0, 3))}:00"
        if kind == 2:
            return f"age {draw(st.sampled_from((*SIGNS, '==', '!=')))} {draw(st.integers(0, 3))}"
        if kind == 3:
            return draw(st.sampled_from((f"{about} is set", "age is set")))
        if kind == 4:
            return f"{about} starts_with {draw(st.sampled_from(VALUES))}"
        return f"{about} {draw(st.sampled_from(('==', '!=')))} {draw(st.sampled_from(VALUES))}"

    def rule() -> str:
        terms = [("not " if draw(st.booleans()) else "") + term() for _ in range(draw(SMALL))]
        return draw(st.sampled_from((" or ", " and "))).join(terms)

    return [rule() for _ in range(draw(st.integers(1, 12)))]


SIGNS: Final = ("<", "<=", ">", ">=")
SMALL: Final = st.integers(1, 3)
ARRIVALS = st.builds(
    Facts,
    st.sampled_from(Channel),
    st.fixed_dictionaries({
        "topic": st.sampled_from(("", *VALUES, "abcd", "bb", "z")),
        "dnis": st.sampled_from(("", *VALUES, "aa", "abx")),
        "age": st.sampled_from(("", "-1", "0", "0.5", "1", "2", "2.5", "3", "4")),
    }),
    st.integers(0, 6),
    st.integers(0, 4 * HOUR_US) | st.integers(0, 8).map(lambda half: half * HOUR_US // 2),
)  # fmt: skip


@settings(max_examples=100)
@given(texts=rule_texts(), arrivals=st.lists(ARRIVALS, min_size=20, max_size=60))
def test_no_rule_is_refused_that_an_arrival_fires(texts: list[str], arrivals: list[Facts]) -> None:
    conditions = [read(text) for text in texts]
    logic = Logic(conditions)
    idle = {n for n in range(len(texts)) if logic.takers_of(n, range(n)) is not None}
    for facts in arrivals:
        fired = next((n for n, one in enumerate(conditions) if one.holds(facts)), None)
        assert fired not in idle

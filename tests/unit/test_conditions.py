"""Conditions.

Method: texts with the contacts that they hold for, as a table; every mistake with its place, word
for word; and Hypothesis, which makes trees of terms, evaluates them directly in Python, and
compares with what is made of their text.
"""
# ruff: noqa: E501, ISC004 - tables are read line by line, and some lines are long

import pickle
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.conditions import (
    ALWAYS,
    CONDITION_MAX,
    WEEKDAYS,
    Condition,
    ConditionError,
    Facts,
    parse_condition,
    read_condition,
)
from acd.expressions import TERMS_MAX
from acd.ids import Channel, Reason
from acd.settings import DAY_US, SECOND_US

ATTRIBUTES: Final = ("dnis", "ani_prefix", "topic", "order_value", "age")
NUMBERS: Final = ("order_value", "age")
MINUTE_US: Final = 60 * SECOND_US


def read(text: str) -> Condition:
    return parse_condition(text, attributes=ATTRIBUTES, numbers=NUMBERS)


def contact(
    channel: str = "voice", weekday: str = "wed", time: str = "12:00", **attributes: str
) -> Facts:
    hour, minute = time.split(":")
    time_us = (int(hour) * 60 + int(minute)) * MINUTE_US
    return Facts(Channel(channel), attributes, WEEKDAYS.index(weekday), time_us)


GOLD: Final = contact(topic="gold", dnis="4000", order_value="99.95")

# Each text holds for the first contacts, and not for the others.
HOLDS: Final[list[tuple[str, list[Facts], list[Facts]]]] = [
    ("", [contact(), GOLD], []),
    ("channel == voice", [contact()], [contact("chat")]),
    ("channel != voice", [contact("chat")], [contact()]),
    ("channel in (chat, 'email')", [contact("chat"), contact("email")], [contact()]),
    ("not channel in (chat)", [contact()], [contact("chat")]),
    # Texts; what is not set equals nothing, and differs from everything.
    ("topic == gold", [GOLD], [contact(), contact(topic="Gold"), contact(topic="")]),
    ("topic != gold", [contact(), contact(topic="")], [GOLD]),
    ("not topic == gold", [contact(), contact(topic="silver")], [GOLD]),
    ("topic in (gold, 'two words')", [GOLD, contact(topic="two words")], [contact()]),
    ("not topic in (gold, silver)", [contact(), contact(topic="x")], [GOLD]),
    ("topic == 'channel'", [contact(topic="channel")], [GOLD]),
    ("dnis == 4000", [GOLD], [contact(dnis="04000"), contact()]),
    ("dnis == 0049", [contact(dnis="0049")], [contact(dnis="49")]),
    ("dnis starts_with 40", [GOLD], [contact(dnis="14000"), contact()]),
    ('ani_prefix starts_with "+34"', [contact(ani_prefix="+3491")], [contact(ani_prefix="3491")]),
    ("not dnis starts_with 40", [contact(), contact(dnis="9")], [GOLD]),
    ("topic is set", [GOLD], [contact(), contact(topic="")]),
    ("not topic is set", [contact(), contact(topic="")], [GOLD]),
    # Numbers
    ("order_value == 99.95", [GOLD, contact(order_value="99.950")], [contact(order_value="100")]),
    ("order_value != 99.95", [contact(), contact(order_value="0")], [GOLD]),
    ("order_value >= 99.95", [GOLD], [contact(order_value="99.949999"), contact()]),
    ("order_value > 99.95", [contact(order_value="99.950001")], [GOLD]),
    ("order_value <= 99.95", [GOLD, contact(order_value="-5")], [contact(order_value="100")]),
    ("order_value < 99.95", [contact(order_value="99")], [GOLD, contact()]),
    ("not order_value < 99.95", [GOLD, contact()], [contact(order_value="99")]),
    ("age > -3", [contact(age="-2")], [contact(age="-3"), contact()]),
    ("age in (1, 2.5)", [contact(age="1"), contact(age="2.5")], [contact(age="2"), contact()]),
    ("not age in (1, 2)", [contact(age="3"), contact()], [contact(age="1"), contact(age="2")]),
    ("age is set", [contact(age="0")], [contact(age="")]),
    ("age < 9", [], [contact(age="many")]),
    # Time
    ("weekday in (mon, tue)", [contact(weekday="tue")], [contact()]),
    ("weekday == wed", [contact()], [contact(weekday="sun")]),
    ("weekday != wed", [contact(weekday="sun")], [contact()]),
    ("time >= 08:30 and time < 17:00",
     [contact(time="08:30"), contact(time="16:59")], [contact(time="08:29"), contact(time="17:00")]),
    ("time >= 22:00 or time < 06:00",
     [contact(time="22:00"), contact(time="05:59")], [contact(time="06:00"), contact(time="21:59")]),
    ("not (time >= 22:00 or time < 06:00)", [contact(time="06:00")], [contact(time="22:00")]),
    ("time <= 12:00", [contact()], [contact(time="12:01")]),
    ("time > 12:00", [contact(time="12:01")], [contact()]),
    ("not time <= 12:00", [contact(time="12:01")], [contact()]),
    ("time < 24:00", [contact(time="23:59")], []),
    # Together
    ("topic == gold or dnis == 1 and age > 3", [GOLD], [contact(dnis="1")]),
    ("(topic == gold or dnis == 1) and age > 3", [contact(dnis="1", age="4")], [GOLD]),
    ("not not topic == gold", [GOLD], [contact()]),
    ("not (topic == gold and dnis == 4000)", [contact(topic="gold")], [GOLD]),
    ("(" * 16 + "topic == gold" + ")" * 16, [GOLD], [contact()]),
]  # fmt: skip


@pytest.mark.parametrize("text, yes, no", HOLDS, ids=[row[0] for row in HOLDS])
def test_a_condition_holds_for_whom_it_says(text: str, yes: list[Facts], no: list[Facts]) -> None:
    condition = read(text)
    assert [condition.holds(one) for one in yes] == [True] * len(yes)
    assert [condition.holds(one) for one in no] == [False] * len(no)


def test_the_last_microsecond_before_a_time_is_before_it() -> None:
    before = contact()._replace(time_us=12 * 60 * MINUTE_US - 1)
    assert read("time < 12:00").holds(before)
    assert not read("time >= 12:00").holds(before)
    just_after = contact()._replace(time_us=12 * 60 * MINUTE_US + 1)
    assert not read("time <= 12:00").holds(just_after)


OPERATORS: Final = "`==`, `!=`, `<`, `<=`, `>`, `>=`, `in (…)`, `starts_with` or `is set`"
VALUE: Final = "a value: a name, a number, a time like 08:30, or a text in quotes"
TERM: Final = "`channel`, `weekday`, `time`, an attribute, `not` or `(`"
NAME: Final = "`channel`, `weekday`, `time` or a declared attribute of contacts"

BAD: Final[list[tuple[str, str]]] = [
    # The grammar
    (" ", f"ends at character 2; wanted {TERM}"),
    ("topic", f"ends at character 6; wanted {OPERATORS}"),
    ("topic = gold", f"has `=` at character 7; wanted {OPERATORS}"),
    ("topic ==", f"ends at character 9; wanted {VALUE}"),
    ("topic == and", f"has `and` at character 10; wanted {VALUE}"),
    ("topic == time", f"has `time` at character 10; wanted {VALUE}"),
    ("topic == 'gold", f"has `'` at character 10; wanted {VALUE}"),
    ("age == -x", f"has `x` at character 9; wanted {VALUE}"),
    ("age == 1.x", f"has `x` at character 10; wanted {VALUE}"),
    ("topic in gold", "has `gold` at character 10; wanted `(` and values"),
    ("topic in (gold", "ends at character 15; wanted `,` or `)`"),
    ("topic in ()", f"has `)` at character 11; wanted {VALUE}"),
    ("topic is gold", "has `gold` at character 10; wanted `set`"),
    ("in == 3", f"has `in` at character 1; wanted {TERM}"),
    ("4000 == dnis", f"has `4000` at character 1; wanted {TERM}"),
    ("topic == gold dnis == 1", "has `dnis` at character 15; wanted `and`, `or` or the end"),
    ("(topic == gold", "ends at character 15; wanted `and`, `or` or `)`"),
    ("topic is set and", f"ends at character 17; wanted {TERM}"),
    # Limits
    ("x" * 4001, "has 4001 characters; wanted at most 4000"),
    ("(" * 1000 + "topic is set" + ")" * 1000,
     "is nested deeper at character 17; wanted at most 16 parentheses in each other"),
    ("not (" * 17 + "topic is set" + ")" * 17,
     "is nested deeper at character 85; wanted at most 16 parentheses in each other"),
    (" or ".join(["age < 1"] * 65), "has more terms at character 705; wanted at most 64"),
    # Names
    ("topc == gold", f"names `topc` at character 1; wanted {NAME}; did you mean `topic`?"),
    ("chanel == voice", f"names `chanel` at character 1; wanted {NAME}; did you mean `channel`?"),
    ("channel == voise",
     "names `voise` at character 12; wanted a channel: one of voice, email, web_form, chat; did you mean `voice`?"),
    ("weekday in (mon, thursday)",
     "names `thursday` at character 18; wanted a weekday: one of mon, tue, wed, thu, fri, sat, sun"),
    # Types
    ("channel < voice",
     "has `<` at character 9; wanted one of `==`, `!=`, `in (…)`, since `channel` is a channel"),
    ("channel is set",
     "has `is` at character 9; wanted one of `==`, `!=`, `in (…)`, since `channel` is a channel"),
    ("weekday starts_with mon",
     "has `starts_with` at character 9; wanted one of `==`, `!=`, `in (…)`,"
     " since `weekday` is a weekday"),
    ("time == 08:30",
     "has `==` at character 6; wanted one of `<`, `<=`, `>`, `>=`,"
     " since `time` is a time of the day"),
    ("time is set",
     "has `is` at character 6; wanted one of `<`, `<=`, `>`, `>=`,"
     " since `time` is a time of the day"),
    ("time < noon", "has `noon` at character 8; wanted a time from 00:00 to 24:00"),
    ("time < 8:30", "has `8:30` at character 8; wanted a time from 00:00 to 24:00"),
    ("time < 24:01", "has `24:01` at character 8; wanted a time from 00:00 to 24:00"),
    ("time < '08:30'", "has `08:30` at character 8; wanted a time from 00:00 to 24:00"),
    ("topic < 5",
     "has `<` at character 7; wanted one of `==`, `!=`, `in (…)`, `starts_with`, `is set`,"
     " since `topic` is a text"),
    ("topic == 08:30",
     "has `08:30` at character 10; wanted a name, digits, or a text in quotes,"
     " since `topic` is a text"),
    ("topic == ''",
     "has a value of 0 characters at character 10; wanted from 1 to 64;"
     " `is set` asks whether there is one"),
    (f"topic in (a, {'x' * 65})",
     "has a value of 65 characters at character 14; wanted from 1 to 64;"
     " `is set` asks whether there is one"),
    ("age starts_with 4",
     "has `starts_with` at character 5; wanted one of `==`, `!=`, `<`, `<=`, `>`, `>=`, `in (…)`,"
     " `is set`, since `age` is a number"),
    ("age == old",
     "has `old` at character 8; wanted a number like 12 or 99.95, since `age` is one"),
    ("age in (1, '2')",
     "has `2` at character 12; wanted a number like 12 or 99.95, since `age` is one"),
    ("age < 1234567890123",
     "has `1234567890123` at character 7; wanted a number like 12 or 99.95, since `age` is one"),
]  # fmt: skip


@pytest.mark.parametrize("text, message", BAD, ids=[row[0][:30] for row in BAD])
def test_a_mistake_is_told_with_its_place_and_what_is_wanted(text: str, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        read(text)
    error = caught.value
    assert str(error) == message
    for copy in (type(error)(*error.args), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert (type(copy), copy.args, str(copy)) == (type(error), error.args, message)


def test_all_names_and_types_that_are_wrong_are_told_at_once() -> None:
    text = "topc == gold and channel < fax and age == old or )"
    _, errors = read_condition(text, attributes=ATTRIBUTES, numbers=NUMBERS)
    assert [error.position for error in errors] == [1, 26, 28, 43, 50]
    assert errors[0].reason is Reason.UNKNOWN_ATTRIBUTE


def test_limits_are_reached_and_not_passed() -> None:
    read(" or ".join(["age < 1"] * TERMS_MAX))
    read("dnis in (" + ",".join(["4000"] * ((CONDITION_MAX - 10) // 5)) + ")")
    assert read("") is ALWAYS


# Trees of terms: the text of each, and what it is for a contact in plain Python.

TERMS: Final[dict[str, Any]] = {
    "channel == chat": lambda one: one.channel == "chat",
    "weekday in (sat, sun)": lambda one: one.weekday >= 5,
    "time < 12:00": lambda one: one.time_us < DAY_US // 2,
    "topic == gold": lambda one: one.attributes.get("topic") == "gold",
    "topic starts_with g": lambda one: one.attributes.get("topic", "").startswith("g"),
    "dnis is set": lambda one: "dnis" in one.attributes,
    "age >= 2": lambda one: int(one.attributes.get("age", -99)) >= 2,
}

TREES = st.recursive(
    st.sampled_from(sorted(TERMS)).map(lambda text: (text, TERMS[text])),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", lambda facts: not one[1](facts))),
        st.tuples(inner, inner).map(
            lambda two: (
                f"({two[0][0]}) and ({two[1][0]})",
                lambda facts: two[0][1](facts) and two[1][1](facts),
            )
        ),
        st.tuples(inner, inner).map(
            lambda two: (
                f"({two[0][0]}) or ({two[1][0]})",
                lambda facts: two[0][1](facts) or two[1][1](facts),
            )
        ),
    ),
    max_leaves=8,
)
CONTACTS = st.builds(
    Facts,
    st.sampled_from(Channel),
    st.fixed_dictionaries(
        {},
        optional={
            "topic": st.sampled_from(("gold", "green", "silver")),
            "dnis": st.just("4000"),
            "age": st.sampled_from(("1", "2", "3")),
        },
    ),
    st.integers(0, 6),
    st.sampled_from((0, DAY_US // 2 - 1, DAY_US // 2, DAY_US - 1)),
)


@given(tree=TREES, one=CONTACTS)
def test_any_text_means_what_its_tree_means(tree: Any, one: Facts) -> None:
    text, holds = tree
    assert read(text).holds(one) == holds(one)

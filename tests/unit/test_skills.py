"""Requirements.

Method: texts and what becomes of them as tables, word for word; Hypothesis makes trees of its own,
evaluates them directly, and compares with the normal form of their text.
"""

import pickle
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.errors import nearest, shown
from acd.ids import TEXT_MAX, Reason
from acd.skills import (
    ANYONE,
    AllOf,
    AnyOf,
    HasAttribute,
    HasSkill,
    Requirement,
    RequirementError,
    both,
    parse_requirement,
    requirement_errors,
)

SKILLS: Final = frozenset({"cards", "loans", "spanish", "web-chat", "_x1"})
ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "site": ("madrid", "boston", "New York", "and", "O'Hare", '"x"'),
    "team": ("a", "b"),
}


def read(text: str) -> Requirement:
    return parse_requirement(text, skills=SKILLS, attributes=ATTRIBUTES)


@pytest.mark.parametrize(
    "text, normal",
    [
        ("", ""),
        (" \t\n", ""),
        ("cards", "cards"),
        ("cards >= 1", "cards"),
        ("cards>=05", "cards >= 5"),
        ("web-chat and _x1", "_x1 and web-chat"),
        ("((cards))", "cards"),
        ("not cards", "not cards"),
        ("not not cards", "cards"),
        ("not not not cards >= 4", "not cards >= 4"),
        ("site == madrid", "site == madrid"),
        ("site == 'madrid'", "site == madrid"),
        ('site != "New York"', 'site != "New York"'),
        ("site == 'and'", 'site == "and"'),
        ('site == "O\'Hare"', 'site == "O\'Hare"'),
        ("site == '\"x\"'", "site == '\"x\"'"),
        ("not site == madrid", "site != madrid"),
        ("not site != madrid", "site == madrid"),
        ("spanish and cards", "cards and spanish"),
        ("cards and spanish and cards", "cards and spanish"),
        ("cards >= 3 and cards >= 5", "cards >= 5"),
        ("cards >= 5 and cards >= 3", "cards >= 5"),
        ("cards >= 3 or cards >= 5", "cards >= 3"),
        ("cards >= 5 or cards >= 3", "cards >= 3"),
        ("not cards >= 3 and not cards >= 5", "not cards >= 3"),
        ("not cards >= 3 or not cards >= 5", "not cards >= 5"),
        ("cards >= 3 and not cards >= 5", "cards >= 3 and not cards >= 5"),
        ("cards and (spanish and (loans))", "cards and loans and spanish"),
        ("cards or spanish or (loans or cards)", "cards or loans or spanish"),
        ("cards and spanish or loans", "cards and spanish or loans"),
        ("cards and (spanish or loans)", "cards and (loans or spanish)"),
        ("not (cards and spanish)", "not cards or not spanish"),
        ("not (cards or not spanish)", "not cards and spanish"),
        ("not (cards >= 3 and (spanish or site == boston))",
         "not cards >= 3 or not spanish and site != boston"),
        ("(cards and spanish) or (spanish and cards)", "cards and spanish"),
        ("(cards or cards >= 2) and cards >= 3", "cards >= 3"),
    ],
)  # fmt: skip
def test_one_meaning_has_one_normal_form(text: str, normal: str) -> None:
    requirement = read(text)
    assert str(requirement) == normal
    assert read(normal) == requirement
    assert hash(read(normal)) == hash(requirement)


BAD: Final = [
    ("carts", Reason.UNKNOWN_SKILL, 1,
     "names `carts` at character 1; wanted a declared skill; did you mean `cards`?"),
    ("cards and klingon >= 4", Reason.UNKNOWN_SKILL, 11,
     "names `klingon` at character 11; wanted a declared skill"),
    ("Cards", Reason.UNKNOWN_SKILL, 1,
     "names `Cards` at character 1; wanted a declared skill; did you mean `cards`?"),
    ("sight == madrid", Reason.UNKNOWN_ATTRIBUTE, 1,
     "names `sight` at character 1; wanted a declared attribute; did you mean `site`?"),
    ("site != madird", Reason.UNKNOWN_ATTRIBUTE, 9,
     "names `madird` at character 9; wanted a value of `site`; did you mean `madrid`?"),
    ("team == ''", Reason.UNKNOWN_ATTRIBUTE, 9,
     "names `` at character 9; wanted a value of `team`"),
    ("and cards", Reason.BAD_REQUIREMENT, 1,
     "has `and` at character 1; wanted a skill, an attribute, `not` or `(`"),
    ("cards and", Reason.BAD_REQUIREMENT, 10,
     "ends at character 10; wanted a skill, an attribute, `not` or `(`"),
    ("()", Reason.BAD_REQUIREMENT, 2,
     "has `)` at character 2; wanted a skill, an attribute, `not` or `(`"),
    ("cards spanish", Reason.BAD_REQUIREMENT, 7,
     "has `spanish` at character 7; wanted `and`, `or` or the end"),
    ("cards AND spanish", Reason.BAD_REQUIREMENT, 7,
     "has `AND` at character 7; wanted `and`, `or` or the end"),
    ("cards > 5", Reason.BAD_REQUIREMENT, 7,
     "has `>` at character 7; wanted `and`, `or` or the end"),
    ("cards <= 5", Reason.BAD_REQUIREMENT, 7,
     "has `<=` at character 7; wanted `and`, `or` or the end"),
    ("(cards", Reason.BAD_REQUIREMENT, 7, "ends at character 7; wanted `and`, `or` or `)`"),
    ("(cards loans)", Reason.BAD_REQUIREMENT, 8,
     "has `loans` at character 8; wanted `and`, `or` or `)`"),
    ("cards >= 11", Reason.BAD_REQUIREMENT, 10,
     "has `11` at character 10; wanted a proficiency from 1 to 10"),
    ("cards >= 0", Reason.BAD_REQUIREMENT, 10,
     "has `0` at character 10; wanted a proficiency from 1 to 10"),
    ("cards >= -1", Reason.BAD_REQUIREMENT, 10,
     "has `-` at character 10; wanted a proficiency from 1 to 10"),
    ("cards >=", Reason.BAD_REQUIREMENT, 9,
     "ends at character 9; wanted a proficiency from 1 to 10"),
    ("cards >= " + "9" * 500, Reason.BAD_REQUIREMENT, 10,
     f"has `{'9' * 40}…` at character 10; wanted a proficiency from 1 to 10"),
    ("site == 5", Reason.BAD_REQUIREMENT, 9,
     "has `5` at character 9; wanted a value: a name, or a text in quotes"),
    ("site == or", Reason.BAD_REQUIREMENT, 9,
     "has `or` at character 9; wanted a value: a name, or a text in quotes"),
    ("site == 'madrid", Reason.BAD_REQUIREMENT, 9,
     "has `'` at character 9; wanted a value: a name, or a text in quotes"),
    ("5", Reason.BAD_REQUIREMENT, 1,
     "has `5` at character 1; wanted a skill, an attribute, `not` or `(`"),
    ("\x07", Reason.BAD_REQUIREMENT, 1,
     "has `\\x07` at character 1; wanted a skill, an attribute, `not` or `(`"),
    ("x" * 513, Reason.TOO_LONG, 0, "has 513 characters; wanted at most 512"),
    ("(" * 17 + "cards" + ")" * 17, Reason.TOO_LONG, 0,
     "is nested deeper; wanted at most 16 parentheses in each other"),
    ("(" * 256 + ")" * 256, Reason.TOO_LONG, 0,
     "is nested deeper; wanted at most 16 parentheses in each other"),
    ("(" * 1000 + "cards" + ")" * 1000, Reason.TOO_LONG, 0,
     "has 2005 characters; wanted at most 512"),
    (" or ".join(["_x1"] * 65), Reason.TOO_LONG, 0, "has more terms; wanted at most 64"),
    ("not(" + " or ".join(f"team==a and {s}>={n}" for s in ("cards", "loans", "spanish")
                          for n in range(1, 7)) + ")", Reason.TOO_LONG, 0,
     "has 604 characters in normal form; wanted at most 512"),
]  # fmt: skip


@pytest.mark.parametrize("text, reason, position, message", BAD)
def test_a_mistake_is_told_with_its_place_and_what_is_wanted(
    text: str, reason: Reason, position: int, message: str
) -> None:
    with pytest.raises(RequirementError) as caught:
        read(text)
    error = caught.value
    assert (error.reason, error.position, str(error)) == (reason, position, message)
    for copy in (type(error)(*error.args), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert (type(copy), copy.args, str(copy)) == (type(error), error.args, message)


def test_all_unknown_names_and_the_first_error_of_syntax_are_told_at_once() -> None:
    found = requirement_errors("a and site == x or b >= )", skills=SKILLS, attributes=ATTRIBUTES)
    assert [(error.position, error.name) for error in found] == [
        (1, "a"),
        (15, "x"),
        (20, "b"),
        (25, ""),
    ]


def test_negations_do_not_count_as_nesting() -> None:
    assert str(read("not " * 126 + "cards")) == "cards"


def test_a_name_in_a_very_long_list_gets_no_suggestion() -> None:
    choices = ["cards", *(f"x{n}" for n in range(999))]
    assert nearest("carts", choices) == "cards"
    assert nearest("carts", [*choices, "y"]) == ""


def test_foreign_text_is_cut_and_made_visible() -> None:
    assert shown("a\u202eb\n" + "x" * 50) == "`a\\u202eb\\n" + "x" * 36 + "…`"


ANA: Final = {"cards": 6, "spanish": 2}


@pytest.mark.parametrize(
    "text, met, proficiency",
    [
        ("", True, 0),
        ("cards >= 6", True, 6),
        ("cards >= 7", False, 6),
        ("loans", False, 0),
        ("not loans", True, 0),
        ("not cards", False, 0),
        ("cards and not spanish >= 5", True, 6),
        ("cards and (cards >= 9 or spanish)", True, 8),
        ("cards and site == madrid", True, 6),
        ("site == boston", False, 0),
        ("site != boston", True, 0),
        ("team != a", True, 0),
        ("team == a or loans or spanish", True, 2),
    ],
)
def test_who_meets_it_and_how_well(text: str, met: bool, proficiency: int) -> None:
    requirement = read(text)
    assert requirement.met_by(ANA, {"site": "madrid"}) is met
    assert requirement.proficiency(ANA) == proficiency


@pytest.mark.parametrize(
    "one, other, normal",
    [
        ("", "", ""),
        ("cards", "", "cards"),
        ("", "cards or loans", "cards or loans"),
        ("cards >= 3 and loans", "cards >= 5", "cards >= 5 and loans"),
        ("cards or loans", "loans or cards", "cards or loans"),
        ("cards or loans", "spanish", "(cards or loans) and spanish"),
    ],
)
def test_both_is_the_conjunction(one: str, other: str, normal: str) -> None:
    assert str(both(read(one), read(other))) == normal
    assert both(read(other), read(one)) == read(normal)


def test_anyone_is_the_empty_conjunction() -> None:
    assert read("") == ANYONE == AllOf(())


class Tree:
    """An expression of Hypothesis's own: its text, and its value worked out without `acd`."""

    def __init__(self, text: str, kind: str, *parts: "Tree | str | int") -> None:
        self.text = text
        self.kind = kind
        self.parts = parts

    def __repr__(self) -> str:
        return self.text

    def met_by(self, skills: Mapping[str, int], attributes: Mapping[str, str]) -> bool:
        values = [p.met_by(skills, attributes) for p in self.parts if isinstance(p, Tree)]
        match self.kind, self.parts:
            case "skill", (str(name), int(level)):
                return skills.get(name, 0) >= level
            case "is", (str(name), str(value)):
                return attributes.get(name) == value
            case "not", _:
                return not values[0]
            case "and", _:
                return all(values)
            case _:
                return any(values)


def _skill(name: str, level: int) -> Tree:
    return Tree(f"{name} >= {level}", "skill", name, level)


def _attribute(name: str, value: str) -> Tree:
    return Tree(f"{name} == '{value}'", "is", name, value)


def _group(word: str, parts: list[Tree]) -> Tree:
    return Tree("(" + f" {word} ".join(part.text for part in parts) + ")", word, *parts)


LEAVES = st.one_of(
    st.builds(_skill, st.sampled_from(["cards", "loans"]), st.integers(1, 10)),
    st.builds(_attribute, st.just("team"), st.sampled_from("ab")),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda tree: Tree(f"not {tree.text}", "not", tree)),
        st.builds(_group, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=10,
).filter(lambda tree: len(tree.text) <= TEXT_MAX)
PEOPLE = st.dictionaries(st.sampled_from(["cards", "loans"]), st.integers(1, 10))
PLACES = st.dictionaries(st.just("team"), st.sampled_from("abc"))


@given(TREES, PEOPLE, PLACES)
def test_the_normal_form_means_what_the_text_means(
    tree: Tree, skills: dict[str, int], attributes: dict[str, str]
) -> None:
    assert read(tree.text).met_by(skills, attributes) is tree.met_by(skills, attributes)


@given(TREES)
def test_what_is_printed_reads_back_as_the_same(tree: Tree) -> None:
    requirement = read(tree.text)
    assert read(str(requirement)) == requirement
    assert str(read(str(requirement))) == str(requirement)


@given(TREES, TREES)
def test_double_negation_and_order_make_no_difference(one: Tree, other: Tree) -> None:
    texts = (f"not (not {one.text} or not {other.text})", f"{other.text} and {one.text}")
    if max(map(len, texts)) <= TEXT_MAX:
        assert read(texts[0]) == read(texts[1]) == both(read(one.text), read(other.text))


@given(TREES)
def test_the_normal_form_is_normal(tree: Tree) -> None:
    def check(requirement: Requirement) -> None:
        match requirement:
            case AllOf(parts) | AnyOf(parts):
                assert len(parts) > 1
                assert sorted({str(part) for part in parts}) == [str(part) for part in parts]
                for part in parts:
                    assert type(part) is not type(requirement)
                    check(part)
            case HasSkill() | HasAttribute():
                pass

    check(read(tree.text))


@given(st.text(alphabet="ab ()<>=!'\"0123456789not", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    declared: Any = {"skills": {"a", "b"}, "attributes": {"a": ("b",)}}
    if not requirement_errors(text, **declared):
        requirement = parse_requirement(text, **declared)
        assert parse_requirement(str(requirement), **declared) == requirement

"""Requirements: which agents may take a contact, over skills and agents' attributes.

A requirement is written as text and kept in a normal form:

    expression = conjunction { "or" conjunction }
    conjunction = factor { "and" factor }
    factor = { "not" } ( "(" expression ")" | term )
    term = SKILL [ ">=" PROFICIENCY ] | ATTRIBUTE ( "==" | "!=" ) VALUE

`spanish` alone means `spanish >= 1`. Names are `[A-Za-z_][A-Za-z0-9_-]*` and case matters; a value
is such a name or a text in quotes. An agent without an attribute differs from each of its values.

The normal form has negations at the terms only, groups flattened, sorted and without repeats, and
of several bounds on one skill in a group the one that decides. So the usual ways to write one
meaning give one value, and one class in the router. Equivalence proper would need a disjunctive
form, which grows exponentially: it is not tried.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from acd.errors import shown
from acd.expressions import KEYWORDS, NAME, Cursor, ExpressionError, Grammar, Token
from acd.ids import TEXT_MAX, Reason
from acd.settings import PROFICIENCY_MAX, PROFICIENCY_MIN


class RequirementError(ExpressionError):
    """A requirement cannot be read.

    The reason is one of `UNKNOWN_SKILL`, `UNKNOWN_ATTRIBUTE` for attributes and their values,
    `TOO_LONG`, and `BAD_REQUIREMENT` for the rest.
    """

    points_at_limits = False  # Journals hold what was refused, word for word, from before it did.


class HasSkill(Struct, frozen=True, gc=False, tag="skill"):
    """The agent has the skill at this proficiency or better; or, negated, has not."""

    skill: str
    at_least: int
    negated: bool = False

    def met_by(self, skills: Mapping[str, int], attributes: Mapping[str, str]) -> bool:  # noqa: ARG002 - the classes share one signature
        """Return whether an agent with `skills` and `attributes` meets it."""
        return (skills.get(self.skill, 0) >= self.at_least) is not self.negated

    def skills_named(self) -> frozenset[str]:
        """Return the skills that count for `proficiency`: those not negated."""
        return frozenset() if self.negated else frozenset((self.skill,))

    def proficiency(self, skills: Mapping[str, int]) -> int:
        """Return the agent's proficiency in the skill, 0–10; 0 if negated."""
        return 0 if self.negated else skills.get(self.skill, 0)

    def __str__(self) -> str:
        bound = "" if self.at_least == PROFICIENCY_MIN else f" >= {self.at_least}"
        return f"{'not ' if self.negated else ''}{self.skill}{bound}"


class HasAttribute(Struct, frozen=True, gc=False, tag="attribute"):
    """The agent's attribute has this value; or, negated, has another or none."""

    attribute: str
    value: str
    negated: bool = False

    def met_by(self, skills: Mapping[str, int], attributes: Mapping[str, str]) -> bool:  # noqa: ARG002 - the classes share one signature
        """Return whether an agent with `skills` and `attributes` meets it."""
        return (attributes.get(self.attribute) == self.value) is not self.negated

    def skills_named(self) -> frozenset[str]:
        """Return no skills."""
        return frozenset()

    def proficiency(self, skills: Mapping[str, int]) -> int:  # noqa: ARG002 - as above
        """Return 0."""
        return 0

    def __str__(self) -> str:
        value = self.value
        if not NAME.fullmatch(value) or value in KEYWORDS:
            value = f"'{value}'" if '"' in value else f'"{value}"'
        return f"{self.attribute} {'!=' if self.negated else '=='} {value}"


class _Group(Struct, frozen=True, gc=False):
    """Base of the two groups."""

    parts: "tuple[Requirement, ...]"

    def skills_named(self) -> frozenset[str]:
        """Return the skills that count for `proficiency`: those not negated."""
        return frozenset(name for part in self.parts for name in part.skills_named())

    def proficiency(self, skills: Mapping[str, int]) -> int:
        """Return the sum of the agent's proficiencies in the skills named, each once."""
        return sum(skills.get(name, 0) for name in self.skills_named())


class AllOf(_Group, frozen=True, tag="all"):
    """Every part is met."""

    def met_by(self, skills: Mapping[str, int], attributes: Mapping[str, str]) -> bool:
        """Return whether an agent with `skills` and `attributes` meets it."""
        return all(part.met_by(skills, attributes) for part in self.parts)

    def __str__(self) -> str:
        return " and ".join(f"({p})" if isinstance(p, AnyOf) else str(p) for p in self.parts)


class AnyOf(_Group, frozen=True, tag="any"):
    """At least one part is met."""

    def met_by(self, skills: Mapping[str, int], attributes: Mapping[str, str]) -> bool:
        """Return whether an agent with `skills` and `attributes` meets it."""
        return any(part.met_by(skills, attributes) for part in self.parts)

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Requirement: TypeAlias = HasSkill | HasAttribute | AllOf | AnyOf
"""In normal form if made by `parse_requirement` and `both`: make it by these only."""

ANYONE: Final[Requirement] = AllOf(())
"""Met by everybody; written as the empty text."""


def parse_requirement(
    text: str, *, skills: Collection[str], attributes: Mapping[str, tuple[str, ...]]
) -> Requirement:
    """Return the normal form of `text`; `ANYONE` for the empty text.

    Args:
        text: At most `TEXT_MAX` characters, `NESTING_MAX` parentheses deep, `TERMS_MAX` terms.
        skills: The declared skills; best a set or a dict.
        attributes: The declared attributes of agents, each with its values.

    Raises:
        RequirementError: The first mistake in the text.

    >>> declared = {"skills": {"cards", "loans", "spanish"}, "attributes": {"site": ("madrid",)}}
    >>> one = parse_requirement("spanish and (cards >= 5 and cards >= 3)", **declared)
    >>> str(one)
    'cards >= 5 and spanish'
    >>> one == parse_requirement("not (not cards >= 5 or not spanish)", **declared)
    True
    >>> one.met_by({"cards": 6, "spanish": 1}, {}), one.proficiency({"cards": 6, "spanish": 1})
    (True, 7)
    >>> str(parse_requirement("not (site == 'madrid' and loans)", **declared))
    'not loans or site != madrid'
    >>> parse_requirement("cards and spannish", **declared)
    Traceback (most recent call last):
    acd.skills.RequirementError: names `spannish` at character 11; wanted a declared skill; \
did you mean `spanish`?
    """
    requirement, errors = _read(text, skills=skills, attributes=attributes)
    if errors:
        raise errors[0]
    return requirement


def requirement_errors(
    text: str, *, skills: Collection[str], attributes: Mapping[str, tuple[str, ...]]
) -> Sequence[ExpressionError]:
    """Return every mistake in `text`: all unknown names, and the first that stops the reading.

    >>> errors = requirement_errors("a and b or >= 5", skills=(), attributes={})
    >>> [error.position for error in errors]
    [1, 7, 12]
    """
    return _read(text, skills=skills, attributes=attributes)[1]


def both(one: Requirement, other: Requirement) -> Requirement:
    """Return the requirement that both are met, in normal form.

    >>> str(both(HasSkill("cards", 3), AllOf((HasSkill("cards", 5), HasSkill("loans", 1)))))
    'cards >= 5 and loans'
    """
    return joined((one, other), AllOf)


_GroupKind: TypeAlias = type[AllOf] | type[AnyOf]


def joined(parts: Iterable[Requirement], kind: _GroupKind) -> Requirement:
    """Return the normal form of a group whose parts are in normal form. O(n log n)."""
    bounds: dict[tuple[str, bool], HasSkill] = {}
    others: set[Requirement] = set()
    for part in parts:
        for leaf in part.parts if isinstance(part, kind) else (part,):
            if isinstance(leaf, HasSkill):
                known = bounds.setdefault((leaf.skill, leaf.negated), leaf)
                # Of `>= 3` and `>= 5` the higher decides in "and", the lower in "or"; of
                # their negations the other way round.
                if (leaf.at_least > known.at_least) is ((kind is AllOf) is not leaf.negated):
                    bounds[leaf.skill, leaf.negated] = leaf
            else:
                others.add(leaf)
    if kind is AnyOf and ANYONE in others:
        return ANYONE
    unique = sorted((*bounds.values(), *others), key=str)
    return unique[0] if len(unique) == 1 else kind(tuple(unique))


def _read(
    text: str, *, skills: Collection[str], attributes: Mapping[str, tuple[str, ...]]
) -> tuple[Requirement, Sequence[ExpressionError]]:
    """Return the normal form, right if there are no errors, and the errors by position."""
    if len(text) > TEXT_MAX:
        return ANYONE, [_too_long(f"has {len(text)} characters", f"at most {TEXT_MAX}")]
    cursor = Cursor(text, RequirementError, Reason.BAD_REQUIREMENT)
    if cursor.token.kind == "end":
        return ANYONE, ()
    try:
        requirement = Grammar(cursor, _Terms(cursor, skills, attributes)).whole()
    except RequirementError as error:
        return ANYONE, [*cursor.unknown, error]
    # Normal forms can be longer (`not (a or b)`). Limiting them too lets each be read back.
    if not cursor.unknown and (length := len(str(requirement))) > TEXT_MAX:
        seen = f"has {length} characters in normal form"
        return requirement, [_too_long(seen, f"at most {TEXT_MAX}")]
    return requirement, cursor.unknown


def _too_long(seen: str, wanted: str) -> RequirementError:
    return RequirementError(Reason.TOO_LONG, 0, seen, wanted)


class _Terms:
    """The terms of requirements."""

    def __init__(
        self, cursor: Cursor, skills: Collection[str], attributes: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._cursor = cursor
        self._skills = skills
        self._attributes = attributes

    def term(self, *, negated: bool) -> Requirement:
        cursor = self._cursor
        if cursor.token.kind != "name" or cursor.token.text in KEYWORDS:
            raise cursor.unexpected("a skill, an attribute, `not` or `(`")
        cursor.count_term()
        name = cursor.advance()
        if cursor.token.text in {"==", "!="}:
            return self._attribute(name, negated=negated)
        if name.text not in self._skills:
            cursor.note(Reason.UNKNOWN_SKILL, name, name.text, "a declared skill", self._skills)
        at_least = self._at_least() if cursor.takes(">=") else PROFICIENCY_MIN
        return HasSkill(name.text, at_least, negated)

    def join(self, parts: Sequence[Requirement], *, every: bool) -> Requirement:
        return joined(parts, AllOf if every else AnyOf)

    def _at_least(self) -> int:
        token = self._cursor.token
        # Five hundred digits are no problem for int().
        if token.kind != "number" or not PROFICIENCY_MIN <= int(token.text) <= PROFICIENCY_MAX:
            wanted = f"a proficiency from {PROFICIENCY_MIN} to {PROFICIENCY_MAX}"
            raise self._cursor.unexpected(wanted)
        return int(self._cursor.advance().text)

    def _attribute(self, name: Token, *, negated: bool) -> Requirement:
        cursor = self._cursor
        differs = cursor.advance().text == "!="
        token = cursor.token
        if token.kind == "text":
            value = token.text[1:-1]
        elif token.kind == "name" and token.text not in KEYWORDS:
            value = token.text
        else:
            raise cursor.unexpected("a value: a name, or a text in quotes")
        cursor.advance()
        values = self._attributes.get(name.text)
        unknown = Reason.UNKNOWN_ATTRIBUTE
        if values is None:
            cursor.note(unknown, name, name.text, "a declared attribute", self._attributes)
        elif value not in values:
            cursor.note(unknown, token, value, f"a value of {shown(name.text)}", values)
        return HasAttribute(name.text, value, negated is not differs)

"""Conditions: for which contacts an entry rule is, over channel, time and attributes.

    term = "channel" ( "==" | "!=" ) CHANNEL | "channel" "in" "(" CHANNEL { "," CHANNEL } ")"
         | "weekday" …, as `channel`, with mon, tue, wed, thu, fri, sat, sun
         | "time" ( "<" | "<=" | ">" | ">=" ) HH:MM
         | TEXT ( "==" | "!=" | "starts_with" ) VALUE | TEXT "in" "(" VALUE { "," VALUE } ")"
         | NUMBER ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) DIGITS | NUMBER "in" "(" … ")"
         | ( TEXT | NUMBER ) "is" "set"

TEXT and NUMBER are declared attributes of contacts; `acd.expressions` has the rest of the grammar.
What a contact does not bring, or brings empty, is not set: then every comparison but `!=` is false,
and `not` turns that round, so of a term and its negation exactly one holds.

A condition is kept with negations at its terms only. Numbers are integers of millionths.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct

from acd.errors import shown
from acd.expressions import KEYWORDS, Cursor, ExpressionError, Grammar, Token
from acd.ids import ID_MAX, Channel, Reason
from acd.settings import DAY_US, SECOND_US

CONDITION_MAX: Final = 4_000
"""Longest condition, in characters: a line of a configuration file, and 300 called numbers."""

CHANNEL: Final = "channel"
WEEKDAY: Final = "weekday"
TIME: Final = "time"
TAKEN: Final = frozenset({CHANNEL, WEEKDAY, TIME}) | KEYWORDS | {"in", "is", "starts_with"}
"""Names that mean something in a condition, so that no attribute there may have them."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

NUMBER_MAX: Final = 10**18 - 1
"""The largest number, in millionths: up to 12 digits before the point and 6 behind it, 64 bits."""

_NUMBER: Final = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6}))?")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


def number_of(text: str) -> int | None:
    """Return a decimal number in millionths; None if it is none.

    >>> number_of("99.95"), number_of("-3"), number_of("1e3"), number_of("")
    (99950000, -3000000, None, None)
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups("")
    millionths = int(whole) * 1_000_000 + int(fraction.ljust(6, "0"))
    return -millionths if sign else millionths


class Facts(NamedTuple):
    """What a condition is tested against."""

    channel: Channel
    attributes: dict[str, str]
    weekday: int
    """0 is Monday."""
    time_us: int
    """Of the day, by the domain's clocks."""


class ChannelIn(Struct, frozen=True, gc=False):
    """The contact came on one of these channels."""

    values: frozenset[Channel]

    @property
    def about(self) -> str:
        """Return what it compares."""
        return CHANNEL

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        return facts.channel in self.values


class WeekdayIn(Struct, frozen=True, gc=False):
    """It is one of these days, 0 being Monday."""

    values: frozenset[int]

    @property
    def about(self) -> str:
        """Return what it compares."""
        return WEEKDAY

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        return facts.weekday in self.values


class TimeWithin(Struct, frozen=True, gc=False):
    """It is so late or later, and earlier than that. One of the two is an end of the day."""

    from_us: int
    until_us: int

    @property
    def about(self) -> str:
        """Return what it compares."""
        return TIME

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        return self.from_us <= facts.time_us < self.until_us


class OneOf(Struct, frozen=True, gc=False):
    """The attribute has one of these values; or, negated, another or none."""

    about: str
    values: frozenset[str]
    negated: bool = False

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        return (facts.attributes.get(self.about, "") in self.values) is not self.negated


class StartsWith(Struct, frozen=True, gc=False):
    """The attribute's value begins so; or, negated, otherwise, or there is none."""

    about: str
    prefix: str
    negated: bool = False

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        value = facts.attributes.get(self.about, "")
        return value.startswith(self.prefix) is not self.negated


class IsSet(Struct, frozen=True, gc=False):
    """The attribute has a value; or, negated, none."""

    about: str
    negated: bool = False

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        return bool(facts.attributes.get(self.about)) is not self.negated


class Between(Struct, frozen=True, gc=False):
    """The attribute is a number from `least` to `most`, in millionths; or, negated, is not."""

    about: str
    least: int
    most: int
    negated: bool = False

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        number = number_of(facts.attributes.get(self.about, ""))
        inside = number is not None and self.least <= number <= self.most
        return inside is not self.negated


Term: TypeAlias = ChannelIn | WeekdayIn | TimeWithin | OneOf | StartsWith | IsSet | Between


class Every(Struct, frozen=True, gc=False):
    """Every part holds."""

    parts: "tuple[Condition, ...]"

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        return all(part.holds(facts) for part in self.parts)


class Either(Struct, frozen=True, gc=False):
    """At least one part holds."""

    parts: "tuple[Condition, ...]"

    def holds(self, facts: Facts) -> bool:
        """Return whether it is so."""
        return any(part.holds(facts) for part in self.parts)


Condition: TypeAlias = Term | Every | Either

ALWAYS: Final[Condition] = Every(())
"""Holds for every contact; written as the empty text."""


class ConditionError(ExpressionError):
    """A condition cannot be read."""


def parse_condition(
    text: str, *, attributes: Collection[str], numbers: Collection[str]
) -> Condition:
    """Return what `text` says; `ALWAYS` for the empty text.

    Args:
        text: At most `CONDITION_MAX` characters.
        attributes: The declared attributes of contacts.
        numbers: Those of them whose values are numbers.

    Raises:
        ConditionError: The first mistake in the text.

    >>> when = parse_condition(
    ...     "channel == voice and not (dnis starts_with 49 or weekday in (sat, sun))",
    ...     attributes=("dnis",), numbers=(),
    ... )
    >>> when.holds(Facts(Channel.VOICE, {"dnis": "4000"}, weekday=4, time_us=0))
    True
    >>> when.holds(Facts(Channel.VOICE, {"dnis": "4930"}, weekday=4, time_us=0))
    False
    >>> parse_condition("dnsi == 4000", attributes=("dnis",), numbers=())
    Traceback (most recent call last):
    acd.conditions.ConditionError: names `dnsi` at character 1; wanted `channel`, `weekday`, \
`time` or a declared attribute of contacts; did you mean `dnis`?
    """
    condition, errors = read_condition(text, attributes=attributes, numbers=numbers)
    if errors:
        raise errors[0]
    return condition


def read_condition(
    text: str, *, attributes: Collection[str], numbers: Collection[str]
) -> tuple[Condition, Sequence[ExpressionError]]:
    """Return what `text` says, right if there are no mistakes, and all its mistakes."""
    # No event carries a condition, so no router ever answers with these reasons.
    if len(text) > CONDITION_MAX:
        seen, wanted = f"has {len(text)} characters", f"at most {CONDITION_MAX}"
        return ALWAYS, [ConditionError(Reason.TOO_LONG, 0, seen, wanted)]
    cursor = Cursor(text, ConditionError, Reason.BAD_TEXT)
    if not text:
        return ALWAYS, ()
    try:
        condition = Grammar(cursor, _Terms(cursor, attributes, numbers)).whole()
    except ConditionError as error:
        return ALWAYS, [*cursor.unknown, error]
    return condition, cursor.unknown


_ValueT = TypeVar("_ValueT")

_BOUNDS: Final[dict[str, Callable[[int], tuple[int, int]]]] = {
    "<": lambda number: (-NUMBER_MAX, number - 1),
    "<=": lambda number: (-NUMBER_MAX, number),
    ">": lambda number: (number + 1, NUMBER_MAX),
    ">=": lambda number: (number, NUMBER_MAX),
}
"""The least and the most number that an operator leaves; the others leave the number itself."""


def _just(number: int) -> tuple[int, int]:
    return number, number


_ORDERING: Final = tuple(_BOUNDS)
_OPERATORS: Final = ("==", "!=", *_ORDERING, "in", "starts_with", "is")
_WANTED_OPERATOR: Final = "`==`, `!=`, `<`, `<=`, `>`, `>=`, `in (…)`, `starts_with` or `is set`"


class _Comparison(NamedTuple):
    """A term as it is written."""

    name: Token
    operator: Token
    values: tuple[Token, ...]


class _Terms:
    """The terms of conditions."""

    def __init__(
        self, cursor: Cursor, attributes: Collection[str], numbers: Collection[str]
    ) -> None:
        self._cursor = cursor
        self._attributes = attributes
        self._numbers = numbers

    def join(self, parts: Sequence[Condition], *, every: bool) -> Condition:
        if len(parts) == 1:
            return parts[0]
        return Every(tuple(parts)) if every else Either(tuple(parts))

    def term(self, *, negated: bool) -> Condition:
        cursor = self._cursor
        if cursor.token.kind != "name" or cursor.token.text in TAKEN - {CHANNEL, WEEKDAY, TIME}:
            raise cursor.unexpected("`channel`, `weekday`, `time`, an attribute, `not` or `(`")
        cursor.count_term()
        said = self._comparison()
        if said.operator.text == "!=":
            negated = not negated
        name = said.name.text
        if name == CHANNEL:
            return self._channel(said, negated=negated)
        if name == WEEKDAY:
            return self._weekday(said, negated=negated)
        if name == TIME:
            return self._time(said, negated=negated)
        if name in self._numbers:
            return self._number(said, negated=negated)
        if name not in self._attributes:
            wanted = "`channel`, `weekday`, `time` or a declared attribute of contacts"
            choices = (CHANNEL, WEEKDAY, TIME, *self._attributes)
            cursor.note(Reason.UNKNOWN_ATTRIBUTE, said.name, name, wanted, choices)
            return ALWAYS
        return self._text(said, negated=negated)

    # What is written.

    def _comparison(self) -> _Comparison:
        cursor = self._cursor
        name = cursor.advance()
        if cursor.token.text not in _OPERATORS:
            raise cursor.unexpected(_WANTED_OPERATOR)
        operator = cursor.advance()
        if operator.text == "is":
            if not cursor.takes("set"):
                raise cursor.unexpected("`set`")
            return _Comparison(name, operator, ())
        if operator.text != "in":
            return _Comparison(name, operator, (self._value(),))
        if not cursor.takes("("):
            raise cursor.unexpected("`(` and values")
        values = [self._value()]
        while cursor.takes(","):
            values.append(self._value())
        if not cursor.takes(")"):
            raise cursor.unexpected("`,` or `)`")
        return _Comparison(name, operator, tuple(values))

    def _value(self) -> Token:
        """Read a value: a name, a text without its quotes, a number, or a time."""
        cursor = self._cursor
        first = cursor.token
        if first.kind == "text":
            return cursor.advance()._replace(text=first.text[1:-1])
        if first.kind == "name" and first.text not in TAKEN:
            return cursor.advance()
        sign = "-" if cursor.takes("-") else ""
        text = sign + self._digits()
        for mark, kind in ((":", "time"), (".", "number")):
            if cursor.takes(mark):
                return Token(kind, f"{text}{mark}{self._digits()}", first.position)
        return Token("number", text, first.position)

    def _digits(self) -> str:
        if self._cursor.token.kind != "number":
            wanted = "a value: a name, a number, a time like 08:30, or a text in quotes"
            raise self._cursor.unexpected(wanted)
        return self._cursor.advance().text

    # What it means.

    def _channel(self, said: _Comparison, *, negated: bool) -> Condition:
        known = {channel.value: channel for channel in Channel}
        chosen = self._chosen(said, "a channel", known, negated=negated)
        return ChannelIn(frozenset(chosen))

    def _weekday(self, said: _Comparison, *, negated: bool) -> Condition:
        known = {name: day for day, name in enumerate(WEEKDAYS)}
        return WeekdayIn(frozenset(self._chosen(said, "a weekday", known, negated=negated)))

    def _chosen(
        self, said: _Comparison, what: str, known: dict[str, _ValueT], *, negated: bool
    ) -> list[_ValueT]:
        """Return which of a few known values are meant: always one of them is the case."""
        self._check_operator(said, ("==", "!=", "in"), what)
        named = {value.text for value in said.values}
        wanted = f"{what}: one of {', '.join(known)}"
        for value in said.values:
            if value.text not in known:
                self._cursor.note(Reason.BAD_TEXT, value, value.text, wanted, known)
        return [one for name, one in known.items() if (name in named) is not negated]

    def _time(self, said: _Comparison, *, negated: bool) -> Condition:
        self._check_operator(said, _ORDERING, "a time of the day")
        at_us = 0
        for value in said.values:
            match = _TIME.fullmatch(value.text) if value.kind == "time" else None
            if match is None:
                seen = f"has {shown(value.text)}"
                self._cursor.note_type(value, seen, "a time from 00:00 to 24:00")
            else:
                hour, _, minute = value.text.partition(":")
                at_us = (int(hour) * 60 + int(minute)) * 60 * SECOND_US
        operator = said.operator.text
        # Time goes on in microseconds: `<=` and `>` count the whole instant, no more.
        if operator in {"<=", ">"}:
            at_us += 1
        before = TimeWithin(0, at_us)
        after = TimeWithin(at_us, DAY_US)
        return before if (operator in {"<", "<="}) is not negated else after

    def _number(self, said: _Comparison, *, negated: bool) -> Condition:
        name = said.name.text
        self._check_operator(said, ("==", "!=", *_ORDERING, "in", "is"), "a number")
        if said.operator.text == "is":
            return IsSet(name, negated)
        numbers = []
        for value in said.values:
            number = number_of(value.text) if value.kind == "number" else None
            if number is None:
                wanted = f"a number like 12 or 99.95, since {shown(name)} is one"
                self._cursor.note_type(value, f"has {shown(value.text)}", wanted)
            else:
                numbers.append(number)
        bounds = _BOUNDS.get(said.operator.text, _just)
        parts = []
        for one in numbers:
            least, most = bounds(one)
            parts.append(Between(name, least, most, negated))
        return self.join(parts, every=negated)

    def _text(self, said: _Comparison, *, negated: bool) -> Condition:
        name = said.name.text
        self._check_operator(said, ("==", "!=", "in", "starts_with", "is"), "a text")
        for value in said.values:
            if value.kind == "time":
                wanted = f"a name, digits, or a text in quotes, since {shown(name)} is a text"
                self._cursor.note_type(value, f"has {shown(value.text)}", wanted)
            elif not 1 <= len(value.text) <= ID_MAX:
                seen = f"has a value of {len(value.text)} characters"
                wanted = f"from 1 to {ID_MAX}; `is set` asks whether there is one"
                self._cursor.note_type(value, seen, wanted)
        if said.operator.text == "is":
            return IsSet(name, negated)
        if said.operator.text == "starts_with":
            return StartsWith(name, said.values[0].text, negated)
        return OneOf(name, frozenset(value.text for value in said.values), negated)

    def _check_operator(self, said: _Comparison, fitting: Sequence[str], what: str) -> None:
        """Note an operator that does not suit the type of what it compares."""
        if said.operator.text not in fitting:
            spelt = {"in": "in (…)", "is": "is set"}
            listed = ", ".join(shown(spelt.get(one, one)) for one in fitting)
            wanted = f"one of {listed}, since {shown(said.name.text)} is {what}"
            self._cursor.note_type(said.operator, f"has {shown(said.operator.text)}", wanted)

"""Expressions with `and`, `or`, `not` and parentheses: what requirements and conditions share.

    expression = conjunction { "or" conjunction }
    conjunction = factor { "and" factor }
    factor = { "not" } ( "(" expression ")" | term )

What a term is, and what a group of them means, its language says (`acd.skills`, `acd.conditions`).
Reading costs no more than the text's length, whatever it holds: it is cut into tokens in one pass,
and nesting and terms have limits.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Final, Generic, NamedTuple, Protocol, TypeVar

from acd.errors import AcdError, did_you_mean, nearest, shown
from acd.ids import Reason

NESTING_MAX: Final = 16
"""Deepest parentheses: twice what anybody can read, and far from Python's recursion limit."""

TERMS_MAX: Final = 64
"""Most terms of one text: as many as its 512 characters hold at 8 characters each."""

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
KEYWORDS: Final = frozenset({"and", "or", "not"})


class ExpressionError(AcdError):
    """An expression cannot be read.

    Args: the reason (`TOO_LONG` for every limit), the position (characters from 1; 0 for the whole
    text), what was seen, what is wanted, an unknown name and the names that exist.
    """

    points_at_limits: ClassVar[bool] = True
    """Whether it says where a limit was reached."""

    def __init__(  # noqa: PLR0917 - all facts are kept in args, in order
        self,
        reason: Reason,
        position: int,
        seen: str,
        wanted: str,
        name: str = "",
        choices: Collection[str] = (),
    ) -> None:
        super().__init__(reason, position, seen, wanted, name, choices)

    @property
    def reason(self) -> Reason:
        """What kind of mistake it is; the router answers it in `Refused`."""
        reason: Reason = self.args[0]
        return reason

    @property
    def position(self) -> int:
        """Where it is, in characters from 1; 0 for the whole text."""
        position: int = self.args[1]
        return position

    @property
    def seen(self) -> str:
        """What was seen, and where."""
        return f"{self.args[2]} at character {self.position}" if self.position else self.args[2]

    @property
    def wanted(self) -> str:
        """What is wanted, with the nearest name.

        It is searched here, so a router that refuses events at full load does not pay for it.
        """
        return f"{self.wanted_bare}{did_you_mean(nearest(self.name, self.choices))}"

    @property
    def wanted_bare(self) -> str:
        """What is wanted, without a suggestion."""
        wanted: str = self.args[3]
        return wanted

    @property
    def name(self) -> str:
        """The unknown name; empty if the mistake is another."""
        name: str = self.args[4]
        return name

    @property
    def choices(self) -> Collection[str]:
        """The names that exist."""
        choices: Collection[str] = self.args[5]
        return choices

    def __str__(self) -> str:
        return f"{self.seen}; wanted {self.wanted}"


class Token(NamedTuple):
    """A piece of a text."""

    kind: str
    """"name", "number", "text", "symbol", or "end"."""
    text: str
    position: int
    """Of its first character, from 1."""


# Each alternative begins with another character and the last takes any: one pass, no backtracking.
_TOKENS: Final = re.compile(
    rf"(?P<name>{NAME.pattern})|(?P<number>[0-9]+)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<symbol>[<>=!]=|[^ \t\r\n])"
)


class Cursor:
    """A text that is being read, token by token.

    Args:
        text: It.
        error: What is raised about it.
        bad: The reason of a text that does not follow the grammar.
    """

    def __init__(self, text: str, error: type[ExpressionError], bad: Reason) -> None:
        self.unknown: list[ExpressionError] = []
        """Mistakes behind which the reading goes on: unknown names, values of a wrong type."""
        self._error = error
        self._bad = bad
        found = [
            Token(match.lastgroup or "", match.group(), match.start() + 1)
            for match in _TOKENS.finditer(text)
        ]
        self._tokens = iter([*found, Token("end", "", len(text) + 1)])
        self.token = next(self._tokens)
        """The next to be read."""
        self._terms = 0

    def advance(self) -> Token:
        """Go on to the next token; return the one that was read. The end is never passed."""
        read = self.token
        self.token = next(self._tokens)
        return read

    def takes(self, text: str) -> bool:
        """Read a token of this text, if it is the next."""
        if self.token.text != text:
            return False
        self.advance()
        return True

    def count_term(self) -> None:
        """Count a term.

        Raises:
            ExpressionError: There are too many.
        """
        self._terms += 1
        if self._terms > TERMS_MAX:
            raise self.beyond("has more terms", f"at most {TERMS_MAX}")

    def beyond(self, seen: str, wanted: str) -> ExpressionError:
        """Return that a limit is reached at the next token."""
        position = self.token.position if self._error.points_at_limits else 0
        return self._error(Reason.TOO_LONG, position, seen, wanted)

    def unexpected(self, wanted: str) -> ExpressionError:
        """Return that the next token is not what is wanted."""
        token = self.token
        seen = "ends" if token.kind == "end" else f"has {shown(token.text)}"
        return self._error(self._bad, token.position, seen, wanted)

    def note(
        self, reason: Reason, token: Token, name: str, wanted: str, choices: Collection[str]
    ) -> None:
        """Note an unknown name, and go on."""
        seen = f"names {shown(name)}"
        self.unknown.append(self._error(reason, token.position, seen, wanted, name, tuple(choices)))

    def note_type(self, token: Token, seen: str, wanted: str) -> None:
        """Note that a comparison does not suit the type of what is compared, and go on."""
        self.unknown.append(self._error(self._bad, token.position, seen, wanted))


NodeT = TypeVar("NodeT")


class Language(Protocol[NodeT]):
    """What the terms of an expression are, and what a group of them means."""

    def term(self, *, negated: bool) -> NodeT:
        """Read a term at the cursor; negated if an odd number of `not` stands before it."""

    def join(self, parts: Sequence[NodeT], *, every: bool) -> NodeT:
        """Return that every part holds, or at least one."""


class Grammar(Generic[NodeT]):
    """Recursive descent; negations are pushed inwards on the way down."""

    def __init__(self, cursor: Cursor, language: Language[NodeT]) -> None:
        self._cursor = cursor
        self._language = language
        self._nesting = 0

    def whole(self) -> NodeT:
        """Read to the end.

        Raises:
            ExpressionError: The first mistake that stops the reading; `Cursor.unknown` has more.
        """
        whole = self._disjunction(negated=False)
        if self._cursor.token.kind != "end":
            raise self._cursor.unexpected("`and`, `or` or the end")
        return whole

    def _disjunction(self, *, negated: bool) -> NodeT:
        return self._group("or", self._conjunction, every=negated, negated=negated)

    def _conjunction(self, *, negated: bool) -> NodeT:
        return self._group("and", self._factor, every=not negated, negated=negated)

    def _group(self, word: str, part: Callable[..., NodeT], *, every: bool, negated: bool) -> NodeT:
        parts = [part(negated=negated)]
        while self._cursor.takes(word):
            parts.append(part(negated=negated))
        return self._language.join(parts, every=every)

    def _factor(self, *, negated: bool) -> NodeT:
        while self._cursor.takes("not"):
            negated = not negated
        if self._cursor.token.text != "(":
            return self._language.term(negated=negated)
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            wanted = f"at most {NESTING_MAX} parentheses in each other"
            raise self._cursor.beyond("is nested deeper", wanted)
        self._cursor.advance()
        inner = self._disjunction(negated=negated)
        if not self._cursor.takes(")"):
            raise self._cursor.unexpected("`and`, `or` or `)`")
        self._nesting -= 1
        return inner

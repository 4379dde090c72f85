"""What conditions exclude together: is there a contact that meets one of them and none of others?

Of a text only the values and beginnings matter that the conditions name, of a number and of the
time only the bounds: each thing that is compared has so many *cells*, and the contacts in one cell
are alike. A term is the set of cells in which it holds, kept as the bits of an integer.

A contact is searched for as in a game of patience. What must hold is laid down, and narrows the
cells; a choice of parts is left until all else lies. Then each part is tried, and one that fails
leads back to the last choice that had to do with it. What is found to be excluded is so, and all
that is so is found but where the search would take too long.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias, assert_never

from acd.conditions import (
    CHANNEL,
    NUMBER_MAX,
    WEEKDAYS,
    Between,
    ChannelIn,
    Condition,
    Either,
    Every,
    IsSet,
    OneOf,
    StartsWith,
    Term,
    TimeWithin,
    WeekdayIn,
)
from acd.ids import ID_MAX, Channel
from acd.settings import DAY_US

SEARCH_MAX: Final = 20_000
"""Most terms looked at in one search: ten times as many as 500 rules with four values each have."""

TERMS_MAX: Final = 1_000_000
"""Most terms looked at for all conditions of a domain: a second."""

CHOICES_MAX: Final = 100
"""Most choices open at once, so that Python's stack holds."""

Bits: TypeAlias = int
"""A set of cells, or of conditions: bit n is set if number n is in it."""


class _In(NamedTuple):
    """The contact is in one of these cells of what is compared."""

    about: str
    cells: Bits


class _Parts(NamedTuple):
    """Every part holds, or at least one."""

    every: bool
    parts: "tuple[_In | _Parts, ...]"


_Node: TypeAlias = _In | _Parts
_Choice: TypeAlias = tuple[_Parts, Bits]
"""Of which parts one must hold, and the conditions that say so."""


_EACH: Final = ChannelIn(frozenset(Channel))


class _EnoughError(Exception):
    """To find out would take too long."""


class _Laid:
    """In which cells a contact must be, of each thing that is compared."""

    __slots__ = ("causes", "cells")

    def __init__(self, cells: dict[str, Bits], causes: dict[str, Bits]) -> None:
        self.cells = cells
        self.causes = causes
        """Which conditions narrowed them."""

    def copy(self) -> "_Laid":
        return _Laid(self.cells.copy(), self.causes.copy())


class Logic:
    """Compares conditions.

    Args:
        conditions: All that are to be compared.
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        terms: defaultdict[str, list[Term]] = defaultdict(list)
        for condition in conditions:
            for term in _terms(condition):
                terms[term.about].append(term)
        terms[CHANNEL].append(_EACH)
        cells = {about: _Cells(some) for about, some in terms.items()}
        self._every = {about: one.every for about, one in cells.items()}

        def read(condition: Condition, *, negated: bool) -> _Node:
            if isinstance(condition, Every | Either):
                parts = tuple(read(part, negated=negated) for part in condition.parts)
                return _Parts(isinstance(condition, Every) is not negated, parts)
            about = condition.about
            holding = cells[about].of(condition)
            return _In(about, self._every[about] ^ holding if negated else holding)

        self._holding = [read(one, negated=False) for one in conditions]
        self._failing = [read(one, negated=True) for one in conditions]
        self._looked_at = 0
        self._until = 0
        self._open = 0

    def channels_of(self, place: int) -> frozenset[Channel]:
        """Return on which channels there may be contacts that meet a condition; on none: nobody."""
        return frozenset(
            channel
            for number, channel in enumerate(Channel)
            if self._excluded([_In(CHANNEL, 1 << number), self._holding[place]]) is None
        )

    def takers_of(self, place: int, others: Sequence[int]) -> list[int] | None:
        """Return which of the others together surely hold for each contact that meets a condition.

        None: there are further contacts, or to find out would take too long.
        """
        excluded = self._excluded([self._holding[place], *(self._failing[one] for one in others)])
        if excluded is None:
            return None
        return [one for number, one in enumerate(others, 1) if excluded >> number & 1]

    def follows(self, place: int, other: int) -> bool | None:
        """Return whether whatever meets the other condition meets this one; None: it is too much.

        >>> more, less = (Between("cards", least, NUMBER_MAX) for least in (5, 3))
        >>> Logic([more, less]).follows(1, 0), Logic([more, less]).follows(0, 1)
        (True, False)
        """
        try:
            return self._search([self._holding[other], self._failing[place]]) is not None
        except _EnoughError:
            return None

    def _excluded(self, nodes: Sequence[_Node]) -> Bits | None:
        """Return some that surely never hold together; None if all may, or it takes too long."""
        try:
            return self._search(nodes)
        except _EnoughError:
            return None

    def _search(self, nodes: Sequence[_Node]) -> Bits | None:
        """Return some that never hold together; None if all may."""
        self._until = min(self._looked_at + SEARCH_MAX, TERMS_MAX)
        self._open = 0
        laid = _Laid(self._every.copy(), {})
        choices: list[_Choice] = []
        found = self._lay(((one, 1 << place) for place, one in enumerate(nodes)), laid, choices)
        return self._choose(choices, 0, laid) if found is None else found

    def _lay(
        self, nodes: Iterable[tuple[_Node, Bits]], laid: _Laid, choices: list[_Choice]
    ) -> Bits | None:
        """Lay down what must hold, and note the choices; return what excludes each other, if so."""
        for node, own in nodes:
            found = None
            if isinstance(node, _In):
                left = self._left(node, laid)
                if left != laid.cells[node.about]:
                    cause = own | laid.causes.get(node.about, 0)
                    laid.cells[node.about], laid.causes[node.about] = left, cause
                    found = None if left else cause
            elif node.every:
                found = self._lay(((part, own) for part in node.parts), laid, choices)
            else:
                parts, cause = self._open_parts(node, own, laid)
                if parts is not None and len(parts) > 1:
                    choices.append((node, own))
                elif parts is not None:
                    found = self._lay_only(parts, cause, laid, choices)
            if found is not None:
                return found
        return None

    def _lay_only(
        self, parts: Sequence[_Node], cause: Bits, laid: _Laid, choices: list[_Choice]
    ) -> Bits | None:
        """Lay down the only part left of a choice; if none is, that is what is excluded."""
        return self._lay(((parts[0], cause),), laid, choices) if parts else cause

    def _choose(self, choices: list[_Choice], place: int, laid: _Laid) -> Bits | None:
        """Make the choices from a place on; return what excludes each other, however made."""
        while place < len(choices):
            node, own = choices[place]
            place += 1
            parts, cause = self._open_parts(node, own, laid)
            if parts is None:
                continue
            if len(parts) < 2:
                found = self._lay_only(parts, cause, laid, choices)
                if found is not None:
                    return found
                continue
            self._open += 1
            if self._open > CHOICES_MAX:
                raise _EnoughError
            for part in parts:
                trial, further = laid.copy(), choices.copy()
                found = self._lay(((part, own),), trial, further)
                if found is None:
                    found = self._choose(further, place, trial)
                if found is None or not found & own:
                    # There is a contact; or it does not hang on what is chosen here.
                    self._open -= 1
                    return found
                cause |= found
            self._open -= 1
            return cause
        return None

    def _open_parts(
        self, node: _Parts, cause: Bits, laid: _Laid
    ) -> tuple[Sequence[_Node] | None, Bits]:
        """Return which parts may hold, and the cause with what excludes the others.

        None if one holds as it is, so that there is nothing to choose.
        """
        parts: list[_Node] = []
        for part in node.parts:
            if isinstance(part, _In):
                left = self._left(part, laid)
                if left == laid.cells[part.about]:
                    return None, cause
                if not left:
                    cause |= laid.causes.get(part.about, 0)
                    continue
            parts.append(part)
        return parts, cause

    def _left(self, node: _In, laid: _Laid) -> Bits:
        """Return which cells a term leaves of those that lie."""
        self._looked_at += 1
        if self._looked_at > self._until:
            raise _EnoughError
        return laid.cells[node.about] & node.cells


def _terms(condition: Condition) -> Iterable[Term]:
    if isinstance(condition, Every | Either):
        for part in condition.parts:
            yield from _terms(part)
    else:
        yield condition


class _Cells:
    """The cells of one thing that is compared, by all terms about it.

    The day is cut where a span begins or ends. So are the numbers, behind one cell for those who
    bring none. Texts are sorted; behind each beginning that is named stands a cell for all that go
    on behind it as nobody names, so that each beginning has a run of cells. The first is for those
    who bring none, as the empty text.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        bounds = {0, -NUMBER_MAX}
        texts = {("", False), ("", True)}
        for term in terms:
            if isinstance(term, TimeWithin):
                bounds |= {term.from_us, term.until_us}
            elif isinstance(term, Between):
                bounds |= {term.least, term.most + 1}
            elif isinstance(term, OneOf):
                texts.update((value, False) for value in term.values)
            elif isinstance(term, StartsWith):
                texts |= {(term.prefix, False), (term.prefix, len(term.prefix) < ID_MAX)}
        first = terms[0]
        if isinstance(first, ChannelIn):
            self._count = len(Channel)
        elif isinstance(first, WeekdayIn):
            self._count = len(WEEKDAYS)
        elif isinstance(first, TimeWithin):
            self._starts = sorted(one for one in bounds if 0 <= one < DAY_US)
            self._count = len(self._starts)
        elif any(isinstance(term, Between) for term in terms):
            self._starts = sorted(one for one in bounds if abs(one) <= NUMBER_MAX)
            self._count = 1 + len(self._starts)
        else:
            self._texts = [text for text, _ in sorted(texts)]
            self._count = len(self._texts)
            self._place = {
                text: place for place, (text, more) in enumerate(sorted(texts)) if not more
            }
        self.every: Bits = (1 << self._count) - 1

    def of(self, term: Term) -> Bits:
        """Return in which cells a term holds."""
        match term:
            case ChannelIn(channels):
                return sum(1 << place for place, one in enumerate(Channel) if one in channels)
            case WeekdayIn(days):
                return sum(1 << day for day in days)
            case TimeWithin(from_us, until_us):
                return self._span(from_us, until_us)
            case Between(_, least, most, negated):
                cells = self._span(least, most + 1) << 1
            case IsSet(_, negated):
                cells = self.every ^ 1
            case OneOf(_, values, negated):
                cells = sum(1 << self._place[value] for value in values)
            case StartsWith(_, prefix, negated):
                begin = self._place[prefix]
                end = bisect_right(self._texts, prefix, key=lambda text: text[: len(prefix)])
                cells = _run(begin, end)
            case _:
                assert_never(term)
        return self.every ^ cells if negated else cells

    def _span(self, least: int, end: int) -> Bits:
        return _run(*(bisect_left(self._starts, bound) for bound in (least, end)))


def _run(begin: int, end: int) -> Bits:
    """Return the cells from one on, without the end; none if that is not behind it."""
    return (1 << end) - (1 << begin) if begin < end else 0

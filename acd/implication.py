"""What follows from conditions: which can never hold, and which hold only where others do.

A condition is taken apart into *cases*: terms that hold together, sorted by what they compare; the
condition holds where one of its cases does. A case that contradicts itself is left out. That a term
follows from a case is seen from this: its negation would contradict the case. What is found is
certain; not everything is found, and after `TESTS_MAX` comparisons nothing more.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, assert_never

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
from acd.ids import Channel
from acd.settings import DAY_US

CASES_MAX: Final = 1_024
"""Most cases of a condition that are looked at."""

SPLIT_MAX: Final = 16
"""Longest list of values that is taken apart; a longer one follows only from a list that has it."""

TESTS_MAX: Final = 500_000
"""Most comparisons of terms for all conditions of a domain: half a second."""

Case: TypeAlias = dict[str, tuple[Term, ...]]

_EACH_CHANNEL: Final = Either(tuple(ChannelIn(frozenset((one,))) for one in Channel))


class _EnoughError(Exception):
    """More would have to be compared than is worth it."""


class Logic:
    """Compares the conditions of one domain."""

    def __init__(self) -> None:
        self._tests = 0

    def cases_of(self, condition: Condition) -> list[Case] | None:
        """Return the cases of a condition, each of one channel; None where they are too many.

        A condition without cases never holds.
        """
        try:
            return self._narrowed([{}], Every((_EACH_CHANNEL, condition)))
        except _EnoughError:
            return None

    def follows(self, condition: Condition, case: Case) -> bool:
        """Return whether a condition surely holds where a case does."""
        try:
            return self._follows(condition, case)
        except _EnoughError:
            return False

    def _follows(self, condition: Condition, case: Case) -> bool:
        if isinstance(condition, Every):
            return all(self._follows(part, case) for part in condition.parts)
        if isinstance(condition, Either):
            return any(self._follows(part, case) for part in condition.parts)
        self._count()
        terms = case.get(condition.about, ())
        if isinstance(condition, ChannelIn):
            # A case has one channel.
            return any(
                isinstance(one, ChannelIn) and one.values <= condition.values for one in terms
            )
        if isinstance(condition, OneOf) and not condition.negated and len(terms) < 2:
            # Rules are mostly told apart by a value each, and this is asked for every two of them.
            return any(
                isinstance(one, OneOf) and not one.negated and one.values <= condition.values
                for one in terms
            )
        return _contradict((*terms, _negation(condition)))

    def _narrowed(self, cases: list[Case], condition: Condition) -> list[Case]:
        """Return the cases in which a condition holds too."""
        found: list[Case] = []
        if isinstance(condition, Every):
            found = cases
            for part in condition.parts:
                found = self._narrowed(found, part)
        elif isinstance(condition, Either):
            for part in condition.parts:
                found += self._narrowed(cases, part)
        else:
            about = condition.about
            for term in _single(condition):
                found += [
                    {**case, about: (*case.get(about, ()), term)}
                    for case in cases
                    if not self._contradicts(case, term)
                ]
        if len(found) > CASES_MAX:
            raise _EnoughError
        return found

    def _contradicts(self, case: Case, term: Term) -> bool:
        self._count()
        return _contradict((*case.get(term.about, ()), term))

    def _count(self) -> None:
        self._tests += 1
        if self._tests > TESTS_MAX:
            raise _EnoughError


def channels_of(cases: Sequence[Case]) -> frozenset[Channel]:
    """Return the channels of the cases that `Logic.cases_of` gave."""
    return frozenset(
        channel
        for case in cases
        for channel in Channel
        if all(channel in term.values for term in case[CHANNEL] if isinstance(term, ChannelIn))
    )


def _single(term: Term) -> Iterator[Term]:
    """Yield the terms of one value each that a list of values stands for."""
    if isinstance(term, OneOf) and not term.negated and len(term.values) <= SPLIT_MAX:
        for value in sorted(term.values):
            yield OneOf(term.about, frozenset((value,)))
    elif isinstance(term, WeekdayIn):
        for day in sorted(term.values):
            yield WeekdayIn(frozenset((day,)))
    else:
        yield term


def _negation(term: WeekdayIn | TimeWithin | OneOf | StartsWith | IsSet | Between) -> Term:
    match term:
        case WeekdayIn(days):
            return WeekdayIn(frozenset(range(len(WEEKDAYS))) - days)
        case TimeWithin(from_us, until_us):
            return TimeWithin(until_us, DAY_US) if from_us == 0 else TimeWithin(0, from_us)
        case OneOf(about, values, negated):
            return OneOf(about, values, not negated)
        case StartsWith(about, prefix, negated):
            return StartsWith(about, prefix, not negated)
        case IsSet(about, negated):
            return IsSet(about, not negated)
        case Between(about, least, most, negated):
            return Between(about, least, most, not negated)
        case _:
            assert_never(term)


def _contradict(terms: Sequence[Term]) -> bool:
    """Return whether terms about the same thing surely never hold together."""
    first = terms[0]
    if isinstance(first, TimeWithin):
        times = [term for term in terms if isinstance(term, TimeWithin)]
        return max(one.from_us for one in times) >= min(one.until_us for one in times)
    if isinstance(first, ChannelIn | WeekdayIn):
        chosen = [term.values for term in terms if isinstance(term, ChannelIn | WeekdayIn)]
        return not frozenset[object](first.values).intersection(*chosen)
    about = [term for term in terms if isinstance(term, OneOf | StartsWith | IsSet | Between)]
    is_so = [term for term in about if not term.negated]
    is_not = [term for term in about if term.negated]
    if not is_so:
        return False  # It may be not set.
    if any(isinstance(term, IsSet) for term in is_not):
        return True
    return _no_text(is_so, is_not) or _no_number(is_so, is_not)


def _no_text(is_so: Sequence[Term], is_not: Sequence[Term]) -> bool:
    """Return whether no text is as terms say, and not as others say."""
    prefixes = [term.prefix for term in is_so if isinstance(term, StartsWith)]
    barred = [term.prefix for term in is_not if isinstance(term, StartsWith)]
    lists = [term.values for term in is_so if isinstance(term, OneOf)]
    if lists:
        left = (
            lists[0]
            .intersection(*lists)
            .difference(*(term.values for term in is_not if isinstance(term, OneOf)))
        )
        return not any(
            all(map(value.startswith, prefixes)) and not any(map(value.startswith, barred))
            for value in left
        )
    longest = max(prefixes, key=len, default="")
    fits = all(map(longest.startswith, prefixes))
    return not fits or any(map(longest.startswith, barred))


def _no_number(is_so: Sequence[Term], is_not: Sequence[Term]) -> bool:
    """Return whether no number is as terms say, and not as others say."""
    bounds = [term for term in is_so if isinstance(term, Between)]
    least = max((one.least for one in bounds), default=-NUMBER_MAX)
    most = min((one.most for one in bounds), default=NUMBER_MAX)
    barred = [(one.least, one.most) for one in is_not if isinstance(one, Between)]
    for low, high in sorted(barred):
        if low <= least <= high:
            least = high + 1
    return least > most

"""Entry rules that can never fire where a switch brings the calls.

`acd.entry_checks` finds those that no contact at all can meet. Under a daemon with a switch voice
comes from there alone, and a call brings no more than the numbers: so a rule for calls with other
attributes, for a number that `routes` takes, or for more of the caller's number than is handed on,
is as dead.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from acd.conditions import (
    ALWAYS,
    ChannelIn,
    Condition,
    Either,
    Every,
    IsSet,
    OneOf,
    StartsWith,
    read_condition,
)
from acd.errors import listed
from acd.ids import Channel
from acd.implication import Logic
from acd.mistakes import Mistake
from acd.settings import DomainSettings

DNIS: Final = "dnis"
"""The attribute of a contact that holds the called number, where it is declared."""

ANI_PREFIX: Final = "ani_prefix"
"""The attribute that holds the beginning of the caller's number, where it is declared."""

_CALL: Final = ChannelIn(frozenset({Channel.VOICE}))
_NUMBER: Final = re.compile(r"(\+?)([0-9]*)")


def idle_rules(
    domain: DomainSettings,
    routes: Collection[str],
    *,
    ani_prefix_digits: int,
    unknown: Collection[str],
) -> Iterator[Mistake]:
    """Yield the rules that no contact meets, for what a call can never have.

    Args:
        domain: Its rules have no mistakes.
        routes: The called numbers that have a queue of their own, and come to no rule.
        ani_prefix_digits: How much of a caller's number is handed on, at most.
        unknown: The attributes that no call ever has.
    """
    conditions = [_condition(domain, rule.when) for rule in domain.entry]
    never = list(_never(domain, conditions, routes, ani_prefix_digits))
    never += ((Every((_CALL, IsSet(name))), f"`{name}` is not known") for name in unknown)
    if not never:
        return
    logic = Logic([*conditions, *(condition for condition, _ in never)])
    excuses = range(len(conditions), len(conditions) + len(never))
    for place, condition in enumerate(conditions):
        if condition is ALWAYS:
            continue
        takers = logic.takers_of(place, [*range(place), *excuses])
        reasons = [never[taker - len(conditions)][1] for taker in takers or () if taker in excuses]
        if reasons:
            rules = listed(domain.entry[taker].name for taker in takers or () if taker < place)
            others = f"; the others are taken before, by {rules}" if rules else ""
            seen = f"can never fire: of a call {' and '.join(reasons)}{others}"
            wanted = "a condition that contacts of this daemon can meet"
            yield Mistake(("entry", place, "when"), seen, wanted)


def _condition(domain: DomainSettings, text: str) -> Condition:
    condition, _ = read_condition(
        text, attributes=domain.contact_attributes, numbers=domain.contact_numbers
    )
    return condition


def _never(
    domain: DomainSettings,
    conditions: Collection[Condition],
    routes: Collection[str],
    digits: int,
) -> Iterator[tuple[Condition, str]]:
    """Yield what is true of no call that comes to a rule, and how to say so."""
    if routes and DNIS in domain.contact_attributes:
        routed = OneOf(DNIS, frozenset(routes))
        yield Every((_CALL, routed)), "a `dnis` in daemon.switch.routes comes to no rule"
    prefixes = {text for one in conditions for text in _prefixes(one) if not _can_be(text, digits)}
    if prefixes:
        parts = tuple(StartsWith(ANI_PREFIX, text) for text in sorted(prefixes))
        why = f"`ani_prefix` is at most {digits} digits behind a `+`"
        yield Every((_CALL, Either(parts))), why


def _prefixes(condition: Condition) -> Iterator[str]:
    """Yield the texts with which a caller's number is compared."""
    if isinstance(condition, Every | Either):
        for part in condition.parts:
            yield from _prefixes(part)
    elif isinstance(condition, OneOf) and condition.about == ANI_PREFIX:
        yield from condition.values
    elif isinstance(condition, StartsWith) and condition.about == ANI_PREFIX:
        yield condition.prefix


def _can_be(text: str, digits: int) -> bool:
    """Return whether the beginning of a caller's number, as it is handed on, can begin so."""
    match = _NUMBER.fullmatch(text)
    return match is not None and len(match[2]) <= digits

"""What goes wrong between the switch and the daemon, by chance, from a seed. Pure.

A rule names what, how often, and for which kind of message ("" for all events); see `Rude`. The
numbers of events are given before, so what is dropped leaves a gap that a daemon can notice.
"""

from enum import StrEnum
from random import Random
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from acd.ids import plain
from acd.settings import SECOND_US
from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated.link import PART_MAX, SnapshotPart
from acd.switch_protocol.words import Count, EventCause, Text

LATE_US_MAX: Final = SECOND_US // 2
"""A late event comes so much later, at most."""

CROSSED_US_MAX: Final = SECOND_US // 50
"""A crossed event comes so much later, at most: some others overtake it."""

RULES_MAX: Final = 100


@plain
class Rude(StrEnum):
    """What may go wrong."""

    LATE = "late"
    REPEATED = "repeated"
    """It comes twice, in half of the cases under a number of its own."""
    CROSSED = "crossed"
    DROPPED = "dropped"
    """It never comes. The one that may be ruled for a kind of commands as well."""
    GHOST = "ghost"
    """An event about a call that there is not comes too; in snapshots, such a call."""
    SLOW = "slow"
    """It, and all that follows, come so much later as LATE."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One way of being rude."""

    what: Rude
    chance: Annotated[float, Meta(ge=0, le=1)]
    kind: Text = ""
    """The tag of an event or command, like `established` or `route_select`."""


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """All ways of being rude, and the seed."""

    rules: Annotated[tuple[Rule, ...], Meta(max_length=RULES_MAX)] = ()
    seed: Count = 0


def parse_rule(text: str) -> Rule:
    """Return the rule that a command line names.

    Raises:
        ValueError: It is none.

    >>> rule = parse_rule("late:established=1")
    >>> str(rule.what), rule.chance, rule.kind
    ('late', 1.0, 'established')
    """
    name, _, chance = text.partition("=")
    what, _, kind = name.partition(":")
    wanted = "WHAT[:KIND]=CHANCE, as dropped:established=0.05"
    if what not in set(Rude) or not chance:
        raise ValueError(f"{text!r} is no rule; wanted {wanted}")
    number = float(chance)
    if not 0 <= number <= 1:
        raise ValueError(f"{text!r} has no chance from 0 to 1; wanted {wanted}")
    return Rule(Rude(what), number, kind)


class Rudeness:
    """Passes events on as its rules say."""

    def __init__(self, rules: Rules) -> None:
        self._rules: dict[Rude, dict[str, float]] = {what: {} for what in Rude}
        for rule in rules.rules:
            self._rules[rule.what][rule.kind] = rule.chance
        self._random = Random(rules.seed)  # noqa: S311 - mishaps, not cryptography.
        self._slow_until_us = 0
        self._ghosts = 0

    def loses(self, command: sw.CommandBase) -> bool:
        """Return whether a command is lost on its way in; only where its own kind is ruled."""
        chance = self._rules[Rude.DROPPED].get(_kind(command), 0.0)
        return chance > 0 and self._random.random() < chance

    def ghost_of(self, event: sw.EventBase) -> sw.EventBase | None:
        """Return an event about nothing that goes before an event, if one does."""
        if isinstance(event, SnapshotPart | sw.CommandResult) or not self._happens(
            Rude.GHOST, event
        ):
            return None
        self._ghosts += 1
        call_id, offer = f"ghost-{self._ghosts}", f"ghost-offer-{self._ghosts}"
        device = f"ghost-phone-{self._ghosts}"
        kinds: tuple[sw.EventBase, ...] = (
            sw.CallCleared(call_id=call_id),
            sw.Established(call_id=call_id, device=device, offer=offer),
            sw.ReRoute(call_id=call_id, offer=offer, cause=EventCause.BUSY),
            sw.ConnectionCleared(call_id=call_id, device=device, offer=offer),
            sw.AgentReady(device=device),
        )
        return self._random.choice(kinds)

    def pass_on(self, event: sw.EventBase, now_us: int) -> list[tuple[int, sw.EventBase]]:
        """Return when an event comes, once, more often, or not at all."""
        if self._happens(Rude.SLOW, event):
            until_us = now_us + self._random.randint(0, LATE_US_MAX)
            self._slow_until_us = max(self._slow_until_us, until_us)
        at_us = max(now_us, self._slow_until_us)
        if self._happens(Rude.DROPPED, event):
            return []
        if self._happens(Rude.LATE, event):
            at_us += self._random.randint(0, LATE_US_MAX)
        elif self._happens(Rude.CROSSED, event):
            at_us += self._random.randint(0, CROSSED_US_MAX)
        if isinstance(event, SnapshotPart) and self._happens(Rude.GHOST, event):
            event = self._haunted(event)
        if self._happens(Rude.REPEATED, event):
            return [(at_us, event), (at_us + self._random.randint(0, LATE_US_MAX), event)]
        return [(at_us, event)]

    def echoes(self, event: sw.EventBase) -> bool:
        """Return whether the switch says an event again, under a number of its own."""
        if isinstance(event, SnapshotPart | sw.CommandResult):
            return False
        return self._happens(Rude.REPEATED, event) and self._random.random() < 0.5

    def _haunted(self, part: SnapshotPart) -> SnapshotPart:
        if not part.calls or len(part.calls) == PART_MAX:
            return part
        self._ghosts += 1
        ghost = structs.replace(
            part.calls[0], call_id=f"ghost-{self._ghosts}", connections=(), served=False
        )
        return structs.replace(part, calls=(*part.calls[:-1], ghost, part.calls[-1]))

    def _happens(self, what: Rude, event: sw.EventBase) -> bool:
        chances = self._rules[what]
        if not chances:
            return False
        chance = chances.get(_kind(event), chances.get("", 0.0))
        return chance > 0 and self._random.random() < chance


def _kind(message: sw.EventBase | sw.CommandBase) -> str:
    return str(message.__struct_config__.tag)

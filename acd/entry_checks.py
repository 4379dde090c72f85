"""Which entry rules can never be, or never come to it: what their conditions say together.

`acd.validation` checks each rule's values by themselves, `acd.service` that agents meet it.
"""

from collections.abc import Sequence
from typing import Final

from acd.conditions import ALWAYS, TIME, Condition, read_condition
from acd.errors import did_you_mean, listed, shown
from acd.ids import Channel, Reason
from acd.implication import Logic
from acd.mistakes import Findings
from acd.settings import DomainSettings

EACH: Final = frozenset(Channel)

_OVER_MIDNIGHT: Final = "; over midnight write `time >= 22:00 or time < 06:00`"


def report_entry(found: Findings, settings: DomainSettings) -> list[frozenset[Channel]]:
    """Report what is wrong with the rules' conditions, and with their order.

    That a rule can never fire is reported where it is certain: it contradicts itself, or earlier
    rules take every contact that it would.

    Returns:
        For each rule the channels on which it may fire.
    """
    conditions = [_condition(found, settings, place) for place in range(len(settings.entry))]
    _report_default(found, settings)
    logic = Logic([ALWAYS if one is None else one for one in conditions])
    channels: list[frozenset[Channel]] = []
    earlier: list[int] = []
    for place, condition in enumerate(conditions):
        may = logic.channels_of(place)
        # What stands behind a default is reported there.
        if condition is not None and condition is not ALWAYS:
            takers = logic.takers_of(place, earlier) if may else []
            if takers is not None:
                _report_idle(found, settings, place, takers)
            earlier.append(place)
        channels.append(may or EACH)
        _report_channels(found, settings, place, channels[-1])
    return channels


def _condition(found: Findings, settings: DomainSettings, place: int) -> Condition | None:
    """Return a rule's condition; None if it has mistakes, which are reported."""
    path = ("entry", place, "when")
    text = settings.entry[place].when
    if found.excused(*path):
        return None
    if text and not text.strip():
        found.report(path, "is empty", "a condition; or no `when`, in the last rule")
        return None
    condition, errors = read_condition(
        text, attributes=settings.contact_attributes, numbers=settings.contact_numbers
    )
    for error in errors:
        # Nothing is said of names whose declarations could not be read.
        declared = found.doubtful("domain", "contact_attributes")
        if error.reason is not Reason.UNKNOWN_ATTRIBUTE or not declared:
            near = found.nearest(error.name, error.wanted_bare, error.choices)
            found.report(path, error.seen, f"{error.wanted_bare}{did_you_mean(near)}")
    return None if errors else condition


def _report_default(found: Findings, settings: DomainSettings) -> None:
    """Report that the last rule has a condition, or that another has none."""
    rules = settings.entry
    for place, rule in enumerate(rules):
        path = ("entry", place, "when")
        is_last = place == len(rules) - 1
        if found.excused(*path):
            continue
        if is_last and rule.when:
            found.report(("entry",), "has no default", "a last rule without `when`")
        elif not is_last and not rule.when:
            seen = "is missing, so that no later rule can ever fire"
            found.report(path, seen, "a condition, or this rule as the last")


def _report_idle(
    found: Findings, settings: DomainSettings, place: int, takers: Sequence[int]
) -> None:
    """Report that a rule can never fire, since earlier ones take all; itself, if there are none."""
    rules = settings.entry
    path = ("entry", place, "when")
    if takers:
        names = listed(rules[taker].name for taker in takers)
        seen = f"can never fire: all its contacts are taken before, by {names}"
        found.report(path, seen, "a condition that other contacts meet, or an earlier place")
    else:
        hint = _OVER_MIDNIGHT if TIME in rules[place].when else ""
        seen = "can never fire: it contradicts itself"
        found.report(path, seen, f"a condition that a contact can meet{hint}")


def _report_channels(
    found: Findings, settings: DomainSettings, place: int, channels: frozenset[Channel]
) -> None:
    """Report a queue without a channel that its rule is expressly for."""
    name = settings.entry[place].queue
    queue = next((one for one in settings.queues if one.name == name), None)
    if queue is None or channels == EACH:
        return
    served = {channel for one in settings.queues for channel in one.channels}
    for channel in Channel:
        wanted = channel in (channels & served or channels)
        if wanted and channel not in queue.channels and not found.excused("queues", name, channel):
            seen = f"is {shown(name)}, which has no table for {shown(channel)}"
            found.report(
                ("entry", place, "queue"), seen, "a queue with each channel that `when` leaves"
            )

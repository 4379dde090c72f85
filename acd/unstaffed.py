"""Hours at which a queue is open and nobody works who may take its contacts: what shifts leave out.

And calendars that do not open at all.

No mistake, since a shift may be written before the people who will work it; `acd check` says it.
Whoever serves a queue when all its steps are taken counts, whatever else he serves, and so does
whoever has no shift. Whether they are enough is another question: the simulator's.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from acd.ids import Channel, QueueName
from acd.opening import Calendar
from acd.service import takers_at_last
from acd.settings import DAY_US, SECOND_US, AgentSettings, CalendarSettings, DomainSettings

_ALWAYS: Final = (((0, DAY_US // SECOND_US),),) * 7


def never_opening(settings: DomainSettings, from_us: int, to_us: int) -> list[str]:
    """Return the names of the calendars that are closed all through a span.

    Their days are over, or yet to come, or the clocks skip their hours.
    """
    found = []
    for one in settings.calendars:
        calendar = Calendar(one)
        opens_us = from_us if calendar.is_open(from_us) else calendar.next_opening_us(from_us)
        if opens_us is None or opens_us >= to_us:
            found.append(one.name)
    return found


class Unstaffed(NamedTuple):
    """The first hours of a queue's channel at which nobody who may take it is on shift."""

    queue: QueueName
    channel: Channel
    from_us: int
    to_us: int
    clocks_us: tuple[int, int]
    """What the clocks of the queue's calendar show at both, as if that were UTC; the domain's
    where it is always open."""


def unstaffed(settings: DomainSettings, from_us: int, to_us: int) -> list[Unstaffed]:
    """Return each queue and channel that nobody can serve at some hour of a span: the first hours.

    Cost: O(agents), and for each set of calendars that meet O(days in the span).

    Args:
        settings: Without mistakes.
        from_us: Where the span begins.
        to_us: Where it ends.
    """
    alike = {
        (
            *(one.profile, one.capacity, one.shift),
            *(frozenset(one.skills.items()), frozenset(one.attributes.items())),
        ): one
        for one in settings.agents
    }
    agents = list(alike.values())
    if all(agent.shift is None for agent in agents):
        return []
    calendars = {one.name: Calendar(one) for one in settings.calendars}
    always = CalendarSettings(name="", hours=_ALWAYS, utc_offsets=settings.utc_offsets)
    calendars[""] = Calendar(always)
    opening = {queue.name: queue.opening_hours or "" for queue in settings.queues}
    gaps: dict[tuple[str, frozenset[str]], tuple[int, int] | None] = {}
    found = []
    for (queue, channel), takers in takers_at_last(settings, agents).items():
        shifts = _shifts(agents, takers)
        if shifts is None:
            continue
        meet = (opening[queue], shifts)
        if meet not in gaps:
            working = [calendars[name] for name in sorted(shifts)]
            gaps[meet] = _first_gap(calendars[opening[queue]], working, from_us, to_us)
        gap = gaps[meet]
        if gap is not None:
            shown = calendars[opening[queue]].clocks_us
            found.append(Unstaffed(queue, channel, *gap, (shown(gap[0]), shown(gap[1]))))
    return found


def _shifts(agents: Sequence[AgentSettings], takers: int) -> frozenset[str] | None:
    """Return the shifts of some agents, who are bits; None if one of them works at any time."""
    shifts = set()
    for place, agent in enumerate(agents):
        if takers >> place & 1:
            if agent.shift is None:
                return None
            shifts.add(agent.shift)
    return frozenset(shifts)


def _first_gap(
    queue: Calendar, shifts: Sequence[Calendar], from_us: int, to_us: int
) -> tuple[int, int] | None:
    """Return when a queue is open first while no shift is on, and until when."""
    at_us: int | None = from_us
    while at_us is not None and at_us < to_us:
        working = next((one for one in shifts if one.is_open(at_us)), None)
        if not queue.is_open(at_us):
            at_us = queue.next_opening_us(at_us)
        elif working is not None:
            at_us = working.next_closing_us(at_us)
        else:
            ends_us = [queue.next_closing_us(at_us)]
            ends_us += [one.next_opening_us(at_us) for one in shifts]
            return at_us, min((one for one in ends_us if one is not None), default=to_us)
    return None

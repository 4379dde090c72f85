"""What is no mistake in settings, but should be chosen knowingly: limits that undo one another.

`acd check` says it of sound files. Here stands what has its uses all the same: a calendar that is
written before the queue that will keep it, a step for contacts that bring an expiry of their own.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from acd.conditions import Either, Every, TimeWithin, WeekdayIn, parse_condition
from acd.errors import shown
from acd.ids import PRIORITY_MAX, Channel, WrapUpMode
from acd.implication import Logic
from acd.mistakes import KeyPath, key_text, seconds_text
from acd.settings import (
    DAY_US,
    SECOND_US,
    CalendarSettings,
    ChannelSettings,
    DomainSettings,
    QueueSettings,
    Urgency,
)
from acd.urgency import UNBOUNDED

_OTHERS_WAIT_ON: Final = "only who brings a time of his own or was passed on waits so long"
"""`expires_us` of an arrival holds before the queue's, and only a contact's first leg expires."""


def notes(settings: DomainSettings) -> list[str]:
    """Return what the owner of settings without mistakes should know, a line for each thing.

    Cost: linear in agents, profiles and queues, and a search for each entry rule.
    """
    return [
        *_order(settings),
        *_expiry(settings),
        *_overflow(settings),
        *_dispositions(settings),
        *_calendars(settings),
    ]


def _said(path: KeyPath, what: str) -> str:
    return f"{key_text(path)}: {what}"


def _order(settings: DomainSettings) -> Iterator[str]:
    """Tell who may be overtaken for ever."""
    if settings.urgency in UNBOUNDED:
        yield f"urgency {settings.urgency} bounds nobody's wait"
    if settings.urgency is not Urgency.AGEING:
        return
    foremost = _foremost(settings)
    for queue in settings.queues:
        start, name = foremost.get(queue.name, (-PRIORITY_MAX, ""))
        first = f"less than the priority of {shown(name)}, {start}, whose contacts always go first"
        cap, path = queue.ageing_cap, ("queues", queue.name)
        if cap is not None and cap < start:
            yield _said((*path, "ageing_cap"), f"is {cap}, {first}")
            continue
        rate = settings.ageing_per_h if queue.ageing_per_h is None else queue.ageing_per_h
        given = [queue.priority, *(step.priority for step in queue.steps)]
        highest = max(one for one in given if one is not None)
        if rate == 0 and highest < start:
            yield _said(path, f"gains no points by waiting and stays at {highest}, {first}")


def _foremost(settings: DomainSettings) -> dict[str, tuple[int, str]]:
    """Return the highest priority beside each queue, and whose: of what an agent serves as soon."""
    priority = {queue.name: queue.priority or 0 for queue in settings.queues}
    found: dict[str, tuple[int, str]] = {}
    for profile in settings.profiles:
        lines = sorted(profile.serves, key=lambda line: line.tier)
        highest = (-PRIORITY_MAX, "")
        for _, group in groupby(lines, key=lambda line: line.tier):
            names = [line.queue for line in group]
            highest = max(highest, *((priority[name], name) for name in names))
            for name in names:
                found[name] = max(highest, found.get(name, highest))
    return found


def _expiry(settings: DomainSettings) -> Iterator[str]:
    """Tell which times are over only when the contacts of a queue have expired."""
    path: KeyPath
    expires = {queue.name: _expires_us(queue) for queue in settings.queues}
    for queue in settings.queues:
        path = ("queues", queue.name)
        for channel, each in queue.channels.items():
            if each.expires_us is not None and each.ring_us >= each.expires_us:
                what = f"is {seconds_text(each.ring_us)}, but contacts expire after"
                more = f"{seconds_text(each.expires_us)}: they are let go when one offer rings out"
                yield _said((*path, channel, "ring_s"), f"{what} {more}")
        most_us = expires[queue.name]
        if most_us is not None:
            yield from _too_late(queue, most_us)
    for profile in settings.profiles:
        for place, line in enumerate(profile.serves):
            most_us = expires[line.queue]
            if most_us is not None and line.delay_us >= most_us:
                path = ("profiles", profile.name, place, "delay_s")
                yield _late(path, line.delay_us, most_us)


def _too_late(queue: QueueSettings, most_us: int) -> Iterator[str]:
    """Tell what a queue does only when its contacts have expired."""
    path = ("queues", queue.name)
    for place, step in enumerate(queue.steps):
        if step.after_us >= most_us and not step.if_nobody:
            yield _late((*path, "steps", place, "after_s"), step.after_us, most_us)
    if queue.resume_us is not None and queue.resume_us >= most_us:
        what = f"is {seconds_text(queue.resume_us)}, but contacts expire after"
        more = f"{seconds_text(most_us)} from when they first came: who is back later is let go"
        yield _said((*path, "resume_s"), f"{what} {more}")
    affinity = queue.affinity
    if affinity is not None:
        limits = {
            ("named_agent_s",): affinity.named_agent_us,
            ("last_agent_s",): affinity.last_agent_us,
            ("team", "limit_s"): 0 if affinity.team is None else affinity.team.limit_us,
        }
        for key, limit_us in limits.items():
            if limit_us >= most_us:
                yield _late((*path, "affinity", *key), limit_us, most_us)


def _late(path: KeyPath, time_us: int, most_us: int) -> str:
    what = f"is {seconds_text(time_us)}, but contacts expire after {seconds_text(most_us)}"
    return _said(path, f"{what}: {_OTHERS_WAIT_ON}")


def _expires_us(queue: QueueSettings) -> int | None:
    """Return after what time all contacts of a queue have expired; None if some never do."""
    times = [channel.expires_us for channel in queue.channels.values()]
    known = [time_us for time_us in times if time_us is not None]
    return max(known) if len(known) == len(times) else None


def _overflow(settings: DomainSettings) -> Iterator[str]:
    """Tell which steps come when contacts have overflowed, and which queues are never full."""
    for queue in settings.queues:
        waits = [_max_wait_us(channel) for channel in queue.channels.values()]
        known = [most_us for most_us in waits if most_us is not None]
        if len(known) == len(waits):
            yield from _overflown(queue, max(known))
        for channel, each in queue.channels.items():
            for place, rule in enumerate(each.overflow):
                for limit in settings.admission:
                    most = limit.max_waiting
                    covers = queue.name in (limit.queues or (queue.name,)) and not limit.attributes
                    if not covers or channel not in (limit.channels or (channel,)):
                        continue
                    if (
                        most is not None
                        and rule.max_waiting is not None
                        and rule.max_waiting > most
                    ):
                        path = ("queues", queue.name, channel, "overflow", place, "max_waiting")
                        what = (
                            f"is {rule.max_waiting}, but the limit {shown(limit.name)} lets {most}"
                        )
                        yield _said(path, f"{what} wait: only who was passed on makes it more")


def _overflown(queue: QueueSettings, most_us: int) -> Iterator[str]:
    for place, step in enumerate(queue.steps):
        if step.after_us >= most_us and not step.if_nobody:
            path = ("queues", queue.name, "steps", place, "after_s")
            what = f"is {seconds_text(step.after_us)}, but contacts overflow after"
            more = "only who was passed on or came from another queue waits so long"
            yield _said(path, f"{what} {seconds_text(most_us)}: {more}")


def _max_wait_us(channel: ChannelSettings) -> int | None:
    """Return how long a contact of a channel waits before it overflows; None if it never does."""
    for rule in channel.overflow:
        if rule.max_wait_us is not None and not rule.domain:  # Another domain may refuse.
            return rule.max_wait_us
    return None


def _dispositions(settings: DomainSettings) -> Iterator[str]:
    """Tell where a disposition is required and nobody is asked, as wrap-up ends at once."""
    asking = [queue for queue in settings.queues if queue.disposition_required]
    if not asking:
        return
    patient = {one.profile for one in settings.agents if one.wrap_up_mode is WrapUpMode.UNTIL_DONE}
    until_done: set[tuple[str, Channel]] = {
        (line.queue, channel)
        for profile in settings.profiles
        if profile.name in patient
        for line in profile.serves
        for channel in line.channels
    }
    for queue in asking:
        for channel, each in queue.channels.items():
            capped = (queue.name, channel) in until_done and each.wrap_up_cap_us
            if not each.wrap_up_us and not capped:
                path = ("queues", queue.name, "disposition_required")
                yield _said(path, f"nobody is asked on {channel}, where wrap-up ends at once")


def _calendars(settings: DomainSettings) -> Iterator[str]:
    """Tell which calendars nobody keeps, and whose contacts all come when they are closed."""
    kept = {queue.name: queue.opening_hours or "" for queue in settings.queues}
    calendars = {one.name: one for one in settings.calendars}
    used = {*kept.values(), *(agent.shift for agent in settings.agents)}
    for name in calendars:
        if name not in used:
            yield _said(("calendars", name), "no queue or shift keeps it")
    # The hours of another zone cannot be compared with the times of rules.
    shut = {
        name: _closed(one)
        for name, one in calendars.items()
        if one.utc_offsets == settings.utc_offsets
    }
    numbers = {name: number for number, name in enumerate(shut)}
    keeping = [
        (place, rule, numbers[kept[rule.queue]])
        for place, rule in enumerate(settings.entry)
        if rule.when and kept[rule.queue] in numbers
    ]
    firing = (
        parse_condition(
            rule.when, attributes=settings.contact_attributes, numbers=settings.contact_numbers
        )
        for _, rule, _ in keeping
    )
    logic = Logic([*shut.values(), *firing])  # One for all, which bounds what they cost together.
    for number, (place, rule, its) in enumerate(keeping, len(shut)):
        if logic.takers_of(number, [its]) is not None:
            what = f"is {shown(rule.queue)}, which is closed whenever the rule fires"
            yield _said(("entry", place, "queue"), f"{what}, but for special days")


def _closed(calendar: CalendarSettings) -> Either:
    """Return when a calendar is closed, in a week without special days."""
    closed = []
    for day, spans in enumerate(calendar.hours):
        from_us = 0
        for begin_s, end_s in (*spans, (DAY_US // SECOND_US,) * 2):
            closed.append((day, from_us, begin_s * SECOND_US))
            from_us = end_s * SECOND_US
    return Either(
        tuple(
            Every((WeekdayIn(frozenset((day,))), TimeWithin(from_us, until_us)))
            for day, from_us, until_us in closed
        )
    )

"""Overflow and admission that cannot be, that never happen, or that go round in circles."""

import re
from collections import deque
from typing import Final, TypeAlias

from acd.errors import listed, shown
from acd.hand_over_checks import report_domains
from acd.ids import ID_MAX, Channel
from acd.mistakes import Findings, KeyPath, seconds_text
from acd.settings import (
    AdmissionSettings,
    ChannelSettings,
    Condition,
    DomainSettings,
    OverflowRule,
    QueueSettings,
)

RULES_MAX: Final = 10
"""Most overflow rules of a queue's channel: there are seven ways in which one can hold."""

LIMITS_MAX: Final = 100
"""Most limits on admission: each contact is held against all."""

NAMES_MAX: Final = 1_000
"""Most voicemails, and messages: a tenth of the most queues."""

WAITING_MAX: Final = 100_000
"""Most contacts waiting: the longest line measured (design/performance)."""

RATE_MAX: Final = 1_000_000
"""Most contacts a minute: ten times what one core decides."""

_NAME: Final = re.compile(rf"[A-Za-z0-9/_-]{{1,{ID_MAX}}}")
_NAMES: Final = f"a name at the switch: 1 to {ID_MAX} of A-Z a-z 0-9 / _ -"

_TARGETS: Final = ("queue", "voicemail", "message", "domain", "callback")

_Place: TypeAlias = tuple[str, Channel]


def report_overflow(found: Findings, settings: DomainSettings) -> None:
    """Report mistakes in overflow rules, limits on admission and other domains of a domain."""
    checks = _Checks(found, settings)
    checks.names()
    for queue in settings.queues:
        for channel, each in queue.channels.items():
            checks.rules(queue, channel, each)
    checks.cycles()
    checks.admission()
    report_domains(found, settings)


class _Checks:
    def __init__(self, found: Findings, settings: DomainSettings) -> None:
        self._found = found
        self._settings = settings
        self._queues = {queue.name: queue for queue in reversed(settings.queues)}

    def names(self) -> None:
        """Report names that cannot be told apart or written."""
        for key, names in (
            ("voicemails", self._settings.voicemails),
            ("messages", self._settings.messages),
        ):
            path = ("domain", key)
            if len(names) > NAMES_MAX:
                self._found.report(path, f"has {len(names)} names", f"at most {NAMES_MAX}")
            for place, name in enumerate(names):
                if not _NAME.fullmatch(name):
                    self._found.report((*path, place), f"is {shown(name)}", _NAMES)
            self._found.repeats(path, names)

    # Overflow.

    def rules(self, queue: QueueSettings, channel: Channel, each: ChannelSettings) -> None:
        """Report mistakes in the rules of a queue's channel."""
        path: KeyPath = ("queues", queue.name, channel.value, "overflow")
        if len(each.overflow) > RULES_MAX:
            seen = f"has {len(each.overflow)} rules"
            self._found.report(path, seen, f"at most {RULES_MAX}")
        joining: set[Condition] = set()
        leaving: set[Condition] = set()
        numbers: set[str] = set()
        for place, rule in enumerate(each.overflow):
            here = (*path, place)
            self._conditions((*here, "joining"), queue, rule.joining, joining | leaving)
            self._conditions((*here, "leaving"), queue, rule.leaving, leaving)
            for condition in {*rule.joining} & {*rule.leaving}:
                wanted = "it under `leaving` only: who may not stay does not get in"
                self._found.report((*here, "joining"), f"names {shown(condition)}", wanted)
            joining |= {*rule.joining}
            leaving |= {*rule.leaving}
            self._numbers(here, rule, each, numbers)
            keys = ("joining", "leaving", *_numbers_of(rule))
            is_doubtful = any(self._found.doubtful(*here, key) for key in keys)
            numbers_given = any(one is not None for one in _numbers_of(rule).values())
            if not (rule.joining or rule.leaving or numbers_given or is_doubtful):
                self._found.report(here, "never holds", f"one of {listed(keys)}")
            self._target(here, rule, channel)
            if rule.domain:
                self._domain(here, rule)
            if rule.callback:
                self._callback((*here, "callback"), queue, channel)

    def _conditions(
        self,
        path: KeyPath,
        queue: QueueSettings,
        conditions: tuple[Condition, ...],
        before: set[Condition],
    ) -> None:
        self._found.repeats(path, conditions)
        for place, condition in enumerate(conditions):
            here = (*path, place)
            if condition in before:
                wanted = "each condition in one rule, since the first that holds decides"
                self._found.report(here, f"is {shown(condition)} again", wanted)
            closes = queue.opening_hours is not None or self._found.excused(
                "queues", queue.name, "opening_hours"
            )
            if condition is Condition.CLOSED and not closes:
                wanted = "a queue with opening_hours, since this one never closes"
                self._found.report(here, f"is {shown(condition)}", wanted)

    def _numbers(
        self, path: KeyPath, rule: OverflowRule, each: ChannelSettings, before: set[str]
    ) -> None:
        for key, number in _numbers_of(rule).items():
            if number is not None:
                if key in before:
                    wanted = "it in one rule of a channel, since the lower one always decides"
                    self._found.report((*path, key), "is given again", wanted)
                before.add(key)
        if rule.max_waiting is not None:
            self._found.range((*path, "max_waiting"), rule.max_waiting, 1, WAITING_MAX)
        if rule.max_estimated_wait_us is not None:
            here = (*path, "max_estimated_wait_s")
            self._found.span(here, rule.max_estimated_wait_us, zero=False)
            is_estimated = self._settings.estimated_wait
            if not is_estimated and not self._found.doubtful("domain", "estimated_wait"):
                wanted = "domain.estimated_wait = true, without which no wait is estimated"
                self._found.report(here, "is given", wanted)
        if rule.max_wait_us is not None:
            self._found.span((*path, "max_wait_s"), rule.max_wait_us, zero=False)
            expires_us = each.expires_us
            if expires_us is not None and 0 < expires_us <= rule.max_wait_us:
                less = f"less than expires_s, {seconds_text(expires_us)}, at which nobody waits"
                seen = f"is {seconds_text(rule.max_wait_us)}"
                self._found.report((*path, "max_wait_s"), seen, less)

    def _target(
        self, path: KeyPath, one: OverflowRule | AdmissionSettings, *channels: Channel
    ) -> None:
        """Report what is not exactly one target that is declared and that these channels have."""
        queue = one.queue if isinstance(one, OverflowRule) else ""
        named = {key: getattr(one, key, "") for key in _TARGETS}
        given = [key for key in _TARGETS if named[key]]
        choices = _TARGETS if isinstance(one, OverflowRule) else _TARGETS[1:3]
        if len(given) != 1 and not any(self._found.doubtful(*path, key) for key in choices):
            seen = f"has {listed(given)}" if given else "has no target"
            self._found.report(path, seen, f"one of {listed(choices)}")
        if queue:
            self._queue((*path, "queue"), queue, *channels)
        for key, what, names in (
            ("voicemail", "voicemail", self._settings.voicemails),
            ("message", "message", self._settings.messages),
            ("callback", "message", self._settings.messages),
        ):
            if named[key]:
                at: KeyPath = ("domain", f"{what}s")
                self._found.known((*path, key), named[key], f"declared {what}", names, at=at)
        is_voice = channels == (Channel.VOICE,) or self._found.doubtful(*path, "channels")
        if one.voicemail and not is_voice:
            where = (*path, "voicemail")
            self._found.report(where, "is given", "no such key: only calls leave voice mails")

    def _domain(self, path: KeyPath, rule: OverflowRule) -> None:
        at: KeyPath = ("domains", rule.domain)
        names = [one.name for one in self._settings.domains]
        self._found.known((*path, "domain"), rule.domain, "declared domain", names, at=at)
        if rule.leaving:
            wanted = f"`joining` or {listed(_numbers_of(rule))}, since a domain may refuse"
            self._found.report((*path, "leaving"), "is given for a domain", wanted)

    def _callback(self, path: KeyPath, queue: QueueSettings, channel: Channel) -> None:
        if channel is not Channel.VOICE:
            self._found.report(path, "is given", "no such key: only callers are called back")
        elif queue.callbacks is None and not self._found.excused(*path[:2], "callbacks"):
            self._found.report(path, "offers what the queue lacks", "callbacks in the queue")

    def _queue(self, path: KeyPath, name: str, channel: Channel) -> None:
        at: KeyPath = ("queues", name)
        if not self._found.known(path, name, "declared queue", self._queues, at=at):
            return
        if channel not in self._queues[name].channels and not self._found.excused(*at, channel):
            self._found.report(path, f"is {shown(name)}", f"a queue that has {shown(channel)}")

    def cycles(self) -> None:
        """Report rules by which a contact might come back to a queue that it has left."""
        targets: dict[_Place, list[tuple[str, KeyPath]]] = {
            (queue.name, channel): [
                (rule.queue, ("queues", queue.name, channel.value, "overflow", place, "queue"))
                for place, rule in enumerate(each.overflow)
                if rule.queue
            ]
            for queue in self._settings.queues
            for channel, each in queue.channels.items()
        }
        closed: set[_Place] = set()
        """Places of cycles that are reported."""
        for place, rules in targets.items():
            for name, path in rules:
                way = self._way_back(targets, place, name)
                if way and place not in closed:
                    closed |= {(one, place[1]) for one in way}
                    around = " -> ".join(shown(one) for one in way)
                    self._found.report(path, f"leads back: {around}", "no way back to a queue")

    def _way_back(
        self,
        targets: dict[_Place, list[tuple[str, KeyPath]]],
        start: _Place,
        first: str,
    ) -> list[str]:
        """Return the queues from one on, over its target, back to it; none where none leads back.

        Breadth first, so the shortest way.
        """
        name, channel = start
        before: dict[str, str] = {first: name}
        ahead = deque([first])
        while ahead:
            here = ahead.popleft()
            if here == name:
                way = [name]
                while len(way) == 1 or way[-1] != name:
                    way.append(before[way[-1]])
                return way[::-1]
            for target, _ in targets.get((here, channel), ()):
                if target not in before:
                    before[target] = here
                    ahead.append(target)
        return []

    # Admission.

    def admission(self) -> None:
        """Report mistakes in the limits."""
        limits = self._settings.admission
        if len(limits) > LIMITS_MAX:
            seen = f"has {len(limits)} limits"
            self._found.report(("admission",), seen, f"at most {LIMITS_MAX}")
        self._found.doubles("admission", (one.name for one in limits))
        for one in limits:
            self._limit(("admission", one.name), one)

    def _limit(self, path: KeyPath, one: AdmissionSettings) -> None:
        if not 1 <= len(one.name) <= ID_MAX:
            seen = f"has a name of {len(one.name)} characters"
            self._found.report(path, seen, f"from 1 to {ID_MAX} characters")
        for place, name in enumerate(one.queues):
            where, at = (*path, "queues", place), ("queues", name)
            self._found.known(where, name, "declared queue", self._queues, at=at)
        self._found.repeats((*path, "queues"), one.queues)
        self._found.repeats((*path, "channels"), one.channels)
        declared = self._settings.contact_attributes
        for name, value in one.attributes.items():
            where = (*path, "attributes", name)
            at = ("domain", "contact_attributes")
            self._found.known(where, name, "declared attribute of contacts", declared, at=at)
            if not 1 <= len(value) <= ID_MAX:
                self._found.report(where, f"has {len(value)} characters", f"from 1 to {ID_MAX}")
        if one.max_waiting is not None:
            self._found.range((*path, "max_waiting"), one.max_waiting, 1, WAITING_MAX)
        if one.rate_per_min is not None:
            self._found.range((*path, "rate_per_min"), one.rate_per_min, 1, RATE_MAX)
        elif one.burst != 1 and not self._found.excused(*path, "rate_per_min"):
            self._found.report((*path, "burst"), "is given", "a rate_per_min beside it")
        self._found.range((*path, "burst"), one.burst, 1, WAITING_MAX)
        if one.max_waiting is None and one.rate_per_min is None:
            keys = ("max_waiting", "rate_per_min")
            if not any(self._found.doubtful(*path, key) for key in keys):
                self._found.report(path, "limits nothing", f"one of {listed(keys)}")
        self._target(path, one, *one.channels)


def _numbers_of(rule: OverflowRule) -> dict[str, int | None]:
    """Return the numbers that a rule may hold somebody to, by key, in the order of the page."""
    return {
        "max_waiting": rule.max_waiting,
        "max_estimated_wait_s": rule.max_estimated_wait_us,
        "max_wait_s": rule.max_wait_us,
    }

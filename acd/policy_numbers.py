"""The numbers that the urgency policy reads: which are missing, out of range, or read by nobody.

A number that only another policy reads is a mistake, since whoever wrote it expects what does not
happen. `priority`, `head_start_s` and `promise_s` may stand under the four oldest policies, which
have always let them.
"""

from typing import Final

from acd.ids import PRIORITY_MAX
from acd.mistakes import Findings, KeyPath
from acd.settings import (
    AGEING_PER_H_MAX,
    DELAY_COST_MAX,
    WAITING_SHARE_MAX,
    DomainSettings,
    QueueSettings,
    Urgency,
)
from acd.urgency import READS_PRIORITY

_OLDEST: Final = frozenset(
    {Urgency.LONGEST_WAIT, Urgency.STRICT_PRIORITY, Urgency.HEAD_START, Urgency.DEADLINE_FIRST}
)

_NEEDED_BY: Final = {
    "priority": READS_PRIORITY,
    "head_start_s": {Urgency.HEAD_START},
    "promise_s": {Urgency.DEADLINE_FIRST},
    "delay_cost": {Urgency.C_MU, Urgency.GENERALIZED_C_MU},
    "handle_time_s": {Urgency.C_MU, Urgency.GENERALIZED_C_MU},
    "waiting_share": {Urgency.QUEUE_RATIO},
}
"""By the file's key. `ageing_per_h` may stand in the domain instead."""

_ALLOWED_BY: Final = {
    **dict.fromkeys(("priority", "head_start_s", "promise_s"), _OLDEST),
    **dict.fromkeys(("ageing_per_h", "ageing_cap"), frozenset({Urgency.AGEING})),
}
"""Beside the policies that need it."""

_RANGES: Final = {
    "priority": (-PRIORITY_MAX, PRIORITY_MAX),
    "ageing_per_h": (0, AGEING_PER_H_MAX),
    "ageing_cap": (-PRIORITY_MAX, PRIORITY_MAX),
    "delay_cost": (1, DELAY_COST_MAX),
    "waiting_share": (0, WAITING_SHARE_MAX),
}
"""Of whole numbers; the others are times."""


class PolicyNumbers:
    """Reports mistakes in the numbers of a domain's urgency policy."""

    def __init__(self, found: Findings, settings: DomainSettings) -> None:
        self._found = found
        self._settings = settings
        self._urgency = settings.urgency
        self._in_doubt = found.excused("domain", "urgency")
        """The policy could not be read, so nothing is said of what it reads."""

    def report_domain(self) -> None:
        """Report what is wrong with the domain's number, and with all queues' together."""
        self._number(("domain",), "ageing_per_h", self._settings.ageing_per_h)
        shares = [queue.waiting_share for queue in self._settings.queues]
        if self._urgency is Urgency.QUEUE_RATIO and shares and all(one == 0 for one in shares):
            wanted = "at least one waiting_share above 0"
            self._found.report(("queues",), "have shares that sum to 0", wanted)

    def report_queue(self, queue: QueueSettings) -> None:
        """Report what is wrong with a queue's numbers."""
        path = ("queues", queue.name)
        for key, number in (
            ("priority", queue.priority),
            ("head_start_s", queue.head_start_us),
            ("promise_s", queue.promise_us),
            ("ageing_per_h", queue.ageing_per_h),
            ("ageing_cap", queue.ageing_cap),
            ("delay_cost", queue.delay_cost),
            ("waiting_share", queue.waiting_share),
        ):
            self._number(path, key, number)
        if self._urgency is Urgency.AGEING:
            self._ageing(path, queue)
        for name, channel in queue.channels.items():
            where = (*path, name.value)
            self._number(where, "handle_time_s", channel.handle_time_us)
            if self._urgency is Urgency.WAIT_OVER_OBJECTIVE and channel.objective_us == 0:
                wanted = (
                    f"a number above 0, since the urgency policy `{self._urgency}` divides by it"
                )
                self._found.report((*where, "objective_s"), "is 0", wanted)

    def _ageing(self, path: KeyPath, queue: QueueSettings) -> None:
        """Report that no rate is given, or that the cap is below where the points start."""
        rated = queue.ageing_per_h is not None or self._settings.ageing_per_h is not None
        if not rated and not self._found.excused("domain", "ageing_per_h"):
            wanted = f"a number here or in the domain, since the urgency policy `{self._urgency}`"
            self._found.report((*path, "ageing_per_h"), "is missing", f"{wanted} reads it")
        entering = (one for one in self._settings.entry if one.queue == queue.name)
        given = [queue.priority, *(one.priority for one in queue.steps)]
        given += [one.priority for one in entering]
        cap = queue.ageing_cap
        priority = max((one for one in given if one is not None), default=None)
        if cap is not None and priority is not None and cap < priority <= PRIORITY_MAX:
            wanted = f"at least the priority, {priority}, at which the points start"
            self._found.report((*path, "ageing_cap"), f"is {cap}", wanted)

    def _number(self, table: KeyPath, key: str, number: int | None) -> None:
        """Report a number that is missing, out of range or not read by the policy."""
        path = (*table, key)
        needed = self._urgency in _NEEDED_BY.get(key, ())
        estimates = key == "handle_time_s" and self._settings.estimated_wait
        if number is None:
            if estimates:
                wanted = "a number, since domain.estimated_wait begins with it"
                self._found.report(path, "is missing", wanted)
            elif needed and not self._in_doubt:
                wanted = f"a number, since the urgency policy `{self._urgency}` reads it"
                self._found.report(path, "is missing", wanted)
            return
        if key in _RANGES:
            self._found.range(path, number, *_RANGES[key])
        else:
            self._found.span(path, number, zero=key == "head_start_s")
        allowed = needed or estimates or self._urgency in _ALLOWED_BY.get(key, ())
        if not allowed and not self._in_doubt:
            wanted = f"no such key, since the urgency policy `{self._urgency}` does not read it"
            self._found.report(path, "is given", wanted)

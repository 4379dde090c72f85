"""Routing steps that cannot be, that change nothing, or that admit fewer agents than before."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final, TypeAlias

from acd.errors import listed, shown
from acd.ids import PRIORITY_MAX
from acd.mistakes import Findings, KeyPath, key_text, seconds_text
from acd.settings import PROFICIENCY_MAX, AgentSettings, DomainSettings, QueueSettings
from acd.skills import parse_requirement, requirement_errors
from acd.urgency import READS_PRIORITY
from acd.widening import admits_fewer, lowered

CheckRequirement: TypeAlias = Callable[[KeyPath, str], None]
"""(path, text): reports what cannot be read."""

STEPS_MAX: Final = 10
"""Most routing steps of a queue: as many as a precision queue of Cisco has."""

_Required: TypeAlias = tuple[str, dict[str, int]]
"""What is required, and to what it is lowered by then."""

_WIDENS: Final = ("requires", "lower", "priority")
"""What a routing step may change."""


class StepChecks:
    """Reports mistakes in the routing steps of a domain's queues."""

    def __init__(
        self,
        found: Findings,
        settings: DomainSettings,
        *,
        check_requirement: CheckRequirement,
    ) -> None:
        self._found = found
        self._settings = settings
        self._requirement = check_requirement
        self._skills = frozenset(settings.skills)

    @cached_property
    def _able(self) -> Sequence[AgentSettings]:
        """One agent of each set of skills and attributes: many are alike."""
        return tuple(
            {
                (*sorted(agent.skills.items()), None, *sorted(agent.attributes.items())): agent
                for agent in self._settings.agents
            }.values()
        )

    def report(self, path: KeyPath, queue: QueueSettings) -> None:
        """Report what is wrong with the steps of a queue."""
        if len(queue.steps) > STEPS_MAX:
            self._found.report(
                (*path, "steps"), f"has {len(queue.steps)} steps", f"at most {STEPS_MAX}"
            )
        after_us = 0
        bounds: dict[str, int] = {}
        priority = queue.priority
        requires, place_of = queue.requires, (*path, "requires")
        for place, step in enumerate(queue.steps):
            here = (*path, "steps", place)
            self._found.span((*here, "after_s"), step.after_us, zero=False)
            if 0 < step.after_us <= after_us:
                more = f"more than {seconds_text(after_us)}, that of the step before"
                self._found.report((*here, "after_s"), f"is {seconds_text(step.after_us)}", more)
            after_us = max(after_us, step.after_us)
            before = dict(bounds)
            self._lower((*here, "lower"), step.lower, bounds)
            if step.requires is not None:
                self._requirement((*here, "requires"), step.requires)
                wanted = (requires, before), (step.requires, bounds)
                self._wider((*here, "requires"), place_of, *wanted)
                requires, place_of = step.requires, (*here, "requires")
            if step.priority is not None:
                self._raise((*here, "priority"), step.priority, priority)
                priority = step.priority
            nothing = (step.requires, step.lower, step.priority) == (None, {}, None)
            if nothing and not any(self._found.doubtful(*here, key) for key in _WIDENS):
                self._found.report(here, "changes nothing", listed(_WIDENS))

    def _lower(self, path: KeyPath, lower: dict[str, int], bounds: dict[str, int]) -> None:
        """Report bounds of skills that nobody knows or that lower nothing; note them."""
        for name, bound in lower.items():
            where = (*path, name)
            self._found.known(where, name, "declared skill", self._skills, at=("domain", "skills"))
            self._found.range(where, bound, 0, PROFICIENCY_MAX - 1)
            if name in bounds and bound >= bounds[name]:
                less = f"less than {bounds[name]}, that of a step before"
                if bounds[name] <= 0:
                    less = "no such key, since by a step before nothing of it is wanted"
                self._found.report(where, f"is {bound}", less)
            bounds[name] = min(bound, bounds.get(name, bound))

    def _raise(self, path: KeyPath, priority: int, before: int | None) -> None:
        """Report a priority that raises nothing."""
        self._found.range(path, priority, -PRIORITY_MAX, PRIORITY_MAX)
        if self._found.excused("domain", "urgency"):
            return
        if self._settings.urgency not in READS_PRIORITY:
            reads = f"no priority: the urgency policy `{self._settings.urgency}` does not read it"
            self._found.report(path, f"is {priority}", reads)
        elif before is not None and priority <= before:
            self._found.report(path, f"is {priority}", f"more than {before}, that before")

    def _wider(
        self, path: KeyPath, before_path: KeyPath, earlier: _Required, later: _Required
    ) -> None:
        """Report a requirement that somebody does not meet who met the one before, as lowered."""
        attributes = self._settings.attributes
        before, after = earlier[0], later[0]
        if any(
            requirement_errors(text, skills=self._skills, attributes=attributes)
            for text in (before, after)
        ):
            return  # That is reported.
        one, other = (
            lowered(parse_requirement(text, skills=self._skills, attributes=attributes), bounds)
            for text, bounds in (earlier, later)
        )
        fewer = admits_fewer(one, other)
        if fewer is None:  # Too hard to find out: whom we have must do.
            fewer = any(
                one.met_by(agent.skills, agent.attributes)
                and not other.met_by(agent.skills, agent.attributes)
                for agent in self._able
            )
        if fewer:
            whom = f"what all meet who meet {shown(before)}, of {key_text(before_path)}"
            self._found.report(path, f"is {shown(after)}, which is narrower", whom)
        elif one == other or admits_fewer(other, one) is False:
            self._found.report(path, f"is {shown(after)}", "another than before")

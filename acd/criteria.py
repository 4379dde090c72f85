"""What is wrong with the criteria of agent selection, and with how agents are measured."""

from typing import Final

from acd.errors import did_you_mean, listed, shown
from acd.mistakes import Findings, KeyPath
from acd.performance import MEASURED_BY
from acd.policies import STATIC
from acd.settings import AgentCriterion, DomainSettings, WeightedSettings

MEMORY_MAX: Final = 1_000
"""Most samples that a mean looks back on: a quarter's calls of a busy agent. `acd.performance`
counts on less than 2**10."""

BAND_MAX_PERCENT: Final = 99
"""Widest band: with one of 100 % of the mean, twice as good would be as good."""

_CRITERIA: Final = tuple(AgentCriterion)
_SCALED: Final = tuple(name for name in _CRITERIA if name in MEASURED_BY or name in STATIC)
"""Criteria with a scale, so that they can be weighed: a mean, and values above and below it."""


def report_criteria(found: Findings, settings: DomainSettings) -> None:
    """Report every mistake in the criteria, the weighted sum and the measuring."""
    names = (*_CRITERIA, *(one.name for one in settings.weighted))
    _selection(found, settings, names)
    meant = {found.meant(name, "criterion", names) for name in settings.agent_selection}
    for place, weighted in enumerate(settings.weighted):
        path = ("weighted", weighted.name)
        if weighted.name in _CRITERIA:
            found.report(path, "has the name of a criterion", "another name")
        elif place:
            found.report(path, "is a second weighted sum", "one in a domain")
        elif weighted.name not in meant and not found.doubtful("domain", "agent_selection"):
            found.report(path, "is not in domain.agent_selection", "its name there")
        _weights(found, path, weighted)
    if settings.performance is not None:
        performance = settings.performance
        found.range(("performance", "memory"), performance.memory, 1, MEMORY_MAX)
        found.range(("performance", "credibility"), performance.credibility, 1, MEMORY_MAX)
        _band(found, ("performance",), performance.band_percent)


def _selection(found: Findings, settings: DomainSettings, names: tuple[str, ...]) -> None:
    """Report criteria that do not exist, and those that would never be asked."""
    path = ("domain", "agent_selection")
    behind = ""
    for place, name in enumerate(settings.agent_selection):
        if name not in names and not found.doubtful("weighted"):
            near = did_you_mean(found.nearest(name, "criterion", names))
            found.report((*path, place), f"is {shown(name)}", f"one of {listed(names)}{near}")
        if behind:
            seen = f"stands behind {shown(behind)}, which never ties"
            found.report((*path, place), seen, f"{shown(behind)} last")
            break
        if name == AgentCriterion.ROUND_ROBIN:
            behind = name


def _weights(found: Findings, path: KeyPath, weighted: WeightedSettings) -> None:
    """Report criteria that cannot be weighed, and weights that are not 100 in all."""
    _band(found, path, weighted.band_percent)
    for name, weight in weighted.weights.items():
        if name not in _SCALED:
            near = did_you_mean(found.nearest(name, "criterion with a scale", _SCALED))
            seen = "has no scale" if name in _CRITERIA else "is no criterion"
            found.report((*path, name), seen, f"one of {listed(_SCALED)}{near}")
        found.range((*path, name), weight, 1, 100)
    total = sum(weighted.weights.values())
    if total != 100 and not found.doubtful(*path):
        found.report(path, f"has weights that sum to {total}", "weights that sum to 100")


def _band(found: Findings, path: KeyPath, percent: int) -> None:
    found.range((*path, "band_percent"), percent, 1, BAND_MAX_PERCENT)

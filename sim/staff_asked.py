"""What may be asked of a search for a staffing: figures that staffing changes, costs of members."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from acd.errors import did_you_mean, nearest, shown
from sim.requirement import Requirement, Sign
from sim.workload import Scenario

COST_MAX: Final = 1e9
"""Greatest cost of a member for an interval."""

_OF_THE_DAY: Final = frozenset({"wait_p50_s", "wait_p95_s"})


def prices_of(
    scenario: Scenario,
    requirements: Sequence[Requirement],
    costs: Mapping[str, float],
    *,
    each_interval: bool,
) -> dict[str, float]:
    """Return what a member of each group costs.

    Raises:
        ValueError: Something is asked that cannot be, or a cost is none.
    """
    if not requirements:
        raise ValueError("require: is missing; wanted one objective at least")
    if not scenario.staffing:
        raise ValueError("staffing: is missing; wanted the groups whose members are to be found")
    for one in requirements:
        _refuse(scenario, one)
        measure = one.name.rpartition(".")[2]
        is_of_the_day = measure in _OF_THE_DAY or one.name.startswith("customers.")
        if one.name.startswith("group.") and measure != "occupancy":
            is_of_the_day = True
        if each_interval and is_of_the_day:
            seen = f"{shown(one.name)} is measured over the day only"
            raise ValueError(f"require: {seen}; wanted objectives of the day (--each day)")
    for group, cost in costs.items():
        if group not in scenario.staffing:
            near = did_you_mean(nearest(group, scenario.staffing))
            raise ValueError(f"cost: {shown(group)} is no staffed group{near}")
        if not 0 < cost <= COST_MAX:
            raise ValueError(f"cost: of {group} is {cost:g}; wanted above 0, up to {COST_MAX:g}")
    return {group: costs.get(group, 1.0) for group in scenario.staffing}


def _refuse(scenario: Scenario, requirement: Requirement) -> None:
    """Refuse an objective that no staffing comes nearer to, and one that needs no search.

    Raises:
        ValueError: It is one of them.
    """
    name, bound = requirement.name, requirement.bound
    if not isfinite(bound):
        raise ValueError(f"require: the bound of {shown(name)} is {bound:g}; wanted a number")
    if why := _fixed(scenario, *name.rpartition(".")[::2]):
        wanted = "a figure of how contacts are served, like service_level, abandonment or asa_s"
        raise ValueError(f"require: {shown(name)} {why}; wanted {wanted}")
    if name.endswith("occupancy") and requirement.sign is Sign.AT_MOST and bound <= 0:
        seen = f"{shown(name)} is to be at most {bound:g}, which no number of agents is enough for"
        raise ValueError(f"require: {seen}; wanted above 0")


def _fixed(scenario: Scenario, of: str, measure: str) -> str:
    """Return why staffing does not change a figure; nothing where it may."""
    if measure in {"offered", "customers"}:
        return "is who comes, which staffing is not there to change"
    hands_back = any(rule.hand_back for rule in scenario.rules.values())
    if measure == "aht_s" and not (scenario.paces or scenario.concurrency or hands_back):
        return "is the same whoever works, without paces, concurrency and hand_back"
    if not of.startswith("group."):
        return ""
    group = of.removeprefix("group.")
    if measure == "break_h":
        return "is of people whom the search leaves as they are"
    if measure == "absent_h" and not (
        scenario.scheduled if group == "all" else group in scenario.scheduled
    ):
        return "is of shrinkage, of which the scenario has none there"
    if measure.endswith("_h") and group != "all" and group not in scenario.staffing:
        return "is of people whom the search leaves as they are"
    return ""

"""The staffing that the search proposes, beside the best of all: three queues, four groups.

Every plan cheaper than the proposed one is simulated with the same customers, the cheapest first,
until one meets all objectives; so the best is known, by those runs. Printed for several tables of
costs: the search's plan and cost, the best's, by how many agents and how much cost they differ.
"""

import argparse
import hashlib
import itertools
import time
from collections.abc import Mapping
from typing import Final

from acd.ids import Channel
from acd.settings import (
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)
from sim.requirement import judge, parse_requirement
from sim.staff import staff
from sim.study import study
from sim.variation import staffed
from sim.workload import HOUR_US, SECOND_US, Handle, Scenario, Shape, Stream

SERVES: Final = {"only_a": "a", "only_b": "b", "b_and_c": "bc", "all": "abc"}
COSTS: Final = (
    {"only_a": 1.0, "only_b": 1.0, "b_and_c": 1.0, "all": 1.0},
    {"only_a": 1.0, "only_b": 1.0, "b_and_c": 1.1, "all": 1.2},
    {"only_a": 1.0, "only_b": 1.0, "b_and_c": 1.2, "all": 1.5},
)
OBJECTIVES: Final = tuple(parse_requirement(f"{queue}.service_level>=0.8") for queue in "abc")
MOST: Final = 9
"""Most members of a group that are tried."""


def main() -> None:
    """Print a line for each table of costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="small, with a digest")
    smoke = parser.parse_args().smoke
    scenario = centre(hours=1 if smoke else 8)
    runs = 3 if smoke else 10
    digest = hashlib.sha256()
    for costs in COSTS[-1:] if smoke else COSTS:
        began_s = time.perf_counter()
        found = staff(scenario, OBJECTIVES, costs=costs, replications=runs)
        took_s = time.perf_counter() - began_s
        plan = {group: counts[0] for group, counts in found.staffing.items()}
        best, tried = cheapest(scenario, costs, found.cost, runs)
        best_cost = found.cost if best is None else cost_of(best, costs)
        apart = 0 if best is None else sum(plan.values()) - sum(best.values())
        print(
            f"{list(costs.values())}: {list(plan.values())} for {found.cost:g}, "
            f"{found.studies} plans, {took_s:.1f} s; best of all "
            f"{list((best or plan).values())} for {best_cost:g} ({tried} cheaper plans tried): "
            f"{apart} agents, {found.cost - best_cost:g} cost apart"
        )
        digest.update(repr((plan, best, tried)).encode())
    print(f"digest {digest.hexdigest()[:12]}")


def centre(*, hours: int) -> Scenario:
    """Return three queues and four groups over so many hours, one interval."""
    voice = ChannelSettings(objective_us=20 * SECOND_US, auto_answer=True)
    capacity = CapacitySettings(name="phone", channels={Channel.VOICE: SlotSettings()})
    settings = DomainSettings(
        name="centre",
        skills=("a", "b", "c"),
        queues=tuple(
            QueueSettings(name=queue, requires=queue, channels={Channel.VOICE: voice})
            for queue in "abc"
        ),
        capacities=(capacity,),
        profiles=(
            ProfileSettings(
                name="all",
                serves=tuple(Serves(queue=queue, channels=(Channel.VOICE,)) for queue in "abc"),
            ),
        ),
        agents=tuple(
            AgentSettings(
                agent_id=f"{group}-001",
                group=group,
                profile="all",
                capacity="phone",
                skills=dict.fromkeys(queues, 5),
            )
            for group, queues in SERVES.items()
        ),
    )
    streams = tuple(
        Stream(
            name=queue,
            queue=queue,
            channel=Channel.VOICE,
            rates_per_h=(rate,),
            handle=Handle(mean_s=200.0, shape=Shape.EXPONENTIAL),
        )
        for queue, rate in (("a", 36.0), ("b", 24.0), ("c", 12.0))
    )
    return Scenario(
        title="Three queues, four groups",
        settings=settings,
        start_us=1_797_206_400_000_000,
        interval_us=hours * HOUR_US,
        intervals=1,
        streams=streams,
        staffing=dict.fromkeys(SERVES, (1,)),
    )


def cheapest(
    scenario: Scenario, costs: Mapping[str, float], below: float, runs: int
) -> tuple[dict[str, int] | None, int]:
    """Return the cheapest plan below a cost that meets all, or None; and how many were tried.

    Plans whose members have less time than the load are passed over: 2, 1.33 and 0.67 Erlang.
    """
    tried = 0
    plans = [
        dict(zip(SERVES, counts, strict=True))
        for counts in itertools.product(range(MOST + 1), repeat=len(SERVES))
    ]
    for plan in sorted(plans, key=lambda one: cost_of(one, costs)):
        if cost_of(plan, costs) >= below - 1e-9:
            break
        for_a = plan["only_a"] + plan["all"]
        for_c = plan["b_and_c"] + plan["all"]
        if for_a < 2 or for_c < 1 or for_c + plan["only_b"] < 2 or sum(plan.values()) < 4:
            continue
        tried += 1
        staffing = {group: (count,) for group, count in plan.items()}
        found = study(staffed(scenario, staffing), seed=1, replications=runs)
        if all(judge(found, one).is_met for one in OBJECTIVES):
            return plan, tried
    return None, tried


def cost_of(plan: Mapping[str, int], costs: Mapping[str, float]) -> float:
    """Return members times costs."""
    return sum(costs[group] * count for group, count in plan.items())


if __name__ == "__main__":
    main()

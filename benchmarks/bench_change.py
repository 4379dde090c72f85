"""What live change costs: one agent, and the whole configuration, by how many contacts wait.

Question: is the step in which an agent gets other skills independent of the number waiting; and for
how long does a reload of the configuration stop the router while 100,000 wait, at most 1 s?

Method: the mix of `bench_step`, with agents at work and contacts waiting. `agent` gives agents, by
the draw, four other skills, which makes a new kind, and then their own again, which forgets it; the
clock is around the step alone. `reload` does what the daemon does at SIGHUP: a snapshot, a router
restored from it, the ticks that are owed, and `settings.changed`. It goes to the `same` settings;
to others in which every contact stands in another `class` (its queue prefers what it requires); and
to others whose `steps` are due, so that each contact takes one: a tick takes 1,000 of them, and
`ms/tick` is the longest. Reloads are told in processor seconds, of which others cannot take any.

    python -m benchmarks.bench_change            # the canonical run, about two minutes
    python -m benchmarks.bench_change --smoke    # small; against rot
"""

import gc
import random
import time
from array import array
from typing import Final

from msgspec.structs import replace

from acd.events import AgentChanged, ClockTicked, SettingsChanged
from acd.router import Router
from acd.settings import DomainSettings, RoutingStep
from benchmarks.bench_step import Mix, domain
from benchmarks.measuring import Digest, is_smoke, machine, quantile

SIZES: Final = ((1_000, 100), (10_000, 1_000))
"""(agents, classes)."""
WAITING: Final = (0, 1_000, 100_000)
CHANGES: Final = 1_000
SKILLS: Final = 4
SMOKE_SIZES: Final = ((100, 10),)
SMOKE_WAITING: Final = (0, 200)
SMOKE_CHANGES: Final = 50


def change_agents(mix: Mix, settings: DomainSettings, changes: int) -> "array[float]":
    """Return how long changes of agents took in microseconds, sorted."""
    drawn = random.Random(3)
    taken = array("d")
    for _ in range(changes // 2):
        agent = drawn.choice(settings.agents)
        others = {one: drawn.randint(1, 10) for one in drawn.sample(settings.skills, SKILLS)}
        for skills in (others, agent.skills):
            at = len(mix.steps_ns["all"])
            mix.step(AgentChanged(agent_id=agent.agent_id, skills=skills))
            taken.append(mix.steps_ns["all"][at] / 1e3)  # Behind it are the answers to offers.
    return array("d", sorted(taken))


def others(settings: DomainSettings) -> dict[str, DomainSettings]:
    """Return the settings that are put in force, by what they change."""
    prefer = tuple(replace(one, prefers=(one.requires,)) for one in settings.queues)
    widen = tuple(
        replace(one, steps=(RoutingStep(after_us=1, lower={one.requires: 1}),))
        for one in settings.queues
    )
    return {
        "same": settings,
        "class": replace(settings, queues=prefer),
        "steps": replace(settings, queues=widen),
    }


def reload(router: Router, settings: DomainSettings, digest: Digest) -> str:
    """Put settings in force; return what it took, in words."""
    began = time.process_time()
    snapshot = router.snapshot()
    took = time.process_time()
    fresh = Router.restore(settings, snapshot)
    restored = time.process_time()
    longest_s, ticks = 0.0, 0
    while (due_us := fresh.next_wakeup_us()) is not None and due_us <= fresh.now_us:
        tick = time.process_time()
        digest.add(fresh.step(ClockTicked(), now_us=fresh.now_us))
        longest_s = max(longest_s, time.process_time() - tick)
        ticks += 1
    ticked = time.process_time()
    digest.add(fresh.step(SettingsChanged(), now_us=fresh.now_us))
    ended = time.process_time()
    return (
        f"snapshot_s={took - began:.2f} restore_s={restored - took:.2f} ticks={ticks} "
        f"ticks_s={ticked - restored:.2f} ms/tick={longest_s * 1e3:.0f} "
        f"first_s={ended - ticked:.2f} in_all_s={ended - began:.2f}"
    )


def measure(agents: int, classes: int, waiting: tuple[int, ...], changes: int) -> None:
    """Measure and print one size; one router serves all numbers waiting, one after the other."""
    settings = domain(agents, classes)
    mix = Mix(settings, classes)
    gc.collect()
    gc.freeze()
    try:
        for wanted in waiting:
            mix.fill(wanted)
            mix.run(changes)
            taken = change_agents(mix, settings, changes)
            print(
                f"agent  agents={agents} classes={classes} waiting={mix.waiting} "
                f"p50_us={quantile(taken, 0.5):.0f} p99_us={quantile(taken, 0.99):.0f} "
                f"max_us={taken[-1]:.0f} actions={mix.digest.text()}"
            )
        for what, other in others(settings).items():
            digest = Digest()
            said = reload(mix.router, other, digest)
            print(
                f"reload agents={agents} classes={classes} waiting={mix.waiting} to={what} {said} "
                f"actions={digest.text()}"
            )
    finally:
        gc.unfreeze()


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    smoke = is_smoke(__doc__, arguments)
    print(machine())
    for agents, classes in SMOKE_SIZES if smoke else SIZES:
        waiting, changes = (SMOKE_WAITING, SMOKE_CHANGES) if smoke else (WAITING, CHANGES)
        measure(agents, classes, waiting, changes)


if __name__ == "__main__":
    main()

"""What the criteria of agent selection cost, beside longest idle.

Question: what does a decision cost whose criteria change from contact to contact, at 10,000 agents,
in small teams (1,000 classes, some 45 agents each) and in one large queue (a class that 10,000 may
take)?

Method: the mix of `bench_step` with no backlog, so that arrivals select agents: 80 % of the agents
have work, some 2,000 are free. The criteria take turns in one process, in rounds, since a shared
machine is at times half as fast; each line is the median over the rounds, and stands beside longest
idle's of the same rounds. Handle times are measured from the run's own contacts. `finds` is an
arrival that is offered to an agent, `all` every step.

    python -m benchmarks.bench_selection            # the canonical run, some three minutes
    python -m benchmarks.bench_selection --smoke    # small; against rot
"""

from statistics import median
from typing import Final

from msgspec.structs import replace

from acd.settings import AgentCriterion, DomainSettings, WeightedSettings
from benchmarks.bench_step import Mix, domain
from benchmarks.measuring import is_smoke, machine, quantile

A = AgentCriterion
VALUE: Final = WeightedSettings(name="value", weights={A.FASTEST_FIRST: 60, A.LEAST_FLEXIBLE: 40})

SELECTIONS: Final[tuple[tuple[str, ...], ...]] = (
    (A.LONGEST_IDLE,),
    (A.LEAST_OCCUPIED,),
    (A.FASTEST_FIRST,),
    ("value",),
    (A.HIGHEST_PROFICIENCY, A.FASTEST_FIRST, A.LEAST_OCCUPIED),
    (A.ROUND_ROBIN,),
)
SIZES: Final = ((10_000, 1_000), (10_000, 1))
"""(agents, classes)."""
SMOKE_SIZES: Final = ((300, 30), (300, 1))
ROUNDS: Final = 5
CYCLES: Final = 4_000
SMOKE_CYCLES: Final = 200
KINDS: Final = ("finds", "all")


def with_selection(settings: DomainSettings, selection: tuple[str, ...]) -> DomainSettings:
    """Return a domain that selects agents so."""
    weighted = (VALUE,) if VALUE.name in selection else ()
    return replace(settings, agent_selection=selection, weighted=weighted)


def measure(agents: int, classes: int, *, rounds: int, cycles: int) -> None:
    """Print a line for each selection and kind of step, and the digest of its actions."""
    settings = domain(agents, classes)
    mixes = {one: Mix(with_selection(settings, one), classes) for one in SELECTIONS}
    for mix in mixes.values():
        mix.fill(0)
        mix.run(cycles)
    p50s: dict[tuple[tuple[str, ...], str], list[float]] = {}
    p99s: dict[tuple[tuple[str, ...], str], list[float]] = {}
    for _ in range(rounds):
        for selection, mix in mixes.items():
            mix.steps_ns.clear()
            mix.run(cycles)
            for kind in KINDS:
                times = sorted(ns / 1e3 for ns in mix.steps_ns[kind])
                p50s.setdefault((selection, kind), []).append(quantile(times, 0.5))
                p99s.setdefault((selection, kind), []).append(quantile(times, 0.99))
    for (selection, kind), of_rounds in p50s.items():
        p50 = median(of_rounds)
        beside = p50 / median(p50s[SELECTIONS[0], kind])
        print(
            f"{agents:6} {classes:7}  {' '.join(selection):<49} {kind:<5} {p50:8.1f} "
            f"{median(p99s[selection, kind]):8.1f} {beside:7.2f}  {mixes[selection].digest.text()}"
        )


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    smoke = is_smoke(__doc__, arguments)
    print(machine())
    print(
        f"{'agents':>6} {'classes':>7}  {'criteria':<49} {'step':<5} {'p50 µs':>8} {'p99 µs':>8} "
        f"{'beside':>7}  actions"
    )
    for agents, classes in SMOKE_SIZES if smoke else SIZES:
        measure(
            agents,
            classes,
            rounds=1 if smoke else ROUNDS,
            cycles=SMOKE_CYCLES if smoke else CYCLES,
        )


if __name__ == "__main__":
    main()

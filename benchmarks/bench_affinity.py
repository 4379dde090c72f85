"""How long a decision takes by how many contacts are kept for named agents.

Question: is the step in which an agent becomes free, and is offered the next contact that is kept
for him, independent of how many are kept, for him and for others?

Method: the domain of `bench_step` at 1,000 agents and 100 classes, without wrap-up, in which every
queue keeps contacts for whom they name. `spread` names all agents in turn, `one` the same agent
always. All agents talk; each cycle one of those named ends his contact and is offered the next that
is kept for him (`next`), which is connected, and another arrives in its place (`keeps`). Beside
them the same where nothing is kept (`none`): the next is the first of the queue's. The clock is
around the step alone; the settings are frozen (`gc.freeze`).

    python -m benchmarks.bench_affinity            # the canonical run, about twenty seconds
    python -m benchmarks.bench_affinity --smoke    # small; against rot
"""

import gc
import time
from array import array
from typing import Final

from msgspec.structs import replace

from acd.actions import Action, OfferContact
from acd.events import (
    AgentLoggedIn,
    AgentReady,
    ContactArrived,
    Event,
    LegConnected,
    LegEnded,
)
from acd.ids import Channel
from acd.router import Router
from acd.settings import DAY_US, AffinitySettings, ChannelSettings, DomainSettings
from benchmarks.bench_step import domain
from benchmarks.measuring import Digest, is_smoke, machine, quantile

AGENTS: Final = 1_000
CLASSES: Final = 100
KEPT: Final = (1_000, 10_000, 100_000)
CYCLES: Final = 20_000
SMOKE: Final = (100, 10, (200,), 300)


def keeping(agents: int, classes: int) -> DomainSettings:
    """Return the domain of `bench_step` in which every queue keeps contacts for a day."""
    settings = domain(agents, classes)
    affinity = AffinitySettings(named_agent_us=DAY_US)
    channels = {Channel.VOICE: ChannelSettings()}
    queues = tuple(replace(one, channels=channels, affinity=affinity) for one in settings.queues)
    return replace(settings, queues=queues)


class Line:
    """A router whose agents all talk, and those who wait for them."""

    def __init__(self, settings: DomainSettings, named: int, *, is_kept: bool) -> None:
        self.router = Router(settings)
        self.digest = Digest()
        self._is_kept = is_kept
        self._arrived = 0
        self._now_us = 1
        self._named = settings.agents[:named]
        self._talks: dict[str, int] = {}
        """Offer by agent."""
        for agent in settings.agents:
            self._step(AgentLoggedIn(agent_id=agent.agent_id))
            self._step(AgentReady(agent_id=agent.agent_id))
        for at in range(len(settings.agents)):
            self._arrive(settings.agents[at].agent_id, next(iter(settings.agents[at].skills)))

    def fill(self, waiting: int) -> None:
        """Let so many contacts come to wait."""
        for at in range(waiting):
            self._come(at)

    def run(self, cycles: int) -> tuple["array[int]", "array[int]"]:
        """Return the times of so many ends of a contact, and of as many arrivals, in ns."""
        ends, arrivals = array("q"), array("q")
        for at in range(cycles):
            self._now_us += 1
            agent = self._named[at % len(self._named)]
            offer_id = self._talks[agent.agent_id]
            ends.append(self._step(LegEnded(offer_id=offer_id)))
            arrivals.append(self._come(at))
        return ends, arrivals

    def _come(self, at: int) -> int:
        agent = self._named[at % len(self._named)]
        skill = next(iter(agent.skills))
        return self._arrive(agent.agent_id if self._is_kept else "", skill)

    def _arrive(self, named_agent: str, skill: str) -> int:
        self._arrived += 1
        arrival = ContactArrived(
            contact_id=str(self._arrived),
            queue=skill.replace("skill", "queue"),
            channel=Channel.VOICE,
            named_agent=named_agent,
        )
        return self._step(arrival)

    def _step(self, event: Event) -> int:
        """Step, connect what is offered, and return how long the step took."""
        began_ns = time.perf_counter_ns()
        actions: tuple[Action, ...] = self.router.step(event, now_us=self._now_us)
        took_ns = time.perf_counter_ns() - began_ns
        self.digest.add(actions)
        for action in actions:
            if type(action) is OfferContact:
                self._talks[action.agent_id] = action.offer_id
                self.router.step(LegConnected(offer_id=action.offer_id), now_us=self._now_us)
        return took_ns


def measure(agents: int, classes: int, waiting: int, cycles: int) -> None:
    """Print a line for each way in which so many wait."""
    settings = keeping(agents, classes)
    for name, named, is_kept in (
        ("none", agents, False),
        ("spread", agents, True),
        ("one", 1, True),
    ):
        line = Line(settings, named, is_kept=is_kept)
        gc.collect()
        gc.freeze()
        try:
            line.fill(waiting)
            line.run(cycles // 10)
            figures = []
            for times in line.run(cycles):
                sorted_us = sorted(ns / 1e3 for ns in times)
                figures += [quantile(sorted_us, 0.5), quantile(sorted_us, 0.99)]
        finally:
            gc.unfreeze()
        texts = " ".join(f"{one:8.1f}" for one in figures)
        print(f"{agents:6} {classes:7} {waiting:7}  {name:<6} {texts}  {line.digest.text()}")


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    smoke = is_smoke(__doc__, arguments)
    print(machine())
    print(
        f"{'agents':>6} {'classes':>7} {'waiting':>7}  {'kept':<6} {'next p50':>8} {'p99 µs':>8} "
        f"{'keeps':>8} {'p99 µs':>8}  actions"
    )
    agents, classes, sizes, cycles = SMOKE if smoke else (AGENTS, CLASSES, KEPT, CYCLES)
    for waiting in sizes:
        measure(agents, classes, waiting, cycles)


if __name__ == "__main__":
    main()

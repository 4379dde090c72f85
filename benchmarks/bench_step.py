"""How long one `Router.step` takes with its decision, by agents and by contacts waiting.

Question: is a step's time independent of the number waiting, and below 5 / 10 / 20 µs (median)
at 100 / 1,000 / 10,000 agents, 100 µs at the 99th percentile?

Method: a domain of voice queues, one class each, and teams of ten agents who share a skill set of
three to six skills (10 / 100 / 1,000 distinct sets and classes). Half the queues have no wrap-up:
there the end of a contact decides at once; the other half wrap up for 30 s, so a tick decides. A
steady mix in virtual time: a contact arrives, what is offered is accepted and connected, one of the
connected legs ends, owed ticks are stepped; every 20th time one of the waiting leaves, and another
arrives. Of the offers 2 % are rejected and 1 % ring until their time is over; who let one ring is
ready again at once, and neither is offered the same contact again while he is excluded. Legs at
agents and waiting stay about as many as the row says. At 0 waiting 80 % of the agents have work;
queues whose few agents are all busy then have a few waiting, and the column `waiting` gives the
number found at the end.

The clock (perf_counter_ns, some 0.05 µs of its own) is around the call only; events are made and
answers given outside. The garbage collector is left on, with Python's own thresholds; as an
embedder would, the settings and the router are frozen (`gc.freeze`) when loaded, the contacts are
not. `gc ms` is its longest pause while the row's contacts came in and were measured, `full ms` one
full collection forced at the end. Steps are told apart by what they had to decide:

    finds    an arrival that is offered to an agent at once
    waits    an arrival for which nobody is free
    next     an end of work (LegEnded, or the tick that ends wrap-up), after which one who waited
             is offered
    idle     an end of work after which nobody suitable waits
    reject   an offer is rejected, and the contact is offered on, or the agent another
    ring     as `reject`, of the tick that withdraws an offer which rang too long
    all      every step of the mix, also those that decide nothing

A line of fewer than 100 steps has no 99th percentile.

    python -m benchmarks.bench_step            # the canonical run, about a minute
    python -m benchmarks.bench_step --smoke    # small; against rot
"""

import gc
import random
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from acd.actions import Action, EndWrapUp, OfferContact, SetAgentState, WithdrawOffer
from acd.events import (
    AgentLoggedIn,
    AgentReady,
    Batch,
    ClockTicked,
    ContactArrived,
    ContactLeft,
    Event,
    LegConnected,
    LegEnded,
    OfferAccepted,
    OfferRejected,
)
from acd.ids import Channel
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)
from benchmarks.measuring import Digest, Pauses, is_smoke, machine, quantile

SIZES: Final = ((100, 10), (1_000, 100), (10_000, 1_000))
"""(agents, classes)."""
WAITING: Final = (0, 1_000, 100_000)
CYCLES: Final = 20_000

SMOKE_SIZES: Final = ((100, 10), (300, 30))
SMOKE_WAITING: Final = (0, 200)
SMOKE_CYCLES: Final = 500

TEAM: Final = 10
WRAP_UP_US: Final = 30 * SECOND_US
HANDLE_US: Final = 300 * SECOND_US
LEAVES_EVERY: Final = 20
REJECTED: Final = 0.02
RINGS_OUT: Final = 0.01
"""Shares of the offers."""
WANTED_US: Final = {100: 5, 1_000: 10, 10_000: 20}
"""Median step by agents (design/performance)."""


HEAD: Final = (
    f"{'agents':>6} {'classes':>7} {'waiting':>7}  {'step':<6} {'steps':>7} "
    f"{'p50 µs':>8} {'p99 µs':>8} {'max µs':>9} {'gc ms':>7} {'full ms':>7}  actions"
)

KINDS: Final = ("finds", "waits", "next", "idle", "reject", "ring", "all")


def domain(agents: int, queues: int) -> DomainSettings:
    """Return a domain of voice queues, each its own class, and teams with skill sets."""
    drawn = random.Random(1)
    skills = tuple(f"skill{n}" for n in range(queues))
    sets: list[dict[str, int]] = []
    for team in range(max(agents // TEAM, 1)):
        # The team's own skill first, so that every queue has agents.
        own = team % queues
        more = min(drawn.randint(2, 5), queues - 1)
        others = drawn.sample([n for n in range(queues) if n != own], more)
        sets.append({skills[n]: drawn.randint(1, 10) for n in (own, *others)})
    return DomainSettings(
        name="bench",
        queues=tuple(
            QueueSettings(
                name=f"queue{n}",
                channels={Channel.VOICE: ChannelSettings(wrap_up_us=n % 2 * WRAP_UP_US)},
                requires=skill,
            )
            for n, skill in enumerate(skills)
        ),
        profiles=(
            ProfileSettings(
                name="all",
                serves=tuple(
                    Serves(queue=f"queue{n}", channels=(Channel.VOICE,)) for n in range(queues)
                ),
            ),
        ),
        capacities=(CapacitySettings(name="one", channels={Channel.VOICE: SlotSettings()}),),
        agents=tuple(
            AgentSettings(
                agent_id=f"agent{n}", profile="all", capacity="one", skills=sets[n % len(sets)]
            )
            for n in range(agents)
        ),
        skills=skills,
    )


class Mix:
    """A driver that keeps a router busy, steadily, and times its steps."""

    def __init__(self, settings: DomainSettings, queues: int) -> None:
        self.router = Router(settings)
        # Arrays, since the collector looks at each number in a list, and its pauses are ours to
        # measure and not to cause.
        self.steps_ns: dict[str, array[int]] = defaultdict(_numbers)
        self.digest = Digest()
        self._drawn = random.Random(2)
        self._queues = queues
        # So that agents who all work end as many contacts as there are cycles.
        self._cycle_us = max(HANDLE_US // len(settings.agents), 2)
        self._now_us = 1
        self._arrived = 0
        self._connected = _numbers()
        self._waits = bytearray(1)
        """Whether a contact waits, by its number."""
        self._came = _numbers()
        """Who waits, and some who no longer do."""
        self._ringing: dict[int, int] = {}
        """Contact by offer, of those that nobody answers."""
        self.waiting = 0
        """How many contacts wait."""
        self.step(
            Batch(
                events=tuple(
                    event
                    for agent in self.router.agents
                    for event in (
                        AgentLoggedIn(agent_id=agent.agent_id),
                        AgentReady(agent_id=agent.agent_id),
                    )
                )
            )
        )
        # One contact in each queue makes its class known; that is part of setting up.
        for queue in range(queues):
            self._arrive(queue)

    def fill(self, waiting: int, *, every_us: int = 0) -> None:
        """Let contacts in until 80 % of the agents work, or until so many contacts wait.

        They come at one instant, or one after the other.
        """
        if not waiting:
            while len(self._connected) < len(self.router.agents) * 0.8:
                self._arrive()
        while self.waiting < waiting:
            self._now_us += every_us
            self._tick()
            self._arrive()

    def run(self, cycles: int) -> None:
        """Run so many cycles of the mix."""
        for cycle in range(cycles):
            self._now_us += self._cycle_us
            self._tick()
            self._arrive()
            if cycle % LEAVES_EVERY == 0 and self.waiting:
                self._leave()
                self._arrive()
            if self._connected:
                self._end()

    def step(self, event: Event) -> tuple[Action, ...]:
        """Step the router against the clock; do what it orders; note which kind of step it was."""
        step, clock = self.router.step, time.perf_counter_ns
        now_us = self._now_us
        began_ns = clock()
        actions = step(event, now_us=now_us)
        took_ns = clock() - began_ns
        self.steps_ns["all"].append(took_ns)
        kind = _kind(event, actions)
        if kind is not None:
            self.steps_ns[kind].append(took_ns)
        self.digest.add(actions)
        # Withdrawals first: what came back may be offered anew by the steps that answer the rest.
        for action in actions:
            if type(action) is WithdrawOffer:
                self._wait_again(self._ringing.pop(action.offer_id))
        for action in actions:
            if type(action) is OfferContact:
                self._answer(action.offer_id, int(action.contact_id))
            elif type(action) is SetAgentState:
                self.step(AgentReady(agent_id=action.agent_id))
        return actions

    def _answer(self, offer_id: int, number: int) -> None:
        """Accept and connect, or reject, or let it ring."""
        self._wait_no_longer(number)
        draw = self._drawn.random()
        if draw < REJECTED:
            self._wait_again(number)
            self.step(OfferRejected(offer_id=offer_id))
        elif draw < REJECTED + RINGS_OUT:
            self._ringing[offer_id] = number
        else:
            self.step(OfferAccepted(offer_id=offer_id))
            self.step(LegConnected(offer_id=offer_id))
            self._connected.append(offer_id)

    def _arrive(self, queue: int | None = None) -> None:
        if queue is None:
            queue = self._drawn.randrange(self._queues)
        self._arrived += 1
        number = self._arrived
        self._waits.append(True)
        self.waiting += 1
        self.step(
            ContactArrived(contact_id=str(number), queue=f"queue{queue}", channel=Channel.VOICE)
        )
        if self._waits[number]:
            self._came.append(number)

    def _leave(self) -> None:
        number = self._any_of(self._came)
        while not self._waits[number]:
            number = self._any_of(self._came)
        self._wait_no_longer(number)
        self.step(ContactLeft(contact_id=str(number)))

    def _wait_no_longer(self, number: int) -> None:
        self._waits[number] = False
        self.waiting -= 1

    def _wait_again(self, number: int) -> None:
        self._waits[number] = True
        self.waiting += 1
        self._came.append(number)

    def _end(self) -> None:
        self.step(LegEnded(offer_id=self._any_of(self._connected)))

    def _any_of(self, values: "array[int]") -> int:
        """Take any one out of an array, at the same cost wherever it stands."""
        at = self._drawn.randrange(len(values))
        values[at], values[-1] = values[-1], values[at]
        return values.pop()

    def _tick(self) -> None:
        while (due_us := self.router.next_wakeup_us()) is not None and due_us <= self._now_us:
            self.step(ClockTicked())


def _numbers() -> "array[int]":
    return array("q")


def _kind(event: Event, actions: tuple[Action, ...]) -> str | None:
    """Return which kind of step it was, or None where nothing was to be decided."""
    done = {type(action) for action in actions}
    offers = OfferContact in done
    match event:
        case ContactArrived():
            return "finds" if offers else "waits"
        case OfferRejected():
            return "reject" if offers else None
        case ClockTicked() if WithdrawOffer in done:
            return "ring" if offers else None
        case ClockTicked() if EndWrapUp not in done:
            return None  # Only exclusions ended.
        case LegEnded() if len(actions) == 1:
            return None  # Only the customer is released, and wrap-up begins.
        case LegEnded() | ClockTicked():
            return "next" if offers else "idle"
        case _:
            return None


class Row(NamedTuple):
    """What was measured at one size; times in microseconds unless the name says otherwise."""

    agents: int
    classes: int
    wanted_waiting: int
    waiting: int
    steps_us: dict[str, "array[float]"]
    """Sorted, by kind of step."""
    pause_ms: float
    full_ms: float
    digest: str


def measure(agents: int, classes: int, waiting: tuple[int, ...], cycles: int) -> Iterator[Row]:
    """Yield a row for each number waiting; one router serves them all, one after the other."""
    began = time.perf_counter()
    mix = Mix(domain(agents, classes), classes)
    gc.collect()
    gc.freeze()
    sets = len({tuple(agent.kind.skills.items()) for agent in mix.router.agents})
    print(
        f"agents={agents} classes={classes} skill_sets={sets} "
        f"setup_s={time.perf_counter() - began:.2f}"
    )
    try:
        for wanted in waiting:
            with Pauses() as pauses:
                mix.fill(wanted)
                mix.run(cycles // 10)  # Until the mix is steady.
                mix.steps_ns.clear()
                mix.run(cycles)
            with Pauses() as full:
                gc.collect()
            measured = {
                kind: array("d", sorted(ns / 1e3 for ns in times))
                for kind, times in mix.steps_ns.items()
            }
            mix.steps_ns.clear()
            yield Row(
                agents,
                classes,
                wanted,
                mix.waiting,
                measured,
                pauses.longest_ns / 1e6,
                full.longest_ns / 1e6,
                mix.digest.text(),
            )
    finally:
        gc.unfreeze()


def table(rows: list[Row]) -> str:
    """Return the rows as text: a line for each size and kind of step."""
    lines = [HEAD]
    for row in rows:
        for kind in KINDS:
            times = row.steps_us.get(kind, array("d"))
            if not times:
                continue
            p99 = f"{quantile(times, 0.99):.1f}" if len(times) >= 100 else "–"
            last = ""
            if kind == "all":
                last = f" {row.pause_ms:7.2f} {row.full_ms:7.2f}  {row.digest}"
            lines.append(
                f"{row.agents:6} {row.classes:7} {row.waiting:7}  {kind:<6} {len(times):7} "
                f"{quantile(times, 0.5):8.1f} {p99:>8} {times[-1]:9.1f}{last}"
            )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    smoke = is_smoke(__doc__, arguments)
    print(machine())
    rows = [
        row
        for agents, classes in (SMOKE_SIZES if smoke else SIZES)
        for row in measure(
            agents,
            classes,
            SMOKE_WAITING if smoke else WAITING,
            SMOKE_CYCLES if smoke else CYCLES,
        )
    ]
    print(table(rows))
    for row in rows:
        if row.agents in WANTED_US:
            p50 = max(
                quantile(row.steps_us[kind], 0.5)
                for kind in ("finds", "waits", "next")
                if len(row.steps_us.get(kind, ())) >= 100
            )
            p99 = quantile(row.steps_us["all"], 0.99)
            reject = row.steps_us.get("reject", array("d", [0.0]))
            print(
                f"agents={row.agents} waiting={row.waiting}: worst p50 of a deciding step "
                f"{p50:.1f} µs (wanted {WANTED_US[row.agents]}), "
                f"p99 of all {p99:.1f} µs (wanted 100); rejected and offered on "
                f"{quantile(reject, 0.5):.1f} / {quantile(reject, 0.99):.1f} µs"
            )


if __name__ == "__main__":
    main()

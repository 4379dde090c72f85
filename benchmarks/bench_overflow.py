"""What overflow rules and limits on admission cost, by how many contacts wait.

Question: does a step cost the same however many contacts wait, also where one is turned away for
another; and what do rules and limits cost that never hold?

Method: the mix of `bench_step` at 1,000 agents and 100 classes. `none` has neither; `rules` gives
each queue a rule with every condition and number that a queue without a calendar can have, none of
which holds; `limits` two limits on admission, of which each contact counts for one or both, and
which never hold. The three routers run in turns, a tenth of the cycles at a time, so that a busy
machine is so for all; the ratio is that of the medians of all steps.

Then the limits are set to the number waiting: each arrival is too many (`sheds`), and a contact of
the lowest priority is turned away, or the arrival itself; priorities are drawn from five. A queue
of as many is emptied when its last agent logs out, a thousand in a step (`leave`, per contact).
These two are CPU time; the clock is around the step alone, and what was loaded is frozen
(`gc.freeze`).

    python -m benchmarks.bench_overflow            # the canonical run, about a minute
    python -m benchmarks.bench_overflow --smoke    # small; against rot
"""

import gc
import random
import time
from typing import Final

from msgspec.structs import replace

from acd.actions import OverflowLeg
from acd.events import AgentLoggedIn, AgentLoggedOut, Batch, ClockTicked, ContactArrived
from acd.ids import Channel
from acd.router import Router
from acd.settings import DAY_US, AdmissionSettings, Condition, DomainSettings, OverflowRule
from benchmarks.bench_step import Mix, domain
from benchmarks.measuring import Digest, is_smoke, machine, quantile

AGENTS: Final = 1_000
CLASSES: Final = 100
WAITING: Final = (1_000, 10_000, 90_000)
"""The last not far from the most that a limit may be, with room for those who come meanwhile."""
CYCLES: Final = 20_000
ARRIVALS: Final = 5_000
TURNS: Final = 10

SMOKE_WAITING: Final = (100, 1_000)
SMOKE_CYCLES: Final = 200
SMOKE_ARRIVALS: Final = 100

RULE: Final = OverflowRule(
    leaving=(Condition.NOBODY_LOGGED_IN, Condition.NOBODY_READY),
    max_waiting=100_000,
    max_wait_us=DAY_US,
    message="busy",
)


def with_rules(settings: DomainSettings, *rules: OverflowRule) -> DomainSettings:
    """Return a domain each of whose queues has these rules."""
    queues = tuple(
        replace(
            queue,
            channels={
                name: replace(channel, overflow=rules) for name, channel in queue.channels.items()
            },
        )
        for queue in settings.queues
    )
    return replace(settings, queues=queues, messages=("busy",))


def with_limits(settings: DomainSettings, most: int) -> DomainSettings:
    """Return a domain with a limit on all contacts, and a rate of one queue."""
    limits = (
        AdmissionSettings(name="all", max_waiting=most, message="busy"),
        AdmissionSettings(
            name="rate", queues=("queue0",), rate_per_min=1_000_000, burst=1_000, message="busy"
        ),
    )
    return replace(settings, admission=limits, messages=("busy",))


def ratios(waiting: int, cycles: int) -> None:
    """Print what a step costs with rules and limits that never hold, beside one without."""
    plain = domain(AGENTS, CLASSES)
    mixes = {
        "none": Mix(plain, CLASSES),
        "rules": Mix(with_rules(plain, RULE), CLASSES),
        "limits": Mix(with_limits(plain, 100_000), CLASSES),
    }
    gc.collect()
    gc.freeze()
    for mix in mixes.values():
        mix.fill(waiting)
        mix.run(cycles // TURNS)
        mix.steps_ns.clear()
    for _ in range(TURNS):
        for mix in mixes.values():
            mix.run(cycles // TURNS)
    gc.unfreeze()
    assert len({mix.digest.text() for mix in mixes.values()}) == 1
    medians = {
        name: quantile(sorted(mix.steps_ns["all"]), 0.5) / 1e3 for name, mix in mixes.items()
    }
    for name, median_us in medians.items():
        print(
            f"waiting={waiting:6} {name:<6} p50 {median_us:6.2f} µs, "
            f"{median_us / medians['none']:.2f} of none  {mixes[name].digest.text()}"
        )


def sheds(waiting: int, arrivals: int) -> None:
    """Print what it costs to turn somebody away for each arrival."""
    drawn = random.Random(3)
    router = Router(with_limits(domain(AGENTS, CLASSES), waiting))
    digest = Digest()
    times = []
    for number in range(waiting + arrivals):
        event = ContactArrived(
            contact_id=str(number),
            queue=f"queue{drawn.randrange(CLASSES)}",
            channel=Channel.VOICE,
            priority=drawn.randrange(5),
        )
        if number == waiting:
            gc.collect()
            gc.freeze()
        began_ns = time.process_time_ns()
        actions = router.step(event, now_us=number)
        took_ns = time.process_time_ns() - began_ns
        if number >= waiting:
            times.append(took_ns)
            assert len(actions) == 2
            digest.add(actions)
    gc.unfreeze()
    times.sort()
    print(
        f"waiting={waiting:6} sheds  p50 {quantile(times, 0.5) / 1e3:6.2f} µs, "
        f"p99 {quantile(times, 0.99) / 1e3:6.2f} µs  {digest.text()}"
    )


def leave(waiting: int) -> None:
    """Print what it costs each of those who leave when the last agent does."""
    settings = with_rules(domain(10, 1), replace(RULE, leaving=(Condition.NOBODY_LOGGED_IN,)))
    router = Router(settings)
    router.step(AgentLoggedIn(agent_id="agent0"), now_us=0)
    arrivals = tuple(
        ContactArrived(contact_id=str(number), queue="queue0", channel=Channel.VOICE)
        for number in range(waiting)
    )
    router.step(Batch(events=arrivals), now_us=1)
    router.next_wakeup_us()  # As a driver does: it puts the arrivals' timers in order.
    gc.collect()
    gc.freeze()
    event: AgentLoggedOut | ClockTicked = AgentLoggedOut(agent_id="agent0")
    longest_ns = total_ns = left = 0
    while left < waiting:
        began_ns = time.process_time_ns()
        actions = router.step(event, now_us=2)
        took_ns = time.process_time_ns() - began_ns
        left += sum(type(action) is OverflowLeg for action in actions)
        longest_ns, total_ns = max(longest_ns, took_ns), total_ns + took_ns
        event = ClockTicked()
        router.next_wakeup_us()
    gc.unfreeze()
    print(
        f"waiting={waiting:6} leave  {total_ns / waiting / 1e3:6.2f} µs each, "
        f"longest step {longest_ns / 1e6:.1f} ms"
    )


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    smoke = is_smoke(__doc__, arguments)
    print(machine())
    for waiting in SMOKE_WAITING if smoke else WAITING:
        ratios(waiting, SMOKE_CYCLES if smoke else CYCLES)
    for waiting in SMOKE_WAITING if smoke else WAITING:
        sheds(waiting, SMOKE_ARRIVALS if smoke else ARRIVALS)
    for waiting in SMOKE_WAITING if smoke else WAITING:
        leave(waiting)


if __name__ == "__main__":
    main()

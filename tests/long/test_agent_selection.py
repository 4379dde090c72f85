"""What the criteria of agent selection do to a day's work, where agents are of unlike speed.

Method: one queue, ten agents, the slowest half as fast as the fastest, Poisson arrivals and
exponential work. The same arrivals and the same work, drawn for each contact, meet each criterion
(common random numbers), in twenty replications from fixed seeds. Criteria are compared by the
paired difference of a replication, whose standard error sets the tolerance: four of them, which
chance exceeds once in two thousand (Student's t, 19 degrees of freedom).
"""

from heapq import heappop, heappush
from random import Random
from statistics import mean, stdev
from typing import Final, NamedTuple

import pytest

from acd import events as ev
from acd.actions import OfferContact
from acd.ids import Channel
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)

AGENTS: Final = 10
SLOWNESS: Final = tuple(1 + number / (AGENTS - 1) for number in range(AGENTS))
WORK_S: Final = 200
"""Mean work of a contact at the fastest agent; 300 s at the mean of all."""
LOAD: Final = 0.8
CONTACTS: Final = 2_000
REPLICATIONS: Final = 20
ERRORS: Final = 4

A = AgentCriterion


class Day(NamedTuple):
    """What a replication found."""

    wait_s: float
    """Mean over the contacts."""
    shares: tuple[float, ...]
    """Time at work by agent, of the second half, when occupancies have settled."""


def a_domain(criterion: AgentCriterion) -> DomainSettings:
    voice = (Channel.VOICE,)
    return DomainSettings(
        name="day",
        queues=(QueueSettings(name="q", channels={Channel.VOICE: ChannelSettings()}),),
        profiles=(ProfileSettings(name="p", serves=(Serves(queue="q", channels=voice),)),),
        capacities=(CapacitySettings(name="c", channels={Channel.VOICE: SlotSettings()}),),
        agents=tuple(
            AgentSettings(agent_id=str(number), profile="p", capacity="c")
            # Not by speed, so that the position in the settings says nothing.
            for number in Random(1).sample(range(AGENTS), AGENTS)
        ),
        agent_selection=(criterion,),
    )


def a_day(criterion: AgentCriterion, seed: int) -> Day:
    """Play a replication: whoever is offered to talks at once, and is free when he has finished."""
    rng = Random(seed)
    router = Router(a_domain(criterion))
    router.step(
        ev.Batch(
            events=tuple(
                kind(agent_id=agent.agent_id)
                for kind in (ev.AgentLoggedIn, ev.AgentReady)
                for agent in router.agents
            )
        ),
        now_us=0,
    )
    apart_s = WORK_S / sum(1 / slow for slow in SLOWNESS) / LOAD
    arrivals: list[tuple[int, float]] = []
    now_s = 0.0
    for _ in range(CONTACTS):
        now_s += rng.expovariate(1 / apart_s)
        arrivals.append((int(now_s * SECOND_US), rng.expovariate(1 / WORK_S)))
    half_us = arrivals[CONTACTS // 2][0]
    ends: list[tuple[int, int]] = []
    worked_us = [0] * AGENTS
    waited_us = 0
    number = 0
    while number < CONTACTS:
        if ends and ends[0][0] <= arrivals[number][0]:
            now_us, offer_id = heappop(ends)
            actions = router.step(ev.LegEnded(offer_id=offer_id), now_us=now_us)
        else:
            now_us = arrivals[number][0]
            arrival = ev.ContactArrived(contact_id=str(number), queue="q", channel=Channel.VOICE)
            actions = router.step(arrival, now_us=now_us)
            number += 1
        for offer in actions:
            if isinstance(offer, OfferContact):
                router.step(ev.LegConnected(offer_id=offer.offer_id), now_us=now_us)
                came_us, work_s = arrivals[int(offer.contact_id)]
                agent = int(offer.agent_id)
                end_us = now_us + int(work_s * SLOWNESS[agent] * SECOND_US)
                heappush(ends, (end_us, offer.offer_id))
                waited_us += now_us - came_us
                worked_us[agent] += max(end_us - max(now_us, half_us), 0)
    second_us = arrivals[-1][0] - half_us
    return Day(waited_us / CONTACTS / SECOND_US, tuple(each / second_us for each in worked_us))


@pytest.fixture(scope="module")
def days() -> dict[AgentCriterion, list[Day]]:
    """Return the replications by criterion."""
    return {
        criterion: [a_day(criterion, seed) for seed in range(REPLICATIONS)]
        for criterion in (A.LONGEST_IDLE, A.LEAST_OCCUPIED, A.FASTEST_FIRST, A.ROUND_ROBIN)
    }


def assert_less(less: list[float], more: list[float]) -> None:
    """Check that the paired differences are above zero by more than chance explains."""
    differences = [b - a for a, b in zip(less, more, strict=True)]
    error = stdev(differences) / len(differences) ** 0.5
    assert mean(differences) > ERRORS * error, (mean(less), mean(more), error)


def spreads(days: list[Day]) -> list[float]:
    """Return how far apart the agents' shares of time at work are, by replication."""
    return [stdev(day.shares) for day in days]


def test_least_occupied_shares_the_work_more_evenly_than_longest_idle(
    days: dict[AgentCriterion, list[Day]],
) -> None:
    """Longest idle gives each as many contacts, so that the slow are always busy."""
    assert_less(spreads(days[A.LEAST_OCCUPIED]), spreads(days[A.LONGEST_IDLE]))
    assert_less(spreads(days[A.LEAST_OCCUPIED]), spreads(days[A.ROUND_ROBIN]))


def test_fastest_first_makes_waits_shorter_than_longest_idle_does(
    days: dict[AgentCriterion, list[Day]],
) -> None:
    waits = {criterion: [day.wait_s for day in of] for criterion, of in days.items()}
    assert_less(waits[A.FASTEST_FIRST], waits[A.LONGEST_IDLE])
    assert_less(waits[A.FASTEST_FIRST], waits[A.LEAST_OCCUPIED])


def test_fastest_first_gives_more_work_to_the_fast(days: dict[AgentCriterion, list[Day]]) -> None:
    fast, slow = ([mean(day.shares[half]) for day in days[A.FASTEST_FIRST]]
                  for half in (slice(0, AGENTS // 2), slice(AGENTS // 2, AGENTS)))  # fmt: skip
    assert_less(slow, fast)

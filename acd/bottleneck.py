"""How long work takes that different crowds of agents share: the drain of a bottleneck.

Several *loads* wait, each for some agents, and agents are shared. Whoever is free takes what has
waited longest of what he may take, so agents whom two loads share work for the one that lags, until
both are equally far. In the long run that is a fluid with one solution: the set of loads with the
most work per agent who may do any of it (*the bottleneck*) keeps all of its agents to itself and is
done last, in work ÷ agents; without it and without them the same holds of the rest.

Finding the densest of all sets of loads is a flow problem; here it is grown greedily, which finds
it where loads overlap in pairs or nest, as sites do, and is never far off elsewhere (a test
compares it with all sets). Agents are bits of Python integers, so counting those of a set that
another lacks is one AND, however many there are.

Source: the bottleneck decomposition of lexicographically fair flows (N. Megiddo, "Optimal flows in
networks with multiple sources and sinks", 1974); that service in order of arrival keeps shared
agents with the longest line is the FCFS-ALIS fluid of R. Talreja and W. Whitt, 2008 ("Fluid models
for overloaded multiclass many-server queueing systems with first-come, first-served routing").
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Load(NamedTuple):
    """What waits for some agents."""

    work: int
    """Time of one agent that it takes, in any unit; at least 0."""
    agents: int
    """Bits of the agents who may do it; not 0."""


class Drain(NamedTuple):
    """When a load is done."""

    work: int
    """Of all loads in its bottleneck."""
    agents: int
    """Bits of the agents who do it."""
    loads: tuple[int, ...]
    """Which of the rivals are in it, by position."""


def drain(own: Load, rivals: Sequence[Load]) -> Drain:
    """Return the bottleneck that a load is in, beside its rivals: O(rivals), mostly.

    Args:
        own: The load that is asked about.
        rivals: What else waits for any of its agents, as far as it is served before `own` is.
    """
    left = sorted(
        (at for at, one in enumerate(rivals) if one.work > 0),
        key=lambda at: (-rivals[at].work / rivals[at].agents.bit_count(), at),
    )
    gone = 0
    """The agents who work for what is harder than `own`, while that waits."""
    while True:
        found = _grow(Drain(own.work, own.agents & ~gone, ()), left, rivals, gone)
        if not left:
            return found
        hardest = rivals[left[0]]
        seed = Drain(hardest.work, hardest.agents & ~gone, (left[0],))
        other = _grow(seed, left, rivals, gone)
        is_harder = other.work * found.agents.bit_count() > found.work * other.agents.bit_count()
        if not is_harder or not own.agents & ~gone & ~other.agents:
            return found
        gone |= other.agents
        left = [at for at in left if at not in other.loads]


def _grow(seed: Drain, left: Sequence[int], rivals: Sequence[Load], gone: int) -> Drain:
    """Add rivals to a set of loads while that makes it no less dense, and they share agents."""
    work, agents, loads = seed.work, seed.agents, list(seed.loads)
    rest = {at: Load(rivals[at].work, rivals[at].agents & ~gone) for at in left if at not in loads}
    while joins := _joining(work, agents, rest):
        for at in joins:
            load = rest.pop(at)
            work += load.work
            agents |= load.agents
        loads += joins
    return Drain(work, agents, tuple(loads))


def _joining(work: int, agents: int, rest: Mapping[int, Load]) -> list[int]:
    """Return the first that may join a set of loads, with those who may only if it does."""
    count = agents.bit_count()
    most = sum(one.work for one in rest.values())
    wider = {}
    for at, one in rest.items():
        if one.agents & agents:
            more = (agents | one.agents).bit_count() - count
            if one.work * count >= work * more:
                return [at]
            if most * count >= work * more:
                wider[at] = more
    for at, more in wider.items():
        # Whoever has no agents beside these would be done by them.
        reached = agents | rest[at].agents
        inside = [other for other, one in rest.items() if one.agents | reached == reached]
        if sum(rest[other].work for other in inside) * count >= work * more:
            return inside
    return []

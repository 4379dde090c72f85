"""Where the search for a staffing begins, and below which no staffing can be: load, and Erlang.

The load of each queue in each interval, in Erlang, is served by groups that may serve it. How many
of each group are needed at least, at least cost, is a small program of whole numbers: each queue's
load is spread over the groups that serve it, and no group serves more than its members' time. With
the plain load that is a **bound** on every plan that loses nobody and leaves nothing undone; with
what Erlang C asks of each queue by itself, less what groups gain by helping out, it is a **start**.

Source: the staffing of multi-skill centres begins so in O. Z. Akşin, M. Armony and V. Mehrotra,
"The modern call center", 2007, section 3.2; the program of whole numbers is solved by HiGHS.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.optimize import Bounds, LinearConstraint, milp

from acd.ids import QueueName
from acd.settings import AgentSettings, DomainSettings
from acd.skills import parse_requirement
from sim.arrivals import Source, sources, workload
from sim.patience import Floats
from sim.requirement import Requirement, Sign
from sim.staffing import agents_needed
from sim.study import seed_of
from sim.workload import SECOND_US, Scenario, Stream

POOLED: Final = (0.7, 0.0)
"""What is kept, in each start, of the agents beyond the load that Erlang C asks of each queue by
itself. Groups that serve several queues need fewer: a start with all of them is near where each has
queues of its own, and one with none where they help each other out."""


_STARTS: Final = (0.8, 20.0)
"""The service level and threshold of the start where no objective says one."""


OCCUPANCY_MIN: Final = 0.01
"""Least occupancy by which agents are counted: below it a hundred would wait for each who works."""


class Demand(Struct, frozen=True):
    """What a plan is asked to do."""

    groups: tuple[str, ...]
    """Those that are staffed."""
    queues: tuple[QueueName, ...]
    """Those with arrivals."""
    serves: tuple[tuple[int, ...], ...]
    """For each group the queues that it may serve, by their places."""
    load: tuple[tuple[float, ...], ...]
    """For each queue and interval: the time that arrivals take of agents, in Erlang."""
    helped: tuple[bool, ...]
    """For each queue: whether others than the groups may serve it, as those who work shifts."""
    handle_s: tuple[float, ...]
    """For each queue: the mean time that a contact takes of an agent."""


def demand_of(scenario: Scenario, seed: int, days: int) -> Demand:
    """Return what a scenario asks of its groups, as the mean of so many drawn days.

    Drawn, so that peaks, batches and whatever else brings contacts counts as it comes. A contact
    takes of an agent the part that its channel's slots leave it; where groups differ in these, of
    the first that serves it.
    """
    settings = scenario.settings
    groups = tuple(scenario.staffing)
    member = {agent.group: agent for agent in reversed(settings.agents)}
    streams = {one.name: one for one in scenario.streams}
    queues = tuple(dict.fromkeys(one.queue for one in streams.values()))
    able = {
        (group, name): group in member and may_serve(settings, member[group], stream)
        for group in groups
        for name, stream in streams.items()
    }
    serves = tuple(
        tuple(
            place
            for place, queue in enumerate(queues)
            if any(able[group, name] for name, one in streams.items() if one.queue == queue)
        )
        for group in groups
    )
    others = {one.group: one for one in settings.agents if one.group not in groups}
    helped = tuple(
        any(
            may_serve(settings, one, stream)
            for one in others.values()
            for stream in scenario.streams
            if stream.queue == queue
        )
        for queue in queues
    )
    drawn = sources(scenario)
    place_of = np.array([queues.index(one.stream.queue) for one in drawn])
    takers = [
        next((member[group] for group in groups if able[group, one.stream.name]), None)
        for one in drawn
    ]
    shares = np.array([_share(settings, *one) for one in zip(drawn, takers, strict=True)])
    wraps_us = np.array([_wrap_up_us(settings, one.stream) for one in drawn])
    load = np.zeros((len(queues), scenario.intervals))
    contacts = np.zeros(len(queues))
    for number in range(days):
        for part in workload(scenario, seed_of(seed, number)):
            arrives_us, source, _, handle_us, _ = np.array(part, dtype=np.int64).reshape(-1, 5).T
            interval = (arrives_us - scenario.start_us) // scenario.interval_us
            taken = (handle_us + wraps_us[source]) * shares[source]
            np.add.at(load, (place_of[source], interval), taken)
            np.add.at(contacts, place_of[source], 1.0)
    handle_s = load.sum(axis=1) / np.maximum(contacts, 1.0) / SECOND_US
    load /= scenario.interval_us * days
    rows = tuple(tuple(row) for row in load.tolist())
    return Demand(groups, queues, serves, rows, helped, tuple(handle_s.tolist()))


def may_serve(settings: DomainSettings, agent: AgentSettings, stream: Stream) -> bool:
    """Return whether an agent may be offered a stream's contacts: by profile, capacity, skills."""
    profile = next(one for one in settings.profiles if one.name == agent.profile)
    capacity = next(one for one in settings.capacities if one.name == agent.capacity)
    if stream.channel not in capacity.channels or not any(
        line.queue == stream.queue and stream.channel in line.channels for line in profile.serves
    ):
        return False
    queue = next(one for one in settings.queues if one.name == stream.queue)
    return all(
        parse_requirement(text, skills=settings.skills, attributes=settings.attributes).met_by(
            agent.skills, agent.attributes
        )
        for text in (queue.requires, stream.requirement)
    )


def least(demand: Demand, costs: dict[str, float], occupancy_max: float) -> Floats:
    """Return how many of each group no plan can do without. Shape (groups, intervals).

    Whole numbers, or NaN in an interval whose load nobody may serve. What others may serve asks for
    nobody: they might do it all.
    """
    load = np.where(np.array(demand.helped)[:, None], 0.0, demand.load)
    return _cover(demand, load / occupancy_max, costs)


def starts(
    demand: Demand, costs: dict[str, float], level: float, threshold_s: float
) -> tuple[Floats, ...]:
    """Return where the search begins. Shapes (groups, intervals); whole numbers.

    What none of the groups may serve is left out.

    Args:
        demand: What is to be done.
        costs: Of a member of each group, above 0.
        level: Service level that each queue is to have, from 0 to below 1.
        threshold_s: Within which.
    """
    served = {queue for queues in demand.serves for queue in queues}
    load = np.array(demand.load)
    load[[queue for queue in range(len(load)) if queue not in served]] = 0.0
    beyond = np.zeros_like(load)
    for place, handle_s in enumerate(demand.handle_s):
        busy = load[place] > 0
        if busy.any():
            needed = agents_needed(
                load[place][busy], handle_s, level=level, threshold_s=threshold_s
            )
            beyond[place][busy] = needed - load[place][busy]
    return tuple(_cover(demand, load + kept * beyond, costs) for kept in POOLED)


def _cover(demand: Demand, wanted: Floats, costs: dict[str, float]) -> Floats:
    """Return the cheapest members who have the time for what is wanted of each queue."""
    groups, queues = len(demand.groups), len(demand.queues)
    pairs = [(group, queue) for group in range(groups) for queue in demand.serves[group]]
    size = groups + len(pairs)
    cost = np.zeros(size)
    cost[:groups] = [costs[group] for group in demand.groups]
    spread = np.zeros((queues, size))
    room = np.zeros((groups, size))
    room[:, :groups] = np.eye(groups)
    for place, (group, queue) in enumerate(pairs, start=groups):
        spread[queue, place] = 1.0
        room[group, place] = -1.0
    whole = np.concatenate([np.ones(groups), np.zeros(len(pairs))])
    found = np.full((groups, wanted.shape[1]), np.nan)
    for interval in range(wanted.shape[1]):
        solved = milp(
            cost,
            constraints=[
                LinearConstraint(spread, wanted[:, interval], wanted[:, interval]),
                LinearConstraint(room, 0.0, np.inf),
            ],
            integrality=whole,
            bounds=Bounds(0.0, np.inf),
        )
        if solved.success:
            found[:, interval] = np.round(solved.x[:groups])
    return found


def _share(settings: DomainSettings, source: Source, agent: AgentSettings | None) -> float:
    """Return which part of an agent a contact takes, who may have several in hand."""
    if agent is None:
        return 1.0
    capacity = next(one for one in settings.capacities if one.name == agent.capacity)
    return 1.0 / max(capacity.channels[source.stream.channel].slots, 1)


def _wrap_up_us(settings: DomainSettings, stream: Stream) -> int:
    queue = next(one for one in settings.queues if one.name == stream.queue)
    return queue.channels[stream.channel].wrap_up_us


def occupancy_max(requirements: Sequence[Requirement], groups: Sequence[str]) -> float:
    """Return the greatest occupancy that is asked of all agents; 1 where none is."""
    bounds = {one.name: one.bound for one in requirements if one.sign is Sign.AT_MOST}
    if "group.all.occupancy" in bounds:
        return min(max(bounds["group.all.occupancy"], OCCUPANCY_MIN), 1.0)
    each = [bounds.get(f"group.{group}.occupancy", 1.0) for group in groups]
    return min(max(*each, OCCUPANCY_MIN), 1.0)


def level_of(scenario: Scenario, requirements: Sequence[Requirement]) -> tuple[float, float]:
    """Return the service level and the threshold at which the search begins."""
    levels = [one for one in requirements if one.name.endswith("service_level")]
    if not levels:
        return _STARTS
    objectives = [
        channel.objective_us
        for queue in scenario.settings.queues
        for channel in queue.channels.values()
    ]
    return min(max(one.bound for one in levels), 0.99), min(objectives) / 1e6

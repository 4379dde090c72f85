"""A scenario with something changed: how many come, or who works. What sweeps and searches try.

Nothing else changes, so the customers are the same as far as they can be: with another staffing all
of them, with more load each contact keeps its handling time and patience and others come between.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

from msgspec.structs import replace

from acd.errors import did_you_mean, nearest, shown
from acd.settings import AgentSettings
from sim.batches import Batches, Sizes
from sim.peaks import Peak
from sim.shrinkage import scheduled_for
from sim.workload import Scenario

LOAD_MAX: Final = 1_000.0
"""Greatest factor of a load; a flash crowd is 100."""

STAFF_MAX: Final = 100_000
"""Most members of a group, as in a scenario's staffing."""

_FORM: Final = re.compile(r"(?P<name>.+?)=(?P<values>.+)")


class Knob(NamedTuple):
    """What is varied, and the values that it takes."""

    name: str
    """`load`, `load.STREAM` or `staffing.GROUP`."""
    values: tuple[str, ...]
    """As written: a factor of the load; so many members, or with a sign so many more or fewer."""


def parse_knob(text: str) -> Knob:
    """Return what `NAME=VALUE,VALUE…` varies.

    >>> parse_knob("staffing.day=-1,+0,+1")
    Knob(name='staffing.day', values=('-1', '+0', '+1'))

    Raises:
        ValueError: It is something else.
    """
    match = _FORM.fullmatch(text)
    values = tuple(one.strip() for one in match["values"].split(",")) if match else ()
    if match is None or not all(values) or len(set(values)) < len(values):
        wanted = "NAME=VALUE,VALUE…, each value once, like load=1,1.2 or staffing.day=-1,+0,+1"
        raise ValueError(f"vary: is {shown(text)}; wanted {wanted}")
    return Knob(match["name"].strip(), values)


def varied(scenario: Scenario, name: str, value: str) -> Scenario:
    """Return a scenario with one thing changed.

    Raises:
        ValueError: There is nothing of that name, or it does not take this value.
    """
    kind, _, what = name.partition(".")
    try:
        if kind == "load":
            return loaded(scenario, _factor(name, value), [what] if what else None)
        if kind == "staffing" and what:
            return staffed(scenario, {what: _counts(scenario, what, value)})
    except ValueError as error:
        raise ValueError(f"vary: {error}") from error
    near = did_you_mean(nearest(name, names_of(scenario)))
    wanted = "load, load.STREAM or staffing.GROUP"
    raise ValueError(f"vary: {shown(name)} cannot be varied; wanted {wanted}{near}")


def names_of(scenario: Scenario) -> tuple[str, ...]:
    """Return what can be varied."""
    streams = (f"load.{one.name}" for one in scenario.streams)
    groups = (f"staffing.{group}" for group in scenario.staffing)
    return ("load", *streams, *groups)


def loaded(scenario: Scenario, factor: float, streams: Iterable[str] | None = None) -> Scenario:
    """Return a scenario whose streams bring so many times the contacts.

    Args:
        scenario: The plan.
        factor: Above 0, at most `LOAD_MAX`.
        streams: Their names; None for all.

    Raises:
        ValueError: There is no such stream, or it is replayed: what happened has no load.
    """
    known = [one.name for one in scenario.streams]
    chosen = frozenset(known if streams is None else streams)
    for name in sorted(chosen.difference(known)):
        near = did_you_mean(nearest(name, known))
        raise ValueError(f"load: {shown(name)} is no stream of this scenario{near}")
    for one in scenario.streams:
        if one.name in chosen and one.replay is not None:
            raise ValueError(f"load: {shown(one.name)} is replayed; wanted streams with rates")
    return replace(
        scenario,
        peaks=tuple(chain.from_iterable(_peaks(one, chosen, factor) for one in scenario.peaks)),
        batches=tuple(
            chain.from_iterable(_batches(one, chosen, factor) for one in scenario.batches)
        ),
        streams=tuple(
            replace(one, rates_per_h=tuple(rate * factor for rate in one.rates_per_h))
            if one.name in chosen
            else one
            for one in scenario.streams
        ),
    )


def _peaks(peak: Peak, chosen: frozenset[str], factor: float) -> Iterator[Peak]:
    """Yield a peak with its own contacts multiplied in the chosen streams, and as it was elsewhere.

    What multiplies the streams' rates needs no change: these are multiplied already.
    """
    if peak.added_per_h and not chosen.isdisjoint(peak.streams):
        inside, outside = _split(peak.streams, chosen)
        yield replace(peak, streams=inside, added_per_h=peak.added_per_h * factor)
        if outside:
            yield replace(peak, streams=outside)
    else:
        yield peak


def _batches(batches: Batches, chosen: frozenset[str], factor: float) -> Iterator[Batches]:
    """Yield batches of other sizes, from 1 on, in the chosen streams, of the same elsewhere."""
    if not chosen.isdisjoint(batches.streams):
        inside, outside = _split(batches.streams, chosen)
        mean = max(batches.batch.mean * factor, 1.0)
        if batches.batch.sizes is Sizes.FIXED:
            mean = round(mean)
        yield replace(batches, streams=inside, batch=replace(batches.batch, mean=mean))
        if outside:
            yield replace(batches, streams=outside)
    else:
        yield batches


def _split(names: Iterable[str], chosen: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that are chosen, and the others; a source is known by its stream's name."""
    together = tuple(names)
    inside = tuple(one for one in together if one in chosen)
    return inside, tuple(one for one in together if one not in chosen)


def staffed(scenario: Scenario, staffing: Mapping[str, tuple[int, ...]]) -> Scenario:
    """Return a scenario in which some groups have other numbers of members at work.

    Members that the groups lack are generated like the others, as the loader would have done. With
    shrinkage the numbers are of those on the floor, and who is scheduled follows from them.

    Args:
        scenario: The plan; the groups are among those of its staffing.
        staffing: By group: how many, for each interval.

    Raises:
        ValueError: There is no such group, or a number is out of range.
    """
    for group, counts in staffing.items():
        if group not in scenario.staffing:
            near = did_you_mean(nearest(group, scenario.staffing))
            raise ValueError(f"staffing: {shown(group)} is no staffed group{near}")
        if len(counts) != scenario.intervals:
            seen = f"has {len(counts)} figures"
            raise ValueError(f"staffing.{group}: {seen}; wanted {scenario.intervals}")
        if not 0 <= min(counts) <= max(counts) <= STAFF_MAX:
            seen = f"goes from {min(counts)} to {max(counts)}"
            raise ValueError(f"staffing.{group}: {seen}; wanted from 0 to {STAFF_MAX}")
    wanted = {group: max(counts) for group, counts in staffing.items()}
    agents: list[AgentSettings] = []
    have = dict.fromkeys(wanted, 0)
    last: dict[str, AgentSettings] = {}
    for agent in scenario.settings.agents:
        if agent.group in have:
            have[agent.group] += 1
            last[agent.group] = agent
        agents.append(agent)
    for group, most in wanted.items():
        if have[group] < most:
            if group not in last:
                raise ValueError(f"staffing.{group}: has no member to be like; wanted one at least")
            at = agents.index(last[group]) + 1
            agents[at:at] = [
                replace(last[group], agent_id=f"{group}-{number:03}")
                for number in range(have[group] + 1, most + 1)
            ]
    settings = scenario.settings
    if len(agents) > len(settings.agents):
        settings = replace(settings, agents=tuple(agents))
    scheduled = {
        group: tuple(scheduled_for(count, scenario.rules[group].shrinkage) for count in counts)
        for group, counts in staffing.items()
        if group in scenario.scheduled
    }
    return replace(
        scenario,
        settings=settings,
        staffing={**scenario.staffing, **staffing},
        scheduled={**scenario.scheduled, **scheduled},
    )


def _factor(name: str, value: str) -> float:
    try:
        factor = float(value)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= LOAD_MAX:
        raise ValueError(f"{name} is {shown(value)}; wanted above 0, up to {LOAD_MAX:g}")
    return factor


def _counts(scenario: Scenario, group: str, value: str) -> tuple[int, ...]:
    """Return how many members work in each interval."""
    try:
        number = int(value)
    except ValueError:
        wanted = "a whole number, or with a sign how many more or fewer"
        raise ValueError(f"staffing.{group} is {shown(value)}; wanted {wanted}") from None
    if value[:1] in {"+", "-"}:
        before = scenario.staffing.get(group, (0,) * scenario.intervals)
        return tuple(max(count + number, 0) for count in before)
    return (number,) * scenario.intervals

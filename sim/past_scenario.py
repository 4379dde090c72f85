"""The past as a scenario: what the journal knows is told, what it cannot know is drawn.

Each contact is a stream of its own, since each has its own requirement, attributes, answer time and
law of patience; its name keys what it draws, so it draws the same under whatever rules. A source of
one contact costs a run some 0.1 ms.

Patience of who was not seen to leave is drawn beyond his wait from what the journal's customers of
his queue and channel show (Kaplan and Meier 1958); where none of them left after so long a wait, he
never does. A handling time that was not seen to end is drawn from a lognormal with mean and
variation of those that were.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from acd.actions import Refused
from acd.errors import ConfigError, Problem, did_you_mean, nearest, shown
from acd.events import ClockTicked, ContactLeft
from acd.ids import AgentId, Channel
from acd.router import Router
from acd.settings import AgentSettings, DomainSettings
from sim.past import Past, PastContact, Place
from sim.patience import Floats, Steps, kaplan_meier
from sim.replay import DRAWN_US, Replay
from sim.roster import Due, Duty
from sim.workload import SECOND_US, Handle, Scenario, Stream

AGENTS_ADDED_MAX: Final = 1_000
"""Most agents added to one group."""


class Beyond(Struct, frozen=True):
    """Patience of somebody of whom it is known that he waits longer than so long."""

    law: Steps
    waited_s: float

    @property
    def mean_s(self) -> float:
        """The mean, in seconds."""
        return np.inf if self.law.survival_after[-1] else float(self.integral(self.law.times_s[-1]))

    @property
    def knots_s(self) -> tuple[float, ...]:
        """Where the survival function jumps."""
        return tuple(one for one in self.law.knots_s if one > self.waited_s)

    def survival(self, wait_s: ArrayLike) -> Floats:
        """Return the probability to be willing to wait longer."""
        later_s = np.maximum(np.asarray(wait_s, float), self.waited_s)
        return self.law.survival(later_s) / self.law.survival(self.waited_s)

    def integral(self, wait_s: ArrayLike) -> Floats:
        """Return the mean, cut at a wait."""
        wait = np.asarray(wait_s, float)
        later_s = np.maximum(wait, self.waited_s)
        rest = self.law.integral(later_s) - self.law.integral(self.waited_s)
        beyond: Floats = np.minimum(wait, self.waited_s) + rest / self.law.survival(self.waited_s)
        return beyond

    def draw(self, generator: np.random.Generator, size: int) -> Floats:
        """Return so many, drawn: the law's, of a share below that which stays so long."""
        stays = self.law.survival(self.waited_s)
        passed = np.searchsorted(
            -np.array(self.law.survival_after), -generator.random(size) * stays, side="left"
        )
        return np.array((*self.law.times_s, np.inf))[passed]


class Known(Struct, frozen=True, kw_only=True):
    """How many things the journal told, and how many are drawn."""

    contacts: int
    left: int
    """Who gave up: their patience is known."""
    answered: int
    """Who was connected with an agent."""
    patience_drawn: int
    """Beyond their wait."""
    patience_endless: int
    """Who never leaves, since nobody of his queue and channel left after so long a wait."""
    handle_drawn: int
    """Never handled."""
    handle_unended: int
    """In hand at the end of the journal; replayed so are they until then at least."""
    answer_mean: int
    """Answer times that are the mean of their queue and channel."""
    answer_cut: int
    """Answer times cut below a shorter ring time of the other rules."""
    agents_away: int = 0
    """Who worked, and is not in the other rules."""
    agents_new: int = 0
    """Who is in the other rules alone: he works from the first to the last hour of his group."""


class Staged(NamedTuple):
    """A scenario of the past."""

    scenario: Scenario
    known: Known


class _Place(NamedTuple):
    """What the contacts of a queue and channel show."""

    patience: Steps | None
    handle: Handle
    answer_us: int


def staged(past: Past, settings: DomainSettings, *, title: str, time_zone: str = "UTC") -> Staged:
    """Return the past under some rules; under its own where they are `past.settings`.

    Raises:
        ConfigError: The rules lack what its contacts ask for, or know none of its agents.
    """
    _check(past, settings, title)
    places = _places(past.contacts)
    cuts = _cuts(settings)
    counts = dict.fromkeys(Known.__struct_fields__, 0)
    agents = {one.agent_id for one in settings.agents}
    streams = [
        _stream(number, one, past, places[one.place], cuts, agents, counts)
        for number, one in enumerate(past.contacts)
    ]
    duties = _duties(past, settings, counts)
    scenario = Scenario(
        title=title,
        settings=settings,
        start_us=past.start_us,
        interval_us=past.end_us - past.start_us,
        intervals=1,
        streams=tuple(streams),
        duties=tuple(duties),
        time_zone=time_zone,
    )
    counts["contacts"] = len(past.contacts)
    return Staged(scenario, msgspec.convert(counts, Known))


def with_agents(settings: DomainSettings, group: str, count: int) -> DomainSettings:
    """Return settings with so many agents more in a group, each like its first.

    Raises:
        ValueError: There is no such group.
    """
    groups = dict.fromkeys(one.group for one in settings.agents)
    if group not in groups:
        near = did_you_mean(nearest(group, groups))
        raise ValueError(f"agents-add: {shown(group)} is no group of an agent{near}")
    first = next(one for one in settings.agents if one.group == group)
    taken = {one.agent_id for one in settings.agents}
    names = (f"{group}-added-{number}" for number in range(1, 2 * AGENTS_ADDED_MAX + 1))
    free = [name for name in names if name not in taken][:count]
    more = (msgspec.structs.replace(first, agent_id=name) for name in free)
    return msgspec.structs.replace(settings, agents=(*settings.agents, *more))


# --- contacts ------------------------------------------------------------------------------------


def _places(contacts: Sequence[PastContact]) -> dict[Place, _Place]:
    by_place: dict[Place, list[PastContact]] = {}
    for one in contacts:
        by_place.setdefault(one.place, []).append(one)
    everybody = _handle(contacts)
    assert everybody is not None
    return {
        place: _Place(_patience(found), _handle(found) or everybody, _answer_us(found))
        for place, found in by_place.items()
    }


def _patience(contacts: Sequence[PastContact]) -> Steps | None:
    """Return what a place's customers show; None where nobody left."""
    waits_s = [_waited_s(one) for one in contacts if _waited_s(one) is not None]
    left = [one.left_us is not None for one in contacts if _waited_s(one) is not None]
    return kaplan_meier([one or 0.0 for one in waits_s], left) if any(left) else None


def _waited_s(contact: PastContact) -> float | None:
    """Return how long a contact waited, as far as it was seen; None if it waits to the end."""
    until_us = contact.left_us or contact.connected_us or contact.closed_us
    return None if until_us is None else (until_us - contact.arrived_us) / SECOND_US


def _handle(contacts: Iterable[PastContact]) -> Handle | None:
    times_s = [max(one.handle_us, 1) / SECOND_US for one in contacts if one.is_known]
    if not times_s:
        return None
    mean_s = float(np.mean(times_s))
    return Handle(mean_s=mean_s, scv=float(np.var(times_s)) / mean_s**2)


def _answer_us(contacts: Iterable[PastContact]) -> int:
    times_us = [one.answer_us for one in contacts if one.answer_us is not None]
    return round(sum(times_us) / len(times_us)) if times_us else 0


def _cuts(settings: DomainSettings) -> dict[Channel, int]:
    """Return the longest answer time of each channel at which no offer rings out."""
    cuts: dict[Channel, int] = {}
    for queue in settings.queues:
        for channel, one in queue.channels.items():
            if not one.auto_answer:
                cuts[channel] = min(cuts.get(channel, one.ring_us - 1), one.ring_us - 1)
    return cuts


def _stream(
    number: int,
    contact: PastContact,
    past: Past,
    place: _Place,
    cuts: Mapping[Channel, int],
    agents: set[AgentId],
    counts: dict[str, int],
) -> Stream:
    arrival = contact.arrival
    answer_us = place.answer_us if contact.answer_us is None else contact.answer_us
    cut_us = min(answer_us, cuts.get(arrival.channel, answer_us))
    counts["answer_mean"] += contact.answer_us is None
    counts["answer_cut"] += cut_us < answer_us
    counts["answered"] += contact.connected_us is not None
    patience_us, law = _patience_of(contact, past, place, counts)
    promised_us = arrival.promised_us
    return Stream(
        name=f"{number}:{arrival.contact_id}",
        queue=arrival.queue,
        channel=arrival.channel,
        rates_per_h=(0.0,),
        handle=place.handle,
        patience=law,
        answer_us=cut_us,
        requirement=arrival.requirement,
        prefers=arrival.prefers,
        priority=arrival.priority,
        promise_us=None if promised_us is None else promised_us - contact.arrived_us,
        customer=arrival.customer,
        named_agent=arrival.named_agent if arrival.named_agent in agents else "",
        attributes=arrival.attributes,
        replay=Replay(
            arrives_us=(contact.arrived_us,),
            handle_us=(_handle_us(contact, past, counts),),
            patience_us=(patience_us,),
        ),
    )


def _handle_us(contact: PastContact, past: Past, counts: dict[str, int]) -> int:
    if contact.connected_us is None:
        counts["handle_drawn"] += 1
        return DRAWN_US
    if not contact.is_known:
        counts["handle_unended"] += 1
        return past.end_us - contact.connected_us
    return max(contact.handle_us, 1)


def _patience_of(
    contact: PastContact, past: Past, place: _Place, counts: dict[str, int]
) -> tuple[int, Beyond | None]:
    """Return how long a customer waits, or `DRAWN_US` and by what law; by none for ever."""
    if contact.left_us is not None:
        counts["left"] += 1
        return max(contact.left_us - contact.arrived_us, 1), None
    waited_s = _waited_s(contact)
    if waited_s is None:
        waited_s = (past.end_us - contact.arrived_us) / SECOND_US
    if place.patience is None or waited_s >= place.patience.times_s[-1]:
        counts["patience_endless"] += 1
        return DRAWN_US, None
    counts["patience_drawn"] += 1
    return DRAWN_US, Beyond(place.patience, waited_s)


# --- agents --------------------------------------------------------------------------------------


def _duties(past: Past, settings: DomainSettings, counts: dict[str, int]) -> list[Duty]:
    """Return who works when: those of the past, and from first to last whoever is new."""
    agents = {one.agent_id: one for one in settings.agents}
    reasons = set(settings.not_ready_reasons)
    worked = {duty.agent_id for duty in past.duties}
    counts["agents_away"] = len(worked - agents.keys())
    found = [
        duty._replace(
            group=agents[duty.agent_id].group,
            breaks=tuple(_known_reason(due, reasons) for due in duty.breaks),
        )
        for duty in past.duties
        if duty.agent_id in agents
    ]
    before = {one.agent_id for one in past.settings.agents}
    new = [one for one in settings.agents if one.agent_id not in before]
    counts["agents_new"] = len(new)
    return found + [_new_duty(one, found) for one in new]


def _known_reason(due: Due, reasons: set[str]) -> Due:
    return due if not reasons or due.reason in reasons else due._replace(reason="")


def _new_duty(agent: AgentSettings, duties: Sequence[Duty]) -> Duty:
    of_group = [one for one in duties if one.group == agent.group] or duties
    from_us = min(one.from_us for one in of_group)
    to_us = max(one.to_us for one in of_group)
    return Duty(agent.agent_id, agent.group, from_us, from_us, to_us, ())


# --- what other rules must have ------------------------------------------------------------------


def _check(past: Past, settings: DomainSettings, file: str) -> None:
    """Refuse rules under which contacts could not enter, or nobody would work, or which no run can follow.

    Raises:
        ConfigError: All that is lacking, with how many contacts need it.
    """
    worked = {duty.agent_id for duty in past.duties}
    problems = _refusals(past, settings)
    if worked and not worked & {one.agent_id for one in settings.agents}:
        seen = f"has none of the {len(worked)} agents who worked, like {shown(min(worked))}"
        problems.append(Problem("agents", seen, f"agents of {past.file}"))
    for queue in settings.queues:
        for channel, one in queue.channels.items():
            if any(rule.callback for rule in one.overflow):
                where = f"queues.{queue.name}.{channel}.overflow"
                seen = "has customers called back, which is not simulated"
                problems.append(Problem(where, seen, "other targets"))
    if problems:
        raise ConfigError(file, *problems)


def _refusals(past: Past, settings: DomainSettings) -> list[Problem]:
    """Return why the router refuses contacts: one of each kind is told, and leaves at once."""
    kinds: dict[bytes, list[PastContact]] = {}
    for one in past.contacts:
        alike = msgspec.structs.replace(
            one.arrival, contact_id="c", customer="", named_agent="", promised_us=None
        )
        kinds.setdefault(msgspec.msgpack.encode(alike), []).append(one)
    found: dict[tuple[str, str], int] = {}
    router = Router(settings)
    for alike in kinds.values():
        arrival = msgspec.structs.replace(alike[0].arrival, named_agent="", promised_us=None)
        for action in router.step(arrival, now_us=past.start_us):
            if isinstance(action, Refused):
                key = (str(action.reason).replace("_", " "), action.about)
                found[key] = found.get(key, 0) + len(alike)
        if arrival.contact_id in router.contacts:
            router.step(ContactLeft(contact_id=arrival.contact_id), now_us=past.start_us)
        while (due_us := router.next_wakeup_us()) is not None and due_us <= past.start_us:
            router.step(ClockTicked(), now_us=past.start_us)
    return [
        Problem("contacts", f"{why} {shown(about)}, for {count} of {past.file}", "what they need")
        for (why, about), count in found.items()
    ]

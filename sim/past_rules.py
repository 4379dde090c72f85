"""Other rules for a past time: what they must have for its contacts, and who works under them."""

from collections.abc import Sequence
from typing import Final

import msgspec

from acd.actions import Refused
from acd.errors import ConfigError, Problem, did_you_mean, nearest, shown
from acd.events import ClockTicked, ContactLeft
from acd.router import Router
from acd.settings import AgentSettings, DomainSettings
from sim.past import Past, PastContact
from sim.roster import Due, Duty

AGENTS_ADDED_MAX: Final = 1_000
"""Most agents added to one group."""


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


def duties(past: Past, settings: DomainSettings, counts: dict[str, int]) -> list[Duty]:
    """Return who works when: those of the past, and from first to last whoever is new.

    Args:
        past: Who worked.
        settings: Whose agents work.
        counts: Where is counted who is away, and who is new.
    """
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


def _new_duty(agent: AgentSettings, known: Sequence[Duty]) -> Duty:
    of_group = [one for one in known if one.group == agent.group] or known
    from_us = min(one.from_us for one in of_group)
    to_us = max(one.to_us for one in of_group)
    return Duty(agent.agent_id, agent.group, from_us, from_us, to_us, ())


def check(past: Past, settings: DomainSettings, file: str) -> None:
    """Refuse rules that keep contacts out, or leave nobody at work.

    Raises:
        ConfigError: All that is lacking, with how many contacts need it.
    """
    worked = {duty.agent_id for duty in past.duties}
    problems = _refusals(past, settings)
    if worked and not worked & {one.agent_id for one in settings.agents}:
        seen = f"has none of the {len(worked)} agents who worked, like {shown(min(worked))}"
        problems.append(Problem("agents", seen, f"agents of {past.file}"))
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
    for asking in kinds.values():
        arrival = msgspec.structs.replace(asking[0].arrival, named_agent="", promised_us=None)
        for action in router.step(arrival, now_us=past.start_us):
            if isinstance(action, Refused):
                key = (str(action.reason).replace("_", " "), action.about)
                found[key] = found.get(key, 0) + len(asking)
        # What is due at once, as a treatment after 0 s, comes before anything else of that instant.
        _fire(router, past.start_us)
        if arrival.contact_id in router.contacts:
            router.step(ContactLeft(contact_id=arrival.contact_id), now_us=past.start_us)
            _fire(router, past.start_us)
    return [
        Problem("contacts", f"{why} {shown(about)}, for {count} of {past.file}", "what they need")
        for (why, about), count in found.items()
    ]


def _fire(router: Router, now_us: int) -> None:
    while (due_us := router.next_wakeup_us()) is not None and due_us <= now_us:
        router.step(ClockTicked(), now_us=now_us)

"""Affinity that cannot be: names that nobody declared, limits out of range, keys without effect."""

from acd.mistakes import Findings, KeyPath
from acd.settings import AffinitySettings, DomainSettings, TeamSettings


def report_affinity(found: Findings, settings: DomainSettings) -> None:
    """Report what is wrong with the affinity of a domain's queues."""
    for queue in settings.queues:
        if queue.affinity is not None:
            path = ("queues", queue.name, "affinity")
            _report_one(found, path, queue.affinity)
            if queue.affinity.team is not None:
                _report_team(found, (*path, "team"), queue.affinity.team, settings)


def _report_one(found: Findings, path: KeyPath, affinity: AffinitySettings) -> None:
    found.span((*path, "named_agent_s"), affinity.named_agent_us)
    found.span((*path, "last_agent_s"), affinity.last_agent_us)
    if affinity.last_agent_within_us is not None:
        within = (*path, "last_agent_within_s")
        found.span(within, affinity.last_agent_within_us, zero=False)
        if not affinity.last_agent_us and not found.excused(*path, "last_agent_s"):
            wanted = "no such key, since no last_agent_s above 0 says that it is read"
            found.report(within, "is given", wanted)


def _report_team(
    found: Findings, path: KeyPath, team: TeamSettings, settings: DomainSettings
) -> None:
    found.known(
        (*path, "contact"),
        team.contact,
        "declared attribute of contacts",
        settings.contact_attributes,
        at=("domain", "contact_attributes"),
    )
    attributes, at = settings.attributes, ("attributes", team.agent)
    found.known((*path, "agent"), team.agent, "declared attribute", attributes, at=at)
    found.span((*path, "limit_s"), team.limit_us, zero=False)

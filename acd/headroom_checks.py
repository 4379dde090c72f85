"""Headrooms that cannot be, that would never open, or that keep nothing back."""

from collections import Counter
from typing import Final

from acd.errors import shown
from acd.ids import Channel, QueueName
from acd.mistakes import Findings
from acd.settings import DomainSettings, ProfileSettings

_STAFF: Final = frozenset({"agents", "groups", "profiles", "capacities"})
"""Tables that say who is in a pool."""


def report_headrooms(found: Findings, settings: DomainSettings, *, most: int) -> None:
    """Report mistakes in the headrooms of a domain, of which each keeps at most so many free."""
    queues = {queue.name: queue for queue in reversed(settings.queues)}
    pools = _Pools(settings)
    in_doubt = any(path[0] in _STAFF for path in found.faulty)
    found.doubles("headroom", (one.name for one in settings.headrooms))
    kept: set[QueueName] = set()
    for one in settings.headrooms:
        path = ("headroom", one.name)
        found.range((*path, "keep_free"), one.keep_free, 1, most)
        where = (*path, "queue")
        at = ("queues", one.queue)
        if not found.known(where, one.queue, "declared queue", queues, at=at):
            continue
        if Channel.VOICE not in queues[one.queue].channels:
            if not found.excused(*at, Channel.VOICE):
                found.report(where, f"is {shown(one.queue)}, which has no voice", "one with voice")
            continue
        if one.queue in kept:
            found.report(where, f"is {shown(one.queue)} again", "each queue in one headroom")
        kept.add(one.queue)
        size = pools.size[one.queue]
        if in_doubt or not size:  # That nobody serves it is reported there.
            continue
        if size <= one.keep_free <= most:
            wanted = f"fewer than the agents who serve {shown(one.queue)} on voice, {size}"
            found.report((*path, "keep_free"), f"is {one.keep_free}", wanted)
        if one.queue not in pools.mixed:
            wanted = "an agent who serves it on voice, and another channel too"
            found.report(path, "keeps nothing back", wanted)


class _Pools:
    """Who serves each queue on voice."""

    def __init__(self, settings: DomainSettings) -> None:
        self.size: Counter[QueueName] = Counter()
        """How many agents."""
        self.mixed: set[QueueName] = set()
        """Where one of them serves another channel too."""
        profiles = {profile.name: profile for profile in reversed(settings.profiles)}
        capacities = {capacity.name: capacity for capacity in reversed(settings.capacities)}
        desks = Counter((agent.profile, agent.capacity) for agent in settings.agents)
        for (profile_name, capacity_name), agents in desks.items():
            profile, capacity = profiles.get(profile_name), capacities.get(capacity_name)
            if profile is None or capacity is None:  # In doubt: he may serve everything.
                self.size.update({queue.name: agents for queue in settings.queues})
                self.mixed.update(queue.name for queue in settings.queues)
            elif Channel.VOICE in capacity.channels:
                queues = _on_voice(profile)
                self.size.update(dict.fromkeys(queues, agents))
                channels = {channel for line in profile.serves for channel in line.channels}
                if channels & capacity.channels.keys() - {Channel.VOICE}:
                    self.mixed |= queues


def _on_voice(profile: ProfileSettings) -> set[QueueName]:
    """Return the queues that a profile serves on voice."""
    return {line.queue for line in profile.serves if Channel.VOICE in line.channels}

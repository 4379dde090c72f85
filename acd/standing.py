"""What stands between a leg and an agent: every obstacle, with its end where that is known.

`acd.eligibility.may_take` says whether an agent may take a leg; this says why not. It asks the same
functions, all of them, where `may_take` is content with the first that says no: so there is an
obstacle exactly where `may_take` says no, and with the last one gone the pair may be matched.

Asked on demand only, by `acd.explanation`: nothing is kept for it.
"""

from enum import StrEnum
from typing import Final, assert_never

from msgspec import Struct

from acd.agents import VOICE, Agent, Takes
from acd.contacts import Leg
from acd.eligibility import Block, blocks, eligible, of_team, serves
from acd.ids import AgentId, Availability, Device
from acd.opening import NEVER_US
from acd.queues import LegClass


class Lack(StrEnum):
    """What is no block: the pair is not eligible, or the agent has no room or does not work."""

    QUEUE = "queue"
    """The agent's profile does not serve the leg's queue on its channel."""
    REQUIREMENT = "requirement"
    """He does not meet what the queue, its step or the contact requires."""
    LOGGED_OUT = "logged_out"
    NOT_READY = "not_ready"
    """He is logged in and takes nothing new: a break, a drain, no answer to an offer."""
    PHONE = "phone"
    """A private call keeps him from all channels, or an unreachable phone from calls."""
    CAPACITY = "capacity"
    """What he is offered and has leaves no room for one more of this channel."""
    RINGING = "ringing"
    """The leg rings at him already: it may ring at others too (`acd.parallel_offers`)."""
    INTERRUPTION = "interruption"
    """He would have to set something aside, which nobody does for a further offer of a leg."""


_HARD: Final[dict[str, int]] = {
    Lack.CAPACITY: 1,
    Lack.RINGING: 1,
    Lack.INTERRUPTION: 1,
    Lack.PHONE: 2,
    Lack.NOT_READY: 3,
    Lack.LOGGED_OUT: 4,
    Lack.REQUIREMENT: 5,
    Lack.QUEUE: 6,
}
"""How far each is from ending by itself; blocks, which all do, are 0."""

_SAID: Final = {
    Availability.DRAINING: Availability.DRAINING.value,
    Availability.NOT_RESPONDING: Availability.NOT_RESPONDING.value,
}

_NO_INSTANT_US: Final = 2**62
"""After every instant."""


class Obstacle(Struct, frozen=True, omit_defaults=True):
    """One reason why an agent may not be offered a leg now."""

    name: str
    """A `Block` or a `Lack`."""
    until_us: int = 0
    """When it ends, at the latest; 0 where a counter or an event ends it."""
    counted: int = 0
    """Of `reserve`: how many wait. Of `headroom`: how many can take a call …"""
    wanted: int = 0
    """… and how many it takes, for the block to end."""
    said: str = ""
    """Of `not_ready`: the agent's reason, or what else he is than just not ready."""


class Standing(Struct, frozen=True):
    """One agent and all that stands between him and a leg; nothing if he may be offered it."""

    agent_id: AgentId
    obstacles: tuple[Obstacle, ...]

    @property
    def hardest(self) -> Obstacle | None:
        """The obstacle that is farthest from ending by itself; None for no obstacle."""
        return max(self.obstacles, key=_hardness, default=None)


def standing(leg: Leg, agent: Agent) -> Standing:
    """Return what stands between a waiting leg and an agent."""
    return Standing(agent.agent_id, obstacles(leg, agent))


def nearness(one: Standing) -> tuple[int, int, int]:
    """Return how near an agent is to being offered the leg: smaller is nearer."""
    hardest = one.hardest
    if hardest is None:
        return (-1, 0, 0)
    until_us = max(obstacle.until_us or _NO_INSTANT_US for obstacle in one.obstacles)
    return (_hardness(hardest), len(one.obstacles), until_us)


def obstacles(leg: Leg, agent: Agent) -> tuple[Obstacle, ...]:
    """Return all that stands between a waiting leg and an agent, blocks first."""
    klass, kind = leg.klass, agent.kind
    if not eligible(klass, kind):
        return (Obstacle(Lack.REQUIREMENT if serves(klass, kind) else Lack.QUEUE),)
    found = [_obstacle(one, leg, agent) for one in blocks(leg, agent)]
    if agent.availability is Availability.LOGGED_OUT:
        found.append(Obstacle(Lack.LOGGED_OUT))
    elif agent.availability is not Availability.READY or agent.after_this_one:
        found.append(
            Obstacle(Lack.NOT_READY, said=agent.reason or _SAID.get(agent.availability, ""))
        )
    is_cut_off = agent.device is Device.UNREACHABLE and klass.channel_index == VOICE
    if agent.device is Device.BUSY_ELSEWHERE or is_cut_off:
        found.append(Obstacle(Lack.PHONE))
    if agent.capacity.work_out(agent.occupancy)[klass.channel_index] is Takes.NO:
        found.append(Obstacle(Lack.CAPACITY))
    elif _is_kept_free_then(klass, agent):
        found.append(_headroom(agent))
    return tuple(found)


def _hardness(obstacle: Obstacle) -> int:
    return _HARD.get(obstacle.name, 0)


def _obstacle(name: Block, leg: Leg, agent: Agent) -> Obstacle:
    """Return a block with its end."""
    klass, desk = leg.klass, agent.kind.desk
    place = (klass.queue.name, klass.channel_index)
    match name:
        case Block.EXCLUDED:
            assert leg.excluded is not None
            return Obstacle(name, leg.excluded[agent.index])
        case Block.BACK_OFF:
            return Obstacle(name, agent.back_off_until_us)
        case Block.OFFER_GAP:
            return Obstacle(name, agent.gap_until_us)
        case Block.OFF_SHIFT:
            return Obstacle(name, agent.off_shift_until_us % NEVER_US)
        case Block.CLOSED_QUEUE:
            assert klass.door is not None
            return Obstacle(name, klass.door.changes_us % NEVER_US)  # 0 for never.
        case Block.PROFILE_DELAY:
            return Obstacle(name, klass.due_us(leg.arrived_us, desk.delays[place]))
        case Block.AFFINITY_HOLD:
            # A leg that is kept for one person may be kept for a team after that.
            of_his = of_team(klass, agent.kind)
            team_until_us = 0 if of_his else klass.due_us(leg.arrived_us, klass.team_us)
            return Obstacle(name, max(leg.kept_until_us, team_until_us))
        case Block.RESERVE:
            assert klass.backlog is not None
            return Obstacle(name, counted=len(klass.backlog.legs), wanted=desk.reserves[place])
        case Block.HEADROOM:
            return _headroom(agent)
        case Block.PARTY | Block.HANDING_OVER:
            return Obstacle(name)
        case unreachable:
            assert_never(unreachable)


def _is_kept_free_then(klass: LegClass, agent: Agent) -> bool:
    """Return whether voice headroom keeps an agent from a class once he is left alone no more.

    While he is in back-off, the gap to his next offer lasts, or he is not on shift, he can take no
    call, so that nothing need keep him free for one; with their end the next block would begin.
    Where none of them holds, `blocks` has said it.
    """
    if not (agent.back_off_until_us or agent.gap_until_us or agent.off_shift_until_us):
        return False
    if agent.device is not Device.REACHABLE:
        return False
    is_tight = any(
        len(one.able) + (agent.index not in one.able) <= one.keep_free for one in agent.headrooms
    )
    return is_tight and agent.capacity.bars_calls(agent.occupancy)[klass.channel_index]


def _headroom(agent: Agent) -> Obstacle:
    """Return the block of voice headroom, with the counter of the pool that lacks most."""
    short = max(agent.headrooms, key=lambda one: one.keep_free + 1 - len(one.able))
    return Obstacle(Block.HEADROOM, counted=len(short.able), wanted=short.keep_free + 1)

"""A small domain, and a way to play a story at it in a few lines."""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from acd import events as ev
from acd.ids import Channel
from acd.journal import format_action
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)

VOICE: Final = Channel.VOICE
CHAT: Final = Channel.CHAT

SHOP: Final = DomainSettings(
    name="shop",
    queues=(
        QueueSettings(
            name="sales",
            channels={
                VOICE: ChannelSettings(wrap_up_us=10 * SECOND_US, wrap_up_cap_us=60 * SECOND_US),
                CHAT: ChannelSettings(wrap_up_us=0, wrap_up_cap_us=60 * SECOND_US),
            },
        ),
    ),
    profiles=(
        ProfileSettings(name="all", serves=(Serves(queue="sales", channels=(VOICE, CHAT)),)),
    ),
    capacities=(
        CapacitySettings(
            name="blended",
            channels={
                VOICE: SlotSettings(),
                CHAT: SlotSettings(slots=2, cost=50, interrupted_by=(VOICE,)),
            },
        ),
    ),
    agents=(
        AgentSettings(agent_id="ann", profile="all", capacity="blended"),
        AgentSettings(agent_id="bob", profile="all", capacity="blended"),
    ),
    contact_attributes=("campaign",),
)


def several(count: int, **fields: Any) -> DomainSettings:
    """Return the shop with a third agent, where each contact rings at so many."""
    (queue,) = SHOP.queues
    channels = {
        name: replace(channel, parallel_offers=count) for name, channel in queue.channels.items()
    }
    carl = AgentSettings(agent_id="carl", profile="all", capacity="blended")
    queues = (replace(queue, channels=channels),)
    return replace(SHOP, queues=queues, agents=(*SHOP.agents, carl), **fields)


def arrived(contact_id: str, channel: Channel = VOICE, queue: str = "sales") -> ev.ContactArrived:
    return ev.ContactArrived(contact_id=contact_id, queue=queue, channel=channel)


def at_work(*agent_ids: str) -> ev.Batch:
    """Return that the agents logged in and are ready."""
    logins = [ev.AgentLoggedIn(agent_id=one) for one in agent_ids]
    readies = [ev.AgentReady(agent_id=one) for one in agent_ids]
    return ev.Batch(events=(*logins, *readies))


class Play:
    """A router, the clock in seconds, and what it answered last."""

    def __init__(self, settings: DomainSettings = SHOP) -> None:
        self.router = Router(settings)
        self.now_s = 0

    def tell(self, *events: ev.Event) -> list[str]:
        """Step events now, one after the other; return the actions as the journal writes them."""
        told: list[str] = []
        for event in events:
            actions = self.router.step(event, now_us=self.now_s * SECOND_US)
            told += [format_action(action).removeprefix("< ").rstrip("\n") for action in actions]
        return told

    def tick(self, at_s: int) -> list[str]:
        """Let it be `at_s` seconds, and tick."""
        self.now_s = at_s
        return self.tell(ev.ClockTicked())

    def state(self) -> bytes:
        """Return all that the router knows but the time."""
        return msgspec.msgpack.encode(msgspec.structs.replace(self.router.snapshot(), now_us=0))

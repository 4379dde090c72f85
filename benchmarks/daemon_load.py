"""What the daemon's benchmarks share: a domain, a load of contacts, and a clock that only counts.

The load is a cycle for each contact: it arrives and is offered, is connected, and ends while the
next ones come. The clock moves a fixed step with each reading, so that what is decided does not
hang on how fast the machine is, and two runs have one digest.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final

from acd.actions import Action, OfferContact
from acd.events import (
    AgentLoggedIn,
    AgentReady,
    Batch,
    ContactArrived,
    Event,
    LegConnected,
    LegEnded,
)
from acd.ids import Channel
from acd.settings import (
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)

START_US: Final = 1_700_000_000_000_000
TICK_US: Final = 10
"""By how much the clock moves with each reading."""

AGENTS: Final = 100


def domain(agents: int = AGENTS) -> DomainSettings:
    """Return one queue and so many agents who are alike."""
    chat = Channel.CHAT
    return DomainSettings(
        name="bench",
        queues=(QueueSettings(name="q", channels={chat: ChannelSettings()}),),
        profiles=(ProfileSettings(name="p", serves=(Serves(queue="q", channels=(chat,)),)),),
        capacities=(CapacitySettings(name="c", channels={chat: SlotSettings()}),),
        agents=tuple(
            AgentSettings(agent_id=f"a{number:04}", profile="p", capacity="c")
            for number in range(agents)
        ),
    )


class Counting:
    """A clock in nanoseconds that moves when it is read."""

    def __init__(self) -> None:
        self._now_us = START_US

    def __call__(self) -> int:
        """Return the time, a tick later than before."""
        self._now_us += TICK_US
        return self._now_us * 1_000


async def pause(seconds: float) -> None:
    """Let the event loop do other things for so long."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over


def at_work(settings: DomainSettings) -> Batch:
    """Return that all agents logged in and are ready."""
    names = [agent.agent_id for agent in settings.agents]
    logins = [AgentLoggedIn(agent_id=name) for name in names]
    return Batch(events=(*logins, *(AgentReady(agent_id=name) for name in names)))


def arrival(number: int) -> ContactArrived:
    """Return the arrival of a contact."""
    name = f"contact-{number:08}"
    return ContactArrived(contact_id=name, queue="q", channel=Channel.CHAT, customer=f"k{number}")


class Cycle:
    """Events without end: arrivals, and what follows from the actions that are told."""

    def __init__(self) -> None:
        self.arrived = 0
        self._owed: deque[Event] = deque()
        self._talking: deque[int] = deque()

    def told(self, actions: tuple[Action, ...]) -> None:
        """Take note of what was ordered."""
        for action in actions:
            if type(action) is OfferContact:
                self._owed.append(LegConnected(offer_id=action.offer_id))
                self._talking.append(action.offer_id)

    def __iter__(self) -> Iterator[Event]:
        while True:
            if self._owed:
                yield self._owed.popleft()
            elif len(self._talking) > AGENTS // 2:
                yield LegEnded(offer_id=self._talking.popleft())
            else:
                self.arrived += 1
                yield arrival(self.arrived)

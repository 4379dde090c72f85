"""The live stream: a snapshot, then numbered deltas, each written once for everybody.

What was published is kept; ten times a second at most, and only if something changed, the agents
and queues that commits concerned are looked at again, and what differs is the next delta. Clients
hold nothing but their place in the ring of deltas, so 200 of them cost 200 writes.

Numbers go on from the clock at the start, so that one from an earlier life of the daemon is never
taken for one of this.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import Final, Literal

import msgspec
from msgspec import Struct

from acd.daemon.http.fold import Fold, Touched
from acd.daemon.http.sockets import CloseCode, Socket, SocketEndError
from acd.daemon.http.views import (
    AgentView,
    QueueView,
    Totals,
    agent_view,
    queue_view,
    totals_view,
)
from acd.daemon.owner import Owner
from acd.errors import StorageError
from acd.ids import AgentId, Availability, QueueName
from acd.journal.records import Entry
from acd.settings import DomainSettings

PERIOD_S: Final = 0.1
"""Deltas come at least so far apart: faster than an eye reads."""

DELTAS_MAX: Final = 2_000
"""Most deltas kept for whoever comes back: 200 seconds, the restart of a browser."""

RING_CHARACTERS_MAX: Final = 32_000_000
"""Most characters kept: 2,000 deltas of 80 agents each."""


class Frame(Struct, frozen=True, kw_only=True):
    """A message of the stream."""

    type: Literal["snapshot", "delta"]
    seq: int
    entry: int
    """All entries of the journal up to this one are in it."""
    now_us: int
    """What time it is for the daemon: waits are counted up to it."""
    queues: list[QueueView]
    agents: list[AgentView]
    totals: Totals


class Live:
    """The live stream.

    Args:
        owner: Whose router is shown. Nothing it stepped may still be on its way to the disk.
        domain: Returns the settings in force.
    """

    def __init__(self, owner: Owner, domain: Callable[[], DomainSettings]) -> None:
        self._owner = owner
        self.fold = Fold(owner)
        """What waits where; it also says whom each commit concerns."""
        self._domain = domain
        self._agents: dict[AgentId, AgentView] = {}
        self._queues: dict[QueueName, QueueView] = {}
        self._served: dict[AgentId, Collection[QueueName]] = {}
        """The queues that each agent serves, as counted."""
        self._ready: dict[QueueName, int] = {}
        """How many agents of each queue are ready, as published."""
        self._counts = dict.fromkeys(Availability, 0)
        self._touched = Touched(set(), set())
        self._all = True
        """Everything is to be looked at, and a snapshot published."""
        self._dirty = asyncio.Event()
        self._news = asyncio.Event()
        self._ring: deque[str] = deque()
        self._characters = 0
        self._seq = owner.clock.now_us()
        self._entry = self.fold.number
        self._snapshot: tuple[int, str] = (0, "")
        self.fold.listen(self._committed)
        self._look(self._touched)
        self._all = False

    async def run(self) -> None:
        """Publish what changes, until cancelled or until storage fails."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._publish()
            except StorageError:
                return
            await asyncio.sleep(PERIOD_S)

    def reset(self) -> None:
        """Look at everything again; to be called with each change of the owner's router."""
        self._all = True
        self._dirty.set()

    async def follow(self, socket: Socket, *, resume: int | None) -> None:
        """Send the stream to a client until it ends.

        Args:
            socket: The client's.
            resume: The last number it has; None for none.

        Raises:
            SocketEndError: It is too slow.
        """
        at = self._seq if resume is None else resume
        if resume is None or self._after(resume) is None:
            at = self._seq
            await socket.send(self.snapshot())
        while True:
            news = self._news
            missed = self._after(at)
            if missed is None:
                raise SocketEndError(CloseCode.TOO_SLOW, "too slow")
            at += len(missed)
            for text in missed:
                await socket.send(text)
            if at == self._seq:
                await news.wait()

    def snapshot(self) -> str:
        """Return all that was published, as one message."""
        if self._snapshot[0] != self._seq:
            agents, queues = list(self._agents.values()), list(self._queues.values())
            self._snapshot = (self._seq, self._frame("snapshot", queues, agents))
        return self._snapshot[1]

    def queue(self, name: QueueName) -> QueueView | None:
        """Return what is shown of a queue now; None if there is none."""
        for queue in self._domain().queues:
            if queue.name == name:
                return queue_view(queue, self.fold, agents_ready=self._ready.get(name, 0))
        return None

    def queues(self) -> list[QueueView]:
        """Return what is shown of all queues now, in the settings' order."""
        return [
            queue_view(queue, self.fold, agents_ready=self._ready.get(queue.name, 0))
            for queue in self._domain().queues
        ]

    def totals(self) -> Totals:
        """Return the totals; the agents' as published last."""
        return totals_view(self.fold, dict(self._counts))

    # Publishing.

    def _committed(self, entries: tuple[Entry, ...], touched: Touched) -> None:
        del entries
        self._touched.agents |= touched.agents
        self._touched.queues |= touched.queues
        if touched.agents or touched.queues:
            self._dirty.set()

    async def _publish(self) -> None:
        touched, self._touched = self._touched, Touched(set(), set())
        fresh, self._all = self._all, False
        self._entry = self.fold.number
        queues, agents = self._read(touched, fresh=fresh)
        # What was read of the agents may be ahead of the disk.
        await self._owner.durable()
        if fresh:
            self._agents.clear()
            self._queues.clear()
        self._agents.update(agents)
        self._queues.update(queues)
        if not (fresh or queues or agents):
            return
        self._seq += 1
        if fresh:
            self._ring.clear()
            self._characters = 0
            self._push(self.snapshot())
        else:
            self._push(self._frame("delta", list(queues.values()), list(agents.values())))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _look(self, touched: Touched) -> None:
        """Publish everything for the first time; nothing is on its way to the disk yet."""
        queues, agents = self._read(touched, fresh=True)
        self._queues.update(queues)
        self._agents.update(agents)

    def _read(
        self, touched: Touched, *, fresh: bool
    ) -> tuple[dict[QueueName, QueueView], dict[AgentId, AgentView]]:
        """Return what changed of those concerned; of everybody, if everything is fresh."""
        router = self._owner.router
        if fresh:
            self._ready.clear()
            self._counts = dict.fromkeys(Availability, 0)
        known = {} if fresh else self._agents
        agents: dict[AgentId, AgentView] = {}
        queues = set(touched.queues)
        shown = sorted(self._agents.keys() & touched.agents)
        for agent in router.agents if fresh else [router.agent(one) for one in shown]:
            view, before = agent_view(agent, router), known.get(agent.agent_id)
            if view == before:
                continue
            agents[agent.agent_id] = view
            now = (view.availability, agent.kind.desk.queues)
            was = None if before is None else (before.availability, self._served[agent.agent_id])
            if was != now:
                if was is not None:
                    queues.update(self._count(*was, by=-1))
                queues.update(self._count(*now, by=1))
                self._served[agent.agent_id] = now[1]
        views = self.queues() if fresh else [self.queue(name) for name in sorted(queues)]
        changed = {
            view.name: view
            for view in views
            if view is not None and (fresh or view != self._queues.get(view.name))
        }
        return changed, agents

    def _count(
        self, availability: Availability, served: Collection[QueueName], *, by: int
    ) -> Collection[QueueName]:
        """Count an agent in, or out; return the queues whose count of ready agents changed."""
        self._counts[availability] += by
        if availability is not Availability.READY:
            return ()
        for name in served:
            self._ready[name] = self._ready.get(name, 0) + by
        return served

    def _frame(
        self, kind: Literal["snapshot", "delta"], queues: list[QueueView], agents: list[AgentView]
    ) -> str:
        frame = Frame(
            type=kind,
            seq=self._seq,
            entry=self._entry,
            now_us=self._owner.clock.now_us(),
            queues=queues,
            agents=agents,
            totals=self.totals(),
        )
        return msgspec.json.encode(frame).decode()

    # The ring.

    def _push(self, text: str) -> None:
        """Keep a message for whoever comes back; it has the number `_seq`."""
        ring = self._ring
        ring.append(text)
        self._characters += len(text)
        while len(ring) > DELTAS_MAX or self._characters > RING_CHARACTERS_MAX:
            self._characters -= len(ring.popleft())

    def _after(self, seq: int) -> list[str] | None:
        """Return the messages after a number; None where some of them are not kept."""
        missed = self._seq - seq
        if not 0 <= missed <= len(self._ring):
            return None
        return [self._ring[place - missed] for place in range(missed)]

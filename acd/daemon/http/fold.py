"""What waits, folded from what was committed: no screen ever makes the daemon walk a line.

Every committed entry moves a few counts; a queue's figures cost the same whether ten wait or
100,000. The fold also says whom an entry concerns, so that desks and the live stream look at those
agents and queues only. The agents themselves are read from the router, since they are few.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import Final

from msgspec import Struct

from acd import actions as ac
from acd import events as ev
from acd.contacts import LegState
from acd.daemon.owner import Owner
from acd.entry import entered
from acd.ids import AgentId, Channel, ContactId, ContactOutcome, OfferId, QueueName
from acd.journal.records import Entry
from acd.router import Router

Place = tuple[QueueName, Channel]

_DEAD_MIN: Final = 64
"""Heap entries of contacts that wait no longer which are tolerated beside as many that do."""


class Line:
    """One queue on one channel: who waits, and how many more are inside."""

    __slots__ = ("_order", "_waiting", "handling", "offered")

    def __init__(self) -> None:
        self._waiting: dict[ContactId, int] = {}
        """When each waiting contact arrived."""
        self._order: list[tuple[int, ContactId]] = []
        """A heap of them by arrival, with tombstones."""
        self.offered = 0
        """How many ring or are being connected."""
        self.handling = 0
        """How many are connected, on hold or in wrap-up."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def oldest_us(self) -> int | None:
        """Return when the one arrived who waits longest; None where nobody does."""
        order, waiting = self._order, self._waiting
        while order and waiting.get(order[0][1]) != order[0][0]:
            heappop(order)
        return order[0][0] if order else None

    def enter(self, contact_id: ContactId, arrived_us: int) -> None:
        """Have a contact wait, also one that comes back to its place."""
        self._waiting[contact_id] = arrived_us
        heappush(self._order, (arrived_us, contact_id))

    def leave(self, contact_id: ContactId) -> int | None:
        """Let a contact wait no longer; return when it arrived, None if it did not wait."""
        arrived_us = self._waiting.pop(contact_id, None)
        if len(self._order) > 2 * len(self._waiting) + _DEAD_MIN:
            self._order = [(at, one) for one, at in self._waiting.items()]
            heapify(self._order)
        return arrived_us


class Held(Struct):
    """An open offer, or what became of it: a leg in an agent's hands."""

    contact_id: ContactId
    agent_id: AgentId
    place: Place
    arrived_us: int
    connected: bool = False


class Touched(Struct):
    """Whom some entries concern."""

    agents: set[AgentId]
    queues: set[QueueName]


Listener = Callable[[tuple[Entry, ...], Touched], None]


class Fold:
    """Folds committed entries.

    Args:
        owner: To be listened to. Nothing it stepped may still be on its way to the disk.
    """

    def __init__(self, owner: Owner) -> None:
        assert owner.stepped == owner.on_disk
        self.lines: dict[Place, Line] = {}
        self.held: dict[OfferId, Held] = {}
        self.number = owner.on_disk
        """The last entry that is in the figures."""
        self.arrived = 0
        self.outcomes = dict.fromkeys(ContactOutcome, 0)
        """How many were closed since the daemon began, by how."""
        self._places: dict[ContactId, tuple[Place, OfferId]] = {}
        """Where each open contact is, and the offer that holds it; 0 while it waits."""
        self._listeners: list[Listener] = []
        self._take_over(owner.router)
        owner.subscribe(self._committed)

    def listen(self, listener: Listener) -> None:
        """Have a function called after each commit, in order. It must not raise."""
        self._listeners.append(listener)

    def line(self, queue: QueueName, channel: Channel) -> Line:
        """Return what is known of a queue on a channel."""
        return self.lines.get((queue, channel)) or _EMPTY

    def _take_over(self, router: Router) -> None:
        """Begin where a router is: once, in the order of the legs."""
        for leg in router.legs.values():
            place = (leg.klass.queue.name, leg.klass.channel)
            line = self.lines.setdefault(place, Line())
            self._places[leg.contact_id] = (place, leg.offer_id)
            if leg.state is LegState.QUEUED:
                line.enter(leg.contact_id, leg.arrived_us)
                continue
            agent_id = router.agents[router.offers[leg.offer_id].agent].agent_id
            connected = leg.state not in {LegState.OFFERED, LegState.CONNECTING}
            held = Held(leg.contact_id, agent_id, place, leg.arrived_us, connected)
            self.held[leg.offer_id] = held
            if connected:
                line.handling += 1
            else:
                line.offered += 1

    def _committed(self, entries: tuple[Entry, ...]) -> None:
        touched = Touched(set(), set())
        for entry in entries:
            self._fold(entry, touched)
        self.number = entries[-1].number
        for listener in self._listeners:
            listener(entries, touched)

    def _fold(self, entry: Entry, touched: Touched) -> None:
        event = entered(entry.event, entry.actions)
        if isinstance(event, ev.Batch):
            refused = {one.position for one in entry.actions if type(one) is ac.Refused}
            for position, one in enumerate(event.events):
                if position not in refused:
                    self._event(one, entry.now_us, touched)
        else:
            self._event(event, entry.now_us, touched)
        for action in entry.actions:
            self._action(action, touched)

    # Facts.

    def _event(self, event: ev.SingleEvent, now_us: int, touched: Touched) -> None:
        match event:
            case ev.ContactArrived(contact_id=contact_id, queue=queue, channel=channel):
                place = (queue, channel)
                self.arrived += 1
                self._places[contact_id] = (place, 0)
                self.lines.setdefault(place, Line()).enter(contact_id, now_us)
                touched.queues.add(queue)
            case (
                ev.ContactLeft(contact_id=contact_id)
                | ev.ContactCanceled(contact_id=contact_id)
                | ev.ContactReprioritized(contact_id=contact_id)
            ):
                _, offer_id = self._places.get(contact_id, (None, 0))
                self._touch(self.held.get(offer_id), touched)
            case ev.OfferRejected(offer_id=offer_id) | ev.OfferFailed(offer_id=offer_id):
                self._give_back(offer_id, touched)
            case ev.LegConnected(offer_id=offer_id):
                self._connect(offer_id, touched)
            case (
                ev.OfferAccepted(offer_id=offer_id)
                | ev.LegHeld(offer_id=offer_id)
                | ev.LegRetrieved(offer_id=offer_id)
                | ev.LegEnded(offer_id=offer_id)
                | ev.WrapUpEnded(offer_id=offer_id)
            ):
                self._touch(self.held.get(offer_id), touched)
            case ev.ClockTicked():
                pass
            case _:
                touched.agents.add(event.agent_id)

    def _connect(self, offer_id: OfferId, touched: Touched) -> None:
        held = self.held.get(offer_id)
        if held is not None and not held.connected:
            held.connected = True
            line = self.lines[held.place]
            line.offered -= 1
            line.handling += 1
        self._touch(held, touched)

    def _give_back(self, offer_id: OfferId, touched: Touched) -> None:
        """Put back in its place what an offer held that leads nowhere."""
        held = self.held.pop(offer_id, None)
        self._touch(held, touched)
        if held is not None:
            line = self.lines[held.place]
            # In a batch a connection may have crossed the withdrawal that came first.
            if held.connected:
                line.handling -= 1
            else:
                line.offered -= 1
            line.enter(held.contact_id, held.arrived_us)
            self._places[held.contact_id] = (held.place, 0)

    # Orders.

    def _action(self, action: ac.Action, touched: Touched) -> None:
        match action:
            case ac.OfferContact():
                self._offer(action)
                touched.agents.add(action.agent_id)
                touched.queues.add(action.queue)
            case ac.WithdrawOffer(offer_id=offer_id):
                self._give_back(offer_id, touched)
            case ac.CloseContact(contact_id=contact_id, outcome=outcome):
                self.outcomes[outcome] += 1
                self._close(contact_id, touched)
            case ac.EnterQueue() | ac.ReleaseCustomer() | ac.Refused() | ac.WidenLeg():
                pass
            case _:
                touched.agents.add(action.agent_id)

    def _offer(self, action: ac.OfferContact) -> None:
        place = (action.queue, action.channel)
        line = self.lines.setdefault(place, Line())
        arrived_us = line.leave(action.contact_id)
        assert arrived_us is not None
        line.offered += 1
        self.held[action.offer_id] = Held(action.contact_id, action.agent_id, place, arrived_us)
        self._places[action.contact_id] = (place, action.offer_id)

    def _close(self, contact_id: ContactId, touched: Touched) -> None:
        place, offer_id = self._places.pop(contact_id)
        line = self.lines[place]
        touched.queues.add(place[0])
        held = self.held.pop(offer_id, None)
        self._touch(held, touched)
        if held is None:
            line.leave(contact_id)
        elif held.connected:
            line.handling -= 1
        else:
            line.offered -= 1

    def _touch(self, held: Held | None, touched: Touched) -> None:
        if held is not None:
            touched.agents.add(held.agent_id)
            touched.queues.add(held.place[0])


_EMPTY: Final = Line()
"""A place where nobody ever was. To be read only."""


def totals(lines: Iterable[Line]) -> tuple[int, int, int]:
    """Return how many wait, are offered, and are handled in some lines."""
    waiting = offered = handling = 0
    for line in lines:
        waiting += line.waiting
        offered += line.offered
        handling += line.handling
    return waiting, offered, handling

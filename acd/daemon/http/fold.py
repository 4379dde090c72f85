"""What waits, folded from what was committed: no screen ever makes the daemon walk a line.

Every committed entry moves a few counts; a queue's figures cost the same whether ten wait or
100,000. The fold also says whom an entry concerns, so that desks and the live stream look at those
agents and queues only. The agents themselves are read from the router, since they are few.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from msgspec import Struct

from acd import actions as ac
from acd import events as ev
from acd.agents import SlotState
from acd.contacts import LegState
from acd.daemon.owner import Owner
from acd.entry import entered
from acd.ids import AgentId, Channel, ContactId, ContactOutcome, OfferId, QueueName
from acd.inside import Inside
from acd.journal.records import Entry
from acd.router import Router

Place = tuple[QueueName, Channel]

_DEAD_MIN: Final = 64
"""Heap entries of contacts that wait no longer which are tolerated beside as many that do."""


class Line:
    """One queue on one channel: who waits, and how many more are inside."""

    __slots__ = ("_order", "_waiting", "handling", "offered", "parked")

    def __init__(self) -> None:
        self._waiting: dict[int, int] = {}
        """From when each leg waits, by its number in the fold."""
        self._order: list[tuple[int, int]] = []
        """A heap of them by that instant, with tombstones."""
        self.offered = 0
        """How many ring or are being connected."""
        self.handling = 0
        """How many are connected, on hold or in wrap-up."""
        self.parked = 0
        """How many are put away, or wrap up there: they keep nobody busy."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def oldest_us(self) -> int | None:
        """Return from when the one waits who waits longest; None where nobody does."""
        order, waiting = self._order, self._waiting
        while order and waiting.get(order[0][1]) != order[0][0]:
            heappop(order)
        return order[0][0] if order else None

    def enter(self, number: int, arrived_us: int) -> None:
        """Have a leg wait, also one that comes back to its place."""
        self._waiting[number] = arrived_us
        heappush(self._order, (arrived_us, number))

    def leave(self, number: int) -> None:
        """Let a leg wait no longer, if it does."""
        self._waiting.pop(number, None)
        if len(self._order) > 2 * len(self._waiting) + _DEAD_MIN:
            self._order = [(at, one) for one, at in self._waiting.items()]
            heapify(self._order)


class Leg(Struct):
    """An open leg."""

    number: int
    """The fold's own."""
    contact_id: ContactId
    place: Place
    arrived_us: int
    """From when it waits."""
    offers: tuple[OfferId, ...] = ()
    """The offers that hold it; none while it waits."""


class Held(Struct):
    """An open offer, or what became of it: a leg in an agent's hands."""

    agent_id: AgentId
    leg: Leg
    connected: bool = False
    parked: bool = False
    """It is put away, or wraps up there."""


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
        self._inside: Inside[Leg] = Inside()
        self._last = 0
        """The last leg's number."""
        self._asked: dict[int, ContactId] = {}
        """Which contact is handed over, by the hand-over's number."""
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
        for leg_id, leg in router.legs.items():
            callback = router.contacts[leg.contact_id].callback
            is_later = leg.state is LegState.SCHEDULED
            if is_later and callback is not None and not callback.attempts:
                continue  # It is in no line before its time.
            ours = self._make(
                leg.contact_id, (leg.klass.queue.name, leg.klass.channel), leg.arrived_us
            )
            if router.contacts[leg.contact_id].legs[0] == leg_id:
                self._inside.first[leg.contact_id] = ours
            else:
                self._inside.open(leg.contact_id, leg_id, ours)
            self.lines.setdefault(ours.place, Line())
            connected = leg.state not in {LegState.OFFERED, LegState.CONNECTING}
            ours.offers = leg.offers()
            for number in ours.offers:
                offer = router.offers[number]
                agent_id = router.agents[offer.agent].agent_id
                parked = offer.slot == SlotState.PARKED
                self.held[number] = Held(agent_id, ours, connected, parked)
            if not is_later:
                self._hold(ours)
        for number, asked in router.hand_overs.asked.items():
            self._asked[number] = router.legs[asked.leg_id].contact_id

    def _make(self, contact_id: ContactId, place: Place, arrived_us: int) -> Leg:
        self._last += 1
        return Leg(self._last, contact_id, place, arrived_us)

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
            self._action(action, entry.now_us, touched)

    # Facts.

    def _event(self, event: ev.SingleEvent, now_us: int, touched: Touched) -> None:
        match event:
            case ev.ContactArrived(contact_id=contact_id, queue=queue, channel=channel):
                place = (queue, channel)
                self.arrived += 1
                leg = self._inside.first[contact_id] = self._make(contact_id, place, now_us)
                self._wait(leg, touched)
            case (
                ev.ContactLeft(contact_id=contact_id)
                | ev.ContactCanceled(contact_id=contact_id)
                | ev.ContactReprioritized(contact_id=contact_id)
                | ev.WaitAsked(contact_id=contact_id)
            ):
                for leg in self._inside.of(contact_id):
                    for offer_id in leg.offers:
                        self._touch(self.held.get(offer_id), touched)
            case ev.OfferRejected(offer_id=offer_id) | ev.OfferFailed(offer_id=offer_id):
                self._give_back(offer_id, touched)
            case ev.LegConnected(offer_id=offer_id):
                self._connect(offer_id, touched)
            case ev.LegParked(offer_id=offer_id):
                self._park(offer_id, touched, parked=True)
            case ev.LegResumed(offer_id=offer_id):
                self._park(offer_id, touched, parked=False)
            case (
                ev.OfferAccepted(offer_id=offer_id)
                | ev.LegHeld(offer_id=offer_id)
                | ev.LegRetrieved(offer_id=offer_id)
                | ev.LegEnded(offer_id=offer_id)
                | ev.LegDisposed(offer_id=offer_id)
                | ev.WrapUpEnded(offer_id=offer_id)
                | ev.LegTransferred(offer_id=offer_id)
                | ev.LegRequeued(offer_id=offer_id)
                | ev.ConsultRequested(offer_id=offer_id)
                | ev.ConsultEnded(offer_id=offer_id)
                | ev.CallbackFailed(offer_id=offer_id)
            ):
                self._touch(self.held.get(offer_id), touched)
            case ev.HandOverRefused(number=number):
                self._answered(number, touched)
            case ev.ClockTicked() | ev.SettingsChanged() | ev.CustomerPressed():
                pass
            case ev.CallbackRequested() | ev.CallbackScheduled():
                pass
            case (
                ev.ContactHandedOver()
                | ev.HandOverAccepted()
                | ev.TakeOverRequested()
                | ev.ContactTakenOver()
                | ev.TakeOverWithdrawn()
            ):
                pass  # What follows for a contact are actions.
            case _:
                touched.agents.add(event.agent_id)

    def _answered(self, number: int, touched: Touched) -> None:
        """Another domain's answer came, or none is awaited any more."""
        contact_id = self._asked.pop(number, None)
        if contact_id is not None:
            self._touch_party(contact_id, touched)

    def _connect(self, offer_id: OfferId, touched: Touched) -> None:
        held = self.held.get(offer_id)
        if held is not None and not held.connected:
            self._let_go(held.leg)
            held.connected = True
            self._hold(held.leg)
        self._touch(held, touched)

    def _park(self, offer_id: OfferId, touched: Touched, *, parked: bool) -> None:
        held = self.held.get(offer_id)
        if held is not None:
            self._let_go(held.leg)
            held.parked = parked
            self._hold(held.leg)
        self._touch(held, touched)

    def _give_back(self, offer_id: OfferId, touched: Touched) -> None:
        """Put back in its place what an offer held that leads nowhere, unless others hold it.

        In a batch a connection may have crossed the withdrawal that came first.
        """
        held = self.held.get(offer_id)
        self._touch(held, touched)
        if held is not None:
            leg = held.leg
            self._let_go(leg)
            leg.offers = tuple(number for number in leg.offers if number != offer_id)
            del self.held[offer_id]
            self._hold(leg)

    def _let_go(self, leg: Leg) -> None:
        """Take a leg out of its line's counts: it changes."""
        if leg.offers:
            self._count(leg, -1)
        else:
            self.lines[leg.place].leave(leg.number)

    def _hold(self, leg: Leg) -> None:
        """Count a leg in its line as it is now."""
        if leg.offers:
            self._count(leg, 1)
        else:
            self.lines[leg.place].enter(leg.number, leg.arrived_us)

    def _count(self, leg: Leg, change: int) -> None:
        """Add to what counts a leg that offers hold: connected is what any of them led to."""
        line = self.lines[leg.place]
        held = [self.held[number] for number in leg.offers]
        if any(one.parked for one in held):
            line.parked += change
        elif any(one.connected for one in held):
            line.handling += change
        else:
            line.offered += change

    def _regain(self, leg: Leg, arrived_us: int) -> None:
        """Put a leg that has just come to its place, where its customer stood before."""
        leg.arrived_us = arrived_us
        self.lines[leg.place].leave(leg.number)
        self.lines[leg.place].enter(leg.number, arrived_us)

    def _wait(self, leg: Leg, touched: Touched) -> None:
        """Have a new leg wait."""
        self.lines.setdefault(leg.place, Line()).enter(leg.number, leg.arrived_us)
        touched.queues.add(leg.place[0])

    # Orders.

    def _action(self, action: ac.Action, now_us: int, touched: Touched) -> None:
        match action:
            case ac.OfferContact():
                self._offer(action, touched)
                touched.agents.add(action.agent_id)
                touched.queues.add(action.queue)
            case ac.WithdrawOffer(offer_id=offer_id):
                self._give_back(offer_id, touched)
            case ac.OpenLeg(contact_id=contact_id):
                place_us = now_us if action.place_us is None else action.place_us
                leg = self._make(contact_id, (action.queue, action.channel), place_us)
                self._inside.open(contact_id, action.leg_id, leg)
                self._wait(leg, touched)
                self._touch_party(contact_id, touched)
            case ac.CloseLeg(contact_id=contact_id):
                self._close(self._inside.close_leg(contact_id, action.leg_id), touched)
                self._touch_party(contact_id, touched)
            case ac.CloseContact(contact_id=contact_id, outcome=outcome):
                self.outcomes[outcome] += 1
                self._close(self._inside.close_contact(contact_id), touched)
            case ac.RegainPlace(contact_id=contact_id):
                self._regain(self._inside.first[contact_id], action.arrived_us)
            case ac.JoinLeg(contact_id=contact_id):
                self._touch_party(contact_id, touched)
            case ac.CallbackDue():
                self._fall_due(action, now_us, touched)
            case ac.PostponeCallback(contact_id=contact_id):
                self._postpone(self._inside.get(contact_id, action.leg_id), touched)
            case (
                ac.EnterQueue()
                | ac.ReleaseCustomer()
                | ac.Refused()
                | ac.WidenLeg()
                | ac.AnnounceWait()
            ):
                pass
            case ac.Acknowledge():
                pass
            case ac.OverflowLeg():
                pass
            case ac.HandOver(arrival=arrival):
                self._asked[action.number] = arrival.contact_id
                self._touch_party(arrival.contact_id, touched)
            case ac.ConfirmHandOver(number=number) | ac.WithdrawHandOver(number=number):
                self._answered(number, touched)
            case ac.AcceptTakeOver() | ac.TakeIn():
                pass
            case ac.PlayTreatment() | ac.GrantCallback():
                pass
            case _:
                touched.agents.add(action.agent_id)

    def _fall_due(self, action: ac.CallbackDue, now_us: int, touched: Touched) -> None:
        """Have a leg wait whose customer may be called back now: again, or for the first time."""
        leg = self._inside.get(action.contact_id, action.leg_id)
        if leg is None:
            place = (action.queue, Channel.VOICE)
            leg = self._make(action.contact_id, place, now_us)
            self._inside.first[action.contact_id] = leg
        self._wait(leg, touched)

    def _postpone(self, leg: Leg | None, touched: Touched) -> None:
        """Have a leg wait in no line for a time."""
        if leg is not None:
            self.lines[leg.place].leave(leg.number)
            touched.queues.add(leg.place[0])

    def _offer(self, action: ac.OfferContact, touched: Touched) -> None:
        leg = self._inside.get(action.contact_id, action.leg_id)
        assert leg is not None
        self._let_go(leg)
        self.held[action.offer_id] = Held(action.agent_id, leg)
        leg.offers += (action.offer_id,)
        self._hold(leg)
        self._touch_party(action.contact_id, touched)

    def _close(self, leg: Leg | None, touched: Touched) -> None:
        if leg is None:
            return  # It was to be called later, and was in no line.
        touched.queues.add(leg.place[0])
        self._let_go(leg)
        for number in leg.offers:
            self._touch(self.held.pop(number), touched)

    def _touch(self, held: Held | None, touched: Touched) -> None:
        if held is not None:
            touched.agents.add(held.agent_id)
            touched.queues.add(held.leg.place[0])
            self._touch_party(held.leg.contact_id, touched)

    def _touch_party(self, contact_id: ContactId, touched: Touched) -> None:
        """Note that agents who share a contact see what becomes of each other's legs."""
        if self._inside.has_several(contact_id):
            for leg in self._inside.of(contact_id):
                touched.agents |= {self.held[number].agent_id for number in leg.offers}


_EMPTY: Final = Line()
"""A place where nobody ever was. To be read only."""


class Sums(NamedTuple):
    """How many are in some lines."""

    waiting: int
    offered: int
    handling: int
    parked: int


def totals(lines: Iterable[Line]) -> Sums:
    """Return how many are in some lines."""
    waiting = offered = handling = parked = 0
    for line in lines:
        waiting += line.waiting
        offered += line.offered
        handling += line.handling
        parked += line.parked
    return Sums(waiting, offered, handling, parked)

"""The simulated world: customers, agents' hands and shifts around the production Router.

SimPy is the calendar (`sim.calendar` has its entries). There are no processes and no generators,
which cost more than the router itself.

Entries of one instant happen in this order: the router's wake-ups (so no tick is ever owed when
another event is stepped), shifts, ends of service, answers, arrivals, lost patience; among equals,
in the order in which they were entered.
"""

import gc
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final, TypeAlias

import simpy
from msgspec.structs import replace

from acd.actions import (
    Action,
    AnnounceWait,
    CloseContact,
    CloseLeg,
    ConnectLeg,
    DialCustomer,
    InterruptLeg,
    OfferContact,
    OpenLeg,
    Refused,
    ResumeLeg,
    SetAgentState,
    WithdrawOffer,
)
from acd.events import (
    Batch,
    ClockTicked,
    ContactArrived,
    ContactLeft,
    Event,
    LegConnected,
    LegEnded,
    LegRequeued,
    OfferAccepted,
    SingleEvent,
    WaitAsked,
)
from acd.ids import AgentId, Channel, ContactId, ContactOutcome, OfferId, QueueName, Reason
from acd.metrics import Metrics
from acd.router import Router
from sim.arrivals import NOBODY, Drawn, arrival_of, sources, workload
from sim.calendar import (
    ANSWER,
    ARRIVAL,
    OVER,
    PATIENCE,
    SHIFT,
    TALKING,
    WAITING,
    WAKE_UP,
    Callbacks,
    Contact,
    Timer,
)
from sim.customers import FIRST, Attempt, Customers, Followed, follows
from sim.dialling import Dialling
from sim.duties import Turn
from sim.hands import Connecting, Hands
from sim.result import Result, check
from sim.served import Served, by_group
from sim.shifts import Shifts, handed_back
from sim.transfers import Further, Transfers
from sim.virtual_hold import VirtualHold
from sim.watchers import Hasher, OnStep, all_of
from sim.workload import Lost, Scenario

Progress: TypeAlias = Callable[[int], None]

COLLECT_EVERY: Final = 50_000
"""Allocations between two collections of the youngest generation while the world runs (Python's
own is 700). Contacts hold no cycles, so there is little to find, and each search costs."""


def run(
    scenario: Scenario,
    seed: int,
    *,
    digest: bool = False,
    on_step: OnStep | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate a scenario from its start to its horizon.

    Args:
        scenario: What to simulate.
        seed: The replication; equal seeds give equal results.
        digest: Hash all actions; costs about a microsecond a step.
        on_step: Is told each event, its actions and the time, after the router's step.
        progress: Is told the virtual time at each interval's start.

    Raises:
        ConfigError: The Router refuses the scenario's settings.
    """
    hasher = Hasher() if digest else None
    watchers = [watcher for watcher in (hasher, on_step) if watcher is not None]
    world = World(scenario, seed, watchers=watchers)
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_EVERY, *before[1:])
    try:
        world.run(progress)
    finally:
        gc.set_threshold(*before)
    return world.result(hasher.hexdigest() if hasher else "")


_KEY_IN_VAIN: Final = frozenset({Reason.NOT_OFFERED, Reason.CALLBACK_EXISTS})
"""Why a key does nothing: in this very instant the customer was sent to another queue, or he is to
be called back already."""


class World:
    """One run: the router, the calendar and everybody in it."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        *,
        watchers: list[OnStep] | None = None,
    ) -> None:
        self._scenario = scenario
        self._router = Router(scenario.settings)
        self._metrics = Metrics(scenario.settings, from_us=scenario.start_us)
        self._env = simpy.Environment(initial_time=scenario.start_us)
        self._shifts = Shifts(scenario, self._router, seed, self._at)
        # Methods looked up once: they are called for each contact.
        self._schedule = self._env.schedule
        self._step = self._router.step
        self._fold = all_of(self._metrics.fold, *(watchers or ()))
        self._next_wakeup_us = self._router.next_wakeup_us
        self._waiting: dict[ContactId, Contact] = {}
        """Contacts in the queue or ringing."""
        self._ringing: dict[OfferId, Contact] = {}
        """Contacts that ring at an agent whose queue does not answer by itself."""
        self._hands = Hands(scenario, self._schedule, self._end)
        drawn_by = sources(scenario)
        self._sources = [
            (source.name + ".", source.stream, arrival_of(source.stream)) for source in drawn_by
        ]
        # None where nobody does what they are about, so that it costs next to nothing.
        self._customers = (
            Customers(scenario, seed, drawn_by) if any(map(follows, scenario.streams)) else None
        )
        self._transfers = Transfers(scenario, seed, drawn_by) if scenario.transfers else None
        self._taken: dict[tuple[AgentId, QueueName, Channel], int] = {}
        """How many contacts of a queue and channel each agent was connected with."""
        self._hold = VirtualHold(scenario, seed, drawn_by)
        self._drawn: Iterator[Drawn] = chain.from_iterable(workload(scenario, seed))
        self._next = NOBODY
        self._wake_at_us: int | None = None
        self.arrived = 0
        self.steps = 0
        self._moved = 0
        """Contacts that overflowed or were given further to a queue, each as often as it was."""
        self._called_again = 0
        self._announced_us: int | None = None
        """The wait that was announced last."""
        # Lists made once: SimPy calls what an entry's list holds, and never changes the list.
        self._on_turn: Callbacks = [self._take_turn]
        self._on_arrival: Callbacks = [self._arrive]
        self._on_answer: Callbacks = [self._answer]
        self._on_patience: Callbacks = [self._lose_patience]
        self._on_redial: Callbacks = [self._call_again]
        self._on_wake_up: Callbacks = [self._wake_up]
        self._obeys = self._duties().get

    def _duties(self) -> dict[type[Action], Callable[[Any, int], None]]:
        """Return what is to be done for each kind of action; for all others nothing is."""
        settings = self._scenario.settings
        obey: dict[type[Action], Callable[[Any, int], None]] = {
            OfferContact: self._offer,
            ConnectLeg: self._connect_accepted,
            WithdrawOffer: self._withdraw,
            InterruptLeg: self._hands.set_aside,
            ResumeLeg: self._hands.resume,
            SetAgentState: self._shifts.changed,
            Refused: _never,
        }
        channels = [one for each in settings.queues for one in each.channels.values()]
        ends = any(one.expires_us is not None or one.overflow for one in channels)
        ends = ends or bool(settings.admission or handed_back(self._scenario))
        if ends or self._hold.is_used:
            obey[CloseContact] = self._forget_unanswered
        if ends or self._transfers is not None:
            obey[OpenLeg] = self._note_moved
        if self._customers is not None:
            obey[AnnounceWait] = self._hear
        if self._hold.is_used:
            obey[CloseLeg] = self._forget_callback
            obey |= Dialling(
                self._hold,
                waiting=self._waiting,
                ringing=self._ringing,
                schedule=self._schedule,
                tell=self._tell_now,
                connect=self._connect_dialled,
            ).duties()
        return obey

    @property
    def router(self) -> Router:
        """The router, to be read."""
        return self._router

    # --- from start to horizon -------------------------------------------------------------------

    def run(self, progress: Progress | None = None) -> None:
        """Run to the horizon."""
        scenario = self._scenario
        for interval in range(scenario.intervals):
            entry = Timer([self._change_shift], (interval, progress))
            self._schedule(entry, SHIFT, interval * scenario.interval_us)
        self._shifts.begin()
        self._await_next_arrival(Timer([], None), scenario.start_us)
        self._env.run(until=scenario.end_us)

    def result(self, digest: str = "") -> Result:
        """Return what was found, after checking that no contact is lost."""
        report = self._metrics.report(self._scenario.end_us)
        entered = self.arrived + self._called_again + self._moved
        check(report, entered=entered, waiting=len(self._waiting))
        paid = self._shifts.paid()
        assert all(one.is_balanced for one in paid), paid
        customers: tuple[Followed, ...] = ()
        if self._customers is not None:
            waiting = chain(self._waiting.values(), self._hold.open())
            customers = self._customers.report(one for one in waiting if not one.answered)
        callbacks = self._hold.report(report)
        again = sum(each.attempts - each.customers for each in customers)
        assert again == self._called_again, customers
        groups = {one.agent_id: one.group for one in self._scenario.settings.agents}
        served = Served(self._metrics.waits(), by_group(groups, self._taken))
        return Result(report, self.arrived, self.steps, digest, paid, customers, callbacks, served)

    # --- the calendar's entries ------------------------------------------------------------------

    def _change_shift(self, entry: Timer) -> None:
        interval, progress = entry.about
        now_us = self._scenario.start_us + interval * self._scenario.interval_us
        if progress is not None:
            progress(now_us)
        self._tell_all(self._shifts.changes(interval, now_us), now_us)

    def _at(self, at_us: int, turn: Turn) -> None:
        """Have somebody do something by his shift."""
        self._schedule(Timer(self._on_turn, turn), SHIFT, at_us - int(self._env.now))

    def _take_turn(self, entry: Timer) -> None:
        now_us: int = self._env.now  # type: ignore[assignment]  # Ours are all integers.
        self._tell_all(self._shifts.with_hand_backs(entry.about(now_us)), now_us)

    def _tell_all(self, events: tuple[SingleEvent, ...], now_us: int) -> None:
        """Tell what agents do at one instant."""
        for event in events:
            if type(event) is LegRequeued:
                self._take_back(event.offer_id, now_us)
        if events:
            self._tell(Batch(events=events), now_us)
            self._set_alarm(now_us)

    def _take_back(self, offer_id: OfferId, now_us: int) -> None:
        """Let a contact wait again, with what is left of its handling."""
        contact = self._hands.take_back(offer_id, now_us)
        self._waiting[contact.contact_id] = contact

    def _arrive(self, entry: Timer) -> None:
        now_us, source, ordinal, _, patience_us = drawn = self._next
        name, stream, arrival = self._sources[source]
        contact = Contact(f"{name}{ordinal}", stream, drawn)
        self.arrived += 1
        self._enter(contact, arrival, FIRST, patience_us, now_us)
        self._await_next_arrival(entry, now_us)
        if self._next_wakeup_us() != self._wake_at_us:
            self._set_alarm(now_us)

    def _call_again(self, entry: Timer) -> None:
        drawn, again = entry.about
        name, stream, arrival = self._sources[drawn[1]]
        contact = Contact(again.contact_id(f"{name}{drawn[2]}"), stream, drawn)
        self._called_again += 1
        now_us: int = self._env.now  # type: ignore[assignment]  # Ours are all integers.
        self._enter(contact, arrival, again, again.patience_us, now_us)
        self._set_alarm(now_us)

    def _enter(
        self,
        contact: Contact,
        arrival: ContactArrived,
        attempt: Attempt,
        patience_us: int,
        now_us: int,
    ) -> None:
        """Let a customer in, and have him leave some time if he still waits then."""
        contact_id, stream = contact.contact_id, contact.stream
        self._waiting[contact_id] = contact
        if self._customers is not None:
            self._customers.came(contact, attempt, now_us)
        # A copy of a struct with one field changed is made faster than one from all its fields.
        if stream.promise_us is None:
            event = replace(arrival, contact_id=contact_id)
        else:
            promised_us = now_us + stream.promise_us
            event = replace(arrival, contact_id=contact_id, promised_us=promised_us)
        self._tell(event, now_us)
        if contact.stage is WAITING:
            if patience_us:
                self._schedule(Timer(self._on_patience, contact), PATIENCE, patience_us)
            if stream.accepts is not None:
                self._announce(contact, now_us)

    def _announce(self, contact: Contact, now_us: int) -> None:
        """Tell a customer how long he will wait, unless his contact rings; he may leave at once."""
        self._set_alarm(now_us)  # What his queue says at once comes first.
        if contact.offer_id or contact.stage is not WAITING:
            return
        assert self._customers is not None
        self._tell(WaitAsked(contact_id=contact.contact_id), now_us)
        told_us = self._announced_us
        if told_us is not None and not self._customers.accepts(contact, told_us):
            self._leave(contact, Lost.BALKED)

    def _lose_patience(self, entry: Timer) -> None:
        if entry.about.stage is WAITING and not entry.about.answered:
            self._leave(entry.about, Lost.ABANDONED)

    def _leave(self, contact: Contact, how: Lost) -> None:
        contact.stage = OVER
        del self._waiting[contact.contact_id]
        self._tell_now(ContactLeft(contact_id=contact.contact_id))
        if self._customers is not None:
            self._lose(self._customers, contact, how)

    def _lose(self, customers: Customers, contact: Contact, how: Lost) -> None:
        """Have a customer call again, if he will."""
        now_us: int = self._env.now  # type: ignore[assignment]  # Ours are all integers.
        again = customers.lost(contact, how, now_us)
        if again is not None:
            entry = Timer(self._on_redial, (contact.drawn, again))
            self._schedule(entry, ARRIVAL, again.pause_us)

    def _answer(self, entry: Timer) -> None:
        if self._ringing.pop(entry.about, None) is not None:
            self._tell_now(OfferAccepted(offer_id=entry.about))

    def _end(self, contact: Contact) -> None:
        """End a contact's service, unless it was set aside meanwhile and ends at another time."""
        now_us: int = self._env.now  # type: ignore[assignment]  # Ours are all integers.
        if contact.stage is TALKING and contact.ends_us == now_us:
            contact.stage = OVER
            self._hands.end(contact, now_us)
            further = None if self._transfers is None else self._transfers.of(contact)
            if further is None:
                self._tell(LegEnded(offer_id=contact.offer_id), now_us)
            else:
                self._give_further(further, now_us)
            if self._next_wakeup_us() != self._wake_at_us:
                self._set_alarm(now_us)

    def _give_further(self, further: Further, now_us: int) -> None:
        contact = further.contact
        self._waiting[contact.contact_id] = contact
        self._tell(further.event, now_us)
        if further.patience_us and contact.stage is WAITING:
            self._schedule(Timer(self._on_patience, contact), PATIENCE, further.patience_us)

    def _wake_up(self, entry: Timer) -> None:
        if entry.about == self._wake_at_us:
            self._wake_at_us = None
            self._set_alarm(entry.about)

    # --- the router's actions --------------------------------------------------------------------

    def _offer(self, action: OfferContact, now_us: int) -> None:
        contact = self._waiting.get(action.contact_id)
        if contact is None:
            # As the daemon does, which lets the agent's phone ring once the customer is there.
            self._ring(self._hold.contact(action.contact_id), action, 0)
        elif action.auto_answer:
            self._connect(contact, action, now_us)
        else:
            self._ring(contact, action, contact.stream.answer_us)

    def _ring(self, contact: Contact, action: OfferContact, answer_us: int) -> None:
        contact.offer_id = action.offer_id
        self._ringing[action.offer_id] = contact
        self._schedule(Timer(self._on_answer, action.offer_id), ANSWER, answer_us)

    def _connect_accepted(self, action: ConnectLeg, now_us: int) -> None:
        self._connect(self._waiting[action.contact_id], action, now_us)

    def _connect(self, contact: Contact, action: Connecting, now_us: int) -> None:
        if self._waiting.pop(contact.contact_id, None) is None:
            self._hold.reach(contact)
        if self._customers is not None and not contact.answered:
            self._customers.answered(contact, now_us)
        taken = (action.agent_id, contact.stream.queue, contact.stream.channel)
        self._taken[taken] = self._taken.get(taken, 0) + 1
        self._hands.begin(contact, action, now_us)
        self._tell(LegConnected(offer_id=action.offer_id), now_us)

    def _connect_dialled(self, contact: Contact, action: DialCustomer) -> None:
        now_us: int = self._env.now  # type: ignore[assignment]  # Ours are all integers.
        self._connect(contact, action, now_us)
        self._set_alarm(now_us)

    def _withdraw(self, action: WithdrawOffer, _now_us: int) -> None:
        self._ringing.pop(action.offer_id, None)

    def _forget_unanswered(self, action: CloseContact, _now_us: int) -> None:
        contact = self._waiting.pop(action.contact_id, None)
        how = Lost.TURNED_AWAY
        if contact is None:
            in_vain = action.outcome is ContactOutcome.FAILED
            contact = self._hold.end(action.contact_id, in_vain=in_vain)
            how = Lost.NOT_REACHED if in_vain else how
        if contact is not None:
            contact.stage = OVER
            if self._customers is not None and not contact.answered:
                self._lose(self._customers, contact, how)

    def _note_moved(self, action: OpenLeg, _now_us: int) -> None:
        self._moved += 1
        contact = self._waiting[action.contact_id]
        if contact.stream.queue != action.queue:
            contact.stream = replace(contact.stream, queue=action.queue)

    def _hear(self, action: AnnounceWait, _now_us: int) -> None:
        self._announced_us = action.wait_us

    def _forget_callback(self, action: CloseLeg, _now_us: int) -> None:
        """Note that a leg ended whose contact goes on, being in wrap-up of a leg before it."""
        in_vain = action.outcome is ContactOutcome.FAILED
        self._hold.end(action.contact_id, in_vain=in_vain, leg_id=action.leg_id)

    # --- steps -----------------------------------------------------------------------------------

    def _tell_now(self, event: Event) -> None:
        now_us: int = self._env.now  # type: ignore[assignment]  # Ours are all integers.
        self._tell(event, now_us)
        self._set_alarm(now_us)

    def _tell(self, event: Event, now_us: int) -> None:
        """Step the router, fold the measures, and do what the router ordered."""
        actions = self._step(event, now_us=now_us)
        self.steps += 1
        self._fold(event, actions, now_us)
        obeys = self._obeys
        for action in actions:
            obey = obeys(type(action))
            if obey is not None:
                obey(action, now_us)

    def _set_alarm(self, now_us: int) -> None:
        """Tick while a tick is owed, then see that the router is woken when the next one is."""
        due_us = self._next_wakeup_us()
        while due_us is not None and due_us <= now_us:
            self._tell(ClockTicked(), now_us)
            due_us = self._next_wakeup_us()
        if due_us is not None and (self._wake_at_us is None or due_us < self._wake_at_us):
            self._wake_at_us = due_us
            self._schedule(Timer(self._on_wake_up, due_us), WAKE_UP, due_us - now_us)

    def _await_next_arrival(self, entry: Timer, now_us: int) -> None:
        self._next = drawn = next(self._drawn, NOBODY)
        if drawn is not NOBODY:
            entry.callbacks = self._on_arrival
            self._schedule(entry, ARRIVAL, drawn[0] - now_us)


def _never(action: Refused, _now_us: int) -> None:
    """Fail: this world sends nothing that the router should refuse, but a key in vain."""
    assert action.reason in _KEY_IN_VAIN, action

"""The core: one step, events in, actions out. Read this file first.

`Router.step(event, now_us=…)` first applies the fact: the tables of `acd.contacts` and `acd.agents`
say what it changes and what cannot be, and `acd.floor` makes the move. Then it decides: while some
waiting leg may be taken by some agent, `acd.matching` names the next pair and it is offered.
`Router.apply` does the same with the offers that a journal recorded, and no policy runs.

Nothing here reads a clock, a file or a random number: same inputs, same actions, bit for bit.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from acd import events as ev
from acd.actions import Action, ConnectLeg, EnterQueue, OfferContact, Refused, ReleaseCustomer
from acd.agent_facts import AgentFacts, Handler
from acd.agents import Agent, AgentSignal, SlotState
from acd.classes import RefusalError, is_text
from acd.conditions import number_of
from acd.contacts import (
    LEG_TABLE,
    OFFER_TABLE,
    REFUSED,
    Contact,
    Leg,
    LegSignal,
    LegState,
    Offer,
    OfferSignal,
    Presence,
)
from acd.entry import EntryRules, resolved
from acd.errors import CallerError, ConfigError
from acd.floor import Floor
from acd.ids import (
    PRIORITY_MAX,
    STEP_US_MAX,
    TIME_US_MAX,
    AgentId,
    FailureCause,
    QueueName,
    Reason,
)
from acd.matching import Index, Matcher
from acd.performance import Performance
from acd.selection import Selection
from acd.settings import DomainSettings, Urgency
from acd.snapshot import Snapshot, put_back, take
from acd.validation import problems

FIRED_MAX: Final = 1_000
"""Most leases and blocks ended in one step; the rest are due at once (bounded portions)."""

MakeMatcher = Callable[[DomainSettings, Sequence[Agent], Mapping[int, Leg], Selection], Matcher]


def _index(
    settings: DomainSettings,
    agents: Sequence[Agent],
    legs: Mapping[int, Leg],
    selection: Selection,
) -> Matcher:
    del legs
    return Index(settings, agents, selection)


class Router:
    """A domain's contacts and agents, and the decisions between them.

    Args:
        settings: How the domain is set up.
        make_matcher: For tests: who names the pairs. The index by default.

    Raises:
        ConfigError: The settings have mistakes; all of them are named.
    """

    def __init__(self, settings: DomainSettings, *, make_matcher: MakeMatcher = _index) -> None:
        wrong = problems(settings)
        if wrong:
            raise ConfigError("settings", *wrong)
        self._settings = settings
        self._floor = Floor(settings)
        self._timers = self._floor.timers
        self._floor.matcher = make_matcher(
            settings, self._floor.agents, self._floor.legs, self._floor.selection
        )
        self._next_pair = self._floor.matcher.next_pair
        self._reject_reasons = {one.name: one for one in settings.reject_reasons}
        causes = settings.back_off
        self._back_offs = {
            FailureCause.BUSY: causes.busy_us,
            FailureCause.UNREACHABLE: causes.unreachable_us,
            FailureCause.CONGESTION: causes.congestion_us,
            FailureCause.REFUSED: causes.refused_us,
        }
        self._objectives = settings.urgency is Urgency.WAIT_OVER_OBJECTIVE
        self._rules = EntryRules(settings, self._floor.stages.classes)
        self._recorded: Mapping[int, EnterQueue] | None = None
        """While a journal is applied: what entry rules decided then, by leg."""
        self._declared = frozenset(settings.contact_attributes)
        self._numbers = frozenset(settings.contact_numbers)
        self._now_us = 0
        self._vacated_us = -1
        """When the last agent of some kind logged out."""
        self._handlers: dict[type, Handler] = {
            ev.ContactArrived: self._contact_arrived,
            ev.ContactLeft: self._contact_left,
            ev.OfferAccepted: self._offer_accepted,
            ev.OfferRejected: self._offer_rejected,
            ev.OfferFailed: self._offer_failed,
            ev.LegConnected: self._leg_connected,
            ev.LegHeld: self._leg_held,
            ev.LegRetrieved: self._leg_retrieved,
            ev.LegEnded: self._leg_ended,
            ev.WrapUpEnded: self._wrap_up_ended,
            **AgentFacts(settings, self._floor).handlers,
            ev.ClockTicked: self._clock_ticked,
            ev.Batch: self._batch,
        }

    # What a driver calls.

    def step(self, event: ev.Event, *, now_us: int) -> tuple[Action, ...]:
        """Apply a fact, decide, and return what is to be done.

        Args:
            event: What happened; a `Batch` for several facts of one instant.
            now_us: When, in microseconds since the epoch; not before the last step's.

        Returns:
            The actions in the order in which they are to be carried out. An event that cannot be
            yields one `Refused` and changes nothing; a repeat or a late answer yields nothing.

        Raises:
            CallerError: Time ran back, or a tick is owed: `next_wakeup_us()` is not after `now_us`
                and the event is not `ClockTicked`. The state is unchanged.
        """
        floor = self._floor
        if not self._now_us <= now_us < self._timers.soonest_us:
            self._check_time(event, now_us)
        orders: list[Action] = []
        try:
            self._handlers[type(event)](event, now_us, orders)
        except RefusalError as error:
            orders.append(Refused(error.reason, error.about))
        self._now_us = now_us
        if floor.vacated or now_us == self._vacated_us:
            self._let_unserved_widen(now_us)
        while (pair := self._next_pair(now_us)) is not None:
            floor.offer(pair[0], pair[1], now_us, orders)
        return tuple(orders)

    def apply(self, event: ev.Event, actions: Sequence[Action], *, now_us: int) -> None:
        """Apply a fact and what was decided on it, as a journal recorded it: queues and offers.

        What else `actions` holds follows from the fact. No policy runs, so yesterday's journal is
        applied under today's policies; whether these want other offers too is seen at the next
        `step` that changes something, for example that of an empty `Batch`.

        Raises:
            CallerError: As `step`; or an offer names what does not exist or cannot be offered, or
                has another number than the router's next: the journal is not of this router,
                which has taken the fact by then and is to be thrown away.
        """
        floor = self._floor
        if not self._now_us <= now_us < self._timers.soonest_us:
            self._check_time(event, now_us)
        self._recorded = {one.leg_id: one for one in actions if type(one) is EnterQueue}
        with suppress(RefusalError):
            self._handlers[type(event)](event, now_us, [])
        self._recorded = None
        self._now_us = now_us
        if floor.vacated or now_us == self._vacated_us:
            self._let_unserved_widen(now_us)
        for action in actions:
            if type(action) is OfferContact:
                leg = floor.legs.get(action.leg_id)
                agent = floor.by_id.get(action.agent_id)
                if (
                    leg is None
                    or agent is None
                    or leg.state is not LegState.QUEUED
                    or action.offer_id != floor.offers_given + 1
                ):
                    raise CallerError("offer {} does not fit the state", action.offer_id)
                floor.offer(leg, agent, now_us, [])
        floor.matcher.settle()

    def _let_unserved_widen(self, now_us: int) -> None:
        self._floor.vacated = False
        self._vacated_us = now_us
        self._floor.stages.widen_unserved(now_us)

    def next_wakeup_us(self) -> int | None:
        """Return when `ClockTicked` is owed, exactly, or None where nothing will end by itself."""
        return self._timers.next_us()

    def snapshot(self) -> Snapshot:
        """Return all that the router knows: O(everything). A restored router goes on alike."""
        return take(self._floor, self._now_us)

    @classmethod
    def restore(
        cls, settings: DomainSettings, snapshot: Snapshot, *, make_matcher: MakeMatcher = _index
    ) -> "Router":
        """Return a router that goes on where `snapshot` was taken.

        Under other settings step an empty `Batch`, so that whoever may now be taken is.

        Raises:
            ConfigError: The settings have mistakes, or lack what the snapshot speaks of.
        """
        router = cls(settings, make_matcher=make_matcher)
        put_back(snapshot, router._floor)
        router._now_us = router._vacated_us = snapshot.now_us
        return router

    @property
    def settings(self) -> DomainSettings:
        """How the domain is set up."""
        return self._settings

    @property
    def now_us(self) -> int:
        """The instant of the last step."""
        return self._now_us

    @property
    def agents(self) -> tuple[Agent, ...]:
        """The agents in the settings' order. To be read, not changed."""
        return self._floor.agents

    def agent(self, agent_id: AgentId) -> Agent:
        """Return the agent of this id. To be read, not changed.

        Raises:
            KeyError: There is none.
        """
        return self._floor.by_id[agent_id]

    @property
    def contacts(self) -> Mapping[str, Contact]:
        """The open contacts, oldest first."""
        return MappingProxyType(self._floor.contacts)

    @property
    def legs(self) -> Mapping[int, Leg]:
        """The open legs, oldest first."""
        return MappingProxyType(self._floor.legs)

    @property
    def offers(self) -> Mapping[int, Offer]:
        """The pending offers, and the accepted ones until their legs close."""
        return MappingProxyType(self._floor.offers)

    @property
    def performance(self) -> Performance:
        """What is measured of the agents. To be read, not changed."""
        return self._floor.selection.performance

    @property
    def turns(self) -> Mapping[QueueName, AgentId]:
        """The agent to whom each queue offered last; empty where no `round_robin` asks."""
        agents = self._floor.agents
        return {queue: agents[at].agent_id for queue, at in self._floor.selection.turns.items()}

    def occupancy(self, agent_id: AgentId) -> int | None:
        """Return an agent's occupancy at the last step, in millionths (`acd.occupancy`).

        None where no `least_occupied` asks for it.

        Raises:
            KeyError: There is no such agent.
        """
        agent = self._floor.by_id[agent_id]
        occupancy = self._floor.selection.occupancy
        return None if occupancy is None else occupancy.of(agent, self._now_us)

    # Facts: contacts.

    def _check_time(self, event: ev.Event, now_us: int) -> None:
        if not self._now_us <= now_us < STEP_US_MAX:
            what = "time is {}; wanted at least {} and below {}"
            raise CallerError(what, now_us, self._now_us, STEP_US_MAX)
        if self._timers.is_due(now_us) and type(event) is not ev.ClockTicked:
            due_us = self._timers.next_us()
            raise CallerError("a tick is owed since {}; wanted clock.ticked first", due_us)

    def _batch(self, batch: ev.Batch, now_us: int, orders: list[Action]) -> None:
        for position, event in enumerate(batch.events):
            try:
                self._handlers[type(event)](event, now_us, orders)
            except RefusalError as error:
                orders.append(Refused(error.reason, error.about, position))

    def _clock_ticked(self, event: ev.ClockTicked, now_us: int, orders: list[Action]) -> None:
        del event
        self._floor.fire(now_us, orders, at_most=FIRED_MAX)

    def _contact_arrived(self, event: ev.ContactArrived, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        contact_id = event.contact_id
        if contact_id in floor.contacts:
            raise RefusalError(Reason.CONTACT_EXISTS, contact_id)
        if not contact_id or not is_text(contact_id):
            raise RefusalError(Reason.BAD_TEXT, "contact_id")
        if event.customer and not is_text(event.customer):
            raise RefusalError(Reason.BAD_TEXT, "customer")
        if event.attributes:
            self._check_attributes(event.attributes)
        if event.priority is not None and not -PRIORITY_MAX <= event.priority <= PRIORITY_MAX:
            raise RefusalError(Reason.BAD_NUMBER, "priority")
        # A promise would be an objective of its own, and the order of its class change with time.
        if event.promised_us is not None and (
            self._objectives or not 0 <= event.promised_us < TIME_US_MAX
        ):
            raise RefusalError(Reason.BAD_NUMBER, "promised_us")
        order = None
        if not event.queue:
            order = self._entry_of(event, floor.legs_given + 1, now_us)
            event = resolved(event, order)
        klass = floor.stages.classes.of(event)
        if order is not None:
            orders.append(order)
        floor.enter(event, klass, now_us, orders)

    def _entry_of(self, event: ev.ContactArrived, number: int, now_us: int) -> EnterQueue:
        """Return where a contact without a queue waits: by the rules, or as was recorded."""
        if self._recorded is None:
            return self._rules.decide(event, number, now_us)
        order = self._recorded.get(number)
        if order is None or order.contact_id != event.contact_id:
            raise RefusalError(Reason.NO_QUEUE, event.contact_id)
        return order

    def _check_attributes(self, attributes: tuple[tuple[str, str], ...]) -> None:
        if len(attributes) > len(self._declared):
            raise RefusalError(Reason.TOO_LONG, "attributes")
        for name, value in attributes:
            if name not in self._declared:
                raise RefusalError(Reason.UNKNOWN_ATTRIBUTE, name)
            if not is_text(value):
                raise RefusalError(Reason.BAD_TEXT, name)
            if name in self._numbers and value and number_of(value) is None:
                raise RefusalError(Reason.BAD_NUMBER, name)

    def _contact_left(self, event: ev.ContactLeft, now_us: int, orders: list[Action]) -> None:
        floor = self._floor
        contact = floor.contacts.get(event.contact_id)
        if contact is None:
            raise RefusalError(Reason.UNKNOWN_CONTACT, event.contact_id)
        contact.presence = Presence.GONE
        for number in contact.legs:
            leg = floor.legs[number]
            after = LEG_TABLE[leg.state][LegSignal.LEFT]
            if after == LegState.ABANDONED:
                floor.abandon(leg, now_us, orders)
            elif after == LegState.WRAPPING:
                leg.state = after
                floor.wrap(leg, now_us, orders)

    # Facts: offers and legs.

    def _answered(self, number: int, signal: OfferSignal) -> Offer | None:
        """Return the offer if an answer moves it; None where the answer is to be ignored."""
        offer = self._floor.offers.get(number)
        if offer is None:
            self._check_given(number)
            return None
        after = OFFER_TABLE[offer.state][signal]
        if after >= 0:
            return offer
        if after == REFUSED:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(number))
        return None

    def _moved(self, number: int, signal: LegSignal) -> Leg | None:
        """Move an offer's leg by a signal and return it; None where that is to be ignored."""
        offer = self._floor.offers.get(number)
        if offer is None:
            self._check_given(number)
            return None
        leg = self._floor.legs[offer.leg_id]
        after = LEG_TABLE[leg.state][signal]
        if after >= 0:
            leg.state = after
            return leg
        if after == REFUSED:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, str(number))
        return None

    def _check_given(self, number: int) -> None:
        """Refuse a number never given; an answer to an offer that ended is only late."""
        if not 0 < number <= self._floor.offers_given:
            raise RefusalError(Reason.UNKNOWN_OFFER, str(number))

    def _offer_accepted(self, event: ev.OfferAccepted, now_us: int, orders: list[Action]) -> None:
        offer = self._answered(event.offer_id, OfferSignal.ACCEPT)
        if offer is not None:
            self._floor.accept(offer, now_us)
            leg = self._floor.legs[offer.leg_id]
            agent_id = self._floor.agents[offer.agent].agent_id
            orders.append(ConnectLeg(offer.offer_id, leg.contact_id, agent_id))

    def _offer_rejected(self, event: ev.OfferRejected, now_us: int, orders: list[Action]) -> None:
        offer = self._answered(event.offer_id, OfferSignal.REJECT)
        if offer is not None:
            floor = self._floor
            why = self._reject_reasons.get(event.reason)
            if why is None and self._reject_reasons and event.reason:
                raise RefusalError(Reason.UNKNOWN_REJECT_REASON, event.reason)
            agent, leg = floor.agents[offer.agent], floor.legs[offer.leg_id]
            floor.exclude(leg, agent, now_us, None if why is None else why.exclusion_us)
            span_us = self._settings.back_off.rejected_us
            if why is not None and why.back_off_us is not None:
                span_us = why.back_off_us
            floor.back_off(agent, now_us, span_us)
            floor.give_back(offer, now_us, orders)
            if why is not None and why.not_ready:
                floor.send_away(agent, AgentSignal.NOT_READY, why.name, orders)

    def _offer_failed(self, event: ev.OfferFailed, now_us: int, orders: list[Action]) -> None:
        offer = self._answered(event.offer_id, OfferSignal.FAIL)
        leg = None if offer is None else self._moved(event.offer_id, LegSignal.RETURNED)
        if offer is not None and leg is not None:
            agent = self._floor.agents[offer.agent]
            self._floor.exclude(leg, agent, now_us)
            self._floor.back_off(agent, now_us, self._back_offs[event.cause])
            self._floor.give_back(offer, now_us, orders)

    def _leg_connected(self, event: ev.LegConnected, now_us: int, orders: list[Action]) -> None:
        del orders
        leg = self._moved(event.offer_id, LegSignal.CONNECTED)
        if leg is not None:
            self._floor.connect(leg, now_us)

    def _leg_held(self, event: ev.LegHeld, now_us: int, orders: list[Action]) -> None:
        del now_us, orders
        self._hold(event.offer_id, LegSignal.HELD, SlotState.HELD)

    def _leg_retrieved(self, event: ev.LegRetrieved, now_us: int, orders: list[Action]) -> None:
        del now_us, orders
        self._hold(event.offer_id, LegSignal.RETRIEVED, SlotState.ACTIVE)

    def _hold(self, number: int, signal: LegSignal, slot: SlotState) -> None:
        leg = self._moved(number, signal)
        if leg is not None:
            offer = self._floor.offers[number]
            agent = self._floor.agents[offer.agent]
            if offer.slot != SlotState.INTERRUPTED:
                agent.move(offer, slot)
                self._floor.matcher.refresh(agent)

    def _leg_ended(self, event: ev.LegEnded, now_us: int, orders: list[Action]) -> None:
        leg = self._moved(event.offer_id, LegSignal.ENDED)
        if leg is not None:
            contact = self._floor.contacts[leg.contact_id]
            if contact.presence is not Presence.GONE and len(contact.legs) == 1:
                contact.presence = Presence.GONE
                orders.append(ReleaseCustomer(leg.contact_id))
            self._floor.wrap(leg, now_us, orders)

    def _wrap_up_ended(self, event: ev.WrapUpEnded, now_us: int, orders: list[Action]) -> None:
        leg = self._moved(event.offer_id, LegSignal.WRAPPED)
        if leg is not None:
            self._floor.close(leg, now_us, orders)

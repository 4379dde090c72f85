"""The floor: contacts, offers, agents and leases, and the moves that keep them in step.

Each move changes one thing on all sides: the leg, the offer, the agent's slot, the customer, the
matcher's view, the lease; and orders what the outside must know. The router decides which move an
event calls for; nothing is refused here.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from acd.actions import (
    Action,
    CloseContact,
    CloseLeg,
    FileDisposition,
    InterruptLeg,
    OfferContact,
    ResumeLeg,
    WithdrawOffer,
)
from acd.admission import Admission
from acd.affinity import Affinity
from acd.agents import ASIDE, Agent, SlotState, Takes
from acd.callbacks import Callbacks
from acd.contacts import (
    LEG_TABLE,
    OFFER_OUTCOMES,
    OFFER_TABLE,
    UNANSWERED,
    WHILE_PARTY_US,
    WITH_AN_AGENT,
    Contact,
    Leg,
    LegSignal,
    LegState,
    Offer,
    OfferSignal,
    OfferState,
    Presence,
    is_handled,
)
from acd.events import ContactArrived
from acd.expiry import begins_expired, wait_again
from acd.gauges import Gauges
from acd.hand_overs import HandOvers
from acd.ids import AgentId, ContactId, ContactOutcome, DomainName, WrapUpMode
from acd.kinds import Kinds
from acd.matchers import Matcher
from acd.overflow import Overflow
from acd.places import Places
from acd.queues import LegClass
from acd.selection import Selection
from acd.sessions import Sessions
from acd.settings import DomainSettings, IdleClock
from acd.stages import Stages
from acd.timers import Timer, Timers, stands
from acd.treatments import Treatments
from acd.wait_time import wait_times_of

Orders = list[Action]

Handler: TypeAlias = Callable[[Any, int, Orders], None]
"""Applies a fact at an instant, and adds what is to be done, or raises RefusalError and has
changed nothing."""

EXCLUSIONS_MAX: Final = 100
"""Most open exclusions of one agent; with one more, that which ends first ends at once. A phone
that rejects all by itself would otherwise make every decision about its agent slower."""

# What every contact asks for: Python 3.11 takes 0.1 µs to look up a member of an enum.
_WAITING: Final = Presence.WAITING
_TALKING: Final = Presence.TALKING
_OFFERED: Final = LegSignal.OFFERED
_CLOSED: Final = LegState.CLOSED
_PENDING: Final = OfferState.PENDING
_ACCEPTED: Final = OfferState.ACCEPTED
_RESCINDED: Final = OfferState.RESCINDED
_ACTIVE: Final = SlotState.ACTIVE
_PARKED: Final = SlotState.PARKED
_HANDLED: Final = ContactOutcome.HANDLED
_LEASE: Final = Timer.LEASE
_TIMED: Final = WrapUpMode.TIMED

_SLOT_OF: Final = {LegState.HELD: SlotState.HELD, LegState.WRAPPING: SlotState.WRAPPING}
"""The slot of a leg that comes back after it was set aside; ACTIVE for the others."""


class Floor:
    """Everything that a router knows, and the moves on it."""

    def __init__(self, settings: DomainSettings) -> None:
        self.settings = settings
        self.kinds = Kinds(settings)
        self.agents: tuple[Agent, ...] = self.kinds.agents
        self.by_id: dict[AgentId, Agent] = {agent.agent_id: agent for agent in self.agents}
        self.sessions = Sessions(self)
        self.contacts: dict[ContactId, Contact] = {}
        self.legs: dict[int, Leg] = {}
        self.offers: dict[int, Offer] = {}
        self.legs_given = 0
        """The last number given to a leg."""
        self.offers_given = 0
        """The last number given to an offer."""
        self.to_several: dict[int, Leg] = {}
        """The legs that were offered in this step and may be to more agents (`parallel_offers`)."""
        self._gap_us = settings.offer_gap_us
        self._idle_after_contact = settings.idle_clock is IdleClock.AFTER_CONTACT
        self.selection = Selection(settings, self.agents)
        self._performance = self.selection.performance
        self._occupancy = self.selection.occupancy
        self.matcher: Matcher
        self.timers = Timers(partial(stands, self))
        self.places = Places(settings)
        self.gauges = Gauges(settings, self.agents)
        self.stages = Stages(settings, self.kinds, self.legs, self.timers, gauges=self.gauges)
        self.affinity = Affinity(settings, self.by_id, self.timers)
        self.wait_times = wait_times_of(settings, self.agents, self.legs)
        self._measures = self._performance.measuring or self.wait_times is not None
        self.overflow = Overflow(self)
        self.admission = Admission(settings, self)
        self.hand_overs = HandOvers(settings, self)
        self.treatments = Treatments(self)
        self.callbacks = Callbacks(self)
        self._plain = not (self.affinity.keeps or self.admission.limits or self.treatments.are_any)
        """Whether its class alone says what becomes of a leg that begins to wait."""

    # Legs that wait.

    def enter(
        self,
        arrival: ContactArrived,
        klass: LegClass,
        now_us: int,
        orders: Orders,
        arrived_us: int,
        *,
        path: tuple[DomainName, ...] = (),
        promised: bool = False,
    ) -> None:
        """Let a contact wait in its first leg since an instant, from which its limits count.

        It overflows by its time since now if it came from elsewhere (`path`) or is `promised`.
        """
        leg = self.make_leg(arrival, klass, arrived_us)
        leg.promised = promised
        contact = self.contacts[leg.contact_id] = Contact(arrival, _WAITING, (leg.leg_id,), path)
        if self.admission.limits and not promised:
            self.admission.note_arrival(contact)
        self.begin(leg, now_us, orders, since_us=now_us if path or promised else arrived_us)

    def begin(self, leg: Leg, now_us: int, orders: Orders, *, since_us: int) -> None:
        """Let a new leg wait which no agent gave further, in its queue since an instant."""
        arrival, klass = leg.asked, leg.klass
        if self._plain and klass.is_plain and arrival.expires_us is None:
            self.matcher.wait(leg)
            return
        ends = arrival.expires_us is not None or klass.channel_settings.expires_us is not None
        if ends and begins_expired(self, leg, now_us, orders):
            return
        if klass.widens:
            self.stages.widen(leg, now_us, orders)
        if self.affinity.keeps:
            self.affinity.begin(leg, arrival, now_us)
        if self.admission.limits and not leg.promised:
            leg.limits = self.admission.limits_of(arrival)
        if self.treatments.are_any:
            self.treatments.begin(leg, now_us)
        self.matcher.wait(leg)
        if klass.gate is not None:
            self.overflow.join(leg, klass.gate, since_us)

    def end_hold(self, leg: Leg) -> None:
        """Keep a leg for its agent no longer: others may be offered it."""
        if leg.state is not LegState.QUEUED:
            self.affinity.end(leg)
            return
        self.matcher.remove(leg)
        self.affinity.end(leg)
        self.matcher.wait(leg)

    def make_leg(self, asked: ContactArrived, klass: LegClass, arrived_us: int) -> Leg:
        """Return a new leg, which does not wait yet."""
        self.legs_given = number = self.legs_given + 1
        key = self.stages.key_of(asked, klass, number, arrived_us)
        leg = self.legs[number] = Leg(number, asked.contact_id, klass, key, arrived_us, asked)
        self.stages.classes.join(klass)
        return leg

    # Offers.

    def offer(self, leg: Leg, agent: Agent, now_us: int, orders: Orders) -> None:
        """Hold out a leg to an agent; set aside what he does, if it must be.

        A leg that is offered already is held out to him too (`acd.parallel_offers`).
        """
        klass = leg.klass
        channel = klass.channel_index
        if agent.occupancy and agent.takes()[channel] is Takes.INTERRUPTING:
            self._set_aside(agent, now_us, orders)
        self.offers_given = number = self.offers_given + 1
        channel_settings = klass.channel_settings
        until_us = now_us + channel_settings.ring_us
        offer = Offer(number, leg.leg_id, agent.index, channel, until_us, given_us=now_us)
        self.offers[number] = offer
        if not agent.offers:
            agent.given_before_us = agent.last_given_us
        agent.add(offer)
        agent.last_given_us = now_us
        if self._gap_us:
            agent.gap_until_us = now_us + self._gap_us
            self.timers.add(agent.gap_until_us, Timer.GAP, agent.index)
        if self._occupancy is not None:
            self._occupancy.note(agent, now_us)
        leg.state = LEG_TABLE[leg.state][_OFFERED]
        if leg.offer_id:
            leg.further = (*leg.further, number)
        else:
            leg.offer_id = number
            if self.selection.takes_turns:
                self.selection.turns[klass.queue.name] = agent.index
            if channel_settings.parallel_offers > 1:
                self.to_several[leg.leg_id] = leg
            self.matcher.remove(leg)
        self.timers.add(until_us, _LEASE, number)
        self.matcher.refresh(agent)
        orders.append(
            OfferContact(
                number,
                leg.leg_id,
                leg.contact_id,
                agent.agent_id,
                klass.queue.name,
                klass.channel,
                until_us,
                channel_settings.auto_answer,
                self.legs[leg.consults].offer_id if leg.consults else 0,
            )
        )

    def accept(self, offer: Offer, now_us: int, orders: Orders) -> None:
        """Begin to connect: the lease now bounds the connecting."""
        leg = self.legs[offer.leg_id]
        if leg.further:
            self._rescind_others(leg, offer, now_us, orders)
        self.agents[offer.agent].missed = 0
        offer.state = OfferState.ACCEPTED
        offer.until_us = now_us + (self.callbacks.dial_us(leg) or self.settings.connect_us)
        self.timers.add(offer.until_us, Timer.LEASE, offer.offer_id)
        leg.state = LEG_TABLE[leg.state][LegSignal.ACCEPTED]

    def connect(self, leg: Leg, offer: Offer, now_us: int, orders: Orders) -> None:
        """Take note of the connection; an offer that still rang was accepted by it."""
        if leg.kept_for >= 0:
            self.affinity.end(leg)
        if leg.further:
            self._rescind_others(leg, offer, now_us, orders)
        agent = self.agents[offer.agent]
        if offer.state is _PENDING:
            agent.missed = 0
        offer.state = _ACCEPTED
        offer.until_us = 0
        contact = self.contacts[leg.contact_id]
        if contact.callback is not None:
            self.callbacks.end(contact)
        contact.presence = _TALKING
        agent.move(offer, _ACTIVE)
        if self._measures:
            self._performance.begin(offer, now_us)
        if self._occupancy is not None:
            self._occupancy.note(agent, now_us)
        if agent.capacity.interrupts:  # Otherwise a slot in use is a slot in use.
            self.matcher.refresh(agent)

    def settle_slot(self, leg: Leg) -> None:
        """Have an agent's slot say what his leg does, unless it is aside."""
        offer = self.offers[leg.offer_id]
        if offer.slot not in ASIDE:
            agent = self.agents[offer.agent]
            agent.move(offer, _SLOT_OF.get(leg.state, SlotState.ACTIVE))
            self.matcher.refresh(agent)

    def _rescind_others(self, leg: Leg, taken: Offer, now_us: int, orders: Orders) -> None:
        """End the other offers of a leg that one of several agents took: their agents lost nothing.

        His idle clock no offer touches, his turn no further offer of a leg moved, and his slots say
        how occupied he is. Of his place among agents with contacts see `free`. Only the gap to
        the next offer stays, since his phone has rung.
        """
        others = [number for number in leg.offers() if number != taken.offer_id]
        leg.offer_id, leg.further = taken.offer_id, ()
        for number in others:
            other = self.offers[number]
            self._order_withdrawal(other, OfferSignal.RESCIND, orders)
            other.state = OfferState.RESCINDED
            self.free(other, now_us, orders)

    def give_back(self, offer: Offer, now_us: int, orders: Orders) -> None:
        """Put the leg back in its place and free the agent's slot, as if it had not been held.

        A stage that fell due meanwhile takes effect now, and so does the end of its time. While
        others of its offers are pending the leg stays offered to these.
        """
        leg = self.legs[offer.leg_id]
        if leg.further:
            leg.drop(offer.offer_id)
            self.free(offer, now_us, orders)
            return
        leg.offer_id = 0
        wait_again(self, leg, now_us, orders)
        self.free(offer, now_us, orders)

    def withdraw(self, offer: Offer, signal: OfferSignal, now_us: int, orders: Orders) -> None:
        """Stop holding out an offer, and give the leg back."""
        self._order_withdrawal(offer, signal, orders)
        self.give_back(offer, now_us, orders)

    def _order_withdrawal(self, offer: Offer, signal: OfferSignal, orders: Orders) -> None:
        outcome = OFFER_OUTCOMES[OFFER_TABLE[offer.state][signal]]
        agent_id = self.agents[offer.agent].agent_id
        orders.append(WithdrawOffer(offer.offer_id, agent_id, outcome))

    def exclude(self, leg: Leg, agent: Agent, now_us: int, span_us: int | None = None) -> None:
        """Do not offer this leg to this agent again for a time, of the queue if none is given.

        Nor is it kept for him any longer, be the time 0.
        """
        if leg.kept_for == agent.index:
            self.affinity.end(leg)
        until_us = now_us + (leg.klass.queue.exclusion_us if span_us is None else span_us)
        if until_us == now_us:
            return
        if leg.excluded is None:
            leg.excluded = {}
        leg.excluded[agent.index] = until_us
        self.timers.add(until_us, Timer.EXCLUSION, leg.leg_id, agent.index)
        open_legs = agent.excluded_from
        open_legs[leg.leg_id] = until_us
        if len(open_legs) > EXCLUSIONS_MAX:
            soonest = min(open_legs, key=lambda number: (open_legs[number], number))
            self.end_exclusion(self.legs[soonest], agent)

    def end_exclusion(self, leg: Leg, agent: Agent) -> None:
        """Let an agent be offered a leg again."""
        assert leg.excluded is not None
        del leg.excluded[agent.index]
        del agent.excluded_from[leg.leg_id]
        if leg.state is LegState.QUEUED:
            self.matcher.wait(leg)

    def back_off(self, agent: Agent, now_us: int, span_us: int | None = None) -> None:
        """Leave an agent alone for a time, of the domain if none is given; never shorten one."""
        span_us = self.settings.back_off_us if span_us is None else span_us
        if span_us and now_us + span_us > agent.back_off_until_us:
            agent.back_off_until_us = now_us + span_us
            self.timers.add(agent.back_off_until_us, Timer.BACK_OFF, agent.index)
            self.matcher.refresh(agent)

    # The end of a leg.

    def wrap(self, leg: Leg, now_us: int, orders: Orders) -> None:
        """Begin the wrap-up of a conversation that ended, also where it is set aside."""
        offer = self.offers[leg.offer_id]
        agent = self.agents[offer.agent]
        contact = self.contacts[leg.contact_id]
        if self.affinity.remembers and not leg.consults:
            self.affinity.remember(contact.arrival.customer, agent.index, now_us)
        leg.consults = 0
        if len(contact.legs) > 1:
            self.end_part(contact, agent, now_us)
        if self._idle_after_contact and offer.slot != _PARKED:
            agent.idle_since_us = now_us
        channel = leg.klass.channel_settings
        is_timed = agent.wrap_up_mode is _TIMED
        wrap_up_us = channel.wrap_up_us if is_timed else channel.wrap_up_cap_us
        if not wrap_up_us:
            self.close(leg, now_us, orders)
            return
        offer.until_us = now_us + wrap_up_us
        self.timers.add(offer.until_us, _LEASE, offer.offer_id)
        self.settle_slot(leg)

    def end_part(self, contact: Contact, agent: Agent, now_us: int) -> None:
        """Note that an agent has no part any more in a contact with other legs.

        One that waits is not offered to him at once, as if he had failed to take it.
        """
        serves = agent.kind.desk.serves
        for number in contact.legs:
            other = self.legs[number]
            if other.excluded is None or other.excluded.get(agent.index) != WHILE_PARTY_US:
                continue
            klass = other.klass
            is_his = (klass.queue.name, klass.channel_index) in serves
            if is_his and klass.queue.exclusion_us and not is_handled(other):
                self.exclude(other, agent, now_us)
            else:
                self.end_exclusion(other, agent)
        if contact.presence is not Presence.GONE:
            talks = any(self.legs[number].state in WITH_AN_AGENT for number in contact.legs)
            contact.presence = Presence.TALKING if talks else Presence.WAITING

    def close(self, leg: Leg, now_us: int, orders: Orders) -> None:
        """Close a handled leg."""
        offer = self.offers[leg.offer_id]
        leg.state = _CLOSED
        if self._measures:
            handled_us = self._performance.end(offer, leg.klass.queue.name, now_us)
            if self.wait_times is not None and handled_us is not None:
                self.wait_times.habits.note_handled(leg.klass, handled_us)
        agent = self.agents[offer.agent]
        if not self._idle_after_contact and offer.slot != _PARKED:
            agent.idle_since_us = now_us
        if leg.klass.queue.dispositions:
            number, told = offer.offer_id, offer.disposition
            orders.append(FileDisposition(number, leg.contact_id, agent.agent_id, told))
        self._forget(leg, _HANDLED, orders)
        self.free(offer, now_us, orders)

    def give_up(self, leg: Leg, after: LegState, now_us: int, orders: Orders) -> None:
        """Close a leg that ends before its customer was connected, in this state."""
        offers = [self.offers[number] for number in leg.offers()]
        self.callbacks.end(self.contacts[leg.contact_id])
        if leg.state is LegState.QUEUED:
            self.matcher.remove(leg)
        leg.state = after
        for offer in offers:
            self._order_withdrawal(offer, OfferSignal.CANCEL, orders)
        self._forget(leg, UNANSWERED[after], orders)
        for offer in offers:
            self.free(offer, now_us, orders)

    def _forget(self, leg: Leg, outcome: ContactOutcome, orders: Orders) -> None:
        """Forget a closed leg, and its contact with the last one."""
        del self.legs[leg.leg_id]
        self.stages.classes.leave(leg.klass)
        if self.hand_overs.domains:
            self.hand_overs.forget(leg, orders)
        if leg.kept_for >= 0:
            self.affinity.end(leg)
        for index in leg.excluded or ():
            del self.agents[index].excluded_from[leg.leg_id]
        contact = self.contacts[leg.contact_id]
        if len(contact.legs) == 1:
            del self.contacts[leg.contact_id]
            orders.append(CloseContact(leg.contact_id, outcome))
        else:
            contact.legs = tuple(other for other in contact.legs if other != leg.leg_id)
            orders.append(CloseLeg(leg.leg_id, leg.contact_id, outcome))

    # Agents.

    def free(self, offer: Offer, now_us: int, orders: Orders) -> None:
        """Free the slot of an offer that ended; resume what it interrupted.

        A rescinded offer shall not cost its agent his place: he is as if it had not been made.
        """
        agent = self.agents[offer.agent]
        del self.offers[offer.offer_id]
        agent.remove(offer)
        if offer.state is _RESCINDED:
            given = [one.given_us for one in agent.offers.values()]
            agent.last_given_us = max([agent.given_before_us, *given])
        elif agent.offers:
            agent.given_before_us = max(agent.given_before_us, offer.given_us)
        self.vacate(agent, offer.slot, now_us, orders)

    def vacate(self, agent: Agent, slot: SlotState | int, now_us: int, orders: Orders) -> None:
        """Note that an agent has nothing more in a slot that was in a state; use the room."""
        if agent.offers and slot not in ASIDE:
            self._resume(agent, now_us, orders)
        if self._occupancy is not None:
            self._occupancy.note(agent, now_us)
        if not agent.occupancy and agent.is_leaving:
            self.sessions.end_or_break(agent, orders)
        self.matcher.refresh(agent)

    def _set_aside(self, agent: Agent, now_us: int, orders: Orders) -> None:
        """Set aside all that an agent does; what came back in this very step just stays aside."""
        for offer in agent.offers.values():
            if offer.slot not in ASIDE:
                agent.move(offer, SlotState.INTERRUPTED)
                if self._measures:
                    self._performance.pause(offer, now_us)
                resumed = ResumeLeg(offer.offer_id, agent.agent_id)
                if resumed in orders:
                    orders.remove(resumed)
                else:
                    orders.append(InterruptLeg(offer.offer_id, agent.agent_id))

    def _resume(self, agent: Agent, now_us: int, orders: Orders) -> None:
        """Bring back what was set aside, as far as there is room: the last given first."""
        for offer in reversed(agent.offers.values()):
            if offer.slot == SlotState.INTERRUPTED and agent.capacity.room_for(
                agent.occupancy, offer.channel
            ):
                agent.move(offer, _SLOT_OF.get(self.legs[offer.leg_id].state, SlotState.ACTIVE))
                if self._measures:
                    self._performance.resume(offer, now_us)
                orders.append(ResumeLeg(offer.offer_id, agent.agent_id))

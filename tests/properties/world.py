"""Routers in lockstep, a ledger kept from events and actions alone, and the invariants.

Three routers are told the same: one decides by the index, one naively, one only applies what the
first decided. They must give the same actions and keep the same state. The ledger knows who is
inside, who holds whom and what is set aside; it is smaller than the router and is made from what
everybody outside sees. `INVARIANTS` are checked after every step (design/routing, *Invariants*).
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from typing import Final

import msgspec
import pytest

from acd.actions import (
    Action,
    CloseContact,
    CloseLeg,
    EnterQueue,
    InterruptLeg,
    OfferContact,
    OpenLeg,
    Refused,
    ReleaseAgent,
    ResumeLeg,
    SetAgentState,
    WithdrawOffer,
)
from acd.agents import SlotState
from acd.contacts import WHILE_PARTY_US, Leg, LegState, OfferState
from acd.eligibility import delayed, eligible, may_take
from acd.errors import CallerError
from acd.events import (
    Batch,
    ClockTicked,
    ContactArrived,
    ContactLeft,
    Event,
    LegConnected,
    LegEnded,
    LegRated,
    OfferAccepted,
    OfferFailed,
    OfferRejected,
)
from acd.ids import Availability, Channel, ContactOutcome, OfferOutcome
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import SECOND_US, AfterMiss, AgentSettings, DomainSettings, Urgency
from acd.skills import parse_requirement
from acd.snapshot import Snapshot
from tests.properties.deeds import Deeds
from tests.properties.naive import moment, naive_router, takes_of
from tests.properties.parties import PARTIES

START_US: Final = 1_700_000_000_000_000

CHANNELS: Final = tuple(Channel)


def essence(router: Router) -> bytes:
    """Return all that a router knows but the time, encoded."""
    return msgspec.msgpack.encode(msgspec.structs.replace(router.snapshot(), now_us=0))


class Ledger:
    """Who is inside, who holds whom, what is set aside: read from events and actions."""

    def __init__(self, settings: DomainSettings) -> None:
        self.now_us = 0
        self.inside: Counter[str] = Counter()
        self.holds: dict[int, tuple[int, str]] = {}
        """Leg → (offer, agent), from the offer until it ends or the leg closes."""
        self.talking: set[int] = set()
        """The offers whose agents have the contact, be it on hold."""
        self.talked: set[str] = set()
        """The contacts that some agent had before the last step."""
        self.further: dict[int, str] = {}
        """The open legs beyond the first: leg → contact."""
        self.aside: set[int] = set()
        self.given_us: dict[str, int] = {}
        """When each agent was last offered something."""
        self.given_before_us: dict[int, int] = {}
        """When the agent of each offer was offered something before it."""
        self.missed: Counter[str] = Counter()
        """How many offers each agent let ring out since he last took one."""
        self._taken: set[int] = set()
        self._parted: set[int] = set()
        self.failed: dict[tuple[int, str], int] = {}
        """When an agent last failed to take a leg, or gave its contact further."""
        self.offered: Counter[str] = Counter()
        """How many legs entered each queue."""
        self.closed: Counter[ContactOutcome] = Counter()
        self.offers: list[OfferContact] = []
        self.deeds = Deeds(settings)

    def note(self, event: Event, actions: Sequence[Action], now_us: int) -> None:
        """Enter a step."""
        self.now_us = now_us
        self.deeds.let_time_pass(now_us)
        self.talked = {self.offers[number - 1].contact_id for number in self.talking}
        refused = {action.position for action in actions if isinstance(action, Refused)}
        # An answer to what was withdrawn before it in its batch came too late to count.
        withdrawn = {action.offer_id for action in actions if isinstance(action, WithdrawOffer)}
        events = event.events if isinstance(event, Batch) else (event,)
        for position, one in enumerate(events):
            if position not in refused:
                self._note_event(one, withdrawn)
        for action in actions:
            self._note_action(action)

    def _note_event(self, event: Event, withdrawn: Collection[int]) -> None:
        if isinstance(event, ContactArrived):
            self.inside[event.contact_id] += 1
            if event.queue:
                self.offered[event.queue] += 1
        elif isinstance(event, OfferAccepted | LegConnected):
            self._take(event.offer_id)
        elif isinstance(event, OfferRejected | OfferFailed) and event.offer_id not in withdrawn:
            # Whoever is unwell is not kept from the same contact (tests.properties.domains).
            excused = isinstance(event, OfferRejected) and event.reason == "unwell"
            self._release(event.offer_id, failed=not excused)
        if isinstance(event, LegConnected) and event.offer_id not in withdrawn:
            if event.offer_id in {number for number, _ in self.holds.values()}:
                self.deeds.begin(self.offers[event.offer_id - 1])
                self.talking |= {event.offer_id} - self._parted
        elif isinstance(event, LegEnded):
            self._part(event.offer_id)
        elif isinstance(event, ContactLeft):
            for number in tuple(self.talking):
                if self.offers[number - 1].contact_id == event.contact_id:
                    self._part(number)
        elif isinstance(event, LegRated):
            self.deeds.rate(event)

    def _take(self, offer_id: int) -> None:
        """Note that an offer was taken, if it was still to be taken."""
        if 0 < offer_id <= len(self.offers):
            offer = self.offers[offer_id - 1]
            is_held = self.holds.get(offer.leg_id) == (offer_id, offer.agent_id)
            if is_held and offer_id not in self._taken:
                self._taken.add(offer_id)
                self.missed[offer.agent_id] = 0

    def _part(self, offer_id: int) -> None:
        """Note that an agent's part ended, if he had one; he does not get it back at once."""
        if offer_id in self.talking:
            self.talking.remove(offer_id)
            self._parted.add(offer_id)
            offer = self.offers[offer_id - 1]
            for leg_id, contact_id in self.further.items():
                if contact_id == offer.contact_id:
                    self.failed[leg_id, offer.agent_id] = self.now_us

    def _close(self, leg_id: int, outcome: ContactOutcome) -> None:
        self.closed[outcome] += 1
        self.further.pop(leg_id, None)
        offer_id, _ = self.holds.pop(leg_id, (0, ""))
        self.deeds.end(offer_id)
        self.aside.discard(offer_id)
        self.talking.discard(offer_id)

    def _note_action(self, action: Action) -> None:
        if isinstance(action, EnterQueue):
            self.offered[action.queue] += 1
        elif isinstance(action, OfferContact):
            assert action.leg_id not in self.holds, "a leg is offered twice"
            assert action.offer_id == len(self.offers) + 1
            self.holds[action.leg_id] = (action.offer_id, action.agent_id)
            self.given_before_us[action.offer_id] = self.given_us.get(action.agent_id, -(2**60))
            self.given_us[action.agent_id] = self.now_us
            self.offers.append(action)
        elif isinstance(action, WithdrawOffer):
            if action.outcome is OfferOutcome.TIMED_OUT:
                self.missed[action.agent_id] += 1
            blamed = action.outcome in {OfferOutcome.TIMED_OUT, OfferOutcome.FAILED}
            self._release(action.offer_id, failed=blamed)
        elif isinstance(action, CloseContact):
            assert self.inside[action.contact_id] > 0, "a contact is closed twice"
            self.inside[action.contact_id] -= 1
            held = [
                leg_id
                for leg_id, (number, _) in self.holds.items()
                if self.offers[number - 1].contact_id == action.contact_id
            ]
            opened = [leg for leg, one in self.further.items() if one == action.contact_id]
            last = {*held, *opened}
            assert len(last) <= 1, "a contact ends before its legs"
            self._close(last.pop() if last else 0, action.outcome)
        elif isinstance(action, CloseLeg):
            assert self.inside[action.contact_id] > 0
            self._close(action.leg_id, action.outcome)
        elif isinstance(action, OpenLeg):
            assert self.inside[action.contact_id] > 0
            self.further[action.leg_id] = action.contact_id
            self.offered[action.queue] += 1
        elif isinstance(action, ReleaseAgent):
            self._part(action.offer_id)
        elif isinstance(action, InterruptLeg):
            assert action.offer_id not in self.aside
            self.aside.add(action.offer_id)
            self.deeds.pause(action.offer_id)
        elif isinstance(action, ResumeLeg):
            self.aside.remove(action.offer_id)
            self.deeds.resume(action.offer_id)

    def _release(self, offer_id: int, *, failed: bool) -> None:
        leg_id = self.offers[offer_id - 1].leg_id
        had_part = offer_id in self.talking | self._parted  # Then an answer comes too late.
        if self.holds.get(leg_id, (0, ""))[0] == offer_id and not had_part:
            _, agent_id = self.holds.pop(leg_id)
            if failed:
                self.failed[leg_id, agent_id] = self.now_us


class World:
    """The routers, the ledger, the time; and the one way to tell them something."""

    def __init__(
        self,
        settings: DomainSettings,
        *,
        check_every: int = 1,
        say: Callable[[object], None] | None = None,
    ) -> None:
        """Args: `say` is told each event and its actions; the invariants cost, hence the stride."""
        self.settings = settings
        self._say = say
        self.now_us = START_US
        self.router = Router(settings)
        self.naive_router, self.naive = naive_router(settings)
        self.applied = Router(settings)
        self.metrics = Metrics(settings, from_us=START_US)
        self.ledger = Ledger(settings)
        self.event: Event = ClockTicked()
        """What was told last, and what was answered."""
        self.actions: tuple[Action, ...] = ()
        self.happened: Counter[type[Action]] = Counter()
        self.contacts_sent = 0
        self.steps = 0
        self._working: dict[int, str] = {}
        """Agent by offer, of the slots that were not set aside before the last step."""
        self._told_of: set[str] = set()
        """The agents of whom the last step's batch spoke."""
        self._check_every = check_every

    # What the switch knows.

    @property
    def offers_made(self) -> int:
        return len(self.ledger.offers)

    def taker_of(self, offer_id: int) -> tuple[str, str]:
        offer = self.ledger.offers[offer_id - 1]
        return offer.agent_id, offer.queue

    def live_offers(self) -> list[int]:
        return sorted(offer_id for offer_id, _ in self.ledger.holds.values())

    def asking_offers(self) -> list[int]:
        legs = self.router.legs
        return [legs[leg.consults].offer_id for leg in legs.values() if leg.consults]

    def state_of(self, offer_id: int) -> LegState:
        return self.router.legs[self.router.offers[offer_id].leg_id].state

    def open_contacts(self) -> list[str]:
        return list(self.router.contacts)

    # What happens.

    def tell(self, event: Event) -> tuple[Action, ...]:
        """Tick whatever is owed, then step the event."""
        self.tick()
        return self._step(event)

    def tick(self) -> None:
        """Step the ticks owed by now; each must change something."""
        while (due_us := self.router.next_wakeup_us()) is not None and due_us <= self.now_us:
            before = essence(self.router)
            self._step(ClockTicked())
            assert essence(self.router) != before, "a wake-up for nothing"

    def tell_again(self, event: Event) -> None:
        """Tell an event and repeat it: the repeat changes nothing."""
        self.tell(event)
        before = essence(self.router)
        again = self._step(event)
        assert all(isinstance(action, Refused) for action in again)
        assert essence(self.router) == before

    def wait(self, duration_us: int) -> None:
        """Let time pass, waking the routers exactly when they asked for it."""
        until_us = self.now_us + duration_us
        while (due_us := self.router.next_wakeup_us()) is not None and due_us <= until_us:
            self._let_nothing_happen_before(due_us)
            self.now_us = due_us
            self.tick()
        self.now_us = until_us

    def oversleep(self, duration_us: int) -> None:
        """Let time pass, and tick once it is over."""
        self.now_us += duration_us
        self.tick()

    def _let_nothing_happen_before(self, due_us: int) -> None:
        if self.now_us < due_us - 1:
            before = essence(self.router)
            self.now_us = due_us - 1
            assert self._step(ClockTicked()) == ()
            assert essence(self.router) == before, "something ended before its wake-up"

    def restart(self, *, both: bool) -> None:
        """Go on with a restored router beside two that run on, or beside the naive one only."""
        wire = msgspec.msgpack.encode(self.router.snapshot())
        snapshot = msgspec.msgpack.decode(wire, type=Snapshot)
        self.router = Router.restore(self.settings, snapshot)
        assert msgspec.msgpack.encode(self.router.snapshot()) == wire
        if both:
            self.applied = Router.restore(self.settings, snapshot)

    def change_places(self) -> None:
        """Let the router that only applied decide from now on, and the other apply."""
        self.router, self.applied = self.applied, self.router

    def break_the_contract(self, event: Event) -> None:
        """Step out of time: both kinds of driver's bugs raise, and change nothing."""
        self._raises(event, self.router.now_us - 1)
        due_us = self.router.next_wakeup_us()
        if due_us is not None and not isinstance(event, ClockTicked):
            self._raises(event, due_us)

    def _raises(self, event: Event, now_us: int) -> None:
        before = self.router.snapshot()
        with pytest.raises(CallerError):
            self.router.step(event, now_us=now_us)
        with pytest.raises(CallerError):
            self.applied.apply(event, (), now_us=now_us)
        assert self.router.snapshot() == before
        assert self.applied.snapshot() == before

    def _step(self, event: Event) -> tuple[Action, ...]:
        if self._say is not None:
            self._say((self.now_us - START_US, event))
        self.steps += 1
        checked = self.steps % self._check_every == 0
        before = essence(self.router) if checked else b""
        bystander = self._bystander() if type(event) is Batch else None
        self._working = self._at_work()
        self._told_of = (
            {getattr(one, "agent_id", "") for one in event.events}
            if isinstance(event, Batch)
            else set()
        )
        actions = self.router.step(event, now_us=self.now_us)
        if self._say is not None:
            self._say(actions)
        assert self.naive_router.step(event, now_us=self.now_us) == actions
        self.applied.apply(event, actions, now_us=self.now_us)
        self.metrics.fold(event, actions, self.now_us)
        self.ledger.note(event, actions, self.now_us)
        if type(event) is Batch:  # What of it came first, only the router knows.
            for agent in self.router.agents:
                self.ledger.missed[agent.agent_id] = agent.missed
        self.event = event
        self.actions = actions
        self.happened.update(type(action) for action in actions)
        if type(event) is Batch and bystander is not None:
            self._refused_members_leave_no_trace(event, bystander)
        if checked:
            if len(actions) == 1 and type(actions[0]) is Refused and type(event) is not Batch:
                assert essence(self.router) == before, "a refused event changed something"
            for holds in INVARIANTS:
                holds(self)
        return actions

    def _bystander(self) -> Router:
        return Router.restore(self.settings, self.router.snapshot())

    def _refused_members_leave_no_trace(self, batch: Batch, bystander: Router) -> None:
        """Step a batch without its refused members on a router that stood where ours did."""
        refused = {action.position for action in self.actions if isinstance(action, Refused)}
        kept = [one for position, one in enumerate(batch.events) if position not in refused]
        actions = bystander.step(Batch(events=tuple(kept)), now_us=self.now_us)
        assert actions == tuple(one for one in self.actions if not isinstance(one, Refused))
        assert bystander.snapshot() == self.router.snapshot()

    def _at_work(self) -> dict[int, str]:
        """Return the agents by the offers whose slots are not set aside."""
        return {
            number: agent.agent_id
            for agent in self.router.agents
            for number, offer in agent.offers.items()
            if offer.slot != SlotState.INTERRUPTED
        }

    # The invariants.

    def the_three_routers_keep_the_same_state(self) -> None:
        snapshot = self.router.snapshot()
        assert self.naive_router.snapshot() == snapshot
        assert self.applied.snapshot() == snapshot
        assert self.naive_router.next_wakeup_us() == self.router.next_wakeup_us()
        assert self.applied.next_wakeup_us() == self.router.next_wakeup_us()

    def whoever_names_no_queue_enters_as_his_rule_says(self) -> None:
        refused = {action.position for action in self.actions if isinstance(action, Refused)}
        events = self.event.events if isinstance(self.event, Batch) else (self.event,)
        came = [
            one
            for position, one in enumerate(events)
            if isinstance(one, ContactArrived) and position not in refused
        ]
        unnamed = [one for one in came if not one.queue]
        orders = [action for action in self.actions if isinstance(action, EnterQueue)]
        last = {one.contact_id: one for one in came}
        for arrival, order in zip(unnamed, orders, strict=True):
            rule = self.naive.rule_for(arrival, self.now_us)
            assert (order.contact_id, order.rule) == (arrival.contact_id, rule.name)
            assert order.queue == rule.queue
            own = arrival.priority
            assert order.priority == (rule.priority if own is None else own)
            promised_us = arrival.promised_us
            if promised_us is None and rule.promise_us is not None:
                promised_us = self.now_us + rule.promise_us
            assert order.promised_us == promised_us
            assert order.prefers == rule.prefers + arrival.prefers
            assert dict(order.context) == rule.context
            for agent in self.settings.agents:
                wanted = [
                    self._meets(agent, rule.requirement),
                    self._meets(agent, arrival.requirement),
                ]
                assert self._meets(agent, order.requirement) == all(wanted)
            contact = self.router.contacts.get(arrival.contact_id)
            if contact is not None and last[arrival.contact_id] is arrival:
                assert contact.arrival.queue == order.queue
                attributes = {**dict(arrival.attributes), **rule.context}
                assert dict(contact.arrival.attributes) == attributes

    def _meets(self, agent: AgentSettings, text: str) -> bool:
        declared = self.settings
        one = parse_requirement(text, skills=declared.skills, attributes=declared.attributes)
        return one.met_by(agent.skills, agent.attributes)

    def every_contact_inside_is_open_and_ends_once(self) -> None:
        assert set(self.ledger.inside.values()) <= {0, 1}
        assert set(self.router.contacts) == {
            one for one, count in self.ledger.inside.items() if count
        }

    def every_leg_is_in_exactly_one_place(self) -> None:
        router = self.router
        places = [number for contact in router.contacts.values() for number in contact.legs]
        assert sorted(places) == sorted(router.legs)
        assert sorted(offer.leg_id for offer in router.offers.values()) == sorted(
            leg.leg_id for leg in router.legs.values() if leg.state is not LegState.QUEUED
        )
        for number, leg in router.legs.items():
            assert leg.leg_id == number
            assert leg.state in range(LegState.CLOSED)
            assert (leg.state is LegState.QUEUED) == (leg.offer_id == 0)

    def a_leg_has_at_most_one_offer_and_one_agent(self) -> None:
        router = self.router
        assert self.ledger.holds == {
            offer.leg_id: (number, router.agents[offer.agent].agent_id)
            for number, offer in router.offers.items()
        }
        for number, offer in router.offers.items():
            leg = router.legs[offer.leg_id]
            assert leg.offer_id == number
            assert (offer.state is OfferState.PENDING) == (leg.state is LegState.OFFERED)

    def every_slot_is_an_offer_and_says_what_its_leg_does(self) -> None:
        router = self.router
        assert self.ledger.aside == {
            number for number, offer in router.offers.items() if offer.slot == SlotState.INTERRUPTED
        }
        slots = [offer for agent in router.agents for offer in agent.offers.values()]
        assert sorted(offer.offer_id for offer in slots) == sorted(router.offers)
        expected = {
            LegState.OFFERED: SlotState.RESERVED,
            LegState.CONNECTING: SlotState.RESERVED,
            LegState.CONNECTED: SlotState.ACTIVE,
            LegState.HELD: SlotState.HELD,
            LegState.WRAPPING: SlotState.WRAPPING,
        }
        for offer in slots:
            if offer.slot != SlotState.INTERRUPTED:
                assert offer.slot == expected[router.legs[offer.leg_id].state]

    def nothing_stays_aside_for_nothing(self) -> None:
        for agent in self.router.agents:
            slots = {offer.slot for offer in agent.offers.values()}
            assert slots != {SlotState.INTERRUPTED}

    def what_was_aside_comes_back_when_another_slot_frees(self) -> None:
        freed = {
            agent_id
            for number, agent_id in self._working.items()
            if number not in self.router.offers
        }
        for action in self.actions:
            if isinstance(action, ResumeLeg):
                assert self.ledger.offers[action.offer_id - 1].agent_id in freed

    def everybody_takes_what_his_slots_allow(self) -> None:
        capacities = {one.name: one for one in self.settings.capacities}
        for agent, settings in zip(self.router.agents, self.settings.agents, strict=True):
            assert tuple(agent.takes()) == takes_of(agent, capacities[settings.capacity])

    def nobody_is_over_capacity(self) -> None:
        capacities = {one.name: one for one in self.settings.capacities}
        for agent, settings in zip(self.router.agents, self.settings.agents, strict=True):
            capacity = capacities[settings.capacity]
            in_use = [
                CHANNELS[offer.channel]
                for offer in agent.offers.values()
                if offer.slot != SlotState.INTERRUPTED
            ]
            assert sum(capacity.channels[one].cost for one in in_use) <= capacity.total
            for channel, count in Counter(in_use).items():
                assert count <= capacity.channels[channel].slots
            assert agent.is_idle == (not agent.offers)

    def at_rest_nobody_may_take_what_waits(self) -> None:
        able = [agent for agent in self.router.agents if any(agent.takes())]
        for leg in self.router.legs.values():
            if leg.state is LegState.QUEUED:
                assert not any(may_take(leg, agent) for agent in able)

    def every_lease_has_a_deadline_and_every_block_ends(self) -> None:
        router = self.router
        ends_us = [agent.back_off_until_us for agent in router.agents if agent.back_off_until_us]
        ends_us += [agent.gap_until_us for agent in router.agents if agent.gap_until_us]
        for leg in router.legs.values():
            ends_us += [at for at in (leg.excluded or {}).values() if at != WHILE_PARTY_US]
            if leg.state is LegState.QUEUED and leg.widens_us:
                ends_us.append(leg.widens_us)
        for offer in router.offers.values():
            leg = router.legs[offer.leg_id]
            talking = leg.state in {LegState.CONNECTED, LegState.HELD}
            if talking:
                assert offer.until_us == 0
            else:
                ends_us.append(offer.until_us)
        assert router.next_wakeup_us() == min(ends_us, default=None)

    def a_leg_is_as_wide_as_it_has_waited(self) -> None:
        """Worked out from the settings and the time alone; stages due now may come with a tick."""
        queues = {queue.name: queue for queue in self.settings.queues}
        profiles = {one.name: one for one in self.settings.profiles}
        for leg in self.router.legs.values():
            if leg.state is not LegState.QUEUED:
                continue
            queue, step = queues[leg.klass.queue.name], leg.klass.step
            waited_us = self.now_us - leg.arrived_us
            assert step >= sum(one.after_us < waited_us for one in queue.steps)
            for one in queue.steps[:step]:
                assert one.if_nobody or one.after_us <= waited_us
            for agent, settings in zip(self.router.agents, self.settings.agents, strict=True):
                for line in profiles[settings.profile].serves:
                    if line.queue == queue.name and leg.klass.channel in line.channels:
                        is_early = waited_us < line.delay_us
                        if waited_us != line.delay_us and eligible(leg.klass, agent.kind):
                            assert delayed(leg.klass, agent.kind) == is_early
            nobody = not any(
                agent.availability is not Availability.LOGGED_OUT
                and eligible(leg.klass, agent.kind)
                for agent in self.router.agents
            )
            if nobody and any(one.if_nobody for one in queue.steps[step : step + 1]):
                assert leg.widens_us <= self.now_us + 1

    def no_offer_outlives_its_agents_session(self) -> None:
        for agent in self.router.agents:
            if agent.offers:
                assert agent.availability is not Availability.LOGGED_OUT
            else:
                assert agent.availability is not Availability.DRAINING
                assert not agent.after_this_one

    def a_change_of_an_agent_is_said(self) -> None:
        said = {
            action.agent_id: action.availability
            for action in self.actions
            if isinstance(action, SetAgentState)
        }
        for agent_id, availability in said.items():
            # Unless he himself changed it again, later in the same batch.
            if agent_id not in self._told_of:
                assert self.router.agent(agent_id).availability is availability

    def nobody_gets_at_once_what_he_failed_to_take(self) -> None:
        queues = {queue.name: queue for queue in self.settings.queues}
        for offer in self.actions:
            if isinstance(offer, OfferContact):
                failed_us = self.ledger.failed.get((offer.leg_id, offer.agent_id), -(2**60))
                assert self.now_us - failed_us >= queues[offer.queue].exclusion_us

    def offers_to_one_agent_keep_their_distance(self) -> None:
        gap_us = self.settings.offer_gap_us
        for agent in self.router.agents:
            open_us = self.ledger.given_us.get(agent.agent_id, -(2**60)) + gap_us
            assert not (gap_us and open_us > self.now_us) or agent.gap_until_us == open_us
        for action in self.actions:
            if isinstance(action, OfferContact):
                before_us = self.ledger.given_before_us[action.offer_id]
                assert self.now_us - before_us >= gap_us

    def who_misses_in_a_row_is_sent_away(self) -> None:
        rona = self.settings.rona
        for agent in self.router.agents:
            missed = self.ledger.missed[agent.agent_id]
            assert agent.missed == (
                missed if rona.then is AfterMiss.STAY_READY else missed % rona.after
            )

    def every_agent_knows_when_he_was_last_offered_something(self) -> None:
        for agent in self.router.agents:
            assert agent.last_given_us == self.ledger.given_us.get(agent.agent_id, 0)

    def nobody_is_overtaken(self) -> None:
        """Of what an agent could take beside an offer, nothing was before it in his order.

        Of the same channel, so that his capacity spoke alike of both. Whoever is still QUEUED was
        so when the offer was made.
        """
        router, naive = self.router, self.naive
        waiting = [leg for leg in router.legs.values() if leg.state is LegState.QUEUED]
        offers = [one for one in self.actions if isinstance(one, OfferContact)]
        for position, offer in enumerate(offers):
            # Who was offered something later in this step still waited then.
            later = [router.legs[one.leg_id] for one in offers[position:]]
            now = moment(self.now_us, waiting + later)
            leg, agent = router.legs[offer.leg_id], router.agent(offer.agent_id)
            passed = [
                other
                for other in waiting
                if other.klass.channel is leg.klass.channel
                and eligible(other.klass, agent.kind)
                and not delayed(other.klass, agent.kind)
                and not (other.excluded and agent.index in other.excluded)
            ]
            for other in passed:
                assert (naive.tier(leg, agent), naive.place(leg, now)) < (
                    naive.tier(other, agent),
                    naive.place(other, now),
                )
                if naive.tier(leg, agent) == naive.tier(other, agent):
                    bound_us = self._overtaken_by_at_most_us(leg, other)
                    assert leg.arrived_us - other.arrived_us <= bound_us
                if other.klass is leg.klass:
                    assert naive.place(leg, now) < naive.place(other, now)
                    assert leg.key < other.key

    def _overtaken_by_at_most_us(self, leg: Leg, other: Leg) -> int | Fraction:
        """Return how much later than the other a leg may have come that goes first, at one tier.

        As docs/routing/contact_selection.md says it.
        """
        queues = self.settings.queues
        waited_us = self.now_us - other.arrived_us
        gains = [self.naive.gain_of(queue, one) for queue in queues for one in queue.channels]
        least: Fraction = min(gains)
        most: Fraction = max(gains)
        match self.settings.urgency:
            case Urgency.LONGEST_WAIT:
                return 0
            case Urgency.HEAD_START:
                return max(queue.head_start_us or 0 for queue in queues)
            case Urgency.DEADLINE_FIRST:
                if any(one.asked.promised_us is not None for one in (leg, other)):
                    return self.now_us
                promises = [queue.promise_us or 0 for queue in queues]
                return max(promises) - min(promises)
            case Urgency.WAIT_OVER_OBJECTIVE | Urgency.GENERALIZED_C_MU:
                return waited_us * (1 - least / most)
            case Urgency.AGEING:
                if not least or any(queue.ageing_cap is not None for queue in queues):
                    return self.now_us
                ahead = max(self.naive.priority(leg) - self.naive.priority(other), 0)
                return ahead * 3_600 * SECOND_US / least + waited_us * (1 - least / most)
            case Urgency.STRICT_PRIORITY | Urgency.C_MU | Urgency.QUEUE_RATIO:
                return self.now_us

    def performance_is_what_the_agents_did(self) -> None:
        performance = self.router.performance
        if performance.measuring:
            assert self.ledger.deeds.means == {
                (agent_id, queue, measure): (figure.samples, figure.own)
                for agent_id, queue, measure, figure in performance.everybody()
            }
        else:
            assert not list(performance.everybody())

    def occupancy_is_what_the_agents_did(self) -> None:
        for agent in self.router.agents:
            occupancy = self.router.occupancy(agent.agent_id)
            if occupancy is not None:
                share = self.ledger.deeds.shares[agent.agent_id]
                assert occupancy / 1e6 == pytest.approx(share, abs=2e-6)

    def the_measures_count_what_the_ledger_counts(self) -> None:
        rows = self.metrics.report(self.now_us).rows
        answered = self.ledger.closed[ContactOutcome.HANDLED] + sum(
            leg.state in {LegState.CONNECTED, LegState.HELD, LegState.WRAPPING}
            for leg in self.router.legs.values()
        )
        waiting = sum(leg.state <= LegState.CONNECTING for leg in self.router.legs.values())
        whole = [row.total for row in rows]
        offered: Counter[str] = Counter()
        for row in rows:
            offered[row.queue] += row.total.offered
        assert +offered == self.ledger.offered
        assert sum(one.answered for one in whole) == answered
        assert sum(one.abandoned for one in whole) == self.ledger.closed[ContactOutcome.ABANDONED]
        assert sum(one.other_exits for one in whole) == self.ledger.closed[ContactOutcome.CANCELED]
        assert sum(one.waiting for one in whole) == waiting
        assert sum(one.handled for one in whole) == self.ledger.closed[ContactOutcome.HANDLED]
        assert sum(one.offers.made for one in whole) == len(self.ledger.offers)


INVARIANTS: Final[tuple[Callable[[World], None], ...]] = (
    World.the_three_routers_keep_the_same_state,
    World.whoever_names_no_queue_enters_as_his_rule_says,
    World.every_contact_inside_is_open_and_ends_once,
    World.every_leg_is_in_exactly_one_place,
    World.a_leg_has_at_most_one_offer_and_one_agent,
    World.every_slot_is_an_offer_and_says_what_its_leg_does,
    World.nothing_stays_aside_for_nothing,
    World.what_was_aside_comes_back_when_another_slot_frees,
    World.everybody_takes_what_his_slots_allow,
    World.nobody_is_over_capacity,
    World.at_rest_nobody_may_take_what_waits,
    World.every_lease_has_a_deadline_and_every_block_ends,
    World.a_leg_is_as_wide_as_it_has_waited,
    World.no_offer_outlives_its_agents_session,
    World.a_change_of_an_agent_is_said,
    World.nobody_gets_at_once_what_he_failed_to_take,
    World.offers_to_one_agent_keep_their_distance,
    World.who_misses_in_a_row_is_sent_away,
    World.every_agent_knows_when_he_was_last_offered_something,
    World.nobody_is_overtaken,
    World.performance_is_what_the_agents_did,
    World.occupancy_is_what_the_agents_did,
    *PARTIES,
)

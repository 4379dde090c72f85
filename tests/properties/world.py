"""Routers in lockstep, a ledger kept from events and actions alone, and the invariants.

Three routers are told the same: one decides by the index, one naively, one only applies what the
first decided. They must give the same actions and keep the same state. The ledger knows who is
inside, who holds whom and what is set aside; it is smaller than the router and is made from what
everybody outside sees. `INVARIANTS` are checked after every step (design/routing, *Invariants*).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from math import ceil
from typing import Final

import msgspec
import pytest

from acd.actions import (
    Acknowledge,
    Action,
    AnnounceWait,
    CallbackDue,
    CloseContact,
    CloseLeg,
    EnterQueue,
    FileDisposition,
    GrantCallback,
    InterruptLeg,
    JoinLeg,
    OfferContact,
    OpenLeg,
    Refused,
    RegainPlace,
    ReleaseAgent,
    ResumeLeg,
    SetAgentState,
    WithdrawOffer,
)
from acd.agents import Agent, SlotState
from acd.contacts import (
    LEG_TABLE,
    WHILE_PARTY_US,
    Leg,
    LegState,
    OfferState,
    Presence,
    is_handled,
)
from acd.eligibility import delayed, eligible, kept_from, may_take
from acd.entry import entered
from acd.errors import CallerError
from acd.events import (
    AgentChanged,
    Batch,
    CallbackScheduled,
    ClockTicked,
    ContactArrived,
    ContactAssigned,
    ContactLeft,
    ContactReprioritized,
    Event,
    LegConnected,
    LegDisposed,
    LegEnded,
    LegParked,
    LegRated,
    LegResumed,
    OfferAccepted,
    OfferFailed,
    OfferRejected,
    SettingsChanged,
    WrapUpEnded,
)
from acd.ids import Availability, Channel, ContactOutcome, OfferOutcome, WrapUpMode
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AfterMiss,
    AgentSettings,
    Condition,
    DomainSettings,
    QueueClock,
    Urgency,
)
from acd.skills import parse_requirement
from acd.snapshot import Snapshot
from tests.properties.deeds import Deeds
from tests.properties.estimating import (
    an_announcement_rises_for_a_cause_only,
    estimates_rest_on_who_is_ahead_and_at_work,
)
from tests.properties.failing import Failing
from tests.properties.keeping import Keeping
from tests.properties.naive import Naive, carried, in_hand, moment, naive_router, takes_of, who
from tests.properties.parties import PARTIES
from tests.properties.turning import Turning
from tests.properties.waiters import WAITERS, Waiters

START_US: Final = 1_700_000_000_000_000

NEVER_US: Final = 2**60

CHANNELS: Final = tuple(Channel)

UNHELD: Final = (LegState.QUEUED, LegState.SCHEDULED)
"""States of legs that no offer holds."""

_ASIDE: Final = (SlotState.INTERRUPTED, SlotState.PARKED)

_COUNTED_APART: Final = (
    ContactOutcome.HANDLED,
    ContactOutcome.ABANDONED,
    ContactOutcome.OVERFLOWED,
    ContactOutcome.REJECTED,
)
"""The outcomes that are no other exits."""


def essence(router: Router) -> bytes:
    """Return all that a router knows but the time, encoded."""
    return msgspec.msgpack.encode(msgspec.structs.replace(router.snapshot(), now_us=0))


class Ledger:
    """Who is inside, who holds whom, what is set aside: read from events and actions."""

    def __init__(self, settings: DomainSettings, naive: Naive) -> None:
        self.now_us = 0
        self.inside: Counter[str] = Counter()
        self.holds: dict[int, dict[int, str]] = {}
        """Leg → its offers → their agents, from the offer until it ends or the leg closes."""
        self.talking, self.talked = set[int](), set[str]()
        """The offers whose agents have the contact, be it on hold; the contacts that some agent had
        before the last step."""
        self.consulting: set[int] = set()
        """The offers by which agents are asked, or were, without the customer."""
        self.further: dict[int, str] = {}
        """The open legs beyond the first: leg → contact."""
        self.aside, self.parked = set[int](), set[int]()
        """The offers whose contacts are put away, or wrap up there."""
        self.rang_us: dict[str, int] = {}
        """When each agent was last offered something."""
        self.rang_before_us: dict[int, int] = {}
        """When the agent of each offer was offered something before it."""
        self.given: dict[str, dict[int, int]] = defaultdict(dict)
        """When each agent was offered what was not rescinded, by offer."""
        self.missed: Counter[str] = Counter()
        """How many offers each agent let ring out since he last took one."""
        self._taken, self._parted = set[int](), set[int]()
        self.failed: dict[tuple[int, str], int] = {}
        """When an agent last failed to take a leg, or gave its contact further."""
        self.offered: Counter[str] = Counter()
        """How many legs entered each queue."""
        self.closed: Counter[ContactOutcome] = Counter()
        self.rescinded = 0
        """How many offers were."""
        self.offers: list[OfferContact] = []
        self.expires_us: dict[str, int] = {}
        """When each contact that ever came ends if it waits then; `NEVER_US` for never."""
        self.expires_of: dict[str, int | None] = {}
        """What each contact itself says of that."""
        self._by_span: dict[str, tuple[str, int]] = {}
        """Contacts whose queue says when they expire: that queue, and its time."""
        self._naive = naive
        self._spans_us = {
            (queue.name, channel): of_channel.expires_us
            for queue in settings.queues
            for channel, of_channel in queue.channels.items()
        }
        self._channels: dict[str, Channel] = {}
        """Of the contacts whose expiry hangs on the queue that an entry rule chooses."""
        self.priorities: dict[str, int] = {}
        """That a supervisor gave to contacts."""
        self.told: dict[int, list[str]] = {}
        """What was told of how the contact of each offer ended, in order."""
        self.filed: Counter[tuple[str, str]] = Counter()
        """How often each disposition was filed, by queue."""
        self.staff, self.changed = list(settings.agents), set[str]()
        """What each agent is, in the settings' order, and who was changed: he may have more than he
        could be given now."""
        self.deeds, self.failing = Deeds(settings), Failing(settings)
        self.keeping = Keeping(settings, naive)
        self.waiters = Waiters(settings)

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
            if isinstance(action, RegainPlace) and action.contact_id in self._by_span:
                self._expires_since(action.contact_id, action.arrived_us)
            if isinstance(action, FileDisposition):
                told = self.told.get(action.offer_id, [])
                # In a batch some of it may have been told too late.
                admitted = ["", *told] if isinstance(event, Batch) else (told or [""])[-1:]
                assert action.disposition in admitted
                self.filed[self.offers[action.offer_id - 1].queue, action.disposition] += 1
        if isinstance(event, Batch):  # Of a part that ended before it only the actions tell.
            for position, one in enumerate(events):
                if isinstance(one, ContactAssigned) and position not in refused:
                    self._forgive(one)

    def _note_event(self, event: Event, withdrawn: Collection[int]) -> None:
        if isinstance(event, ContactArrived):
            self.inside[event.contact_id] += 1
            self.keeping.arrived(event)
            self.waiters.arrived(event, self.now_us)
            if event.queue:
                self.offered[event.queue] += 1
            self._note_expiry(event)
            self.priorities.pop(event.contact_id, None)
        elif isinstance(event, CallbackScheduled):
            self.inside[event.contact_id] += 1
            self.keeping.arrived(event)
            self.waiters.scheduled(event)
            self.expires_us[event.contact_id] = NEVER_US
            self._by_span.pop(event.contact_id, None)
            self.priorities.pop(event.contact_id, None)
        elif isinstance(event, LegDisposed | WrapUpEnded):
            if event.disposition:
                self.told.setdefault(event.offer_id, []).append(event.disposition)
        elif isinstance(event, AgentChanged):
            self._change(event)
        elif isinstance(event, ContactReprioritized):
            self.priorities[event.contact_id] = event.priority
        elif isinstance(event, ContactAssigned):
            self._forgive(event)
        elif isinstance(event, OfferAccepted | LegConnected):
            self._take(event.offer_id)
        elif isinstance(event, OfferRejected | OfferFailed) and event.offer_id not in withdrawn:
            # Whoever is unwell is not kept from the same contact (tests.properties.domains).
            excused = isinstance(event, OfferRejected) and event.reason == "unwell"
            self._release(event.offer_id, failed=not excused)
        if isinstance(event, LegConnected) and event.offer_id not in withdrawn:
            if event.offer_id in self.live():
                offer = self.offers[event.offer_id - 1]
                self.deeds.begin(offer)
                if event.offer_id not in self._parted:
                    self.waiters.reached(offer.contact_id)
                self.talking |= {event.offer_id} - self._parted
        elif isinstance(event, LegParked):
            self._park(event.offer_id)
        elif isinstance(event, LegResumed):
            if event.offer_id in self.parked & self.talking:
                self.parked.remove(event.offer_id)
                self.deeds.resume(event.offer_id)
        elif isinstance(event, LegEnded):
            self._part(event.offer_id)
        elif isinstance(event, ContactLeft):
            for number in tuple(self.talking):
                if self.offers[number - 1].contact_id == event.contact_id:
                    self._part(number)
        elif isinstance(event, LegRated):
            self.deeds.rate(event)

    def _change(self, event: AgentChanged) -> None:
        for at, one in enumerate(self.staff):
            if one.agent_id == event.agent_id:
                told = {
                    name: value
                    for name, value in msgspec.structs.asdict(event).items()
                    if value not in ("", None)
                }
                if event.skills is not None:
                    told["skills"] = {name: level for name, level in event.skills.items() if level}
                self.staff[at] = msgspec.structs.replace(one, **told)
        self.changed.add(event.agent_id)

    def _forgive(self, event: ContactAssigned) -> None:
        """Forget that an agent failed to take what is given to him now."""
        contacts = {one.leg_id: one.contact_id for one in self.offers} | self.further
        for leg_id, agent_id in tuple(self.failed):
            if (contacts.get(leg_id), agent_id) == (event.contact_id, event.agent_id):
                del self.failed[leg_id, agent_id]

    def _take(self, offer_id: int) -> None:
        """Note that an offer was taken, if it was still to be taken."""
        if 0 < offer_id <= len(self.offers):
            offer = self.offers[offer_id - 1]
            is_held = offer_id in self.holds.get(offer.leg_id, {})
            if is_held and offer_id not in self._taken:
                self._taken.add(offer_id)
                self.missed[offer.agent_id] = 0

    def _park(self, offer_id: int) -> None:
        """Note that what an agent has is put away, be it set aside; again changes nothing."""
        if offer_id in self.talking and offer_id not in self.parked:
            self.parked.add(offer_id)
            if offer_id in self.aside:
                self.aside.remove(offer_id)
            else:
                self.deeds.pause(offer_id)

    def _part(self, offer_id: int) -> None:
        """Note that an agent's part ended, if he had one; he does not get it back at once."""
        if offer_id in self.talking:
            self.talking.remove(offer_id)
            self._parted.add(offer_id)
            offer = self.offers[offer_id - 1]
            if offer_id not in self.consulting:
                self.keeping.ended(offer, self.now_us)
            for leg_id, contact_id in self.further.items():
                if contact_id == offer.contact_id:
                    self.failed[leg_id, offer.agent_id] = self.now_us

    def _close(self, leg_id: int, action: CloseContact | CloseLeg) -> None:
        if not self.waiters.closed(action):
            self.closed[action.outcome] += 1
        self.further.pop(leg_id, None)
        for offer_id in self.holds.pop(leg_id, {}):
            self.deeds.end(offer_id)
            if offer_id in self.parked & self.talking:  # It was not taken up again in time.
                self.keeping.ended(self.offers[offer_id - 1], self.now_us)
            self.aside.discard(offer_id)
            self.parked.discard(offer_id)
            self.talking.discard(offer_id)

    def _note_action(self, action: Action) -> None:
        if isinstance(action, EnterQueue):
            self.offered[action.queue] += 1
            if action.contact_id in self._channels:
                self._expires_after(action.contact_id, action.queue)
        elif isinstance(action, OfferContact):
            self._note_offer(action)
        elif isinstance(action, WithdrawOffer):
            self._withdraw(action)
        elif isinstance(action, CloseContact):
            assert self.inside[action.contact_id] > 0, "a contact is closed twice"
            self.inside[action.contact_id] -= 1
            legs = [
                self.offers[number - 1].leg_id
                for number in self.live()
                if self.offers[number - 1].contact_id == action.contact_id
            ]
            opened = [leg for leg, one in self.further.items() if one == action.contact_id]
            last = {*legs, *opened}
            assert len(last) <= 1, "a contact ends before its legs"
            self._close(last.pop() if last else 0, action)
        elif isinstance(action, CloseLeg):
            assert self.inside[action.contact_id] > 0
            self._close(action.leg_id, action)
        elif isinstance(action, OpenLeg):
            assert self.inside[action.contact_id] > 0
            self.further[action.leg_id] = action.contact_id
            if action.from_offer:
                self.priorities.pop(action.contact_id, None)
            else:
                self._note_overflow(action)
            self.offered[action.queue] += 1
        elif isinstance(action, GrantCallback | CallbackDue):
            self._call_back(action)
        elif isinstance(action, JoinLeg):
            self.consulting.difference_update(self.holds.get(action.leg_id, ()))
        elif isinstance(action, ReleaseAgent):
            self._part(action.offer_id)
        elif isinstance(action, InterruptLeg):
            assert action.offer_id not in self.aside
            self.aside.add(action.offer_id)
            self.deeds.pause(action.offer_id)
        elif isinstance(action, ResumeLeg) and action.offer_id not in self.parked:
            self.aside.remove(action.offer_id)
            self.deeds.resume(action.offer_id)

    def _note_offer(self, action: OfferContact) -> None:
        assert action.offer_id == len(self.offers) + 1
        held = self.holds.setdefault(action.leg_id, {})
        assert action.agent_id not in held.values(), "an agent is offered a leg twice"
        held[action.offer_id] = action.agent_id
        self.rang_before_us[action.offer_id] = self.rang_us.get(action.agent_id, -(2**60))
        self.rang_us[action.agent_id] = self.now_us
        self.given[action.agent_id][action.offer_id] = self.now_us
        self.offers.append(action)
        if action.consults:
            self.consulting.add(action.offer_id)

    def _note_overflow(self, action: OpenLeg) -> None:
        """Let a contact expire as if it had come to this queue when it came to the first."""
        if self.expires_of[action.contact_id] is None:
            span_us = self._spans_us[action.queue, action.channel]
            place_us = self.now_us if action.place_us is None else action.place_us
            self._by_span.pop(action.contact_id, None)
            self.expires_us[action.contact_id] = NEVER_US
            if span_us is not None:
                self._by_span[action.contact_id] = (action.queue, span_us)
                self._expires_since(action.contact_id, place_us)

    def _withdraw(self, action: WithdrawOffer) -> None:
        if action.outcome is OfferOutcome.TIMED_OUT:
            self.missed[action.agent_id] += 1
        elif action.outcome is OfferOutcome.RESCINDED:
            del self.given[action.agent_id][action.offer_id]
            self.rescinded += 1
        blamed = action.outcome in {OfferOutcome.TIMED_OUT, OfferOutcome.FAILED}
        self._release(action.offer_id, failed=blamed)

    def _call_back(self, action: GrantCallback | CallbackDue) -> None:
        if isinstance(action, CallbackDue):
            self.waiters.due(action)
            self.offered[action.queue] += not action.attempts
            return
        self.waiters.granted(action)
        if action.leg_id not in self.further:
            self.expires_us[action.contact_id] = NEVER_US

    def _note_expiry(self, event: ContactArrived) -> None:
        self.expires_us[event.contact_id] = event.expires_us or NEVER_US
        self.expires_of[event.contact_id] = event.expires_us
        self._channels.pop(event.contact_id, None)
        self._by_span.pop(event.contact_id, None)
        if event.expires_us is None:
            self._channels[event.contact_id] = event.channel
            if event.queue:
                self._expires_after(event.contact_id, event.queue)

    def _expires_after(self, contact_id: str, queue: str) -> None:
        span_us = self._spans_us[queue, self._channels.pop(contact_id)]
        if span_us is not None:
            self._by_span[contact_id] = (queue, span_us)
            self._expires_since(contact_id, self.now_us)

    def _expires_since(self, contact_id: str, arrived_us: int) -> None:
        queue, span_us = self._by_span[contact_id]
        self.expires_us[contact_id] = self._naive.due_us(queue, arrived_us, span_us)

    def _release(self, offer_id: int, *, failed: bool) -> None:
        offer = self.offers[offer_id - 1]
        if offer_id in self.talking | self._parted:  # Then an answer comes too late.
            return
        held = self.holds.get(offer.leg_id, {})
        if held.pop(offer_id, "") and failed:
            self.failed[offer.leg_id, offer.agent_id] = self.now_us
        if not held:
            self.holds.pop(offer.leg_id, None)

    def live(self) -> list[int]:
        """Return the offers that have not ended."""
        return sorted(number for held in self.holds.values() for number in held)


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
        self.ledger = Ledger(settings, self.naive)
        self.turning = Turning(settings)
        self.event: Event = ClockTicked()
        """What was told last, and what was answered."""
        self.actions: tuple[Action, ...] = ()
        self.happened: Counter[type[Action]] = Counter()
        self.contacts_sent = 0
        self.steps = 0
        self._stood: dict[str, tuple[object, ...]] = {}
        """What an offer in vain must not change of the agents, before the last step."""
        self._working: dict[int, str] = {}
        """Agent by offer, of the slots that were not set aside before the last step."""
        self._told_of: set[str] = set()
        """The agents of whom the last step's batch spoke."""
        self._places: dict[tuple[str, str, str], tuple[int, int]] = {}
        """Arrival and last instant of the places that customers may come back to."""
        self.announced: dict[int, tuple[int, AnnounceWait]] = {}
        """When and how long each leg's customer was last told to wait."""
        self._check_every = check_every
        self.is_seen_whole = check_every == 1
        """Whether the invariants see every step, so that they may remember what they saw."""

    # What the switch knows.

    @property
    def offers_made(self) -> int:
        return len(self.ledger.offers)

    def taker_of(self, offer_id: int) -> tuple[str, str]:
        offer = self.ledger.offers[offer_id - 1]
        return offer.agent_id, offer.queue

    def live_offers(self) -> list[int]:
        return self.ledger.live()

    def asking_offers(self) -> list[int]:
        legs = self.router.legs
        return [legs[leg.consults].offer_id for leg in legs.values() if leg.consults]

    def state_of(self, offer_id: int) -> LegState:
        return self.router.legs[self.router.offers[offer_id].leg_id].state

    def open_contacts(self) -> list[str]:
        return list(self.router.contacts)

    def calls_that_wait(self) -> list[str]:
        return [
            one.arrival.contact_id
            for one in self.router.contacts.values()
            if one.presence is Presence.WAITING and one.arrival.channel is Channel.VOICE
        ]

    # What happens.

    def tell(self, event: Event) -> tuple[Action, ...]:
        """Tick whatever is owed, then step the event."""
        self.tick()
        return self._step(event)

    def tick(self) -> None:
        """Step the ticks owed by now; each must change something, or open a queue."""
        while (due_us := self.router.next_wakeup_us()) is not None and due_us <= self.now_us:
            before = essence(self.router)
            opens_us = self.router._floor.gauges.doors.wakeup_us()
            self._step(ClockTicked())
            is_for_it = essence(self.router) != before or due_us == opens_us
            assert is_for_it, "a wake-up for nothing"

    def tell_again(self, event: Event) -> None:
        """Tell an event and repeat it: the repeat changes nothing.

        But whoever sends events removes repeats of contacts that are closed.
        """
        closed = [one for one in self.tell(event) if isinstance(one, CloseContact)]
        if any(one.contact_id == getattr(event, "contact_id", "") for one in closed):
            return
        self.tick()
        before = essence(self.router)
        again = self._step(event)
        # Whoever asks again how long he will wait is answered again.
        assert all(isinstance(action, Refused | AnnounceWait) for action in again)
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

    def change_settings(self, settings: DomainSettings) -> None:
        """Go on under settings with other staff; all three routers do."""
        self.tick()
        self.ledger.staff = [
            today if today != before else is_now
            for today, before, is_now in zip(
                settings.agents, self.settings.agents, self.ledger.staff, strict=True
            )
        ]
        self.ledger.changed |= {one.agent_id for one in settings.agents}
        self.settings = settings
        self.router = Router.restore(settings, self.router.snapshot())
        self.applied = Router.restore(settings, self.applied.snapshot())
        naive = self.naive_router.snapshot()
        self.naive_router, self.naive = naive_router(settings, naive)
        self.tell(SettingsChanged())

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
        stood = self.router.snapshot() if type(event) is Batch else None
        self._stood = {one.agent_id: self._standing(one) for one in self.router.agents}
        self._working = self._at_work()
        self.ledger.failing.look(self.router)
        self.ledger.keeping.look(self.router)
        self.turning.look(self)
        self._told_of = (
            {getattr(one, "agent_id", "") for one in event.events}
            if isinstance(event, Batch)
            else set()
        )
        left = self._who_leaves(event)
        self.ledger.waiters.look(self.router, event, self.now_us)
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
        self._check_places(event, actions, left)
        self._check_acknowledged(event, actions)
        self.event = event
        self.actions = actions
        self.happened.update(type(action) for action in actions)
        an_announcement_rises_for_a_cause_only(self)
        self.turning.check(self)
        if type(event) is Batch and stood is not None:
            self._refused_members_leave_no_trace(event, stood)
        if checked:
            if len(actions) == 1 and type(actions[0]) is Refused and type(event) is not Batch:
                assert essence(self.router) == before, "a refused event changed something"
            for holds in INVARIANTS:
                holds(self)
        return actions

    def _who_leaves(self, event: Event) -> list[tuple[ContactArrived, int]]:
        """Return the legs that a customer who leaves gives up: what each asks, its arrival."""
        if not isinstance(event, ContactLeft) or event.contact_id not in self.router.contacts:
            return []
        contact = self.router.contacts[event.contact_id]
        legs = [self.router.legs[number] for number in contact.legs]
        waits = contact.presence is Presence.WAITING
        return [
            (contact.arrival, leg.arrived_us)
            for leg in legs
            if waits and leg.state <= LegState.CONNECTING
        ]

    def _check_places(
        self, event: Event, actions: Sequence[Action], left: Sequence[tuple[ContactArrived, int]]
    ) -> None:
        """Places as the settings say; what came first in a batch, only the router knows."""
        spans_us = {queue.name: queue.resume_us for queue in self.settings.queues}
        regained = [one for one in actions if isinstance(one, RegainPlace)]
        if isinstance(event, ContactArrived):
            entries = [one.queue for one in actions if isinstance(one, EnterQueue)]
            who = (entries[0] if entries else event.queue, event.channel, event.customer)
            refused = any(isinstance(one, Refused) for one in actions)
            arrived_us, until_us = (0, -1) if refused else self._places.pop(who, (0, -1))
            if until_us < self.now_us:
                arrived_us = self.now_us
            if not refused:
                arrived_us = min(arrived_us, self.ledger.waiters.overtaken(*who, actions))
            assert [one.arrived_us for one in regained] == [arrived_us] * (
                not refused and arrived_us != self.now_us
            )
        for asked, arrived_us in left:
            span_us = spans_us[asked.queue]
            if span_us is not None and asked.customer:
                who = (asked.queue, asked.channel, asked.customer)
                self._places[who] = (arrived_us, self.now_us + span_us)
        if isinstance(event, Batch):
            self._places = {
                (one.queue, one.channel, one.customer): (one.place.arrived_us, one.place.until_us)
                for one in self.router.snapshot().places
            }

    def _check_acknowledged(self, event: Event, actions: Sequence[Action]) -> None:
        """Who wrote is told once that it came, unless it came too late, and when he will hear."""
        queues = {queue.name: queue for queue in self.settings.queues}
        refused = {one.position for one in actions if isinstance(one, Refused)}
        late = Counter(
            one.contact_id
            for one in actions
            if isinstance(one, CloseContact) and one.outcome is ContactOutcome.EXPIRED
        )
        # A place is regained right before the arrival is acknowledged.
        regained = {one.contact_id: one.arrived_us for one in actions if type(one) is RegainPlace}
        since = iter(
            regained.pop(one.contact_id, self.now_us)
            for one in actions
            if isinstance(one, Acknowledge)
        )
        wanted = []
        event = entered(event, actions)
        for position, one in enumerate(event.events if isinstance(event, Batch) else (event,)):
            if not isinstance(one, ContactArrived) or position in refused:
                continue
            queue = queues[one.queue]
            channel = queue.channels[one.channel]
            late[one.contact_id] -= 1
            if not channel.acknowledge or late[one.contact_id] >= 0:
                continue
            due_us, since_us = one.promised_us, next(since)
            if due_us is None and queue.promise_us is not None:
                due_us = self.naive.due_us(queue.name, since_us, queue.promise_us)
            if due_us is None:
                runs = queue.clock is QueueClock.ELAPSED
                if runs and self.naive.is_closed(queue.name, self.now_us):
                    since_us = self.naive.turns_us(queue.name, self.now_us, opens=True)
                due_us = self.naive.due_us(queue.name, since_us, channel.objective_us)
            expected_s = ceil(Fraction(due_us - self.now_us, SECOND_US))
            wanted.append((one.contact_id, max(0, expected_s)))
        told = [one for one in actions if isinstance(one, Acknowledge)]
        assert [(one.contact_id, one.expected_s) for one in told] == wanted
        assert len({one.reference for one in told}) == len({one.contact_id for one in told})

    def _refused_members_leave_no_trace(self, batch: Batch, stood: Snapshot) -> None:
        """Step a batch without its refused members on a router that stands where ours did."""
        refused = {action.position for action in self.actions if isinstance(action, Refused)}
        if not refused:
            return
        bystander = Router.restore(self.settings, stood)
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
            if offer.slot not in _ASIDE
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
        since_us = {
            one.leg_id: one.arrived_us for one in self.actions if isinstance(one, RegainPlace)
        }
        for arrival, order in zip(unnamed, orders, strict=True):
            rule = self.naive.rule_for(arrival, self.now_us)
            assert (order.contact_id, order.rule) == (arrival.contact_id, rule.name)
            assert order.queue == rule.queue
            own = arrival.priority
            assert order.priority == (rule.priority if own is None else own)
            promised_us = arrival.promised_us
            if promised_us is None and rule.promise_us is not None:
                came_us = since_us.get(order.leg_id, self.now_us)
                promised_us = self.naive.due_us(rule.queue, came_us, rule.promise_us)
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
        assert {offer.leg_id for offer in router.offers.values()} == {
            leg.leg_id for leg in router.legs.values() if leg.state not in UNHELD
        }
        for number, leg in router.legs.items():
            assert leg.leg_id == number
            assert LEG_TABLE[leg.state]
            assert (leg.state in UNHELD) == (leg.offer_id == 0)

    def a_leg_rings_at_no_more_than_its_number_and_one_agent_has_it(self) -> None:
        router = self.router
        rings: dict[int, dict[int, str]] = {}
        for number, offer in router.offers.items():
            rings.setdefault(offer.leg_id, {})[number] = router.agents[offer.agent].agent_id
        assert self.ledger.holds == rings
        channels = {
            (queue.name, name): channel
            for queue in self.settings.queues
            for name, channel in queue.channels.items()
        }
        for leg in router.legs.values():
            held = rings.get(leg.leg_id, {})
            assert leg.offers() == tuple(held)
            assert len(set(held.values())) == len(held), "to different agents"
            offers = [router.offers[number] for number in held]
            if leg.state is LegState.OFFERED:
                most = channels[leg.klass.queue.name, leg.klass.channel].parallel_offers
                assert 1 <= len(offers) <= most
                assert {offer.state for offer in offers} == {OfferState.PENDING}
                assert len({offer.until_us for offer in offers}) == 1
            elif leg.state not in UNHELD:
                assert [offer.state for offer in offers] == [OfferState.ACCEPTED]

    def further_offers_come_when_all_is_at_rest(self) -> None:
        """After the first offer of every leg of the step, leg by leg, and never interrupting."""
        offers = [one for one in self.actions if isinstance(one, OfferContact)]
        legs = [one.leg_id for one in offers]
        first = list(dict.fromkeys(legs))
        if self.settings.headrooms and legs[: len(first)] != first:
            return  # Whom a further offer keeps from calls may take what he was kept free from.
        assert legs[: len(first)] == first
        further = legs[len(first) :]
        assert further == sorted(further, key=first.index)
        # An offer in an agent's hands keeps him from being interrupted.
        ringing = {one.agent_id for one in offers[len(first) :]}
        for action in self.actions[self.actions.index(offers[len(first)]) :] if further else ():
            assert not (isinstance(action, InterruptLeg) and action.agent_id in ringing)

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
            assert (offer.slot == SlotState.PARKED) == (offer.offer_id in self.ledger.parked)
            if offer.slot not in _ASIDE:
                assert offer.slot == expected[router.legs[offer.leg_id].state]

    def nothing_stays_aside_for_nothing(self) -> None:
        for agent in self.router.agents:
            slots = {offer.slot for offer in agent.offers.values()}
            assert slots - {SlotState.PARKED} != {SlotState.INTERRUPTED}

    def what_was_aside_comes_back_when_another_slot_frees(self) -> None:
        freed = {
            agent_id
            for number, agent_id in self._working.items()
            if number not in self.router.offers or number in self.ledger.parked
        }
        for action in self.actions:
            if isinstance(action, ResumeLeg):
                assert self.ledger.offers[action.offer_id - 1].agent_id in freed

    def everybody_is_as_he_was_told_to_be(self) -> None:
        for agent, wanted in zip(self.router.agents, self.ledger.staff, strict=True):
            told = msgspec.structs.replace(
                wanted, group="", shift=None, wrap_up_mode=WrapUpMode.TIMED
            )
            assert who(agent) == told
            assert agent.index in agent.kind.members
        kinds = {agent.kind for agent in self.router.agents}
        assert kinds == set(self.router._floor.kinds.known.values())
        assert len({kind.number for kind in kinds}) == len(kinds)
        for kind in kinds:
            members = [agent for agent in self.router.agents if agent.kind is kind]
            assert [agent.index for agent in members] == kind.members
            inside = [one for one in members if one.availability is not Availability.LOGGED_OUT]
            assert len(inside) == kind.present

    def nothing_rings_at_whom_it_may_not_be_offered(self) -> None:
        for offer in self.router.offers.values():
            if offer.state is OfferState.PENDING:
                leg, agent = self.router.legs[offer.leg_id], self.router.agents[offer.agent]
                assert eligible(leg.klass, agent.kind)

    def everybody_takes_what_his_slots_allow(self) -> None:
        capacities = {one.name: one for one in self.settings.capacities}
        for agent, settings in zip(self.router.agents, self.ledger.staff, strict=True):
            assert tuple(agent.takes()) == takes_of(agent, capacities[settings.capacity])

    def whoever_is_not_on_shift_is_offered_nothing(self) -> None:
        for agent in self.router.agents:
            wanted = self.naive.off_shift_until_us(agent, self.now_us)
            assert (agent.off_shift_until_us, agent.shift_changes_us) == wanted
        for offer in self.actions:
            if isinstance(offer, OfferContact):
                assert not self.router.agent(offer.agent_id).off_shift_until_us

    def nobody_is_over_capacity(self) -> None:
        """Nor is anybody given more who was left with less of it: the slots that he has end."""
        capacities = {one.name: one for one in self.settings.capacities}
        given: dict[str, set[Channel]] = defaultdict(set)
        for one in self.actions:
            if isinstance(one, OfferContact):
                given[one.agent_id].add(one.channel)
        for agent, settings in zip(self.router.agents, self.ledger.staff, strict=True):
            capacity = capacities[settings.capacity]
            assert agent.is_idle == (not in_hand(agent))
            if settings.agent_id in self.ledger.changed - given.keys():
                continue
            in_use = [
                CHANNELS[offer.channel]
                for offer in agent.offers.values()
                if offer.slot not in _ASIDE
            ]
            assert sum(carried(capacity, one).cost for one in in_use) <= capacity.total
            for channel, count in Counter(in_use).items():
                if settings.agent_id not in self.ledger.changed or channel in given[agent.agent_id]:
                    assert count <= capacity.channels[channel].slots

    def at_rest_nobody_may_take_what_waits(self) -> None:
        able = [agent for agent in self.router.agents if any(agent.takes())]
        for leg in self.router.legs.values():
            if leg.state is LegState.QUEUED:
                assert not any(may_take(leg, agent) for agent in able)

    def the_counters_count_who_waits_and_who_can_take_calls(self) -> None:
        router = self.router
        lines: dict[tuple[str, Channel], set[int]] = {}
        for leg in router.legs.values():
            if leg.state is LegState.QUEUED:
                lines.setdefault((leg.klass.queue.name, leg.klass.channel), set()).add(leg.leg_id)
        for leg in router.legs.values():
            if leg.klass.backlog is not None:
                place = (leg.klass.queue.name, leg.klass.channel)
                assert leg.klass.backlog.legs == lines.get(place, set())
            if (door := leg.klass.door) is not None:
                doors = [one for one in router.legs.values() if one.klass.door is door]
                waiting = [one.leg_id for one in doors if one.state is LegState.QUEUED]
                assert door.legs == set(waiting)
            if (gate := leg.klass.gate) is not None:
                assert gate.fresh == 0
                gates = [one for one in router.legs.values() if one.klass.gate is gate]
                assert gate.legs == {one.leg_id for one in gates if one.state is LegState.QUEUED}
        headrooms = router._floor.gauges.headrooms
        for headroom, one in zip(headrooms, self.settings.headrooms, strict=True):
            pool = [
                agent
                for agent, is_now in zip(router.agents, self.ledger.staff, strict=True)
                if self.naive.answers(is_now, one.queue)
            ]
            assert pool == [agent for agent in router.agents if headroom in agent.headrooms]
            assert headroom.pool == sum(1 << agent.index for agent in pool)
            assert headroom.able == {agent.index for agent in pool if agent.takes()[0]}

    def every_lease_has_a_deadline_and_every_block_ends(self) -> None:
        router = self.router
        ends_us = [agent.back_off_until_us for agent in router.agents if agent.back_off_until_us]
        ends_us += [agent.gap_until_us for agent in router.agents if agent.gap_until_us]
        shifts = [self.naive.off_shift_until_us(agent, self.now_us) for agent in router.agents]
        ends_us += [changes_us for _, changes_us in shifts if changes_us]
        for leg in router.legs.values():
            ends_us += [at for at in (leg.excluded or {}).values() if at != WHILE_PARTY_US]
            if leg.state is LegState.QUEUED:
                its_us = (leg.widens_us, leg.expires_us, leg.overflows_us, leg.treats_us)
                ends_us += [at_us for at_us in its_us if at_us]
                rules = leg.klass.channel_settings.overflow
                leaves = any(Condition.CLOSED in rule.leaving for rule in rules)
                if leaves and not leg.stays:
                    queue = leg.klass.queue.name
                    ends_us.append(self.naive.turns_us(queue, self.now_us, opens=False))
            if leg.state is LegState.SCHEDULED:
                ends_us.append(leg.due_us)
            if leg.kept_for >= 0:
                ends_us.append(leg.kept_until_us)
        for offer in router.offers.values():
            leg = router.legs[offer.leg_id]
            talking = leg.state in {LegState.CONNECTED, LegState.HELD}
            if talking:
                assert offer.until_us == 0
            else:
                ends_us.append(offer.until_us)
        closed = {
            leg.klass.queue.name
            for leg in router.legs.values()
            if leg.state is LegState.QUEUED
            and self.naive.is_closed(leg.klass.queue.name, self.now_us)
        }
        ends_us += [self.naive.turns_us(queue, self.now_us, opens=True) for queue in closed]
        ends_us = [at_us for at_us in ends_us if at_us < NEVER_US]
        assert router.next_wakeup_us() == min(ends_us, default=None)

    def a_leg_is_as_wide_as_it_has_waited(self) -> None:
        """Worked out from the settings and the time alone; stages due now may come with a tick."""
        queues = {queue.name: queue for queue in self.settings.queues}
        profiles = {one.name: one for one in self.settings.profiles}
        for leg in self.router.legs.values():
            if leg.state is not LegState.QUEUED:
                continue
            queue, step = queues[leg.klass.queue.name], leg.klass.step
            waited_us = self.naive.counted_us(queue.name, leg.arrived_us, self.now_us)
            assert step >= sum(one.after_us < waited_us for one in queue.steps)
            for one in queue.steps[:step]:
                assert one.if_nobody or one.after_us <= waited_us
            for agent, settings in zip(self.router.agents, self.ledger.staff, strict=True):
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

    def whoever_waits_too_long_expires_then_and_nobody_else(self) -> None:
        """Who came in a batch may have come twice, the first time to expire at once."""
        for leg in self.router.legs.values():
            expires_us = self.ledger.expires_us[leg.contact_id]
            if leg.stays or (leg.promised and self.ledger.expires_of[leg.contact_id] is None):
                expires_us = NEVER_US
            assert leg.expires_us == (0 if expires_us == NEVER_US else expires_us)
            if leg.state is LegState.QUEUED:
                assert expires_us >= self.now_us
                assert expires_us > self.now_us or self.router.next_wakeup_us() == self.now_us
        for action in self.actions:
            if isinstance(action, CloseContact) and action.outcome is ContactOutcome.EXPIRED:
                is_inside = action.contact_id in self.router.contacts
                assert is_inside or self.ledger.expires_us[action.contact_id] <= self.now_us

    def whoever_was_given_a_priority_has_it(self) -> None:
        for leg in self.router.legs.values():
            if leg.state <= LegState.CONNECTING and leg.contact_id in self.ledger.priorities:
                assert leg.asked.priority == self.ledger.priorities[leg.contact_id]

    def a_wrap_up_ends_with_what_its_queue_requires(self) -> None:
        required = {one.name for one in self.settings.queues if one.disposition_required}
        disposed = {one.name for one in self.settings.queues if one.dispositions}
        filed = {one.offer_id: one for one in self.actions if isinstance(one, FileDisposition)}
        for number in filed:
            assert self.ledger.offers[number - 1].queue in disposed
        if isinstance(self.event, WrapUpEnded) and self.event.offer_id in filed:
            is_required = self.ledger.offers[self.event.offer_id - 1].queue in required
            assert filed[self.event.offer_id].disposition or not is_required

    def no_offer_outlives_its_agents_session(self) -> None:
        for agent in self.router.agents:
            if in_hand(agent):
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
            open_us = self.ledger.rang_us.get(agent.agent_id, -(2**60)) + gap_us
            assert not (gap_us and open_us > self.now_us) or agent.gap_until_us == open_us
        for action in self.actions:
            if isinstance(action, OfferContact):
                before_us = self.ledger.rang_before_us[action.offer_id]
                assert self.now_us - before_us >= gap_us

    def whose_offer_fails_is_treated_by_the_rule(self) -> None:
        self.ledger.failing.check(self.router, self.event, self.actions, self.now_us)

    def misses_in_a_row_are_counted(self) -> None:
        rona = self.settings.rona
        for agent in self.router.agents:
            missed = self.ledger.missed[agent.agent_id]
            assert agent.missed == (
                missed if rona.then is AfterMiss.STAY_READY else missed % rona.after
            )

    def every_agent_knows_when_he_was_last_given_something(self) -> None:
        """Of what was rescinded he knows nothing, while he has something to be compared by."""
        for agent in self.router.agents:
            given = self.ledger.given[agent.agent_id]
            if agent.offers:
                assert agent.last_given_us == max(given.values())

    def a_rescinded_offer_costs_nothing(self) -> None:
        """Its leg was taken by another, and its agent is as he was. In a batch more may happen."""
        if isinstance(self.event, Batch):
            return
        for action in self.actions:
            if isinstance(action, WithdrawOffer) and action.outcome is OfferOutcome.RESCINDED:
                assert isinstance(self.event, OfferAccepted | LegConnected)
                taken, offer = (
                    self.ledger.offers[number - 1]
                    for number in (self.event.offer_id, action.offer_id)
                )
                assert taken.leg_id == offer.leg_id
                assert taken.agent_id != offer.agent_id
                agent = self.router.agent(action.agent_id)
                assert self._standing(agent) == self._stood[action.agent_id]

    @staticmethod
    def _standing(agent: Agent) -> tuple[object, ...]:
        """Return what an offer in vain must not change of an agent."""
        return agent.idle_since_us, agent.missed, agent.back_off_until_us, dict(agent.excluded_from)

    def nobody_is_overtaken(self) -> None:
        """Of what an agent could take beside an offer, nothing was before it in his order.

        Of the same channel, so that his capacity spoke alike of both. Whoever is still QUEUED was
        so when the offer was made.
        """
        router, naive = self.router, self.naive
        waiting = [leg for leg in router.legs.values() if leg.state is LegState.QUEUED]
        first: dict[int, OfferContact] = {}  # Further offers are made when all is at rest.
        for one in self.actions:
            if isinstance(one, OfferContact):
                first.setdefault(one.leg_id, one)
        offers = list(first.values())
        for position, offer in enumerate(offers):
            # Who was offered something later in this step still waited then.
            later = [router.legs[one.leg_id] for one in offers[position:]]
            now = moment(self.now_us, waiting + later)
            lines = Counter((one.klass.queue.name, one.klass.channel) for one in waiting + later)
            leg, agent = router.legs[offer.leg_id], router.agent(offer.agent_id)
            reserve = naive.in_reserve(agent, lines)
            passed = [
                other
                for other in waiting
                if other.klass.channel is leg.klass.channel
                and eligible(other.klass, agent.kind)
                and not delayed(other.klass, agent.kind)
                and not (other.excluded and agent.index in other.excluded)
                and not kept_from(other, agent)
                and (other.klass.queue.name, other.klass.channel) not in reserve
                and not naive.is_closed(other.klass.queue.name, self.now_us)
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
        at = other.klass.queue.name
        still_us = waited_us - self.naive.counted_us(at, other.arrived_us, self.now_us)
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
                promise_us = other.klass.queue.promise_us or 0
                promised_us = self.naive.due_us(at, other.arrived_us, promise_us)
                still_us = promised_us - other.arrived_us - promise_us
                return max(promises) - min(promises) + still_us
            case Urgency.WAIT_OVER_OBJECTIVE | Urgency.GENERALIZED_C_MU:
                return waited_us * (1 - least / most) + still_us
            case Urgency.AGEING:
                if not least or any(queue.ageing_cap is not None for queue in queues):
                    return self.now_us
                ahead = max(self.naive.priority(leg) - self.naive.priority(other), 0)
                ahead_us = ahead * 3_600 * SECOND_US / least
                return ahead_us + waited_us * (1 - least / most) + still_us
            case Urgency.STRICT_PRIORITY | Urgency.C_MU | Urgency.QUEUE_RATIO:
                return self.now_us

    def contacts_are_kept_for_whom_the_rule_says(self) -> None:
        self.ledger.keeping.check(self.router, self.event, self.actions, self.now_us)

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
        legs = self.router.legs.values()
        waiters = self.ledger.waiters
        answered = self.ledger.closed[ContactOutcome.HANDLED] + sum(map(is_handled, legs))
        answered -= waiters.reached_in_all
        waiting = sum(
            not is_handled(leg) and self.router.contacts[leg.contact_id].callback is None
            for leg in legs
        )
        whole = [row.total for row in rows]
        offered: Counter[str] = Counter()
        for row in rows:
            offered[row.queue] += row.total.offered
        assert +offered == self.ledger.offered
        assert sum(one.answered for one in whole) == answered
        assert sum(one.abandoned for one in whole) == self.ledger.closed[ContactOutcome.ABANDONED]
        assert sum(one.overflowed for one in whole) == self.ledger.closed[ContactOutcome.OVERFLOWED]
        assert sum(one.rejected for one in whole) == self.ledger.closed[ContactOutcome.REJECTED]
        assert sum(one.other_exits for one in whole) == sum(
            count for outcome, count in self.ledger.closed.items() if outcome not in _COUNTED_APART
        )
        filed: Counter[tuple[str, str]] = Counter()
        for row in rows:
            for told, count in row.dispositions.items():
                filed[row.queue, "" if told == "none" else told] += count
        assert +filed == self.ledger.filed
        assert sum(one.waiting for one in whole) == waiting
        assert sum(one.callbacks for one in whole) == waiters.in_all
        assert sum(one.callbacks_reached for one in whole) == waiters.reached_in_all
        assert sum(one.handled for one in whole) == self.ledger.closed[ContactOutcome.HANDLED]
        assert sum(one.offers.made for one in whole) == len(self.ledger.offers)
        assert sum(one.offers.rescinded for one in whole) == self.ledger.rescinded


INVARIANTS: Final[tuple[Callable[[World], None], ...]] = (
    World.the_three_routers_keep_the_same_state,
    World.whoever_names_no_queue_enters_as_his_rule_says,
    World.every_contact_inside_is_open_and_ends_once,
    World.every_leg_is_in_exactly_one_place,
    World.a_leg_rings_at_no_more_than_its_number_and_one_agent_has_it,
    World.further_offers_come_when_all_is_at_rest,
    World.every_slot_is_an_offer_and_says_what_its_leg_does,
    World.nothing_stays_aside_for_nothing,
    World.what_was_aside_comes_back_when_another_slot_frees,
    World.everybody_is_as_he_was_told_to_be,
    World.nothing_rings_at_whom_it_may_not_be_offered,
    World.everybody_takes_what_his_slots_allow,
    World.whoever_is_not_on_shift_is_offered_nothing,
    World.nobody_is_over_capacity,
    World.at_rest_nobody_may_take_what_waits,
    World.the_counters_count_who_waits_and_who_can_take_calls,
    World.every_lease_has_a_deadline_and_every_block_ends,
    World.a_leg_is_as_wide_as_it_has_waited,
    World.whoever_waits_too_long_expires_then_and_nobody_else,
    World.whoever_was_given_a_priority_has_it,
    World.a_wrap_up_ends_with_what_its_queue_requires,
    World.no_offer_outlives_its_agents_session,
    World.a_change_of_an_agent_is_said,
    World.nobody_gets_at_once_what_he_failed_to_take,
    World.offers_to_one_agent_keep_their_distance,
    World.whose_offer_fails_is_treated_by_the_rule,
    World.misses_in_a_row_are_counted,
    World.every_agent_knows_when_he_was_last_given_something,
    World.a_rescinded_offer_costs_nothing,
    World.nobody_is_overtaken,
    World.contacts_are_kept_for_whom_the_rule_says,
    World.performance_is_what_the_agents_did,
    World.occupancy_is_what_the_agents_did,
    *PARTIES,
    estimates_rest_on_who_is_ahead_and_at_work,
    *WAITERS,
)

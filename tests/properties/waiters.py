"""Who waits on the line and what he hears, and who is called back: the rules once more.

docs/routing/treatments.md and docs/routing/callbacks.md as invariants, from settings, events and
actions; and the domains and events by which the worlds try them. What the ledger of a world notes
is here: who is called back, how often in vain, and what each leg was played last.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from acd.actions import (
    Action,
    AnnounceWait,
    CallbackDue,
    CloseContact,
    CloseLeg,
    ConnectLeg,
    DialCustomer,
    GrantCallback,
    OfferContact,
    PlayTreatment,
    PostponeCallback,
    Refused,
)
from acd.contacts import Leg, LegState, Presence
from acd.events import (
    Batch,
    CallbackFailed,
    CallbackRequested,
    CallbackScheduled,
    ContactArrived,
    CustomerPressed,
    Event,
    SingleEvent,
)
from acd.ids import CallbackFailure, Channel, ContactOutcome, Play, Reason
from acd.router import Router
from acd.settings import SECOND_US, DomainSettings, QueueSettings
from acd.waiting_settings import CallbackSettings, Treatment

if TYPE_CHECKING:
    from tests.properties.rude_switch import Inside
    from tests.properties.world import World
else:
    Inside = World = Any

HEARD: Final = {Channel.VOICE: tuple(Play), Channel.CHAT: (Play.MESSAGE,)}


class Waiters:
    """Who is called back, how often in vain, and what each leg heard last."""

    def __init__(self, settings: DomainSettings) -> None:
        self._queues = {queue.name: queue for queue in settings.queues}
        self.called: set[str] = set()
        """The contacts that are to be called back, be it later."""
        self._unlisted: set[str] = set()
        """Those of them whose first instant has not come."""
        self.vain: Counter[str] = Counter()
        """How often each was called in vain."""
        self.in_all = 0
        """How many left the line to be called back, or fell due first."""
        self.reached_in_all = 0
        self.began_us: dict[int, int] = {}
        """By leg: the step in which it was first seen."""
        self.excused_us: dict[int, int] = {}
        """By leg: the last step after which its customer did not wait on the line."""
        self.heard_us: dict[tuple[int, int], int] = defaultdict(lambda: -(2**60))
        """By leg and position of the treatment: when it was played last."""
        self.came_us: dict[int, int] = {}
        """By leg: the instant of its place."""
        self._line: dict[tuple[str, str], tuple[str, int]] = {}
        """Who is called back by queue and customer, before the last step: contact and arrival."""
        self._booked: Counter[tuple[str, int]] = Counter()
        self._doubles: set[tuple[str, str]] = set()
        self._ids: set[str] = set()

    def look(self, router: Router, event: Event, now_us: int) -> None:
        """Take note of who is called back, before a step."""
        del event, now_us
        self._line.clear()
        self._booked.clear()
        self._ids = set(router.contacts)
        for contact in router.contacts.values():
            if contact.callback is not None:
                leg = the_leg(router, contact.legs)
                customer = contact.arrival.customer
                if customer:
                    who = (contact.callback.queue, customer)
                    self._line[who] = (leg.contact_id, leg.arrived_us)
                rule = self._queues[contact.callback.queue].callbacks
                if contact.callback.booked_us and rule is not None:
                    slot = contact.callback.booked_us // rule.interval_us
                    self._booked[contact.callback.queue, slot] += 1

    def overtaken(
        self, queue: str, channel: Channel, customer: str, actions: Sequence[Action]
    ) -> int:
        """Return from when one waited whose callback is over since he calls; never if none did."""
        contact_id, arrived_us = self._line.get((queue, customer), ("", 2**60))
        closed = [one for one in actions if isinstance(one, CloseContact | CloseLeg)]
        if channel is not Channel.VOICE or not any(
            one.contact_id == contact_id and one.outcome is ContactOutcome.CANCELED
            for one in closed
        ):
            return 2**60
        return arrived_us

    def is_refused(self, event: CallbackScheduled, router: Router, closed: bool) -> set[Reason]:
        """Return why a callback is not agreed, of what hangs on its time; of several any."""
        rule = self._queues[event.queue].callbacks
        if rule is None or rule.slots is None:
            return {Reason.NO_CALLBACK}
        found = set()
        if event.at_us < router.now_us:
            found.add(Reason.IN_THE_PAST)
        if event.at_us > router.now_us + rule.ahead_us:
            found.add(Reason.TOO_FAR_AHEAD)
        if closed:
            found.add(Reason.CLOSED_THEN)
        if self._booked[event.queue, event.at_us // rule.interval_us] >= rule.slots:
            found.add(Reason.SLOT_FULL)
        if (event.queue, event.customer) in self._line:
            found.add(Reason.CALLBACK_EXISTS)
        return found

    # What happens.

    def arrived(self, event: ContactArrived, now_us: int) -> None:
        del now_us
        self.vain.pop(event.contact_id, None)

    def scheduled(self, event: CallbackScheduled) -> None:
        self.vain.pop(event.contact_id, None)
        self.called.add(event.contact_id)
        self._unlisted.add(event.contact_id)

    def granted(self, action: GrantCallback) -> None:
        assert action.contact_id not in self.called
        self.called.add(action.contact_id)
        self.in_all += 1

    def due(self, action: CallbackDue) -> None:
        assert action.contact_id in self.called
        assert (action.contact_id in self._unlisted) == (not action.attempts)
        if not action.attempts:
            self._unlisted.remove(action.contact_id)
            self.in_all += 1

    def reached(self, contact_id: str) -> None:
        if contact_id in self.called:
            self.called.remove(contact_id)
            self.reached_in_all += 1

    def closed(self, action: CloseContact | CloseLeg) -> bool:
        """Return whether what closes was to be called back, and so is counted already."""
        if action.contact_id not in self.called or action.outcome is ContactOutcome.HANDLED:
            assert action.outcome is not ContactOutcome.FAILED
            return False
        assert action.outcome in {ContactOutcome.CANCELED, ContactOutcome.FAILED}
        self.called.remove(action.contact_id)
        self._unlisted.discard(action.contact_id)
        return True


def the_leg(router: Router, legs: Sequence[int]) -> Leg:
    """Return the leg of a contact that is not handled yet."""
    (leg,) = (one for number in legs if (one := router.legs[number]).state in _OPEN)
    return leg


_OPEN: Final = (LegState.QUEUED, LegState.OFFERED, LegState.CONNECTING, LegState.SCHEDULED)


# The invariants.


def who_is_called_back_has_left_the_line(world: World) -> None:
    called = {one for one, each in world.router.contacts.items() if each.callback is not None}
    assert called == world.ledger.waiters.called
    for leg in world.router.legs.values():
        contact = world.router.contacts[leg.contact_id]
        if leg.state is LegState.SCHEDULED:
            assert contact.callback is not None
            assert leg.due_us >= world.now_us
        else:
            assert not leg.due_us
        if contact.callback is not None and leg.state in _OPEN:
            assert not leg.treats_us
            assert leg.klass.channel is Channel.VOICE


def a_place_is_kept(world: World) -> None:
    """From when a leg waits never changes, through virtual hold and all attempts."""
    came_us = world.ledger.waiters.came_us
    for number, leg in world.router.legs.items():
        assert came_us.setdefault(number, leg.arrived_us) == leg.arrived_us


def attempts_are_as_many_as_the_queue_says(world: World) -> None:
    if not world.is_seen_whole:
        return
    waiters = world.ledger.waiters
    queues = {queue.name: queue for queue in world.settings.queues}
    for action in world.actions:
        if isinstance(action, PostponeCallback):
            waiters.vain[action.contact_id] += 1
            assert action.attempts == waiters.vain[action.contact_id]
            contact = world.router.contacts.get(action.contact_id)
            if contact is not None and contact.callback is not None:
                rule = queues[contact.callback.queue].callbacks
                assert rule is not None
                assert action.attempts < rule.attempts
                assert action.due_us == world.now_us + rule.retry_us
        elif isinstance(action, CloseContact) and action.outcome is ContactOutcome.FAILED:
            most = {one.callbacks.attempts for one in queues.values() if one.callbacks is not None}
            assert waiters.vain[action.contact_id] + 1 in most


def a_customer_who_is_called_back_is_dialled(world: World) -> None:
    for action in world.actions:
        if isinstance(action, ConnectLeg | DialCustomer) and not isinstance(world.event, Batch):
            is_called = world.router.contacts[action.contact_id].callback is not None
            assert is_called == isinstance(action, DialCustomer)


def nobody_is_called_before_his_time(world: World) -> None:
    for action in world.actions:
        if isinstance(action, OfferContact):
            assert not world.router.legs[action.leg_id].due_us
        if isinstance(action, CallbackDue) and not action.attempts:
            leg = world.router.legs.get(action.leg_id)
            assert leg is None or leg.arrived_us <= world.now_us


def slots_and_customers_are_counted(world: World) -> None:
    floor = world.router._floor
    booked: Counter[tuple[str, int]] = Counter()
    customers = {}
    for contact_id, contact in world.router.contacts.items():
        if contact.callback is None:
            continue
        queue = contact.callback.queue
        if contact.arrival.customer:
            assert (queue, contact.arrival.customer) not in customers
            customers[queue, contact.arrival.customer] = contact_id
        if contact.callback.booked_us:
            rule = floor.callbacks.rules[queue]
            assert rule.slots is not None
            slot = (queue, contact.callback.booked_us // rule.interval_us)
            booked[slot] += 1
            assert booked[slot] <= rule.slots
    assert floor.callbacks.booked == booked
    assert floor.callbacks.of_customer == customers


def a_time_is_agreed_by_the_rule(world: World) -> None:
    """Told alone, so that the slots were as they are known to have been."""
    event = world.event
    if not isinstance(event, CallbackScheduled) or event.queue not in _names(world.settings):
        return
    refused = [one.reason for one in world.actions if isinstance(one, Refused)]
    closed = world.naive.is_closed(event.queue, event.at_us)
    wanted = world.ledger.waiters.is_refused(event, world.router, closed)
    if not refused:
        assert not wanted
    elif refused[0] in _OF_TIME:
        assert refused[0] in wanted


_OF_TIME: Final = (
    Reason.NO_CALLBACK,
    Reason.IN_THE_PAST,
    Reason.TOO_FAR_AHEAD,
    Reason.CLOSED_THEN,
    Reason.SLOT_FULL,
    Reason.CALLBACK_EXISTS,
)


def _names(settings: DomainSettings) -> set[str]:
    return {queue.name for queue in settings.queues}


def treatments_are_heard_at_their_instants(world: World) -> None:
    """Each once, by whoever waits on the line, and by nobody else; nothing stays owed.

    But a wait that nobody knows is not told.
    """
    if not world.is_seen_whole:
        return
    waiters = world.ledger.waiters
    queues = {queue.name: queue for queue in world.settings.queues}
    for leg in world.router.legs.values():
        waiters.began_us.setdefault(leg.leg_id, world.now_us)
    played = [one for one in world.actions if isinstance(one, PlayTreatment)]
    for action in played:
        leg = world.router.legs[action.leg_id]
        assert leg.state is LegState.QUEUED, "nothing is heard while it rings"
        assert is_on_the_line(world, leg)
        queue = queues[leg.klass.queue.name]
        at = next(
            at
            for at, one in enumerate(queue.treatments)
            if (one.play, one.message, one.key) == (action.play, action.message, action.key)
            and waiters.heard_us[leg.leg_id, at] < world.now_us
        )
        one = queue.treatments[at]
        assert one.play in HEARD[leg.klass.channel]
        since_us = max(waiters.heard_us[leg.leg_id, at] + 1, waiters.began_us[leg.leg_id])
        assert last_due(one, leg, world.now_us) >= since_us
        waiters.heard_us[leg.leg_id, at] = world.now_us
        assert action.place == (place_of(world, leg) if action.play is Play.ANNOUNCE_PLACE else 0)
        if action.play is Play.ANNOUNCE_WAIT:
            before = world.actions[world.actions.index(action) - 1]
            assert isinstance(before, AnnounceWait)
            assert (before.leg_id, before.wait_us) == (action.leg_id, action.wait_us)
        else:
            assert not action.wait_us
    for leg in world.router.legs.values():
        if not is_on_the_line(world, leg):
            waiters.excused_us[leg.leg_id] = world.now_us
        elif leg.state is LegState.QUEUED and leg.klass.channel in HEARD:
            for at, one in enumerate(queues[leg.klass.queue.name].treatments):
                since_us = max(
                    waiters.began_us[leg.leg_id], waiters.excused_us.get(leg.leg_id, -1) + 1
                )
                due_us = last_due(one, leg, world.now_us - 1)
                if one.play in HEARD[leg.klass.channel] and due_us >= since_us:
                    is_owed_now = world.router.next_wakeup_us() == world.now_us
                    is_heard = waiters.heard_us[leg.leg_id, at] >= due_us
                    assert is_heard or is_owed_now or one.play is Play.ANNOUNCE_WAIT


def is_on_the_line(world: World, leg: Leg) -> bool:
    """Return whether a customer waits in a leg, and talks with nobody meanwhile."""
    return not leg.consults and world.router.contacts[leg.contact_id].presence is Presence.WAITING


def last_due(one: Treatment, leg: Leg, now_us: int) -> int:
    """Return the last instant by now at which a treatment was due; long ago for none."""
    waited_us = now_us - leg.arrived_us
    if waited_us < one.after_us:
        return -(2**60)
    if one.every_us is None:
        return leg.arrived_us + one.after_us
    return now_us - (waited_us - one.after_us) % one.every_us


def place_of(world: World, leg: Leg) -> int:
    """Return a leg's place among those who wait beside it, by the oracle's order."""
    from tests.properties.naive import moment  # noqa: PLC0415 - which imports us.

    waiting = [one for one in world.router.legs.values() if one.state is LegState.QUEUED]
    now = moment(world.now_us, waiting)
    line = [
        world.naive.place(one, now)
        for one in waiting
        if (one.klass.queue.name, one.klass.channel) == (leg.klass.queue.name, leg.klass.channel)
    ]
    return sorted(line).index(world.naive.place(leg, now)) + 1


WAITERS: Final[tuple[Callable[[World], None], ...]] = (
    who_is_called_back_has_left_the_line,
    a_place_is_kept,
    attempts_are_as_many_as_the_queue_says,
    a_customer_who_is_called_back_is_dialled,
    nobody_is_called_before_his_time,
    slots_and_customers_are_counted,
    a_time_is_agreed_by_the_rule,
    treatments_are_heard_at_their_instants,
)


# Domains and events.


def with_waiting(rng: Random, settings: DomainSettings) -> DomainSettings:
    """Return a domain some of whose queues let customers hear something, or call them back."""
    return replace(settings, queues=tuple(_queue(rng, queue) for queue in settings.queues))


def with_waits_told(queue: QueueSettings) -> QueueSettings:
    """Return a queue that tells callers how long they wait, if it tells them their place."""
    told = tuple(
        replace(one, play=Play.ANNOUNCE_WAIT, message="minutes")
        for one in queue.treatments
        if one.play is Play.ANNOUNCE_PLACE
    )
    return replace(queue, treatments=(*told, *queue.treatments))


def _queue(rng: Random, queue: QueueSettings) -> QueueSettings:
    voice = Channel.VOICE in queue.channels
    callbacks = None
    if voice and rng.random() < 0.85:
        callbacks = CallbackSettings(
            attempts=rng.choice((1, 2, 3)),
            retry_us=rng.choice((1, 5, 20)) * SECOND_US,
            dial_us=rng.choice((1, 12)) * SECOND_US,
            slots=rng.choice((None, 1, 2, 20, 20)),
            interval_us=rng.choice((60, 240)) * SECOND_US,
            ahead_us=rng.choice((10, 300)) * SECOND_US,
        )
    treatments = [
        Treatment(
            after_us=rng.choice((0, 1, 5, 12)) * SECOND_US,
            every_us=rng.choice((None, 5 * SECOND_US, 15 * SECOND_US)),
            play=Play.MESSAGE,
            message="welcome",
        )
    ]
    if voice:
        treatments.append(
            Treatment(
                after_us=rng.choice((0, 2, 10)) * SECOND_US,
                every_us=rng.choice((None, 5 * SECOND_US, 10 * SECOND_US)),
                play=Play.ANNOUNCE_PLACE,
            )
        )
    if callbacks is not None:
        offer = Treatment(
            after_us=rng.choice((0, 3)) * SECOND_US,
            every_us=rng.choice((None, 20 * SECOND_US)),
            play=Play.OFFER_CALLBACK,
            message="press",
            key=rng.choice("15*"),
        )
        treatments.append(offer)
    if not voice and Channel.CHAT not in queue.channels:
        treatments.clear()
    chosen = rng.sample(treatments, rng.randint(0, len(treatments)))
    return replace(queue, treatments=tuple(chosen), callbacks=callbacks)


def a_wish(rng: Random, world: Inside) -> SingleEvent:
    """Return that somebody wants to be called back, or what became of a call; seldom wrong."""
    known = world.open_contacts() if rng.random() < 0.1 else world.calls_that_wait()
    contact_id = rng.choice(known) if known and rng.random() < 0.95 else "nobody"
    draw = rng.random()
    if draw < 0.25:
        return CustomerPressed(contact_id=contact_id, digit=rng.choice("115*7"))
    if draw < 0.5:
        return CallbackRequested(contact_id=contact_id)
    live = [one for one in world.live_offers() if world.state_of(one) is LegState.CONNECTING]
    if live and draw < 0.75:
        return CallbackFailed(offer_id=rng.choice(live), cause=rng.choice(tuple(CallbackFailure)))
    if draw < 0.78:
        number = rng.randint(0, world.offers_made + 1)
        return CallbackFailed(offer_id=number, cause=CallbackFailure.BUSY)
    world.contacts_sent += 1
    wrong = rng.randrange(3) if rng.random() < 0.05 else -1
    queues = world.settings.queues
    if rng.random() < 0.9:
        queues = tuple(one for one in queues if one.callbacks is not None) or queues
    return CallbackScheduled(
        contact_id=contact_id if wrong == 0 else f"contact{world.contacts_sent}",
        queue="nowhere" if wrong == 1 else rng.choice(queues).name,
        at_us=world.now_us + rng.choice((-1, 0, 1, 5, 60, 250, 400)) * SECOND_US,
        customer=rng.choice(("", "k1", "k2", "k3")),
        requirement="juggling" if wrong == 2 else rng.choice(("", "cards")),
        named_agent=rng.choice(("", world.settings.agents[0].agent_id)),
    )

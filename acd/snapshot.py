"""All that a router knows, as plain values: nothing is lost by storing it and going on later.

What can be worked out is not stored: timers follow from the deadlines in the state, lines from the
legs' keys, keys from the legs' numbers and the policy. So a snapshot outlives a changed policy.
"""

from collections.abc import Sequence
from copy import copy

from msgspec import Struct

from acd.admission import Bucket
from acd.agents import CHANNELS, NEVER_OCCUPIED_US, Agent
from acd.announcements import Announced
from acd.changes import change
from acd.classes import RefusalError
from acd.contacts import WHILE_PARTY_US, Contact, Leg, LegState, Offer
from acd.errors import ConfigError, Problem
from acd.events import ContactArrived
from acd.floor import Floor
from acd.habits import Habit
from acd.hand_overs import HandOversRecord
from acd.ids import (
    AgentId,
    Availability,
    Channel,
    ContactId,
    Device,
    OfferId,
    QueueName,
    WrapUpMode,
)
from acd.performance import Measure, Owns, QueueFigure
from acd.places import Place
from acd.queues import LegClass
from acd.settings import AgentSettings
from acd.timers import Timer

VERSION = 1


class LegRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A leg. Its class and key are worked out anew from what it asks for."""

    leg_id: int
    contact_id: ContactId
    arrived_us: int
    state: LegState
    offer_id: int = 0
    excluded: tuple[tuple[AgentId, int], ...] = ()
    """(agent, until_us) pairs."""
    step: int = 0
    """Routing steps behind it, and …"""
    opened: int = 0
    """… delays of its queue and channel."""
    kept_for: AgentId = ""
    kept_until_us: int = 0
    has_team: bool = False
    """Whether it is kept for its account team."""
    consults: int = 0
    asked: ContactArrived | None = None
    """What it asks for, where that is not the contact's arrival."""
    further: tuple[int, ...] = ()
    expires_us: int = 0
    announced: Announced | None = None
    stays: bool = False
    overflows_us: int = 0
    treated_us: int = 0
    offered: bool = False
    due_us: int = 0
    promised: bool = False


class OfferRecord(Struct, frozen=True, kw_only=True):
    """An offer, with its agent by id: positions may differ in other settings."""

    agent_id: AgentId
    offer: Offer


class AgentRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What changes of an agent. His slots are among the offers."""

    agent_id: AgentId
    availability: Availability
    device: Device
    wrap_up_mode: WrapUpMode
    reason: str = ""
    after_this_one: bool = False
    idle_since_us: int = 0
    last_given_us: int = 0
    given_before_us: int = 0
    back_off_until_us: int = 0
    gap_until_us: int = 0
    off_shift_until_us: int = 0
    shift_changes_us: int = 0
    missed: int = 0
    occupied_us: int = NEVER_OCCUPIED_US
    changed: AgentSettings | None = None
    """What he is, where he was changed …"""
    configured: AgentSettings | None = None
    """… and what the settings said of him: where they say something else, that is what he is."""


class MeasureRecord(Struct, frozen=True, kw_only=True):
    """One measure of a queue: its figures, and those of its agents."""

    queue: QueueName
    measure: Measure
    samples: int
    mean: int
    yardstick: int
    agents: Owns


class RatedRecord(Struct, frozen=True, kw_only=True):
    """What was told of which legs of an agent."""

    agent_id: AgentId
    legs: tuple[tuple[OfferId, tuple[Measure, ...]], ...]


class HabitRecord(Struct, frozen=True, kw_only=True):
    """What is learned of a queue and channel."""

    queue: QueueName
    channel: Channel
    habit: Habit


class PlaceRecord(Struct, frozen=True, kw_only=True):
    """The place of a customer who left, and may come back."""

    queue: QueueName
    channel: Channel
    customer: str
    place: Place


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything; encode it with msgspec (MessagePack or JSON)."""

    version: int
    settings_digest: str
    """Of the settings under which it was taken; others may be used that have all it speaks of."""
    now_us: int
    legs_given: int
    offers_given: int
    contacts: tuple[Contact, ...]
    legs: tuple[LegRecord, ...]
    offers: tuple[OfferRecord, ...]
    agents: tuple[AgentRecord, ...]
    performance: tuple[MeasureRecord, ...] = ()
    rated: tuple[RatedRecord, ...] = ()
    turns: dict[QueueName, AgentId] = {}
    last_agents: tuple[tuple[str, AgentId, int], ...] = ()
    """(customer, who last handled him, when), served longest ago first."""
    places: tuple[PlaceRecord, ...] = ()
    habits: tuple[HabitRecord, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    hand_overs: HandOversRecord = HandOversRecord()


def take(floor: Floor, now_us: int) -> Snapshot:
    """Return everything on the floor at an instant; nothing in it changes with the floor."""
    ids = [agent.agent_id for agent in floor.agents]
    return Snapshot(
        version=VERSION,
        settings_digest=floor.settings.digest(),
        now_us=now_us,
        legs_given=floor.legs_given,
        offers_given=floor.offers_given,
        contacts=tuple(copy(contact) for contact in floor.contacts.values()),
        legs=tuple(_leg_record(leg, ids, floor) for leg in floor.legs.values()),
        offers=tuple(
            OfferRecord(agent_id=ids[offer.agent], offer=copy(offer))
            for offer in floor.offers.values()
        ),
        agents=tuple(_record(agent, floor) for agent in floor.agents),
        performance=tuple(
            MeasureRecord(
                queue=queue,
                measure=measure,
                samples=of_queue.samples,
                mean=of_queue.mean,
                yardstick=of_queue.yardstick,
                agents=owns,
            )
            for queue, measure, of_queue, owns in floor.selection.performance.all_measured()
        ),
        rated=tuple(
            RatedRecord(agent_id=agent_id, legs=tuple(legs.items()))
            for agent_id, legs in floor.selection.performance.rated()
        ),
        turns={queue: ids[index] for queue, index in floor.selection.turns.items()},
        last_agents=tuple(floor.affinity.remembered()),
        places=_places(floor),
        habits=_habits(floor),
        buckets=floor.admission.buckets(),
        hand_overs=floor.hand_overs.record(),
    )


def _places(floor: Floor) -> tuple[PlaceRecord, ...]:
    return tuple(
        PlaceRecord(queue=queue, channel=channel, customer=customer, place=place)
        for (queue, channel, customer), place in floor.places.kept.items()
    )


def _leg_record(leg: Leg, ids: Sequence[AgentId], floor: Floor) -> LegRecord:
    """Return what a snapshot says of a leg; `ids` are the agents', by their indices."""
    return LegRecord(
        leg_id=leg.leg_id,
        contact_id=leg.contact_id,
        arrived_us=leg.arrived_us,
        state=leg.state,
        offer_id=leg.offer_id,
        excluded=tuple((ids[at], until) for at, until in (leg.excluded or {}).items()),
        step=leg.klass.step,
        opened=leg.klass.opened,
        kept_for=ids[leg.kept_for] if leg.kept_for >= 0 else "",
        kept_until_us=leg.kept_until_us,
        has_team=leg.klass.team is not None,
        consults=leg.consults,
        asked=_own(leg, floor.contacts[leg.contact_id]),
        further=leg.further,
        expires_us=leg.expires_us,
        announced=leg.announced,
        stays=leg.stays,
        overflows_us=leg.overflows_us,
        treated_us=leg.treated_us,
        offered=leg.offered,
        due_us=leg.due_us,
        promised=leg.promised,
    )


def put_back(snapshot: Snapshot, floor: Floor) -> None:
    """Put everything on an empty floor.

    Raises:
        ConfigError: The snapshot is of another version or does not hold together; or the present
            settings lack an agent who is logged in, or a queue, a channel or a skill that an open
            contact asks for.
    """
    if snapshot.version != VERSION:
        raise _unfit("version", str(snapshot.version), str(VERSION))
    floor.legs_given = snapshot.legs_given
    floor.offers_given = snapshot.offers_given
    try:
        _put_agents(snapshot, floor)
        _put_deeds(snapshot, floor)
        _put_legs(snapshot, floor)
        _put_hand_overs(snapshot, floor)
        for contact in floor.contacts.values():
            for number in contact.legs:
                assert floor.legs[number].contact_id == contact.arrival.contact_id
        for leg in floor.legs.values():
            assert leg.leg_id in floor.contacts[leg.contact_id].legs
            assert not leg.consults or floor.legs[leg.consults].contact_id == leg.contact_id
            assert not leg.offer_id or floor.offers[leg.offer_id].leg_id == leg.leg_id
            assert all(floor.offers[number].leg_id == leg.leg_id for number in leg.offers())
            assert leg.state is not LegState.HANDING_OVER or floor.hand_overs.asked_for(leg)
    except (KeyError, AssertionError) as error:
        seen = f"names {error} where there is none" if error.args else "has crossed references"
        raise _unfit("references", seen, "a snapshot as it was taken") from error
    for one in snapshot.places:
        floor.places.kept[one.queue, one.channel, one.customer] = one.place
    floor.admission.put_back(snapshot.buckets)
    _rebuild(floor, snapshot.now_us)


def _put_agents(snapshot: Snapshot, floor: Floor) -> None:
    """Put the agents and their offers on the floor."""
    for record in snapshot.agents:
        agent = floor.by_id.get(record.agent_id)
        if agent is None:
            if record.availability is not Availability.LOGGED_OUT:
                wanted = "him in the settings until he is logged out"
                raise _unfit(f"agents.{record.agent_id}", "is logged in", wanted)
            continue
        if record.changed is not None and record.configured is not None:
            change(floor, agent, floor.kinds.still(agent, record.changed, record.configured))
        for name in _CHANGING:
            setattr(agent, name, getattr(record, name))
        agent.become(record.availability)
    for held in snapshot.offers:
        agent = floor.by_id[held.agent_id]
        offer = floor.offers[held.offer.offer_id] = copy(held.offer)
        offer.agent = agent.index


def _put_deeds(snapshot: Snapshot, floor: Floor) -> None:
    """Put back what agents did, as far as today's settings ask for it and still know them."""
    selection = floor.selection
    for one in snapshot.performance:
        of_queue = QueueFigure(one.samples, one.mean, one.yardstick)
        selection.performance.put_back(one.queue, one.measure, of_queue, one.agents)
    for rated in snapshot.rated:
        selection.performance.put_back_rated(rated.agent_id, rated.legs)
    agents = {agent_id: agent.index for agent_id, agent in floor.by_id.items()}
    queues = {queue.name for queue in floor.settings.queues}
    for queue, agent_id in snapshot.turns.items():
        if queue in queues and agent_id in agents and selection.takes_turns:
            selection.turns[queue] = agents[agent_id]
    if floor.wait_times is not None:
        for learned in snapshot.habits:
            floor.wait_times.habits.put_back(learned.queue, learned.channel, copy(learned.habit))
    if floor.affinity.remembers:
        for customer, agent_id, at_us in snapshot.last_agents:
            if agent_id in agents:
                floor.affinity.remember(customer, agents[agent_id], at_us)


def _put_legs(snapshot: Snapshot, floor: Floor) -> None:
    """Put the contacts and their legs on the floor, with classes and keys worked out anew."""
    classes = floor.stages.classes
    for contact in snapshot.contacts:
        ours = floor.contacts[contact.arrival.contact_id] = copy(contact)
        if ours.callback is not None:
            floor.callbacks.begin(ours, ours.callback)
    for one in snapshot.legs:
        arrival = one.asked or floor.contacts[one.contact_id].arrival
        try:
            # Today's settings may have fewer steps, or delays.
            steps, delays = classes.last_stage(arrival)
            step, opened = min(one.step, steps), min(one.opened, delays)
            klass = classes.of(arrival, step, opened, shared=not one.has_team, refuses=False)
        except RefusalError as error:
            key = f"contacts.{one.contact_id}"
            wanted = "what the settings know: keep it until this contact is closed"
            raise _unfit(key, f"{error.reason}: {error.about}", wanted) from error
        classes.join(klass)
        excluded = {
            floor.by_id[agent].index: until for agent, until in one.excluded if agent in floor.by_id
        }
        leg = floor.legs[one.leg_id] = Leg(
            one.leg_id,
            one.contact_id,
            klass,
            floor.stages.key_of(arrival, klass, one.leg_id, one.arrived_us),
            one.arrived_us,
            arrival,
            one.state,
            one.offer_id,
            excluded or None,
            consults=one.consults,
            further=one.further,
            expires_us=one.expires_us,
            announced=one.announced,
            stays=one.stays,
            overflows_us=one.overflows_us if _ends_by_time(klass) else 0,
            treated_us=one.treated_us,
            offered=one.offered,
            promised=one.promised,
        )
        if one.due_us:
            floor.callbacks.wait_until(leg, one.due_us)
        if not (one.stays or one.promised):
            leg.limits = floor.admission.limits_of(arrival)
        if one.kept_for in floor.by_id:
            agent = floor.by_id[one.kept_for]
            floor.affinity.put_back(leg, agent, one.kept_until_us, snapshot.now_us)


def _put_hand_overs(snapshot: Snapshot, floor: Floor) -> None:
    """Put back what was asked of other domains, and promised to them."""
    try:
        floor.hand_overs.put_back(snapshot.hand_overs)
    except RefusalError as error:
        wanted = "what the settings know: keep it until no contact is promised or handed over"
        raise _unfit("hand_overs", f"{error.reason}: {error.about}", wanted) from error


def _ends_by_time(klass: LegClass) -> bool:
    """Return whether today's rules of overflow let nobody stay for longer than a time."""
    return klass.gate is not None and klass.gate.max_wait_us is not None


def _rebuild(floor: Floor, now_us: int) -> None:
    """Make timers and the matcher's view from the state: after a restore."""
    occupancy = floor.selection.occupancy
    for offer in floor.offers.values():
        floor.agents[offer.agent].add(offer)
        if offer.until_us:
            floor.timers.add(offer.until_us, Timer.LEASE, offer.offer_id)
    for agent in floor.agents:
        if agent.back_off_until_us:
            floor.timers.add(agent.back_off_until_us, Timer.BACK_OFF, agent.index)
        if agent.gap_until_us:
            floor.timers.add(agent.gap_until_us, Timer.GAP, agent.index)
        if occupancy is not None:
            occupancy.put_back(agent)
        if 0 < agent.shift_changes_us <= now_us:  # His turn in the portions has not come yet.
            floor.timers.add(agent.shift_changes_us, Timer.SHIFT, agent.index)
        elif agent.availability is not Availability.LOGGED_OUT:  # Today's calendar counts.
            floor.sessions.turn_shift(agent, now_us)
        floor.matcher.refresh(agent)
    for leg in floor.legs.values():
        for index, until_us in (leg.excluded or {}).items():
            floor.agents[index].excluded_from[leg.leg_id] = until_us
            if until_us != WHILE_PARTY_US:
                floor.timers.add(until_us, Timer.EXCLUSION, leg.leg_id, index)
        if floor.wait_times is not None:
            floor.wait_times.know(leg.klass)
        if leg.state is LegState.QUEUED:
            floor.stages.await_next(leg)
            if leg.expires_us:
                floor.timers.add(leg.expires_us, Timer.EXPIRY, leg.leg_id)
            if leg.overflows_us:
                floor.timers.add(leg.overflows_us, Timer.OVERFLOW, leg.leg_id)
            if floor.treatments.are_any:
                floor.treatments.await_next(leg, now_us)
            floor.matcher.wait(leg)
    floor.stages.widen_unserved(now_us)
    floor.overflow.look_at_all(now_us)
    floor.admission.look_at_all(now_us)


_CHANGING = (
    "device",
    "wrap_up_mode",
    "reason",
    "after_this_one",
    "idle_since_us",
    "last_given_us",
    "given_before_us",
    "back_off_until_us",
    "gap_until_us",
    "off_shift_until_us",
    "shift_changes_us",
    "missed",
    "occupied_us",
)


def _record(agent: Agent, floor: Floor) -> AgentRecord:
    changed = floor.kinds.changed.get(agent.index)
    return AgentRecord(
        agent_id=agent.agent_id,
        availability=agent.availability,
        changed=changed,
        configured=None if changed is None else floor.settings.agents[agent.index],
        **{name: getattr(agent, name) for name in _CHANGING},
    )


def _habits(floor: Floor) -> tuple[HabitRecord, ...]:
    if floor.wait_times is None:
        return ()
    return tuple(
        HabitRecord(queue=queue, channel=CHANNELS[channel], habit=copy(habit))
        for (queue, channel), habit in floor.wait_times.habits
    )


def _own(leg: Leg, contact: Contact) -> ContactArrived | None:
    """Return what a leg asks for, where that is not the contact's arrival."""
    arrival = contact.arrival
    return None if leg.asked is arrival or leg.asked == arrival else leg.asked


def _unfit(key: str, seen: str, wanted: str) -> ConfigError:
    return ConfigError("snapshot", Problem(key, seen, wanted))

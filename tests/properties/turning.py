"""Who overflows, and who is turned away: docs/routing/overflow.md, stated once more.

Method: before each step `look` counts who waits. After it, of each leg that left by a rule it is
asked whether that rule holds and none before it, by the agents' public state and by calendars that
are read as clocks show them; then whether anybody still waits who should have left. Limits are held
against counts of all legs, and buckets are filled once more with fractions. What came in a batch is
held only to what does not hang on the order of its facts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from acd.actions import (
    CallbackDue,
    CloseContact,
    CloseLeg,
    EnterQueue,
    GrantCallback,
    OpenLeg,
    OverflowLeg,
    Refused,
)
from acd.contacts import Leg, LegState
from acd.events import Batch, ContactArrived
from acd.ids import Availability, Channel, ContactOutcome, OverflowCause
from acd.settings import (
    AdmissionSettings,
    AgentSettings,
    Condition,
    DomainSettings,
    OverflowRule,
    QueueSettings,
)
from acd.skills import parse_requirement

if TYPE_CHECKING:
    from tests.properties.world import World
else:
    World = Any

PORTION: Final = 1_000


class Seen(NamedTuple):
    """What was known of a leg when it waited."""

    leg: Leg
    queue: str
    channel: Channel
    rank: tuple[int, int, int]
    """How soon it is turned away, smaller is sooner."""


class Turning:
    """Who waited before the step; the buckets; since when each leg is in its queue."""

    def __init__(self, settings: DomainSettings) -> None:
        self._settings = settings
        self._queues = {queue.name: queue for queue in settings.queues}
        self._units = {one.name: Fraction(one.burst) for one in settings.admission}
        self._at_us: dict[str, int] = dict.fromkeys(self._units, 0)
        self._before: dict[int, Seen] = {}
        self._moved_us: dict[int, int] = {}
        """When the legs came that overflowed to their queues, or took the place of callbacks."""
        self.given: set[int] = set()
        """The legs that agents gave further, or whose customers are called back."""
        self.causes: Counter[tuple[OverflowCause, bool, bool, bool]] = Counter()
        """How often contacts left: why, whether for a queue, by a limit, and having waited."""

    def look(self, world: World) -> None:
        """Take note of who waits."""
        self._before = {leg.leg_id: seen(leg) for leg in waiting(world)}

    def check(self, world: World) -> None:
        """See that those left who should, and nobody else."""
        now_us = world.now_us
        opened = [one for one in world.actions if isinstance(one, OpenLeg)]
        self.given |= {one.leg_id for one in opened if one.from_offer}
        self._moved_us |= {one.leg_id: now_us for one in opened if not one.from_offer}
        for leg in world.router.legs.values():
            if leg.promised:
                self._moved_us.setdefault(leg.leg_id, now_us)
        left = [one for one in world.actions if isinstance(one, OverflowLeg)]
        for one in left:
            self._goes_where_it_is_said(world, one)
            had_waited = one.leg_id in self._before
            self.causes[one.because, bool(one.queue), bool(one.limit), had_waited] += 1
            if not one.limit:
                self._had_reason(world, one)
        called = GrantCallback | CallbackDue
        self.given |= {one.leg_id for one in world.actions if isinstance(one, called)}
        self._nobody_stays_who_should_leave(world)
        self._limits_hold(world, [one for one in left if one.limit])

    # Overflow.

    def _goes_where_it_is_said(self, world: World, one: OverflowLeg) -> None:
        """See that a queue gets a further leg in the same place; else that the contact ends."""
        at = world.actions.index(one)
        after = world.actions[at + 1]
        targets = (one.queue, one.voicemail, one.message, one.callback)
        assert sum(target != "" for target in targets) == 1
        if not one.queue:
            if after == GrantCallback(one.leg_id, one.contact_id, one.callback):
                return
            kind = ContactOutcome.REJECTED if one.message else ContactOutcome.OVERFLOWED
            assert after == CloseContact(one.contact_id, kind)
            return
        assert isinstance(after, OpenLeg)
        assert (after.contact_id, after.queue, after.from_offer) == (one.contact_id, one.queue, 0)
        closed = CloseLeg(one.leg_id, one.contact_id, ContactOutcome.OVERFLOWED)
        assert world.actions[at + 2] == closed
        before = self._before.get(one.leg_id)
        if before is not None:
            place_us = world.now_us if after.place_us is None else after.place_us
            assert place_us == before.leg.arrived_us

    def _had_reason(self, world: World, one: OverflowLeg) -> None:
        """See that some rule of its queue says so, and that it is the first that does."""
        assert one.leg_id not in self.given
        before = self._before.get(one.leg_id)
        if before is None:
            return  # It joined in this step; where from, and with whom, only the router knows.
        rules = self._queues[before.queue].channels[before.channel].overflow
        holding = [rule for rule in rules if self._holds(world, before, rule)]
        assert holding
        rule = holding[0]
        if before.leg.promised and rule.message:
            rule = replace(rule, message="", callback=rule.message)
        for key in ("queue", "voicemail", "message", "callback"):
            assert getattr(rule, key) == getattr(one, key)

    def _holds(self, world: World, leg: Seen, rule: OverflowRule) -> bool:
        """Return whether a rule makes a leg leave that has joined."""
        overstays = (
            rule.max_wait_us is not None and self._until_us(world, leg.leg, rule) <= world.now_us
        )
        return overstays or any(self.is_so(world, leg.leg, one) for one in rule.leaving)

    def _until_us(self, world: World, leg: Leg, rule: OverflowRule) -> int:
        assert rule.max_wait_us is not None
        since_us = self._moved_us.get(leg.leg_id, leg.arrived_us)
        return world.naive.due_us(leg.asked.queue, since_us, rule.max_wait_us)

    def is_so(self, world: World, leg: Leg, condition: Condition) -> bool:
        """Return whether a condition holds for a leg."""
        queue = self._queues[leg.asked.queue]
        if condition is Condition.CLOSED:
            return world.naive.is_closed(queue.name, world.now_us)
        wanted = Availability.READY
        return not any(
            agent.availability is wanted
            or (condition is Condition.NOBODY_LOGGED_IN and agent.availability != "logged_out")
            for agent in world.router.agents
            if self._could_take(world.ledger.staff[agent.index], leg, queue)
        )

    def _could_take(self, agent: AgentSettings, leg: Leg, queue: QueueSettings) -> bool:
        """Return whether an agent could take a leg at its queue's last step."""
        profiles = {one.name: one for one in self._settings.profiles}
        capacities = {one.name: one for one in self._settings.capacities}
        channel = leg.asked.channel
        serves = any(
            line.queue == queue.name and channel in line.channels
            for line in profiles[agent.profile].serves
        )
        if not serves or channel not in capacities[agent.capacity].channels:
            return False
        # The product is asked what its last step requires; whether it widens is checked elsewhere.
        klass = leg.klass
        if not queue.steps or klass.step == len(queue.steps):
            return klass.requirement.met_by(agent.skills, agent.attributes)
        requires = next(
            (one.requires for one in reversed(queue.steps) if one.requires is not None),
            queue.requires,
        )
        raised = dict(agent.skills)
        for step in queue.steps:
            for skill, bound in step.lower.items():
                if not bound or raised.get(skill, 0) >= bound:
                    raised[skill] = 10
        texts = (requires, leg.asked.requirement)
        return all(
            parse_requirement(
                text, skills=self._settings.skills, attributes=self._settings.attributes
            ).met_by(raised, agent.attributes)
            for text in texts
        )

    def _nobody_stays_who_should_leave(self, world: World) -> None:
        left = sum(isinstance(one, OverflowLeg) for one in world.actions)
        for leg in waiting(world):
            if leg.leg_id in self.given or left >= PORTION:
                continue
            place = leg.klass.queue.name, leg.klass.channel
            assert (leg.overflows_us > 0) == any(
                rule.max_wait_us is not None for rule in self._rules(*place)
            )
            for rule in self._rules(*place):
                assert not any(self.is_so(world, leg, one) for one in rule.leaving)
                if rule.max_wait_us is not None:
                    until_us = self._until_us(world, leg, rule)
                    assert leg.overflows_us == until_us
                    is_due = world.router.next_wakeup_us() == world.now_us
                    assert until_us > world.now_us or is_due
        if isinstance(world.event, ContactArrived) and not left:
            self._nobody_got_into_a_full_queue(world, world.event.contact_id)

    def _nobody_got_into_a_full_queue(self, world: World, contact_id: str) -> None:
        contact = world.router.contacts.get(contact_id)
        leg = None if contact is None else world.router.legs[contact.legs[0]]
        if leg is None or leg.leg_id in self._before or leg.state is not LegState.QUEUED:
            return
        place = leg.klass.queue.name, leg.klass.channel
        # Whose callback waited there takes the place of that.
        there = sum(
            (one.queue, one.channel) == place and one.leg.contact_id in world.router.contacts
            for one in self._before.values()
        )
        for rule in self._rules(*place):
            assert rule.max_waiting is None or there < rule.max_waiting
            assert not any(self.is_so(world, leg, one) for one in rule.joining)

    def _rules(self, queue: str, channel: Channel) -> tuple[OverflowRule, ...]:
        return self._queues[queue].channels[channel].overflow

    # Admission.

    def _limits_hold(self, world: World, away: list[OverflowLeg]) -> None:
        """At rest no more wait than may, and nobody went before one who was less urgent."""
        there = [leg for leg in waiting(world) if self._is_limited(leg)]
        full = len(away) >= PORTION
        for limit in self._settings.admission:
            of_source = [leg for leg in there if fits(limit, leg)]
            assert full or limit.max_waiting is None or len(of_source) <= limit.max_waiting
            gone = [self._before.get(one.leg_id) for one in away if one.limit == limit.name]
            worst = max((one.rank for one in gone if one is not None), default=None)
            for leg in of_source:
                # What came back in this step is as it was, and what is raised was raised before it.
                if worst is not None and leg.leg_id in self._before:
                    assert seen(leg).rank > worst
        self._buckets(world, away)

    def _buckets(self, world: World, away: list[OverflowLeg]) -> None:
        """Whoever comes takes a token; without one somebody goes, if anybody of his source waits.

        In a batch, only the router knows who was still there.
        """
        snapshot = {one.name: one for one in world.router.snapshot().buckets}
        came = None if isinstance(world.event, Batch) else _who_came(world)
        for limit in self._settings.admission:
            if limit.rate_per_min is None:
                continue
            bucket = snapshot[limit.name]
            assert bucket.owed == 0
            if isinstance(world.event, Batch):
                self._units[limit.name] = Fraction(bucket.units, 60_000_000)
                self._at_us[limit.name] = bucket.at_us
                continue
            owed = False
            if came is not None and asks(limit, came):
                passed_us = world.now_us - self._at_us[limit.name]
                units = self._units[limit.name] + Fraction(
                    passed_us * limit.rate_per_min, 60_000_000
                )
                units = min(units, Fraction(limit.burst))
                owed = units < 1
                self._units[limit.name] = units if owed else units - 1
                self._at_us[limit.name] = world.now_us
            assert self._units[limit.name] * 60_000_000 == bucket.units
            gone = [one.because for one in away if one.limit == limit.name]
            paid = any(
                one.contact_id == getattr(world.event, "contact_id", "")
                or (one.leg_id in self._before and fits(limit, self._before[one.leg_id].leg))
                for one in away
            )
            if owed and not paid:
                assert not any(fits(limit, leg) for leg in waiting(world) if self._is_limited(leg))
            assert gone.count(OverflowCause.RATE) <= owed

    def _is_limited(self, leg: Leg) -> bool:
        """Return whether a leg counts for limits on admission."""
        return leg.leg_id not in self.given and not leg.promised


def _who_came(world: World) -> ContactArrived | None:
    """Return who came alone, as an entry rule says, and is not gone before he is counted."""
    event = world.event
    if not isinstance(event, ContactArrived):
        return None
    for action in world.actions:
        if isinstance(action, Refused):
            return None
        if isinstance(action, EnterQueue):
            context = {**dict(event.attributes), **dict(action.context)}
            attributes = tuple(context.items())
            event = replace(event, queue=action.queue, attributes=attributes)
        if getattr(action, "contact_id", "") != event.contact_id:
            if isinstance(action, CloseContact) and action.outcome is ContactOutcome.CANCELED:
                return None  # His callback, whose place he takes.
            continue
        if isinstance(action, OverflowLeg) and not action.queue and not action.limit:
            return None
        if isinstance(action, CloseContact) and action.outcome is ContactOutcome.EXPIRED:
            return None
    return event


def seen(leg: Leg) -> Seen:
    """Return what is known of a leg that waits."""
    queue = leg.klass.queue
    priority = leg.asked.priority
    if priority is None:
        priority = queue.priority or 0
    raised = [one.priority for one in queue.steps[: leg.klass.step] if one.priority is not None]
    rank = (max([priority, *raised]), -leg.arrived_us, -leg.leg_id)
    return Seen(leg, queue.name, leg.klass.channel, rank)


def waiting(world: World) -> Iterator[Leg]:
    """Return the legs that wait."""
    return (leg for leg in world.router.legs.values() if leg.state is LegState.QUEUED)


def fits(limit: AdmissionSettings, leg: Leg) -> bool:
    """Return whether a leg is of a limit's source."""
    return asks(limit, leg.asked)


def asks(limit: AdmissionSettings, asked: ContactArrived) -> bool:
    """Return whether what was asked is of a limit's source."""
    brought: Mapping[str, str] = dict(asked.attributes)
    return (
        asked.queue in (limit.queues or (asked.queue,))
        and asked.channel in (limit.channels or (asked.channel,))
        and limit.attributes.items() <= brought.items()
    )

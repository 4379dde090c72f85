"""Overflow: who waits too long, or in a queue that is full or that nobody serves, goes elsewhere.

A queue's channel has rules, the first of which that holds decides: on joining, when a condition
begins to hold that a rule names under `leaving`, and when a leg has waited its time. A leg goes to
another queue, where a further leg of its contact waits in the same place; or another domain is
asked to take it (`acd.hand_overs`); or its customer goes to a voicemail, or hears a message, or is
let go and called back, for which it keeps its place (`acd.callbacks`). What rings is not torn from
an agent's hands: such a leg is looked at when its offer has failed.

All is looked at behind the last fact of a step, so that a batch that brings a caller and then an
agent finds the agent, and before anybody is offered anything.

Source: `joinempty`, `leavewhenempty` and `maxlen` of Asterisk's app_queue, whose conditions are
sets; the flows of Amazon Connect, in which a full queue is a branch. See docs/routing/overflow.md.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from acd.actions import Action, OpenLeg, OverflowLeg
from acd.agents import Kind
from acd.contacts import LEG_TABLE, Leg, LegSignal, LegState
from acd.doors import Door
from acd.gates import Crowd, Gate, Rank
from acd.ids import OverflowCause, QueueName
from acd.opening import NEVER_US
from acd.settings import Condition, OverflowRule
from acd.timers import Timer

if TYPE_CHECKING:
    from acd.floor import Floor

LEFT_MAX: Final = 1_000
"""Most legs that leave in one step because a condition began to hold; the rest do so at a tick that
is due at once (bounded portions)."""

_PRESENCE: Final = frozenset({Condition.NOBODY_LOGGED_IN, Condition.NOBODY_READY})


class _Why(NamedTuple):
    """The rule that holds, and what makes it hold."""

    rule: OverflowRule
    because: OverflowCause


class Overflow:
    """Lets legs leave their queues.

    Args:
        floor: Where they are. Its gauges have gates.
    """

    def __init__(self, floor: "Floor") -> None:
        self._floor = floor
        self._gates: Final = floor.gauges.gates
        self.joined: list[Leg] = []
        """Legs that came in this step and were not looked at yet."""
        self.back: list[Leg] = []
        """Legs that came back to their places, or have waited their time, likewise."""
        self._emptied: dict[Kind, None] = {}
        """Kinds of agents of whom none is ready any more."""
        self._leaving: dict[Gate, None] = {}
        """Gates where a condition may hold for some that wait."""
        self._served: Final = frozenset(
            place for place, gate in self._gates.items() if not gate.leaving.isdisjoint(_PRESENCE)
        )
        """Where it matters whether anybody is there."""
        for kind in dict.fromkeys(agent.kind for agent in floor.agents):
            self.know(kind)

    def know(self, kind: Kind) -> None:
        """Take note of a kind of agents, which may be new."""
        if not self._served.isdisjoint(kind.desk.serves):
            kind.emptied = self._emptied

    @property
    def is_asked(self) -> bool:
        """Whether something is to be looked at."""
        return bool(self.joined or self.back or self._emptied or self._leaving)

    @property
    def is_owed(self) -> bool:
        """Whether a tick is due at once, for those for whom the last step had no room."""
        return bool(self._leaving)

    def join(self, leg: Leg, gate: Gate, since_us: int) -> None:
        """Have a leg that waits be looked at, and await the end of its time."""
        if gate.max_wait_us is not None:
            leg.overflows_us = leg.klass.due_us(since_us, gate.max_wait_us)
        self.joined.append(leg)

    def note_closed(self, door: Door) -> None:
        """Note that queues have closed."""
        for gate in self._gates.values():
            if gate.door is door and Condition.CLOSED in gate.leaving:
                self._leaving[gate] = None

    def look_at_all(self, now_us: int) -> None:
        """Find out which gates have somebody to let out: after a restore."""
        for gate in self._gates.values():
            if gate.leaving:
                self._leaving[gate] = None
        self._emptied.clear()
        self._forget_those_who_stay(now_us)

    def let_out(self, now_us: int, orders: list[Action]) -> None:
        """Let those leave for whom a rule holds."""
        for leg in self.joined:
            if leg.state is LegState.QUEUED and leg.klass.gate is not None:
                leg.klass.gate.fresh += 1
        back, self.back = self.back, []
        for leg in back:
            self._look_at(leg, now_us, orders, joins=False)
        self._admit(now_us, orders)
        for kind in self._emptied:
            for place in kind.desk.serves:
                gate = self._gates.get(place)
                if gate is not None and not gate.leaving.isdisjoint(_PRESENCE):
                    self._leaving[gate] = None
        self._emptied.clear()
        if self._leaving:
            self._clear(now_us, orders)

    def _admit(self, now_us: int, orders: list[Action]) -> None:
        """Look at those who joined; whoever joins another queue by it is looked at, too."""
        for leg in self.joined:  # It grows meanwhile, by a leg for each queue that is passed.
            if leg.state is LegState.QUEUED and leg.klass.gate is not None:
                leg.klass.gate.fresh -= 1
                self._look_at(leg, now_us, orders, joins=True)
        self.joined.clear()

    def _look_at(self, leg: Leg, now_us: int, orders: list[Action], *, joins: bool) -> None:
        gate = leg.klass.gate
        if gate is None or leg.stays or leg.state is not LegState.QUEUED:
            return
        why = self._why(leg, gate, now_us, joins=joins)
        if why is not None:
            self._send(leg, why, now_us, orders)
            return
        if 0 < leg.overflows_us <= now_us:
            leg.overflows_us = self._asks_again_us(leg, gate)
        if leg.overflows_us:
            self._floor.timers.add(leg.overflows_us, Timer.OVERFLOW, leg.leg_id)

    def _why(self, leg: Leg, gate: Gate, now_us: int, *, joins: bool) -> _Why | None:
        """Return by which rule a leg leaves, or does not get in; None if it stays."""
        for rule in gate.rules:
            if rule.domain and self._floor.hand_overs.refusal(leg, rule.domain, now_us):
                continue
            named = (*rule.joining, *rule.leaving) if joins else rule.leaving
            because = self._condition(named, leg)
            if because is not None:
                return _Why(rule, because)
            # Itself is among those who wait, and so are those who came after it.
            most = rule.max_waiting if joins else None
            if most is not None and len(gate.legs) - gate.fresh > most:
                return _Why(rule, OverflowCause.MAX_WAITING)
            if joins and self._waits_longer(leg, rule.max_estimated_wait_us, now_us):
                return _Why(rule, OverflowCause.MAX_ESTIMATED_WAIT)
            if rule.max_wait_us is not None and 0 < leg.overflows_us <= now_us:
                return _Why(rule, OverflowCause.MAX_WAIT)
        return None

    def _waits_longer(self, leg: Leg, most_us: int | None, now_us: int) -> bool:
        """Return whether a leg that came will wait longer than this, by its estimate.

        Where nobody works who may take it there is no estimate: for that there are conditions.
        """
        if most_us is None or self._floor.wait_times is None:
            return False
        wait_us = self._floor.wait_times.of(leg, now_us).wait_us
        return wait_us is not None and wait_us > most_us

    def _asks_again_us(self, leg: Leg, gate: Gate) -> int:
        """Return when a domain is asked again to take a leg that it did not take; 0 for never.

        Only for such a domain may a leg stay that has waited its time.
        """
        (domain,) = (rule.domain for rule in gate.rules if rule.max_wait_us is not None)
        return self._floor.hand_overs.waits_us(leg, domain)

    def _condition(self, named: tuple[Condition, ...], leg: Leg) -> OverflowCause | None:
        """Return the first of some conditions that holds for a leg, or None."""
        for condition in Condition:
            if condition in named and self._holds(condition, leg):
                return OverflowCause(condition.value)
        return None

    def _holds(self, condition: Condition, leg: Leg) -> bool:
        if condition is Condition.CLOSED:
            return leg.klass.door is not None and leg.klass.door.is_shut
        is_ready = condition is Condition.NOBODY_READY
        return not self._floor.stages.anybody_ever(leg, is_ready=is_ready)

    # Those for whom a condition began to hold.

    def _clear(self, now_us: int, orders: list[Action]) -> None:
        """Let those leave who wait where a condition holds, as many as there is room for."""
        room = LEFT_MAX
        for gate in sorted(self._leaving, key=_number):
            crowds = self._crowds(gate)
            while crowds and room:
                crowd = min(crowds, key=_first)
                leg = self._floor.legs[crowd.first()[1]]
                room -= 1
                self._send(leg, crowds[crowd], now_us, orders)
                if not crowd:
                    del crowds[crowd]
            self._admit(now_us, orders)  # Before the gate to which they went is emptied itself.
        self._forget_those_who_stay(now_us)

    def _crowds(self, gate: Gate) -> dict[Crowd, _Why]:
        """Return those who wait at a gate where a condition holds, by class."""
        crowds = {}
        for crowd in gate.crowds.values():
            leg = self._floor.legs[crowd.first()[1]]
            for rule in gate.rules:
                because = self._condition(rule.leaving, leg)
                if because is not None:
                    crowds[crowd] = _Why(rule, because)
                    break
        return crowds

    def _forget_those_who_stay(self, now_us: int) -> None:
        self._leaving = {gate: None for gate in self._leaving if self._crowds(gate)}
        if self._leaving:
            self._floor.timers.soonest_us = now_us

    # The move.

    def _send(self, leg: Leg, why: _Why, now_us: int, orders: list[Action]) -> None:
        """Let a leg that is QUEUED, its contact's only one, go where a rule says."""
        rule = why.rule
        if rule.domain:
            hand_overs = self._floor.hand_overs
            hand_overs.ask(leg, rule.domain, now_us, orders, because=why.because)
            return
        # Whom a message would send away, and a callback was promised, is called back.
        callback = rule.callback or (rule.message if leg.promised else "")
        order = OverflowLeg(
            leg.leg_id,
            leg.contact_id,
            why.because,
            rule.queue,
            rule.voicemail,
            "" if callback else rule.message,
            callback=callback,
        )
        if rule.queue:
            orders.append(order)
            self._move(leg, rule.queue, now_us, orders)
        elif callback:
            orders.append(order)
            self._floor.callbacks.divert(leg, callback, now_us, orders)
        else:
            turn_away(self._floor, leg, order, now_us, orders)

    def _move(self, leg: Leg, queue: QueueName, now_us: int, orders: list[Action]) -> None:
        """Let a further leg of a contact wait in another queue, as if it had come there at once."""
        floor = self._floor
        asked = replace(leg.asked, queue=queue)
        klass = floor.stages.classes.of(asked, refuses=False)
        further = floor.make_leg(asked, klass, leg.arrived_us)
        floor.contacts[leg.contact_id].legs += (further.leg_id,)
        place_us = None if leg.arrived_us == now_us else leg.arrived_us
        number, contact_id = further.leg_id, leg.contact_id
        orders.append(OpenLeg(number, contact_id, queue, klass.channel, place_us=place_us))
        if leg.excluded:
            further.excluded = dict(leg.excluded)
            for index, until_us in leg.excluded.items():
                floor.agents[index].excluded_from[number] = until_us
                floor.timers.add(until_us, Timer.EXCLUSION, number, index)
        floor.give_up(leg, LEG_TABLE[leg.state][LegSignal.OVERFLOWED], now_us, orders)
        floor.begin(further, now_us, orders, since_us=now_us)
        if klass.gate is not None and further.state is LegState.QUEUED:
            klass.gate.fresh += 1


def overflow_us(leg: Leg) -> int:
    """Return when a leg that waits leaves its queue, as far as time alone decides; 0 for never."""
    ends_us = [leg.overflows_us] if leg.overflows_us else []
    gate = leg.klass.gate
    if gate is not None and gate.door is not None and leg.leg_id in gate.door.leaving:
        ends_us.append(gate.door.changes_us)
    soonest_us = min(ends_us, default=NEVER_US)
    return soonest_us if soonest_us < NEVER_US else 0


def turn_away(
    floor: "Floor", leg: Leg, order: OverflowLeg, now_us: int, orders: list[Action]
) -> None:
    """Let a contact end whose leg is QUEUED, its only one: with a voicemail or a message."""
    orders.append(order)
    signal = LegSignal.OVERFLOWED if order.voicemail else LegSignal.REJECTED
    floor.give_up(leg, LEG_TABLE[leg.state][signal], now_us, orders)


def _number(gate: Gate) -> int:
    return gate.number


def _first(crowd: Crowd) -> tuple[Rank, int]:
    return crowd.first()

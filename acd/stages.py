"""The stages of the legs that wait: routing steps, delays of profiles, the time of a team.

`acd.widening` has the first two; the third ends when a leg was kept for its account team as long as
its queue says (`acd.affinity`), or when nobody of the team is logged in.

A stage takes effect while the leg is QUEUED. One that falls due while it is offered waits until the
offer has failed, and is void if it succeeds.
"""

from collections.abc import Mapping

from acd.actions import Action, WidenLeg
from acd.agents import Kind
from acd.classes import Classes, priority_of, promised_by
from acd.contacts import Leg, LegState
from acd.eligibility import eligible, of_team
from acd.events import ContactArrived
from acd.gauges import Gauges
from acd.kinds import Kinds
from acd.queues import LegClass
from acd.settings import DomainSettings, Urgency
from acd.timers import Timer, Timers
from acd.urgency import key_function


class Stages:
    """Which class a leg stands in at its stage, and when the next is due.

    Args:
        settings: The domain's.
        kinds: Those of its agents.
        legs: The open ones.
        timers: Where the next stage is awaited.
        gauges: What stands beside a class: who waits, and whether its queue is closed.
    """

    def __init__(
        self,
        settings: DomainSettings,
        kinds: Kinds,
        legs: Mapping[int, Leg],
        timers: Timers,
        *,
        gauges: Gauges,
    ) -> None:
        self._kinds = kinds
        self._legs = legs
        self._timers = timers
        self.classes = Classes(settings, gauges.backlogs, gauges.doors.of_queue, gauges.gates)
        self._key = key_function(settings.urgency)
        self._promises = settings.urgency is Urgency.DEADLINE_FIRST
        self._ages = settings.urgency is Urgency.AGEING
        self._watched = {
            queue.name
            for queue in settings.queues
            if any(one.if_nobody for one in queue.steps)
            or (queue.affinity is not None and queue.affinity.team is not None)
        }
        """The queues that have a stage for when no agent is there, or none of a team."""
        self._hurried_us = -1
        """When legs last lost their last agent."""

    def key_of(
        self, arrival: ContactArrived, klass: LegClass, number: int, arrived_us: int
    ) -> tuple[int, ...]:
        """Return a leg's place in the domain's order."""
        promised_us = promised_by(arrival, klass, arrived_us) if self._promises else 0
        priority = priority_of(arrival, klass.queue, klass.step)
        key = self._key(arrived_us, number, priority, promised_us, klass.numbers)
        if not self._ages or klass.clock is None:
            return key
        aside_us = arrived_us - klass.clock.reading_us(arrived_us)
        return (key[0] - klass.numbers.weight * aside_us, *key[1:])

    def widen(self, leg: Leg, now_us: int, orders: list[Action]) -> None:
        """Give a QUEUED leg the stages that are due, and await the next. It may be in no line."""
        before = leg.klass
        waited_us = before.counted_us(leg.arrived_us, now_us)
        step, opened = before.step, before.opened
        steps, delays = before.queue.steps, before.delays
        while opened < len(delays) and delays[opened] <= waited_us:
            opened += 1
        while step < len(steps) and steps[step].after_us <= waited_us:
            step += 1
        arrival = leg.asked
        shared = before.team_us <= waited_us
        klass = self.classes.of(arrival, step, opened, shared=shared, refuses=False)
        if klass.team is not None and not self._anybody_of_team(klass):
            shared = True
            klass = self.classes.of(arrival, step, opened, shared=shared, refuses=False)
        while step < len(steps) and steps[step].if_nobody and not self._anybody_for(klass):
            step += 1
            klass = self.classes.of(arrival, step, opened, shared=shared, refuses=False)
        self.classes.leave(before)
        self.classes.join(klass)
        leg.klass = klass
        if step > before.step:
            leg.key = self.key_of(arrival, klass, leg.leg_id, leg.arrived_us)
            orders.append(WidenLeg(leg.leg_id, leg.contact_id, step))
        self.await_next(leg)

    def reorder(self, leg: Leg, asked: ContactArrived, klass: LegClass) -> None:
        """Give a leg that is in no line the class and the place that it now asks for."""
        self.classes.leave(leg.klass)
        self.classes.join(klass)
        leg.asked = asked
        leg.klass = klass
        leg.key = self.key_of(asked, klass, leg.leg_id, leg.arrived_us)

    def await_next(self, leg: Leg) -> None:
        """Await the next stage of a leg, where there is one."""
        klass = leg.klass
        leg.widens_us = 0
        if klass.widens:
            ends = [*klass.delays[klass.opened : klass.opened + 1]]
            ends += [one.after_us for one in klass.queue.steps[klass.step : klass.step + 1]]
            if klass.team is not None:
                ends.append(klass.team_us)
            leg.widens_us = klass.due_us(leg.arrived_us, min(ends))
            self._timers.add(leg.widens_us, Timer.STAGE, leg.leg_id)

    def _anybody_for(self, klass: LegClass) -> bool:
        """Return whether an agent is logged in who serves a class, be it after a delay."""
        return any(kind.present for kind in self._serving(klass))

    def _anybody_of_team(self, klass: LegClass) -> bool:
        """Return whether an agent is logged in who serves a class and is of its team."""
        if klass.team_kinds is None:
            serving = self._serving(klass)
            klass.team_kinds = tuple(kind for kind in serving if of_team(klass, kind))
        return any(kind.present for kind in klass.team_kinds)

    def anybody_ever(self, leg: Leg, *, is_ready: bool) -> bool:
        """Return whether an agent is logged in, or ready, who may take a leg at its last step."""
        step, opened = self.classes.last_stage(leg.asked)
        last = self.classes.of(leg.asked, step, opened, shared=True, refuses=False)
        return any(kind.ready if is_ready else kind.present for kind in self._serving(last))

    def _serving(self, klass: LegClass) -> tuple[Kind, ...]:
        if klass.served_by is None:
            kinds = self._kinds.known.values()
            klass.served_by = tuple(kind for kind in kinds if eligible(klass, kind))
        return klass.served_by

    def widen_unserved(self, now_us: int) -> None:
        """Have the legs go on that lost their last agent, or their team's, and a stage follows.

        With a tick right after this instant: they may be many, and a tick ends a portion of them.
        Until then somebody may log in after all, so this is called once more after each step of
        the same instant.
        """
        if not self._watched:
            return
        lost = {one for one in self.classes.in_use() if self._is_lost(one)}
        if lost:
            self._hurried_us = now_us
        if self._hurried_us != now_us:  # Mostly: then nobody who waits need be looked at.
            return
        for leg in self._legs.values():
            if leg.state is not LegState.QUEUED or leg.klass.queue.name not in self._watched:
                continue
            if leg.klass in lost:
                leg.widens_us = min(leg.widens_us, now_us + 1)
                self._timers.add(leg.widens_us, Timer.STAGE, leg.leg_id)
            elif leg.widens_us == now_us + 1:
                self.await_next(leg)

    def _is_lost(self, klass: LegClass) -> bool:
        """Return whether a stage follows for a class because nobody is there any more."""
        if klass.queue.name not in self._watched:
            return False
        steps = klass.queue.steps[klass.step : klass.step + 1]
        is_for_it = any(one.if_nobody for one in steps)
        return (is_for_it and not self._anybody_for(klass)) or (
            klass.team is not None and not self._anybody_of_team(klass)
        )

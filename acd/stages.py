"""The stages of the legs that wait: routing steps, and delays of profiles (`acd.widening`).

A stage takes effect while the leg is QUEUED. One that falls due while it is offered waits until the
offer has failed, and is void if it succeeds.
"""

from collections.abc import Mapping, Sequence

from acd.actions import Action, WidenLeg
from acd.agents import Kind
from acd.classes import Classes, promised_by
from acd.contacts import Leg, LegState
from acd.eligibility import eligible
from acd.events import ContactArrived
from acd.queues import LegClass
from acd.settings import DomainSettings, Urgency
from acd.timers import Timer, Timers
from acd.urgency import key_function, splits_by_priority


class Stages:
    """Which class a leg stands in at its stage, and when the next is due.

    Args:
        settings: The domain's.
        kinds: All kinds of its agents.
        legs: The open ones.
        timers: Where the next stage is awaited.
    """

    def __init__(
        self,
        settings: DomainSettings,
        kinds: Sequence[Kind],
        legs: Mapping[int, Leg],
        timers: Timers,
    ) -> None:
        self._kinds = kinds
        self._legs = legs
        self._timers = timers
        self.classes = Classes(settings)
        self._key = key_function(settings.urgency)
        self._split = splits_by_priority(settings.urgency)
        self._promises = settings.urgency is Urgency.DEADLINE_FIRST
        self._watched = {
            queue.name for queue in settings.queues if any(one.if_nobody for one in queue.steps)
        }
        """The queues that have a step for when no agent is there."""

    def key_of(
        self, arrival: ContactArrived, klass: LegClass, number: int, arrived_us: int
    ) -> tuple[int, ...]:
        """Return a leg's place in the domain's order."""
        promised_us = promised_by(arrival, klass, arrived_us) if self._promises else 0
        own = None if self._split else arrival.priority
        priority = klass.priority if own is None else own
        return self._key(arrived_us, number, priority, promised_us, klass.numbers)

    def widen(self, leg: Leg, now_us: int, orders: list[Action]) -> None:
        """Give a QUEUED leg the stages that are due, and await the next. It may be in no line."""
        before = leg.klass
        waited_us = now_us - leg.arrived_us
        step, opened = before.step, before.opened
        steps, delays = before.queue.steps, before.delays
        while opened < len(delays) and delays[opened] <= waited_us:
            opened += 1
        while step < len(steps) and steps[step].after_us <= waited_us:
            step += 1
        arrival = leg.asked
        klass = self.classes.of(arrival, step, opened, refuses=False)
        while step < len(steps) and steps[step].if_nobody and not self._anybody_for(klass):
            step += 1
            klass = self.classes.of(arrival, step, opened, refuses=False)
        self.classes.leave(before)
        self.classes.join(klass)
        leg.klass = klass
        if klass.priority != before.priority:
            leg.key = self.key_of(arrival, klass, leg.leg_id, leg.arrived_us)
        if step > before.step:
            orders.append(WidenLeg(leg.leg_id, leg.contact_id, step))
        self.await_next(leg)

    def await_next(self, leg: Leg) -> None:
        """Await the next stage of a leg, where there is one."""
        klass = leg.klass
        leg.widens_us = 0
        if klass.widens:
            ends = [*klass.delays[klass.opened : klass.opened + 1]]
            ends += [one.after_us for one in klass.queue.steps[klass.step : klass.step + 1]]
            leg.widens_us = leg.arrived_us + min(ends)
            self._timers.add(leg.widens_us, Timer.STAGE, leg.leg_id)

    def _anybody_for(self, klass: LegClass) -> bool:
        """Return whether an agent is logged in who serves a class, be it after a delay."""
        if klass.served_by is None:
            klass.served_by = tuple(kind for kind in self._kinds if eligible(klass, kind))
        return any(kind.present for kind in klass.served_by)

    def widen_unserved(self, now_us: int) -> None:
        """Have the legs go on that lost their last agent and have a step for that.

        With a tick right after this instant: they may be many, and a tick ends a portion of them.
        Until then somebody may log in after all, so this is called once more after each step of
        the same instant.
        """
        if not self._watched:
            return
        lost: dict[LegClass, bool] = {}
        for leg in self._legs.values():
            klass = leg.klass
            if leg.state is not LegState.QUEUED or klass.queue.name not in self._watched:
                continue
            if klass not in lost:
                steps = klass.queue.steps[klass.step : klass.step + 1]
                is_for_it = any(one.if_nobody for one in steps)
                lost[klass] = is_for_it and not self._anybody_for(klass)
            if lost[klass]:
                leg.widens_us = now_us + 1
                self._timers.add(leg.widens_us, Timer.STAGE, leg.leg_id)
            elif leg.widens_us == now_us + 1:
                self.await_next(leg)

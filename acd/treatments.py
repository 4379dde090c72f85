"""Treatments: what customers hear while they wait, at exact instants.

A queue says what its customers hear after how long, and every how often: their place, how long they
will go on waiting, a message, an offer to be called back. Nothing is heard while a leg rings at an
agent, is being connected or is handed over; what falls due then is owed, and played, each once, as
soon as the leg waits again. What falls due while the customer talks with somebody else of his
contact is not owed. A queue without treatments has no timers, and a leg never more than one.

Source: the periodic and position announcements of Asterisk's app_queue, the customer queue flows of
Amazon Connect. See docs/routing/treatments.md.
"""

from typing import TYPE_CHECKING, Final

from acd.actions import Action, PlayTreatment
from acd.agents import CHANNEL_INDEX
from acd.contacts import Leg, LegState, Presence
from acd.gauges import Place
from acd.ids import Channel, Play
from acd.line_places import LinePlaces
from acd.settings import DomainSettings
from acd.timers import Timer
from acd.waiting_settings import Treatment

if TYPE_CHECKING:
    from acd.floor import Floor

HEARD: Final = {
    Channel.VOICE: frozenset(Play),
    Channel.CHAT: frozenset({Play.MESSAGE}),
}
"""What customers are played on each channel; on the others nothing."""


class Treatments:
    """Plays what is due.

    Args:
        floor: Where the legs are.
    """

    def __init__(self, floor: "Floor") -> None:
        self._floor = floor
        self._of = _by_place(floor.settings)
        self.are_any: Final = bool(self._of)
        announced = [
            place
            for place, plan in self._of.items()
            if any(one.play is Play.ANNOUNCE_PLACE for one in plan)
        ]
        self.places: Final = LinePlaces(announced)
        self.due: Final[list[Leg]] = []
        """The legs whose instants came in this step. What they are owed is played when all is at
        rest: an agent found for one of them in this very step is heard, and nothing else."""

    def begin(self, leg: Leg, now_us: int) -> None:
        """Have the customer of a leg that begins to wait now hear what its queue says."""
        leg.treated_us = now_us - 1
        self.await_next(leg, now_us)

    def await_next(self, leg: Leg, now_us: int) -> None:
        """Await what a leg that is QUEUED is owed, or is due next."""
        leg.treats_us = 0
        plan = self._of.get((leg.klass.queue.name, leg.klass.channel_index))
        if plan is None or self._floor.contacts[leg.contact_id].callback is not None:
            return
        dues = [due_after(one, leg, leg.treated_us) for one in plan]
        next_us = [at_us for at_us in dues if at_us is not None]
        if next_us:
            leg.treats_us = max(min(next_us), now_us)
            self._floor.timers.add(leg.treats_us, Timer.TREATMENT, leg.leg_id)

    def play(self, now_us: int, orders: list[Action]) -> None:
        """Let the customers hear what is due, now that nobody else is offered to an agent."""
        for leg in self.due:
            if leg.state is LegState.QUEUED:
                self._play(leg, now_us, orders)
        self.due.clear()

    def _play(self, leg: Leg, now_us: int, orders: list[Action]) -> None:
        plan = self._of[leg.klass.queue.name, leg.klass.channel_index]
        due = [one for one in plan if _is_due(one, leg, now_us)]
        leg.treated_us = now_us
        self.await_next(leg, now_us)
        if leg.consults or self._floor.contacts[leg.contact_id].presence is not Presence.WAITING:
            return
        for one in due:
            place = wait_us = 0
            if one.play is Play.ANNOUNCE_PLACE:
                place = self.places.of(leg)
            elif one.play is Play.ANNOUNCE_WAIT:
                assert self._floor.wait_times is not None, "see acd.treatment_checks"
                told = self._floor.wait_times.tell(leg, now_us)
                if told.wait_us is None:
                    continue  # Nobody is at work for him.
                orders.append(told)
                wait_us = told.wait_us
            leg.offered |= one.play is Play.OFFER_CALLBACK
            number, contact_id = leg.leg_id, leg.contact_id
            orders.append(
                PlayTreatment(number, contact_id, one.play, one.message, place, one.key, wait_us)
            )

    def key_of(self, leg: Leg) -> str:
        """Return the key by which the customer of a leg may ask to be called back; "" for none."""
        if not leg.offered:
            return ""
        plan = self._of.get((leg.klass.queue.name, leg.klass.channel_index), ())
        return next((one.key for one in plan if one.play is Play.OFFER_CALLBACK), "")


def due_after(one: Treatment, leg: Leg, after_us: int) -> int | None:
    """Return the first instant after another at which a treatment of a leg is due; None: never."""
    first_us = leg.arrived_us + one.after_us
    if after_us < first_us:
        return first_us
    if one.every_us is None:
        return None
    return first_us + ((after_us - first_us) // one.every_us + 1) * one.every_us


def _is_due(one: Treatment, leg: Leg, now_us: int) -> bool:
    """Return whether the customer of a leg is owed a treatment by now."""
    due_us = due_after(one, leg, leg.treated_us)
    return due_us is not None and due_us <= now_us


def _by_place(settings: DomainSettings) -> dict[Place, tuple[Treatment, ...]]:
    """Return what is heard in each queue and channel where something is."""
    found: dict[Place, tuple[Treatment, ...]] = {}
    for queue in settings.queues:
        for channel in queue.channels:
            plan = tuple(one for one in queue.treatments if one.play in HEARD.get(channel, ()))
            if plan:
                found[queue.name, CHANNEL_INDEX[channel]] = plan
    return found

"""What is learned of a queue on a channel: how long contacts take, and how soon customers leave.

Kept only where waits are estimated (`acd.wait_time`), from the moves of the floor, so that a
journal and a snapshot bring it back. All in whole numbers.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from acd.agents import CHANNEL_INDEX
from acd.contacts import Leg, Offer
from acd.ids import Channel, QueueName
from acd.performance import nearest
from acd.queues import LegClass
from acd.settings import DomainSettings
from acd.urgency import handle_time_us

MEMORY: Final = 200
"""How many samples a mean looks back on: a handle time is known to some 7 % by then, and a busy
queue's has changed with the hour before."""

CREDIBILITY: Final = 10
"""With so many samples the mean counts as much as the configured time: acd.performance has 20 for
an agent, whose own samples are scarcer."""

LEFT_MAX: Final = 200
"""After so many customers left, those and all waiting so far count half: see `MEMORY`."""


class Habit(Struct, kw_only=True):
    """What is learned of one queue and channel."""

    handled: int = 0
    """Samples of the handle time, at most `MEMORY`."""
    handle_us: int = 0
    answered: int = 0
    """Samples of the time to answer, at most `MEMORY`."""
    answer_us: int = 0
    """From an offer until the parties are connected."""
    left: int = 0
    """Customers who left unanswered."""
    waited_us: int = 0
    """How long those waited who left or were answered, in all."""


class Habits:
    """What is learned of a domain."""

    def __init__(self, settings: DomainSettings) -> None:
        self._priors = {
            (queue.name, CHANNEL_INDEX[name]): handle_time_us(channel)
            for queue in settings.queues
            for name, channel in queue.channels.items()
        }
        self._habits = {place: Habit() for place in self._priors}

    def __iter__(self) -> Iterator[tuple[tuple[QueueName, int], Habit]]:
        """Yield all that anything is known of, by queue and index of the channel."""
        return ((place, one) for place, one in self._habits.items() if one != Habit())

    def put_back(self, queue: QueueName, channel: Channel, habit: Habit) -> None:
        """Put back what was known; what today's settings lack is left out."""
        place = (queue, CHANNEL_INDEX[channel])
        if place in self._habits:
            self._habits[place] = habit

    def note_answer(self, leg: Leg, offer: Offer, now_us: int) -> None:
        """Take note of a leg that is connected by an offer."""
        habit = self._of(leg.klass)
        habit.answered = min(habit.answered + 1, MEMORY)
        answer_us = now_us - offer.given_us
        habit.answer_us += nearest(answer_us - habit.answer_us, habit.answered)
        habit.waited_us += now_us - leg.arrived_us

    def note_handled(self, klass: LegClass, handled_us: int) -> None:
        """Take the handle time of a leg that closes, wrap-up included."""
        habit = self._of(klass)
        habit.handled = min(habit.handled + 1, MEMORY)
        habit.handle_us += nearest(handled_us - habit.handle_us, habit.handled)

    def note_left(self, leg: Leg, now_us: int) -> None:
        """Take note of a leg whose customer leaves while it waits."""
        habit = self._of(leg.klass)
        habit.left += 1
        habit.waited_us += now_us - leg.arrived_us
        if habit.left > LEFT_MAX:
            habit.left //= 2
            habit.waited_us //= 2

    def work_us(self, klass: LegClass) -> int:
        """Return for how long a contact of a class keeps its slot: from the offer to the end."""
        place = (klass.queue.name, klass.channel_index)
        habit = self._habits[place]
        handle_us = habit.handled * habit.handle_us + CREDIBILITY * self._priors[place]
        return handle_us // (habit.handled + CREDIBILITY) + habit.answer_us

    def leaving(self, klass: LegClass, waiting_us: int) -> float:
        """Return which share of those who wait leaves in a microsecond.

        One less than have left, over all the waiting: the unbiased estimate of an exponential rate.
        Without the waiting of those who still wait it would be too high while a line builds up.

        Args:
            klass: A class of the queue and channel.
            waiting_us: How long those have waited in all who wait there now.
        """
        habit = self._of(klass)
        waited_us = habit.waited_us + waiting_us
        return (habit.left - 1) / waited_us if habit.left > 1 and waited_us else 0.0

    def _of(self, klass: LegClass) -> Habit:
        return self._habits[klass.queue.name, klass.channel_index]

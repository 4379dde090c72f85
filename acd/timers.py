"""When leases and blocks end, exactly and never polled: a heap of instants.

The deadline itself stands in the state (an offer's lease, a leg's exclusion, an agent's back-off);
an entry of the heap only points at it, and counts as long as the state says the same instant. So
nothing is ever cancelled, and a restored router makes its timers from its state.
"""

from collections.abc import Callable
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, TypeAlias

from acd.contacts import LegState
from acd.ids import STEP_US_MAX, plain

if TYPE_CHECKING:
    from acd.floor import Floor

_SIZE_MIN: Final = 1_024


@plain
class Timer(IntEnum):
    """What ends. At one instant, in this order."""

    EXCLUSION = 0
    BACK_OFF = 1
    LEASE = 2
    STAGE = 3
    GAP = 4
    HOLD = 5
    EXPIRY = 6
    SHIFT = 7
    OVERFLOW = 8
    HAND_OVER = 9
    TAKE_OVER = 10
    TREATMENT = 11
    CALLBACK = 12


_LEASE: Final = Timer.LEASE
"""Asked for with every offer: Python 3.11 takes 0.1 µs to look up a member of an enum."""

Entry: TypeAlias = tuple[int, Timer, int, int]
"""(at_us, what, number of leg, offer or hand-over or index of agent, index of the excluded agent or
of the origin among the settings' domains)."""


class Timers:
    """The instants at which something ends.

    Args:
        counts: Says whether the state still says what an entry says.
    """

    def __init__(self, counts: Callable[[Entry], bool]) -> None:
        self._counts = counts
        self.soonest_us = STEP_US_MAX
        """Nothing ends before; it may be earlier than the next end."""
        self._heap: list[Entry] = []
        self._size_max = _SIZE_MIN
        """With more entries than this the void ones are thrown out."""
        self._new: list[Entry] = []
        """Not in the heap yet. They are put there when somebody asks for the next end, and most
        are void by then: an offer taken at once, a call connected at once."""

    def __len__(self) -> int:
        """Return how many entries are kept, void ones included."""
        return len(self._heap) + len(self._new)

    def add(self, at_us: int, timer: Timer, number: int, excluded: int = 0) -> None:
        """Let something end at an instant."""
        self._new.append((at_us, timer, number, excluded))
        if at_us < self.soonest_us:  # noqa: PLR1730 - a call of min() takes twice as long.
            self.soonest_us = at_us

    def next_us(self) -> int | None:
        """Return the instant at which something ends next, or None."""
        heap, new = self._heap, self._new
        if new:
            for entry in new:
                if self._counts(entry):
                    heappush(heap, entry)
            new.clear()
            if len(heap) > self._size_max:
                heap[:] = [entry for entry in heap if self._counts(entry)]
                heapify(heap)
                self._size_max = max(_SIZE_MIN, 2 * len(heap))
        while heap:
            if self._counts(heap[0]):
                # No step is later, so neither may the fast way of `Router.step` let one pass.
                self.soonest_us = min(heap[0][0], STEP_US_MAX)
                return heap[0][0]
            heappop(heap)
        self.soonest_us = STEP_US_MAX
        return None

    def is_due(self, now_us: int) -> bool:
        """Return whether something ends by now."""
        due_us = self.next_us()
        return due_us is not None and due_us <= now_us

    def pop_due(self, now_us: int) -> Entry | None:
        """Take out what ends next if it ends by now; None if nothing does."""
        return heappop(self._heap) if self.is_due(now_us) else None


def stands(floor: "Floor", entry: Entry) -> bool:
    """Return whether the state still says when something ends as an entry does."""
    at_us, timer, number, agent = entry
    if timer is _LEASE:
        offer = floor.offers.get(number)
        return offer is not None and offer.until_us == at_us
    if timer is Timer.BACK_OFF:
        return floor.agents[number].back_off_until_us == at_us
    if timer is Timer.GAP:
        return floor.agents[number].gap_until_us == at_us
    if timer is Timer.SHIFT:
        return floor.agents[number].shift_changes_us == at_us
    if timer is Timer.HAND_OVER or timer is Timer.TAKE_OVER:
        return floor.hand_overs.awaits(timer, number, agent, at_us)
    leg = floor.legs.get(number)
    if timer is Timer.HOLD:
        return leg is not None and leg.kept_until_us == at_us
    if timer is Timer.STAGE:
        return leg is not None and leg.widens_us == at_us and leg.state is LegState.QUEUED
    if timer is Timer.EXPIRY:
        return leg is not None and leg.expires_us == at_us and leg.state is LegState.QUEUED
    if timer is Timer.OVERFLOW:
        return leg is not None and leg.overflows_us == at_us and leg.state is LegState.QUEUED
    if timer is Timer.TREATMENT:
        return leg is not None and leg.treats_us == at_us and leg.state is LegState.QUEUED
    if timer is Timer.CALLBACK:
        return leg is not None and leg.due_us == at_us
    return leg is not None and leg.excluded is not None and leg.excluded.get(agent) == at_us

"""A matcher that keeps the gauges of `acd.gauges` in step, and leaves the choice to another.

It stands between the floor and the matcher only in domains that have such gauges; all others pay
nothing for them.
"""

from collections.abc import Callable, Sequence

from acd.agents import Agent, Kind
from acd.contacts import Leg
from acd.gauges import Gauges
from acd.matchers import CountedMatcher, Matcher, Pair


class Counting:
    """Counts who waits and who can take a call; for the rest it is the matcher that it is given."""

    def __init__(self, matcher: CountedMatcher, gauges: Gauges) -> None:
        self._matcher = matcher
        self._gauges = gauges
        self.next_pair: Callable[[int], Pair | None] = matcher.next_pair
        self.another: Callable[[Leg, Sequence[Agent]], Agent | None] = matcher.another
        self.settle: Callable[[], None] = matcher.settle

    def wait(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, or that its exclusions changed while it is."""
        backlog = leg.klass.backlog
        if backlog is not None and backlog.come(leg.leg_id):
            self._matcher.turned(backlog, opened=True)
        if leg.klass.door is not None:
            leg.klass.door.legs.add(leg.leg_id)
        self._matcher.wait(leg)

    def remove(self, leg: Leg) -> None:
        """Note that a leg waits no longer."""
        backlog = leg.klass.backlog
        if backlog is not None:
            backlog.go(leg.leg_id)
        if leg.klass.door is not None:
            leg.klass.door.legs.discard(leg.leg_id)
        self._matcher.remove(leg)

    def refresh(self, agent: Agent) -> None:
        """Note that an agent's availability, device, slots or idle clock changed."""
        for headroom in agent.headrooms:
            was_tight = headroom.is_tight
            is_tight = headroom.note(agent)
            if is_tight is not was_tight:
                self._matcher.turned(headroom, opened=was_tight)
        self._matcher.refresh(agent)

    def moved(self, agent: Agent, before: Kind) -> None:
        """Note that an agent is of another kind than before: he counts elsewhere."""
        for headroom, was_tight in self._gauges.move(agent, before):
            if headroom.is_tight is not was_tight:
                self._matcher.turned(headroom, opened=was_tight)
        self._matcher.moved(agent, before)


def counting(matcher: CountedMatcher, gauges: Gauges) -> Matcher:
    """Return a matcher that keeps a domain's gauges too; itself where there are none."""
    has_any = gauges.backlogs or gauges.headrooms or gauges.doors.of_queue
    return Counting(matcher, gauges) if has_any else matcher

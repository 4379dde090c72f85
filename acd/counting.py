"""A matcher that keeps others in step with what waits and who works, and leaves the choice to one.

Those are the gauges of `acd.gauges` and the estimates of `acd.wait_time`. It stands between the
floor and the matcher only in domains that have such; all others pay nothing for them.
"""

from collections.abc import Callable, Sequence

from acd.agents import Agent, Kind
from acd.contacts import Leg
from acd.gauges import Gauges
from acd.matchers import CountedMatcher, Matcher, Pair
from acd.wait_time import WaitTimes


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
        if leg.klass.gate is not None:
            leg.klass.gate.come(leg)
        for limit in leg.limits:
            limit.come(leg)
        self._matcher.wait(leg)

    def remove(self, leg: Leg) -> None:
        """Note that a leg waits no longer."""
        backlog = leg.klass.backlog
        if backlog is not None:
            backlog.go(leg.leg_id)
        if leg.klass.door is not None:
            leg.klass.door.legs.discard(leg.leg_id)
        if leg.klass.gate is not None:
            leg.klass.gate.go(leg)
        for limit in leg.limits:
            limit.go(leg)
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


class Watching:
    """Tells estimates who waits and who changed; for the rest it is the matcher it is given."""

    def __init__(self, matcher: Matcher, wait_times: WaitTimes) -> None:
        self._matcher = matcher
        self._wait_times = wait_times
        self.next_pair: Callable[[int], Pair | None] = matcher.next_pair
        self.another: Callable[[Leg, Sequence[Agent]], Agent | None] = matcher.another
        self.settle: Callable[[], None] = matcher.settle

    def wait(self, leg: Leg) -> None:
        """Note that a leg is QUEUED, or that its exclusions changed while it is."""
        self._wait_times.wait(leg)
        self._matcher.wait(leg)

    def remove(self, leg: Leg) -> None:
        """Note that a leg waits no longer."""
        self._wait_times.remove(leg)
        self._matcher.remove(leg)

    def refresh(self, agent: Agent) -> None:
        """Note that an agent's availability, device, slots or idle clock changed."""
        self._wait_times.refresh(agent)
        self._matcher.refresh(agent)

    def moved(self, agent: Agent, before: Kind) -> None:
        """Note that an agent is of another kind now."""
        self._wait_times.moved(agent, before)
        self._matcher.moved(agent, before)


def counting(
    matcher: CountedMatcher,
    gauges: Gauges,
    wait_times: WaitTimes | None,
    *,
    limited: bool = False,
) -> Matcher:
    """Return a matcher that keeps a domain's gauges and estimates too; itself without any.

    Args:
        matcher: Who chooses.
        gauges: What is counted.
        wait_times: What waits are estimated by; None where none are.
        limited: Whether the domain has limits on admission.
    """
    has_any = gauges.backlogs or gauges.headrooms or gauges.doors.of_queue or gauges.gates
    counted: Matcher = Counting(matcher, gauges) if has_any or limited else matcher
    return counted if wait_times is None else Watching(counted, wait_times)

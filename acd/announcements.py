"""What a customer is told of his wait, and what he is told next.

Whoever has been told ten minutes and hears twelve a minute later has been told wrong. So the second
announcement is what is left of the first, or the fresh estimate if that is less. It rises for two
causes only, which it names: fewer agents work for him than when he was told (`agents_left`), or
more legs are ahead of him (`overtaken`).

Source: our own; Wazo announces the distance from the estimate to the time waited, which grows again
once the estimate has passed, and Asterisk a mean that knows neither place nor agents.
"""

from msgspec import Struct

from acd.ids import RiseCause


class Estimate(Struct, frozen=True, gc=False):
    """How long a leg will go on waiting, and on what that rests; see `acd.wait_time`."""

    wait_us: int | None
    """From now until it is offered to the agent who takes it; None where no eligible agent is at
    work."""
    ahead: int
    """Waiting legs before it that some of its agents may take."""
    agents: int
    """Agents at work who may take it."""


class Announced(Struct, frozen=True, gc=False):
    """What a leg's customer was told last."""

    at_us: int
    wait_us: int
    """How long he will go on waiting from then on."""
    ahead: int
    agents: int
    """Both as the estimate had them."""


def announce(
    before: Announced | None, fresh: Estimate, now_us: int
) -> tuple[Announced, RiseCause | None] | None:
    """Return what a customer is told now, and why it is more than what was left, if it is.

    None where nothing can be said.

    Args:
        before: What he was told last; None for nothing.
        fresh: The estimate of his leg.
        now_us: The instant, not before that of the last announcement.

    >>> first, _ = announce(None, Estimate(600, 4, 3), 0)
    >>> announce(first, Estimate(700, 4, 3), 60)
    (Announced(at_us=60, wait_us=540, ahead=4, agents=3), None)
    >>> told, because = announce(first, Estimate(700, 4, 2), 60)
    >>> told.wait_us, str(because)
    (700, 'agents_left')
    """
    wait_us = fresh.wait_us
    if wait_us is None:
        return None
    because = None
    if before is not None:
        left_us = max(before.wait_us - (now_us - before.at_us), 0)
        if wait_us > left_us:
            if fresh.agents < before.agents:
                because = RiseCause.AGENTS_LEFT
            elif fresh.ahead > before.ahead:
                because = RiseCause.OVERTAKEN
            else:
                wait_us = left_us
    return Announced(now_us, wait_us, fresh.ahead, fresh.agents), because

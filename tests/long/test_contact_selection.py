"""What the policies of contact selection are for, in simulated time.

Method: two or three queues share one pool of agents that is loaded to 92 %, so that somebody often
waits. Arrivals, handling times and seeds are those of the compared run (common random numbers).
Time is cut into batches of some 3,300 contacts, while queues at this load forget within some 600,
1 / (1 − √ρ)²; standard errors are those of batch means, and tolerances are three of them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from acd.actions import OfferContact
from acd.events import ContactArrived
from acd.ids import Channel
from acd.settings import (
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    Urgency,
)
from acd.urgency import handle_time_us
from sim import driver
from sim.textbook import START_US
from sim.workload import HOUR_US, SECOND_US, Handle, Scenario, Shape, Stream

pytestmark = pytest.mark.timeout(900)
"""The usual limit is for tests that hang; these take a minute of CPU, and machines are shared."""

AGENTS = 20
BATCHES = 20
LOAD = 0.92
HOURS = 200
SEED = 1


Line = tuple[float, int, dict[str, Any]]


def pool(
    urgency: Urgency,
    lines: Sequence[Line],
) -> Scenario:
    """Return queues that share a pool.

    Args:
        urgency: The policy.
        lines: For each queue its part of the load, its mean handling time in seconds, and the
            numbers that the policy reads.
    """
    timed = urgency in {Urgency.C_MU, Urgency.GENERALIZED_C_MU}
    queues = tuple(
        QueueSettings(
            name=f"q{at}",
            channels={
                Channel.VOICE: ChannelSettings(
                    auto_answer=True, handle_time_us=mean_s * SECOND_US if timed else None
                )
            },
            **numbers,
        )
        for at, (_, mean_s, numbers) in enumerate(lines)
    )
    settings = DomainSettings(
        name="pool",
        queues=queues,
        profiles=(
            ProfileSettings(
                name="all",
                serves=tuple(Serves(queue=one.name, channels=(Channel.VOICE,)) for one in queues),
            ),
        ),
        capacities=(CapacitySettings(name="one", channels={Channel.VOICE: SlotSettings()}),),
        agents=tuple(
            AgentSettings(agent_id=f"agent-{n}", profile="all", capacity="one", group="all")
            for n in range(1, AGENTS + 1)
        ),
        urgency=urgency,
    )
    return Scenario(
        title="Pool",
        settings=settings,
        start_us=START_US,
        interval_us=HOURS * HOUR_US,
        intervals=1,
        streams=tuple(
            Stream(
                name=f"s{at}",
                queue=f"q{at}",
                channel=Channel.VOICE,
                rates_per_h=(part * LOAD * AGENTS / mean_s * 3_600,),
                handle=Handle(mean_s=mean_s, shape=Shape.EXPONENTIAL),
            )
            for at, (part, mean_s, _) in enumerate(lines)
        ),
        staffing={"all": (AGENTS,)},
    )


class Waits:
    """The waits of each queue by batch of arrival, and how long how many waited in each."""

    def __init__(self, scenario: Scenario) -> None:
        queues = len(scenario.settings.queues)
        self._batch_us = -(-(scenario.end_us - START_US) // BATCHES)
        self._came: dict[str, tuple[int, int]] = {}
        self.squares_s2: NDArray[np.float64] = np.zeros((queues, BATCHES))
        """Sum of the squared waits, in s²."""
        self.contact_us: NDArray[np.float64] = np.zeros((queues, BATCHES))
        """Contacts waiting × time, in µs, by batch of the time at which they waited."""
        self._waiting = np.zeros(queues)
        self._since_us = START_US

    def __call__(self, event: object, actions: Sequence[object], now_us: int) -> None:
        batch = min((self._since_us - START_US) // self._batch_us, BATCHES - 1)
        self.contact_us[:, batch] += self._waiting * (now_us - self._since_us)
        self._since_us = now_us
        if isinstance(event, ContactArrived):
            queue = int(event.queue[1:])
            self._came[event.contact_id] = (queue, now_us)
            self._waiting[queue] += 1
        for action in actions:
            if isinstance(action, OfferContact):
                queue, came_us = self._came.pop(action.contact_id)
                self._waiting[queue] -= 1
                batch = (came_us - START_US) // self._batch_us
                self.squares_s2[queue][batch] += ((now_us - came_us) / SECOND_US) ** 2


def watched(scenario: Scenario) -> Waits:
    waits = Waits(scenario)
    driver.run(scenario, SEED, on_step=waits)
    return waits


def error_of(batches: NDArray[np.float64]) -> float:
    """Return the standard error of the mean of batches."""
    return float(batches.std(ddof=1) / np.sqrt(len(batches)))


def test_generalized_c_mu_lowers_the_quadratic_cost_of_delay() -> None:
    """Against longest wait, with the same contacts: c × waited² / 2, summed over all contacts.

    Source: Van Mieghem, 1995; Mandelbaum and Stolyar, 2004.
    """
    costs = (1, 12)
    lines = [
        (0.6, 300, {"delay_cost": costs[0]}),
        (0.4, 100, {"delay_cost": costs[1]}),
    ]
    plain: list[Line] = [(part, mean_s, {}) for part, mean_s, _ in lines]
    rule = watched(pool(Urgency.GENERALIZED_C_MU, lines))
    fifo = watched(pool(Urgency.LONGEST_WAIT, plain))
    by_rule, by_fifo = ((np.array(costs) / 2) @ waits.squares_s2[:, 1:] for waits in (rule, fifo))
    saved = by_fifo - by_rule
    text = f"saved {saved.mean() / by_fifo.mean():.1%} ± {error_of(saved) / by_fifo.mean():.1%}"
    assert saved.mean() > 3 * error_of(saved), text
    assert by_rule.sum() < 0.8 * by_fifo.sum(), text


SHARES = (1, 2, 3)


def excess(waits: Waits) -> NDArray[np.float64]:
    """Return by how many contacts each queue exceeds its share, on average over each batch.

    The first is left out, here and elsewhere: it begins with nobody waiting.
    """
    contacts = waits.contact_us[:, 1:] / waits._batch_us
    shares = np.array(SHARES)[:, None] / sum(SHARES)
    return np.asarray(contacts - shares * contacts.sum(axis=0))


def test_queue_ratio_holds_the_shares() -> None:
    """On average each queue has its share of those who wait, though arrivals go the other way.

    Whole contacts are served, so a queue may be off by one; the rest must lie within the error.

    Source: Gurvich and Whitt, 2009: the ratios hold in the limit of many servers.
    """
    parts = (0.5, 0.3, 0.2)
    lines = [
        (part, 200, {"waiting_share": share}) for part, share in zip(parts, SHARES, strict=True)
    ]
    plain: list[Line] = [(part, 200, {}) for part in parts]
    held = excess(watched(pool(Urgency.QUEUE_RATIO, lines)))
    left = excess(watched(pool(Urgency.LONGEST_WAIT, plain)))
    for queue, name in enumerate(("few", "some", "most")):
        off, error = held[queue].mean(), error_of(held[queue])
        assert abs(off) <= 1 + 3 * error, f"{name}: {off:+.2f} ± {error:.2f}"
    # Without the rule the first and the last queue are off by contacts.
    for queue in (0, 2):
        off, error = left[queue].mean(), error_of(left[queue])
        assert abs(off) > 1 + 3 * error, f"{off:+.2f} ± {error:.2f}"


def test_the_rule_reads_the_handle_times_that_are_simulated() -> None:
    scenario = pool(Urgency.GENERALIZED_C_MU, [(1.0, 90, {"delay_cost": 1})])
    (queue,) = scenario.settings.queues
    assert handle_time_us(queue.channels[Channel.VOICE]) == 90 * SECOND_US

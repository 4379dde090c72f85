"""Contact selection: which waiting contact is the more urgent. One policy for the whole domain.

*Inside a class* the order is static: `key_function` gives the function that makes a leg's key once,
at its arrival, and legs of one class are compared by their keys at any time. Every key ends with
(arrival, number): one total order, no ties.

*Across classes* five policies compare the keys as well. Under the others (`LIVE`) time or counters
change who is first, so the heads of the classes are compared at the instant of the decision: by
their places, which `acd.heads` asks for with the functions below. Such a change needs no timer. A
decision is due when somebody may take what waits; at rest nobody may, whoever comes first, and the
next thing that makes a pair fit is an event of its own.

All numbers are Python's integers, which do not overflow; smaller is first. docs/routing/
contact_selection.md has the words that products use for each policy.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from acd.contacts import Leg
from acd.ids import Channel, QueueName
from acd.queues import Key, Numbers
from acd.settings import HOUR_US, ChannelSettings, DomainSettings, QueueSettings, Urgency

KeyFunction: TypeAlias = Callable[[int, int, int, int, Numbers], Key]
"""(arrived_us, leg_id, priority, promised_us, numbers of the class) → key."""

NO_CAP: Final = 2**82
"""More points × `HOUR_US` than anybody has: 2**20 points an hour × 2**60 µs, and the start."""

RATIO_BITS: Final = 91
"""Bits behind the point of `weighted_wait` and of c × μ. Their denominators are times of at most a
year, which is below 2**45 µs; so two different ones differ by more than 2**-90, and, shifted by 91
bits, by more than 2: their whole parts differ too, and in the same order."""

LIVE: Final = frozenset(
    {
        Urgency.AGEING,
        Urgency.WAIT_OVER_OBJECTIVE,
        Urgency.GENERALIZED_C_MU,
        Urgency.QUEUE_RATIO,
    }
)
"""The policies under which the order of two waiting legs of different classes may change."""

READS_PRIORITY: Final = frozenset({Urgency.STRICT_PRIORITY, Urgency.AGEING})
"""The policies that read priorities."""

UNBOUNDED: Final = frozenset({Urgency.STRICT_PRIORITY, Urgency.C_MU, Urgency.QUEUE_RATIO})
"""The policies under which a leg may be overtaken for as long as others keep coming, however long
it waits. `acd check` says so."""


# Keys: static, made once.


def _longest_wait(
    arrived_us: int, leg_id: int, priority: int, promised_us: int, numbers: Numbers, /
) -> Key:
    """Serve in the order of arrival, over all queues of an agent.

    Names: Avaya greatest need (current wait time, equal skill levels); Cisco longest in queue;
    Genesys conversation score without priorities; Connect equal priorities; TaskRouter one
    priority; Asterisk one queue without QUEUE_PRIO, across queues none.

    Source: first come, first served (A. K. Erlang, 1917).
    """
    del priority, promised_us, numbers
    return (arrived_us, leg_id)


def _strict_priority(
    arrived_us: int, leg_id: int, priority: int, promised_us: int, numbers: Numbers, /
) -> Key:
    """Put higher priority first, whatever the others have waited; no bound on their wait.

    Names: Avaya queue-to skill … pri; Cisco queue priority; Genesys PriorityOnly; Connect contact
    priority (lower first there); TaskRouter Priority; Asterisk QUEUE_PRIO.

    Source: the non-preemptive priority queue (A. Cobham, 1954).
    """
    del promised_us, numbers
    return (-priority, arrived_us, leg_id)


def _head_start(
    arrived_us: int, leg_id: int, priority: int, promised_us: int, numbers: Numbers, /
) -> Key:
    """Let it have arrived so much earlier: nobody who came more than that later goes first.

    Names: Avaya and Cisco none; Genesys TimestampAndPriority (a point is a minute); Connect routing
    age adjustment; TaskRouter virtual start time; Asterisk none (mod_callcenter: base score).

    Source: mod_callcenter's base score in seconds.
    """
    del priority, promised_us
    return (arrived_us - numbers.head_start_us, arrived_us, leg_id)


def _deadline_first(
    arrived_us: int, leg_id: int, priority: int, promised_us: int, numbers: Numbers, /
) -> Key:
    """Put the earliest promise first.

    Names: none in Avaya, Cisco, Genesys, Connect, TaskRouter, Asterisk (Zendesk: order by SLA).

    Source: earliest deadline first (Liu and Layland, 1973; Jackson's rule, 1955).
    """
    del priority, numbers
    return (promised_us, arrived_us, leg_id)


def _c_mu(
    arrived_us: int, leg_id: int, priority: int, promised_us: int, numbers: Numbers, /
) -> Key:
    """Put first where a minute of an agent saves most: cost of waiting × handling rate, c × μ.

    The product does not change while a leg waits, so its rank among the domain's queues and
    channels is the key (`_c_mu_ranks`); no bound on the wait of the others.

    Names: none in Avaya, Cisco, Genesys, Connect, TaskRouter, Asterisk; a fixed order of queues by
    c × μ is what Connect's queue priority in a profile or Asterisk's weight can be set to.

    Source: the cμ rule (W. E. Smith, 1956; D. R. Cox and W. L. Smith, "Queues", 1961), optimal for
    linear costs of delay.
    """
    del priority, promised_us
    return (numbers.rank, arrived_us, leg_id)


def _by_points(
    arrived_us: int, leg_id: int, priority: int, promised_us: int, numbers: Numbers, /
) -> Key:
    """Order legs that age at one rate: the difference of their points never changes.

    points × HOUR_US = priority × HOUR_US + rate × (now − arrival), whose part without `now`,
    negated, is the key; the cap does not change it, since min(points, cap) grows with the points.
    So contacts of any priority share a class, and the number of classes stays that of the queues.
    Where a queue's clock stands still at times its readings take the place of both instants
    (`acd.stages`).
    """
    del promised_us
    return (numbers.weight * arrived_us - priority * HOUR_US, arrived_us, leg_id)


_KEYS: Final[dict[Urgency, KeyFunction]] = {
    Urgency.LONGEST_WAIT: _longest_wait,
    Urgency.STRICT_PRIORITY: _strict_priority,
    Urgency.HEAD_START: _head_start,
    Urgency.DEADLINE_FIRST: _deadline_first,
    Urgency.AGEING: _by_points,
    # Of legs with one objective, one cost and one share, who has waited longest comes first.
    Urgency.WAIT_OVER_OBJECTIVE: _longest_wait,
    Urgency.C_MU: _c_mu,
    Urgency.GENERALIZED_C_MU: _longest_wait,
    Urgency.QUEUE_RATIO: _longest_wait,
}


def key_function(urgency: Urgency) -> KeyFunction:
    """Return the function that makes the keys of legs at their arrival."""
    return _KEYS[urgency]


def key_length(urgency: Urgency) -> int:
    """Return how long a static policy's keys are without the leg's number."""
    return 1 if urgency is Urgency.LONGEST_WAIT else 2


def splits_by_priority(urgency: Urgency) -> bool:
    """Return whether legs of different priority belong to different classes under this policy."""
    return urgency is Urgency.STRICT_PRIORITY


# Places: at the instant of a decision.


def ageing(leg: Leg, now_us: int) -> Key:
    """Let points grow while a leg waits: starting priority + rate × waited, up to a cap.

    Ordered by (min(points, cap), points, arrival): legs at their caps keep the order of their
    points, so nobody stands still among equals because everybody has waited long.

    Names: Avaya none; Cisco none; Genesys conversation score, TimestampAndPriority (60 points an
    hour); Connect routing age, as a fixed adjustment; TaskRouter a step that raises Priority;
    Asterisk none (mod_callcenter's score, 3,600 points an hour). CXone has initial priority,
    acceleration and maximum.

    Source: delay-dependent priorities (L. Kleinrock, 1964); the accumulating priority queue
    (D. A. Stanford, P. Taylor and I. Ziedins, 2014).
    """
    klass = leg.klass
    numbers = klass.numbers
    reading_us = now_us if klass.clock is None else klass.clock.reading_us(now_us)
    points = numbers.weight * reading_us - leg.key[0]
    return (-min(points, numbers.cap), -points, leg.key[1], leg.key[2])


def wait_over_objective(leg: Leg, now_us: int) -> Key:
    """Put first who has used up most of the service objective of his queue and channel.

    Names: Avaya service objective (Business Advocate, wait relative to the objective); the others
    none.

    Source: Avaya Business Advocate; largest weighted delay first (A. L. Stolyar and K. Ramanan,
    2001).
    """
    return (-weighted_wait(leg, now_us), *leg.key)


def generalized_c_mu(leg: Leg, now_us: int) -> Key:
    """Put first where waiting grows dearest by the minute: c × waited × μ.

    That is the derivative of a quadratic cost of delay, c × waited² / 2, times the handling rate.

    Names: none in Avaya, Cisco, Genesys, Connect, TaskRouter, Asterisk.

    Source: J. A. Van Mieghem, "Dynamic scheduling with convex delay costs: the generalized cμ
    rule", 1995; A. Mandelbaum and A. L. Stolyar, "Scheduling flexible servers with convex delay
    costs", 2004: asymptotically optimal in heavy traffic.
    """
    return (-weighted_wait(leg, now_us), *leg.key)


def weighted_wait(leg: Leg, now_us: int) -> int:
    """Return waited × weight / period of a leg's class, × 2**`RATIO_BITS`, without its fraction.

    It compares as the fraction itself, and what is equal here is equal exactly (`RATIO_BITS`).
    """
    numbers = leg.klass.numbers
    waited_us = leg.klass.counted_us(leg.arrived_us, now_us)
    return (waited_us * numbers.weight << RATIO_BITS) // numbers.period_us


def queue_ratio(leg: Leg, excess: int) -> Key:
    """Put first the queue that exceeds its share of the waiting contacts most.

    `excess` is that of the leg's queue (`excess_of`); inside a queue the first who came is first.
    No bound on the wait of a single contact: a queue with few waiting is passed by for as long as
    the others hold more than their shares.

    Names: Avaya percent allocation, which gives an agent's time in shares, not the waiting
    contacts; the others none.

    Source: fixed-queue-ratio routing (I. Gurvich and W. Whitt, "Queue-and-idleness-ratio controls
    in many-server service systems", 2009).
    """
    return (-excess, *leg.key)


def excess_of(waiting: int, waiting_in_all: int, share: int, shares: int) -> int:
    """Return by how many contacts a queue exceeds its share of all that wait, × `shares`.

    Args:
        waiting: Contacts waiting in the queue.
        waiting_in_all: Contacts waiting in all queues.
        share: The queue's share.
        shares: The sum of all queues' shares; above 0.

    >>> excess_of(3, 4, 1, 2)  # Three of four wait where half should: one too many.
    2
    """
    return waiting * shares - share * waiting_in_all


# Numbers.


def handle_time_us(channel: ChannelSettings) -> int:
    """Return the mean handle time of a queue's contacts on a channel, 1 / μ.

    The same for all agents. Whoever has measured times of an agent puts them in here, with the
    agent as a further argument.
    """
    assert channel.handle_time_us is not None
    return channel.handle_time_us


def numbers_of(settings: DomainSettings) -> dict[tuple[QueueName, Channel], Numbers]:
    """Return what the policy reads, by queue and channel. The settings have no mistakes."""
    ranks = _c_mu_ranks(settings) if settings.urgency is Urgency.C_MU else {}
    found = {}
    for position, queue in enumerate(settings.queues):
        for name, channel in queue.channels.items():
            match settings.urgency:
                case Urgency.AGEING:
                    numbers = _ageing_numbers(queue, settings)
                case Urgency.WAIT_OVER_OBJECTIVE:
                    numbers = Numbers(period_us=channel.objective_us)
                case Urgency.GENERALIZED_C_MU:
                    assert queue.delay_cost is not None
                    numbers = Numbers(weight=queue.delay_cost, period_us=handle_time_us(channel))
                case Urgency.C_MU:
                    numbers = Numbers(rank=ranks[queue.name, name])
                case Urgency.QUEUE_RATIO:
                    assert queue.waiting_share is not None
                    numbers = Numbers(queue=position, share=queue.waiting_share)
                case _:
                    numbers = Numbers(head_start_us=queue.head_start_us or 0)
            found[queue.name, name] = numbers
    return found


def _ageing_numbers(queue: QueueSettings, settings: DomainSettings) -> Numbers:
    rate = settings.ageing_per_h if queue.ageing_per_h is None else queue.ageing_per_h
    assert rate is not None
    cap = NO_CAP if queue.ageing_cap is None else queue.ageing_cap * HOUR_US
    return Numbers(weight=rate, cap=cap)


def _c_mu_ranks(settings: DomainSettings) -> dict[tuple[QueueName, Channel], int]:
    """Return the rank of each queue and channel by c × μ, largest first; equals share a rank."""
    products = {
        (queue.name, name): (queue.delay_cost << RATIO_BITS) // handle_time_us(channel)
        for queue in settings.queues
        for name, channel in queue.channels.items()
        if queue.delay_cost is not None
    }
    order = sorted(set(products.values()), reverse=True)
    ranks = {product: rank for rank, product in enumerate(order)}
    return {place: ranks[product] for place, product in products.items()}

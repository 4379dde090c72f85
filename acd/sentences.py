"""Explanations as sentences, one each, made to be read on a line of a terminal.

The names in them are those of the data (`acd.explanation`): blocks, criteria and policies are
called what the configuration and docs/routing.md call them, so that they can be looked up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from acd.actions import HandOver, OverflowLeg
from acd.announcements import Estimate
from acd.eligibility import Block
from acd.explanation import Decision, OfferExplanation, WaitExplanation
from acd.settings import SECOND_US
from acd.standing import Obstacle, Standing

NAMED_MAX: Final = 3
"""Most agents that a sentence names of those who may not be offered a leg; the rest are counted."""


def seconds(at_us: int) -> str:
    """Return an instant or a span as a journal writes it.

    >>> seconds(12_500_000)
    '12.500000'
    """
    return f"{at_us // SECOND_US}.{at_us % SECOND_US:06}"


def tell_offer(one: OfferExplanation) -> str:
    """Return in a sentence why an offer was made."""
    further = " too" if one.is_further else ""
    head = f"offer {one.offer_id}: {one.contact_id} (leg {one.leg_id}, {one.queue} {one.channel})"
    parts = [f"{head} to {one.agent_id}{further}: {_agent_part(one)}"]
    if one.leg_decision is not None:
        legs = f"{one.legs_in_all:,} contacts that this agent might take"
        parts.append(_decided(one.leg_decision, one.contact_id, legs))
    if one.others_by:
        parts.append(f"not to {_others(one.others, one.others_by)}")
    if not one.holds:
        parts.append("by other rules than today's")
    return "; ".join(parts)


def tell_wait(one: WaitExplanation) -> str:
    """Return in a sentence what a leg waits for."""
    head = f"{one.contact_id} (leg {one.leg_id}, {one.queue} {one.channel})"
    vain = f", after {one.attempts} in vain" if one.attempts else ""
    if one.due_us:
        return f"{head} is to be called back, and not before {seconds(one.due_us)}{vain}"
    waits = f"{head} waits since {seconds(one.at_us - one.waited_us)}"
    if one.counted_us != one.waited_us:
        waits += f" ({seconds(one.counted_us)} in opening hours)"
    if one.is_called_back:
        waits += f" to be called back{vain}"
    rest = dict(one.others_by)
    if not one.agents:
        parts = [f"{waits}: no agent is eligible"]
    elif not one.waits_for:
        parts = [f"{waits}: may be offered to {one.agents[0].agent_id} at the next step"]
    else:
        nearest = one.agents[0]
        comma = "," if one.is_called_back else ""
        parts = [f"{waits}{comma} for {nearest.agent_id}: {_obstacles(nearest)}"]
        rest = _without(rest, [nearest])
    if rest:
        named = one.agents[1:] if one.waits_for else ()
        parts.append(f"not to {_others(named, rest)}")
    if one.estimate is not None:
        parts.append(_estimated(one.estimate))
    if one.asks:
        parts.append(f"{one.asks} is asked to take it until {seconds(one.asks_until_us)}")
    if one.widens_us:
        parts.append(f"open to more at {seconds(one.widens_us)}")
    if one.expires_us:
        parts.append(f"expires at {seconds(one.expires_us)}")
    if one.overflows_us:
        parts.append(f"overflows at {seconds(one.overflows_us)}")
    return "; ".join(parts)


def _estimated(estimate: Estimate) -> str:
    """Return how long a leg will go on waiting.

    >>> _estimated(Estimate(90_000_000, 3, 2)), _estimated(Estimate(None, 0, 0))
    ('estimated wait 90.000000, behind 3 with 2 at work', 'estimated wait unknown: nobody at work')
    """
    if estimate.wait_us is None:
        return "estimated wait unknown: nobody at work"
    who = f"behind {estimate.ahead:,} with {estimate.agents:,} at work"
    return f"estimated wait {seconds(estimate.wait_us)}, {who}"


def tell_overflow(one: OverflowLeg) -> str:
    """Return in a sentence why a contact left its queue, and where it went.

    >>> from acd.ids import OverflowCause
    >>> tell_overflow(OverflowLeg(3, "c1", OverflowCause.MAX_WAIT, queue="service"))
    'c1 (leg 3) goes to the queue service: max_wait'
    >>> tell_overflow(OverflowLeg(3, "c1", OverflowCause.CLOSED, callback="later"))
    'c1 (leg 3) is called back, with the message later: closed'
    >>> tell_overflow(OverflowLeg(3, "c1", OverflowCause.RATE, message="busy", limit="tv"))
    'c1 (leg 3) is turned away with the message busy: rate of the limit tv'
    """
    if one.queue:
        where = f"goes to the queue {one.queue}"
    elif one.voicemail:
        where = f"goes to the voicemail {one.voicemail}"
    elif one.callback:
        where = f"is called back, with the message {one.callback}"
    else:
        where = f"is turned away with the message {one.message}"
    of_limit = f" of the limit {one.limit}" if one.limit else ""
    return f"{one.contact_id} (leg {one.leg_id}) {where}: {one.because}{of_limit}"


def tell_hand_over(one: HandOver) -> str:
    """Return in a sentence that another domain is asked to take a contact.

    >>> from acd.events import ContactArrived
    >>> from acd.ids import Channel
    >>> arrival = ContactArrived(contact_id="c1", queue="sales", channel=Channel.CHAT)
    >>> tell_hand_over(HandOver("south", 1, 3, arrival, 0, 5_000_000))
    'c1 (leg 3) is offered to the domain south until 5.000000, for its queue sales'
    """
    because = f": {one.because}" if one.because else ""
    asked = f"is offered to the domain {one.domain} until {seconds(one.until_us)}"
    leg = f"{one.arrival.contact_id} (leg {one.leg_id})"
    return f"{leg} {asked}, for its queue {one.arrival.queue}{because}"


def _agent_part(one: OfferExplanation) -> str:
    """Return why this agent."""
    decision = one.agent_decision
    looked = f", looked for as the agent of {one.chosen_for}"
    for_other = looked if one.chosen_for != one.contact_id else ""
    if decision is not None:
        agents = f"{one.candidates_in_all:,} agents"
        return f"{_decided(decision, one.agent_id, agents)}{for_other}"
    if one.agent_id in one.candidates:
        return f"the only agent who might be offered it{for_other}"
    return "who might not be offered it"


def _decided(decision: Decision, chosen: str, of_all: str) -> str:
    """Return what decided between the chosen one and the best other, of so many in all."""
    if decision.holds:
        return f"{decision.by} puts {chosen} first of {of_all}, before {decision.over}"
    return f"{decision.by} would put {decision.over} before {chosen}, of {of_all}"


def _others(named: Sequence[Standing], counted: Mapping[str, int]) -> str:
    """Return who may not be offered a leg: the nearest by name, of all others how many and why."""
    named = [one for one in named if one.obstacles][:NAMED_MAX]
    parts = [f"{one.agent_id} ({_obstacles(one)})" for one in named]
    rest = _without(counted, named)
    if rest:
        more = "more" if named else "agents" if sum(rest.values()) > 1 else "agent"
        why = ", ".join(f"{count:,} {name}" for name, count in rest.items())
        parts.append(f"{sum(rest.values()):,} {more} ({why})")
    return ", ".join(parts)


def _without(counted: Mapping[str, int], named: Iterable[Standing]) -> dict[str, int]:
    """Return the counts without agents who are named."""
    told = Counter(one.hardest.name for one in named if one.hardest is not None)
    left = {name: count - told[name] for name, count in counted.items()}
    return {name: count for name, count in left.items() if count}


def _obstacles(one: Standing) -> str:
    return ", ".join(map(_obstacle, one.obstacles))


def _obstacle(one: Obstacle) -> str:
    """Return an obstacle's name, and its end.

    >>> _obstacle(Obstacle(Block.RESERVE, counted=1, wanted=3))
    'reserve while 1 of 3 wait'
    """
    if one.name == Block.RESERVE:
        return f"{one.name} while {one.counted:,} of {one.wanted:,} wait"
    if one.name == Block.HEADROOM:
        return f"{one.name} while {one.counted:,} of {one.wanted:,} can take a call"
    until = f" until {seconds(one.until_us)}" if one.until_us else ""
    said = f": {one.said}" if one.said else ""
    return f"{one.name}{said}{until}"

"""What agents do with the contacts they have: for how long, how fast, and what they set aside."""

import math
from collections.abc import Callable, Iterable
from typing import TypeAlias

from acd.actions import ConnectLeg, DialCustomer, InterruptLeg, OfferContact, ResumeLeg
from acd.ids import AgentId, Channel, OfferId
from sim.calendar import END, SET_ASIDE, TALKING, WAITING, Callbacks, Contact, Timer
from sim.sharing import Sharing
from sim.shifts import handed_back
from sim.workload import Handle, Pace, Scenario, Shape

Connecting: TypeAlias = OfferContact | ConnectLeg | DialCustomer
"""By which a customer is connected with an agent: the queue answers by itself, the agent does, or
the customer does, whom he calls."""


class Hands:
    """All agents' hands: they see to it that contacts end when their handling time is over.

    Args:
        scenario: Whose agents.
        schedule: Puts an entry into the calendar: it, its priority, and in how many µs.
        on_end: What ends a contact, unless its `ends_us` is another by then.
    """

    def __init__(
        self,
        scenario: Scenario,
        schedule: Callable[..., None],
        on_end: Callable[[Contact], None],
    ) -> None:
        self._schedule = schedule
        # Lists made once: SimPy calls what an entry's list holds, and never changes the list.
        self._on_end: Callbacks = [on_end]
        self._on_later_end: Callbacks = [lambda entry: on_end(entry.about)]
        self._paces = _paces_by_agent(scenario)
        self._sharing = Sharing(scenario.concurrency)
        self._may_interrupt = _interruptible_channels(scenario)
        self._interruptible: dict[OfferId, Contact] = {}
        """Contacts with an agent, that may be set aside, or handed back, before they end."""
        self._is_plain = not (self._paces or scenario.concurrency or self._may_interrupt)

    def begin(self, contact: Contact, action: Connecting, now_us: int) -> None:
        """Begin to handle a contact."""
        contact.stage = TALKING
        contact.offer_id = action.offer_id
        if not self._is_plain:
            pace = self._paces.get(action.agent_id)
            if pace is not None and not contact.answered:
                contact.handle_us = paced_us(contact.stream.handle, pace, contact.handle_us)
            if contact.stream.channel in self._may_interrupt:
                self._interruptible[action.offer_id] = contact
            if self._sharing.shares(contact):
                contact.answered = True
                self._put_off(self._sharing.begin(contact, action.agent_id, now_us), now_us)
                return
        contact.ends_us = now_us + contact.handle_us
        if contact.answered:  # Handed back by another agent: its own entry is used.
            self._put_off((contact,), now_us)
            return
        contact.answered = True
        contact.callbacks = self._on_end
        self._schedule(contact, END, contact.handle_us)

    def end(self, contact: Contact, now_us: int) -> None:
        """Let go of a contact whose time is over."""
        if not self._is_plain:
            self._interruptible.pop(contact.offer_id, None)
            if self._sharing.shares(contact):
                self._put_off(self._sharing.end(contact, now_us), now_us)

    def set_aside(self, action: InterruptLeg, now_us: int) -> None:
        """Freeze what is left of a contact."""
        contact = self._interruptible.get(action.offer_id)
        # A contact in wrap-up may be interrupted too; its time is the router's.
        if contact is not None:
            contact.stage = SET_ASIDE
            if self._sharing.shares(contact):
                self._put_off(self._sharing.end(contact, now_us), now_us)
            else:
                contact.handle_us = contact.ends_us - now_us

    def take_back(self, offer_id: OfferId, now_us: int) -> Contact:
        """Let go of a contact that waits again, with what is left of its handling."""
        contact = self._interruptible.pop(offer_id)
        contact.stage = WAITING
        if self._sharing.shares(contact):
            self._put_off(self._sharing.end(contact, now_us), now_us)
        else:
            contact.handle_us = contact.ends_us - now_us
        return contact

    def resume(self, action: ResumeLeg, now_us: int) -> None:
        """Go on with a contact that was set aside."""
        contact = self._interruptible.get(action.offer_id)
        if contact is not None:
            contact.stage = TALKING
            if self._sharing.shares(contact):
                self._put_off(self._sharing.begin(contact, action.agent_id, now_us), now_us)
            else:
                contact.ends_us = now_us + contact.handle_us
                self._put_off((contact,), now_us)

    def _put_off(self, contacts: Iterable[Contact], now_us: int) -> None:
        """Have contacts end at another time than was said before."""
        for contact in contacts:
            self._schedule(Timer(self._on_later_end, contact), END, contact.ends_us - now_us)


def paced_us(handle: Handle, pace: Pace, handle_us: int) -> int:
    """Return how long an agent takes for what takes an agent of pace 1 so long, at least 1 µs.

    The standard variate of the leg stays; it is scaled to the agent's mean and squared coefficient
    of variation. So whom the router chooses changes the duration, and not the customer.

    Source:
        A lognormal x of mean m and scv c has the variate z = (ln x − µ) / σ, σ² = ln(1 + c) and
        µ = ln m − σ² / 2; the agent's time is exp(µ' + σ' z).
    """
    factor = pace.mean_factor
    if pace.scv_factor == 1 or handle.shape is Shape.EXPONENTIAL:
        return max(round(handle_us * factor), 1)
    variance = math.log1p(handle.scv)
    own = math.log1p(handle.scv * pace.scv_factor)
    mean_us = handle.mean_s * 1e6
    standard = (math.log(handle_us / mean_us) + variance / 2) / math.sqrt(variance)
    return max(round(mean_us * factor * math.exp(math.sqrt(own) * standard - own / 2)), 1)


def _paces_by_agent(scenario: Scenario) -> dict[AgentId, Pace]:
    """Return the paces of those agents who have one: their own, or else their group's."""
    found = {}
    for agent in scenario.settings.agents:
        pace = scenario.paces.get(agent.agent_id) or scenario.paces.get(agent.group)
        if pace is not None:
            found[agent.agent_id] = pace
    return found


def _interruptible_channels(scenario: Scenario) -> frozenset[Channel]:
    """Return the channels of which an agent may lay down a contact before it ends."""
    return handed_back(scenario).union(
        channel
        for capacity in scenario.settings.capacities
        for channel, slot in capacity.channels.items()
        if slot.interrupted_by
    )

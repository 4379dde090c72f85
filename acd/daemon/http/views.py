"""What the API shows of queues, agents and contacts. Times are microseconds since the epoch."""

from dataclasses import dataclass
from typing import Any, Final

from acd.acknowledgement import WRITTEN, reference_of
from acd.agents import CHANNELS, Agent, SlotState
from acd.contacts import Contact, Leg, LegState, Offer, Presence, is_handled
from acd.daemon.http.fold import Fold, totals
from acd.events import ContactArrived
from acd.ids import (
    AgentId,
    Availability,
    Channel,
    ContactId,
    ContactOutcome,
    Device,
    LegId,
    OfferId,
    QueueName,
    WrapUpMode,
)
from acd.router import Router
from acd.settings import QueueSettings

LEG_STATES: Final = {state: state.name.lower() for state in LegState}
INTERRUPTED: Final = "interrupted"
"""A slot state that hides the leg's: what is set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """A queue on one channel."""

    channel: Channel
    waiting: int
    oldest_us: int | None
    """When the one arrived who waits longest."""
    offered: int
    """How many ring or are being connected."""
    handling: int
    """How many are connected, on hold or in wrap-up."""
    parked: int
    """How many are put away, or wrap up there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """A queue."""

    name: QueueName
    waiting: int
    oldest_us: int | None
    offered: int
    handling: int
    parked: int
    agents_ready: int
    """How many agents who serve it are ready, busy ones included."""
    channels: tuple[ChannelView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptView:
    """For whom a leg is kept that is not connected yet: first for one person, then for a team."""

    leg_id: LegId
    agent_id: AgentId | None
    """The one agent: whom the contact, an agent or a supervisor named, or who had it last."""
    until_us: int | None
    """Until when for him, at the latest: sooner if he goes away or does not take it."""
    team: str
    """What the agents of the account team meet; empty where it is kept for none."""
    team_until_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegView:
    """One leg of a contact."""

    leg_id: LegId
    queue: QueueName
    channel: Channel
    state: str
    arrived_us: int
    offer_id: OfferId | None
    """Of several that ring, the first."""
    agent_id: AgentId | None
    ringing_at: tuple[AgentId, ...]
    """The agents to whom it is offered; none once one of them has it."""
    consults: LegId | None
    """The leg whose agent asks the one who takes this leg, while the customer is on hold."""
    requirement: str
    """What it asks for beside what its queue does; a further leg has its own."""
    priority: int | None
    """Its own; null where it has that of its queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackView:
    """A customer who is to be called back."""

    contact_id: str
    queue: str
    customer: str
    booked_us: int | None
    """The time that was agreed; null where he left the line to be called in his turn."""
    due_us: int | None
    """Until when nobody calls; null once it is in line."""
    attempts: int
    """How often he was called in vain."""
    state: str
    """Of its leg: scheduled, queued, offered, connecting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLegView:
    """One slot of an agent."""

    offer_id: OfferId
    leg_id: LegId
    contact_id: ContactId
    queue: QueueName
    channel: Channel
    state: str
    """offered, connecting, connected, held, wrapping, or interrupted."""
    until_us: int | None
    """When ringing, connecting or wrap-up ends by itself."""
    reference: str | None
    """By which its customer may speak of it, where he wrote."""
    customer: str
    attributes: dict[str, str]
    consults: LegId | None
    """The leg whose agent asks him, while the customer is on hold; it is among the others."""
    others: tuple[LegView, ...]
    """The contact's other legs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """An agent."""

    agent_id: AgentId
    group: str
    profile: str
    """Which routing profile he has now, and …"""
    capacity: str
    """… which capacity profile."""
    availability: Availability
    reason: str
    after_this_one: bool
    device: Device
    wrap_up_mode: WrapUpMode
    idle_since_us: int | None
    """Since when no slot is in use; only where he is logged in."""
    legs: tuple[AgentLegView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDetail(AgentView):
    """An agent alone, with what decides which contacts he may take."""

    skills: dict[str, int]
    attributes: dict[str, str]
    is_changed: bool
    """Whether he is otherwise than the configuration says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactView:
    """An open contact."""

    contact_id: ContactId
    queue: QueueName
    channel: Channel
    reference: str | None
    """By which its customer may speak of it, where he wrote."""
    customer: str
    attributes: dict[str, str]
    requirement: str
    prefers: tuple[str, ...]
    priority: int | None
    promised_us: int | None
    presence: str
    """waiting, talking or gone."""
    legs: tuple[LegView, ...]
    kept: KeptView | None
    """For whom the one leg that is not connected yet is kept, if it is: others may not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The whole domain."""

    waiting: int
    offered: int
    handling: int
    parked: int
    arrived: int
    """Since the daemon began, as the next two."""
    handled: int
    abandoned: int
    agents: dict[Availability, int]
    """How many agents are in each availability."""


def queue_view(queue: QueueSettings, fold: Fold, *, agents_ready: int) -> QueueView:
    """Return what is shown of a queue. Cost: its channels."""
    lines = [(channel, fold.line(queue.name, channel)) for channel in queue.channels]
    channels = tuple(
        ChannelView(
            channel=channel,
            waiting=line.waiting,
            oldest_us=line.oldest_us(),
            offered=line.offered,
            handling=line.handling,
            parked=line.parked,
        )
        for channel, line in lines
    )
    sums = totals(line for _, line in lines)
    oldest = [one.oldest_us for one in channels if one.oldest_us is not None]
    return QueueView(
        name=queue.name,
        waiting=sums.waiting,
        oldest_us=min(oldest, default=None),
        offered=sums.offered,
        handling=sums.handling,
        parked=sums.parked,
        agents_ready=agents_ready,
        channels=channels,
    )


def totals_view(fold: Fold, agents: dict[Availability, int]) -> Totals:
    """Return the domain's totals. Cost: queues."""
    sums = totals(fold.lines.values())
    return Totals(
        waiting=sums.waiting,
        offered=sums.offered,
        handling=sums.handling,
        parked=sums.parked,
        arrived=fold.arrived,
        handled=fold.outcomes[ContactOutcome.HANDLED],
        abandoned=fold.outcomes[ContactOutcome.ABANDONED],
        agents=agents,
    )


def agent_view(agent: Agent, router: Router) -> AgentView:
    """Return what is shown of an agent. Cost: his slots."""
    return AgentView(**_of_agent(agent, router))


def agent_detail(agent: Agent, router: Router) -> AgentDetail:
    """Return what is shown of an agent who is asked for alone."""
    return AgentDetail(
        **_of_agent(agent, router),
        skills=dict(agent.kind.skills),
        attributes=dict(agent.kind.attributes),
        is_changed=router.is_changed(agent.agent_id),
    )


def _of_agent(agent: Agent, router: Router) -> dict[str, Any]:
    profile, capacity = agent.kind.desk.names
    idle = agent.is_idle and agent.availability is not Availability.LOGGED_OUT
    return {
        "agent_id": agent.agent_id,
        "group": agent.group,
        "profile": profile,
        "capacity": capacity,
        "availability": agent.availability,
        "reason": agent.reason,
        "after_this_one": agent.after_this_one,
        "device": agent.device,
        "wrap_up_mode": agent.wrap_up_mode,
        "idle_since_us": agent.idle_since_us if idle else None,
        "legs": tuple(_agent_leg(offer, router) for offer in agent.offers.values()),
    }


def contact_view(contact: Contact, router: Router) -> ContactView:
    """Return what is shown of a contact."""
    arrival = contact.arrival
    legs = [router.legs[number] for number in contact.legs]
    return ContactView(
        contact_id=arrival.contact_id,
        queue=arrival.queue,
        channel=arrival.channel,
        reference=_reference(arrival),
        customer=arrival.customer,
        attributes=dict(arrival.attributes),
        requirement=arrival.requirement,
        prefers=arrival.prefers,
        priority=arrival.priority,
        promised_us=arrival.promised_us,
        presence=Presence(contact.presence).name.lower(),
        legs=tuple(_leg(leg, router) for leg in legs),
        kept=next((kept for leg in legs if (kept := _kept(leg, router)) is not None), None),
    )


def callback_view(contact: Contact, leg: Leg) -> CallbackView | None:
    """Return what is shown of a callback; None if a leg is not that of one."""
    callback = contact.callback
    if callback is None or leg.state is LegState.WRAPPING:
        return None
    return CallbackView(
        contact_id=leg.contact_id,
        queue=callback.queue,
        customer=contact.arrival.customer,
        booked_us=callback.booked_us or None,
        due_us=leg.due_us or None,
        attempts=callback.attempts,
        state=LEG_STATES[leg.state],
    )


def _agent_leg(offer: Offer, router: Router) -> AgentLegView:
    leg = router.legs[offer.leg_id]
    contact = router.contacts[leg.contact_id]
    arrival = contact.arrival
    aside = offer.slot == SlotState.INTERRUPTED
    return AgentLegView(
        offer_id=offer.offer_id,
        leg_id=leg.leg_id,
        contact_id=leg.contact_id,
        queue=leg.klass.queue.name,
        channel=CHANNELS[offer.channel],
        state=INTERRUPTED if aside else LEG_STATES[leg.state],
        until_us=offer.until_us or None,
        reference=_reference(arrival),
        customer=arrival.customer,
        attributes=dict(arrival.attributes),
        consults=leg.consults or None,
        others=tuple(
            _leg(router.legs[number], router) for number in contact.legs if number != leg.leg_id
        ),
    )


def _reference(arrival: ContactArrived) -> str | None:
    return reference_of(arrival.contact_id) if arrival.channel in WRITTEN else None


def _leg(leg: Leg, router: Router) -> LegView:
    names = [router.agents[router.offers[number].agent].agent_id for number in leg.offers()]
    return LegView(
        leg_id=leg.leg_id,
        queue=leg.klass.queue.name,
        channel=leg.klass.channel,
        state=LEG_STATES[leg.state],
        arrived_us=leg.arrived_us,
        offer_id=leg.offer_id or None,
        agent_id=names[0] if names else None,
        ringing_at=tuple(names) if leg.state is LegState.OFFERED else (),
        consults=leg.consults or None,
        requirement=leg.asked.requirement,
        priority=leg.asked.priority,
    )


def _kept(leg: Leg, router: Router) -> KeptView | None:
    team = None if is_handled(leg) else leg.klass.team
    if leg.kept_for < 0 and team is None:
        return None
    return KeptView(
        leg_id=leg.leg_id,
        agent_id=router.agents[leg.kept_for].agent_id if leg.kept_for >= 0 else None,
        until_us=leg.kept_until_us or None,
        team="" if team is None else str(team),
        team_until_us=None if team is None else leg.arrived_us + leg.klass.team_us,
    )

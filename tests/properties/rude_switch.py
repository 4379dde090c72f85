"""Events as a rude switch sends them: late, repeated, crossed, missing, and for what is unknown."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, Protocol

from acd.contacts import LegState
from acd.events import (
    AgentChanged,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentNotReady,
    AgentReady,
    Batch,
    ClockTicked,
    ConsultEnded,
    ConsultRequested,
    ContactArrived,
    ContactAssigned,
    ContactCanceled,
    ContactLeft,
    ContactReprioritized,
    DeviceChanged,
    DrainRequested,
    LegConnected,
    LegDisposed,
    LegEnded,
    LegHeld,
    LegParked,
    LegRated,
    LegRequeued,
    LegResumed,
    LegRetrieved,
    LegTransferred,
    OfferAccepted,
    OfferFailed,
    OfferRejected,
    SingleEvent,
    WaitAsked,
    WrapUpEnded,
    WrapUpModeChanged,
)
from acd.ids import Channel, ConsultEnd, Device, FailureCause, WrapUpMode
from acd.settings import SECOND_US, DomainSettings
from tests.properties.domains import CHANNELS, PREFERENCES, REQUIREMENTS, some
from tests.properties.waiters import a_wish

CUSTOMERS: Final = ("", "k1", "k2")
"""Few, so that they come back."""

BAD_REQUIREMENTS: Final = ("cards and", "juggling", "site == moon", "x" * 600)

TOLD: Final = ("", "sale", "no sale", "sail")

OFFER_EVENTS: Final[tuple[Callable[[int, Random], SingleEvent], ...]] = (
    lambda number, _: OfferAccepted(offer_id=number),
    lambda number, _: OfferAccepted(offer_id=number),
    lambda number, rng: OfferRejected(
        offer_id=number, reason=rng.choice(("", "paperwork", "unwell", "no reason of ours"))
    ),
    lambda number, rng: OfferFailed(offer_id=number, cause=rng.choice(tuple(FailureCause))),
    lambda number, _: LegConnected(offer_id=number),
    lambda number, _: LegConnected(offer_id=number),
    lambda number, _: LegHeld(offer_id=number),
    lambda number, _: LegRetrieved(offer_id=number),
    lambda number, _: LegEnded(offer_id=number),
    lambda number, _: LegEnded(offer_id=number),
    lambda number, _: WrapUpEnded(offer_id=number),
    lambda number, rng: WrapUpEnded(offer_id=number, disposition=rng.choice(TOLD)),
    lambda number, _: LegParked(offer_id=number),
    lambda number, _: LegResumed(offer_id=number),
    lambda number, rng: LegDisposed(offer_id=number, disposition=rng.choice(TOLD)),
    lambda number, _: LegRequeued(offer_id=number),
    lambda number, rng: ConsultEnded(offer_id=number, how=rng.choice(tuple(ConsultEnd))),
)

BACK_TO_WORK: Final[tuple[Callable[[str, Random], SingleEvent], ...]] = (
    lambda name, _: AgentLoggedIn(agent_id=name),
    lambda name, _: AgentReady(agent_id=name),
    lambda name, _: AgentReady(agent_id=name),
    lambda name, _: DeviceChanged(agent_id=name, device=Device.REACHABLE),
)

POLITE: Final[dict[LegState, tuple[Callable[..., SingleEvent], ...]]] = {
    LegState.OFFERED: (OfferAccepted, LegConnected, LegConnected),
    LegState.CONNECTING: (LegConnected,),
    LegState.CONNECTED: (LegHeld, LegEnded, LegEnded, LegRequeued, LegParked),
    LegState.HELD: (LegRetrieved, LegEnded, LegEnded, LegRequeued),
    LegState.PARKED: (LegResumed, LegResumed, LegEnded),
    LegState.WRAPPING: (WrapUpEnded,),
}
"""What a polite switch would say next of an offer, by the state of its leg."""

TALKING: Final = (LegState.CONNECTED, LegState.HELD)

AGENT_EVENTS: Final[tuple[Callable[[str, Random], SingleEvent], ...]] = (
    lambda name, rng: AgentNotReady(agent_id=name, reason=rng.choice(("", "lunch"))),
    lambda name, _: AgentNotReady(agent_id=name, reason="tea", after_this_one=True),
    lambda name, _: DrainRequested(agent_id=name),
    lambda name, _: AgentLoggedOut(agent_id=name),
    lambda name, rng: DeviceChanged(agent_id=name, device=rng.choice(tuple(Device))),
    lambda name, rng: WrapUpModeChanged(agent_id=name, mode=rng.choice(tuple(WrapUpMode))),
)


class Inside(Protocol):
    """What the switch knows of the world."""

    settings: DomainSettings
    now_us: int
    contacts_sent: int

    @property
    def offers_made(self) -> int:
        """Return how many offers were made."""

    def taker_of(self, offer_id: int) -> tuple[str, str]:
        """Return the agent and the queue of an offer that was made."""

    def live_offers(self) -> Sequence[int]:
        """Return the numbers of the offers that have not ended."""

    def asking_offers(self) -> Sequence[int]:
        """Return the numbers of the offers whose agents consult somebody."""

    def state_of(self, offer_id: int) -> LegState:
        """Return the state of the leg of an offer that has not ended."""

    def open_contacts(self) -> Sequence[str]:
        """Return the ids of the contacts that are not closed."""

    def calls_that_wait(self) -> Sequence[str]:
        """Return the ids of those whose customers wait on the line."""


def an_event(rng: Random, world: Inside, *, arrivals: int = 3) -> SingleEvent:
    """Return any event; of ten, so many are arrivals."""
    rare = rng.random()
    if rare < 0.1:
        return a_rating(rng, world)
    if rare < 0.15:
        return a_decision(rng, world)
    if rare < 0.25:
        return a_wish(rng, world)
    draw = rng.randrange(10)
    if draw < arrivals:
        return an_arrival(rng, world)
    if draw == arrivals:
        return a_departure(rng, world)
    if draw < 8:
        return an_answer(rng, world)
    return an_agents_event(rng, world)


def an_arrival(rng: Random, world: Inside) -> ContactArrived:
    """Return the arrival of a new contact, seldom of one inside; seldom with mistakes."""
    queue = rng.choice(world.settings.queues)
    known = world.open_contacts()
    if known and rng.random() < 0.05:
        contact_id = rng.choice(known)
    else:
        world.contacts_sent += 1
        contact_id = f"contact{world.contacts_sent}"
    wrong = rng.randrange(9) if rng.random() < 0.05 else -1
    promised_us = world.now_us + rng.randint(-60, 60) * SECOND_US if rng.random() < 0.2 else None
    expires_us = world.now_us + rng.randint(-2, 30) * SECOND_US if rng.random() < 0.05 else None
    unnamed = rng.random() < (0.5 if world.settings.entry else 0.02)
    return ContactArrived(
        contact_id=contact_id,
        queue="nowhere" if wrong == 0 else "" if unnamed else queue.name,
        channel=_any(rng, CHANNELS) if wrong == 1 else _any(rng, tuple(queue.channels)),
        customer=rng.choice(CUSTOMERS),
        attributes=(("shoe_size", "9"),) if wrong == 2 else _attributes(rng, world),
        requirement=rng.choice(BAD_REQUIREMENTS if wrong == 3 else ("", "", *REQUIREMENTS)),
        prefers=("loans",) * 11 if wrong == 4 else some(rng, PREFERENCES)[:1],
        named_agent="nobody" if wrong == 7 else _a_name(rng, world),
        priority=2**40 if wrong == 5 else rng.choice((None, None, -1, 0, 1)),
        promised_us=-1 if wrong == 6 else promised_us,
        expires_us=-1 if wrong == 8 else expires_us,
    )


def _attributes(rng: Random, world: Inside) -> tuple[tuple[str, str], ...]:
    """Return what a form holds, seldom with an amount that is none."""
    campaign = (("campaign", rng.choice(("spring", "north", "south"))),)
    if "topic" not in world.settings.contact_attributes:
        return some(rng, campaign)
    form = (
        *campaign,
        ("topic", rng.choice(("", "cards", "cash", "loans"))),
        ("value", rng.choice(("", "2.5", "2.499999", "10", "-3", "9.99"))),
    )
    return (*form[:1], ("value", "much")) if rng.random() < 0.02 else some(rng, form)


def _a_name(rng: Random, world: Inside) -> str:
    """Return whom a contact names: in most cases nobody."""
    return rng.choice(world.settings.agents).agent_id if rng.random() < 0.3 else ""


def _any(rng: Random, channels: tuple[Channel, ...]) -> Channel:
    return rng.choice(channels)


def a_departure(rng: Random, world: Inside) -> ContactLeft:
    """Return that a customer left: one inside, one long gone or nobody."""
    known = world.open_contacts()
    if known and rng.random() < 0.8:
        return ContactLeft(contact_id=rng.choice(known))
    return ContactLeft(contact_id=f"contact{rng.randint(0, world.contacts_sent)}")


def a_decision(rng: Random, world: Inside) -> SingleEvent:
    """Return what the business decides about a contact inside, seldom about another."""
    known = world.open_contacts()
    if known and rng.random() < 0.9:
        contact_id = rng.choice(known)
    else:
        contact_id = f"contact{rng.randint(0, world.contacts_sent)}"
    if rng.random() < 0.4:
        return WaitAsked(contact_id=contact_id)
    if rng.random() < 0.3:
        return ContactCanceled(contact_id=contact_id)
    if rng.random() < 0.5:
        agent_id = "nobody" if rng.random() < 0.05 else rng.choice(world.settings.agents).agent_id
        return ContactAssigned(contact_id=contact_id, agent_id=agent_id)
    priority = 2**40 if rng.random() < 0.05 else rng.randint(-2, 2)
    return ContactReprioritized(contact_id=contact_id, priority=priority)


def a_transfer(rng: Random, world: Inside) -> SingleEvent:
    """Return that an agent gives further what he has, or asks somebody, or has asked."""
    talking = [one for one in world.live_offers() if world.state_of(one) in TALKING]
    number = rng.choice(talking) if talking else rng.randint(0, world.offers_made + 1)
    asking = world.asking_offers()
    if rng.random() < (0.5 if asking else 0.1):
        number = rng.choice(asking) if asking and rng.random() < 0.8 else number
        return ConsultEnded(offer_id=number, how=rng.choice(tuple(ConsultEnd)))
    if rng.random() < 0.1:
        return LegRequeued(offer_id=number)
    wrong = rng.randrange(5) if rng.random() < 0.05 else -1
    agent_id = rng.choice(world.settings.agents).agent_id if rng.random() < 0.3 else ""
    queue = "" if agent_id and rng.random() < 0.5 else rng.choice(world.settings.queues).name
    fields: dict[str, Any] = {
        "offer_id": number,
        "queue": "nowhere" if wrong == 0 else "" if wrong == 1 else queue,
        "agent_id": "nobody" if wrong == 2 else agent_id,
        "priority": 2**40 if wrong == 3 else rng.choice((None, None, -1, 0, 1)),
        "requirement": rng.choice(BAD_REQUIREMENTS if wrong == 4 else ("", "", *REQUIREMENTS)),
    }
    if rng.random() < 0.4:
        return LegTransferred(**fields, keep_place=rng.random() < 0.5)
    return ConsultRequested(**fields)


def an_answer(rng: Random, world: Inside) -> SingleEvent:
    """Return something about an offer: a live one, an ended one, one never made."""
    live = world.live_offers()
    if rng.random() < 0.15:
        return a_transfer(rng, world)
    if live and rng.random() < 0.6:
        number = rng.choice(live)
        return rng.choice(POLITE[world.state_of(number)])(offer_id=number)
    if live and rng.random() < 0.7:
        number = rng.choice(live)
    else:
        number = rng.randint(0, world.offers_made + 1)
    return rng.choice(OFFER_EVENTS)(number, rng)


def a_rating(rng: Random, world: Inside) -> LegRated:
    """Return what became of a leg: of any that was ever offered, seldom with mistakes."""
    number = rng.randint(0, world.offers_made + 1)
    if rng.random() < 0.05 or not 0 < number <= world.offers_made:
        name, queue = rng.choice((("nobody", "queue0"), ("generalist", "nowhere")))
    elif rng.random() < 0.1:
        name = rng.choice(world.settings.agents).agent_id
        queue = rng.choice(world.settings.queues).name
    else:
        name, queue = world.taker_of(number)
    return LegRated(
        offer_id=number,
        agent_id=name,
        queue=queue,
        quality=rng.choice((None, None, 0, 60, 80, 100, 101 if rng.random() < 0.1 else 90)),
        resolved=rng.choice((None, True, False)),
        converted=rng.choice((None, True, False, False)),
    )


def a_change(rng: Random, world: Inside, name: str) -> AgentChanged:
    """Return that a supervisor changed what an agent may take, seldom to what cannot be."""
    settings = world.settings
    wrong = rng.randrange(6) if rng.random() < 0.05 else -1
    profile = rng.choice(settings.profiles).name if rng.random() < 0.5 else ""
    capacity = rng.choice(settings.capacities).name if rng.random() < 0.5 else ""
    skills = {one: rng.randint(0, 10) for one in some(rng, settings.skills)}
    values = [(one, rng.choice(each)) for one, each in settings.attributes.items()]
    attributes = dict(some(rng, values))
    if wrong == 0:
        profile = "none"
    elif wrong == 1:
        capacity = "none"
    elif wrong == 2:
        skills["juggling"] = 1
    elif wrong == 3:
        skills = dict.fromkeys(settings.skills, rng.choice((-1, 11)))
    elif wrong == 4:
        attributes["moon"] = "full"
    elif wrong == 5:
        attributes = dict.fromkeys(settings.attributes, "moon")
    return AgentChanged(
        agent_id=name,
        profile=profile,
        capacity=capacity,
        skills=skills if wrong in {2, 3} or rng.random() < 0.5 else None,
        attributes=attributes if wrong in {4, 5} or rng.random() < 0.3 else None,
    )


def an_agents_event(rng: Random, world: Inside) -> SingleEvent:
    """Return something about an agent, seldom an unknown one."""
    known = rng.random() > 0.03
    name = rng.choice(world.settings.agents).agent_id if known else "nobody"
    if rng.random() < 0.1:
        return a_change(rng, world, name)
    return rng.choice(AGENT_EVENTS if rng.random() < 0.4 else BACK_TO_WORK)(name, rng)


def a_batch(rng: Random, world: Inside, *, most: int = 8) -> Batch:
    """Return events of one instant; a tick may be among them."""
    events = [an_event(rng, world) for _ in range(rng.randint(0, most))]
    if rng.random() < 0.1:
        events.append(ClockTicked())
    return Batch(events=tuple(events))

"""What a journal tells of a time that is over: who came, how it ended, and who worked when.

Contacts are followed by events and actions, agents by the state of the router that the journal is
applied to. What a journal cannot tell (how long somebody would have waited who was answered) is
left open here; `sim.past_scenario` draws it.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from acd import actions as ac
from acd import events as ev
from acd.entry import entered
from acd.figures import Report
from acd.ids import (
    AgentId,
    Availability,
    Channel,
    ConsultEnd,
    ContactId,
    ContactOutcome,
    OfferId,
    OfferOutcome,
    QueueName,
)
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import DomainSettings
from sim.past_people import People
from sim.roster import Duty

Place: TypeAlias = tuple[QueueName, Channel]


class PastContact(Struct):
    """A contact, as far as the journal knows it."""

    arrival: ev.ContactArrived
    """As it was told; its queue is empty where an entry rule chose."""
    place: Place
    """Where it waited first."""
    arrived_us: int
    connected_us: int | None = None
    """When it was connected with an agent for the first time."""
    answer_us: int | None = None
    """From the offer that was taken to the connection."""
    handle_us: int = 0
    """Connected to somebody, set aside not counted, until it ended or was given further."""
    left_us: int | None = None
    """When the customer gave up."""
    closed_us: int | None = None
    further: bool = False
    """An agent gave it further, or somebody was consulted: what follows is not replayed."""
    talking_us: int | None = None
    """Since when it is being handled; None while it is not."""

    @property
    def is_known(self) -> bool:
        """Whether its whole handling time is."""
        return self.connected_us is not None and (self.further or self.closed_us is not None)


class Losses(Struct):
    """What a replay leaves out, or does otherwise than the journal: how often each occurred."""

    inside: int = 0
    """Contacts that were there when the journal, or its last settings, began."""
    before_settings: int = 0
    """Contacts that arrived under settings that no longer held at the end."""
    further: int = 0
    """Contacts given further, or about which somebody was consulted."""
    elsewhere: int = 0
    """Taken over from, or handed over to, other domains."""
    callbacks: int = 0
    """Customers who were promised a callback."""
    supervised: int = 0
    """Contacts assigned or given another priority by a supervisor."""
    expiring: int = 0
    """Contacts that brought an instant of their own at which they expire."""
    changed_agents: int = 0
    """Live changes of agents' skills, profiles, wrap-up modes."""
    devices: int = 0
    """Changes of agents' phones."""
    wrap_ups: int = 0
    """Wrap-ups that agents ended themselves: replayed they take the time of the queue."""
    missed: int = 0
    """Offers that rang out, were rejected or failed: replayed every offer is answered."""


class Past(NamedTuple):
    """A time that is over."""

    file: str
    settings: DomainSettings
    start_us: int
    end_us: int
    """One microsecond after the last entry."""
    contacts: tuple[PastContact, ...]
    """In the order of their arrival."""
    duties: tuple[Duty, ...]
    report: Report
    """The measures folded from the journal itself."""
    losses: Losses


class Observer:
    """Is told each step of a journal before the router is brought behind it, and after.

    Args:
        settings: Under which the router is.
        router: To be read.
        start_us: The first instant.
    """

    def __init__(self, settings: DomainSettings, router: Router, start_us: int) -> None:
        self.start_us = start_us
        self.contacts: dict[ContactId, PastContact] = {}
        """Those inside. Ids are used once; a repeat of a closed one is another contact."""
        self.all: list[PastContact] = []
        self.losses = Losses(inside=len(router.contacts))
        self.settings = settings
        self.router = router
        self._offers: dict[OfferId, tuple[ContactId, int]] = {}
        """Whom each offer is about, and since when; without those to whom an agent turns."""
        self._metrics = Metrics(settings, from_us=start_us)
        self.people = People(settings)
        for agent in router.agents:
            self.people.note(agent, start_us)
            if agent.availability is Availability.READY:
                self._metrics.fold(ev.AgentReady(agent_id=agent.agent_id), (), start_us)

    def before(self, event: ev.Event, actions: tuple[ac.Action, ...], now_us: int) -> None:
        """Note a step; the router is not behind it yet."""
        self._metrics.fold(event, actions, now_us)
        refused = {one.position for one in actions if type(one) is ac.Refused}
        told = event.events if isinstance(event, ev.Batch) else (event,)
        named = entered(event, actions)
        places = named.events if isinstance(named, ev.Batch) else (named,)
        for position, (one, with_queue) in enumerate(zip(told, places, strict=True)):
            if position not in refused:
                self._event(one, with_queue, now_us)
        for action in actions:
            self._action(action, now_us)

    def after(self, event: ev.Event, actions: tuple[ac.Action, ...], now_us: int) -> None:
        """Note whom a step moved; the router is behind it."""
        for agent_id in _agents_of(event, actions):
            if agent_id in self.people:
                self.people.note(self.router.agent(agent_id), now_us)

    def past(self, file: str, last_us: int) -> Past:
        """Return what was noted, until after the last step."""
        end_us = last_us + 1
        for contact in self.contacts.values():
            self._stop(contact, end_us)
        return Past(
            file,
            self.settings,
            self.start_us,
            end_us,
            tuple(self.all),
            self.people.duties(end_us),
            self._metrics.report(end_us),
            self.losses,
        )

    def _event(self, event: ev.SingleEvent, with_queue: ev.SingleEvent, now_us: int) -> None:
        losses = self.losses
        match event:
            case ev.ContactArrived():
                assert isinstance(with_queue, ev.ContactArrived)
                self._arrive(event, (with_queue.queue, event.channel), now_us)
            case ev.LegConnected() | ev.LegResumed():
                if event.offer_id in self.router.offers or isinstance(event, ev.LegResumed):
                    self._talk(event.offer_id, now_us)
            case ev.LegEnded() | ev.LegParked() | ev.LegRequeued():
                self._stop(self._contact_of(event.offer_id), now_us)
            case ev.LegTransferred() | ev.ConsultRequested():
                self._further(event.offer_id, now_us, stops=isinstance(event, ev.LegTransferred))
            case ev.ConsultEnded(how=ConsultEnd.TRANSFER):
                self._further(event.offer_id, now_us, stops=True)
            case ev.ContactLeft():
                self._stop(self.contacts.get(event.contact_id), now_us)
            case ev.ContactAssigned() | ev.ContactReprioritized():
                losses.supervised += 1
            case ev.AgentChanged() | ev.WrapUpModeChanged():
                losses.changed_agents += 1
            case ev.DeviceChanged():
                losses.devices += 1
            case ev.WrapUpEnded():
                losses.wrap_ups += 1
            case ev.OfferRejected() | ev.OfferFailed():
                losses.missed += 1
            case ev.ContactTakenOver():
                losses.elsewhere += 1
            case _:
                pass

    def _action(self, action: ac.Action, now_us: int) -> None:
        match action:
            case ac.OfferContact(consults=0) if action.contact_id in self.contacts:
                self._offers[action.offer_id] = (action.contact_id, now_us)
            case ac.InterruptLeg():
                self._stop(self._contact_of(action.offer_id), now_us)
            case ac.ResumeLeg():
                self._talk(action.offer_id, now_us)
            case ac.CloseContact():
                self._close(action, now_us)
            case ac.WithdrawOffer(outcome=OfferOutcome.TIMED_OUT):
                self.losses.missed += 1
            case ac.ConfirmHandOver():
                self.losses.elsewhere += 1
            case ac.GrantCallback():
                self.losses.callbacks += 1
            case _:
                pass

    def _arrive(self, event: ev.ContactArrived, place: Place, now_us: int) -> None:
        contact = PastContact(event, place, now_us)
        self.contacts[event.contact_id] = contact
        self.all.append(contact)
        self.losses.expiring += event.expires_us is not None

    def _contact_of(self, offer_id: OfferId) -> PastContact | None:
        found = self._offers.get(offer_id)
        return None if found is None else self.contacts.get(found[0])

    def _talk(self, offer_id: OfferId, now_us: int) -> None:
        """Begin, or go on, to handle a contact, unless it was given further."""
        contact = self._contact_of(offer_id)
        if contact is None or contact.further or contact.talking_us is not None:
            return
        if contact.connected_us is None:
            contact.connected_us = now_us
            contact.answer_us = now_us - self._offers[offer_id][1]
        contact.talking_us = now_us

    @staticmethod
    def _stop(contact: PastContact | None, now_us: int) -> None:
        """Take note that nobody handles a contact now."""
        if contact is not None and contact.talking_us is not None:
            contact.handle_us += now_us - contact.talking_us
            contact.talking_us = None

    def _further(self, offer_id: OfferId, now_us: int, *, stops: bool) -> None:
        """Take note that others come in; who consults goes on until his part ends."""
        contact = self._contact_of(offer_id)
        if contact is None:
            return
        self.losses.further += not contact.further
        contact.further = True
        if stops:
            self._stop(contact, now_us)

    def _close(self, action: ac.CloseContact, now_us: int) -> None:
        contact = self.contacts.pop(action.contact_id, None)
        if contact is None:
            return
        self._stop(contact, now_us)
        contact.closed_us = now_us
        if action.outcome is ContactOutcome.ABANDONED and contact.connected_us is None:
            contact.left_us = now_us


def _agents_of(event: ev.Event, actions: tuple[ac.Action, ...]) -> Iterator[AgentId]:
    """Yield the agents whose availability a step may have changed."""
    for one in event.events if isinstance(event, ev.Batch) else (event,):
        if isinstance(one, _MOVES):
            yield one.agent_id
    for action in actions:
        if isinstance(action, ac.SetAgentState):
            yield action.agent_id


_MOVES = (
    ev.AgentLoggedIn,
    ev.AgentReady,
    ev.AgentNotReady,
    ev.DrainRequested,
    ev.AgentLoggedOut,
)

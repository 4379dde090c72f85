"""Customers who wait at the switch and hear something, or are called back by it.

| decided, or told | ordered, or told |
|---|---|
| a treatment | an announcement, with the place, or the minutes, as a number behind it |
| a waiting customer pressed a key that something is offered with | `customer.pressed` |
| a callback is granted | the customer is let go; his number is kept |
| a callback is offered | the offer is accepted: the agent is reserved |
| the customer is to be dialled | `MakeCall`; without a number, or such a switch: not reached |
| he answered | his call is his contact's from now on; the agent's phone rings |
| he is on the line already, since an agent did not answer | the next agent's phone rings |
| the dialled call is over, or was refused | the customer was not reached |
| the offer ended, or the callback | a call that he has not answered ends, and with it any call |

So the customer is called first, once an agent is reserved for him, and the agent's phone is asked
to answer by itself. A call that was dialled has an id of its own, by which it is known.
"""

import re
from collections.abc import Iterable
from typing import Final

from acd import actions as ac
from acd import events as ev
from acd.contacts import LegState, Presence
from acd.daemon.numbers import NUMBER, Numbers
from acd.daemon.switch_site import VOICE, Site
from acd.ids import AgentId, CallbackFailure, ContactId, OfferId
from acd.journal.records import Entry
from acd.settings import SECOND_US
from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.words import Capability, EventCause, Treatment

DIALLED: Final = "d"
"""In the ids of commands that dial a customer."""

CALLED_AS: Final = "callback"
"""What is told the switch as the number that was called."""

AGENT_RINGS_US: Final = 20 * SECOND_US
"""How long the phone of an agent may ring for whom the customer waits on the line. As a rule it
answers by itself."""

_MEDIA: Final = re.compile(r"[A-Za-z0-9/_-]{0,64}")

_CAUSES: Final = {
    EventCause.BUSY: CallbackFailure.BUSY,
    EventCause.CALL_NOT_ANSWERED: CallbackFailure.NO_ANSWER,
    EventCause.CALL_CANCELLED: CallbackFailure.NO_ANSWER,
    EventCause.NORMAL_CLEARING: CallbackFailure.NO_ANSWER,
    EventCause.REJECTED: CallbackFailure.BUSY,
}


def _minutes(wait_us: int) -> int:
    """Return a wait in whole minutes, as a customer is told it: rather too long than too short."""
    return -(-wait_us // (60 * SECOND_US))


class Callbacks:
    """What the switch has to do with treatments and callbacks.

    Args:
        site: Names and the router.
        capabilities: What the switch can do.
        numbers: Of those who are to be called back.
    """

    def __init__(self, site: Site, capabilities: Capability, numbers: Numbers) -> None:
        self._site = site
        self._capabilities = capabilities
        self._numbers = numbers
        self._heard: dict[ContactId, str] = {}
        """The numbers of callers who are there."""
        self._called = {
            one for one, each in site.router.contacts.items() if each.callback is not None
        }
        """Contacts whose customers are to be called back, as far as was committed."""
        self._offers: dict[OfferId, tuple[ContactId, AgentId]] = {}
        """Their offers."""
        self._dialled: dict[str, OfferId] = {}
        """Calls that were dialled and not answered: the offer for which each was."""
        self._facts: list[ev.SingleEvent] = []

    # What the switch says.

    def note_calls(self, calls: Iterable[sw.Call]) -> None:
        """Take note of callers' numbers."""
        for call in calls:
            contact_id = self._site.contact_of(call.call_id)
            if contact_id is not None and NUMBER.fullmatch(call.ani):
                self._heard[contact_id] = call.ani

    def pressed(self, event: sw.DigitsCollected) -> tuple[ev.SingleEvent, ...]:
        """Return the keys that mean something: others would only fill the journal."""
        contact_id = self._site.contact_of(event.call_id)
        contact = None if contact_id is None else self._site.router.contacts.get(contact_id)
        if contact_id is None or contact is None or contact.presence is not Presence.WAITING:
            return ()
        legs = [self._site.router.legs[number] for number in contact.legs]
        keys = {one.key for leg in legs for one in leg.klass.queue.treatments if one.key}
        if contact_id not in self._heard:
            return ()  # Nobody knows how to call him.
        return tuple(
            ev.CustomerPressed(contact_id=contact_id, digit=digit)
            for digit in event.digits
            if digit in keys
        )

    def is_dialled(self, call_id: str) -> bool:
        """Return whether we dialled a call, be it in another life."""
        return self._site.ids.is_further(call_id, DIALLED)

    def answered(self, call: sw.Call) -> list[AnyCommand]:
        """Return what follows from a dialled customer who is on the line now."""
        number = self._dialled.pop(call.call_id, 0)
        contact_id, agent_id = self._offers.get(number, ("", ""))
        offer = self._site.router.offers.get(number)
        if not contact_id or offer is None:
            return [sw.ClearCall(command_id=self._site.next_id(), call_id=call.call_id)]
        self._site.bind(contact_id, call.call_id)
        return [self._ring(call.call_id, number, agent_id)]

    def gone(
        self, call_id: str, cause: EventCause = EventCause.NONE
    ) -> tuple[ev.SingleEvent, ...] | None:
        """Return what follows from the end of a call; None if it is no matter of callbacks."""
        number = self._dialled.pop(call_id, 0)
        contact_id = self._site.unbind(call_id)
        if not number and contact_id is None:
            return () if self.is_dialled(call_id) else None
        contact = None if contact_id is None else self._site.router.contacts.get(contact_id)
        if contact_id is not None and contact is not None and contact.callback is None:
            return (ev.ContactLeft(contact_id=contact_id),)
        if contact is not None:
            legs = [self._site.router.legs[one] for one in contact.legs]
            offers = [one.offer_id for one in legs if one.state is LegState.CONNECTING]
            number = offers[0] if offers else 0
        return (self._missed(number, _CAUSES.get(cause, CallbackFailure.FAILED)),) if number else ()

    @staticmethod
    def _missed(number: OfferId, cause: CallbackFailure) -> ev.SingleEvent:
        return ev.CallbackFailed(offer_id=number, cause=cause)

    def forget_calls(self) -> None:
        """Take note that none of the switch's calls is left."""
        self._dialled.clear()
        self._site.unbind_all()

    # What was decided.

    def take_facts(self) -> tuple[ev.SingleEvent, ...]:
        """Return what is to be told to the core of what it decided."""
        facts, self._facts = tuple(self._facts), []
        return facts

    def begin(self, facts: Iterable[ev.Event]) -> None:
        """Read the facts of an entry, those that were refused left out."""
        for fact in facts:
            if type(fact) is ev.LegConnected:
                self._called.discard(self._offers.get(fact.offer_id, ("", ""))[0])
            elif type(fact) is ev.CallbackScheduled:
                self._called.add(fact.contact_id)

    def play(self, action: ac.PlayTreatment, command_id: str) -> list[AnyCommand]:
        """Return the announcement of a treatment."""
        call_id = self._site.call_of(action.contact_id)
        able = Capability.TREATMENT in self._capabilities
        if call_id is None or not able or not _MEDIA.fullmatch(action.message):
            return []
        return [
            sw.QueueTreatment(
                command_id=command_id,
                call_id=call_id,
                treatment=Treatment.ANNOUNCEMENT,
                media=action.message,
                digits=str(action.place or _minutes(action.wait_us) or ""),
            )
        ]

    def grant(self, action: ac.GrantCallback, command_id: str) -> list[AnyCommand]:
        """Let a customer go who is to be called back, and keep his number."""
        self._called.add(action.contact_id)
        number = self._heard.get(action.contact_id, "")
        if number:
            self._numbers.keep(action.contact_id, number)
        call_id = self._site.call_of(action.contact_id)
        if call_id is None or action.message:  # After the message the switch lets him go itself.
            return []
        return [sw.ClearCall(command_id=command_id, call_id=call_id)]

    def reserve(self, action: ac.OfferContact) -> bool:
        """Accept an offer of a callback for its agent; return whether it is one."""
        if action.channel is not VOICE or action.contact_id not in self._called:
            return False
        self._offers[action.offer_id] = action.contact_id, action.agent_id
        self._facts.append(ev.OfferAccepted(offer_id=action.offer_id))
        return True

    def dial(self, action: ac.DialCustomer, entry: Entry, position: int) -> list[AnyCommand]:
        """Have a customer dialled, or the agent's phone ring if he is on the line already."""
        call_id = self._site.bound_call(action.contact_id)
        if call_id is not None:
            return [self._ring(call_id, action.offer_id, action.agent_id)]
        number = self._numbers.get(action.contact_id)
        offer = self._site.router.offers.get(action.offer_id)
        if not number or offer is None or Capability.CALL_CONTROL not in self._capabilities:
            self._facts.append(self._missed(action.offer_id, CallbackFailure.FAILED))
            return []
        command_id = self._site.ids.further(entry.number, DIALLED, position)
        self._dialled[command_id] = action.offer_id
        ring_us = max(offer.until_us - entry.now_us, SECOND_US)
        return [cc.MakeCall(command_id=command_id, to=number, dnis=CALLED_AS, ring_us=ring_us)]

    def withdraw(self, action: ac.WithdrawOffer, command_id: str) -> list[AnyCommand] | None:
        """Return what ends with an offer; None if it is none of a callback."""
        contact_id, _ = self._offers.pop(action.offer_id, ("", ""))
        if not contact_id:
            return None
        for call_id, number in tuple(self._dialled.items()):
            if number == action.offer_id:
                del self._dialled[call_id]
                return [sw.ClearCall(command_id=command_id, call_id=call_id)]
        bound = self._site.bound_call(contact_id)
        if bound is None:
            return []
        offer = self._site.ids.offer(action.offer_id)
        return [sw.RouteCancel(command_id=command_id, call_id=bound, offer=offer)]

    def end(self, contact_id: ContactId, command_id: str, *, closes: bool) -> list[AnyCommand]:
        """Let a customer go who is on the line, and whose callback is put off, or over."""
        call_id = self._site.bound_call(contact_id)
        is_called = contact_id in self._called
        if closes:
            self._called.discard(contact_id)
            self._heard.pop(contact_id, None)
            self._numbers.forget(contact_id)
            for number in [one for one, each in self._offers.items() if each[0] == contact_id]:
                del self._offers[number]
        if call_id is None or not is_called:
            return []
        return [sw.ClearCall(command_id=command_id, call_id=call_id)]

    def refused(self, command_id: str) -> tuple[ev.SingleEvent, ...]:
        """Return what follows where the switch does not dial a customer."""
        number = self._dialled.pop(command_id, 0)
        return (self._missed(number, CallbackFailure.FAILED),) if number else ()

    def _ring(self, call_id: str, offer_id: OfferId, agent_id: AgentId) -> AnyCommand:
        return self._site.ring(
            call_id,
            offer_id,
            agent_id,
            ring_us=AGENT_RINGS_US,
            auto_answer=True,
            asking=None,
        )

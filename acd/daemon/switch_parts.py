"""Agents' parts in calls at the switch, and the orders by which calls go further. Pure.

| decided | ordered |
|---|---|
| an agent gave the contact further, or back | his connection is cleared, the customer hears music |
| he asks somebody | the customer is put on hold |
| an offer of a consultation | `ConsultationCall`, under the offer's id |
| transfer, whom he asks talks | `TransferCall` |
| transfer, before | his connection is cleared: what rings rings on for the customer |
| conference | `ConferenceCall` |
| return | `ReconnectCall` if whom he asks talks; in any case the customer is taken off hold |

An agent who hangs up while he asks leaves the customer to whom he asked: that is the switch's own
doing, and not ordered.
"""

from collections.abc import Sequence

from msgspec import Struct

from acd import actions as ac
from acd import events as ev
from acd.contacts import TALKING, Presence
from acd.daemon.switch_site import Site
from acd.ids import AgentId, ConsultEnd, ContactId, ContactOutcome, LegId, OfferId
from acd.journal.records import Entry
from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.words import Capability, Treatment


class Part(Struct):
    """An offer at the switch, or the connection that it led to."""

    contact_id: ContactId
    call_id: str
    agent_id: AgentId
    connected: bool = False


class Parts:
    """The parts of all open contacts, folded from what was committed.

    The router may be ahead of what is committed, so it is asked only for what does not go back.

    Args:
        site: Names and the router.
        capabilities: What the switch can do.
    """

    def __init__(self, site: Site, capabilities: Capability) -> None:
        self._site = site
        self._capabilities = capabilities
        self.of: dict[OfferId, Part] = {}
        """By offer: a withdrawal does not name its contact."""
        self._offers_of: dict[ContactId, list[OfferId]] = {}
        self._conferenced: set[OfferId] = set()
        """Consultations of which the switch said by itself that they are conferences."""
        self._ends: dict[ContactId, ev.ConsultEnded] = {}
        """How the entry at hand ends consultations."""
        self._asks: dict[LegId, OfferId] = {}
        """By the leg of whom they ask: the offers of those who ask, until that ends."""
        self._alone: list[str] = []
        """Calls whose agents' parts the entry at hand ends, and that go on."""
        for number, offer in site.router.offers.items():
            leg = site.router.legs[offer.leg_id]
            self.note(number, leg.contact_id, site.router.agents[offer.agent].agent_id)
            part = self.of.get(number)
            if part is not None:
                part.connected = leg.state in TALKING
        for leg in site.router.legs.values():
            if leg.consults:
                self._asks[leg.leg_id] = site.router.legs[leg.consults].offer_id

    def note(self, offer_id: OfferId, contact_id: ContactId, agent_id: AgentId) -> None:
        """Take note of an offer, if its contact is a call of this switch."""
        call_id = self._site.call_of(contact_id)
        if call_id is not None:
            self.of[offer_id] = Part(contact_id, call_id, agent_id)
            self._offers_of.setdefault(contact_id, []).append(offer_id)

    def forget(self, contact_id: ContactId) -> None:
        """Take note that a contact is closed."""
        for number in self._offers_of.pop(contact_id, ()):
            del self.of[number]
            self._conferenced.discard(number)

    def conferenced(self, consultation: OfferId) -> None:
        """Take note that the switch made a conference of a consultation: it need not be told to."""
        self._conferenced.add(consultation)

    # One entry.

    def begin(self, facts: Sequence[ev.Event]) -> None:
        """Read the facts of an entry, those that were refused left out."""
        self._ends.clear()
        self._alone.clear()
        for fact in facts:
            if type(fact) is ev.LegConnected and fact.offer_id in self.of:
                self.of[fact.offer_id].connected = True
            elif type(fact) is ev.ConsultEnded and fact.offer_id in self.of:
                self._ends[self.of[fact.offer_id].contact_id] = fact

    def select(self, action: ac.OfferContact, now_us: int) -> AnyCommand | None:
        """Return the order that lets an agent's phone ring; None if it is no call's."""
        part = self.of.get(action.offer_id)
        if part is None:
            return None
        asking = self.of.get(action.consults)
        return self._site.ring(
            part.call_id,
            action.offer_id,
            action.agent_id,
            ring_us=action.ring_until_us - now_us,
            auto_answer=action.auto_answer,
            asking=None if asking is None else (action.consults, asking.agent_id),
        )

    def open_leg(self, action: ac.OpenLeg, command_id: str) -> sw.Hold | None:
        """Put a customer on hold whose agent asks somebody."""
        part = self.of.get(action.from_offer)
        if part is None or not action.consults:
            return None
        self._asks[action.leg_id] = action.from_offer
        return sw.Hold(command_id=command_id, **self._connection(part, action.from_offer))

    def close_leg(self, action: ac.CloseLeg, command_id: str) -> sw.Retrieve | None:
        """Take a customer off hold whose agent asked in vain: nobody is looked for any more."""
        number = self._asks.pop(action.leg_id, 0)
        part = self.of.get(number)
        if part is None or action.outcome is ContactOutcome.HANDLED:
            return None
        return sw.Retrieve(command_id=command_id, **self._connection(part, number))

    def join(self, action: ac.JoinLeg, command_id: str) -> AnyCommand | None:
        """Let a customer join whom his agent asked, if they talk and the switch does not know."""
        self._asks.pop(action.leg_id, None)
        end = self._ends.get(action.contact_id)
        asked = self.of.get(action.offer_id)
        if end is None or asked is None or not asked.connected:
            return None
        if end.how is ConsultEnd.CONFERENCE and action.offer_id in self._conferenced:
            return None
        make = cc.TransferCall if end.how is ConsultEnd.TRANSFER else cc.ConferenceCall
        return make(
            command_id=command_id,
            call_id=asked.call_id,
            consultation=self._site.ids.offer(action.offer_id),
        )

    def release(self, action: ac.ReleaseAgent, entry: Entry, command_id: str) -> AnyCommand | None:
        """End an agent's part, if no other order of this entry does."""
        part = self.of.get(action.offer_id)
        contact = None if part is None else self._site.router.contacts.get(part.contact_id)
        if part is None or contact is None or contact.presence is Presence.GONE:
            return None  # Who left has left everybody.
        end = self._ends.get(part.contact_id)
        if end is not None and end.offer_id != action.offer_id:
            consultation = self._site.ids.offer(action.offer_id)
            return cc.ReconnectCall(
                command_id=command_id, call_id=part.call_id, consultation=consultation
            )
        if end is not None and any(self._is_transfer(one, part) for one in entry.actions):
            return None
        if end is None:
            self._alone.append(part.call_id)
        return sw.ClearConnection(command_id=command_id, **self._connection(part, action.offer_id))

    def _is_transfer(self, action: ac.Action, part: Part) -> bool:
        """Return whether an action lets a customer join whom the agent of a part talks with."""
        if type(action) is not ac.JoinLeg or action.contact_id != part.contact_id:
            return False
        asked = self.of.get(action.offer_id)
        return asked is not None and asked.connected

    def finish(self, entry: Entry) -> list[AnyCommand]:
        """Return what follows an entry's orders: no customer is left on hold, or in silence."""
        commands: list[AnyCommand] = []
        for number, end in enumerate(self._ends.values()):
            if end.how is ConsultEnd.RETURN:
                part = self.of[end.offer_id]
                command_id = self._site.ids.further(entry.number, "r", number)
                connection = self._connection(part, end.offer_id)
                commands.append(sw.Retrieve(command_id=command_id, **connection))
        if Capability.TREATMENT in self._capabilities:
            commands += [
                sw.QueueTreatment(
                    command_id=self._site.ids.further(entry.number, "m", number),
                    call_id=call_id,
                    treatment=Treatment.MUSIC,
                )
                for number, call_id in enumerate(self._alone)
            ]
        return commands

    def _connection(self, part: Part, offer_id: OfferId) -> dict[str, str]:
        return {
            "call_id": part.call_id,
            "device": self._site.device_of(part.agent_id),
            "offer": self._site.ids.offer(offer_id),
        }

"""Consultations at the simulated exchange: an agent asks somebody while his customer is on hold.

    ConsultationCall ─▶ the customer is on hold, a phone rings ─▶ it is answered: the two talk
    TransferCall, or the agent hangs up ─▶ the customer talks with whom was asked
    ConferenceCall ─▶ all three talk; each may go
    ReconnectCall, or whom was asked hangs up ─▶ agent and customer talk again

While it only rings, an agent who hangs up leaves the customer waiting for whoever answers there. A
phone that does not answer brings the customer back, unless he was on hold before it was asked.
"""

from typing import TYPE_CHECKING

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated.ledger import Did
from acd.switch_protocol.simulated.state import Offer
from acd.switch_protocol.words import CommandError, ConnectionState, EventCause

if TYPE_CHECKING:
    from acd.switch_protocol.simulated.exchange import Exchange


class Consultations:
    """The consultations of all calls.

    Args:
        exchange: Where they are made.
    """

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange

    def of(self, agent: Offer) -> list[Offer]:
        """Return those whom an agent asks: several only while they ring."""
        call = self._exchange.calls[agent.call_id]
        return [one for one in call.offers.values() if one.asked_by == agent.offer_id]

    def begin(self, command: cc.ConsultationCall, now_us: int) -> CommandError:
        """Put a customer on hold, and let the phone ring of whom his agent asks."""
        exchange = self._exchange
        agent = exchange.offers.get(command.offer)
        error = exchange.against(command, command.to)
        if error is CommandError.NONE and (agent is None or not self._may_ask(agent, command)):
            error = CommandError.WRONG_STATE
        if agent is None or error is not CommandError.NONE:
            where = (command.call_id, command.to, command.command_id)
            exchange.ledger.add(now_us, Did.SELECT_REFUSED, *where, error=error)
            return error
        agent.set_aside = not agent.hold_ordered
        exchange.hold(agent.device, now_us, ordered=True)
        asked = Offer(command.command_id, command.call_id, command.to, asked_by=agent.offer_id)
        exchange.ring(asked, command, Did.CONSULTED, now_us)
        return CommandError.NONE

    def _may_ask(self, agent: Offer, command: cc.ConsultationCall) -> bool:
        return (
            agent.call_id == command.call_id
            and agent.state is not ConnectionState.ALERTING
            and not agent.asked_by
            and all(one.state is ConnectionState.ALERTING for one in self.of(agent))
        )

    def finish(
        self, command: cc.TransferCall | cc.ConferenceCall | cc.ReconnectCall, now_us: int
    ) -> CommandError:
        """End a consultation as a command says."""
        asked = self._exchange.offers.get(command.consultation)
        agent = None if asked is None else self._exchange.offers.get(asked.asked_by)
        if asked is None or agent is None or asked.call_id != command.call_id:
            return CommandError.WRONG_STATE
        if isinstance(command, cc.ReconnectCall):
            self.reconnect(agent, asked, now_us)
        elif asked.state is ConnectionState.ALERTING:
            return CommandError.WRONG_STATE
        elif isinstance(command, cc.TransferCall):
            self.transfer(agent, asked, now_us)
        else:
            self.confer(agent, asked, now_us)
        return CommandError.NONE

    def transfer(self, agent: Offer, asked: Offer, now_us: int) -> None:
        """Let a customer talk with whom was asked, and the agent go."""
        self._hand_over(agent, asked, now_us)
        self._exchange.drop_connection(agent, EventCause.REDIRECTED, now_us)

    def confer(self, agent: Offer, asked: Offer, now_us: int) -> None:
        """Let all three talk."""
        exchange = self._exchange
        asked.asked_by = ""
        exchange.calls[asked.call_id].conference = True
        where = (asked.call_id, asked.device, asked.offer_id)
        exchange.ledger.add(now_us, Did.CONFERENCED, *where, note=agent.offer_id)
        exchange.tell(sw.Conferenced(call_id=where[0], device=where[1], offer=where[2]))
        exchange.retrieve(agent.device, now_us, ordered=True)

    def reconnect(self, agent: Offer, asked: Offer, now_us: int) -> None:
        """Let agent and customer talk again, and whom was asked go."""
        exchange = self._exchange
        where = (asked.call_id, asked.device, asked.offer_id)
        exchange.ledger.add(now_us, Did.RECONNECTED, *where, note=agent.offer_id)
        agent.set_aside = True
        if asked.state is ConnectionState.ALERTING:
            exchange.end(asked, now_us)
        else:
            exchange.drop_connection(asked, EventCause.CALL_CANCELLED, now_us)

    def of_phone(self, device: str) -> tuple[Offer, Offer] | None:
        """Return the agent at a phone and whom he talks with about his customer, if he does."""
        phone = self._exchange.phones.get(device)
        agent = None if phone is None else self._exchange.offers.get(phone.offer_id)
        for asked in () if agent is None else self.of(agent):
            if agent is not None and asked.state is not ConnectionState.ALERTING:
                return agent, asked
        return None

    def ended(self, offer: Offer, now_us: int) -> None:
        """See what hangs on an offer or connection that is over."""
        exchange = self._exchange
        if offer.asked_by:
            agent = exchange.offers.get(offer.asked_by)
            asks_others = agent is not None and self.of(agent)
            answered = offer.state is not ConnectionState.ALERTING
            if agent is not None and not asks_others and (answered or agent.set_aside):
                exchange.retrieve(agent.device, now_us, ordered=True)
            return
        for asked in self.of(offer):
            if asked.state is ConnectionState.ALERTING:
                asked.asked_by = ""
            else:
                self._hand_over(offer, asked, now_us)

    def _hand_over(self, agent: Offer, asked: Offer, now_us: int) -> None:
        exchange = self._exchange
        asked.asked_by = ""
        where = (asked.call_id, asked.device, asked.offer_id)
        exchange.ledger.add(now_us, Did.TRANSFERRED, *where, note=agent.offer_id)
        exchange.tell(
            sw.Transferred(
                call_id=asked.call_id,
                device=agent.device,
                offer=agent.offer_id,
                to=asked.device,
                to_offer=asked.offer_id,
            )
        )

"""The simulated exchange: calls, phones, offers, timers. Pure: no I/O, time is an argument.

A call waits in its treatment until it is told where to go; a phone rings, answers, hangs up. What a
daemon should know is put into `events` while one is linked; what happened stands in the ledger in
any case. An offer rings under its command's id: what was given or canceled once never rings again.
"""

from heapq import heappop, heappush
from typing import Final

from msgspec import structs

from acd.settings import SECOND_US
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import ConsultationCall, MakeCall
from acd.switch_protocol.simulated.consultations import Consultations
from acd.switch_protocol.simulated.ledger import Did, Ledger
from acd.switch_protocol.simulated.state import Incoming, Offer, Phone, as_told
from acd.switch_protocol.words import (
    CONNECTIONS_MAX,
    AgentStateWord,
    CommandError,
    ConnectionState,
    DeviceState,
    EventCause,
    Treatment,
)

RING_GRACE_US: Final = 3 * SECOND_US
"""How much longer than it was told the switch lets a phone ring: the daemon comes first."""

OFFERS_MAX: Final = 10_000
"""Most offers of one call; the switch refuses more (a call offered twice a second for an hour)."""


class Exchange:
    """Everything that the switch knows.

    Args:
        devices: The phones.
        run: Another text each time; begins the calls' ids.
        fallback_us: How long a call waits alone, while no daemon is linked, for the fallback.
    """

    def __init__(self, devices: tuple[str, ...], *, run: str, fallback_us: int) -> None:
        self.phones: dict[str, Phone] = {}
        self.calls: dict[str, Incoming] = {}
        self.offers: dict[str, Offer] = {}
        """The living ones of all calls."""
        self.ledger = Ledger()
        self.consultations = Consultations(self)
        self.run = run
        self.epoch = 0
        self.seq = 0
        self.linked = False
        self.events: list[sw.EventBase] = []
        """What the linked daemon has to be told; whoever sends it empties the list."""
        self._fallback_us = fallback_us
        self._unlinked_us = 0
        self._calls_placed = 0
        self.dialled: dict[str, tuple[MakeCall, int]] = {}
        """Customers who are dialled and have not answered, and until when they ring."""
        self._timers: list[tuple[int, str, str]] = []
        """(at_us, call, offer or "" for the fallback); a timer that no longer fits is void."""
        for device in devices:
            self.add_phone(device)

    # The link.

    def link(self, now_us: int) -> int:
        """Note that a daemon logged in; return the epoch."""
        self.epoch += 1
        self.seq = 0
        self.events.clear()
        self.linked = True
        self.ledger.add(now_us, Did.LINKED, note=str(self.epoch))
        return self.epoch

    def unlink(self, now_us: int) -> None:
        """Note that no daemon is there any more; calls that wait alone go to the fallback."""
        self.linked = False
        self.events.clear()
        self._unlinked_us = now_us
        self.ledger.add(now_us, Did.UNLINKED)
        for call in self.calls.values():
            self._await_fallback(call)

    def tell(self, event: sw.EventBase) -> None:
        """Give an event its number and keep it for the daemon, if one is linked."""
        if self.linked:
            self.seq += 1
            self.events.append(structs.replace(event, epoch=self.epoch, seq=self.seq))

    # Time.

    def next_us(self) -> int | None:
        """Return when `advance` is due, or None."""
        timers = self._timers
        while timers and not self._counts(timers[0]):
            heappop(timers)
        return timers[0][0] if timers else None

    def advance(self, now_us: int) -> None:
        """Let the timers due by now end."""
        while (due_us := self.next_us()) is not None and due_us <= now_us:
            _, call_id, offer_id = heappop(self._timers)
            if call_id in self.dialled:
                self.miss_customer(call_id, EventCause.CALL_NOT_ANSWERED, now_us)
            elif offer_id:
                offer = self.offers[offer_id]
                self.ledger.add(now_us, Did.RANG_OUT, call_id, offer.device, offer_id)
                self.re_route(offer, EventCause.CALL_NOT_ANSWERED, now_us)
            else:
                self._fall_back(self.calls[call_id], EventCause.TIMEOUT, now_us)

    def _counts(self, timer: tuple[int, str, str]) -> bool:
        at_us, call_id, offer_id = timer
        if call_id in self.dialled:
            return self.dialled[call_id][1] == at_us
        if offer_id:
            offer = self.offers.get(offer_id)
            return (
                offer is not None
                and offer.state is ConnectionState.ALERTING
                and offer.ring_until_us == at_us
            )
        call = self.calls.get(call_id)
        return (
            call is not None
            and not self.linked
            and not call.offers
            and self._fallback_due_us(call) == at_us
        )

    def _fallback_due_us(self, call: Incoming) -> int:
        return max(self._unlinked_us, call.idle_since_us) + self._fallback_us

    def _await_fallback(self, call: Incoming) -> None:
        if not self.linked and not call.offers:
            heappush(self._timers, (self._fallback_due_us(call), call.call_id, ""))

    # Customers.

    def place_call(self, dnis: str, *, ani: str = "", user_data: bytes = b"", now_us: int) -> str:
        """Let a customer call; return the call's id."""
        self._calls_placed += 1
        call_id = f"{self.run}-{self._calls_placed}"
        call = Incoming(call_id, dnis, ani, user_data, now_us, now_us)
        self.calls[call_id] = call
        self.ledger.add(now_us, Did.CALL_PLACED, call_id, note=dnis)
        self.tell(sw.RouteRequest(call=as_told(call)))
        self._await_fallback(call)
        return call_id

    def hang_up_customer(self, call_id: str, now_us: int) -> bool:
        """Let a customer hang up; return whether he was there."""
        call = self.calls.get(call_id)
        if call is None:
            return False
        talked = any(one.state is not ConnectionState.ALERTING for one in call.offers.values())
        cause = EventCause.NORMAL_CLEARING if talked else EventCause.CALL_CANCELLED
        self.ledger.add(now_us, Did.CUSTOMER_HUNG_UP, call_id)
        self._clear(call, cause)
        return True

    def make_call(self, command: MakeCall, now_us: int) -> CommandError:
        """Dial a customer: his phone rings until he answers, or the time is over."""
        call_id = command.command_id
        if call_id in self.dialled or call_id in self.calls:
            return CommandError.ALREADY_GIVEN
        until_us = now_us + command.ring_us
        self.dialled[call_id] = command, until_us
        heappush(self._timers, (until_us, call_id, ""))
        self.ledger.add(now_us, Did.DIALLED, call_id, note=command.to)
        return CommandError.NONE

    def answer_customer(self, call_id: str, now_us: int) -> bool:
        """Let a customer who was dialled answer: he waits like one who called."""
        if call_id not in self.dialled:
            return False
        command, _ = self.dialled.pop(call_id)
        call = Incoming(call_id, command.dnis, command.to, b"", now_us, now_us)
        self.calls[call_id] = call
        self.ledger.add(now_us, Did.CUSTOMER_ANSWERED, call_id)
        self.tell(sw.RouteRequest(call=as_told(call)))
        self._await_fallback(call)
        return True

    def miss_customer(self, call_id: str, cause: EventCause, now_us: int) -> bool:
        """Dial a customer no longer; return whether he was being dialled."""
        if self.dialled.pop(call_id, None) is None:
            return False
        self.ledger.add(now_us, Did.NOT_REACHED, call_id, note=cause)
        self.tell(sw.CallCleared(call_id=call_id, cause=cause))
        return True

    def press_keys(self, call_id: str, digits: str) -> bool:
        """Let a customer who talks with nobody press keys; return whether he does wait."""
        call = self.calls.get(call_id)
        if call is None or any(
            one.state is not ConnectionState.ALERTING for one in call.offers.values()
        ):
            return False
        self.tell(sw.DigitsCollected(call_id=call_id, digits=digits))
        return True

    # Phones.

    def add_phone(self, device: str) -> None:
        """Set up a phone, in service; one that is there stays as it is."""
        if device not in self.phones:
            self.phones[device] = Phone(device)
            self.tell(sw.DeviceStateChanged(device=device, state=DeviceState.IN_SERVICE))

    def answer(self, device: str, now_us: int) -> bool:
        """Let an agent pick up; return whether it rang, and nobody else had the call by then."""
        offer = self._at(device, ConnectionState.ALERTING)
        if offer is None:
            return False
        call = self.calls[offer.call_id]
        if call.is_taken_from(offer):
            self.re_route(offer, EventCause.REDIRECTED, now_us)
            return False
        offer.state = ConnectionState.CONNECTED
        call.served = True
        did = Did.ASKED if offer.asked_by else Did.TALKING
        self.ledger.add(now_us, did, call.call_id, device, offer.offer_id)
        self.tell(sw.Established(call_id=call.call_id, device=device, offer=offer.offer_id))
        self.tell(sw.RouteUsed(call_id=call.call_id, offer=offer.offer_id, device=device))
        for other in tuple(call.offers.values()):
            if other.state is ConnectionState.ALERTING:
                self.re_route(other, EventCause.REDIRECTED, now_us)
        return True

    def decline(self, device: str, now_us: int) -> bool:
        """Let an agent decline what rings; return whether it rang."""
        offer = self._at(device, ConnectionState.ALERTING)
        if offer is None:
            return False
        self.ledger.add(now_us, Did.DECLINED, offer.call_id, device, offer.offer_id)
        self.re_route(offer, EventCause.REJECTED, now_us)
        return True

    def hang_up(self, device: str, now_us: int) -> bool:
        """Let an agent hang up; return whether he talked. The customer's call stays."""
        offer = self._at(device, ConnectionState.CONNECTED, ConnectionState.HOLD)
        if offer is None:
            return False
        self.ledger.add(now_us, Did.AGENT_HUNG_UP, offer.call_id, device, offer.offer_id)
        self.drop_connection(offer, EventCause.NORMAL_CLEARING, now_us)
        return True

    def hold(self, device: str, now_us: int, *, ordered: bool = False) -> bool:
        """Let an agent put his customer on hold; return whether that changed anything.

        Args:
            device: His phone.
            now_us: When.
            ordered: It is the daemon's doing, who takes over a hold of the agent's own.
        """
        offer = self._at(device, ConnectionState.CONNECTED, ConnectionState.HOLD)
        if offer is None:
            return False
        if offer.state is ConnectionState.HOLD:
            takes_over = ordered and not offer.hold_ordered
            offer.hold_ordered = offer.hold_ordered or ordered
            return takes_over
        offer.state = ConnectionState.HOLD
        offer.hold_ordered = ordered
        self.ledger.add(now_us, Did.HELD, offer.call_id, device, offer.offer_id)
        self.tell(sw.Held(call_id=offer.call_id, device=device, offer=offer.offer_id))
        return True

    def retrieve(self, device: str, now_us: int, *, ordered: bool = False) -> bool:
        """Let an agent take his customer off hold; return whether he was on hold by the same hand.

        While he asks somebody, the end of that brings the customer back.
        """
        offer = self._at(device, ConnectionState.HOLD)
        if offer is None or offer.hold_ordered is not ordered or self.consultations.of(offer):
            return False
        offer.state = ConnectionState.CONNECTED
        offer.hold_ordered = offer.set_aside = False
        self.ledger.add(now_us, Did.RETRIEVED, offer.call_id, device, offer.offer_id)
        self.tell(sw.Retrieved(call_id=offer.call_id, device=device, offer=offer.offer_id))
        return True

    def set_device(self, device: str, state: DeviceState, now_us: int) -> bool:
        """Put a phone in or out of service, or into a private call; return whether there is one."""
        phone = self.phones.get(device)
        if phone is None:
            return False
        if phone.state is not state:
            phone.state = state
            self.tell(sw.DeviceStateChanged(device=device, state=state))
        offer = self.offers.get(phone.offer_id)
        if offer is not None and state is DeviceState.OUT_OF_SERVICE:
            if offer.state is ConnectionState.ALERTING:
                self.ledger.add(now_us, Did.OFFER_LOST, offer.call_id, device, offer.offer_id)
                self.re_route(offer, EventCause.DEST_OUT_OF_ORDER, now_us)
            else:
                self.hang_up(device, now_us)
        return True

    def set_agent(
        self,
        device: str,
        state: AgentStateWord,
        *,
        reason: str = "",
        cause: EventCause = EventCause.NONE,
    ) -> bool:
        """Let an agent's state at his phone change; return whether there is such a phone."""
        phone = self.phones.get(device)
        if phone is None:
            return False
        was, phone.agent, phone.reason = phone.agent, state, reason
        if was is AgentStateWord.NULL and state is not AgentStateWord.NULL:
            self.tell(sw.AgentLoggedOn(device=device, cause=cause))
        match state:
            case AgentStateWord.NULL:
                self.tell(sw.AgentLoggedOff(device=device, cause=cause))
            case AgentStateWord.READY:
                self.tell(sw.AgentReady(device=device, cause=cause))
            case AgentStateWord.NOT_READY:
                self.tell(sw.AgentNotReady(device=device, reason=reason, cause=cause))
            case AgentStateWord.WORKING_AFTER_CALL:
                self.tell(sw.AgentWorkingAfterCall(device=device, cause=cause))
        return True

    def _at(self, device: str, *states: ConnectionState) -> Offer | None:
        """Return what is at a phone, if it is in one of these states."""
        phone = self.phones.get(device)
        offer = None if phone is None else self.offers.get(phone.offer_id)
        return offer if offer is not None and offer.state in states else None

    # What a daemon orders; `orders.py` reads the messages.

    def select(self, command: sw.RouteSelect, now_us: int) -> CommandError:
        """Let a phone ring, unless something speaks against it."""
        error = self.against(command, command.device)
        if error is not CommandError.NONE:
            where = (command.call_id, command.device, command.command_id)
            self.ledger.add(now_us, Did.SELECT_REFUSED, *where, error=error)
            return error
        offer = Offer(command.command_id, command.call_id, command.device)
        self.ring(offer, command, Did.SELECTED, now_us)
        return CommandError.NONE

    def ring(
        self, offer: Offer, command: sw.RouteSelect | ConsultationCall, did: Did, now_us: int
    ) -> None:
        """Let a phone ring as a command says."""
        call_id, device, offer_id = offer.call_id, offer.device, offer.offer_id
        offer.ring_until_us = now_us + command.ring_us + RING_GRACE_US
        self.calls[call_id].offers[offer_id] = self.offers[offer_id] = offer
        self.phones[device].offer_id = offer_id
        heappush(self._timers, (offer.ring_until_us, call_id, offer_id))
        self.ledger.add(now_us, did, call_id, device, offer_id, note=offer.asked_by)
        self.tell(sw.Delivered(call_id=call_id, device=device, offer=offer_id))
        if command.auto_answer:
            self.answer(device, now_us)

    def against(self, command: sw.RouteSelect | ConsultationCall, device: str) -> CommandError:
        """Return what speaks against letting a phone ring."""
        call = self.calls.get(command.call_id)
        phone = self.phones.get(device)
        if call is None:
            return CommandError.CALL_UNKNOWN
        if command.command_id in self.offers:
            return CommandError.ALREADY_GIVEN
        if command.command_id in call.ended:
            return CommandError.OFFER_ENDED
        if phone is None:
            return CommandError.DEVICE_UNKNOWN
        if phone.state is DeviceState.OUT_OF_SERVICE:
            return CommandError.DEVICE_OUT_OF_SERVICE
        if phone.offer_id or phone.state is DeviceState.BUSY:
            return CommandError.DEVICE_BUSY
        if len(call.ended) >= OFFERS_MAX or len(call.offers) >= CONNECTIONS_MAX:
            return CommandError.OVERLOAD
        return CommandError.NONE

    def cancel(self, call_id: str, offer_id: str, now_us: int) -> CommandError:
        """Take an offer back, whatever became of it; one that never came must not ring later."""
        call = self.calls.get(call_id)
        if call is None:
            return CommandError.CALL_UNKNOWN
        offer = call.offers.get(offer_id)
        if offer is None:
            self.ledger.add(now_us, Did.CANCEL_EARLY, call_id, "", offer_id)
            if len(call.ended) < OFFERS_MAX:
                call.ended.add(offer_id)
        elif offer.state is ConnectionState.ALERTING:
            self.ledger.add(now_us, Did.CANCELED, call_id, offer.device, offer_id)
            self.end(offer, now_us)
        else:
            self.ledger.add(now_us, Did.CANCEL_LATE, call_id, offer.device, offer_id)
            self.drop_connection(offer, EventCause.CALL_CANCELLED, now_us)
        return CommandError.NONE

    def clear_connection(self, call_id: str, offer_id: str, now_us: int) -> CommandError:
        """Hang up at the agent's side."""
        offer = self.offers.get(offer_id)
        if offer is None or offer.call_id != call_id:
            return CommandError.OFFER_ENDED
        self.ledger.add(now_us, Did.CONNECTION_CLEARED, call_id, offer.device, offer_id)
        self.drop_connection(offer, EventCause.NORMAL_CLEARING, now_us)
        return CommandError.NONE

    def treat(self, command: sw.QueueTreatment, now_us: int) -> CommandError:
        """Let a customer hear something, if he talks with nobody and is not on hold."""
        call_id = command.call_id
        call = self.calls.get(call_id)
        if call is None:
            return CommandError.CALL_UNKNOWN
        if any(one.state is not ConnectionState.ALERTING for one in call.offers.values()):
            return CommandError.WRONG_STATE
        said = [command.media, command.digits]
        is_said = command.treatment is Treatment.ANNOUNCEMENT
        note = " ".join(filter(None, said)) if is_said else command.treatment
        self.ledger.add(now_us, Did.TREATED, call_id, note=note)
        return CommandError.NONE

    def clear_call(self, call_id: str, did: Did, now_us: int, *, note: str = "") -> CommandError:
        """Let a customer go, or send him back; or dial him no longer."""
        if self.miss_customer(call_id, EventCause.CALL_CANCELLED, now_us):
            return CommandError.NONE
        call = self.calls.get(call_id)
        if call is None:
            return CommandError.CALL_UNKNOWN
        self.ledger.add(now_us, did, call_id, note=note)
        self._clear(call, EventCause.NORMAL_CLEARING)
        return CommandError.NONE

    def route_end(self, call_id: str, now_us: int) -> CommandError:
        """Take a call back: the switch's own default goes on with it."""
        call = self.calls.get(call_id)
        if call is None:
            return CommandError.CALL_UNKNOWN
        self._fall_back(call, EventCause.NONE, now_us)
        return CommandError.NONE

    # What follows.

    def _fall_back(self, call: Incoming, cause: EventCause, now_us: int) -> None:
        self.ledger.add(now_us, Did.FALLBACK, call.call_id, note=cause)
        self._forget(call)
        self.tell(sw.RouteEnded(call_id=call.call_id, cause=cause))

    def _clear(self, call: Incoming, cause: EventCause) -> None:
        self._forget(call)
        self.tell(sw.CallCleared(call_id=call.call_id, cause=cause))

    def _forget(self, call: Incoming) -> None:
        del self.calls[call.call_id]
        for offer in call.offers.values():
            del self.offers[offer.offer_id]
            self.phones[offer.device].offer_id = ""

    def re_route(self, offer: Offer, cause: EventCause, now_us: int) -> None:
        """End an offer that was not answered, and tell it."""
        self._take_out(offer, now_us)
        self.tell(sw.ReRoute(call_id=offer.call_id, offer=offer.offer_id, cause=cause))
        self.consultations.ended(offer, now_us)

    def drop_connection(self, offer: Offer, cause: EventCause, now_us: int) -> None:
        """End a connection, and tell it."""
        self._take_out(offer, now_us)
        self.tell(
            sw.ConnectionCleared(
                call_id=offer.call_id, device=offer.device, offer=offer.offer_id, cause=cause
            )
        )
        self.consultations.ended(offer, now_us)

    def end(self, offer: Offer, now_us: int) -> None:
        """End an offer that was not answered, without a word."""
        self._take_out(offer, now_us)
        self.consultations.ended(offer, now_us)

    def _take_out(self, offer: Offer, now_us: int) -> None:
        """Free the phone; the call waits again if nobody else has it."""
        call = self.calls[offer.call_id]
        del call.offers[offer.offer_id], self.offers[offer.offer_id]
        call.ended.add(offer.offer_id)
        self.phones[offer.device].offer_id = ""
        if offer.with_customer and not any(one.with_customer for one in call.offers.values()):
            self.ledger.add(now_us, Did.MUSIC, call.call_id)
        if all(one.state is ConnectionState.ALERTING for one in call.offers.values()):
            call.conference = False
        if not call.offers:
            call.idle_since_us = now_us
            self._await_fallback(call)

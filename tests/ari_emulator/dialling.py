"""What happens at phones: they are dialled, ring, answer, refuse, hold and hang up."""

from tests.ari_emulator.channels import Channel, Manner, Phone
from tests.ari_emulator.exchange import NORMAL, Exchange
from tests.ari_emulator.ledger import Did
from tests.ari_emulator.quirks import Quirk

INVITE_S = 0.002
"""How long it takes from a request to the phone, as measured."""
ANSWER_S = 0.02
"""After how long a phone answers that answers by itself."""
BUSY, NO_ANSWER, REJECTED = 17, 19, 21
STATUS = {BUSY: "BUSY", REJECTED: "NOANSWER", NO_ANSWER: "NOANSWER"}


class Dialling:
    """Lets the exchange's phones be called.

    Args:
        exchange: Where they are.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def make(self, channel_id: str, phone: Phone) -> Channel:
        """Make the channel of a leg, or of a private call."""
        exchange = self.exchange
        channel = Channel(channel_id, exchange.name(phone.resource))
        channel.phone = phone
        channel.plan = ("private", "s", 1, "", "")
        exchange.channels[channel_id] = channel
        phone.channels.append(channel)
        exchange.tell_endpoint(phone)
        exchange.tell("ChannelCreated", channel)
        return channel

    def dial(self, leg: Channel, timeout_s: float) -> None:
        """Send the invitation of a leg; after the time-out it is over."""
        leg.is_dialled = True
        if timeout_s > 0:
            self.exchange.after(timeout_s, self._time_out, leg)
        if not leg.is_lost:
            self.exchange.after(INVITE_S, self._invite, leg)

    def _is_there(self, leg: Channel) -> bool:
        return self.exchange.channels.get(leg.id) is leg

    def _invite(self, leg: Channel) -> None:
        phone = leg.phone
        if not self._is_there(leg) or phone is None:
            return
        self._tell_dial(leg, "")
        match phone.manner:
            case Manner.BUSY:
                self.fail(leg, BUSY)
            case Manner.DECLINES:
                self._ring(leg)
                self.fail(leg, REJECTED)
            case Manner.RINGS | Manner.ANSWERS:
                self._ring(leg)
                if phone.manner is Manner.ANSWERS:
                    self.exchange.after(ANSWER_S, self.answer, leg)
            case Manner.DEAD:
                pass

    def _ring(self, leg: Channel) -> None:
        leg.state = "Ringing"
        tells = [
            lambda: self.exchange.tell("ChannelStateChange", leg),
            lambda: self._tell_dial(leg, "RINGING"),
        ]
        self.exchange.quirks.random.shuffle(tells)  # Measured: either may be first.
        for tell in tells:
            tell()
        self.exchange.ledger.note(Did.RANG, leg)
        self.exchange.ledger.see(self.exchange.channels.values())
        self.exchange.happened()

    def _tell_dial(self, leg: Channel, status: str) -> None:
        number = leg.phone.number if leg.phone else ""
        self.exchange.tell("Dial", leg, dialstatus=status, forward="", dialstring=number)

    def answer(self, leg: Channel) -> None:
        """Let a phone answer; its leg enters the application that wanted it."""
        exchange = self.exchange
        if not self._is_there(leg) or leg.state != "Ringing":
            return
        leg.state = "Up"
        exchange.tell("ChannelStateChange", leg)
        self._tell_dial(leg, "ANSWER")
        exchange.ledger.note(Did.ANSWERED, leg)
        app, args = leg.wanted_by
        if app and not exchange.enter(leg, app, args):
            exchange.end(leg, NORMAL)  # Nobody has the application: answered, and let go at once.
        exchange.happened()

    def fail(self, leg: Channel, cause: int) -> None:
        """Let a phone refuse."""
        if not self._is_there(leg) or leg.state == "Up":
            return
        self.exchange.request_end(leg, cause)
        if leg.wanted_by[0]:
            self._tell_dial(leg, STATUS[cause])
        self.exchange.ledger.note(Did.REFUSED, leg)
        self.exchange.end(leg, cause)

    def _time_out(self, leg: Channel) -> None:
        if not self._is_there(leg) or leg.state == "Up":
            return
        if leg.app:
            self.exchange.request_end(leg, 32, soft=True)
        self.exchange.end(leg, NO_ANSWER)

    def hang_up(self, channel: Channel) -> None:
        """Let a phone hang up (BYE)."""
        if self._is_there(channel):
            self.exchange.request_end(channel, None)
            self.exchange.end(channel, NORMAL)

    def hold(self, channel: Channel, *, on: bool) -> None:
        """Let a phone press its hold key."""
        more = {"musicclass": "default"} if on else {}
        self.exchange.tell("ChannelHold" if on else "ChannelUnhold", channel, **more)

    def delete(self, channel: Channel) -> None:
        """End a channel for a client, if the phone is not quicker."""
        exchange, occasion = self.exchange, f"DELETE {channel.id}"
        was_ringing = channel.state == "Ringing"
        channel.asked_to_end = True
        if exchange.quirks.strikes(Quirk.LATE_ANSWER, occasion) and was_ringing:
            self.answer(channel)
        elif exchange.quirks.strikes(Quirk.ACK_WITHOUT_EFFECT, occasion):
            exchange.after(exchange.quirks.late_s(), exchange.delete, channel)
        else:
            exchange.delete(channel)

"""What the simulated exchange knows of calls and phones: plain records."""

from msgspec import Struct

from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import AgentStateWord, ConnectionState, DeviceState


class Offer(Struct):
    """A call at a phone."""

    offer_id: str
    call_id: str
    device: str
    state: ConnectionState = ConnectionState.ALERTING
    ring_until_us: int = 0
    asked_by: str = ""
    """The offer whose agent consults this one; "" if it is between the customer and an agent."""
    hold_ordered: bool = False
    """The daemon ordered the hold, and ends it: the phone's keys do not."""
    set_aside: bool = False
    """A consultation alone keeps its customer on hold: he comes back if nobody can be asked."""

    @property
    def with_customer(self) -> bool:
        """Whether customer and agent hear each other."""
        return self.state is ConnectionState.CONNECTED and not self.asked_by


class Incoming(Struct):
    """A customer's call."""

    call_id: str
    dnis: str
    ani: str
    user_data: bytes
    queued_us: int
    idle_since_us: int
    """Since when it waits alone."""
    served: bool = False
    conference: bool = False
    """Several agents may be with the customer."""
    offers: dict[str, Offer] = {}
    """The living ones."""
    ended: set[str] = set()
    """Offers that were given or canceled, and are over."""

    def is_taken_from(self, offer: Offer) -> bool:
        """Return whether another agent has what an offer rings for: he answered before.

        In a conference whoever answers joins.
        """
        if self.conference and not offer.asked_by:
            return False
        return any(
            one.state is not ConnectionState.ALERTING
            for one in self.offers.values()
            if not offer.asked_by or one.asked_by == offer.asked_by
        )


class Phone(Struct):
    """An agent's phone."""

    device: str
    state: DeviceState = DeviceState.IN_SERVICE
    offer_id: str = ""
    """What rings or talks at it."""
    agent: AgentStateWord = AgentStateWord.NULL
    reason: str = ""


def as_told(call: Incoming) -> sw.Call:
    """Return a call as the daemon is told of it."""
    return sw.Call(
        call_id=call.call_id,
        dnis=call.dnis,
        ani=call.ani,
        queued_us=call.queued_us,
        served=call.served,
        user_data=call.user_data,
        connections=tuple(
            sw.Connection(one.device, one.state, one.offer_id) for one in call.offers.values()
        ),
    )

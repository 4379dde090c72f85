"""What a switch does rarely, and a client must survive; each can be armed once, or drawn by rate.

An *occasion* is a text: an event's type and channel ("StasisStart c1"), or a request ("POST
channels/l1/dial"). All draws come from one seeded generator.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from random import Random


class Quirk(StrEnum):
    NONE = "none"
    ACK_WITHOUT_EFFECT = "ack_without_effect"
    """The answer says that it was done; it is done later, or never."""
    WRITE_TIMEOUT = "write_timeout"
    """A client whose socket takes nothing for 100 ms is disconnected."""
    DROPPED = "dropped"
    REPEATED = "repeated"
    CROSSED = "crossed"
    """Events and answers overtake each other."""
    GHOST = "ghost"
    """A channel is listed that does not exist; no event ever tells its end."""
    SURVIVOR = "survivor"
    """The link was cut; calls in the application stay there, and nothing tells of them."""
    REPLACED = "replaced"
    """Another client takes the application's name."""
    LATE_ANSWER = "late_answer"
    """A phone answers while its leg is being deleted, and the answer wins."""
    TWO_SUBSCRIPTIONS = "two_subscriptions"
    """What happens at a leg is told twice: by its endpoint's and by its channel's subscription."""
    MASQUERADE = "masquerade"
    """Another channel takes a customer's place."""
    ERROR_500 = "error_500"
    STOPS_READING = "stops_reading"
    """Requests of the connections that there are get no answer any more."""
    RESTART = "restart"
    CUT = "cut"


WRITE_TIMEOUT_S = 0.1
LATE_S = (0.05, 0.25)
"""How late a late effect is, at least and at most."""
CROSSED_S = (0.03, 0.1)
"""How long a crossed event or answer is kept back: long enough for others to overtake it."""

Where = Callable[[str], bool]


def any_(_: str) -> bool:
    return True


class Quirks:
    """Which quirks strike when.

    Args:
        seed: Of all draws.
        rates: How likely each is to strike at an occasion, 0 to 1; those not named never do, unless
            they are armed.
    """

    def __init__(self, seed: int = 0, rates: Mapping[Quirk, float] | None = None) -> None:
        self.random = Random(seed)
        self.rates = dict(rates or {})
        self._armed: list[tuple[Quirk, Where]] = []
        self.struck: list[tuple[Quirk, str]] = []

    def arm(self, quirk: Quirk, where: Where = any_, *, times: int = 1) -> None:
        """Let a quirk strike at the next occasions of a kind."""
        self._armed += [(quirk, where)] * times

    def calm(self) -> None:
        """Let nothing strike any more."""
        self.rates.clear()
        self._armed.clear()

    def strikes(self, quirk: Quirk, occasion: str) -> bool:
        """Return whether a quirk strikes at an occasion."""
        for number, (armed, where) in enumerate(self._armed):
            if armed is quirk and where(occasion):
                del self._armed[number]
                self.struck.append((quirk, occasion))
                return True
        rate = self.rates.get(quirk, 0.0)
        if rate > 0 and self.random.random() < rate:
            self.struck.append((quirk, occasion))
            return True
        return False

    def late_s(self) -> float:
        return self.random.uniform(*LATE_S)

    def crossed_s(self) -> float:
        return self.random.uniform(*CROSSED_S)

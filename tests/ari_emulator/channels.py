"""What there is at the exchange: channels, bridges, phones, applications; and how JSON shows it."""

from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

ENTITY = "02:00:00:00:00:22"
VARIABLES = (
    *("ACD_CALL", "ACD_OFFER", "ACD_DEVICE", "ACD_PURPOSE", "ACD_DNIS", "ACD_UUI", "ACD_DIGITS"),
    *("ACD_ENTRY", "ACD_SERVED", "ACD_HELD", "ACD_ANI", "ACD_APP", "ACD_PATIENCE", "ACD_TAKEN"),
)
"""As `channelvars` in ari.conf: they are in each channel's description."""

Json = dict[str, Any]


def stamp(at: datetime | None = None) -> str:
    """Return a time as Asterisk writes it."""
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


class Channel:
    """One channel: a customer's, a leg to a phone, a private call's, or a listener's ear."""

    def __init__(self, channel_id: str, name: str) -> None:
        self.id = channel_id
        self.name = name
        self.state = "Down"
        self.caller = ("", "")
        """Name and number."""
        self.plan = ("default", "s", 1, "", "")
        """Context, extension, priority, application and its data."""
        self.created = stamp()
        self.variables: dict[str, str] = {}
        self.phone: Phone | None = None
        self.customer = ""
        """Of a customer's channel: his name. Of a leg: whom it is for."""
        self.is_leg = False
        self.app = ""
        """The application that has it, "" if none has."""
        self.args: tuple[str, ...] = ()
        self.watched: Counter[str] = Counter()
        """How often each application is subscribed to it."""
        self.wanted_by: tuple[str, tuple[str, ...]] = ("", ())
        """Of an originated leg: the application that gets it when it answers, and arguments."""
        self.bridge: Bridge | None = None
        self.hears = ""
        """moh, ring, silence or nothing."""
        self.is_dialled = False
        self.told_start = False
        """StasisStart was sent."""
        self.asked_to_end = False
        """Somebody has asked for its end."""
        self.is_lost = False
        """Its INVITE never reaches the phone."""

    @property
    def is_ringing(self) -> bool:
        return self.is_leg and self.state in {"Down", "Ringing"}

    def json(self) -> Json:
        context, exten, priority, app_name, app_data = self.plan
        party = {"name": self.caller[0], "number": self.caller[1]}
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "protocol_id": f"sip-{self.id}",
            "caller": party,
            "connected": {"name": "", "number": ""},
            "accountcode": "",
            "dialplan": {
                "context": context,
                "exten": exten,
                "priority": priority,
                "app_name": app_name,
                "app_data": app_data,
            },
            "creationtime": self.created,
            "language": "en",
            "channelvars": {name: self.variables.get(name, "") for name in VARIABLES},
        }


class Bridge:
    """A mixing or holding bridge."""

    def __init__(self, bridge_id: str, kind: str, name: str) -> None:
        self.id = bridge_id
        self.kind = kind
        self.name = name
        self.channels: list[Channel] = []
        self.created = stamp()

    def json(self) -> Json:
        return {
            "id": self.id,
            "technology": "simple_bridge",
            "bridge_type": self.kind,
            "bridge_class": "stasis",
            "creator": "Stasis",
            "name": self.name,
            "channels": [one.id for one in self.channels],
            "creationtime": self.created,
            "video_mode": "talker",
        }


class Manner(StrEnum):
    """What a phone does when it is called."""

    RINGS = "rings"
    """It rings until the test does something."""
    ANSWERS = "answers"
    BUSY = "busy"
    DECLINES = "declines"
    DEAD = "dead"
    """It is registered, and does not react at all."""


class Phone:
    """A phone at a PJSIP endpoint."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.is_registered = True
        self.manner = Manner.ANSWERS
        self.channels: list[Channel] = []

    @property
    def resource(self) -> str:
        return f"PJSIP/{self.number}"

    def json(self) -> Json:
        return {
            "technology": "PJSIP",
            "resource": self.number,
            "state": "online" if self.is_registered else "offline",
            "channel_ids": [one.id for one in self.channels],
        }


class Listener(Protocol):
    """A WebSocket that gets an application's events."""

    def tell(self, event: Json) -> None: ...


class App:
    """An application by its name; it outlives its WebSocket, and so do its subscriptions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.listener: Listener | None = None
        self.endpoints: Counter[str] = Counter()
        self.allowed: list[str] = []
        self.disallowed: list[str] = []

    def lets_through(self, kind: str) -> bool:
        return kind not in self.disallowed and (not self.allowed or kind in self.allowed)

    def json(self) -> Json:
        return {
            "name": self.name,
            "channel_ids": [],
            "bridge_ids": [],
            "endpoint_ids": sorted(+self.endpoints),
            "device_names": [],
            "events_allowed": [{"type": one} for one in self.allowed],
            "events_disallowed": [{"type": one} for one in self.disallowed],
        }

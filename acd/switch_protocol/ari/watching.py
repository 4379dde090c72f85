"""Which phones our application is told about: subscriptions, and which events are not wanted. Pure.

Asterisk refuses a subscription to several sources as a whole if it does not know one of them, so a
refused one is asked for again in halves. What it does not know at all is remembered and asked for
again now and then: a phone may be configured there later than here.
"""

from collections.abc import Callable, Collection
from typing import Final

import msgspec

from acd.switch_protocol.ari.codec import EVENT_TYPES
from acd.switch_protocol.ari.frames import Request, Response

CHUNK: Final = 50
"""Sources of one request …"""

CHUNK_BYTES: Final = 1_200
"""… and most bytes of all of them: an address by HTTP has 4,000, and an escape is three times as
long as what it stands for."""

UNKNOWN_SOURCE: Final = 422
"""Asterisk knows one of the sources not."""

UNWANTED: Final = tuple(
    kind
    for kind in (
        *("BridgeCreated", "BridgeDestroyed", "BridgeMerged", "BridgeVideoSourceChanged"),
        *("ChannelCallerId", "ChannelConnectedLine", "ChannelDialplan", "ChannelTalkingFinished"),
        *("ChannelTalkingStarted", "ChannelToneDetected", "ChannelVarset", "ContactStatusChange"),
        *("DeviceStateChanged", "PeerStatusChange", "PlaybackContinuing", "PlaybackStarted"),
        *("RecordingFailed", "RecordingFinished", "RecordingStarted", "TextMessageReceived"),
    )
    if kind not in EVENT_TYPES
)
"""Frequent events that nobody here reads. A list of the wanted ones would also stop the answers to
requests on the WebSocket, which are events to Asterisk's filter."""


def filter_request(app: str) -> Request:
    """Return the request that the switch leaves out what nobody reads."""
    body = msgspec.json.encode({"disallowed": [{"type": kind} for kind in UNWANTED]})
    return Request(0, "PUT", ("applications", app, "eventFilter"), body=body)


class Watching:
    """The subscriptions of one link.

    Args:
        app: Our application's name.
        sources: What to subscribe to.
        ask: Queues a request; returns its ticket.
    """

    def __init__(self, app: str, sources: Collection[str], ask: Callable[[Request], int]) -> None:
        self._path = ("applications", app, "subscription")
        self._ask = ask
        self._wanted: dict[str, None] = {}
        self._asked: dict[int, tuple[str, list[str]]] = {}
        """The method and sources of each request that is not answered, by ticket."""
        self._on: set[str] = set()
        """What was subscribed to, or is being so."""
        self._unknown: set[str] = set()
        self.want(sources)

    @property
    def unknown(self) -> frozenset[str]:
        """The sources that the switch does not know."""
        return frozenset(self._unknown)

    @property
    def is_done(self) -> bool:
        """Whether nothing is unanswered."""
        return not self._asked

    @property
    def wants_more(self) -> bool:
        """Whether something is not subscribed to, and could be later."""
        return len(self._on) < len(self._wanted)

    def want(self, sources: Collection[str]) -> None:
        """Take what is wanted from now on; `ask` asks for it."""
        # A comma would be two sources to Asterisk.
        self._wanted = dict.fromkeys(one for one in sorted(sources) if "," not in one)
        self._unknown = {one for one in sources if "," in one}

    def ask(self) -> None:
        """Subscribe to what is wanted and not had, and leave what is had and not wanted."""
        self._request("DELETE", sorted(self._on.difference(self._wanted)))
        self._on.intersection_update(self._wanted)
        self._request("POST", [one for one in self._wanted if one not in self._on])

    def takes(self, ticket: int) -> bool:
        """Return whether a request was made here."""
        return ticket in self._asked

    def answered(self, ticket: int, response: Response | None) -> None:
        """Take an answer to a request that was made here."""
        method, sources = self._asked.pop(ticket)
        if method == "DELETE":
            return
        if response is not None and response.is_good:
            self._unknown.difference_update(sources)
            return
        self._on.difference_update(sources)
        if response is None or response.status != UNKNOWN_SOURCE:
            return
        if len(sources) == 1:
            self._unknown.update(sources)
            return
        middle = len(sources) // 2
        for half in (sources[:middle], sources[middle:]):
            self._request("POST", [one for one in half if one in self._wanted])

    def _request(self, method: str, sources: list[str]) -> None:
        """Ask for a change, in pieces that fit a request each."""
        if method == "POST":
            self._on.update(sources)
        while sources:
            count, letters = 0, 0
            while count < min(CHUNK, len(sources)):
                letters += len(sources[count].encode()) + 1
                if count and letters > CHUNK_BYTES:
                    break
                count += 1
            piece, sources = sources[:count], sources[count:]
            query = (("eventSource", ",".join(piece)),)
            self._asked[self._ask(Request(0, method, self._path, query))] = (method, piece)

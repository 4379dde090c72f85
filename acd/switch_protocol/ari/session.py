"""One link to Asterisk, from its log-in to its end: who asked what, and until when. Pure.

The log-in asks what runs there, sets which events are not wanted, and subscribes to our phones.
Whether requests may travel on the WebSocket is found out by trying (Asterisk has it since the
spring of 2025, in several branches): if the first one is not answered in a second, all go by HTTP,
one after the other. If its answer comes after all (Asterisk was busy), all go by the WebSocket from
then on.

Requests that others may overtake (`aside`: the long lists of audits) always go by HTTP: what is
asked on the WebSocket is answered in order, so a list would hold up all that is asked after it.

What happens during the log-in is not handed on: the snapshot that every log-in is followed by has
it. Deadlines run on the times that are handed in.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from acd.errors import printable, shown
from acd.switch_protocol.ari import frames
from acd.switch_protocol.ari.codec import (
    Answered,
    HttpRequest,
    RefusedError,
    Unreadable,
    encode,
    encode_http,
)
from acd.switch_protocol.ari.frames import Info, Request, Response
from acd.switch_protocol.ari.lanes import Lane
from acd.switch_protocol.ari.watching import UNKNOWN_SOURCE, Watching, filter_request

VERSION_MIN: Final = 16
"""Oldest Asterisk that has all that we use."""

IN_FLIGHT_MAX: Final = 64
"""Most requests that are sent and not answered; by HTTP it is one, so that order is kept."""

QUEUE_MAX: Final = 20_000
"""Most requests that wait to be sent: four seconds of 5,000 a second."""

PROBE_US: Final = 1_000_000
"""How long the first request on the WebSocket may take (a local Asterisk needs 300)."""

LOGIN_US: Final = 5_000_000
"""How long a log-in may take (reference: switch protocols, 7.6)."""

ANSWER_US: Final = 2_000_000
"""How long a request may stay unanswered before nobody knows what became of it (7.6)."""

LIST_US: Final = 10_000_000
"""The same, where everything of a kind is asked for (7.6: a snapshot)."""

KEEPALIVE_US: Final = 4_500_000
"""Time between two pings, and …"""

MISSES_MAX: Final = 2
"""… most of them unanswered: an end is noticed within 13.5 s (7.6: 15)."""

LOST_US: Final = 1_000_000
"""Shortest time between two notes that something was lost: each costs a snapshot."""

RESUBSCRIBE_US: Final = (60_000_000, 3_600_000_000)
"""First and longest pause until phones that the switch does not know are asked for again; each is
twice the one before."""

REST_SINCE: Final = {20: 14, 21: 9, 22: 4}
"""From which release on each branch takes requests on the WebSocket; later branches always do."""

_REFUSALS: Final = {
    401: "the log-in by HTTP was refused (401): see `user` and `password_file`",
    403: "the user may only read (403): set read_only=no in ari.conf",
}


class Send(Struct, frozen=True, gc=False):
    """To be sent on the WebSocket."""

    frame: bytes


class SendHttp(Struct, frozen=True, gc=False):
    """To be sent by HTTP."""

    ticket: int
    request: HttpRequest
    span_us: int
    """How long it may take."""


class Ping(Struct, frozen=True, gc=False):
    """To be asked for a sign of life."""


class Pong(Struct, frozen=True, gc=False):
    """A sign of life; something that came in."""


class Unanswered(Struct, frozen=True, gc=False):
    """The answer to a request will not come; something that came in."""

    ticket: int


class LoggedIn(Struct, frozen=True, gc=False):
    """The log-in is done."""

    info: Info


class Answer(Struct, frozen=True, gc=False):
    """What became of a request of the mapper.

    None: it left, and nobody knows what became of it. A status below 1: it never left.
    """

    ticket: int
    response: Response | None


class Reached(Struct, frozen=True, gc=False):
    """The WebSocket takes requests after all: they went by HTTP until now."""


class Lost(Struct, frozen=True, gc=False):
    """A message could not be read."""

    cause: str


class Ended(Struct, frozen=True, gc=False):
    """The link is to be cut."""

    cause: str
    replaced: bool = False


Out: TypeAlias = Send | SendHttp | Ping | LoggedIn | frames.Event | Answer | Reached | Lost | Ended
Incoming: TypeAlias = frames.Event | Answered | Unreadable | Pong | Unanswered

_INFO: Final = msgspec.json.Decoder(Info)


class Session:
    """One link.

    Args:
        app: Our application's name.
        sources: What to subscribe to: `endpoint:PJSIP/101`, …
    """

    def __init__(self, app: str, sources: Collection[str] = ()) -> None:
        self._app = app
        self._watching = Watching(app, sources, self._ask_own)
        self._out: list[Out] = []
        self._main = Lane()
        self._aside = Lane()
        """By HTTP, while the main one goes by the WebSocket."""
        self._own = 0
        """Ticket of our last own request; they count down from -1."""
        self._own_sent: dict[int, Request] = {}
        self.by_http = False
        """Whether all goes by HTTP."""
        self._is_reached = False
        """Whether the WebSocket takes requests, as came out late."""
        self._probe = 0
        """Ticket of the first request on the WebSocket."""
        self._probe_us: int | None = None
        self._login_us: int | None = None
        self._ping_us: int | None = None
        self._resubscribe_us: int | None = None
        self._resubscribe_pause_us = RESUBSCRIBE_US[0]
        self._misses = 0
        self._lost = ""
        """What was lost and is not told yet."""
        self._lost_us: int | None = None
        """When it is told, or when the next may be."""
        self._info: Info | None = None
        self._is_filtered = False
        self._is_ended = False
        self.is_logged_in = False

    @property
    def unknown(self) -> frozenset[str]:
        """The sources that the switch does not know."""
        return self._watching.unknown

    def begin(self, now_us: int) -> None:
        """Begin to log in: the WebSocket is open."""
        self._login_us = now_us + LOGIN_US
        self._probe_us = now_us + PROBE_US
        self._ping_us = now_us + KEEPALIVE_US
        self._probe = self._ask_own(Request(0, "GET", ("asterisk", "info")))
        self._send(now_us)

    def watch(self, sources: Collection[str], now_us: int) -> None:
        """Be subscribed to these sources, and to no others."""
        self._watching.want(sources)
        if self._is_filtered:
            self._watching.ask()
            self._send(now_us)
        if self.is_logged_in:
            self._resubscribe_in(RESUBSCRIBE_US[0], now_us)

    def ask(self, requests: Iterable[Request], now_us: int) -> None:
        """Send the mapper's requests, as soon as they may leave."""
        for request in requests:
            if self._is_ended:
                self._out.append(Answer(request.ticket, Response(-1)))
            elif len(self._main) + len(self._aside) >= QUEUE_MAX:
                self._out.append(Answer(request.ticket, Response(0)))
            elif request.aside and not self.by_http:
                self._aside.add(request)
            else:
                self._main.add(request)
        self._send(now_us)

    def feed(self, item: Incoming, now_us: int) -> None:
        """Take what came in."""
        if self._is_ended:
            return
        match item:
            case Answered():
                self._answered(item.ticket, item.response, now_us)
            case Unanswered():
                self._answered(item.ticket, None, now_us)
            case Pong():
                self._misses = 0
            case frames.ApplicationReplaced():
                self._end("another daemon took our place (ApplicationReplaced)", replaced=True)
            case Unreadable():
                self._lose(f"a {item.type} that cannot be read: {item.why}", now_us)
            case _:
                if self.is_logged_in:
                    self._out.append(item)

    def due_us(self) -> int | None:
        """Return when `on_time` is due, or None."""
        if self._is_ended:
            return None
        waits = (
            *(self._main.due_us, self._aside.due_us, self._probe_us, self._login_us),
            *(self._ping_us, self._resubscribe_us, self._lost_us),
        )
        return min((due_us for due_us in waits if due_us is not None), default=None)

    def on_time(self, now_us: int) -> None:
        """Do what is due."""
        if self._is_ended:
            return
        if _is_over(self._probe_us, now_us):
            self._give_up_websocket(now_us)
        for ticket in (*self._main.overdue(now_us), *self._aside.overdue(now_us)):
            self._answered(ticket, None, now_us)
        if _is_over(self._login_us, now_us):
            self._end("cannot log in: no answer")
        if _is_over(self._resubscribe_us, now_us):
            # Finding out which ones are unknown costs about two requests for each.
            more = self._watching.wants_more
            self._resubscribe_in(2 * self._resubscribe_pause_us if more else 0, now_us)
            self._watching.ask()
            self._send(now_us)
        if _is_over(self._lost_us, now_us):
            cause, self._lost, self._lost_us = self._lost, "", None
            if cause:
                self._lose(cause, now_us)
        if _is_over(self._ping_us, now_us):
            self._ping(now_us)

    def take(self) -> list[Out]:
        """Return what is to be done, in order."""
        out, self._out = self._out, []
        return out

    def cut(self) -> None:
        """Take note that there is no link any more: `take` then has what became of requests."""
        self._is_ended = True
        for lane in (self._main, self._aside):
            left, waited = lane.forget()
            self._out += [Answer(ticket, None) for ticket in left if ticket > 0]
            self._out += [Answer(ticket, Response(-1)) for ticket in waited if ticket > 0]

    # Sending.

    def _send(self, now_us: int) -> None:
        if self._is_reached and self.by_http and not self._main.in_flight:
            self.by_http = False  # Not earlier: who left by HTTP would be overtaken.
            self._out.append(Reached())
        self._send_from(self._main, now_us, by_http=self.by_http)
        self._send_from(self._aside, now_us, by_http=True)

    def _send_from(self, lane: Lane, now_us: int, *, by_http: bool) -> None:
        most = 1 if by_http else IN_FLIGHT_MAX
        while lane and lane.in_flight < most and not self._is_ended:
            request = lane.pop()
            span_us = _span_us(request)
            lane.left(request.ticket, now_us + span_us)
            try:
                out = (
                    SendHttp(request.ticket, encode_http(request), span_us)
                    if by_http
                    else Send(encode(request))
                )
            except RefusedError as error:
                body = msgspec.json.encode({"message": f"refused here: {error}"})
                lane.settle(request.ticket)
                self._settled(request.ticket, Response(400, body), now_us)
            else:
                self._out.append(out)

    def _ask_own(self, request: Request) -> int:
        """Queue a request of the session itself; return its ticket. `_send` follows."""
        self._own -= 1
        request = msgspec.structs.replace(request, ticket=self._own)
        self._own_sent[self._own] = request
        self._main.add(request)
        return self._own

    def _answered(self, ticket: int, response: Response | None, now_us: int) -> None:
        if self._main.settle(ticket) or self._aside.settle(ticket):
            self._settled(ticket, response, now_us)
        elif ticket == self._probe and self.by_http:
            self._is_reached = True
        else:
            return  # It was given up, or is nobody's.
        self._send(now_us)

    def _settled(self, ticket: int, response: Response | None, now_us: int) -> None:
        if ticket > 0:
            self._out.append(Answer(ticket, response))
        else:
            self._own_answered(ticket, response, now_us)

    # Logging in.

    def _own_answered(self, ticket: int, response: Response | None, now_us: int) -> None:
        request = self._own_sent.pop(ticket)
        self._probe_us = None
        if self._watching.takes(ticket):
            self._watching.answered(ticket, response)
            why = _why_not(request, response, accepted=UNKNOWN_SOURCE)
        elif self._info is None:
            why = _why_not(request, response) or self._informed(response)
        else:
            # Before Asterisk 16.3 nothing can be left out.
            why = _why_not(request, response, accepted=404)
            self._is_filtered = True
            self._watching.ask()
        if self.is_logged_in:
            return
        if why:
            self._end(why)
        elif self._is_filtered and self._watching.is_done:
            assert self._info is not None
            self.is_logged_in = True
            self._login_us = None
            self._resubscribe_in(RESUBSCRIBE_US[0], now_us)
            self._out.append(LoggedIn(self._info))

    def _informed(self, response: Response | None) -> str:
        """Take what runs there; return why that will not do, or ""."""
        assert response is not None
        try:
            info = _INFO.decode(response.body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return "cannot log in: the answer to GET asterisk/info is not the one of Asterisk"
        version = major(info.system.version)
        if version is not None and version < VERSION_MIN:
            seen = shown(info.system.version)
            return f"Asterisk {seen} is too old: wanted {VERSION_MIN} or later"
        self._info = info
        self._ask_own(filter_request(self._app))
        return ""

    def _give_up_websocket(self, now_us: int) -> None:
        """Ask again by HTTP: the WebSocket takes no requests, or nobody is there."""
        self._probe_us = None
        self.by_http = True
        self._main.forget()
        self._own_sent.clear()
        self._ask_own(Request(0, "GET", ("asterisk", "info")))
        self._send(now_us)

    def _resubscribe_in(self, pause_us: int, now_us: int) -> None:
        first_us, longest_us = RESUBSCRIBE_US
        self._resubscribe_pause_us = max(first_us, min(pause_us, longest_us))
        self._resubscribe_us = now_us + self._resubscribe_pause_us

    # What goes wrong.

    def _lose(self, cause: str, now_us: int) -> None:
        if not self.is_logged_in:
            return  # The snapshot has it.
        if self._lost_us is not None:
            self._lost = cause
            return
        self._lost_us = now_us + LOST_US
        self._out.append(Lost(cause))

    def _ping(self, now_us: int) -> None:
        if self._misses >= MISSES_MAX:
            self._end(f"no sign of life for {MISSES_MAX} keepalives")
            return
        self._misses += 1
        self._ping_us = now_us + KEEPALIVE_US
        self._out.append(Ping())

    def _end(self, cause: str, *, replaced: bool = False) -> None:
        if not self._is_ended:
            self._is_ended = True
            self._out.append(Ended(cause, replaced))


def major(version: str) -> int | None:
    """Return the number of a main release; None where the name has none (as GIT-master).

    >>> major("22.10.1~dfsg+~cs6.15"), major("certified-20.7-cert5"), major("GIT-master-1a2b")
    (22, 20, None)
    >>> major("GIT-18-1a2b3c"), major("certified/18.9-cert1"), major("SVN-branch-13-r419")
    (18, 18, 13)
    """
    found = re.match(r"(?:(?:certified|GIT|SVN)[-/](?:branch-)?)?(\d{1,3})(?![0-9a-zA-Z])", version)
    return int(found[1]) if found else None


def takes_requests(version: str) -> bool:
    """Return whether a release is known to take requests on the WebSocket.

    >>> [takes_requests(name) for name in ("22.4.0", "23.0.0-rc1", "22.10.1~dfsg+~cs6.15")]
    [True, True, True]
    >>> [takes_requests(name) for name in ("22.3.0", "20.13.1", "19.8.1", "GIT-23-1a2b3c", "")]
    [False, False, False, False, False]
    """
    found = re.match(r"(\d{1,3})\.(\d{1,3})(?!\d)", version)
    if found is None:
        return False
    branch, release = int(found[1]), int(found[2])
    return branch > max(REST_SINCE) or release >= REST_SINCE.get(branch, 1_000)


def _is_over(due_us: int | None, now_us: int) -> bool:
    return due_us is not None and due_us <= now_us


def _span_us(request: Request) -> int:
    """Return how long a request may stay unanswered."""
    lists = request.method == "GET" and len(request.path) == 1
    return LIST_US if lists or request.path[0] == "endpoints" else ANSWER_US


def _why_not(request: Request, response: Response | None, *, accepted: int = 200) -> str:
    """Return why an answer will not do, or ""."""
    if response is not None and (response.is_good or response.status == accepted):
        return ""
    what = f"{request.method} {'/'.join(request.path)}"
    if response is None:
        return f"cannot log in: {what} is not answered"
    if response.status in _REFUSALS:
        return f"cannot log in: {_REFUSALS[response.status]}"
    body = printable(response.body[:80].decode(errors="replace"))
    return f"cannot log in: {what} is answered by {response.status} {body}".rstrip()

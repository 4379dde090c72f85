"""A scripted Asterisk at a session, without sockets: reads what it asks, answers, logs it in."""

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from acd.switch_protocol.ari.codec import Answered
from acd.switch_protocol.ari.frames import Request, Response
from acd.switch_protocol.ari.session import LoggedIn, Out, Send, SendHttp, Session
from tests.unit.ari_frames import INFO

KNOWN = frozenset({"endpoint:PJSIP/101", "endpoint:PJSIP/102", "endpoint:PJSIP/103"})
"""What our Asterisk knows."""


class Asked(NamedTuple):
    """A request, read back."""

    ticket: int
    what: str
    """As "GET asterisk/info"."""
    query: dict[str, str]
    body: Any


def asked(out: Out) -> Asked:
    """Return what is asked by something that is sent."""
    if isinstance(out, SendHttp):
        parts = urlsplit(out.request.target)
        body = json.loads(out.request.body) if out.request.body else None
        what = f"{out.request.method} {parts.path[1:]}"
        return Asked(out.ticket, what, dict(parse_qsl(parts.query)), body)
    assert isinstance(out, Send)
    read = json.loads(out.frame)
    return Asked(
        int(read["request_id"]),
        f"{read['method']} {read['uri']}",
        {one["name"]: one["value"] for one in read.get("query_strings", [])},
        json.loads(read["message_body"]) if "message_body" in read else None,
    )


def all_asked(outs: list[Out]) -> list[Asked]:
    """Return all that is asked."""
    return [asked(out) for out in outs if isinstance(out, Send | SendHttp)]


def answer(session: Session, ticket: int, status: int = 200, body: str = "", *, at: int) -> None:
    """Answer a request at a time."""
    session.feed(Answered(ticket, Response(status, body.encode())), at)


def respond(session: Session, one: Asked, *, info: str = INFO, at: int = 0) -> None:
    """Answer a request of the log-in as Asterisk does."""
    if one.what == "GET asterisk/info":
        answer(session, one.ticket, 200, info, at=at)
    elif one.what.startswith("POST") and not set(one.query["eventSource"].split(",")) <= KNOWN:
        answer(session, one.ticket, 422, '{"message":"Event source does not exist"}', at=at)
    else:
        answer(session, one.ticket, 200, "{}", at=at)


def run(session: Session, *, info: str = INFO, at: int = 0) -> tuple[list[Asked], list[Out]]:
    """Answer all that is asked until nothing is; return it, and what else came out."""
    everything: list[Asked] = []
    rest: list[Out] = []
    while outs := session.take():
        questions = all_asked(outs)
        rest += [out for out in outs if not isinstance(out, Send | SendHttp)]
        everything += questions
        for one in questions:
            respond(session, one, info=info, at=at)
    return everything, rest


def logged_in(*sources: str) -> Session:
    """Return a session that is logged in, at the time 0."""
    session = Session("acd", sources)
    session.begin(0)
    _, rest = run(session)
    assert [type(out) for out in rest] == [LoggedIn]
    return session


def ring(ticket: int, *, channel: str = "x") -> Request:
    """Return an order."""
    return Request(ticket, "POST", ("channels", channel, "ring"))


def audit(ticket: int, what: str = "channels") -> Request:
    """Return what others may overtake."""
    return Request(ticket, "GET", (what,), aside=True)


def info(version: str) -> str:
    """Return what an Asterisk of another version tells of itself."""
    read = json.loads(INFO)
    read["system"]["version"] = version
    return json.dumps(read)

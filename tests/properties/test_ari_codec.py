"""Whatever is asked is one request or none; whatever comes is a message or a broken frame.

Method: Hypothesis draws requests and bytes. What is written is read back by Python's own parsers of
JSON and of URLs, which know nothing of ours.
"""

import contextlib
import json
from urllib.parse import parse_qsl, unquote, urlsplit

from hypothesis import example, given
from hypothesis import strategies as st

from acd.switch_protocol.ari import codec
from acd.switch_protocol.ari.codec import Answered, BrokenFrameError, Ignored, RefusedError
from acd.switch_protocol.ari.frames import Request
from tests.unit.ari_frames import ANSWERS, EVENTS

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet='\r\n\0\x1b\x7f\x85\u2028"\\/%&=?#:;,{}[]<>$. ä', max_size=12),
    st.sampled_from(["", ".", "..", "a\r\nb", "\ud800", "%0d%0a", "a&b=c", '"}', "..%2f"]),
)
REQUESTS = st.builds(
    Request,
    ticket=st.integers(-(10**9), 10**9),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.lists(TEXTS, max_size=4).map(tuple),
    query=st.lists(st.tuples(TEXTS, TEXTS), max_size=4).map(tuple),
    variables=st.dictionaries(TEXTS, TEXTS, max_size=4),
)
VALID = [text.encode() for text in (*EVENTS.values(), *(answer[3] for answer in ANSWERS.values()))]


def is_fit(request):
    """Say by other means than the codec whether a request may be sent."""
    values = [*request.path, *(text for pair in request.query for text in pair)]
    values += [text for pair in request.variables.items() for text in pair]
    if not request.path or {"", ".", ".."} & set(request.path):
        return False
    return all(
        ord(letter) >= 0x20 and ord(letter) != 0x7F and not 0xD800 <= ord(letter) <= 0xDFFF
        for value in values
        for letter in value
    )


@given(REQUESTS)
@example(Request(1, "GET", ("channels", "x\n")))
def test_a_request_is_one_frame_with_exactly_its_values_or_refused(request_):
    try:
        frame = codec.encode(request_)
    except RefusedError:
        assert not is_fit(request_)
        return
    assert is_fit(request_)
    read = json.loads(frame)
    assert min(frame) >= 0x20
    assert read["type"] == "RESTRequest"
    assert read["request_id"] == str(request_.ticket)
    assert read["method"] == request_.method
    assert tuple(unquote(part) for part in read["uri"].split("/")) == request_.path
    pairs = tuple((one["name"], one["value"]) for one in read.get("query_strings", []))
    assert pairs == request_.query
    body = json.loads(read["message_body"]) if "message_body" in read else {"variables": {}}
    assert body == {"variables": request_.variables}


@given(REQUESTS)
def test_a_request_is_one_line_of_http_with_exactly_its_values_or_refused(request_):
    try:
        written = codec.encode_http(request_)
    except RefusedError:
        assert not is_fit(request_)
        return
    assert is_fit(request_)
    assert written.target.isascii()
    assert all(0x20 < ord(letter) < 0x7F for letter in written.target)
    parts = urlsplit(f"http://pbx/ari{written.target}")
    assert not parts.fragment
    assert tuple(unquote(part) for part in parts.path.split("/")[2:]) == request_.path
    assert tuple(parse_qsl(parts.query, keep_blank_values=True)) == request_.query
    assert written.body == b"" or json.loads(written.body) == {"variables": request_.variables}
    assert bool(written.body) == bool(request_.variables)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_broken_frame(data):
    with contextlib.suppress(BrokenFrameError):
        codec.decode(data)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["channel", "args", "bridge", "cause", "soft", "peer", "endpoint", "request_id", "status_code"]
)


@given(st.sampled_from([*codec.EVENT_TYPES, "RESTResponse"]), st.dictionaries(FIELDS, JSON))
def test_a_known_type_with_any_fields_never_breaks_the_link(kind, fields):
    text = json.dumps({"type": kind, **fields}, allow_nan=False, default=str)
    found = codec.decode(text.encode())
    assert not isinstance(found, Ignored) or kind == "RESTResponse"


@given(st.text(min_size=1, max_size=90), JSON)
def test_an_unknown_type_is_ignored_whatever_it_holds(kind, value):
    text = json.dumps({"x": value, "type": kind}, ensure_ascii=True, allow_nan=False)
    if kind not in {*codec.EVENT_TYPES, "RESTResponse"}:
        assert codec.decode(text.encode()) == Ignored(kind[:80])


@given(st.sampled_from(VALID), st.data())
def test_a_message_that_is_cut_is_never_taken_for_one(frame, data):
    cut = frame[: data.draw(st.integers(0, len(frame) - 1))]
    try:
        codec.decode(cut)
    except BrokenFrameError:
        return
    raise AssertionError(cut)


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.text(max_size=200))
def test_an_answer_keeps_its_ticket_and_its_body(ticket, body):
    body = body.encode(errors="replace").decode()
    text = json.dumps(
        {
            "type": "RESTResponse",
            "request_id": str(ticket),
            "status_code": 200,
            "message_body": body,
        }
    )
    found = codec.decode(text.encode())
    assert isinstance(found, Answered)
    assert (found.ticket, found.response.body.decode()) == (ticket, body)

"""Frames of Asterisk to what they mean, and requests to frames.

Method: messages written out by hand (`ari_frames.py`) and tables of bad ones go through the codec;
what it writes is read back by Python's own JSON and URL parsers.
"""

import json
import time
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from acd.switch_protocol.ari import codec, frames
from acd.switch_protocol.ari.codec import (
    Answered,
    BrokenFrameError,
    Ignored,
    RefusedError,
    Unreadable,
)
from acd.switch_protocol.ari.frames import Request, Response
from acd.switch_protocol.ari.line import items
from tests.unit.ari_frames import ANSWERS, CALLER, EVENTS, IGNORED, LEG, NO_ANSWER

HOSTILE = (
    "'; DROP TABLE calls; --",
    '"},"type":"ApplicationReplaced"}',
    "<script>alert(1)</script>",
    "${EVAL(${SHELL(id)})}",
    "a\r\nAction: Hangup\r\n\r\n",
    "\u202egnp.exe",
    "\u0000",
    "Ω\U0001f600" * 100,
    "%0d%0a%00",
    "x" * 10_000,
)
"""What a caller may call himself."""


def started(name):
    """Return a StasisStart whose caller has a name."""
    channel = json.loads(CALLER)
    channel["caller"]["name"] = name
    return json.dumps({"type": "StasisStart", "args": ["call"], "channel": channel}).encode()


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_of_the_corpus_is_decoded(name):
    event = codec.decode(EVENTS[name].encode())
    assert type(event).__name__ == name.replace(",", " ").split()[0]


def test_the_corpus_has_every_type_that_is_decoded():
    assert {name.replace(",", " ").split()[0] for name in EVENTS} == set(codec.EVENT_TYPES)


def test_an_event_s_fields_are_what_the_message_says():
    event = codec.decode(EVENTS["StasisStart"].encode())
    assert isinstance(event, frames.StasisStart)
    assert event.args == ("call", "vip")
    assert event.channel.id == "1764143488.7"
    assert event.channel.caller == frames.Party(number="+4930123456", name="Ada")
    assert event.channel.dialplan.exten == "4000"
    assert event.channel.channelvars == {"ACD_CALL": "shop-c-1", "UUI": None}
    assert event.replace_channel is None
    ours = codec.decode(EVENTS["ChannelHangupRequest, ours"].encode())
    assert isinstance(ours, frames.ChannelHangupRequest)
    assert (ours.soft, ours.cause, ours.channel.id) == (True, 32, "shop-o-1")


@pytest.mark.parametrize("name", IGNORED)
def test_a_type_that_nobody_needs_is_ignored(name):
    assert codec.decode(IGNORED[name].encode()) == Ignored(name)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_finds_its_request(name):
    ticket, status, body, text = ANSWERS[name]
    assert codec.decode(text.encode()) == Answered(ticket, Response(status, body.encode()))


@pytest.mark.parametrize("text", NO_ANSWER)
def test_an_answer_to_nothing_that_we_asked_is_ignored(text):
    assert codec.decode(text.encode()) == Ignored("RESTResponse")


BROKEN = {
    "nothing": b"",
    "blanks": b"   ",
    "cut": EVENTS["StasisStart"].encode()[:-9],
    "cut, unknown type": b'{"type":"Tomorrow","x":[',
    "two": b'{"type":"ApplicationReplaced"}{"type":"ApplicationReplaced"}',
    "no UTF-8": b'{"type":"ApplicationReplaced","application":"\xff"}',
    "no UTF-8 in what is not read": b'{"type":"ApplicationReplaced","x":"\xc3"}',
    "a surrogate": b'{"type":"ApplicationReplaced","x":"\xed\xa0\x80"}',
    "an array": b"[]",
    "a number": b"7",
    "null": b"null",
    "a text": b'"StasisStart"',
    "no type": b'{"channel":{}}',
    "an empty type": b'{"type":""}',
    "a number for a type": b'{"type":7}',
    "null for a type": b'{"type":null}',
    "deep": b"[" * 200_000,
    "deep in what is not read": b'{"type":"ApplicationReplaced","x":' + b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "a mark of byte order": b'\xef\xbb\xbf{"type":"ApplicationReplaced"}',
    "UTF-16": '{"type":"ApplicationReplaced"}'.encode("utf-16-le"),
    "too long": b" " * (frames.FRAME_MAX + 1),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_frame_is_said_to_be_one(name):
    begun_s = time.process_time()
    with pytest.raises(BrokenFrameError) as caught:
        codec.decode(BROKEN[name])
    assert time.process_time() - begun_s < 1.0
    why = str(caught.value)
    assert why.isprintable()
    assert len(why) < 300


UNREADABLE = {
    "no channel": ("StasisEnd", '{"type":"StasisEnd"}'),
    "null for a channel": ("StasisEnd", '{"type":"StasisEnd","channel":null}'),
    "an empty id": ("StasisEnd", '{"type":"StasisEnd","channel":{"id":"","name":"","state":""}}'),
    "a long id": (
        "StasisEnd",
        '{"type":"StasisEnd","channel":{"id":"' + "x" * 150 + '","name":"","state":""}}',
    ),
    "a long id of whom it replaces": (
        "StasisStart",
        '{"type":"StasisStart","channel":' + LEG + ',"replace_channel":{"id":"' + "x" * 150 + '"}}',
    ),
    "a number for a name": ("StasisEnd", '{"type":"StasisEnd","channel":{"id":7,"state":"Up"}}'),
    "args that are none": ("StasisStart", '{"type":"StasisStart","args":1,"channel":' + LEG + "}"),
    "a status that is none": ("RESTResponse", '{"type":"RESTResponse","status_code":-1}'),
    "a long request id": (
        "RESTResponse",
        '{"type":"RESTResponse","request_id":"' + "1" * 65 + '"}',
    ),
    "long": (
        "ApplicationReplaced",
        '{"type":"ApplicationReplaced","x":"' + "y" * frames.EVENT_MAX + '"}',
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_message_with_fields_out_of_bounds_is_refused_alone(name):
    kind, text = UNREADABLE[name]
    found = codec.decode(text.encode())
    assert isinstance(found, Unreadable)
    assert found.type == kind
    assert found.why.isprintable()
    assert len(found.why) < 300


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_just_a_name(name):
    event = codec.decode(started(name))
    assert isinstance(event, frames.StasisStart)
    assert event.channel.caller.name == name


LONG = "x" * 60_000
"""As long as a message of SIP lets a name be."""


def test_nobody_becomes_invisible_by_a_long_name():
    event = codec.decode(started(LONG))
    assert isinstance(event, frames.StasisStart)
    assert event.channel.caller.name == LONG
    channel = json.loads(CALLER)
    channel["caller"] = {"name": LONG, "number": LONG}
    channel["dialplan"] |= {"exten": LONG, "app_name": LONG, "app_data": LONG}
    channel["channelvars"] = {"UUI": LONG}
    body = json.dumps([json.loads(LEG), channel]).encode()
    found = items(Response(200, body), frames.Channel)
    assert found is not None
    assert [one.id for one in found] == ["shop-o-1", "1764143488.7"]


def test_a_long_list_is_read():
    body = "[" + ",".join([LEG] * 20_000) + "]"
    text = json.dumps({"type": "RESTResponse", "request_id": "5", "message_body": body})
    found = codec.decode(text.encode())
    assert isinstance(found, Answered)
    assert len(found.response.body) == len(body)


# Out.

PLAIN = Request(3, "POST", ("channels", "17.3", "moh"))
FULL = Request(
    4,
    "POST",
    ("channels", "a/b c", "variable"),
    (("variable", "ACD_CALL"), ("value", 'x&y=z "q" ü,%')),
    {"ACD_CALL": 'a,"b"\\ ü', "ACD_DEVICE": "101"},
)


def test_a_request_on_the_websocket_has_exactly_what_was_given():
    assert json.loads(codec.encode(PLAIN)) == {
        "type": "RESTRequest",
        "transaction_id": "3",
        "request_id": "3",
        "method": "POST",
        "uri": "channels/17.3/moh",
    }
    full = json.loads(codec.encode(FULL))
    assert [unquote(part) for part in full["uri"].split("/")] == list(FULL.path)
    assert [(one["name"], one["value"]) for one in full["query_strings"]] == list(FULL.query)
    assert full["content_type"] == "application/json"
    assert json.loads(full["message_body"]) == {"variables": FULL.variables}


def test_a_request_by_http_has_exactly_what_was_given():
    plain, full = codec.encode_http(PLAIN), codec.encode_http(FULL)
    assert (plain.method, plain.target, plain.body) == ("POST", "/channels/17.3/moh", b"")
    parts = urlsplit(full.target)
    assert [unquote(part) for part in parts.path.split("/")[1:]] == list(FULL.path)
    assert parse_qsl(parts.query, keep_blank_values=True) == list(FULL.query)
    assert json.loads(full.body) == {"variables": FULL.variables}
    assert full.target.isascii()
    assert " " not in full.target


def test_another_body_travels_as_it_is():
    body = b'{"disallowed":[{"type":"ChannelVarset"}]}'
    request = Request(1, "PUT", ("applications", "acd", "eventFilter"), body=body)
    assert json.loads(codec.encode(request))["message_body"].encode() == body
    assert codec.encode_http(request).body == body


PLACES = {
    "path": lambda value: Request(1, "GET", ("channels", value)),
    "parameter's name": lambda value: Request(1, "GET", ("channels",), ((value, "x"),)),
    "parameter": lambda value: Request(1, "GET", ("channels",), (("x", value),)),
    "variable's name": lambda value: Request(1, "POST", ("channels",), (), {value: "x"}),
    "variable": lambda value: Request(1, "POST", ("channels",), (), {"x": value}),
    "body": lambda value: Request(1, "PUT", ("x",), body=value.encode(errors="surrogatepass")),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("write", [codec.encode, codec.encode_http])
def test_no_control_character_is_sent_wherever_it_stands(place, write):
    for number in (*range(0x20), 0x7F, 0xD800, 0xDFFF):
        for value in (chr(number), f"a{chr(number)}b", f"a{chr(number)}"):
            with pytest.raises(RefusedError) as caught:
                write(PLACES[place](value))
            assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "request_",
    [
        Request(1, "GET", ()),
        Request(1, "GET", ("",)),
        Request(1, "GET", ("channels", "")),
        Request(1, "GET", ("channels", ".")),
        Request(1, "GET", ("channels", "..", "x")),
        Request(1, "PATCH", ("channels",)),
        Request(1, "GET /\r\n", ("channels",)),
        Request(1, "get", ("channels",)),
        Request(1, "POST", ("channels",), (), {"x": "y" * 40_000}),
        Request(1, "GET", ("channels",), (("x", "y" * 40_000),)),
        Request(1, "GET", ("channels", "y" * 40_000)),
        Request(1, "PUT", ("x",), body=b"\xff"),
        Request(1, "PUT", ("x",), body=b"y" * 40_000),
        Request(1, "PUT", ("x",), (), {"x": "y"}, b"{}"),
    ],
)
@pytest.mark.parametrize("write", [codec.encode, codec.encode_http])
def test_what_leads_elsewhere_or_is_too_long_is_not_sent(request_, write):
    with pytest.raises(RefusedError):
        write(request_)


def test_a_path_that_looks_like_another_stays_one_part():
    for part in ("../../etc", "a/b", "a?b=c", "a#b", "%2e%2e", "a%00", "a&b"):
        request = Request(1, "DELETE", ("channels", part))
        target = codec.encode_http(request).target
        assert target.count("/") == 2
        assert unquote(target.rpartition("/")[2]) == part
        assert not set(target) & set("?#&")
        assert json.loads(codec.encode(request))["uri"] == target[1:]

"""Messages of Asterisk with faults in them: the codec never fails otherwise than it says.

Method: the corpus of `tests/unit/ari_frames.py` is mutated by a seeded generator, a fixed number of
times: half of it in its bytes, half of it in its values. What is still a message goes on through a
session that is logged in. Whatever happens, the codec returns a message or raises
`BrokenFrameError`, and the session tells of events and of loss, and of nothing else.
"""

import json
import random

import pytest

from acd.switch_protocol.ari import codec, frames
from acd.switch_protocol.ari.session import Answer, Ended, Lost
from tests.unit.ari_frames import ANSWERS, EVENTS, IGNORED, NO_ANSWER
from tests.unit.ari_session import logged_in

SEEDS = range(8)
ROUNDS = 15_000
"""Mutations of each seed: all together take some ten seconds."""

HALF, THIRD = 0.5, 0.3

CORPUS = [
    text.encode()
    for text in (
        *EVENTS.values(),
        *IGNORED.values(),
        *NO_ANSWER,
        *(answer[3] for answer in ANSWERS.values()),
    )
]
PIECES = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"-", b"1e999", b"0x"),
    *(b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\xef\xbb\xbf"),
    *(b'"type":"StasisEnd"', b'"type":7', b'"id":""', b"9" * 400, b"[" * 3_000, b"x" * 20_000),
)


_VALUES: tuple[object, ...] = (
    *(None, True, 0, -1, 2**70, 1e300, "", "x", "x" * 81, "x" * 150, "x" * 16_385),
    *("\r\n", "\0", "StasisStart", "RESTResponse"),
    *([], {}, [[]], [None], {"id": 7}, {"id": "a"}, ["a"] * 1_000),
)
VALUES = tuple(json.dumps(value) for value in _VALUES)


def places(node):
    """Return every place in a tree, as its table or array and its key."""
    keys = node.keys() if isinstance(node, dict) else range(len(node))
    found = [(node, key) for key in keys]
    for key in keys:
        if isinstance(node[key], dict | list):
            found += places(node[key])
    return found


def altered(draw, tree):
    """Return a message of which one to three values are others, or missing."""
    tree = json.loads(tree)
    for _ in range(draw.randint(1, 3)):
        node, key = draw.choice(places(tree) or [({"": 0}, "")])
        if draw.random() < THIRD:
            del node[key]
        else:
            node[key] = json.loads(draw.choice(VALUES))
    return json.dumps(tree).encode()


def mutated(draw, data):
    """Return a message with one to four faults in its bytes."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) + 1)
        match draw.randrange(7):
            case 0:
                changed[at:at] = draw.choice(PIECES)
            case 1:
                del changed[at : at + draw.randint(1, 30)]
            case 2 if at < len(changed):
                changed[at] ^= 1 << draw.randrange(8)
            case 3:
                del changed[at:]
            case 4:
                other = draw.choice(CORPUS)
                begin = draw.randrange(len(other))
                changed[at:at] = other[begin : begin + draw.randint(1, 200)]
            case 5 if at < len(changed):
                changed[at] = draw.randrange(256)
            case _:
                end = min(len(changed), at + draw.randint(1, 60))
                changed[at:at] = changed[at:end]
    return bytes(changed)


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_messages_do_no_harm(seed):
    draw = random.Random(seed)
    session = logged_in()
    now_us, seen = 10_000_000, {"broken": 0, "unreadable": 0, "event": 0}
    for _ in range(ROUNDS):
        change = altered if draw.random() < HALF else mutated
        data = change(draw, draw.choice(CORPUS))
        now_us += 1_000
        try:
            message = codec.decode(data)
        except codec.BrokenFrameError:
            seen["broken"] += 1
            continue
        if isinstance(message, codec.Ignored):
            continue
        session.feed(message, now_us)
        outs = session.take()
        if isinstance(message, codec.Unreadable):
            seen["unreadable"] += 1
            assert all(isinstance(out, Lost) for out in outs)
        elif isinstance(message, frames.ApplicationReplaced):
            assert [type(out) for out in outs] == [Ended]
            session = logged_in()
        elif isinstance(message, codec.Answered):
            assert not [out for out in outs if isinstance(out, Answer)]  # Nothing was asked.
        else:
            seen["event"] += 1
            assert outs == [message]
    assert min(seen.values()) > ROUNDS // 100, seen

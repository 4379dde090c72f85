"""Frames of the simulated switch's link: cut anywhere they come out whole; the rest is refused.

Method: Hypothesis splits, cuts short, grows, nests and invents bytes. Whatever comes, the reader
gives the messages or raises `LinkError`, and keeps no more than its buffer.
"""

import contextlib

import msgpack  # type: ignore[import-untyped]  # It ships no types.
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated import link
from acd.switch_protocol.words import DeviceState

MESSAGES: list[sw.CommandBase] = [
    link.Hello(command_id="hello", domain="shop"),
    sw.RouteSelect(command_id="acd-shop-j-1", call_id="c", device="101", ring_us=15),
    link.Ping(command_id="ping"),
    sw.SnapshotRequest(command_id="v1"),
]
STREAM = b"".join(map(link.framed, MESSAGES))


def read(*pieces):
    frames = link.to_switch()
    return [message for piece in pieces for message in frames.feed(piece)]


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
def test_a_stream_split_at_any_byte_gives_the_same_messages(at):
    assert read(STREAM[:at], STREAM[at:]) == MESSAGES


def test_a_stream_that_comes_byte_by_byte_gives_the_same_messages():
    assert read(*(bytes([byte]) for byte in STREAM)) == MESSAGES


@given(cut=st.integers(0, len(STREAM) - 1))
def test_a_stream_that_ends_early_gives_what_was_whole(cut):
    got = read(STREAM[:cut])
    assert got == MESSAGES[: len(got)]
    assert len(got) < len(MESSAGES)


@given(data=st.binary(min_size=1, max_size=300))
def test_random_bytes_are_refused_or_awaited(data):
    with contextlib.suppress(link.LinkError):
        assert not read(data)


@given(data=st.binary(min_size=1, max_size=50), at=st.integers(0, len(MESSAGES) - 1))
def test_after_bytes_that_are_no_message_nothing_of_that_read_counts(data, at):
    frames = link.to_switch()
    before = b"".join(map(link.framed, MESSAGES[:at]))
    with pytest.raises(link.LinkError):
        frames.feed(before + msgspec.msgpack.encode(b"\xc1" + data) + STREAM)


@pytest.mark.parametrize(
    "data",
    [
        msgpack.packb([b"x"]),
        msgpack.packb({}),
        msgpack.packb({b"a": 1}),
        msgpack.packb(7),
        msgpack.packb(None),
        msgpack.packb("text"),
        msgpack.packb(msgpack.ExtType(5, b"x")),
        b"\xc1",
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        msgpack.packb(b"\x91" * 60_000),
        msgpack.packb(b"\xdd\xff\xff\xff\xff"),
        msgpack.packb(b""),
        msgpack.packb(msgspec.msgpack.encode({"command": "link.ping"})),
        msgpack.packb(msgspec.msgpack.encode({"command": "nonsense", "command_id": "x"})),
        msgpack.packb(msgspec.msgpack.encode({"command": "link.ping", "command_id": "x", "y": 1})),
        msgpack.packb(msgspec.msgpack.encode(link.Ping(command_id="x" * 129))),
        msgpack.packb(msgspec.msgpack.encode(link.Ping(command_id="x")) + b"\x00"),
        link.framed(sw.CallCleared(call_id="c")),
    ],
)
def test_what_is_no_frame_with_one_message_of_ours_is_refused(data):
    with pytest.raises(link.LinkError, match="got "):
        read(data)


@pytest.mark.parametrize("kind", [b"\xc6", b"\xdb"], ids=["bin", "str"])
def test_a_frame_that_is_too_long_is_refused_before_much_of_it_is_kept(kind):
    frames = link.to_switch()
    frames.feed(kind + (2**31).to_bytes(4, "big"))
    with pytest.raises(link.LinkError):
        list(map(frames.feed, [b"x" * 4_096] * (link.BUFFER_MAX // 4_096 + 1)))


def test_the_longest_frame_is_taken_and_one_byte_more_is_not():
    frames = link.Frames(msgspec.msgpack.Decoder(bytes))
    longest = msgspec.msgpack.encode(b"x" * (link.FRAME_MAX - 3))
    assert len(longest) == link.FRAME_MAX
    assert frames.feed(msgpack.packb(longest)) == [b"x" * (link.FRAME_MAX - 3)]
    with pytest.raises(link.LinkError):
        frames.feed(msgpack.packb(longest + b"x"))


def test_a_snapshot_is_cut_into_parts_that_fit_and_come_back_whole():
    calls = tuple(
        sw.Call(f"c{number}", "9" * 64, "\U0001f600" * 64, user_data=b"x" * 128)
        for number in range(1_000)
    )
    devices = tuple(sw.DeviceReport(str(one), DeviceState.BUSY) for one in range(1_200))
    parts = list(link.parts(sw.Snapshot(calls=calls, devices=devices)))
    frames = link.from_switch()
    got: list[link.SnapshotPart] = []
    for part in parts:
        frame = link.framed(part)
        assert len(frame) <= link.FRAME_MAX
        for message in frames.feed(frame):
            assert isinstance(message, link.SnapshotPart)
            got.append(message)
    assert tuple(call for part in got for call in part.calls) == calls
    assert tuple(device for part in got for device in part.devices) == devices
    assert [part.number for part in got] == list(range(len(got)))
    assert [part.last for part in got] == [False] * (len(got) - 1) + [True]

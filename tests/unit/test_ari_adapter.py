"""The adapter for Asterisk against a peer that keeps the rules, and one that breaks them.

Method: a scripted peer on loopback (`ari_peer.py`), whose frames no library makes. What the adapter
delivers is awaited with a deadline; its spans of time are shortened where a test is about them. No
log may hold the password: the peer looks through all of them when a test ends.
"""

import asyncio
import base64
import json

import pytest

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import adapter, session, transport
from acd.switch_protocol.words import CommandError, CommandStage
from tests.unit.ari_frames import CALLER, EVENTS, IGNORED, INFO
from tests.unit.ari_peer import (
    BINARY,
    CLOSE,
    DEADLINE_S,
    PING,
    PONG,
    SECRET,
    Peer,
    framed,
    good,
    lines,
    silent,
)

LOOK = sw.SnapshotCall(command_id="look", call_id="nobody")
STOP = sw.RouteCancel(command_id="stop", call_id="nobody", offer="shop-o-9")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Let every further attempt come soon."""
    monkeypatch.setattr(adapter, "RETRY_S", (0.01, 0.02))


def arrival(number):
    """Return the message of a customer who comes."""
    channel = json.loads(CALLER) | {"id": f"c-{number}", "channelvars": {}}
    channel["caller"]["number"] = str(number)
    return json.dumps({"type": "StasisStart", "args": ["call"], "channel": channel})


# A peer that keeps the rules.


def test_a_log_in_tells_the_password_in_a_header_and_nowhere_else(tmp_path):
    heads = []

    async def script(connection):
        heads.append(await connection.log_in())
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script) as peer:
            up = await peer.next(sw.LinkUp)
            assert (up.epoch, up.seq, up.restarted) == (1, 0, False)

    asyncio.run(run())
    (head,) = heads
    assert (head.method, head.target) == ("GET", "/ari/events?app=acd")
    secret = base64.b64encode(f"acd:{SECRET}".encode()).decode()
    assert head.headers["authorization"] == f"Basic {secret}"
    assert "sec-websocket-extensions" not in head.headers


def test_all_that_is_told_is_numbered_from_one(tmp_path):
    async def script(connection):
        await connection.log_in()
        for _ in range(4):  # What a snapshot is made of.
            asked = await connection.asked()
            connection.answer(asked, 200, "[]")
        connection.tell(arrival(1))
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            peer.switch.submit(sw.SnapshotRequest(command_id="s"))
            events = [
                await peer.next(kind) for kind in (sw.Snapshot, sw.CommandResult, sw.RouteRequest)
            ]
            assert [(event.epoch, event.seq) for event in events] == [(1, 1), (1, 2), (1, 3)]
            assert events[2].call.dnis == "4000"

    asyncio.run(run())


def test_a_burst_is_handed_on_whole_and_in_order(tmp_path):
    count = 3_000
    burst = b"".join(framed(arrival(number)) for number in range(count))

    async def script(connection):
        await connection.log_in()
        for _ in range(4):
            connection.answer(await connection.asked(), 200, "[]")
        connection.write(burst)
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.in_step()
            calls = [(await peer.next(sw.RouteRequest)).call.ani for _ in range(count)]
            assert calls == [str(number) for number in range(count)]

    asyncio.run(run())


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_it_makes_no_difference_where_bytes_are_split(tmp_path, size):
    text = arrival(1).encode()
    pieces = [
        framed(text[:5], fin=False),
        framed(b"now and then", opcode=PING),
        framed(text[5:300], opcode=0, fin=False),
        framed(b"", opcode=PONG),
        framed(text[300:], opcode=0),
        framed(arrival(2)),
    ]
    data = b"".join(pieces)

    async def script(connection):
        await connection.log_in()
        for _ in range(4):
            connection.answer(await connection.asked(), 200, "[]")
        for at in range(0, len(data), size):
            connection.write(data[at : at + size])
            await connection.writer.drain()
            await asyncio.to_thread(int)  # The adapter reads meanwhile.
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.in_step()
            for _ in range(2):
                await peer.next(sw.RouteRequest)

    asyncio.run(run())


def test_a_command_without_a_link_is_told_to_be_not_sent_and_not_from_inside_the_call(tmp_path):
    async def run():
        async with Peer(tmp_path, silent) as peer:
            peer.switch.submit(LOOK)
            assert peer.events.empty()
            result = await peer.next(sw.CommandResult)
            assert (result.stage, result.error) == (CommandStage.NOT_SENT, CommandError.LINK_DOWN)
            assert (result.command_id, result.call_id) == ("look", "nobody")

    asyncio.run(run())


def test_a_command_while_a_link_ends_never_left(tmp_path):
    async def run():
        async with Peer(tmp_path, good) as peer:
            await peer.in_step()
            peer.switch._socket.cut("for a test")
            peer.switch.submit(STOP)
            result = await peer.next(sw.CommandResult)
            assert (result.stage, result.error) == (CommandStage.NOT_SENT, CommandError.LINK_DOWN)
            await peer.next(sw.LinkDown)

    asyncio.run(run())


def test_names_that_are_more_than_names_are_neither_watched_nor_dialled(tmp_path):
    bad = ["", "101,102", "101&PJSIP/0900", "101/sip:x@y", "a b", "a\r\nb", "x" * 65, "ü"]
    subscribed = []

    async def script(connection):
        await connection.log_in()
        asked = await connection.asked()
        subscribed.append(asked["query_strings"][0]["value"])
        connection.answer(asked)
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script, devices=[*bad, "101", "+49.a_b-c"]) as peer:
            await peer.next(sw.LinkUp)
            (line,) = lines(peer, "devices with such names are not dialled")
            assert line["count"] == len(bad)
            assert line["keys"].isprintable()

    asyncio.run(run())
    assert subscribed == ["endpoint:PJSIP/+49.a_b-c,endpoint:PJSIP/101"]


def test_a_caller_with_a_long_name_is_a_caller(tmp_path):
    channel = json.loads(CALLER)
    channel["caller"]["name"] = "x" * 60_000

    async def script(connection):
        await connection.log_in()
        for _ in range(4):
            connection.answer(await connection.asked(), 200, "[]")
        connection.tell(json.dumps({"type": "StasisStart", "args": ["call"], "channel": channel}))
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.in_step()
            assert len(repr(await peer.next(sw.RouteRequest))) < 2_000

    asyncio.run(run())


def test_phones_are_watched_from_the_log_in_on_and_when_they_change(tmp_path):
    subscribed: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def script(connection):
        await connection.log_in()
        while True:
            asked = await connection.asked()
            assert asked["uri"] == "applications/acd/subscription"
            subscribed.put_nowait((asked["method"], asked["query_strings"][0]["value"]))
            connection.answer(asked)

    async def run():
        async with Peer(tmp_path, script, devices=["101", "102"]) as peer:
            await peer.next(sw.LinkUp)
            peer.switch.monitor(["102", "103"])
            async with asyncio.timeout(DEADLINE_S):
                found = [await subscribed.get() for _ in range(3)]
        assert found == [
            ("POST", "endpoint:PJSIP/101,endpoint:PJSIP/102"),
            ("DELETE", "endpoint:PJSIP/101"),
            ("POST", "endpoint:PJSIP/103"),
        ]

    asyncio.run(run())


def test_the_end_of_the_adapter_is_a_goodbye_and_nothing_is_told_afterwards(tmp_path):
    last = []

    async def script(connection):
        await connection.log_in()
        last.append(await connection.frame())

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            await peer.switch.close()
            peer.switch.submit(LOOK)
            await peer.switch.close()
        assert peer.events.empty()

    asyncio.run(run())
    assert [opcode for opcode, _ in last] == [CLOSE]


# A peer that breaks the rules.

BREAKS = {
    "cut JSON": (framed(EVENTS["StasisStart"][:-9]), "no message"),
    "no JSON": (framed("hello"), "no message"),
    "two messages in one": (framed("{}{}"), "no message"),
    "an array": (framed("[]"), "no message"),
    "no type": (framed("{}"), "without a type"),
    "no UTF-8": (framed(b'{"type":"Dial","x":"\xff"}'), "no message"),
    "deep": (framed(b'{"type":"Dial","x":' + b"[" * 100_000), "no message"),
    "a binary frame": (framed(EVENTS["StasisStart"], opcode=BINARY), "a binary frame"),
    "too long a frame": (b"\x81\x7f" + (2**40).to_bytes(8), "a frame that is none"),
    "too long in pieces": (
        framed("x" * 30_000_000, fin=False) + framed("x" * 30_000_000, opcode=0),
        "a frame that is none",
    ),
    "too long in many small pieces": (
        framed("x" * 33_554_400, fin=False) + framed("x", opcode=0, fin=False) * 100,
        "a frame that is none",
    ),
    "a masked frame": (b"\x81\x82\x00\x00\x00\x00{}", "a frame that is none"),
    "a reserved bit": (b"\xc1\x02{}", "a frame that is none"),
    "an unknown opcode": (b"\x83\x02{}", "a frame that is none"),
    "a piece of nothing": (framed("{}", opcode=0), "a frame that is none"),
    "a long ping": (framed("x" * 200, opcode=PING), "a frame that is none"),
    "goodbye": (framed(b"\x03\xe8", opcode=CLOSE), "Asterisk closed the link"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_frame_resets_the_link_and_another_is_made(tmp_path, name):
    data, cause = BREAKS[name]

    async def script(connection):
        await connection.log_in()
        await connection.asked()
        connection.write(data)
        connection.tell(arrival(1))  # After it nothing can be trusted.
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script, good) as peer:
            await peer.next(sw.LinkUp)
            peer.switch.submit(STOP)
            result = await peer.next(sw.CommandResult)
            assert (result.command_id, result.stage) == ("stop", CommandStage.UNKNOWN)
            assert result.epoch == 1
            down = await peer.next(sw.LinkDown)
            assert (down.epoch, down.replaced) == (1, False)
            assert cause in down.cause
            assert down.cause.isprintable()
            assert (await peer.next(sw.LinkUp)).epoch == 2
            assert (await peer.snapshot()).epoch == 2

    asyncio.run(run())


def test_messages_that_cannot_be_read_are_loss_and_unknown_ones_are_nothing(tmp_path):
    async def script(connection):
        await connection.log_in()
        for _ in range(4):
            connection.answer(await connection.asked(), 200, "[]")
        for text in IGNORED.values():
            connection.tell(text)
        channel = json.loads(CALLER)
        channel["id"] = "x" * 200
        connection.tell(json.dumps({"type": "StasisStart", "args": [], "channel": channel}))
        connection.tell('{"type":"StasisEnd"}')
        connection.tell(arrival(1))
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.in_step()
            lost = await peer.next(sw.MessagesLost)
            assert "StasisStart" in lost.cause
            assert lost.seq > 0
            await peer.next(sw.RouteRequest)
            assert dict(peer.switch.refused) == {"StasisStart": 1, "StasisEnd": 1}
            assert set(peer.switch.ignored) == set(IGNORED)

    asyncio.run(run())


def test_another_daemon_in_our_place_is_told_once_and_left_alone(tmp_path):
    async def script(connection):
        await connection.log_in()
        connection.tell(EVENTS["ApplicationReplaced"])
        connection.tell(arrival(1))
        await silent(connection)

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            down = await peer.next(sw.LinkDown)
            assert down.replaced
            await asyncio.wait_for(peer.switch._task, DEADLINE_S)
            assert peer.connected == 1
            peer.switch.submit(LOOK)
            assert (await peer.next(sw.CommandResult)).stage is CommandStage.NOT_SENT

    asyncio.run(run())


def test_a_switch_that_was_started_anew_is_known_by_its_start(tmp_path):
    def script(started):
        async def play(connection):
            await connection.log_in(info=INFO.replace("T07:00:00", started))

        return play

    scripts = [script(started) for started in ("T07:00:00", "T07:00:00", "T08:00:00")]

    async def run():
        async with Peer(tmp_path, *scripts, silent) as peer:
            told = []
            for _ in scripts:
                told.append((await peer.next(sw.LinkUp)).restarted)
                await peer.next(sw.LinkDown)
            assert told == [False, False, True]

    asyncio.run(run())


def test_a_peer_without_a_sign_of_life_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "KEEPALIVE_US", 50_000)

    async def mute(connection):
        connection.answers_pings = False
        await connection.log_in()
        await silent(connection)

    async def run():
        async with Peer(tmp_path, mute, good) as peer:
            await peer.next(sw.LinkUp)
            assert (await peer.next(sw.LinkDown)).cause == "no sign of life for 2 keepalives"
            await peer.next(sw.LinkUp)

    asyncio.run(run())


def test_an_order_without_an_answer_is_unknown_and_the_link_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "ANSWER_US", 100_000)

    async def script(connection):
        await connection.log_in()
        await connection.asked()
        await connection.serve()

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            peer.switch.submit(STOP)
            result = await peer.next(sw.CommandResult)
            assert (result.stage, result.error) == (CommandStage.UNKNOWN, CommandError.TIMEOUT)
            await peer.snapshot()

    asyncio.run(run())


class Ends:
    """A receiver of a WebSocket that notes its end."""

    def __init__(self):
        self.cause = asyncio.get_running_loop().create_future()

    def on_open(self, socket):
        pass

    def on_frame(self, data):
        pass

    def on_pong(self):
        pass

    def on_end(self, cause):
        self.cause.set_result(cause)


def test_a_peer_that_stops_reading_is_cut_and_holds_nobody_up(tmp_path):
    async def deaf(connection):
        await connection.open()
        connection.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async def run():
        async with Peer(tmp_path, deaf) as peer:
            ends = Ends()
            address = peer.switch._address
            socket = await transport.connect(address, "acd", ends)
            for _ in range(1_000):  # 32 MB, of which the system's buffers take some.
                socket.send(b"x" * 32_000)
            cause = await asyncio.wait_for(ends.cause, DEADLINE_S)
            assert cause == f"Asterisk does not read: more than {transport.OUT_MAX} bytes wait"

    asyncio.run(run())

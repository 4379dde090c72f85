"""The adapter for Asterisk where no link comes about: refused, broken, too old, nobody there.

Method: as in `test_ari_adapter.py`.
"""

import asyncio

import pytest

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import adapter, transport
from acd.switch_protocol.ari.adapter import AriSwitch
from acd.switch_protocol.ari.mapper import MapperOptions
from acd.switch_protocol.ari.transport import Address
from tests.unit.ari_frames import INFO
from tests.unit.ari_peer import DEADLINE_S, Peer, good, lines, silent


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Let every further attempt come soon."""
    monkeypatch.setattr(adapter, "RETRY_S", (0.01, 0.02))


REFUSALS = {
    "wrong password": (401, "ARI refused the log-in of user 'acd' (401): see `user`"),
    "forbidden": (403, "ARI answers 403 to the log-in of user 'acd'"),
    "not there": (404, "/ari/events is not there (404)"),
    "broken": (500, "ARI answers 500"),
    "not yet": (503, "ARI answers 503"),
    "redirected": (301, "ARI answers 301"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_once_in_one_clear_line_and_tried_again(tmp_path, name):
    status, cause = REFUSALS[name]

    async def refuse(connection):
        await connection.head()
        connection.respond(status, '{"message":"no"}', more="Location: /elsewhere\r\n")
        await silent(connection)

    async def run():
        async with Peer(tmp_path, refuse, refuse, refuse, good) as peer:
            down = await peer.next(sw.LinkDown)
            assert cause in down.cause
            assert down.cause.startswith("cannot connect: ")
            assert down.cause.isprintable()
            assert (down.epoch, down.replaced) == (0, False)
            assert (await peer.next(sw.LinkUp)).epoch == 1
            assert peer.connected == 4
            warnings = [line for line in peer.logs if line["log_level"] == "warning"]
            assert [line["reason"] for line in warnings] == [down.cause]

    asyncio.run(run())


HEAD_101 = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
HANDSHAKES = {
    "nothing": (b"", "closed the link in the handshake"),
    "half a line": (b"HTTP/1.1 101 Switch", "closed the link in the handshake"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no WebSocket"),
    "control characters": (b"HTTP/1.1 500 \x1b[31m\r\n\r\n", "cannot connect"),
    "no upgrade": (b"HTTP/1.1 101 x\r\n\r\n", "no WebSocket"),
    "a wrong key": (
        HEAD_101 + b"Sec-WebSocket-Accept: AAAA\r\n\r\n",
        "no WebSocket",
    ),
    "an endless line": (b"HTTP/1.1 101 " + b"x" * 100_000, "no WebSocket"),
    "endless headers": (b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 1_000, "no WebSocket"),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_handshake_that_is_none_is_told(tmp_path, name):
    data, cause = HANDSHAKES[name]

    async def script(connection):
        await connection.head()
        connection.write(data)
        await connection.writer.drain()

    async def run():
        async with Peer(tmp_path, script, good) as peer:
            down = await peer.next(sw.LinkDown)
            assert cause in down.cause
            assert down.cause.isprintable()
            await peer.next(sw.LinkUp)

    asyncio.run(run())


def test_a_peer_that_never_answers_the_handshake_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_S", 0.1)

    async def run():
        async with Peer(tmp_path, silent, good) as peer:
            assert (await peer.next(sw.LinkDown)).cause == "cannot connect: no answer"
            await peer.next(sw.LinkUp)

    asyncio.run(run())


def test_nobody_there_is_told(tmp_path):
    async def run():
        async with Peer(tmp_path, good, options={"url": "http://127.0.0.1:1/ari"}) as peer:
            assert "cannot connect: " in (await peer.next(sw.LinkDown)).cause

    asyncio.run(run())


@pytest.mark.parametrize("host", ["pbx..example", "a" * 64 + ".example"])
def test_a_host_that_has_no_name_s_form_is_told_and_tried_again(host):
    address = Address(host=host, port=1, path="/ari", user="acd", authorization="Basic eA==")

    async def run():
        events: asyncio.Queue[sw.SwitchEvent] = asyncio.Queue()
        switch = AriSwitch(address, MapperOptions(app="acd"), name="pbx")
        switch.monitor([])
        switch.start(events.put_nowait)
        down = await asyncio.wait_for(events.get(), DEADLINE_S)
        assert isinstance(down, sw.LinkDown)
        assert down.cause.startswith("cannot connect: ")
        assert switch._task is not None
        assert not switch._task.done()
        await switch.close()

    asyncio.run(run())


def test_a_mistake_of_ours_in_connecting_is_told_and_tried_again(tmp_path, monkeypatch):
    connect = transport.connect

    async def wrong(*_):
        monkeypatch.setattr(adapter, "connect", connect)
        raise KeyError("nobody")

    monkeypatch.setattr(adapter, "connect", wrong)

    async def run():
        async with Peer(tmp_path, good) as peer:
            assert "KeyError: 'nobody'" in (await peer.next(sw.LinkDown)).cause
            await peer.next(sw.LinkUp)

    asyncio.run(run())


@pytest.mark.parametrize("often", [True, False])
def test_another_reason_of_one_outage_is_logged_but_not_too_often(tmp_path, monkeypatch, often):
    if often:
        monkeypatch.setattr(adapter, "REASON_S", 0.0)

    def refuse(status):
        async def script(connection):
            await connection.head()
            connection.respond(status)
            await silent(connection)

        return script

    async def run():
        scripts = [refuse(status) for status in (401, 401, 404, 404, 401)]
        async with Peer(tmp_path, *scripts, good) as peer:
            await peer.next(sw.LinkDown)
            await peer.next(sw.LinkUp)  # One end of the link, whatever its reasons.
            told = [line["reason"] for line in lines(peer, "asterisk is not linked")]
            found = [number for why in told for number in ("401", "404") if f"({number})" in why]
            assert found == (["401", "404", "401"] if often else ["401"])

    asyncio.run(run())


def test_a_version_that_is_too_old_is_told_once(tmp_path):
    async def old(connection):
        await connection.log_in(info=INFO.replace("22.10.1", "13.38.3"))

    async def run():
        async with Peer(tmp_path, old, old, good) as peer:
            cause = (await peer.next(sw.LinkDown)).cause
            assert cause == "Asterisk `13.38.3~dfsg+~cs6.15` is too old: wanted 16 or later"
            await peer.next(sw.LinkUp)

    asyncio.run(run())

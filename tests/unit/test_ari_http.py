"""The adapter for Asterisk where requests go by HTTP: audits, and a WebSocket that takes none.

Method: a scripted peer on loopback (`ari_peer.py`) that takes both. What the adapter delivers is
awaited with a deadline; the time after which the WebSocket is given up is shortened. Mistakes of
ours, which nobody can order, are put into the mapper.
"""

import asyncio

import pytest

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import adapter, session
from acd.switch_protocol.words import CommandStage
from tests.unit.ari_frames import INFO
from tests.unit.ari_peer import CLOSE, Peer, framed, good, lines, silent

LOOK = sw.SnapshotCall(command_id="look", call_id="nobody")
STOP = sw.RouteCancel(command_id="stop", call_id="nobody", offer="shop-o-9")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Let every further attempt come soon."""
    monkeypatch.setattr(adapter, "RETRY_S", (0.01, 0.02))


def test_an_asterisk_whose_websocket_takes_no_requests_is_asked_by_http(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "PROBE_US", 50_000)
    targets = []

    async def script(connection):
        head = await connection.head()
        if "upgrade" in head.headers:
            connection.reader.feed_data(_head_again(head))
            await connection.open()
            await connection.serve_nothing()
        while True:
            targets.append(f"{head.method} {head.target}")
            assert head.headers["authorization"].startswith("Basic ")
            assert head.headers["accept-encoding"] == "identity"
            if "/channels/" in head.target:
                connection.respond(404)
            else:
                connection.respond(200, INFO if head.target.endswith("/info") else "[]")
            head = await connection.head()

    async def run():
        async with Peer(tmp_path, script, devices=["101"]) as peer:
            await peer.in_step()
            peer.switch.submit(LOOK)
            await peer.next(sw.CallReported)

    asyncio.run(run())
    assert targets[:3] == [
        "GET /ari/asterisk/info",
        "PUT /ari/applications/acd/eventFilter",
        "POST /ari/applications/acd/subscription?eventSource=endpoint%3APJSIP%2F101",
    ]


def by_http(targets, *, late=None):
    """Return the script of an Asterisk that answers by HTTP; on the WebSocket only when told to."""

    async def script(connection):
        head = await connection.head()
        if "upgrade" in head.headers:
            connection.reader.feed_data(_head_again(head))
            await connection.open()
            asked = await connection.asked()
            if late is None:
                await connection.serve_nothing()
            await late.wait()
            connection.answer(asked, 200, INFO)
            await connection.serve()
        while True:
            targets.append(head.target)
            connection.respond(200, INFO if head.target.endswith("/info") else "[]")
            head = await connection.head()

    return script


def test_a_busy_asterisk_is_asked_on_the_websocket_again_and_both_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "PROBE_US", 50_000)
    targets: list[str] = []

    async def run():
        late = asyncio.Event()
        async with Peer(tmp_path, by_http(targets, late=late)) as peer:
            await peer.in_step()
            (line,) = lines(peer, "asterisk is asked by http, one request after the other")
            assert line["log_level"] == "warning"
            assert "takes requests on the websocket" in line["reason"]
            assert any(target.startswith("/ari/channels") for target in targets)
            late.set()
            while not lines(peer, "asterisk takes requests on the websocket, late"):
                peer.switch.submit(LOOK)
                await peer.events.get()
            count = len(targets)
            peer.switch.submit(STOP)
            result = await peer.next(sw.CommandResult)
            assert result.command_id == "stop"
            assert len(targets) == count

    asyncio.run(run())


def test_audits_hold_no_command_up(tmp_path):
    targets = []

    async def run():
        go = asyncio.Event()

        async def script(connection):
            head = await connection.head()
            if "upgrade" in head.headers:
                connection.reader.feed_data(_head_again(head))
                await connection.log_in()
                await connection.serve()
            assert head.headers["authorization"].startswith("Basic ")
            await go.wait()
            while True:
                targets.append(head.target)
                connection.respond(200, "[]")
                head = await connection.head()

        async with Peer(tmp_path, script) as peer:
            await peer.in_step()
            peer.switch.submit(sw.SnapshotRequest(command_id="audit"))
            peer.switch.submit(STOP)
            assert (await peer.next(sw.CommandResult)).command_id == "stop"
            assert not targets
            go.set()
            await peer.next(sw.Snapshot)
            assert (await peer.next(sw.CommandResult)).command_id == "audit"
            linked = lines(peer, "asterisk is linked")
            assert [line["kind"] for line in linked] == ["websocket"]
            assert not lines(peer, "asterisk is asked by http, one request after the other")

    asyncio.run(run())
    assert targets == [
        *("/ari/channels", "/ari/bridges", "/ari/endpoints/PJSIP", "/ari/deviceStates"),
    ]


def test_a_cut_link_settles_an_audit(tmp_path):
    async def run():
        asked = asyncio.Event()

        async def script(connection):
            head = await connection.head()
            if "upgrade" in head.headers:
                connection.reader.feed_data(_head_again(head))
                await connection.log_in()
                for _ in range(4):
                    connection.answer(await connection.asked(), 200, "[]")
                await asked.wait()
                connection.write(framed("", opcode=CLOSE))
            asked.set()
            await silent(connection)

        async with Peer(tmp_path, script) as peer:
            await peer.in_step()
            peer.switch.submit(sw.SnapshotRequest(command_id="audit"))
            result = await peer.next(sw.CommandResult)
            assert result.command_id == "audit"
            assert result.stage is not CommandStage.ACCEPTED
            await peer.next(sw.LinkDown)

    asyncio.run(run())


@pytest.mark.parametrize(
    "body",
    [b'[{"id":"\xff"}]', b"[" * 200_000, b'[{"id":"\\ud800"}]'],
    ids=["utf8", "deep", "half"],
)
def test_a_list_by_http_that_is_none_stops_nothing(tmp_path, monkeypatch, body):
    monkeypatch.setattr(session, "PROBE_US", 50_000)

    async def script(connection):
        head = await connection.head()
        if "upgrade" in head.headers:
            connection.reader.feed_data(_head_again(head))
            await connection.open()
            await connection.serve_nothing()
        while True:
            if head.target == "/ari/channels":
                connection.write(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )
            else:
                connection.respond(200, INFO if head.target.endswith("/info") else "[]")
            head = await connection.head()

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            peer.switch.submit(sw.SnapshotRequest(command_id="s"))
            while not isinstance(event := await peer.next(sw.SwitchEvent), sw.CommandResult):
                pass
            assert event.command_id == "s"
            peer.switch.submit(STOP)
            result = await peer.next(sw.CommandResult)
            assert (result.command_id, result.stage) == ("stop", CommandStage.ACCEPTED)

    asyncio.run(run())


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), RecursionError()]
)
def test_an_answer_that_cannot_be_read_is_one_line_and_no_end(tmp_path, monkeypatch, error):
    monkeypatch.setattr(session, "PROBE_US", 50_000)

    async def run():
        async with Peer(tmp_path, by_http([])) as peer:
            await peer.in_step()
            answered = peer.switch._mapper.on_response

            def unreadable(*_):
                peer.switch._mapper.on_response = answered
                raise error

            peer.switch._mapper.on_response = unreadable
            peer.switch.submit(LOOK)  # Its answer finds nobody who could read it.
            peer.switch.submit(STOP)
            assert (await peer.next(sw.CommandResult)).command_id == "stop"
            (line,) = lines(peer, "an answer of asterisk cannot be read")
            assert type(error).__name__ in line["why"]

    asyncio.run(run())


def test_a_mistake_of_ours_by_http_resets_the_link_and_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "PROBE_US", 50_000)

    async def run():
        async with Peer(tmp_path, by_http([])) as peer:
            await peer.in_step()
            answered = peer.switch._mapper.on_response

            def wrong(*_):
                peer.switch._mapper.on_response = answered
                raise KeyError("nowhere")

            peer.switch._mapper.on_response = wrong
            peer.switch.submit(LOOK)
            down = await peer.next(sw.LinkDown)
            assert down.cause.startswith("a mistake of the adapter (test_ari_http.py:")
            assert down.cause.endswith("KeyError: 'nowhere'")
            assert (await peer.next(sw.LinkUp)).epoch == 2
            assert [line["reason"] for line in lines(peer, "asterisk is not linked")] == [
                down.cause
            ]

    asyncio.run(run())


def test_a_mistake_of_ours_when_an_alarm_rings_resets_the_link(tmp_path):
    async def run():
        async with Peer(tmp_path, good) as peer:
            await peer.in_step()
            on_time = peer.switch._mapper.on_time

            def wrong(*_):
                peer.switch._mapper.on_time = on_time
                raise KeyError("never")

            peer.switch._mapper.on_time = wrong
            peer.switch._ring()
            assert "KeyError: 'never'" in (await peer.next(sw.LinkDown)).cause
            await peer.next(sw.LinkUp)

    asyncio.run(run())


def _head_again(head):
    lines = [f"{head.method} {head.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in head.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def test_http_that_redirects_or_breaks_off_ends_the_log_in(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "PROBE_US", 20_000)
    for status, cause in ((302, "answered by 302"), (0, "is not answered")):

        async def script(connection, status=status):
            head = await connection.head()
            if "upgrade" in head.headers:
                connection.reader.feed_data(_head_again(head))
                await connection.open()
                await connection.serve_nothing()
            assert head.target == "/ari/asterisk/info", "a redirection was followed"
            if status:
                connection.respond(status, more="Location: /elsewhere\r\n")
                await silent(connection)

        async def run(script=script, cause=cause):
            async with Peer(tmp_path, script) as peer:
                assert cause in (await peer.next(sw.LinkDown)).cause

        asyncio.run(run())

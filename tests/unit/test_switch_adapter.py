"""The adapter against a peer that breaks the rules: it says so, gives up, and tries again.

Method: a scripted peer at a unix socket in the test's own event loop. What the adapter delivers is
awaited with a deadline; its spans of time are shortened where a test is about them.
"""

import asyncio
import contextlib

import pytest

from acd.switch_protocol import messages as sw
from acd.switch_protocol.simulated import adapter, link
from acd.switch_protocol.simulated.adapter import SimulatedSwitch
from acd.switch_protocol.words import CommandError, CommandStage

DEADLINE_S = 10.0
LOOK = sw.SnapshotCall(command_id="v1", call_id="c")


class Peer:
    """What answers at the socket: `script` gets (reader, writer) of each connection."""

    def __init__(self, folder, script):
        self.path = folder / "link"
        self.script = script
        self.events: asyncio.Queue[sw.SwitchEvent] = asyncio.Queue()
        self.switch = SimulatedSwitch(self.path, domain="shop")
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self):
        def connected(reader, writer):
            self._tasks.append(asyncio.ensure_future(self._serve(reader, writer)))

        self._server = await asyncio.start_unix_server(connected, self.path)
        self.switch.start(self.events.put_nowait)
        return self

    async def _serve(self, reader, writer):
        try:
            await self.script(reader, writer)
        finally:
            writer.close()

    async def __aexit__(self, *_):
        await self.switch.close()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def next(self, kind):
        """Return the next event, which must be of a kind."""
        event = await asyncio.wait_for(self.events.get(), DEADLINE_S)
        assert isinstance(event, kind), event
        return event


async def welcome(reader, writer, *then, run="r1"):
    """Welcome the daemon; after its first sign of life send what follows; read until it ends."""
    await reader.read(link.READ_MAX)
    writer.write(link.framed(link.Welcome(epoch=7, run=run)))
    await reader.read(link.READ_MAX)
    for data in then:
        writer.write(data if isinstance(data, bytes) else link.framed(data))
    while await reader.read(link.READ_MAX):
        pass


def test_events_are_delivered_in_order_once_and_for_this_epoch_only(tmp_path):
    cleared = [sw.CallCleared(epoch=7, seq=seq, call_id=str(seq)) for seq in (2, 1, 1, 3)]
    old = sw.CallCleared(epoch=6, seq=1, call_id="old")

    async def script(reader, writer):
        await welcome(reader, writer, old, *cleared)

    async def run():
        async with Peer(tmp_path, script) as peer:
            up = await peer.next(sw.LinkUp)
            assert (up.epoch, up.restarted) == (7, False)
            got = [(await peer.next(sw.CallCleared)).call_id for _ in range(3)]
            assert got == ["1", "2", "3"]

    asyncio.run(run())


def test_a_gap_is_told_as_messages_lost(tmp_path):
    async def script(reader, writer):
        await welcome(reader, writer, sw.CallCleared(epoch=7, seq=2, call_id="c"))

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            assert (await peer.next(sw.MessagesLost)).epoch == 7
            await peer.next(sw.CallCleared)

    asyncio.run(run())


def test_a_lost_end_is_noticed_by_the_keepalive(tmp_path):
    async def script(reader, writer):
        await welcome(reader, writer, link.Pong(epoch=7, seq=5))

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            await peer.next(sw.MessagesLost)

    asyncio.run(run())


@pytest.mark.parametrize(
    "bad, text",
    [
        (b"\x91\x91\x91", "got bytes that are no message"),
        (link.framed(link.Ping(command_id="x")), "got bytes that are no message"),
        (link.framed(link.Welcome(epoch=8, run="r")), "got a second welcome"),
        (link.framed(link.Bye(cause="restart")), "restart"),
    ],
)
def test_a_peer_that_breaks_the_rules_is_left_and_tried_again(tmp_path, bad, text):
    runs = iter(["r1", "r2"])

    async def script(reader, writer):
        run = next(runs, None)
        await welcome(reader, writer, *([bad] if run == "r1" else []), run=run or "r2")

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            assert text in (await peer.next(sw.LinkDown)).cause
            assert (await peer.next(sw.LinkUp)).restarted

    asyncio.run(run())


def test_a_daemon_that_was_replaced_does_not_come_back(tmp_path):
    connections = []

    async def script(reader, writer):
        connections.append(writer)
        await welcome(reader, writer, link.Bye(cause="replaced", replaced=True))

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            assert (await peer.next(sw.LinkDown)).replaced
            assert peer.switch._task is not None
            await asyncio.wait_for(peer.switch._task, DEADLINE_S)
            assert len(connections) == 1

    asyncio.run(run())


def test_nobody_there_is_told_once(tmp_path):
    async def run():
        switch = SimulatedSwitch(tmp_path / "nobody", domain="shop")
        events: asyncio.Queue[sw.SwitchEvent] = asyncio.Queue()
        switch.start(events.put_nowait)
        down = await asyncio.wait_for(events.get(), DEADLINE_S)
        assert isinstance(down, sw.LinkDown)
        assert "cannot connect" in down.cause
        switch.submit(LOOK)
        result = await asyncio.wait_for(events.get(), DEADLINE_S)
        assert isinstance(result, sw.CommandResult)
        assert (result.stage, result.error) == (CommandStage.NOT_SENT, CommandError.LINK_DOWN)
        await switch.close()
        assert events.empty()

    asyncio.run(run())


def test_a_command_that_is_not_answered_in_time_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "ACK_US", 20_000)

    async def run():
        async with Peer(tmp_path, welcome) as peer:
            await peer.next(sw.LinkUp)
            peer.switch.submit(LOOK)
            result = await peer.next(sw.CommandResult)
            assert (result.command_id, result.call_id) == ("v1", "c")
            assert result.stage is CommandStage.UNKNOWN

    asyncio.run(run())


def test_a_command_that_left_before_the_link_was_cut_is_unknown(tmp_path):
    async def script(reader, writer):
        await reader.read(link.READ_MAX)
        writer.write(link.framed(link.Welcome(epoch=7, run="r")))
        frames = link.to_switch()
        with contextlib.suppress(StopIteration):
            while LOOK not in frames.feed(await reader.read(link.READ_MAX)):
                pass

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            peer.switch.submit(LOOK)
            assert (await peer.next(sw.CommandResult)).stage is CommandStage.UNKNOWN
            await peer.next(sw.LinkDown)

    asyncio.run(run())


def test_a_silent_switch_is_given_up_after_its_keepalives(tmp_path, monkeypatch):
    monkeypatch.setattr(link, "KEEPALIVE_S", 0.02)

    async def run():
        async with Peer(tmp_path, welcome) as peer:
            await peer.next(sw.LinkUp)
            assert "no sign of life" in (await peer.next(sw.LinkDown)).cause

    asyncio.run(run())


def test_a_switch_that_does_not_welcome_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "CONNECT_S", 0.05)

    async def script(reader, writer):
        del writer
        while await reader.read(link.READ_MAX):
            pass

    async def run():
        async with Peer(tmp_path, script) as peer:
            assert "cannot log in" in (await peer.next(sw.LinkDown)).cause

    asyncio.run(run())


def test_a_snapshot_with_a_hole_is_never_delivered(tmp_path):
    call = sw.Call("c", "4000")
    parts = [
        link.SnapshotPart(epoch=7, seq=1, number=0, calls=(call,)),
        link.SnapshotPart(epoch=7, seq=2, number=2, last=True),
        link.SnapshotPart(epoch=7, seq=3, number=0, calls=(call,)),
        link.SnapshotPart(epoch=7, seq=4, number=1, last=True),
    ]

    async def script(reader, writer):
        await welcome(reader, writer, *parts)

    async def run():
        async with Peer(tmp_path, script) as peer:
            await peer.next(sw.LinkUp)
            snapshot = await peer.next(sw.Snapshot)
            assert (snapshot.seq, snapshot.calls) == (4, (call,))

    asyncio.run(run())


def test_a_full_buffer_refuses_commands_and_blocks_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "ACKS_MAX", 2)

    async def run():
        async with Peer(tmp_path, welcome) as peer:
            await peer.next(sw.LinkUp)
            for number in range(3):
                peer.switch.submit(sw.SnapshotCall(command_id=str(number), call_id="c"))
            result = await peer.next(sw.CommandResult)
            assert (result.command_id, result.error) == ("2", CommandError.OVERLOAD)
            assert result.stage is CommandStage.NOT_SENT

    asyncio.run(run())

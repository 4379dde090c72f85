"""Each quirk of the emulated Asterisk ruins a client that is written as first tutorials do it.

Method: the naive client below runs in a thread of its own, as its own process would, and plays each
quirk's story from `tests.ari_emulator.scenarios`; the emulator's ledger must find a fault of the
expected kind. On a day without quirks the same client makes no mistake, so that what fails it is
the quirk. The rest asks the emulator what Asterisk was asked, and wants the same answers.
"""

import ast
import asyncio
import base64
import json
import threading
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.ari_emulator.channels import Manner
from tests.ari_emulator.quirks import Quirk
from tests.ari_emulator.scenarios import SELF_RUN, STORIES, scenario
from tests.ari_emulator.world import PASSWORD, USER, World

PATIENCE_S = 0.6
FAILED = "Allocation failed"
IN_USE = "Channel with given unique ID already exists"
NO_APP = "Application or extension must be specified"
NO_APPLICATION = "Application not found"
NO_ONE = "Provided originator channel was not found"
NO_SCHEME = "Invalid event source URI scheme"
NO_SOURCE = "Event source does not exist"
NOT_OURS = "Channel not in Stasis application"
TOO_LONG = "Uniqueid length exceeds maximum of 149"
AUTH = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


class Naive:
    """Believes every answer, hears every event once and in order, and remembers nothing anew.

    Args:
        access: Where to log in.
        work_s: How long a look-up of each customer takes, during which nothing else is done.
    """

    def __init__(self, access, work_s=0.0):
        self.access = access
        self.work_s = work_s
        self.waiting, self.free = [], list(access.phones)
        self.legs = {}
        self.talks = set()
        self.number = 0

    async def run(self):
        async with httpx.AsyncClient(headers=AUTH, timeout=None, verify=False) as self.http:  # noqa: S113, S501 - loopback.
            while True:
                try:
                    await self.listen()
                except (ConnectionClosed, InvalidHandshake, OSError, httpx.TransportError):
                    await pause(0.03)

    async def listen(self):
        url = self.access.url.replace("http", "ws", 1) + "/events?app=acd"
        socket = await connect(url, additional_headers=AUTH, close_timeout=0.1)
        try:
            sources = ",".join(f"endpoint:PJSIP/{phone}" for phone in self.access.phones)
            await self.ask("POST", "applications/acd/subscription", eventSource=sources)
            for channel in (await self.ask("GET", "channels")).json():
                if channel["caller"]["name"] == "ghost":
                    await self.arrived(channel)
            async for message in socket:
                await self.hear(json.loads(message))
        finally:
            socket.transport.abort()  # However it ended, also where this task was canceled.

    async def ask(self, method, path, **query):
        return await self.http.request(method, f"{self.access.url}/{path}", params=query)

    async def hear(self, event):
        channel = event.get("channel")
        match event["type"]:
            case "StasisStart" if event["args"] == ["call"]:
                await self.arrived(channel)
            case "StasisStart" if channel["id"] in self.legs:
                customer, _ = self.legs[channel["id"]]
                bridge = f"b-{channel['id']}"
                await self.ask("POST", f"bridges/{bridge}", type="mixing")
                both = f"{customer},{channel['id']}"
                await self.ask("POST", f"bridges/{bridge}/addChannel", channel=both)
                self.talks.add(customer)
            case "ChannelDestroyed" if channel["id"] in self.legs:
                customer, phone = self.legs[channel["id"]]
                self.free.append(phone)
                if customer in self.talks:
                    await self.ask("DELETE", f"channels/{customer}")
                else:
                    self.waiting.insert(0, customer)
                await self.match()
            case "StasisEnd" if event["channel"]["id"] not in self.legs:
                if channel["id"] in self.waiting:
                    self.waiting.remove(channel["id"])
                for leg, (customer, phone) in tuple(self.legs.items()):
                    if customer == channel["id"]:
                        del self.legs[leg]
                        await self.ask("DELETE", f"channels/{leg}")
                        self.free.append(phone)
                await self.match()
            case "ApplicationReplaced":
                raise ConnectionError
            case _:
                pass

    async def arrived(self, channel):
        threading.Event().wait(self.work_s)
        self.waiting.append(channel["id"])
        await self.ask("POST", f"channels/{channel['id']}/moh")
        await self.match()

    async def match(self):
        while self.waiting and self.free:
            customer, phone = self.waiting.pop(0), self.free.pop(0)
            self.number += 1
            leg = f"leg-{id(self)}-{self.number}"
            await self.ask(
                "POST",
                f"channels/{leg}",
                endpoint=f"PJSIP/{phone}",
                app="acd",
                appArgs="dialed",
                originator=customer,
            )
            self.legs[leg] = (customer, phone)


async def pause(span_s):
    with suppress(TimeoutError):
        async with asyncio.timeout(span_s):
            await asyncio.Event().wait()


def naive(work_s=0.0):
    """Return what runs a naive client in a thread of its own."""

    @asynccontextmanager
    async def running(access):
        runs: asyncio.Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]]
        runs = asyncio.Future()
        loop = asyncio.get_running_loop()

        def run():
            async def main():
                task = asyncio.current_task()
                assert task is not None
                inner = asyncio.get_running_loop(), task
                loop.call_soon_threadsafe(runs.set_result, inner)
                await Naive(access, work_s).run()

            with suppress(asyncio.CancelledError):
                asyncio.run(main())

        thread = threading.Thread(target=run)
        thread.start()
        inner_loop, task = await runs
        try:
            yield
        finally:
            inner_loop.call_soon_threadsafe(task.cancel)
            await asyncio.to_thread(thread.join)

    return running


def test_a_naive_client_makes_no_mistake_on_a_day_without_quirks():
    wrong = asyncio.run(scenario(Quirk.NONE, naive(), patience_s=5.0))
    assert not wrong


@pytest.mark.parametrize(
    "quirk, fault",
    [
        (Quirk.ACK_WITHOUT_EFFECT, "ann waits"),
        (Quirk.WRITE_TIMEOUT, "ann waits"),
        (Quirk.DROPPED, "ann waits"),
        (Quirk.REPEATED, "2 legs ring for ann"),
        (Quirk.CROSSED, "cid waits"),
        (Quirk.GHOST, "waits, and ['101'] have nothing to do"),
        (Quirk.SURVIVOR, "ann waits"),
        (Quirk.REPLACED, "it connected again"),
        (Quirk.LATE_ANSWER, "ann is gone"),
        (Quirk.TWO_SUBSCRIPTIONS, "2 legs ring for ann"),
        (Quirk.MASQUERADE, "ann is offered as"),
        (Quirk.ERROR_500, "ann waits"),
        (Quirk.STOPS_READING, "bob waits"),
        (Quirk.RESTART, "cid waits"),
        (Quirk.CUT, "bob is gone"),
    ],
)
def test_each_quirk_ruins_a_naive_client(quirk, fault):
    client = naive(work_s=0.4 if quirk is Quirk.WRITE_TIMEOUT else 0.0)
    wrong = asyncio.run(scenario(quirk, client, patience_s=PATIENCE_S))
    assert any(fault in one for one in wrong), wrong


# What was asked of a real Asterisk 22.10.1, and what it said. In the application is a customer
# ("ours"); another one is in the dialplan ("theirs"), a phone rings ("leg"), 102 is not registered.
ASKED = [
    ("GET", "nope", {}, 404, "Resource not found"),
    ("PUT", "channels", {}, 405, "Invalid method"),
    ("GET", "channels/nope", {}, 404, "Channel not found"),
    ("DELETE", "channels/nope", {}, 404, "Channel not found"),
    ("POST", "channels/nope/moh", {}, 404, "Channel not found"),
    ("POST", "channels/theirs/moh", {}, 409, "Channel not in Stasis application"),
    ("POST", "channels/theirs/continue", {}, 409, "Channel not in Stasis application"),
    ("DELETE", "channels/ours/moh", {}, 204, ""),
    ("DELETE", "channels/ours/ring", {}, 204, ""),
    ("DELETE", "channels/ours/silence", {}, 204, ""),
    ("GET", "channels/ours/variable", {"variable": "NONE"}, 404, "Provided variable was not found"),
    ("POST", "channels/ours/play", {}, 500, "Failed to queue media for playback"),
    ("DELETE", "playbacks/nope", {}, 404, "Playback not found"),
    ("POST", "channels/x", {"endpoint": "PJSIP/999", "app": "acd"}, 500, FAILED),
    ("POST", "channels/x", {"endpoint": "PJSIP/102", "app": "acd"}, 500, FAILED),
    ("POST", "channels/x", {"endpoint": "FOO/101", "app": "acd"}, 500, FAILED),
    ("POST", "channels/leg", {"endpoint": "PJSIP/101", "app": "acd"}, 409, IN_USE),
    ("POST", "channels/x", {"endpoint": "PJSIP/102", "app": "acd"}, 409, IN_USE),
    ("POST", "channels/x", {"endpoint": "101", "app": "acd"}, 400, "Invalid endpoint specified"),
    ("POST", "channels/x", {"endpoint": "", "app": "acd"}, 400, "Endpoint must be specified"),
    ("POST", "channels/x", {"endpoint": "PJSIP/101"}, 400, NO_APP),
    ("POST", "channels/x", {"endpoint": "PJSIP/101", "app": "acd", "originator": "y"}, 400, NO_ONE),
    ("POST", "channels/" + "z" * 150, {"endpoint": "PJSIP/101", "app": "acd"}, 400, TOO_LONG),
    ("POST", "channels/theirs/dial", {"timeout": "3"}, 409, "Channel not in Stasis application"),
    ("POST", "bridges/b", {"type": "mixing"}, 200, ""),
    ("POST", "bridges/b", {"type": "mixing"}, 409, "Bridge with id 'b' already exists"),
    ("POST", "bridges/c", {"type": "nonsense"}, 500, "Unable to create bridge"),
    ("POST", "bridges/nope/addChannel", {"channel": "ours"}, 404, "Bridge not found"),
    ("POST", "bridges/b/addChannel", {}, 400, "Missing parameter channel"),
    ("POST", "bridges/b/addChannel", {"channel": "nope"}, 400, "Channel not found"),
    ("POST", "bridges/b/addChannel", {"channel": "ours,nope"}, 400, "Channel not found"),
    ("POST", "bridges/b/addChannel", {"channel": "ours,theirs"}, 422, NOT_OURS),
    ("POST", "bridges/b/addChannel", {"channel": "leg"}, 422, NOT_OURS),
    ("POST", "bridges/b/removeChannel", {"channel": "ours"}, 422, "Channel not in this bridge"),
    ("POST", "bridges/b/addChannel", {"channel": "ours"}, 204, ""),
    ("POST", "bridges/b/removeChannel", {"channel": "ours"}, 204, ""),
    ("DELETE", "bridges/b", {}, 204, ""),
    ("DELETE", "bridges/b", {}, 404, "Bridge not found"),
    ("GET", "endpoints/FOO", {}, 404, "No Endpoints found - invalid tech FOO"),
    ("GET", "endpoints/PJSIP/999", {}, 404, "Endpoint not found"),
    ("PUT", "deviceStates/Stasis:101", {"deviceState": "INUSE"}, 204, ""),
    ("PUT", "deviceStates/Stasis:101", {"deviceState": "FOO"}, 500, "Unknown device"),
    ("POST", "applications/acd/subscription", {}, 400, "Missing parameter eventSource"),
    (
        "POST",
        "applications/acd/subscription",
        {"eventSource": "endpoint:PJSIP/999"},
        422,
        NO_SOURCE,
    ),
    ("POST", "applications/acd/subscription", {"eventSource": "foo:x"}, 400, NO_SCHEME),
    ("GET", "applications/nope", {}, 404, NO_APPLICATION),
    ("DELETE", "channels/leg", {}, 204, ""),
    ("DELETE", "channels/leg", {}, 404, "Channel not found"),
]


class OverWebSocket:
    """Asks by the WebSocket, and keeps the events that come meanwhile."""

    def __init__(self, socket):
        self.socket = socket
        self.events = []

    async def ask(self, method, uri, query):
        strings = [{"name": name, "value": value} for name, value in query.items()]
        request = {"type": "RESTRequest", "request_id": "7", "method": method, "uri": uri}
        await self.socket.send(json.dumps({**request, "query_strings": strings}))
        while (message := json.loads(await self.socket.recv()))["type"] != "RESTResponse":
            self.events.append(message)
        assert message["request_id"] == "7"
        return message["status_code"], json.loads(message.get("message_body") or "{}")

    async def hear(self, kind):
        """Wait for an event of a kind."""
        while not (found := [one for one in self.events if one["type"] == kind]):
            self.events.append(json.loads(await self.socket.recv()))
        return found


@asynccontextmanager
async def listening(world):
    url = world.server.url.replace("http", "ws", 1) + "/events?app=acd"
    async with connect(url, additional_headers=AUTH, close_timeout=0.1) as socket:
        yield OverWebSocket(socket)


@pytest.mark.parametrize("way", ["http", "websocket"])
def test_requests_are_refused_as_the_real_one_refuses_them(way):
    async def run():
        async with World(("101", "102")) as world:
            world.manner(Manner.RINGS)
            theirs = world.call("theirs").id  # Nobody has the application yet.
            async with listening(world) as socket, httpx.AsyncClient(headers=AUTH) as http:
                ours = world.call("ours").id
                world.register("102", on=False)
                leg = {"endpoint": "PJSIP/101", "app": "acd", "originator": ours}
                assert (await socket.ask("POST", "channels/leg", leg))[0] == 200
                for method, place, query, status, message in ASKED:
                    path = place.replace("theirs", theirs).replace("ours", ours)
                    given = {
                        key: value.replace("theirs", theirs).replace("ours", ours)
                        for key, value in query.items()
                    }
                    if way == "http":
                        url = f"{world.server.url}/{path}"
                        answer = await http.request(method, url, params=given)
                        got = answer.status_code, answer.json() if answer.content else {}
                    else:
                        got = await socket.ask(method, path, given)
                    assert got[0] == status, (method, path, query, got)
                    assert not message or message in got[1].values(), (path, got)

    asyncio.run(run())


def test_who_does_not_log_in_is_refused():
    async def run():
        async with World(("101",)) as world, httpx.AsyncClient() as http:
            url = f"{world.server.url}/asterisk/ping"
            for login in (None, ("acd", "wrong"), ("nobody", PASSWORD)):
                answer = await http.get(url, auth=login)
                assert answer.status_code == 401
                assert answer.json() == {"message": "Authentication required"}
            with pytest.raises(InvalidHandshake):
                await connect(world.server.url.replace("http", "ws", 1) + "/events?app=acd")
            good = await http.get(url, auth=(USER, PASSWORD))
            assert good.json()["ping"] == "pong"
            assert (await http.get(f"{world.server.url}/events", headers=AUTH)).status_code == 426
            assert world.server.refused == 4

    asyncio.run(run())


def test_a_leg_comes_into_the_application_when_it_answers_and_ends_as_measured():
    async def run():
        async with World(("101",)) as world, listening(world) as socket:
            customer = world.call("ann").id
            await socket.ask(
                "POST", "applications/acd/subscription", {"eventSource": "endpoint:PJSIP/101"}
            )
            leg = {"endpoint": "PJSIP/101", "app": "acd", "appArgs": "leg", "originator": customer}
            await socket.ask("POST", "channels/leg", leg)
            while len(await socket.hear("StasisStart")) < 2:
                socket.events.append(json.loads(await socket.socket.recv()))
            await socket.ask("POST", "bridges/b", {"type": "mixing"})
            await socket.ask("POST", "bridges/b/addChannel", {"channel": f"{customer},leg"})
            assert world.talks("ann")
            world.agent_hangs_up("101")
            await socket.hear("ChannelDestroyed")
            kinds = [
                one["type"]
                for one in socket.events
                if (one.get("channel") or one.get("peer") or {}).get("id") == "leg"
            ]
            # Whether it rings is told by both in either order.
            assert sorted(kinds[2:4]) == ["ChannelStateChange", "Dial"]
            assert kinds[:2] == ["ChannelCreated", "Dial"]
            assert kinds[4:] == [
                *("ChannelStateChange", "Dial", "StasisStart", "ChannelEnteredBridge"),
                *("ChannelHangupRequest", "ChannelLeftBridge", "StasisEnd", "ChannelDestroyed"),
            ]
            assert world.waits("ann")

    asyncio.run(run())


def test_a_leg_that_answers_while_nobody_listens_is_let_go():
    async def run():
        async with World(("101",)) as world:
            world.manner(Manner.RINGS)
            async with listening(world) as socket:
                world.call("ann")
                await socket.ask("POST", "channels/leg", {"endpoint": "PJSIP/101", "app": "acd"})
                assert await world.until(lambda: world.leg_at("101", state="Ringing") is not None)
            assert await world.until(lambda: not world.is_connected)
            world.answer("101")
            assert world.leg_at("101") is None
            assert world.waits("ann")

    asyncio.run(run())


@pytest.mark.parametrize(
    "method, path, query",
    [
        ("GET", "nope", {}),
        ("POST", "bridges/b", {"kind": "mixing"}),
        ("POST", "channels/c%0d%0aX/moh", {}),
        ("POST", "bridges/b", {"type": "mixing", "name": "a\nb"}),
        ("GET", "channels/%2e%2e", {}),
        ("POST", "channels/x", {"endpoint": "PJSIP/101", "app": "acd", "originator": "CUSTOMER"}),
        ("POST", "bridges/b/addChannel", {"channel": "leg"}),
        ("POST", "channels/leg/dial", {}),
    ],
)
def test_what_no_correct_client_does_is_a_violation(method, path, query):
    async def run():
        async with World(("101",)) as world, listening(world) as socket:
            world.manner(Manner.DEAD)
            customer = world.call("ann").id
            await socket.ask("POST", "bridges/b", {"type": "mixing"})
            leg = {"endpoint": "PJSIP/101", "app": "acd", "originator": customer}
            await socket.ask("POST", "channels/leg", leg)
            assert not world.exchange.violations
            given = {key: value.replace("CUSTOMER", customer) for key, value in query.items()}
            await socket.ask(method, path, given)
            assert world.exchange.violations

    asyncio.run(run())


def test_every_quirk_has_a_story():
    assert {*STORIES, *SELF_RUN} == set(Quirk)


def test_the_emulator_knows_neither_the_product_nor_the_simulator():
    folder = Path(__file__).parents[1] / "ari_emulator"
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [one for one in names if one.split(".")[0] in {"acd", "sim"}], path

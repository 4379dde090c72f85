"""The world in real time: a simulated switch, customers and agents around a running daemon.

It plays a scenario's arrivals, patience and handling times, `speed` times as fast as they are, over
and over. Calls are placed at the switch, whose phones answer and hang up by themselves; all other
contacts are submitted over HTTP, and agents take and end them at their desks. It sees the daemon
only from the outside, goes on when the daemon is restarted, and ends when it stays away.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from msgspec import Struct
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from acd.errors import UnreachableError
from acd.ids import AgentId, Channel, ContactId
from acd.switch_protocol.simulated.control import Control
from sim.arrivals import sources, workload
from sim.workload import SECOND_US, Scenario, Stream

AWAY_S: Final = 30.0
"""The world ends when the daemon stays away so long."""

RETRY_S: Final = 0.5
"""How long it waits before it tries again to reach the daemon."""

REQUEST_S: Final = 10.0
"""Longest that a request may take."""

OK_MAX: Final = 299

_TALK_SPREAD: Final = (0.4, 1.6)
"""Phones talk evenly between these shares of the mean handling time."""

_AWAY: Final = (OSError, WebSocketException, HTTPException, TimeoutError)


class Setting(Struct, frozen=True, kw_only=True):
    """Where the world plays."""

    url: str
    socket: Path
    """Where the switch waits for the daemon; beside it, with `.control`, for the world."""
    producer: str
    """The token that brings contacts."""
    agents: dict[AgentId, str]
    """The tokens of the agents at work."""
    routes: dict[str, str]
    """The queue of each number that can be called."""
    devices: dict[AgentId, str]
    speed: float
    seed: int


class World:
    """Everybody but the router."""

    def __init__(self, scenario: Scenario, setting: Setting) -> None:
        self._scenario = scenario
        self._setting = setting
        self._numbers = {queue: number for number, queue in setting.routes.items()}
        self._handle_us: dict[ContactId, int] = {}
        """What is left to be handled of the contacts submitted over HTTP."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen_s = 0.0
        """When the daemon was last seen, by the loop's clock."""
        self._control: Control
        self.came = 0

    async def run(self) -> None:
        """Play until the daemon stays away.

        Raises:
            UnreachableError: It did.
        """
        self._saw_daemon()
        task = asyncio.current_task()
        assert task is not None
        # The switch is our child: it is ended with us, also by a signal.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        switch = await _start_switch(self._setting)
        try:
            self._control = await Control.connect(_control_of(self._setting.socket))
            await self._automate_phones()
            for agent_id in self._setting.agents:
                self._begin(self._work(agent_id))
            self._begin(self._come())
            await self._until_away()
            raise UnreachableError(self._setting.url, f"away for {AWAY_S:g} s")
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            switch.terminate()
            await switch.wait()

    async def _until_away(self) -> None:
        """Wait until the daemon was not seen for long."""
        left_s = AWAY_S
        while left_s > 0:
            await asyncio.sleep(left_s)
            left_s = self._seen_s + AWAY_S - asyncio.get_running_loop().time()

    # Customers.

    async def _come(self) -> None:
        """Let customers come, scenario after scenario."""
        loop = asyncio.get_running_loop()
        streams = [source.stream for source in sources(self._scenario)]
        seed = self._setting.seed
        began_s = loop.time()
        while True:
            for at_us, source, ordinal, handle_us, patience_us in self._drawn(seed):
                offset_us = at_us - self._scenario.start_us
                await _until(began_s + self._real_s(offset_us))
                self.came += 1
                key = f"{seed}.{source}.{ordinal}"
                self._begin(self._customer(streams[source], key, handle_us, patience_us))
            began_s += self._real_s(self._scenario.end_us - self._scenario.start_us)
            seed += 1

    def _drawn(self, seed: int) -> Iterator[tuple[int, int, int, int, int]]:
        for drawn in chain.from_iterable(workload(self._scenario, seed)):
            yield drawn[0], drawn[1], drawn[2], drawn[3], drawn[4]

    async def _customer(self, stream: Stream, key: str, handle_us: int, patience_us: int) -> None:
        """Be a customer: call, or send a request until it is acknowledged; lose patience."""
        if stream.channel is Channel.VOICE:
            patience = round(patience_us / self._setting.speed) if patience_us else None
            await self._control.place_calls(self._numbers[stream.queue], patience_us=patience)
            return
        body: dict[str, object] = {"queue": stream.queue, "channel": stream.channel}
        body |= {"requirement": stream.requirement, "prefers": list(stream.prefers)}
        body |= {"attributes": dict(stream.attributes), "priority": stream.priority}
        status, said = await self._insist("POST", "/v1/contacts", body, key=key)
        if status > OK_MAX:
            return
        contact_id = str(said["contact_id"])
        self._handle_us[contact_id] = handle_us
        if patience_us:
            await asyncio.sleep(self._real_s(patience_us))
            if contact_id in self._handle_us:
                del self._handle_us[contact_id]
                await self._insist("DELETE", f"/v1/contacts/{quote(contact_id)}", None)

    async def _insist(
        self, method: str, path: str, body: dict[str, object] | None, *, key: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Send a request until the daemon answers; a repeat has the same key."""
        while True:
            with suppress(*_AWAY):
                status, said = await asyncio.to_thread(self._ask, method, path, body, key)
                self._saw_daemon()
                if status < 500:
                    return status, said
            await asyncio.sleep(RETRY_S)

    def _ask(
        self, method: str, path: str, body: dict[str, object] | None, key: str
    ) -> tuple[int, dict[str, Any]]:
        """Send one request, in a thread of its own; return the status and what was said."""
        where = urlsplit(self._setting.url)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=REQUEST_S)
        headers = {
            "Authorization": f"Bearer {self._setting.producer}",
            "Content-Type": "application/json",
        }
        if key:
            headers["Idempotency-Key"] = key
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            said = json.loads(response.read() or b"{}")
        finally:
            connection.close()
        return response.status, said

    # Agents.

    async def _automate_phones(self) -> None:
        """Let phones answer and talk as the scenario's calls take."""
        voice = [one for one in self._scenario.streams if one.channel is Channel.VOICE]
        if not voice:
            return
        weights = [sum(one.rates_per_h) for one in voice]
        mean_s = sum(w * one.handle.mean_s for w, one in zip(weights, voice, strict=True))
        mean_us = mean_s / max(sum(weights), 1e-9) * SECOND_US / self._setting.speed
        answer_us = round(max(one.answer_us for one in voice) / self._setting.speed)
        least, most = (round(share * mean_us) for share in _TALK_SPREAD)
        devices = sorted(self._setting.devices[one] for one in self._setting.agents)
        await self._control.automate(
            devices, answer_us=(answer_us, 2 * answer_us), talk_us=(least, most)
        )

    async def _work(self, agent_id: AgentId) -> None:
        """Be an agent at his desk, whatever becomes of the daemon meanwhile."""
        url = f"ws{self._setting.url.removeprefix('http')}/v1/agents/{quote(agent_id)}/desk"
        headers = {"Authorization": f"Bearer {self._setting.agents[agent_id]}"}
        while True:
            with suppress(*_AWAY):
                async with connect(url, additional_headers=headers) as desk:
                    hands = _Hands(desk.send, self)
                    async for text in desk:
                        self._saw_daemon()
                        said = json.loads(text)
                        if said["type"] in {"snapshot", "state"}:
                            await hands.look(said["agent"])
            await asyncio.sleep(RETRY_S)

    def answer_s(self) -> float:
        """Return how long an agent looks at an offer before he takes it."""
        digital = [one.answer_us for one in self._scenario.streams if one.channel != Channel.VOICE]
        return self._real_s(max(digital, default=SECOND_US))

    def handle_s(self, contact_id: ContactId) -> float:
        """Return how long a contact is handled, once: then it is no longer open to patience."""
        return self._real_s(self._handle_us.pop(contact_id, 60 * SECOND_US))

    def begin(self, act: Coroutine[Any, Any, None]) -> None:
        """Have something happen beside all else."""
        self._begin(act)

    # What they share.

    def _begin(self, act: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(act)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _real_s(self, time_us: int) -> float:
        return time_us / SECOND_US / self._setting.speed

    def _saw_daemon(self) -> None:
        self._seen_s = asyncio.get_running_loop().time()


class _Hands:
    """What an agent does on one connection: he looks at his desk and acts, each thing once."""

    def __init__(self, send: Callable[[str], Coroutine[Any, Any, None]], world: World) -> None:
        self._send = send
        self._world = world
        self._began: set[tuple[int, str]] = set()
        self._said = 0

    async def look(self, agent: dict[str, Any]) -> None:
        """Begin whatever the desk shows that was not begun."""
        if agent["availability"] == "logged_out":
            await self._say(do="state", state="logged_in")
            await self._say(do="state", state="ready")
        elif agent["availability"] in {"not_responding", "not_ready"}:
            await self._say(do="state", state="ready")
        for leg in agent["legs"]:
            sight = leg["offer_id"], leg["state"]
            if leg["channel"] != Channel.VOICE and sight not in self._began:
                self._began.add(sight)
                if leg["state"] == "offered":
                    self._world.begin(self._after(self._world.answer_s(), "accept", sight[0]))
                elif leg["state"] == "connected":
                    handle_s = self._world.handle_s(leg["contact_id"])
                    self._world.begin(self._after(handle_s, "end", sight[0]))

    async def _after(self, pause_s: float, do: str, offer_id: int) -> None:
        await asyncio.sleep(pause_s)
        with suppress(*_AWAY):
            await self._say(do=do, offer_id=offer_id)

    async def _say(self, **command: object) -> None:
        self._said += 1
        await self._send(json.dumps({"id": str(self._said), **command}))


async def _start_switch(setting: Setting) -> asyncio.subprocess.Process:
    """Start the switch, and wait until it listens."""
    command = [sys.executable, "-m", "acd.switch_protocol.simulated", "--socket"]
    command += [str(setting.socket), "--control", str(_control_of(setting.socket))]
    command += ["--seed", str(setting.seed)]
    for device in sorted(setting.devices.values()):
        command += ["--phone", device]
    switch = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert switch.stdout is not None
    if not await switch.stdout.readline():
        raise UnreachableError(str(setting.socket), "the simulated switch does not start")
    return switch


def _control_of(socket: Path) -> Path:
    return socket.with_name(f"{socket.name}.control")


async def _until(at_s: float) -> None:
    pause_s = at_s - asyncio.get_running_loop().time()
    if pause_s > 0:
        await asyncio.sleep(pause_s)

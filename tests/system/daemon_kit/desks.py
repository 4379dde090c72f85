"""The agents at their desks, and customers and phones at the switch: a thread with a loop.

Desks are WebSocket clients as a desktop is one. They log in, and then either work (accept each chat
and end it at once, decline some) or look on while it rings. All that they are told goes to the
auditor's sittings.
"""

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from acd.switch_protocol.simulated.control import Control
from acd.switch_protocol.simulated.wishes import Press
from tests.system.daemon_kit.auditor import AtSwitch, Message, Sitting, read_switch
from tests.system.daemon_kit.site import Site

DEADLINE_S: Final = 30.0
LOOK_S: Final = 0.1
REJECTS: Final = 0.1
"""Share of offers that a working agent declines."""

T = TypeVar("T")


class Crew:
    """A thread with an event loop, in which desks are open and the switch is spoken to."""

    def __init__(self, site: Site, *, seed: int) -> None:
        self.site = site
        self.sittings: list[Sitting] = []
        self.working = True
        """Whether agents accept what is offered."""
        self.codes: list[int | None] = []
        """With which codes connections were closed."""
        self.offered = 0
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: dict[str, asyncio.Task[None]] = {}
        self._sockets: dict[str, ClientConnection] = {}
        self._commands = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done on the loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S * 2)

    def sit_down(self, *, working: bool) -> None:
        """Open all desks; return when each has its snapshot."""
        self.working = working
        self.run(self._sit_down())

    def gone(self) -> None:
        """Wait until all desks have noticed that the daemon is gone."""
        self.run(self._gone())

    def is_ready(self, agent: str) -> bool:
        """Return whether an agent was last told that he is ready."""
        states = [
            message["agent"]["availability"]
            for sitting in self.sittings
            if sitting.agent_id == agent
            for message in sitting.messages
            if message["type"] in {"snapshot", "state"}
        ]
        return states[-1:] == ["ready"]

    def say(self, agent: str, do: str, **fields: object) -> None:
        """Have an agent give a command, whatever it is."""
        command = self._command(do, **fields)
        self._at(agent).say(command)
        self.run(self._sockets[agent].send(json.dumps(command)))

    def _at(self, agent: str) -> Sitting:
        return [one for one in self.sittings if one.agent_id == agent][-1]

    def pending(self) -> int:
        """Return how many offers or conversations the desks know of."""
        return sum(len(one.pending()) for one in self.sittings[-len(self.site.agents) :])

    async def _sit_down(self) -> None:
        ready = []
        for agent in self.site.agents:
            seated = asyncio.Event()
            self._open[agent] = asyncio.ensure_future(self._desk(agent, seated))
            ready.append(seated.wait())
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*ready)

    async def _gone(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*self._open.values())
        self._open.clear()

    async def _leave(self) -> None:
        for task in self._open.values():
            task.cancel()
        await asyncio.gather(*self._open.values(), return_exceptions=True)

    async def _desk(self, agent: str, seated: asyncio.Event) -> None:
        sitting = Sitting(agent)
        self.sittings.append(sitting)
        url = f"{self.site.url.replace('http', 'ws', 1)}/v1/agents/{agent}/desk"
        try:
            with suppress(OSError, InvalidHandshake, EOFError):
                headers = self.site.headers(agent)
                async with connect(url, additional_headers=headers, compression=None) as socket:
                    self._sockets[agent] = socket
                    try:
                        while True:
                            message = json.loads(await socket.recv())
                            sitting.take(message)
                            if message["type"] == "snapshot":
                                seated.set()
                            for command in self._answers(message):
                                sitting.say(command)
                                await socket.send(json.dumps(command))
                    except ConnectionClosed as closed:
                        self.codes.append(closed.rcvd.code if closed.rcvd else None)
        finally:
            sitting.closed = True
            seated.set()

    def _answers(self, message: Message) -> Iterator[Message]:
        """Yield what an agent says to a message."""
        kind = message["type"]
        if kind == "offer":
            self.offered += 1
            if message["channel"] == "chat" and self.working:
                yield from self._work(message["offer_id"], "offered")
        elif kind in {"snapshot", "state"}:
            agent = message["agent"]
            if agent["availability"] == "logged_out":
                yield self._command("state", state="logged_in")
            if agent["availability"] != "ready":
                yield self._command("state", state="ready")
            if kind == "snapshot" and self.working:
                for leg in agent["legs"]:
                    if leg["channel"] == "chat":
                        yield from self._work(leg["offer_id"], leg["state"])

    def _work(self, offer_id: int, state: str) -> Iterator[Message]:
        if state == "offered":
            if self._random.random() < REJECTS:
                yield self._command("reject", offer_id=offer_id)
                return
            yield self._command("accept", offer_id=offer_id)
        yield self._command("end", offer_id=offer_id)

    def _command(self, do: str, **fields: object) -> Message:
        self._commands += 1
        return {"id": f"c{self._commands}", "do": do, **fields}


@contextmanager
def switch(folder: Path, phones: list[str], *, seed: int) -> Iterator[tuple[Path, Path]]:
    """Run the simulated switch as its own process; give its socket and its control socket."""
    socket, control = folder / "sw.sock", folder / "ctl.sock"
    command = [sys.executable, "-m", "acd.switch_protocol.simulated", "--socket", str(socket)]
    command += ["--control", str(control), "--seed", str(seed)]
    command += [word for phone in phones for word in ("--phone", phone)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert "listening" in process.stdout.readline()
        yield socket, control
    finally:
        process.terminate()
        process.wait(DEADLINE_S)
        process.stdout.close()


class Phones:
    """Customers and phones at the switch, by its control socket."""

    def __init__(self, crew: Crew, control: Path) -> None:
        self._crew = crew
        self._control = crew.run(Control.connect(control))

    @property
    def control(self) -> Control:
        """Return the connection, to be used on the crew's loop."""
        return self._control

    def call(self, count: int) -> tuple[str, ...]:
        """Let customers call."""
        return self._crew.run(self._control.place_calls("4000", count=count))

    def answer(self, *, quickly: bool) -> None:
        """Let phones answer and hang up by themselves, or ring on."""
        spans: dict[str, Any] = {"answer_us": None, "talk_us": None}
        if quickly:
            spans = {"answer_us": (10_000, 50_000), "talk_us": (20_000, 100_000)}
        self._crew.run(self._control.automate(self._crew.site.agents, **spans))
        if quickly:
            for phone in self._crew.site.agents:
                self._crew.run(self._control.press(phone, Press.ANSWER))

    def ringing(self) -> int:
        """Return how many phones ring."""
        return self._crew.run(self._control.state()).ringing

    def at_switch(self) -> AtSwitch:
        """Return what the switch's ledger comes to."""
        return read_switch(self._crew.run(self._control.ledger()))

    def settle(self) -> AtSwitch:
        """Wait until daemon and switch know the same calls; return what the switch knows."""

        def agree() -> bool:
            before, known, after = self.at_switch(), self._crew.site.calls(), self.at_switch()
            return known == {f"switch:{call}" for call in before.calls} and (
                before.calls == after.calls
            )

        self.wait_until(agree)
        return self.at_switch()

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Look until something is true."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not true():
            assert time.monotonic() < deadline_s, (self._crew.site.calls(), self.at_switch())
            threading.Event().wait(LOOK_S)

    def close(self) -> None:
        """Close the connection."""
        self._crew.run(self._control.close())

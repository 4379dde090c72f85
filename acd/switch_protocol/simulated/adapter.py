"""The daemon's side of the simulated switch: fills `acd.switch_protocol.port.Switch`.

One task connects, logs in, reads, and connects again. It never waits for the application: events
are handed over by a call that does not block, commands are written into a bounded buffer.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from acd.errors import ConfigError, Problem
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.port import SwitchOptions
from acd.switch_protocol.sequence import Sequence
from acd.switch_protocol.simulated import link
from acd.switch_protocol.words import (
    CALLS_MAX,
    DEVICES_MAX,
    TEXT_MAX,
    Capability,
    CommandError,
    CommandStage,
)

CONNECT_S: Final = 5.0
"""How long connecting, and then logging in, may take (reference: switch protocols, 7.6)."""

ACK_US: Final = 2_000_000
"""How long a command may stay unanswered before nobody knows what became of it (7.6)."""

ACKS_MAX: Final = 20_000
"""Most unanswered commands: four seconds of 5,000 a second."""

OUT_MAX: Final = 4 * 1024 * 1024
"""Most bytes written and not yet taken by the switch."""

RETRY_S: Final = (0.05, 5.0)
"""First and longest pause between two attempts to connect: small, since the switch is local."""

LATE_S: Final = 0.05
"""If an alarm is later than this, the process was busy or stopped: what was answered meanwhile is
read first, for as long."""

SOCKET_MAX: Final = 100
"""Longest path of a socket, in bytes (Linux admits 107)."""

Deliver = Callable[[sw.SwitchEvent], None]


class _Options(Struct, frozen=True, forbid_unknown_fields=True):
    socket: str


def make(options: SwitchOptions) -> "SimulatedSwitch":
    """Return the adapter; the entry point `simulated` of `acd.switches`.

    Raises:
        ConfigError: The options are wrong.
    """
    try:
        given = msgspec.convert(options.options, _Options)
    except msgspec.ValidationError as error:
        problem = Problem("daemon.switch.options", str(error), "socket = a path, and nothing else")
        raise ConfigError(options.file, problem) from error
    path = options.folder / given.socket
    length = len(str(path).encode())
    if length > SOCKET_MAX:
        wanted = f"a path of at most {SOCKET_MAX} bytes"
        problem = Problem("daemon.switch.options.socket", f"has {length} bytes in full", wanted)
        raise ConfigError(options.file, problem)
    return SimulatedSwitch(path, domain=options.domain)


class SimulatedSwitch:
    """The link to a simulated switch.

    Args:
        socket: Path of its socket.
        domain: Who logs in.
    """

    capabilities = (
        Capability.AGENT_EVENTS
        | Capability.SET_AGENT_STATE
        | Capability.HOLD
        | Capability.TREATMENT
        | Capability.CALL_CONTROL
    )

    def __init__(self, socket: Path, *, domain: str) -> None:
        self._socket = socket
        self._domain = domain[:TEXT_MAX]
        self._deliver: Deliver = _nobody
        self._task: asyncio.Task[None] | None = None
        self._session: _Session | None = None
        self._run = ""
        """Which start of the switch was seen last."""
        self._is_down = False
        """Whether it was told that there is no link."""
        self._epoch = 0

    def monitor(self, devices: Collection[str]) -> None:
        """Do nothing: this switch tells of all its phones, and they are ours."""

    def start(self, deliver: Deliver) -> None:
        """Connect, and keep connecting."""
        self._deliver = deliver
        self._task = asyncio.get_running_loop().create_task(self._keep_connected())

    def submit(self, command: AnyCommand) -> None:
        """Send a command, or say soon that it was not sent."""
        session = self._session
        error = CommandError.LINK_DOWN if session is None else session.send(command)
        if error is not CommandError.NONE:
            result = sw.CommandResult(
                epoch=self._epoch,
                command_id=command.command_id,
                call_id=_call_of(command),
                stage=CommandStage.NOT_SENT,
                error=error,
            )
            asyncio.get_running_loop().call_soon(self._hand_over, result)

    async def close(self) -> None:
        """Cut the link and end."""
        self._deliver = _nobody
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _hand_over(self, event: sw.SwitchEvent) -> None:
        self._deliver(event)

    async def _keep_connected(self) -> None:
        pause_s, longest_s = RETRY_S
        while True:
            replaced, cause = False, ""
            try:
                async with asyncio.timeout(CONNECT_S):
                    reader, writer = await asyncio.open_unix_connection(
                        self._socket, limit=link.READ_MAX
                    )
            except OSError as error:  # TimeoutError is one.
                cause = f"cannot connect: {str(error) or 'no answer'}"
            else:
                session = _Session(reader, writer, self._hand_over)
                try:
                    cause = await self._log_in(session) or await session.run()
                    pause_s = pause_s if self._session is None else RETRY_S[0]
                    replaced = session.replaced
                finally:
                    self._session = None
                    session.end()
            if not self._is_down:
                self._is_down = True
                down = sw.LinkDown(epoch=self._epoch, cause=cause[:TEXT_MAX], replaced=replaced)
                self._hand_over(down)
            if replaced:
                return
            # Jitter, so that several daemons do not come all at once.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
            pause_s = min(2 * pause_s, longest_s)

    async def _log_in(self, session: "_Session") -> str:
        """Log in; return why not, or ""."""
        try:
            async with asyncio.timeout(CONNECT_S):
                welcome = await session.log_in(self._domain)
        except (OSError, link.LinkError) as error:
            return f"cannot log in: {str(error) or 'no answer'}"
        restarted = self._run not in {"", welcome.run}
        self._run, self._epoch = welcome.run, welcome.epoch
        self._is_down = False
        self._session = session
        self._hand_over(sw.LinkUp(epoch=welcome.epoch, restarted=restarted))
        return ""


class _Session:
    """One connection, from its log-in to its end."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deliver: Deliver
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._frames = link.from_switch()
        self._sequence: Sequence[sw.EventBase] = Sequence(sw.MessagesLost(cause="a gap"))
        self._parts: list[link.SnapshotPart] = []
        self._unanswered: dict[str, tuple[int, str]] = {}
        """Commands by id: when the answer is late, and which call they are about; oldest first."""
        self._epoch = 0
        self._misses = 0
        self._ping_us = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = 0.0
        """When the alarm rings, by the loop's clock."""
        self._early: list[link.FromSwitch] = []
        self._end_cause = ""
        self.replaced = False

    async def log_in(self, domain: str) -> link.Welcome:
        """Say who we are; return the switch's welcome."""
        self._write(link.Hello(command_id="hello", domain=domain))
        while data := await self._reader.read(link.READ_MAX):
            messages = self._frames.feed(data)
            if messages:
                first, *self._early = messages
                if isinstance(first, link.Welcome):
                    self._epoch = first.epoch
                    return first
                cause = first.cause if isinstance(first, link.Bye) else "no welcome"
                raise ConnectionRefusedError(cause)
        raise ConnectionResetError("the switch closed the link")

    async def run(self) -> str:
        """Read until the link ends; return why it did."""
        self._ping()
        try:
            self._take(self._early)
            while not self._end_cause and (data := await self._reader.read(link.READ_MAX)):
                self._take(self._frames.feed(data))
        except (OSError, link.LinkError) as error:
            return str(error)
        return self._end_cause or "the switch closed the link"

    def send(self, command: AnyCommand) -> CommandError:
        """Write a command; return why not."""
        if (
            len(self._unanswered) >= ACKS_MAX
            or self._writer.transport.get_write_buffer_size() > OUT_MAX
        ):
            return CommandError.OVERLOAD
        if self._writer.transport.is_closing():
            return CommandError.LINK_DOWN
        self._write(command)
        self._unanswered[command.command_id] = (_now_us() + ACK_US, _call_of(command))
        self._set_alarm()
        return CommandError.NONE

    def end(self) -> None:
        """Close; nobody knows what became of what was not answered."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._writer.transport.abort()
        for command_id in tuple(self._unanswered):
            self._give_up(command_id)

    def _write(self, message: link.ToSwitch) -> None:
        self._writer.write(link.framed(message))

    def _take(self, messages: list[link.FromSwitch]) -> None:
        now_us = _now_us()
        for message in messages:
            match message:
                case link.Pong():
                    self._misses = 0
                    self._sequence.note_sent(message.seq, now_us)
                case link.Bye():
                    self.replaced = message.replaced
                    self._end_cause = message.cause or "the switch said goodbye"
                case link.Welcome():
                    raise link.LinkError("got a second welcome")
                case _ if message.epoch == self._epoch:
                    self._hand_over(self._sequence.take(message.seq, message, now_us))
        self._set_alarm()

    def _hand_over(self, events: list[sw.EventBase]) -> None:
        for event in events:
            if isinstance(event, link.SnapshotPart):
                self._assemble(event)
            elif isinstance(event, sw.MessagesLost):
                self._deliver(msgspec.structs.replace(event, epoch=self._epoch))
            else:
                if isinstance(event, sw.CommandResult):
                    self._unanswered.pop(event.command_id, None)
                assert isinstance(event, sw.SwitchEvent)
                self._deliver(event)

    def _assemble(self, part: link.SnapshotPart) -> None:
        """Deliver a snapshot when its last part is here; one with a hole never is."""
        if part.number == 0:
            self._parts = []
        if part.number != len(self._parts):
            return
        self._parts.append(part)
        if not part.last:
            return
        calls = tuple(call for one in self._parts for call in one.calls)
        devices = tuple(device for one in self._parts for device in one.devices)
        self._parts = []
        if len(calls) > CALLS_MAX or len(devices) > DEVICES_MAX:
            raise link.LinkError(f"got a snapshot of {len(calls)} calls, {len(devices)} devices")
        self._deliver(sw.Snapshot(epoch=part.epoch, seq=part.seq, calls=calls, devices=devices))

    # Time.

    def _set_alarm(self) -> None:
        """Be called when the next deadline is over."""
        due_us = self._ping_us
        gap_us = self._sequence.due_us()
        if gap_us is not None:
            due_us = min(due_us, gap_us)
        for deadline_us, _ in self._unanswered.values():
            due_us = min(due_us, deadline_us)
            break
        at_s = self._loop.time() + max(0, due_us - _now_us()) / 1e6
        if self._alarm is not None:
            if self._alarm_s <= at_s:
                return
            self._alarm.cancel()
        self._ring_at(at_s)

    def _ring_at(self, at_s: float) -> None:
        self._alarm_s = at_s
        self._alarm = self._loop.call_at(at_s, self._ring)

    def _ring(self) -> None:
        now_s = self._loop.time()
        self._alarm = None
        if now_s - self._alarm_s > LATE_S:
            self._ring_at(now_s + LATE_S)
            return
        now_us = _now_us()
        self._hand_over(self._sequence.expire(now_us))
        for command_id, (deadline_us, _) in tuple(self._unanswered.items()):
            if deadline_us > now_us:
                break
            self._give_up(command_id)
        if self._ping_us <= now_us:
            if self._misses > link.MISSES_MAX:
                self._end_cause = f"no sign of life for {link.MISSES_MAX} keepalives"
                self._writer.transport.abort()
                return
            self._ping()
        self._set_alarm()

    def _ping(self) -> None:
        self._misses += 1
        self._ping_us = _now_us() + int(link.KEEPALIVE_S * 1e6)
        self._write(link.Ping(command_id="ping"))
        self._set_alarm()

    def _give_up(self, command_id: str) -> None:
        _, call_id = self._unanswered.pop(command_id)
        self._deliver(
            sw.CommandResult(
                epoch=self._epoch,
                command_id=command_id,
                call_id=call_id,
                stage=CommandStage.UNKNOWN,
                error=CommandError.TIMEOUT,
            )
        )


def _nobody(event: sw.SwitchEvent) -> None:
    del event


def _now_us() -> int:
    return time.monotonic_ns() // 1_000


def _call_of(command: AnyCommand) -> str:
    """Return the call that a command is about, or ""."""
    return getattr(command, "call_id", "")

"""Asterisk behind the port `acd.switch_protocol.port.Switch`, by its REST interface.

Everything between a message's bytes and the requests that follow from it happens in one call of the
event loop: transport, codec, session, mapper, session, codec, transport. One task connects, and
connects again. A link that ends takes its answers with it; nothing is repeated.
"""

import asyncio
import random
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import msgspec
import structlog

from acd.errors import printable, shown
from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import codec, options
from acd.switch_protocol.ari.frames import Info, Request, Response
from acd.switch_protocol.ari.mapper import Mapper, MapperOptions
from acd.switch_protocol.ari.rest import Rest
from acd.switch_protocol.ari.session import (
    Answer,
    Ended,
    LoggedIn,
    Lost,
    Out,
    Ping,
    Pong,
    Reached,
    Send,
    SendHttp,
    Session,
    Unanswered,
    takes_requests,
)
from acd.switch_protocol.ari.transport import Address, HandshakeError, WebSocket, connect
from acd.switch_protocol.call_control import AnyCommand, SetRouteMode
from acd.switch_protocol.port import SwitchOptions
from acd.switch_protocol.words import TEXT_MAX, Capability, CommandError, CommandStage

RETRY_S: Final = (0.25, 10.0)
"""First and longest pause between two attempts to connect. It begins anew after a link that lasted
for the longest one: links that break at once are no reason to hurry."""

LATE_S: Final = 0.05
"""If an alarm is later than this, the process was busy or stopped: what was answered meanwhile is
read first, for as long; once, since a process that is always late has deadlines, too."""

REASON_S: Final = 30.0
"""Shortest time between two lines about one outage; there is another one if its reason changes."""

TYPES_MAX: Final = 1_000
"""Most types of messages that are counted by themselves."""

_DEVICE: Final = re.compile("[A-Za-z0-9_.+-]{1,64}")
"""Names of devices: nothing that would extend a dial string, or name a second device."""

Deliver = Callable[[sw.SwitchEvent], None]

_log = structlog.get_logger()


def make(given: SwitchOptions) -> "AriSwitch":
    """Return the adapter; the entry point `ari` of `acd.switches`.

    Raises:
        ConfigError: The options are wrong.
    """
    address, names = options.read(given)
    return AriSwitch(address, names, name=given.name)


class AriSwitch:
    """The link to an Asterisk.

    Args:
        address: Where it is.
        names: How we are known there, and what is dialled.
        name: The switch's name in logs.
    """

    def __init__(self, address: Address, names: MapperOptions, *, name: str) -> None:
        self._address = address
        self._names = names
        self._name = name
        self._mapper = Mapper(names)
        self._sources: tuple[str, ...] = ()
        self._deliver: Deliver = _nobody
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop
        self._session: Session | None = None
        self._socket: WebSocket | None = None
        self._rest: Rest | None = None
        self._outbox: list[sw.SwitchEvent] = []
        self._is_pumping = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = 0.0
        """When the alarm rings, by the loop's clock."""
        self._is_late = False
        """Whether the alarm was put off, since it was late."""
        self._epoch = 0
        self._seq = 0
        self._started = ""
        """When the switch that was seen last was started."""
        self._is_down = False
        """Whether it was told that there is no link …"""
        self._reason = ""
        """… the reason that was logged last …"""
        self._reason_s = 0.0
        """… and when, by the loop's clock."""
        self._is_replaced = False
        self._pause_s = RETRY_S[0]
        self.ignored: Counter[str] = Counter()
        """How many messages of each type were of no interest."""
        self.refused: Counter[str] = Counter()
        """How many messages of each type could not be read."""

    @property
    def capabilities(self) -> Capability:
        """What it can do beside routing."""
        return self._mapper.capabilities

    def monitor(self, devices: Collection[str]) -> None:
        """Watch these devices from now on, and dial no others.

        One whose name could be more than a name is left out: it is as unknown as any other.
        """
        known = [one for one in devices if _DEVICE.fullmatch(one)]
        if len(known) < len(devices):
            refused = sorted({*devices}.difference(known))
            _log.warning(
                "devices with such names are not dialled",
                switch=self._name,
                count=len(refused),
                keys=", ".join(shown(one) for one in refused[:10]),
                hint="wanted: 1 to 64 of A-Z a-z 0-9 _ . + -",
            )
        endpoint = self._names.endpoint
        self._sources = tuple(f"endpoint:{endpoint.format(device=one)}" for one in known)
        self._mapper.monitor(known)
        if self._session is not None:
            self._session.watch(self._sources, _now_us())
            self._pump()

    def start(self, deliver: Deliver) -> None:
        """Connect, and keep connecting."""
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._keep_connected())

    def submit(self, command: AnyCommand) -> None:
        """Send a command, or say soon that it was not sent."""
        is_ready = self._session is not None and self._session.is_logged_in and self._is_linked
        if not is_ready and not isinstance(command, SetRouteMode):  # That one needs no link.
            self._post(
                sw.CommandResult(
                    command_id=command.command_id,
                    call_id=getattr(command, "call_id", ""),
                    stage=CommandStage.NOT_SENT,
                    error=CommandError.LINK_DOWN,
                )
            )
        else:
            self._mapper.on_command(command, _now_us())
            self._pump()
        # What came of it is not told from inside the caller's call.
        if self._outbox:
            self._loop.call_soon(self._flush)

    async def close(self) -> None:
        """Cut the link and end; the calls stay at the switch."""
        self._deliver = _nobody
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        socket = self._socket
        self._drop_link()
        if socket is not None:
            await socket.close()

    # Connecting.

    async def _keep_connected(self) -> None:
        while not self._is_replaced:
            try:
                await self._be_connected()
            except Exception as error:  # noqa: BLE001 - Whatever it is: silence would be worse.
                self._failed(error)
            if not self._is_replaced:
                # Jitter, so that several daemons do not come all at once.
                await asyncio.sleep(self._pause_s * random.uniform(0.5, 1.0))  # noqa: S311
                self._pause_s = min(2 * self._pause_s, RETRY_S[1])

    async def _be_connected(self) -> None:
        """Connect, and wait for the link's end."""
        try:
            socket = await connect(self._address, self._names.app, self)
        except (OSError, HandshakeError, UnicodeError) as error:  # TimeoutError is an OSError.
            self.on_end(f"cannot connect: {printable(str(error)) or 'no answer'}")
        else:
            opened_s = self._loop.time()
            await socket.ended.wait()
            if self._loop.time() - opened_s > RETRY_S[1]:
                self._pause_s = RETRY_S[0]

    def _failed(self, error: BaseException) -> None:
        """Reset the link after a mistake of ours: what was going on is not known any more."""
        where = "".join(f" ({Path(one.filename).name}:{one.lineno})" for one in _last_of(error))
        cause = f"a mistake of the adapter{where}: {_named(error)}"
        if self._socket is not None:
            self._socket.cut(cause)
        else:
            self.on_end(cause)

    def _rest_ended(self, task: asyncio.Task[None]) -> None:
        """Look how asking by HTTP ended: if nobody ended it, the link is of no use."""
        error = None if task.cancelled() else task.exception()
        if error is not None and self._rest is not None and self._rest.task is task:
            self._failed(error)

    # Called by the transport.

    def on_open(self, socket: WebSocket) -> None:
        """Begin to log in."""
        self._socket = socket
        self._session = Session(self._names.app, self._sources)
        self._session.begin(_now_us())
        self._pump()

    def on_frame(self, data: bytes) -> None:
        """Do what follows from a message."""
        session, socket = self._session, self._socket
        if session is None or socket is None:
            return
        try:
            message = codec.decode(data)
        except codec.BrokenFrameError as error:
            socket.cut(f"Asterisk sent {error}")
            return
        if isinstance(message, codec.Ignored):
            self.ignored[message.type if len(self.ignored) < TYPES_MAX else "others"] += 1
            return
        if isinstance(message, codec.Unreadable):
            self._note_refused(message)
        session.feed(message, _now_us())
        self._pump()
        self._flush()

    def on_pong(self) -> None:
        """Take a sign of life."""
        if self._session is not None:
            self._session.feed(Pong(), _now_us())

    def on_end(self, cause: str) -> None:
        """Settle what was asked, and tell that there is no link."""
        session = self._drop_link()
        if session is not None:
            session.cut()
            for out in session.take():
                if isinstance(out, Answer):
                    self._answered(out)
            self._mapper.link_down(_now_us())
        self._pump()
        is_news = not self._is_down or self._is_replaced
        now_s = self._loop.time()
        if is_news or (cause != self._reason and now_s - self._reason_s >= REASON_S):
            self._reason, self._reason_s = cause, now_s
            _log.warning("asterisk is not linked", switch=self._name, reason=cause)
        if is_news:
            self._is_down = True
            self._post(sw.LinkDown(cause=cause[:TEXT_MAX], replaced=self._is_replaced))
        self._flush()

    def _on_answer(self, answer: codec.Answered | Unanswered) -> None:
        """Take an answer that came by HTTP."""
        if self._session is not None:
            self._session.feed(answer, _now_us())
            self._pump()
            self._flush()

    @property
    def _is_linked(self) -> bool:
        """Whether something that is asked now can leave."""
        return self._socket is not None and not self._socket.is_over

    def _drop_link(self) -> Session | None:
        """Forget the link; return its session."""
        session, self._session, self._socket = self._session, None, None
        if self._rest is not None:
            self._rest.cut()
            self._rest = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        return session

    # From layer to layer.

    def _pump(self) -> None:
        """Carry what session and mapper have for each other, until neither has anything."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while self._carry():
                pass
        finally:
            self._is_pumping = False
        self._set_alarm()

    def _carry(self) -> bool:
        """Carry what is there now; return whether there was anything."""
        outs = [] if self._session is None else self._session.take()
        for out in outs:
            self._carry_out(out)
        items = self._mapper.take()
        requests = []
        for item in items:
            if isinstance(item, Request):
                requests.append(item)
            else:
                self._post(item)
        if self._session is not None and self._is_linked:
            if requests:
                self._session.ask(requests, _now_us())
        else:
            for request in requests:
                self._answered(Answer(request.ticket, Response(-1)))
        return bool(outs or items)

    def _carry_out(self, out: Out) -> None:
        socket = self._socket
        assert socket is not None
        match out:
            case Send():
                socket.send(out.frame)
            case SendHttp():
                if self._rest is None:
                    self._rest = Rest(self._address, self._on_answer)
                    self._rest.task.add_done_callback(self._rest_ended)
                self._rest.send(out)
            case Answer():
                self._answered(out)
            case Reached():
                _log.info("asterisk takes requests on the websocket, late", switch=self._name)
            case Ping():
                socket.ping()
            case LoggedIn():
                self._logged_in(out.info)
            case Lost():
                self._post(sw.MessagesLost(cause=out.cause[:TEXT_MAX]))
            case Ended():
                self._is_replaced = out.replaced
                socket.cut(out.cause)
            case _:
                self._mapper.on_event(out, _now_us())

    def _answered(self, answer: Answer) -> None:
        """Give the mapper an answer; one that it cannot read must not keep others from it."""
        try:
            self._mapper.on_response(answer.ticket, answer.response, _now_us())
        except (ValueError, RecursionError) as error:
            _log.warning(
                "an answer of asterisk cannot be read",
                switch=self._name,
                status=None if answer.response is None else answer.response.status,
                why=_named(error),
            )

    def _logged_in(self, info: Info) -> None:
        started = info.status.startup_time
        restarted = bool(self._started and started and started != self._started)
        self._started = started or self._started
        self._epoch, self._seq = self._epoch + 1, 0
        self._is_down = False
        assert self._session is not None
        way = "http" if self._session.by_http else "websocket"
        _log.info("asterisk is linked", switch=self._name, epoch=self._epoch, kind=way)
        if self._session.by_http and takes_requests(info.system.version):
            _log.warning(
                "asterisk is asked by http, one request after the other",
                switch=self._name,
                reason=f"{shown(info.system.version)} takes requests on the websocket, but did not"
                " answer there within a second",
                hint="it is slower so; if asterisk is only busy, this ends with its answer",
            )
        if self._session.unknown:
            _log.warning(
                "asterisk does not know some phones",
                switch=self._name,
                count=len(self._session.unknown),
                keys=", ".join(sorted(self._session.unknown)[:10]),
            )
        self._post(sw.LinkUp(restarted=restarted))
        self._mapper.begin(_now_us())

    def _note_refused(self, message: codec.Unreadable) -> None:
        kind = message.type
        self.refused[kind] += 1
        count = self.refused[kind]
        if count & (count - 1) == 0:  # 1, 2, 4, 8, …: a flood of them is no flood of lines.
            _log.warning(
                "a message of asterisk was refused",
                switch=self._name,
                kind=kind,
                why=message.why,
                count=count,
            )

    # Events.

    def _post(self, event: sw.SwitchEvent) -> None:
        """Give an event its number; `_flush` delivers it."""
        seq = 0
        if not isinstance(event, sw.LinkUp | sw.LinkDown):
            self._seq += 1
            seq = self._seq
        self._outbox.append(msgspec.structs.replace(event, epoch=self._epoch, seq=seq))

    def _flush(self) -> None:
        while self._outbox:
            outbox, self._outbox = self._outbox, []
            for event in outbox:
                self._deliver(event)

    # Time.

    def _set_alarm(self) -> None:
        """Be called when the next deadline is over."""
        waits = (self._mapper.due_us(), self._session.due_us() if self._session else None)
        due_us = min((due_us for due_us in waits if due_us is not None), default=None)
        if due_us is None:
            return
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
        self._is_late = now_s - self._alarm_s > LATE_S and not self._is_late
        if self._is_late:
            self._ring_at(now_s + LATE_S)
            return
        now_us = _now_us()
        try:
            if self._session is not None:
                self._session.on_time(now_us)
            self._mapper.on_time(now_us)
            self._pump()
        except Exception as error:  # noqa: BLE001 - Or no alarm would ring again.
            self._failed(error)
        self._flush()


def _nobody(event: sw.SwitchEvent) -> None:
    del event


def _last_of(error: BaseException) -> list[traceback.FrameSummary]:
    """Return where an error came up, if that is known."""
    return traceback.extract_tb(error.__traceback__)[-1:]


def _named(error: BaseException) -> str:
    """Return what an error is, on one line."""
    return printable(f"{type(error).__name__}: {error}"[: codec.WHY_MAX])


def _now_us() -> int:
    return time.monotonic_ns() // 1_000

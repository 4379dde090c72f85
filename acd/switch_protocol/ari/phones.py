"""Our agents' phones: whether they are there, and what their agents say at them. Pure.

A phone is busy elsewhere while it has a channel that we did not make (a private call, a feature
code being dialled), and out of service while nothing is registered at it. What an agent said last
is kept at the switch as a device state (`Stasis:acd-{device}`), where it survives the daemon and
the switch, and where a lamp can show it.
"""

from collections.abc import Collection, Iterable
from typing import Final

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import frames
from acd.switch_protocol.ari.channel_facts import leg_id, variable
from acd.switch_protocol.ari.line import Line
from acd.switch_protocol.ari.table import Table
from acd.switch_protocol.words import TEXT_MAX, AgentStateWord, DeviceState

LAMP: Final = "Stasis:acd-"
"""How the names of our device states begin."""

_LAMPS: Final = {
    AgentStateWord.NULL: "UNAVAILABLE",
    AgentStateWord.NOT_READY: "BUSY",
    AgentStateWord.READY: "NOT_INUSE",
    AgentStateWord.WORKING_AFTER_CALL: "ONHOLD",
}
_WORDS: Final = {lamp: word for word, lamp in _LAMPS.items()}

_DRAIN: Final = "drain"
_SAID: Final = {
    "login": AgentStateWord.NOT_READY,
    "logout": AgentStateWord.NULL,
    "ready": AgentStateWord.READY,
    "not_ready": AgentStateWord.NOT_READY,
    "after_call": AgentStateWord.WORKING_AFTER_CALL,
    _DRAIN: AgentStateWord.NOT_READY,
}
"""What the dialplan's feature codes say: `Stasis(acd,agent,WORD,DEVICE)`."""


class _Phone:
    __slots__ = ("foreign", "is_there", "told", "word")

    def __init__(self) -> None:
        self.is_there = True
        self.foreign: set[str] = set()
        """Channels at it that are not ours."""
        self.told: DeviceState | None = None
        """What the daemon knows."""
        self.word = AgentStateWord.NULL

    def state(self) -> DeviceState:
        if not self.is_there:
            return DeviceState.OUT_OF_SERVICE
        return DeviceState.BUSY if self.foreign else DeviceState.IN_SERVICE


class Phones:
    """All phones of our agents.

    Args:
        line: Where requests and events go out.
        table: Tells which channels are ours.
        endpoint: How a device is dialled: "PJSIP/{device}".
    """

    def __init__(self, line: Line, table: Table, *, endpoint: str) -> None:
        self._line = line
        self._table = table
        self._endpoint = endpoint
        self._phones: dict[str, _Phone] = {}
        self._devices: dict[str, str] = {}
        """By endpoint."""
        self._at: dict[str, str] = {}
        """The devices of foreign channels."""
        self._news: set[str] = set()
        """Devices of which something was told since a snapshot was asked for."""

    @property
    def technology(self) -> str:
        """The part of all our endpoints before the stroke."""
        return self._endpoint.partition("/")[0]

    def endpoint(self, device: str) -> str | None:
        """Return how one of our devices is dialled; None if it is not ours."""
        return self._endpoint.format(device=device) if device in self._phones else None

    def has(self, device: str) -> bool:
        """Return whether a device is ours."""
        return device in self._phones

    def watch(self, devices: Collection[str]) -> None:
        """Take these phones for ours, and no others."""
        self._phones = {device: self._phones.get(device) or _Phone() for device in devices}
        self._devices = {self._endpoint.format(device=device): device for device in devices}
        self._at = {
            channel: device for channel, device in self._at.items() if device in self._phones
        }

    # What the switch tells.

    def channel_made(self, channel: frames.Channel) -> None:
        """React to a channel that may be at one of our phones."""
        device = self._devices.get(channel.name.rpartition("-")[0])
        if device is not None and not self._is_ours(channel):
            self._at[channel.id] = device
            self._phones[device].foreign.add(channel.id)
            self._tell(device)

    def channel_gone(self, channel: str) -> None:
        """React to a channel's end."""
        device = self._at.pop(channel, None)
        if device is not None:
            self._phones[device].foreign.discard(channel)
            self._tell(device)

    def endpoint_changed(self, endpoint: frames.Endpoint) -> None:
        """React to a phone that came or went, or whose channels did."""
        device = self._devices.get(f"{endpoint.technology}/{endpoint.resource}")
        if device is not None:
            phone = self._phones[device]
            phone.is_there = endpoint.state != "offline"
            for channel in phone.foreign - set(endpoint.channel_ids):
                self._at.pop(channel, None)
                phone.foreign.discard(channel)
            self._tell(device)

    def said(self, args: tuple[str, ...]) -> bool:
        """React to an agent's feature code; return whether it is one, at a phone of ours.

        Args:
            args: Of `Stasis()`, after its first: the word, the device and perhaps a reason.
        """
        if len(args) < 2 or args[0] not in _SAID or args[1] not in self._phones:
            return False
        device = args[1]
        phone, word = self._phones[device], _SAID[args[0]]
        reason = args[2] if len(args) > 2 else ""
        if not reason.isprintable() or len(reason) > TEXT_MAX:
            return False
        was, phone.word = phone.word, word
        self._news.add(device)
        self._light(device, word)
        tell = self._line.tell
        if was is AgentStateWord.NULL and word is not AgentStateWord.NULL:
            tell(sw.AgentLoggedOn(device=device))
        if args[0] == _DRAIN:
            tell(sw.AgentDraining(device=device))
            return True
        match word:
            case AgentStateWord.NULL:
                tell(sw.AgentLoggedOff(device=device))
            case AgentStateWord.READY:
                tell(sw.AgentReady(device=device))
            case AgentStateWord.NOT_READY:
                tell(sw.AgentNotReady(device=device, reason=reason))
            case AgentStateWord.WORKING_AFTER_CALL:
                tell(sw.AgentWorkingAfterCall(device=device))
        return True

    def show(self, command: sw.SetAgentState) -> bool:
        """Show an agent's state at his phone; return whether there is such a phone."""
        phone = self._phones.get(command.device)
        if phone is None:
            return False
        phone.word = command.state
        self._news.add(command.device)
        lamp = _LAMPS[command.state]
        name = LAMP + command.device
        self._line.order(command, "PUT", "deviceStates", name, query={"deviceState": lamp})
        return True

    # Snapshots.

    def begin_read(self) -> None:
        """Take note that a snapshot is asked for: what is told from now on is newer."""
        self._news.clear()

    def restore(
        self,
        channels: Iterable[frames.Channel],
        endpoints: Iterable[frames.Endpoint],
        lamps: Iterable[frames.DeviceState],
    ) -> None:
        """Take over what a snapshot says; a phone that it does not name is not there."""
        there = {
            self._devices.get(f"{one.technology}/{one.resource}"): one.state for one in endpoints
        }
        words = {
            one.name.removeprefix(LAMP): _WORDS.get(one.state, AgentStateWord.NULL)
            for one in lamps
            if one.name.startswith(LAMP)
        }
        older = {device: one for device, one in self._phones.items() if device not in self._news}
        self._at = {channel: device for channel, device in self._at.items() if device not in older}
        for name, phone in older.items():
            phone.is_there = there.get(name, "offline") != "offline"
            phone.word = words.get(name, AgentStateWord.NULL)
            phone.foreign.clear()
        for channel in channels:
            device = self._devices.get(channel.name.rpartition("-")[0])
            if device in older and not self._is_ours(channel):
                self._at[channel.id] = device
                older[device].foreign.add(channel.id)

    def report(self) -> tuple[sw.DeviceReport, ...]:
        """Return all phones as the daemon is told of them."""
        reports = []
        for device, phone in self._phones.items():
            phone.told = phone.state()
            reports.append(sw.DeviceReport(device, phone.told, phone.word))
        return tuple(reports)

    def _is_ours(self, channel: frames.Channel) -> bool:
        table = self._table
        return bool(
            leg_id(channel)
            or table.leg_at(channel.id)
            or table.has_ended(channel.id)
            or table.customer(channel.id)
            or variable(channel, "ACD_DNIS")
        )

    def _light(self, device: str, word: AgentStateWord) -> None:
        query = {"deviceState": _LAMPS[word]}
        self._line.ask("PUT", "deviceStates", LAMP + device, query=query)

    def _tell(self, device: str) -> None:
        self._news.add(device)
        phone = self._phones[device]
        state = phone.state()
        if phone.told is not None and state is not phone.told:
            phone.told = state
            self._line.tell(sw.DeviceStateChanged(device=device, state=state))

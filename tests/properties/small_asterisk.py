"""Asterisk as far as the mapper needs it: channels, bridges, and what it tells of them.

It carries out each request as Asterisk 22 does (measured), tells events as JSON, and knows nothing
of calls or offers: what a channel is for is read from its variables, as an auditor would.
"""

import json
from collections.abc import Callable
from typing import Any

from acd.switch_protocol.ari.frames import Request, Response
from tests.unit import ari_script as words

OK = Response(204)


class Channel:
    """A customer's channel, a phone's that was dialled, or an ear."""

    def __init__(self, name: str, kind: str, **variables: str) -> None:
        self.id = name
        self.kind = kind
        self.variables = variables
        self.state = "Ringing" if kind == "leg" else "Up"
        self.is_in_app = kind != "leg"
        self.bridge = ""

    def told(self) -> dict[str, Any]:
        """Return its description."""
        if self.kind == "leg":
            device = self.variables["ACD_DEVICE"]
            return words.leg(self.id, device, state=self.state, **self.variables)
        data = "acd,snoop" if self.kind == "ear" else "acd,call"
        name = "Stasis" if self.is_in_app else ""
        return words.customer(self.id, app_name=name, app_data=data, **self.variables)


class SmallAsterisk:
    """A switch.

    Args:
        tell: Takes each event.
        devices: The phones.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None], devices: tuple[str, ...]) -> None:
        self._tell = tell
        self._devices = devices
        self.channels: dict[str, Channel] = {}
        self.bridges: set[str] = set()

    def say(self, kind: str, channel: Channel | None = None, **fields: Any) -> None:
        """Tell an event, of a channel as it is now."""
        if channel is not None:
            fields["channel"] = channel.told()
        self._tell({"type": kind, **fields})

    def of_kind(self, kind: str, state: str = "Up") -> list[Channel]:
        """Return the channels of a kind."""
        found = self.channels.values()
        return [one for one in found if one.kind == kind and one.state == state]

    def together(self, bridge: str) -> list[Channel]:
        """Return who is in a bridge."""
        return [one for one in self.channels.values() if bridge and one.bridge == bridge]

    # What people do.

    def call(self, name: str) -> None:
        """Let a customer call."""
        self.channels[name] = Channel(name, "customer")
        self.say("StasisStart", self.channels[name], args=["call"])

    def pick_up(self, leg: Channel) -> None:
        """Let a phone answer."""
        leg.state, leg.is_in_app = "Up", True
        self.say("ChannelStateChange", leg)
        self.say("Dial", dialstatus="ANSWER", peer=leg.told())
        self.say("StasisStart", leg, args=["leg"])

    def end(self, channel: Channel, cause: int, *, soft: bool = False) -> None:
        """End a channel; who hung up is told first."""
        self.say("ChannelHangupRequest", channel, cause=cause, soft=soft)
        self._move(channel, "")
        del self.channels[channel.id]
        if channel.is_in_app:
            channel.is_in_app = False
            self.say("StasisEnd", channel)
        if channel.kind != "customer":
            self.say("ChannelDestroyed", channel, cause=cause)
        for ear in self.of_kind("ear"):
            if ear.variables["at"] == channel.id:
                self.end(ear, 16, soft=True)

    def _move(self, channel: Channel, bridge: str) -> None:
        if channel.bridge:
            was, channel.bridge = channel.bridge, ""
            self.say("ChannelLeftBridge", channel, bridge=words.bridge(was))
        if bridge:
            channel.bridge = bridge
            self.say("ChannelEnteredBridge", channel, bridge=words.bridge(bridge))

    # What is asked.

    def carry_out(self, request: Request) -> Response:
        """Do what a request says."""
        query = dict(request.query)
        match [request.method, *request.path]:
            case ["GET", "channels"]:
                return _said([one.told() for one in self.channels.values()])
            case ["GET", "bridges"]:
                return _said([self._bridge(one) for one in sorted(self.bridges)])
            case ["GET", "endpoints", "PJSIP"]:
                return _said([words.endpoint(one) for one in self._devices])
            case ["GET", "deviceStates"]:
                return _said([])
            case ["PUT", "deviceStates", _]:
                return OK
            case ["DELETE", "playbacks", _]:
                return Response(404)
            case [method, "bridges", name, *what]:
                return self._on_bridge(method, name, what, query)
            case ["POST", "channels", name] if name in self.channels:
                return Response(409)
            case ["POST", "channels", name]:
                return self._originate(name, request)
            case [method, "channels", name, *what]:
                return self._on_channel(method, name, what, query)
            case _:
                raise AssertionError(request)

    def _originate(self, name: str, request: Request) -> Response:
        if dict(request.query)["originator"] not in self.channels:
            return Response(400)
        leg = self.channels[name] = Channel(name, "leg", **request.variables)
        for _ in range(2):
            self.say("ChannelCreated", leg)
            self.say("ChannelStateChange", leg)
            self.say("Dial", dialstatus="RINGING", peer=leg.told())
        return _said(leg.told())

    def _on_channel(
        self, method: str, name: str, what: list[str], query: dict[str, str]
    ) -> Response:
        channel = self.channels.get(name)
        if channel is None:
            return Response(404)
        match [method, *what]:
            case ["GET"]:
                return _said(channel.told())
            case ["DELETE"]:
                self.end(channel, 32, soft=True)
            case ["POST", "variable"]:
                channel.variables[query["variable"]] = query["value"]
            case _ if not channel.is_in_app:
                return Response(409)
            case ["POST", "continue"]:
                self._move(channel, "")
                channel.is_in_app = False
                self.say("StasisEnd", channel)
            case ["POST", "snoop", ear]:
                self.channels[ear] = Channel(ear, "ear", at=name)
                self.say("StasisStart", self.channels[ear], args=["snoop"])
            case _:
                pass  # What is heard does not matter here.
        return OK

    def _on_bridge(
        self, method: str, name: str, what: list[str], query: dict[str, str]
    ) -> Response:
        if method == "POST" and not what:
            taken = name in self.bridges
            self.bridges.add(name)
            return Response(409) if taken else _said(self._bridge(name))
        if name not in self.bridges:
            return Response(404)
        if method == "DELETE":
            self.bridges.discard(name)
            for one in self.together(name):
                self._move(one, "")
            return OK
        asked = [self.channels.get(one) for one in query["channel"].split(",")]
        found = [one for one in asked if one is not None]
        if len(found) < len(asked):
            return Response(400)
        is_added = what == ["addChannel"]
        if not all(one.is_in_app if is_added else one.bridge == name for one in found):
            return Response(422)
        for one in found:
            self._move(one, name if is_added else "")
        return OK

    def _bridge(self, name: str) -> dict[str, Any]:
        return words.bridge(name, *(one.id for one in self.together(name)))


def _said(body: Any) -> Response:
    return Response(200, json.dumps(body).encode())

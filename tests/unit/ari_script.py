"""An Asterisk in a test's hands: its messages for the mapper, and the mapper's requests as text.

A test says what the switch tells (as the JSON that Asterisk 22 sends, decoded by the codec), and
reads what the mapper asks of it, a line per request. Nothing is answered unless the test does.
Every request must pass the encoders, or the harness raises.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari import codec, frames
from acd.switch_protocol.ari.frames import Request, Response
from acd.switch_protocol.ari.mapper import Mapper, MapperOptions
from acd.switch_protocol.ari.outbound import Outbound

SECOND_US = 1_000_000
PHONES = ("101", "102", "103")
OUTSIDE = Outbound(endpoint="PJSIP/{number}@trunk", prefixes=("+49",), per_minute=2)

Json = dict[str, Any]


def customer(channel: str, **said: Any) -> Json:
    """Return a customer's channel in our application; what is not a field is a variable."""
    plan = {
        "context": "inbound",
        "exten": said.pop("exten", "4000"),
        "priority": 2,
        "app_name": said.pop("app_name", "Stasis"),
        "app_data": said.pop("app_data", "acd,call"),
    }
    return {
        "id": channel,
        "name": said.pop("name", f"PJSIP/trunk-{channel}"),
        "state": said.pop("state", "Up"),
        "protocol_id": "abc@10.0.0.9",
        "caller": {"name": said.pop("caller", "Ada"), "number": said.pop("number", "+4930123")},
        "connected": {"name": "", "number": ""},
        "accountcode": "",
        "dialplan": plan,
        "creationtime": said.pop("created", "2026-11-26T07:51:28.896+0000"),
        "language": "en",
        "channelvars": {"ACD_DNIS": "", "ACD_UUI": None, **said},
        "caller_rdnis": "",
    }


def leg(offer: str, device: str, **said: Any) -> Json:
    """Return a phone's channel that we let ring; without its variables until they are given."""
    said = {"name": f"PJSIP/{device}-{offer}", "state": "Down", "exten": "s", **said}
    return customer(offer, app_name="AppDial2", app_data="(Outgoing Line)", number=device, **said)


def our_leg(offer: str, device: str, call: str, purpose: str = "offer", **said: Any) -> Json:
    """Return a phone's channel as a list names it: with the variables that we gave it."""
    given = {
        "ACD_APP": "acd",
        "ACD_OFFER": offer,
        "ACD_DEVICE": device,
        "ACD_CALL": call,
        "ACD_PURPOSE": purpose,
    }
    return leg(offer, device, **{"state": "Up", **given, **said})


def bridge(bridge_id: str, *channels: str) -> Json:
    """Return a bridge and who is in it."""
    return {
        "id": bridge_id,
        "technology": "simple_bridge",
        "bridge_type": "mixing",
        "bridge_class": "stasis",
        "creator": "Stasis",
        "name": "acd",
        "channels": list(channels),
        "creationtime": "2026-11-26T07:51:31.000+0000",
        "video_mode": "none",
    }


def endpoint(device: str, state: str = "online", *channels: str) -> Json:
    """Return a phone."""
    return {
        "technology": "PJSIP",
        "resource": device,
        "state": state,
        "channel_ids": list(channels),
    }


def as_text(request: Request) -> str:
    """Return a request as a line: method, path, parameters."""
    words = [request.method, "/".join(request.path)]
    return " ".join(words + [f"{name}={value}" for name, value in request.query])


class Script:
    """A mapper and what goes in and out of it.

    Args:
        devices: Our agents' phones.
        outbound: What may be dialled out.
        voicemail_context: Where voicemails are.
        is_read: The first snapshot, of nothing but the phones, was read.
    """

    def __init__(
        self,
        devices: Collection[str] = PHONES,
        *,
        outbound: Outbound | None = None,
        voicemail_context: str = "",
        is_read: bool = True,
    ) -> None:
        self.now_us = 10 * SECOND_US
        options = MapperOptions(outbound=outbound, voicemail_context=voicemail_context)
        self.mapper = Mapper(options)
        self.mapper.monitor(devices)
        self.devices = devices
        self.requests: list[Request] = []
        """All requests, the oldest first."""
        self._unread: list[str] = []
        self._events: list[sw.SwitchEvent] = []
        self._open: list[Request] = []
        self._channels: dict[str, Json] = {}
        self.mapper.begin(self.now_us)
        if is_read:
            self.read()
            self.forget()

    # Out.

    def _take(self) -> None:
        for one in self.mapper.take():
            if isinstance(one, Request):
                codec.encode(one)
                codec.encode_http(one)
                self.requests.append(one)
                self._open.append(one)
                self._unread.append(as_text(one))
            else:
                self._events.append(one)

    def asked(self) -> list[str]:
        """Return what the switch was asked since this was read last."""
        asked, self._unread = self._unread, []
        return asked

    def told(self) -> list[Any]:
        """Return what the daemon was told since this was read last."""
        told, self._events = self._events, []
        return told

    def kinds(self) -> list[str]:
        """Return the names of what the daemon was told since this was read last."""
        return [type(one).__name__ for one in self.told()]

    def results(self) -> list[tuple[str, str, str]]:
        """Return id, stage and error of the results among what was told."""
        return [
            (one.command_id, str(one.stage), str(one.error))
            for one in self.told()
            if isinstance(one, sw.CommandResult)
        ]

    def forget(self) -> None:
        """Read everything, and answer nothing of it."""
        self.asked()
        self.told()

    # In.

    def order(self, command: sw.Command | cc.CallControl) -> None:
        """Give a command."""
        self.mapper.on_command(command, self.now_us)
        self._take()

    def say(self, kind: str, **fields: Any) -> None:
        """Let the switch tell something."""
        said = {
            "type": kind,
            **fields,
            "timestamp": "2026-11-26T07:51:31.500+0000",
            "asterisk_id": "aa:bb",
            "application": "acd",
        }
        event = codec.decode(json.dumps(said).encode())
        assert isinstance(event, frames.Event), event
        self.mapper.on_event(event, self.now_us)
        self._take()

    def answer(self, text: str, status: int = 204, body: Any = None) -> None:
        """Answer the oldest request that begins with these words."""
        self._answered(text, Response(status, b"" if body is None else json.dumps(body).encode()))

    def leave_open(self, text: str) -> None:
        """Let nobody know what became of the oldest request that begins with these words."""
        self._answered(text, None)

    def _answered(self, text: str, response: Response | None) -> None:
        found = next(one for one in self._open if f"{as_text(one)} ".startswith(f"{text} "))
        self._open.remove(found)
        self.mapper.on_response(found.ticket, response, self.now_us)
        self._take()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        end_us = self.now_us + round(seconds * SECOND_US)
        while (due_us := self.mapper.due_us()) is not None and due_us <= end_us:
            self.now_us = max(self.now_us, due_us)
            self.mapper.on_time(self.now_us)
        self.now_us = end_us
        self._take()

    # Customers.

    def call(self, channel: str = "c1", **said: Any) -> None:
        """Let a customer call."""
        self._channels[channel] = customer(channel, **said)
        self.say("StasisStart", args=["call"], channel=self._channels[channel])

    def hang_up(self, channel: str, **cause: Any) -> None:
        """Let somebody hang up: what the switch tells first of it."""
        self.say("ChannelHangupRequest", channel=self._channels[channel], **cause)

    def leave(self, channel: str) -> None:
        """Let a channel leave our application."""
        self.say("StasisEnd", channel=self._channels[channel])

    def press(self, channel: str, digit: str) -> None:
        """Let somebody press a key."""
        one = self._channels[channel]
        self.say("ChannelDtmfReceived", channel=one, digit=digit, duration_ms=80)

    def channel(self, channel: str) -> Json:
        """Return a channel as it was described last."""
        return self._channels[channel]

    # Phones.

    def select(
        self, offer: str = "acd-1", call: str = "c1", device: str = "101", ring_s: int = 15
    ) -> None:
        """Offer a call; its phone's channel is made."""
        ring_us = ring_s * SECOND_US
        self._channels.setdefault(offer, leg(offer, device))
        self.order(sw.RouteSelect(command_id=offer, call_id=call, device=device, ring_us=ring_us))

    def make_leg(self, offer: str, device: str) -> None:
        """Note the channel of a leg that another command than RouteSelect makes."""
        self._channels[offer] = leg(offer, device)

    def ring(self, offer: str = "acd-1") -> None:
        """Let a phone ring: told twice, as the application and its phone are both subscribed to."""
        one = self._channels[offer] = {**self._channels[offer], "state": "Ringing"}
        for _ in range(2):
            self.say("ChannelStateChange", channel=one)
            self.say("Dial", dialstatus="RINGING", peer=one, forward="", dialstring="101")

    def pick_up(self, offer: str = "acd-1") -> None:
        """Let a phone answer: it enters our application."""
        one = self._channels[offer] = {**self._channels[offer], "state": "Up"}
        self.say("ChannelStateChange", channel=one)
        self.say("Dial", dialstatus="ANSWER", peer=one, forward="", dialstring="101")
        self.say("StasisStart", args=["leg"], channel=one)

    def enter(self, bridge_id: str, *channels: str) -> None:
        """Let channels enter a bridge."""
        for one in channels:
            there = bridge(bridge_id, one)
            self.say("ChannelEnteredBridge", bridge=there, channel=self._channels[one])

    def leave_bridge(self, bridge_id: str, *channels: str) -> None:
        """Let channels leave a bridge."""
        for one in channels:
            self.say("ChannelLeftBridge", bridge=bridge(bridge_id), channel=self._channels[one])

    def destroy(self, channel: str, cause: int = 16) -> None:
        """Let a channel end."""
        one = self._channels[channel]
        self.say("ChannelDestroyed", channel=one, cause=cause, cause_txt="", tech_cause="")

    def talk(self, offer: str = "acd-1", call: str = "c1", device: str = "101") -> None:
        """Bring a customer and an agent together, and forget how."""
        self.select(offer, call, device)
        self.answer(f"POST channels/{offer}", 200)
        self.ring(offer)
        self.pick_up(offer)
        self.enter(f"{offer}.talk", call, offer)
        assert isinstance(self.told()[-1], sw.Established)
        self.forget()

    # Snapshots.

    def read(
        self,
        channels: Iterable[Json] = (),
        bridges: Iterable[Json] = (),
        endpoints: Iterable[Json] | None = None,
        lamps: Iterable[Json] = (),
    ) -> None:
        """Ask for everything, and answer it."""
        self.order(sw.SnapshotRequest(command_id="read"))
        self.answer_lists(channels, bridges, endpoints, lamps)

    def answer_lists(
        self,
        channels: Iterable[Json] = (),
        bridges: Iterable[Json] = (),
        endpoints: Iterable[Json] | None = None,
        lamps: Iterable[Json] = (),
    ) -> None:
        """Answer the four lists of a snapshot; all phones are there unless said otherwise."""
        phones = [endpoint(one) for one in self.devices] if endpoints is None else endpoints
        self.answer("GET channels", 200, list(channels))
        self.answer("GET bridges", 200, list(bridges))
        self.answer("GET endpoints/PJSIP", 200, list(phones))
        self.answer("GET deviceStates", 200, list(lamps))

    def snapshot(self) -> sw.Snapshot:
        """Return the snapshot among what was told."""
        (found,) = (one for one in self.told() if isinstance(one, sw.Snapshot))
        return found

"""What happens at the exchange: the dialplan, the application, bridges, ends; and who is told.

Everything runs in one event loop. What happens at phones is in `dialling.py`.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from tests.ari_emulator.channels import ENTITY, App, Bridge, Channel, Json, Phone, stamp
from tests.ari_emulator.ledger import Did, Ledger
from tests.ari_emulator.quirks import Quirk, Quirks

NORMAL = 16
CAUSES = {
    16: "Normal Clearing",
    17: "User busy",
    19: "User alerting, no answer",
    21: "Call Rejected",
}
ONCE = {"StasisStart", "StasisEnd", "ChannelEnteredBridge", "ChannelLeftBridge"}
"""Events that come once, however often one is subscribed."""


class Exchange:
    """All that there is, and what happens to it.

    Args:
        phones: Their numbers; all are registered.
        quirks: Which strike when.
    """

    def __init__(self, phones: Iterable[str], quirks: Quirks) -> None:
        self.quirks = quirks
        self.phones = {number: Phone(number) for number in phones}
        self.ledger = Ledger()
        self.violations: list[str] = []
        self.changed: list[Callable[[], None]] = []
        """Called after whatever happened."""
        self.lamps: dict[str, str] = {}
        self.on_restart: Callable[[], None] = lambda: None
        self._number = 0
        self._start()

    def _start(self) -> None:
        self.started = datetime.now(UTC)
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.apps: dict[str, App] = {}
        self.playbacks: dict[str, Json] = {}
        self.said_exists = False
        """A channel's id was refused, since it is in use."""
        self.ghosts: list[Json] = []

    def restart(self) -> None:
        """Start anew: all calls are gone, and so is every connection."""
        for channel in self.channels.values():
            self.ledger.note(Did.LOST, channel)
            if channel.phone is not None:
                channel.phone.channels.clear()
        self.on_restart()
        self._start()
        self.happened()

    def happened(self) -> None:
        for react in self.changed:
            react()

    def violate(self, what: str) -> None:
        """Note something that no correct client does."""
        self.violations.append(what)

    def after(self, span_s: float, do: Callable[..., None], *args: Any) -> None:
        """Have something done later, unless the exchange is started anew before."""
        started = self.started

        def due() -> None:
            if self.started is started:
                do(*args)

        asyncio.get_running_loop().call_later(span_s, due)

    def name(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}-{self._number:08x}"

    # Who is told.

    def tell(self, kind: str, channel: Channel, **fields: Any) -> None:
        """Tell the applications that are subscribed of what happened to a channel."""
        key = "peer" if kind == "Dial" else "channel"
        for app in self.apps.values():
            watches = channel.watched[app.name] > 0
            phone = channel.phone
            by_endpoint = phone is not None and app.endpoints[phone.resource] > 0
            if kind in ONCE:
                times = int(watches or channel.app == app.name)
            elif self.quirks.rates.get(Quirk.TWO_SUBSCRIPTIONS):
                times = watches + by_endpoint
            else:
                times = int(watches or by_endpoint)
            for _ in range(times):
                self.send(app, {"type": kind, **fields, key: channel.json()})

    def tell_endpoint(self, phone: Phone) -> None:
        for app in self.apps.values():
            if app.endpoints[phone.resource] > 0:
                self.send(app, {"type": "EndpointStateChange", "endpoint": phone.json()})

    def send(self, app: App, event: Json) -> None:
        """Send one event to an application, if it listens and lets it through."""
        if app.listener is not None and app.lets_through(event["type"]):
            whole = {"timestamp": stamp(), "asterisk_id": ENTITY, "application": app.name}
            app.listener.tell({**event, **whole})

    # The dialplan and the application.

    def enter(self, channel: Channel, app_name: str, args: tuple[str, ...]) -> bool:
        """Put a channel into an application; False if nobody is there."""
        app = self.apps.get(app_name)
        if app is None or app.listener is None:
            return False
        self._put(channel, app_name, args)
        return True

    def _put(self, channel: Channel, app_name: str, args: tuple[str, ...], **fields: Any) -> None:
        channel.app, channel.args = app_name, args
        context, exten, priority, _, _ = channel.plan
        channel.plan = (context, exten, priority, "Stasis", ",".join((app_name, *args)))
        channel.watched[app_name] += 1
        channel.told_start = True
        self.tell("StasisStart", channel, args=list(args), **fields)
        self.happened()

    def leave(self, channel: Channel) -> None:
        """Take a channel out of its application, and out of its bridge."""
        self.unbridge(channel)
        if channel.app:
            app, channel.app = channel.app, ""
            channel.hears = ""
            self.tell_end(channel, app)

    def tell_end(self, channel: Channel, app: str) -> None:
        self.tell("StasisEnd", channel)
        channel.watched[app] -= 1

    def go_on(self, channel: Channel) -> None:
        """Let a channel go on in the dialplan, behind `Stasis()`."""
        self.leave(channel)
        if channel.is_leg or not channel.customer:
            self.end(channel, NORMAL)
            return
        channel.plan = ("fallback", "s", 1, "Wait", "60")
        self.ledger.note(Did.FELL_BACK, channel)
        self.happened()

    # Ends.

    def request_end(self, channel: Channel, cause: int | None, *, soft: bool = False) -> None:
        """Tell that somebody wants a channel's end."""
        fields: Json = {} if cause is None else {"cause": cause}
        if soft:
            fields["soft"] = True
        self.tell("ChannelHangupRequest", channel, **fields)

    def end(self, channel: Channel, cause: int) -> None:
        """Take a channel away."""
        if self.channels.get(channel.id) is not channel:
            return
        del self.channels[channel.id]
        self.leave(channel)
        phone = channel.phone
        if phone is not None:
            phone.channels.remove(channel)
        text = CAUSES.get(cause, "Unknown")
        channel.plan = (*channel.plan[:3], "AppDial2", "(Outgoing Line)")
        self.tell("ChannelDestroyed", channel, cause=cause, cause_txt=text)
        self.ledger.note(Did.ENDED, channel)
        if phone is not None:
            self.tell_endpoint(phone)
        self.happened()

    def delete(self, channel: Channel) -> None:
        """End a channel because a client asked for it."""
        if self.channels.get(channel.id) is not channel:
            return
        self.ledger.note(Did.DELETED, channel)
        self.request_end(channel, 32, soft=True)
        if channel.is_ringing and channel.wanted_by[0]:
            self.tell("Dial", channel, dialstatus="NOANSWER", forward="", dialstring="")
        self.end(channel, NORMAL)

    # Bridges.

    def bridge(self, channel: Channel, bridge: Bridge) -> None:
        """Put a channel into a bridge, and out of the one it is in."""
        if channel.id not in self.channels or not channel.app or bridge.id not in self.bridges:
            return  # It hung up while this was waiting to be done.
        self.unbridge(channel)
        bridge.channels.append(channel)
        channel.bridge = bridge
        self.tell("ChannelEnteredBridge", channel, bridge=bridge.json())
        self.ledger.see(self.channels.values())
        self.happened()

    def unbridge(self, channel: Channel) -> None:
        bridge = channel.bridge
        if bridge is not None:
            bridge.channels.remove(channel)
            channel.bridge = None
            self.tell("ChannelLeftBridge", channel, bridge=bridge.json())
            self.ledger.see(self.channels.values())
            self.happened()

    def end_bridge(self, bridge: Bridge) -> None:
        for channel in tuple(bridge.channels):
            self.unbridge(channel)
        del self.bridges[bridge.id]

    def replace(self, old: Channel, new_id: str) -> Channel:
        """Let another channel take an old one's place (an attended transfer at the other end)."""
        new = Channel(new_id, self.name("PJSIP/trunk"))
        new.state, new.caller, new.plan = "Up", old.caller, old.plan
        new.customer, new.hears = old.customer, old.hears
        new.variables = {"ACD_DNIS": old.variables.get("ACD_DNIS", ""), "ACD_ENTRY": "1"}
        self.channels[new.id] = new
        bridge = old.bridge
        self._put(new, old.app, old.args, replace_channel=old.json())
        if bridge is not None:
            self.bridge(new, bridge)
        self.leave(old)
        del self.channels[old.id]
        self.happened()
        return new

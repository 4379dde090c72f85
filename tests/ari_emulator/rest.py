"""The REST resources: what may be asked, what is refused with which words, what is a violation."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tests.ari_emulator.channels import ENTITY, App, Bridge, Channel, Json, stamp
from tests.ari_emulator.dialling import Dialling
from tests.ari_emulator.exchange import Exchange
from tests.ari_emulator.quirks import Quirk

ID_MAX: Final = 149
STATES: Final = (
    *("NOT_INUSE", "INUSE", "BUSY", "INVALID", "UNAVAILABLE", "RINGING", "RINGINUSE", "ONHOLD"),
)
STATUS_TEXT: Final = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    422: "Unprocessable Entity",
    426: "Upgrade Required",
    500: "Internal Server Error",
}
Query = tuple[tuple[str, str], ...]
Body = Any


class Answer(NamedTuple):
    status: int
    body: Json | list[Any] | None = None


class Refused(Exception):  # noqa: N818 - it is an answer, no error of ours.
    """A request that is not carried out."""

    def __init__(self, status: int, message: str = "", *, error: str = "") -> None:
        super().__init__(message or error)
        self.answer = Answer(status, {"error": error} if error else {"message": message})


class Asked(NamedTuple):
    """A request, taken apart."""

    names: dict[str, str]
    """What stood in the path's places."""
    query: dict[str, str]
    body: Json


DIAL = ("app", "appArgs", "callerId", "timeout", "originator", "otherChannelId", "formats")
SNOOP = ("spy", "whisper", "app", "appArgs")
MEDIA = ("media", "lang", "offsetms", "skipms", "playbackId")
# Method, path, parameters that may be given; one with ! must be.
ROUTES: Final = (
    ("GET", "asterisk/info", "only"),
    ("GET", "asterisk/ping", ""),
    ("GET", "applications", ""),
    ("GET", "applications/{app}", ""),
    ("POST", "applications/{app}/subscription", "eventSource!"),
    ("DELETE", "applications/{app}/subscription", "eventSource!"),
    ("PUT", "applications/{app}/eventFilter", ""),
    ("GET", "channels", ""),
    ("POST", "channels", " ".join(("endpoint!", "channelId", *DIAL))),
    ("POST", "channels/create", "endpoint! app! appArgs channelId originator formats"),
    ("GET", "channels/{id}", ""),
    ("POST", "channels/{id}", " ".join(("endpoint!", *DIAL))),
    ("DELETE", "channels/{id}", "reason reason_code"),
    ("POST", "channels/{id}/dial", "caller timeout"),
    ("POST", "channels/{id}/answer", ""),
    ("POST", "channels/{id}/continue", "context extension priority label"),
    ("POST", "channels/{id}/moh", "mohClass"),
    ("DELETE", "channels/{id}/moh", ""),
    ("POST", "channels/{id}/ring", ""),
    ("DELETE", "channels/{id}/ring", ""),
    ("POST", "channels/{id}/silence", ""),
    ("DELETE", "channels/{id}/silence", ""),
    ("POST", "channels/{id}/play", " ".join(MEDIA)),
    ("GET", "channels/{id}/variable", "variable!"),
    ("POST", "channels/{id}/variable", "variable! value"),
    ("POST", "channels/{id}/snoop", " ".join(("snoopId", *SNOOP))),
    ("POST", "channels/{id}/snoop/{ear}", " ".join(SNOOP)),
    ("DELETE", "playbacks/{id}", ""),
    ("GET", "bridges", ""),
    ("POST", "bridges", "type bridgeId name"),
    ("GET", "bridges/{id}", ""),
    ("POST", "bridges/{id}", "type name"),
    ("DELETE", "bridges/{id}", ""),
    ("POST", "bridges/{id}/addChannel", "channel! role mute absorbDTMF"),
    ("POST", "bridges/{id}/removeChannel", "channel!"),
    ("GET", "endpoints", ""),
    ("GET", "endpoints/{tech}", ""),
    ("GET", "endpoints/{tech}/{resource}", ""),
    ("GET", "deviceStates", ""),
    ("PUT", "deviceStates/{name}", "deviceState!"),
)


class Rest:
    """Answers requests.

    Args:
        exchange: What they are about.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.dialling = Dialling(exchange)
        self.requests: list[str] = []

    def answer(self, method: str, parts: tuple[str, ...], query: Query, body: Body) -> Answer:
        """Carry out a request, or refuse it.

        Args:
            method: GET, …
            parts: Of the path, without `/ari`, decoded.
            query: Parameters, decoded.
            body: JSON, decoded; None for none.
        """
        occasion = f"{method} {'/'.join(parts)}"
        self.requests.append(occasion)
        self._look_at(occasion, parts, query, body)
        route = _route(method, parts)
        if isinstance(route, Answer):
            self.exchange.violate(f"{occasion}: {route.body}")
            return route
        handler, names, allowed = route
        given = dict(query)
        for name in given:
            if name not in allowed and name + "!" not in allowed:
                self.exchange.violate(f"{occasion}: parameter {name}")
        for name in allowed:
            if name.endswith("!") and name[:-1] not in given:
                message = f"Missing parameter {name[:-1]}"
                self.exchange.violate(f"{occasion}: {message}")
                return Answer(400, {"message": message})
        # What fails is the making of something.
        if method == "POST" and self.exchange.quirks.strikes(Quirk.ERROR_500, occasion):
            return Answer(500, {"error": "Allocation failed"})
        try:
            do: Callable[[Asked], Answer] = getattr(self, handler)
            return do(Asked(names, given, body if isinstance(body, dict) else {}))
        except Refused as refused:
            return refused.answer

    def _look_at(self, occasion: str, parts: tuple[str, ...], query: Query, body: Body) -> None:
        variables = body.get("variables", {}) if isinstance(body, dict) else {}
        values = [*parts, *(text for pair in query for text in pair)]
        values += [text for pair in variables.items() for text in pair]
        if any(ord(letter) < 32 or ord(letter) == 127 for one in values for letter in one):
            self.exchange.violate(f"{occasion!r}: control characters")
        if any(one in {"", ".", ".."} for one in parts):
            self.exchange.violate(f"{occasion}: path")

    # What there is.

    def get_asterisk_info(self, asked: Asked) -> Answer:
        whole: Json = {
            "build": {"os": "Linux", "kernel": "unknown", "options": "", "user": "nobody"},
            "system": {"version": "22.10.1", "entity_id": ENTITY},
            "config": {"name": "", "default_language": "en"},
            "status": {
                "startup_time": stamp(self.exchange.started),
                "last_reload_time": stamp(self.exchange.started),
            },
        }
        only = asked.query.get("only")
        return Answer(200, {key: whole[key] for key in whole if only in {None, key}})

    def get_asterisk_ping(self, _: Asked) -> Answer:
        return Answer(200, {"ping": "pong", "timestamp": stamp(), "asterisk_id": ENTITY})

    def get_applications(self, _: Asked) -> Answer:
        return Answer(200, [app.json() for app in self.exchange.apps.values()])

    def get_applications_app(self, asked: Asked) -> Answer:
        return Answer(200, self._app(asked).json())

    def post_applications_app_subscription(self, asked: Asked) -> Answer:
        return self._subscribe(asked, 1)

    def delete_applications_app_subscription(self, asked: Asked) -> Answer:
        return self._subscribe(asked, -1)

    def _subscribe(self, asked: Asked, number: int) -> Answer:
        app = self._app(asked)
        sources = asked.query["eventSource"].split(",")
        for source in sources:
            scheme, _, name = source.partition(":")
            if scheme not in {"endpoint", "channel", "bridge", "deviceState"}:
                raise Refused(400, "Invalid event source URI scheme")
            known = {phone.resource for phone in self.exchange.phones.values()}
            if scheme == "endpoint" and name not in known:
                raise Refused(422, "Event source does not exist")
        for source in sources:
            scheme, _, name = source.partition(":")
            if scheme == "endpoint":
                app.endpoints[name] = max(0, app.endpoints[name] + number)
        return Answer(200, app.json())

    def put_applications_app_eventfilter(self, asked: Asked) -> Answer:
        app = self._app(asked)
        for key in ("allowed", "disallowed"):
            given = asked.body.get(key, [])
            if not isinstance(given, list) or not all("type" in one for one in given):
                raise Refused(400, "Invalid format definition")
            setattr(app, key, [one["type"] for one in given])
        return Answer(200, app.json())

    def _app(self, asked: Asked) -> App:
        app = self.exchange.apps.get(asked.names["app"])
        if app is None:
            raise Refused(404, "Application not found")
        return app

    def get_endpoints(self, _: Asked) -> Answer:
        return Answer(200, [phone.json() for phone in self.exchange.phones.values()])

    def get_endpoints_tech(self, asked: Asked) -> Answer:
        tech = asked.names["tech"]
        if tech != "PJSIP":
            raise Refused(404, f"No Endpoints found - invalid tech {tech}")
        return self.get_endpoints(asked)

    def get_endpoints_tech_resource(self, asked: Asked) -> Answer:
        phone = self.exchange.phones.get(asked.names["resource"])
        if phone is None or asked.names["tech"] != "PJSIP":
            raise Refused(404, "Endpoint not found")
        return Answer(200, phone.json())

    def get_devicestates(self, _: Asked) -> Answer:
        lamps = self.exchange.lamps.items()
        return Answer(200, [{"name": name, "state": state} for name, state in lamps])

    def put_devicestates_name(self, asked: Asked) -> Answer:
        name, state = asked.names["name"], asked.query["deviceState"]
        if not name.startswith("Stasis:"):
            raise Refused(409, "Uncontrolled device specified")
        if state not in STATES:
            self.exchange.violate(f"device state {state}")
            raise Refused(500, "Unknown device")
        self.exchange.lamps[name] = state
        return Answer(204)

    # Bridges.

    def get_bridges(self, _: Asked) -> Answer:
        return Answer(200, [one.json() for one in self.exchange.bridges.values()])

    def get_bridges_id(self, asked: Asked) -> Answer:
        return Answer(200, self._bridge(asked).json())

    def post_bridges(self, asked: Asked) -> Answer:
        given = asked.query.get("bridgeId") or self.exchange.name("bridge")
        return self._make_bridge(given, asked)

    def post_bridges_id(self, asked: Asked) -> Answer:
        return self._make_bridge(asked.names["id"], asked)

    def _make_bridge(self, bridge_id: str, asked: Asked) -> Answer:
        kind = asked.query.get("type", "mixing")
        if bridge_id in self.exchange.bridges:
            raise Refused(409, f"Bridge with id '{bridge_id}' already exists")
        if not set(kind.split(",")) <= {"mixing", "holding", "dtmf_events", "proxy_media"}:
            self.exchange.violate(f"bridge type {kind}")
            raise Refused(500, "Unable to create bridge")
        bridge = Bridge(bridge_id, kind.split(",")[0], asked.query.get("name", ""))
        self.exchange.bridges[bridge_id] = bridge
        return Answer(200, bridge.json())

    def delete_bridges_id(self, asked: Asked) -> Answer:
        self.exchange.end_bridge(self._bridge(asked))
        return Answer(204)

    def post_bridges_id_addchannel(self, asked: Asked) -> Answer:
        exchange, bridge = self.exchange, self._bridge(asked)
        channels = self._members(asked)
        for channel in channels:
            if not channel.app:
                if channel.is_leg and not channel.told_start:
                    exchange.violate(f"addChannel of {channel.id} before its StasisStart")
                raise Refused(422, "Channel not in Stasis application")
        late = exchange.quirks.strikes(Quirk.ACK_WITHOUT_EFFECT, f"addChannel {bridge.id}")
        for channel in channels:
            if late:
                exchange.after(exchange.quirks.late_s(), exchange.bridge, channel, bridge)
            else:
                exchange.bridge(channel, bridge)
        return Answer(204)

    def post_bridges_id_removechannel(self, asked: Asked) -> Answer:
        bridge = self._bridge(asked)
        channels = self._members(asked)
        if any(channel.bridge is not bridge for channel in channels):
            raise Refused(422, "Channel not in this bridge")
        for channel in channels:
            self.exchange.unbridge(channel)
        return Answer(204)

    def _bridge(self, asked: Asked) -> Bridge:
        bridge = self.exchange.bridges.get(asked.names["id"])
        if bridge is None:
            raise Refused(404, "Bridge not found")
        return bridge

    def _members(self, asked: Asked) -> list[Channel]:
        found = [self.exchange.channels.get(one) for one in asked.query["channel"].split(",")]
        channels = [one for one in found if one is not None]
        if len(channels) < len(found):
            raise Refused(400, "Channel not found")
        return channels


def _route(method: str, parts: tuple[str, ...]) -> tuple[str, dict[str, str], list[str]] | Answer:
    """Return the handler's name, what stands in the path's places, and what may be given."""
    wrong_method = False
    for one, path, allowed in ROUTES:
        wanted = path.split("/")
        names = {
            place.strip("{}"): part
            for place, part in zip(wanted, parts, strict=False)
            if place.startswith("{")
        }
        # "channels/create" comes before "channels/{id}", as in Asterisk.
        fits = len(wanted) == len(parts) and all(
            place == part or place.startswith("{")
            for place, part in zip(wanted, parts, strict=True)
        )
        if fits and one == method:
            name = "_".join([method, *(place.strip("{}") for place in wanted)]).lower()
            return name, names, allowed.split()
        wrong_method |= fits
    if wrong_method:
        return Answer(405, {"message": "Invalid method"})
    return Answer(404, {"message": "Resource not found"})

"""The REST resources of channels, which is where most of the rules are."""

from tests.ari_emulator.channels import Channel, Json, Phone
from tests.ari_emulator.quirks import Quirk
from tests.ari_emulator.rest import ID_MAX, Answer, Asked, Refused, Rest

IN_USE = "Channel with given unique ID already exists"
NOT_OURS = "Channel not in Stasis application"
ORIGINATE_S = 30.0
"""How long an originated leg may ring if nothing else is said."""
REASONS = {
    *("normal", "busy", "congestion", "no_answer", "timeout", "rejected", "unallocated"),
    *("normal_unspecified", "number_incomplete", "codec_mismatch", "interworking", "failure"),
    "answered_elsewhere",
}


class Resources(Rest):
    """All resources."""

    def get_channels(self, _: Asked) -> Answer:
        listed = [one.json() for one in self.exchange.channels.values()]
        return Answer(200, [*listed, *self.exchange.ghosts])

    def get_channels_id(self, asked: Asked) -> Answer:
        return Answer(200, self._channel(asked).json())

    def delete_channels_id(self, asked: Asked) -> Answer:
        channel = self._channel(asked)
        if asked.query.get("reason", "normal") not in REASONS:
            self.exchange.violate(f"reason {asked.query['reason']}")
            raise Refused(400, "Invalid Reason")
        if channel.phone is None:
            channel.asked_to_end = True
            self.exchange.delete(channel)
        else:
            self.dialling.delete(channel)
        return Answer(204)

    # Dialling.

    def post_channels(self, asked: Asked) -> Answer:
        return self._originate(asked.query.get("channelId") or self.exchange.name("leg"), asked)

    def post_channels_id(self, asked: Asked) -> Answer:
        return self._originate(asked.names["id"], asked)

    def _originate(self, channel_id: str, asked: Asked) -> Answer:
        app = asked.query.get("app", "")
        if not app:
            raise Refused(400, "Application or extension must be specified")
        args = tuple(asked.query.get("appArgs", "").split(","))
        leg = self._new_leg(channel_id, asked)
        leg.wanted_by = (app, args)
        leg.watched[app] += 1
        name = asked.query.get("callerId", "")
        leg.caller = ("", name)
        timeout_s = float(asked.query.get("timeout", ORIGINATE_S))
        self.dialling.dial(leg, timeout_s)
        return Answer(200, leg.json())

    def post_channels_create(self, asked: Asked) -> Answer:
        app = asked.query["app"]
        leg = self._new_leg(asked.query.get("channelId") or self.exchange.name("leg"), asked)
        leg.watched[app] += 1
        args = tuple(asked.query.get("appArgs", "").split(","))
        self.exchange.after(0.0005, self._enter, leg, app, args)
        return Answer(200, leg.json())

    def _enter(self, leg: Channel, app: str, args: tuple[str, ...]) -> None:
        if leg.id in self.exchange.channels and not self.exchange.enter(leg, app, args):
            self.exchange.end(leg, 21)

    def _new_leg(self, channel_id: str, asked: Asked) -> Channel:
        exchange, query = self.exchange, asked.query
        phone = self._phone(channel_id, query["endpoint"])
        originator = exchange.channels.get(query.get("originator", ""))
        if "originator" in query and originator is None:
            raise Refused(400, "Provided originator channel was not found")
        variables: Json = asked.body.get("variables", {})
        caller = originator or exchange.channels.get(variables.get("ACD_CALL", ""))
        customer = caller.customer if caller is not None else ""
        self._look_for_another(channel_id, customer)
        leg = self.dialling.make(channel_id, phone)
        leg.is_leg, leg.customer = True, customer
        if query.get("appArgs") == "call":  # A customer who is called; his number is his name.
            leg.is_leg, leg.customer = False, phone.number
        leg.variables = {key: str(value) for key, value in variables.items()}
        leg.is_lost = exchange.quirks.strikes(Quirk.ACK_WITHOUT_EFFECT, f"dial {channel_id}")
        exchange.ledger.see(exchange.channels.values())
        return leg

    def _phone(self, channel_id: str, endpoint: str) -> Phone:
        if not endpoint:
            raise Refused(400, "Endpoint must be specified")
        technology, slash, number = endpoint.partition("/")
        if not slash:
            raise Refused(400, "Invalid endpoint specified")
        if len(channel_id) > ID_MAX:
            raise Refused(400, f"Uniqueid length exceeds maximum of {ID_MAX}")
        if channel_id in self.exchange.channels:
            self.exchange.said_exists = True
            raise Refused(409, IN_USE)
        phone = self.exchange.phones.get(number) if technology == "PJSIP" else None
        if phone is None or not phone.is_registered:
            # Measured: the reason is taken from a stale error number, once there was such an error.
            if self.exchange.said_exists:
                raise Refused(409, IN_USE)
            raise Refused(500, error="Allocation failed")
        return phone

    def _look_for_another(self, channel_id: str, customer: str) -> None:
        """Note an offer of a customer who is offered to as many as he may be already."""
        others = [
            other.id
            for other in self.exchange.channels.values()
            if customer and other.is_leg and other.customer == customer
            if other.is_ringing and not other.asked_to_end
        ]
        if len(others) >= self.exchange.ledger.rings_max:
            self.exchange.violate(f"{customer} is offered as {channel_id} and {', '.join(others)}")

    def post_channels_id_dial(self, asked: Asked) -> Answer:
        leg = self._channel(asked)
        if not leg.told_start:
            self.exchange.violate(f"dial of {leg.id} before its StasisStart")
        if not leg.app:
            raise Refused(409, NOT_OURS)
        if leg.state != "Down" or leg.is_dialled:
            raise Refused(409, "Channel is not in the 'Down' state")
        self.dialling.dial(leg, float(asked.query.get("timeout", 0)))
        return Answer(204)

    def post_channels_id_snoop(self, asked: Asked) -> Answer:
        return self._snoop(asked.query.get("snoopId") or self.exchange.name("ear"), asked)

    def post_channels_id_snoop_ear(self, asked: Asked) -> Answer:
        return self._snoop(asked.names["ear"], asked)

    def _snoop(self, channel_id: str, asked: Asked) -> Answer:
        heard = self._channel(asked)
        if "app" not in asked.query:
            raise Refused(400, "Application name is required")
        if channel_id in self.exchange.channels:
            raise Refused(409, IN_USE)
        ear = Channel(channel_id, self.exchange.name(f"Snoop/{heard.id}"))
        ear.state = "Up"
        self.exchange.channels[ear.id] = ear
        args = tuple(asked.query.get("appArgs", "").split(","))
        self.exchange.enter(ear, asked.query["app"], args)
        return Answer(200, ear.json())

    # What a channel in the application may be told.

    def post_channels_id_answer(self, asked: Asked) -> Answer:
        self._ours(asked).state = "Up"
        return Answer(204)

    def post_channels_id_continue(self, asked: Asked) -> Answer:
        self.exchange.go_on(self._ours(asked))
        return Answer(204)

    def post_channels_id_moh(self, asked: Asked) -> Answer:
        return self._hear(asked, "moh")

    def delete_channels_id_moh(self, asked: Asked) -> Answer:
        return self._hear(asked, "", instead_of="moh")

    def post_channels_id_ring(self, asked: Asked) -> Answer:
        return self._hear(asked, "ring")

    def delete_channels_id_ring(self, asked: Asked) -> Answer:
        return self._hear(asked, "", instead_of="ring")

    def post_channels_id_silence(self, asked: Asked) -> Answer:
        return self._hear(asked, "silence")

    def delete_channels_id_silence(self, asked: Asked) -> Answer:
        return self._hear(asked, "", instead_of="silence")

    def _hear(self, asked: Asked, what: str, *, instead_of: str = "") -> Answer:
        channel = self._ours(asked)
        if not instead_of or channel.hears == instead_of:
            channel.hears = what
        self.exchange.happened()
        return Answer(204)

    def post_channels_id_play(self, asked: Asked) -> Answer:
        channel = self._ours(asked)
        if "media" not in asked.query:
            raise Refused(500, "Failed to queue media for playback")
        playback: Json = {
            "id": asked.query.get("playbackId") or self.exchange.name("playback"),
            "media_uri": asked.query["media"],
            "target_uri": f"channel:{channel.id}",
            "language": "en",
            "state": "queued",
        }
        self.exchange.playbacks[playback["id"]] = {**playback, "state": "playing"}
        self._tell_playback(channel, "PlaybackStarted", {**playback, "state": "playing"})
        self.exchange.after(0.1, self._end_playback, channel, playback["id"], "done")
        return Answer(201, playback)

    def delete_playbacks_id(self, asked: Asked) -> Answer:
        playback = self.exchange.playbacks.get(asked.names["id"])
        if playback is None:
            raise Refused(404, "Playback not found")
        channel = self.exchange.channels.get(playback["target_uri"].partition(":")[2])
        if channel is not None:
            self._end_playback(channel, playback["id"], "done")
        return Answer(204)

    def _end_playback(self, channel: Channel, playback_id: str, state: str) -> None:
        playback = self.exchange.playbacks.pop(playback_id, None)
        if playback is not None and channel.app:
            self._tell_playback(channel, "PlaybackFinished", {**playback, "state": state})

    def _tell_playback(self, channel: Channel, kind: str, playback: Json) -> None:
        self.exchange.send(self.exchange.apps[channel.app], {"type": kind, "playback": playback})

    def get_channels_id_variable(self, asked: Asked) -> Answer:
        found = self._channel(asked).variables.get(asked.query["variable"])
        if found is None:
            raise Refused(404, "Provided variable was not found")
        return Answer(200, {"value": found})

    def post_channels_id_variable(self, asked: Asked) -> Answer:
        channel = self._ours(asked)
        channel.variables[asked.query["variable"]] = asked.query.get("value", "")
        return Answer(204)

    def _channel(self, asked: Asked) -> Channel:
        channel = self.exchange.channels.get(asked.names["id"])
        if channel is None:
            raise Refused(404, "Channel not found")
        return channel

    def _ours(self, asked: Asked) -> Channel:
        channel = self._channel(asked)
        if not channel.app:
            raise Refused(409, NOT_OURS)
        return channel

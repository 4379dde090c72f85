"""A leg's way: it is dialled, rings, answers, is joined to its customer, and ends. Pure.

    RouteSelect ─▶ originate the phone's channel under the offer's id ─▶ "Ringing": Delivered
    it enters our application, so it answered ─▶ bridge, both channels into it
    both are in the bridge ─▶ Established          it is over before ─▶ ReRoute(cause)
    it hangs up ─▶ ConnectionCleared; the customer waits on

Several may ring for one call. The first to answer is joined to the customer; whoever answers after
him waits, and is let go when the daemon, told of the first, takes the other offers back.

An acknowledgement is no effect: each step is believed when its event comes. Whatever comes late, of
a leg that is over already, is undone at once.
"""

import json
from collections.abc import Callable, Collection
from typing import Final

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari.channel_facts import LEG
from acd.switch_protocol.ari.frames import Response
from acd.switch_protocol.ari.line import CONFLICT, NOT_FOUND, UNREADABLE, Command, Line, stage_of
from acd.switch_protocol.ari.table import SILENT, Call, Hold, Leg, Purpose, Stage, Table
from acd.switch_protocol.ari.treatments import Treatments
from acd.switch_protocol.words import CommandError, CommandStage, EventCause

SECOND_US: Final = 1_000_000

ALERT_US: Final = 6 * SECOND_US
"""A phone that does not ring within this time is not there: it takes a tenth of a second, and some
seconds where a push message must wake it."""

GRACE_US: Final = 3 * SECOND_US
"""How much longer the switch lets a phone ring than the daemon does, and how much later than that
the leg is given up here (reference: switch protocols, 7.6)."""

JOIN_US: Final = 3 * SECOND_US
"""How long a join may take (7.6)."""

IDLE_US: Final = SECOND_US
"""How long a customer whose agent hung up may hear nothing: as a rule he is let go at once."""

TIMEOUT: Final = "TIMEOUT(absolute)"
"""The dialplan function by which the switch itself ends a stay: then comes its extension T."""

TALK_MAX_S: Final = "14400"
"""Longest talk, in seconds, so that a customer whose daemon died in it does not wait for ever."""

_BUSY: Final = frozenset({17})
_NO_ANSWER: Final = frozenset({18, 19, 102})
_DECLINED: Final = frozenset({21})
_UNREACHABLE: Final = frozenset({1, 2, 3, 20, 22, 27, 28, 66, 88})
_CONGESTED: Final = frozenset({34, 38, 41, 42, 44, 47, 58})
_STATUSES: Final = {
    "BUSY": EventCause.BUSY,
    "CONGESTION": EventCause.NETWORK_CONGESTION,
    "CHANUNAVAIL": EventCause.DEST_NOT_OBTAINABLE,
}


def cause_of(code: int, *, status: str, rang: bool) -> EventCause:
    """Return why a phone that did not answer is over.

    Args:
        code: The channel's hang-up cause, of Q.850.
        status: How dialling ended, as the switch said; "" if it did not.
        rang: It rang.
    """
    if code in _BUSY:
        return EventCause.BUSY
    if code in _DECLINED:
        return EventCause.REJECTED
    if code in _UNREACHABLE:
        return EventCause.DEST_NOT_OBTAINABLE
    if code in _CONGESTED:
        return EventCause.NETWORK_CONGESTION
    if code in _NO_ANSWER or status == "NOANSWER":
        # A phone that never rang is not one whose agent did not answer.
        return EventCause.CALL_NOT_ANSWERED if rang else EventCause.DEST_OUT_OF_ORDER
    return _STATUSES.get(status, EventCause.CALL_CANCELLED)


class Offers:
    """The legs of all calls.

    Args:
        line: Where requests and events go out.
        table: Of the calls.
        treatments: What customers hear meanwhile.
        app: Our application's name at the switch.
    """

    def __init__(self, line: Line, table: Table, treatments: Treatments, *, app: str) -> None:
        self._line = line
        self._table = table
        self._treatments = treatments
        self._app = app
        self.ended: Callable[[Leg, Stage], None] = _nothing_else
        """Told of each leg that is out of the table: what else hangs on it."""
        self.answered: Callable[[Leg], bool] = _no_other_join
        """Asked first when a leg answers: joins it if its purpose needs another join than ours."""

    # Dialling.

    def dial(
        self,
        command: Command,
        leg: Leg,
        *,
        endpoint: str,
        ring_us: int,
        auto_answer: bool = False,
        is_near: bool = True,
    ) -> None:
        """Let a phone ring.

        Args:
            command: Whose result this is.
            leg: Not yet in the table.
            endpoint: As the switch dials it.
            ring_us: How long.
            auto_answer: The phone is asked to answer by itself.
            is_near: It is one of ours: if it is there it rings at once.
        """
        line = self._line
        self._table.add_leg(leg)
        seconds = max(1, -(-(ring_us + GRACE_US) // SECOND_US))
        variables = _variables(leg, self._app)
        if auto_answer:
            variables["PJSIP_HEADER(add,Call-Info)"] = "<sip:acd>;answer-after=0"
            variables["PJSIP_HEADER(add,Alert-Info)"] = "<sip:acd>;info=alert-autoanswer"
        line.ask(
            "POST",
            "channels",
            leg.channel,
            then=lambda response: self._dialled(command, leg, response),
            variables=variables,
            query={
                "endpoint": endpoint,
                "app": self._app,
                "appArgs": LEG,
                "originator": leg.call.channel,
                "callerId": _caller_id(leg.call),
                "timeout": str(seconds),
            },
        )
        if is_near:
            line.after(ALERT_US, lambda: self._alert(leg))
        line.after(seconds * SECOND_US + GRACE_US, lambda: self._overdue(leg))

    def _dialled(self, command: Command, leg: Leg, response: Response | None) -> None:
        stage, error = stage_of(response)
        if response is None:
            self._line.tell_result(command, stage, error)
        elif response.is_good or leg.stage is not Stage.DIALLED or leg.rang:
            # Whatever the answer says, events that came meanwhile say that it is there.
            self._line.tell_result(command, CommandStage.ACCEPTED)
        elif self._table.has_ended(leg.id):
            self._line.refuse(command, CommandError.OFFER_ENDED)
        elif response.status == CONFLICT:
            # Either it was given before and is alive, or there is no such phone: same answer.
            self._line.ask(
                "GET", "channels", leg.channel, then=lambda found: self._found(command, leg, found)
            )
        else:
            self._table.end(leg)
            if stage is not CommandStage.REJECTED:
                self._table.may_come(leg.id)
                self._line.tell_result(command, stage, error)
            elif response.status < 500:
                # As a rule the customer has gone, which is not the agent's fault.
                self._look_at(leg.call, lambda: self._refuse(command, leg.call, response))
            else:
                self._line.refuse(command, _refusal(response))
            self.ended(leg, Stage.DIALLED)

    def _refuse(self, command: Command, call: Call, response: Response) -> None:
        is_there = self._table.calls.get(call.id) is call
        self._line.refuse(command, _refusal(response) if is_there else CommandError.CALL_UNKNOWN)

    def _found(self, command: Command, leg: Leg, response: Response | None) -> None:
        if response is None:
            self._line.result(command, response)
        elif not self._is_open(leg):
            self._line.refuse(command, CommandError.OFFER_ENDED)
        elif response.status == NOT_FOUND:
            self._table.end(leg)
            self._line.refuse(command, CommandError.DEVICE_OUT_OF_SERVICE)
            self.ended(leg, Stage.DIALLED)
        else:
            self._line.refuse(command, CommandError.ALREADY_GIVEN)

    def _look_at(self, call: Call, then: Callable[[], None] | None = None) -> None:
        """Find out whether a customer is still there, since something about him was refused."""

        def looked(response: Response | None) -> None:
            if response is not None and response.status == NOT_FOUND:
                self.lose(call)
            if then is not None:
                then()

        self._line.ask("GET", "channels", call.channel, then=looked)

    def _alert(self, leg: Leg) -> None:
        """Give up a phone that does not even ring."""
        if self._is_open(leg) and leg.stage is Stage.DIALLED:
            self._line.ask("DELETE", "channels", leg.channel)
            self.fail(leg, EventCause.DEST_OUT_OF_ORDER)

    def _overdue(self, leg: Leg) -> None:
        """Give up a leg of which the switch should have told the end."""
        if self._is_open(leg) and leg.stage < Stage.ANSWERED:
            self._line.ask("DELETE", "channels", leg.channel)
            self.fail(leg, cause_of(19, status=leg.status, rang=leg.rang))

    def _is_open(self, leg: Leg) -> bool:
        return self._table.legs.get(leg.id) is leg

    # What the phone does.

    def ring(self, leg: Leg) -> None:
        """React to its ringing."""
        if leg.rang or leg.stage is not Stage.DIALLED:
            return
        leg.rang, leg.stage = True, Stage.RINGING
        self._table.touch(leg.call)
        self._line.tell(sw.Delivered(call_id=leg.call.id, device=leg.device, offer=leg.id))

    def answer(self, leg: Leg) -> None:
        """React to its answer: it is in our application now."""
        if leg.stage >= Stage.ANSWERED:
            return
        leg.waits = leg.purpose is Purpose.OFFER and leg.call.is_taken()
        leg.stage = Stage.ANSWERED
        self._table.touch(leg.call)
        if leg.waits:
            self.expect_join(leg)
        elif not self.answered(leg):
            self.join(leg)

    def join(self, leg: Leg) -> None:
        """Bring customer and agent together."""
        call = leg.call
        if not call.bridge:
            leg.bridge = call.bridge = f"{leg.id}.talk"
            self.make_bridge(leg.bridge)
        self._treatments.stop(call)
        self.add(leg, f"{call.channel},{leg.channel}")

    def _join_next(self, call: Call) -> None:
        """Join who answered second, since he who was first is gone before they talked."""
        second = next((leg for leg in call.legs.values() if leg.waits), None)
        if second is not None:
            second.waits = False
            self.join(second)

    def make_bridge(self, bridge: str) -> None:
        """Make a bridge; its name tells other applications that it is not theirs."""
        query = {"type": "mixing", "name": self._app}
        self._line.ask("POST", "bridges", bridge, query=query)

    def add(self, leg: Leg, channels: str) -> None:
        """Put channels into the call's bridge, for a leg that waits for it."""
        self._line.ask(
            "POST",
            "bridges",
            leg.call.bridge,
            "addChannel",
            then=lambda response: self._added(leg, response),
            query={"channel": channels},
        )
        self.expect_join(leg)

    def expect_join(self, leg: Leg) -> None:
        """Give a leg up that answered, unless it is joined in time."""
        self._line.after(JOIN_US, lambda: self._unjoined(leg))

    def _added(self, leg: Leg, response: Response | None) -> None:
        if response is not None and not response.is_good:
            self._unjoined(leg)

    def _unjoined(self, leg: Leg) -> None:
        if self._is_open(leg) and leg.stage is Stage.ANSWERED:
            self._line.ask("DELETE", "channels", leg.channel)
            self.fail(leg, EventCause.RESOURCES_NOT_AVAILABLE)
            self._look_at(leg.call)

    def entered(self, channel: str, bridge: str) -> None:
        """React to a channel that is in a bridge now."""
        call = self._table.customer(channel)
        if call is not None:
            if bridge == call.bridge and not call.entered:
                call.entered = True
                self._table.touch(call)
                for one in tuple(call.legs.values()):
                    self._talk(one)
            return
        leg = self._table.leg_at(channel)
        if leg is not None and bridge in {leg.call.bridge, leg.bridge}:
            leg.entered = True
            self._talk(leg)

    def left(self, channel: str, bridge: str) -> None:
        """React to a channel that is in a bridge no more."""
        call = self._table.customer(channel)
        if call is not None and bridge == call.bridge:
            call.entered = False
            self._table.touch(call)
            for one in call.legs.values():
                if one.hold is Hold.SWITCH and one.stage is Stage.TALKING:
                    self._line.tell(sw.Held(call_id=call.id, device=one.device, offer=one.id))
        leg = self._table.leg_at(channel)
        if leg is not None and bridge in {leg.call.bridge, leg.bridge}:
            leg.entered = False

    def correct(self, call: Call, inside: Collection[str]) -> None:
        """Take over who is in a call's bridge, from a list that is newer than the table."""
        if call.entered is not (call.channel in inside):
            (self.left if call.entered else self.entered)(call.channel, call.bridge)
        for leg in call.legs.values():
            self._talk(leg)
            talks = leg.stage is Stage.TALKING and leg.purpose in {Purpose.OFFER, Purpose.TRANSFER}
            if talks and leg.hold is not Hold.SWITCH and not call.entered:
                leg.hold = Hold.SWITCH
                self.mark(leg, "ACD_HELD", leg.hold)
                self._line.tell(sw.Held(call_id=call.id, device=leg.device, offer=leg.id))

    def _talk(self, leg: Leg) -> None:
        """See whether customer and agent are together now."""
        call = leg.call
        if leg.hold is Hold.SWITCH and leg.entered and call.entered:
            leg.hold = Hold.NONE
            leg.set_aside = False
            self._treatments.stop(call)
            self.mark(leg, "ACD_HELD", "")
            self._line.tell(sw.Retrieved(call_id=call.id, device=leg.device, offer=leg.id))
        needed = leg.purpose in SILENT or leg.purpose is Purpose.CONSULT or call.entered
        if leg.stage is not Stage.ANSWERED or not leg.entered or not needed:
            return
        leg.stage = Stage.TALKING
        self._table.touch(call)
        self._line.tell(sw.Established(call_id=call.id, device=leg.device, offer=leg.id))
        if leg.purpose is Purpose.CONFERENCE:
            self._line.tell(sw.Conferenced(call_id=call.id, device=leg.device, offer=leg.id))
        self.note_served(call)

    def note_served(self, call: Call) -> None:
        """Write on a customer's channel that an agent talks to him, if one does."""
        if not call.served and any(
            leg.stage is Stage.TALKING and leg.purpose in {Purpose.OFFER, Purpose.TRANSFER}
            for leg in call.legs.values()
        ):
            call.served = True
            self._set(call.channel, "ACD_SERVED", "1")
            # The longest wait, after which the fallback takes over, is not for talks.
            self._set(call.channel, TIMEOUT, TALK_MAX_S)

    def take(self, call: Call, patience: str) -> None:
        """Let a customer wait as long as the dialplan says; until he is taken it is short."""
        if patience:
            self._set(call.channel, TIMEOUT, patience)
            self._set(call.channel, "ACD_TAKEN", "1")

    def hang_up(self, leg: Leg, code: int) -> None:
        """React to a leg's end."""
        if leg.stage is Stage.TALKING:
            self.clear(leg, EventCause.NORMAL_CLEARING)
        elif leg.stage is Stage.ANSWERED:
            self.fail(leg, EventCause.CALL_CANCELLED)
        else:
            self.fail(leg, cause_of(code, status=leg.status, rang=leg.rang))

    # How it ends.

    def fail(self, leg: Leg, cause: EventCause) -> None:
        """Tell that a leg did not come to talk; its call waits on."""
        stage = leg.stage
        self._table.end(leg)
        self._line.tell(sw.ReRoute(call_id=leg.call.id, offer=leg.id, cause=cause))
        self._clean(leg, stage)

    def clear(self, leg: Leg, cause: EventCause) -> None:
        """Tell that a leg's talk is over."""
        self._table.end(leg)
        self._line.tell(
            sw.ConnectionCleared(call_id=leg.call.id, device=leg.device, offer=leg.id, cause=cause)
        )
        self._clean(leg, Stage.TALKING)

    def withdraw(self, leg: Leg) -> None:
        """Take a leg back, however far it came."""
        self._line.ask("DELETE", "channels", leg.channel)
        if leg.stage is Stage.TALKING:
            self.clear(leg, EventCause.CALL_CANCELLED)
        else:
            stage = leg.stage
            self._table.end(leg)
            self._clean(leg, stage)

    def _clean(self, leg: Leg, stage: Stage) -> None:
        self.ended(leg, stage)
        call = leg.call
        if leg.bridge and leg.bridge != call.bridge:
            self._line.ask("DELETE", "bridges", leg.bridge)
        if stage is Stage.ANSWERED and leg.purpose is Purpose.OFFER and not leg.waits:
            self._join_next(call)
        if stage >= Stage.ANSWERED and not call.talks():
            # If it rang, nothing is to be heard until the daemon has let the customer go.
            self._line.after(
                0 if stage is Stage.ANSWERED else IDLE_US, lambda: self.wait_again(call)
            )

    def wait_again(self, call: Call) -> None:
        """Let a customer hear music who talks with nobody, and end the bridge."""
        if self._table.calls.get(call.id) is call and call.bridge and not call.talks():
            self._line.ask("DELETE", "bridges", call.bridge)
            call.bridge, call.entered = "", False
            self._treatments.play_music(call)

    def lose(self, call: Call, cause: EventCause | None = None) -> None:
        """Tell that a customer is gone, and let his agents go."""
        if self._table.calls.get(call.id) is not call:
            return
        if cause is None:
            talked = call.served or call.talks()
            cause = EventCause.NORMAL_CLEARING if talked else EventCause.CALL_CANCELLED
        self._let_go(call)
        self._line.tell(sw.CallCleared(call_id=call.id, cause=cause))

    def hand_back(self, call: Call, cause: EventCause) -> None:
        """Tell that the switch goes on with a customer by itself, and let his agents go."""
        if self._table.calls.get(call.id) is call:
            self._let_go(call)
            self._line.tell(sw.RouteEnded(call_id=call.id, cause=cause))

    def _let_go(self, call: Call) -> None:
        legs = tuple(call.legs.values())
        self._table.drop(call)
        for leg in legs:
            self._line.ask("DELETE", "channels", leg.channel)
            self.ended(leg, leg.stage)
            if leg.bridge and leg.bridge != call.bridge:
                self._line.ask("DELETE", "bridges", leg.bridge)
        if call.bridge:
            self._line.ask("DELETE", "bridges", call.bridge)

    # What is written down.

    def mark_all(self, leg: Leg) -> None:
        """Write all that a leg's channel says on a channel that took its place."""
        for name, value in _variables(leg, self._app).items():
            self._set(leg.channel, name, value)

    def mark(self, leg: Leg, name: str, value: str) -> None:
        """Write a variable on a leg, for whoever finds it after a restart."""
        self._set(leg.channel, name, value)

    def _set(self, channel: str, name: str, value: str) -> None:
        query = {"variable": name, "value": value}
        self._line.ask("POST", "channels", channel, "variable", query=query)


def _variables(leg: Leg, app: str) -> dict[str, str]:
    return {
        "ACD_APP": app,
        "ACD_CALL": leg.call.id,
        "ACD_OFFER": leg.id,
        "ACD_DEVICE": leg.device,
        "ACD_PURPOSE": leg.purpose,
    }


def _nothing_else(leg: Leg, stage: Stage) -> None:
    del leg, stage


def _no_other_join(leg: Leg) -> bool:
    del leg
    return False


def _refusal(response: Response) -> CommandError:
    """Return why a phone could not be dialled."""
    if response.status < 500:
        return CommandError.WRONG_STATE
    try:
        said = json.loads(response.body or b"{}").get("error", "")
    except (*UNREADABLE, AttributeError):
        said = ""
    # The switch could make no channel: nothing is registered there.
    if said == "Allocation failed":
        return CommandError.DEVICE_OUT_OF_SERVICE
    return CommandError.OVERLOAD


def _caller_id(call: Call) -> str:
    """Return what a phone shows of a customer: his number's digits, and nothing he chose freely."""
    return "".join(letter for letter in call.facts.ani if letter in "+0123456789*#")

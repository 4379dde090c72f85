"""Hold, and whoever else takes part in a conversation: `acd.switch_protocol.call_control`. Pure.

All of it happens in the call's one bridge. A customer on hold is taken out of it and hears music;
so a consultation is the agent and whom he asks left in it, and becomes a transfer or a conference
when the customer comes back. An agent who goes meanwhile leaves him to whom he asked. Listeners
are in a bridge of their own with the switch's ear (a snoop channel) at the agent's leg.
"""

from collections.abc import Callable
from typing import Final

from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari.channel_facts import SNOOP
from acd.switch_protocol.ari.frames import Response
from acd.switch_protocol.ari.line import Command, Line
from acd.switch_protocol.ari.offers import Offers
from acd.switch_protocol.ari.table import OTHER, SILENT, Call, Hold, Leg, Purpose, Stage, Table
from acd.switch_protocol.ari.treatments import Treatments
from acd.switch_protocol.words import CommandError, CommandStage, EventCause

EAR: Final = ".ear"
"""How the id of a listener's snoop channel ends."""

_PURPOSES: Final = {
    cc.Participation.ACTIVE: Purpose.CONFERENCE,
    cc.Participation.LISTEN: Purpose.LISTEN,
    cc.Participation.WHISPER: Purpose.WHISPER,
}

Reach = Callable[[str], str | CommandError]
"""Returns how a destination, a device or a number, is dialled, or why it is not."""


class Parties:
    """Who talks with whom.

    Args:
        line: Where requests and events go out.
        table: Of the calls.
        offers: The legs' way.
        treatments: What customers hear meanwhile.
        app: Our application's name.
        reach: Finds destinations.
        is_device: Tells our phones from numbers outside.
    """

    def __init__(
        self,
        line: Line,
        table: Table,
        offers: Offers,
        treatments: Treatments,
        *,
        app: str,
        reach: Reach,
        is_device: Callable[[str], bool],
    ) -> None:
        self._line = line
        self._table = table
        self._offers = offers
        self._treatments = treatments
        self._app = app
        self._reach = reach
        self._is_device = is_device
        offers.answered = self._answered
        offers.ended = self._ended

    # Hold.

    def hold(self, command: sw.Hold) -> None:
        """Put a customer on hold."""
        leg = self._talking(command.call_id, command.offer)
        if leg is None or leg.hold is Hold.SWITCH or leg.purpose is Purpose.CONSULT:
            self._line.refuse(command, CommandError.WRONG_STATE)
            return
        self._set_aside(leg, lambda response: self._line.result(command, response))

    def retrieve(self, command: sw.Retrieve) -> None:
        """Take a customer off hold."""
        leg = self._talking(command.call_id, command.offer)
        if leg is None or leg.hold is not Hold.SWITCH or self._consultations(leg.call):
            self._line.refuse(command, CommandError.WRONG_STATE)
            return
        if leg.call.returns:
            self._line.tell_result(command, CommandStage.ACCEPTED)
            return
        self._bring_back(leg.call, lambda response: self._line.result(command, response))

    def phone_hold(self, leg: Leg, *, on: bool) -> None:
        """React to a phone's own hold key."""
        if leg.stage is not Stage.TALKING or leg.hold is Hold.SWITCH or bool(leg.hold) is on:
            return
        leg.hold = Hold.PHONE if on else Hold.NONE
        self._table.touch(leg.call)
        self._offers.mark(leg, "ACD_HELD", leg.hold)
        make = sw.Held if on else sw.Retrieved
        self._line.tell(make(call_id=leg.call.id, device=leg.device, offer=leg.id))

    def _set_aside(self, leg: Leg, then: Callable[[Response | None], None]) -> None:
        """Take a leg's customer out of the bridge."""
        call = leg.call
        leg.hold = Hold.SWITCH
        self._table.touch(call)
        self._offers.mark(leg, "ACD_HELD", leg.hold)

        def left(response: Response | None) -> None:
            if response is not None and not response.is_good and leg.hold is Hold.SWITCH:
                self._treatments.stop(call)
                leg.hold = Hold.NONE
                self._offers.mark(leg, "ACD_HELD", "")
                for asked in self._consultations(call):
                    self._give_up(asked)
            then(response)

        self._line.ask(
            "POST", "bridges", call.bridge, "removeChannel", then=left, query=_only(call)
        )
        self._treatments.play_music(call)

    def _bring_back(self, call: Call, then: Callable[[Response | None], None]) -> None:
        """Put a customer back into the bridge."""
        self._treatments.stop(call)
        call.entered, call.returns = False, True
        self._table.touch(call)

        def came(response: Response | None) -> None:
            call.returns = False
            refused = response is not None and not response.is_good
            if refused and self._agent_of(call) is not None and not call.entered:
                self._treatments.play_music(call)
            then(response)

        self._line.ask("POST", "bridges", call.bridge, "addChannel", then=came, query=_only(call))

    # Transfer and consultation.

    def transfer(self, command: cc.SingleStepTransfer) -> None:
        """Send a customer on, unannounced."""
        old = self._talking(command.call_id, command.offer)
        endpoint = self._destination(command, command.to, able=old is not None)
        if old is None or endpoint is None:
            return
        call = old.call
        self._line.ask("DELETE", "channels", old.channel)
        self._offers.clear(old, EventCause.REDIRECTED)
        self._offers.wait_again(call)
        leg = Leg(command.command_id, call, command.to, Purpose.TRANSFER)
        self._dial(command, leg, endpoint)

    def consult(self, command: cc.ConsultationCall) -> None:
        """Put a customer on hold, and let the agent ask somebody else."""
        agent = self._talking(command.call_id, command.offer)
        able = (
            agent is not None
            and agent.purpose is not Purpose.CONSULT
            and all(one.stage < Stage.ANSWERED for one in self._consultations(agent.call))
        )
        endpoint = self._destination(command, command.to, able=able)
        if agent is None or endpoint is None:
            return
        if agent.hold is not Hold.SWITCH:
            agent.set_aside = True
            self._set_aside(agent, lambda _: None)
        leg = Leg(command.command_id, agent.call, command.to, Purpose.CONSULT)
        self._dial(command, leg, endpoint, auto_answer=command.auto_answer)

    def end_consultation(
        self, command: cc.TransferCall | cc.ConferenceCall | cc.ReconnectCall
    ) -> None:
        """Transfer, confer, or go back to how it was."""
        asked = self._table.legs.get(command.consultation)
        agent = None if asked is None else self._agent_of(asked.call)
        talking = asked is not None and asked.stage is Stage.TALKING
        if (
            asked is None
            or agent is None
            or asked.call.id != command.call_id
            or asked.purpose is not Purpose.CONSULT
            or not (talking or isinstance(command, cc.ReconnectCall))
        ):
            self._line.refuse(command, CommandError.WRONG_STATE)
            return
        if isinstance(command, cc.ReconnectCall):
            self._line.tell_result(command, CommandStage.ACCEPTED)
            agent.set_aside = True
            self._offers.withdraw(asked)  # What ends a consultation brings the customer back.
            return
        # From now on it is no consultation, whose end would bring the customer back to the agent.
        joins = isinstance(command, cc.ConferenceCall)
        asked.purpose = Purpose.CONFERENCE if joins else Purpose.TRANSFER
        self._bring_back(
            asked.call, lambda response: self._brought_together(command, asked, agent, response)
        )

    def _brought_together(
        self, command: Command, asked: Leg, agent: Leg, response: Response | None
    ) -> None:
        """End a consultation, now that the customer is with those who talked, or is not."""
        self._line.result(command, response)
        call = asked.call
        if response is None or not response.is_good:
            if asked.id in call.legs:
                asked.purpose = Purpose.CONSULT
                self.mend(call)
            return
        self._offers.mark(asked, "ACD_PURPOSE", asked.purpose)
        if asked.purpose is Purpose.CONFERENCE:
            self._line.tell(sw.Conferenced(call_id=call.id, device=asked.device, offer=asked.id))
            return
        self._tell_transfer(agent, asked)
        if agent.id in call.legs:
            agent.hold = Hold.NONE
            self._line.ask("DELETE", "channels", agent.channel)
            self._offers.clear(agent, EventCause.REDIRECTED)

    def _tell_transfer(self, agent: Leg, asked: Leg) -> None:
        self._line.tell(
            sw.Transferred(
                call_id=asked.call.id,
                device=agent.device,
                offer=agent.id,
                to=asked.device,
                to_offer=asked.id,
            )
        )

    def _leave_to(self, asked: Leg) -> None:
        """Leave a customer whose agent went to whom that one asked."""
        call = asked.call
        asked.purpose = Purpose.TRANSFER
        self._offers.mark(asked, "ACD_PURPOSE", asked.purpose)
        if asked.stage < Stage.ANSWERED:
            return  # He waits; if it is answered they are joined like any other.
        if call.entered:
            return

        def came(response: Response | None) -> None:
            if response is not None and not response.is_good and asked.id in call.legs:
                self._give_up(asked)

        self._bring_back(call, came)

    def mend(self, call: Call) -> None:
        """Join a customer, found after a log-in, whose agent went while he asked somebody."""
        if self._agent_of(call) is None:
            for one in self._consultations(call):
                self._leave_to(one)

    # Supervisors.

    def take_part(self, command: cc.SingleStepConference) -> None:
        """Let a supervisor's phone ring, to bring him in when he answers."""
        agent = self._talking(command.call_id, command.offer)
        endpoint = self._destination(command, command.device, able=agent is not None)
        if agent is None or endpoint is None:
            return
        purpose = _PURPOSES[command.participation]
        leg = Leg(command.command_id, agent.call, command.device, purpose)
        leg.target = agent.id
        self._dial(command, leg, endpoint)

    def _dial(
        self,
        command: cc.SingleStepTransfer | cc.ConsultationCall | cc.SingleStepConference,
        leg: Leg,
        endpoint: str,
        *,
        auto_answer: bool = False,
    ) -> None:
        is_near = self._is_device(leg.device)
        self._offers.dial(
            command,
            leg,
            endpoint=endpoint,
            ring_us=command.ring_us,
            auto_answer=auto_answer,
            is_near=is_near,
        )

    def _answered(self, leg: Leg) -> bool:
        """Join a leg by its purpose; return whether that was done."""
        match leg.purpose:
            case Purpose.CONSULT | Purpose.CONFERENCE if leg.call.bridge:
                self._offers.add(leg, leg.channel)
            case Purpose.CONSULT | Purpose.CONFERENCE:
                self._give_up(leg)
            case Purpose.LISTEN | Purpose.WHISPER:
                self._listen(leg)
            case _:
                return False
        return True

    def _listen(self, leg: Leg) -> None:
        """Put an ear at the agent's leg, and the listener to it."""
        agent = self._table.legs.get(leg.target)
        if agent is None:
            self._give_up(leg)
            return
        leg.bridge = f"{leg.id}.talk"
        ear = OTHER + leg.id + EAR
        ask = self._line.ask
        ask(
            "POST",
            "channels",
            agent.channel,
            "snoop",
            ear,
            query={
                "spy": "both",
                "whisper": "out" if leg.purpose is Purpose.WHISPER else "none",
                "app": self._app,
                "appArgs": SNOOP,
            },
        )
        self._offers.make_bridge(leg.bridge)
        self._offers.expect_join(leg)

    def ear_is_there(self, channel: str) -> None:
        """React to a snoop channel that is in our application now."""
        leg = self._listener(channel)
        if leg is None or not leg.bridge:
            self._line.ask("DELETE", "channels", channel)
            return
        query = {"channel": f"{channel},{leg.channel}"}
        self._line.ask("POST", "bridges", leg.bridge, "addChannel", query=query)

    def ear_is_gone(self, channel: str) -> None:
        """React to a snoop channel's end: there is nothing to be heard any more."""
        leg = self._listener(channel)
        if leg is not None:
            self._give_up(leg)

    def _listener(self, ear: str) -> Leg | None:
        return self._table.legs.get(ear.removeprefix(OTHER).removesuffix(EAR))

    def _give_up(self, leg: Leg) -> None:
        """Let a leg go whose conversation is over, and tell so."""
        if leg.stage is Stage.TALKING:
            self._offers.withdraw(leg)
        else:
            self._line.ask("DELETE", "channels", leg.channel)
            self._offers.fail(leg, EventCause.CALL_CANCELLED)

    # What all share.

    def _talking(self, call_id: str, offer: str) -> Leg | None:
        leg = self._table.legs.get(offer)
        if leg is None or leg.call.id != call_id or leg.purpose in SILENT:
            return None
        return leg if leg.stage is Stage.TALKING else None

    def _destination(self, command: Command, to: str, *, able: bool) -> str | None:
        """Return how a destination is dialled; where it is not, refuse the command."""
        if command.command_id in self._table.legs:
            self._line.refuse(command, CommandError.ALREADY_GIVEN)
            return None
        if self._table.has_ended(command.command_id):
            self._line.refuse(command, CommandError.OFFER_ENDED)
            return None
        found = self._reach(to) if able else CommandError.WRONG_STATE
        if isinstance(found, CommandError):
            self._line.refuse(command, found)
            return None
        return found

    def _consultations(self, call: Call) -> tuple[Leg, ...]:
        """Return whom an agent asks about a call: several only while they ring."""
        return tuple(leg for leg in call.legs.values() if leg.purpose is Purpose.CONSULT)

    def _agent_of(self, call: Call) -> Leg | None:
        """Return the leg of the agent who consults."""
        return next((leg for leg in call.legs.values() if leg.hold is Hold.SWITCH), None)

    def _ended(self, leg: Leg, stage: Stage) -> None:
        """See what else hangs on a leg that is over."""
        call = leg.call
        open_ = self._table.calls.get(call.id) is call
        if leg.purpose is Purpose.CONSULT and open_:
            agent = self._agent_of(call)
            # Who was on hold before stays so while others are looked for.
            over = stage is Stage.TALKING or (agent is not None and agent.set_aside)
            if agent is not None and over and not self._consultations(call):
                self._bring_back(call, lambda _: None)
            return
        if leg.hold is Hold.SWITCH and open_:
            asked = self._consultations(call)
            for one in asked:
                self._leave_to(one)
                if one.stage is Stage.TALKING:
                    self._tell_transfer(leg, one)
            if not asked and call.talks() and not call.returns:
                self._bring_back(call, lambda _: None)  # Others of a conference are there.
            return
        if leg.purpose in {Purpose.LISTEN, Purpose.WHISPER} and stage >= Stage.ANSWERED:
            self._line.ask("DELETE", "channels", OTHER + leg.id + EAR)


def _only(call: Call) -> dict[str, str]:
    return {"channel": call.channel}

"""What committed entries order the switch to do. Pure."""

from typing import Final

from acd import actions as ac
from acd import events as ev
from acd.daemon.numbers import Numbers
from acd.daemon.phones import Phones
from acd.daemon.switch_callbacks import Callbacks
from acd.daemon.switch_parts import Parts
from acd.daemon.switch_site import Site
from acd.ids import AgentId, Availability
from acd.journal.records import Entry
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.words import TEXT_MAX, AgentStateWord, Capability, Deflection, Treatment

_WORDS: Final = {
    Availability.LOGGED_OUT: AgentStateWord.NULL,
    Availability.NOT_READY: AgentStateWord.NOT_READY,
    Availability.READY: AgentStateWord.READY,
    Availability.DRAINING: AgentStateWord.NOT_READY,
    Availability.NOT_RESPONDING: AgentStateWord.NOT_READY,
}


_HIS_DOING: Final = (
    ev.AgentLoggedIn,
    ev.AgentLoggedOut,
    ev.AgentReady,
    ev.AgentNotReady,
    ev.DrainRequested,
)
"""What an agent does, wherever."""


class Orders:
    """Makes commands of actions.

    Args:
        site: Names and the router.
        capabilities: What the switch can do.
        phones: What phones show.
        numbers: Of customers who are to be called back.
    """

    def __init__(
        self, site: Site, capabilities: Capability, phones: Phones, numbers: Numbers
    ) -> None:
        self._site = site
        self._capabilities = capabilities
        self._phones = phones
        self.parts = Parts(site, capabilities)
        self.callbacks = Callbacks(site, capabilities, numbers)

    def commands_for(self, entry: Entry) -> list[AnyCommand]:
        """Return the commands that an entry asks for, in order; who was served is let go last.

        Nobody waits for that, and an agent who is free now waits for the next call.
        """
        commands: list[AnyCommand] = [*self._treatment(entry)]
        facts = _taken(entry)
        self.parts.begin(facts)
        self.callbacks.begin(facts)
        for position, action in enumerate(entry.actions):
            called = self._of_a_callback(action, entry, position)
            if called is not None:
                commands += called
                continue
            command = self._command(action, entry, position)
            if command is not None:
                commands.append(command)
        commands += self.parts.finish(entry)
        commands += self._follow(entry)
        commands.sort(key=lambda command: type(command) is sw.ClearCall)
        return commands

    def _command(self, action: ac.Action, entry: Entry, position: int) -> AnyCommand | None:
        command_id = self._site.ids.action(entry.number, position)
        match action:
            case ac.OfferContact():
                self.parts.note(action.offer_id, action.contact_id, action.agent_id)
                return self.parts.select(action, entry.now_us)
            case ac.WithdrawOffer():
                part = self.parts.of.get(action.offer_id)
                if part is None:
                    return None
                offer = self._site.ids.offer(action.offer_id)
                return sw.RouteCancel(command_id=command_id, call_id=part.call_id, offer=offer)
            case ac.ReleaseCustomer():
                call_id = self._site.call_of(action.contact_id)
                if call_id is None:
                    return None
                return sw.ClearCall(command_id=command_id, call_id=call_id)
            case ac.OverflowLeg():
                return self._turn_away(action, command_id)
            case ac.CloseContact():
                return None
            case ac.InterruptLeg() | ac.ResumeLeg():
                return self._hold(action, command_id)
            case ac.SetAgentState():
                return self._set_agent_state(action, command_id)
            case ac.EnterQueue() | ac.ConnectLeg() | ac.EndWrapUp() | ac.Refused() | ac.WidenLeg():
                return None
            case ac.RegainPlace() | ac.FileDisposition():
                return None
            case ac.Acknowledge() | ac.AnnounceWait():
                return None
            case ac.HandOver() | ac.ConfirmHandOver() | ac.WithdrawHandOver():
                return None  # Not for the switch.
            case ac.AcceptTakeOver() | ac.TakeIn():
                return None
            case ac.PlayTreatment() | ac.GrantCallback() | ac.DialCustomer():
                return None  # See `_of_a_callback`.
            case ac.CallbackDue() | ac.PostponeCallback():
                return None
            case ac.CloseLeg():
                return self.parts.close_leg(action, command_id)
            case ac.OpenLeg():
                return self.parts.open_leg(action, command_id)
            case ac.JoinLeg():
                return self.parts.join(action, self._site.ids.further(entry.number, "j", position))
            case ac.ReleaseAgent():
                return self.parts.release(action, entry, command_id)

    def _turn_away(self, action: ac.OverflowLeg, command_id: str) -> sw.Command | None:
        """Let a customer go whom no other queue takes on."""
        call_id = self._site.call_of(action.contact_id)
        if call_id is None or action.queue:
            return None
        return sw.DeflectCall(
            command_id=command_id,
            call_id=call_id,
            deflection=Deflection.VOICEMAIL if action.voicemail else Deflection.MESSAGE,
            name=action.voicemail or action.message or action.callback,
        )

    def _of_a_callback(
        self, action: ac.Action, entry: Entry, position: int
    ) -> list[AnyCommand] | None:
        """Return what an action about treatments and callbacks orders; None if it is none."""
        command_id = self._site.ids.action(entry.number, position)
        match action:
            case ac.PlayTreatment():
                return self.callbacks.play(action, command_id)
            case ac.GrantCallback():
                return self.callbacks.grant(action, command_id)
            case ac.OfferContact() if self.callbacks.reserve(action):
                return []
            case ac.DialCustomer():
                return self._dial(action, entry, position)
            case ac.WithdrawOffer():
                return self.callbacks.withdraw(action, command_id)
            case ac.PostponeCallback():
                return self.callbacks.end(action.contact_id, command_id, closes=False)
            case ac.CloseContact():
                self.parts.forget(action.contact_id)
                return self.callbacks.end(action.contact_id, command_id, closes=True)
            case _:
                return None

    def _dial(self, action: ac.DialCustomer, entry: Entry, position: int) -> list[AnyCommand]:
        commands = self.callbacks.dial(action, entry, position)
        if any(type(one) is sw.RouteSelect for one in commands):
            self.parts.note(action.offer_id, action.contact_id, action.agent_id)
        return commands

    def answered(self, call: sw.Call) -> list[AnyCommand]:
        """Return what follows from a customer who was dialled and answered."""
        commands = self.callbacks.answered(call)
        for command in commands:
            number = self._site.ids.offer_of(command.command_id)
            offer = None if number is None else self._site.router.offers.get(number)
            contact_id = self._site.contact_of(call.call_id)
            if number is not None and offer is not None and contact_id is not None:
                self.parts.note(number, contact_id, self._site.agent_of(offer))
        return commands

    def _hold(self, action: ac.InterruptLeg | ac.ResumeLeg, command_id: str) -> sw.Command | None:
        """Put a caller on hold while his agent is interrupted."""
        part = self.parts.of.get(action.offer_id)
        if part is None or Capability.HOLD not in self._capabilities:
            return None
        make = sw.Hold if type(action) is ac.InterruptLeg else sw.Retrieve
        return make(
            command_id=command_id,
            call_id=part.call_id,
            device=self._site.device_of(action.agent_id),
            offer=self._site.ids.offer(action.offer_id),
        )

    def _set_agent_state(self, action: ac.SetAgentState, command_id: str) -> sw.Command | None:
        """Show a state at the phone of an agent who logged on there."""
        return self._show(
            action.agent_id, action.availability, action.reason, command_id=command_id
        )

    def _show(
        self, agent_id: AgentId, availability: Availability, reason: str, *, command_id: str
    ) -> sw.SetAgentState | None:
        device = self._site.device_of(agent_id)
        able = Capability.SET_AGENT_STATE in self._capabilities
        if not able or not self._phones.has_logged_on(device):
            return None
        word = _WORDS[availability]
        self._phones.note(device, word, command_id)
        said = (reason or availability)[:TEXT_MAX]
        return sw.SetAgentState(command_id=command_id, device=device, state=word, reason=said)

    def _follow(self, entry: Entry) -> list[sw.Command]:
        """Let the phone of an agent who logged on at it show what he did at his desktop.

        Else the phone, which outlives the daemon, would tell the next one what is not so any more.
        """
        facts = entry.event.events if type(entry.event) is ev.Batch else (entry.event,)
        commands: list[sw.Command] = []
        for position, fact in enumerate(facts):
            if not isinstance(fact, _HIS_DOING):
                continue
            try:
                agent = self._site.router.agent(fact.agent_id)
            except KeyError:
                continue
            device = self._site.device_of(fact.agent_id)
            if self._phones.shows(device) is _WORDS[agent.availability]:
                continue
            command = self._show(
                fact.agent_id,
                agent.availability,
                agent.reason,
                command_id=f"{self._site.ids.prefix}{entry.number}.f{position}",
            )
            if command is not None:
                commands.append(command)
        return commands

    def _treatment(self, entry: Entry) -> list[sw.Command]:
        """Let a caller who has just arrived, and still waits, hear music.

        Those who arrive in a batch were found in a snapshot: they hear something already, and
        100,000 commands at once would only be in the way.
        """
        fact = entry.event
        if (
            type(fact) is not ev.ContactArrived
            or Capability.TREATMENT not in self._capabilities
            or fact.contact_id not in self._site.router.contacts
        ):
            return []
        call_id = self._site.call_of(fact.contact_id)
        if call_id is None:
            return []
        command_id = f"{self._site.ids.prefix}{entry.number}.t"
        return [
            sw.QueueTreatment(command_id=command_id, call_id=call_id, treatment=Treatment.MUSIC)
        ]


def _taken(entry: Entry) -> list[ev.Event]:
    """Return an entry's facts, those that were refused left out."""
    facts = entry.event.events if type(entry.event) is ev.Batch else (entry.event,)
    refused = {action.position for action in entry.actions if type(action) is ac.Refused}
    return [fact for position, fact in enumerate(facts) if position not in refused]

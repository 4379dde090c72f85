"""What agents' phones say, as facts for the core. Pure.

An agent may log in at his desktop or at his phone, so a phone on which nobody is logged on says
nothing of him. What a phone said last is remembered, to see in a snapshot what was missed; after a
start, a phone that is logged on logs in an agent who is not.
"""

from typing import Final

from acd import events as ev
from acd.agents import Agent
from acd.contacts import LegState
from acd.daemon.switch_site import Site
from acd.ids import ID_MAX, Availability, Device
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import AgentStateWord, DeviceState, EventCause

_DEVICES: Final = {
    DeviceState.IN_SERVICE: Device.REACHABLE,
    DeviceState.BUSY: Device.BUSY_ELSEWHERE,
    DeviceState.OUT_OF_SERVICE: Device.UNREACHABLE,
}

_WORDS: Final[dict[type, AgentStateWord]] = {
    sw.AgentLoggedOn: AgentStateWord.NOT_READY,
    sw.AgentLoggedOff: AgentStateWord.NULL,
    sw.AgentReady: AgentStateWord.READY,
    sw.AgentNotReady: AgentStateWord.NOT_READY,
    sw.AgentWorkingAfterCall: AgentStateWord.WORKING_AFTER_CALL,
    sw.AgentDraining: AgentStateWord.NOT_READY,
}

Facts = tuple[ev.SingleEvent, ...]


class Phones:
    """The phones of a domain's agents.

    Args:
        site: Names and the router.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._said: dict[str, AgentStateWord] = {}
        self._ordered: dict[str, str] = {}
        """Devices that we ordered to show something which they may not show yet: the commands."""

    def has_logged_on(self, device: str) -> bool:
        """Return whether an agent is known to be logged on at a phone."""
        return self._said.get(device, AgentStateWord.NULL) is not AgentStateWord.NULL

    def shows(self, device: str) -> AgentStateWord:
        """Return what a phone shows, as far as is known."""
        return self._said.get(device, AgentStateWord.NULL)

    def note(self, device: str, word: AgentStateWord, command_id: str) -> None:
        """Take note of what a phone is to show by our own order."""
        self._said[device] = word
        self._ordered[device] = command_id

    def done(self, command_id: str) -> None:
        """Take note that the switch took an order."""
        for device, ordered in self._ordered.items():
            if ordered == command_id:
                del self._ordered[device]
                return

    def device(self, device: str, state: DeviceState) -> Facts:
        """Return what a device's state changes."""
        agent = self._agent_at(device)
        now = _DEVICES[state]
        if agent is None or agent.device is now:
            return ()
        return (ev.DeviceChanged(agent_id=agent.agent_id, device=now),)

    def agent(self, event: sw.AgentEvent) -> Facts:
        """Return what an agent did at his phone."""
        word = _WORDS[type(event)]
        reason = event.reason if type(event) is sw.AgentNotReady else ""
        self._said[event.device] = word
        agent = self._agent_at(event.device)
        if agent is None or event.cause is EventCause.FORCED_TRANSITION:
            return ()
        if type(event) is sw.AgentLoggedOn:
            return (ev.AgentLoggedIn(agent_id=agent.agent_id),)
        if type(event) is sw.AgentDraining:
            if agent.availability is Availability.LOGGED_OUT:
                return ()
            return (ev.DrainRequested(agent_id=agent.agent_id),)
        return self._facts(agent, word, reason)

    def compare(self, reports: tuple[sw.DeviceReport, ...]) -> Facts:
        """Return what a snapshot says that is news; a phone that it does not name is not there."""
        facts: list[ev.SingleEvent] = []
        named = set()
        for report in reports:
            named.add(report.device)
            facts += self.device(report.device, report.state)
            facts += self._missed(report)
        for agent in self._site.router.agents:
            if self._site.device_of(agent.agent_id) not in named:
                facts += self.device(
                    self._site.device_of(agent.agent_id), DeviceState.OUT_OF_SERVICE
                )
        return tuple(facts)

    def _missed(self, report: sw.DeviceReport) -> Facts:
        before = self._said.get(report.device)
        if report.device in self._ordered and before is not report.agent:
            return ()  # Our order was lost, and is given again; the phone says nothing new.
        self._said[report.device] = report.agent
        agent = self._agent_at(report.device)
        if agent is None or report.agent is before:
            return ()
        if before is None and (
            report.agent is AgentStateWord.NULL or agent.availability is not Availability.LOGGED_OUT
        ):
            return ()
        return self._facts(agent, report.agent, report.reason)

    def repeat(self, reports: tuple[sw.DeviceReport, ...]) -> tuple[sw.SetAgentState, ...]:
        """Return what phones were ordered to show and do not show, by a snapshot: once more."""
        shown = {report.device: report.agent for report in reports}
        commands = []
        for device in self._ordered:
            word = self._said[device]
            if device in shown and shown[device] is not word:
                self._ordered[device] = command_id = self._site.next_id()
                commands.append(sw.SetAgentState(command_id=command_id, device=device, state=word))
        return tuple(commands)

    def _facts(self, agent: Agent, word: AgentStateWord, reason: str) -> Facts:
        """Return what an agent's word means; an agent who says something is logged in."""
        agent_id = agent.agent_id
        login: Facts = ()
        if agent.availability is Availability.LOGGED_OUT:
            login = (ev.AgentLoggedIn(agent_id=agent_id),)
        match word:
            case AgentStateWord.NULL:
                return (ev.AgentLoggedOut(agent_id=agent_id),)
            case AgentStateWord.READY:
                return (*login, ev.AgentReady(agent_id=agent_id), *self._wrap_ups(agent))
            case AgentStateWord.NOT_READY:
                cut = reason[:ID_MAX] if reason.isprintable() else ""
                known = self._site.router.settings.not_ready_reasons
                if known and cut not in known:
                    cut = ""  # The break counts; its reason is not one of ours.
                return (*login, ev.AgentNotReady(agent_id=agent_id, reason=cut))
            case AgentStateWord.WORKING_AFTER_CALL:
                return login

    def _wrap_ups(self, agent: Agent) -> Facts:
        """Return the end of the wrap-ups of this switch's calls: "ready" at a phone says so."""
        legs = self._site.router.legs
        return tuple(
            ev.WrapUpEnded(offer_id=number)
            for number, offer in agent.offers.items()
            if legs[offer.leg_id].state is LegState.WRAPPING
            and self._site.call_of(legs[offer.leg_id].contact_id) is not None
        )

    def _agent_at(self, device: str) -> Agent | None:
        agent_id = self._site.agent_at(device)
        return None if agent_id is None else self._site.router.agent(agent_id)

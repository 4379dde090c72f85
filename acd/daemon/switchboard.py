"""Between switch and core: what the switch tells becomes facts, what is decided becomes commands.

Pure: no I/O, no clock. All that it must know after a restart is in the router, the settings and the
switch's snapshot; what it keeps beside them only saves questions.

    switch event ─▶ react ─▶ Reaction(first, facts, then)
    committed entry ─▶ commands_for ─▶ commands

After a log-in at the switch nothing is taken for granted: events are kept back until the snapshot
came, core and switch are compared (`acd.daemon.resync`), one batch of facts brings the core up to
date, and then what was kept back is replayed. Later snapshots only name calls that look wrong; each
is asked for again and compared alone, since the world went on meanwhile.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Final

from msgspec import structs

from acd import actions as ac
from acd import events as ev
from acd.agents import CHANNEL_INDEX
from acd.contacts import TALKING, LegState, Presence
from acd.daemon import resync
from acd.daemon import switch_failures as failures
from acd.daemon.numbers import Numbers
from acd.daemon.phones import Phones
from acd.daemon.switch_orders import Orders
from acd.daemon.switch_site import VOICE, LinkState, Reaction, Site
from acd.ids import ConsultEnd, ContactId, Device, Reason
from acd.journal.records import Entry
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.words import (
    Capability,
    CommandError,
    CommandStage,
    ConnectionState,
    DeviceState,
    EventCause,
)

CLOSED_MAX: Final = 10_000
"""Closed contacts remembered, against repeats: those of an hour at 3 a second."""

KEPT_MAX: Final = 50_000
"""Most events kept back for a snapshot (reference: switch protocols, 7.6)."""

PORTION: Final = 500
"""Calls compared at once by an audit: about a millisecond."""

SUSPECTS_MAX: Final = 1_000
"""Most calls that one audit asks about; the next one finds the others."""

TRIES_MAX: Final = 5
"""Most requests for a snapshot, one right after the other; then the driver's timer asks."""


_NOTHING: Final = Reaction()


class Switchboard:
    """One switch, and the router.

    Args:
        site: Names and the router.
        capabilities: What the switch can do.
        numbers: Of customers who are to be called back; in memory only if None.
    """

    def __init__(
        self, site: Site, capabilities: Capability, numbers: Numbers | None = None
    ) -> None:
        self._site = site
        self._phones = Phones(site)
        kept = Numbers() if numbers is None else numbers
        self._orders = Orders(site, capabilities, self._phones, kept)
        self._callbacks = self._orders.callbacks
        self.link = LinkState.CONNECTING
        self.counts: Counter[str] = Counter()
        """What was dropped or repaired, by name."""
        self._epoch = -1
        self._closed: OrderedDict[ContactId, None] = OrderedDict()
        self._strangers: dict[str, str] = {}
        """Phones in talks that the core does not know, as a rule another daemon's; their calls."""
        self._kept: list[sw.SwitchEvent] = []
        self._asked = ""
        """The id of the snapshot request under way, or ""."""
        self._ask_again = False
        """No snapshot came since that request, or something was lost since it came."""
        self._tries = 0
        """Requests since a snapshot came."""

    # Switch to core.

    def react(self, event: sw.SwitchEvent, *, now_us: int) -> Reaction:
        """Return what an event of the switch leads to."""
        match event:
            case sw.LinkUp():
                return self._link_up(event)
            case sw.LinkDown():
                return self._link_down(event)
            case _ if event.epoch != self._epoch or not self.is_linked:
                self.counts["old_epoch"] += 1
                return _NOTHING
            case sw.Snapshot():
                return self._snapshot(event, now_us)
            case sw.CommandResult():
                return self._result(event)
            case sw.MessagesLost():
                self.counts["messages_lost"] += 1
                return Reaction(then=self.ask())
            case _ if self.link is LinkState.RESYNCING:
                return self._keep(event)
            case sw.RouteRequest():
                return self._route_request(event.call)
            case sw.CallReported():
                return self._reported(event, now_us)
            case sw.CallCleared() | sw.RouteEnded():
                return self._left(event.call_id, event.cause)
            case sw.DigitsCollected():
                return Reaction(facts=self._callbacks.pressed(event))
            case sw.Established():
                return self._established(event)
            case sw.ReRoute() | sw.Failed():
                return self._failed(event, now_us)
            case sw.ConnectionCleared() | sw.Held() | sw.Retrieved():
                return self._leg(event)
            case sw.DeviceStateChanged():
                return Reaction(facts=self._phones.device(event.device, event.state))
            case (
                sw.AgentLoggedOn()
                | sw.AgentLoggedOff()
                | sw.AgentReady()
                | sw.AgentNotReady()
                | sw.AgentWorkingAfterCall()
                | sw.AgentDraining()
            ):
                return Reaction(facts=self._phones.agent(event))
            case sw.Transferred():
                return self._transferred(event)
            case sw.Conferenced():
                return self._conferenced(event)
            case sw.Delivered() | sw.RouteUsed() | sw.SystemStatus():
                return _NOTHING

    def devices(self) -> tuple[str, ...]:
        """Return the phones of all agents."""
        return tuple(self._site.device_of(one.agent_id) for one in self._site.router.agents)

    def next_id(self) -> str:
        """Return the id of a command that no decision asked for."""
        return self._site.next_id()

    def replay(self) -> list[sw.SwitchEvent]:
        """Return what was kept back; to be given to `react` after the snapshot's facts."""
        kept, self._kept = self._kept, []
        return kept

    def ask(self, *, anew: bool = False) -> tuple[sw.Command, ...]:
        """Return a request for a snapshot, unless one is under way.

        Args:
            anew: The one under way is given up.
        """
        if not self.is_linked:
            return ()
        if anew:
            self._tries = 0
        elif self._asked:
            self._ask_again = True
            return ()
        self._tries += 1
        self._asked = self._site.next_id()
        self._ask_again = True
        return (sw.SnapshotRequest(command_id=self._asked),)

    def suspects(self, snapshot: sw.Snapshot, *, now_us: int) -> Iterator[list[sw.Command]]:
        """Yield questions about calls that look wrong, portion by portion; ends with the epoch."""
        calls = {call.call_id: call for call in snapshot.calls}
        yield []
        contacts = list(self._site.router.contacts)
        asked = 0
        for part in (list(calls), contacts):
            for start in range(0, len(part), PORTION):
                if snapshot.epoch != self._epoch or asked >= SUSPECTS_MAX:
                    return
                some = part[start : start + PORTION]
                if part is contacts:
                    wrong = resync.missing_calls(self._site, calls, some)
                else:
                    wrong = [
                        call_id
                        for call_id in some
                        if not self._compare(calls[call_id], now_us).is_empty()
                    ]
                asked += len(wrong)
                self.counts["suspects"] += len(wrong)
                yield [self._look_at(call_id) for call_id in wrong]

    def turned_away(
        self, facts: tuple[ev.SingleEvent, ...], actions: tuple[ac.Action, ...]
    ) -> list[sw.Command]:
        """Return commands for calls that the core refused: the switch's default takes them.

        Args:
            facts: What was told to the core.
            actions: What it answered.
        """
        commands: list[sw.Command] = []
        for action in actions:
            if type(action) is ac.Refused and action.reason is not Reason.CONTACT_EXISTS:
                fact = facts[action.position]
                if type(fact) is ev.ContactArrived:
                    call_id = self._site.call_of(fact.contact_id)
                    assert call_id is not None
                    self.counts["turned_away"] += 1
                    commands.append(self._end_route(call_id))
        return commands

    # Core to switch.

    def commands_for(self, entry: Entry) -> list[AnyCommand]:
        """Return the commands that a committed entry asks for, in order."""
        for action in entry.actions:
            if type(action) is ac.CloseContact:
                self._closed[action.contact_id] = None
                if len(self._closed) > CLOSED_MAX:
                    self._closed.popitem(last=False)
        return self._orders.commands_for(entry)

    def take_facts(self) -> tuple[ev.SingleEvent, ...]:
        """Return what is to be told to the core of the entries that were committed."""
        return self._callbacks.take_facts()

    # The link.

    @property
    def is_linked(self) -> bool:
        """Whether somebody is there to be asked."""
        return self.link in {LinkState.UP, LinkState.RESYNCING}

    def _link_up(self, event: sw.LinkUp) -> Reaction:
        self.link = LinkState.RESYNCING
        self._epoch = event.epoch
        self._kept.clear()
        facts: list[ev.SingleEvent] = []
        if event.restarted:
            self._callbacks.forget_calls()
            for contact_id, contact in self._site.router.contacts.items():
                ours = self._site.call_of(contact_id) is not None
                if ours and contact.presence not in {Presence.GONE, Presence.CALL_BACK}:
                    facts.append(ev.ContactLeft(contact_id=contact_id))
        return Reaction(facts=tuple(facts), then=self.ask(anew=True))

    def _link_down(self, event: sw.LinkDown) -> Reaction:
        if self.link is LinkState.REPLACED:
            return _NOTHING
        self.link = LinkState.REPLACED if event.replaced else LinkState.DOWN
        self._kept.clear()
        self._asked = ""
        voice = CHANNEL_INDEX[VOICE]
        return Reaction(
            facts=tuple(
                ev.DeviceChanged(agent_id=agent.agent_id, device=Device.UNREACHABLE)
                for agent in self._site.router.agents
                if voice in agent.channels and agent.device is not Device.UNREACHABLE
            )
        )

    def _keep(self, event: sw.SwitchEvent) -> Reaction:
        """Keep an event back for the snapshot."""
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
            self._ask_again = True
            self.counts["messages_lost"] += 1
        self._kept.append(event)
        return _NOTHING

    # Snapshots.

    def _snapshot(self, snapshot: sw.Snapshot, now_us: int) -> Reaction:
        facts = self._phones.compare(self._devices_in(snapshot))
        self._callbacks.note_calls(snapshot.calls)
        shown = self._phones.repeat(snapshot.devices)
        self._ask_again = False
        self._tries = 0
        if self.link is LinkState.UP:
            return Reaction(facts=facts, then=shown)  # The calls: see `suspects`.
        plan = resync.Plan()
        plan.then += shown
        cleared = {
            event.call_id
            for event in self._kept
            if isinstance(event, sw.CallCleared | sw.RouteEnded)
        }
        calls = {call.call_id: call for call in snapshot.calls if call.call_id not in cleared}
        for call in calls.values():
            resync.compare_call(self._site, call, plan, closed=self._closed, now_us=now_us)
        for call_id in resync.missing_calls(self._site, calls, self._site.router.contacts):
            if call_id in cleared:
                resync.compare_absence(self._site, call_id, plan)
            else:
                plan.then.append(self._look_at(call_id))
        self.link = LinkState.UP
        found = plan.facts()
        return Reaction(tuple(plan.first), (*facts, *found), tuple(plan.then))

    def _devices_in(self, snapshot: sw.Snapshot) -> tuple[sw.DeviceReport, ...]:
        """Return a snapshot's devices; those in talks that the core does not know are busy."""
        found = {
            one.device: call.call_id
            for call in snapshot.calls
            if self._site.contact_of(call.call_id) not in self._site.router.contacts
            for one in call.connections
            if one.state is not ConnectionState.ALERTING
        }
        if self.link is LinkState.UP:  # Contacts of ours may just have ended.
            found = {device: one for device, one in found.items() if device in self._strangers}
        self._strangers = found
        return tuple(
            structs.replace(one, state=DeviceState.BUSY)
            if one.device in found and one.state is DeviceState.IN_SERVICE
            else one
            for one in snapshot.devices
        )

    def _reported(self, event: sw.CallReported, now_us: int) -> Reaction:
        """React to what the switch says of one call that was asked for."""
        if event.call is None:
            over = self._callbacks.gone(event.call_id)
            if over is not None:
                return Reaction(facts=over)
            plan = resync.Plan()
            resync.compare_absence(self._site, event.call_id, plan)
        else:
            plan = self._compare(event.call, now_us)
        if not plan.is_empty():
            self.counts["repaired"] += 1
        return Reaction(tuple(plan.first), plan.facts(), tuple(plan.then))

    def _compare(self, call: sw.Call, now_us: int) -> resync.Plan:
        plan = resync.Plan()
        resync.compare_call(self._site, call, plan, closed=self._closed, now_us=now_us)
        return plan

    def _look_at(self, call_id: str) -> sw.SnapshotCall:
        return sw.SnapshotCall(command_id=self._site.next_id(), call_id=call_id)

    # Calls and offers.

    def _route_request(self, call: sw.Call) -> Reaction:
        if self._callbacks.is_dialled(call.call_id):
            return Reaction(then=tuple(self._orders.answered(call)))
        self._callbacks.note_calls((call,))
        fact = resync.arrival(self._site, call)
        if fact is None:
            self.counts["not_for_us"] += 1
            return Reaction(then=(self._end_route(call.call_id),))
        if fact.contact_id in self._closed or fact.contact_id in self._site.router.contacts:
            self.counts["repeated"] += 1
            return _NOTHING
        return Reaction(facts=(fact,))

    def _end_route(self, call_id: str) -> sw.RouteEnd:
        cause = EventCause.DEST_NOT_OBTAINABLE
        return sw.RouteEnd(command_id=self._site.next_id(), call_id=call_id, cause=cause)

    def _left(self, call_id: str, cause: EventCause) -> Reaction:
        over = self._callbacks.gone(call_id, cause)
        if over is not None:
            return Reaction(facts=over)
        contact_id = self._site.contact_of(call_id)
        phones = [device for device, call in self._strangers.items() if call == call_id]
        if phones:
            return Reaction(facts=tuple(fact for one in phones for fact in self._free(one)))
        if contact_id is None or contact_id in self._closed:
            return _NOTHING
        # Also if the router does not know it: its arrival may not be stepped yet.
        return Reaction(facts=(ev.ContactLeft(contact_id=contact_id),))

    def _established(self, event: sw.Established) -> Reaction:
        number = self._site.ids.offer_of(event.offer)
        if number is None:
            self.counts["foreign_offer"] += 1
            return _NOTHING
        if self._site.offer_of(event.call_id, event.offer) is not None:
            return Reaction(facts=(ev.LegConnected(offer_id=number),))
        # He answered what had been taken back: the customer waits on, for somebody else.
        self.counts["late_answer"] += 1
        clear = sw.ClearConnection(
            command_id=self._site.next_id(),
            call_id=event.call_id,
            device=event.device,
            offer=event.offer,
        )
        return Reaction(then=(clear,))

    def _failed(self, event: sw.ReRoute | sw.Failed, now_us: int) -> Reaction:
        found = self._site.offer_of(event.call_id, event.offer)
        if found is None:
            return _NOTHING
        if event.cause is EventCause.REDIRECTED:
            # Another phone answered, and word of that is missing: it is no fault of this one.
            return self._look(event.call_id)
        fact = failures.of_event(event.cause, found[0], now_us)
        return _NOTHING if fact is None else Reaction(facts=(fact,))

    def _leg(self, event: sw.ConnectionCleared | sw.Held | sw.Retrieved) -> Reaction:
        found = self._site.offer_of(event.call_id, event.offer)
        if found is None:
            if type(event) is not sw.ConnectionCleared or event.device not in self._strangers:
                return _NOTHING
            # Its customer is to be let go: he was served.
            return Reaction(facts=self._free(event.device), then=(self._look_at(event.call_id),))
        if found[1].state is LegState.WRAPPING:
            return _NOTHING  # We ended it.
        number = found[0].offer_id
        match event:
            case sw.ConnectionCleared():
                return Reaction(facts=(ev.LegEnded(offer_id=number),))
            case sw.Held():
                return Reaction(facts=(ev.LegHeld(offer_id=number),))
            case sw.Retrieved():
                return Reaction(facts=(ev.LegRetrieved(offer_id=number),))

    def _transferred(self, event: sw.Transferred) -> Reaction:
        """React to an agent who left his customer to whom he asked, as if he had hung up."""
        found = self._site.offer_of(event.call_id, event.offer)
        if found is None or found[1].state not in TALKING:
            return _NOTHING
        return Reaction(facts=(ev.LegEnded(offer_id=found[0].offer_id),))

    def _conferenced(self, event: sw.Conferenced) -> Reaction:
        """React to an agent who made a conference of his consultation, by his phone or by order."""
        found = self._site.offer_of(event.call_id, event.offer)
        asking = None if found is None else self._site.router.legs.get(found[1].consults)
        if found is None or asking is None:
            return _NOTHING
        number = found[0].offer_id
        self._orders.parts.conferenced(number)
        return Reaction(
            facts=(
                ev.LegConnected(offer_id=number),
                ev.ConsultEnded(offer_id=asking.offer_id, how=ConsultEnd.CONFERENCE),
            )
        )

    def _free(self, device: str) -> tuple[ev.SingleEvent, ...]:
        """Return what the end of a talk that the core did not know changes."""
        del self._strangers[device]
        return self._phones.device(device, DeviceState.IN_SERVICE)

    # Results.

    def _result(self, event: sw.CommandResult) -> Reaction:
        if event.command_id == self._asked:
            self._asked = ""
            # The answer comes after the snapshot: if that is not here, it is lost.
            lost = self._ask_again and self._tries < TRIES_MAX
            return Reaction(then=self.ask() if lost else ())
        match event.stage:
            case CommandStage.ACCEPTED | CommandStage.CONFIRMED:
                self._phones.done(event.command_id)
                return _NOTHING
            case CommandStage.UNKNOWN:
                own = self._site.is_own_look(event.command_id)
                return _NOTHING if own or not event.call_id else self._look(event.call_id)
            case CommandStage.REJECTED if event.error is CommandError.CALL_UNKNOWN:
                contact_id = self._site.contact_of(event.call_id)
                known = contact_id in self._site.router.contacts
                return self._look(event.call_id) if known else _NOTHING
            case CommandStage.NOT_SENT if event.error is CommandError.LINK_DOWN:
                return _NOTHING
            case CommandStage.REJECTED | CommandStage.NOT_SENT:
                return self._refused(event)

    def _look(self, call_id: str) -> Reaction:
        return Reaction(then=(self._look_at(call_id),))

    def _refused(self, event: sw.CommandResult) -> Reaction:
        """React to the switch's refusal of an offer that is open, or of what ends a consultation.

        Other refusals change nothing.
        """
        if self._site.ids.is_further(event.command_id, "j"):
            return self._look(event.call_id)
        if self._callbacks.is_dialled(event.command_id):
            return Reaction(facts=self._callbacks.refused(event.command_id))
        found = self._site.offer_of(event.call_id, event.command_id)
        fact = None if found is None else failures.of_result(event.error, found[0])
        return _NOTHING if fact is None else Reaction(facts=(fact,))

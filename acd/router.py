"""The core: one step, events in, actions out. Read this file first.

`Router.step(event, now_us=…)` first applies the fact: the tables of `acd.contacts` and `acd.agents`
say what it changes and what cannot be, and `acd.floor` makes the move. Then it decides: while some
waiting leg may be taken by some agent, `acd.matching` names the next pair and it is offered.
`Router.apply` does the same with the offers that a journal recorded, and no policy runs.

Nothing here reads a clock, a file or a random number: same inputs, same actions, bit for bit.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from acd import events as ev
from acd.actions import (
    Action,
    AnnounceWait,
    CloseContact,
    EnterQueue,
    OfferContact,
    Refused,
    RegainPlace,
)
from acd.agent_facts import AgentFacts
from acd.agents import Agent
from acd.announcements import Estimate
from acd.announcing import Announcing, put_as_recorded
from acd.callback_facts import CallbackFacts
from acd.change_facts import ChangeFacts
from acd.classes import RefusalError
from acd.contact_facts import ContactFacts
from acd.contacts import (
    Contact,
    Leg,
    LegState,
    Offer,
)
from acd.counting import counting
from acd.dispositions import Dispositions
from acd.errors import CallerError, ConfigError
from acd.expiry import expire
from acd.floor import Floor, Handler
from acd.hand_over_facts import HandOverFacts
from acd.hand_overs import HandOvers
from acd.ids import (
    STEP_US_MAX,
    AgentId,
    ContactOutcome,
    LegId,
    QueueName,
)
from acd.leases import Leases
from acd.line_places import placing
from acd.matchers import CountedMatcher
from acd.matching import Index
from acd.offer_facts import OfferFacts
from acd.parallel_offers import has_room, offer_to_several, takers
from acd.parking import let_go_of_parked
from acd.parking_facts import ParkingFacts
from acd.performance import Performance
from acd.selection import Selection
from acd.settings import DomainSettings
from acd.snapshot import Snapshot, put_back, take
from acd.supervision import Supervision
from acd.transfer_facts import TransferFacts
from acd.validation import problems

FIRED_MAX: Final = 1_000
"""Most leases and blocks ended in one step; the rest are due at once (bounded portions)."""

MakeMatcher = Callable[
    [DomainSettings, Sequence[Agent], Mapping[int, Leg], Selection], CountedMatcher
]


def _index(
    settings: DomainSettings,
    agents: Sequence[Agent],
    legs: Mapping[int, Leg],
    selection: Selection,
) -> CountedMatcher:
    del legs
    return Index(settings, agents, selection)


class Router:
    """A domain's contacts and agents, and the decisions between them.

    Args:
        settings: How the domain is set up.
        make_matcher: For tests: who names the pairs. The index by default.

    Raises:
        ConfigError: The settings have mistakes; all of them are named.
    """

    def __init__(self, settings: DomainSettings, *, make_matcher: MakeMatcher = _index) -> None:
        wrong = problems(settings)
        if wrong:
            raise ConfigError("settings", *wrong)
        self._settings = settings
        self._floor = Floor(settings)
        self._timers = self._floor.timers
        self._leases = Leases(self._floor)
        matcher = make_matcher(
            settings, self._floor.agents, self._floor.legs, self._floor.selection
        )
        counted = counting(
            matcher,
            self._floor.gauges,
            self._floor.wait_times,
            limited=bool(settings.admission),
        )
        self._floor.matcher = placing(counted, self._floor.treatments.places)
        self._next_pair = self._floor.matcher.next_pair
        self._turned = matcher.turned
        self._doors = self._floor.gauges.doors
        self._has_doors = bool(self._doors.of_queue)
        self._sessions = self._floor.sessions
        self._overflows = bool(self._floor.gauges.gates)
        self._limited = bool(settings.admission)
        self._heard = self._floor.treatments.due
        self._contact_facts = ContactFacts(settings, self._floor)
        self._now_us = 0
        self._vacated_us = -1
        """When the last agent of some kind logged out."""
        self._handlers: dict[type, Handler] = {
            **self._contact_facts.handlers,
            **OfferFacts(settings, self._floor).handlers,
            **TransferFacts(self._floor).handlers,
            **AgentFacts(settings, self._floor).handlers,
            **Dispositions(self._floor).handlers,
            **ParkingFacts(self._floor).handlers,
            **Supervision(settings, self._floor).handlers,
            **Announcing(self._floor).handlers,
            **HandOverFacts(settings, self._floor, self._contact_facts).handlers,
            **ChangeFacts(settings, self._floor).handlers,
            **CallbackFacts(self._floor, self._contact_facts).handlers,
            ev.ClockTicked: self._clock_ticked,
            ev.Batch: self._batch,
        }

    # What a driver calls.

    def step(self, event: ev.Event, *, now_us: int) -> tuple[Action, ...]:
        """Apply a fact, decide, and return what is to be done.

        Args:
            event: What happened; a `Batch` for several facts of one instant.
            now_us: When, in microseconds since the epoch; not before the last step's.

        Returns:
            The actions in the order in which they are to be carried out. An event that cannot be
            yields one `Refused` and changes nothing; a repeat or a late answer yields nothing.

        Raises:
            CallerError: Time ran back, or a tick is owed: `next_wakeup_us()` is not after `now_us`
                and the event is not `ClockTicked`. The state is unchanged.
        """
        floor = self._floor
        if not self._now_us <= now_us < self._timers.soonest_us or now_us >= self._doors.turns_us:
            self._prepare(event, now_us)
        orders: list[Action] = []
        try:
            self._handlers[type(event)](event, now_us, orders)
        except RefusalError as error:
            orders.append(Refused(error.reason, error.about))
        self._now_us = now_us
        if self._sessions.is_asked:
            self._see_to_the_gone(now_us, orders)
        if self._overflows and floor.overflow.is_asked:
            floor.overflow.let_out(now_us, orders)
        while True:
            while (pair := self._next_pair(now_us)) is not None:
                leg, agent = pair
                if 0 < leg.expires_us <= now_us:  # So many end now that its turn was not yet.
                    expire(floor, leg, now_us, orders)
                    floor.matcher.refresh(agent)
                else:
                    floor.offer(leg, agent, now_us, orders)
            if not floor.to_several:
                break
            offer_to_several(floor, now_us, orders)
        if self._limited and floor.admission.is_asked:
            floor.admission.hold_to_limits(now_us, orders)
        if self._heard:
            floor.treatments.play(now_us, orders)
        return tuple(orders)

    def apply(self, event: ev.Event, actions: Sequence[Action], *, now_us: int) -> None:
        """Apply a fact and what was decided on it, as a journal recorded it: queues and offers.

        What else `actions` holds follows from the fact. No policy runs, so yesterday's journal is
        applied under today's policies; whether these want other offers too is seen at the next
        `step` that changes something, for example that of an empty `Batch`.

        Raises:
            CallerError: As `step`; or an offer names what does not exist or cannot be offered, or
                has another number than the router's next: the journal is not of this router,
                which has taken the fact by then and is to be thrown away.
        """
        floor = self._floor
        if not self._now_us <= now_us < self._timers.soonest_us or now_us >= self._doors.turns_us:
            self._prepare(event, now_us)
        entries = {one.leg_id: one for one in actions if type(one) is EnterQueue}
        self._contact_facts.recorded = entries
        self._contact_facts.regained = {
            one.leg_id: one for one in actions if type(one) is RegainPlace
        }
        with suppress(RefusalError):
            self._handlers[type(event)](event, now_us, [])
        self._contact_facts.recorded = None
        self._contact_facts.regained = {}
        self._now_us = now_us
        if self._sessions.is_asked:
            self._see_to_the_gone(now_us, [])
        if self._overflows and floor.overflow.is_asked:
            floor.overflow.let_out(now_us, [])
        for action in actions:
            if type(action) is CloseContact and action.outcome is ContactOutcome.EXPIRED:
                self._expire_as_recorded(action, now_us)
            if type(action) is OfferContact:
                leg = floor.legs.get(action.leg_id)
                agent = floor.by_id.get(action.agent_id)
                if (
                    leg is None
                    or agent is None
                    or not (leg.state is LegState.QUEUED or has_room(floor, leg))
                    or agent in takers(floor, leg)
                    or leg.klass.channel not in agent.capacity.settings.channels
                    or action.offer_id != floor.offers_given + 1
                ):
                    raise CallerError("offer {} does not fit the state", action.offer_id)
                floor.offer(leg, agent, now_us, [])
        floor.to_several.clear()
        if self._limited and floor.admission.is_asked:
            floor.admission.hold_as_recorded(actions, now_us)
        floor.treatments.play(now_us, [])
        for action in actions:
            if type(action) is AnnounceWait:
                put_as_recorded(floor, action, now_us)
        floor.matcher.settle()

    def _expire_as_recorded(self, action: CloseContact, now_us: int) -> None:
        """End a contact that expired before its timer's turn; mostly it has had its turn."""
        floor = self._floor
        contact = floor.contacts.get(action.contact_id)
        leg = None if contact is None else floor.legs[contact.legs[0]]
        if leg is not None and leg.state is LegState.QUEUED and 0 < leg.expires_us <= now_us:
            expire(floor, leg, now_us, [])

    def _see_to_the_gone(self, now_us: int, orders: list[Action]) -> None:
        """Let follow what follows where agents logged out."""
        sessions = self._sessions
        if sessions.gone:
            let_go_of_parked(self._floor, now_us, orders)
        if sessions.vacated:
            sessions.vacated = False
            self._vacated_us = now_us
        sessions.is_asked = now_us == self._vacated_us  # Also by who comes in this very instant.
        if sessions.is_asked:
            self._floor.stages.widen_unserved(now_us)

    def next_wakeup_us(self) -> int | None:
        """Return when `ClockTicked` is owed, exactly, or None where nothing will end by itself."""
        if self._overflows and self._floor.overflow.is_owed:
            return self._now_us
        if self._limited and self._floor.admission.is_owed:
            return self._now_us
        ends_us = self._timers.next_us()
        if not self._has_doors:
            return ends_us
        opens_us = self._doors.wakeup_us()
        if ends_us is None or opens_us is None:
            return opens_us if ends_us is None else ends_us
        return min(ends_us, opens_us)

    def snapshot(self) -> Snapshot:
        """Return all that the router knows: O(everything). A restored router goes on alike."""
        return take(self._floor, self._now_us)

    @classmethod
    def restore(
        cls, settings: DomainSettings, snapshot: Snapshot, *, make_matcher: MakeMatcher = _index
    ) -> "Router":
        """Return a router that goes on where `snapshot` was taken.

        Under other settings step `SettingsChanged`, so that what nobody may take goes back, and
        whoever may now be taken is; before it `ClockTicked` while `next_wakeup_us()` is not after
        the present (a shorter time may be over already).

        Raises:
            ConfigError: The settings have mistakes, or lack what the snapshot speaks of.
        """
        router = cls(settings, make_matcher=make_matcher)
        router._turn_doors(snapshot.now_us)
        put_back(snapshot, router._floor)
        router._now_us = router._vacated_us = snapshot.now_us
        router._sessions.is_asked = True
        return router

    @property
    def settings(self) -> DomainSettings:
        """How the domain is set up."""
        return self._settings

    @property
    def now_us(self) -> int:
        """The instant of the last step."""
        return self._now_us

    @property
    def agents(self) -> tuple[Agent, ...]:
        """The agents in the settings' order. To be read, not changed."""
        return self._floor.agents

    def agent(self, agent_id: AgentId) -> Agent:
        """Return the agent of this id. To be read, not changed.

        Raises:
            KeyError: There is none.
        """
        return self._floor.by_id[agent_id]

    def is_changed(self, agent_id: AgentId) -> bool:
        """Return whether an agent is otherwise than the settings say (`AgentChanged`).

        Raises:
            KeyError: There is no such agent.
        """
        return self._floor.by_id[agent_id].index in self._floor.kinds.changed

    @property
    def contacts(self) -> Mapping[str, Contact]:
        """The open contacts, oldest first."""
        return MappingProxyType(self._floor.contacts)

    @property
    def legs(self) -> Mapping[int, Leg]:
        """The open legs, oldest first."""
        return MappingProxyType(self._floor.legs)

    @property
    def offers(self) -> Mapping[int, Offer]:
        """The pending offers, and the accepted ones until their legs close."""
        return MappingProxyType(self._floor.offers)

    @property
    def performance(self) -> Performance:
        """What is measured of the agents. To be read, not changed."""
        return self._floor.selection.performance

    @property
    def selection(self) -> Selection:
        """Who of several agents is the better, and what that hangs on. To be read, not changed."""
        return self._floor.selection

    @property
    def hand_overs(self) -> HandOvers:
        """What was asked of other domains, and promised to them. To be read, not changed."""
        return self._floor.hand_overs

    @property
    def turns(self) -> Mapping[QueueName, AgentId]:
        """The agent to whom each queue offered last; empty where no `round_robin` asks."""
        agents = self._floor.agents
        return {queue: agents[at].agent_id for queue, at in self._floor.selection.turns.items()}

    def occupancy(self, agent_id: AgentId) -> int | None:
        """Return an agent's occupancy at the last step, in millionths (`acd.occupancy`).

        None where no `least_occupied` asks for it.

        Raises:
            KeyError: There is no such agent.
        """
        agent = self._floor.by_id[agent_id]
        occupancy = self._floor.selection.occupancy
        return None if occupancy is None else occupancy.of(agent, self._now_us)

    def estimate(self, leg_id: LegId) -> Estimate:
        """Return how long a waiting leg will go on waiting, from the last step on.

        O(classes with waiting legs that share agents with its own); see `acd.wait_time`.

        Raises:
            CallerError: It does not wait, or the settings do not have waits estimated.
        """
        leg = self._floor.legs.get(leg_id)
        if leg is None or leg.state is not LegState.QUEUED:
            raise CallerError("leg {} does not wait", leg_id)
        if self._floor.wait_times is None:
            raise CallerError("waits are not estimated; wanted domain.estimated_wait")
        return self._floor.wait_times.of(leg, self._now_us)

    def _prepare(self, event: ev.Event, now_us: int) -> None:
        """Check the time of a step; then let the queues show whether they are open."""
        if not self._now_us <= now_us < STEP_US_MAX:
            what = "time is {}; wanted at least {} and below {}"
            raise CallerError(what, now_us, self._now_us, STEP_US_MAX)
        if type(event) is not ev.ClockTicked:
            due_us = self.next_wakeup_us()
            if due_us is not None and due_us <= now_us:
                raise CallerError("a tick is owed since {}; wanted clock.ticked first", due_us)
        if now_us >= self._doors.turns_us:
            self._turn_doors(now_us)

    def _turn_doors(self, now_us: int) -> None:
        """Open and close queues by their calendars."""
        for door in self._doors.turn(now_us):
            self._turned(door, opened=not door.is_shut)
            if door.is_shut:
                self._floor.overflow.note_closed(door)

    def _batch(self, batch: ev.Batch, now_us: int, orders: list[Action]) -> None:
        for position, event in enumerate(batch.events):
            try:
                self._handlers[type(event)](event, now_us, orders)
            except RefusalError as error:
                orders.append(Refused(error.reason, error.about, position))

    def _clock_ticked(self, event: ev.ClockTicked, now_us: int, orders: list[Action]) -> None:
        del event
        self._leases.fire(now_us, orders, at_most=FIRED_MAX)

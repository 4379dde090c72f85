"""The measures: folded from the journal's events and actions, and from nothing else.

So live, simulated and replayed figures are the same figures. `Metrics` keeps its own small mirror:
the contacts inside, the offers that are live, and who of the agents is ready. It never looks into
the Router, and it takes the Router's word for what was refused; what the Router ignores (a late
answer, a repeat) it must ignore by the same rules, which are few:

- an offer ends once: by a `WithdrawOffer`, by an `OfferRejected` or `OfferFailed` that was not
  refused, or with its contact; a leg waits again when the last of its offers has ended;
- `LegConnected` counts once for each offer;
- a leg closes by `CloseLeg`, and the last of its contact by `CloseContact`; whether the customer or
  the agent ended it does not matter here. A further leg counts like a first one from its `OpenLeg`;
- an agent is ready after an `AgentReady` that was not refused, until he or the Router says
  otherwise. That he is draining or logged out shows in no figure.

The events of a `Batch` are folded between its `WithdrawOffer`s, which settle which answers were
late, with what is filed of legs that close, and its other actions. All happen in one instant, so
that no time is lost by the order.

Definitions and formulas: `acd.figures` and docs/measures.md.
"""

from collections.abc import Callable
from typing import Any, Final

from acd.actions import (
    Action,
    AnnounceWait,
    CallbackDue,
    CloseContact,
    CloseLeg,
    EnterQueue,
    FileDisposition,
    GrantCallback,
    InterruptLeg,
    OfferContact,
    OpenLeg,
    Refused,
    ResumeLeg,
    SetAgentState,
    WithdrawOffer,
)
from acd.entry import entered
from acd.errors import CallerError
from acd.events import (
    AgentLoggedOut,
    AgentNotReady,
    AgentReady,
    Batch,
    ContactArrived,
    ContactTakenOver,
    DrainRequested,
    Event,
    LegConnected,
    LegParked,
    LegResumed,
    OfferFailed,
    OfferRejected,
)
from acd.figures import (
    ANSWERED,
    ANSWERED_IN_TIME,
    BY_CAUSE,
    BY_EXIT,
    BY_OUTCOME,
    CALLBACKS,
    HANDLED,
    HANDLING_US,
    NONE,
    OFFERED,
    OFFERS,
    OTHER_EXITS,
    REACHED,
    REJECTED,
    WAIT_US,
    WAITING_US,
    Report,
    definition_digest,
    definitions,
    service_level,
)
from acd.ids import Availability, Channel, ContactOutcome, OfferId, QueueName
from acd.inside import LIFE_OF_LEGS, Inside, lives_of_legs, take_life_of
from acd.settings import DomainSettings
from acd.tallies import (
    HANDLING,
    INTERRUPTED,
    NOBODY,
    NOTHING,
    PARKED,
    QUEUED,
    RINGING,
    Intervals,
    Leg,
    Times,
    cell_of,
    count_abandon,
    cut_clocks,
    go_on,
    make_clocks,
    make_tallies,
    row_of,
    score,
    stop_handling,
    team_of,
    times_of,
    waiting_of,
)
from acd.wait_counts import wait_bucket

__all__ = ["Metrics", "Report", "definitions", "service_level"]

_FOLDED_FIRST: Final = (WithdrawOffer, FileDisposition)
_FOLDED_BEFORE: Final = (*_FOLDED_FIRST, *LIFE_OF_LEGS)

INTERVALS_MAX: Final = 40_000
"""Most intervals in a report: two years of half hours."""


class Metrics:
    """Counts what happens. To be told of every step from `from_us` on, in order.

    Started later, it counts what it can know: legs that were opened before are left out whole.
    Memory: a cell of 33 numbers for each queue, channel and interval in which something happened.
    """

    __slots__ = (
        "_clocks",
        "_cut_us",
        "_from_us",
        "_inside",
        "_interval",
        "_interval_us",
        "_intervals",
        "_offers",
        "_on_action",
        "_on_event",
        "_pools",
        "_settings",
        "_start_us",
        "_tallies",
    )

    def __init__(self, settings: DomainSettings, *, from_us: int) -> None:
        """Start counting at `from_us`: intervals are reckoned from it. Cost: O(agents)."""
        self._settings = settings
        self._from_us = from_us
        self._interval_us = settings.measures.interval_us
        self._interval = 0
        self._start_us = from_us
        self._cut_us = from_us + self._interval_us
        self._intervals = Intervals(from_us, self._interval_us)
        self._tallies = make_tallies(settings)
        self._clocks, self._pools = make_clocks(settings)
        self._inside: Inside[Leg] = Inside()
        self._offers: dict[OfferId, Leg] = {}
        self._on_event: dict[type, Callable[[Any, int], None]] = {
            ContactArrived: self._contact_arrived,
            OfferRejected: self._offer_rejected,
            OfferFailed: self._offer_failed,
            LegConnected: self._leg_connected,
            LegParked: self._leg_parked,
            LegResumed: self._leg_resumed,
            AgentReady: self._agent_ready,
            AgentNotReady: self._agent_not_ready,
            DrainRequested: self._agent_not_ready,
            AgentLoggedOut: self._agent_not_ready,
        }
        self._on_action: dict[type, Callable[[Any, int], None]] = {
            OfferContact: self._offer_contact,
            WithdrawOffer: self._withdraw_offer,
            InterruptLeg: self._interrupt_leg,
            ResumeLeg: self._resume_leg,
            OpenLeg: self._open_leg,
            CloseLeg: self._close_leg,
            CloseContact: self._close_contact,
            GrantCallback: self._grant_callback,
            CallbackDue: self._callback_due,
            SetAgentState: self._set_agent_state,
            FileDisposition: self._file_disposition,
            AnnounceWait: self._announce_wait,
        }

    def fold(self, event: Event, actions: tuple[Action, ...], now_us: int) -> None:
        """Count one step: what the Router was told, and what it answered.

        Cost: O(1) and O(actions); once an interval O(agents).
        """
        if now_us >= self._cut_us:
            self._cut(now_us)
        on_event = self._on_event.get(type(event))
        if on_event is not None:
            if actions:
                first = type(actions[0])
                if first is Refused:
                    return
                if first is EnterQueue:
                    event = entered(event, actions)
            on_event(event, now_us)
        elif type(event) is Batch or type(event) is ContactTakenOver:
            self._fold_batch(entered(event, actions), actions, now_us)
            return
        for action in actions:
            on_action = self._on_action.get(type(action))
            if on_action is not None:
                on_action(action, now_us)

    def waits(self) -> dict[tuple[QueueName, Channel], dict[int, int]]:
        """Return how many of the answered waited how long: by `wait_bucket`, where anybody did."""
        tallies = (one for channels in self._tallies.values() for one in channels.values())
        return {(one.queue, one.channel): dict(one.waits) for one in tallies if one.waits}

    def report(self, now_us: int) -> Report:
        """Return the figures from the start until now, which is not before the last step.

        Cost: O(agents + contacts inside + queues × channels × intervals).

        Raises:
            CallerError: There would be more than `INTERVALS_MAX` intervals.
        """
        if now_us >= self._cut_us:
            self._cut(now_us)
        count = self._interval + 1
        if count > INTERVALS_MAX:
            what = "a report of {} intervals; wanted at most {}"
            raise CallerError(what, count, INTERVALS_MAX)
        tallies = [one for channels in self._tallies.values() for one in channels.values()]
        entered = any(tally.interval == self._interval for tally in tallies)
        if count > 1 and now_us == self._start_us and not entered:
            count -= 1  # The last interval begins now, and nobody entered in it.
        cuts = [self._from_us + number * self._interval_us for number in range(count)] + [now_us]
        times = times_of(
            self._pools, self._clocks.values(), count, now_us, cut=self._interval < count
        )
        waiting = waiting_of(self._inside)
        groups: dict[str, list[Times]] = {}
        for one in times:
            groups.setdefault(one.pool.group, []).append(one)
        text = definitions(self._settings)
        return Report(
            definition_digest=definition_digest(text),
            definitions=text,
            from_us=self._from_us,
            to_us=now_us,
            interval_us=self._interval_us,
            rows=tuple(
                row_of(
                    tally,
                    waiting=waiting.get((tally.queue, tally.channel), ()),
                    times=times,
                    intervals=self._intervals,
                    cuts=cuts,
                    abandons=self._settings.measures.abandons,
                )
                for tally in tallies
            ),
            groups=tuple(team_of(name, of_group, cuts) for name, of_group in groups.items()),
            total=team_of("", times, cuts),
            provisional=bool(waiting),
        )

    def _fold_batch(self, batch: Event, actions: tuple[Action, ...], now_us: int) -> None:
        """Count a batch: what was withdrawn and filed, then its events, then all else."""
        refused = {action.position for action in actions if type(action) is Refused}
        legs = lives_of_legs(actions)
        for action in actions:
            if type(action) in _FOLDED_FIRST:
                self._on_action[type(action)](action, now_us)
        events = batch.events if isinstance(batch, Batch) else (batch,)
        for position, event in enumerate(events):
            on_event = self._on_event.get(type(event))
            if on_event is None or position in refused:
                continue
            if type(event) is ContactArrived and event.contact_id in self._inside:
                # It was not refused, so the contact of that id had ended within this batch.
                for action in take_life_of(event.contact_id, legs):
                    self._on_action[type(action)](action, now_us)
            on_event(event, now_us)
        for action in legs:
            self._on_action[type(action)](action, now_us)
        for action in actions:
            if type(action) not in _FOLDED_BEFORE:
                on_action = self._on_action.get(type(action))
                if on_action is not None:
                    on_action(action, now_us)

    # Events ---------------------------------------------------------------------------------

    def _contact_arrived(self, event: ContactArrived, now_us: int) -> None:
        self._inside.first[event.contact_id] = self._enter(event.queue, event.channel, now_us)

    def _enter(self, queue: QueueName, channel: Channel, now_us: int) -> Leg:
        """Count a leg as offered, in the interval of its entry."""
        tally = self._tallies[queue][channel]
        if tally.interval != self._interval:
            tally.interval = self._interval
            tally.cell = cell_of(tally.cells, self._interval, NOTHING)
        cell = tally.cell
        cell[OFFERED] += 1
        return Leg(tally, cell, now_us, NOBODY)

    def _offer_rejected(self, event: OfferRejected, now_us: int) -> None:
        leg = self._offers.get(event.offer_id)
        if leg is not None and leg.place < HANDLING:
            self._end_offer(leg, event.offer_id, REJECTED, now_us)

    def _offer_failed(self, event: OfferFailed, now_us: int) -> None:
        leg = self._offers.get(event.offer_id)
        if leg is not None and leg.place < HANDLING:
            self._end_offer(leg, event.offer_id, BY_CAUSE[event.cause], now_us)

    def _leg_connected(self, event: LegConnected, now_us: int) -> None:
        leg = self._offers.get(event.offer_id)
        if leg is None or leg.place >= HANDLING:
            return
        leg.place = HANDLING
        leg.handling_us = -now_us
        if leg.further:
            leg.take(event.offer_id)
        agent = leg.agent
        agent.ringing -= 1
        agent.handling += 1
        if agent.handling == 1:
            agent.busy_us -= now_us
        tally = leg.tally
        cell = leg.cell
        if leg.calls_back:
            cell[REACHED] += 1
            return
        cell[ANSWERED] += 1
        wait_us = now_us - leg.entered_us
        if tally.is_in_time(leg.entered_us, now_us):
            cell[ANSWERED_IN_TIME] += 1
        bucket = 0
        if wait_us:
            cell[WAIT_US] += wait_us
            self._end_wait(leg, now_us)
            bucket = wait_bucket(wait_us)
        tally.waits[bucket] = tally.waits.get(bucket, 0) + 1
        if leg.told_us:
            score(leg)

    def _leg_parked(self, event: LegParked, now_us: int) -> None:
        leg = self._offers.get(event.offer_id)
        if leg is not None and leg.place in {HANDLING, INTERRUPTED}:
            if leg.place == HANDLING:
                stop_handling(leg, now_us)
            leg.place = PARKED

    def _leg_resumed(self, event: LegResumed, now_us: int) -> None:
        leg = self._offers.get(event.offer_id)
        if leg is not None and leg.place == PARKED:
            go_on(leg, now_us)

    def _agent_ready(self, event: AgentReady, now_us: int) -> None:
        agent = self._clocks[event.agent_id]
        if not agent.ready:
            agent.ready = True
            agent.start_idle(now_us)

    def _agent_not_ready(
        self, event: AgentNotReady | DrainRequested | AgentLoggedOut | SetAgentState, now_us: int
    ) -> None:
        """Note it at once also where the break begins later: until then he is not idle anyway."""
        agent = self._clocks[event.agent_id]
        agent.stop_idle(now_us)
        agent.ready = False

    # Actions --------------------------------------------------------------------------------

    def _open_leg(self, action: OpenLeg, now_us: int) -> None:
        leg = self._enter(action.queue, action.channel, now_us)
        self._inside.open(action.contact_id, action.leg_id, leg)

    def _offer_contact(self, action: OfferContact, now_us: int) -> None:
        leg = self._inside.get(action.contact_id, action.leg_id)
        if leg is None:
            return
        agent = self._clocks[action.agent_id]
        if agent.ready and not agent.ringing and not agent.handling:
            agent.idle_us += now_us
        agent.ringing += 1
        leg.cell[OFFERS] += 1
        self._offers[action.offer_id] = leg
        if leg.place == RINGING:
            leg.further = {**(leg.further or {}), action.offer_id: agent}
            return
        leg.place = RINGING
        leg.rings_us = now_us
        leg.offer_id = action.offer_id
        leg.agent = agent

    def _withdraw_offer(self, action: WithdrawOffer, now_us: int) -> None:
        leg = self._offers.get(action.offer_id)
        if leg is not None:
            self._end_offer(leg, action.offer_id, BY_OUTCOME[action.outcome], now_us)

    def _interrupt_leg(self, action: InterruptLeg, now_us: int) -> None:
        leg = self._offers.get(action.offer_id)
        if leg is not None:
            leg.place = INTERRUPTED
            stop_handling(leg, now_us)

    def _resume_leg(self, action: ResumeLeg, now_us: int) -> None:
        leg = self._offers.get(action.offer_id)
        if leg is not None and leg.place == INTERRUPTED:
            go_on(leg, now_us)

    def _close_leg(self, action: CloseLeg, now_us: int) -> None:
        leg = self._inside.close_leg(action.contact_id, action.leg_id)
        if leg is not None:
            self._close(leg, action.outcome, now_us)

    def _close_contact(self, action: CloseContact, now_us: int) -> None:
        leg = self._inside.close_contact(action.contact_id)
        if leg is not None:
            self._close(leg, action.outcome, now_us)

    def _close(self, leg: Leg, outcome: ContactOutcome, now_us: int) -> None:
        cell = leg.cell
        if leg.place >= HANDLING:
            del self._offers[leg.offer_id]
            if leg.place == HANDLING:
                stop_handling(leg, now_us)
            cell[HANDLED] += 1
            cell[HANDLING_US] += leg.handling_us
            return
        if leg.calls_back:
            return
        wait_us = now_us - leg.entered_us
        if wait_us:
            self._end_wait(leg, now_us)
        if outcome is not ContactOutcome.ABANDONED:
            cell[BY_EXIT.get(outcome, OTHER_EXITS)] += 1
            return
        count_abandon(leg, now_us)

    def _grant_callback(self, action: GrantCallback, now_us: int) -> None:
        """Let a customer wait on the line no longer."""
        leg = self._inside.get(action.contact_id, action.leg_id)
        if leg is not None:
            self._end_wait(leg, now_us)
            self._call_back(leg)

    def _callback_due(self, action: CallbackDue, now_us: int) -> None:
        """Let a leg be offered from now on that was scheduled; others that are due were before."""
        if not action.attempts:
            leg = self._enter(action.queue, Channel.VOICE, now_us)
            self._inside.first[action.contact_id] = leg
            self._call_back(leg)

    def _call_back(self, leg: Leg) -> None:
        leg.calls_back = True
        leg.cell[CALLBACKS] += 1

    def _set_agent_state(self, action: SetAgentState, now_us: int) -> None:
        """Only one of these says what no event said: the agent let an offer ring out."""
        if action.availability is Availability.NOT_RESPONDING:
            self._agent_not_ready(action, now_us)

    def _file_disposition(self, action: FileDisposition, _now_us: int) -> None:
        leg = self._offers.get(action.offer_id)
        if leg is not None:
            leg.tally.dispositions[action.disposition or NONE] += 1

    def _announce_wait(self, action: AnnounceWait, now_us: int) -> None:
        leg = self._inside.get(action.contact_id, action.leg_id)
        if leg is not None and action.wait_us is not None:
            leg.told_us += ((now_us, action.wait_us),)

    # What several of them share -------------------------------------------------------------

    def _end_offer(self, leg: Leg, offer_id: OfferId, place: int, now_us: int) -> None:
        """Count an offer's end; put its leg back into its queue, unless others of it ring."""
        leg.cell[place] += 1
        del self._offers[offer_id]
        if leg.further:
            agent = leg.drop(offer_id)
        else:
            agent = leg.agent
            leg.place = QUEUED
        agent.ringing -= 1
        agent.start_idle(now_us)

    def _end_wait(self, leg: Leg, now_us: int) -> None:
        """Add a wait that was not 0 to the area under the number waiting."""
        if leg.entered_us >= self._start_us:
            leg.cell[WAITING_US] += now_us - leg.entered_us
            return
        for interval, part_us in self._intervals.parts(leg.entered_us, now_us):
            cell_of(leg.tally.cells, interval, NOTHING)[WAITING_US] += part_us

    def _cut(self, now_us: int) -> None:
        """Begin the interval that now lies in: cut the clocks of all agents at every boundary."""
        ended = self._interval
        self._interval = (now_us - self._from_us) // self._interval_us
        self._start_us = self._from_us + self._interval * self._interval_us
        self._cut_us = self._start_us + self._interval_us
        cut_clocks(self._clocks.values(), self._intervals, ended, self._interval)

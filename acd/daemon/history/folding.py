"""The fold: entries of the journal become rows. One transaction for each call.

It follows the rules of `acd.metrics`, one by one, so that the measures of both are equal; where
that adds to a cell, this writes down when it happened.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from acd import actions as act
from acd import events as ev
from acd.agents import AgentSignal
from acd.daemon.history.crew import UNKNOWN, Crew
from acd.daemon.history.legs import Leg, Legs
from acd.entry import entered
from acd.figures import (
    BY_CAUSE,
    BY_OUTCOME,
    OFFERS,
    REJECTED,
)
from acd.ids import Availability, Channel, ContactOutcome, OfferOutcome
from acd.inside import LifeOfLeg, lives_of_legs, take_life_of
from acd.journal.records import Entry
from acd.tallies import HANDLING, INTERRUPTED, PARKED

PORTION: Final = 1_000
"""Most contacts that one transaction forgets: 20 ms."""

_OLD: Final = "SELECT contact FROM contacts WHERE ended_us < :old_us ORDER BY ended_us LIMIT :most"
_TO_BREAK_OFF: Final = (Availability.READY, Availability.NOT_RESPONDING)
"""Availabilities that "not ready after this one" will end, as in `acd.router`."""

_TO_LOG_IN: Final = (Availability.LOGGED_OUT, UNKNOWN)
"""Availabilities that a log-in ends."""

_FORGET: Final = (
    f"DELETE FROM offers WHERE contact IN ({_OLD})",  # noqa: S608 - a constant.
    f"DELETE FROM announcements WHERE contact IN ({_OLD})",  # noqa: S608 - a constant.
    f"DELETE FROM contacts WHERE contact IN ({_OLD})",  # noqa: S608 - a constant.
    *(
        f"DELETE FROM {table} WHERE contact_id IN (SELECT contact_id"  # noqa: S608 - two constants.
        f" FROM {table} AS one WHERE {at_us} < :old_us AND NOT EXISTS"
        " (SELECT 1 FROM contacts WHERE contacts.contact_id = one.contact_id) LIMIT :most)"
        for table, at_us in (("acknowledgements", "told_us"), ("overflows", "at_us"))
    ),
    *(
        f"DELETE FROM {table} WHERE (agent_id, from_us) IN"  # noqa: S608 - two constants.
        f" (SELECT agent_id, from_us FROM {table} WHERE to_us < :old_us LIMIT :most)"
        for table in ("agent_states", "activities")
    ),
)


class Fold:
    """Who is inside and what the agents do, and the tables behind them."""

    def __init__(self, connection: sqlite3.Connection, *, keep_us: int) -> None:
        self._sql = connection
        self._keep_us = keep_us
        self.entry, self.now_us = connection.execute("SELECT entry, now_us FROM folded").fetchone()
        self._legs = Legs(connection)
        self._crew = Crew(connection)
        self._on_event: dict[type, Callable[[Any, int], None]] = {
            ev.ContactArrived: self._arrived,
            ev.OfferRejected: self._rejected,
            ev.OfferFailed: self._failed,
            ev.LegConnected: self._connected,
            ev.LegParked: self._parked,
            ev.LegResumed: self._resumed,
            ev.AgentLoggedIn: self._agent_said,
            ev.AgentReady: self._agent_said,
            ev.AgentNotReady: self._agent_said,
            ev.DrainRequested: self._agent_said,
            ev.AgentLoggedOut: self._agent_said,
        }
        self._on_action: dict[type, Callable[[Any, int], None]] = {
            act.OfferContact: self._offer,
            act.InterruptLeg: self._interrupt,
            act.ResumeLeg: self._resume,
            act.SetAgentState: self._set_state,
            act.Acknowledge: self._acknowledge,
            act.OverflowLeg: self._overflow,
            act.AnnounceWait: self._announce,
        }

    def write(self, entries: tuple[Entry, ...]) -> None:
        """Fold entries in order and commit; those already folded are passed over.

        Entries that are missing before one are noted as a gap.
        """
        self._sql.execute("BEGIN IMMEDIATE")
        for entry in entries:
            if entry.number <= self.entry:
                continue
            if entry.number > self.entry + 1:
                self._gap(entry)
            self._step(entry)
            self.entry = entry.number
            self.now_us = entry.now_us
        self._legs.flush()
        self._crew.flush()
        self._sql.execute("UPDATE folded SET entry = ?, now_us = ?", (self.entry, self.now_us))
        for statement in _FORGET:
            old = {"old_us": self.now_us - self._keep_us, "most": PORTION}
            self._sql.execute(statement, old)
        self._sql.execute("COMMIT")

    def _gap(self, entry: Entry) -> None:
        self._sql.execute(
            "INSERT INTO gaps VALUES (?, ?, ?, ?)",
            (self.entry + 1, entry.number - 1, self.now_us, entry.now_us),
        )
        self._legs.lose_all(self.now_us)
        self._crew.lose_all(self.now_us)

    def _step(self, entry: Entry) -> None:
        """Fold a step: what was withdrawn, its events in order, then the other actions."""
        now_us = entry.now_us
        event = entered(entry.event, entry.actions)
        refused = {one.position for one in entry.actions if type(one) is act.Refused}
        batch = type(event) is ev.Batch
        legs = lives_of_legs(entry.actions)
        withdrawals = [one for one in entry.actions if type(one) is act.WithdrawOffer]
        for action in entry.actions:
            if type(action) is act.FileDisposition:
                self._file(action)
        if batch:
            self._withdraw(withdrawals, now_us)
        events = event.events if isinstance(event, ev.Batch) else (event,)
        for position, one in enumerate(events):
            on_event = self._on_event.get(type(one))
            if on_event is None or position in refused:
                continue
            if isinstance(one, ev.ContactArrived) and one.contact_id in self._legs.inside:
                for end in take_life_of(one.contact_id, legs):
                    self._come_or_go(end, now_us)
            on_event(one, now_us)
        if not batch:
            self._withdraw(withdrawals, now_us)
        for leg in legs:
            self._come_or_go(leg, now_us)
        for action in entry.actions:
            on_action = self._on_action.get(type(action))
            if on_action is not None:
                on_action(action, now_us)
        self._crew.settle(now_us)

    # Events.

    def _arrived(self, event: ev.ContactArrived, now_us: int) -> None:
        self._legs.enter(
            event.contact_id,
            customer=event.customer,
            queue=event.queue,
            channel=str(event.channel),
            now_us=now_us,
        )

    def _rejected(self, event: ev.OfferRejected, now_us: int) -> None:
        self._end_offer(event.offer_id, REJECTED, now_us, outcome="rejected", cause=event.reason)

    def _failed(self, event: ev.OfferFailed, now_us: int) -> None:
        cause = str(event.cause)
        self._end_offer(event.offer_id, BY_CAUSE[cause], now_us, outcome="failed", cause=cause)

    def _connected(self, event: ev.LegConnected, now_us: int) -> None:
        leg, offer = self._legs.by_offer.get(event.offer_id, (None, None))
        if leg is None or offer is None or leg.place >= HANDLING:
            return
        leg.place = HANDLING
        leg.handling_us = -now_us
        leg.offer_id, leg.agent_id = offer.offer_id, offer.agent_id
        leg.answered_us = offer.answered_us = now_us
        member = self._crew.touch(offer.agent_id)
        member.ringing -= 1
        member.handling += 1
        self._legs.changed(leg, offer)

    def _agent_said(self, event: Any, now_us: int) -> None:  # noqa: ANN401 - one of five events.
        member = self._crew.touch(event.agent_id)
        signal = _SIGNALS[type(event)]
        if isinstance(event, ev.AgentNotReady):
            member.ready = 0
            if event.after_this_one and not member.has_none():
                if member.availability in _TO_BREAK_OFF:
                    member.pending = event.reason
                return
            self._crew.told(event.agent_id, signal, now_us, event.reason)
            return
        if isinstance(event, ev.AgentLoggedIn):
            if member.availability not in _TO_LOG_IN:
                return  # A repeat: his break and its reason go on.
        else:
            member.ready = int(isinstance(event, ev.AgentReady))
        self._crew.told(event.agent_id, signal, now_us)

    # Actions.

    def _withdraw(self, withdrawals: list[act.WithdrawOffer], now_us: int) -> None:
        for action in withdrawals:
            outcome = action.outcome
            cause = "not_connected" if outcome is OfferOutcome.FAILED else ""
            place = BY_OUTCOME[outcome]
            self._end_offer(action.offer_id, place, now_us, outcome=str(outcome), cause=cause)

    def _file(self, action: act.FileDisposition) -> None:
        leg, offer = self._legs.by_offer.get(action.offer_id, (None, None))
        if leg is not None and offer is not None:
            leg.disposition = action.disposition
            self._legs.changed(leg, offer)

    def _offer(self, action: act.OfferContact, now_us: int) -> None:
        member = self._crew.touch(action.agent_id)
        if member.availability == UNKNOWN:  # Nothing is offered to anybody who is not ready.
            self._crew.show(member, Availability.READY, now_us)
            member.ready = 1
        leg = self._legs.inside.get(action.contact_id, action.leg_id)
        if leg is not None:
            member.ringing += 1
            self._legs.offer(leg, action.offer_id, action.agent_id, now_us)

    def _acknowledge(self, action: act.Acknowledge, now_us: int) -> None:
        row = (action.contact_id, action.reference, now_us, action.expected_s)
        self._sql.execute("INSERT OR REPLACE INTO acknowledgements VALUES (?, ?, ?, ?)", row)

    def _overflow(self, action: act.OverflowLeg, now_us: int) -> None:
        targets = {
            "queue": action.queue,
            "voicemail": action.voicemail,
            "message": action.message,
            "callback": action.callback,
        }
        target = next(key for key, name in targets.items() if name)
        row = (action.contact_id, now_us, action.because, target, targets[target], action.limit)
        self._sql.execute("INSERT INTO overflows VALUES (?, ?, ?, ?, ?, ?)", row)

    def _announce(self, action: act.AnnounceWait, now_us: int) -> None:
        leg = self._legs.inside.get(action.contact_id, action.leg_id)
        if leg is not None and action.wait_us is not None:
            self._legs.announce(leg, action.wait_us, now_us)

    def _interrupt(self, action: act.InterruptLeg, now_us: int) -> None:
        self._turn(action.offer_id, HANDLING, INTERRUPTED, now_us)

    def _resume(self, action: act.ResumeLeg, now_us: int) -> None:
        self._turn(action.offer_id, INTERRUPTED, HANDLING, -now_us)

    def _parked(self, event: ev.LegParked, now_us: int) -> None:
        leg, offer = self._legs.by_offer.get(event.offer_id, (None, None))
        if leg is None or offer is None or leg.place not in {HANDLING, INTERRUPTED}:
            return
        member = self._crew.touch(offer.agent_id)
        if leg.place == HANDLING:
            leg.handling_us += now_us
            member.handling -= 1
        else:
            member.aside -= 1
        leg.place = PARKED
        self._legs.changed(leg, offer)

    def _resumed(self, event: ev.LegResumed, now_us: int) -> None:
        leg, offer = self._legs.by_offer.get(event.offer_id, (None, None))
        if leg is not None and offer is not None and leg.place == PARKED:
            leg.place = HANDLING
            leg.handling_us -= now_us
            self._crew.touch(offer.agent_id).handling += 1
            self._legs.changed(leg, offer)

    def _turn(self, offer_id: int, before: int, after: int, handling_us: int) -> None:
        """Set a contact aside, or bring it back."""
        leg, offer = self._legs.by_offer.get(offer_id, (None, None))
        if leg is None or offer is None or leg.place != before:
            return
        leg.place = after
        leg.handling_us += handling_us
        step = 1 if after == HANDLING else -1
        member = self._crew.touch(offer.agent_id)
        member.handling += step
        member.aside -= step
        self._legs.changed(leg, offer)

    def _come_or_go(self, action: LifeOfLeg, now_us: int) -> None:
        inside, contact_id = self._legs.inside, action.contact_id
        match action:
            case act.OpenLeg():
                customer = next((one.customer for one in inside.of(contact_id)), "")
                self._legs.enter(
                    contact_id,
                    customer=customer,
                    queue=action.queue,
                    channel=str(action.channel),
                    now_us=now_us,
                    leg_id=action.leg_id,
                )
            case act.GrantCallback():
                leg = inside.get(contact_id, action.leg_id)
                if leg is not None:
                    self._legs.call_back(leg, now_us)
            case act.CallbackDue():
                if not action.attempts:  # It was scheduled, and begins now.
                    self._legs.enter(
                        contact_id,
                        customer=action.customer,
                        queue=action.queue,
                        channel=str(Channel.VOICE),
                        now_us=now_us,
                        callback_us=now_us,
                    )
            case act.CloseLeg():
                self._close(inside.close_leg(contact_id, action.leg_id), action.outcome, now_us)
            case act.CloseContact():
                self._close(inside.close_contact(contact_id), action.outcome, now_us)

    def _close(self, leg: Leg | None, outcome: ContactOutcome, now_us: int) -> None:
        if leg is None:
            return
        if leg.place >= HANDLING:
            member = self._crew.touch(leg.agent_id)
            if leg.place == HANDLING:
                leg.handling_us += now_us
                member.handling -= 1
            elif leg.place == INTERRUPTED:
                member.aside -= 1
        self._legs.close(leg, str(outcome), now_us)

    def _set_state(self, action: act.SetAgentState, now_us: int) -> None:
        member = self._crew.touch(action.agent_id)
        if action.availability is Availability.NOT_RESPONDING:
            member.ready = 0
        self._crew.show(member, action.availability, now_us, action.reason)

    def _end_offer(
        self, offer_id: int, place: int, now_us: int, *, outcome: str, cause: str
    ) -> None:
        leg, offer = self._legs.by_offer.get(offer_id, (None, None))
        if leg is None or offer is None or offer.answered_us is not None:
            return
        leg.counts[place - OFFERS] += 1
        self._crew.touch(offer.agent_id).ringing -= 1
        self._legs.end_offer(leg, offer, outcome, now_us, cause=cause)


_SIGNALS: Final[dict[type, AgentSignal]] = {
    ev.AgentLoggedIn: AgentSignal.LOGGED_IN,
    ev.AgentReady: AgentSignal.READY,
    ev.AgentNotReady: AgentSignal.NOT_READY,
    ev.DrainRequested: AgentSignal.DRAIN,
    ev.AgentLoggedOut: AgentSignal.LOGGED_OUT,
}

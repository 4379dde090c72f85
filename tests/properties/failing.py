"""What follows for an agent from offers that failed: docs/routing/offers.md once more.

`look` is called before a step and `check` after it. From the settings alone it is worked out how
long he is left alone, by cause, and where his misses, or the reason of his reject, send him. What
came in a batch is only held to what is always so: there the order of the facts decides, which the
routers in lockstep compare.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from acd.actions import Action, Refused, SetAgentState, WithdrawOffer
from acd.agents import Agent
from acd.contacts import OfferState
from acd.events import Batch, ClockTicked, Event, OfferFailed, OfferRejected
from acd.ids import Availability, FailureCause, OfferOutcome
from acd.leases import MISSED
from acd.router import Router
from acd.settings import AfterMiss, DomainSettings
from tests.properties.naive import in_hand

_TAKES_NOTHING: Final = (
    Availability.LOGGED_OUT,
    Availability.NOT_READY,
    Availability.NOT_RESPONDING,
)
_AFTER_MISS: Final = {
    AfterMiss.NOT_RESPONDING: Availability.NOT_RESPONDING,
    AfterMiss.NOT_READY: Availability.NOT_READY,
}


class _Stood(NamedTuple):
    """An agent before a step."""

    goes_away: bool
    """Whether he is READY, and will not take a break by himself when his last slot is free."""
    missed: int
    back_off_until_us: int
    offers: dict[int, OfferState]


class Failing:
    """How the agents stood before the last step."""

    def __init__(self, settings: DomainSettings) -> None:
        self._rona = settings.rona
        self._reasons = {one.name: one for one in settings.reject_reasons}
        causes, other_us = settings.back_off, settings.back_off_us

        def of(span_us: int | None) -> int:
            return other_us if span_us is None else span_us

        self._causes = {
            FailureCause.BUSY: of(causes.busy_us),
            FailureCause.UNREACHABLE: of(causes.unreachable_us),
            FailureCause.CONGESTION: of(causes.congestion_us),
            FailureCause.REFUSED: of(causes.refused_us),
        }
        self._not_connected_us = of(causes.not_connected_us)
        self._missed_us = causes.missed_us
        self._rejected_us = causes.rejected_us
        self._before: dict[str, _Stood] = {}

    def look(self, router: Router) -> None:
        """Take note of how the agents stand."""
        self._before = {
            agent.agent_id: _Stood(
                agent.availability is Availability.READY and not agent.after_this_one,
                agent.missed,
                agent.back_off_until_us,
                {number: offer.state for number, offer in agent.offers.items()},
            )
            for agent in router.agents
        }

    def check(self, router: Router, event: Event, actions: Sequence[Action], now_us: int) -> None:
        for agent in router.agents:
            if agent.availability in _TAKES_NOTHING:
                assert all(one.state is not OfferState.PENDING for one in agent.offers.values())
        if isinstance(event, Batch) or any(isinstance(one, Refused) for one in actions):
            return
        for agent in router.agents:
            before = self._before[agent.agent_id]
            if isinstance(event, OfferFailed | OfferRejected):
                if event.offer_id in before.offers:
                    self._failed(agent, before, event, actions, now_us)
            elif isinstance(event, ClockTicked):
                self._time_passed(agent, before, actions, now_us)

    def _failed(
        self,
        agent: Agent,
        before: _Stood,
        event: OfferFailed | OfferRejected,
        actions: Sequence[Action],
        now_us: int,
    ) -> None:
        """Compare with what follows from one offer that failed, if it was still to be answered."""
        if event.offer_id in agent.offers:
            return
        away = None
        if isinstance(event, OfferFailed):
            span_us = self._causes[event.cause]
        else:
            span_us = self._rejected_us
            why = self._reasons.get(event.reason)
            if why is not None:
                span_us = span_us if why.back_off_us is None else why.back_off_us
                away = (Availability.NOT_READY, why.name) if why.not_ready else None
        until_us = now_us + span_us if span_us else 0
        assert agent.back_off_until_us == max(before.back_off_until_us, until_us)
        if before.goes_away:
            assert _sent(agent, actions) == away

    def _time_passed(
        self, agent: Agent, before: _Stood, actions: Sequence[Action], now_us: int
    ) -> None:
        """Compare with what rang out, or was not connected, if anything."""
        timed_out = [
            before.offers[one.offer_id]
            for one in actions
            if isinstance(one, WithdrawOffer)
            and one.agent_id == agent.agent_id
            and one.outcome in {OfferOutcome.TIMED_OUT, OfferOutcome.FAILED}
        ]
        missed = timed_out.count(OfferState.PENDING)
        until_us = before.back_off_until_us if before.back_off_until_us > now_us else 0
        spans_us = {self._missed_us} if missed else set()
        if missed < len(timed_out):
            spans_us.add(self._not_connected_us)
        assert agent.back_off_until_us == max(
            until_us, *(now_us + span_us if span_us else 0 for span_us in spans_us), 0
        )
        if not before.goes_away:
            return
        away = None
        is_sent = missed and before.missed + missed >= self._rona.after
        if is_sent and self._rona.then is AfterMiss.LOG_OUT:
            has_some = in_hand(agent)
            away = (Availability.DRAINING if has_some else Availability.LOGGED_OUT, "")
        elif is_sent and self._rona.then is not AfterMiss.STAY_READY:
            after = _AFTER_MISS[self._rona.then]
            away = (after, MISSED if after is Availability.NOT_READY else "")
        assert _sent(agent, actions) == away


def _sent(agent: Agent, actions: Sequence[Action]) -> tuple[Availability, str] | None:
    """Return where an agent was sent in the end, and why; None where he stays."""
    said = [
        one for one in actions if isinstance(one, SetAgentState) and one.agent_id == agent.agent_id
    ]
    if not said:
        return None
    assert said[-1].availability is agent.availability
    return said[-1].availability, said[-1].reason

"""A rude switch against the router, judged by an oracle, a ledger and the invariants.

Method: Hypothesis draws a small domain and then events, right and wrong, late, repeated, crossed,
missing, alone and in batches, with any time between them. Three routers are told the same and must
stay alike (tests/properties/world.py); at random moments they are put away and restored from the
encoded snapshot. A failure prints every event and action of its shortest example.
"""

from random import Random
from typing import Final

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from acd.events import AgentLoggedIn, AgentReady, Batch, LegConnected, OfferAccepted
from acd.settings import DAY_US, SECOND_US
from acd.validation import problems
from tests.properties.domains import other_staff, small_domain
from tests.properties.rude_switch import (
    a_batch,
    a_decision,
    a_departure,
    a_transfer,
    an_agents_event,
    an_answer,
    an_arrival,
    an_event,
)
from tests.properties.waiters import a_wish
from tests.properties.world import World

RNG: Final = st.randoms(use_true_random=True)
"""Seeded by Hypothesis, but drawn from evenly: draws that Hypothesis shrinks tend to zero from the
start, and a world of refusals and silence is soon searched."""
MOMENTS_US: Final = tuple(seconds * SECOND_US for seconds in (0, 1, 2, 5, 10, 15, 31, 300))


def _say(what: object) -> None:
    note(str(what))


class RudeSwitch(RuleBasedStateMachine):
    world: World

    @initialize(rng=RNG)
    def a_domain_opens(self, rng: Random) -> None:
        domain = small_domain(rng)
        assert problems(domain) == []
        self.world = World(domain, say=_say)
        names = [agent.agent_id for agent in domain.agents]
        logins = tuple(AgentLoggedIn(agent_id=name) for name in names)
        readies = tuple(AgentReady(agent_id=name) for name in names)
        self.world.tell(Batch(events=(*logins, *readies)))

    @rule(rng=RNG)
    def contacts_arrive(self, rng: Random) -> None:
        for _ in range(rng.randint(1, 3)):
            self.world.tell(an_arrival(rng, self.world))

    @rule(rng=RNG)
    def many_arrive_at_once(self, rng: Random) -> None:
        arrivals = [an_arrival(rng, self.world) for _ in range(rng.randint(2, 8))]
        self.world.tell(Batch(events=tuple(arrivals)))

    @rule(rng=RNG)
    def a_customer_leaves(self, rng: Random) -> None:
        self.world.tell(a_departure(rng, self.world))

    @rule(rng=RNG)
    def the_business_decides(self, rng: Random) -> None:
        self.world.tell(a_decision(rng, self.world))

    @rule(rng=RNG)
    def customers_want_to_be_called_back(self, rng: Random) -> None:
        for _ in range(rng.randint(1, 4)):
            self.world.tell(a_wish(rng, self.world))

    @rule(rng=RNG)
    def something_is_said_of_an_offer(self, rng: Random) -> None:
        self.world.tell(an_answer(rng, self.world))

    @rule(rng=RNG, connected=st.booleans())
    def the_live_offers_are_taken(self, rng: Random, connected: bool) -> None:
        for number in self.world.live_offers():
            if rng.random() < 0.8:
                self.world.tell(OfferAccepted(offer_id=number))
                if connected:
                    self.world.tell(LegConnected(offer_id=number))

    @rule(rng=RNG)
    def contacts_go_further(self, rng: Random) -> None:
        for _ in range(rng.randint(1, 4)):
            self.world.tell(a_transfer(rng, self.world))

    @rule(rng=RNG)
    def an_agent_does_something(self, rng: Random) -> None:
        self.world.tell(an_agents_event(rng, self.world))

    @rule()
    def everybody_comes_back_to_work(self) -> None:
        for agent in self.world.settings.agents:
            self.world.tell(AgentLoggedIn(agent_id=agent.agent_id))
            self.world.tell(AgentReady(agent_id=agent.agent_id))

    @rule(rng=RNG)
    def an_event_comes_twice(self, rng: Random) -> None:
        self.world.tell_again(an_event(rng, self.world))

    @rule(rng=RNG)
    def much_happens_in_one_instant(self, rng: Random) -> None:
        self.world.tell(a_batch(rng, self.world))

    @rule(duration_us=st.sampled_from(MOMENTS_US))
    def time_passes(self, duration_us: int) -> None:
        self.world.wait(duration_us)

    @rule(duration_us=st.sampled_from((*MOMENTS_US, 12 * DAY_US)))
    def the_driver_oversleeps(self, duration_us: int) -> None:
        self.world.oversleep(duration_us)

    @rule(both=st.booleans())
    def the_router_is_restarted(self, both: bool) -> None:
        self.world.restart(both=both)

    @rule(rng=RNG)
    def the_settings_change(self, rng: Random) -> None:
        self.world.change_settings(other_staff(rng, self.world.settings))

    @rule()
    def the_standby_takes_over(self) -> None:
        self.world.change_places()

    @rule(rng=RNG)
    def a_busy_minute_passes(self, rng: Random) -> None:
        for _ in range(rng.randint(1, 15)):
            self.world.tell(an_event(rng, self.world))
            self.world.wait(rng.choice((0, 0, 1, 4)) * SECOND_US)

    @rule(rng=RNG)
    def the_driver_breaks_the_contract(self, rng: Random) -> None:
        self.world.break_the_contract(an_event(rng, self.world))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.the_measures_count_what_the_ledger_counts()


# On a busy machine; a time-out inside Hypothesis is told as "inconsistent data generation".
TestRudeSwitch = pytest.mark.timeout(900)(RudeSwitch.TestCase)
# A busy minute is many steps: half as many examples are as long as others.
TestRudeSwitch.settings = settings(max_examples=settings().max_examples // 2)

"""Estimates in worlds drawn at random: what more agents, fewer ahead and nobody ahead must do.

Method: domains of two queues and up to six agents, each serving one or both, whose contacts take
equally long; calls come, and some end. That estimates rest on who is ahead and at work, and are
alike after a restart, is an invariant of tests/properties/world.py.
"""

from random import Random

import pytest

from acd import events as ev
from acd.actions import OfferContact
from acd.contacts import LegState
from acd.ids import Channel
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)

QUEUES = ("sales", "repairs")


def a_domain(rng: Random) -> DomainSettings:
    line = ChannelSettings(handle_time_us=100 * SECOND_US, auto_answer=True)
    served = {"sales": QUEUES[:1], "repairs": QUEUES[1:], "both": QUEUES}
    return DomainSettings(
        name="two",
        queues=tuple(QueueSettings(name=name, channels={Channel.VOICE: line}) for name in QUEUES),
        profiles=tuple(
            ProfileSettings(
                name=name,
                serves=tuple(Serves(queue=one, channels=(Channel.VOICE,)) for one in queues),
            )
            for name, queues in served.items()
        ),
        capacities=(CapacitySettings(name="phone", channels={Channel.VOICE: SlotSettings()}),),
        agents=(
            AgentSettings(agent_id="all", profile="both", capacity="phone"),
            *(
                AgentSettings(
                    agent_id=f"a{number}", profile=rng.choice(tuple(served)), capacity="phone"
                )
                for number in range(rng.randint(0, 5))
            ),
        ),
        estimated_wait=True,
    )


class Calls:
    """A router, all of whose agents are at work, and whose calls are answered at once."""

    def __init__(self, settings: DomainSettings) -> None:
        self.router = Router(settings)
        self.now_us = 0
        self.talking: list[int] = []
        self.came = 0
        for agent in settings.agents:
            self.tell(ev.AgentLoggedIn(agent_id=agent.agent_id))
            self.tell(ev.AgentReady(agent_id=agent.agent_id))

    def tell(self, event: ev.Event) -> None:
        for action in self.router.step(event, now_us=self.now_us):
            if type(action) is OfferContact:
                self.talking.append(action.offer_id)
                self.tell(ev.LegConnected(offer_id=action.offer_id))

    def go_on(self, rng: Random) -> None:
        """Let a call come, or one end."""
        self.now_us += SECOND_US
        if self.talking and rng.random() < 0.3:
            number = self.talking.pop(rng.randrange(len(self.talking)))
            # Handled as long as the configuration says, whenever it began.
            self.tell(ev.LegEnded(offer_id=number))
            return
        self.came += 1
        queue = rng.choice(QUEUES)
        call = ev.ContactArrived(contact_id=f"c{self.came}", queue=queue, channel=Channel.VOICE)
        self.tell(call)

    def estimates(self) -> dict[int, int]:
        """Return the estimate of every leg that waits and for which somebody is at work."""
        found = {}
        for number, leg in self.router.legs.items():
            if leg.state is LegState.QUEUED:
                wait_us = self.router.estimate(number).wait_us
                if wait_us is not None:
                    found[number] = wait_us
        return found


@pytest.mark.parametrize("seed", range(40))
def test_nobody_waits_less_for_an_agent_who_takes_a_break(seed: int) -> None:
    """The break begins after this contact, so that nothing else changes."""
    rng = Random(seed)
    calls = Calls(a_domain(rng))
    for _ in range(rng.randint(10, 40)):
        calls.go_on(rng)
    before = calls.estimates()
    assert min(before.values(), default=0) >= 0
    agent = rng.choice([one for one in calls.router.agents if not one.is_idle])
    calls.tell(ev.AgentNotReady(agent_id=agent.agent_id, after_this_one=True))
    after = calls.estimates()
    assert after.keys() <= before.keys()
    for number, wait_us in after.items():
        assert wait_us >= before[number] - 1, "but for rounding"


@pytest.mark.parametrize("seed", range(40))
def test_whoever_came_earlier_to_a_queue_waits_no_longer(seed: int) -> None:
    rng = Random(1_000 + seed)
    calls = Calls(a_domain(rng))
    for _ in range(40):
        calls.go_on(rng)
        estimates = calls.estimates()
        for queue in QUEUES:
            legs = [calls.router.legs[number] for number in estimates]
            waits = [estimates[one.leg_id] for one in legs if one.klass.queue.name == queue]
            assert waits == sorted(waits)


@pytest.mark.parametrize("seed", range(10))
def test_with_nobody_ahead_and_somebody_idle_there_is_no_wait(seed: int) -> None:
    rng = Random(2_000 + seed)
    settings = a_domain(rng)
    calls = Calls(settings)
    for _ in range(rng.randint(0, len(settings.agents) - 1)):
        calls.go_on(rng)
    queue = rng.choice(QUEUES)
    idle = any(one.is_idle and queue in one.kind.desk.queues for one in calls.router.agents)
    events: tuple[ev.SingleEvent, ...] = (
        ev.ContactArrived(contact_id="new", queue=queue, channel=Channel.VOICE),
        ev.WaitAsked(contact_id="new"),
    )
    told = calls.router.step(ev.Batch(events=events), now_us=calls.now_us)[0]
    wait_us = getattr(told, "wait_us", None)
    assert (wait_us == 0) is idle

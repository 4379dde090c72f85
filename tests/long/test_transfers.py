"""Contacts that go further, many at a time: every rule of transfers is reached, and holds.

Method: seeded draws of a busy site. Offers are mostly taken, agents mostly give contacts further or
consult, and now and then a customer leaves or an agent lets something ring out. The three routers,
the ledger and the invariants of `tests.properties.world` judge every step; what must have happened
by the end is counted, since a soak that reaches nothing proves nothing.
"""

from collections import Counter
from random import Random

import pytest
from msgspec.structs import replace

from acd.actions import CloseLeg, JoinLeg, OfferContact, OpenLeg, ReleaseAgent
from acd.contacts import LegState
from acd.events import (
    AgentLoggedIn,
    AgentReady,
    ConsultEnded,
    ConsultRequested,
    LegConnected,
    LegRequeued,
    LegTransferred,
)
from acd.ids import ConsultEnd, ContactOutcome
from acd.settings import SECOND_US
from tests.properties.domains import GENERALIST, small_domain
from tests.properties.lengths import times
from tests.properties.rude_switch import a_departure, a_transfer, an_arrival, an_event
from tests.properties.world import World

DRAWS = 200
DOMAINS = 6


@pytest.mark.parametrize("seed", range(times(1)))
def test_contacts_go_further_in_every_way(seed: int) -> None:
    rng = Random(f"transfers {seed}")
    happened: Counter[object] = Counter()
    for _ in range(DOMAINS):
        world = _a_crowd(rng)
        for _ in range(DRAWS):
            _step(rng, world, happened)
        world.the_measures_count_what_the_ledger_counts()
        happened.update(world.happened)
    wanted: list[object] = [OpenLeg, CloseLeg, JoinLeg, ReleaseAgent, OfferContact]
    wanted += [LegTransferred, LegRequeued, ConsultRequested, *ConsultEnd]
    wanted += ["a consultation that rings", "a conference", "canceled"]
    assert [one for one in wanted if not happened[one]] == []


def _a_crowd(rng: Random) -> World:
    """Return a domain with three more who take everything, all ready: enough for a conference."""
    settings = small_domain(rng)
    more = tuple(replace(GENERALIST, agent_id=f"more{number}") for number in range(3))
    world = World(replace(settings, agents=settings.agents + more))
    _have_all_work(world)
    return world


def _have_all_work(world: World) -> None:
    for agent in world.settings.agents:
        world.tell(AgentLoggedIn(agent_id=agent.agent_id))
        world.tell(AgentReady(agent_id=agent.agent_id))


def _step(rng: Random, world: World, happened: Counter[object]) -> None:
    draw = rng.randrange(100)
    if draw < 20:
        world.tell(an_arrival(rng, world))
    elif draw < 55:
        for number in world.live_offers():
            if number not in world.live_offers():
                continue  # Rescinded, since another of its leg was accepted.
            if world.state_of(number) is LegState.OFFERED and rng.random() < 0.8:
                world.tell(LegConnected(offer_id=number))
    elif draw < 78:
        event = a_transfer(rng, world)
        actions = world.tell(event)
        if actions:
            happened[event.how if isinstance(event, ConsultEnded) else type(event)] += any(
                isinstance(one, OpenLeg | JoinLeg | ReleaseAgent | CloseLeg) for one in actions
            )
    elif draw < 81:
        world.tell(a_departure(rng, world))
    elif draw < 84:
        _have_all_work(world)
    elif draw < 86:
        world.restart(both=rng.random() < 0.5)
    elif draw < 92:
        world.wait(rng.choice((1, 1, 5, 20)) * SECOND_US)
    else:
        world.tell(an_event(rng, world))
    _see(world, happened)


def _see(world: World, happened: Counter[object]) -> None:
    """Count the states that matter, whichever event led to them."""
    legs = world.router.legs
    for one in legs.values():
        happened["a consultation that rings"] += (
            bool(one.consults) and one.state is LegState.OFFERED
        )
    for contact in world.router.contacts.values():
        ours = [legs[number] for number in contact.legs]
        talk = [one for one in ours if one.state in {LegState.CONNECTED, LegState.HELD}]
        happened["a conference"] += len([one for one in talk if not one.consults]) > 1
    happened["canceled"] += world.ledger.closed[ContactOutcome.CANCELED]

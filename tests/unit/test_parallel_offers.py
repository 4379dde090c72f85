"""Parallel offers: who is offered a leg beside the first agent, and what becomes of them.

Method: stories at the small shop with three agents, told in seconds; what is ordered is compared
word for word with the lines of the journal. What the stories of tests/golden tell is not told here.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.actions import OfferContact
from acd.agents import Agent
from acd.contacts import LegState
from acd.errors import CallerError, ConfigError
from acd.ids import Availability, Channel, FailureCause
from acd.router import Router
from acd.settings import SECOND_US, AffinitySettings, AgentCriterion, SlotSettings
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work, several


def ringing(router: Router) -> list[str]:
    """Return the agents at whom the first leg rings, in the order of the offers."""
    leg = router.legs[1]
    return [router.agents[router.offers[number].agent].agent_id for number in leg.offers()]


def test_by_default_a_leg_is_offered_to_one() -> None:
    play = Play()
    play.tell(at_work("ann", "bob"), arrived("c1"))
    assert ringing(play.router) == ["ann"]


@pytest.mark.parametrize("count, rung", [(2, ["ann", "bob"]), (10, ["ann", "bob", "carl"])])
def test_it_rings_at_the_best_until_their_number_or_nobody_is_left(
    count: int, rung: list[str]
) -> None:
    play = Play(several(count))
    play.tell(at_work("ann", "bob", "carl"), arrived("c1"))
    assert ringing(play.router) == rung
    assert {offer.until_us for offer in play.router.offers.values()} == {15 * SECOND_US}


def test_an_agent_with_room_for_two_rings_once() -> None:
    play = Play(several(3))
    play.tell(at_work("ann", "bob"), arrived("c1", CHAT))
    assert ringing(play.router) == ["ann", "bob"]


def test_nobody_is_interrupted_for_a_further_offer() -> None:
    play = Play(several(3))
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    told = play.tell(at_work("bob"), arrived("c2"))
    assert [line.split()[4] for line in told] == ["agent_id=bob"]


def test_for_the_first_one_may_be() -> None:
    play = Play(several(3))
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    told = play.tell(arrived("c2"))
    assert [line.split()[0] for line in told] == ["leg.interrupt", "offer.contact"]


def test_what_is_kept_for_one_rings_at_him_alone() -> None:
    domain = several(3)
    affinity = AffinitySettings(named_agent_us=60 * SECOND_US)
    play = Play(replace(domain, queues=(replace(domain.queues[0], affinity=affinity),)))
    play.tell(at_work("ann", "bob", "carl"), replace(arrived("c1"), named_agent="bob"))
    assert ringing(play.router) == ["bob"]


def test_who_is_excluded_or_left_alone_is_passed_over() -> None:
    play = Play(several(3))
    play.tell(at_work("ann", "bob", "carl"), arrived("c1"))
    play.tell(ev.OfferRejected(offer_id=1))
    play.tell(ev.OfferFailed(offer_id=2, cause=FailureCause.BUSY))
    assert ringing(play.router) == ["carl"]
    play.tell(arrived("c2", CHAT))
    assert play.router.legs[2].offers() == (4,)
    assert play.router.legs[1].state is LegState.OFFERED


def test_when_all_have_let_it_ring_out_it_waits_and_each_is_sent_away() -> None:
    play = Play(several(2))
    play.tell(at_work("ann", "bob"), arrived("c1"))
    play.tick(15)
    assert play.router.legs[1].state is LegState.QUEUED
    for name in ("ann", "bob"):
        assert play.router.agent(name).availability is Availability.NOT_RESPONDING
    play.tell(at_work("ann", "bob"))
    play.tick(45)  # Both exclusions end.
    assert ringing(play.router) == ["ann", "bob"]


def test_a_leg_that_comes_back_is_offered_to_several_anew() -> None:
    play = Play(several(2))
    play.tell(at_work("ann", "bob"), arrived("c1"), ev.OfferAccepted(offer_id=1))
    play.tell(at_work("carl"))
    play.tell(ev.OfferFailed(offer_id=1, cause=FailureCause.CONGESTION))
    assert ringing(play.router) == ["bob", "carl"]


def test_the_first_offer_may_end_while_a_later_one_rings() -> None:
    play = Play(several(3))
    play.tell(at_work("ann", "bob", "carl"), arrived("c1"))
    assert play.tell(ev.AgentLoggedOut(agent_id="ann")) == [
        "offer.withdraw offer_id=1 agent_id=ann outcome=revoked"
    ]
    assert play.router.legs[1].state is LegState.OFFERED
    assert play.router.legs[1].offer_id == 2
    assert play.tell(ev.OfferAccepted(offer_id=3)) == [
        "offer.withdraw offer_id=2 agent_id=bob outcome=rescinded",
        "leg.connect offer_id=3 contact_id=c1 agent_id=carl",
    ]
    assert play.tell(ev.OfferAccepted(offer_id=1), ev.OfferAccepted(offer_id=2)) == []


def test_what_cannot_be_of_a_leg_that_rings_is_refused_for_each_offer() -> None:
    play = Play(several(2))
    play.tell(at_work("ann", "bob"), arrived("c1"))
    for number in (1, 2):
        (told,) = play.tell(ev.LegHeld(offer_id=number))
        assert told == f"refused reason=not_in_this_state about={number}"


def test_who_was_rescinded_while_leaving_is_gone() -> None:
    play = Play(several(2))
    play.tell(at_work("ann", "bob"), arrived("c1"))
    play.tell(ev.DrainRequested(agent_id="bob"))
    assert play.tell(ev.OfferAccepted(offer_id=1)) == [
        "offer.withdraw offer_id=2 agent_id=bob outcome=rescinded",
        "agent.set_state agent_id=bob availability=logged_out",
        "leg.connect offer_id=1 contact_id=c1 agent_id=ann",
    ]


# A rescinded agent keeps his place.


def standing(agent: Agent) -> tuple[Any, ...]:
    return agent.idle_since_us, agent.missed, agent.back_off_until_us, agent.excluded_from


def test_who_was_not_fast_enough_is_as_he_was() -> None:
    play = Play(several(2))
    play.tell(at_work("ann", "bob"))
    before = standing(play.router.agent("ann"))
    play.now_s = 5
    play.tell(arrived("c1"))
    play.now_s = 9
    play.tell(ev.LegConnected(offer_id=2))
    assert standing(play.router.agent("ann")) == before
    assert not play.router.legs[1].excluded


def test_among_agents_with_contacts_too_he_keeps_his_place() -> None:
    play = Play(several(2))
    play.tell(at_work("ann", "bob", "carl"))
    for at_s in (1, 2, 3):  # A chat for each: the best of the two at whom it rings takes it.
        play.now_s = at_s
        number = 2 * at_s - 1
        play.tell(arrived(f"c{at_s}", CHAT), ev.LegConnected(offer_id=number))
    assert [one.last_given_us for one in play.router.agents] == [
        SECOND_US,
        2 * SECOND_US,
        3 * SECOND_US,
    ]
    play.now_s = 10
    play.tell(arrived("c4", CHAT))
    play.now_s = 11
    play.tell(ev.LegConnected(offer_id=8))  # Bob's; Ann was offered it, too.
    ann, bob, _ = play.router.agents
    assert (ann.last_given_us, bob.last_given_us) == (SECOND_US, 10 * SECOND_US)
    told = play.tell(arrived("c5", CHAT))
    assert [line.split()[4] for line in told] == ["agent_id=ann", "agent_id=carl"]


def test_what_he_was_given_beside_it_counts_also_if_it_is_over() -> None:
    (blended,) = SHOP.capacities
    chats = {**blended.channels, CHAT: SlotSettings(slots=4, cost=25)}
    play = Play(several(2, capacities=(replace(blended, channels=chats),)))
    play.tell(at_work("ann", "bob"))
    for at_s in (1, 2, 3):
        play.now_s = at_s
        play.tell(arrived(f"c{at_s}", CHAT))
    ann = play.router.agent("ann")
    assert list(ann.offers) == [1, 3, 5]
    play.tell(ev.LegConnected(offer_id=6))
    assert ann.last_given_us == 2 * SECOND_US
    play.tell(ev.OfferRejected(offer_id=3))
    play.tell(ev.LegConnected(offer_id=2))
    assert ann.is_idle
    assert ann.last_given_us == 2 * SECOND_US


def test_a_further_offer_is_nobodys_turn() -> None:
    play = Play(several(2, agent_selection=(AgentCriterion.ROUND_ROBIN,)))
    play.tell(at_work("ann", "bob", "carl"), arrived("c1"))
    assert ringing(play.router) == ["ann", "bob"]
    assert play.router.turns == {"sales": "ann"}
    play.tell(ev.LegConnected(offer_id=1))
    told = play.tell(arrived("c2"))
    assert [line.split()[4] for line in told] == ["agent_id=bob", "agent_id=carl"]


def test_the_gap_to_his_next_offer_stays() -> None:
    play = Play(several(2, offer_gap_us=4 * SECOND_US))
    play.tell(at_work("ann", "bob"), arrived("c1"), ev.LegConnected(offer_id=2))
    assert play.tell(arrived("c2")) == []
    assert play.tick(4)[0].startswith(
        "offer.contact offer_id=3 leg_id=2 contact_id=c2 agent_id=ann"
    )


def test_occupancy_knows_nothing_of_it() -> None:
    play = Play(several(2, agent_selection=(AgentCriterion.LEAST_OCCUPIED,)))
    play.tell(at_work("ann", "bob"), arrived("c1"))
    before = play.router.occupancy("ann")
    play.now_s = 9
    play.tell(ev.LegConnected(offer_id=2))
    assert play.router.occupancy("ann") == before
    assert play.router.agent("ann").occupied_us == play.router.agent("carl").occupied_us


# Stored and applied.


def test_a_restored_router_goes_on_ringing() -> None:
    play = Play(several(3))
    play.tell(at_work("ann", "bob", "carl"), arrived("c1"), ev.OfferRejected(offer_id=1))
    before = play.state()
    play.router = Router.restore(play.router.settings, play.router.snapshot())
    assert play.state() == before
    assert ringing(play.router) == ["bob", "carl"]
    assert play.tell(ev.LegConnected(offer_id=3)) == [
        "offer.withdraw offer_id=2 agent_id=bob outcome=rescinded"
    ]


def test_a_snapshot_whose_further_offer_is_of_another_leg_is_refused() -> None:
    play = Play(several(2))
    play.tell(at_work("ann", "bob", "carl"), arrived("c1"), arrived("c2"))
    snapshot = play.router.snapshot()
    first, second = snapshot.legs
    crossed = replace(first, further=(second.offer_id,))
    with pytest.raises(ConfigError, match="crossed references"):
        Router.restore(play.router.settings, replace(snapshot, legs=(crossed, second)))


def offer(number: int, agent_id: str, channel: Channel = VOICE) -> OfferContact:
    return OfferContact(number, 1, "c1", agent_id, "sales", channel, 15 * SECOND_US)


def applied() -> Router:
    router = Router(several(2))
    router.apply(at_work("ann", "bob", "carl"), (), now_us=0)
    return router


def test_recorded_further_offers_are_applied_whoever_a_policy_would_take() -> None:
    router = applied()
    router.apply(arrived("c1"), (offer(1, "carl"), offer(2, "ann")), now_us=0)
    assert ringing(router) == ["carl", "ann"]
    # Nobody is offered it in a later step, neither by a policy nor by a journal.
    assert router.step(ev.Batch(events=()), now_us=0) == ()


@pytest.mark.parametrize(
    "offers",
    [
        (offer(1, "ann"), offer(2, "ann")),
        (offer(1, "ann"), offer(2, "bob"), offer(3, "carl")),
    ],
    ids=["twice to one agent", "to too many"],
)
def test_a_journal_with_offers_that_cannot_be_is_not_applied(
    offers: tuple[OfferContact, ...],
) -> None:
    number = offers[-1].offer_id
    with pytest.raises(CallerError, match=f"offer {number} does not fit the state"):
        applied().apply(arrived("c1"), offers, now_us=0)


def test_a_further_offer_in_a_later_step_is_not_applied() -> None:
    router = applied()
    router.apply(arrived("c1"), (offer(1, "ann"),), now_us=0)
    with pytest.raises(CallerError, match="offer 2 does not fit the state"):
        router.apply(ev.Batch(events=()), (offer(2, "bob"),), now_us=0)

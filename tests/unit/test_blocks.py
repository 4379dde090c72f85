"""Blocks that end with a counter: agents in reserve, and voice headroom.

Method: a shop in which one queue has calls, emails and chats; what is offered is read as pairs
"contact agent". The counters are read where the block is asked. That the index and the naive
matcher agree on all of it is shown by tests/properties; here is one story for each way through it.
"""

from typing import Final

import pytest
from msgspec.structs import replace

import acd.agents
import acd.classes
import acd.lanes
import acd.matching
from acd import events as ev
from acd.agents import CHANNEL_INDEX, UNIT, Capacity, SlotState
from acd.eligibility import Block, block, may_take
from acd.ids import AgentId, Channel, Device
from acd.router import Router
from acd.settings import (
    AffinitySettings,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    HeadroomSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)
from tests.unit.shop import CHAT, VOICE, Play, arrived, at_work

EMAIL: Final = Channel.EMAIL
LINES: Final = (VOICE, EMAIL, CHAT)

QUEUES: Final = tuple(
    QueueSettings(name=name, channels={channel: ChannelSettings() for channel in LINES})
    for name in ("sales", "repairs")
)

ONE_AT_A_TIME: Final = CapacitySettings(
    name="one", channels={channel: SlotSettings() for channel in LINES}
)

EVERYTHING: Final = tuple(Serves(queue=queue.name, channels=LINES) for queue in QUEUES)

ALL: Final = ProfileSettings(name="all", serves=EVERYTHING)


def in_reserve(name: str, waiting: int, *queues: str) -> ProfileSettings:
    """Return a profile that is in reserve for all channels of some queues."""
    lines = (Serves(queue=one, channels=LINES, reserve_waiting=waiting) for one in queues)
    return ProfileSettings(name=name, serves=tuple(lines))


def agents(profile: str, *names: AgentId, capacity: str = "one") -> tuple[AgentSettings, ...]:
    return tuple(AgentSettings(agent_id=one, profile=profile, capacity=capacity) for one in names)


SHOP: Final = DomainSettings(
    name="shop",
    queues=QUEUES,
    profiles=(ALL, in_reserve("third", 3, "sales", "repairs"), in_reserve("second", 2, "sales")),
    capacities=(ONE_AT_A_TIME,),
    agents=(*agents("all", "ann"), *agents("third", "sue", "tom"), *agents("second", "una")),
    skills=("cards",),
)
"""Ann serves; Sue and Tom are in reserve until three wait, Una until two do."""

DESK: Final = DomainSettings(
    name="desk",
    queues=QUEUES,
    profiles=(ALL,),
    capacities=(ONE_AT_A_TIME,),
    agents=agents("all", "ann", "bob", "cas"),
    headrooms=(HeadroomSettings(name="phone", queue="sales", keep_free=1),),
)
"""Of three who do one thing at a time, one is kept free for calls."""


def pairs(told: list[str]) -> list[str]:
    """Return who is offered which contact."""
    offers = [one.split() for one in told if one.startswith("offer.contact")]
    return [f"{one[3].partition('=')[2]} {one[4].partition('=')[2]}" for one in offers]


def blocks(play: Play, contact_id: str) -> dict[str, Block | None]:
    """Return the block between a contact's leg and each agent."""
    leg = play.router.legs[play.router.contacts[contact_id].legs[0]]
    return {agent.agent_id: block(leg, agent) for agent in play.router.agents}


# Agents in reserve.


def test_a_reserve_is_opened_by_the_contact_that_makes_them_enough_and_closes_with_the_offer() -> (
    None
):
    play = Play(SHOP)
    play.tell(at_work("sue", "tom"))
    assert pairs(play.tell(arrived("c1"), arrived("c2"))) == []
    assert blocks(play, "c1") == {"ann": None, "sue": Block.RESERVE, "tom": Block.RESERVE,
                                  "una": None}  # fmt: skip
    assert pairs(play.tell(arrived("c3"))) == ["c1 sue"]
    assert blocks(play, "c2")["tom"] is Block.RESERVE
    assert pairs(play.tell(arrived("c4"))) == ["c2 tom"]


def test_reserves_of_several_depths_open_one_after_the_other() -> None:
    play = Play(SHOP)
    play.tell(arrived("c1"), arrived("c2"), arrived("c3"))
    assert set(blocks(play, "c1").values()) == {None}
    # All at once: Una, Sue and Tom are equal but for their positions, and each offer counts.
    assert pairs(play.tell(at_work("una", "tom", "sue"))) == ["c1 sue", "c2 una"]
    assert blocks(play, "c3") == {"ann": None, "sue": Block.RESERVE, "tom": Block.RESERVE,
                                  "una": Block.RESERVE}  # fmt: skip


def test_only_the_queue_and_channel_in_question_count() -> None:
    play = Play(SHOP)
    play.tell(at_work("sue"))
    told = play.tell(
        arrived("c1"), arrived("c2"), arrived("c3", EMAIL), arrived("c4", VOICE, "repairs")
    )
    assert pairs(told) == []
    assert blocks(play, "c1")["una"] is None
    assert pairs(play.tell(arrived("c5", VOICE, "repairs"))) == []
    assert pairs(play.tell(arrived("c6", VOICE, "repairs"))) == ["c4 sue"]


def test_who_becomes_free_takes_only_what_his_reserve_is_open_for() -> None:
    play = Play(SHOP)
    play.tell(arrived("old", VOICE, "repairs"), arrived("older", VOICE, "repairs"))
    play.tell(arrived("c1"), arrived("c2"), arrived("c3"))
    assert pairs(play.tell(at_work("sue"))) == ["c1 sue"]
    assert pairs(play.tell(at_work("ann"))) == ["old ann"]


def test_agents_of_one_profile_are_in_reserve_together_whatever_their_skills() -> None:
    tim = replace(agents("third", "tim")[0], skills={"cards": 3})
    play = Play(replace(SHOP, agents=(*agents("all", "ann"), *agents("third", "sue"), tim)))
    play.tell(at_work("sue", "tim"), arrived("c1"), arrived("c2"))
    wanted = {"ann": None, "sue": Block.RESERVE, "tim": Block.RESERVE}
    assert blocks(play, "c1") == wanted
    assert pairs(play.tell(replace(arrived("c3"), requirement="cards"))) == ["c1 sue"]


def test_a_customer_who_leaves_closes_a_reserve() -> None:
    play = Play(SHOP)
    play.tell(arrived("c1"), arrived("c2"), arrived("c3"), ev.ContactLeft(contact_id="c2"))
    assert pairs(play.tell(at_work("sue"))) == []
    assert pairs(play.tell(arrived("c4"))) == ["c1 sue"]


def test_what_comes_and_goes_in_one_batch_opens_nothing() -> None:
    play = Play(SHOP)
    play.tell(at_work("sue"), arrived("c1"), arrived("c2"))
    gone = (arrived("c3"), ev.ContactLeft(contact_id="c3"))
    assert pairs(play.tell(ev.Batch(events=gone))) == []
    assert pairs(play.tell(ev.Batch(events=(arrived("c3"), arrived("c4"))))) == ["c1 sue"]


def test_an_offer_that_fails_opens_a_reserve_again() -> None:
    play = Play(SHOP)
    play.tell(at_work("ann"), arrived("c1"), arrived("c2"), arrived("c3"), at_work("sue"))
    told = play.tell(ev.OfferRejected(offer_id=1))
    assert pairs(told) == ["c1 sue", "c2 ann"]


def test_in_a_crowd_too_only_who_is_not_in_reserve_is_chosen() -> None:
    """Many candidates by rows: whoever is in reserve is left out of them."""
    members = replace(SHOP, agents=(*agents("third", "sue"), *agents("all", "ann", "bob")))
    play = Play(members)
    play.tell(at_work("sue"))
    play.now_s = 5
    play.tell(at_work("ann", "bob"))
    assert pairs(play.tell(arrived("c1"))) == ["c1 ann"]


def test_many_classes_are_compared_without_those_that_are_shut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More classes than are compared one by one, of which some are shut to the agent."""
    monkeypatch.setattr(acd.lanes, "_FEW", 1)
    monkeypatch.setattr(acd.lanes, "_ARRAYS_MAX", 1)
    play = Play(SHOP)
    texts = ("", "not cards", "not cards >= 2", "not cards >= 3")
    for queue in ("repairs", "sales"):
        for number, text in enumerate(texts, start=1):
            one = arrived(f"{queue[0]}{number}", VOICE, queue)
            assert pairs(play.tell(replace(one, requirement=text))) == []
    assert pairs(play.tell(at_work("sue"), at_work("tom"))) == ["r1 sue", "r2 tom"]
    # Two wait in repairs, four in sales.
    play.tell(ev.LegConnected(offer_id=1), ev.LegConnected(offer_id=2))
    assert pairs(play.tell(ev.LegEnded(offer_id=1), ev.LegEnded(offer_id=2))) == [
        "s1 sue",
        "s2 tom",
    ]
    play.tell(ev.LegConnected(offer_id=3), arrived("r5", VOICE, "repairs"))
    assert pairs(play.tell(ev.LegEnded(offer_id=3))) == ["r3 sue"]


def test_a_class_that_takes_a_forgotten_ones_number_is_not_shut_in_its_stead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.classes, "CLASSES_MAX", 2)
    mixed = replace(
        SHOP.profiles[1], name="mixed", serves=(SHOP.profiles[1].serves[0], EVERYTHING[1])
    )
    staff = (*agents("all", "ann"), *agents("mixed", "vic"))
    play = Play(replace(SHOP, profiles=(*SHOP.profiles, mixed), agents=staff))
    play.tell(arrived("c1"), arrived("c2", EMAIL))
    play.tell(ev.ContactLeft(contact_id="c1"), ev.ContactLeft(contact_id="c2"))
    # Vic is in reserve for sales, whose numbers repairs get now, and sales again.
    play.tell(arrived("c3", VOICE, "repairs"), arrived("c4", EMAIL, "repairs"))
    assert pairs(play.tell(at_work("vic"))) == ["c3 vic"]
    play.tell(ev.ContactLeft(contact_id="c4"), ev.LegConnected(offer_id=1), arrived("c5"))
    assert pairs(play.tell(ev.LegEnded(offer_id=1))) == []
    assert blocks(play, "c5")["vic"] is Block.RESERVE


def test_a_restored_router_and_one_that_applied_know_how_many_wait() -> None:
    play = Play(SHOP)
    play.tell(at_work("sue"), arrived("c1"), arrived("c2"))
    restored = Router.restore(SHOP, play.router.snapshot())
    applied = Router(SHOP)
    for event in (at_work("sue"), arrived("c1"), arrived("c2")):
        applied.apply(event, (), now_us=0)
    for router in (restored, applied):
        (leg, _), sue = router.legs.values(), router.agent("sue")
        assert block(leg, sue) is Block.RESERVE
        assert len(router.step(arrived("c3"), now_us=0)) == 1


# Voice headroom.


def test_an_email_waits_while_it_would_take_the_last_who_can_answer_a_call() -> None:
    play = Play(DESK)
    play.tell(at_work("ann", "bob"))
    assert pairs(play.tell(arrived("m1", EMAIL))) == ["m1 ann"]
    assert pairs(play.tell(arrived("m2", EMAIL))) == []
    assert blocks(play, "m2") == {"ann": None, "bob": Block.HEADROOM, "cas": None}
    assert not any(may_take(play.router.legs[2], agent) for agent in play.router.agents)
    # Another can take calls: the first of both gets the email.
    assert pairs(play.tell(at_work("cas"))) == ["m2 bob"]
    assert pairs(play.tell(arrived("m3", EMAIL), arrived("call"))) == ["call cas"]


def test_who_becomes_free_is_kept_free() -> None:
    play = Play(DESK)
    play.tell(at_work("ann"), arrived("m1", EMAIL), arrived("call"))
    play.tell(ev.LegConnected(offer_id=1))
    assert pairs(play.tell(ev.LegEnded(offer_id=1))) == []
    assert blocks(play, "m1")["ann"] is Block.HEADROOM


def test_an_end_that_makes_room_for_calls_gives_others_the_emails() -> None:
    """Bob is the last; when Ann's call ends, one of both may write, and Bob is idle for longer."""
    play = Play(replace(DESK, agents=DESK.agents[:2]))
    play.tell(at_work("ann", "bob"), arrived("call"), arrived("m1", EMAIL))
    play.tell(ev.LegConnected(offer_id=1))
    play.now_s = 5
    assert pairs(play.tell(ev.LegEnded(offer_id=1))) == ["m1 bob"]


def test_a_chat_beside_which_a_call_fits_is_not_held_back() -> None:
    wide = CapacitySettings(
        name="one",
        channels={
            VOICE: SlotSettings(cost=60),
            CHAT: SlotSettings(slots=2, cost=40),
            EMAIL: SlotSettings(),
        },
    )
    play = Play(replace(DESK, capacities=(wide,), agents=agents("all", "ann", "bob")))
    play.tell(at_work("ann"))
    # One chat leaves room for a call, a second does not.
    assert pairs(play.tell(arrived("t1", CHAT), arrived("t2", CHAT))) == ["t1 ann"]
    assert blocks(play, "t2")["ann"] is Block.HEADROOM
    # Bob takes it beside which a call fits; both can take calls, so one may take another chat.
    assert pairs(play.tell(at_work("bob"), arrived("t3", CHAT))) == ["t2 bob", "t3 ann"]
    assert pairs(play.tell(arrived("t4", CHAT))) == []


def test_whoever_does_what_a_call_may_interrupt_counts_as_able_to_take_one() -> None:
    channels = {**ONE_AT_A_TIME.channels, EMAIL: SlotSettings(interrupted_by=(VOICE,))}
    capacity = CapacitySettings(name="one", channels=channels)
    play = Play(replace(DESK, capacities=(capacity,)))
    # The last one, too, is given an email; while it rings, a call could not set it aside.
    assert pairs(play.tell(at_work("ann"), arrived("m1", EMAIL))) == ["m1 ann"]
    assert pairs(play.tell(at_work("bob"), arrived("t1", CHAT))) == []
    assert pairs(play.tell(ev.LegConnected(offer_id=1))) == ["t1 bob"]


@pytest.mark.parametrize("few", [1, 8])
def test_whoever_is_given_what_keeps_calls_out_for_now_is_kept_free_no_more(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one step, be it looked at one by one or in a round: the chat that came first waits.

    It would bar calls. The email may be set aside for one, but not while it rings.
    """
    monkeypatch.setattr(acd.matching, "_FEW", few)
    channels = {
        VOICE: SlotSettings(cost=60),
        EMAIL: SlotSettings(cost=50, interrupted_by=(VOICE,)),
        CHAT: SlotSettings(cost=50),
    }
    play = Play(replace(DESK, capacities=(CapacitySettings(name="one", channels=channels),)))
    assert pairs(play.tell(at_work("ann"), arrived("t1", CHAT))) == []
    both = (arrived("t2", CHAT, "repairs"), arrived("m1", EMAIL))
    assert pairs(play.tell(ev.Batch(events=both))) == ["m1 ann", "t1 ann"]


def test_whom_a_further_offer_keeps_from_calls_is_kept_free_no_more() -> None:
    """The email rings at both; so Bob may take the chat for which he was kept free."""
    channels = {
        VOICE: SlotSettings(cost=60),
        EMAIL: SlotSettings(cost=50, interrupted_by=(VOICE,)),
        CHAT: SlotSettings(cost=50),
    }
    sales, repairs = QUEUES
    several = replace(sales, channels={**sales.channels, EMAIL: ChannelSettings(parallel_offers=2)})
    domain = replace(
        DESK,
        queues=(several, repairs),
        capacities=(CapacitySettings(name="one", channels=channels),),
        profiles=(ALL, ProfileSettings(name="sales", serves=EVERYTHING[:1])),
        agents=(*agents("sales", "ann", "cas"), *agents("all", "bob")),
        headrooms=(HeadroomSettings(name="calls", queue="sales", keep_free=2),),
    )
    play = Play(domain)
    play.tell(at_work("ann", "bob"))
    assert pairs(play.tell(arrived("t1", CHAT, "repairs"))) == []
    assert pairs(play.tell(arrived("m1", EMAIL))) == ["m1 ann", "m1 bob", "t1 bob"]


def test_whoever_is_released_in_a_round_leaves_what_is_kept_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.matching, "_FEW", 1)
    channels = {
        VOICE: SlotSettings(cost=60),
        EMAIL: SlotSettings(cost=50, interrupted_by=(VOICE,)),
        CHAT: SlotSettings(cost=50),
    }
    affinity = AffinitySettings(named_agent_us=60_000_000)
    queues = tuple(replace(queue, affinity=affinity) for queue in QUEUES)
    capacities = (CapacitySettings(name="one", channels=channels),)
    play = Play(replace(DESK, queues=queues, capacities=capacities))
    assert pairs(play.tell(at_work("ann"), arrived("t1", CHAT))) == []
    kept = replace(arrived("m2", EMAIL), named_agent="ann")
    both = (arrived("m1", EMAIL), replace(arrived("t2", CHAT), named_agent="ann"), kept)
    assert pairs(play.tell(ev.Batch(events=both))) == ["m1 ann", "t1 ann"]


def test_whoever_cannot_take_a_call_anyway_is_not_kept_free() -> None:
    play = Play(DESK)
    gone = ev.DeviceChanged(agent_id="ann", device=Device.UNREACHABLE)
    play.tell(gone, at_work("ann"))
    assert pairs(play.tell(arrived("m1", EMAIL))) == ["m1 ann"]


def test_several_headrooms_are_each_kept() -> None:
    """Ann answers both queues, Bob sales and Cas repairs; each queue keeps one."""
    profiles = (
        ALL,
        ProfileSettings(name="sales", serves=EVERYTHING[:1]),
        ProfileSettings(name="repairs", serves=EVERYTHING[1:]),
    )
    headrooms = (*DESK.headrooms, HeadroomSettings(name="two", queue="repairs", keep_free=1))
    one_each = (*agents("all", "ann"), *agents("sales", "bob"), *agents("repairs", "cas"))
    play = Play(replace(DESK, profiles=profiles, headrooms=headrooms, agents=one_each))
    play.tell(at_work("ann", "bob"), arrived("m1", EMAIL))
    # Bob may, since Ann is left for sales; nobody is left for repairs but Ann.
    assert pairs(play.tell(arrived("m2", EMAIL))) == []
    assert play.router.agent("bob").offers
    assert pairs(play.tell(at_work("cas"))) == []
    play.tell(ev.LegConnected(offer_id=1))
    assert pairs(play.tell(ev.LegEnded(offer_id=1))) == ["m2 ann"]


def test_a_headroom_that_is_wide_only_within_a_batch_opens_nothing() -> None:
    play = Play(DESK)
    play.tell(at_work("ann"), arrived("m1", EMAIL))
    comes = (*at_work("bob").events, ev.AgentNotReady(agent_id="bob"))
    assert pairs(play.tell(ev.Batch(events=comes))) == []


def test_a_headroom_opens_where_only_calls_wait_and_nothing_follows() -> None:
    play = Play(replace(DESK, agents=(*DESK.agents, *agents("all", "dan"))))
    assert pairs(play.tell(at_work("ann", "bob", "cas", "dan"))) == []
    assert pairs(play.tell(arrived("m1", EMAIL), arrived("m2", EMAIL), arrived("m3", EMAIL))) == [
        "m1 ann",
        "m2 bob",
        "m3 cas",
    ]
    assert blocks(play, "m3")["dan"] is Block.HEADROOM


def test_a_large_headroom_opens_in_a_round() -> None:
    """More agents were kept free than are looked at one by one."""
    names = tuple(f"a{number:02}" for number in range(12))
    headroom = replace(DESK.headrooms[0], keep_free=10)
    play = Play(replace(DESK, agents=agents("all", *names), headrooms=(headroom,)))
    play.tell(at_work(*names[:10]), arrived("m1", EMAIL), arrived("m2", EMAIL))
    assert pairs(play.tell(at_work(names[10]))) == ["m1 a00"]
    assert pairs(play.tell(at_work(names[11]))) == ["m2 a01"]


def test_many_candidates_by_rows_are_chosen_without_those_who_are_kept() -> None:
    """Ann and Bob serve sales only, where one is kept; Cas and Dan are in no pool."""
    profiles = (ALL, ProfileSettings(name="sales", serves=EVERYTHING[:1]))
    writers = ProfileSettings(name="writers", serves=(Serves(queue="sales", channels=(EMAIL,)),))
    staff = (*agents("sales", "ann", "bob"), *agents("writers", "cas", "dan"), *agents("all", "e"))
    play = Play(replace(DESK, profiles=(*profiles, writers), agents=staff))
    play.tell(at_work("ann"))
    play.now_s = 5
    play.tell(at_work("cas", "dan"))
    assert pairs(play.tell(arrived("m1", EMAIL))) == ["m1 cas"]


def test_reserve_and_headroom_open_in_one_step() -> None:
    """Una is in reserve for sales until two wait there, and Bob is kept free until she is there."""
    una = in_reserve("second", 2, "sales")
    staff = (*agents("all", "bob"), *agents("second", "una"))
    play = Play(replace(DESK, profiles=(ALL, una), agents=staff))
    play.tell(at_work("bob"), arrived("m1", EMAIL), arrived("m2", EMAIL))
    assert blocks(play, "m1") == {"bob": Block.HEADROOM, "una": None}
    assert pairs(play.tell(at_work("una"))) == ["m1 bob"]
    assert blocks(play, "m2")["una"] is Block.RESERVE


# What keeps calls out.


CAPACITY: Final = CapacitySettings(
    name="mixed",
    channels={
        VOICE: SlotSettings(cost=60),
        CHAT: SlotSettings(cost=30),
        EMAIL: SlotSettings(cost=90, interrupted_by=(VOICE, CHAT)),
    },
)


def test_a_channel_bars_calls_by_what_is_done_while_it_is_handled() -> None:
    capacity = Capacity(CAPACITY)
    voice, email, chat = (CHANNEL_INDEX[one] for one in LINES)

    def barring(*occupied: tuple[int, SlotState]) -> set[Channel]:
        bars = capacity.bars_calls(sum(UNIT[channel][state] for channel, state in occupied))
        return {channel for channel in LINES if bars[CHANNEL_INDEX[channel]]}

    assert barring() == set()
    # A call is taken already, or no more of the channel: nothing that it could bar.
    assert barring((voice, SlotState.ACTIVE)) == set()
    assert barring((chat, SlotState.ACTIVE)) == set()
    # A chat sets the email aside, and a call may follow beside it.
    assert barring((email, SlotState.ACTIVE)) == set()
    assert barring((email, SlotState.RESERVED)) == set()
    tight = replace(CAPACITY, channels={**CAPACITY.channels, VOICE: SlotSettings(cost=80)})
    capacity = Capacity(tight)
    assert barring() == {CHAT}
    assert barring((email, SlotState.HELD)) == {CHAT}


def test_answers_about_calls_are_forgotten_when_they_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.agents, "KNOWN_MAX", 2)
    capacity = Capacity(CAPACITY)
    chat = CHANNEL_INDEX[CHAT]
    for count in range(4):
        occupancy = count * UNIT[chat][SlotState.ACTIVE]
        assert capacity.bars_calls(occupancy) == capacity.bars_calls(occupancy)
        assert 1 <= len(capacity.barring) <= 2

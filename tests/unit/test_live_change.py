"""Live change: what an agent may take changes while he works, and settings while contacts wait.

Method: stories at the small shop. After each change the router must be as one that never knew
anything else: it is restored from its snapshot and must go on alike, and its index is held against
`may_take`.
"""

from typing import Any, Final

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.agents import Takes
from acd.contacts import LegState
from acd.eligibility import may_take
from acd.errors import ConfigError
from acd.ids import Channel
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AffinitySettings,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    HeadroomSettings,
    ProfileSettings,
    QueueSettings,
    RoutingStep,
    Serves,
    SlotSettings,
    TeamSettings,
)
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

EMAIL: Final = Channel.EMAIL
SKILLS: Final = {"cards": 5, "spanish": 5}

BANK: Final = DomainSettings(
    name="bank",
    skills=("cards", "spanish"),
    attributes={"site": ("north", "south")},
    queues=(
        QueueSettings(name="help", channels={VOICE: ChannelSettings(), CHAT: ChannelSettings()}),
        QueueSettings(name="cards", channels={VOICE: ChannelSettings()}, requires="cards >= 3"),
    ),
    profiles=(
        ProfileSettings(
            name="all",
            serves=(
                Serves(queue="help", channels=(VOICE, CHAT)),
                Serves(queue="cards", channels=(VOICE,)),
            ),
        ),
        ProfileSettings(name="help", serves=(Serves(queue="help", channels=(VOICE,)),)),
    ),
    capacities=(
        CapacitySettings(
            name="many",
            channels={
                VOICE: SlotSettings(),
                CHAT: SlotSettings(slots=3, cost=30, interrupted_by=(VOICE,)),
            },
        ),
        CapacitySettings(name="phone", channels={VOICE: SlotSettings()}),
    ),
    agents=tuple(
        AgentSettings(
            agent_id=name,
            profile="all",
            capacity="many",
            skills=SKILLS,
            attributes={"site": "north"},
        )
        for name in ("ann", "bob", "cid")
    ),
)


def changed(agent_id: str = "ann", **fields: Any) -> ev.AgentChanged:
    return ev.AgentChanged(agent_id=agent_id, **fields)


def call(contact_id: str, queue: str = "help", **fields: Any) -> ev.ContactArrived:
    return replace(arrived(contact_id, queue=queue), **fields)


def chat(contact_id: str) -> ev.ContactArrived:
    return arrived(contact_id, CHAT, "help")


def takes(play: Play, leg_id: int) -> list[str]:
    """Return who may take a leg, by the predicate."""
    leg = play.router.legs[leg_id]
    return [one.agent_id for one in play.router.agents if may_take(leg, one) is not Takes.NO]


def alike_after_a_restart(play: Play) -> None:
    """Hold a router against its restored twin, now and when its next timer is due."""
    router = play.router
    twin = Router.restore(router.settings, router.snapshot())
    assert twin.snapshot() == router.snapshot()
    assert twin.next_wakeup_us() == router.next_wakeup_us()
    tick_us = router.next_wakeup_us()
    if tick_us is not None:
        other = Router.restore(router.settings, router.snapshot())
        tick = ev.ClockTicked()
        assert twin.step(tick, now_us=tick_us) == other.step(tick, now_us=tick_us)


def under(play: Play, settings: DomainSettings) -> list[str]:
    """Go on under other settings."""
    play.router = Router.restore(settings, play.router.snapshot())
    return play.tell(ev.SettingsChanged())


# One agent.


@pytest.mark.parametrize(
    "event, reason, about",
    [
        (changed("eve", skills={}), "unknown_agent", "eve"),
        (changed(profile="none"), "unknown_profile", "none"),
        (changed(capacity="none"), "unknown_capacity", "none"),
        (changed(skills={"french": 1}), "unknown_skill", "french"),
        (changed(skills={"cards": 11}), "bad_number", "cards"),
        (changed(skills={"cards": -1}), "bad_number", "cards"),
        (changed(attributes={"moon": "full"}), "unknown_attribute", "moon"),
        (changed(attributes={"site": "moon"}), "unknown_attribute", "moon"),
        (changed(), "no_change", "ann"),
        (changed(skills={**SKILLS}, profile="all", capacity="many"), "no_change", "ann"),
        (changed(attributes={"site": "north"}), "no_change", "ann"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    event: ev.AgentChanged, reason: str, about: str
) -> None:
    play = Play(BANK)
    play.tell(at_work("ann"), call("c1"), call("c2"))
    before = play.state()
    assert play.tell(event) == [f"refused reason={reason} about={about}"]
    assert play.state() == before


def test_a_change_is_known_as_one_until_it_is_taken_back() -> None:
    play = Play(BANK)
    was = play.state()
    play.tell(changed(skills={"cards": 0, "spanish": 2}, profile="help"))
    assert play.router.is_changed("ann")
    assert not play.router.is_changed("bob")
    assert play.router.agent("ann").kind.skills == {"spanish": 2}
    assert play.router.agent("ann").kind.desk.names == ("help", "many")
    alike_after_a_restart(play)
    play.tell(changed(skills=SKILLS, profile="all"))
    assert play.state() == was


def test_kinds_and_desks_go_with_their_last_agent() -> None:
    play = Play(BANK)
    kinds = play.router._floor.kinds
    assert len(kinds.known) == 1
    for level in range(1, 11):
        for name in ("ann", "bob", "cid"):
            play.tell(changed(name, skills={"spanish": level}, capacity="phone"))
    assert [kind.members for kind in kinds.known.values()] == [[0, 1, 2]]
    assert len(kinds._desks) == 1
    assert {kind.number for kind in kinds.known.values()} <= {0, 1, 2}
    play.tell(at_work("ann", "bob"), call("c1"), call("c2"))
    assert sum(leg.state is LegState.OFFERED for leg in play.router.legs.values()) == 2


def test_who_is_the_best_agent_is_as_if_he_had_always_been_so() -> None:
    """Put into lanes at the front, in the middle, at the end, beside equals and alone."""
    settings = replace(BANK, agent_selection=(AgentCriterion.HIGHEST_PROFICIENCY, "longest_idle"))
    levels = (5, 3, 9, 3, 6, 4, 9, 5, 3, 10, 7, 4, 4)
    for at in range(len(levels)):
        play = Play(settings)
        play.tell(at_work("ann", "bob", "cid"))
        for number in range(3):  # All are busy, and their class is known.
            play.tell(call(f"busy{number}", "cards"))
            play.tell(ev.LegConnected(offer_id=number + 1))
        play.tell(call("c1", "cards"))
        for number, name in enumerate(("ann", "bob", "cid")):
            skills = {"cards": levels[(at + number) % len(levels)]}
            play.tell(changed(name, skills=skills))
        lane = play.router.legs[4].klass.lane
        assert lane is not None
        ranks = [play.router.agents[one].kind.skills["cards"] for one in lane.agents.tolist()]
        assert ranks == sorted(ranks, reverse=True)
        ends = [place + 1 for place in range(3) if place == 2 or ranks[place] != ranks[place + 1]]
        assert lane.ends == ends
        alike_after_a_restart(play)


def test_nobody_is_left_in_a_lane_and_somebody_comes_again() -> None:
    play = Play(replace(BANK, agents=BANK.agents[:1]))
    play.tell(at_work("ann"), call("c1", "cards"), ev.LegConnected(offer_id=1))
    play.tell(call("c2", "cards"), changed(skills={}))
    play.tell(ev.LegEnded(offer_id=1))
    assert takes(play, 2) == []
    assert play.tell(changed(skills={"cards": 3}))[0].startswith("offer.contact offer_id=2")


def test_what_rings_goes_back_where_he_may_not_take_it_and_the_rest_rings_on() -> None:
    play = Play(BANK)
    play.tell(at_work("ann"), chat("c1"), chat("c2"), call("c3", "cards"))
    told = play.tell(changed(skills={"spanish": 1}))
    assert told == []  # The chats need no skill, and c3 never rang: two chats ring.
    told = play.tell(changed(profile="help"))
    assert told[:2] == [
        "offer.withdraw offer_id=2 agent_id=ann outcome=revoked",
        "offer.withdraw offer_id=1 agent_id=ann outcome=revoked",
    ]
    agent = play.router.agent("ann")
    assert (agent.missed, agent.back_off_until_us, agent.excluded_from) == (0, 0, {})
    alike_after_a_restart(play)


def test_of_several_that_ring_those_given_last_go_back_first() -> None:
    two = CapacitySettings(name="two", channels={CHAT: SlotSettings(slots=2, cost=50)})
    settings = replace(BANK, capacities=(*BANK.capacities, two))
    play = Play(settings)
    play.tell(at_work("ann"), chat("c1"), ev.LegConnected(offer_id=1), chat("c2"), chat("c3"))
    told = play.tell(changed(capacity="two"))
    assert told == ["offer.withdraw offer_id=3 agent_id=ann outcome=revoked"]
    alike_after_a_restart(play)


def test_what_is_set_aside_comes_back_where_the_call_may_not_interrupt_any_more() -> None:
    gentle = CapacitySettings(
        name="gentle", channels={VOICE: SlotSettings(), CHAT: SlotSettings(slots=3, cost=30)}
    )
    play = Play(replace(BANK, capacities=(*BANK.capacities, gentle)))
    play.tell(at_work("ann"), chat("c1"), ev.LegConnected(offer_id=1))
    assert "leg.interrupt offer_id=1 agent_id=ann" in play.tell(call("c2"))
    assert play.tell(changed(capacity="gentle")) == [
        "offer.withdraw offer_id=2 agent_id=ann outcome=revoked",
        "leg.resume offer_id=1 agent_id=ann",
    ]
    alike_after_a_restart(play)


def test_a_channel_that_is_carried_no_more_fills_its_agent_until_it_is_done() -> None:
    (help_queue, cards) = BANK.queues
    parking = {**help_queue.channels, CHAT: ChannelSettings(park_us=600 * SECOND_US)}
    play = Play(replace(BANK, queues=(replace(help_queue, channels=parking), cards)))
    play.tell(at_work("ann"), chat("c1"), ev.LegConnected(offer_id=1))
    play.tell(call("c2"), ev.LegConnected(offer_id=2))  # It sets the chat aside.
    assert play.tell(changed(capacity="phone"), call("c3")) == []
    alike_after_a_restart(play)
    told = play.tell(ev.LegEnded(offer_id=2))
    assert "leg.resume offer_id=1 agent_id=ann" in told
    # The chat fills her: c3 waits for its end, or until she puts it away.
    assert takes(play, 3) == []
    assert play.tell(ev.LegParked(offer_id=1))[0].startswith("offer.contact offer_id=3 leg_id=3")
    assert play.tell(ev.LegResumed(offer_id=1)) == ["refused reason=no_capacity about=ann"]
    play.tell(ev.LegConnected(offer_id=3), ev.LegEnded(offer_id=3))
    assert play.tell(ev.LegResumed(offer_id=1)) == []


# What stands beside kinds: holds, steps, teams, reserves, headrooms.


def kept(limit_s: int = 60) -> DomainSettings:
    affinity = AffinitySettings(named_agent_us=limit_s * SECOND_US, last_agent_us=SECOND_US)
    return replace(BANK, queues=(BANK.queues[0], replace(BANK.queues[1], affinity=affinity)))


def test_what_is_kept_for_him_and_he_may_not_take_is_anybodys_right_after() -> None:
    play = Play(kept())
    play.tell(at_work("ann", "bob"), call("c1"), ev.LegConnected(offer_id=1))
    play.tell(call("c2", "cards", named_agent="ann"), call("c3"))
    play.tell(ev.LegConnected(offer_id=2), call("c4"))
    play.tell(ev.ContactAssigned(contact_id="c4", agent_id="ann"))
    assert play.tell(changed(skills={})) == []
    assert [leg.kept_until_us for leg in play.router.legs.values()] == [0, 1, 0, 60 * SECOND_US]
    alike_after_a_restart(play)
    play.tell(ev.LegEnded(offer_id=2))
    # Even free she does not get it, but what else is hers.
    assert play.tell(ev.LegEnded(offer_id=1))[-1].startswith("offer.contact offer_id=3 leg_id=4")
    assert play.router.next_wakeup_us() == 1
    told = play.router.step(ev.ClockTicked(), now_us=1)
    assert [getattr(one, "agent_id", "") for one in told] == ["bob"]


def test_a_leg_kept_for_him_in_a_queue_that_he_serves_no_more_is_not_his() -> None:
    play = Play(kept())
    play.tell(at_work("ann", "bob"), call("c1"), ev.LegConnected(offer_id=1))
    batch = (call("c2", "cards", named_agent="ann"), changed(profile="help"))
    play.tell(ev.Batch(events=(*batch, ev.LegEnded(offer_id=1))))
    assert play.router.legs[2].kept_until_us == 1
    alike_after_a_restart(play)


def test_a_hold_under_settings_that_give_it_no_sense_ends_right_after() -> None:
    play = Play(kept())
    play.tell(at_work("ann", "bob"), call("c1"), ev.LegConnected(offer_id=1))
    play.tell(call("c2", "cards", named_agent="ann"))
    ann, *others = play.router.settings.agents
    settings = replace(play.router.settings, agents=(replace(ann, skills={}), *others))
    assert under(play, settings) == []
    assert play.router.next_wakeup_us() == 1


def stepping() -> DomainSettings:
    steps = (RoutingStep(after_us=60 * SECOND_US, if_nobody=True, requires=""),)
    return replace(BANK, queues=(BANK.queues[0], replace(BANK.queues[1], steps=steps)))


def test_a_step_for_when_nobody_is_there_is_taken_when_the_last_loses_his_skill() -> None:
    play = Play(stepping())
    play.tell(at_work("ann", "bob"), call("c1", "cards"), call("c2", "cards"))
    play.tell(ev.LegConnected(offer_id=1), ev.LegConnected(offer_id=2), call("c3", "cards"))
    play.tell(changed("ann", skills={}))
    assert play.router.next_wakeup_us() == 60 * SECOND_US
    play.tell(changed("bob", skills={}))
    assert play.router.next_wakeup_us() == 1
    alike_after_a_restart(play)
    # And not where one of the same instant has it again.
    play.tell(changed("ann", skills={"cards": 3}))
    assert play.router.next_wakeup_us() == 60 * SECOND_US
    play.tell(changed("cid", skills={}))  # He is not there: nothing changes for anybody.
    assert play.router.next_wakeup_us() == 60 * SECOND_US


def test_a_team_that_its_last_member_leaves_keeps_nothing() -> None:
    team = TeamSettings(contact="region", agent="site", limit_us=60 * SECOND_US)
    queue = replace(BANK.queues[0], affinity=AffinitySettings(team=team))
    play = Play(replace(BANK, contact_attributes=("region",), queues=(queue, BANK.queues[1])))
    play.tell(changed("bob", attributes={"site": "south"}), at_work("ann", "bob"))
    play.tell(call("c1"), call("c2", attributes=(("region", "south"),)))
    play.tell(ev.LegConnected(offer_id=2), call("c3", attributes=(("region", "south"),)))
    play.tell(ev.LegConnected(offer_id=1), ev.LegEnded(offer_id=1))
    assert takes(play, 3) == []
    play.tell(changed("bob", attributes={}))
    assert play.router.next_wakeup_us() == 1
    assert [one.agent_id for one in play.router.step(ev.ClockTicked(), now_us=1)] == ["ann"]  # type: ignore[union-attr]


def reserved() -> DomainSettings:
    (everything, only_help) = BANK.profiles
    lines = (Serves(queue="help", channels=(VOICE,), reserve_waiting=3),)
    reserve = ProfileSettings(name="reserve", serves=lines)
    return replace(BANK, profiles=(everything, only_help, reserve))


def test_an_agent_comes_into_reserve_and_out_of_it() -> None:
    play = Play(reserved())
    play.tell(at_work("ann", "bob", "cid"), changed("ann", profile="reserve"))
    play.tell(changed("cid", profile="reserve"))
    play.tell(call("c1"), call("c2"), call("c3"))
    assert list(play.router.offers) == [1]
    assert takes(play, 2) == []
    alike_after_a_restart(play)
    assert play.tell(changed("ann", profile="help"))[0].startswith("offer.contact offer_id=2")
    told = play.tell(call("c4"), call("c5"))
    assert told[0].startswith("offer.contact offer_id=3 leg_id=3 contact_id=c3 agent_id=cid")
    # Who comes into a reserve that is open takes at once.
    play.tell(ev.LegConnected(offer_id=2), changed("ann", profile="reserve"), call("c6"))
    assert play.tell(ev.LegEnded(offer_id=2))[-1].startswith("offer.contact offer_id=4 leg_id=4")
    alike_after_a_restart(play)
    # And when the last one leaves the reserve nobody is in it.
    play.tell(changed("ann", profile="help"), changed("cid", profile="help"))
    (backlog,) = play.router._floor.gauges.backlogs.values()
    assert (backlog.in_reserve, backlog.shut) == (0, 0)
    assert not any(one.desks or one.agents for one in backlog._reserves)


def headroom(keep_free: int = 1) -> DomainSettings:
    one = HeadroomSettings(name="calls", queue="cards", keep_free=keep_free)
    carried = {VOICE: SlotSettings(), CHAT: SlotSettings(slots=1, cost=100)}
    blended = CapacitySettings(name="many", channels=carried)
    return replace(BANK, headrooms=(one,), capacities=(blended, BANK.capacities[1]))


def test_a_pool_that_an_agent_leaves_keeps_others_free_and_one_that_he_joins_frees_them() -> None:
    play = Play(headroom())
    play.tell(at_work("ann", "bob"))
    play.tell(changed("bob", profile="help", capacity="phone"))
    # Ann is the last who can take calls of `cards`.
    assert play.tell(chat("c1")) == []
    alike_after_a_restart(play)
    assert play.tell(changed("bob", profile="all"))[0].startswith("offer.contact offer_id=1")
    assert play.tell(chat("c2")) == []
    alike_after_a_restart(play)


# The whole settings.


def test_offers_that_other_settings_leave_to_nobody_go_back() -> None:
    play = Play(BANK)
    play.tell(at_work("ann", "bob"), call("c1", "cards"), call("c2"))
    ann, bob, cid = BANK.agents
    settings = replace(BANK, agents=(replace(ann, skills={}), bob, cid))
    told = under(play, settings)
    assert told[0] == "offer.withdraw offer_id=1 agent_id=ann outcome=revoked"
    assert sorted(play.router.offers) == [2]


def test_an_agent_at_work_must_stay_in_the_settings_and_others_may_go() -> None:
    settings = replace(
        kept(), agent_selection=(AgentCriterion.BEST_QUALITY, AgentCriterion.ROUND_ROBIN)
    )
    play = Play(settings)
    play.tell(at_work("ann", "bob", "cid"), call("c1", "cards", customer="k"))
    play.tell(ev.OfferRejected(offer_id=1), ev.LegConnected(offer_id=2))
    play.tell(ev.LegEnded(offer_id=2))
    play.tell(ev.LegRated(offer_id=2, agent_id="bob", queue="cards", quality=50))
    play.tell(call("c2", "cards"), ev.OfferRejected(offer_id=3))
    play.tell(ev.AgentNotReady(agent_id="ann"), ev.AgentNotReady(agent_id="bob"))
    without = replace(settings, agents=settings.agents[1:])
    with pytest.raises(ConfigError) as caught:
        Router.restore(without, play.router.snapshot())
    assert str(caught.value) == (
        "snapshot: agents.ann: is logged in; wanted him in the settings until he is logged out"
    )
    for name in ("ann", "bob", "cid"):
        play.tell(ev.AgentLoggedOut(agent_id=name))
    only_ann = replace(settings, agents=settings.agents[:1])
    was = play.router.snapshot()
    assert was.last_agents
    assert was.rated
    assert was.turns == {"cards": "bob"}
    assert any(leg.excluded for leg in was.legs)
    restored = Router.restore(only_ann, was)
    now = restored.snapshot()
    assert (now.last_agents, now.rated, now.turns) == ((), (), {})
    assert [one.agent_id for one in now.agents] == ["ann"]
    assert {agent for leg in now.legs for agent, _ in leg.excluded} <= {"ann"}


def test_a_leg_kept_for_who_is_gone_is_anybodys() -> None:
    play = Play(kept())
    play.tell(at_work("ann", "bob"), call("c1", "cards"), ev.LegConnected(offer_id=1))
    play.tell(call("c2", "cards", named_agent="ann"), ev.LegEnded(offer_id=1))
    play.tell(ev.AgentNotReady(agent_id="bob"))
    play.tell(ev.OfferRejected(offer_id=2), ev.ContactAssigned(contact_id="c2", agent_id="bob"))
    play.tell(ev.AgentLoggedOut(agent_id="bob"))
    assert play.router.legs[2].kept_for == 1
    without = replace(kept(), agents=(BANK.agents[0], BANK.agents[2]))
    restored = Router.restore(without, play.router.snapshot())
    assert restored.legs[2].kept_for == -1


def test_a_changed_agent_stays_so_until_the_settings_say_something_new_of_him() -> None:
    play = Play(BANK)
    play.tell(changed(profile="help", capacity="phone", skills={"cards": 1}))
    play.tell(changed(attributes={"site": "south"}))
    under(play, replace(BANK, back_off_us=SECOND_US))
    agent = play.router.agent("ann")
    assert (agent.kind.skills, agent.kind.desk.names) == ({"cards": 1}, ("help", "phone"))
    ann, *others = BANK.agents
    under(play, replace(BANK, agents=(replace(ann, attributes={}), *others)))
    assert play.router.agent("ann").kind.skills == SKILLS
    assert not play.router.is_changed("ann")


def test_what_the_settings_know_no_more_of_a_change_is_as_they_say() -> None:
    play = Play(
        replace(
            BANK,
            skills=("cards", "spanish", "french"),
            attributes={"site": ("north", "south"), "floor": ("one",)},
            profiles=(*BANK.profiles, replace(BANK.profiles[1], name="gone")),
            capacities=(*BANK.capacities, replace(BANK.capacities[1], name="gone")),
        )
    )
    play.tell(
        changed(
            profile="gone",
            capacity="gone",
            skills={"french": 3, "cards": 2},
            attributes={"site": "south", "floor": "one"},
        )
    )
    under(play, BANK)
    kind = play.router.agent("ann").kind
    assert kind.desk.names == ("all", "many")
    assert (kind.skills, kind.attributes) == ({"cards": 2}, {"site": "south"})
    assert play.router.is_changed("ann")


def test_a_contact_whose_skill_is_gone_keeps_the_old_settings() -> None:
    play = Play(BANK)
    play.tell(call("c1", requirement="spanish"))
    agents = tuple(replace(one, skills={"cards": 5}) for one in BANK.agents)
    with pytest.raises(ConfigError) as caught:
        Router.restore(replace(BANK, skills=("cards",), agents=agents), play.router.snapshot())
    assert str(caught.value) == (
        "snapshot: contacts.c1: unknown_skill: names `spanish` at character 1; wanted what the "
        "settings know: keep it until this contact is closed"
    )


def test_a_restart_under_the_same_settings_changes_nothing() -> None:
    play = Play(SHOP)
    play.tell(at_work("ann"), arrived("c1"), arrived("c2"))
    before = play.state()
    assert under(play, SHOP) == []
    assert play.state() == before

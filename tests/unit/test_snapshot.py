"""Snapshots: nothing is lost, and what does not fit is said.

Method: a busy moment (ringing, connecting, talking, held, set aside, wrapping, excluded, backed
off) is encoded, decoded and restored; the copy says the same then and does the same later. Then
each way in which other settings may lack what the snapshot speaks of.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.actions import OfferContact, WidenLeg
from acd.errors import CallerError, ConfigError
from acd.ids import Device, FailureCause, WrapUpMode
from acd.router import Router
from acd.settings import SECOND_US, DomainSettings, RoutingStep, Urgency
from acd.snapshot import Snapshot
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

NAMES = ("ann", "bob", "cid", "dan", "eve", "fay")
CROWD = replace(
    SHOP,
    skills=("cards",),
    agents=tuple(replace(SHOP.agents[0], agent_id=name, skills={"cards": 5}) for name in NAMES),
)


def busy() -> Play:
    """Return a play in which everything that a snapshot holds is there."""
    play = Play(CROWD)
    play.tell(at_work(*NAMES))
    for number in range(1, 7):
        play.now_s += 1
        play.tell(arrived(f"c{number}", CHAT if number == 1 else arrived("c").channel))
    play.tell(ev.LegConnected(offer_id=1))  # Ann chats with c1.
    play.tell(ev.LegConnected(offer_id=2), ev.LegHeld(offer_id=2))
    play.tell(ev.OfferAccepted(offer_id=3))
    play.tell(ev.LegConnected(offer_id=4), ev.LegEnded(offer_id=4))
    play.tell(ev.OfferFailed(offer_id=5, cause=FailureCause.UNREACHABLE))  # And c5 interrupts Ann.
    play.tell(ev.AgentNotReady(agent_id="bob", reason="tea", after_this_one=True))
    play.tell(ev.DrainRequested(agent_id="cid"))
    play.tell(ev.DeviceChanged(agent_id="fay", device=Device.BUSY_ELSEWHERE))
    play.tell(ev.WrapUpModeChanged(agent_id="dan", mode=WrapUpMode.UNTIL_DONE))
    play.tell(arrived("c7"), replace(arrived("c8"), requirement="cards >= 5", prefers=("cards",)))
    return play


def encoded(snapshot: Snapshot) -> bytes:
    return msgspec.msgpack.encode(snapshot)


@pytest.mark.parametrize("codec", [msgspec.msgpack, msgspec.json])
def test_a_restored_router_says_and_does_the_same(codec: Any) -> None:
    play = busy()
    wire = codec.encode(play.router.snapshot())
    restored = Router.restore(CROWD, codec.decode(wire, type=Snapshot))
    assert codec.encode(restored.snapshot()) == wire
    assert restored.next_wakeup_us() == play.router.next_wakeup_us()
    while (due_us := play.router.next_wakeup_us()) is not None:
        told = play.router.step(ev.ClockTicked(), now_us=due_us)
        assert restored.step(ev.ClockTicked(), now_us=due_us) == told
        assert encoded(restored.snapshot()) == encoded(play.router.snapshot())


def test_a_snapshot_does_not_change_with_its_router() -> None:
    play = busy()
    snapshot = play.router.snapshot()
    before = encoded(snapshot)
    restored = Router.restore(CROWD, snapshot)
    play.tick(60)
    restored.step(ev.ClockTicked(), now_us=play.router.now_us)
    assert encoded(snapshot) == before


def test_another_policy_and_another_order_of_agents_may_go_on_with_it() -> None:
    play = busy()
    queues = (replace(CROWD.queues[0], priority=3),)
    other = replace(
        CROWD, agents=CROWD.agents[::-1], urgency=Urgency.STRICT_PRIORITY, queues=queues
    )
    restored = Router.restore(other, play.router.snapshot())
    snapshot = restored.snapshot()
    assert snapshot.settings_digest != play.router.snapshot().settings_digest
    was = play.router.snapshot()
    assert sorted(one.agent_id for one in snapshot.offers) == sorted(
        one.agent_id for one in was.offers
    )
    assert [leg.excluded for leg in snapshot.legs] == [leg.excluded for leg in was.legs]


def _lacking(**changes: Any) -> DomainSettings:
    return replace(CROWD, **changes)


@pytest.mark.parametrize(
    "settings, text",
    [
        (
            _lacking(agents=CROWD.agents[1:]),
            "snapshot: agents.ann: is logged in; wanted him in the settings until he is logged out",
        ),
        (
            _lacking(
                skills=("loans",),
                agents=tuple(replace(agent, skills={}) for agent in CROWD.agents),
            ),
            None,
        ),
        (
            _lacking(
                queues=(replace(CROWD.queues[0], channels={CHAT: CROWD.queues[0].channels[CHAT]}),),
                profiles=(
                    replace(
                        CROWD.profiles[0],
                        serves=(replace(CROWD.profiles[0].serves[0], channels=(CHAT,)),),
                    ),
                ),
            ),
            (
                "snapshot: contacts.c2: channel_not_served: voice; wanted what the "
                "settings know: keep it until this contact is closed"
            ),
        ),
    ],
)
def test_settings_that_lack_what_it_speaks_of_are_refused(
    settings: DomainSettings, text: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        Router.restore(settings, busy().router.snapshot())
    assert str(caught.value).startswith("snapshot: ")
    if text is not None:
        assert str(caught.value) == text


def test_another_version_is_refused() -> None:
    snapshot = msgspec.structs.replace(busy().router.snapshot(), version=2)
    with pytest.raises(ConfigError, match="snapshot: version: 2; wanted 1"):
        Router.restore(CROWD, snapshot)


def test_a_snapshot_that_does_not_hold_together_is_refused() -> None:
    snapshot = busy().router.snapshot()
    for crossed in (
        msgspec.structs.replace(snapshot, contacts=()),
        msgspec.structs.replace(snapshot, legs=()),
        msgspec.structs.replace(snapshot, offers=()),
    ):
        with pytest.raises(ConfigError, match=r"snapshot: references: names .*; wanted a snapshot"):
            Router.restore(CROWD, crossed)
    first = snapshot.legs[0]
    moved = (msgspec.structs.replace(first, contact_id=snapshot.legs[1].contact_id),)
    with pytest.raises(ConfigError, match="snapshot: references: has crossed references; wanted"):
        Router.restore(CROWD, msgspec.structs.replace(snapshot, legs=moved + snapshot.legs[1:]))


def test_an_agent_goes_on_with_what_he_handles_and_carries_no_more() -> None:
    (blended,) = CROWD.capacities
    phone = replace(blended, name="phone", channels={VOICE: blended.channels[VOICE]})
    ann, *others = CROWD.agents
    settings = replace(
        CROWD,
        capacities=(blended, phone),
        agents=(replace(ann, capacity="phone"), *others),
    )
    snapshot = busy().router.snapshot()
    restored = Router.restore(settings, snapshot)
    assert [one.offer for one in restored.snapshot().offers] == [
        one.offer for one in snapshot.offers
    ]
    assert not any(restored.agent("ann").takes())


def test_under_shorter_times_a_restored_router_is_owed_a_tick_first() -> None:
    def stepped(after_s: int) -> DomainSettings:
        (sales,) = SHOP.queues
        steps = (RoutingStep(after_us=after_s * SECOND_US, requires=""),)
        queue = replace(sales, requires="spanish", steps=steps)
        return replace(SHOP, queues=(queue,), skills=("spanish",), agents=agents)

    ann, bob = SHOP.agents
    agents = (ann, replace(bob, skills={"spanish": 5}))
    play = Play(stepped(60))
    play.tell(at_work("ann"), arrived("c1"))
    play.now_s = 20
    play.tell(ev.Batch(events=()))
    restored = Router.restore(stepped(5), play.router.snapshot())
    assert restored.next_wakeup_us() == 5 * SECOND_US
    with pytest.raises(CallerError, match="a tick is owed since 5000000"):
        restored.step(ev.Batch(events=()), now_us=20 * SECOND_US)
    actions = restored.step(ev.ClockTicked(), now_us=20 * SECOND_US)
    assert [type(one) for one in actions] == [WidenLeg, OfferContact]
    assert restored.step(ev.Batch(events=()), now_us=20 * SECOND_US) == ()

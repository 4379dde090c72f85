"""Contacts that agents put away and take up again.

Method: stories at a small office whose agents write letters and answer the telephone, told in
seconds; what is ordered is compared word for word with the lines of the journal.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import acd.parking_facts
from acd import events as ev
from acd.ids import Availability, Channel, ConsultEnd, WrapUpMode
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AfterMiss,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    IdleClock,
    PerformanceSettings,
    ProfileSettings,
    QueueSettings,
    RonaSettings,
    Serves,
    SlotSettings,
)
from acd.snapshot import Snapshot
from acd.validation import problems
from tests.unit.shop import Play, arrived, at_work

EMAIL, VOICE = Channel.EMAIL, Channel.VOICE


def office(*, park_us: int | None = 100 * SECOND_US, **domain: Any) -> DomainSettings:
    """Return the office: one letter or one call at a time, and a call sets a letter aside."""
    letters = ChannelSettings(wrap_up_us=5 * SECOND_US, park_us=park_us)
    slots = {EMAIL: SlotSettings(interrupted_by=(VOICE,)), VOICE: SlotSettings()}
    serves = Serves(queue="desk", channels=(EMAIL, VOICE))
    return DomainSettings(
        name="office",
        queues=(QueueSettings(name="desk", channels={EMAIL: letters, VOICE: ChannelSettings()}),),
        profiles=(ProfileSettings(name="all", serves=(serves,)),),
        capacities=(CapacitySettings(name="one", channels=slots),),
        agents=tuple(
            AgentSettings(agent_id=name, profile="all", capacity="one") for name in ("ann", "bob")
        ),
        **domain,
    )


def letter(contact_id: str) -> ev.ContactArrived:
    return arrived(contact_id, EMAIL, "desk")


def call(contact_id: str) -> ev.ContactArrived:
    return arrived(contact_id, VOICE, "desk")


def parked(offer_id: int = 1) -> ev.LegParked:
    return ev.LegParked(offer_id=offer_id)


def resumed(offer_id: int = 1) -> ev.LegResumed:
    return ev.LegResumed(offer_id=offer_id)


def connected(offer_id: int = 1) -> ev.LegConnected:
    return ev.LegConnected(offer_id=offer_id)


def ended(offer_id: int = 1) -> ev.LegEnded:
    return ev.LegEnded(offer_id=offer_id)


def writing(settings: DomainSettings | None = None) -> Play:
    """Return a story in which Ann writes letter c1."""
    play = Play(settings or office())
    play.tell(at_work("ann"), letter("c1"), connected())
    return play


def test_what_is_parked_costs_nothing_and_its_agent_gets_the_next() -> None:
    play = writing()
    play.tell(letter("c2"))
    assert play.tell(parked())[0].startswith("offer.contact offer_id=2 leg_id=2")
    ann = play.router.agent("ann")
    assert [one.offer_id for one in ann.parked] == [1]
    assert play.tell(parked()) == []
    wire = msgspec.msgpack.encode(play.router.snapshot())
    play.router = Router.restore(office(), msgspec.msgpack.decode(wire, type=Snapshot))
    assert msgspec.msgpack.encode(play.router.snapshot()) == wire
    play.tell(connected(2))
    assert play.tell(resumed()) == ["refused reason=no_capacity about=ann"]
    play.tell(ended(2), ev.WrapUpEnded(offer_id=2))
    assert play.tell(resumed(), resumed()) == []
    assert not play.router.agent("ann").is_idle
    assert play.tell(ended()) == ["customer.release contact_id=c1"]


def test_an_agent_with_nothing_but_parked_contacts_is_idle_from_then_on() -> None:
    play = writing(office(agent_selection=(AgentCriterion.LEAST_OCCUPIED,)))
    play.now_s = 7
    play.tell(parked())
    ann = play.router.agent("ann")
    assert (ann.is_idle, ann.is_handling, ann.idle_since_us) == (True, False, 7 * SECOND_US)
    play.now_s = 8
    play.tell(ev.AgentNotReady(agent_id="ann", reason="tea", after_this_one=True))
    assert ann.availability is Availability.NOT_READY
    play.now_s = 9
    assert play.tell(resumed()) == []  # On a break she may.
    assert ann.is_handling


def test_after_this_one_begins_when_the_last_one_is_put_away() -> None:
    play = writing()
    play.tell(ev.AgentNotReady(agent_id="ann", reason="tea", after_this_one=True))
    assert play.tell(parked()) == [
        "agent.set_state agent_id=ann availability=not_ready reason=tea",
    ]


BACK = [
    "leg.open leg_id=2 contact_id=c1 queue=desk channel=email from_offer=1 place_us=0",
    "leg.close leg_id=1 contact_id=c1 outcome=handled",
]


def test_at_its_limit_it_goes_back_to_its_place_and_not_to_the_same_agent_at_once() -> None:
    play = writing()
    play.now_s = 50
    play.tell(parked())
    play.now_s = 60
    play.tell(ev.AgentNotReady(agent_id="ann"), letter("c2"))
    assert play.router.next_wakeup_us() == 150 * SECOND_US
    assert play.tick(150) == [BACK[0].replace("leg_id=2", "leg_id=3"), BACK[1]]
    assert play.tell(resumed(), ended(), parked()) == []
    (told,) = play.tell(ev.AgentReady(agent_id="ann"))
    assert told.startswith("offer.contact offer_id=2 leg_id=2 contact_id=c2 agent_id=ann")
    (told,) = play.tell(at_work("bob"))
    assert told.startswith("offer.contact offer_id=3 leg_id=3 contact_id=c1 agent_id=bob")


@pytest.mark.parametrize("draining", [False, True])
def test_no_log_out_waits_for_what_is_parked(draining: bool) -> None:
    play = writing()
    play.now_s = 1
    play.tell(parked())
    if draining:
        play.tell(letter("c2"), connected(2))
        assert play.tell(ev.AgentLoggedOut(agent_id="ann")) == []
        assert play.router.agent("ann").availability is Availability.DRAINING
        play.tell(ended(2))
        told = play.tell(ev.WrapUpEnded(offer_id=2))[1:]
        opened = [BACK[0].replace("leg_id=2", "leg_id=3"), BACK[1]]
        assert told == ["agent.set_state agent_id=ann availability=logged_out", *opened]
    else:
        assert play.tell(ev.AgentLoggedOut(agent_id="ann")) == BACK
    assert not play.router.agent("ann").offers


@pytest.mark.parametrize("back", [(), (ev.AgentLoggedIn(agent_id="ann"),)])
def test_what_is_parked_does_not_outlive_a_session_by_a_resume_in_the_same_batch(back: Any) -> None:
    play = writing()
    play.now_s = 1
    play.tell(parked())
    out = ev.AgentLoggedOut(agent_id="ann")
    told = play.tell(ev.Batch(events=(out, *back, ev.LegResumed(offer_id=1))))
    position = 1 + len(back)
    refused = f"refused reason=not_in_this_state about=1 position={position}"
    assert told == [refused, *BACK]
    assert not play.router.agent("ann").offers


def test_a_drain_and_a_policy_that_logs_out_let_go_of_it_too() -> None:
    out = "agent.set_state agent_id=ann availability=logged_out"
    play = writing()
    play.now_s = 1
    play.tell(parked())
    assert play.tell(ev.DrainRequested(agent_id="ann")) == [out, *BACK]
    play = writing(office(rona=RonaSettings(then=AfterMiss.LOG_OUT)))
    play.tell(parked(), letter("c2"))
    told = play.tick(15)
    assert told[1] == out
    assert told[2:] == [BACK[0].replace("leg_id=2", "leg_id=3"), BACK[1]]


def test_a_customer_who_leaves_what_is_parked_ends_it_where_it_is() -> None:
    for event in (ev.ContactLeft(contact_id="c1"), ended()):
        play = writing()
        play.tell(parked(), letter("c2"))
        play.now_s = 3
        play.tell(event)
        ann = play.router.agent("ann")
        assert ann.idle_since_us == 0
        assert play.tell(resumed())[0].startswith("refused reason=not_in_this_state")
        assert play.tick(8) == [
            "wrap_up.end offer_id=1 agent_id=ann",
            "contact.close contact_id=c1 outcome=handled",
        ]
        assert 2 in ann.offers


def test_a_wrap_up_that_is_parked_ends_with_the_session() -> None:
    play = writing()
    play.tell(parked(), ev.ContactLeft(contact_id="c1"))
    assert play.tell(ev.AgentLoggedOut(agent_id="ann")) == [
        "wrap_up.end offer_id=1 agent_id=ann",
        "contact.close contact_id=c1 outcome=handled",
    ]


def test_the_idle_clock_after_contacts_runs_on_while_something_parked_ends() -> None:
    play = writing(office(idle_clock=IdleClock.AFTER_CONTACT))
    play.now_s = 2
    play.tell(parked())
    play.now_s = 5
    play.tell(ended())
    assert play.router.agent("ann").idle_since_us == 2 * SECOND_US


def test_what_is_set_aside_is_parked_there_and_what_was_aside_comes_back() -> None:
    play = writing()
    assert play.tell(call("c2"))[0] == "leg.interrupt offer_id=1 agent_id=ann"
    play.tell(connected(2))
    state = play.router.agent("ann").occupancy
    assert play.tell(parked()) == []
    assert play.router.agent("ann").occupancy < state
    assert play.tell(ended(2), resumed()) == [
        "customer.release contact_id=c2",
        "contact.close contact_id=c2 outcome=handled",
    ]
    # A slot that is parked is not set aside, and what is set aside keeps its channel's slot.
    play.tell(parked(), letter("c3"), connected(3), call("c4"), connected(4))
    assert play.router.agent("ann").parked[0].offer_id == 1
    assert play.tell(resumed()) == ["refused reason=no_capacity about=ann"]
    assert play.tell(ended(4))[-1] == "leg.resume offer_id=3 agent_id=ann"


def test_parking_an_active_contact_brings_back_what_it_set_aside() -> None:
    settings = office()
    (one,) = settings.capacities
    slots = {
        **one.channels,
        Channel.CHAT: SlotSettings(),
        EMAIL: SlotSettings(interrupted_by=(Channel.CHAT,)),
    }
    (queue,) = settings.queues
    channels = {**queue.channels, Channel.CHAT: ChannelSettings(park_us=SECOND_US)}
    serves = Serves(queue="desk", channels=(*channels,))
    settings = replace(
        settings,
        queues=(replace(queue, channels=channels),),
        capacities=(replace(one, channels=slots),),
        profiles=(ProfileSettings(name="all", serves=(serves,)),),
    )
    play = writing(settings)
    play.tell(arrived("c2", Channel.CHAT, "desk"), connected(2))
    assert play.tell(parked(2)) == ["leg.resume offer_id=1 agent_id=ann"]


@pytest.mark.parametrize(
    "before, event, refusal",
    [
        ((), parked(2), "unknown_offer about=2"),
        ((), resumed(2), "unknown_offer about=2"),
        ((ev.LegHeld(offer_id=1),), parked(), "not_in_this_state about=1"),
        ((ended(),), parked(), "not_in_this_state about=1"),
        ((parked(),), ev.LegHeld(offer_id=1), "not_in_this_state about=1"),
        ((parked(),), ev.LegRequeued(offer_id=1), "not_in_this_state about=1"),
        ((parked(),), ev.ContactCanceled(contact_id="c1"), "not_in_this_state about=c1"),
    ],
)
def test_what_cannot_be_parked_or_resumed_changes_nothing(
    before: tuple[ev.Event, ...], event: ev.Event, refusal: str
) -> None:
    play = writing()
    play.tell(*before)
    state = play.state()
    assert play.tell(event) == [f"refused reason={refusal}"]
    assert play.state() == state


def test_only_what_the_settings_name_is_parked_and_only_so_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play = writing(office(park_us=None))
    assert play.tell(parked()) == ["refused reason=not_parkable about=1"]
    monkeypatch.setattr(acd.parking_facts, "PARKED_MAX", 1)
    play = writing()
    play.tell(letter("c2"), parked(), connected(2))
    assert play.tell(parked(2)) == ["refused reason=too_many_parked about=ann"]


def test_what_two_agents_have_is_not_parked() -> None:
    play = writing()
    play.tell(at_work("bob"), ev.ConsultRequested(offer_id=1, queue="desk"), connected(2))
    play.tell(ev.ConsultEnded(offer_id=1, how=ConsultEnd.CONFERENCE))
    assert play.tell(parked()) == ["refused reason=not_in_this_state about=1"]
    play.tell(ended(2))
    assert play.tell(parked()) == []


def test_the_handling_clock_stands_still_while_it_is_parked() -> None:
    settings = office(performance=PerformanceSettings())
    metrics = Metrics(settings, from_us=0)
    router = Router(settings)
    mode = ev.WrapUpModeChanged(agent_id="ann", mode=WrapUpMode.TIMED)
    for at_s, event in (
        (0, at_work("ann")),
        (0, mode),
        (0, letter("c1")),
        (0, connected()),
        (10, parked()),
        (10, parked()),
        (40, resumed()),
        (40, resumed()),
        (45, call("c2")),
        (46, connected(2)),
        (50, parked()),
        (51, ended(2)),
        (60, ended()),
        (65, ev.ClockTicked()),
    ):
        actions = router.step(event, now_us=at_s * SECOND_US)
        metrics.fold(event, actions, at_s * SECOND_US)
    letters, calls = (row.total for row in metrics.report(70 * SECOND_US).rows)
    assert (letters.handled, letters.handling_us) == (1, 15 * SECOND_US)
    assert (letters.busy_us, letters.idle_us) == (20 * SECOND_US, 49 * SECOND_US)
    assert calls.handling_us == 5 * SECOND_US
    (_, _, _, figure) = next(router.performance.everybody())
    assert (figure.samples, figure.own) == (2, 10 * SECOND_US)


@pytest.mark.parametrize(
    "channel, park_us, wanted",
    [
        (EMAIL, 0, "desk.email.park_s: is 0; wanted a number of seconds above 0"),
        (VOICE, 5, "desk.voice.park_s: is given; wanted no such key: a caller is on the line"),
    ],
)
def test_times_and_channels_of_parking_are_checked(
    channel: Channel, park_us: int, wanted: str
) -> None:
    settings = office()
    (queue,) = settings.queues
    channels = {**queue.channels, channel: ChannelSettings(park_us=park_us)}
    (mistake,) = problems(replace(settings, queues=(replace(queue, channels=channels),)))
    assert str(mistake).startswith(f"queues.{wanted}")

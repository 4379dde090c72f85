"""Every event in every state, through the router.

Method: a leg (an agent) is brought into each state and told each event; what follows stands in one
table: the next state, `same` where the event is ignored, `-` where it is refused. Refused and
ignored events must leave the whole state as it was. What else an event orders is compared word for
word with the lines of the journal.
"""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

import acd.floor
from acd import events as ev
from acd.actions import OfferContact
from acd.agents import SlotState
from acd.contacts import LegState
from acd.errors import CallerError, ConfigError
from acd.ids import Availability, Device, FailureCause, WrapUpMode
from acd.router import FIRED_MAX, Router
from acd.settings import SECOND_US, IdleClock, SlotSettings
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

BUSY = FailureCause.BUSY

TO_LEG: dict[str, Callable[[int], ev.SingleEvent]] = {
    "accepted": lambda number: ev.OfferAccepted(offer_id=number),
    "rejected": lambda number: ev.OfferRejected(offer_id=number),
    "failed": lambda number: ev.OfferFailed(offer_id=number, cause=BUSY),
    "connected": lambda number: ev.LegConnected(offer_id=number),
    "held": lambda number: ev.LegHeld(offer_id=number),
    "retrieved": lambda number: ev.LegRetrieved(offer_id=number),
    "ended": lambda number: ev.LegEnded(offer_id=number),
    "wrapped": lambda number: ev.WrapUpEnded(offer_id=number),
    "left": lambda _: ev.ContactLeft(contact_id="c1"),
}

INTO = {
    "OFFERED": (),
    "CONNECTING": ("accepted",),
    "CONNECTED": ("connected",),
    "HELD": ("connected", "held"),
    "WRAPPING": ("connected", "ended"),
    "closed": ("connected", "ended", "wrapped"),
    "abandoned": ("left",),
}

LEGS = """
            accepted    rejected  failed  connected  held  retrieved  ended     wrapped  left
OFFERED     CONNECTING  QUEUED    QUEUED  CONNECTED  -     -          -         -        gone
CONNECTING  same        -         QUEUED  CONNECTED  -     -          -         -        gone
CONNECTED   same        -         -       same       HELD  same       WRAPPING  -        WRAPPING
HELD        same        -         -       same       same  CONNECTED  WRAPPING  -        WRAPPING
WRAPPING    same        -         -       same       -     -          same      gone     same
closed      same        same      same    same       same  same       same      same     -
abandoned   same        same      same    same       same  same       same      same     -
"""


def _columns(line: str) -> list[str]:
    return line.split()


def _after(play: Play, event: ev.SingleEvent) -> str:
    before = play.state()
    told = play.tell(event)
    refused = [one for one in told if one.startswith("refused ")]
    if refused:
        assert told == refused
        assert play.state() == before
        return "-"
    if play.state() == before:
        assert told == []
        return "same"
    legs = play.router.legs
    return LegState(legs[1].state).name if 1 in legs else "gone"


def test_every_event_about_an_offer_in_every_state() -> None:
    header, *rows = LEGS.strip().splitlines()
    assert _columns(header) == list(TO_LEG)
    assert [_columns(row)[0] for row in rows] == list(INTO)
    for row in rows:
        state, *cells = _columns(row)
        got = []
        for event in TO_LEG.values():
            play = Play()
            play.tell(at_work("ann"), arrived("c1"))
            play.tell(*(TO_LEG[name](1) for name in INTO[state]))
            got.append(_after(play, event(1)))
        assert got == cells, state


def test_an_offer_never_made_is_refused_whatever_is_said_of_it() -> None:
    play = Play()
    for number in (0, 1, -1):
        for name, event in TO_LEG.items():
            if name != "left":
                assert play.tell(event(number)) == [f"refused reason=unknown_offer about={number}"]


TO_AGENT: dict[str, Callable[[], ev.SingleEvent]] = {
    "logged_in": lambda: ev.AgentLoggedIn(agent_id="ann"),
    "ready": lambda: ev.AgentReady(agent_id="ann"),
    "not_ready": lambda: ev.AgentNotReady(agent_id="ann"),
    "after_this": lambda: ev.AgentNotReady(agent_id="ann", after_this_one=True),
    "drain": lambda: ev.DrainRequested(agent_id="ann"),
    "logged_out": lambda: ev.AgentLoggedOut(agent_id="ann"),
}

IDLE = """
                logged_in       ready  not_ready  after_this  drain        logged_out
logged_out      not_ready       -      -          -           same         same
not_ready       same            ready  same       same        *logged_out  logged_out
ready           same            same   not_ready  not_ready   *logged_out  logged_out
not_responding  same            ready  not_ready  not_ready   *logged_out  logged_out
"""

TALKING = """
            logged_in  ready  not_ready  after_this  drain     logged_out
not_ready   same       ready  same       same        draining  draining
ready       same       same   not_ready  after_this  draining  draining
after_this  same       ready  not_ready  same        draining  draining
draining    same       ready  same       same        same      same
"""

RINGING = """
            logged_in  ready  not_ready     after_this    drain     logged_out
ready       same       same   <not_ready    after_this    draining  <logged_out
after_this  same       ready  <not_ready    same          draining  <logged_out
draining    same       ready  <*logged_out  same          same      <logged_out
"""


def _agents_state(play: Play) -> str:
    ann = play.router.agent("ann")
    return "after_this" if ann.after_this_one else str(ann.availability)


def _agent_after(play: Play, event: ev.SingleEvent) -> str:
    """Return his next state; `*` where the router says it, `<` where the offer is revoked."""
    before = play.state()
    told = play.tell(event)
    if told == ["refused reason=not_in_this_state about=ann"]:
        assert play.state() == before
        return "-"
    if play.state() == before:
        assert told == []
        return "same"
    after = _agents_state(play)
    signs = ""
    for one in told:
        if one == "offer.withdraw offer_id=1 agent_id=ann outcome=revoked":
            signs += "<"
        else:
            assert one == f"agent.set_state agent_id=ann availability={after}"
            signs += "*"
    return signs + after


def _bring(play: Play, state: str) -> None:
    """Bring an agent who is ready into a state."""
    changes = {"after_this": ["after_this"], "draining": ["drain"], "not_ready": ["not_ready"]}
    changes |= {"logged_out": ["logged_out"], "ready": []}
    play.tell(*(TO_AGENT[name]() for name in changes[state]))
    assert _agents_state(play) == state


@pytest.mark.parametrize("work", ["idle", "talking", "ringing"])
def test_every_event_about_an_agent_in_every_state(work: str) -> None:
    table = {"idle": IDLE, "talking": TALKING, "ringing": RINGING}[work]
    header, *rows = table.strip().splitlines()
    assert _columns(header) == list(TO_AGENT)
    for row in rows:
        state, *cells = _columns(row)
        got = []
        for event in TO_AGENT.values():
            play = Play()
            play.tell(at_work("ann"))
            if state == "not_responding":
                play.tell(arrived("c1"))
                play.tick(15)
                play.tell(ev.ContactLeft(contact_id="c1"))
            else:
                if work != "idle":
                    play.tell(arrived("c1"))
                if work == "talking":
                    play.tell(ev.LegConnected(offer_id=1))
                _bring(play, state)
            got.append(_agent_after(play, event()))
        assert got == cells, state


@pytest.mark.parametrize(
    "event",
    [
        *(
            kind(agent_id="eve")
            for kind in (
                ev.AgentLoggedIn,
                ev.AgentReady,
                ev.AgentNotReady,
                ev.DrainRequested,
                ev.AgentLoggedOut,
            )
        ),
        ev.DeviceChanged(agent_id="eve", device=Device.REACHABLE),
        ev.WrapUpModeChanged(agent_id="eve", mode=WrapUpMode.TIMED),
    ],
)
def test_an_unknown_agent_is_refused(event: ev.SingleEvent) -> None:
    assert Play().tell(event) == ["refused reason=unknown_agent about=eve"]


ARRIVALS: list[tuple[dict[str, Any], str]] = [
    ({"contact_id": "c0"}, "contact_exists about=c0"),
    ({"queue": "nowhere"}, "unknown_queue about=nowhere"),
    ({"channel": "email"}, "channel_not_served about=email"),
    ({"requirement": "juggling"}, 'unknown_skill about="names `juggling` at character 1"'),
    ({"requirement": "a =="}, 'bad_requirement about="ends at character 5"'),
    ({"prefers": ("not",)}, 'bad_requirement about="ends at character 4"'),
    ({"prefers": ("",) * 11}, "too_long about=prefers"),
    ({"attributes": (("shoe_size", "9"),)}, "unknown_attribute about=shoe_size"),
    ({"attributes": (("campaign", "1"), ("campaign", "2"))}, "too_long about=attributes"),
    ({"priority": 1_000_001}, "bad_number about=priority"),
    ({"priority": -1_000_001}, "bad_number about=priority"),
    ({"promised_us": -1}, "bad_number about=promised_us"),
    ({"promised_us": 2**60}, "bad_number about=promised_us"),
]


@pytest.mark.parametrize("fields, reason", ARRIVALS)
def test_a_wrong_arrival_is_refused_and_leaves_no_trace(
    fields: dict[str, Any], reason: str
) -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c0"))
    before = play.state()
    assert play.tell(replace(arrived("c1"), **fields)) == [f"refused reason={reason}"]
    assert play.state() == before


def test_declared_attributes_and_limits_are_taken() -> None:
    play = Play()
    event = replace(
        arrived("c1"),
        attributes=(("campaign", "may"),),
        priority=1_000_000,
        promised_us=2**60 - 1,
    )
    assert play.tell(event) == []
    assert play.router.contacts["c1"].arrival is event


def test_a_refused_member_of_a_batch_is_named_by_its_position() -> None:
    play = Play()
    batch = ev.Batch(
        events=(
            arrived("c1"),
            arrived("c1"),
            ev.ContactLeft(contact_id="c9"),
            *at_work("ann").events,
            ev.ClockTicked(),
        )
    )
    told = play.tell(batch)
    assert told[:2] == [
        "refused reason=contact_exists about=c1 position=1",
        "refused reason=unknown_contact about=c9 position=2",
    ]
    assert told[2].startswith("offer.contact offer_id=1 leg_id=1 contact_id=c1 agent_id=ann")
    assert len(told) == 3


def test_a_reject_excludes_the_agent_for_a_while_and_him_only() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"))
    assert play.tell(ev.OfferRejected(offer_id=1)) == []
    assert play.router.next_wakeup_us() == 30 * SECOND_US
    (other,) = play.tell(arrived("c2"))
    assert "contact_id=c2 agent_id=ann" in other
    play.tell(ev.LegConnected(offer_id=2), ev.LegEnded(offer_id=2))
    assert play.tell(ev.WrapUpEnded(offer_id=2)) == ["contact.close contact_id=c2 outcome=handled"]
    (again,) = play.tick(30)
    assert "contact_id=c1 agent_id=ann" in again
    assert play.router.legs[1].excluded == {}


def test_a_failure_also_leaves_the_agent_alone_for_a_while() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"), ev.OfferFailed(offer_id=1, cause=BUSY), arrived("c2"))
    assert play.router.offers == {}
    (told,) = play.tick(5)
    assert "contact_id=c2 agent_id=ann" in told


def test_neither_exclusion_nor_back_off_of_no_time_blocks_anything() -> None:
    queues = (replace(SHOP.queues[0], exclusion_us=0),)
    plain = replace(SHOP, queues=queues, back_off_us=0)
    play = Play(plain)
    play.tell(at_work("ann"), arrived("c1"))
    (told,) = play.tell(ev.OfferFailed(offer_id=1, cause=BUSY))
    assert told.startswith("offer.contact offer_id=2 leg_id=1 contact_id=c1 agent_id=ann")


def test_connecting_that_takes_too_long_fails() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"))
    assert play.tell(ev.OfferAccepted(offer_id=1)) == [
        "leg.connect offer_id=1 contact_id=c1 agent_id=ann"
    ]
    assert play.tick(10) == ["offer.withdraw offer_id=1 agent_id=ann outcome=failed"]
    ann = play.router.agent("ann")
    assert (ann.availability, ann.back_off_until_us) == (Availability.READY, 15 * SECOND_US)
    assert play.router.legs[1].excluded == {0: 40 * SECOND_US}


def test_the_agent_who_lets_it_ring_does_not_get_it_again() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"))
    assert play.tick(15) == [
        "offer.withdraw offer_id=1 agent_id=ann outcome=timed_out",
        "agent.set_state agent_id=ann availability=not_responding",
    ]
    assert play.tell(ev.AgentReady(agent_id="ann")) == []
    (told,) = play.tick(45)
    assert "contact_id=c1 agent_id=ann" in told


def test_the_customer_is_released_only_if_he_is_still_there() -> None:
    for leaves_first in (True, False):
        play = Play()
        play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
        if leaves_first:
            assert play.tell(ev.ContactLeft(contact_id="c1")) == []
        else:
            assert play.tell(ev.LegEnded(offer_id=1)) == ["customer.release contact_id=c1"]
            assert play.tell(ev.ContactLeft(contact_id="c1")) == []
        assert play.tick(10) == [
            "wrap_up.end offer_id=1 agent_id=ann",
            "contact.close contact_id=c1 outcome=handled",
        ]


def test_a_wrap_up_until_done_lasts_until_said_or_until_the_cap() -> None:
    play = Play()
    play.tell(
        at_work("ann"),
        ev.WrapUpModeChanged(agent_id="ann", mode=WrapUpMode.UNTIL_DONE),
        arrived("c1"),
        ev.LegConnected(offer_id=1),
        ev.LegEnded(offer_id=1),
    )
    assert play.router.next_wakeup_us() == 60 * SECOND_US
    assert play.tell(ev.WrapUpEnded(offer_id=1)) == ["contact.close contact_id=c1 outcome=handled"]


def test_a_drained_agent_is_logged_out_with_his_last_contact() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    play.tell(ev.DrainRequested(agent_id="ann"), arrived("c2", CHAT))
    assert play.tell(ev.LegEnded(offer_id=1)) == [
        "customer.release contact_id=c1",
        "contact.close contact_id=c1 outcome=handled",
        "agent.set_state agent_id=ann availability=logged_out",
    ]


def test_the_break_after_this_one_begins_with_its_reason() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    play.tell(ev.AgentNotReady(agent_id="ann", reason="lunch", after_this_one=True))
    assert play.tell(arrived("c2", CHAT)) == []
    assert play.tell(ev.LegEnded(offer_id=1))[-1] == (
        "agent.set_state agent_id=ann availability=not_ready reason=lunch"
    )


def test_a_phone_cut_off_takes_back_the_call_but_not_the_chat() -> None:
    play = Play()
    play.tell(at_work("ann", "bob"), arrived("c1", CHAT), arrived("c2", VOICE))
    assert {one.channel for one in play.router.offers.values()} == {0, 3}
    told = play.tell(
        ev.DeviceChanged(agent_id="ann", device=Device.UNREACHABLE),
        ev.DeviceChanged(agent_id="bob", device=Device.UNREACHABLE),
    )
    assert told == ["offer.withdraw offer_id=2 agent_id=bob outcome=revoked"]
    (told_back,) = play.tell(ev.DeviceChanged(agent_id="bob", device=Device.REACHABLE))
    assert "offer_id=3 leg_id=2 contact_id=c2 agent_id=bob" in told_back


def chatting() -> Play:
    """Return a play in which Ann chats with c1 and c2, and c3's call interrupts."""
    play = Play()
    play.tell(at_work("ann"), arrived("c1", CHAT), arrived("c2", CHAT))
    play.tell(ev.LegConnected(offer_id=1), ev.LegConnected(offer_id=2), ev.LegHeld(offer_id=2))
    told = play.tell(arrived("c3"))
    assert told[:2] == [
        "leg.interrupt offer_id=1 agent_id=ann",
        "leg.interrupt offer_id=2 agent_id=ann",
    ]
    assert told[2].startswith("offer.contact offer_id=3 leg_id=3 contact_id=c3 agent_id=ann")
    return play


def test_what_was_set_aside_comes_back_when_the_interrupter_is_gone() -> None:
    play = chatting()
    assert play.tell(ev.OfferRejected(offer_id=3)) == [
        "leg.resume offer_id=2 agent_id=ann",
        "leg.resume offer_id=1 agent_id=ann",
    ]
    assert [play.router.offers[number].slot for number in (1, 2)] == [1, 2]


def test_what_is_set_aside_may_still_be_held_ended_and_left() -> None:
    play = chatting()
    assert play.tell(ev.LegRetrieved(offer_id=2), ev.LegHeld(offer_id=1)) == []
    assert play.tell(ev.LegEnded(offer_id=1)) == [
        "customer.release contact_id=c1",
        "contact.close contact_id=c1 outcome=handled",
    ]
    assert play.tell(ev.ContactLeft(contact_id="c2")) == [
        "contact.close contact_id=c2 outcome=handled"
    ]
    play.tell(ev.LegConnected(offer_id=3), ev.LegEnded(offer_id=3))
    assert play.tick(10) == [
        "wrap_up.end offer_id=3 agent_id=ann",
        "contact.close contact_id=c3 outcome=handled",
    ]


def test_the_wrap_up_of_what_is_set_aside_runs_meanwhile() -> None:
    play = chatting()
    play.tell(ev.WrapUpModeChanged(agent_id="ann", mode=WrapUpMode.UNTIL_DONE))
    play.tell(ev.LegEnded(offer_id=1))
    assert play.router.offers[1].slot == SlotState.INTERRUPTED
    play.now_s = 3
    assert play.tell(ev.ContactLeft(contact_id="c3")) == [
        "offer.withdraw offer_id=3 agent_id=ann outcome=canceled",
        "contact.close contact_id=c3 outcome=abandoned",
        "leg.resume offer_id=2 agent_id=ann",
        "leg.resume offer_id=1 agent_id=ann",
    ]
    assert play.router.offers[1].slot == SlotState.WRAPPING
    assert play.router.offers[1].until_us == 60 * SECOND_US


def test_a_wrap_up_ends_in_time_while_it_is_set_aside() -> None:
    play = chatting()
    play.tell(ev.WrapUpModeChanged(agent_id="ann", mode=WrapUpMode.UNTIL_DONE))
    play.tell(ev.LegEnded(offer_id=1), ev.LegConnected(offer_id=3))
    assert play.tick(60) == [
        "wrap_up.end offer_id=1 agent_id=ann",
        "contact.close contact_id=c1 outcome=handled",
    ]
    assert play.router.offers[2].slot == SlotState.INTERRUPTED, "the call goes on"


def test_what_the_next_call_would_set_aside_again_is_not_brought_back() -> None:
    play = chatting()
    play.tell(ev.LegConnected(offer_id=3), arrived("c4"))
    play.tell(ev.LegEnded(offer_id=3))
    told = play.tick(10)
    assert not [one for one in told if one.startswith(("leg.resume", "leg.interrupt"))]
    assert told[-1].startswith("offer.contact offer_id=4 leg_id=4 contact_id=c4 agent_id=ann")


def test_an_agent_has_a_bounded_number_of_exclusions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acd.floor, "EXCLUSIONS_MAX", 2)
    play = Play()
    play.tell(at_work("ann"), *(arrived(f"c{number}") for number in (1, 2, 3)))
    for number in (1, 2):
        play.now_s = number
        assert play.tell(ev.OfferRejected(offer_id=number))
    play.now_s = 3
    told = play.tell(ev.OfferRejected(offer_id=3))
    assert told[-1].startswith("offer.contact offer_id=4 leg_id=1 "), "the first may come again"
    assert list(play.router.agent("ann").excluded_from) == [2, 3]


@pytest.mark.parametrize(
    "clock, since_s",
    [(IdleClock.AFTER_WRAP_UP, 20), (IdleClock.AFTER_CONTACT, 10), (IdleClock.SINCE_READY, 30)],
)
def test_the_idle_clock_runs_from_the_instant_that_the_settings_name(
    clock: IdleClock, since_s: int
) -> None:
    play = Play(replace(SHOP, idle_clock=clock))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    play.now_s = 10
    play.tell(ev.LegEnded(offer_id=1))
    play.tick(20)
    play.tell(ev.AgentNotReady(agent_id="ann"))
    play.now_s = 30
    play.tell(ev.AgentReady(agent_id="ann"))
    play.now_s = 40
    play.tell(ev.AgentReady(agent_id="ann"), ev.AgentLoggedIn(agent_id="ann"))
    assert play.router.agent("ann").idle_since_us == since_s * SECOND_US


def test_a_log_in_starts_the_idle_clock_and_forgets_the_reason() -> None:
    play = Play()
    play.tell(at_work("ann"), ev.AgentNotReady(agent_id="ann", reason="tea"))
    play.now_s = 9
    play.tell(ev.AgentLoggedOut(agent_id="ann"), ev.AgentLoggedIn(agent_id="ann"))
    ann = play.router.agent("ann")
    assert (ann.idle_since_us, ann.reason) == (9 * SECOND_US, "")


def test_of_busy_agents_the_one_given_a_contact_longest_ago_is_next() -> None:
    play = Play()
    play.tell(at_work("ann", "bob"))
    for second, contact_id, agent_id in ((1, "c1", "ann"), (2, "c2", "bob"), (3, "c3", "ann")):
        play.now_s = second
        (told,) = play.tell(arrived(contact_id, CHAT))
        assert f"contact_id={contact_id} agent_id={agent_id} " in told


def test_a_step_ends_a_bounded_number_of_leases_and_is_owed_the_next_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.floor, "EXCLUSIONS_MAX", FIRED_MAX)
    play = Play()
    play.tell(at_work("ann", "bob"))
    leg_count = FIRED_MAX // 2 + 1
    for number in range(leg_count):
        play.tell(arrived(f"c{number}"))
        for index in (0, 1):
            play.router._floor.exclude(
                play.router.legs[number + 1], play.router.agents[index], SECOND_US
            )
    play.tell(ev.AgentNotReady(agent_id="ann"), ev.AgentNotReady(agent_id="bob"))
    play.tick(31)
    assert play.router.next_wakeup_us() == 31 * SECOND_US
    play.tick(31)
    assert play.router.next_wakeup_us() is None


def test_time_running_back_raises_and_changes_nothing() -> None:
    play = Play()
    play.now_s = 5
    play.tell(at_work("ann"))
    before = play.router.snapshot()
    for event in (arrived("c1"), ev.ClockTicked()):
        with pytest.raises(CallerError, match="time is 4999999; wanted at least 5000000"):
            play.router.step(event, now_us=4_999_999)
        with pytest.raises(CallerError, match="below"):
            play.router.step(event, now_us=2**60)
    assert play.router.snapshot() == before


def test_a_tick_owed_raises_and_changes_nothing() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"))
    before = play.router.snapshot()
    for step in (
        play.router.step,
        lambda event, now_us: play.router.apply(event, (), now_us=now_us),
    ):
        with pytest.raises(
            CallerError, match=r"a tick is owed since 15000000; wanted clock\.ticked"
        ):
            step(arrived("c2"), now_us=15_000_000)
    assert play.router.snapshot() == before
    assert play.router.now_us == 0


def test_recorded_offers_are_applied_whatever_a_policy_would_say() -> None:
    router = Router(SHOP)
    router.apply(at_work("ann", "bob"), (), now_us=0)
    offer = OfferContact(1, 1, "c1", "bob", "sales", VOICE, 15 * SECOND_US)
    router.apply(arrived("c1"), (offer,), now_us=0)
    assert router.agent("bob").offers[1].leg_id == 1
    router.apply(arrived("c2"), (), now_us=1)
    (told,) = router.step(ev.Batch(events=()), now_us=1)
    assert isinstance(told, OfferContact)
    assert told.agent_id == "ann"


@pytest.mark.parametrize(
    "offer",
    [
        OfferContact(1, 9, "c1", "ann", "sales", VOICE, 15),
        OfferContact(1, 1, "c1", "eve", "sales", VOICE, 15),
        OfferContact(2, 1, "c1", "ann", "sales", VOICE, 15),
    ],
)
def test_an_offer_of_another_journal_is_not_applied(offer: OfferContact) -> None:
    router = Router(SHOP)
    with pytest.raises(CallerError, match=f"offer {offer.offer_id} does not fit the state"):
        router.apply(arrived("c1"), (offer,), now_us=0)


def test_an_offer_on_a_channel_that_its_agent_cannot_carry_is_not_applied() -> None:
    phone = replace(SHOP.capacities[0], name="phone", channels={VOICE: SlotSettings()})
    agents = (replace(SHOP.agents[0], capacity="phone"), SHOP.agents[1])
    router = Router(replace(SHOP, capacities=(*SHOP.capacities, phone), agents=agents))
    router.apply(at_work("ann"), (), now_us=0)
    offer = OfferContact(1, 1, "c1", "ann", "sales", CHAT, 15)
    with pytest.raises(CallerError, match="offer 1 does not fit the state"):
        router.apply(arrived("c1", CHAT), (offer,), now_us=0)


def test_a_leg_that_does_not_wait_is_not_offered_again() -> None:
    router = Router(SHOP)
    first = OfferContact(1, 1, "c1", "ann", "sales", VOICE, 15)
    second = OfferContact(2, 1, "c1", "bob", "sales", VOICE, 15)
    with pytest.raises(CallerError, match="offer 2 does not fit"):
        router.apply(arrived("c1"), (first, second), now_us=0)


def test_wrong_settings_make_no_router() -> None:
    with pytest.raises(ConfigError) as caught:
        Router(replace(SHOP, agents=(), back_off_us=-1))
    assert len(caught.value.problems) > 1


def test_an_unknown_agents_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Router(SHOP).agent("eve")


def test_a_leg_ends_once_whoever_ends_it_first() -> None:
    play = Play()
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    play.tell(ev.ContactLeft(contact_id="c1"))
    before = play.state()
    assert play.tell(ev.LegEnded(offer_id=1), ev.ContactLeft(contact_id="c1")) == []
    assert play.state() == before


def test_an_exclusion_that_ends_while_another_agent_has_the_leg_changes_nothing_else() -> None:
    play = Play()
    play.tell(at_work("ann", "bob"), arrived("c1"), ev.OfferRejected(offer_id=1))
    play.tell(ev.LegConnected(offer_id=2))
    assert play.tick(30) == []
    assert play.router.legs[1].state is LegState.CONNECTED
    assert play.router.legs[1].excluded == {}


@pytest.mark.parametrize(
    "fields, about",
    [
        ({"contact_id": ""}, "contact_id"),
        ({"contact_id": "c" * 65}, "contact_id"),
        ({"contact_id": "\ud800"}, "contact_id"),
        ({"customer": "\udfff"}, "customer"),
        ({"attributes": (("campaign", "\ud800"),)}, "campaign"),
    ],
)
def test_what_could_not_be_written_down_is_refused(fields: dict[str, Any], about: str) -> None:
    play = Play()
    before = play.state()
    assert play.tell(replace(arrived("c1"), **fields)) == [f"refused reason=bad_text about={about}"]
    assert play.state() == before


def test_a_reason_that_could_not_be_written_down_is_refused() -> None:
    play = Play()
    play.tell(at_work("ann"))
    before = play.state()
    told = play.tell(ev.AgentNotReady(agent_id="ann", reason="\ud800"))
    assert told == ["refused reason=bad_text about=reason"]
    assert play.state() == before


def test_a_refusal_about_what_could_not_be_written_down_can_be() -> None:
    (told,) = Play().tell(ev.ContactLeft(contact_id="\ud800"))
    assert told.endswith(r"'\\ud800'" + '"')
    assert Play().tell(ev.ContactLeft(contact_id="ü")) == ["refused reason=unknown_contact about=ü"]


def test_void_leases_do_not_pile_up_behind_a_live_one() -> None:
    """The first contact rings for 15 s; hundreds behind it are taken and closed at once."""
    play = Play()
    play.tell(at_work("ann", "bob"), arrived("first"))
    for number in range(2, 1_500):
        play.tell(arrived(f"c{number}", CHAT))
        assert play.router.next_wakeup_us() == 15 * SECOND_US
        play.tell(ev.LegConnected(offer_id=number), ev.LegEnded(offer_id=number))
    assert len(play.router._floor.timers) < 1_100
    assert play.tick(15)[0] == "offer.withdraw offer_id=1 agent_id=ann outcome=timed_out"

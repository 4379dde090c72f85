"""Small worlds with few contacts at known times, watched step by step.

A stream's handling times and patience are made constant by laws without variance worth speaking of
(a scv of 1e-9), so that the times of all steps can be said beforehand to the second.
"""

import subprocess
import sys
from itertools import pairwise

import msgspec
import pytest

from acd.actions import (
    ConnectLeg,
    InterruptLeg,
    OfferContact,
    ResumeLeg,
    SetAgentState,
    WithdrawOffer,
)
from acd.events import (
    AgentLoggedIn,
    AgentReady,
    Batch,
    ClockTicked,
    ContactArrived,
    ContactLeft,
    DrainRequested,
    LegConnected,
    LegEnded,
    OfferAccepted,
)
from acd.ids import Availability, Channel
from acd.settings import (
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)
from sim.driver import World, run
from sim.patience import Exponential
from sim.peaks import Peak, Trapezoid
from sim.textbook import START_US, m_m_n
from sim.workload import HOUR_US, MINUTE_US, SECOND_US, Handle, Scenario, Stream

BOTH = {Channel.VOICE: ChannelSettings(), Channel.EMAIL: ChannelSettings(auto_answer=True)}


def _scenario(streams, staffing, *, channels=BOTH, interval_us=HOUR_US, interrupts=True):
    """One queue with both channels, and agents who take a call or an email, all in one group."""
    agents = max(max(line) for line in staffing.values())
    interrupted_by = (Channel.VOICE,) if interrupts else ()
    slots = {
        Channel.VOICE: SlotSettings(),
        Channel.EMAIL: SlotSettings(interrupted_by=interrupted_by),
    }
    settings = DomainSettings(
        name="small",
        queues=(QueueSettings(name="line", channels=channels),),
        profiles=(ProfileSettings(name="all", serves=(Serves(queue="line", channels=(*BOTH,)),)),),
        capacities=(CapacitySettings(name="one", channels=slots),),
        agents=tuple(
            AgentSettings(agent_id=f"agent-{n}", profile="all", capacity="one", group="all")
            for n in range(1, agents + 1)
        ),
    )
    return Scenario(
        title="Small",
        settings=settings,
        start_us=START_US,
        interval_us=interval_us,
        intervals=len(next(iter(staffing.values()))),
        streams=tuple(streams),
        staffing=staffing,
    )


def _stream(name, channel, mean_s, rates_per_h, *, answer_s=0, patience_mean_s=None):
    return Stream(
        name=name,
        queue="line",
        channel=channel,
        rates_per_h=tuple(rates_per_h),
        handle=Handle(mean_s=mean_s, scv=1e-9),
        answer_us=answer_s * SECOND_US,
        patience=None if patience_mean_s is None else Exponential(patience_mean_s),
    )


class _Log:
    """Every step, with the time since the start in seconds."""

    def __init__(self):
        self.steps = []

    def __call__(self, event, actions, now_us):
        self.steps.append((event, actions, (now_us - START_US) / SECOND_US))

    def events(self, kind):
        """Return the events of a kind, those in batches included, and when they were."""
        return [
            (one, time_s)
            for event, _, time_s in self.steps
            for one in (event.events if type(event) is Batch else (event,))
            if type(one) is kind
        ]

    def actions(self, kind):
        return [
            (action, time_s)
            for _, actions, time_s in self.steps
            for action in actions
            if type(action) is kind
        ]


def _watched(scenario, seed=1):
    log = _Log()
    return run(scenario, seed, on_step=log), log


def test_idle_members_leave_first_and_busy_ones_finish():
    # Three calls of 50 minutes come in the first minutes, so at the hour two of five are idle.
    calls = _stream("calls", Channel.VOICE, 3000, [3 * 60, 0, 0, 0], answer_s=1)
    calls = msgspec.structs.replace(calls, rates_per_h=(60.0 * 3, *[0.0] * 59))
    staffing = {"all": (5,) * 10 + (1,) * 50}
    scenario = _scenario([calls], staffing, interval_us=MINUTE_US)
    seed = next(seed for seed in range(100) if run(scenario, seed).arrived == 3)
    _, log = _watched(scenario, seed)
    drained = [(event.agent_id, time_s) for event, time_s in log.events(DrainRequested)]
    busy = {action.agent_id for action, _ in log.actions(OfferContact)}
    idle = {f"agent-{n}" for n in range(1, 6)} - busy
    assert len(busy) == 3
    assert [time_s for _, time_s in drained] == [600.0] * 4
    assert {agent for agent, _ in drained[:2]} == idle
    assert {agent for agent, _ in drained[2:]} < busy
    out = [
        (action.agent_id, time_s)
        for action, time_s in log.actions(SetAgentState)
        if action.availability is Availability.LOGGED_OUT
    ]
    assert {agent for agent, time_s in out if time_s == 600.0} == idle
    ends = {time_s for _, time_s in log.events(LegEnded)}
    later = [time_s for _, time_s in out if time_s > 600.0]
    assert len(later) == 2
    assert set(later) < ends


def test_at_a_rise_those_who_are_out_come_before_those_about_to_leave_stay():
    # Both agents are on calls of two hours. At 10 minutes one drains; at 20 he is wanted again.
    calls = _stream("calls", Channel.VOICE, 7200, [600, 0, 0, 0, 0, 0], answer_s=1)
    staffing = {"all": (2, 1, 2, 3, 3, 3)}
    scenario = _scenario([calls], staffing, interval_us=10 * MINUTE_US)
    _, log = _watched(scenario)
    assert [(event.agent_id, time_s) for event, time_s in log.events(AgentLoggedIn)] == [
        ("agent-1", 0.0),
        ("agent-2", 0.0),
        ("agent-3", 1200.0),
    ]
    ready = [(event.agent_id, time_s) for event, time_s in log.events(AgentReady)]
    assert ready[2:] == [("agent-3", 1200.0), ("agent-2", 1800.0)]
    assert [event.agent_id for event, _ in log.events(DrainRequested)] == ["agent-2"]
    assert log.actions(SetAgentState) == []


def test_agents_without_a_staffing_line_work_all_the_time():
    scenario = m_m_n(agents=3, contacts=50, load=0.5)
    result, log = _watched(msgspec.structs.replace(scenario, staffing={}))
    assert len(log.events(AgentLoggedIn)) == 3
    assert result.report.rows[0].total.answered == result.arrived


def test_an_interrupted_email_ends_later_by_the_time_that_it_was_set_aside():
    emails = _stream("emails", Channel.EMAIL, 1800, [1, 0, 0])
    calls = _stream("calls", Channel.VOICE, 60, [8, 8, 0], answer_s=2)
    scenario = _scenario([emails, calls], {"all": (1, 1, 1)})
    done = 0
    for seed in range(20):
        _, log = _watched(scenario, seed)
        emails_begun = [
            (action.offer_id, time_s)
            for action, time_s in log.actions(OfferContact)
            if action.channel is Channel.EMAIL
        ]
        for offer_id, begun_s in emails_begun:
            aside = [time for one, time in log.actions(InterruptLeg) if one.offer_id == offer_id]
            back = [time for one, time in log.actions(ResumeLeg) if one.offer_id == offer_id]
            ends = [time for one, time in log.events(LegEnded) if one.offer_id == offer_id]
            assert len(ends) <= 1
            if ends and aside:
                away_s = sum(back) - sum(aside)
                assert ends[0] - begun_s - away_s == pytest.approx(1800, abs=1)
                assert away_s >= 60
                done += 1
    assert done >= 5


def test_an_offer_is_answered_after_the_answer_time_and_connected_at_once():
    calls = _stream("calls", Channel.VOICE, 60, [20], answer_s=5)
    _, log = _watched(_scenario([calls], {"all": (30,)}))
    offered = {
        action.offer_id: time_s for action, time_s in log.actions(OfferContact) if time_s < 3600 - 5
    }
    for kind in (OfferAccepted, LegConnected):
        assert {event.offer_id: time_s - 5 for event, time_s in log.events(kind)} == offered
    assert {action.offer_id for action, _ in log.actions(ConnectLeg)} == set(offered)
    ended = {event.offer_id: time_s for event, time_s in log.events(LegEnded)}
    assert all(ended[one] - offered[one] == pytest.approx(65, abs=0.1) for one in ended)


def test_of_several_who_are_offered_a_contact_the_first_to_answer_has_it():
    """All answer after 3 s, so it is he who was offered it first; the others are free again."""
    channels = {**BOTH, Channel.VOICE: ChannelSettings(parallel_offers=3)}
    calls = _stream("calls", Channel.VOICE, 60, [200], answer_s=3)
    result, log = _watched(_scenario([calls], {"all": (30,)}, channels=channels))
    offers: dict[str, list[int]] = {}
    for action, _ in log.actions(OfferContact):
        offers.setdefault(action.contact_id, []).append(action.offer_id)
    assert {len(numbers) for numbers in offers.values()} == {3}
    connected = {event.offer_id for event, _ in log.events(LegConnected)}
    rescinded = {action.offer_id for action, _ in log.actions(WithdrawOffer)}
    told = [numbers for numbers in offers.values() if numbers[0] in connected]
    assert connected == {numbers[0] for numbers in told}
    assert rescinded == {number for numbers in told for number in numbers[1:]}
    total = result.report.rows[0].total
    assert (total.answered, total.offers.rescinded) == (len(told), 2 * len(told))


def test_who_lost_patience_while_it_rang_is_not_connected():
    calls = _stream("calls", Channel.VOICE, 60, [200], answer_s=10, patience_mean_s=10)
    result, log = _watched(_scenario([calls], {"all": (30,)}))
    left = {event.contact_id for event, _ in log.events(ContactLeft)}
    offers = {action.offer_id: action.contact_id for action, _ in log.actions(OfferContact)}
    connected = {offers[event.offer_id] for event, _ in log.events(LegConnected)}
    assert log.actions(WithdrawOffer)
    assert left
    assert not left & connected
    total = result.report.rows[0].total
    assert (total.abandoned, total.answered) == (len(left), len(connected))


def test_nobody_leaves_who_never_loses_patience():
    calls = _stream("calls", Channel.VOICE, 3600, [50], answer_s=1)
    result, log = _watched(_scenario([calls], {"all": (1,)}))
    assert log.events(ContactLeft) == []
    total = result.report.rows[0].total
    assert total.offered == result.arrived == total.answered + total.waiting
    assert total.waiting > 10


def test_who_has_waited_too_long_expires_and_loses_no_patience_any_more():
    calls = _stream("calls", Channel.VOICE, 300, [600, 0], answer_s=1, patience_mean_s=40)
    channels = {**BOTH, Channel.VOICE: ChannelSettings(expires_us=30 * SECOND_US)}
    result, log = _watched(_scenario([calls], {"all": (1, 0)}, channels=channels))
    total = result.report.rows[0].total
    assert min(total.answered, total.abandoned, total.other_exits) > 0
    assert log.events(ContactLeft)
    assert total.abandoned == len(log.events(ContactLeft))


def test_wrap_up_is_ended_by_ticks_at_the_exact_time():
    channels = {Channel.VOICE: ChannelSettings(auto_answer=True, wrap_up_us=7 * SECOND_US)}
    calls = _stream("calls", Channel.VOICE, 60, [30])
    scenario = _scenario([calls], {"all": (2,)}, channels={**BOTH, **channels})
    _, log = _watched(scenario)
    ends = [time_s for _, time_s in log.events(LegEnded)]
    ticks = [time_s for _, time_s in log.events(ClockTicked)]
    assert ends
    assert ticks == pytest.approx([end + 7 for end in ends if end + 7 < 3600])


def test_time_never_runs_back_and_every_contact_arrives_once():
    scenario = m_m_n(agents=10, contacts=2_000, load=1.1, patience_mean_s=200)
    result, log = _watched(scenario)
    assert all(one[2] <= other[2] for one, other in pairwise(log.steps))
    arrived = [event.contact_id for event, _ in log.events(ContactArrived)]
    assert len(set(arrived)) == len(arrived) == result.arrived
    assert result.steps == len(log.steps)


@pytest.mark.parametrize("seed", range(5))
def test_every_contact_of_the_workload_is_in_the_results(seed):
    scenario = _scenario(
        [
            _stream("calls", Channel.VOICE, 200, [40, 90, 10], answer_s=3, patience_mean_s=100),
            _stream("emails", Channel.EMAIL, 300, [30, 30, 30]),
        ],
        {"all": (3, 5, 2)},
    )
    peak = Peak(
        name="sale",
        streams=("calls",),
        from_offset_us=HOUR_US // 2,
        shape=Trapezoid(rise_us=10 * MINUTE_US, hold_us=10 * MINUTE_US, fall_us=10 * MINUTE_US),
        factor=5.0,
    )
    result, log = _watched(msgspec.structs.replace(scenario, peaks=(peak,)), seed)
    totals = [row.total for row in result.report.rows]
    assert sum(one.offered for one in totals) == result.arrived == len(log.events(ContactArrived))
    assert all(one.offered == one.answered + one.abandoned + one.waiting for one in totals)
    assert any("+sale" in event.contact_id for event, _ in log.events(ContactArrived))


def test_one_seed_gives_one_digest_and_another_seed_another():
    scenario = m_m_n(agents=10, contacts=500, load=0.9, patience_mean_s=300)
    first = run(scenario, 1, digest=True)
    assert run(scenario, 1, digest=True) == first
    assert len(first.digest) == 64
    assert run(scenario, 2, digest=True).digest != first.digest
    assert run(scenario, 1).digest == ""


DIGEST = """
from sim.driver import run
from sim.textbook import m_m_n
print(run(m_m_n(agents=10, contacts=500, load=0.9, patience_mean_s=300), 1, digest=True).digest)
"""


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_another_process_with_another_hash_seed_gives_the_same_digest(hash_seed):
    done = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    scenario = m_m_n(agents=10, contacts=500, load=0.9, patience_mean_s=300)
    assert done.stdout.strip() == run(scenario, 1, digest=True).digest


def test_progress_is_told_at_each_interval():
    scenario = _scenario([_stream("calls", Channel.VOICE, 60, [5] * 4)], {"all": (1,) * 4})
    told: list[int] = []
    run(scenario, 1, progress=told.append)
    assert told == [START_US + hour * HOUR_US for hour in range(4)]


def test_a_world_with_no_contacts_ends():
    calls = _stream("calls", Channel.VOICE, 60, [0.0])
    world = World(_scenario([calls], {"all": (1,)}), 1)
    world.run()
    assert world.result().arrived == 0

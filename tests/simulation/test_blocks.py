"""What blocks that end with a counter are for, in simulated time.

Method: one day of a shop is simulated with the block and without it, by the same seed (common
random numbers: who comes when, and how long each takes). Waits end with the offer, which is taken
at once. The differences asserted are many times what changes from seed to seed.
"""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Final

import pytest

from acd.actions import OfferContact
from acd.events import ContactArrived
from acd.ids import Channel
from acd.settings import (
    SECOND_US,
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
from sim import driver
from sim.textbook import START_US
from sim.workload import HOUR_US, Handle, Scenario, Shape, Stream

VOICE: Final = Channel.VOICE
EMAIL: Final = Channel.EMAIL
HOURS: Final = 24
SEED: Final = 1


def group(name: str, members: int) -> tuple[AgentSettings, ...]:
    """Return agents who are alike, with a profile of their group's name."""
    return tuple(
        AgentSettings(agent_id=f"{name}-{n:03}", profile=name, capacity="one", group=name)
        for n in range(1, members + 1)
    )


def line(queue: str, channel: Channel, erlangs: float, mean_s: float) -> Stream:
    return Stream(
        name=queue,
        queue=queue,
        channel=channel,
        rates_per_h=(erlangs / mean_s * 3_600,),
        handle=Handle(mean_s=mean_s, shape=Shape.EXPONENTIAL),
    )


def shop(
    profiles: dict[str, tuple[Serves, ...]],
    members: dict[str, int],
    streams: Sequence[Stream],
    headrooms: tuple[HeadroomSettings, ...] = (),
) -> Scenario:
    settings = DomainSettings(
        name="shop",
        queues=tuple(
            QueueSettings(name=one.queue, channels={one.channel: ChannelSettings(auto_answer=True)})
            for one in streams
        ),
        profiles=tuple(ProfileSettings(name=name, serves=of) for name, of in profiles.items()),
        capacities=(
            CapacitySettings(name="one", channels={VOICE: SlotSettings(), EMAIL: SlotSettings()}),
        ),
        agents=tuple(one for name, count in members.items() for one in group(name, count)),
        headrooms=headrooms,
    )
    return Scenario(
        title="Shop",
        settings=settings,
        start_us=START_US,
        interval_us=HOURS * HOUR_US,
        intervals=1,
        streams=tuple(streams),
        staffing={name: (count,) for name, count in members.items()},
    )


def waits_s(scenario: Scenario, seed: int) -> dict[str, list[float]]:
    """Return how long the contacts of each queue waited, ascending."""
    came_us: dict[str, int] = {}
    waits: dict[str, list[float]] = defaultdict(list)

    def note(event: object, actions: Sequence[object], now_us: int) -> None:
        if isinstance(event, ContactArrived):
            came_us[event.contact_id] = now_us
        for action in actions:
            if isinstance(action, OfferContact):
                waited_us = now_us - came_us[action.contact_id]
                waits[action.queue].append(waited_us / SECOND_US)

    driver.run(scenario, seed, on_step=note)
    return {queue: sorted(each) for queue, each in waits.items()}


def within(waits: list[float], seconds: float) -> float:
    """Return the share of waits within some seconds."""
    return sum(one <= seconds for one in waits) / len(waits)


def quantile(waits: list[float], share: float) -> float:
    return waits[int(share * (len(waits) - 1))]


def mixed(keep_free: int, seed: int = SEED) -> dict[str, list[float]]:
    """Return the waits where 20 agents do calls (8 Erlang, 4 minutes) and emails (9, 10)."""
    serves = (Serves(queue="calls", channels=(VOICE,)), Serves(queue="mails", channels=(EMAIL,)))
    streams = (line("calls", VOICE, 8, 240), line("mails", EMAIL, 9, 600))
    headroom = HeadroomSettings(name="phone", queue="calls", keep_free=keep_free)
    kept = (headroom,) if keep_free else ()
    return waits_s(shop({"all": serves}, {"all": 20}, streams, kept), seed)


def helped(supervisors: tuple[Serves, ...], seed: int = SEED) -> dict[str, list[float]]:
    """Return the waits of sales (10 agents, 8.8 Erlang) beside 4 supervisors at 1.2 Erlang."""
    profiles = {
        "sellers": (Serves(queue="sales", channels=(VOICE,)),),
        "supervisors": (Serves(queue="cases", channels=(VOICE,)), *supervisors),
    }
    streams = (line("sales", VOICE, 8.8, 240), line("cases", VOICE, 1.2, 600))
    return waits_s(shop(profiles, {"sellers": 10, "supervisors": 4}, streams), seed)


IN_RESERVE: Final = (Serves(queue="sales", channels=(VOICE,), tier=2, reserve_waiting=4),)
ALWAYS: Final = (Serves(queue="sales", channels=(VOICE,), tier=2),)


def test_headroom_lifts_the_service_level_of_calls_and_lets_emails_wait() -> None:
    without, kept = mixed(0), mixed(2)
    assert len(without["mails"]) == pytest.approx(len(kept["mails"]), abs=20)
    assert within(without["calls"], 20) < 0.85
    assert within(kept["calls"], 20) > within(without["calls"], 20) + 0.1
    assert fmean(kept["mails"]) > 2 * fmean(without["mails"])


def test_a_reserve_cuts_the_tail_of_the_waits_and_costs_its_own_queue_less_than_sharing() -> None:
    alone, reserve, shared = helped(()), helped(IN_RESERVE), helped(ALWAYS)
    assert quantile(reserve["sales"], 0.99) < quantile(alone["sales"], 0.99) / 2
    assert within(alone["cases"], 20) >= within(reserve["cases"], 20)
    assert within(reserve["cases"], 20) > within(shared["cases"], 20)

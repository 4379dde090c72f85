"""Agents: the availability table, the capacity matrix, what blocks an agent, his idle clock.

Method: the tables whole, as text. A capacity case is a line: what the agent does now, and what he
may take beside it on each channel.
"""

import pytest

import acd.agents
from acd.agents import (
    BUSY_KEY,
    CHANNELS,
    TAKES_NOTHING,
    Agent,
    AgentSignal,
    SlotState,
    Takes,
    desks_of,
)
from acd.contacts import Offer
from acd.ids import Availability, Channel, Device
from acd.kinds import Kinds
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
from tests.unit.tables import availabilities, text

AVAILABILITIES = """
                LOGGED_IN       READY  NOT_READY  DRAIN       LOGGED_OUT  MISSED          EMPTIED
LOGGED_OUT      NOT_READY       -      -          LOGGED_OUT  LOGGED_OUT  LOGGED_OUT      LOGGED_OUT
NOT_READY       NOT_READY       READY  NOT_READY  DRAINING    DRAINING    NOT_READY       NOT_READY
READY           READY           READY  NOT_READY  DRAINING    DRAINING    NOT_RESPONDING  READY
DRAINING        DRAINING        READY  DRAINING   DRAINING    DRAINING    DRAINING        LOGGED_OUT
NOT_RESPONDING  NOT_RESPONDING  READY  NOT_READY  DRAINING    DRAINING    NOT_RESPONDING  NOT_RESPONDING
"""  # noqa: E501 - a table reads best whole

VOICE, EMAIL, WEB_FORM, CHAT = CHANNELS

CAPACITY = CapacitySettings(
    name="blended",
    channels={
        VOICE: SlotSettings(slots=1, cost=100),
        EMAIL: SlotSettings(slots=2, cost=40, interrupted_by=(VOICE, CHAT)),
        CHAT: SlotSettings(slots=3, cost=30, interrupted_by=(VOICE,)),
    },
)

# What he does: channel and state of each slot. Then voice, email, web form (not carried), chat.
CASES = """
nothing                                             free  free  -     free
voice active                                        -     -     -     -
voice reserved                                      -     -     -     -
voice wrapping                                      -     -     -     -
chat active                                         stop  free  -     free
chat held                                           stop  free  -     free
chat reserved                                       -     free  -     free
chat wrapping                                       -     free  -     free
chat active, chat active                            stop  free  -     free
chat active, chat active, chat active               stop  -     -     -
chat active, chat wrapping                          -     free  -     free
email active                                        stop  free  -     free
email active, email active                          stop  -     -     stop
email active, email held                            stop  -     -     stop
email active, chat active                           stop  -     -     free
email active, email active, chat reserved           -     -     -     -
email active, chat active, chat active              stop  -     -     -
email interrupted                                   free  -     -     free
chat interrupted, chat interrupted, voice reserved  -     -     -     -
email interrupted, chat active                      stop  -     -     free
email interrupted, chat active, chat reserved       -     -     -     free
email interrupted, chat interrupted, voice active   -     -     -     -
"""


def domain(capacity: CapacitySettings = CAPACITY, *, agents: int = 1) -> DomainSettings:
    channels = tuple(capacity.channels)
    return DomainSettings(
        name="blended",
        queues=(QueueSettings(name="any", channels={one: ChannelSettings() for one in channels}),),
        profiles=(ProfileSettings(name="all", serves=(Serves(queue="any", channels=channels),)),),
        capacities=(capacity,),
        agents=tuple(
            AgentSettings(agent_id=f"agent{number}", profile="all", capacity=capacity.name)
            for number in range(agents)
        ),
    )


def ready_agent() -> Agent:
    (agent,) = Kinds(domain()).agents
    agent.availability = Availability.READY
    return agent


def test_an_agents_availability_moves_as_this_table_says() -> None:
    assert text(AgentSignal, availabilities()) == AVAILABILITIES


def _case(line: str) -> tuple[list[tuple[Channel, SlotState]], list[Takes]]:
    does, takes = line[:52].strip(), line[52:].split()
    slots = [] if does == "nothing" else [one.split() for one in does.split(", ")]
    names = {"-": Takes.NO, "free": Takes.FREE, "stop": Takes.INTERRUPTING}
    return (
        [(Channel(channel), SlotState[state.upper()]) for channel, state in slots],
        [names[one] for one in takes],
    )


@pytest.mark.parametrize("line", CASES.strip().splitlines())
def test_what_an_agent_may_take_beside_what_he_does(line: str) -> None:
    slots, takes = _case(line)
    agent = ready_agent()
    for number, (channel, state) in enumerate(slots, start=1):
        agent.add(Offer(number, number, 0, CHANNELS.index(channel), 0, slot=state))
    assert list(agent.takes()) == takes
    assert list(agent.takes()) == takes, "remembered otherwise than worked out"


def test_a_voice_call_sets_aside_two_chats_and_an_email() -> None:
    capacity = CapacitySettings(
        name="three",
        channels={
            VOICE: SlotSettings(),
            EMAIL: SlotSettings(cost=40, interrupted_by=(VOICE,)),
            CHAT: SlotSettings(slots=2, cost=30, interrupted_by=(VOICE,)),
        },
    )
    (agent,) = Kinds(domain(capacity)).agents
    agent.availability = Availability.READY
    for number, channel in enumerate((CHAT, CHAT, EMAIL), start=1):
        slot = SlotState.ACTIVE
        agent.add(Offer(number, number, 0, CHANNELS.index(channel), 0, slot=slot))
    assert agent.takes() == (Takes.INTERRUPTING, Takes.NO, Takes.NO, Takes.NO)


@pytest.mark.parametrize("availability", Availability)
def test_only_a_ready_agent_takes_anything(availability: Availability) -> None:
    agent = ready_agent()
    agent.availability = availability
    takes_something = agent.takes() is not TAKES_NOTHING
    assert takes_something == (availability is Availability.READY)


def test_an_agent_takes_nothing_before_his_break_or_in_his_back_off() -> None:
    agent = ready_agent()
    agent.after_this_one = True
    assert agent.takes() is TAKES_NOTHING
    agent = ready_agent()
    agent.back_off_until_us = 1
    assert agent.takes() is TAKES_NOTHING


def test_an_unreachable_phone_stops_voice_and_a_private_call_stops_all() -> None:
    agent = ready_agent()
    agent.device = Device.UNREACHABLE
    assert agent.takes() == (Takes.NO, Takes.FREE, Takes.NO, Takes.FREE)
    agent.device = Device.BUSY_ELSEWHERE
    assert agent.takes() is TAKES_NOTHING


def test_the_idle_come_before_the_busy_however_long_those_have_waited() -> None:
    agent = ready_agent()
    agent.idle_since_us = 2**60 - 1
    idle = agent.idle_key()
    agent.last_given_us = 7
    offer = Offer(1, 1, 0, 0, 0)
    was_idle = [agent.is_idle]
    agent.add(offer)
    was_idle.append(agent.is_idle)
    assert agent.idle_key() == BUSY_KEY + 7 > idle
    agent.remove(offer)
    assert [*was_idle, agent.is_idle] == [True, False, True]
    assert agent.occupancy == 0


def test_a_slot_moves_from_state_to_state() -> None:
    agent = ready_agent()
    offer = Offer(1, 1, 0, CHANNELS.index(CHAT), 0)
    agent.add(offer)
    for slot in SlotState:
        agent.move(offer, slot)
        assert offer.slot == slot
    agent.remove(offer)
    assert agent.occupancy == 0


def test_agents_who_are_alike_are_of_one_kind_and_profiles_of_one_desk() -> None:
    settings = domain(agents=4)
    one, _, three, _ = settings.agents
    settings = DomainSettings(
        name="d",
        queues=settings.queues,
        profiles=settings.profiles,
        capacities=settings.capacities,
        skills=("cards",),
        attributes={"site": ("north",)},
        agents=(
            one,
            AgentSettings(agent_id="b", profile="all", capacity="blended", skills={"cards": 1}),
            three,
            AgentSettings(
                agent_id="d", profile="all", capacity="blended", attributes={"site": "north"}
            ),
        ),
    )
    agents = Kinds(settings).agents
    assert [agent.kind.members for agent in agents] == [[0, 2], [1], [0, 2], [3]]
    (desk,) = desks_of(agents)
    assert [kind.members for kind in desk.kinds] == [[0, 2], [1], [3]]
    assert desk.flexibility == 1


def test_a_queue_named_twice_counts_at_its_lowest_tier_and_only_where_carried() -> None:
    settings = domain()
    lines = (
        Serves(queue="any", channels=(CHAT,), tier=3),
        Serves(queue="any", channels=(CHAT, VOICE), tier=2),
    )
    settings = DomainSettings(
        name="d",
        queues=settings.queues,
        profiles=(ProfileSettings(name="all", serves=lines),),
        capacities=(CapacitySettings(name="blended", channels={CHAT: SlotSettings()}),),
        agents=settings.agents,
    )
    (desk,) = desks_of(Kinds(settings).agents)
    assert desk.serves == {("any", CHANNELS.index(CHAT)): 2}
    assert desk.channels == (CHANNELS.index(CHAT),)


def test_a_capacity_profile_remembers_a_bounded_number_of_occupancies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.agents, "KNOWN_MAX", 2)
    agent = ready_agent()
    for number in range(1, 4):
        agent.add(Offer(number, number, 0, CHANNELS.index(CHAT), 0, slot=SlotState.ACTIVE))
        agent.takes()
        assert len(agent.capacity.known) <= 2
    assert agent.takes() == (Takes.INTERRUPTING, Takes.NO, Takes.NO, Takes.NO)

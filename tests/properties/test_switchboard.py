"""A rude switch, the real router and the switchboard, in virtual time and without I/O.

Method: customers call, agents use their phones, time passes, and each event on its way to the
daemon may be lost, repeated, overtaken, or about nothing. The link is cut, and the daemon is ended
and started, at any moment: then only the router is left. Commands keep their order, as on a socket,
and are lost with the link. Hypothesis chooses what happens in short stories, which it can shrink,
seeds choose in long ones; so with the number of agents to whom a call is offered at once. Agents
give their calls further, ask each other and confer, at their desks and by their phones' keys. The
exchange is the judge: at no time may a call ring at more phones than it may, or be with two agents
unless they were made to confer. When the rudeness is over and an audit was made, core and switch
must agree on every call and connection; then every call must end, and every agent be free.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd import actions as ac
from acd import events as ev
from acd.contacts import TALKING, LegState, Presence
from acd.daemon.ids import CommandIds
from acd.daemon.settings import SwitchSettings
from acd.daemon.switch_site import LinkState, Site
from acd.daemon.switchboard import Switchboard
from acd.ids import ConsultEnd, Device
from acd.journal.records import Entry
from acd.router import Router
from acd.settings import SECOND_US, AgentSettings, DomainSettings
from acd.switch_protocol import messages as sw
from acd.switch_protocol.call_control import AnyCommand
from acd.switch_protocol.simulated.exchange import Exchange
from acd.switch_protocol.simulated.orders import carry_out
from acd.switch_protocol.words import (
    AgentStateWord,
    Capability,
    ConnectionState,
    DeviceState,
    EventCause,
)
from tests.unit.shop import SHOP, at_work

AGENTS = ("ann", "bob", "eve")


def domain(parallel: int) -> DomainSettings:
    """Return the shop with three agents, where each call rings at so many."""
    (queue,) = SHOP.queues
    replace = msgspec.structs.replace
    channels = {
        name: replace(one, parallel_offers=parallel) for name, one in queue.channels.items()
    }
    return replace(
        SHOP,
        queues=(replace(queue, channels=channels),),
        agents=tuple(
            AgentSettings(agent_id=one, profile="all", capacity="blended") for one in AGENTS
        ),
    )


SWITCH = SwitchSettings(kind="any", name="pbx", routes={"4000": "sales"})
ABLE = (
    Capability.AGENT_EVENTS
    | Capability.SET_AGENT_STATE
    | Capability.HOLD
    | Capability.TREATMENT
    | Capability.CALL_CONTROL
)
ROUNDS_MAX = 400


class Site3:
    """A switch, a daemon that is driven as `SwitchDriver` does it, and what is between them."""

    def __init__(self, parallel: int) -> None:
        self.parallel = parallel
        self.domain = domain(parallel)
        self.now_us = SECOND_US
        self.exchange = Exchange(AGENTS, run="x", fallback_us=10_000 * SECOND_US)
        self.router = Router(self.domain)
        self.entries = 0
        self.closed: set[str] = set()
        self.to_daemon: list[sw.SwitchEvent] = []
        self.told: list[sw.SwitchEvent] = []
        self.to_switch: list[AnyCommand] = []
        self.start_daemon()

    # The daemon.

    def start_daemon(self) -> None:
        """Begin with what the router knows, and nothing else."""
        self.router = Router.restore(self.domain, self.router.snapshot())
        site = Site(lambda: self.router, SWITCH, CommandIds("shop", "j"))
        self.board = Switchboard(site, ABLE)
        self.held: list[AnyCommand] = []

    def step(self, *facts: ev.SingleEvent) -> None:
        """Step facts of one instant, ticks first."""
        while (due_us := self.router.next_wakeup_us()) is not None and due_us <= self.now_us:
            self.commit(ev.ClockTicked())
        if facts:
            self.commit(ev.Batch(events=facts))

    def commit(self, event: ev.Event) -> None:
        actions = self.router.step(event, now_us=self.now_us)
        self.entries += 1
        self.closed |= {one.contact_id for one in actions if type(one) is ac.CloseContact}
        # Ids of contacts are never used twice.
        assert not self.closed & self.router.contacts.keys()
        commands = self.board.commands_for(Entry(self.entries, self.now_us, event, actions))
        if self.board.link in {LinkState.CONNECTING, LinkState.RESYNCING}:
            self.held += commands
        elif self.board.link is LinkState.UP:
            self.to_switch += commands
        if type(event) is ev.Batch and self.board.is_linked:
            self.to_switch += self.board.turned_away(event.events, actions)

    def hear(self, event: sw.SwitchEvent) -> None:
        """Let the daemon react to an event."""
        self.step()
        resyncing = self.board.link is LinkState.RESYNCING and type(event) is sw.Snapshot
        reaction = self.board.react(event, now_us=self.now_us)
        self.to_switch += reaction.first
        if resyncing:
            self.to_switch += self.held
        if resyncing or not self.board.is_linked:
            self.held = []
        self.step(*reaction.facts)
        if self.board.is_linked:
            self.to_switch += reaction.then
        if resyncing:
            for kept in self.board.replay():
                self.hear(kept)
        elif type(event) is sw.Snapshot:
            for questions in self.board.suspects(event, now_us=self.now_us):
                self.to_switch += questions

    # The link.

    def connect(self) -> None:
        """Log in at the switch."""
        self.to_daemon.clear()
        self.to_switch.clear()
        epoch = self.exchange.link(self.now_us)
        self.hear(sw.LinkUp(epoch=epoch))

    def cut(self) -> None:
        """Lose the link with all that is on it; the daemon notices."""
        self.lose()
        self.hear(sw.LinkDown(epoch=self.exchange.epoch, cause="cut"))

    def lose(self) -> None:
        """Lose the link with all that is on it."""
        if self.exchange.linked:
            self.exchange.unlink(self.now_us)
        self.to_daemon.clear()
        self.to_switch.clear()

    def collect(self) -> None:
        """Put what the switch tells onto the link."""
        self.exchange.advance(self.now_us)
        for event in self.exchange.events:
            assert isinstance(event, sw.SwitchEvent)
            self.to_daemon.append(event)
            self.told.append(event)
        self.exchange.events.clear()

    def obey(self) -> None:
        """Let the switch carry out one command."""
        if self.to_switch:
            carry_out(self.exchange, self.to_switch.pop(0), self.now_us)
            self.collect()

    def flush(self) -> None:
        """Let both sides say all that they have to say, politely."""
        self.collect()
        self.step()
        for _ in range(10_000):
            if self.to_switch:
                self.obey()
            elif self.to_daemon:
                self.hear(self.to_daemon.pop(0))
            else:
                return
        raise AssertionError("switch and daemon talk for ever")

    def audit(self) -> None:
        self.to_switch += self.board.ask(anew=True)

    # What is so.

    def calls_in_core(self) -> set[str]:
        return {
            contact_id.removeprefix("pbx:")
            for contact_id, contact in self.router.contacts.items()
            if contact.presence is not Presence.GONE
        }


# What happens, and how often: (weight, what).

Choose = Callable[[Sequence[Any]], Any]
"""Picks one of several: Hypothesis, or a seeded generator."""


def one_thing(site: Site3, choose: Choose, *, rude: bool) -> None:
    """Let one thing happen, and often what follows from it."""
    things = [thing for weight, thing in EVENTS + (RUDENESS if rude else ()) for _ in range(weight)]
    choose(things)(site, choose)
    site.collect()
    if choose((True, True, False)):
        site.flush()


def a_customer_calls(site: Site3, choose: Choose) -> None:
    site.exchange.place_call(choose(("4000", "4000", "4000", "999")), now_us=site.now_us)


def a_customer_hangs_up(site: Site3, choose: Choose) -> None:
    if site.exchange.calls:
        site.exchange.hang_up_customer(choose(sorted(site.exchange.calls)), site.now_us)


def an_agent_uses_his_phone(site: Site3, choose: Choose) -> None:
    busy = [one.device for one in site.exchange.offers.values()]
    if busy:
        presses = (
            "answer",
            "answer",
            "answer",
            "decline",
            "hang_up",
            "hang_up",
            "hold",
            "retrieve",
        )
        getattr(site.exchange, choose(presses))(choose(busy), site.now_us)


def an_agent_presses_a_key_of_his_consultation(site: Site3, choose: Choose) -> None:
    consultations = site.exchange.consultations
    talks = [one for device in AGENTS if (one := consultations.of_phone(device)) is not None]
    if talks:
        press = choose((consultations.transfer, consultations.confer, consultations.reconnect))
        press(*choose(talks), site.now_us)


def an_agent_works_at_his_desk(site: Site3, choose: Choose) -> None:
    """Let an agent give a call further or ask about it, and end that, as the core has it."""
    talking = sorted(leg.offer_id for leg in site.router.legs.values() if leg.state in TALKING)
    if talking:
        number = choose(talking)
        deeds: tuple[ev.SingleEvent, ...] = (
            ev.LegTransferred(offer_id=number, queue="sales"),
            ev.LegRequeued(offer_id=number),
            ev.ConsultRequested(offer_id=number, queue="sales"),
            ev.ConsultRequested(offer_id=number, queue="sales"),
            *(ev.ConsultEnded(offer_id=number, how=how) for how in ConsultEnd),
        )
        site.step(choose(deeds))


def an_agent_asks_one_who_answers(site: Site3, choose: Choose) -> None:
    """Let it come to a consultation, which seldom happens by chance alone."""
    talking = sorted(leg.offer_id for leg in site.router.legs.values() if leg.state in TALKING)
    if talking:
        agents_are_ready(site, choose)
        site.step(ev.ConsultRequested(offer_id=choose(talking), queue="sales"))
        if choose((True, True, True, False)):
            site.flush()
        for device in AGENTS:
            if choose((True, True, True, False)):
                site.exchange.answer(device, site.now_us)


def a_phone_changes(site: Site3, choose: Choose) -> None:
    site.exchange.set_device(choose(AGENTS), choose(tuple(DeviceState)), site.now_us)


def an_agent_speaks_by_his_phone(site: Site3, choose: Choose) -> None:
    site.exchange.set_agent(choose(AGENTS), choose(tuple(AgentStateWord)))


def agents_are_ready(site: Site3, choose: Choose) -> None:
    del choose
    for agent_id in AGENTS:
        site.step(ev.AgentLoggedIn(agent_id=agent_id), ev.AgentReady(agent_id=agent_id))
        site.exchange.set_device(agent_id, DeviceState.IN_SERVICE, site.now_us)


def time_passes(site: Site3, choose: Choose) -> None:
    site.now_us += choose((1, 3, 8, 20)) * SECOND_US
    site.exchange.advance(site.now_us)
    site.step()


def some_commands_arrive(site: Site3, choose: Choose) -> None:
    for _ in range(choose((1, 2, 5))):
        site.obey()


def some_events_arrive(site: Site3, choose: Choose) -> None:
    for _ in range(min(choose((1, 2, 5)), len(site.to_daemon))):
        site.hear(site.to_daemon.pop(0))


def it_is_time_for_an_audit(site: Site3, choose: Choose) -> None:
    del choose
    site.audit()


def the_link_is_cut(site: Site3, choose: Choose) -> None:
    if choose((True, False)) and site.exchange.linked:
        site.cut()


def the_link_is_made(site: Site3, choose: Choose) -> None:
    del choose
    if not site.exchange.linked:
        site.connect()


def the_daemon_starts_again(site: Site3, choose: Choose) -> None:
    """End the daemon and start it, and let something happen meanwhile."""
    if choose((True, False)):
        site.lose()
        for _ in range(choose((0, 1, 3))):
            choose((a_customer_calls, a_customer_hangs_up, an_agent_uses_his_phone))(site, choose)
        site.start_daemon()
        site.connect()


def an_event_is_lost(site: Site3, choose: Choose) -> None:
    if site.to_daemon:
        del site.to_daemon[choose(range(len(site.to_daemon)))]


def an_event_comes_twice(site: Site3, choose: Choose) -> None:
    if site.to_daemon:
        event = choose(site.to_daemon)
        site.to_daemon.insert(choose(range(len(site.to_daemon) + 1)), event)


def an_old_event_comes_again(site: Site3, choose: Choose) -> None:
    if site.told:
        site.to_daemon.append(choose(site.told))


def an_event_is_overtaken(site: Site3, choose: Choose) -> None:
    if site.to_daemon:
        event = site.to_daemon.pop(choose(range(len(site.to_daemon))))
        site.to_daemon.insert(choose(range(len(site.to_daemon) + 1)), event)


def an_event_tells_of_nothing(site: Site3, choose: Choose) -> None:
    if site.exchange.linked:
        site.exchange.tell(choose(GHOSTS))


def messages_are_known_to_be_lost(site: Site3, choose: Choose) -> None:
    del choose
    if site.exchange.linked:
        site.to_daemon.append(sw.MessagesLost(epoch=site.exchange.epoch))


GHOSTS = (
    sw.CallCleared(call_id="ghost"),
    sw.Established(call_id="ghost", device="ann", offer="acd-shop-j-1"),
    sw.Established(call_id="ghost", device="zoe", offer="theirs"),
    sw.ReRoute(call_id="ghost", offer="acd-shop-j-99", cause=EventCause.BUSY),
    sw.ConnectionCleared(call_id="g", device="ann", offer="acd-shop-j-1"),
    sw.DeviceStateChanged(device="zoe", state=DeviceState.BUSY),
    sw.AgentReady(device="zoe"),
)
EVENTS = (
    (4, a_customer_calls),
    (1, a_customer_hangs_up),
    (8, an_agent_uses_his_phone),
    (2, an_agent_presses_a_key_of_his_consultation),
    (3, an_agent_works_at_his_desk),
    (3, an_agent_asks_one_who_answers),
    (1, a_phone_changes),
    (1, an_agent_speaks_by_his_phone),
    (2, agents_are_ready),
    (3, time_passes),
    (2, some_commands_arrive),
    (2, some_events_arrive),
    (1, the_link_is_cut),
    (2, the_link_is_made),
    (1, the_daemon_starts_again),
)
RUDENESS = (
    (2, an_event_is_lost),
    (2, an_event_comes_twice),
    (1, an_old_event_comes_again),
    (2, an_event_is_overtaken),
    (1, an_event_tells_of_nothing),
    (1, messages_are_known_to_be_lost),
    (1, it_is_time_for_an_audit),
)


def begin(parallel: int) -> Site3:
    site = Site3(parallel)
    site.connect()
    site.flush()
    site.step(*at_work(*AGENTS).events)
    site.flush()
    return site


def check_judge(site: Site3) -> None:
    """Check what must hold at any time: at how many phones a call rings, and who is with it."""
    for call in site.exchange.calls.values():
        offers = call.offers.values()
        rings = sum(one.state is ConnectionState.ALERTING for one in offers)
        assert rings <= site.parallel, call
        assert call.conference or sum(one.with_customer for one in offers) <= 1, call


def check_end(site: Site3, *, audits: int) -> None:
    """Check what must hold when the rudeness is over."""
    if not site.exchange.linked:
        site.connect()
    site.flush()
    for agent_id in AGENTS:
        site.exchange.set_device(agent_id, DeviceState.IN_SERVICE, site.now_us)
    site.flush()
    for _ in range(audits):
        site.audit()
        site.flush()
    check_agreement(site)
    let_all_calls_end(site)
    assert not site.router.contacts
    assert not site.router.offers
    for agent in site.router.agents:
        assert agent.is_idle
        assert agent.device is Device.REACHABLE


def check_agreement(site: Site3) -> None:
    """Check that core and switch agree on who is there, who rings where, and who talks to whom."""
    assert site.calls_in_core() == set(site.exchange.calls)
    at_switch = {
        (offer.call_id, offer.device, offer.state) for offer in site.exchange.offers.values()
    }
    ids = CommandIds("shop", "j")
    states = {
        LegState.OFFERED: ConnectionState.ALERTING,
        LegState.CONNECTED: ConnectionState.CONNECTED,
        LegState.HELD: ConnectionState.HOLD,
    }
    in_core = {
        (
            leg.contact_id.removeprefix("pbx:"),
            site.router.agents[site.router.offers[number].agent].agent_id,
            states[leg.state],
        )
        for leg in site.router.legs.values()
        for number in leg.offers()
        if leg.state in states
    }
    assert at_switch == in_core
    asking = {(one.offer_id, one.asked_by) for one in site.exchange.offers.values() if one.asked_by}
    assert asking == {
        (ids.offer(number), ids.offer(site.router.legs[leg.consults].offer_id))
        for leg in site.router.legs.values()
        for number in leg.offers()
        if leg.consults and leg.state in states
    }


def let_all_calls_end(site: Site3) -> None:
    """Let agents answer and hang up until nobody is left; nobody may have to wait for ever."""
    for number in range(ROUNDS_MAX):
        if not site.router.contacts and not site.exchange.calls:
            return
        for agent_id in AGENTS:
            site.exchange.hang_up(agent_id, site.now_us)
            site.exchange.answer(agent_id, site.now_us)
        agents_are_ready(site, lambda choices: choices[0])
        site.flush()
        site.now_us += 2 * SECOND_US
        if number % 30 == 29:
            site.audit()
        site.flush()
    raise AssertionError("some calls do not end")


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_after_all_rudeness_core_and_switch_agree_and_every_call_ends(data):
    site = begin(data.draw(st.integers(1, 3)))

    def choose(choices):
        return choices[data.draw(st.integers(0, len(choices) - 1))]

    for _ in range(data.draw(st.integers(1, 40))):
        one_thing(site, choose, rude=True)
        check_judge(site)
    check_end(site, audits=2)


@pytest.mark.parametrize("seed", range(60))
def test_long_days_of_rudeness_end_alike(seed):
    site = begin(1 + seed % 3)
    random = Random(seed)
    for _ in range(300):
        one_thing(site, random.choice, rude=True)
        check_judge(site)
    check_end(site, audits=2)


@pytest.mark.parametrize("seed", range(60))
def test_cut_links_and_restarts_alone_need_no_audit(seed):
    site = begin(1 + seed % 3)
    random = Random(seed)
    for _ in range(300):
        one_thing(site, random.choice, rude=False)
        check_judge(site)
    check_end(site, audits=0)

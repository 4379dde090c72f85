"""Domains that hand contacts over to one another, and a carrier of letters who is rude.

He loses letters, repeats them, keeps them for minutes and lets them cross; customers leave, and
domains are restarted from their snapshots, at any instant. Each domain decides by the index and
naively, and once more from its own records alone. After every step: what one domain did changed
nothing of another; a contact may be offered, or is talking, in one domain at most; nobody has more
than he may. In the end, when the carrier mends his ways, every contact has ended exactly once, and
nobody promises anything any more.
"""

from collections import Counter
from random import Random
from typing import Final

import pytest

from acd import events as ev
from acd.actions import (
    Action,
    CloseContact,
    ConfirmHandOver,
    HandOver,
    OfferContact,
    Refused,
    TakeIn,
    WithdrawHandOver,
)
from acd.between import Letter, letters
from acd.contacts import LegState, OfferState
from acd.explanation import explain_wait
from acd.ids import HOPS_MAX, Channel, ContactOutcome, Reason
from acd.metrics import Metrics
from acd.other_domains import OtherDomain
from acd.router import Router
from acd.settings import (
    SECOND_US,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    Condition,
    DomainSettings,
    OverflowRule,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
)
from tests.properties.lengths import times
from tests.properties.naive import naive_router
from tests.properties.world import essence
from tests.unit.shop import SHOP

START_US: Final = 1_700_000_000 * SECOND_US
CHAT: Final = Channel.CHAT
NAMES: Final = ("north", "south", "west")


def domain(rng: Random, name: str, names: tuple[str, ...]) -> DomainSettings:
    """Return a domain that knows all others, with an agent or two and rules that hand over."""
    others = [one for one in names if one != name]

    def rules() -> tuple[OverflowRule, ...]:
        full = OverflowRule(max_waiting=rng.randint(1, 3), domain=rng.choice(others))
        slow = OverflowRule(max_wait_us=rng.randint(1, 90) * SECOND_US, domain=rng.choice(others))
        empty = OverflowRule(joining=(Condition.NOBODY_READY,), domain=rng.choice(others))
        some = [one for one in (empty, full, slow) if rng.random() < 0.4]
        return tuple(some)

    queues = tuple(
        QueueSettings(
            name=queue,
            channels={
                CHAT: ChannelSettings(
                    overflow=rules(),
                    expires_us=rng.choice((None, None, 300 * SECOND_US)),
                    wrap_up_us=rng.choice((0, 5 * SECOND_US)),
                )
            },
        )
        for queue in (("sales", "service") if rng.random() < 0.8 else ("sales",))
    )
    serves = tuple(Serves(queue=one.name, channels=(CHAT,)) for one in queues)
    return DomainSettings(
        name=name,
        queues=queues,
        profiles=(ProfileSettings(name="all", serves=serves),),
        capacities=(
            CapacitySettings(name="desk", channels={CHAT: SlotSettings(slots=rng.randint(1, 2))}),
        ),
        agents=tuple(
            AgentSettings(agent_id=f"{name}-{number}", profile="all", capacity="desk")
            for number in range(rng.randint(1, 2))
        ),
        domains=tuple(
            OtherDomain(
                name=one,
                answer_us=rng.randint(1, 20) * SECOND_US,
                retry_us=rng.randint(1, 60) * SECOND_US,
            )
            for one in others
        ),
    )


class Site:
    """A domain: routers in lockstep, and what they were told and did."""

    def __init__(self, settings: DomainSettings) -> None:
        self.settings = settings
        self.router = Router(settings)
        self.naive, _ = naive_router(settings)
        self.records: list[tuple[ev.Event, tuple[Action, ...], int]] = []
        self.metrics = Metrics(settings, from_us=START_US)

    def step(self, event: ev.Event, now_us: int) -> tuple[Action, ...]:
        actions = self.router.step(event, now_us=now_us)
        assert self.naive.step(event, now_us=now_us) == actions
        self.records.append((event, actions, now_us))
        self.metrics.fold(event, actions, now_us)
        return actions

    def restart(self) -> None:
        self.router = Router.restore(self.settings, self.router.snapshot())

    def stands_alone(self) -> None:
        """See that its own records suffice to decide again, and to apply what was decided."""
        decided, applied = Router(self.settings), Router(self.settings)
        for event, actions, now_us in self.records:
            assert decided.step(event, now_us=now_us) == actions
            applied.apply(event, actions, now_us=now_us)
        assert essence(decided) == essence(applied) == essence(self.router)


class World:
    """The domains, the letters on their way, and what became of each contact."""

    def __init__(self, rng: Random, count: int) -> None:
        self.rng = rng
        names = NAMES[:count]
        self.sites = {name: Site(domain(rng, name, names)) for name in names}
        self.now_us = START_US
        self.rudeness = 0.3
        self.letters: list[tuple[int, Letter]] = []
        """With the instants before which they do not arrive."""
        self.gone: set[str] = set()
        """Whose customers left."""
        self.born: list[str] = []
        self.ends: Counter[str] = Counter()
        self.talks: Counter[str] = Counter()
        self.moves: Counter[str] = Counter()
        """How often each contact went to another domain: as those saw that let go of it …"""
        self.comings: Counter[str] = Counter()
        """… and as those did that took it."""
        self.seen: Counter[str] = Counter()

    def tell(self, name: str, event: ev.SingleEvent) -> tuple[Action, ...]:
        """Step a domain, and see that the others did not notice."""
        others = [site for other, site in self.sites.items() if other != name]
        before = [essence(site.router) for site in others]
        site = self.sites[name]
        actions = site.step(event, self.now_us)
        assert before == [essence(other.router) for other in others]
        for action in actions:
            self._note(site, action)
        for letter in letters(name, event, actions):
            copies = 1
            if self.rng.random() < self.rudeness:
                copies = self.rng.choice((0, 2, 3))
            for _ in range(copies):
                span_s = self.rng.choice((0, 0, 0, 3, 300)) if self.rudeness else 0
                self.letters.append((self.now_us + span_s * SECOND_US, letter))
        self.check()
        return actions

    def _note(self, site: Site, action: Action) -> None:
        match action:
            case CloseContact(contact_id=contact_id, outcome=outcome):
                is_move = outcome is ContactOutcome.OVERFLOWED
                (self.moves if is_move else self.ends)[contact_id] += 1
                self.seen[outcome] += 1
                assert self.ends[contact_id] <= 1
            case TakeIn(arrival=arrival):
                self.comings[arrival.contact_id] += 1
                contact = site.router.contacts.get(arrival.contact_id)
                if contact is not None:
                    path = (*contact.path, site.settings.name)
                    assert len(set(path)) == len(path) <= HOPS_MAX + 1
            case Refused(reason=reason):
                self.seen[reason] += 1
            case OfferContact(contact_id=contact_id):
                assert contact_id not in self.gone
            case HandOver() | ConfirmHandOver() | WithdrawHandOver():
                self.seen[type(action).__name__] += 1
            case _:
                pass

    def check(self) -> None:
        """See where each contact is: it may be offered, or is handled, in one domain at most."""
        active: Counter[str] = Counter()
        for site in self.sites.values():
            for leg in site.router.legs.values():
                is_asked = leg.state is LegState.HANDING_OVER
                if leg.state is not LegState.WRAPPING:
                    active[leg.contact_id] += 1
                assert is_asked == (site.router.hand_overs.asked_for(leg) is not None)
                assert not (is_asked and leg.offers())
            for agent in site.router.agents:
                slots = agent.capacity.settings.channels[CHAT].slots
                assert len(agent.offers) <= slots
        assert all(count == 1 for count in active.values())
        for contact_id in active:
            assert self.ends[contact_id] == 0
            assert self.comings[contact_id] == self.moves[contact_id]

    def wait(self, span_us: int) -> None:
        """Let time pass, with all ticks that are owed."""
        until_us = self.now_us + span_us
        while True:
            owed = [
                (at_us, name)
                for name, site in self.sites.items()
                if (at_us := site.router.next_wakeup_us()) is not None and at_us <= until_us
            ]
            if not owed:
                break
            at_us, name = min(owed)
            self.now_us = max(self.now_us, at_us)
            self.tell(name, ev.ClockTicked())
        self.now_us = until_us

    def deliver(self) -> None:
        """Bring a letter, not always the oldest."""
        due = [one for one in self.letters if one[0] <= self.now_us]
        if due:
            one = self.rng.choice(due) if self.rudeness else due[0]
            self.letters.remove(one)
            self.tell(*one[1])

    def work(self, name: str) -> None:
        """Have somebody do something with what rings or is his."""
        router = self.sites[name].router
        offers = sorted(router.offers.values(), key=lambda one: one.offer_id)
        if not offers:
            return
        offer = self.rng.choice(offers)
        leg = router.legs[offer.leg_id]
        number = offer.offer_id
        if offer.state is OfferState.PENDING:
            if self.rng.random() < 0.2 * bool(self.rudeness):
                self.tell(name, ev.OfferRejected(number))
                return
            self.talks[leg.contact_id] += 1
            assert self.talks[leg.contact_id] == 1
            self.tell(name, ev.LegConnected(number))
        elif leg.state is LegState.CONNECTED:
            self.tell(name, ev.LegEnded(number))
        elif leg.state is LegState.WRAPPING:
            self.tell(name, ev.WrapUpEnded(number))

    def leave(self, contact_id: str) -> None:
        """Let a customer go: whoever knows, or expects, him is told."""
        self.gone.add(contact_id)
        for name in self.rng.sample(list(self.sites), len(self.sites)):
            router = self.sites[name].router
            promised = router.hand_overs.expects(contact_id)
            if contact_id in router.contacts or promised is not None:
                self.tell(name, ev.ContactLeft(contact_id))

    def act(self) -> None:
        """Let something happen."""
        rng = self.rng
        name = rng.choice(list(self.sites))
        draw = rng.random()
        if draw < 0.16:
            contact_id = f"c{len(self.born)}"
            self.born.append(contact_id)
            queue = rng.choice(self.sites[name].settings.queues).name
            self.tell(name, ev.ContactArrived(contact_id=contact_id, queue=queue, channel=CHAT))
        elif draw < 0.28 and self.born:
            contact_id = rng.choice(self.born[-8:])
            has = [one for one, site in self.sites.items() if contact_id in site.router.contacts]
            name = rng.choice(has or [name])
            others = [one for one in self.sites if one != name]
            queue = rng.choice(("", "", "service"))
            self.tell(name, ev.ContactHandedOver(contact_id, rng.choice(others), queue))
        elif draw < 0.31 and self.born:
            self.leave(rng.choice(self.born[-8:]))
        elif draw < 0.41:
            agent = rng.choice(self.sites[name].settings.agents).agent_id
            kinds = (ev.AgentLoggedIn, ev.AgentReady, ev.AgentReady, ev.AgentNotReady)
            self.tell(name, rng.choice(kinds)(agent_id=agent))
        elif draw < 0.56:
            self.work(name)
        elif draw < 0.6:
            self.sites[name].restart()
        elif draw < 0.8:
            self.wait(round(rng.choice((0.2, 2, 10, 40)) * rng.random() * SECOND_US))
        else:
            self.deliver()
        for site in self.sites.values():
            for leg in site.router.legs.values():
                if leg.state is LegState.HANDING_OVER:
                    why = explain_wait(site.router, leg.leg_id)
                    assert why.asks_until_us >= self.now_us
                    assert why.asks in site.router.hand_overs.domains

    def drain(self) -> None:
        """Let every letter arrive, and everybody work until all is done."""
        self.rudeness = 0.0
        for name, site in self.sites.items():
            for agent in site.settings.agents:
                self.tell(name, ev.AgentLoggedIn(agent_id=agent.agent_id))
                self.tell(name, ev.AgentReady(agent_id=agent.agent_id))
        for _ in range(5_000):
            for name in self.sites:
                self.work(name)
            self.deliver()
            routers = [site.router for site in self.sites.values()]
            at_rest = not any(one.contacts or one.hand_overs.promised for one in routers)
            if at_rest and not self.letters:
                return
            if not any(at_us <= self.now_us for at_us, _ in self.letters):
                self.wait(SECOND_US)
        raise AssertionError("somebody waits for ever")


def play(seed: int, count: int) -> World:
    """Let a world live, and end."""
    world = World(Random(f"hand over {seed}"), count)
    for _ in range(250):
        world.act()
    world.drain()
    assert world.ends == Counter(world.born)
    assert world.moves == world.comings
    for site in world.sites.values():
        site.stands_alone()
        rows = site.metrics.report(world.now_us).rows
        moved = sum(row.total.overflowed for row in rows)
        closed = [
            one
            for _, actions, _ in site.records
            for one in actions
            if isinstance(one, CloseContact) and one.outcome is ContactOutcome.OVERFLOWED
        ]
        assert moved == len(closed)
    return world


@pytest.mark.parametrize("count", [2, 3])
def test_every_contact_ends_once_whatever_the_carrier_does(count: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(times(18)):
        seen += play(seed, count).seen
    wanted = {
        *("HandOver", "ConfirmHandOver", "WithdrawHandOver"),
        *(ContactOutcome.OVERFLOWED, ContactOutcome.ABANDONED, ContactOutcome.EXPIRED),
        *(Reason.ALREADY_THERE, Reason.TOO_SOON, Reason.QUEUE_FULL, Reason.UNKNOWN_QUEUE),
    }
    assert wanted <= set(seen)


def test_a_domain_knows_nothing_of_another_that_it_does_not_name() -> None:
    site = Site(SHOP)
    asked = ev.TakeOverRequested(
        origin="south",
        number=1,
        arrival=ev.ContactArrived(contact_id="c", queue="sales", channel=CHAT),
        arrived_us=START_US,
    )
    before = essence(site.router)
    for event in (
        asked,
        ev.ContactTakenOver("south", 1),
        ev.TakeOverWithdrawn("south", 1),
        ev.HandOverAccepted("south", 1),
        ev.HandOverRefused("south", 1),
    ):
        (refused,) = site.step(event, START_US)
        assert refused == Refused(Reason.UNKNOWN_DOMAIN, "south")
    assert essence(site.router) == before

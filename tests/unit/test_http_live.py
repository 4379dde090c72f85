"""The live stream and the fold behind it.

Method: random events, and after each commit the fold's counts are compared with a naive walk over
the router's legs. Clients that add up snapshot and deltas must see what a client sees that comes
later, and what the router says.
"""

import asyncio
from random import Random

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.agents import SlotState
from acd.contacts import Leg, LegState
from acd.daemon import live as live_module
from acd.daemon.clock import Clock
from acd.daemon.http import sockets as sockets_module
from acd.daemon.http.fold import Fold
from acd.daemon.http.views import agent_view
from acd.daemon.keys import Keys
from acd.daemon.owner import Owner
from acd.ids import Channel, ConsultEnd, Device, FailureCause
from acd.journal.file import JournalFile
from acd.other_domains import OtherDomain
from acd.router import Router
from tests.properties.domains import small_domain
from tests.unit.http_daemon import DEADLINE_S, bring, closed, heard, house, work
from tests.unit.shop import CHAT, SHOP, VOICE, arrived, several

WAITING = {LegState.QUEUED, LegState.HANDING_OVER}


def naive(router):
    """Return (waiting, oldest, offered, handling, parked) of each place: a walk over all legs."""
    legs: dict[tuple[str, Channel], list[Leg]] = {}
    for leg in router.legs.values():
        legs.setdefault((leg.klass.queue.name, leg.klass.channel), []).append(leg)
    found = {}
    for place, here in legs.items():
        waiting = [leg.arrived_us for leg in here if leg.state in WAITING]
        offered = sum(leg.state in {LegState.OFFERED, LegState.CONNECTING} for leg in here)
        parked = sum(
            router.offers[number].slot == SlotState.PARKED
            for leg in here
            for number in leg.offers()
        )
        handling = len(here) - len(waiting) - offered - parked
        found[place] = (len(waiting), min(waiting, default=None), offered, handling, parked)
    return found


def folded(fold):
    """Return the same of the fold."""
    counts = {
        place: (line.waiting, line.oldest_us(), line.offered, line.handling, line.parked)
        for place, line in fold.lines.items()
    }
    return {place: one for place, one in counts.items() if one != (0, None, 0, 0, 0)}


def parking(domain):
    """Return a domain whose contacts may be put away, but for calls, or handed over."""
    queues = tuple(
        replace(
            queue,
            channels={
                channel: one if channel is VOICE else replace(one, park_us=30_000_000)
                for channel, one in queue.channels.items()
            },
        )
        for queue in domain.queues
    )
    return replace(domain, queues=queues, domains=(OtherDomain(name="south"),))


def any_event(rng, router, domain, fresh):
    """Return a random event; many of them are late, wrong or repeated."""
    agent = rng.choice(domain.agents).agent_id
    offer = rng.choice([*router.offers, rng.randint(1, 30)])
    contact = rng.choice([*router.contacts, "nobody"])
    queue = rng.choice(domain.queues)
    number = rng.randint(1, 10)
    arrival = ev.ContactArrived(
        contact_id=f"south-{number}", queue=queue.name, channel=rng.choice([*queue.channels])
    )
    return rng.choice(
        [
            *3 * [ev.ContactArrived(
                contact_id=next(fresh), queue=queue.name, channel=rng.choice([*queue.channels])
            )],
            ev.ContactLeft(contact_id=contact),
            ev.OfferAccepted(offer_id=offer),
            ev.OfferRejected(offer_id=offer),
            ev.OfferFailed(offer_id=offer, cause=FailureCause.BUSY),
            *2 * [ev.LegConnected(offer_id=offer)],
            ev.LegHeld(offer_id=offer),
            ev.LegRetrieved(offer_id=offer),
            *2 * [ev.LegEnded(offer_id=offer)],
            ev.WrapUpEnded(offer_id=offer),
            ev.LegTransferred(offer_id=offer, queue=queue.name, keep_place=rng.random() < 0.5),
            ev.LegRequeued(offer_id=offer),
            *2 * [ev.LegParked(offer_id=offer)],
            ev.LegResumed(offer_id=offer),
            *2 * [ev.ConsultRequested(offer_id=offer, queue=queue.name)],
            *2 * [ev.ConsultEnded(offer_id=offer, how=rng.choice([*ConsultEnd]))],
            ev.AgentLoggedIn(agent_id=agent),
            *2 * [ev.AgentReady(agent_id=agent)],
            ev.AgentNotReady(agent_id=agent),
            ev.DrainRequested(agent_id=agent),
            ev.AgentLoggedOut(agent_id=agent),
            ev.DeviceChanged(agent_id=agent, device=rng.choice([*Device])),
            *2 * [ev.ContactHandedOver(contact, "south")],
            ev.HandOverAccepted("south", number),
            ev.HandOverRefused("south", number),
            *2 * [ev.TakeOverRequested(
                origin="south", number=number, arrival=arrival, arrived_us=number
            )],
            *2 * [ev.ContactTakenOver("south", number)],
            ev.AgentChanged(
                agent_id=agent,
                profile=rng.choice(domain.profiles).name,
                capacity=rng.choice(domain.capacities).name,
                skills={skill: rng.randint(0, 10) for skill in domain.skills},
            ),
        ]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(14))
def test_the_fold_counts_as_a_walk_over_all_legs_does(seed, tmp_path):
    rng = Random(seed)
    domain = SHOP if seed < 3 else several(3) if seed < 7 else small_domain(rng)
    domain = parking(domain)
    fresh = iter([f"c-{number}" for number in range(10_000)])

    async def main():
        journal = JournalFile.open(tmp_path / "journal.db", settings=domain)
        clock = Clock()
        clock.hold(1_000_000)
        owner = Owner(Router(domain), journal, clock, Keys())
        fold = Fold(owner)
        concerned = set()
        fold.listen(lambda _, touched: concerned.update(touched.agents))
        owner.start()
        views = {one.agent_id: agent_view(one, owner.router) for one in owner.router.agents}
        for _ in range(400):
            clock.hold(clock.now_us() + rng.choice([0, 1, 100_000, 20_000_000]))
            events = tuple(
                any_event(rng, owner.router, domain, fresh) for _ in range(rng.randint(1, 4))
            )
            await owner.submit(ev.Batch(events=events) if len(events) > 1 else events[0])
            await owner.durable()
            assert folded(fold) == naive(owner.router)
            for agent in owner.router.agents:
                view = agent_view(agent, owner.router)
                if view != views[agent.agent_id]:
                    assert agent.agent_id in concerned
                    views[agent.agent_id] = view
            concerned.clear()
        # A fold that begins now sees the same.
        assert folded(Fold(owner)) == naive(owner.router)
        assert fold.held.keys() == owner.router.offers.keys()
        await owner.close()

    asyncio.run(main())


def test_what_is_parked_is_not_in_anybodys_hands(tmp_path):
    async def main():
        async with house(tmp_path, domain=parking(SHOP)) as made:
            seen = []
            await work(made, "ann")
            await bring(made, "order-1")
            for event in (
                ev.LegConnected(offer_id=1),
                ev.LegParked(offer_id=1),
                ev.LegParked(offer_id=1),
                ev.LegResumed(offer_id=1),
                ev.LegParked(offer_id=1),
            ):
                await made.owner.submit(event)
                await made.owner.durable()
                for fold in (made.live.fold, Fold(made.owner)):
                    (line,) = fold.lines.values()
                    seen.append((line.offered, line.handling, line.parked))
                assert (made.live.totals().handling, made.live.totals().parked) == seen[-1][1:]
            parked, handled = (0, 0, 1), (0, 1, 0)
            assert seen[::2] == seen[1::2] == [handled, parked, parked, handled, parked]

    asyncio.run(main())


def test_what_wraps_up_where_it_was_parked_is_counted_there(tmp_path):
    (queue,) = parking(SHOP).queues
    chat = replace(queue.channels[CHAT], wrap_up_us=60_000_000)
    domain = replace(SHOP, queues=(replace(queue, channels={**queue.channels, CHAT: chat}),))

    async def main():
        async with house(tmp_path, domain=domain) as made:
            await work(made, "ann")
            await bring(made, "order-1")
            for event in (ev.LegConnected, ev.LegParked, ev.LegEnded):
                await made.owner.submit(event(offer_id=1))
            await made.owner.durable()
            assert folded(made.live.fold) == folded(Fold(made.owner)) == naive(made.owner.router)
            assert made.live.totals().parked == 1

    asyncio.run(main())


def added(state, frame):
    """Add a frame of the stream to what a client knows."""
    if frame["type"] == "snapshot":
        state = {"queues": {}, "agents": {}}
    else:
        assert frame["seq"] == state["seq"] + 1
    state["queues"].update({one["name"]: one for one in frame["queues"]})
    state["agents"].update({one["agent_id"]: one for one in frame["agents"]})
    return {**state, "seq": frame["seq"], "totals": frame["totals"]}


async def seen_until(stream, state, done):
    """Add up a stream until `done` is true of what is known."""
    async with asyncio.timeout(DEADLINE_S):
        while not (state and done(state)):
            state = added(state, await heard(stream))
    return state


def test_a_snapshot_and_deltas_add_up(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/live", "chef") as stream:
            state = added(None, await heard(stream))
            assert state["queues"]["sales"]["waiting"] == 0
            await work(made, "ann")
            for number in range(5):
                await bring(made, f"order-{number}")
            state = await seen_until(stream, state, lambda one: one["totals"]["arrived"] == 5)
            state = await seen_until(
                stream, state, lambda one: one["queues"]["sales"]["waiting"] == 3
            )
            sales = state["queues"]["sales"]
            assert (sales["offered"], sales["agents_ready"]) == (2, 1)
            assert sales["oldest_us"] == min(
                leg.arrived_us
                for leg in made.owner.router.legs.values()
                if leg.state is LegState.QUEUED
            )
            assert state["totals"]["agents"]["ready"] == 1
            async with made.socket("/v1/live", "chef") as late:
                fresh = added(None, await heard(late))
            assert fresh == state

    asyncio.run(main())


def test_a_client_goes_on_where_it_was(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            async with made.socket("/v1/live", "chef") as stream:
                state = added(None, await heard(stream))
            await work(made, "ann")
            await bring(made, "order-1")
            async with made.socket(f"/v1/live?resume={state['seq']}", "chef") as stream:
                frame = await heard(stream)
                assert frame["type"] == "delta"
                state = added(state, frame)
                state = await seen_until(stream, state, lambda one: one["totals"]["offered"] == 1)
            for old in (0, state["seq"] + 1_000, "x", "9" * 30, -1):
                async with made.socket(f"/v1/live?resume={old}", "chef") as stream:
                    assert (await heard(stream))["type"] == "snapshot", old

    asyncio.run(main())


def test_a_client_that_was_away_too_long_gets_a_snapshot(tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "DELTAS_MAX", 1)
    monkeypatch.setattr(live_module, "PERIOD_S", 0)

    async def main():
        async with house(tmp_path) as made:
            async with made.socket("/v1/live", "chef") as stream:
                begun = added(None, await heard(stream))
                state = begun
                for number in range(3):
                    await bring(made, f"order-{number}")
                    wanted = number + 1
                    state = await seen_until(
                        stream, state, lambda one, wanted=wanted: one["totals"]["waiting"] == wanted
                    )
            async with made.socket(f"/v1/live?resume={begun['seq']}", "chef") as stream:
                assert (await heard(stream))["type"] == "snapshot"

    asyncio.run(main())


def test_nothing_is_sent_when_nothing_changes(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/live", "chef") as stream:
            before = (await heard(stream))["seq"]
            # A tick that ends nothing anybody sees, and what changes nothing.
            await made.owner.submit(ev.Batch(events=()))
            await made.owner.submit(ev.DeviceChanged(agent_id="ann", device=Device.REACHABLE))
            await work(made, "ann")
            frames = [await heard(stream)]
            while frames[-1]["totals"]["agents"]["ready"] != 1:
                frames.append(await heard(stream))
            assert [one["seq"] for one in frames] == [
                before + 1 + place for place in range(len(frames))
            ]
            assert all(one["agents"] for one in frames)

    asyncio.run(main())


def test_deltas_name_only_what_changed(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/live", "chef") as stream:
            await heard(stream)
            await work(made, "bob")
            frame = await heard(stream)
            assert [one["agent_id"] for one in frame["agents"]] == ["bob"]

    asyncio.run(main())


def test_a_change_of_settings_begins_with_a_snapshot(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/live", "chef") as stream:
            await heard(stream)
            await bring(made, "order-1")
            assert (await heard(stream))["type"] == "delta"
            made.live.reset()
            frame = await heard(stream)
            assert frame["type"] == "snapshot"
            assert frame["queues"][0]["waiting"] == 1
            await work(made, "ann")
            assert (await heard(stream))["seq"] == frame["seq"] + 1

    asyncio.run(main())


def test_the_stream_takes_no_messages(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/live", "chef") as stream:
            await stream.send("hello")
            assert await closed(stream) == 1003

    asyncio.run(main())


def test_a_client_that_does_not_read_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr(sockets_module, "SEND_S", 0.05)
    monkeypatch.setattr(live_module, "PERIOD_S", 0)

    async def main():
        async with house(tmp_path) as made:
            slow = await made.socket("/v1/live", "chef", max_queue=1)
            async with made.socket("/v1/live", "chef", max_size=None) as stream:
                state = added(None, await heard(stream))
                # Frames so large that those which nobody reads fill all buffers on the way.
                frame = made.live.snapshot()
                large = frame[:-1] + " " * 4_000_000 + "}"
                monkeypatch.setattr(made.live, "_frame", lambda *_: large)
                for number in range(4):
                    await bring(made, f"order-{number}")
                    await heard(stream)
                assert state["queues"]["sales"]["waiting"] == 0
            assert await closed(slow)

    asyncio.run(main())


def test_two_hundred_clients_get_the_same_frames(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            streams = await asyncio.gather(
                *(made.socket("/v1/live", "chef", ping_interval=None) for _ in range(200))
            )
            await asyncio.gather(*(heard(one) for one in streams))
            await made.owner.submit(ev.Batch(events=(arrived("1", VOICE), arrived("2", CHAT))))
            frames = await asyncio.gather(*(heard(one) for one in streams))
            assert all(one == frames[0] for one in frames)
            assert frames[0]["queues"][0]["waiting"] == 2
            await asyncio.gather(*(one.close() for one in streams))

    asyncio.run(main())

"""The owner of the router: what leaves is on the disk, what is repeated has no second effect.

Method: a real Owner on a real journal in a temporary folder. What its writer does is watched by a
journal that can be told to hold a commit back, or to fail at it, as a slow or broken disk does; the
clock is one that the test sets. What a recovery then finds is compared with what was acknowledged.
"""

import asyncio
import threading
from contextlib import asynccontextmanager, closing

import msgspec
import pytest

from acd import events as ev
from acd.actions import OfferContact, WithdrawOffer
from acd.daemon import owner as owners
from acd.daemon.clock import Clock
from acd.daemon.errors import OverloadedError
from acd.daemon.ids import CommandIds
from acd.daemon.keys import Keys
from acd.daemon.owner import Owner
from acd.daemon.recovery import recover
from acd.daemon.settings import JournalSettings
from acd.daemon.snapshots import Snapshots
from acd.errors import ConfigError, StorageError
from acd.ids import Availability, FailureCause, OfferOutcome, Reason
from acd.journal.durable import replay
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.journal.text import under
from acd.router import Router
from acd.settings import SECOND_US
from tests.unit.shop import SHOP, arrived, at_work

START_US = 1_000 * SECOND_US


class Watched(JournalFile):
    """A journal whose commits can be held back, or fail."""

    def __init__(self, *given):
        super().__init__(*given)
        self.go = threading.Event()
        self.go.set()
        self.fails = False
        self.commits = 0

    def commit(self, entries):
        assert self.go.wait(60)
        if self.fails:
            raise StorageError(str(self.path), "cannot be written: disk I/O error")
        super().commit(entries)
        self.commits += 1


class Hands:
    """Clocks that a test moves."""

    def __init__(self):
        self.wall_us = START_US
        self.monotonic_us = 7

    def clock(self, **given):
        return Clock(
            wall_ns=lambda: self.wall_us * 1_000,
            monotonic_ns=lambda: self.monotonic_us * 1_000,
            **given,
        )

    def go_on(self, by_us):
        self.wall_us += by_us
        self.monotonic_us += by_us


@asynccontextmanager
async def an_owner(folder, *, hands=None):
    journal = Watched.open(folder / "journal.db", settings=SHOP)
    recovered = recover(journal)
    clock = (hands or Hands()).clock(not_before_us=recovered.router.now_us)
    owner = Owner(recovered.router, journal, clock, recovered.keys)
    owner.start()
    try:
        yield owner, journal
    finally:
        journal.go.set()
        await owner.close()


async def turns(count):
    """Let the event loop do so many times what it was given to do."""
    for _ in range(count):
        turn = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(turn.set_result, None)
        await turn


def play(story, *given, **named):
    async def within_a_minute():
        async with asyncio.timeout(60):
            await story(*given, **named)

    asyncio.run(within_a_minute())


def recovered_from(folder):
    with closing(JournalFile.open(folder / "journal.db")) as journal:
        return recover(journal)


def test_a_receipt_and_the_actions_come_after_the_commit(tmp_path):
    async def story():
        async with an_owner(tmp_path) as (owner, journal):
            told: list[Entry] = []
            owner.subscribe(told.extend)
            await owner.submit(at_work("ann"))
            assert len(told) == 1
            journal.go.clear()
            receipt = owner.submit(arrived("c1"))
            barrier = asyncio.ensure_future(owner.durable())
            await turns(1)
            assert owner.router.contacts
            assert owner.on_disk == 1
            assert len(told) == 1
            assert not receipt.done()
            assert not barrier.done()
            journal.go.set()
            given = await receipt
            assert (given.entry, given.refusal()) == (2, None)
            assert await barrier == 2
            assert [type(action) for action in told[1].actions] == [OfferContact]
            assert given.actions == told[1].actions

    play(story)


def test_sinks_are_told_before_the_sender(tmp_path):
    async def story():
        async with an_owner(tmp_path) as (owner, _):
            order: list[object] = []
            owner.subscribe(lambda entries: order.extend(entry.number for entry in entries))
            receipt = owner.submit(at_work("ann"))
            receipt.add_done_callback(lambda _: order.append("receipt"))
            await receipt
            await owner.durable()
            assert order == [1, "receipt"]

    play(story)


def test_many_inputs_share_a_commit_and_keep_their_order(tmp_path):
    async def story():
        async with an_owner(tmp_path) as (owner, journal):
            journal.go.clear()
            receipts = [owner.submit(arrived(f"c{n}")) for n in range(1_000)]
            await turns(5)
            journal.go.set()
            given = await asyncio.gather(*receipts)
            assert [one.entry for one in given] == list(range(1, 1_001))
            assert journal.commits < 20

    play(story)
    assert list(recovered_from(tmp_path).router.contacts) == [f"c{n}" for n in range(1_000)]


def test_a_repeat_has_no_second_effect_in_this_life_and_the_next(tmp_path):
    async def first_life():
        async with an_owner(tmp_path) as (owner, journal):
            journal.go.clear()
            both = [owner.submit(arrived("c1"), key="web:1") for _ in range(2)]
            await turns(1)
            assert not both[1].done()
            journal.go.set()
            one, two = await asyncio.gather(*both)
            assert (one.entry, one.repeated) == (1, False)
            assert (two.entry, two.repeated) == (1, True)
            await owner.submit(ev.ContactLeft(contact_id="c1"))

    async def second_life():
        async with an_owner(tmp_path) as (owner, _):
            again = await owner.submit(arrived("c1"), key="web:1")
            assert (again.entry, again.repeated) == (1, True)
            assert not owner.router.contacts

    play(first_life)
    play(second_life)


def test_a_refusal_is_told_after_what_it_follows_from_and_not_journalled(tmp_path):
    async def story():
        async with an_owner(tmp_path) as (owner, journal):
            journal.go.clear()
            owner.submit(arrived("c1"))
            refused = owner.submit(arrived("c1"), key="web:1")
            await turns(1)
            assert not refused.done()
            journal.go.set()
            refusal = (await refused).refusal()
            assert refusal is not None
            assert refusal.reason is Reason.CONTACT_EXISTS
            # Nothing waits for the disk now: it is told at once, and its key is not remembered.
            assert (await owner.submit(arrived("c1"), key="web:1")).refusal()
            assert owner.stepped == 1
            both = ev.Batch(events=(arrived("c1"), arrived("c2")))
            assert (await owner.submit(both)).entry == 2
            assert not (await owner.submit(ev.Batch(events=(arrived("c1"),)))).entry

    play(story)


def test_after_a_storage_error_nothing_is_acknowledged(tmp_path):
    async def story():
        async with an_owner(tmp_path) as (owner, journal):
            told: list[Entry] = []
            owner.subscribe(told.extend)
            await owner.submit(arrived("c1"))
            journal.fails = True
            lost = [owner.submit(arrived("c2")), owner.submit(arrived("c3"))]
            barrier = asyncio.ensure_future(owner.durable())
            await turns(1)
            results = await asyncio.gather(*lost, barrier, return_exceptions=True)
            assert [type(one) for one in results][:2] == [StorageError] * 2
            assert "disk I/O error" in str(await owner.failed)
            journal.fails = False
            with pytest.raises(StorageError):
                await owner.submit(arrived("c4"))
            with pytest.raises(StorageError):
                await owner.durable()
            assert [entry.number for entry in told] == [1]

    play(story)
    assert list(recovered_from(tmp_path).router.contacts) == ["c1"]


def test_a_bug_of_ours_stops_everything_too(tmp_path):
    async def in_a_sink():
        async with an_owner(tmp_path) as (owner, _):
            owner.subscribe(lambda _: 1 / 0)
            with pytest.raises(StorageError, match="the daemon stops"):
                await owner.submit(arrived("c1"))
            assert isinstance(await owner.failed, ZeroDivisionError)

    async def in_the_router():
        async with an_owner(tmp_path) as (owner, _):
            with pytest.raises(StorageError, match="the daemon stops"):
                await owner.submit(None)
            assert isinstance(await owner.failed, KeyError)

    play(in_a_sink)
    # What was committed is there, acknowledged or not.
    assert list(recovered_from(tmp_path).router.contacts) == ["c1"]
    play(in_the_router)


def test_too_much_is_refused_and_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(owners, "PENDING_MAX", 10)

    async def story():
        async with an_owner(tmp_path) as (owner, journal):
            journal.go.clear()
            kept = [owner.submit(arrived(f"c{n}")) for n in range(10)]
            with pytest.raises(OverloadedError, match="10 inputs are pending; wanted fewer"):
                owner.submit(arrived("c10"))
            journal.go.set()
            await asyncio.gather(*kept)
            assert len(owner.router.contacts) == 10
            assert (await owner.submit(arrived("c10"))).entry == 11

    play(story)


def test_timers_fire_in_order_before_what_comes_late(tmp_path):
    hands = Hands()

    async def story():
        async with an_owner(tmp_path, hands=hands) as (owner, _):
            told: list[Entry] = []
            owner.subscribe(told.extend)
            await owner.submit(at_work("ann"))
            offer = (await owner.submit(arrived("c1"))).actions[0]
            assert isinstance(offer, OfferContact)
            # The process is stopped beyond the ring time; the answer came meanwhile.
            hands.go_on(60 * SECOND_US)
            late = await owner.submit(ev.OfferAccepted(offer_id=offer.offer_id))
            assert late.actions == ()
            tick = told[2]
            assert isinstance(tick.event, ev.ClockTicked)
            withdrawn = tick.actions[0]
            assert isinstance(withdrawn, WithdrawOffer)
            assert withdrawn.outcome is OfferOutcome.TIMED_OUT
            assert owner.router.agent("ann").availability is Availability.NOT_RESPONDING

    play(story)


def test_an_alarm_fires_by_itself(tmp_path):
    async def story():
        async with an_owner(tmp_path) as (owner, _):
            fired = asyncio.Event()

            def watch(entries):
                if any(isinstance(entry.event, ev.ClockTicked) for entry in entries):
                    fired.set()

            owner.subscribe(watch)
            owner.clock = Clock()
            await owner.submit(at_work("ann"))
            await owner.submit(arrived("c1"))
            offer_id = next(iter(owner.router.offers))
            await owner.submit(ev.OfferFailed(offer_id=offer_id, cause=FailureCause.BUSY))
            await fired.wait()

    hasty = msgspec.structs.replace(SHOP, back_off_us=1_000)
    with closing(JournalFile.open(tmp_path / "journal.db", settings=hasty)):
        pass
    play(story)


def test_a_wall_clock_that_is_set_moves_no_timer():
    hands = Hands()
    clock = hands.clock()
    began_us = clock.now_us()
    hands.wall_us -= 3_600 * SECOND_US
    assert clock.now_us() == began_us
    assert clock.offset_us() == -3_600 * SECOND_US
    hands.go_on(5)
    assert clock.now_us() == began_us + 5
    # At the next start the wall clock counts again, but not before what was journalled.
    assert hands.clock(not_before_us=began_us + 5).now_us() == began_us + 5
    clock.hold(began_us)
    hands.go_on(10)
    assert clock.now_us() == began_us
    clock.release()
    assert clock.now_us() == began_us + 15


def test_settings_change_while_contacts_wait(tmp_path):
    later = msgspec.structs.replace(SHOP, back_off_us=3 * SECOND_US)
    wrong = msgspec.structs.replace(SHOP, agents=SHOP.agents[1:])
    hands = Hands()

    async def story():
        async with an_owner(tmp_path, hands=hands) as (owner, _):
            await owner.submit(at_work("ann"))
            await owner.submit(arrived("c1"))
            with pytest.raises(ConfigError, match=r"agents\.ann: is logged in"):
                under(wrong, owner.router)
            # What fell due meanwhile fires first.
            hands.go_on(20 * SECOND_US)
            owner.change(later, under(later, owner.router))
            assert await owner.durable() == 4
            await owner.submit(arrived("c2"))

    play(story)
    recovered = recovered_from(tmp_path)
    assert recovered.settings == later
    assert set(recovered.router.contacts) == {"c1", "c2"}
    assert replay(tmp_path / "journal.db", verify=True)[:2] == (5, 3)


def test_a_changed_agent_is_so_after_a_snapshot_a_reload_and_a_recovery(tmp_path):
    skilled = msgspec.structs.replace(SHOP, skills=("cards",))
    later = msgspec.structs.replace(skilled, back_off_us=3 * SECOND_US)

    async def story():
        async with an_owner(tmp_path) as (owner, _):
            owner.change(skilled, under(skilled, owner.router))
            await owner.submit(ev.AgentChanged(agent_id="ann", skills={"cards": 5}))
            settings = JournalSettings(path=tmp_path / "journal.db", keep_us=0)
            await Snapshots(owner, settings, last=0, needed=lambda: owner.on_disk).take()
            owner.change(later, under(later, owner.router))
            await owner.submit(ev.AgentChanged(agent_id="bob", skills={"cards": 1}))
            kept.append(owner.router.snapshot())

    kept: list[object] = []
    play(story)
    recovered = recovered_from(tmp_path)
    assert recovered.snapshot
    assert recovered.router.snapshot() == kept[0]
    levels = [agent.kind.skills for agent in recovered.router.agents]
    assert levels == [{"cards": 5}, {"cards": 1}]


def test_a_snapshot_of_a_fork_is_the_router(tmp_path):
    settings = JournalSettings(path=tmp_path / "journal.db", keep_us=0)

    hands = Hands()

    async def story():
        async with an_owner(tmp_path, hands=hands) as (owner, _):
            await owner.submit(at_work("ann", "bob"))
            await asyncio.gather(*(owner.submit(arrived(f"c{n}")) for n in range(3_000)))
            snapshots = Snapshots(owner, settings, last=0, needed=lambda: owner.on_disk)
            for number in range(3):
                assert await snapshots.take() == owner.stepped
                await owner.submit(arrived(f"d{number}"))
                hands.go_on(1)
            kept.append(owner.router.snapshot())

    kept: list[object] = []
    play(story)
    recovered = recovered_from(tmp_path)
    assert recovered.router.snapshot() == kept[0]
    assert (recovered.snapshot, recovered.applied) == (3_003, 1)
    assert replay(tmp_path / "journal.db").steps < 10


def test_a_snapshot_that_no_child_can_make_leaves_the_journal_whole(tmp_path, monkeypatch):
    settings = JournalSettings(path=tmp_path / "journal.db")

    async def story():
        async with an_owner(tmp_path) as (owner, _):
            await owner.submit(arrived("c1"))
            snapshots = Snapshots(owner, settings, last=0, needed=lambda: 1)
            monkeypatch.setattr(Router, "snapshot", lambda _: 1 / 0)
            with pytest.raises(ChildProcessError, match="ended with 1"):
                await snapshots.take()
            await owner.submit(arrived("c2"))

    play(story)
    monkeypatch.undo()
    assert list(recovered_from(tmp_path).router.contacts) == ["c1", "c2"]


def test_keys_are_forgotten_when_there_are_too_many_or_they_are_old():
    keys = Keys([("a", 1), ("b", 2), ("c", 3)], most=2)
    assert keys.entry_of("a") is None
    assert (keys.entry_of("b"), len(keys)) == (2, 2)
    keys.forget_before(3)
    assert (keys.entry_of("b"), keys.entry_of("c"), len(keys)) == (None, 3, 1)


def test_command_ids_are_short_whatever_the_domain_is_called():
    ids = CommandIds("Ünïcode & sons " * 9, "0a1b2c3d")
    assert len(ids.offer(2**40)) <= 64
    assert ids.offer_of(ids.offer(2**40)) == 2**40
    assert ids.offer_of(ids.action(7, 1)) is None
    assert ids.offer_of(ids.prefix) is None

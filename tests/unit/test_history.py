"""The history in tables: it must say what the measures say, whatever happens to its writer.

Method: entries (the golden stories, and a rude switch's events by seeded draws) are folded by
`Metrics` in one go and by the history in pieces, with repeats, overlaps, and the file closed and
opened again in between; then every figure of every row must be equal. What goes wrong is made to go
wrong: entries that are missing, a disk that fails, a reader beside the writer.
"""

import asyncio
import csv
import io
import sqlite3
from itertools import pairwise
from pathlib import Path
from random import Random

import msgspec
import pytest

from acd import events as ev
from acd.actions import Action
from acd.daemon.history import History, HistoryReader
from acd.daemon.history.errors import BadQueryError, SlowQueryError
from acd.daemon.history.export import COLUMNS, measures_to_csv, to_csv
from acd.daemon.history.folding import Fold
from acd.daemon.history.schema import open_to_write
from acd.daemon.settings import HistorySettings
from acd.errors import ConfigError, StorageError
from acd.events import Event
from acd.ids import Channel
from acd.journal import read
from acd.journal.records import Entry
from acd.metrics import Metrics
from acd.router import Router
from acd.settings import SECOND_US, DomainSettings
from tests.properties.domains import small_domain
from tests.properties.lengths import times
from tests.properties.rude_switch import a_batch, an_event
from tests.properties.world import START_US, World
from tests.unit.shop import SHOP, Play, at_work

STORIES = sorted((Path(__file__).parents[1] / "golden").glob("*.journal"))

KEEP_US = 10**15
"""For ever."""

Entries = tuple[Entry, ...]


def write(path: Path, entries: Entries, *, keep_us: int = KEEP_US) -> int:
    """Open a history, fold entries in one transaction, close it; return the last that it has."""
    sql = open_to_write(path, journal="j1")
    fold = Fold(sql, keep_us=keep_us)
    if entries:
        fold.write(entries)
    sql.close()
    return int(fold.entry)


def assert_says_what_the_measures_say(path: Path, domain: DomainSettings, entries: Entries) -> None:
    from_us = entries[0].now_us
    to_us = entries[-1].now_us + 1
    metrics = Metrics(domain, from_us=from_us)
    for entry in entries:
        metrics.fold(entry.event, entry.actions, entry.now_us)
    report = metrics.report(to_us)
    reader = HistoryReader(path, limit_s=60)
    said = asyncio.run(reader.measures(domain, from_us, to_us, domain.measures.interval_us))
    assert said.rows == report.rows
    assert said.definition_digest == report.definition_digest


def story_of(path: Path) -> tuple[DomainSettings, Entries]:
    with path.open("rb") as stream:
        journal = read(stream, path.name)
        steps = enumerate(journal.entries, 1)
        entries = tuple(Entry(at, one.now_us, one.event, one.actions) for at, one in steps)
    return journal.settings, entries


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_a_story_gives_the_figures_of_the_measures(story: Path, tmp_path: Path) -> None:
    domain, entries = story_of(story)
    # Shorter intervals than the story's, so that its times are cut, but not more than are admitted.
    span_us = entries[-1].now_us - entries[0].now_us
    shorter_us = max(span_us // 7, 1)
    measures = msgspec.structs.replace(domain.measures, interval_us=shorter_us)
    shorter = msgspec.structs.replace(domain, measures=measures)
    middle = len(entries) // 2
    write(tmp_path / "h", entries[:middle])
    write(tmp_path / "h", entries)
    assert_says_what_the_measures_say(tmp_path / "h", shorter, entries)


def a_rude_life(seed: int) -> tuple[World, Entries]:
    """Return a world that a rude switch drove, and its entries; what is refused is none."""
    rng = Random(seed)
    world = World(small_domain(rng), check_every=1_000)
    entries: list[Entry] = []
    step = world._step

    def keep(event: Event) -> tuple[Action, ...]:
        actions = step(event)
        entries.append(Entry(len(entries) + 1, world.now_us, event, actions))
        return actions

    world._step = keep  # type: ignore[method-assign]
    for agent in world.settings.agents:
        world.tell(ev.AgentLoggedIn(agent_id=agent.agent_id))
        world.tell(ev.AgentReady(agent_id=agent.agent_id))
    for _ in range(300):
        world.wait(rng.choice((0, 0, 1, 3, 20)) * SECOND_US)
        world.tell(a_batch(rng, world) if rng.random() < 0.2 else an_event(rng, world))
    return world, tuple(entries)


@pytest.mark.parametrize("seed", range(times(2)))
def test_a_rude_switch_gives_the_figures_of_the_measures(seed: int, tmp_path: Path) -> None:
    world, entries = a_rude_life(seed)
    rng = Random(seed)
    path = tmp_path / "h"
    done = 0
    while done < len(entries):
        from_ = rng.randint(max(done - 5, 0), done)  # Some were told already.
        done = write(path, entries[from_ : done + rng.randint(0, 40)])
    for interval_us in (7 * SECOND_US, world.settings.measures.interval_us):
        measures = msgspec.structs.replace(world.settings.measures, interval_us=interval_us)
        domain = msgspec.structs.replace(world.settings, measures=measures)
        assert_says_what_the_measures_say(path, domain, entries)
    with sqlite3.connect(path) as sql:
        known = dict(sql.execute("SELECT agent_id, availability FROM agents"))
        inside = sql.execute("SELECT contact_id FROM contacts WHERE ended_us IS NULL").fetchall()
    sql.close()
    for agent in world.router.agents:
        assert known[agent.agent_id] == agent.availability
    # Who is to be called at a time that has not come is in no line yet, and in no table.
    later = {
        contact_id
        for contact_id, contact in world.router.contacts.items()
        if contact.callback is not None
        and not contact.callback.attempts
        and contact.callback.booked_us
        and world.router.legs[contact.legs[0]].due_us
    }
    assert {contact_id for (contact_id,) in inside} == set(world.router.contacts) - later


def told(path: Path, *steps: tuple[int, Event]) -> tuple[list[Entry], Router]:
    """Step a shop by (second, event), fold it; return the entries and the router."""
    router = Router(SHOP)
    entries = [
        Entry(number, at_s * SECOND_US, event, router.step(event, now_us=at_s * SECOND_US))
        for number, (at_s, event) in enumerate(steps, 1)
    ]
    write(path, tuple(entries))
    return entries, router


def states_of(path: Path, agent_id: str) -> list[tuple[str, str]]:
    rows = asyncio.run(HistoryReader(path).agents(0, 10**9))
    return [(row["availability"], row["reason"]) for row in rows if row["agent_id"] == agent_id]


def test_a_log_in_that_is_repeated_ends_no_break(tmp_path: Path) -> None:
    told(
        tmp_path / "h",
        (1, ev.AgentLoggedIn(agent_id="ann")),
        (2, ev.AgentNotReady(agent_id="ann", reason="lunch")),
        (5, ev.AgentLoggedIn(agent_id="ann")),
    )
    assert states_of(tmp_path / "h", "ann") == [
        ("logged_out", ""),
        ("not_ready", ""),
        ("not_ready", "lunch"),
    ]


def test_a_break_put_off_by_one_who_did_not_respond_begins_in_the_same_batch(
    tmp_path: Path,
) -> None:
    def chat(contact_id: str) -> ev.ContactArrived:
        return ev.ContactArrived(contact_id=contact_id, queue="sales", channel=Channel.CHAT)

    tea = ev.AgentNotReady(agent_id="ann", reason="tea", after_this_one=True)
    _, router = told(
        tmp_path / "h",
        (0, at_work("ann")),
        (1, chat("c1")),
        (1, ev.LegConnected(offer_id=1)),
        (2, chat("c2")),
        (17, ev.ClockTicked()),
        (18, ev.Batch(events=(ev.LegEnded(offer_id=1), tea))),
    )
    assert router.agent("ann").availability == "not_ready"
    assert states_of(tmp_path / "h", "ann")[-2:] == [("not_responding", ""), ("not_ready", "tea")]


def test_parts_of_a_span_add_up_to_the_span(tmp_path: Path) -> None:
    world, entries = a_rude_life(4)
    write(tmp_path / "h", entries)
    reader = HistoryReader(tmp_path / "h", limit_s=60)
    from_us, to_us = START_US, entries[-1].now_us + 1
    rng = Random(3)
    cuts = [from_us, *sorted(rng.randrange(from_us, to_us) for _ in range(9)), to_us]

    async def sums(from_us: int, to_us: int) -> list[tuple[int, ...]]:
        said = await reader.measures(world.settings, from_us, to_us, to_us - from_us)
        totals = [row.total for row in said.rows]
        return [(one.busy_us, one.idle_us, one.waiting_us, one.offered) for one in totals]

    async def main() -> None:
        parts = [await sums(*span) for span in pairwise(cuts)]
        added = [
            tuple(map(sum, zip(*of_line, strict=True))) for of_line in zip(*parts, strict=True)
        ]
        assert added == await sums(from_us, to_us)
        assert any(busy_us for busy_us, *_ in added)

    asyncio.run(main())


# The keeper.


def shop_entries(contacts: int = 20) -> Entries:
    """Return the entries of a shop where one chat a second arrives, and is taken at once."""
    play = Play()
    entries: list[Entry] = []

    def tell(event: Event) -> None:
        now_us = START_US + play.now_s * SECOND_US
        actions = play.router.step(event, now_us=now_us)
        entries.append(Entry(len(entries) + 1, now_us, event, actions))

    tell(at_work("ann", "bob"))
    for number in range(contacts):
        play.now_s += 1
        tell(
            ev.Batch(
                events=(
                    ev.ClockTicked(),
                    ev.ContactArrived(
                        contact_id=f"=c{number}", queue="sales", channel=Channel.CHAT
                    ),
                )
            )
        )
        for action in entries[-1].actions:
            offer_id = getattr(action, "offer_id", None)
            if offer_id is not None:
                tell(ev.LegConnected(offer_id=offer_id))
    return tuple(entries)


class House:
    """A journal that can be read from, and a history beside it."""

    def __init__(self, path: Path, entries: Entries = (), *, keep_us: int = KEEP_US) -> None:
        self.entries = entries
        self.errors: list[StorageError] = []
        self.caught_up = asyncio.Event()
        self.failed = asyncio.Event()
        settings = HistorySettings(path=path, keep_us=keep_us)
        self.history = History(settings, "j1", SHOP, self.on_error)

    def on_error(self, error: StorageError) -> None:
        self.errors.append(error)
        self.failed.set()

    async def read_from(self, number: int) -> Entries:
        found = tuple(one for one in self.entries if one.number >= number)[:7]
        if not found:
            self.caught_up.set()
        return found


def test_it_catches_up_at_the_start_and_goes_on_with_commits(tmp_path: Path) -> None:
    entries = shop_entries()

    async def main() -> int:
        house = House(tmp_path / "h", entries[:20])
        house.history.start(house.read_from)
        await asyncio.wait_for(house.caught_up.wait(), 10)
        assert house.history.folded() == 20
        house.entries = entries
        house.history.fold(entries[20:30])
        house.history.fold(entries[25:])
        await house.history.close()
        assert house.history.problem() == ""
        return house.history.folded()

    assert asyncio.run(main()) == len(entries)
    assert_says_what_the_measures_say(tmp_path / "h", SHOP, entries)


def test_what_was_dropped_is_read_from_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acd.daemon.history.keeper.WAITING_MAX", 5)
    entries = shop_entries()

    async def main() -> None:
        house = House(tmp_path / "h", entries)
        house.history.fold(entries[:6])
        house.history.start(house.read_from)
        house.history.fold(entries[6:])
        await asyncio.wait_for(house.caught_up.wait(), 10)
        await house.history.close()

    asyncio.run(main())
    assert_says_what_the_measures_say(tmp_path / "h", SHOP, entries)


def test_a_gap_is_noted_and_nobody_inside_counts(tmp_path: Path) -> None:
    entries = shop_entries()

    async def main() -> None:
        house = House(tmp_path / "h", entries[:10])
        house.history.start(house.read_from)
        await asyncio.wait_for(house.caught_up.wait(), 10)
        house.caught_up.clear()
        house.history.fold(entries[20:])
        await asyncio.wait_for(house.caught_up.wait(), 10)
        await house.history.close()
        assert house.history.folded() == len(entries)

    asyncio.run(main())
    with sqlite3.connect(tmp_path / "h") as sql:
        gaps = sql.execute("SELECT first, last FROM gaps").fetchall()
        lost = sql.execute("SELECT count(*) FROM contacts WHERE outcome = 'unknown'").fetchone()
    sql.close()
    assert gaps == [(11, 20)]
    assert lost[0] > 0


def test_a_disk_that_fails_is_told_once_and_stops_the_history_alone(tmp_path: Path) -> None:
    entries = shop_entries()

    async def main() -> None:
        house = House(tmp_path / "h", entries[:10])
        house.history.start(house.read_from)
        await asyncio.wait_for(house.caught_up.wait(), 10)
        with sqlite3.connect(tmp_path / "h") as sql:
            sql.execute("DROP TABLE offers")
        sql.close()
        house.history.fold(entries[10:])
        await asyncio.wait_for(house.failed.wait(), 10)
        house.history.fold(entries[10:])
        await house.history.close()
        assert house.history.folded() == 10
        assert len(house.errors) == 1
        assert house.history.problem() == str(house.errors[0])

    asyncio.run(main())


def test_a_disk_that_works_again_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acd.daemon.history.schema.BUSY_S", 0.0)
    monkeypatch.setattr("acd.daemon.history.keeper.RETRY_S", 0.01)
    entries = shop_entries()

    async def main() -> None:
        house = House(tmp_path / "h", entries[:10])
        house.history.start(house.read_from)
        await asyncio.wait_for(house.caught_up.wait(), 10)
        other = sqlite3.connect(tmp_path / "h", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        house.entries = entries
        house.history.fold(entries[10:])
        await asyncio.wait_for(house.failed.wait(), 10)
        assert "locked" in house.history.problem()
        house.caught_up.clear()
        other.close()
        await asyncio.wait_for(house.caught_up.wait(), 10)
        assert house.history.problem() == ""
        assert house.history.folded() == len(entries)
        assert len(house.errors) == 1
        await house.history.close()

    asyncio.run(main())
    assert_says_what_the_measures_say(tmp_path / "h", SHOP, entries)


def test_a_changed_byte_is_found_or_harmless(tmp_path: Path) -> None:
    entries = shop_entries(60)
    path = tmp_path / "h"
    write(path, entries)
    intact = path.read_bytes()
    rng = Random(7)
    found = 0

    async def open_and_ask() -> None:
        history = House(path).history
        try:
            await history.reader.contacts(0, 10**18)
            await history.reader.contact("=c3")
            await history.reader.agents(0, 10**18)
            await history.measures(START_US, entries[-1].now_us + 1)
        finally:
            await history.close()

    for _ in range(300):
        data = bytearray(intact)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        for rest in ("h-wal", "h-shm"):
            (tmp_path / rest).unlink(missing_ok=True)
        path.write_bytes(data)
        try:
            asyncio.run(open_and_ask())
        except (ConfigError, StorageError):
            found += 1
    assert found > 0


def test_what_is_missing_at_the_end_is_read_at_the_next_start(tmp_path: Path) -> None:
    entries = shop_entries()

    async def main() -> None:
        house = House(tmp_path / "h", entries[:10])
        house.history.start(house.read_from)
        await asyncio.wait_for(house.caught_up.wait(), 10)
        house.entries = entries
        house.history.fold(entries[20:])
        await house.history.close()
        again = House(tmp_path / "h", entries)
        again.history.start(again.read_from)
        await asyncio.wait_for(again.caught_up.wait(), 10)
        await again.history.close()

    asyncio.run(main())
    assert_says_what_the_measures_say(tmp_path / "h", SHOP, entries)


def test_another_journals_history_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "h", ())
    with pytest.raises(ConfigError, match="is the history of journal j1"):
        open_to_write(tmp_path / "h", journal="j2")


def test_what_is_no_history_is_refused(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "h").execute("CREATE TABLE mine (id)").connection.close()
    with pytest.raises(ConfigError, match="is not a history"):
        open_to_write(tmp_path / "h", journal="j1")


def test_closed_contacts_are_forgotten_when_they_are_old(tmp_path: Path) -> None:
    play = Play()
    events: list[Event] = [
        ev.ContactArrived(contact_id="c1", queue="sales", channel=Channel.CHAT),
        ev.ContactLeft(contact_id="c1"),
        ev.ContactArrived(contact_id="c2", queue="sales", channel=Channel.CHAT),
        ev.ClockTicked(),
    ]
    entries = tuple(
        Entry(at, at * SECOND_US, one, play.router.step(one, now_us=at * SECOND_US))
        for at, one in enumerate(events, 1)
    )
    write(tmp_path / "h", entries, keep_us=2 * SECOND_US)
    reader = HistoryReader(tmp_path / "h")
    assert len(asyncio.run(reader.contacts(0, 10**9))) == 2
    late = Entry(5, 60 * SECOND_US, ev.Batch(events=()), ())
    write(tmp_path / "h", (late,), keep_us=2 * SECOND_US)
    rows = asyncio.run(reader.contacts(0, 10**9))
    assert [row["contact_id"] for row in rows] == ["c2"]


# The reader.


def test_a_contact_has_all_its_legs(tmp_path: Path) -> None:
    _, entries = story_of(STORIES[0].with_name("transfer_to_queue.journal"))
    write(tmp_path / "h", entries)
    contact = asyncio.run(HistoryReader(tmp_path / "h").contact("c1"))
    assert contact is not None
    legs = [(one["queue"], one["agent_id"], one["ended_us"]) for one in contact["leg_rows"]]
    assert legs == [("sales", "ann", 60 * SECOND_US), ("service", "bob", 95 * SECOND_US)]
    assert [one["leg_id"] for one in contact["leg_rows"]] == [None, 4]
    assert contact["queue"] == "service"


def test_listings_page_and_a_contact_has_its_offers(tmp_path: Path) -> None:
    entries = shop_entries()
    write(tmp_path / "h", entries)
    reader = HistoryReader(tmp_path / "h")
    to_us = entries[-1].now_us + 1

    async def main() -> None:
        first = await reader.contacts(START_US, to_us, queue="sales", limit=8)
        rest = await reader.contacts(START_US, to_us, queue="sales", after=first[-1]["contact"])
        assert [row["contact_id"] for row in first + rest] == [f"=c{n}" for n in range(20)]
        assert await reader.contacts(START_US, to_us, queue="nowhere") == []
        contact = await reader.contact("=c0")
        assert contact is not None
        (offer,) = contact["offer_rows"]
        assert offer["agent_id"] == contact["agent_id"]
        assert offer["answered_us"] == contact["answered_us"] == START_US + SECOND_US
        assert await reader.contact("nobody") is None
        assert (await reader.offers(START_US, to_us))[0]["offer_id"] == 1
        states = await reader.agents(START_US, to_us)
        assert {row["agent_id"] for row in states} == {"ann", "bob"}

    asyncio.run(main())


def test_questions_that_cannot_be_answered_say_why(tmp_path: Path) -> None:
    write(tmp_path / "h", shop_entries(300))
    reader = HistoryReader(tmp_path / "h", limit_s=0)
    with pytest.raises(SlowQueryError, match="no answer within 0 s"):
        asyncio.run(reader.measures(SHOP, START_US, START_US + 1000 * SECOND_US, SECOND_US))
    with pytest.raises(BadQueryError, match="ends after it begins"):
        asyncio.run(reader.measures(SHOP, 5, 5, 1))
    with pytest.raises(BadQueryError, match="at most 2000 intervals"):
        asyncio.run(reader.measures(SHOP, 0, 2001, 1))
    (queue,) = SHOP.queues
    many = tuple(msgspec.structs.replace(queue, name=f"queue{number}") for number in range(20))
    large = msgspec.structs.replace(SHOP, queues=many)
    with pytest.raises(BadQueryError, match="at most 500 intervals in the span, for 40 queues'"):
        asyncio.run(reader.measures(large, 0, 501, 1))


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    entries = shop_entries(200)

    async def main() -> None:
        house = House(tmp_path / "h", entries)
        house.history.start(house.read_from)
        counts = []
        while house.history.folded() < len(entries):
            rows = await house.history.reader.contacts(START_US, entries[-1].now_us + 1)
            said = await house.history.measures(START_US, entries[-1].now_us + 1)
            counts += [len(rows), sum(row.total.offered for row in said.rows)]
        await house.history.close()
        assert counts == sorted(counts)

    asyncio.run(main())


# CSV.


def test_csv_keeps_every_cell_and_disarms_formulas(tmp_path: Path) -> None:
    entries = shop_entries()
    write(tmp_path / "h", entries)
    rows = asyncio.run(HistoryReader(tmp_path / "h").contacts(START_US, entries[-1].now_us + 1))
    text = to_csv(COLUMNS["contacts"], rows)
    assert text.count("\r\n") == len(rows) + 1
    back = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [one["contact_id"] for one in back] == [f"'{row['contact_id']}" for row in rows]
    assert [one["entered_us"] for one in back] == [str(row["entered_us"]) for row in rows]


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx"])
def test_a_cell_that_begins_like_a_formula_gets_an_apostrophe(cell: str) -> None:
    (_, row) = csv.reader(io.StringIO(to_csv(("a",), [{"a": cell}]), newline=""))
    assert row == [f"'{cell}"]


def test_measures_are_csv_too(tmp_path: Path) -> None:
    entries = shop_entries()
    write(tmp_path / "h", entries)
    reader = HistoryReader(tmp_path / "h")
    to_us = entries[-1].now_us + 1
    said = asyncio.run(reader.measures(SHOP, START_US, to_us, 10 * SECOND_US))
    rows = list(csv.DictReader(io.StringIO(measures_to_csv(said), newline="")))
    assert len(rows) == sum(len(row.intervals) for row in said.rows)
    assert sum(int(row["offered"]) for row in rows) == 20

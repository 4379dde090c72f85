"""The durable journal: what is committed is read again, and what is damaged is told.

Method: a journal with settings, batches, keys and a snapshot is written through `JournalFile`, by a
real router. Then it is read again: as it is, by a second process's connection, and with one bit
flipped or the tail cut off at offsets all over each of its files. A reader may find what was
written, or tell that the journal is damaged; nothing else.
"""

import os
import random
import shutil
import sqlite3
from contextlib import closing, suppress

import msgspec
import pytest

from acd import events as ev
from acd.daemon.recovery import recover
from acd.errors import AcdError, ConfigError, StorageError
from acd.journal import records
from acd.journal.durable import replay
from acd.journal.file import InUseError, JournalFile
from acd.journal.mark import Mark
from acd.journal.records import BatchError, Entry
from acd.router import Router
from acd.snapshot import Snapshot
from tests.unit.shop import SHOP, arrived, at_work

CONTACTS = 40
FLIPS = 300
"""Bits flipped in each file: with the seeds below, every kind of page is hit."""


def entries_of(router, count, *, first=1, now_us=1_000):
    """Return what a router does with two agents and so many contacts."""
    made = []
    events: list[ev.Event] = [
        at_work("ann", "bob"),
        *(arrived(f"c{first + n}") for n in range(count - 1)),
    ]
    for number, event in enumerate(events, start=first):
        now_us += 1_000
        actions = router.step(event, now_us=now_us)
        key = "" if number == first else f"web:{number}"
        made.append(Entry(number, now_us, event, actions, key))
    return made


def open_shop(path, **given):
    return closing(JournalFile.open(path, **{"settings": SHOP, **given}))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def written(path):
    """Return the path of a journal with a snapshot in its middle, and what is in it."""
    router = Router(SHOP)
    entries = entries_of(router, CONTACTS)
    with open_shop(path) as journal:
        for start in range(0, CONTACTS // 2, 4):
            journal.commit(entries[start : start + 4])
        half = Router(SHOP)
        for entry in entries[: CONTACTS // 2]:
            half.apply(entry.event, entry.actions, now_us=entry.now_us)
        data = msgspec.msgpack.encode(half.snapshot())
        for part, at in enumerate(range(0, len(data), 500)):
            journal.add_part(CONTACTS // 2, part, data[at : at + 500])
        parts = -(-len(data) // 500)
        journal.finish_snapshot(CONTACTS // 2, at_us=entries[CONTACTS // 2].now_us, parts=parts)
        for start in range(CONTACTS // 2, CONTACTS, 4):
            journal.commit(entries[start : start + 4])
    return path, entries, router.snapshot()


def test_what_was_committed_is_read_again(written):
    path, entries, _ = written
    with open_shop(path) as journal:
        assert journal.last == CONTACTS
        assert list(journal.entries(1)) == entries
        assert list(journal.entries(7)) == entries[6:]
        assert list(journal.entries(CONTACTS + 1)) == []
        assert list(journal.keys()) == [(e.key, e.number) for e in entries if e.key]
        (change,) = journal.settings()
        assert (change.entry, change.settings) == (0, SHOP)


def test_recovery_gives_the_same_router(written):
    path, _, snapshot = written
    with open_shop(path) as journal:
        recovered = recover(journal)
    assert recovered.router.snapshot() == snapshot
    assert (recovered.snapshot, recovered.applied) == (CONTACTS // 2, CONTACTS // 2)
    assert recovered.keys.entry_of("web:3") == 3
    assert len(recovered.keys) == CONTACTS - 1


def test_the_journal_has_a_name_that_stays(path):
    with open_shop(path) as journal:
        name = journal.journal_id
    with open_shop(path) as journal:
        assert journal.journal_id == name
    assert len(name) == 8


def test_a_second_daemon_is_refused(path):
    with open_shop(path), pytest.raises(InUseError, match="in use by another process"):
        JournalFile.open(path)


def test_another_domains_journal_is_refused(written):
    with pytest.raises(ConfigError, match="domain: is 'shop'; wanted 'bank'"):
        JournalFile.open(written[0], settings=msgspec.structs.replace(SHOP, name="bank"))


def test_other_files_are_refused(path):
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="cannot be opened"):
        JournalFile.open(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
        other.commit()
    with pytest.raises(StorageError, match="is no journal of acd"):
        JournalFile.open(path, settings=SHOP)
    path.unlink()
    with pytest.raises(StorageError, match="is missing or empty"):
        JournalFile.open(path)


def test_another_format_is_refused(written):
    path = written[0]
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(StorageError, match="is of format 9; wanted 1"):
        JournalFile.open(path)


def test_entries_must_follow_each_other(path):
    entries = entries_of(Router(SHOP), 3)
    with open_shop(path) as journal, pytest.raises(AssertionError):
        journal.commit(entries[1:])


def test_an_unfinished_snapshot_does_not_count(written):
    path, _, snapshot = written
    with open_shop(path) as journal:
        journal.add_part(CONTACTS, 0, b"half")
        assert journal.newest_snapshot()[0] == CONTACTS // 2
        assert recover(journal).router.snapshot() == snapshot
        journal.drop_unfinished()
        journal.add_part(CONTACTS, 0, b"again")


def test_settings_come_into_force_between_two_entries(path):
    later = msgspec.structs.replace(SHOP, back_off_us=1)
    router = Router(SHOP)
    entries = entries_of(router, 6)
    with open_shop(path) as journal:
        journal.commit(entries[:3])
        journal.commit_settings(later, entries[3:])
        assert [(c.entry, c.settings) for c in journal.settings()] == [(0, SHOP), (3, later)]
        recovered = recover(journal)
    assert recovered.settings == later
    assert recovered.router.snapshot().settings_digest == later.digest()


@pytest.mark.parametrize("keep_us", [0, 10_000])
def test_a_trimmed_journal_still_leads_to_the_same_router(path, keep_us):
    router = Router(SHOP)
    entries = entries_of(router, 200)
    with open_shop(path) as journal:
        for start in range(0, 200, 10):
            journal.commit(entries[start : start + 10])
            half = Router(SHOP)
            for entry in entries[: start + 10]:
                half.apply(entry.event, entry.actions, now_us=entry.now_us)
            journal.add_part(start + 10, 0, msgspec.msgpack.encode(half.snapshot()))
            journal.finish_snapshot(start + 10, at_us=half.now_us, parts=1)
        while journal.trim(now_us=router.now_us, keep_us=keep_us, needed=1_000):
            pass
        first = journal.first()
        assert first > 1
        assert entries[first - 1].now_us <= router.now_us - keep_us + 10_000
        assert list(journal.entries(first)) == entries[first - 1 :]
        with pytest.raises(StorageError, match=f"begins with entry {first}"):
            list(journal.entries(first - 1))
        entry, data = journal.oldest_snapshot()
        assert entry == first - 1
        cold = Router.restore(SHOP, msgspec.msgpack.decode(data, type=Snapshot))
        for one in journal.entries(first):
            cold.apply(one.event, one.actions, now_us=one.now_us)
        assert cold.snapshot() == recover(journal).router.snapshot() == router.snapshot()
        assert len(list(journal.keys())) >= 200 - first
    with open_shop(path) as journal:
        assert recover(journal).router.snapshot() == router.snapshot()


def test_what_others_need_is_not_trimmed(written):
    path, entries, _ = written
    with open_shop(path) as journal:
        for number in range(30, CONTACTS):
            journal.add_part(number, 0, b"x")
            journal.finish_snapshot(number, at_us=number, parts=1)
        journal.trim(now_us=10**9, keep_us=0, needed=1)
        assert list(journal.entries(1)) == entries


# Damage.


def outcome(path):
    """Return the router's snapshot and the keys that a journal leads to; None if it is refused."""
    try:
        with open_shop(path, settings=None) as journal:
            entries = list(journal.entries(journal.first()))
            recovered = recover(journal)
            keys = list(journal.keys())
            return recovered.router.snapshot(), keys, entries, journal.journal_id
    except AcdError:
        return None


def copies(path, folder):
    """Lay a copy of a journal and the files beside it into a folder; return its path."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-mark"):
        if path.with_name(name).exists():
            shutil.copy(path.with_name(name), folder / name)
    return folder / path.name


@pytest.fixture(params=["closed", "killed"])
def at_rest(request, written, tmp_path):
    """Return a journal as a daemon leaves it: closed (all in one file), or killed (in the log)."""
    path, *_ = written
    if request.param == "closed":
        return path
    live = tmp_path / "live"
    with open_shop(path) as journal:
        tail = Router(SHOP)
        for entry in journal.entries(1):
            tail.apply(entry.event, entry.actions, now_us=entry.now_us)
        for number in range(CONTACTS + 1, CONTACTS + 9):
            event = arrived(f"d{number}")
            actions = tail.step(event, now_us=tail.now_us + 1)
            journal.commit([Entry(number, tail.now_us, event, actions, f"web:{number}")])
        return copies(path, live)


def test_a_flipped_bit_is_found_or_does_no_harm(at_rest, tmp_path):
    whole = outcome(copies(at_rest, tmp_path / "whole"))
    assert whole is not None
    rng = random.Random(5)
    found = 0
    for name in (at_rest.name, f"{at_rest.name}-wal", f"{at_rest.name}-mark"):
        size = at_rest.with_name(name).stat().st_size if at_rest.with_name(name).exists() else 0
        for _ in range(min(FLIPS, size * 8)):
            damaged = copies(at_rest, tmp_path / "damaged")
            with damaged.with_name(name).open("r+b") as file:
                at = rng.randrange(size)
                file.seek(at)
                byte = file.read(1)[0] ^ 1 << rng.randrange(8)
                file.seek(at)
                file.write(bytes([byte]))
            got = outcome(damaged)
            assert got is None or got == whole, f"{name}: bit flipped at {at}"
            found += got is None
    assert found > FLIPS // 4


def test_a_torn_tail_is_found_or_does_no_harm(at_rest, tmp_path):
    whole = outcome(copies(at_rest, tmp_path / "whole"))
    rng = random.Random(6)
    found = 0
    for name in (at_rest.name, f"{at_rest.name}-wal"):
        size = at_rest.with_name(name).stat().st_size if at_rest.with_name(name).exists() else 0
        for _ in range(100 if size else 0):
            damaged = copies(at_rest, tmp_path / "damaged")
            os.truncate(damaged.with_name(name), rng.randrange(size))
            got = outcome(damaged)
            assert got is None or got == whole
            found += got is None
    assert found > 50


def test_a_log_that_was_deleted_is_noticed(written, tmp_path):
    path, *_ = written
    with open_shop(path) as journal:
        tail = recover(journal).router
        event = arrived("late")
        actions = tail.step(event, now_us=tail.now_us + 1)
        journal.commit([Entry(CONTACTS + 1, tail.now_us, event, actions)])
        copied = copies(path, tmp_path / "copied")
    copied.with_name(f"{copied.name}-wal").unlink()
    with pytest.raises(StorageError, match=f"entry {CONTACTS + 1} was committed: its tail is lost"):
        JournalFile.open(copied)


def test_a_missing_mark_is_no_obstacle(written):
    path, entries, _ = written
    path.with_name(f"{path.name}-mark").unlink()
    with open_shop(path) as journal:
        assert list(journal.entries(1)) == entries


def test_a_damaged_mark_is_told(written):
    path, *_ = written
    path.with_name(f"{path.name}-mark").write_bytes(b"12")
    with pytest.raises(StorageError, match="is damaged; check the journal"):
        JournalFile.open(path)


def test_a_missing_row_is_told(written):
    path, *_ = written
    for table, first in (("batches", 5), ("keys", 5), ("parts", None), ("settings", None)):
        copied = copies(path, path.parent / "copied")
        with closing(sqlite3.connect(copied)) as other:
            where = "" if first is None else f" WHERE first = {first}"
            other.execute(f"DELETE FROM {table}{where}")  # noqa: S608 - our own names
            other.commit()
        assert outcome(copied) is None, table


def test_a_full_disk_is_an_error_and_nothing_is_half_written(written):
    path, entries, _ = written
    with open_shop(path) as journal:
        (pages,) = journal._sql.execute("PRAGMA page_count").fetchone()
        journal._sql.execute(f"PRAGMA max_page_count = {pages}")
        router = recover(journal).router
        more = entries_of(router, 5_000, first=CONTACTS + 1, now_us=router.now_us)
        with pytest.raises(StorageError, match="cannot be written: database or disk is full"):
            journal.commit(more)
    with open_shop(path) as journal:
        assert list(journal.entries(1)) == entries


# Records.


def test_a_batch_is_read_only_where_it_belongs():
    entries = tuple(entries_of(Router(SHOP), 4))
    data, crc = records.encode_batch(entries)
    assert records.decode_batch(data, crc, first=1, last=4) == entries
    with pytest.raises(BatchError, match="checksum"):
        records.decode_batch(data, crc, first=2, last=5)
    with pytest.raises(BatchError, match="checksum"):
        records.decode_batch(data[:-1], crc, first=1, last=4)
    wrong = records.checksum(b"\xc1", 1, 4)
    with pytest.raises(BatchError, match="cannot be read"):
        records.decode_batch(b"\xc1", wrong, first=1, last=4)
    with pytest.raises(BatchError, match="it has 4 entries"):
        records.decode_batch(data, records.checksum(data, 1, 3), first=1, last=3)


def test_the_mark_goes_with_its_journal(path):
    mark = Mark(path)
    assert mark.read() is None
    for last in (0, 5, 2**40):
        mark.write(last)
        assert mark.read() == last
    mark.close()
    mark.close()
    with suppress(FileNotFoundError):
        assert path.with_name("journal.db-mark").stat().st_size == 12


def test_a_file_that_was_never_made_to_its_end_is_made_anew(path):
    # As a daemon leaves it that is killed in its very first moment.
    with closing(sqlite3.connect(path)) as begun:
        begun.execute("PRAGMA journal_mode = WAL")
    assert path.stat().st_size
    with open_shop(path) as journal:
        assert journal.last == 0
    with open_shop(path) as journal:
        assert journal.journal_id


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_done_in_whatever_order_recovery_and_replay_agree(path, seed):
    rng = random.Random(seed)
    router, settings, number, now_us = Router(SHOP), SHOP, 0, 1_000
    entries: list[Entry] = []

    def step(event, key=""):
        nonlocal number, now_us
        now_us += rng.randrange(1, 5_000)
        number += 1
        actions = router.step(event, now_us=now_us)
        return Entry(number, now_us, event, actions, key)

    journal = JournalFile.open(path, settings=settings)
    try:
        for _ in range(60):
            match rng.choice(("commit", "commit", "settings", "snapshot", "trim", "reopen")):
                case "commit":
                    group = [
                        step(arrived(f"c{number}.{n}"), key=f"k{number}.{n}")
                        for n in range(rng.randrange(1, 5))
                    ]
                    journal.commit(group)
                    entries += group
                case "settings":
                    settings = msgspec.structs.replace(SHOP, back_off_us=rng.randrange(9))
                    router = Router.restore(settings, router.snapshot())
                    entries.append(step(at_work("ann")))
                    journal.commit_settings(settings, entries[-1:])
                case "snapshot" if number and (journal.newest_snapshot() or (0,))[0] < number:
                    data = msgspec.msgpack.encode(router.snapshot())
                    for part, at in enumerate(range(0, len(data), 300)):
                        journal.add_part(number, part, data[at : at + 300])
                    journal.finish_snapshot(number, at_us=now_us, parts=-(-len(data) // 300))
                case "trim":
                    # A daemon may end between two portions.
                    for _ in range(rng.randrange(6)):
                        keep_us = rng.choice((0, 20_000))
                        journal.trim(now_us=now_us, keep_us=keep_us, needed=number + 1)
                case "reopen":
                    journal.close()
                    journal = JournalFile.open(path)
                    journal.drop_unfinished()
                case _:
                    pass  # There is nothing new for a snapshot.
            assert recover(journal).router.snapshot() == router.snapshot()
            first = journal.first()
            assert list(journal.entries(first)) == entries[first - 1 :]
    finally:
        journal.close()
    assert replay(path, verify=True).difference is None

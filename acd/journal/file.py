"""The durable journal: one SQLite file, one connection, one writer.

WAL with synchronous=FULL: a commit returns when its entries are on the disk. The connection holds
the file exclusively, so a second daemon is refused, and memory-mapped input is never used. Every
row has a checksum that covers its place, batches and keys follow each other without a gap, and the
mark beside the file says how far it went (`acd.journal.mark`).

Tables: `head` (whose journal this is), `settings` (in force after an entry), `batches` (entries as
they were committed), `keys` (of inputs, to notice repeats), `snapshots` and their `parts`,
`trimmed` (where batches and keys begin). docs/journal.md is the reference.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import msgspec

from acd import __version__
from acd.errors import AcdError, ConfigError, Problem, StorageError
from acd.journal import trimming
from acd.journal.mark import Mark
from acd.journal.records import (
    FORMAT,
    BatchError,
    Entry,
    Keys,
    checksum,
    crc_of,
    decode_batch,
    encode_batch,
)
from acd.settings import DomainSettings

APPLICATION_ID: Final = 0x61636431
"""`acd1`: tells this file from other people's databases."""

PART_BYTES: Final = 262_144
"""Size of a snapshot's part. One is written with each commit, so that no commit waits long for
another's: a quarter of a MB takes about as long as the commit itself."""

CHECKPOINT_PAGES: Final = 4_000
"""Pages of SQLite's log after which an idle writer folds it into the file: 16 MB, about a second of
the heaviest load planned for (5,000 events a second)."""

_UNREADABLE: Final = (sqlite3.Error, ValueError, TypeError, OverflowError)
"""What reading a damaged file raises: a text that is no UTF-8 is a ValueError to Python."""

_BUSY_FACTOR: Final = 4
"""A writer that is never idle lets the log grow so many times larger."""

_SCHEMA: Final = """
CREATE TABLE head (id INTEGER PRIMARY KEY, journal TEXT, domain TEXT, crc INTEGER);
CREATE TABLE settings (entry INTEGER PRIMARY KEY, router TEXT, data BLOB, crc INTEGER);
CREATE TABLE batches (
    first INTEGER PRIMARY KEY, last INTEGER, at_us INTEGER, keys INTEGER, crc INTEGER, data BLOB);
CREATE TABLE keys (
    first INTEGER PRIMARY KEY, before INTEGER, at_us INTEGER, crc INTEGER, data BLOB);
CREATE TABLE snapshots (entry INTEGER PRIMARY KEY, at_us INTEGER, parts INTEGER, crc INTEGER);
CREATE TABLE parts (
    entry INTEGER, part INTEGER, crc INTEGER, data BLOB, PRIMARY KEY (entry, part));
CREATE TABLE trimmed (id INTEGER PRIMARY KEY, batches INTEGER, keys INTEGER, crc INTEGER);
"""


class InUseError(AcdError):
    """Another process has the journal open. Args: the file."""

    def __init__(self, file: str) -> None:
        super().__init__(file)

    def __str__(self) -> str:
        return f"{self.args[0]}: is in use by another process; wanted one daemon for one journal"


class InForce(NamedTuple):
    """Settings, and after which entry they came into force."""

    entry: int
    settings: DomainSettings
    router: str
    """The release that put them in force."""


class JournalFile:
    """An open journal. Used by one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._sql = connection
        self._mark = Mark(path)
        self.journal_id = ""
        """Tells this journal from all others: eight hexadecimal digits."""
        self.last = 0
        """Number of the last entry."""
        self._pages = 0
        """About how many pages SQLite's log has grown by."""
        self._key_count = 0
        """How many keys were ever given."""

    # Opening.

    @classmethod
    def open(cls, path: Path, *, settings: DomainSettings | None = None) -> Self:
        """Open the journal at `path`.

        Args:
            path: The file.
            settings: The domain whose journal it is; where there is none, it is made, with these
                settings in force. None: any domain's journal, which must be there.

        Raises:
            InUseError: Another process has it open.
            ConfigError: It is another domain's.
            StorageError: It cannot be read or written, or is damaged.
        """
        made = not path.exists() or path.stat().st_size == 0
        if made and settings is None:
            raise StorageError(str(path), "is missing or empty; wanted a journal")
        journal: Self | None = None
        try:
            if made:
                path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=0
            )
            journal = cls(path, connection)
            made = journal._begin(made=made or settings is not None) and settings is not None
            if made:
                assert settings is not None
                journal._make(settings)
            journal._check_head(settings)
        except _UNREADABLE as error:
            if journal is not None:
                journal.close()
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
                raise InUseError(str(path)) from error
            raise StorageError(str(path), f"cannot be opened: {error}") from error
        except OSError as error:
            raise StorageError(str(path), f"cannot be opened: {error.strerror}") from error
        except BaseException:
            if journal is not None:
                journal.close()
            raise
        return journal

    def _begin(self, *, made: bool) -> bool:
        """Take hold of the file; return whether it is to be made, or was never made to its end."""
        run = self._sql.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        (application,) = run("PRAGMA application_id").fetchone()
        (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
        is_new = made and not application and not tables
        if not is_new and application != APPLICATION_ID:
            raise self._damage("is no journal of acd")
        (mode,) = run("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise self._damage(f"keeps its log as {mode}; wanted wal")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA mmap_size = 0")
        run("PRAGMA cell_size_check = ON")
        run("PRAGMA wal_autocheckpoint = 0")
        run("BEGIN IMMEDIATE")  # Takes the lock, and keeps it.
        run("COMMIT")
        return is_new

    def _make(self, settings: DomainSettings) -> None:
        journal_id = secrets.token_hex(4)
        run = self._sql.execute
        run("BEGIN")
        for statement in _SCHEMA.split(";"):
            run(statement)
        run(f"PRAGMA application_id = {APPLICATION_ID}")
        run(f"PRAGMA user_version = {FORMAT}")
        run(
            "INSERT INTO head VALUES (1, ?, ?, ?)",
            (journal_id, settings.name, crc_of(journal_id, settings.name)),
        )
        run("INSERT INTO trimmed VALUES (1, 1, 0, ?)", (crc_of(1, 0),))
        self._put_settings(0, settings)
        run("COMMIT")
        self._mark.write(0)
        _sync_folder(self.path.parent)

    def _check_head(self, settings: DomainSettings | None) -> None:
        (version,) = self._one("PRAGMA user_version") or (0,)
        if version != FORMAT:
            raise self._damage(f"is of format {version}; wanted {FORMAT}, which this release reads")
        row = self._one("SELECT journal, domain, crc FROM head WHERE id = 1")
        if row is None or crc_of(*row[:2]) != row[2]:
            raise self._damage("has a damaged head")
        self.journal_id = row[0]
        if settings is not None and row[1] != settings.name:
            wanted = f"{settings.name!r}, or a journal of its own"
            raise ConfigError(str(self.path), Problem("domain", f"is {row[1]!r}", wanted))
        self._find_end()

    def _find_end(self) -> None:
        """Find the last entry, and see that nothing behind it was lost."""
        batch = self._one(
            "SELECT first, last, at_us, keys, crc, data FROM batches ORDER BY first DESC LIMIT 1"
        )
        batches_from, keys_from = self._trimmed()
        if batch is None:
            self.last, self._key_count = batches_from - 1, keys_from
        else:
            self._read_batch(batch)
            self.last, self._key_count = batch[1], batch[3]
        mark = self._mark.read()
        if mark is not None and mark > self.last:
            raise self._damage(
                f"ends with entry {self.last}, but entry {mark} was committed: its tail is lost"
            )

    # Reading.

    def settings(self) -> list[InForce]:
        """Return all settings still needed, in the order in which they came into force."""
        found = []
        rows = self._select("SELECT entry, router, data, crc FROM settings ORDER BY entry")
        for entry, router, data, crc in rows:
            if not isinstance(data, bytes) or crc_of(entry, router, data) != crc:
                raise self._damage(f"has damaged settings (after entry {entry})")
            try:
                settings = msgspec.json.decode(data, type=DomainSettings)
            except msgspec.DecodeError as error:
                what = f"has settings (after entry {entry}) that this release cannot read: {error}"
                raise self._damage(what) from error
            found.append(InForce(entry, settings, router))
        if not found:
            raise self._damage("has no settings")
        return found

    def newest_snapshot(self) -> tuple[int, bytes] | None:
        """Return the newest complete snapshot and the entry after which it was taken."""
        row = self._one(
            "SELECT entry, at_us, parts, crc FROM snapshots WHERE entry <= ?"
            " ORDER BY entry DESC LIMIT 1",
            self.last,
        )
        return None if row is None else self._snapshot(row)

    def oldest_snapshot(self) -> tuple[int, bytes] | None:
        """Return the oldest complete snapshot: where a cold replay begins."""
        row = self._one("SELECT entry, at_us, parts, crc FROM snapshots ORDER BY entry LIMIT 1")
        return None if row is None else self._snapshot(row)

    def _snapshot(self, row: tuple[int, int, int, int]) -> tuple[int, bytes]:
        entry, at_us, parts, crc = row
        if crc_of(entry, at_us, parts) != crc:
            raise self._damage(f"has a damaged snapshot (after entry {entry})")
        data = []
        rows = self._select(
            "SELECT part, crc, data FROM parts WHERE entry = ? ORDER BY part", entry
        )
        for number, (part, part_crc, one) in enumerate(rows):
            intact = isinstance(one, bytes) and checksum(one, entry, part) == part_crc
            if number != part or not intact:
                raise self._damage(f"has a damaged snapshot (after entry {entry}, part {number})")
            data.append(one)
        if len(data) != parts:
            raise self._damage(f"has a snapshot (after entry {entry}) of which parts are missing")
        return entry, b"".join(data)

    def first(self) -> int:
        """Return the number of the first entry that is kept."""
        return self._trimmed()[0]

    def entries(self, first: int) -> Iterator[Entry]:
        """Yield the entries from number `first` on; every batch is checked.

        Raises:
            StorageError: A batch is damaged or missing, or `first` was trimmed.
        """
        for entry in self._entries(first):
            if entry.number >= first:
                yield entry

    def _entries(self, first: int) -> Iterator[Entry]:
        begins = self.first()
        if first < begins:
            raise self._damage(f"begins with entry {begins}; wanted entry {first}")
        rows = self._select(
            "SELECT first, last, at_us, keys, crc, data FROM batches WHERE last >= ?"
            " AND first >= coalesce((SELECT max(first) FROM batches WHERE first <= ?), 0)"
            " ORDER BY first",
            first,
            first,
        )
        wanted = None if first > begins else begins
        last = first - 1
        for row in rows:
            if (row[0] != wanted) if wanted is not None else (row[0] > first):
                raise self._damage(f"lacks entry {first if wanted is None else wanted}")
            yield from self._read_batch(row)
            last = row[1]
            wanted = last + 1
        if last < self.last:
            raise self._damage(f"lacks entry {last + 1}")

    def keys(self) -> Iterator[tuple[str, int]]:
        """Yield the keys of inputs with their entries, in the order in which they came."""
        count = self._trimmed()[1]
        rows = self._select("SELECT first, before, at_us, crc, data FROM keys ORDER BY first")
        for first, before, at_us, crc, data in rows:
            intact = isinstance(data, bytes) and checksum(data, first, before, at_us) == crc
            if not intact or before != count:
                raise self._damage(f"has damaged keys of inputs (at entry {first})")
            keys = msgspec.msgpack.decode(data, type=Keys)
            count += len(keys)
            yield from keys
        if count != self._key_count:
            raise self._damage("lacks keys of inputs")

    # Writing.

    def commit(self, entries: Sequence[Entry]) -> None:
        """Add entries in one transaction; when it returns they are on the disk.

        Raises:
            StorageError: They are not, or nobody knows. Nothing more may be written then.
        """
        with _Transaction(self):
            self._add(tuple(entries))
        self._mark.write(self.last)

    def commit_settings(self, settings: DomainSettings, entries: Sequence[Entry]) -> None:
        """Put settings in force after the last entry, and add the entries that follow.

        Raises:
            StorageError: As `commit`.
        """
        with _Transaction(self):
            self._put_settings(self.last, settings)
            self._add(tuple(entries))
        self._mark.write(self.last)

    def _add(self, entries: tuple[Entry, ...]) -> None:
        assert entries[0].number == self.last + 1, "entries must follow each other"
        data, crc = encode_batch(entries)
        first, last = entries[0].number, entries[-1].number
        at_us = entries[-1].now_us
        keys: Keys = tuple((entry.key, entry.number) for entry in entries if entry.key)
        before = self._key_count
        self._key_count += len(keys)
        self._sql.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)",
            (first, last, at_us, self._key_count, crc, data),
        )
        if keys:
            coded = msgspec.msgpack.encode(keys)
            self._sql.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?)",
                (first, before, at_us, checksum(coded, first, before, at_us), coded),
            )
        self.last = last
        self._pages += _pages_of(data)

    def add_part(self, entry: int, part: int, data: bytes) -> None:
        """Add a part of a snapshot, which does not count before it is finished."""
        with _Transaction(self):
            self._sql.execute(
                "INSERT INTO parts VALUES (?, ?, ?, ?)",
                (entry, part, checksum(data, entry, part), data),
            )
        self._pages += _pages_of(data)

    def finish_snapshot(self, entry: int, *, at_us: int, parts: int) -> None:
        """Let a snapshot whose parts are all added count from now on."""
        with _Transaction(self):
            self._sql.execute(
                "INSERT INTO snapshots VALUES (?, ?, ?, ?)",
                (entry, at_us, parts, crc_of(entry, at_us, parts)),
            )

    def drop_unfinished(self) -> None:
        """Delete parts of snapshots that a daemon did not live to finish."""
        with _Transaction(self):
            self._sql.execute("DELETE FROM parts WHERE entry NOT IN (SELECT entry FROM snapshots)")

    def trim(self, *, now_us: int, keep_us: int, needed: int) -> bool:
        """Delete a portion of what is no longer needed; return whether there is more.

        Args:
            now_us: The present.
            keep_us: What is not older than that stays.
            needed: Entries from this number on stay, however old.
        """
        with _Transaction(self):
            return trimming.trim(self._sql, now_us=now_us, keep_us=keep_us, needed=needed)

    def tidy(self, *, idle: bool) -> None:
        """Fold SQLite's log into the file where it has grown: some ms, so best when idle.

        The log's file is then written over from its beginning, which needs no new blocks and so
        syncs faster than a file that grows.
        """
        if self._pages < CHECKPOINT_PAGES * (1 if idle else _BUSY_FACTOR):
            return
        try:
            self._sql.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            raise StorageError(str(self.path), f"cannot be written: {error}") from error
        self._pages = 0

    def close(self) -> None:
        """Close the file; whatever was committed is in it."""
        with suppress(sqlite3.Error):
            self._sql.close()
        self._mark.close()

    # Rows.

    def _put_settings(self, entry: int, settings: DomainSettings) -> None:
        data = msgspec.json.encode(settings, order="deterministic")
        self._sql.execute(
            "INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)",
            (entry, __version__, data, crc_of(entry, __version__, data)),
        )

    def _trimmed(self) -> tuple[int, int]:
        row = self._one("SELECT batches, keys, crc FROM trimmed WHERE id = 1")
        if row is None or crc_of(*row[:2]) != row[2]:
            raise self._damage("does not say where it begins")
        return row[0], row[1]

    def _select(self, statement: str, *values: int) -> Iterator[tuple[Any, ...]]:
        """Yield rows; what SQLite itself finds damaged is an error of ours."""
        try:
            # Not `yield from`: that would close the cursor, also of a file closed meanwhile.
            for row in self._sql.execute(statement, values):  # noqa: UP028
                yield row
        except _UNREADABLE as error:
            raise self._damage(f"cannot be read: {error}") from error

    def _one(self, statement: str, *values: int) -> tuple[Any, ...] | None:
        """Return the first row, or None."""
        return next(self._select(statement, *values), None)

    def _read_batch(self, row: Sequence[Any]) -> tuple[Entry, ...]:
        first, last, _, _, crc, data = row
        try:
            return decode_batch(data, crc, first=first, last=last)
        except BatchError as error:
            raise self._damage(f"entries {first} to {last} are damaged: {error}") from error

    def _damage(self, what: str) -> StorageError:
        return StorageError(str(self.path), what)


class _Transaction:
    """A transaction; whatever SQLite cannot do in it is a `StorageError`."""

    def __init__(self, journal: JournalFile) -> None:
        self._journal = journal

    def __enter__(self) -> None:
        self._run("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise self._failed(error) from error
        if kind is None:
            self._run("COMMIT")

    def _run(self, statement: str) -> None:
        try:
            self._journal._sql.execute(statement)  # noqa: SLF001 - one class in two parts
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> StorageError:
        return StorageError(str(self._journal.path), f"cannot be written: {error}")


def _pages_of(data: bytes) -> int:
    """Return about how many pages a row adds to SQLite's log: its own, and two of the trees."""
    return len(data) // 4_000 + 3


def _sync_folder(folder: Path) -> None:
    """Make sure that a file just made is found again after a power cut."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

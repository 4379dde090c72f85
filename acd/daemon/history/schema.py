"""The history's file: its tables, and how it is opened.

It holds nothing that the journal did not say, so that it may be thrown away and made again as far
as the journal reaches; hence WAL with synchronous=NORMAL, which may lose the last seconds in a
power cut and never the file. docs/history.md describes the tables for whoever queries them.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from acd.errors import ConfigError, Problem, StorageError

APPLICATION_ID: Final = 0x61636468
"""`acdh`: tells this file from other people's databases, and from the journal."""

VERSION: Final = 3
"""Of the tables; raised when a release that knows the old ones would err."""

BUSY_S: Final = 5.0
"""For how long a connection waits for another's lock: a checkpoint of a log of 100 MB takes 1 s."""

SCHEMA: Final = """
CREATE TABLE folded (
    id INTEGER PRIMARY KEY, journal TEXT NOT NULL, entry INTEGER NOT NULL, now_us INTEGER NOT NULL);
CREATE TABLE gaps (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL);
CREATE TABLE contacts (
    contact INTEGER PRIMARY KEY, contact_id TEXT NOT NULL, queue TEXT NOT NULL,
    channel TEXT NOT NULL, customer TEXT NOT NULL, entered_us INTEGER NOT NULL,
    answered_us INTEGER, agent_id TEXT NOT NULL, ended_us INTEGER, outcome TEXT NOT NULL,
    handling_us INTEGER NOT NULL, place INTEGER NOT NULL, offer_id INTEGER NOT NULL,
    leg_id INTEGER NOT NULL, disposition TEXT NOT NULL, callback_us INTEGER,
    offers INTEGER NOT NULL, timed_out INTEGER NOT NULL, rejected INTEGER NOT NULL,
    revoked INTEGER NOT NULL, canceled INTEGER NOT NULL, failed_busy INTEGER NOT NULL,
    failed_unreachable INTEGER NOT NULL, failed_congestion INTEGER NOT NULL,
    failed_refused INTEGER NOT NULL, not_connected INTEGER NOT NULL,
    rescinded INTEGER NOT NULL);
CREATE INDEX contacts_by_id ON contacts (contact_id);
CREATE INDEX contacts_by_time ON contacts (entered_us);
CREATE INDEX contacts_by_queue ON contacts (queue, entered_us);
CREATE INDEX contacts_by_wait ON contacts (coalesce(callback_us, answered_us, ended_us));
CREATE INDEX contacts_by_end ON contacts (ended_us);
CREATE TABLE offers (
    offer_id INTEGER PRIMARY KEY, contact INTEGER NOT NULL, contact_id TEXT NOT NULL,
    agent_id TEXT NOT NULL, made_us INTEGER NOT NULL, answered_us INTEGER, ended_us INTEGER,
    outcome TEXT NOT NULL, cause TEXT NOT NULL);
CREATE INDEX offers_by_contact ON offers (contact);
CREATE INDEX offers_by_time ON offers (made_us);
CREATE TABLE announcements (
    contact INTEGER NOT NULL, at_us INTEGER NOT NULL, wait_us INTEGER NOT NULL);
CREATE INDEX announcements_by_contact ON announcements (contact);
CREATE TABLE agents (
    agent_id TEXT PRIMARY KEY, availability TEXT NOT NULL, reason TEXT NOT NULL,
    since_us INTEGER NOT NULL, pending TEXT, ready INTEGER NOT NULL, ringing INTEGER NOT NULL,
    handling INTEGER NOT NULL, aside INTEGER NOT NULL, activity INTEGER NOT NULL,
    activity_us INTEGER NOT NULL);
CREATE TABLE agent_states (
    agent_id TEXT, from_us INTEGER, to_us INTEGER NOT NULL, availability TEXT NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (agent_id, from_us)) WITHOUT ROWID;
CREATE INDEX agent_states_by_end ON agent_states (to_us);
CREATE TABLE activities (
    agent_id TEXT, from_us INTEGER, to_us INTEGER NOT NULL, activity INTEGER NOT NULL,
    PRIMARY KEY (agent_id, from_us)) WITHOUT ROWID;
CREATE INDEX activities_by_end ON activities (to_us);
"""

FURTHER: Final = """
CREATE TABLE IF NOT EXISTS acknowledgements (
    contact_id TEXT PRIMARY KEY, reference TEXT NOT NULL, told_us INTEGER NOT NULL,
    expected_s INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS acknowledgements_by_reference ON acknowledgements (reference);
CREATE INDEX IF NOT EXISTS acknowledgements_by_time ON acknowledgements (told_us);
CREATE TABLE IF NOT EXISTS overflows (
    contact_id TEXT NOT NULL, at_us INTEGER NOT NULL, because TEXT NOT NULL,
    target TEXT NOT NULL, name TEXT NOT NULL, admission TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS overflows_by_contact ON overflows (contact_id);
CREATE INDEX IF NOT EXISTS overflows_by_time ON overflows (at_us);
CREATE INDEX IF NOT EXISTS contacts_by_customer ON contacts (customer, entered_us)
    WHERE customer != '';
"""
"""What a file of this version may lack since an older release made it. A release that does not know
it is not misled by it."""

LOST: Final = "unknown"
"""Outcome of whatever ended within a gap; it counts in no measure."""

DAMAGE: Final = (sqlite3.Error, LookupError, TypeError, ValueError)
"""How a damaged file shows: SQLite has no checksums, so a changed byte may be read as a value."""

# What an agent does, in `agents.activity` and `activities`; 0 is neither.
BUSY: Final = 1
IDLE: Final = 2


def open_to_write(path: Path, *, journal: str) -> sqlite3.Connection:
    """Open the history of a journal; make it where there is none.

    Args:
        path: The file.
        journal: The journal's id.

    Raises:
        ConfigError: The file is not a history, of another release, or of another journal.
        StorageError: It cannot be opened, or is damaged.
    """
    try:
        made = not path.exists() or not path.stat().st_size
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise StorageError(str(path), f"the history cannot be opened: {error}") from error
    try:
        if not made:
            _check_head(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cell_size_check = ON")
        if made:
            _make(connection, journal)
        connection.executescript(FURTHER)
        _check_journal(connection, path, journal)
    except sqlite3.Error as error:
        connection.close()
        raise damaged(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a history to read, beside the one who writes.

    Raises:
        ConfigError: The file is not a history, or of another release.
        StorageError: It cannot be opened, or is damaged.
    """
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise StorageError(str(path), f"the history cannot be opened: {error}") from error
    try:
        _check_head(connection, path)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cell_size_check = ON")
    except sqlite3.Error as error:
        connection.close()
        raise damaged(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def damaged(path: Path, what: object) -> StorageError:
    """Return the error for a file that cannot be read as the history that it was."""
    text = f"{what}; if the history is damaged, stop the daemon, move the file away, start again"
    return StorageError(str(path), text)


def _check_head(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours before anything is changed."""
    with closing(connection.execute("PRAGMA application_id")) as rows:
        (application,) = rows.fetchone()
    if application != APPLICATION_ID:
        raise _foreign(path, "is not a history of contacts", "another path, or the file moved away")
    with closing(connection.execute("PRAGMA user_version")) as rows:
        (version,) = rows.fetchone()
    if version != VERSION:
        wanted = f"version {VERSION}: move the file away, and it is made anew from the journal"
        raise _foreign(path, f"has tables of version {version}", wanted)


def _check_journal(connection: sqlite3.Connection, path: Path, journal: str) -> None:
    row = connection.execute("SELECT journal FROM folded").fetchone()
    if row is None:
        raise damaged(path, "the history says nothing of its journal")
    if row[0] != journal:
        wanted = f"journal {journal}: move the history away, or bring its journal back"
        raise _foreign(path, f"is the history of journal {row[0]}", wanted)


def _make(connection: sqlite3.Connection, journal: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO folded VALUES (1, ?, 0, 0)", (journal,))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _foreign(path: Path, seen: str, wanted: str) -> ConfigError:
    return ConfigError(str(path), Problem("history", seen, wanted))

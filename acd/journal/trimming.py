"""What of a journal is no longer needed, and its deletion in small portions.

Kept are the two newest snapshots; the *base*, the newest snapshot older than what must be kept,
from which everything since then can be replayed; between them one snapshot for each quarter of the
time kept, so that there is a next base; all entries after the base, and the keys of their inputs.
"""

import sqlite3
from typing import Final

import msgspec

from acd.journal.records import Keys, crc_of

ROWS_MAX: Final = 200
"""Most rows deleted in one transaction, so that no commit waits long for a trim."""

PARTS_MAX: Final = 16
"""Most parts of snapshots deleted in one transaction: 4 MB."""

_QUARTERS: Final = 4


def trim(sql: sqlite3.Connection, *, now_us: int, keep_us: int, needed: int) -> bool:
    """Delete a portion, within the transaction that is open; return whether there is more.

    Args:
        sql: The journal's connection.
        now_us: The present.
        keep_us: What is not older than that stays.
        needed: Entries from this number on stay, however old.
    """
    rows = sql.execute("SELECT entry, at_us FROM snapshots ORDER BY entry").fetchall()
    batches, keys = sql.execute("SELECT batches, keys FROM trimmed WHERE id = 1").fetchone()
    before_us = now_us - keep_us
    bases = [entry for entry, at_us in rows[:-2] if at_us < before_us and entry < needed]
    base = bases[-1] if bases else rows[0][0] if rows and batches > 1 else 0
    stale = _stale(rows[:-2], base, quarter_us=max(keep_us // _QUARTERS, 1))
    # First the snapshots, so that none is left whose entries are gone; one at a time.
    for entry in stale[:1]:
        sql.execute("DELETE FROM snapshots WHERE entry = ?", (entry,))
    orphans = sql.execute(
        "DELETE FROM parts WHERE rowid IN (SELECT rowid FROM parts WHERE entry < ? AND entry NOT IN"
        " (SELECT entry FROM snapshots) LIMIT ?)",
        (rows[-1][0] if rows else 0, PARTS_MAX),
    ).rowcount
    if stale or orphans:
        return True
    found = sql.execute(
        "SELECT first, last FROM batches WHERE last <= ? ORDER BY first LIMIT ?", (base, ROWS_MAX)
    ).fetchall()
    if found:
        batches = found[-1][1] + 1
        sql.execute("DELETE FROM batches WHERE first <= ?", (found[-1][0],))
    gone = sql.execute(
        "SELECT first, data FROM keys WHERE at_us < ? AND first <= ? ORDER BY first LIMIT ?",
        (before_us, base, ROWS_MAX),
    ).fetchall()
    if gone:
        keys += sum(len(msgspec.msgpack.decode(data, type=Keys)) for _, data in gone)
        sql.execute("DELETE FROM keys WHERE first <= ?", (gone[-1][0],))
    sql.execute(
        "DELETE FROM settings WHERE entry < (SELECT max(entry) FROM settings WHERE entry <= ?)",
        (base,),
    )
    sql.execute(
        "UPDATE trimmed SET batches = ?, keys = ?, crc = ? WHERE id = 1",
        (batches, keys, crc_of(batches, keys)),
    )
    return len(found) == ROWS_MAX or len(gone) == ROWS_MAX


def _stale(rows: list[tuple[int, int]], base: int, *, quarter_us: int) -> list[int]:
    """Return the snapshots that nobody needs: before the base, or a second one of a quarter."""
    stale = []
    quarters = set()
    for entry, at_us in rows:
        quarter = at_us // quarter_us
        if entry < base or (entry > base and quarter in quarters):
            stale.append(entry)
        else:
            quarters.add(quarter)
    return stale

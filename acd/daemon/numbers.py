"""The numbers of customers who are to be called back: the daemon's own, and nobody else's.

A number never enters the router or its journal. Those of callers who wait are in the switch and in
memory; only that of one who is to be called back must outlive a restart, so it is kept in a file of
its own, from the promise until his contact closes. Losing the file loses calls, and nothing else: a
customer whose number is not known is not reached.
"""

import re
import sqlite3
from pathlib import Path
from typing import Final

from acd.errors import StorageError
from acd.ids import ContactId

NUMBER: Final = re.compile(r"\+?[0-9]{3,32}")
"""What can be dialled; the switch's adapter has rules of its own beside this."""


class Numbers:
    """The numbers, by contact.

    Args:
        path: The file; None keeps them in memory.

    Raises:
        StorageError: It cannot be opened.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = ":memory:" if path is None else str(path)
        try:
            self._sql = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
            self._sql.execute("PRAGMA journal_mode = WAL")
            self._sql.execute("PRAGMA secure_delete = ON")
            self._sql.execute(
                "CREATE TABLE IF NOT EXISTS numbers"
                " (contact_id TEXT PRIMARY KEY, number TEXT NOT NULL) WITHOUT ROWID"
            )
            rows = self._sql.execute("SELECT contact_id, number FROM numbers")
            self._known: dict[ContactId, str] = {str(one): str(number) for one, number in rows}
        except sqlite3.Error as error:
            raise StorageError(self._file, f"the numbers cannot be opened: {error}") from error
        if path is not None:
            path.chmod(0o600)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, contact_id: ContactId) -> str:
        """Return a customer's number; "" if it is not known."""
        return self._known.get(contact_id, "")

    def keep(self, contact_id: ContactId, number: str) -> None:
        """Keep a number until its contact closes.

        Raises:
            StorageError: It cannot be written.
        """
        self._known[contact_id] = number
        self._write("INSERT OR REPLACE INTO numbers VALUES (?, ?)", contact_id, number)

    def forget(self, contact_id: ContactId) -> None:
        """Forget a number, if it is known.

        Raises:
            StorageError: It cannot be written.
        """
        if self._known.pop(contact_id, None) is not None:
            self._write("DELETE FROM numbers WHERE contact_id = ?", contact_id)

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def _write(self, statement: str, *values: str) -> None:
        try:
            self._sql.execute(statement, values)
        except sqlite3.Error as error:
            raise StorageError(self._file, f"the numbers cannot be written: {error}") from error

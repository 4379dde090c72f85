"""The mark: a small file beside the journal that says how far it was committed.

SQLite takes a damaged tail of its log for one that was never committed. The mark, written after
each commit, knows better. It is not synced: after a power cut it may lag behind, which is no harm,
and it is never ahead of what is on the disk.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final
from zlib import crc32

from acd.errors import StorageError

_SHAPE: Final = struct.Struct("<QI")
"""Number of the last entry, and its checksum."""


class Mark:
    """The mark of a journal."""

    __slots__ = ("_file", "_path")

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name(journal.name + "-mark")
        self._file = -1

    def read(self) -> int | None:
        """Return the number of the last entry committed; None where nobody noted it.

        Raises:
            StorageError: The mark is damaged.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        if len(data) == _SHAPE.size:
            last, crc = _SHAPE.unpack(data)
            if crc == _crc(last):
                return int(last)
        what = "is damaged; check the journal with acd replay, delete this file, and start again"
        raise StorageError(str(self._path), what)

    def write(self, last: int) -> None:
        """Note that entries were committed up to this number.

        Raises:
            StorageError: It cannot be written.
        """
        try:
            is_new = False
            if self._file < 0:
                is_new = not self._path.exists()
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o600)
            os.pwrite(self._file, _SHAPE.pack(last, _crc(last)), 0)
            if is_new:
                os.fsync(self._file)  # It must not be found empty after a power cut.
        except OSError as error:
            raise StorageError(str(self._path), f"cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file, on the disk."""
        if self._file >= 0:
            with suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            self._file = -1


def _crc(last: int) -> int:
    return crc32(last.to_bytes(8, "little"))

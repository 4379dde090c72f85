"""Daemons that a test can tell apart: both commit late, and one acknowledges before it.

    python early.py honest|early DELAY_MS serve CONFIG

The late commit is what a slow disk does. The early acknowledgement is the mistake that the whole
design is against; it is planted here to see that the auditor finds it.
"""

import asyncio
import sys
import threading
from collections.abc import Sequence

from acd import cli
from acd.daemon.owner import Owner
from acd.journal.file import JournalFile
from acd.journal.records import Entry


def commit_late(delay_s: float) -> None:
    """Have every commit begin so much later."""
    commit = JournalFile.commit

    def late(self: JournalFile, entries: Sequence[Entry]) -> None:
        threading.Event().wait(delay_s)
        commit(self, entries)

    JournalFile.commit = late  # type: ignore[method-assign]


def acknowledge_early() -> None:
    """Have receipts given when the router has stepped, without waiting for the disk."""

    def give(self: Owner) -> None:
        while self._waiting:
            _, future, receipt = self._waiting.popleft()
            if not future.done():
                future.set_result(receipt)
        while self._barriers:
            _, barrier = self._barriers.popleft()
            if not barrier.done():
                barrier.set_result(self._stepped)

    take = Owner._take

    def take_and_give(self: Owner, *given: object) -> None:
        take(self, *given)  # type: ignore[arg-type]
        asyncio.get_running_loop().call_soon(give, self)

    Owner._take = take_and_give  # type: ignore[assignment, method-assign]
    Owner._give_receipts = give  # type: ignore[method-assign]


if __name__ == "__main__":
    kind, delay_ms, *arguments = sys.argv[1:]
    commit_late(float(delay_ms) / 1_000)
    if kind == "early":
        acknowledge_early()
    sys.exit(cli.main(arguments))

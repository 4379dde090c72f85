"""The auditor's ledger: what producers were told, kept outside the daemon.

A producer owns a contact until he is told its entry: he sends it again with the same key, over and
over, also to the daemon's next life. What he was told is noted at once, and never taken back.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import httpx

from tests.system.daemon_kit.site import Site

PRODUCERS: Final = 8

CREATED: Final = 201
OK: Final = 200
GONE: Final = (httpx.TransportError, OSError)
"""What a producer sees of a daemon that died."""


class Ledger:
    """Contacts by their keys: sent, and acknowledged."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.acknowledged: dict[str, tuple[str, int]] = {}
        """Contact id and entry, by key."""
        self.repeats = 0
        self.wrong: list[str] = []
        """What no right daemon does."""
        self.refused = 0

    def next_key(self) -> str:
        """Return the key of a new contact."""
        self.sent.append(f"order-{len(self.sent)}")
        return self.sent[-1]

    def open_keys(self) -> list[str]:
        """Return the keys of contacts that nobody acknowledged yet."""
        return [key for key in self.sent if key not in self.acknowledged]

    def note(self, key: str, response: httpx.Response) -> None:
        """Take down what the daemon answered."""
        if response.status_code not in {OK, CREATED}:
            self.refused += 1
            return
        said = response.json()
        told = said["contact_id"], said["entry"]
        self.repeats += response.status_code == OK
        if self.acknowledged.setdefault(key, told) != told:
            self.wrong.append(f"{key}: {self.acknowledged[key]}, then {told}")


def produce(
    site: Site, ledger: Ledger, *, count: int, acknowledged: Callable[[], None] | None = None
) -> None:
    """Send what is open and then new contacts, several at a time, until all is done or it dies.

    Args:
        site: Where the daemon runs.
        ledger: What was sent before, and where it is noted.
        count: How many new ones.
        acknowledged: Called at the first acknowledgement.
    """
    again = ledger.open_keys()
    lock = threading.Lock()
    first = acknowledged

    def next_key() -> str | None:
        nonlocal count
        with lock:
            if again:
                return again.pop(0)
            count -= 1
            return ledger.next_key() if count >= 0 else None

    def work() -> None:
        nonlocal first
        with httpx.Client(timeout=30) as client, suppress(*GONE):
            while (key := next_key()) is not None:
                response = site.submit(client, key)
                with lock:
                    ledger.note(key, response)
                    if first is not None and key in ledger.acknowledged:
                        first()
                        first = None

    with ThreadPoolExecutor(PRODUCERS) as pool:
        for done in [pool.submit(work) for _ in range(PRODUCERS)]:
            done.result()

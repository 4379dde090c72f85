"""The history as a source of context: a customer's earlier contacts, on every channel."""

from collections.abc import Callable
from typing import Any, Final

from acd.daemon.context.port import Asked, ContextError, Unavailable
from acd.daemon.history.errors import SlowQueryError
from acd.daemon.history.reader import HistoryReader
from acd.errors import StorageError
from acd.settings import DAY_US

OPEN_MAX: Final = 4
"""Most questions at once: each has a thread, and supervisors' questions want some too."""


class FromHistory:
    """Fills `acd.daemon.context.port.ContextSource`.

    Args:
        reader: Of the daemon's history.
        now_us: Says what time it is.
        contacts: How many earlier contacts are shown at most, the latest.
        days: How old they may be.
    """

    name = "history"
    open_max = OPEN_MAX

    def __init__(
        self, reader: HistoryReader, now_us: Callable[[], int], *, contacts: int, days: int
    ) -> None:
        self._reader = reader
        self._now_us = now_us
        self._contacts = contacts
        self._days = days

    async def look_up(self, asked: Asked) -> Any:  # noqa: ANN401 - as the port says.
        """Return the earlier contacts, the latest first.

        Raises:
            ContextError: The history cannot be read, or not in time.
        """
        since_us = max(self._now_us() - self._days * DAY_US, 0)
        try:
            rows = await self._reader.of_customer(
                asked.customer, since_us, self._contacts, but=asked.contact_id
            )
        except SlowQueryError:
            raise ContextError(Unavailable.TIMEOUT) from None
        except StorageError:
            raise ContextError(Unavailable.FAILED) from None
        return {"contacts": rows}

    async def close(self) -> None:
        """Hold nothing."""

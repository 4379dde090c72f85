"""The lookup port: who is asked about a customer whom an agent is offered.

A source is asked on the event loop, which it must not block. It may hang, fail or talk nonsense:
`acd.daemon.context.lookups` waits for it only so long, beside everything else, and takes only so
much.
"""

from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from acd.ids import Channel, ContactId, QueueName, plain


@plain
class Unavailable(StrEnum):
    """Why there is no context."""

    NO_CUSTOMER = "no_customer"
    """Nobody knows who he is."""
    BUSY = "busy"
    """So many questions are open that this one was not asked."""
    TIMEOUT = "timeout"
    FAILED = "failed"
    """The source cannot be reached, or says that it failed."""
    BAD_ANSWER = "bad_answer"
    """The source answered something else than was asked for."""
    TOO_LARGE = "too_large"


class ContextError(Exception):
    """A source has no answer. Args: why."""

    def __init__(self, why: Unavailable) -> None:
        super().__init__(why)
        self.why = why


class Asked(Struct, frozen=True, kw_only=True):
    """Of whom context is wanted."""

    customer: str
    """His token."""
    contact_id: ContactId
    queue: QueueName
    """The one at which the contact came."""
    channel: Channel
    attributes: dict[str, str]


class ContextSource(Protocol):
    """Somebody who knows customers."""

    @property
    def name(self) -> str:
        """By what desks know the source."""
        ...

    @property
    def open_max(self) -> int:
        """Most questions that may be open at once."""
        ...

    async def look_up(self, asked: Asked) -> Any:  # noqa: ANN401 - what JSON may hold.
        """Return what is known of a customer, as it is to be shown: plain values.

        Raises:
            ContextError: Nothing can be said.
        """
        ...

    async def close(self) -> None:
        """Let go of what is held; nothing is asked any more."""
        ...

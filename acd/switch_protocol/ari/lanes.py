"""Requests that go one way to Asterisk: which wait, which left, and until when. Pure."""

from collections import deque

from acd.switch_protocol.ari.frames import Request


class Lane:
    """One way."""

    def __init__(self) -> None:
        self._queue: deque[Request] = deque()
        self._sent: dict[int, int] = {}
        """Until when each request may stay unanswered, by ticket; never falling."""

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        """How many left and are not answered."""
        return len(self._sent)

    @property
    def due_us(self) -> int | None:
        """When the first one is given up."""
        return next(iter(self._sent.values()), None)

    def add(self, request: Request) -> None:
        """Let a request wait until it may leave."""
        self._queue.append(request)

    def pop(self) -> Request:
        """Take the first one that waits; `left` follows."""
        return self._queue.popleft()

    def left(self, ticket: int, until_us: int) -> None:
        """Take note that a request leaves, and until when it may stay unanswered."""
        # They are answered in order: who stands behind a long one gets its time, too.
        last_us = next(reversed(self._sent.values()), until_us)
        self._sent[ticket] = max(last_us, until_us)

    def settle(self, ticket: int) -> bool:
        """Take note of an answer; return whether it was waited for."""
        return self._sent.pop(ticket, None) is not None

    def overdue(self, now_us: int) -> list[int]:
        """Return the tickets whose answers come too late."""
        found = []
        for ticket, until_us in self._sent.items():
            if until_us > now_us:
                break
            found.append(ticket)
        return found

    def forget(self) -> tuple[list[int], list[int]]:
        """Drop everything; return the tickets of what left, and of what did not."""
        left, waited = [*self._sent], [one.ticket for one in self._queue]
        self._sent.clear()
        self._queue.clear()
        return left, waited

"""Customers and agents who act by themselves, so that a load test needs no chatter. Pure.

They read the ledger, as a person hears a phone: what rings at a robot's phone is answered after a
while, talked for a while, and hung up; a customer who is not answered hangs up when his patience
ends. Spans are drawn evenly from their bounds, from a seed.
"""

from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

from acd.switch_protocol.simulated.exchange import Exchange
from acd.switch_protocol.simulated.ledger import Did, Line

Span = tuple[int, int]
"""Least and most, in microseconds."""


class Habits(NamedTuple):
    """How a phone behaves."""

    answer_us: Span
    talk_us: Span


class Robots:
    """The robots at an exchange.

    Args:
        exchange: Where they act.
        seed: Of what they draw.
    """

    def __init__(self, exchange: Exchange, *, seed: int) -> None:
        self._exchange = exchange
        self._random = Random(seed)  # noqa: S311 - behaviour, not cryptography.
        self._habits: dict[str, Habits] = {}
        self._plans: list[tuple[int, int, str, str]] = []
        """(at_us, number, phone or "" for the customer, offer or call)."""
        self._number = 0
        self._read = exchange.ledger.last

    def settle_in(self, device: str, habits: Habits | None) -> None:
        """Let a phone act by itself, or by others again where `habits` is None."""
        if habits is None:
            self._habits.pop(device, None)
        else:
            self._habits[device] = habits

    def be_patient(self, call_id: str, until_us: int) -> None:
        """Let a customer hang up at an instant unless he talks by then."""
        self._plan(until_us, "", call_id)

    def next_us(self) -> int | None:
        """Return when `act` is due, or None."""
        return self._plans[0][0] if self._plans else None

    def act(self, now_us: int) -> None:
        """Do what is planned by now, and plan by what happened since."""
        self._notice()
        while self._plans and self._plans[0][0] <= now_us:
            _, _, device, name = heappop(self._plans)
            if device:
                self._use_phone(device, name, now_us)
            else:
                self._lose_patience(name, now_us)
            self._notice()

    def _notice(self) -> None:
        ledger = self._exchange.ledger
        for line in tuple(ledger.after(self._read)):
            habits = self._habits.get(line.device)
            if habits is not None:
                self._hear(line, habits)
        self._read = ledger.last

    def _hear(self, line: Line, habits: Habits) -> None:
        if line.did in {Did.SELECTED, Did.CONSULTED}:
            self._plan(line.at_us + self._draw(habits.answer_us), line.device, line.offer)
        elif line.did in {Did.TALKING, Did.ASKED}:
            self._plan(line.at_us + self._draw(habits.talk_us), line.device, line.offer)

    def _use_phone(self, device: str, offer_id: str, now_us: int) -> None:
        """Answer what still rings, or hang up what is still talked; else it is too late."""
        if self._exchange.phones[device].offer_id == offer_id and not self._exchange.answer(
            device, now_us
        ):
            self._exchange.hang_up(device, now_us)

    def _lose_patience(self, call_id: str, now_us: int) -> None:
        call = self._exchange.calls.get(call_id)
        if call is not None and not call.served:
            self._exchange.hang_up_customer(call_id, now_us)

    def _draw(self, span: Span) -> int:
        return self._random.randint(*span)

    def _plan(self, at_us: int, device: str, name: str) -> None:
        self._number += 1
        heappush(self._plans, (at_us, self._number, device, name))

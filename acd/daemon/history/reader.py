"""Questions to the history, each on a connection and in a thread of its own, each with limits."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

from acd.daemon.history.errors import BadQueryError, SlowQueryError
from acd.daemon.history.measures import FIGURES_MAX, INTERVALS_MAX, Measures, measure
from acd.daemon.history.schema import DAMAGE, damaged, open_to_read
from acd.settings import DomainSettings

__all__ = ["ROWS_MAX", "HistoryReader", "Measures", "Row"]

LIMIT_S: Final = 2.0
"""Longest that a question may take: the measures of 100,000 contacts take 0.8 s."""

ROWS_MAX: Final = 10_000
"""Most rows of one answer: 3 MB of JSON."""

LEGS_MAX: Final = 2_000
"""Most legs of a customer that are looked at: 5 ms."""

_STEPS: Final = 10_000
"""Of SQLite's machine between two looks at the clock: 0.1 ms."""

Row = dict[str, Any]
_Answer = TypeVar("_Answer")

_CONTACTS: Final = """
SELECT contact, contact_id, queue, channel, customer, entered_us, answered_us, agent_id, ended_us,
    outcome, CASE WHEN ended_us IS NULL THEN NULL ELSE handling_us END AS handling_us, offers,
    disposition, NULLIF(leg_id, 0) AS leg_id, callback_us
FROM contacts"""
_OFFERS: Final = """
SELECT offer_id, contact_id, agent_id, made_us, answered_us, ended_us, outcome, cause
FROM offers"""
_TALK: Final = """
SELECT offers.agent_id, contacts.queue, offers.answered_us, offers.ended_us
FROM offers JOIN contacts USING (contact) WHERE offers.offer_id = :offer_id"""
_OF_CUSTOMER: Final = f"""
SELECT contact_id, queue, channel, agent_id, outcome, disposition,
    (SELECT min(entered_us) FROM contacts WHERE contacts.contact_id = his.contact_id) AS entered_us,
    answered_us, ended_us, count(*) AS legs, max(contact) AS contact
FROM (
    SELECT * FROM contacts
    WHERE customer = :customer AND customer != '' AND entered_us >= :since_us AND contact_id != :but
    ORDER BY entered_us DESC LIMIT {LEGS_MAX}) AS his
GROUP BY contact_id ORDER BY max(contact) DESC LIMIT :limit"""  # noqa: S608 - a constant.
"""Columns that no function makes are those of the row with the greatest `contact` (SQLite)."""
_TOLD: Final = """
SELECT reference, expected_s, told_us + expected_s * 1000000 AS expected_us
FROM acknowledgements"""
_OVERFLOWS: Final = """
SELECT at_us, because, target, name, NULLIF(admission, '') AS admission
FROM overflows WHERE contact_id = :contact_id ORDER BY rowid DESC LIMIT :limit"""
_AGENTS: Final = """
SELECT * FROM (
    SELECT agent_id, from_us, to_us, availability, reason FROM agent_states
    WHERE to_us > :from_us AND from_us < :to_us
    UNION ALL
    SELECT agent_id, since_us, NULL, availability, reason FROM agents WHERE since_us < :to_us)
ORDER BY agent_id, from_us LIMIT :limit OFFSET :after"""


class HistoryReader:
    """Reads the history of a file, while it is written too."""

    def __init__(self, path: Path, *, limit_s: float = LIMIT_S) -> None:
        self._path = path
        self._limit_s = limit_s

    async def contacts(
        self, from_us: int, to_us: int, queue: str = "", after: int = 0, limit: int = ROWS_MAX
    ) -> list[Row]:
        """Return contacts that entered in a span, in the order of their numbers.

        Args:
            from_us: Its start.
            to_us: Its end, which does not belong to it.
            queue: Only of this queue; empty for all.
            after: Only with a greater number (`contact`).
            limit: Most rows.

        Raises:
            SlowQueryError: It took too long; so with all questions.
            StorageError: The file cannot be read; so with all questions.
        """
        where = " WHERE entered_us >= :from_us AND entered_us < :to_us AND contact > :after"
        if queue:
            where += " AND queue = :queue"
        order = " ORDER BY contact LIMIT :limit"
        return await self._rows(_CONTACTS + where + order, locals())

    async def contact(self, contact_id: str) -> Row | None:
        """Return the last leg of a contact; None if there is none.

        With the offers of this leg as `offer_rows`, what its customer was told at once as
        `acknowledgement`, how it left queues without an agent as `overflow_rows` (the last first),
        and as `leg_rows` all legs that had the id, the earliest first. Of more than `ROWS_MAX`
        legs the last so many.
        """
        find = _CONTACTS + " WHERE contact_id = :contact_id ORDER BY contact DESC LIMIT :limit"
        legs = await self._rows(find, {"contact_id": contact_id, "limit": ROWS_MAX})
        if not legs:
            return None
        row, *_ = legs
        of_it = _OFFERS + " WHERE contact = :contact ORDER BY offer_id LIMIT :limit"
        values = {"contact": row["contact"], "limit": ROWS_MAX}
        return {
            **row,
            "offer_rows": await self._rows(of_it, values),
            "leg_rows": legs[::-1],
            "acknowledgement": await self.acknowledgement(contact_id),
            "overflow_rows": await self.overflows(contact_id),
        }

    async def overflows(self, contact_id: str, limit: int = ROWS_MAX) -> list[Row]:
        """Return how a contact left queues without an agent, the last first.

        `at_us`; `because`, an `acd.ids.OverflowCause`; `target`, which is queue, voicemail,
        message or callback, with its `name`; and by which limit on `admission`, if by any.
        """
        return await self._rows(_OVERFLOWS, {"contact_id": contact_id, "limit": limit})

    async def of_customer(
        self, customer: str, since_us: int, limit: int = ROWS_MAX, *, but: str = ""
    ) -> list[Row]:
        """Return a customer's contacts on every channel, the latest first, each by its last leg.

        Of whoever has more than `LEGS_MAX` legs the latest so many are looked at.

        Args:
            customer: His token.
            since_us: Only those that entered then or later.
            limit: Most rows.
            but: Without the contact of this id.
        """
        values = {"customer": customer, "since_us": since_us, "but": but, "limit": limit}
        return await self._rows(_OF_CUSTOMER, values)

    async def acknowledgement(self, contact_id: str) -> Row | None:
        """Return what the customer of a contact was told at once; None if nothing."""
        where = " WHERE contact_id = :contact_id"
        return next(iter(await self._rows(_TOLD + where, {"contact_id": contact_id})), None)

    async def referred_to(self, reference: str) -> str | None:
        """Return the id of the contact that has a reference; of several the last."""
        question = (
            "SELECT contact_id FROM acknowledgements WHERE reference = :reference"
            " ORDER BY told_us DESC LIMIT 1"
        )
        rows = await self._rows(question, {"reference": reference})
        return rows[0]["contact_id"] if rows else None

    async def talk(self, offer_id: int) -> Row | None:
        """Return who was offered what in which queue, and from when to when he had it.

        `agent_id`, `queue`, `answered_us` (null if he never had it), `ended_us`; None where the
        history has no such offer, or not yet.
        """
        rows = await self._rows(_TALK, {"offer_id": offer_id})
        return rows[0] if rows else None

    async def offers(
        self, from_us: int, to_us: int, after: int = 0, limit: int = ROWS_MAX
    ) -> list[Row]:
        """Return offers made in a span, by number; only with a greater number than `after`."""
        where = " WHERE made_us >= :from_us AND made_us < :to_us AND offer_id > :after"
        order = " ORDER BY offer_id LIMIT :limit"
        return await self._rows(_OFFERS + where + order, locals())

    async def agents(
        self, from_us: int, to_us: int, after: int = 0, limit: int = ROWS_MAX
    ) -> list[Row]:
        """Return the agents' states that touch a span; `after` is how many are passed over."""
        return await self._rows(_AGENTS, locals())

    async def measures(
        self, domain: DomainSettings, from_us: int, to_us: int, interval_us: int
    ) -> Measures:
        """Return the measures of a span under some settings, by queue, channel and interval.

        Raises:
            BadQueryError: The span is empty, or there are too many intervals.
        """
        if not from_us < to_us:
            raise BadQueryError(
                f"a span from {from_us} to {to_us}", "one that ends after it begins"
            )
        if interval_us < 1 or -((from_us - to_us) // interval_us) > INTERVALS_MAX:
            wanted = f"at most {INTERVALS_MAX} intervals in the span"
            raise BadQueryError(f"intervals of {interval_us} us", wanted)
        lines = sum(len(queue.channels) for queue in domain.queues)
        most = FIGURES_MAX // max(lines, 1)
        if -((from_us - to_us) // interval_us) > max(most, 1):
            wanted = f"at most {most} intervals in the span, for {lines} queues' channels"
            raise BadQueryError(f"intervals of {interval_us} us", wanted)
        return await self._ask(lambda sql: measure(sql, domain, from_us, to_us, interval_us))

    async def _rows(self, question: str, values: dict[str, Any]) -> list[Row]:
        values.pop("self", None)
        values["limit"] = min(values.get("limit", ROWS_MAX), ROWS_MAX)
        named = {key: value for key, value in values.items() if isinstance(value, int | str)}

        def ask(sql: sqlite3.Connection) -> list[Row]:
            rows = sql.execute(question, named)
            names = [column[0] for column in rows.description]
            return [dict(zip(names, row, strict=True)) for row in rows]

        return await self._ask(ask)

    async def _ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        until = time.monotonic() + self._limit_s
        try:
            with closing(open_to_read(self._path)) as sql:
                sql.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
                sql.execute("BEGIN")
                return question(sql)
        except DAMAGE as error:
            if isinstance(error, sqlite3.OperationalError) and time.monotonic() > until:
                raise SlowQueryError(self._limit_s) from error
            raise damaged(self._path, repr(error)) from error

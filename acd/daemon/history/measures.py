"""The measures of a span, from the tables: SQL counts cells, `acd.figures` does the rest.

A leg counts in the interval of its entry, with what became of it until now. Times are cut at
the boundaries of intervals.
"""

import sqlite3
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from msgspec import Struct

from acd import figures as fig
from acd.daemon.history.schema import BUSY, IDLE, LOST
from acd.settings import DomainSettings
from acd.tallies import NOTHING, Tally, make_clocks, make_tallies
from acd.wait_counts import wait_bucket, wait_quantiles_s

INTERVALS_MAX: Final = 2_000
"""Most intervals of one answer: a month of half hours, and some."""

_COUNTS: Final = """
WITH lines (queue, channel, objective, short, stands_still) AS (VALUES {lines}),
legs AS (
    SELECT *, (entered_us - :from_us) / :interval_us AS n,
        coalesce(answered_us, ended_us, :now_us) - entered_us AS wait,
        CASE stands_still WHEN 0 THEN coalesce(answered_us, ended_us, :now_us) - entered_us
            ELSE counted_us(queue, entered_us, coalesce(answered_us, ended_us, :now_us))
        END AS counted,
        callback_us IS NOT NULL AS called,
        answered_us IS NOT NULL AND callback_us IS NOT NULL AS reached,
        answered_us IS NOT NULL AND callback_us IS NULL AS answered,
        answered_us IS NULL AND callback_us IS NULL AND outcome = 'abandoned' AS abandoned,
        answered_us IS NULL AND callback_us IS NULL AND ended_us IS NOT NULL AND outcome NOT IN
            ('abandoned', 'overflowed', 'rejected') AS other,
        answered_us IS NULL AND callback_us IS NULL AND outcome = 'overflowed' AS overflowed,
        answered_us IS NULL AND callback_us IS NULL AND outcome = 'rejected' AS turned_away,
        answered_us IS NULL AND callback_us IS NULL AND ended_us IS NULL AS waiting,
        answered_us IS NOT NULL AND ended_us IS NOT NULL AS handled
    FROM contacts JOIN lines USING (queue, channel)
    WHERE entered_us >= :from_us AND entered_us < :to_us AND outcome <> :lost)
SELECT queue, channel, n, count(*), sum(answered), sum(answered AND counted <= objective),
    sum(abandoned), sum(abandoned AND counted <= objective),
    sum(abandoned AND counted <= objective AND wait <= short), sum(waiting),
    sum(waiting AND counted > objective), sum(handled), sum(wait * answered), sum(wait * abandoned),
    sum(handling_us * handled), 0, 0, 0, sum(offers), sum(timed_out), sum(rejected), sum(revoked),
    sum(canceled), sum(failed_busy), sum(failed_unreachable), sum(failed_congestion),
    sum(failed_refused), sum(not_connected), sum(rescinded), sum(other),
    0, 0, 0, 0, sum(overflowed), sum(turned_away), sum(called), sum(reached)
FROM legs GROUP BY queue, channel, n"""

_TOLD: Final = """
WITH errors AS (
    SELECT queue, channel, (entered_us - :from_us) / :interval_us AS n,
        wait_us - (made_us - at_us) AS error
    FROM contacts JOIN announcements USING (contact) JOIN offers USING (contact)
    WHERE entered_us >= :from_us AND entered_us < :to_us AND contacts.outcome <> :lost
        AND offers.answered_us IS NOT NULL AND callback_us IS NULL)
SELECT queue, channel, n, count(*), sum(error >= 0), sum(error), sum(abs(error))
FROM errors GROUP BY queue, channel, n"""

_WAITS: Final = """
SELECT queue, channel, wait_bucket(answered_us - entered_us) AS bucket, count(*) FROM contacts
WHERE entered_us >= :from_us AND entered_us < :to_us AND answered_us IS NOT NULL
    AND callback_us IS NULL AND outcome <> :lost
GROUP BY 1, 2, 3"""

_DISPOSED: Final = """
SELECT queue, channel, coalesce(nullif(disposition, ''), :none), count(*) FROM contacts
WHERE entered_us >= :from_us AND entered_us < :to_us AND answered_us IS NOT NULL
    AND ended_us IS NOT NULL AND outcome <> :lost
GROUP BY 1, 2, 3"""

_PARTS: Final = """
WITH RECURSIVE spans (one, other, a, z, cut_us) AS (
    SELECT one, other, max(a, :from_us), min(z, :to_us),
        :from_us + ((max(a, :from_us) - :from_us) / :interval_us + 1) * :interval_us
    FROM ({source})),
parts (one, other, a, z, cut_us) AS (
    SELECT * FROM spans WHERE z > cut_us
    UNION ALL
    SELECT one, other, cut_us, z, cut_us + :interval_us FROM parts WHERE z > cut_us)
SELECT one, other, (a - :from_us) / :interval_us AS n, sum(min(z, cut_us) - a)
FROM (SELECT * FROM spans WHERE z <= cut_us UNION ALL SELECT * FROM parts)
GROUP BY 1, 2, 3"""
"""Cuts spans at the boundaries; those that none crosses, nearly all, need no recursion."""

_WAITED: Final = """
SELECT queue AS one, channel AS other, entered_us AS a,
    coalesce(callback_us, answered_us, ended_us) AS z
FROM contacts
WHERE coalesce(callback_us, answered_us, ended_us) > :from_us AND entered_us < :to_us
    AND outcome <> :lost
UNION ALL
SELECT queue, channel, entered_us, :to_us FROM contacts
WHERE coalesce(callback_us, answered_us, ended_us) IS NULL AND entered_us < :to_us"""

_WORKED: Final = """
SELECT past.agent_id AS one, past.activity AS other, from_us AS a, to_us AS z
FROM agents CROSS JOIN activities AS past ON past.agent_id = agents.agent_id
WHERE to_us > :from_us AND from_us < :to_us AND from_us >= coalesce((
    SELECT max(from_us) FROM activities AS first
    WHERE first.agent_id = agents.agent_id AND first.from_us <= :from_us), 0)
UNION ALL
SELECT agent_id, activity, activity_us, :to_us FROM agents
WHERE activity <> 0 AND activity_us < :to_us"""
"""Agent by agent, from the activity in which the span begins: what came after it costs nothing."""

_PLACES: Final = {BUSY: fig.BUSY_US, IDLE: fig.IDLE_US}

FIGURES_MAX: Final = 20_000
"""Most figures, of a queue's channel in an interval, of one answer: 28 MB of JSON, made in 0.4 s in
which the event loop waits for 40 ms at a time."""

Cells = dict[tuple[str, str], list[list[int]]]


class Measures(Struct, frozen=True, kw_only=True):
    """The measures of a span; what they mean is in the text that the digest is of."""

    definition_digest: str
    definitions: str
    from_us: int
    to_us: int
    interval_us: int
    folded_us: int
    """The last step in the history."""
    rows: tuple[fig.Row, ...]


def measure(
    sql: sqlite3.Connection, domain: DomainSettings, from_us: int, to_us: int, interval_us: int
) -> Measures:
    """Return the measures of a span. Cost: O(contacts and agents' activities in it)."""
    (folded_us,) = sql.execute("SELECT now_us FROM folded").fetchone()
    values = {"from_us": from_us, "to_us": to_us, "interval_us": interval_us, "lost": LOST}
    cuts = [*range(from_us, to_us, interval_us), to_us]
    tallies = [one for channels in make_tallies(domain).values() for one in channels.values()]
    cells: Cells = {
        (str(one.queue), str(one.channel)): [list(NOTHING) for _ in cuts[1:]] for one in tallies
    }
    _count(sql, tallies, {**values, "now_us": max(to_us, folded_us)}, cells)
    for queue, channel, number, waited_us in sql.execute(_PARTS.format(source=_WAITED), values):
        if (queue, channel) in cells:
            cells[queue, channel][number][fig.WAITING_US] += waited_us
    sql.create_function("wait_bucket", 1, wait_bucket, deterministic=True)
    waits: dict[tuple[str, str], dict[int, int]] = {line: {} for line in cells}
    for queue, channel, bucket, count in sql.execute(_WAITS, values):
        waits.get((queue, channel), {})[bucket] = count
    disposed = {(str(one.queue), str(one.channel)): one.dispositions for one in tallies}
    for queue, channel, told, count in sql.execute(_DISPOSED, {**values, "none": fig.NONE}):
        if disposed.get((queue, channel)):
            disposed[queue, channel][told] = count
    agents = _work(sql, domain, values, cells)
    text = fig.definitions(domain)
    rows = []
    for one in tallies:
        line = str(one.queue), str(one.channel)
        total = [sum(places) for places in zip(*cells[line], strict=True)]
        p50_s, p80_s, p95_s, p99_s = wait_quantiles_s(waits[line], (50, 80, 95, 99))
        abandons = domain.measures.abandons
        rows.append(
            fig.Row(
                queue=one.queue,
                channel=one.channel,
                threshold_us=one.objective_us,
                agents=agents[line],
                total=fig.figures_of(total, from_us, to_us, abandons),
                wait_p50_s=p50_s,
                wait_p80_s=p80_s,
                wait_p95_s=p95_s,
                wait_p99_s=p99_s,
                intervals=tuple(
                    fig.figures_of(cell, *span, abandons)
                    for cell, span in zip(cells[line], pairwise(cuts), strict=True)
                ),
                dispositions=one.dispositions,
            )
        )
    return Measures(
        definition_digest=fig.definition_digest(text),
        definitions=text,
        from_us=from_us,
        to_us=to_us,
        interval_us=interval_us,
        folded_us=folded_us,
        rows=tuple(rows),
    )


def _count(
    sql: sqlite3.Connection,
    tallies: Sequence[Tally],
    values: dict[str, Any],
    cells: Cells,
) -> None:
    """Count legs, and what was announced to them, into the cells of their entry."""
    lines = [
        (str(one.queue), str(one.channel), one.objective_us, one.short_us, one.clock is not None)
        for one in tallies
    ]
    clocks = {one.queue: one.clock for one in tallies if one.clock is not None}

    def counted_us(queue: str, since_us: int, until_us: int) -> int:
        return clocks[queue].counted_us(since_us, until_us)

    sql.create_function("counted_us", 3, counted_us, deterministic=True)
    named = {
        f"l{row}_{place}": value
        for row, line in enumerate(lines)
        for place, value in enumerate(line)
    }
    marks = ", ".join(
        f"(:l{row}_0, :l{row}_1, :l{row}_2, :l{row}_3, :l{row}_4)" for row in range(len(lines))
    )
    for queue, channel, number, *counts in sql.execute(
        _COUNTS.format(lines=marks), {**values, **named}
    ):
        cells[queue, channel][number] = counts
    for queue, channel, number, *told in sql.execute(_TOLD, values):
        if (queue, channel) in cells:
            cells[queue, channel][number][fig.TOLD : fig.TOLD_MISS_US + 1] = told


def _work(
    sql: sqlite3.Connection, domain: DomainSettings, values: dict[str, Any], cells: Cells
) -> dict[tuple[str, str], int]:
    """Add what agents did to every line that they serve; return how many serve each."""
    clocks, pools = make_clocks(domain)
    serving = [[(str(queue), str(channel)) for queue, channel in pool.serves] for pool in pools]
    sums: dict[tuple[int, int, int], int] = {}
    for agent_id, activity, number, time_us in sql.execute(_PARTS.format(source=_WORKED), values):
        clock = clocks.get(agent_id)
        if clock is not None:
            key = clock.pool.number, _PLACES[activity], number
            sums[key] = sums.get(key, 0) + time_us
    for (pool, place, number), time_us in sums.items():
        for line in serving[pool]:
            if line in cells:
                cells[line][number][place] += time_us
    agents = dict.fromkeys(cells, 0)
    for pool_of, lines in zip(pools, serving, strict=True):
        for line in lines:
            if line in agents:
                agents[line] += pool_of.agents
    return agents

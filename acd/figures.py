"""What a report of measures says, and the formulas behind it: pure functions of counts.

`acd.metrics` counts; here counts become figures. A figure whose denominator is 0 is None (null in
JSON), never 0 or NaN: nobody was there to be measured.

Letters as in docs/measures.md: O = A + B + F + C + X + W, offered = answered + abandoned +
overflowed + callback requested + other exits + still waiting; an index t says within the
threshold, s within the short one; b = B - Bs, bt = Bt - Bs; Wt waits beyond the threshold.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from acd.ids import (
    Channel,
    ContactOutcome,
    FailureCause,
    OfferOutcome,
    QueueName,
    TimeUs,
)
from acd.settings import SECOND_US, Abandons, DomainSettings, QueueClock, QueueSettings

# A cell is a list of counts: of the legs that entered one queue and channel in one interval. These
# are the places in it; plain numbers, because they index lists in the simulator's inner loop.
(
    OFFERED,
    ANSWERED,
    ANSWERED_IN_TIME,
    ABANDONED,
    ABANDONED_IN_TIME,
    ABANDONED_SHORT,
    WAITING,
    WAITING_LATE,
    HANDLED,
    WAIT_US,
    ABANDON_WAIT_US,
    HANDLING_US,
    WAITING_US,
    BUSY_US,
    IDLE_US,
    OFFERS,
    TIMED_OUT,
    REJECTED,
    REVOKED,
    CANCELED,
    FAILED_BUSY,
    FAILED_UNREACHABLE,
    FAILED_CONGESTION,
    FAILED_REFUSED,
    NOT_CONNECTED,
    RESCINDED,
    OTHER_EXITS,
    TOLD,
    TOLD_ENOUGH,
    TOLD_ERROR_US,
    TOLD_MISS_US,
    OVERFLOWED,
    TURNED_AWAY,
    CALLBACKS,
    REACHED,
    PLACES,
) = range(36)

BY_CAUSE: Final[Mapping[str, int]] = {
    FailureCause.BUSY: FAILED_BUSY,
    FailureCause.UNREACHABLE: FAILED_UNREACHABLE,
    FailureCause.CONGESTION: FAILED_CONGESTION,
    FailureCause.REFUSED: FAILED_REFUSED,
    "not_connected": NOT_CONNECTED,
}
"""Where a failure counts, by its cause."""

BY_OUTCOME: Final[Mapping[OfferOutcome, int]] = {
    OfferOutcome.TIMED_OUT: TIMED_OUT,
    OfferOutcome.REJECTED: REJECTED,
    OfferOutcome.FAILED: NOT_CONNECTED,
    OfferOutcome.REVOKED: REVOKED,
    OfferOutcome.CANCELED: CANCELED,
    OfferOutcome.RESCINDED: RESCINDED,
}
"""Where the end of an offer counts that did not lead to a connection."""

BY_EXIT: Final[Mapping[ContactOutcome, int]] = {
    ContactOutcome.OVERFLOWED: OVERFLOWED,
    ContactOutcome.REJECTED: TURNED_AWAY,
}
"""Where legs count that ended before the connection; under `OTHER_EXITS` where not here, but for
abandons."""

NONE: Final = "none"
"""By which legs are counted of which no disposition was told."""

DEFINITIONS: Final = """\
counted per leg, in the interval of its entry into the queue; times are cut at interval boundaries
wait: entry into the queue until customer and agent are connected, ringing included
within a threshold: at most that long
service level: (At + [met] bt) / (A + b - [ignored] bt + Wt), with b = B - Bs and bt = Bt - Bs
asa: sum of the waits of the answered / A
wait quantiles: of the answered, to 0.1 s (10 s above 1 h), linear between order statistics
abandonment: b / (O - Bs); abandonment_all: B / O
handling: connected until closed, wrap-up included, less the time set aside or parked
aht: handling / handled legs, of the legs that are closed
occupancy: time with a leg in handling / (that + ready with none in handling and none ringing)
queue length: time average of the number waiting, ringing included
overflowed: gone to a queue, domain or voicemail before the connection; rejected: turned away
callbacks: who left the line to be called back counts as that and not as answered, whatever follows,
and so does who is called at an agreed time; they stand in no share and no wait, and are handled
other exits: canceled or expired before the connection; all these are offered, and in no share
announcements: of waits, to the offer that was answered; whoever left says nothing of them
announcement error: announced less waited, from then on; its mean is the bias, that of its size MAE
rona rate: timed out / (offers - canceled - rescinded - revoked); reject, failure rate likewise
"""


class OfferCounts(Struct, frozen=True, kw_only=True):
    """How offers ended. `made` less all others: accepted and connected, or not ended yet.

    Offers, not legs: one that rings at three agents makes three.
    """

    made: int
    timed_out: int
    rejected: int
    failed: dict[str, int]
    """By cause; `not_connected`: accepted, and not connected within `connect_us`."""
    revoked: int
    canceled: int
    rescinded: int
    """Another agent was faster."""


class ToldCounts(Struct, frozen=True, kw_only=True):
    """How right announced waits were, of those whose contacts were answered."""

    made: int
    enough: int
    """Those that the wait was not longer than."""
    error_us: int
    """Sum of announced less waited."""
    miss_us: int
    """Sum of its sizes."""
    bias_s: float | None
    """Mean error: above 0, too much was announced."""
    mae_s: float | None
    """Mean absolute error."""
    enough_share: float | None


class Figures(Struct, frozen=True, kw_only=True):
    """The measures of one queue and channel over a span of time; times `_us` are sums."""

    from_us: TimeUs
    to_us: TimeUs
    offered: int
    answered: int
    answered_in_time: int
    abandoned: int
    abandoned_in_time: int
    abandoned_short: int
    overflowed: int
    """Gone to another queue, where they are offered anew, or to a voicemail."""
    rejected: int
    """Turned away with a message."""
    callbacks: int
    """Who left the line to be called back, and who was to be called at an agreed time."""
    callbacks_reached: int
    """Of these: connected with an agent."""
    other_exits: int
    """Canceled, or expired, before anybody was connected."""
    waiting: int
    waiting_late: int
    """Of the waiting: those who wait beyond the threshold already."""
    handled: int
    wait_us: int
    """Of the answered."""
    abandon_wait_us: int
    handling_us: int
    waiting_us: int
    """Area under the number waiting, within the span."""
    busy_us: int
    """Of the agents who serve this queue and channel, within the span; so is `idle_us`."""
    idle_us: int
    offers: OfferCounts
    announcements: ToldCounts
    service_level: float | None
    answered_in_time_share: float | None
    asa_s: float | None
    abandonment: float | None
    abandonment_all: float | None
    time_to_abandon_s: float | None
    aht_s: float | None
    occupancy: float | None
    queue_length: float | None
    rona_rate: float | None
    reject_rate: float | None
    failure_rate: float | None
    provisional: bool
    """Somebody still waits: the figures of his interval will change."""


class Row(Struct, frozen=True, kw_only=True):
    """One queue and channel."""

    queue: QueueName
    channel: Channel
    threshold_us: int
    agents: int
    """How many serve it: by routing profile and capacity profile, whatever their skills."""
    total: Figures
    wait_p50_s: float | None
    """Half of the answered waited at most this long; so on."""
    wait_p80_s: float | None
    wait_p95_s: float | None
    wait_p99_s: float | None
    intervals: tuple[Figures, ...]
    dispositions: dict[str, int] = {}
    """How many of the handled ended so, where the queue has dispositions; `none`: not told."""


class Span(Struct, frozen=True, kw_only=True):
    """How busy some agents were over a span of time."""

    from_us: TimeUs
    to_us: TimeUs
    busy_us: int
    idle_us: int
    occupancy: float | None


class Team(Struct, frozen=True, kw_only=True):
    """Agents of one group, or all of them."""

    name: str
    agents: int
    total: Span
    intervals: tuple[Span, ...]


class Report(Struct, frozen=True, kw_only=True):
    """The measures of a domain from the start until an instant."""

    definition_digest: str
    """Figures of reports whose digests differ are not compared."""
    definitions: str
    from_us: TimeUs
    to_us: TimeUs
    interval_us: int
    rows: tuple[Row, ...]
    groups: tuple[Team, ...]
    total: Team
    provisional: bool


def service_level(
    *,
    answered: int,
    answered_in_time: int,
    abandoned: int,
    abandoned_in_time: int,
    abandoned_short: int = 0,
    waiting_late: int = 0,
    overflowed: int = 0,
    overflowed_in_time: int = 0,
    callbacks: int = 0,
    callbacks_in_time: int = 0,
    abandons: Abandons = Abandons.MISSED,
    include_overflow: bool = False,
    include_callbacks: bool = False,
) -> float | None:
    """Return the share served within the threshold, in [0, 1]; None if there is nothing to share.

    SL = (At + [met] bt + f Ft + c Ct) / (A + b - [ignored] bt + Wt + f F + c C), with b = B - Bs
    and bt = Bt - Bs: whoever left within the short threshold counts nowhere.

    Args:
        answered: A; `answered_in_time` of them At, within the threshold.
        answered_in_time: At.
        abandoned: B; `abandoned_in_time` of them Bt, and of those `abandoned_short` Bs.
        abandoned_in_time: Bt.
        abandoned_short: Bs.
        waiting_late: Wt, who wait beyond the threshold already: lost, however it ends.
        overflowed: F.
        overflowed_in_time: Ft.
        callbacks: C.
        callbacks_in_time: Ct.
        abandons: What an abandon within the threshold counts as.
        include_overflow: f.
        include_callbacks: c.

    >>> for abandons in Abandons:
    ...     sl = service_level(answered=1000, answered_in_time=860, abandoned=60,
    ...                        abandoned_in_time=20, abandons=abandons)
    ...     print(abandons, round(100 * sl, 1))
    missed 81.1
    met 83.0
    ignored 82.7
    """
    abandoned -= abandoned_short
    abandoned_in_time -= abandoned_short
    met = answered_in_time
    counted = answered + abandoned + waiting_late
    if abandons is Abandons.MET:
        met += abandoned_in_time
    elif abandons is Abandons.IGNORED:
        counted -= abandoned_in_time
    if include_overflow:
        met += overflowed_in_time
        counted += overflowed
    if include_callbacks:
        met += callbacks_in_time
        counted += callbacks
    return ratio(met, counted)


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole, or None if the whole is 0.

    >>> ratio(3, 4), ratio(0, 0)
    (0.75, None)
    """
    return part / whole if whole else None


def figures_of(cell: Sequence[int], from_us: int, to_us: int, abandons: Abandons) -> Figures:
    """Return what the counts of a cell, or of a sum of cells, say about a span of time.

    Raises:
        AssertionError: Somebody was lost: O is not A + B + F + R + C + X + W. A bug of ours.
    """
    elsewhere = cell[OVERFLOWED] + cell[TURNED_AWAY] + cell[CALLBACKS] + cell[OTHER_EXITS]
    exits = cell[ANSWERED] + cell[ABANDONED] + elsewhere
    assert cell[OFFERED] == exits + cell[WAITING], "offered is not what became of them"
    short = cell[ABANDONED_SHORT]
    failed = {str(cause): cell[place] for cause, place in BY_CAUSE.items()}
    # Offers that ended for no reason of the agent's or his phone's say nothing about him.
    judged = cell[OFFERS] - cell[CANCELED] - cell[RESCINDED] - cell[REVOKED]
    return Figures(
        from_us=from_us,
        to_us=to_us,
        offered=cell[OFFERED],
        answered=cell[ANSWERED],
        answered_in_time=cell[ANSWERED_IN_TIME],
        abandoned=cell[ABANDONED],
        abandoned_in_time=cell[ABANDONED_IN_TIME],
        abandoned_short=short,
        overflowed=cell[OVERFLOWED],
        rejected=cell[TURNED_AWAY],
        callbacks=cell[CALLBACKS],
        callbacks_reached=cell[REACHED],
        other_exits=cell[OTHER_EXITS],
        waiting=cell[WAITING],
        waiting_late=cell[WAITING_LATE],
        handled=cell[HANDLED],
        wait_us=cell[WAIT_US],
        abandon_wait_us=cell[ABANDON_WAIT_US],
        handling_us=cell[HANDLING_US],
        waiting_us=cell[WAITING_US],
        busy_us=cell[BUSY_US],
        idle_us=cell[IDLE_US],
        offers=_offer_counts(cell, failed),
        announcements=_told_counts(cell),
        service_level=service_level(
            answered=cell[ANSWERED],
            answered_in_time=cell[ANSWERED_IN_TIME],
            abandoned=cell[ABANDONED],
            abandoned_in_time=cell[ABANDONED_IN_TIME],
            abandoned_short=short,
            waiting_late=cell[WAITING_LATE],
            abandons=abandons,
        ),
        answered_in_time_share=ratio(cell[ANSWERED_IN_TIME], cell[ANSWERED]),
        asa_s=ratio(cell[WAIT_US], cell[ANSWERED] * SECOND_US),
        abandonment=ratio(cell[ABANDONED] - short, cell[OFFERED] - short),
        abandonment_all=ratio(cell[ABANDONED], cell[OFFERED]),
        time_to_abandon_s=ratio(cell[ABANDON_WAIT_US], cell[ABANDONED] * SECOND_US),
        aht_s=ratio(cell[HANDLING_US], cell[HANDLED] * SECOND_US),
        occupancy=ratio(cell[BUSY_US], cell[BUSY_US] + cell[IDLE_US]),
        queue_length=ratio(cell[WAITING_US], to_us - from_us),
        rona_rate=ratio(cell[TIMED_OUT], judged),
        reject_rate=ratio(cell[REJECTED], judged),
        failure_rate=ratio(sum(failed.values()), judged),
        provisional=cell[WAITING] > 0,
    )


def _offer_counts(cell: Sequence[int], failed: dict[str, int]) -> OfferCounts:
    return OfferCounts(
        made=cell[OFFERS],
        timed_out=cell[TIMED_OUT],
        rejected=cell[REJECTED],
        failed=failed,
        revoked=cell[REVOKED],
        canceled=cell[CANCELED],
        rescinded=cell[RESCINDED],
    )


def _told_counts(cell: Sequence[int]) -> ToldCounts:
    made = cell[TOLD]
    return ToldCounts(
        made=made,
        enough=cell[TOLD_ENOUGH],
        error_us=cell[TOLD_ERROR_US],
        miss_us=cell[TOLD_MISS_US],
        bias_s=ratio(cell[TOLD_ERROR_US], made * SECOND_US),
        mae_s=ratio(cell[TOLD_MISS_US], made * SECOND_US),
        enough_share=ratio(cell[TOLD_ENOUGH], made),
    )


def span_of(busy_us: int, idle_us: int, from_us: int, to_us: int) -> Span:
    """Return how busy some agents were between two instants."""
    return Span(
        from_us=from_us,
        to_us=to_us,
        busy_us=busy_us,
        idle_us=idle_us,
        occupancy=ratio(busy_us, busy_us + idle_us),
    )


def definitions(settings: DomainSettings) -> str:
    """Return what the figures of these settings mean: the formulas, and every option in use."""
    measures = settings.measures
    lines = [
        f"interval: {measures.interval_us} us",
        f"abandons within the threshold: {measures.abandons}",
        f"short abandon: {measures.short_abandon_us} us",
    ]
    lines += [
        f"threshold of {queue.name} {channel}: {objective_us} us{_counted(queue)}"
        for queue in settings.queues
        for channel, objective_us in _thresholds(queue)
    ]
    return DEFINITIONS + "\n".join(lines) + "\n"


def _thresholds(queue: QueueSettings) -> list[tuple[Channel, int]]:
    """Return the channels of a queue with their thresholds, in one order.

    Settings that come from a journal have them in another than those that come from a file.
    """
    of = queue.channels
    return [(channel, of[channel].objective_us) for channel in Channel if channel in of]


def _counted(queue: QueueSettings) -> str:
    """Return what counts of the waits in a queue, where not all time does."""
    return "" if queue.clock is QueueClock.ELAPSED else f", while {queue.opening_hours} is open"


def definition_digest(text: str) -> str:
    """Return the SHA-256 of a text of definitions, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()

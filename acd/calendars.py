"""Time zones as tables of offsets: the core reads no calendar, so it is given its clock changes."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from acd.settings import SECOND_US

FROM: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNTIL: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Between these the tables are complete; after it the last offset holds."""

_STEP: Final = timedelta(days=1)
"""No zone has ever changed its clocks twice within a day since 1970."""


@cache
def zone_names() -> frozenset[str]:
    """Return the names of the time zones that this machine knows; of the IANA database.

    Takes 10 ms, once.
    """
    return frozenset(available_timezones())


@cache
def utc_offsets(name: str) -> tuple[tuple[int, int], ...]:
    """Return when a time zone's clocks change: (from_us, offset_s) pairs, ascending.

    An offset is what its clocks are ahead of UTC, from the instant on. The first pair is for 1970
    and on; a zone that is UTC has none. Takes 0.1 s for each zone, once.

    Args:
        name: One of `zone_names`.

    >>> utc_offsets("Asia/Kolkata"), utc_offsets("UTC")
    (((0, 19800),), ())
    """
    zone = ZoneInfo(name)

    def offset_s(at: datetime) -> int:
        offset = at.astimezone(zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    changes: list[tuple[int, int]] = []
    before_s = offset_s(FROM)
    if before_s:
        changes.append((0, before_s))
    at = FROM
    while at < UNTIL:
        later = at + _STEP
        if offset_s(later) != before_s:
            low, high = 0, int(_STEP.total_seconds())
            while high - low > 1:
                middle = (low + high) // 2
                if offset_s(at + timedelta(seconds=middle)) == before_s:
                    low = middle
                else:
                    high = middle
            before_s = offset_s(later)
            from_s = int((at - FROM).total_seconds()) + high
            changes.append((from_s * SECOND_US, before_s))
        at = later
    return tuple(changes)

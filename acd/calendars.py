"""Time zones and holidays as plain tables: the core reads no calendar, so it is given them.

Clock changes are those of the IANA database, holidays those of the library `holidays`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple, TypeAlias
from warnings import catch_warnings, simplefilter
from zoneinfo import ZoneInfo, available_timezones

from acd.errors import did_you_mean, nearest, shown
from acd.mistakes import KeyPath, Mistake
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


# Holidays.

FIRST_YEAR: Final = 2020
LAST_YEAR: Final = 2050
"""The years whose holidays are known here: fixed, so that a configuration means the same tomorrow.
For some countries the library knows only some of them from some year on, and for years far ahead
laws will change: its newer versions tell more."""

_Days: TypeAlias = tuple[tuple[str, tuple[tuple[int, int], ...]], ...]


class HolidayNames(NamedTuple):
    """Whose holidays are meant: a country by its code of ISO 3166, or a part of one."""

    country: str | None
    subdivision: str | None


@cache
def _countries() -> dict[str, list[str]]:
    """Return the codes of the known countries, each with those of its parts."""
    import holidays  # noqa: PLC0415 - takes 60 ms, and most configurations have no calendar.

    return holidays.list_supported_countries(include_aliases=False)


@cache
def _named() -> dict[str, str]:
    """Return the codes of the known countries by their English names and by themselves."""
    from holidays.registry import COUNTRIES  # noqa: PLC0415 - see `_countries`.

    names = {name: codes[1] for name, codes in COUNTRIES.items() if codes[1] in _countries()}
    return names | {code.lower(): code for code in _countries()}


@cache
def holiday_dates(country: str, subdivision: str | None) -> tuple[str, ...]:
    """Return the public holidays of a country or its part, `FIRST_YEAR` to `LAST_YEAR`, in order.

    Those moved to a working day are on the day on which they are kept. Takes up to 50 ms.

    >>> [date for date in holiday_dates("ES", "MD") if date.startswith("2026-05")]
    ['2026-05-01', '2026-05-02']
    """
    from holidays import country_holidays  # noqa: PLC0415 - see `_countries`.

    with catch_warnings():
        # Of some countries it knows only fixed dates from some year on, and warns of that.
        simplefilter("ignore")
        years = range(FIRST_YEAR, LAST_YEAR + 1)
        found = country_holidays(country, subdiv=subdivision, years=years)
    return tuple(sorted(date.isoformat() for date in found))


def days_of(names: HolidayNames, special: Mapping[str, tuple[tuple[int, int], ...]]) -> _Days:
    """Return the days with hours of their own: holidays are closed where nothing else is said.

    Args:
        names: None of them, or none that is known, has no holidays.
        special: Hours by date.
    """
    country, subdivision = names
    closed: tuple[str, ...] = ()
    parts = _countries().get(country) if country is not None else None
    if country is not None and parts is not None:
        closed = holiday_dates(country, subdivision if subdivision in parts else None)
    return tuple(sorted({**dict.fromkeys(closed, ()), **special}.items()))


def holiday_mistakes(path: KeyPath, names: HolidayNames) -> list[Mistake]:
    """Return what is wrong with a country and its part in the table at `path`."""
    country, subdivision = names
    if country is None:
        if subdivision is None:
            return []
        wanted = "no such key without a country"
        return [Mistake((*path, "subdivision"), f"is {shown(subdivision)}", wanted)]
    if country not in _countries():
        meant = nearest(country.lower().replace(" ", "_"), _named())
        near = did_you_mean(_named().get(meant, ""))
        wanted = f"a country by its code of two letters, like ES{near}"
        return [Mistake((*path, "country"), f"is {shown(country)}", wanted)]
    parts = _countries()[country]
    if subdivision is None or subdivision in parts:
        return []
    wanted = f"none, since {country} has no parts with holidays of their own"
    if parts:
        wanted = f"the code of a part of {country}: {', '.join(parts)}"
        wanted += did_you_mean(nearest(subdivision, parts))
    return [Mistake((*path, "subdivision"), f"is {shown(subdivision)}", wanted)]

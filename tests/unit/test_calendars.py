"""Tables of clock changes, against the time zones that they are made from.

Method: known changes word for word; then Hypothesis asks zoneinfo for instants of some zones, among
them those around every change.
"""

from bisect import bisect_right
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.calendars import utc_offsets, zone_names
from acd.settings import SECOND_US

ZONES = ("Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
END_S = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())


def offset_s(zone: str, at_s: int) -> int:
    """Return the offset that the table has for an instant."""
    table = utc_offsets(zone)
    place = bisect_right([from_us for from_us, _ in table], at_s * SECOND_US)
    return table[place - 1][1] if place else 0


def true_offset_s(zone: str, at_s: int) -> int:
    offset = datetime.fromtimestamp(at_s, ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def test_madrid_changes_its_clocks_at_one_in_the_morning_utc() -> None:
    table = utc_offsets("Europe/Madrid")
    assert table[0] == (0, 3_600)
    assert (1_774_746_000 * SECOND_US, 7_200) in table
    assert (1_792_890_000 * SECOND_US, 3_600) in table
    assert [from_us for from_us, _ in table] == sorted({from_us for from_us, _ in table})


def test_a_zone_without_changes_has_its_one_offset() -> None:
    assert utc_offsets("UTC") == ()
    assert utc_offsets("Asia/Kolkata") == ((0, 19_800),)
    assert {"UTC", *ZONES} <= zone_names()


@pytest.mark.parametrize("zone", ZONES)
def test_an_offset_begins_at_the_very_second(zone: str) -> None:
    for from_us, _ in utc_offsets(zone):
        for at_s in (from_us // SECOND_US - 1, from_us // SECOND_US):
            if at_s >= 0:
                assert offset_s(zone, at_s) == true_offset_s(zone, at_s)


@given(zone=st.sampled_from(ZONES), at_s=st.integers(0, END_S - 1))
def test_the_table_says_what_the_zone_says(zone: str, at_s: int) -> None:
    assert offset_s(zone, at_s) == true_offset_s(zone, at_s)

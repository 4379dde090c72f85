"""The tables of contacts.

Method: each table whole, as text, so that a reviewer reads it as a table: the next state, `same`
for what is ignored, `-` for what is refused. docs/routing.md holds diagrams of the same tables.
"""

from acd.contacts import LegSignal, LegState, OfferSignal
from tests.unit.tables import BLOCK, DOCS, diagrams, drawn, legs, offers, text

LEGS = """
              OFFERED  ACCEPTED    CONNECTED  RETURNED  HELD  RETRIEVED  ENDED     LEFT       WRAPPED  CANCELED  PARKED  RESUMED    EXPIRED  LAPSED  OVERFLOWED  REJECTED  HANDED_OVER   POSTPONED  FAILED  DUE
QUEUED        OFFERED  -           -          -         -     -          -         ABANDONED  -        CANCELED  -       -          EXPIRED  -       OVERFLOWED  REJECTED  HANDING_OVER  -          -       -
OFFERED       OFFERED  CONNECTING  CONNECTED  QUEUED    -     -          -         ABANDONED  -        CANCELED  -       -          same     -       same        same      -             -          -       -
CONNECTING    -        same        CONNECTED  QUEUED    -     -          -         ABANDONED  -        CANCELED  -       -          same     -       same        same      -             SCHEDULED  FAILED  -
CONNECTED     -        same        same       -         HELD  same       WRAPPING  WRAPPING   -        -         PARKED  same       same     -       same        same      -             -          -       -
HELD          -        same        same       -         same  CONNECTED  WRAPPING  WRAPPING   -        -         -       -          same     -       same        same      -             -          -       -
WRAPPING      -        same        same       -         -     -          same      same       CLOSED   same      -       -          same     -       same        same      -             -          -       -
PARKED        -        same        same       -         -     -          WRAPPING  WRAPPING   -        -         same    CONNECTED  same     CLOSED  same        same      -             -          -       -
HANDING_OVER  -        -           -          QUEUED    -     -          -         ABANDONED  -        CANCELED  -       -          same     -       OVERFLOWED  same      -             -          -       -
SCHEDULED     -        -           -          -         -     -          -         -          -        CANCELED  -       -          same     -       same        same      -             -          -       QUEUED
"""  # noqa: E501 - a table.

OFFERS = """
          ACCEPT    REJECT    TIME_OUT   FAIL    REVOKE   CANCEL    RESCIND
PENDING   ACCEPTED  REJECTED  TIMED_OUT  FAILED  REVOKED  CANCELED  RESCINDED
ACCEPTED  same      -         FAILED     FAILED  -        CANCELED  -
"""


def test_a_leg_moves_as_this_table_says() -> None:
    assert text(LegSignal, legs()) == LEGS


def test_an_offer_moves_as_this_table_says() -> None:
    assert text(OfferSignal, offers()) == OFFERS


def test_every_state_is_an_end_or_has_a_row() -> None:
    ends = ["CLOSED", "ABANDONED", "EXPIRED", "CANCELED", "OVERFLOWED", "REJECTED", "FAILED"]
    assert sorted(state.name for state in LegState) == sorted([*legs(), *ends])


def test_the_diagrams_of_the_page_are_drawn_from_the_tables() -> None:
    page = DOCS.read_text()
    assert {block[2] for block in BLOCK.finditer(page)} == set(diagrams())
    assert drawn(page) == page, "run: python tests/unit/tables.py"

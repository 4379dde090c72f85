"""The history over HTTP, for supervisors: listings and measures of a span, as JSON or CSV."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from acd.acknowledgement import REFERENCE_MAX, as_told
from acd.daemon.context.settings import DAYS_MAX
from acd.daemon.history.errors import BadQueryError, SlowQueryError
from acd.daemon.history.export import COLUMNS, measures_to_csv, to_csv
from acd.daemon.http.access import BEARER, Supervisor
from acd.daemon.http.errors import HttpError, respond, responses
from acd.daemon.http.models import ContactPath
from acd.daemon.http.parts import Daemon
from acd.ids import ID_MAX, TIME_US_MAX, plain
from acd.settings import DAY_US, HOUR_US

SPAN_US: Final = 24 * HOUR_US
"""How long a span is whose start is not told."""

REACH_S: Final = 0.5
"""How long a question for a new contact waits until it is written, which takes some ms."""

PAGE: Final = 1_000
"""Rows of a page where no limit is told: 0.3 MB."""

PAGE_MAX: Final = 10_000
"""Most rows of a page, as `acd.daemon.history.reader.ROWS_MAX`."""


@plain
class Format(StrEnum):
    """How an answer is written."""

    JSON = "json"
    CSV = "csv"


class _Query(BaseModel):
    """Base of all questions: a span."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    from_us: Annotated[int, Field(ge=0, le=TIME_US_MAX)] | None = None
    """Start of the span; 24 h before its end if not told."""
    to_us: Annotated[int, Field(ge=0, le=TIME_US_MAX)] | None = None
    """Its end, which does not belong to it; now if not told, or later."""
    format: Format = Format.JSON

    def span(self, now_us: int) -> tuple[int, int]:
        """Return the span in full; none ends after the present instant."""
        to_us = now_us if self.to_us is None else min(self.to_us, now_us)
        return max(to_us - SPAN_US, 0) if self.from_us is None else self.from_us, to_us


class ListingQuery(_Query):
    """What to list."""

    after: Annotated[int, Field(ge=0, le=TIME_US_MAX)] = 0
    """`next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE


class ContactsQuery(ListingQuery):
    """Which contacts to list."""

    queue: Annotated[str, Field(max_length=ID_MAX)] = ""
    """Only of this queue."""


class MeasuresQuery(_Query):
    """What to measure."""

    interval_us: Annotated[int, Field(ge=0, le=TIME_US_MAX)] = 0
    """Length of the intervals, reckoned from the start of the span; 0: that of the settings."""


class CustomerQuery(BaseModel):
    """How much of a customer's contacts to list."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 90
    """How old they may be."""
    limit: Annotated[int, Field(ge=1, le=PAGE)] = 100


class CustomerView(BaseModel):
    """A customer's contacts."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    customer: str
    contacts: list[dict[str, Any]]
    """The latest first, each by its last leg; docs/history.md describes the columns."""


class Listing(BaseModel):
    """A page of rows."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    rows: list[dict[str, Any]]
    """docs/history.md describes the columns."""
    next: int | None
    """`after` for the following page; null where there is none."""


class MeasuresView(BaseModel):
    """The measures of a span."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    definition_digest: str
    """Figures whose digests differ are not compared."""
    definitions: str
    from_us: int
    to_us: int
    interval_us: int
    folded_us: int
    """Instant of the last step that the history has."""
    rows: list[dict[str, Any]]
    """One for each queue and channel, as docs/measures.md describes it."""


CustomerPath = Annotated[str, Path(min_length=1, max_length=ID_MAX)]

_STATUSES: Final = (400, 401, 403, 422, 503)

_WITH_CSV: Final[dict[int | str, dict[str, Any]]] = {
    **responses(*_STATUSES),
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The rows."},
}


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes under `/v1/history`."""
    router = APIRouter(prefix="/v1/history", tags=["history"], dependencies=[BEARER])

    @router.get("/contacts", response_model=Listing, responses=_WITH_CSV)
    async def list_past_contacts(
        query: Annotated[ContactsQuery, Query()], _: Supervisor
    ) -> Response:
        """List the contacts that entered in a span, open ones too."""
        async with asking():
            rows = await daemon.history.reader.contacts(
                *_span(daemon, query), query.queue, query.after, query.limit
            )
        following = rows[-1]["contact"] if len(rows) == query.limit else None
        return _listing("contacts", rows, following, query.format)

    _add_contacts(router, daemon)

    @router.get("/offers", response_model=Listing, responses=_WITH_CSV)
    async def list_past_offers(query: Annotated[ListingQuery, Query()], _: Supervisor) -> Response:
        """List the offers that were made in a span."""
        async with asking():
            rows = await daemon.history.reader.offers(
                *_span(daemon, query), query.after, query.limit
            )
        following = rows[-1]["offer_id"] if len(rows) == query.limit else None
        return _listing("offers", rows, following, query.format)

    @router.get("/agents", response_model=Listing, responses=_WITH_CSV)
    async def list_past_states(query: Annotated[ListingQuery, Query()], _: Supervisor) -> Response:
        """List the states of the agents that touch a span."""
        async with asking():
            rows = await daemon.history.reader.agents(
                *_span(daemon, query), query.after, query.limit
            )
        following = query.after + len(rows) if len(rows) == query.limit else None
        return _listing("agents", rows, following, query.format)

    @router.get("/measures", response_model=MeasuresView, responses=_WITH_CSV)
    async def show_measures(query: Annotated[MeasuresQuery, Query()], _: Supervisor) -> Response:
        """Show the measures of a span, by queue, channel and interval."""
        async with asking():
            span = _span(daemon, query)
            measures = await daemon.history.measures(*span, query.interval_us)
        if query.format is Format.CSV:
            return _csv("measures", measures_to_csv(measures))
        return respond(measures)

    return router


def _add_contacts(router: APIRouter, daemon: Daemon) -> None:
    """Add the routes that show one contact."""

    @router.get(
        "/contacts/{contact_id}",
        response_model=dict[str, Any],
        responses=responses(*_STATUSES, 404),
    )
    async def show_past_contact(contact_id: ContactPath, _: Supervisor) -> Response:
        """Show the last leg of a contact, with its offers, and all its legs."""
        row = await find_contact(daemon, contact_id)
        if row is None:
            raise HttpError(404, "not_found", "the history has no such contact", contact_id)
        return respond(row)

    @router.get(
        "/customers/{customer}", response_model=CustomerView, responses=responses(*_STATUSES)
    )
    async def show_customer(
        customer: CustomerPath, query: Annotated[CustomerQuery, Query()], _: Supervisor
    ) -> Response:
        """List a customer's contacts on every channel, the latest first, open ones too."""
        since_us = daemon.owner.clock.now_us() - query.days * DAY_US
        async with asking():
            rows = await daemon.history.reader.of_customer(customer, max(since_us, 0), query.limit)
        return respond({"customer": customer, "contacts": rows})

    @router.get(
        "/references/{reference}",
        response_model=dict[str, Any],
        responses=responses(*_STATUSES, 404),
    )
    async def show_contact_referred_to(
        reference: Annotated[str, Path(min_length=1, max_length=REFERENCE_MAX)], _: Supervisor
    ) -> Response:
        """Show the contact of which a customer speaks by the reference that he was told."""
        async with asking():
            contact_id = await daemon.history.reader.referred_to(as_told(reference))
        row = None if contact_id is None else await find_contact(daemon, contact_id)
        if row is None:
            raise HttpError(404, "not_found", "nobody was told this reference", reference)
        return respond(row)


async def find_contact(
    daemon: Daemon, contact_id: str, *, is_over: bool = False
) -> dict[str, Any] | None:
    """Return a contact; wait for it a little, as whoever was just told of it may ask already.

    Args:
        daemon: Whose history is asked.
        contact_id: The contact.
        is_over: It is known to be closed, so wait for that too.
    """
    async with asking():
        row = await daemon.history.reader.contact(contact_id)
        if row is None or (is_over and row["ended_us"] is None):
            await daemon.history.reach(daemon.owner.on_disk, within_s=REACH_S)
            row = await daemon.history.reader.contact(contact_id)
    return row


def _span(daemon: Daemon, query: _Query) -> tuple[int, int]:
    return query.span(daemon.owner.clock.now_us())


@asynccontextmanager
async def asking() -> AsyncIterator[None]:
    """Answer for what the history refuses."""
    try:
        yield
    except BadQueryError as error:
        raise HttpError(422, "invalid", str(error)) from error
    except SlowQueryError as error:
        raise HttpError(503, "too_slow", str(error)) from error


def _listing(
    name: str, rows: Sequence[dict[str, Any]], following: int | None, written: Format
) -> Response:
    if written is Format.CSV:
        return _csv(name, to_csv(COLUMNS[name], rows), following)
    return respond({"rows": rows, "next": following})


def _csv(name: str, text: str, following: int | None = None) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    if following is not None:
        headers["X-Next"] = str(following)
    return Response(text, headers=headers, media_type="text/csv; charset=utf-8; header=present")

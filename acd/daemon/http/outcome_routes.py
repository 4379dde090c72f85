"""What became of a contact that came over HTTP, and what its customer is to be told for it.

A customer who writes or chats hears no recording. So whoever brought his contact is told when it
was turned away: with the answer to bringing it, or, where it waited first, by asking.
"""

from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.responses import Response

from acd.actions import Action, OverflowLeg
from acd.daemon.http.access import BEARER, Rater
from acd.daemon.http.errors import HttpError, respond, responses
from acd.daemon.http.history_routes import asking, find_contact
from acd.daemon.http.models import ContactEnded, ContactPath, TurnedAwayView
from acd.daemon.http.parts import Daemon
from acd.ids import ContactId, OverflowCause


def make_router(daemon: Daemon) -> APIRouter:
    """Return the route of outcomes under `/v1/contacts`."""
    router = APIRouter(prefix="/v1/contacts", tags=["contacts"], dependencies=[BEARER])

    @router.get(
        "/{contact_id}/outcome",
        response_model=ContactEnded,
        responses=responses(400, 401, 403, 404, 422, 503),
    )
    async def show_outcome(contact_id: ContactPath, _: Rater) -> Response:
        """Say whether a contact is open, or how it ended."""
        return respond((await _outcome(daemon, contact_id)).model_dump())

    return router


def turned_away_in(actions: Iterable[Action], contact_id: ContactId) -> TurnedAwayView | None:
    """Return why a contact waits no longer and what its customer is told; None if it is not so."""
    for one in actions:
        if (
            type(one) is OverflowLeg
            and one.contact_id == contact_id
            and (one.message or one.voicemail)
        ):
            return TurnedAwayView(
                because=one.because,
                message=one.message or None,
                voicemail=one.voicemail or None,
                admission=one.limit or None,
            )
    return None


async def turned_away_then(daemon: Daemon, contact_id: ContactId) -> TurnedAwayView | None:
    """Return the same from the history, as far as it is.

    Raises:
        SlowQueryError: It takes too long to answer.
        StorageError: It cannot be read.
    """
    for row in await daemon.history.reader.overflows(contact_id, limit=1):
        if row["target"] in {"message", "voicemail"}:
            return TurnedAwayView(
                because=OverflowCause(row["because"]),
                message=row["name"] if row["target"] == "message" else None,
                voicemail=row["name"] if row["target"] == "voicemail" else None,
                admission=row["admission"],
            )
    return None


async def _outcome(daemon: Daemon, contact_id: ContactId) -> ContactEnded:
    is_open = contact_id in daemon.owner.router.contacts
    await daemon.owner.durable()
    if is_open:
        return ContactEnded(contact_id=contact_id, outcome=None, turned_away=None)
    row = await find_contact(daemon, contact_id, is_over=True)
    if row is None:
        raise HttpError(404, "not_found", "there is and was no such contact", contact_id)
    async with asking():
        turned_away = await turned_away_then(daemon, contact_id)
    return ContactEnded(
        contact_id=contact_id, outcome=row["outcome"] or None, turned_away=turned_away
    )

"""Legs over HTTP: whoever scores them, or asks customers later, tells what became of them."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from acd import events as ev
from acd.actions import Refused
from acd.daemon.http.access import BEARER, Rater
from acd.daemon.http.errors import refused, respond, responses
from acd.daemon.http.history_routes import REACH_S, asking
from acd.daemon.http.models import Rating, RatingKept
from acd.daemon.http.parts import Daemon
from acd.ids import TIME_US_MAX, OfferId, Reason

OfferPath = Annotated[int, Path(ge=1, lt=TIME_US_MAX)]


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes under `/v1/legs`."""
    router = APIRouter(prefix="/v1/legs", tags=["legs"], dependencies=[BEARER])

    @router.post(
        "/{offer_id}/rating",
        response_model=RatingKept,
        responses=responses(400, 401, 403, 408, 413, 415, 422, 503),
    )
    async def rate_leg(offer_id: OfferPath, body: Rating, _: Rater) -> Response:
        """Tell what became of a leg. What was told of it before is not told anew."""
        await _check_whose(daemon, offer_id, body)
        event = ev.LegRated(
            offer_id=offer_id,
            agent_id=body.agent_id,
            queue=body.queue,
            quality=body.quality,
            resolved=body.resolved,
            converted=body.converted,
        )
        receipt = await daemon.owner.submit(event)
        refusal = receipt.refusal()
        if refusal is not None:
            raise refused(refusal)
        return respond(RatingKept(offer_id=offer_id, entry=receipt.entry).model_dump())

    return router


async def _check_whose(daemon: Daemon, offer_id: OfferId, body: Rating) -> None:
    """Refuse a rating of a leg that this agent did not have in this queue.

    Of an open leg the router knows it; of one that is closed only the history does. Nothing is
    known of a leg that the history has no longer: then it is taken as it was told.

    Raises:
        HttpError: It is refused.
    """
    if offer_id in daemon.owner.router.offers:
        return
    async with asking():
        talk = await daemon.history.reader.talk(offer_id)
        if talk is None or talk["ended_us"] is None:
            await daemon.history.reach(daemon.owner.on_disk, within_s=REACH_S)
            talk = await daemon.history.reader.talk(offer_id)
    if talk is None or not _is_known(daemon, body):
        return
    if (talk["agent_id"], talk["queue"]) != (body.agent_id, body.queue) or not talk["answered_us"]:
        raise refused(Refused(reason=Reason.NOT_IN_THIS_STATE, about=str(offer_id)))


def _is_known(daemon: Daemon, body: Rating) -> bool:
    """Return whether agent and queue are of the domain; if not, the router says so better."""
    try:
        daemon.owner.router.agent(body.agent_id)
    except KeyError:
        return False
    return any(queue.name == body.queue for queue in daemon.domain.queues)

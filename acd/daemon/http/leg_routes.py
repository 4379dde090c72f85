"""Legs over HTTP: whoever scores them, or asks customers later, tells what became of them."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from acd import events as ev
from acd.daemon.http.access import BEARER, Rater
from acd.daemon.http.errors import refused, respond, responses
from acd.daemon.http.models import Rating, RatingKept
from acd.daemon.http.parts import Daemon
from acd.ids import TIME_US_MAX

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

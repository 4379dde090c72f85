"""Queues over HTTP: what waits where. Read from counts, never from the lines."""

from fastapi import APIRouter
from fastapi.responses import Response

from acd.daemon.http.access import BEARER, Supervisor
from acd.daemon.http.errors import HttpError, respond, responses
from acd.daemon.http.models import QueueList, QueuePath
from acd.daemon.http.parts import Daemon
from acd.daemon.http.views import QueueView
from acd.ids import Reason


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes under `/v1/queues`."""
    router = APIRouter(prefix="/v1/queues", tags=["queues"], dependencies=[BEARER])

    @router.get("", response_model=QueueList, responses=responses(400, 401, 403, 503))
    async def list_queues(_: Supervisor) -> Response:
        """List the queues, and the domain's totals."""
        body = {"queues": daemon.live.queues(), "totals": daemon.live.totals()}
        await daemon.owner.durable()
        return respond(body)

    @router.get(
        "/{name}", response_model=QueueView, responses=responses(400, 401, 403, 404, 422, 503)
    )
    async def show_queue(name: QueuePath, _: Supervisor) -> Response:
        """Show a queue."""
        view = daemon.live.queue(name)
        await daemon.owner.durable()
        if view is None:
            message = "there is no such queue"
            raise HttpError(404, "not_found", message, name, Reason.UNKNOWN_QUEUE)
        return respond(view)

    return router

"""How long a contact will wait: to be looked at, or to be told to its customer.

A look changes nothing and is not kept. What is told is journalled, never rises without a cause,
and is measured against the wait that came of it.
"""

from fastapi import APIRouter
from fastapi.responses import Response

from acd import events as ev
from acd.actions import AnnounceWait, Refused
from acd.contacts import LegState
from acd.daemon.http.access import BEARER, Rater, Supervisor
from acd.daemon.http.errors import refused, respond, responses, unknown_contact
from acd.daemon.http.models import Announcement, ContactPath, WaitEstimated, WaitTold
from acd.daemon.http.parts import Daemon
from acd.ids import ContactId, Reason


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes of waits under `/v1/contacts`."""
    router = APIRouter(prefix="/v1/contacts", tags=["contacts"], dependencies=[BEARER])

    @router.get(
        "/{contact_id}/wait",
        response_model=WaitEstimated,
        responses=responses(400, 401, 403, 404, 422, 503),
    )
    async def estimate_wait(contact_id: ContactPath, _: Supervisor) -> Response:
        """Estimate how long a contact will go on waiting."""
        estimated = _estimate(daemon, contact_id)
        await daemon.owner.durable()
        return respond(estimated.model_dump())

    @router.post(
        "/{contact_id}/announcement",
        response_model=WaitTold,
        responses=responses(400, 401, 403, 404, 408, 413, 415, 422, 503),
    )
    async def announce_wait(contact_id: ContactPath, body: Announcement, _: Rater) -> Response:
        """Say how long a contact will go on waiting, for its customer to be told."""
        del body
        receipt = await daemon.owner.submit(ev.WaitAsked(contact_id=contact_id))
        refusal = receipt.refusal()
        if refusal is not None and refusal.reason is Reason.UNKNOWN_CONTACT:
            raise unknown_contact(contact_id)
        if refusal is not None:
            raise refused(refusal)
        told = next(one for one in receipt.actions if type(one) is AnnounceWait)
        return respond(
            WaitTold(
                contact_id=contact_id,
                entry=receipt.entry,
                wait_us=told.wait_us,
                ahead=told.ahead,
                agents=told.agents,
                because=told.because,
            ).model_dump()
        )

    return router


def _estimate(daemon: Daemon, contact_id: ContactId) -> WaitEstimated:
    """Return the estimate of a contact's waiting leg."""
    router = daemon.owner.router
    contact = router.contacts.get(contact_id)
    if contact is None:
        raise unknown_contact(contact_id)
    if not router.settings.estimated_wait:
        raise refused(Refused(Reason.NOT_ESTIMATED, contact_id))
    waiting = [one for one in contact.legs if router.legs[one].state is LegState.QUEUED]
    if not waiting:
        raise refused(Refused(Reason.NOT_IN_THIS_STATE, contact_id))
    estimate = router.estimate(waiting[0])
    return WaitEstimated(
        contact_id=contact_id,
        wait_us=estimate.wait_us,
        ahead=estimate.ahead,
        agents=estimate.agents,
    )

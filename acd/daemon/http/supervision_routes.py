"""What supervisors decide about contacts that wait: who has one, how urgent it is, that it ends.

Whoever reads without a token decides nothing.
"""

from fastapi import APIRouter
from fastapi.responses import Response

from acd import events as ev
from acd.daemon.http.access import BEARER, Leader
from acd.daemon.http.errors import refused, respond, responses, unknown_contact
from acd.daemon.http.models import (
    Assignment,
    Cancellation,
    ContactDecided,
    ContactPath,
    NewPriority,
)
from acd.daemon.http.parts import Daemon
from acd.ids import ContactId, Reason


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes of decisions under `/v1/contacts`."""
    router = APIRouter(prefix="/v1/contacts", tags=["contacts"], dependencies=[BEARER])
    told = responses(400, 401, 403, 404, 408, 413, 415, 422, 503)

    @router.post("/{contact_id}/assignment", response_model=ContactDecided, responses=told)
    async def assign_contact(contact_id: ContactPath, body: Assignment, _: Leader) -> Response:
        """Keep a contact that waits for one agent."""
        event = ev.ContactAssigned(contact_id=contact_id, agent_id=body.agent_id)
        return respond((await _decide(daemon, contact_id, event)).model_dump())

    @router.post("/{contact_id}/priority", response_model=ContactDecided, responses=told)
    async def reprioritize_contact(
        contact_id: ContactPath, body: NewPriority, _: Leader
    ) -> Response:
        """Give a contact that waits another priority."""
        event = ev.ContactReprioritized(contact_id=contact_id, priority=body.priority)
        return respond((await _decide(daemon, contact_id, event)).model_dump())

    @router.post("/{contact_id}/cancellation", response_model=ContactDecided, responses=told)
    async def cancel_contact(contact_id: ContactPath, body: Cancellation, _: Leader) -> Response:
        """End a contact that nobody handles yet. Its customer is let go, also on the phone."""
        del body
        event = ev.ContactCanceled(contact_id=contact_id)
        return respond((await _decide(daemon, contact_id, event)).model_dump())

    return router


async def _decide(daemon: Daemon, contact_id: ContactId, event: ev.SingleEvent) -> ContactDecided:
    """Have a decision kept."""
    receipt = await daemon.owner.submit(event)
    refusal = receipt.refusal()
    if refusal is not None and refusal.reason is Reason.UNKNOWN_CONTACT:
        raise unknown_contact(contact_id)
    if refusal is not None:
        raise refused(refusal)
    return ContactDecided(contact_id=contact_id, entry=receipt.entry)

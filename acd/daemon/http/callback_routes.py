"""Callbacks over HTTP: producers agree times with customers, supervisors look.

A callback is a contact, so a producer takes his back as he does contacts, and a supervisor cancels
it as them. Its number stays in the daemon (`acd.daemon.numbers`).
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from acd import events as ev
from acd.contacts import Contact, Leg
from acd.daemon.http.access import BEARER, Producer, Supervisor
from acd.daemon.http.contact_routes import IdempotencyKey, contact_id_of, page_of
from acd.daemon.http.errors import HttpError, refused, respond, responses
from acd.daemon.http.models import CallbackPage, ContactQuery, ContactTaken, NewCallback
from acd.daemon.http.parts import Daemon
from acd.daemon.http.tokens import Token
from acd.daemon.http.views import CallbackView, callback_view


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes under `/v1/callbacks`."""
    router = APIRouter(prefix="/v1/callbacks", tags=["callbacks"], dependencies=[BEARER])

    @router.post(
        "",
        status_code=201,
        response_model=ContactTaken,
        responses={
            200: {"model": ContactTaken, "description": "A repeat: the callback of then."},
            **responses(400, 401, 403, 408, 413, 415, 422, 503),
        },
    )
    async def agree_callback(
        body: NewCallback, token: Producer, idempotency_key: IdempotencyKey
    ) -> Response:
        """Agree a time with a customer. It is kept when the answer comes."""
        taken = await _agree(daemon, token, idempotency_key, body)
        return respond(taken.model_dump(), status=200 if taken.repeated else 201)

    @router.get("", response_model=CallbackPage, responses=responses(400, 401, 403, 422, 503))
    async def list_callbacks(query: Annotated[ContactQuery, Query()], _: Supervisor) -> Response:
        """List who is to be called back, be it in his turn or at an agreed time."""
        found, following = _page(daemon, query)
        await daemon.owner.durable()
        return respond({"callbacks": found, "next": following})

    return router


async def _agree(daemon: Daemon, token: Token, key: str, body: NewCallback) -> ContactTaken:
    """Have a callback taken; return it when it is on the disk."""
    if not daemon.can_control():
        raise HttpError(422, "cannot_dial", "there is no switch that dials customers", "queue")
    contact_id = contact_id_of(token, key)
    numbers = daemon.numbers
    is_new = not numbers.get(contact_id)
    event = ev.CallbackScheduled(
        contact_id=contact_id,
        queue=body.queue,
        at_us=body.at_us,
        customer=body.customer,
        attributes=tuple(sorted(body.attributes.items())),
        requirement=body.requirement,
        prefers=tuple(body.prefers),
        priority=body.priority,
        named_agent=body.named_agent,
    )
    if is_new:  # Before it is agreed: what is agreed must not lack its number.
        numbers.keep(contact_id, body.number)
    receipt = await daemon.owner.submit(event, key=f"http/{token.name}/{key}")
    if is_new and contact_id not in daemon.owner.router.contacts:
        numbers.forget(contact_id)
    refusal = receipt.refusal()
    if refusal is not None:
        raise refused(refusal)
    return ContactTaken(
        contact_id=contact_id,
        entry=receipt.entry,
        repeated=receipt.repeated,
        acknowledgement=None,
        turned_away=None,
    )


def _page(daemon: Daemon, query: ContactQuery) -> tuple[list[CallbackView], int | None]:
    """Return a page of callbacks."""

    def show(contact: Contact, leg: Leg) -> CallbackView | None:
        view = callback_view(contact, leg)
        return view if view is not None and query.queue in {None, view.queue} else None

    return page_of(daemon.owner.router, query, show)

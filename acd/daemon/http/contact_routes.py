"""Contacts over HTTP: producers bring and take back, supervisors look.

A producer names each contact by a key of his own choice (`Idempotency-Key`). However often he sends
it, in whatever order the repeats and answers cross, one contact comes of it: its id is a digest of
the token's name and the key, and the owner steps no key twice. The answer leaves when the contact
is on the disk.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from acd import events as ev
from acd.actions import Acknowledge
from acd.contacts import Contact, Leg
from acd.daemon.directory import Known
from acd.daemon.history.errors import SlowQueryError
from acd.daemon.http.access import BEARER, Producer, Supervisor
from acd.daemon.http.errors import HttpError, refused, respond, responses, unknown_contact
from acd.daemon.http.models import (
    AcknowledgementView,
    ContactPage,
    ContactPath,
    ContactQuery,
    ContactTaken,
    ContactWithdrawn,
    NewContact,
    TurnedAwayView,
)
from acd.daemon.http.outcome_routes import turned_away_in, turned_away_then
from acd.daemon.http.parts import Daemon
from acd.daemon.http.tokens import Token
from acd.daemon.http.views import ContactView, contact_view
from acd.errors import StorageError
from acd.ids import Channel, ContactId
from acd.router import Router
from acd.settings import SECOND_US

SCAN_MAX: Final = 20_000
"""Most legs looked at for one page: 5 ms. A page may be short, or empty, and go on all the same."""

_OURS: Final = re.compile(r"c-[0-9a-f]{24}")

Shown = TypeVar("Shown")

REACH_S: Final = 0.5
"""How long a repeat waits until what was told first is written, which takes some ms."""

IdempotencyKey = Annotated[
    str, Header(alias="Idempotency-Key", min_length=1, max_length=64, pattern="^[!-~]+$")
]


def contact_id_of(token: Token, key: str) -> ContactId:
    """Return the id of the contact that a producer knows by a key."""
    digest = hashlib.sha256(f"{token.name}\n{key}".encode()).hexdigest()
    return f"c-{digest[:24]}"


def make_router(daemon: Daemon) -> APIRouter:
    """Return the routes under `/v1/contacts`."""
    router = APIRouter(prefix="/v1/contacts", tags=["contacts"], dependencies=[BEARER])

    @router.post(
        "",
        status_code=201,
        response_model=ContactTaken,
        responses={
            200: {"model": ContactTaken, "description": "A repeat: the contact of then."},
            **responses(400, 401, 403, 408, 413, 415, 422, 503),
        },
    )
    async def submit_contact(
        body: NewContact, token: Producer, idempotency_key: IdempotencyKey
    ) -> Response:
        """Bring a contact. It is kept when the answer comes."""
        taken = await _submit(daemon, token, idempotency_key, body)
        return respond(taken.model_dump(), status=200 if taken.repeated else 201)

    @router.delete(
        "/{contact_id}",
        response_model=ContactWithdrawn,
        responses=responses(400, 401, 403, 404, 422, 503),
    )
    async def withdraw_contact(contact_id: ContactPath, _token: Producer) -> Response:
        """Say that the customer is gone. Calls of a switch are not ended here."""
        return respond((await _withdraw(daemon, contact_id)).model_dump())

    @router.get("", response_model=ContactPage, responses=responses(400, 401, 403, 422, 503))
    async def list_contacts(query: Annotated[ContactQuery, Query()], _: Supervisor) -> Response:
        """List the open contacts, oldest first."""
        contacts, following = _page(daemon, query)
        await daemon.owner.durable()
        return respond({"contacts": contacts, "next": following})

    @router.get(
        "/{contact_id}",
        response_model=ContactView,
        responses=responses(400, 401, 403, 404, 422, 503),
    )
    async def show_contact(contact_id: ContactPath, _: Supervisor) -> Response:
        """Show an open contact."""
        contact = daemon.owner.router.contacts.get(contact_id)
        view = None if contact is None else contact_view(contact, daemon.owner.router)
        await daemon.owner.durable()
        if view is None:
            raise unknown_contact(contact_id)
        return respond(view)

    return router


async def _submit(daemon: Daemon, token: Token, key: str, body: NewContact) -> ContactTaken:
    """Have a contact taken; return it when it is on the disk."""
    if body.channel is Channel.VOICE:
        raise HttpError(422, "voice_by_switch", "calls come from the switch", "channel")
    contact_id = contact_id_of(token, key)
    event = _arrived(contact_id, body, _customer(daemon, body))
    receipt = await daemon.owner.submit(event, key=f"http/{token.name}/{key}")
    refusal = receipt.refusal()
    if refusal is not None:
        raise refused(refusal)
    told = next((one for one in receipt.actions if type(one) is Acknowledge), None)
    acknowledgement = None
    if told is not None:
        acknowledgement = AcknowledgementView(
            reference=told.reference,
            expected_s=told.expected_s,
            expected_us=receipt.now_us + told.expected_s * SECOND_US,
        )
    turned_away = turned_away_in(receipt.actions, contact_id)
    if receipt.repeated:
        acknowledgement, turned_away = await _told_then(daemon, contact_id, receipt.entry)
    return ContactTaken(
        contact_id=contact_id,
        entry=receipt.entry,
        repeated=receipt.repeated,
        acknowledgement=acknowledgement,
        turned_away=turned_away,
    )


async def _told_then(
    daemon: Daemon, contact_id: ContactId, entry: int
) -> tuple[AcknowledgementView | None, TurnedAwayView | None]:
    """Return what the customer was to be told when the contact came, or later; None for nothing.

    Whoever repeats may never have got the first answer, so he gets it from the history.
    """
    each = [one for queue in daemon.domain.queues for one in queue.channels.values()]
    if not (daemon.domain.admission or any(one.acknowledge or one.overflow for one in each)):
        return None, None
    await daemon.history.reach(entry, within_s=REACH_S)
    try:
        row = await daemon.history.reader.acknowledgement(contact_id)
        turned_away = await turned_away_then(daemon, contact_id)
    except (SlowQueryError, StorageError):
        return None, None  # The contact is kept all the same, which is what he must know.
    return None if row is None else AcknowledgementView(**row), turned_away


async def _withdraw(daemon: Daemon, contact_id: str) -> ContactWithdrawn:
    """Have a contact that came over HTTP withdrawn."""
    if not _OURS.fullmatch(contact_id):
        raise unknown_contact(contact_id)
    contact = daemon.owner.router.contacts.get(contact_id)
    is_called = contact is not None and contact.callback is not None
    # Who is to be called back is not there, so that he cannot leave.
    event = (ev.ContactCanceled if is_called else ev.ContactLeft)(contact_id=contact_id)
    receipt = await daemon.owner.submit(event)
    if receipt.refusal() is not None:
        raise unknown_contact(contact_id)
    return ContactWithdrawn(contact_id=contact_id, entry=receipt.entry)


def _customer(daemon: Daemon, body: NewContact) -> Known:
    """Return who the customer is, by the token or the address that a producer has.

    Raises:
        HttpError: He has both, or an address that is none, or of which nothing is made here.
    """
    if not body.address:
        return Known(customer=body.customer)
    message = "it is no number and no address of email"
    if body.customer:
        message = "wanted `customer` or `address`, not both"
    elif not daemon.customers.are_identified:
        message = "addresses are not taken: there is no [daemon.customers]"
    elif daemon.customers.canonical(body.address) is not None:
        return daemon.customers.of(body.address)
    raise HttpError(422, "bad_address", message, "address")


def _arrived(contact_id: ContactId, body: NewContact, customer: Known) -> ev.ContactArrived:
    return ev.ContactArrived(
        contact_id=contact_id,
        queue=body.queue,
        channel=body.channel,
        customer=customer.customer,
        attributes=customer.attributed(tuple(sorted(body.attributes.items()))),
        requirement=body.requirement,
        prefers=tuple(body.prefers),
        priority=body.priority,
        promised_us=body.promised_us,
        expires_us=body.expires_us,
        named_agent=body.named_agent or customer.named_agent,
    )


def page_of(
    router: Router, query: ContactQuery, show: Callable[[Contact, Leg], Shown | None]
) -> tuple[list[Shown], int | None]:
    """Return a page of what is shown of legs, and after which leg to go on; None at the end.

    Cost: the legs before it, which are skipped at 25 ns each, and `SCAN_MAX` at most of the rest.
    """
    found: list[Shown] = []
    looked_at = 0
    for number, leg in router.legs.items():
        if number <= query.after:
            continue
        looked_at += 1
        view = show(router.contacts[leg.contact_id], leg)
        if view is not None:
            found.append(view)
        if len(found) == query.limit or looked_at == SCAN_MAX:
            return found, number
    return found, None


def _page(daemon: Daemon, query: ContactQuery) -> tuple[list[ContactView], int | None]:
    """Return a page of contacts, each at its first leg."""
    router = daemon.owner.router

    def show(contact: Contact, leg: Leg) -> ContactView | None:
        is_asked = query.queue in {None, leg.klass.queue.name}
        is_first = contact.legs[0] == leg.leg_id
        return contact_view(contact, router) if is_first and is_asked else None

    return page_of(router, query, show)

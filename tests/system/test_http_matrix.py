"""Who may ask what: every route as everybody.

Method: the routes are those that OpenAPI and the app name, so a new one fails this test until it
has its line in the table; each is asked, over a real server, without a token, with a wrong, an
expired and another domain's token, and as each role. The table says what each must get.
"""

import asyncio
import json
from pathlib import Path
from typing import cast

import pytest
from websockets.exceptions import InvalidStatus

from acd.daemon.http import socket_routes
from acd.daemon.http.access import PUBLIC
from acd.daemon.http.desk import Desks
from acd.daemon.http.openapi import document
from acd.daemon.http.parts import Daemon
from acd.daemon.http.sockets import Sockets
from tests.unit.http_daemon import House, bring, house

ASKING = ("", "acd_wrong", "expired", "other", "form", "ann", "bob", "chef")
"""Nobody, a wrong token, an expired one, another domain's; producer, agent, other, supervisor."""

MATRIX = """
                                     none wrong expired other producer self agent supervisor
GET    /                             200  200   200     200   200      200  200   200
GET    /livez                        200  200   200     200   200      200  200   200
GET    /readyz                       200  200   200     200   200      200  200   200
GET    /metrics                      401  401   401     403   403      403  403   200
POST   /v1/contacts                  401  401   401     403   201      403  403   403
GET    /v1/contacts                  401  401   401     403   403      403  403   200
GET    /v1/contacts/{contact_id}     401  401   401     403   403      403  403   200
DELETE /v1/contacts/{contact_id}     401  401   401     403   200      403  403   403
POST   /v1/contacts/{contact_id}/assignment 401 401 401 403   403      403  403   422
POST   /v1/contacts/{contact_id}/priority   401 401 401 403   403      403  403   422
POST   /v1/contacts/{contact_id}/cancellation 401 401 401 403 403      403  403   200
POST   /v1/callbacks                 401  401   401     403   422      403  403   403
GET    /v1/callbacks                 401  401   401     403   403      403  403   200
GET    /v1/contacts/{contact_id}/wait 401 401  401     403   403      403  403   422
GET    /v1/contacts/{contact_id}/outcome 401 401 401   403   200      403  403   200
POST   /v1/contacts/{contact_id}/announcement 401 401 401 403 422      403  403   422
GET    /v1/queues                    401  401   401     403   403      403  403   200
GET    /v1/queues/{name}             401  401   401     403   403      403  403   200
GET    /v1/agents                    401  401   401     403   403      403  403   200
GET    /v1/agents/{agent_id}         401  401   401     403   403      200  403   200
POST   /v1/agents/{agent_id}/state   401  401   401     403   403      200  403   403
POST   /v1/agents/{agent_id}/change  401  401   401     403   403      403  403   422
POST   /v1/legs/{offer_id}/rating    401  401   401     403   422      403  403   422
GET    /v1/history/contacts          401  401   401     403   403      403  403   200
GET    /v1/history/contacts/{contact_id} 401 401 401   403   403      403  403   200
GET    /v1/history/customers/{customer} 401 401 401   403   403      403  403   200
GET    /v1/history/references/{reference} 401 401 401 403 403      403  403   404
GET    /v1/history/offers            401  401   401     403   403      403  403   200
GET    /v1/history/agents            401  401   401     403   403      403  403   200
GET    /v1/history/measures          401  401   401     403   403      403  403   200
WS     /v1/agents/{agent_id}/desk    401  401   401     403   403      101  403   403
WS     /v1/live                      401  401   401     403   403      403  403   101
"""

BODIES = {
    # Nobody is there, and the policy reads no priority, which is said to whoever may decide.
    "/v1/contacts/{contact_id}/assignment": {"agent_id": "bob"},
    "/v1/contacts/{contact_id}/priority": {"priority": 3},
    "/v1/contacts/{contact_id}/cancellation": {},
    # Nor has it waits estimated.
    "/v1/contacts/{contact_id}/announcement": {},
    "/v1/contacts": {"queue": "sales", "channel": "chat"},
    # No switch dials anybody, which is said to whoever may ask for it.
    "/v1/callbacks": {"queue": "sales", "at_us": 2**59, "number": "+4930123"},
    "/v1/agents/{agent_id}/state": {"state": "logged_in"},
    # He is so already.
    "/v1/agents/{agent_id}/change": {"skills": {}},
    # The domain measures nothing, which is said to whoever may rate.
    "/v1/legs/{offer_id}/rating": {"agent_id": "ann", "queue": "sales", "quality": 80},
}


def table() -> dict[str, list[int]]:
    """Return the matrix: the statuses of each route."""
    rows = {}
    for line in MATRIX.strip().splitlines()[1:]:
        method, path, *statuses = line.split()
        rows[f"{method} {path}"] = [int(status) for status in statuses]
    return rows


def routes() -> set[str]:
    """Return all routes that the app has."""
    paths = json.loads(document())["paths"]
    found = {f"{method.upper()} {path}" for path, ways in paths.items() for method in ways}
    nobody = cast("Daemon", None)
    sockets = socket_routes.make_router(nobody, cast("Sockets", None), cast("Desks", None))
    return found | {f"WS {getattr(route, 'path', '?')}" for route in sockets.routes}


def test_every_route_has_its_line():
    assert routes() == set(table())


def test_only_what_tells_nothing_of_anybody_is_open():
    unguarded = {route.split()[1] for route, statuses in table().items() if statuses[0] != 401}
    assert unguarded == set(PUBLIC)


async def ask(made: House, route: str, name: str, contact_id: str) -> int:
    """Ask a route as somebody; return the status."""
    method, pattern = route.split()
    path = pattern.format(
        agent_id="ann",
        contact_id=contact_id,
        customer="k-1",
        name="sales",
        offer_id=1,
        reference="HD8J-GY35-VMDE",
    )
    if method == "WS":
        try:
            async with made.socket(path, name):
                return 101
        except InvalidStatus as error:
            return error.response.status_code
    async with made.client(name) as client:
        body = BODIES.get(pattern) if method == "POST" else None
        headers = {"Idempotency-Key": "matrix"}
        answer = await client.request(method, path, json=body, headers=headers)
        return answer.status_code


@pytest.mark.parametrize("route", table())
def test_everybody_gets_what_the_matrix_says(route, tmp_path):
    async def main():
        async with house(tmp_path) as made:
            contact_id = (await bring(made, "order-1")).json()["contact_id"]
            return [await ask(made, route, name, contact_id) for name in ASKING]

    assert asyncio.run(main()) == table()[route]


def test_the_document_is_the_one_checked_in():
    checked_in = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert checked_in.read_text(encoding="utf-8") == document(), (
        "python -m acd.daemon.http.openapi docs/openapi.json"
    )

"""What supervisors decide over HTTP about contacts that wait.

Method: a real server before a real owner and journal; what was decided is seen in the router, and
whoever may only read is refused.
"""

import asyncio

import msgspec
import pytest

from acd import events as ev
from acd.daemon.settings import Anonymous
from acd.ids import Reason
from acd.settings import Urgency
from tests.unit.http_daemon import bring, house, work
from tests.unit.shop import SHOP

_replace = msgspec.structs.replace
BY_PRIORITY = _replace(
    SHOP, urgency=Urgency.STRICT_PRIORITY, queues=(_replace(SHOP.queues[0], priority=0),)
)


async def decide(made, contact_id, what, body=None, name="chef"):
    async with made.client(name) as client:
        return await client.post(f"/v1/contacts/{contact_id}/{what}", json=body)


async def brought(made, key):
    return (await bring(made, key)).json()["contact_id"]


def test_a_contact_that_waits_is_assigned_to_an_agent(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            await made.owner.submit(ev.AgentLoggedIn(agent_id="bob"))
            contact_id = await brought(made, "order-1")
            answer = await decide(made, contact_id, "assignment", {"agent_id": "bob"})
            assert answer.status_code == 200
            assert answer.json() == {"contact_id": contact_id, "entry": 3}
            (leg,) = made.owner.router.legs.values()
            assert leg.kept_for == made.owner.router.agent("bob").index

    asyncio.run(main())


def test_a_contact_that_waits_gets_another_priority(tmp_path):
    async def main():
        async with house(tmp_path, domain=BY_PRIORITY) as made:
            await brought(made, "order-1")
            later = await brought(made, "order-2")
            assert (await decide(made, later, "priority", {"priority": 7})).status_code == 200
            await work(made, "ann")
            first = made.owner.router.offers[1]
            assert made.owner.router.legs[first.leg_id].contact_id == later

    asyncio.run(main())


def test_a_contact_that_waits_is_canceled(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            contact_id = await brought(made, "order-1")
            assert (await decide(made, contact_id, "cancellation", {})).status_code == 200
            assert not made.owner.router.contacts
            again = await decide(made, contact_id, "cancellation", {})
            assert (again.status_code, again.json()["error"]["reason"]) == (404, "unknown_contact")

    asyncio.run(main())


@pytest.mark.parametrize(
    "what, body, reason",
    [
        ("assignment", {"agent_id": "nobody"}, Reason.UNKNOWN_AGENT),
        ("assignment", {"agent_id": "bob"}, Reason.NOT_IN_THIS_STATE),
        ("priority", {"priority": 3}, Reason.NO_PRIORITY),
    ],
)
def test_what_the_router_refuses_is_told_with_its_reason(tmp_path, what, body, reason):
    async def main():
        async with house(tmp_path) as made:
            answer = await decide(made, await brought(made, "order-1"), what, body)
            assert (answer.status_code, answer.json()["error"]["reason"]) == (422, reason)

    asyncio.run(main())


@pytest.mark.parametrize(
    "what, body",
    [
        ("assignment", {}),
        ("assignment", {"agent_id": ""}),
        ("priority", {"priority": "3"}),
        ("priority", {"priority": 2**31}),
        ("priority", {"priority": 3, "why": "he shouts"}),
        ("cancellation", {"why": "he shouts"}),
    ],
)
def test_another_shape_is_refused(tmp_path, what, body):
    async def main():
        async with house(tmp_path) as made:
            answer = await decide(made, await brought(made, "order-1"), what, body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")

    asyncio.run(main())


def test_who_may_read_without_a_token_decides_nothing(tmp_path):
    async def main():
        async with house(tmp_path, anonymous=Anonymous.SUPERVISOR) as made:
            contact_id = await brought(made, "order-1")
            for what, body in (
                ("assignment", {"agent_id": "ann"}),
                ("priority", {"priority": 3}),
                ("cancellation", {}),
            ):
                answer = await decide(made, contact_id, what, body, name="")
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "no_token")

    asyncio.run(main())

"""Callbacks over HTTP: times are agreed, listed and taken back, and numbers stay in the daemon.

Method: a real server before a real owner and journal; what was agreed is seen in the router.
"""

import asyncio

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.settings import DAY_US, SECOND_US
from acd.waiting_settings import CallbackSettings
from tests.unit.http_daemon import house
from tests.unit.shop import SHOP, arrived

AHEAD_US = 3_600 * SECOND_US
SETTINGS = replace(
    SHOP,
    queues=(replace(SHOP.queues[0], callbacks=CallbackSettings(slots=1, interval_us=AHEAD_US)),),
)


async def agree(made, key="k1", name="form", **more):
    body = {"queue": "sales", "number": "+4930123", "customer": "ada", **more}
    async with made.client(name) as client:
        return await client.post("/v1/callbacks", json=body, headers={"Idempotency-Key": key})


async def listed(made, **query):
    async with made.client("chef") as client:
        return (await client.get("/v1/callbacks", params=query)).json()


def test_a_time_is_agreed_listed_and_taken_back(tmp_path):
    async def main():
        async with house(tmp_path, domain=SETTINGS) as made:
            made.controls = True
            at_us = made.owner.clock.now_us() + AHEAD_US
            answer = await agree(made, at_us=at_us)
            assert answer.status_code == 201
            contact_id = answer.json()["contact_id"]
            assert made.numbers.get(contact_id) == "+4930123"
            again = await agree(made, at_us=at_us, number="+49999")
            assert (again.status_code, again.json()["repeated"]) == (200, True)
            assert made.numbers.get(contact_id) == "+4930123"
            full = await agree(made, "k2", at_us=at_us, customer="bob")
            assert full.status_code == 422
            assert full.json()["error"]["reason"] == "slot_full"
            assert len(made.numbers) == 1
            await made.owner.submit(replace(arrived("call-1"), customer="bob"))
            await made.owner.submit(ev.CallbackRequested(contact_id="call-1"))
            await made.owner.submit(arrived("call-2"))
            shown = {"queue": "sales", "attempts": 0}
            page = await listed(made)
            assert page == {
                "callbacks": [
                    {
                        "contact_id": contact_id,
                        "customer": "ada",
                        "booked_us": at_us,
                        "due_us": at_us,
                        "state": "scheduled",
                        **shown,
                    },
                    {
                        "contact_id": "call-1",
                        "customer": "bob",
                        "booked_us": None,
                        "due_us": None,
                        "state": "queued",
                        **shown,
                    },
                ],
                "next": None,
            }
            first = await listed(made, limit=1)
            assert first["next"] == 1
            assert (await listed(made, after=1))["callbacks"] == page["callbacks"][1:]
            assert (await listed(made, queue="other"))["callbacks"] == []
            assert b"4930123" not in b"".join(one.read_bytes() for one in tmp_path.iterdir())
            async with made.client("form") as client:
                gone = await client.delete(f"/v1/contacts/{contact_id}")
            assert gone.status_code == 200
            assert contact_id not in made.owner.router.contacts

    asyncio.run(main())


@pytest.mark.parametrize("ahead_us, reason", [(-1, "in_the_past"), (400 * DAY_US, "too_far_ahead")])
def test_a_time_that_is_past_or_far_ahead_is_refused_and_its_key_may_be_used_again(
    tmp_path, ahead_us, reason
):
    async def main():
        async with house(tmp_path, domain=SETTINGS) as made:
            made.controls = True
            at_us = made.owner.clock.now_us() + ahead_us
            answer = await agree(made, at_us=at_us)
            assert answer.status_code == 422
            error = answer.json()["error"]
            assert (error["reason"], error["about"]) == (reason, str(at_us))
            assert not len(made.numbers)
            assert not made.owner.router.contacts
            later = await agree(made, at_us=made.owner.clock.now_us() + AHEAD_US)
            assert (later.status_code, later.json()["repeated"]) == (201, False)

    asyncio.run(main())


@pytest.mark.parametrize("number", ["", "12", "+49 30", "sip:ada@example", 5])
def test_what_is_no_number_is_not_taken(tmp_path, number):
    async def main():
        async with house(tmp_path, domain=SETTINGS) as made:
            made.controls = True
            answer = await agree(made, number=number, at_us=2**59)
            assert answer.status_code == 422
            assert not len(made.numbers)

    asyncio.run(main())


def test_without_a_switch_that_dials_nothing_is_agreed(tmp_path):
    async def main():
        async with house(tmp_path, domain=SETTINGS) as made:
            answer = await agree(made, at_us=2**59)
            assert answer.status_code == 422
            assert answer.json()["error"]["code"] == "cannot_dial"

    asyncio.run(main())

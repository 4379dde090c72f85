"""How long contacts wait, over HTTP: looked at, and told to customers.

Method: a real server before a real owner and journal.
"""

import asyncio

from msgspec.structs import replace

from acd import events as ev
from acd.actions import AnnounceWait
from acd.settings import SECOND_US
from tests.unit.http_daemon import bring, house, work
from tests.unit.shop import CHAT, SHOP, VOICE

(SALES,) = SHOP.queues
TIMED = replace(
    SALES,
    channels={
        name: replace(one, handle_time_us=90 * SECOND_US) for name, one in SALES.channels.items()
    },
)
ESTIMATING = replace(SHOP, queues=(TIMED,), estimated_wait=True)
assert set(TIMED.channels) == {VOICE, CHAT}


async def brought(made, key):
    return (await bring(made, key)).json()["contact_id"]


def test_a_wait_is_looked_at_without_a_trace_and_told_for_the_record(tmp_path):
    async def main():
        async with house(tmp_path, domain=ESTIMATING) as made:
            contact_id = await brought(made, "order-1")
            path = f"/v1/contacts/{contact_id}"
            async with made.client("chef") as chef, made.client("form") as form:
                stepped = made.owner.stepped
                looked = await chef.get(f"{path}/wait")
                assert looked.json() == {
                    "contact_id": contact_id,
                    "wait_us": None,
                    "ahead": 0,
                    "agents": 0,
                }
                assert made.owner.stepped == stepped
                told = await form.post(f"{path}/announcement", json={})
                assert told.json() == {
                    **looked.json(),
                    "because": None,
                    "entry": made.owner.stepped,
                }
                await work(made, "ann")
                # It rings at Ann now, and waits no longer.
                for answer in (
                    await chef.get(f"{path}/wait"),
                    await form.post(f"{path}/announcement", json={}),
                ):
                    assert answer.status_code == 422
                    assert answer.json()["error"]["reason"] == "not_in_this_state"
                for number in range(2, 4):
                    await brought(made, f"order-{number}")
                later = await brought(made, "order-4")
                told = await form.post(f"/v1/contacts/{later}/announcement", json={})
                # Ann takes two chats at once: two are ahead, each half of her for 90 s.
                assert told.json()["ahead"] == 1
                assert told.json()["agents"] == 1
                assert told.json()["wait_us"] == 90 * SECOND_US

    asyncio.run(main())


def test_who_is_not_there_waits_for_nothing_and_others_estimate_nothing(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            contact_id = await brought(made, "order-1")
            async with made.client("chef") as chef:
                gone = "/v1/contacts/c9"
                assert (await chef.get(f"{gone}/wait")).status_code == 404
                assert (await chef.post(f"{gone}/announcement", json={})).status_code == 404
                here = f"/v1/contacts/{contact_id}"
                for answer in (
                    await chef.get(f"{here}/wait"),
                    await chef.post(f"{here}/announcement", json={}),
                ):
                    assert answer.status_code == 422
                    assert answer.json()["error"]["reason"] == "not_estimated"

    asyncio.run(main())


def test_what_was_told_is_in_the_journal(tmp_path):
    async def main():
        async with house(tmp_path, domain=ESTIMATING) as made:
            contact_id = await brought(made, "order-1")
            receipt = await made.owner.submit(ev.WaitAsked(contact_id=contact_id))
            assert receipt.actions == (AnnounceWait(1, contact_id),)
            assert receipt.entry == made.owner.stepped

    asyncio.run(main())

"""Who brings a contact is told when it is turned away, at once or when he asks.

Method: a real server takes chats of a shop whose queue is full, or to which only so many may come;
the answers, what a repeat of the request gets and the history are compared with each other.
"""

import asyncio

from msgspec.structs import replace

from acd.settings import AdmissionSettings, OverflowRule
from tests.unit.http_daemon import bring, house
from tests.unit.shop import CHAT, SHOP

BUSY = {"because": "max_waiting", "message": "busy", "voicemail": None, "admission": None}


def shop(*rules, **fields):
    """Return the shop whose chats have rules."""
    (queue,) = SHOP.queues
    chat = replace(queue.channels[CHAT], overflow=rules)
    queues = (replace(queue, channels={**queue.channels, CHAT: chat}),)
    return replace(SHOP, queues=queues, messages=("busy", "later"), **fields)


async def outcome(made, contact_id, *, name="form"):
    """Ask what became of a contact."""
    async with made.client(name) as client:
        return await client.get(f"/v1/contacts/{contact_id}/outcome")


def test_who_does_not_get_in_is_told_so_at_once_and_again(tmp_path):
    async def main():
        async with house(
            tmp_path, domain=shop(OverflowRule(max_waiting=1, message="busy"))
        ) as made:
            first = (await bring(made, "1", channel="chat")).json()
            assert first["turned_away"] is None
            second = (await bring(made, "2", channel="chat")).json()
            assert second["turned_away"] == BUSY
            # The answer was lost on its way.
            assert (await bring(made, "2", channel="chat")).json() == {**second, "repeated": True}
            assert (await bring(made, "1", channel="chat")).json()["turned_away"] is None
            told = (await outcome(made, first["contact_id"])).json()
            assert told == {"contact_id": first["contact_id"], "outcome": None, "turned_away": None}
            told = (await outcome(made, second["contact_id"], name="chef")).json()
            assert (told["outcome"], told["turned_away"]) == ("rejected", BUSY)

    asyncio.run(main())


def test_who_waited_and_was_turned_away_is_found_by_asking(tmp_path):
    limit = AdmissionSettings(name="all", max_waiting=1, message="later")

    async def main():
        async with house(tmp_path, domain=shop(admission=(limit,))) as made:
            first = (await bring(made, "1", channel="chat", priority=1)).json()
            # He is more urgent, so the other goes.
            second = (await bring(made, "2", channel="chat", priority=2)).json()
            assert (first["turned_away"], second["turned_away"]) == (None, None)
            told = (await outcome(made, first["contact_id"])).json()
            assert told["outcome"] == "rejected"
            by_limit = {"message": "later", "admission": "all"}
            assert told["turned_away"] == {**BUSY, **by_limit}
            async with made.client("chef") as client:
                past = await client.get(f"/v1/history/contacts/{first['contact_id']}")
            (row,) = past.json()["overflow_rows"]
            told_us = row.pop("at_us")
            assert told_us <= made.owner.clock.now_us()
            by_limit = {"because": "max_waiting", "target": "message", "name": "later"}
            assert row == {**by_limit, "admission": "all"}

    asyncio.run(main())


def test_others_have_an_outcome_too_and_who_never_came_has_none(tmp_path):
    async def main():
        async with house(tmp_path, domain=shop()) as made:
            first = (await bring(made, "1", channel="chat")).json()
            async with made.client("form") as client:
                await client.delete(f"/v1/contacts/{first['contact_id']}")
            told = (await outcome(made, first["contact_id"])).json()
            assert (told["outcome"], told["turned_away"]) == ("abandoned", None)
            answer = await outcome(made, "c-0")
            assert answer.status_code == 404
            assert answer.json()["error"]["message"] == "there is and was no such contact"

    asyncio.run(main())

"""Who brings an email or a form is told what to tell its customer, and told again if he asks again.

Method: a real server takes emails and forms of a small shop; the answers, the views of supervisors
and the history are compared with each other.
"""

import asyncio

import pytest
from msgspec.structs import replace

from acd.acknowledgement import reference_of
from acd.daemon.history.keeper import History
from acd.daemon.settings import HistorySettings
from acd.ids import Channel
from acd.settings import SECOND_US, ChannelSettings, SlotSettings
from tests.unit.http_daemon import bring, heard, house
from tests.unit.shop import SHOP

HOUR_S = 3_600


def shop(*, acknowledge=True):
    """Return the shop with letters."""
    (queue,), (capacity,) = SHOP.queues, SHOP.capacities
    letters = ChannelSettings(objective_us=HOUR_S * SECOND_US, acknowledge=acknowledge)
    channels = {Channel.EMAIL: letters, Channel.WEB_FORM: letters}
    (line,) = SHOP.profiles[0].serves
    profile = replace(SHOP.profiles[0], serves=(replace(line, channels=tuple(Channel)),))
    return replace(
        SHOP,
        queues=(replace(queue, channels={**queue.channels, **channels}),),
        capacities=(
            replace(
                capacity, channels={**capacity.channels, **dict.fromkeys(channels, SlotSettings())}
            ),
        ),
        profiles=(profile,),
    )


def test_who_brings_a_letter_is_told_what_to_tell_its_customer(tmp_path):
    async def main():
        async with house(tmp_path, domain=shop()) as made:
            before_us = made.owner.clock.now_us()
            first = (await bring(made, "1", channel="email")).json()
            told = first["acknowledgement"]
            assert told["reference"] == reference_of(first["contact_id"])
            assert told["expected_s"] == HOUR_S
            came_us = told["expected_us"] - HOUR_S * SECOND_US
            assert before_us <= came_us <= made.owner.clock.now_us()
            # The answer was lost on its way.
            again = (await bring(made, "1", channel="email")).json()
            assert again == {**first, "repeated": True}
            # Also when it is long over.
            async with made.client("form") as client:
                await client.delete(f"/v1/contacts/{first['contact_id']}")
            assert (await bring(made, "1", channel="email")).json() == again
            # Whoever chats sees that he waits.
            assert (await bring(made, "2", channel="chat")).json()["acknowledgement"] is None
            assert (await bring(made, "2", channel="chat")).json()["acknowledgement"] is None

    asyncio.run(main())


def test_a_contact_is_found_by_the_reference_that_its_customer_quotes(tmp_path):
    async def main():
        async with house(tmp_path, domain=shop(), agents_at_work=True) as made:
            first = (await bring(made, "1", channel="web_form")).json()
            reference = first["acknowledgement"]["reference"]
            spoken = reference.lower().replace("-", " ").replace("0", "o").replace("1", "l")
            async with made.client("chef") as client:
                shown = await client.get(f"/v1/contacts/{first['contact_id']}")
                assert shown.json()["reference"] == reference
                for said in (reference, spoken):
                    found = await client.get(f"/v1/history/references/{said}")
                    assert found.status_code == 200, found.text
                    assert found.json()["contact_id"] == first["contact_id"]
                    assert found.json()["acknowledgement"] == first["acknowledgement"]
                answer = await client.get("/v1/history/references/HD8J-GY35-VMDE")
                assert answer.status_code == 404
                assert answer.json()["error"]["message"] == "nobody was told this reference"
                chat = (await bring(made, "2", channel="chat")).json()
                shown = await client.get(f"/v1/contacts/{chat['contact_id']}")
                assert shown.json()["reference"] is None
            async with made.socket("/v1/agents/ann/desk", "ann") as socket:
                legs = (await heard(socket))["agent"]["legs"]
                assert legs[0]["reference"] == reference

    asyncio.run(main())


def test_nothing_is_looked_up_where_nobody_is_told_anything(tmp_path):
    async def main():
        async with house(tmp_path, domain=shop(acknowledge=False)) as made:
            made.history.reader = None  # type: ignore[assignment]
            for _ in range(2):
                answer = await bring(made, "1", channel="email")
                assert answer.json()["acknowledgement"] is None

    asyncio.run(main())


def test_a_history_that_cannot_be_read_loses_no_contact(tmp_path):
    async def main():
        async with house(tmp_path, domain=shop()) as made:
            first = (await bring(made, "1", channel="email")).json()
            made.history.reader._path = tmp_path / "gone.db"
            again = await bring(made, "1", channel="email")
            assert again.status_code == 200
            assert again.json() == {**first, "repeated": True, "acknowledgement": None}

    asyncio.run(main())


@pytest.mark.parametrize("keep_s", [0, 3_600])
def test_what_was_told_is_forgotten_with_its_contact(tmp_path, keep_s):
    async def main():
        async with house(tmp_path, domain=shop()) as made:
            first = (await bring(made, "1", channel="email")).json()
            async with made.client("form") as client:
                await client.delete(f"/v1/contacts/{first['contact_id']}")
            await made.history.reach(made.owner.on_disk, within_s=10)
            entries = tuple(made.journal.entries(1))
        # Another history of the same journal, which keeps nothing, or an hour.
        settings = HistorySettings(path=tmp_path / "other.db", keep_us=keep_s * SECOND_US)
        history = History(settings, made.journal.journal_id, shop(), lambda _: None)
        history._fold.write(entries)
        now_us = entries[-1].now_us + 10 * SECOND_US
        history._fold.write((replace_number(entries[0], entries[-1].number + 1, now_us),))
        row = await history.reader.acknowledgement(first["contact_id"])
        assert (row is None) == (keep_s == 0)
        await history.close()

    asyncio.run(main())


def replace_number(entry, number, now_us):
    """Return an entry as a later one, of another contact."""
    event = replace(entry.event, contact_id="later", channel=Channel.CHAT)
    return replace(entry, number=number, now_us=now_us, event=event, actions=())

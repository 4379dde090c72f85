"""What supervisors change over HTTP of what an agent may take.

Method: a real server before a real owner and journal; what was changed is seen in the router, on
the supervisor's stream, and after a restart from the journal's own entries.
"""

import asyncio

import msgspec
import pytest

from acd.daemon.settings import Anonymous
from acd.ids import Availability, Reason
from acd.settings import ProfileSettings, Serves
from tests.unit.http_daemon import bring, heard, house, work
from tests.unit.shop import CHAT, SHOP, VOICE

_replace = msgspec.structs.replace
SKILLED = _replace(
    SHOP,
    skills=("cards", "spanish"),
    attributes={"site": ("north", "south")},
    agents=(SHOP.agents[0], _replace(SHOP.agents[1], profile="spares")),
    queues=(*SHOP.queues, _replace(SHOP.queues[0], name="spares")),
    profiles=(
        *SHOP.profiles,
        ProfileSettings(name="spares", serves=(Serves(queue="spares", channels=(VOICE, CHAT)),)),
    ),
)


async def change(made, body, agent_id="ann", name="chef"):
    async with made.client(name) as client:
        return await client.post(f"/v1/agents/{agent_id}/change", json=body)


async def shown(made, agent_id="ann"):
    async with made.client("chef") as client:
        return (await client.get(f"/v1/agents/{agent_id}")).json()


def test_an_agent_is_changed_and_shown_as_he_is(tmp_path):
    async def main():
        async with house(tmp_path, domain=SKILLED) as made:
            before = await shown(made)
            assert (before["profile"], before["capacity"]) == ("all", "blended")
            assert (before["skills"], before["is_changed"]) == ({}, False)
            body = {"skills": {"spanish": 6, "cards": 0}, "attributes": {"site": "north"}}
            answer = await change(made, body)
            assert answer.status_code == 200
            assert answer.json() == {"agent_id": "ann", "entry": 1}
            after = await shown(made)
            assert (after["skills"], after["attributes"]) == ({"spanish": 6}, {"site": "north"})
            assert after["is_changed"]
            assert not (await shown(made, "bob"))["is_changed"]

    asyncio.run(main())


def test_a_queue_counts_the_ready_agents_who_serve_it_now(tmp_path):
    async def main():
        async with house(tmp_path, domain=SKILLED) as made:
            await work(made, "ann")
            async with made.socket("/v1/live", "chef") as socket:
                frame = await heard(socket)
                ready = {one["name"]: one["agents_ready"] for one in frame["queues"]}
                while ready != {"sales": 1, "spares": 0}:
                    frame = await heard(socket)
                    ready |= {one["name"]: one["agents_ready"] for one in frame["queues"]}
                assert (await change(made, {"profile": "spares"})).status_code == 200
                while ready != {"sales": 0, "spares": 1}:
                    frame = await heard(socket)
                    ready |= {one["name"]: one["agents_ready"] for one in frame["queues"]}
                assert [one["profile"] for one in frame["agents"]] == ["spares"]
            assert made.live.totals().agents[Availability.READY] == 1

    asyncio.run(main())


def test_what_rings_and_is_his_no_more_goes_back(tmp_path):
    async def main():
        async with house(tmp_path, domain=SKILLED) as made:
            await work(made, "ann")
            await bring(made, "order-1")
            assert list(made.owner.router.offers) == [1]
            assert (await change(made, {"profile": "spares"})).status_code == 200
            assert not made.owner.router.offers

    asyncio.run(main())


@pytest.mark.parametrize(
    "agent_id, body, status, reason",
    [
        ("nobody", {"skills": {}}, 404, Reason.UNKNOWN_AGENT),
        ("ann", {"skills": {"juggling": 3}}, 422, Reason.UNKNOWN_SKILL),
        ("ann", {"profile": "none"}, 422, Reason.UNKNOWN_PROFILE),
        ("ann", {"capacity": "none"}, 422, Reason.UNKNOWN_CAPACITY),
        ("ann", {"attributes": {"site": "moon"}}, 422, Reason.UNKNOWN_ATTRIBUTE),
        ("ann", {}, 422, Reason.NO_CHANGE),
    ],
)
def test_what_the_router_refuses_is_told_with_its_reason(tmp_path, agent_id, body, status, reason):
    async def main():
        async with house(tmp_path, domain=SKILLED) as made:
            answer = await change(made, body, agent_id)
            assert (answer.status_code, answer.json()["error"]["reason"]) == (status, reason)

    asyncio.run(main())


@pytest.mark.parametrize(
    "body",
    [
        {"skills": {"cards": 11}},
        {"skills": {"cards": -1}},
        {"skills": {"cards": "5"}},
        {"skills": {"": 5}},
        {"skills": {f"skill{number}": 1 for number in range(1_001)}},
        {"profile": "x" * 65},
        {"agent_id": "bob"},
    ],
)
def test_another_shape_is_refused(tmp_path, body):
    async def main():
        async with house(tmp_path, domain=SKILLED) as made:
            answer = await change(made, body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")

    asyncio.run(main())


def test_who_may_read_without_a_token_and_the_agent_himself_change_nothing(tmp_path):
    async def main():
        async with house(tmp_path, domain=SKILLED, anonymous=Anonymous.SUPERVISOR) as made:
            for name, status in (("", 401), ("ann", 403), ("form", 403)):
                assert (await change(made, {"profile": "spares"}, name=name)).status_code == status

    asyncio.run(main())

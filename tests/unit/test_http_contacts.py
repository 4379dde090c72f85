"""Contacts over HTTP: one for each key, kept before the answer, and shown to supervisors.

Method: a real server on a free port, before a real owner and journal; what the answers say is
compared with the router, and with what the journal holds after the daemon ended.
"""

import asyncio

from msgspec.structs import replace

from acd import events as ev
from acd.daemon.http.contact_routes import contact_id_of
from acd.daemon.http.tokens import Role, Token
from acd.errors import StorageError
from acd.journal.file import JournalFile
from acd.settings import SECOND_US, AffinitySettings, TeamSettings, Urgency
from tests.unit.http_daemon import bring, house, work
from tests.unit.shop import CHAT, SHOP, arrived


def test_a_contact_is_taken_and_kept(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            answer = await bring(
                made,
                "order-1",
                customer="k-1",
                attributes={"campaign": "may"},
                priority=3,
                expires_us=2**59,
                named_agent="ann",
            )
            assert answer.status_code == 201
            taken = answer.json()
            token = Token(name="form", role=Role.PRODUCER, domain="shop")
            assert taken["contact_id"] == contact_id_of(token, "order-1")
            assert (taken["entry"], taken["repeated"]) == (1, False)
            return taken["contact_id"]

    contact_id = asyncio.run(main())
    journal = JournalFile.open(tmp_path / "journal.db", settings=SHOP)
    (entry,) = journal.entries(1)
    journal.close()
    assert entry.key == "http/form/order-1"
    assert entry.event == ev.ContactArrived(
        contact_id=contact_id,
        queue="sales",
        channel=CHAT,
        customer="k-1",
        attributes=(("campaign", "may"),),
        priority=3,
        expires_us=2**59,
        named_agent="ann",
    )


def test_a_repeat_gives_the_same_contact_also_while_the_first_is_in_flight(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            answers = await asyncio.gather(*(bring(made, "order-1") for _ in range(20)))
            later = await bring(made, "order-1")
            assert sorted(one.status_code for one in answers) == [200] * 19 + [201]
            assert later.status_code == 200
            assert later.json()["repeated"] is True
            assert {(one.json()["contact_id"], one.json()["entry"]) for one in answers} == {
                (later.json()["contact_id"], 1)
            }
            assert len(made.owner.router.contacts) == 1

    asyncio.run(main())


def test_what_the_router_refuses_is_answered_with_its_reason(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            wrong: dict[str, dict[str, object]] = {
                "unknown_queue": {"queue": "no"},
                "unknown_agent": {"named_agent": "no"},
                "channel_not_served": {"channel": "email"},
                "unknown_attribute": {"attributes": {"ani": "1"}},
                "unknown_skill": {"requirement": "flying"},
                "bad_requirement": {"requirement": "and and"},
            }
            for reason, more in wrong.items():
                answer = await bring(made, "order-1", **more)
                assert answer.status_code == 422, reason
                assert answer.json()["error"]["reason"] == reason
                assert answer.json()["error"]["code"] == "refused"
            assert not made.owner.stepped
            # A refused key is free.
            assert (await bring(made, "order-1")).status_code == 201

    asyncio.run(main())


def test_calls_come_from_the_switch(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            answer = await bring(made, "order-1", channel="voice")
            assert answer.status_code == 422
            assert answer.json()["error"]["code"] == "voice_by_switch"

    asyncio.run(main())


def test_an_idempotency_key_is_wanted_and_plain(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client("form") as client:
            body = {"queue": "sales", "channel": "chat"}
            for headers in ({}, {"Idempotency-Key": "a b"}, {"Idempotency-Key": "x" * 65}):
                answer = await client.post("/v1/contacts", json=body, headers=headers)
                assert answer.status_code == 422
                assert answer.json()["error"]["code"] == "invalid"
            twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
            answer = await client.post("/v1/contacts", json=body, headers=twice)
            assert answer.status_code == 400

    asyncio.run(main())


def test_a_customer_withdraws_once(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            contact_id = (await bring(made, "order-1")).json()["contact_id"]
            async with made.client("form") as client:
                gone = await client.delete(f"/v1/contacts/{contact_id}")
                assert (gone.status_code, gone.json()) == (
                    200,
                    {"contact_id": contact_id, "entry": 2},
                )
                again = await client.delete(f"/v1/contacts/{contact_id}")
                assert again.status_code == 404
            assert not made.owner.router.contacts

    asyncio.run(main())


def test_a_call_of_the_switch_is_not_withdrawn_over_http(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            await made.owner.submit(arrived("switch:1"))
            async with made.client("form") as client:
                assert (await client.delete("/v1/contacts/switch:1")).status_code == 404
            assert "switch:1" in made.owner.router.contacts

    asyncio.run(main())


def test_supervisors_page_through_the_contacts_oldest_first(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            brought = [
                (await bring(made, f"order-{number}")).json()["contact_id"] for number in range(7)
            ]
            async with made.client("chef") as client:
                seen: list[str] = []
                after: int | None = 0
                while after is not None:
                    page = await client.get("/v1/contacts", params={"limit": 3, "after": after})
                    assert page.status_code == 200
                    seen += [one["contact_id"] for one in page.json()["contacts"]]
                    after = page.json()["next"]
                assert seen == brought
                assert (await client.get("/v1/contacts?queue=no")).json()["contacts"] == []
                assert (await client.get("/v1/contacts?limit=501")).status_code == 422
                assert (await client.get("/v1/contacts?limt=5")).status_code == 422
                one = await client.get(f"/v1/contacts/{brought[0]}")
                assert one.json()["legs"][0]["state"] == "queued"
                assert (await client.get("/v1/contacts/none")).status_code == 404

    asyncio.run(main())


def test_a_leg_shows_what_it_asks_for_and_for_whom_it_is_kept(tmp_path):
    team = TeamSettings(contact="campaign", agent="team", limit_us=90 * SECOND_US)
    keeps = AffinitySettings(named_agent_us=30 * SECOND_US, team=team)
    (queue,) = SHOP.queues
    ann, bob = SHOP.agents
    domain = replace(
        SHOP,
        queues=(replace(queue, affinity=keeps, priority=0),),
        skills=("spanish",),
        attributes={"team": ("north",)},
        agents=(ann, replace(bob, skills={"spanish": 5}, attributes={"team": "north"})),
        urgency=Urgency.STRICT_PRIORITY,
    )

    async def main():
        async with house(tmp_path, domain=domain) as made:
            owner = made.owner
            await work(made, "ann")
            await owner.submit(ev.AgentLoggedIn(agent_id="bob"))
            plain = (await bring(made, "order-1")).json()["contact_id"]
            named = (
                await bring(made, "order-2", named_agent="bob", attributes={"campaign": "north"})
            ).json()["contact_id"]
            async with made.client("chef") as client:
                view = (await client.get(f"/v1/contacts/{plain}")).json()
                assert view["kept"] is None
                assert (view["legs"][0]["requirement"], view["legs"][0]["priority"]) == ("", None)
                view = (await client.get(f"/v1/contacts/{named}")).json()
                (leg,) = view["legs"]
                assert view["kept"] == {
                    "leg_id": leg["leg_id"],
                    "agent_id": "bob",
                    "until_us": leg["arrived_us"] + 30 * SECOND_US,
                    "team": "team == north",
                    "team_until_us": leg["arrived_us"] + 90 * SECOND_US,
                }
                await owner.submit(ev.LegConnected(offer_id=1))
                transfer = ev.LegTransferred(
                    offer_id=1, agent_id="bob", requirement="spanish >= 3", priority=7
                )
                await owner.submit(transfer)
                await owner.durable()
                view = (await client.get(f"/v1/contacts/{plain}")).json()
                (leg,) = view["legs"]
                assert (leg["requirement"], leg["priority"]) == ("spanish >= 3", 7)
                kept = view["kept"]
                assert (kept["leg_id"], kept["agent_id"], kept["team"]) == (
                    leg["leg_id"],
                    "bob",
                    "",
                )
                assert kept["until_us"] == leg["arrived_us"] + 30 * SECOND_US
                await owner.submit(ev.AgentReady(agent_id="bob"))
                await owner.submit(ev.LegConnected(offer_id=2))
                await owner.durable()
                of_two = owner.router.legs[owner.router.offers[2].leg_id].contact_id
                assert (await client.get(f"/v1/contacts/{of_two}")).json()["kept"] is None

    asyncio.run(main())


def test_queues_and_agents_are_shown(tmp_path):
    async def main():
        async with house(tmp_path, agents_at_work=True) as made:
            for number in range(6):
                await bring(made, f"order-{number}")
            async with made.client("chef") as client:
                queues = (await client.get("/v1/queues")).json()
                (sales,) = queues["queues"]
                assert (sales["waiting"], sales["offered"]) == (2, 4)
                assert queues["totals"]["arrived"] == 6
                assert (await client.get("/v1/queues/sales")).json()["waiting"] == 2
                assert (await client.get("/v1/queues/no")).status_code == 404
                agents = (await client.get("/v1/agents", params={"limit": 1})).json()
                assert agents["next"] == 1
                assert [one["agent_id"] for one in agents["agents"]] == ["ann"]
                assert len(agents["agents"][0]["legs"]) == 2
                bob = (await client.get("/v1/agents/bob")).json()
                assert {leg["state"] for leg in bob["legs"]} == {"offered"}
                assert (await client.get("/v1/agents/no")).status_code == 404

    asyncio.run(main())


def test_too_much_is_turned_away_and_may_come_again(tmp_path, monkeypatch):
    async def main():
        async with house(tmp_path) as made:
            monkeypatch.setattr("acd.daemon.owner.PENDING_MAX", 0)
            answer = await bring(made, "order-1")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["error"]["code"] == "overloaded"
            monkeypatch.undo()
            assert (await bring(made, "order-1")).status_code == 201

    asyncio.run(main())


def test_nothing_is_acknowledged_when_storage_fails(tmp_path, monkeypatch):
    async def main():
        async with house(tmp_path) as made:

            def fail(entries):
                raise StorageError("journal.db", "disk full")

            monkeypatch.setattr(made.journal, "commit", fail)
            answer = await bring(made, "order-1")
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "storage_failed"
            async with made.client("chef") as client:
                assert (await client.get("/v1/contacts")).status_code == 503

    asyncio.run(main())


def test_health_is_for_everybody_and_figures_are_not(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client() as client:
            assert (await client.get("/livez")).json() == {"alive": True}
            assert (await client.get("/readyz")).json() == {"ready": True, "reasons": []}
            made.reasons.append("starting")
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.json()["reasons"]) == (503, ["starting"])
            assert (await client.get("/metrics")).status_code == 401
            contact_id = (await bring(made, "order-1")).json()["contact_id"]
            async with made.client("chef") as chef:
                text = (await chef.get("/metrics")).text
            assert 'acd_contacts_waiting{channel="chat",queue="sales"} 1.0' in text
            assert 'route="/v1/contacts"' in text
            assert contact_id not in text

    asyncio.run(main())


def test_the_page_loads_nothing_from_elsewhere(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.client() as client:
            page = await client.get("/")
            assert page.status_code == 200
            policy = page.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'sha256-")
            assert "frame-ancestors 'none'" in policy
            for header, value in (
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
            ):
                assert page.headers[header] == value
            for barred in ("http://", "https://", "innerHTML", " src=", "onclick"):
                assert barred not in page.text, barred

    asyncio.run(main())

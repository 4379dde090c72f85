"""An agent's desk: the truth first, then what commits bring, and answers after the commit.

Method: WebSockets to a real server before a real owner. A desk that replays the stream must end
where the router is.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from websockets.exceptions import InvalidStatus

from acd import events as ev
from acd.config import parse
from acd.daemon.http import desk as desk_module
from acd.daemon.http.tokens import Role
from acd.daemon.http.views import contact_view
from acd.settings import SECOND_US
from tests.unit.http_daemon import DEADLINE_S, bring, closed, heard, heard_until, house, soon, work
from tests.unit.shop import CHAT, SHOP, arrived, several


async def tell(socket, **command):
    """Send a command; return its answer, and what came before it."""
    await socket.send(msgspec.json.encode(command).decode())
    *before, answer = await heard_until(socket, "result")
    assert answer["id"] == command["id"]
    return answer, before


def test_a_chat_from_offer_to_end(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/agents/ann/desk", "ann") as desk:
            first = await heard(desk)
            assert first["type"] == "snapshot"
            assert first["agent"]["availability"] == "logged_out"
            for number, state in enumerate(("logged_in", "ready")):
                answer, _ = await tell(desk, id=f"s{number}", do="state", state=state)
                assert answer["ok"]
                assert answer["entry"] == number + 1
            contact_id = (await bring(made, "order-1", customer="k-1")).json()["contact_id"]
            *_, offer = await heard_until(desk, "offer")
            assert offer["contact_id"] == contact_id
            assert (offer["queue"], offer["channel"], offer["customer"]) == ("sales", "chat", "k-1")
            number = offer["offer_id"]
            states = []
            for place, do in enumerate(("accept", "hold", "retrieve", "end")):
                answer, before = await tell(desk, id=f"c{place}", do=do, offer_id=number)
                assert answer["ok"], answer
                states += [one for one in before if one["type"] == "state"]
            while not states or states[-1]["agent"]["legs"]:
                states += await heard_until(desk, "state")
            seen = [leg["state"] for one in states for leg in one["agent"]["legs"]]
            assert "connected" in seen
            assert [one["entry"] for one in states] == sorted(one["entry"] for one in states)
            assert not made.owner.router.contacts

    asyncio.run(main())


def test_a_desk_opened_again_begins_with_the_truth_and_ends_the_older_one(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            await work(made, "ann")
            async with made.socket("/v1/agents/ann/desk", "ann") as old:
                await heard(old)
                contact_id = (await bring(made, "order-1")).json()["contact_id"]
                async with made.socket("/v1/agents/ann/desk", "ann") as new:
                    first = await heard(new)
                    (leg,) = first["agent"]["legs"]
                    assert (leg["contact_id"], leg["state"]) == (contact_id, "offered")
                    assert await closed(old) == 4001
                    answer, _ = await tell(new, id="1", do="accept", offer_id=leg["offer_id"])
                    assert answer["ok"]
            # Losing the connection is not leaving.
            assert made.owner.router.agent("ann").availability == "ready"
            assert made.owner.router.agent("ann").offers

    asyncio.run(main())


def test_a_repeated_command_gets_the_same_answer_and_is_done_once(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/agents/ann/desk", "ann") as desk:
            await heard(desk)
            first, _ = await tell(desk, id="1", do="state", state="logged_in")
            again, _ = await tell(desk, id="1", do="state", state="logged_in")
            assert first == again == {"type": "result", "id": "1", "ok": True, "entry": 1}
            assert made.owner.stepped == 1

    asyncio.run(main())


def test_an_agent_speaks_of_his_own_offers_only(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            await work(made, "bob")
            await bring(made, "order-1")
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                for number, do in ((1, "accept"), (1, "end"), (99, "reject")):
                    answer, _ = await tell(desk, id=f"{number}{do}", do=do, offer_id=number)
                    assert not answer["ok"]
                    assert answer["error"]["code"] == "no_such_offer"

    asyncio.run(main())


def test_of_several_desks_the_first_to_accept_has_the_chat(tmp_path):
    async def main():
        domain = several(2)
        async with house(tmp_path, domain=domain, agents_at_work=True) as made:
            async with (
                made.socket("/v1/agents/ann/desk", "ann") as slow,
                made.socket("/v1/agents/bob/desk", "bob") as fast,
            ):
                await heard(slow)
                await heard(fast)
                contact_id = (await bring(made, "order-1")).json()["contact_id"]
                numbers = {}
                for desk in (slow, fast):
                    *_, offer = await heard_until(desk, "offer")
                    assert offer["contact_id"] == contact_id
                    numbers[offer["agent_id"]] = offer["offer_id"]
                assert numbers == {"ann": 1, "bob": 2}
                view = contact_view(made.owner.router.contacts[contact_id], made.owner.router)
                assert view.legs[0].ringing_at == ("ann", "bob")
                answer, _ = await tell(fast, id="1", do="accept", offer_id=2)
                assert answer["ok"]
                *_, withdrawn = await heard_until(slow, "withdraw")
                assert (withdrawn["offer_id"], withdrawn["outcome"]) == (1, "rescinded")
                answer, _ = await tell(slow, id="1", do="accept", offer_id=1)
                assert answer["error"]["code"] == "no_such_offer"
            view = contact_view(made.owner.router.contacts[contact_id], made.owner.router)
            assert (view.legs[0].agent_id, view.legs[0].ringing_at) == ("bob", ())

    asyncio.run(main())


def test_what_the_router_refuses_is_told(tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/agents/ann/desk", "ann") as desk:
            await heard(desk)
            answer, _ = await tell(desk, id="1", do="state", state="ready")
            assert answer["error"]["reason"] == "not_in_this_state"

    asyncio.run(main())


def test_a_chat_is_put_away_taken_up_again_and_filed(tmp_path):
    (queue,) = SHOP.queues
    chat = replace(queue.channels[CHAT], park_us=60 * SECOND_US, wrap_up_us=30 * SECOND_US)
    channels = {**queue.channels, CHAT: chat}
    filing = replace(queue, channels=channels, dispositions=("sale",), disposition_required=True)

    async def main():
        async with house(tmp_path, domain=replace(SHOP, queues=(filing,))) as made:
            await work(made, "ann")
            await bring(made, "order-1")
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                for number, command in enumerate(
                    (
                        {"do": "accept"},
                        {"do": "park"},
                        {"do": "resume"},
                        {"do": "end"},
                        {"do": "dispose", "disposition": "sale"},
                        {"do": "wrap_up_done"},
                    )
                ):
                    answer, _ = await tell(desk, id=str(number), offer_id=1, **command)
                    assert answer["ok"], (command, answer)
                    if command["do"] == "park":
                        assert made.owner.router.agent("ann").parked
            assert not made.owner.router.contacts

    asyncio.run(main())


def test_a_call_is_answered_on_the_phone(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            await work(made, "ann")
            await made.owner.submit(arrived("switch:1"))
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                (leg,) = (await heard(desk))["agent"]["legs"]
                number = leg["offer_id"]
                for do in ("accept", "reject", "hold", "retrieve", "end"):
                    answer, _ = await tell(desk, id=do, do=do, offer_id=number)
                    assert answer["error"]["code"] == "on_the_phone"
                await made.owner.submit(ev.LegConnected(offer_id=number))
                await made.owner.submit(ev.LegEnded(offer_id=number))
                answer, _ = await tell(desk, id="done", do="wrap_up_done", offer_id=number)
                assert answer["ok"]
            assert not made.owner.router.contacts

    asyncio.run(main())


def test_an_interruption_and_a_withdrawal_are_told(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            await work(made, "ann")
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                await bring(made, "order-1")
                *_, offer = await heard_until(desk, "offer")
                await tell(desk, id="1", do="accept", offer_id=offer["offer_id"])
                await made.owner.submit(arrived("switch:1"))
                *_, aside = await heard_until(desk, "interrupt")
                assert aside["offer_id"] == offer["offer_id"]
                await made.owner.submit(ev.ContactLeft(contact_id="switch:1"))
                *_, withdrawn = await heard_until(desk, "withdraw")
                assert withdrawn["outcome"] == "canceled"
                *_, back = await heard_until(desk, "resume")
                assert back["offer_id"] == offer["offer_id"]
                *_, state = await heard_until(desk, "state")
                assert [leg["state"] for leg in state["agent"]["legs"]] == ["connected"]

    asyncio.run(main())


@pytest.mark.parametrize(
    "text, code, request_id",
    [
        ("{", "bad_json", ""),
        ('{"id":"1","id":"2","do":"accept","offer_id":1}', "bad_json", ""),
        ('{"id":"1","do":"accept","offer_id":1,"offer_id":2}', "bad_json", "1"),
        ("[" * 4_000, "bad_json", ""),
        ('{"id":"1","do":"fly"}', "invalid", "1"),
        ('{"id":"1","do":"accept","offer_id":1,"more":1}', "invalid", "1"),
        ('{"id":"1","do":"accept","offer_id":"1"}', "invalid", "1"),
        ('{"id":"1","do":"accept","offer_id":NaN}', "bad_json", "1"),
        ('{"id":"1","do":"accept","offer_id":1e999}', "bad_json", "1"),
        ('{"id":"1","do":"accept","offer_id":12345678901234567890}', "bad_json", "1"),
        ('{"id":"1","do":"reject","offer_id":1,"reason":"\\ud800"}', "bad_json", "1"),
        ('{"id":"\\ud800","do":"accept","offer_id":1}', "bad_json", ""),
        ('{"id":NaN,"do":"accept","offer_id":1}', "bad_json", ""),
        ('{"id":"' + "x" * 65 + '","do":"accept","offer_id":NaN}', "bad_json", ""),
        ('{"do":"accept","offer_id":1}', "invalid", ""),
        ("7", "invalid", ""),
    ],
)
def test_what_is_no_command_is_refused_and_the_desk_goes_on(text, code, request_id, tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/agents/ann/desk", "ann") as desk:
            await heard(desk)
            await desk.send(text)
            answer = await heard(desk)
            assert (answer["error"]["code"], answer["id"]) == (code, request_id)
            answer, _ = await tell(desk, id="ok", do="state", state="logged_in")
            assert answer["ok"]

    asyncio.run(main())


@pytest.mark.parametrize(
    "message, code", [(b"{}", 1003), ("x" * 5_000, 1003), ("x" * 70_000, 1009)]
)
def test_what_is_no_short_text_ends_the_desk(message, code, tmp_path):
    async def main():
        async with house(tmp_path) as made, made.socket("/v1/agents/ann/desk", "ann") as desk:
            await heard(desk)
            await desk.send(message)
            assert await closed(desk) == code

    asyncio.run(main())


def test_a_desk_that_is_not_read_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(desk_module, "MESSAGES_MAX", 0)

    async def main():
        async with house(tmp_path) as made:
            await work(made, "ann")
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                await bring(made, "order-1")
                assert await closed(desk) == 1013

    asyncio.run(main())


def test_an_expired_token_ends_the_desk(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            made.add("ann-today", Role.AGENT, agent="ann", expires=soon())
            made.tokens.reload()
            async with made.socket("/v1/agents/ann/desk", "ann-today") as desk:
                await heard(desk)
                assert await closed(desk) == 1008

    asyncio.run(main())


def test_a_revoked_agent_is_cut_off(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            async with (
                made.socket("/v1/agents/ann/desk", "ann") as ann,
                made.socket("/v1/agents/bob/desk", "bob") as bob,
            ):
                await heard(ann)
                await heard(bob)
                made.remove("ann")
                made.tokens.reload()
                assert await closed(ann) == 1008
                answer, _ = await tell(bob, id="1", do="state", state="logged_in")
                assert answer["ok"]
            with pytest.raises(InvalidStatus) as caught:
                await made.socket("/v1/agents/ann/desk", "ann")
            assert caught.value.response.status_code == 401

    asyncio.run(main())


def test_desks_are_told_when_the_daemon_stops(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            desk = await made.socket("/v1/agents/ann/desk", "ann")
            await heard(desk)
        assert await closed(desk) == 1012

    asyncio.run(main())


def test_an_agent_that_is_gone_has_no_desk(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            made.add("eve", Role.AGENT, agent="eve")
            made.tokens.reload()
            with pytest.raises(InvalidStatus) as caught:
                await made.socket("/v1/agents/eve/desk", "eve")
            assert caught.value.response.status_code == 404
            async with asyncio.timeout(DEADLINE_S), made.client("eve") as client:
                answer = await client.post("/v1/agents/eve/state", json={"state": "ready"})
                assert answer.status_code == 404

    asyncio.run(main())


def test_a_contact_is_given_further_and_both_desks_see_it(tmp_path):
    async def main():
        async with house(tmp_path, agents_at_work=True) as made:
            async with (
                made.socket("/v1/agents/ann/desk", "ann") as ann,
                made.socket("/v1/agents/bob/desk", "bob") as bob,
            ):
                await bring(made, "order-1")
                (contact,) = made.owner.router.contacts.values()
                (leg,) = contact.legs
                first = made.owner.router.offers[made.owner.router.legs[leg].offer_id]
                desks = {"ann": ann, "bob": bob}
                name = made.owner.router.agents[first.agent].agent_id
                his, other = desks.pop(name), *desks.values()
                await tell(his, id="1", do="accept", offer_id=1)
                answer, _ = await tell(his, id="2", do="consult", offer_id=1, queue="sales")
                assert answer["ok"], answer
                *_, offer = await heard_until(other, "offer")
                assert (offer["offer_id"], offer["consults"]) == (2, 1)
                answer, before = await tell(other, id="1", do="accept", offer_id=2)
                asked = await until_leg(other, "connected", "held", before=before)
                assert (asked["consults"], asked["others"][0]["leg_id"]) == (1, 1)
                seen = await until_leg(his, "held", "connected")
                assert seen["others"][0]["consults"] == 1
                answer, _ = await tell(his, id="3", do="consult_end", offer_id=1, how="transfer")
                assert answer["ok"], answer
                assert (await until_leg(other, "connected"))["consults"] is None
                answer, _ = await tell(other, id="4", do="requeue", offer_id=2)
                assert answer["ok"], answer
            waiting = [leg for leg in made.owner.router.legs.values() if leg.leg_id == 3]
            assert waiting

    asyncio.run(main())


def test_the_walk_through_of_a_transfer_is_what_happens(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "routing" / "transfers.md").read_text()
    (toml, *_) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    walk = "".join(re.findall(r"^```desk\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    lines = [line.split(maxsplit=2) for line in walk.splitlines()]
    domain = replace(parse(toml.replace("voice", "chat")), name="shop")

    async def main():
        async with house(tmp_path, domain=domain, agents_at_work=True) as made:
            await bring(made, "order-1")
            async with (
                made.socket("/v1/agents/ann/desk", "ann") as ann,
                made.socket("/v1/agents/bob/desk", "bob") as bob,
            ):
                desks = {"ann": ann, "bob": bob}
                came: dict[str, list[Any]] = {name: [await heard(desks[name])] for name in desks}
                for name, way, text in lines:
                    if way == ">":
                        await desks[name].send(text)
                        continue
                    wanted = msgspec.json.decode(text)
                    while not any(shows(one, wanted) for one in came[name]):
                        came[name].append(await heard(desks[name]))
            assert not made.owner.router.agent("ann").offers

    asyncio.run(main())
    assert len(lines) > 10


def shows(told, wanted):
    """Return whether a message has what is wanted, and maybe more fields."""
    if isinstance(wanted, dict):
        return isinstance(told, dict) and all(
            name in told and shows(told[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return len(told) == len(wanted) and all(map(shows, told, wanted))
    return told == wanted


async def until_leg(desk, state, *others, before=()):
    """Wait for a state in which the agent's one leg, and the others of its contact, are so."""
    messages = list(before)
    while True:
        for one in messages:
            for leg in one["agent"]["legs"] if one["type"] == "state" else ():
                if [leg["state"], *(other["state"] for other in leg["others"])] == [state, *others]:
                    return leg
        messages = await heard_until(desk, "state")


@pytest.mark.parametrize(
    "command, what",
    [
        ({"do": "transfer"}, "no_queue"),
        ({"do": "transfer", "queue": "sails"}, "unknown_queue"),
        ({"do": "transfer", "agent_id": "ann"}, "transfer_to_oneself"),
        ({"do": "consult", "agent_id": "zoe"}, "unknown_agent"),
        ({"do": "consult_end", "how": "transfer"}, "not_in_this_state"),
        ({"do": "consult_end", "how": "leave"}, "invalid"),
        ({"do": "transfer", "queue": "sales", "priority": 2_000_000}, "invalid"),
    ],
)
def test_what_cannot_be_given_further_is_told(tmp_path, command, what):
    async def main():
        async with house(tmp_path) as made:
            await work(made, "ann")
            await bring(made, "order-1")
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                await tell(desk, id="1", do="accept", offer_id=1)
                answer, _ = await tell(desk, id="2", offer_id=1, **command)
                assert not answer["ok"]
                assert what in {answer["error"]["code"], answer["error"].get("reason")}

    asyncio.run(main())


def test_a_call_is_given_further_at_the_desk_where_the_switch_can_do_it(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            await work(made, "ann")
            await made.owner.submit(arrived("switch:1"))
            await made.owner.submit(ev.LegConnected(offer_id=1))
            async with made.socket("/v1/agents/ann/desk", "ann") as desk:
                await heard(desk)
                commands = (
                    {"do": "consult", "queue": "sales"},
                    {"do": "consult_end", "how": "return"},
                    {"do": "requeue"},
                )
                for number, command in enumerate(commands):
                    answer, _ = await tell(desk, id=f"a{number}", offer_id=1, **command)
                    assert answer["error"]["code"] == "on_the_phone"
                made.controls = True
                answer, _ = await tell(desk, id="h", do="hold", offer_id=1)
                assert answer["error"]["code"] == "on_the_phone"
                for number, command in enumerate(commands):
                    answer, _ = await tell(desk, id=f"b{number}", offer_id=1, **command)
                    assert answer["ok"], answer

    asyncio.run(main())

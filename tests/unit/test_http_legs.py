"""Legs over HTTP: what became of them is told by those who have a token, and kept.

Method: a real server before a real owner and journal, in a domain that measures quality; what was
told is read from the router's figures and from the journal.
"""

import asyncio

import msgspec
import pytest

from acd import events as ev
from acd.daemon.settings import Anonymous
from acd.ids import Reason
from acd.journal.file import JournalFile
from acd.performance import Measure
from acd.settings import PerformanceSettings
from tests.unit.http_daemon import bring, house
from tests.unit.shop import SHOP

(SALES,) = SHOP.queues
SERVICE = msgspec.structs.replace(SALES, name="service")
MEASURED = msgspec.structs.replace(
    SHOP,
    performance=PerformanceSettings(),
    queues=(SALES, SERVICE),
    profiles=tuple(
        msgspec.structs.replace(
            one, serves=(*one.serves, msgspec.structs.replace(one.serves[0], queue="service"))
        )
        for one in SHOP.profiles
    ),
)


async def handled_by_ann(made):
    """Let ann take a chat to its end; return the offer's number."""
    owner = made.owner
    await owner.submit(ev.AgentLoggedIn(agent_id="ann"))
    await owner.submit(ev.AgentReady(agent_id="ann"))
    await bring(made, "order-1")
    ((number, _),) = owner.router.offers.items()
    await owner.submit(ev.LegConnected(offer_id=number))
    await owner.submit(ev.LegEnded(offer_id=number))
    return number


async def close(made, number):
    """End the wrap-up of an offer's leg, if it has one."""
    if number in made.owner.router.offers:
        await made.owner.submit(ev.WrapUpEnded(offer_id=number))
    assert number not in made.owner.router.offers


async def rate(made, number, name="form", **body):
    body = {"agent_id": "ann", "queue": "sales", **body}
    async with made.client(name) as client:
        return await client.post(f"/v1/legs/{number}/rating", json=body)


@pytest.mark.parametrize("name", ["form", "chef"])
def test_a_rating_is_kept(tmp_path, name):
    async def main():
        async with house(tmp_path, domain=MEASURED) as made:
            number = await handled_by_ann(made)
            answer = await rate(made, number, name, quality=80, resolved=True)
            assert answer.status_code == 200
            assert answer.json()["offer_id"] == number
            measured = {one[1]: one[2].mean for one in made.owner.router.performance.all_measured()}
            assert Measure.QUALITY in measured
            assert Measure.CONVERSION not in measured
            return answer.json()["entry"], number

    entry, number = asyncio.run(main())
    journal = JournalFile.open(tmp_path / "journal.db", settings=MEASURED)
    (kept,) = [one for one in journal.entries(1) if one.number == entry]
    journal.close()
    assert kept.event == ev.LegRated(
        offer_id=number, agent_id="ann", queue="sales", quality=80, resolved=True
    )


@pytest.mark.parametrize(
    "number, body, reason",
    [
        (99, {"quality": 80}, Reason.UNKNOWN_OFFER),
        (1, {}, Reason.NO_VALUE),
        (1, {"quality": 80, "agent_id": "nobody"}, Reason.UNKNOWN_AGENT),
        (1, {"quality": 80, "queue": "nowhere"}, Reason.UNKNOWN_QUEUE),
    ],
)
def test_what_cannot_be_rated_is_refused_with_the_reason(tmp_path, number, body, reason):
    async def main():
        async with house(tmp_path, domain=MEASURED) as made:
            await handled_by_ann(made)
            answer = await rate(made, number, **body)
            assert answer.status_code == 422
            assert answer.json()["error"]["reason"] == reason

    asyncio.run(main())


@pytest.mark.parametrize("body", [{"agent_id": "bob"}, {"queue": "service"}], ids=["bob", "queue"])
def test_a_closed_leg_is_rated_for_who_had_it_in_its_queue(tmp_path, body):
    async def main():
        async with house(tmp_path, domain=MEASURED) as made:
            number = await handled_by_ann(made)
            await close(made, number)
            answer = await rate(made, number, quality=80, **body)
            assert answer.status_code == 422
            assert answer.json()["error"]["reason"] == Reason.NOT_IN_THIS_STATE
            assert (await rate(made, number, quality=80)).status_code == 200

    asyncio.run(main())


def test_who_did_not_take_an_offer_is_not_rated_for_it(tmp_path):
    async def main():
        async with house(tmp_path, domain=MEASURED) as made:
            owner = made.owner
            await owner.submit(ev.AgentLoggedIn(agent_id="ann"))
            await owner.submit(ev.AgentReady(agent_id="ann"))
            await bring(made, "order-1")
            ((number, _),) = owner.router.offers.items()
            await owner.submit(ev.OfferRejected(offer_id=number))
            answer = await rate(made, number, quality=80)
            assert answer.json()["error"]["reason"] == Reason.NOT_IN_THIS_STATE

    asyncio.run(main())


@pytest.mark.parametrize(
    "body", [{"quality": 101}, {"quality": "80"}, {"quality": 80, "stars": 5}, {"resolved": 1}]
)
def test_a_rating_of_another_shape_is_refused(tmp_path, body):
    async def main():
        async with house(tmp_path, domain=MEASURED) as made:
            answer = await rate(made, 1, **body)
            assert answer.status_code == 422
            assert answer.json()["error"]["code"] == "invalid"

    asyncio.run(main())


def test_who_may_read_without_a_token_may_not_rate(tmp_path):
    async def main():
        async with house(tmp_path, domain=MEASURED, anonymous=Anonymous.SUPERVISOR) as made:
            async with made.client() as client:
                assert (await client.get("/v1/queues")).status_code == 200
            answer = await rate(made, 1, "", quality=80)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "no_token"

    asyncio.run(main())

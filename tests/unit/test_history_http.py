"""The history's routes over a real server: what they answer, in both formats, and what they refuse.

Method: a chat is brought to an agent at work, the history is waited for, and each route is asked.
Who may ask is the matrix's business (tests/system/test_http_matrix.py).
"""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.http_daemon import House, bring, house


def asked(tmp_path: Path, *questions: str, chats: int = 1) -> list[httpx.Response]:
    """Return what a supervisor is answered after some chats came."""

    async def main() -> list[httpx.Response]:
        async with house(tmp_path, agents_at_work=True) as made:
            for number in range(chats):
                answer = await bring(made, f"order-{number}")
                assert answer.status_code == 201, answer.text
            await made.history.reach(made.owner.on_disk, within_s=10)
            return await _ask(made, questions)

    return asyncio.run(main())


async def _ask(made: House, questions: tuple[str, ...]) -> list[httpx.Response]:
    async with made.client("chef") as client:
        return [await client.get(f"/v1/history/{question}") for question in questions]


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    """Return the rows of a CSV answer."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_a_contact_is_listed_and_shown_with_its_offer(tmp_path: Path) -> None:
    contacts, offers = asked(tmp_path, "contacts", "offers")
    (contact,) = contacts.json()["rows"]
    (offer,) = offers.json()["rows"]
    assert contact["queue"] == "sales"
    assert contact["ended_us"] is None
    assert contact["offers"] == 1
    assert offer["contact_id"] == contact["contact_id"]
    assert contacts.json()["next"] is None


def test_a_contact_just_brought_is_shown(tmp_path: Path) -> None:
    async def main() -> tuple[Any, int]:
        async with house(tmp_path, agents_at_work=True) as made:
            contact_id = (await bring(made, "order-1")).json()["contact_id"]
            shown, unknown = await _ask(made, (f"contacts/{contact_id}", "contacts/nobody"))
            return shown.json(), unknown.status_code

    shown, status = asyncio.run(main())
    assert shown["queue"] == "sales"
    assert len(shown["offer_rows"]) == 1
    assert status == 404


def test_pages_follow_each_other(tmp_path: Path) -> None:
    first, second, third, as_csv = asked(
        tmp_path,
        *("contacts?limit=2", "contacts?limit=2&after=2", "contacts?limit=2&after=3"),
        "contacts?limit=2&format=csv",
        chats=3,
    )
    assert [len(one.json()["rows"]) for one in (first, second, third)] == [2, 1, 0]
    assert [one.json()["next"] for one in (first, second, third)] == [2, None, None]
    assert len(rows_of(as_csv)) == 2
    assert as_csv.headers["x-next"] == "2"


def test_the_states_of_the_agents_are_listed(tmp_path: Path) -> None:
    (answer,) = asked(tmp_path, "agents")
    now = {
        row["agent_id"]: row["availability"]
        for row in answer.json()["rows"]
        if row["to_us"] is None
    }
    assert set(now.values()) == {"ready"}


def test_measures_count_the_contact_and_say_their_definitions(tmp_path: Path) -> None:
    said, as_csv = asked(tmp_path, "measures", "measures?format=csv")
    measures = said.json()
    assert sum(row["total"]["offered"] for row in measures["rows"]) == 1
    assert measures["to_us"] - measures["from_us"] == 24 * 3600 * 10**6
    assert len(measures["definition_digest"]) == 64
    assert sum(int(row["offered"]) for row in rows_of(as_csv)) == 1


@pytest.mark.parametrize(
    "question",
    [
        *("contacts?limit=0", "contacts?limit=10001", "contacts?from_us=-1", "offers?queue=sales"),
        *("agents?format=xml", "measures?from_us=5&to_us=5", "measures?interval_us=1"),
    ],
)
def test_questions_that_make_no_sense_are_refused(question: str, tmp_path: Path) -> None:
    (answer,) = asked(tmp_path, question)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"

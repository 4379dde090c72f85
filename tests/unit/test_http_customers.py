"""Over HTTP too an address says who the customer is, and goes nowhere.

Method: a real server takes emails, forms and chats with addresses; what it shows and what its
journal holds is searched for them.
"""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from acd.daemon.addresses import Numbering
from acd.daemon.settings import CustomerSettings
from tests.unit.http_daemon import bring, house
from tests.unit.shop import SHOP

DIRECTORY = """\
[[customer]]
id = "crm-7"
addresses = ["+4930777777", "ana@example.org"]
named_agent = "bob"
attributes = { tier = "gold" }
"""
DOMAIN = replace(SHOP, contact_attributes=("tier", "topic"))


def settings(folder: Path) -> CustomerSettings:
    """Return how customers are known, by a key and a directory in a folder."""
    key = folder / "customers.key"
    key.write_text("0123456789abcdef0123456789abcdef")
    key.chmod(0o600)
    directory = folder / "customers.toml"
    directory.write_text(DIRECTORY)
    return CustomerSettings(
        key_file=key.name,
        directory=directory,
        numbering=Numbering(country_code="49"),
        folder=folder,
    )


def test_an_address_becomes_the_customers_token(tmp_path):
    async def main():
        async with house(tmp_path, domain=DOMAIN, customers=settings(tmp_path)) as made:
            for key, address in (
                ("1", "030 123456"),
                ("2", "+49 30 123456"),
                ("3", "Eva@Example.org"),
                ("4", "anonymous@anonymous.invalid"),
                ("5", ""),
            ):
                assert (await bring(made, key, address=address)).status_code == 201
            async with made.client("chef") as client:
                answer = await client.get("/v1/contacts")
            shown = [one["customer"] for one in answer.json()["contacts"]]
            assert shown[0] == shown[1] != shown[2]
            assert [one[:2] for one in shown] == ["k-", "k-", "k-", "", ""]
            assert "30123456" not in answer.text
            assert "example" not in answer.text

    asyncio.run(main())
    held = (tmp_path / "journal.db").read_bytes() + (tmp_path / "history.db").read_bytes()
    assert b"30123456" not in held
    assert b"xample.org" not in held


def test_what_the_directory_knows_comes_before_what_a_form_says(tmp_path):
    async def main():
        async with house(tmp_path, domain=DOMAIN, customers=settings(tmp_path)) as made:
            attributes = {"tier": "lead", "topic": "order"}
            await bring(made, "1", address="ana@example.org", attributes=attributes)
            await bring(made, "2", address="030 777777", named_agent="ann")
            async with made.client("chef") as client:
                first, second = (await client.get("/v1/contacts")).json()["contacts"]
            assert first["customer"] == second["customer"] == "crm-7"
            assert first["attributes"] == {"tier": "gold", "topic": "order"}
            contacts = made.owner.router.contacts.values()
            assert [one.arrival.named_agent for one in contacts] == ["bob", "ann"]

    asyncio.run(main())


@pytest.mark.parametrize(
    "address, more, message",
    [
        ("12", {}, "it is no number and no address of email"),
        ("ana at home", {}, "it is no number and no address of email"),
        ("ana@example.org", {"customer": "c"}, "wanted `customer` or `address`, not both"),
    ],
)
def test_what_is_no_address_is_refused_and_changes_nothing(tmp_path, address, more, message):
    async def main():
        async with house(tmp_path, customers=settings_without_directory(tmp_path)) as made:
            answer = await bring(made, "1", address=address, **more)
            assert answer.status_code == 422
            error = answer.json()["error"]
            assert error == {"code": "bad_address", "message": message, "about": "address"}
            assert not made.owner.router.contacts
            assert (await bring(made, "1")).status_code == 201

    asyncio.run(main())


def settings_without_directory(folder: Path) -> CustomerSettings:
    """Return how customers are known where only a key is configured."""
    return replace(settings(folder), directory=None)


def test_an_address_is_refused_where_nobody_is_identified(tmp_path):
    async def main():
        async with house(tmp_path) as made:
            error = (await bring(made, "1", address="ana@example.org")).json()["error"]
            assert error["code"] == "bad_address"
            assert error["message"] == "addresses are not taken: there is no [daemon.customers]"

    asyncio.run(main())

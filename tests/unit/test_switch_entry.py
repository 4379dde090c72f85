"""Calls enter by rules: which called numbers are ours, and what of the caller's number is known.

Method: a switchboard at a router with entry rules hears calls; the facts that it makes are written
down, and what the journal holds is searched for the caller's number. The settings' mistakes word
for word.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from acd.actions import EnterQueue
from acd.daemon.ids import CommandIds
from acd.daemon.resync import ani_prefix
from acd.daemon.settings import SwitchSettings, problems
from acd.daemon.switch_site import Site
from acd.daemon.switchboard import Switchboard
from acd.events import ContactArrived
from acd.router import Router
from acd.settings import EntryRule
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import Capability
from tests.unit.http_daemon import bring, house
from tests.unit.shop import SHOP, VOICE

ANI = "+34911234567"
RULES = replace(
    SHOP,
    contact_attributes=("campaign", "dnis", "ani_prefix"),
    entry=(
        EntryRule(name="spain", queue="sales", when='ani_prefix starts_with "+34"'),
        EntryRule(name="rest", queue="sales", context={"campaign": "none"}, prefers=("not vip",)),
    ),
    skills=("vip",),
)


def hear(call, *, domain=RULES, **settings):
    """Return the arrival that a call leads to, or the command that hands it back."""
    router = Router(domain)
    given = {"kind": "any", "name": "pbx", "routes": {"4000": "sales"}, **settings}
    site = Site(lambda: router, SwitchSettings(**given), CommandIds("shop", "j"))
    board = Switchboard(site, Capability(0))
    board.react(sw.LinkUp(epoch=1), now_us=0)
    board.react(sw.Snapshot(epoch=1), now_us=0)
    reaction = board.react(sw.RouteRequest(epoch=1, call=call), now_us=0)
    found: list[Any] = [*reaction.facts, *reaction.then]
    (one,) = found
    return one


def test_a_number_with_a_queue_names_it_and_others_leave_it_to_the_rules():
    arrival = hear(sw.Call("c", "4000", ANI))
    assert (arrival.queue, arrival.channel) == ("sales", VOICE)
    assert arrival.attributes == (("dnis", "4000"), ("ani_prefix", "+3491"))
    arrival = hear(sw.Call("c", "4100", ANI))
    assert arrival.queue == ""
    assert arrival.attributes == (("dnis", "4100"), ("ani_prefix", "+3491"))


def test_without_rules_a_number_without_a_queue_is_not_ours():
    assert isinstance(hear(sw.Call("c", "4100", ANI), domain=SHOP), sw.RouteEnd)
    assert hear(sw.Call("c", "4000", ANI), domain=SHOP).attributes == ()


def test_only_declared_attributes_are_brought_and_none_that_is_empty():
    domain = replace(RULES, contact_attributes=("campaign", "ani_prefix"))
    assert hear(sw.Call("c", "4000", ANI), domain=domain).attributes == (("ani_prefix", "+3491"),)
    domain = replace(RULES, contact_attributes=("campaign", "dnis"), entry=RULES.entry[1:])
    assert hear(sw.Call("c", "4000", ANI), domain=domain).attributes == (("dnis", "4000"),)
    assert hear(sw.Call("c", "4000", "")).attributes == (("dnis", "4000"),)


def test_a_called_number_says_in_which_campaign_it_was_told():
    campaigns = {"4000": "spring", "4100": "autumn"}
    domain = replace(RULES, entry=(EntryRule(name="rest", queue="sales"),))
    for dnis, wanted in (("4000", "spring"), ("4100", "autumn"), ("4200", None)):
        arrival = hear(sw.Call("c", dnis, ANI), domain=domain, campaigns=campaigns)
        assert dict(arrival.attributes).get("campaign") == wanted
    router = Router(
        replace(
            RULES,
            entry=(
                EntryRule(name="spring", queue="sales", when="campaign == spring"),
                EntryRule(name="rest", queue="sales"),
            ),
        )
    )
    arrival = hear(sw.Call("c", "4100", ANI), domain=domain, campaigns={"4100": "spring"})
    (order,) = router.step(arrival, now_us=0)
    assert isinstance(order, EnterQueue)
    assert order.rule == "spring"


def test_a_snapshots_calls_come_with_their_attributes_too():
    router = Router(RULES)
    site = Site(lambda: router, SwitchSettings(kind="any", name="pbx"), CommandIds("shop", "j"))
    board = Switchboard(site, Capability(0))
    board.react(sw.LinkUp(epoch=1), now_us=0)
    calls = (sw.Call("c", "9", ANI),)
    *_, fact = board.react(sw.Snapshot(epoch=1, calls=calls), now_us=0).facts
    assert isinstance(fact, ContactArrived)
    assert fact.attributes == (("dnis", "9"), ("ani_prefix", "+3491"))
    (action,) = router.step(fact, now_us=0)
    assert isinstance(action, EnterQueue)
    assert action.rule == "spain"


@pytest.mark.parametrize(
    "ani, digits, prefix",
    [
        ("+34911234567", 4, "+3491"),
        ("0034911234567", 8, "00349112"),
        ("0301234", 4, "030"),
        ("0301234", 1, "0"),
        ("+1234", 4, ""),
        ("12345", 8, "1"),
        ("101", 4, ""),
        ("", 4, ""),
        ("anonymous", 4, ""),
        ("ann@example.org", 4, ""),
        ("+", 4, ""),
        ("٣٤٩١١٢٣٤٥٦٧", 4, ""),
    ],
)
def test_of_a_callers_number_the_beginning_is_kept_and_never_all(ani, digits, prefix):
    assert ani_prefix(ani, digits) == prefix


def test_no_callers_number_enters_the_journal():
    call = sw.Call("c", "4100", ANI)
    arrival = hear(call)
    router = Router(RULES)
    wire = msgspec.json.encode((arrival, router.step(arrival, now_us=0), router.snapshot()))
    assert b"+3491" in wire
    assert b"123" not in wire


FILE = """\
[domain]
name = "shop"
contact_attributes = ["dnis", "age"]
contact_numbers = ["age"]
[queues.sales.voice]
[capacities.one]
voice = {}
[[profiles.all]]
queue = "sales"
[agents.ann]
profile = "all"
capacity = "one"
[daemon.switch]
kind = "simulated"
ani_prefix_digits = 6
"""


@pytest.mark.parametrize(
    "old, new, wanted",
    [
        ("", "", []),
        (
            "digits = 6",
            "digits = 9",
            ["daemon.switch.ani_prefix_digits: is 9; wanted a whole number from 1 to 8"],
        ),
        (
            "digits = 6",
            "digits = 0",
            ["daemon.switch.ani_prefix_digits: is 0; wanted a whole number from 1 to 8"],
        ),
        (
            '["age"]',
            '["age", "dnis"]',
            [
                (
                    "domain.contact_numbers: names `dnis`; wanted a text, since the switch's"
                    " numbers may begin with `+`"
                )
            ],
        ),
        (
            "digits = 6",
            'digits = 6\ncampaigns = { 4000 = "spring" }',
            [
                (
                    "daemon.switch.campaigns: stands alone; wanted `campaign` in"
                    " domain.contact_attributes, which carries them"
                )
            ],
        ),
    ],
)
def test_each_mistake_has_its_message(old, new, wanted):
    found = problems(FILE.replace(old, new).encode(), file="shop.toml")
    assert [str(one) for one in found] == wanted


@pytest.mark.parametrize(
    "names, campaign, wanted",
    [
        ('["dnis", "age", "campaign"]', "spring", []),
        (
            '["dnis", "age", "campaign"]\ncontact_numbers = ["campaign"] #',
            "spring",
            ["domain.contact_numbers: names `campaign`; wanted a text, since it is a name"],
        ),
        *(
            (
                '["campaign"] #',
                name,
                [f"daemon.switch.campaigns.4000: is {seen}; wanted a name of at most 64"],
            )
            for name, seen in (
                ("", "``"),
                (" ", "` `"),
                ("x" * 65, f"`{'x' * 40}…`"),
                ("\\u0007", "`\\x07`"),
            )
        ),
    ],
)
def test_a_campaign_is_a_name_that_an_attribute_carries(names, campaign, wanted):
    text = FILE.replace('contact_numbers = ["age"]\n', "").replace('["dnis", "age"]', names)
    text += f'campaigns = {{ 4000 = "{campaign}" }}\n'
    found = problems(text.encode(), file="shop.toml")
    assert [str(one).removesuffix(" characters") for one in found] == wanted


def test_a_contact_over_http_may_leave_its_queue_to_the_rules(tmp_path: Path):
    async def main():
        async with house(tmp_path, domain=RULES) as made:
            async with made.client("form") as client:
                headers = {"Idempotency-Key": "order-1"}
                answer = await client.post(
                    "/v1/contacts", json={"channel": "chat"}, headers=headers
                )
                assert answer.status_code == 201, answer.text
            assert (await bring(made, "order-2", queue="")).status_code == 201
            async with made.client("chef") as client:
                shown = (await client.get("/v1/contacts")).json()["contacts"]
                assert [(one["queue"], one["attributes"]) for one in shown] == [
                    ("sales", {"campaign": "none"})
                ] * 2
                queues = (await client.get("/v1/queues")).json()["queues"]
                assert [(one["name"], one["waiting"]) for one in queues] == [("sales", 2)]

    asyncio.run(main())


def test_without_rules_a_contact_over_http_names_its_queue(tmp_path: Path):
    async def main():
        async with house(tmp_path) as made:
            answer = await bring(made, "order-1", queue="")
            assert answer.status_code == 422
            assert answer.json()["error"]["reason"] == "no_queue"

    asyncio.run(main())

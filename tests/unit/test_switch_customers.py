"""A caller's number says who he is, and goes nowhere.

Method: numbers and addresses in tables; a key, a directory and their mistakes word for word, none
of which shows a number. Calls come to a switchboard at a router whose queue waits for those who
come back; what the journal would hold is searched for the number.
"""

import hashlib
import hmac

import msgspec
import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.actions import OfferContact, RegainPlace
from acd.daemon.addresses import Numbering, canonical
from acd.daemon.customers import NOBODY, Customers
from acd.daemon.directory import Known
from acd.daemon.ids import CommandIds
from acd.daemon.settings import CustomerSettings, SwitchSettings, parse, problems
from acd.daemon.switch_site import Site
from acd.daemon.switchboard import Switchboard
from acd.errors import ConfigError
from acd.ids import Channel
from acd.router import Router
from acd.settings import SECOND_US, AffinitySettings
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import Capability
from tests.unit.shop import SHOP, at_work

KEY = "0123456789abcdef0123456789abcdef"
ANI = "+4930123456"
DOMAIN = replace(SHOP, contact_attributes=("dnis", "tier", "worth"), contact_numbers=("worth",))
DIRECTORY = """\
[[customer]]
id = "crm-7"
addresses = ["(030) 777-777", "Ana@Example.org"]
named_agent = "bob"
attributes = { tier = "gold", worth = "99.95" }

[[customer]]
id = "crm-8"
addresses = ["+34911234567"]
"""


def known_by(folder, *, key=KEY, directory=None, domain=DOMAIN, **more):
    """Return who knows customers by a key and a directory in a folder."""
    given = {"folder": folder, "numbering": Numbering(country_code="49"), **more}
    if key is not None:
        path = folder / "customers.key"
        path.write_text(f"{key}\n")
        path.chmod(0o600)
        given["key_file"] = path.name
    if directory is not None:
        given["directory"] = folder / "customers.toml"
        given["directory"].write_text(directory)
    return Customers(CustomerSettings(**given), domain, file="shop.toml")


@pytest.mark.parametrize(
    "address, wanted",
    [
        ("+4930123456", ANI),
        ("004930123456", ANI),
        ("030 123456", ANI),
        ("(030) 123-456", ANI),
        ("30123456", ANI),
        ("+1 212 555 1234", "+12125551234"),
        ("Ana@Example.ORG", "ana@example.org"),
        (" ana@example.org ", "ana@example.org"),
        # Nobody's.
        ("0000000", ""),
        ("+266696687", ""),
        ("0266696687", ""),
        ("anonymous@anonymous.invalid", ""),
        ("a@invalid", ""),
        # Neither.
        ("", None),
        ("101", None),
        ("1001", None),
        ("anonymous", None),
        ("+", None),
        ("123456789012345678901", None),
        ("٣٤٩١١٢٣٤٥٦٧", None),
        ("sip:ana", None),
        ("@example.org", None),
        ("ana@", None),
        ("ana@ example.org", None),
        ("ana@b@c", None),
        ("<ana@example.org>", None),
        ("ana\x00@example.org", None),
        (f"ana@{'x' * 260}", None),
    ],
)
def test_numbers_and_addresses_are_compared_in_one_form(address, wanted):
    assert canonical(address, Numbering(country_code="49")) == wanted


@pytest.mark.parametrize(
    "numbering, address, wanted",
    [
        (Numbering(), "030123456", "030123456"),
        (Numbering(), "004930123456", "004930123456"),
        (Numbering(country_code="39", national_prefix=""), "0612345678", "+390612345678"),
        (
            Numbering(country_code="1", international_prefix="011", national_prefix="1"),
            "12125551234",
            "+12125551234",
        ),
        (
            Numbering(country_code="1", international_prefix="011", national_prefix="1"),
            "0114930123456",
            ANI,
        ),
        (Numbering(country_code="49", international_prefix=""), "00030123456", "+490030123456"),
    ],
)
def test_each_country_dials_in_its_own_way(numbering, address, wanted):
    assert canonical(address, numbering) == wanted


def test_a_token_is_the_keyed_digest_of_the_number(tmp_path):
    customers = known_by(tmp_path)
    digest = hmac.new(KEY.encode(), ANI.encode(), hashlib.sha256).hexdigest()
    assert customers.of(ANI) == Known(customer=f"k-{digest[:32]}")
    assert customers.of("0049 30 123456") == customers.of(ANI)
    assert customers.of("+4930123457") != customers.of(ANI)
    assert known_by(tmp_path, key=KEY[::-1]).of(ANI) != customers.of(ANI)


def test_a_key_may_stand_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ACD_CUSTOMERS", KEY)
    customers = known_by(tmp_path, key=None, key_env="ACD_CUSTOMERS")
    assert customers.of(ANI) == known_by(tmp_path).of(ANI)


def test_the_directory_knows_a_customer_by_each_of_his_addresses(tmp_path):
    customers = known_by(tmp_path, directory=DIRECTORY)
    ana = Known(
        customer="crm-7", named_agent="bob", attributes=(("tier", "gold"), ("worth", "99.95"))
    )
    assert customers.of("+4930777777") == customers.of("ana@example.org") == ana
    assert customers.of("0034 911234567") == Known(customer="crm-8")
    assert customers.of(ANI).customer.startswith("k-")


def test_without_a_key_only_the_directory_is_asked(tmp_path):
    customers = known_by(tmp_path, key=None, directory=DIRECTORY)
    assert customers.of("+34911234567").customer == "crm-8"
    assert customers.of(ANI) == NOBODY


def test_whoever_shares_a_number_or_withholds_it_is_nobody(tmp_path):
    customers = known_by(tmp_path, shared=("030 100 100",))
    for address in ("+4930100100", "anonymous", "", "00000000", "101"):
        assert customers.of(address) == NOBODY
    assert Customers(None, SHOP).of(ANI) == NOBODY


def test_a_directory_that_is_read_again_holds_from_then_on(tmp_path):
    customers = known_by(tmp_path, directory=DIRECTORY)
    (tmp_path / "customers.toml").write_text(DIRECTORY.replace("crm-8", "crm-9"))
    read = customers.read(DOMAIN)
    assert customers.of("+34911234567").customer == "crm-8"
    customers.change(read)
    assert customers.of("+34911234567").customer == "crm-9"


@pytest.mark.parametrize(
    "old, new, wanted",
    [
        ('"crm-8"', '"crm-7"', "customer[1].id: is `crm-7` again; wanted another id"),
        (
            '"crm-8"',
            '"+34911234567"',
            (
                "customer[1].id: is no id; wanted 1 to 64 characters that are no number and no"
                " address"
            ),
        ),
        (
            '"crm-8"',
            '""',
            (
                "customer[1].id: is no id; wanted 1 to 64 characters that are no number and no"
                " address"
            ),
        ),
        (
            '"+34911234567"',
            '"911"',
            "customer[1].addresses[0]: is no number and no address; wanted one of both",
        ),
        (
            '"+34911234567"',
            '"9999999"',
            ("customer[1].addresses[0]: is nobody's in particular; wanted the customer's own"),
        ),
        (
            '"+34911234567"',
            '"ana@example.org"',
            "customer[1].addresses[0]: stands here again; wanted an address once",
        ),
        (
            '["+34911234567"]',
            "[]",
            "customer[1].addresses: is empty; wanted numbers and addresses of the customer",
        ),
        (
            '"bob"',
            '"bobb"',
            (
                "customer[0].named_agent: is `bobb`; wanted an agent of the domain; did you mean"
                " `bob`?"
            ),
        ),
        (
            "tier =",
            "tear =",
            (
                "customer[0].attributes.tear: is no attribute; wanted an attribute of the domain;"
                " did you mean `tier`?"
            ),
        ),
        (
            '"gold"',
            f'"{"x" * 65}"',
            "customer[0].attributes.tier: is too long; wanted at most 64 characters",
        ),
        (
            '"99.95"',
            '"much"',
            ("customer[0].attributes.worth: is `much`; wanted a number in a text, like 99.95"),
        ),
    ],
)
def test_each_mistake_of_a_directory_has_its_message(tmp_path, old, new, wanted):
    with pytest.raises(ConfigError) as refused:
        known_by(tmp_path, directory=DIRECTORY.replace(old, new))
    assert str(refused.value) == f"{tmp_path / 'customers.toml'}: {wanted}"


def test_a_directory_of_another_shape_is_refused(tmp_path):
    text = DIRECTORY.replace('["+34911234567"]', '"+34911234567"').replace("named_agent", "agent")
    with pytest.raises(ConfigError) as refused:
        known_by(tmp_path, directory=f"{text}[[customer]]\naddresses = ['a@b']\n")
    assert str(refused.value).replace(str(tmp_path), "").splitlines() == [
        (
            "/customers.toml: customer[0]: has an unknown key; wanted a known key; did you mean"
            " `named_agent`?"
        ),
        "/customers.toml: customer[1].addresses: is of another kind; wanted an array",
        "/customers.toml: customer[2].id: is missing; wanted a text",
    ]


def test_no_message_of_a_directory_shows_a_number(tmp_path):
    number = "+349112345678901234567"
    for text in (
        DIRECTORY.replace('"+34911234567"', f'"{number}"'),
        DIRECTORY.replace('["+34911234567"]', f'"{number}"'),
        DIRECTORY.replace('["+34911234567"]', f'["{number}", 7]'),
        DIRECTORY.replace('["+34911234567"]', f'["{number}'),
        DIRECTORY.replace('"crm-8"', f'"{number}"'),
        DIRECTORY.replace("named_agent", f'"{number}"'),
    ):
        with pytest.raises(ConfigError) as refused:
            known_by(tmp_path, directory=text)
        assert "91123" not in str(refused.value)


@pytest.mark.parametrize(
    "key, mode, wanted",
    [
        ("short", 0o600, "holds too short a key; wanted at least 32 characters"),
        (KEY, 0o604, "which everybody may read or write; wanted a file of its owner's"),
        ("", 0o600, "holds nothing; wanted 1 to 256 bytes of text on one line"),
        (f"{KEY}\n{KEY}", 0o600, "holds control characters; wanted 1 to 256 bytes of text"),
        (KEY * 9, 0o600, "holds too much; wanted 1 to 256 bytes of text on one line"),
    ],
)
def test_a_key_that_will_not_do_is_refused_and_not_shown(tmp_path, key, mode, wanted):
    path = tmp_path / "secret.key"
    path.write_text(key)
    path.chmod(mode)
    with pytest.raises(ConfigError) as refused:
        Customers(CustomerSettings(key_file=path.name, folder=tmp_path), SHOP, file="shop.toml")
    assert str(refused.value).startswith("shop.toml: daemon.customers.key_file: ")
    assert wanted in str(refused.value)
    assert KEY not in str(refused.value)


def test_a_key_that_is_not_there_is_missed(tmp_path, monkeypatch):
    monkeypatch.delenv("ACD_CUSTOMERS", raising=False)
    settings = CustomerSettings(key_env="ACD_CUSTOMERS", folder=tmp_path)
    with pytest.raises(ConfigError, match="key_env: is `ACD_CUSTOMERS`, which is not set"):
        Customers(settings, SHOP, file="shop.toml")
    monkeypatch.setenv("ACD_CUSTOMERS", "short")
    with pytest.raises(ConfigError, match="key_env: holds too short a key"):
        Customers(settings, SHOP, file="shop.toml")


FILE = """\
[domain]
name = "shop"
[queues.sales.voice]
[capacities.one]
voice = {}
[[profiles.all]]
queue = "sales"
[agents.ann]
profile = "all"
capacity = "one"
[daemon.customers]
key_file = "customers.key"
directory = "customers.toml"
country_code = "49"
shared = ["030 100100", "info@example.org"]
"""


def test_what_is_configured_is_read():
    _, daemon = parse(FILE.encode(), file="folder/shop.toml")
    settings = daemon.customers
    assert settings is not None
    assert settings.key_file == "customers.key"
    assert str(settings.folder) == "folder"
    assert str(settings.directory) == "folder/customers.toml"
    assert settings.numbering == Numbering(country_code="49")
    assert settings.shared == ("030 100100", "info@example.org")


@pytest.mark.parametrize(
    "old, new, wanted",
    [
        ("", "", []),
        ('key_file = "customers.key"\n', "", []),
        (
            'key_file = "customers.key"\ndirectory = "customers.toml"\n',
            "",
            ["daemon.customers.key_file: is missing; wanted key_file, key_env or directory"],
        ),
        (
            "directory =",
            'key_env = "KEY"\ndirectory =',
            [
                (
                    "daemon.customers.key_file: stands beside key_env; wanted either key_file or"
                    " key_env"
                )
            ],
        ),
        (
            '"49"',
            '"+49"',
            ["daemon.customers.country_code: is `+49`; wanted at most 5 digits"],
        ),
        (
            'country_code = "49"',
            'national_prefix = "0"',
            [
                (
                    "daemon.customers.national_prefix: stands alone; wanted a country_code, without"
                    " which numbers stay as they came"
                )
            ],
        ),
        (
            '"030 100100"',
            '"100"',
            ["daemon.customers.shared[0]: is no number and no address; wanted one of both"],
        ),
        (
            '"info@example.org"',
            ",\n".join(['"info@example.org"'] * 1_000),
            ["daemon.customers.shared: has 1001; wanted at most 1000 numbers and addresses"],
        ),
        (
            "directory =",
            "dirctory =",
            [
                (
                    "daemon.customers.dirctory: is an unknown key; wanted a known key; did you mean"
                    " `directory`?"
                )
            ],
        ),
    ],
)
def test_each_mistake_of_the_table_has_its_message(old, new, wanted):
    found = problems(FILE.replace(old, new).encode(), file="shop.toml")
    assert [str(one) for one in found] == wanted


# Calls.


class Calls:
    """A router and a switchboard that knows callers."""

    def __init__(self, customers, *, resume_s=None, **affinity):
        (queue,) = SHOP.queues
        spans = {name: seconds * SECOND_US for name, seconds in affinity.items()}
        queue = replace(
            queue,
            resume_us=None if resume_s is None else resume_s * SECOND_US,
            affinity=AffinitySettings(**spans) if spans else queue.affinity,
        )
        self.router = Router(replace(DOMAIN, queues=(queue,)))
        settings = SwitchSettings(kind="any", name="pbx", routes={"4000": "sales"})
        site = Site(lambda: self.router, settings, CommandIds("shop", "j"), customers)
        self.board = Switchboard(site, Capability(0))
        self.board.react(sw.LinkUp(epoch=1), now_us=0)
        self.board.react(sw.Snapshot(epoch=1), now_us=0)
        self.journal = []

    def tell(self, event, at_s):
        while (due_us := self.router.next_wakeup_us()) is not None and due_us <= at_s * SECOND_US:
            self.router.step(ev.ClockTicked(), now_us=due_us)
        actions = self.router.step(event, now_us=at_s * SECOND_US)
        self.journal.append((event, actions))
        return actions

    def call(self, call_id, ani, at_s):
        """Have a call come; return what was decided."""
        request = sw.RouteRequest(epoch=1, call=sw.Call(call_id, "4000", ani))
        (fact,) = self.board.react(request, now_us=at_s * SECOND_US).facts
        return self.tell(fact, at_s)


def test_whoever_hung_up_and_calls_again_has_his_place(tmp_path):
    calls = Calls(known_by(tmp_path), resume_s=60)
    calls.call("c1", "+4930123456", 1)
    calls.tell(ev.ContactLeft(contact_id="pbx:c1"), 5)
    (action,) = calls.call("c2", "030 123456", 20)
    assert isinstance(action, RegainPlace)
    assert action.arrived_us == SECOND_US


def test_whoever_calls_again_gets_the_agent_who_had_him(tmp_path):
    calls = Calls(known_by(tmp_path), last_agent_us=30)
    calls.tell(at_work("ann", "bob"), 0)
    (offer,) = calls.call("c1", "+4930123456", 1)
    assert isinstance(offer, OfferContact)
    calls.tell(ev.LegConnected(offer_id=1), 2)
    calls.tell(ev.LegEnded(offer_id=1), 3)
    assert calls.call("c2", "030 123456", 4) == ()  # Ann had him, and is in wrap-up.
    (other,) = calls.call("c3", "+4930999999", 5)
    assert isinstance(other, OfferContact)
    assert (offer.agent_id, other.agent_id) == ("ann", "bob")


def test_whom_the_directory_names_gets_the_call(tmp_path):
    calls = Calls(known_by(tmp_path, directory=DIRECTORY), named_agent_us=30)
    calls.tell(at_work("ann", "bob"), 0)
    calls.tell(ev.AgentNotReady(agent_id="bob"), 0)
    assert calls.call("c1", "+4930777777", 1) == ()
    arrival, _ = calls.journal[-1]
    assert (arrival.customer, arrival.named_agent) == ("crm-7", "bob")
    assert arrival.attributes == (("dnis", "4000"), ("tier", "gold"), ("worth", "99.95"))
    (offer,) = calls.tell(ev.AgentReady(agent_id="bob"), 2)
    assert offer.agent_id == "bob"


def test_no_callers_number_is_in_what_is_journalled(tmp_path):
    calls = Calls(known_by(tmp_path, directory=DIRECTORY), resume_s=60, last_agent_us=30)
    for number, ani in enumerate(("+4930123456", "+4930777777", "+34911234567", "anonymous")):
        calls.call(f"c{number}", ani, number)
    wire = msgspec.json.encode((calls.journal, calls.router.snapshot()))
    for digits in (b"0123456", b"30777", b"91123"):
        assert digits not in wire
    channels = {arrival.channel for arrival, _ in calls.journal}
    assert channels == {Channel.VOICE}
    assert [arrival.customer[:6] for arrival, _ in calls.journal[1:]] == ["crm-7", "crm-8", ""]

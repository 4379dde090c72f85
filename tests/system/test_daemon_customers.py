"""Under `acd serve` a caller is known by his number, and the number stands nowhere.

Method: the daemon as a process at the simulated switch; customers call, hang up, write and call
again, from numbers that the switch writes in several ways. Then all that the daemon wrote is
searched for their numbers and addresses.
"""

import signal
import socket
import subprocess
import threading
import time

import httpx

from acd.switch_protocol.simulated.wishes import Press
from tests.system.daemon_kit.desks import Crew, Phones, switch
from tests.system.daemon_kit.site import ACD, Site, running

KEY = "4f1d" * 16
CUSTOMERS = """
[daemon.customers]
key_file = "customers.key"
directory = "customers.toml"
country_code = "49"
"""
CONTEXT = """
[daemon.context]
timeout_s = 0.5
history = {{}}
crm = {{ url = "http://127.0.0.1:{port}/context" }}
"""
DIRECTORY = """\
[[customer]]
id = "crm-7"
addresses = ["+49 40 7654321", "ana@example.org"]
named_agent = "team-002"
"""
AFFINITY = """\
[queues.calls]
resume_s = 600
affinity = { last_agent_s = 600, named_agent_s = 600 }
"""
NUMBERS = (b"30123456", b"7654321", b"example.org", KEY.encode())


def site_of(folder, socket):
    """Return a site that knows its customers."""
    site = Site(folder, agents=2, socket=socket)
    text = site.config.read_text().replace("[queues.calls]\n", AFFINITY)
    site.config.write_text(f"{text}\n{CUSTOMERS}")
    key = folder / "customers.key"
    key.write_text(f"{KEY}\n")
    key.chmod(0o600)
    (folder / "customers.toml").write_text(DIRECTORY)
    return site


def place(crew, phones, ani):
    """Have a customer call; return his contact's id."""
    (call_id,) = crew.run(phones.control.place_calls("4000", ani=ani))
    return f"switch:{call_id}"


def shown(site):
    """Return the open contacts by their ids."""
    page = site.get("/v1/contacts")
    return {contact["contact_id"]: contact for contact in page["contacts"]}


def leg_of(site, contact_id):
    """Return a contact's only leg, if it is here."""
    contact = shown(site).get(contact_id)
    return {} if contact is None else contact["legs"][0]


class Callers:
    """Customers who call, and the phones that ring."""

    def __init__(self, site, crew, control):
        self.site = site
        self.crew = crew
        self.phones = Phones(crew, control)

    def until(self, contact_id, state):
        """Wait until the only leg of a contact is in a state; return its agent."""
        self.phones.wait_until(lambda: leg_of(self.site, contact_id).get("state") == state)
        return leg_of(self.site, contact_id)["agent_id"]

    def call(self, ani):
        """Call; return the contact's id when the daemon has it."""
        contact_id = place(self.crew, self.phones, ani)
        self.phones.wait_until(lambda: contact_id in shown(self.site))
        return contact_id

    def answer(self, contact_id):
        """Have the phone answered at which a call rings; return whose it is."""
        agent = self.until(contact_id, "offered")
        self.crew.run(self.phones.control.press(agent, Press.ANSWER))
        return self.until(contact_id, "connected")

    def hang_up(self, contact_id):
        """Hang up; return when the daemon knows it."""
        call_id = contact_id.removeprefix("switch:")
        self.crew.run(self.phones.control.hang_up_customer(call_id))
        self.phones.wait_until(lambda: contact_id not in shown(self.site))


def test_callers_come_back_to_their_place_and_to_their_agent(tmp_path):
    names = ["team-001", "team-002"]
    with switch(tmp_path, names, seed=1) as (link, control):
        site = site_of(tmp_path, link)
        with running(site), Crew(site, seed=1) as crew:
            callers = Callers(site, crew, control)
            crew.sit_down(working=False)
            # The line is cut while it rings, and he calls again.
            first = callers.call("+4930123456")
            waits_from = leg_of(site, first)["arrived_us"]
            callers.hang_up(first)
            again = callers.call("030 123456")
            assert leg_of(site, again)["arrived_us"] == waits_from
            token = shown(site)[again]["customer"]
            assert token.startswith("k-")
            # The agent whom he had is not the one who is idle longest.
            agent = callers.answer(again)
            callers.hang_up(again)
            last = callers.call("0049-30-123456")
            assert callers.answer(last) == agent
            assert shown(site)[last]["customer"] == token
            # Whom the directory names for a customer he waits for, though another is free.
            (tmp_path / "customers.toml").write_text(DIRECTORY.replace("team-002", agent))
            site.signal(signal.SIGHUP)
            callers.phones.wait_until(lambda: '"reloaded"' in site.log())
            named, nobody = callers.call("040 7654321"), callers.call("anonymous")
            assert callers.answer(nobody) != agent
            assert leg_of(site, named)["state"] == "queued"
            contacts = shown(site)
            assert (contacts[named]["customer"], contacts[nobody]["customer"]) == ("crm-7", "")
            assert write(site, "Ana@Example.org")["customer"] == "crm-7"
            callers.hang_up(last)
            assert callers.answer(named) == agent
            callers.phones.close()
            assert site.stop() == 0
    written = [site.log().encode()]
    written += [path.read_bytes() for path in (tmp_path / "state").iterdir() if path.is_file()]
    for number in NUMBERS:
        assert not any(number in data for data in written)
    assert any(token.encode() in data for data in written)


def write(site, address, *, key="chat-1"):
    """Bring a chat from an address; return what the daemon shows of it, if it is still there."""
    response = httpx.post(
        f"{site.url}/v1/contacts",
        json={"queue": "chats", "channel": "chat", "address": address},
        headers={**site.headers("producer"), "Idempotency-Key": key},
    )
    assert response.status_code == 201
    contact_id = response.json()["contact_id"]
    return shown(site).get(contact_id, {"contact_id": contact_id})


def test_the_desk_is_told_of_earlier_contacts_beside_a_crm_that_hangs(tmp_path):
    site = site_of(tmp_path, tmp_path / "none.sock")
    with socket.create_server(("127.0.0.1", 0)) as crm, Crew(site, seed=1) as crew:
        # It takes connections, and never says a word.
        context = CONTEXT.format(port=crm.getsockname()[1])
        before = site.config.read_text().partition("[daemon.switch]")[0]
        site.config.write_text(before + CUSTOMERS + context)
        with running(site):
            crew.sit_down(working=False)
            first = write(site, "ana@example.org", key="chat-1")["contact_id"]
            until(lambda: len(told(crew, "context")) >= 2)
            second = write(site, "+49 40 7654321", key="chat-2")["contact_id"]
            until(lambda: len(told(crew, "context")) >= 4)
            offers = {one["offer_id"]: one["contact_id"] for one in told(crew, "offer")}
            known = [one for one in told(crew, "context") if one["source"] == "history"]
            shown_ids = {
                offers[one["offer_id"]]: [row["contact_id"] for row in one["context"]["contacts"]]
                for one in known
            }
            assert shown_ids[first] == []
            assert shown_ids[second] == [first]
            late = [one for one in told(crew, "context") if one["source"] == "crm"]
            assert {(one["ok"], one["reason"]) for one in late} == {(False, "timeout")}
            rows = site.get("/v1/history/customers/crm-7")["contacts"]
            assert [row["contact_id"] for row in rows] == [second, first]
            assert site.stop() == 0
            crew.gone()


def told(crew, kind):
    """Return what desks were told of a kind."""
    return [one for sitting in crew.sittings for one in sitting.messages if one["type"] == kind]


def until(true):
    """Look until something is true."""
    deadline_s = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.05)


def test_a_directory_with_mistakes_is_refused_and_the_old_one_stays(tmp_path):
    site = site_of(tmp_path, tmp_path / "none.sock")
    site.config.write_text(site.config.read_text().partition("[daemon.switch]")[0] + CUSTOMERS)
    directory = tmp_path / "customers.toml"
    wrong = DIRECTORY.replace("+49 40 7654321", "7654")
    directory.write_text(wrong)
    done = subprocess.run(
        [ACD, "serve", site.config], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "customer[0].addresses[0]: is no number and no address" in done.stderr
    assert "7654" not in done.stderr
    directory.write_text(DIRECTORY)
    with running(site):
        directory.write_text(wrong)
        site.signal(signal.SIGHUP)
        until(lambda: "not reloaded" in site.log())
        assert write(site, "ana@example.org")["customer"] == "crm-7"
        assert "7654" not in site.log()

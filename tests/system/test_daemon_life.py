"""The daemon's life as an operator knows it: stopped, continued, reloaded, started twice, damaged.

Method: `acd serve` as a process, looked at from outside only: its exit code, what it prints, HTTP,
and agents' desks. Exit codes are those that `acd/cli.py` names.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.system.daemon_kit.auditor import all_are_kept, read_journal
from tests.system.daemon_kit.desks import Crew
from tests.system.daemon_kit.ledger import Ledger, produce
from tests.system.daemon_kit.site import ACD, Site, running

DEADLINE_S = 30

USER_ERROR = 2
STORAGE_FAILED = 4

SERVICE_RESTART = 1012

STOPPED_S = 5

MAILS = """\
[queues.mails.chat]
ring_s = 5

[[profiles.all]]
queue = "mails"
"""

CANARY = "canary-4f1d"


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def until(true, what):
    """Look until something is true."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline_s, what
        threading.Event().wait(0.05)


def told(crew, kind, agent=None):
    """Return the messages of a kind that desks were told, or one agent's."""
    return [
        message
        for sitting in crew.sittings
        for message in sitting.messages
        if message["type"] == kind and agent in {None, sitting.agent_id}
    ]


def refused_start(site):
    """Start a daemon that must refuse; return its exit code and its complaint."""
    done = subprocess.run(
        [ACD, "serve", site.config],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert not done.stdout
    assert "Traceback" not in done.stderr
    # What it logs is JSON; what it complains of is not.
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    return done.returncode, complaints


# SIGSTOP and SIGTERM.


def test_who_was_stopped_fires_his_timers_before_he_hears_late_answers(tmp_path):
    """An answer that came while the daemon stood still, after the ringing's end, is too late."""
    site, ledger = Site(tmp_path, agents=1, ring_s=3), Ledger()
    (agent,) = site.agents
    with running(site), Crew(site, seed=1) as crew:
        crew.sit_down(working=False)
        until(lambda: crew.is_ready(agent), "the agent is not ready")
        produce(site, ledger, count=1)
        until(lambda: told(crew, "offer"), "nothing was offered")
        (offer,) = told(crew, "offer")
        site.signal(signal.SIGSTOP)
        threading.Event().wait(STOPPED_S)
        crew.say(agent, "accept", offer_id=offer["offer_id"])
        site.signal(signal.SIGCONT)
        until(lambda: told(crew, "withdraw"), "the offer was not taken back")
        assert told(crew, "withdraw")[0]["outcome"] == "timed_out"
        until(lambda: [one for one in told(crew, "result") if not one["ok"]], "no answer")
        (late,) = [one for one in told(crew, "result") if not one["ok"]]
        assert late["error"]["code"] == "no_such_offer"
        produce(site, ledger, count=20)
        assert site.stop() == 0
        crew.gone()
    assert len(ledger.acknowledged) == 21
    all_are_kept(site, ledger)


def test_sigterm_drains(site):
    ledger = Ledger()
    with running(site), Crew(site, seed=1) as crew:
        crew.sit_down(working=False)
        produce(
            site,
            ledger,
            count=400,
            acknowledged=lambda: site.signal(signal.SIGTERM),
        )
        assert site.wait() == 0
        crew.gone()
        assert crew.codes == [SERVICE_RESTART] * len(site.agents)
    assert ledger.acknowledged
    all_are_kept(site, ledger)
    with running(site):
        produce(site, ledger, count=0)
        assert site.stop() == 0
    assert not ledger.open_keys()
    all_are_kept(site, ledger)


# What it refuses to start with.


def test_a_second_daemon_on_one_journal_is_refused(site):
    ledger = Ledger()
    with running(site):
        code, complaints = refused_start(site)
        assert code == USER_ERROR
        (line,) = complaints
        assert line.startswith("acd: ")
        assert "journal.db: is in use by another process; wanted one daemon" in line
        produce(site, ledger, count=20)
        assert site.stop() == 0
    assert len(ledger.acknowledged) == 20
    all_are_kept(site, ledger)


def test_a_port_in_use_is_told_in_a_line(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site.config.write_text(site.config.read_text().replace("port = 0", f"port = {port}"))
        code, complaints = refused_start(site)
    assert code == USER_ERROR
    (line,) = complaints
    assert line == f"acd: 127.0.0.1:{port}: Address already in use"


def test_a_flipped_byte_in_the_journal_is_told_in_a_line(site):
    ledger = Ledger()
    with running(site):
        produce(site, ledger, count=100)
        assert site.stop() == 0
    sound = site.journal.read_bytes()
    # A text that only the batches hold.
    place = sound.index(b"http/producer/") + 20
    damaged = bytearray(sound)
    damaged[place] ^= 1
    site.journal.write_bytes(damaged)
    code, complaints = refused_start(site)
    assert code == STORAGE_FAILED
    (line,) = complaints
    assert line.startswith("acd: ")
    assert "journal.db: " in line
    site.journal.write_bytes(sound)
    with running(site):
        assert site.stop() == 0
    all_are_kept(site, ledger)


# SIGHUP.


def reload_with(site, text):
    """Have the daemon read a changed configuration; return whether it took it over."""
    site.config.write_text(text)
    before = site.log()
    site.signal(signal.SIGHUP)
    until(lambda: "reloaded" in site.log()[len(before) :], "it did not say what came of it")
    return '"not reloaded"' not in site.log()[len(before) :]


def test_a_configuration_is_swapped_while_contacts_wait(site):
    ledger = Ledger()
    with running(site):
        produce(site, ledger, count=30)
        sound = site.config.read_text()
        added = sound.replace("[capacities.one]", f"{MAILS}\n[capacities.one]")
        assert reload_with(site, added)
        queues = [queue["name"] for queue in site.get("/v1/queues")["queues"]]
        assert "mails" in queues
        # Twice wrong: it does not validate, or lacks the queue in which 30 wait.
        lacking = added.replace("queues.chats", "queues.talks").replace('"chats"', '"talks"')
        for wrong in (sound.replace("ring_s = 15", "ring_s = -1"), "no toml", lacking):
            assert wrong not in {sound, added}
            assert not reload_with(site, wrong)
            assert [queue["name"] for queue in site.get("/v1/queues")["queues"]] == queues
        (waiting,) = [one for one in site.get("/v1/queues")["queues"] if one["name"] == "chats"]
        assert waiting["waiting"] == 30
        produce(site, ledger, count=10)
        site.kill()
        site.config.write_text(added)
        site.start()
        (waiting,) = [one for one in site.get("/v1/queues")["queues"] if one["name"] == "chats"]
        assert waiting["waiting"] == 40
        assert site.stop() == 0
    all_are_kept(site, ledger)


def test_each_mistake_of_a_refused_configuration_is_a_line_of_the_log(site):
    with running(site):
        sound = site.config.read_text()
        before = site.log()
        wrong = sound.replace("ring_s = 15", "ring_s = -1") + "".join(
            f"\n[rona{number}]\n" for number in range(21)
        )
        assert not reload_with(site, wrong)
        until(lambda: "more mistakes" in site.log()[len(before) :], "it did not say them all")
        lines = [json.loads(line) for line in site.log()[len(before) :].splitlines()]
        told = [line["error"] for line in lines if line["event"] == "not reloaded"]
        assert len(told) == 21
        assert any("ring_s: is -1; wanted" in one for one in told)
        assert told[-1].endswith(" more mistakes")
        assert not any("?" in one.replace("did you mean `rona`?", "") for one in told)
        site.config.write_text(sound)
        assert site.stop() == 0


def test_what_lacks_a_queue_somebody_waits_in_does_not_start(site):
    ledger = Ledger()
    with running(site):
        produce(site, ledger, count=5)
        site.stop()
    sound = site.config.read_text()
    lacking = sound.replace("queues.chats", "queues.talks").replace('"chats"', '"talks"')
    site.config.write_text(lacking)
    code, complaints = refused_start(site)
    assert code == USER_ERROR
    assert any("chats" in line for line in complaints)
    site.config.write_text(sound)
    with running(site):
        site.stop()
    all_are_kept(site, ledger)


# What an operator does beside it.


def test_the_journal_that_a_daemon_left_is_verified(site, run):
    ledger = Ledger()
    with running(site), Crew(site, seed=1) as crew:
        crew.sit_down(working=True)
        produce(site, ledger, count=200)
        site.kill()
        crew.gone()
    done = run([ACD, "replay", "--verify", site.journal])
    assert "verified: " in done.stdout
    assert len(read_journal(site.journal).arrived) == 200
    with running(site):
        refused = run([ACD, "replay", site.journal], wanted=USER_ERROR)
        assert "is in use" in refused.stderr


def test_tokens_are_made_checked_and_taken_over(site, run):
    assert "ok: 2 queues, daemon" in run([ACD, "check", site.config]).stdout
    with running(site):
        made = run([ACD, "token", site.config, "--name", "new", "--role", "supervisor"])
        secret = made.stdout.strip()
        assert secret.startswith("acd_")
        assert secret not in (site.folder / "tokens.toml").read_text()

        def get():
            headers = {"Authorization": f"Bearer {secret}"}
            return httpx.get(f"{site.url}/v1/queues", headers=headers, timeout=DEADLINE_S)

        assert get().status_code == 401
        assert reload_with(site, site.config.read_text())
        assert get().status_code == 200
        twice = run(
            [ACD, "token", site.config, "--name", "new", "--role", "producer"], wanted=USER_ERROR
        )
        assert "has 'new' already" in twice.stderr


def test_the_log_holds_no_token_and_nothing_of_a_customer(tmp_path):
    site = Site(tmp_path)
    text = site.config.read_text()
    site.config.write_text(
        text.replace('name = "site"', 'name = "site"\ncontact_attributes = ["note"]')
    )
    with running(site), Crew(site, seed=1) as crew:
        crew.sit_down(working=True)
        where = f"{site.url}/v1/contacts"
        headers = site.headers("producer")
        contact = {
            "queue": "chats",
            "channel": "chat",
            "customer": CANARY,
            "attributes": {"note": CANARY},
        }
        with httpx.Client(headers=headers, timeout=DEADLINE_S) as client:
            for body, key in (
                (contact, f"{CANARY}-1"),
                ({**contact, CANARY: 1}, f"{CANARY}-2"),
                ({**contact, "queue": CANARY}, f"{CANARY}-3"),
            ):
                client.post(where, json=body, headers={"Idempotency-Key": key})
            client.post(where, content=f'{{"{CANARY}'.encode(), headers={"Idempotency-Key": "k"})
            client.get(f"{site.url}/{CANARY}?{CANARY}={CANARY}")
            wrong = {"Authorization": f"Bearer acd_{CANARY}"}
            assert client.get(where, headers=wrong).status_code == 401
        until(lambda: told(crew, "offer"), "nothing was offered")
        assert told(crew, "offer")[0]["customer"] == CANARY
        crew.say(site.agents[0], CANARY)
        assert site.stop() == 0
        crew.gone()
    log = site.log()
    assert '"ready"' in log
    assert CANARY not in log
    assert not [secret for secret in site.secrets.values() if secret in log]


# The demonstration.


@pytest.fixture
def short():
    """Return a folder whose path leaves room for a socket's name (100 bytes)."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_the_demonstration_routes_a_contact_ends_and_leaves_nothing(short):
    """All that it starts is in one session, except for the world, whose folder is in its words."""
    folder = short
    process = subprocess.Popen(
        [ACD, "serve", "--demo", "--once"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    said, complained = process.communicate(timeout=120)
    assert process.returncode == 0, (said, complained)
    assert "http://127.0.0.1:" in said
    assert "contacts were routed" in said
    assert "Traceback" not in complained
    assert not list(folder.iterdir())
    assert not of_folder(folder)


def of_folder(folder: Path) -> list[str]:
    """Return the commands of the processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found

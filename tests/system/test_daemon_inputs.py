"""Rude networks on both sides: inputs that come thrice, crossed or not at all have one effect each.

Method: producers send chats through a proxy that copies, crosses and loses requests and answers by
a seed, and repeat with the same key until they are answered, while agents work; and the simulated
switch, a process of its own, drops, repeats, crosses and delays what it tells and is told, and is
polite again afterwards. The auditor compares what everybody was told with the journal and with the
switch's own ledger.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from acd.switch_protocol.simulated.rudeness import Rude, Rule
from tests.system.daemon_kit.auditor import double_hands, losses, phantoms, read_journal
from tests.system.daemon_kit.desks import Crew, Phones, switch
from tests.system.daemon_kit.ledger import GONE, PRODUCERS, Ledger
from tests.system.daemon_kit.proxy import COPIES, Proxy
from tests.system.daemon_kit.site import Site, running

CONTACTS = 600
SEED = 11

AGENTS = 6
CALLS = 60
RUDE = (
    Rule(Rude.DROPPED, 0.05),
    Rule(Rude.DROPPED, 0.05, "route_select"),
    Rule(Rude.DROPPED, 0.05, "route_cancel"),
    Rule(Rude.REPEATED, 0.2),
    Rule(Rude.CROSSED, 0.3),
    Rule(Rude.LATE, 0.1),
)


def insist(site, ledger, *, url, count):
    """Send new contacts, each with its key until it is acknowledged; return how often."""
    lock = threading.Lock()
    keys = iter([ledger.next_key() for _ in range(count)])
    attempts = 0

    def work():
        nonlocal attempts
        # The proxy carries one request a connection.
        headers = {**site.headers("producer"), "Connection": "close"}
        with httpx.Client(timeout=5, headers=headers) as client:
            while (key := next(keys, None)) is not None:
                while key not in ledger.acknowledged:
                    with lock:
                        attempts += 1
                    try:
                        response = client.post(
                            f"{url}/v1/contacts",
                            json={"queue": "chats", "channel": "chat"},
                            headers={"Idempotency-Key": key},
                        )
                    except GONE:
                        continue
                    with lock:
                        ledger.note(key, response)

    with ThreadPoolExecutor(PRODUCERS) as pool:
        for done in [pool.submit(work) for _ in range(PRODUCERS)]:
            done.result()
    return attempts


def test_inputs_thrice_crossed_and_lost_have_one_effect_each(tmp_path, say):
    site, ledger = Site(tmp_path, agents=AGENTS), Ledger()
    with running(site), Crew(site, seed=SEED) as crew:
        crew.sit_down(working=True)
        proxy = Proxy(int(site.url.rpartition(":")[2]), seed=SEED)
        crew.run(proxy.__aenter__())
        attempts = insist(site, ledger, url=f"http://127.0.0.1:{proxy.port}", count=CONTACTS)
        crew.run(proxy.__aexit__(None, None, None))
        assert site.stop() == 0
        crew.gone()
    assert not ledger.open_keys()
    assert not ledger.refused
    assert proxy.lost > CONTACTS // 20
    assert proxy.copied > CONTACTS * COPIES
    assert attempts > CONTACTS
    assert crew.offered
    kept = read_journal(site.journal)
    assert not losses(ledger, kept)
    assert len(kept.arrived) == CONTACTS
    assert not double_hands(crew.sittings)
    assert not phantoms(crew.sittings, kept)
    say(f"proxy: {CONTACTS} contacts, {proxy.copied} copies came, {proxy.lost} messages were lost")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rude_switch_has_no_call_lost_and_none_ring_twice(tmp_path, seed):
    names = [f"team-{number:03}" for number in range(1, AGENTS + 1)]
    with switch(tmp_path, names, seed=seed) as (socket, control):
        site = Site(tmp_path, agents=AGENTS, socket=socket, ring_s=2)
        with running(site), Crew(site, seed=seed) as crew:
            phones = Phones(crew, control)
            crew.sit_down(working=True)
            phones.answer(quickly=True)
            crew.run(phones.control.be_rude(*RUDE, seed=seed))
            for _ in range(CALLS // 4):
                phones.call(4)
                # Customers do not come all at once.
                threading.Event().wait(0.1)
            crew.run(phones.control.be_rude())
            crew.run(phones.control.cut_link())
            at_switch = phones.settle()
            assert not at_switch.doubles
            # Those who are left are served.
            phones.wait_until(lambda: not phones.at_switch().calls)
            assert not site.calls()
            at_switch = phones.at_switch()
            assert not at_switch.doubles
            assert at_switch.talking
            phones.close()
            assert site.stop() == 0
            crew.gone()
    assert not double_hands(crew.sittings)
    assert not phantoms(crew.sittings, read_journal(site.journal))

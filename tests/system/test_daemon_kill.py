"""kill -9, over and over: nothing that was acknowledged is lost, nobody is offered twice.

Method: producers send chats over HTTP, customers call at a simulated switch that is a process of
its own and survives, and agents sit at their desks. The daemon is killed at a random time (from a
seed) after the first acknowledgement of each of its lives: in half of the lives agents work, in the
others their desks and phones ring on. An auditor outside, who has ledgers of his own, compares at
the end. He himself is tested on small made-up ledgers, and on a daemon that acknowledges before it
has committed, which he must find out.
"""

import random
import sys
import threading
import time

import pytest

from acd.switch_protocol.simulated.ledger import Did, Line
from tests.system.conftest import ROOT
from tests.system.daemon_kit.auditor import (
    Kept,
    Sitting,
    double_hands,
    losses,
    phantoms,
    read_journal,
    read_switch,
)
from tests.system.daemon_kit.desks import Crew, Phones, switch
from tests.system.daemon_kit.ledger import Ledger, produce
from tests.system.daemon_kit.site import Site, running

SEED = 3
KILLS = 60
ACKNOWLEDGED = 5_000
LIVES_MAX = 120
KILL_WITHIN_S = 0.5
AGENTS = 6
CALLS_EACH_LIFE = 2

LATE_MS = 50
EARLY_KILLS = 3

# The producers' HTTP client may leave a socket to the garbage collector, where its server is killed
# at the wrong instant (seen once in 180 kills, on Python 3.11.2).
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)


def live(site, ledger, *, delay_s):
    """Send contacts until the daemon is killed, so long after the first acknowledgement."""
    killers = []

    def acknowledged():
        killers.append(threading.Timer(delay_s, site.process.kill))
        killers[0].start()

    try:
        produce(site, ledger, count=2_000, acknowledged=acknowledged)
    finally:
        for killer in killers:
            killer.join()
    assert killers, "nothing was acknowledged"
    assert site.wait() < 0, "it ended by itself"


@pytest.mark.timeout(400)
def test_sixty_kills_lose_nothing_and_offer_nobody_twice(tmp_path, say):
    began_s = time.monotonic()
    draw = random.Random(SEED)
    ledger = Ledger()
    names = [f"team-{number:03}" for number in range(1, AGENTS + 1)]
    kills = pending_kills = ringing_kills = 0
    with switch(tmp_path, names, seed=SEED) as (socket, control):
        site = Site(tmp_path, agents=AGENTS, socket=socket, snapshot_entries=2_000)
        with Crew(site, seed=SEED) as crew:
            phones = Phones(crew, control)
            while kills < KILLS or len(ledger.acknowledged) < ACKNOWLEDGED:
                assert kills < LIVES_MAX
                working = kills % 2 == 0
                with running(site):
                    crew.sit_down(working=working)
                    phones.answer(quickly=working)
                    phones.call(CALLS_EACH_LIFE)
                    live(site, ledger, delay_s=draw.uniform(0, KILL_WITHIN_S))
                crew.gone()
                kills += 1
                pending_kills += crew.pending() > 0 and not working
                ringing_kills += phones.ringing() > 0 and not working
            with running(site):
                crew.sit_down(working=True)
                phones.answer(quickly=True)
                produce(site, ledger, count=0)
                at_switch = phones.settle()
                assert site.stop() == 0
            phones.close()
    assert not ledger.open_keys()
    kept = read_journal(site.journal)
    assert not losses(ledger, kept)
    assert not double_hands(crew.sittings)
    assert not phantoms(crew.sittings, kept)
    assert not at_switch.doubles
    # What was tested was worth it.
    assert pending_kills >= KILLS // 2
    assert ringing_kills >= KILLS // 3
    assert len(at_switch.talking) > KILLS // 2
    assert crew.offered > KILLS
    say(
        f"{kills} kills ({pending_kills} with offers pending, {ringing_kills} with phones ringing),"
        f" {len(ledger.acknowledged)} acknowledged, {ledger.repeats} repeats, {crew.offered} offers"
        f" at desks, {len(at_switch.talking)} calls answered, in {time.monotonic() - began_s:.0f} s"
    )


def late_lives(site, kind):
    """Run daemons that commit late, and kill each while commits are under way."""
    draw = random.Random(SEED)
    ledger = Ledger()
    command = [sys.executable, ROOT / "tests/system/daemon_kit/early.py", kind, str(LATE_MS)]
    for _ in range(EARLY_KILLS):
        with running(site, command=command):
            live(site, ledger, delay_s=draw.uniform(0.1, 0.3))
    assert len(ledger.acknowledged) > EARLY_KILLS
    return losses(ledger, read_journal(site.journal))


def test_the_auditor_finds_out_a_daemon_that_acknowledges_before_the_commit(tmp_path):
    found = late_lives(Site(tmp_path), "early")
    assert [one for one in found if "is kept as []" in one or ", then (" in one]


def test_an_honest_daemon_on_the_same_slow_disk_loses_nothing(tmp_path):
    assert not late_lives(Site(tmp_path), "honest")


# The auditor himself.


def sitting(agent, *messages, closed=True):
    """Return what a desk was told."""
    found = Sitting(agent)
    for message in messages:
        if "do" in message:
            found.say(message)
        else:
            found.take(message)
    found.closed = closed
    return found


def offer(entry, offer_id, contact_id="c"):
    return {"type": "offer", "entry": entry, "offer_id": offer_id, "contact_id": contact_id}


def withdraw(entry, offer_id):
    return {"type": "withdraw", "entry": entry, "offer_id": offer_id}


def state(entry, *offers, kind="state", contact_id="c"):
    legs = [{"offer_id": offer_id, "contact_id": contact_id} for offer_id in offers]
    return {"type": kind, "entry": entry, "agent": {"legs": legs}}


def command(do, offer_id):
    return {"do": do, "id": f"{do}-{offer_id}", "offer_id": offer_id}


def result(entry, do, offer_id, *, ok=True):
    return {"type": "result", "id": f"{do}-{offer_id}", "ok": ok, "entry": entry}


@pytest.mark.parametrize(
    "desks",
    [
        # Both ring.
        [sitting("a", offer(5, 1), closed=False), sitting("b", offer(7, 2))],
        # Taken back too late.
        [sitting("a", offer(5, 1), withdraw(8, 1)), sitting("b", offer(7, 2), withdraw(9, 2))],
        # He was told that he has it, while it rang elsewhere.
        [
            sitting("a", offer(5, 1), command("accept", 1), result(6, "accept", 1), state(9, 1)),
            sitting("b", offer(7, 2)),
        ],
        # Two lives of the daemon: it is still there, and was elsewhere in between.
        [
            sitting("a", offer(5, 1)),
            sitting("b", offer(7, 2), withdraw(8, 2)),
            sitting("a", state(10, 1, kind="snapshot")),
        ],
        # A refused rejection ends nothing.
        [
            sitting(
                "a",
                offer(5, 1),
                command("reject", 1),
                result(6, "reject", 1, ok=False),
                closed=False,
            ),
            sitting("b", offer(7, 2)),
        ],
        # The same entry, decided twice.
        [sitting("a", offer(5, 1)), sitting("b", offer(5, 1))],
    ],
)
def test_the_auditor_finds_a_planted_double_offer(desks):
    assert len(double_hands(desks)) == 1


@pytest.mark.parametrize(
    "desks",
    [
        [sitting("a", offer(5, 1), withdraw(7, 1)), sitting("b", offer(7, 2), closed=False)],
        [
            sitting("a", offer(5, 1), command("reject", 1), state(9), result(6, "reject", 1)),
            sitting("b", offer(6, 2), closed=False),
        ],
        # Cut off: when it ended was not told.
        [
            sitting("a", offer(5, 1)),
            sitting("b", offer(7, 2), closed=False),
            sitting("a", state(9, kind="snapshot"), closed=False),
        ],
        [
            sitting("a", offer(5, 1, "c")),
            sitting("b", offer(5, 2, "d"), closed=False),
        ],
    ],
)
def test_the_auditor_accuses_nobody_who_is_right(desks):
    assert not double_hands(desks)


def test_the_auditor_finds_an_offer_that_was_told_and_not_kept():
    desks = [sitting("a", offer(5, 1), withdraw(6, 1)), sitting("b", offer(7, 2))]
    assert len(phantoms(desks, Kept(offered={1: ("c", "a"), 2: ("c", "a")}))) == 1
    assert not phantoms(desks, Kept(offered={1: ("c", "a"), 2: ("c", "b")}))


def test_the_auditor_finds_a_planted_loss():
    ledger = Ledger()
    for number in range(4):
        ledger.acknowledged[ledger.next_key()] = (f"c-{number}", number + 1)
    arrived = {f"c-{number}": [number + 1] for number in range(4)}
    assert not losses(ledger, Kept(arrived=arrived))
    assert len(losses(ledger, Kept(arrived={**arrived, "c-0": []}))) == 1
    assert len(losses(ledger, Kept(arrived={**arrived, "c-0": [9]}))) == 1
    assert losses(ledger, Kept(arrived={**arrived, "c-0": [1, 9]}))
    del arrived["c-3"]
    assert len(losses(ledger, Kept(arrived=arrived))) == 1


def lines(*happened):
    """Return lines of a switch's ledger about one call."""
    return [
        Line(number, number, did, "k", device, offer_id)
        for number, (did, device, offer_id) in enumerate(happened, 1)
    ]


def test_the_auditor_reads_the_switch_s_ledger():
    placed = (Did.CALL_PLACED, "", "")
    rings = [(Did.SELECTED, "a", "1"), (Did.SELECTED, "b", "2")]
    assert len(read_switch(lines(placed, *rings)).doubles) == 1
    talks = (Did.TALKING, "a", "1")
    assert len(read_switch(lines(placed, rings[0], talks, rings[1])).doubles) == 1
    for over in (Did.CANCELED, Did.RANG_OUT, Did.DECLINED, Did.OFFER_LOST):
        after = read_switch(lines(placed, rings[0], (over, "a", "1"), rings[1]))
        assert not after.doubles
        assert after.offers == {"k": {"2": "b"}}
    gone = read_switch(lines(placed, rings[0], talks, (Did.CUSTOMER_HUNG_UP, "", "")))
    assert not gone.calls
    assert gone.talking == {"1"}

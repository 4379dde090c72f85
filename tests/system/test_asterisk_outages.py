"""What fails between the daemon and a real Asterisk 22 costs nobody his call, nor his place.

Method: as in test_asterisk_calls.py, with twenty telephones; then the daemon is killed, Asterisk is
killed, the network between them is cut, or a second daemon takes over. What calls there are, and
who talks to whom, is Asterisk's own word.
"""

import time

import pytest

from tests.system.daemon_kit.site import running
from tests.system.pbx_kit.cable import Cable
from tests.system.pbx_kit.phones import Habit
from tests.system.pbx_kit.site import PbxSite, pbx_with, until

AGENTS = tuple(str(number) for number in range(101, 121))
WAITING = 50
CUT_S = 5.0
SERVED_AFTERWARDS = 10
MANY = 200


@pytest.fixture
def pbx():
    with pbx_with(*AGENTS) as (asterisk, bank):
        yield asterisk, bank


def talking(site):
    return {call for call, one in site.contacts().items() if one["presence"] == "talking"}


def in_order(site, calls):
    """Return calls by their arrival at the daemon."""
    contacts = site.contacts()
    # Their numbers, since several may come in one microsecond of the daemon's clock.
    return sorted(calls, key=lambda call: contacts[call]["legs"][0]["leg_id"])


def customers(asterisk):
    return {one for one in asterisk.channels() if one.endswith(";2")}


def fill(site, asterisk, bank, *, waiting, phones=AGENTS):
    """Let all agents talk, and so many customers wait; return both, in the order of arrival."""
    for name in phones:
        bank[name].habit = Habit(answer_s=0)
    site.ready(*(bank[name] for name in phones))
    served = [asterisk.call_in("4000") for _ in phones]
    until(lambda: talking(site) == set(served))
    calls = {asterisk.call_in("4000") for _ in range(waiting)}
    until(lambda: calls <= site.contacts().keys())
    return served, in_order(site, calls)


def serve_in_order(site, bank, served, queued, count):
    """Let agents hang up, one by one; fail unless those who waited longest come first."""
    known = set(served)
    assert talking(site) == known
    for expected in queued[:count]:
        next(bank[name] for name in AGENTS if bank[name].talking()).hang_up()
        until(lambda: talking(site) - known)
        assert talking(site) - known == {expected}
        known.add(expected)


def test_a_killed_daemon_drops_no_call_and_finds_all_again_in_order(pbx, tmp_path, say):
    asterisk, bank = pbx
    site = PbxSite(tmp_path, asterisk, AGENTS)
    with running(site):
        served, queued = fill(site, asterisk, bank, waiting=WAITING)
        site.kill()
        calls = {*served, *queued}
        assert customers(asterisk) == calls
        assert len([one for one in asterisk.bridges() if len(one) == 2]) == len(AGENTS)
        # Whoever calls now is for the switch's own fallback; whoever gives up is gone.
        asterisk.call_in("4000")
        bank["900"].wait_ringing()
        gone = queued.pop(3)
        asterisk.hang_up(gone)
        until(lambda: gone not in asterisk.channels())
        began_s = time.monotonic()
        site.start()
        until(lambda: site.contacts().keys() == {*served, *queued})
        took_s = time.monotonic() - began_s
        assert talking(site) == set(served)
        until(lambda: site.agents_are("ready"))
        serve_in_order(site, bank, served, queued, SERVED_AFTERWARDS)
        assert len({*served, *queued} & customers(asterisk)) == len(calls) - 1 - SERVED_AFTERWARDS
        for phone in bank.phones.values():
            dropped = {one.dialog for one in phone.did("bye_received")}
            assert not dropped & {one.dialog for one in phone.did("answered")}
        say(f"kill -9: {len(served)} talk, {WAITING} wait, all as before in {took_s:.1f} s")


def test_two_hundred_customers_and_twenty_agents(pbx, tmp_path, say):
    asterisk, bank = pbx
    site = PbxSite(tmp_path, asterisk, AGENTS)
    with running(site):
        for name in AGENTS:
            bank[name].habit = Habit(answer_s=0.02, talk_s=0.3)
        calls = [asterisk.call_in("4000") for _ in range(MANY)]
        until(lambda: site.contacts().keys() == set(calls), 40)
        began_s = time.monotonic()
        site.ready(*(bank[name] for name in AGENTS))
        until(lambda: not site.contacts(), 60)
        took_s = time.monotonic() - began_s
        until(lambda: not asterisk.channels())
    answered = sum(len(bank[name].did("answered")) for name in AGENTS)
    # On a machine that is too busy a join takes too long: the phone is let go, the customer next.
    assert MANY <= answered < 1.1 * MANY
    for name in AGENTS:
        # One at a time: an INVITE comes when the call before is over.
        rang = {one.dialog for one in bank[name].did("invite")}
        lines = [one for one in bank[name].ledger if one.dialog in rang and one.did != "answered"]
        assert [one.did == "invite" for one in lines] == [True, False] * (len(lines) // 2)
    say(f"{MANY} customers, {len(AGENTS)} agents: all served in {took_s:.1f} s")


def test_a_restart_of_asterisk_ends_its_calls_and_nothing_else(pbx, tmp_path):
    asterisk, bank = pbx
    few = AGENTS[:3]
    site = PbxSite(tmp_path, asterisk, few)
    with running(site):
        fill(site, asterisk, bank, waiting=2, phones=few)
        asterisk.stop()
        until(lambda: site.agents_are("ready", device="unreachable"))
        assert len(site.contacts()) == 5  # Nobody knows yet what became of them.
        for name in few:
            bank[name].dialogs.clear()
            bank[name].ledger.clear()
        asterisk.start()
        until(lambda: not site.contacts())
        until(lambda: site.agents_are("ready"))
        call = asterisk.call_in("4000")
        until(lambda: talking(site) == {call})


def test_a_link_that_is_cut_for_seconds_costs_nobody_his_place(pbx, tmp_path):
    asterisk, bank = pbx
    few = AGENTS[:4]
    with Cable(asterisk.http_port) as cable:
        url = f"http://127.0.0.1:{cable.port}/ari"
        site = PbxSite(tmp_path, asterisk, few, url=url)
        with running(site):
            served, queued = fill(site, asterisk, bank, waiting=6, phones=few)
            # One phone rings when the link is cut.
            bank[few[0]].habit = Habit()
            bank[few[0]].hang_up()
            bank[few[0]].wait_ringing()
            until(lambda: len(talking(site)) == len(few) - 1)
            served = talking(site)
            cable.cut()
            until(lambda: site.agents_are("ready", device="unreachable"))
            assert site.contacts().keys() == {*served, *queued}
            assert site.contacts()[queued[0]]["legs"][0]["state"] == "queued"
            asterisk.call_in("4000")
            bank["900"].wait_ringing()
            asterisk.hang_up(queued.pop(2))
            deadline_s = time.monotonic() + CUT_S
            until(lambda: time.monotonic() > deadline_s)
            bank[few[0]].habit = Habit(answer_s=0)
            cable.mend()
            until(lambda: site.agents_are("ready"))
            until(lambda: site.contacts().keys() == {*served, *queued})
            # The orphaned offer is taken back, and made anew: the one who waited longest talks.
            until(lambda: talking(site) == {*served, queued[0]})
            assert customers(asterisk) >= {*served, *queued}
            serve_in_order(site, bank, [*served, queued[0]], queued[1:], 3)


def test_the_younger_of_two_daemons_takes_over(pbx, tmp_path):
    asterisk, bank = pbx
    few = AGENTS[:3]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    older = PbxSite(tmp_path / "one", asterisk, few)
    younger = PbxSite(tmp_path / "two", asterisk, few)
    with running(older):
        served, queued = fill(older, asterisk, bank, waiting=2, phones=few)
        with running(younger):
            until(lambda: younger.contacts().keys() >= set(queued))
            assert "ApplicationReplaced" in older.log()
            assert customers(asterisk) == {*served, *queued}
            bank[few[0]].hang_up()  # Its talk was the other's; its customer is let go.
            until(lambda: len(customers(asterisk)) == len(served) + len(queued) - 1)

"""One call rings at several phones of a real Asterisk 22.

Method: as test_asterisk_calls.py, with a queue that offers each call to two agents at once. What
happened is read from the telephones' ledgers, from Asterisk's bridges and from the daemon.
"""

import pytest

from tests.system.pbx_kit.phones import DECLINED
from tests.system.pbx_kit.site import at_work, pbx_with, until

PHONES = ("101", "102", "103")


@pytest.fixture(scope="module")
def pbx():
    with pbx_with(*PHONES) as (asterisk, bank):
        yield asterisk, bank


@pytest.fixture
def desk(pbx, tmp_path):
    """Run a daemon whose agents became ready one after the other; all calls are gone afterwards."""
    asterisk, bank = pbx
    in_turn = [(name,) for name in PHONES]
    with at_work(asterisk, bank, tmp_path, PHONES, ready=in_turn, parallel=2) as site:
        yield site, asterisk, bank


def rang(bank):
    return {name for name, phone in bank.phones.items() if phone.did("invite")}


def partners(asterisk, call):
    """Return the phones that are in one bridge with a customer."""
    there = asterisk.channels()
    members = [members for members in asterisk.bridges() if call in members]
    return {
        there[one]["channelvars"]["ACD_DEVICE"]
        for one in set().union(*members) - {call}
        if one in there
    }


def test_two_phones_ring_the_first_to_answer_talks_and_the_other_keeps_his_place(desk):
    site, asterisk, bank = desk
    call = asterisk.call_in("4000")
    bank["101"].wait_ringing()
    bank["102"].wait_ringing()
    until(lambda: site.contacts()[call]["legs"][0]["ringing_at"] == ["a101", "a102"])
    bank["102"].answer()
    bank["101"].wait(lambda phone: phone.did("cancelled") and not phone.dialogs)
    until(lambda: partners(asterisk, call) == {"102"})
    until(lambda: site.contacts()[call]["presence"] == "talking")
    assert site.contacts()[call]["legs"][0]["agent_id"] == "a102"
    assert rang(bank) == {"101", "102"}
    assert site.agent("101")["availability"] == "ready"
    # He has been idle longest, still; beside him rings whoever is free.
    later = asterisk.call_in("4000")
    bank["103"].wait_ringing()
    bank["101"].wait_ringing()
    until(lambda: site.contacts()[later]["legs"][0]["ringing_at"] == ["a101", "a103"])
    bank["101"].answer()
    bank["103"].wait(lambda phone: phone.did("cancelled") and not phone.dialogs)
    until(lambda: partners(asterisk, later) == {"101"})
    bank["102"].hang_up()
    until(lambda: site.contacts().keys() == {later})
    assert partners(asterisk, later) == {"101"}


def test_two_who_pick_up_at_once_do_not_both_talk(desk):
    site, asterisk, bank = desk
    call = asterisk.call_in("4000")
    two = bank["101"], bank["102"]
    for phone in two:
        phone.wait_ringing()
    for phone in two:
        phone.answer()
    bank.wait(lambda: sum(len(phone.talking()) for phone in two) == 1)
    (winner,) = (phone.name for phone in two if phone.talking())
    until(lambda: partners(asterisk, call) == {winner})
    until(lambda: site.contacts()[call]["presence"] == "talking")
    assert site.contacts()[call]["legs"][0]["agent_id"] == f"a{winner}"
    for phone in two:
        assert site.agent(phone.name)["availability"] == "ready"
    assert not site.failures()


def test_one_declines_and_the_other_rings_on_until_the_customer_gives_up(desk):
    site, asterisk, bank = desk
    call = asterisk.call_in("4000")
    bank["101"].wait_ringing()
    bank["102"].wait_ringing()
    bank["101"].refuse(DECLINED)
    until(lambda: site.contacts()[call]["legs"][0]["ringing_at"] == ["a102"])
    asterisk.hang_up(call)
    bank["102"].wait(lambda phone: phone.did("cancelled") and not phone.dialogs)
    until(lambda: not site.contacts() and not asterisk.channels())
    assert rang(bank) == {"101", "102"}

"""The daemon routes calls on a real Asterisk 22.

Method: an Asterisk of our own with the example configuration, small SIP telephones as agents,
callers as local channels or telephones, and `acd serve` as an operator starts it. What happened is
read from the telephones' ledgers and from Asterisk itself, by a user of its own.
"""

import signal

import pytest

from acd.ids import FailureCause
from tests.system.daemon_kit.site import running
from tests.system.pbx_kit.folder import version
from tests.system.pbx_kit.phones import BUSY, CONGESTED, DECLINED, Habit
from tests.system.pbx_kit.site import PbxSite, at_work, pbx_with, until, use

PHONES = ("101", "102", "103", "104", "105")
DESKS = ("101", "102", "103", "105")


@pytest.fixture(scope="module")
def pbx(say):
    with pbx_with(*PHONES, unregistered="105") as (asterisk, bank):
        say(f"Asterisk {version()}")
        yield asterisk, bank


@pytest.fixture
def desk(pbx, tmp_path):
    """Run a daemon whose agents sit at three phones; all calls are gone afterwards."""
    asterisk, bank = pbx
    with at_work(asterisk, bank, tmp_path, DESKS, ready=[("101", "102", "103")], ring_s=3) as site:
        yield site, asterisk, bank


def rang(bank):
    return {name for name, phone in bank.phones.items() if phone.did("invite")}


def offers(phone):
    return len(phone.did("invite"))


def together(asterisk, *channels):
    return any(set(channels) <= members for members in asterisk.bridges())


def test_a_call_goes_to_the_skilled_agent_and_the_more_urgent_queue_comes_first(desk):
    site, asterisk, bank = desk
    bank["101"].habit = Habit(answer_s=0)
    spanish = asterisk.call_in("6000")
    bank["101"].wait_talking()
    assert rang(bank) == {"101"}
    for name in ("102", "103"):
        use(bank[name], "*64")
    until(lambda: site.agent("103")["availability"] == "not_ready")
    calls = [asterisk.call_in("4000"), asterisk.call_in("5000"), asterisk.call_in("4000")]
    until(lambda: set(site.contacts()) == {spanish, *calls})
    bank["101"].hang_up()  # The Spanish customer is let go, and the gold one comes first.
    until(lambda: site.contacts().keys() == set(calls))
    bank["101"].wait_talking()
    until(lambda: site.contacts()[calls[1]]["presence"] == "talking")
    bank["101"].hang_up()
    until(lambda: site.contacts().keys() == {calls[0], calls[2]})
    bank["101"].wait_talking()
    until(lambda: site.contacts()[calls[0]]["presence"] == "talking")


def test_no_answer_busy_declined_and_unreachable_are_told_apart(desk):
    site, asterisk, bank = desk
    one = bank["101"]
    for name in ("102", "103"):
        use(bank[name], "*62")
    until(lambda: site.agent("103")["availability"] == "logged_out")
    asterisk.call_in("4000")
    one.wait_ringing()
    one.refuse(BUSY)
    one.wait(lambda phone: offers(phone) == 2)  # After the back-off.
    one.refuse(DECLINED)
    one.wait(lambda phone: offers(phone) == 3)  # After the exclusion.
    one.refuse(CONGESTED)
    one.wait(lambda phone: offers(phone) == 4)
    one.wait(lambda phone: phone.did("cancelled"))
    until(lambda: site.agent("101")["availability"] == "not_responding")
    one.habit = Habit(dead=True)
    use(bank["102"], "*63")
    bank["102"].wait_ringing()
    assert site.failures() == [FailureCause.BUSY, FailureCause.CONGESTION]


def test_a_phone_that_does_not_even_ring_is_unreachable(pbx, tmp_path):
    asterisk, bank = pbx
    bank.forget()
    with running(PbxSite(tmp_path, asterisk, ("101", "102"), ring_s=30)) as site:
        site.ready(bank["101"], bank["102"])
        bank["101"].habit = Habit(dead=True)
        call = asterisk.call_in("6000")  # Only 101 speaks Spanish.
        bank["101"].wait(offers)
        until(lambda: site.contacts()[call]["legs"][0]["state"] == "queued")
        asterisk.hang_up(call)
        until(lambda: not site.contacts())
        assert site.failures() == [FailureCause.UNREACHABLE]


def test_a_phone_that_is_not_registered_is_unreachable(desk):
    site, _, bank = desk
    assert site.agent("105")["device"] == "unreachable"
    bank["105"].register()
    until(lambda: site.agent("105")["device"] == "reachable")
    bank["105"].register(seconds=0)
    until(lambda: site.agent("105")["device"] == "unreachable")


def test_a_customer_who_gives_up_while_waiting_or_ringing_is_gone_everywhere(desk):
    site, asterisk, bank = desk
    for name in ("101", "102", "103"):
        use(bank[name], "*64")
    until(lambda: site.agent("103")["availability"] == "not_ready")
    waiting = asterisk.call_in("4000")
    until(lambda: waiting in site.contacts())
    asterisk.hang_up(waiting)
    until(lambda: not site.contacts())
    use(bank["102"], "*63")
    ringing = asterisk.call_in("4000")
    bank["102"].wait_ringing()
    asterisk.hang_up(ringing)
    bank["102"].wait(lambda phone: phone.did("cancelled"))
    until(lambda: not site.contacts() and not asterisk.channels())
    assert site.agent("102")["availability"] == "ready"


def test_a_customers_facts_arrive_and_a_hostile_name_harms_nothing(desk):
    site, asterisk, bank = desk
    bank["101"].habit = Habit(answer_s=0)
    name = '\\"; Action: Originate <script>alert(1)</script>' + "x" * 900
    bank["line"].dial(
        "4000",
        caller=f'"{name}" <sip:+49301@127.0.0.1>',
        headers=("X-Line: customers", "User-to-User: 48656c6c6f;encoding=hex"),
    )
    bank["101"].wait_talking()
    (channel,) = [one for one in asterisk.channels().values() if "trunk" in one["name"]]
    assert channel["channelvars"]["ACD_DNIS"] == "4000"
    assert channel["channelvars"]["ACD_UUI"] == "48656c6c6f;encoding=hex"
    until(lambda: asterisk.channels()[channel["id"]]["channelvars"]["ACD_SERVED"] == "1")
    assert "script" not in site.log()
    bank["line"].hang_up()
    bank["101"].wait_idle()
    until(lambda: not site.contacts())


def test_an_agents_phone_says_who_is_there(desk):
    site, asterisk, bank = desk
    use(bank["102"], "*6442")
    until(lambda: site.agent("102")["reason"] == "42")
    use(bank["102"], "*66")
    until(lambda: site.agent("102")["availability"] in {"draining", "not_ready", "logged_out"})
    use(bank["102"], "*62")
    until(lambda: site.agent("102")["availability"] == "logged_out")
    use(bank["102"], "*63")
    until(lambda: site.agent("102")["availability"] == "ready")
    # A private call makes both busy elsewhere, while it lasts.
    bank["101"].dial("104")
    bank["104"].wait_ringing()
    until(lambda: site.agent("101")["device"] == "busy_elsewhere")
    asterisk.call_in("6000")
    until(site.contacts)
    bank["101"].hang_up()
    bank["101"].wait(lambda phone: phone.ringing())  # It is free, and was waited for.
    assert asterisk.rest("GET", "/deviceStates/Stasis:acd-102")["state"] == "NOT_INUSE"


def test_hold_at_the_phone_is_seen(desk):
    site, asterisk, bank = desk
    bank["101"].habit = Habit(answer_s=0)
    call = asterisk.call_in("6000")
    bank["101"].wait_talking()
    until(lambda: site.contacts()[call]["legs"][0]["state"] == "connected")
    bank["101"].hold(on=True)
    until(lambda: site.contacts()[call]["legs"][0]["state"] == "held")
    bank["101"].hold(on=False)
    until(lambda: site.contacts()[call]["legs"][0]["state"] == "connected")


def test_a_daemon_that_is_drained_gets_no_new_calls_until_it_is_told(desk):
    site, asterisk, bank = desk
    bank["101"].habit = Habit(answer_s=0)
    call = asterisk.call_in("6000")
    bank["101"].wait_talking()
    site.signal(signal.SIGUSR1)
    until(lambda: "new calls are left" in site.log())
    asterisk.call_in("4000")
    bank["900"].wait_ringing()
    assert site.contacts().keys() == {call}
    site.signal(signal.SIGUSR2)
    until(lambda: "new calls are taken" in site.log())
    later = asterisk.call_in("4000")
    until(lambda: later in site.contacts())


def test_a_call_for_which_there_is_no_queue_goes_to_the_fallback(desk):
    _, asterisk, bank = desk
    asterisk.call_in("4999")
    bank["900"].wait_ringing()
    assert rang(bank) == {"900"}

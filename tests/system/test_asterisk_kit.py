"""The example configuration works without a daemon, and so do the telephones of the tests.

Method: an Asterisk 22 of our own with the files of configs/asterisk as they are. Telephones call
each other and the customers' numbers; what came of it is read from their ledgers and from Asterisk
itself. A script of its own at the REST interface, no part of `acd`, hears how calls end.
"""

import base64
import json
import secrets
import time

import pytest
from websockets.sync.client import connect

from tests.system.pbx_kit.folder import version
from tests.system.pbx_kit.phones import BUSY, DECLINED, Habit
from tests.system.pbx_kit.site import pbx_with, until

EVENT_S = 10.0
# What Asterisk calls them (ITU-T Q.850).
USER_BUSY = 17
NO_ANSWER = 19
CALL_REJECTED = 21
DIGITS = "49301*2345"


@pytest.fixture(scope="module")
def running_pbx(say):
    with pbx_with("101", "102", "103", "104", "105", unregistered="105") as (asterisk, bank):
        say(f"Asterisk {version()}, the examples without a daemon")
        yield asterisk, bank


@pytest.fixture
def pbx(running_pbx):
    asterisk, bank = running_pbx
    for phone in bank.phones.values():
        phone.habit = Habit()
        phone.ledger.clear()
    yield asterisk, bank
    for channel in asterisk.channels():
        asterisk.rest("DELETE", f"/channels/{channel}")
    until(lambda: not asterisk.channels())


@pytest.fixture
def script(pbx):
    """Return the events that an application hears, one after the other."""
    asterisk, _ = pbx
    key = base64.b64encode(f"acd:{asterisk.password}".encode()).decode()
    url = f"ws://127.0.0.1:{asterisk.http_port}/ari/events?app=kit"
    headers = {"Authorization": f"Basic {key}"}
    # Without a limit, since a script that did not read all would wait for its own end.
    with connect(url, additional_headers=headers, max_queue=None) as link:
        yield link


def hear(link, kind, channel):
    """Return the next event of a kind about a channel."""
    deadline_s = time.monotonic() + EVENT_S
    while True:
        event = json.loads(link.recv(timeout=deadline_s - time.monotonic()))
        if event["type"] == kind and event["channel"]["id"] == channel:
            return event


def variable(asterisk, channel, name):
    found = asterisk.rest("GET", f"/channels/{channel}/variable", variable=name)
    return None if found is None else found["value"]


def test_the_version_that_runs_is_the_one_that_was_unpacked(pbx):
    asterisk, _ = pbx
    assert asterisk.rest("GET", "/asterisk/info")["system"]["version"] == version()


def test_without_a_daemon_customers_reach_the_fallback_at_once(pbx):
    asterisk, bank = pbx
    bank["900"].habit = Habit(answer_s=0)
    call = asterisk.call_in("4000")
    bank["900"].wait_talking()
    assert variable(asterisk, call, "ACD_FALLBACK") == "1"
    assert variable(asterisk, call, "ACD_DNIS") == "4000"
    asterisk.hang_up(call)
    bank["900"].wait_idle()
    bank["line"].dial("+494000", headers=("X-Line: customers",))
    # A telephone must not hang up before its answer was confirmed.
    until(lambda: [len(members) for members in asterisk.bridges()] == [2])
    bank["900"].hang_up()
    bank["line"].wait(lambda phone: phone.did("bye_received"))
    until(lambda: not asterisk.channels())


def test_digits_that_were_collected_go_along(pbx, script):
    asterisk, bank = pbx
    caller = f"customer-{secrets.token_hex(6)}"
    asterisk.rest(
        "POST",
        "/channels",
        channelId=caller,
        endpoint="Local/4000@from-customers-with-digits/n",
        app="kit",
        formats="slin",
    )
    hear(script, "StasisStart", caller)
    call = f"{caller};2"
    until(lambda: asterisk.channels()[call]["dialplan"]["app_name"] == "Read")
    # Ten are all that it takes, so that it does not wait for more.
    asterisk.rest("POST", f"/channels/{caller}/dtmf", dtmf=DIGITS, duration="60", between="40")
    bank["900"].wait_ringing()
    assert variable(asterisk, call, "ACD_DIGITS") == DIGITS
    assert variable(asterisk, call, "ACD_DNIS") == "4000"


def test_without_a_daemon_an_agents_code_is_answered_and_refused(pbx):
    asterisk, bank = pbx
    codes = {"101": "*61", "102": "*6407"}
    for name, code in codes.items():
        bank[name].dial(code)
    for name in codes:
        bank[name].wait(lambda phone: phone.did("bye_received"))
        assert [line.did for line in bank[name].ledger] == ["dialled", "connected", "bye_received"]
    until(lambda: not asterisk.channels())


def test_colleagues_call_each_other(pbx):
    asterisk, bank = pbx
    bank["101"].dial("102")
    bank["102"].wait_ringing()
    assert "<sip:101@" in bank["102"].did("invite")[0].note
    bank["102"].answer()
    bank["101"].wait_talking()
    until(lambda: [len(members) for members in asterisk.bridges()] == [2])
    bank["102"].hang_up()
    bank["101"].wait(lambda phone: phone.did("bye_received"))
    bank["101"].dial("102")
    bank["102"].wait_ringing()
    bank["101"].hang_up()
    bank["102"].wait(lambda phone: phone.did("cancelled"))


def test_a_phone_is_there_from_its_registration_to_its_end(pbx):
    asterisk, bank = pbx

    def is_online():
        return asterisk.rest("GET", "/endpoints/PJSIP/105")["state"] == "online"

    bank["101"].dial("105")
    bank["101"].wait(lambda phone: phone.did("refused"))
    assert not bank["105"].did("invite")
    bank["105"].register()
    until(is_online)
    bank["101"].dial("105")
    bank["105"].wait_ringing()
    bank["101"].hang_up()
    bank["105"].wait_idle()
    bank["105"].register(seconds=0)
    until(lambda: not is_online())


# The dead one is a telephone of its own: it is called for long after its call was given up.
@pytest.mark.parametrize(
    "name, habit, cause",
    [
        ("103", Habit(), NO_ANSWER),
        ("103", Habit(refuse=BUSY), USER_BUSY),
        ("103", Habit(refuse=DECLINED), CALL_REJECTED),
        ("104", Habit(dead=True), NO_ANSWER),
    ],
    ids=["rings on", "busy", "declines", "dead"],
)
def test_a_script_hears_why_a_phone_was_not_reached(pbx, script, name, habit, cause):
    asterisk, bank = pbx
    bank[name].habit = habit
    leg = f"leg-{secrets.token_hex(6)}"
    asterisk.rest("POST", f"/channels/{leg}", endpoint=f"PJSIP/{name}", app="kit", timeout="1")
    assert hear(script, "ChannelDestroyed", leg)["cause"] == cause
    assert bank[name].did("invite")
    assert not bank[name].did("answered")

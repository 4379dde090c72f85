"""`acd switch check` meets a real Asterisk 22.

Method: an Asterisk of our own with the example configuration, phones on loopback, and the command
as an operator calls it. What it does at the switch is looked at by a user of its own.
"""

import pytest

from tests.system.daemon_kit.site import ACD, running
from tests.system.pbx_kit.phones import Habit
from tests.system.pbx_kit.server import Asterisk
from tests.system.pbx_kit.site import PbxSite, pbx_with, until

SILENT = """\
[from-customers]
exten => 777,1,Answer()
 same => n,Stasis(acd,call)
"""
"""A dialplan without a fallback."""


@pytest.fixture
def pbx():
    with pbx_with("101", "102", unregistered="102") as (asterisk, bank):
        yield asterisk, bank


@pytest.fixture
def site(pbx, tmp_path):
    return PbxSite(tmp_path, pbx[0], ("101", "102"))


@pytest.fixture
def check(run, site):
    """Return what runs the command, and returns its lines by what they are about."""

    def check(*arguments, wanted=0):
        done = run([ACD, "switch", "check", site.config, *arguments], wanted=wanted)
        lines = [line.split(None, 1) for line in (done.stdout + done.stderr).splitlines()]
        assert site.pbx.password not in done.stdout + done.stderr
        return {text.partition(": ")[0]: f"{verdict} {text}" for verdict, text in lines}

    return check


def test_a_good_asterisk_is_good(pbx, check):
    asterisk, _ = pbx
    found = check()
    hints = {what for what, line in found.items() if not line.startswith("ok ")}
    assert hints == {"devices", "fallback"}
    assert found["version"].startswith("ok version: Asterisk ")
    assert found["write time-out"] == "ok write time-out: 5000 ms"
    assert found["channelvars"] == "ok channelvars: all 14"
    assert "1 of 2 are not registered now, PJSIP/102" in found["devices"]
    assert found["websocket"] == "ok websocket: it takes requests"
    assert not asterisk.rest("GET", "/applications")


def test_a_test_call_rings_the_fallback_and_leaves_nothing(pbx, check):
    asterisk, bank = pbx
    found = check("--test-call", "4000")
    assert "ok fallback: no daemon was there, and the caller goes on" in found["fallback"]
    assert "at `acd-fallback,s` with `Dial(PJSIP/900,60)`" in found["fallback"]
    bank["900"].wait(lambda phone: phone.did("cancelled"))
    until(lambda: not asterisk.channels())
    until(lambda: not asterisk.rest("GET", "/applications"))
    assert (
        "hangs up at once" in check("--test-call", "4000", "--context", "no", wanted=1)["fallback"]
    )


def test_a_daemon_stays_connected_and_hands_a_test_call_back(pbx, site, check):
    asterisk, bank = pbx
    bank["101"].habit = Habit(answer_s=0)
    with running(site):
        site.ready(bank["101"])
        before = len(bank["101"].did("invite"))
        assert "one is, or was, connected as acd" in check("--test-call", "4000")["daemon"]
        found = check("--test-call", "4999")
        assert "the daemon handed the call back, and the caller goes on" in found["fallback"]
        assert len(bank["101"].did("invite")) == before
        call = asterisk.call_in("4000")
        bank["101"].wait_talking()
        asterisk.hang_up(call)
        until(lambda: not site.contacts())
        assert "took our place" not in site.log()


def test_a_wrong_password_is_refused(site, check):
    (site.folder / "ari.secret").write_text("w5Tq-mistyped\n")
    found = check(wanted=1)
    assert found["login"].startswith("FAILED login: user `acd` with the password of password_file")


def test_what_a_careless_configuration_costs_is_told(run, tmp_path):
    asterisk = Asterisk({"101": None}, {"extensions.conf": SILENT})
    conf = asterisk._home / "etc/ari.conf"
    text = conf.read_text().replace("timeout = 5000", "timeout = 100").replace("ACD_SERVED,", "")
    conf.write_text(text.replace("read_only = no", "read_only = yes", 1))
    try:
        asterisk.start()
        site = PbxSite(tmp_path, asterisk, ("101", "103"))
        done = run([ACD, "switch", "check", site.config, "--test-call", "777"], wanted=1)
        failed = [line for line in done.stdout.splitlines() if not line.startswith("ok ")]
        assert [line.split(":")[0] for line in failed] == [
            "hint   write time-out",
            "FAILED devices",
            "hint   devices",
            "FAILED rights",
            "FAILED fallback",
            "FAILED channelvars",
        ]
        asterisk.stop()
        done = run([ACD, "switch", "check", site.config], wanted=3)
        assert "Connection refused: is Asterisk running" in done.stderr
    finally:
        asterisk.remove()


def test_a_dialplan_without_a_fallback_is_told(run, tmp_path):
    asterisk = Asterisk({"101": None}, {"extensions.conf": SILENT})
    try:
        asterisk.start()
        site = PbxSite(tmp_path, asterisk, ("101",))
        done = run([ACD, "switch", "check", site.config, "--test-call", "777"], wanted=1)
        (line,) = [one for one in done.stdout.splitlines() if one.startswith("FAILED")]
        assert "hangs up, at `from-customers,777` with" in line
        assert not asterisk.channels()
    finally:
        asterisk.remove()

"""Callers of a real Asterisk 22 whose daemon died, and does not return, are not left alone.

Method: as in test_asterisk_calls.py, with the dialplan's longest wait cut to seconds.
"""

import signal
import time

import pytest

from tests.system.daemon_kit.site import running
from tests.system.pbx_kit.phones import Habit
from tests.system.pbx_kit.site import PbxSite, pbx_with, until

PATIENCE_S = 3


@pytest.fixture
def pbx():
    with pbx_with("101") as (asterisk, bank):
        asterisk.rest("POST", "/asterisk/variable", variable="ACD_PATIENCE", value=str(PATIENCE_S))
        yield asterisk, bank


def test_who_waits_for_a_dead_daemon_goes_to_the_fallback_in_the_end(pbx, tmp_path):
    asterisk, bank = pbx
    site = PbxSite(tmp_path, asterisk, ("101",))
    with running(site):
        call = asterisk.call_in("4000")
        until(lambda: call in site.contacts())
        site.kill()
        assert asterisk.channels()[call]["dialplan"]["app_name"] == "Stasis"
        assert not bank["900"].did("invite")
        bank["900"].wait_ringing()
        assert call in asterisk.channels()


def test_who_is_not_taken_by_a_daemon_that_hangs_goes_to_the_fallback_soon(pbx, tmp_path):
    asterisk, bank = pbx
    asterisk.rest("POST", "/asterisk/variable", variable="ACD_TAKE", value="2")
    asterisk.rest("POST", "/asterisk/variable", variable="ACD_PATIENCE", value="1800")
    site = PbxSite(tmp_path, asterisk, ("101",))
    with running(site):
        taken = asterisk.call_in("4000")
        until(lambda: asterisk.channels()[taken]["channelvars"]["ACD_TAKEN"] == "1")
        site.signal(signal.SIGSTOP)
        try:
            asterisk.call_in("4000")
            bank["900"].wait_ringing()
            assert asterisk.channels()[taken]["dialplan"]["app_name"] == "Stasis"
        finally:
            site.signal(signal.SIGCONT)


def test_who_talks_may_do_so_for_longer(pbx, tmp_path):
    asterisk, bank = pbx
    bank["101"].habit = Habit(answer_s=0)
    site = PbxSite(tmp_path, asterisk, ("101",))
    with running(site):
        site.ready(bank["101"])
        call = asterisk.call_in("4000")
        # What is written behind this was written in the same moment.
        until(lambda: asterisk.channels()[call]["channelvars"]["ACD_SERVED"] == "1")
        site.kill()
        until_s = time.monotonic() + 2 * PATIENCE_S
        until(lambda: time.monotonic() > until_s)
        assert bank["101"].talking()
        assert call in asterisk.channels()
        assert not bank["900"].did("invite")

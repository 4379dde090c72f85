"""An agent transfers a customer by his phone's own key, past the daemon, on a real Asterisk 22.

Method: as in test_asterisk_calls.py. The switch does it; what the daemon makes of it is looked at.
"""

from tests.system.daemon_kit.site import running
from tests.system.pbx_kit.phones import Habit
from tests.system.pbx_kit.site import PbxSite, pbx_with, until


def test_a_customer_who_is_sent_on_by_the_phone_talks_on_and_the_agent_is_free_afterwards(tmp_path):
    with pbx_with("101", "102") as (asterisk, bank):
        site = PbxSite(tmp_path, asterisk, ("101", "102"))
        with running(site):
            bank["101"].habit = Habit(answer_s=0)
            site.ready(bank["101"])
            bank["line"].dial("4000", headers=("X-Line: customers",))
            until(lambda: any(one["presence"] == "talking" for one in site.contacts().values()))
            bank["101"].transfer("102")
            bank["102"].wait_ringing()
            bank["101"].hang_up()
            bank["102"].answer()
            until(lambda: site.agent("102")["device"] == "busy_elsewhere")
            # The daemon sees one conversation, which goes on.
            (contact,) = site.contacts().values()
            assert contact["legs"][0]["agent_id"] == "a101"
            assert contact["legs"][0]["state"] == "connected"
            assert bank["line"].talking()
            bank["line"].hang_up()
            until(lambda: not site.contacts() and not asterisk.channels())
            until(lambda: site.agent("102")["device"] == "reachable")
            until(lambda: site.agent("101")["availability"] == "ready")
            assert not site.agent("101")["legs"]

"""A caller hears what his queue says, presses a key and is called back, on a real Asterisk 22.

Method: as in test_asterisk_calls.py. What he hears is read from Asterisk by another user. He is
called back at a phone of its own, which stands for the whole world outside.
"""

from functools import partial

from tests.system.daemon_kit.site import running
from tests.system.pbx_kit.phones import BUSY, Habit
from tests.system.pbx_kit.site import PbxSite, pbx_with, until, use

WAITING = """
[queues.calls.callbacks]
retry_s = 1
[[queues.calls.treatments]]
after_s = 0.5
play = "message"
message = "queue-thankyou"
[[queues.calls.treatments]]
after_s = 2
play = "announce_place"
message = "queue-thereare"
[[queues.calls.treatments]]
after_s = 5
play = "offer_callback"
message = "demo-congrats"
key = "1"
[daemon.switch.options.outbound]
endpoint = "PJSIP/{number}@900"
prefixes = ["+49"]
"""


def test_a_caller_hears_his_place_presses_a_key_is_called_back_and_reaches_an_agent(tmp_path):
    with pbx_with("101") as (asterisk, bank):
        site = PbxSite(tmp_path, asterisk, ("101",), more=WAITING)
        with running(site):
            bank["line"].dial(
                "4000", caller="<sip:+49301@127.0.0.1>", headers=("X-Line: customers",)
            )
            for media in ("queue-thankyou", "queue-thereare", "demo-congrats"):
                until(partial(hears, asterisk, f"sound:{media}"))
            bank["line"].press("1")
            bank["line"].wait_idle()
            assert states(site) == ["queued"]
            # He is busy first, and answers the next time.
            bank["900"].habit = Habit(refuse=BUSY)
            bank["101"].habit = Habit(answer_s=0)
            use(bank["101"], "*63")
            bank["900"].wait(lambda phone: phone.did("refused"))
            bank["900"].habit = Habit(answer_s=0)
            bank["900"].wait_talking()
            bank["101"].wait_talking()
            until(lambda: any(one["presence"] == "talking" for one in site.contacts().values()))
            until(lambda: any(len(bridge) == 2 for bridge in asterisk.bridges()))
            assert not states(site)
            bank["900"].hang_up()
            until(lambda: not site.contacts() and not asterisk.channels())
            assert "Traceback" not in site.log()
            assert "does not exist" not in asterisk.log()


def hears(asterisk, media):
    """Return whether a customer hears something now."""
    for channel in asterisk.channels():
        for turn in ("even", "odd"):
            playback = asterisk.rest("GET", f"/playbacks/{channel}.{turn}")
            if playback is not None and playback["state"] == "playing":
                return playback["media_uri"] == media
    return False


def states(site):
    """Return the states of those who are to be called back."""
    page = site.get("/v1/callbacks?queue=calls")
    return [one["state"] for one in page["callbacks"]]

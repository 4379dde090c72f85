"""Whoever wrote is told that it came, by what name, and when he will hear.

Method: emails, forms and calls come to small shops; each acknowledgement is compared with what was
promised. References are looked at in bulk: their letters, and that no two are the same.
"""

import re

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.acknowledgement import reference_of
from acd.actions import Acknowledge
from acd.config import parse
from acd.errors import ConfigError
from acd.ids import Channel
from acd.router import Router
from acd.settings import SECOND_US, Urgency

SHOP = """\
[domain]
name = "shop"
[calendars.office]
time_zone = "UTC"
mon = ["09:00-17:00"]
[calendars.ruin]
time_zone = "UTC"
special_days = { 1970-01-01 = ["09:00-17:00"] }
[queues.mails]
email = { objective_s = 14400, acknowledge = true }
web_form = { objective_s = 14400 }
[queues.letters]
opening_hours = "office"
email = { objective_s = 60, acknowledge = true }
[capacities.desk]
email = {}
web_form = {}
[profiles]
all = [{ queue = "mails" }, { queue = "letters" }]
[agents.ann]
profile = "all"
capacity = "desk"
[[entry]]
name = "all"
queue = "mails"
"""


def shop(old="", new=""):
    """Return the shop's settings with something in place of something."""
    return parse(SHOP.replace(old, new).encode(), file="shop.toml")


def mail(contact_id="m1", queue="mails", channel=Channel.EMAIL, **more):
    return ev.ContactArrived(contact_id=contact_id, queue=queue, channel=channel, **more)


def told(router, event, at_s=0.0):
    """Return within how many seconds each is told to expect an answer, by contact."""
    actions = router.step(event, now_us=round(at_s * SECOND_US))
    return {one.contact_id: one.expected_s for one in actions if isinstance(one, Acknowledge)}


@pytest.mark.parametrize(
    "event, at_s, expected_s",
    [
        (mail(), 7, 14_400),
        (mail(queue=""), 7, 14_400),
        (mail(promised_us=100 * SECOND_US), 7, 93),
        (mail(promised_us=100 * SECOND_US + 1), 7, 94),
        (mail(promised_us=7 * SECOND_US), 7, 0),
        (mail(promised_us=6 * SECOND_US), 7, 0),
        (mail(promised_us=0), 7, 0),
        # Monday, four days after the first, at nine.
        (mail(queue="letters"), 7, 4 * 86_400 + 9 * 3_600 - 7 + 60),
        (mail(queue="letters"), 7.5, 4 * 86_400 + 9 * 3_600 - 7 + 60),
        (mail(queue="letters"), 4 * 86_400 + 9 * 3_600, 60),
        (mail(queue="letters", promised_us=100 * SECOND_US), 7, 93),
        (mail(channel=Channel.WEB_FORM), 7, None),
    ],
)
def test_an_answer_is_expected_as_was_promised(event, at_s, expected_s):
    assert told(Router(shop()), event, at_s).get("m1") == expected_s


def test_a_queues_own_promise_comes_before_its_objective():
    settings = shop()
    queues = tuple(replace(queue, promise_us=90 * SECOND_US) for queue in settings.queues)
    settings = replace(settings, urgency=Urgency.DEADLINE_FIRST, queues=queues)
    assert told(Router(settings), mail()) == {"m1": 90}
    (rule,) = settings.entry
    promised = replace(settings, entry=(replace(rule, promise_us=30 * SECOND_US),))
    assert told(Router(promised), mail(queue="")) == {"m1": 30}


def test_a_queue_that_never_opens_has_its_objective():
    settings = shop('"office"\nemail', '"ruin"\nemail')
    assert told(Router(settings), mail(queue="letters"), 86_400 + 0.1) == {"m1": 60}


@pytest.mark.parametrize("back_s, expected_s", [(100, 14_400 - 99), (102, 14_400)])
def test_who_comes_back_to_his_place_is_expected_to_be_answered_as_before(back_s, expected_s):
    router = Router(shop("[queues.mails]\n", "[queues.mails]\nresume_s = 90\n"))
    assert told(router, mail(customer="k"), 1) == {"m1": 14_400}
    router.step(ev.ContactLeft(contact_id="m1"), now_us=11 * SECOND_US)
    assert told(router, mail("m2", customer="k"), back_s) == {"m2": expected_s}


def test_each_of_a_batch_is_told_and_none_that_is_refused_or_too_late():
    events = (
        mail("m1"),
        mail("m1"),
        mail("m2", queue="none"),
        mail("m3", expires_us=5),
        mail("m4"),
        ev.ContactLeft(contact_id="m4"),
        mail("f1", channel=Channel.WEB_FORM),
    )
    assert told(Router(shop()), ev.Batch(events=events), 1) == {"m1": 14_400, "m4": 14_400}


def test_it_is_told_once_and_not_when_the_contact_goes_on():
    router = Router(shop())
    for event in (ev.AgentLoggedIn(agent_id="ann"), ev.AgentReady(agent_id="ann")):
        router.step(event, now_us=0)
    assert told(router, mail()) == {"m1": 14_400}
    assert told(router, ev.LegConnected(offer_id=1), 1) == {}
    assert told(router, ev.LegTransferred(offer_id=1, queue="letters"), 1) == {}
    assert told(router, mail(), 1) == {}


def test_a_reference_can_be_read_aloud_and_is_nobody_elses():
    references = {reference_of(f"c-{number}") for number in range(20_000)}
    assert len(references) == 20_000
    pattern = re.compile(r"([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}")
    assert all(pattern.fullmatch(one) for one in references)
    # Each place takes each letter, about equally often.
    for place in (0, 5, 13):
        counts = [sum(one[place] == letter for one in references) for letter in "0HZ"]
        assert all(500 < count < 750 for count in counts)


@pytest.mark.parametrize("channel", ["voice", "chat"])
def test_who_sees_that_he_waits_is_not_told(channel):
    with pytest.raises(ConfigError) as refused:
        shop("web_form = { objective_s = 14400 }", f"{channel} = {{ acknowledge = true }}")
    wanted = (
        f"shop.toml: queues.mails.{channel}.acknowledge: is true; wanted no such key: only who"
        " wrote does not see that he waits"
    )
    assert str(refused.value).splitlines()[-1] == wanted

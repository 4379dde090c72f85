"""Agents give callers further at their desktops, on a real Asterisk 22.

Method: as in test_asterisk_calls.py; the desktops are WebSockets to the daemon. Who hears whom is
read from Asterisk's own bridges: a conversation is named by its phones, and "customer".
"""

from functools import partial

import pytest

from tests.system.pbx_kit.desktop import Desktop
from tests.system.pbx_kit.phones import DECLINED, Habit
from tests.system.pbx_kit.site import at_work, pbx_with, until, use

PHONES = ("101", "102", "103")
ANSWERS = Habit(answer_s=0)


@pytest.fixture(scope="module")
def pbx():
    with pbx_with(*PHONES) as (asterisk, bank):
        yield asterisk, bank


@pytest.fixture
def floor(pbx, tmp_path):
    """Run a daemon; the agents at 101 and 102 are ready."""
    asterisk, bank = pbx
    with at_work(asterisk, bank, tmp_path, PHONES, ready=[("101", "102")]) as site:
        yield Floor(site, asterisk, bank)


class Floor:
    """The site, its Asterisk, and its phones."""

    def __init__(self, site, asterisk, bank):
        self.site, self.asterisk, self.bank = site, asterisk, bank
        self.call = ""

    def talk(self):
        """Let a customer call, and talk with the agent at 101, who alone speaks Spanish."""
        self.bank["101"].habit = ANSWERS
        self.call = self.asterisk.call_in("6000")
        self.together("customer", "101")
        until(lambda: self.site.contacts()[self.call]["presence"] == "talking")
        return Desktop(self.site, "a101")

    def talks(self):
        """Return who talks with whom."""
        channels = self.asterisk.channels()

        def name(channel):
            if channel == self.call:
                return "customer"
            return channels[channel]["name"].removeprefix("PJSIP/").partition("-")[0]

        return [
            {name(one) for one in members if one in channels}
            for members in self.asterisk.bridges()
            if len(members) > 1
        ]

    def together(self, *names):
        """Wait until these, and nobody else, talk."""
        until(lambda: self.talks() == [set(names)])

    def alone(self):
        """Wait until the customer is there, and talks with nobody."""
        until(lambda: self.call in self.asterisk.channels() and not self.talks())

    def legs(self):
        """Return the contact's legs as the supervisor sees them."""
        contact = self.site.contacts()[self.call]
        return [(leg["queue"], leg["state"], leg["agent_id"]) for leg in contact["legs"]]

    def ends(self):
        """Wait until nothing is left, at the switch and in the daemon."""
        until(lambda: not self.site.contacts() and not self.asterisk.channels())
        for agent in ("101", "102"):
            self.bank[agent].wait_idle()
            until(partial(self.is_free, agent))

    def is_free(self, device):
        """Return whether an agent is ready, and has nothing in hand."""
        agent = self.site.agent(device)
        return not agent["legs"] and agent["availability"] == "ready"


def consult(floor, desk, *, answered=True):
    """Let the agent at 101 ask whoever is free of the queue "gold": the agent at 102."""
    desk.do("consult", queue="gold")
    floor.bank["102"].wait_ringing()
    floor.alone()
    if answered:
        floor.bank["102"].answer()
        floor.together("101", "102")
        desk.until_legs("held", "connected")


def test_a_caller_is_transferred_blind_to_another_queue(floor):
    with floor.talk() as desk:
        desk.do("transfer", queue="gold")
    floor.bank["101"].wait_idle()
    floor.bank["102"].wait_ringing()
    floor.alone()
    until(lambda: floor.legs()[-1] == ("gold", "offered", "a102"))
    floor.bank["102"].answer()
    floor.together("customer", "102")
    until(lambda: floor.legs() == [("gold", "connected", "a102")])
    floor.bank["102"].hang_up()
    floor.ends()


def test_a_caller_who_is_transferred_while_nobody_is_free_waits_until_somebody_is(floor):
    use(floor.bank["102"], "*64")
    with floor.talk() as desk:
        desk.do("transfer", queue="gold")
        use(floor.bank["101"], "*64")
    floor.alone()
    until(lambda: floor.legs() == [("gold", "queued", None)])
    use(floor.bank["102"], "*63")
    floor.bank["102"].wait_ringing()
    use(floor.bank["101"], "*63")
    floor.bank["102"].answer()
    floor.together("customer", "102")
    floor.bank["102"].hang_up()
    floor.ends()


def test_a_caller_is_given_back_to_his_queue(floor):
    with floor.talk() as desk:
        floor.bank["101"].habit = Habit()
        desk.do("requeue")
    floor.bank["101"].wait_ringing()  # Nobody else speaks Spanish; after the exclusion.
    floor.alone()
    until(lambda: floor.legs()[-1] == ("spanish", "offered", "a101"))
    floor.bank["101"].answer()
    floor.together("customer", "101")
    floor.bank["101"].hang_up()
    floor.ends()


def test_a_consultation_becomes_a_transfer(floor):
    with floor.talk() as desk:
        consult(floor, desk)
        desk.do("consult_end", how="transfer")
        floor.together("customer", "102")
        floor.bank["101"].wait_idle()
    until(lambda: floor.legs() == [("gold", "connected", "a102")])
    floor.bank["102"].hang_up()
    floor.ends()


def test_a_consultation_that_is_not_answered_yet_becomes_a_transfer(floor):
    with floor.talk() as desk:
        consult(floor, desk, answered=False)
        desk.do("consult_end", how="transfer")
        floor.bank["101"].wait_idle()
    assert len(floor.bank["102"].did("invite")) == 1
    floor.bank["102"].answer()
    floor.together("customer", "102")
    floor.bank["102"].hang_up()
    floor.ends()


@pytest.mark.parametrize("leaves, stays", [("101", "102"), ("102", "101")])
def test_a_consultation_becomes_a_conference_and_one_agent_leaves(floor, leaves, stays):
    with floor.talk() as desk:
        consult(floor, desk)
        desk.do("consult_end", how="conference")
        floor.together("customer", "101", "102")
        desk.until_legs("connected", "connected")
    floor.bank[leaves].hang_up()
    floor.together("customer", stays)
    until(lambda: [leg[1:] for leg in floor.legs()] == [("connected", f"a{stays}")])
    floor.bank[stays].hang_up()
    floor.ends()


@pytest.mark.parametrize("answered", [True, False])
def test_a_consultation_is_ended_and_the_agent_has_his_customer_back(floor, answered):
    with floor.talk() as desk:
        consult(floor, desk, answered=answered)
        desk.do("consult_end", how="return")
        floor.together("customer", "101")
        floor.bank["102"].wait_idle()
        desk.until_legs("connected")
    floor.bank["101"].hang_up()
    floor.ends()


def test_whoever_was_asked_hangs_up_and_the_agent_has_his_customer_back(floor):
    with floor.talk() as desk:
        consult(floor, desk)
        floor.bank["102"].hang_up()
        floor.together("customer", "101")
        desk.until_legs("connected")
    floor.bank["101"].hang_up()
    floor.ends()


@pytest.mark.parametrize("answered", [True, False])
def test_an_agent_who_hangs_up_while_he_asks_has_transferred(floor, answered):
    with floor.talk() as desk:
        consult(floor, desk, answered=answered)
    floor.bank["101"].hang_up()
    if not answered:
        until(lambda: floor.legs()[-1] == ("gold", "offered", "a102"))
        floor.bank["102"].answer()
    floor.together("customer", "102")
    until(lambda: [leg[1:] for leg in floor.legs()] == [("connected", "a102")])
    assert len(floor.bank["102"].did("invite")) == 1
    floor.bank["102"].hang_up()
    floor.ends()


@pytest.mark.parametrize("answered", [True, False])
def test_a_customer_who_hangs_up_while_his_agent_asks_frees_both_phones(floor, answered):
    with floor.talk() as desk:
        consult(floor, desk, answered=answered)
    floor.asterisk.hang_up(floor.call)
    floor.ends()


def test_a_customer_stays_on_hold_while_one_after_the_other_is_asked(floor):
    with floor.talk() as desk:
        consult(floor, desk, answered=False)
        use(floor.bank["103"], "*63")
        floor.bank["102"].refuse(DECLINED)
        floor.bank["103"].wait_ringing()
        floor.alone()
        floor.bank["103"].answer()
        floor.together("101", "103")
        desk.do("consult_end", how="transfer")
        floor.together("customer", "103")
    floor.bank["103"].hang_up()
    floor.ends()


def test_a_consultation_outlives_the_daemon(floor):
    with floor.talk() as desk:
        consult(floor, desk)
    floor.site.kill()
    floor.site.start()
    until(lambda: floor.site.get("/readyz") is not None)
    assert floor.talks() == [{"101", "102"}]
    with Desktop(floor.site, "a101") as desk:
        desk.until_legs("held", "connected")
        desk.do("consult_end", how="transfer")
        floor.together("customer", "102")
    floor.bank["102"].hang_up()
    floor.ends()

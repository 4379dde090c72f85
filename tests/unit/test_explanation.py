"""Why an offer was made and what a leg waits for: as data, and as a sentence.

Method: small stories, told in seconds, whose explanations are compared word for word; a table has
every obstacle, and another what can decide between two agents or two legs. That the explanations
are what the router does is shown by tests/properties.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from acd import config, explanation, sentences
from acd import events as ev
from acd.actions import Action, EnterQueue, OfferContact
from acd.announcements import Estimate
from acd.eligibility import Block
from acd.errors import CallerError
from acd.explanation import Decision, OfferExplanation, explain_offer, explain_wait
from acd.ids import Channel, Device, FailureCause
from acd.router import Router
from acd.sentences import tell_offer, tell_wait
from acd.settings import (
    SECOND_US,
    AgentCriterion,
    DomainSettings,
    PerformanceSettings,
    Urgency,
)
from acd.standing import Lack, Obstacle, Standing, nearness
from tests.unit.shop import CHAT, VOICE, arrived, at_work, several

EMAIL = Channel.EMAIL

BANK = """
[domain]
name = "bank"
skills = ["cards", "spanish"]
contact_attributes = ["account"]

[attributes]
team = ["north", "south"]

[queues.cards]
requires = "cards"
prefers = ["spanish"]
[queues.cards.voice]
[queues.cards.email]

[queues.loans.voice]

[capacities.blended]
voice = {}
email = { interrupted_by = ["voice"] }

[profiles]
all = [{ queue = "cards" }, { queue = "loans" }]
loans = [{ queue = "loans" }]

[agents.ann]
profile = "all"
capacity = "blended"
skills = { cards = 5 }
attributes = { team = "north" }

[agents.bob]
profile = "all"
capacity = "blended"
skills = { cards = 5 }
attributes = { team = "south" }
"""


def bank(*changes: tuple[str, str], more: str = "") -> DomainSettings:
    """Return the bank with texts of its file replaced, and more at its end."""
    text = BANK
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return config.parse(text + more, file="bank.toml")


def agent(name: str, profile: str = "all", skills: str = "cards = 5") -> str:
    return f"""
[agents.{name}]
profile = "{profile}"
capacity = "blended"
skills = {{ {skills} }}
"""


class Asked:
    """A router that is asked about each of its offers, and about who waits."""

    def __init__(self, settings: DomainSettings) -> None:
        self.router = Router(settings)
        self.now_us = 0

    def tell(self, at_s: float, *events: ev.Event) -> list[OfferExplanation]:
        """Step events at an instant, after the ticks owed; return why their offers were made."""
        self.now_us = int(at_s * SECOND_US)
        told = []
        while (due_us := self.router.next_wakeup_us()) is not None and due_us <= self.now_us:
            told += self._step(ev.ClockTicked(), due_us)
        for event in events:
            told += self._step(event, self.now_us)
        return told

    def _step(self, event: ev.Event, now_us: int) -> list[OfferExplanation]:
        before = Router.restore(self.router.settings, self.router.snapshot())
        actions = self.router.step(event, now_us=now_us)
        return [
            explain_offer(before, event, actions, now_us=now_us, offer_id=one.offer_id)
            for one in actions
            if isinstance(one, OfferContact)
        ]

    def offers(self, at_s: float, *events: ev.Event) -> list[str]:
        """Return the same in sentences, without what each begins with: number, contact and leg."""
        return [tell_offer(one).partition(") ")[2] for one in self.tell(at_s, *events)]

    def wait(self, leg_id: int) -> str:
        """Return what a leg waits for, without what the sentence begins with."""
        return tell_wait(explain_wait(self.router, leg_id)).partition(" waits since ")[2]


# Offers -----------------------------------------------------------------------------------------


def test_an_offer_has_candidates_others_and_what_decided() -> None:
    play = Asked(bank(more=agent("sue", "loans", "") + agent("tom") + agent("una", "all", "")))
    play.tell(0, at_work("bob", "una"))
    play.tell(1, at_work("ann"), ev.AgentLoggedIn(agent_id="tom"))
    (why,) = play.tell(2, arrived("c1", queue="cards"))
    assert why == OfferExplanation(
        at_us=2 * SECOND_US,
        offer_id=1,
        leg_id=1,
        contact_id="c1",
        queue="cards",
        channel=VOICE,
        agent_id="bob",
        is_further=False,
        chosen_for="c1",
        candidates=("bob", "ann"),
        candidates_in_all=2,
        others=(
            Standing("tom", (Obstacle(Lack.NOT_READY),)),
            Standing("una", (Obstacle(Lack.REQUIREMENT),)),
            Standing("sue", (Obstacle(Lack.QUEUE),)),
        ),
        others_by={"not_ready": 1, "requirement": 1, "queue": 1},
        agent_decision=Decision("longest_idle", "ann", holds=True),
        legs_in_all=1,
        leg_decision=None,
        holds=True,
    )
    assert tell_offer(why) == (
        "offer 1: c1 (leg 1, cards voice) to bob: longest_idle puts bob first of 2 agents, before "
        "ann; not to tom (not_ready), una (requirement), sue (queue)"
    )


def test_a_batch_is_explained_offer_by_offer() -> None:
    play = Asked(bank())
    play.tell(0, arrived("c1", queue="cards"))
    play.tell(1, arrived("c2", queue="loans"))
    assert play.offers(2, at_work("ann", "bob")) == [
        (
            "to ann: position puts ann first of 2 agents, before bob; longest_wait puts c1 "
            "first of 2 contacts that this agent might take, before c2"
        ),
        "to bob: the only agent who might be offered it; not to ann (capacity)",
    ]


def test_an_offer_that_an_entry_rule_led_to_is_explained() -> None:
    rules = '\n[[entry]]\nname = "all"\nqueue = "loans"\n'
    play = Asked(bank(more=rules))
    play.tell(0, at_work("ann"))
    (why,) = play.tell(1, arrived("c1", queue=""))
    assert (why.queue, why.agent_id) == ("loans", "ann")


def test_a_further_offer_goes_to_whom_it_would_not_interrupt_and_at_whom_it_does_not_ring() -> None:
    play = Asked(several(3))
    play.tell(0, at_work("ann"), arrived("c1", CHAT), ev.LegConnected(offer_id=1))
    play.tell(1, at_work("bob", "carl"))
    assert play.offers(2, arrived("c2")) == [
        "to bob: position puts bob first of 3 agents, before carl",
        (
            "to carl too: the only agent who might be offered it; not to ann (interruption), "
            "bob (ringing)"
        ),
    ]


def test_agents_are_listed_up_to_a_limit_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(explanation, "LISTED_MAX", 2)
    names = [f"a{number}" for number in range(9)]
    play = Asked(bank(more="".join(agent(name) for name in names)))
    play.tell(0, at_work("ann", "bob", *names[:4]))
    play.tell(0, *(ev.AgentLoggedIn(agent_id=name) for name in names[4:5]))
    (why,) = play.tell(1, arrived("c1", queue="cards"))
    assert (why.candidates, why.candidates_in_all) == (("ann", "bob"), 6)
    assert [one.agent_id for one in why.others] == ["a4", "a5"]
    assert why.others_by == {"logged_out": 4, "not_ready": 1}
    play.tell(1, *(arrived(f"d{number}", queue="cards") for number in range(6)))
    wait = explain_wait(play.router, 7)
    assert [one.agent_id for one in wait.agents] == ["ann", "bob"]
    assert wait.eligible_in_all == 11
    assert wait.others_by == {"capacity": 6, "logged_out": 4, "not_ready": 1}


def test_a_sentence_names_few_and_counts_the_rest() -> None:
    names = [f"a{number}" for number in range(9)]
    play = Asked(bank(more="".join(agent(name) for name in names)))
    play.tell(0, at_work("ann"))
    (told,) = play.offers(1, arrived("c1", queue="cards"))
    assert told == (
        "to ann: the only agent who might be offered it; not to bob (logged_out), a0 (logged_out), "
        "a1 (logged_out), 7 more (7 logged_out)"
    )
    assert sentences.NAMED_MAX == 3


def test_of_an_offer_that_the_step_did_not_make_nothing_is_explained() -> None:
    play = Asked(bank())
    play.tell(0, at_work("ann"))
    event = arrived("c1", queue="cards")
    before = Router.restore(play.router.settings, play.router.snapshot())
    (offer,) = play.router.step(event, now_us=SECOND_US)
    assert isinstance(offer, OfferContact)
    entered = EnterQueue(
        leg_id=1,
        contact_id="c1",
        queue="cards",
        rule="",
        requirement="",
        prefers=(),
        priority=None,
        promised_us=None,
        context=(),
    )
    seventh = replace(offer, offer_id=7)
    elsewhere: Sequence[Action]
    for elsewhere in (
        *((), (offer,), (entered,)),
        *((replace(seventh, leg_id=9),), (replace(seventh, agent_id="nobody"),)),
    ):
        with pytest.raises(CallerError, match="offer 7 was not made in this step"):
            explain_offer(before, event, elsewhere, now_us=SECOND_US, offer_id=7)


def test_an_explanation_can_be_sent_and_read() -> None:
    play = Asked(bank())
    play.tell(0, at_work("ann"))
    (why,) = play.tell(1, arrived("c1", queue="cards"))
    play.tell(2, ev.OfferRejected(offer_id=1))
    wait = explain_wait(play.router, 1)
    for one in (why, wait):
        assert msgspec.json.decode(msgspec.json.encode(one), type=type(one)) == one
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=type(one)) == one


# What decides -----------------------------------------------------------------------------------

AGENT_KEYS: dict[str, tuple[dict[str, Any], Sequence[ev.Event], str]] = {
    "position": ({}, (), "ann first of 2 agents, before bob"),
    "preferences": ({}, (), "bob first of 2 agents, before ann"),
    "interrupting": (
        {},
        (arrived("m", EMAIL, "cards"), ev.LegConnected(offer_id=1)),
        "bob first of 2 agents, before ann",
    ),
    "longest_idle": (
        {},
        (ev.AgentLoggedOut(agent_id="ann"), at_work("ann")),
        "bob first of 2 agents, before ann",
    ),
    "highest_proficiency": (
        {"agent_selection": (AgentCriterion.HIGHEST_PROFICIENCY,)},
        (),
        "bob first of 2 agents, before ann",
    ),
    "least_occupied": (
        {"agent_selection": (AgentCriterion.LEAST_OCCUPIED,)},
        (
            arrived("m", VOICE, "cards"),
            ev.LegConnected(offer_id=1),
            ev.LegEnded(offer_id=1),
            ev.WrapUpEnded(offer_id=1),
        ),
        "bob first of 2 agents, before ann",
    ),
    "round_robin": (
        {"agent_selection": (AgentCriterion.ROUND_ROBIN,)},
        (),
        "ann first of 2 agents, before bob",
    ),
    "best_quality": (
        {
            "agent_selection": (AgentCriterion.BEST_QUALITY,),
            "performance": PerformanceSettings(credibility=1),
        },
        (
            arrived("m", VOICE, "cards"),
            ev.LegConnected(offer_id=1),
            arrived("n", VOICE, "cards"),
            ev.LegConnected(offer_id=2),
            *(ev.LegEnded(offer_id=number) for number in (1, 2)),
            *(ev.WrapUpEnded(offer_id=number) for number in (1, 2)),
            ev.LegRated(offer_id=1, agent_id="ann", queue="cards", quality=10),
            ev.LegRated(offer_id=2, agent_id="bob", queue="cards", quality=90),
        ),
        "bob first of 2 agents, before ann",
    ),
}


@pytest.mark.parametrize("key", AGENT_KEYS)
def test_the_deciding_key_between_two_agents_has_a_name(key: str) -> None:
    fields, happened, told = AGENT_KEYS[key]
    settings = replace(bank(), **fields)
    ann, bob = settings.agents
    if key == "preferences":
        bob = replace(bob, skills={"cards": 5, "spanish": 1})
    if key == "highest_proficiency":
        bob = replace(bob, skills={"cards": 6})
    settings = replace(settings, agents=(ann, bob))
    play = Asked(settings)
    play.tell(0, at_work("ann", "bob"))
    for number, event in enumerate(happened, start=1):
        play.tell(number, event)
    (why,) = play.offers(30, arrived("c1", queue="cards"))
    assert why == f"to {told.split()[0]}: {key} puts {told}"


def test_a_criterion_that_nothing_is_known_of_decides_nothing() -> None:
    settings = replace(bank(), agent_selection=(AgentCriterion.FASTEST_FIRST,))
    play = Asked(settings)
    play.tell(0, at_work("bob"))
    play.tell(1, at_work("ann"))
    (why,) = play.offers(2, arrived("c1", queue="cards"))
    assert why == "to bob: longest_idle puts bob first of 2 agents, before ann"


LEG_KEYS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # Domain; the queue cards; the queue loans. Of two that come in this order cards is first.
    "longest_wait": ({}, {}, {}),
    "strict_priority": ({}, {"priority": 2}, {"priority": 1}),
    "head_start": ({}, {"head_start_us": 5_000_000}, {"head_start_us": 0}),
    "deadline_first": ({}, {"promise_us": 5_000_000}, {"promise_us": 9_000_000}),
    "ageing": ({"ageing_per_h": 60}, {"priority": 1}, {"priority": 0}),
    "generalized_c_mu": ({}, {"delay_cost": 2}, {"delay_cost": 1}),
    "wait_over_objective": ({}, {}, {}),
    "queue_ratio": ({}, {"waiting_share": 1}, {"waiting_share": 2}),
    "c_mu": ({}, {"delay_cost": 2}, {"delay_cost": 1}),
}


@pytest.mark.parametrize("urgency", Urgency)
def test_the_policy_decides_between_two_legs(urgency: Urgency) -> None:
    fields, *numbers = LEG_KEYS[urgency]
    costs = urgency in {Urgency.C_MU, Urgency.GENERALIZED_C_MU}
    settings = replace(bank(), urgency=urgency, **fields)
    queues = tuple(
        replace(
            queue,
            **of_queue,
            channels={
                name: replace(channel, handle_time_us=60 * SECOND_US if costs else None)
                for name, channel in queue.channels.items()
            },
        )
        for queue, of_queue in zip(settings.queues, numbers, strict=True)
    )
    play = Asked(replace(settings, queues=queues))
    play.tell(1, arrived("c1", queue="cards"))
    play.tell(2, arrived("c2", queue="loans"))
    (why,) = play.tell(3, at_work("ann"))
    assert why.leg_decision == Decision(urgency.value, "c2", holds=True)
    assert (why.legs_in_all, why.contact_id) == (2, "c1")


@pytest.mark.parametrize(
    "urgency, later_s, name",
    [
        (Urgency.STRICT_PRIORITY, 1, "arrival"),
        (Urgency.STRICT_PRIORITY, 0, "number"),
        (Urgency.LONGEST_WAIT, 0, "number"),
    ],
)
def test_equals_are_decided_by_arrival_and_then_by_number(
    urgency: Urgency, later_s: int, name: str
) -> None:
    settings = replace(bank(), urgency=urgency)
    queues = tuple(replace(queue, priority=1) for queue in settings.queues)
    play = Asked(replace(settings, queues=queues))
    play.tell(1, arrived("c1", queue="cards"))
    play.tell(1 + later_s, arrived("c2", queue="loans"))
    (why,) = play.tell(3, at_work("ann"))
    assert why.leg_decision == Decision(name, "c2", holds=True)


def test_an_agent_may_be_looked_for_for_one_leg_and_be_given_another_by_his_tiers() -> None:
    tiers = ('all = [{ queue = "cards" }', 'all = [{ queue = "cards", tier = 2 }')
    more = agent("una", "loans", "")
    play = Asked(bank(tiers, more=more))
    play.tell(1, arrived("c1", queue="cards"), arrived("c2", queue="loans"))
    assert play.offers(2, at_work("ann", "bob")) == [
        (
            "to ann: position puts ann first of 2 agents, before bob, looked for as the agent of "
            "c1; tier puts c2 first of 2 contacts that this agent might take, before c1; "
            "not to una (queue)"
        ),
        "to bob: the only agent who might be offered it; not to ann (capacity), una (queue)",
    ]
    play = Asked(bank(tiers, more=more))
    play.tell(1, arrived("c1", queue="cards"), arrived("c2", queue="loans"))
    (told,) = play.offers(2, at_work("ann"))
    assert told.startswith(
        "to ann: the only agent who might be offered it, looked for as the agent of c1; tier puts"
    )


def test_what_other_rules_chose_is_said() -> None:
    settings = bank()
    play = Asked(settings)
    play.tell(0, arrived("c1", queue="cards"))
    play.tell(1, arrived("c2", queue="cards"))
    before = Router.restore(settings, play.router.snapshot())
    event = at_work("ann", "bob")
    first, *_ = play.router.step(event, now_us=2 * SECOND_US)
    assert isinstance(first, OfferContact)

    def why(**fields: Any) -> str:
        other = replace(first, **fields)
        found = explain_offer(before, event, (other,), now_us=2 * SECOND_US, offer_id=1)
        assert not found.holds
        return tell_offer(found).partition(") ")[2]

    assert why(agent_id="bob") == (
        "to bob: position would put ann before bob, of 2 agents; longest_wait puts c1 first of 2 "
        "contacts that this agent might take, before c2; by other rules than today's"
    )
    assert why(leg_id=2, contact_id="c2") == (
        "to ann: position puts ann first of 2 agents, before bob, looked for as the agent of c1; "
        "longest_wait would put c1 before c2, of 2 contacts that this agent might take; by other "
        "rules than today's"
    )
    event = at_work("bob")
    assert why(agent_id="ann") == (
        "to ann: who might not be offered it; not to ann (logged_out); by other rules than today's"
    )


# Waits ------------------------------------------------------------------------------------------


def test_a_wait_has_agents_their_obstacles_and_what_is_nearest() -> None:
    more = agent("sue", "loans", "") + agent("tom") + agent("una", "all", "")
    play = Asked(bank(more=more))
    play.tell(0, at_work("ann"))
    play.tell(1, arrived("c1", queue="cards"), ev.OfferRejected(offer_id=1))
    play.tell(5, ev.AgentLoggedIn(agent_id="bob"))
    wait = explain_wait(play.router, 1)
    assert (wait.at_us, wait.waited_us) == (5 * SECOND_US, 4 * SECOND_US)
    assert wait.agents == (
        Standing("ann", (Obstacle(Block.EXCLUDED, 31 * SECOND_US),)),
        Standing("bob", (Obstacle(Lack.NOT_READY),)),
        Standing("tom", (Obstacle(Lack.LOGGED_OUT),)),
    )
    assert wait.waits_for == (Obstacle(Block.EXCLUDED, 31 * SECOND_US),)
    assert wait.eligible_in_all == 3
    assert tell_wait(wait) == (
        "c1 (leg 1, cards voice) waits since 1.000000 for ann: excluded until 31.000000; "
        "not to bob (not_ready), tom (logged_out), 2 more (1 queue, 1 requirement)"
    )


def test_a_wait_for_one_agent_names_no_others() -> None:
    play = Asked(bank(("[agents.bob]", "[agents.bill]")))
    settings = play.router.settings
    play = Asked(replace(settings, agents=settings.agents[:1]))
    play.tell(1, arrived("c1", queue="cards"))
    assert play.wait(1) == "1.000000 for ann: logged_out"


def test_where_nobody_is_eligible_the_next_step_and_the_end_are_told() -> None:
    steps = ('prefers = ["spanish"]', 'steps = [{ after_s = 20, requires = "" }]')
    expires = ("[queues.cards.voice]", "[queues.cards.voice]\nexpires_s = 600")
    settings = bank(steps, expires, more=agent("sue", "loans", ""))
    asked = replace(arrived("c1", queue="cards"), requirement="spanish")
    play = Asked(settings)
    play.tell(1, asked)
    wait = explain_wait(play.router, 1)
    assert (wait.agents, wait.waits_for, wait.eligible_in_all) == ((), (), 0)
    assert play.wait(1) == (
        "1.000000: no agent is eligible; not to 3 agents (2 requirement, 1 queue); "
        "open to more at 21.000000; expires at 601.000000"
    )
    play = Asked(replace(settings, agents=settings.agents[:1]))
    play.tell(1, asked)
    assert "no agent is eligible; not to 1 agent (1 requirement); open" in play.wait(1)


def test_what_a_journal_left_waiting_may_be_offered_at_the_next_step() -> None:
    router = Router(bank())
    router.apply(at_work("ann"), (), now_us=0)
    router.apply(arrived("c1", queue="cards"), (), now_us=SECOND_US)
    wait = explain_wait(router, 1)
    assert wait.agents[0] == Standing("ann", ())
    assert nearness(wait.agents[0]) < nearness(wait.agents[1])
    assert wait.others_by == {"logged_out": 1}
    assert tell_wait(wait).endswith(
        "since 1.000000: may be offered to ann at the next step; not to 1 agent (1 logged_out)"
    )


def test_a_wait_that_is_estimated_says_how_long() -> None:
    settings = bank()
    channels = {
        name: replace(one, handle_time_us=90 * SECOND_US)
        for queue in settings.queues
        for name, one in queue.channels.items()
    }
    queues = tuple(
        replace(queue, channels={name: channels[name] for name in queue.channels})
        for queue in settings.queues
    )
    play = Asked(replace(settings, queues=queues, estimated_wait=True))
    play.tell(1, arrived("c1", queue="cards"))
    assert explain_wait(play.router, 1).estimate == Estimate(None, 0, 0)
    assert "; estimated wait unknown: nobody at work" in play.wait(1)


def test_what_does_not_wait_is_not_explained() -> None:
    play = Asked(bank())
    play.tell(0, at_work("ann"), arrived("c1", queue="cards"))
    for leg_id in (1, 2):
        with pytest.raises(CallerError, match=f"leg {leg_id} does not wait"):
            explain_wait(play.router, leg_id)


# Obstacles --------------------------------------------------------------------------------------

TEAM = """
[queues.cards.affinity]
team = { agent = "team", contact = "account", limit_s = 20 }
"""
HOLD = "\n[queues.cards.affinity]\nnamed_agent_s = 15\n"
ONE = ev.LegConnected(offer_id=1)


def known(contact_id: str, **fields: Any) -> ev.ContactArrived:
    return replace(arrived(contact_id, queue="cards"), **fields)


NORTH = (("account", "north"),)

WAITS: dict[str, tuple[DomainSettings, Sequence[ev.Event], int, str]] = {
    # Settings; what happens, one event a second from 1 on, while Bob is ready; the leg; of Bob.
    "excluded": (
        bank(), (known("c1"), ev.OfferRejected(offer_id=1)), 1, "excluded until 32.000000",
    ),
    "back-off, and excluded by the same failure": (
        bank(),
        (known("c1"), ev.OfferFailed(offer_id=1, cause=FailureCause.BUSY)),
        1,
        "excluded until 32.000000, back_off until 7.000000",
    ),
    "offer gap": (
        replace(bank(), offer_gap_us=9 * SECOND_US),
        (known("c1"), ev.OfferRejected(offer_id=1), known("c2")),
        2,
        "offer_gap until 10.000000",
    ),
    "closed queue": (
        bank(
            ("[queues.cards]", '[queues.cards]\nopening_hours = "office"'),
            more='\n[calendars.office]\nthu = ["00:01-24:00"]\n',
        ),
        (known("c1"),),
        1,
        "closed_queue until 60.000000",
    ),
    "profile delay": (
        bank(('{ queue = "cards" }', '{ queue = "cards", delay_s = 40 }')),
        (known("c1"),),
        1,
        "profile_delay until 41.000000",
    ),
    "kept for another": (
        bank(more=HOLD),
        (ev.AgentLoggedIn(agent_id="ann"), known("c1", named_agent="ann")),
        1,
        "affinity_hold until 17.000000",
    ),
    "kept for a team": (
        bank(more=TEAM),
        (ev.AgentLoggedIn(agent_id="ann"), known("c1", attributes=NORTH)),
        1,
        "affinity_hold until 22.000000",
    ),
    "kept for another, then for a team": (
        bank(more=TEAM + "named_agent_s = 15\n"),
        (ev.AgentLoggedIn(agent_id="ann"), known("c1", named_agent="ann", attributes=NORTH)),
        1,
        "affinity_hold until 22.000000",
    ),
    "reserve": (
        bank(
            ("loans = [{", 'reserve = [{ queue = "cards", reserve_waiting = 3 }]\nloans = [{'),
            ('[agents.bob]\nprofile = "all"', '[agents.bob]\nprofile = "reserve"'),
        ),
        (known("c1"), known("c2")),
        1,
        "reserve while 2 of 3 wait",
    ),
    "headroom": (
        bank(
            ('email = { interrupted_by = ["voice"] }', "email = {}"),
            more='\n[headroom.phone]\nqueue = "cards"\nkeep_free = 1\n',
        ),
        (known("c1", channel=EMAIL),),
        1,
        "headroom while 1 of 2 can take a call",
    ),
    "headroom, once the gap is over": (
        replace(
            bank(
                ('email = { interrupted_by = ["voice"] }', "email = {}"),
                more='\n[headroom.phone]\nqueue = "cards"\nkeep_free = 1\n',
            ),
            offer_gap_us=9 * SECOND_US,
        ),
        (known("c1"), ev.OfferRejected(offer_id=1), known("c2", channel=EMAIL)),
        2,
        "offer_gap until 10.000000, headroom while 0 of 2 can take a call",
    ),
    "no headroom once the gap is over, since his phone is away": (
        replace(
            bank(
                ('email = { interrupted_by = ["voice"] }', "email = {}"),
                more='\n[headroom.phone]\nqueue = "cards"\nkeep_free = 1\n',
            ),
            offer_gap_us=9 * SECOND_US,
        ),
        (
            known("c1"),
            ev.DeviceChanged(agent_id="bob", device=Device.UNREACHABLE),
            known("c2", channel=EMAIL),
        ),
        2,
        "offer_gap until 10.000000",
    ),
    "party": (
        bank(),
        (known("c1"), ONE, ev.ConsultRequested(offer_id=1, queue="cards")),
        2,
        "party, capacity",
    ),
    "capacity": (bank(), (known("c1"), ONE, known("c2")), 2, "capacity"),
    "a reason": (
        bank(), (ev.AgentNotReady(agent_id="bob", reason="lunch"), known("c1")), 1,
        "not_ready: lunch",
    ),
    "after this one": (
        bank(),
        (
            known("c1"),
            ONE,
            ev.AgentNotReady(agent_id="bob", after_this_one=True),
            known("c2"),
        ),
        2,
        "not_ready, capacity",
    ),
    "draining": (
        bank(), (known("c1"), ONE, ev.DrainRequested(agent_id="bob"), known("c2")), 2,
        "not_ready: draining, capacity",
    ),
    "logged out": (
        bank(), (ev.AgentLoggedOut(agent_id="bob"), known("c1")), 1, "logged_out",
    ),
    "a private call": (
        bank(),
        (ev.DeviceChanged(agent_id="bob", device=Device.BUSY_ELSEWHERE), known("m", channel=EMAIL)),
        1,
        "phone",
    ),
    "an unreachable phone": (
        bank(),
        (ev.DeviceChanged(agent_id="bob", device=Device.UNREACHABLE), known("c1")),
        1,
        "phone",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WAITS)
def test_every_obstacle_is_named_with_its_end(case: str) -> None:
    settings, happened, leg_id, told = WAITS[case]
    play = Asked(settings)
    play.tell(0, at_work("bob"))
    for number, event in enumerate(happened, start=1):
        play.tell(number, event)
    wait = explain_wait(play.router, leg_id)
    (his,) = (one for one in wait.agents if one.agent_id == "bob")
    assert sentences._obstacles(his) == told
    assert his.hardest is not None

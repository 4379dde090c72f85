"""What customers hear while they wait, and the keys that they press.

Method: stories at the small shop, by the second, compared word for word with the lines of the
journal; mistakes in the configuration, each alone.
"""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.actions import AnnounceWait, PlayTreatment
from acd.config import parse
from acd.errors import ConfigError
from acd.ids import Channel, ConsultEnd
from acd.ids import Play as Plays
from acd.ranks import RUN_MAX, Ranks
from acd.router import Router
from acd.settings import SECOND_US, ChannelSettings, DomainSettings
from acd.snapshot import Snapshot
from acd.validation import problems
from acd.waiting_settings import CallbackSettings, Treatment
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work


def hears(after_s: int, play: Plays = Plays.MESSAGE, every_s: int | None = None) -> Treatment:
    return Treatment(
        after_us=after_s * SECOND_US,
        every_us=None if every_s is None else every_s * SECOND_US,
        play=play,
        message=play.value[:5],
        key="1" if play is Plays.OFFER_CALLBACK else "",
    )


def shop(*treatments: Treatment, channels: Sequence[Channel] = (VOICE, CHAT)) -> DomainSettings:
    """Return the shop where it rings for 15 s and nobody gets back what he rejected."""
    (queue,) = SHOP.queues
    settings = {one: ChannelSettings() for one in channels}
    queue = replace(
        queue,
        channels=settings,
        treatments=treatments,
        exclusion_us=600 * SECOND_US,
        callbacks=CallbackSettings() if VOICE in channels else None,
    )
    return replace(SHOP, queues=(queue,))


def heard(play: Play, until_s: int) -> list[str]:
    """Let time pass, tick by tick; return the instants and what is played, without its leg."""
    told = []
    while (due_us := play.router.next_wakeup_us()) is not None and due_us <= until_s * SECOND_US:
        for line in play.tick(due_us // SECOND_US):
            words = dict(word.split("=") for word in line.split()[1:])
            about = [words["play"], words.get("place", ""), words.get("key", "")]
            told.append(f"{play.now_s} {words['contact_id']} {' '.join(about)}".strip())
    play.now_s = until_s
    return told


def test_instants_are_reckoned_from_the_arrival_and_those_at_once_come_in_order() -> None:
    play = Play(shop(hears(0), hears(10, every_s=20), hears(30, Plays.OFFER_CALLBACK)))
    play.now_s = 5
    play.tell(arrived("c1"))
    assert heard(play, 60) == [
        "5 c1 message",
        "15 c1 message",
        "35 c1 message",
        "35 c1 offer_callback  1",
        "55 c1 message",
    ]


def test_who_comes_at_the_very_beginning_of_time_is_greeted() -> None:
    play = Play(shop(hears(0)))
    play.tell(arrived("c1"))
    assert heard(play, 60) == ["0 c1 message"]


def test_the_place_counts_who_waits_before_in_the_same_queue_and_channel() -> None:
    play = Play(shop(hears(10, Plays.ANNOUNCE_PLACE, every_s=10)))
    for second, name in enumerate(("c1", "c2", "c3")):
        play.now_s = second
        play.tell(arrived(name), arrived(f"chat{name}", CHAT))
    assert heard(play, 12) == ["10 c1 announce_place 1", "11 c2 announce_place 2",
                               "12 c3 announce_place 3"]  # fmt: skip
    play.tell(ev.ContactLeft(contact_id="c1"))
    play.router = restarted(play)
    assert heard(play, 22) == ["21 c2 announce_place 1", "22 c3 announce_place 2"]


def restarted(play: Play) -> Router:
    wire = msgspec.msgpack.encode(play.router.snapshot())
    return Router.restore(play.router.settings, msgspec.msgpack.decode(wire, type=Snapshot))


def test_on_a_chat_only_messages_are_read_and_by_letter_nothing() -> None:
    play = Play(shop(hears(1), hears(2, Plays.ANNOUNCE_PLACE), hears(3, Plays.OFFER_CALLBACK)))
    play.tell(arrived("c1", CHAT))
    assert heard(play, 60) == ["1 c1 message"]
    assert play.router.next_wakeup_us() is None


def test_while_it_rings_nothing_is_heard_and_what_fell_due_is_owed_once() -> None:
    play = Play(shop(hears(10, every_s=5), hears(12)))
    play.tell(arrived("c1"))
    play.now_s = 1
    play.tell(at_work("ann"))
    play.router = restarted(play)
    told = play.tick(16)
    assert [line.split()[0] for line in told[:1]] == ["offer.withdraw"]
    assert sum(line.startswith("treatment.play") for line in told) == 2
    assert heard(play, 21) == ["20 c1 message"]


def test_who_is_found_an_agent_in_that_very_instant_hears_nothing() -> None:
    play = Play(replace(shop(hears(10)), back_off_us=0, offer_gap_us=10 * SECOND_US))
    play.tell(at_work("ann"), arrived("c0"))
    play.tell(ev.ContactLeft(contact_id="c0"), arrived("c1"))
    assert play.tick(10)[0].startswith("offer.contact offer_id=2")
    assert len(play.router.offers) == 1


def test_a_place_that_was_regained_is_not_greeted_again() -> None:
    settings = shop(hears(0), hears(30, every_s=30))
    (queue,) = settings.queues
    play = Play(replace(settings, queues=(replace(queue, resume_us=60 * SECOND_US),)))
    play.now_s = 1
    play.tell(replace(arrived("c1"), customer="ada"))
    assert heard(play, 20) == ["1 c1 message"]
    play.tell(ev.ContactLeft(contact_id="c1"))
    play.now_s = 40
    play.tell(replace(arrived("c2"), customer="ada"))
    assert heard(play, 70) == ["61 c2 message"]


def test_who_is_transferred_hears_what_his_new_queue_says_and_who_is_consulted_about_nothing() -> (
    None
):
    play = Play(shop(hears(5)))
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1))
    play.now_s = 10
    play.tell(ev.ConsultRequested(offer_id=1, queue="sales"))
    assert heard(play, 20) == []
    play.tell(ev.ConsultEnded(offer_id=1, how=ConsultEnd.RETURN))
    play.tell(ev.LegTransferred(offer_id=1, queue="sales"))
    assert heard(play, 60) == ["25 c1 message"]


def test_a_key_means_what_was_offered_with_it() -> None:
    play = Play(shop(hears(5, Plays.OFFER_CALLBACK)))
    play.tell(replace(arrived("c1"), customer="ada"), arrived("c2", CHAT))

    def press(contact_id: str, digit: str = "1") -> list[str]:
        return play.tell(ev.CustomerPressed(contact_id=contact_id, digit=digit))

    assert press("c1") == ["refused reason=not_offered about=1"]
    assert press("nobody") == ["refused reason=unknown_contact about=nobody"]
    heard(play, 6)
    assert press("c1", "2") == ["refused reason=not_offered about=2"]
    assert press("c2") == ["refused reason=not_offered about=1"]
    play.router = restarted(play)
    assert press("c1") == ["callback.grant leg_id=1 contact_id=c1"]
    assert press("c1") == ["refused reason=not_offered about=1"]
    assert heard(play, 600) == []


def test_who_is_expired_when_he_comes_never_had_a_place() -> None:
    play = Play(shop(hears(10, Plays.ANNOUNCE_PLACE)))
    play.now_s = 5
    assert play.tell(replace(arrived("c1"), expires_us=SECOND_US))[-1].endswith("outcome=expired")
    play.tell(arrived("c2"))
    assert heard(play, 20) == ["15 c2 announce_place 1"]


def test_ranks_count_what_comes_before_however_keys_come_and_go() -> None:
    rng = Random(1)
    ranks = Ranks()
    assert ranks.before((5,)) == 0
    keys = [(number,) for number in range(5 * RUN_MAX)]
    rng.shuffle(keys)
    for key in keys:
        ranks.add(key)
    assert list(ranks) == sorted(keys)
    assert [ranks.before(key) for key in keys[:99]] == [key[0] for key in keys[:99]]
    assert ranks.before((10**9,)) == ranks.count == len(keys)
    assert ranks.before_by((7,), lambda key: key) == 7
    assert ranks.before_by((10**9,), lambda key: key) == len(keys)
    for key in keys[1:]:
        ranks.discard(key)
    assert ranks.before((10**9,)) == 1


SALES = """
[domain]
name = "shop"
[capacities.desk]
voice = {}
email = {}
[profiles]
all = [{ queue = "sales" }]
[agents.ann]
profile = "all"
capacity = "desk"
[queues.sales]
"""

OFFER = 'treatments = [{ after_s = 1, play = "offer_callback", message = "m", key = "1" }]'
ONE = OFFER.partition("[")[2][:-1]
TWO_OFFERS = f"treatments = [{ONE}, {ONE}]"
LONG = f'treatments = [{{ after_s = 1, play = "message", message = "{65 * "x"}" }}]'
TWO_KEYS = OFFER.replace('key = "1"', 'key = "12"')


@pytest.mark.parametrize(
    "lines, wanted",
    [
        (
            'voice = {}\ntreatments = [{ after_s = -1, play = "announce_place" }]',
            "queues.sales.treatments[0].after_s: is -1; wanted a number of seconds from 0",
        ),
        (
            'voice = {}\ntreatments = [{ after_s = 1, every_s = 0, play = "announce_place" }]',
            "queues.sales.treatments[0].every_s: is 0; wanted a number of seconds above 0",
        ),
        (
            'voice = {}\ntreatments = [{ after_s = 1, every_s = 4, play = "announce_place" }]',
            "queues.sales.treatments[0].every_s: is 4; wanted at least 5, or none",
        ),
        (
            "voice = {}\ntreatments = [{ after_s = 1 }]",
            "queues.sales.treatments[0].play: is missing; wanted one of `announce_place`, `ann",
        ),
        (
            'voice = {}\ntreatments = [{ after_s = 1, play = "message" }]',
            "queues.sales.treatments[0].message: is empty; wanted the name of what is played",
        ),
        (
            'voice = {}\ntreatments = [{ after_s = 1, play = "message", message = "m", key = "1"}]',
            "queues.sales.treatments[0].key: is given; wanted none, since play is message",
        ),
        (
            f"voice = {{}}\n{LONG}",
            "queues.sales.treatments[0].message: has 65 characters; wanted at most 64",
        ),
        (
            f"voice = {{}}\n{LONG.replace(65 * 'x', 'a b')}",
            "treatments[0].message: is `a b`; wanted the name of a recording, of A-Z, a-z, 0-9",
        ),
        (
            'email = {}\ntreatments = [{ after_s = 1, play = "announce_place" }]',
            "treatments[0].play: is announce_place, which nobody would hear; wanted a queue with",
        ),
        (
            f"voice = {{}}\n{OFFER}",
            "treatments[0].play: offers what the queue lacks; wanted callbacks in the queue",
        ),
        (
            f"voice = {{}}\ncallbacks = {{}}\n{TWO_KEYS}",
            'queues.sales.treatments[0].key: is "12"; wanted one key of 0123456789*#ABCD',
        ),
        (
            f"voice = {{}}\ncallbacks = {{}}\n{TWO_OFFERS}",
            "treatments[1].play: is a second offer_callback; wanted one offer, that of [0], played",
        ),
        (
            "voice = {}\ntreatments = [" + 21 * '{ after_s = 1, play = "announce_place" },' + "]",
            "queues.sales.treatments: has 21 treatments; wanted at most 20",
        ),
        (
            'voice = {}\ntreatments = [{ after_s = 1, play = "announce_wait", message = "m" }]',
            "treatments[0].play: is announce_wait; wanted domain.estimated_wait = true, since that",
        ),
        (
            'voice = {}\ntreatments = [{ after_s = 1, play = "announce_plaice" }]',
            "queues.sales.treatments[0].play: is",
        ),
        ("email = {}\ncallbacks = {}", "queues.sales.callbacks: calls back who never called;"),
        (
            "voice = {}\ncallbacks = { attempts = 11 }",
            "queues.sales.callbacks.attempts: is 11; wanted a whole number from 1 to 10",
        ),
        (
            "voice = {}\ncallbacks = { retry_s = 0 }",
            "queues.sales.callbacks.retry_s: is 0; wanted a number of seconds above 0",
        ),
        (
            "voice = {}\ncallbacks = { dial_s = 0 }",
            "queues.sales.callbacks.dial_s: is 0; wanted a number of seconds above 0",
        ),
        (
            "voice = {}\ncallbacks = { ahead_s = 0 }",
            "queues.sales.callbacks.ahead_s: is 0; wanted a number of seconds above 0",
        ),
        (
            "voice = {}\ncallbacks = { slots = 0 }",
            "queues.sales.callbacks.slots: is 0; wanted a whole number from 1 to 100000",
        ),
        (  # They lie side by side, of one length: none can be given that overlaps another.
            'voice = {}\ncallbacks = { slots = ["09:00-10:00", "09:30-10:30"] }',
            "queues.sales.callbacks.slots: is an array; wanted a whole number",
        ),
        (
            "voice = {}\ncallbacks = { attempts = 0 }",
            "queues.sales.callbacks.attempts: is 0; wanted a whole number from 1 to 10",
        ),
        (
            "voice = {}\ncallbacks = { interval_s = 59 }",
            "queues.sales.callbacks.interval_s: is 59; wanted from 60 to 86400",
        ),
    ],
)
def test_a_mistake_in_a_queue_is_named(lines: str, wanted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(SALES + lines)
    (problem,) = caught.value.problems
    assert wanted in str(problem)


def test_a_wait_is_not_announced_where_estimates_are_in_doubt() -> None:
    told = 'voice = {}\ntreatments = [{ after_s = 1, play = "announce_wait", message = "m" }]'
    with pytest.raises(ConfigError) as caught:
        parse(SALES.replace('name = "shop"', 'name = "shop"\nestimated_wait = 1') + told)
    (problem,) = caught.value.problems
    assert str(problem) == "domain.estimated_wait: is 1; wanted true or false"


def test_a_journal_says_what_wait_was_announced_whatever_is_estimated_now() -> None:
    """What was said is changed to a microsecond, which no estimate is."""
    (queue,) = shop(hears(5, Plays.ANNOUNCE_WAIT)).queues
    channels = dict.fromkeys((VOICE, CHAT), ChannelSettings(handle_time_us=120 * SECOND_US))
    settings = replace(SHOP, queues=(replace(queue, channels=channels),), estimated_wait=True)
    play = Play(settings)
    play.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1), arrived("c2"))
    told = play.router.step(ev.ClockTicked(), now_us=5 * SECOND_US)
    assert [type(one) for one in told] == [AnnounceWait, PlayTreatment]
    assert isinstance(told[0], AnnounceWait)
    other = Play(settings)
    other.tell(at_work("ann"), arrived("c1"), ev.LegConnected(offer_id=1), arrived("c2"))
    recorded = replace(told[0], wait_us=1)
    other.router.apply(ev.ClockTicked(), (recorded, told[1]), now_us=5 * SECOND_US)
    announced = other.router.legs[2].announced
    assert announced is not None
    assert announced.wait_us == 1


def test_what_is_right_is_read() -> None:
    settings = parse(f"{SALES}voice = {{}}\nemail = {{}}\ncallbacks = {{ slots = 3 }}\n{OFFER}")
    (queue,) = settings.queues
    assert queue.callbacks == CallbackSettings(slots=3)
    assert queue.treatments == (
        Treatment(after_us=SECOND_US, play=Plays.OFFER_CALLBACK, message="m", key="1"),
    )
    assert problems(settings) == []

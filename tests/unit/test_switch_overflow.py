"""What the switch is told of customers who overflow or are turned away.

Method: as in test_switch_resync.py; the shop's calls have rules.
"""

from msgspec.structs import replace

from acd import events as ev
from acd.settings import AdmissionSettings, Condition, OverflowRule
from acd.switch_protocol import messages as sw
from tests.unit.shop import CHAT, SHOP, VOICE, arrived, at_work
from tests.unit.switch_board import Board


def board(*rules, **fields):
    (sales,) = SHOP.queues
    channels = {**sales.channels, VOICE: replace(sales.channels[VOICE], overflow=rules)}
    settings = replace(
        SHOP,
        queues=(replace(sales, channels=channels),),
        messages=("busy",),
        voicemails=("box",),
        **fields,
    )
    return Board(settings=settings).linked()


def test_who_does_not_get_in_hears_a_message_and_no_music():
    shop = board(OverflowRule(joining=(Condition.NOBODY_READY,), message="busy"))
    assert shop.does(arrived("pbx:c")) == ["deflect_call call_id=c deflection=message name=busy"]


def test_who_waits_too_long_gets_a_voicemail_and_is_gone_for_us():
    shop = board(OverflowRule(max_wait_us=5_000_000, voicemail="box"))
    shop.does(arrived("pbx:c"))
    shop.now_s = 5
    assert shop.does(ev.ClockTicked()) == ["deflect_call call_id=c deflection=voicemail name=box"]
    assert shop.hear(sw.RouteEnded(epoch=1, call_id="c")) == []


def test_whoever_is_turned_away_for_another_is_told_so():
    limit = AdmissionSettings(name="all", max_waiting=1, message="busy")
    shop = board(admission=(limit,))
    shop.does(arrived("pbx:c"))
    assert shop.does(replace(arrived("pbx:d"), priority=1)) == [
        "queue_treatment call_id=d treatment=music",
        "deflect_call call_id=c deflection=message name=busy",
    ]
    assert shop.does(arrived("chat-1", CHAT)) == []  # No call of this switch.


def test_who_goes_to_another_queue_hears_nothing_of_it():
    (sales,) = SHOP.queues
    (profile,) = SHOP.profiles
    rule = OverflowRule(joining=(Condition.NOBODY_READY,), queue="help")
    voice = replace(sales.channels[VOICE], overflow=(rule,))
    settings = replace(
        SHOP,
        queues=(
            replace(sales, channels={**sales.channels, VOICE: voice}),
            replace(sales, name="help"),
        ),
        profiles=(
            replace(profile, serves=(*profile.serves, replace(profile.serves[0], queue="help"))),
        ),
    )
    shop = Board(settings=settings).linked()
    assert shop.does(arrived("pbx:c")) == ["queue_treatment call_id=c treatment=music"]
    (select,) = shop.does(at_work("ann"))
    assert select.startswith("route_select acd-shop-j-1 call_id=c device=101")

"""Events, actions and settings as values.

Method: every member of both unions goes through MessagePack and JSON and comes back equal; what the
encoding must refuse is refused; the tags are written out, since journals live longer than code.
"""

from typing import Any, get_args

import msgspec
import pytest

from acd.actions import Action
from acd.events import BATCH_MAX, Batch, ContactArrived, Event, SingleEvent
from acd.ids import (
    Availability,
    CallbackFailure,
    Channel,
    ConsultEnd,
    ContactOutcome,
    Device,
    OfferOutcome,
    Play,
    Reason,
    WrapUpMode,
)
from acd.ids import FailureCause as Cause
from tests.unit.shop import SHOP

TAGS = """
contact.arrived contact.left
offer.accepted offer.rejected offer.failed
leg.connected leg.held leg.retrieved leg.ended wrap_up.ended leg.rated
agent.logged_in agent.ready agent.not_ready agent.drain_requested agent.logged_out
agent.device_changed agent.wrap_up_mode_changed
clock.ticked
leg.transferred leg.requeued consult.requested consult.ended
contact.canceled contact.reprioritized contact.assigned leg.disposed leg.parked leg.resumed
wait.asked
contact.handed_over hand_over.accepted hand_over.refused
take_over.requested contact.taken_over take_over.withdrawn
agent.changed settings.changed
customer.pressed callback.requested callback.scheduled callback.failed
batch
"""

ORDERS = """
leg.enter offer.contact leg.widen offer.withdraw
leg.connect leg.interrupt leg.resume wrap_up.end customer.release contact.close
agent.set_state refused
leg.open leg.close leg.join agent.release
leg.disposition leg.regain_place contact.acknowledge wait.announce leg.overflow
contact.hand_over hand_over.confirm hand_over.withdraw take_over.accept contact.take_in
treatment.play callback.grant callback.due callback.dial callback.postpone
"""

VALUES: dict[str, Any] = {
    "contact_id": "c1",
    "agent_id": "ann",
    "offer_id": 1,
    "leg_id": 2,
    "step": 1,
    "arrived_us": 7,
    "disposition": "sale",
    "priority": -3,
    "queue": "sales",
    "channel": Channel.WEB_FORM,
    "device": Device.UNREACHABLE,
    "mode": WrapUpMode.UNTIL_DONE,
    "cause": Cause.CONGESTION,
    "events": (ContactArrived(contact_id="c", queue="q", channel=Channel.EMAIL),),
    "ring_until_us": 2**60 - 1,
    "availability": Availability.DRAINING,
    "about": "x",
    "rule": "rest",
    "from_offer": 1,
    "because": "max_wait",
    "how": ConsultEnd.CONFERENCE,
    "reference": "HD8J-GY35-VMDE",
    "expected_s": 14_400,
    "domain": "south",
    "origin": "north",
    "number": 1,
    "until_us": 8,
    "arrival": ContactArrived(contact_id="c", queue="q", channel=Channel.EMAIL),
    "digit": "#",
    "at_us": 9,
    "play": Play.MESSAGE,
    "due_us": 8,
    "attempts": 2,
}
OUTCOMES: dict[str, dict[str, Any]] = {
    "CallbackFailed": {"cause": CallbackFailure.NO_ANSWER},
    "WithdrawOffer": {"outcome": OfferOutcome.REVOKED},
    "CloseContact": {"outcome": ContactOutcome.ABANDONED},
    "CloseLeg": {"outcome": ContactOutcome.CANCELED},
    "Refused": {"reason": Reason.BAD_NUMBER},
}


def _one(kind: type[msgspec.Struct]) -> msgspec.Struct:
    required = [field for field in msgspec.structs.fields(kind) if field.required]
    values = {**VALUES, **OUTCOMES.get(kind.__name__, {})}
    return kind(**{field.name: values[field.name] for field in required})


def _kinds(union: object) -> tuple[type[msgspec.Struct], ...]:
    return get_args(union)


def test_the_unions_are_closed_and_their_tags_do_not_change() -> None:
    assert [kind.__struct_config__.tag for kind in _kinds(Event)] == TAGS.split()
    assert [kind.__struct_config__.tag for kind in _kinds(Action)] == ORDERS.split()


@pytest.mark.parametrize("kind", [*_kinds(Event), *_kinds(Action)], ids=lambda kind: kind.__name__)
def test_what_is_encoded_comes_back(kind: type[msgspec.Struct]) -> None:
    message = _one(kind)
    union: Any = Event if kind in _kinds(Event) else Action
    for codec in (msgspec.msgpack, msgspec.json):
        assert codec.decode(codec.encode(message), type=union) == message


@pytest.mark.parametrize("kind", [*_kinds(Event), *_kinds(Action)], ids=lambda kind: kind.__name__)
def test_what_was_said_cannot_be_changed(kind: type[msgspec.Struct]) -> None:
    message = _one(kind)
    for field in kind.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(message, field, None)


@pytest.mark.parametrize(
    "wire",
    [
        b'{"event":"contact.vanished"}',
        b'{"event":"contact.left"}',
        b'{"event":"contact.left","contact_id":""}',
        b'{"event":"contact.left","contact_id":"%s"}' % (b"x" * 65),
        b'{"event":"contact.left","contact_id":"c","number":"+34911234567"}',
        b'{"event":"offer.accepted","offer_id":0}',
        b'{"event":"offer.accepted","offer_id":true}',
        b'{"event":"contact.arrived","contact_id":"c","queue":"q","channel":"fax"}',
        b'{"event":"contact.arrived","contact_id":"c","queue":"q","channel":"voice","priority":1e9}',
        b'{"event":"batch","events":[{"event":"batch","events":[]}]}',
    ],
)
def test_what_is_no_event_is_not_decoded(wire: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wire, type=Event)


def test_a_batch_has_a_limit_and_holds_no_batch() -> None:
    wire = msgspec.json.encode({"event": "batch", "events": [{}] * (BATCH_MAX + 1)})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wire, type=Event)
    assert Batch not in _kinds(SingleEvent)


def test_equal_settings_have_one_digest_and_others_another() -> None:
    again = msgspec.json.decode(msgspec.json.encode(SHOP), type=type(SHOP))
    assert again.digest() == SHOP.digest()
    assert msgspec.structs.replace(SHOP, name="shoe shop").digest() != SHOP.digest()
    assert len(SHOP.digest()) == 64

"""Which class a leg belongs to.

Method: pairs of arrivals that must share a class, and that must not; the limits with small numbers
in place of the real ones, which are module constants.
"""

from typing import Any

import pytest
from msgspec.structs import replace

import acd.classes
from acd.classes import Classes, RefusalError, promised_by
from acd.events import ContactArrived
from acd.ids import Reason
from acd.settings import DomainSettings, Urgency
from tests.unit.shop import CHAT, SHOP, VOICE

(SALES,) = SHOP.queues


def bank(**changes: Any) -> DomainSettings:
    sales = replace(SALES, requires="cards", prefers=("spanish",), priority=1, promise_us=50)
    return replace(SHOP, skills=("cards", "loans", "spanish"), queues=(sales,), **changes)


def arrival(**fields: Any) -> ContactArrived:
    return ContactArrived(**{"contact_id": "c", "queue": "sales", "channel": VOICE, **fields})


ALIKE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"contact_id": "d", "customer": "token"}),
    ({}, {"requirement": "cards"}),
    ({}, {"requirement": " cards >= 1 "}),
    ({"requirement": "loans or spanish"}, {"requirement": "spanish or loans"}),
    ({"prefers": ("loans", "cards")}, {"prefers": ("cards", "loans")}),
    ({"priority": 3}, {"priority": 4}),
    ({"promised_us": 3}, {"promised_us": 4}),
]
DIFFERENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"channel": CHAT}),
    ({}, {"requirement": "loans"}),
    ({}, {"requirement": "cards >= 2"}),
    ({}, {"prefers": ("loans",)}),
    ({}, {"prefers": ("spanish",)}),
]


@pytest.mark.parametrize("one, other", ALIKE)
def test_these_share_a_class(one: dict[str, Any], other: dict[str, Any]) -> None:
    classes = Classes(bank())
    assert classes.of(arrival(**one)) is classes.of(arrival(**other))


@pytest.mark.parametrize("one, other", DIFFERENT)
def test_these_do_not(one: dict[str, Any], other: dict[str, Any]) -> None:
    classes = Classes(bank())
    assert classes.of(arrival(**one)) is not classes.of(arrival(**other))


def test_priorities_split_classes_where_the_policy_reads_them() -> None:
    classes = Classes(bank(urgency=Urgency.STRICT_PRIORITY))
    three = classes.of(arrival(priority=3))
    assert three is classes.of(arrival(priority=3))
    assert three is not classes.of(arrival(priority=4))
    assert classes.of(arrival()) is classes.of(arrival(priority=1))


def test_a_class_asks_what_queue_and_contact_ask() -> None:
    klass = Classes(bank()).of(arrival(requirement="loans", prefers=("loans >= 5",)))
    assert str(klass.requirement) == "cards and loans"
    assert [str(want) for want in klass.prefers] == ["spanish", "loans >= 5"]


@pytest.mark.parametrize(
    "fields, reason, about",
    [
        ({"queue": "loans"}, Reason.UNKNOWN_QUEUE, "loans"),
        ({"channel": "email"}, Reason.CHANNEL_NOT_SERVED, "email"),
        ({"prefers": ("cards",) * 11}, Reason.TOO_LONG, "prefers"),
    ],
)
def test_a_wrong_arrival_has_no_class(fields: dict[str, Any], reason: Reason, about: str) -> None:
    with pytest.raises(RefusalError) as caught:
        Classes(bank()).of(arrival(**fields))
    assert (caught.value.reason, caught.value.about) == (reason, about)


def test_a_promise_is_the_contacts_or_the_queues_or_none() -> None:
    klass = Classes(bank()).of(arrival())
    assert promised_by(arrival(promised_us=7), klass, 100) == 7
    assert promised_by(arrival(), klass, 100) == 150
    assert promised_by(arrival(), Classes(SHOP).of(arrival()), 100) == 0


def test_classes_without_legs_are_forgotten_when_all_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acd.classes, "CLASSES_MAX", 3)
    classes = Classes(bank(urgency=Urgency.STRICT_PRIORITY))
    made = [classes.of(arrival(priority=number)) for number in range(3)]
    assert [klass.number for klass in made] == [0, 1, 2]
    classes.join(made[1])
    again = [classes.of(arrival(priority=number)) for number in (7, 8)]
    assert sorted(klass.number for klass in again) == [0, 2]
    assert classes.of(arrival(priority=1)) is made[1]
    for klass in again:
        classes.join(klass)
    with pytest.raises(RefusalError) as caught:
        classes.of(arrival(priority=9))
    assert caught.value.reason is Reason.TOO_MANY_CLASSES


def test_spellings_are_forgotten_when_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acd.classes, "_TEXTS_MAX", 4)
    classes = Classes(bank())
    spelt = [classes.of(arrival(requirement="cards" + " " * spaces)) for spaces in range(9)]
    assert set(spelt) == {spelt[0]}
    assert len(classes._by_texts) <= 4

"""Entry rules: where a contact waits that names no queue, and with which numbers and texts.

The rules of the settings are asked in their order; the first whose condition holds decides, and the
last has none, so that there always is one. What was decided stands in the action `EnterQueue` and
is applied from there: a journal is applied under other rules without moving anybody, and whoever
folds events and actions reads the queue with `entered`.

What the contact itself says comes before its rule, as it does before its queue: its priority and
its promise hold, its requirement and preferences are added to. Only attributes are the rule's to
set, since what stands in a form is the customer's word.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace

from acd.actions import Action, EnterQueue, Refused, TakeIn
from acd.classes import Classes, RefusalError
from acd.conditions import Condition, Facts, parse_condition
from acd.events import Batch, ContactArrived, ContactTakenOver, Event, SingleEvent
from acd.ids import DomainName, QueueName, Reason
from acd.settings import DAY_US, SECOND_US, DomainSettings, EntryRule

_EPOCH_WEEKDAY: Final = 3
"""1970-01-01 was a Thursday."""


Since: TypeAlias = Callable[[ContactArrived, QueueName, int], int]


class EntryRules:
    """The entry rules of a domain.

    Args:
        settings: The domain's, without mistakes.
        classes: Join requirements.
        since: From when a contact waits that comes to a queue now: who comes back to his place was
            promised then.
    """

    def __init__(self, settings: DomainSettings, classes: Classes, since: Since) -> None:
        self._classes = classes
        self._since = since
        self._rules: list[tuple[Condition, EntryRule]] = [
            (
                parse_condition(
                    rule.when,
                    attributes=settings.contact_attributes,
                    numbers=settings.contact_numbers,
                ),
                rule,
            )
            for rule in settings.entry
        ]
        self._from_us = [from_us for from_us, _ in settings.utc_offsets]
        self._offsets_us = [offset_s * SECOND_US for _, offset_s in settings.utc_offsets]

    def decide(self, event: ContactArrived, leg_id: int, now_us: int) -> EnterQueue:
        """Return what the first rule decides that fits an arrival. Cost: O(rules).

        Raises:
            RefusalError: There are no rules, or the arrival's requirement cannot be read.
        """
        facts = self._facts(event, now_us)
        for condition, rule in self._rules:
            if condition.holds(facts):
                return self._order(rule, event, leg_id, now_us)
        raise RefusalError(Reason.NO_QUEUE, event.contact_id)

    def _order(
        self, rule: EntryRule, event: ContactArrived, leg_id: int, now_us: int
    ) -> EnterQueue:
        promised_us = event.promised_us
        if promised_us is None and rule.promise_us is not None:
            since_us = self._since(event, rule.queue, now_us)
            promised_us = self._classes.due_us(rule.queue, since_us, rule.promise_us)
        return EnterQueue(
            leg_id,
            event.contact_id,
            rule.name,
            rule.queue,
            rule.priority if event.priority is None else event.priority,
            self._classes.joined(rule.requirement, event.requirement),
            rule.prefers + event.prefers,
            promised_us,
            tuple(sorted(rule.context.items())),
        )

    def _facts(self, event: ContactArrived, now_us: int) -> Facts:
        place = bisect_right(self._from_us, now_us)
        local_us = now_us + (self._offsets_us[place - 1] if place else 0)
        days, time_us = divmod(local_us, DAY_US)
        weekday = (days + _EPOCH_WEEKDAY) % 7
        return Facts(event.channel, dict(event.attributes), weekday, time_us)


def resolved(event: ContactArrived, order: EnterQueue) -> ContactArrived:
    """Return an arrival that names no queue as its entry rule completed it."""
    attributes = event.attributes
    if order.context:
        given = {name for name, _ in order.context}
        kept = [pair for pair in attributes if pair[0] not in given]
        attributes = (*kept, *order.context)
    return replace(
        event,
        queue=order.queue,
        priority=order.priority,
        requirement=order.requirement,
        prefers=order.prefers,
        promised_us=order.promised_us,
        attributes=attributes,
    )


def entered(event: Event, actions: Sequence[Action]) -> Event:
    """Return an event whose arrivals all name their queues, those that entry rules chose included.

    For whoever folds a step. Contacts that come from other domains arrive, too. What was refused
    stays as it is.

    Args:
        event: What the router was told.
        actions: What it answered.
    """
    taken = {(one.origin, one.number): one.arrival for one in actions if type(one) is TakeIn}
    if taken:
        event = _taken_in(event, taken)
    orders = (action for action in actions if type(action) is EnterQueue)
    first = next(orders, None)
    if first is None:
        return event
    if not isinstance(event, Batch):
        assert isinstance(event, ContactArrived)
        return resolved(event, first)
    # Each arrival without a queue that was not refused has an order, and they stand alike.
    refused = {action.position for action in actions if type(action) is Refused}
    order: EnterQueue | None = first
    events: list[SingleEvent] = []
    for position, one in enumerate(event.events):
        if type(one) is ContactArrived and not one.queue and position not in refused:
            assert order is not None
            events.append(resolved(one, order))
            order = next(orders, None)
        else:
            events.append(one)
    return Batch(events=tuple(events))


def _taken_in(event: Event, taken: dict[tuple[DomainName, int], ContactArrived]) -> Event:
    """Return an event in which contacts arrive that were taken over; a repeat stays as it is."""
    if isinstance(event, Batch):
        return Batch(events=tuple(_taken_in_one(one, taken) for one in event.events))
    return _taken_in_one(event, taken)


def _taken_in_one(
    event: SingleEvent, taken: dict[tuple[DomainName, int], ContactArrived]
) -> SingleEvent:
    if type(event) is ContactTakenOver:
        return taken.pop((event.origin, event.number), event)
    return event

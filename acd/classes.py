"""Interning: which class a contact's leg belongs to.

The texts of an arrival are read once; legs with the same texts find their class by one look-up, and
texts that mean the same find the same class. A class without legs is forgotten when the table is
full, so that a long-lived router never runs out of classes.
"""

from collections.abc import Mapping
from typing import Final

from acd.agents import CHANNEL_INDEX
from acd.contacts import Leg
from acd.events import ContactArrived
from acd.ids import ID_MAX, QueueName, Reason
from acd.policies import splits_by_priority
from acd.queues import CLASSES_MAX, LegClass
from acd.settings import DomainSettings, QueueSettings
from acd.skills import Requirement, RequirementError, both, parse_requirement

_TEXTS_MAX: Final = 4 * CLASSES_MAX
"""Most remembered texts; a domain has a few spellings of each requirement."""

PREFERS_MAX: Final = 10
"""Most preferences of one contact: each skill a person can think of, once."""

_Texts = tuple[QueueName, str, str, tuple[str, ...], int | None]


class RefusalError(Exception):
    """The event cannot be. Args: the reason, and the id or name that is not right."""

    def __init__(self, reason: Reason, about: str) -> None:
        super().__init__(reason, about)
        self.reason = reason
        self.about = about if is_text(about) else ascii(about)[:ID_MAX]


def is_text(text: str) -> bool:
    """Return whether a text is at most `ID_MAX` characters that UTF-8 can write."""
    if len(text) > ID_MAX:
        return False
    return text.isascii() or not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


class Classes:
    """The classes of a domain."""

    def __init__(self, settings: DomainSettings) -> None:
        self._settings = settings
        self._queues: dict[QueueName, QueueSettings] = {one.name: one for one in settings.queues}
        self._skills = frozenset(settings.skills)
        self._attributes = settings.attributes
        self._split = splits_by_priority(settings.urgency)
        self._by_texts: dict[_Texts, LegClass] = {}
        self._by_meaning: dict[object, LegClass] = {}
        self._requires = {one.name: self._read(one.requires) for one in settings.queues}
        self._prefers = {
            one.name: tuple(self._read(text) for text in one.prefers) for one in settings.queues
        }
        self._free: list[int] = []

    def of(self, event: ContactArrived, legs: Mapping[int, Leg]) -> LegClass:
        """Return the class of an arrival; `legs` are the open ones, read only when all are taken.

        Raises:
            RefusalError: The queue, channel, requirement or priority of the arrival is not right.
        """
        texts: _Texts = (
            event.queue,
            event.channel,
            event.requirement,
            event.prefers,
            event.priority if self._split else None,
        )
        klass = self._by_texts.get(texts)
        if klass is None:
            klass = self._intern(event, legs)
            if len(self._by_texts) >= _TEXTS_MAX:
                self._by_texts.clear()
            self._by_texts[texts] = klass
        return klass

    def _intern(self, event: ContactArrived, legs: Mapping[int, Leg]) -> LegClass:
        queue = self._queues.get(event.queue)
        if queue is None:
            raise RefusalError(Reason.UNKNOWN_QUEUE, event.queue)
        if event.channel not in queue.channels:
            raise RefusalError(Reason.CHANNEL_NOT_SERVED, event.channel)
        if len(event.prefers) > PREFERS_MAX:
            raise RefusalError(Reason.TOO_LONG, "prefers")
        requirement = both(self._requires[queue.name], self._read(event.requirement))
        prefers = self._prefers[queue.name] + tuple(self._read(text) for text in event.prefers)
        priority = event.priority if event.priority is not None else (queue.priority or 0)
        meaning = (
            queue.name,
            event.channel,
            requirement,
            tuple(sorted(prefers, key=str)),
            priority if self._split else 0,
        )
        klass = self._by_meaning.get(meaning)
        if klass is None:
            klass = LegClass(
                number=self._number(legs),
                queue=queue,
                channel=event.channel,
                channel_index=CHANNEL_INDEX[event.channel],
                requirement=requirement,
                prefers=prefers,
                priority=priority,
            )
            self._by_meaning[meaning] = klass
        return klass

    def joined(self, one: str, other: str) -> str:
        """Return the requirement, as text, that two are met; either may be empty.

        Raises:
            RefusalError: One of them cannot be read.
        """
        if not one or not other:
            return one or other
        return str(both(self._read(one), self._read(other)))

    def _read(self, text: str) -> Requirement:
        try:
            return parse_requirement(text, skills=self._skills, attributes=self._attributes)
        except RequirementError as error:
            raise RefusalError(error.reason, error.seen) from error

    def _number(self, legs: Mapping[int, Leg]) -> int:
        """Return a number for a new class; forget classes without legs when all are taken."""
        if self._free:
            return self._free.pop()
        if len(self._by_meaning) < CLASSES_MAX:
            return len(self._by_meaning)
        used = {leg.klass.number for leg in legs.values()}
        kept = {key: one for key, one in self._by_meaning.items() if one.number in used}
        if len(kept) == len(self._by_meaning):
            raise RefusalError(Reason.TOO_MANY_CLASSES, str(CLASSES_MAX))
        self._free = sorted(set(range(CLASSES_MAX)) - used, reverse=True)
        self._by_meaning = kept
        self._by_texts.clear()
        return self._free.pop()


def promised_by(event: ContactArrived, klass: LegClass, arrived_us: int) -> int:
    """Return by when an answer was promised: to this contact, or by its queue; 0 for never."""
    if event.promised_us is not None:
        return event.promised_us
    promise_us = klass.queue.promise_us
    return arrived_us + promise_us if promise_us else 0

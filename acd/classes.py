"""Interning: which class a contact's leg belongs to.

The texts of an arrival are read once; legs with the same texts find their class by one look-up, and
texts that mean the same find the same class. A class without legs is forgotten when the table is
full, so that a long-lived router never runs out of classes.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from acd.agents import CHANNEL_INDEX
from acd.clocks import clocks_of
from acd.doors import Door
from acd.events import ContactArrived
from acd.gates import Gate
from acd.gauges import Backlog, Place
from acd.ids import ID_MAX, PRIORITY_MAX, Channel, QueueName, Reason
from acd.queues import CLASSES_MAX, LegClass
from acd.settings import DomainSettings, QueueSettings
from acd.skills import HasAttribute, Requirement, RequirementError, both, parse_requirement
from acd.urgency import numbers_of, splits_by_priority
from acd.widening import priority_at, required_at

_TEXTS_MAX: Final = 4 * CLASSES_MAX
"""Most remembered texts; a domain has a few spellings of each requirement."""

PREFERS_MAX: Final = 10
"""Most preferences of one contact: each skill a person can think of, once."""

_Texts = tuple[QueueName, str, str, tuple[str, ...], int | None, int, int, str]


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


def check_priority(priority: int) -> None:
    """Refuse a priority that is none.

    Raises:
        RefusalError: It is out of range.
    """
    if not -PRIORITY_MAX <= priority <= PRIORITY_MAX:
        raise RefusalError(Reason.BAD_NUMBER, "priority")


class Classes:
    """The classes of a domain.

    Args:
        settings: The domain's.
        backlogs: Where agents are in reserve: who waits, by queue and channel.
        doors: The queues that are not always open.
        gates: Where contacts overflow.
    """

    def __init__(
        self,
        settings: DomainSettings,
        backlogs: Mapping[Place, Backlog] = MappingProxyType({}),
        doors: Mapping[QueueName, Door] = MappingProxyType({}),
        gates: Mapping[Place, Gate] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._backlogs = backlogs
        self._doors = doors
        self._clocks = clocks_of(settings)
        self._gates = gates
        self._queues: dict[QueueName, QueueSettings] = {one.name: one for one in settings.queues}
        self._skills = frozenset(settings.skills)
        self._attributes = settings.attributes
        self._split = splits_by_priority(settings.urgency)
        self._numbers = numbers_of(settings)
        self._by_texts: dict[_Texts, LegClass] = {}
        self._by_meaning: dict[object, LegClass] = {}
        self._requires = {
            one.name: {text: self._read(text) for text in _texts(one)} for one in settings.queues
        }
        self._delays = _delays(settings)
        self._teams = {
            one.name: one.affinity.team
            for one in settings.queues
            if one.affinity is not None and one.affinity.team is not None
        }
        self._prefers = {
            one.name: tuple(self._read(text) for text in one.prefers) for one in settings.queues
        }
        self._free: list[int] = []
        self._used = 0
        """How many classes have legs."""
        self._given = 0
        """How many numbers were given."""
        self._limit = CLASSES_MAX
        """With more the table is looked through before a leg that is here gets another."""

    def of(
        self,
        event: ContactArrived,
        step: int = 0,
        opened: int = 0,
        *,
        shared: bool = False,
        refuses: bool = True,
    ) -> LegClass:
        """Return the class of an arrival's leg.

        Args:
            event: The arrival.
            step: How many routing steps the leg has behind it.
            opened: How many delays of its queue and channel.
            shared: Whether it is kept for its account team no longer.
            refuses: Whether the arrival may be refused; not when its leg is here already.

        Raises:
            RefusalError: The queue, channel, requirement or priority of the arrival is not right.
        """
        team = self._team_of(event) if self._teams and not shared else ""
        texts: _Texts = (
            event.queue,
            event.channel,
            event.requirement,
            event.prefers,
            event.priority if self._split else None,
            step,
            opened,
            team,
        )
        klass = self._by_texts.get(texts)
        if klass is None:
            klass = self._intern(event, step, opened, team, refuses=refuses)
            if len(self._by_texts) >= _TEXTS_MAX:
                self._by_texts.clear()
            self._by_texts[texts] = klass
        if refuses and not klass.legs and self._used >= CLASSES_MAX:
            raise RefusalError(Reason.TOO_MANY_CLASSES, str(CLASSES_MAX))
        return klass

    def last_stage(self, event: ContactArrived) -> tuple[int, int]:
        """Return how many steps and delays an arrival's queue and channel have."""
        queue = self._queues.get(event.queue)
        steps = queue.steps if queue is not None else ()
        return len(steps), len(self._delays.get((event.queue, event.channel), ()))

    def _team_of(self, event: ContactArrived) -> str:
        """Return the account team that an arrival names; empty for none that there is."""
        team = self._teams.get(event.queue)
        if team is None:
            return ""
        value = dict(event.attributes).get(team.contact, "")
        return value if value in self._attributes[team.agent] else ""

    def _intern(
        self, event: ContactArrived, step: int, opened: int, team: str, *, refuses: bool
    ) -> LegClass:
        queue = self._queues.get(event.queue)
        if queue is None:
            raise RefusalError(Reason.UNKNOWN_QUEUE, event.queue)
        if event.channel not in queue.channels:
            raise RefusalError(Reason.CHANNEL_NOT_SERVED, event.channel)
        if len(event.prefers) > PREFERS_MAX:
            raise RefusalError(Reason.TOO_LONG, "prefers")
        own = self._read(event.requirement)
        requirement = both(*required_at(step, queue, self._requires[queue.name], own))
        prefers = self._prefers[queue.name] + tuple(self._read(text) for text in event.prefers)
        meaning = (
            queue.name,
            event.channel,
            requirement,
            tuple(sorted(prefers, key=str)),
            priority_of(event, queue, step) if self._split else 0,
            step,
            opened,
            team,
        )
        klass = self._by_meaning.get(meaning)
        if klass is None:
            kept = self._teams[queue.name] if team else None
            klass = LegClass(
                number=self._number(refuses=refuses),
                queue=queue,
                channel=event.channel,
                channel_index=CHANNEL_INDEX[event.channel],
                requirement=requirement,
                prefers=prefers,
                numbers=self._numbers[queue.name, event.channel],
                delays=self._delays.get((queue.name, event.channel), ()),
                step=step,
                opened=opened,
                team=None if kept is None else HasAttribute(kept.agent, team),
                team_us=0 if kept is None else kept.limit_us,
                backlog=self._backlogs.get((queue.name, CHANNEL_INDEX[event.channel])),
                door=self._doors.get(queue.name),
                clock=self._clocks.get(queue.name),
                gate=self._gates.get((queue.name, CHANNEL_INDEX[event.channel])),
            )
            self._by_meaning[meaning] = klass
        return klass

    def due_us(self, queue: QueueName, since_us: int, span_us: int) -> int:
        """Return when a span ends that began at an instant, by the clock of a queue."""
        clock = self._clocks.get(queue)
        return since_us + span_us if clock is None else clock.after_us(since_us, span_us)

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

    def join(self, klass: LegClass) -> None:
        """Note that a leg stands in a class."""
        self._used += not klass.legs
        klass.legs += 1

    def leave(self, klass: LegClass) -> None:
        """Note that a leg stands in a class no longer."""
        klass.legs -= 1
        self._used -= not klass.legs

    def in_use(self) -> Iterable[LegClass]:
        """Return the classes in which legs stand. O(classes)."""
        return (klass for klass in self._by_meaning.values() if klass.legs)

    def forget_servers(self) -> None:
        """Forget who serves each class: kinds of agents came or went. O(classes)."""
        for klass in self._by_meaning.values():
            klass.served_by = klass.team_kinds = None

    def _number(self, *, refuses: bool) -> int:
        """Return a number for a new class; forget classes without legs when all are taken.

        A leg that is here already is never refused its next class; then there are more.
        """
        if len(self._by_meaning) >= (CLASSES_MAX if refuses else self._limit):
            kept = {key: one for key, one in self._by_meaning.items() if one.legs}
            used = {one.number for one in kept.values()}
            self._limit = max(CLASSES_MAX, 2 * len(kept))
            self._free = sorted(set(range(self._given)) - used, reverse=True)
            self._by_meaning = kept
            self._by_texts.clear()
        if self._free:
            return self._free.pop()
        self._given += 1
        return self._given - 1


def _texts(queue: QueueSettings) -> list[str]:
    """Return every requirement that a queue and its steps name."""
    return [queue.requires, *(one.requires for one in queue.steps if one.requires is not None)]


def _delays(settings: DomainSettings) -> dict[tuple[QueueName, Channel], tuple[int, ...]]:
    """Return the delays of profiles by queue and channel, each once, ascending."""
    found: dict[tuple[QueueName, Channel], set[int]] = {}
    for profile in settings.profiles:
        for line in profile.serves:
            for channel in line.channels:
                if line.delay_us:
                    found.setdefault((line.queue, channel), set()).add(line.delay_us)
    return {place: tuple(sorted(each)) for place, each in found.items()}


def priority_of(event: ContactArrived, queue: QueueSettings, step: int) -> int:
    """Return a contact's priority after so many steps: its own or its queue's, or raised."""
    own = event.priority if event.priority is not None else queue.priority
    return priority_at(step, queue.steps, own or 0) if step else own or 0


def promised_by(event: ContactArrived, klass: LegClass, arrived_us: int) -> int:
    """Return by when an answer was promised: to this contact, or by its queue; 0 for never."""
    if event.promised_us is not None:
        return event.promised_us
    promise_us = klass.queue.promise_us
    return klass.due_us(arrived_us, promise_us) if promise_us else 0

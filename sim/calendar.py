"""The calendar's entries: contacts, and whatever else happens at an instant.

SimPy is the calendar: entries with an instant, a priority and a callback. What is called off stays
in it and is recognised as void when its time comes (a tombstone), since taking it out costs O(n).
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeAlias

import simpy
from simpy.events import EventPriority

from acd.ids import ContactId
from sim.arrivals import Drawn
from sim.workload import Stream

Callbacks: TypeAlias = list[Callable[[Any], None]]

# Who goes first at one instant. Plain numbers, since they stand in the calendar's tuples, and since
# Python 3.11 takes 0.2 µs to look up a member of an Enum; so do the stages of a contact, below.
WAKE_UP: Final = EventPriority(0)
"""SimPy's URGENT: timers of the router."""
SHIFT: Final = EventPriority(1)
END: Final = EventPriority(2)
ANSWER: Final = EventPriority(3)
ARRIVAL: Final = EventPriority(4)
PATIENCE: Final = EventPriority(5)


class Stage(Enum):
    """Where a contact is, as the world sees it."""

    WAITING = "waiting"
    """In the queue or ringing."""
    TALKING = "talking"
    SET_ASIDE = "set aside"
    """Interrupted: what is left of its handling is frozen."""
    CALL_BACK = "call back"
    """In the queue or ringing, its customer being on the line no longer: he is called."""
    OVER = "over"


WAITING: Final = Stage.WAITING
TALKING: Final = Stage.TALKING
SET_ASIDE: Final = Stage.SET_ASIDE
CALL_BACK: Final = Stage.CALL_BACK
OVER: Final = Stage.OVER


class Contact(simpy.Event):
    """A contact's leg, and at the same time the calendar's entry of its end of service.

    One object for both saves an allocation a contact. The entry is used once: a contact whose end
    is put off ends by a `Timer`, and its own entry is void.
    """

    __slots__ = (
        "answered",
        "contact_id",
        "drawn",
        "ends_us",
        "handle_us",
        "leg",
        "offer_id",
        "stage",
        "stream",
    )

    _ok = True
    _value = None

    def __init__(self, contact_id: ContactId, stream: Stream, drawn: Drawn) -> None:
        self.contact_id = contact_id
        self.stream = stream
        self.drawn = drawn
        """The customer: what the workload said of him."""
        self.handle_us = drawn[3]
        self.leg = 1
        """Counted from 1; one more with each transfer."""
        self.answered = False
        """Whether an agent has had it: it may wait again, if he handed it back."""
        self.stage = WAITING
        self.offer_id = 0
        self.ends_us = 0


class Timer(simpy.Event):
    """An entry of the calendar: whose callback, and about what."""

    __slots__ = ("about",)

    _ok = True
    _value = None

    def __init__(self, callbacks: Callbacks, about: Any) -> None:  # noqa: ANN401
        self.callbacks = callbacks
        self.about = about

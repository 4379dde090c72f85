"""Acknowledgements: who wrote is told at once that it came, under what name, and when he will hear.

Whoever calls hears music and knows that he waits; whoever wrote knows nothing until he is answered.
Where queue and channel say so, the arrival of an email or web form orders one `Acknowledge`. What
is expected is what he was promised; without a promise the service objective, counted from when the
queue opens, or by the queue's clock.

The reference is made of the contact's id, so that nothing must be kept for it: twelve characters of
a digest, without those that are mistaken for others when read aloud. It is a name to be quoted, and
no secret: nothing is shown to whoever knows one. But nobody finds those of others by counting.

Source: RFC 3834 for what answers a letter by itself; D. Crockford's base 32.
"""

import hashlib
from typing import TYPE_CHECKING, Final

from acd.actions import Acknowledge
from acd.classes import promised_by
from acd.events import ContactArrived
from acd.ids import Channel, ContactId
from acd.opening import NEVER_US
from acd.settings import SECOND_US

if TYPE_CHECKING:
    from acd.queues import LegClass

WRITTEN: Final = frozenset({Channel.EMAIL, Channel.WEB_FORM})
"""Channels on which a customer does not see that he waits."""

REFERENCE_MAX: Final = 32
"""Longest text that is taken for a reference: twice one, for what people write between letters."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_CHARACTERS: Final = 12
"""Of 5 bits each: of a million contacts two share a reference once in two million times."""


def acknowledge(
    asked: ContactArrived, klass: "LegClass", arrived_us: int, now_us: int
) -> Acknowledge:
    """Return what a customer is told who wrote just now.

    Args:
        asked: The arrival, with its queue.
        klass: Of the leg in which it waits.
        arrived_us: From when it waits: before now where its customer regained his place.
        now_us: When it came.
    """
    due_us, door = promised_by(asked, klass, arrived_us), klass.door
    if not due_us and asked.promised_us is None:
        from_us = arrived_us
        runs = klass.clock is None  # Else it stands still by itself while the queue is closed.
        if runs and door is not None and door.is_shut and door.changes_us < NEVER_US:
            from_us = door.changes_us
        due_us = klass.due_us(from_us, klass.channel_settings.objective_us)
    expected_s = max(0, -((now_us - due_us) // SECOND_US))
    return Acknowledge(asked.contact_id, reference_of(asked.contact_id), expected_s)


def reference_of(contact_id: ContactId) -> str:
    """Return the name by which a customer may speak of his contact.

    >>> reference_of("c1"), reference_of("c2")
    ('HD8J-GY35-VMDE', 'V0EC-4ZQ7-Y19B')
    """
    digest = hashlib.sha256(f"acd reference\n{contact_id}".encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    letters = [_ALPHABET[number >> shift & 31] for shift in range(0, 5 * _CHARACTERS, 5)]
    return "-".join("".join(letters[place : place + 4]) for place in range(0, _CHARACTERS, 4))


def as_told(reference: str) -> str:
    """Return a reference as it was told, however it is written and whatever was misread.

    >>> as_told("hd8j gy35 vmde"), as_told("VOEC-4ZQ7-Yl9B")
    ('HD8J-GY35-VMDE', 'V0EC-4ZQ7-Y19B')
    """
    letters = reference.upper().translate(_READ_AS)
    return "-".join(letters[place : place + 4] for place in range(0, len(letters), 4))

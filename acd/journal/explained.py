"""`acd explain`: a journal is replayed, and each offer of one contact explained as it comes.

Recorded offers are applied, and before each of the contact's own the router is asked why. So the
explanation is of today's rules; where they would not have made the offer it says so.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from acd.actions import Action, CloseContact, HandOver, OfferContact, OverflowLeg
from acd.contacts import LegState
from acd.errors import CHOICES_MAX, CallerError, JournalError, did_you_mean, nearest, shown
from acd.events import Batch, CallbackScheduled, ContactArrived, Event
from acd.explanation import explain_offer, explain_wait
from acd.ids import ContactId
from acd.journal.durable import follow
from acd.journal.file import JournalFile
from acd.journal.records import Entry
from acd.journal.text import Journal, followed
from acd.router import Router
from acd.sentences import seconds, tell_hand_over, tell_offer, tell_overflow, tell_wait

Say: TypeAlias = Callable[[str], None]
"""Takes a line."""


def explain(journal: Journal, contact_id: ContactId, say: Say) -> None:
    """Say why each offer of a contact was made, and how it stands at the end of a journal.

    Raises:
        ConfigError: The settings have mistakes.
        JournalError: The journal cannot be read, no driver can have written it, or it has no such
            contact.
    """
    told = _Told(contact_id, say)
    line = 1
    router: Router | None = None
    for router, entry in followed(journal):
        line = entry.line
        try:
            told.step(router, entry.event, entry.actions, entry.now_us)
        except CallerError as error:
            raise JournalError(journal.file, line, str(error)) from error
    if router is None or not told.end(router):
        raise JournalError(journal.file, line, f"ends without {told.missing()}")


def explain_durable(path: Path, contact_id: ContactId, say: Say) -> None:
    """Say the same of the journal that a daemon kept. No daemon may have it open.

    Raises:
        InUseError: Another process has it open.
        StorageError: It cannot be read, or is damaged.
        JournalError: It has no such contact; the line is the number of its last entry.
    """
    told = _Told(contact_id, say)
    last = 0

    def take(router: Router, entry: Entry) -> bool:
        nonlocal last
        last = entry.number
        told.step(router, entry.event, entry.actions, entry.now_us)
        return True

    with closing(JournalFile.open(path)) as journal:
        followed = follow(journal, take, from_newest=False)
    if not told.end(followed.router):
        raise JournalError(str(path), last, f"ends without {told.missing()}")


class _Told:
    """What was seen of a contact."""

    def __init__(self, contact_id: ContactId, say: Say) -> None:
        self._contact_id = contact_id
        self._say = say
        self._others: set[str] = set()
        """Contacts that arrived, as far as a near name is looked for among them."""
        self._ended = ""
        """How it ended, if it did."""

    def step(self, router: Router, event: Event, actions: tuple[Action, ...], now_us: int) -> None:
        """Explain the offers of a step; bring the router behind it.

        Raises:
            CallerError: The step does not fit the router.
        """
        for action in actions:
            if isinstance(action, OfferContact) and action.contact_id == self._contact_id:
                number = action.offer_id
                why = explain_offer(router, event, actions, now_us=now_us, offer_id=number)
                self._say(f"{seconds(now_us)} {tell_offer(why)}")
            elif isinstance(action, OverflowLeg) and action.contact_id == self._contact_id:
                self._say(f"{seconds(now_us)} {tell_overflow(action)}")
            elif isinstance(action, HandOver) and action.arrival.contact_id == self._contact_id:
                self._say(f"{seconds(now_us)} {tell_hand_over(action)}")
            elif isinstance(action, CloseContact) and action.contact_id == self._contact_id:
                self._ended = f"{seconds(now_us)} {action.contact_id} ended: {action.outcome}"
        was_there = self._contact_id in router.contacts
        router.apply(event, actions, now_us=now_us)
        if was_there and self._contact_id not in router.contacts and not self._ended:
            self._ended = f"{seconds(now_us)} {self._contact_id} ended"  # It was not recorded how.
        for one in event.events if isinstance(event, Batch) else (event,):
            if len(self._others) > CHOICES_MAX:
                break
            if isinstance(one, ContactArrived | CallbackScheduled):
                self._others.add(one.contact_id)

    def end(self, router: Router) -> bool:
        """Say how the contact stands; return whether there is one."""
        contact = router.contacts.get(self._contact_id)
        if contact is None:
            if self._ended:
                self._say(self._ended)
            return bool(self._ended)
        now = seconds(router.now_us)
        for number in contact.legs:
            leg = router.legs[number]
            if leg.state in {LegState.QUEUED, LegState.HANDING_OVER, LegState.SCHEDULED}:
                self._say(f"{now} {tell_wait(explain_wait(router, number))}")
            else:
                state = LegState(leg.state).name.lower()
                self._say(f"{now} {self._contact_id} (leg {number}) is {state}")
        return True

    def missing(self) -> str:
        """Return that the contact is missing, and what may have been meant."""
        near = did_you_mean(nearest(self._contact_id, self._others))
        return f"a contact {shown(self._contact_id)}; wanted one that arrives in it{near}"

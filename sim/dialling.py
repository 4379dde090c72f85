"""What the simulated switch does for customers who are called back.

It plays them the offer and hears their keys, lets those go who are promised a callback, and dials
them when an agent has accepted. What each of them does says `sim.virtual_hold`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from acd.actions import Action, DialCustomer, GrantCallback, PlayTreatment
from acd.events import CallbackFailed, CustomerPressed, Event
from acd.ids import CallbackFailure, ContactId, OfferId
from sim.calendar import ANSWER, WAITING, Callbacks, Contact, Timer
from sim.virtual_hold import Reply, VirtualHold


class Dialling:
    """The orders about callbacks of one run.

    Args:
        hold: Who is to be called.
        waiting: Who waits on the line; those who are let go are taken out.
        ringing: Whose answer is awaited, by offer; whoever's offer is withdrawn is taken out.
        schedule: Puts an entry into the calendar: it, its priority, and in how many µs.
        tell: Steps the router, now.
        connect: Has a customer talk with an agent, now.
    """

    def __init__(
        self,
        hold: VirtualHold,
        *,
        waiting: dict[ContactId, Contact],
        ringing: dict[OfferId, Contact],
        schedule: Callable[..., None],
        tell: Callable[[Event], None],
        connect: Callable[[Contact, DialCustomer], None],
    ) -> None:
        self._hold = hold
        self._waiting = waiting
        self._ringing = ringing
        self._schedule = schedule
        self._tell = tell
        self._connect = connect
        # Lists made once: SimPy calls what an entry's list holds, and never changes the list.
        self._on_key: Callbacks = [self._press]
        self._on_reply: Callbacks = [self._reply]

    def duties(self) -> Mapping[type[Action], Callable[[Any, int], None]]:
        """Return what is to be done for each kind of action."""
        return {
            PlayTreatment: self._play,
            GrantCallback: self._let_go,
            DialCustomer: self._dial,
        }

    def _play(self, action: PlayTreatment, _now_us: int) -> None:
        contact = self._waiting.get(action.contact_id) if action.key else None
        if contact is not None and self._hold.accepts(contact):
            # Not within this step: a tick may be owed in the very instant.
            self._schedule(Timer(self._on_key, (contact, action.key)), ANSWER, 0)

    def _press(self, entry: Timer) -> None:
        contact, key = entry.about
        if contact.stage is WAITING and contact.offer_id not in self._ringing:
            self._tell(CustomerPressed(contact_id=contact.contact_id, digit=key))

    def _let_go(self, action: GrantCallback, _now_us: int) -> None:
        self._hold.begin(self._waiting.pop(action.contact_id), action.leg_id)

    def _dial(self, action: DialCustomer, _now_us: int) -> None:
        contact = self._hold.contact(action.contact_id)
        reply, after_us = self._hold.call(contact)
        if reply is not Reply.NO_ANSWER:  # Which the router finds out by itself.
            self._ringing[action.offer_id] = contact
            self._schedule(Timer(self._on_reply, (action, reply)), ANSWER, after_us)

    def _reply(self, entry: Timer) -> None:
        action, reply = entry.about
        contact = self._ringing.pop(action.offer_id, None)
        if contact is None:
            return
        if reply is Reply.ANSWER:
            self._connect(contact, action)
        else:
            self._tell(CallbackFailed(action.offer_id, CallbackFailure.BUSY))

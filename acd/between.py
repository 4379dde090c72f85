"""What the routers of two domains have to tell each other: actions of one, events of the other.

Whoever carries the letters may lose, repeat and delay them: see `acd.hand_overs`. Pure.
"""

from collections.abc import Sequence
from typing import NamedTuple

from acd import events as ev
from acd.actions import (
    AcceptTakeOver,
    Action,
    ConfirmHandOver,
    HandOver,
    Refused,
    WithdrawHandOver,
)
from acd.ids import DomainName


class Letter(NamedTuple):
    """What another domain shall be told."""

    to: DomainName
    event: ev.SingleEvent


def letters(own: DomainName, event: ev.Event, actions: Sequence[Action]) -> list[Letter]:
    """Return what a step has to tell other domains, in order.

    Args:
        own: The name of the domain whose router was stepped.
        event: What it was told.
        actions: What it answered.
    """
    found: list[Letter] = []
    for action in actions:
        match action:
            case HandOver():
                request = ev.TakeOverRequested(
                    origin=own,
                    number=action.number,
                    arrival=action.arrival,
                    arrived_us=action.arrived_us,
                    path=action.path,
                )
                found.append(Letter(action.domain, request))
            case ConfirmHandOver():
                found.append(Letter(action.domain, ev.ContactTakenOver(own, action.number)))
            case WithdrawHandOver():
                found.append(Letter(action.domain, ev.TakeOverWithdrawn(own, action.number)))
            case AcceptTakeOver():
                found.append(Letter(action.origin, ev.HandOverAccepted(own, action.number)))
            case Refused():
                asked = event
                if isinstance(event, ev.Batch):
                    asked = event.events[action.position]
                if isinstance(asked, ev.TakeOverRequested):
                    refused = ev.HandOverRefused(own, asked.number, action.reason)
                    found.append(Letter(asked.origin, refused))
            case _:
                pass
    return found

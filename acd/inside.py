"""Who is inside, for whoever folds events and actions: the open legs of each contact.

A contact's first leg has no number in the event that brings it, so it is known by its contact until
it closes; further legs are opened by an action that tells their numbers. The last leg's end is told
as its contact's. Whoever began to fold later than a leg did does not know that leg, and whatever is
said of it finds none.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeAlias, TypeVar

from acd.actions import Action, CallbackDue, CloseContact, CloseLeg, GrantCallback, OpenLeg
from acd.ids import ContactId, LegId

LegT = TypeVar("LegT")

LifeOfLeg: TypeAlias = OpenLeg | CloseLeg | CloseContact | GrantCallback | CallbackDue
"""Actions by which legs come and go, or wait no longer on the line."""

LIFE_OF_LEGS: Final = (OpenLeg, CloseLeg, CloseContact, GrantCallback, CallbackDue)


def lives_of_legs(actions: Iterable[Action]) -> list[LifeOfLeg]:
    """Return the actions by which legs come and go, or leave the line to be called, in order."""
    return [action for action in actions if isinstance(action, LIFE_OF_LEGS)]


def take_life_of(contact_id: ContactId, legs: list[LifeOfLeg]) -> list[LifeOfLeg]:
    """Take out, and return, a contact's actions up to that which closes it, which is among them.

    Args:
        contact_id: The contact, whose id came again in the same batch.
        legs: The batch's actions in order; those returned are taken out of it.
    """
    its = [at for at, action in enumerate(legs) if action.contact_id == contact_id]
    end = next(at for at in its if type(legs[at]) is CloseContact)
    taken = [legs[at] for at in its if at <= end]
    legs[: end + 1] = [one for one in legs[: end + 1] if one.contact_id != contact_id]
    return taken


class Inside(Generic[LegT]):
    """The open legs, as the folder of them sees a leg."""

    __slots__ = ("_further", "first")

    def __init__(self) -> None:
        self.first: dict[ContactId, LegT] = {}
        """The first legs that are open, by contact."""
        self._further: dict[ContactId, dict[LegId, LegT]] = {}
        """The others, oldest first."""

    def __contains__(self, contact_id: ContactId) -> bool:
        """Return whether a leg of a contact is known."""
        return contact_id in self.first or contact_id in self._further

    def __iter__(self) -> Iterator[LegT]:
        """Return the legs: all first ones, then the others."""
        yield from self.first.values()
        for further in self._further.values():
            yield from further.values()

    def open(self, contact_id: ContactId, leg_id: LegId, leg: LegT) -> None:
        """Let a contact have a further leg."""
        self._further.setdefault(contact_id, {})[leg_id] = leg

    def get(self, contact_id: ContactId, leg_id: LegId) -> LegT | None:
        """Return a leg by its contact and number; None if it is not known."""
        if self._further:
            leg = self._further.get(contact_id, {}).get(leg_id)
            if leg is not None:
                return leg
        return self.first.get(contact_id)

    def of(self, contact_id: ContactId) -> list[LegT]:
        """Return the known legs of a contact, oldest first."""
        first = self.first.get(contact_id)
        further = list(self._further.get(contact_id, {}).values())
        return further if first is None else [first, *further]

    def has_several(self, contact_id: ContactId) -> bool:
        """Return whether a contact has, or had, legs beyond the first."""
        return contact_id in self._further

    def close_leg(self, contact_id: ContactId, leg_id: LegId) -> LegT | None:
        """Forget one leg of a contact that has others, and return it; None if it is not known."""
        further = self._further.get(contact_id, {})
        if leg_id not in further:
            return self.first.pop(contact_id, None)
        leg = further.pop(leg_id)
        if not further:
            del self._further[contact_id]
        return leg

    def close_contact(self, contact_id: ContactId) -> LegT | None:
        """Forget a contact with its last leg, and return that; None if it is not known."""
        leg = self.first.pop(contact_id, None)
        if leg is None and self._further:
            for leg in self._further.pop(contact_id, {}).values():
                return leg
        return leg

"""Hand-overs between domains: what this one has asked of others, and what it has promised to them.

Domains share nothing but messages, which may be lost, repeated, delayed and may cross. So a contact
goes over in two phases, as a transaction does: the origin asks and offers the contact to nobody
meanwhile; the other domain promises to take it and offers it to nobody either; then the origin lets
go and says so. Whoever has promised asks until he knows what became of it, and the origin knows: it
remembers the hand-overs that it confirmed, and of any other says that it keeps the contact. The
origin alone decides, and it decides within its `answer_us`. So at no time may a contact be offered
in two domains; while an answer is on its way it may be in none.

Source: two-phase commit with presumed abort (C. Mohan, B. Lindsay, O. Obermarck: Transaction
management in the R* distributed database management system, ACM TODS 11, 1986). See
docs/routing/hand_over.md.
"""

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from acd.actions import (
    AcceptTakeOver,
    Action,
    ConfirmHandOver,
    HandOver,
    TakeIn,
    WithdrawHandOver,
)
from acd.classes import RefusalError
from acd.contacts import LEG_TABLE, Leg, LegSignal, LegState, Presence
from acd.events import TakeOverRequested
from acd.expiry import wait_again
from acd.ids import HOPS_MAX, ContactId, DomainName, HandOverId, Reason
from acd.other_domains import OtherDomain
from acd.settings import SECOND_US, DomainSettings
from acd.timers import Timer

if TYPE_CHECKING:
    from acd.floor import Floor

REMEMBERED_MAX: Final = 10_000
"""Most confirmed hand-overs remembered, of this domain to others and of each other one to this: at
one a second those of three hours, in which an answer has come or somebody has seen that none
does."""

PROMISED_MAX: Final = 10_000
"""Most contacts that are promised to other domains at once: a tenth of the largest line planned
for. They are promised for as long as it takes to hear from the origin, seconds as a rule."""

ASK_MAX_US: Final = 600 * SECOND_US
"""The longest interval between two questions what became of a promised contact."""

_DOUBLINGS_MAX: Final = 20

Key: TypeAlias = tuple[DomainName, HandOverId]
"""An origin and its number of a hand-over."""


class Asked(Struct, frozen=True, gc=False):
    """A hand-over of this domain that another has not answered yet."""

    leg_id: int
    domain: DomainName
    until_us: int


class Promised(Struct, gc=False):
    """A contact of another domain that this one would take."""

    request: TakeOverRequested
    ask_us: int
    """When the origin is asked again what became of it."""
    asked: int = 0
    """How often it was asked in vain."""
    is_gone: bool = False
    """Its customer left this domain, to which the contact may belong already."""


class Taken(Struct):
    """Which contacts of another domain were taken: each number once, for good."""

    forgotten: HandOverId | int = 0
    """Up to here the numbers are forgotten, and none is taken any more."""
    numbers: list[HandOverId] = []
    """Those above, ascending."""

    def has(self, number: HandOverId) -> bool:
        """Return whether a contact was taken, or is so old that it is not known."""
        place = bisect_left(self.numbers, number)
        is_known = place < len(self.numbers) and self.numbers[place] == number
        return is_known or number <= self.forgotten

    def add(self, number: HandOverId) -> None:
        """Note that a contact was taken."""
        insort(self.numbers, number)
        if len(self.numbers) > REMEMBERED_MAX:
            self.forgotten = self.numbers.pop(0)


class HandOversRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it, for a snapshot."""

    given: int = 0
    asked: tuple[tuple[HandOverId, Asked], ...] = ()
    confirmed: tuple[tuple[HandOverId, DomainName, ContactId], ...] = ()
    not_before: tuple[tuple[int, DomainName, int], ...] = ()
    """(leg, domain, instant)."""
    promised: tuple[Promised, ...] = ()
    taken: tuple[tuple[DomainName, int, tuple[HandOverId, ...]], ...] = ()


class HandOvers:
    """The hand-overs of a domain.

    Args:
        settings: The domain's.
        floor: Where its contacts are.
    """

    def __init__(self, settings: DomainSettings, floor: "Floor") -> None:
        self._floor = floor
        self._names: Final = tuple(one.name for one in settings.domains)
        self.domains: Final[dict[DomainName, OtherDomain]] = {
            one.name: one for one in settings.domains
        }
        self.given = 0
        """The last number given to a hand-over."""
        self.asked: dict[HandOverId, Asked] = {}
        self._number_of: dict[int, HandOverId] = {}
        """Of a leg that is being handed over."""
        self.confirmed: dict[HandOverId, tuple[DomainName, ContactId]] = {}
        """Those of this domain that are done, oldest first."""
        self._not_before: dict[int, dict[DomainName, int]] = {}
        """By leg: from when on a domain may be asked again that did not take it."""
        self.promised: dict[Key, Promised] = {}
        self._key_of: dict[ContactId, Key] = {}
        self.taken: dict[DomainName, Taken] = {}

    # This domain's contacts.

    def refusal(self, leg: Leg, domain: DomainName, now_us: int) -> Reason | None:
        """Return why a domain may not be asked to take a leg now, or None."""
        path = self._floor.contacts[leg.contact_id].path
        if domain in path:
            return Reason.ALREADY_THERE
        if len(path) >= HOPS_MAX:
            return Reason.TOO_MANY_DOMAINS
        return Reason.TOO_SOON if now_us < self.waits_us(leg, domain) else None

    def waits_us(self, leg: Leg, domain: DomainName) -> int:
        """Return until when a domain is not asked again to take a leg; 0 where it was not asked."""
        return self._not_before.get(leg.leg_id, {}).get(domain, 0)

    def ask(
        self,
        leg: Leg,
        domain: DomainName,
        now_us: int,
        orders: list[Action],
        *,
        queue: str = "",
        because: str = "",
    ) -> None:
        """Ask another domain to take a leg that is QUEUED, and offer it to nobody meanwhile.

        Args:
            leg: The leg, the only one of its contact that is open before its agent's wrap-up.
            domain: Which; one of `domains`.
            now_us: The instant.
            orders: Where `HandOver` goes.
            queue: Where it shall wait there; empty for the queue of the same name.
            because: An `OverflowCause`, where a rule says so.
        """
        floor = self._floor
        floor.matcher.remove(leg)
        leg.state = LEG_TABLE[leg.state][LegSignal.HANDED_OVER]
        self.given = number = self.given + 1
        until_us = now_us + self.domains[domain].answer_us
        self.asked[number] = Asked(leg.leg_id, domain, until_us)
        self._number_of[leg.leg_id] = number
        floor.timers.add(until_us, Timer.HAND_OVER, number)
        path = floor.contacts[leg.contact_id].path
        arrival = replace(leg.asked, queue=queue or leg.asked.queue, named_agent="")
        orders.append(
            HandOver(domain, number, leg.leg_id, arrival, leg.arrived_us, until_us, path, because)
        )

    def asked_for(self, leg: Leg) -> Asked | None:
        """Return what was asked for a leg; None if nothing is."""
        number = self._number_of.get(leg.leg_id)
        return None if number is None else self.asked[number]

    def accept(
        self, domain: DomainName, number: HandOverId, now_us: int, orders: list[Action]
    ) -> None:
        """Let go of a contact, or say once more what became of it. The number was given."""
        asked = self.asked.get(number)
        if asked is None or asked.domain != domain:
            known = self.confirmed.get(number)
            if known is not None and known[0] == domain:
                orders.append(ConfirmHandOver(domain, number, known[1]))
            else:
                orders.append(WithdrawHandOver(domain, number))
            return
        leg = self._floor.legs[asked.leg_id]
        contact_id = leg.contact_id
        self._end(number, asked)
        self.confirmed[number] = (domain, contact_id)
        if len(self.confirmed) > REMEMBERED_MAX:
            del self.confirmed[next(iter(self.confirmed))]
        orders.append(ConfirmHandOver(domain, number, contact_id))
        self._floor.contacts[contact_id].presence = Presence.GONE
        self._floor.give_up(leg, LEG_TABLE[leg.state][LegSignal.OVERFLOWED], now_us, orders)

    def refuse(
        self, domain: DomainName, number: HandOverId, now_us: int, orders: list[Action]
    ) -> None:
        """Let a leg wait on that the other domain does not want, if it still asks it."""
        asked = self.asked.get(number)
        if asked is not None and asked.domain == domain:
            self._keep(number, asked, now_us, orders)

    def time_out(self, number: HandOverId, now_us: int, orders: list[Action]) -> None:
        """Let a leg wait on for which no answer came in time."""
        asked = self.asked[number]
        orders.append(WithdrawHandOver(asked.domain, number))
        self._keep(number, asked, now_us, orders)

    def _keep(self, number: HandOverId, asked: Asked, now_us: int, orders: list[Action]) -> None:
        self._end(number, asked)
        instants = self._not_before.setdefault(asked.leg_id, {})
        instants[asked.domain] = now_us + self.domains[asked.domain].retry_us
        wait_again(self._floor, self._floor.legs[asked.leg_id], now_us, orders)

    def _end(self, number: HandOverId, asked: Asked) -> None:
        del self.asked[number]
        del self._number_of[asked.leg_id]

    def forget(self, leg: Leg, orders: list[Action]) -> None:
        """Forget a leg that is closed; whom it was being handed over to shall not take it."""
        self._not_before.pop(leg.leg_id, None)
        number = self._number_of.get(leg.leg_id)
        if number is not None:
            asked = self.asked[number]
            self._end(number, asked)
            orders.append(WithdrawHandOver(asked.domain, number))

    # Contacts of other domains.

    def expects(self, contact_id: ContactId) -> Promised | None:
        """Return the promise to take a contact; None if there is none."""
        key = self._key_of.get(contact_id)
        return None if key is None else self.promised[key]

    def promise(self, request: TakeOverRequested, now_us: int, orders: list[Action]) -> None:
        """Promise to take a contact, in place of an older promise to the same origin."""
        before = self.expects(request.arrival.contact_id)
        if before is not None:
            self.break_promise((before.request.origin, before.request.number))
        key = (request.origin, request.number)
        self.promised[key] = promised = Promised(request, 0)
        self._key_of[request.arrival.contact_id] = key
        self._ask_origin(promised, now_us, orders)

    def repeat(self, promised: Promised, orders: list[Action]) -> None:
        """Answer a repeated question as the first time."""
        request = promised.request
        orders.append(AcceptTakeOver(request.origin, request.number, request.arrival.contact_id))

    def ask_again(self, origin: int, number: HandOverId, now_us: int, orders: list[Action]) -> None:
        """Ask an origin, by its place in the settings, what became of a contact."""
        promised = self.promised[self._names[origin], number]
        promised.asked += 1
        self._ask_origin(promised, now_us, orders)

    def _ask_origin(self, promised: Promised, now_us: int, orders: list[Action]) -> None:
        request = promised.request
        answer_us = self.domains[request.origin].answer_us
        promised.ask_us = now_us + min(answer_us << min(promised.asked, _DOUBLINGS_MAX), ASK_MAX_US)
        self._await(promised)
        self.repeat(promised, orders)

    def _await(self, promised: Promised) -> None:
        request = promised.request
        origin = self._names.index(request.origin)
        self._floor.timers.add(promised.ask_us, Timer.TAKE_OVER, request.number, origin)

    def break_promise(self, key: Key) -> Promised | None:
        """Promise a contact no longer; return what was promised, if it was."""
        promised = self.promised.pop(key, None)
        if promised is not None:
            del self._key_of[promised.request.arrival.contact_id]
        return promised

    def take(self, key: Key, orders: list[Action]) -> Promised | None:
        """Note that a promised contact has come; return what was promised, if it was."""
        promised = self.break_promise(key)
        if promised is not None:
            origin, number = key
            self.taken.setdefault(origin, Taken()).add(number)
            orders.append(TakeIn(origin, number, promised.request.arrival))
        return promised

    def has_taken(self, key: Key) -> bool:
        """Return whether a contact was taken, or is so old that it is not known."""
        taken = self.taken.get(key[0])
        return taken is not None and taken.has(key[1])

    # Time, and snapshots.

    def awaits(self, timer: Timer, number: HandOverId, origin: int, at_us: int) -> bool:
        """Return whether an answer is awaited until an instant."""
        if timer is Timer.HAND_OVER:
            asked = self.asked.get(number)
            return asked is not None and asked.until_us == at_us
        promised = self.promised.get((self._names[origin], number))
        return promised is not None and promised.ask_us == at_us

    def record(self) -> HandOversRecord:
        """Return all of it; nothing in it changes any more."""
        return HandOversRecord(
            given=self.given,
            asked=tuple(self.asked.items()),
            confirmed=tuple((number, *known) for number, known in self.confirmed.items()),
            not_before=tuple(
                (leg_id, domain, at_us)
                for leg_id, instants in self._not_before.items()
                for domain, at_us in instants.items()
            ),
            promised=tuple(
                Promised(one.request, one.ask_us, one.asked, one.is_gone)
                for one in self.promised.values()
            ),
            taken=tuple(
                (origin, one.forgotten, tuple(one.numbers)) for origin, one in self.taken.items()
            ),
        )

    def put_back(self, record: HandOversRecord) -> None:
        """Go on with all of it.

        Raises:
            KeyError: There is no such leg.
            AssertionError: The leg is not being handed over.
            RefusalError: The settings lack a domain of which an answer is awaited, or what a
                promised contact asks for.
        """
        self.given = record.given
        for number, asked in record.asked:
            self._floor.timers.add(asked.until_us, Timer.HAND_OVER, number)
            self._check(asked.domain)
            assert self._floor.legs[asked.leg_id].state is LegState.HANDING_OVER
            self.asked[number] = asked
            self._number_of[asked.leg_id] = number
        for number, domain, contact_id in record.confirmed:
            self.confirmed[number] = (domain, contact_id)
        # A domain that the settings have no more is asked no more.
        refused = (one for one in record.not_before if one[1] in self.domains)
        for leg_id, domain, at_us in refused:
            self._not_before.setdefault(leg_id, {})[domain] = at_us
        for one in record.promised:
            request = one.request
            self._check(request.origin)
            key = (request.origin, request.number)
            self.promised[key] = promised = Promised(request, one.ask_us, one.asked, one.is_gone)
            self._key_of[request.arrival.contact_id] = key
            self._floor.stages.classes.of(request.arrival, refuses=False)
            self._await(promised)
        for origin, forgotten, numbers in record.taken:
            self.taken[origin] = Taken(forgotten, list(numbers))

    def _check(self, domain: DomainName) -> None:
        if domain not in self.domains:
            raise RefusalError(Reason.UNKNOWN_DOMAIN, domain)

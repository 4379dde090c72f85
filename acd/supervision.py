"""What the business and its supervisors decide about contacts that wait.

The router tells each to its handler here; `acd.floor` makes the moves.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from acd import events as ev
from acd.actions import Action, ReleaseCustomer
from acd.affinity import is_there
from acd.classes import RefusalError, check_priority
from acd.contacts import (
    LEG_TABLE,
    REFUSED,
    WHILE_PARTY_US,
    Contact,
    LegSignal,
    LegState,
    Presence,
    is_handled,
)
from acd.eligibility import eligible
from acd.floor import Floor, Handler
from acd.ids import ContactId, Reason
from acd.settings import DomainSettings
from acd.urgency import READS_PRIORITY


class Supervision:
    """The handlers of what supervisors decide.

    Args:
        settings: The domain's.
        floor: Where the contacts are.
    """

    def __init__(self, settings: DomainSettings, floor: Floor) -> None:
        self._floor = floor
        self._reads_priority = settings.urgency in READS_PRIORITY
        self.handlers: Mapping[type, Handler] = {
            ev.ContactCanceled: self._contact_canceled,
            ev.ContactReprioritized: self._contact_reprioritized,
            ev.ContactAssigned: self._contact_assigned,
        }

    def _contact(self, contact_id: ContactId) -> Contact:
        contact = self._floor.contacts.get(contact_id)
        if contact is None:
            raise RefusalError(Reason.UNKNOWN_CONTACT, contact_id)
        return contact

    def _contact_canceled(
        self, event: ev.ContactCanceled, now_us: int, orders: list[Action]
    ) -> None:
        floor = self._floor
        contact = self._contact(event.contact_id)
        legs = [floor.legs[number] for number in contact.legs]
        cells = [LEG_TABLE[leg.state][LegSignal.CANCELED] for leg in legs]
        if REFUSED in cells or LegState.CANCELED not in cells:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, event.contact_id)
        if contact.presence is not Presence.CALL_BACK:
            orders.append(ReleaseCustomer(event.contact_id))
        contact.presence = Presence.GONE
        for leg, after in zip(legs, cells, strict=True):
            if after == LegState.CANCELED:
                floor.give_up(leg, LegState.CANCELED, now_us, orders)

    def _contact_reprioritized(
        self, event: ev.ContactReprioritized, now_us: int, orders: list[Action]
    ) -> None:
        """Let the leg that waits stand elsewhere; one that rings stands nowhere until it is back.

        What a routing step raised stays raised, since `acd.widening` takes the higher of the two.
        """
        del now_us, orders
        floor, stages = self._floor, self._floor.stages
        contact = self._contact(event.contact_id)
        if not self._reads_priority:
            raise RefusalError(Reason.NO_PRIORITY, event.contact_id)
        check_priority(event.priority)
        legs = [leg for number in contact.legs if not is_handled(leg := floor.legs[number])]
        if not legs:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, event.contact_id)
        (leg,) = legs  # While one waits no other is opened.
        asked = replace(leg.asked, priority=event.priority)
        before = leg.klass
        shared = before.team is None
        klass = stages.classes.of(asked, before.step, before.opened, shared=shared)
        if leg.asked == contact.arrival:
            contact.arrival = asked
        waits = leg.state is LegState.QUEUED
        if waits:
            floor.matcher.remove(leg)
        stages.reorder(leg, asked, klass)
        if waits:
            floor.matcher.wait(leg)
        elif floor.wait_times is not None:
            floor.wait_times.know(klass)

    def _contact_assigned(
        self, event: ev.ContactAssigned, now_us: int, orders: list[Action]
    ) -> None:
        """Keep the leg that waits for an agent: he gets it as soon as he may take one."""
        del orders
        floor = self._floor
        contact = self._contact(event.contact_id)
        agent = floor.by_id.get(event.agent_id)
        if agent is None:
            raise RefusalError(Reason.UNKNOWN_AGENT, event.agent_id)
        legs = [floor.legs[number] for number in contact.legs]
        waiting = [leg for leg in legs if leg.state is LegState.QUEUED]
        if not waiting:
            raise RefusalError(Reason.NOT_IN_THIS_STATE, event.contact_id)
        (leg,) = waiting
        if not eligible(leg.klass, agent.kind):
            raise RefusalError(Reason.NOT_ELIGIBLE, event.agent_id)
        until_us = (leg.excluded or {}).get(agent.index)
        if until_us == WHILE_PARTY_US or not is_there(agent):
            raise RefusalError(Reason.NOT_IN_THIS_STATE, event.agent_id)
        if until_us is not None:
            floor.end_exclusion(leg, agent)
        floor.matcher.remove(leg)
        if leg.kept_for >= 0:
            floor.affinity.end(leg)
        floor.affinity.hand(leg, agent, now_us)
        floor.matcher.wait(leg)

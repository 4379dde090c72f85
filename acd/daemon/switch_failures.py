"""What an offer that failed at the switch is in the core. Pure."""

from typing import Final

from acd import events as ev
from acd.contacts import Offer, OfferState
from acd.ids import FailureCause
from acd.switch_protocol.words import CommandError, EventCause

EARLY_US: Final = 1_000_000
"""A phone that stops ringing by so much too early did it by itself."""

_FAILURES: Final = {
    EventCause.BUSY: FailureCause.BUSY,
    EventCause.NETWORK_CONGESTION: FailureCause.CONGESTION,
    EventCause.RESOURCES_NOT_AVAILABLE: FailureCause.CONGESTION,
    EventCause.DEST_NOT_OBTAINABLE: FailureCause.UNREACHABLE,
    EventCause.DEST_OUT_OF_ORDER: FailureCause.UNREACHABLE,
}
_RANG_OUT: Final = (EventCause.CALL_NOT_ANSWERED, EventCause.ALERT_TIME_EXPIRED)
_ERRORS: Final = {
    CommandError.DEVICE_BUSY: FailureCause.BUSY,
    CommandError.DEVICE_UNKNOWN: FailureCause.UNREACHABLE,
    CommandError.DEVICE_OUT_OF_SERVICE: FailureCause.UNREACHABLE,
    CommandError.OVERLOAD: FailureCause.CONGESTION,
}


def of_event(cause: EventCause, offer: Offer, now_us: int) -> ev.SingleEvent | None:
    """Return what an offer's end at the phone is; None where the lease's end says it.

    Args:
        cause: As the switch says.
        offer: The offer, which is open.
        now_us: When.
    """
    rang_out = cause in _RANG_OUT
    # What rang out at the switch rings out here, at the lease's end: that is the router's to
    # say, and what the agent is then follows from it. The switch's own time is the longer one,
    # so a phone that gives up well before that was told not to disturb.
    if rang_out and now_us >= offer.until_us - EARLY_US:
        return None
    is_refusal = rang_out or cause is EventCause.REJECTED
    if is_refusal and offer.state is OfferState.PENDING:
        return ev.OfferRejected(offer_id=offer.offer_id, reason="phone")
    return ev.OfferFailed(offer_id=offer.offer_id, cause=_FAILURES.get(cause, FailureCause.REFUSED))


def of_result(error: CommandError, offer: Offer) -> ev.SingleEvent | None:
    """Return what the switch's refusal of an open offer is; None where it changes nothing."""
    if offer.state is not OfferState.PENDING or error is CommandError.ALREADY_GIVEN:
        return None
    cause = _ERRORS.get(error, FailureCause.REFUSED)
    return ev.OfferFailed(offer_id=offer.offer_id, cause=cause)

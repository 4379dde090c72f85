"""Treatments and callbacks that cannot be, or that nobody would ever hear."""

import re
from typing import Final

from acd.errors import shown
from acd.ids import ID_MAX, Channel, Play
from acd.mistakes import Findings, KeyPath, seconds_text
from acd.settings import DAY_US, SECOND_US, QueueSettings
from acd.treatments import HEARD
from acd.waiting_settings import CallbackSettings, Treatment

TREATMENTS_MAX: Final = 20
"""Most treatments of a queue: more than anybody waits through."""

EVERY_MIN_US: Final = 5 * SECOND_US
"""Shortest time between two playings: shorter than this, one would cut the other short."""

ATTEMPTS_MAX: Final = 10
"""Most attempts to reach a customer: more would be pestering."""

SLOTS_MAX: Final = 100_000
"""Most callbacks agreed for one interval: the longest line planned for."""

INTERVAL_MIN_US: Final = 60 * SECOND_US

_NAME: Final = re.compile(r"[A-Za-z0-9/_-]*")
_KEYS: Final = "0123456789*#ABCD"


def report_waiting(
    found: Findings, path: KeyPath, queue: QueueSettings, *, estimated: bool
) -> None:
    """Report what is wrong with a queue's treatments and callbacks, and with kept places.

    Args:
        found: Where it is reported.
        path: The queue's.
        queue: The queue.
        estimated: Whether the domain has waits estimated.
    """
    if queue.resume_us is not None:
        found.span((*path, "resume_s"), queue.resume_us, zero=False)
    here = (*path, "treatments")
    if len(queue.treatments) > TREATMENTS_MAX:
        found.report(here, f"has {len(queue.treatments)} treatments", f"at most {TREATMENTS_MAX}")
    offers = [
        place for place, one in enumerate(queue.treatments) if one.play is Play.OFFER_CALLBACK
    ]
    for place in offers[1:]:
        wanted = f"one offer, that of [{offers[0]}], played again by its every_s"
        found.report((*here, place, "play"), "is a second offer_callback", wanted)
    for place, one in enumerate(queue.treatments):
        _report_one(found, (*here, place), one, queue)
        is_known = estimated or found.excused("domain", "estimated_wait")
        if one.play is Play.ANNOUNCE_WAIT and not is_known:
            wanted = "domain.estimated_wait = true, since that is what is announced"
            found.report((*here, place, "play"), f"is {one.play}", wanted)
    if queue.callbacks is not None:
        if Channel.VOICE not in queue.channels and not found.excused(*path, "voice"):
            found.report((*path, "callbacks"), "calls back who never called", "a queue with voice")
        _report_callbacks(found, (*path, "callbacks"), queue.callbacks)


def _report_one(found: Findings, here: KeyPath, one: Treatment, queue: QueueSettings) -> None:
    found.span((*here, "after_s"), one.after_us)
    if one.every_us is not None:
        found.span((*here, "every_s"), one.every_us, zero=False)
        if 0 < one.every_us < EVERY_MIN_US:
            wanted = f"at least {seconds_text(EVERY_MIN_US)}, or none"
            found.report((*here, "every_s"), f"is {seconds_text(one.every_us)}", wanted)
    heard_on = [channel for channel in HEARD if one.play in HEARD[channel]]
    is_heard = any(channel in queue.channels for channel in heard_on)
    if not is_heard and not any(found.excused(*here[:-2], name) for name in heard_on):
        wanted = f"a queue with {' or '.join(heard_on)}"
        found.report((*here, "play"), f"is {one.play}, which nobody would hear", wanted)
    if len(one.message) > ID_MAX:
        seen = f"has {len(one.message)} characters"
        found.report((*here, "message"), seen, f"at most {ID_MAX}")
    if not _NAME.fullmatch(one.message):
        wanted = "the name of a recording, of A-Z, a-z, 0-9, /, _ and -"
        found.report((*here, "message"), f"is {shown(one.message)}", wanted)
    if not one.message and one.play is not Play.ANNOUNCE_PLACE:
        found.empty((*here, "message"), f"the name of what is played, since play is {one.play}")
    if one.play is not Play.OFFER_CALLBACK:
        if one.key:
            found.report((*here, "key"), "is given", f"none, since play is {one.play}")
        return
    if one.key not in _KEYS or len(one.key) != 1:
        found.report((*here, "key"), f'is "{one.key[:ID_MAX]}"', f"one key of {_KEYS}")
    if queue.callbacks is None and not found.excused(*here[:-2], "callbacks"):
        found.report((*here, "play"), "offers what the queue lacks", "callbacks in the queue")


def _report_callbacks(found: Findings, here: KeyPath, rule: CallbackSettings) -> None:
    found.range((*here, "attempts"), rule.attempts, 1, ATTEMPTS_MAX)
    found.span((*here, "retry_s"), rule.retry_us, zero=False)
    found.span((*here, "dial_s"), rule.dial_us, zero=False)
    found.span((*here, "ahead_s"), rule.ahead_us, zero=False)
    if rule.slots is not None:
        found.range((*here, "slots"), rule.slots, 1, SLOTS_MAX)
    if not INTERVAL_MIN_US <= rule.interval_us <= DAY_US:
        wanted = f"from {seconds_text(INTERVAL_MIN_US)} to {seconds_text(DAY_US)}"
        found.report((*here, "interval_s"), f"is {seconds_text(rule.interval_us)}", wanted)

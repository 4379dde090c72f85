"""What a check says of what Asterisk answered: a verdict, and what is to be done. Pure."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from acd.errors import printable, shown
from acd.switch_protocol.ari.frames import Endpoint
from acd.switch_protocol.ari.releases import missing_repairs
from acd.switch_protocol.ari.session import VERSION_MIN, major

CHANNELVARS: Final = (
    *("ACD_DNIS", "ACD_ANI", "ACD_UUI", "ACD_DIGITS", "ACD_ENTRY", "ACD_SERVED", "ACD_CALL"),
    *("ACD_OFFER", "ACD_DEVICE", "ACD_PURPOSE", "ACD_HELD", "ACD_APP", "ACD_PATIENCE", "ACD_TAKEN"),
)
"""What the adapter reads of channels (see `channel_facts.py`)."""

WRITE_TIMEOUT_MS: Final = 5_000
"""What `websocket_write_timeout` should be at least (reference: switch protocols, 6)."""

NAMES_MAX: Final = 10
"""Most phones that are named in a line."""


class Verdict(StrEnum):
    """How a line begins."""

    OK = "ok"
    FAILED = "FAILED"
    """The daemon cannot work so, or calls would be lost."""
    HINT = "hint"
    """It works, but somebody should know; or it cannot be seen from here."""


class Finding(NamedTuple):
    """One line."""

    verdict: Verdict
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<6} {self.what}: {self.text}"


def version(name: str) -> list[Finding]:
    """Judge a release by its name."""
    number = major(name)
    if number is not None and number < VERSION_MIN:
        text = f"{shown(name)} is too old: wanted {VERSION_MIN} or later"
        return [Finding(Verdict.FAILED, "version", text)]
    found = [Finding(Verdict.OK, "version", f"Asterisk {printable(name)}")]
    if why := missing_repairs(name):
        text = f"{why}: update, unless your distribution has put them in"
        found.append(Finding(Verdict.HINT, "security", text))
    return found


def write_timeout(settings: Mapping[str, str]) -> Finding:
    """Judge after how long Asterisk cuts a link that does not read."""
    what = "write time-out"
    wanted = f"`websocket_write_timeout = {WRITE_TIMEOUT_MS}` in ari.conf, [general]"
    span = settings.get("websocket_write_timeout", "")
    if not span.isdigit():
        text = f"this Asterisk does not tell it: see that there is {wanted}"
        return Finding(Verdict.HINT, what, text)
    if int(span) < WRITE_TIMEOUT_MS:
        text = f"{span} ms, and a burst of calls may cut the daemon's link: set {wanted}"
        return Finding(Verdict.HINT, what, text)
    return Finding(Verdict.OK, what, f"{span} ms")


def channelvars(names: Collection[str] | None) -> Finding:
    """Judge which variables channels show; None where that is not known."""
    what = "channelvars"
    if names is None:
        text = "not checked, there is no channel to look at: give --test-call"
        return Finding(Verdict.HINT, what, text)
    missing = [name for name in CHANNELVARS if name not in names]
    if missing:
        text = f"without {', '.join(missing)}: add to `channelvars` in ari.conf, [general]"
        return Finding(Verdict.FAILED, what, text)
    return Finding(Verdict.OK, what, f"all {len(CHANNELVARS)}")


def devices(wanted: Sequence[str], endpoints: Sequence[Endpoint]) -> list[Finding]:
    """Judge whether phones are there.

    Args:
        wanted: How our agents' phones are dialled: "PJSIP/101".
        endpoints: All that there are.
    """
    what, found = "devices", []
    states = {f"{one.technology}/{one.resource}": one.state for one in endpoints}
    unknown = [one for one in wanted if one not in states]
    away = [one for one in wanted if states.get(one) == "offline"]
    if unknown:
        text = (
            f"{len(unknown)} of {len(wanted)} are no endpoints there, {_some(unknown)}:"
            " see `devices` and `endpoint` here, and pjsip.conf"
        )
        found.append(Finding(Verdict.FAILED, what, text))
    if away:
        text = f"{len(away)} of {len(wanted)} are not registered now, {_some(away)}"
        found.append(Finding(Verdict.HINT, what, text))
    return found or [Finding(Verdict.OK, what, f"{len(wanted)} known, none offline")]


def _some(names: Sequence[str]) -> str:
    """Return names for a line."""
    more = len(names) - NAMES_MAX
    return ", ".join(map(printable, names[:NAMES_MAX])) + (f" and {more} more" if more > 0 else "")

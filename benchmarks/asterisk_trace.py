"""Where the gap that `asterisk_gap` measures goes: the daemon, with six of its calls watched.

Started instead of `acd`, it is the same daemon; nothing of this is in the product. Each watched
call is written down with its time on the clock that the telephones also read. `parts` then cuts
each gap into:

    told       BYE at the phone → Asterisk's ChannelHangupRequest is read
    decided    → the fact is handed to the owner of the router
    begun      → the writer's thread begins to commit the decision
    durable    → it is on the disk
    heard      → its sinks are told
    asked      → the request that dials is written to the WebSocket
    rings      → INVITE at the phone

    python -m benchmarks.asterisk_trace FILE serve site.toml    # by asterisk_gap --trace
"""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

PARTS: Final = ("told", "decided", "begun", "durable", "heard", "asked", "rings")


class Seen(NamedTuple):
    """One watched call."""

    at_s: float
    what: str
    """hangup, fact, commit, durable, told or dial."""
    phone: str = ""


def watch(file: Path) -> None:
    """Put a note-taker around six calls, and keep the notes when the process ends."""
    from atexit import register  # noqa: PLC0415 - only in the daemon's process.

    from acd.daemon.owner import Owner  # noqa: PLC0415 - as above.
    from acd.daemon.switch_driver import SwitchDriver  # noqa: PLC0415 - as above.
    from acd.journal.file import JournalFile  # noqa: PLC0415 - as above.
    from acd.journal.mark import Mark  # noqa: PLC0415 - as above.
    from acd.switch_protocol.ari import codec  # noqa: PLC0415 - as above.
    from acd.switch_protocol.ari.transport import WebSocket  # noqa: PLC0415 - as above.

    seen: list[Seen] = []

    def note(what: str, phone: str = "") -> None:
        seen.append(Seen(time.monotonic(), what, phone))

    def hangup(data: bytes) -> None:
        if b'"ChannelHangupRequest"' in data and (name := _between(data, b'"PJSIP/', b"-")):
            note("hangup", name)

    def dial(_: object, frame: bytes) -> None:
        if b'"value":"PJSIP/' in frame:
            note("dial", _between(frame, b'"value":"PJSIP/', b'"'))

    _around(codec, "decode", hangup)
    _around(Owner, "submit", lambda *_, **__: note("fact"))
    _around(JournalFile, "commit", lambda *_: note("commit"))
    _around(Mark, "write", lambda *_: note("durable"))
    _around(SwitchDriver, "_committed", lambda *_: note("told"))
    _around(WebSocket, "send", dial)
    register(lambda: file.write_bytes(msgspec.json.encode(seen)))


def _around(holder: Any, name: str, note: Callable[..., None]) -> None:  # noqa: ANN401 - any of ours
    inner = getattr(holder, name)

    def outer(*args: Any, **given: Any) -> Any:  # noqa: ANN401 - as the inner one.
        note(*args, **given)
        return inner(*args, **given)

    setattr(holder, name, outer)


def _between(data: bytes, start: bytes, end: bytes) -> str:
    return data.partition(start)[2].partition(end)[0].decode()


def parts(file: Path, gaps: Iterable[tuple[str, float, float]]) -> dict[str, list[float]]:
    """Return how long each part of the gaps took, in ms, sorted.

    Args:
        file: The notes.
        gaps: Phone, BYE and INVITE, in seconds.
    """
    notes = msgspec.json.decode(file.read_bytes(), type=list[Seen])
    found: dict[str, list[float]] = {part: [] for part in PARTS}
    for phone, bye_s, invite_s in gaps:
        inside = [one for one in notes if bye_s <= one.at_s <= invite_s]
        mine = [one for one in inside if one.phone == phone]
        hung_up_s = min((one.at_s for one in mine if one.what == "hangup"), default=None)
        dialled_s = max((one.at_s for one in mine if one.what == "dial"), default=None)
        if hung_up_s is None or dialled_s is None:
            continue  # His agent's customer hung up first, or the trace began later.
        between = [one for one in inside if hung_up_s <= one.at_s <= dialled_s]
        fact_s = min((one.at_s for one in between if one.what == "fact"), default=hung_up_s)
        told_s = max((one.at_s for one in between if one.what == "told"), default=fact_s)
        written = [one for one in between if fact_s <= one.at_s <= told_s]
        commit_s = max((one.at_s for one in written if one.what == "commit"), default=fact_s)
        durable_s = max((one.at_s for one in written if one.what == "durable"), default=commit_s)
        times = (bye_s, hung_up_s, fact_s, commit_s, durable_s, told_s, dialled_s, invite_s)
        for part, begin_s, end_s in zip(PARTS, times, times[1:], strict=False):
            found[part].append((end_s - begin_s) * 1_000)
    return {part: sorted(values) for part, values in found.items()}


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    sys.argv[:2] = ["acd"]

    from acd.cli import main

    main()
